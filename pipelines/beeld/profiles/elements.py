"""Pieces of HTML that every page is made of: a figure, a sentence, a row of a table.

They are written here and not in templates because a national run prints a million of them. Whatever comes from outside is
escaped on the spot.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Set
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup, escape

from beeld.profiles import wording
from beeld.profiles.editions import CAUSE_NAMES, KIND_NAMES, RevisedLine
from beeld.profiles.language import tr
from beeld.profiles.likeness import PeerLine
from beeld.profiles.lines import FigureLine, Head, Origin, remarks
from beeld.profiles.model import Cell, Change
from beeld.profiles.people import Count
from beeld.profiles.stored import stored
from beeld.profiles.text import Number, Place, Sentence
from beeld.profiles.timeline import WORDS, Line
from beeld.transforms.catalog import Indicator

ESTIMATED = frozenset({"modelschatting", "steekproef"})
"""Kinds whose badge looks different."""


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
    return safe(_figure("span", cell, indicator, unit=unit))


def _figure(element: str, cell: Cell, indicator: Indicator, *, unit: bool = False) -> str:
    where = attributes(cell) or 'class="leeg"'  # what its data say needs no class: a page has a thousand of these
    return f"<{element} {where}>{_quoted(wording.show(cell, indicator, unit=unit))}</{element}>"


def sentence(line: Sentence, linked: Set[str] = frozenset()) -> Markup:
    """A sentence with its figures as elements, and the areas in `linked` as links to their pages."""
    return Markup("").join(_part(part, linked) for part in line.parts)


def _part(part: str | Number | Place, linked: Set[str]) -> Markup:
    if isinstance(part, Number):
        return number(part.cell, part.indicator, unit=True)
    if isinstance(part, Place) and part.area.code in linked:
        return safe(f'<a href="../{escape(part.area.code)}/index.html">{escape(part.text)}</a>')
    return escape(part if isinstance(part, str) else part.text)


def css_string(value: str) -> Markup:
    """`value` as a CSS string in which nothing but letters, digits and spaces stands unescaped."""
    return safe('"' + "".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):x} " for c in value) + '"')


def address(folder: Path, path: Path) -> str:
    """The relative address of `path` as seen from a page in `folder`."""
    return quote(os.path.relpath(path, folder).replace(os.sep, "/"))


def heads(names: Iterable[str]) -> Markup:
    """The heads of the columns of figures, last one first, as CSS properties: on a phone each cell shows its head."""
    return safe(";".join(f"--kop{number}:{css_string(name)}" for number, name in enumerate(names, start=1)))


def labels(names: Iterable[str]) -> Markup:
    """The heads of a table from its second column, as CSS properties for an attribute: on a phone each cell shows its head."""
    return safe(";".join(f"--s{number}:{css_string(name)}" for number, name in enumerate(names, start=2)))


def rows(found: Iterable[FigureLine]) -> Markup:
    """Figures as rows of a table."""
    return safe("".join(_row(line) for line in found))


def _row(line: FigureLine) -> str:
    cell, indicator = line.figure.cell, line.figure.indicator
    parts = [f'<tr><th scope="row">{_head(line.head)}</th>']
    parts.append(f"<td>{number(cell, indicator)}")
    if line.interval:
        bounds = f'data-ondergrens="{cell.lower!r}" data-bovengrens="{cell.upper!r}"'
        parts.append(f" <small {bounds}>{line.interval}</small>")
    if line.finding:
        parts.append(f" <small>{line.finding}</small>")
    if line.reason:
        parts.append(f" <small>{_quoted(line.reason)}</small>")
    parts.append("</td>")
    parts += [_figure("td", other, indicator) for _, other in line.beside]
    parts.append(f"<td>{_meta(line.year, indicator.soort, line.badges)}</td></tr>\n")
    return "".join(parts)


@lru_cache(maxsize=1024)
def _head(head: Head) -> Markup:
    """Title, unit and which way is worse."""
    better = f"; {head.direction}" if head.direction else ""
    return safe(f"{escape(head.title)} <small>{escape(head.unit)}{better}</small>")


@lru_cache(maxsize=1024)
def _meta(year: str, kind: str, badges: tuple[str, ...]) -> Markup:
    """Year, kind and warnings of a figure; a badge in `i` looks like an estimate. Two letters, because a page has a hundred."""
    shape = "i" if kind in ESTIMATED else "b"
    return safe(f"{year} {' '.join(f'<{shape}>{badge}</{shape}>' for badge in badges)}")


@lru_cache(maxsize=4096)
def origin(line: Origin) -> Markup:
    """Where a figure comes from, as a row below its delivery; the same for most areas."""
    row = "".join(f"<td>{escape(cell)}</td>" for cell in (line.year, line.kind, line.column))
    link = f'<a href="../../methode/{escape(line.indicator)}.html">{escape(line.title)}</a>'
    return safe(f'<tr><th scope="row">{link}</th>{row}</tr>')


def years_row(line: Line, years: Iterable[int]) -> Markup:
    """The cells of one figure by year; a sign where its boundary was not tested, a star where it comes with another remark."""
    return safe("".join(_dated(line.cells.get(year), line.figure.indicator) for year in years))


def _dated(cell: Cell | None, indicator: Indicator) -> str:
    if cell is None:
        return "<td></td>"
    if cell.value is None or not cell.reason:
        return _figure("td", cell, indicator)
    untested, rest = remarks(cell)
    sign = f"{'°' if untested else ''}{'*' if rest else ''}"
    return f'<td>{number(cell, indicator)}<sup title="{_quoted(stored(cell.reason))}">{sign}</sup></td>'


def revised(line: RevisedLine) -> Markup:
    """A figure that is not that of the edition before, as a row. What it was is no figure of this edition: it has no data."""
    row = line.row
    data = (line.cell and attributes(line.cell)) or f'class="{"getal" if row.new is not None else "leeg"}"'
    head = f'<th scope="row">{escape(line.title)} <small>{escape(line.about)}</small></th><td>{row.year}</td>'
    cells = f"<td>{escape(line.was)}</td><td><span {data}>{escape(line.now)}</span></td>"
    return safe(f"<tr>{head}{cells}<td>{escape(KIND_NAMES[row.kind])}: {escape(CAUSE_NAMES[row.cause])}</td></tr>\n")


def outcomes(line: Line) -> Markup:
    """What the tests of one figure say, with the numbers that decided it; why it cannot be tested stands below the table."""
    return safe("".join(_test(change) for change in line.tests)) or escape(line.untested)


def _test(change: Change) -> str:
    outcome, reason = WORDS[change.outcome], escape(stored(change.reason))
    return f"<p><strong>{outcome}</strong> {change.first}-{change.last} <small>{reason}</small></p>"


def count(code: str, found: Count) -> Markup:
    """The size of a target group of area `code` with its range, or its state with the reason."""
    size = found.size
    where = ""
    if size is not None:
        where = (
            f' data-gebied="{escape(code)}" data-doelgroep="{escape(found.group)}" data-peiljaar="{size.year}"'
            f' data-status="{size.status}"'
        )
    if size is None or size.count is None:
        reason = escape(tr("reden: {reason}", reason=found.reason))
        return safe(f'<span class="leeg"{where}>{found.shown}</span> <small>{reason}</small>')
    margin = f" <small>{found.margin}</small>" if found.margin else ""
    return safe(f'<span class="getal"{where} data-aantal="{size.count}">{escape(found.shown)}</span>{margin}')


def distance(code: str, peer: PeerLine) -> Markup:
    """How far area `code` is from one that is alike."""
    where = f'data-gebied="{escape(code)}" data-buurcode="{escape(peer.code)}" data-afstand="{peer.distance!r}"'
    return safe(f'<span class="getal" {where}>{wording.numeral(peer.distance, 2)}</span>')
