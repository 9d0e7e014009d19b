"""Maps of the buurten of a gemeente, coloured by class.

Every picture of a gemeente shares one sheet: outlines, labels and key are placed once and only colours, patterns and texts
change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import shapely
from matplotlib.collections import PathCollection
from matplotlib.path import Path as Outlines
from shapely.geometry.base import BaseGeometry

from beeld.profiles.language import tr
from beeld.profiles.maps.bivariate import SQUARE, Square, describe_pair, draw_square, read_pairs
from beeld.profiles.maps.describe import Spec, describe
from beeld.profiles.maps.figures import Buurt, boundary_source, gemeente_name, read_figures
from beeld.profiles.maps.labels import Box, Label, label_box, place_labels
from beeld.profiles.maps.lettering import Line, drawing, shorten, text_width
from beeld.profiles.maps.patterned import Patterned
from beeld.profiles.maps.picture import MapPicture, edition
from beeld.profiles.maps.placement import Placement
from beeld.profiles.maps.shapes import dissolved, simplified
from beeld.profiles.maps.sheet import WIDTH, Legend, Sheet
from beeld.profiles.maps.style import EDGE, EMPTY_FILL, EXAMPLE, hatch_colour, ink_on
from beeld.profiles.maps.table import Scale, pattern, subject_bounds, table_rows
from beeld.profiles.maps.years import describe_years, draw_years, read_years
from beeld.transforms.catalog import Catalog

SCALES: tuple[Scale, ...] = ("nl", "gemeente")
MAP_WIDTH, MAP_HEIGHT, MAP_TOP = 508.0, 600.0, 94.0
PANEL_LEFT, PANEL_WIDTH = 552.0, 194.0
KEY_SIZE, KEY_LEADING = 7.5, 9.6


def draw_maps(
    con: duckdb.DuckDBPyConnection,
    gemeentecode: str,
    out: Path,
    *,
    catalog: Catalog,
    release_id: str,
    example: bool,
    pixels: bool = True,
) -> list[MapPicture]:
    """One map per scored theme and core indicator, with national classes (`-nl`) and with classes of its own (`-gemeente`).

    After these come a map per pair of themes (`tegenover` in themas.yaml) and the years of each core figure that may be followed
    (`-jaren`). A gemeente without any boundary gives no maps; a picture whose own classes would not differ is left out.
    Without `pixels` there are no PNG files.
    """
    figures = read_figures(con, gemeentecode, catalog)
    drawn = [buurt for buurt in figures.buurten if buurt.shape is not None]
    if not drawn:
        return []
    place = gemeente_name(con, gemeentecode)
    source = boundary_source(con, drawn)
    specs: list[Spec] = []
    for subject in figures.subjects():
        for scale in SCALES:
            bounds = subject_bounds(subject, scale)
            if bounds or scale == "nl":
                specs.append(describe(subject, table_rows(subject, figures.buurten, bounds), scale, place, bounds, source))
    pairs = [describe_pair(pair, place, source) for pair in read_pairs(figures)]
    years = [describe_years(series, place, source) for series in read_years(con, gemeentecode, figures)]
    with drawing():
        last = edition(release_id, example)
        painter = Painter(drawn, [*specs, *(pair.spec for pair in pairs)], last, example, pixels=pixels)
        found = [painter.paint(spec, out) for spec in specs]
        found += [painter.paint(pair.spec, out, pair.square) for pair in pairs]
        return found + [draw_years(spec, drawn, out, last, example, pixels=pixels) for spec in years]


class Painter:
    """The sheet of one gemeente: boundaries, labels and key stay, the rest is drawn per picture."""

    def __init__(
        self, buurten: Sequence[Buurt], specs: Sequence[Spec], edition: str, example: bool, *, pixels: bool = True
    ) -> None:
        self.pixels = pixels
        shapes = [buurt.shape for buurt in buurten if buurt.shape is not None]
        bounds = [float(bound) for bound in shapely.total_bounds(shapes)]
        place = Placement.fit(bounds, 22, MAP_TOP, MAP_WIDTH, MAP_HEIGHT)
        shapes = simplified(shapes, 0.4 / place.scale)
        outlines = [place.outline(b.code, b.name, shape) for b, shape in zip(buurten, shapes, strict=True)]
        bottom = MAP_TOP + (bounds[3] - bounds[1]) * place.scale
        self.labels, self.key = place_labels(outlines, (20.0, MAP_TOP - 2, 24 + MAP_WIDTH, bottom + 2), text_width)
        self.edition, self.example = edition, example
        legend = MAP_TOP + max(sheet_legend_height(spec, example) + (SQUARE if spec.kind == "pair" else 0) for spec in specs)
        columns = 1 if legend + self._key_height(1) <= bottom + 36 else 2
        beside, below = legend + self._key_height(columns), max(bottom + 36, legend) + self._key_height(5)
        self.sheet = Sheet(max(bottom + 36, min(beside, below)) + 50)
        self.paths = [place.path(shape) for shape in shapes]
        self.codes = [buurt.code for buurt in buurten]
        self.areas = PathCollection(self.paths, edgecolors="white", linewidths=0.8, zorder=1)
        self.sheet.add(self.areas, stays=True)
        self._borders(place, buurten, shapes)
        if beside <= below:
            self._key(PANEL_LEFT, legend, columns, PANEL_WIDTH)
        else:
            self._key(22, max(bottom + 36, legend), 5, WIDTH - 44)
        self.sheet.compass(22, bottom + 30, 1 / place.scale, MAP_WIDTH)
        self.texts = {label.code: self._label(label) for label in self.labels}
        self.patches = {label.code: box_path(label_box(label, text_width)) for label in self.labels}

    def _borders(self, place: Placement, buurten: Sequence[Buurt], shapes: Sequence[BaseGeometry]) -> None:
        """Wijk borders a little thicker, and a thin line around the gemeente, which keeps empty edges visible."""
        districts: dict[str, list[BaseGeometry]] = {}
        for buurt, shape in zip(buurten, shapes, strict=True):
            districts.setdefault(buurt.district, []).append(shape)
        gap = 1.2 / place.scale
        wholes = [dissolved(parts, gap) for parts in districts.values()]
        for drawn, colour, width in ((wholes, "white", 2.2), ([dissolved(wholes, gap)], EDGE, 2.2)):
            paths = [place.path(shape) for shape in drawn if not shape.is_empty]
            self.sheet.add(PathCollection(paths, facecolors="none", edgecolors=colour, linewidths=width, zorder=3), stays=True)

    def _label(self, label: Label) -> list[Line]:
        return [
            self.sheet.text(label.x, y, line, label.size, bold=label.number, ha="center", stays=True)
            for y, line in zip(label.baselines(), label.lines, strict=True)
        ]

    def _key_height(self, columns: int) -> float:
        return 26 + -(-len(self.key) // columns) * KEY_LEADING if self.key else 0.0

    def _key(self, left: float, top: float, columns: int, width: float) -> None:
        if not self.key:
            return
        self.sheet.text(left, top + 9, tr("Nummers op de kaart"), 9, bold=True, under=True)
        rows = -(-len(self.key) // columns)
        places = [
            (left + (index // rows) * (width + 4) / columns, top + 22 + (index % rows) * KEY_LEADING)
            for index in range(len(self.key))
        ]
        for (x, y), (number, _) in zip(places, self.key, strict=True):
            self.sheet.text(x + 11, y, number, KEY_SIZE, bold=True, ha="right", under=True)
        for (x, y), (_, name) in zip(places, self.key, strict=True):
            self.sheet.text(x + 14, y, shorten(name, width / columns - 16, KEY_SIZE), KEY_SIZE, under=True)

    def paint(self, spec: Spec, out: Path, square: Square | None = None) -> MapPicture:
        """Draw one picture and write its files; `square` is the legend of two themes at once."""
        self.sheet.clear()
        rows = {row.code: row for row in spec.rows}
        shown = [rows[code] for code in self.codes]
        fills = [EMPTY_FILL if row.klass is None else spec.colours[row.klass] for row in shown]
        hatches = [pattern(row) for row in shown]
        self.areas.set_facecolor(fills)
        for hatch in sorted({hatch for hatch in hatches if hatch}):
            self._hatch(hatch, [i for i, other in enumerate(hatches) if other == hatch], fills)
        drawn = dict(zip(self.codes, zip(fills, hatches, strict=True), strict=True))
        self._ink(drawn)
        self.sheet.header(spec.title, spec.subtitle)
        bottom = self.sheet.legend(PANEL_LEFT, MAP_TOP, PANEL_WIDTH, sheet_legend(spec, self.example))
        if square is not None:
            draw_square(self.sheet, PANEL_LEFT, bottom, square)
        self.sheet.footer([spec.source, self.edition])
        svg, png = self.sheet.save(out, spec.key, spec.title, spec.colours, pixels=self.pixels)
        return MapPicture(spec.key, spec.kind, spec.title, spec.alt, spec.caption, svg, png)

    def _hatch(self, hatch: str, chosen: Sequence[int], fills: Sequence[str]) -> None:
        colours = [hatch_colour(fills[i]) for i in chosen]
        paths = [self.paths[i] for i in chosen]
        self.sheet.add(Patterned(paths, hatch, colours, 0.8, zorder=2))

    def _ink(self, drawn: Mapping[str, tuple[str, str]]) -> None:
        """A label stands out against the colour under it; on a pattern or over a neighbour it gets a patch of its own."""
        patches: list[Outlines] = []
        colours: list[str] = []
        for label in self.labels:
            fill, hatch = drawn[label.code]
            under = fill if label.inside else "#ffffff"
            for text in self.texts[label.code]:
                text.colour = ink_on(under)
            if hatch or not label.inside:
                patches.append(self.patches[label.code])
                colours.append(under)
        if patches:
            self.sheet.add(PathCollection(patches, facecolors=colours, linewidths=0, zorder=4, snap=True))


def box_path(box: Box) -> Outlines:
    """The outline of a box."""
    left, top, right, bottom = box
    return Outlines([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], closed=True)


def sheet_legend(spec: Spec, example: bool) -> Legend:
    """The legend with, for the example, the warning on top."""
    badges = ((tr(EXAMPLE),) if example else ()) + spec.legend.badges
    return Legend(badges, spec.legend.heading, spec.legend.lines, spec.legend.entries)


def sheet_legend_height(spec: Spec, example: bool) -> float:
    """Room for the legend of one picture."""
    return Sheet.legend_height(PANEL_WIDTH, sheet_legend(spec, example))
