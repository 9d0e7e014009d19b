"""Lines of text as they are measured, broken and drawn, always in the same open typeface."""

from __future__ import annotations

import functools
import importlib.util
import math
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

DPI = 150
FONT = "Source Sans Pro"
FALLBACK = "DejaVu Sans"
RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "beeld",
    "text.parse_math": False,
    "text.usetex": False,
    "text.hinting": "no_hinting",
    "hatch.linewidth": 0.7,
    "axes.unicode_minus": False,
    "path.simplify": False,
}
STAMP_EDGE = 4


@functools.cache
def families() -> list[str]:
    """Font families in order of preference; registers Source Sans when its package is installed."""
    spec = importlib.util.find_spec("font_source_sans_pro")
    folders = [Path(place) / "files" for place in (spec.submodule_search_locations or [])] if spec else []
    files = [folder / f"SourceSansPro-{style}.ttf" for folder in folders for style in ("Regular", "Bold")]
    found = [file for file in files if file.is_file()]
    for file in found:
        font_manager.fontManager.addfont(file)
    return [FONT, FALLBACK] if found else [FALLBACK]


@contextmanager
def drawing() -> Generator[None]:
    """Fixed settings for drawing; a glyph that no font has is drawn as a box, without a warning."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        settings: Any = {**RC, "font.family": families()}
        mpl.rcParams.update(settings)
        warnings.filterwarnings("ignore", category=UserWarning, module="matplotlib")
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        yield


@functools.lru_cache(maxsize=8192)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a line in points: its words and the spaces, which our typefaces do not kern. Call it inside `drawing()`."""
    words = text.split(" ")
    return sum(_word_width(word, size, bold) for word in words if word) + (len(words) - 1) * _word_width(" ", size, bold)


@functools.lru_cache(maxsize=16384)
def _word_width(word: str, size: float, bold: bool) -> float:
    """Lines repeat their words, and laying out a word costs as much as all else about it together."""
    pixels = _measurer().get_text_width_height_descent(word, properties(size, bold), ismath=False)[0]
    return float(pixels) * 72 / DPI


@functools.lru_cache(maxsize=64)
def properties(size: float, bold: bool) -> font_manager.FontProperties:
    """A typeface, made once; matplotlib copies what it is given."""
    return font_manager.FontProperties(family=families(), size=size, weight="bold" if bold else "normal")


@functools.cache
def _measurer() -> RendererAgg:
    return RendererAgg(16, 16, DPI)


@functools.lru_cache(maxsize=2048)
def wrap(text: str, width: float, size: float, bold: bool = False, most: int = 9) -> tuple[str, ...]:
    """Lines no wider than `width`; what does not fit in `most` lines ends in an ellipsis."""
    lines: list[str] = []
    used = 0.0
    for word in text.split(" "):
        more = text_width(f" {word}", size, bold)
        if lines and used + more <= width:
            lines[-1] += f" {word}"
            used += more
        else:
            lines.append(word)
            used = text_width(word, size, bold)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return tuple(shorten(line, width, size, bold) for line in lines)


def shorten(text: str, width: float, size: float, bold: bool = False) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width(text + "…", size, bold) > width:
        text = text[:-1].rstrip()
    return text + "…"


Anchor = Literal["left", "center", "right"]


class Line(Artist):
    """One horizontal line of text, without matplotlib's layout, which costs ten times as much as the drawing itself.

    Text, place and size are those that it was made with; only its colour may change afterwards.
    """

    written: str | None = None
    """What it is in SVG but for its style, once that has been written."""

    corner: tuple[int, int] | None = None
    """Pixels from the left and from the bottom, once it has been drawn."""

    def __init__(self, x: float, y: float, text: str, size: float, *, bold: bool, colour: str, ha: Anchor) -> None:
        super().__init__()
        self.x, self.y, self.text, self.size, self.bold, self.colour, self.ha = x, y, text, size, bold, colour, ha
        self.zorder = 5

    def width(self) -> float:
        """Width in points."""
        return text_width(self.text, self.size, self.bold)

    def draw(self, renderer: RendererBase) -> None:
        """Put the pixels of the text, which come from a cache, on a renderer that has pixels."""
        if not self.text:
            return
        if not isinstance(renderer, RendererAgg):
            raise TypeError(f"a line of text is not drawn by {type(renderer).__name__}")
        pixels, below = _stamp(self.text, self.size, self.bold, self.colour)
        if self.corner is None:
            x, y = (float(part) for part in self.get_transform().transform((self.x, self.y)))
            shift = {"left": 0.0, "center": 0.5, "right": 1.0}[self.ha]
            x -= shift * self.width() * DPI / 72 if shift else 0.0
            self.corner = round(x) - STAMP_EDGE, round(y) - below
        renderer.draw_image(_context(), *self.corner, pixels)
        self.stale = False


@functools.cache
def _context() -> GraphicsContextBase:
    """Nothing is clipped or made transparent; all lines share it, because making one takes as long as placing a line."""
    return GraphicsContextBase()


@functools.lru_cache(maxsize=2048)
def _stamp(text: str, size: float, bold: bool, colour: str) -> tuple[NDArray[np.uint8], int]:
    """The pixels of a line at the resolution of the PNG, bottom row first, and how many lie below the baseline."""
    covered, below = cover(text, size, bold)
    pixels = np.empty((*covered.shape, 4), np.uint8)
    pixels[..., :3] = np.rint(np.array(to_rgb(colour)) * 255)
    pixels[..., 3] = covered
    return pixels[::-1], below


@functools.lru_cache(maxsize=2048)
def cover(text: str, size: float, bold: bool) -> tuple[NDArray[np.uint8], int]:
    """How much of each pixel a line covers (0 to 255), `STAMP_EDGE` around it, and how many rows lie below the baseline.

    Every word begins at a whole pixel, so that its pixels can be used again: at most half a pixel beside its place.
    """
    scale = DPI / 72
    below, height = _rows(size)
    covered = np.zeros((height, math.ceil(text_width(text, size, bold) * scale) + 2 * STAMP_EDGE + 1), np.uint8)
    start, space = 0.0, text_width(" ", size, bold) * scale
    for word in text.split(" "):
        if word:
            pixels = _word(word, size, bold)
            part = covered[:, round(start) : round(start) + pixels.shape[1]]
            np.maximum(part, pixels[:, : part.shape[1]], out=part)
            start += text_width(word, size, bold) * scale
        start += space
    return covered, below


def _rows(size: float) -> tuple[int, int]:
    """Rows of pixels below the baseline, and of a whole line."""
    below = math.ceil(0.5 * size * DPI / 72)
    return below, below + math.ceil(1.3 * size * DPI / 72)


@functools.lru_cache(maxsize=4096)
def _word(word: str, size: float, bold: bool) -> NDArray[np.uint8]:
    below, height = _rows(size)
    renderer = RendererAgg(math.ceil(text_width(word, size, bold) * DPI / 72) + 2 * STAMP_EDGE, height, DPI)
    renderer.draw_text(renderer.new_gc(), STAMP_EDGE, height - below, word, properties(size, bold), 0)
    return np.asarray(renderer.buffer_rgba())[..., 3].copy()
