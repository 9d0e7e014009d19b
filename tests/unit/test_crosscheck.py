"""Kerncijfers along two roads: rounding is no difference, a shifted column is, and what is missing is not compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest

from beeld.transforms.basis import create_basis
from beeld.warehouse.crosscheck import KEY_FIGURES, MAP, PAIRS, compare
from tests.unit.web_samples import DECLARED

COUNTS = ("aantal_inwoners", "leeftijd_0_15", "leeftijd_65_plus", "huishoudens", "eenpersoonshuishoudens")
SHARES = ("aantal_inwoners", "percentage_0_15", "percentage_65_plus", "percentage_eenpersoonshuishoudens")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Both roads with 100 buurten of 2024, which agree."""
    with closing(duckdb.connect()) as connection:
        for name in (MAP, KEY_FIGURES):
            create_basis(connection, DECLARED[name])
        for number in range(100):
            code = f"BU900101{number:02d}"
            put(connection, KEY_FIGURES, code, COUNTS, (1000, 200, 150, 500, 205))
            put(connection, MAP, code, SHARES, (1005, 20, 15, 41))
        yield connection


def put(
    con: duckdb.DuckDBPyConnection, bron: str, code: str, names: tuple[str, ...], values: tuple[float, ...], year: int = 2024
) -> None:
    """One row of a basis table, every value ok."""
    columns = ", ".join(f'"{name}", "{name}_status"' for name in names)
    marks = ", ".join("?, 'ok'" for _ in names)
    con.execute(f'insert into basis."{bron}" (gebiedscode, peiljaar, {columns}) values (?, ?, {marks})', [code, year, *values])


def test_every_measure_of_the_pairs_is_declared() -> None:
    assert {pair.kaart for pair in PAIRS} == set(DECLARED[MAP].kolommen)
    counts = {name for pair in PAIRS for name in (pair.teller, pair.noemer) if name}
    assert counts <= set(DECLARED[KEY_FIGURES].kolommen)


def test_rounding_is_no_difference(con: duckdb.DuckDBPyConnection) -> None:
    """1005 against 1000 inhabitants and 41 % against 205 of 500 are the same figures."""
    found = compare(con)
    assert [(row.onderwerp, row.geslaagd, row.aantal) for row in found] == [(pair.kaart, True, 0) for pair in PAIRS]
    assert {row.ernst for row in found} == {"waarschuwing"}


def test_a_shifted_column_shows(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"update basis.{MAP} set percentage_0_15 = percentage_65_plus")
    failed = [row for row in compare(con) if not row.geslaagd]
    assert [(row.controle, row.aantal) for row in failed] == [("kruis_percentage_0_15", 100)]
    assert "verschillen in 100 van 100 gebieden" in failed[0].toelichting


def test_a_few_corrected_areas_do_not(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"update basis.{MAP} set aantal_inwoners = 1100 where gebiedscode = 'BU90010100'")
    first = compare(con)[0]
    assert (first.geslaagd, first.aantal) == (True, 1)
    con.execute(f"update basis.{MAP} set aantal_inwoners = 1100 where gebiedscode = 'BU90010101'")
    assert not compare(con)[0].geslaagd


def test_what_is_missing_or_of_another_year_is_not_compared(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"update basis.{MAP} set aantal_inwoners = null, aantal_inwoners_status = 'geheim'")
    con.execute(f"update basis.{KEY_FIGURES} set aantal_inwoners = 100")
    assert [row.onderwerp for row in compare(con)] == ["percentage_eenpersoonshuishoudens"]
    con.execute(f"update basis.{MAP} set peiljaar = 2023")
    assert compare(con) == []


def test_without_the_other_road_there_is_nothing_to_say(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"drop table basis.{MAP}")
    assert compare(con) == []
