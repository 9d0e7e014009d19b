"""What every refresh begins with: look at each source, fetch what changed, keep the last good delivery where a source fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx

from beeld.errors import BeeldError, DeliveryRefused, SourceChanged, SourceUnreachable, UsageError
from beeld.settings import Settings
from beeld.sources import archive, journal, odata_v3, odata_v3_fetch, odata_v4, odata_v4_lists, web
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.progress import TableProgress
from beeld.sources.rowcheck import Receive, nobody
from beeld.sources.side_by_side import Interrupted, run_side_by_side
from beeld.sources.structure import Structure

Progress = Callable[[str], None]
Judge = Callable[[Source, Table, Snapshot, Snapshot | None], None]
TABLES_AT_ONCE = 5
"""Tables of one host at a time: while one is judged, the two requests that a host allows (polite.PER_HOST) are for the others."""

SUPERSEDED = "vervangen"
"""Status of an edition that nobody looks at, because a better one was delivered."""


@dataclass(frozen=True)
class Delivered:
    """How one declared table stands after a look at the source: its snapshot (None: never delivered) and what went wrong."""

    source: Source
    table: Table
    snapshot: Snapshot | None
    status: str
    """actueel, verouderd (the last look failed, the last good delivery stands), niet_geleverd, or vervangen (SUPERSEDED)."""
    warning: str = ""
    fetched: bool = False
    listed: bool = True
    """False: the catalogue of the host does not list the table, and it was never delivered."""
    refused: bool = False
    """True: a dropped file was refused; nothing of it was stored."""
    transient: bool = False
    """True: the last look failed for a reason that may be gone in a minute."""


@dataclass(frozen=True)
class Look:
    """How to look at the sources: the client, whether the network may be used, and whether every fault is fatal."""

    settings: Settings
    client: httpx.Client | None
    strict: bool = False
    progress: Progress = lambda _message: None
    report: Callable[[TableProgress], None] | None = None
    """Who watches each table; without a watcher the same goes to `progress` as text."""
    gemeenten: tuple[str, ...] | None = None
    """The gemeenten to fetch of tables that are not needed for all of the Netherlands (`Table.landelijk`); None: all."""
    mark: str = ""
    """What the service says of the table at hand."""
    judge: Judge = lambda _source, _table, _snapshot, _previous: None
    """Raises SourceChanged for a complete delivery that may not take the place of the previous one."""
    receive: Receive = nobody
    """Who wants the cells of a table as they come."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the run is interrupted: the tables at hand end at the next page."""

    def watched(self, event: TableProgress) -> None:
        """Tell how far a table is; ends the fetch when the run was interrupted."""
        if self.stop.is_set():
            raise Interrupted
        if self.report is None:
            self.progress(str(event))
        else:
            self.report(event)

    def network(self) -> httpx.Client:
        """The client; only asked for when the network may be used."""
        if self.client is None:
            raise SourceUnreachable("the network may not be used (offline)")
        return self.client


Choice = Callable[[Sequence[Delivered]], "tuple[str, ...] | None"]
"""Which gemeenten are asked for, given how the tables of the whole country stand; None: all of them."""
Outcome = tuple[list[Delivered], list[BeeldError]]


def deliveries(look: Look, sources: Mapping[str, Source], choose: Choice = lambda _found: None) -> list[Delivered]:
    """The state of every declared table of every source that is switched on, after fetching what changed.

    Several tables are fetched at a time; results and faults come in the order of the declarations. Tables that are needed only
    for the gemeenten of `choose` come after the others. Raises SourceUnreachable or SourceChanged for a required table without
    an earlier snapshot, after all other sources have had their turn (with `strict`: for any table).
    """
    lots = [(source, tables) for source in _switched_on(look.settings, sources) for tables in _lots(source)]
    catalogues = Catalogues(look)
    whole = [number for number, (_, tables) in enumerate(lots) if any(table.landelijk for table in tables)]
    part = [number for number in range(len(lots)) if number not in whole]
    outcomes: dict[int, Outcome] = dict(zip(whole, _fetched(look, [lots[n] for n in whole], catalogues), strict=True))
    if part:
        if look.client is not None:
            look = replace(look, gemeenten=choose([item for number in whole for item in outcomes[number][0]]))
        outcomes |= zip(part, _fetched(look, [lots[n] for n in part], catalogues), strict=True)
    faults = [fault for number in range(len(lots)) for fault in outcomes[number][1]]
    if faults:
        raise _all_in_one(faults)
    return [item for number in range(len(lots)) for item in outcomes[number][0]]


