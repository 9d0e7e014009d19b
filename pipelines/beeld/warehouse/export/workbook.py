"""One workbook, `beeld.xlsx`: a sheet per table, every text a text, every number a number, nothing that calculates.

Written row by row to disk, so that a table of a million rows needs no memory. The widths, the frozen head and the filter are all
the form there is: this is for looking up, the profiles are for reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from beeld.sources.sql import quoted
from beeld.warehouse.export.book import WARNING, Book, Column, Table
from beeld.warehouse.export.dictionary import HEAD, column_rows
from beeld.warehouse.export.job import Job, Note
from beeld.warehouse.packages import fix

NAME = "beeld.xlsx"
MOST_ROWS = 1_048_576
"""Of a sheet, the head included."""
MOST_CHARACTERS = 32_767
"""Of a cell."""
BATCH = 5_000
CUT = "…"
WIDTHS = (20, 28, 20, 12, 10, 22, 60, 24, 12, 60)
"""Of the sheet with the dictionary."""
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


@dataclass
class Pen:
    """Writes cells, and counts the texts that were too long for one."""

    head: Format
    cut: dict[str, int] = field(default_factory=dict[str, int])

    def row(self, page: Worksheet, sheet: str, number: int, cells: Sequence[Any]) -> None:
        """One row: a text as text, a number as number, nothing where there is nothing."""
        for column, value in enumerate(cells):
            if value is None:
                continue
            if isinstance(value, bool):
                page.write_boolean(number, column, value)
            elif isinstance(value, (int, float)):
                page.write_number(number, column, value)
            else:
                page.write_string(number, column, self._text(sheet, as_text(value)))

    def _text(self, sheet: str, text: str) -> str:
        # XlsxWriter counts characters, Excel counts UTF-16 units
        if len(text) * 2 <= MOST_CHARACTERS or len(text.encode("utf-16-le")) // 2 <= MOST_CHARACTERS:
            return text
        self.cut[sheet] = self.cut.get(sheet, 0) + 1
        units = text.encode("utf-16-le")[: (MOST_CHARACTERS - 1) * 2]
        return units.decode("utf-16-le", "ignore") + CUT


def as_text(value: Any) -> str:
    """A value that is no number, as a cell shows it: lists on one line, moments as ISO."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, list):
        return "; ".join(str(item) for item in cast("list[object]", value))
    return str(value)


def write(job: Job) -> list[Note]:
    """The workbook, and what did not fit in it."""
    fitting = [table for table in job.book.tables if table.rows < MOST_ROWS]
    notes = [_too_many(table) for table in job.book.tables if table.rows >= MOST_ROWS]
    raw = job.scratch / NAME
    book = Workbook(str(raw), {**OPTIONS, "tmpdir": str(job.scratch)})
    book.set_properties(
        {
            "title": f"Beeld van de Wijk, release {job.book.edition}",
            "author": "Beeld van de Wijk",
            "created": datetime(1980, 1, 1, tzinfo=UTC),
        }
    )
    pen = Pen(book.add_format({"bold": True, "bottom": 1}))
    _page(book, pen, "Lees mij", (("onderwerp", 24), ("tekst", 110)), _readme(job.book, fitting, notes))
    heads = tuple(zip(HEAD, WIDTHS, strict=True))
    _page(book, pen, "Woordenboek", heads, column_rows(job.book)[1:])
    for table in fitting:
        job.say(f"xlsx: {table.name} ({table.rows} rows)")
        columns = [column for column in table.columns if not column.kind.startswith("GEOMETRY")]
        widths = tuple((column.name, _width(column)) for column in columns)
        _page(book, pen, table.name, widths, _rows(job, table, columns))
    book.close()
    with raw.open("rb") as made, (job.folder / NAME).open("wb") as target:
        fix(made, target)
    raw.unlink()
    return notes + [_cut(sheet, count) for sheet, count in pen.cut.items()]


def _page(book: Workbook, pen: Pen, name: str, heads: Sequence[tuple[str, int]], rows: Iterable[Sequence[Any]]) -> None:
    page = book.add_worksheet(name)
    page.freeze_panes(1, 1)
    for column, (_, width) in enumerate(heads):
        page.set_column(column, column, width)
    for column, (head, _) in enumerate(heads):
        page.write_string(0, column, head, pen.head)
    last = 0
    for last, row in enumerate(rows, start=1):
        pen.row(page, name, last, row)
    page.autofilter(0, 0, last, len(heads) - 1)


def _rows(job: Job, table: Table, columns: Sequence[Column]) -> Iterator[Sequence[Any]]:
    cursor = job.con.execute(job.select(table, ", ".join(f"t.{quoted(column.name)}" for column in columns)))
    while batch := cursor.fetchmany(BATCH):
        yield from batch


def _width(column: Column) -> int:
    wide = {"naam": 28, "gemeentenaam": 22, "titel": 34, "uitleg": 70, "reden": 40, "redenen": 70, "toelichting": 70}
    return wide.get(column.name, max(12, min(len(column.name) + 2, 40)))


def _readme(book: Book, fitting: Sequence[Table], notes: Sequence[Note]) -> list[tuple[str, str]]:
    rows = [("Release", book.edition), ("Gemaakt op", book.made_on), ("Methode", book.method)]
    rows += [("Let op", WARNING)] if book.example else []
    rows += [
        ("Wat dit is", "De tabellen van Beeld van de Wijk. Een signaal, geen oordeel."),
        ("Leeg", "Een lege cel is geen nul. De kolommen status en reden zeggen waarom er niets staat."),
        ("Getallen", "Niet afgerond, tot de 15 cijfers die een rekenblad bewaart. Alle cijfers staan in CSV en Parquet."),
        ("Teksten", "Zoals ze zijn, zonder apostrof ervoor. Er staan geen formules in dit bestand."),
        ("Grenzen", "De kolom geometrie staat niet in dit bestand, wel in de GeoPackage, in Parquet en in CSV."),
    ]
    rows += [("Staat er niet in", note.reader) for note in notes]
    return rows + [(table.name, table.text) for table in fitting]


def _too_many(table: Table) -> Note:
    instead = "Neem laatste_waarde of profiel" if table.name == "waarde" else "Neem profiel"
    return Note(
        f"De tabel {table.name} heeft {table.rows} rijen; een blad van {NAME} heeft er hoogstens {MOST_ROWS - 1}. "
        f"{instead}, of het bestand in CSV of Parquet.",
        f"{NAME} has no sheet {table.name}: {table.rows} rows, and a sheet holds {MOST_ROWS - 1}. Use profiel, CSV or Parquet",
    )


def _cut(sheet: str, count: int) -> Note:
    return Note(
        f"In het blad {sheet} van {NAME} zijn {count} teksten ingekort: een cel heeft hoogstens {MOST_CHARACTERS} tekens. "
        "De hele tekst staat in CSV en Parquet.",
        f"{NAME}, sheet {sheet}: {count} texts were longer than a cell ({MOST_CHARACTERS} characters) and end in {CUT}",
    )
