"""The chapter on change: outcomes with their numbers, reasons once, and how much chance alone would show."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from lxml import html as lxml_html

from beeld.profiles import render, svg
from beeld.profiles.elements import outcomes
from beeld.profiles.model import Cell, Change, Figure
from beeld.profiles.timeline import Timeline, timeline
from beeld.settings import project_folder
from beeld.transforms import trends
from beeld.transforms.catalog import Catalog, load_catalog
from tests.unit import test_profiles_pages as pages

CELL = Cell("BU99010100", "x", 2024, 2024, 12.0, "ok", None, 10.0, 14.0, False, True, "T", "K", "ab")
TWO = "twee jaren: verschil -1,9, kritisch verschil 1,2"
FIVE = "vijf jaren: helling -1,04 per jaar, standaardfout 0,25, chi-kwadraat 16,9, grens 9,55"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


def figure(catalog: Catalog, name: str, years: int = 3) -> Figure:
    cells = tuple(replace(CELL, indicator=name, year=2025 - back, value=10.0 + back) for back in range(years, 0, -1))
    return Figure(name, catalog.indicators[name], cells[-1], (), cells, None, None, False, False, False)


def made(catalog: Catalog, changes: dict[str, list[Change]], *names: str) -> Timeline:
    return timeline([figure(catalog, name) for name in names], changes, catalog.sources)


def test_each_figure_says_what_its_tests_found(catalog: Catalog) -> None:
    changes = {
        "aandeel_0_15": [Change(2020, 2024, "daalt", FIVE), Change(2023, 2024, "geen_aantoonbare_verandering", TWO)],
        "afstand_huisarts": [Change(2020, 2024, "niet_toetsbaar", trends.NO_ERROR)],
    }
    found = made(catalog, changes, "aandeel_0_15", "afstand_huisarts")
    texts = [lxml_html.fromstring(f"<div>{outcomes(line)}</div>").text_content() for line in found.lines]
    assert texts[0] == f"daalt 2020-2024 {FIVE}geen aantoonbare verandering 2023-2024 {TWO}"
    assert texts[1] == "niet te toetsen"
    assert found.drawn


def test_a_shared_reason_is_printed_once(catalog: Catalog) -> None:
    names = ("aandeel_0_15", "aandeel_15_25", "aandeel_25_45")
    changes = {name: [Change(2020, 2024, "niet_toetsbaar", "grens niet getoetst (2020)")] for name in names}
    found = made(catalog, changes, *names, "aandeel_eenzaam", "aandeel_rokers", "stedelijkheid")
    titles = {name: catalog.indicators[name].titel for name in catalog.indicators}
    assert [(g.reason, g.titles) for g in found.untestable] == [
        ("Grens niet getoetst (2020)", tuple(titles[name] for name in names))
    ]
    assert [g.titles for g in found.refused] == [
        (titles["aandeel_eenzaam"], titles["aandeel_rokers"]),
        (titles["stedelijkheid"],),
    ]
    assert found.refused[0].reason.startswith("Een modelschatting is berekend")
    assert [line.title for line in found.lines] == [titles[name] for name in names]


def test_chance_is_counted(catalog: Catalog) -> None:
    """30 tests of two years and 10 of five: 30 x 0.05 + 10 x 0.002 = 1.52 would find a change where there is none."""
    names = list(catalog.indicators)[:5]
    two = [Change(2014 + k, 2015 + k, "geen_aantoonbare_verandering", TWO) for k in range(6)]
    five = [Change(2014 + k, 2018 + k, "daalt" if k else "stijgt", FIVE) for k in range(2)]
    found = made(catalog, {name: [*two, *five] for name in names}, *names)
    assert found.tested.startswith("Hier zijn 40 toetsen gedaan; 10 wijzen een verandering aan.")
    assert "bij ongeveer 1,5 toetsen" in found.tested
    assert made(catalog, {}, *names).tested == "Van dit gebied is geen enkele verandering te toetsen."


def test_the_line_shows_where_a_year_stands_apart() -> None:
    cells = [replace(CELL, year=year, value=float(year % 7), reason=None) for year in (2021, 2022, 2023)]
    whole = lxml_html.fromstring(str(svg.sparkline(cells, title="x")))
    assert not whole.xpath("//circle[@class='los']")
    broken = lxml_html.fromstring(str(svg.sparkline([replace(cells[0], reason="grens niet getoetst"), *cells[1:]], title="x")))
    assert len(broken.xpath("//circle[@class='los']")) == 1
    assert len(broken.xpath("//circle")) == 3
    assert broken.find("path").get("d").count("L") == 1
    legend = lxml_html.fromstring(f"<p>{svg.line_legend()}</p>")
    assert len(legend.xpath("//circle[@class='los']")) == 1
    assert not legend.xpath("//svg[not(title) or not(desc)]")


def test_the_page_prints_what_the_table_says(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "YEARS", (2020, 2021, 2022, 2023, 2024))
    warehouse = tmp_path / "proef.duckdb"
    pages.build_release(warehouse, catalog, example=True)
    with closing(duckdb.connect(str(warehouse))) as con:
        con.execute("create schema werk")
        con.execute(
            """create table werk.reeks as
            select distinct bron, gebiedscode, peiljaar, indeling_jaar, gebiedscode as oude_code, true as reeks
            from waarde join (values ('cbs_kwb'), ('politie_misdrijven')) as b (bron) on true"""
        )
        counts = trends.compute_change(con, catalog)
        con.execute("drop schema werk cascade")
        rows = con.execute(
            "select titel, uitkomst, reden from trend join indicator using (indicator) where gebiedscode = ? order by all",
            [pages.BUURTEN[0]],
        ).fetchall()
    assert len(counts) > 2
    render.render_site(tmp_path, warehouse, tmp_path / "site", catalog=catalog, areas=[pages.BUURTEN[0]], maps=False)
    page = lxml_html.parse(tmp_path / "site" / "gebied" / pages.BUURTEN[0] / "index.html").getroot()
    (section,) = page.xpath("//section[@aria-labelledby='verloop']")
    cells = {
        row.xpath("string(th/text())").strip(): row.xpath("string(td[@class='toets'])") for row in section.xpath(".//tbody/tr")
    }
    below = section.xpath("string(.//dl)")
    for title, outcome, reason in rows:
        assert reason in (cells[title] if outcome != "niet_toetsbaar" else below.lower()), (title, reason)
    assert len(rows) > 20
    modelled = {i.titel for i in catalog.indicators.values() if i.soort == "modelschatting"}
    assert not modelled & set(cells)
    assert all(title in section.xpath("string(.//dl[last()])") for title in modelled)
