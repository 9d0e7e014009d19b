"""An export is the release, cell by cell, in every format; and it says itself what it is."""

import json
import math
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from lxml import html

from beeld.errors import Damaged, UsageError
from beeld.settings import Settings
from beeld.warehouse import release
from beeld.warehouse.export import workbook
from beeld.warehouse.export.book import EXAMPLE, POINTS_AT, VIEWS, WARNING
from beeld.warehouse.export.dictionary import STATES
from beeld.warehouse.export.job import open_job
from beeld.warehouse.export.run import WRITERS, Exported, chosen, export_release
from beeld.warehouse.read import current_release
from beeld.warehouse.release import ORDER, PUBLIC_TABLES
from tests.reliability.worlds import CommandLine, bytes_of, copy_home, settings_of, writable
from tests.unit.exports import read_csv, rows_of, sheet_rows, unguarded

ROOT = Path(__file__).parents[2]
TABLES = (*PUBLIC_TABLES, *VIEWS)
KEYS = {**ORDER, **VIEWS}


@pytest.fixture(scope="module")
def home(small_template: Path) -> Settings:
    return settings_of(small_template)


@pytest.fixture(scope="module")
def done(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_release(home, tmp_path_factory.mktemp("uitvoer") / "alles", tuple(WRITERS))


@pytest.fixture(scope="module")
def folder(done: Exported) -> Path:
    return done.folder


# ---------------------------------------------------------------- the whole


def test_every_table_is_there_in_every_format(done: Exported, home: Settings, folder: Path) -> None:
    assert done.notes == ()
    assert {path.stem for path in (folder / "parquet").iterdir()} == set(TABLES)
    assert {path.stem for path in (folder / "csv").glob("*.csv")} == set(TABLES)
    book = openpyxl.load_workbook(folder / "beeld.xlsx", read_only=True)
    assert set(book.sheetnames) == {"Lees mij", "Woordenboek", *TABLES}
    book.close()
    layers = {str(name) for name, _ in pyogrio.list_layers(folder / "beeld.gpkg")}
    kinds = {row[1] for row in rows_of(home, "gebied", "gebiedscode")[1]}
    assert layers == kinds | {"lees_mij", "kolommen", "indicator", "bron"}
    words = {f"gegevenswoordenboek.{kind}" for kind in ("md", "html", "csv")}
    files = {"parquet", "csv", "beeld.xlsx", "beeld.gpkg", "LEESMIJ.txt", "export.json"}
    assert {path.name for path in folder.iterdir()} == files | words


def test_the_same_release_gives_the_same_bytes(home: Settings, folder: Path, tmp_path: Path) -> None:
    again = export_release(home, tmp_path / "nog eens, é", tuple(WRITERS)).folder
    one, other = bytes_of(folder), bytes_of(again)
    assert list(one) == list(other)
    assert [name for name in one if one[name] != other[name]] == []


def test_surroundings_make_no_difference(home: Settings, folder: Path, tmp_path: Path) -> None:
    """Another time zone (with summer time in January), language, hash seed, umask and working folder."""
    program = (
        "import sys; from pathlib import Path; from tests.reliability.worlds import settings_of\n"
        "from beeld.warehouse.export.run import WRITERS, export_release\n"
        "export_release(settings_of(Path(sys.argv[1])), Path(sys.argv[2]), tuple(WRITERS))\n"
    )
    strange = {"TZ": "Australia/Sydney", "LC_ALL": "C", "PYTHONHASHSEED": "4242"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.home), str(tmp_path / "elders")],
        env={**os.environ, **strange, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])},
        cwd=tmp_path,
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    one, other = bytes_of(folder), bytes_of(tmp_path / "elders")
    assert list(one) == list(other)
    assert [name for name in one if one[name] != other[name]] == []


def test_export_json_holds_the_hash_of_every_file(home: Settings, folder: Path) -> None:
    index = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    assert index["release"] == current_release(home).name
    assert index["voorbeeld"] is True
    assert index["formaten"] == list(WRITERS)
    found = bytes_of(folder)
    assert set(index["bestanden"]) == set(found) - {"export.json"}
    for name, entry in index["bestanden"].items():
        assert entry == {"sha256": release.sha256_of(folder / name), "bytes": len(found[name])}


