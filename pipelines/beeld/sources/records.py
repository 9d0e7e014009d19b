"""Records (attributes of features, rows of a CSV, answers of an API) as cells with a status: one mapping for every such service.

A record is a plain mapping of field to value. The declaration (`velden`) says which field holds the area, the year and, in the
long form, the measure and its value; a column's `naam` is its field. Signs for missing become statuses before any arithmetic.
"""

from __future__ import annotations

import difflib
import io
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from beeld.errors import SourceChanged, UsageError
from beeld.sources.columns import NEAR, normal
from beeld.sources.declarations import Column, Source, Table
from beeld.sources.forms import Fields
from beeld.sources.http import safe
from beeld.sources.spreadsheet import Cell
from beeld.sources.tabular import Form, open_table

Record = Mapping[str, Any]

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
YEAR = re.compile(r"(\d{4})(?!\d)", re.ASCII)


@dataclass(frozen=True)
class Places:
    """Which delivered field holds what; `columns` is declared column -> field (long form: the text that names the measure)."""

    region: str
    name: str | None
    year: str | None
    measure: str | None
    value: str | None
    keep: Mapping[str, frozenset[str]]
    columns: Mapping[str, str]


@dataclass
class Cells:
    """The records that count, column by column: `region` and `year` per row, per declared column its values and statuses."""

    region: list[str] = field(default_factory=list[str])
    name: list[str] = field(default_factory=list[str])
    year: list[int] = field(default_factory=list[int])
    values: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    statuses: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


def fields_of(source: Source) -> Fields:
    """The declared mapping; UsageError for a source that has none."""
    if source.velden is None:
        raise UsageError("a source of records needs 'velden'", where=f"{source.bron}.yaml", todo="Declare where its codes stand")
    return source.velden


def file_records(body: bytes, form: Form, where: str) -> list[Record]:
    """The rows of a table in a file, by the names in its first row.

    Raises SourceChanged for a markup page instead of a file, a name that stands twice, and a row that is cut off.
    """
    if form.vorm == "csv" and not form.verpakking and body.lstrip()[:1] == b"<":
        raise SourceChanged(f"answers something that is not CSV: {safe(body[:200].decode('utf-8', 'replace'))}", where=where)
    with open_table(io.BytesIO(body), form, where) as rows:
        first: Sequence[Cell] = next(rows, ())
        header = [str(cell or "").strip() for cell in first]
        if not any(header):
            raise SourceChanged("has no first row with names", where=where)
        if len(set(header)) != len(header):
            raise SourceChanged("has a column name twice", where=where)
        found: list[Record] = []
        for number, row in enumerate(rows, start=2):
            if row and len(row) != len(header):
                raise SourceChanged(f"row {number} has {len(row)} cells under {len(header)} names (cut off?)", where=where)
            if row:
                found.append(dict(zip(header, row, strict=True)))
    return found


def places(source: Source, table: Table, records: Sequence[Record], units: Mapping[str, str], where: str) -> Places:
    """Where everything stands in these records. `units` is field -> unit where the service tells one.

    Raises SourceChanged when there are no records, when the area or year is nowhere, when a column is ambiguous, required and
    missing, has another unit, or seems to have been renamed (then the nearest field is named).
    """
    if not records:
        raise SourceChanged("delivers no records", where=where)
    mapping = fields_of(source)
    delivered = _names(records, where)
    region = _first(mapping.gebied, delivered)
    if region is None:
        raise SourceChanged(f"has no field {' or '.join(mapping.gebied)} for the area", where=where, todo="Declare its new name")
    year = _first(mapping.jaar, delivered)
    if year is None and table.peiljaar is None:
        raise SourceChanged(f"has no field {' or '.join(mapping.jaar) or '(none declared)'} for the year", where=where)
    keep = {_needed(name, delivered, where): frozenset(map(normal, texts)) for name, texts in mapping.behoud.items()}
    name = _first(mapping.naam, delivered)
    if not mapping.maat:
        return Places(region, name, year, None, None, keep, _columns(source, table, delivered, units, where))
    measure = _needed(_first(mapping.maat, delivered) or mapping.maat[0], delivered, where)
    value = _needed(_first(mapping.waarde, delivered) or mapping.waarde[0], delivered, where)
    kept = [record for record in records if _counts(record, keep)]
    measures = {normal(text): text for text in {str(record.get(measure)) for record in kept}}
    told = _units(kept, measure, _first(mapping.eenheid, delivered), where)
    return Places(region, name, year, measure, value, keep, _columns(source, table, measures, told, where))


