"""The sheet that maps are drawn on, and its files with reproducible bytes.

A sheet is one matplotlib figure that is reused for many pictures. Everything on it is placed in points from the top left
corner, so that legend, key and footer need no axes and nothing is clipped by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.transforms import Affine2D
from PIL import Image

from beeld.profiles.maps.lettering import DPI, Anchor, Line, text_width, wrap
from beeld.profiles.maps.palette import palette
from beeld.profiles.maps.style import BADGE, INK, PALE, SOFT, hatch_colour
from beeld.profiles.maps.vector import Writer

WIDTH = 768.0
"""Width of a map in points: 1,600 pixels at 150 dpi."""


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
    under: list[Artist] = field(default_factory=list[Artist])
    ground: Any = None
    """The pixels of what is `under`, once they have been drawn."""
    writer: Writer = field(default_factory=Writer)

    def __post_init__(self) -> None:
        self.figure = Figure(figsize=(self.width / 72, self.height / 72), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        upside_down = Affine2D().scale(1 / 72, -1 / 72).translate(0, self.height / 72)
        self.transform = upside_down + self.figure.dpi_scale_trans

    def add(self, artist: Artist, *, stays: bool = False, under: bool = False) -> None:
        """Put an artist whose coordinates are points on the sheet; what is `under` stays, with nothing that changes below it."""
        artist.set_transform(self.transform)
        self.figure.add_artist(artist)
        if under:
            self.under.append(artist)
            self.ground = None
        elif not stays:
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
        ha: Anchor = "left",
        stays: bool = False,
        under: bool = False,
    ) -> Line:
        """One line of text; nothing in it is read as mathematics."""
        artist = Line(x, y, text, size, bold=bold, colour=colour, ha=ha)
        self.add(artist, stays=stays, under=under)
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

    def badge(self, x: float, y: float, text: str, size: float = 9.5, *, under: bool = False) -> float:
        """A framed word; the top of what comes next."""
        frame = FancyBboxPatch((x + 3, y + 3), text_width(text, size, True) + 8, size + 3, boxstyle="round,pad=3")
        frame.set(facecolor=BADGE, edgecolor=INK, linewidth=0.8)
        self.add(frame, under=under)
        self.text(x + 7, y + 3 + size * 0.98, text, size, bold=True, under=under)
        return y + size + 16

    def legend(self, x: float, y: float, room: float, legend: Legend) -> float:
        """The legend with its top at `y`; the top of what comes next."""
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
        return y

    @staticmethod
    def legend_height(room: float, legend: Legend) -> float:
        """How much room `legend` takes."""
        lines = sum(len(wrap(line, room, 9)) for line in legend.lines)
        entries = sum(len(wrap(text, room - 27, 9)) * 11.25 + 6 for _, _, text in legend.entries)
        return len(legend.badges) * 25.5 + 12.5 * len(wrap(legend.heading, room, 10, True)) + lines * 11.25 + entries + 17

    def compass(self, x: float, y: float, metres_per_point: float, room: float) -> None:
        """A scale bar and a north arrow; RD New's grid north is within 1.5 degrees of true north."""
        self.add(Polygon([(x + 6, y - 16), (x + 11, y), (x + 6, y - 3.5), (x + 1, y)], facecolor=INK, linewidth=0), under=True)
        self.text(x + 15, y - 2, "N", 9, bold=True, under=True)
        length = scale_length(metres_per_point * room * 0.3)
        start, span = x + 36, length / metres_per_point
        for left, fill in ((0.0, INK), (0.5, "white")):
            box = Rectangle((start + left * span, y - 4), span / 2, 4, facecolor=fill, edgecolor=INK, linewidth=0.7)
            self.add(box, under=True)
        label = f"{length // 1000} km" if length >= 1000 else f"{length} m"
        self.text(start + span + 6, y, label, 9, under=True)

    def save(self, folder: Path, stem: str, title: str, colours: Sequence[str], *, pixels: bool = True) -> tuple[Path, Path]:
        """`stem.svg` and, with `pixels`, `stem.png`; the bytes depend on the drawing and the installed versions only."""
        folder.mkdir(parents=True, exist_ok=True)
        svg, png = folder / f"{stem}.svg", folder / f"{stem}.png"
        artists = [artist for artist in self.figure.artists if artist.get_visible()]
        svg.write_text(self.writer.document(artists, self.width, self.height, title), encoding="utf-8", newline="\n")
        if pixels:
            with png.open("wb") as file:
                self.image(colours).save(file, format="PNG", compress_level=3)
        return svg, png

    def image(self, colours: Sequence[str]) -> Image.Image:
        """The sheet as pixels of at most 256 colours: those of the map exactly, and the steps between them and ink or white."""
        canvas = self.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)  # noqa: S101 - set in __post_init__
        renderer = canvas.get_renderer()
        if self.ground is None:
            renderer.clear()
            self._draw(renderer, [self.figure.patch, *self.under])
            self.ground = renderer.copy_from_bbox(self.figure.bbox)
        renderer.restore_region(self.ground)
        drawn = {id(artist) for artist in self.under}
        self._draw(renderer, [artist for artist in self.figure.artists if id(artist) not in drawn])
        buffer: Any = canvas.buffer_rgba()
        pixels = Image.frombytes("RGB", canvas.get_width_height(), buffer, "raw", "RGBX")
        return pixels.quantize(palette=palette(tuple(colours)), dither=Image.Dither.NONE)

    @staticmethod
    def _draw(renderer: RendererAgg, artists: Sequence[Artist]) -> None:
        for artist in sorted(artists, key=lambda artist: artist.get_zorder()):
            artist.draw(renderer)


def scale_length(most: float) -> int:
    """The longest of 1, 2 or 5 times a power of ten, in metres, that is not above `most`; at least 10."""
    steps = [digit * 10**power for power in range(1, 6) for digit in (1, 2, 5)]
    return max((step for step in steps if step <= most), default=10)
