"""The invented country: its gemeenten, wijken and buurten in 2020 and 2024, and what each buurt is like.

The smallest piece is the buurt of 2024 (a "cell"); whatever is published is computed from cells. Most of what a cell is
like follows from one hidden degree of deprivation with a part per gemeente, wijk and buurt, as in the real country.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from beeld.sources.example import names
from beeld.sources.example.draws import Floats, Ints, bell, stream, whole
from beeld.sources.example.geometry import Land

GEMEENTE_CELLS = 43
WIJK_CELLS = 4.3
RENUMBERED = 3
"""The gemeente that gave all its wijken and buurten new codes, with letters, between 2020 and 2024."""
LAND, GEMEENTE, WIJK, BUURT = range(4)
KINDS = ("Land", "Gemeente", "Wijk", "Buurt")


@dataclass(frozen=True)
class Division:
    """All areas of one year in the order of publication (land, then each gemeente with its wijken with their buurten).

    `kind` is the rank of an area's kind, `gemeente` the number of its gemeente (-1 for the land), `parts[kind]` the
    area of that kind that each cell belongs to. `flags` say what changed against the year before.
    """

    codes: tuple[str, ...]
    titles: tuple[str, ...]
    flags: tuple[str, ...]
    kind: Ints
    gemeente: Ints
    parts: tuple[Ints, Ints, Ints, Ints]

    def total(self, cells: Floats | Ints) -> Floats:
        """The sum over cells for every area."""
        size = len(self.codes)
        sums: Floats = np.zeros(size)
        for part in self.parts:
            sums += np.bincount(part, weights=cells, minlength=size)
        return sums

    def mean(self, cells: Floats, weights: Floats | Ints) -> Floats:
        """The mean over cells, weighted, for every area; NaN where the weights are 0."""
        below = self.total(weights)
        return np.divide(self.total(cells * weights), below, out=np.full(len(below), np.nan), where=below > 0)


@dataclass(frozen=True)
class World:
    """What is true of the invented country. Arrays have one value per cell; `no_address` one per gemeente."""

    seed: int
    divisions: dict[int, Division]
    gemeente_names: tuple[str, ...]
    wijk: Ints
    deprivation: Floats
    ageing: Floats
    community: Floats
    urban: Floats
    crime: Floats
    inhabitants: dict[int, Ints]
    no_address: Ints
    land_ha: Floats
    water_ha: Floats
    order: Ints
    """For each cell its number in the geometry."""


@dataclass(frozen=True)
class _Places:
    """To which gemeente and wijk each cell belongs, cells sorted by both, and the cells' numbers in the geometry."""

    gemeente: Ints
    wijk: Ints
    order: Ints

    def pairs(self) -> list[tuple[int, int]]:
        """Gemeente and wijk of every cell."""
        return [(int(hall), int(wijk)) for hall, wijk in zip(self.gemeente, self.wijk, strict=True)]


