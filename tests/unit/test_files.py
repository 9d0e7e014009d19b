"""Tables that come as a file: one mapping for every form, refused when the form changes, dropped files through the gate first."""

import gzip
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import yaml

from beeld.errors import BeeldError, SourceChanged, SourceUnreachable, UsageError
from beeld.settings import Settings, load_settings
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, load_sources
from beeld.sources.declaring import validated
from beeld.sources.fetch import Delivered, Look, deliveries
from beeld.sources.http import open_client
from beeld.transforms.basis import create_basis
from beeld.transforms.staging import stage
from tests.workbooks import workbook

SAMPLES = Path(__file__).parents[1] / "samples" / "files" / "voorbeeldgemeente"
ADDRESS = "https://open.voorbeeldgemeente.nl"
HEADS = ["Buurtcode", "Buurt", "Jaar", "Soort", "Eenzaam (%)", "Cijfer voor de buurt", "Bezoekers buurthuis"]
ROWS: list[list[Any]] = [
    ["BU90010101", "Oude Zijde", 2024, "buurt", 12.5, 7.1, 240],
    ["BU90010102", "Súdhoek", 2024, "buurt", "x", 6.8, "."],
    ["BU90010103", "'t Eiland", 2024, "buurt", 0, "-", 0],
    ["GM9001", "Voorbeeldgemeente", 2024, "gemeente", 10.25, 7, 1300],
    ["BU90010101", "Oude Zijde", 2022, "buurt", 11, 7, 230],
]
BASIS = [
    ("BU90010101", "Oude Zijde", 2022, 11.0, "ok", 7.0, "ok", 230.0, "ok"),
    ("BU90010101", "Oude Zijde", 2024, 12.5, "ok", 7.1, "ok", 240.0, "ok"),
    ("BU90010102", "Súdhoek", 2024, None, "geheim", 6.8, "ok", None, "onbekend"),
    ("BU90010103", "'t Eiland", 2024, 0.0, "ok", None, "niet_van_toepassing", 0.0, "ok"),
    ("GM9001", "Voorbeeldgemeente", 2024, 10.25, "ok", 7.0, "ok", 1300.0, "ok"),
]
FIELDS: dict[str, Any] = {
    "gebied": ["Buurtcode"],
    "naam": ["Buurt"],
    "jaar": ["Jaar"],
    "tekens": {"x": "geheim", ".": "onbekend", "-": "niet_van_toepassing"},
}
COLUMNS: dict[str, Any] = {
    "eenzaam": {"onderwerpen": [{"naam": "Eenzaam (%)", "eenheid": "%"}]},
    "buurtcijfer": {"onderwerpen": [{"naam": "Cijfer voor de buurt", "eenheid": "rapportcijfer"}]},
    "buurthuis": {"onderwerpen": [{"naam": "Bezoekers buurthuis", "eenheid": "aantal"}]},
}


def source(form: Mapping[str, Any], fields: Mapping[str, Any] | None = None, **changes: Any) -> Source:
    """A declaration of one table that comes as a file."""
    table = {"tabel": "wijkpeiling", "pad": "/data/wijkpeiling.bin", "verplicht": ["eenzaam"], "bestand": form}
    content = {
        "bron": "voorbeeldgemeente",
        "titel": "Wijkpeiling",
        "uitgever": "Voorbeeldgemeente",
        "licentie": "CC0",
        "protocol": "bestand",
        "dienst": "voorbeeldgemeente",
        "adressen": {"voorbeeldgemeente": ADDRESS},
        "velden": {**FIELDS, **(fields or {})},
        "kolommen": COLUMNS,
        "tabellen": [table],
        **changes,
    }
    return validated(Source, content, Path("voorbeeldgemeente.yaml"))


