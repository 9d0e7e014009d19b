"""The classes of a map: where their bounds lie, which one a value is in, and what they are called."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from beeld.profiles.language import tr
from beeld.profiles.maps.text import numeral
from beeld.profiles.wording import rounded


def class_bounds(
    values: Sequence[float] | NDArray[np.float64], decimals: int, *, steps: bool = False, most: int = 5
) -> tuple[float, ...]:
    """Bounds between at most `most` classes: quantiles or equal steps, rounded, with values on both sides of each.

    Equal steps are for modelled figures: they say what the estimate is and order no area among the others.

    The quantiles are those of mapclassify (the same to 1e-14), which is not used: its classes hold their upper bound, ours their
    lower one ("42,0 of meer"), so that one line of numpy would go, and scikit-learn and networkx would come.
    """
    numbers = np.sort(np.round(np.asarray(values, dtype=np.float64), decimals))
    if len(numbers):  # the outer values exactly as they are printed, because no class may lie outside them
        numbers[0], numbers[-1] = rounded(min(values), decimals), rounded(max(values), decimals)
    if most < 2 or len(numbers) < 2 or numbers[0] == numbers[-1]:
        return ()
    if steps:
        low, high = (float(q) for q in np.quantile(numbers, [0.02, 0.98]))
        low, high = (low, high) if low < high else (float(numbers[0]), float(numbers[-1]))
        unit = max(_nice((high - low) / most), 10.0**-decimals)
        first = round(((low + high) / 2 - (most - 2) / 2 * unit) / unit)
        raw = [(first + i) * unit for i in range(most - 1)]
    else:
        quantiles = np.quantile(numbers, [i / most for i in range(1, most)])
        gaps = np.diff(quantiles)
        unit = max(_coarse(float(gaps.min()) / 5 if len(gaps) else 0.0), 10.0**-decimals)
        raw = [round(float(q) / unit) * unit for q in quantiles]
    bounds = sorted({rounded(bound, decimals) for bound in raw})
    return tuple(bound for bound in bounds if numbers[0] < bound <= numbers[-1])


def classify(value: float, bounds: Sequence[float], decimals: int) -> int:
    """Index of the class of a value as it is printed; a bound belongs to the class above it."""
    return bisect.bisect_right(bounds, rounded(value, decimals))


def class_labels(bounds: Sequence[float], decimals: int) -> list[str]:
    """The classes in words."""
    if not bounds:
        return [tr("alle cijfers")]
    texts = [numeral(bound, decimals) for bound in bounds]
    between = [tr("{low} tot {high}", low=low, high=high) for low, high in itertools.pairwise(texts)]
    return [tr("minder dan {number}", number=texts[0]), *between, tr("{number} of meer", number=texts[-1])]


def _nice(value: float) -> float:
    """The nearest of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return min((1, 2, 5, 10), key=lambda digit: abs(math.log(value / (digit * power)))) * power


def _coarse(value: float) -> float:
    """The largest of 1 or 5 times a power of ten that is not above a value; 0 for 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return 5 * power if value >= 5 * power else power
