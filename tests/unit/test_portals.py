"""Portals of gemeenten and files of the Leefbaarometer: found, mapped by declaration, refused when they are something else."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from beeld.errors import SourceChanged, SourceUnreachable, UsageError
from beeld.settings import load_settings
from beeld.sources import ckan, http
from beeld.sources.declarations import Source, Table
from tests.unit.web_samples import DECLARED, SAMPLES, Web, opened, rows

EINDHOVEN, SERIES = DECLARED["eindhoven"], DECLARED["leefbaarometer_reeks"]
DATASET = "selectiontableasjsonashx"

LONG = {
    "bron": "wijkcijfers",
    "titel": "Wijkcijfers",
    "uitgever": "Gemeente Voorbeeldstad",
    "licentie": "CC0",
    "protocol": "ckan",
    "dienst": "ckan",
    "adressen": {"ckan": "https://ckan.voorbeeld.nl"},
    "velden": {
        "gebied": ["gebied"],
        "jaar": ["jaar"],
        "maat": ["indicator"],
        "waarde": ["waarde"],
        "eenheid": ["eenheid"],
        "decimaal": ",",
        "tekens": {"x": "geheim"},
    },
    "kolommen": {
        "bijstand": {"onderwerpen": [{"naam": "Bijstand", "eenheid": "per 1 000"}]},
        "inwoners": {"onderwerpen": [{"naam": "Inwoners", "eenheid": "aantal"}]},
    },
    "tabellen": [
        {
            "tabel": "wijkcijfers",
            "soort": "wijk",
            "vraag": {"name": "Wijkcijfers 2025", "format": "CSV"},
            "bestand": {"vorm": "csv"},
        }
    ],
}
SWING = {
    "bron": "swing",
    "titel": "In cijfers",
    "uitgever": "Gemeente Voorbeeldstad",
    "licentie": "onbekend",
    "protocol": "jive",
    "dienst": "jive",
    "pad": "/viewer",
    "adressen": {"jive": "https://jive.voorbeeld.nl"},
    "velden": {
        "gebied": ["Wijk"],
        "naam": ["Wijk"],
        "jaar": ["Jaar"],
        "tekens": {"?": "geheim"},
        "gebieden": {"Centrum": "WK900101", "Noord": "WK900102", "Zuid": "WK900103"},
    },
    "kolommen": {"inwoners": {"onderwerpen": [{"naam": "Aantal inwoners", "eenheid": "aantal"}]}},
    "tabellen": [{"tabel": "bevtot", "soort": "wijk", "vraag": {"geolevel": "wijk", "period": "mostrecent"}}],
}


def declared(content: dict[str, Any], **changes: Any) -> Source:
    """A declaration with some entries replaced."""
    return Source.model_validate({**content, **changes})


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


def test_opendatasoft(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """Short codes become those of the CBS, an empty cell is unknown, and Modified is the portal's."""
    (piece,) = web.staged(con, EINDHOVEN, DATASET)
    assert piece.years == (2022, 2023)
    assert rows(con, "eindhoven", "naam", "aantal_inwoners", "aantal_inwoners_status")[:5:2] == [
        ("BU07721111", 2022, "Molenhof", 1210.0, "ok"),
        ("BU07721112", 2022, "Kerkakker", 805.0, "ok"),
        ("BU07721113", 2022, "Zuiderveld", None, "onbekend"),
    ]
    assert (piece.snapshot.gewijzigd, piece.snapshot.rijen) == ("2026-03-01T08:00:05", 6)
    assert [document.naam for document in piece.snapshot.documenten] == ["dataset", "export"]


