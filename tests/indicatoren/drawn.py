"""Drawn tables: input and outcome of an indicator as text that a domain expert can check by hand.

    gebiedscode | peiljaar | huishoudens | eenpersoonshuishoudens | status
    BU00140000  | 2023     | 200         | -                      | onbekend

A bare column is one of the indicator's own source, `bron.kolom` one of another source. `-` is a cell without a value: it gets the
status of its row, or of the column `<kolom>:status` where one is drawn. `geen rij` says that the source has no row at all.
`inwoners` and `klasse` are those of the area itself (1000 and 3 where they are not drawn).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest

from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.transforms import areas, chains, codes, indicators
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import Catalog, Indicator
from beeld.warehouse import build

Row = dict[str, str]
FIXED = ("gebiedscode", "peiljaar", "status", "inwoners", "klasse")
NO_ROW = "geen rij"


def read_table(text: str) -> list[Row]:
    """The rows of a drawn table, cells stripped; every row must have as many cells as the header."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    header, *body = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert all(len(cells) == len(header) for cells in body), f"a row does not fit the header {header}"
    return [dict(zip(header, cells, strict=True)) for cells in body]


@dataclass(frozen=True)
class Cells:
    """The drawn cells of one source: (gebiedscode, peiljaar) -> column -> (value, status)."""

    source: Source
    rows: Mapping[tuple[str, int], Mapping[str, tuple[float | None, str]]]

    @property
    def columns(self) -> list[str]:
        """Every column that is drawn for this source."""
        return sorted({name for cells in self.rows.values() for name in cells})

    @property
    def years(self) -> tuple[int, ...]:
        """Every drawn year."""
        return tuple(sorted({year for _, year in self.rows}))


def cells_of(rows: Sequence[Row], home: str, sources: Mapping[str, Source]) -> list[Cells]:
    """The drawn input per source."""
    found: dict[str, dict[tuple[str, int], dict[str, tuple[float | None, str]]]] = {}
    for row in rows:
        key = (row["gebiedscode"], int(row["peiljaar"]))
        for name, text in row.items():
            if name in FIXED or name.endswith(":status"):
                continue
            bron, _, column = name.rpartition(".")
            if text == NO_ROW:
                continue
            status = row.get(f"{name}:status") or row.get("status") or "ok"
            cell = (None, status) if text == "-" else (float(text), "ok")
            assert (cell[0] is None) == (cell[1] != "ok"), f"{key} {name}: a cell without a value needs a status"
            found.setdefault(bron or home, {}).setdefault(key, {})[column] = cell
    return [Cells(sources[bron], content) for bron, content in sorted(found.items())]


def staged_like(source: Source, table: Table, columns: Iterable[str], years: Sequence[int], rows: int = 1) -> Staged:
    """What staging would say of a delivery with these columns and years."""
    name = table.tabel
    snapshot = Snapshot(source.bron, name, "0" * 64, "2024-01-01T00:00:00", "", source.licentie, "", "", rows, (), Path())
    return Staged(source, table, snapshot, Layout("Regio", None, ("Regio",), {c: f"{c}_1" for c in columns}), tuple(years), rows)


def insert_basis(con: duckdb.DuckDBPyConnection, cells: Cells, division: int, names: Mapping[str, str]) -> Staged:
    """Put drawn cells into `basis.<bron>` as staging would."""
    source, table = cells.source, Table(tabel=f"GETEKEND_{cells.source.bron}", indeling_jaar=division)
    create_basis(con, source)
    for (code, year), drawn in cells.rows.items():
        values: list[object] = [table.tabel, code, names[code], year, division, False, False]
        for name, column in source.kolommen.items():
            value, status = drawn.get(name, (None, "niet_geleverd"))
            values += [None] if column.soort == "tekst" else [value, status]
        con.execute(f'insert into basis."{source.bron}" values ({", ".join("?" * len(values))})', values)
    return staged_like(source, table, cells.columns, cells.years, len(cells.rows))


def insert_areas(con: duckdb.DuckDBPyConnection, rows: Sequence[Row], division: int) -> dict[str, str]:
    """`gebied` with every drawn area, and an empty `werk.indeling`; returns the names."""
    con.execute("create schema if not exists werk")
    con.execute("create table werk.indeling (gebiedscode varchar, indeling_jaar integer, naam varchar, wijziging varchar)")
    chains.create_chains(con, division)
    people = {row["gebiedscode"]: row.get("inwoners", "1000") for row in rows}
    classes = {row["gebiedscode"]: row.get("klasse", "3") for row in rows}
    for code, inhabitants in people.items():
        con.execute(
            "insert into gebied values (?, ?, ?, ?, null, ?, ?, ?, ?, null, null)",
            [
                code,
                codes.kind(code),
                f"Gebied {code}",
                codes.gemeente_of(code),
                codes.wijk_of(code),
                division,
                int(inhabitants),
                int(classes[code]),
            ],
        )
    return {code: f"Gebied {code}" for code in people}


def open_database(project: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory build database with the public schema."""
    con = duckdb.connect()
    con.execute("set threads = 1")
    build.create_schema(con, project)
    return con


def compute(con: duckdb.DuckDBPyConnection, catalog: Catalog, name: str, rows: Sequence[Row]) -> None:
    """Fill `waarde` for one indicator from drawn rows, by the code that a release runs."""
    indicator = catalog.indicators[name]
    division = max(int(row["peiljaar"]) for row in rows)
    names = insert_areas(con, rows, division)
    staged = [insert_basis(con, cells, division, names) for cells in cells_of(rows, indicator.bron, catalog.sources)]
    for piece in staged:
        areas.link(con, piece.source, division)
    indicators.compute_values(con, replace(catalog, indicators={name: indicator}), staged)


def check(con: duckdb.DuckDBPyConnection, name: str, expected: Sequence[Row]) -> None:
    """Every drawn outcome is the computed one, and nothing else was computed for those areas."""
    for row in expected:
        found = con.execute(
            "select * from waarde where indicator = ? and gebiedscode = ? and peiljaar = coalesce(?, peiljaar)",
            [name, row["gebiedscode"], int(row["peiljaar"]) if "peiljaar" in row else None],
        ).df()
        assert len(found) == 1, f"{name} {row['gebiedscode']}: {len(found)} rows"
        for column, text in row.items():
            cell = found.iloc[0][column]
            if text == "-":
                assert cell is None or cell != cell, f"{name} {row['gebiedscode']} {column}: {cell} where nothing was expected"
            elif isinstance(cell, str):
                assert cell == text, f"{name} {row['gebiedscode']} {column}: {cell}"
            else:
                assert float(cell) == pytest.approx(float(text), abs=1e-9, rel=1e-9), f"{name} {row['gebiedscode']} {column}"


def example_row(indicator: Indicator) -> Row:
    """The `voorbeeld` of an indicator as one drawn row, without its outcome."""
    cells = {key: "-" if value is None else repr(value) for key, value in indicator.voorbeeld.items() if key != "waarde"}
    return {"gebiedscode": "BU00140000", "peiljaar": "2023", "status": "onbekend", **cells}
