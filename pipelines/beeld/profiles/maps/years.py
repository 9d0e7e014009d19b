"""Small multiples: one figure in the buurten of a gemeente over the years, with the same classes in every year.

Only figures that may be followed over time (`transforms.gate`), so never a modelled one. Differences are not tested here: that is
the chapter on change of a profile. A year in which a buurt does not join the present division is left empty, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import shapely
from matplotlib.collections import PathCollection
from matplotlib.path import Path as Outlines
from matplotlib.transforms import Affine2D

from beeld.profiles.language import noted, tr
from beeld.profiles.maps.classes import class_bounds, class_labels, classify, rounded
from beeld.profiles.maps.describe import Spec, empty_entries, without_boundary
from beeld.profiles.maps.figures import STATES, Buurt, Figures, Subject, read_figures
from beeld.profiles.maps.patterned import Patterned
from beeld.profiles.maps.picture import MapPicture
from beeld.profiles.maps.placement import Placement
from beeld.profiles.maps.shapes import dissolved, simplified
from beeld.profiles.maps.sheet import Legend, Sheet
from beeld.profiles.maps.style import (
    EDGE,
    EMPTY_FILL,
    EXAMPLE,
    POLARITY,
    UNSURE,
    UNSURE_HATCH,
    UNTESTED_HATCH,
    State,
    hatch_colour,
    ramp,
)
from beeld.profiles.maps.table import MapRow, pattern
from beeld.profiles.maps.text import listed, numeral
from beeld.profiles.stored import stored
from beeld.transforms import gate
from beeld.transforms.catalog import Catalog

MOST_YEARS = 6
"""The newest years are drawn."""
CELLS = """
select v.indicator, v.peiljaar, v.gebiedscode, v.waarde, v.status, coalesce(v.reden, ''), v.betrouwbaar, v.bron_tabel
from waarde as v join gebied as g using (gebiedscode)
where g.soort = 'buurt' and g.gemeentecode = ? and v.indicator in (select unnest(?))
order by all
"""
NOT_JOINED = "geen gebied met deze code en naam"
LEFT, TOP, ROOM, GAP = 22.0, 112.0, 512.0, 14.0


@dataclass(frozen=True)
class YearRow(MapRow):
    """A row of one year; `note` is what has to be said about the value, such as a boundary that was not tested."""

    note: str = ""


@dataclass(frozen=True)
class Series:
    """One figure of a gemeente by year, and the class bounds that all years share."""

    subject: Subject
    bounds: tuple[float, ...]
    years: Mapping[int, tuple[YearRow, ...]]
    sources: str


@dataclass(frozen=True)
class YearsSpec:
    """What the picture says, and the rows of each of its years."""

    spec: Spec
    years: Mapping[int, tuple[YearRow, ...]]


def read_years(con: duckdb.DuckDBPyConnection, gemeentecode: str, figures: Figures) -> list[Series]:
    """The core figures that may be followed and have a value here in two years or more; classes of the newest year's country."""
    catalog = figures.catalog
    subjects = {
        s.key: s
        for s in figures.subjects()
        if s.kind == "indicator"
        and not s.modelled
        and gate.decide(catalog.indicators[s.key], catalog.sources[catalog.indicators[s.key].bron], "trend").allowed
    }
    cells: dict[str, dict[int, dict[str, tuple[float | None, State, bool | None, str]]]] = {}
    tables: dict[str, dict[int, set[str]]] = {}
    for name, year, code, value, status, note, reliable, table in con.execute(CELLS, [gemeentecode, sorted(subjects)]).fetchall():
        state: State = "sluit_niet_aan" if note.startswith(NOT_JOINED) else STATES.get(status, "geen_gegevens")
        cells.setdefault(name, {}).setdefault(year, {})[code] = (value, state, reliable, note if value is not None else "")
        if value is not None:
            tables.setdefault(name, {}).setdefault(year, set()).update(table.split(", "))
    found: list[Series] = []
    for name, subject in subjects.items():
        years = sorted(y for y, by in cells.get(name, {}).items() if any(cell[0] is not None for cell in by.values()))[
            -MOST_YEARS:
        ]
        if len(years) < 2:
            continue
        bounds = class_bounds(subject.national, subject.decimals)
        rows = {year: tuple(_row(b, cells[name][year], bounds, subject.decimals) for b in figures.buurten) for year in years}
        delivered = sorted({table for year in years for table in tables[name][year] if table})
        found.append(Series(subject, bounds, rows, "; ".join(figures.titles.get(table, table) for table in delivered)))
    return found


