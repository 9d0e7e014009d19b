"""Invented health estimates per area, age and year, in the columns of 50090NED. Every coefficient here is made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beeld.sources.example.draws import Floats, bell, stream
from beeld.sources.example.names import WITHHELD_BUURT
from beeld.sources.example.world import BUURT, World

YEARS = (2012, 2016, 2020)
AGES = {"20300": "18 jaar of ouder", "80200": "65 jaar of ouder"}
SECRET_TOPICS = frozenset({"MoeiteMetRondkomen", "HoogRisicoOpAngstOfDepressie"})


@dataclass(frozen=True)
class Estimate:
    """How a topic depends on what a buurt is like; `older` is added for 65+, `since` is its first year."""

    name: str
    base: float
    need: float
    old: float
    bond: float
    urban: float
    spread: float
    older: float
    since: int


ESTIMATES = (
    Estimate("ErvarenGezondheidGoedZeerGoed", 77, -4.2, -2.6, 0.4, -0.5, 0.8, -13, 2012),
    Estimate("VoldoetAanBeweegrichtlijn", 51, -3.0, -1.2, 0.6, 1.0, 1.2, -9, 2016),
    Estimate("WekelijkseSporters", 47, -4.5, -2.4, 0.5, 2.0, 1.4, -8, 2016),
    Estimate("Ondergewicht", 2.2, 0.1, -0.1, 0.0, 0.6, 0.2, -0.6, 2012),
    Estimate("NormaalGewicht", 49, -2.0, -1.5, 0.0, 5.0, 1.2, -8, 2012),
    Estimate("Overgewicht", 49, 2.0, 1.5, 0.0, -5.5, 1.2, 9, 2012),
    Estimate("ErnstigOvergewicht", 15, 1.9, 0.4, 0.0, -2.5, 0.8, 2, 2012),
    Estimate("Roker", 18.5, 2.4, -1.1, -0.2, 2.0, 1.0, -8, 2012),
    Estimate("VoldoetAanAlcoholRichtlijn", 43, 3.2, 0.5, 0.0, -1.0, 1.6, 1, 2016),
    Estimate("Drinker", 79, -3.5, -0.6, 0.0, -1.0, 1.5, -3, 2012),
    Estimate("ZwareDrinker", 8.8, 0.2, -0.9, 0.0, 1.2, 0.8, -4, 2012),
    Estimate("OvermatigeDrinker", 6.8, 0.4, -0.1, -0.1, 0.8, 0.6, 0.8, 2012),
    Estimate("EenOfMeerLangdurigeAandoeningen", 34, 1.6, 2.8, 0.0, 0.2, 0.9, 18, 2016),
    Estimate("BeperktVanwegeGezondheid", 30, 2.8, 2.4, 0.0, 0.3, 1.0, 15, 2020),
    Estimate("ErnstigBeperktVanwegeGezondheid", 5.2, 1.0, 0.7, 0.0, 0.0, 0.3, 4, 2020),
    Estimate("LangdurigeZiekteEnBeperkt", 28, 2.2, 2.5, 0.0, 0.0, 0.9, 15, 2020),
    Estimate("EenOfMeerLichamelijkeBeperkingen", 14.5, 2.6, 2.2, 0.0, 0.0, 0.7, 17, 2012),
    Estimate("BeperkingInHoren", 4.6, 0.5, 0.6, 0.0, -0.2, 0.3, 6, 2012),
    Estimate("BeperkingInZien", 5.4, 1.0, 0.4, 0.0, 0.2, 0.3, 3, 2012),
    Estimate("BeperkingInBewegen", 9.2, 1.7, 1.9, 0.0, 0.0, 0.5, 16, 2012),
    Estimate("MatigHoogRisicoOpAngstOfDepressie", 44, 3.4, -1.6, -0.5, 3.0, 1.2, -5, 2012),
    Estimate("HoogRisicoOpAngstOfDepressie", 7.4, 1.8, -0.4, -0.3, 1.2, 0.5, -1.8, 2012),
    Estimate("HeelVeelStressInAfgelopen4Weken", 17.5, 2.1, -1.8, -0.3, 2.0, 0.8, -9, 2020),
    Estimate("MatigVeelRegieOverEigenLeven", 89.5, -2.1, -0.6, 0.5, -0.4, 0.5, -4, 2016),
    Estimate("Eenzaam", 45, 3.6, 0.8, -1.2, 2.5, 1.0, 3, 2012),
    Estimate("ErnstigZeerErnstigEenzaam", 10.8, 1.9, 0.1, -0.5, 0.9, 0.4, -1, 2012),
    Estimate("EmotioneelEenzaam", 27, 2.5, 0.2, -0.6, 1.8, 0.7, 1, 2012),
    Estimate("SociaalEenzaam", 30, 2.7, 1.0, -1.0, 1.0, 0.8, 4, 2016),
    Estimate("Mantelzorger", 13.8, -0.2, 0.9, 0.5, -1.4, 0.6, 1, 2012),
    Estimate("Vrijwilligerswerk", 26, -2.6, 0.7, 2.2, -4.5, 1.1, 3, 2016),
    Estimate("LopenEnOfFietsenNaarSchoolOfWerk", 0, 0, 0, 0, 0, 0, 0, 9999),
    Estimate("LopenNaarSchoolOfWerk", 0, 0, 0, 0, 0, 0, 0, 9999),
    Estimate("FietsenNaarSchoolOfWerk", 0, 0, 0, 0, 0, 0, 0, 9999),
    Estimate("ErnstigeGeluidhinderDoorBuren", 4.6, 1.5, -0.3, -0.2, 7.0, 0.6, -1.5, 2020),
    Estimate("MoeiteMetRondkomen", 14.5, 4.4, -0.6, -0.2, 1.6, 0.9, -4, 2012),
)  # fmt: skip


@dataclass(frozen=True)
class Cells:
    """One topic in one year and age: values per area (NaN: none), where it is secret, and whether it was measured."""

    values: Floats
    secret: frozenset[int]
    measured: bool


class Health:
    """The estimates of all years, on the division of 2020."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.division = world.divisions[2020]
        self._weights = world.inhabitants[2020]
        self.people = self.division.total(self._weights)
        self._hidden = frozenset({self.division.codes.index(WITHHELD_BUURT)})

    def cells(self, topic: Estimate, age: str, year: int) -> Cells:
        """One column of the table for one age and year, before it is written as text."""
        if year < topic.since:
            return Cells(np.zeros(0), frozenset(), False)
        world = self._world
        lasting = stream(world.seed, "health", topic.name)
        size = len(world.urban)
        true = (
            topic.base + topic.need * world.deprivation + topic.old * world.ageing + topic.bond * world.community
            + topic.urban * (world.urban - 0.5) + topic.spread * bell(lasting, size)
        )  # fmt: skip
        passing = stream(world.seed, "health", topic.name, age, year)
        true = true + 0.35 * topic.spread * bell(passing, size) + (topic.older if age == "80200" else 0.0)
        true = np.clip(true + 0.012 * topic.base * (year - 2016) / 4, 0.0, 99.9)
        values = self.division.mean(true, self._weights)
        least = 40 if age == "20300" else 150
        values = np.where((self.people >= least) | (self.division.kind < BUURT), values, np.nan)
        unknown = passing.integers(0, 400, len(values))
        secret = frozenset(np.flatnonzero((unknown == 1) & (self.division.kind == BUURT)).tolist())
        if topic.name in SECRET_TOPICS and age == "20300" and year == YEARS[-1]:
            secret |= self._hidden
        if year == YEARS[-1] and topic.name not in SECRET_TOPICS:
            secret -= self._example_areas()
        return Cells(np.where(np.isin(np.arange(len(values)), sorted(secret)), np.nan, values), secret, True)

    def _example_areas(self) -> frozenset[int]:
        """In the newest year only chosen cells of the example are secret: its profiles do not depend on luck."""
        return frozenset(np.flatnonzero(self.division.gemeente == 0).tolist())
