"""Change over the years: the worked examples of METHOD.md section 10, and the table `trend` on drawn series."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import duckdb
import numpy as np
import pytest

from beeld.settings import project_folder
from beeld.transforms import areas, indicators, trends
from beeld.transforms.catalog import Catalog, Union
from beeld.transforms.uncertainty import count_variance
from tests.indicatoren import change, drawn
from tests.unit.divisions import UNTESTED

ROUNDED = 6.0
"""Rounding variance of one cell that CBS rounds to 5."""


def rate_error(count: float, people: float) -> float:
    return math.sqrt(count_variance(count, people, ROUNDED)) / people


def single(*numbers: float) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    return [np.array([number]) for number in numbers]


def pair(first: float, first_error: float, last: float, last_error: float) -> trends.TwoYears:
    """The test of two years with intervals that are as wide to both sides."""
    values, errors = single(first, last), [trends.Errors.equal(error) for error in single(first_error, last_error)]
    return trends.two_years(values[0], errors[0], values[1], errors[1])


# ---------------------------------------------------------------- the worked examples


def test_two_years_of_the_method() -> None:
    """METHOD.md section 10: "60/800 = 7.5 % (SE √61.5/800 = 0.98) → 45/800 = 5.6 % (SE √48.5/800 = 0.87): change 1.9 points,
    critical difference 2.6 → geen_aantoonbare_verandering"."""
    first, last = 100 * rate_error(60, 800), 100 * rate_error(45, 800)
    assert first == pytest.approx(100 * math.sqrt(61.5) / 800)
    assert round(first, 2) == 0.98
    assert round(last, 2) == 0.87
    found = pair(7.5, first, 5.625, last)
    assert found.verschil.round(1).tolist() == [-1.9]
    assert found.kritisch.round(1).tolist() == [2.6]
    assert found.richting.tolist() == [0]


def test_trend_of_the_method() -> None:
    """METHOD.md section 10: "24.0, 22.8, 22.1, 20.6, 19.9, SE 0.8: b = −1.04, SE_b = 0.253, χ² = 16.9; leave-one-out −1.01 to
    −1.09 → daalt"."""
    years = np.array([[2020.0, 2021, 2022, 2023, 2024]])
    values, errors = np.array([[24.0, 22.8, 22.1, 20.6, 19.9]]), np.full((1, 5), 0.8)
    found = trends.trend_test(years, values, errors)
    assert (found.helling.round(2).tolist(), found.fout.round(3).tolist(), found.chi2.round(1).tolist()) == (
        [-1.04],
        [0.253],
        [16.9],
    )
    assert (found.houdt.tolist(), found.richting.tolist()) == ([True], [-1])
    without = [np.delete(np.arange(5), place) for place in range(5)]
    slopes = [trends.slope(years[:, kept], values[:, kept], errors[:, kept])[0][0] for kept in without]
    assert (round(max(slopes), 2), round(min(slopes), 2)) == (-1.01, -1.09)


def test_smallest_detectable_change_of_the_method() -> None:
    """METHOD.md section 10: "(1.96 + 0.84)·√2·SE. SE 0.98 → 3.9 points: a goal of −2 points is niet aantoonbaar"."""
    assert round(trends.smallest_detectable(0.98), 1) == 3.9
    assert trends.smallest_detectable(0.98) > 2


def test_a_trend_of_one_year_is_none() -> None:
    """The sign must hold leaving out each point: here one year makes it all."""
    years, errors = np.array([[1.0, 2, 3, 4, 5]]), np.full((1, 5), 0.4)
    found = trends.trend_test(years, np.array([[10.0, 10.2, 10.1, 9.9, 14.0]]), errors)
    assert found.chi2[0] > trends.CHI_SQUARE
    assert (found.houdt.tolist(), found.richting.tolist()) == ([False], [0])


def test_a_difference_that_equals_the_critical_one_is_no_change() -> None:
    critical = trends.critical_difference(*single(3.0, 4.0))
    assert critical.tolist() == [1.96 * 5]
    assert pair(0.0, 3.0, 1.96 * 5, 4.0).richting.tolist() == [0]
    assert pair(0.0, 3.0, -9.81, 4.0).richting.tolist() == [-1]


