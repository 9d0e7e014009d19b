"""The site that is being written: what every renderer gets beside a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from beeld.profiles.language import Language, language, noted, tr
from beeld.profiles.lenses import Coverage, Lens
from beeld.profiles.model import Area, Release
from beeld.profiles.reading import ReleaseData
from beeld.transforms.target_groups import TargetGroup


class Picture(Protocol):
    """A drawn map, as `beeld.profiles.maps` returns it; `key` is `<theme or indicator>-nl`, `-gemeente` or `ligging-<code>`."""

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def alt(self) -> str: ...
    @property
    def svg(self) -> Path: ...
    @property
    def png(self) -> Path: ...
    @property
    def caption(self) -> str: ...


FILES = {
    "pdf": ("profiel.pdf", noted("PDF om te printen")),
    "pptx": ("profiel.pptx", noted("dia's (PowerPoint)")),
    "xlsx": ("profiel.xlsx", noted("rekenblad (Excel)")),
}
"""Format -> the file beside the page of an area, and what a reader calls it."""


@dataclass(frozen=True)
class Site:
    """The site that is being written."""

    folder: Path
    data: ReleaseData
    lens: Lens
    rendered: frozenset[str]
    warnings: tuple[str, ...] = ()
    groups: Mapping[str, TargetGroup] = field(default_factory=dict[str, TargetGroup])
    formats: tuple[str, ...] = ("html",)
    atlas: bool = False
    """True when the site gets an atlas, so that pages may link to it."""
    pack: bool = False
    """True when `overzicht.html` lies beside the index: the chosen areas side by side."""
    language: str = "nl"
    others: Mapping[str, str] = field(default_factory=dict[str, str])
    """Language -> folder of the same site in that language, as seen from this one; a language that is not made has none."""

    @property
    def translations(self) -> list[tuple[Language, str]]:
        """The other languages in which the same pages stand, and where."""
        return translated(self.others)

    @property
    def downloads(self) -> list[tuple[str, str]]:
        """The other formats of each area that are rendered with its page."""
        return [(FILES[name][0], tr(FILES[name][1])) for name in self.formats if name in FILES]

    @cached_property
    def coverage(self) -> list[Coverage]:
        """What the release can say about each element of the lens."""
        return self.lens.coverage(self.data.measured)


def translated(others: Mapping[str, str]) -> list[tuple[Language, str]]:
    """Languages with the folder of their pages, from language -> folder."""
    return [(language(code), place) for code, place in others.items()]


def file_name(area: Area, release: Release, file: str) -> str:
    """What a copy of `file` is called: it says area and edition by itself, and holds nothing that a source could choose."""
    return f"{area.code}-{release.id}-{file}"
