"""The cells of an XLSX workbook, row by row, with nothing of it executed or followed (RELIABILITY.md section Z).

A workbook is a zip of XML documents (ECMA-376). Here it goes through the limits of `limits.py` and through a parser that refuses
every document type, and so every entity. Formulas count as the value that was saved with them. Hidden sheets, rows and columns
are read like any other: what is hidden is delivered all the same.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, BinaryIO
from xml.parsers import expat

from beeld.sources.http import safe
from beeld.sources.limits import MAX_CELLS, MAX_COLUMNS, Archive, OverLimit, open_zip

Cell = str | int | float | None
"""A cell: its text, its number, or None when it is empty. Dates are texts (2024-12-31), truths the texts WAAR and ONWAAR."""

MAX_ROWS = 1_048_576
MAX_TEXTS = 500_000
"""Texts that a workbook shares between its cells."""
MAX_TEXT = 64 * 1024 * 1024
"""Characters of those texts together."""
PART = 1 << 16
DATE_FORMATS = frozenset({*range(14, 18), 22, *range(27, 32), *range(34, 37), *range(50, 59)})
DATE_CODE = re.compile(r'(?:[^"\\\[]|\\.|"[^"]*"|\[[^\]]*\])*?[dy]', re.IGNORECASE)
HIDDEN_PARTS = re.compile(
    r"xl/(comments|threadedComments|persons|embeddings|externalLinks|pivotCache|customData|model|media)", re.IGNORECASE
)


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook: its name, whether readers see it, and the member that holds its cells."""

    name: str
    visible: bool
    member: str


class Workbook:
    """An opened workbook; `rows` reads one sheet."""

    def __init__(self, archive: Archive, where: str) -> None:
        self._archive, self._where = archive, where
        book = _Book()
        self._parse("xl/workbook.xml", book.start)
        links = _Links()
        self._parse("xl/_rels/workbook.xml.rels", links.start)
        self._since = date(1904, 1, 1) if book.from_1904 else date(1899, 12, 30)
        self.sheets = tuple(
            Sheet(name, visible, links.targets[key])
            for name, visible, key in book.sheets
            if links.targets.get(key) in archive.names
        )
        if not self.sheets:
            raise OverLimit("workbook has no sheet with cells", where=where)
        styles = _Styles()
        if "xl/styles.xml" in archive.names:
            self._parse("xl/styles.xml", styles.start)
        self._dates = styles.dates()
        self._texts = self._shared()

    @property
    def hidden_parts(self) -> tuple[str, ...]:
        """Members that hold more than cells: remarks, embedded files, caches of pivot tables, links to other files."""
        return tuple(name for name in self._archive.names if HIDDEN_PARTS.match(name))

    def sheet(self, name: str | None) -> Sheet:
        """The sheet of this name, or without a name the first that readers see; OverLimit when there is none."""
        if name is None:
            return next((sheet for sheet in self.sheets if sheet.visible), self.sheets[0])
        found = next((sheet for sheet in self.sheets if sheet.name.strip().casefold() == name.strip().casefold()), None)
        if found is None:
            listed = ", ".join(f"'{safe(sheet.name)}'" for sheet in self.sheets[:10])
            raise OverLimit(f"workbook has no sheet '{safe(name)}'; it has {listed}", where=self._where)
        return found

    def rows(self, sheet: Sheet) -> Generator[list[Cell]]:
        """The rows of a sheet from the first on, empty rows between them included, each as long as its last filled cell."""
        reading = _Cells(self._texts, self._dates, self._since, f"{self._where} {safe(sheet.name)}")
        parser = _parser(self._where)
        parser.StartElementHandler, parser.EndElementHandler = reading.start, reading.end
        parser.CharacterDataHandler = reading.text
        with self._archive.open(sheet.member) as reader:
            for part in _parts(reader, parser, self._where):
                del part
                yield from reading.finished()

    def _shared(self) -> list[str]:
        name = next((name for name in self._archive.names if name.casefold() == "xl/sharedstrings.xml"), None)
        texts = _Texts(self._where)
        if name is not None:
            parser = _parser(self._where)
            parser.StartElementHandler, parser.EndElementHandler = texts.start, texts.end
            parser.CharacterDataHandler = texts.text
            with self._archive.open(name) as reader:
                for _ in _parts(reader, parser, self._where):
                    pass
        return texts.found

    def _parse(self, name: str, start: Any) -> None:
        parser = _parser(self._where)
        parser.StartElementHandler = start
        with self._archive.open(name) as reader:
            for _ in _parts(reader, parser, self._where):
                pass


@contextmanager
def open_workbook(file: BinaryIO, where: str) -> Generator[Workbook]:
    """The workbook in `file` while the block lasts; OverLimit for what is no workbook or breaks a limit."""
    with open_zip(file, where) as archive:
        yield Workbook(archive, where)


def _parser(where: str) -> Any:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def refuse(*_: Any) -> None:
        raise OverLimit("workbook declares a document type or entities", where=where)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def _parts(reader: BinaryIO, parser: Any, where: str) -> Iterator[None]:
    """Feed the parser part by part, with a pause after each."""
    try:
        while part := reader.read(PART):
            parser.Parse(part, False)
            yield None
        parser.Parse(b"", True)
        yield None
    except expat.ExpatError as error:
        raise OverLimit(f"workbook holds XML that cannot be read: {safe(str(error))}", where=where) from error


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


