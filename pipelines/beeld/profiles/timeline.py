"""The chapter on change over the years: a row per figure with what its test says, and which figures are not shown or not tested.

A reason that many figures share is printed once, with their names. How many changes chance alone would show is said beside how
many were found (docs/methode.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from beeld.profiles import wording
from beeld.profiles.language import Words, tr
from beeld.profiles.lines import remarks
from beeld.profiles.model import Cell, Change, Figure
from beeld.sources.declarations import Source
from beeld.transforms import gate

WORDS = Words(
    {
        "stijgt": "stijgt",
        "daalt": "daalt",
        "geen_aantoonbare_verandering": "geen aantoonbare verandering",
        "niet_toetsbaar": "niet te toetsen",
    }
)
FALSE_ALARMS = {"twee jaren": 0.05, "vijf jaren": 0.002}
"""Share of the tests that find a change where there is none, by the first words of their reason."""


FEWEST_DRAWN = 3
"""Years with a value from which a line is drawn."""


@dataclass(frozen=True)
class Line:
    """One figure over the years: its cells by year, the tests that were done, and what they say together."""

    figure: Figure
    unit: str
    cells: Mapping[int, Cell]
    tests: tuple[Change, ...]
    untested: str
    """Why there is no outcome; empty when a test was done."""

    @property
    def title(self) -> str:
        """The name of the figure."""
        return self.figure.indicator.titel

    @property
    def drawn(self) -> bool:
        """True when there are enough years for a line."""
        return sum(cell.value is not None for cell in self.cells.values()) >= FEWEST_DRAWN


@dataclass(frozen=True)
class Group:
    """A reason with the figures that it holds for."""

    reason: str
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Timeline:
    """Everything the chapter prints."""

    years: tuple[int, ...]
    lines: tuple[Line, ...]
    tested: str
    untestable: tuple[Group, ...]
    refused: tuple[Group, ...]

    @property
    def drawn(self) -> bool:
        """True when at least one figure has a line."""
        return any(line.drawn for line in self.lines)

    @property
    def untested(self) -> bool:
        """True when the boundary of a figure was not tested in a year, so that its sign is explained."""
        return any(untested for untested, _ in self._remarks)

    @property
    def remarked(self) -> bool:
        """True when a figure comes with another remark in a year."""
        return any(rest for _, rest in self._remarks)

    @property
    def _remarks(self) -> Iterator[tuple[bool, str]]:
        return (remarks(cell) for line in self.lines for cell in line.cells.values() if cell.value is not None)


def timeline(figures: Sequence[Figure], changes: Mapping[str, Sequence[Change]], sources: Mapping[str, Source]) -> Timeline:
    """The chapter of one area: figures with a value in at least two years that may be followed, then those that may not."""
    decisions = {f.id: gate.decide(f.indicator, sources[f.indicator.bron], "trend") for f in figures}
    shown = [f for f in figures if decisions[f.id].allowed and sum(cell.value is not None for cell in f.history) > 1]
    years = sorted({cell.year for f in shown for cell in f.history if cell.year is not None})
    found = {f.id: list(changes.get(f.id, ())) for f in shown}
    untestable = [(c.reason, f.indicator.titel) for f in shown for c in found[f.id] if c.outcome == "niet_toetsbaar"]
    refused = [(decisions[f.id].reden, f.indicator.titel) for f in figures if not decisions[f.id].allowed and f.present]
    return Timeline(
        tuple(years),
        tuple(_line(f, found[f.id]) for f in shown),
        _tested([change for each in found.values() for change in each]),
        _grouped(untestable),
        _grouped(refused),
    )


def _line(figure: Figure, changes: Sequence[Change]) -> Line:
    tests = tuple(change for change in changes if change.outcome != "niet_toetsbaar")
    untested = "" if tests else tr("niet te toetsen") if changes else tr("niet getoetst")
    cells = {cell.year: cell for cell in figure.history if cell.year is not None}
    return Line(figure, wording.unit_name(figure.indicator), cells, tests, untested)


def _tested(changes: Iterable[Change]) -> str:
    """How many tests were done, how many found a change, and how many would by chance alone."""
    tests = [change for change in changes if change.outcome != "niet_toetsbaar"]
    if not tests:
        return tr("Van dit gebied is geen enkele verandering te toetsen.")
    chance = sum(FALSE_ALARMS[change.reason.split(":")[0]] for change in tests)
    moved = sum(change.outcome in ("stijgt", "daalt") for change in tests)
    done = tr("is 1 toets") if len(tests) == 1 else tr("zijn {count} toetsen", count=len(tests))
    several = tr("geen enkele wijst") if moved == 0 else tr("{count} wijzen", count=moved)
    return tr(
        "Hier {done} gedaan; {named} een verandering aan. Ook als er niets veranderde, zou dat door toeval bij ongeveer "
        "{chance} toetsen gebeuren.",
        done=done,
        named=tr("1 wijst") if moved == 1 else several,
        chance=wording.numeral(chance, 1),
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> tuple[Group, ...]:
    """Titles by reason, both in the order in which they first came."""
    groups: dict[str, dict[str, None]] = {}
    for reason, title in pairs:
        groups.setdefault(reason, {})[title] = None
    return tuple(Group(wording.first_upper(wording.plain_reason(reason)), tuple(titles)) for reason, titles in groups.items())
