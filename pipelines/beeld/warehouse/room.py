"""Is there room on the disk, before work that takes minutes begins."""

from __future__ import annotations

import shutil
from pathlib import Path

from beeld.errors import NoRoom


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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
