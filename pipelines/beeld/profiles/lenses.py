"""Lenses: which figures stand in which chapter. A lens regroups; it never changes a number."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from beeld.errors import UsageError
from beeld.sources.declaring import Declaration, read_yaml, validated
from beeld.transforms.catalog import Catalog


class Chapter(Declaration):
    """One chapter of the profile: whole themes, and single figures that move here from their own theme."""

    id: str = Field(pattern=r"^[a-z][a-z-]*$")
    titel: str
    vorm: Literal["bevolking", "uitdaging", "kracht", "omgeving"]
    themas: tuple[str, ...] = ()
    indicatoren: tuple[str, ...] = ()


class Lens(Declaration):
    """A perspective on the figures of one area."""

    lens: str
    titel: str
    hoofdstukken: tuple[Chapter, ...] = Field(min_length=1)

    def moved(self) -> frozenset[str]:
        """Figures that stand in another chapter than that of their theme."""
        return frozenset(name for chapter in self.hoofdstukken for name in chapter.indicatoren)

    def figures(self, theme: str, catalog: Catalog) -> list[str]:
        """Figures of a theme that stay with it, in the order of the catalogue."""
        return [name for name in catalog.of_theme(theme) if name not in self.moved()]

    def leftover(self, catalog: Catalog) -> list[str]:
        """Themes that no chapter names; the page shows them at the end, so that no figure gets lost."""
        named = {theme for chapter in self.hoofdstukken for theme in chapter.themas}
        return [theme for theme in catalog.themes if theme not in named]


def load_lens(project: Path, name: str) -> Lens:
    """The lens `transforms/lenzen/<name>.yaml`; UsageError lists the lenses that exist when there is none of that name."""
    folder = project / "transforms" / "lenzen"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise UsageError(f"lens '{name}' does not exist", where=str(folder), todo=f"Choose one of: {', '.join(known)}")
    path = folder / f"{name}.yaml"
    return validated(Lens, read_yaml(path), path, name)
