"""Dividing counts by addresses: by hand, out of a file, in a build; and what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from beeld import refresh
from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.sources.declarations import Column, Source, Topic
from beeld.transforms import areas, indicators
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.reallocation import (
    Matrix,
    count_columns,
    divide_counts,
    make_matrix,
    mark_values,
    matrices_of,
    matrix_files,
    read_matrices,
    reallocate,
)
from tests.indicatoren import drawn
from tests.reliability.worlds import CommandLine, World, catalog_of, complete

A, B, C, D = "BU00140000", "BU00140001", "BU00140002", "BU00140003"
CSV = "van_code,naar_code,van_jaar,naar_jaar,adressen\n"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty build database."""
    with closing(drawn.open_database(project_folder())) as connection:
        yield connection


def test_by_hand() -> None:
    """A (1000 addresses) goes for three quarters to C, the rest to D with all of B (500 addresses).

    With 400 units in A, each on an address of its own: 300 ± sqrt(400 x 0.75 x 0.25) = 8.66. With 2,000 people on those 1000
    addresses, two to each: 1,500 ± sqrt(2000 x 2 x 0.75 x 0.25) = 27.4.
    """
    matrix = make_matrix(2020, 2024, [(A, C, 750), (A, D, 250), (B, D, 500)])
    few = reallocate({A: 400.0, B: 60.0}, matrix)
    assert (few[C].waarde, few[D].waarde) == (300.0, 160.0)
    assert few[C].fout == pytest.approx(8.660254)
    assert few[D].fout == pytest.approx(8.660254)
    many = reallocate({A: 2000.0, B: 60.0}, matrix)
    assert many[C].waarde == 1500.0
    assert many[C].fout == pytest.approx(math.sqrt(750))


def test_missing_is_never_zero() -> None:
    matrix = make_matrix(2020, 2024, [(A, C, 750), (A, D, 250), (B, D, 500)])
    found = reallocate({A: 400.0, B: None}, matrix)
    assert found[C].waarde == 300.0
    assert (found[D].waarde, found[D].fout) == (None, None)


def test_an_area_without_addresses() -> None:
    """One heir gets all; between two heirs only nothing can be divided."""
    one = make_matrix(2020, 2024, [(A, C, 0)])
    assert reallocate({A: 7.0}, one)[C].waarde == 7.0
    two = make_matrix(2020, 2024, [(A, C, 0), (A, D, 0)])
    assert reallocate({A: 7.0}, two)[C].waarde is None
    assert reallocate({A: 0.0}, two)[C].waarde == 0.0


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="stands twice"):
        make_matrix(2020, 2024, [(A, C, 1), (A, C, 2)])
    with pytest.raises(UsageError, match="cannot be"):
        make_matrix(2020, 2024, [(A, C, -1)])
    with pytest.raises(UsageError, match="cannot be"):
        make_matrix(2020, 2024, [(A, "WK001400", 1)])
    matrix = make_matrix(2020, 2024, [(A, C, 1)])
    with pytest.raises(UsageError, match=f"says nothing of {B}"):
        reallocate({A: 1.0, B: 2.0}, matrix)
    with pytest.raises(ValueError, match="never below zero"):
        reallocate({A: -1.0}, matrix)


