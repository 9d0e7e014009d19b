"""Indicators of the real catalogue, input and outcome drawn as tables (ARCHITECTURE.md, "What a test looks like")."""

from __future__ import annotations

import itertools
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from tests.indicatoren import drawn
from tests.indicatoren.conftest import CheckIndicator

NAMES = tuple(load_catalog(project_folder()).indicators)
STATUSES = ("ok", "geheim", "te_klein", "onbekend", "niet_geleverd", "geen_noemer", "niet_van_toepassing")


def test_aandeel_eenpersoonshuishoudens(check_indicator: CheckIndicator) -> None:
    check_indicator(
        "aandeel_eenpersoonshuishoudens",
        """
        gebiedscode | peiljaar | huishoudens | eenpersoonshuishoudens | status
        BU00140000  | 2023     | 200         | 50                     | ok
        BU00140001  | 2023     | 0           | 0                      | ok
        BU00140002  | 2023     | 200         | -                      | onbekend
        """,
        """
        gebiedscode | waarde | status
        BU00140000  | 25.0   | ok
        BU00140001  | -      | geen_noemer
        BU00140002  | -      | onbekend
        """,
    )


def test_zero_is_a_value_and_missing_is_never_zero(check_indicator: CheckIndicator) -> None:
    check_indicator(
        "aandeel_eenpersoonshuishoudens",
        """
        gebiedscode | peiljaar | huishoudens | eenpersoonshuishoudens | status
        BU00140000  | 2023     | 200         | 0                      | ok
        BU00140001  | 2023     | -           | 0                      | geheim
        BU00140002  | 2023     | -           | -                      | niet_van_toepassing
        """,
        """
        gebiedscode | waarde | status              | teller | noemer | reden
        BU00140000  | 0.0    | ok                  | 0      | 200    | -
        BU00140001  | -      | geheim              | 0      | -      | geheim volgens de bron
        BU00140002  | -      | niet_van_toepassing | -      | -      | kan volgens de bron niet voorkomen
        """,
    )


def test_bijstand_per_1000_15_65(check_indicator: CheckIndicator) -> None:
    """The denominator is a sum: one missing part leaves no figure, and a sum of zeros is no denominator."""
    check_indicator(
        "bijstand_per_1000_15_65",
        """
        gebiedscode | peiljaar | bijstand | leeftijd_15_25 | leeftijd_25_45 | leeftijd_45_65 | status
        BU00140000  | 2020     | 40       | 200            | 300            | 300            | ok
        BU00140001  | 2020     | 0        | 0              | 0              | 0              | ok
        BU00140002  | 2020     | 40       | 200            | -              | 300            | onbekend
        BU00140003  | 2020     | -        | 0              | 0              | 0              | geheim
        WK001400    | 2020     | 10       | 5              | 5              | 0              | ok
        GM0014      | 2020     | 1234     | 20000          | 30000          | 25000          | ok
        """,
        """
        gebiedscode | waarde           | status      | teller | noemer
        BU00140000  | 50.0             | ok          | 40     | 800
        BU00140001  | -                | geen_noemer | 0      | 0
        BU00140002  | -                | onbekend    | 40     | -
        BU00140003  | -                | geen_noemer | -      | 0
        WK001400    | 1000.0           | ok          | 10     | 10
        GM0014      | 16.4533333333333 | ok          | 1234   | 75000
        """,
    )


def test_bijstand_interval_uses_its_own_rounding(check_indicator: CheckIndicator) -> None:
    """Every m with |40 − m| ≤ 1.96 √(m (1 − m/800) + 8.25), of 800; a gemeente is a multiple of 10 as well."""
    check_indicator(
        "bijstand_per_1000_15_65",
        """
        gebiedscode | peiljaar | bijstand | leeftijd_15_25 | leeftijd_25_45 | leeftijd_45_65
        BU00140000  | 2020     | 40       | 200            | 300            | 300
        GM0014      | 2020     | 40       | 200            | 300            | 300
        """,
        """
        gebiedscode | ondergrens         | bovengrens         | betrouwbaar
        BU00140000  | 35.39008817712492  | 68.91105772027576  | 1
        GM0014      | 35.39008817712492  | 68.91105772027576  | 1
        """,
    )


def test_misdrijven_take_the_population_of_the_same_year(check_indicator: CheckIndicator) -> None:
    """The police and the Kerncijfers deliver different years; another year's population is never borrowed."""
    check_indicator(
        "misdrijven_per_1000",
        """
        gebiedscode | peiljaar | misdrijven | cbs_kwb.aantal_inwoners | status
        BU00140000  | 2024     | 45         | 900                     | ok
        BU00140000  | 2023     | 50         | geen rij                | ok
        BU00140001  | 2024     | 45         | 0                       | ok
        BU00140001  | 2023     | 45         | geen rij                | ok
        BU00140002  | 2024     | -          | 900                     | onbekend
        BU00140002  | 2023     | -          | geen rij                | onbekend
        BU00140003  | 2024     | 45         | -                       | geheim
        BU00140003  | 2023     | geen rij   | geen rij                | ok
        BU00140004  | 2024     | geen rij   | 900                     | ok
        BU00140004  | 2023     | geen rij   | geen rij                | ok
        """,
        """
        gebiedscode | peiljaar | waarde | status        | reden
        BU00140000  | 2024     | 50.0   | ok            | -
        BU00140000  | 2023     | -      | geen_noemer   | geen noemer voor dit jaar
        BU00140001  | 2024     | -      | geen_noemer   | de noemer is 0
        BU00140002  | 2024     | -      | onbekend      | onbekend, onvoldoende betrouwbaar of geheim
        BU00140002  | 2023     | -      | geen_noemer   | geen noemer voor dit jaar
        BU00140003  | 2024     | -      | geheim        | geheim volgens de bron
        BU00140003  | 2023     | -      | geen_noemer   | geen noemer voor dit jaar
        BU00140004  | 2024     | -      | niet_geleverd | de bron heeft geen rij voor dit gebied
        """,
    )