@dataclass
class _Book:
    sheets: list[tuple[str, bool, str]] = field(default_factory=list[tuple[str, bool, str]])
    from_1904: bool = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if _local(name) == "sheet":
            key = next((value for label, value in attributes.items() if " " in label and _local(label) == "id"), "")
            visible = attributes.get("state", "visible") == "visible"
            self.sheets.append((attributes.get("name", ""), visible, key))
        elif _local(name) == "workbookPr":
            self.from_1904 = attributes.get("date1904", "0") in ("1", "true")


@dataclass
class _Links:
    targets: dict[str, str] = field(default_factory=dict[str, str])

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if _local(name) == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            self.targets[attributes.get("Id", "")] = target[1:] if target.startswith("/") else f"xl/{target}"


@dataclass
class _Styles:
    formats: dict[int, str] = field(default_factory=dict[int, str])
    cells: list[int] = field(default_factory=list[int])
    _inside: bool = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = _local(name)
        if local == "numFmt":
            self.formats[_whole(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif local in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            self._inside = local == "cellXfs"
        elif local == "xf" and self._inside:
            self.cells.append(_whole(attributes.get("numFmtId")))

    def dates(self) -> frozenset[int]:
        """The styles that show a number as a date."""
        return frozenset(
            style
            for style, number in enumerate(self.cells)
            if number in DATE_FORMATS or bool(DATE_CODE.match(self.formats.get(number, "")[:200]))
        )


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


class _Texts:
    """Collects the shared texts; what helps to pronounce a text (rPh) is no part of it."""

    def __init__(self, where: str) -> None:
        self.found: list[str] = []
        self._where, self._parts, self._open, self._aside, self._length = where, list[str](), False, False, 0

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        local = _local(name)
        if local == "si":
            self._parts = []
        self._aside = self._aside or local == "rPh"
        self._open = local == "t" and not self._aside

    def text(self, text: str) -> None:
        if self._open:
            self._length += len(text)
            if self._length > MAX_TEXT:
                raise OverLimit(f"workbook holds more than {MAX_TEXT} characters of text", where=self._where)
            self._parts.append(text)

    def end(self, name: str) -> None:
        local = _local(name)
        self._open = False
        self._aside = self._aside and local != "rPh"
        if local == "si":
            self.found.append("".join(self._parts))
            if len(self.found) > MAX_TEXTS:
                raise OverLimit(f"workbook holds more than {MAX_TEXTS} texts", where=self._where)


class _Cells:
    """Collects the rows of one sheet while the parser walks through it."""

    def __init__(self, texts: list[str], dates: frozenset[int], since: date, where: str) -> None:
        self._texts, self._dates, self._since, self._where = texts, dates, since, where
        self._rows: list[list[Cell]] = []
        self._row: list[Cell] = []
        self._parts: list[str] = []
        self._number = self._cells = self._column = 0
        self._kind = self._style = ""
        self._open = self._aside = False

    def finished(self) -> list[list[Cell]]:
        """The rows that were completed since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = _local(name)
        if local == "row":
            self._begin_row(_whole(attributes.get("r")))
        elif local == "c":
            self._column = _column(attributes.get("r", "")) or self._column + 1
            self._kind, self._style, self._parts = attributes.get("t", "n"), attributes.get("s", ""), []
            if self._column > MAX_COLUMNS:
                raise OverLimit(f"row {self._number} has more than {MAX_COLUMNS} columns", where=self._where)
        self._aside = self._aside or local == "rPh"
        self._open = local == "v" or (local == "t" and not self._aside)

    def _begin_row(self, stated: int) -> None:
        number = stated or self._number + 1
        if not self._number < number <= MAX_ROWS:
            raise OverLimit(f"row {number} does not follow row {self._number}", where=self._where)
        self._rows += ([] for _ in range(number - self._number - 1))
        self._number, self._row, self._column = number, [], 0

    def text(self, text: str) -> None:
        if self._open:
            self._parts.append(text)

    def end(self, name: str) -> None:
        local = _local(name)
        self._open = False
        self._aside = self._aside and local != "rPh"
        if local == "c":
            self._keep(self._value("".join(self._parts)))
        elif local == "row":
            self._rows.append(self._row)

    def _keep(self, value: Cell) -> None:
        if value is None or self._column <= len(self._row):
            return
        missing = self._column - 1 - len(self._row)
        self._cells += missing + 1
        if self._cells > MAX_CELLS:
            raise OverLimit(f"sheet has more than {MAX_CELLS} cells", where=self._where)
        self._row += [None] * missing
        self._row.append(value)

    def _value(self, text: str) -> Cell:
        if self._kind == "s":
            place = _whole(text.strip())
            if place >= len(self._texts):
                raise OverLimit(f"row {self._number} refers to a text that the workbook lacks", where=self._where)
            return self._texts[place] or None
        if self._kind == "b":
            return "WAAR" if text.strip() == "1" else "ONWAAR"
        if self._kind != "n" or not text.strip():
            return text or None
        return self._number_of(text.strip())

    def _number_of(self, text: str) -> Cell:
        try:
            value = float(text)
        except ValueError:
            return text
        if self._style and _whole(self._style) in self._dates and 0 < value < 2_958_466:
            return (self._since + timedelta(days=int(value))).isoformat()
        return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _column(reference: str) -> int:
    """The number of the column of a reference: AB12 is 28; 0 when the reference does not say."""
    number = 0
    for char in reference[:4]:
        if not "A" <= char <= "Z":
            break
        number = number * 26 + ord(char) - 64
    return number
