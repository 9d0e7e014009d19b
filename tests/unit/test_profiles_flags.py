"""Flags studentenbuurt and instellingsbuurt: their rules, and that each names the figures it rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from beeld.profiles.flags import flags, outside
from beeld.profiles.model import Area, Cell, Figure, Profile, Release
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog

BUURT = Area("BU99010100", "buurt", "Campus", "GM9901", "Stad", "WK990101", 2024, 800, 2024)
NAMES = (
    "aandeel_15_25",
    "aandeel_eenpersoonshuishoudens",
    "aantal_inwoners",
    "aantal_huishoudens",
    "gemiddelde_huishoudensgrootte",
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


def profile(catalog: Catalog, area: Area = BUURT, base: float = 800, **values: float | None) -> Profile:
    """A profile with these figures of 2024 and no other."""
    cells = {
        name: Cell(area.code, name, 2024, 2024, value, "ok", None, None, None, False, True, "T", "K", "ab", base=base)
        for name, value in values.items()
    }
    figures = {
        name: Figure(name, catalog.indicators[name], cell, (), (), None, None, incomplete=False, assumed=False, stale=False)
        for name, cell in cells.items()
    }
    release = Release("r", "4", "c", True, "01-01-2026", "", "")
    return Profile(release, area, (), figures, {}, None, {}, {})


def said(found: Profile) -> list[str]:
    """The flags of a profile, by their first word."""
    return [sentence.plain.partition(":")[0] for sentence in flags(found)]


@pytest.mark.parametrize(
    ("young", "alone", "base", "flagged"),
    [
        (25.0, 50.0, 800, True),
        (24.9, 90.0, 800, False),
        (90.0, 49.9, 800, False),
        (90.0, 90.0, 99, False),
        (None, 90.0, 800, False),
        (90.0, None, 800, False),
    ],
)
def test_a_student_area_has_many_young_people_who_live_alone(
    catalog: Catalog, young: float | None, alone: float | None, base: float, flagged: bool
) -> None:
    found = profile(catalog, base=base, aandeel_15_25=young, aandeel_eenpersoonshuishoudens=alone)
    assert said(found) == ["Studentenbuurt"] * flagged


@pytest.mark.parametrize(
    ("people", "households", "size", "share"),
    [
        (845, 85, 2.5, 0.730),  # 89 households of 2.55 for 841 people
        (2000, 1000, 2.0, 0.0),
        (500, 200, 2.0, 0.157),  # a fifth, but not if the roundings went the other way
        (99, 5, 1.5, 0.0),  # too few to say
    ],
)
def test_the_share_outside_households_is_a_lower_bound(people: float, households: float, size: float, share: float) -> None:
    assert outside(people, households, size) == pytest.approx(share, abs=5e-4)


def test_an_institution_is_flagged_with_the_figures_it_rests_on(catalog: Catalog) -> None:
    figures = {"aantal_inwoners": 845.0, "aantal_huishoudens": 85.0, "gemiddelde_huishoudensgrootte": 2.5}
    found = profile(catalog, **figures)
    (sentence,) = flags(found)
    assert sentence.plain.startswith("Instellingsbuurt: deze buurt heeft 845 inwoners, en 85 huishoudens van gemiddeld 2,5")
    assert {name for _, name, _ in sentence.figures} == set(figures)
    assert said(profile(catalog, **{**figures, "aantal_huishoudens": 300.0})) == []
    old = replace(found.figures["aantal_huishoudens"], cell=replace(found.figures["aantal_huishoudens"].cell, year=2023))
    assert said(replace(found, figures={**found.figures, "aantal_huishoudens": old})) == [], "of one year, or not at all"


@pytest.mark.parametrize(("kind", "count"), [("buurt", 2), ("wijk", 2), ("samengesteld", 2), ("gemeente", 0), ("land", 0)])
def test_a_gemeente_is_no_buurt(catalog: Catalog, kind: str, count: int) -> None:
    values = dict(zip(NAMES, (60.0, 80.0, 800.0, 100.0, 1.2), strict=True))
    assert len(flags(profile(catalog, replace(BUURT, kind=kind), **values))) == count
