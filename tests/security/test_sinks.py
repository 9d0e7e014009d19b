"""A name can contain anything and stays a name: every hostile text in every format that carries one, read back by a parser."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import openpyxl
import pypdfium2
import pytest
from lxml import etree
from lxml import html as lxml_html
from markdown_it import MarkdownIt
from pptx import Presentation

from beeld.errors import SourceChanged, UsageError
from beeld.profiles import pdf
from beeld.profiles.atlas.files import safe_json
from beeld.profiles.contents import Contents, contents_of
from beeld.profiles.elements import sentence
from beeld.profiles.html import area_page, index_page
from beeld.profiles.lenses import load_lens
from beeld.profiles.maps.sheet import Sheet
from beeld.profiles.reading import build_profile, load_batch, load_release
from beeld.profiles.site import Site
from beeld.profiles.slides import Deck
from beeld.profiles.text import Place, Sentence
from beeld.profiles.xlsx import Sheet as Table
from beeld.profiles.xlsx import workbook
from beeld.settings import project_folder
from beeld.sources.http import safe
from beeld.sources.words import plain
from beeld.transforms import codes
from beeld.transforms.catalog import Union, load_catalog
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.export.dictionary import md
from beeld.warehouse.inputs import resolve_area
from beeld.warehouse.query import Answer
from beeld.warehouse.read import open_warehouse
from tests.security.hostile import NAMES, STRINGS
from tests.unit.test_profiles_pages import BUURTEN, TINY, build_release

DOCUMENT = 250
"""Signs of names that one PDF carries as its name: typesetting is the slow one."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An invented release in which as many areas as there are have a hostile name."""
    folder = tmp_path_factory.mktemp("vijandig")
    (folder / "site").mkdir()
    catalog = load_catalog(project_folder())
    build_release(folder / "proef.duckdb", catalog, example=True)
    with closing(open_warehouse(folder / "proef.duckdb")) as con:
        data = load_release(con, catalog)
    lens, groups = load_lens(project_folder(), "zoom-in", catalog), load_target_groups(project_folder(), catalog)
    return Site(folder / "site", data, lens, frozenset((*BUURTEN, TINY)), (), groups)


@pytest.fixture(scope="module")
def contents(site: Site) -> Contents:
    with closing(open_warehouse(site.folder.parent / "proef.duckdb")) as con:
        batch = load_batch(con, site.data, (TINY,))
    return contents_of(build_profile(site.data, batch, TINY), site)


def renamed(contents: Contents, name: str) -> Contents:
    return replace(contents, profile=replace(contents.profile, area=replace(contents.profile.area, name=name)))


def test_the_corpus_is_what_was_promised() -> None:
    """At least 120 texts; with one test for each of the eleven sinks and a few more that is at least 1,300 cases."""
    sinks = [name for name in globals() if name.startswith("test_") and "corpus" not in name and "rule" not in name]
    assert len(STRINGS) >= 120
    assert len(sinks) >= 11
    assert len(sinks) * len(NAMES) >= 1_300


@pytest.mark.parametrize("text", STRINGS, ids=ascii)
def test_the_rule_at_the_door(text: str) -> None:
    """What is lost is declared: control characters, half pairs, direction, white space. Nothing that can be read is."""
    name = plain(text)
    assert plain(name) == name
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co") for c in name)
    assert name.encode("utf-8").decode("utf-8") == name
    visible = [c for c in text if unicodedata.category(c)[0] in "LNPSM"]
    assert [c for c in name if unicodedata.category(c)[0] in "LNPSM" and c != "\ufffd"] == visible
    if name:
        assert Union(id="x", naam=text, buurten=("BU00010000",), indeling_jaar=2024).naam == name


def test_html(site: Site, contents: Contents) -> None:
    """The page of an area: heading, title and trail give the name back, and the elements are those of any page."""
    usual = elements(lxml_html.fromstring(area_page(renamed(contents, "Buurt"), site, site.folder, (), None)))
    for name in NAMES:
        page = lxml_html.fromstring(area_page(renamed(contents, name), site, site.folder, (), None))
        assert page.xpath("string(//h1)") == name
        assert page.xpath("string(//title)").startswith(name)
        assert elements(page) == usual, name


