"""The lists of an OData v4 table (facts/CBS.md section 3): which measure is which column, which members exist, what is wanted.

Columns resolve as under v3: the base name of a v3 column is its title without spaces, accents and signs, so a title gives the
base name (true of every topic of 84799NED, 85984NED, 50090NED and 47022NED). Measure ids are no contract: they change.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from beeld.errors import SourceChanged
from beeld.sources import odata_v4_bulk
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout, refuse_strange, resolve, topics
from beeld.sources.declarations import Source, Table
from beeld.sources.http import safe
from beeld.sources.members import of_table, wanted_members
from beeld.sources.observations import Batch, Selection, of_rows, places
from beeld.sources.odata_v3 import ANNUAL
from beeld.sources.structure import Structure, of_topics

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
"""A dimension; its name becomes part of a path."""

Row = dict[str, Any]
LISTS = ("Dimensions", "MeasureCodes", "MeasureGroups")
"""The lists that together say what v3 says in DataProperties."""


@dataclass(frozen=True)
class Description:
    """What the lists of a table say: its layout, its members per dimension, their rows, and what is wanted of it."""

    layout: Layout
    members: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, list[Row]]
    choices: Mapping[str, Mapping[str, str]]
    """Per delivered column the one member of each dimension that is neither region nor time."""
    selection: Selection


def describe(source: Source, table: Table, read: Callable[[str], list[Row]], where: str) -> Description:
    """The description of a delivery; `read` gives the rows of one of its lists.

    Raises SourceChanged when the lists do not fit the declaration or each other.
    """
    dimensions, measures = read("Dimensions"), read("MeasureCodes")
    properties = as_properties(dimensions, measures, read("MeasureGroups"), where)
    layout = resolve(source, table, properties, where)
    refuse_strange(layout, properties, where)
    if strange := [name for name in layout.dimensions if not NAME.fullmatch(name)]:
        raise SourceChanged(f"has a dimension with the name '{safe(strange[0])}'", where=where)
    rows = {name: read(f"{name}Codes") for name in layout.dimensions}
    members = {name: _identifiers(listed, f"{where} {name}Codes") for name, listed in rows.items()}
    choices = _choices(source, table, layout, rows, members, where)
    chosen = {name: frozenset(choice[name] for choice in choices.values()) for name in _others(layout)}
    chosen[layout.region] = frozenset(members[layout.region])
    if layout.time is not None:
        chosen[layout.time] = frozenset(code for code in members[layout.time] if ANNUAL.match(code))
        if not chosen[layout.time]:
            raise SourceChanged(f"has no year among the {len(members[layout.time])} periods of {layout.time}", where=where)
    texts = frozenset(key for name, key in layout.columns.items() if source.kolommen[name].soort == "tekst")
    wanted = frozenset(layout.columns.values())
    selection = Selection(_identifiers(measures, f"{where} MeasureCodes"), wanted, texts, members, chosen)
    return Description(layout, members, rows, choices, selection)


def _others(layout: Layout) -> list[str]:
    return [name for name in layout.dimensions if name not in (layout.region, layout.time)]


def _choices(
    source: Source,
    table: Table,
    layout: Layout,
    rows: Mapping[str, list[Row]],
    members: Mapping[str, tuple[str, ...]],
    where: str,
) -> dict[str, dict[str, str]]:
    """Per delivered column its member of each dimension; what a declaration leaves open must have one member."""
    narrow = source.model_copy(update={"kolommen": {name: source.kolommen[name] for name in layout.columns}})
    keyed = {name: [{"Key": row["Identifier"], "Title": row.get("Title")} for row in listed] for name, listed in rows.items()}
    exact = of_table(narrow, table, layout, keyed, where)
    if missing := sorted(set(wanted_members(exact)) - set(_others(layout))):
        raise SourceChanged(f"dimension {', '.join(missing)} is missing", where=where)
    choices: dict[str, dict[str, str]] = {}
    for column in layout.columns:
        declared = {**exact.dimensies, **exact.kolommen[column].dimensies}
        choices[column] = {name: declared.get(name, members[name][0]).strip() for name in _others(layout)}
        if lost := sorted(code for name, code in choices[column].items() if code not in members[name]):
            raise SourceChanged(f"no dimension has member {', '.join(lost)}", where=where)
    return choices


def _identifiers(rows: Sequence[Row], where: str) -> tuple[str, ...]:
    found = tuple(str(row.get("Identifier") or "").strip() for row in rows)
    if "" in found or len(set(found)) != len(found):
        raise SourceChanged("delivers a code twice or a row without a code (a page served twice?)", where=where)
    return found


def base_name(title: str) -> str:
    """The v3 base name of a measure with this title: `0 tot 15 jaar` -> `k_0Tot15Jaar`."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", title) if not unicodedata.combining(char))
    name = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", plain))
    return f"k_{name}" if name[:1].isdigit() else name


