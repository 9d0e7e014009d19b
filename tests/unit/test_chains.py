"""Which area of an older division is which area of the newest one: recoded areas, reused codes, gaps, parts of the country."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import duckdb
import pytest

from beeld.settings import project_folder
from beeld.sources.declarations import Source, Table
from beeld.transforms import areas, chains
from beeld.transforms.basis import create_basis
from tests.indicatoren import drawn
from tests.unit.divisions import UNTESTED, Division, build, kwb, linked

A, B, C, D = "BU00140000", "BU00140001", "BU00140002", "BU00140003"
GONE, CHANGED, NO_ROW = (
    "geen gebied met deze code en naam in indeling {}",
    "de grens of code is gewijzigd na indeling {}",
    "de bron heeft geen rij voor dit gebied",
)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty build database."""
    with closing(drawn.open_database(project_folder())) as connection:
        yield connection


ABC = ((A, "X"), (B, "Y"), (C, "Z"))


def joined(con: duckdb.DuckDBPyConnection, divisions: Mapping[int, Division], year: int) -> dict[str, str | None]:
    """Area of the newest division -> the code to which its chain leads in the division of `year`, None where it ends earlier."""
    source, newest = build(con, divisions)
    areas.link(con, source, newest)
    rows = con.execute(
        """select gebiedscode, oude_code from (from gebied where soort <> 'land') as g
        left join (from werk.keten where indeling_jaar = ?) as k using (gebiedscode)""",
        [year],
    ).fetchall()
    return dict(rows)


# ---------------------------------------------------------------- a changed code (flag 2)


def test_a_recoded_area_is_remembered_and_its_old_figures_do_not_join(con: duckdb.DuckDBPyConnection) -> None:
    """Flag 2 says that only the code changed; its name says which code it had. Only "unchanged" joins (CONTRACT.md)."""
    divisions = {
        2021: {A: ("Centrum", "1"), B: ("Dorp", "1")},
        2022: {C: ("Centrum", "2"), B: ("Dorp", "1")},
        2023: {C: ("Centrum", "1"), B: ("Dorp", "1")},
    }
    source, newest = build(con, divisions)
    assert linked(con, source, newest, 2021)[C] == (False, None, CHANGED.format(2021))
    assert linked(con, source, newest, 2022)[C] == (True, None, None)
    values = con.execute("select indeling_jaar, aantal_inwoners from werk.kwb where gebiedscode = ? order by 1", [C]).fetchall()
    assert values == [(2021, None), (2022, 2022.0), (2023, 2023.0)], "each figure carries its own division"
    history = con.execute(
        "select indeling_jaar, gebiedscode, wijziging, voorganger from gebied_historie where naam = 'Centrum' order by 1"
    ).fetchall()
    assert history == [(2021, A, "1", None), (2022, C, "2", A), (2023, C, "1", C)]


def test_codes_that_moved_up_one_place(con: duckdb.DuckDBPyConnection) -> None:
    """The reused code never carries the figure of the area that had it before."""
    divisions = {
        2021: {A: ("Een", "1"), B: ("Twee", "1"), C: ("Drie", "1")},
        2022: {B: ("Een", "2"), C: ("Twee", "2"), D: ("Drie", "2")},
    }
    assert joined(con, divisions, 2021) == {B: A, C: B, D: C}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({A: ("X", "1"), B: ("X", "1")}, {C: ("X", "2")}),
        ({A: ("X", "1")}, {C: ("X", "2"), D: ("X", "2")}),
        ({A: ("X", "1")}, {C: ("X", "2"), D: ("X", "3")}),
        ({A: ("X", "1")}, {C: ("Y", "2")}),
        ({A: ("X", "1")}, {A: ("X", "1"), C: ("X", "2")}),
        ({A: ("X", "1")}, {A: ("X", "3"), C: ("X", "2")}),
        ({A: ("X", "1")}, {A: ("X", "2")}),
        ({A: ("X", "1")}, {A: ("Y", None), C: ("X", "2")}),
    ],
    ids=["two before", "two after", "one split off", "renamed too", "still there", "cut up", "contradiction", "unflagged"],
)
def test_a_recoded_area_that_is_not_certain_has_no_predecessor(
    older: Division, newer: Division, con: duckdb.DuckDBPyConnection
) -> None:
    found = joined(con, {2021: older, 2022: newer}, 2021)
    recoded = [code for code, (_, flag) in newer.items() if flag == "2"]
    assert {found[code] for code in recoded} == {None}
    reasons = con.execute("select reden from werk.kwb where peiljaar = 2021 and list_contains(?, gebiedscode)", [recoded])
    assert set(reasons.fetchall()) == {(CHANGED.format(2021),)}


