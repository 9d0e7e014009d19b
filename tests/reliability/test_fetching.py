"""Fetching several tables at a time, in part, and again where it broke off; never more than two requests to a host."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from beeld.errors import SourceChanged, SourceUnreachable
from beeld.settings import Settings
from beeld.sources import archive, fetch, journal, odata_v3
from beeld.sources.declarations import Source
from beeld.sources.fetch import Delivered, Look
from beeld.sources.http import open_client
from beeld.sources.progress import TableProgress
from beeld.warehouse import release
from tests.loopback import LoopbackServer
from tests.reliability import regional
from tests.reliability.killed import die_when
from tests.reliability.regional import BUURTEN, GEMEENTEN, MODIFIED, settings_for, source, write_table

ROOT = Path(__file__).parents[2]
DATA = r"(Untyped|Typed)DataSet\?"
ROWS = len(regional.codes())
OF_ONE = BUURTEN + 3
"""Rows of one gemeente: itself, its wijk, its buurten and the country."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[LoopbackServer]:
    """Three tables in pages of 50 rows: T1 and T2 as text, T3 as numbers only."""
    for table, data_set in (("T1", "UntypedDataSet"), ("T2", "UntypedDataSet"), ("T3", "TypedDataSet")):
        write_table(tmp_path / "bron", table, data_set)
    with LoopbackServer(tmp_path / "bron", page_size=50) as server:
        yield server


@pytest.fixture
def settings(served: LoopbackServer, tmp_path: Path, fast_retries: list[float]) -> Settings:
    """An empty home."""
    return settings_for(served, tmp_path / "data")


THREE = source(*({"tabel": f"T{number}", "peiljaar": 2010 + number} for number in (1, 2, 3)))
PART = source(
    {"tabel": "T1", "peiljaar": 2024, "indeling_jaar": 2024},
    {"tabel": "T2", "peiljaar": 2012, "landelijk": False},
    {"tabel": "T3", "peiljaar": 2013, "landelijk": False},
)


def look(
    settings: Settings, declared: Source, gemeenten: Sequence[str] | None = None, seen: list[TableProgress] | None = None
) -> list[Delivered]:
    """How the tables stand after a look; `gemeenten` are the ones asked for."""
    chosen = None if gemeenten is None else tuple(gemeenten)
    with open_client() as client:
        watching = Look(settings, client, report=None if seen is None else seen.append)
        return fetch.deliveries(watching, {declared.bron: declared}, lambda _found: chosen)


def rows_of(item: Delivered) -> list[str]:
    """The area codes of an archived delivery, in order."""
    assert item.snapshot is not None
    pages = odata_v3.read_rows(item.snapshot, odata_v3.data_set_of(item.snapshot))
    return [str(row[regional.REGION]).strip() for page in pages for row in page]


def pages_of(server: LoopbackServer, table: str) -> list[str]:
    """The data pages of a table that were asked for and delivered."""
    return [entry.query for entry in server.data_page_requests() if f"/{table}/" in entry.path and entry.status == 200]


# ---------------------------------------------------------------- lists of members and topics


def changed(tmp_path: Path, name: str, more: list[dict[str, object]]) -> None:
    """Add rows to an entity set of T1 that is served."""
    path = tmp_path / "bron" / "odata_v3" / regional.HOST / "T1" / f"{name}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["value"]
    path.write_text(json.dumps({"value": [*rows, *more]}), encoding="utf-8")


def test_a_member_on_two_pages_is_refused(served: LoopbackServer, settings: Settings, tmp_path: Path) -> None:
    """The first member once more on the last page, its cells in another order."""
    code = regional.codes()[0]
    changed(tmp_path, regional.REGION, [{"Description": "", "Title": f"Gebied {code}", "Key": code.ljust(10)}])
    with pytest.raises(SourceChanged, match=f"{regional.REGION} delivers a row twice"):
        look(settings, source({"tabel": "T1", "peiljaar": 2011}))


@pytest.mark.parametrize(("second", "refused"), [(902, False), (901, True)])
def test_groups_of_topics_have_no_keys(
    second: int, refused: bool, served: LoopbackServer, settings: Settings, tmp_path: Path
) -> None:
    """Two groups with the same empty key are two rows; the same group twice is one row too many."""
    group = {"odata.type": "Cbs.OData.TopicGroup", "Type": "TopicGroup", "Key": "", "Title": "Groep", "ParentID": None}
    changed(tmp_path, "DataProperties", [{**group, "ID": 901}, {**group, "ID": second}])
    declared = source({"tabel": "T1", "peiljaar": 2011})
    if refused:
        with pytest.raises(SourceChanged, match="DataProperties delivers a row twice"):
            look(settings, declared)
    else:
        assert [rows_of(item) for item in look(settings, declared)] == [regional.codes()]


