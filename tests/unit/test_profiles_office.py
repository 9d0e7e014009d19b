"""Workbook and slides: the figures of the page, texts that stay texts, and the same bytes for the same release."""

from __future__ import annotations

import io
import re
import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from lxml import html as lxml_html
from PIL import Image
from pptx import Presentation

from beeld.profiles import render, wording
from beeld.profiles.contents import Contents, contents_of
from beeld.profiles.lenses import load_lens
from beeld.profiles.reading import build_profile, load_batch, load_release
from beeld.profiles.site import Site
from beeld.profiles.slides import ROWS, SPARE, slides
from beeld.profiles.text import Note
from beeld.profiles.xlsx import sheets, workbook
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.read import open_warehouse
from tests.unit.test_profiles_pages import BUURTEN, HOSTILE, TINY, build_release

AREAS = (BUURTEN[0], BUURTEN[1], TINY, "WK990101", "GM9901", "SG-proef")
DIGITS = 1e-15
"""A workbook holds 16 digits of a number, a double 17."""
NAMES = (
    "'s-Gravenhage", "Súdwest-Fryslân", "Bergen (NH.)", "=HYPERLINK(\"x\")", "+1", "-1+1", "@SUM(A1)", "|cmd", "{=1+1}", "http://a.b",
    "../../x", "漢字 😀", "e\u0301e\u0301n", "שלום \u202eabc", "<script>alert(1)</script> & \"x\" ]]>", "x" * 300, HOSTILE,
)  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Path:
    made = tmp_path_factory.mktemp("kantoor")
    build_release(made / "proef.duckdb", catalog, example=True)
    formats = ("html", "pptx", "xlsx")
    render.render_site(made, made / "proef.duckdb", made / "site", catalog=catalog, areas=AREAS, formats=formats, maps=False)
    return made


@pytest.fixture(scope="module")
def whole(folder: Path, catalog: Catalog) -> Site:
    with closing(open_warehouse(folder / "proef.duckdb")) as con:
        data = load_release(con, catalog)
    lens, groups = load_lens(project_folder(), "zoom-in", catalog), load_target_groups(project_folder(), catalog)
    return Site(folder / "site", data, lens, frozenset(AREAS), (), groups)


@pytest.fixture(scope="module")
def contents(folder: Path, whole: Site) -> dict[str, Contents]:
    with closing(open_warehouse(folder / "proef.duckdb")) as con:
        batch = load_batch(con, whole.data, AREAS)
    return {code: contents_of(build_profile(whole.data, batch, code), whole) for code in AREAS}


def renamed(contents: Contents, name: str) -> Contents:
    return replace(contents, profile=replace(contents.profile, area=replace(contents.profile.area, name=name)))


def book(content: bytes | Path) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content) if isinstance(content, bytes) else content)


def own(folder: Path, code: str, file: str) -> Path:
    return folder / "site" / "gebied" / code / file