def test_misdrijven_without_any_population_source(catalog: Catalog, database: duckdb.DuckDBPyConnection) -> None:
    """A denominator whose whole source was not delivered is no reason to fail or to divide by something else."""
    rows = drawn.read_table("""
        gebiedscode | peiljaar | misdrijven
        BU00140000  | 2024     | 45
        """)
    drawn.compute(database, catalog, "misdrijven_per_1000", rows)
    found = database.execute("select waarde, status, reden from waarde").fetchall()
    assert found == [(None, "geen_noemer", "geen noemer voor dit jaar")]


def test_aandeel_eenzaam_is_published_with_an_assumed_margin(check_indicator: CheckIndicator) -> None:
    """As published; 5 points to either side, within 0 to 100 (sources/rivm_gezondheid.yaml, aangenomen_marge)."""
    check_indicator(
        "aandeel_eenzaam",
        """
        gebiedscode | peiljaar | eenzaam | cbs_kwb.aantal_inwoners | status
        BU00140000  | 2020     | 58.0    | 900                     | ok
        BU00140001  | 2020     | 2.0     | 900                     | ok
        BU00140002  | 2020     | -       | 900                     | onbekend
        BU00140003  | 2020     | 58.0    | geen rij                | ok
        """,
        """
        gebiedscode | waarde | status   | teller | noemer | ondergrens | bovengrens
        BU00140000  | 58.0   | ok       | -      | 900    | 53.0       | 63.0
        BU00140001  | 2.0    | ok       | -      | 900    | 0.0        | 7.0
        BU00140002  | -      | onbekend | -      | 900    | -          | -
        BU00140003  | 58.0   | ok       | -      | -      | 53.0       | 63.0
        """,
    )


def _pairs() -> list[tuple[str, str]]:
    return list(itertools.product(STATUSES, STATUSES))


def _expected_status(top: str, bottom: str) -> str:
    """CONTRACT.md: the first non-ok status of the inputs in this order (no denominator is 0 or absent here)."""
    order = ("geheim", "te_klein", "onbekend", "niet_geleverd", "geen_noemer", "niet_van_toepassing")
    return next((status for status in order if status in (top, bottom)), "ok")


@pytest.mark.parametrize("name", ["aandeel_eenpersoonshuishoudens", "misdrijven_per_1000"])
def test_status_algebra_of_all_49_pairs(name: str, catalog: Catalog, database: duckdb.DuckDBPyConnection) -> None:
    """Within one source and across two, every pair of statuses has the outcome of CONTRACT.md."""
    top, bottom = {
        "aandeel_eenpersoonshuishoudens": ("eenpersoonshuishoudens", "huishoudens"),
        "misdrijven_per_1000": ("misdrijven", "cbs_kwb.aantal_inwoners"),
    }[name]
    rows: list[drawn.Row] = []
    for number, pair in enumerate(_pairs()):
        row = {"gebiedscode": f"BU0014{number:04d}", "peiljaar": "2024"}
        for column, status in zip((top, bottom), pair, strict=True):
            row |= {column: "20" if status == "ok" else "-", f"{column}:status": status}
        rows.append(row)
    drawn.compute(database, catalog, name, rows)
    found = dict(database.execute("select gebiedscode, status from waarde").fetchall())
    assert found == {f"BU0014{n:04d}": _expected_status(*pair) for n, pair in enumerate(_pairs())}
    assert len(found) == 49


@pytest.mark.parametrize("status", STATUSES)
def test_a_denominator_of_zero_comes_before_every_other_status(
    status: str, catalog: Catalog, database: duckdb.DuckDBPyConnection
) -> None:
    text = "20" if status == "ok" else "-"
    rows = drawn.read_table(f"""
        gebiedscode | peiljaar | huishoudens | eenpersoonshuishoudens | status
        BU00140000  | 2024     | 0           | {text}                 | {status}
        """)
    drawn.compute(database, catalog, "aandeel_eenpersoonshuishoudens", rows)
    assert database.execute("select status, waarde from waarde").fetchall() == [("geen_noemer", None)]


@pytest.mark.parametrize("name", NAMES)
def test_every_voorbeeld_comes_out_of_the_sql(name: str, project: Path, catalog: Catalog) -> None:
    """The worked example of every entry, through the query that a release runs."""
    indicator = catalog.indicators[name]
    with closing(drawn.open_database(project)) as con:
        drawn.compute(con, catalog, name, [drawn.example_row(indicator)])
        waarde, status, low, high = con.execute("select waarde, status, ondergrens, bovengrens from waarde").fetchall()[0]
    expected = indicator.voorbeeld["waarde"]
    assert expected is not None
    assert status == "ok"
    assert waarde == pytest.approx(expected, abs=1e-9)
    assert low is None or low <= waarde <= high
    if indicator.bereik is not None:
        assert indicator.bereik[0] <= waarde <= indicator.bereik[1]


def test_interval_holds_the_figure_when_rounding_pushes_it_out_of_range(check_indicator: CheckIndicator) -> None:
    """Rounded counts: 20 one-person households of 15. The figure stays as computed, the interval reaches up to it."""
    check_indicator(
        "aandeel_eenpersoonshuishoudens",
        """
        gebiedscode | peiljaar | huishoudens | eenpersoonshuishoudens
        BU00140000  | 2023     | 15          | 20
        """,
        """
        gebiedscode | waarde           | bovengrens       | ondergrens
        BU00140000  | 133.333333333333 | 133.333333333333 | 100.0
        """,
    )
