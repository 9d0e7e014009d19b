"""From archived pages to one status per cell (CONTRACT.md, "Cells to status")."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.errors import SourceChanged
from beeld.transforms import staging
from beeld.transforms.basis import Staged, create_basis
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

Stage = Callable[..., Staged]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database."""
    with closing(duckdb.connect()) as connection:
        yield connection


@pytest.fixture
def stage(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Stage:
    """Archive rows and stage them into `basis.proef`."""

    def run(rows: Sequence[Mapping[str, Any]], *, year_from: int = 2000, **options: Any) -> Staged:
        source = deliveries.source()
        create_basis(con, source)
        return staging.stage(con, source, source.tabellen[0], deliveries.archived(tmp_path, rows, **options), year_from)

    return run


def cells(con: duckdb.DuckDBPyConnection, column: str = "getal") -> dict[str, tuple[float | None, str]]:
    """gebiedscode -> (value, status) of one column."""
    rows = con.execute(f'select gebiedscode, "{column}", "{column}_status" from basis.proef order by 1').fetchall()
    return {code: (value, status) for code, value, status in rows}


def test_untyped_cells(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    """`.` onbekend, `x` geheim, `-` is a real 0, empty niet_van_toepassing; numbers padded, negative and with a dot."""
    raw = ["    76.1", "0\u00a0", "-3.5", "       .", "       x", "       -", "        ", "", None]
    stage([row(f"BU0014000{n}", text) for n, text in enumerate(raw)])
    assert list(cells(con).values()) == [
        (76.1, "ok"),
        (0.0, "ok"),
        (-3.5, "ok"),
        (None, "onbekend"),
        (None, "geheim"),
        (0.0, "ok"),
        (None, "niet_van_toepassing"),
        (None, "niet_van_toepassing"),
        (None, "niet_van_toepassing"),
    ]


def test_typed_cells(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    """A Typed null is onbekend, a Typed 0 a value; text topics keep their `.`, which means no text."""
    stage(
        [
            row("BU00140000", 76.1, 1, "Aa en Hunze        "),
            row("BU00140001", 0, None, "."),
            row("BU00140002", None, 2, None),
        ],
        untyped=False,
    )
    assert list(cells(con).values()) == [(76.1, "ok"), (0.0, "ok"), (None, "onbekend")]
    found = con.execute("select woord, getypeerd from basis.proef order by gebiedscode").fetchall()
    assert found == [("Aa en Hunze", True), (None, True), (None, True)]


def test_codes_are_canonical_and_the_country_is_nl00(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    stage(
        [row("NL01", "1"), row("gm0014", "2"), row("BU0363AF08", "3")], names={"NL01": "Nederland", "GM0014": "Groningen\u00a0 "}
    )
    found = con.execute("select gebiedscode, naam from basis.proef order by 1").fetchall()
    assert found == [("BU0363AF08", "BU0363AF08"), ("GM0014", "Groningen"), ("NL00", "Nederland")]


def test_nl00_beside_nl01_is_a_duplicate(stage: Stage) -> None:
    with pytest.raises(SourceChanged, match="NL00 2020 more than once"):
        stage([row("NL01", "1"), row("NL00", "2")])


def test_annual_rows_among_monthly_ones(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    """Only `JJ00` is a year: months, quarters and a year that looks alike are other things."""
    staged = stage(
        [
            row("BU00140000", "120", year="2020JJ00"),
            row("BU00140000", "10", year="2020MM01"),
            row("BU00140000", "30", year="2020KW01"),
            row("BU00140000", "11", year="2020X000"),
            row("BU00140000", "99", year="2014JJ00"),
        ],
        year_from=2015,
        periods={"2020JJ00": "Voorlopig", "2014JJ00": "Definitief", "2020MM01": "Voorlopig"},
    )
    assert con.execute("select peiljaar, getal, voorlopig from basis.proef").fetchall() == [(2020, 120.0, True)]
    assert (staged.years, staged.rows) == ((2020,), 1)


def test_a_column_of_another_age_takes_its_own_rows(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    stage([row("BU00140000", "50", age="20300"), row("BU00140000", "60", age="80200"), row("BU00140001", "70", age="20300")])
    assert cells(con) == {"BU00140000": (50.0, "ok"), "BU00140001": (70.0, "ok")}
    assert cells(con, "getal_65") == {"BU00140000": (60.0, "ok"), "BU00140001": (None, "niet_geleverd")}


def test_a_topic_that_is_empty_for_every_area_of_a_year(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    """niet_geleverd for that year and that topic only."""
    stage(
        [
            row("BU00140000", "", "5", year="2012JJ00"),
            row("BU00140001", "", "", year="2012JJ00"),
            row("BU00140000", "7", "5", year="2020JJ00"),
            row("BU00140001", "", "5", year="2020JJ00"),
        ]
    )
    found = con.execute("select peiljaar, gebiedscode, getal_status, ander_status from basis.proef order by 1, 2").fetchall()
    assert found == [
        (2012, "BU00140000", "niet_geleverd", "ok"),
        (2012, "BU00140001", "niet_geleverd", "niet_van_toepassing"),
        (2020, "BU00140000", "ok", "ok"),
        (2020, "BU00140001", "niet_van_toepassing", "ok"),
    ]


def test_a_typed_topic_that_is_null_for_every_area(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    stage([row("BU00140000", None, 1), row("BU00140001", None, None)], untyped=False)
    assert [status for _, status in cells(con).values()] == ["niet_geleverd", "niet_geleverd"]
    assert [status for _, status in cells(con, "ander").values()] == ["ok", "onbekend"]


def test_a_topic_that_the_table_lacks(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    rows = [{k: v for k, v in row("BU00140000", "5").items() if k != "Ander_2"}]
    staged = stage(rows, without=["Ander_2"])
    assert cells(con, "ander") == {"BU00140000": (None, "niet_geleverd")}
    assert "ander" not in staged.layout.columns


@pytest.mark.parametrize(
    "text", ["12,5", "1.234,5", "1 234", "1e5", "+5", "5.", ".5", "nan", "inf", "0x10", "--5", "X", "..", "\u0663"]
)
def test_what_is_no_number_is_refused(text: str, stage: Stage) -> None:
    """A decimal comma, a thousands space and everything else that is neither a number nor a known sign stops at the door."""
    with pytest.raises(SourceChanged, match="which is no number") as failure:
        stage([row("BU00140000", "5"), row("BU00140001", text)])
    assert "Getal_1" in str(failure.value)
    assert "proef PROEF" in str(failure.value)


def test_a_number_too_large_to_be_one_is_refused(stage: Stage) -> None:
    """It would become infinity with status ok."""
    with pytest.raises(SourceChanged, match="which is no number"):
        stage([row("BU00140000", "9" * 400)])


@pytest.mark.parametrize("raw", [5, 5.0, True, ["5"], {"a": 1}])
def test_untyped_text_that_became_something_else(raw: object, stage: Stage) -> None:
    with pytest.raises(SourceChanged, match="changed its type"):
        stage([row("BU00140000", raw)])


@pytest.mark.parametrize("raw", ["5", ["5"], {"a": 1}])
def test_a_typed_number_that_became_something_else(raw: object, stage: Stage) -> None:
    with pytest.raises(SourceChanged, match="changed its type"):
        stage([row("BU00140000", 4.0), row("BU00140001", raw)], untyped=False)


def test_duplicate_rows_are_refused(stage: Stage) -> None:
    with pytest.raises(SourceChanged, match="delivers BU00140000 2020 more than once"):
        stage([row("BU00140000", "5"), row("BU00140001", "5"), row("bu00140000 ", "6")])


def test_one_area_in_two_tables_of_a_source_is_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    source = deliveries.source(tabellen=[{"tabel": "PROEF"}, {"tabel": "TWEEDE"}])
    create_basis(con, source)
    first = deliveries.archived(tmp_path, [row("BU00140000", "5")])
    second = deliveries.archived(tmp_path, [row("BU00140000", "6")], table="TWEEDE")
    staging.stage(con, source, source.tabellen[0], first, 2000)
    with pytest.raises(SourceChanged, match="stands in two tables"):
        staging.stage(con, source, source.tabellen[1], second, 2000)


@pytest.mark.parametrize(("unknown", "accepted"), [(0, True), (1, True), (2, False), (200, False)])
def test_share_of_unknown_region_codes(unknown: int, accepted: bool, con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    """RELIABILITY.md F32: at least 99.5 % of the codes must be codes; what is none is left out."""
    good = [row(f"BU00140{n:03d}", "5") for n in range(200 - min(unknown, 200))]
    rows = good + [row(f"XX{n}", "5") for n in range(unknown)]
    if accepted:
        assert stage(rows).rows == len(good)
    else:
        with pytest.raises(SourceChanged, match="no known region code"):
            stage(rows)


def test_no_rows_at_all(stage: Stage) -> None:
    with pytest.raises(SourceChanged, match="0 of 0 rows"):
        stage([])


def test_names_with_quotes_stay_names(con: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    hostile = "'s-Gravenhage\"); drop table basis.proef; --"
    stage([row("GM0518", "1", woord=hostile)], names={"GM0518": hostile})
    assert con.execute("select naam, woord from basis.proef").fetchall() == [(hostile, hostile)]
