"""Profile, list of areas, method and map numbers in a browser: for everyone, by keyboard, on a small screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import GEMEENTE, ExampleSite, Opener

pytestmark = pytest.mark.browser
PROFILE = f"gebied/{GEMEENTE}/index.html"
PAGES = ("index.html", PROFILE, "gebied/WK900101/index.html", "gebied/BU90010101/index.html", "methode.html",
         f"kaart/{GEMEENTE}/cijfers.html")  # fmt: skip
PAPER = 718
"""CSS pixels between the margins of A4 in the print style: 210 mm less twice 10 mm, at 96 to the inch."""


def overflowing(page: Page) -> list[str]:
    """Elements with text of their own that stick out on the right, other than in a box that scrolls by itself."""
    return page.evaluate(
        """() => Array.from(document.querySelectorAll('body *')).filter(e => {
          if (e.closest('.breed, svg, [hidden]') || !e.checkVisibility()) return false;
          const box = e.getBoundingClientRect();
          return box.width > 1 && box.right > document.documentElement.clientWidth + 1;
        }).map(e => e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 40))"""
    )


@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_and_nothing_sticks_out(
    open_page: Opener, axe: Callable[[Page], list[str]], path: str, width: int
) -> None:
    page = open_page(path, width=width)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert overflowing(page) == []


def test_a_profile_needs_no_script(open_page: Opener) -> None:
    with_script, without = (open_page(PROFILE, scripts=scripts) for scripts in (True, False))
    assert with_script.locator("script").count() == 0
    printed = [page.locator("[data-waarde]").all_inner_texts() for page in (with_script, without)]
    assert len(printed[0]) > 100
    assert printed[0] == printed[1]


def test_without_script_the_list_of_areas_is_whole(open_page: Opener, example_site: ExampleSite) -> None:
    page = open_page("index.html", scripts=False)
    links = page.locator("ul.gebieden a")
    assert links.count() == len(list((example_site.folder / "gebied").iterdir()))
    expect(page.locator("form.zoek")).to_be_hidden()
    assert "zoekfunctie van uw browser" in (example_site.folder / "index.html").read_text(encoding="utf-8").split("<noscript>")[1]


def test_an_area_is_found_by_keyboard(open_page: Opener) -> None:
    """From the top of the list to the page of an area without a mouse; the count is told to a screen reader."""
    page = open_page("index.html")
    field = page.get_by_label("Zoek een gebied op naam of code")
    for _ in range(20):
        page.keyboard.press("Tab")
        if field.evaluate("e => e === document.activeElement"):
            break
    else:
        pytest.fail("the field cannot be reached with the tab key")
    page.keyboard.type("bu90010101")
    expect(page.get_by_role("status")).to_have_text("1 gebied gevonden.")
    page.keyboard.press("Enter")
    expect(page.locator("a[href='gebied/BU90010101/index.html']")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/gebied/BU90010101/index.html")
    field = page.go_back() and page.get_by_label("Zoek een gebied op naam of code")
    assert field
    field.fill("bestaat niet")
    expect(page.get_by_role("status")).to_have_text("Geen gebied gevonden.")


def test_an_area_is_found_in_english(open_page: Opener, english_site: ExampleSite) -> None:
    page = open_page("index.html", folder=english_site.folder)
    field = page.get_by_label("Find an area by name or code")
    for typed, told in (("gm9001", "1 area found."), ("nowhere", "No area found.")):
        field.fill(typed)
        expect(page.get_by_role("status")).to_have_text(told)


def test_the_keyboard_can_skip_to_the_contents_and_focus_is_seen(open_page: Opener) -> None:
    page = open_page(PROFILE)
    page.keyboard.press("Tab")
    skip = page.locator("a.sla-over")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    style = page.evaluate(
        "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert style[0] != "none"
    assert float(style[1].removesuffix("px")) >= 2


@pytest.mark.parametrize("path", [PROFILE, "index.html"])
def test_on_paper(open_page: Opener, tmp_path: Path, path: str) -> None:
    """A4: every figure is there, nothing is cut off, nothing that is only there to click on."""
    page = open_page(path, width=PAPER)
    page.emulate_media(media="print")
    assert overflowing(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    for name in (".kop nav", ".inhoudsopgave", "a.sla-over", "form.zoek"):
        assert all(not each.is_visible() for each in page.locator(name).all()), name
    wanted = page.eval_on_selector_all("[data-waarde]", "all => all.filter(e => e.checkVisibility()).map(e => e.textContent)")
    page.pdf(path=tmp_path / "blad.pdf", format="A4", prefer_css_page_size=True)
    with closing(pypdfium2.PdfDocument(tmp_path / "blad.pdf")) as document:
        sizes = {tuple(round(side) for side in sheet.get_size()) for sheet in document}
        text = "".join(sheet.get_textpage().get_text_range() for sheet in document)
    assert sizes == {(595, 842)}
    squeezed = re.sub(r"\s", "", text)
    assert [each for each in wanted if re.sub(r"\s", "", each) not in squeezed] == []
    assert path == "index.html" or len(wanted) > 100