def test_a_dissolved_gemeente_is_followed_by_its_buurten(con: duckdb.DuckDBPyConnection) -> None:
    """Two gemeenten go up in two others; a name that both had ("Centrum") is looked for in the right one only."""
    old = {
        "BU00150000": ("Centrum", "1"), "BU00150001": ("Molenhoek", "1"), "BU00150002": ("Heide", "1"),
        "BU00160000": ("Centrum", "1"), "BU00160001": ("Zeedijk", "1"), "BU00160002": ("Strand", "1"),
    }  # fmt: skip
    new = {
        A: ("Eigen", "1"),
        "BU00140100": ("Centrum", "2"), "BU00140101": ("Molenhoek", "2"), "BU00140102": ("Heide", "2"),
        "BU00190000": ("Centrum", "2"), "BU00190001": ("Zeedijk", "2"), "BU00190002": ("Strand en duin", "3"),
    }  # fmt: skip
    found = joined(con, {2018: {A: ("Eigen", "1"), **old}, 2019: new}, 2018)
    assert found == {
        A: A,
        "BU00140100": "BU00150000", "BU00140101": "BU00150001", "BU00140102": "BU00150002",
        "BU00190000": "BU00160000", "BU00190001": "BU00160001", "BU00190002": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (
            {"BU00150000": ("Noord", "1"), "BU00150001": ("Zuid", "1")},
            {"BU00140100": ("Noord", "2"), "BU00160100": ("Zuid", "2")},
        ),
        (
            {f"BU0015000{n}": (f"Naam {n}", "1") for n in range(5)},
            {"BU00140100": ("Naam 0", "2"), "BU00140101": ("Naam 1", "2"), "BU00160100": ("Naam 2", "2")},
        ),
        (
            {"BU00150000": ("Noord", "1"), "BU00150001": ("Zuid", "1")},
            {"BU00150001": ("Zuid", "1"), "BU00140100": ("Noord", "2")},
        ),
    ],
    ids=["split in two", "too few names came back", "only a corner moved over"],
)
def test_no_predecessor_in_a_gemeente_that_was_not_taken_over(
    older: Division, newer: Division, con: duckdb.DuckDBPyConnection
) -> None:
    found = joined(con, {2018: older, 2019: newer}, 2018)
    assert {code: old for code, old in found.items() if newer[code][1] == "2"} == {
        code: None for code, (_, flag) in newer.items() if flag == "2"
    }


def test_a_wijk_is_known_by_its_name_without_its_number(con: duckdb.DuckDBPyConnection) -> None:
    divisions = {
        2021: {"WK001400": ("Wijk 00 Annen", "1"), "WK001401": ("Wijk 01 Gieten", "1")},
        2022: {"WK001405": ("Wijk 05 Annen", "2"), "WK001401": ("Gieten", None)},
    }
    assert joined(con, divisions, 2021) == {"WK001405": "WK001400", "WK001401": None}, "without a flag the name must be equal"


# ---------------------------------------------------------------- reused codes, and codes that were away


@pytest.mark.parametrize(("flag", "old"), [("1", A), ("2", None), ("3", None), (None, None)])
def test_the_same_code_with_another_name(flag: str | None, old: str | None, con: duckdb.DuckDBPyConnection) -> None:
    """Renamed when the source says that nothing else changed; else the code may have been given to another area."""
    assert joined(con, {2021: {A: ("Oud", "1")}, 2022: {A: ("Nieuw", flag)}}, 2021) == {A: old}


@pytest.mark.parametrize("flag", ["1", None])
@pytest.mark.parametrize("name", ["X", "Y"])
def test_a_code_that_was_away_for_a_year_is_another_area(name: str, flag: str | None, con: duckdb.DuckDBPyConnection) -> None:
    """Equal name or not: in the year between, the gemeente was delivered without it."""
    divisions = {
        2021: {A: ("X", "1"), B: ("B", "1")},
        2022: {B: ("B", "1")},
        2023: {A: (name, flag), B: ("B", "1")},
    }
    source, newest = build(con, divisions)
    assert linked(con, source, newest, 2021)[A] == (False, None, GONE.format(2021))
    assert linked(con, source, newest, 2021)[B] == (True, None, None)