def test_html_links(site: Site) -> None:
    """A sentence that names another area, with a link to its page."""
    area = site.data.areas[TINY]
    for name in NAMES:
        words = sentence(Sentence((Place(replace(area, name=name)), " lijkt hierop.")), frozenset((TINY,)))
        (link,) = (part := lxml_html.fragment_fromstring(str(words), create_parent="p"))
        assert (link.tag, link.get("href"), link.text) == ("a", f"../{TINY}/index.html", name)
        assert part.text_content() == f"{name} lijkt hierop."


def elements(page: lxml_html.HtmlElement) -> list[tuple[str, tuple[str, ...]]]:
    """Every element with the names of its attributes."""
    return [(str(e.tag), tuple(sorted(e.attrib))) for e in page.iter()]


def test_html_index(site: Site) -> None:
    """The list of areas and what the area finder reads."""
    for start in range(0, len(NAMES), len(BUURTEN)):
        given = dict(zip(BUURTEN, NAMES[start : start + len(BUURTEN)], strict=False))
        areas = {code: replace(area, name=given.get(code, area.name)) for code, area in site.data.areas.items()}
        page = lxml_html.fromstring(index_page(replace(site, data=replace(site.data, areas=areas)), {}))
        shown = {a.get("href").split("/")[1]: a.text_content() for a in page.xpath("//ul[@class='gebieden']//a")}
        assert {code: shown[code] for code in given} == given
        assert len(page.xpath("//script")) == 1
        assert not page.xpath("//img | //iframe | //base | //*[@onerror or @onload or @onmouseover]")


def squeezed(text: str) -> str:
    """Without white space, and without what hyphenation puts at the end of a line."""
    return re.sub(r"[\s\-\u00ad\u200b\u200d\ufffe\ufffd\ufe0f]", "", unicodedata.normalize("NFKC", text))


def test_typst_and_pdf(site: Site, contents: Contents) -> None:
    """Heading and header of the page and the title of the document; nothing of a name is run or read as markup."""
    for name in documents():
        made = pdf.typeset(pdf.document(renamed(contents, name), site, (), None), site.folder)
        with closing(pypdfium2.PdfDocument(made)) as document:
            assert document.get_metadata_value("Title") == f"{name} ({TINY})"
            text = document[0].get_textpage().get_text_range()
        if name.isascii():  # what a typeface lacks, or what joins signs, is covered by the tests of the PDF
            assert squeezed(text).count(squeezed(name)) == 2


def documents() -> list[str]:
    """The names, several in one document."""
    found = [""]
    for name in sorted(NAMES, key=str.isascii):
        if len(found[-1]) + len(name) > DOCUMENT:
            found.append("")
        found[-1] = f"{found[-1]} {name}".strip()
    return found


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_svg_and_matplotlib(tmp_path: Path) -> None:
    """Our own writer, and the pixels of matplotlib, for which a dollar is no mathematics."""
    sheet = Sheet(20.0 * len(NAMES), 400, 14)
    drawn = [sheet.text(14, 20.0 * (number + 1), name, 9) for number, name in enumerate(NAMES)]
    assert [line.text for line in drawn] == list(NAMES)
    svg, _ = sheet.save(tmp_path, "namen", NAMES[0], ("#ffffff",), pixels=False)
    root = etree.parse(svg).getroot()
    shown = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert shown == list(NAMES)
    assert {etree.QName(e).localname for e in root.iter() if isinstance(e.tag, str)} <= {
        "svg",
        "title",
        "g",
        "text",
        "rect",
        "path",
    }
    for name in NAMES:
        titled = etree.fromstring(sheet.writer.document([], 10, 10, name).encode())
        assert titled.findtext("{http://www.w3.org/2000/svg}title") == name
    small = Sheet(300, 400, 14)
    for name in NAMES:
        small.text(14, 100, name, 9)
    assert small.image(("#ffffff",)).size[0] > 400


