"""The cause of a figure that differs: one cell in two small editions, and the order in which causes count."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.settings import project_folder
from beeld.warehouse.changes import Between, between, compare_cells, name_editions

HERE, THERE = "BU00010001", "BU00010002"
NOTHING = Between(method=False, unions=False, matrices=False, partners=())
METHOD = replace(NOTHING, method=True)
FIGURE: Mapping[str, Any] = {
    "gebiedscode": HERE,
    "indicator": "een",
    "peiljaar": 2020,
    "indeling_jaar": 2020,
    "waarde": 1.0,
    "status": "ok",
    "reden": None,
    "voorlopig": False,
    "bron_tabel": "TA, TB",
    "bron_kolom": "KolomA_1, KolomB_2",
    "snapshot_sha256": "a",
}
MISSING = {"waarde": None, "status": "geheim", "reden": "geheim volgens de bron"}


class Edition:
    """The tables of one edition; `write` makes its Parquet files."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con, self.folder = con, folder
        con.execute((project_folder() / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
        self.division, self.areas = 2024, [HERE, THERE]
        self.hashes = {"TA": "a", "TB": "b"}
        self.figures: list[dict[str, Any]] = [dict(FIGURE)]
        self.indicators = ["een"]
        self.flags: list[tuple[str, int, str]] = []
        self.corrections: list[tuple[str, str, str, float]] = []

    def write(self) -> Path:
        """The folder, as of a release."""
        for code in self.areas:
            self.con.execute(
                "insert into gebied (gebiedscode, soort, naam, indeling_jaar) values (?, 'buurt', 'x', ?)", [code, self.division]
            )
        for code, year, flag in self.flags:
            self.con.execute("insert into gebied_historie values (?, ?, 'x', ?, null)", [code, year, flag])
        for name in self.indicators:
            self.con.execute(
                """insert into indicator values
                (?, 't', 'u', 'werk', 'kern', 'telling', 'f', 'aantal', 0, 'neutraal', 'bron', [], 'k', 2020, '1')""",
                [name],
            )
        for table, sha in self.hashes.items():
            self.con.execute("insert into bron values ('bron', ?, 't', 'u', 'l', '', null, null, ?, 1, 'actueel')", [table, sha])
        for figure in self.figures:
            names = ", ".join(figure)
            self.con.execute(f"insert into waarde ({names}) values ({', '.join('?' * len(figure))})", list(figure.values()))
        for code, table, column, value in self.corrections:
            row = ["c", code, "bron", table, column, 2020, -1.0, value, "ok", "reden"]
            self.con.execute("insert into correctie values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        (self.folder / "parquet").mkdir(parents=True)
        for table in ("waarde", "gebied", "gebied_historie", "indicator", "bron", "correctie"):
            columns = "* exclude (geometrie)" if table == "gebied" else "*"
            self.con.execute(
                f"copy (select {columns} from {table}) to '{self.folder / 'parquet' / table}.parquet' (format parquet)"
            )
        return self.folder


@pytest.fixture
def editions(tmp_path: Path) -> Iterator[tuple[Edition, Edition]]:
    """Two editions that are the same."""
    with closing(duckdb.connect()) as one, closing(duckdb.connect()) as other:
        yield Edition(one, tmp_path / "oud"), Edition(other, tmp_path / "nieuw")


def found(editions: tuple[Edition, Edition], known: Between = NOTHING, *, without: str = "") -> list[tuple[Any, ...]]:
    """(area, indicator, kind, cause) of every cell that differs; `without`: an old edition that lacks a table."""
    old, new = (each.write() for each in editions)
    if without:
        (old / "parquet" / f"{without}.parquet").unlink()
    with closing(duckdb.connect()) as con:
        name_editions(con, old, new)
        compare_cells(con, known)
        return con.execute("select gebiedscode, indicator, peiljaar, soort, oorzaak from cellen order by all").fetchall()


def revised(edition: Edition, **changes: Any) -> None:
    """The figure of this edition, other than in the other."""
    edition.figures[0] |= {"waarde": 2.0, **changes}


def cause(editions: tuple[Edition, Edition], known: Between = NOTHING) -> str:
    """The cause of the only cell that differs."""
    rows = found(editions, known)
    assert len(rows) == 1
    return rows[0][4]


def test_the_same_figures_differ_in_nothing_whatever_else_does(editions: tuple[Edition, Edition]) -> None:
    editions[1].hashes["TA"] = "anders"
    editions[1].figures[0]["snapshot_sha256"] = "anders"
    assert found(editions, METHOD) == []


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({}, {"waarde": 2.0}, "herzien"),
        ({}, MISSING, "ingetrokken"),
        (MISSING, {}, "nieuw"),
        (MISSING, {**MISSING, "status": "onbekend"}, "herzien"),
        ({"waarde": 0.0}, MISSING, "ingetrokken"),
        (MISSING, {"waarde": 0.0}, "nieuw"),
    ],
)
def test_kinds(editions: tuple[Edition, Edition], before: dict[str, Any], after: dict[str, Any], kind: str) -> None:
    editions[0].figures[0] |= before
    editions[1].figures[0] |= after
    assert found(editions) == [(HERE, "een", 2020, kind, "onverklaard")]


def test_another_method_explains_what_is_left(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    assert cause(editions, METHOD) == "methode"


@pytest.mark.parametrize("table", ["TA", "TB"])
def test_a_table_delivered_anew_explains_numerator_and_denominator(editions: tuple[Edition, Edition], table: str) -> None:
    revised(editions[1])
    editions[1].hashes[table] = "anders"
    assert cause(editions, METHOD) == "bronrevisie"


def test_another_table_explains_nothing(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    editions[1].hashes["T"] = "erbij"
    assert cause(editions) == "onverklaard"


def test_a_table_fetched_for_other_gemeenten_is_no_revision(editions: tuple[Edition, Edition]) -> None:
    asked = "dit jaar is alleen opgehaald voor de gevraagde gemeenten"
    editions[0].figures[0] |= {"waarde": None, "status": "niet_geleverd", "reden": asked}
    editions[1].hashes["TA"] = "anders"
    assert cause(editions, METHOD) == "methode"


def test_a_supply_of_a_partner_goes_before_a_revision(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    editions[1].hashes["TA"] = "anders"
    assert cause(editions, replace(METHOD, partners=("bron",))) == "partner"


def test_a_partner_that_supplied_nothing_new_explains_nothing(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    assert cause(editions, replace(NOTHING, partners=("bron",))) == "onverklaard"


def test_a_correction_goes_before_the_supply(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    editions[1].hashes["TA"] = "anders"
    editions[1].corrections = [(HERE, "TA", "KolomA_1", 2.0)]
    assert cause(editions, replace(METHOD, partners=("bron",))) == "correctie"


@pytest.mark.parametrize(
    ("code", "table", "column"),
    [(THERE, "TA", "KolomA_1"), (HERE, "T", "KolomA_1"), (HERE, "TA", "Kolom"), (HERE, "TA", "KolomA")],
)
def test_a_correction_of_another_cell_explains_nothing(
    editions: tuple[Edition, Edition], code: str, table: str, column: str
) -> None:
    revised(editions[1])
    editions[1].corrections = [(code, table, column, 2.0)]
    assert cause(editions) == "onverklaard"


def test_a_correction_that_both_made_explains_nothing_and_one_that_changed_does(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    for edition, value in zip(editions, (2.0, 3.0), strict=True):
        edition.corrections = [(HERE, "TA", "KolomA_1", value), (THERE, "TA", "KolomA_1", 2.0)]
        edition.figures.append({**FIGURE, "gebiedscode": THERE, "waarde": value})
    assert [row[4] for row in found(editions)] == ["correctie", "onverklaard"]


def test_an_edition_without_the_table_of_corrections_made_the_same(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    editions[1].corrections = [(HERE, "TA", "KolomA_1", 2.0)]
    assert [row[4] for row in found(editions, without="correctie")] == ["onverklaard"]


def corrected(editions: tuple[Edition, Edition]) -> None:
    """A figure that a correction explains, unless something goes before it."""
    revised(editions[1])
    editions[1].corrections = [(HERE, "TA", "KolomA_1", 2.0)]


def test_another_division_under_the_figure_is_a_boundary(editions: tuple[Edition, Edition]) -> None:
    corrected(editions)
    editions[1].figures[0]["indeling_jaar"] = 2021
    assert cause(editions) == "grens"


@pytest.mark.parametrize(
    ("flag", "year", "expected"), [("3", 2025, "grens"), ("2", 2025, "grens"), ("1", 2025, "correctie"), ("3", 2024, "correctie")]
)
def test_a_flag_in_the_new_divisions_is_a_boundary(
    editions: tuple[Edition, Edition], flag: str, year: int, expected: str
) -> None:
    corrected(editions)
    editions[1].division = 2025
    editions[1].flags = [(HERE, year, flag)]
    assert cause(editions) == expected


@pytest.mark.parametrize(
    "reason", ["de grens of code is gewijzigd na indeling 2020", "geen gebied met deze code en naam in indeling 2020"]
)
def test_a_figure_that_joins_no_more_is_withdrawn_by_the_boundary(editions: tuple[Edition, Edition], reason: str) -> None:
    editions[1].figures[0] |= {"waarde": None, "status": "niet_geleverd", "reden": reason}
    assert cause(editions, METHOD) == "grens"


def test_a_remark_on_the_boundary_counts_when_it_comes_or_goes_with_a_value(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1], reden="grens niet getoetst")
    assert cause(editions) == "grens"


def test_a_remark_that_gives_way_to_a_reason_is_no_boundary(editions: tuple[Edition, Edition]) -> None:
    editions[0].figures[0]["reden"] = "grens niet getoetst"
    editions[1].figures[0] |= MISSING
    editions[1].hashes["TA"] = "anders"
    assert cause(editions) == "bronrevisie"


def test_an_area_that_came_or_went_is_a_boundary(editions: tuple[Edition, Edition]) -> None:
    editions[0].areas = [HERE]
    editions[1].areas = [THERE]
    editions[1].figures = [{**FIGURE, "gebiedscode": THERE}]
    assert found(editions, METHOD) == [(HERE, "een", 2020, "ingetrokken", "grens"), (THERE, "een", 2020, "nieuw", "grens")]


def test_other_unions_and_other_matrices_are_boundaries(editions: tuple[Edition, Edition]) -> None:
    for edition, value in zip(editions, (1.0, 2.0), strict=True):
        edition.areas = [HERE, "SG-samen"]
        edition.figures = [
            {**FIGURE, "waarde": value, "reden": "herverdeeld met adressen"},
            {**FIGURE, "gebiedscode": "SG-samen", "waarde": value},
        ]
    rows = found(editions, replace(METHOD, unions=True, matrices=True))
    assert [row[4] for row in rows] == ["grens", "grens"]


def test_only_unions_are_touched_by_other_unions(editions: tuple[Edition, Edition]) -> None:
    revised(editions[1])
    assert cause(editions, replace(METHOD, unions=True, matrices=True)) == "methode"


def test_a_new_year_goes_before_everything(editions: tuple[Edition, Edition]) -> None:
    editions[0].areas = [HERE]
    editions[1].figures += [{**FIGURE, "peiljaar": 2021, "gebiedscode": THERE, "indeling_jaar": 2021}]
    editions[1].hashes["TA"] = "anders"
    assert cause(editions, METHOD) == "nieuw jaar"


def test_an_indicator_that_the_catalogue_did_not_have_is_method_and_no_new_year(editions: tuple[Edition, Edition]) -> None:
    editions[1].indicators.append("twee")
    editions[1].figures.append({**FIGURE, "indicator": "twee"})
    editions[1].hashes["TA"] = "anders"
    assert cause(editions, METHOD) == "methode"


def test_an_empty_figure_of_a_new_year_is_no_change(editions: tuple[Edition, Edition]) -> None:
    editions[1].figures.append({**FIGURE, "peiljaar": 2021, **MISSING})
    assert found(editions) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("methode_versie", "4", METHOD),
        ("code_versie", "b", METHOD),
        ("jaar_vanaf", 2010, METHOD),
        ("drempels_van", "x", NOTHING),
        ("eigen", {"gebieden.yaml": "b"}, replace(NOTHING, unions=True)),
        ("eigen", {"gebieden.yaml": "a", "omzetting": [["m.csv", "c"]]}, replace(NOTHING, matrices=True)),
        ("partners", ["gemeente"], replace(NOTHING, partners=("gemeente",))),
    ],
)
def test_what_manifests_differ_in(key: str, value: Any, expected: Between) -> None:
    old = {"methode_versie": "3", "code_versie": "a", "jaar_vanaf": 2015, "eigen": {"gebieden.yaml": "a"}}
    assert between(old, {**old, key: value}) == expected
