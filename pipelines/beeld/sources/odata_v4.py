"""CBS OData v4 (facts/CBS.md section 3): catalogue, code lists and observations into the raw archive.

Only the measures and members that are declared are asked for. What comes is held against the code lists and against the number
of observations that the service states, because a cell without a value is omitted and an omitted page would look the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx

from beeld.errors import SourceChanged
from beeld.sources import odata_v4_bulk
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.http import NotFound, Rejected, Reply, follow, get_json, get_text, safe
from beeld.sources.observations import Ledger, of_rows
from beeld.sources.odata_v3 import DROP_REFUSED, CatalogueEntry
from beeld.sources.odata_v4_lists import Description, batches, delivers_v4, describe, read_layout
from beeld.sources.progress import TableProgress
from beeld.sources.replies import kept_or_asked

CATALOG = "CBS"
"""The catalog of a service for which a declaration names no other in `pad`."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
VOLATILE = frozenset({"@odata.context", "CodesUrl", "GroupsUrl", "Distributions"})
"""What names the address of the host that happened to serve a document."""

PROTOCOLS = ("odata_v4", "odata_v4_bulk")
"""How a declaration names this protocol: page by page what is wanted, or the whole table at once."""
BULK = PROTOCOLS[1]

Report = Callable[[TableProgress], None]
Row = dict[str, Any]


def catalogue(client: httpx.Client, base: str, where: str, catalog: str = "") -> dict[str, CatalogueEntry]:
    """Every table of a catalog by its identifier, exactly as written: under v4 another case is another table."""
    url = f"{base}/odata/v1/{quote(catalog or CATALOG)}/Datasets?$select=Identifier,Title,Modified,ObservationsModified"
    try:
        return _entries(client, url, where)
    except Rejected:  # not every state of the service knows both moments
        return _entries(client, url.partition("?")[0], where)


def _entries(client: httpx.Client, url: str, where: str) -> dict[str, CatalogueEntry]:
    entries: dict[str, CatalogueEntry] = {}
    for _, rows in _pages(_asking(client, where), url, where, limit=1000):
        for row in rows:
            name = str(row.get("Identifier") or "").strip()
            moments = [str(row[key]) for key in ("Modified", "ObservationsModified") if row.get(key)]
            entries[name] = CatalogueEntry(name, str(row.get("Title") or "").strip(), "v4 " + " ".join(moments))
    return entries


@dataclass(frozen=True)
class _Visit:
    """One attempt at one table."""

    client: httpx.Client
    root: str
    source: Source
    table: Table
    delivery: Delivery
    where: str
    report: Report


def fetch(
    client: httpx.Client,
    base: str,
    source: Source,
    table: Table,
    *,
    raw: Path,
    scratch: Path,
    previous: Snapshot | None,
    report: Report,
) -> Snapshot:
    """Fetch what is declared of one table, check it and move it into the archive; in bulk where the declaration says so.

    A table that changes while it is read is read once more and then refused. Raises SourceUnreachable, SourceChanged or Stale;
    then nothing reaches the archive, and the pages that were whole are left in `scratch`.
    """
    where = f"{source.bron} {table.tabel}"
    service = source.service(table)
    catalog = quote(service.pad or CATALOG)
    root = f"{base}/odata/v1/{catalog}/{table.tabel}"
    zipped = f"{base}/CSV/{catalog}/nl/{table.tabel}" if service.protocol == BULK else None
    for _ in range(2):
        reply, info = _properties(client, root, table, where)
        delivery = Delivery(scratch, source.bron, table.tabel, "v4 " + " ".join(_moments(info)))
        delivery.add("Properties-0001", reply.url, reply.body, _steady(info))
        visit = _Visit(client, root, source, table, delivery, where, report)
        snapshot = _fetch_once(visit, info, raw, previous, zipped)
        if snapshot is not None:
            return snapshot
    raise SourceChanged("Modified keeps changing while the table is read", where=where)


