"""The atlas in a browser: what it shows is what the release says, by mouse, by keyboard, on a small screen and without a map."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Browser, Page, expect

from beeld.profiles.atlas import write_atlas
from beeld.profiles.html import environment
from beeld.profiles.lenses import known_lenses, load_lens
from beeld.profiles.maps.classes import class_labels
from beeld.profiles.maps.figures import read_figures
from beeld.profiles.maps.style import ramp
from beeld.profiles.maps.table import Scale, subject_bounds, table_rows
from beeld.profiles.reading import load_release
from beeld.profiles.site import Site
from beeld.profiles.wording import STATES, show_value
from beeld.warehouse.read import open_warehouse
from tests.browser.conftest import GEMEENTE, ExampleSite, Opener, Watch
from tests.reliability.worlds import catalog_of

pytestmark = pytest.mark.browser
ATLAS = "atlas/index.html"
COUNTED, MODELLED = "bijstand_per_1000_15_65", "aandeel_eenzaam"
HOSTILE = """</script><script>document.title='kapot'</script><img src=x onerror="document.title='kapot'"> & "'"""


def atlas(open_page: Opener, fragment: str = "", **more: object) -> Page:
    """The atlas with its map drawn and its first figures shown."""
    page = open_page(ATLAS, fragment, **more)
    page.wait_for_selector("html[data-map][data-shown]", timeout=30_000)
    return page


def shown(page: Page, key: str) -> None:
    """Wait until the figures of a subject are shown."""
    page.wait_for_selector(f"html[data-shown^='{key} ']")


def rows(page: Page) -> dict[str, dict[str, str]]:
    """Code -> the data of the figure in its row, with the printed text."""
    found = page.eval_on_selector_all(
        "#rows [data-gebied]", "all => all.map(each => ({...each.dataset, text: each.textContent}))"
    )
    return {row["gebied"]: row for row in found}


@pytest.fixture(scope="module")
def steady(chromium: Browser, example_site: ExampleSite) -> Iterator[Page]:
    """One opened atlas for tests that only ask what it holds, or that choose what they look at themselves."""
    page = chromium.new_page(locale="nl-NL")
    page.goto((example_site.folder / ATLAS).as_uri())
    page.wait_for_selector("html[data-map][data-shown]", timeout=30_000)
    yield page
    page.close()


def released(con: duckdb.DuckDBPyConnection, key: str, year: int) -> dict[str, tuple[float | None, str]]:
    """Code -> value and status of the release, by code."""
    rows = con.execute(
        "select w.gebiedscode, w.waarde, w.status from waarde as w join gebied as g using (gebiedscode)"
        " where g.soort = 'buurt' and g.gemeentecode = ? and w.indicator = ? and w.peiljaar = ? order by 1",
        [GEMEENTE, key, year],
    ).fetchall()
    return {code: (value, status) for code, value, status in rows}


def held(page: Page) -> list[list[Any]]:
    """Every sheet of figures that an atlas holds: subject, year, and value and status by area; not those of scores."""
    everything = page.evaluate(
        """async () => { const found = [];
        for (const [key, years] of Object.entries(BeeldAtlas.content.sheets)) for (const [year] of years) {
            const sheet = await BeeldAtlas.sheet(key, year);
            found.push([key, year, sheet.value, sheet.kind.map(kind => sheet.kinds[kind][0])]);
        } return found; }"""
    )
    codes = page.evaluate("BeeldAtlas.areas.code")
    return [
        [key, year, dict(zip(codes, zip(values, states, strict=True), strict=True))]
        for key, year, values, states in everything
        if not key.startswith("thema-")
    ]


def test_every_figure_is_that_of_the_release(steady: Page, example_site: ExampleSite) -> None:
    figures = held(steady)
    assert len(figures) > 60
    with closing(open_warehouse(example_site.warehouse)) as con:
        for key, year, found in figures:
            assert found == released(con, key, year)
        latest = dict(con.execute("select indicator, laatste_jaar from indicator").fetchall())
    first = {each[0]: each[1] for each in reversed(figures)}
    assert {key for key in first if first[key] != latest[key]} == set()


def test_an_english_atlas_reads_the_numbers_that_it_prints(steady: Page, english_site: ExampleSite, open_page: Opener) -> None:
    """1,234.5 is no 1.2345: where the printed numbers say all, the page makes the values out of them."""
    page = atlas(open_page, "#cijfer=aantal_inwoners", folder=english_site.folder)
    shown(page, "aantal_inwoners")
    assert held(page) == held(steady)
    printed = [row["text"] for row in rows(page).values()]
    assert any(re.fullmatch(r"\d,\d{3}", text) for text in printed), printed
    expect(page.locator("table caption")).to_contain_text("The same figures as on the map")


