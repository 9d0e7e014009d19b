"""Lists of others on the pages: counts with what they rest on, a sentence per area, nothing in an order but that of codes."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from lxml import html as lxml_html

from beeld.profiles import render
from beeld.profiles.list_words import counted
from beeld.settings import project_folder
from beeld.transforms.catalog import load_catalog
from beeld.transforms.lists import Agreement
from tests.unit.test_profiles_pages import BUURTEN, TINY, build_release

HOSTILE = "<b>Lijst</b> & co"
CRIME = "misdrijven_per_1000"


@pytest.mark.parametrize(
    ("found", "total", "expected"),
    [
        (Agreement(0, 0, 0, 0), 3, "Buurten hier: 3, waarvan 0 te vergelijken."),
        (
            Agreement(1, 2, 3, 4),
            12,
            "Buurten hier: 12, waarvan 10 te vergelijken. De lijst en wij: 1. Alleen de lijst: 2. Alleen wij: 3. Geen van "
            "beide: 4. Dat zijn te weinig gebieden voor een maat van overeenstemming.",
        ),
        (
            Agreement(20, 5, 10, 15),
            1234,
            "Buurten hier: 1.234, waarvan 50 te vergelijken. De lijst en wij: 20. Alleen de lijst: 5. Alleen wij: 10. Geen van "
            "beide: 15. Overlap: 57\u00a0% van de 35 die de lijst of wij noemen. Kappa: 0,40 (0 is toeval, 1 is gelijk; ruwe "
            "marge 0,15 tot 0,65).",
        ),
    ],
)
def test_counts_in_words(found: Agreement, total: int, expected: str) -> None:
    assert counted(found, total, "buurten hier") == expected


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a gemeente with two lists: a supplied one with a hostile title, and a measure without figures."""
    folder = tmp_path_factory.mktemp("lijsten")
    catalog = load_catalog(project_folder())
    warehouse = folder / "proef.duckdb"
    build_release(warehouse, catalog, example=True)
    with duckdb.connect(str(warehouse)) as con:
        con.execute(
            "insert into lijst values ('proef', ?, 'Iemand', 2024, 1, null), ('ses-woa', 'SES-WOA', 'CBS', null, null, 'geen')",
            [HOSTILE],
        )
        con.execute(
            "insert into lijstvergelijking values (?, 'proef', false, 'grensgeval', 'alleen_wij', ?, 'staat er niet op'),"
            " (?, 'proef', true, 'geen_signaal', 'alleen_lijst', null, 'staat er wel op'),"
            " (?, 'proef', true, 'te_weinig_gegevens', 'niet_te_vergelijken', null, 'minder dan 200 inwoners')",
            [BUURTEN[1], CRIME, BUURTEN[0], TINY],
        )
    out = folder / "site"
    render.render_site(folder, warehouse, out, catalog=catalog, areas=["GM9901", *BUURTEN[:2], TINY], maps=False)
    return out


def page(site: Path, code: str) -> lxml_html.HtmlElement:
    return lxml_html.parse(site / "gebied" / code / "index.html").getroot()


def test_a_sentence_per_list_on_the_page_of_an_area(site: Path) -> None:
    found = {
        code: [e.text_content() for e in page(site, code).xpath("//ul[@class='lijsten']/li")] for code in (*BUURTEN[:2], TINY)
    }
    assert found == {
        BUURTEN[0]: [f"{HOSTILE} (Iemand, 2024): deze buurt staat er wel op."],
        BUURTEN[1]: [f"{HOSTILE} (Iemand, 2024): deze buurt staat er niet op."],
        TINY: [f"{HOSTILE} (Iemand, 2024): deze buurt staat op de lijst; niet te vergelijken: minder dan 200 inwoners."],
    }


def test_the_page_of_the_gemeente_counts_and_names_by_code(site: Path) -> None:
    gemeente = page(site, "GM9901")
    text = re.sub(r"\s+", " ", gemeente.text_content())
    assert "Buurten in deze gemeente: 3, waarvan 2 te vergelijken." in text
    (table,) = gemeente.xpath("//table[caption[contains(., 'volgorde van code')]]")
    rows = [[cell.text_content() for cell in row] for row in table.xpath("tbody/tr")]
    title = load_catalog(project_folder()).indicators[CRIME].titel
    assert [row[1:] for row in rows] == [["alleen de lijst", "geen enkel cijfer op zichzelf"], ["alleen wij", title]]
    assert [row[0].split()[-1] for row in rows] == sorted(BUURTEN[:2])
    assert not gemeente.xpath("//h4/b")


def test_a_measure_without_figures_is_named_as_not_compared(site: Path) -> None:
    for code in ("GM9901", BUURTEN[0]):
        assert "Niet vergeleken: SES-WOA. Deze release heeft daar geen cijfers van." in page(site, code).text_content()
