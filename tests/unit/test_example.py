"""The embedded example: the same country every time, in the sources' wire format, read by the readers as they are."""

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import shapely
from shapely.geometry import shape

from beeld.settings import SERVICES, Settings, project_folder
from beeld.sources import fetch, geometry, http, odata_v3, ogc
from beeld.sources.declarations import Source, load_sources, with_example_expectations
from beeld.sources.declaring import read_yaml
from beeld.sources.example.generate import DEFAULT_BUURTEN, generate
from beeld.sources.example.transport import PAGE_ROWS, ExampleTransport
from beeld.sources.fetch import Delivered

SMALL = 150
CODE = re.compile(r"^(NL\d\d|GM\d{4}|WK\d{4}[0-9A-Z]{2}|BU\d{4}[0-9A-Z]{4})$")
RD_NEW = "http://www.opengis.net/def/crs/EPSG/0/28992"
TABLES = {
    "84799NED": "opendata.cbs.nl",
    "85984NED": "opendata.cbs.nl",
    "50090NED": "dataderden.cbs.nl",
    "47022NED": "dataderden.cbs.nl",
}
TEXTS = {"Gemeentenaam_1": 40, "SoortRegio_2": 10, "WijkenEnBuurten": 10}
Rows = list[dict[str, Any]]
Read = Callable[[str, str], Rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in its smallest useful size."""
    folder = tmp_path_factory.mktemp("voorbeeld")
    generate(folder, buurten=SMALL)
    return folder


@pytest.fixture(scope="module")
def read(folder: Path) -> Read:
    """Rows of an entity set as written."""
    return lambda table, name: rows_of(folder, table, name)


def rows_of(folder: Path, table: str, name: str) -> Rows:
    return orjson.loads(gzip.decompress((folder / "odata_v3" / TABLES[table] / table / f"{name}.json.gz").read_bytes()))["value"]


def shapes_of(folder: Path, kind: str) -> dict[str, Any]:
    content = orjson.loads(gzip.decompress((folder / "geo" / f"{kind}_2024.geojson.gz").read_bytes()))
    assert content["crs"]["properties"]["name"].endswith("28992")
    for feature in content["features"]:
        code = feature["properties"]["statcode"]
        assert feature["properties"]["jrstatcode"] == f"2024{code}"
    return {feature["properties"]["statcode"]: shape(feature["geometry"]) for feature in content["features"]}


def fingerprints(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# ---------------------------------------------------------------- the same country every time


def test_same_arguments_give_the_same_bytes_and_another_seed_another_country(folder: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again", buurten=SMALL)
    generate(tmp_path / "other", buurten=SMALL, seed=7)
    first, again, other = (fingerprints(place) for place in (folder, tmp_path / "again", tmp_path / "other"))
    assert first == again
    assert first.keys() == other.keys()
    same = {Path(name).name for name in first if first[name] == other[name]}
    structure = {"DataProperties", "Perioden", "Leeftijd", "Marges", "SoortMisdrijf", "TableInfos"}
    assert same <= {f"{name}.json.gz" for name in structure}


def test_default_country_is_the_one_that_the_declarations_expect(tmp_path: Path) -> None:
    generate(tmp_path)
    sources = with_example_expectations(
        load_sources(project_folder() / "sources"), project_folder() / "sources" / "voorbeeld.yaml"
    )
    for table in sources["cbs_kwb"].tabellen:
        rows = rows_of(tmp_path, table.tabel, "TypedDataSet")
        low, high = table.verwacht.rijen or (0, 0)
        assert low <= len(rows) <= high
        (known,) = table.verwacht.bekend
        (row,) = [row for row in rows if row["Codering_3"].strip() == known.gebied]
        assert (known.kolom, row["AantalInwoners_5"]) == ("aantal_inwoners", known.waarde)
    assert len(shapes_of(tmp_path, "buurt")) == DEFAULT_BUURTEN


def test_too_small_a_country_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least"):
        generate(tmp_path, buurten=10)


# ---------------------------------------------------------------- wire format


@pytest.mark.parametrize("table", TABLES)
def test_table_describes_itself(read: Read, folder: Path, table: str) -> None:
    (info,) = read(table, "TableInfos")
    regions = {row["Key"] for row in read(table, "WijkenEnBuurten")}
    properties = read(table, "DataProperties")
    announced = {row["Key"] for row in properties if row["Type"] != "TopicGroup"}
    assert info["Identifier"] == table
    assert info["Modified"] == "2026-07-01T02:00:00"
    assert [row["ID"] for row in properties] == list(range(len(properties)))
    sets = [name for name in ("TypedDataSet", "UntypedDataSet") if (data_path(folder, table, name)).is_file()]
    assert sets
    for name in sets:
        rows = read(table, name)
        assert len(rows) == info["RecordCount"]
        assert rows[0].keys() - {"ID"} == announced
        assert [row["ID"] for row in rows] == list(range(len(rows)))
        assert {row["WijkenEnBuurten"] for row in rows} <= regions
        assert all(CODE.match(row["WijkenEnBuurten"].strip()) for row in rows)
        assert {(key, len(row[key])) for row in rows for key in TEXTS} == set(TEXTS.items())


def data_path(folder: Path, table: str, name: str) -> Path:
    return folder / "odata_v3" / TABLES[table] / table / f"{name}.json.gz"


def test_titles_and_texts_carry_the_awkward_spaces_of_the_source(read: Read) -> None:
    titles = {row["Key"]: row["Title"] for row in read("84799NED", "DataProperties")}
    assert titles["GemiddeldInkomenPerInwoner_72"] == "Gemiddeld inkomen per inwoner\xa0"
    postcodes = {row["MeestVoorkomendePostcode_113"] for row in read("84799NED", "TypedDataSet")}
    assert "         ." in postcodes
    assert all(len(code) == 10 and (code.strip() == "." or code.strip().isdigit()) for code in postcodes)
    assert {len(row["Codering_3"]) for row in read("50090NED", "UntypedDataSet")} == {20}
    assert {row["Key"] for row in read("47022NED", "SoortMisdrijf")} == {"0.0.0 ", "1.1.1 "}


def test_names_are_hostile_and_one_code_has_letters(read: Read) -> None:
    regions = {row["Key"].strip(): row["Title"] for row in read("85984NED", "WijkenEnBuurten")}
    assert regions["GM9001"] == "Voorbeeldstad"
    assert {"'s-Voorbeeld", "Kortenbosch & Lommer", "Súd-Verzonnen", "Hoek (V.)", "De <Hoek>"} <= set(regions.values())
    assert "BU9001AF08" in regions
    assert Counter(code[:2] for code in regions if code[2:6] == "9001") == {"GM": 1, "WK": 3, "BU": 12}


def test_every_kind_of_missing_occurs(read: Read) -> None:
    health = Counter(str(value).strip() for row in read("50090NED", "UntypedDataSet") for value in row.values())
    assert all(health[mark] for mark in (".", "x", "-", ""))
    secret = next(row for row in read("85984NED", "UntypedDataSet") if row["Codering_3"] == "BU90010201")
    assert secret["Koopwoningen_47"] == "         x"
    assert secret["PersonenPerSoortUitkeringWW_89"] == "         ."
    crimes = [row["GeregistreerdeMisdrijven_4"] for row in read("47022NED", "TypedDataSet")]
    assert None in crimes
    typed = read("84799NED", "TypedDataSet")
    filled = {key for row in typed for key, value in row.items() if value is not None}
    assert "NettoArbeidsparticipatie_67" in typed[0].keys() - filled
    assert "PersonenPerSoortUitkeringBijstand_83" in filled


def test_untyped_and_typed_say_the_same(read: Read) -> None:
    def number(text: Any) -> Any:
        return None if str(text).strip() in (".", "x") else float(text)

    keys = [row["Key"] for row in read("85984NED", "DataProperties") if row.get("Datatype") in ("Long", "Double")]
    for typed, untyped in zip(read("85984NED", "TypedDataSet"), read("85984NED", "UntypedDataSet"), strict=True):
        assert {key: typed[key] for key in keys} == {key: number(untyped[key]) for key in keys}


def test_monthly_rows_and_other_crimes_exist_for_the_example_gemeente_only(read: Read) -> None:
    rows = read("47022NED", "TypedDataSet")
    others = [row for row in rows if "MM" in row["Perioden"] or row["SoortMisdrijf"] != "0.0.0 "]
    assert {row["Codering_3"][2:6] for row in others} == {"9001"}
    assert {row["SoortRegio_2"].strip() for row in rows} == {"Gemeente", "Buurt"}
    statuses = {row["Key"]: row["Status"] for row in read("47022NED", "Perioden")}
    assert statuses["2025JJ00"] == "Voorlopig"
    assert Counter(statuses.values())["Voorlopig"] == 1


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize(("table", "households"), [("84799NED", "HuishoudensTotaal_28"), ("85984NED", "HuishoudensTotaal_29")])
def test_counts_are_rounded_in_one_direction_per_gemeente(read: Read, table: str, households: str) -> None:
    rows = read(table, "TypedDataSet")
    below = [row for row in rows if row["Codering_3"][:2] in ("WK", "BU")]
    for key in ("AantalInwoners_5", "Mannen_6", "k_65JaarOfOuder_12", "Eenpersoonshuishoudens", households):
        name = next(column for column in below[0] if column.startswith(key))
        assert all(row[name] % 5 == 0 for row in below)
    gemeenten = {row["Codering_3"].strip(): row for row in rows if row["Codering_3"].startswith("GM")}
    for code, whole in gemeenten.items():
        buurten = [row for row in below if row["Codering_3"][:6] == f"BU{code[2:]}"]
        for key in ("Vrouwen_7", "k_0Tot15Jaar_8", "k_65JaarOfOuder_12", households):
            parts = np.array([row[key] for row in buurten])
            assert abs(parts.sum() - whole[key]) <= 4 * len(parts)
    exact = [gemeente["AantalInwoners_5"] for gemeente in gemeenten.values()]
    assert sum(exact) == rows[0]["AantalInwoners_5"]
    assert any(value % 5 for value in exact)


def test_rounding_moves_every_cell_of_a_gemeente_the_same_way() -> None:
    from beeld.sources.example.geometry import build_land
    from beeld.sources.example.rounding import direction, to_five, to_ten
    from beeld.sources.example.world import WIJK, build_world

    world = build_world(build_land(SMALL, 3), 3)
    division = world.divisions[2024]
    true = division.total(world.inhabitants[2024])
    sign = direction(3, 2024, "AantalInwoners", len(world.gemeente_names))
    error = to_five(true, division, sign) - true
    assert set(np.unique(error)) <= set(range(-4, 5))
    assert not error[division.kind < WIJK].any()
    assert not error[true % 5 == 0].any()
    for gemeente in range(len(world.gemeente_names)):
        moved = error[division.gemeente == gemeente]
        assert (moved * sign[gemeente] >= 0).all()
    ten = to_ten(true, division)
    assert set(np.unique(ten[division.kind >= WIJK] % 10)) == {0.0}
    assert np.abs(ten - true).max() <= 5


def test_people_without_address_count_for_the_gemeente_only(read: Read) -> None:
    rows = {row["Codering_3"].strip(): row for row in read("85984NED", "TypedDataSet")}
    wijken = sum(row["AantalInwoners_5"] for code, row in rows.items() if code.startswith("WK"))
    assert 0 < rows["NL00"]["AantalInwoners_5"] - wijken < 2000
    for key in ("Mannen_6", "Vrouwen_7"):
        assert rows["NL00"][key] == sum(row[key] for code, row in rows.items() if code.startswith("GM"))
    assert rows["NL00"]["Mannen_6"] + rows["NL00"]["Vrouwen_7"] == rows["NL00"]["AantalInwoners_5"]


def test_example_gemeente_has_the_cases_that_it_is_for(read: Read) -> None:
    new, old = (
        {row["Key"].strip(): row["Title"] for row in read(table, "WijkenEnBuurten")} for table in ("85984NED", "84799NED")
    )
    flags = {row["Codering_3"].strip(): row["IndelingswijzigingWijkenEnBuurten_4"] for row in read("84799NED", "TypedDataSet")}
    assert "BU90010104" not in old, "split after 2020"
    assert new["BU90010202"] != old["BU90010202"], "code used again"
    assert (flags["BU90010103"], flags["BU90010202"], flags["GM9001"]) == ("3", "3", ".")
    people = {row["Codering_3"].strip(): row["AantalInwoners_5"] for row in read("85984NED", "TypedDataSet")}
    assert people["BU90010203"] == 0
    assert 0 < people["BU9001AF09"] < 200
    assert people["GM9001"] > 15_000
    renumbered = [code for code in new if code.startswith("BU9102")]
    assert renumbered
    assert not set(renumbered) & set(old)


def test_troubled_buurt_stands_out_in_independent_themes_and_the_strong_one_in_strengths(read: Read) -> None:
    health = {
        row["Codering_3"].strip(): row
        for row in read("50090NED", "UntypedDataSet")
        if row["Leeftijd"] == "20300" and row["Perioden"] == "2020JJ00"
    }
    people = {row["Codering_3"].strip(): row["AantalInwoners_5"] for row in read("85984NED", "TypedDataSet")}
    crime = {
        row["Codering_3"].strip(): row["GeregistreerdeMisdrijven_4"]
        for row in read("47022NED", "TypedDataSet")
        if (row["SoortMisdrijf"], row["Perioden"]) == ("0.0.0 ", "2024JJ00") and row["GeregistreerdeMisdrijven_4"] is not None
    }
    buurten = [code for code, number in people.items() if code.startswith("BU") and number >= 200 and code in crime]

    def share_below(values: dict[str, float], code: str) -> float:
        return sum(value < values[code] for value in values.values()) / len(values)

    rates = {code: crime[code] / people[code] for code in buurten}
    assert share_below(rates, "BU90010102") > 0.9
    for column in ("MoeiteMetRondkomen_38", "Eenzaam_28", "HoogRisicoOpAngstOfDepressie_25"):
        known = {code: row[column].strip() for code, row in health.items() if people.get(code, 0) >= 200}
        values = {code: float(text) for code, text in known.items() if text not in (".", "x", "-")}
        assert share_below(values, "BU90010102") > 0.9
        assert share_below(values, "BU9001AF08") < 0.2
    volunteers = {code: float(health[code]["Vrijwilligerswerk_33"]) for code in ("BU9001AF08", "NL01", "BU90010102")}
    assert volunteers["BU90010102"] < volunteers["NL01"] < volunteers["BU9001AF08"]


# ---------------------------------------------------------------- boundaries


def test_boundaries_are_valid_and_tile_the_land(folder: Path) -> None:
    layers = {kind: shapes_of(folder, kind) for kind in ("gemeente", "wijk", "buurt")}
    areas = {kind: sum(polygon.area for polygon in layer.values()) for kind, layer in layers.items()}
    assert len(layers["buurt"]) == SMALL
    assert areas["buurt"] == areas["wijk"] == areas["gemeente"]
    for layer in layers.values():
        polygons = np.array(list(layer.values()), dtype=object)
        assert shapely.is_valid(polygons).all()
        assert shapely.coverage_is_valid(polygons)
        points = shapely.get_coordinates(polygons)
        assert (points == np.rint(points)).all()
        assert (points > (0, 300_000)).all()
        assert (points < (280_000, 625_000)).all()
    for wijk, polygon in layers["wijk"].items():
        parts = [part for code, part in layers["buurt"].items() if code[2:8] == wijk[2:]]
        assert shapely.union_all(parts).equals(polygon)
    holes = sum(len(part.interiors) for polygon in layers["buurt"].values() for part in shapely.get_parts(polygon))
    assert holes == 1
    assert Counter(polygon.geom_type for polygon in layers["buurt"].values()) == {
        "Polygon": SMALL - 1,
        "MultiPolygon": 1,
    }
    mainland, island = sorted(shapely.get_parts(layers["gemeente"]["GM9001"]), key=lambda part: -part.area)
    assert island.area < 0.01 * mainland.area, "the example gemeente hangs together, but for its island"


# ---------------------------------------------------------------- through the readers


@pytest.fixture
def sources() -> dict[str, Source]:
    """The sources and tables that the example delivers."""
    path = project_folder() / "sources" / "voorbeeld.yaml"
    declared = with_example_expectations(load_sources(path.parent), path)
    return {name: source for name, source in declared.items() if name in read_yaml(path)}


@pytest.fixture
def client(folder: Path) -> Any:
    with http.open_client(ExampleTransport(folder)) as client:
        yield client


@pytest.fixture
def delivered(
    client: httpx.Client, sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Delivered]:
    """Every declared table, fetched through the transport; waiting for another try is a failure."""

    def no_waiting(seconds: float) -> None:
        raise AssertionError(f"the transport made the reader wait {seconds} s")

    monkeypatch.setattr(http, "_sleep", no_waiting)
    settings = Settings(
        home=tmp_path, project=project_folder(), urls={name: url for name, (_, url) in SERVICES.items()}, example=True
    )
    look = fetch.Look(settings, client, strict=True)
    found = {one.table.tabel: one for one in fetch.deliveries(look, sources)}
    assert not any(one.fetched for one in fetch.deliveries(look, sources)), "nothing changed, nothing is fetched again"
    return found


def test_readers_archive_every_declared_table_as_generated(
    delivered: dict[str, Delivered], sources: dict[str, Source], read: Read
) -> None:
    declared = {table.tabel for source in sources.values() for table in source.tabellen}
    assert {name for name, one in delivered.items() if one.status == "actueel" and not one.warning} == declared
    for table in TABLES:
        one = delivered[table]
        assert one.snapshot is not None
        name = odata_v3.data_set_of(one.snapshot)
        assert name == ("UntypedDataSet" if table in ("85984NED", "50090NED") else "TypedDataSet")
        archived = [row for page in odata_v3.read_rows(one.snapshot, name) for row in page]
        expected = read(table, name)
        if table == "47022NED":
            expected = [row for row in expected if row["SoortMisdrijf"] == "0.0.0 " and row["Perioden"].endswith("JJ00")]
        assert sorted(archived, key=lambda row: row["ID"]) == expected
        layout = odata_v3.read_layout(one.snapshot, one.source, one.table)
        assert set(one.table.verplicht) <= layout.columns.keys()


def test_readers_get_the_boundaries(delivered: dict[str, Delivered], folder: Path) -> None:
    for kind in ("gemeente", "wijk", "buurt"):
        one = delivered[f"{kind}_gegeneraliseerd"]
        assert one.snapshot is not None
        frame = geometry.to_rd(ogc.read_features(one.snapshot, one.table.jaren), kind)
        expected = shapes_of(folder, kind)
        assert frame["code"].tolist() == sorted(expected)
        assert frame["year"].unique().tolist() == [2024]
        assert all(got.equals(expected[code]) for code, got in zip(frame["code"], frame.geometry, strict=True))


# ---------------------------------------------------------------- the transport itself


FEED = "https://opendata.cbs.nl/ODataFeed/odata/85984NED"
ITEMS = "https://api.pdok.nl/cbs/gebiedsindelingen/ogc/v1/collections/buurt_gegeneraliseerd/items"


def test_feed_is_paged_with_absolute_next_links(tmp_path: Path) -> None:
    table = tmp_path / "odata_v3" / "opendata.cbs.nl" / "99999NED"
    table.mkdir(parents=True)
    rows = [{"ID": number, "Soort": "A " if number % 2 else "B "} for number in range(2 * PAGE_ROWS + 5)]
    (table / "TypedDataSet.json.gz").write_bytes(gzip.compress(orjson.dumps({"odata.metadata": "", "value": rows}), 1))
    with http.open_client(ExampleTransport(tmp_path)) as client:
        target: str | None = "https://opendata.cbs.nl/ODataFeed/odata/99999ned/TypedDataSet?$format=json"
        pages: list[Rows] = []
        while target is not None:
            assert target.startswith("https://opendata.cbs.nl/")
            reply = client.get(target).json()
            pages.append(reply["value"])
            target = reply.get("odata.nextLink")
        assert [len(page) for page in pages] == [PAGE_ROWS, PAGE_ROWS, 5]
        assert [row for page in pages for row in page] == rows
        counted = client.get("https://opendata.cbs.nl/ODataFeed/odata/99999NED/TypedDataSet/$count?$filter=Soort eq 'A '")
        assert counted.text == str(PAGE_ROWS + 2)


def test_filters_compare_padded_keys_and_top_limits(client: httpx.Client) -> None:
    url = f"{FEED}/TypedDataSet?$format=json"
    assert client.get(f"{url}&$filter=WijkenEnBuurten eq 'GM9001'").json()["value"] == []
    (row,) = client.get(f"{url}&$filter=WijkenEnBuurten eq 'GM9001    '").json()["value"]
    assert row["Gemeentenaam_1"].strip() == "Voorbeeldstad"
    assert len(client.get(f"{url}&$top=3").json()["value"]) == 3
    assert client.get(f"{url}&$filter=startswith(WijkenEnBuurten,'GM')").status_code == 400
    assert client.get(f"{url}&$top=many").status_code == 400
    both = f"{FEED}/WijkenEnBuurten/$count?$filter=Key eq 'BU90010201' and Title eq 'De <Hoek>'"
    assert client.get(both).text == "1"


def test_features_are_paged_by_cursor_and_only_in_rd(client: httpx.Client) -> None:
    target: str | None = str(httpx.URL(ITEMS, params={"f": "json", "limit": 40, "crs": RD_NEW, "jaarcode": 2024}))
    codes: list[str] = []
    while target is not None:
        reply = client.get(target)
        assert reply.headers["content-crs"] == f"<{RD_NEW}>"
        codes += [feature["properties"]["statcode"] for feature in reply.json()["features"]]
        target = next((link["href"] for link in reply.json()["links"] if link["rel"] == "next"), None)
    assert len(codes) == len(set(codes)) == SMALL
    assert len(client.get(ITEMS, params={"crs": RD_NEW}).json()["features"]) == 10
    assert client.get(ITEMS, params={"crs": RD_NEW, "jaarcode": 2020}).json()["features"] == []
    assert client.get(ITEMS).status_code == 400
    assert client.get(ITEMS, params={"crs": RD_NEW, "offset": 10}).status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "https://opendata.cbs.nl/",
        "https://opendata.cbs.nl/ODataFeed/odata/00000NED",
        f"{FEED}/Perioden",
        f"{FEED}/TypedDataSet/$metadata",
        "https://api.pdok.nl/cbs/gebiedsindelingen/ogc/v1/collections/provincie_gegeneraliseerd",
        "https://api.pdok.nl/cbs/wijken-en-buurten-2024/ogc/v1/collections",
    ],
)
def test_everything_else_is_404(client: httpx.Client, url: str) -> None:
    assert client.get(url).status_code == 404


def test_service_document_catalogue_and_collections_list_what_is_there(client: httpx.Client) -> None:
    assert client.post(FEED).status_code == 405
    sets = {row["name"]: row["url"] for row in client.get(f"{FEED}?$format=json").json()["value"]}
    assert sets["UntypedDataSet"] == f"{FEED}/UntypedDataSet"
    assert sets.keys() == {"TableInfos", "DataProperties", "WijkenEnBuurten", "TypedDataSet", "UntypedDataSet"}
    listed = client.get("https://dataderden.cbs.nl/ODataCatalog/Tables?$format=json&$select=Identifier,Modified").json()
    assert listed["value"] == [{"Identifier": name, "Modified": "2026-07-01T02:00:00"} for name in ("47022NED", "50090NED")]
    collections = client.get("https://api.pdok.nl/cbs/gebiedsindelingen/ogc/v1/collections").json()["collections"]
    assert [one["id"].split("_")[0] for one in collections] == ["gemeente", "wijk", "buurt"]
