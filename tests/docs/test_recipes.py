"""The recipes of CONTRIBUTING.md, executed literally: what is copied ends up in the warehouse, on the page and on the map."""

import json
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import yaml
from lxml import html

from beeld.sources.declarations import INVENTED
from beeld.sources.example import EXAMPLE_AREA
from beeld.warehouse.read import open_warehouse, warehouse_file

from .conftest import ROOT, SAMPLES, recipes

BUURT = "BU90010102"
KERN, NEW_SOURCE = "bedrijven_per_km2", "bibliotheekleden_per_1000"


@pytest.fixture
def warehouse(recipe_release: Path) -> duckdb.DuckDBPyConnection:
    return open_warehouse(warehouse_file(recipe_release))


def test_contributing_has_the_blocks_of_both_recipes() -> None:
    assert [(recipe.kind, recipe.path) for recipe in recipes()] == [
        ("indicator", "transforms/indicatoren.yaml"),
        ("source", "sources/bibliotheek.yaml"),
        ("indicator", "transforms/indicatoren.yaml"),
    ]
    assert [list(yaml.safe_load(r.text)) for r in recipes() if r.kind == "indicator"] == [[KERN], [NEW_SOURCE]]


def test_recipes_describe_what_is_not_there_yet() -> None:
    catalogue = yaml.safe_load((ROOT / "transforms" / "indicatoren.yaml").read_text(encoding="utf-8"))
    assert not {KERN, NEW_SOURCE} & catalogue.keys()
    assert not (ROOT / "sources" / "bibliotheek.yaml").exists()


@pytest.mark.parametrize("name", [KERN, NEW_SOURCE])
def test_indicator_of_a_recipe_is_in_the_catalogue_of_the_release(warehouse: duckdb.DuckDBPyConnection, name: str) -> None:
    declared = next(entry[name] for recipe in recipes() if name in (entry := yaml.safe_load(recipe.text)))
    with closing(warehouse) as con:
        row = con.execute(
            "select titel, uitleg, thema, rol, eenheid, richting, formule, laatste_jaar from indicator where indicator = ?",
            [name],
        ).fetchone()
    assert row == (*(declared[key] for key in ("titel", "uitleg", "thema", "rol", "eenheid", "richting", "formule")), 2024)


def test_values_of_the_new_indicator_are_those_of_its_formula(warehouse: duckdb.DuckDBPyConnection) -> None:
    with closing(warehouse) as con:
        rows = con.execute(
            "select waarde, teller, noemer, status from waarde where indicator = ? and peiljaar = 2024", [KERN]
        ).fetchall()
    good = [row for row in rows if row[3] == "ok"]
    assert len(good) > 100
    assert all(value == pytest.approx(100 * top / bottom) for value, top, bottom, _ in good)


def test_a_new_core_indicator_enters_the_score_of_its_theme(warehouse: duckdb.DuckDBPyConnection, docs_home: Path) -> None:
    query = "select n_totaal from thema_score where thema = 'werk' and referentie = 'nl' and gebiedscode = ?"
    with closing(warehouse) as con, duckdb.connect(str(docs_home / "current" / "beeld.duckdb"), read_only=True) as before:
        assert con.execute(query, [BUURT]).fetchone() == (before.execute(query, [BUURT]).fetchall()[0][0] + 1,)


def test_figures_of_the_new_source_are_the_cells_of_its_sample(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = json.loads((SAMPLES / "99999NED" / "UntypedDataSet.json").read_text(encoding="utf-8"))["value"]
    cells = {row["WijkenEnBuurten"].strip(): row["Leden_4"].strip() for row in rows}
    with closing(warehouse) as con:
        found = con.execute(
            "select gebiedscode, teller, waarde, noemer, status, bron_tabel from waarde where indicator = ? and peiljaar = 2024",
            [NEW_SOURCE],
        ).fetchall()
        source = con.execute("select uitgever, licentie, rijen, status from bron where bron = 'bibliotheek'").fetchone()
    assert source == (INVENTED, "CC BY 4.0", len(rows), "actueel"), "the example names no real publisher"
    tops = {code: top for code, top, *_ in found if code in cells}
    assert tops == {code: None if cell in (".", "x") else float(cell) for code, cell in cells.items()}
    words = {".": "onbekend", "x": "geheim"}
    for code, _, _, bottom, status, _ in found:
        if code in cells:
            assert status == words.get(cells[code], "ok" if bottom else "geen_noemer"), code
    assert {"ok", "geheim", "onbekend", "niet_geleverd"} <= {status for *_, status, _ in found}
    assert {table for *_, table in found if table} == {"99999NED, 85984NED"}
    for code, top, value, bottom, status, _ in found:
        if status == "ok":
            assert value == pytest.approx(1000 * top / bottom), code


@pytest.mark.parametrize("name", [KERN, NEW_SOURCE])
def test_page_shows_the_figure_with_its_year_and_status(
    recipe_release: Path, warehouse: duckdb.DuckDBPyConnection, name: str
) -> None:
    with closing(warehouse) as con:
        ((value, year, title),) = con.execute(
            "select waarde, peiljaar, titel from laatste_waarde join indicator using (indicator) "
            "where gebiedscode = ? and indicator = ?",
            [BUURT, name],
        ).fetchall()
    page = html.parse(str(recipe_release / "site" / "gebied" / BUURT / "index.html"))
    shown = [
        element
        for element in page.iter()
        if (element.get("data-gebied"), element.get("data-indicator"), element.get("data-peiljaar")) == (BUURT, name, str(year))
    ]
    assert shown
    assert {element.get("data-status") for element in shown} == {"ok"}
    assert {float(element.get("data-waarde") or "nan") for element in shown} == {value}
    assert title in "".join(page.getroot().itertext())


def test_only_a_core_indicator_gets_a_map(recipe_release: Path) -> None:
    folder = recipe_release / "site" / "kaart" / EXAMPLE_AREA
    for scale in ("nl", "gemeente"):
        picture = folder / f"{KERN}-{scale}.svg"
        assert "Bedrijven per vierkante kilometer" in picture.read_text(encoding="utf-8")
        assert picture.with_suffix(".png").stat().st_size > 10_000
    assert list(folder.glob(f"{NEW_SOURCE}*")) == []


def test_method_page_explains_both(recipe_release: Path) -> None:
    text = (recipe_release / "site" / "methode.html").read_text(encoding="utf-8")
    assert "Bedrijven per vierkante kilometer" in text
    assert "Leden van de bibliotheek" in text
