"""The structure of one delivery, whatever the protocol: which columns it has, in which groups and units, in no order.

A delivery with a column more than the one before it is accepted and reported: a new column may be news, and it may be the first
half of a replacement. A column that is gone, renamed or of another unit is refused elsewhere (columns.py, records.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from beeld.sources.columns import DeliveredTopic, normal
from beeld.sources.forms import Fields
from beeld.sources.http import safe

SHOWN = 5
"""Columns that a message names; it counts the others."""


@dataclass(frozen=True)
class Structure:
    """The columns of a delivery as `groep/naam (eenheid, type)`, and the declared ones whose series ended before its year."""

    columns: frozenset[str]
    ended: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The same for the same columns, whatever their order or position."""
        return hashlib.sha256("\n".join(sorted(self.columns)).encode()).hexdigest()

    def notices(self, before: Structure | None) -> tuple[str, ...]:
        """What a user should know of it, given the delivery before (None: there is none that can be compared)."""
        found: list[str] = []
        if before is not None and (added := sorted(self.columns - before.columns)):
            found.append(f"accepted with {_counted(added, 'new column')}")
        if self.ended:
            found.append(f"not read, because the series ended before: {_counted(self.ended, 'column')}")
        return tuple(found)


def of_topics(topics: Iterable[DeliveredTopic], ended: Iterable[str] = ()) -> Structure:
    """The structure of an OData delivery; a topic goes by group and base name, because its position shifts."""
    named = (f"{topic.group}/{topic.name} ({topic.unit}, {topic.datatype})".lstrip("/") for topic in topics)
    return Structure(frozenset(named), tuple(sorted(ended)))


def of_records(records: Iterable[Mapping[str, Any]], units: Mapping[str, str], fields: Fields) -> Structure:
    """The structure of features or of the rows of a file: its fields, in the long form its measures, with units that it tells."""
    measures = [normal(name) for name in fields.maat]
    found: set[tuple[str, str]] = set()
    for record in records:
        plain = {normal(name): cell for name, cell in record.items()}
        measure = next((name for name in measures if name in plain), None)
        if measure is None:
            found |= {(name, "") for name in plain}
        else:
            found.add((normal(str(plain[measure] or "")), ""))
    told = {normal(name): normal(unit) for name, unit in units.items()}
    return Structure(frozenset(f"{name} ({told[name]})" if told.get(name) else name for name, _ in found))


def _counted(names: Iterable[str], what: str) -> str:
    listed = [safe(name) for name in names]
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{len(listed)} {what}{'s' if len(listed) > 1 else ''}: {'; '.join(listed[:SHOWN])}{more}"