def as_properties(dimensions: Sequence[Row], measures: Sequence[Row], groups: Sequence[Row], where: str) -> list[Row]:
    """The lists of v4 as one v3 DataProperties document, which is what columns resolve against."""
    known = {str(group.get("Id")) for group in groups}
    rows: list[Row] = [
        {"ID": ("dimensie", place), "Type": row.get("Kind"), "Key": str(row.get("Identifier") or "").strip()}
        for place, row in enumerate(dimensions)
    ]
    for group in groups:
        rows.append(
            {
                "ID": str(group.get("Id")),
                "ParentID": _parent(group.get("ParentId")),
                "Type": "TopicGroup",
                "Title": group.get("Title"),
            }
        )
    for measure in measures:
        code, parent = str(measure.get("Identifier") or "").strip(), _parent(measure.get("MeasureGroupId"))
        if parent is not None and parent not in known:
            raise SourceChanged(
                f"measure {safe(code)} is of group '{safe(parent)}', which MeasureGroups does not have", where=where
            )
        rows.append(
            {
                "ID": ("maat", code),
                "ParentID": parent,
                "Type": "Topic",
                "Key": code,
                "Name": base_name(str(measure.get("Title") or "")),
                "Title": measure.get("Title"),
                "Unit": measure.get("Unit"),
                "Datatype": measure.get("DataType"),
            }
        )
    return rows


def _parent(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def delivers_v4(snapshot: Snapshot) -> bool:
    """True when an archived snapshot was read with this protocol."""
    return bool(snapshot.names("MeasureCodes-"))


def read_rows(snapshot: Snapshot, name: str) -> Iterator[list[Row]]:
    """The rows of an archived list, page by page."""
    for document in snapshot.names(f"{name}-"):
        yield orjson.loads(snapshot.read(document).removeprefix(b"\xef\xbb\xbf"))["value"]


def read_description(snapshot: Snapshot, source: Source, table: Table) -> Description:
    """The description of an archived snapshot; SourceChanged for one that was read with another protocol."""
    where = f"{source.bron} {table.tabel}"
    if not delivers_v4(snapshot):
        raise SourceChanged(
            "the archived delivery is not one of OData v4", where=where, todo="Run 'beeld refresh' with a network"
        )
    return describe(source, table, lambda name: [row for page in read_rows(snapshot, name) for row in page], where)


def read_layout(snapshot: Snapshot, source: Source, table: Table) -> Layout:
    """The layout of an archived snapshot."""
    return read_description(snapshot, source, table).layout


def structure(source: Source, table: Table, snapshot: Snapshot) -> Structure:
    """The measures of an archived snapshot, and the declared columns among them that are outside their years."""
    described = read_description(snapshot, source, table)
    dimensions, measures, groups = ([row for page in read_rows(snapshot, name) for row in page] for name in LISTS)
    properties = as_properties(dimensions, measures, groups, f"{source.bron} {table.tabel}")
    return of_topics(topics(properties), described.layout.ended)


def batches(snapshot: Snapshot, source: Source, table: Table) -> Iterator[Batch]:
    """The observations of an archived snapshot, from its pages or its bulk file."""
    where = f"{source.bron} {table.tabel}"
    dimensions = [str(row.get("Identifier") or "").strip() for page in read_rows(snapshot, "Dimensions") for row in page]
    for document in snapshot.names(odata_v4_bulk.DOCUMENT):
        yield from odata_v4_bulk.batches(snapshot.read(document), dimensions, where)
    for page in read_rows(snapshot, "Observations"):
        yield of_rows(page, dimensions, where)


def newest_year(source: Source, table: Table, snapshot: Snapshot) -> int | None:
    """The newest peiljaar of an archived snapshot: that of the table, or the newest year of its time dimension."""
    if table.peiljaar is not None:
        return table.peiljaar
    described = read_description(snapshot, source, table)
    codes = described.members.get(described.layout.time or "", ())
    return max((int(code[:4]) for code in codes if ANNUAL.match(code)), default=None)


def area_names(snapshot: Snapshot, source: Source, table: Table) -> dict[str, str]:
    """Region code as delivered -> title."""
    described = read_description(snapshot, source, table)
    rows = described.rows[described.layout.region]
    return {str(row["Identifier"]).strip(): " ".join(str(row.get("Title") or "").split()) for row in rows}


def cells(
    snapshot: Snapshot, source: Source, table: Table, column: str, wanted: Callable[[str], bool], year: int | None
) -> Iterator[tuple[str, dict[str, str], str]]:
    """The archived observations of one column and year: measure, members, and what is said (a figure, a text or a reason).

    `wanted` chooses regions by their code as delivered. A cell that v4 omits gives nothing.
    """
    described = read_description(snapshot, source, table)
    layout = described.layout
    if column not in layout.columns:
        return
    measure, members = layout.columns[column], dict(described.choices[column])
    if layout.time is not None:
        members[layout.time] = f"{year}JJ00"
    regions = [code for code in described.members[layout.region] if wanted(code)]
    for batch in batches(snapshot, source, table):
        here = (places(batch.measure, (measure,)) == 0) & (places(batch.members[layout.region], regions) >= 0)
        for dimension, member in members.items():
            here &= places(batch.members[dimension], (member,)) == 0
        for row in np.flatnonzero(here).tolist():
            yield measure, {name: str(batch.members[name][row].as_py()) for name in layout.dimensions}, _said(batch, row)


def _said(batch: Batch, row: int) -> str:
    attribute, value, text = (column[row].as_py() for column in (batch.attribute, batch.value, batch.text))
    if attribute != "None":
        return str(attribute)
    return str(text or "") if value is None else f"{value:.15g}"
