"""Hardening of every connection to a release, and declarations that try to become SQL (RELIABILITY.md S4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from beeld.settings import project_folder
from beeld.sources.declarations import Expected, KnownValue, Parts, Source, Table
from beeld.transforms.catalog import Indicator
from beeld.warehouse import build
from beeld.warehouse.read import open_warehouse

HOSTILE = [
    "x'; drop table waarde; --",
    'x"; drop table waarde; --',
    "x y",
    "x;y",
    "../x",
    "/etc/passwd",
    "x\n",
    "x\x00",
    "é",
    "ｘ",
    "",
    " x",
    "x--",
    "x/*",
    "x\\",
    "$x",
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release file."""
    path = tmp_path_factory.mktemp("uitgave") / "R.duckdb"
    with closing(duckdb.connect(str(path))) as con:
        build.create_schema(con, project_folder())
    return path


@pytest.fixture
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as every reader of a release opens it."""
    with closing(open_warehouse(file)) as con:
        yield con


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to '{tmp}/x.csv'",
        "attach '{tmp}/y.duckdb'",
        "install httpfs",
        "load '{tmp}/kwaad.duckdb_extension'",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "reset lock_configuration",
        "set allowed_paths = ['/etc/passwd']",
        "set allowed_directories = ['/']",
        "set autoinstall_known_extensions = true",
        "set allow_unsigned_extensions = true",
        "set temp_directory = '{tmp}'",
        "create table t as select 1",
        "insert into gebied (gebiedscode) values ('GM0001')",
        "drop table waarde",
        "export database '{tmp}/z'",
    ],
)
def test_forbidden_on_the_connection_itself(sql: str, opened: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Not only the query command: the connection refuses, whoever holds it."""
    with pytest.raises(duckdb.Error):
        opened.execute(sql.format(tmp=tmp_path))
    assert not list(tmp_path.iterdir())


def test_settings_of_the_connection(opened: duckdb.DuckDBPyConnection) -> None:
    rows = opened.execute(
        "select name, value from duckdb_settings() where name in ('enable_external_access', 'lock_configuration', 'access_mode')"
    ).fetchall()
    assert dict(rows) == {"enable_external_access": "false", "lock_configuration": "true", "access_mode": "read_only"}


def test_two_readers_at_once_are_both_hard(file: Path) -> None:
    """Connections to one file in one process share their settings; a second one must open and be as closed as the first."""
    with closing(open_warehouse(file)) as first, closing(open_warehouse(file)) as second:
        for con in (first, second):
            with pytest.raises(duckdb.Error):
                con.execute("select * from read_text('/etc/passwd')")


# ---------------------------------------------------------------- names of declarations end up in SQL

SOURCE: dict[str, Any] = {
    "bron": "proef",
    "titel": "P",
    "uitgever": "CBS",
    "licentie": "CC BY 4.0",
    "protocol": "odata_v3",
    "dienst": "cbs",
    "kolommen": {"getal": {"onderwerpen": [{"naam": "X"}]}},
    "tabellen": [{"tabel": "T"}],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_no_names(name: str) -> None:
    """Source, column, table, area and union of columns: each is part of a query, and each has a pattern."""
    attempts = [
        lambda: Source.model_validate(SOURCE | {"bron": name}),
        lambda: Source.model_validate(SOURCE | {"kolommen": {name: {"onderwerpen": [{"naam": "X"}]}}}),
        lambda: Table.model_validate({"tabel": name}),
        lambda: Table.model_validate({"tabel": "T", "verplicht": [name]}),
        lambda: KnownValue.model_validate({"gebied": name, "kolom": "getal", "peiljaar": 2020, "waarde": 1}),
        lambda: KnownValue.model_validate({"gebied": "NL00", "kolom": name, "peiljaar": 2020, "waarde": 1}),
        lambda: Parts.model_validate({"geheel": name, "delen": ["getal"]}),
        lambda: Parts.model_validate({"geheel": "getal", "delen": [name]}),
        lambda: Expected.model_validate({"leeg_hoogstens": {name: 0.1}}),
    ]
    for attempt in attempts:
        with pytest.raises(ValidationError):
            attempt()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_indicators(name: str) -> None:
    fields = Indicator.model_fields
    for field in ("thema", "bron"):
        (pattern,) = [getattr(part, "pattern", None) for part in fields[field].metadata if getattr(part, "pattern", None)]
        assert pattern == r"^[a-z][a-z0-9_]*$"
    with pytest.raises(ValidationError):
        Source.model_validate(SOURCE | {"bron": name})


@pytest.mark.parametrize("name", ["84799NED", "70139ned", "37681", "gemeente_gegeneraliseerd", "buurt-2024"])
def test_real_names_of_tables_pass(name: str) -> None:
    assert Table.model_validate({"tabel": name}).tabel == name


@pytest.mark.parametrize("code", ["NL00", "GM0748", "WK074801", "BU0363AF08"])
def test_real_codes_pass(code: str) -> None:
    assert KnownValue.model_validate({"gebied": code, "kolom": "x", "peiljaar": 2020, "waarde": 1}).gebied == code
