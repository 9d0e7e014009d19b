"""A second implementation of METHOD.md section 10, point by point with loops and no arrays, written from the text.

It reads a release or a build by its public tables only, plus which years of which area stand in one series.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[int, float, float]
"""Year, value, standard error."""
Sides = tuple[float, float]
"""Standard errors of a figure towards lower and towards higher values."""


@dataclass(frozen=True)
class Found:
    """One row of `trend` and the numbers behind it."""

    verschil: float | None
    uitkomst: str
    kritisch: float | None = None
    helling: float | None = None
    chi2: float | None = None


def two_years(first: float, first_sides: Sides, last: float, last_sides: Sides) -> Found:
    """critical difference = 1.96·√(SE₁² + SE₂²), each SE on the side where the two years approach; beyond it stijgt or daalt."""
    difference = last - first
    if difference < 0:
        critical = 1.96 * math.hypot(first_sides[0], last_sides[1])
        return Found(difference, "daalt" if -difference > critical else "geen_aantoonbare_verandering", critical)
    critical = 1.96 * math.hypot(first_sides[1], last_sides[0])
    return Found(difference, "stijgt" if difference > critical else "geen_aantoonbare_verandering", critical)


def line(points: Sequence[Point]) -> tuple[float, float]:
    """Slope b of the weighted line (weights 1/SE²) and its standard error, by the normal equations."""
    total = x1 = x2 = y1 = xy = 0.0
    origin = points[0][0]
    for year, value, error in points:
        weight, x = 1 / (error * error), year - origin
        total += weight
        x1 += weight * x
        x2 += weight * x * x
        y1 += weight * value
        xy += weight * x * value
    determinant = total * x2 - x1 * x1
    return (total * xy - x1 * y1) / determinant, math.sqrt(total / determinant)


def trend(points: Sequence[Point]) -> Found:
    """χ² = (b/SE_b)² > 9.55; the sign must hold leaving out each point."""
    b, error = line(points)
    chi2 = (b / error) ** 2
    outcome = "geen_aantoonbare_verandering"
    if chi2 > 9.55:
        outcome = "stijgt" if b > 0 else "daalt"
        for left_out in range(len(points)):
            without, _ = line([point for place, point in enumerate(points) if place != left_out])
            if (without > 0) != (b > 0) or without == 0:
                outcome = "geen_aantoonbare_verandering"
    return Found(points[-1][1] - points[0][1], outcome, helling=b, chi2=chi2)


def rows(points: Sequence[tuple[int, float, Sides | None, bool]]) -> dict[tuple[int, int], Found]:
    """The rows of `trend` of one area and indicator from (year, value, errors or None, in the series), oldest first."""
    series = [(year, value, sides) for year, value, sides, good in points if good]
    if len(points) < 2:
        return {}
    if len(series) < 2:
        return {(points[0][0], points[-1][0]): Found(None, "niet_toetsbaar")}
    found: dict[tuple[int, int], Found] = {}
    for (begin, first, before), (end, last, after) in ((series[0], series[-1]), (series[-2], series[-1])):
        if before is None or after is None:
            found[begin, end] = Found(last - first, "niet_toetsbaar")
        else:
            found[begin, end] = two_years(first, before, last, after)
    five = [(year, value, sum(sides) / 2) for year, value, sides in series[-5:] if sides and sum(sides)]
    if len(five) == 5:
        found[five[0][0], five[-1][0]] = trend(five)
    return found


def error_of(value: float, low: float | None, high: float | None, limits: tuple[float, float] | None) -> Sides | None:
    """Standard errors behind a published 95 % interval: its halves; twice the wider one where an end is cut off.

    None without an interval, or with both ends cut off.
    """
    if low is None or high is None:
        return None
    below, above = (value - low) / 1.96, (high - value) / 1.96
    cut = [] if limits is None else [low <= limits[0], high >= limits[1]]
    if cut and all(cut):
        return None
    return (max(below, above), max(below, above)) if any(cut) else (below, above)


def effect(before: Point, after: Point, comparison: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """DiD and SE_DiD = √(SE_after² + SE_before² + s²_c/m) from (before, after) of the comparison areas."""
    changes = [b - a for a, b in comparison]
    mean = sum(changes) / len(changes)
    spread = sum((change - mean) ** 2 for change in changes) / (len(changes) - 1)
    return after[1] - before[1] - mean, math.sqrt(after[2] ** 2 + before[2] ** 2 + spread / len(changes))


def by_figure(
    rows_of: Sequence[tuple[str, str, int, float, Sides | None, bool]],
) -> Mapping[tuple[str, str], list[tuple[int, float, Sides | None, bool]]]:
    """(gebiedscode, indicator) -> its points, oldest first."""
    found: dict[tuple[str, str], list[tuple[int, float, Sides | None, bool]]] = {}
    for code, name, *point in sorted(rows_of):
        found.setdefault((code, name), []).append((point[0], point[1], point[2], point[3]))
    return found


def count_bounds(count: float, people: float, rounding: float, *, part: bool) -> tuple[float, float]:
    """The smallest and largest number of cases that a published count does not contradict, found by halving.

    A true number m is contradicted when the count lies further from it than 1.96 times its standard deviation under that m: of
    events m + rounding, of a part of `people` m (1 - m/people) + rounding.
    """

    def allowed(m: float) -> bool:
        spread = max(m * (1 - m / people), 0.0) if part else m
        return abs(count - m) <= 1.96 * math.sqrt(spread + rounding)

    def edge(inside: float, outside: float) -> float:
        if allowed(outside):
            return outside
        for _ in range(80):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if allowed(middle) else (inside, middle)
        return inside

    return edge(count, 0.0), edge(count, people if part else 10 * count + 100)