def test_opendatasoft_is_asked_for_data_only_when_it_changed(web: Web) -> None:
    assert web.mark(EINDHOVEN, DATASET) == "2026-03-01T08:00:05+00:00"
    assert [entry.is_data_page for entry in web.server.log] == [False]


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("kind", "match", "options", "error", "message"),
    [
        ("truncate_body", "exports/csv", {"share": 0.7}, SourceChanged, r"cut off\?"),
        ("truncate_gzip", "exports/csv", {"share": 0.7}, SourceUnreachable, "cut off after"),
        ("truncate_transfer", "exports/csv", {}, SourceUnreachable, "after 5 tries"),
        ("html", "exports/csv", {}, SourceChanged, "answers with an HTML page"),
        ("empty", "exports/csv", {}, SourceChanged, "answers with an empty body"),
        ("encode", "exports/csv", {"encoding": "utf-16"}, SourceChanged, "line 1"),
        ("status", "exports/csv", {"code": 503}, SourceUnreachable, "answers 503"),
        ("status", f"datasets/{DATASET}", {"code": 401}, SourceUnreachable, "answers 401"),
        ("redirect", f"datasets/{DATASET}", {"location": "https://elders.example.nl/"}, SourceChanged, "another place"),
        ("html", f"datasets/{DATASET}", {}, SourceChanged, "not JSON"),
    ],
)
def test_faults_of_a_portal_keep_the_archive_clean(
    web: Web, kind: str, match: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    web.server.fault(kind, match, **options)
    with pytest.raises(error, match=rf"eindhoven {DATASET}.*{message}"):
        web.fetch(EINDHOVEN, DATASET)
    assert web.archived() == []


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"totaal_aantal_inwoners", b"totaal_inwoners", r"totaal_aantal_inwoners \(aantal_inwoners\) is missing or renamed"),
        (b"totaal_aantal_inwoners", b"jaar", "a column name twice"),
        (b"buurtcode", b"gebied", "has no field buurtcode for the area"),
        (b"1210", b"1.210,0", "holds '1.210,0', which is no number"),
        (b"2022;111", b"twee;111", "holds 'twee', which is no year"),
        (b";111;", b";Molenhof;", "2 of 6 records have no known region code"),
        (b"2023;111", b"2022;111", "delivers BU07721111 2022 more than once"),
    ],
)
def test_another_shape_is_refused(
    web: Web, con: duckdb.DuckDBPyConnection, tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    """A renamed column, another number form, a code that is none: refused with the column, never read as something else."""
    place = "web/data.eindhoven.nl/api/explore/v2.1/catalog/datasets"
    for suffix in ("json", "csv"):
        target = tmp_path / "data" / place / f"{DATASET}.{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        body = (SAMPLES / place / f"{DATASET}.{suffix}").read_bytes()
        target.write_bytes(body.replace(old, new) if suffix == "csv" else body)
    with opened(tmp_path / "other", data=tmp_path / "data") as other, pytest.raises(SourceChanged, match=message):
        other.staged(con, EINDHOVEN, DATASET)


def test_the_leefbaarometer_zip(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """All years from the members of the zip, buurten and wijken; an empty cell is unknown."""
    staged = web.staged(con, SERIES, "scores-wijken", "scores-buurten")
    assert [(piece.years, piece.rows) for piece in staged] == [((2022, 2024), 2), ((2022, 2024), 10)]
    found = {row[:2]: row[2:] for row in rows(con, "leefbaarometer_reeks", "afwijking", "afwijking_voorzieningen_status")}
    assert found["BU90010101", 2024] == (-0.098, "ok")
    assert found["BU90010105", 2022] == (0.1, "onbekend")
    assert staged[1].snapshot.read("levering-0001")[:2] == b"PK"


@pytest.mark.bronfout
def test_a_zip_without_the_member_is_refused(tmp_path: Path, fast_retries: list[float]) -> None:
    place = tmp_path / "data" / "web/www.leefbaarometer.nl/resources/open-data-leefbaarometer-meting-2024.zip"
    place.parent.mkdir(parents=True)
    with zipfile.ZipFile(place, "w") as file:
        file.writestr("leesmij.txt", "niets")
    with opened(tmp_path, data=tmp_path / "data") as web:
        with pytest.raises(SourceChanged, match=r"leefbaarometer_reeks scores-buurten: archive has 0 members like"):
            web.fetch(SERIES, "scores-buurten")
        assert web.archived() == []


def test_ckan_in_the_long_form(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """One measure per row, decimal commas, units checked; what an area lacks stays unknown."""
    source = declared(LONG)
    web.staged(con, source, "wijkcijfers")
    assert rows(con, "wijkcijfers", "bijstand", "bijstand_status", "inwoners", "inwoners_status") == [
        ("WK900101", 2025, 12.5, "ok", 2415.0, "ok"),
        ("WK900102", 2025, None, "onbekend", None, "geheim"),
    ]


@pytest.mark.bronfout
def test_a_changed_unit_is_refused(web: Web) -> None:
    columns = {**LONG["kolommen"], "bijstand": {"onderwerpen": [{"naam": "Bijstand", "eenheid": "%"}]}}
    with pytest.raises(SourceChanged, match=r"column Bijstand \(bijstand\) has unit 'per 1 000', not '%'"):
        web.fetch(declared(LONG, kolommen=columns), "wijkcijfers")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Inwoners;x;aantal", "Inwoners;x;%", "measure Inwoners has units"),
        ("WK900101;2025;Inwoners", "WK900101;2025;inwoners ", None),
        ("WK900102;2025;Inwoners", "WK900101;2025;Inwoners", "delivers Inwoners of WK900101 2025 more than once"),
        ("Inwoners", "Inwoner", r"Inwoners \(inwoners\) is missing or renamed|inwoners.*nearest unclaimed field: inwoner"),
        ("gebied;jaar;indicator", "gebied;Gebied;indicator", "name 'gebied' twice|fields 'gebied' and 'Gebied'"),
    ],
)
def test_the_long_form_is_held_to_its_declaration(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, fast_retries: list[float], old: str, new: str, message: str | None
) -> None:
    """Units that differ between rows, a measure twice, a renamed measure; capitals and spaces make no other measure."""
    shutil.copytree(SAMPLES / "web" / "ckan.voorbeeld.nl", tmp_path / "data" / "web" / "ckan.voorbeeld.nl")
    place = tmp_path / "data" / "web" / "ckan.voorbeeld.nl" / "download" / "wijkcijfers_2025.csv"
    place.write_text(place.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with opened(tmp_path, data=tmp_path / "data") as web:
        if message is None:
            web.staged(con, declared(LONG), "wijkcijfers")
            assert [row[3] for row in rows(con, "wijkcijfers", "bijstand", "inwoners")] == [2415.0, None]
            return
        with pytest.raises(SourceChanged, match=message):
            web.fetch(declared(LONG), "wijkcijfers")
        assert web.archived() == []


def test_a_package_without_the_resource_lists_what_it_has(web: Web) -> None:
    table = {**LONG["tabellen"][0], "vraag": {"name": "Wijkcijfers 2026"}}
    with pytest.raises(SourceChanged, match=r"has 0 resources as declared; it has Wijkcijfers 2025 \(CSV\), Toelichting"):
        web.fetch(declared(LONG, tabellen=[table]), "wijkcijfers")


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://elders.example.org/a.csv", "lies at another place"),
        ("http://bestanden.voorbeeld.nl/a.csv", "lies at another place"),
        ("file:///etc/passwd", "lies at another place"),
        ("//elders.example.org/a.csv", "lies at another place"),
        ("http://127.0.0.1/a.csv", "lies at another place"),
        ("http://[::1", "lies at another place"),
    ],
)
def test_a_resource_elsewhere_is_refused(url: str, message: str) -> None:
    allowed = ["https://ckan.voorbeeld.nl", "https://bestanden.voorbeeld.nl"]
    with pytest.raises(SourceChanged, match=message):
        ckan.download_url({"url": url}, "https://ckan.voorbeeld.nl", allowed, "bron tabel")


