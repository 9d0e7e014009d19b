"""What is fresh and what is stale: per declared table the newest year, Modified, when it was fetched, and the last fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from beeld.settings import Settings
from beeld.sources import archive
from beeld.sources.fetch import SUPERSEDED, looked_at, reader_of
from beeld.transforms.catalog import Catalog


@dataclass(frozen=True)
class TableStatus:
    """One row of `beeld status`; the JSON shape of CONTRACT.md."""

    bron: str
    tabel: str
    peiljaar: int | None
    gewijzigd: str | None
    opgehaald: str | None
    leeftijd_dagen: int | None
    status: str
    laatste_fout: str | None


def table_statuses(settings: Settings, catalog: Catalog) -> Iterator[TableStatus]:
    """The state of every declared table, from the archive alone."""
    for source in catalog.sources.values():
        used = looked_at(settings, source)
        for table in source.tabellen:
            state = archive.load_state(settings.raw, source.bron, table.tabel)
            snapshot = archive.current_snapshot(settings.raw, source.bron, table.tabel)
            status = "niet_geleverd" if snapshot is None else "verouderd" if state.laatste_fout else "actueel"
            status = status if table in used else SUPERSEDED
            yield TableStatus(
                source.bron,
                table.tabel,
                reader_of(source, table).newest_year(source, table, snapshot) if snapshot else None,
                (snapshot.gewijzigd or None) if snapshot else None,
                snapshot.opgehaald if snapshot else None,
                _days_since(snapshot.opgehaald) if snapshot else None,
                status,
                state.laatste_fout or None,
            )


def notices(settings: Settings) -> Iterator[str]:
    """What a user should know of deliveries that were accepted: columns that are new, columns whose series ended; a line each."""
    for bron, tabel, state in archive.all_states(settings.raw):
        for notice in state.meldingen:
            yield f"{bron} {tabel}: {notice}."


def _days_since(stamp: str) -> int:
    return (datetime.now(UTC) - datetime.fromisoformat(stamp.replace("Z", "+00:00"))).days
