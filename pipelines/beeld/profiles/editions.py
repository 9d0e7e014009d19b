"""What is different from the edition before: per area a line per figure with what was, what is and why; totals for the overview.

A difference between editions is about the same area and year. It says how we know a figure, never how an area developed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from beeld.profiles import wording
from beeld.profiles.language import Words, day, noted, tr
from beeld.profiles.model import Area, Cell, Release, Revised
from beeld.transforms.catalog import Catalog, Indicator

MOST = 12
"""Lines on a page; the workbook and table `wijziging` have them all."""
CAUSES = Words(
    {
        "nieuw jaar": "er kwam een jaar bij",
        "grens": "de grens, de code of de indeling van het gebied is een andere",
        "correctie": "wij verbeterden een bekende fout van de bron",
        "partner": "de partner of gemeente leverde opnieuw aan",
        "bronrevisie": "de bron leverde de tabel opnieuw",
        "methode": "de methode, het programma of een instelling is een andere",
        "onverklaard": "de oorzaak is niet gevonden; dat is een waarschuwing bij deze editie",
    }
)
"""Cause -> what it means, in the order of precedence."""
CAUSE_NAMES = Words(
    {
        "nieuw jaar": "nieuw jaar",
        "grens": "grens",
        "correctie": "correctie",
        "partner": "partner",
        "bronrevisie": "bronrevisie",
        "methode": "methode",
        "onverklaard": "onverklaard",
    }
)
KIND_NAMES = Words({"nieuw": "nieuw", "herzien": "herzien", "ingetrokken": "ingetrokken"})
FIRST = noted("Dit is de eerste editie. Er is geen eerdere editie om mee te vergelijken.")
SAME = noted("Geen enkel cijfer van {here} is anders dan in de vorige editie.")
MEANING = noted(
    "Een cijfer kan in een nieuwe editie anders zijn terwijl het over hetzelfde jaar gaat. Dat zegt iets over het cijfer, niet"
    " over wat er in het gebied veranderde."
)


@dataclass(frozen=True, slots=True)
class RevisedLine:
    """One figure that is different: how it is printed, and its row."""

    row: Revised
    indicator: Indicator | None
    """None when the catalogue no longer has it."""
    title: str
    unit: str
    source: str
    """Title of its source; empty when the catalogue no longer has the indicator."""
    was: str
    cell: Cell | None
    """The figure of this edition; None where this edition has no row for it."""
    now: str

    @property
    def about(self) -> str:
        """Unit and source, for beside the title."""
        return "; ".join(part for part in (self.unit, self.source) if part)


@dataclass(frozen=True)
class Revisions:
    """The section of one area."""

    editions: str
    """Which two editions are compared; empty in the first."""
    words: tuple[str, ...]
    causes: tuple[tuple[str, str, int], ...]
    """Cause, what it means, and how many figures it explains."""
    lines: tuple[RevisedLine, ...]

    @property
    def shown(self) -> tuple[RevisedLine, ...]:
        """The lines that a page has room for."""
        return self.lines[:MOST]

    @property
    def rest(self) -> str:
        """How many lines are left out, in words; empty when none is."""
        left = len(self.lines) - MOST
        return tr("En nog {count}. Het rekenblad en de tabel wijziging noemen ze alle.", count=left) if left > 0 else ""


@dataclass(frozen=True, slots=True)
class Total:
    """How many figures of one source differ by one cause, by kind."""

    source: str
    cause: str
    new: int
    revised: int
    withdrawn: int


def revisions_of(area: Area, release: Release, rows: Sequence[Revised], catalog: Catalog, years: Mapping[str, int]) -> Revisions:
    """The section of one area; `years`: the year that each figure is shown for, whose changes come first."""
    if not release.before:
        return Revisions("", (tr(FIRST),), (), ())
    if not rows:
        return Revisions(compared(release), (tr(SAME, here=wording.noun(area)),), (), ())
    order = {name: place for place, name in enumerate(catalog.indicators)}

    def rank(row: Revised) -> tuple[bool, bool, int, str, int]:
        place = order.get(row.indicator, len(order))
        return row.cause == "nieuw jaar", years.get(row.indicator) != row.year, place, row.indicator, -row.year

    counts = Counter(row.cause for row in rows)
    causes = tuple((cause, words, counts[cause]) for cause, words in CAUSES.items() if counts[cause])
    return Revisions(
        compared(release), (tr(MEANING),), causes, tuple(_line(area, row, catalog) for row in sorted(rows, key=rank))
    )


def compared(release: Release) -> str:
    """Which editions are compared, with the date of the newest figures in each."""
    if not release.before:
        return ""
    return tr(
        "Vergeleken met de vorige editie: {before} (bronnen tot en met {before_made}). Deze editie is"
        " {id} (bronnen tot en met {made}).",
        before=release.before,
        before_made=_day(release.before_made),
        id=release.id,
        made=_day(release.made),
    )


def _day(written: str) -> str:
    """A date that the release has as 01-07-2026, as it is written in the language that is spoken."""
    parts = written.split("-")
    return day(date(int(parts[2]), int(parts[1]), int(parts[0]))) if len(parts) == 3 else written


def _line(area: Area, row: Revised, catalog: Catalog) -> RevisedLine:
    indicator = catalog.indicators.get(row.indicator)
    cell, empty = None, row.old is None and row.new is None
    if row.new_status is not None:
        table = ("", "", "")
        cell = Cell(area.code, row.indicator, row.year, None, row.new, row.new_status, None, None, None, False, None, *table)
    return RevisedLine(
        row=row,
        indicator=indicator,
        title=indicator.titel if indicator else row.indicator,
        unit=wording.unit_name(indicator) if indicator else "",
        source=catalog.sources[indicator.bron].titel if indicator else "",
        was=_shown(row.old, row.old_status, indicator, exact=empty),
        cell=cell,
        now=_shown(row.new, row.new_status, indicator, exact=empty),
    )


def _shown(value: float | None, status: str | None, indicator: Indicator | None, *, exact: bool) -> str:
    """The value, or its state in words; `exact`: with the status itself, where two states may read the same."""
    if value is None:
        if status is None:
            return tr("niet in die editie")
        return f"{wording.STATES[status]} ({wording.STATUSES[status]})" if exact else wording.STATES[status]
    return wording.show_value(value, indicator, unit=False) if indicator else wording.numeral(value, 2)


def load_revised(con: duckdb.DuckDBPyConnection, codes: Iterable[str]) -> dict[str, tuple[Revised, ...]]:
    """Area -> its rows of `wijziging`."""
    found: defaultdict[str, list[Revised]] = defaultdict(list)
    rows: list[tuple[Any, ...]] = con.execute(
        """select gebiedscode, indicator, peiljaar, soort, oorzaak, oude_waarde, nieuwe_waarde, oude_status, nieuwe_status
        from wijziging where gebiedscode in (select unnest(?)) order by gebiedscode, indicator, peiljaar""",
        [sorted(codes)],
    ).fetchall()
    for code, *row in rows:
        found[code].append(Revised(*row))
    return {code: tuple(each) for code, each in found.items()}


def load_totals(con: duckdb.DuckDBPyConnection) -> tuple[Total, ...]:
    """How many figures differ from the edition before, by source and cause."""
    rows = con.execute(
        """select coalesce(i.bron, ''), w.oorzaak, count(*) filter (w.soort = 'nieuw'), count(*) filter (w.soort = 'herzien'),
          count(*) filter (w.soort = 'ingetrokken')
        from wijziging as w left join indicator as i using (indicator) group by 1, 2 order by 1, 2"""
    ).fetchall()
    return tuple(Total(*row) for row in rows)
