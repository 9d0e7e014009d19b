"""Pages that explain a figure and lenses: what they say follows from catalogue and release, and no lens changes a number."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from lxml import html as lxml_html

from beeld.errors import UsageError
from beeld.profiles import method, render
from beeld.profiles.formula_words import symbols, words
from beeld.profiles.lenses import Lens, known_lenses, load_lens
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.gate import USES
from tests.unit.test_profiles_pages import BUURTEN, FORBIDDEN, HEALTH_YEAR, YEARS, build_release, visible

LENSES = ("buurt-in-bloei", "kantelmoment", "meedoen-in-zeist", "positieve-gezondheid", "ruwaard", "zoom-in")
AREAS = [BUURTEN[0], BUURTEN[1], "WK990101", "GM9901"]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> dict[str, Path]:
    """The site of one invented release under every lens."""
    folder = tmp_path_factory.mktemp("blik")
    warehouse = folder / "proef.duckdb"
    build_release(warehouse, catalog, example=True)
    found: dict[str, Path] = {}
    for name in LENSES:
        found[name] = folder / name
        render.render_site(folder, warehouse, found[name], catalog=catalog, areas=AREAS, maps=False, lens=name)
    return found


def page_of(site: Path, name: str) -> lxml_html.HtmlElement:
    return lxml_html.parse(site / name).getroot()


# ---------------------------------------------------------------- a page per figure


@pytest.fixture(scope="module")
def explained(sites: dict[str, Path], catalog: Catalog) -> dict[str, lxml_html.HtmlElement]:
    """The page of every indicator."""
    return {name: page_of(sites["zoom-in"], f"methode/{name}.html") for name in catalog.indicators}


def test_every_indicator_has_a_page_with_sound_headings(explained: dict[str, lxml_html.HtmlElement], catalog: Catalog) -> None:
    for name, page in explained.items():
        levels = [int(heading.tag[1]) for heading in page.xpath("//h1 | //h2 | //h3 | //h4")]
        assert levels[0] == 1
        assert levels.count(1) == 1, name
        assert all(after - before <= 1 for before, after in pairwise(levels)), name
        assert page.xpath("string(//h1)") == catalog.indicators[name].titel
        assert not page.xpath("//script")
        assert not page.xpath("//table[not(caption)] | //th[not(@scope)]")
        text = visible(page)
        for pattern in FORBIDDEN:
            assert not re.search(pattern, text, re.IGNORECASE), (pattern, name)
        assert "1 000" not in text, name


def test_the_page_says_how_a_figure_is_shown(explained: dict[str, lxml_html.HtmlElement], catalog: Catalog) -> None:
    words = {0: "heel getal", 1: "getal met 1 cijfer achter de komma"}
    for name, page in explained.items():
        (shown,) = page.xpath("//dt[. = 'Getoond als']/following-sibling::dd[1]")
        decimals = catalog.indicators[name].decimalen
        expected = words.get(decimals, f"getal met {decimals} cijfers achter de komma")
        assert shown.text_content() == f"{expected}; opgeslagen zonder afronding", name


def test_the_page_says_which_use_is_refused_and_why(explained: dict[str, lxml_html.HtmlElement], catalog: Catalog) -> None:
    for name, page in explained.items():
        indicator = catalog.indicators[name]
        rows = [[" ".join(cell.itertext()) for cell in row] for row in page.xpath("//table[@class='gebruik']/tbody/tr")]
        decided = {use: (verdict, reason) for use, verdict, reason in rows}
        assert list(decided) == list(USES)
        assert {use for use, (verdict, _) in decided.items() if verdict != "nee"} == set(indicator.gebruik), name
        refused = [reason for verdict, reason in decided.values() if verdict == "nee"]
        assert all(len(reason) > 20 for reason in refused), name
    trend = explained["aandeel_eenzaam"].xpath("string(//table[@class='gebruik']/tbody/tr[3])")
    assert "nee" in trend
    assert "een modelschatting is berekend uit andere kenmerken" in trend.lower()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("aandeel_eenzaam", "In de buurt zelf is niets gemeten."),
        ("misdrijven_per_1000", "Geteld op de plaats waar het gebeurde"),
        ("afstand_huisarts", "De afstand is een gemiddelde over alle inwoners"),
        ("wmo_per_1000", "Gebruik van zorg is behoefte, toegang en beleid samen."),
        ("leefbaarometer_totaal", "Een score is samengesteld uit veel kenmerken."),
        ("aandeel_koopwoningen", "De bron geeft alleen de uitkomst"),
        ("aandeel_herkomst_buiten_europa", "Herkomst is geen probleem en geen verklaring."),
    ],
)
def test_what_a_figure_cannot_say_follows_from_its_kind(
    name: str, sentence: str, explained: dict[str, lxml_html.HtmlElement]
) -> None:
    section = " ".join(explained[name].xpath("//section[@aria-labelledby='niet']")[0].itertext())
    assert sentence in section
    assert "zegt niets over één persoon" in section


def test_every_kind_has_its_own_sentence(catalog: Catalog) -> None:
    assert method.ungraded(catalog) == []


def test_the_example_is_executed_and_printed(explained: dict[str, lxml_html.HtmlElement]) -> None:
    table = explained["bijstand_per_1000_15_65"].xpath("//table[caption='Wat erin gaat en wat eruit komt']")[0]
    rows = [[" ".join(cell.itertext()) for cell in row] for row in table.xpath("./tbody/tr")]
    assert rows == [
        ["uitkeringen bijstand", "40"],
        ["inwoners van 15 tot 25 jaar", "200"],
        ["inwoners van 25 tot 45 jaar", "300"],
        ["inwoners van 45 tot 65 jaar", "300"],
        ["Uitkomst", "50,0\xa0per 1.000"],
    ]


@pytest.mark.parametrize(
    ("name", "said", "written"),
    [
        (
            "geweld_per_1000",
            "1.000 keer de uitkomst van openlijk geweld plus bedreigingen plus mishandelingen plus straatroven, gedeeld door"
            " aantal inwoners. Teller en noemer zijn van hetzelfde jaar.",
            "x = 1000 × (openlijk_geweld + bedreigingen + mishandelingen + straatroven) / cbs_kwb.aantal_inwoners",
        ),
        (
            "aandeel_0_15",
            "100 keer inwoners van 0 tot 15 jaar, gedeeld door aantal inwoners.",
            "x = 100 × leeftijd_0_15 / aantal_inwoners",
        ),
        (
            "gemiddelde_woz_waarde",
            "Het cijfer WOZ-waarde, zoals CBS het publiceert. Wij rekenen er niets aan.",
            "x = woz_waarde",
        ),
    ],
)
def test_a_formula_in_words_and_in_symbols(name: str, said: str, written: str, catalog: Catalog) -> None:
    assert words(catalog.indicators[name], catalog) == said
    assert symbols(catalog.indicators[name]) == written


def test_the_years_of_a_figure_are_those_of_the_release(explained: dict[str, lxml_html.HtmlElement]) -> None:
    def years(name: str) -> list[list[str]]:
        rows = explained[name].xpath("//table[@class='bronnen']/tbody/tr")
        return [[" ".join(cell.itertext()) for cell in row][:3] for row in rows]

    assert years("aandeel_eenzaam") == [[str(HEALTH_YEAR), "11 van 11", "85984NED"]]
    assert years("aandeel_0_15") == [[str(year), "11 van 11", "85984NED"] for year in reversed(YEARS)]
    assert years("gemiddeld_inkomen_per_inwoner")[0][0] == f"{YEARS[-1]} (voorlopig)"
    assert years("scholen_binnen_3_km") == []
    assert "in deze editie niet geleverd" in visible(explained["scholen_binnen_3_km"])


def test_margins_are_called_assumed_where_the_table_has_none(explained: dict[str, lxml_html.HtmlElement]) -> None:
    sure = " ".join(explained["aandeel_eenzaam"].xpath("//section[@aria-labelledby='zeker']")[0].itertext())
    assert "Anders nemen wij 5 procentpunt naar beide kanten aan." in sure
    assert "is de marge aangenomen." in sure
    crime = " ".join(explained["misdrijven_per_1000"].xpath("//section[@aria-labelledby='zeker']")[0].itertext())
    assert "rustiger gemaakt" in crime
    assert "afgerond" not in crime


def test_the_source_line_and_the_method_page_lead_to_it(sites: dict[str, Path], catalog: Catalog) -> None:
    profile = page_of(sites["zoom-in"], f"gebied/{BUURTEN[0]}/index.html")
    lines = set(profile.xpath("//section[@aria-labelledby='bronnen']//th/a/@href"))
    assert "../../methode/aandeel_eenzaam.html" in lines
    links = page_of(sites["zoom-in"], "methode.html").xpath("//h4/a/@href")
    assert links == [f"methode/{name}.html" for theme in catalog.themes for name in catalog.of_theme(theme)]


# ---------------------------------------------------------------- lenses


def test_the_lenses_of_the_initiatives_exist_and_are_sound(catalog: Catalog) -> None:
    assert known_lenses(project_folder()) == sorted(LENSES)
    for name in LENSES:
        lens = load_lens(project_folder(), name, catalog)
        assert lens.leftover(catalog) == [], f"{name}: every theme stands in a chapter"
        assert lens.elementen, name


Printed = tuple[str, str, str, str, str | None]


def figures(page: lxml_html.HtmlElement) -> set[Printed]:
    """Every printed figure: area, indicator, year, status and value."""
    keys = ("data-gebied", "data-indicator", "data-peiljaar", "data-status", "data-waarde")
    return {tuple(element.get(key) for key in keys) for element in page.xpath("//*[@data-indicator]")}  # type: ignore[misc]


def test_a_lens_never_changes_a_number(sites: dict[str, Path]) -> None:
    """METHOD.md 16: lenses show identical figures; every figure of one stands in every other, with the same value."""
    for area in AREAS:
        pages = {name: figures(page_of(site, f"gebied/{area}/index.html")) for name, site in sites.items()}
        first = pages["zoom-in"]
        assert len(first) > 200
        assert len({(code, name, year) for code, name, year, _, _ in first}) == len(first), "one value per figure"
        for name, found in pages.items():
            assert found == first, (area, name, found ^ first)


def test_a_lens_regroups(sites: dict[str, Path]) -> None:
    titles = {
        name: page_of(site, f"gebied/{BUURTEN[0]}/index.html").xpath("//section[contains(@class, 'vorm-')]/h2/text()")
        for name, site in sites.items()
    }
    assert titles["positieve-gezondheid"] == [
        "Wie wonen er?", "Lichaamsfuncties", "Mentaal welbevinden", "Zingeving", "Kwaliteit van leven", "Meedoen",
        "Dagelijks functioneren",
    ]  # fmt: skip
    assert titles["buurt-in-bloei"][0] == "Buurt heeft het: talent en inzet"
    assert len({tuple(found) for found in titles.values()}) == len(LENSES)


def small_lens(**changes: object) -> Lens:
    content: dict[str, object] = {
        "lens": "proef",
        "titel": "Proef",
        "hoofdstukken": [{"id": "alles", "titel": "Alles", "vorm": "uitdaging", "themas": ["armoede"]}],
        "elementen": [
            {"id": "een", "titel": "Een", "direct": ["aandeel_eenzaam"], "proxy": ["aandeel_regie"]},
            {"id": "leeg", "titel": "Leeg"},
        ],
    }
    return Lens.model_validate(content | changes)


@pytest.mark.parametrize(
    ("delivered", "measure", "missing"),
    [
        ({"aandeel_eenzaam", "aandeel_regie"}, "direct", ()),
        ({"aandeel_eenzaam"}, "direct", ("aandeel_regie",)),
        ({"aandeel_regie"}, "proxy", ("aandeel_eenzaam",)),
        ({"aandeel_rokers"}, "geen", ("aandeel_eenzaam", "aandeel_regie")),
    ],
)
def test_the_meter_counts_what_the_release_has(delivered: set[str], measure: str, missing: tuple[str, ...]) -> None:
    one, empty = small_lens().coverage(delivered)
    assert (one.measure, one.undelivered) == (measure, missing)
    assert (empty.measure, empty.undelivered) == ("geen", ()), "an element without figures is a gap, whatever is delivered"


@pytest.mark.parametrize(
    ("changes", "words_"),
    [
        ({"elementen": [{"id": "a", "titel": "A", "direct": ["bestaat_niet"]}]}, "no such indicator: bestaat_niet"),
        ({"elementen": [{"id": "a", "titel": "A", "direct": ["aandeel_regie"], "proxy": ["aandeel_regie"]}]}, "twice"),
        ({"hoofdstukken": [{"id": "a", "titel": "A", "vorm": "kracht", "themas": ["x"]}]}, "no such theme: x"),
        (
            {"hoofdstukken": [{"id": n, "titel": n, "vorm": "kracht", "indicatoren": ["aandeel_regie"]} for n in ("a", "b")]},
            "stands in two chapters: aandeel_regie",
        ),
        ({"hoofdstukken": [{"id": "a", "titel": n, "vorm": "kracht"} for n in ("A", "B")]}, "id used twice: a"),
    ],
)
def test_a_lens_with_a_mistake_is_refused(changes: dict[str, object], words_: str, catalog: Catalog, tmp_path: Path) -> None:
    shutil.copytree(project_folder() / "transforms" / "lenzen", tmp_path / "transforms" / "lenzen")
    path = tmp_path / "transforms" / "lenzen" / "proef.yaml"
    path.write_text(yaml.safe_dump(small_lens(**changes).model_dump(mode="json")), encoding="utf-8")
    with pytest.raises(UsageError, match=words_):
        load_lens(tmp_path, "proef", catalog)


def test_the_meter_is_printed_in_words_and_boxes(sites: dict[str, Path]) -> None:
    page = page_of(sites["positieve-gezondheid"], f"gebied/{BUURTEN[0]}/index.html")
    rows = {row.xpath("string(./th)"): row for row in page.xpath("//table[@class='dekking']/tbody/tr")}
    assert list(rows)[:3] == ["Lichaamsfuncties", "Mentaal welbevinden", "Zingeving"]
    meaning = rows["Zingeving"]
    assert meaning.xpath("string(./td[1]/strong)") == "alleen indirect"
    assert [box.get("class") for box in meaning.xpath("./td[1]//span[contains(@class, 'blok ')]")] == ["blok blok-proxy"]
    assert "Zingeving zelf meet geen open cijfer." in " ".join(meaning.itertext())
    gaps = page_of(sites["ruwaard"], f"gebied/{BUURTEN[0]}/index.html").xpath("//table[@class='dekking']/tbody/tr")
    shown = {row.xpath("string(./th)"): row.xpath("string(./td[1]/strong)") for row in gaps}
    assert shown["Wie investeert?"] == "geen open cijfer"
    assert shown["Wat merken deelnemers?"] == "alleen indirect"


def test_origin_stands_in_no_element_of_a_lens(catalog: Catalog) -> None:
    for name in LENSES:
        for element in load_lens(project_folder(), name).elementen:
            assert not any(catalog.indicators[each].herkomst for each in (*element.direct, *element.proxy)), (name, element.id)
