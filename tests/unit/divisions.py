"""Drawn divisions: year -> code -> (name, flag), as `basis` would have them, and what `areas.link` makes of them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from beeld.sources.declarations import Source, Table
from beeld.transforms import areas
from beeld.transforms.basis import create_basis
from tests.indicatoren import drawn

UNTESTED = "grens niet getoetst"
Division = Mapping[str, tuple[str, str | None]]
"""Code -> (name, flag)."""


def kwb(*tables: Table) -> Source:
    """A source that defines areas."""
    topic = [{"naam": "X"}]
    return Source.model_validate(
        {
            "bron": "kwb",
            "titel": "K",
            "uitgever": "CBS",
            "licentie": "CC BY 4.0",
            "protocol": "odata_v3",
            "dienst": "cbs",
            "gebieden": True,
            "kolommen": {
                "aantal_inwoners": {"onderwerpen": topic},
                "stedelijkheid": {"onderwerpen": topic},
                "indelingswijziging": {"soort": "tekst", "onderwerpen": topic},
                "gemeentenaam": {"soort": "tekst", "onderwerpen": topic},
            },
            "tabellen": [table.model_dump() for table in tables],
        }
    )


def build(con: duckdb.DuckDBPyConnection, divisions: Mapping[int, Division]) -> tuple[Source, int]:
    """`basis.kwb`, `gebied` and `gebied_historie` from divisions: year -> code -> (name, flag)."""
    tables = {year: Table(tabel=f"KWB{year}", peiljaar=year, indeling_jaar=year) for year in divisions}
    source = kwb(*tables.values())
    create_basis(con, source)
    for year, division in divisions.items():
        for code, (name, flag) in division.items():
            con.execute(
                """insert into basis.kwb (tabel, gebiedscode, naam, peiljaar, indeling_jaar, voorlopig, getypeerd,
                  aantal_inwoners, aantal_inwoners_status, stedelijkheid, stedelijkheid_status, indelingswijziging, gemeentenaam)
                values (?, ?, ?, ?, ?, false, true, ?, 'ok', 3, 'ok', ?, 'Gemeente')""",
                [tables[year].tabel, code, name, year, year, float(year), flag],
            )
    staged = [drawn.staged_like(source, table, source.kolommen, (year,)) for year, table in tables.items()]
    return source, areas.create_areas(con, source, staged)


def linked(
    con: duckdb.DuckDBPyConnection, source: Source, newest: int, year: int
) -> dict[str, tuple[bool, str | None, str | None]]:
    """gebiedscode -> (aanwezig, kanttekening, reden) of one peiljaar."""
    areas.link(con, source, newest)
    rows = con.execute(
        f"""select gebiedscode, aanwezig, kanttekening, reden, aantal_inwoners from werk."{source.bron}"
        where peiljaar = ? order by gebiedscode""",
        [year],
    ).fetchall()
    for _, present, _, reason, value in rows:
        assert present == (value is not None) == (reason is None), "a figure or a reason, never both and never neither"
    return {code: (present, note, reason) for code, present, note, reason, _ in rows}
