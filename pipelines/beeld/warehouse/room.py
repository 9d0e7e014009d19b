"""Is there room on the disk, before work that takes minutes begins; and what to say when it fails after all."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import duckdb

from beeld.errors import BeeldError, NoRoom, Unwritable

FAULTS: tuple[tuple[type[BeeldError], tuple[int, ...], str, str], ...] = (
    (NoRoom, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "there is no room left on the disk", "Make room"),
    (
        Unwritable,
        (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
        "the disk cannot be used",
        "Look at the disk and at whose the folder is",
    ),
)
"""What the numbers mean that a disk answers with: no room (on it, for this user, in one file), or read-only, not ours, broken."""


def need_room(place: Path, size: int, what: str) -> None:
    """NoRoom when the disk that `place` is (or will be) on has less than `size` bytes free."""
    there = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise NoRoom(
            f"{what} needs {_megabytes(size)}, and {_megabytes(free)} is free",
            where=str(place.parent if place.name.startswith(".") else place),
            kept="Nothing was changed",
            todo="Make room, or choose another place",
        )


def disk_fault(error: BaseException, where: str = "") -> BeeldError | None:
    """What a user should hear of an error of Python or DuckDB that a disk gave; None when it is something else."""
    said = " ".join(str(error).split())
    for kind, numbers, what, todo in FAULTS:
        if _means(error, numbers):
            kept = "Nothing that was published has changed"
            return kind(f"{what}: {said}", where=where, kept=kept, todo=f"{todo} and give the command again")
    return None


def _means(error: BaseException, numbers: tuple[int, ...]) -> bool:
    """Python keeps the number of the error; DuckDB only the words of the operating system."""
    if isinstance(error, OSError):
        return error.errno in numbers
    if isinstance(error, duckdb.Error):
        return any(os.strerror(number) in str(error) for number in numbers)
    return False


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
