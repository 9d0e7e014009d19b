"""The folder of an export: made beside its place and put there in one step, never over anything that is not an earlier export.

DIR                    what the user asked for
.DIR.beeld-nieuw       the export on its way; a lock on it says that somebody is at work, and ends with that process
.DIR.beeld-oud         the earlier export, between the two renames; back in its place when a run died there
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from beeld.errors import Busy, UsageError
from beeld.sources.archive import sync
from beeld.warehouse.release import sha256_of

INDEX = "export.json"
KIND = "beeld export"


@contextmanager
def new_folder(target: Path, home: Path) -> Generator[Path]:
    """An empty folder to write in, which takes the place of `target` when the block ends well and is gone when it does not.

    UsageError when `target` is a place that cannot be given up; Busy when another export to it is running.
    """
    target = _allowed(target, home)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (target.with_name(f".{target.name}.beeld-{word}") for word in ("nieuw", "oud"))
    fresh.mkdir(exist_ok=True)
    lock = os.open(fresh, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _hold(lock, fresh, target)
        try:
            _mend(target, old)
            _empty(fresh)
            _refuse_other(target)
            yield fresh
            _seal(fresh)
            _put(fresh, target, old)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    finally:
        os.close(lock)


def _allowed(target: Path, home: Path) -> Path:
    """The full path of the folder; UsageError for a place that holds other things by its nature."""
    full = target.expanduser().resolve()
    why = ""
    if not full.name:
        why = "the root of the disk cannot be an export"
    elif Path.cwd().is_relative_to(full):
        why = "you are working in this folder, so it cannot be replaced"
    elif full.is_relative_to(home) or home.is_relative_to(full):
        why = f"an export does not belong in the home of the releases ({home})"
    elif full.exists() and not full.is_dir():
        why = "this is a file"
    if why:
        raise UsageError(why, where=str(full), kept="Nothing was written", todo="Name a new folder")
    return full


def _hold(lock: int, fresh: Path, target: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_ino != fresh.stat().st_ino:  # it was put in its place between opening and locking
            raise BlockingIOError
    except (BlockingIOError, FileNotFoundError):
        raise Busy(
            "another export to this folder is running",
            where=str(target),
            kept="Nothing was changed",
            todo="Wait until it has ended",
        ) from None


def _mend(target: Path, old: Path) -> None:
    """What a run left that died between the two renames: the earlier export goes back; after them it can go."""
    if not old.exists():
        return
    if target.exists():
        shutil.rmtree(old)
    else:
        os.rename(old, target)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse_other(target: Path) -> None:
    """UsageError when the folder holds anything but an untouched earlier export."""
    if not target.exists() or not any(target.iterdir()):
        return
    other = _not_ours(target)
    if other:
        raise UsageError(
            f"the folder is not empty and holds what is not an earlier export: {other}",
            where=str(target),
            kept="Nothing was changed",
            todo="Name a new folder, or move those files away",
        )


def _not_ours(target: Path) -> str:
    """The first file that no export wrote, or that was changed since; empty when there is none."""
    try:
        index = json.loads((target / INDEX).read_text(encoding="utf-8"))
        files = cast("dict[str, dict[str, Any]]", index["bestanden"]) if index["soort"] == KIND else {}
        known = {name: (entry["bytes"], entry["sha256"]) for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        known = {}
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if known and name == INDEX and not path.is_symlink():
            continue
        if path.is_symlink() or name not in known:
            return name
        if (path.stat().st_size, sha256_of(path)) != known[name]:
            return f"{name}, which was changed"
    return ""


def _seal(folder: Path) -> None:
    """Files read-only, so that no program writes in what it only reads (QGIS does), and everything on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
            sync(path)
    sync(folder)


def _put(fresh: Path, target: Path, old: Path) -> None:
    if target.exists() and any(target.iterdir()):
        os.rename(target, old)
    try:
        os.rename(fresh, target)
    except OSError:
        if old.exists():
            with suppress(OSError):
                os.rename(old, target)
        raise
    sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)
