"""What the slides say of a difference with the edition before: a slide per cause, because that is one message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from beeld.profiles.editions import CAUSE_NAMES, KIND_NAMES, RevisedLine, Revisions
from beeld.profiles.language import noted, tr
from beeld.profiles.wording import first_upper

MOST = 6
"""Figures on a slide; each may take two lines of it."""
HEADS = (noted("Cijfer"), noted("Deze editie"), noted("Vorige editie"), noted("Jaar"), noted("Wat"))
TITLE = noted("Gewijzigd sinds de vorige editie: {cause} ({count})")
REST = noted("En nog {count}. Het rekenblad en de tabel wijziging noemen ze alle.")


@dataclass(frozen=True)
class CauseSlide:
    """One cause: the figures that differ by it, most important first, and what the presenter may tell."""

    title: str
    words: str
    """What the cause means, and that a difference is no development."""
    rows: tuple[tuple[str, ...], ...]
    """As HEADS."""
    below: str
    """Which editions are compared, and how many figures are left out."""
    notes: tuple[str, ...]
    """The source of each figure."""


def cause_slides(revisions: Revisions) -> Iterator[CauseSlide]:
    """A slide per cause in the order of precedence; none when nothing differs or nothing came before."""
    for cause, words, count in revisions.causes:
        lines = [line for line in revisions.lines if line.row.cause == cause]
        left = len(lines) - MOST
        counted = tr("{count} cijfer", count=count) if count == 1 else tr("{count} cijfers", count=count)
        yield CauseSlide(
            tr(TITLE, cause=CAUSE_NAMES[cause], count=counted),
            " ".join([f"{first_upper(words)}.", *revisions.words]),
            tuple(_row(line) for line in lines[:MOST]),
            " ".join(filter(None, [revisions.editions, tr(REST, count=left) if left > 0 else ""])),
            tuple(f"{line.title} ({line.row.year}): {line.source}" for line in lines[:MOST] if line.source),
        )


def _row(line: RevisedLine) -> tuple[str, ...]:
    unit = f" ({line.unit})" if line.unit else ""
    return f"{line.title}{unit}", line.now, line.was, str(line.row.year), KIND_NAMES[line.row.kind]
