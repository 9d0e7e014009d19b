"""Buurten where few people live: their figures are unsure on every map, and the legend says why."""

from __future__ import annotations

import pytest

from beeld.profiles.maps.figures import Buurt, Figures, few_people
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.mark.parametrize(
    ("kind", "people", "few"),
    [("telling", 199, True), ("telling", 200, False), ("modelschatting", None, True), ("afstand", 15, False)],
)
def test_a_figure_of_few_people_says_little_but_a_distance_does(kind: str, people: int | None, few: bool) -> None:
    assert few_people(kind, people) is few


@pytest.mark.parametrize(
    ("name", "people", "value", "said"),
    [
        ("misdrijven_per_1000", 15, 3000.0, "ruime marge of minder dan 200 inwoners"),
        ("misdrijven_per_1000", 15, None, "ruime marge"),
        ("misdrijven_per_1000", 200, 30.0, "ruime marge"),
        ("aandeel_eenzaam", None, 50.0, "aangenomen marge of minder dan 200 inwoners"),
        ("afstand_huisarts", 15, 1.2, "ruime marge"),
    ],
)
def test_the_legend_says_why_a_figure_is_unsure(
    catalog: Catalog, name: str, people: int | None, value: float | None, said: str
) -> None:
    table = "50090NED" if name == "aandeel_eenzaam" else "84799NED"
    buurten = (Buurt("BU99010100", "Haven", "WK990101", people, None, None),)
    found = Figures(catalog, buurten, {}, {name: {"BU99010100": (value, "ok", False)}}, {name: (2020, table)}, {})
    assert found.indicator(name).margin == said
