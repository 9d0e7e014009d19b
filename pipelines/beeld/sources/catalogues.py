"""What the catalogue of each OData host says: read once before its tables are looked at, and again to close what was fetched.

The closing look tells whether a table changed while it was read (RELIABILITY.md F19). It begins after the last page of the table,
and the tables that wait for it share it: one request for a host instead of one for each table.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from beeld.errors import BeeldError, SourceUnreachable
from beeld.settings import Settings
from beeld.sources import odata_v3, odata_v4
from beeld.sources.declarations import Source, Table
from beeld.sources.odata_v3 import CatalogueEntry

Entries = Mapping[str, CatalogueEntry]


class Asking(Protocol):
    """Who asks: with which addresses, and by which client."""

    @property
    def settings(self) -> Settings:
        """The addresses of the hosts."""
        ...

    def network(self) -> httpx.Client:
        """The client; raises where the network may not be used."""
        ...


@dataclass
class _Host:
    """One catalogue: the first look at it, and the closing looks, which are numbered."""

    turn: threading.Condition = field(default_factory=threading.Condition)
    first: Entries | BeeldError | None = None
    last: Entries | BeeldError = field(default_factory=dict[str, CatalogueEntry])
    begun: int = 0
    done: int = 0
    under_way: int = 0
    """Tables of which something may still be asked."""
    waiting: int = 0
    """Those among them that wait for a closing look."""


class Catalogues:
    """The catalogue of each OData host during one refresh; a host that fails is remembered as failing."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._guard = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def entry(self, source: Source, table: Table) -> CatalogueEntry | None:
        """What the first look at the host's catalogue says of a table, None when it does not list it. Raises what that raised."""
        host = self._host(source, table)
        with host.turn:  # tables of one host wait for the one that reads the catalogue
            if host.first is None:
                host.first = self._look(source, table)
            return _found(host.first, source, table)

    @contextmanager
    def reading(self, source: Source, table: Table) -> Generator[None]:
        """The table is under way while the block runs; patient closing looks wait for it."""
        host = self._host(source, table)
        with host.turn:
            host.under_way += 1
        try:
            yield
        finally:
            with host.turn:
                host.under_way -= 1
                host.turn.notify_all()

    def closing(self, source: Source, table: Table, *, patient: bool) -> CatalogueEntry | None:
        """What a look that begins from now on says of a table that is under way (`reading`); raises what that look raised.

        A `patient` table lets the look wait until no table of the host has anything else to ask: few rows of many tables are
        closed by one request. Otherwise it begins when the one before it has ended.
        """
        host = self._host(source, table)
        with host.turn:
            needed = host.begun + 1
            host.waiting += 1
            host.turn.notify_all()
            try:
                while host.done < needed:
                    ready = host.waiting >= host.under_way or not patient
                    if host.begun == host.done and ready:
                        self._close(host, source, table)
                    else:
                        host.turn.wait()
                return _found(host.last, source, table)
            finally:
                host.waiting -= 1

    def _close(self, host: _Host, source: Source, table: Table) -> None:
        """One closing look; called with the turn of the host, which others may have while it is under way."""
        found: Entries | BeeldError = SourceUnreachable("the closing look broke off", where=f"{source.bron} catalogue")
        host.begun += 1
        host.turn.release()
        try:
            found = self._look(source, table)
        finally:
            host.turn.acquire()
            host.last, host.done = found, host.begun
            host.turn.notify_all()

    def _host(self, source: Source, table: Table) -> _Host:
        service = source.service(table)
        key = f"{service.dienst} {service.pad}" if service.protocol in odata_v4.PROTOCOLS else service.dienst
        with self._guard:
            return self._hosts.setdefault(key, _Host())

    def _look(self, source: Source, table: Table) -> Entries | BeeldError:
        service = source.service(table)
        base, where = self._asking.settings.urls[service.dienst], f"{source.bron} catalogue"
        try:
            if service.protocol in odata_v4.PROTOCOLS:
                return odata_v4.catalogue(self._asking.network(), base, where, service.pad)
            return odata_v3.catalogue(self._asking.network(), base, where)
        except BeeldError as error:
            return error


def _found(entries: Entries | BeeldError, source: Source, table: Table) -> CatalogueEntry | None:
    if isinstance(entries, BeeldError):
        raise entries
    v4 = source.service(table).protocol in odata_v4.PROTOCOLS
    return entries.get(table.tabel if v4 else table.tabel.lower())
