"""Declared corrections touch only the cells that hold the wrong value, and say so when there are none left."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.sources.declarations import load_sources
from beeld.transforms import staging
from beeld.transforms.basis import create_basis
from beeld.transforms.corrections import Correction, apply_corrections, load_corrections
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

SOURCE = deliveries.source()
REASON = "De bron schreef -1 waar onbekend bedoeld was."


def correction(**changes: object) -> Correction:
    """The repair of -1 in one column."""
    content = {
        "id": "min_een",
        "bron": "proef",
        "tabel": "PROEF",
        "kolom": "getal",
        "als": -1,
        "wordt": "onbekend",
        "reden": REASON,
    }
    return Correction.model_validate(content | changes)


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """`basis.proef` with -1 in two areas, in both number columns."""
    rows = [row("BU00140001", "-1", "-1"), row("BU00140002", "3", "3"), row("BU00140003", "-1", "2"), row("BU00140004", "-", ".")]
    with closing(duckdb.connect()) as connection:
        create_basis(connection, SOURCE)
        staging.stage(connection, SOURCE, SOURCE.tabellen[0], deliveries.archived(tmp_path, rows), 2000)
        yield connection


def cells(con: duckdb.DuckDBPyConnection, column: str = "getal") -> list[tuple[float | None, str]]:
    return con.execute(f'select "{column}", "{column}_status" from basis.proef order by gebiedscode').fetchall()


def outcome(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, bool]]:
    return con.execute("select id, cellen, geslaagd from basis.correctie order by id").fetchall()


def test_a_status_takes_the_place_of_a_wrong_value(con: duckdb.DuckDBPyConnection) -> None:
    assert apply_corrections(con, SOURCE, [correction()]) == 2
    assert cells(con) == [(None, "onbekend"), (3.0, "ok"), (None, "onbekend"), (0.0, "ok")]
    assert cells(con, "ander") == [(-1.0, "ok"), (3.0, "ok"), (2.0, "ok"), (None, "onbekend")], "another column is left alone"
    assert outcome(con) == [("min_een", 2, True)]


def test_a_number_takes_its_place_in_the_named_area_only(con: duckdb.DuckDBPyConnection) -> None:
    assert apply_corrections(con, SOURCE, [correction(gebieden=["BU00140003"], wordt=4)]) == 1
    assert cells(con) == [(-1.0, "ok"), (3.0, "ok"), (4.0, "ok"), (0.0, "ok")]


def test_the_guard_fails_once_the_source_is_mended(con: duckdb.DuckDBPyConnection) -> None:
    assert apply_corrections(con, SOURCE, [correction(als=-2)]) == 0
    assert outcome(con) == [("min_een", 0, False)]
    said = con.execute("select toelichting from basis.correctie").fetchone()
    assert said == (f"Niets te corrigeren: de bron lijkt hersteld. {REASON}",)


def test_a_table_or_year_that_was_not_delivered_is_no_failure(con: duckdb.DuckDBPyConnection) -> None:
    assert apply_corrections(con, SOURCE, [correction(peiljaar=2017), correction(id="ander", tabel="ANDERE")]) == 0
    assert outcome(con) == []


def test_the_declared_corrections_name_declared_columns() -> None:
    project = project_folder()
    found = load_corrections(project / "sources" / "correcties.yaml", load_sources(project / "sources"))
    assert [c.id for c in found] == ["school_2017_min_een"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bron: weg", "table weg PROEF is not declared"),
        ("kolom: weg", "no number column 'weg'"),
        ("kolom: woord", "no number column 'woord'"),
        ("wordt: -1", "changes nothing"),
        ("reden: kort", "reden"),
        ("wordt: nul", "wordt"),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    key, value = text.split(": ")
    entry = {
        "id": "min_een",
        "bron": "proef",
        "tabel": "PROEF",
        "kolom": "getal",
        "als": "-1",
        "wordt": "onbekend",
        "reden": REASON,
    }
    entry[key] = value
    path = tmp_path / "correcties.yaml"
    path.write_text("- {" + ", ".join(f"{k}: {v}" for k, v in entry.items()) + "}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_corrections(path, {"proef": SOURCE})
    path.write_text("", encoding="utf-8")
    assert load_corrections(path, {}) == ()
    assert load_corrections(tmp_path / "geen.yaml", {}) == ()