def test_the_release_and_that_it_is_invented_are_said_in_every_file_that_can(home: Settings, folder: Path) -> None:
    name = current_release(home).name
    for file in ("LEESMIJ.txt", "gegevenswoordenboek.md", "gegevenswoordenboek.html", "csv/csv-metadata.json"):
        text = (folder / file).read_text(encoding="utf-8")
        assert f"{name} ({EXAMPLE})" in text, file
    for file in ("LEESMIJ.txt", "gegevenswoordenboek.md", "gegevenswoordenboek.html"):
        assert WARNING in (folder / file).read_text(encoding="utf-8"), file
    described = json.loads((folder / "csv" / "csv-metadata.json").read_text(encoding="utf-8"))
    assert [table["url"] for table in described["tables"] if EXAMPLE not in table["dc:description"]] == []
    assert ("Let op", WARNING) in sheet_rows(folder / "beeld.xlsx", "Lees mij")
    assert ("Release", f"{name} ({EXAMPLE})") in sheet_rows(folder / "beeld.xlsx", "Lees mij")
    for layer in ("land", "gemeente", "wijk", "buurt"):
        frame = pyogrio.read_dataframe(folder / "beeld.gpkg", layer=layer)
        assert set(frame["let_op"]) == {EXAMPLE}
        assert set(frame["release"]) == {name}
        assert EXAMPLE in pyogrio.read_info(folder / "beeld.gpkg", layer=layer)["layer_metadata"]["DESCRIPTION"]


def test_a_release_of_real_figures_says_nothing_of_an_example(small_template: Path, tmp_path: Path) -> None:
    settings = settings_of(copy_home(small_template, tmp_path / "data"))
    place = writable(current_release(settings))
    with duckdb.connect(str(place / f"{place.name}.duckdb")) as con:
        con.execute("update release set voorbeeld = false")
    made = export_release(settings, tmp_path / "echt", ("csv", "gpkg")).folder
    texts = [path.read_text(encoding="utf-8") for path in made.rglob("*") if path.suffix in (".txt", ".md", ".html")]
    assert [text for text in texts if WARNING in text or f"({EXAMPLE})" in text.split("Bronnen")[0].split("Noem bij")[0]] == []
    assert "let_op" not in pyogrio.read_dataframe(made / "beeld.gpkg", layer="buurt").columns


# ---------------------------------------------------------------- Parquet


@pytest.mark.parametrize("table", [name for name in PUBLIC_TABLES if name != "gebied"])
def test_parquet_is_the_file_of_the_release(table: str, home: Settings, folder: Path) -> None:
    entry = release.read_manifest(current_release(home))["bestanden"][f"parquet/{table}.parquet"]
    assert release.sha256_of(folder / "parquet" / f"{table}.parquet") == entry["sha256"]


@pytest.mark.parametrize("view", VIEWS)
def test_parquet_of_a_view_is_the_view(view: str, home: Settings, folder: Path) -> None:
    names, rows = rows_of(home, view, VIEWS[view])
    read = duckdb.execute("select * from read_parquet(?)", [str(folder / "parquet" / f"{view}.parquet")])
    assert [str(column[0]) for column in read.description or ()] == names
    assert read.fetchall() == rows


def test_areas_are_geoparquet_in_rd_new(home: Settings, folder: Path) -> None:
    path = folder / "parquet" / "gebied.parquet"
    frame = gpd.read_parquet(path)
    assert frame.crs is not None
    assert frame.crs.to_epsg() == 28992
    assert frame.geometry.name == "geometrie"
    names, rows = rows_of(home, "gebied", "gebiedscode")
    assert list(frame.columns) == names
    assert list(frame["gebiedscode"]) == [row[0] for row in rows]
    assert [None if shape is None else shapely.to_wkb(shape) for shape in frame.geometry] == shapes_of(home)
    assert [None if pd.isna(value) else int(value) for value in frame["inwoners"]] == [
        row[names.index("inwoners")] for row in rows
    ]
    whole = pq.read_schema(path).field("inwoners").type
    assert str(whole) == "int64", "whole numbers stay whole, also where some are missing"


def shapes_of(home: Settings) -> list[bytes | None]:
    place = current_release(home)
    with duckdb.connect(str(place / f"{place.name}.duckdb"), read_only=True) as con:
        rows = con.execute("select ST_AsWKB(geometrie) from gebied order by gebiedscode").fetchall()
    return [None if shape is None else shapely.to_wkb(shapely.from_wkb(bytes(shape))) for (shape,) in rows]


