"""How maps look: fonts, palettes, Dutch numbers, the sheet they are drawn on, and files with reproducible bytes.

A sheet is one matplotlib figure that is reused for many pictures. Everything on it is placed in points from the top left
corner, so that legend, key and footer need no axes and nothing is clipped by one.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import math
import re
import unicodedata
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray
from PIL import Image

Polarity = Literal["zorg", "ongunstig", "kracht", "gunstig", "neutraal"]
State = Literal["ok", "geen_gegevens", "afgeschermd", "niet_van_toepassing", "te_weinig_inwoners"]

WIDTH = 768.0
"""Width of a map in points: 1,600 pixels at 150 dpi."""
DPI = 150
INK, SOFT, PALE = "#1f1f1f", "#555555", "#8a8a8a"
EDGE, BADGE = "#a6a6a6", "#fff4cc"

CONCERN = ("#dcd3ea", "#b7a5d3", "#8f78b6", "#684a94", "#402168")
STRENGTH = ("#c3dedb", "#93c1bd", "#5e9e9a", "#2d7774", "#084a48")
NEUTRAL = ("#ded5c7", "#c4b59f", "#a18e73", "#776650", "#4a3d2d")
"""Sequential ramps of one hue, even steps of lightness: they keep their order for the colour-blind and in black and white."""

RAMPS = {"zorg": CONCERN, "ongunstig": CONCERN, "kracht": STRENGTH, "gunstig": STRENGTH, "neutraal": NEUTRAL}
POLARITY: dict[Polarity, str] = {
    "zorg": "donkerder = meer zorg",
    "ongunstig": "donkerder = hoger cijfer = meer zorg",
    "kracht": "donkerder = meer kracht",
    "gunstig": "donkerder = gunstiger",
    "neutraal": "donkerder = hoger cijfer, niet goed of slecht",
}
EMPTY_FILL = "#f3f3f3"
EMPTY: dict[State, tuple[str, str]] = {
    "geen_gegevens": ("geen gegevens", ""),
    "afgeschermd": ("afgeschermd", "...."),
    "niet_van_toepassing": ("n.v.t.", "xxx"),
    "te_weinig_inwoners": ("minder dan 200 inwoners: geen score", "-----"),
}
"""State -> legend text and the pattern on light grey."""
EMPTY_HATCH = "#b9b9b9"
UNSURE_HATCH = "////"
UNSURE = "gearceerd: onzeker cijfer"
EXAMPLE = "voorbeeld: verzonnen cijfers"

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


# ---------------------------------------------------------------- text

_UNSAFE = {"Cc", "Cs", "Co", "Cn"}
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def clean(text: str, most: int = 120) -> str:
    """Text on one line, without what XML forbids or what turns the reading direction around."""
    kept = ("\ufffd" if unicodedata.category(c) == "Cs" else " " if unicodedata.category(c) in _UNSAFE else c for c in text)
    line = re.sub(r"\s+", " ", "".join(c for c in kept if c not in _BIDI)).strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def dutch(value: float, decimals: int) -> str:
    """A number as it is written in Dutch: a comma, a thin space between thousands from 10,000 on, never minus zero."""
    text = f"{value:.{decimals}f}"
    sign, text = ("-", text[1:]) if text.startswith("-") and text.strip("-0.") else ("", text.lstrip("-"))
    whole, _, rest = text.partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", "\u202f")
    return f"{sign}{whole},{rest}" if rest else f"{sign}{whole}"


def listed(names: Sequence[str]) -> str:
    """`a, b en c`."""
    return " en ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


@functools.lru_cache(maxsize=8192)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a line in points. Call it inside `drawing()`."""
    pixels = _measurer().get_text_width_height_descent(text, _properties(size, bold), ismath=False)[0]
    return float(pixels) * 72 / DPI


@functools.lru_cache(maxsize=64)
def _properties(size: float, bold: bool) -> font_manager.FontProperties:
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


# ---------------------------------------------------------------- colour


def ramp(polarity: Polarity, classes: int) -> list[str]:
    """As many colours as there are classes, light to dark, spread over the whole ramp."""
    colours = RAMPS[polarity]
    if classes <= 1:
        return [colours[2]]
    return [colours[round(i * (len(colours) - 1) / (classes - 1))] for i in range(classes)]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG, 0 (black) to 1 (white)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more."""
    return INK if (luminance(colour) + 0.05) ** 2 > 1.05 * (luminance(INK) + 0.05) else "#ffffff"


# ---------------------------------------------------------------- sheet


class Line(Text):
    """One horizontal line of text, drawn without matplotlib's layout, which costs ten times as much as the drawing itself."""

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


STAMP_EDGE = 4