def test_another_spelling_is_another_name(con: duckdb.DuckDBPyConnection) -> None:
    """Without flags only an equal code with an equal name joins, as in 's-Hertogenbosch between 2020 and 2024 it does not."""
    divisions = {
        2020: {A: ("Aawijk-Zuid", "1"), B: ("Hintham", "1"), C: ("Zeeënbuurt", "1")},
        2024: {A: ("Aawijk Zuid", "1"), B: ("Hintham", "1"), C: ("Zeeenbuurt", "1")},
    }
    source, newest = build(con, divisions)
    found = linked(con, source, newest, 2020)
    assert {code: found[code] for code in (A, C)} == dict.fromkeys((A, C), (False, None, GONE.format(2020)))
    assert found[B] == (True, UNTESTED, None)


# ---------------------------------------------------------------- years and parts of the country that are not there


def test_a_year_that_was_fetched_for_one_gemeente(con: duckdb.DuckDBPyConnection) -> None:
    """For the other gemeente that year is a gap: its areas did not vanish, and nothing proves that they did not change."""
    mine, other = A, "BU00150000"
    both = {mine: ("X", "1"), other: ("Y", "1")}
    source, newest = build(con, {2018: both, 2019: {mine: ("X", "1")}, 2020: both})
    assert {code: linked(con, source, newest, 2018)[code] for code in both} == {
        mine: (True, None, None),
        other: (True, UNTESTED, None),
    }
    areas.link(con, source, newest, {"KWB2019": ["GM0014"]})
    rows = con.execute("select gebiedscode, reden from werk.kwb where peiljaar = 2019 order by 1").fetchall()
    assert rows == [(mine, None), (other, areas.NOT_ASKED), ("NL00", NO_ROW)]


def one_column(bron: str, *tables: Table) -> Source:
    """Another source with the columns of `kwb`."""
    return kwb(*tables).model_copy(update={"bron": bron, "gebieden": False})


def deliver(con: duckdb.DuckDBPyConnection, source: Source, rows: Sequence[tuple[str, str, str, int]]) -> None:
    """`basis.<bron>` from (tabel, code, name, peiljaar); the figure is the year."""
    create_basis(con, source)
    for name, code, title, year in rows:
        con.execute(
            f"""insert into basis."{source.bron}" (tabel, gebiedscode, naam, peiljaar, indeling_jaar, voorlopig, getypeerd,
              aantal_inwoners, aantal_inwoners_status) values (?, ?, ?, ?, ?, false, true, ?, 'ok')""",
            [name, code, title, year, source.table(name).indeling_jaar, float(year)],
        )


@pytest.mark.parametrize(
    ("years", "flag", "found"),
    [
        ((2023, 2024), "1", (True, None, None)),
        ((2023, 2024), "3", (False, None, CHANGED.format(2022))),
        ((2023, 2024), None, (True, UNTESTED, None)),
        ((2021, 2023, 2024), "1", (True, None, None)),
        ((2024,), "1", (True, UNTESTED, None)),
        ((2021, 2024), "1", (True, UNTESTED, None)),
        ((2024,), "2", (False, None, CHANGED.format(2022))),
    ],
)
def test_a_source_on_a_division_that_was_not_delivered(
    years: tuple[int, ...], flag: str | None, found: tuple[bool, str | None, str | None], con: duckdb.DuckDBPyConnection
) -> None:
    """RIVM on 2022 without Kerncijfers 2022: the flag of 2023 still speaks of it, that of 2024 does not."""
    first = min(year for year in years if year > 2022)
    _, newest = build(con, {year: {A: ("X", flag if year == first else "1")} for year in years})
    health = one_column("rivm", Table(tabel="R", indeling_jaar=2022))
    deliver(con, health, [("R", A, "X", 2020)])
    assert linked(con, health, newest, 2020)[A] == found


def test_a_source_on_a_division_after_the_newest(con: duckdb.DuckDBPyConnection) -> None:
    """Nothing is known of the year after: equal code and equal name."""
    _, newest = build(con, {2024: {A: ("X", "1"), B: ("Y", "1")}})
    later = one_column("wmo", Table(tabel="W", indeling_jaar=2025))
    deliver(con, later, [("W", A, "X", 2025), ("W", B, "Iets anders", 2025)])
    found = linked(con, later, newest, 2025)
    assert found[A] == (True, UNTESTED, None)
    assert found[B] == (False, None, "de bron geeft deze code een andere naam")


