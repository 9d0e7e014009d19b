"""Publishing into a DuckLake: a release whole or not at all, also with two publishers, a reader and a kill."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from beeld.errors import Busy, Damaged, UsageError
from beeld.warehouse.ducklake import lake_of, publish_ducklake
from beeld.warehouse.extensions import load_extension
from tests.needed import absent
from tests.reliability.postgres import Postgres, programs, running_postgres
from tests.reliability.serving import WHICH_RELEASE, environment, publish_small, settings_of
from tests.reliability.worlds import CommandLine

PUBLISH = (
    "import os, signal, sys\n"
    "from pathlib import Path\n"
    "from beeld.errors import BeeldError\n"
    "from beeld.warehouse.ducklake import publish_ducklake\n"
    "def say(message):\n"
    "    if sys.argv[3:] and sys.argv[3] in message:\n"
    "        os.kill(os.getpid(), signal.SIGKILL)\n"
    "try:\n"
    "    print(publish_ducklake(Path(sys.argv[1]), sys.argv[2], say).new)\n"
    "except BeeldError as error:\n"
    "    sys.exit(error.exit_code)\n"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this module."""
    folder = programs()
    if folder is None:
        absent("PostgreSQL", "postgresql")
    with running_postgres(folder) as running:
        yield running


@pytest.fixture(params=["file", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new lake, with its catalogue in a file or in PostgreSQL."""
    if request.param == "file":
        return f"ducklake:{tmp_path / 'meer' / 'beeld.ducklake'}"
    return postgres_target(request.getfixturevalue("postgres"), tmp_path, monkeypatch)


def postgres_target(running: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new lake in PostgreSQL: what an earlier test left goes."""
    monkeypatch.setenv("PGPASSWORD", running.password)
    with duckdb.connect() as con:
        load_extension(con, "postgres_scanner")
        con.execute(f"attach '{lake_of(running.target(tmp_path)).catalogue.replace(chr(39), chr(39) * 2)}' as pg")
        con.execute("call postgres_execute('pg', 'drop schema public cascade; create schema public')")
    return running.target(tmp_path / "het meer")


def reader(target: str) -> duckdb.DuckDBPyConnection:
    """A client of the lake that only reads."""
    con = duckdb.connect()
    for name in ("ducklake", "postgres_scanner"):
        load_extension(con, name)
    con.execute(f"attach '{lake_of(target).shown.replace(chr(39), chr(39) * 2)}' as meer (read_only)")
    con.execute("use meer")
    return con


def which(target: str) -> list[tuple[object, ...]]:
    """The release that a new reader sees."""
    with reader(target) as con:
        return con.execute(WHICH_RELEASE).fetchall()


@pytest.fixture
def publish(target: str) -> Callable[[Path, str], subprocess.Popen[str]]:
    """Publish in a process of its own; the second word is the message at which it kills itself."""

    def start(release: Path, kill_at: str = "") -> subprocess.Popen[str]:
        words = [str(release), target, *([kill_at] if kill_at else [])]
        return subprocess.Popen([sys.executable, "-c", PUBLISH, *words], env=environment(), stdout=subprocess.PIPE, text=True)

    return start


def test_everything_of_a_release_is_there(small_template: Path, target: str) -> None:
    release = (small_template / "current").resolve()
    done = publish_ducklake(release, target)
    assert done.new
    with reader(target) as con:
        con.execute(f"attach '{release}/{release.name}.duckdb' as uitgave (read_only)")
        things = con.execute("select table_name from information_schema.tables where table_catalog = 'uitgave'").fetchall()
        assert len(things) > 20
        for (name,) in things:
            count = con.execute(f"select count(*) from uitgave.main.{name}").fetchone()
            assert con.execute(f"select count(*) from meer.main.{name}").fetchone() == count
            for one, other in (("meer", "uitgave"), ("uitgave", "meer")):
                assert not con.execute(f"from {one}.main.{name} except all from {other}.main.{name}").fetchall()
        for listed in ("duckdb_tables", "duckdb_columns", "duckdb_views"):
            name = "column_name" if listed == "duckdb_columns" else "comment"
            kind = "view_name" if listed == "duckdb_views" else "table_name"
            comments = [
                con.execute(
                    f"select {kind}, {name}, comment from {listed}() "
                    "where database_name = ? and comment is not null order by all",
                    [database],
                ).fetchall()
                for database in ("uitgave", "meer")
            ]
            if listed == "duckdb_columns":  # a view in a lake has no comments of columns
                views = {name for (name,) in con.execute("select view_name from duckdb_views() where not internal").fetchall()}
                comments = [[row for row in rows if row[0] not in views] for rows in comments]
                assert len(comments[0]) > 150
            assert comments[0] == comments[1]
        row = con.execute("from meer.snapshots() order by snapshot_id desc limit 1").fetchone()
        assert row is not None
        assert row[4:6] == ("beeld", f"release {release.name}")
        assert json.loads(row[6])["release"] == release.name
    again = publish_ducklake(release, target)
    assert (again.new, again.snapshot) == (False, done.snapshot)


def test_a_next_release_is_one_snapshot_and_the_old_one_can_be_read(tmp_path: Path, target: str) -> None:
    first, second = publish_small(tmp_path / "data", "r001"), publish_small(tmp_path / "data", "r002")
    one, two = publish_ducklake(first, target), publish_ducklake(second, target)
    assert two.snapshot == one.snapshot + 1
    assert which(target) == [("r002",)]
    with reader(target) as con:
        old = f"select distinct naam from gebied at (version => {one.snapshot})"
        assert con.execute(old).fetchall() == [("r001",)]
    assert publish_ducklake(first, target).new  # going back is a publication like any other
    assert which(target) == [("r001",)]


def test_what_others_made_is_left_alone(tmp_path: Path, target: str) -> None:
    release = publish_small(tmp_path / "data", "r001")
    publish_ducklake(release, target)
    with duckdb.connect() as con:
        for name in ("ducklake", "postgres_scanner"):
            load_extension(con, name)
        con.execute(f"attach '{lake_of(target).shown.replace(chr(39), chr(39) * 2)}' as meer")
        con.execute("create table meer.van_een_ander as select 1 as een")
    publish_ducklake(publish_small(tmp_path / "data", "r002"), target)
    with reader(target) as con:
        assert con.execute("from van_een_ander").fetchall() == [(1,)]
    assert which(target) == [("r002",)]


def test_a_lake_that_uses_our_names_is_refused(tmp_path: Path, target: str) -> None:
    with duckdb.connect() as con:
        for name in ("ducklake", "postgres_scanner"):
            load_extension(con, name)
        lake = lake_of(target)
        Path(lake.catalogue).parent.mkdir(parents=True, exist_ok=True) if ":" not in lake.catalogue else None
        data = f"(data_path '{lake.data}/')"
        con.execute(f"attach '{lake.shown.replace(chr(39), chr(39) * 2)}' as meer {data}")
        con.execute("create table meer.gebied as select 'kostbaar' as inhoud")
    with pytest.raises(UsageError, match="holds 'gebied', which no publication made"):
        publish_ducklake(publish_small(tmp_path / "data", "r001"), target)
    with reader(target) as con:
        assert con.execute("from gebied").fetchall() == [("kostbaar",)]


def test_two_publishers_and_a_reader(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    target = postgres_target(postgres, tmp_path, monkeypatch)
    releases = [publish_small(tmp_path / "data", f"r{number:03}") for number in range(3)]
    publish_ducklake(releases[0], target)
    seen: list[list[tuple[object, ...]]] = []
    done = threading.Event()

    def read() -> None:
        with reader(target) as con:
            while not done.is_set():
                seen.append(con.execute(WHICH_RELEASE).fetchall())
                time.sleep(0.02)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        processes = [
            subprocess.Popen([sys.executable, "-c", PUBLISH, str(release), target], env=environment()) for release in releases[1:]
        ]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        done.set()
        thread.join()
    assert len(seen) > 20
    assert [rows for rows in seen if len(rows) != 1] == []
    with reader(target) as con:
        told = [row[0] for row in con.execute("select commit_message from meer.snapshots() where author = 'beeld'").fetchall()]
    assert sorted(told) == [f"release r{number:03}" for number in range(3)]
    assert which(target) == [(str(told[-1]).removeprefix("release "),)]


def test_three_publishers_into_a_lake_that_is_not_there_yet(tmp_path: Path, target: str) -> None:
    releases = [publish_small(tmp_path / "data", f"r{number:03}") for number in range(3)]
    processes = [subprocess.Popen([sys.executable, "-c", PUBLISH, str(r), target], env=environment()) for r in releases]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    with reader(target) as con:
        assert con.execute("select count(*) from meer.snapshots() where author = 'beeld'").fetchall() == [(3,)]
    assert len(which(target)) == 1


@pytest.mark.parametrize("moment", ["waarde", "making it visible"])
def test_a_kill_leaves_the_release_that_was_there(
    moment: str, tmp_path: Path, target: str, publish: Callable[..., subprocess.Popen[str]]
) -> None:
    publish_ducklake(publish_small(tmp_path / "data", "r001"), target)
    second = publish_small(tmp_path / "data", "r002")
    killed = publish(second, moment)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert which(target) == [("r001",)]
    assert publish_ducklake(second, target).new
    assert which(target) == [("r002",)]


def test_a_release_that_is_not_what_its_manifest_says_is_not_shown(tmp_path: Path, target: str) -> None:
    publish_ducklake(publish_small(tmp_path / "data", "r001"), target)
    bad = tmp_path / "r002"
    shutil.copytree(publish_small(tmp_path / "data", "r002"), bad, symlinks=True)
    manifest = json.loads((bad / "manifest.json").read_text(encoding="utf-8"))
    manifest["bestanden"]["parquet/gebied.parquet"]["rijen"] += 1
    (bad / "manifest.json").chmod(0o644)
    (bad / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(Damaged, match="gebied has 499 rows and should have 500"):
        publish_ducklake(bad, target)
    assert which(target) == [("r001",)]


def test_a_release_that_cannot_be_opened_makes_no_lake(tmp_path: Path) -> None:
    release = tmp_path / "r001"
    release.mkdir()
    for content in (None, b"geen warehouse"):
        if content is not None:
            (release / "r001.duckdb").write_bytes(content)
        with pytest.raises(Damaged, match="warehouse"):
            publish_ducklake(release, f"ducklake:{tmp_path / 'meer' / 'beeld.ducklake'}")
    assert not (tmp_path / "meer").exists()


def test_somebody_who_keeps_the_file_busy(tmp_path: Path) -> None:
    target = f"ducklake:{tmp_path / 'beeld.ducklake'}"
    release = publish_small(tmp_path / "data", "r001")
    hold = f"import duckdb, sys; con = duckdb.connect('{tmp_path / 'beeld.ducklake'}'); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        said: list[str] = []
        with pytest.raises(Busy) as busy:
            publish_ducklake(release, target, said.append, patience=0.5)
        assert busy.value.exit_code == 75
        assert "waiting for another publication" in said
        holder.communicate()
    assert publish_ducklake(release, target).new


@pytest.mark.parametrize(
    "target",
    [
        "",
        "ducklake:",
        "/een/map",
        "ducklake:mysql:db=x",
        "ducklake:postgres:",
        "ducklake:postgres:postgresql://anna:zeergeheim@db/beeld",
        "ducklake:postgres:dbname=x password=zeergeheim",
        "ducklake:postgres:dbname=x passfile=zeergeheim",
        "ducklake:postgres:dbname=x options='-c zeergeheim'",
        "ducklake:postgres:dbname='zeergeheim",
        "ducklake:https://zeergeheim@host/x",
    ],
)
def test_what_is_no_target(target: str) -> None:
    with pytest.raises(UsageError) as refused:
        lake_of(target)
    assert "zeergeheim" not in refused.value.message
    assert refused.value.todo


def test_a_name_with_a_quote_stays_a_name(tmp_path: Path) -> None:
    path = tmp_path / "'s-Gravenhage; drop table" / "b.ducklake"
    assert publish_ducklake(publish_small(tmp_path / "data", "r001"), f"ducklake:{path}").new
    assert path.is_file()
    assert list(path.parent.glob("b.ducklake.files/main/gebied/*.parquet"))
    said = lake_of(r"ducklake:postgres:dbname='a b' host=h user=o\'brien data_path='/x y'")
    assert said.catalogue == r"postgres:dbname='a b' host='h' user='o\'brien'"
    assert said.data == Path("/x y")


def test_no_password_is_ever_told(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = publish_small(tmp_path / "data", "r001")
    monkeypatch.setenv("PGPASSWORD", "heelerg-geheim")
    for target in (postgres.target(tmp_path), "ducklake:postgres:dbname=x host=127.0.0.1 port=1 user=a data_path=/x"):
        with pytest.raises(UsageError, match="cannot be published to") as refused:
            publish_ducklake(release, target, patience=0)
        assert "heelerg-geheim" not in refused.value.message


def test_the_command(tmp_path: Path, target: str, beeld: CommandLine) -> None:
    settings = settings_of(tmp_path / "data")
    publish_small(settings.home, "r001")
    first, second = (beeld(settings, "publish", "--target", target) for _ in range(2))
    assert [ending.code for ending in (first, second)] == [0, 0]
    assert first.out.strip() == lake_of(target).shown
    assert "published and verified" in first.err
    assert "nothing has changed" in second.err
    assert which(target) == [("r001",)]
    refused = beeld(settings, "publish", "--target", "ducklake:postgres:dbname=x password=zeergeheim")
    assert (refused.code, "zeergeheim" in refused.err) == (2, False)
