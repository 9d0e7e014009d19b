"""A zip of the pages as target: to send, to put on a web server, or to open from disk after unpacking.

The same release gives the same bytes. An existing file is replaced in one step, and only if it is such a zip.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from beeld.errors import Busy, UsageError
from beeld.sources.archive import sync
from beeld.warehouse.export.book import WARNING
from beeld.warehouse.packages import add
from beeld.warehouse.publish.source import PART, Published, Source, refuse_other_bytes
from beeld.warehouse.release import sha256_of
from beeld.warehouse.room import need_room

SITE = "site/"
MARK = "Beeld van de Wijk "
"""How the comment of our zips starts; the release follows."""
README = "LEESMIJ.txt"


def publish(source: Source, target: str) -> Published:
    """Write the zip; UsageError when the release has no pages, or when the file is something else."""
    path = Path(target).expanduser().resolve()
    names = sorted(name for name in source.files if name.startswith(SITE))
    _refuse(source, path, names)
    path.parent.mkdir(parents=True, exist_ok=True)
    need_room(path.parent, sum(source.files[name]["bytes"] for name in names), "the zip")
    with _held(path.with_name(f".{path.name}.beeld-nieuw"), path) as file:
        _write(file, source, names)
        file.flush()
        os.fsync(file.fileno())
        temporary = Path(file.name)
        _verify(temporary, source, names)
        if path.exists() and sha256_of(path) == sha256_of(temporary):
            return Published(str(path), False)
        temporary.chmod(0o644)
        os.replace(temporary, path)
        sync(path.parent)
    return Published(str(path), True)


@contextmanager
def _held(temporary: Path, path: Path) -> Generator[IO[bytes]]:
    """An empty file to write in, held by this process alone and gone afterwards; Busy when another process holds it.

    What a killed run left in it is written over: the kernel frees what a process held.
    """
    with open(temporary, "r+b", opener=lambda name, _flags: os.open(name, os.O_RDWR | os.O_CREAT, 0o644)) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_ino != temporary.stat().st_ino:  # it was put in its place just now
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):
            what, todo = "another publication to this file is running", "Wait until it has ended"
            raise Busy(what, where=str(path), kept="Nothing was changed", todo=todo) from None
        try:
            file.truncate()
            yield file
        finally:
            temporary.unlink(missing_ok=True)


def _refuse(source: Source, path: Path, names: list[str]) -> None:
    why, todo = "", "Name a new file"
    if not names:
        why, todo = f"release {source.id} has no pages", "Run 'beeld refresh' without --no-render first"
    elif path.is_relative_to(source.settings.home):
        why = f"the target lies in the home that it is published from ({source.settings.home})"
    elif path.is_dir() or (path.exists() and not _ours(path)):
        why = "there is something else of that name"
    if why:
        raise UsageError(why, where=str(path), kept="Nothing was written", todo=todo)


def _ours(path: Path) -> bool:
    """True for a zip that this made."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment.startswith(MARK.encode())
    except (OSError, zipfile.BadZipFile):
        return False


def _folder(source: Source) -> str:
    """The one folder in the zip, so that unpacking scatters nothing."""
    return f"beeld-van-de-wijk-{source.id}/"


def _write(file: IO[bytes], source: Source, names: list[str]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = f"{MARK}{source.id}".encode()
        add(archive, _folder(source) + README, io.BytesIO(_readme(source).encode()))
        for number, name in enumerate(names, start=1):
            source.say(f"packing {number} of {len(names)}")
            with (source.release / name).open("rb") as content:
                add(archive, _folder(source) + name.removeprefix(SITE), content)


def _readme(source: Source) -> str:
    lines = [
        "Beeld van de Wijk",
        f"Release {source.id}. Een signaal, geen oordeel.",
        *([WARNING] if source.example else []),
        "",
        "Pak dit bestand uit en open index.html. Er is geen internet voor nodig.",
    ]
    return "\n".join(lines) + "\n"


def _verify(path: Path, source: Source, names: list[str]) -> None:
    """Read every page back out of the zip and hold it against its hash."""
    with zipfile.ZipFile(path) as archive:
        for name in names:
            running = hashlib.sha256()
            with archive.open(_folder(source) + name.removeprefix(SITE)) as content:
                while part := content.read(PART):
                    running.update(part)
            refuse_other_bytes(source, name, running.hexdigest())
