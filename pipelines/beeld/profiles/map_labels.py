"""The words on a map: names that fit, classes, title, legend, caption and alternative text.

Names go inside their own area, never over each other, and a number with a key stands where a name does not fit. All of it is
plain values, so that it can be tested without drawing. Coordinates are points on the sheet.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from beeld.profiles import map_style as style
from beeld.profiles.map_style import Legend, Polarity, State, dutch, listed

Scale = Literal["nl", "gemeente"]
Points = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Measure = Callable[[str, float], float]

SIZES = (8.5, 7.5)
NUMBER_SIZE = 7.5
LEADING = 1.12
PADDING = 1.5


@dataclass(frozen=True)
class Outline:
    """An area to be labelled: closed rings, holes included; `anchor` is the point deepest inside."""

    code: str
    name: str
    rings: tuple[Points, ...]
    anchor: tuple[float, float]
    area: float

    @cached_property
    def segments(self) -> Points:
        """All edges as rows (x1, y1, x2, y2)."""
        return np.concatenate([np.hstack([ring[:-1], ring[1:]]) for ring in self.rings])

    @cached_property
    def places(self) -> list[tuple[float, float]]:
        """Points inside the area where a label may be centred, best first."""
        return [self.anchor, *chords(self.segments)]


@dataclass(frozen=True)
class Label:
    """One placed label; `inside` is false when its box sticks out of the area."""

    code: str
    lines: tuple[str, ...]
    x: float
    y: float
    size: float
    inside: bool = True
    number: bool = False

    def baselines(self) -> list[float]:
        """Baseline of every line, the block centred on `y`."""
        leading = self.size * LEADING
        first = self.y - (len(self.lines) - 1) * leading / 2 + self.size * 0.33
        return [first + i * leading for i in range(len(self.lines))]


def place_labels(areas: Sequence[Outline], frame: Box, measure: Measure) -> tuple[list[Label], list[tuple[str, str]]]:
    """Labels, and the key `(number, name)` of the areas that have a number; areas that fit neither have no label.

    Greedy: largest area first, so that small areas give way. Numbers follow the order of the codes.
    """
    taken: list[Box] = []
    names: list[Label] = []
    numbered: dict[str, Label] = {}
    ordered = sorted(areas, key=lambda area: (-area.area, area.code))
    rest: list[Outline] = []
    for area in ordered:
        label = _name_label(area, frame, taken, measure)
        if label is None:
            rest.append(area)
        else:
            names.append(label)
            taken.append(label_box(label, measure))
    for area in rest:
        label = _number_label(area, frame, taken, measure)
        if label is not None:
            numbered[area.code] = label
            taken.append(label_box(label, measure))
    by_code = {area.code: area for area in areas}
    key = [(str(number), by_code[code].name) for number, code in enumerate(sorted(numbered), 1)]
    for (number, _), code in zip(key, sorted(numbered), strict=True):
        label = numbered[code]
        names.append(Label(code, (number,), label.x, label.y, label.size, label.inside, number=True))
    return sorted(names, key=lambda label: label.code), key


def _name_label(area: Outline, frame: Box, taken: Sequence[Box], measure: Measure) -> Label | None:
    for size in SIZES:
        for lines in breaks(area.name):
            for x, y in area.places:
                label = Label(area.code, lines, x, y, size)
                box = label_box(label, measure)
                if _inside(box, area, frame) and not any(overlaps(box, other) for other in taken):
                    return label
    return None


def _number_label(area: Outline, frame: Box, taken: Sequence[Box], measure: Measure) -> Label | None:
    """A two-figure number at the deepest point, or elsewhere in the area when that is taken."""
    for x, y in area.places:
        label = Label(area.code, ("88",), x, y, NUMBER_SIZE)
        box = label_box(label, measure)
        if _within(box, frame) and not any(overlaps(box, other) for other in taken):
            return Label(area.code, ("88",), x, y, NUMBER_SIZE, inside=_inside(box, area, frame))
    return None


def breaks(name: str) -> list[tuple[str, ...]]:
    """The name on one line and, when it has spaces or hyphens, in the two most equal lines."""
    cuts = [i + 1 for i, character in enumerate(name) if character in " -" and 0 < i < len(name) - 1]
    if not cuts:
        return [(name,)]
    cut = min(cuts, key=lambda i: (abs(2 * i - len(name)), i))
    return [(name,), (name[:cut].strip(), name[cut:].strip())]


def chords(segments: Points, levels: int = 7) -> list[tuple[float, float]]:
    """Middles of the longest horizontal chords inside an area, longest first."""
    top, bottom = float(segments[:, [1, 3]].min()), float(segments[:, [1, 3]].max())
    found: list[tuple[float, float, float]] = []
    for level in range(1, levels + 1):
        y = top + (bottom - top) * level / (levels + 1)
        across = segments[(segments[:, 1] <= y) != (segments[:, 3] <= y)]
        x = np.sort(across[:, 0] + (y - across[:, 1]) * (across[:, 2] - across[:, 0]) / (across[:, 3] - across[:, 1]))
        if len(x) >= 2:
            spans = x[1::2] - x[0 : len(x) - 1 : 2]
            widest = int(spans.argmax())
            found.append((float(spans[widest]), float(x[2 * widest] + spans[widest] / 2), y))
    return [(x, y) for _, x, y in sorted(found, reverse=True)]


def overlaps(one: Box, other: Box) -> bool:
    """True when two boxes share more than an edge."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def crosses(segments: Points, box: Box) -> bool:
    """True when one of the segments (x1, y1, x2, y2) touches the box."""
    left, top, right, bottom = box
    x1, y1, x2, y2 = segments.T
    near = (np.maximum(x1, x2) >= left) & (np.minimum(x1, x2) <= right)
    near &= (np.maximum(y1, y2) >= top) & (np.minimum(y1, y2) <= bottom)
    if not near.any():
        return False
    x1, y1, x2, y2 = segments[near].T
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    side = (x2 - x1)[:, None] * (corners[:, 1] - y1[:, None]) - (y2 - y1)[:, None] * (corners[:, 0] - x1[:, None])
    return bool(((side.min(axis=1) <= 0) & (side.max(axis=1) >= 0)).any())