def _fetch_once(visit: _Visit, info: Row, raw: Path, previous: Snapshot | None, zipped: str | None) -> Snapshot | None:
    where = visit.where
    described = describe(visit.source, visit.table, lambda name: _store_set(visit, name), where)
    earlier = previous if previous is not None and delivers_v4(previous) else None
    _refuse_lost_columns(described.layout, earlier, visit.source, visit.table, where)
    _refuse_national_row(visit.table, described.members[described.layout.region], where)
    ledger = Ledger(described.selection, where)
    if zipped is None:
        _store_observations(visit, described, info, ledger)
    else:
        body = odata_v4_bulk.store(visit.client, zipped, visit.delivery, where)
        for batch in odata_v4_bulk.batches(body, described.layout.dimensions, where):
            ledger.take(batch, where, filtered=False)
        _refuse_count(ledger.rows, _stated(info.get("ObservationCount")), where)
    ledger.refuse_twice()
    _refuse_drop(earlier, described, ledger, visit)
    _, again = _properties(visit.client, visit.root, visit.table, where)
    if _moments(again) != _moments(info):
        return None
    return visit.delivery.archive(
        raw,
        gewijzigd=_moment(str(info.get("Modified") or "")),
        licentie=visit.source.licentie,
        url=visit.root,
        titel=str(info.get("Title") or visit.table.tabel).strip(),
        rijen=ledger.rows,
    )


def _moment(text: str) -> str:
    """Modified as v3 writes it: local time without an offset."""
    found = MOMENT.match(text)
    return found.group() if found else text


def _moments(info: Row) -> list[str]:
    return [str(info.get(key) or "") for key in ("Modified", "ObservationsModified")]


def _properties(client: httpx.Client, root: str, table: Table, where: str) -> tuple[Reply, Row]:
    reply, content = get_json(client, f"{root}/Properties", where=where)
    if content.get("Identifier") != table.tabel:
        raise SourceChanged(f"Properties is about table '{safe(str(content.get('Identifier')))}'", where=where)
    return reply, content


def _steady(row: Mapping[str, Any]) -> Row:
    return {key: value for key, value in row.items() if key not in VOLATILE}


def _value(content: Mapping[str, Any], where: str) -> list[Row]:
    value = content.get("value")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in cast("list[Any]", value)):
        raise SourceChanged("reply has no list 'value' of objects", where=where)
    return cast("list[Row]", value)


