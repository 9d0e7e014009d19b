"""Our outcome beside lists that others made: `lijst` and `lijstvergelijking` (METHOD.md section 16, "Lijstenvergelijking").

`list_members` says what a list says of every area; here our outcome is put beside it, and what a difference rests on is found by
leaving out one core indicator at a time (`without`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from beeld.transforms import without
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import MIN_PEOPLE, Catalog
from beeld.transforms.list_members import Comparable, Listed, compared_lists
from beeld.transforms.uncertainty import Z95

OURS = ("bespreken", "grensgeval")
"""Outcomes in which the decision rule is met."""
JUDGED = ("beide", "alleen_lijst", "alleen_wij", "geen_van_beide")
NOT = "niet_te_vergelijken"


@dataclass(frozen=True)
class Ours:
    """Our side of one area: kind, outcome, and the percentiles and outcomes that a difference is looked for in."""

    kind: str
    people: int | None
    outcome: str
    base: str | None = None
    """What the rule says of the published figures, before stability; None for an area that gets no score."""
    left_out: tuple[str, ...] = ()
    """The rule without each core indicator in turn, in the order of the columns."""
    percentiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How an area stands on a list and with us, the indicator that the difference rests on, and the reason in Dutch."""

    oordeel: str
    indicator: str | None
    reden: str


def compute_lists(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> int:
    """Fill `lijst` and `lijstvergelijking` after the signals were computed; returns the rows of the latter."""
    compared = compared_lists(con, catalog)
    for item in compared:
        con.execute(
            "insert into lijst values (?, ?, ?, ?, ?, ?)", [item.id, item.titel, item.bron, item.jaar, item.count, item.reason]
        )
    rows = _rows(con, catalog, compared) if any(item.areas for item in compared) else []
    filled: dict[str, tuple[Kind, list[Any]]] = {
        name: (kind, [row[number] for row in rows]) for number, (name, kind) in enumerate(COLUMNS)
    }
    with registered(con, "vergeleken", filled):
        con.execute(
            """insert into lijstvergelijking
            select gebiedscode, lijst, in_lijst::boolean, uitkomst, oordeel, indicator, reden
            from vergeleken order by lijst, gebiedscode"""
        )
    return len(rows)


COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("gebiedscode", "text"),
    ("lijst", "text"),
    ("in_lijst", "byte"),
    ("uitkomst", "text"),
    ("oordeel", "text"),
    ("indicator", "text"),
    ("reden", "text"),
)


def _rows(con: duckdb.DuckDBPyConnection, catalog: Catalog, compared: Sequence[Comparable]) -> list[list[Any]]:
    titles = {name: indicator.titel for name, indicator in catalog.indicators.items()}
    columns, ours = _ours(con, catalog)
    rows: list[list[Any]] = []
    for item in compared:
        for area in item.areas:
            own = ours[area.code]
            verdict = judge(own, area, columns, titles)
            on = None if area.on_list is None else int(area.on_list)
            rows.append([area.code, item.id, on, own.outcome, verdict.oordeel, verdict.indicator, verdict.reden])
    return rows


def judge(ours: Ours, area: Listed, columns: Sequence[str], titles: Mapping[str, str]) -> Verdict:
    """How one area stands. A difference is searched among `columns` (core indicators) and named only where one alone makes it.

    Of several the one whose place pulls our outcome most comes first: the highest percentile where only we name the area, the
    lowest where only the list does.
    """
    if why := _not_comparable(ours, area):
        return Verdict(NOT, None, why)
    met = ours.outcome in OURS
    if met == area.on_list:
        return Verdict(*(("beide", None, BOTH) if met else ("geen_van_beide", None, NEITHER)))
    oordeel, start = ("alleen_wij", ONLY_WE) if met else ("alleen_lijst", ONLY_LIST)
    if (ours.base in OURS) != met:
        return Verdict(oordeel, None, f"{start}; {UNSTABLE}")
    agree = [n for n, outcome in enumerate(ours.left_out) if _agrees(outcome, met=met)]
    if not agree:
        lost = [titles[columns[n]] for n, outcome in enumerate(ours.left_out) if outcome == "te_weinig_gegevens"]
        without_any = f"; zonder {_quoted(lost)} is er geen uitkomst" if lost else ""
        return Verdict(oordeel, None, f"{start}; geen enkel kerncijfer maakt op zichzelf het verschil{without_any}")
    agree.sort(key=lambda n: (_pull(ours.percentiles[n], met=met), n))
    first, *others = [titles[columns[n]] for n in agree]
    also = f" (ook zonder {_quoted(others)})" if others else ""
    return Verdict(oordeel, columns[agree[0]], f"{start}; zonder '{first}' zou onze uitkomst gelijk zijn aan de lijst{also}")