def test_a_folder_of_matrices(tmp_path: Path) -> None:
    assert read_matrices(tmp_path / "omzetting") == []
    (tmp_path / "b.csv").write_text(f"{CSV}{A},{C},2020,2024,750\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text(f"{CSV}bu00140000 ,{D},2020,2024,250\n{B},{D},2022,2024,1\n", encoding="utf-8")
    first, second = read_matrices(tmp_path)
    assert (first.van_jaar, first.naar_jaar, second.van_jaar) == (2020, 2024, 2022)
    assert {new: [(part.van, part.aandeel, part.adressen) for part in parts] for new, parts in first.delen.items()} == {
        C: [(A, 0.75, 1000)],
        D: [(A, 0.25, 1000)],
    }


@pytest.mark.parametrize(
    "content",
    [
        "van,naar\n",
        "",
        f"{CSV}{A},{C},2020,2024\n",
        f"{CSV}{A},{C},2020,2024,1,1\n",
        f"{CSV}{A},{C},2020,2024,-1\n",
        f"{CSV}{A},{C},2020,2024,1.5\n",
        f"{CSV}{A},{C},2020,2024,\u0661\n",
        f"{CSV}{A},overal,2020,2024,1\n",
        f'{CSV}"{A}"x,{C},2020,2024,1\n',
        f"{CSV}{A},{C},2020,2024,1\n{A},{C},2020,2024,1\n",
    ],
)
def test_a_wrong_file_names_itself(content: str, tmp_path: Path) -> None:
    (tmp_path / "fout.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_matrices(tmp_path)
    assert str(tmp_path) in str(refused.value)


def test_only_counts_are_divided(catalog: Catalog) -> None:
    """A column is a count because its declaration says so; a percentage, a mean or a class never is."""
    kwb = count_columns(catalog.sources["cbs_kwb"])
    assert {"aantal_inwoners", "huishoudens", "bijstand"} <= set(kwb)
    assert not {"woz_waarde", "koopwoningen", "inkomen_per_inwoner", "stedelijkheid", "huishoudensgrootte"} & set(kwb)
    topic = (Topic(naam="X"),)
    assert Column(onderwerpen=topic, telling=True).telbaar
    assert not Column(onderwerpen=topic).telbaar
    assert not Column(onderwerpen=topic, soort="tekst", telling=True).telbaar


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The catalogue of the checkout."""
    return load_catalog(project_folder())


def prepare(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> tuple[Source, list[Staged]]:
    """A build of 2020 and 2024 in which A and B became C and D, linked; the source with its two tables, and what was staged."""
    full = catalog.sources["cbs_kwb"]
    tables = {table.peiljaar: table for table in full.tabellen if table.peiljaar in (2020, 2024)}
    source = full.model_copy(update={"tabellen": tuple(tables.values())})
    create_basis(con, source)
    people = {2020: {A: (1000.0, 400.0), B: (200.0, None)}, 2024: {C: (800.0, 300.0), D: (500.0, 250.0)}}
    for year, division in people.items():
        for code, (inhabitants, households) in division.items():
            con.execute(
                """insert into basis.cbs_kwb by name select ? as tabel, ? as gebiedscode, ? as naam, ? as peiljaar,
                  ? as indeling_jaar, false as voorlopig, true as getypeerd, ? as aantal_inwoners,
                  'ok' as aantal_inwoners_status, ? as huishoudens, ? as huishoudens_status, 100.0 as leeftijd_65_plus,
                  'ok' as leeftijd_65_plus_status, 250.0 as woz_waarde, 'ok' as woz_waarde_status, 3.0 as stedelijkheid""",
                [tables[year].tabel, code, code, year, year, inhabitants, households, "ok" if households else "onbekend"],
            )
    staged = [drawn.staged_like(source, table, source.kolommen, (year,), 2) for year, table in tables.items() if year]
    areas.link(con, source, areas.create_areas(con, source, staged))
    return source, staged


def divide(con: duckdb.DuckDBPyConnection, catalog: Catalog, matrix: Matrix) -> int:
    """The figures of that build with this matrix; returns how many are marked."""
    source, staged = prepare(con, catalog)
    assert divide_counts(con, [source], 2024, [matrix]) == 2
    names = ("aantal_inwoners", "aantal_huishoudens", "aandeel_65_plus", "gemiddelde_woz_waarde")
    chosen = replace(catalog, indicators={name: catalog.indicators[name] for name in names})
    indicators.compute_values(con, chosen, staged)
    return mark_values(con, chosen)


def test_divided_counts_in_a_build(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Counts of 2020 appear on the areas of 2024, with their error; the WOZ value does not, and nothing becomes a series."""
    marked = divide(con, catalog, make_matrix(2020, 2024, [(A, C, 375), (A, D, 125), (B, D, 100)]))
    assert marked == 5
    rows = con.execute(
        """select indicator, gebiedscode, indeling_jaar, waarde, status, reden, betrouwbaar from waarde
        where peiljaar = 2020 and gebiedscode <> 'NL00' order by all"""
    ).fetchall()
    changed = "de grens of code is gewijzigd na indeling 2020"
    found = {(name, code): rest for name, code, *rest in rows}
    assert found[("aantal_inwoners", C)][:4] == [2020, 750.0, "ok", "herverdeeld met adressen, fout ±19,4"]
    assert found[("aantal_inwoners", D)][:3] == [2020, 450.0, "ok"]
    assert found[("aantal_huishoudens", C)][:3] == [2020, 300.0, "ok"]
    assert found[("aantal_huishoudens", D)][:3] == [2020, None, "onbekend"], "of B the households are not known"
    assert found[("aandeel_65_plus", C)][1] == pytest.approx(10.0), "75 of 750"
    for code in (C, D):
        division, value, status, reason, _ = found[("gemiddelde_woz_waarde", code)]
        assert (division, value, status) == (2020, None, "niet_geleverd")
        assert reason in (changed, "geen gebied met deze code en naam in indeling 2020")
    assert con.execute(
        "select count(*) from werk.reeks where reeks and peiljaar = 2020 and gebiedscode <> 'NL00'"
    ).fetchall() == [(0,)]
    own = con.execute("select count(*) from waarde where peiljaar = 2024 and reden like 'herverdeeld%'").fetchall()
    assert own == [(0,)], "the figures of 2024 are the source's own"


def test_a_large_error_is_not_reliable(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """One address in five hundred goes to C: 2 people, give or take 2."""
    divide(con, catalog, make_matrix(2020, 2024, [(A, C, 1), (A, D, 499), (B, D, 100)]))
    rows = con.execute(
        "select gebiedscode, waarde, betrouwbaar, ondergrens is null or ondergrens >= 0 from waarde "
        "where indicator = 'aantal_inwoners' and peiljaar = 2020 and gebiedscode in (?, ?) order by 1",
        [C, D],
    ).fetchall()
    assert rows == [(C, 2.0, False, True), (D, 1198.0, True, True)]


@pytest.mark.parametrize("years", [(2022, 2024), (2020, 2023)])
def test_a_matrix_of_other_years_is_not_used(years: tuple[int, int], con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    source, _ = prepare(con, catalog)
    assert divide_counts(con, [source], 2024, [make_matrix(*years, [(A, C, 1)])]) == 0
    assert con.execute("select count(*) from werk.verdeeld").fetchall() == [(0,)]
    assert mark_values(con, catalog) == 0


def test_matrices_of_the_home_stand_beside_those_of_the_project(tmp_path: Path) -> None:
    """The analyst's own matrix is read like one of the project; the same pair in both is refused."""
    project, home = tmp_path / "project", tmp_path / "data"
    (project / "transforms" / "omzetting").mkdir(parents=True)
    (home / "omzetting").mkdir(parents=True)
    assert matrices_of(project, home) == []
    (project / "transforms" / "omzetting" / "a.csv").write_text(f"{CSV}{A},{C},2020,2024,750\n", encoding="utf-8")
    (home / "omzetting" / "eigen.csv").write_text(f"{CSV}{A},{D},2020,2024,250\n", encoding="utf-8")
    (matrix,) = matrices_of(project, home)
    assert {new: [part.aandeel for part in parts] for new, parts in matrix.delen.items()} == {C: [0.75], D: [0.25]}
    assert [path.name for path in matrix_files(home)] == ["eigen.csv"]
    (home / "omzetting" / "eigen.csv").write_text(f"{CSV}{A},{C},2020,2024,250\n", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{A} to {C} stands twice"):
        matrices_of(project, home)


def test_a_matrix_of_the_home_is_an_input_of_the_release(world: World) -> None:
    """Another matrix, another release: it is part of the identity, and the build gets it."""
    settings, catalog = world.settings, catalog_of(world.settings.project)

    def digest() -> str:
        return refresh.gather_inputs(settings, refresh.Options(), catalog, world.look()).digest("zelf")

    before = digest()
    assert digest() == before
    (world.home / "omzetting").mkdir()
    path = world.home / "omzetting" / "eigen.csv"
    path.write_text(f"{CSV}{A},{C},2020,2024,750\n", encoding="utf-8")
    first = digest()
    path.write_text(f"{CSV}{A},{C},2020,2024,751\n", encoding="utf-8")
    assert len({before, first, digest()}) == 3
    inputs = refresh.gather_inputs(settings, refresh.Options(offline=True), catalog, world.look())
    thresholds = refresh.Thresholds("zelf")
    with closing(duckdb.connect()) as con:
        making = refresh.making_of(con, settings, catalog, inputs, refresh.identify(inputs, thresholds), thresholds)
    assert [(each.van_jaar, each.naar_jaar, set(each.delen)) for each in making.matrices] == [(2020, 2024, {C})]


def test_a_wrong_matrix_of_the_home_is_one_message_before_anybody_is_asked(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    (world.home / "omzetting").mkdir()
    (world.home / "omzetting" / "eigen.csv").write_text(f"{CSV}{A},overal,2020,2024,1\n", encoding="utf-8")
    for words in (("refresh", "--no-render"), ("check",)):
        ending = beeld(world.settings, *words)
        assert (ending.code, len(ending.lines)) == (2, 1)
        assert "eigen.csv line 2: not two codes, two years and a number" in ending.err
    assert world.server.log == []
    assert complete(world.settings) == before
