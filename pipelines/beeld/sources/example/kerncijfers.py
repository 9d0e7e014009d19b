"""Invented Kerncijfers wijken en buurten: true values per cell, summed, rounded and withheld as the CBS does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beeld.sources.example import livelihood
from beeld.sources.example.draws import Floats, Ints, bell, stream, whole
from beeld.sources.example.names import WITHHELD_BUURT
from beeld.sources.example.rounding import direction, to_five, to_ten
from beeld.sources.example.world import BUURT, WIJK, Division, World

TO_TEN = frozenset({"PersonenPerSoortUitkering" + kind for kind in ("Bijstand", "AO", "WW", "AOW")})
UNROUNDED = frozenset({"Woningvoorraad", "BasisonderwijsVmboMbo1", "HavoVwoMbo24", "HboWo"})
SECRET_TOPICS = (
    "Koopwoningen", "HuurwoningenTotaal", "InBezitWoningcorporatie", "GemiddeldInkomenPerInwoner",
    "PersonenPerSoortUitkeringBijstand",
)  # fmt: skip
URBANITY = np.array([-2500.0, -1500.0, -1000.0, -500.0])
"""Addresses per km² from which a class of urbanity begins, negated so that they ascend."""
RESERVED = {
    2020: frozenset({"NettoArbeidsparticipatie"}),
    2024: frozenset({"PersonenPerSoortUitkeringWW"}),
}
"""Declared topics that the CBS has reserved but not yet filled in that year."""
NAMES_OF_2020 = {
    "GemiddeldeWOZWaardeVanWoningen": "GemiddeldeWoningwaarde",
    "OnbewoondeWoningen": "PercentageOnbewoond",
    "GemiddeldAardgasverbruik": "GemiddeldAardgasverbruikTotaal",
}
"""Topics that were called otherwise in 2020."""


@dataclass(frozen=True)
class Figures:
    """One value per area for each topic (NaN: no value) and the areas where that is because the figure is secret."""

    values: dict[str, Floats]
    secret: dict[str, set[int]]
    people: Floats
    """True number of inhabitants per area."""


def kerncijfers(world: World, year: int) -> Figures:
    """The published Kerncijfers of one year by base name; a topic that is not there is reserved and still empty."""
    division = world.divisions[year]
    counts = _counts(world, year)
    counts |= livelihood.counts(world, year, counts)
    people = division.total(counts["AantalInwoners"]) + _no_address(division, world)
    gemeenten = len(world.gemeente_names)
    values: dict[str, Floats] = {}
    for topic, cells in counts.items():
        true = division.total(cells)
        if topic in NO_ADDRESS:
            true = true + _no_address(division, world)
        if topic in UNROUNDED:
            values[topic] = true
        elif topic in TO_TEN:
            values[topic] = np.where(people >= 50, to_ten(true, division), np.nan)
        else:
            values[topic] = to_five(true, division, direction(world.seed, year, topic, gemeenten))
    values |= _means(world, year, counts, people) | livelihood.means(world, year, counts, people)
    values["GIHandelEnHoreca"] = livelihood.few_shops_withheld(values["GIHandelEnHoreca"], values["BedrijfsvestigingenTotaal"])
    values = {topic: column for topic, column in values.items() if topic not in RESERVED[year]}
    if year == 2020:
        for later, then in NAMES_OF_2020.items():
            values[then] = values.pop(later)
        return Figures(values, {}, people)
    return _withhold(values, division, people)


NO_ADDRESS = frozenset({"AantalInwoners", "Mannen", "k_25Tot45Jaar", "Ongehuwd"})
"""People without a known address, who count for the gemeente only: unmarried men between 25 and 45 in this country."""


def _no_address(division: Division, world: World) -> Ints:
    """People without a known address, per area: every gemeente has some, and the land all of them."""
    some = np.append(world.no_address, world.no_address.sum())
    return np.where(division.kind < WIJK, some[division.gemeente], 0)


def _counts(world: World, year: int) -> dict[str, Ints]:
    """True counts per cell; groups that make a whole add up exactly before rounding."""
    rng = stream(world.seed, "counts", year)
    people = world.inhabitants[year]
    size = len(people)
    need, old, urban = world.deprivation, world.ageing, world.urban
    young = _part(people, 0.165 - 0.022 * old + 0.008 * bell(rng, size))
    youth = _part(people, 0.115 + 0.02 * urban + 0.01 * bell(rng, size))
    elderly = _part(people, 0.2 + 0.05 * old - 0.03 * urban)
    adults = _part(people, 0.22 + 0.07 * urban - 0.012 * old)
    middle = people - young - youth - elderly - adults
    working = youth + adults + middle
    widowed = _part(elderly, 0.19 + 0.02 * bell(rng, size))
    divorced = _part(people, 0.07 + 0.013 * need + 0.01 * bell(rng, size))
    married = _part(people, 0.38 - 0.1 * urban - 0.03 * need)
    women = _part(people, 0.503 + 0.006 * bell(rng, size))
    households = np.where(people > 0, np.maximum(1, whole(people / (2.45 - 0.55 * urban - 0.06 * old))), 0)
    alone = _part(households, 0.24 + 0.2 * urban + 0.045 * need + 0.02 * old)
    with_children = _part(households, 0.36 - 0.09 * urban - 0.03 * old)
    strain = 0.034 + 0.021 * need + 0.006 * need * need + 0.004 * bell(rng, size)
    return {
        "AantalInwoners": people, "Mannen": people - women, "Vrouwen": women,
        "k_0Tot15Jaar": young, "k_15Tot25Jaar": youth, "k_25Tot45Jaar": adults, "k_45Tot65Jaar": middle,
        "k_65JaarOfOuder": elderly,
        "Ongehuwd": people - married - divorced - widowed, "Gehuwd": married, "Gescheiden": divorced,
        "Verweduwd": widowed,
        "HuishoudensTotaal": households, "Eenpersoonshuishoudens": alone,
        "HuishoudensZonderKinderen": households - alone - with_children, "HuishoudensMetKinderen": with_children,
        "Woningvoorraad": whole(households * 1.02) + 1,
        "PersonenPerSoortUitkeringBijstand": _part(working, strain),
        "PersonenPerSoortUitkeringAO": _part(working, 0.058 + 0.017 * need + 0.006 * bell(rng, size)),
        "PersonenPerSoortUitkeringWW": _part(working, 0.021 + 0.004 * need + 0.003 * bell(rng, size)),
        "PersonenPerSoortUitkeringAOW": _part(elderly, 0.93 + 0.01 * bell(rng, size)),
        "BedrijfsvestigingenTotaal": whole(np.clip(
            people * (0.105 - 0.016 * need + 0.012 * world.community + 0.02 * bell(rng, size)), 0, None
        )) + np.where(people == 0, rng.integers(5, 160, size), 0),
        "PersonenautoSTotaal": whole(households * np.clip(1.35 - 0.5 * urban - 0.1 * need, 0.2, 2.0)),
    }  # fmt: skip


def _part(whole_count: Ints, share: Floats) -> Ints:
    return whole(whole_count * np.clip(share, 0.0, 0.95))


def _means(world: World, year: int, counts: dict[str, Ints], people: Floats) -> dict[str, Floats]:
    """Averages, percentages, distances and areas, computed from the unrounded counts, with the CBS's lower limits."""
    division = world.divisions[year]
    rng = stream(world.seed, "means", 0)
    inhabitants, homes, households = counts["AantalInwoners"], counts["Woningvoorraad"], counts["HuishoudensTotaal"]
    homes_here, earners = division.total(households), division.total(inhabitants * 4 // 5)
    area, water = division.total(world.land_ha), division.total(world.water_ha)
    addresses = division.mean(np.floor(90.0 + 4300.0 * world.urban * world.urban), homes)

    def shown(cells: Floats, weights: Ints, where: Floats, least: int) -> Floats:
        return np.where(where >= least, division.mean(cells, weights), np.nan)

    dwellings = {
        topic: shown(cells, homes, homes_here, 5 if topic == "PercentageEengezinswoning" else 20)
        for topic, cells in _dwellings(world, year, rng).items()
    }
    income = np.clip((28.5 - 4.3 * world.deprivation + 1.6 * bell(rng, len(homes))) * (1.0 + 0.045 * (year - 2020)), 11.0, 160.0)
    working = 69.5 - 4.6 * world.deprivation - 3.0 * world.ageing + 1.8 * bell(rng, len(homes))
    distances = _distances(world.urban, rng)
    return dwellings | {
        "PercentageMeergezinswoning": 100.0 - np.rint(dwellings["PercentageEengezinswoning"]),
        "HuurwoningenTotaal": 100.0 - np.rint(dwellings["Koopwoningen"]),
        "GemiddeldeHuishoudensgrootte": shown(inhabitants / np.maximum(households, 1), households, homes_here, 5),
        "Bevolkingsdichtheid": np.where(people >= 10, np.floor(people * 100.0 / area + 0.5), np.nan),
        "NettoArbeidsparticipatie": shown(np.clip(working, 20.0, 90.0), inhabitants, people, 150),
        "AantalInkomensontvangers": np.where(earners >= 100, np.floor(earners / 100.0 + 0.5) * 100.0, np.nan),
        "GemiddeldInkomenPerInkomensontvanger": shown(income * 1.25, inhabitants, people, 100),
        "GemiddeldInkomenPerInwoner": shown(income, inhabitants, people, 100),
        **{topic: shown(cells, inhabitants, people, 10) for topic, cells in distances.items()},
        "OppervlakteTotaal": np.rint(area) + np.rint(water),
        "OppervlakteLand": np.rint(area),
        "OppervlakteWater": np.rint(water),
        "Dekkingspercentage": np.where((division.kind == BUURT) & (people >= 10), 1.0 + np.floor(area) % 4.0, np.nan),
        "MateVanStedelijkheid": np.where(people >= 5, 1.0 + np.searchsorted(URBANITY, -addresses), np.nan),
        "Omgevingsadressendichtheid": np.where(people >= 5, addresses, np.nan),
    }


def _dwellings(world: World, year: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Value, ownership and type of the dwellings of each cell."""
    size, need, urban = len(world.urban), world.deprivation, world.urban
    price = (285.0 - 62.0 * need + 30.0 * bell(rng, size)) * (1.0 + 0.08 * (year - 2020))
    owned = np.clip(60.0 - 15.0 * need - 22.0 * (urban - 0.5) + 7.0 * bell(rng, size), 0.0, 98.0)
    family = 92.0 - 60.0 * urban - 6.0 * need + 8.0 * bell(rng, size)
    return {
        "GemiddeldeWOZWaardeVanWoningen": np.clip(price, 90.0, 1900.0),
        "Koopwoningen": owned,
        "InBezitWoningcorporatie": np.clip((100.0 - owned) * (0.68 + 0.05 * need), 0.0, 100.0 - owned),
        "PercentageEengezinswoning": np.clip(family, 0.0, 100.0),
    }


def _distances(urban: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    rural = (1.0 - urban) * (1.0 - urban)
    size = len(urban)

    def away(base: float, more: float) -> Floats:
        return np.clip(base + more * rural + 0.35 * (0.4 + rural) * bell(rng, size), 0.1, 15.0)

    return {
        "AfstandTotHuisartsenpraktijk": away(0.7, 2.1),
        "AfstandTotGroteSupermarkt": away(0.65, 1.9),
        "AfstandTotKinderdagverblijf": away(0.6, 1.5),
        "AfstandTotSchool": away(0.6, 1.0),
        "ScholenBinnen3Km": np.clip(1.0 + 14.0 * urban * urban + 0.8 * bell(rng, size), 0.0, 40.0),
    }


def _withhold(values: dict[str, Floats], division: Division, people: Floats) -> Figures:
    """Some cells of one buurt of the example are secret; a few others are unknown for no visible reason."""
    hidden = division.codes.index(WITHHELD_BUURT)
    secret = {topic: {hidden} for topic in SECRET_TOPICS}
    for topic in SECRET_TOPICS:
        values[topic] = values[topic].copy()
        values[topic][hidden] = np.nan
    some = (division.kind == BUURT) & (people < 260) & (np.arange(len(people)) % 3 == 0)
    values["GemiddeldInkomenPerInwoner"][some] = np.nan
    values["NettoArbeidsparticipatie"] = np.where(some, np.nan, values["NettoArbeidsparticipatie"])
    return Figures(values, secret, people)