@pytest.mark.parametrize(("key", "year"), [(COUNTED, 2024), (COUNTED, 2020), (MODELLED, 2020), ("afstand_huisarts", 2024)])
def test_the_table_holds_the_figures_by_code(steady: Page, example_site: ExampleSite, key: str, year: int) -> None:
    page = steady
    page.evaluate("hash => { location.hash = hash }", f"#cijfer={key}&jaar={year}")
    page.wait_for_selector(f"html[data-shown='{key} {year}']")
    indicator = catalog_of(example_site.project).indicators[key]
    with closing(open_warehouse(example_site.warehouse)) as con:
        wanted = released(con, key, year)
    found = rows(page)
    assert list(found) == sorted(wanted)
    for code, (value, status) in wanted.items():
        row = found[code]
        assert (row["indicator"], int(row["peiljaar"]), row["status"]) == (key, year, status)
        assert (float(row["waarde"]) if "waarde" in row else None) == value
        assert row["text"] == (STATES[status] if value is None else show_value(value, indicator, unit=True))


def test_modelled_figures_have_one_year_and_what_may_not_be_compared_is_absent(steady: Page, example_site: ExampleSite) -> None:
    page = steady
    catalog = catalog_of(example_site.project)
    sheets = page.evaluate("BeeldAtlas.content.sheets")
    modelled = [key for key in sheets if key in catalog.indicators and catalog.indicators[key].soort == "modelschatting"]
    assert modelled
    assert {len(sheets[key]) for key in modelled} == {1}
    assert any(len(years) > 1 for years in sheets.values())
    assert not [key for key in sheets if key in catalog.indicators and "vergelijken" not in catalog.indicators[key].gebruik]
    assert "aandeel_herkomst_buiten_europa" not in sheets


def test_classes_and_colours_are_those_of_the_drawn_maps(steady: Page, example_site: ExampleSite) -> None:
    page = steady
    codes = page.evaluate("BeeldAtlas.areas.code")
    with closing(open_warehouse(example_site.warehouse)) as con:
        figures = read_figures(con, GEMEENTE, catalog_of(example_site.project))
    assert len(figures.subjects()) > 10
    for subject in figures.subjects():
        key = f"thema-{subject.key}" if subject.kind == "theme" else subject.key
        sheet = page.evaluate(
            """async key => { const found = await BeeldAtlas.sheet(key, BeeldAtlas.content.sheets[key][0][0]);
            return {...found, unsure: [...found.unsure]}; }""",
            key,
        )
        scales: tuple[tuple[Scale, str, list[str]], ...] = (
            ("nl", sheet["nl"], sheet["nlLabels"]),
            ("gemeente", sheet["own"], sheet["ownLabels"][GEMEENTE]),
        )
        for scale, classes, labels in scales:
            bounds = subject_bounds(subject, scale)
            drawn = table_rows(subject, figures.buurten, bounds)
            assert [row.code for row in drawn] == codes
            assert [row.klass for row in drawn] == [None if sign == "-" else int(sign) for sign in classes]
            assert [row.state for row in drawn] == [sheet["kinds"][kind][2] for kind in sheet["kind"]]
            assert labels == class_labels(bounds, subject.decimals)
            unsure = [number for number, row in enumerate(drawn) if row.value is not None and row.reliable is False]
            assert unsure == sheet["unsure"]
            assert [colour for colour, _ in sheet["ramps"][str(len(labels))]] == ramp(subject.polarity, len(labels))


def test_the_map_is_coloured_by_the_figure_that_was_chosen_last(open_page: Opener) -> None:
    page = atlas(open_page, "#gebied=BU90010102")
    for key in (MODELLED, "thema-armoede", COUNTED):
        page.evaluate("hash => { location.hash = hash }", f"#cijfer={key}&gebied=BU90010102")
        shown(page, key)
        fills = page.evaluate(
            "BeeldAtlas.areas.code.map((_, i) => BeeldAtlas.map.drawn.getFeatureState({source: 'areas', id: i + 1}).fill)"
        )
        wanted = page.evaluate(
            """async key => { const state = BeeldAtlas.view.read(), sheet = await BeeldAtlas.sheet(key, state.jaar);
            return BeeldAtlas.areas.code.map((_, i) => BeeldAtlas.view.classOf(sheet, state, i))
                .map(klass => klass < 0 ? BeeldAtlas.content.style.emptyFill
                    : BeeldAtlas.view.legend(sheet, state)[klass][1]); }""",
            key,
        )
        assert fills == wanted
        chosen = page.evaluate("[BeeldAtlas.map.drawn.getFilter('chosen')[2], BeeldAtlas.areas.index.get('BU90010102') + 1]")
        assert chosen[0] == chosen[1]


