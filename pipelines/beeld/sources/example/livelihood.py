"""Invented figures on income, schooling, work, care, dwellings and origin: what the Kerncijfers publish beside population.

Drawn from streams of their own, so that they never shift another figure of the country. Every coefficient is made up; origin
depends on nothing else here, because it is no cause of anything.
"""

from __future__ import annotations

import numpy as np

from beeld.sources.example.draws import Floats, Ints, bell, stream, whole
from beeld.sources.example.world import World

LEAST_HOMES, LEAST_HOUSEHOLDS, LEAST_PEOPLE, LEAST_WORKING = 20, 100, 100, 150
SHOPS_FROM = 20
"""Establishments from which the CBS tells the sectors apart."""


def counts(world: World, year: int, known: dict[str, Ints]) -> dict[str, Ints]:
    """Counts per cell beside those of `known`, each a part of one of them."""
    rng = stream(world.seed, "livelihood counts", year)
    people, need, old, urban = known["AantalInwoners"], world.deprivation, world.ageing, world.urban
    size = len(people)
    youth = known["k_15Tot25Jaar"]
    schooled = youth + known["k_25Tot45Jaar"] + known["k_45Tot65Jaar"] + _part(known["k_65JaarOfOuder"], np.full(size, 0.5))
    low = _part(schooled, 0.25 + 0.07 * need + 0.03 * old + 0.02 * bell(rng, size))
    high = _part(schooled - low, 0.44 - 0.09 * need + 0.1 * (urban - 0.5) + 0.02 * bell(rng, size))
    return {
        "BasisonderwijsVmboMbo1": low,
        "HavoVwoMbo24": schooled - low - high,
        "HboWo": high,
        "StudentenMboExclExtranei": _part(youth, 0.24 + 0.05 * need + 0.02 * bell(rng, size)),
        "BuitenEuropa": _part(people, 0.11 + 0.05 * bell(rng, size)),
        "GIHandelEnHoreca": _part(known["BedrijfsvestigingenTotaal"], 0.19 + 0.04 * bell(rng, size)),
    }


def _part(total: Ints, share: Floats) -> Ints:
    return whole(total * np.clip(share, 0.0, 0.95))


def means(world: World, year: int, known: dict[str, Ints], people: Floats) -> dict[str, Floats]:
    """Percentages and averages per area, with the CBS's lower limits; `people` is the true number of inhabitants per area."""
    division, need, urban = world.divisions[year], world.deprivation, world.urban
    rng = stream(world.seed, "livelihood means", 0)
    inhabitants, homes, households = known["AantalInwoners"], known["Woningvoorraad"], known["HuishoudensTotaal"]
    size = len(inhabitants)
    homes_here = division.total(households)

    def share(base: float, slope: float, spread: float) -> Floats:
        return np.clip(base + slope * need + spread * bell(rng, size), 0.1, 95.0)

    def by(weights: Ints, where: Floats, least: int, cells: Floats) -> Floats:
        return np.where(where >= least, division.mean(cells, weights), np.nan)

    poor = share(3.4, 1.5, 0.4)
    wealth = np.clip(120.0 - 62.0 * need - 30.0 * (urban - 0.5) + 12.0 * bell(rng, size), 1.0, 900.0)
    gas = np.clip(1250.0 - 420.0 * (urban - 0.5) + 60.0 * bell(rng, size), 300.0, 3000.0)
    return {
        "PersonenInArmoede": by(inhabitants, people, LEAST_PEOPLE, poor),
        "PersonenTot25BovenArmoedegrens": by(inhabitants, people, LEAST_PEOPLE, share(5.2, 1.9, 0.6)),
        "k_40HuishoudensMetLaagsteInkomen": by(households, homes_here, LEAST_HOUSEHOLDS, share(40.0, 10.0, 2.5)),
        "HuishoudensMetEenLaagInkomen": by(households, homes_here, LEAST_HOUSEHOLDS, share(7.0, 3.0, 0.8)),
        "HuishOnderOfRondSociaalMinimum": by(households, homes_here, LEAST_HOUSEHOLDS, share(6.0, 2.7, 0.7)),
        "MediaanVermogenVanParticuliereHuish": np.rint(by(households, homes_here, LEAST_HOUSEHOLDS, wealth)),
        "PercentageZelfstandigen": by(inhabitants, people, LEAST_WORKING, share(15.0, -1.5, 1.2)),
        "WerknemersMetFlexibeleArbeidsrelatie": by(inhabitants, people, LEAST_WORKING, share(35.0, 4.0, 2.0)),
        "PercentageJongerenMetJeugdzorg": by(inhabitants, people, LEAST_PEOPLE, share(10.5, 1.6, 1.0)),
        "WmoClientenRelatief": by(inhabitants, people, LEAST_PEOPLE, share(62.0, 14.0, 6.0)),
        "OnbewoondeWoningen": by(homes, homes_here, LEAST_HOMES, share(4.0, 0.4, 1.0)),
        "BouwjaarMeerDanTienJaarGeleden": by(homes, homes_here, LEAST_HOMES, share(89.0, 2.0, 3.0)),
        "GemiddeldAardgasverbruik": np.floor(by(homes, homes_here, LEAST_HOMES, gas) / 50.0 + 0.5) * 50.0,
    }


def few_shops_withheld(shops: Floats, establishments: Floats) -> Floats:
    """Sectors are told only where there are enough establishments; elsewhere no value."""
    return np.where(establishments >= SHOPS_FROM, shops, np.nan)
