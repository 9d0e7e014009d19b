"""Pages look as they did: what a reader sees first of the example's pages, against small stored pictures.

A picture is grey and a quarter of the screen, so that letters become tints: another version of a typeface or of Chromium moves
them by less than TOLERANCE, a column, colour or box that is gone by more. Meant changes are renewed with
`NEW_LOOKS=1 pytest tests/browser/test_looks.py`; look at the new pictures before they are committed.
"""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.browser.conftest import GEMEENTE, Opener
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
REFERENCES = ROOT / "tests" / "samples" / "bladzijden"
BUURT = "gebied/BU90010101/index.html"
PAPER = 718
"""CSS pixels between the margins of A4, as in test_pages."""
TINT, TOLERANCE = 40, 0.03
"""A point differs from 40 of 256 tints on; at most 3% of the points may, and on average the tints may differ by 6."""
MEAN = 6.0


def shrunk(picture: bytes) -> Image.Image:
    """A screenshot in grey at a quarter of its size."""
    with Image.open(io.BytesIO(picture)) as image:
        return image.convert("L").reduce(4)


def difference(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Mean difference in tints, and the share of points that differ visibly; pictures of another size differ wholly."""
    if one.size != other.size:
        return 255.0, 1.0
    apart = np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float))
    return float(apart.mean()), float((apart > TINT).mean())


def compared(page: Page, name: str) -> None:
    """Compare what is on the screen with the reference `name`, or make that anew when the environment says so."""
    page.evaluate("document.fonts.ready")
    now, reference = shrunk(page.screenshot(animations="disabled")), REFERENCES / f"{name}.png"
    if os.environ.get("NEW_LOOKS"):
        now.quantize(32).save(reference, optimize=True)
    with Image.open(reference) as image:
        mean, share = difference(image.convert("L"), now)
    assert mean <= MEAN, f"{name}: {mean:.1f} tints apart on average"
    assert share <= TOLERANCE, f"{name}: {share:.1%} of the points differ"


@pytest.mark.parametrize(
    ("name", "path", "width"),
    [
        ("overzicht", "index.html", 1200),
        ("profiel", BUURT, 1200),
        ("profiel-telefoon", BUURT, 390),
        ("methode", "methode.html", 1200),
    ],
)
def test_a_page_looks_as_it_did(open_page: Opener, name: str, path: str, width: int) -> None:
    compared(open_page(path, width=width), name)


@pytest.mark.parametrize(("name", "width"), [("cijfers", 1200), ("cijfers-telefoon", 390)])
def test_a_table_of_figures_looks_as_it_did(open_page: Opener, name: str, width: int) -> None:
    page = open_page(BUURT, width=width)
    page.locator("table.cijfers").nth(1).evaluate("table => table.scrollIntoView({behavior: 'instant'})")
    compared(page, name)


def test_the_print_view_looks_as_it_did(open_page: Opener) -> None:
    page = open_page(BUURT, width=PAPER, height=1000)
    page.emulate_media(media="print")
    compared(page, "afdruk")


def test_the_atlas_looks_as_it_did(open_page: Opener) -> None:
    page = open_page("atlas/index.html", f"#gemeente={GEMEENTE}")
    page.wait_for_selector("html[data-map][data-shown]", timeout=30_000)
    compared(page, "atlas")


def test_what_must_differ_differs(open_page: Opener) -> None:
    """A page without its style, and one with other colours, are refused; without this the tolerance could let all pass."""
    page = open_page(BUURT)
    before = shrunk(page.screenshot())
    page.add_style_tag(content=".puntenlijst,.uitkomst,.voorbeeld{background:#777!important}")
    assert difference(before, shrunk(page.screenshot()))[1] > TOLERANCE
    page.evaluate("document.querySelectorAll('link,style').forEach(each => each.remove())")
    assert difference(before, shrunk(page.screenshot()))[1] > TOLERANCE
