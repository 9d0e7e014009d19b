"""Two themes in one map of 3 by 3 classes: which themes, the numbers, the words and the square of the legend.

The nine colours are a ladder of lightness, so that each is told apart in black and white; purple is the first theme, green-blue
the second. Scores of themes only: they may be placed in national classes (METHOD.md section 5), figures of a model may not.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
from matplotlib.patches import Rectangle

from beeld.profiles.language import Words, noted, tr
from beeld.profiles.maps.classes import class_bounds, classify
from beeld.profiles.maps.describe import Spec, counted, empty_entries, without_boundary
from beeld.profiles.maps.figures import Figures, Subject, read_figures
from beeld.profiles.maps.lettering import wrap
from beeld.profiles.maps.sheet import Legend, Sheet
from beeld.profiles.maps.style import PAIR, PALE, SOFT, State, ink_on
from beeld.profiles.maps.table import MapRow
from beeld.profiles.maps.text import numeral
from beeld.transforms.catalog import Catalog

SQUARE = 176.0
"""Room that the square takes in the legend, in points."""
CELL_WIDTH, CELL_HEIGHT = 42.0, 26.0
DARKER = Words({"zorg": "meer zorg", "kracht": "meer kracht"})


@dataclass(frozen=True)
class PairRow:
    """What the map shows of one buurt: both scores, and the class 3 times that of the first plus that of the second."""

    code: str
    name: str
    first: float | None
    second: float | None
    klass: int | None
    state: State
    drawn: bool


@dataclass(frozen=True)
class Reading:
    """Two themes with the bounds of their national thirds and the rows of one gemeente."""

    first: Subject
    second: Subject
    bounds: tuple[tuple[float, ...], tuple[float, ...]]
    rows: tuple[PairRow, ...]

    @property
    def key(self) -> str:
        """Name of the picture."""
        return f"{self.first.key}-{self.second.key}"


@dataclass(frozen=True)
class Square:
    """The legend: a title per axis, bounds per axis, and how many buurten are in each class."""

    axes: tuple[str, str]
    bounds: tuple[tuple[str, ...], tuple[str, ...]]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """A picture of two themes, ready to be drawn."""

    spec: Spec
    square: Square


def read_pairs(figures: Figures) -> list[Reading]:
    """The declared pairs (`tegenover`) that both have scores here and nationally enough for three classes each."""
    themes = {subject.key: subject for subject in figures.subjects() if subject.kind == "theme"}
    found: list[Reading] = []
    for name, theme in figures.catalog.themes.items():
        if name not in themes or theme.tegenover not in themes:
            continue
        first, second = themes[name], themes[theme.tegenover]
        bounds = class_bounds(first.national, 2, most=3), class_bounds(second.national, 2, most=3)
        if len(bounds[0]) == len(bounds[1]) == 2:
            rows = tuple(_row(b.code, b.name, first, second, bounds, drawn=b.shape is not None) for b in figures.buurten)
            found.append(Reading(first, second, bounds, rows))
    return found


def _row(
    code: str,
    name: str,
    first: Subject,
    second: Subject,
    bounds: tuple[tuple[float, ...], tuple[float, ...]],
    *,
    drawn: bool,
) -> PairRow:
    """A buurt with one score only has no class: the reason is that of the score that is missing."""
    (one, state, _), (two, other, _) = first.cells[code], second.cells[code]
    if one is None or two is None:
        return PairRow(code, name, one, two, None, state if one is None else other, drawn)
    klass = 3 * classify(one, bounds[0], 2) + classify(two, bounds[1], 2)
    return PairRow(code, name, one, two, klass, "ok", drawn)


def pair_table(con: duckdb.DuckDBPyConnection, gemeentecode: str, key: str, *, catalog: Catalog) -> list[PairRow]:
    """The numbers behind the map of a pair of themes `<first>-<second>`; empty for an unknown pair."""
    pairs = read_pairs(read_figures(con, gemeentecode, catalog))
    return [row for pair in pairs if pair.key == key for row in pair.rows]


def pair_headline(one: str, other: str, both: int, scored: int) -> str:
    """The finding: how many of the buurten with both scores are in the highest national class of both."""
    if scored == 1:
        inside = noted("{one} naast {other}: de enige buurt met beide scores ligt in de hoogste landelijke klasse van beide")
        outside = noted(
            "{one} naast {other}: de enige buurt met beide scores ligt niet in de hoogste landelijke klasse van beide"
        )
        return tr(inside if both else outside, one=one, other=other)
    told = noted("{one} naast {other}: {both} van {areas} in de hoogste landelijke klasse van beide")
    return tr(told, one=one, other=other, both=both or tr("geen"), areas=counted(scored))


def describe_pair(pair: Reading, place: str, source: str) -> Pair:
    """Title, legend, caption and alternative text, made by rule from the rows."""
    first, second = pair.first, pair.second
    drawn = [row for row in pair.rows if row.drawn]
    counts = tuple(sum(row.klass == klass for row in drawn) for klass in range(9))
    scored = sum(counts)
    both = counts[8]
    title = pair_headline(first.name, f"{second.name[0].lower()}{second.name[1:]}", both, scored)
    axis = noted("{name}: hoger = {means}")
    axes = (
        tr(axis, name=first.name, means=DARKER[first.polarity]),
        tr(axis, name=second.name, means=DARKER[second.polarity]),
    )
    rows = tuple(MapRow(r.code, r.name, r.first, r.klass, r.state, None, r.drawn) for r in pair.rows)
    empties = empty_entries(rows)
    names = (tr("laag"), tr("midden"), tr("hoog"))
    cell = noted("{one} en {other}: {count}")
    spoken = "; ".join(tr(cell, one=names[k // 3], other=names[k % 3], count=count) for k, count in enumerate(counts) if count)
    missing = "; ".join(text.replace("  (", ": ").rstrip(")") for _, _, text in empties)
    thirds = tr("elk ongeveer een derde van de buurten in Nederland")
    badge = tr("deels modelschatting") if first.badge or second.badge else ""
    spec = Spec(
        key=pair.key,
        kind="pair",
        title=title,
        subtitle=tr(
            "Buurten van {area}. Twee themascores van 0 tot 1; peiljaar {first} en {second}",
            area=place,
            first=first.period,
            second=second.period,
        ),
        caption=tr(
            "{one}. {other}. Landelijke klassen: {thirds}. Twee scores naast elkaar; de kaart zegt niet dat het een door het"
            " ander komt. {missing}",
            one=axes[0],
            other=axes[1],
            thirds=thirds,
            missing=without_boundary([row.name for row in pair.rows if not row.drawn]),
        ).strip(),
        alt=tr(
            "Kaart van de buurten van {area} met twee themascores. {title}. Aantal buurten, eerst {one} en dan {other}:"
            " {counts}.",
            area=place,
            title=title,
            one=first.name,
            other=second.name,
            counts=f"{spoken or tr('geen')}{'; ' + missing if missing else ''}",
        ),
        source=tr("Bron: {sources}; {borders}", sources=joined(first.sources, second.sources), borders=source),
        legend=Legend(
            (badge,) if badge else (),
            tr("Landelijke klassen"),
            (thirds, tr("cijfer in het vak: aantal buurten")),
            empties,
        ),
        colours=PAIR,
        rows=rows,
    )
    bounds = tuple(numeral(bound, 2) for bound in pair.bounds[0]), tuple(numeral(bound, 2) for bound in pair.bounds[1])
    return Pair(spec, Square(axes, bounds, counts))


def joined(one: str, other: str) -> str:
    """The sources of two figures, each once."""
    return "; ".join(dict.fromkeys([*one.split("; "), *other.split("; ")]))


def draw_square(sheet: Sheet, x: float, y: float, square: Square) -> None:
    """The nine colours: the first theme upwards, the second to the right, with the bounds beside the edges of the cells."""
    y = sheet.lines(x, y + 12, wrap(f"↑ {square.axes[0]}", 194, 9), 9)
    for klass, count in enumerate(square.counts):
        across, up = klass % 3, klass // 3
        left, top = x + across * CELL_WIDTH, y + (2 - up) * CELL_HEIGHT
        fill = PAIR[klass]
        sheet.add(Rectangle((left, top), CELL_WIDTH, CELL_HEIGHT, facecolor=fill, edgecolor="white", linewidth=1))
        sheet.text(left + CELL_WIDTH / 2, top + CELL_HEIGHT / 2 + 3, str(count), 9, ha="center", colour=ink_on(fill))
    sheet.add(Rectangle((x, y), 3 * CELL_WIDTH, 3 * CELL_HEIGHT, facecolor="none", edgecolor=PALE, linewidth=0.5))
    for step, bound in enumerate(square.bounds[0], start=1):
        sheet.text(x + 3 * CELL_WIDTH + 5, y + (3 - step) * CELL_HEIGHT + 3, bound, 8, colour=SOFT)
    for step, bound in enumerate(square.bounds[1], start=1):
        sheet.text(x + step * CELL_WIDTH, y + 3 * CELL_HEIGHT + 10, bound, 8, ha="center", colour=SOFT)
    sheet.lines(x, y + 3 * CELL_HEIGHT + 25, wrap(f"→ {square.axes[1]}", 194, 9), 9)
