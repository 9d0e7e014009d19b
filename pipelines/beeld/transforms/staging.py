"""From the raw archive to `basis.<bron>`: which parser reads which protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import duckdb

from beeld.sources import odata_v4, web
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.odata_v3 import read_pinned
from beeld.transforms import staging_features, staging_odata_v3, staging_odata_v4
from beeld.transforms.basis import Staged, Step, append
from beeld.transforms.margins import refuse_inverted

Parser = Callable[[duckdb.DuckDBPyConnection, Source, Table, Snapshot, int], AbstractContextManager[Step]]
"""Has one snapshot parsed while its block runs, perhaps without the peiljaren before a year; SourceChanged where it cannot be."""

PARSERS: Mapping[str, Parser] = {
    "odata_v3": staging_odata_v3.parsed,
    **dict.fromkeys(odata_v4.PROTOCOLS, staging_odata_v4.parsed),
    **dict.fromkeys(web.WAYS, staging_features.parsed),
}
"""Protocol -> parser; a new protocol is an entry here and in `sources.fetch.READERS`."""


def parsed(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    table: Table,
    snapshot: Snapshot,
    year_from: int,
    received: staging_odata_v3.Reading | None = None,
) -> AbstractContextManager[Step]:
    """One snapshot, parsed in the way of its protocol, while the block runs; with all years where it was `received` already."""
    if received is not None:
        pinned = read_pinned(snapshot, source, received.layout)
        return staging_odata_v3.completed(con, pinned, received)
    return PARSERS[source.service(table).protocol](con, source, table, snapshot, year_from)


def stage(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int) -> Staged:
    """Add one snapshot to `basis.<bron>`, peiljaren from `year_from` on; SourceChanged also for bounds that cannot be."""
    with parsed(con, source, table, snapshot, year_from) as (delivery, layout):
        years, rows = append(con, delivery, year_from)
    refuse_inverted(con, layout, f'basis."{source.bron}"', table.tabel, delivery.where)
    return Staged(delivery.source, table, snapshot, layout, years, rows)
