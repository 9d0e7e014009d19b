"""How sure a published figure is: METHOD.md section 3. Plain formulas in SQL and numpy; every worked example there is a test.

The interval of a count is not METHOD's y ± 1.96 √(y(1 − y/n) + rounding): below twenty cases that holds the truth too seldom, and
0 of n would be certain. It is the same variance taken at the true rate instead of the published one (docs/methode.md).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Z95 = 1.96
RELIABLE = 0.20
"""Largest standard error, as a share of the figure, that still counts as reliable."""

COUNTS = ("binomiaal", "poisson")
"""Error models of figures that are a published count over a denominator."""


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


def count_variance(count: float, denominator: float, rounding: float, *, part: bool = True) -> float:
    """Variance of a published count y of n: y(1 - y/n) plus the rounding variance; for events, no `part` of n, y itself."""
    return (max(count * (1 - count / denominator), 0.0) if part else count) + rounding


def score_sql(count: str, denominator: str, rounding: str, *, part: bool) -> tuple[str, str]:
    """Middle and half width, as SQL, of the 95% interval of the rate y/n of a rounded count.

    All rates p that the published count does not contradict: |y - n p| <= z √(v(p) + rounding variance), with v(p) = n p for
    events (the score interval of a Poisson count) and n p (1 - p) for a `part` of the denominator (Wilson, JASA 1927). Null where
    n is 0. The lower end can lie below 0, which the caller cuts off.
    """
    z2 = Z95**2
    if part:
        whole = f"nullif({denominator}, 0)"
        inner = f"{z2!r} + 4 * {count} * (1 - {count} / {whole}) + 4 * {rounding} * (1 + {z2!r} / {whole})"
        below = f"(2 * ({denominator} + {z2!r}))"
        return f"(2 * {count} + {z2!r}) / {below}", f"{Z95!r} * sqrt(greatest({inner}, 0)) / {below}"
    below = f"nullif({denominator}, 0)"
    return f"({count} + {z2 / 2!r}) / {below}", f"{Z95!r} * sqrt({count} + {rounding} + {z2 / 4!r}) / {below}"


def score_interval(count: float, denominator: float, rounding: float, *, part: bool) -> tuple[float, float]:
    """Lower and upper end of the same interval, as a share of `denominator` (above 0); the lower end is never below 0."""
    z2 = Z95**2
    if part:
        below = 2 * (denominator + z2)
        inner = z2 + 4 * count * (1 - count / denominator) + 4 * rounding * (1 + z2 / denominator)
        middle, half = (2 * count + z2) / below, Z95 * math.sqrt(max(inner, 0.0)) / below
    else:
        middle, half = (count + z2 / 2) / denominator, Z95 * math.sqrt(count + rounding + z2 / 4) / denominator
    return max(middle - half, 0.0), middle + half


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
