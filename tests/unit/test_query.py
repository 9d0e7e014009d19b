"""Questions to a release: what may be asked, and in which shapes the answer comes."""

from __future__ import annotations

import csv
import io
import json
import threading
import time as clock
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.errors import BeeldError, Damaged, UsageError
from beeld.settings import Limits, project_folder
from beeld.warehouse import build, query
from beeld.warehouse.query import Answer, ask, plain


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release with the public schema and three areas."""
    folder = tmp_path_factory.mktemp("releases") / "20240101-abc"
    folder.mkdir()
    with closing(duckdb.connect(str(folder / f"{folder.name}.duckdb"))) as con:
        build.create_schema(con, project_folder())
        con.execute(
            """insert into gebied values
            ('NL00', 'land', 'Nederland', null, null, null, 2024, 17407585, null, null, null),
            ('GM0518', 'gemeente', '''s-Gravenhage', 'GM0518', '''s-Gravenhage', null, 2024, 548320, 1, null, null),
            ('BU05180000', 'buurt', '=cmd|calc', 'GM0518', '''s-Gravenhage', 'WK051800', 2024, null, 1,
              'POLYGON ((0 0, 1 0, 1 1, 0 0))'::geometry, 2024)"""
        )
    (folder / f"{folder.name}.duckdb").chmod(0o444)
    return folder


def rows(release: Path, sql: str) -> list[dict[str, Any]]:
    """The answer as JSON, read back."""
    return json.loads(ask(release, sql).as_json())


def test_columns_keep_their_order_and_null_is_null(release: Path) -> None:
    text = ask(release, "select naam, inwoners, gebiedscode from gebied order by gebiedscode").as_json()
    assert text.startswith('[{"naam": "=cmd|calc", "inwoners": null, "gebiedscode": "BU05180000"}')
    assert json.loads(text)[-1] == {"naam": "Nederland", "inwoners": 17407585, "gebiedscode": "NL00"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", 1),
        ("1::tinyint", 1),
        ("17407585::bigint", 17407585),
        ("sum(inwoners)", 17955905),
        ("170141183460469231731687303715884105727::hugeint", 170141183460469231731687303715884105727),
        ("1.50::decimal(10, 2)", 1.5),
        ("42::decimal(10, 0)", 42),
        ("42.00::decimal(10, 2)", 42.0),
        ("0.1::double", 0.1),
        ("1e300::double", 1e300),
        ("'nan'::double", None),
        ("'inf'::double", None),
        ("null", None),
        ("true", True),
        ("'2024-02-29'::date", "2024-02-29"),
        ("'2024-02-29 12:30:00'::timestamp", "2024-02-29T12:30:00"),
        ("'12:30:00'::time", "12:30:00"),
        ("['a', null]", ["a", None]),
        ("[1.5::decimal(3, 1)]", [1.5]),
        ("{'a': 1, 'b': null}", {"a": 1, "b": None}),
        ("'\\xAA'::blob", "aa"),
        ("'Súdwest-Fryslân'", "Súdwest-Fryslân"),
        ("'POINT (1 2)'::geometry", "POINT (1 2)"),
    ],
)
def test_shapes(expression: str, expected: object, release: Path) -> None:
    """CONTRACT.md: NULL as null, numbers never strings, geometry as WKT, dates ISO."""
    (found,) = rows(release, f"select {expression} as x from gebied limit 1")
    assert found == {"x": expected}
    assert type(found["x"]) is type(expected)


def test_geometry_is_wkt_and_keeps_its_place(release: Path) -> None:
    sql = 'select geometrie, gebiedscode, geometrie as "Vreemde ""naam" from gebied where geometrie is not null -- waarom niet'
    (found,) = rows(release, sql)
    assert list(found) == ["geometrie", "gebiedscode", 'Vreemde "naam']
    assert found["geometrie"] == found['Vreemde "naam'] == "POLYGON ((0 0, 1 0, 1 1, 0 0))"


def test_two_columns_of_one_name_lose_nothing(release: Path) -> None:
    """An object cannot hold a name twice: better refused than half an answer."""
    answer = ask(release, "select 1 as a, 2 as a")
    assert answer.columns == ("a", "a")
    assert answer.as_csv() == "a,a\n1,2\n"
    with pytest.raises(UsageError, match="two columns are called a"):
        answer.as_json()


def test_csv_guards_text_and_leaves_numbers(release: Path) -> None:
    sql = """select naam, -5 as min, '+31' as plus, '@x' as at, chr(9) || 't' as tab, chr(13) || 'r' as cr, '-' as streep,
      ['=a'] as lijst, null as leeg, 'a"b,c' as aanhaling from gebied where gebiedscode = 'BU05180000'"""
    text = ask(release, sql).as_csv()
    header, cells = list(csv.reader(io.StringIO(text, newline="")))
    assert header == ["naam", "min", "plus", "at", "tab", "cr", "streep", "lijst", "leeg", "aanhaling"]
    assert cells == ["'=cmd|calc", "-5", "'+31", "'@x", "'\tt", "'\rr", "'-", '["=a"]', "", 'a"b,c']


def test_csv_guards_headers_too(release: Path) -> None:
    assert ask(release, 'select 1 as "=1+1"').as_csv().startswith("'=1+1\n")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1;",
        "  select 1 ;  ",
        "select 1 -- klaar",
        "select 1; -- klaar",
        "from gebied",
        "values (1)",
        "with a as (select 1) select * from a",
        "describe gebied",
        "show tables",
        "summarize gebied",
        "explain select * from gebied",
        "select * from laatste_waarde",
        "select ';' as x",
    ],
)
def test_reading_statements(sql: str, release: Path) -> None:
    assert ask(release, sql).columns


FORBIDDEN = [
    "copy gebied to '{tmp}/uit.csv'",
    "copy (select 1) to '{tmp}/uit.parquet' (format parquet)",
    "copy gebied from '/etc/passwd'",
    "export database '{tmp}/uit'",
    "attach '{tmp}/ander.duckdb'",
    "attach ':memory:' as m",
    "detach x",
    "install httpfs",
    "load spatial",
    "force install spatial",
    "set threads = 1",
    "set enable_external_access = true",
    "reset enable_external_access",
    "pragma enable_external_access",
    "pragma database_list; select 1",
    "create table t as select 1",
    "create temp table t as select 1",
    "create or replace view laatste_waarde as select 1",
    "create macro f() as 1",
    "create secret (type s3)",
    "insert into gebied select * from gebied",
    "update gebied set naam = 'x'",
    "delete from gebied",
    "truncate gebied",
    "drop table gebied",
    "alter table gebied rename to g",
    "call pragma_version()",
    "checkpoint",
    "vacuum",
    "begin",
    "prepare p as select 1",
    "use memory",
    "select 1; select 2",
    "select 1; drop table gebied",
    "explain analyze create temp table t as select 1",
    "explain analyze copy gebied to '{tmp}/uit.csv'",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_parquet('/etc/passwd')",
    "select * from read_json('/etc/passwd')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from '/etc/passwd'",
    "select * from '{tmp}/ander.csv'",
    "select * from 'https://example.org/a.csv'",
    "select * from parquet_metadata('/etc/passwd')",
    "select getenv('HOME')",
    "select * from con",
    "select * from sqlite_scan('/etc/passwd', 'x')",
    "",
    "   ",
    "-- niets",
    "selec 1",
    "select * from bestaat_niet",
    "select bestaat_niet from gebied",
    "select 1 as x where 'a' = 1",
    "\x00",
    "select '" + "\ud800" + "'",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_everything_else_is_refused_with_one_message(sql: str, release: Path, tmp_path: Path) -> None:
    (tmp_path / "ander.csv").write_text("a\n1\n", encoding="utf-8")
    before = (release / f"{release.name}.duckdb").read_bytes()
    with pytest.raises(UsageError) as failure:
        ask(release, sql.format(tmp=tmp_path))
    assert failure.value.exit_code == 2
    assert "root:" not in str(failure.value), "no content of another file in the message"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ander.csv"], "nothing was written"
    assert (release / f"{release.name}.duckdb").read_bytes() == before


def test_a_damaged_release(tmp_path: Path) -> None:
    folder = tmp_path / "R1"
    folder.mkdir()
    (folder / "R1.duckdb").write_bytes(b"geen database" * 100)
    with pytest.raises(Damaged) as failure:
        ask(folder, "select 1")
    assert failure.value.exit_code == 7
    with pytest.raises(BeeldError):
        ask(tmp_path / "bestaat-niet", "select 1")


def test_plain_values() -> None:
    assert plain(Decimal("17407585")) == 17407585
    assert plain(Decimal("1.5")) == 1.5
    assert plain((1, float("nan"), {"a": Decimal("2")})) == [1, None, {"a": 2}]
    assert [plain(value) for value in (date(2024, 2, 29), datetime(2024, 2, 29, 1), time(1, 2))] == [  # noqa: DTZ001
        "2024-02-29",
        "2024-02-29T01:00:00",
        "01:02:00",
    ]


def test_answers_keep_non_ascii_text() -> None:
    assert Answer(("ë",), (("Fryslân",),)).as_json() == '[{"ë": "Fryslân"}]'
    assert Answer(("ë",), (("Fryslân",),)).as_csv() == "ë\nFryslân\n"


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select count(*) from range(1000000) a, range(10000000) b", "longer than 1 seconds"),
        ("select list(repeat('x', 100000) || i) from range(100000) t(i)", "more than 100 MB"),
        ("select i, random() from range(3000000) t(i) order by random()", "memory"),
        ("from range(100000000000)", "longer than 1 seconds|more than 1048576 rows"),
        ("select i, i, i, i, i, i, i, i, i, i from range(1000000) t(i)", "more than 104857 rows of 10 columns"),
    ],
)
def test_a_question_within_its_limits(sql: str, message: str, release: Path) -> None:
    with pytest.raises(UsageError, match=message) as stopped:
        ask(release, sql, Limits(seconds=1, memory_mb=100))
    assert stopped.value.exit_code == 2
    assert "[vragen]" in stopped.value.message
    assert not list(release.glob("*.tmp"))
    assert ask(release, "select 1", Limits(seconds=1, memory_mb=100)).rows == ((1,),)


@pytest.mark.parametrize(("wait", "message"), [(1.5, "longer than 1 seconds"), (0.0, "cannot be run: closed")])
def test_a_result_that_the_clock_closed_is_a_question_that_was_stopped(
    release: Path, monkeypatch: pytest.MonkeyPatch, wait: float, message: str
) -> None:
    """Interrupted between two fetches DuckDB now and then speaks of a closed result; the user hears of the limit."""

    def closed(*_: object) -> None:
        clock.sleep(wait)
        raise duckdb.InvalidInputException("closed")

    monkeypatch.setattr(query, "_run", closed)
    with pytest.raises(UsageError, match=message):
        ask(release, "select 1", Limits(seconds=1, memory_mb=100))


def test_the_clock_stops_with_the_question(release: Path) -> None:
    before = threading.active_count()
    assert ask(release, "select 1", Limits(seconds=600)).rows == ((1,),)
    assert threading.active_count() == before
