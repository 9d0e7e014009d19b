"""Read-only questions to the current release, and their answers as JSON, CSV or a plain table."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import duckdb

from beeld.errors import UsageError
from beeld.warehouse.read import open_warehouse, warehouse_file

EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s", re.IGNORECASE)
FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


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
    csv.writer(out, lineterminator="\r\n").writerow([guarded(cell) for cell in cells])
    return out.getvalue().removesuffix("\r\n") + "\n"


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, (list, dict)):
        cell = json.dumps(cell, ensure_ascii=False)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_START) else cell


def ask(release: Path, sql: str) -> Answer:
    """The answer to one reading statement; UsageError for bad SQL, several statements, or a statement that does anything else."""
    with closing(open_warehouse(warehouse_file(release))) as con:
        try:
            return _run(con, _reading_statement(con, sql.encode("utf-8").decode("utf-8")))
        except (duckdb.Error, UnicodeError) as error:
            raise UsageError(
                f"the query cannot be run: {error}", where="beeld query", todo="See BEGRIPPEN.md for tables and columns"
            ) from error


def _reading_statement(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The only statement in `sql`; `explain analyze` runs what it explains, so that has to read as well."""
    statements = con.extract_statements(sql)
    explain = EXPLAIN.match(sql)
    explained = con.extract_statements(sql[explain.end() :]) if explain else statements
    if [part.type for part in explained] != [duckdb.StatementType.SELECT] or len(statements) != 1:
        raise UsageError("only one reading statement (select) is allowed", where="beeld query")
    return statements[0]


def _run(con: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> Answer:
    cursor = con.execute(statement)
    names = tuple(str(column[0]) for column in cursor.description or ())
    shapes = [number for number, column in enumerate(cursor.description or ()) if str(column[1]).startswith("GEOMETRY")]
    rows = [list(row) for row in cursor.fetchall()]
    for number in shapes:
        for row, text in zip(rows, _as_text(con, [row[number] for row in rows]), strict=True):
            row[number] = text
    return Answer(names, tuple(tuple(plain(cell) for cell in row) for row in rows))


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
