"""One table out of a file, whatever its form: CSV, a sheet of a workbook, the attributes of a GeoPackage or of GeoJSON.

Each form gives rows of cells: text, number, or None for an empty cell. What the cells mean is declared elsewhere.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

from beeld.sources.geopackage import open_geopackage
from beeld.sources.http import safe
from beeld.sources.limits import MAX_CELLS, MAX_COLUMNS, MAX_DOCUMENT, Lines, OverLimit, open_gzip, open_zip, read_json
from beeld.sources.spreadsheet import Cell, open_workbook

Row = Sequence[Cell]


@dataclass(frozen=True)
class Form:
    """How a table stands in a file."""

    vorm: Literal["csv", "xlsx", "gpkg", "geojson"]
    verpakking: Literal["", "zip", "gzip"] = ""
    lid: str = "*"
    """The member of a zip; `*` stands for anything."""
    codering: str = "utf-8"
    scheiding: str = ";"
    blad: str | None = None
    """The sheet of a workbook or the layer of a GeoPackage; None: the first that readers see."""


@contextmanager
def open_table(file: BinaryIO, form: Form, where: str) -> Generator[Iterator[Row]]:
    """The rows of the table in `file` while the block lasts, heading rows included. Raises OverLimit."""
    with _unpacked(file, form, where) as reader:
        if form.vorm == "csv":
            with closing(csv_rows(reader, form.codering, form.scheiding, where)) as rows:  # before the reader underneath closes
                yield rows
        elif form.vorm == "xlsx":
            with open_workbook(_seekable(reader, where), where) as book, closing(book.rows(book.sheet(form.blad))) as rows:
                yield rows
        elif form.vorm == "gpkg":
            with open_geopackage(_whole(reader, where), where) as package:
                yield package.rows(package.layer(form.blad))
        else:
            yield _properties(read_json(_whole(reader, where), where), where)


@contextmanager
def _unpacked(file: BinaryIO, form: Form, where: str) -> Generator[BinaryIO]:
    if form.verpakking == "zip":
        with open_zip(file, where) as archive, archive.open(archive.match(form.lid)) as reader:
            yield reader
    elif form.verpakking == "gzip":
        with open_gzip(file, where) as reader:
            yield reader
    else:
        yield file


def _whole(reader: BinaryIO, where: str) -> bytes:
    body = reader.read(MAX_DOCUMENT + 1)
    if len(body) > MAX_DOCUMENT:
        raise OverLimit(f"document is larger than {MAX_DOCUMENT} bytes", where=where)
    return body


def _seekable(reader: BinaryIO, where: str) -> BinaryIO:
    return reader if reader.seekable() else io.BytesIO(_whole(reader, where))


def csv_rows(reader: BinaryIO, encoding: str, separator: str, where: str) -> Generator[Row]:
    """The rows of a CSV; an empty cell is None, and a byte order mark is no part of the first cell."""
    lines = Lines(reader, "utf-8-sig" if encoding == "utf-8" else encoding, where)
    cells = 0
    try:
        for row in csv.reader(lines, delimiter=separator, strict=True):
            lines.record_done()
            cells += len(row)
            if len(row) > MAX_COLUMNS or cells > MAX_CELLS:
                raise OverLimit(f"line {lines.number}: more than {MAX_COLUMNS} columns or {MAX_CELLS} cells", where=where)
            yield [cell or None for cell in row]
    except csv.Error as error:
        raise OverLimit(f"line {lines.number} is no CSV: {safe(str(error))}", where=where) from error
    finally:
        lines.detach()


def _properties(content: Any, where: str) -> Iterator[Row]:
    """The properties of GeoJSON features: a row of names, then a row per feature."""
    listed = cast("dict[str, Any]", content).get("features") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise OverLimit("is no GeoJSON: it has no list 'features'", where=where)
    features = [_mapping(feature, where) for feature in cast("list[Any]", listed)]
    names = list(dict.fromkeys(name for feature in features for name in feature))
    if len(names) > MAX_COLUMNS:
        raise OverLimit(f"features have more than {MAX_COLUMNS} properties", where=where)
    yield names
    for feature in features:
        yield [_scalar(feature.get(name)) for name in names]


def _mapping(feature: Any, where: str) -> Mapping[str, Any]:
    properties = cast("dict[str, Any]", feature).get("properties") if isinstance(feature, dict) else None
    if not isinstance(properties, dict):
        raise OverLimit("a feature has no properties", where=where)
    return cast("dict[str, Any]", properties)


def _scalar(value: Any) -> Cell:
    if isinstance(value, bool):
        return "WAAR" if value else "ONWAAR"
    return value if isinstance(value, (str, int, float)) or value is None else str(value)
