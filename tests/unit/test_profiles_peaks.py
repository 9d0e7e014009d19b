"""Single figures that stand out (METHOD.md section 6): the same words in page, PDF, slides and workbook."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest
from lxml import html as lxml_html
from pptx import Presentation

from beeld.profiles import render
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from tests.unit.test_profiles_pages import BUURTEN, build_release

OWN, OTHER = BUURTEN[0], BUURTEN[1]
PLACED = {
    "misdrijven_per_1000": "Dat is hoger dan in ongeveer 93 van de 100 buurten in Nederland.",
    "afstand_huisarts": "Dat is groter dan in ongeveer 95 van de 100 buurten met dezelfde stedelijkheid in Nederland."
    " Dat is onzeker: in een deel van de scenario's is het niet zo.",
    "nettoarbeidsparticipatie": "Dat is lager dan in ongeveer 90 van de 100 buurten in Nederland.",
    "ww_per_1000_15_65": "Dat is hoger dan in ongeveer 97 van de 100 buurten in Nederland.",
}
MODELLED = "Valt op, volgens een model: eenzame volwassenen. Een modelschatting krijgt geen plaats tussen andere gebieden."


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Path:
    made = tmp_path_factory.mktemp("pieken")
    build_release(made / "proef.duckdb", catalog, example=True)
    formats = ("html", "pdf", "pptx", "xlsx")
    render.render_site(
        made, made / "proef.duckdb", made / "site", catalog=catalog, areas=(OWN, OTHER), formats=formats, maps=False
    )
    return made / "site" / "gebied"


def flat(text: str) -> str:
    """On one line, with plain spaces."""
    return " ".join(text.replace("\u00a0", " ").split())


def unbroken(text: str) -> str:
    """Without the places where a line, or a word at the end of it, was broken."""
    return "".join(letter for letter in text if not letter.isspace() and letter not in "-\u00ad\ufffe\x02")


def test_the_page_says_where_a_figure_stands_and_of_a_modelled_one_only_that_it_does(folder: Path) -> None:
    page = lxml_html.parse(folder / OWN / "index.html").getroot()
    said = {
        figure.get("data-indicator"): (p, figure)
        for theme in ("veiligheid", "voorzieningen", "werk")
        for p in page.get_element_by_id(theme).findall("p")
        for figure in p.xpath("self::p[contains(., 'Valt op')]//*[@data-indicator]")
    }
    assert said.keys() == PLACED.keys()
    for name, expected in PLACED.items():
        paragraph, figure = said[name]
        assert flat(paragraph.text_content()).endswith(expected)
        assert figure.get("data-gebied") == OWN
    (modelled,) = [p for p in page.get_element_by_id("eenzaamheid").findall("p") if "Valt op" in p.text_content()]
    assert flat(modelled.text_content()) == MODELLED
    assert not modelled.xpath(".//*[@data-indicator]")
    other = lxml_html.parse(folder / OTHER / "index.html").getroot()
    assert "Valt op" not in other.text_content()


def test_pdf_slides_and_workbook_say_the_same(folder: Path) -> None:
    pages = pypdfium2.PdfDocument(folder / OWN / "profiel.pdf")
    pdf = unbroken(" ".join(page.get_textpage().get_text_range() for page in pages))
    deck = Presentation(str(folder / OWN / "profiel.pptx"))
    shown = flat(" ".join(s.text_frame.text for slide in deck.slides for s in slide.shapes if s.has_text_frame))
    for expected in (*PLACED.values(), MODELLED):
        assert unbroken(expected) in pdf
        assert expected in shown
    book = openpyxl.load_workbook(io.BytesIO((folder / OWN / "profiel.xlsx").read_bytes()))
    said: dict[str, str] = {}
    for sheet in book.worksheets:
        heads = [cell.value for cell in sheet[1]]
        if "valt op" in heads:
            rows = [dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2, values_only=True)]
            said |= {str(row["indicator"]): str(row["valt op"]) for row in rows if row["valt op"]}
    modelled = "Valt op, volgens een model. Een modelschatting krijgt geen plaats tussen andere gebieden."
    assert said == {**PLACED, "aandeel_eenzaam": modelled}


def test_what_stands_out_takes_the_place_of_nothing_on_a_slide(folder: Path, catalog: Catalog) -> None:
    """All of it stands together on a slide; the words above the table of a theme are cut at a length."""
    titles = slides_of(folder / OWN / "profiel.pptx")
    told = " ".join(s.text_frame.text for s in titles["Cijfers die opvallen"].shapes if s.has_text_frame)
    assert flat(told).count("Valt op") == len(PLACED) + 1
    assert flat(told).count("Werk en ondernemers. Valt op: ") == 2
    shown = flat(" ".join(s.text_frame.text for slide in titles.values() for s in slide.shapes if s.has_text_frame))
    for theme in ("eenzaamheid", "veiligheid"):
        for gap in catalog.themes[theme].geen_cijfer:
            assert gap.partition(". ")[0].rstrip(".") in shown
    assert "Cijfers die opvallen" not in slides_of(folder / OTHER / "profiel.pptx")


def slides_of(deck: Path) -> dict[str, Any]:
    """Title -> slide."""
    slides: Any = Presentation(str(deck)).slides
    return {slide.shapes.title.text_frame.text: slide for slide in slides}
