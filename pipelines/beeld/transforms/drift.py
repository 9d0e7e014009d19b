"""Whether a delivery can be the same measures as the one before it: medians and shares of empty cells per column and year.

A source that multiplies by ten, empties a column or mixes two up keeps its names, units and row count; only the figures tell
(RELIABILITY.md F27, F29, F30). Years that only one of the two deliveries has are not compared: new years are what we wait for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from beeld.errors import SourceChanged
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.transforms import staging
from beeld.transforms.basis import MEMORY, create_status
from beeld.transforms.margins import refuse_inverted
from beeld.transforms.shelf import Shelf

FACTOR = 3.0
"""How many times the median of a column may grow or shrink between two deliveries of the same year."""
EMPTIER = 0.20
"""How much the share of cells without a value may rise, as a share of the rows."""
COLUMNS = 20
"""Columns of which the medians are made at a time: a median holds every value that it is made of."""
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
    comparable = previous is not None and previous.sha256 != snapshot.sha256 and previous.gemeenten == snapshot.gemeenten
    after = profile_of(source, table, snapshot, shelf, profiled=comparable)
    if previous is None or not comparable:
        return
    try:
        before = profile_of(source, table, previous)
    except SourceChanged:
        return
    refuse_drift(before, after, f"{source.bron} {table.tabel}")


def profile_of(source: Source, table: Table, snapshot: Snapshot, shelf: Shelf | None = None, *, profiled: bool = True) -> Profile:
    """What the cells of an archived delivery look like; SourceChanged when it cannot be staged. It is left on the `shelf`.

    One delivery at a time, whatever the number of threads that fetch: its rows are in memory, and Python stages no two faster.
    Without `profiled` it is only staged: there is nothing to hold it against.
    """
    with STAGING, ExitStack() as stack:
        con = stack.enter_context(closing(duckdb.connect(config={"threads": 1, "memory_limit": MEMORY})))
        place = shelf or Shelf(Path(stack.enter_context(TemporaryDirectory(prefix="beeld-"))))
        create_status(con)
        received = stack.enter_context(place.received(source, table))
        with staging.parsed(con, source, table, snapshot, 0, received) as (parsed, layout):
            kept = place.put(con, parsed, layout, snapshot, received)
        refuse_inverted(con, layout, kept.relation, table.tabel, parsed.where)
        return profile_of_rows(con, source, layout, kept.relation) if profiled else {}


def profile_of_rows(con: duckdb.DuckDBPyConnection, source: Source, layout: Layout, relation: str) -> Profile:
    """The profile of every delivered number column and year of a relation with the columns of `basis.<bron>`."""
    names = [
        name
        for name, column in source.kolommen.items()
        if column.soort == "getal" and (name in layout.columns or name in layout.sums)
    ]
    found: dict[tuple[str, int], ColumnProfile] = {}
    for start in range(0, len(names), COLUMNS):
        some = names[start : start + COLUMNS]
        parts = ", ".join(
            f'count("{name}"), median(abs("{name}")) filter ("{name}" <> 0), count(*) filter ("{name}" <> 0)' for name in some
        )
        for year, rows, *cells in con.execute(
            f"select peiljaar, count(*), {parts} from {relation} group by peiljaar order by peiljaar"
        ).fetchall():
            for number, name in enumerate(some):
                filled, median, values = cells[3 * number : 3 * number + 3]
                found[name, year] = ColumnProfile(rows, filled, median, values)
    return found


def refuse_drift(before: Profile, after: Profile, where: str) -> None:
    """SourceChanged that names every column whose figures of the same year moved further than a revision does."""
    years = {year: column.rows for (_, year), column in after.items()}
    moved = [
        found
        for (name, year), column in sorted(before.items())
        if year in years
        and (found := _moved(name, year, column, after.get((name, year), ColumnProfile(years[year], 0, None, 0))))
    ]
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