def label_box(label: Label, measure: Measure) -> Box:
    """The room that a label takes, with a little air around it."""
    width = max(measure(line, label.size) for line in label.lines) / 2 + PADDING
    height = len(label.lines) * label.size * LEADING / 2 + PADDING / 2
    return (label.x - width, label.y - height, label.x + width, label.y + height)


def _within(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _inside(box: Box, area: Outline, frame: Box) -> bool:
    """The centre of the box is inside the area by construction, so it is enough that no edge runs through the box."""
    return _within(box, frame) and not crosses(area.segments, box)


# ---------------------------------------------------------------- classes


def class_bounds(values: Sequence[float], decimals: int, *, steps: bool = False, most: int = 5) -> tuple[float, ...]:
    """Bounds between at most `most` classes: quantiles or equal steps, rounded, with values on both sides of each.

    Equal steps are for modelled figures: they say what the estimate is and order no area among the others.
    """
    numbers = np.sort(np.array([rounded(value, decimals) for value in values], dtype=np.float64))
    if most < 2 or len(numbers) < 2 or numbers[0] == numbers[-1]:
        return ()
    if steps:
        low, high = (float(q) for q in np.quantile(numbers, [0.02, 0.98]))
        low, high = (low, high) if low < high else (float(numbers[0]), float(numbers[-1]))
        unit = max(_nice((high - low) / most), 10.0**-decimals)
        first = round(((low + high) / 2 - (most - 2) / 2 * unit) / unit)
        raw = [(first + i) * unit for i in range(most - 1)]
    else:
        quantiles = np.quantile(numbers, [i / most for i in range(1, most)])
        gaps = np.diff(quantiles)
        unit = max(_coarse(float(gaps.min()) / 5 if len(gaps) else 0.0), 10.0**-decimals)
        raw = [round(float(q) / unit) * unit for q in quantiles]
    bounds = sorted({rounded(bound, decimals) for bound in raw})
    return tuple(bound for bound in bounds if numbers[0] < bound <= numbers[-1])


def rounded(value: float, decimals: int) -> float:
    """The value as it is printed, so that a class never contradicts the number beside it."""
    return float(f"{value:.{decimals}f}") + 0.0


def classify(value: float, bounds: Sequence[float], decimals: int) -> int:
    """Index of the class of a value; a bound belongs to the class above it."""
    return bisect.bisect_right(bounds, rounded(value, decimals))


def class_labels(bounds: Sequence[float], decimals: int) -> list[str]:
    """The classes in words, with Dutch numbers."""
    if not bounds:
        return ["alle cijfers"]
    texts = [dutch(bound, decimals) for bound in bounds]
    between = [f"{low} tot {high}" for low, high in itertools.pairwise(texts)]
    return [f"minder dan {texts[0]}", *between, f"{texts[-1]} of meer"]


def _nice(value: float) -> float:
    """The nearest of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return min((1, 2, 5, 10), key=lambda digit: abs(math.log(value / (digit * power)))) * power


def _coarse(value: float) -> float:
    """The largest of 1 or 5 times a power of ten that is not above a value; 0 for 0."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return 5 * power if value >= 5 * power else power


# ---------------------------------------------------------------- what a picture says


@dataclass(frozen=True)
class MapRow:
    """What a map shows of one buurt; `klass` counts from 0 and is None without a value, `drawn` is false without a boundary."""

    code: str
    name: str
    value: float | None
    klass: int | None
    state: State
    reliable: bool | None
    drawn: bool


Cell = tuple[float | None, State, bool | None]


@dataclass(frozen=True)
class Subject:
    """A theme or an indicator with its national values and the cells of one gemeente."""

    key: str
    kind: Literal["theme", "indicator"]
    name: str
    shown: str
    unit: str
    decimals: int
    polarity: Polarity
    badge: str
    margin: str
    aside: str
    sources: str
    national: Sequence[float]
    cells: Mapping[str, Cell]

    @property
    def modelled(self) -> bool:
        """True for an indicator that comes from a model: it is described, never ordered."""
        return self.kind == "indicator" and bool(self.badge)


@dataclass(frozen=True)
class Spec:
    """Everything a picture says, without how it is drawn."""

    key: str
    kind: Literal["theme", "indicator"]
    title: str
    subtitle: str
    caption: str
    alt: str
    source: str
    legend: Legend
    colours: tuple[str, ...]
    rows: tuple[MapRow, ...]


def subject_bounds(subject: Subject, scale: Scale) -> tuple[float, ...]:
    """Class bounds among the buurten of the country or of the gemeente; a modelled figure gets equal steps, no quantiles."""
    own = [value for value, _, _ in subject.cells.values() if value is not None]
    values, most = (subject.national, 5) if scale == "nl" else (own, min(5, len(own) // 3))
    return class_bounds(values, subject.decimals, steps=subject.modelled, most=most)


def describe(subject: Subject, rows: Sequence[MapRow], scale: Scale, place: str, bounds: Sequence[float], source: str) -> Spec:
    """Title, legend, caption and alternative text of one picture, made by rule from its rows."""
    labels = class_labels(bounds, subject.decimals)
    colours = style.ramp(subject.polarity, len(labels))
    drawn = [row for row in rows if row.drawn]
    counts = [sum(row.klass == klass for row in drawn) for klass in range(len(labels))]
    classes = [(colour, "", f"{label}  ({count})") for colour, label, count in zip(colours, labels, counts, strict=True)]
    unsure = sum(row.reliable is False and row.value is not None for row in drawn)
    entries = [*classes, *([(colours[0], style.UNSURE_HATCH, f"{style.UNSURE}, {subject.margin}  ({unsure})")] if unsure else [])]
    for state, (text, hatch) in style.EMPTY.items():
        count = sum(row.state == state for row in drawn)
        entries += [(style.EMPTY_FILL, hatch, f"{text}  ({count})")] if count else []
    title = headline(subject, drawn, scale, len(labels))
    polarity = style.POLARITY[subject.polarity]
    heading = "Landelijke klassen" if scale == "nl" else f"Klassen binnen {place}"
    lines = (subject.unit, _class_rule(subject, scale), polarity, "tussen haakjes: aantal buurten")
    missing = [row.name for row in rows if not row.drawn]
    note = "Modelschatting: uit een rekenmodel, niet geteld, en niet bedoeld om buurten te ordenen. " if subject.modelled else ""
    caption = f"{subject.name}. {subject.shown}. {heading}, {polarity}. {note}{_without_boundary(missing)}".strip()
    spoken = "; ".join(text.replace("  (", ": ").rstrip(")") for _, _, text in entries)
    alt = f"Kaart van de buurten van {place}. {title}. {heading} in {subject.unit}, {polarity}. Aantal buurten: {spoken}."
    return Spec(
        key=f"{subject.key}-{scale}",
        kind=subject.kind,
        title=title,
        subtitle=f"Buurten van {place}. {subject.shown}",
        caption=caption,
        alt=alt,
        source=f"Bron: {subject.sources}; {source}",
        legend=Legend((subject.badge,) if subject.badge else (), heading, lines, tuple(entries)),
        colours=tuple(colours),
        rows=tuple(rows),
    )


def headline(subject: Subject, drawn: Sequence[MapRow], scale: Scale, classes: int) -> str:
    """The finding: how many buurten are in the highest national class, or where half of them lie; if modelled: the range."""
    values = np.array([rounded(row.value, subject.decimals) for row in drawn if row.value is not None])
    unit = f" {subject.unit}" if subject.kind == "indicator" else ""
    guess = "naar schatting " if subject.modelled else ""
    if not len(values):
        return f"{subject.name}: geen cijfers op de kaart"
    buurten = "1 buurt" if len(values) == 1 else f"{len(values)} buurten"
    if scale == "nl" and not subject.modelled and classes > 1:
        top = sum(row.klass == classes - 1 for row in drawn)
        return f"{subject.name}: {top or 'geen'} van {buurten} in de hoogste landelijke klasse{subject.aside}"
    if scale == "gemeente" and len(values) >= 6:
        low, high = (dutch(float(q), subject.decimals) for q in np.quantile(values, [0.25, 0.75]))
        score = "heeft een score" if subject.kind == "theme" else "ligt"
        return f"{subject.name}: ongeveer de helft van de {buurten} {score} {guess}tussen {low} en {high}{unit}"
    low, high = dutch(float(values.min()), subject.decimals), dutch(float(values.max()), subject.decimals)
    span = low if low == high else f"{low} tot {high}"
    return f"{subject.name}: {guess}{span}{unit} in {buurten}"


def _class_rule(subject: Subject, scale: Scale) -> str:
    if subject.modelled:
        return "vaste klassen in gelijke stappen" if scale == "nl" else "gelijke stappen"
    return (
        "vaste klassen: elk ongeveer een vijfde van de buurten in Nederland" if scale == "nl" else "elk ongeveer evenveel buurten"
    )


def _without_boundary(names: Sequence[str]) -> str:
    if not names:
        return ""
    count = "1 buurt" if len(names) == 1 else f"{len(names)} buurten"
    return f"Van {count} ontbreekt de grens: {listed(names)}."