def _names(records: Sequence[Record], where: str) -> dict[str, str]:
    """Normal form of a field -> the field; SourceChanged when two fields differ in nothing but capitals or spaces."""
    names = {name: None for record in records for name in record}
    found: dict[str, str] = {}
    for name in names:
        if found.setdefault(normal(name), name) != name:
            raise SourceChanged(f"has the fields '{safe(found[normal(name)])}' and '{safe(name)}'", where=where)
    return found


def _units(records: Sequence[Record], measure: str, unit: str | None, where: str) -> dict[str, str]:
    """Long form: measure -> its unit; SourceChanged when a measure has more than one."""
    if unit is None:
        return {}
    found: dict[str, str] = {}
    for text, told in {(str(record.get(measure)), str(record.get(unit) or "")) for record in records}:
        if normal(found.setdefault(text, told)) != normal(told):
            raise SourceChanged(f"measure {safe(text)} has units '{safe(found[text])}' and '{safe(told)}'", where=where)
    return found


def _first(spellings: Iterable[str], delivered: Mapping[str, str]) -> str | None:
    return next((delivered[normal(name)] for name in spellings if normal(name) in delivered), None)


def _needed(name: str, delivered: Mapping[str, str], where: str) -> str:
    if normal(name) not in delivered:
        raise SourceChanged(f"has no field {name}", where=where, todo="Declare its new name if it means the same")
    return delivered[normal(name)]