def _pages(
    ask: Callable[[str], tuple[bytes, Row]], url: str, where: str, limit: int, expected: int | None = None
) -> Iterator[tuple[bytes, list[Row]]]:
    """Every page of an entity set, next links followed verbatim; refuses a link seen before and more than `limit` pages.

    `ask` gives the body and the content of one page.
    """
    seen: set[str] = set()
    target: str | None = url
    while target is not None:
        if target in seen:
            raise SourceChanged("next links go in a circle", where=where)
        if len(seen) >= limit:
            raise SourceChanged(f"delivers more pages than its row count allows ({limit})", where=where)
        seen.add(target)
        body, content = ask(target)
        rows = _value(content, where)
        if expected is not None and len(seen) == 1 and rows:
            limit = -(-expected // len(rows)) + 2
        yield body, rows
        link = content.get("@odata.nextLink")
        target = follow(target, str(link), where) if link else None


def _asking(client: httpx.Client, where: str) -> Callable[[str], tuple[bytes, Row]]:
    """Each page from the service."""

    def ask(target: str) -> tuple[bytes, Row]:
        reply, content = get_json(client, target, where=where)
        return reply.body, content

    return ask


def _storing(visit: _Visit, name: str, said: Callable[[Row], Any], where: str) -> Callable[[str], tuple[bytes, Row]]:
    """Each page of an entity set, kept or from the service, into the delivery under the next number; `said` identifies it."""

    def take(target: str) -> tuple[bytes, Row]:
        number = 1 + sum(document.naam.startswith(f"{name}-") for document in visit.delivery.documents)
        return kept_or_asked(visit.client, visit.delivery, f"{name}-{number:04d}", target, said, where)

    return take


def _store_set(visit: _Visit, name: str) -> list[Row]:
    """The rows of a list, archived. MeasureGroups may be absent; every other list must be there and hold something."""
    rows: list[Row] = []
    where = f"{visit.where} {name}"
    ask = _storing(visit, name, lambda content: [_steady(row) for row in _value(content, where)], where)
    try:
        for _, page in _pages(ask, f"{visit.root}/{name}", where, limit=100):
            rows += page
    except NotFound:
        if name != "MeasureGroups":
            raise
    if not rows and name != "MeasureGroups":
        raise SourceChanged(f"{name} is empty", where=visit.where)
    return rows


def _store_observations(visit: _Visit, described: Description, info: Row, ledger: Ledger) -> None:
    """Every observation that is wanted, archived page by page and counted against what the service states."""
    url = f"{visit.root}/Observations"
    whole = _stated(info.get("ObservationCount"))
    filters = described.selection.filters()
    counts = [whole if selection is None else _count(visit.client, url, selection, visit.where) for selection in filters]
    if None in counts or (filters != [None] and whole is not None and max(cast("list[int]", counts)) >= whole > 0):
        filters, counts = [None], [whole]  # it does not select: read the whole table and select here
    if counts == [None]:
        counts = [_count(visit.client, url, None, visit.where)]
    where = f"{visit.where} Observations"
    ask = _storing(visit, "Observations", lambda content: content.get("value"), where)
    number = size = 0
    for selection, stated in zip(filters, counts, strict=True):
        before = ledger.rows
        target = url if selection is None else f"{url}?$filter={quote(selection)}"
        for body, rows in _pages(ask, target, where, 1000, stated):
            number += 1
            place = f"{where} page {number}"
            ledger.take(of_rows(rows, described.layout.dimensions, place), place, filtered=selection is not None)
            size += len(body)
            visit.report(TableProgress(visit.where, ledger.rows, number, size, sum(each or 0 for each in counts)))
        _refuse_count(ledger.rows - before, stated, visit.where)
    if not ledger.rows:
        raise SourceChanged("delivers no observations", where=visit.where)


def _refuse_count(found: int, stated: int | None, where: str) -> None:
    if stated is None:
        raise SourceChanged("does not state its number of observations, so that nothing tells whether all came", where=where)
    if found != stated:
        raise SourceChanged(f"delivers {found} observations where it states {stated}", where=where)


def _stated(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _count(client: httpx.Client, url: str, selection: str | None, where: str) -> int | None:
    """The number of observations of a selection as the service states it; None where it does not answer the question."""
    query = "" if selection is None else f"?$filter={quote(selection)}"
    try:
        text = get_text(client, f"{url}/$count{query}", where=where).removeprefix("\ufeff").strip()
    except (NotFound, Rejected):
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _refuse_national_row(table: Table, regions: Sequence[str], where: str) -> None:
    wanted = table.landelijke_rij
    if wanted and wanted not in {code.upper() for code in regions}:
        raise SourceChanged(f"has no national row {wanted}", where=where)


def _refuse_lost_columns(layout: Layout, previous: Snapshot | None, source: Source, table: Table, where: str) -> None:
    if previous is None:
        return
    before = read_layout(previous, source, table)
    if lost := sorted(set(before.columns) - {*layout.columns, *layout.sums}):
        gone = ", ".join(f"{name} (measure {before.columns[name]})" for name in lost)
        raise SourceChanged(f"column {gone} is gone", where=where, todo="Declare what replaced it")


def _refuse_drop(previous: Snapshot | None, described: Description, ledger: Ledger, visit: _Visit) -> None:
    """SourceChanged when much fewer observations came of the measures that the previous delivery had too (F28)."""
    if previous is None or ledger.rows >= previous.rijen * (1 - DROP_REFUSED):
        return
    before = Counter[str]()
    for batch in batches(previous, visit.source, visit.table):
        before.update({count["values"]: count["counts"] for count in batch.measure.value_counts().to_pylist()})
    now = {code: int(count) for code, count in zip(described.selection.measures, ledger.per_measure, strict=True)}
    both = described.selection.wanted & set(before)
    had, has = sum(before[code] for code in both), sum(now[code] for code in both)
    if has < had * (1 - DROP_REFUSED):
        raise SourceChanged(f"delivers {has} observations; the previous delivery had {had}", where=visit.where)
