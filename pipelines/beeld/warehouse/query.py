"""Read-only questions to the current release, and their answers as JSON, CSV or a plain table."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import threading
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import duckdb

from beeld.errors import UsageError
from beeld.settings import Limits
from beeld.warehouse.guard import guarded
from beeld.warehouse.read import open_warehouse, warehouse_file

EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s", re.IGNORECASE)
BYTES_PER_CELL = 100
"""What a cell takes as a Python value, about: a number 32, a short text 70, its place in the row 8."""
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Answer:
    """The columns and rows of a query, in their own order, with plain Python values (geometry as WKT)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_json(self) -> str:
        """An array of objects; NULL is null, numbers are numbers, dates are ISO. UsageError for two columns of one name."""
        if twice := sorted({name for name in self.columns if self.columns.count(name) > 1}):
            raise UsageError(
                f"two columns are called {', '.join(twice)}", where="beeld query", todo="Give one of them another name with 'as'"
            )
        return json.dumps([dict(zip(self.columns, row, strict=True)) for row in self.rows], ensure_ascii=False, allow_nan=False)

    def as_csv(self) -> str:
        """CSV with a header; text that a spreadsheet takes for a formula gets a leading apostrophe, numbers are untouched."""
        return "".join(_csv_line(row) for row in (self.columns, *self.rows))


def _csv_line(cells: Sequence[Any]) -> str:
    """One line; the writer quotes a carriage return inside a cell only if its own line end has one."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return out.getvalue().removesuffix("\r\n") + "\n"


def _cell(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, (list, dict)):
        cell = json.dumps(cell, ensure_ascii=False)
    return guarded(cell) if isinstance(cell, str) else cell


def ask(release: Path, sql: str, limits: Limits | None = None) -> Answer:
    """The answer to one reading statement, within the limits if any.

    UsageError for bad SQL, several statements, a statement that does anything else, or one that takes too much time or memory.
    """
    with closing(open_warehouse(warehouse_file(release), limits.memory_mb if limits else None)) as con:
        try:
            with stopped_after(con, limits.seconds if limits else None):
                return _run(con, _reading_statement(con, sql.encode("utf-8").decode("utf-8")), limits)
        except duckdb.InterruptException as error:
            raise UsageError(
                f"stopped: the query took longer than {limits.seconds if limits else 0} seconds",
                where="beeld query",
                todo="Ask for less, or set 'seconden' under [vragen] in beeld.toml",
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise UsageError(
                f"the query needs more than {limits.memory_mb if limits else 0} MB of memory",
                where="beeld query",
                todo="Ask for less, or set 'geheugen_mb' under [vragen] in beeld.toml",
            ) from error
        except (duckdb.Error, UnicodeError) as error:
            raise UsageError(
                f"the query cannot be run: {error}", where="beeld query", todo="See BEGRIPPEN.md for tables and columns"
            ) from error


@contextmanager
def stopped_after(con: duckdb.DuckDBPyConnection, seconds: float | None) -> Generator[None]:
    """Interrupt what runs on the connection after so many seconds, with an InterruptException; with None never."""
    if seconds is None:
        yield
        return
    rung = threading.Event()

    def ring() -> None:
        rung.set()
        con.interrupt()

    clock = threading.Timer(seconds, ring)
    clock.daemon = True
    clock.start()
    try:
        yield
    except duckdb.InvalidInputException as error:
        if rung.is_set():  # between two fetches DuckDB says that the result is closed, not that it was interrupted
            raise duckdb.InterruptException(str(error)) from error
        raise
    finally:
        clock.cancel()
        clock.join()


def _reading_statement(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The only statement in `sql`; `explain analyze` runs what it explains, so that has to read as well."""
    statements = con.extract_statements(sql)
    explain = EXPLAIN.match(sql)
    explained = con.extract_statements(sql[explain.end() :]) if explain else statements
    if [part.type for part in explained] != [duckdb.StatementType.SELECT] or len(statements) != 1:
        raise UsageError("only one reading statement (select) is allowed", where="beeld query")
    return statements[0]


def _run(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement, limits: Limits | None) -> Answer:
    cursor = con.execute(statement)
    names = tuple(str(column[0]) for column in cursor.description or ())
    shapes = [number for number, column in enumerate(cursor.description or ()) if str(column[1]).startswith("GEOMETRY")]
    rows = _fetched(cursor, len(names), limits)
    for number in shapes:
        for row, text in zip(rows, _as_text(con, [row[number] for row in rows]), strict=True):
            row[number] = text
    return Answer(names, tuple(tuple(plain(cell) for cell in row) for row in rows))


def _fetched(cursor: duckdb.DuckDBPyConnection, width: int, limits: Limits | None) -> list[list[Any]]:
    """All rows; UsageError when they would take more memory than a question may, which DuckDB does not count for us."""
    most = limits.memory_mb * 2**20 // BYTES_PER_CELL // max(width, 1) if limits else math.inf
    rows: list[list[Any]] = []
    while part := cursor.fetchmany(ROWS_AT_ONCE):
        rows += map(list, part)
        if len(rows) > most:
            raise UsageError(
                f"the answer has more than {most:.0f} rows of {width} columns, more than fits in the memory for a question",
                where="beeld query",
                todo="Ask for less, or set 'geheugen_mb' under [vragen] in beeld.toml",
            )
    return rows


def _as_text(con: duckdb.DuckDBPyConnection, shapes: list[bytes | None]) -> list[str | None]:
    """WKT of geometries, which DuckDB hands over as WKB."""
    row = con.execute("select list_transform(?::blob[], wkb -> ST_AsText(ST_GeomFromWKB(wkb)))", [shapes]).fetchone()
    return row[0] if row else []


def plain(cell: Any) -> Any:
    """A DuckDB value as JSON knows it: decimals become numbers, dates ISO text, NaN and infinity null."""
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() and -cell.as_tuple().exponent <= 0 else float(cell)  # type: ignore[operator]
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    if isinstance(cell, (bytes, bytearray)):
        return bytes(cell).hex()
    if isinstance(cell, (list, tuple)):
        return [plain(item) for item in cast("list[Any]", cell)]
    if isinstance(cell, dict):
        return {str(key): plain(value) for key, value in cast("dict[Any, Any]", cell).items()}
    if cell is None or isinstance(cell, (bool, int, float, str)):
        return cell
    return str(cell)
