"""Lines of text as they are measured, broken and drawn, always in the same open typeface."""

from __future__ import annotations

import functools
import importlib.util
import math
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.text import Text
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
    """Width of a line in points. Call it inside `drawing()`."""
    pixels = _measurer().get_text_width_height_descent(text, properties(size, bold), ismath=False)[0]
    return float(pixels) * 72 / DPI


@functools.lru_cache(maxsize=64)
def properties(size: float, bold: bool) -> font_manager.FontProperties:
    """A typeface, made once; matplotlib copies what it is given."""
    return font_manager.FontProperties(family=families(), size=size, weight="bold" if bold else "normal")


@functools.cache
def _measurer() -> RendererAgg:
    return RendererAgg(16, 16, DPI)


def wrap(text: str, width: float, size: float, bold: bool = False, most: int = 9) -> list[str]:
    """Lines no wider than `width`; what does not fit in `most` lines ends in an ellipsis."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [shorten(line, width, size, bold) for line in lines]


def shorten(text: str, width: float, size: float, bold: bool = False) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width(text + "…", size, bold) > width:
        text = text[:-1].rstrip()
    return text + "…"


class Line(Text):
    """One horizontal line of text, drawn without matplotlib's layout, which costs ten times as much as the drawing itself.

    Text, place and size are those that it was made with; only its colour may change afterwards.
    """

    written: tuple[str, str] | None = None
    """What stands before and after its colour in SVG, once that has been written."""

    def width(self) -> float:
        """Width in points."""
        return text_width(self.get_text(), float(self.get_fontsize()), self.get_fontweight() == "bold")

    def draw(self, renderer: RendererBase) -> None:
        """Hand the text to the renderer; SVG gets the anchor and the text as they are, pixels come from a cache."""
        text, size, bold = self.get_text(), float(self.get_fontsize()), self.get_fontweight() == "bold"
        if not text:
            return
        x, y = (float(part) for part in self.get_transform().transform(self.get_position()))
        shift = {"left": 0.0, "center": 0.5, "right": 1.0}[self.get_horizontalalignment()]
        pixel: Any = renderer.points_to_pixels(1.0)
        x -= shift * self.width() * float(pixel) if shift else 0.0
        context = renderer.new_gc()
        context.set_foreground(self.get_color())
        if isinstance(renderer, RendererAgg):
            pixels, below = _stamp(text, size, bold, str(self.get_color()))
            renderer.draw_image(context, round(x) - STAMP_EDGE, round(y) - below, pixels)
        else:
            y = renderer.get_canvas_width_height()[1] - y if renderer.flipy() else y
            renderer.draw_text(context, x, y, text, self.get_fontproperties(), 0, ismath=False, mtext=self)
        context.restore()
        self.stale = False


@functools.lru_cache(maxsize=2048)
def _stamp(text: str, size: float, bold: bool, colour: str) -> tuple[NDArray[np.uint8], int]:
    """The pixels of a line at the resolution of the PNG, bottom row first, and how many lie below the baseline."""
    scale = DPI / 72
    width, below = math.ceil(text_width(text, size, bold) * scale) + 2 * STAMP_EDGE, math.ceil(0.5 * size * scale)
    height = below + math.ceil(1.3 * size * scale)
    renderer = RendererAgg(width, height, DPI)
    context = renderer.new_gc()
    context.set_foreground(colour)
    renderer.draw_text(context, STAMP_EDGE, height - below, text, properties(size, bold), 0)
    return np.asarray(renderer.buffer_rgba())[::-1].copy(), below