def test_arrays_and_loops_agree() -> None:
    draw = np.random.default_rng(20261125)
    values = draw.uniform(-100, 100, (500, 5)).cumsum(axis=1) / 20
    errors, other, years = (
        draw.uniform(0.1, 9, (500, 5)),
        draw.uniform(0.1, 9, (500, 5)),
        np.sort(draw.permuted(np.tile(np.arange(2010.0, 2026), (500, 1)), axis=1)[:, :5]),
    )
    first, last = (trends.Errors(errors[:, k], other[:, k]) for k in (0, 4))
    pairs = trends.two_years(values[:, 0], first, values[:, 4], last)
    lines = trends.trend_test(years, values, errors)
    words = {1: "stijgt", -1: "daalt", 0: "geen_aantoonbare_verandering"}
    seen: set[str] = set()
    for row in range(500):
        points = [(int(years[row, k]), float(values[row, k]), float(errors[row, k])) for k in range(5)]
        sides = [(float(errors[row, k]), float(other[row, k])) for k in (0, 4)]
        pair, line = change.two_years(values[row, 0], sides[0], values[row, 4], sides[1]), change.trend(points)
        assert pair.kritisch == pytest.approx(pairs.kritisch[row], rel=1e-9)
        assert pair.uitkomst == words[int(pairs.richting[row])]
        assert line.helling == pytest.approx(lines.helling[row], rel=1e-9)
        assert line.chi2 == pytest.approx(lines.chi2[row], rel=1e-9)
        assert line.uitkomst == words[int(lines.richting[row])]
        seen |= {pair.uitkomst, line.uitkomst}
    assert len(seen) == 3


# ---------------------------------------------------------------- the table

NAME = "aandeel_0_15"
A, B, C = "BU00140000", "BU00140001", "BU00140002"


def series(catalog: Catalog, cells: Sequence[tuple[str, int, int, int]], name: str = NAME, kind: str = "leeftijd_0_15") -> str:
    """A drawn table of (area, year, count, people)."""
    people = "aantal_inwoners" if catalog.indicators[name].bron == "cbs_kwb" else "cbs_kwb.aantal_inwoners"
    body = "\n".join(f"{code} | {year} | {count} | {number}" for code, year, count, number in cells)
    return f"gebiedscode | peiljaar | {kind} | {people}\n{body}"


def table_of(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, int, int], tuple[float | None, str, str]]:
    rows = con.execute("select gebiedscode, van, tot, verschil, uitkomst, reden from trend order by 1, 2, 3").fetchall()
    return {(code, first, last): (difference, outcome, reason) for code, first, last, difference, outcome, reason in rows}


def computed(
    catalog: Catalog, text: str, name: str = NAME, *statements: str
) -> dict[tuple[str, int, int], tuple[float | None, str, str]]:
    """`trend` of drawn rows that all stand on the newest division, after what `statements` change."""
    with closing(drawn.open_database(project_folder())) as con:
        drawn.compute(con, catalog, name, drawn.read_table(text))
        for statement in statements:
            con.execute(statement)
        trends.compute_change(con, replace(catalog, indicators={name: catalog.indicators[name]}, unions=()))
        return table_of(con)


def test_which_years_are_compared(catalog: Catalog) -> None:
    """First and last, the last two, and the five latest; with exactly five the trend takes the place of first and last."""
    cells = [(A, year, 60, 800) for year in range(2018, 2025)]
    cells += [(B, year, 60, 800) for year in range(2020, 2025)]
    cells += [(C, year, 60, 800) for year in (2021, 2024)]
    found = computed(catalog, series(catalog, cells))
    assert sorted(found) == [
        (A, 2018, 2024),
        (A, 2020, 2024),
        (A, 2023, 2024),
        (B, 2020, 2024),
        (B, 2023, 2024),
        (C, 2021, 2024),
    ]
    kinds = {key: reason.split(":")[0] for key, (_, _, reason) in found.items()}
    assert [key for key, kind in kinds.items() if kind == "vijf jaren"] == [(A, 2020, 2024), (B, 2020, 2024)]
    assert found[C, 2021, 2024][2].endswith("; voor een trend zijn 5 jaren nodig, er zijn er 2")


