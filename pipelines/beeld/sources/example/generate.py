"""Write the embedded example: entity sets and boundaries of an invented country, as the sources would deliver them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from beeld.sources.example import documents, layouts
from beeld.sources.example.documents import Column
from beeld.sources.example.draws import Floats, Ints, bell, stream, whole
from beeld.sources.example.geometry import Geometries, Land, build_land, geojson, joined
from beeld.sources.example.health import AGES, ESTIMATES, YEARS, Cells, Estimate, Health
from beeld.sources.example.kerncijfers import Figures, kerncijfers
from beeld.sources.example.layouts import GEO, PLAIN, TIME, Row, TableLayout, Topic, parse_layout
from beeld.sources.example.world import BUURT, GEMEENTE, WIJK, Division, World, build_world

DEFAULT_BUURTEN = 1200
DEFAULT_SEED = 20261122
SMALLEST = 60
CRIME_YEARS = (2021, 2022, 2023, 2024, 2025)
CRIME_MONTHS = ("2024MM01", "2024MM02", "2024MM03")
ALL_CRIMES, BURGLARY = "0.0.0 ", "1.1.1 "
MONTHS = ("januari", "februari", "maart")


def generate(folder: Path, *, buurten: int = DEFAULT_BUURTEN, seed: int = DEFAULT_SEED) -> None:
    """Write the invented country: `odata_v3/<host>/<table>/<EntitySet>.json.gz` and `geo/<kind>_2024.geojson.gz`.

    The same arguments give the same bytes. The example gemeente (GM9001, twelve buurten) is part of every size; 14,600
    buurten is the size of the Netherlands.
    """
    if buurten < SMALLEST:
        raise ValueError(f"at least {SMALLEST} buurten are needed, not {buurten}")
    land = build_land(buurten, seed)
    world = build_world(land, seed)
    own, others = folder / "odata_v3" / "opendata.cbs.nl", folder / "odata_v3" / "dataderden.cbs.nl"
    _write_kerncijfers(own / "84799NED", world, 2020, layouts.KERNCIJFERS_2020)
    _write_kerncijfers(own / "85984NED", world, 2024, layouts.KERNCIJFERS_2024)
    _write_health(others / "50090NED", world)
    _write_crime(others / "47022NED", world)
    _write_boundaries(folder / "geo", world, land)


def _write_kerncijfers(folder: Path, world: World, year: int, text: str) -> None:
    layout = parse_layout(text, [("WijkenEnBuurten", GEO)])
    division, figures = world.divisions[year], kerncijfers(world, year)
    found = {name.casefold(): name for name in figures.values}
    nothing = np.full(len(division.codes), np.nan)
    texts = _texts(world, division, figures)

    def column(topic: Topic, as_text: bool) -> Column:
        if topic.decimals is None:
            return texts[topic.name]
        name = found.get(topic.name.casefold(), topic.name)
        values = figures.values.get(name, nothing)
        if as_text:
            return documents.untyped(values, topic.decimals, documents.WIDTH_KWB, sorted(figures.secret.get(name, ())))
        return documents.typed(values, topic.decimals)

    for name, as_text in (("TypedDataSet", False), ("UntypedDataSet", True)):
        if as_text and year == 2020:
            continue
        columns: dict[str, Column] = {"WijkenEnBuurten": documents.region_keys(division)}
        columns |= {topic.key: column(topic, as_text) for topic in layout.topics}
        documents.write_set(folder, name, documents.table_rows(columns))
    documents.write_set(folder, "WijkenEnBuurten", documents.region_members(world, division))
    title = f"Kerncijfers wijken en buurten {year} (verzonnen voorbeeld)"
    documents.write_description(folder, layout, "CBS", title, str(year), len(division.codes))


def _texts(world: World, division: Division, figures: Figures) -> dict[str, Column]:
    """The text columns of the Kerncijfers, by base name. Postcodes are padded left, `.` where there is none."""
    code = np.zeros(len(division.codes), dtype=np.int64)
    for kind in (WIJK, BUURT):
        code[division.parts[kind]] = 1001 + world.wijk % 8990
    known = (division.kind == BUURT) & (figures.people >= 10)
    postcodes = [f"{number}" if there else "." for number, there in zip(code.tolist(), known.tolist(), strict=True)]
    columns = documents.region_columns(world, division, "NL00", 10)
    named = {re.sub(r"_\d+$", "", key): column for key, column in columns.items()}
    return named | {
        "IndelingswijzigingWijkenEnBuurten": division.flags,
        "MeestVoorkomendePostcode": [postcode.rjust(10) for postcode in postcodes],
    }


def _write_health(folder: Path, world: World) -> None:
    keys = [f"{topic.name}_{number}" for number, topic in enumerate(ESTIMATES, start=4)]
    lines = [f"{key}|{layouts.spaced(topic.name)}|%|1" for key, topic in zip(keys, ESTIMATES, strict=True)]
    dimensions = [("Leeftijd", PLAIN), ("Marges", PLAIN), ("WijkenEnBuurten", GEO), ("Perioden", TIME)]
    layout = parse_layout(layouts.REGION_TOPICS + "\n".join(lines), dimensions)
    health = Health(world)
    records = documents.write_set(folder, "UntypedDataSet", _health_rows(world, health, keys))
    documents.write_set(folder, "WijkenEnBuurten", documents.region_members(world, health.division, "NL01"))
    documents.write_set(folder, "Leeftijd", [_member(key, title) for key, title in AGES.items()])
    documents.write_set(folder, "Marges", [_member("MW00000", "Waarde")])
    documents.write_set(folder, "Perioden", [_period(f"{year}JJ00", str(year), "Definitief") for year in YEARS])
    title = "Gezondheid per wijk en buurt; 2012, 2016 en 2020 (verzonnen voorbeeld)"
    documents.write_description(folder, layout, "RIVM", title, "2012, 2016, 2020", records)


def _health_rows(world: World, health: Health, keys: list[str]) -> Iterator[Row]:
    division = health.division
    areas = len(division.codes)
    first = 0
    regions = documents.region_columns(world, division, "NL01", 20)
    for age in AGES:
        columns: dict[str, Column] = {
            "Leeftijd": [age] * (areas * len(YEARS)),
            "Marges": ["MW00000"] * (areas * len(YEARS)),
            "WijkenEnBuurten": _repeated(documents.region_keys(division, "NL01"), len(YEARS)),
            "Perioden": [f"{year}JJ00" for year in YEARS] * areas,
        }
        columns |= {key: _repeated(column, len(YEARS)) for key, column in regions.items()}
        for key, topic in zip(keys, ESTIMATES, strict=True):
            columns[key] = _health_column(health, topic, age, areas)
        yield from documents.table_rows(columns, first)
        first += areas * len(YEARS)


def _health_column(health: Health, topic: Estimate, age: str, areas: int) -> list[str]:
    """All years of one topic, per area one after the other; a year in which it was not measured is an empty text."""

    def text(cells: Cells) -> list[str]:
        if not cells.measured:
            return [""] * areas
        return documents.untyped(cells.values, 1, documents.WIDTH_RIVM, sorted(cells.secret), nil="-")

    years = [text(health.cells(topic, age, year)) for year in YEARS]
    return [cell for cells in zip(*years, strict=True) for cell in cells]


def _repeated(column: Column, times: int) -> list[str]:
    return [value for value in column for _ in range(times)]


def _member(key: str, title: str) -> Row:
    return {"Key": key, "Title": title, "Description": "", "CategoryGroupID": None}


def _period(key: str, title: str, status: str) -> Row:
    return {"Key": key, "Title": title, "Description": "", "Status": status}


def _write_crime(folder: Path, world: World) -> None:
    dimensions = [("SoortMisdrijf", PLAIN), ("WijkenEnBuurten", GEO), ("Perioden", TIME)]
    layout = parse_layout(layouts.MISDRIJVEN, dimensions)
    division = world.divisions[2024]
    records = documents.write_set(folder, "TypedDataSet", _crime_rows(world, division, layout))
    members = documents.region_members(world, division)
    documents.write_set(folder, "WijkenEnBuurten", (row for row in members if row["Key"][:2] in ("GM", "BU")))
    crimes = {ALL_CRIMES: "Totaal misdrijven", BURGLARY: "Diefstal/inbraak woning"}
    documents.write_set(folder, "SoortMisdrijf", [_member(key, title) for key, title in crimes.items()])
    years = [_period(f"{year}JJ00", str(year), "Definitief") for year in CRIME_YEARS]
    years[-1]["Status"] = "Voorlopig"
    months = [_period(key, f"2024 {name}", "Definitief") for key, name in zip(CRIME_MONTHS, MONTHS, strict=True)]
    documents.write_set(folder, "Perioden", sorted([*years, *months], key=lambda row: row["Key"]))
    title = "Geregistreerde misdrijven; wijken en buurten (verzonnen voorbeeld)"
    documents.write_description(folder, layout, "Politie", title, "2021-2025", records)


def _crime_rows(world: World, division: Division, layout: TableLayout) -> Iterator[Row]:
    """Annual totals of every gemeente and buurt; for the example gemeente also months and another kind of crime."""
    counts = {year: _crimes(world, year) for year in CRIME_YEARS}
    totals = {f"{year}JJ00": _crime_totals(world, division, cells, year) for year, cells in counts.items()}
    shown = np.flatnonzero((division.kind == GEMEENTE) | (division.kind == BUURT))
    own = shown[division.gemeente[shown] == 0]
    for number, month in enumerate(CRIME_MONTHS):
        totals[month] = _crime_totals(world, division, counts[2024] * (27 + number) // 340, 2024)
    burglary = {period: np.floor(column / 18.0) for period, column in totals.items()}
    annual = [f"{year}JJ00" for year in CRIME_YEARS]
    regions = documents.region_columns(world, division, "NL00", 10)
    keys, names = documents.region_keys(division), [topic.key for topic in layout.topics]
    number = 0
    for crime, figures, areas, periods in (
        (ALL_CRIMES, totals, shown, annual),
        (ALL_CRIMES, totals, own, CRIME_MONTHS),
        (BURGLARY, burglary, own, sorted(totals)),
    ):
        for area in areas.tolist():
            for period in periods:
                value = figures[period][area]
                texts = [regions[name][area] for name in names[:3]]
                row: Row = {"ID": number, "SoortMisdrijf": crime, "WijkenEnBuurten": keys[area], "Perioden": period}
                yield row | dict(zip(names, [*texts, None if value != value else int(value)], strict=True))
                number += 1


def _crimes(world: World, year: int) -> Ints:
    """Registered crimes per cell: a lasting level, more where it is urban and deprived, with the scatter of counts."""
    rng = stream(world.seed, "crime", year)
    people = world.inhabitants[2024] + 15
    rate = 0.03 * world.crime * (0.35 + world.urban) * np.clip(1.0 + 0.35 * world.deprivation, 0.25, 4.0)
    rate = rate * (1.0 - 0.02 * (year - 2023))
    expected = people * rate
    return whole(np.clip(expected + np.sqrt(expected) * bell(rng, len(expected)) + 0.5, 0.0, None))


def _crime_totals(world: World, division: Division, cells: Ints, year: int) -> Floats:
    """Counts per area, unrounded; a gemeente also counts crimes at an unknown place. A few buurten are withheld."""
    totals = division.total(cells)
    totals = np.where(division.kind == GEMEENTE, totals + np.floor(totals / 700.0), totals)
    withheld = stream(world.seed, "withheld", year).integers(0, 100, len(totals)) == 1
    return np.where(withheld & (division.kind == BUURT) & (division.gemeente != 0), np.nan, totals)


def _write_boundaries(folder: Path, world: World, land: Land) -> None:
    """The boundaries of 2024; a wijk is the union of its buurten and a gemeente of its wijken."""
    division = world.divisions[2024]
    shapes: Geometries = land.shapes[world.order]
    for kind, name in ((BUURT, "buurt"), (WIJK, "wijk"), (GEMEENTE, "gemeente")):
        areas, group = np.unique(division.parts[kind], return_inverse=True)
        features = _features(division, areas, joined(shapes, group, len(areas)))
        documents.write_features(folder / f"{name}_2024.geojson.gz", f"{name}_2024", features)


def _features(division: Division, areas: Ints, shapes: Geometries) -> Iterator[Row]:
    numbers: list[int] = areas.tolist()
    for area, shape in zip(numbers, shapes, strict=True):
        code = division.codes[area]
        properties = {"statcode": code, "statnaam": division.titles[area], "jrstatcode": f"2024{code}"}
        yield {"type": "Feature", "properties": properties, "geometry": geojson(shape)}
