"""Which figures of an older division reach the newest one (CONTRACT.md, "Joining years"), and unions of buurten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import duckdb
import geopandas as gpd
import pytest
from shapely.geometry import box

from beeld.errors import SourceChanged
from beeld.settings import project_folder
from beeld.sources.declarations import Table
from beeld.transforms import areas
from beeld.transforms.basis import create_basis
from beeld.transforms.catalog import Union
from tests.indicatoren import drawn
from tests.unit.divisions import UNTESTED, build, kwb, linked


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty build database."""
    with closing(drawn.open_database(project_folder())) as connection:
        yield connection


def test_the_same_division_needs_no_test(con: duckdb.DuckDBPyConnection) -> None:
    source, newest = build(con, {2024: {"BU00140000": ("A", "3"), "GM0014": ("G", None)}})
    assert newest == 2024
    assert linked(con, source, 2024, 2024)["BU00140000"] == (True, None, None), "its own row, whatever changed before"


def test_an_unbroken_chain_of_unchanged_flags(con: duckdb.DuckDBPyConnection) -> None:
    """Tested in every year between: joined without a note, even under another name."""
    divisions = {year: {"BU00140000": (f"Naam in {year}", "1")} for year in (2021, 2022, 2023, 2024)}
    source, newest = build(con, divisions)
    for year in divisions:
        assert linked(con, source, newest, year)["BU00140000"] == (True, None, None)


@pytest.mark.parametrize("flag", ["2", "3"])
@pytest.mark.parametrize("year", [2022, 2023, 2024])
def test_one_changed_flag_breaks_the_chain(year: int, flag: str, con: duckdb.DuckDBPyConnection) -> None:
    """Equal code and equal name do not help: the boundary is another one."""
    divisions = {y: {"BU00140000": ("A", flag if y == year else "1")} for y in (2021, 2022, 2023, 2024)}
    source, newest = build(con, divisions)
    for older in range(2021, year):
        found = linked(con, source, newest, older)["BU00140000"]
        assert found == (False, None, f"de grens of code is gewijzigd na indeling {older}")
    for later in range(year, 2025):
        assert linked(con, source, newest, later)["BU00140000"] == (True, None, None)


def test_missing_flags_ask_for_equal_code_and_name(con: duckdb.DuckDBPyConnection) -> None:
    """2020 and 2024 delivered, the years between not: "grens niet getoetst"."""
    source, newest = build(
        con,
        {
            2020: {"BU00140000": ("A", "1"), "BU00140001": ("B", "1"), "GM0014": ("G", None)},
            2024: {"BU00140000": ("A", "1"), "BU00140001": ("Anders", "1"), "BU00140002": ("Nieuw", "1"), "GM0014": ("G", None)},
        },
    )
    found = linked(con, source, newest, 2020)
    assert found["BU00140000"] == (True, UNTESTED, None)
    assert found["GM0014"] == (True, UNTESTED, None)
    assert found["BU00140001"] == (False, None, "geen gebied met deze code en naam in indeling 2020")
    assert found["BU00140002"] == (False, None, "geen gebied met deze code en naam in indeling 2020")


def test_a_chain_with_one_flag_missing(con: duckdb.DuckDBPyConnection) -> None:
    """`.` in one year of four: no proof, so the name decides."""
    divisions = {year: {"BU00140000": ("A", "." if year == 2023 else "1")} for year in (2021, 2022, 2023, 2024)}
    source, newest = build(con, divisions)
    assert linked(con, source, newest, 2021)["BU00140000"] == (True, UNTESTED, None)
    assert linked(con, source, newest, 2023)["BU00140000"] == (True, None, None)


def test_the_country_always_joins(con: duckdb.DuckDBPyConnection) -> None:
    source, newest = build(
        con, {2020: {"NL00": ("Nederland", "3")}, 2024: {"NL00": ("Koninkrijk", "3"), "BU00140000": ("A", "1")}}
    )
    assert linked(con, source, newest, 2020)["NL00"] == (True, None, None)


def test_the_country_exists_without_its_own_row(con: duckdb.DuckDBPyConnection) -> None:
    source, newest = build(con, {2020: {"NL00": ("Nederland", None)}, 2024: {"BU00140000": ("A", "1")}})
    assert con.execute("select naam, soort, inwoners from gebied where gebiedscode = 'NL00'").fetchall() == [
        ("Nederland", "land", None)
    ]
    found = {year: linked(con, source, newest, year)["NL00"] for year in (2020, 2024)}
    assert found == {2020: (True, None, None), 2024: (False, None, "de bron heeft geen rij voor dit gebied")}