def cells(rows: Sequence[Sequence[Any]], comma: bool = False) -> str:
    """The rows as CSV text, with a decimal comma if asked."""
    lines = [
        ";".join(HEADS),
        *(";".join(str(c).replace(".", ",") if comma and isinstance(c, float) else str(c) for c in row) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def zipped(name: str, body: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
        archive.writestr("lees mij.txt", "Toelichting")
    return file.getvalue()


def geojson(rows: Sequence[Sequence[Any]]) -> bytes:
    features = [{"type": "Feature", "geometry": None, "properties": dict(zip(HEADS, row, strict=True))} for row in rows]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def geopackage(rows: Sequence[Sequence[Any]], path: Path) -> bytes:
    con = sqlite3.connect(path)
    con.execute("create table gpkg_contents (table_name text, data_type text)")
    con.execute("create table gpkg_geometry_columns (table_name text, column_name text)")
    con.execute("insert into gpkg_contents values ('peiling', 'attributes')")
    con.execute(f"create table peiling ({', '.join(json.dumps(name) for name in HEADS)})")
    con.executemany(f"insert into peiling values ({', '.join('?' * len(HEADS))})", rows)
    con.commit()
    con.close()
    return path.read_bytes()


class Service:
    """An address with one file behind it, which counts what it is asked."""

    def __init__(self, body: bytes, **head: str) -> None:
        self.body, self.head, self.status, self.asked = body, head, 200, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(self.status, content=self.body, headers=self.head)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"BEELD_HOME": str(tmp_path / "data")}, folder=tmp_path)


def look(
    settings: Settings, declared: Source, service: Callable[[httpx.Request], httpx.Response], strict: bool = True
) -> Delivered:
    """One look at the source as a refresh does it; every fault is raised."""
    with open_client(httpx.MockTransport(service)) as client:
        (delivered,) = deliveries(Look(settings, client, strict), {declared.bron: declared})
    return delivered


def snapshot_of(delivered: Delivered) -> Snapshot:
    assert delivered.snapshot is not None
    return delivered.snapshot


def basis(declared: Source, snapshot: Snapshot) -> list[tuple[Any, ...]]:
    """The table that staging makes of a delivery."""
    with duckdb.connect(":memory:") as con:
        create_basis(con, declared)
        stage(con, declared, declared.tabellen[0], snapshot, 2000)
        values = ", ".join(f"{name}, {name}_status" for name in declared.kolommen)
        return con.execute(f"select gebiedscode, naam, peiljaar, {values} from basis.{declared.bron} order by 1, 3").fetchall()


# ---------------------------------------------------------------- one mapping, every form

FORMS: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[Path], bytes]]] = {
    "csv": ({}, {}, lambda _: cells(ROWS).encode()),
    "csv with a byte order mark": ({}, {}, lambda _: cells(ROWS).encode("utf-8-sig")),
    "csv in utf-16 with a decimal comma": (
        {},
        {"codering": "utf-16", "decimaal": ","},
        lambda _: cells(ROWS, True).encode("utf-16"),
    ),
    "csv in windows-1252 with a decimal comma": (
        {},
        {"codering": "windows-1252", "decimaal": ","},
        lambda _: (SAMPLES / "wijkpeiling.csv").read_bytes(),
    ),
    "csv in a zip": (
        {"verpakking": "zip", "lid": "*peiling*.csv"},
        {},
        lambda _: zipped("map/wijkpeiling 2024.csv", cells(ROWS).encode()),
    ),
    "csv in a gzip": ({"verpakking": "gzip"}, {}, lambda _: gzip.compress(cells(ROWS).encode())),
    "workbook with the heading on row 4": (
        {"vorm": "xlsx", "blad": "cijfers", "kopregel": 4, "eenheidregel": 5},
        {},
        lambda _: workbook(
            {
                "Toelichting": [["Lees dit eerst"]],
                "Cijfers": [
                    ["Wijkpeiling"],
                    [],
                    [None, "bron: gemeente"],
                    HEADS,
                    [None, None, None, None, "%", "rapportcijfer", "aantal"],
                    *ROWS,
                ],
            }
        ),
    ),
    "geopackage": ({"vorm": "gpkg"}, {}, lambda folder: geopackage(ROWS, folder / "x.gpkg")),
    "geojson": ({"vorm": "geojson"}, {}, lambda _: geojson(ROWS)),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_basis_table(name: str, settings: Settings, tmp_path: Path) -> None:
    form, fields, make = FORMS[name]
    body = make(tmp_path)
    declared = source(form, fields)
    delivered = look(settings, declared, Service(body, etag='"1"'))
    assert delivered.fetched
    snapshot = snapshot_of(delivered)
    assert snapshot.read("levering-0001") == body
    assert snapshot.rijen == len(ROWS)
    assert snapshot.url == f"{ADDRESS}/data/wijkpeiling.bin"
    assert basis(declared, snapshot) == BASIS


def test_long_form_with_codes_without_letters_and_other_kinds_of_area_left_out(settings: Settings) -> None:
    rows = [
        "code,jaar,wat,hoeveel,maat,niveau",
        "90010101,2024,Eenzaam (%),12.5,%,buurt",
        "90010101,2024,Bezoekers buurthuis,240,aantal,buurt",
        "90010102,2024,Eenzaam (%),x,%,buurt",
        "XX,2024,Eenzaam (%),9,%,postcode",
    ]
    fields = {
        "gebied": ["code"],
        "naam": [],
        "jaar": ["jaar"],
        "maat": ["wat"],
        "waarde": ["hoeveel"],
        "eenheid": ["maat"],
        "voorvoegsel": "BU",
        "behoud": {"niveau": ["buurt", "wijk"]},
        "scheiding": ",",
    }
    declared = source({}, fields)
    found = basis(declared, snapshot_of(look(settings, declared, Service("\n".join(rows).encode()))))
    assert found == [
        ("BU90010101", "BU90010101", 2024, 12.5, "ok", None, "niet_geleverd", 240.0, "ok"),
        ("BU90010102", "BU90010102", 2024, None, "geheim", None, "niet_geleverd", None, "onbekend"),
    ]


# ---------------------------------------------------------------- what changes is refused

UNITS = [None, None, None, None, "%", "rapportcijfer", "aantal"]


def sheet(heads: list[Any] = HEADS, units: list[Any] = UNITS, rows: list[list[Any]] = ROWS) -> bytes:
    return workbook({"Cijfers": [heads, units, *rows]})


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            sheet([*HEADS[:4], "Eenzaam (%) 18+", *HEADS[5:]]),
            r"eenzaam.*missing or renamed; nearest unclaimed field: eenzaam \(%\) 18\+",
        ),
        (sheet([*HEADS[:4], "Iets anders", *HEADS[5:]]), "missing or renamed"),
        (sheet(units=[*UNITS[:4], "aantal", *UNITS[5:]]), "has unit 'aantal', not '%'"),
        (sheet(["Code", *HEADS[1:]]), "no field Buurtcode for the area"),
        (sheet([*HEADS[:2], "Periode", *HEADS[3:]]), "no field Jaar for the year"),
        (sheet([*HEADS[:6], "Eenzaam (%)"]), "has the name 'eenzaam .%.' twice"),
        (sheet([None]), "has no names"),
        (sheet(rows=[*ROWS, [*ROWS[0], "meer"]]), "8 cells under 7 names"),
        (sheet(rows=[[*ROWS[0][:4], "veel", 1, 1]]), "holds 'veel', which is no number"),
        (sheet(rows=[[*ROWS[0][:4], "12,5", 1, 1]]), "holds '12,5', which is no number"),
        (sheet(rows=[["BU90010101", "x", "24", "buurt", 1, 1, 1]]), "holds '24', which is no year"),
        (sheet(rows=[]), "no records"),
        (b"<html>Inloggen</html>", "HTML page"),
        (b"PK geen werkboek", "no zip"),
        (b"", "empty body"),
    ],
)
def test_another_shape_is_refused_and_nothing_is_kept(body: bytes, said: str, settings: Settings) -> None:
    declared = source({"vorm": "xlsx", "eenheidregel": 2})
    with pytest.raises(SourceChanged, match=said) as caught:
        look(settings, declared, Service(body, etag='"1"'))
    assert caught.value.where.startswith("voorbeeldgemeente wijkpeiling")
    assert [path for path in settings.raw.rglob("*") if path.is_file() and path.name != "stand.json"] == []


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("230\n", "230;1\n"), "row 6 has 8 cells under 7 names"),
        (lambda text: text[:-10], "row 6 has 4 cells under 7 names"),
        (lambda text: text.replace("Oude", 'O"u"de').replace("'t", '"t'), "no CSV"),
        (lambda text: text.replace("Oude", "O\0ude"), "line 2 holds a NUL"),
    ],
)
def test_a_csv_that_is_ragged_or_damaged_is_refused(change: Callable[[str], str], said: str, settings: Settings) -> None:
    with pytest.raises(SourceChanged, match=said):
        look(settings, source({}), Service(change(cells(ROWS)).encode()))