@functools.lru_cache(maxsize=2048)
def _stamp(text: str, size: float, bold: bool, colour: str) -> tuple[NDArray[np.uint8], int]:
    """The pixels of a line at the resolution of the PNG, bottom row first, and how many lie below the baseline."""
    scale = DPI / 72
    width, below = math.ceil(text_width(text, size, bold) * scale) + 2 * STAMP_EDGE, math.ceil(0.5 * size * scale)
    height = below + math.ceil(1.3 * size * scale)
    renderer = RendererAgg(width, height, DPI)
    context = renderer.new_gc()
    context.set_foreground(colour)
    renderer.draw_text(context, STAMP_EDGE, height - below, text, _properties(size, bold), 0)
    return np.asarray(renderer.buffer_rgba())[::-1].copy(), below


@dataclass(frozen=True)
class Legend:
    """What the legend says: heading lines, and per entry colour, pattern and text."""

    badges: tuple[str, ...]
    heading: str
    lines: tuple[str, ...]
    entries: tuple[tuple[str, str, str], ...]


@dataclass
class Sheet:
    """A figure in points from the top left corner; artists of one picture are swept by `clear`, the others stay."""

    height: float
    width: float = WIDTH
    margin: float = 22.0
    figure: Figure = field(init=False)
    passing: list[Artist] = field(default_factory=list[Artist])

    def __post_init__(self) -> None:
        self.figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        upside_down = Affine2D().scale(1 / 72, -1 / 72).translate(0, self.height / 72)
        self.transform = upside_down + self.figure.dpi_scale_trans

    def add(self, artist: Artist, *, stays: bool = False) -> None:
        """Put an artist whose coordinates are points on the sheet."""
        artist.set_transform(self.transform)
        self.figure.add_artist(artist)
        if not stays:
            self.passing.append(artist)

    def clear(self) -> None:
        """Take away what belongs to the last picture only."""
        for artist in self.passing:
            artist.remove()
        self.passing.clear()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: str = INK,
        ha: Literal["left", "center", "right"] = "left",
        stays: bool = False,
    ) -> Text:
        """One line of text; nothing in it is read as mathematics."""
        artist = Line(
            x,
            y,
            text,
            fontsize=size,
            weight="bold" if bold else "normal",
            color=colour,
            ha=ha,
            va="baseline",
            parse_math=False,
            zorder=5,
        )
        self.add(artist, stays=stays)
        return artist

    def lines(self, x: float, y: float, lines: Sequence[str], size: float, *, bold: bool = False, colour: str = INK) -> float:
        """Lines under each other from baseline `y`; the baseline of what comes next."""
        for line in lines:
            self.text(x, y, line, size, bold=bold, colour=colour)
            y += size * 1.25
        return y

    def header(self, title: str, subtitle: str) -> None:
        """The finding and, under it, what is shown."""
        room = self.width - 2 * self.margin
        y = self.lines(self.margin, 33, wrap(title, room, 16, True, 2), 16, bold=True)
        self.lines(self.margin, y + 1, wrap(subtitle, room, 10.5, most=2), 10.5, colour=SOFT)

    def footer(self, lines: Sequence[str]) -> None:
        """Source, year of the boundaries and edition, from the bottom up."""
        room = self.width - 2 * self.margin
        wrapped = [part for line in lines for part in wrap(line, room, 8.5, most=2)]
        self.lines(self.margin, self.height - 12 - (len(wrapped) - 1) * 8.5 * 1.25, wrapped, 8.5, colour=SOFT)

    def badge(self, x: float, y: float, text: str, size: float = 9.5, *, stays: bool = False) -> float:
        """A framed word; the top of what comes next."""
        frame = FancyBboxPatch((x + 3, y + 3), text_width(text, size, True) + 8, size + 3, boxstyle="round,pad=3")
        frame.set(facecolor=BADGE, edgecolor=INK, linewidth=0.8)
        self.add(frame, stays=stays)
        self.text(x + 7, y + 3 + size * 0.98, text, size, bold=True, stays=stays)
        return y + size + 16

    def legend(self, x: float, y: float, room: float, legend: Legend) -> None:
        """The legend with its top at `y`."""
        for badge in legend.badges:
            y = self.badge(x, y, badge)
        y = self.lines(x, y + 9, wrap(legend.heading, room, 10, True), 10, bold=True)
        for line in legend.lines:
            y = self.lines(x, y, wrap(line, room, 9), 9, colour=SOFT)
        y += 3
        for colour, hatch, text in legend.entries:
            self.add(
                Rectangle(
                    (x, y - 5),
                    20,
                    11,
                    facecolor=colour,
                    hatch=hatch,
                    hatchcolor=hatch_colour(colour),
                    edgecolor=PALE,
                    linewidth=0.5,
                )
            )
            y = self.lines(x + 27, y + 3.5, wrap(text, room - 27, 9), 9) + 2.5

    @staticmethod
    def legend_height(room: float, legend: Legend) -> float:
        """How much room `legend` takes."""
        lines = sum(len(wrap(line, room, 9)) for line in legend.lines)
        entries = sum(len(wrap(text, room - 27, 9)) * 11.25 + 6 for _, _, text in legend.entries)
        return len(legend.badges) * 25.5 + 12.5 * len(wrap(legend.heading, room, 10, True)) + lines * 11.25 + entries + 17

    def compass(self, x: float, y: float, metres_per_point: float, room: float) -> None:
        """A scale bar and a north arrow; RD New's grid north is within 1.5 degrees of true north."""
        self.add(Polygon([(x + 6, y - 16), (x + 11, y), (x + 6, y - 3.5), (x + 1, y)], facecolor=INK, linewidth=0), stays=True)
        self.text(x + 15, y - 2, "N", 9, bold=True, stays=True)
        length = scale_length(metres_per_point * room * 0.3)
        start, span = x + 36, length / metres_per_point
        for left, fill in ((0.0, INK), (0.5, "white")):
            box = Rectangle((start + left * span, y - 4), span / 2, 4, facecolor=fill, edgecolor=INK, linewidth=0.7)
            self.add(box, stays=True)
        label = f"{length // 1000} km" if length >= 1000 else f"{length} m"
        self.text(start + span + 6, y, label, 9, stays=True)

    def save(self, folder: Path, stem: str, title: str, colours: Sequence[str]) -> tuple[Path, Path]:
        """`stem.svg` and `stem.png`; the bytes depend on the drawing and the installed versions only."""
        folder.mkdir(parents=True, exist_ok=True)
        svg, png = folder / f"{stem}.svg", folder / f"{stem}.png"
        written = io.StringIO()
        self.figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
        svg.write_text(self._held(written.getvalue()), encoding="utf-8", newline="\n")
        with png.open("wb") as file:
            self.image(colours).save(file, format="PNG", compress_level=5)
        return svg, png

    def _held(self, svg: str) -> str:
        """Every text gets its measured width, so that a viewer without our font squeezes it instead of letting it overlap."""
        drawn = [line for line in self.figure.artists if isinstance(line, Line) and line.get_text()]
        widths = [line.width() for line in sorted(drawn, key=lambda line: line.get_zorder())]
        pieces = svg.split("<text ")
        if len(pieces) != len(widths) + 1:
            return svg
        held = (
            f'<text textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs" {piece}'
            for width, piece in zip(widths, pieces[1:], strict=True)
        )
        return pieces[0] + "".join(held)

    def image(self, colours: Sequence[str]) -> Image.Image:
        """The sheet as pixels of at most 256 colours: those of the map exactly, and the steps between them and ink or white."""
        canvas = self.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)  # noqa: S101 - set in __post_init__
        canvas.draw()
        buffer: Any = canvas.buffer_rgba()
        pixels = Image.frombuffer("RGBA", canvas.get_width_height(), buffer, "raw", "RGBA", 0, 1).convert("RGB")
        return pixels.quantize(palette=_palette(tuple(colours)), dither=Image.Dither.NONE)


