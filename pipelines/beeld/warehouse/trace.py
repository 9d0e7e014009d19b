"""From a published figure back to the source cells: the archived bytes, verified by their sha256."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from beeld.errors import Damaged, UsageError
from beeld.sources import archive, odata_v3, odata_v4_lists
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.transforms.catalog import Catalog
from beeld.transforms.codes import normalise
from beeld.transforms.formulas import Reference
from beeld.warehouse.read import open_warehouse, warehouse_file


@dataclass(frozen=True)
class SourceCell:
    """One cell as the source delivered it; `ruwe_tekst` without the padding of the wire, None when the row is not there."""

    bron: str
    tabel: str
    kolom: str
    rijsleutel: dict[str, str]
    ruwe_tekst: str | None
    gewijzigd: str
    snapshot_sha256: str
    url: str


@dataclass(frozen=True)
class Trace:
    """A published figure with everything that it was made from."""

    gebiedscode: str
    indicator: str
    peiljaar: int
    waarde: float | None
    status: str
    formule: str
    bronnen: tuple[SourceCell, ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of CONTRACT.md."""
        return asdict(self) | {"bronnen": [asdict(cell) for cell in self.bronnen]}


def trace(release: Path, raw: Path, catalog: Catalog, code: str, name: str, year: int | None) -> Trace:
    """The source cells of one figure. UsageError when there is no such figure; Damaged when the archive lacks the snapshot."""
    indicator = catalog.indicators.get(name)
    if indicator is None:
        raise UsageError(f"there is no indicator '{name}'", todo="See the column indicator of table indicator")
    with closing(open_warehouse(warehouse_file(release))) as con:
        row = con.execute(
            """select peiljaar, waarde, status from waarde
            where gebiedscode = ? and indicator = ?
              and peiljaar = coalesce(?, (select laatste_jaar from indicator as i where i.indicator = waarde.indicator))""",
            [code, name, year],
        ).fetchone()
        if row is None:
            raise UsageError(f"there is no figure {name} of {code}" + (f" in {year}" if year else ""), todo="See 'beeld find'")
        snapshots = _snapshots(con, raw)
    peiljaar, value, status = row
    references = [
        *indicator.parsed.references,
        *([indicator.weight] if indicator.weight and code.startswith("SG-") else []),
    ]
    codes = frozenset(next((union.buurten for union in catalog.unions if union.code == code), (code,)))
    cells = tuple(cell for reference in references for cell in _cells(catalog, snapshots, reference, codes, peiljaar))
    return Trace(code, name, peiljaar, value, status, indicator.formule, cells)


def _snapshots(con: duckdb.DuckDBPyConnection, raw: Path) -> dict[tuple[str, str], Snapshot]:
    found: dict[tuple[str, str], Snapshot] = {}
    for bron, tabel, sha256 in con.execute("select bron, tabel, sha256 from bron where sha256 is not null").fetchall():
        snapshot = archive.find_snapshot(raw / bron / tabel, sha256)
        if snapshot is None:
            raise Damaged(f"the archive lacks snapshot {sha256[:16]}", where=f"{bron} {tabel}", todo="Put the folder 'ruw' back")
        found[(bron, tabel)] = snapshot
    return found


def _cells(
    catalog: Catalog,
    snapshots: Mapping[tuple[str, str], Snapshot],
    reference: Reference,
    codes: Set[str],
    year: int,
) -> Iterator[SourceCell]:
    source = catalog.sources[reference.bron]
    for table in source.tabellen:
        snapshot = snapshots.get((source.bron, table.tabel))
        if snapshot is None:
            continue
        if odata_v4_lists.delivers_v4(snapshot):
            yield from _v4_cells(snapshot, source, table, reference.kolom, codes, year)
            continue
        layout = odata_v3.read_layout(snapshot, source, table)
        columns = [name for name in layout.sums.get(reference.kolom, (reference.kolom,)) if name in layout.columns]
        if layout.time is None and table.peiljaar != year:
            continue
        pinned = odata_v3.read_pinned(snapshot, source, layout)
        cells = [(name, *cell) for name in columns for cell in _rows(snapshot, pinned, name, layout, codes, year)]
        for name, key, text in cells:
            yield SourceCell(
                source.bron,
                table.tabel,
                layout.columns[name],
                key,
                text,
                snapshot.gewijzigd,
                snapshot.sha256,
                snapshot.url,
            )


def _v4_cells(snapshot: Snapshot, source: Source, table: Table, column: str, codes: Set[str], year: int) -> Iterator[SourceCell]:
    if table.peiljaar not in (None, year):
        return
    layout = odata_v4_lists.read_layout(snapshot, source, table)
    for name in layout.sums.get(column, (column,)):
        found = odata_v4_lists.cells(snapshot, source, table, name, lambda code: normalise(code) in codes, year)
        for measure, key, text in found:
            yield SourceCell(source.bron, table.tabel, measure, key, text, snapshot.gewijzigd, snapshot.sha256, snapshot.url)


def _rows(
    snapshot: Snapshot, source: Source, column: str, layout: Layout, codes: Set[str], year: int
) -> Iterator[tuple[dict[str, str], str | None]]:
    selection = {**source.dimensies, **source.kolommen[column].dimensies}
    for rows in odata_v3.read_rows(snapshot, odata_v3.data_set_of(snapshot)):
        for row in rows:
            if normalise(str(row[layout.region])) not in codes:
                continue
            if layout.time is not None and str(row[layout.time]).strip() != f"{year}JJ00":
                continue
            if all(str(row[dimension]).strip() == member for dimension, member in selection.items()):
                cell = row[layout.columns[column]]
                key = {dimension: str(row[dimension]).strip() for dimension in layout.dimensions}
                yield key, None if cell is None else str(cell).strip()
