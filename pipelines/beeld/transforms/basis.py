"""`basis.<bron>`: one tidy table per source, whatever the protocol: one row per gebied and peiljaar, one status per cell.

    basis.<bron>: tabel, gebiedscode, naam, peiljaar, indeling_jaar, voorlopig, getypeerd, then per declared column
                  getal: <kolom> DOUBLE and <kolom>_status basis.status;  tekst: <kolom> VARCHAR

A parser (`staging.PARSERS`) reads an archived delivery into temp tables or views `stuk_0`, `stuk_1`, ... with gebiedscode,
peiljaar and those columns; what every source shares from there on stands here.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from beeld.errors import SourceChanged
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.sql import literal
from beeld.transforms.arrow import Rows, texts

STATUSES = ("ok", "geheim", "te_klein", "onbekend", "niet_geleverd", "geen_noemer", "niet_van_toepassing")
"""What a cell can be (CONTRACT.md): the values of the type `basis.status`, which takes one byte where text takes sixteen."""
MISSING = "'niet_geleverd'::basis.status"
MEMORY = "256MB"
"""What DuckDB may use to parse one delivery: it joins and sorts 435,000 rows of 21 columns; in 64 MB not even 187,000."""


@dataclass(frozen=True)
class Staged:
    """What one snapshot added to `basis.<bron>`: its layout, the years it holds and the number of rows."""

    source: Source
    table: Table
    snapshot: Snapshot
    layout: Layout
    years: tuple[int, ...]
    rows: int


@dataclass(frozen=True)
class Parsed:
    """A delivery that a stager parsed into `stuk_0` up to `pieces`; `append` adds it, `rows_sql` is what it adds.

    `present` are the declared columns that it has and `empty` the status of an empty cell under its protocol; `typed` says that a
    null does not tell its kind. `provisional` are its years that are not final. `lasting` is given for rows that need no more
    than to be read, always in the same order, with the names of their areas: the query of `stuk_0` over a file that may be kept.
    """

    source: Source
    table: Table
    present: Collection[str]
    pieces: Mapping[int, Sequence[str]]
    """Number of a piece -> its columns."""
    typed: bool
    empty: str
    provisional: Sequence[int] = ()
    lasting: str | None = None

    @property
    def where(self) -> str:
        """How messages name the table."""
        return f"{self.source.bron} {self.table.tabel}"


Step = tuple[Parsed, Layout]
"""What a parser yields while its `stuk_0`, `stuk_1`, ... exist."""


def create_basis(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """An empty `basis.<bron>` for a source."""
    fixed = "tabel varchar, gebiedscode varchar, naam varchar, peiljaar integer, indeling_jaar integer, " + (
        "voorlopig boolean, getypeerd boolean"
    )
    columns = "".join(
        f', "{name}" varchar' if column.soort == "tekst" else f', "{name}" double, "{name}_status" basis.status'
        for name, column in source.kolommen.items()
    )
    create_status(con)
    con.execute(f'create or replace table basis."{source.bron}" ({fixed}{columns})')


def create_status(con: duckdb.DuckDBPyConnection) -> None:
    """The schema `basis` with its type `basis.status`, unless they exist."""
    con.execute("create schema if not exists basis")
    con.execute(f"create type if not exists basis.status as enum ({', '.join(repr(status) for status in STATUSES)})")


def register_names(con: duckdb.DuckDBPyConnection, titles: Mapping[str, str]) -> None:
    """Temp table `namen` (gebiedscode, naam), which `append` joins."""
    with TemporaryDirectory(prefix="beeld-") as folder:
        names = Rows(Path(folder) / "namen.parquet")
        names.add({"gebiedscode": texts([*titles]), "naam": texts([*titles.values()])})
        names.close()
        con.execute(f"create or replace temp table namen as select * from {names.relation}")


def append(con: duckdb.DuckDBPyConnection, parsed: Parsed, year_from: int) -> tuple[tuple[int, ...], int]:
    """Add a parsed delivery to `basis.<bron>`, peiljaren from `year_from` on; returns the years and the number of rows.

    Raises SourceChanged when an area and year stand in two tables of one source.
    """
    with adding(con):
        con.execute(f'insert into basis."{parsed.source.bron}" {rows_sql(con, parsed, year_from)}')
    return finished(con, parsed.source, parsed.table, parsed.where)


def rows_sql(con: duckdb.DuckDBPyConnection, parsed: Parsed, year_from: int) -> str:
    """The query for the rows of a parsed delivery in the columns of `basis.<bron>`, peiljaren from `year_from` on.

    A topic that is empty for every area of a year has not been delivered for that year. A column that the table delivers only in
    parts (`som_van`) is their sum, or has the first status of a part that is not ok, in the order of CONTRACT.md, "Cells to
    status": a part that is missing never counts as zero.
    """
    source, undelivered = parsed.source, _undelivered(con, parsed)
    select: list[str] = []
    for name, column in source.kolommen.items():
        parts = (
            column.som_van if column.som_van and name not in parsed.present and set(column.som_van) <= set(parsed.present) else ()
        )
        if parts:
            statuses = ", ".join(_status(parsed, part, undelivered) for part in parts)
            cases = " ".join(f"when '{status}' in ({statuses}) then '{status}'::basis.status" for status in STATUSES[1:])
            select += [" + ".join(f'"{part}"' for part in parts), f"case {cases} else 'ok'::basis.status end"]
            continue
        there = name in parsed.present
        select.append(f'"{name}"' if there else "null")
        if column.soort == "getal":
            select.append(_status(parsed, name, undelivered) if there else MISSING)
    joined = "stuk_0" + "".join(f" full join stuk_{number} using (gebiedscode, peiljaar)" for number in parsed.pieces if number)
    if parsed.lasting is None:
        joined += " left join namen using (gebiedscode)"
    years = ", ".join(map(str, parsed.provisional))
    provisional = f"peiljaar in ({years})" if years else "false"
    division = "null" if parsed.table.indeling_jaar is None else int(parsed.table.indeling_jaar)
    return f"""select '{parsed.table.tabel}' as tabel, gebiedscode, coalesce(naam, gebiedscode) as naam, peiljaar,
        {division}::integer as indeling_jaar, {provisional} as voorlopig,
        {parsed.typed} as getypeerd, {", ".join(f"{cell} as {name}" for cell, name in zip(select, _named(source), strict=True))}
      from {joined}
      where peiljaar >= {int(year_from)}{" order by gebiedscode, peiljaar" if parsed.lasting is None else ""}"""


def _named(source: Source) -> list[str]:
    """The columns of `basis.<bron>` after the fixed ones, quoted."""
    return [
        f'"{each}"'
        for name, column in source.kolommen.items()
        for each in ((name,) if column.soort == "tekst" else (name, f"{name}_status"))
    ]


def _status(parsed: Parsed, name: str, undelivered: Mapping[str, Sequence[int]]) -> str:
    """The status of a delivered cell, in SQL; in pieces that are joined a row may have no cell of this one."""
    years = ", ".join(map(str, undelivered.get(name, ())))
    otherwise = f'"{name}_status"' if len(parsed.pieces) == 1 else f'coalesce("{name}_status", {MISSING})'
    return f"case when peiljaar in ({years}) then {MISSING} else {otherwise} end" if years else otherwise


def _undelivered(con: duckdb.DuckDBPyConnection, parsed: Parsed) -> dict[str, list[int]]:
    """Column -> the years in which it is empty for every area."""
    found: dict[str, list[int]] = {}
    for number, columns in parsed.pieces.items():
        names = [name for name in columns if parsed.source.kolommen[name].soort == "getal"]
        if not names:
            continue
        flags = ", ".join(f'bool_and("{name}_status" = {literal(parsed.empty)})' for name in names)
        years = con.execute(f"select peiljaar, {flags} from stuk_{number} group by peiljaar order by peiljaar").fetchall()
        for year, *empties in years:
            for name, flag in zip(names, empties, strict=True):
                if flag:
                    found.setdefault(name, []).append(year)
    return found


def finished(con: duckdb.DuckDBPyConnection, source: Source, table: Table, where: str) -> tuple[tuple[int, ...], int]:
    """The years and the number of rows of a table that was added; SourceChanged when an area and year stand in two tables."""
    found = con.execute(
        f"""select peiljaar, count(*) from basis."{source.bron}" where tabel = {literal(table.tabel)}
        group by peiljaar order by peiljaar"""
    ).fetchall()
    overlap = con.execute(
        f'select gebiedscode, peiljaar from basis."{source.bron}" group by all having count(*) > 1 order by all limit 1'
    ).fetchone()
    if overlap:
        raise SourceChanged(f"{overlap[0]} {overlap[1]} stands in two tables of this source", where=where)
    return tuple(year for year, _ in found), sum(count for _, count in found)


@contextmanager
def adding(con: duckdb.DuckDBPyConnection) -> Generator[None]:
    """One thread, and cells that are not packed, while the block runs.

    A delivery is smaller than a row group, so more threads only double the work; and packing what is thrown away when the build
    ends takes a quarter of the time of adding it.
    """
    row = con.execute("select current_setting('threads')").fetchone()
    con.execute("set threads = 1")
    con.execute("set force_compression = 'uncompressed'")
    try:
        yield
    finally:
        con.execute("reset force_compression")
        con.execute(f"set threads = {int(row[0]) if row else 1}")