def test_the_reasons_name_the_numbers(catalog: Catalog) -> None:
    cells = [(A, 2023, 60, 800), (A, 2024, 45, 800), (B, 2023, 60, 800), (B, 2024, 120, 800)]
    found = computed(catalog, series(catalog, cells))
    assert found[A, 2023, 2024][0] == pytest.approx(-1.875)
    assert found[A, 2023, 2024][1] == "geen_aantoonbare_verandering"
    assert found[A, 2023, 2024][2].startswith("twee jaren: verschil -1,9, kritisch verschil 2,6;")
    assert found[B, 2023, 2024][1] == "stijgt"
    counts = [192, 182, 177, 165, 159]
    (row,) = [
        found
        for key, found in computed(catalog, series(catalog, [(A, 2020 + k, n, 800) for k, n in enumerate(counts)])).items()
        if key == (A, 2020, 2024)
    ]
    assert row[1] == "geen_aantoonbare_verandering"
    assert row[2].startswith("vijf jaren: helling -1,04 per jaar, standaardfout 0,")
    assert row[2].endswith(", grens 9,55")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("update werk.reeks set reeks = false where peiljaar = 2021", f"{UNTESTED} (2021)"),
        ("delete from werk.reeks where peiljaar = 2021", f"{UNTESTED} (2021)"),
        (f"update waarde set reden = '{UNTESTED}' where peiljaar = 2021", f"{UNTESTED} (2021)"),
        (
            "update waarde set reden = 'herverdeeld met adressen, fout ±0,3' where peiljaar = 2021",
            "herverdeeld met adressen, fout ±0,3 (2021)",
        ),
    ],
)
def test_a_year_outside_the_series_is_never_compared(catalog: Catalog, statement: str, reason: str) -> None:
    text = series(catalog, [(A, 2021, 60, 800), (A, 2024, 160, 800)])
    assert computed(catalog, text)[A, 2021, 2024][1] == "stijgt"
    assert computed(catalog, text, NAME, statement) == {(A, 2021, 2024): (None, "niet_toetsbaar", reason)}


def test_a_year_outside_the_series_does_not_stop_the_others(catalog: Catalog) -> None:
    text = series(catalog, [(A, 2021, 60, 800), (A, 2023, 60, 800), (A, 2024, 160, 800)])
    found = computed(catalog, text, NAME, "update werk.reeks set reeks = false where peiljaar = 2021")
    assert list(found) == [(A, 2023, 2024)]


def test_the_denominator_must_stand_in_the_series_too(catalog: Catalog) -> None:
    """Crime on one division, its inhabitants of another one: the rate is not tested."""
    text = series(catalog, [(A, 2021, 60, 800), (A, 2024, 160, 800)], "misdrijven_per_1000", "misdrijven")
    assert computed(catalog, text, "misdrijven_per_1000")[A, 2021, 2024][1] == "stijgt"
    untested = "update werk.reeks set reeks = false where bron = 'cbs_kwb' and peiljaar = 2021"
    found = computed(catalog, text, "misdrijven_per_1000", untested)
    assert found == {(A, 2021, 2024): (None, "niet_toetsbaar", f"{UNTESTED} (2021)")}


def test_an_untested_denominator_marks_the_rate(catalog: Catalog) -> None:
    """The remark of every table that a figure is made of stands with the figure, not only that of its own table."""
    name = "misdrijven_per_1000"
    rows = drawn.read_table(series(catalog, [(A, 2024, 60, 800)], name, "misdrijven"))
    with closing(drawn.open_database(project_folder())) as con:
        names = drawn.insert_areas(con, rows, 2024)
        cells = drawn.cells_of(rows, catalog.indicators[name].bron, catalog.sources)
        staged = [drawn.insert_basis(con, each, 2024, names) for each in cells]
        for piece in staged:
            areas.link(con, piece.source, 2024)
        con.execute("update werk.cbs_kwb set kanttekening = ?", [UNTESTED])
        indicators.compute_values(con, replace(catalog, indicators={name: catalog.indicators[name]}), staged)
        assert con.execute("select status, reden from waarde").fetchall() == [("ok", UNTESTED)]


def test_without_a_standard_error_there_is_no_test(catalog: Catalog) -> None:
    text = "gebiedscode | peiljaar | afstand_huisarts\n" + "\n".join(
        f"{A} | {year} | {year - 2019}" for year in range(2020, 2025)
    )
    found = computed(catalog, text, "afstand_huisarts")
    assert found == {
        (A, 2020, 2024): (4.0, "niet_toetsbaar", trends.NO_ERROR),
        (A, 2023, 2024): (1.0, "niet_toetsbaar", trends.NO_ERROR),
    }


