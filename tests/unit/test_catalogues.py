"""The catalogue of a host: one look before its tables, and closing looks that the tables which wait for them share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from beeld.errors import SourceUnreachable
from beeld.sources import catalogues, odata_v3
from beeld.sources.catalogues import Catalogues
from beeld.sources.odata_v3 import CatalogueEntry
from tests.reliability.regional import source

TABLES = [f"T{number}" for number in range(6)]
DECLARED = source(*({"tabel": name, "peiljaar": 2010 + number} for number, name in enumerate(TABLES)))


def entries(number: int) -> dict[str, CatalogueEntry]:
    """What look `number` says: its own number as Modified."""
    return {name.lower(): CatalogueEntry(name, name, str(number), 7) for name in TABLES}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The looks so far, whose answers are `entries`."""
    looks: list[int] = []

    def look(*_: object) -> dict[str, CatalogueEntry]:
        looks.append(len(looks) + 1)
        return entries(len(looks))

    monkeypatch.setattr(odata_v3, "catalogue", look)
    return looks


def made() -> Catalogues:
    """Catalogues that ask nobody."""
    urls = dict.fromkeys([DECLARED.service(table).dienst for table in DECLARED.tabellen], "http://127.0.0.1")
    asking: Any = SimpleNamespace(settings=SimpleNamespace(urls=urls), network=lambda: None)
    return Catalogues(cast("catalogues.Asking", asking))


def test_one_first_look_and_a_closing_look_that_is_newer(asked: list[int]) -> None:
    found, (table, *_) = made(), DECLARED.tabellen
    for each in DECLARED.tabellen:
        assert found.entry(DECLARED, each) == CatalogueEntry(each.tabel, each.tabel, "1", 7)
    with found.reading(DECLARED, table):
        closed = found.closing(DECLARED, table, patient=True)
    assert closed is not None
    assert closed.gewijzigd == "2"
    assert asked == [1, 2]


def test_patient_tables_are_closed_by_one_look_that_begins_after_the_last_of_them(asked: list[int]) -> None:
    found, together = made(), threading.Barrier(len(TABLES))

    def fetch(number: int) -> str:
        table = DECLARED.tabellen[number]
        with found.reading(DECLARED, table):
            together.wait()
            closed = found.closing(DECLARED, table, patient=True)
        assert closed is not None
        return closed.gewijzigd

    with ThreadPoolExecutor(len(TABLES)) as pool:
        assert [*pool.map(fetch, range(len(TABLES)))] == ["1"] * len(TABLES)
    assert asked == [1]


def test_a_table_that_ends_in_a_fault_is_not_waited_for(asked: list[int]) -> None:
    found, together = made(), threading.Barrier(2)

    def fails() -> None:
        with found.reading(DECLARED, DECLARED.tabellen[0]):
            together.wait()
            raise SourceUnreachable("is down")

    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(fails)
        with found.reading(DECLARED, DECLARED.tabellen[1]):
            together.wait()
            assert found.closing(DECLARED, DECLARED.tabellen[1], patient=True) is not None
        with pytest.raises(SourceUnreachable):
            failing.result()
    assert asked == [1]


def test_a_look_that_was_under_way_already_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is complete while a look is on its way might have changed since that look began."""
    looks: list[int] = []
    waits: list[str] = []
    closed: dict[str, str] = {}
    found, wait = made(), threading.Condition.wait

    def noted(condition: threading.Condition, timeout: float | None = None) -> bool:
        waits.append(threading.current_thread().name)
        return wait(condition, timeout)

    def look(*_: object) -> dict[str, CatalogueEntry]:
        looks.append(len(looks) + 1)
        number = len(looks)
        if number == 1:
            second.start()
            while "second" not in waits:
                threading.Event().wait(0.001)
        return entries(number)

    def close(number: int) -> None:
        table = DECLARED.tabellen[number]
        with found.reading(DECLARED, table):
            entry = found.closing(DECLARED, table, patient=False)
        closed[table.tabel] = entry.gewijzigd if entry is not None else ""

    second = threading.Thread(target=close, args=(1,), name="second")
    monkeypatch.setattr(threading.Condition, "wait", noted)
    monkeypatch.setattr(odata_v3, "catalogue", look)
    close(0)
    second.join()
    assert closed == {"T0": "1", "T1": "2"}


def test_what_a_closing_look_raises_is_raised_for_every_table_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_: object) -> dict[str, CatalogueEntry]:
        raise SourceUnreachable("is down")

    monkeypatch.setattr(odata_v3, "catalogue", look)
    found, together = made(), threading.Barrier(2)

    def closed(number: int) -> None:
        table = DECLARED.tabellen[number]
        with found.reading(DECLARED, table):
            together.wait()
            found.closing(DECLARED, table, patient=True)

    with ThreadPoolExecutor(2) as pool:
        for failing in [pool.submit(closed, number) for number in (0, 1)]:
            with pytest.raises(SourceUnreachable, match="is down"):
                failing.result()
