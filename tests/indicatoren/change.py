"""A second implementation of METHOD.md section 10, point by point with loops and no arrays, written from the text.

It reads a release or a build by its public tables only, plus which years of which area stand in one series.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[int, float, float]
"""Year, value, standard error."""


@dataclass(frozen=True)
class Found:
    """One row of `trend` and the numbers behind it."""

    verschil: float | None
    uitkomst: str
    kritisch: float | None = None
    helling: float | None = None
    chi2: float | None = None


def two_years(first: Point, last: Point) -> Found:
    """critical difference = 1.96·√(SE₁² + SE₂²); a change beyond it is stijgt or daalt."""
    difference = last[1] - first[1]
    critical = 1.96 * math.sqrt(first[2] * first[2] + last[2] * last[2])
    if difference > critical:
        return Found(difference, "stijgt", critical)
    if -difference > critical:
        return Found(difference, "daalt", critical)
    return Found(difference, "geen_aantoonbare_verandering", critical)


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


def rows(points: Sequence[tuple[int, float, float | None, bool]]) -> dict[tuple[int, int], Found]:
    """The rows of `trend` of one area and indicator from (year, value, standard error or None, in the series), oldest first."""
    series = [(year, value, error) for year, value, error, good in points if good]
    if len(points) < 2:
        return {}
    if len(series) < 2:
        return {(points[0][0], points[-1][0]): Found(None, "niet_toetsbaar")}
    found: dict[tuple[int, int], Found] = {}
    for first, last in ((series[0], series[-1]), (series[-2], series[-1])):
        if first[2] is None or last[2] is None:
            found[first[0], last[0]] = Found(last[1] - first[1], "niet_toetsbaar")
        else:
            found[first[0], last[0]] = two_years((first[0], first[1], first[2]), (last[0], last[1], last[2]))
    five = [(year, value, error) for year, value, error in series[-5:] if error]
    if len(five) == 5:
        found[five[0][0], five[-1][0]] = trend(five)
    return found


def error_of(value: float, low: float | None, high: float | None, limits: tuple[float, float] | None) -> float | None:
    """Standard error behind a published 95 % interval: its wider half; None without one, or with both ends cut off."""
    if low is None or high is None or (limits is not None and low <= limits[0] and high >= limits[1]):
        return None
    return max(value - low, high - value) / 1.96


def effect(before: Point, after: Point, comparison: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """DiD and SE_DiD = √(SE_after² + SE_before² + s²_c/m) from (before, after) of the comparison areas."""
    changes = [b - a for a, b in comparison]
    mean = sum(changes) / len(changes)
    spread = sum((change - mean) ** 2 for change in changes) / (len(changes) - 1)
    return after[1] - before[1] - mean, math.sqrt(after[2] ** 2 + before[2] ** 2 + spread / len(changes))


def by_figure(
    rows_of: Sequence[tuple[str, str, int, float, float | None, bool]],
) -> Mapping[tuple[str, str], list[tuple[int, float, float | None, bool]]]:
    """(gebiedscode, indicator) -> its points, oldest first."""
    found: dict[tuple[str, str], list[tuple[int, float, float | None, bool]]] = {}
    for code, name, *point in sorted(rows_of):
        found.setdefault((code, name), []).append((point[0], point[1], point[2], point[3]))
    return found
