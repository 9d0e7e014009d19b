"""Pieces of HTML that every page is made of: a figure, a sentence, a row of a table.

They are written here and not in templates because a national run prints a million of them. Whatever comes from outside is
escaped on the spot.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup, escape

from beeld.profiles import wording
from beeld.profiles.model import Cell, Figure, Profile
from beeld.profiles.text import Number, Sentence
from beeld.profiles.wording import first_upper
from beeld.transforms.catalog import Catalog, Indicator

MARKS = {"hoger": "▲ ", "lager": "▼ ", "gelijk": "≈ ", "niet_toetsbaar": ""}
DIRECTIONS = {"gunstig": "hoger is gunstiger", "ongunstig": "hoger is ongunstiger", "neutraal": "niet gunstig of ongunstig"}


@dataclass(frozen=True)
class Row:
    """One figure as a row of a table."""

    html: Markup
    columns: tuple[str, ...]
    untested: bool


def safe(html: str) -> Markup:
    """`html` as it stands. Callers have escaped every part of it that comes from outside."""
    return Markup(html)  # noqa: S704


def attributes(cell: Cell) -> str:
    """The `data-*` attributes of a printed figure; none where no source delivered it, because there is no year either."""
    if cell.year is None:
        return ""
    start = f'data-gebied="{_quoted(cell.area)}" data-indicator="{_quoted(cell.indicator)}" data-peiljaar="{cell.year}"'
    value = "" if cell.value is None else f' data-waarde="{cell.value!r}"'
    return f'{start} data-status="{_quoted(cell.status)}"{value}'


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    return str(escape(value))


def number(cell: Cell, indicator: Indicator, *, unit: bool = False) -> Markup:
    """A figure as an element."""
    shape = "getal" if cell.value is not None else "leeg"
    return safe(f'<span class="{shape}" {attributes(cell)}>{_quoted(wording.show(cell, indicator, unit=unit))}</span>')


def sentence(line: Sentence) -> Markup:
    """A sentence with its figures as elements."""
    return Markup("").join(number(p.cell, p.indicator, unit=True) if isinstance(p, Number) else escape(p) for p in line.parts)


def css_string(value: str) -> Markup:
    """`value` as a CSS string in which nothing but letters, digits and spaces stands unescaped."""
    return safe('"' + "".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):x} " for c in value) + '"')


def address(folder: Path, path: Path) -> str:
    """The relative address of `path` as seen from a page in `folder`."""
    return quote(os.path.relpath(path, folder).replace(os.sep, "/"))


def rows(profile: Profile, names: Iterable[str]) -> tuple[Row, ...]:
    here = first_upper(wording.noun(profile.area))
    return tuple(_row(profile.figures[name], here) for name in names)


def _row(figure: Figure, here: str) -> Row:
    """A figure as a row: written here and not in the template, because a national run prints a million of them."""
    cell, indicator = figure.cell, figure.indicator
    parts = [f'<tr><th scope="row">{_head(indicator.titel, wording.unit_name(indicator), indicator.richting)}</th>']
    parts.append(f'<td class="eigen" data-kop="{here}">{number(cell, indicator)}')
    interval = wording.show_interval(cell, indicator, assumed=figure.assumed)
    if interval:
        parts.append(
            f' <small class="marge" data-ondergrens="{cell.lower!r}" data-bovengrens="{cell.upper!r}">{interval}</small>'
        )
    near = figure.nearest
    if near and near.relation:
        words = f"{MARKS[near.relation]}{wording.relation_words(near.relation, indicator)} {wording.definite(near.area)}"
        parts.append(f' <small class="merkteken">{words}</small>')
    untested = (cell.reason or "").startswith(wording.UNTESTED)
    reason = (cell.reason or "").removeprefix(wording.UNTESTED).removeprefix("; ")
    if reason:
        parts.append(
            f' <small class="reden">{"let op" if figure.present else "reden"}: {_quoted(wording.plain_reason(reason))}</small>'
        )
    columns = tuple(first_upper(wording.definite(c.area)) for c in figure.comparisons)
    cells = zip(columns, figure.comparisons, strict=True)
    parts += [f'</td><td data-kop="{column}">{number(c.cell, indicator)}' for column, c in cells]
    meta = _meta(cell.year, indicator.soort, cell.provisional, cell.reliable, untested, figure.stale)
    parts.append(f'</td><td data-kop="Jaar en soort"><span>{meta}</span></td></tr>\n')
    return Row(safe("".join(parts)), columns, untested)


@lru_cache(maxsize=1024)
def _head(title: str, unit: str, direction: str) -> Markup:
    """Title, unit and which way is worse."""
    better = "" if direction == "neutraal" else f"; {DIRECTIONS[direction]}"
    return safe(f"{escape(title)} <small>{escape(unit)}{better}</small>")


@lru_cache(maxsize=1024)
def _meta(year: int | None, kind: str, provisional: bool, reliable: bool | None, untested: bool, stale: bool) -> Markup:
    """Year, kind and warnings of a figure."""
    shown = "–" if year is None else f"{year}{'°' if untested else ''}"
    states = (("voorlopig", provisional), ("grote marge", reliable is False), ("bron niet bijgewerkt", stale))
    badges = [wording.KINDS[kind], *(word for word, holds in states if holds)]
    spans = [f'<span class="soort soort-{kind}">{badge}</span>' for badge in badges]
    return safe(f"{shown} {' '.join(spans)}")


@lru_cache(maxsize=4096)
def _origin(name: str, title: str, kind: str, publisher: str, year: int | None, table: str, column: str, sha: str) -> Markup:
    """Where a figure comes from, as a row; the same for most areas."""
    cells = [str(year or "–"), wording.KINDS[kind], publisher, table or "–"]
    narrow = [column or "–", sha[:8] or "–"]
    row = "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "".join(
        f'<td class="kolom">{escape(cell)}</td>' for cell in narrow
    )
    return safe(f'<tr><th scope="row"><a href="../../methode/{escape(name)}.html">{escape(title)}</a></th>{row}</tr>')


def origin(figure: Figure, catalog: Catalog) -> Markup:
    source = catalog.sources[figure.indicator.bron]
    cell, indicator = figure.cell, figure.indicator
    publisher = f"{source.uitgever}, {source.titel}"
    return _origin(figure.id, indicator.titel, indicator.soort, publisher, cell.year, cell.table, cell.column, cell.sha)
