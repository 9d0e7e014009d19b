"""How many releases stay: after a publication the oldest go, as `bewaar_releases` says.

What always stays: the current release, the one that `beeld rollback` goes back to, the newest N, and one that somebody uses.
Somebody who keeps a release open for long holds a lock on its manifest (`using`); the kernel gives it back when the process ends.
The raw archive is never touched: a release that went can be built again from it.

A release goes in three steps, so that no kill leaves half of one: a rename out of `releases/` (from then on it does not exist),
its line out of the order, and the files, which the sweep of the next run takes if this one dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from beeld.errors import Damaged
from beeld.settings import Settings
from beeld.sources.archive import sync
from beeld.warehouse.read import current_id
from beeld.warehouse.release import MANIFEST, forget_order, releases, remove_tree

GONE = ".weg"
"""What is behind the name of a release in `bouw/` while its files are removed."""


@contextmanager
def using(release: Path) -> Generator[None]:
    """Keep a release from being removed while the block runs; others may use it at the same time.

    Damaged when it was removed before it could be held; the current release never is.
    """
    path = release / MANIFEST
    try:
        manifest = path.open("rb")
    except OSError as error:
        raise _gone(release) from error
    with manifest:
        fcntl.flock(manifest, fcntl.LOCK_SH)
        if not path.exists() or os.fstat(manifest.fileno()).st_ino != path.stat().st_ino:
            raise _gone(release)
        yield


def _gone(release: Path) -> Damaged:
    return Damaged("the release has no manifest; it may have been removed just now", where=str(release), todo="Try again")


def superfluous(settings: Settings) -> list[Path]:
    """The releases that may go, oldest first; none when all are kept (`bewaar_releases = 0`) or when nothing is current."""
    known, now = releases(settings), current_id(settings)
    names = [path.name for path in known]
    if settings.keep_releases < 1 or now not in names:
        return []
    place = names.index(now)
    stay = {now, *names[max(place - 1, 0) : place], *names[-settings.keep_releases :]}
    return [path for path in known if path.name not in stay]


def retain(settings: Settings) -> tuple[str, ...]:
    """Remove the releases that may go and that nobody uses; their ids. Only called while holding the lock of the home."""
    return tuple(path.name for path in superfluous(settings) if _remove(settings, path))


def _remove(settings: Settings, release: Path) -> bool:
    """True when the release is gone; False when somebody uses it."""
    with (release / MANIFEST).open("rb") as manifest:
        try:
            fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        settings.build.mkdir(exist_ok=True)
        aside = settings.build / f"{release.name}{GONE}"
        if aside.exists():
            remove_tree(aside)
        os.rename(release, aside)
        sync(settings.releases)
        forget_order(settings, release.name)
        remove_tree(aside)
    return True
