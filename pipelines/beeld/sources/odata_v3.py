"""CBS OData v3 (facts/CBS.md section 1): the catalogue of a host, and what an archived delivery holds.

Fetching a table stands in `odata_v3_fetch`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson

from beeld.errors import SourceChanged
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout, resolve, topics
from beeld.sources.declarations import Source, Table
from beeld.sources.http import follow, get_json
from beeld.sources.members import patterned, pinned
from beeld.sources.structure import Structure, of_topics

UNTYPED, TYPED = "UntypedDataSet", "TypedDataSet"
ANNUAL = re.compile(r"^(\d{4})JJ00$")
NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
"""A number as Untyped text: no decimal comma, no exponent, at most 15 digits on either side. Both Python and DuckDB read it."""
SIGNS = frozenset({".", "-", "x", ""})
"""Untyped texts that stand for a kind of missing, or for zero."""
DROP_REFUSED = 0.10
"""Share of rows that may be missing against the previous snapshot before a delivery is refused (RELIABILITY.md F28)."""

MAX_CATALOGUE_PAGES = 1000
Row = dict[str, Any]


@dataclass(frozen=True)
class CatalogueEntry:
    """What a host's catalogue says of one table."""

    identifier: str
    titel: str
    gewijzigd: str


def catalogue(client: httpx.Client, base: str, where: str) -> dict[str, CatalogueEntry]:
    """Every table of a host, by identifier in lower case, in one request (more only when the host pages its catalogue)."""
    target: str | None = f"{base}/ODataCatalog/Tables?$format=json&$select=Identifier,Title,Modified"
    entries: dict[str, CatalogueEntry] = {}
    seen: set[str] = set()
    while target is not None:
        if target in seen or len(seen) >= MAX_CATALOGUE_PAGES:
            raise SourceChanged("next links of the catalogue go in a circle", where=where)
        seen.add(target)
        _, content = get_json(client, target, where=where)
        for row in _value(content, where):
            name = str(row.get("Identifier") or "").strip()
            entries[name.lower()] = CatalogueEntry(name, str(row.get("Title") or "").strip(), str(row.get("Modified") or ""))
        link = content.get("odata.nextLink")
        target = follow(target, str(link), where) if link else None
    return entries


def _value(content: Mapping[str, Any], where: str) -> list[Row]:
    value = content.get("value")
    if not isinstance(value, list):
        raise SourceChanged("reply has no list 'value'", where=where)
    return cast("list[Row]", value)


def refuse_lost_columns(layout: Layout, previous: Snapshot | None, source: Source, table: Table, where: str) -> None:
    """SourceChanged when a column that the previous snapshot had is gone."""
    if previous is None:
        return
    before = read_layout(previous, source, table)
    if lost := sorted(set(before.columns) - {*layout.columns, *layout.sums}):
        raise SourceChanged(
            f"column {', '.join(before.columns[name] for name in lost)} ({', '.join(lost)}) is gone",
            where=where,
            todo="Declare what replaced it",
        )


def read_rows(snapshot: Snapshot, name: str) -> Iterator[list[Row]]:
    """The rows of an archived entity set, page by page."""
    for document in snapshot.names(f"{name}-"):
        yield orjson.loads(snapshot.read(document).removeprefix(b"\xef\xbb\xbf"))["value"]


def read_layout(snapshot: Snapshot, source: Source, table: Table) -> Layout:
    """The layout of an archived snapshot."""
    properties = [row for page in read_rows(snapshot, "DataProperties") for row in page]
    return resolve(source, table, properties, f"{source.bron} {table.tabel}")


def structure(source: Source, table: Table, snapshot: Snapshot) -> Structure:
    """The topics of an archived snapshot, and the declared columns among them that are outside their years."""
    properties = [row for page in read_rows(snapshot, "DataProperties") for row in page]
    return of_topics(topics(properties), resolve(source, table, properties, f"{source.bron} {table.tabel}").ended)


def read_pinned(snapshot: Snapshot, source: Source, layout: Layout) -> Source:
    """The source with members that are declared by title replaced by the keys that an archived snapshot gives them."""
    if not patterned(source):
        return source
    members = {name: [row for page in read_rows(snapshot, name) for row in page] for name in layout.dimensions}
    narrow = source.model_copy(update={"kolommen": {name: source.kolommen[name] for name in layout.columns}})
    found = pinned(narrow, members, source.bron)
    return source.model_copy(update={"dimensies": found.dimensies, "kolommen": {**source.kolommen, **found.kolommen}})


def data_set_of(snapshot: Snapshot) -> str:
    """Which data set an archived snapshot holds."""
    return UNTYPED if snapshot.names(f"{UNTYPED}-") else TYPED


def newest_year(source: Source, table: Table, snapshot: Snapshot) -> int | None:
    """The newest peiljaar of an archived snapshot: that of the table, or the newest year of its time dimension."""
    if table.peiljaar is not None:
        return table.peiljaar
    layout = read_layout(snapshot, source, table)
    keys = [str(row["Key"]).strip() for page in read_rows(snapshot, layout.time or "") for row in page]
    return max((int(key[:4]) for key in keys if ANNUAL.match(key)), default=None)
