"""Every figure of the country once more, in pandas, from the files of the sources: columns and formulas as `by_hand` words them.

Value and status of each cell, set-based, so that all 1.7 million can be held against a release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.indicatoren.second import ORDER
from tests.reliability import by_hand
from tests.reliability.wire import rows_of

NEWEST = max(by_hand.KWB)
HEALTH_DIVISION = 2020
"""The division of all years of the health table."""
OLDER = {
    "aandeel_eenzaam_65_plus": "Eenzaam",
    "aandeel_ernstig_eenzaam_65_plus": "ErnstigZeerErnstigEenzaam",
}
FIRST_YEAR = 2015
"""Earlier years are no part of a release unless asked for."""
CRIME = "misdrijven_per_1000"
COUNTRY = "NL00"

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Cells:
    """Value (NaN where there is none) and status, in the order of the areas."""

    value: Floats
    status: Texts


@dataclass(frozen=True)
class Rows:
    """The rows of a table brought to the areas, and which areas have one."""

    table: pd.DataFrame
    there: Flags

    def cells(self, value: Floats) -> Cells:
        """An area that does not join, or has no row, was not delivered; a row without a value is unknown."""
        placed = np.where(self.there, value, np.nan)
        status = np.where(np.isfinite(placed), "ok", np.where(self.there, "onbekend", "niet_geleverd"))
        return Cells(placed, status.astype(object))


class Country:
    """The four tables, by area and base name of the column, brought to the areas of the newest division."""

    def __init__(self, data: Path) -> None:
        names = {year: _names(data, table) for year, table in by_hand.KWB.items()}
        self.areas = names[NEWEST].index.union(pd.Index([COUNTRY])).sort_values()
        older, newest = (names[year].reindex(self.areas) for year in (HEALTH_DIVISION, NEWEST))
        self._joined = {HEALTH_DIVISION: (older == newest).to_numpy() | (self.areas == COUNTRY)}
        self.kwb = {year: self._brought(_frame(data, table, "TypedDataSet"), year) for year, table in by_hand.KWB.items()}
        health = _frame(data, by_hand.HEALTH, "UntypedDataSet")
        self.health = {
            key: self._brought(rows, HEALTH_DIVISION)
            for key, rows in health.groupby([health["Perioden"].str[:4].astype(int), health["Leeftijd"].str.strip()])
        }
        crime = _frame(data, by_hand.CRIME, "TypedDataSet")
        self.crime = {
            int(period[:4]): self._brought(rows, NEWEST)
            for period, rows in crime.groupby(crime["Perioden"].str.strip())
            if period.endswith("JJ00")
        }

    def _brought(self, frame: pd.DataFrame, division: int) -> Rows:
        joined = self._joined.get(division, np.ones(len(self.areas), dtype=np.bool_))
        return Rows(frame.reindex(self.areas), joined & self.areas.isin(frame.index))

    def figures(self) -> Iterator[tuple[str, int, Cells]]:
        """Every indicator and year that a table of these four can give."""
        for year in self.kwb:
            for name, columns in by_hand.PUBLISHED.items():
                yield name, year, self._typed(year, columns)
            for name, (factor, above, below) in by_hand.RATES.items():
                parts = [[self._typed(year, [column]) for column in columns] for columns in (above, below)]
                yield name, year, rate(factor, parts[0], parts[1])
        for year in sorted({year for year, _ in self.health if year >= FIRST_YEAR}):
            for name, column in by_hand.HEALTH_COLUMNS.items():
                yield name, year, self._untyped(year, by_hand.ADULTS, column)
            for name, column in OLDER.items():
                yield name, year, self._untyped(year, by_hand.OLDER, column)
        for year, rows in self.crime.items():
            yield CRIME, year, self._crime(year, rows)

    def _typed(self, year: int, columns: Sequence[str]) -> Cells:
        """The first of the columns that has a value; a column without any value was not delivered."""
        rows = self.kwb[year]
        value = pd.Series(np.nan, index=self.areas)
        for name in columns:
            value = value.combine_first(rows.table[name].astype(float)) if name in rows.table else value
        return rows.cells(value.to_numpy()) if value.notna().any() else self._nothing("niet_geleverd")

    def _untyped(self, year: int, age: str, column: str) -> Cells:
        """A cell is padded text; a point is no value, a dash is nil."""
        rows = self.health[year, age]
        text = rows.table[column].fillna(".").str.strip()
        value = pd.to_numeric(text.replace({".": None, "": None, "x": None, "-": "0"})).to_numpy(dtype=float)
        return rows.cells(value) if np.isfinite(value).any() else self._nothing("niet_geleverd")

    def _crime(self, year: int, rows: Rows) -> Cells:
        """Registered crimes of a year among the inhabitants of that year; without them there is no denominator."""
        if year not in self.kwb:
            return self._nothing("geen_noemer")
        people = self._typed(year, ["AantalInwoners"])
        counted = rows.cells(rows.table["GeregistreerdeMisdrijven"].to_numpy(dtype=float))
        found = rate(1000, [counted], [people])
        absent = people.status == "niet_geleverd"
        return Cells(np.where(absent, np.nan, found.value), np.where(absent, "geen_noemer", found.status))

    def _nothing(self, status: str) -> Cells:
        return Cells(np.full(len(self.areas), np.nan), np.full(len(self.areas), status, dtype=object))


def rate(factor: float, above: Sequence[Cells], below: Sequence[Cells]) -> Cells:
    """So many per so many: a part without a value leaves none, a denominator of nil is no denominator."""
    count, amount = (np.sum([part.value for part in parts], axis=0) for parts in (above, below))
    status = np.full(len(amount), "ok", dtype=object)
    for wrong in reversed(ORDER):
        for part in (*above, *below):
            status[part.status == wrong] = wrong
    status[amount == 0] = "geen_noemer"
    with np.errstate(divide="ignore", invalid="ignore"):
        return Cells(np.where(status == "ok", factor * count / amount, np.nan), status)


def _frame(data: Path, table: str, entity_set: str) -> pd.DataFrame:
    """Rows by area; columns by base name, for the number behind it is a position that differs per year."""
    frame = pd.DataFrame(rows_of(data, table, entity_set))
    frame.index = pd.Index([by_hand.code({"WijkenEnBuurten": code}) for code in frame["WijkenEnBuurten"]])
    frame.columns = [re.sub(r"_\d+$", "", name) for name in frame.columns]
    return frame.loc[:, ~frame.columns.duplicated(keep="last")]


def _names(data: Path, table: str) -> pd.Series:
    """The name of every area of a table."""
    rows = rows_of(data, table, "WijkenEnBuurten")
    return pd.Series([" ".join(row["Title"].split()) for row in rows], index=[row["Key"].strip() for row in rows])


def compare(country: Country, published: pd.DataFrame) -> tuple[int, list[str]]:
    """Hold rows of `waarde` against the sources, value and status: the number of cells compared, and what differs."""
    places = country.areas.get_indexer(published["gebiedscode"])
    assert (places >= 0).all(), "areas that no table has"
    values, statuses = published["waarde"].to_numpy(dtype=float), published["status"].to_numpy(dtype=object)
    by_figure = published.groupby(["indicator", "peiljaar"]).indices
    compared, wrong = 0, list[str]()
    for name, year, cells in country.figures():
        rows = by_figure.pop((name, year), None)
        if rows is None:
            wrong += [f"{name} {year}: lost"] if np.isfinite(cells.value).any() else []
            continue
        if len(set(places[rows])) != len(country.areas):
            wrong.append(f"{name} {year}: {len(rows)} rows for {len(country.areas)} areas")
        expected, why = cells.value[places[rows]], cells.status[places[rows]]
        same = np.isclose(values[rows], expected, rtol=1e-9, atol=1e-9, equal_nan=True) & (statuses[rows] == why)
        compared += len(rows)
        for row in np.flatnonzero(~same)[:3]:
            code, found = published["gebiedscode"].iloc[rows[row]], (values[rows[row]], statuses[rows[row]])
            wrong.append(f"{name} {year} {code}: {found} for {(expected[row], why[row])}")
    return compared, [*wrong, *(f"{name} {year}: no source has it" for name, year in by_figure)]
