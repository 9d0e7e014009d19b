"""Small releases that say their own id in every table, and `beeld serve` in a process of its own."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from beeld.settings import Settings, load_settings
from beeld.warehouse.extensions import load_extension
from beeld.warehouse.release import publish, write_manifest
from beeld.warehouse.serve.tokens import new_token

ROOT = Path(__file__).parents[2]

WHICH_RELEASE = (
    "select distinct id from (select naam as id from gebied union all select titel from indicator "
    "union all select release from release)"
)
"""One row, unless something is mixed."""


def environment(*, measured: bool = False) -> dict[str, str]:
    """Of a process that finds the package and the tests; `measured` when its coverage counts."""
    strange = ("BEELD_",) if measured else ("BEELD_", "COV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])}


def settings_of(home: Path) -> Settings:
    """Settings of a home that has nothing but releases."""
    return load_settings({"BEELD_HOME": str(home)}, folder=home)


def publish_small(home: Path, release_id: str) -> Path:
    """Publish a release whose every table holds its id, with two pages that do as well."""
    return publish(settings_of(home), built_small(home, release_id), release_id)


def built_small(home: Path, release_id: str) -> Path:
    """That release, ready to be published."""
    folder = settings_of(home).build / release_id
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / f"{release_id}.duckdb")) as con:
        con.execute((ROOT / "warehouse/schema.sql").read_text(encoding="utf-8"))
        con.execute(
            "insert into gebied (gebiedscode, soort, naam, indeling_jaar, geometrie, geometrie_jaar) "
            "select 'GM' || lpad(n::varchar, 4, '0'), 'gemeente', ?, 2024, 'POINT (1 2)'::geometry, 2024 from range(1, 500) t(n)",
            [release_id],
        )
        con.execute(
            "insert into indicator (indicator, titel, uitleg, thema, rol, soort, familie, eenheid, decimalen, richting, bron, "
            "gebruik, formule, methode_versie) "
            "select 'i' || n, ?, '', 'kracht', 'kern', 'telling', 'bevolking', '', 0, 'gunstig', 'x', [], '', '1' "
            "from range(50) t(n)",
            [release_id],
        )
        con.execute(
            "insert into release (release, gemaakt_op, methode_versie, code_versie, voorbeeld) "
            "values (?, '2026-01-01', '1', '1', true)",
            [release_id],
        )
        (folder / "parquet").mkdir()
        for (table,) in con.execute("select table_name from duckdb_tables()").fetchall():
            con.execute(f"copy (select 1 as rij from {table}) to '{folder}/parquet/{table}.parquet' (format parquet)")
    for name in ("index.html", "gebied/GM0001/index.html", "kaart/a b.svg"):
        page = folder / "site" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"<p>{release_id}</p>", encoding="utf-8")
    (folder / "geheim.html").write_text("not under site/", encoding="utf-8")
    write_manifest(folder, {"release": release_id, "gemaakt_op": "2026-01-01", "gebieden": []})
    return folder


@dataclass
class Serving:
    """`beeld serve` that runs: where it listens and what it said."""

    process: subprocess.Popen[str]
    home: Path
    token: str
    said: list[str] = field(default_factory=list)
    site: str = ""
    sql: int = 0

    @property
    def uri(self) -> str:
        """For `attach`."""
        return f"quack:127.0.0.1:{self.sql}"

    def attached(self, token: str | None = None) -> duckdb.DuckDBPyConnection:
        """A client with the release attached as `beeld`."""
        con = client()
        con.execute(f"attach '{self.uri}' as beeld (token '{token or self.token}')")
        return con

    def stop(self, number: int) -> int:
        """Send a signal and wait; the exit code. Fails after five seconds."""
        self.process.send_signal(number)
        return self.process.wait(timeout=5)

    def children(self) -> list[int]:
        """Process ids of the sessions."""
        task = Path(f"/proc/{self.process.pid}/task")
        return [int(pid) for path in task.glob("*/children") for pid in path.read_text(encoding="ascii").split()]


def client() -> duckdb.DuckDBPyConnection:
    """A DuckDB client that knows Quack, as any user's."""
    con = duckdb.connect()
    for name in ("httpfs", "quack"):
        load_extension(con, name)
    return con


def asked(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    """The rows of a statement that the server runs."""
    return con.execute("from quack_query_by_name('beeld', ?)", [sql]).fetchall()


@contextmanager
def serving(home: Path, *words: str, limits: str = "") -> Iterator[Serving]:
    """Start `beeld serve` on free ports with a user `anna`, and end it."""
    token = new_token(home / "tokens.toml", "anna")
    (home / "beeld.toml").write_text(f"[vragen]\n{limits}\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "beeld.cli", "serve", "--port", "0", "--sql-port", "0", *words],
        cwd=home,
        env={
            **environment(measured=True),
            "BEELD_HOME": str(home),
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Serving(process, home, token)
    assert process.stdout is not None
    for line in process.stdout:
        server.said.append(line.strip())
        if found := re.match(r"http://\S+", line):
            server.site = found[0].rstrip("/")
        if found := re.match(r"attach 'quack:[^']*:(\d+)'", line):
            server.sql = int(found[1])
            break
    assert server.sql, server.said
    reader = threading.Thread(target=lambda: server.said.extend(line.strip() for line in process.stdout or []))
    reader.start()
    try:
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=10)
        reader.join()
        process.stdout.close()


def ask(port: int, secret: str, count: int, last: str) -> dict[str, list[object]]:
    """Ask at least `count` times, in sessions of one and of twelve questions, and on until release `last` is seen.

    Says after every 24 questions how far it is. A client that does not see `last` within a minute of its count stops.
    """
    con = client()
    took: list[object] = []
    seen: list[object] = []
    faults: list[object] = []
    session: list[object] = []
    number, patience = 0, float("inf")
    while number < count or number % 24 or (last not in seen and time.perf_counter() < patience):
        alone = number % 24 < 12
        begun = time.perf_counter()
        try:
            if alone:
                rows = con.execute(
                    f"from quack_query('quack:127.0.0.1:{port}', ?, token := '{secret}')", [WHICH_RELEASE]
                ).fetchall()
            else:
                if number % 12 == 0:
                    con.execute(f"attach 'quack:127.0.0.1:{port}' as beeld (token '{secret}')")
                    session = []
                rows = asked(con, WHICH_RELEASE)
                session += [row[0] for row in rows]
            if len(rows) != 1:
                faults.append(f"mixed: {rows}")
            seen.append(rows[0][0])
        except duckdb.Error as error:
            faults.append(str(error).splitlines()[0])
        took.append(time.perf_counter() - begun)
        number += 1
        if number == count:
            patience = time.perf_counter() + 60
        if number % 24 == 0:
            con.execute("detach beeld")
            if len(set(session)) != 1:
                faults.append(f"a session saw {sorted(map(str, set(session)))}")
            print(number, flush=True)
    return {"faults": faults, "seen": seen, "took": took}


if __name__ == "__main__":
    # python -m tests.reliability.serving PORT TOKEN COUNT LAST_RELEASE
    print(json.dumps(ask(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])))
