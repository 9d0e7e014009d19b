"""Web sources in a whole look: fetched once, not again when nothing changed, kept when they fail, rebuilt without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from beeld.sources import archive
from beeld.sources.fetch import Delivered, Look, deliveries, reader_of
from tests.unit.web_samples import DECLARED, Web, opened

NAMES = ("eindhoven", "leefbaarometer", "leefbaarometer_reeks", "pdok_wijken_buurten")
SOURCES = {name: DECLARED[name] for name in NAMES}
TABLES = [table.tabel for name in NAMES for table in DECLARED[name].tabellen]


@pytest.fixture
def web(tmp_path: Path, fast_retries: list[float]) -> Iterator[Web]:
    """The samples on a server; waiting takes no time."""
    with opened(tmp_path) as found:
        yield found


def look(web: Web, *, strict: bool = False, offline: bool = False) -> list[Delivered]:
    """What a refresh would find."""
    return deliveries(Look(web.settings, None if offline else web.client, strict, web.said.append), SOURCES)


def test_everything_is_fetched_once(web: Web) -> None:
    first = look(web, strict=True)
    assert [(item.table.tabel, item.status, item.fetched) for item in first] == [(name, "actueel", True) for name in TABLES]
    web.server.clear_log()
    again = look(web)
    assert [(item.status, item.fetched) for item in again] == [("actueel", False)] * len(TABLES)
    assert web.server.data_page_requests() == []
    assert [(item.snapshot, item.status) for item in look(web, offline=True)] == [(item.snapshot, "actueel") for item in first]


def test_a_new_month_asks_again_and_the_same_figures_are_the_same_snapshot(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells no date is asked again once a month; what it says then is held against what is kept."""
    first = {item.table.tabel: item.snapshot for item in look(web)}
    monkeypatch.setattr(archive, "now", lambda: "2027-01-03T00:00:00Z")
    again = look(web)
    assert {item.table.tabel for item in again if item.fetched} == {
        table.tabel for name in ("leefbaarometer", "pdok_wijken_buurten") for table in DECLARED[name].tabellen
    }
    assert {item.table.tabel: item.snapshot and item.snapshot.sha256 for item in again} == {
        name: snapshot and snapshot.sha256 for name, snapshot in first.items()
    }


@pytest.mark.bronfout
def test_one_dead_host_leaves_the_others(web: Web) -> None:
    look(web)
    for name in ("leefbaarometer", "eindhoven"):
        web.server.down(name)
    found = {item.table.tabel: item for item in look(web)}
    assert {name for name, item in found.items() if item.status == "verouderd"} == {
        "selectiontableasjsonashx",
        "gemeentescore24",
        "wijkscore24",
        "buurtscore24",
    }
    assert all(item.snapshot is not None for item in found.values())
    assert "leefbaarometer buurtscore24" in found["buurtscore24"].warning


def test_a_dataset_that_was_taken_off_is_not_delivered_and_no_fault(web: Web) -> None:
    """404 is an answer: with `strict` too, a table that does not exist is a warning (CONTRACT.md)."""
    web.server.fault("status", "datasets/selectiontableasjsonashx", code=404)
    (found,) = [item for item in look(web, strict=True) if item.source.bron == "eindhoven"]
    assert (found.status, found.snapshot) == ("niet_geleverd", None)
    assert "eindhoven selectiontableasjsonashx" in found.warning


@pytest.mark.parametrize("bron", NAMES)
def test_the_newest_year_of_every_delivery_is_known(web: Web, bron: str) -> None:
    source = DECLARED[bron]
    for table in source.tabellen:
        year = reader_of(source, table).newest_year(source, table, web.fetch(source, table.tabel))
        assert year == (2023 if bron == "eindhoven" else 2024)


def test_no_web_source_is_required() -> None:
    """What was never tested against its live service may not stop a release."""
    assert [name for name in NAMES if DECLARED[name].verplicht] == []


def test_a_source_switched_off_is_not_looked_at(web: Web) -> None:
    web.settings = replace(web.settings, switched_off=frozenset(NAMES))
    assert look(web) == []
    assert web.server.log == []
