"""Small charts as inline SVG: age bars, the place of one area among others, and a line over the years.

Text in a chart is text and is escaped here; every chart has a title and a description. Colours differ in lightness as well as
in hue, so that they also hold in black and white; nothing is coloured good or bad.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from beeld.profiles.contents import Ages
from beeld.profiles.elements import attributes, safe
from beeld.profiles.language import noted, tr
from beeld.profiles.model import Cell, Figure, Spread
from beeld.profiles.wording import show, without_article

STRIP_WIDTH = 320
LEFT = 86
BAR_HEIGHT = 22


def age_bars(ages: Ages, *, title: str) -> Markup:
    """Horizontal bars on one scale that starts at 0; the thin mark is the larger area."""
    bars, reference_name = ages.bands, ages.reference
    values = [b.cell.value or 0.0 for b in bars] + [b.reference or 0.0 for b in bars]
    top = max([*values, 1.0])
    width, left = 340, 92
    parts = [
        _head(
            width,
            BAR_HEIGHT * len(bars) + 20,
            title,
            tr("Balken per leeftijdsgroep; het streepje is {area}.", area=reference_name),
            "leeftijd",
        )
    ]
    for row, bar in enumerate(bars):
        y = 4 + row * BAR_HEIGHT
        length = (bar.cell.value or 0.0) / top * 190
        parts.append(f'<text x="{left - 6}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>')
        parts.append(f'<rect class="staaf" x="{left}" y="{y + 2}" width="{_n(length)}" height="15"/>')
        if bar.reference is not None:
            x = left + bar.reference / top * 190
            parts.append(f'<path class="streep" d="M{_n(x)} {y}v19"/>')
        shown = escape(show(bar.cell, bar.figure.indicator))
        parts.append(f'<text x="{width - 2}" y="{y + 13}" text-anchor="end" {attributes(bar.cell)}>{shown}</text>')
    if not reference_name:
        return safe("".join([*parts, "</svg>"]))
    legend_y = BAR_HEIGHT * len(bars) + 16
    parts.append(f'<path class="streep" d="M{left + 2} {legend_y - 9}v11"/>')
    parts.append(f'<text x="{left + 10}" y="{legend_y}">{escape(reference_name)}</text></svg>')
    return safe("".join(parts))


def position_strip(figure: Figure, area_noun: str, gemeente_label: str, kind_plural: str) -> Markup:
    """Where the area lies among areas of its kind, in the gemeente and in the country; nothing for a modelled figure."""
    value, rows = figure.cell.value, _spreads(figure, gemeente_label)
    if figure.modelled or value is None or not rows:
        return Markup("")
    low = min(value, *(min(s.points[0], *s.ticks) if s.ticks else s.points[0] for _, s in rows))
    high = max(value, *(max(s.points[4], *s.ticks) if s.ticks else s.points[4] for _, s in rows))
    description = places(figure, area_noun, gemeente_label, kind_plural)
    parts = [_head(STRIP_WIDTH, 22 * len(rows) + 14, f"{figure.indicator.titel}, {figure.cell.year}", description, "strook")]
    scale = (STRIP_WIDTH - LEFT - 10) / ((high - low) or 1.0)
    for row, (label, spread) in enumerate(rows):
        parts.append(_strip_row(11 + 22 * row, label, spread, low, scale))
        parts.append(f'<circle class="stip" cx="{_n(LEFT + (value - low) * scale)}" cy="{11 + 22 * row}" r="5"/>')
    bottom = 22 * len(rows) + 11
    parts.append(f'<text class="as" x="{LEFT}" y="{bottom}">{escape(tr("lager"))}</text>')
    parts.append(f'<text class="as eind" x="{STRIP_WIDTH - 10}" y="{bottom}">{escape(tr("hoger"))}</text></svg>')
    return safe("".join(parts))


def places(figure: Figure, area_noun: str, gemeente_label: str, kind_plural: str) -> str:
    """What a position strip shows, in words."""
    value, rows = figure.cell.value, _spreads(figure, gemeente_label)
    if value is None:
        return ""
    return " ".join(f"{label}: {_where(value, spread, area_noun, kind_plural)}" for label, spread in rows)


def _spreads(figure: Figure, gemeente_label: str) -> list[tuple[str, Spread]]:
    found = ((gemeente_label, figure.in_gemeente), (tr("Nederland"), figure.in_country))
    return [(label, spread) for label, spread in found if spread]


def _strip_row(y: int, label: str, spread: Spread, low: float, scale: float) -> str:
    x = [LEFT + (point - low) * scale for point in spread.points]
    short = _short(label)
    parts = [f'<text x="{LEFT - 8}" y="{y + 4}">{escape(short)}</text>']
    if spread.ticks:
        parts.append(f'<path class="lijn" d="M{LEFT} {y}H{STRIP_WIDTH - 10}"/>')
        marks = "".join(f"M{x} {y - 6}v12" for x in dict.fromkeys(round(LEFT + (tick - low) * scale) for tick in spread.ticks))
        parts.append(f'<path class="merk" d="{marks}"/>')
    else:
        parts.append(f'<path class="band" d="M{_n(x[0])} {y - 3}H{_n(x[4])}v6H{_n(x[0])}z"/>')
        parts.append(f'<path class="kern" d="M{_n(x[1])} {y - 6}H{_n(x[3])}v12H{_n(x[1])}z"/>')
        parts.append(f'<path class="midden" d="M{_n(x[2])} {y - 8}v16"/>')
    return "".join(parts)


def _short(label: str) -> str:
    """The label of a row, without an article and cut off where it has no room."""
    bare = without_article(label)
    return bare if len(bare) <= 14 else f"{bare[:13]}…"


def _where(value: float, spread: Spread, area_noun: str, kind_plural: str) -> str:
    """The place in words; deliberately coarse, because a place in an order is not a finding."""
    if value < spread.points[1]:
        place = noted("{place} hoort bij de {areas} met een lager cijfer.")
    elif value > spread.points[3]:
        place = noted("{place} hoort bij de {areas} met een hoger cijfer.")
    else:
        place = noted("{place} hoort bij de middelste helft van de {areas}.")
    return tr(place, place=area_noun, areas=kind_plural)


def interval_dots(rows: Sequence[tuple[str, Cell]], *, title: str) -> Markup:
    """A dot with its interval per area on one scale; a value without interval is a dot only."""
    shown = [(label, cell, cell.value) for label, cell in rows if cell.value is not None]
    if len(shown) < 2:
        return Markup("")
    edges = [edge for _, cell, value in shown for edge in (value, cell.lower or value, cell.upper or value)]
    low, high = min(edges), max(edges)
    scale = (STRIP_WIDTH - LEFT - 12) / ((high - low) or 1.0)
    parts = [_head(STRIP_WIDTH, 20 * len(shown) + 4, title, tr("Punten met hun marge, per gebied op één schaal."), "punten")]
    for row, (label, cell, value) in enumerate(shown):
        y = 11 + 20 * row
        short = _short(label)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}">{escape(short)}</text>')
        if cell.lower is not None and cell.upper is not None:
            start, end = LEFT + (cell.lower - low) * scale, LEFT + (cell.upper - low) * scale
            parts.append(f'<path class="midden" d="M{_n(start)} {y}H{_n(end)}M{_n(start)} {y - 4}v8M{_n(end)} {y - 4}v8"/>')
        shape = "stip" if row == 0 else "stip ander"
        parts.append(f'<circle class="{shape}" cx="{_n(LEFT + (value - low) * scale)}" cy="{y}" r="4.5"/>')
    return safe("".join([*parts, "</svg>"]))


def sparkline(cells: Sequence[Cell], *, title: str) -> Markup:
    """A line over the years; it breaks where a year is missing or a boundary was not tested (open dot)."""
    points = [(cell.year, cell.value, bool(cell.reason)) for cell in cells if cell.value is not None and cell.year is not None]
    if len(points) < 3:
        return Markup("")
    years, values = [p[0] for p in points], [p[1] for p in points]
    span, height = max(years) - min(years), (max(values) - min(values)) or 1.0
    place = [(4 + (y - min(years)) / span * 92, 24 - (v - min(values)) / height * 20) for y, v, _ in points]
    path, previous = "", None
    for (x, y), (year, _, broken) in zip(place, points, strict=True):
        joined = previous is not None and year == previous + 1 and not broken
        path += f"{'L' if joined else 'M'}{_n(x)} {_n(y)}"
        previous = None if broken else year
    dots = "".join(_dot(x, y, broken) for (x, y), (_, _, broken) in zip(place, points, strict=True))
    told = tr("Lijn van {first} tot {last}; de cijfers staan in de tabel.", first=min(years), last=max(years))
    return safe(f'{_head(100, 28, title, told, "lijntje")}<path class="midden" d="{path}"/>{dots}</svg>')


def _dot(x: float, y: float, broken: bool) -> str:
    return f'<circle class="los" cx="{_n(x)}" cy="{_n(y)}" r="2"/>' if broken else f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2"/>'


def line_legend() -> Markup:
    """What the marks of a line mean: joined years, and a year that stands apart."""
    joined = _head(30, 12, tr("Punten met een lijn"), tr("Twee punten die verbonden zijn."), "lijntje")
    apart = _head(12, 12, tr("Open punt"), tr("Een punt los van de lijn."), "lijntje")
    return safe(
        tr(
            "{joined} jaren na elkaar met dezelfde grens; {apart} een jaar met een kanttekening. De lijn breekt daar, en ook"
            " waar een jaar ontbreekt. Krijgt een cijfer bij de bron een andere betekenis, dan eindigt de reeks.",
            joined=f'{joined}<path class="midden" d="M4 6L26 6"/>{_dot(4, 6, False)}{_dot(26, 6, False)}</svg>',
            apart=f"{apart}{_dot(6, 6, True)}</svg>",
        )
    )


def _head(width: int, height: int, title: str, description: str, name: str) -> str:
    return (
        f'<svg class="beeld {name}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    )


def _n(value: float) -> str:
    """A coordinate: a tenth is less than anyone sees."""
    return f"{value:.1f}".removesuffix(".0")