def _lots(source: Source) -> list[tuple[Table, ...]]:
    """The tables that can be fetched apart: each on its own, but editions one after the other."""
    if source.edities:
        return [source.tabellen] if source.tabellen else []  # the embedded example leaves out what it does not deliver
    return [(table,) for table in source.tabellen]


def _fetched(look: Look, lots: Sequence[tuple[Source, tuple[Table, ...]]], catalogues: Catalogues) -> list[Outcome]:
    """How each lot of tables stands, in the order of the lots; side by side where the network may be used."""
    if look.client is None:
        return [_of_source(look, source, tables, catalogues) for source, tables in lots]
    jobs = [(source.service(tables[0]).dienst, partial(_of_source, look, source, tables, catalogues)) for source, tables in lots]
    outcomes: list[Outcome] = []
    for outcome in run_side_by_side(jobs, TABLES_AT_ONCE, look.stop):
        if isinstance(outcome, Exception):
            raise outcome
        outcomes.append(outcome)
    return outcomes


def _of_source(look: Look, source: Source, tables: Sequence[Table], catalogues: Catalogues) -> Outcome:
    """How these tables of one source stand, and the faults that are fatal.

    Editions are asked for best first; once one was delivered the others are superseded and not looked at. A fault in an edition
    is no more than a warning when another edition stands (with `strict` it stays a fault).
    """
    results: list[Delivered] = []
    faults: list[BeeldError] = []
    for table in tables:
        if source.edities and any(item.snapshot for item in results):
            results.append(Delivered(source, table, None, SUPERSEDED))
            continue
        try:
            results.append(delivery(look, source, table, catalogues))
        except (SourceUnreachable, SourceChanged, DeliveryRefused) as error:
            faults.append(error)
            results.append(Delivered(source, table, None, "niet_geleverd", error.message))
    if source.edities and not look.strict and any(item.snapshot for item in results):
        return results, []
    return results, faults


def _all_in_one(faults: Sequence[BeeldError]) -> BeeldError:
    """The first fault, which decides the exit code, followed by what else went wrong."""
    first, *others = faults
    if not others:
        return first
    whole = type(first)(
        first.what, where=first.where, kept=first.kept, todo=" Also: ".join([first.todo, *(f.message for f in others)])
    )
    whole.transient = all(fault.transient for fault in faults)
    return whole


def _switched_on(settings: Settings, sources: Mapping[str, Source]) -> Iterable[Source]:
    return [source for name, source in sources.items() if name not in settings.switched_off]


def looked_at(settings: Settings, source: Source) -> tuple[Table, ...]:
    """The tables of a source whose news counts: a superseded edition has none."""
    return source.considered(lambda table: archive.current_snapshot(settings.raw, source.bron, table.tabel) is not None)


class Catalogues:
    """The catalogue of each OData host, read at most once per refresh; a host that fails is remembered as failing."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._read: dict[str, dict[str, odata_v3.CatalogueEntry] | BeeldError] = {}
        self._guard = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    def entry(self, source: Source, table: Table) -> odata_v3.CatalogueEntry | None:
        """What the host's catalogue says of a table, None when it does not list it. Raises what reading the catalogue raised."""
        service = source.service(table)
        v4 = service.protocol in odata_v4.PROTOCOLS
        key = f"{service.dienst} {service.pad}" if v4 else service.dienst
        with self._guard:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:  # tables of one host wait for the one that reads the catalogue
            known = self._read.get(key)
            if known is None:
                base, where = self._look.settings.urls[service.dienst], f"{source.bron} catalogue"
                try:
                    if v4:
                        known = odata_v4.catalogue(self._look.network(), base, where, service.pad)
                    else:
                        known = odata_v3.catalogue(self._look.network(), base, where)
                except BeeldError as error:
                    known = error
                self._read[key] = known
        if isinstance(known, BeeldError):
            raise known
        return known.get(table.tabel if v4 else table.tabel.lower())


