"""Columns that a source still delivers after a declared break: their series ended, so they are not read, and that is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from beeld.warehouse.crosscheck import WAARSCHUWING, Compared

if TYPE_CHECKING:  # Dagster loads the checks without an HTTP client, which staging brings
    from beeld.transforms.basis import Staged


def record_ended(con: duckdb.DuckDBPyConnection, staged: Sequence[Staged]) -> None:
    """`basis.beeindigd`: the declared columns of these tables that are delivered outside their years (`Column.jaren`)."""
    con.execute("create table if not exists basis.beeindigd (bron varchar, tabel varchar, kolom varchar, sleutel varchar)")
    for piece in staged:
        for column, key in sorted(piece.layout.ended.items()):
            con.execute("insert into basis.beeindigd values (?, ?, ?, ?)", [piece.source.bron, piece.table.tabel, column, key])


def ended_rows(con: duckdb.DuckDBPyConnection) -> list[Compared]:
    """Rows of `controle`, severity waarschuwing: one per table that delivers columns whose series ended; none without such."""
    known = con.execute(
        "select 1 from information_schema.tables where table_schema = 'basis' and table_name = 'beeindigd'"
    ).fetchall()
    if not known:
        return []
    rows = con.execute(
        """select bron, tabel, count(*), string_agg(kolom || ' (' || sleutel || ')', ', ' order by kolom, sleutel)
        from basis.beeindigd group by bron, tabel order by bron, tabel"""
    ).fetchall()
    return [
        Compared(
            f"beeindigd_{bron}_{tabel.lower()}",
            bron,
            tabel,
            WAARSCHUWING,
            False,
            count,
            f"de bron levert deze kolommen nog, maar de reeks is eerder geëindigd; ze zijn niet gelezen: {columns}",
        )
        for bron, tabel, count, columns in rows
    ]
