"""OData v4 into the archive: what is asked for, what is refused, and that a fault leaves nothing behind."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from beeld.errors import BeeldError, SourceChanged, SourceUnreachable
from beeld.sources import odata_v4, odata_v4_lists
from tests.loopback import LoopbackServer
from tests.unit import v4_tables
from tests.unit.v4_tables import MEASURES, NAME, REGIONS, V4World, observation, source, usual, world, write

PAGE = 20
NEWS = "2026-09-01T02:00:00+02:00"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    """The usual table, in pages of 20."""
    with LoopbackServer(write(tmp_path / "data"), v4_page_size=PAGE) as running:
        yield running


@pytest.fixture
def v4(server: LoopbackServer, tmp_path: Path, fast_retries: list[float]) -> Iterator[V4World]:
    """A home in which nothing was ever fetched."""
    with world(server, tmp_path / "huis") as opened:
        yield opened


# ---------------------------------------------------------------- the catalogue


def test_the_catalogue_is_paged_and_another_case_is_another_table(server: LoopbackServer, v4: V4World) -> None:
    for name in ("80590ned", "ANDERE1", "ANDERE2"):
        write(server.data, [observation("NL01")], name=name)
    with LoopbackServer(server.data, v4_page_size=2) as small:
        found = odata_v4.catalogue(v4.client, small.url("cbs_v4"), "proef")
    assert sorted(found) == ["80590ned", "ANDERE1", "ANDERE2", NAME]
    assert found[NAME].gewijzigd == f"v4 {v4_tables.MODIFIED} {v4_tables.MODIFIED}"
    assert "80590NED" not in found


def test_nothing_changed_is_one_request_for_the_catalogue(v4: V4World) -> None:
    assert v4.look().fetched
    v4.server.clear_log()
    assert not v4.look().fetched
    assert [entry.path for entry in v4.server.log] == ["/cbs_v4/odata/v1/CBS/Datasets"]


def test_a_table_that_is_not_listed_counts_as_not_delivered(v4: V4World) -> None:
    v4.server.hide(NAME)
    assert v4.look().status == "niet_geleverd"


# ---------------------------------------------------------------- what is asked for


def test_only_what_is_declared_is_asked_for(v4: V4World) -> None:
    snapshot = v4.fetch()
    (question,) = {part for part in v4.questions() if part.startswith("Observations?") and "skip" not in part}
    asked = httpx.URL(f"http://x/{question}").params["$filter"]
    assert asked == "Measure in ('M1_1','M2','M3') and Leeftijd in ('20300','80200') and Perioden in ('2020JJ00','2021JJ00')"
    assert snapshot.rijen == 3 * 2 * 2 * len(REGIONS)
    assert snapshot.gewijzigd == "2026-02-17T00:00:00"
    assert snapshot.names("Observations-") == [f"Observations-{n:04d}" for n in range(1, 6)]
    assert len(v4.archived()) == 1


def test_many_measures_are_asked_for_in_more_requests(v4: V4World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beeld.sources.observations.FILTER_ROOM", 200)
    many = {f"X{n:03d}": (f"Maat {n}", "aantal", "Long") for n in range(60)}
    rows = [observation(region, code) for code in many for region in REGIONS]
    write(v4.server.data, rows, measures=many)
    columns = {f"maat_{n}": {"onderwerpen": [{"naam": f"Maat{n}", "eenheid": "aantal"}]} for n in range(59)}
    snapshot = v4.fetch(source(kolommen=columns, tabellen=[{"tabel": NAME}]))
    asked = {part for part in v4.questions() if part.startswith("Observations?") and "skip" not in part}
    assert len(asked) > 1
    assert snapshot.rijen == 59 * len(REGIONS)


def test_the_whole_table_needs_no_filter(v4: V4World) -> None:
    three = {code: MEASURES[code] for code in ("M1_1", "M2", "M3")}
    rows = [row for row in usual() if row["Measure"] in three and row["Leeftijd"] != "99999" and row["Perioden"] == "2020JJ00"]
    write(v4.server.data, rows, measures=three, ages=("20300", "80200"), periods={"2020JJ00": "Definitief"})
    assert v4.fetch().rijen == len(rows)
    assert not [part for part in v4.questions() if "filter" in part]


@dataclass(frozen=True)
class Deaf(httpx.BaseTransport):
    """A service that does not hear the `$filter` of the requests whose path ends as told."""

    ends: tuple[str, ...]
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on."""
        if request.url.path.endswith(self.ends):
            kept = {key: text for key, text in request.url.params.items() if key != "$filter"}
            request.url = request.url.copy_with(params=kept)
        return self.inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


