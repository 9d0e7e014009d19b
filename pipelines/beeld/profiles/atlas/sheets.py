"""A sheet: one subject in one year for all buurten of the atlas, with the classes and colours that the drawn maps have.

Classes, labels, colours and patterns come from `beeld.profiles.maps`; the page in the browser only looks them up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import duckdb
import numpy as np

from beeld.profiles.atlas.listing import Choice
from beeld.profiles.atlas.words import WORDS
from beeld.profiles.language import noted, tr
from beeld.profiles.lines import badges
from beeld.profiles.maps.classes import class_labels, classify, rounded
from beeld.profiles.maps.figures import FLOOR, ORIGIN, STATES, Figures, Subject, few_people
from beeld.profiles.maps.style import EMPTY, POLARITY, State, ink_on, ramp
from beeld.profiles.maps.table import subject_bounds
from beeld.profiles.maps.text import clean, listed
from beeld.profiles.reading import ReleaseData
from beeld.profiles.wording import STATES as STATE_WORDS
from beeld.profiles.wording import numeral, plain_reason

VALUES = """
select w.gebiedscode, w.waarde, w.status, w.reden, w.ondergrens, w.bovengrens, w.voorlopig, w.betrouwbaar, w.bron_tabel
from waarde as w
where w.indicator = ? and w.peiljaar = ? and w.gebiedscode in (select unnest(?))
order by w.gebiedscode
"""
SCORES = """
select s.gebiedscode, s.score
from thema_score as s
where s.thema = ? and s.referentie = 'nl' and s.score is not null and s.gebiedscode in (select unnest(?))
order by s.gebiedscode
"""
NATIONAL = """
select w.peiljaar, w.waarde
from waarde as w
join gebied as g using (gebiedscode)
where g.soort = 'buurt' and g.inwoners >= ? and w.status = 'ok' and w.indicator = ? and w.peiljaar in (select unnest(?))
order by w.peiljaar, w.gebiedscode
"""
NATIONAL_SCORES = """
select s.score
from thema_score as s
join gebied as g using (gebiedscode)
where g.soort = 'buurt' and g.inwoners >= ? and s.thema = ? and s.referentie = 'nl' and s.score is not null
order by s.gebiedscode
"""


@dataclass(frozen=True)
class Shown:
    """What is shown of one buurt; `state` says why there is no value."""

    value: float | None
    state: State
    status: str
    reason: str
    lower: float | None
    upper: float | None
    badges: tuple[str, ...]
    reliable: bool | None


@dataclass(frozen=True)
class Reader:
    """Reads sheets of a release for the buurten `codes`, in that order; `gemeenten` has the gemeente of each."""

    con: duckdb.DuckDBPyConnection
    data: ReleaseData
    codes: Sequence[str]
    gemeenten: Mapping[str, str]

    @cached_property
    def origin(self) -> Mapping[str, tuple[int, str]]:
        """Year and tables of each figure in its latest year."""
        return {name: (int(year), tables) for name, year, tables in self.con.execute(ORIGIN).fetchall()}

    def sheets(self, choice: Choice) -> list[dict[str, Any]]:
        """The sheets of a subject, newest first, as they are written (see `written`)."""
        if choice.theme is not None:
            return [self._theme(choice, choice.theme)]
        rows = self.con.execute(NATIONAL, [FLOOR, choice.key, list(choice.years)]).fetchnumpy()
        years, values = np.asarray(rows["peiljaar"]), np.asarray(rows["waarde"], dtype=np.float64)
        return [self._figure(choice.key, year, values[years == year].tolist()) for year in choice.years]

    def _figure(self, key: str, year: int, national: Sequence[float]) -> dict[str, Any]:
        rows = self.con.execute(VALUES, [key, year, list(self.codes)]).fetchall()
        indicator = self.data.catalog.indicators[key]
        shown = {row[0]: self._cell(key, row) for row in rows}
        tables = sorted({table for row in rows for table in row[8].split(", ") if table})
        subject = self._figures({key: national}, {key: (year, ", ".join(tables))}).indicator(key)
        found = self._written(subject, year, shown, _absent(indicator.soort))
        return {**found, "period": str(year), "margin": _margin_word(subject), "key": key}

    def _theme(self, choice: Choice, theme: str) -> dict[str, Any]:
        catalog = self.data.catalog
        origin = self.origin
        names = [name for name in catalog.core(theme) if name in origin]
        national = [float(row[0]) for row in self.con.execute(NATIONAL_SCORES, [FLOOR, theme]).fetchall()]
        subject = self._figures({f"thema {theme}": national}, origin).theme(theme, names)
        rows = self.con.execute(SCORES, [theme, list(self.codes)]).fetchall()
        kind = ("score", *([subject.badge] if subject.badge else []))
        shown = {code: Shown(score, "ok", "ok", "", None, None, kind, None) for code, score in rows}
        absent = {code: self._no_score(code, kind) for code in self.codes if code not in shown}
        years = listed([str(year) for year in sorted({origin[name][0] for name in names})])
        found = self._written(subject, 0, {**shown, **absent}, _absent("score"))
        return {**found, "period": years, "margin": "", "key": choice.key}

    def _no_score(self, code: str, kind: tuple[str, ...]) -> Shown:
        people = self.data.areas[code].inhabitants
        state: State = "te_weinig_inwoners" if people is not None and people < FLOOR else "geen_gegevens"
        reason = tr(EMPTY[state][0] if state == "te_weinig_inwoners" else noted("te weinig kerncijfers voor een score"))
        return Shown(None, state, "onbekend", reason, None, None, kind, None)

    def _figures(self, national: Mapping[str, Sequence[float]], origin: Mapping[str, tuple[int, str]]) -> Figures:
        titles = {
            row["tabel"]: clean(f"{row['uitgever']}, {row['titel']} ({row['tabel']})", most=300) for row in self.data.sources
        }
        return Figures(self.data.catalog, (), {key: np.array(values) for key, values in national.items()}, {}, origin, titles)

    def _cell(self, key: str, row: tuple[Any, ...]) -> Shown:
        code, value, status, reason, lower, upper, provisional, reliable, table = row
        indicator = self.data.catalog.indicators[key]
        stale = (indicator.bron, table) in self.data.stale
        marks = badges(indicator.soort, provisional, reliable, stale)
        sure = False if few_people(indicator.soort, self.data.areas[code].inhabitants) else reliable
        return Shown(value, STATES.get(status, "geen_gegevens"), status, plain_reason(reason or ""), lower, upper, marks, sure)

    def _written(self, subject: Subject, year: int, shown: Mapping[str, Shown], absent: Shown) -> dict[str, Any]:
        """The sheet as columns; texts of numbers are joined, because a thousand short strings weigh more than one long one."""
        cells = [shown.get(code, absent) for code in self.codes]
        unsure = [cell.value is not None and cell.reliable is False for cell in cells]
        kinds = sorted({_kind(cell) for cell in cells})
        number = {kind: position for position, kind in enumerate(kinds)}
        decimals = subject.decimals
        nl = subject_bounds(subject, "nl")
        own = self._own(subject, cells)
        return {
            "year": year,
            "source": subject.sources,
            "polarity": POLARITY[subject.polarity],
            "badge": subject.badge,
            "kinds": [[kind[0], _state_word(kind), *kind[1:3], list(kind[3])] for kind in kinds],
            "kind": [number[_kind(cell)] for cell in cells],
            "value": _unrounded([cell.value for cell in cells], decimals),
            "shown": _joined([cell.value for cell in cells], decimals),
            "lower": _joined([_bound(cell, cell.lower) for cell in cells], decimals),
            "upper": _joined([_bound(cell, cell.upper) for cell in cells], decimals),
            "unsure": [position for position, each in enumerate(unsure) if each],
            "nl": _classes(cells, [nl] * len(cells), decimals),
            "own": _classes(cells, [own[self.gemeenten[code]] for code in self.codes], decimals),
            "nlLabels": class_labels(nl, decimals),
            "ownLabels": {gemeente: class_labels(bounds, decimals) for gemeente, bounds in sorted(own.items())},
            "ramps": {
                classes: [[colour, ink_on(colour)] for colour in ramp(subject.polarity, classes)]
                for classes in sorted({len(bounds) + 1 for bounds in (nl, *own.values())})
            },
        }

    def _own(self, subject: Subject, cells: Sequence[Shown]) -> dict[str, tuple[float, ...]]:
        """The class bounds within each gemeente."""
        within: dict[str, dict[str, tuple[float | None, State, bool | None]]] = {}
        for code, cell in zip(self.codes, cells, strict=True):
            within.setdefault(self.gemeenten[code], {})[code] = (cell.value, cell.state, cell.reliable)
        return {gemeente: subject_bounds(replace(subject, cells=found), "gemeente") for gemeente, found in within.items()}


def _kind(cell: Shown) -> tuple[str, str, str, tuple[str, ...]]:
    return (cell.status, cell.state, cell.reason, cell.badges)


def _state_word(kind: tuple[str, str, str, tuple[str, ...]]) -> str:
    status, state = kind[0], kind[1]
    return "" if status == "ok" else tr("geen score") if state == "te_weinig_inwoners" else STATE_WORDS[status]


def _absent(kind: str) -> Shown:
    return Shown(
        None,
        "geen_gegevens",
        "niet_geleverd",
        tr("deze tabel is niet geleverd"),
        None,
        None,
        badges(kind, False, None, False),
        None,
    )


def _margin_word(subject: Subject) -> str:
    return WORDS["assumed_margin"] if subject.margin == tr("aangenomen marge") else WORDS["margin_word"]


def _bound(cell: Shown, bound: float | None) -> float | None:
    """A bound of the interval that is printed: there is a value, and the interval has a width."""
    return None if cell.value is None or cell.lower is None or cell.upper is None or cell.lower == cell.upper else bound


def _joined(values: Sequence[float | None], decimals: int) -> str:
    """The numbers as printed, joined by `|`; empty where there are none at all."""
    if all(value is None for value in values):
        return ""
    return "|".join("" if value is None else numeral(value, decimals) for value in values)


def _classes(cells: Sequence[Shown], bounds: Sequence[Sequence[float]], decimals: int) -> str:
    """A digit per buurt, a dash where there is no value."""
    return "".join(
        "-" if cell.value is None else str(classify(cell.value, each, decimals)) for cell, each in zip(cells, bounds, strict=True)
    )


def _unrounded(values: Sequence[float | None], decimals: int) -> list[float | None] | None:
    """The values as they are; None when the printed texts already say them exactly, as most published figures do."""
    return None if all(value is None or value == rounded(value, decimals) for value in values) else list(values)
