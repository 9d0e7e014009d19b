"""From archived OData v3 pages to pieces of `basis.<bron>`: canonical codes, one status per cell.

Cells become statuses as CONTRACT.md says: Untyped `.` onbekend, `x` geheim, `-` 0, empty niet_van_toepassing; Typed null
onbekend; a topic that is empty for every area of a year niet_geleverd, and so is a topic that the table does not have.

A megabyte at a time, so that no page is ever in memory; of a row only the declared cells are decoded, and each text is read once
however often it is repeated.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from beeld.errors import SourceChanged
from beeld.sources import odata_v3
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.http import safe
from beeld.sources.lots import Row, Wanted, WrongMember, lots, pages
from beeld.sources.words import plain
from beeld.transforms.arrow import Array, Rows, numbers, texts
from beeld.transforms.basis import STATUSES, Parsed, Step, register_names
from beeld.transforms.codes import normalise

KEYS = 2
"""Lists that go before those of the columns in what a piece keeps: region and time."""
ROWS = 2_000
"""Rows whose cells are Python objects at a time; a column of them is an eighth of the size."""
VALID_SHARE = 0.995
"""Share of region codes that must be codes (RELIABILITY.md F32)."""
NUMBER = re.compile(odata_v3.NUMBER)

WRONG = -1
OK, UNKNOWN = STATUSES.index("ok"), STATUSES.index("onbekend")

Cell = tuple[float | None, str]
"""The value of a cell and its status; exactly one of them says that there is none."""


class Codes(dict[Any, str | None]):
    """Region key as delivered -> canonical code, or None when it is no code; each key is looked at once."""

    def __missing__(self, key: Any) -> str | None:
        code = self[key] = normalise(str(key))
        return code


class Years(dict[Any, int | None]):
    """Key of the time dimension -> peiljaar, or None for a month or quarter; each key is looked at once."""

    def __missing__(self, key: Any) -> int | None:
        annual = odata_v3.ANNUAL.match(str(key).strip())
        year = self[key] = int(annual.group(1)) if annual else None
        return year


class Stripped(dict[Any, str]):
    """Key of a dimension as delivered -> without its padding."""

    def __missing__(self, key: Any) -> str:
        text = self[key] = str(key).strip()
        return text


class Cells(dict[str | None, int]):
    """Untyped text -> where what it says stands; each is read once, and a table of a million cells holds a few thousand texts."""

    def __init__(self) -> None:
        self._values, self._statuses = array("d"), array("b")

    def __missing__(self, text: str | None) -> int:
        value, status = read_cell(text) or (None, None)
        self._values.append(0.0 if value is None else value)
        self._statuses.append(WRONG if status is None else STATUSES.index(status))
        place = self[text] = len(self._values) - 1
        return place

    def read(self, texts: Iterable[str | None]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """The values of these cells and the places of their statuses in STATUSES; WRONG for a text that says nothing."""
        places = np.frombuffer(array("i", map(self.__getitem__, texts)), np.int32)
        return np.frombuffer(self._values)[places], np.frombuffer(self._statuses, np.int8)[places]


def read_cell(text: str | None) -> Cell | None:
    """The value and status of an Untyped cell; None when it is neither a number nor a known sign (a decimal comma, say)."""
    stripped = (text or "").strip()
    match stripped:
        case "":
            return None, "niet_van_toepassing"
        case ".":
            return None, "onbekend"
        case "x":
            return None, "geheim"
        case "-":
            return 0.0, "ok"
        case _:
            return (float(stripped), "ok") if NUMBER.fullmatch(stripped) else None


class Piece:
    """The columns that share one selection of dimension members, and the raw cells that are no columns yet."""

    def __init__(
        self, selection: Mapping[str, str], columns: tuple[str, ...], layout: Layout, places: Mapping[str, int], rows: Rows
    ) -> None:
        self.selection = {places[dimension]: member for dimension, member in selection.items()}
        self.columns = columns
        keys = (layout.region, layout.time or layout.region, *(layout.columns[name] for name in columns))
        self._cells = itemgetter(*(places[key] for key in keys))
        self.raw: tuple[list[Any], ...] = tuple([] for _ in range(KEYS + len(columns)))
        self.rows = rows

    def keep(self, rows: Sequence[Row], stripped: Stripped) -> None:
        """Keep the cells of the rows that belong here; row by row, because a row is together in memory and a column is not."""
        for place, member in self.selection.items():
            rows = [row for row in rows if stripped[row[place]] == member]
        if not rows:
            return
        for kept, cells in zip(self.raw, zip(*map(self._cells, rows), strict=True), strict=True):
            kept.extend(cells)

    def close(self, arrays: Mapping[str, Array]) -> None:
        """Put columns away in the place of the raw cells."""
        self.rows.add(arrays)
        for cells in self.raw:
            cells.clear()


@dataclass(frozen=True)
class Reading:
    """One snapshot on its way into `stuk_0`, `stuk_1`, ..., with what was read of its keys and cells so far."""

    source: Source
    table: Table
    layout: Layout
    members: Mapping[str, Any]
    """The members of a row that are wanted, with their types; their order is that of a row."""
    pieces: tuple[Piece, ...]
    untyped: bool
    where: str
    codes: Codes = field(default_factory=Codes)
    years: Years = field(default_factory=Years)
    stripped: Stripped = field(default_factory=Stripped)
    cells: Cells = field(default_factory=Cells)

    def is_number(self, name: str) -> bool:
        """True for a declared column of numbers."""
        return self.source.kolommen[name].soort == "getal"


@contextmanager
def parsed(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, _year_from: int) -> Generator[Step]:
    """One snapshot, parsed, while the block runs.

    Raises SourceChanged when codes are not codes, rows repeat, or a cell is neither a number nor a known sign for missing.
    """
    where = f"{source.bron} {table.tabel}"
    layout = odata_v3.read_layout(snapshot, source, table)
    source = odata_v3.read_pinned(snapshot, source, layout)
    untyped = odata_v3.data_set_of(snapshot) == odata_v3.UNTYPED
    members = _members(source, layout, untyped)
    with TemporaryDirectory(prefix="beeld-") as folder:
        pieces = _pieces(source, layout, members, Path(folder))
        reading = Reading(source, table, layout, members, pieces, untyped, where)
        _read(reading, snapshot)
        _register_names(con, snapshot, reading)
        columns = {number: piece.columns for number, piece in enumerate(reading.pieces)}
        with _as_tables(con, reading):
            for number in columns:
                _refuse_repeats(con, number, where)
            empty = "niet_van_toepassing" if untyped else "onbekend"
            yield Parsed(source, table, layout.columns, columns, typed=not untyped, empty=empty), layout


def _members(source: Source, layout: Layout, untyped: bool) -> dict[str, Any]:
    """The members of a row that staging reads, with the types that they may have: keys first, then the cells of every column."""
    selected = {name for column in layout.columns for name in _selection(source, column)}
    keys = dict.fromkeys([layout.region, *([layout.time] if layout.time else []), *sorted(selected)], str | int | None)
    cells = {
        key: float | None if source.kolommen[name].soort == "getal" and not untyped else str | None
        for name, key in layout.columns.items()
    }
    return keys | cells


def _selection(source: Source, column: str) -> dict[str, str]:
    return {**source.dimensies, **source.kolommen[column].dimensies}


def _pieces(source: Source, layout: Layout, members: Mapping[str, Any], folder: Path) -> tuple[Piece, ...]:
    places = {member: place for place, member in enumerate(members)}
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in layout.columns:
        groups.setdefault(tuple(sorted(_selection(source, name).items())), []).append(name)
    return tuple(
        Piece(dict(selection), tuple(names), layout, places, Rows(folder / f"stuk_{number}.parquet"))
        for number, (selection, names) in enumerate(groups.items())
    )


def _read(reading: Reading, snapshot: Snapshot) -> None:
    """Every page into the pieces; SourceChanged when too many region codes are none, or there are no rows."""
    total = refused = 0
    wanted = Wanted(reading.members)
    for page in pages(snapshot, f"{odata_v3.UNTYPED if reading.untyped else odata_v3.TYPED}-"):
        try:
            for rows in lots(page, wanted):
                total += len(rows)
                refused += _keep(reading, rows)
                for piece in reading.pieces:
                    if len(piece.raw[0]) >= ROWS:
                        _close(reading, piece)
        except WrongMember as error:
            name = next((name for name, key in reading.layout.columns.items() if key == error.member), "")
            raise SourceChanged(f"column {error.member} ({name}) changed its type: {error}", where=reading.where) from error
    for piece in reading.pieces:
        _close(reading, piece)
        piece.rows.close()
    if total == 0 or refused > total * (1 - VALID_SHARE):
        raise SourceChanged(
            f"{refused} of {total} rows have no known region code in {reading.layout.region}", where=reading.where
        )


@contextmanager
def _as_tables(con: duckdb.DuckDBPyConnection, reading: Reading) -> Generator[None]:
    """The pieces as `stuk_0`, `stuk_1`, ... while the block runs: views, so that no cell is copied before it is in place."""
    for number, piece in enumerate(reading.pieces):
        selected = ", ".join(_cell_sql(name, reading.is_number(name)) for name in piece.columns)
        con.execute(
            f"create or replace temp view stuk_{number} as select gebiedscode, peiljaar, {selected} from {piece.rows.relation}"
        )
    try:
        yield
    finally:
        for number in range(len(reading.pieces)):
            con.execute(f"drop view stuk_{number}")


def _keep(reading: Reading, rows: Sequence[Row]) -> int:
    """Keep the annual rows with a region code in their pieces; returns how many rows have no known code.

    The first member of a row is its region, the second its time where the table has one.
    """
    codes, years = reading.codes, reading.years
    unknown = [codes[row[0]] for row in rows].count(None)
    if unknown:
        rows = [row for row in rows if codes[row[0]] is not None]
    if reading.layout.time is not None:
        rows = [row for row in rows if years[row[1]] is not None]
    elif reading.table.peiljaar is None:
        rows = []
    for piece in reading.pieces:
        piece.keep(rows, reading.stripped)
    return unknown


def _close(reading: Reading, piece: Piece) -> None:
    """Turn the raw cells of a piece into columns of values and statuses; SourceChanged for a cell that is neither."""
    regions, times, *raw = piece.raw
    annual = reading.layout.time is not None
    years = [reading.years[key] if annual else reading.table.peiljaar for key in times]
    arrays = {
        "gebiedscode": texts([reading.codes[key] for key in regions]),
        "peiljaar": numbers(np.array(years, np.int32)),
    }
    for name, cells in zip(piece.columns, raw, strict=True):
        arrays |= _column(reading, name, cells)
    piece.close(arrays)


def _column(reading: Reading, name: str, cells: Sequence[Any]) -> dict[str, Array]:
    """A column as Arrow: numbers with the places of their statuses, or text as it is."""
    if not reading.is_number(name):
        return {name: texts(cells)}
    if reading.untyped:
        values, statuses = reading.cells.read(cells)
        wrong = statuses == WRONG
        if wrong.any():
            key, text = reading.layout.columns[name], str(cells[int(np.argmax(wrong))])
            raise SourceChanged(f"column {key} ({name}) holds '{safe(text.strip())}', which is no number", where=reading.where)
        there = statuses == OK
    else:
        values = np.array(cells, np.float64)  # JSON has no NaN: it stands for null
        there = ~np.isnan(values)
        statuses = np.where(there, np.int8(OK), np.int8(UNKNOWN))
    return {name: numbers(values, there), f"{name}_status": numbers(statuses)}


def _cell_sql(name: str, number: bool) -> str:
    """How a view shows one column: its value and, for numbers, its status."""
    cell = f'"{name}"'
    if not number:
        return f"case when trim({cell}) not in ('', '.') then trim({cell}) end as {cell}"
    cases = " ".join(f"when {place} then '{status}'::basis.status" for place, status in enumerate(STATUSES))
    return f'{cell}, case "{name}_status" {cases} end as "{name}_status"'


def _refuse_repeats(con: duckdb.DuckDBPyConnection, number: int, where: str) -> None:
    """SourceChanged when an area and year stand in a piece twice."""
    twice = con.execute(
        f"select gebiedscode, peiljaar from stuk_{number} group by all having count(*) > 1 order by all limit 1"
    ).fetchone()
    if twice:
        raise SourceChanged(f"delivers {twice[0]} {twice[1]} more than once", where=where)


MEMBER: Mapping[str, Any] = {"Key": str | None, "Title": str | None, "Status": str | None}


def _register_names(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, reading: Reading) -> None:
    """The names of the areas and the provisional years, from the dimension tables."""
    region, time = reading.layout.region, reading.layout.time
    wanted = Wanted(MEMBER, optional=tuple(MEMBER))
    titles: dict[str, str] = {}
    for key, title, _ in _listed(snapshot, region, wanted):
        code = reading.codes[key or ""]
        if code:
            titles[code] = plain(title or "") or code
    years = [
        year
        for key, _, status in (_listed(snapshot, time, wanted) if time else ())
        if (year := reading.years[key or ""]) is not None and status not in ("Definitief", None, "")
    ]
    register_names(con, titles, years)


def _listed(snapshot: Snapshot, dimension: str, wanted: Wanted) -> Iterator[Row]:
    for page in pages(snapshot, f"{dimension}-"):
        for rows in lots(page, wanted):
            yield from rows
