"""Is a source looked at as often as it declares (`verversing`), and did the last look succeed? From the archive alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from beeld.errors import BeeldError
from beeld.settings import Settings
from beeld.sources import archive
from beeld.sources.declarations import Source

FRESH, STALE, UNKNOWN = "actueel", "verouderd", "onbekend"
WINDOWS: Mapping[str, timedelta] = {
    "wekelijks": timedelta(days=10),
    "maandelijks": timedelta(days=45),
    "jaarlijks": timedelta(days=45),
}
"""Declared rhythm -> how old the last good look may be: the rhythm of the schedule that looks at it, with room for one holiday.
A yearly source is looked at every month. A rhythm that is not here (a file that somebody drops) has no deadline."""


@dataclass(frozen=True)
class Freshness:
    """How one source stands: actueel, verouderd, or onbekend (switched off, or never delivered and not required)."""

    bron: str
    toestand: str
    sinds: str
    """When it was last looked at and all was well, or since when it fails; empty: not known."""
    reden: str


def freshness(settings: Settings, source: Source, now: datetime) -> Freshness:
    """How a source stands at `now`. A table never delivered says nothing, unless nothing of a required source was."""
    from beeld.sources.fetch import looked_at  # slow, and Dagster loads this module again and again

    if source.bron in settings.switched_off:
        return Freshness(source.bron, UNKNOWN, "", "uitgezet in beeld.toml")
    try:
        states = [archive.load_state(settings.raw, source.bron, table.tabel) for table in looked_at(settings, source)]
    except BeeldError as error:
        return Freshness(source.bron, STALE, "", error.message)
    used = [state for state in states if state.snapshot]
    failing = [state for state in (used or states if source.verplicht else used) if state.laatste_fout]
    if failing:
        first = min(failing, key=lambda state: state.fout_sinds)
        return Freshness(source.bron, STALE, first.fout_sinds, first.laatste_fout)
    if not used:
        return Freshness(source.bron, UNKNOWN, "", "nog nooit geleverd")
    looked = min(state.gecontroleerd for state in used)
    return Freshness(source.bron, *_in_time(source.verversing, looked, now))


def _in_time(rhythm: str, looked: str, now: datetime) -> tuple[str, str, str]:
    """State, since when, and why, of a source of which every last look was good."""
    window = WINDOWS.get(rhythm)
    if window is None or not looked:
        return FRESH, looked, f"verversing: {rhythm}"
    age = now.astimezone(UTC) - datetime.fromisoformat(looked.replace("Z", "+00:00"))
    if age <= window:
        return FRESH, looked, f"verversing: {rhythm}"
    return STALE, looked, f"{age.days} dagen niet bekeken; verversing: {rhythm}, hoogstens {window.days} dagen"
