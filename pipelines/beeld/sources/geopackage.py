"""The attributes of a GeoPackage (an SQLite database by OGC 12-128), read in memory with everything it could execute refused.

A view would run the SQL of whoever made the file, so a file with one is refused. The triggers that the standard and GDAL write
beside a spatial index fire on writing only, which never happens here; a trigger by any other name is refused.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

from beeld.sources.http import safe
from beeld.sources.limits import MAX_CELLS, MAX_COLUMNS, MAX_FIELD, OverLimit
from beeld.sources.spreadsheet import Cell
from beeld.sources.sql import quoted

MAX_STEPS = 2_000
"""How often a query may report that it is still busy, each time after a million steps of SQLite's machine."""
KNOWN_TRIGGER = re.compile(r"(rtree_|gpkg_|trigger_(insert|update|delete)_feature_count_)", re.IGNORECASE)
ORDINARY = re.compile(r"create\s+table\b", re.IGNORECASE)
READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})


class GeoPackage:
    """An opened GeoPackage."""

    def __init__(self, con: sqlite3.Connection, where: str) -> None:
        self._con, self._where = con, where
        things = self._ask("select type, name, coalesce(sql, '') from sqlite_master")
        for kind, name, _ in things:
            if kind == "view" or (kind == "trigger" and not KNOWN_TRIGGER.match(str(name))):
                raise OverLimit(f"GeoPackage holds the {kind} '{safe(str(name))}'", where=where)
        ordinary = {str(name) for kind, name, sql in things if kind == "table" and ORDINARY.match(str(sql).strip())}
        listed = self._ask("select table_name from gpkg_contents where data_type in ('features', 'attributes') order by rowid")
        self.layers = tuple(str(name) for (name,) in listed if str(name) in ordinary)

    def layer(self, name: str | None) -> str:
        """The layer of this name, or without a name the only one; OverLimit when there is no such layer."""
        if name is None and len(self.layers) == 1:
            return self.layers[0]
        if name not in self.layers:
            listed = ", ".join(f"'{safe(layer)}'" for layer in self.layers[:10])
            raise OverLimit(f"GeoPackage has no layer '{safe(name or '')}'; it has {listed or 'none'}", where=self._where)
        return str(name)

    def rows(self, layer: str) -> Iterator[list[Cell]]:
        """A row with the names of the attributes, then the rows of the layer; geometries are left out."""
        table = quoted(layer)
        spatial = {
            str(name) for (name,) in self._ask("select column_name from gpkg_geometry_columns where table_name = ?", layer)
        }
        names = [name for name in self._columns(f"select * from {table} limit 0") if name not in spatial]
        if not names or len(names) > MAX_COLUMNS:
            raise OverLimit(f"layer has {len(names)} attributes (at most {MAX_COLUMNS})", where=self._where)
        yield list(names)
        columns = ", ".join(quoted(name) for name in names)
        cells = 0
        for row in self._read(f"select {columns} from {table}"):
            cells += len(row)
            if cells > MAX_CELLS:
                raise OverLimit(f"layer has more than {MAX_CELLS} cells", where=self._where)
            yield [None if isinstance(cell, bytes) else cell for cell in row]

    def _columns(self, sql: str) -> list[str]:
        try:
            return [str(column[0]) for column in self._con.execute(sql).description]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise OverLimit(f"layer cannot be read: {safe(str(error))}", where=self._where) from error

    def _ask(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        return list(self._read(sql, *values))

    def _read(self, sql: str, *values: str) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._con.execute(sql, values)
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise OverLimit(f"is no GeoPackage that can be read: {safe(str(error))}", where=self._where) from error


@contextmanager
def open_geopackage(body: bytes, where: str) -> Generator[GeoPackage]:
    """The GeoPackage in `body`, in memory, while the block lasts; OverLimit for what is none or could execute something."""
    if not body.startswith(b"SQLite format 3\0"):
        raise OverLimit("is no GeoPackage: it does not start as one", where=where)
    with closing(sqlite3.connect(":memory:")) as con:
        con.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 64 * MAX_FIELD)
        con.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        con.deserialize(_without_journal(body))
        con.execute("pragma trusted_schema = off")
        con.execute("pragma cell_size_check = on")
        con.set_authorizer(_authorize)
        con.set_progress_handler(_Patience().tick, 1_000_000)
        yield GeoPackage(con, where)


def _without_journal(body: bytes) -> bytes:
    """The same database without the write-ahead journal mode, which a database in memory cannot have (bytes 18 and 19)."""
    return body if body[18:20] == b"\x01\x01" else body[:18] + b"\x01\x01" + body[20:]


class _Patience:
    """Ends a query that never ends."""

    def __init__(self) -> None:
        self._ticks = 0

    def tick(self) -> int:
        self._ticks += 1
        return int(self._ticks > MAX_STEPS)


def _authorize(action: int, _first: str | None, second: str | None, *_: Any) -> int:
    """Reading is allowed and nothing else."""
    allowed = action in READING or (action == sqlite3.SQLITE_FUNCTION and second == "coalesce")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