def test_a_source_that_does_not_name_its_division(con: duckdb.DuckDBPyConnection) -> None:
    """The police: equal code and name, and the reason says which of the two is lacking."""
    _, newest = build(con, {2024: {"BU00140000": ("A", "1"), "BU00140001": ("B", "1"), "BU00140002": ("C", "1")}})
    police = kwb(Table(tabel="POL")).model_copy(update={"bron": "politie"})
    create_basis(con, police)
    for code, name in (("BU00140000", "A"), ("BU00140001", "Een heel andere buurt")):
        con.execute(
            """insert into basis.politie (tabel, gebiedscode, naam, peiljaar, voorlopig, getypeerd, aantal_inwoners,
            aantal_inwoners_status) values ('POL', ?, ?, 2024, false, true, 5, 'ok')""",
            [code, name],
        )
    found = linked(con, police, newest, 2024)
    assert found["BU00140000"] == (True, UNTESTED, None)
    assert found["BU00140001"] == (False, None, "de bron geeft deze code een andere naam")
    assert found["BU00140002"] == (False, None, "de bron heeft geen rij voor dit gebied")


def test_history_claims_a_predecessor_only_where_it_is_certain(con: duckdb.DuckDBPyConnection) -> None:
    """A flag speaks of the year before; a changed boundary has no predecessor, whatever the name."""
    build(
        con,
        {
            2020: dict.fromkeys(("BU00140000", "BU00140001", "BU00140002", "BU00140003"), ("A", None)),
            2023: dict.fromkeys(("BU00140000", "BU00140001", "BU00140002"), ("A", "1")) | {"BU00140003": ("B", "1")},
            2024: {
                "BU00140000": ("A", "1"),
                "BU00140001": ("A", "3"),
                "BU00140002": ("Nieuwe naam", "1"),
                "BU00140003": ("B", "1"),
            },
        },
    )
    rows = con.execute("select indeling_jaar, gebiedscode, voorganger from gebied_historie where indeling_jaar > 2020").fetchall()
    found = {(year, code[-1]): previous for year, code, previous in rows}
    assert found[(2024, "0")] == "BU00140000"
    assert found[(2024, "1")] is None, "its boundary changed"
    assert found[(2024, "2")] == "BU00140002", "unchanged since 2023, only renamed"
    assert found[(2023, "0")] == "BU00140000", "equal code and name"
    assert found[(2023, "3")] is None, "the flag of 2023 compares with 2022, which was not delivered, and the name differs"


def test_areas_and_their_parents(con: duckdb.DuckDBPyConnection) -> None:
    build(
        con,
        {2024: {"NL00": ("Nederland", None), "GM0363": ("Amsterdam", None), "WK0363AF": ("W", "1"), "BU0363AF08": ("B", "1")}},
    )
    rows = con.execute(
        "select gebiedscode, soort, gemeentecode, gemeentenaam, wijkcode, inwoners from gebied order by 1"
    ).fetchall()
    assert rows == [
        ("BU0363AF08", "buurt", "GM0363", "Amsterdam", "WK0363AF", 2024),
        ("GM0363", "gemeente", "GM0363", "Amsterdam", None, 2024),
        ("NL00", "land", None, None, None, 2024),
        ("WK0363AF", "wijk", "GM0363", "Amsterdam", "WK0363AF", 2024),
    ]


def test_no_division_at_all(con: duckdb.DuckDBPyConnection) -> None:
    source = kwb(Table(tabel="KWB"))
    create_basis(con, source)
    with pytest.raises(SourceChanged, match="no table that defines areas"):
        areas.create_areas(con, source, [])


def _union(buurten: Sequence[str], year: int = 2024) -> Union:
    return Union(id="proef", naam="Proef", buurten=tuple(buurten), indeling_jaar=year)


@pytest.mark.parametrize(
    ("buurten", "year", "made"),
    [
        (["BU00140000", "BU00140001"], 2024, True),
        (["BU00140000", "BU00140000"], 2024, True),
        (["BU00140000", "BU00149999"], 2024, False),
        (["BU00140000"], 2023, False),
        (["WK001400"], 2024, False),
    ],
)
def test_a_union_is_made_of_whole_buurten_of_this_division(
    buurten: list[str], year: int, made: bool, con: duckdb.DuckDBPyConnection
) -> None:
    build(con, {2024: {code: (code, "1") for code in ("BU00140000", "BU00140001", "BU00150000", "WK001400", "GM0014")}})
    members = areas.add_unions(con, [_union(buurten, year)], 2024)
    assert members == ({"SG-proef": sorted(set(buurten))} if made else {})
    rows = con.execute("select inwoners, gemeentecode from gebied where soort = 'samengesteld'").fetchall()
    assert rows == ([(2024 * len(set(buurten)), "GM0014")] if made else [])


def test_a_union_over_two_gemeenten_belongs_to_neither(con: duckdb.DuckDBPyConnection) -> None:
    build(con, {2024: {code: (code, "1") for code in ("BU00140000", "BU00150000")}})
    shapes = gpd.GeoDataFrame(
        {"code": ["BU00140000", "BU00150000"], "year": [2024, 2024]}, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=28992
    )
    areas.add_boundaries(con, {"buurt": shapes})
    areas.add_unions(con, [_union(["BU00140000", "BU00150000"])], 2024)
    rows = con.execute(
        "select gemeentecode, geometrie is not null, geometrie_jaar from gebied where soort = 'samengesteld'"
    ).fetchall()
    assert rows == [(None, True, 2024)]
