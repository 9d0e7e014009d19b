"""The PDF says what the page says, on tagged pages that carry the area and the edition, whatever the names are."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest

from beeld.errors import BeeldError
from beeld.profiles import pdf, render
from beeld.profiles.contents import Contents, contents_of
from beeld.profiles.lenses import load_lens
from beeld.profiles.reading import build_profile, load_batch, load_release
from beeld.profiles.site import Site
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.read import open_warehouse
from tests.unit.test_profiles_pages import BUURTEN, HOSTILE, TINY, build_release

AREAS = (BUURTEN[0], BUURTEN[1], TINY, "WK990101", "GM9901", "SG-proef")
NAMES = (
    "'s-Gravenhage",
    "Súdwest-Fryslân",
    "Hengelo (O.)",
    "Bergen (NH.)",
    '#read("/etc/passwd")',
    '#import "x.typ" $\\frac{1}{2}$ ] } \\ ` *x* _y_ <lab> @ref // /* x */',
    "=HYPERLINK(1)",
    "../../etc/passwd",
    "שלום",
    "漢字 😀",
    "e\u0301e\u0301n",
    "zero\u200bwidth",
    "x" * 300,
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Path:
    folder = tmp_path_factory.mktemp("pdf")
    build_release(folder / "proef.duckdb", catalog, example=True)
    render.render_site(
        folder, folder / "proef.duckdb", folder / "site", catalog=catalog, areas=AREAS, formats=("html", "pdf"), maps=False
    )
    return folder


@pytest.fixture(scope="module")
def whole(site: Path, catalog: Catalog) -> Site:
    with closing(open_warehouse(site / "proef.duckdb")) as con:
        data = load_release(con, catalog)
    lens, groups = load_lens(project_folder(), "zoom-in", catalog), load_target_groups(project_folder(), catalog)
    return Site(site / "site", data, lens, frozenset(AREAS), (), groups)


@pytest.fixture(scope="module")
def contents(site: Path, whole: Site) -> dict[str, Contents]:
    with closing(open_warehouse(site / "proef.duckdb")) as con:
        batch = load_batch(con, whole.data, AREAS)
    return {code: contents_of(build_profile(whole.data, batch, code), whole) for code in AREAS}


def renamed(contents: Contents, name: str) -> Contents:
    """The same contents of an area with another name."""
    return replace(contents, profile=replace(contents.profile, area=replace(contents.profile.area, name=name)))


def typeset(contents: Contents, whole: Site) -> bytes:
    """The PDF of `contents`."""
    return pdf.typeset(pdf.document(contents, whole, (), None), whole.folder)


def pages(content: bytes | Path) -> list[str]:
    """The text of each page."""
    with closing(pypdfium2.PdfDocument(content)) as document:
        return [page.get_textpage().get_text_range() for page in document]


def squeezed(text: str) -> str:
    """Without white space, and without what hyphenation puts at the end of a line."""
    return re.sub(r"[\s\-\u00ad\u200b\ufffe]", "", text)


def opened(site: Path, code: str) -> Path:
    return site / "site" / "gebied" / code / "profiel.pdf"


@pytest.mark.parametrize("code", AREAS)
def test_every_page_names_area_edition_and_example(site: Path, contents: dict[str, Contents], code: str) -> None:
    found = pages(opened(site, code))
    assert 5 < len(found) < 40
    for number, page in enumerate(found, start=1):
        flat = squeezed(page)
        assert squeezed(contents[code].profile.area.name) in flat
        assert code.replace("-", "") in flat
        assert "editieproef1" in flat
        assert "voorbeeld:verzonnencijfers" in flat
        assert f"bladzijde{number}van{len(found)}" in flat


@pytest.mark.parametrize("code", AREAS)
def test_every_figure_of_the_page_stands_in_the_pdf(site: Path, contents: dict[str, Contents], code: str) -> None:
    """Title, unit, value, interval, difference, reason, the same figure elsewhere, year and kind: in one row."""
    text = squeezed("".join(re.sub(r"^.*\n|\n.*$", "\n", page) for page in pages(opened(site, code))))
    sections = [*(s for _, each in contents[code].chapters for s in each), *contents[code].leftover]
    lines = [line for section in sections for line in section.lines]
    assert len(lines) == len(contents[code].profile.figures)
    for line in lines:
        unit = f"{line.head.unit}; {line.head.direction}" if line.head.direction else line.head.unit
        row = f"{line.head.title}{unit}{line.shown}{line.interval}{line.finding}{line.reason}"
        assert squeezed(row) in text, (line.figure.id, row)
    for each in (*contents[code].questions, *contents[code].cover.verdict, *contents[code].cover.reasons):
        assert squeezed(each) in text
    for origin in contents[code].origins:
        delivery = f"{origin.publisher}{'geen tabel' if origin.table == '–' else f'tabel{origin.table},levering{origin.sha}'}"
        assert squeezed(delivery) in text
        rest = text[text.index(squeezed(delivery)) :]
        assert squeezed(f"{origin.title}{origin.year}{origin.kind}{origin.column}") in rest


@pytest.mark.parametrize("code", AREAS)
def test_no_page_ends_between_the_words_of_a_theme_and_its_table(site: Path, contents: dict[str, Contents], code: str) -> None:
    found = [squeezed(page.partition("Beeld van de Wijk · editie")[0]) for page in pages(opened(site, code))]
    for section in (s for _, each in contents[code].chapters for s in each if s.lines):
        for words in (section.title, *section.sentences, *section.gaps):
            last = [page for page in found if page.endswith(squeezed(words))]
            # the list of "Wat weten we niet" has the same words, and may be cut between its items
            assert all(page.endswith(f"•{squeezed(words)}") for page in last), (section.title, words)


@pytest.mark.parametrize("code", AREAS)
def test_scale_and_signs_are_explained(site: Path, contents: dict[str, Contents], whole: Site, code: str) -> None:
    """The words of the page, in sight; a sign and its explanation never stand on two pages."""
    content = pdf.document(contents[code], whole, (), None)
    found = pages(opened(site, code))
    text = squeezed("".join(found))
    dots = sum("boven" in drawing for card in content["kaartjes"] for drawing in card["beelden"])
    assert text.count("Metmarge,opeeneigenschaal") == dots
    assert not content["kaartjes"] or "Gebiedenmetminderdan200inwonersdoennietmee." in text
    sections = [*(s for _, each in contents[code].chapters for s in each), *contents[code].leftover]
    signed = sum(any(line.untested for line in section.lines) for section in sections)
    assert text.count("°grensnietgetoetst;zieWatwetenweniet") == signed
    for page in found:
        above, sign, _ = squeezed(page).partition("°grensnietgetoetst")
        assert not sign or "Jaarensoort" in above
    for section in sections:
        for gap in section.gaps:
            assert squeezed(gap.partition(". ")[0]) in text


def test_lines_have_a_column_only_where_one_is_drawn(contents: dict[str, Contents], whole: Site) -> None:
    drawn = contents[BUURTEN[0]]
    lines = tuple(replace(line, cells=dict(sorted(line.cells.items())[-2:])) for line in drawn.timeline.lines)
    lone = replace(drawn.timeline, lines=lines)
    assert drawn.timeline.drawn
    assert not lone.drawn
    heads = "CijferLijnEerstejaarLaatstejaar"
    assert heads in squeezed("".join(pages(typeset(drawn, whole))))
    text = squeezed("".join(pages(typeset(replace(drawn, timeline=lone), whole))))
    assert heads not in text
    assert heads.replace("Lijn", "") in text


def test_the_last_page_holds_sources(contents: dict[str, Contents], whole: Site) -> None:
    """Where the maps are stands before them: alone on a page it would be a sentence on an empty sheet."""
    content = pdf.document(contents[BUURTEN[0]], whole, (), None)
    found = pages(pdf.typeset({**content, "kaarten_elders": "Elders zijn kaarten."}, whole.folder))
    text = squeezed("".join(found))
    assert text.index("Elderszijnkaarten.") < text.index("Vanelkcijferstaathier")
    assert squeezed("".join(content["bronnen"]["groepen"][-1]["rijen"][-1])) in squeezed(found[-1])


@pytest.mark.parametrize("hidden", ["\b", "\f", "\r", "\x00", "\x1f", "\x85", "\u202e", "\ufffe", "\ud800"])
def test_hidden_characters_are_marked_wherever_they_stand(hidden: str) -> None:
    content = {"naam": 'Súd\u00a0West \\u0041 "x"\n', "rijen": [["a", f"b{hidden}c"]]}
    assert json.loads(pdf.as_json(content)) == {"naam": content["naam"], "rijen": [["a", "b\ufffdc"]]}
    plain = {"naam": 'Súd\u00a0West \\b "x"\n\t'}
    assert json.loads(pdf.as_json(plain)) == plain


def test_states_are_words_and_zero_is_a_value(site: Path) -> None:
    small = squeezed("".join(pages(opened(site, TINY))))
    assert "afgeschermdreden:geheimvolgensdebron" in small
    assert "geengegevensreden:onbekendofgeheim" in small
    assert "n.v.t.reden:hetaantalwaardoorgedeeldwordt,is0" in small
    assert "0,0%" in squeezed("".join(pages(opened(site, BUURTEN[0]))))


def test_the_document_is_tagged_dutch_and_titled(site: Path) -> None:
    body = opened(site, "GM9901").read_bytes()
    assert b"/StructTreeRoot" in body
    assert b"/Marked true" in body
    assert re.search(rb"/Lang ?\(nl\)", body)
    assert b"pdfuaid" in body
    with closing(pypdfium2.PdfDocument(body)) as document:
        assert document.get_metadata_value("Title") == "Proefstad (GM9901)"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_a_name(whole: Site, contents: dict[str, Contents], name: str) -> None:
    """The heading, the header of the page and the title of the document give back the name, and nothing of it is run."""
    content = typeset(renamed(contents[BUURTEN[0]], name), whole)
    flat = squeezed(pages(content)[0])
    assert flat.count(squeezed(name)) == 2
    with closing(pypdfium2.PdfDocument(content)) as document:
        assert document.get_metadata_value("Title") == f"{name} ({BUURTEN[0]})"


@pytest.mark.parametrize("name", ["a\x00b", "\u202eabc", "a\ufffeb"])
def test_what_no_page_can_show_is_marked(whole: Site, contents: dict[str, Contents], name: str) -> None:
    content = typeset(renamed(contents[BUURTEN[0]], name), whole)
    assert "\ufffd" in pages(content)[0]


def test_the_same_contents_give_the_same_bytes(whole: Site, contents: dict[str, Contents], site: Path) -> None:
    again = typeset(contents["WK990101"], whole)
    assert again == opened(site, "WK990101").read_bytes()


def test_a_hostile_name_reaches_the_pdf_of_a_render(site: Path) -> None:
    assert squeezed(pages(opened(site, BUURTEN[1]))[0]).count(squeezed(HOSTILE)) == 2


def test_a_missing_typeface_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(BeeldError, match="typeface of the PDF is not installed"):
        pdf.font_folders()
