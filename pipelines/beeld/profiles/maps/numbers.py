"""The numbers of all maps of a gemeente as tables, read once, for the page that stands beside the maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from beeld.profiles.language import Words, tr
from beeld.profiles.maps.bivariate import Reading, joined, read_pairs
from beeld.profiles.maps.classes import class_labels
from beeld.profiles.maps.figures import Buurt, Subject, gemeente_name, read_figures
from beeld.profiles.maps.style import EMPTY, State
from beeld.profiles.maps.table import Scale, subject_bounds, table_rows
from beeld.profiles.maps.text import numeral
from beeld.profiles.maps.years import Series, YearRow, read_years
from beeld.profiles.stored import stored
from beeld.transforms.catalog import Catalog

SCALES: tuple[Scale, ...] = ("nl", "gemeente")
CLASSES = Words({"nl": "Landelijke klasse", "gemeente": "Klasse binnen de gemeente"})


@dataclass(frozen=True)
class Number:
    """One printed figure; `value` is not rounded and empty where there is none, `text` then says why."""

    value: float | None
    text: str
    year: str
    status: State
    uncertain: str = ""


@dataclass(frozen=True)
class NumberRow:
    """A buurt with its figures and the classes that they are drawn in."""

    code: str
    name: str
    numbers: tuple[Number, ...]
    classes: tuple[str, ...] = ()
    drawn: bool = True


@dataclass(frozen=True)
class NumberTable:
    """The numbers of one map, or of the two maps of a figure. `indicators`: whose figures the columns are."""

    key: str
    title: str
    shown: str
    source: str
    columns: tuple[str, ...]
    indicators: tuple[str, ...]
    classes: tuple[str, ...]
    rows: tuple[NumberRow, ...]


@dataclass(frozen=True)
class Numbers:
    """All tables of a gemeente."""

    gemeente: str
    name: str
    tables: tuple[NumberTable, ...]


def read_numbers(con: duckdb.DuckDBPyConnection, gemeentecode: str, catalog: Catalog) -> Numbers:
    """The tables in the order of the maps; none for a gemeente without boundaries."""
    figures = read_figures(con, gemeentecode, catalog)
    name = gemeente_name(con, gemeentecode)
    if not any(buurt.shape is not None for buurt in figures.buurten):
        return Numbers(gemeentecode, name, ())
    tables = [_of_subject(subject, figures.buurten) for subject in figures.subjects()]
    tables += [_of_pair(pair) for pair in read_pairs(figures)]
    tables += [_of_years(series, figures.buurten) for series in read_years(con, gemeentecode, figures)]
    return Numbers(gemeentecode, name, tuple(tables))


def _of_subject(subject: Subject, buurten: Sequence[Buurt]) -> NumberTable:
    """A theme or indicator with the class of each scale that has classes."""
    bounds: dict[Scale, tuple[float, ...]] = {scale: subject_bounds(subject, scale) for scale in SCALES}
    scales: list[Scale] = [scale for scale in SCALES if bounds[scale]]
    labels = {scale: class_labels(bounds[scale], subject.decimals) for scale in scales}
    by_scale = [table_rows(subject, buurten, bounds[scale]) for scale in scales]
    year = subject.period
    rows = [
        NumberRow(
            row.code,
            row.name,
            (_number(row.value, row.state, subject, year, tr("onzeker cijfer") if row.reliable is False else ""),),
            tuple(
                "" if (klass := part[number].klass) is None else labels[scale][klass]
                for scale, part in zip(scales, by_scale, strict=True)
            ),
            row.drawn,
        )
        for number, row in enumerate(table_rows(subject, buurten, ()))
    ]
    heads = tuple(CLASSES[scale] for scale in scales)
    columns = (subject.unit,)
    return NumberTable(subject.key, subject.name, subject.shown, subject.sources, columns, (subject.key,), heads, tuple(rows))


def _of_pair(pair: Reading) -> NumberTable:
    """Two scores side by side."""
    parts = (pair.first, pair.second)
    rows = [
        NumberRow(
            row.code,
            row.name,
            tuple(
                _number(v, part.cells[row.code][1], part, part.period)
                for v, part in zip((row.first, row.second), parts, strict=True)
            ),
            drawn=row.drawn,
        )
        for row in pair.rows
    ]
    names, keys = tuple(part.name for part in parts), tuple(part.key for part in parts)
    source = joined(*(part.sources for part in parts))
    title = tr("{one} naast {other}", one=names[0], other=names[1])
    return NumberTable(pair.key, title, tr("Twee themascores van 0 tot 1"), source, names, keys, (), tuple(rows))


def _of_years(series: Series, buurten: Sequence[Buurt]) -> NumberTable:
    """A figure with a column per year; a note about the boundary stands with the figure."""
    subject = series.subject
    rows = [
        NumberRow(
            buurt.code,
            buurt.name,
            tuple(_of_year(by[number], subject, year) for year, by in series.years.items()),
            drawn=buurt.shape is not None,
        )
        for number, buurt in enumerate(buurten)
    ]
    years = tuple(str(year) for year in series.years)
    shown, title = subject.shown.rpartition("; ")[0], tr("{name} door de jaren", name=subject.name)
    key = f"{subject.key}-jaren"
    return NumberTable(key, title, shown, series.sources, years, (subject.key,) * len(years), (), tuple(rows))


def _of_year(row: YearRow, subject: Subject, year: int) -> Number:
    return _number(
        row.value, row.state, subject, str(year), stored(row.note) or (tr("onzeker cijfer") if row.reliable is False else "")
    )


def _number(value: float | None, state: State, subject: Subject, year: str, uncertain: str = "") -> Number:
    if value is None:
        return Number(None, tr(EMPTY[state if state != "ok" else "geen_gegevens"][0]), year, state)
    return Number(value, numeral(value, subject.decimals), year, "ok", uncertain)
