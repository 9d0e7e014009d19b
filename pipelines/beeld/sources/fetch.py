"""What every refresh begins with: look at each source, fetch what changed, keep the last good delivery where a source fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from beeld.errors import BeeldError, SourceChanged, SourceUnreachable, UsageError
from beeld.settings import Settings
from beeld.sources import archive, odata_v3, ogc
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Delivered:
    """How one declared table stands after a look at the source: its snapshot (None: never delivered) and what went wrong."""

    source: Source
    table: Table
    snapshot: Snapshot | None
    status: str
    """actueel, verouderd (the last look failed, the last good delivery stands) or niet_geleverd."""
    warning: str = ""
    fetched: bool = False


@dataclass(frozen=True)
class Look:
    """How to look at the sources: the client, whether the network may be used, and whether every fault is fatal."""

    settings: Settings
    client: httpx.Client | None
    strict: bool = False
    progress: Progress = lambda _message: None

    def network(self) -> httpx.Client:
        """The client; only asked for when the network may be used."""
        if self.client is None:
            raise SourceUnreachable("the network may not be used (offline)")
        return self.client


def deliveries(look: Look, sources: Mapping[str, Source]) -> list[Delivered]:
    """The state of every declared table of every source that is switched on, after fetching what changed.

    Raises SourceUnreachable or SourceChanged for a required table without an earlier snapshot, after all other sources have had
    their turn (with `strict`: for any table).
    """
    results: list[Delivered] = []
    faults: list[BeeldError] = []
    catalogues = Catalogues(look)
    for source in _switched_on(look.settings, sources):
        for table in source.tabellen:
            try:
                results.append(delivery(look, source, table, catalogues))
            except (SourceUnreachable, SourceChanged) as error:
                faults.append(error)
    if faults:
        raise _all_in_one(faults)
    return results


def _all_in_one(faults: Sequence[BeeldError]) -> BeeldError:
    """The first fault, which decides the exit code, followed by what else went wrong."""
    first, *others = faults
    if not others:
        return first
    return type(first)(
        first.what, where=first.where, kept=first.kept, todo=" Also: ".join([first.todo, *(f.message for f in others)])
    )


def _switched_on(settings: Settings, sources: Mapping[str, Source]) -> Iterable[Source]:
    return [source for name, source in sources.items() if name not in settings.switched_off]


class Catalogues:
    """The catalogue of each OData host, read at most once per refresh; a host that fails is remembered as failing."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._read: dict[str, dict[str, odata_v3.CatalogueEntry] | BeeldError] = {}

    def entry(self, source: Source, table: Table) -> odata_v3.CatalogueEntry | None:
        """What the host's catalogue says of a table, None when it does not list it. Raises what reading the catalogue raised."""
        service = source.service(table).dienst
        known = self._read.get(service)
        if known is None:
            try:
                known = odata_v3.catalogue(self._look.network(), self._look.settings.urls[service], f"{source.bron} catalogue")
            except BeeldError as error:
                known = error
            self._read[service] = known
        if isinstance(known, BeeldError):
            raise known
        return known.get(table.tabel.lower())


def delivery(look: Look, source: Source, table: Table, catalogues: Catalogues) -> Delivered:
    """Look at one table and fetch it when it changed; on a fault the last good snapshot stands, with a warning."""
    raw = look.settings.raw
    previous = archive.current_snapshot(raw, source.bron, table.tabel)
    only = look.settings.only_sources
    if look.client is None or (only is not None and source.bron not in only):
        return _from_archive(source, table, previous)
    try:
        return _look_at(look, source, table, previous, catalogues)
    except BeeldError as error:
        fault = _as_source_fault(error, source, table)
        archive.record_fault(raw, source.bron, table.tabel, fault.message)
        if look.strict or (previous is None and source.verplicht):
            raise fault from error
        kept = (
            f"the figures fetched at {previous.opgehaald} stand" if previous else "nothing was ever delivered, so it is left out"
        )
        status = "verouderd" if previous else "niet_geleverd"
        return Delivered(source, table, previous, status, f"{fault.message} {kept[0].upper()}{kept[1:]}.")


def _from_archive(source: Source, table: Table, previous: Snapshot | None) -> Delivered:
    return Delivered(source, table, previous, "actueel" if previous else "niet_geleverd")


