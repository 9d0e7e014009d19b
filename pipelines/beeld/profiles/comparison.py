"""Our outcome beside lists of others, as one release has it; `list_words` puts it into sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from beeld.transforms.lists import Agreement


@dataclass(frozen=True, slots=True)
class List:
    """One row of `lijst`."""

    id: str
    title: str
    maker: str
    year: int | None
    count: int | None
    remark: str | None

    @property
    def name(self) -> str:
        """Title, maker and year."""
        return f"{self.title} ({self.maker}{f', {self.year}' if self.year else ''})"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `lijstvergelijking` with the area that it is about."""

    list_id: str
    code: str
    kind: str
    name: str
    gemeente: str | None
    on_list: bool | None
    verdict: str
    indicator: str | None
    reason: str


@dataclass(frozen=True)
class Comparisons:
    """Every list of a release, and what it says of every area that it speaks of, by code."""

    lists: tuple[List, ...]
    rows: Mapping[str, tuple[Row, ...]]
    totals: Mapping[tuple[str, str, str], Agreement]
    """(list, gemeente or NL00, kind) -> agreement."""
    areas: Mapping[tuple[str, str, str], int]
    """The same for all areas that the list speaks of, those that cannot be compared included."""


def load_comparisons(con: duckdb.DuckDBPyConnection) -> Comparisons:
    """All lists of a release, with what they say."""
    lists = con.execute("select lijst, titel, bron, jaar, n_gebieden, reden from lijst order by lijst").fetchall()
    rows = con.execute(
        """select lijst, gebiedscode, soort, naam, gemeentecode, in_lijst, oordeel, indicator, reden
        from lijstvergelijking join gebied using (gebiedscode) order by lijst, gebiedscode"""
    ).fetchall()
    by_area: dict[str, list[Row]] = {}
    for values in rows:
        by_area.setdefault(values[1], []).append(Row(*values))
    counts = con.execute(
        """select lijst, coalesce(gemeentecode, 'NL00'), soort, count(*),
          count(*) filter (oordeel = 'beide'), count(*) filter (oordeel = 'alleen_lijst'),
          count(*) filter (oordeel = 'alleen_wij'), count(*) filter (oordeel = 'geen_van_beide')
        from lijstvergelijking join gebied using (gebiedscode)
        where soort <> 'samengesteld'
        group by grouping sets ((lijst, gemeentecode, soort), (lijst, soort)) order by 1, 2, 3"""
    ).fetchall()
    return Comparisons(
        tuple(List(*row) for row in lists),
        {code: tuple(found) for code, found in by_area.items()},
        {(row[0], row[1], row[2]): Agreement(*row[4:]) for row in counts},
        {(row[0], row[1], row[2]): row[3] for row in counts},
    )
