"""Local Moran's I with conditional permutations and false discovery control: METHOD.md section 9, on plain arrays.

`esda` is the reference (tests hold this against it). It is not used here: without numba its 9,999 permutations of 14,600 areas
take half a minute a theme, importing it takes ten seconds, and its class tests one tail only, chosen after looking at the data.
The permutations below give the same reference distribution; twenty times as many take about a second (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

PERMUTATIONS = 9_999
MANY = 199_999
"""Permutations of more than FEW areas. Areas with as many neighbours share their draws, so that their p err the same way: with
9,999 it depended on the seed whether 302 or 431 of 9,950 areas passed the correction (docs/methode.md)."""
ROUND = 10_000
"""Permutations that are in memory at a time."""
SAME = 1e-9
"""Sums of centred values closer than this are the same sum: it takes the noise of adding up out of the comparison."""
FEW = 512
"""Up to this many areas whole permutations are drawn; above it rows of a few different areas, by rejection."""


@dataclass(frozen=True)
class Weights:
    """Neighbours as one long list: those of area i are `targets[starts[i]:starts[i + 1]]`, with equal weights that add to 1."""

    starts: Integers
    targets: Integers

    @property
    def degrees(self) -> Integers:
        """The number of neighbours of each area."""
        return np.diff(self.starts)


@dataclass(frozen=True)
class Local:
    """Per area: Moran's I, its centred value, the mean of its neighbours' centred values, and two-sided p before correction."""

    statistic: Floats
    centred: Floats
    lag: Floats
    p: Floats


def weights_of(neighbours: Sequence[Sequence[int]]) -> Weights:
    """The weights of a list of neighbours per area; ValueError for an area without any, which has no local statistic."""
    if any(not each for each in neighbours):
        raise ValueError("every area needs a neighbour")
    starts = np.cumsum([0, *(len(each) for each in neighbours)])
    return Weights(starts.astype(np.int64), np.array([t for each in neighbours for t in each], dtype=np.int64))


def local_moran(values: Floats, weights: Weights) -> tuple[Floats, Floats, Floats]:
    """I_i = z_i Σ_j w_ij z_j / m2 with z = x − mean and m2 = Σz²/N, beside z and the lag; all zero when no value differs."""
    centred = values - values.mean()
    lag = np.add.reduceat(centred[weights.targets], weights.starts[:-1]) / weights.degrees
    spread = float((centred**2).mean())
    return centred * lag / spread if spread > 0 else np.zeros_like(centred), centred, lag


def permutation_test(values: Floats, weights: Weights, seed: int, permutations: int | None = None) -> Local:
    """Local Moran's I of every area with p = 2·min(upper, lower) over conditional permutations, at most 1.

    Each area keeps its own value while the others are shuffled. Both tails count, because a value is called high or low only
    after looking at it. The smallest p is 2/(permutations + 1). None: as many as the number of areas needs.
    """
    permutations = permutations or (PERMUTATIONS if len(values) <= FEW else MANY)
    statistic, centred, lag = local_moran(values, weights)
    degrees = weights.degrees
    upper = np.zeros(len(values), dtype=np.int64)
    lower = np.zeros(len(values), dtype=np.int64)
    chance = np.random.default_rng(seed)
    for degree in np.unique(degrees).tolist():
        chosen = np.flatnonzero(degrees == degree)
        for start in range(0, permutations, ROUND):
            drawn = _draw(chance, len(values) - 1, degree, min(ROUND, permutations - start))
            high, low = _tails(centred, lag[chosen] * degree, chosen, drawn)
            upper[chosen] += high
            lower[chosen] += low
    tail = (np.minimum(upper, lower) + 1) / (permutations + 1)
    return Local(statistic, centred, lag, np.minimum(1.0, 2 * tail))


def discoveries(p: Floats) -> Floats:
    """p after Benjamini and Hochberg's correction: what stays at or below 0.05 has a false discovery rate of at most 5 %."""
    from scipy import stats  # late: takes a second

    return np.asarray(stats.false_discovery_control(p, method="bh"), dtype=np.float64)


def _draw(rng: np.random.Generator, others: int, width: int, rows: int) -> Integers:
    """`rows` draws of `width` different numbers below `others`, each ordered draw as likely as any other."""
    if others <= FEW:
        return np.argsort(rng.random((rows, others)), axis=1)[:, :width].astype(np.int64)
    drawn = rng.integers(0, others, (rows, width))
    while True:
        ordered = np.sort(drawn, axis=1)
        repeated = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(repeated):
            return drawn
        drawn[repeated] = rng.integers(0, others, (len(repeated), width))


def _tails(centred: Floats, observed: Floats, areas: Integers, drawn: Integers) -> tuple[Integers, Integers]:
    """How many permuted sums are at least, and at most, the observed sum of each of `areas`, which all have as many neighbours.

    One set of draws serves them all. Numbers below N − 1 become the others of area i when i itself is read as the last area: only
    the few draws that hold i differ from the shared sums, and those are counted anew.
    """
    sums = centred[drawn].sum(axis=1)
    ordered = np.sort(sums)
    upper = len(sums) - np.searchsorted(ordered, observed - SAME, side="left")
    lower = np.searchsorted(ordered, observed + SAME, side="right")
    place = np.full(len(centred), -1, dtype=np.int64)
    place[areas] = np.arange(len(areas))
    rows, _ = np.indices(drawn.shape)
    held, row = place[drawn.ravel()], rows.ravel()
    row, held = row[held >= 0], held[held >= 0]
    before = sums[row]
    after = before + centred[-1] - centred[areas[held]]
    low, high = observed[held] - SAME, observed[held] + SAME
    np.add.at(upper, held, (after >= low).astype(np.int64) - (before >= low))
    np.add.at(lower, held, (after <= high).astype(np.int64) - (before <= high))
    return upper, lower
