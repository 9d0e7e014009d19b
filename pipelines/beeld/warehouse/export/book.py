"""What a release says about itself: tables, columns, keys, figures and sources, read from the release and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from beeld.sources.sql import quoted
from beeld.warehouse.build import PUBLIC_TABLES
from beeld.warehouse.release import ORDER

VIEWS: Mapping[str, str] = {"laatste_waarde": "gebiedscode, indicator", "profiel": "gebiedscode"}
"""The views that are exported too, with their keys."""
EXAMPLE = "verzonnen voorbeeld"
WARNING = "Verzonnen voorbeeld. De cijfers gaan niet over een echt gebied."

POINTS_AT: Mapping[str, Mapping[str, str]] = {
    "gebied": {
        "gebiedscode": "waarde laatste_waarde profiel thema_score signaal opvallend integraal gevoeligheid buur cluster "
        "doelgroep trend lijstvergelijking",
        "buurcode": "buur",
        "gemeentecode": "doelgroep_buiten",
    },
    "indicator": {"indicator": "waarde laatste_waarde opvallend gevoeligheid trend weigering lijstvergelijking"},
    "lijst": {"lijst": "lijstvergelijking"},
}
"""Table -> column -> the tables whose column of that name is a key of it (DuckDB does not keep these; a test holds them)."""
WORDS_IN = re.compile(r"\bIN \(([^()]*)\)")


@dataclass(frozen=True)
class Column:
    """A column: `kind` is its type in DuckDB; `allowed` the words that it may hold, when there is a closed list."""

    name: str
    kind: str
    text: str
    required: bool
    title: str = ""
    unit: str = ""
    year: int | None = None
    allowed: tuple[str, ...] = ()
    points_at: str = ""

    @property
    def points_at_key(self) -> str:
        """The column of that table that this one points at: every table that is pointed at has a key of one column."""
        return ORDER[self.points_at]


@dataclass(frozen=True)
class Table:
    """A public table or view, with the number of its rows."""

    name: str
    text: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: int
    view: bool

    @property
    def order(self) -> str:
        """The total order of its rows, for an `order by` with the table as `t`; empty where the rows already stand in it."""
        return f" order by {', '.join(f't.{quoted(name)}' for name in self.key)}" if self.view else ""


@dataclass(frozen=True)
class Figure:
    """An indicator, as the release describes it."""

    indicator: str
    titel: str
    uitleg: str
    thema: str
    rol: str
    soort: str
    eenheid: str
    bron: str
    gebruik: Sequence[str]
    formule: str
    laatste_jaar: int | None


@dataclass(frozen=True)
class Origin:
    """A table of a source."""

    bron: str
    tabel: str
    titel: str
    uitgever: str
    licentie: str
    url: str
    gewijzigd: str
    status: str


@dataclass(frozen=True)
class Book:
    """Everything that an export says about a release."""

    release: str
    made_on: str
    method: str
    code: str
    example: bool
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]
    origins: tuple[Origin, ...]

    def table(self, name: str) -> Table:
        """The table of that name."""
        return next(table for table in self.tables if table.name == name)

    @property
    def edition(self) -> str:
        """The release, and that it is invented if it is."""
        return f"{self.release} ({EXAMPLE})" if self.example else self.release


def read_book(con: duckdb.DuckDBPyConnection, database: str) -> Book:
    """The book of the release that is attached as `database` and in use."""
    (release,) = con.execute(
        "select release, gemaakt_op::varchar, methode_versie, code_versie, voorbeeld from release"
    ).fetchall()
    described = con.execute(
        "select indicator, titel, uitleg, thema, rol, soort, eenheid, bron, gebruik, formule, laatste_jaar "
        "from indicator order by indicator"
    ).fetchall()
    figures = tuple(Figure(*row) for row in described)
    origins = con.execute(
        "select bron, tabel, titel, uitgever, licentie, url, coalesce(gewijzigd::varchar, ''), status from bron "
        "order by bron, tabel"
    ).fetchall()
    name, made_on, method, code, example = release
    tables = _tables(con, database, figures)
    return Book(name, made_on, method, code, example, tables, figures, tuple(Origin(*row) for row in origins))


def _tables(con: duckdb.DuckDBPyConnection, database: str, figures: Sequence[Figure]) -> tuple[Table, ...]:
    texts: dict[str, str] = dict(
        con.execute(
            "select table_name, comment from duckdb_tables() where database_name = $1 "
            "union all select view_name, comment from duckdb_views() where database_name = $1 and not internal",
            [database],
        ).fetchall()
    )
    columns = _columns(con, database)
    closed = _closed_lists(con, database)
    known: dict[str, Column] = {}
    found: list[Table] = []
    for name in (*PUBLIC_TABLES, *VIEWS):
        if name not in texts:  # a release of an earlier version
            continue
        keys = tuple((VIEWS.get(name) or ORDER[name]).split(", "))
        own = [_column(name, row, keys, closed, figures, known) for row in columns[name]]
        known |= {} if name in VIEWS else {f"{name}.{column.name}": column for column in own}
        row = con.execute(f"select count(*) from {quoted(name)}").fetchone()
        found.append(Table(name, texts[name] or "", tuple(own), keys, row[0] if row else 0, name in VIEWS))
    return tuple(found)


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[tuple[Any, ...]]]:
    rows = con.execute(
        "select table_name, column_name, data_type, coalesce(comment, ''), not is_nullable from duckdb_columns() "
        "where database_name = ? and not internal order by table_name, column_index",
        [database],
    ).fetchall()
    found: dict[str, list[tuple[Any, ...]]] = {}
    for table, *rest in rows:
        found.setdefault(table, []).append(tuple(rest))
    return found


def _closed_lists(con: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """The words that a CHECK allows in a column."""
    rows = con.execute(
        "select table_name, constraint_column_names[1], constraint_text from duckdb_constraints() "
        "where database_name = ? and constraint_type = 'CHECK' and len(constraint_column_names) = 1",
        [database],
    ).fetchall()
    return {
        (table, column): tuple(re.findall(r"'([^']*)'", match[1]))
        for table, column, text in rows
        if (match := WORDS_IN.search(text)) is not None
    }


def _column(
    table: str,
    row: tuple[Any, ...],
    keys: Sequence[str],
    closed: Mapping[tuple[str, str], tuple[str, ...]],
    figures: Sequence[Figure],
    known: Mapping[str, Column],
) -> Column:
    name, kind, text, required = row
    target = next((to for to, columns in POINTS_AT.items() if table in columns.get(name, "").split()), "")
    if table not in VIEWS:
        return Column(name, kind, text, required or name in keys, allowed=closed.get((table, name), ()), points_at=target)
    figure = next((each for each in figures if each.indicator == name), None) if table == "profiel" else None
    if figure is not None:
        return Column(name, kind, figure.uitleg, False, figure.titel, figure.eenheid, figure.laatste_jaar)
    homes = ("waarde",) if table == "laatste_waarde" else ("gebied", "integraal")
    same = next(known[f"{home}.{name}"] for home in homes if f"{home}.{name}" in known)
    required = name in keys or (same.required and homes[0] != "gebied") or name in ("soort", "naam")
    return Column(name, kind, same.text, required, allowed=same.allowed, points_at=target)
