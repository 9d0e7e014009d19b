"""A sheet as SVG: every outline once, in whole tenths of a point, text as text.

matplotlib's own SVG writer takes four times the bytes and ten times the time (docs/benchmarks.md): it repeats style and numbers
of six decimals for every area. Only the few kinds of artist that a sheet holds are known here; another kind is an error.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Patch, Rectangle
from matplotlib.path import Path as Outlines

from beeld.profiles.maps.lettering import Line, families

STROKES = {
    "////": "M-1 1l2-2M0 4.5l4.5-4.5M3.5 5.5l2-2",
    "\\\\\\\\": "M-1 3.5l2 2M0 0l4.5 4.5M3.5-1l2 2",
    "xxx": "M-1 1l2-2M0 4.5l4.5-4.5M3.5 5.5l2-2M-1 3.5l2 2M0 0l4.5 4.5M3.5-1l2 2",
    "-----": "M0 2.2h4.5",
    "+++": "M0 2.2h4.5M2.2 0v4.5",
    "....": "M1.7 2.2h1",
}
"""The patterns of `style`, each in a square of 4.5 points."""
TENTHS = 10
"""Outlines are drawn this many times as large, which spares a decimal sign in each number."""
Patterns = dict[tuple[str, str, int], str]
"""Pattern, colour and how many times as large -> its name in the file."""
LETTERS = {
    int(code): letter
    for code, letter in ((Outlines.MOVETO, "M"), (Outlines.LINETO, "L"), (Outlines.CURVE3, "Q"), (Outlines.CURVE4, "C"))
}


class Writer:
    """Writes the artists of one sheet; outlines are put into words once, however many pictures hold them."""

    def __init__(self) -> None:
        self._words: dict[int, tuple[Outlines, str]] = {}

    def document(self, artists: Sequence[Artist], width: float, height: float, title: str) -> str:
        """The whole file; its bytes depend on the artists only."""
        ordered = sorted(artists, key=lambda artist: artist.get_zorder())
        collections = [artist for artist in ordered if isinstance(artist, PathCollection)]
        uses = Counter(id(path) for artist in collections for path in artist.get_paths())
        shared = {key: f"v{number}" for number, key in enumerate(key for key, count in uses.items() if count > 1)}
        patterns: Patterns = {}
        body = [
            _texts(style, artists) if style else "\n".join(self._artist(artist, shared, patterns) for artist in artists)
            for style, artists in itertools.groupby(ordered, _style)
        ]
        once = {id(path): path for artist in collections for path in artist.get_paths() if id(path) in shared}
        defs = [f'<path id="{shared[key]}" d="{self._d(path)}"/>' for key, path in once.items()]
        defs += [_pattern(name, *of) for of, name in patterns.items()]
        fonts = ",".join(f"'{family}'" for family in families())
        return "\n".join(
            [
                '<?xml version="1.0" encoding="utf-8"?>',
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}pt" height="{_n(height)}pt" '
                f'viewBox="0 0 {_n(width)} {_n(height)}" role="img" font-family={quoteattr(fonts + ",sans-serif")}>',
                f"<title>{escape(title)}</title>",
                *([f"<defs>{''.join(defs)}</defs>"] if defs else []),
                f'<path d="M0 0h{_n(width)}v{_n(height)}h-{_n(width)}z" fill="#fff"/>',
                *(part for part in body if part),
                "</svg>\n",
            ]
        )

    def _artist(self, artist: Artist, shared: dict[int, str], patterns: Patterns) -> str:
        if isinstance(artist, PathCollection):
            return self._collection(artist, shared, patterns)
        if isinstance(artist, Patch):
            return _patch(artist, patterns)
        raise TypeError(f"a sheet holds no {type(artist).__name__}")

    def _collection(self, artist: PathCollection, shared: dict[int, str], patterns: Patterns) -> str:
        paths: Iterable[Outlines] = artist.get_paths()
        hatch = artist.get_hatch()
        known: Any = artist  # the stubs lack the colours of hatches
        inks: Any = known.get_hatchcolor() if hatch else known.get_facecolor()
        colours = [_hex(ink) for ink in inks] or ["none"]
        if hatch:
            colours = [_named(patterns, hatch, colour, TENTHS) for colour in colours]
        same = len(set(colours)) == 1
        stroke = _stroke(known.get_edgecolor(), [TENTHS * width for width in known.get_linewidth()])
        parts = [f'<g transform="scale({1 / TENTHS:g})"{stroke}{_fill(colours[0]) if same else ""}>']
        for number, path in enumerate(paths):
            fill = "" if same else _fill(colours[number % len(colours)])
            name = shared.get(id(path))
            parts.append(f'<use href="#{name}"{fill}/>' if name else f'<path d="{self._d(path)}"{fill}/>')
        return "".join([*parts, "</g>"])

    def _d(self, path: Outlines) -> str:
        found = self._words.get(id(path))
        if found is None or found[0] is not path:
            found = self._words[id(path)] = (path, rings(path))
        return found[1]


def rings(path: Outlines) -> str:
    """A compound path of straight closed rings, relative and in whole tenths of a point; rings that vanish are left out."""
    vertices: Any = path.vertices
    codes: Any = path.codes
    if codes is None or not len(vertices):
        return ""
    starts = [*np.flatnonzero(codes == Outlines.MOVETO).tolist(), len(vertices)]
    parts: list[str] = []
    for start, end in itertools.pairwise(starts):
        tenths = np.rint(np.asarray(vertices[start : end - 1]) * TENTHS).astype(int)
        steps = np.diff(tenths, axis=0)
        steps = steps[(steps != 0).any(axis=1)]
        if len(steps) < 2:
            continue
        x, y = tenths[0].tolist()
        parts.append(f"M{x} {y}l")
        parts.append(" ".join(map(str, steps.ravel().tolist())).replace(" -", "-"))
        parts.append("z")
    return "".join(parts)


def _curved(path: Outlines) -> str:
    """Any path, absolute: for the few frames and arrows of a sheet."""
    parts: list[str] = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        if code == Outlines.CLOSEPOLY:
            parts.append("z")
            continue
        parts.append(LETTERS[int(code)] + " ".join(_n(float(value)) for value in points))
    return "".join(parts)


def _outline(artist: Patch) -> str:
    if isinstance(artist, Rectangle) and not artist.get_angle():  # most of them, and the general way takes ten times as long
        x, y, width, height = (float(side) for side in (*artist.get_xy(), artist.get_width(), artist.get_height()))
        return f"M{_n(x)} {_n(y)}H{_n(x + width)}V{_n(y + height)}H{_n(x)}z"
    return _curved(artist.get_patch_transform().transform_path(artist.get_path()))


def _patch(artist: Patch, patterns: Patterns) -> str:
    d = _outline(artist)
    known: Any = artist
    stroke = _stroke([known.get_edgecolor()], [known.get_linewidth()])
    drawn = f'<path d="{d}"{_fill(_hex(known.get_facecolor()))}{stroke}/>'
    hatch = artist.get_hatch()
    if not hatch:
        return drawn
    return drawn + f'<path d="{d}"{_fill(_named(patterns, hatch, _hex(known.get_hatchcolor())))}/>'


def _style(artist: Artist) -> str:
    """The attributes that a line of text shares with others; nothing for what is no text."""
    if not isinstance(artist, Line):
        return ""
    anchor = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}[artist.ha]
    bold = ' font-weight="bold"' if artist.bold else ""
    return f'font-size="{_n(artist.size)}"{bold}{anchor} fill="{_hex(artist.colour)}"'


def _texts(style: str, lines: Iterable[Artist]) -> str:
    """Lines of one style: their attributes are a third of their bytes."""
    parts = [part for line in lines if isinstance(line, Line) and (part := _text(line))]
    return f"<g {style}>{''.join(parts)}</g>" if parts else ""


def _text(line: Line) -> str:
    if line.written is None:
        # a viewer without our font squeezes the text to its measured width instead of letting it overlap
        squeezed = f'textLength="{line.width():.1f}" lengthAdjust="spacingAndGlyphs"'
        line.written = f'<text x="{_n(line.x)}" y="{_n(line.y)}" {squeezed}>{escape(line.text)}</text>' if line.text else ""
    return line.written


def _named(patterns: Patterns, hatch: str, colour: str, times: int = 1) -> str:
    return f"url(#{patterns.setdefault((hatch, colour, times), f'p{len(patterns)}')})"


def _pattern(name: str, hatch: str, colour: str, times: int) -> str:
    """The pattern as it has to be in a drawing of so many times the size."""
    larger = "" if times == 1 else f' patternTransform="scale({times})"'
    return (
        f'<pattern id="{name}" width="4.5" height="4.5" patternUnits="userSpaceOnUse"{larger}>'
        f'<path d="{STROKES[hatch]}" stroke="{colour}" stroke-width=".7" fill="none"/></pattern>'
    )


def _stroke(colours: Any, widths: Any) -> str:
    colour = _hex(colours[0]) if len(colours) else "none"
    return "" if colour == "none" or not widths[0] else f' stroke="{colour}" stroke-width="{_n(float(widths[0]))}"'


def _fill(colour: str) -> str:
    return f' fill="{colour}"'


def _hex(colour: Any) -> str:
    return _hex_of(colour if isinstance(colour, str) else tuple(colour.tolist() if isinstance(colour, np.ndarray) else colour))


@functools.lru_cache(maxsize=1024)
def _hex_of(colour: str | tuple[float, ...]) -> str:
    known: Any = colour
    return "none" if to_rgba(known)[3] == 0 else to_hex(known)


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