def test_a_service_that_ignores_the_filter_gives_the_whole_table(server: LoopbackServer, tmp_path: Path) -> None:
    with world(server, tmp_path / "doof", Deaf(("Observations", "$count"))) as deaf:
        assert deaf.fetch().rijen == len(usual())


def test_a_service_that_refuses_the_filter_gives_the_whole_table(v4: V4World) -> None:
    v4.server.fault("status", r"count\?", code=400)
    assert v4.fetch().rijen == len(usual())


def test_rows_that_were_not_asked_for_are_refused(server: LoopbackServer, tmp_path: Path) -> None:
    with world(server, tmp_path / "doof", Deaf(("Observations",))) as deaf:
        with pytest.raises(SourceChanged, match="not asked for"):
            deaf.fetch()
        assert deaf.archived() == []


# ---------------------------------------------------------------- faults


@dataclass(frozen=True)
class Case:
    """One fault: what it is, what it raises and what the message says."""

    kind: str
    raises: type[BeeldError]
    says: str
    match: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])


PAGES = r"/Observations\?"


def changed(**cells: Any) -> Any:
    """A function that changes cells of the fifth observation of the first measure."""

    def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, **cells} if number == 4 else row for number, row in enumerate(rows)]

    return change


def without_value(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Observations that have no column Value."""
    return [{key: cell for key, cell in row.items() if key != "Value"} for row in rows]


FAULTS = {
    "status 500": Case("status", SourceUnreachable, "500", PAGES, {"code": 500}),
    "status 502": Case("status", SourceUnreachable, "502", PAGES, {"code": 502}),
    "status 503 with Retry-After": Case("status", SourceUnreachable, "503", PAGES, {"code": 503, "retry_after": 7}),
    "status 429 with Retry-After": Case("status", SourceUnreachable, "429", PAGES, {"code": 429, "retry_after": 7}),
    "count answers 500": Case("status", SourceUnreachable, "500", "count", {"code": 500}),
    "no observations at all": Case("status", BeeldError, "404", "/Observations", {"code": 404}),
    "page cut in half": Case("truncate_body", SourceUnreachable, "cut off", PAGES),
    "truncated transfer": Case("truncate_transfer", SourceUnreachable, "RemoteProtocolError", PAGES),
    "connection reset": Case("reset", SourceUnreachable, "ReadError|reset", PAGES),
    "code list cut in half": Case("truncate_body", SourceUnreachable, "cut off", "WijkenEnBuurtenCodes"),
    "html with status 200": Case("html", SourceChanged, "not JSON|HTML", PAGES),
    "html instead of measures": Case("html", SourceChanged, "not JSON|HTML", "MeasureCodes"),
    "empty body": Case("empty", SourceChanged, "empty", PAGES),
    "wrong content type": Case("wrong_content_type", SourceChanged, "text/plain", PAGES),
    "redirect to another host": Case("redirect", SourceChanged, "redirect", PAGES, {"location": "http://127.0.0.2:9/x"}),
    "page served twice": Case("duplicate_page", SourceChanged, "twice|where it states"),
    "next link to itself": Case("page_loop", SourceChanged, "circle", PAGES, {"page": 2, "to": 2}),
    "next link back": Case("page_loop", SourceChanged, "circle", PAGES, {"page": 2, "to": 1}),
    "missing page": Case("missing_page", SourceChanged, "where it states", PAGES),
    "observations lost": Case("drop_rows", SourceChanged, "where it states", options={"share": 0.3}),
    "observations twice": Case("duplicate_rows", SourceChanged, "where it states|twice", options={"count": 5}),
    "observations twice, and counted": Case(
        "duplicate_rows", SourceChanged, "twice", options={"count": 5, "update_counts": True}
    ),
    "renamed measure": Case("rename_column", SourceChanged, "missing or renamed.*M1_1", options={"old": "M1_1", "new": "Getals"}),
    "measure gone": Case("remove_column", SourceChanged, "missing or renamed", options={"column": "M1_1"}),
    "changed unit": Case("change_unit", SourceChanged, "changed its unit", options={"column": "M1_1", "unit": "aantal"}),
    "changed type": Case("change_type", SourceChanged, "type string", options={"column": "M1_1", "datatype": "String"}),
    "decimal comma": Case("decimal_comma", SourceChanged, "0,5.*no number", options={"column": "M1_1"}),
    "a truth value": Case("mutate", SourceChanged, "no number", options={"function": changed(Value=True)}),
    "unknown attribute": Case(
        "mutate", SourceChanged, "'Vermoedelijk' is not known", options={"function": changed(ValueAttribute="Vermoedelijk")}
    ),
    "unknown area": Case(
        "mutate", SourceChanged, "'BU99999999', which the code list", options={"function": changed(WijkenEnBuurten="BU99999999")}
    ),
    "text where a number belongs": Case(
        "mutate", SourceChanged, "a text where a number", options={"function": changed(Value=None, StringValue="veel")}
    ),
    "no column Value": Case("mutate", SourceChanged, "lacks column Value", options={"function": without_value}),
}


@pytest.mark.bronfout
@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in FAULTS.items()])
def test_a_fault_leaves_nothing_in_the_archive(case: Case, v4: V4World) -> None:
    fault = v4.server.fault(case.kind, case.match, table=NAME, **case.options)
    with pytest.raises(case.raises) as caught:
        v4.fetch()
    assert re.search(case.says, caught.value.message), caught.value.message
    assert f"proef {NAME}" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600
    assert fault.hits
    assert v4.archived() == []


@pytest.mark.bronfout
@pytest.mark.parametrize(
    "name", ["page cut in half", "page served twice", "next link back", "renamed measure", "observations lost"]
)
def test_with_an_earlier_delivery_the_last_figures_stand(name: str, v4: V4World) -> None:
    assert v4.look().status == "actueel"
    kept, case = v4.archived(), FAULTS[name]
    v4.server.set_modified(NAME, NEWS)
    v4.server.fault(case.kind, case.match, table=NAME, **case.options)
    delivered = v4.look()
    assert delivered.status == "verouderd"
    assert re.search(case.says, delivered.warning)
    assert v4.archived() == kept
    v4.server.clear_faults()
    assert v4.look().fetched


def test_a_fault_that_passes_is_not_noticed(v4: V4World, fast_retries: list[float]) -> None:
    v4.server.fault("status", PAGES, 1, table=NAME, code=503, retry_after=7)
    v4.server.fault("status", PAGES, 1, after=1, table=NAME, code=429, retry_after=900)
    assert v4.look().status == "actueel"
    assert sorted(fast_retries) == [7.0, 120.0]


def test_a_table_that_changes_while_it_is_read_is_read_once_more(v4: V4World) -> None:
    v4.server.fault("call", PAGES, 1, function=lambda _request: v4.server.set_modified(NAME, NEWS))
    assert v4.fetch().gewijzigd == NEWS[:19]
    assert len(v4.archived()) == 1


@pytest.mark.bronfout
def test_a_table_that_keeps_changing_is_refused(v4: V4World) -> None:
    moments = iter(f"2026-09-01T02:00:{second:02d}" for second in range(60))
    v4.server.fault("call", r"PeriodenCodes", function=lambda _request: v4.server.set_modified(NAME, next(moments)))
    with pytest.raises(SourceChanged, match="keeps changing"):
        v4.fetch()
    assert v4.archived() == []


@pytest.mark.bronfout
def test_properties_of_another_table_are_refused(v4: V4World) -> None:
    path = v4.server.data / "odata_v4" / NAME / "Properties.json"
    path.write_text(path.read_text().replace(NAME, "ANDERE"), encoding="utf-8")
    with pytest.raises(SourceChanged, match="about table 'ANDERE'"):
        v4.fetch()


# ---------------------------------------------------------------- a fetch that broke off


def observation_pages(v4: V4World) -> int:
    """Pages of observations asked for since the log was cleared."""
    return len([part for part in v4.questions() if part.startswith("Observations?")])


def test_a_fetch_that_broke_off_goes_on_at_the_failed_page(v4: V4World) -> None:
    v4.server.fault("status", PAGES, after=3, table=NAME, code=503)
    with pytest.raises(SourceUnreachable):
        v4.fetch()
    v4.server.clear_faults()
    v4.server.clear_log()
    snapshot = v4.fetch()
    assert observation_pages(v4) == 2
    assert snapshot.names("Observations-") == [f"Observations-{n:04d}" for n in range(1, 6)]
    assert all(snapshot.read(document.naam) for document in snapshot.documenten)


def test_what_was_left_of_another_state_or_was_damaged_is_asked_again(v4: V4World) -> None:
    v4.server.fault("status", PAGES, after=3, table=NAME, code=503)
    with pytest.raises(SourceUnreachable):
        v4.fetch()
    v4.server.clear_faults()
    (left,) = v4.settings.build.glob("ophalen-*")
    (left / "Observations-0002.json.gz").write_bytes(b"damaged")
    v4.server.clear_log()
    kept = v4.fetch()
    assert observation_pages(v4) == 5

    v4.server.fault("status", PAGES, after=3, table=NAME, code=503)
    with pytest.raises(SourceUnreachable):
        v4.fetch()
    v4.server.clear_faults()
    v4.server.set_modified(NAME, NEWS)
    v4.server.clear_log()
    assert v4.fetch().sha256 != kept.sha256
    assert observation_pages(v4) == 5


def test_pages_that_were_refused_are_not_taken_up_again(v4: V4World) -> None:
    v4.server.fault("duplicate_page", table=NAME)
    with pytest.raises(SourceChanged):
        v4.fetch()
    v4.server.clear_faults()
    assert v4.fetch().rijen == 3 * 2 * 2 * len(REGIONS)


# ---------------------------------------------------------------- against the previous delivery


@pytest.mark.bronfout
def test_much_fewer_observations_than_before_are_refused(v4: V4World) -> None:
    previous = v4.fetch()
    v4.server.fault("drop_rows", table=NAME, share=0.3, update_counts=True)
    with pytest.raises(SourceChanged, match="the previous delivery had 96"):
        v4.fetch(previous=previous)


def test_fewer_declared_measures_are_no_loss(v4: V4World) -> None:
    previous = v4.fetch()
    columns = {
        name: column for name, column in source().model_dump()["kolommen"].items() if name in ("getal", "ander", "getal_65")
    }
    fewer = source(kolommen=columns)
    assert set(odata_v4_lists.read_layout(previous, fewer, fewer.tabellen[0]).columns) == set(columns)
    assert v4.fetch(fewer, previous).rijen == 2 * 2 * 2 * len(REGIONS)


def test_a_column_that_was_there_before_is_missed(v4: V4World) -> None:
    previous = v4.fetch()
    v4.server.fault("remove_column", table=NAME, column="M2")
    with pytest.raises(SourceChanged, match=r"ander \(measure M2\) is gone"):
        v4.fetch(previous=previous)


# ---------------------------------------------------------------- in bulk


def bulk() -> Any:
    """The usual source, read in bulk."""
    return source(protocol="odata_v4_bulk")


def test_bulk_reads_the_zip_of_the_whole_table(v4: V4World) -> None:
    snapshot = v4.fetch(bulk())
    assert snapshot.rijen == len(usual())
    assert [part for part in v4.questions() if part.startswith("Observations")] == []
    assert snapshot.names("Bulk-") == ["Bulk-0001"]


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("kind", "options", "raises", "says"),
    [
        ("html", {}, SourceChanged, "HTML"),
        ("truncate_body", {}, SourceChanged, "archive|zip"),
        ("truncate_transfer", {}, SourceUnreachable, "RemoteProtocolError"),
        ("status", {"code": 503}, SourceUnreachable, "503"),
        ("status", {"code": 404}, BeeldError, "404"),
        ("drop_rows", {"share": 0.1}, SourceChanged, "where it states"),
        ("duplicate_rows", {"count": 3, "update_counts": True}, SourceChanged, "twice"),
        ("mutate", {"function": without_value}, SourceChanged, "lacks column Value"),
        ("mutate", {"function": changed(Value="1.5")}, SourceChanged, "cannot be read.*1.5|no number"),
        ("mutate", {"function": changed(Value="inf")}, SourceChanged, "without an end|cannot be read"),
        ("mutate", {"function": changed(ValueAttribute="Misschien")}, SourceChanged, "'Misschien' is not known"),
    ],
)  # fmt: skip
def test_a_fault_in_the_bulk_file(kind: str, options: dict[str, Any], raises: type[BeeldError], says: str, v4: V4World) -> None:
    fault = v4.server.fault(kind, "" if "update_counts" in options else "/CSV/", table=NAME, **options)
    with pytest.raises(raises) as caught:
        v4.fetch(bulk())
    assert re.search(says, caught.value.message), caught.value.message
    assert fault.hits
    assert v4.archived() == []
