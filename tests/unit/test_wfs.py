"""WFS and the OGC API as roads to figures and boundaries: signs before arithmetic, pages, ways in order, faults that end well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import pytest
from shapely.geometry import box

from beeld.errors import SourceChanged, SourceUnreachable, UsageError
from beeld.sources import ogc, wfs
from beeld.sources.geometry import to_rd
from tests.unit.web_samples import DECLARED, SAMPLES, Web, opened, rows

LBM, PDOK = DECLARED["leefbaarometer"], DECLARED["pdok_wijken_buurten"]
BORDERS = DECLARED["cbs_grenzen"]


@pytest.fixture
def web(tmp_path: Path, fast_retries: list[float]) -> Iterator[Web]:
    """The samples on a server; waiting takes no time."""
    with opened(tmp_path) as found:
        yield found


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database."""
    with closing(duckdb.connect()) as connection:
        yield connection


def test_leefbaarometer(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """Classes and deviations per gemeente, wijk and buurt, of the year that the service states; a missing one is not zero."""
    staged = web.staged(con, LBM, "gemeentescore24", "wijkscore24", "buurtscore24")
    assert [(piece.years, piece.rows) for piece in staged] == [((2024,), 1), ((2024,), 1), ((2024,), 5)]
    found = {row[0]: row[1:] for row in rows(con, "leefbaarometer", "naam", "klasse", "afwijking", "afwijking_voorzieningen")}
    assert found["BU90010101"] == (2024, "Molenhof", 4.0, -0.1, 0.0)
    assert found["GM9001"] == (2024, "Voorbeeldstad", 6.0, 0.05, 0.0)
    unknown = rows(con, "leefbaarometer", "klasse_overlast_onveiligheid", "klasse_overlast_onveiligheid_status")
    assert ("BU90010105", 2024, None, "onbekend") in unknown


def test_zwak_is_above_onvoldoende() -> None:
    """The names of the classes are counter-intuitive (facts/CBS.md section 10); the declaration says so to readers."""
    assert "zwak (4) ligt boven onvoldoende (3)" in LBM.toelichting


def test_signs_become_a_status_before_any_arithmetic(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """-99997 geheim, -99995 and -99991 niet_geleverd, any other below -90000 onbekend; a real 0 stays 0."""
    web.staged(con, PDOK, "buurten_2024")
    found = rows(con, "pdok_wijken_buurten", "percentage_0_15", "percentage_0_15_status")
    assert [(code[-1], value, status) for code, _, value, status in found] == [
        ("1", 20.0, "ok"),
        ("2", 12.0, "ok"),
        ("3", None, "geheim"),
        ("4", None, "niet_geleverd"),
        ("5", None, "niet_geleverd"),
        ("6", None, "onbekend"),
    ]
    (lowest,) = con.execute("select min(least(aantal_inwoners, percentage_0_15)) from basis.pdok_wijken_buurten").fetchall()
    assert lowest == (0.0,)


def test_water_and_foreign_areas_do_not_count(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """`water` NEE only: GM9001 stands there twice, once as water, and GM0998 is abroad."""
    web.staged(con, PDOK, "gemeenten_2024", "wijken_2024", "buurten_2024")
    found = rows(con, "pdok_wijken_buurten", "aantal_inwoners", "aantal_inwoners_status")
    assert [row for row in found if row[0][:2] != "BU"] == [("GM9001", 2024, 2418.0, "ok"), ("WK900101", 2024, 2415.0, "ok")]
    assert len(found) == 8


def test_figures_come_without_geometry(web: Web) -> None:
    """Only the declared fields are asked for, and nothing of a shape comes along."""
    snapshot = web.fetch(PDOK, "buurten_2024")
    content = json.loads(snapshot.read("items-0001"))
    assert {feature["geometry"] is None for feature in content["features"]} == {True}
    assert "mannen" not in content["features"][0]["properties"]
    assert snapshot.url.endswith("/wfs/cbs/wijkenbuurten/2024/wfs/v1_0")


def test_the_ogc_api_stands_in_for_wfs_and_says_so(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """Both ways give the same table."""
    web.staged(con, PDOK, "buurten_2024")
    first = rows(con, "pdok_wijken_buurten", "aantal_inwoners", "percentage_0_15", "percentage_0_15_status")
    web.server.down("wfs")
    web.staged(con, PDOK, "buurten_2024")
    assert rows(con, "pdok_wijken_buurten", "aantal_inwoners", "percentage_0_15", "percentage_0_15_status") == first
    assert any("pdok_wijken_buurten buurten_2024: read by ogc_features, because" in line for line in web.said)


@pytest.mark.bronfout
def test_both_ways_down_is_one_message(web: Web) -> None:
    web.server.down("wfs")
    web.server.down("pdok")
    with pytest.raises(SourceUnreachable, match=r"pdok_wijken_buurten buurten_2024: .*The other ways failed too"):
        web.fetch(PDOK, "buurten_2024")
    assert web.archived() == []


@pytest.fixture
def borders(tmp_path: Path, fast_retries: list[float]) -> Iterator[Web]:
    """Generalised boundaries of two years on both services."""
    for year in (2022, 2024):
        features = [
            {
                "type": "Feature",
                "properties": {"statcode": code, "statnaam": f"Naam {code}", "jrstatcode": f"{year}{code}"},
                "geometry": {"type": "Polygon", "coordinates": [[[x, 4e5], [x + 100, 4e5], [x + 100, 400100], [x, 4e5]]]},
            }
            for code, x in (("GM9001", 150_000), ("GM9002", 151_000))
        ]
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
        place = tmp_path / "data" / "geo" / f"gemeente_{year}.geojson"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), encoding="utf-8")
    with opened(tmp_path, data=tmp_path / "data") as found:
        yield found


def test_boundaries_over_wfs_are_those_of_the_ogc_api(borders: Web) -> None:
    """The fall-back is the same generalised set of the same year: here even the same snapshot, for it says the same."""
    table = BORDERS.table("gemeente_gegeneraliseerd")
    first = borders.fetch(BORDERS, table.tabel)
    borders.server.clear_log()
    borders.server.down("pdok")
    second = borders.fetch(BORDERS, table.tabel)
    assert [entry.path for entry in borders.server.data_page_requests() if entry.status] == [
        "/wfs/cbs/gebiedsindelingen/2024/wfs/v1_0"
    ]
    assert second.sha256 == first.sha256
    frame = to_rd(ogc.read_features(second, table.jaren), "x")
    assert list(zip(frame.code, frame.year, strict=True)) == [("GM9001", 2024), ("GM9002", 2024)]
    assert any("read by wfs" in line for line in borders.said)


def test_an_older_year_is_taken_when_the_newest_has_no_service(borders: Web) -> None:
    borders.server.down("pdok")
    borders.server.fault("status", "/cbs/gebiedsindelingen/2024/", code=404)
    snapshot = borders.fetch(BORDERS, "gemeente_gegeneraliseerd")
    assert {feature.year for feature in ogc.read_features(snapshot, (2024, 2023, 2022))} == {2022}


def geopackage(path: Path, layer: str = "buurten", **columns: list[Any]) -> Path:
    """A GeoPackage with one layer in RD New."""
    shapes = [box(150_000 + 100 * n, 400_000, 150_100 + 100 * n, 400_100) for n in range(len(next(iter(columns.values()))))]
    gpd.GeoDataFrame(columns, geometry=shapes, crs=28992).to_file(path, layer=layer, engine="pyogrio")
    return path


def test_a_geopackage_on_this_machine_goes_before_every_service(web: Web, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Figures from a file, without a request; the archive keeps the layer and the sha256 of the file."""
    path = geopackage(
        tmp_path / "wijkenbuurten_2024.gpkg",
        buurtcode=["BU90010101", "BU90010102", "BU90010197"],
        buurtnaam=["Molenhof", "Kerkakker", ""],
        water=["NEE", "NEE", "JA"],
        jaar=[2024, 2024, 2024],
        aantal_inwoners=[1200, -99997, -99997],
    )
    local = web.with_file("pdok_wijken_buurten", path)
    local.staged(con, PDOK, "buurten_2024")
    assert rows(con, "pdok_wijken_buurten", "aantal_inwoners", "aantal_inwoners_status") == [
        ("BU90010101", 2024, 1200.0, "ok"),
        ("BU90010102", 2024, None, "geheim"),
    ]
    assert web.server.log == []
    snapshot = local.fetch(PDOK, "buurten_2024")
    assert local.mark(PDOK, "buurten_2024") == f"bestand {json.loads(snapshot.read('items-0001'))['sha256']}"
    assert snapshot.url == "file:wijkenbuurten_2024.gpkg"


def test_boundaries_from_a_geopackage(web: Web, tmp_path: Path) -> None:
    """Detailed attributes (buurtcode, jaar, water) are read like statcode and jrstatcode; water is no area."""
    path = geopackage(
        tmp_path / "grenzen.gpkg",
        layer="buurt_gegeneraliseerd",
        buurtcode=["BU90010101", "BU90010197"],
        buurtnaam=["Molenhof", ""],
        gemeentecode=["GM9001", "GM9001"],
        jaar=[2024, 2024],
        water=["NEE", "JA"],
    )
    snapshot = web.with_file("cbs_grenzen", path).fetch(BORDERS, "buurt_gegeneraliseerd")
    frame = to_rd(ogc.read_features(snapshot, (2024,)), "x")
    assert [(row.code, row.year, row.geometry.area) for row in frame.itertuples()] == [("BU90010101", 2024, 10_000.0)]


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("kaart.zip", b"PK", UsageError, "is no GeoPackage"),
        ("weg.gpkg", None, UsageError, "cannot be read"),
        ("nep.gpkg", b"<html>log in</html>", SourceChanged, "is no GeoPackage"),
    ],
)
def test_a_file_that_is_none_is_refused(
    web: Web, tmp_path: Path, name: str, content: bytes | None, error: type[Exception], message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        web.with_file("pdok_wijken_buurten", tmp_path / name).fetch(PDOK, "buurten_2024")
    assert web.archived() == []


GET = r"request=GetFeature&.*count="
BUURT = "buurtscore24"


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("status", {"code": 500}, SourceUnreachable),
        ("status", {"code": 503, "retry_after": 1}, SourceUnreachable),
        ("status", {"code": 429}, SourceUnreachable),
        ("reset", {}, SourceUnreachable),
        ("close", {}, SourceUnreachable),
        ("truncate_body", {}, SourceUnreachable),
        ("truncate_transfer", {}, SourceUnreachable),
        ("truncate_gzip", {}, SourceUnreachable),
        ("html", {}, SourceChanged),
        ("empty", {}, SourceChanged),
        ("wrong_content_type", {}, SourceChanged),
        ("redirect", {"location": "http://127.0.0.1:9/elders"}, SourceChanged),
        ("redirect", {"location": "file:///etc/passwd"}, SourceChanged),
    ],
)
@pytest.mark.parametrize("request_of", [GET, "DescribeFeatureType", "resultType=hits"])
def test_faults_of_a_service_keep_the_archive_clean(
    web: Web, kind: str, options: dict[str, Any], error: type[Exception], request_of: str
) -> None:
    """Each ends with one message that names source and table, and nothing reaches the archive."""
    fault = web.server.fault(kind, request_of, **options)
    if request_of != GET and kind == "wrong_content_type":  # XML is read whatever its label says
        assert web.fetch(LBM, BUURT).rijen == 5
        return
    with pytest.raises(error, match=rf"leefbaarometer {BUURT}"):
        web.fetch(LBM, BUURT)
    assert fault.hits > 0
    assert web.archived() == []


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("duplicate_page", {"page": 2}, "delivers a feature twice"),
        ("drop_rows", {"share": 0.3}, r"stops after \d of 5|it said 5"),
        ("duplicate_rows", {"count": 2}, "delivers a feature twice"),
        (
            "mutate",
            {"function": lambda rows: [_renamed(row, "kscore", "kscor") for row in rows]},
            r"kscore \(klasse\) is missing or renamed; nearest unclaimed field: kscor",
        ),
        (
            "mutate",
            {"function": lambda rows: [_changed(row, kscore="4,2") for row in rows]},
            r"column kscore \(klasse\) holds '4,2'",
        ),
        ("mutate", {"function": lambda rows: [_changed(row, kscore=True) for row in rows]}, "changed its type"),
        (
            "mutate",
            {"function": lambda rows: [_changed(row, year="2022") for row in rows]},
            "delivers 2022 where 2024 is declared",
        ),
    ],
)
def test_faults_in_the_features_are_refused(
    web: Web, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(wfs, "COUNT", 2)
    web.server.fault(kind, table=BUURT, **options)
    with pytest.raises((SourceChanged, SourceUnreachable), match=message):
        web.fetch(LBM, BUURT)
    assert web.archived() == []


def _changed(row: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {**row, "properties": {**row["properties"], **properties}}


def _renamed(row: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {**row, "properties": {new if key == old else key: value for key, value in row["properties"].items()}}


def test_pages_are_joined_whatever_their_size(web: Web, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    web.staged(con, LBM, BUURT)
    whole = rows(con, "leefbaarometer", "klasse", "afwijking")
    monkeypatch.setattr(wfs, "COUNT", 2)
    (piece,) = web.staged(con, LBM, BUURT)
    assert piece.snapshot.names("items-") == ["items-0001", "items-0002", "items-0003"]
    assert rows(con, "leefbaarometer", "klasse", "afwijking") == whole


@pytest.mark.bronfout
def test_ten_per_cent_fewer_records_than_before_is_refused(web: Web) -> None:
    first = web.fetch(LBM, BUURT)
    web.server.fault("drop_rows", table=BUURT, share=0.3, update_counts=True)
    with pytest.raises(SourceChanged, match=r"delivers 4 records; the previous delivery had 5|delivers 3 records"):
        web.fetch(LBM, BUURT, first)


def test_a_look_asks_for_no_page_and_is_the_same_until_the_layer_changes(web: Web) -> None:
    """Two small questions per layer: its fields, and how many features it has."""
    first = web.mark(LBM, BUURT)
    assert web.mark(LBM, BUURT) == first
    assert len(web.server.log) == 4
    assert web.server.data_page_requests() == []
    web.server.fault("drop_rows", table=BUURT, share=0.2, update_counts=True)
    assert web.mark(LBM, BUURT) != first


def test_a_layer_that_no_way_leads_to_is_not_listed(web: Web) -> None:
    """404 everywhere means that the table does not exist, which is no fault of the service; 404 here and down there is."""
    web.server.fault("status", "buurten", code=404)
    web.server.fault("status", "wijken-en-buurten", code=404)
    assert web.mark(PDOK, "buurten_2024") is None
    web.server.down("pdok")
    with pytest.raises(SourceUnreachable, match="buurten_2024: answers 404"):
        web.fetch(PDOK, "buurten_2024")


def test_another_kind_of_area_is_refused(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """A layer of wijken under the name of buurten."""
    wrong = LBM.model_copy(
        update={"tabellen": tuple(t.model_copy(update={"soort": "wijk"}) if t.tabel == BUURT else t for t in LBM.tabellen)}
    )
    with pytest.raises(SourceChanged, match="delivers BU90010101, which is no wijk"):
        web.staged(con, wrong, BUURT)


@pytest.mark.bronfout
@pytest.mark.parametrize(("kind", "message"), [("page_loop", "twice"), ("duplicate_page", "twice"), ("missing_page", None)])
def test_pages_of_the_ogc_api(web: Web, monkeypatch: pytest.MonkeyPatch, kind: str, message: str | None) -> None:
    """The collection does not say how many features it has: a page that is passed over shows in the count of the next look."""
    monkeypatch.setattr(ogc, "LIMIT", 2)
    web.server.down("wfs")
    first = web.fetch(PDOK, "buurten_2024")
    assert first.rijen == 8
    web.server.fault(kind, table="buurten", page=3)
    with pytest.raises(SourceChanged, match=message or r"delivers 6 records; the previous delivery had 8"):
        web.fetch(PDOK, "buurten_2024", first)


@pytest.mark.bronfout
@pytest.mark.parametrize("body", ['{"content_crs": 1, "features": []}', '{"content_crs": 1, "body": 2}'])
def test_a_collection_that_looks_like_our_envelope_is_judged_as_any_other(web: Web, body: str) -> None:
    """The CRS of a header is kept beside the body; what a service says under that name is not taken for it."""
    web.server.down("wfs")
    web.server.fault("status", r"/items\?", code=200, body=body)
    with pytest.raises(SourceChanged, match="buurten_2024"):
        web.fetch(PDOK, "buurten_2024")
    assert web.archived() == []


def test_every_declared_table_has_a_sample() -> None:
    for source in (LBM, PDOK):
        for table in source.tabellen:
            assert list((SAMPLES / "web").rglob(f"{(table.laag or table.tabel).rpartition(':')[2]}.geojson")), table.tabel
