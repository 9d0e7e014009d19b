"""From archived records (attributes of features, CSV rows, answers of portals) to `basis.<bron>`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import duckdb

from beeld.errors import SourceChanged
from beeld.sources import web
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.http import safe
from beeld.sources.records import Cells, cells, fields_of, places
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.basis import Parsed, Step, register_names
from beeld.transforms.codes import kind, normalise

VALID_SHARE = 0.995
"""Share of region codes that must be codes (RELIABILITY.md F32)."""


@contextmanager
def parsed(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, _year_from: int) -> Generator[Step]:
    """One snapshot, parsed, while the block runs.

    Raises SourceChanged when codes are not codes or of another kind than declared, when an area and year stand twice, or when a
    cell is neither a figure nor a declared sign.
    """
    where = f"{source.bron} {table.tabel}"
    records, units = web.read(source, table, snapshot)
    where_is = places(source, table, records, units, where)
    found = cells(source, table, records, where_is, where)
    rows = _with_codes(found, table, where)
    _create_piece(con, source, found, rows)
    register_names(con, {code: found.name[row] or code for row, code in rows.items()})
    layout = Layout(where_is.region, where_is.year, (), where_is.columns)
    typed = not fields_of(source).tekens  # without declared signs an empty cell does not tell why it is empty
    columns = {0: tuple(where_is.columns)}
    yield Parsed(source, table, where_is.columns, columns, typed=typed, empty="onbekend"), layout


def _with_codes(found: Cells, table: Table, where: str) -> dict[int, str]:
    """Row number -> canonical code, for rows that have one."""
    rows = {row: code for row, text in enumerate(found.region) if (code := normalise(text))}
    refused = len(found.region) - len(rows)
    if refused > len(found.region) * (1 - VALID_SHARE):
        example = next(text for row, text in enumerate(found.region) if row not in rows)
        raise SourceChanged(
            f"{refused} of {len(found.region)} records have no known region code ('{safe(example)}')", where=where
        )
    if table.soort is not None:
        wrong = next((code for code in rows.values() if kind(code) not in (table.soort, "land")), None)
        if wrong:
            raise SourceChanged(f"delivers {wrong}, which is no {table.soort}", where=where)
    seen: set[tuple[str, int]] = set()
    for row, code in rows.items():
        if (code, found.year[row]) in seen:
            raise SourceChanged(f"delivers {code} {found.year[row]} more than once", where=where)
        seen.add((code, found.year[row]))
    return rows


def _create_piece(con: duckdb.DuckDBPyConnection, source: Source, found: Cells, rows: dict[int, str]) -> None:
    """Temp table `stuk_0`: gebiedscode, peiljaar and per column its value and status."""
    columns: dict[str, tuple[Kind, list[object]]] = {
        "gebiedscode": ("text", list(rows.values())),
        "peiljaar": ("integer", [found.year[row] for row in rows]),
    }
    for name, values in found.values.items():
        text = source.kolommen[name].soort == "tekst"
        columns[name] = ("text" if text else "double", [values[row] for row in rows])
        if not text:
            columns[f"{name}_status"] = ("text", [found.statuses[name][row] for row in rows])
    with registered(con, "ruw_stuk", columns):
        con.execute("create or replace temp table stuk_0 as select * from ruw_stuk")
