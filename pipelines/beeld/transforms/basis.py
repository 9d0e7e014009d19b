"""`basis.<bron>`: one tidy table per source, whatever the protocol: one row per gebied and peiljaar, one status per cell.

    basis.<bron>: tabel, gebiedscode, naam, peiljaar, indeling_jaar, voorlopig, getypeerd, then per declared column
                  getal: <kolom> DOUBLE and <kolom>_status basis.status;  tekst: <kolom> VARCHAR

A stager (`staging.STAGERS`) parses an archived delivery into temp tables `stuk_0`, `stuk_1`, ... with gebiedscode, peiljaar and
those columns; what every source shares from there on stands here.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from beeld.errors import SourceChanged
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.transforms.arrow import registered

STATUSES = ("ok", "geheim", "te_klein", "onbekend", "niet_geleverd", "geen_noemer", "niet_van_toepassing")
"""What a cell can be (CONTRACT.md): the values of the type `basis.status`, which takes one byte where text takes sixteen."""


@dataclass(frozen=True)
class Staged:
    """What one snapshot added to `basis.<bron>`: its layout, the years it holds and the number of rows."""

    source: Source
    table: Table
    snapshot: Snapshot
    layout: Layout
    years: tuple[int, ...]
    rows: int


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


def register_names(con: duckdb.DuckDBPyConnection, titles: Mapping[str, str], provisional: Sequence[int]) -> None:
    """Temp tables `namen` (gebiedscode, naam) and `voorlopige` (peiljaar), which `append` joins."""
    with registered(con, "titels", {"gebiedscode": ("text", list(titles)), "naam": ("text", list(titles.values()))}):
        con.execute("create or replace temp table namen as select * from titels")
    with registered(con, "jaren", {"peiljaar": ("integer", list(provisional))}):
        con.execute("create or replace temp table voorlopige as select * from jaren")


def append(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    present: Collection[str],
    pieces: int,
    *,
    typed: bool,
    year_from: int,
    where: str,
) -> tuple[tuple[int, ...], int]:
    """Add the parsed pieces (`stuk_0` up to `pieces`) to `basis.<bron>`; returns the years and the number of rows.

    `present` are the declared columns that the delivery has; `typed` says that a null does not tell its kind. Raises
    SourceChanged when an area and year stand in two tables of one source.
    """
    select: list[str] = []
    for name, column in source.kolommen.items():
        there = name in present
        select.append(f'"{name}"' if there else "null")
        if column.soort == "getal":
            missing = "'niet_geleverd'::basis.status"
            select.append(f'coalesce("{name}_status", {missing})' if there else missing)
    joined = "stuk_0" + "".join(f" full join stuk_{n} using (gebiedscode, peiljaar)" for n in range(1, pieces))
    with one_thread(con):
        con.execute(
            f"""insert into basis."{source.bron}"
            select ?, gebiedscode, coalesce(naam, gebiedscode), peiljaar, ?, peiljaar in (select peiljaar from voorlopige), ?,
              {", ".join(select)}
            from {joined} left join namen using (gebiedscode)
            where peiljaar >= ?
            order by gebiedscode, peiljaar""",
            [table.tabel, table.indeling_jaar, typed, year_from],
        )
    return finished(con, source, table, where)


def finished(con: duckdb.DuckDBPyConnection, source: Source, table: Table, where: str) -> tuple[tuple[int, ...], int]:
    """The years and the number of rows of a table that was added; SourceChanged when an area and year stand in two tables."""
    found = con.execute(
        f'select peiljaar, count(*) from basis."{source.bron}" where tabel = ? group by peiljaar order by peiljaar',
        [table.tabel],
    ).fetchall()
    overlap = con.execute(
        f'select gebiedscode, peiljaar from basis."{source.bron}" group by all having count(*) > 1 order by all limit 1'
    ).fetchone()
    if overlap:
        raise SourceChanged(f"{overlap[0]} {overlap[1]} stands in two tables of this source", where=where)
    return tuple(year for year, _ in found), sum(count for _, count in found)


@contextmanager
def one_thread(con: duckdb.DuckDBPyConnection) -> Generator[None]:
    """One thread while the block runs: a delivery is smaller than a row group, so more threads only double the work."""
    row = con.execute("select current_setting('threads')").fetchone()
    con.execute("set threads = 1")
    try:
        yield
    finally:
        con.execute("set threads = ?", [row[0] if row else 1])


def mark_undelivered(con: duckdb.DuckDBPyConnection, source: Source, table: Table, present: Collection[str], empty: str) -> None:
    """A topic that is empty for every area of a year has not been delivered for that year; then the declared sums are made.

    `empty` is the status that an empty cell gets under this protocol.
    """
    names = [name for name in present if source.kolommen[name].soort == "getal"]
    if not names:
        return
    flags = ", ".join(f'bool_and("{name}_status" = $leeg)' for name in names)
    years = con.execute(
        f'select peiljaar, {flags} from basis."{source.bron}" where tabel = $tabel group by peiljaar order by peiljaar',
        {"leeg": empty, "tabel": table.tabel},
    ).fetchall()
    for year, *empties in years:
        changes = ", ".join(f"\"{name}_status\" = 'niet_geleverd'" for name, flag in zip(names, empties, strict=True) if flag)
        if changes:
            con.execute(
                f'update basis."{source.bron}" set {changes} where tabel = ? and peiljaar = ?',
                [table.tabel, year],
            )
    _add_sums(con, source, table, present)


def _add_sums(con: duckdb.DuckDBPyConnection, source: Source, table: Table, present: Collection[str]) -> None:
    """A column that the table delivers only in parts (`som_van`) is their sum, or has the first status of a part that is not ok.

    The order is that of CONTRACT.md, "Cells to status". A part that is missing never counts as zero.
    """
    for name, column in source.kolommen.items():
        parts = column.som_van
        if not parts or name in present or not set(parts) <= set(present):
            continue
        total = " + ".join(f'"{part}"' for part in parts)
        statuses = ", ".join(f'"{part}_status"' for part in parts)
        cases = " ".join(f"when '{status}' in ({statuses}) then '{status}'::basis.status" for status in STATUSES[1:])
        con.execute(
            f"""update basis."{source.bron}" set "{name}" = {total},
              "{name}_status" = case {cases} else 'ok'::basis.status end
            where tabel = ?""",
            [table.tabel],
        )