def delivery(look: Look, source: Source, table: Table, catalogues: Catalogues) -> Delivered:
    """Look at one table and fetch it when it changed; on a fault the last good snapshot stands, with a warning."""
    raw = look.settings.raw
    previous = archive.current_snapshot(raw, source.bron, table.tabel)
    only = look.settings.only_sources
    if look.client is None or (only is not None and source.bron not in only):
        return _from_archive(raw, source, table, previous)
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
        refused = isinstance(fault, DeliveryRefused)
        return Delivered(
            source,
            table,
            previous,
            status,
            f"{fault.message} {kept[0].upper()}{kept[1:]}.",
            refused=refused,
            transient=fault.transient,
        )


def _from_archive(raw: Path, source: Source, table: Table, previous: Snapshot | None) -> Delivered:
    """As the last look at the source left it."""
    if previous is None:
        return Delivered(source, table, None, "niet_geleverd")
    stale = archive.load_state(raw, source.bron, table.tabel).laatste_fout
    return Delivered(source, table, previous, "verouderd" if stale else "actueel")


def _as_source_fault(error: BeeldError, source: Source, table: Table) -> BeeldError:
    """Every fault names source and table, also one that arose while reading the host's catalogue."""
    kind = next((kind for kind in (SourceChanged, DeliveryRefused) if isinstance(error, kind)), SourceUnreachable)
    where = error.where if table.tabel in error.where else f"{source.bron} {table.tabel} ({error.where or 'source'})"
    fault = kind(error.what, where=where, kept=error.kept, todo=error.todo)
    fault.transient = error.transient
    return fault


def _look_at(look: Look, source: Source, table: Table, previous: Snapshot | None, catalogues: Catalogues) -> Delivered:
    raw, reader = look.settings.raw, reader_of(source, table)
    mark = reader.mark(look, source, table, catalogues)
    if mark is None:
        return _not_listed(raw, source, table, previous)
    state = archive.load_state(raw, source.bron, table.tabel)
    look = replace(look, gemeenten=_asked(look, table, previous), mark=mark)
    if previous is not None and state.kenmerk == mark and _covers(previous, look.gemeenten):
        archive.accept(raw, previous, mark, state.meldingen)
        journal.discard(look.settings.build, source.bron, table.tabel)
        return Delivered(source, table, previous, "actueel")
    known = archive.snapshot_names(raw, source.bron, table.tabel)
    snapshot = fetched(look, source, table, previous)
    try:
        look.judge(source, table, snapshot, previous)
    except SourceChanged as error:
        if snapshot.folder.name not in known:
            archive.quarantine(look.settings.home, snapshot, error.message)
        raise
    notices = _notices(raw, source, table, snapshot, previous)
    archive.accept(raw, snapshot, mark, notices)
    look.watched(TableProgress(f"{source.bron} {table.tabel}", snapshot.rijen, 0, 0, done=True))
    said = f"{source.bron} {table.tabel}: {'; '.join(notices)}." if notices else ""
    return Delivered(source, table, snapshot, "actueel", said, fetched=True)


def fetched(look: Look, source: Source, table: Table, previous: Snapshot | None) -> Snapshot:
    """The table in the archive, with what a fetch that broke off left; where that is stale everything is asked for again.

    Raises SourceUnreachable (what was received is kept for the next time) or SourceChanged (nothing is kept).
    """
    bring, scratch = reader_of(source, table).fetch, look.settings.build
    try:
        try:
            snapshot = bring(look, source, table, previous)
        except journal.Stale:
            journal.discard(scratch, source.bron, table.tabel)
            snapshot = bring(look, source, table, previous)
    except SourceChanged:
        journal.discard(scratch, source.bron, table.tabel)
        raise
    journal.discard(scratch, source.bron, table.tabel)  # what another way to the table left
    return snapshot


def _notices(raw: Path, source: Source, table: Table, snapshot: Snapshot, previous: Snapshot | None) -> tuple[str, ...]:
    """What to know of an accepted delivery, held against one from the same address that today's declarations can read."""
    if previous is not None and previous.sha256 == snapshot.sha256:
        return archive.load_state(raw, source.bron, table.tabel).meldingen
    reader, before = reader_of(source, table), None
    if previous is not None and previous.url == snapshot.url:
        with suppress(SourceChanged):
            before = reader.structure(source, table, previous)
    return reader.structure(source, table, snapshot).notices(before)


