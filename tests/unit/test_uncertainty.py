"""Rounding, standard errors and shrinkage: the worked numbers of METHOD.md section 3."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from beeld.transforms import uncertainty
from tests.indicatoren import second


def test_sixty_of_eight_hundred() -> None:
    """METHOD.md 3: "60 of 800: SE = √(55.5 + 6)/800 = 0.98 points"; section 10: 45 of 800 gives √48.5/800 = 0.87."""
    variance = uncertainty.count_variance(60, 800, uncertainty.rounding_variance(5))
    assert variance == pytest.approx(55.5 + 6)
    assert round(100 * math.sqrt(variance) / 800, 2) == 0.98
    assert round(100 * math.sqrt(uncertainty.count_variance(45, 800, 6)) / 800, 2) == 0.87


@pytest.mark.parametrize(("cells", "rms"), [(1, math.sqrt(6)), (5, math.sqrt(110)), (20, math.sqrt(1640))])
def test_rounding_to_five_has_one_sign_per_gemeente(cells: int, rms: float) -> None:
    """METHOD.md 3: "One cell: RMS √6 = 2.45; a sum of m cells: RMS √(4m² + 2m) (m = 5: 10.5), bound 4m"."""
    assert math.sqrt(uncertainty.rounding_variance(5, cells)) == pytest.approx(rms)
    assert round(math.sqrt(uncertainty.rounding_variance(5, 5)), 1) == 10.5
    assert uncertainty.rounding_bound(5, cells) == 4 * cells + 4, "4m, plus the published total's own rounding"


def test_the_rounding_variance_is_that_of_the_error_model() -> None:
    """e = s·u, u uniform on 0…4, s = ±1 common to the cells: enumerated for two cells, simulated for five."""
    both = [sign * (first + other) for sign in (-1, 1) for first in range(5) for other in range(5)]
    assert np.mean(np.square(both)) == pytest.approx(uncertainty.rounding_variance(5, 2))
    chance = random.Random(1)
    sums = [chance.choice((-1, 1)) * sum(chance.randrange(5) for _ in range(5)) for _ in range(40_000)]
    assert np.mean(np.square(sums)) == pytest.approx(uncertainty.rounding_variance(5, 5), rel=0.03)


def test_bijstand_is_rounded_independently_to_ten() -> None:
    """METHOD.md 3: "to the nearest 10: variance 8.25 per cell, sum √(8.25m), bound 5m"."""
    assert uncertainty.rounding_variance(10) == 8.25
    assert np.var(np.arange(-4.5, 5.0)) == pytest.approx(8.25), "ten equally likely errors, halves either way"
    assert math.sqrt(uncertainty.rounding_variance(10, 4)) == pytest.approx(math.sqrt(8.25 * 4))
    assert uncertainty.rounding_bound(10, 7) == 5 * 7 + 5


def test_police_counts_are_not_rounded() -> None:
    assert uncertainty.rounding_variance(None, 9) == 0
    assert uncertainty.rounding_bound(None, 9) == 0


@pytest.mark.parametrize("seed", range(8))
def test_shrinkage_against_a_straightforward_implementation(seed: int) -> None:
    """DerSimonian and Laird, written out term by term in tests/indicatoren/second.py."""
    chance = random.Random(seed)
    size = chance.choice([2, 3, 10, 300])
    people = [float(5 * chance.randrange(40, 2000)) for _ in range(size)]
    counts = [float(int(p * chance.lognormvariate(-3, chance.choice([0.0, 0.2, 1.0])))) for p in people]
    mu, tau2 = uncertainty.shrink(np.array(counts), np.array(people))
    expected_mu, expected_tau2 = second.shrunk(counts, people)
    assert mu == pytest.approx(expected_mu, abs=1e-10)
    assert tau2 == pytest.approx(expected_tau2, abs=1e-10)
    rates = uncertainty.shrunk_rates(np.array(counts), np.array(people), mu, tau2)
    for rate, count, inhabitants in zip(rates, counts, people, strict=True):
        assert rate == pytest.approx(second.shrunk_rate(count, inhabitants, mu, tau2), rel=1e-10)
        raw, middle = (count + 0.5) / inhabitants, math.exp(mu)
        assert min(raw, middle) - 1e-12 <= rate <= max(raw, middle) + 1e-12, "drawn towards the mean, never past it"


def test_shrinkage_by_hand() -> None:
    """Three areas: w = 10.5, 20.5, 40.5; x = ln(10.5/100), ln(20.5/100), ln(40.5/100)."""
    mu, tau2 = uncertainty.shrink(np.array([10.0, 20.0, 40.0]), np.array([100.0, 100.0, 100.0]))
    w, x = [10.5, 20.5, 40.5], [math.log(0.105), math.log(0.205), math.log(0.405)]
    mu0 = (w[0] * x[0] + w[1] * x[1] + w[2] * x[2]) / 71.5
    q = w[0] * (x[0] - mu0) ** 2 + w[1] * (x[1] - mu0) ** 2 + w[2] * (x[2] - mu0) ** 2
    by_hand = (q - 2) / (71.5 - (10.5**2 + 20.5**2 + 40.5**2) / 71.5)
    assert by_hand > 0
    assert tau2 == pytest.approx(by_hand)
    weights = [1 / (1 / part + by_hand) for part in w]
    assert mu == pytest.approx(sum(a * b for a, b in zip(weights, x, strict=True)) / sum(weights))


def test_equal_rates_have_no_variance_between_them() -> None:
    mu, tau2 = uncertainty.shrink(np.array([50.0, 50.0]), np.array([1000.0, 1000.0]))
    assert tau2 == 0
    assert math.exp(mu) == pytest.approx(0.0505)


@pytest.mark.parametrize("counts", [[], [7.0]])
def test_a_class_of_fewer_than_two_areas(counts: list[float]) -> None:
    mu, tau2 = uncertainty.shrink(np.array(counts), np.full(len(counts), 100.0))
    assert tau2 == 0
    assert math.exp(mu) == pytest.approx(0.075 if counts else 1.0)
