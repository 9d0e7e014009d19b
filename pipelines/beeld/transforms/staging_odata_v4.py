"""From archived OData v4 observations to pieces of `basis.<bron>`: every area of the code list has a row, one status per cell.

Cells become statuses (facts/CBS.md section 3): ValueAttribute None ok, Impossible niet_van_toepassing, Confidential geheim,
NotAvailable onbekend; an omitted cell onbekend; a measure without any observation in a year niet_geleverd. Never 0.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from beeld.errors import SourceChanged
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.members import FINAL
from beeld.sources.observations import ATTRIBUTES, Batch, filled, places, refuse_kinds
from beeld.sources.odata_v3 import ANNUAL
from beeld.sources.odata_v4_lists import Description, batches, read_description
from beeld.sources.words import plain
from beeld.transforms.basis import Parsed, Step, register_names
from beeld.transforms.codes import normalise

_pa: Any = pa  # pyarrow has no types

STATUSES = ("onbekend", "ok", "niet_van_toepassing", "geheim", "onbekend", "niet_geleverd")
"""What the code of a cell means. 0 is an omitted cell, 1 to 4 follow ATTRIBUTES, 5 a measure that a year does not have."""
OMITTED, OK, IMPOSSIBLE, UNKNOWN, UNDELIVERED = 0, 1, 2, 4, 5
OTHER_AREA = re.compile(r"[A-Z]{2}\d{2}", re.ASCII)
"""Landsdelen, provincies, COROP areas and other regions that stand in the code lists of regional tables beside gemeenten."""
VALID_SHARE = 0.995
"""Share of region codes that must be codes (RELIABILITY.md F32)."""


@dataclass(frozen=True)
class Frame:
    """The rows of a basis table: every known area of the code list in every year. Row = area * years + year."""

    regions: tuple[str, ...]
    """Codes as delivered; those that are no area of ours are left out."""
    codes: tuple[str, ...]
    periods: tuple[str, ...]
    years: tuple[int, ...]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.codes) * len(self.years)

    def locate(self, region: Any, period: Any | None) -> NDArray[np.int64]:
        """The row of each observation; -1 for one of another area or of another period than a year."""
        area = places(region, self.regions)
        if period is None:
            return area
        year = places(period, self.periods)
        return np.where((area < 0) | (year < 0), -1, area * len(self.years) + year)


@dataclass(frozen=True)
class Piece:
    """The columns that share one member of each dimension, as one value, status and text per measure and row."""

    selection: Mapping[str, str]
    columns: Mapping[str, str]
    """Declared column -> measure."""
    measures: tuple[str, ...]
    values: NDArray[np.float64]
    codes: NDArray[np.int8]
    texts: NDArray[np.object_]
    """Only of the measures that are texts, in the order of `text_measures`."""
    text_measures: tuple[str, ...]


@contextmanager
def parsed(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int) -> Generator[Step]:
    """One snapshot, parsed, while the block runs; peiljaren before `year_from` are left out.

    Raises SourceChanged when codes are not codes, an observation comes twice, or a measure holds another kind of value.
    """
    where = f"{source.bron} {table.tabel}"
    described = read_description(snapshot, source, table)
    frame = _frame(described, table, year_from, where)
    pieces = _pieces(described, frame, source)
    layout, chosen = described.layout, described.selection
    for batch in batches(snapshot, source, table):
        refuse_kinds(batch, chosen.wanted, chosen.texts, where)
        rows = frame.locate(batch.members[layout.region], batch.members[layout.time] if layout.time else None)
        for piece in pieces:
            _fill(piece, batch, rows, where)
    for number, piece in enumerate(pieces):
        _create_piece(con, number, frame, piece)
    _register_names(con, described)
    provisional = _provisional(described)
    columns = {number: tuple(piece.columns) for number, piece in enumerate(pieces)}
    yield Parsed(source, table, layout.columns, columns, typed=True, empty="niet_geleverd", provisional=provisional), layout


def _frame(described: Description, table: Table, year_from: int, where: str) -> Frame:
    regions: list[str] = []
    codes: list[str] = []
    refused = 0
    listed = described.members[described.layout.region]
    for text in listed:
        code = normalise(text)
        if code is not None:
            regions.append(text)
            codes.append(code)
        elif not OTHER_AREA.fullmatch(text):
            refused += 1
    if not codes or refused > len(listed) * (1 - VALID_SHARE):
        raise SourceChanged(
            f"{refused} of {len(listed)} codes of {described.layout.region} are no known region code", where=where
        )
    if len(set(codes)) != len(codes):
        twice = next(code for code in codes if codes.count(code) > 1)
        raise SourceChanged(f"delivers {twice} more than once", where=where)
    if described.layout.time is None:
        return Frame(tuple(regions), tuple(codes), (), (table.peiljaar or 0,))
    annual = [code for code in described.members[described.layout.time] if ANNUAL.match(code) and int(code[:4]) >= year_from]
    return Frame(tuple(regions), tuple(codes), tuple(annual), tuple(int(code[:4]) for code in annual))


def _pieces(described: Description, frame: Frame, source: Source) -> list[Piece]:
    groups: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for name, measure in described.layout.columns.items():
        groups.setdefault(tuple(sorted(described.choices[name].items())), {})[name] = measure
    return [_empty_piece(dict(selection), columns, frame, source) for selection, columns in groups.items()]


def _empty_piece(selection: Mapping[str, str], columns: Mapping[str, str], frame: Frame, source: Source) -> Piece:
    words = tuple(dict.fromkeys(measure for name, measure in columns.items() if source.kolommen[name].soort == "tekst"))
    numbers = tuple(dict.fromkeys(measure for measure in columns.values() if measure not in words))
    size = (len(numbers), frame.rows)
    return Piece(
        selection,
        columns,
        numbers,
        np.full(size, np.nan),
        np.zeros(size, np.int8),
        np.full((len(words), frame.rows), None, np.object_),
        words,
    )


def _fill(piece: Piece, batch: Batch, rows: NDArray[np.int64], where: str) -> None:
    """The observations of a batch that belong to a piece stand in it."""
    ours = rows >= 0
    for dimension, member in piece.selection.items():
        ours &= places(batch.members[dimension], (member,)) == 0
    measure = places(batch.measure, piece.measures)
    here = ours & (measure >= 0)
    codes = places(batch.attribute, ATTRIBUTES)[here] + 1
    value = np.asarray(batch.value.to_numpy(zero_copy_only=False), np.float64)[here]
    codes[(codes == OK) & np.isnan(value)] = UNKNOWN
    spots = measure[here] * piece.codes.shape[1] + rows[here]
    if np.unique(spots).size != spots.size or piece.codes.ravel()[spots].any():
        raise SourceChanged("delivers an observation more than once", where=where)
    piece.codes.ravel()[spots] = codes
    piece.values.ravel()[spots] = np.where(codes == OK, value, np.nan)
    word = places(batch.measure, piece.text_measures)
    said = ours & (word >= 0) & filled(batch.text)
    piece.texts[word[said], rows[said]] = batch.text.to_numpy(zero_copy_only=False)[said]


def _create_piece(con: duckdb.DuckDBPyConnection, number: int, frame: Frame, piece: Piece) -> None:
    """Temp table `stuk_<number>`: the piece with its values, texts and statuses."""
    shape = (len(frame.codes), len(frame.years))
    arrays: dict[str, Any] = {
        "gebiedscode": _pa.array(frame.codes, _pa.string()).take(_pa.array(np.repeat(np.arange(shape[0]), shape[1]))),
        "peiljaar": _pa.array(np.tile(np.array(frame.years, np.int32), len(frame.codes))),
    }
    for name, measure in piece.columns.items():
        if measure in piece.text_measures:
            words = piece.texts[piece.text_measures.index(measure)]
            arrays[name] = _pa.array([None if word == "." else word for word in words], _pa.string())
            continue
        place = piece.measures.index(measure)
        codes = _with_undelivered(piece.codes[place].reshape(shape)).ravel()
        arrays[name] = _pa.array(piece.values[place], mask=codes != OK)
        arrays[f"{name}_status"] = _pa.array(STATUSES, _pa.string()).take(_pa.array(codes))
    con.register("ruw_stuk", _pa.table(arrays))
    con.execute(f"create or replace temp table stuk_{number} as select * from ruw_stuk")
    con.unregister("ruw_stuk")


def _with_undelivered(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """The codes of one measure per area and year, UNDELIVERED in each year of which it says nothing of any area."""
    said = ((codes != OMITTED) & (codes != IMPOSSIBLE)).any(axis=0)
    return np.where(said, codes, np.int8(UNDELIVERED))


def _register_names(con: duckdb.DuckDBPyConnection, described: Description) -> None:
    """The names of the areas, from their code list."""
    titles: dict[str, str] = {}
    for row in described.rows[described.layout.region]:
        if code := normalise(str(row["Identifier"])):
            titles[code] = plain(str(row.get("Title") or "")) or code
    register_names(con, titles)


def _provisional(described: Description) -> list[int]:
    """The years that are not final, from their code list."""
    return [
        int(match.group(1))
        for row in (described.rows[described.layout.time] if described.layout.time else ())
        if (match := ANNUAL.match(str(row["Identifier"]).strip())) and row.get("Status") not in FINAL
    ]
