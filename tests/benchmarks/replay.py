"""The SQL of a refresh, written down while it runs and run again in bare DuckDB: the floor under the steps after staging.

    python -m tests.benchmarks.replay record PROJECT FOLDER    rebuild the current release offline and write down its statements
    python -m tests.benchmarks.replay run FOLDER               run them once more; prints seconds
    python -m tests.benchmarks.replay decode HOME FOLDER       read the archived pages with DuckDB alone; prints seconds

Written down are the statements after staging, their parameters and the Arrow tables that were registered for them, with a copy of
the database as it was when staging ended. What is not DuckDB's own work (numpy, Great Expectations, hashes) is not in the floor.
"""

import json
import pickle
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from beeld.refresh import Options, refresh
from beeld.settings import load_settings
from beeld.warehouse import build

SETTINGS = (f"set memory_limit = '{build.STAGING_MEMORY}'", "set enable_progress_bar = false")
DOCUMENT = """columns = {"value": 'map(varchar, varchar)[]'}, maximum_object_size = 500000000"""


class Recorder:
    """A connection that writes down what it is asked once `recording` is set."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.con, self.folder = con, folder
        self.steps: list[tuple[str, tuple[Any, ...]]] = []
        self.recording = False
        self.tables = 0

    def begin_recording(self, database: Path) -> None:
        """Keep the database as it is, and write down all that follows."""
        self.con.execute("checkpoint bouw")
        shutil.copy(database, self.folder / "begin.duckdb")
        self.recording = True

    def execute(self, *arguments: Any) -> duckdb.DuckDBPyConnection:
        """Run and write down."""
        self._note("execute", arguments)
        return self.con.execute(*arguments)

    def executemany(self, *arguments: Any) -> duckdb.DuckDBPyConnection:
        """Run and write down."""
        self._note("executemany", arguments)
        return self.con.executemany(*arguments)

    def register(self, name: str, table: Any) -> duckdb.DuckDBPyConnection:
        """Register, and keep the table."""
        if self.recording:
            self.tables += 1
            path = self.folder / f"tabel-{self.tables}.pickle"
            path.write_bytes(pickle.dumps(table))
            self._note("register", (name, str(path)))
        return self.con.register(name, table)

    def unregister(self, name: str) -> duckdb.DuckDBPyConnection:
        """Unregister and write down."""
        self._note("unregister", (name,))
        return self.con.unregister(name)

    def begin(self) -> duckdb.DuckDBPyConnection:
        """Begin a transaction."""
        self._note("begin", ())
        return self.con.begin()

    def commit(self) -> duckdb.DuckDBPyConnection:
        """Commit it."""
        self._note("commit", ())
        return self.con.commit()

    def close(self) -> None:
        """Write the steps to the folder."""
        (self.folder / "stappen.pickle").write_bytes(pickle.dumps(self.steps))
        self.con.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.con, name)

    def _note(self, what: str, arguments: tuple[Any, ...]) -> None:
        if self.recording:
            parts = (part.query if isinstance(part, duckdb.Statement) else part for part in arguments)
            self.steps.append((what, tuple(parts)))


def record(project: Path, folder: Path) -> None:
    """Build the release of the archive again and write down its statements."""
    folder.mkdir(parents=True)
    settings = replace(load_settings(folder=project), project=project, example=True)
    recorders: list[Recorder] = []
    open_build, link = build.open_build, build.Making.link_areas

    def opened(path: Path) -> Any:
        recorders.append(Recorder(open_build(path), folder))
        return recorders[-1]

    def linked(self: build.Making) -> None:
        recorders[-1].begin_recording(settings.build / "bouw.duckdb")
        link(self)

    build.open_build, build.Making.link_areas = opened, linked
    made = refresh(settings, Options(all_areas=True, offline=True, render=False, year_from=settings.year_from))
    assert made.new, "there was a release already: nothing was built"
    (folder / "waar.json").write_text(json.dumps({"bouw": str(settings.build)}), encoding="utf-8")


def run(folder: Path) -> float:
    """Seconds that bare DuckDB needs for the statements."""
    steps: list[tuple[str, tuple[Any, ...]]] = pickle.loads((folder / "stappen.pickle").read_bytes())  # noqa: S301 - our own file
    before = json.loads((folder / "waar.json").read_text(encoding="utf-8"))["bouw"]
    place = folder / "opnieuw"
    tables = {
        arguments[1]: pickle.loads(Path(arguments[1]).read_bytes())  # noqa: S301 - our own file
        for what, arguments in steps
        if what == "register"
    }
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for _, (statement, *_rest) in ((what, arguments) for what, arguments in steps if what == "execute"):
        for word in statement.split("'"):
            if word.startswith(before):
                Path(word.replace(before, str(place))).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "begin.duckdb", place / "bouw.duckdb")
    con = duckdb.connect()
    con.execute(f"attach '{place}/bouw.duckdb' as bouw (recovery_mode no_wal_writes)")
    con.execute("use bouw")
    for setting in SETTINGS:
        con.execute(setting)
    started = time.perf_counter()
    for what, arguments in steps:
        if what == "register":
            con.register(arguments[0], tables[arguments[1]])
        elif what == "execute":
            con.execute(arguments[0].replace(before, str(place)), *arguments[1:]).fetchall()
        else:
            getattr(con, what)(*arguments)
    seconds = time.perf_counter() - started
    con.close()
    return seconds


def decode(home: Path, folder: Path) -> float:
    """Seconds that bare DuckDB needs to read the archived pages of the tables, every cell as text, into a table."""
    pages = [str(path) for path in home.glob("ruw/*/*/*/*.json.gz") if "DataSet" in path.name]
    assert pages
    con = duckdb.connect(str(folder / "gelezen.duckdb"))
    started = time.perf_counter()
    con.execute(f"create table cel as select unnest(value) as rij from read_json({pages!r}, {DOCUMENT})")
    seconds = time.perf_counter() - started
    con.close()
    return seconds


if __name__ == "__main__":
    order, *paths = sys.argv[1:]
    result = {"record": record, "run": run, "decode": decode}[order](*map(Path, paths))
    if result is not None:
        print(f"{result:.2f}")
