"""Figures as lines: what is printed of one figure, in words and in the order in which every format prints it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from beeld.profiles import wording
from beeld.profiles.language import Words, spoken, tr
from beeld.profiles.model import Cell, Figure, Profile
from beeld.profiles.wording import first_upper
from beeld.transforms.catalog import Catalog

MARKS = {"hoger": "▲ ", "lager": "▼ ", "gelijk": "≈ ", "niet_toetsbaar": ""}
DIRECTIONS = Words(
    {"gunstig": "hoger is gunstiger", "ongunstig": "hoger is ongunstiger", "neutraal": "niet gunstig of ongunstig"}
)
WARNINGS = Words({"voorlopig": "voorlopig", "grote marge": "grote marge", "bron niet bijgewerkt": "bron niet bijgewerkt"})


@dataclass(frozen=True, slots=True)
class Head:
    """Title, unit and which way is worse (empty for a neutral figure)."""

    title: str
    unit: str
    direction: str


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure with everything that stands beside it."""

    figure: Figure
    head: Head
    shown: str
    interval: str
    finding: str
    """The difference with the nearest larger area, with its mark; empty where there is nothing to say."""
    reason: str
    """Why it is empty, or what to know; empty when there is nothing."""
    beside: tuple[tuple[str, Cell], ...]
    """Head of the column and cell of each larger area."""
    untested: bool
    """True where the boundary was not tested."""

    @property
    def year(self) -> str:
        """The peiljaar as printed."""
        year = self.figure.cell.year
        return "–" if year is None else f"{year}{'°' if self.untested else ''}"

    @property
    def badges(self) -> tuple[str, ...]:
        """Kind of figure, and warnings."""
        cell = self.figure.cell
        return badges(self.figure.indicator.soort, cell.provisional, cell.reliable, self.figure.stale)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a figure comes from."""

    indicator: str
    title: str
    year: str
    kind: str
    publisher: str
    table: str
    column: str
    sha: str


def lines(profile: Profile, names: Iterable[str]) -> tuple[FigureLine, ...]:
    """The lines of these figures of one area."""
    return tuple(line(profile.figures[name]) for name in names)


def line(figure: Figure) -> FigureLine:
    """One figure in words."""
    cell, indicator, near = figure.cell, figure.indicator, figure.nearest
    finding = ""
    if near and near.relation:
        finding = f"{MARKS[near.relation]}{wording.relation_words(near.relation, indicator)} {wording.definite(near.area)}"
    untested, reason = remarks(cell)
    if reason:
        words = wording.plain_reason(reason)
        reason = tr("let op: {reason}", reason=words) if figure.present else tr("reden: {reason}", reason=words)
    return FigureLine(
        figure=figure,
        head=_head(indicator.titel, wording.unit_name(indicator), indicator.richting, spoken().code),
        shown=wording.show(cell, indicator),
        interval=wording.show_interval(cell, indicator, assumed=figure.assumed) or "",
        finding=finding,
        reason=reason,
        beside=tuple((first_upper(wording.definite(c.area)), c.cell) for c in figure.comparisons),
        untested=untested,
    )


def remarks(cell: Cell) -> tuple[bool, str]:
    """Whether the boundary of a figure was not tested, which has a sign, and what else there is to know."""
    stated = cell.reason or ""
    return stated.startswith(wording.UNTESTED), stated.removeprefix(wording.UNTESTED).removeprefix("; ")


@lru_cache(maxsize=1024)
def _head(title: str, unit: str, direction: str, _language: str) -> Head:
    return Head(title, unit, "" if direction == "neutraal" else DIRECTIONS[direction])


def badges(kind: str, provisional: bool, reliable: bool | None, stale: bool) -> tuple[str, ...]:
    """The kind in words, and what to be careful about."""
    return _badges(kind, provisional, reliable, stale, spoken().code)


@lru_cache(maxsize=1024)
def _badges(kind: str, provisional: bool, reliable: bool | None, stale: bool, _language: str) -> tuple[str, ...]:
    states = (("voorlopig", provisional), ("grote marge", reliable is False), ("bron niet bijgewerkt", stale))
    return (wording.KINDS[kind], *(WARNINGS[word] for word, holds in states if holds))


def deliveries(origins: Iterable[Origin]) -> dict[tuple[str, str, str], list[Origin]]:
    """Figures by the delivery that they are from: publisher, table and its mark, in the order in which they first came."""
    found: dict[tuple[str, str, str], list[Origin]] = {}
    for each in origins:
        found.setdefault((each.publisher, each.table, each.sha), []).append(each)
    return found


def origin(figure: Figure, catalog: Catalog) -> Origin:
    """Source, table, column, year and delivery of a figure."""
    source = catalog.sources[figure.indicator.bron]
    cell = figure.cell
    return Origin(
        indicator=figure.id,
        title=figure.indicator.titel,
        year=str(cell.year or "–"),
        kind=wording.KINDS[figure.indicator.soort],
        publisher=f"{source.uitgever}, {source.titel}",
        table=cell.table or "–",
        column=cell.column or "–",
        sha=cell.sha[:8] or "–",
    )