def test_nothing_leaves_the_page_and_its_policy_allows_nothing_to(open_page: Opener, watch: Watch) -> None:
    page = atlas(open_page)
    policy = page.get_attribute("meta[http-equiv='Content-Security-Policy']", "content") or ""
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy
    assert (
        any(url.startswith("blob:") for url in watch.requests) or page.evaluate("document.documentElement.dataset.map") == "ready"
    )
    refused = page.evaluate("fetch('https://example.com').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    watch.errors[:] = [error for error in watch.errors if "example.com" not in error]
    assert (
        page.evaluate(
            "[...document.querySelectorAll('[src],[href]')].map(e => e.src || e.href).filter(a => !a.startsWith('file:'))"
        )
        == []
    )


@pytest.mark.parametrize("width", [1200, 320])
def test_axe_finds_nothing(open_page: Opener, axe: Callable[[Page], list[str]], width: int) -> None:
    page = atlas(open_page, f"#cijfer={MODELLED}&gebied=BU90010102", width=width)
    assert axe(page) == []


def test_a_small_screen_shows_all_without_scrolling_sideways(open_page: Opener) -> None:
    page = atlas(open_page, width=320, height=640)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for part in ("#lens", "#subject", "#map", "#legend", "#chosen"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320


def test_by_keyboard_alone(open_page: Opener) -> None:
    page = atlas(open_page)
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate("(e => e.id || e.className || e.tagName)(document.activeElement)")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", here
        reached.append(here)
        if page.evaluate("Boolean(document.activeElement.closest('#rows'))"):
            break
    for wanted in ("lens", "group", "subject", "year", "area"):
        assert wanted in reached
    assert any("maplibregl-canvas" in each for each in reached)
    expect(page.locator("#chosen")).to_contain_text("Centrum")
    page.focus("#area")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#chosen")).to_contain_text("BU90010102")
    expect(page.locator("#chosen")).to_contain_text("2024")
    page.focus("#subject")
    page.keyboard.press("Home")
    shown(page, "thema-armoede")
    before = page.evaluate("document.querySelector('.naam').style.transform")
    page.focus(".maplibregl-canvas")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('.naam').style.transform !== before", arg=before)


def test_an_address_shows_the_same_again(open_page: Opener) -> None:
    page = atlas(open_page)
    page.select_option("#lens", "positieve-gezondheid")
    page.evaluate("hash => { location.hash = hash }", f"#lens=positieve-gezondheid&cijfer={COUNTED}&jaar=2020")
    page.wait_for_selector(f"html[data-shown='{COUNTED} 2020']")
    page.check("input[value=own]")
    page.select_option("#area", "BU90010102")
    expect(page.locator("#chosen")).to_contain_text("BU90010102")
    again = atlas(open_page, re.sub(r"^[^#]*", "", page.url))
    for part in ("#lens", "#group", "#subject", "#year", "#gemeente", "#area"):
        assert again.input_value(part) == page.input_value(part)
    assert again.is_checked("input[value=own]")
    assert again.inner_text("#chosen") == page.inner_text("#chosen")
    assert again.inner_text("#legend") == page.inner_text("#legend")
    assert rows(again) == rows(page)


def test_an_address_with_nonsense_shows_the_first_page(open_page: Opener) -> None:
    page = atlas(open_page, "#cijfer=__proto__&lens=<b>&jaar=x&gemeente=GM0000&gebied=constructor&klassen=9&thema=%00")
    assert page.input_value("#subject") == COUNTED
    assert page.locator("#rows tr").count() == 12


def test_every_lens_holds_the_same_figures(steady: Page) -> None:
    page = steady
    lenses = page.evaluate("BeeldAtlas.content.lenses")
    assert len(lenses) >= 6
    assert lenses[0]["id"] == "zoom-in"
    held = [sorted({key for group in lens["groups"] for key in group["subjects"]}) for lens in lenses]
    assert held[0] == sorted(page.evaluate("Object.keys(BeeldAtlas.content.subjects)"))
    assert all(each == held[0] for each in held)


def test_the_mouse_shows_a_figure_and_a_click_opens_its_profile(open_page: Opener) -> None:
    page = atlas(open_page)
    box = page.locator(".naam", has_text="Centrum").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#chosen")).to_contain_text("BU90010101")
    for said in ("per 1.000", "peiljaar 2024", "registratie", "marge"):
        expect(page.locator("#chosen")).to_contain_text(said)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**/gebied/BU90010101/index.html")


def test_what_is_always_said(open_page: Opener, example_site: ExampleSite) -> None:
    page = atlas(open_page, f"#cijfer={MODELLED}&gebied=BU90010103")
    assert "verzonnen cijfers" in page.inner_text(".voorbeeld")
    origin = page.inner_text("#origin")
    for said in ("modelschatting", "peiljaar 2020", "hoger is ongunstiger", "50090NED", "Editie", example_site.warehouse.stem):
        assert said in origin
    assert "niet bedoeld om buurten te ordenen" in page.inner_text("#about")
    assert "gelijke stappen" in page.inner_text("#legend")
    assert "geen gegevens" in page.inner_text("#chosen")
    assert "reden:" in page.inner_text("#chosen")


def test_without_scripts_the_page_points_at_the_index(open_page: Opener) -> None:
    page = open_page(ATLAS, scripts=False)
    assert "JavaScript" in page.inner_text("noscript")
    page.click("noscript a")
    page.wait_for_url("**/site/index.html")


def test_without_webgl_the_table_is_there(open_page: Opener, tmp_path: Path, example_site: ExampleSite) -> None:
    copied = tmp_path / "site"
    shutil.copytree(example_site.folder / "atlas", copied / "atlas")
    dress(example_site, copied)
    library = copied / "atlas" / "maplibre-gl.js"
    library.write_text(
        "HTMLCanvasElement.prototype.getContext = () => null;\n" + library.read_text(encoding="utf-8"), encoding="utf-8"
    )
    page = atlas(open_page, folder=copied)
    assert page.get_attribute("html", "data-map") == "none"
    assert "WebGL" in page.inner_text("#no-map")
    assert len(rows(page)) == 12


def dress(site: ExampleSite, folder: Path) -> None:
    """The style and the typeface of the site beside a copy of its atlas."""
    shutil.copyfile(site.folder / "stijl.css", folder / "stijl.css")
    shutil.copytree(site.folder / "lettertypen", folder / "lettertypen")


@pytest.fixture(scope="module")
def hostile_site(example_site: ExampleSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The atlas of the same release in which one buurt and the gemeente have a name that tries to be markup."""
    folder = tmp_path_factory.mktemp("vijandig") / "site"
    database = folder.parent / "release.duckdb"
    shutil.copyfile(example_site.warehouse, database)
    con = duckdb.connect(str(database))
    con.execute("update gebied set naam = ? where gebiedscode = 'BU90010101'", [HOSTILE])
    con.execute("update gebied set gemeentenaam = ? where gemeentecode = ?", [HOSTILE, GEMEENTE])
    con.close()
    catalog = catalog_of(example_site.project)
    con = open_warehouse(database)
    data = load_release(con, catalog)
    lenses = [load_lens(example_site.project, name, catalog) for name in known_lenses(example_site.project)]
    write_atlas(con, Site(folder, data, lenses[0], frozenset({"BU90010102"}), atlas=True), lenses, environment())
    con.close()
    dress(example_site, folder)
    return folder


def test_hostile_names_stay_text(open_page: Opener, hostile_site: Path) -> None:
    page = atlas(open_page, "#gebied=BU90010101", folder=hostile_site)
    assert "kapot" not in page.title()
    assert page.locator("#atlas img").count() == 0
    assert page.locator("#rows tr").first.locator("th").inner_text() == HOSTILE
    assert HOSTILE in page.inner_text("#chosen")
    assert HOSTILE in page.inner_text("#gemeente")
    assert len(rows(page)) == 12


def test_only_what_was_rendered_is_a_link(open_page: Opener, hostile_site: Path) -> None:
    page = atlas(open_page, folder=hostile_site)
    links = page.eval_on_selector_all("#rows a", "all => all.map(each => each.getAttribute('href'))")
    assert links == ["../gebied/BU90010102/index.html"]