def test_a_margin_that_spans_everything_is_no_margin(catalog: Catalog) -> None:
    """Cut off at both ends, an interval hides its standard error."""
    cells = [(A, 2023, 20, 40), (A, 2024, 20, 40), (B, 2023, 4, 8), (B, 2024, 4, 8)]
    found = computed(catalog, series(catalog, cells))
    assert found[A, 2023, 2024][1] == "geen_aantoonbare_verandering"
    assert found[B, 2023, 2024] == (0.0, "niet_toetsbaar", trends.NO_ERROR)


def test_no_crime_in_a_year_is_no_weight_of_infinity(catalog: Catalog) -> None:
    """0 of 800 reaches from 0 to 4.8 per 1,000: its standard error is that interval, not √0, so five years are tested as well."""
    counts = [4, 0, 3, 5, 2]
    cells = [(A, 2020 + place, count, 800) for place, count in enumerate(counts)]
    found = computed(catalog, series(catalog, cells, "misdrijven_per_1000", "misdrijven"), "misdrijven_per_1000")
    assert {key: reason.split(":")[0] for key, (_, _, reason) in found.items()} == {
        (A, 2020, 2024): "vijf jaren",
        (A, 2023, 2024): "twee jaren",
    }


def test_a_fall_to_nothing_is_held_against_the_sides_that_approach(catalog: Catalog) -> None:
    """6 of 800 → 0: 6 reaches down by 3.25 (2.75) and 0 up by 3.84, so the critical difference is √(3.25² + 3.84²)/0.8 = 6.3."""
    cells = [(A, 2023, 6, 800), (A, 2024, 0, 800)]
    found = computed(catalog, series(catalog, cells, "misdrijven_per_1000", "misdrijven"), "misdrijven_per_1000")
    assert math.isclose(math.hypot(3.25, 3.84) / 0.8, 6.288, abs_tol=1e-3)
    assert found[A, 2023, 2024][1:] == (
        "daalt",
        "twee jaren: verschil -7,5, kritisch verschil 6,3; voor een trend zijn 5 jaren nodig, er zijn er 2",
    )


def test_crime_is_tested_on_the_counts_and_not_on_the_smoothed_estimate(catalog: Catalog) -> None:
    cells = [(A, 2023, 60, 800), (A, 2024, 160, 800)]
    text = series(catalog, cells, "misdrijven_per_1000", "misdrijven")
    first = computed(catalog, text, "misdrijven_per_1000")
    assert first == computed(catalog, text, "misdrijven_per_1000", "update waarde set geschat = 1")
    assert first[A, 2023, 2024][0] == pytest.approx(125.0)


def test_modelled_figures_are_in_no_trend(catalog: Catalog) -> None:
    text = "gebiedscode | peiljaar | eenzaam\n" + f"{A} | 2020 | 40\n{A} | 2024 | 80"
    assert computed(catalog, text, "aandeel_eenzaam") == {}


def test_a_union_is_followed_where_each_of_its_buurten_is(catalog: Catalog) -> None:
    """Whole buurten, each in the series and each with a value; otherwise it would be another group of people."""
    text = series(catalog, [(code, year, 60, 800) for code in (A, B) for year in (2023, 2024)])
    union = Union(id="proef", naam="Proef", buurten=(A, B), indeling_jaar=2024)
    outcomes: list[tuple[str, str]] = []
    for statement in (
        "select 1",
        f"update werk.reeks set reeks = false where peiljaar = 2023 and gebiedscode = '{B}'",
        f"update waarde set waarde = null, status = 'geheim', reden = 'geheim' where peiljaar = 2023 and gebiedscode = '{B}'",
    ):
        with closing(drawn.open_database(project_folder())) as con:
            drawn.compute(con, catalog, NAME, drawn.read_table(text))
            con.execute(f"insert into waarde select * replace ('SG-proef' as gebiedscode) from waarde where gebiedscode = '{A}'")
            con.execute(statement)
            trends.compute_change(con, replace(catalog, indicators={NAME: catalog.indicators[NAME]}, unions=(union,)))
            outcomes.append(table_of(con)["SG-proef", 2023, 2024][1:])
    assert [outcome for outcome, _ in outcomes] == ["geen_aantoonbare_verandering", "niet_toetsbaar", "niet_toetsbaar"]
    assert [reason for _, reason in outcomes[1:]] == [f"{UNTESTED} (2023)", "niet elke buurt heeft een cijfer (2023)"]