def test_a_damaged_file_of_the_release_is_not_passed_on(small_template: Path, tmp_path: Path) -> None:
    settings = settings_of(copy_home(small_template, tmp_path / "data"))
    path = writable(current_release(settings)) / "parquet" / "signaal.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Damaged, match=r"parquet/signaal\.parquet is not what the manifest says"):
        export_release(settings, tmp_path / "uit", ("parquet",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


# ---------------------------------------------------------------- CSV and its metadata


@pytest.mark.parametrize("table", TABLES)
def test_csv_holds_every_cell(table: str, home: Settings, folder: Path) -> None:
    names, rows = rows_of(home, table, KEYS[table])
    head, *lines = read_csv(folder / "csv" / f"{table}.csv")
    assert head == names
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for name, text, value in zip(names, line, row, strict=True):
            assert same_cell(text, value), (table, name, text, value)


def same_cell(text: str, value: Any) -> bool:
    """Is this the text of that value? Numbers to the last bit."""
    match value:
        case None:
            return text == ""
        case bool():
            return text == str(value).lower()
        case int():
            return text == str(value)
        case float():
            return float(text) == value
        case datetime():
            return text == value.isoformat()
        case list():
            return json.loads(text) == value
        case bytes():
            return shapely.equals_exact(shapely.from_wkt(text), shapely.from_wkb(value))
        case _:
            return unguarded(text) == value


def described(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "csv" / "csv-metadata.json").read_text(encoding="utf-8"))


def test_csvw_describes_every_column_in_words_of_the_schema(folder: Path) -> None:
    group = described(folder)
    assert group["@context"][0] == "http://www.w3.org/ns/csvw"
    assert {table["url"] for table in group["tables"]} == {f"{name}.csv" for name in TABLES}
    for table in group["tables"]:
        head = read_csv(folder / "csv" / table["url"])[0]
        columns = table["tableSchema"]["columns"]
        assert [column["name"] for column in columns] == [column["titles"] for column in columns] == head
        assert [column["name"] for column in columns if not column["dc:description"]] == [], table["url"]


BASES = {
    "integer": int,
    "double": float,
    "boolean": {"true": True, "false": False}.__getitem__,
    "dateTime": datetime.fromisoformat,
    "json": json.loads,
    "string": str,
}


def test_csvw_is_true_of_the_data(folder: Path) -> None:
    """What a validator of CSVW checks: types, required cells, primary keys, foreign keys."""
    tables = {table["url"]: table for table in described(folder)["tables"]}
    keys: dict[str, set[tuple[str, ...]]] = {}
    pointed = 0
    for url, table in tables.items():
        head, *rows = read_csv(folder / "csv" / url)
        for column in table["tableSchema"]["columns"]:
            place, kind = head.index(column["name"]), column["datatype"]
            parse = BASES[kind if isinstance(kind, str) else kind["base"]]
            cells = {row[place] for row in rows}
            for cell in cells - {""}:
                parse(cell)
            assert not (column.get("required") and "" in cells), (url, column["name"])
        places = [head.index(name) for name in table["tableSchema"]["primaryKey"]]
        found = [tuple(row[place] for place in places) for row in rows]
        assert len(found) == len(set(found)), url
        keys[url] = set(found)
    for url, table in tables.items():
        head, *rows = read_csv(folder / "csv" / url)
        for foreign in table["tableSchema"].get("foreignKeys", ()):
            place = head.index(foreign["columnReference"])
            wanted = {(row[place],) for row in rows if row[place]}
            assert wanted <= keys[foreign["reference"]["resource"]], (url, foreign)
            pointed += 1
    every = sum(len(names.split()) for columns in POINTS_AT.values() for names in columns.values())
    assert pointed == every - 1, "lijstvergelijking.indicator may be empty, and is no foreign key for that reason"


# ---------------------------------------------------------------- XLSX


@pytest.mark.parametrize("table", [name for name in TABLES if name != "waarde"])
def test_workbook_holds_every_row(table: str, home: Settings, folder: Path) -> None:
    names, rows = rows_of(home, table, KEYS[table])
    shown = [number for number, name in enumerate(names) if name != "geometrie"]
    head, *lines = sheet_rows(folder / "beeld.xlsx", table)
    assert list(head) == [names[number] for number in shown]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        for text, number in zip(line, shown, strict=True):
            assert in_sheet(text, row[number]), (table, names[number], text, row[number])


def in_sheet(cell: Any, value: Any) -> bool:
    match value:
        case float():
            return isinstance(cell, (int, float)) and math.isclose(cell, value, rel_tol=1e-15, abs_tol=0)
        case datetime():
            return cell == value.isoformat()
        case list():
            return (cell or "") == "; ".join(value)
        case "":
            return cell is None or cell == ""
        case _:
            return bool(cell == value and type(cell) is type(value))


def test_workbook_has_no_formula_no_link_and_no_time_of_writing(folder: Path) -> None:
    with zipfile.ZipFile(folder / "beeld.xlsx") as package:
        names = package.namelist()
        assert {member.date_time for member in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert [name for name in names if "externalLink" in name or "vba" in name] == []
        for name in names:
            content = package.read(name)
            assert b"<f>" not in content, name
            assert b"<hyperlink" not in content, name


def test_a_table_that_is_too_long_for_a_sheet_is_named(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beeld: CommandLine
) -> None:
    count = len(rows_of(home, "laatste_waarde", VIEWS["laatste_waarde"])[1])
    monkeypatch.setattr(workbook, "MOST_ROWS", count)
    ending = beeld(home, "export", str(tmp_path / "kort"), "--format", "xlsx")
    assert ending.code == 0
    assert f"has no sheet laatste_waarde: {count} rows, and a sheet holds {count - 1}" in ending.err
    assert "has no sheet waarde" in ending.err
    sheets = openpyxl.load_workbook(tmp_path / "kort" / "beeld.xlsx", read_only=True)
    assert "laatste_waarde" not in sheets.sheetnames
    assert "profiel" in sheets.sheetnames
    sheets.close()
    said = [row[1] for row in sheet_rows(tmp_path / "kort" / "beeld.xlsx", "Lees mij") if row[0] == "Staat er niet in"]
    assert len(said) == 2
    readme = (tmp_path / "kort" / "LEESMIJ.txt").read_text(encoding="utf-8")
    assert [text for text in said if text not in readme] == []


def test_a_table_that_just_fits_is_there(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = len(rows_of(home, "waarde", ORDER["waarde"])[1])
    monkeypatch.setattr(workbook, "MOST_ROWS", count + 1)
    done = export_release(home, tmp_path / "net", ("xlsx",))
    assert done.notes == ()
    assert len(sheet_rows(done.folder / "beeld.xlsx", "waarde")) == count + 1


def test_a_text_that_is_too_long_for_a_cell_is_cut_and_said(small_template: Path, tmp_path: Path) -> None:
    settings = settings_of(copy_home(small_template, tmp_path / "data"))
    place = writable(current_release(settings))
    long = "😀" * 20_000
    with duckdb.connect(str(place / f"{place.name}.duckdb")) as con:
        con.execute("update controle set toelichting = ? where controle = (select min(controle) from controle)", [long])
    done = export_release(settings, tmp_path / "lang", ("csv", "xlsx"))
    (note,) = done.notes
    assert "sheet controle: 1 texts were longer" in note
    cell = sheet_rows(done.folder / "beeld.xlsx", "controle")[1][-1]
    assert len(cell.encode("utf-16-le")) // 2 <= workbook.MOST_CHARACTERS
    assert cell.endswith("😀…")
    assert read_csv(done.folder / "csv" / "controle.csv")[1][-1] == long


# ---------------------------------------------------------------- GeoPackage


@pytest.mark.parametrize("kind", ["land", "gemeente", "wijk", "buurt"])
def test_a_layer_per_kind_of_area_with_the_columns_of_profiel(kind: str, home: Settings, folder: Path) -> None:
    names, rows = rows_of(home, "profiel", "gebiedscode")
    own = [row for row in rows if row[names.index("soort")] == kind]
    frame = pyogrio.read_dataframe(folder / "beeld.gpkg", layer=kind)
    assert frame.crs is not None
    assert frame.crs.to_epsg() == 28992
    assert list(frame.columns) == [*names, "geometrie_jaar", "release", "let_op", "geometry"]
    assert own
    for column, name in enumerate(names):
        found = [None if pd.isna(value) else value for value in frame[name]]
        assert found == [row[column] for row in own], name
    shapes = dict(zip((row[0] for row in rows), shapes_of(home), strict=True))
    for code, shape in zip(frame["gebiedscode"], frame.geometry, strict=True):
        before = shapes[code]
        assert (shape is None) == (before is None)
        assert before is None or shapely.equals(shape, shapely.from_wkb(before))


def test_the_geopackage_is_sound_and_explains_its_columns(home: Settings, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copyfile(folder / "beeld.gpkg", tmp_path / "beeld.gpkg")
    with closing(sqlite3.connect(copy)) as con:
        assert con.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert con.execute("select distinct last_change from gpkg_contents").fetchall() == [(made_on(home),)]
        explained = dict(con.execute("select kolom, uitleg from kolommen").fetchall())
    names = [*rows_of(home, "profiel", "gebiedscode")[0], "geometrie_jaar", "release", "let_op"]
    assert list(explained) == names
    assert [name for name in names if not explained[name]] == []


def made_on(home: Settings) -> str:
    (row,) = rows_of(home, "release", "release")[1]
    return f"{row[1].isoformat()}.000Z"


# ---------------------------------------------------------------- dictionary


def test_the_dictionary_has_every_column_key_figure_and_source(home: Settings, folder: Path) -> None:
    page = html.fromstring((folder / "gegevenswoordenboek.html").read_bytes())
    head, *rows = read_csv(folder / "gegevenswoordenboek.csv")
    listed = {(row[0], row[1]): dict(zip(head, row, strict=True)) for row in rows}
    for table in TABLES:
        names = rows_of(home, table, KEYS[table])[0]
        assert [name for name in names if (table, name) not in listed] == []
        assert [name for name in names if not listed[table, name]["omschrijving"]] == [], table
        assert tuple(name for name in names if listed[table, name]["sleutel"] == "ja") == tuple(
            sorted(KEYS[table].split(", "), key=names.index)
        )
        assert page.get_element_by_id(table).text == table
    text = page.text_content()
    for row in rows_of(home, "indicator", "indicator")[1]:
        assert [part for part in row[:3] if part not in text] == []
    for row in rows_of(home, "bron", "bron, tabel")[1]:
        assert [part for part in row[1:6] if part not in text] == []
    assert listed["waarde", "status"]["toegestane waarden"] == ", ".join(name for name, _ in STATES)
    assert listed["profiel", "aandeel_65_plus"]["eenheid"].startswith("procent, 20")


def test_the_page_asks_for_nothing_from_elsewhere(folder: Path) -> None:
    page = html.fromstring((folder / "gegevenswoordenboek.html").read_bytes())
    assert page.xpath("//script | //img | //link | //iframe") == []
    assert [link for link in page.xpath("//@href | //@src") if not link.startswith("#")] == []
    assert set(page.xpath("//a/@href")) <= {f"#{name}" for name in page.xpath("//@id")}


def test_keys_and_pointers_are_those_of_the_comments(home: Settings, tmp_path: Path) -> None:
    with open_job(current_release(home), tmp_path, lambda _message: None) as job:
        for table in job.book.tables:
            if not table.view:
                said = re.search(r"Sleutel: ([a-z_, ]+)\.$", table.text)
                assert said is not None
                assert set(said[1].split(", ")) == set(table.key), table.name


# ---------------------------------------------------------------- formats and the command


def test_formats_are_chosen_in_our_order_and_once() -> None:
    assert chosen("gpkg, parquet,GPKG") == ("parquet", "gpkg")
    for text in ("pdf", "csv,=x", "", " , "):
        with pytest.raises(UsageError, match="no format"):
            chosen(text)


def test_only_what_is_asked_is_written(home: Settings, tmp_path: Path, beeld: CommandLine) -> None:
    target = tmp_path / "een" / "csv alleen"
    ending = beeld(home, "export", str(target), "--format", "csv")
    assert (ending.code, ending.out) == (0, f"{target}\n")
    assert ending.lines == [f"release {current_release(home).name} exported"]
    assert not (target / "parquet").exists()
    readme = (target / "LEESMIJ.txt").read_text(encoding="utf-8")
    assert "csv/" in readme
    assert "parquet" not in readme


def test_without_a_release_there_is_nothing_to_export(tmp_path: Path, beeld: CommandLine) -> None:
    ending = beeld(settings_of(tmp_path / "leeg"), "export", str(tmp_path / "uit"))
    assert ending.code == 2
    assert "no release yet" in ending.err
    assert list(tmp_path.iterdir()) == []