BOTH = "staat op de lijst, en bij ons vallen genoeg thema's op"
NEITHER = "staat niet op de lijst, en bij ons vallen niet genoeg thema's op"
ONLY_WE = "staat niet op de lijst, maar bij ons vallen genoeg thema's op"
ONLY_LIST = "staat op de lijst, maar bij ons vallen niet genoeg thema's op"
UNSTABLE = "op de gepubliceerde cijfers zelf is dat anders: de onzekerheid van de cijfers maakt het verschil"


def _not_comparable(ours: Ours, area: Listed) -> str:
    if ours.kind == "samengesteld":
        return "een samengesteld gebied heeft geen uitkomst; zie de buurten"
    if area.on_list is None:
        return area.reason
    if ours.kind in ("buurt", "wijk") and (ours.people is None or ours.people < MIN_PEOPLE):
        known = "het aantal inwoners is onbekend" if ours.people is None else f"minder dan {MIN_PEOPLE} inwoners"
        return f"{known}: wij geven geen uitkomst"
    return "wij hebben te weinig gegevens voor een uitkomst" if ours.outcome == "te_weinig_gegevens" else ""


def _agrees(outcome: str, *, met: bool) -> bool:
    """Whether leaving out gives the other outcome: no outcome at all is not agreement."""
    return outcome != "te_weinig_gegevens" and (outcome in OURS) != met


def _pull(percentile: float, *, met: bool) -> float:
    """Sorts first what pulls hardest; an indicator without a value pulls least."""
    if percentile != percentile:  # NaN
        return 2.0
    return -percentile if met else percentile


def _quoted(names: Sequence[str]) -> str:
    return " of ".join(f"'{name}'" for name in names)


def _ours(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> tuple[tuple[str, ...], dict[str, Ours]]:
    """The core indicators of the decision rule, and our side of every area."""
    published = without.read_published(con, catalog)
    titles = {name: theme.titel for name, theme in catalog.themes.items()}
    base = without.outcomes(published, None, titles)
    left = [without.outcomes(published, name, titles) for name in published.indicators]
    place = {code: number for number, code in enumerate(published.areas)}
    percentiles = published.percentiles.tolist()
    found: dict[str, Ours] = {}
    for code, kind, people, outcome in con.execute(
        "select gebiedscode, soort, inwoners, uitkomst from gebied join integraal using (gebiedscode) order by gebiedscode"
    ).fetchall():
        number = place.get(code)
        if number is None:
            found[code] = Ours(kind, people, outcome)
        else:
            row = tuple(percentiles[number])
            found[code] = Ours(kind, people, outcome, base[number], tuple(part[number] for part in left), row)
    return published.indicators, found


@dataclass(frozen=True)
class Agreement:
    """How many areas stand where, of those that can be compared."""

    beide: int
    alleen_lijst: int
    alleen_wij: int
    geen_van_beide: int

    @property
    def n(self) -> int:
        """Areas that can be compared."""
        return self.beide + self.alleen_lijst + self.alleen_wij + self.geen_van_beide

    @property
    def overlap(self) -> float | None:
        """Jaccard: the share of the areas that the list or we name which both name; None when nobody names one."""
        named = self.n - self.geen_van_beide
        return self.beide / named if named else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond what the two totals give by chance; None where chance alone would agree always."""
        return (self._agreed - self._chance) / (1 - self._chance) if self.n and self._chance < 1 else None

    @property
    def margin(self) -> float | None:
        """Half of the rough 95% interval of kappa: 1.96 √(p(1 − p)/n)/(1 − c), p the share that agrees, c by chance."""
        if not self.n or self._chance == 1:
            return None
        return Z95 * math.sqrt(self._agreed * (1 - self._agreed) / self.n) / (1 - self._chance)

    @property
    def _agreed(self) -> float:
        return (self.beide + self.geen_van_beide) / self.n

    @property
    def _chance(self) -> float:
        on_list, ours = self.beide + self.alleen_lijst, self.beide + self.alleen_wij
        return (on_list * ours + (self.n - on_list) * (self.n - ours)) / self.n**2
