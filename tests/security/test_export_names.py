"""A name can contain anything and stays a name: in every file of an export, read back by the programs that users have."""

import re
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pyogrio
import pytest
from lxml import html
from markdown_it import MarkdownIt

from beeld.settings import Settings
from beeld.sources.words import plain
from beeld.warehouse.export.book import VIEWS
from beeld.warehouse.export.dictionary import md
from beeld.warehouse.export.run import WRITERS, export_release
from beeld.warehouse.guard import guarded
from tests.unit.exports import NAMES, hostile_home, read_csv, rows_of, unguarded


@pytest.fixture(scope="module")
def home(small_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return hostile_home(small_template, tmp_path_factory.mktemp("vijandig") / "data")


@pytest.fixture(scope="module")
def folder(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_release(home, tmp_path_factory.mktemp("namen") / "uit", tuple(WRITERS)).folder


@pytest.fixture(scope="module")
def names(home: Settings) -> dict[str, str]:
    """Code -> name, as the release has them."""
    found = {row[0]: row[2] for row in rows_of(home, "gebied", "gebiedscode")[1]}
    assert set(found.values()) == set(NAMES)
    return found


def test_csv(folder: Path, names: dict[str, str], home: Settings) -> None:
    for file in ("gebied", "profiel"):
        head, *rows = read_csv(folder / "csv" / f"{file}.csv")
        place = head.index("naam")
        assert {row[0]: unguarded(row[place]) for row in rows} == names
    for path in folder.rglob("*.csv"):
        numbers = 0
        for row in read_csv(path)[1:]:
            for cell in row:
                if cell[:1] in ("=", "+", "@", "\t", "\r") or (cell.startswith("-") and not is_number(cell)):
                    raise AssertionError(f"{path.name}: {cell!r} would be a formula")
                numbers += is_number(cell) and cell.startswith("-")
        assert path.name != "trend.csv" or numbers > 0, "negative numbers are numbers"
    lists = [row[-1] for row in rows_of(home, "signaal", "gebiedscode, thema")[1]]
    assert lists[0] == list(NAMES[:3])


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text) is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_guard_can_be_undone_without_knowing_what_was_guarded(name: str) -> None:
    written = guarded(name)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(written) == name


def test_csv_in_pandas_and_in_duckdb(folder: Path, names: dict[str, str]) -> None:
    path = folder / "csv" / "gebied.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, lineterminator="\n")
    pandas = dict(zip(frame["gebiedscode"], frame["naam"], strict=True))
    assert {code: unguarded(name) for code, name in pandas.items()} == names
    rows = duckdb.execute(
        "select gebiedscode, naam from read_csv(?, all_varchar = true, new_line = '\\n')", [str(path)]
    ).fetchall()
    assert {code: unguarded(name) for code, name in rows} == names


def test_parquet(folder: Path, names: dict[str, str]) -> None:
    for file in ("gebied", "profiel"):
        frame = pd.read_parquet(folder / "parquet" / f"{file}.parquet", columns=["gebiedscode", "naam"])
        assert dict(zip(frame["gebiedscode"], frame["naam"], strict=True)) == names


def test_workbook(folder: Path, names: dict[str, str]) -> None:
    book = openpyxl.load_workbook(folder / "beeld.xlsx")
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n", "b", "inlineStr"), (sheet.title, cell.coordinate)
                assert cell.hyperlink is None
                assert not isinstance(cell.value, str) or cell.data_type != "n"
    head, *rows = [[cell.value for cell in row] for row in book["gebied"].iter_rows()]
    place = head.index("naam")
    found = {row[0]: row[place] for row in rows}
    # openpyxl takes the escape of a control sign for what it says, and cannot tell it from a name that spells one
    assert {code: name for code, name in found.items() if name != names[code] and not odd(names[code])} == {}
    book.close()


def odd(name: str) -> bool:
    return re.search(r"[\x00-\x08\x0b-\x1f]|_x[0-9A-F]{4}_|\r", name) is not None


def test_geopackage(folder: Path, names: dict[str, str]) -> None:
    found: dict[str, str] = {}
    for layer in ("land", "gemeente", "wijk", "buurt", "samengesteld"):
        if layer in {str(name) for name, _ in pyogrio.list_layers(folder / "beeld.gpkg")}:
            frame = pyogrio.read_dataframe(folder / "beeld.gpkg", layer=layer, read_geometry=False)
            found |= dict(zip(frame["gebiedscode"], frame["naam"], strict=True))
    assert found == names


def test_html(folder: Path, home: Settings) -> None:
    page = html.fromstring((folder / "gegevenswoordenboek.html").read_text(encoding="utf-8"))
    assert page.xpath("//script | //img | //iframe | //form") == []
    assert [link for link in page.xpath("//@href | //@src") if not link.startswith("#")] == []
    assert page.xpath("//@*[starts-with(name(), 'on')]") == []
    rows = table_after(page, "indicatoren")
    expected = [(row[0], row[1], row[2]) for row in rows_of(home, "indicator", "indicator")[1]]
    assert [tuple(row[:3]) for row in rows] == [tuple(seen_in_html(cell) for cell in row) for row in expected]


def table_after(page: html.HtmlElement, heading: str) -> list[list[str]]:
    (table,) = page.xpath(f"//h2[@id='{heading}']/following-sibling::div[1]/table")
    return [[cell.text_content() for cell in row.xpath("./th | ./td")] for row in table.xpath("./tbody/tr")]


def seen_in_html(text: str) -> str:
    """A parser of HTML makes a line end of a carriage return; everything else is as it was."""
    return text.replace("\r", "\n")


def test_markdown(folder: Path, home: Settings) -> None:
    """GitHub's tables, strike-through and bare addresses included."""
    text = (folder / "gegevenswoordenboek.md").read_text(encoding="utf-8")
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for token in inline for child in token.children or ()}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}, "no link, picture, code or markup came out of a name"
    headings = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[-3:] == ["Statussen", "Indicatoren", "Bronnen en licenties"]
    cells = ["".join(child.content for child in token.children or ()) for token in inline]
    figures = rows_of(home, "indicator", "indicator")[1]
    start = cells.index("formule", cells.index("laatste jaar")) + 1
    found = [cells[start + number * 11 : start + number * 11 + 3] for number in range(len(figures))]
    assert found == [[row[0], *(seen_in_markdown(cell) for cell in row[1:3])] for row in figures]


