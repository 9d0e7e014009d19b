"""The profile model: every figure of one area with what stands beside it, as `beeld.profiles.reading` reads it from a release.

Modelled figures (`soort: modelschatting`) get no position among other areas: METHOD.md sections 4 and 12.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from beeld.profiles.companions import NONE, Companions
from beeld.transforms.catalog import Indicator, Theme
from beeld.transforms.uncertainty import Z95

Relation = Literal["hoger", "lager", "gelijk", "niet_toetsbaar"]

UNIVERSE = 200
"""Inhabitants from which an area counts as a reference for others (METHOD.md section 2)."""
FEWEST = 100
"""Smallest denominator of a rate that is compared with another: KWB numbers are rounded, up to 4 either way."""
NAMED_DISTANCE_KM = 0.5
"""Distances carry no interval; a difference below half a kilometre is never called a difference."""


@dataclass(frozen=True, slots=True)
class Area:
    """One row of `gebied`, without its boundary."""

    code: str
    kind: str
    name: str
    gemeente: str | None
    gemeente_name: str | None
    wijk: str | None
    division: int
    inhabitants: int | None
    geometry_year: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of `waarde`: a figure or the reason why there is none."""

    area: str
    indicator: str
    year: int | None
    division: int | None
    value: float | None
    status: str
    reason: str | None
    lower: float | None
    upper: float | None
    provisional: bool
    reliable: bool | None
    table: str
    column: str
    sha: str
    count: float | None = None
    """The numerator as published, where there is one."""
    base: float | None = None
    """The denominator as published, where there is one."""
    smoothed: float | None = None
    """The shrunken estimate of a skewed rate (METHOD.md section 3)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of `trend`: a test between two years, or why there is none."""

    first: int
    last: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same figure of a larger area, and what may be said about the difference; None where a difference means nothing."""

    area: Area
    cell: Cell
    relation: Relation | None
    history: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure is spread over the universe: percentiles 5, 25, 50, 75 and 95, and each value when there are few."""

    points: tuple[float, float, float, float, float]
    ticks: tuple[float, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One indicator of one area with everything that is printed beside it."""

    id: str
    indicator: Indicator
    cell: Cell
    comparisons: tuple[Comparison, ...]
    history: tuple[Cell, ...]
    in_gemeente: Spread | None
    in_country: Spread | None
    incomplete: bool
    assumed: bool
    """True when its margin is an assumption, because the table does not publish one."""
    stale: bool
    """True when the table of the figure could not be read when this edition was made: the last good delivery stands."""

    @property
    def modelled(self) -> bool:
        """True for an estimate of a model: never ordered, never in a before/after."""
        return self.indicator.soort == "modelschatting"

    @property
    def present(self) -> bool:
        """True when there is a value; a real 0 is a value."""
        return self.cell.value is not None

    @property
    def nearest(self) -> Comparison | None:
        """The comparison that differences are named against: the gemeente, else the country."""
        usable = [c for c in self.comparisons if c.area.kind != "wijk" and c.cell.value is not None]
        return usable[0] if usable else None

    @property
    def favourable(self) -> bool | None:
        """True or False when the difference with the nearest comparison is beyond noise and has a good side, else None."""
        near = self.nearest
        if near is None or near.relation not in ("hoger", "lager") or self.indicator.richting == "neutraal":
            return None
        return (near.relation == "hoger") == (self.indicator.richting == "gunstig")


@dataclass(frozen=True, slots=True)
class Score:
    """One row of `thema_score`."""

    reference: str
    score: float | None
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Signal:
    """One row of `signaal`."""

    level: str
    certainty: str
    stability: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peak:
    """One row of `opvallend`; a modelled figure has no percentile."""

    indicator: str
    percentile: float | None
    certainty: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of `integraal`."""

    outcome: str
    themes: int
    families: int
    stability: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ThemeView:
    """One theme of one area."""

    id: str
    theme: Theme
    scores: Mapping[str, Score]
    signal: Signal | None
    peaks: tuple[Peak, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """The row of `release`."""

    id: str
    method: str
    code: str
    example: bool
    made: str = ""
    """Date of the newest input, as printed."""
    before: str = ""
    """The edition before it; empty for the first."""
    before_made: str = ""


@dataclass(frozen=True, slots=True)
class Revised:
    """One row of `wijziging` of one area."""

    indicator: str
    year: int
    kind: str
    cause: str
    old: float | None
    new: float | None
    old_status: str | None
    new_status: str | None


@dataclass(frozen=True)
class Profile:
    """Everything that is printed about one area."""

    release: Release
    area: Area
    parents: tuple[Area, ...]
    figures: Mapping[str, Figure]
    themes: Mapping[str, ThemeView]
    outcome: Outcome | None
    texts: Mapping[str, str]
    changes: Mapping[str, tuple[Change, ...]]
    companions: Companions = NONE
    revised: tuple[Revised, ...] = ()
    """What is different from the edition before."""

    @property
    def small(self) -> bool:
        """True for an area with too few people to name differences: the page points at the wijk instead."""
        people = self.area.inhabitants
        return self.area.kind in ("buurt", "wijk") if people is None else people < UNIVERSE

    @property
    def union(self) -> bool:
        """True for a union of whole buurten: it is no area among others, and gets no score."""
        return self.area.kind == "samengesteld"

    @property
    def newest_year(self) -> int:
        """The newest peiljaar of any figure; the division's year when there is none."""
        return max((f.cell.year for f in self.figures.values() if f.cell.year), default=self.area.division)


def relation(own: Cell, other: Cell, indicator: Indicator, *, same_class: bool = True) -> Relation | None:
    """How `own` relates to `other`: a difference only where the intervals do not overlap.

    `niet_toetsbaar` where the own figure has no interval that holds. None where a difference means nothing: a value is absent, a
    total is compared with a part, or a distance with an area of another class of urbanity (`same_class`; METHOD.md section 12).
    """
    if own.value is None or other.value is None or indicator.samenvoegen == "som":
        return None
    if indicator.soort == "afstand" and not same_class:
        return None
    mine, theirs = _bounds(own, indicator), _bounds(other, indicator)
    if mine is None or _too_few(own, indicator):
        return "niet_toetsbaar"
    low, high = theirs or (other.value, other.value)
    if mine[0] > high:
        return "hoger"
    return "lager" if mine[1] < low else "gelijk"


def _too_few(cell: Cell, indicator: Indicator) -> bool:
    """True where the rounding of the denominator may be larger than the margin, which does not know it.

    That is a rate of fewer than 100 people or households, or a part that was rounded to more than its whole.
    """
    if cell.base is None:
        return False
    return cell.base < FEWEST or (indicator.foutmodel == "binomiaal" and cell.count is not None and cell.count > cell.base)


def _bounds(cell: Cell, indicator: Indicator) -> tuple[float, float] | None:
    """The interval that a figure is compared by; of a skewed rate that of its shrunken estimate, on the log scale."""
    if cell.smoothed is not None and cell.count is not None:
        half = Z95 / math.sqrt(cell.count + 0.5)
        return cell.smoothed * math.exp(-half), cell.smoothed * math.exp(half)
    if cell.lower is not None and cell.upper is not None:
        return cell.lower, cell.upper
    if indicator.soort == "afstand" and indicator.eenheid == "km" and cell.value is not None:
        return cell.value - NAMED_DISTANCE_KM / 2, cell.value + NAMED_DISTANCE_KM / 2
    return None