def test_a_resource_on_a_declared_host_is_allowed() -> None:
    allowed = ["https://ckan.voorbeeld.nl", "https://bestanden.voorbeeld.nl/x"]
    url = "https://bestanden.voorbeeld.nl/a.csv"
    assert ckan.download_url({"url": url}, "https://ckan.voorbeeld.nl", allowed, "bron tabel") == url
    assert ckan.download_url({"url": "/a.csv"}, "https://ckan.voorbeeld.nl", [], "x") == "https://ckan.voorbeeld.nl/a.csv"


def test_swing_maps_names_to_declared_codes(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    web.staged(con, declared(SWING), "bevtot")
    assert rows(con, "swing", "naam", "inwoners", "inwoners_status") == [
        ("WK900101", 2025, "Centrum", 2415.0, "ok"),
        ("WK900102", 2025, "Noord", None, "geheim"),
        ("WK900103", 2025, "Zuid", 805.0, "ok"),
    ]
    assert web.server.log[-1].query == "var=bevtot&geolevel=wijk&period=mostrecent"


def test_a_name_without_a_declared_code_is_refused(web: Web, con: duckdb.DuckDBPyConnection) -> None:
    """A name is never guessed to be an area."""
    fields = {**SWING["velden"], "gebieden": {"Centrum": "WK900101"}}
    with pytest.raises(SourceChanged, match=r"2 of 3 records have no known region code \('Noord'\)"):
        web.staged(con, declared(SWING, velden=fields), "bevtot")


def test_a_portal_that_blocks_programs_is_unreachable(web: Web) -> None:
    web.server.fault("status", "selectiontableasjson", code=403)
    with pytest.raises(SourceUnreachable, match="swing bevtot: answers 403"):
        web.fetch(declared(SWING), "bevtot")


def test_a_page_with_another_number_of_cells_is_refused(web: Web) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"headers": [{"name": "Wijk"}, {"name": "Jaar"}], "rows": [["Centrum"]]})

    with closing(http.open_client(httpx.MockTransport(answer))) as client:
        web.client = client
        with pytest.raises(SourceChanged, match="row 1 has 1 cells under 2 headers"):
            web.fetch(declared(SWING), "bevtot")


