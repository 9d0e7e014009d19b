"""Which column of a delivery holds which declared measure: group path + base name + unit, exactly one hit, or a loud failure.

The suffix of a CBS column is its position and shifts between years and between states of one table; titles carry trailing and
hard spaces; base names repeat between groups (facts/CBS.md sections 1.2 and 5).
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beeld.errors import SourceChanged
from beeld.sources.declarations import Column, Source, Table, Topic

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
        """True when group path, base name and unit are the declared ones."""
        return (self.group, self.name, self.unit) == (normal(topic.groep), normal(topic.naam), normal(topic.eenheid))


@dataclass(frozen=True)
class Layout:
    """The structure of one delivery: its dimensions and the raw key of every declared column that it has."""

    region: str
    time: str | None
    dimensions: tuple[str, ...]
    columns: Mapping[str, str]


def normal(text: str | None) -> str:
    """NFKC, single spaces, stripped, case folded: how titles, names and units are compared."""
    return " ".join(unicodedata.normalize("NFKC", text or "").split()).casefold()


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
            DeliveredTopic(key, "/".join(path), normal(base_name(key)), normal(row.get("Unit")), normal(row.get("Datatype")))
        )
    return found


def resolve(source: Source, table: Table, properties: Sequence[Mapping[str, Any]], where: str) -> Layout:
    """The layout of a delivery of `table`.

    Raises SourceChanged when a column is ambiguous, when a known column has another unit or type, when a required column is
    missing, or when a column seems to have been renamed; the message proposes the nearest unclaimed name.
    """
    delivered = topics(properties)
    keys: dict[str, str] = {}
    for name, column in source.kolommen.items():
        hits = [topic for topic in delivered if any(topic.matches(spelling) for spelling in column.onderwerpen)]
        if len(hits) > 1:
            raise SourceChanged(f"column {name} is ambiguous: {', '.join(topic.key for topic in hits)}", where=where)
        if hits:
            _refuse_type(name, column, hits[0], where)
            keys[name] = hits[0].key
    unclaimed = [topic for topic in delivered if topic.key not in keys.values()]
    for name, column in source.kolommen.items():
        if name not in keys:
            _missing(name, column, unclaimed, name in table.verplicht, where)
    return Layout(_region(properties, where), _time(properties), tuple(_dimensions(properties)), keys)


def _refuse_type(name: str, column: Column, topic: DeliveredTopic, where: str) -> None:
    if column.soort == "getal" and topic.datatype not in NUMBER_TYPES:
        raise SourceChanged(f"column {topic.key} ({name}) now has type {topic.datatype}", where=where)


def _missing(name: str, column: Column, unclaimed: Iterable[DeliveredTopic], required: bool, where: str) -> None:
    wanted = [(normal(topic.groep), normal(topic.naam), normal(topic.eenheid)) for topic in column.onderwerpen]
    spelled = " or ".join(topic.naam for topic in column.onderwerpen)
    for group, base, unit in wanted:
        for topic in unclaimed:
            if (topic.group, topic.name) == (group, base):
                raise SourceChanged(
                    f"column {topic.key} ({name}) changed its unit from '{unit}' to '{topic.unit}'",
                    where=where,
                    todo="Check the figures and, if they are right, declare the unit",
                )
    near = _nearest(wanted, unclaimed)
    if not required and near is None:
        return
    guess = f"; nearest unclaimed column: {near.key} (unit '{near.unit}')" if near else ""
    raise SourceChanged(
        f"column {spelled} ({name}) is missing or renamed{guess}",
        where=where,
        todo="Declare the new spelling if it means the same",
    )


def _nearest(wanted: list[tuple[str, str, str]], unclaimed: Iterable[DeliveredTopic]) -> DeliveredTopic | None:
    scored = [
        (difflib.SequenceMatcher(None, base, topic.name).ratio(), topic.key, topic)
        for group, base, unit in wanted
        for topic in unclaimed
        if topic.group == group and topic.unit == unit
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
