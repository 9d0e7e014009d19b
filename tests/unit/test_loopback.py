"""The loopback server answers as the facts about CBS and PDOK say, and its faults do what their names say."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cbsodata
import httpx
import pytest

from tests.loopback import LoopbackServer
from tests.loopback.server import OTHERS

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE, TYPED_ONLY, HEALTH = "84799NED", "85984NED", "50090NED"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
RD = "http://www.opengis.net/def/crs/EPSG/0/28992"
ITEMS = "cbs/gebiedsindelingen/ogc/v1/collections/{}_gegeneraliseerd/items"
PAGE, CAP, ROWS = 10, 20, 25
Rows = list[dict[str, Any]]


def write(path: Path, value: object) -> None:
    """Write a JSON document, packed when the name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(value).encode()
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)


def entity_set(folder: Path, name: str, rows: Rows, suffix: str = ".json") -> None:
    """Write one entity set as it lies in a data folder."""
    write(folder / f"{name}{suffix}", {"odata.metadata": f"https://opendata.cbs.nl/x#{name}", "value": rows})


def properties(dimensions: list[tuple[str, str]]) -> Rows:
    """DataProperties with the given dimensions, a topic group and three topics."""
    rows: Rows = [{"ID": i, "Position": i, "Type": kind, "Key": key} for i, (kind, key) in enumerate(dimensions)]
    at = len(rows)
    rows.append({"ID": at, "Position": None, "ParentID": None, "Type": "TopicGroup", "Key": "", "Title": "Bevolking"})
    for key, unit, datatype in [("SoortRegio_2", "omschrijving", "String"), ("AantalInwoners_5", "aantal", "Long")]:
        rows.append({"ID": len(rows), "ParentID": at, "Type": "Topic", "Key": key, "Title": key, "Unit": unit})
        rows[-1] |= {"Position": len(rows), "Datatype": datatype}
    rows.append({"ID": len(rows), "ParentID": at, "Type": "Topic", "Key": "Inkomen_7", "Title": "Inkomen\xa0"})
    rows[-1] |= {"Position": len(rows), "Datatype": "Double", "Unit": "x 1 000 euro"}
    return rows


def codes() -> list[str]:
    """25 padded region keys: the country, a gemeente, a wijk and 22 buurten, one with letters."""
    buurten = [f"BU077200{number:02d}" for number in range(21)] + ["BU0363AF08"]
    return ["NL00      ", "GM0772    ", "WK077200  ", *buurten]


def kind_of(code: str) -> str:
    """SoortRegio of a code, padded."""
    return {"NL": "Land", "GM": "Gemeente", "WK": "Wijk", "BU": "Buurt"}[code[:2]].ljust(10)


def region_rows() -> Rows:
    """The WijkenEnBuurten dimension table."""
    return [
        {"Key": code, "Title": f"Naam {code.strip()}", "Description": None, "Municipality": "GM0772"}
        | {"DetailRegionCode": code.strip()}
        for code in codes()
    ]


