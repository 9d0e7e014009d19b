"""What moved at the sources since the last good look, by their catalogues alone. No Dagster in here."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from beeld.errors import BeeldError
from beeld.settings import Settings
from beeld.sources.declarations import Source, Table

if TYPE_CHECKING:
    from beeld.sources.fetch import Catalogues

PATIENCE = 6.0
"""Seconds per try: five tries with their pauses stay within the minute that Dagster gives a sensor."""


@dataclass(frozen=True)
class Glance:
    """Tables whose Modified is not that of the last good look (table -> Modified), and what could not be seen."""

    moved: Mapping[str, str]
    faults: tuple[str, ...]


def glance(settings: Settings, sources: Mapping[str, Source]) -> Glance:
    """One request to each OData host, side by side; nothing is fetched and nothing is written.

    A table that the catalogue does not list has not moved. Boundaries have no catalogue: the monthly refresh looks at those.
    """
    from beeld.sources.fetch import Catalogues, Look, looked_at, reader_of
    from beeld.sources.http import open_client

    hosts: dict[str, list[tuple[Source, Table]]] = {}
    for name, source in sources.items():
        allowed = settings.only_sources is None or name in settings.only_sources
        for table in looked_at(settings, source) if allowed and name not in settings.switched_off else ():
            if reader_of(source, table).catalogued:
                hosts.setdefault(source.service(table).dienst, []).append((source, table))
    if not hosts:
        return Glance({}, ())
    with open_client(only_here=settings.redirected) as client, ThreadPoolExecutor(len(hosts)) as pool:
        client.timeout = PATIENCE
        catalogues = Catalogues(Look(settings, client))
        seen = list(pool.map(_glance_at_host, repeat(settings), hosts.values(), repeat(catalogues)))
    moved = {table: mark for part in seen for table, mark in part.moved.items()}
    return Glance(dict(sorted(moved.items())), tuple(fault for part in seen for fault in part.faults))


def _glance_at_host(settings: Settings, tables: list[tuple[Source, Table]], catalogues: Catalogues) -> Glance:
    from beeld.sources import archive

    moved: dict[str, str] = {}
    try:
        for source, table in tables:
            entry = catalogues.entry(source, table)
            if entry and entry.gewijzigd != archive.load_state(settings.raw, source.bron, table.tabel).kenmerk:
                moved[table.tabel] = entry.gewijzigd
    except BeeldError as error:
        return Glance(moved, (error.message,))
    return Glance(moved, ())
