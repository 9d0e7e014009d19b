"""The loopback server as OData v4: lists, filters, pages, counts, the zipped CSV, and faults that know a table by its path."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.loopback import LoopbackServer
from tests.unit.v4_tables import NAME, REGIONS, usual, write


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    """The usual table in pages of 100."""
    with LoopbackServer(write(tmp_path, groups=True), v4_page_size=100) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A plain client."""
    with httpx.Client() as opened:
        yield opened


def table(server: LoopbackServer) -> str:
    """The address of the table."""
    return f"{server.url('cbs_v4')}/odata/v1/CBS/{NAME}"


def pages(client: httpx.Client, url: str) -> list[list[dict[str, Any]]]:
    """Every page, next links followed."""
    found: list[list[dict[str, Any]]] = []
    target: str | None = url
    while target:
        content = client.get(target).json()
        found.append(content["value"])
        target = content.get("@odata.nextLink")
    return found


def test_pages_and_count(server: LoopbackServer, client: httpx.Client) -> None:
    found = pages(client, f"{table(server)}/Observations")
    assert [len(page) for page in found] == [100, 100, 88]
    assert [{key: cell for key, cell in row.items() if key != "Id"} for page in found for row in page] == usual()
    assert client.get(f"{table(server)}/Observations/$count").text == "288"
    assert len(server.data_page_requests()) == 3


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Measure in ('M1_1','M2') and Leeftijd eq '20300'", 2 * 3 * len(REGIONS)),
        ("Measure eq 'M2' or Measure eq 'M3'", 2 * 9 * len(REGIONS)),
        ("startswith(WijkenEnBuurten,'BU') and Measure in ('M2')", 9 * (len(REGIONS) - 2)),
        ("contains(WijkenEnBuurten,'9001') and Measure in ('M2')", 9 * (len(REGIONS) - 1)),
        ("Measure in ('m2')", 0),
    ],
)
def test_filters(text: str, count: int, server: LoopbackServer, client: httpx.Client) -> None:
    asked = {"$filter": text}
    assert client.get(f"{table(server)}/Observations/$count", params=asked).text == str(count)
    answer = client.get(f"{table(server)}/Observations", params=asked).json()["value"]
    assert len(answer) == min(count, 100)


@pytest.mark.parametrize("text", ["Measure in 'M2'", "Maat eq 'M2'", "Measure in (5)", "Measure like 'M'"])
def test_filters_that_it_does_not_understand(text: str, server: LoopbackServer, client: httpx.Client) -> None:
    assert client.get(f"{table(server)}/Observations", params={"$filter": text}).status_code == 400


def test_case_counts_and_what_is_not_there_is_404(server: LoopbackServer, client: httpx.Client) -> None:
    base = f"{server.url('cbs_v4')}/odata/v1/CBS"
    assert client.get(f"{base}/{NAME}/Properties").json()["ObservationCount"] == 288
    for path in (NAME.lower(), f"{NAME}/RegioSCodes", f"{NAME}/Observations/x", "../../CSV/CBS/nl/GEEN"):
        assert client.get(f"{base}/{path}").status_code == 404
    assert {row["name"] for row in client.get(f"{base}/{NAME}").json()["value"]} >= {
        "Properties",
        "MeasureGroups",
        "Observations",
    }


def test_hidden_tables_and_modified(server: LoopbackServer, client: httpx.Client) -> None:
    url = f"{server.url('cbs_v4')}/odata/v1/CBS/Datasets?$select=Identifier,Modified"
    server.set_modified(NAME, "2026-10-01T02:00:00+02:00")
    assert client.get(url).json()["value"] == [{"Identifier": NAME, "Modified": "2026-10-01T02:00:00+02:00"}]
    server.hide(NAME)
    assert client.get(url).json()["value"] == []


def test_the_zipped_csv(server: LoopbackServer, client: httpx.Client) -> None:
    body = client.get(f"{server.url('cbs_v4')}/CSV/CBS/nl/{NAME}").content
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert {"Observations.csv", "MeasureCodes.csv"} <= set(archive.namelist())
        lines = archive.read("Observations.csv").decode("utf-8-sig").splitlines()
    assert lines[0] == '"Id";"Measure";"ValueAttribute";"Value";"StringValue";"Leeftijd";"WijkenEnBuurten";"Perioden"'
    assert lines[1] == '0;"M1_1";"None";0,5;;"20300";"NL01";"2020JJ00"'
    assert len(lines) == 289


def test_faults_know_the_table_by_its_path(server: LoopbackServer, client: httpx.Client) -> None:
    fault = server.fault("status", table=NAME, code=503)
    other = server.fault("status", table="ANDERE", code=500)
    assert client.get(f"{table(server)}/MeasureCodes").status_code == 503
    assert client.get(f"{server.url('cbs_v4')}/CSV/CBS/nl/{NAME}").status_code == 503
    assert (fault.hits, other.hits) == (2, 0)
    server.down("cbs_v4")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"{table(server)}/MeasureCodes")


def test_faults_in_the_figures_show_in_the_counts_when_told(server: LoopbackServer, client: httpx.Client) -> None:
    server.fault("drop_rows", table=NAME, share=0.5, update_counts=True)
    assert client.get(f"{table(server)}/Properties").json()["ObservationCount"] == 144
    assert client.get(f"{table(server)}/Observations/$count").text == "144"
    assert sum(map(len, pages(client, f"{table(server)}/Observations"))) == 144


def test_a_fault_on_a_measure_that_is_not_there_is_an_error_of_the_test(tmp_path: Path) -> None:
    server = LoopbackServer(write(tmp_path))
    with server, httpx.Client() as client:
        server.fault("change_unit", table=NAME, column="M9", unit="%")
        assert client.get(f"{table(server)}/MeasureCodes").status_code == 500
        assert "MeasureCodes has no 'M9'" in server.errors.pop()
