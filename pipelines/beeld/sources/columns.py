"""Which column of a delivery holds which declared measure: group path + base name + unit, exactly one hit, or a loud failure.

The suffix of a CBS column is its position and shifts between years and between states of one table; titles carry trailing and
hard spaces; base names repeat between groups (facts/CBS.md sections 1.2 and 5).
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from beeld.errors import SourceChanged
from beeld.sources.declarations import Column, Source, Table, Topic
from beeld.sources.http import safe

DIMENSION_TYPES = frozenset({"Dimension", "TimeDimension", "GeoDimension", "GeoDetail"})
NUMBER_TYPES = frozenset({"long", "double", "float", "integer", "decimal", "int32", "int64"})
NEAR = 0.8
"""Similarity from which a missing column and an unclaimed one are taken for a rename."""


@dataclass(frozen=True)
class DeliveredTopic:
    """One topic as delivered. `group` is the path of titles of its topic groups, joined by '/'."""

    key: str
    group: str
    name: str
    unit: str
    datatype: str

    def matches(self, topic: Topic) -> bool:
        """True when group path, base name and unit are the declared ones; each may be a pattern (`fits`)."""
        return fits(self.group, topic.groep) and self.called(topic)

    def called(self, topic: Topic) -> bool:
        """True when base name and unit are the declared ones, whatever the group."""
        return fits(self.name, topic.naam) and fits(self.unit, topic.eenheid)


@dataclass(frozen=True)
class Layout:
    """The structure of one delivery: its dimensions and the raw key of every declared column that it has."""

    region: str
    time: str | None
    dimensions: tuple[str, ...]
    columns: Mapping[str, str]
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Declared column that the table delivers only in parts -> its parts, which are in `columns` (`Column.som_van`)."""
    ended: Mapping[str, str] = field(default_factory=dict[str, str])
    """Declared column -> raw key that is delivered outside the years of the column, and therefore not read (`Column.jaren`)."""

    def raw(self, name: str) -> tuple[str, ...]:
        """The raw keys behind a declared column: one, those of its parts, or none when it is not delivered."""
        return tuple(self.columns[part] for part in self.sums.get(name, (name,)) if part in self.columns)


@lru_cache(maxsize=10_000)
def normal(text: str | None) -> str:
    """NFKC, single spaces, stripped, case folded: how titles, names and units are compared."""
    return " ".join(unicodedata.normalize("NFKC", text or "").split()).casefold()


def fits(delivered: str, declared: str) -> bool:
    """True when a delivered text is the declared one, or fits it where the declared one has a `*`, which stands for any text.

    A pattern declares what is known of a name that nobody has seen whole; whatever it finds, there must be exactly one.
    """
    if "*" not in declared:
        return normal(delivered) == normal(declared)
    parts = [re.escape(normal(part)) for part in declared.split("*")]
    return re.fullmatch(r".*".join(parts), normal(delivered), re.DOTALL) is not None


def base_name(key: str) -> str:
    """A column key without its position: `k_0Tot15Jaar_8` -> `k_0Tot15Jaar`."""
    return re.sub(r"_\d+$", "", key)


def topics(properties: Sequence[Mapping[str, Any]]) -> list[DeliveredTopic]:
    """The topics of a DataProperties document, each with the path of its groups."""
    by_id = {row.get("ID"): row for row in properties}
    found: list[DeliveredTopic] = []
    for row in properties:
        if row.get("Type") != "Topic":
            continue
        path: list[str] = []
        parent = by_id.get(row.get("ParentID"))
        while parent is not None and len(path) < 20:
            path.insert(0, normal(str(parent.get("Title") or "")))
            parent = by_id.get(parent.get("ParentID"))
        key = str(row["Key"])
        found.append(
            DeliveredTopic(key, "/".join(path), normal(_name(row)), normal(row.get("Unit")), normal(row.get("Datatype")))
        )
    return found


def _name(row: Mapping[str, Any]) -> str:
    """The base name of a topic: said by the protocol (v4, whose keys are measure ids), else the key without its position."""
    return str(row["Name"]) if "Name" in row else base_name(str(row["Key"]))


def resolve(source: Source, table: Table, properties: Sequence[Mapping[str, Any]], where: str) -> Layout:
    """The layout of a delivery of `table`.

    A column that is delivered outside its declared years is left out and named in `ended`: its series ended there, but one topic
    that CBS keeps a year longer is no reason to refuse a whole table. Raises SourceChanged when a column is ambiguous, when a
    known column has another unit, type or group, when a required column or a part of a sum is missing, or when a column seems
    to have been renamed; the message proposes the nearest unclaimed name.
    """
    delivered = topics(properties)
    keys: dict[str, str] = {}
    ended: dict[str, str] = {}
    columns = source.columns_of(table)
    for name, column in columns.items():
        found = _found(name, column, delivered, where)
        if found is not None and column.valid_in(table.peiljaar):
            _refuse_type(name, column, found, where)
            keys[name] = found.key
        elif found is not None:
            ended[name] = found.key
    absent = {name: column for name, column in columns.items() if name not in keys and column.valid_in(table.peiljaar)}
    sums = {name: column.som_van for name, column in absent.items() if not keys.keys().isdisjoint(column.som_van)}
    needed = {*table.verplicht, *(part for parts in sums.values() for part in parts)}
    unclaimed = [topic for topic in delivered if topic.key not in keys.values()]
    renamed = [topic for topic in unclaimed if topic.key not in ended.values()]
    for name, column in absent.items():
        if name not in sums:
            _refuse_other(name, column, unclaimed, where)
            _missing(name, column, renamed, name in needed, where)
    return Layout(_region(properties, where), _time(properties), tuple(_dimensions(properties)), keys, sums, ended)