def make_data(root: Path) -> Path:
    """A small data folder with three tables on two hosts and boundaries of three kinds."""
    typed: Rows = [
        {"ID": i, "WijkenEnBuurten": code, "SoortRegio_2": kind_of(code), "AantalInwoners_5": 5 * i}
        | {"Inkomen_7": None if i == 3 else i + 0.5}
        for i, code in enumerate(codes())
    ]
    untyped: Rows = [
        row
        | {"AantalInwoners_5": f"{row['AantalInwoners_5']:>8}"}
        | {"Inkomen_7": "       ." if row["Inkomen_7"] is None else f"{row['Inkomen_7']:>8.1f}"}
        for row in typed
    ]
    infos = {"ID": 1, "Modified": "2021-03-26T02:00:00", "Catalog": "CBS", "Frequency": "Perjaar", "RecordCount": ROWS}
    for table, sets in (
        (TABLE, {"UntypedDataSet": untyped, "TypedDataSet": typed}),
        (TYPED_ONLY, {"TypedDataSet": typed}),
    ):
        folder = root / "odata_v3" / "opendata.cbs.nl" / table
        links = {"FeedUrl": f"https://opendata.cbs.nl/ODataFeed/OData/{table}"}
        entity_set(folder, "TableInfos", [infos | {"Identifier": table, "Title": "Kerncijfers", "Period": "2020"} | links])
        entity_set(folder, "DataProperties", properties([("GeoDetail", "WijkenEnBuurten")]))
        entity_set(folder, "WijkenEnBuurten", region_rows(), ".json.gz")
        for name, rows in sets.items():
            entity_set(folder, name, rows, ".json.gz")
    folder = root / "odata_v3" / "dataderden.cbs.nl" / HEALTH
    years = ["2012JJ00", "2016JJ00", "2020JJ00"]
    data: Rows = [
        {"ID": i, "WijkenEnBuurten": code, "Perioden": year, "SoortRegio_2": kind_of(code), "Inkomen_7": "    58.0"}
        for i, (code, year) in enumerate((code, year) for code in codes()[:4] for year in years)
    ]
    entity_set(folder, "TableInfos", [infos | {"Identifier": HEALTH, "Title": "Gezondheid", "Catalog": "RIVM"}])
    entity_set(folder, "DataProperties", properties([("GeoDetail", "WijkenEnBuurten"), ("TimeDimension", "Perioden")]))
    entity_set(folder, "Perioden", [{"Key": year, "Title": year[:4], "Status": "Definitief"} for year in years])
    entity_set(folder, "WijkenEnBuurten", region_rows())
    entity_set(folder, "UntypedDataSet", data)
    for name, prefix, year, count, crs in (
        ("gemeente_2022.geojson.gz", "GM", 2022, 3, "urn:ogc:def:crs:EPSG::28992"),
        ("wijk_2016.geojson.gz", "WK", 2016, 12, "urn:ogc:def:crs:EPSG::28992"),
        ("wijk_2022.geojson", "WK", 2022, 15, "urn:ogc:def:crs:EPSG::28992"),
        ("buurt_2024_benaderd.geojson.gz", "BU", 2024, 1200, "urn:ogc:def:crs:OGC:1.3:CRS84"),
    ):
        square = [[155000.0, 463000.0], [155100.0, 463000.0], [155100.0, 463100.0], [155000.0, 463000.0]]
        if prefix == "BU":
            square = [[5.3872, 52.1551], [5.3882, 52.1551], [5.3882, 52.1561], [5.3872, 52.1551]]
        features = [
            {
                "type": "Feature",
                "properties": {
                    "statcode": (code := f"{prefix}{n:04d}"),
                    "statnaam": "x",
                    "jrstatcode": f"{year}{code}",
                },
                "geometry": {"type": "MultiPolygon", "coordinates": [[square]]},
            }
            for n in range(count)
        ]
        document = {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": crs}}}
        write(root / "geo" / name, document | {"features": features})
    return root


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, made once."""
    return make_data(tmp_path_factory.mktemp("loopback"))


@pytest.fixture
def server(data: Path) -> Iterator[LoopbackServer]:
    """A running server with pages of ten rows; its own failures fail the test."""
    with LoopbackServer(data, page_size=PAGE, api_cap=CAP) as running:
        yield running


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """A client that keeps connections alive."""
    with httpx.Client(timeout=10, trust_env=False) as session:
        yield session


def feed(server: LoopbackServer, path: str, host: str = "cbs", **options: str) -> httpx.URL:
    """A Feed address with $format=json and further options, `filter` for $filter and so on."""
    query = {"$format": "json"} | {f"${key}": value for key, value in options.items()}
    return httpx.URL(f"{server.url(host)}/ODataFeed/odata/{path}", params=query)


def api(server: LoopbackServer, path: str, **options: str) -> httpx.URL:
    """The same for the Api."""
    return httpx.URL(str(feed(server, path, **options)).replace("/ODataFeed/", "/ODataApi/"))


def rows_of(client: httpx.Client, url: httpx.URL | str) -> Rows:
    """The rows of one reply."""
    response = client.get(url)
    assert response.status_code == 200, response.text
    return response.json()["value"]


def pages_of(client: httpx.Client, url: httpx.URL | str, most: int = 9) -> list[Rows]:
    """All pages, following next links verbatim, at most `most`."""
    pages: list[Rows] = []
    following: httpx.URL | str | None = url
    while following is not None and len(pages) < most:
        document = client.get(following).json()
        pages.append(document["value"])
        following = document.get("odata.nextLink")
    return pages


def ids(rows: Rows) -> list[int]:
    """The ID column."""
    return [row["ID"] for row in rows]


# --- OData ---


def test_environment_and_prefixes_without_service(server: LoopbackServer, client: httpx.Client) -> None:
    environment = server.environment
    base = f"http://127.0.0.1:{server.port}"
    assert environment == {
        "BEELD_CBS_URL": f"{base}/cbs",
        "BEELD_DERDEN_URL": f"{base}/derden",
        "BEELD_CBS_V4_URL": f"{base}/cbs_v4",
        "BEELD_PDOK_URL": f"{base}/pdok",
        "BEELD_PDOK_WFS_URL": f"{base}/wfs",
        "BEELD_URLS": ",".join(f"{name}={base}/{name}" for name in OTHERS),
    }
    for path in ("cbs_v4/odata/v1/CBS/84799NED", "wfs/cbs/x", "", "nothing", "pdok/cbs/wijken-en-buurten-2024/ogc/v1"):
        assert client.get(f"{base}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["ODataFeed/odata", "ODataApi/OData", "odatafeed/ODATA"])
@pytest.mark.parametrize("table", [TABLE, TABLE.lower()])
def test_service_document(server: LoopbackServer, client: httpx.Client, path: str, table: str) -> None:
    response = client.get(f"{server.url('cbs')}/{path}/{table}?$format=json")
    value = response.json()["value"]
    names = {"TableInfos", "DataProperties", "WijkenEnBuurten", "TypedDataSet", "UntypedDataSet"}
    assert {entry["name"] for entry in value} == names
    assert response.headers["content-type"].startswith("application/json")
    for entry in value:
        assert entry["url"] == f"{server.url('cbs')}/{path}/{TABLE}/{entry['name']}"
        assert client.get(entry["url"], params={"$format": "json", "$top": "1"}).status_code == 200


def test_typed_only_table_lists_no_untyped(server: LoopbackServer, client: httpx.Client) -> None:
    assert "UntypedDataSet" not in {entry["name"] for entry in rows_of(client, feed(server, TYPED_ONLY))}
    assert client.get(feed(server, f"{TYPED_ONLY}/UntypedDataSet")).status_code == 404


@pytest.mark.parametrize("path", ["00000NED", "00000NED/TableInfos", f"{TABLE}/Nothing", f"{TABLE}/TableInfos/x"])
def test_unknown_is_404(server: LoopbackServer, client: httpx.Client, path: str) -> None:
    assert client.get(feed(server, path)).status_code == 404
    assert client.get(feed(server, path, host="derden")).status_code == 404


def test_without_format_json_it_is_atom(server: LoopbackServer, client: httpx.Client) -> None:
    response = client.get(f"{server.url('cbs')}/ODataFeed/odata/{TABLE}/TypedDataSet")
    assert response.headers["content-type"].startswith("application/atom+xml")
    assert response.text.startswith("<?xml")


def test_feed_pages_with_absolute_next_links(server: LoopbackServer, client: httpx.Client) -> None:
    first = client.get(feed(server, f"{TABLE}/TypedDataSet", select="ID,AantalInwoners_5")).json()
    link = httpx.URL(first["odata.nextLink"])
    assert str(link).startswith(f"{server.url('cbs')}/ODataFeed/odata/{TABLE}/TypedDataSet?")
    assert "$skip=10" in first["odata.nextLink"]
    assert dict(link.params) == {"$format": "json", "$select": "ID,AantalInwoners_5", "$skip": "10"}
    pages = pages_of(client, feed(server, f"{TABLE}/TypedDataSet", select="ID,AantalInwoners_5"))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [row for page in pages for row in page] == [{"ID": i, "AantalInwoners_5": 5 * i} for i in range(ROWS)]
    assert [len(page) for page in pages_of(client, feed(server, f"{TABLE}/WijkenEnBuurten"))] == [10, 10, 5]


def test_top_and_skip_on_feed(server: LoopbackServer, client: httpx.Client) -> None:
    assert ids(rows_of(client, feed(server, f"{TABLE}/TypedDataSet", top="3", skip="4"))) == [4, 5, 6]
    pages = pages_of(client, feed(server, f"{TABLE}/TypedDataSet", top="12", skip="1"))
    assert [ids(page) for page in pages] == [list(range(1, 11)), [11, 12]]
    assert client.get(feed(server, f"{TABLE}/TypedDataSet", top="x")).status_code == 400
    assert client.get(feed(server, f"{TABLE}/TypedDataSet", select="Nothing_9")).status_code == 400


def test_api_refuses_more_than_the_cap(server: LoopbackServer, client: httpx.Client) -> None:
    response = client.get(api(server, f"{TABLE}/TypedDataSet"))
    assert response.status_code == 500
    assert "query returns more than 10000 records" in response.text
    partition = api(server, f"{TABLE}/TypedDataSet", filter="startswith(WijkenEnBuurten,'GM')")
    assert ids(rows_of(client, partition)) == [1]
    assert client.get(api(server, f"{TABLE}/TypedDataSet", skip="10")).status_code == 500


def test_count(server: LoopbackServer, client: httpx.Client) -> None:
    response = client.get(feed(server, f"{TABLE}/TypedDataSet/$count"))
    assert (response.text, response.headers["content-type"]) == ("25", "text/plain;charset=utf-8")
    assert client.get(api(server, f"{TABLE}/TypedDataSet/$count", filter="startswith(WijkenEnBuurten,'BU')")).text == "22"
    assert client.get(f"{server.url('cbs')}/ODataFeed/odata/{TABLE}/WijkenEnBuurten/$count").text == "25"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WijkenEnBuurten eq 'GM0772'", []),
        ("WijkenEnBuurten eq 'GM0772    '", [1]),
        ("(WijkenEnBuurten eq 'GM0772    ') or (WijkenEnBuurten eq 'NL00      ')", [0, 1]),
        ("startswith(WijkenEnBuurten,'BU0363')", [24]),
        ("startswith(WijkenEnBuurten,'BU') and substringof('AF',WijkenEnBuurten)", [24]),
        ("substring(WijkenEnBuurten,2,4) eq '0363'", [24]),
        ("startswith(WijkenEnBuurten,'GM') eq true or startswith(WijkenEnBuurten,'WK')", [1, 2]),
        ("not startswith(WijkenEnBuurten,'BU')", [0, 1, 2]),
        ("SoortRegio_2 eq 'Wijk      '", list(range(10))),
        ("startswith(WijkenEnBuurten,'GM') and AantalInwoners_5 gt 100000", [1]),
        ("WijkenEnBuurten ge 'WK'", list(range(10))),
    ],
)
def test_filter_on_feed(server: LoopbackServer, client: httpx.Client, text: str, expected: list[int]) -> None:
    assert ids(rows_of(client, feed(server, f"{TABLE}/TypedDataSet", filter=text))) == expected


def test_filter_on_topic_or_unknown_or_broken(server: LoopbackServer, client: httpx.Client) -> None:
    assert client.get(api(server, f"{TABLE}/TypedDataSet", filter="SoortRegio_2 eq 'Wijk      '")).status_code == 500
    for text in ("Nothing eq 'x'", "WijkenEnBuurten eq", "in('x')", "WijkenEnBuurten eq 'x' )", "WijkenEnBuurten"):
        assert client.get(feed(server, f"{TABLE}/TypedDataSet", filter=text)).status_code == 400


def test_filter_on_periods_and_dimension_tables(server: LoopbackServer, client: httpx.Client) -> None:
    path = f"{HEALTH}/UntypedDataSet"
    rows = rows_of(client, feed(server, path, host="derden", filter="Perioden ge '2016' and Perioden lt '2020'"))
    assert {row["Perioden"] for row in rows} == {"2016JJ00"} and len(rows) == 4
    found = rows_of(client, feed(server, f"{TABLE}/WijkenEnBuurten", filter="startswith(Key,'WK0772')"))
    assert [row["Key"] for row in found] == ["WK077200  "]
    assert rows_of(client, feed(server, f"{TABLE}/WijkenEnBuurten", filter="Key eq 'GM0772'")) == []


def test_filtered_pages_keep_the_filter(server: LoopbackServer, client: httpx.Client) -> None:
    pages = pages_of(client, feed(server, f"{TABLE}/TypedDataSet", filter="startswith(WijkenEnBuurten,'BU')"))
    assert [len(page) for page in pages] == [10, 10, 2]
    assert all(row["WijkenEnBuurten"].startswith("BU") for page in pages for row in page)


def test_catalogue(server: LoopbackServer, client: httpx.Client) -> None:
    base = server.url("cbs")
    rows = rows_of(client, f"{base}/ODataCatalog/Tables?$format=json")
    assert [row["Identifier"] for row in rows] == [TABLE, TYPED_ONLY]
    assert {"Title", "Modified", "Frequency", "Catalog", "Period", "SummaryAndLinks", "RecordCount"} <= rows[0].keys()
    assert rows[0]["FeedUrl"] == f"{base}/ODataFeed/OData/{TABLE}"
    chosen = rows_of(client, f"{base}/ODataCatalog/Tables?$format=json&$select=Identifier,Modified")
    assert chosen[0] == {"Identifier": TABLE, "Modified": "2021-03-26T02:00:00"}
    for text, expected in (
        (f"Identifier eq '{TABLE}'", 1),
        (f"Identifier eq '{TABLE.lower()}'", 0),
        ("Title eq 'x'", 2),
    ):
        found = client.get(f"{base}/ODataCatalog/Tables", params={"$format": "json", "$filter": text})
        assert len(found.json()["value"]) == expected
    assert rows_of(client, f"{base}/ODataCatalog/Themes?$format=json") == []
    others = rows_of(client, f"{server.url('derden')}/ODataCatalog/Tables?$format=json")
    assert [(row["Identifier"], row["Catalog"]) for row in others] == [(HEALTH, "RIVM")]


def test_addresses_in_metadata_stay_on_this_server(server: LoopbackServer, client: httpx.Client) -> None:
    infos = client.get(feed(server, f"{TABLE}/TableInfos"))
    assert "opendata.cbs.nl" not in infos.text
    assert infos.json()["value"][0]["FeedUrl"] == f"{server.url('cbs')}/ODataFeed/OData/{TABLE}"


def test_the_real_cbsodata_package(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbsodata.options, "use_https", False)
    for host, table in (("cbs", TABLE), ("derden", HEALTH)):
        address = server.url(host).removeprefix("http://")
        tables = cbsodata.get_table_list(catalog_url=address)
        assert table in {row["Identifier"] for row in tables}
        assert cbsodata.get_info(table, catalog_url=address)["Modified"] == "2021-03-26T02:00:00"
        described = cbsodata.get_meta(table, "DataProperties", catalog_url=address)
        assert described[0]["Key"] == "WijkenEnBuurten"
        assert len(cbsodata.get_meta(table, "WijkenEnBuurten", catalog_url=address)) == ROWS
    previous = cbsodata.options.catalog_url
    try:
        cbsodata.options.catalog_url = server.url("cbs").removeprefix("http://")
        frame = cbsodata.get_data(TABLE)
    finally:
        cbsodata.options.catalog_url = previous
    assert len(frame) == ROWS
    assert frame[1] == {"ID": 1, "WijkenEnBuurten": "Naam GM0772", "SoortRegio_2": "Gemeente  "} | {
        "AantalInwoners_5": 5,
        "Inkomen_7": 1.5,
    }


def test_cbsodata_reads_a_typed_only_table_when_both_are_listed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbsodata.options, "use_https", False)
    with LoopbackServer(data, list_both=True) as server:
        rows = cbsodata.get_data(TYPED_ONLY, catalog_url=server.url("cbs").removeprefix("http://"))
    assert len(rows) == ROWS and rows[3]["Inkomen_7"] is None


def test_gzip_only_when_asked_and_readable_as_one_member(server: LoopbackServer) -> None:
    url = feed(server, f"{TABLE}/UntypedDataSet")
    with httpx.Client(headers={"Accept-Encoding": "gzip"}, trust_env=False) as packed:
        with packed.stream("GET", url) as response:
            raw = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            body = file.read()
        assert packed.get(url).content == body
    with httpx.Client(headers={"Accept-Encoding": "identity"}, trust_env=False) as plain:
        response = plain.get(url)
    assert "content-encoding" not in response.headers
    assert response.content == body
    assert int(response.headers["content-length"]) == len(body) > len(raw)


def test_connection_is_kept_alive_and_head_has_no_body(server: LoopbackServer, client: httpx.Client) -> None:
    streams = set()
    for _ in range(3):
        response = client.get(feed(server, f"{TABLE}/TableInfos"))
        streams.add(response.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(streams) == 1 and response.http_version == "HTTP/1.1"
    head = client.head(feed(server, f"{TABLE}/TableInfos"))
    assert head.content == b"" and int(head.headers["content-length"]) > 0


def test_a_changed_file_is_read_again(tmp_path: Path, client: httpx.Client) -> None:
    folder = tmp_path / "odata_v3" / "opendata.cbs.nl" / "1NED"
    entity_set(folder, "TypedDataSet", [{"ID": 0}])
    with LoopbackServer(tmp_path) as server:
        assert len(rows_of(client, feed(server, "1NED/TypedDataSet"))) == 1
        entity_set(folder, "TypedDataSet", [{"ID": 0}, {"ID": 1}])
        os.utime(folder / "TypedDataSet.json", (1, 1))
        assert len(rows_of(client, feed(server, "1NED/TypedDataSet"))) == 2


# --- OGC API Features ---


def items(server: LoopbackServer, kind: str, **options: str | int) -> httpx.URL:
    """An items address."""
    query = {"f": "json"} | {key: str(value) for key, value in options.items()}
    return httpx.URL(f"{server.url('pdok')}/{ITEMS.format(kind)}", params=query)


def next_link(document: dict[str, Any]) -> str | None:
    """The address of the next page."""
    return next((link["href"] for link in document["links"] if link["rel"] == "next"), None)


def test_ogc_landing_and_collections(server: LoopbackServer, client: httpx.Client) -> None:
    base = f"{server.url('pdok')}/cbs/gebiedsindelingen/ogc/v1"
    assert client.get(base).json()["links"]
    listed = client.get(f"{base}/collections").json()["collections"]
    assert [entry["id"] for entry in listed] == [f"{kind}_gegeneraliseerd" for kind in ("gemeente", "wijk", "buurt")]
    one = client.get(f"{base}/collections/wijk_gegeneraliseerd").json()
    assert one["extent"]["temporal"]["interval"] == [["2016-01-01T00:00:00Z", "2022-12-31T00:00:00Z"]]
    for path in ("collections/provincie_gegeneraliseerd", "collections/wijk/items", "x"):
        assert client.get(f"{base}/{path}").status_code == 404


def test_ogc_items_limits_cursor_and_years(server: LoopbackServer, client: httpx.Client) -> None:
    first = client.get(items(server, "wijk")).json()
    assert first["numberReturned"] == len(first["features"]) == 10
    assert {"timeStamp", "links", "type"} <= first.keys()
    everything: Rows = []
    following: httpx.URL | str | None = items(server, "wijk", limit=7, crs=RD)
    while following is not None:
        document = client.get(following).json()
        everything += document["features"]
        following = next_link(document)
        assert following is None or dict(httpx.URL(following).params) | {"cursor": ""} == {
            "f": "json", "limit": "7", "crs": RD, "cursor": "",
        }  # fmt: skip
    assert [feature["properties"]["jaarcode"] for feature in everything] == [2016] * 12 + [2022] * 15
    assert len({feature["id"] for feature in everything}) == 27
    assert everything[-1]["properties"]["jrstatcode"] == "2022WK0014"
    only = client.get(items(server, "wijk", jaarcode=2016, limit=100)).json()
    assert only["numberReturned"] == 12 and next_link(only) is None
    assert client.get(items(server, "wijk", jaarcode=1999)).json()["features"] == []
    capped = client.get(items(server, "buurt", limit=5000)).json()
    assert capped["numberReturned"] == 1000 and next_link(capped) is not None


@pytest.mark.parametrize("options", [{"offset": 10}, {"limit": 0}, {"limit": "x"}, {"crs": "EPSG:28992"}, {"f": "xml"}])
def test_ogc_refuses(server: LoopbackServer, client: httpx.Client, options: dict[str, Any]) -> None:
    response = client.get(items(server, "wijk", **options))
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


def test_ogc_cursor_of_another_query_starts_again(server: LoopbackServer, client: httpx.Client) -> None:
    link = next_link(client.get(items(server, "wijk", limit=5)).json())
    assert link is not None
    cursor = httpx.URL(link).params["cursor"]
    assert "skip" not in cursor and cursor != "5"
    again = client.get(items(server, "wijk", limit=5, cursor=cursor, jaarcode=2022)).json()
    assert again["features"][0]["properties"]["statcode"] == "WK0000"


def test_ogc_reference_systems(server: LoopbackServer, client: httpx.Client) -> None:
    native = client.get(items(server, "gemeente", crs=RD))
    assert native.headers["content-crs"] == f"<{RD}>"
    assert native.json()["features"][0]["geometry"]["coordinates"][0][0][0] == [155000.0, 463000.0]
    default = client.get(items(server, "gemeente"))
    assert default.headers["content-crs"] == f"<{CRS84}>"
    lon, lat = default.json()["features"][0]["geometry"]["coordinates"][0][0][0]
    assert lon == pytest.approx(5.38721, abs=1e-4) and lat == pytest.approx(52.15517, abs=1e-4)
    east, north = client.get(items(server, "buurt", crs=RD)).json()["features"][0]["geometry"]["coordinates"][0][0][0]
    assert east == pytest.approx(155000, abs=10) and north == pytest.approx(462992, abs=10)
    kept = client.get(items(server, "buurt")).json()["features"][0]["geometry"]["coordinates"][0][0][0]
    assert kept == [5.3872, 52.1551]


# --- scripted behaviour ---


def test_log_counts_data_pages(server: LoopbackServer, client: httpx.Client) -> None:
    pages_of(client, feed(server, f"{TABLE}/TypedDataSet"))
    client.get(feed(server, f"{TABLE}/TypedDataSet/$count"))
    client.get(feed(server, f"{TABLE}/TableInfos"))
    client.get(items(server, "wijk"))
    log = server.log
    assert len(log) == 6 and len(server.data_page_requests()) == 4
    assert (log[0].method, log[0].path, log[0].status) == ("GET", f"/cbs/ODataFeed/odata/{TABLE}/TypedDataSet", 200)
    assert "format=json" in log[0].query and abs(log[0].time - time.time()) < 60
    server.clear_log()
    assert server.log == []


def test_set_modified_hide_and_down(server: LoopbackServer, client: httpx.Client) -> None:
    server.set_modified(TABLE, "2026-08-01T02:00:00")
    tables = f"{server.url('cbs')}/ODataCatalog/Tables?$format=json"
    assert [row["Modified"] for row in rows_of(client, tables)] == ["2026-08-01T02:00:00", "2021-03-26T02:00:00"]
    assert rows_of(client, feed(server, f"{TABLE}/TableInfos"))[0]["Modified"] == "2026-08-01T02:00:00"
    server.set_modified(TABLE, None)
    assert rows_of(client, feed(server, f"{TABLE}/TableInfos"))[0]["Modified"] == "2021-03-26T02:00:00"
    server.hide(TABLE)
    assert [row["Identifier"] for row in rows_of(client, tables)] == [TYPED_ONLY]
    assert client.get(feed(server, f"{TABLE}/TableInfos")).status_code == 200
    server.show(TABLE)
    assert len(rows_of(client, tables)) == 2
    server.down("opendata.cbs.nl")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(tables)
    assert server.log[-1].status == 0
    assert client.get(f"{server.url('derden')}/ODataCatalog/Tables?$format=json").status_code == 200
    server.up("cbs")
    assert client.get(tables).status_code == 200
    with pytest.raises(ValueError, match="unknown host"):
        server.down("elsewhere")


def test_latency_and_stop(data: Path, client: httpx.Client) -> None:
    server = LoopbackServer(data).start()
    url = feed(server, f"{TABLE}/TableInfos")
    server.latency = 0.15
    before = time.monotonic()
    assert client.get(url).status_code == 200
    assert time.monotonic() - before >= 0.15
    server.stop()
    with pytest.raises(httpx.TransportError):
        client.get(url)


def test_faults_match_times_after_and_hits(server: LoopbackServer, client: httpx.Client) -> None:
    url = feed(server, f"{TABLE}/TypedDataSet")
    fault = server.fault("status", f"{TABLE}/TypedDataSet", times=2, after=1, code=503, retry_after=7)
    replies = [client.get(url) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 503, 503, 200]
    assert replies[1].headers["retry-after"] == "7" and fault.hits == 2
    assert client.get(feed(server, f"{TABLE}/TableInfos")).status_code == 200
    server.fault("status", re.compile(r"TypedDataSet\?.*skip=10\b"), code=429)
    server.fault("status", r"^/derden/.*Tables", code=500, body="oops")
    assert client.get(url).status_code == 200
    assert client.get(feed(server, f"{TABLE}/TypedDataSet", skip="10")).status_code == 429
    assert client.get(f"{server.url('derden')}/ODataCatalog/Tables?$format=json").text == "oops"
    by_table = server.fault("status", table=HEALTH, code=502)
    assert client.get(feed(server, HEALTH, host="derden")).status_code == 502
    server.remove_fault(by_table)
    assert client.get(feed(server, HEALTH, host="derden")).status_code == 200
    server.clear_faults()
    assert client.get(feed(server, f"{TABLE}/TypedDataSet", skip="10")).status_code == 200


def test_requests_at_once_are_each_counted(server: LoopbackServer, client: httpx.Client) -> None:
    fault = server.fault("status", "TypedDataSet", times=5, code=503)
    with ThreadPoolExecutor(8) as pool:
        codes_seen = list(pool.map(lambda _: client.get(feed(server, f"{TABLE}/TypedDataSet")).status_code, range(40)))
    assert (codes_seen.count(503), codes_seen.count(200), fault.hits) == (5, 35, 5)
    assert len(server.log) == 40


def test_wrong_faults_are_refused(server: LoopbackServer) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        server.fault("stauts", code=500)
    with pytest.raises(TypeError, match="needs code"):
        server.fault("status")
    with pytest.raises(TypeError, match="does not take cod"):
        server.fault("status", code=500, cod=1)
    with pytest.raises(TypeError, match="needs a table"):
        server.fault("drop_rows", share=0.3)


def test_a_fault_on_a_missing_column_is_not_silent(data: Path, client: httpx.Client) -> None:
    with pytest.raises(RuntimeError, match="no column 'Nothing'"), LoopbackServer(data) as server:
        server.fault("scale_column", table=TABLE, column="Nothing", factor=10)
        assert client.get(feed(server, f"{TABLE}/TypedDataSet")).status_code == 500


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_broken_bodies(server: LoopbackServer, encoding: str) -> None:
    url = feed(server, f"{TABLE}/UntypedDataSet")
    with httpx.Client(headers={"Accept-Encoding": encoding}, trust_env=False) as client:
        whole = client.get(url).content
        server.fault("truncate_body", times=1)
        cut = client.get(url)
        assert cut.content == whole[: len(whole) // 2]
        if encoding == "identity":
            assert int(cut.headers["content-length"]) == len(cut.content)
        server.fault("truncate_transfer", times=1)
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed"):
            client.get(url)
        server.fault("bom", times=1)
        assert client.get(url).content == b"\xef\xbb\xbf" + whole
        server.fault("encode", times=1, encoding="utf-16")
        assert client.get(url).content.decode("utf-16").encode() == whole
        fault = server.fault("truncate_gzip", times=1)
        with client.stream("GET", url) as response:
            raw = b"".join(response.iter_raw())
        assert fault.hits == 1 and len(raw) == int(response.headers["content-length"])
        if encoding == "gzip":
            with pytest.raises(EOFError):
                gzip.decompress(raw)
        assert client.get(url).content == whole


def test_other_answers(server: LoopbackServer, client: httpx.Client) -> None:
    url = feed(server, f"{TABLE}/TableInfos")
    server.fault("html", times=1)
    login = client.get(url)
    assert (login.status_code, login.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "password" in login.text
    server.fault("empty", times=1)
    assert (empty := client.get(url)).content == b"" and empty.status_code == 200
    server.fault("wrong_content_type", times=1, content_type="application/octet-stream")
    odd = client.get(url)
    assert odd.headers["content-type"] == "application/octet-stream" and odd.json()["value"]
    server.fault("redirect", times=1, location="file:///etc/passwd")
    away = client.get(url)
    assert (away.status_code, away.headers["location"]) == (302, "file:///etc/passwd")


def test_reset_close_slow_delay_endless_and_call(server: LoopbackServer, client: httpx.Client) -> None:
    url = feed(server, f"{TABLE}/TableInfos")
    server.fault("reset", times=1)
    with pytest.raises(httpx.ReadError):
        client.get(url)
    server.fault("close", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(url)
    server.fault("slow", times=2, chunk=60, pause=0.03)
    before = time.monotonic()
    assert client.get(url).json()["value"]
    assert time.monotonic() - before > 0.1
    with pytest.raises(httpx.ReadTimeout):
        client.get(url, timeout=0.01)
    server.clear_faults()
    server.fault("delay", times=1, seconds=0.1)
    before = time.monotonic()
    client.get(url)
    assert time.monotonic() - before >= 0.1
    server.fault("endless", times=1)
    received = 0
    with client.stream("GET", url) as response:
        for piece in response.iter_raw():
            received += len(piece)
            if received > 3_000_000:
                break
    assert received > 3_000_000
    server.fault("call", "TypedDataSet", after=1, times=1, function=lambda _: server.set_modified(TABLE, "2030-01-01"))
    pages_of(client, feed(server, f"{TABLE}/TypedDataSet"))
    assert rows_of(client, url)[0]["Modified"] == "2030-01-01"


def test_paging_faults(server: LoopbackServer, client: httpx.Client) -> None:
    url = feed(server, f"{TABLE}/TypedDataSet")
    one, two, three = list(range(10)), list(range(10, 20)), list(range(20, 25))
    fault = server.fault("duplicate_page", "TypedDataSet")
    assert [ids(page) for page in pages_of(client, url)] == [one, one, three]
    assert fault.hits == 1
    server.clear_faults()
    server.fault("missing_page", "TypedDataSet")
    assert [ids(page) for page in pages_of(client, url)] == [one, three]
    server.clear_faults()
    server.fault("missing_page", "TypedDataSet", page=3)
    assert [ids(page) for page in pages_of(client, url)] == [one, two]
    server.clear_faults()
    server.fault("page_loop", "TypedDataSet")
    assert [ids(page) for page in pages_of(client, url, most=5)] == [one, two, one, two, one]
    assert pages_of(client, feed(server, f"{TABLE}/WijkenEnBuurten"))[2][-1]["Key"] == "BU0363AF08"


def test_paging_faults_on_features(server: LoopbackServer, client: httpx.Client) -> None:
    def walk() -> list[list[int]]:
        following: httpx.URL | str | None = items(server, "wijk", limit=10)
        pages: list[list[int]] = []
        while following is not None and len(pages) < 5:
            document = client.get(following).json()
            pages.append([feature["id"] for feature in document["features"]])
            following = next_link(document)
        return pages

    one, two, three = list(range(1, 11)), list(range(11, 21)), list(range(21, 28))
    assert walk() == [one, two, three]
    for kind, expected in (
        ("duplicate_page", [one, one, three]),
        ("missing_page", [one, three]),
        ("page_loop", [one, two, one, two, one]),
    ):
        server.clear_faults()
        server.fault(kind, "wijk_gegeneraliseerd")
        assert walk() == expected, kind


def test_column_faults(server: LoopbackServer, client: httpx.Client) -> None:
    def look(kind: str, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        server.clear_faults()
        server.fault(kind, table=TABLE.lower(), **options)
        described = {row["Key"]: row for row in rows_of(client, feed(server, f"{TABLE}/DataProperties"))}
        typed = rows_of(client, feed(server, f"{TABLE}/TypedDataSet"))[4]
        return described, typed, rows_of(client, feed(server, f"{TABLE}/UntypedDataSet"))[4]

    described, typed, untyped = look("rename_column", old="AantalInwoners_5", new="Inwoners_5")
    assert "Inwoners_5" in described and "AantalInwoners_5" not in described
    assert list(typed) == list(untyped) == ["ID", "WijkenEnBuurten", "SoortRegio_2", "Inwoners_5", "Inkomen_7"]
    described, typed, _ = look("rename_only_in_data", old="AantalInwoners_5", new="Inwoners_5")
    assert "AantalInwoners_5" in described and typed["Inwoners_5"] == 20
    described, typed, untyped = look("remove_column", column="Inkomen_7")
    assert "Inkomen_7" not in described and "Inkomen_7" not in typed and "Inkomen_7" not in untyped
    described, typed, _ = look("add_column", column="Nieuw_9", value=3, unit="km")
    assert described["Nieuw_9"]["Unit"] == "km" and typed["Nieuw_9"] == 3
    assert len({row["ID"] for row in described.values()}) == len(described)
    described, typed, _ = look("change_unit", column="Inkomen_7", unit="euro")
    assert described["Inkomen_7"]["Unit"] == "euro" and typed["Inkomen_7"] == 4.5
    assert look("change_type", column="Inkomen_7", datatype="String")[0]["Inkomen_7"]["Datatype"] == "String"
    _, typed, untyped = look("scale_column", column="AantalInwoners_5", factor=1000)
    assert (typed["AantalInwoners_5"], untyped["AantalInwoners_5"]) == (20000, "   20000")
    _, typed, untyped = look("null_column", column="Inkomen_7")
    assert typed["Inkomen_7"] is None and untyped["Inkomen_7"] == "       ."
    _, typed, untyped = look("decimal_comma")
    assert (typed["Inkomen_7"], untyped["Inkomen_7"], typed["AantalInwoners_5"]) == ("4,5", "     4,5", 20)
    server.clear_faults()
    assert rows_of(client, feed(server, f"{TABLE}/TypedDataSet"))[4]["AantalInwoners_5"] == 20
    assert rows_of(client, feed(server, f"{TYPED_ONLY}/TypedDataSet"))[4]["Inkomen_7"] == 4.5


def test_row_faults_and_counts(server: LoopbackServer, client: httpx.Client) -> None:
    def look() -> tuple[int, int, int]:
        rows = [row for page in pages_of(client, feed(server, f"{TABLE}/TypedDataSet")) for row in page]
        count = int(client.get(feed(server, f"{TABLE}/TypedDataSet/$count")).text)
        return len(rows), count, rows_of(client, feed(server, f"{TABLE}/TableInfos"))[0]["RecordCount"]

    assert look() == (25, 25, 25)
    server.fault("drop_rows", table=TABLE, share=0.4)
    assert look() == (15, 25, 25)
    server.clear_faults()
    server.fault("drop_rows", table=TABLE, share=0.4, update_counts=True)
    assert look() == (15, 15, 15)
    server.clear_faults()
    server.fault("duplicate_rows", table=TABLE, count=2)
    assert look() == (27, 25, 25)
    server.clear_faults()
    server.fault("mutate", table=TABLE, function=lambda rows: [row | {"ID": -row["ID"]} for row in reversed(rows)])
    assert ids(rows_of(client, feed(server, f"{TABLE}/TypedDataSet"))) == [-i for i in range(24, 14, -1)]
    server.fault("mutate", table=TABLE, entity_set="WijkenEnBuurten", function=lambda rows: rows[:1])
    assert len(rows_of(client, feed(server, f"{TABLE}/WijkenEnBuurten"))) == 1
    server.clear_faults()
    assert look() == (25, 25, 25)


def test_mutate_and_drop_features(server: LoopbackServer, client: httpx.Client) -> None:
    def rename(features: Rows) -> Rows:
        for feature in features:
            feature["properties"]["statnaam"] = "anders"
        return features

    server.fault("mutate", table="gemeente_gegeneraliseerd", function=rename)
    server.fault("drop_rows", table="wijk_gegeneraliseerd", share=0.5)
    assert client.get(items(server, "gemeente")).json()["features"][0]["properties"]["statnaam"] == "anders"
    assert client.get(items(server, "wijk", limit=100)).json()["numberReturned"] == 14
    server.clear_faults()
    assert client.get(items(server, "gemeente")).json()["features"][0]["properties"]["statnaam"] == "x"


def test_runs_in_the_foreground(data: Path) -> None:
    command = [sys.executable, "-m", "tests.loopback", "--data", str(data), "--page-size", "10"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(6)]
            found = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            assert set(found) >= {"BEELD_CBS_URL", "BEELD_DERDEN_URL", "BEELD_PDOK_URL"}
            reply = httpx.get(f"{found['BEELD_CBS_URL']}/ODataFeed/odata/{TABLE}/TypedDataSet?$format=json", trust_env=False)
            assert len(reply.json()["value"]) == 10
        finally:
            process.kill()  # where this run itself ignores SIGTERM (nohup, some shells), so does the server


def test_imports_nothing_from_the_product() -> None:
    for path in (REPOSITORY / "tests" / "loopback").glob("*.py"):
        assert not re.search(r"^\s*(?:from|import)\s+beeld", path.read_text(encoding="utf-8"), re.MULTILINE), path
