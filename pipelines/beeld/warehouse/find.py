"""Find areas of the current release by code, part of a name, or most frequent postcode."""

from __future__ import annotations

import re
from contextlib import closing

from beeld.settings import Settings
from beeld.sources import archive, odata_v3, odata_v4_lists
from beeld.sources.declarations import load_sources
from beeld.transforms.codes import normalise
from beeld.warehouse.read import current_release, open_warehouse, warehouse_file

POSTCODE = re.compile(r"\d{4}")


def find_areas(settings: Settings, text: str) -> list[tuple[str, str, str, str]]:
    """Code, name, kind and gemeente of every area that matches, sorted by gemeente and code."""
    wanted = text.strip()
    codes = areas_with_postcode(settings, wanted) if POSTCODE.fullmatch(wanted) else []
    with closing(open_warehouse(warehouse_file(current_release(settings)))) as con:
        return con.execute(
            """select gebiedscode, naam, soort, coalesce(gemeentenaam, '') from gebied
            where gebiedscode = upper($text) or gebiedscode = $text
              or contains(strip_accents(lower(naam)), strip_accents(lower($text))) or list_contains($codes, gebiedscode)
            order by gemeentecode nulls first, gebiedscode""",
            {"text": wanted, "codes": codes},
        ).fetchall()


def areas_with_postcode(settings: Settings, postcode: str) -> list[str]:
    """Codes of the areas whose most frequent postcode this is, from the newest archived table that gives postcodes."""
    tables = [
        (table.indeling_jaar or 0, source, table)
        for source in load_sources(settings.project / "sources").values()
        if source.gebieden and "postcode" in source.kolommen
        for table in source.tabellen
    ]
    for _, source, table in sorted(tables, key=lambda item: -item[0]):
        snapshot = archive.current_snapshot(settings.raw, source.bron, table.tabel)
        if snapshot is None:
            continue
        if odata_v4_lists.delivers_v4(snapshot):
            layout = odata_v4_lists.read_layout(snapshot, source, table)
            if "postcode" not in layout.columns:
                continue
            cells = odata_v4_lists.cells(snapshot, source, table, "postcode", lambda _code: True, table.peiljaar)
            hits = [normalise(key[layout.region]) for _, key, text in cells if text == postcode]
            return [code for code in hits if code]
        layout = odata_v3.read_layout(snapshot, source, table)
        key = layout.columns.get("postcode")
        if key is None:
            continue
        rows = (row for page in odata_v3.read_rows(snapshot, odata_v3.data_set_of(snapshot)) for row in page)
        found = (normalise(str(row[layout.region])) for row in rows if str(row[key] or "").strip() == postcode)
        return [code for code in found if code]
    return []