@pytest.mark.bronfout
def test_another_encoding_is_refused_with_its_line(settings: Settings) -> None:
    with pytest.raises(SourceChanged, match=r"line \d+ .* not in the declared encoding"):
        look(settings, source({}), Service(cells(ROWS).encode("latin-1")))


@pytest.mark.bronfout
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["X1", *ROWS[0][1:]], *ROWS], "no known region code"),
        ([ROWS[0], ROWS[0]], "more than once"),
    ],
)
def test_codes_are_judged_when_they_are_staged(rows: list[list[Any]], said: str, settings: Settings) -> None:
    declared = source({})
    snapshot = snapshot_of(look(settings, declared, Service(cells(rows).encode())))
    with pytest.raises(SourceChanged, match=said):
        basis(declared, snapshot)


@pytest.mark.bronfout
def test_a_delivery_that_loses_rows_keeps_the_last_good_one(settings: Settings) -> None:
    service, declared = Service(cells(ROWS).encode(), etag='"1"'), source({})
    first = snapshot_of(look(settings, declared, service))
    service.body, service.head = cells(ROWS[:3]).encode(), {"etag": '"2"'}
    kept = look(settings, declared, service, strict=False)
    assert (kept.status, snapshot_of(kept).sha256) == ("verouderd", first.sha256)
    assert "delivers 3 records; the previous delivery had 5" in kept.warning


