"""What every target gets, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beeld.errors import Damaged
from beeld.settings import Settings
from beeld.warehouse.release import sha256_of

PART = 1024 * 1024


@dataclass(frozen=True)
class Source:
    """The release to publish: its folder, its manifest, the settings of the home that it stands in."""

    settings: Settings
    release: Path
    manifest: dict[str, Any]
    say: Callable[[str], None]

    @property
    def id(self) -> str:
        """The name of the release."""
        return self.release.name

    @property
    def example(self) -> bool:
        """True when the figures are invented."""
        return bool(self.manifest["voorbeeld"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """Path inside the release -> sha256 and bytes."""
        return self.manifest["bestanden"]


@dataclass(frozen=True)
class Published:
    """Where the release stands now; `new` is false when it stood there already. `removed`: older ones that made place."""

    place: str
    new: bool
    removed: tuple[str, ...] = ()


def refuse_other_bytes(source: Source, name: str, sha256: str) -> None:
    """Damaged when a copied file is not what the manifest says, with the culprit: the release, or the disk that was copied to."""
    if sha256 == source.files[name]["sha256"]:
        return
    if sha256_of(source.release / name) == source.files[name]["sha256"]:
        raise Damaged(
            f"{name} was not copied right", where=source.id, kept="The target is unchanged", todo="Look at the disk of the target"
        )
    raise Damaged(
        f"{name} is not what the manifest says",
        where=str(source.release),
        kept="The target is unchanged",
        todo="Run 'beeld rollback' or 'beeld refresh'",
    )
