"""Words, numbers and small charts, without a release."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import html as lxml_html

from beeld.errors import UsageError
from beeld.profiles import svg, wording
from beeld.profiles.contents import Age, Ages
from beeld.profiles.elements import css_string
from beeld.profiles.lenses import load_lens
from beeld.profiles.model import Cell, Figure, Spread, relation
from beeld.profiles.text import Number, Sentence
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog

CELL = Cell("BU99010100", "x", 2024, 2024, 12.0, "ok", None, 10.0, 14.0, False, True, "T", "K", "ab")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (1205, 0, "1.205"),
        (17_407_585, 0, "17.407.585"),
        (0.0, 1, "0,0"),
        (-0.04, 1, "0,0"),
        (1234.56, 1, "1.234,6"),
        (33 + 1 / 3, 2, "33,33"),
        (0.5, 0, "1"),
        (-2.5, 0, "-3"),
        (11.25, 1, "11,3"),
        (12.35, 1, "12,4"),
        (1.005, 2, "1,01"),
        (8.24999999999999, 1, "8,2"),
        (8.249999999999998, 1, "8,3"),
        (2.0**60, 0, "1.152.921.504.606.846.976"),
    ],
)
def test_dutch_numbers(value: float, decimals: int, shown: str) -> None:
    assert wording.numeral(value, decimals) == shown


def test_every_unit_of_the_catalogue_reads_as_dutch(catalog: Catalog) -> None:
    for indicator in catalog.indicators.values():
        shown = wording.show_value(1234.5, indicator, unit=True)
        assert "1 000" not in shown
        assert "1-5" not in shown


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [(10.0, 14.0, "gelijk"), (14.1, 16.0, "lager"), (5.0, 9.9, "hoger"), (None, None, "gelijk"), (14.0, 20.0, "gelijk")],
)
def test_a_difference_needs_intervals_that_do_not_overlap(
    catalog: Catalog, lower: float | None, upper: float | None, expected: str
) -> None:
    other = replace(
        CELL, area="GM9901", value=13.0 if lower is None else (lower + (upper or lower)) / 2, lower=lower, upper=upper
    )
    assert relation(CELL, other, catalog.indicators["misdrijven_per_1000"]) == expected


def test_no_interval_no_claim_and_totals_are_not_compared(catalog: Catalog) -> None:
    bare = replace(CELL, lower=None, upper=None)
    assert relation(bare, CELL, catalog.indicators["aandeel_koopwoningen"]) == "niet_toetsbaar"
    assert relation(CELL, CELL, catalog.indicators["aantal_inwoners"]) is None
    assert relation(replace(CELL, value=None), CELL, catalog.indicators["aandeel_eenzaam"]) is None
    near, far = replace(bare, value=0.8), replace(bare, value=1.2)
    assert relation(near, far, catalog.indicators["afstand_huisarts"]) == "gelijk"
    assert relation(near, replace(far, value=1.4), catalog.indicators["afstand_huisarts"]) == "lager"


@pytest.mark.parametrize(
    ("count", "base", "expected"),
    [
        (60.0, 100.0, "hoger"),
        (60.0, 99.0, "niet_toetsbaar"),  # 95 to 103 people: the margin does not know that
        (390.0, 380.0, "niet_toetsbaar"),  # both are rounded
        (None, None, "hoger"),
    ],
)
def test_a_share_of_few_or_of_more_than_all_is_not_compared(
    catalog: Catalog, count: float | None, base: float | None, expected: str
) -> None:
    own = replace(CELL, value=60.0, lower=55.0, upper=65.0, count=count, base=base)
    assert (
        relation(own, replace(CELL, value=20.0, lower=19.0, upper=21.0), catalog.indicators["aandeel_eenpersoonshuishoudens"])
        == expected
    )


def test_a_part_of_more_than_all_is_not_compared_whatever_its_unit(catalog: Catalog) -> None:
    """390 of 380 people with a benefit is 1,026 per 1,000; crimes may be more than there are people."""
    own = replace(CELL, value=1026.3, lower=1000.0, upper=1026.3, count=390.0, base=380.0)
    assert (
        relation(own, replace(CELL, value=92.5, lower=92.0, upper=93.0), catalog.indicators["ao_per_1000_15_65"])
        == "niet_toetsbaar"
    )


def test_a_rate_of_more_than_all_people_is_compared_where_it_may_exist(catalog: Catalog) -> None:
    crime = replace(CELL, value=3000.0, lower=2800.0, upper=3200.0, count=1500.0, base=500.0)
    assert (
        relation(crime, replace(CELL, value=20.0, lower=19.0, upper=21.0), catalog.indicators["misdrijven_per_1000"]) == "hoger"
    )


def test_a_skewed_rate_is_compared_by_its_shrunken_estimate(catalog: Catalog) -> None:
    """METHOD.md 12: none of 430 is 0.0 with an upper bound of 8.9, but the estimate is 12.8 and may be 17.2."""
    crime, gemeente = catalog.indicators["misdrijven_per_1000"], replace(CELL, value=17.2, lower=16.1, upper=18.3)
    none = replace(CELL, value=0.0, lower=0.0, upper=8.9, count=0.0, base=430.0, smoothed=12.8)
    assert relation(none, gemeente, crime) == "gelijk"
    assert relation(replace(none, smoothed=None), gemeente, crime) == "lager"
    many = replace(none, value=40.0, count=400.0, base=10_000.0, smoothed=39.0)
    assert relation(many, gemeente, crime) == "hoger"
    # 39 / exp(1.96 / sqrt(400.5)) = 35.4
    assert relation(many, replace(gemeente, lower=35.0, upper=35.3), crime) == "hoger"
    assert relation(many, replace(gemeente, lower=35.0, upper=35.5), crime) == "gelijk"


def test_a_distance_is_compared_within_its_class_of_urbanity(catalog: Catalog) -> None:
    near, far = (replace(CELL, value=value, lower=None, upper=None) for value in (0.8, 2.0))
    assert relation(near, far, catalog.indicators["afstand_huisarts"]) == "lager"
    assert relation(near, far, catalog.indicators["afstand_huisarts"], same_class=False) is None


def test_assumed_margins_are_called_assumed(catalog: Catalog) -> None:
    assert (wording.show_interval(CELL, catalog.indicators["aandeel_eenzaam"], assumed=True) or "").startswith("aangenomen marge")
    assert (wording.show_interval(CELL, catalog.indicators["misdrijven_per_1000"], assumed=False) or "").startswith("marge")


def test_a_sentence_knows_its_figures(catalog: Catalog) -> None:
    line = Sentence(("In deze buurt is het aandeel ", Number(CELL, catalog.indicators["aandeel_eenzaam"]), "."))
    assert line.figures == (("BU99010100", "x", 2024),)
    assert line.plain == "In deze buurt is het aandeel 12,0\u00a0%."


def test_a_modelled_figure_gets_no_strip_even_when_asked(catalog: Catalog) -> None:
    spread = Spread((1.0, 2.0, 3.0, 4.0, 5.0), (), 100)
    figure = Figure("aandeel_eenzaam", catalog.indicators["aandeel_eenzaam"], CELL, (), (), spread, spread, False, True, False)
    assert svg.position_strip(figure, "Deze buurt", "gemeente", "buurten") == ""
    counted = replace(figure, indicator=catalog.indicators["misdrijven_per_1000"])
    drawn = svg.position_strip(counted, "Deze buurt", "gemeente", "buurten")
    assert "Deze buurt hoort bij de buurten met een hoger cijfer" in drawn


def test_labels_in_charts_are_escaped(catalog: Catalog) -> None:
    hostile = '<script>alert("x")</script>'
    cell = replace(CELL, indicator=hostile)
    figure = Figure("x", catalog.indicators["aandeel_eenzaam"], cell, (), (), None, None, False, True, False)
    for drawn in (
        svg.age_bars(Ages(2024, (Age(hostile, figure, cell, 3.0),), hostile), title=hostile),
        svg.interval_dots([(hostile, CELL), (hostile, CELL)], title=hostile),
    ):
        tree = lxml_html.fromstring(str(drawn))
        assert not tree.xpath("//script")
        assert tree.findtext("title") == hostile


def test_a_line_breaks_at_an_untested_boundary_and_a_missing_year() -> None:
    years = [replace(CELL, year=year, value=float(year % 7)) for year in (2018, 2019, 2021, 2022)]
    drawn = svg.sparkline([*years, replace(CELL, year=2023, value=3.0, reason=wording.UNTESTED)], title="x")
    path = lxml_html.fromstring(str(drawn)).find("path").get("d")
    assert path.count("M") == 3
    assert path.count("L") == 2
    assert svg.sparkline(years[:2], title="x") == ""


def test_css_strings_hold_nothing_that_ends_them() -> None:
    shown = css_string("""a"b</style>\\ 'ü""")
    assert shown.startswith('"')
    assert shown.endswith('"')
    assert not set(shown[1:-1]) & set("\"'<>/")


def test_lens_covers_every_theme_once_and_names_what_exists(catalog: Catalog) -> None:
    lens = load_lens(project_folder(), "zoom-in")
    themes = [theme for chapter in lens.hoofdstukken for theme in chapter.themas]
    assert len(themes) == len(set(themes))
    assert lens.leftover(catalog) == []
    assert lens.moved() <= set(catalog.indicators)
    shown = [name for theme in themes for name in lens.figures(theme, catalog)] + sorted(lens.moved())
    assert sorted(shown) == sorted(catalog.indicators)
    with pytest.raises(UsageError, match="zoom-in"):
        load_lens(project_folder(), "../zoom-in")