def test_a_break_in_meaning_ends_the_series(catalog: Catalog) -> None:
    """What is delivered outside the years of a column is not read, so that no indicator runs over the break."""
    columns = catalog.sources["cbs_kwb"].kolommen
    broken = {name for name, column in columns.items() if column.jaren is not None}
    assert len(broken) > 10
    for name, indicator in catalog.indicators.items():
        used = {r.kolom for r in indicator.parsed.references if r.bron == "cbs_kwb"} & broken
        spans = {columns[each].jaren for each in used}
        assert len(spans) <= 1, f"{name} mixes columns of different years"


# ---------------------------------------------------------------- the table against loops, on drawn areas


def test_the_table_equals_the_loops_on_generated_data(catalog: Catalog) -> None:
    draw = random.Random(20261125)
    codes = [f"BU0014{number:04d}" for number in range(40)]
    cells = []
    for code in codes:
        people, share = draw.randrange(20, 3000), draw.uniform(0.02, 0.5)
        for year in sorted({*draw.sample(range(2014, 2025), draw.randrange(1, 11)), 2024}):
            count = sum(draw.random() < share + 0.01 * (year - 2014) * (people % 3) for _ in range(people))
            cells.append((code, year, 5 * round(count / 5), people))
    with closing(drawn.open_database(project_folder())) as con:
        drawn.compute(con, catalog, NAME, drawn.read_table(series(catalog, cells)))
        con.execute("update werk.reeks set reeks = false where hash(gebiedscode || peiljaar) % 7 = 0")
        counts = trends.compute_change(con, replace(catalog, indicators={NAME: catalog.indicators[NAME]}, unions=()))
        got = table_of(con)
        points = con.execute(
            """select w.gebiedscode, w.indicator, w.peiljaar, w.waarde, w.ondergrens, w.bovengrens, r.reeks, w.teller, w.noemer
            from waarde as w join werk.reeks as r using (gebiedscode, peiljaar) where w.status = 'ok' order by all"""
        ).fetchall()
    own = [(c, n, y, v, change.error_of(v, low, high, (0.0, 100.0)), good) for c, n, y, v, low, high, good, _, _ in points]
    for _, _, _, value, low, high, _, count, people in points:
        ends = [100 * end / people for end in change.count_bounds(count, people, ROUNDED, part=True)]
        assert (low, high) == pytest.approx((min(ends[0], value), max(ends[1], value)), abs=1e-9)
        sides = change.error_of(value, low, high, (0.0, 100.0))
        assert count < 30 or sides is None or sum(sides) / 2 == pytest.approx(100 * rate_error(count, people), rel=0.03)
    expected = {
        (code, *years): found for (code, _), group in change.by_figure(own).items() for years, found in change.rows(group).items()
    }
    assert set(got) == set(expected)
    for key, found in expected.items():
        assert got[key][1] == found.uitkomst, key
        assert got[key][0] == (None if found.verschil is None else pytest.approx(found.verschil, rel=1e-9, abs=1e-9)), key
    assert sum(counts.values()) == len(got)
    assert len(counts) == 4, "every outcome occurs"


def test_nothing_is_left_behind_and_a_second_run_gives_the_same(catalog: Catalog) -> None:
    text = series(catalog, [(A, 2023, 60, 800), (A, 2024, 160, 800)])
    with closing(drawn.open_database(project_folder())) as con:
        drawn.compute(con, catalog, NAME, drawn.read_table(text))
        before = con.execute("select table_name from duckdb_tables() order by 1").fetchall()
        one = replace(catalog, indicators={NAME: catalog.indicators[NAME]}, unions=())
        trends.compute_change(con, one)
        first = table_of(con)
        assert con.execute("select table_name from duckdb_tables() order by 1").fetchall() == before
        con.execute("delete from trend")
        trends.compute_change(con, one)
        assert table_of(con) == first
