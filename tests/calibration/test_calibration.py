"""Intervals and outcomes on invented data with known truth; the whole table is `python -m tests.benchmarks.bench_calibration`."""

from __future__ import annotations

from itertools import pairwise

import pytest

from beeld.transforms.catalog import Catalog
from tests.benchmarks import bench_calibration as bench


def test_no_differences_no_signals(catalog: Catalog) -> None:
    """With no true differences at most 5 % is to be discussed, though the modelled figures of an area share one error."""
    found, held = bench.without_differences(catalog, 1_000, 200)
    assert found.get("te_weinig_gegevens", 0.0) == 0.0, "every buurt must be able to get a signal"
    assert found.get("bespreken", 0.0) <= 0.05
    large = [row for row in held if row.low >= 10 or row.high == float("inf")]
    assert {row.indicator for row in held} == {row.indicator for row in large}
    for name in {row.indicator for row in large}:
        rows = [row for row in large if row.indicator == name]
        share = sum(row.share * row.areas for row in rows) / sum(row.areas for row in rows)
        assert 0.93 <= share <= 0.97, (name, share)


@pytest.mark.parametrize(("size", "least"), [(2.0, 0.70), (3.0, 0.95)])
def test_a_cluster_that_differs_plainly_is_found(size: float, least: float, catalog: Catalog) -> None:
    """Of planted groups of five buurten at least 70 % is found at +2 standard deviations in all themes, and 95 % at +3."""
    assert bench.planted(catalog, 1_000, 60, size, 200, group=5).get("bespreken", 0.0) >= least


@pytest.mark.nightly
def test_the_whole_curve(catalog: Catalog) -> None:
    """5 % at no difference, 70 % at +2 and 95 % at +3 standard deviations, and more is never found less."""
    found = {size: bench.planted(catalog, bench.BUURTEN, bench.PLANTED, size, bench.DRAWS) for size in bench.SIZES}
    shares = [found[size].get("bespreken", 0.0) for size in bench.SIZES]
    assert shares[0] <= 0.05
    assert found[2.0]["bespreken"] >= 0.70
    assert found[3.0]["bespreken"] >= 0.95
    assert all(later >= earlier - 0.05 for earlier, later in pairwise(shares))


@pytest.mark.nightly
def test_coverage_per_error_model(catalog: Catalog) -> None:
    """93-97 % for every error model where at least ten are expected; what smaller counts do is in docs/methode.md."""
    nothing, held = bench.without_differences(catalog, bench.BUURTEN, bench.DRAWS)
    assert nothing.get("bespreken", 0.0) <= 0.05
    wrong = [row for row in held if (row.low >= 10 or row.high - row.low == float("inf")) and row.areas >= 500]
    assert len(wrong) > 10
    assert [row for row in wrong if not 0.93 <= row.share <= 0.97] == []
