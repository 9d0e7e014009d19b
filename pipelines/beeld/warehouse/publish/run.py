"""Publish the current release to a target, whatever kind of target that is."""

from __future__ import annotations

import re
from collections.abc import Callable

from beeld.errors import UsageError
from beeld.settings import Settings
from beeld.warehouse.ducklake import SCHEME as SCHEME_OF_LAKES
from beeld.warehouse.ducklake import publish_ducklake
from beeld.warehouse.publish import archive, folder
from beeld.warehouse.publish.source import Published, Source
from beeld.warehouse.read import current_release
from beeld.warehouse.release import read_manifest
from beeld.warehouse.retention import using

Publish = Callable[[Source, str], Published]
"""A kind of target: copies the release to the target of this text and says where it stands. It leaves the target as it was, or
with the whole release, and raises BeeldError for what a user can mend."""


def to_lake(source: Source, target: str) -> Published:
    """Publish into a DuckLake; see beeld.warehouse.ducklake."""
    done = publish_ducklake(source.release, target, source.say)
    return Published(done.lake, done.new)


SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
"""`https:`, `ftp:`: never a folder; a disk of one letter is."""

KINDS: tuple[tuple[str, Callable[[str], bool], Publish], ...] = (
    ("ducklake:...: the tables, as a snapshot of a DuckLake", lambda target: target.startswith(SCHEME_OF_LAKES), to_lake),
    ("a file that ends in .zip: the pages", lambda target: target.lower().endswith(".zip"), archive.publish),
    ("a folder: everything", lambda target: not SCHEME.match(target), folder.publish),
)
"""What a user may write, how to know it, and what does it; the first that fits."""


def kind_of(target: str) -> Publish:
    """What publishes to this target; UsageError when nothing does."""
    for _, fits, publish in KINDS:
        if target.strip() and fits(target):
            return publish
    said = "; ".join(words for words, _, _ in KINDS)
    raise UsageError(f"'{target[:80]}' is no target", where="--target", todo=f"Write {said}")


def publish_release(settings: Settings, target: str, say: Callable[[str], None] = lambda _message: None) -> Published:
    """Copy the current release to `target`."""
    publish = kind_of(target)
    release = current_release(settings)
    with using(release):
        return publish(Source(settings, release, read_manifest(release), say), target)
