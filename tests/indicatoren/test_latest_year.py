"""`laatste_jaar`: the latest year in which at least 80 % of the buurten of 200 inhabitants or more have a value (CONTRACT.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pytest

from beeld.transforms.indicators import latest_year
from tests.indicatoren import scoring

YEARS = Mapping[int, Sequence[float | None]]


def insert(con: duckdb.DuckDBPyConnection, years: YEARS, people: Sequence[int | None] | None = None) -> None:
    """Ten buurten (or as many as `people`) with a value or none per year."""
    codes = [f"BU0014{n:04d}" for n in range(len(people or next(iter(years.values()))))]
    scoring.insert_areas(con, codes, dict(zip(codes, people, strict=True)) if people else None)
    for year, values in years.items():
        for code, value in zip(codes, values, strict=True):
            state, reason = ("ok", None) if value is not None else ("onbekend", "onbekend")
            con.execute(
                "insert into waarde values (?, 'i', ?, 2024, ?, ?, ?, null, null, null, null, null, false, null, 'T', 'k', '0')",
                [code, year, value, state, reason],
            )


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        ({2023: [1.0] * 10, 2024: [1.0] * 10}, 2024),
        ({2023: [1.0] * 10, 2024: [1.0] * 8 + [None] * 2}, 2024),
        ({2023: [1.0] * 10, 2024: [1.0] * 7 + [None] * 3}, 2023),
        ({2022: [1.0] * 8 + [None] * 2, 2023: [1.0] * 7 + [None] * 3, 2024: [None] * 10}, 2022),
        ({2023: [0.0] * 10, 2024: [None] * 10}, 2023),
        ({2022: [1.0] * 3 + [None] * 7, 2023: [1.0] + [None] * 9, 2024: [None] * 10}, 2023),
        ({2023: [None] * 10, 2024: [None] * 10}, 2024),
    ],
    ids=["complete", "just", "not quite", "older", "zero is a value", "none complete", "nothing"],
)
def test_latest_year(years: YEARS, expected: int, database: duckdb.DuckDBPyConnection) -> None:
    insert(database, years)
    assert latest_year(database, "i") == expected


def test_small_buurten_do_not_count(database: duckdb.DuckDBPyConnection) -> None:
    """Of four big buurten all have a value; the six small ones have none."""
    insert(database, {2023: [1.0] * 10, 2024: [1.0] * 4 + [None] * 6}, [200, 300, 400, 500, 199, 0, 10, 20, 30, None])
    assert latest_year(database, "i") == 2024


def test_an_indicator_without_rows(database: duckdb.DuckDBPyConnection) -> None:
    assert latest_year(database, "bestaat_niet") is None
