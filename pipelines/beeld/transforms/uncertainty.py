"""How sure a published figure is: METHOD.md section 3. Plain formulas in SQL and numpy; every worked example there is a test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Z95 = 1.96
RELIABLE = 0.20
"""Largest standard error, as a share of the figure, that still counts as reliable."""


def rounding_variance(base: int | None, cells: int = 1) -> float:
    """Variance of the rounding error of a sum of `cells` published counts of one gemeente and topic.

    Base 5: errors share one sign within a gemeente and topic, so 4m² + 2m (one cell: 6). Base 10 (bijstand): independent, 8.25 m.
    """
    if base == 5:
        return 4.0 * cells**2 + 2.0 * cells
    if base == 10:
        return 8.25 * cells
    return 0.0


def rounds(base: int | None, kind: str) -> bool:
    """Are counts of this kind of area rounded to `base`? To 5 only those of buurten and wijken; to 10 (bijstand) at every level.

    METHOD.md names buurten and wijken only; in the tables the bijstand of gemeenten is a multiple of 10 too (docs/methode.md).
    """
    return base == 10 or (base == 5 and kind in ("buurt", "wijk"))


def rounding_bound(base: int | None, cells: int) -> float:
    """Largest difference that rounding alone can make between a total and the sum of `cells` parts, the total's own included."""
    if base == 5:
        return 4.0 * cells + 4.0
    if base == 10:
        return 5.0 * cells + 5.0
    return 0.0


def count_variance(count: float, denominator: float, rounding: float) -> float:
    """Variance of a published count y of n: y(1 - y/n) plus the rounding variance."""
    return count * (1 - count / denominator) + rounding


def shrink(counts: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Mean and between-area variance of log rates, by DerSimonian and Laird: (mu, tau²).

    `counts` and `denominators` are the areas of one class that have both, with a denominator above 0. Fewer than two areas give
    the plain mean and no variance.
    """
    x = np.log((counts + 0.5) / denominators)
    v = 1.0 / (counts + 0.5)
    if len(x) < 2:
        return float(x.mean()) if len(x) else 0.0, 0.0
    w = 1.0 / v
    mean = float((w * x).sum() / w.sum())
    q = float((w * (x - mean) ** 2).sum())
    tau2 = max(0.0, (q - (len(x) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
    weights = 1.0 / (v + tau2)
    return float((weights * x).sum() / weights.sum()), tau2


def shrunk_rates(
    counts: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64], mu: float, tau2: float
) -> npt.NDArray[np.float64]:
    """Rates drawn towards the mean of their class: theta = exp(mu + B (x - mu)) with B = tau² / (tau² + v)."""
    x = np.log((counts + 0.5) / denominators)
    v = 1.0 / (counts + 0.5)
    return np.exp(mu + tau2 / (tau2 + v) * (x - mu))


def posterior_error(counts: npt.NDArray[np.float64], tau2: float) -> npt.NDArray[np.float64]:
    """Standard error of log theta given the count: sqrt(B v), v = 1/(y + 1/2); what the class tells makes it smaller than v."""
    v = 1.0 / (counts + 0.5)
    return np.sqrt(tau2 * v / (tau2 + v)) if tau2 > 0 else np.zeros_like(v)
