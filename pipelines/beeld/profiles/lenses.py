"""Lenses: which figures stand in which chapter, and what of its own elements open figures can measure.

A lens regroups; it never changes a number. Its meter says per element whether a figure measures it directly, only nearby (proxy)
or not at all, from what the release delivers; a gap is printed as a gap and never filled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from beeld.errors import UsageError
from beeld.sources.declaring import Declaration, read_yaml, validated
from beeld.transforms.catalog import Catalog

Measure = Literal["direct", "proxy", "geen"]


class Chapter(Declaration):
    """One chapter of the profile: whole themes, and single figures that move here from their own theme."""

    id: str = Field(pattern=r"^[a-z][a-z-]*$")
    titel: str
    vorm: Literal["bevolking", "uitdaging", "kracht", "omgeving"]
    themas: tuple[str, ...] = ()
    indicatoren: tuple[str, ...] = ()
    kop: str = ""
    """Title above the figures that moved here; empty: that of the chapter."""


class Element(Declaration):
    """One thing that an initiative wants to know, and the figures that say something about it."""

    id: str = Field(pattern=r"^[a-z][a-z-]*$")
    titel: str
    direct: tuple[str, ...] = ()
    """Figures that measure it."""
    proxy: tuple[str, ...] = ()
    """Figures about something nearby."""
    toelichting: str = ""


@dataclass(frozen=True)
class Coverage:
    """How far the figures of a release reach for one element."""

    element: Element
    direct: tuple[str, ...]
    proxy: tuple[str, ...]
    undelivered: tuple[str, ...]
    """Declared figures without a value in this release."""

    @property
    def measure(self) -> Measure:
        """The best that there is: one direct figure makes it direct."""
        return "direct" if self.direct else "proxy" if self.proxy else "geen"


class Lens(Declaration):
    """A perspective on the figures of one area."""

    lens: str
    titel: str
    inleiding: str = ""
    hoofdstukken: tuple[Chapter, ...] = Field(min_length=1)
    elementen: tuple[Element, ...] = ()

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

    def coverage(self, delivered: Collection[str]) -> list[Coverage]:
        """Per element what the figures in `delivered` (ids with a value in the release) can say about it."""
        return [_covered(element, delivered) for element in self.elementen]

    def mistakes(self, catalog: Catalog) -> list[str]:
        """Themes and figures that do not exist or stand twice, and elements that call one figure both direct and proxy."""
        themes = [theme for chapter in self.hoofdstukken for theme in chapter.themas]
        moved = [name for chapter in self.hoofdstukken for name in chapter.indicatoren]
        used = [*moved, *(name for element in self.elementen for name in (*element.direct, *element.proxy))]
        found = [f"no such theme: {theme}" for theme in themes if theme not in catalog.themes]
        found += [f"no such indicator: {name}" for name in used if name not in catalog.indicators]
        found += [f"stands in two chapters: {name}" for name in _repeated([*themes, *moved])]
        ids = [*(chapter.id for chapter in self.hoofdstukken), *(each.id for each in self.elementen)]
        found += [
            f"id used twice: {name}"
            for name in _repeated(ids[: len(self.hoofdstukken)]) + _repeated(ids[len(self.hoofdstukken) :])
        ]
        for element in self.elementen:
            found += [f"{element.id} names {name} twice" for name in _repeated([*element.direct, *element.proxy])]
        return found


def _covered(element: Element, delivered: Collection[str]) -> Coverage:
    declared = (*element.direct, *element.proxy)
    return Coverage(
        element,
        tuple(name for name in element.direct if name in delivered),
        tuple(name for name in element.proxy if name in delivered),
        tuple(name for name in declared if name not in delivered),
    )


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name) is not None]


def known_lenses(project: Path) -> list[str]:
    """The names of the lenses of a project, in order."""
    return sorted(path.stem for path in (project / "transforms" / "lenzen").glob("*.yaml"))


def load_lens(project: Path, name: str, catalog: Catalog | None = None) -> Lens:
    """The lens `transforms/lenzen/<name>.yaml`; UsageError lists the lenses that exist when there is none of that name.

    With `catalog` a lens that names what does not exist, or a figure twice, is refused too.
    """
    folder = project / "transforms" / "lenzen"
    known = known_lenses(project)
    if name not in known:
        raise UsageError(f"lens '{name}' does not exist", where=str(folder), todo=f"Choose one of: {', '.join(known)}")
    path = folder / f"{name}.yaml"
    lens = validated(Lens, read_yaml(path), path, name)
    if catalog is not None and (mistakes := lens.mistakes(catalog)):
        raise UsageError("; ".join(mistakes), where=str(path), todo="Mend the lens")
    return lens
