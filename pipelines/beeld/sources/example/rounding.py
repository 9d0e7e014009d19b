"""How the sources round and withhold (METHOD.md section 3, facts/CBS.md section 7), applied to true values."""

from __future__ import annotations

import numpy as np

from beeld.sources.example.draws import Floats, Ints, stream
from beeld.sources.example.world import WIJK, Division


def direction(seed: int, year: int, topic: str, gemeenten: int) -> Ints:
    """For each gemeente +1 (this topic is rounded up there) or -1 (down)."""
    return stream(seed, "direction", year, topic).integers(0, 2, gemeenten) * 2 - 1


def to_five(values: Floats, division: Division, sign: Ints) -> Floats:
    """Counts of wijken and buurten as multiples of 5, all of one gemeente rounded the same way; others as they are.

    The error is s·u with u in 0…4 and s = ±1 common to gemeente and topic.
    """
    upward = sign[division.gemeente] > 0
    error = np.where(upward, np.mod(-values, 5.0), -np.mod(values, 5.0))
    return np.where(division.kind >= WIJK, values + error, values)


def to_ten(values: Floats, division: Division) -> Floats:
    """Counts of wijken and buurten to the nearest multiple of 10, each on its own."""
    return np.where(division.kind >= WIJK, np.floor(values / 10.0 + 0.5) * 10.0, values)
