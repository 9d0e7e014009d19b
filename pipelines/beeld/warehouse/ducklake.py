"""Publish a release into a DuckLake: one transaction, one snapshot, so that a reader has all of it or all of the one before.

    ducklake:/srv/lake/beeld.ducklake                                  a catalogue in a DuckDB file; Parquet in <file>.files/
    ducklake:postgres:dbname=beeld host=db data_path=/srv/lake/beeld   a catalogue in PostgreSQL, for several programs at once

Passwords come from where libpq looks for them (~/.pgpass, PGPASSWORD, a service file) and never stand in a target.
"""

from __future__ import annotations

import json
import random
import re
import shlex
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb

from beeld.errors import Busy, Damaged, UsageError
from beeld.sources.sql import literal, quoted
from beeld.warehouse.extensions import load_extension
from beeld.warehouse.read import warehouse_file
from beeld.warehouse.release import read_manifest

SCHEME = "ducklake:"
POSTGRES = "postgres:"
CONNECTION_WORDS = frozenset(
    {"application_name", "connect_timeout", "dbname", "host", "hostaddr", "port", "service", "sslmode", "sslrootcert", "user"}
)
"""What may be said about a PostgreSQL: libpq's words, but for passwords and what runs code."""

SOMEBODY_ELSE = re.compile(
    r"conflict|set lock|concurrent|serializ|duplicate key|deadlock|already exists|could not obtain", re.IGNORECASE
)
PATIENCE_SECONDS = 120.0
FORM = f"Write {SCHEME}/path/catalogue.ducklake or {SCHEME}{POSTGRES}dbname=NAME host=HOST data_path=/path"


@dataclass(frozen=True)
class Lake:
    """Where a lake is: what DuckLake attaches, and the folder of its Parquet (None: the one it already has)."""

    catalogue: str
    data: Path | None

    @property
    def shown(self) -> str:
        """For messages; holds no secret, because a target cannot."""
        return f"{SCHEME}{self.catalogue}"


@dataclass(frozen=True)
class Published:
    """The snapshot in which a release stands; `new` is false when it was the newest already."""

    lake: str
    snapshot: int
    new: bool


def lake_of(target: str) -> Lake:
    """The lake that a target means; UsageError for anything else, above all for a password."""
    rest = target.removeprefix(SCHEME).strip()
    if not target.startswith(SCHEME) or not rest:
        raise UsageError("this is no DuckLake", where="--target", todo=FORM)
    if not rest.startswith(POSTGRES):
        if "://" in rest or re.match(r"[a-z]{2,}:", rest):
            raise UsageError("only a file or PostgreSQL can hold the catalogue", where="--target", todo=FORM)
        path = Path(rest).expanduser().absolute()
        return Lake(str(path), Path(f"{path}.files"))
    words = _words(rest.removeprefix(POSTGRES))
    data = words.pop("data_path", None)
    connection = " ".join(f"{name}='{_escaped(value)}'" for name, value in words.items())
    return Lake(f"{POSTGRES}{connection}", Path(data).expanduser().absolute() if data else None)


def _words(text: str) -> dict[str, str]:
    """`name=value` words; UsageError for another form, an unknown name or a password. No value is repeated in the message."""
    try:
        parts = [part.partition("=") for part in shlex.split(text)]
    except ValueError as error:
        raise UsageError("a quote does not end", where="--target", todo=FORM) from error
    if not parts or any(not sign or not value for _, sign, value in parts):
        raise UsageError("the connection is no list of name=value", where="--target", todo=FORM)
    for name, _, _ in parts:
        if name == "password":
            raise UsageError(
                "a password does not belong in a target, where others can see it",
                where="--target",
                todo="Put it in ~/.pgpass or in PGPASSWORD",
            )
        if name not in CONNECTION_WORDS | {"data_path"}:
            raise UsageError(f"'{name[:30]}' cannot be said of a connection", where="--target", todo=FORM)
    return {name: value for name, _, value in parts}


def _escaped(value: str) -> str:
    """A value inside quotes, as libpq reads it."""
    return value.replace("\\", "\\\\").replace("'", "\\'")


def publish_ducklake(
    release: Path, target: str, say: Callable[[str], None] = lambda _message: None, patience: float = PATIENCE_SECONDS
) -> Published:
    """Make the tables and views of the lake those of the release, in one snapshot that names it.

    While somebody else publishes it waits, and starts over after a conflict. UsageError when the target is wrong or cannot be
    reached, Busy when others keep it busy longer than `patience`, Damaged when what was written is not what the release has.
    """
    lake = lake_of(target)
    until = time.monotonic() + patience
    wait = 0.2
    while True:
        try:
            with _opened(release, lake) as con:
                return _publish(con, release, lake, say)
        except duckdb.Error as error:
            said = " ".join(str(error).split())[:300]
            if not SOMEBODY_ELSE.search(said):
                raise UsageError(
                    f"cannot be published to: {said}", where=lake.shown, kept="The lake is as it was", todo="Look at the target"
                ) from error
            if time.monotonic() > until:
                raise Busy(
                    f"others keep it busy: {said}", where=lake.shown, kept="The lake is as it was", todo="Try again later"
                ) from error
            say("waiting for another publication")
            time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - so that two that wait do not meet again
            wait = min(2 * wait, 1.0)