def test_a_service_without_an_address_is_a_mistake_in_the_declaration() -> None:
    with pytest.raises(ValueError, match="service jive of table bevtot has no address"):
        declared(SWING, adressen={})


@pytest.mark.parametrize(
    "address", ["http://data.example.nl", "https://user:pw@data.example.nl", "https://data.example.nl/?a=b", "data.example.nl"]
)
def test_a_declared_address_is_https_and_plain(address: str) -> None:
    with pytest.raises(ValueError, match="adressen"):
        declared(SWING, adressen={"jive": address})


def test_beeld_urls_stands_in_for_a_declared_address(tmp_path: Path) -> None:
    settings = load_settings({"BEELD_URLS": " jive=http://127.0.0.1:9/x/ , eindhoven=https://spiegel.example"}, tmp_path)
    assert settings.address("jive", {"jive": "https://jive.voorbeeld.nl"}) == "http://127.0.0.1:9/x"
    assert settings.address("ckan", {"ckan": "https://ckan.voorbeeld.nl"}) == "https://ckan.voorbeeld.nl"
    assert settings.address("pdok", {}) == "https://api.pdok.nl"


@pytest.mark.parametrize(
    "text", ["jive", "jive=http://elders.example", "pdok=https://x.example", "a b=https://x.example", "=https://x"]
)
def test_beeld_urls_of_another_form_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="BEELD_URLS"):
        load_settings({"BEELD_URLS": text}, tmp_path)


def test_ways_are_tried_in_the_declared_order() -> None:
    source = DECLARED["cbs_grenzen"]
    table: Table = source.tabellen[0]
    assert [source.service(way).protocol for way in source.ways(table)] == ["ogc_features", "wfs"]