def _columns(source: Source, table: Table, delivered: Mapping[str, str], units: Mapping[str, str], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, column in source.kolommen.items():
        hits = sorted({delivered[normal(t.naam)] for t in column.onderwerpen if normal(t.naam) in delivered})
        if len(hits) > 1:
            raise SourceChanged(f"column {name} is ambiguous: {', '.join(map(safe, hits))}", where=where)
        if hits:
            _refuse_unit(name, column, hits[0], units.get(hits[0], ""), where)
            found[name] = hits[0]
    unclaimed = set(delivered) - {normal(field) for field in found.values()}
    for name, column in source.kolommen.items():
        if name not in found:
            _missing(name, column, unclaimed, name in table.verplicht, where)
    return found


def _refuse_unit(name: str, column: Column, delivered: str, unit: str, where: str) -> None:
    """A service that tells no unit is taken at its declaration's word; one that tells another is refused."""
    declared = {normal(t.eenheid) for t in column.onderwerpen if normal(t.naam) == normal(delivered)}
    if unit and normal(unit) not in declared:
        raise SourceChanged(
            f"column {safe(delivered)} ({name}) has unit '{safe(unit)}', not '{' or '.join(sorted(declared))}'",
            where=where,
            todo="Check the figures and, if they are right, declare the unit",
        )


def _missing(name: str, column: Column, unclaimed: Collection[str], required: bool, where: str) -> None:
    wanted = [normal(topic.naam) for topic in column.onderwerpen]
    near = [hit for text in wanted for hit in difflib.get_close_matches(text, sorted(unclaimed), n=1, cutoff=NEAR)]
    if required or near:
        guess = f"; nearest unclaimed field: {safe(near[0])}" if near else ""
        raise SourceChanged(
            f"column {' or '.join(wanted)} ({name}) is missing or renamed{guess}",
            where=where,
            todo="Declare the new spelling if it means the same",
        )


@lru_cache(maxsize=10_000)
def _same(text: str) -> str:
    """`normal`, remembered: the few texts of a field stand in thousands of records."""
    return normal(text)


def _counts(record: Record, keep: Mapping[str, frozenset[str]]) -> bool:
    return all(_same(str(record.get(name))) in texts for name, texts in keep.items())


def cells(source: Source, table: Table, records: Iterable[Record], where_is: Places, where: str) -> Cells:
    """The records that count as values and statuses; SourceChanged for a cell that is neither a figure nor a declared sign."""
    mapping = fields_of(source)
    signs = {normal(text): status for text, status in mapping.tekens.items()}
    kept = [record for record in records if _counts(record, where_is.keep)]
    rows = _wide(kept, where_is, where) if where_is.measure else kept
    if not rows:
        kept_when = "; ".join(f"{name} is {' or '.join(sorted(texts))}" for name, texts in where_is.keep.items())
        raise SourceChanged(f"delivers no records that count ({kept_when})", where=where)
    found = Cells(_regions(rows, where_is, mapping), _labels(rows, where_is.name), _years(rows, where_is, table, where))
    for name, key in where_is.columns.items():
        text = source.kolommen[name].soort == "tekst"
        known: dict[Any, tuple[Any, str]] = {}
        column: list[tuple[Any, str]] = []
        for raw in (row.get(key) for row in rows):
            if isinstance(raw, (bool, list, dict)):
                raise SourceChanged(f"column {safe(key)} ({name}) changed its type", where=where)
            if raw not in known:
                known[raw] = _text(raw, signs) if text else _number(raw, mapping, signs, f"{safe(key)} ({name})", where)
            column.append(known[raw])
        found.values[name] = [value for value, _ in column]
        found.statuses[name] = [status for _, status in column]
    return found


def _wide(records: Iterable[Record], where_is: Places, where: str) -> list[dict[str, Any]]:
    """One record per area and year out of one per measure; a measure that an area lacks stays absent."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    wanted = {normal(text): text for text in where_is.columns.values()}
    for record in records:
        key = (str(record.get(where_is.region)), str(record.get(where_is.year)) if where_is.year else "")
        row = rows.setdefault(key, {name: record.get(name) for name in (where_is.region, where_is.year, where_is.name) if name})
        measure = wanted.get(_same(str(record.get(where_is.measure or ""))))
        if measure is not None:
            if measure in row:
                raise SourceChanged(f"delivers {safe(measure)} of {safe(' '.join(key))} more than once", where=where)
            row[measure] = record.get(where_is.value or "")
    return list(rows.values())


def _regions(rows: Sequence[Record], where_is: Places, mapping: Fields) -> list[str]:
    named = {normal(name): code for name, code in mapping.gebieden.items()}
    texts = (str(row.get(where_is.region) or "").strip() for row in rows)
    shortened = mapping.voorvoegsel
    return [(named.get(normal(text)) if named else None) or (f"{shortened}{text}" if text else "") for text in texts]


def _labels(rows: Sequence[Record], name: str | None) -> list[str]:
    return [" ".join(str(row.get(name) or "").split()) if name else "" for row in rows]


def _years(rows: Sequence[Record], where_is: Places, table: Table, where: str) -> list[int]:
    if where_is.year is None:
        if table.peiljaar is None:
            raise SourceChanged("has no year", where=where)
        return [table.peiljaar] * len(rows)
    texts = [str(row.get(where_is.year) or "").strip() for row in rows]
    known: dict[str, int] = {}
    for text in dict.fromkeys(texts):
        match = YEAR.match(text)
        if match is None:
            raise SourceChanged(f"field {safe(where_is.year)} holds '{safe(text)}', which is no year", where=where)
        known[text] = int(match[1])
        if table.peiljaar is not None and known[text] != table.peiljaar:
            raise SourceChanged(f"delivers {known[text]} where {table.peiljaar} is declared", where=where)
    return [known[text] for text in texts]


def _text(raw: Any, signs: Mapping[str, str]) -> tuple[str | None, str]:
    text = " ".join(str(raw if raw is not None else "").split())
    if not text or normal(text) in signs:
        return None, signs.get(normal(text), "onbekend")
    return text, "ok"


def _number(raw: Any, mapping: Fields, signs: Mapping[str, str], what: str, where: str) -> tuple[float | None, str]:
    text = "" if raw is None else normal(str(raw))
    if text in signs:
        return None, signs[text]
    if not text:
        return None, "onbekend"
    plain = text if isinstance(raw, (int, float)) or mapping.decimaal == "." else text.replace(".", "!").replace(",", ".")
    if not NUMBER.fullmatch(plain) or not math.isfinite(value := float(plain)):
        raise SourceChanged(f"column {what} holds '{safe(str(raw))}', which is no number", where=where)
    if value.is_integer() and (sign := signs.get(str(int(value)))):
        return None, sign
    if mapping.tekens_onder is not None and value < mapping.tekens_onder:
        return None, "onbekend"
    return value, "ok"
