"""The interval of a small count: whom it holds, and that SQL, Python and the text say the same (docs/methode.md)."""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from contextlib import closing
from itertools import pairwise

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from scipy import stats

from beeld.transforms.uncertainty import count_variance, rounding_variance, score_interval, score_sql
from tests.indicatoren.change import count_bounds

Floats = npt.NDArray[np.float64]
BASES = (None, 5, 10)
EDGES = (0.5, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0)


def channel(base: int | None, largest: int) -> tuple[Floats, Floats]:
    """Published counts, and the chance of each given a true count of 0...largest: to 5 up or down, to 10 the nearest."""
    true = np.arange(largest + 1)
    if base is None:
        return true.astype(float), np.eye(largest + 1)
    ends = (true // base * base, -(-true // base) * base) if base == 5 else ((true + 5) // 10 * 10,) * 2
    published = np.unique(np.concatenate(ends))
    chances = np.zeros((len(true), len(published)))
    for end in ends:
        chances[true, np.searchsorted(published, end)] += 0.5
    return published.astype(float), chances


def coverage(base: int | None, people: int | None, expected: Floats) -> Floats:
    """Exact share of the published counts whose interval holds the truth, for each expected count; `people` None: events."""
    largest = int(expected.max() + 8 * np.sqrt(expected.max()) + 20)
    largest = largest if people is None else min(largest, people)
    published, chances = channel(base, largest)
    whole = 1_000_000.0 if people is None else float(people)
    ends = np.array(
        [score_interval(float(y), whole, rounding_variance(base), part=people is not None) for y in published.tolist()]
    )
    true = np.arange(largest + 1)[None, :]
    mass = (
        stats.poisson.pmf(true, expected[:, None])
        if people is None
        else stats.binom.pmf(true, people, expected[:, None] / people)
    )
    share = expected[:, None] / whole
    return ((mass @ chances) * ((ends[:, 0] <= share) & (share <= ends[:, 1]))).sum(axis=1)


@pytest.mark.parametrize("people", [None, 200, 1_000, 20_000])
@pytest.mark.parametrize("base", BASES)
def test_coverage_from_half_a_case_to_five_hundred(base: int | None, people: int | None) -> None:
    """93 to 97 %; rounded counts of a handful hold more, because a published 0 or 5 tells too little to be narrower."""
    for low, high in pairwise(EDGES):
        if people is None or high <= 0.9 * people:
            found = coverage(base, people, np.exp(np.linspace(np.log(low), np.log(high), 60)))
            ceiling = 0.97 if base is None or low >= (5 if base == 5 else 2) else 1.0
            assert (0.93 if base != 10 or low != 2 else 0.925) <= found.mean() <= ceiling + 0.002, (low, high, found.mean())
            assert found.min() >= (0.89 if base is None else 0.85 if base == 5 else 0.75), (low, high, found.min())


def test_the_interval_of_the_method_is_too_narrow_for_few_cases() -> None:
    """METHOD.md section 3, the baseline: y ± 1.96 √(y + rounding) holds the truth in 51 to 75 % of 0.5 to 2 expected events."""
    expected = np.exp(np.linspace(np.log(0.5), np.log(2), 60))
    counts = np.arange(60)
    half = 1.96 * np.sqrt(counts)
    inside = (counts - half <= expected[:, None]) & (expected[:, None] <= counts + half)
    assert (stats.poisson.pmf(counts, expected[:, None]) * inside).sum(axis=1).mean() < 0.75


@pytest.mark.parametrize("part", [True, False])
def test_sql_python_and_halving_agree(part: bool) -> None:
    chance = np.random.default_rng(20261126)
    people = np.exp(chance.uniform(np.log(20), np.log(20_000), 300)).round()
    counts = np.concatenate([np.zeros(20), np.ones(20), chance.binomial(people[40:].astype(int), chance.uniform(0, 1, 260))])
    with closing(duckdb.connect()) as con:
        con.register("cijfers", pa.table({"y": counts, "n": people}))
        for variance in (0.0, 6.0, 8.25, 110.0):
            middle, half = score_sql("y", "n", repr(variance), part=part)
            rows = con.execute(f"select y, n, {middle} - {half}, {middle} + {half} from cijfers").fetchall()
            for count, whole, *row in rows:
                found = score_interval(count, whole, variance, part=part)
                assert found == pytest.approx((max(row[0], 0.0), row[1]), abs=1e-12)
                ends = [end / whole for end in count_bounds(count, whole, variance, part=part)]
                assert (found[0], min(found[1], 1.0) if part else found[1]) == pytest.approx(ends, abs=1e-9)


def test_nothing_counted_is_not_nothing_possible() -> None:
    """0 unrounded: 0 to 1.96² = 3.84 events, where METHOD's formula says 0 to 0; 0 of 800 rounded to 5: 0 to 7.1 of 800."""
    assert score_interval(0, 1, 0, part=False) == pytest.approx((0.0, 1.96**2), abs=1e-12)
    low, high = score_interval(0, 800, 6, part=True)
    assert low == 0.0
    assert 800 * high == pytest.approx(7.1, abs=0.05)


@pytest.mark.parametrize(("count", "error"), [(60, 0.98), (45, 0.87)])
def test_the_worked_examples_stand_at_large_counts(count: int, error: float) -> None:
    """METHOD.md sections 3 and 10: 60 of 800 has SE 0.98 and 45 of 800 has 0.87; half the new interval over 1.96 is the same."""
    low, high = score_interval(count, 800, 6, part=True)
    assert round(100 * (high - low) / 2 / 1.96, 2) == error
    assert round(100 * count_variance(count, 800, 6) ** 0.5 / 800, 2) == error


def test_events_have_the_variance_of_their_count() -> None:
    assert count_variance(9, 5, 6, part=False) == 15
    assert count_variance(20, 15, 6) == 6, "20 of 15 by rounding: no variance below 0"
    low, high = score_interval(20, 15, 0, part=True)
    assert 0 <= low <= high
