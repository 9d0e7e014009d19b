"""Tables of web services that are no OData: which way to them works, what came over it, and how it is read back.

A source may declare several ways to a table (OGC API, WFS, a file); they are tried in order, and the next is taken only when one
cannot be read. What a way delivers but should not (another shape, a page twice) is a fault and never a reason to look elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from beeld.errors import BeeldError, SourceChanged, SourceUnreachable, UsageError
from beeld.settings import Settings
from beeld.sources import archive, ckan, files, jive, local, ogc, opendatasoft, wfs
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.http import NotFound, Rejected, get_body, get_json
from beeld.sources.records import Record, cells, fields_of, places
from beeld.sources.structure import Structure, of_records

DROP_REFUSED = 0.1
"""Share of records that may be missing compared with the previous delivery (RELIABILITY.md F28)."""
TABLE = "tabel"
PAGED = frozenset({"ogc_features", "wfs"})
"""Protocols whose tables come in pages: a fetch that breaks off leaves them for the next one."""
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Reach:
    """What is needed to go and look: the client, where services are, and whom to tell."""

    client: httpx.Client
    settings: Settings
    progress: Callable[[str], None]
    mark: str = ""
    """What the service said of the table at this look; pages that came while it said the same need not be asked for again."""

    def address(self, source: Source, table: Table) -> str:
        """The base address of the service and the path of the table's way under it."""
        service = source.service(table)
        if table.dropped:  # such files have no address
            return ""
        return self.settings.address(service.dienst, source.adressen) + service.pad


@dataclass(frozen=True)
class Received:
    """What one way delivered: its records, their units where it tells them, and what is known of it."""

    records: Sequence[Record]
    units: Mapping[str, str]
    url: str
    title: str = ""
    modified: str = ""


def mark(reach: Reach, source: Source, table: Table) -> str | None:
    """What the service says of the table now; as long as it stays the same nothing is fetched. None: no way leads to it.

    A service that tells no date of modification is asked again once a month: the month is part of its mark.
    """
    if path := reach.settings.files.get(source.bron):
        return f"bestand {local.digest(path, source.bron)}"
    try:
        return _first_way(reach, source, table, lambda way: _mark(reach, source, way))
    except NotFound:
        return None


def fetch(reach: Reach, source: Source, table: Table, previous: Snapshot | None) -> Snapshot:
    """The whole table in the archive, over the first way that can be read; a file of `[bestanden]` goes before every service."""
    if path := reach.settings.files.get(source.bron):
        delivery = Delivery(reach.settings.build, source.bron, table.tabel)
        return _archive(reach, source, table, previous, delivery, lambda where: _from_file(path, source, table, delivery, where))
    return _first_way(reach, source, table, lambda way: _fetch(reach, source, way, previous))


def _first_way(reach: Reach, source: Source, table: Table, attempt: Callable[[Table], Answer]) -> Answer:
    where = f"{source.bron} {table.tabel}"
    problems: list[BeeldError] = []
    for way in source.ways(table):
        try:
            answer = attempt(way)
        except (SourceUnreachable, NotFound, Rejected) as error:
            problems.append(error)
            continue
        if problems:
            reach.progress(f"{where}: read by {source.service(way).protocol}, because {problems[-1].what}")
        return answer
    first = problems[0].what
    others = [problem.what.partition(" of http")[0] for problem in problems[1:]]  # the address would make the message very long
    kind = NotFound if all(isinstance(problem, NotFound) for problem in problems) else SourceUnreachable
    raise kind(first, where=where, todo=f"The other ways failed too: {'; '.join(others)}" if others else "")


