"""From the raw archive to `basis.<bron>`: which stager reads which protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb

from beeld.sources import odata_v4, web
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.transforms import staging_features, staging_odata_v3, staging_odata_v4
from beeld.transforms.basis import Staged
from beeld.transforms.margins import refuse_inverted

Stager = Callable[[duckdb.DuckDBPyConnection, Source, Table, Snapshot, int], Staged]
"""Adds one snapshot to `basis.<bron>` from a year on; raises SourceChanged for what it cannot read."""

STAGERS: Mapping[str, Stager] = {
    "odata_v3": staging_odata_v3.stage,
    **dict.fromkeys(odata_v4.PROTOCOLS, staging_odata_v4.stage),
    **dict.fromkeys(web.WAYS, staging_features.stage),
}
"""Protocol -> stager; a new protocol is an entry here and in `sources.fetch.READERS`."""


def stage(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int) -> Staged:
    """Add one snapshot to `basis.<bron>` in the way of its protocol; SourceChanged also for published bounds that cannot be."""
    staged = STAGERS[source.service(table).protocol](con, source, table, snapshot, year_from)
    refuse_inverted(con, staged)
    return staged
