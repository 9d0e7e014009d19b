"""How often the tests of change see a change where there is none: generated counts, rounded as the sources round them.

METHOD.md section 10 asks for one in twenty (two years) and one in five hundred (five years). Each area has its own number of
people and its own true share, the same in every year; the published counts are drawn from it and rounded (METHOD.md section 3),
with the common sign of a gemeente for base 5.
"""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from contextlib import closing

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from beeld.transforms import trends
from beeld.transforms.uncertainty import Z95, rounding_variance, score_sql

Floats = npt.NDArray[np.float64]
AREAS_OF_A_GEMEENTE = 20
MODELS = [("binomiaal", None), ("binomiaal", 5), ("binomiaal", 10), ("poisson", None), ("poisson", 5)]
"""Error model and rounding base of the figures in the catalogue that have a standard error."""


def rounded(counts: Floats, base: int | None, draw: np.random.Generator) -> Floats:
    """Published counts: base 5 up or down, the whole gemeente one way; base 10 to the nearest."""
    if base is None:
        return counts
    if base == 10:
        return 10 * np.floor((counts + 5) / 10)
    up = np.repeat(draw.integers(0, 2, -(-counts.shape[-1] // AREAS_OF_A_GEMEENTE)), AREAS_OF_A_GEMEENTE)[: counts.shape[-1]]
    rest = counts % base
    return np.where(rest == 0, counts, np.where(up == 1, counts + base - rest, counts - rest))


def published(model: str, base: int | None, years: int, people: Floats, shares: Floats, draw: np.random.Generator) -> Floats:
    """Counts, a row per area and a column per year; nothing changes between the years."""
    return np.stack([rounded(_counted(model, people, shares, draw), base, draw) for _ in range(years)], axis=1)


def _counted(model: str, people: Floats, shares: Floats, draw: np.random.Generator) -> Floats:
    found = draw.binomial(people.astype(int), shares) if model == "binomiaal" else draw.poisson(people * shares)
    return found.astype(float)


def intervals(model: str, base: int | None, counts: Floats, people: Floats) -> tuple[Floats, Floats]:
    """Ends of the interval of each count over its people, by the expression that a release runs."""
    middle, half = score_sql("y", "n", repr(rounding_variance(base)), part=model == "binomiaal")
    frame = pa.table({"y": counts.ravel(), "n": np.broadcast_to(people[:, None], counts.shape).ravel()})
    with closing(duckdb.connect()) as con:
        con.register("cijfers", frame)
        found = con.execute(f"select greatest({middle} - {half}, 0) as laag, {middle} + {half} as hoog from cijfers").fetchnumpy()
    ceiling = 1.0 if model == "binomiaal" else np.inf
    return found["laag"].reshape(counts.shape), np.minimum(found["hoog"], ceiling).reshape(counts.shape)


def areas(number: int, draw: np.random.Generator, smallest: float = 0.0) -> tuple[Floats, Floats]:
    """People from 200 to 5 000 and shares from 2 to 20 percent; with `smallest` only where so many are expected."""
    people = np.exp(draw.uniform(np.log(200), np.log(5000), number)).round()
    shares = np.exp(draw.uniform(np.log(0.02), np.log(0.2), number))
    kept = people * shares >= smallest
    return people[kept], shares[kept]


def called(model: str, base: int | None, number: int, smallest: float = 0.0) -> float:
    """Share of the areas that the test of two years calls changed."""
    draw = np.random.default_rng(20261125)
    return _changed(model, base, *areas(number, draw, smallest), draw)


def _changed(model: str, base: int | None, people: Floats, shares: Floats, draw: np.random.Generator) -> float:
    counts = published(model, base, 2, people, shares, draw)
    rates, (low, high) = counts / people[:, None], intervals(model, base, counts, people)
    first, last = (trends.Errors((rates - low)[:, year] / Z95, (high - rates)[:, year] / Z95) for year in (0, 1))
    return float((trends.two_years(rates[:, 0], first, rates[:, 1], last).richting != 0).mean())


def trended(model: str, base: int | None, number: int, smallest: float) -> float:
    """Share of the areas in which the test of five years sees a trend."""
    draw = np.random.default_rng(20261125)
    return _moving(model, base, *areas(number, draw, smallest), draw)


def _moving(model: str, base: int | None, people: Floats, shares: Floats, draw: np.random.Generator) -> float:
    counts = published(model, base, 5, people, shares, draw)
    rates, (low, high) = counts / people[:, None], intervals(model, base, counts, people)
    errors = np.where(low <= 0, np.maximum(rates - low, high - rates), (high - low) / 2) / Z95
    years = np.tile(np.arange(2020.0, 2025), (len(people), 1))
    return float((trends.trend_test(years, rates, errors).richting != 0).mean())


def expecting(low: float, high: float, number: int, draw: np.random.Generator) -> tuple[Floats, Floats]:
    """People and shares of areas in which from `low` up to `high` cases are expected."""
    people = np.exp(draw.uniform(np.log(200), np.log(5000), number)).round()
    return people, np.exp(draw.uniform(np.log(low), np.log(high), number)) / people


@pytest.mark.parametrize(("model", "base"), MODELS)
def test_small_counts_change_no_more_often_by_chance(model: str, base: int | None) -> None:
    """A few cases are too few to see much; rounding to fives can let through somewhat more (docs/methode.md)."""
    draw = np.random.default_rng(20261126)
    for low, high in ((0.5, 2), (2, 5), (5, 10), (10, 20)):
        people, shares = expecting(low, high, 20_000, draw)
        assert _changed(model, base, people, shares, draw) <= (0.08 if base == 5 and low == 5 else 0.055), (low, high)
        assert _moving(model, base, people, shares, draw) <= 0.0045, (low, high)


@pytest.mark.parametrize(("model", "base"), MODELS)
def test_one_in_twenty_is_called_changed_by_chance(model: str, base: int | None) -> None:
    assert called(model, base, 60_000) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(("model", "base"), MODELS)
def test_one_in_five_hundred_has_a_trend_by_chance(model: str, base: int | None) -> None:
    """Counts of 20 or more; of smaller ones fewer (below)."""
    assert 0.001 < trended(model, base, 60_000, 20) < 0.0045


def test_a_total_that_is_only_rounded_is_never_called_changed() -> None:
    """aantal_inwoners: the same number of people rounds to neighbouring fives, 5 apart; 1.96 times the root of 12 is 6.8."""
    draw = np.random.default_rng(20261125)
    people = draw.integers(0, 5000, 60_000).astype(float)
    first, last = (rounded(people, 5, draw) for _ in range(2))
    error = trends.Errors.equal(np.full(len(people), np.sqrt(rounding_variance(5))))
    assert (first != last).mean() > 0.3
    assert not trends.two_years(first, error, last, error).richting.any()


def test_a_real_change_of_the_smallest_detectable_size_is_seen_four_times_in_five() -> None:
    """METHOD.md section 10: (1.96 + 0.84)·√2·SE has a power of 80 percent."""
    draw = np.random.default_rng(20261125)
    error = trends.Errors.equal(np.full(60_000, 0.98))
    step = trends.smallest_detectable(0.98)
    first, last = draw.normal(10, 0.98, 60_000), draw.normal(10 - step, 0.98, 60_000)
    found = trends.two_years(first, error, last, error)
    assert (found.richting == -1).mean() == pytest.approx(0.80, abs=0.01)


@pytest.mark.nightly
@pytest.mark.parametrize(("model", "base"), MODELS)
def test_the_same_in_large(model: str, base: int | None) -> None:
    """Two million areas, and areas of 20 or more cases apart."""
    assert called(model, base, 2_000_000) == pytest.approx(0.05, abs=0.01)
    assert called(model, base, 2_000_000, 20) == pytest.approx(0.05, abs=0.005)
    assert 0.0015 < trended(model, base, 2_000_000, 20) < 0.004
