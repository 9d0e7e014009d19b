"""What changed since the edition before, on page, PDF and workbook: the same lines, each with year, source and cause."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pypdfium2
import pytest
from lxml import html
from pptx import Presentation

from beeld.profiles import render
from beeld.profiles.editions import CAUSES, MOST
from beeld.profiles.wording import first_upper
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from tests.unit.test_profiles_pages import BUURTEN, HEALTH_YEAR, build_release

CODE, SAME = BUURTEN[0], BUURTEN[2]
BEFORE = "20240401-vorige"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Path:
    """A second edition in which more figures of one buurt differ than a page has room for, and none of the others."""
    made = tmp_path_factory.mktemp("edities")
    build_release(made / "proef.duckdb", catalog, example=True)
    with closing(duckdb.connect(str(made / "proef.duckdb"))) as con:
        con.execute("update release set vorige = ?, vorige_gemaakt_op = timestamp '2024-04-01 12:00:00'", [BEFORE])
        con.execute(
            f"""insert into wijziging
            select gebiedscode, indicator, peiljaar, 'herzien', 'bronrevisie', waarde + 1, waarde, 'ok', status
            from waarde where gebiedscode = ? and waarde is not null order by indicator, peiljaar desc limit {MOST}""",
            [CODE],
        )
        con.execute(
            "insert into wijziging values (?, 'aandeel_eenzaam', ?, 'ingetrokken', 'methode', 12.345, null, 'ok', 'geheim')",
            [CODE, HEALTH_YEAR - 4],
        )
        con.execute("insert into wijziging values (?, 'oud_cijfer', 2019, 'ingetrokken', 'methode', 7, null, 'ok', null)", [CODE])
    formats = ("html", "pdf", "pptx", "xlsx")
    render.render_site(
        made, made / "proef.duckdb", made / "site", catalog=catalog, areas=(CODE, SAME), formats=formats, maps=False
    )
    return made


def stored(folder: Path) -> dict[tuple[str, int], tuple[float | None, float | None, str | None, str]]:
    """(indicator, peiljaar) -> old and new value, status, cause, as the warehouse has them."""
    with closing(duckdb.connect(str(folder / "proef.duckdb"), read_only=True)) as con:
        rows = con.execute(
            "select indicator, peiljaar, oude_waarde, nieuwe_waarde, nieuwe_status, oorzaak from wijziging where gebiedscode = ?",
            [CODE],
        ).fetchall()
    return {(name, year): (old, new, status, cause) for name, year, old, new, status, cause in rows}


def section(folder: Path, code: str) -> html.HtmlElement:
    page = html.parse(folder / "site" / "gebied" / code / "index.html").getroot()
    (found,) = page.xpath("//section[@aria-labelledby='gewijzigd']")
    return found


def test_the_page_has_the_first_lines_and_says_how_many_are_left(folder: Path, catalog: Catalog) -> None:
    found, known = section(folder, CODE), stored(folder)
    assert BEFORE in found.text_content()
    rows = found.xpath(".//tbody/tr")
    assert len(rows) == MOST
    assert f"En nog {len(known) - MOST}." in found.text_content()
    for row in rows:
        (figure,) = row.xpath(".//*[@data-indicator]")
        name, year = figure.get("data-indicator"), int(figure.get("data-peiljaar"))
        _, new, status, cause = known[name, year]
        assert figure.get("data-status") == status
        assert figure.get("data-gebied") == CODE
        assert (float(figure.get("data-waarde")) if new is not None else None) == new
        head, shown_year, _, _, why = row
        assert shown_year.text == str(year)
        assert why.text.endswith(cause)
        assert catalog.sources[catalog.indicators[name].bron].titel in head.text_content()


def test_the_workbook_has_every_line_unrounded(folder: Path, catalog: Catalog) -> None:
    page = openpyxl.load_workbook(folder / "site" / "gebied" / CODE / "profiel.xlsx")["Gewijzigd"]
    heads = [cell.value for cell in page[1]]
    rows = [dict(zip(heads, row, strict=True)) for row in page.iter_rows(min_row=2, values_only=True)]
    known = stored(folder)
    assert {(row["indicator"], row["peiljaar"]) for row in rows} == known.keys()
    for row in rows:
        old, new, status, cause = known[row["indicator"], row["peiljaar"]]
        assert row[f"vorige editie {BEFORE}"] == pytest.approx(old, rel=1e-15)
        if new is None:
            assert isinstance(row["deze editie"], str)
        else:
            assert row["deze editie"] == pytest.approx(new, rel=1e-15)
        assert (row["status"] or None, row["oorzaak"], row["waardoor"]) == (status, cause, CAUSES[cause])
        indicator = catalog.indicators.get(row["indicator"])
        assert (row["bron"] or "") == (catalog.sources[indicator.bron].titel if indicator else "")


def test_the_pdf_has_the_lines_of_the_page(folder: Path) -> None:
    with closing(pypdfium2.PdfDocument(folder / "site" / "gebied" / CODE / "profiel.pdf")) as document:
        text = "".join(sheet.get_textpage().get_text_range() for sheet in document)
    squeezed = re.sub(r"[\s\-\u00ad\ufffe]", "", text)
    for row in section(folder, CODE).xpath(".//tbody/tr"):
        for cell in row.xpath("./td"):
            assert re.sub(r"[\s\-]", "", cell.text_content()) in squeezed


def changed_slides(folder: Path, code: str) -> list[Any]:
    found = Presentation(str(folder / "site" / "gebied" / code / "profiel.pptx")).slides
    return [slide for slide in found if slide.shapes.title.text.startswith("Gewijzigd")]


def test_the_slides_have_one_per_cause_with_its_figures(folder: Path) -> None:
    known = Counter(cause for *_, cause in stored(folder).values())
    found = changed_slides(folder, CODE)
    assert [slide.shapes.title.text for slide in found] == [
        f"Gewijzigd sinds de vorige editie: {cause} ({known[cause]} cijfers)" for cause in CAUSES if cause in known
    ]
    rows_of_page = [
        (row[0].text.strip(), *(cell.text_content() for cell in row[1:4])) for row in section(folder, CODE).xpath(".//tbody/tr")
    ]
    for slide, cause in zip(found, [each for each in CAUSES if each in known], strict=True):
        text = "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)
        assert first_upper(CAUSES[cause]) in text
        assert BEFORE in text
        assert "niet over wat er in het gebied veranderde" in text
        (table,) = (shape.table for shape in slide.shapes if shape.has_table)
        rows = [[cell.text for cell in row.cells] for row in table.rows][1:]
        assert len(rows) == min(known[cause], 6)
        left = known[cause] - len(rows)
        assert (f"En nog {left}." in text) == (left > 0)
        for title, now, was, year, _ in rows:
            if cause == "bronrevisie":
                assert (title.rpartition(" (")[0], year, was, now) in rows_of_page


def test_an_area_in_which_nothing_changed_says_so(folder: Path) -> None:
    found = section(folder, SAME)
    assert "Geen enkel cijfer" in found.text_content()
    assert not found.xpath(".//tr")
    assert not changed_slides(folder, SAME)


def test_the_index_counts_them_by_source_and_cause(folder: Path, catalog: Catalog) -> None:
    page = html.parse(folder / "site" / "index.html").getroot()
    rows = page.xpath("//table[@class='gewijzigd']/tbody/tr")
    counted = sum(int(cell.text_content()) for row in rows for cell in row.xpath("./td[position() > 1]"))
    assert counted == len(stored(folder))
    titles = {row.xpath("string(./th)") for row in rows}
    assert titles <= {source.titel for source in catalog.sources.values()} | {"Niet meer in de catalogus"}