def _found(name: str, column: Column, delivered: Iterable[DeliveredTopic], where: str) -> DeliveredTopic | None:
    """The one topic that is this column: in its declared group, else (`elders`) the only one of its name and unit anywhere."""
    topics_of_group = [topic for topic in delivered if any(topic.matches(spelling) for spelling in column.onderwerpen)]
    hits = topics_of_group or [
        topic for topic in delivered if any(spelling.elders and topic.called(spelling) for spelling in column.onderwerpen)
    ]
    if len(hits) > 1:
        raise SourceChanged(f"column {name} is ambiguous: {', '.join(topic.key for topic in hits)}", where=where)
    return hits[0] if hits else None


def refuse_strange(layout: Layout, properties: Sequence[Mapping[str, Any]], where: str) -> None:
    """SourceChanged for a table that has not one of the declared columns; it names what is there instead."""
    if layout.columns:
        return
    names = ", ".join(safe(f"{each.group}: {each.key} ({each.unit})".removeprefix(": ")) for each in topics(properties)[:20])
    raise SourceChanged(
        f"has none of the declared columns; it has {names or 'no topics'}", where=where, todo="Declare what it delivers"
    )


def _refuse_type(name: str, column: Column, topic: DeliveredTopic, where: str) -> None:
    if column.soort == "getal" and topic.datatype not in NUMBER_TYPES:
        raise SourceChanged(f"column {topic.key} ({name}) now has type {topic.datatype}", where=where)


def _refuse_other(name: str, column: Column, unclaimed: Sequence[DeliveredTopic], where: str) -> None:
    """SourceChanged for a missing column whose name is delivered in another unit, or in a group that is not the declared one."""
    for spelling in column.onderwerpen:
        same = [topic for topic in unclaimed if fits(topic.name, spelling.naam)]
        for topic in same:
            if not fits(topic.unit, spelling.eenheid) and (spelling.elders or fits(topic.group, spelling.groep)):
                raise SourceChanged(
                    f"column {topic.key} ({name}) changed its unit from '{normal(spelling.eenheid)}' to '{topic.unit}'",
                    where=where,
                    todo="Check the figures and, if they are right, declare the unit",
                )
        if moved := [topic for topic in same if fits(topic.unit, spelling.eenheid)]:
            places = ", ".join(f"{safe(topic.key)} in '{safe(topic.group)}'" for topic in moved)
            raise SourceChanged(
                f"column {name} is ambiguous or moved: {places}, declared in '{spelling.groep}'",
                where=where,
                todo="Declare the group if it means the same",
            )


def _missing(name: str, column: Column, unclaimed: Sequence[DeliveredTopic], required: bool, where: str) -> None:
    near = _nearest(column, unclaimed)
    if not required and near is None:
        return
    spelled = " or ".join(topic.naam for topic in column.onderwerpen)
    guess = f"; nearest unclaimed column: {near.key} (unit '{near.unit}')" if near else ""
    raise SourceChanged(
        f"column {spelled} ({name}) is missing or renamed{guess}",
        where=where,
        todo="Declare the new spelling if it means the same",
    )


def _nearest(column: Column, unclaimed: Sequence[DeliveredTopic]) -> DeliveredTopic | None:
    scored = [
        (difflib.SequenceMatcher(None, normal(spelling.naam), topic.name).ratio(), topic.key, topic)
        for spelling in column.onderwerpen
        for topic in unclaimed
        if fits(topic.group, spelling.groep) and fits(topic.unit, spelling.eenheid)
    ]
    best = max(scored, default=None, key=lambda item: (item[0], item[1]))
    return best[2] if best and best[0] >= NEAR else None


def _dimensions(properties: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(row["Key"]) for row in properties if row.get("Type") in DIMENSION_TYPES]


def _region(properties: Sequence[Mapping[str, Any]], where: str) -> str:
    found = [str(row["Key"]) for row in properties if row.get("Type") in ("GeoDetail", "GeoDimension")]
    if len(found) != 1:
        raise SourceChanged(f"has {len(found)} region dimensions instead of one", where=where)
    return found[0]


def _time(properties: Sequence[Mapping[str, Any]]) -> str | None:
    return next((str(row["Key"]) for row in properties if row.get("Type") == "TimeDimension"), None)
