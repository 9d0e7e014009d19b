"""Figures of a union of whole buurten: METHOD.md section 2, the last rule."""

from __future__ import annotations

import math

import pytest

from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, Indicator, load_catalog
from beeld.transforms.unions import Combined, Part, combine, coverage, interval, rounding_of, standard_error
from tests.indicatoren import change


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def weighted(catalog: Catalog) -> Indicator:
    """A published share that is weighted."""
    return catalog.indicators["aandeel_eenzaam"]


def test_worked_example(weighted: Indicator) -> None:
    """METHOD.md 2: "p = 1200, 800, 300; x = 31, 26, missing → coverage 2000/2300 = 0.87, X = 29.0"."""
    parts = [Part(31, None, 1200, 1200), Part(26, None, 800, 800), Part(None, None, 300, 300)]
    assert coverage(parts) == pytest.approx(2000 / 2300)
    combined = combine(weighted, parts)
    assert (combined.waarde, combined.status, combined.noemer) == (pytest.approx(29.0), "ok", 2000)


@pytest.mark.parametrize(("missing", "status"), [(499, "ok"), (500, "ok"), (501, "onbekend")])
def test_coverage_needs_eighty_percent(missing: float, status: str, weighted: Indicator) -> None:
    combined = combine(weighted, [Part(30, None, 2000, 2000), Part(None, None, missing, missing)])
    assert combined.status == status
    assert (combined.waarde is None) == (status == "onbekend")
    if status == "onbekend":
        assert combined.reden == "de buurten met een cijfer dekken 79 procent van de noemer, minder dan 80 procent"


def test_a_part_without_denominator_is_weighed_by_its_people(weighted: Indicator) -> None:
    """A missing figure often lacks its denominator as well: then everything is weighed by inhabitants."""
    assert coverage([Part(30, None, 700, 1000), Part(None, None, None, 250)]) == pytest.approx(0.8)
    assert coverage([Part(30, None, 700, 1000), Part(None, None, None, None)]) is None
    assert coverage([Part(30, None, None, 1000), Part(20, None, 500, 500)]) is None, "a figure without weight cannot be weighed"
    assert combine(weighted, [Part(30, None, None, 1000)]).status == "onbekend"


def test_a_rate_is_sum_over_sum_and_never_a_mean_of_rates(catalog: Catalog) -> None:
    rate = catalog.indicators["bijstand_per_1000_15_65"]
    combined = combine(rate, [Part(100.0, 10, 100, 200), Part(20.0, 20, 1000, 1500)])
    assert combined.waarde == pytest.approx(1000 * 30 / 1100)
    assert (combined.teller, combined.noemer) == (30, 1100)


def test_a_sum_needs_all_its_parts(catalog: Catalog) -> None:
    """A total of which 99 % is known is not a total."""
    count = catalog.indicators["aantal_inwoners"]
    assert combine(count, [Part(995.0, None, None, 995), Part(5.0, None, None, 5)]).waarde == 1000
    short = combine(count, [Part(995.0, None, None, 995), Part(None, None, None, 5)])
    assert (short.waarde, short.status, short.reden) == (None, "onbekend", "van 1 van 2 buurten is er geen cijfer")


def test_a_code_or_a_median_is_never_combined(catalog: Catalog) -> None:
    combined = combine(catalog.indicators["stedelijkheid"], [Part(1, None, 100, 100), Part(2, None, 100, 100)])
    assert (combined.waarde, combined.status) == (None, "niet_van_toepassing")
    for name, indicator in catalog.indicators.items():
        if any(word in f"{name} {indicator.titel} {indicator.uitleg}".lower() for word in ("mediaan", "klasse van")):
            assert indicator.samenvoegen == "nee", name


def test_empty_buurten_have_no_denominator(catalog: Catalog, weighted: Indicator) -> None:
    """Nobody lives in any part: the denominator is 0, not unknown."""
    for indicator in (weighted, catalog.indicators["bijstand_per_1000_15_65"]):
        combined = combine(indicator, [Part(None, 0, 0, 0), Part(None, 0, 0, 0)])
        assert (combined.waarde, combined.status, combined.reden) == (None, "geen_noemer", "de noemer is 0")


def test_no_part_has_a_figure(weighted: Indicator) -> None:
    combined = combine(weighted, [Part(None, None, 100, 100)])
    assert (combined.waarde, combined.status, combined.reden) == (None, "onbekend", "geen van de buurten heeft een cijfer")


def test_rounding_errors_of_one_gemeente_add_up(catalog: Catalog) -> None:
    """METHOD.md 3: a sum of m cells of base 5 has variance 4m² + 2m, not 6m."""
    share = catalog.indicators["aandeel_eenpersoonshuishoudens"]
    combined = combine(share, [Part(50.0, 100, 200, 400)] * 5)
    source = catalog.sources["cbs_kwb"]
    error = standard_error(share, source, combined, rounding_of(share, source, 5))
    assert error == pytest.approx(100 * math.sqrt(500 * 0.5 + 110) / 1000)


def test_a_union_just_outside_its_range_still_has_a_valid_interval(catalog: Catalog) -> None:
    """Rounded counts can give 20 of 15; an interval with its bounds crossed would break the schema and with it the release."""
    share = catalog.indicators["aandeel_eenpersoonshuishoudens"]
    low, high = interval(share, Combined(400 / 3, "ok", None, 20.0, 15.0), 16.3, 6)
    assert low == 100.0
    assert high == 400 / 3


def test_the_interval_of_a_union_is_that_of_its_sums(catalog: Catalog) -> None:
    """By halving, from the text: 30 of 300 in five buurten of one gemeente (rounding variance 110), and nothing of 300."""
    share = catalog.indicators["aandeel_eenpersoonshuishoudens"]
    for count in (30.0, 0.0):
        found = interval(share, Combined(count / 3, "ok", None, count, 300.0), 1.0, 110)
        assert found == pytest.approx([end / 3 for end in change.count_bounds(count, 300, 110, part=True)], abs=1e-9)
    assert found[0] == 0.0
    assert interval(share, Combined(None, "onbekend", "geen"), None, 0) == (None, None)
    assert interval(share, Combined(10.0, "ok", None), 1.0, 0) == pytest.approx((8.04, 11.96)), "without counts: the error itself"


def test_a_count_that_is_delivered_in_parts_is_rounded_as_often(catalog: Catalog) -> None:
    """65 years and older is the sum of two rounded columns in 2026: ten cells for five buurten, √(4·10² + 2·10) = 20.5."""
    share = catalog.indicators["aandeel_65_plus"]
    source = catalog.sources["cbs_kwb"]
    combined = Combined(20.0, "ok", None, 800.0, 4000.0)
    whole, parts = (
        standard_error(share, source, combined, rounding_of(share, source, 5, raw))
        for raw in ("k_65JaarOfOuder_12, AantalInwoners_5", "k_65Tot80Jaar_12, k_80JaarOfOuder_13, AantalInwoners_5")
    )
    assert whole == pytest.approx(100 * (800 * 0.8 + 4 * 25 + 10) ** 0.5 / 4000)
    assert parts == pytest.approx(100 * (800 * 0.8 + 4 * 100 + 20) ** 0.5 / 4000)