@contextmanager
def _opened(release: Path, lake: Lake) -> Generator[duckdb.DuckDBPyConnection]:
    """A connection with the release as `uitgave`, read-only, and the lake as `meer`."""
    file = warehouse_file(release)
    if not file.is_file():
        raise Damaged("its warehouse is not there", where=str(release), todo="Run 'beeld check'")
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as con:
        try:
            con.execute(f"attach {literal(str(file))} as uitgave (read_only)")
        except duckdb.Error as error:
            raise Damaged("its warehouse cannot be opened", where=str(release), todo="Run 'beeld check'") from error
        load_extension(con, "ducklake")
        if lake.catalogue.startswith(POSTGRES):
            load_extension(con, "postgres_scanner")
        else:
            Path(lake.catalogue).parent.mkdir(parents=True, exist_ok=True)
        data = "" if lake.data is None else f", data_path {literal(str(lake.data) + '/')}"
        con.execute(f"attach {literal(lake.shown)} as meer (data_inlining_row_limit 0{data})")
        yield con


@dataclass(frozen=True)
class Standing:
    """What an earlier publication left in the lake: the release that is there now, and what is ours to replace."""

    snapshot: int
    release: str | None
    ours: frozenset[str]


def _publish(con: duckdb.DuckDBPyConnection, release: Path, lake: Lake, say: Callable[[str], None]) -> Published:
    con.execute("begin")
    try:
        before = _standing(con)
        if before.release == release.name:
            con.execute("rollback")
            return Published(lake.shown, before.snapshot, new=False)
        things = _write(con, release, lake, before.ours, say)
        _verify(con, release, lake)
        extra = json.dumps({"release": release.name, "bevat": things})
        con.execute("call meer.set_commit_message('beeld', ?, extra_info => ?)", [f"release {release.name}", extra])
        say("making it visible")
        con.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):  # the failure that came first is the one to tell
            con.execute("rollback")
        raise
    return Published(lake.shown, _standing(con).snapshot, new=True)


def _standing(con: duckdb.DuckDBPyConnection) -> Standing:
    rows = con.execute("select snapshot_id, commit_extra_info from meer.snapshots() order by snapshot_id desc").fetchall()
    told = [(int(number), found) for number, extra in rows if (found := _told(extra))]
    newest = int(rows[0][0]) if rows else 0
    if not told:
        return Standing(newest, None, frozenset())
    number, found = told[0]
    return Standing(newest, found["release"] if number == newest else None, frozenset(found["bevat"]))


def _told(extra: str | None) -> dict[str, Any] | None:
    """What a publication of ours wrote with its snapshot; None for a snapshot of somebody else."""
    try:
        found: Any = json.loads(extra or "null")
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) and {"release", "bevat"} <= found.keys() else None


def _write(
    con: duckdb.DuckDBPyConnection, release: Path, lake: Lake, ours: frozenset[str], say: Callable[[str], None]
) -> list[str]:
    """Every table, then the views that rest on them, with their comments; gives their names. What we made before and have no
    longer goes; of what others made nothing is touched: UsageError when it has a name that we need."""
    tables = _names(con, "uitgave", "table")
    views = con.execute(
        "select view_name, sql from duckdb_views() where database_name = 'uitgave' and not internal order by view_oid"
    ).fetchall()
    needed = [*tables, *(str(name) for name, _ in views)]
    there = {kind: _names(con, "meer", kind) for kind in ("view", "table")}
    if taken := sorted({*there["view"], *there["table"]} & set(needed) - ours):
        raise UsageError(
            f"it holds '{taken[0]}', which no publication made", where=lake.shown, kept="The lake is as it was",
            todo="Choose a lake of its own for the releases",
        )  # fmt: skip
    con.execute("use meer")
    for kind, names in there.items():
        for name in names:
            if name in ours and (kind == "view" or name not in tables):
                con.execute(f"drop {kind} {quoted(name)}")
    for table in tables:
        say(f"{release.name}: {table}")
        con.execute(f"create or replace table {quoted(table)} as from uitgave.main.{quoted(table)}")
    for _, sql in views:
        con.execute(str(sql))
    _comment(con)
    return needed


def _comment(con: duckdb.DuckDBPyConnection) -> None:
    for kind in ("table", "view"):
        for name, comment in con.execute(
            f"select {kind}_name, comment from duckdb_{kind}s() "
            "where database_name = 'uitgave' and comment is not null and not internal"
        ).fetchall():
            con.execute(f"comment on {kind} {quoted(name)} is {literal(comment)}")
    for table, column, comment in con.execute(
        "select table_name, column_name, c.comment "
        "from duckdb_columns() as c join duckdb_tables() using (database_name, table_name) "
        "where database_name = 'uitgave' and c.comment is not null"
    ).fetchall():
        con.execute(f"comment on column {quoted(table)}.{quoted(column)} is {literal(comment)}")


def _verify(con: duckdb.DuckDBPyConnection, release: Path, lake: Lake) -> None:
    """Damaged unless every table has as many rows as the manifest of the release says, before anyone sees them."""
    files: dict[str, dict[str, Any]] = read_manifest(release)["bestanden"]
    for table in _names(con, "uitgave", "table"):
        row = con.execute(f"select count(*) from meer.main.{quoted(table)}").fetchone()
        expected = files.get(f"parquet/{table}.parquet", {}).get("rijen")
        if row is None or row[0] != expected:
            raise Damaged(
                f"{table} has {row[0] if row else 'no'} rows and should have {expected}",
                where=lake.shown,
                kept="The lake is as it was",
                todo=f"Run 'beeld check' on release {release.name}",
            )


def _names(con: duckdb.DuckDBPyConnection, database: str, kind: str) -> list[str]:
    """The tables or views (`kind`) of a database, in order."""
    sql = f"select {kind}_name from duckdb_{kind}s() where database_name = ? and schema_name = 'main' and not internal order by 1"
    return [str(name) for (name,) in con.execute(sql, [database]).fetchall()]
