"""Where names fit: inside their own area, never over each other, and a number with a key where a name does not fit.

All of it is plain values, so that it can be tested without drawing. Coordinates are points on the sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

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


def place_labels(
    areas: Sequence[Outline], frame: Box, measure: Measure, *, sizes: Sequence[float] = SIZES
) -> tuple[list[Label], list[tuple[str, str]]]:
    """Labels, and the key `(number, name)` of the areas that have a number; areas that fit neither have no label.

    Greedy: largest area first, so that small areas give way. Numbers follow the order of the codes.
    """
    taken: list[Box] = []
    names: list[Label] = []
    numbered: dict[str, Label] = {}
    ordered = sorted(areas, key=lambda area: (-area.area, area.code))
    rest: list[Outline] = []
    for area in ordered:
        label = _name_label(area, frame, taken, measure, sizes)
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


def _name_label(area: Outline, frame: Box, taken: Sequence[Box], measure: Measure, sizes: Sequence[float]) -> Label | None:
    for size in sizes:
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
