"""Whether a delivery can be the same measures as the one before it: medians and shares of empty cells per column and year.

A source that multiplies by ten, empties a column or mixes two up keeps its names, units and row count; only the figures tell
(RELIABILITY.md F27, F29, F30). Years that only one of the two deliveries has are not compared: new years are what we wait for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import duckdb

from beeld.errors import SourceChanged
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.transforms import staging
from beeld.transforms.basis import create_basis
from beeld.transforms.shelf import Shelf

FACTOR = 3.0
"""How many times the median of a column may grow or shrink between two deliveries of the same year."""
EMPTIER = 0.20
"""How much the share of cells without a value may rise, as a share of the rows."""
MEMORY = "256MB"
STAGING = threading.Lock()
ENOUGH = 5
"""Number of values below which a median says nothing."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column in one year: rows, rows with a value, and the median size of its values other than zero (None: none)."""

    rows: int
    filled: int
    median: float | None
    values: int
    """Rows with a value other than zero."""

    @property
    def empty_share(self) -> float:
        """Share of the rows without a value."""
        return 1 - self.filled / self.rows if self.rows else 0.0


Profile = Mapping[tuple[str, int], ColumnProfile]
"""(column, peiljaar) -> what its cells look like."""


def judge(source: Source, table: Table, snapshot: Snapshot, previous: Snapshot | None, shelf: Shelf | None = None) -> None:
    """Raises SourceChanged when a complete delivery cannot be staged, or drifts away from the previous one.

    Its staged cells are put on the `shelf`, so that the build need not read the archive again.

    It is judged before it is accepted, so that a delivery that is refused never takes the place of the last good one. A
    previous delivery that today's declarations cannot read (a column was declared anew), or that was fetched for other gemeenten,
    is no yardstick.
    """
    if not source.figures:
        return
    after = profile_of(source, table, snapshot, shelf)
    if previous is None or previous.sha256 == snapshot.sha256 or previous.gemeenten != snapshot.gemeenten:
        return
    try:
        before = profile_of(source, table, previous)
    except SourceChanged:
        return
    refuse_drift(before, after, f"{source.bron} {table.tabel}")


def profile_of(source: Source, table: Table, snapshot: Snapshot, shelf: Shelf | None = None) -> Profile:
    """What the cells of an archived delivery look like, staged in memory; SourceChanged when it cannot be staged.

    One delivery at a time, whatever the number of threads that fetch: a whole table is in memory, and Python stages no two faster.
    """
    with STAGING, closing(duckdb.connect(config={"threads": 1, "memory_limit": MEMORY})) as con:
        create_basis(con, source)
        staged = staging.stage(con, source, table, snapshot, 0)
        if shelf is not None:
            shelf.put(con, staged)
        return profile_of_basis(con, source)


def profile_of_basis(con: duckdb.DuckDBPyConnection, source: Source) -> Profile:
    """The profile of every number column and year of `basis.<bron>`."""
    names = [name for name, column in source.kolommen.items() if column.soort == "getal"]
    if not names:
        return {}
    parts = ", ".join(
        f'count("{name}"), median(abs("{name}")) filter ("{name}" <> 0), count(*) filter ("{name}" <> 0)' for name in names
    )
    found: dict[tuple[str, int], ColumnProfile] = {}
    for year, rows, *cells in con.execute(
        f'select peiljaar, count(*), {parts} from basis."{source.bron}" group by peiljaar order by peiljaar'
    ).fetchall():
        for number, name in enumerate(names):
            filled, median, values = cells[3 * number : 3 * number + 3]
            found[name, year] = ColumnProfile(rows, filled, median, values)
    return found


def refuse_drift(before: Profile, after: Profile, where: str) -> None:
    """SourceChanged that names every column whose figures of the same year moved further than a revision does."""
    moved = [found for key in sorted(before.keys() & after.keys()) if (found := _moved(*key, before[key], after[key]))]
    if moved:
        raise SourceChanged(
            "; ".join(moved),
            where=where,
            todo="Look at the figures of the source; if they are right, remove the archived delivery and refresh again",
        )


def _moved(name: str, year: int, before: ColumnProfile, after: ColumnProfile) -> str:
    if before.filled and not after.filled:
        return f"column {name} {year} is empty; the previous delivery had {before.filled} values"
    rise = after.empty_share - before.empty_share
    if rise > EMPTIER:
        return f"column {name} {year} has {after.empty_share:.0%} empty cells; the previous delivery had {before.empty_share:.0%}"
    if before.median and after.median and min(before.values, after.values) >= ENOUGH:
        factor = after.median / before.median
        if not 1 / FACTOR <= factor <= FACTOR:
            return f"column {name} {year} has a median {factor:.3g} times that of the previous delivery"
    return ""
