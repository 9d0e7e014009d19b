"""Read-only questions to the current release, and their answers as JSON, CSV or a plain table."""

from __future__ import annotations

import csv
import io
import json
import math
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import duckdb

from beeld.errors import UsageError
from beeld.warehouse.read import open_warehouse, warehouse_file

READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Answer:
    """The columns and rows of a query, in their own order, with plain Python values (geometry as WKT)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_json(self) -> str:
        """An array of objects; NULL is null, numbers are numbers, dates are ISO."""
        return json.dumps([dict(zip(self.columns, row, strict=True)) for row in self.rows], ensure_ascii=False, allow_nan=False)

    def as_csv(self) -> str:
        """CSV with a header; text that a spreadsheet takes for a formula gets a leading apostrophe, numbers are untouched."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([guarded(name) for name in self.columns])
        writer.writerows([[guarded(cell) for cell in row] for row in self.rows])
        return out.getvalue()


def guarded(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, (list, dict)):
        cell = json.dumps(cell, ensure_ascii=False)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_START) else cell


def ask(release: Path, sql: str) -> Answer:
    """The answer to one reading statement; UsageError for bad SQL, several statements, or a statement that does anything else."""
    with closing(open_warehouse(warehouse_file(release))) as con:
        try:
            statements = con.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in READING:
                raise UsageError("only one reading statement (select) is allowed", where="beeld query")
            return _run(con, sql.strip().rstrip(";"), statements[0].type)
        except duckdb.Error as error:
            raise UsageError(
                f"the query cannot be run: {error}", where="beeld query", todo="See BEGRIPPEN.md for tables and columns"
            ) from error


def _run(con: duckdb.DuckDBPyConnection, sql: str, kind: Any) -> Answer:
    if kind == duckdb.StatementType.SELECT:
        shapes = [row[0] for row in con.execute(f"describe {sql}").fetchall() if str(row[1]).upper().startswith("GEOMETRY")]
        if shapes:
            texts = ", ".join(f'ST_AsText("{name}") as "{name}"' for name in shapes)
            sql = f"select * replace ({texts}) from (\n{sql}\n)"
    cursor = con.execute(sql)
    columns = tuple(str(column[0]) for column in cursor.description or ())
    return Answer(columns, tuple(tuple(plain(cell) for cell in row) for row in cursor.fetchall()))


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