def _mark(reach: Reach, source: Source, way: Table) -> str | None:
    where, service = f"{source.bron} {way.tabel}", source.service(way)
    if service.protocol == "ogc_features":
        base = reach.settings.address(service.dienst, source.adressen)
        if not source.figures:
            return ogc.fingerprint(reach.client, base, source, way)
        return f"{ogc.described(reach.client, base, source, way)} {_month()}"
    address = reach.address(source, way)
    if service.protocol == "bestand":
        return files.mark(reach.client, address, source, way, reach.settings.home, where)
    if service.protocol == "wfs":
        year = way.jaren[0] if way.jaren else way.peiljaar
        return f"{wfs.fingerprint(reach.client, _of_year(address, year), ogc.layer_of(way), where)} {_month()}"
    if service.protocol == "opendatasoft":
        return opendatasoft.modified(opendatasoft.describe(reach.client, address, way, where)[1])
    if service.protocol == "ckan":
        return ckan.fingerprint(ckan.resource(reach.client, address, way, where))
    return _month()


def _month() -> str:
    return archive.now()[:7]


def _of_year(address: str, year: int | None) -> str:
    return address.replace("{jaar}", str(year))


def _fetch(reach: Reach, source: Source, way: Table, previous: Snapshot | None) -> Snapshot:
    protocol = source.service(way).protocol
    if protocol == "ogc_features" and not source.figures:
        base = reach.settings.address(source.service(way).dienst, source.adressen)
        raw, scratch = reach.settings.raw, reach.settings.build
        return ogc.fetch(reach.client, base, source, way, raw=raw, scratch=scratch, progress=reach.progress, state=reach.mark)
    if protocol not in WAYS:
        raise UsageError(
            f"there is no way '{protocol}'", where=f"{source.bron}.yaml", todo=f"Choose from {', '.join(sorted(WAYS))}"
        )
    state, address = reach.mark if protocol in PAGED else "", reach.address(source, way)
    delivery = Delivery(reach.settings.build, source.bron, way.tabel, state, f"{protocol} {address}")
    return _archive(reach, source, way, previous, delivery, lambda where: WAYS[protocol](reach, source, way, delivery, where))


def _archive(
    reach: Reach,
    source: Source,
    table: Table,
    previous: Snapshot | None,
    delivery: Delivery,
    receive: Callable[[str], Received],
) -> Snapshot:
    """What `receive` brings into the delivery, judged as a whole before it enters the archive; SourceChanged keeps it out."""
    where = f"{source.bron} {table.tabel}"
    received = receive(where)
    if source.figures:
        cells(source, table, received.records, places(source, table, received.records, received.units, where), where)
    if previous is not None and len(received.records) < previous.rijen * (1 - DROP_REFUSED):
        raise SourceChanged(f"delivers {len(received.records)} records; the previous delivery had {previous.rijen}", where=where)
    return delivery.archive(
        reach.settings.raw,
        gewijzigd=received.modified[:19],
        licentie=source.licentie,
        url=received.url,
        titel=received.title or source.titel,
        rijen=len(received.records),
    )


def _from_file(path: str, source: Source, table: Table, delivery: Delivery, where: str) -> Received:
    records = local.store(path, source, table, delivery, where)
    return Received(records, {}, local.url(path))