def _row(
    buurt: Buurt, cells: Mapping[str, tuple[float | None, State, bool | None, str]], bounds: Sequence[float], decimals: int
) -> YearRow:
    value, state, reliable, note = cells.get(buurt.code, (None, "geen_gegevens", None, ""))
    klass = None if value is None else classify(value, bounds, decimals)
    return YearRow(buurt.code, buurt.name, value, klass, state, reliable, buurt.shape is not None, note)


def years_table(
    con: duckdb.DuckDBPyConnection, gemeentecode: str, key: str, *, catalog: Catalog
) -> dict[int, tuple[YearRow, ...]]:
    """The numbers behind the small maps of an indicator, by year; empty when it may not be followed or has one year."""
    series = read_years(con, gemeentecode, read_figures(con, gemeentecode, catalog))
    found: dict[int, tuple[YearRow, ...]] = {}
    for one in series:
        found |= one.years if one.subject.key == key else {}
    return found


def describe_years(series: Series, place: str, source: str) -> YearsSpec:
    """Title, legend, caption and alternative text, made by rule from the rows of all years."""
    subject, years = series.subject, series.years
    labels = class_labels(series.bounds, subject.decimals)
    colours = ramp(subject.polarity, len(labels))
    everything = [row for rows in years.values() for row in rows if row.drawn]
    entries = [(colour, "", label) for colour, label in zip(colours, labels, strict=True)]
    notes = sorted({row.note for row in everything if row.note})
    entries += [(colours[0], UNTESTED_HATCH, listed([stored(note) for note in notes]))] if notes else []
    if any(row.reliable is False and row.value is not None and not row.note for row in everything):
        entries.append((colours[0], UNSURE_HATCH, tr(UNSURE)))
    entries += [(colour, hatch, text.rpartition("  (")[0]) for colour, hatch, text in empty_entries(everything)]
    written = listed([str(year) for year in years])
    title = _headline(series)
    polarity = POLARITY[subject.polarity]
    missing = without_boundary([row.name for row in next(iter(years.values())) if not row.drawn])
    counts = "; ".join(f"{year}: {sum(row.value is not None and row.drawn for row in rows)}" for year, rows in years.items())
    spec = Spec(
        key=f"{subject.key}-jaren",
        kind="years",
        title=title,
        subtitle=tr("Buurten van {area}, {years}. {shown}", area=place, years=written, shown=subject.shown.rpartition("; ")[0]),
        caption=tr(
            "{name}, {years}. Dezelfde landelijke klassen in elk jaar, {polarity}. "
            "Een verschil tussen jaren is hier niet getoetst: dat staat bij Verloop. {missing}",
            name=subject.name,
            years=written,
            polarity=polarity,
            missing=missing,
        ).strip(),
        alt=tr(
            "Kaarten van de buurten van {area}, een per jaar: {years}. {title}. Aantal buurten met een cijfer: {counts}.",
            area=place,
            years=written,
            title=title,
            counts=counts,
        ),
        source=tr("Bron: {sources}; {borders}", sources=series.sources, borders=source),
        legend=Legend((), tr("Landelijke klassen"), (subject.unit, tr("dezelfde klassen in elk jaar"), polarity), tuple(entries)),
        colours=tuple(colours),
        rows=(),
    )
    return YearsSpec(spec, years)


