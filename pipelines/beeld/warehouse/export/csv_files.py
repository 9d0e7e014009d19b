"""CSV with metadata as "CSV on the Web" (W3C, CSVW): `csv/<table>.csv` and `csv/csv-metadata.json`, written by DuckDB.

A text that a spreadsheet would take for a formula gets an apostrophe in front, and so does a text that would look like one that
got it: so that it can be undone without knowing which was which. Numbers, dates and codes are as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from beeld.sources.sql import literal, quoted
from beeld.warehouse.export.book import Book, Column, Table
from beeld.warehouse.export.job import Job, Note
from beeld.warehouse.guard import GUARDED, UNDO

FOLDER = "csv"
METADATA = "csv-metadata.json"
GUARD_TEXT = (
    "Een tekst die begint met = + - @, een tab of een regeleinde (CR), ook na apostrofs, heeft een extra apostrof (') ervoor, "
    "zodat een rekenblad er geen formule van maakt. "
    f"Ongedaan maken: vervang in tekstkolommen de reguliere expressie {UNDO} door niets. Getallen zijn ongewijzigd."
)
EMPTY_TEXT = 'Niets tussen de komma\'s is leeg. "" is een tekst zonder tekens; ook die leest een CSVW-programma als leeg.'
WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"
DATATYPES: Mapping[str, Any] = {
    "BIGINT": "integer",
    "INTEGER": "integer",
    "DOUBLE": "double",
    "BOOLEAN": {"base": "boolean", "format": "true|false"},
    "TIMESTAMP": {"base": "dateTime", "format": "yyyy-MM-ddTHH:mm:ss"},
    "VARCHAR": "string",
    "VARCHAR[]": {"base": "json"},
    "GEOMETRY": {"base": "string", "@id": WKT},
}


def write(job: Job) -> list[Note]:
    """Every table, and one file that describes them all."""
    folder = job.folder / FOLDER
    folder.mkdir()
    for table in job.book.tables:
        job.say(f"csv: {table.name}")
        expressions = ", ".join(f"{cell_sql(column)} as {quoted(column.name)}" for column in table.columns)
        path = literal(str(folder / f"{table.name}.csv"))
        job.con.execute(f"copy ({job.select(table, expressions)}) to {path} (format csv, header true, delimiter ',', null '')")
    empty = {table.name: _columns_with_empty_text(job, table) for table in job.book.tables}
    text = json.dumps(metadata(job.book, empty), ensure_ascii=False, indent=1)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8", newline="\n")
    return []


def cell_sql(column: Column) -> str:
    """The cell of a column as text or number, for a table that is called `t`."""
    name = f"t.{quoted(column.name)}"
    match column.kind:
        case "VARCHAR":
            return f"case when regexp_matches({name}, {literal(GUARDED)}) then chr(39) || {name} else {name} end"
        case "VARCHAR[]":
            return f"to_json({name})::varchar"
        case "TIMESTAMP":
            return f"strftime({name}, '%Y-%m-%dT%H:%M:%S')"
        case kind if kind.startswith("GEOMETRY"):
            return f"ST_AsText({name})"
        case _:
            return name


def _columns_with_empty_text(job: Job, table: Table) -> frozenset[str]:
    """Required columns that hold an empty text somewhere: for CSVW that is the same as nothing."""
    names = [column.name for column in table.columns if column.required and column.kind == "VARCHAR"]
    if not names:
        return frozenset()
    counts = ", ".join(f"coalesce(bool_or(t.{quoted(name)} = ''), false)" for name in names)
    row = job.con.execute(f"select {counts} from {quoted(table.name)} as t").fetchone()
    return frozenset(name for name, some in zip(names, row or (), strict=False) if some)


def metadata(book: Book, empty: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """The table group of CSVW: a description that programs check the files with."""
    warning = f"{_warning(book)} " if book.example else ""
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "nl"}],
        "dc:title": "Beeld van de Wijk",
        "dc:identifier": book.release,
        "dc:description": f"{warning}Release {book.edition}. Een signaal, geen oordeel.",
        "notes": [
            {"dc:title": "Apostrof voor een tekst", "dc:description": GUARD_TEXT},
            {"dc:title": "Leeg", "dc:description": EMPTY_TEXT},
        ],
        "dialect": {"encoding": "utf-8", "delimiter": ",", "quoteChar": '"', "doubleQuote": True, "header": True},
        "tables": [_table(table, book, empty[table.name]) for table in book.tables],
    }


def _warning(book: Book) -> str:
    return f"Release {book.edition}: de cijfers gaan niet over een echt gebied."


def _table(table: Table, book: Book, empty: frozenset[str]) -> dict[str, Any]:
    present = {each.name for each in book.tables}
    foreign = [
        {
            "columnReference": column.name,
            "reference": {"resource": f"{column.points_at}.csv", "columnReference": column.points_at_key},
        }
        for column in table.columns
        if column.points_at in present and column.required  # validators stumble over a pointer that may be empty
    ]
    schema: dict[str, Any] = {
        "columns": [_column(column, column.name in empty) for column in table.columns],
        "primaryKey": list(table.key),
    }
    if foreign:
        schema["foreignKeys"] = foreign
    return {
        "url": f"{table.name}.csv",
        "dc:title": table.name,
        "dc:description": f"{table.text} {_warning(book)}" if book.example else table.text,
        "tableSchema": schema,
    }


def _column(column: Column, empty: bool) -> dict[str, Any]:
    kind = "GEOMETRY" if column.kind.startswith("GEOMETRY") else column.kind
    said: dict[str, Any] = {"name": column.name, "titles": column.name, "datatype": DATATYPES[kind]}
    if column.title:
        said["dc:title"] = column.title
    said["dc:description"] = column.text
    if column.unit:
        said["schema:unitText"] = column.unit
    if column.required and not empty:
        said["required"] = True
    return said
