"""Whether an area developed differently from comparison areas: difference-in-differences, METHOD.md section 10. Plain formulas.

The comparison areas are chosen before the figures are looked at; placebo areas, in which nothing was done, show how often so
large a difference comes up by itself. The outcome names a difference and how sure it is, never a cause.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from beeld.transforms.trends import smallest_detectable
from beeld.transforms.uncertainty import Z95

FEWEST = 2
"""Comparison areas that a difference needs: with one there is no spread to hold it against."""


@dataclass(frozen=True)
class Measured:
    """A figure of one area before and after, with its standard errors (None where there is no error model)."""

    code: str
    before: float
    after: float
    before_error: float | None = None
    after_error: float | None = None

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before


@dataclass(frozen=True)
class Difference:
    """A difference-in-differences with its standard error: `eigen` minus `vergelijking` (mean of `aantal` areas)."""

    verschil: float
    fout: float
    eigen: float
    vergelijking: float
    spreiding: float
    aantal: int

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval: the difference ± 1.96 standard errors."""
        return self.verschil - Z95 * self.fout, self.verschil + Z95 * self.fout

    @property
    def demonstrable(self) -> bool:
        """True when the interval does not hold 0."""
        low, high = self.interval
        return low > 0 or high < 0


@dataclass(frozen=True)
class Placebo:
    """Where a difference lies among those of placebo areas: how many are at least as large in size, of how many."""

    minstens_zo_groot: int
    aantal: int


@dataclass(frozen=True)
class Evaluation:
    """What can be said of an approach: a difference, or the reasons why nothing can be said (`weigeringen`)."""

    verschil: Difference | None
    placebo: Placebo | None
    weigeringen: tuple[str, ...]

    def words(self, decimals: int = 1) -> str:
        """The outcome in Dutch, with its numbers and without a cause."""
        if self.verschil is None:
            return "Niet te evalueren: " + "; ".join(self.weigeringen) + "."
        d = self.verschil
        low, high = d.interval
        shown = [f"{number:+.{decimals}f}".replace(".", ",") for number in (d.eigen, d.vergelijking, d.verschil, low, high)]
        found = "aantoonbaar" if d.demonstrable else "niet aantoonbaar"
        text = (
            f"Verandering in het gebied {shown[0]}, gemiddeld in {d.aantal} vergelijkingsgebieden {shown[1]}: "
            f"verschil {shown[2]} (95%-interval {shown[3]} tot {shown[4]}), {found}."
        )
        if self.placebo is None or not self.placebo.aantal:
            return text
        place = f"{self.placebo.minstens_zo_groot} van {self.placebo.aantal} placebogebieden"
        return f"{text} In {place} is het verschil minstens zo groot."


def difference(area: Measured, comparison: Sequence[Measured]) -> Difference:
    """(after − before) − mean of the same in the comparison areas; SE = √(SE_after² + SE_before² + s²_c / m).

    s_c is the standard deviation of the m changes of the comparison areas. ValueError for fewer than two of them, or an area
    without standard errors.
    """
    if len(comparison) < FEWEST or area.before_error is None or area.after_error is None:
        raise ValueError("a difference needs two comparison areas and the standard errors of the area itself")
    changes = [other.change for other in comparison]
    mean = math.fsum(changes) / len(changes)
    spread = math.sqrt(math.fsum((change - mean) ** 2 for change in changes) / (len(changes) - 1))
    error = math.sqrt(area.after_error**2 + area.before_error**2 + spread**2 / len(changes))
    return Difference(area.change - mean, error, area.change, mean, spread, len(changes))


def placebo_position(found: Difference, placebos: Sequence[Measured], comparison: Sequence[Measured]) -> Placebo:
    """The same difference for each placebo area; one that is itself a comparison area is held against the others."""
    sizes: list[float] = []
    for placebo in placebos:
        others = [other.change for other in comparison if other.code != placebo.code]
        if len(others) >= FEWEST:
            sizes.append(abs(placebo.change - math.fsum(others) / len(others)))
    return Placebo(sum(size >= abs(found.verschil) for size in sizes), len(sizes))


def not_detectable(goal: float, error: float) -> str | None:
    """Why a goal (a change, in the unit of the figure) cannot be shown with this figure; None when it can."""
    smallest = smallest_detectable(error)
    if abs(goal) >= smallest:
        return None
    numbers = [f"{number:.1f}".replace(".", ",") for number in (goal, smallest)]
    return f"een doel van {numbers[0]} is met open cijfers niet aantoonbaar: de kleinste aantoonbare verandering is {numbers[1]}"
