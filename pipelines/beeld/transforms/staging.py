"""From the raw archive to `basis.<bron>`: which stager reads which protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import duckdb

from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.transforms import staging_odata_v3
from beeld.transforms.basis import Staged

Stager = Callable[[duckdb.DuckDBPyConnection, Source, Table, Snapshot, int], Staged]
"""Adds one snapshot to `basis.<bron>` from a year on; raises SourceChanged for what it cannot read."""

STAGERS: Mapping[str, Stager] = {"odata_v3": staging_odata_v3.stage}
"""Protocol -> stager; a new protocol is an entry here and in `sources.fetch.READERS`."""


def stage(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int) -> Staged:
    """Add one snapshot to `basis.<bron>` in the way of its protocol."""
    return STAGERS[source.service(table).protocol](con, source, table, snapshot, year_from)