def _by_ogc(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    address = reach.address(source, way)
    records = ogc.store_figures(reach.client, address, way, delivery, where, reach.progress)
    return Received(records, {}, f"{address}/collections/{ogc.layer_of(way)}")


def _by_wfs(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    if not source.figures:
        return _boundaries_by_wfs(reach, source, way, delivery, where)
    address, mapping = reach.address(source, way), fields_of(source)
    topics = [topic.naam for column in source.kolommen.values() for topic in column.onderwerpen]
    wanted = [*mapping.gebied, *mapping.naam, *mapping.jaar, *mapping.behoud, *topics]
    layer = ogc.layer_of(way)
    known = wfs.fields(reach.client, address, layer, where)
    if not mapping.maat:  # what is renamed must be seen here: a field that is not asked for does not come
        places(source, way, [dict.fromkeys(known)], {}, where)
    features = wfs.store(reach.client, address, layer, delivery, where, reach.progress, known=known, wanted=wanted)
    return Received([feature["properties"] for feature in features], {}, address)


def _boundaries_by_wfs(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    """The newest declared year that the service has: each year is a service of its own."""
    for year in way.jaren:
        address, layer = _of_year(reach.address(source, way), year), ogc.layer_of(way)
        try:
            known = wfs.fields(reach.client, address, layer, where)
            features = wfs.store(reach.client, address, layer, delivery, where, reach.progress, known=known)
        except NotFound:
            continue
        if not features or any(ogc.boundary_key(feature, where)[1] not in way.jaren for feature in features):
            raise SourceChanged(f"has no features of {year}, or some of another year", where=where)
        return Received([feature["properties"] for feature in features], {}, address)
    raise NotFound(f"has no service for {', '.join(map(str, way.jaren))}", where=where)


def _by_opendatasoft(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    address = reach.address(source, way)
    records, described = opendatasoft.store(reach.client, address, way, delivery, where, reach.progress)
    title, url = opendatasoft.title(described, source.titel), f"{address}{opendatasoft.PATH}/{ogc.layer_of(way)}"
    return Received(records, opendatasoft.units(described), url, title, opendatasoft.modified(described))


def _by_ckan(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    address = reach.address(source, way)
    found = ckan.resource(reach.client, address, way, where)
    url = ckan.download_url(found, address, source.adressen.values(), where)
    body = get_body(reach.client, url, where=where).body
    records, units = files.records_in(body, source, way, where)
    delivery.add(f"{files.NAME}-0001", url, body, hashlib.sha256(body).hexdigest())
    return Received(records, units, url, str(found.get("name") or ""), ckan.modified(found))


def _by_file(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    address = reach.address(source, way)
    return Received(*files.receive(reach.client, address, source, way, reach.settings.home, delivery, where))


def _by_jive(reach: Reach, source: Source, way: Table, delivery: Delivery, where: str) -> Received:
    url = jive.question(reach.address(source, way), way)
    reply, content = get_json(reach.client, url, where=where)
    records = jive.records(content, where)
    delivery.add(TABLE, url, reply.body, content)
    return Received(records, jive.units(content), url)


Receiver = Callable[[Reach, Source, Table, Delivery, str], Received]
WAYS: Mapping[str, Receiver] = {
    "ogc_features": _by_ogc,
    "wfs": _by_wfs,
    "opendatasoft": _by_opendatasoft,
    "ckan": _by_ckan,
    "jive": _by_jive,
    "bestand": _by_file,
}
"""Protocol -> how its records come."""


def read(source: Source, table: Table, snapshot: Snapshot) -> tuple[Sequence[Record], Mapping[str, str]]:
    """The records of an archived delivery and the units that came with it, over whichever way it came."""
    where, names = f"{source.bron} {table.tabel}", set(snapshot.names(""))
    if opendatasoft.EXPORT in names:
        return opendatasoft.read(snapshot)
    if snapshot.names(f"{files.NAME}-"):
        return files.read(source, table, snapshot)
    if TABLE in names:
        content: dict[str, Any] = snapshot.content(TABLE)
        return jive.records(content, where), jive.units(content)
    return ogc.read_records(snapshot), {}


def structure(source: Source, table: Table, snapshot: Snapshot) -> Structure:
    """The fields (in the long form: the measures) of an archived delivery; none of boundaries, whose fields are fixed."""
    if not source.figures:
        return Structure(frozenset())
    records, units = read(source, table, snapshot)
    return of_records(records, units, fields_of(source))


def newest_year(source: Source, table: Table, snapshot: Snapshot) -> int | None:
    """The newest peiljaar of an archived delivery; of boundaries the year that a release would use."""
    if not source.figures:
        return ogc.newest_year(source, table, snapshot)
    where = f"{source.bron} {table.tabel}"
    records, units = read(source, table, snapshot)
    return max(cells(source, table, records, places(source, table, records, units, where), where).year, default=None)
