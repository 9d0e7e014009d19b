"""Publish: write a release beside the others, complete and checked, then switch `current` in one step.

bouw/<id>/        everything of the release, on its way
releases/<id>/    <id>.duckdb, beeld.duckdb -> <id>.duckdb, parquet/, manifest.json, site/; read-only, never changed
current           -> releases/<id>
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import duckdb

from beeld.errors import Busy, Damaged, UsageError
from beeld.settings import Settings
from beeld.sources.archive import sync, write_json
from beeld.sources.journal import resumable
from beeld.sources.sql import literal
from beeld.transforms.catalog import Catalog
from beeld.warehouse.build import PUBLIC_TABLES, create_profile_view, create_schema
from beeld.warehouse.read import POINTER_FILE, current_id

MANIFEST = "manifest.json"
ORDER_FILE = "volgorde.txt"
FEW = 200
"""Files that are synced one by one."""
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
"""What a disk answers that knows no links, such as a share of Windows."""
ORDER = {
    "gebied": "gebiedscode",
    "gebied_historie": "gebiedscode, indeling_jaar",
    "indicator": "indicator",
    "waarde": "gebiedscode, indicator, peiljaar",
    "bron": "bron, tabel",
    "thema_score": "gebiedscode, thema, referentie",
    "signaal": "gebiedscode, thema",
    "integraal": "gebiedscode",
    "opvallend": "gebiedscode, indicator",
    "gevoeligheid": "gebiedscode, thema, indicator",
    "buur": "gebiedscode, basis, rang",
    "cluster": "cluster, gebiedscode, thema",
    "doelgroep": "gebiedscode, doelgroep",
    "doelgroep_buiten": "gemeentecode, doelgroep, keuze",
    "trend": "gebiedscode, indicator, van, tot",
    "weigering": "indicator, gebruik",
    "drempel": "soort, thema, niveau",
    "lijst": "lijst",
    "lijstvergelijking": "lijst, gebiedscode",
    "correctie": "correctie, gebiedscode, peiljaar",
    "wijziging": "gebiedscode, indicator, peiljaar",
    "controle": "controle",
    "release": "release",
}


@contextmanager
def exclusive(settings: Settings, what: str) -> Generator[None]:
    """Hold the only right to build and publish in this home; Busy (75) names the holder. The kernel frees it when one dies."""
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / ".slot"
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(lock, settings) from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{what}, process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)  # who comes next never reads the name of one that has gone


def _busy(lock: IO[str], settings: Settings) -> Busy:
    holder = ""
    for _ in range(20):  # it may have the lock and not yet have written its name
        lock.seek(0)
        holder = lock.read().strip()
        if holder:
            break
        time.sleep(0.05)
    return Busy(
        f"another refresh is running: {holder or 'another process'}",
        where=str(settings.home),
        kept="Nothing was changed",
        todo="Wait until it has ended",
    )


def sweep(settings: Settings) -> None:
    """Remove what an interrupted run left behind, but for what a fetch may take up again; only called while holding the lock."""
    settings.build.mkdir(parents=True, exist_ok=True)
    for path in settings.build.iterdir():
        if resumable(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    for litter in settings.home.glob(".current-*"):
        litter.unlink()


def write_release(build: duckdb.DuckDBPyConnection, folder: Path, release_id: str, catalog: Catalog, project: Path) -> None:
    """Write the public tables of the build database to `folder` as DuckDB and Parquet, in a total order."""
    (folder / "parquet").mkdir(parents=True)
    target = folder / f"{release_id}.duckdb"
    row = build.execute("select current_database()").fetchone()
    source = row[0] if row else "memory"
    build.execute(f"attach {literal(str(target))} as uitgave")
    build.execute("use uitgave")
    build.begin()  # one transaction: the disk is waited for once, not after each of five hundred statements
    create_schema(build, project)
    for table in PUBLIC_TABLES:
        columns = ", ".join(f'"{row[0]}"' for row in build.execute(f'describe uitgave."{table}"').fetchall())
        build.execute(f'insert into uitgave."{table}" select {columns} from "{source}".main."{table}" order by {ORDER[table]}')
    create_profile_view(build, catalog)
    build.commit()
    build.execute("checkpoint uitgave")
    for table in PUBLIC_TABLES:
        parquet = literal(str(folder / "parquet" / f"{table}.parquet"))
        shown = "* replace (ST_AsWKB(geometrie) as geometrie)" if table == "gebied" else "*"
        # the table was written in its order and is read in that order; sorting it again would cost as much as the rest
        build.execute(f'copy (select {shown} from uitgave."{table}") to {parquet} (format parquet)')
    build.execute(f'use "{source}".main')
    build.execute("detach uitgave")
    (folder / "beeld.duckdb").symlink_to(target.name)


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """The manifest: what went in, and sha256, size and row count of every file that came out."""
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != MANIFEST:
            entry: dict[str, Any] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
            if path.suffix == ".parquet":
                row = duckdb.execute("select count(*) from read_parquet(?)", [str(path)]).fetchone()
                entry["rijen"] = row[0] if row else None
            files[path.relative_to(folder).as_posix()] = entry
    write_json(folder / MANIFEST, {**content, "bestanden": files})


def publish(settings: Settings, folder: Path, release_id: str) -> Path:
    """Move a complete release to `releases/` and switch `current` to it; returns its folder."""
    if any(folder.glob("*.wal")):
        raise Damaged("the warehouse was not closed properly", where=str(folder), kept="The last release stands")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in files:
        path.chmod(0o444)
    _keep(files, folder)
    settings.releases.mkdir(parents=True, exist_ok=True)
    target, aside = settings.releases / release_id, folder.with_name(f"{release_id}.oud")
    if (
        target.exists()
    ):  # damaged, or it would not be built again; `current` may point at it, so its place is empty for a moment only
        os.rename(target, aside)
    os.rename(folder, target)
    if aside.exists():
        remove_tree(aside)
    _append_order(settings, release_id)
    sync(settings.releases)
    switch(settings, release_id)
    return target


def _keep(files: Sequence[Path], folder: Path) -> None:
    """Everything of a release is on the disk. A few files one by one, so that nobody waits for what other programs write; the
    pages of a country all at once, because one by one they take minutes."""
    if len(files) > FEW:
        os.sync()
        return
    for path in (*files, *{path.parent for path in files}, folder):
        sync(path)


def switch(settings: Settings, release_id: str) -> None:
    """Point `current` at a release, in one step; where links are impossible a file `CURRENT` says which it is."""
    temporary = settings.home / f".current-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    target = Path("releases") / release_id
    pointer = settings.current
    try:
        temporary.symlink_to(target, target_is_directory=True)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        temporary.write_text(f"{target.as_posix()}\n", encoding="utf-8")
        pointer = settings.current.with_name(POINTER_FILE)
    os.replace(temporary, pointer)
    sync(settings.home)


def is_complete(release: Path) -> bool:
    """True when a release folder has its manifest and every file of it with the size that it should have."""
    try:
        files = read_manifest(release)["bestanden"]
    except Damaged:
        return False
    return all((release / name).is_file() and (release / name).stat().st_size == entry["bytes"] for name, entry in files.items())


def read_manifest(release: Path) -> dict[str, Any]:
    """The manifest of a release; Damaged when it cannot be read."""
    try:
        return json.loads((release / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(
            f"manifest cannot be read: {error}",
            where=str(release),
            todo="Run 'beeld rollback' to an earlier release or 'beeld refresh'",
        ) from error


def releases(settings: Settings) -> list[Path]:
    """Every complete release, oldest first in the order of publication, which no clock decides."""
    order = _order(settings)
    found = [path for path in settings.releases.glob("*") if (path / MANIFEST).is_file()]
    return sorted(found, key=lambda path: (order.index(path.name) if path.name in order else len(order), path.name))


def _order(settings: Settings) -> list[str]:
    path = settings.releases / ORDER_FILE
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


def _append_order(settings: Settings, release_id: str) -> None:
    _write_order(settings, [*(name for name in _order(settings) if name != release_id), release_id])


def forget_order(settings: Settings, release_id: str) -> None:
    """Take a release that is gone out of the order of publication."""
    _write_order(settings, [name for name in _order(settings) if name != release_id])


def _write_order(settings: Settings, names: Sequence[str]) -> None:
    temporary = settings.releases / f".{ORDER_FILE}.tmp"
    temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    os.replace(temporary, settings.releases / ORDER_FILE)


def rollback(settings: Settings, release_id: str | None) -> str:
    """Point `current` at `release_id`, or at the release before the current one; returns the id. UsageError when none is."""
    known = [path.name for path in releases(settings)]
    if release_id is None:
        now = current_id(settings)
        earlier = known[: known.index(now)] if now in known else known
        release_id = earlier[-1] if earlier else None
    if release_id is None or release_id not in known:
        raise UsageError(
            f"there is no release {release_id or 'before the current one'}",
            where=str(settings.home),
            todo="See 'beeld releases'",
        )
    if not is_complete(settings.releases / release_id):
        raise Damaged("release is not complete", where=release_id, kept="current is unchanged", todo="Choose another release")
    switch(settings, release_id)
    return release_id


def damage(release: Path) -> list[str]:
    """Names of the files of a release that are missing or not what the manifest says, by sha256."""
    files = read_manifest(release)["bestanden"]
    return [
        name for name, entry in files.items() if not (release / name).is_file() or sha256_of(release / name) != entry["sha256"]
    ]


def sha256_of(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_tree(folder: Path) -> None:
    """Remove a read-only release folder."""
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
    shutil.rmtree(folder)