# ---------------------------------------------------------------- what changed, what did not


@pytest.mark.parametrize("head", [{"etag": '"a"'}, {"last-modified": "Sun, 01 Nov 2026 10:00:00 GMT"}, {}])
def test_an_unchanged_file_is_not_fetched_again(head: dict[str, str], settings: Settings) -> None:
    service, declared = Service(cells(ROWS).encode(), **head), source({})
    first = look(settings, declared, service)
    again = look(settings, declared, service)
    assert (first.fetched, again.fetched) == (True, False)
    assert snapshot_of(first) == snapshot_of(again)
    service.body, service.head = cells([*ROWS, ["BU90010104", "Nieuw", 2024, "buurt", 1, 1, 1]]).encode(), {"etag": '"b"'}
    assert look(settings, declared, service).fetched


@pytest.mark.bronfout
@pytest.mark.parametrize("status", [403, 500])
def test_an_address_that_does_not_answer_is_said_to_be_unreachable(
    status: int, settings: Settings, fast_retries: list[float]
) -> None:
    service = Service(b"fout")
    service.status = status
    with pytest.raises(SourceUnreachable, match=str(status)):
        look(settings, source({}), service)


def test_an_address_where_nothing_stands_counts_as_not_delivered(settings: Settings) -> None:
    service = Service(b"weg")
    service.status = 404
    delivered = look(settings, source({}), service)
    assert (delivered.status, delivered.snapshot) == ("niet_geleverd", None)
    assert "voorbeeldgemeente wijkpeiling" in delivered.warning


@pytest.mark.bronfout
def test_a_redirect_to_another_host_is_refused(settings: Settings) -> None:
    service = Service(b"", location="https://elders.nl/x.csv")
    service.status = 302
    with pytest.raises(SourceChanged, match="another place"):
        look(settings, source({}), service)
    assert [url for url in service.asked if not url.startswith(ADDRESS)] == []


