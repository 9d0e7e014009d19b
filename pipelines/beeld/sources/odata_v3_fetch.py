"""Fetching a CBS OData v3 table into the raw archive (facts/CBS.md section 1): metadata, dimensions, data, then `Modified` again.

UntypedDataSet comes first, because only its text tells the kinds of missing apart; TypedDataSet where a table has no other.
Every reply goes to disk as it comes and is judged a megabyte at a time. A fetch that breaks off is taken up where it stopped, as
long as the source says the same `Modified`: the kept pages are judged again, only not asked for again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import httpx

from beeld.errors import SourceChanged, SourceUnreachable
from beeld.sources import http
from beeld.sources.archive import Delivery, Snapshot, now
from beeld.sources.columns import Layout, refuse_strange, resolve
from beeld.sources.declarations import Source, Table
from beeld.sources.http import NotFound, Rejected, follow, get_text, save_json
from beeld.sources.journal import Document
from beeld.sources.members import Names, names_of, of_table
from beeld.sources.odata_v3 import DROP_REFUSED, TYPED, UNTYPED, refuse_lost_columns
from beeld.sources.pages import Form, Lot, Objects, Page, Row, read_page
from beeld.sources.progress import TableProgress
from beeld.sources.questions import WHOLE, Question, data_questions, region_questions
from beeld.sources.rowcheck import Ignored, Receive, RowCheck, nobody
from beeld.sources.words import shared

MAX_METADATA_PAGES = 100
MAX_DATA_PAGES = 1000
ADDRESSES = frozenset({"ApiUrl", "FeedUrl", "SummaryAndLinks"})
"""Members of TableInfos that hold addresses of the host; the text of the last one stands in `Summary` too."""


@dataclass(frozen=True)
class Fetch:
    """One table being fetched."""

    client: httpx.Client
    root: str
    source: Source
    table: Table
    delivery: Delivery
    gemeenten: tuple[str, ...] | None
    report: Callable[[TableProgress], None]
    receive: Receive

    @property
    def where(self) -> str:
        """How messages name the table."""
        return f"{self.source.bron} {self.table.tabel}"


def fetch(
    client: httpx.Client,
    base: str,
    source: Source,
    table: Table,
    *,
    raw: Path,
    scratch: Path,
    previous: Snapshot | None,
    report: Callable[[TableProgress], None],
    state: str = "",
    gemeenten: tuple[str, ...] | None = None,
    receive: Receive = nobody,
) -> Snapshot:
    """Fetch one table, or the rows of some of its gemeenten, check it and move it into the archive.

    `state` is `Modified` as the catalogue says it; a table whose own `Modified` is another at the end was read while it changed,
    is read once more and then refused. `receive` gives who wants the cells of the rows as they come. Raises SourceUnreachable,
    SourceChanged or Stale; then nothing reaches the archive, and what was received is left in `scratch`.
    """
    where, root = f"{source.bron} {table.tabel}", f"{base}/ODataFeed/odata/{table.tabel}"
    tries = 0
    while tries < 2:
        delivery = Delivery(scratch, source.bron, table.tabel, state)
        try:
            job = Fetch(client, root, source, table, delivery, gemeenten, report, receive)
            found = _fetch_once(job, state, raw, previous)
        except (Ignored, Rejected):
            if gemeenten is None:
                raise
            delivery.discard()
            gemeenten = None  # the service passes over the filter, or does not accept it: then the whole table
            continue
        if isinstance(found, Snapshot):
            return found
        delivery.discard()
        tries, state = tries + 1, found
    raise SourceChanged("Modified keeps changing while the table is read", where=where)


def _fetch_once(job: Fetch, state: str, raw: Path, previous: Snapshot | None) -> Snapshot | str:
    """The archived snapshot, or the `Modified` that the table got while it was read."""
    properties = _small_set(job, "DataProperties", [WHOLE])
    layout = resolve(job.source, job.table, properties, job.where)
    refuse_strange(layout, properties, job.where)
    refuse_lost_columns(layout, previous, job.source, job.table, job.where)
    plan = _plan(job, layout, properties)
    try:
        received = _data(job, UNTYPED, plan)
    except (NotFound, Rejected):  # not every table has one
        if job.delivery.has(UNTYPED):
            raise
        received = _data(job, TYPED, plan)
    info = _info(job)
    _refuse_delivery(job, info, plan.regions, received, previous)
    modified = str(info.get("Modified") or "")
    if modified != state:
        return modified
    return job.delivery.archive(
        raw,
        gewijzigd=modified,
        licentie=job.source.licentie,
        url=job.root,
        titel=str(info.get("Title") or job.table.tabel).strip(),
        rijen=received.rows,
        gemeenten=job.gemeenten,
    )


@dataclass(frozen=True)
class Plan:
    """What of a table is fetched; of its dimensions no more than that needs, because there are thousands of regions."""

    source: Source
    """With only the columns that the table is searched for, and every member by its key."""
    layout: Layout
    announced: tuple[str, ...]
    """Every member that a row should have."""
    questions: tuple[Question, ...]
    regions: Set[str]
    names: Names
    room: int
    """Rows that the table would have with one for every combination of members."""


def _plan(job: Fetch, layout: Layout, properties: Sequence[Row]) -> Plan:
    members = {name: _members(job, name, layout) for name in layout.dimensions}
    source = of_table(job.source, job.table, layout, members, job.where)
    return Plan(
        source,
        layout,
        ("ID", *(str(row["Key"]) for row in properties if row.get("Key"))),
        tuple(data_questions(source, layout, members, job.gemeenten)),
        frozenset(shared(str(row.get("Key") or "").strip().upper()) for row in members[layout.region]),
        names_of(members[layout.region], members[layout.time] if layout.time else ()),
        math.prod(map(len, members.values())),
    )


@dataclass(frozen=True)
class Received:
    """The data rows of a delivery: how many, and whether they are all that the table has."""

    rows: int
    complete: bool


def _refuse_delivery(job: Fetch, info: Row, regions: Set[str], received: Received, previous: Snapshot | None) -> None:
    """SourceChanged for a delivery that is whole, page by page, and yet cannot be right: the last look before the archive."""
    stated = info.get("RecordCount")
    if received.complete and isinstance(stated, int) and received.rows != stated:
        raise SourceChanged(f"delivers {received.rows} rows where it states {stated}", where=job.where)
    wanted = job.table.landelijke_rij
    if wanted and wanted not in regions:
        raise SourceChanged(f"has no national row {wanted}", where=job.where)
    comparable = previous is not None and previous.gemeenten == job.gemeenten
    if previous is not None and comparable and received.rows < previous.rijen * (1 - DROP_REFUSED):
        raise SourceChanged(f"delivers {received.rows} rows; the previous delivery had {previous.rijen}", where=job.where)


def _info(job: Fetch) -> Row:
    """TableInfos as it is now: never taken from an earlier fetch, because its `Modified` closes the delivery."""
    rows: list[Row] = []

    def read(path: Path) -> Page:
        rows.clear()
        return read_page(path, job.where, Objects(), lambda lot: _collected(rows, lot), http.MAX_BYTES)

    url, name = f"{job.root}/TableInfos?$format=json", "TableInfos-0001"
    _, page = save_json(job.client, url, job.delivery.path(name), read, where=f"{job.where} TableInfos")
    if len(rows) != 1:
        raise SourceChanged(f"TableInfos has {len(rows)} rows instead of one", where=job.where)
    job.delivery.record(_document(name, url, page))
    return rows[0]


def _collected(rows: list[Row], lot: list[Row]) -> list[Row]:
    """`lot`, added to `rows`, without the addresses of the host that happened to serve it."""
    rows += lot
    return [{key: value for key, value in row.items() if key not in ADDRESSES} for row in lot]


def _document(name: str, url: str, page: Page) -> Document:
    return Document(name, url, page.sha256, page.inhoud, page.bytes, now())


# ---------------------------------------------------------------- pages


@dataclass(frozen=True)
class Reading(Generic[Lot]):
    """How the rows of a question are read: `begin` with a page, perhaps again, then `each` lot of its rows in `form`."""

    form: Form[Lot]
    begin: Callable[[str], None]
    each: Callable[[Lot], Lot]


def _page(job: Fetch, name: str, url: str, reading: Reading[Lot], where: str) -> Page:
    """One page, out of what an earlier fetch left or else from the service; it belongs to the delivery from then on."""

    def read(path: Path) -> Page:
        reading.begin(where)
        return read_page(path, where, reading.form, reading.each, http.MAX_BYTES)

    path, known = job.delivery.path(name), job.delivery.kept(name, url)
    if known is not None:
        page = read(path)
        job.delivery.record(known)
        return page
    _, page = save_json(job.client, url, path, read, where=where)
    job.delivery.record(_document(name, url, page))
    return page


def _pages(job: Fetch, name: str, first: int, url: str, reading: Reading[Lot], limit: Callable[[int], int]) -> Iterator[Page]:
    """Every page of a question, next links followed verbatim; refuses a link seen before and more pages than `limit` allows.

    `limit` gives the number of pages there can be when the first has so many rows. Pages are numbered from `first`.
    """
    seen: set[str] = set()
    target: str | None = url
    most = 1
    while target is not None:
        where = f"{job.where} {name}"
        if target in seen:
            raise SourceChanged("next links go in a circle", where=where)
        if len(seen) >= most:
            raise SourceChanged(f"delivers more pages than its row count allows ({most})", where=where)
        seen.add(target)
        number = first + len(seen) - 1
        page = _page(job, f"{name}-{number:04d}", target, reading, f"{where} page {number}")
        most = limit(page.rows) if len(seen) == 1 else most
        yield page
        link = page.members.get("odata.nextLink")
        target = follow(target, str(link), where) if link else None


# ---------------------------------------------------------------- metadata


def _members(job: Fetch, name: str, layout: Layout) -> list[Row]:
    """The members of a dimension; of the regions of a table that is fetched in part only the asked ones."""
    return _small_set(job, name, region_questions("Key", job.gemeenten if name == layout.region else None))


def _small_set(job: Fetch, name: str, questions: Sequence[Question]) -> list[Row]:
    """Every row of an entity set that fits in memory; SourceChanged when it is empty or a row comes twice."""
    rows: list[Row] = []
    fresh: list[Row] = []
    seen: set[str] = set()
    number = 0
    for question in questions:

        def each(lot: list[Row], question: Question = question) -> list[Row]:
            if not all(map(question.holds, lot)):
                raise Ignored
            return _collected(fresh, lot)

        def clear(_place: str) -> None:
            fresh.clear()

        url = f"{job.root}/{name}?$format=json{question.query()}"
        for _ in _pages(job, name, number + 1, url, Reading(Objects(), clear, each), lambda _rows: MAX_METADATA_PAGES):
            number += 1
            seen.update(repr(row.get("Key")) for row in fresh)
            rows += ({name: shared(value) for name, value in row.items()} for row in fresh)
            # rows with different keys differ; only groups of topics have none, so seldom must whole rows be compared
            if len(seen) != len(rows) and len({repr(sorted(row.items())) for row in rows}) != len(rows):
                raise SourceChanged(f"{name} delivers a row twice (a page served twice?)", where=job.where)
    if not rows:
        raise SourceChanged(f"{name} is empty", where=f"{job.where} {name}")
    return rows


# ---------------------------------------------------------------- data


def _data(job: Fetch, data_set: str, plan: Plan) -> Received:
    """Keep every data page. Keys are unique, and a selection has the number of rows that the source states for it.

    A service that passes over the filter on members is asked for the whole table, which is filtered when it is read. Raises
    Ignored when it passes over the gemeenten, or has nothing for them.
    """

    def anew() -> RowCheck:
        receiver = job.receive(plan.source, job.table, plan.layout, data_set == UNTYPED, plan.names)
        return RowCheck(plan.layout, plan.source, data_set == UNTYPED, plan.announced, receiver)

    check, questions = anew(), plan.questions
    try:
        _answers(job, data_set, questions, check, plan.room)
    except Ignored:
        if job.gemeenten is not None:
            raise
        job.delivery.forget(f"{data_set}-")
        check, questions = anew(), (WHOLE,)
        _answers(job, data_set, questions, check, plan.room)
    if check.rows == 0:
        if job.gemeenten is not None:
            raise Ignored
        raise SourceChanged("delivers no rows", where=job.where)
    if job.gemeenten is not None:
        _refuse_incomplete(job, data_set, plan, check)
    return Received(check.rows, questions[-1].whole)


def _answers(job: Fetch, data_set: str, questions: Sequence[Question], check: RowCheck, room: int) -> None:
    """Keep the pages of every question, each row accepted by `check`."""
    number = size = 0
    for question in questions:
        before = check.rows
        url = f"{job.root}/{data_set}?$format=json{question.query()}"

        def begin(place: str, question: Question = question) -> None:
            check.begin(question, place)

        def limit(rows: int) -> int:
            return min(MAX_DATA_PAGES, 2 * -(-room // rows) + 2 if rows else 1)  # twice: a list of members may lack a page

        for page in _pages(job, data_set, number + 1, url, Reading(check.form, begin, check.lot), limit):
            check.accept()
            number, size = number + 1, size + page.bytes
            job.report(TableProgress(job.where, check.rows, number, size, room if question.whole else None))
        if question.equal and not question.beginnings:
            stated = _count(job, data_set, question)
            if stated is not None and check.rows - before != stated:
                raise SourceChanged(f"delivers {check.rows - before} rows where it states {stated}", where=job.where)


def _refuse_incomplete(job: Fetch, data_set: str, plan: Plan, check: RowCheck) -> None:
    """SourceChanged when rows of the asked gemeenten are missing: by the list of areas where that decides, else by `$count`."""
    alone = plan.layout.dimensions == (plan.layout.region,) and not plan.questions[0].equal
    if alone and {key[0] for key in check.seen} == plan.regions:
        return
    counts = [_count(job, data_set, question) for question in plan.questions]
    stated = sum(count for count in counts if count is not None)
    if None in counts:
        raise SourceUnreachable("does not say how many rows a selection has", where=job.where)
    if stated != check.rows:
        raise SourceChanged(f"delivers {check.rows} rows where it states {stated}", where=job.where)


def _count(job: Fetch, data_set: str, question: Question) -> int | None:
    """The number of rows of a selection as the source states it; None where the source does not answer the question."""
    try:
        text = get_text(job.client, f"{job.root}/{data_set}/$count?{question.query()[1:]}", where=job.where).strip()
    except (NotFound, Rejected, SourceUnreachable):
        return None
    return int(text) if text.isascii() and text.isdigit() else None