def seen_in_markdown(text: str) -> str:
    return plain(text)


@pytest.mark.parametrize("name", NAMES)
def test_markdown_cell(name: str) -> None:
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"| a | b |\n|---|---|\n| {md(name)} | einde |\n")
    body = html.fromstring(page).xpath("//tbody/tr/td")
    assert [cell.text_content() for cell in body] == [" ".join([seen_in_markdown(name)]), "einde"]
    assert [len(cell) for cell in body] == [0, 0]
    assert re.search(r"(?<!\\)(https?:|www\.)|(?<!\\)@", md(name)) is None or "://" not in name


def test_readme_keeps_a_publisher_on_one_line(folder: Path, home: Settings) -> None:
    lines = (folder / "LEESMIJ.txt").read_text(encoding="utf-8").splitlines()
    start = lines.index("Noem bij gebruik de uitgevers van de bronnen:")
    publishers = {(row[3], row[4]) for row in rows_of(home, "bron", "bron, tabel")[1] if row[10] != "niet_geleverd"}
    assert len(lines) - start - 1 == len(publishers)
    assert "\x1b" not in "".join(lines)


def test_nothing_was_written_outside_the_folder(folder: Path) -> None:
    assert sorted(path.name for path in folder.parent.iterdir()) == ["uit"]
    assert {path.stem for path in (folder / "csv").glob("*.csv")} >= set(VIEWS)
