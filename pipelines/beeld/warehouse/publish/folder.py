"""A folder as target: it becomes a home without an archive, `releases/<id>/` and `current`, that `BEELD_HOME` may point at.

The steps are those of `beeld refresh`: complete and verified in `bouw/` of the target, one rename into `releases/`, one switch of
`current`. So whoever reads there sees the old release or the new one, also when the copying is killed halfway.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from beeld.errors import UsageError
from beeld.settings import Settings
from beeld.warehouse import release
from beeld.warehouse.publish.source import Published, Source, refuse_other_bytes
from beeld.warehouse.read import current_id
from beeld.warehouse.retention import retain
from beeld.warehouse.room import need_room

OWN = frozenset({".slot", "bouw", "releases", "current", "CURRENT"})
"""What a target consists of; anything else in it means that it is something else."""


def publish(source: Source, target: str) -> Published:
    """Copy the release; UsageError for a folder that holds other things."""
    place = Path(target).expanduser().resolve()
    _refuse(source.settings, place)
    there = replace(source.settings, home=place)
    with release.exclusive(there, "beeld publish"):
        release.sweep(there)
        if _stands(there.releases / source.id, source):
            new = current_id(there) != source.id
            if new:
                release.switch(there, source.id)
        else:
            need_room(place, sum(entry["bytes"] for entry in source.files.values()), "the copy")
            release.publish(there, _copy(source, there.build / source.id), source.id)
            new = True
        return Published(str(place), new, retain(there) if new else ())


def _refuse(settings: Settings, place: Path) -> None:
    """UsageError for a place that cannot be a target; nothing has been written yet."""
    why = ""
    if place.is_relative_to(settings.home) or settings.home.is_relative_to(place):
        why = f"the target lies in the home that it is published from, or around it ({settings.home})"
    elif place.exists() and not place.is_dir():
        why = "the target is a file"
    elif place.is_dir() and (other := _other(place)):
        why = f"the folder is not empty and is no target of earlier: it holds {other}"
    if why:
        raise UsageError(why, where=str(place), kept="Nothing was written", todo="Name a new folder")


def _other(place: Path) -> str:
    """Something that does not belong in a target; empty when there is nothing, or when a release was published here before."""
    names = sorted(path.name for path in place.iterdir())
    if "ruw" in names:
        return "ruw, an archive of its own"
    if (place / "releases" / release.ORDER_FILE).is_file() or not names:
        return ""
    begun = ".slot" in names  # an earlier copy that was killed before its end
    return next((name for name in names if not begun or (name not in OWN and not name.startswith(".current-"))), "")


def _stands(folder: Path, source: Source) -> bool:
    """True when the same release stands there whole: the same manifest, and every file with the hash that it should have."""
    if not (folder / release.MANIFEST).is_file():
        return False
    same = (folder / release.MANIFEST).read_bytes() == (source.release / release.MANIFEST).read_bytes()
    if same:
        source.say("verifying what stands there")
    return same and release.damage(folder) == []


def _copy(source: Source, folder: Path) -> Path:
    """Every file of the release, read back and held against its hash."""
    folder.mkdir(parents=True)
    try:
        for number, name in enumerate(sorted(source.files), start=1):
            source.say(f"copying {number} of {len(source.files)}")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.release / name, path)
            refuse_other_bytes(source, name, release.sha256_of(path))
        shutil.copyfile(source.release / release.MANIFEST, folder / release.MANIFEST)
    except BaseException:  # half a copy would fill the disk until the next time
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with suppress(OSError):  # a disk that knows no links does without the short name
        (folder / "beeld.duckdb").symlink_to(f"{source.id}.duckdb")
    return folder
