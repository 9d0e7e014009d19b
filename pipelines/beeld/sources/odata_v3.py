"""CBS OData v3 (facts/CBS.md section 1): catalogue, metadata, dimensions and data pages into the raw archive, and back out of it.

UntypedDataSet comes first, because only its text tells the kinds of missing apart; TypedDataSet where a table has no other.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, cast
from urllib.parse import quote

import httpx
import orjson

from beeld.errors import SourceChanged, SourceUnreachable
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.columns import Layout, resolve
from beeld.sources.declarations import Source, Table
from beeld.sources.http import NotFound, Rejected, follow, get_json, get_text, safe

UNTYPED, TYPED = "UntypedDataSet", "TypedDataSet"
ANNUAL = re.compile(r"^(\d{4})JJ00$")
NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
"""A number as Untyped text: no decimal comma, no exponent, at most 15 digits on either side. Both Python and DuckDB read it."""
SIGNS = frozenset({".", "-", "x", ""})
"""Untyped texts that stand for a kind of missing, or for zero."""
DROP_REFUSED = 0.10
"""Share of rows that may be missing against the previous snapshot before a delivery is refused (RELIABILITY.md F28)."""

Progress = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True)
class CatalogueEntry:
    """What a host's catalogue says of one table."""

    identifier: str
    titel: str
    gewijzigd: str


def catalogue(client: httpx.Client, base: str, where: str) -> dict[str, CatalogueEntry]:
    """Every table of a host, by identifier in lower case, in one request (more only when the host pages its catalogue)."""
    url = f"{base}/ODataCatalog/Tables?$format=json&$select=Identifier,Title,Modified"
    entries: dict[str, CatalogueEntry] = {}
    for _, rows in _pages(client, url, where, limit=1000):
        for row in rows:
            name = str(row.get("Identifier") or "").strip()
            entries[name.lower()] = CatalogueEntry(name, str(row.get("Title") or "").strip(), str(row.get("Modified") or ""))
    return entries


def fetch(
    client: httpx.Client,
    base: str,
    source: Source,
    table: Table,
    *,
    raw: Path,
    scratch: Path,
    previous: Snapshot | None,
    progress: Progress,
) -> Snapshot:
    """Fetch one table completely, check it and move it into the archive.

    A table that changes while it is read is read once more and then refused. Raises SourceUnreachable or SourceChanged; then
    nothing reaches the archive.
    """
    for _ in range(2):
        delivery = Delivery(scratch, source.bron, table.tabel)
        snapshot = _fetch_once(client, base, source, table, delivery, raw, previous, progress)
        if snapshot is not None:
            return snapshot
    raise SourceChanged("Modified keeps changing while the table is read", where=f"{source.bron} {table.tabel}")


def _fetch_once(
    client: httpx.Client,
    base: str,
    source: Source,
    table: Table,
    delivery: Delivery,
    raw: Path,
    previous: Snapshot | None,
    progress: Progress,
) -> Snapshot | None:
    where = f"{source.bron} {table.tabel}"
    root = f"{base}/ODataFeed/odata/{table.tabel}"
    sets = _entity_sets(client, root, where)
    info = _one_row(_store_set(client, root, "TableInfos", delivery, where), where)
    properties = _store_set(client, root, "DataProperties", delivery, where)
    layout = resolve(source, table, properties, where)
    refuse_lost_columns(layout, previous, source, table, where)
    members = {name: _store_set(client, root, name, delivery, where) for name in layout.dimensions}
    data_set = UNTYPED if UNTYPED in sets else TYPED
    try:
        rows = _store_data(client, root, data_set, source, layout, members, info, delivery, where, progress)
    except (NotFound, Rejected):  # some tables list an UntypedDataSet that they do not have
        if data_set == TYPED or delivery.has(UNTYPED):
            raise
        rows = _store_data(client, root, TYPED, source, layout, members, info, delivery, where, progress)
    _refuse_national_row(table, members[layout.region], where)
    if previous is not None and rows < previous.rijen * (1 - DROP_REFUSED):
        raise SourceChanged(f"delivers {rows} rows; the previous delivery had {previous.rijen}", where=where)
    _, again = get_json(client, f"{root}/TableInfos?$format=json", where=where)
    if _one_row(_value(again, where), where).get("Modified") != info.get("Modified"):
        return None
    return delivery.archive(
        raw,
        gewijzigd=str(info.get("Modified") or ""),
        licentie=source.licentie,
        url=root,
        titel=str(info.get("Title") or table.tabel).strip(),
        rijen=rows,
    )