# ---------------------------------------------------------------- dropped files

LONG = {
    "gebied": ["gebiedscode"],
    "naam": [],
    "jaar": ["peiljaar"],
    "maat": ["indicator"],
    "waarde": ["waarde"],
    "eenheid": ["eenheid"],
    "tekens": {name: name for name in ("geheim", "te_klein", "onbekend", "niet_van_toepassing")},
}
TEMPLATE = source(
    {"patroon": "*.csv", "sjabloon": True},
    LONG,
    dienst="aanlevering",
    adressen={},
    kolommen={
        "eenzaam": {"onderwerpen": [{"naam": "eenzaam", "eenheid": "%"}]},
        "buurthuis": {"onderwerpen": [{"naam": "buurthuis", "eenheid": "aantal"}]},
    },
)


def nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"asked {request.url}")


def drop(settings: Settings, name: str, body: bytes) -> Path:
    folder = settings.home / "aanlevering" / "voorbeeldgemeente"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    return folder / name


def test_dropped_templates_of_two_gemeenten_are_one_table(settings: Settings) -> None:
    drop(settings, "a.csv", (SAMPLES / "sjabloon.csv").read_bytes())
    drop(settings, "b.csv", b"gebiedscode,peiljaar,indicator,waarde,eenheid,bron,n\nGM9002,2024,eenzaam,9.5,%,Peiling,900\n")
    delivered = look(settings, TEMPLATE, nobody)
    assert basis(TEMPLATE, snapshot_of(delivered)) == [
        ("BU90010101", "BU90010101", 2024, 12.5, "ok", 240.0, "ok"),
        ("BU90010102", "BU90010102", 2024, None, "te_klein", None, "onbekend"),
        ("GM9001", "GM9001", 2024, 10.25, "ok", None, "onbekend"),
        ("GM9002", "GM9002", 2024, 9.5, "ok", None, "onbekend"),
    ]
    assert snapshot_of(delivered).rijen == 5
    assert not look(settings, TEMPLATE, nobody).fetched
    drop(settings, "b.csv", b"gebiedscode,peiljaar,indicator,waarde,eenheid,bron,n\nGM9002,2024,eenzaam,9.6,%,Peiling,900\n")
    assert look(settings, TEMPLATE, nobody).fetched


@pytest.mark.parametrize("declared", [TEMPLATE, source({"patroon": "*.csv"}, adressen={}, dienst="aanlevering")])
def test_a_dropped_file_about_persons_is_refused_and_leaves_nothing(declared: Source, settings: Settings) -> None:
    drop(settings, "goed.csv", (SAMPLES / "sjabloon.csv").read_bytes())
    path = drop(settings, "personen.csv", b"Buurtcode;BSN;naam\nBU90010101;111222333;KANARIE\n")
    with pytest.raises(BeeldError, match=r"refused: privacy.*Nothing of it was stored") as caught:
        look(settings, declared, nobody)
    assert "personen.csv" in caught.value.message
    for place in (*settings.raw.rglob("*"), *settings.build.rglob("*")):
        if place.is_file():
            content = place.read_bytes()
            assert b"KANARIE" not in (gzip.decompress(content) if place.suffix == ".gz" else content)
    assert path.is_file()


def test_a_dropped_template_with_a_fault_is_refused(settings: Settings) -> None:
    drop(settings, "a.csv", (SAMPLES / "sjabloon.csv").read_bytes().replace(b"2024", b"24", 1))
    with pytest.raises(BeeldError, match="refused: peiljaar"):
        look(settings, TEMPLATE, nobody)