def _headline(series: Series) -> str:
    """Where the middle half of the buurten lies in the first and the last year, of those with a figure in both."""
    subject, years = series.subject, series.years
    first, last = min(years), max(years)
    values = {year: {row.code: row.value for row in years[year] if row.value is not None and row.drawn} for year in (first, last)}
    both = sorted(set(values[first]) & set(values[last]))
    if len(both) < 6:
        return tr("{name}: cijfers van {years} naast elkaar", name=subject.name, years=listed([str(year) for year in years]))
    spans: list[str] = []
    for year in (first, last):
        numbers = [rounded(values[year][code] or 0.0, subject.decimals) for code in both]
        low, high = (numeral(float(q), subject.decimals) for q in np.quantile(numbers, [0.25, 0.75]))
        spans.append(tr("{low} en {high} {unit} in {year}", low=low, high=high, unit=subject.unit, year=year))
    told = noted("{name}: ongeveer de helft van {count} buurten tussen {first} en tussen {last}")
    return tr(told, name=subject.name, count=len(both), first=spans[0], last=spans[1])


def draw_years(
    years: YearsSpec, buurten: Sequence[Buurt], out: Path, last: str, example: bool, *, pixels: bool = True
) -> MapPicture:
    """One small map per year on one scale, with one legend."""
    spec = years.spec
    drawn = [(buurt.code, buurt.shape) for buurt in buurten if buurt.shape is not None]
    bounds = [float(bound) for bound in shapely.total_bounds([shape for _, shape in drawn])]
    columns = 2 if len(years.years) <= 4 else 3
    width = (ROOM - (columns - 1) * GAP) / columns
    place = Placement.fit(bounds, 0, 0, width, 1.3 * width)
    height = (bounds[3] - bounds[1]) * place.scale
    shapes = simplified([shape for _, shape in drawn], 0.5 / place.scale)
    edge = place.path(dissolved(shapes, 0.8 / place.scale))
    paths = [place.path(shape) for shape in shapes]
    rows = -(-len(years.years) // columns)
    legend = Legend(
        ((tr(EXAMPLE),) if example else ()) + spec.legend.badges, spec.legend.heading, spec.legend.lines, spec.legend.entries
    )
    bottom = max(TOP + rows * (height + 30), TOP - 18 + Sheet.legend_height(194, legend))
    sheet = Sheet(bottom + 84)
    for number, (year, cells) in enumerate(years.years.items()):
        left, top = LEFT + number % columns * (width + GAP), TOP + number // columns * (height + 30)
        sheet.text(left + width / 2, top - 6, str(year), 11, bold=True, ha="center")
        _panel(sheet, (left, top), [paths, [edge]], {row.code: row for row in cells}, [code for code, _ in drawn], spec.colours)
    sheet.header(spec.title, spec.subtitle)
    sheet.legend(552, TOP - 18, 194, legend)
    sheet.compass(22, bottom + 30, 1 / place.scale, width)
    sheet.footer([spec.source, last])
    svg, png = sheet.save(out, spec.key, spec.title, spec.colours, pixels=pixels)
    return MapPicture(spec.key, spec.kind, spec.title, spec.alt, spec.caption, svg, png)


def year_pattern(row: YearRow) -> str:
    """The pattern over an area of one year: a note about the boundary goes before a figure that is not reliable."""
    return UNTESTED_HATCH if row.value is not None and row.note else pattern(row)


def _panel(
    sheet: Sheet,
    corner: tuple[float, float],
    outlines: Sequence[Sequence[Outlines]],
    rows: Mapping[str, YearRow],
    codes: Sequence[str],
    colours: Sequence[str],
) -> None:
    """The map of one year with its top left corner at `corner`."""
    move = Affine2D().translate(*corner)
    paths, edges = ([move.transform_path(path) for path in part] for part in outlines)
    shown = [rows[code] for code in codes]
    fills = [EMPTY_FILL if row.klass is None else colours[row.klass] for row in shown]
    sheet.add(PathCollection(paths, facecolors=fills, edgecolors="white", linewidths=0.5, zorder=1))
    hatches = [year_pattern(row) for row in shown]
    for hatch in sorted({hatch for hatch in hatches if hatch}):
        chosen = [i for i, other in enumerate(hatches) if other == hatch]
        inks = [hatch_colour(fills[i]) for i in chosen]
        part = [paths[i] for i in chosen]
        sheet.add(Patterned(part, hatch, inks, 0.5, zorder=2))
    sheet.add(PathCollection(edges, facecolors="none", edgecolors=EDGE, linewidths=1.4, zorder=3))