# ---------------------------------------------------------------- several at a time


def test_tables_come_in_declared_order_and_complete(served: LoopbackServer, settings: Settings) -> None:
    seen: list[TableProgress] = []
    found = look(settings, THREE, seen=seen)
    assert [item.table.tabel for item in found] == ["T1", "T2", "T3"]
    assert [rows_of(item) for item in found] == [regional.codes()] * 3
    assert [item.snapshot.rijen for item in found if item.snapshot] == [ROWS] * 3
    assert [item.fetched for item in found] == [True] * 3
    assert {event.name for event in seen} == {"proef T1", "proef T2", "proef T3"}
    last = [event for event in seen if event.name == "proef T1" and not event.done][-1]
    assert (last.rows, last.expected, last.pages) == (ROWS, ROWS, -(-ROWS // 50))
    assert str(last).startswith(f"proef T1: {ROWS} rows of {ROWS}, ")
    assert not list(settings.build.iterdir()), "nothing is left of a fetch that went well"


def test_never_more_than_two_requests_to_one_host(served: LoopbackServer, settings: Settings) -> None:
    guard, now, most = threading.Lock(), 0, 0
    respond = served.respond

    def counted(request: object) -> object:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        try:
            return respond(request)  # type: ignore[arg-type]
        finally:
            with guard:
                now -= 1

    served.respond = counted  # type: ignore[method-assign, assignment]
    look(settings, THREE)
    assert most == 2


def test_nothing_changed_asks_for_the_catalogue_once_and_for_no_page(served: LoopbackServer, settings: Settings) -> None:
    look(settings, PART, GEMEENTEN[:1])
    served.clear_log()
    again = look(settings, PART, GEMEENTEN[:1])
    assert [item.fetched for item in again] == [False] * 3
    assert len(served.log) == 1
    assert served.log[0].path.endswith("/ODataCatalog/Tables")


def test_a_fault_in_one_leaves_the_others(served: LoopbackServer, settings: Settings) -> None:
    served.fault("html", DATA, table="T2")
    with pytest.raises(Exception, match=r"proef T2 UntypedDataSet page 1: answers something that is not JSON"):
        look(settings, THREE)
    assert archive.current_snapshot(settings.raw, "proef", "T1") is not None
    assert archive.current_snapshot(settings.raw, "proef", "T2") is None
    assert archive.current_snapshot(settings.raw, "proef", "T3") is not None


def test_faults_come_in_declared_order(served: LoopbackServer, settings: Settings) -> None:
    for table in ("T3", "T1"):
        served.fault("status", DATA, table=table, code=503)
    with pytest.raises(SourceUnreachable, match=r"(?s)proef T1.*Also:.*proef T3"):
        look(settings, THREE)


def test_an_interrupt_ends_the_run_promptly(served: LoopbackServer, tmp_path: Path) -> None:
    """SIGINT while both requests hang: the process is gone within seconds and the last state stands."""
    served.fault("delay", DATA, seconds=60)
    script = (
        "import json, signal, sys\nfrom pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a run in the background of a shell ignores it
        "from tests.reliability import test_fetching as t\nfrom beeld.settings import load_settings\n"
        "settings = load_settings({**json.loads(sys.argv[1]), 'BEELD_HOME': sys.argv[2]}, folder=Path(sys.argv[2]).parent)\n"
        "t.look(settings, t.THREE)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(served.environment), str(tmp_path / "data")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["pipelines", "."])},
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if len([entry for entry in served.log if "TableInfos" in entry.path or "DataProperties" in entry.path]) >= 2:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - started < 6
    assert "KeyboardInterrupt" in said
    assert process.returncode == -signal.SIGINT
    assert not (tmp_path / "data" / "ruw").exists()
    served.stopping.set()


# ---------------------------------------------------------------- again where it broke off


def test_a_fetch_that_broke_off_goes_on_at_the_failed_page(served: LoopbackServer, settings: Settings) -> None:
    one = source({"tabel": "T1", "peiljaar": 2011})
    served.fault("status", r"UntypedDataSet\?.*skip=150", code=503)
    with pytest.raises(SourceUnreachable, match="T1 UntypedDataSet page 4: answers 503"):
        look(settings, one)
    assert len(pages_of(served, "T1")) == 3
    assert archive.current_snapshot(settings.raw, "proef", "T1") is None
    release.sweep(settings)
    served.clear_faults()
    served.clear_log()
    (found,) = look(settings, one)
    assert [query.partition("skip=")[2] for query in pages_of(served, "T1")] == ["150", "200", "250"]
    assert rows_of(found) == regional.codes()
    assert not [entry for entry in served.log if "DataProperties" in entry.path], "the metadata were there too"
    assert found.snapshot is not None
    assert sorted(path.name for path in found.snapshot.folder.iterdir()) == sorted(
        [archive.SIDECAR, *(f"{document.naam}.json.gz" for document in found.snapshot.documenten)]
    )
    assert not list(settings.build.iterdir())

    fresh = replace(settings, home=settings.home.parent / "ander")
    (other,) = look(fresh, one)
    assert other.snapshot is not None
    assert other.snapshot.sha256 == found.snapshot.sha256, "the same delivery as in one go"


def broken_off(served: LoopbackServer, settings: Settings) -> Path:
    """A fetch of T1 that broke off at the fourth page; its folder."""
    served.fault("status", r"UntypedDataSet\?.*skip=150", code=503)
    with pytest.raises(SourceUnreachable):
        look(settings, source({"tabel": "T1", "peiljaar": 2011}))
    served.clear_faults()
    served.clear_log()
    folder = journal.place(settings.build, "proef", "T1")
    assert (folder / "UntypedDataSet-0003.json.gz").is_file()
    return folder


@pytest.mark.parametrize("damage", ["modified", "journal", "cut journal", "page", "page gone", "old"])
def test_what_is_not_whole_or_not_of_this_state_is_fetched_again(damage: str, served: LoopbackServer, settings: Settings) -> None:
    folder = broken_off(served, settings)
    lines = (folder / journal.JOURNAL).read_text(encoding="utf-8")
    page = folder / "UntypedDataSet-0002.json.gz"
    match damage:
        case "modified":
            served.set_modified("T1", "2026-02-02T02:00:00")
        case "journal":
            (folder / journal.JOURNAL).unlink()
        case "cut journal":
            (folder / journal.JOURNAL).write_text(lines[:-20], encoding="utf-8")
        case "page":
            raw = page.read_bytes()
            page.write_bytes(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])
        case "page gone":
            page.unlink()
        case _:
            os.utime(folder / journal.JOURNAL, (0, 0))
    release.sweep(settings)
    (found,) = look(settings, source({"tabel": "T1", "peiljaar": 2011}))
    assert rows_of(found) == regional.codes()
    expected = 4 if damage == "page gone" else 6
    assert len(pages_of(served, "T1")) == expected


def test_what_was_refused_is_not_kept(served: LoopbackServer, settings: Settings) -> None:
    served.fault("missing_page", table="T1")
    with pytest.raises(Exception, match="where it states"):
        look(settings, source({"tabel": "T1", "peiljaar": 2011}))
    assert not list(settings.build.iterdir())


def test_killed_between_two_pages_and_taken_up_by_the_next_process(served: LoopbackServer, settings: Settings) -> None:
    """SIGKILL while page 4 is on its way: nothing is archived, and the next run asks for no page twice."""
    hang = served.fault("delay", r"UntypedDataSet\?.*skip=150", seconds=60)
    die_when(lambda: hang.hits, lambda: look(settings, source({"tabel": "T1", "peiljaar": 2011})))
    assert archive.current_snapshot(settings.raw, "proef", "T1") is None
    served.clear_faults()
    served.clear_log()
    release.sweep(settings)
    (found,) = look(settings, source({"tabel": "T1", "peiljaar": 2011}))
    assert len(pages_of(served, "T1")) == 3
    assert rows_of(found) == regional.codes()


# ---------------------------------------------------------------- some gemeenten


def test_only_the_asked_gemeenten_of_a_table_that_is_not_needed_nationally(served: LoopbackServer, settings: Settings) -> None:
    whole, typed_part, part = (look(settings, PART, GEMEENTEN[1:2])[number] for number in (0, 2, 1))
    wanted = [code for code in regional.codes() if code.startswith("NL") or code[2:6] == GEMEENTEN[1][2:]]
    assert rows_of(whole) == regional.codes()
    assert rows_of(part) == rows_of(typed_part) == wanted
    assert len(wanted) == OF_ONE
    assert part.snapshot is not None
    assert part.snapshot.gemeenten == (GEMEENTEN[1],)
    assert archive.load_snapshot(part.snapshot.folder) == part.snapshot
    members = [row["Key"].strip() for page in odata_v3.read_rows(part.snapshot, regional.REGION) for row in page]
    assert members == wanted
    assert len(pages_of(served, "T2")) == 1
    asked = [entry for entry in served.log if "/T2/" in entry.path]
    assert len(asked) == 4, "description, areas, figures, Modified"


def test_more_gemeenten_later_and_fewer_again(served: LoopbackServer, settings: Settings) -> None:
    look(settings, PART, [GEMEENTEN[0]])
    first = look(settings, PART, [GEMEENTEN[2]])[1]
    assert first.snapshot is not None
    assert first.snapshot.gemeenten == (GEMEENTEN[0], GEMEENTEN[2])
    assert len(rows_of(first)) == 2 * OF_ONE - 1
    for fewer in ([GEMEENTEN[0]], [GEMEENTEN[2], GEMEENTEN[0]], []):
        served.clear_log()
        again = look(settings, PART, fewer)[1]
        assert again.snapshot == first.snapshot
        assert served.data_page_requests() == []
    national = look(settings, PART)[1]
    assert national.snapshot is not None
    assert national.snapshot.gemeenten is None
    assert rows_of(national) == regional.codes()
    assert look(settings, PART, [GEMEENTEN[0]])[1].snapshot == national.snapshot, "the widest that was fetched stands"


def test_many_gemeenten_take_more_than_one_short_question(served: LoopbackServer, settings: Settings) -> None:
    found = look(settings, PART, GEMEENTEN)[1]
    assert sorted(rows_of(found)) == sorted(regional.codes())
    filters = [entry.query for entry in served.log if "/T2/" in entry.path and "filter" in entry.query]
    assert len([query for query in filters if "startswith%28WijkenEnBuurten" in query]) >= 2
    assert max(map(len, filters)) < 1500


def test_no_gemeente_at_all_is_the_national_row(served: LoopbackServer, settings: Settings) -> None:
    assert rows_of(look(settings, PART, [])[1]) == ["NL00"]


def test_a_revision_is_fetched_for_the_same_gemeenten(served: LoopbackServer, settings: Settings) -> None:
    look(settings, PART, [GEMEENTEN[0]])
    served.set_modified("T2", "2026-03-03T02:00:00")
    found = look(settings, PART, [])[1]
    assert found.fetched
    assert found.snapshot is not None
    assert (found.snapshot.gemeenten, found.snapshot.gewijzigd) == ((GEMEENTEN[0],), "2026-03-03T02:00:00")


def test_a_filter_that_is_passed_over_gives_the_whole_table(served: LoopbackServer, settings: Settings) -> None:
    """facts/CBS.md section 1.6: a filter may be ignored without a word."""
    respond = served.respond

    def deaf(request: object) -> object:
        if "/T2/" in request.path and "filter" in request.query:  # type: ignore[attr-defined]
            request = replace(request, query="%24format=json")  # type: ignore[type-var]
        return respond(request)  # type: ignore[arg-type]

    served.respond = deaf  # type: ignore[method-assign, assignment]
    found = look(settings, PART, [GEMEENTEN[0]])[1]
    assert found.snapshot is not None
    assert found.snapshot.gemeenten is None
    assert rows_of(found) == regional.codes()


def test_rows_that_are_missing_from_a_selection_are_noticed(served: LoopbackServer, settings: Settings) -> None:
    look(settings, PART, [GEMEENTEN[0]])
    served.set_modified("T2", "2026-03-03T02:00:00")
    respond = served.respond

    def short(request: object) -> object:
        response = respond(request)  # type: ignore[arg-type]
        if request.path.endswith("/T2/UntypedDataSet"):  # type: ignore[attr-defined]
            content = orjson.loads(response.body)  # type: ignore[attr-defined]
            response.body = orjson.dumps({**content, "value": content["value"][:-1]})  # type: ignore[attr-defined]
        return response

    served.respond = short  # type: ignore[method-assign, assignment]
    found = look(settings, PART, [GEMEENTEN[0]])[1]
    assert found.status == "verouderd"
    assert f"delivers {OF_ONE - 1} rows where it states {OF_ONE}" in found.warning


def test_a_table_that_changes_while_it_is_read_is_read_once_more_and_then_refused(
    served: LoopbackServer, settings: Settings
) -> None:
    changes: list[str] = []

    def change(_request: object) -> None:
        changes.append(f"2026-04-{len(changes) + 1:02d}T02:00:00")
        served.set_modified("T1", changes[-1])

    one = source({"tabel": "T1", "peiljaar": 2011})
    served.fault("call", r"UntypedDataSet\?", 1, table="T1", function=change)
    (found,) = look(settings, one)
    assert found.snapshot is not None
    assert found.snapshot.gewijzigd == changes[0] != MODIFIED
    served.clear_faults()
    served.set_modified("T1", "2026-05-01T02:00:00")
    served.fault("call", r"UntypedDataSet\?", table="T1", function=change)
    (found,) = look(settings, one)
    assert found.status == "verouderd"
    assert "keeps changing" in found.warning