def _entity_sets(client: httpx.Client, root: str, where: str) -> set[str]:
    try:
        _, content = get_json(client, f"{root}?$format=json", where=where)
    except NotFound:
        return {UNTYPED, TYPED}
    return {str(row.get("name") or "") for row in _value(content, where)}


def _value(content: Mapping[str, Any], where: str) -> list[Row]:
    value = content.get("value")
    if not isinstance(value, list):
        raise SourceChanged("reply has no list 'value'", where=where)
    return cast("list[Row]", value)


def _one_row(rows: Sequence[Row], where: str) -> Row:
    if len(rows) != 1:
        raise SourceChanged(f"TableInfos has {len(rows)} rows instead of one", where=where)
    return rows[0]


def _pages(
    client: httpx.Client, url: str, where: str, limit: int, expected: int | None = None
) -> Iterator[tuple[tuple[str, bytes], list[Row]]]:
    """Every page of an entity set, next links followed verbatim; refuses a link seen before and more than `limit` pages.

    Where the number of rows is known, the first page tells how many pages there can be.
    """
    seen: set[str] = set()
    target: str | None = url
    while target is not None:
        if target in seen:
            raise SourceChanged("next links go in a circle", where=where)
        if len(seen) >= limit:
            raise SourceChanged(f"delivers more pages than its row count allows ({limit})", where=where)
        seen.add(target)
        reply, content = get_json(client, target, where=where)
        rows = _value(content, where)
        if expected is not None and len(seen) == 1 and rows:
            limit = -(-expected // len(rows)) + 2
        yield (target, reply.body), rows
        link = content.get("odata.nextLink")
        target = follow(target, str(link), where) if link else None


def _store_set(client: httpx.Client, root: str, name: str, delivery: Delivery, where: str) -> list[Row]:
    rows: list[Row] = []
    seen: set[bytes] = set()
    url = f"{root}/{name}?$format=json"
    for number, ((target, body), page) in enumerate(_pages(client, url, f"{where} {name}", limit=100), start=1):
        seen.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in page)
        rows += page
        if len(seen) != len(rows):
            raise SourceChanged(f"{name} delivers a row twice (a page served twice?)", where=where)
        delivery.add(f"{name}-{number:04d}", target, body, [_without_addresses(row) for row in page])
    if not rows:
        raise SourceChanged(f"{name} is empty", where=where)
    return rows


def _without_addresses(row: Row) -> Row:
    """A metadata row without the addresses of the host that happened to serve it."""
    return {key: value for key, value in row.items() if key not in ("ApiUrl", "FeedUrl")}


def wanted_members(source: Source) -> dict[str, set[str]]:
    """Dimension -> members that the source's columns need."""
    wanted = {dimension: {member} for dimension, member in source.dimensies.items()}
    for column in source.kolommen.values():
        for dimension, member in column.dimensies.items():
            wanted.setdefault(dimension, set()).add(member)
    return wanted


def _filters(source: Source, layout: Layout, members: Mapping[str, list[Row]]) -> list[str | None]:
    """The selections to ask for: one None (the whole table) when all of it is wanted, else one filter per combination of members.

    Keys are the padded ones of the dimension table: another width silently selects nothing (facts/CBS.md section 1.6).
    """
    choices: list[list[tuple[str, str]]] = []
    partial = False
    for dimension, wanted in wanted_members(source).items():
        if dimension not in members:
            raise SourceChanged(f"dimension {dimension} is missing", where=source.bron)
        keys = [str(row["Key"]) for row in members[dimension]]
        chosen = [key for key in keys if key.strip() in wanted]
        if missing := sorted(wanted - {key.strip() for key in chosen}):
            raise SourceChanged(f"dimension {dimension} lacks {', '.join(missing)}", where=source.bron)
        partial |= len(chosen) < len(keys)
        choices.append([(dimension, key) for key in chosen])
    if layout.time is not None:
        keys = [str(row["Key"]) for row in members[layout.time]]
        annual = [key for key in keys if ANNUAL.match(key.strip())]
        partial |= len(annual) < len(keys)
        choices.append([(layout.time, key) for key in annual])
    if not partial:
        return [None]
    return [" and ".join(f"{name} eq '{key}'" for name, key in combination) for combination in itertools.product(*choices)]


