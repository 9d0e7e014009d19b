"""The numbers behind a map as plain values, so that pages print what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from beeld.profiles.maps.classes import class_bounds, classify
from beeld.profiles.maps.figures import Buurt, Subject, read_figures
from beeld.profiles.maps.style import EMPTY, UNSURE_HATCH, State
from beeld.transforms.catalog import Catalog

Scale = Literal["nl", "gemeente"]


@dataclass(frozen=True)
class MapRow:
    """What a map shows of one buurt; `klass` counts from 0 and is None without a value, `drawn` is false without a boundary."""

    code: str
    name: str
    value: float | None
    klass: int | None
    state: State
    reliable: bool | None
    drawn: bool


def pattern(row: MapRow) -> str:
    """The pattern over an area: what kind of empty, or that the figure is not reliable."""
    if row.klass is None:
        return EMPTY.get(row.state, ("", ""))[1]
    return UNSURE_HATCH if row.reliable is False else ""


def map_table(
    con: duckdb.DuckDBPyConnection, gemeentecode: str, key: str, *, catalog: Catalog, scale: Scale = "nl"
) -> list[MapRow]:
    """The numbers behind the map of a theme or indicator: every buurt of the gemeente by code; empty for an unknown key."""
    figures = read_figures(con, gemeentecode, catalog)
    subject = next((subject for subject in figures.subjects() if subject.key == key), None)
    return table_rows(subject, figures.buurten, subject_bounds(subject, scale)) if subject else []


def table_rows(subject: Subject, buurten: Sequence[Buurt], bounds: Sequence[float]) -> list[MapRow]:
    """The rows of a map with these class bounds."""
    rows: list[MapRow] = []
    for buurt in buurten:
        value, state, reliable = subject.cells[buurt.code]
        klass = None if value is None else classify(value, bounds, subject.decimals)
        rows.append(MapRow(buurt.code, buurt.name, value, klass, state, reliable, buurt.shape is not None))
    return rows


def subject_bounds(subject: Subject, scale: Scale) -> tuple[float, ...]:
    """Class bounds among the buurten of the country or of the gemeente; a modelled figure gets equal steps, no quantiles."""
    own = [value for value, _, _ in subject.cells.values() if value is not None]
    values, most = (subject.national, 5) if scale == "nl" else (own, min(5, len(own) // 3))
    return class_bounds(values, subject.decimals, steps=subject.modelled, most=most)
