"""A delivery whose figures moved further than a revision does is refused before it takes the place of the last good one."""

from pathlib import Path

import pytest

from beeld.errors import SourceChanged
from beeld.transforms.drift import ENOUGH, ColumnProfile, judge, refuse_drift
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

SOURCE = deliveries.source()
TABLE = SOURCE.tabellen[0]


def profile(
    rows: int = 100, filled: int = 100, median: float | None = 10.0, values: int = 100
) -> dict[tuple[str, int], ColumnProfile]:
    """The profile of one column in 2020."""
    return {("getal", 2020): ColumnProfile(rows, filled, median, values)}


@pytest.mark.parametrize("factor", [10, 100, 1000, 0.1, 0.001, 3.01, 0.33])
def test_another_scale_is_refused(factor: float) -> None:
    """F27: the median of a column outside [1/3, 3] of the previous delivery."""
    with pytest.raises(SourceChanged, match=r"proef PROEF.*column getal 2020 has a median"):
        refuse_drift(profile(), profile(median=10.0 * factor), "proef PROEF")


@pytest.mark.parametrize("factor", [1, 2.9, 0.34])
def test_a_revision_passes(factor: float) -> None:
    refuse_drift(profile(), profile(median=10.0 * factor), "proef PROEF")


def test_an_emptied_column_is_refused() -> None:
    """F29: all null where the previous delivery had values; the other way round a topic was filled at last."""
    with pytest.raises(SourceChanged, match="is empty; the previous delivery had 100 values"):
        refuse_drift(profile(), profile(filled=0, median=None, values=0), "proef PROEF")
    refuse_drift(profile(filled=0, median=None, values=0), profile(), "proef PROEF")


def test_twenty_points_more_empty_cells_are_refused() -> None:
    """F30, at the bound: 20 points more pass, 21 do not."""
    refuse_drift(profile(), profile(filled=80), "proef PROEF")
    with pytest.raises(SourceChanged, match="21% empty cells; the previous delivery had 0%"):
        refuse_drift(profile(), profile(filled=79), "proef PROEF")


def test_years_that_only_one_delivery_has_are_not_compared() -> None:
    before = profile()
    refuse_drift(before, {("getal", 2021): ColumnProfile(100, 0, None, 0)}, "proef PROEF")
    refuse_drift({("getal", 2021): ColumnProfile(100, 0, None, 0)}, before, "proef PROEF")


def test_a_column_that_a_year_does_not_have_any_more_is_empty() -> None:
    after = {("ander", 2020): ColumnProfile(100, 1, 1000.0, 1)}
    with pytest.raises(SourceChanged, match="column getal 2020 is empty; the previous delivery had 100 values"):
        refuse_drift(profile(), after, "proef PROEF")


def test_a_median_of_too_few_values_says_nothing() -> None:
    few = ENOUGH - 1
    refuse_drift(profile(values=few), profile(median=1000.0, values=few), "proef PROEF")


def test_judge_reads_both_deliveries(tmp_path: Path) -> None:
    """Zeros do not hide a change of scale: the median is that of the values other than zero."""
    areas = [f"BU0014{n:04d}" for n in range(20)]
    first = deliveries.archived(tmp_path / "een", [row(code, str(n % 2 * 7)) for n, code in enumerate(areas)])
    same = deliveries.archived(tmp_path / "twee", [row(code, str(n % 2 * 9)) for n, code in enumerate(areas)])
    tenfold = deliveries.archived(tmp_path / "drie", [row(code, str(n % 2 * 70)) for n, code in enumerate(areas)])
    judge(SOURCE, TABLE, first, None)
    judge(SOURCE, TABLE, same, first)
    with pytest.raises(SourceChanged, match="column getal 2020 has a median 10 times"):
        judge(SOURCE, TABLE, tenfold, first)


def test_judge_refuses_what_cannot_be_staged(tmp_path: Path) -> None:
    """F32: too many rows without a region code, also in a first delivery."""
    rows = [row(f"BU0014{n:04d}" if n % 10 else f"ZZ{n}", "1") for n in range(50)]
    with pytest.raises(SourceChanged, match="5 of 50 rows have no known region code"):
        judge(SOURCE, TABLE, deliveries.archived(tmp_path, rows), None)