def _store_data(
    client: httpx.Client,
    root: str,
    data_set: str,
    source: Source,
    layout: Layout,
    members: Mapping[str, list[Row]],
    info: Row,
    delivery: Delivery,
    where: str,
    progress: Progress,
) -> int:
    """Store every data page; returns the number of rows. Keys are unique and the count is the one that the source states."""
    seen: set[tuple[str, ...]] = set()
    record_count = info.get("RecordCount")
    filters = _filters(source, layout, members)
    if filters[-1] is not None and not _honours(client, f"{root}/{data_set}", filters[-1], record_count, where):
        filters = [None]
    number = 0
    for selection in filters:
        expected = record_count if selection is None else _count(client, f"{root}/{data_set}", selection, where)
        query = f"&$filter={quote(selection)}" if selection else ""
        stated = expected if isinstance(expected, int) else None
        before = len(seen)
        for (target, body), rows in _pages(client, f"{root}/{data_set}?$format=json{query}", f"{where} {data_set}", 1000, stated):
            number += 1
            place = f"{where} {data_set} page {number}"
            _refuse_rows(rows, layout, seen, place)
            _refuse_cells(rows, layout, source, data_set == UNTYPED, place)
            delivery.add(f"{data_set}-{number:04d}", target, body, rows)
            progress(f"{where}: page {number}, {len(seen)} rows" + (f" of {record_count}" if selection is None else ""))
        if stated is not None and len(seen) - before != stated:
            raise SourceChanged(f"delivers {len(seen) - before} rows where it states {stated}", where=where)
    if not seen:
        raise SourceChanged("delivers no rows", where=where)
    return len(seen)


def _honours(client: httpx.Client, url: str, selection: str, record_count: Any, where: str) -> bool:
    """False when the service answers a selection with rows outside it: then the whole table is read and filtered here."""
    if record_count is not None and _count(client, url, selection, where) == record_count:
        return False
    _, content = get_json(client, f"{url}?$format=json&$top=1&$filter={quote(selection)}", where=where)
    asked = dict(re.findall(r"(\w+) eq '([^']*)'", selection))
    return all(str(row.get(name)).strip() == key.strip() for row in _value(content, where) for name, key in asked.items())


def _count(client: httpx.Client, url: str, selection: str, where: str) -> int | None:
    """The number of rows of a selection as the source states it; None where the source does not answer the question."""
    try:
        text = get_text(client, f"{url}/$count?$filter={quote(selection)}", where=where).strip()
    except (NotFound, Rejected, SourceUnreachable):
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _refuse_rows(rows: list[Row], layout: Layout, seen: set[tuple[str, ...]], where: str) -> None:
    needed = [*layout.dimensions, *layout.columns.values()]
    for row in rows:
        try:
            key = tuple(str(row[dimension]).strip().upper() for dimension in layout.dimensions)
        except KeyError as error:
            raise SourceChanged(f"a row lacks dimension {error.args[0]}", where=where) from error
        if key in seen:
            raise SourceChanged(f"delivers row {' '.join(key)} twice (a page served twice?)", where=where)
        seen.add(key)
        if missing := [name for name in needed if name not in row]:
            raise SourceChanged(f"rows lack column {', '.join(missing)} that DataProperties announces", where=where)


def _refuse_cells(rows: list[Row], layout: Layout, source: Source, untyped: bool, where: str) -> None:
    """SourceChanged for a number cell that is neither a number nor a known sign for missing (a decimal comma, say)."""
    for name, key in layout.columns.items():
        if source.kolommen[name].soort != "getal":
            continue
        for cell in {row[key] for row in rows if type(row[key]) not in (int, float, NoneType)}:
            text = str(cell).strip()
            if not untyped or not isinstance(cell, str) or (text not in SIGNS and not re.fullmatch(NUMBER, text)):
                raise SourceChanged(f"column {key} ({name}) holds '{safe(text)}', which is no number", where=where)


def _refuse_national_row(table: Table, regions: Sequence[Row], where: str) -> None:
    wanted = table.landelijke_rij
    if wanted and wanted not in {str(row.get("Key") or "").strip().upper() for row in regions}:
        raise SourceChanged(f"has no national row {wanted}", where=where)


def refuse_lost_columns(layout: Layout, previous: Snapshot | None, source: Source, table: Table, where: str) -> None:
    """SourceChanged when a column that the previous snapshot had is gone."""
    if previous is None:
        return
    before = read_layout(previous, source, table)
    if lost := sorted(set(before.columns) - set(layout.columns)):
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