def test_markdown() -> None:
    for name in NAMES:
        (block, inline, _) = MarkdownIt("gfm-like", {"linkify": False}).parse(f"{md(name)} einde")
        assert block.type == "paragraph_open"
        assert {child.type for child in inline.children or ()} <= {"text", "text_special"}
        assert "".join(child.content for child in inline.children or ()) == f"{name} einde"


def test_csv_and_json() -> None:
    """`beeld query`: JSON gives the name back; CSV too, after the apostrophe that keeps a formula a text."""
    answer = Answer(("naam", "getal"), [(name, -1.5) for name in NAMES])
    assert [row["naam"] for row in json.loads(answer.as_json())] == list(NAMES)
    rows = list(csv.reader(io.StringIO(answer.as_csv(), newline="")))[1:]
    for name, (cell, number) in zip(NAMES, rows, strict=True):
        assert number == "-1.5"
        assert cell == (f"'{name}" if re.match(r"'*[=+\-@]", name) else name)
        assert not re.match(r"[=+\-@\t\r]", cell)


def test_json_inside_a_page() -> None:
    """What the atlas reads: it cannot end the element that it stands in."""
    page = lxml_html.document_fromstring(
        f"<html><body><script type='application/json'>{safe_json(list(NAMES))}</script><p>na</p></body></html>"
    )
    assert json.loads(page.xpath("//script")[0].text) == list(NAMES)
    assert [e.tag for e in page.iter()] == ["html", "body", "script", "p"]


def test_xlsx() -> None:
    made = workbook([Table("Namen", (("naam", 20),), tuple((name,) for name in NAMES))], NAMES[0])
    book = openpyxl.load_workbook(io.BytesIO(made))
    cells = [cell for (cell,) in book.worksheets[0].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells] == list(NAMES)
    assert not any(cell.hyperlink for cell in cells)


def test_pptx(contents: Contents) -> None:
    """A table on a slide, titles, and the foot of every slide."""
    deck = Deck(renamed(contents, NAMES[0]))
    for name in NAMES[::10]:
        deck.table(deck.add(name), ["naam"], [[each] for each in NAMES], [1], 1.0)
    out = io.BytesIO()
    deck.presentation.save(out)
    slides = list(Presentation(out).slides)
    assert [slide.shapes.title.text_frame.text for slide in slides] == list(NAMES[::10])
    (table,) = (shape.table for shape in slides[0].shapes if shape.has_table)
    assert [row.cells[0].text_frame.text for row in list(table.rows)[1:]] == list(NAMES)
    assert not any(run.hyperlink.address for row in table.rows for p in row.cells[0].text_frame.paragraphs for run in p.runs)


def test_sql() -> None:
    """Only ever a parameter; the schema afterwards is the one before."""
    with duckdb.connect() as con:
        con.execute((project_folder() / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
        before = con.execute("select sql from duckdb_tables() order by all").fetchall()
        con.executemany(
            "insert into gebied (gebiedscode, soort, naam, indeling_jaar) values (?, 'buurt', ?, 2024)",
            [(f"BU{number:08d}", name) for number, name in enumerate(NAMES)],
        )
        for name in NAMES:
            assert con.execute("select naam from gebied where naam = ?", [name]).fetchall() == [(name,)]
        assert con.execute("select sql from duckdb_tables() order by all").fetchall() == before


@pytest.mark.parametrize("text", STRINGS, ids=ascii)
def test_file_names(text: str) -> None:
    """A folder is named by a code, never by a name; what is no code is refused, and an exact name gives its code."""
    assert not codes.is_code(text)
    assert codes.normalise(text) is None
    assert resolve_area("BU00010000", {"BU00010000": text}) == "BU00010000"
    with pytest.raises(UsageError):
        resolve_area(text, {"BU00010000": "Centrum"})


@pytest.mark.parametrize("text", STRINGS, ids=ascii)
def test_messages(text: str) -> None:
    """One line for the terminal and the log, of which nothing moves the cursor or turns the direction."""
    message = SourceChanged(f"answers {safe(text)}", where="bron T").message
    assert message.isprintable()
    assert len(message) < 120
