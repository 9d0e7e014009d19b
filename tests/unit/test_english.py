"""Pages in English: everything is said, nothing is left in Dutch, and every figure is that of the Dutch page."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from lxml import html as lxml_html
from pptx import Presentation

from beeld.errors import UsageError
from beeld.profiles import language, render, wording
from beeld.profiles.formats import languages, refuse_unknown
from beeld.profiles.language import Words, day, filled, speaking, spoken, tr
from beeld.profiles.maps.classes import class_labels
from beeld.profiles.stored import PATTERNS, renumbered, stored
from beeld.settings import project_folder
from beeld.transforms import gate, lists
from beeld.transforms.catalog import Catalog, load_catalog
from tests import messages
from tests.unit.test_profiles_pages import BUURTEN, FORBIDDEN, HOSTILE, TINY, build_release

AREAS = (BUURTEN[0], BUURTEN[1], BUURTEN[2], TINY, "WK990101", "GM9901", "SG-proef")
FORMATS = ("html", "pdf", "pptx", "xlsx")
DUTCH = re.compile(
    r"\b(de|het|een|van|niet|voor|geen|deze|dit|dat|worden|wordt|zijn|naar|met|bij|uit|aan|maar|ook|wij|waar|hoger|lager|cijfers?"
    r"|buurten|gebieden|gemeenten|jaar|inwoners|huishoudens|onbekend|marge|reden|soort|bron|tabel|kolom|aandeel|thema)\b",
    re.IGNORECASE,
)
"""Words that no English page has, outside names, titles of sources and columns."""
ENGLISH = re.compile(
    r"\b(the|and|not|with|are|was|were|this|that|which|from|than|figures?|years?|neighbourhoods?)\b", re.IGNORECASE
)
"""Words that no Dutch page has."""
CAUSAL = re.compile(
    r"\b(because( of)?|due to|leads? to|led to|causes|caused( by)?|results? in|resulted in|thanks to|owing to|consequence of"
    r"|worst|best|league table|problem area|deprived|disadvantaged|residents are|None|nan|null)\b"
)
"""What an English page never says, as FORBIDDEN is for the Dutch ones."""
PLACEHOLDER = re.compile(r"{\w*}")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Path:
    folder = tmp_path_factory.mktemp("engels")
    build_release(folder / "proef.duckdb", catalog, example=True)
    return folder


def rendered(release: Path, out: Path, catalog: Catalog, spoken_here: str, formats: tuple[str, ...] = FORMATS) -> Path:
    render.render_site(
        release, release / "proef.duckdb", out, catalog=catalog, areas=AREAS, formats=formats, language=spoken_here, maps=False,
        pack=AREAS[:2],
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def both(release: Path, catalog: Catalog) -> Path:
    """A site in Dutch with the English one in `en/`."""
    return rendered(release, release / "site", catalog, "nl,en")


def pages(folder: Path) -> Iterator[tuple[Path, lxml_html.HtmlElement]]:
    """The pages of one language."""
    for path in sorted(folder.rglob("*.html")):
        if folder.name == "en" or "en" not in path.relative_to(folder).parts:
            yield path, lxml_html.parse(path).getroot()


def names(catalog: Catalog) -> list[str]:
    """What stays Dutch in English and the other way round: names of areas, publishers, titles of sources, and our own name."""
    sources = [text for source in catalog.sources.values() for text in (source.titel, source.uitgever)]
    named = (HOSTILE, "Proefstad", "Proefgebied", "Oost", "West", "Beeld van de Wijk", "De Jong Gierveld")
    return sorted({*sources, *named}, key=len, reverse=True)


def said(page: lxml_html.HtmlElement, catalog: Catalog) -> str:
    """What a reader reads or hears, without names, columns, code, and what is marked as another language."""
    page = lxml_html.fromstring(lxml_html.tostring(page))
    for element in page.xpath(
        "//script | //style | //code | //*[@hreflang] | //td[@class='kolom'] | //tbody[ancestor::table[@class='bronnen']]"
    ):
        element.drop_tree() if element.tag not in ("tbody",) else element.clear()
    spoken_attributes = [str(value) for value in page.xpath("//@aria-label | //@alt | //@title")]
    text = " ".join([*map(str, page.itertext()), *spoken_attributes])
    for name in names(catalog):
        text = text.replace(name, " ")
    return re.sub(r"Buurt \d{4}|\((buurt|wijk|gemeente|bijstand)\)", " ", text)


# ---------------------------------------------------------------- the catalogue of messages


def test_every_message_is_translated_and_the_files_are_up_to_date() -> None:
    """A text that was added or changed needs its English: `make messages`, then beeld.po."""
    found, kept = messages.extracted(), messages.read("en")
    ids = {message.id for message in kept if message.id}
    assert sorted(found.keys() - ids) == [], "run 'make messages' and translate"
    assert sorted(ids - found.keys()) == [], "run 'make messages'"
    assert [message.id for message in kept if message.id and not message.string] == []
    assert [message.id for message in kept if message.fuzzy] == []
    assert messages.as_po(messages.updated("en")) == messages.catalogue_file("en").read_bytes()
    assert messages.as_mo(kept) == messages.catalogue_file("en", "mo").read_bytes()


def test_a_translation_has_the_placeholders_and_the_edges_of_its_message() -> None:
    wrong = [
        message.id
        for message in messages.read("en")
        if message.id
        and (
            sorted(PLACEHOLDER.findall(message.id)) != sorted(PLACEHOLDER.findall(str(message.string)))
            or [message.id[:1] == " ", message.id[-1:] == " "] != [message.string[:1] == " ", message.string[-1:] == " "]
        )
    ]
    assert wrong == []


def test_no_translation_names_a_cause_or_judges() -> None:
    assert [message.string for message in messages.read("en") if message.id and CAUSAL.search(str(message.string))] == []


# ---------------------------------------------------------------- how it is said


def test_numbers_dates_and_classes() -> None:
    with speaking("en"):
        assert [wording.numeral(1234.56, 1), wording.numeral(-0.04, 1), wording.percent("12.3")] == ["1,234.6", "0.0", "12.3%"]
        assert wording.whole_percent(0.999) == "99%"
        assert class_labels((10.0, 12000.0), 1) == ["less than 10.0", "10.0 to 12,000.0", "12,000.0 or more"]
        assert renumbered("-1.234,5 of 0,02, 2024") == "-1,234.5 of 0.02, 2024"
        assert day(language.date(2026, 7, 1)) == "1 July 2026"
    assert day(language.date(2026, 7, 1)) == "01-07-2026"
    assert wording.numeral(1234.56, 1) == "1.234,6"


def test_words_are_filled_in_as_they_are_in_each_language() -> None:
    assert filled("{label} {number} ({year}", label="a", number=3, year="2024") == ["a ", 3, " (2024"]
    with speaking("en"):
        assert filled("{label} {number} ({year}", label="a", number=3, year="2024") == [3, " a (2024"]
        assert Words({"x": "geen gegevens"})["x"] == "no data"
        assert Words({"x": "geen gegevens"}).get("y") is None
        assert tr("") == ""


def test_reasons_of_a_release_are_said_in_english() -> None:
    english = {
        "grens niet getoetst; de noemer is 0": "boundary not tested; the denominator is 0",
        "geen gebied met deze code en naam in indeling 2017": "no area with this code and name in division 2017",
        "twee jaren: verschil -1.234,5, kritisch verschil 2,0; voor een trend zijn 5 jaren nodig, er zijn er 2": (
            "two years: difference -1,234.5, critical difference 2.0; a trend needs 5 years, there are 2"
        ),
        "op de cijfers zelf: sterk, maar dat blijft in minder dan 50 % van de scenario's staan": (
            "on the figures themselves: strong, but that stands in less than 50% of the scenarios"
        ),
        'zonder "Geregistreerde misdrijven" verandert de uitkomst het vaakst: in 12 % van de scenario\'s': (
            'without "Registered crimes" the outcome changes most often: in 12% of the scenarios'
        ),
        "Deze bronnen zijn niet geleverd: Energie.": "These sources were not delivered: Energie.",
        "iets wat niemand kent": "iets wat niemand kent",
    }
    with speaking("en"):
        assert {reason: stored(reason) for reason in english} == english
    assert all(stored(reason) == reason for reason in english)


def test_every_reason_of_the_use_gate_and_of_lists_is_said_in_english() -> None:
    reasons = {found.reden for rules in gate.RULES.values() for found in rules if found.reden} | {gate.NOT_DECLARED}
    reasons |= {lists.BOTH, lists.NEITHER, lists.ONLY_WE, lists.ONLY_LIST, lists.UNSTABLE}
    with speaking("en"):
        assert [reason for reason in reasons if stored(reason) == reason] == []


def test_every_pattern_fits_its_own_message() -> None:
    """A pattern that another one swallows would say something else."""
    with speaking("en"):
        for pattern in PATTERNS:
            words = PLACEHOLDER.sub("7", pattern)
            assert stored(words) == PLACEHOLDER.sub("7", tr(pattern)), pattern


def test_threads_do_not_hear_each_other() -> None:
    heard: dict[str, str] = {}
    ready = threading.Barrier(2)

    def speak(code: str) -> None:
        with speaking(code):
            ready.wait(10)
            heard[code] = tr("geen gegevens")
            ready.wait(10)

    with speaking("en"):
        silent = threading.Thread(target=lambda: heard.update(new=spoken().code))
        silent.start()
        silent.join()
    threads = [threading.Thread(target=speak, args=(code,)) for code in ("nl", "en")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"new": "nl", "nl": "geen gegevens", "en": "no data"}


def test_a_language_that_does_not_exist_is_refused() -> None:
    assert languages("nl, en,nl") == ("nl", "en")
    refuse_unknown(["html"], "en,nl")
    for wrong in ("fy", "nl,fy", "", "../en"):
        with pytest.raises(UsageError, match="does not exist"):
            refuse_unknown(["html"], wrong)


# ---------------------------------------------------------------- the pages


def test_no_english_page_holds_dutch_and_no_dutch_page_english(both: Path, catalog: Catalog) -> None:
    left = {
        (path.relative_to(both).as_posix(), pattern.search(text)[0])  # pyright: ignore[reportOptionalSubscript]
        for folder, pattern in ((both, ENGLISH), (both / "en", DUTCH))
        for path, page in pages(folder)
        for text in [said(page, catalog)]
        if pattern.search(text)
    }
    assert sorted(left) == []


def test_no_english_page_names_a_cause_or_judges(both: Path, catalog: Catalog) -> None:
    for path, page in pages(both / "en"):
        assert not CAUSAL.search(said(page, catalog)), path
        assert not any(re.search(pattern, said(page, catalog)) for pattern in FORBIDDEN), path


def test_every_page_says_its_language_and_leads_to_the_other(both: Path) -> None:
    count = 0
    for folder, own, other in ((both, "nl", "en"), (both / "en", "en", "nl")):
        for path, page in pages(folder):
            assert page.get("lang") == own
            (link,) = page.xpath("//nav//a[@hreflang]")
            target = (path.parent / link.get("href")).resolve()
            assert (link.get("lang"), target.is_file(), target != path.resolve()) == (other, True, True)
            assert target.relative_to(both.resolve()).parts[0] != "en" or other == "en"
            count += 1
    assert count > 200


def test_a_language_that_was_not_made_is_not_linked(release: Path, catalog: Catalog, both: Path) -> None:
    alone = rendered(release, release / "alleen", catalog, "en", ("html",))
    for path, page in pages(alone):
        assert page.get("lang") == "en"
        assert not page.xpath("//a[@hreflang]"), path
    dutch = rendered(release, release / "nederlands", catalog, "nl", ("html",))
    assert not (dutch / "en").exists()
    linked = (both / "methode.html").read_text(encoding="utf-8")
    assert (dutch / "methode.html").read_text(encoding="utf-8") == re.sub(
        r' <a href="[^"]*" lang="en"[^>]*>English</a>', "", linked
    )


def test_the_figures_are_the_same_figures(both: Path) -> None:
    for code in AREAS:
        dutch, english = (lxml_html.parse(folder / "gebied" / code / "index.html").getroot() for folder in (both, both / "en"))
        assert figures(dutch) == figures(english)
        assert len(figures(dutch)) > 100
        shown = [[number(each.text_content(), sign) for each in printed(page)] for page, sign in ((dutch, ","), (english, "."))]
        assert shown[0] == shown[1]
        assert len(shown[0]) > 100


def printed(page: lxml_html.HtmlElement) -> list[lxml_html.HtmlElement]:
    """The elements of figures in tables, in their order: a sentence may have another order."""
    return page.xpath("//td[@data-waarde] | //td//*[@data-waarde]")


def figures(page: lxml_html.HtmlElement) -> list[tuple[str, ...]]:
    """Every figure of a page with all of its data."""
    names = ("gebied", "indicator", "peiljaar", "status", "waarde", "ondergrens", "bovengrens")
    found = page.xpath("//*[@data-gebied]")
    return sorted(tuple(each.get(f"data-{name}", "") for name in names) for each in found)


def number(shown: str, decimal: str) -> float:
    """What a reader reads."""
    digits = re.sub(r"[^\d,.\-]", "", shown.replace("klasse", "").replace("class", "").partition(" per")[0])
    return float(digits.replace("." if decimal == "," else ",", "").replace(decimal, ".").rstrip("."))


def test_a_workbook_holds_the_same_numbers_in_the_same_cells(both: Path) -> None:
    for code in AREAS[:3]:
        books = [openpyxl.load_workbook(folder / "gebied" / code / "profiel.xlsx") for folder in (both, both / "en")]
        dutch, english = ([list(sheet.iter_rows(values_only=True)) for sheet in book] for book in books)
        assert books[1].sheetnames[0] == "Read me"
        assert [len(rows) for rows in dutch] == [len(rows) for rows in english]
        for one, other in zip(dutch, english, strict=True):
            assert [[each for each in row if isinstance(each, (int, float))] for row in one] == [
                [each for each in row if isinstance(each, (int, float))] for row in other
            ]


def test_office_files_say_their_language_and_that_figures_are_invented(both: Path) -> None:
    for folder, tag, words in ((both, "nl", "voorbeeld: verzonnen cijfers"), (both / "en", "en", "example: invented figures")):
        place = folder / "gebied" / BUURTEN[0]
        deck = Presentation(str(place / "profiel.pptx"))
        tags = {run.get("lang") for slide in deck.slides for run in slide._element.iter("{*}rPr") if run.get("lang")}
        assert {each.partition("-")[0] for each in tags} == {tag}
        assert deck.core_properties.language.startswith(tag)
        assert all(words in "".join(slide._element.itertext()) for slide in deck.slides)
        pdf = (place / "profiel.pdf").read_bytes()
        assert f"/Lang({tag})".encode() in pdf.replace(b"/Lang (", b"/Lang(")
        text = "\n".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(pdf))
        assert words in text
        page = (place / "index.html").read_text(encoding="utf-8")
        assert words in page
        assert words.partition(": ")[2] in (folder / "LEESMIJ.txt").read_text(encoding="utf-8").lower()


def test_no_english_document_holds_dutch(both: Path, catalog: Catalog) -> None:
    place = both / "en" / "gebied" / BUURTEN[0]
    leaves = pypdfium2.PdfDocument((place / "profiel.pdf").read_bytes())
    broken = re.compile(r"[\u00ad\ufffe\x02](\r?\n)?")
    text = broken.sub("", "\n".join(leaf.get_textpage().get_text_bounded() for leaf in leaves))
    deck = Presentation(str(place / "profiel.pptx"))
    slides = "\n".join("".join(slide._element.itertext()) for slide in deck.slides)
    proper = re.compile("|".join(r"\s+".join(map(re.escape, name.split())) for name in names(catalog)))
    for told in (text.partition("Sources")[0], slides.partition("Sources")[0]):
        assert DUTCH.search(re.sub(r"\((buurt|wijk|gemeente|bijstand)\)", "", proper.sub(" ", told))) is None


KEPT = frozenset({"area", "edition", "indicator", "source", "publisher", "column", "delivery (sha256)", "table"})
"""Columns of a workbook with names, codes and what the source calls it."""


def test_no_english_workbook_holds_dutch(both: Path, catalog: Catalog) -> None:
    left: set[str] = set()
    for code in AREAS[:3]:
        for sheet in openpyxl.load_workbook(both / "en" / "gebied" / code / "profiel.xlsx"):
            heads, *rows = sheet.iter_rows(values_only=True)
            cells = [each for row in rows for head, each in zip(heads, row, strict=True) if head not in KEPT]
            for cell in [str(each) for each in (*heads, *cells) if isinstance(each, str)]:
                proper = re.compile("|".join(map(re.escape, names(catalog))))
                told = re.sub(r"\((buurt|wijk|gemeente|bijstand)\)", "", proper.sub(" ", cell))
                left |= {cell} if DUTCH.search(told) or "Project-Id" in cell else set()
    assert sorted(left) == []


def test_processes_speak_the_language_of_their_desk(
    release: Path, catalog: Catalog, both: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool of processes makes the same bytes as this process does."""
    monkeypatch.setattr(render, "POOL_SECONDS", 0.0)
    monkeypatch.setattr(render, "STACK", 4)
    monkeypatch.setattr(render.os, "cpu_count", lambda: 2)
    spread = rendered(release, release / "verdeeld", catalog, "nl,en", ("html",))
    compared = [path.relative_to(spread) for path in sorted(spread.rglob("gebied/*/index.html"))]
    assert len(compared) == 2 * len(AREAS)
    downloads = re.compile(r'<p class="downloads">.*?</p>\n')
    for path in compared:
        whole = downloads.sub("", (both / path).read_text(encoding="utf-8"))
        assert (spread / path).read_text(encoding="utf-8") == whole