def build_world(land: Land, seed: int) -> World:
    """The country on this land."""
    places = _places(land, seed)
    size, gemeenten = len(places.order), int(places.gemeente.max()) + 1
    own = stream(seed, "cells")
    per_gemeente, per_wijk = stream(seed, "gemeenten"), stream(seed, "wijken")
    wijken = int(places.wijk.max()) + 1
    town = per_gemeente.random(gemeenten)
    urban = np.clip(town[places.gemeente] * 0.95 + 0.13 * bell(own, size), 0.0, 1.0)
    shared = 0.4 * bell(per_gemeente, gemeenten)[places.gemeente] + 0.45 * bell(per_wijk, wijken)[places.wijk]
    deprivation = shared + 0.75 * bell(own, size) + 0.5 * (urban - 0.5)
    ageing = 0.5 * bell(per_wijk, wijken)[places.wijk] + 0.85 * bell(own, size) - 0.6 * (urban - 0.5)
    community = 0.5 * bell(per_gemeente, gemeenten)[places.gemeente] + 0.85 * bell(own, size)
    crime = 0.45 / (1.0 - 0.9 * own.random(size))
    inhabitants = _inhabitants(urban, seed)
    for number, buurt in enumerate(names.EXAMPLE_BUURTEN):
        urban[number] = 0.62 + 0.02 * (number % 4)
        deprivation[number], community[number], crime[number] = buurt.deprivation, buurt.community, buurt.crime
        ageing[number] *= 0.4
        inhabitants[number] = buurt.inwoners
    water = 0.12 * own.random(size) * own.random(size)
    hectares = land.hectares[places.order]
    growth = stream(seed, "growth").integers(-25, 75, size)
    return World(
        seed=seed,
        divisions={2020: _division(places, seed, 2020), 2024: _division(places, seed, 2024)},
        gemeente_names=tuple(names.gemeente_name(number) for number in range(gemeenten)),
        wijk=places.wijk,
        deprivation=deprivation,
        ageing=ageing,
        community=community,
        urban=urban,
        crime=crime,
        inhabitants={2020: inhabitants * 1000 // (1000 + growth), 2024: inhabitants},
        no_address=stream(seed, "no address").integers(0, 60, gemeenten),
        land_ha=hectares * (1.0 - water),
        water_ha=hectares * water,
        order=places.order,
    )


def _inhabitants(urban: Floats, seed: int) -> Ints:
    """Inhabitants in 2024: many small buurten, few large ones, larger where it is urban; some have nobody."""
    rng = stream(seed, "inhabitants")
    size = len(urban)
    base = 40 + rng.integers(0, 900, size) + rng.integers(0, 900, size) * rng.integers(0, 900, size) // 700
    people = base * (500 + whole(urban * 1500)) // 1000
    dice = rng.integers(0, 1000, size)
    people = np.where(dice < 30, rng.integers(0, 45, size), people)
    return np.where(dice < 12, 0, people)


def _places(land: Land, seed: int) -> _Places:
    """Cells go to the nearest town hall, and within a gemeente to the nearest middle of a wijk."""
    rng = stream(seed, "places")
    size = len(land.x)
    others = np.setdiff1d(np.arange(size), land.example)
    halls = rng.choice(others, max(3, round(len(others) / GEMEENTE_CELLS)), replace=False)
    gemeente: Ints = np.zeros(size, dtype=np.int64)
    gemeente[others] = 1 + _nearest(land, others, halls)
    wijk: Ints = np.zeros(size, dtype=np.int64)
    per_wijk = len(land.example) // len(names.EXAMPLE_WIJKEN)
    wijk[land.example] = np.arange(len(land.example)) // per_wijk
    known = len(names.EXAMPLE_WIJKEN)
    for number in range(1, len(halls) + 1):
        cells = np.flatnonzero(gemeente == number)
        middles = rng.choice(cells, max(1, round(len(cells) / WIJK_CELLS)), replace=False)
        wijk[cells] = known + _nearest(land, cells, middles)
        known += len(middles)
    rank = np.arange(size)
    rank[land.example] = np.arange(len(land.example)) - len(land.example)
    order = np.lexsort((rank, wijk))
    return _Places(gemeente[order], wijk[order], order)


def _nearest(land: Land, cells: Ints, middles: Ints) -> Ints:
    apart = (land.x[cells, None] - land.x[None, middles]) ** 2 + (land.y[cells, None] - land.y[None, middles]) ** 2
    return np.argmin(apart, axis=1)


@dataclass(frozen=True)
class _Labels:
    """Code, name and flag of every cell in one year; cells with the same code are one buurt then."""

    codes: list[str]
    titles: list[str]
    flags: list[str]
    wijk_codes: list[str]
    wijk_titles: list[str]


def _labels(places: _Places, seed: int, year: int) -> _Labels:
    """What the areas are called. In 2020 a few pairs of buurten were still one, and a few had another name."""
    dice = stream(seed, "changes").integers(0, 1000, len(places.order))
    flags = np.select([dice % 143 == 1, dice % 29 == 2], ["2", "3"], "1").tolist()
    codes, titles = (list(column) for column in zip(*names.EXAMPLE_WIJKEN, strict=True))
    labels = _Labels([], [], flags, codes, titles)
    known, gemeente, in_gemeente, in_wijk, number = -1, -1, 0, 0, 0
    for cell, (hall, wijk) in enumerate(places.pairs()):
        if hall == 0:
            _label_example(labels, cell, year)
            known = wijk
            continue
        if hall != gemeente:
            gemeente, in_gemeente, number = hall, -1, 0
        if wijk != known:
            known, in_gemeente, in_wijk = wijk, in_gemeente + 1, 0
            labels.wijk_codes.append(f"WK{9099 + hall}{_wijk_suffix(hall, in_gemeente, year)}")
            labels.wijk_titles.append(f"Wijk {in_gemeente:02d} {names.buurt_name(hall, number)}")
        code, title = f"BU{labels.wijk_codes[wijk][2:]}{in_wijk:02d}", names.buurt_name(hall, number)
        if dice[cell] < 6 and year == 2020:
            title = f"Oud-{title}"
        if 10 <= dice[cell] < 16 and in_wijk > 0:
            if year == 2020:
                code, title = labels.codes[-1], labels.titles[-1]
            else:
                title = f"{labels.titles[-1]}-Zuid"
        labels.codes.append(code)
        labels.titles.append(title)
        in_wijk, number = in_wijk + 1, number + 1
    return labels


def _label_example(labels: _Labels, cell: int, year: int) -> None:
    buurt = names.EXAMPLE_BUURTEN[cell]
    before = year == 2020
    labels.codes.append(buurt.code_2020 if before and buurt.code_2020 else buurt.code)
    labels.titles.append(buurt.naam_2020 if before and buurt.naam_2020 else buurt.naam)
    labels.flags[cell] = buurt.flag_2020


def _wijk_suffix(gemeente: int, number: int, year: int) -> str:
    if gemeente == RENUMBERED and year > 2020:
        return f"{chr(65 + number // 26)}{chr(65 + number % 26)}"
    return f"{number:02d}"


def _division(places: _Places, seed: int, year: int) -> Division:
    labels = _labels(places, seed, year)
    rows: list[tuple[str, str, str, int, int]] = [("NL00", "Nederland", ".", LAND, -1)]
    parts: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
    seen: dict[str, int] = {"NL00": 0}

    def place(code: str, title: str, flag: str, kind: int, gemeente: int) -> None:
        if code not in seen:
            seen[code] = len(rows)
            rows.append((code, title, flag, kind, gemeente))
        parts[kind].append(seen[code])

    for cell, (hall, wijk) in enumerate(places.pairs()):
        parts[LAND].append(0)
        gemeente_code = names.EXAMPLE_CODE if hall == 0 else f"GM{9099 + hall}"
        place(gemeente_code, names.gemeente_name(hall), ".", GEMEENTE, hall)
        place(labels.wijk_codes[wijk], labels.wijk_titles[wijk], "1", WIJK, hall)
        place(labels.codes[cell], labels.titles[cell], labels.flags[cell], BUURT, hall)
    return Division(
        codes=tuple(row[0] for row in rows),
        titles=tuple(row[1] for row in rows),
        flags=tuple(row[2] for row in rows),
        kind=_whole([row[3] for row in rows]),
        gemeente=_whole([row[4] for row in rows]),
        parts=(_whole(parts[LAND]), _whole(parts[GEMEENTE]), _whole(parts[WIJK]), _whole(parts[BUURT])),
    )


def _whole(numbers: Sequence[int]) -> Ints:
    return np.array(numbers, dtype=np.int64)