def test_a_source_that_does_not_name_its_division(con: duckdb.DuckDBPyConnection) -> None:
    """Equal code and equal name, whatever the flags say of other years; never tested, never in a series."""
    con.execute("set asof_loop_join_threshold = 0")  # as for a country: there a null year matched a division
    _, newest = build(con, {2020: {A: ("X", "3"), B: ("Y", "2"), C: ("Z", "1")}, 2024: {code: (name, "3") for code, name in ABC}})
    police = one_column("politie", Table(tabel="P"))
    deliver(con, police, [("P", A, "X", 2024), ("P", B, "Iets anders", 2024), ("P", C, "Z", 2024)])
    found = linked(con, police, newest, 2024)
    assert {code: found[code] for code in (A, C)} == dict.fromkeys((A, C), (True, UNTESTED, None))
    assert found[B] == (False, None, "de bron geeft deze code een andere naam")
    assert chains.comparable_years(con, "politie", A) == ()


def test_two_tables_with_parts_of_one_year(con: duckdb.DuckDBPyConnection) -> None:
    """One row per area and year, from the table that has the area; also when the two stand on different divisions."""
    _, newest = build(
        con, {2023: {A: ("X", "1"), B: ("Y", "1"), C: ("Z", "1")}, 2024: {A: ("X", "1"), D: ("Y", "2"), C: ("Z", "3")}}
    )
    parts = one_column("delen", Table(tabel="T1", indeling_jaar=2024), Table(tabel="T2", indeling_jaar=2023))
    deliver(con, parts, [("T1", A, "X", 2024), ("T2", B, "Y", 2024), ("T2", C, "Z", 2024)])
    found = linked(con, parts, newest, 2024)
    assert found[A] == (True, None, None)
    assert found[D] == (False, None, NO_ROW), "its row of 2023 stands under another code"
    assert found[C] == (False, None, NO_ROW), "the row of 2023 is another area; the table of 2024 does not have this one"
    rows = con.execute("select gebiedscode, tabel, indeling_jaar from werk.delen order by 1").fetchall()
    assert rows == [(A, "T1", 2024), (C, "T1", 2024), (D, "T1", 2024), ("NL00", "T1", 2024)]


# ---------------------------------------------------------------- series


def test_which_years_make_a_series(con: duckdb.DuckDBPyConnection) -> None:
    """Flag 1 in every year between, or the newest division itself; a changed code or a gap ends the series."""
    _, newest = build(
        con,
        {
            2019: {A: ("X", "1"), B: ("Y", "1"), C: ("Z", "1")},
            2021: {A: ("X", "1"), B: ("Y", "1"), C: ("Z", "1")},
            2022: {A: ("X", "1"), D: ("Y", "2"), C: ("Z", "3")},
            2023: {A: ("X", "1"), D: ("Y", "1"), C: ("Z", "1")},
        },
    )
    for bron in ("kwb", "politie", "ses"):
        source = {
            "kwb": kwb(*(Table(tabel=f"KWB{y}", peiljaar=y, indeling_jaar=y) for y in (2019, 2021, 2022, 2023))),
            "politie": one_column("politie", Table(tabel="P", indeling_jaar=2023)),
            "ses": one_column("ses", Table(tabel="S", indeling_jaar=2021)),
        }[bron]
        if bron == "politie":
            deliver(con, source, [("P", code, name, y) for code, name in ((A, "X"), (D, "Y"), (C, "Z")) for y in (2012, 2023)])
        if bron == "ses":
            deliver(con, source, [("S", code, name, y) for code, name in ((A, "X"), (B, "Y"), (C, "Z")) for y in (2014, 2021)])
        areas.link(con, source, newest)
    places = [(bron, code) for bron in ("kwb", "politie", "ses") for code in (A, C, D)]
    assert {(bron, code): chains.comparable_years(con, bron, code) for bron, code in places} == {
        ("kwb", A): (2021, 2022, 2023), ("kwb", C): (2022, 2023), ("kwb", D): (2022, 2023),
        ("politie", A): (2012, 2023), ("politie", C): (2012, 2023), ("politie", D): (2012, 2023),
        ("ses", A): (2014, 2021), ("ses", C): (), ("ses", D): (),
    }  # fmt: skip
    assert chains.comparable_years(con, "kwb", "BU99999999") == ()


def test_linking_twice_leaves_one_row_per_year(con: duckdb.DuckDBPyConnection) -> None:
    source, newest = build(con, {2023: {A: ("X", "1")}, 2024: {A: ("X", "1")}})
    for _ in range(2):
        areas.link(con, source, newest)
    assert con.execute("select count(*) from werk.reeks").fetchall() == [(4,)], "two areas (the country too), two years"
