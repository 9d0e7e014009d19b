"""The promises of README.md that can be held against a small release within seconds; the others have tests of their own."""

import re
import stat
from pathlib import Path

import duckdb
import pytest

from beeld.refresh import rebuild_differences

from .conftest import ROOT, settings_for

ROW = {
    "gebiedscode": "BU00140000", "indicator": "aantal_inwoners", "peiljaar": 2024, "waarde": 5.0, "status": "ok", "reden": None,
    "voorlopig": False, "bron_tabel": "85984NED", "bron_kolom": "AantalInwoners_5", "snapshot_sha256": "0" * 64,
}  # fmt: skip


def test_readme_has_six_promises_with_tests_that_exist() -> None:
    rows = re.findall(r"(?m)^\| (\d)\. .*\| (.*?) \| ?(.*)\|$", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [number for number, _, _ in rows] == ["1", "2", "3", "4", "5", "6"]
    for number, today, tests in rows:
        named = re.findall(r"`(tests/[^`]+)`", tests)
        assert [path for path in named if not (ROOT / path).exists()] == []
        assert today.startswith("holds" if named else "**not yet**"), number


def test_files_of_a_release_are_read_only(docs_home: Path) -> None:
    files = [path for path in (docs_home / "current").resolve().rglob("*") if path.is_file()]
    assert len(files) > 15
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o444}


def test_rebuilding_from_the_raw_archive_gives_the_same_parquet(docs_home: Path) -> None:
    release = (docs_home / "current").resolve().name
    assert rebuild_differences(settings_for(docs_home, ROOT), release, lambda _message: None) == []


@pytest.mark.parametrize(
    "change",
    [
        {"waarde": None},
        {"waarde": None, "status": "onbekend"},
        {"status": "geheim", "reden": "geheim volgens de bron"},
        {"waarde": float("nan")},
        {"status": "nul"},
        {"status": None},
        {"peiljaar": None},
        {"bron_tabel": None},
        {"bron_kolom": None},
        {"snapshot_sha256": None},
    ],
    ids=str,
)
def test_schema_refuses_a_figure_without_source_year_status_or_reason(change: dict[str, object]) -> None:
    with duckdb.connect(":memory:") as con:
        con.execute((ROOT / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
        statement = f"insert into waarde ({', '.join(ROW)}) values ({', '.join('?' * len(ROW))})"
        con.execute(statement, list(ROW.values()))
        with pytest.raises(duckdb.ConstraintException):
            con.execute(statement, list({**ROW, "peiljaar": 2023, **change}.values()))
