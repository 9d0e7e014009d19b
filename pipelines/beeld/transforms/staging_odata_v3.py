"""From archived OData v3 pages to pieces of `basis.<bron>`: canonical codes, one status per cell.

Cells become statuses as CONTRACT.md says: Untyped `.` onbekend, `x` geheim, `-` 0, empty niet_van_toepassing; Typed null
onbekend; a topic that is empty for every area of a year niet_geleverd, and so is a topic that the table does not have.

A quarter of a megabyte at a time, so that no page is ever in memory; of a row only the declared cells are decoded, and each text
is read once however often it is repeated. A delivery that is being fetched is read as it comes (`receive`), one in the archive
from its pages; from there on both go the same way.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import compress
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
from beeld.sources.lots import Wanted, WrongMember, lots, pages
from beeld.sources.members import Names, names_of
from beeld.sources.whole_rows import Columns
from beeld.sources.words import shared
from beeld.transforms.arrow import Array, Rows, numbers, texts
from beeld.transforms.basis import STATUSES, Parsed, Step, register_names
from beeld.transforms.codes import normalise

ROWS = 2_000
"""Rows that are kept before they become columns and are put away."""
VALID_SHARE = 0.995
"""Share of region codes that must be codes (RELIABILITY.md F32)."""
NUMBER = re.compile(odata_v3.NUMBER)

WRONG = -1
OK, UNKNOWN = STATUSES.index("ok"), STATUSES.index("onbekend")

DELIVERED = ("ok", "onbekend", "niet_van_toepassing", "geheim")
"""What `read_cell` makes of a cell, the usual first: DuckDB tries one after the other."""

Cell = tuple[float | None, str]
"""The value of a cell and its status; exactly one of them says that there is none."""


class Codes(dict[Any, str | None]):
    """Region key as delivered -> canonical code, or None when it is no code; each key is looked at once."""

    def __missing__(self, key: Any) -> str | None:
        code = self[shared(key)] = shared(normalise(str(key)))
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


class Cells(dict[Any, int]):
    """Untyped text -> where what it says stands; each is read once, and a table of a million cells holds a few thousand texts."""

    def __init__(self) -> None:
        self._values, self._statuses = array("d"), array("b")
        self.wrong = False
        """True when a text said nothing."""

    def __missing__(self, text: Any) -> int:
        value, status = (read_cell(text) if text is None or isinstance(text, str) else None) or (None, None)
        self._values.append(0.0 if value is None else value)
        self._statuses.append(WRONG if status is None else STATUSES.index(status))
        self.wrong |= status is None
        place = self[text] = len(self._values) - 1
        return place

    def at(self, places: array[int]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """The values at these places and their statuses, as places in STATUSES; WRONG for a text that says nothing."""
        found = np.frombuffer(places, np.int32)
        return np.frombuffer(self._values)[found], np.frombuffer(self._statuses, np.int8)[found]

    def text_of(self, place: int) -> str:
        """The text that stands at a place."""
        return str(next(text for text, own in self.items() if own == place))


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


def _both(some: Iterable[bool], others: Iterable[bool]) -> list[bool]:
    return [one and other for one, other in zip(some, others, strict=True)]


Kept = tuple[str, Any, Callable[[Any], Any] | None]
"""A member of a row, the list or array that its cells are kept in, and what is kept of a cell (None: the cell)."""


class Piece:
    """The columns that share one selection of dimension members, and the cells that are no columns yet."""

    def __init__(self, selection: Mapping[str, str], columns: tuple[str, ...], kept: Sequence[Kept], rows: Rows) -> None:
        self.selection = selection
        self.columns = columns
        self.kept = kept
        self.rows = rows

    def keep(self, columns: Columns, among: Sequence[bool] | None, stripped: Stripped) -> bool:
        """Keep the cells of the rows that belong here, of those `among` which (None: all); whether that is all of them."""
        for dimension, member in self.selection.items():
            own = [stripped[cell] == member for cell in columns[dimension]]
            among = own if among is None else _both(among, own)
        if among is not None and all(among):
            among = None
        for key, kept, read in self.kept:
            cells = columns[key] if among is None else compress(columns[key], among)
            kept.extend(cells if read is None else map(read, cells))
        return among is None

    def close(self, arrays: Mapping[str, Array]) -> None:
        """Put columns away in the place of the cells."""
        self.rows.add(arrays)
        for _, kept, _ in self.kept:
            del kept[:]


@dataclass
class Reading:
    """One delivery on its way into `stuk_0`, `stuk_1`, ..., with what was read of its keys and cells so far.

    It is a `Receiver`: while the delivery is fetched it takes the cells as they come.
    """

    source: Source
    table: Table
    layout: Layout
    untyped: bool
    names: Names
    where: str
    folder: Path
    """Where the columns are put away."""
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    """Canonical code -> name of the area."""
    provisional: tuple[int, ...] = ()
    """The years that are not final."""
    pieces: tuple[Piece, ...] = ()
    codes: Codes = field(default_factory=Codes)
    years: Years = field(default_factory=Years)
    stripped: Stripped = field(default_factory=Stripped)
    cells: Cells = field(default_factory=Cells)
    total: int = 0
    refused: int = 0
    """Rows whose region is no code."""
    begun: set[str] = field(default_factory=set[str])
    broken: bool = False
    """True when a page came in two tries: what the first one gave cannot be taken back, so the archive must be read instead."""

    def __post_init__(self) -> None:
        named = ((self.codes[key], title) for key, title in self.names.titles.items())
        self.titles = {code: title or code for code, title in named if code}
        self.provisional = tuple(year for key in self.names.provisional if (year := self.years[key]) is not None)
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for name in self.layout.columns:
            groups.setdefault(tuple(sorted(_selection(self.source, name).items())), []).append(name)
        self.pieces = tuple(
            Piece(dict(selection), tuple(names), self._kept(names), Rows(self.folder / f"stuk_{number}.parquet"))
            for number, (selection, names) in enumerate(groups.items())
        )

    def _kept(self, names: Sequence[str]) -> list[Kept]:
        """Region, time and the cells of these columns; of an Untyped number only the place of its text: four bytes, no object."""
        kept: list[Kept] = [(self.layout.region, [], self.codes.__getitem__)]
        if self.layout.time is not None:
            kept.append((self.layout.time, array("i"), self.years.__getitem__))
        for name in names:
            read = self.cells.__getitem__ if self.untyped and self.is_number(name) else None
            kept.append((self.layout.columns[name], [] if read is None else array("i"), read))
        return kept

    def is_number(self, name: str) -> bool:
        """True for a declared column of numbers."""
        return self.source.kolommen[name].soort == "getal"

    def begin(self, page: str) -> None:
        """The rows of this page come next."""
        self.broken |= page in self.begun
        self.begun.add(page)

    def take(self, columns: Columns) -> bool:
        """Keep the annual rows with a region code in their pieces; whether every number of every row was read on the way."""
        if self.broken:
            return False
        regions = columns[self.layout.region]
        known = [self.codes[key] is not None for key in regions]
        self.total, self.refused = self.total + len(known), self.refused + known.count(False)
        among: Sequence[bool] | None = known if False in known else None
        if self.layout.time is not None:
            annual = [self.years[key] is not None for key in columns[self.layout.time]]
            among = annual if among is None else _both(among, annual)
        elif self.table.peiljaar is None:
            return False
        try:
            whole = [piece.keep(columns, among, self.stripped) for piece in self.pieces]
        except TypeError:  # a list or an object, which is no cell
            return False
        if self.cells.wrong:
            return False
        for piece in self.pieces:
            if len(piece.kept[0][1]) >= ROWS:
                self._close(piece)
        return self.untyped and whole == [True]

    def finish(self) -> None:
        """The last rows; SourceChanged when too many region codes are none, or there are no rows."""
        for piece in self.pieces:
            self._close(piece)
            piece.rows.close()
        if self.total == 0 or self.refused > self.total * (1 - VALID_SHARE):
            raise SourceChanged(
                f"{self.refused} of {self.total} rows have no known region code in {self.layout.region}", where=self.where
            )

    def _close(self, piece: Piece) -> None:
        """Turn the kept cells of a piece into columns of values and statuses; SourceChanged for a cell that is neither."""
        regions, *raw = (kept for _, kept, _ in piece.kept)
        if self.layout.time is not None:
            times, *raw = raw
            years = np.array(times, np.int32)
        else:
            years = np.full(len(regions), self.table.peiljaar or 0, np.int32)
        arrays = {"gebiedscode": texts(regions), "peiljaar": numbers(years)}
        if len(self.pieces) == 1:  # pieces are joined, and their names with them
            arrays["naam"] = texts([self.titles.get(code) for code in regions])
        for name, cells in zip(piece.columns, raw, strict=True):
            arrays |= self._column(name, cells)
        piece.close(arrays)

    def _column(self, name: str, cells: Any) -> dict[str, Array]:
        """A column as Arrow: numbers with the places of their statuses, or text as it is."""
        key = self.layout.columns[name]
        try:
            if not self.is_number(name):
                return {name: texts(cells)}
            numeric = None if self.untyped else np.array(cells, np.float64)  # JSON has no NaN: it stands for null
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise SourceChanged(f"column {key} ({name}) changed its type: {error}", where=self.where) from error
        if numeric is None:
            values, statuses = self.cells.at(cells)
            wrong = statuses == WRONG
            if wrong.any():
                text = self.cells.text_of(cells[int(np.argmax(wrong))])
                raise SourceChanged(f"column {key} ({name}) holds '{safe(text.strip())}', which is no number", where=self.where)
            there = statuses == OK
        else:
            values, there = numeric, ~np.isnan(numeric)
            statuses = np.where(there, np.int8(OK), np.int8(UNKNOWN))
        return {name: numbers(values, there), f"{name}_status": numbers(statuses)}


def receive(source: Source, table: Table, layout: Layout, untyped: bool, names: Names, folder: Path) -> Reading:
    """A reading that takes the cells of a delivery while it is fetched; what it keeps lies in `folder`."""
    return Reading(source, table, layout, untyped, names, f"{source.bron} {table.tabel}", folder)


@contextmanager
def parsed(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, _year_from: int) -> Generator[Step]:
    """One snapshot, parsed, while the block runs.

    Raises SourceChanged when codes are not codes, rows repeat, or a cell is neither a number nor a known sign for missing.
    """
    layout = odata_v3.read_layout(snapshot, source, table)
    pinned = odata_v3.read_pinned(snapshot, source, layout)
    with TemporaryDirectory(prefix="beeld-") as folder:
        untyped = odata_v3.data_set_of(snapshot) == odata_v3.UNTYPED
        reading = receive(pinned, table, layout, untyped, _names(snapshot, layout), Path(folder))
        _read(reading, snapshot)
        with completed(con, pinned, reading) as step:
            yield step


@contextmanager
def completed(con: duckdb.DuckDBPyConnection, source: Source, reading: Reading) -> Generator[Step]:
    """A delivery of which every row was read, as `stuk_0`, `stuk_1`, ... while the block runs; raises what `parsed` raises."""
    reading.finish()
    columns = {number: piece.columns for number, piece in enumerate(reading.pieces)}
    queries = [_piece_sql(reading, piece) for piece in reading.pieces]
    if len(queries) > 1:
        register_names(con, reading.titles)
    with _shown(con, queries):
        for number in columns:
            _refuse_repeats(con, number, reading.where)
        layout, untyped = reading.layout, reading.untyped
        empty = "niet_van_toepassing" if untyped else "onbekend"
        yield (
            Parsed(
                source,
                reading.table,
                layout.columns,
                columns,
                typed=not untyped,
                empty=empty,
                provisional=reading.provisional,
                lasting=queries[0] if len(queries) == 1 else None,  # pieces are joined, which has no order of its own
            ),
            layout,
        )


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


def _read(reading: Reading, snapshot: Snapshot) -> None:
    """Every archived page into the pieces."""
    members = _members(reading.source, reading.layout, reading.untyped)
    wanted = Wanted(members)
    for page in pages(snapshot, f"{odata_v3.UNTYPED if reading.untyped else odata_v3.TYPED}-"):
        try:
            for rows in lots(page, wanted):
                reading.take(dict(zip(members, zip(*rows, strict=True), strict=True)))
        except WrongMember as error:
            name = next((name for name, key in reading.layout.columns.items() if key == error.member), "")
            raise SourceChanged(f"column {error.member} ({name}) changed its type: {error}", where=reading.where) from error


def _piece_sql(reading: Reading, piece: Piece) -> str:
    """The query of a piece: codes and years, names of areas where it has them, and its cells."""
    fixed = ["gebiedscode", "peiljaar", *(["naam"] if len(reading.pieces) == 1 else [])]
    cells = (_cell_sql(name, reading.is_number(name)) for name in piece.columns)
    return f"select {', '.join([*fixed, *cells])} from {piece.rows.relation}"


@contextmanager
def _shown(con: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> Generator[None]:
    """The pieces as `stuk_0`, `stuk_1`, ... while the block runs: views, so that no cell is copied before it is in place."""
    for number, query in enumerate(queries):
        con.execute(f"create or replace temp view stuk_{number} as {query}")
    try:
        yield
    finally:
        for number in range(len(queries)):
            con.execute(f"drop view stuk_{number}")


def _cell_sql(name: str, number: bool) -> str:
    """How a view shows one column: its value and, for numbers, its status."""
    cell = f'"{name}"'
    if not number:
        return f"case when trim({cell}) not in ('', '.') then trim({cell}) end as {cell}"
    cases = " ".join(f"when {STATUSES.index(status)} then '{status}'::basis.status" for status in DELIVERED)
    return f'{cell}, case "{name}_status" {cases} end as "{name}_status"'


def _refuse_repeats(con: duckdb.DuckDBPyConnection, number: int, where: str) -> None:
    """SourceChanged when an area and year stand in a piece twice."""
    twice = con.execute(
        f"select gebiedscode, peiljaar from stuk_{number} group by all having count(*) > 1 order by all limit 1"
    ).fetchone()
    if twice:
        raise SourceChanged(f"delivers {twice[0]} {twice[1]} more than once", where=where)


MEMBER: Mapping[str, Any] = {"Key": str | None, "Title": str | None, "Status": str | None}


def _names(snapshot: Snapshot, layout: Layout) -> Names:
    """The names of areas and years in the archived dimension tables."""
    return names_of(_listed(snapshot, layout.region), _listed(snapshot, layout.time) if layout.time else ())


def _listed(snapshot: Snapshot, dimension: str) -> Iterator[dict[str, str | None]]:
    wanted = Wanted(MEMBER, optional=tuple(MEMBER))
    for page in pages(snapshot, f"{dimension}-"):
        for rows in lots(page, wanted):
            for row in rows:
                yield dict(zip(MEMBER, row, strict=True))