def _asked(look: Look, table: Table, previous: Snapshot | None) -> tuple[str, ...] | None:
    """The gemeenten to have of a table; None: all. Never fewer than the snapshot in use has."""
    if table.landelijk or look.gemeenten is None or (previous is not None and previous.gemeenten is None):
        return None
    before = previous.gemeenten if previous is not None and previous.gemeenten is not None else ()
    return tuple(sorted({*look.gemeenten, *before}))


def _covers(snapshot: Snapshot, gemeenten: tuple[str, ...] | None) -> bool:
    """True when a snapshot has every gemeente that is asked for."""
    return snapshot.gemeenten is None or (gemeenten is not None and set(gemeenten) <= set(snapshot.gemeenten))


@dataclass(frozen=True)
class Reader:
    """How one protocol is read. A new protocol is an entry of READERS; a declaration chooses it by name.

    `mark` gives what the service says of a table now (unchanged means: do not fetch), or None when it does not list the table.
    `fetch` brings the whole table into the archive or raises SourceUnreachable, SourceChanged, or Stale for what an earlier fetch
    left. `newest_year` reads the newest peiljaar of an archived delivery, `structure` its columns.
    """

    mark: Callable[[Look, Source, Table, Catalogues], str | None]
    fetch: Callable[[Look, Source, Table, Snapshot | None], Snapshot]
    newest_year: Callable[[Source, Table, Snapshot], int | None]
    structure: Callable[[Source, Table, Snapshot], Structure]
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
    return odata_v3_fetch.fetch(
        look.network(),
        settings.urls[source.service(table).dienst],
        source,
        table,
        raw=settings.raw,
        scratch=settings.build,
        previous=previous,
        report=look.watched,
        state=look.mark,
        gemeenten=look.gemeenten,
        receive=look.receive,
    )


def _v4_fetch(look: Look, source: Source, table: Table, previous: Snapshot | None) -> Snapshot:
    settings = look.settings
    return odata_v4.fetch(
        look.network(),
        settings.urls[source.service(table).dienst],
        source,
        table,
        raw=settings.raw,
        scratch=settings.build,
        previous=previous,
        report=look.watched,
    )


def _web_mark(look: Look, source: Source, table: Table, _catalogues: Catalogues) -> str | None:
    return web.mark(_reach(look), source, table)


def _web_fetch(look: Look, source: Source, table: Table, previous: Snapshot | None) -> Snapshot:
    return web.fetch(_reach(look), source, table, previous)


def _reach(look: Look) -> web.Reach:
    return web.Reach(look.network(), look.settings, look.progress, look.mark)


READERS: Mapping[str, Reader] = {
    "odata_v3": Reader(_odata_mark, _odata_fetch, odata_v3.newest_year, odata_v3.structure, catalogued=True),
    **{
        name: Reader(_odata_mark, _v4_fetch, odata_v4_lists.newest_year, odata_v4_lists.structure, catalogued=True)
        for name in odata_v4.PROTOCOLS
    },
    **{name: Reader(_web_mark, _web_fetch, web.newest_year, web.structure, catalogued=False) for name in web.WAYS},
}


def _not_listed(raw: Path, source: Source, table: Table, previous: Snapshot | None) -> Delivered:
    if table.dropped and previous is None:  # no folder for it: nobody delivers it here, which is no news
        return Delivered(source, table, None, "niet_geleverd")
    why = "its folder is gone from the home" if table.dropped else "the catalogue of the host does not list this table"
    warning = f"{source.bron} {table.tabel}: {why}."
    archive.record_fault(raw, source.bron, table.tabel, warning)
    if previous is not None:
        return Delivered(source, table, previous, "verouderd", f"{warning} The figures fetched at {previous.opgehaald} stand.")
    return Delivered(source, table, None, "niet_geleverd", f"{warning} It counts as not delivered.", listed=False)


def warnings_of(delivered: Sequence[Delivered]) -> tuple[str, ...]:
    """What a user should know, a line each; the tables that no host lists share one line, because there may be dozens."""
    absent: dict[str, list[str]] = {}
    for item in delivered:
        if not item.listed:
            absent.setdefault(item.source.bron, []).append(item.table.tabel)
    lines = [item.warning for item in delivered if item.warning and item.listed]
    if absent:
        names = "; ".join(f"{source} {', '.join(tables)}" for source, tables in absent.items())
        lines.append(f"the host does not list, so counted as not delivered: {names}.")
    return tuple(lines)