def figure_rows(workbook: Any) -> dict[tuple[str, int], dict[str, Any]]:
    """(indicator, peiljaar) -> the row of the sheet of a chapter, by the heads of its columns."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for page in workbook.worksheets:
        heads = [cell.value for cell in page[1]]
        if "wat hoger betekent" not in heads:
            continue
        for row in page.iter_rows(min_row=2, values_only=True):
            record = dict(zip(heads, row, strict=True))
            found[record["indicator"], record["peiljaar"]] = record
    return found


def near(value: float | None) -> Any:
    """`value` as a workbook holds it."""
    return None if value is None else pytest.approx(value, rel=DIGITS)


@pytest.mark.parametrize("code", AREAS)
def test_page_workbook_and_warehouse_have_the_same_figures(folder: Path, catalog: Catalog, code: str) -> None:
    """Unrounded where stored; a state is a word that is neither empty nor a zero."""
    with closing(open_warehouse(folder / "proef.duckdb")) as con:
        stored = {
            (name, year): rest
            for name, year, *rest in con.execute(
                """select indicator, peiljaar, waarde, status, reden, ondergrens, bovengrens, bron_tabel, snapshot_sha256
                from laatste_waarde where gebiedscode = ?""",
                [code],
            ).fetchall()
        }
    rows = figure_rows(book(own(folder, code, "profiel.xlsx")))
    page = lxml_html.parse(own(folder, code, "index.html")).getroot()
    printed = {
        (each.get("data-indicator"), int(each.get("data-peiljaar"))): each.get("data-waarde")
        for each in page.xpath("//table[@class='cijfers']//td[1]/span[@data-indicator]")
    }
    assert stored.keys() == {key for key in rows if key[1] != "–"} == printed.keys()
    for key, (value, status, reason, lower, upper, table, sha) in stored.items():
        row, shown = rows[key], printed[key]
        assert (row["status"], row["reden"] or None) == (status, reason)
        assert (row["ondergrens"], row["bovengrens"]) == (near(lower), near(upper))
        assert (row["tabel"], row["levering (sha256)"]) == (table, sha)
        assert (row["gebiedscode"], row["editie"]) == (code, "proef-1 (voorbeeld: verzonnen cijfers)")
        if value is None:
            assert row["waarde"] == wording.STATES[status]
            assert shown is None
        else:
            assert row["waarde"] == near(value)
            assert value == float(shown or "nan")


@pytest.mark.parametrize("code", AREAS)
def test_slides_show_the_figures_of_the_page(folder: Path, contents: dict[str, Contents], code: str) -> None:
    """Every figure stands in a table as the page shows it; every slide names area, edition and that figures are invented."""
    deck = Presentation(str(own(folder, code, "profiel.pptx")))
    rows: dict[str, list[str]] = {}
    titles: list[str] = []
    for slide in deck.slides:
        words = " ".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)
        assert f"({code}) · editie proef-1" in words
        assert "voorbeeld: verzonnen cijfers" in words
        titles.append(slide.shapes.title.text_frame.text)
        for shape in slide.shapes:
            if shape.has_table or shape.has_chart or shape.shape_type == 13:
                assert shape._element.xpath("./*/p:cNvPr")[0].get("descr")
            if shape.has_table:
                for row in list(shape.table.rows)[1:]:
                    cells = [cell.text_frame.text for cell in row.cells]
                    rows[cells[0]] = cells
    assert len(set(titles)) == len(titles)
    sections = [*(s for _, each in contents[code].chapters for s in each), *contents[code].leftover]
    for line in (line for section in sections for line in section.lines):
        unit = f" ({line.head.unit})" if line.head.unit != "procent" else ""
        cells = rows[f"{line.head.title}{unit}"]
        assert cells[1] == (f"{line.shown} ({line.interval})" if line.interval else line.shown)
        assert cells[-1].startswith(f"{line.year}, ")


def test_charts_are_native_and_have_the_figures(folder: Path, contents: dict[str, Contents]) -> None:
    deck = Presentation(str(own(folder, "GM9901", "profiel.pptx")))
    charts = [shape.chart for slide in deck.slides for shape in slide.shapes if shape.has_chart]
    ages = contents["GM9901"].ages
    assert ages is not None
    assert list(charts[0].plots[0].series[0].values) == [round(band.cell.value or 0, 1) for band in ages.bands]
    assert len(charts) > 1


def slides_of(content: bytes) -> dict[str, Any]:
    """Title -> slide."""
    found: Any = Presentation(io.BytesIO(content)).slides
    return {slide.shapes.title.text_frame.text: slide for slide in found}


def told_on(slide: Any) -> list[str]:
    """The paragraphs of a slide, the words of tables included."""
    frames = [shape.text_frame for shape in slide.shapes if shape.has_text_frame]
    frames += [cell.text_frame for shape in slide.shapes if shape.has_table for row in shape.table.rows for cell in row.cells]
    return [paragraph.text for frame in frames for paragraph in frame.paragraphs]


@pytest.mark.parametrize("code", AREAS)
def test_what_is_not_known_is_cut_between_sentences_and_items(contents: dict[str, Contents], code: str) -> None:
    """Sentences follow each other, names are listed, and nothing is lost where a long list goes on."""
    items = tuple(f"Een lange naam van een cijfer nummer {number} (2024)" for number in range(60))
    sentences = ("Over het een bestaat geen open cijfer.", "Over het ander ook niet; de bron is er alleen per gemeente.")
    notes = (*contents[code].unknowns, Note("Alles", "Reden: niet geleverd.", items), Note("Gaten", "", sentences))
    found = slides_of(slides(replace(contents[code], unknowns=notes), (), None))
    boxes = [list(slide.shapes)[-1] for title, slide in found.items() if title.startswith("Wat weten we niet")]
    told = [paragraph.text for box in boxes for paragraph in box.text_frame.paragraphs]
    assert not [text for text in told if ".;" in text or "  " in text]
    assert f"Gaten. {' '.join(sentences)}" in told
    assert " ".join(told).count(f"Alles. Reden: niet geleverd. {'; '.join(items)}") == 1
    parts = [text for text in told if "Een lange naam" in text]
    assert len(parts) == 3
    assert all(text.endswith(";") for text in parts[:-1])


@pytest.mark.parametrize("code", AREAS)
def test_a_sign_on_a_slide_is_explained_there(folder: Path, code: str) -> None:
    found = slides_of(own(folder, code, "profiel.pptx").read_bytes())
    signed = {title for title, slide in found.items() if any(re.search(r"\d°", text) for text in told_on(slide))}
    explained = {title for title, slide in found.items() if "° grens niet getoetst; zie Wat weten we niet" in told_on(slide)}
    assert signed == explained
    assert signed or code == TINY


def test_a_slide_of_figures_that_are_absent_says_so(contents: dict[str, Contents]) -> None:
    """A few of them stand below the figures that are there, many on slides with their own title."""
    for code in AREAS:
        for title, slide in slides_of(slides(contents[code], (), None)).items():
            tables = [shape.table for shape in slide.shapes if shape.has_table]
            rows = [[cell.text for cell in row.cells] for table in tables for row in list(table.rows)[1:]]
            if "zonder cijfer" in title:
                assert all(row[1] in wording.STATES.values() for row in rows)
            assert len(rows) <= ROWS + SPARE


@dataclass(frozen=True)
class Drawn:
    """A map that is not drawn."""

    key: str
    title: str
    svg: Path
    png: Path
    kind: str = "theme"
    alt: str = "Een kaart."
    caption: str = "Een kaart."


def test_the_title_of_a_map_is_what_it_shows(contents: dict[str, Contents], tmp_path: Path) -> None:
    picture = tmp_path / "kaart.png"
    Image.new("RGB", (4, 4)).save(picture)
    themes = ("armoede", "eenzaamheid", "veiligheid")
    titles = ("Armoede: 3 van 9 buurten", f"Kort en waar. {'Lang. ' * 30}", "Zonder punt " * 20)
    maps = [Drawn(f"{key}-nl", title, picture, picture) for key, title in zip(themes, titles, strict=True)]
    found = slides_of(slides(contents["GM9901"], maps, None))
    pictured = [title for title, slide in found.items() if any(shape.shape_type == 13 for shape in slide.shapes)]
    assert pictured == ["Armoede: 3 van 9 buurten", "Kort en waar", "Kaart: Leefbaarheid en veiligheid"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_a_name(whole: Site, contents: dict[str, Contents], name: str) -> None:
    given = renamed(contents[TINY], name)
    found = book(workbook(sheets(given, whole), name))
    cells = [cell for page in found.worksheets for row in page.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert {cell.value for page in found.worksheets[1:] for cell in page["B"][1:]} == {name}
    deck = Presentation(io.BytesIO(slides(given, (), None)))
    assert next(iter(deck.slides)).shapes.title.text_frame.text == name[:120]


def test_nothing_in_the_files_points_outside(folder: Path) -> None:
    for file in ("profiel.xlsx", "profiel.pptx"):
        with zipfile.ZipFile(own(folder, BUURTEN[1], file)) as package:
            for name in package.namelist():
                body = package.read(name)
                assert b'TargetMode="External"' not in body
                assert b"<f>" not in body
                assert not name.startswith(("xl/externalLinks", "ppt/vba"))


def test_the_same_release_gives_the_same_bytes(folder: Path, whole: Site, contents: dict[str, Contents]) -> None:
    given = contents["GM9901"]
    assert slides(given, (), None) == own(folder, "GM9901", "profiel.pptx").read_bytes()
    assert workbook(sheets(given, whole), given.profile.area.name) == own(folder, "GM9901", "profiel.xlsx").read_bytes()
    for file in ("profiel.xlsx", "profiel.pptx"):
        with zipfile.ZipFile(own(folder, "GM9901", file)) as package:
            assert {each.date_time[0] for each in package.infolist()} == {1980}


def test_a_pool_of_processes_writes_the_same_files(
    folder: Path, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "POOL_SECONDS", 0.0)
    monkeypatch.setattr(render, "STACK", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    formats = ("html", "pptx", "xlsx")
    warehouse = folder / "proef.duckdb"
    render.render_site(folder, warehouse, tmp_path, catalog=catalog, areas=AREAS, formats=formats, maps=False)
    names = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert names == sorted(p.relative_to(folder / "site") for p in (folder / "site").rglob("*") if p.is_file())
    assert all((tmp_path / name).read_bytes() == (folder / "site" / name).read_bytes() for name in names)


def test_a_pack_puts_the_chosen_areas_side_by_side(folder: Path, catalog: Catalog, tmp_path: Path) -> None:
    """By gemeente and code, with the figures of the warehouse; the readme names every file that is there."""
    warehouse = folder / "proef.duckdb"
    chosen = (TINY, BUURTEN[0], "GM9901")
    given = {"catalog": catalog, "areas": chosen, "formats": ("html", "xlsx"), "maps": False, "pack": chosen}
    render.render_site(folder, warehouse, tmp_path, **given)
    page = lxml_html.parse(tmp_path / "overzicht.html").getroot()
    codes = [link.split("/")[1] for link in page.xpath("//table//thead//a/@href")]
    assert codes == sorted(chosen)
    with closing(open_warehouse(warehouse)) as con:
        stored = {
            (code, name): value
            for code, name, value in con.execute("select gebiedscode, indicator, waarde from laatste_waarde").fetchall()
        }
    cells = page.xpath("//table//td/span[@data-indicator]")
    assert len(cells) > 30
    for cell in cells:
        value = cell.get("data-waarde")
        assert stored[cell.get("data-gebied"), cell.get("data-indicator")] == (None if value is None else float(value))
    signed = any("°" in each.text_content() for each in page.xpath("//table//td"))
    assert signed == bool(page.xpath("//p[@class='teken'][contains(., '° grens niet getoetst')]"))
    index = lxml_html.parse(tmp_path / "index.html").getroot()
    assert {link.text_content() for link in index.xpath("//a[@href='overzicht.html']")} == {"Vergelijking"}
    assert not lxml_html.parse(folder / "site" / "index.html").getroot().xpath("//a[@href='overzicht.html']")
    readme = (tmp_path / "LEESMIJ.txt").read_text(encoding="utf-8")
    assert "Editie proef-1" in readme
    assert "verzonnen cijfers" in readme
    named = re.findall(r"^ *(\S+\.(?:html|xlsx|svg)):", readme, flags=re.M)
    assert len(named) == 2 + 2 * len(chosen)
    assert all((tmp_path / name).is_file() for name in named)