@functools.lru_cache(maxsize=32)
def _palette(colours: tuple[str, ...]) -> Image.Image:
    """A palette image: the colours of a map and their even mixtures with white, ink and the greys of text and lines."""
    fills = [*dict.fromkeys((*colours, EMPTY_FILL, "#ffffff", BADGE))]
    pairs = [(fill, ink, 9) for fill in fills for ink in (INK, "#ffffff")]
    pairs += [("#ffffff", SOFT, 6), ("#ffffff", EDGE, 6), ("#ffffff", PALE, 6), (EMPTY_FILL, EMPTY_HATCH, 5)]
    pairs += [(fill, EDGE, 3) for fill in fills]
    exact = np.array([_rgb(colour) for colour in (*fills, INK, SOFT, EDGE, PALE, EMPTY_HATCH)])
    steps = [_rgb(a) + np.linspace(0, 1, n)[i] * (_rgb(b) - _rgb(a)) for a, b, n in pairs for i in range(1, n - 1)]
    mixed = [step.round() for step in steps if np.abs(exact - step).max(axis=1).min() > 8]
    entries = list(dict.fromkeys(tuple(int(part) for part in entry) for entry in [*exact, *mixed]))[:256]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for entry in entries for part in entry])
    return palette


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def hatch_colour(fill: str) -> str:
    """The colour of a pattern on `fill`: grey on an empty area, else black or white."""
    return EMPTY_HATCH if fill == EMPTY_FILL else ink_on(fill)


def scale_length(most: float) -> int:
    """The longest of 1, 2 or 5 times a power of ten, in metres, that is not above `most`; at least 10."""
    steps = [digit * 10**power for power in range(1, 6) for digit in (1, 2, 5)]
    return max((step for step in steps if step <= most), default=10)