def _as_source_fault(error: BeeldError, source: Source, table: Table) -> BeeldError:
    """Every fault names source and table, also one that arose while reading the host's catalogue."""
    kind = SourceChanged if isinstance(error, SourceChanged) else SourceUnreachable
    where = error.where if table.tabel in error.where else f"{source.bron} {table.tabel} ({error.where or 'source'})"
    return kind(error.what, where=where, kept=error.kept, todo=error.todo)


def _look_at(look: Look, source: Source, table: Table, previous: Snapshot | None, catalogues: Catalogues) -> Delivered:
    raw, reader = look.settings.raw, reader_of(source, table)
    mark = reader.mark(look, source, table, catalogues)
    if mark is None:
        return _not_listed(raw, source, table, previous)
    state = archive.load_state(raw, source.bron, table.tabel)
    if previous is not None and state.kenmerk == mark:
        archive.accept(raw, previous, mark)
        return Delivered(source, table, previous, "actueel")
    snapshot = reader.fetch(look, source, table, previous)
    archive.accept(raw, snapshot, mark)
    return Delivered(source, table, snapshot, "actueel", fetched=True)


@dataclass(frozen=True)
class Reader:
    """How one protocol is read. A new protocol is an entry of READERS; a declaration chooses it by name.

    `mark` gives what the service says of a table now (unchanged means: do not fetch), or None when it does not list the table.
    `fetch` brings the whole table into the archive or raises SourceUnreachable or SourceChanged. `newest_year` reads the newest
    peiljaar of an archived delivery.
    """

    mark: Callable[[Look, Source, Table, Catalogues], str | None]
    fetch: Callable[[Look, Source, Table, Snapshot | None], Snapshot]
    newest_year: Callable[[Source, Table, Snapshot], int | None]
    catalogued: bool
    """True when one request for the host's catalogue tells which tables changed."""


def reader_of(source: Source, table: Table) -> Reader:
    """The reader that is declared for a table; UsageError for a protocol that does not exist."""
    protocol = source.service(table).protocol
    try:
        return READERS[protocol]
    except KeyError:
        known = ", ".join(sorted(READERS))
        raise UsageError(f"there is no protocol '{protocol}'", where=f"{source.bron}.yaml", todo=f"Choose from {known}") from None


def _odata_mark(_look: Look, source: Source, table: Table, catalogues: Catalogues) -> str | None:
    entry = catalogues.entry(source, table)
    return None if entry is None else entry.gewijzigd


def _odata_fetch(look: Look, source: Source, table: Table, previous: Snapshot | None) -> Snapshot:
    settings = look.settings
    return odata_v3.fetch(
        look.network(),
        settings.urls[source.service(table).dienst],
        source,
        table,
        raw=settings.raw,
        scratch=settings.build,
        previous=previous,
        progress=look.progress,
    )


def _ogc_mark(look: Look, source: Source, table: Table, _catalogues: Catalogues) -> str | None:
    return ogc.fingerprint(look.network(), look.settings.urls[source.service(table).dienst], source, table)


def _ogc_fetch(look: Look, source: Source, table: Table, _previous: Snapshot | None) -> Snapshot:
    settings = look.settings
    return ogc.fetch(
        look.network(),
        settings.urls[source.service(table).dienst],
        source,
        table,
        raw=settings.raw,
        scratch=settings.build,
        progress=look.progress,
    )


READERS: Mapping[str, Reader] = {
    "odata_v3": Reader(_odata_mark, _odata_fetch, odata_v3.newest_year, catalogued=True),
    "ogc_features": Reader(_ogc_mark, _ogc_fetch, ogc.newest_year, catalogued=False),
}


def _not_listed(raw: Path, source: Source, table: Table, previous: Snapshot | None) -> Delivered:
    warning = f"{source.bron} {table.tabel}: the catalogue of the host does not list this table."
    archive.record_fault(raw, source.bron, table.tabel, warning)
    if previous is not None:
        return Delivered(source, table, previous, "verouderd", f"{warning} The figures fetched at {previous.opgehaald} stand.")
    return Delivered(source, table, None, "niet_geleverd", f"{warning} It counts as not delivered.")