def test_the_source_for_any_gemeente_reads_its_sample(settings: Settings) -> None:
    """`gemeente_aanlevering` as it is declared: without a folder nothing is said, with a file its figures are there."""
    declared = load_sources(Path(__file__).parents[2] / "sources")["gemeente_aanlevering"]
    delivered = look(settings, declared, nobody)
    assert (delivered.status, delivered.warning, delivered.snapshot) == ("niet_geleverd", "", None)
    folder = settings.home / "aanlevering" / "gemeente_aanlevering"
    folder.mkdir(parents=True)
    (folder / "zeist.csv").write_bytes((SAMPLES.parent / "gemeente_aanlevering" / "sjabloon.csv").read_bytes())
    snapshot = snapshot_of(look(settings, declared, nobody))
    pairs = {row[0]: zip(row[3::2], row[4::2], strict=True) for row in basis(declared, snapshot)}
    found = {code: dict(zip(declared.kolommen, cells, strict=True)) for code, cells in pairs.items()}
    assert found["BU90010101"]["bezoekers_buurthuis"] == (240.0, "ok")
    assert found["BU90010101"]["rapportcijfer_buurt"] == (7.1, "ok")
    assert found["BU90010102"]["bezoekers_buurthuis"] == (None, "te_klein")
    assert found["GM9001"]["aandeel_vrijwilligers"] == (31.5, "ok")
    assert found["GM9001"]["meldingen_overlast"] == (None, "niet_geleverd")

    (folder / "zeist.csv").unlink()
    folder.rmdir()
    gone = look(settings, declared, nobody)
    assert (gone.status, gone.snapshot) == ("verouderd", snapshot)
    assert "its folder is gone from the home" in gone.warning


def test_an_empty_folder_is_said_and_links_are_not_followed(settings: Settings, tmp_path: Path) -> None:
    (settings.home / "aanlevering" / "voorbeeldgemeente").mkdir(parents=True)
    with pytest.raises(SourceChanged, match=r"no file like '\*\.csv' stands in aanlevering/voorbeeldgemeente"):
        look(settings, TEMPLATE, nobody)
    path = drop(settings, "a.csv", b"")
    path.unlink()
    (tmp_path / "elders.csv").write_bytes((SAMPLES / "sjabloon.csv").read_bytes())
    path.symlink_to(tmp_path / "elders.csv")
    with pytest.raises(SourceChanged, match="no file like"):
        look(settings, TEMPLATE, nobody)


# ---------------------------------------------------------------- declarations


def test_declarations_and_template_of_the_page_for_analysts_work(settings: Settings) -> None:
    page = (Path(__file__).parents[2] / "docs" / "analist.md").read_text(encoding="utf-8")
    found = [validated(Source, yaml.safe_load(text), Path("x.yaml")) for text in re.findall(r"(?s)```yaml\n(.*?)```", page)]
    by_address, dropped = (declared for declared in found if declared.protocol == "bestand")
    delivered = look(settings, by_address, Service((SAMPLES / "wijkpeiling.csv").read_bytes()))
    assert basis(by_address, snapshot_of(delivered))[0] == ("BU90010101", "Oude Zijde", 2022, 11.0, "ok")
    (template,) = re.findall(r"(?s)```csv\n(.*?)```", page)
    folder = settings.home / "aanlevering" / dropped.bron
    folder.mkdir(parents=True)
    (folder / "levering.csv").write_text(template, encoding="utf-8")
    snapshot = snapshot_of(look(settings, dropped, nobody))
    assert snapshot.rijen == 2
    assert basis(dropped, snapshot)[1][-2:] == (None, "te_klein")


@pytest.mark.parametrize(
    "form",
    [
        {"verpakking": "zip", "vorm": "xlsx"},
        {"kopregel": 3, "eenheidregel": 3},
        {"kopregel": 0},
        {"sjabloon": True},
        {"patroon": "../*.csv"},
        {"patroon": "/etc/*"},
        {"vorm": "ods"},
    ],
)
def test_a_declaration_that_cannot_be_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="declaration Source is wrong"):
        source(form)


def test_a_table_without_a_form_is_refused_when_it_is_read(settings: Settings) -> None:
    declared = source({})
    table = declared.tabellen[0].model_copy(update={"bestand": None})
    with pytest.raises(BeeldError, match="needs 'bestand'"):
        look(settings, declared.model_copy(update={"tabellen": (table,)}), nobody)


def test_an_address_needs_a_declared_host() -> None:
    with pytest.raises(UsageError, match="has no address"):
        source({}, adressen={})
