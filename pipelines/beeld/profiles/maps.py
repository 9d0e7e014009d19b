"""Maps of the buurten of a gemeente, and of where an area lies, drawn from a release.

Every picture of a gemeente shares one sheet: outlines, labels and key are placed once and only colours, patterns and texts
change. What a map shows is decided as plain values first (`map_table`, `Spec`), so that pages print the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import shapely
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outlines
from matplotlib.text import Text
from shapely.geometry.base import BaseGeometry

from beeld.errors import UsageError
from beeld.profiles import map_style as style
from beeld.profiles.map_labels import (
    Cell,
    Label,
    MapRow,
    Outline,
    Points,
    Scale,
    Spec,
    Subject,
    classify,
    describe,
    label_box,
    place_labels,
    subject_bounds,
)
from beeld.profiles.map_style import WIDTH, Legend, Polarity, Sheet, State, clean, listed
from beeld.transforms.catalog import Catalog

SCALES: tuple[Scale, ...] = ("nl", "gemeente")
FLOOR = 200
"""Inhabitants from which a buurt belongs to the universe; METHOD.md section 2."""
STATES: Mapping[str, State] = {
    "ok": "ok",
    "geheim": "afgeschermd",
    "te_klein": "afgeschermd",
    "niet_van_toepassing": "niet_van_toepassing",
    "geen_noemer": "niet_van_toepassing",
}
MAP_WIDTH, MAP_HEIGHT, MAP_TOP = 508.0, 600.0, 94.0
PANEL_LEFT, PANEL_WIDTH = 552.0, 194.0
KEY_SIZE, KEY_LEADING = 7.5, 9.6


@dataclass(frozen=True)
class MapPicture:
    """One picture on disk; `key` is its file name without extension: `<theme or indicator>-<scale>` or `ligging-<code>`."""

    key: str
    kind: Literal["theme", "indicator", "locator"]
    title: str
    alt: str
    caption: str
    svg: Path
    png: Path


@dataclass(frozen=True)
class Buurt:
    """A buurt with its boundary, when there is one."""

    code: str
    name: str
    district: str
    people: int | None
    shape: BaseGeometry | None
    year: int | None


# ---------------------------------------------------------------- data


def map_table(
    con: duckdb.DuckDBPyConnection, gemeentecode: str, key: str, *, catalog: Catalog, scale: Scale = "nl"
) -> list[MapRow]:
    """The numbers behind the map of a theme or indicator: every buurt of the gemeente by code; empty for an unknown key."""
    figures = read_figures(con, gemeentecode, catalog)
    subject = next((subject for subject in figures.subjects() if subject.key == key), None)
    return table_rows(subject, figures.buurten, subject_bounds(subject, scale)) if subject else []


def table_rows(subject: Subject, buurten: Sequence[Buurt], bounds: Sequence[float]) -> list[MapRow]:
    """The rows of a map with these class bounds."""
    rows: list[MapRow] = []
    for buurt in buurten:
        value, state, reliable = subject.cells[buurt.code]
        klass = None if value is None else classify(value, bounds, subject.decimals)
        rows.append(MapRow(buurt.code, buurt.name, value, klass, state, reliable, buurt.shape is not None))
    return rows


def read_buurten(con: duckdb.DuckDBPyConnection, gemeentecode: str) -> list[Buurt]:
    """The buurten of a gemeente by code."""
    found = con.execute(
        "select gebiedscode, naam, wijkcode, inwoners, ST_AsWKB(geometrie), geometrie_jaar from gebied "
        "where soort = 'buurt' and gemeentecode = ? order by gebiedscode",
        [gemeentecode],
    ).fetchall()
    return [
        Buurt(code, clean(name), district or "", people, _shape(wkb), year) for code, name, district, people, wkb, year in found
    ]


def polygons(geometry: BaseGeometry) -> shapely.MultiPolygon | None:
    """The polygons of a geometry, mended; None when nothing with an area is left."""
    try:
        whole = shapely.make_valid(geometry)
    except shapely.errors.GEOSException:
        return None
    parts = [part for part in shapely.get_parts(shapely.get_parts(whole)) if part.geom_type == "Polygon" and part.area > 0]
    return shapely.MultiPolygon(parts) if parts and np.isfinite(shapely.bounds(whole)).all() else None


def _shape(wkb: bytes | None) -> shapely.MultiPolygon | None:
    return None if wkb is None else polygons(shapely.from_wkb(bytes(wkb)))


@dataclass(frozen=True)
class Figures:
    """What is read once for all pictures of a gemeente."""

    catalog: Catalog
    buurten: Sequence[Buurt]
    national: Mapping[str, Sequence[float]]
    cells: Mapping[str, Mapping[str, Cell]]
    origin: Mapping[str, tuple[int, str]]
    titles: Mapping[str, str]

    def subjects(self) -> list[Subject]:
        """Every theme with a score, each followed by its core indicators; without any value here it is left out."""
        found: list[Subject] = []
        for theme in self.catalog.scored_themes:
            names = [name for name in self.catalog.core(theme) if name in self.origin]
            drafts = [self.theme(theme, names), *(self.indicator(name) for name in names)]
            found += [draft for draft in drafts if any(value is not None for value, _, _ in draft.cells.values())]
        return found

    def theme(self, key: str, names: Sequence[str]) -> Subject:
        """A theme score; its years and sources are those of its core indicators."""
        theme = self.catalog.themes[key]
        modelled = [self.catalog.indicators[name].soort == "modelschatting" for name in names]
        years = listed([str(year) for year in sorted({self.origin[name][0] for name in names})])
        means = "meer kracht" if theme.kracht else "meer zorg"
        count = f"{len(names)} cijfer" + ("s" if len(names) != 1 else "")
        return Subject(
            key=key,
            kind="theme",
            name=theme.titel,
            shown=f"Themascore van 0 tot 1 uit {count}; hoger = {means}; peiljaar {years}",
            unit="score van 0 tot 1",
            decimals=2,
            polarity="kracht" if theme.kracht else "zorg",
            badge="modelschatting" if all(modelled) else "deels modelschatting" if any(modelled) else "",
            margin="ruime marge",
            aside="" if theme.kracht or theme.uitdaging else " (meer zorg)",
            sources=self.sources(names),
            national=self.national.get(f"thema {key}", ()),
            cells={b.code: self.cells.get(f"thema {key}", {}).get(b.code) or _no_score(b) for b in self.buurten},
        )

    def indicator(self, key: str) -> Subject:
        """A core indicator in its latest complete year."""
        entry = self.catalog.indicators[key]
        good: Polarity = "kracht" if self.catalog.themes[entry.thema].kracht else "gunstig"
        polarity: Mapping[str, Polarity] = {"gunstig": good, "ongunstig": "ongunstig", "neutraal": "neutraal"}
        absent: Cell = (None, "geen_gegevens", None)
        return Subject(
            key=key,
            kind="indicator",
            name=entry.titel,
            shown=f"{entry.uitleg.rstrip('.')}; {entry.eenheid}; peiljaar {self.origin[key][0]}",
            unit=entry.eenheid,
            decimals=entry.decimalen,
            polarity=polarity[entry.richting],
            badge="modelschatting" if entry.soort == "modelschatting" else "",
            margin="aangenomen marge" if entry.foutmodel == "aangenomen" else "ruime marge",
            aside="",
            sources=self.sources([key]),
            national=self.national.get(key, ()),
            cells={b.code: self.cells.get(key, {}).get(b.code, absent) for b in self.buurten},
        )

    def sources(self, names: Sequence[str]) -> str:
        """Publisher, title and table of the figures, each table once."""
        tables = sorted({table for name in names for table in self.origin[name][1].split(", ")})
        return "; ".join(self.titles.get(table, table) for table in tables)


def _no_score(buurt: Buurt) -> Cell:
    small = buurt.people is not None and buurt.people < FLOOR
    return (None, "te_weinig_inwoners" if small else "geen_gegevens", None)


def read_figures(con: duckdb.DuckDBPyConnection, gemeentecode: str, catalog: Catalog) -> Figures:
    """The values of one gemeente and, for the classes, those of all buurten of the universe."""
    national: dict[str, list[float]] = {}
    for name, value in con.execute(NATIONAL, [FLOOR, FLOOR]).fetchall():
        national.setdefault(name, []).append(value)
    cells: dict[str, dict[str, Cell]] = {}
    for name, code, value, status, reliable in con.execute(LOCAL, [gemeentecode, gemeentecode]).fetchall():
        cells.setdefault(name, {})[code] = (value, STATES.get(status, "geen_gegevens"), reliable)
    origin = {name: (year, tables) for name, year, tables in con.execute(ORIGIN).fetchall()}
    titles = {
        table: clean(f"{publisher}, {title} ({table})")
        for table, publisher, title in con.execute("select tabel, uitgever, titel from bron order by bron, tabel").fetchall()
    }
    return Figures(catalog, read_buurten(con, gemeentecode), national, cells, origin, titles)


NATIONAL = """
select v.indicator, v.waarde
from laatste_waarde as v
join gebied as g on g.gebiedscode = v.gebiedscode
join indicator as i on i.indicator = v.indicator
where g.soort = 'buurt' and g.inwoners >= ? and v.status = 'ok' and i.rol = 'kern'
union all
select 'thema ' || s.thema, s.score
from thema_score as s
join gebied as g on g.gebiedscode = s.gebiedscode
where g.soort = 'buurt' and g.inwoners >= ? and s.referentie = 'nl' and s.score is not null
"""
LOCAL = """
select v.indicator, v.gebiedscode, v.waarde, v.status, v.betrouwbaar
from laatste_waarde as v
join gebied as g on g.gebiedscode = v.gebiedscode
where g.soort = 'buurt' and g.gemeentecode = ?
union all
select 'thema ' || s.thema, s.gebiedscode, s.score, 'ok', null
from thema_score as s
join gebied as g on g.gebiedscode = s.gebiedscode
where g.soort = 'buurt' and g.gemeentecode = ? and s.referentie = 'nl' and s.score is not null
"""
ORIGIN = """
select v.indicator, v.peiljaar, string_agg(distinct v.bron_tabel, ', ' order by v.bron_tabel)
from laatste_waarde as v
group by all
"""


# ---------------------------------------------------------------- drawing


@dataclass(frozen=True)
class Placement:
    """From RD metres to points on the sheet."""

    left: float
    top: float
    scale: float
    x: float
    y: float

    @classmethod
    def fit(cls, bounds: Sequence[float], left: float, top: float, width: float, height: float) -> Placement:
        """As large as fits, in the middle of the width and at the top of the height."""
        across, down = max(bounds[2] - bounds[0], 1.0), max(bounds[3] - bounds[1], 1.0)
        scale = min(width / across, height / down)
        return cls(bounds[0], bounds[3], scale, left + (width - across * scale) / 2, top)

    def points(self, metres: Points) -> Points:
        """Coordinates in points, rounded to what can be seen."""
        return np.column_stack(
            [self.x + (metres[:, 0] - self.left) * self.scale, self.y + (self.top - metres[:, 1]) * self.scale]
        ).round(2)

    def rings(self, shape: BaseGeometry) -> tuple[Points, ...]:
        """All rings of a shape, shells and holes, in opposite directions."""
        turned = shapely.orient_polygons(shape)
        return tuple(self.points(shapely.get_coordinates(ring)) for ring in shapely.get_rings(shapely.get_parts(turned)))

    def path(self, shape: BaseGeometry) -> Outlines:
        """One compound path, so that holes stay open."""
        rings = self.rings(shape)
        codes = [[Outlines.MOVETO, *[Outlines.LINETO] * (len(ring) - 2), Outlines.CLOSEPOLY] for ring in rings]
        return Outlines(np.concatenate(rings), [code for ring in codes for code in ring]) if rings else Outlines(np.empty((0, 2)))

    def outline(self, code: str, name: str, shape: BaseGeometry) -> Outline:
        """What `place_labels` needs to know of an area."""
        largest = max(shapely.get_parts(shape), key=lambda part: part.area)
        centre = deepest(largest, 1 / self.scale)
        x, y = self.points(np.array([[centre.x, centre.y]]))[0]
        return Outline(code, name, self.rings(shape), (float(x), float(y)), largest.area)


def deepest(shape: BaseGeometry, tolerance: float) -> shapely.Point:
    """The point inside a polygon that is furthest from its edge."""
    try:
        library: Any = shapely  # its stubs want an array for a tolerance
        radius: Any = library.maximum_inscribed_circle(shape, tolerance=tolerance)
        return shapely.Point(radius.coords[0])
    except shapely.errors.GEOSException:
        return shape.representative_point()


def simplified(shapes: Sequence[BaseGeometry], tolerance: float) -> list[BaseGeometry]:
    """Shapes with the detail that can be seen, neighbours still touching; a shape that would vanish keeps its own form."""
    try:
        simple: Iterable[BaseGeometry] = shapely.coverage_simplify(list(shapes), tolerance)
    except shapely.errors.GEOSException:
        simple = shapely.simplify(list(shapes), tolerance)
    return [new if new.area > 0 and new.geom_type.endswith("Polygon") else old for new, old in zip(simple, shapes, strict=True)]


def dissolved(shapes: Iterable[BaseGeometry], gap: float) -> BaseGeometry:
    """The union, with gaps narrower than twice `gap` closed."""
    grown = shapely.union_all(shapely.buffer(list(shapes), gap, join_style="mitre"))
    whole = shapely.buffer(grown, -gap, join_style="mitre")
    parts = [part for part in shapely.get_parts(whole) if isinstance(part, shapely.Polygon)]
    holes = [shapely.Polygon(ring) for part in parts for ring in part.interiors]
    return shapely.union_all([whole, *(hole for hole in holes if hole.area < (12 * gap) ** 2)])


def draw_maps(
    con: duckdb.DuckDBPyConnection, gemeentecode: str, out: Path, *, catalog: Catalog, release_id: str, example: bool
) -> list[MapPicture]:
    """One map per scored theme and core indicator, with national classes (`-nl`) and with classes of its own (`-gemeente`).

    A gemeente without any boundary gives no maps; a picture whose own classes would not differ is left out.
    """
    figures = read_figures(con, gemeentecode, catalog)
    drawn = [buurt for buurt in figures.buurten if buurt.shape is not None]
    if not drawn:
        return []
    name = con.execute("select any_value(gemeentenaam) from gebied where gemeentecode = ?", [gemeentecode]).fetchone()
    place = clean(str(name[0])) if name and name[0] else gemeentecode
    years = listed([str(year) for year in sorted({b.year for b in drawn if b.year})])
    publisher = con.execute("select uitgever from bron where bron like '%grenzen%' order by all limit 1").fetchone()
    source = f"grenzen {years}" + (f": {clean(str(publisher[0]))}" if publisher else "")
    specs: list[Spec] = []
    for subject in figures.subjects():
        for scale in SCALES:
            bounds = subject_bounds(subject, scale)
            if bounds or scale == "nl":
                specs.append(describe(subject, table_rows(subject, figures.buurten, bounds), scale, place, bounds, source))
    with style.drawing():
        painter = Painter(drawn, specs, edition(release_id, example), example)
        return [painter.paint(spec, out) for spec in specs]


def edition(release_id: str, example: bool) -> str:
    """The last line inside every picture."""
    return f"Editie {clean(release_id)}. Een signaal, geen oordeel." + (f" {style.EXAMPLE.capitalize()}." if example else "")


class Painter:
    """The sheet of one gemeente: boundaries, labels and key stay, the rest is drawn per picture."""

    def __init__(self, buurten: Sequence[Buurt], specs: Sequence[Spec], edition: str, example: bool) -> None:
        shapes = [buurt.shape for buurt in buurten if buurt.shape is not None]
        bounds = [float(bound) for bound in shapely.total_bounds(shapes)]
        place = Placement.fit(bounds, 22, MAP_TOP, MAP_WIDTH, MAP_HEIGHT)
        shapes = simplified(shapes, 0.4 / place.scale)
        outlines = [place.outline(b.code, b.name, shape) for b, shape in zip(buurten, shapes, strict=True)]
        bottom = MAP_TOP + (bounds[3] - bounds[1]) * place.scale
        self.labels, self.key = place_labels(outlines, (20.0, MAP_TOP - 2, 24 + MAP_WIDTH, bottom + 2), style.text_width)
        self.edition, self.example = edition, example
        legend = max(sheet_legend_height(spec, example) for spec in specs)
        legend += MAP_TOP
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

    def _borders(self, place: Placement, buurten: Sequence[Buurt], shapes: Sequence[BaseGeometry]) -> None:
        """Wijk borders a little thicker, and a thin line around the gemeente, which keeps empty edges visible."""
        districts: dict[str, list[BaseGeometry]] = {}
        for buurt, shape in zip(buurten, shapes, strict=True):
            districts.setdefault(buurt.district, []).append(shape)
        gap = 1.2 / place.scale
        wholes = [dissolved(parts, gap) for parts in districts.values()]
        for drawn, colour, width in ((wholes, "white", 2.2), ([dissolved(wholes, gap)], style.EDGE, 2.2)):
            paths = [place.path(shape) for shape in drawn if not shape.is_empty]
            self.sheet.add(PathCollection(paths, facecolors="none", edgecolors=colour, linewidths=width, zorder=3), stays=True)

    def _label(self, label: Label) -> list[Text]:
        return [
            self.sheet.text(label.x, y, line, label.size, bold=label.number, ha="center", stays=True)
            for y, line in zip(label.baselines(), label.lines, strict=True)
        ]

    def _key_height(self, columns: int) -> float:
        return 26 + -(-len(self.key) // columns) * KEY_LEADING if self.key else 0.0

    def _key(self, left: float, top: float, columns: int, width: float) -> None:
        if not self.key:
            return
        self.sheet.text(left, top + 9, "Nummers op de kaart", 9, bold=True, stays=True)
        rows = -(-len(self.key) // columns)
        for index, (number, name) in enumerate(self.key):
            x = left + (index // rows) * (width + 4) / columns
            y = top + 22 + (index % rows) * KEY_LEADING
            short = style.shorten(name, width / columns - 16, KEY_SIZE)
            self.sheet.text(x + 11, y, number, KEY_SIZE, bold=True, ha="right", stays=True)
            self.sheet.text(x + 14, y, short, KEY_SIZE, stays=True)

    def paint(self, spec: Spec, out: Path) -> MapPicture:
        """Draw one picture and write both files."""
        self.sheet.clear()
        rows = {row.code: row for row in spec.rows}
        shown = [rows[code] for code in self.codes]
        fills = [style.EMPTY_FILL if row.klass is None else spec.colours[row.klass] for row in shown]
        hatches = [pattern(row) for row in shown]
        self.areas.set_facecolor(fills)
        for hatch in sorted({hatch for hatch in hatches if hatch}):
            self._hatch(hatch, [i for i, other in enumerate(hatches) if other == hatch], fills)
        drawn = dict(zip(self.codes, zip(fills, hatches, strict=True), strict=True))
        for label in self.labels:
            self._ink(label, *drawn[label.code])
        self.sheet.header(spec.title, spec.subtitle)
        self.sheet.legend(PANEL_LEFT, MAP_TOP, PANEL_WIDTH, sheet_legend(spec, self.example))
        self.sheet.footer([spec.source, self.edition])
        svg, png = self.sheet.save(out, spec.key, spec.title, spec.colours)
        return MapPicture(spec.key, spec.kind, spec.title, spec.alt, spec.caption, svg, png)

    def _hatch(self, hatch: str, chosen: Sequence[int], fills: Sequence[str]) -> None:
        colours = [style.hatch_colour(fills[i]) for i in chosen]
        paths = [self.paths[i] for i in chosen]
        self.sheet.add(
            PathCollection(
                paths, facecolors="none", edgecolors="white", linewidths=0.8, hatch=hatch, hatchcolors=colours, zorder=2
            )
        )

    def _ink(self, label: Label, fill: str, hatch: str) -> None:
        """A label stands out against the colour under it; on a pattern or over a neighbour it gets a patch of its own."""
        under = fill if label.inside else "#ffffff"
        for text in self.texts[label.code]:
            text.set_color(style.ink_on(under))
        if hatch or not label.inside:
            left, top, right, bottom = label_box(label, style.text_width)
            patch = Rectangle((left, top), right - left, bottom - top, facecolor=under, linewidth=0, zorder=4)
            self.sheet.add(patch)


def pattern(row: MapRow) -> str:
    """The pattern over an area: what kind of empty, or that the figure is not reliable."""
    if row.klass is None:
        return style.EMPTY.get(row.state, ("", ""))[1]
    return style.UNSURE_HATCH if row.reliable is False else ""


def sheet_legend(spec: Spec, example: bool) -> Legend:
    """The legend with, for the example, the warning on top."""
    badges = ((style.EXAMPLE,) if example else ()) + spec.legend.badges
    return Legend(badges, spec.legend.heading, spec.legend.lines, spec.legend.entries)


def sheet_legend_height(spec: Spec, example: bool) -> float:
    """Room for the legend of one picture."""
    return Sheet.legend_height(PANEL_WIDTH, sheet_legend(spec, example))


# ---------------------------------------------------------------- where an area lies

LOCATOR_WIDTH, LOCATOR_TOP = 400.0, 58.0
HIGHLIGHT = style.CONCERN[1]
FINGERPRINT = "select bit_xor(hash(gebiedscode, naam, geometrie_jaar, ST_AsWKB(geometrie))), count(*) from gebied where "
WITHIN = "gemeentecode = ? and geometrie is not null"


@dataclass(frozen=True)
class Ground:
    """The drawing that the locators of one gemeente share."""

    sheet: Sheet
    place: Placement
    whole: BaseGeometry
    name: str
    years: frozenset[int]


_grounds: dict[tuple[object, ...], Ground] = {}
"""The last few grounds, by a fingerprint of everything that is drawn on them."""


def draw_locator(con: duckdb.DuckDBPyConnection, gebiedscode: str, out: Path, *, release_id: str, example: bool) -> MapPicture:
    """Where an area lies: in its gemeente, a gemeente or a union over more gemeenten among its neighbours.

    Without a boundary of its own the area is not marked and the caption says so.
    """
    row = con.execute(
        "select soort, naam, gemeentecode, gemeentenaam, ST_AsWKB(geometrie), geometrie_jaar from gebied where gebiedscode = ?",
        [gebiedscode],
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no gebied '{clean(gebiedscode)}' in this release")
    kind, raw, gemeente, within, wkb = row[:5]
    year: int | None = row[5]
    name, shape = clean(str(raw)), _shape(wkb)
    local = kind in ("buurt", "wijk", "samengesteld") and gemeente is not None
    shape = None if kind == "land" else shape
    if shape is None and kind in ("gemeente", "wijk"):
        shape, year = _from_buurten(con, "gemeentecode" if kind == "gemeente" else "wijkcode", gebiedscode)
    with style.drawing():
        last = edition(release_id, example)
        if local:
            ground = _ground(con, str(gemeente), clean(str(within or gemeente)), last, example)
        else:
            ground = _country(con, gebiedscode, shape, last, example)
        return _locate(ground, gebiedscode, name, kind, shape, year, out)


def _locate(
    ground: Ground, code: str, name: str, kind: str, shape: BaseGeometry | None, year: int | None, out: Path
) -> MapPicture:
    """Mark the area on the shared drawing, write both files and take the mark away again."""
    sheet = ground.sheet
    sheet.clear()
    title = whereabouts(name, kind, ground.name, shape, ground.whole)
    if shape is not None:
        whole = dissolved(simplified([shape], 0.4 / ground.place.scale), 0.6 / ground.place.scale)
        mark = PathCollection([ground.place.path(whole)], facecolors=HIGHLIGHT, edgecolors=style.INK, linewidths=1.8, zorder=3)
        sheet.add(mark)
    sheet.lines(sheet.margin, 27, style.wrap(title, sheet.width - 2 * sheet.margin, 13, True, 2), 13, bold=True)
    marked_year = frozenset({year}) if shape is not None and year else frozenset[int]()
    years = listed([str(one) for one in sorted(ground.years | marked_year)])
    edges = f"Grenzen {years}." if years else "Er zijn geen grenzen beschikbaar."
    sheet.text(sheet.margin, sheet.height - 22, edges, 8.5, colour=style.SOFT)
    missing = "" if shape is not None or kind == "land" else f" Van {name} ontbreekt de grens; het gebied is niet aangegeven."
    marked = "" if kind == "land" else missing or " Het gebied is donkerder en dik omlijnd."
    alt = f"Kaart: {title}.{marked}"
    key = f"ligging-{code}"
    svg, png = sheet.save(out, key, title, (HIGHLIGHT, style.EDGE))
    return MapPicture(key, "locator", title, alt, f"{edges}{missing}", svg, png)


def whereabouts(name: str, kind: str, within: str, shape: BaseGeometry | None, whole: BaseGeometry) -> str:
    """Where the area lies, in words: by the third of the gemeente's bounding box that holds a point in the area."""
    if kind == "land":
        return f"{name} en zijn gemeenten"
    if kind == "gemeente" or not within:
        return f"{name} en omgeving"
    if shape is None or whole.is_empty:
        return f"{name} in {within}"
    if shape.area > whole.area / 2:
        return f"{name} beslaat meer dan de helft van {within}"
    point = shapely.point_on_surface(shape)
    left, bottom, right, top = whole.bounds
    across = min(2, max(0, int(3 * (shapely.get_x(point) - left) / max(right - left, 1.0))))
    up = min(2, max(0, int(3 * (shapely.get_y(point) - bottom) / max(top - bottom, 1.0))))
    side = ("zuid", "", "noord")[up] + ("west", "", "oost")[across]
    return f"{name} ligt in het {side + 'en' if side else 'midden'} van {within}"


def _from_buurten(
    con: duckdb.DuckDBPyConnection, column: Literal["gemeentecode", "wijkcode"], code: str
) -> tuple[BaseGeometry | None, int | None]:
    """The union of the buurten of a wijk or gemeente that has no boundary of its own."""
    rows = con.execute(
        f"select ST_AsWKB(geometrie), geometrie_jaar from gebied where soort = 'buurt' and {column} = ? "
        "and geometrie is not null order by gebiedscode",
        [code],
    ).fetchall()
    shapes = [shape for shape in (_shape(wkb) for wkb, _ in rows) if shape is not None]
    return (shapely.union_all(shapes), max(year for _, year in rows)) if shapes else (None, None)


def _remember(key: tuple[object, ...], ground: Ground) -> Ground:
    while len(_grounds) >= 3:
        _grounds.pop(next(iter(_grounds)))
    _grounds[key] = ground
    return ground


def _ground(con: duckdb.DuckDBPyConnection, code: str, name: str, last: str, example: bool) -> Ground:
    """The gemeente with its buurten, else its wijken, else its own outline."""
    key = (code, name, last, *(con.execute(FINGERPRINT + WITHIN, [code]).fetchone() or ()))
    if key in _grounds:
        return _grounds[key]
    rows = con.execute(
        f"select soort, gebiedscode, naam, wijkcode, ST_AsWKB(geometrie), geometrie_jaar from gebied where {WITHIN} "
        "order by gebiedscode",
        [code],
    ).fetchall()
    kinds = {row[0] for row in rows}
    kind = next((kind for kind in ("buurt", "wijk", "gemeente") if kind in kinds), "")
    parts = [
        (row[1], clean(row[2]), row[3], shape, row[5]) for row in rows if row[0] == kind and (shape := _shape(row[4])) is not None
    ]
    districts: dict[str, list[BaseGeometry]] = {}
    for _, _, district, shape, _ in parts:
        districts.setdefault(district or "", []).append(shape)
    titles = {
        row[1]: clean(row[2])
        for row in con.execute(
            "select 0, gebiedscode, naam from gebied where soort = 'wijk' and gemeentecode = ?", [code]
        ).fetchall()
    }
    named = [
        (wijk, re.sub(r"^Wijk [0-9]+ ", "", titles[wijk]), shapely.union_all(shapes))
        for wijk, shapes in sorted(districts.items())
        if wijk in titles
    ]
    years = frozenset(year for *_, year in parts if year)
    bounds = [float(b) for b in shapely.total_bounds([shape for *_, shape, _ in parts])] if parts else [0.0, 0.0, 1.0, 1.0]
    return _remember(key, _ground_sheet([shape for *_, shape, _ in parts], named, bounds, name, years, last, example))


def _country(con: duckdb.DuckDBPyConnection, code: str, shape: BaseGeometry | None, last: str, example: bool) -> Ground:
    """The gemeenten around an area, or all of them."""
    rows = con.execute(
        "select gebiedscode, naam, ST_AsWKB(geometrie), geometrie_jaar from gebied where soort = 'gemeente' "
        "and geometrie is not null order by gebiedscode"
    ).fetchall()
    parts = [(row[0], clean(row[1]), whole, row[3]) for row in rows if (whole := _shape(row[2])) is not None]
    everything = [whole for _, _, whole, _ in parts] or ([shape] if shape is not None else [])
    bounds = [float(bound) for bound in shapely.total_bounds(everything)] if everything else [0.0, 0.0, 1.0, 1.0]
    if shape is not None:
        x, y = (shape.bounds[0] + shape.bounds[2]) / 2, (shape.bounds[1] + shape.bounds[3]) / 2
        half = max(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1]) * 0.8 + 3000
        bounds = [x - half, y - half, x + half, y + half]
        window = shapely.box(bounds[0], bounds[1], bounds[2], bounds[3])
        cut = [(one, name, polygons(whole.intersection(window)), year) for one, name, whole, year in parts]
        parts = [(one, name, part, year) for one, name, part, year in cut if part is not None]
    named = [(one, name, whole) for one, name, whole, _ in parts] if shape is not None else []
    years = frozenset(year for *_, year in parts if year)
    return _ground_sheet([whole for _, _, whole, _ in parts], named, bounds, "", years, last, example)


def _ground_sheet(
    shapes: Sequence[BaseGeometry],
    named: Sequence[tuple[str, str, BaseGeometry]],
    bounds: Sequence[float],
    name: str,
    years: frozenset[int],
    last: str,
    example: bool,
) -> Ground:
    """Outlines, names where they fit, scale, north and edition: everything but the mark and the title."""
    place = Placement.fit(bounds, 14, LOCATOR_TOP, LOCATOR_WIDTH - 28, 330)
    bottom = LOCATOR_TOP + (bounds[3] - bounds[1]) * place.scale
    sheet = Sheet(bottom + 72 + (20 if example else 0), LOCATOR_WIDTH, 14)
    drawn = [place.path(shape) for shape in simplified(shapes, 0.4 / place.scale)] if shapes else []
    if drawn:  # one compound path: a path for each area would take most of the time of every picture
        joined = Outlines.make_compound_path(*drawn)
        sheet.add(
            PathCollection([joined], facecolors=style.EMPTY_FILL, edgecolors=style.EDGE, linewidths=0.7, zorder=1), stays=True
        )
    outlines = [place.outline(code, text, kept) for code, text, shape in named if (kept := polygons(shape)) is not None]
    _ground_names(sheet, outlines, (12.0, LOCATOR_TOP - 2, LOCATOR_WIDTH - 12, bottom + 2))
    whole = dissolved(shapes, 0.6 / place.scale) if shapes and name else shapely.Polygon()
    if not name:  # neighbours are cut off here; their edges are not borders
        edge = Rectangle((place.x, LOCATOR_TOP), LOCATOR_WIDTH - 2 * place.x, bottom - LOCATOR_TOP)
        edge.set(facecolor="none", edgecolor="white", linewidth=2.5, zorder=2)
        sheet.add(edge, stays=True)
    if name and not whole.is_empty:
        sheet.add(
            PathCollection([place.path(whole)], facecolors="none", edgecolors=style.PALE, linewidths=1.4, zorder=2), stays=True
        )
    sheet.compass(14, bottom + 30, 1 / place.scale, LOCATOR_WIDTH - 28)
    sheet.text(14, sheet.height - 11, style.shorten(last, LOCATOR_WIDTH - 28, 8.5), 8.5, colour=style.SOFT, stays=True)
    if example:
        sheet.badge(14, bottom + 38, style.EXAMPLE, 9, stays=True)
    return Ground(sheet, place, whole, name, years)


def _ground_names(sheet: Sheet, outlines: Sequence[Outline], frame: tuple[float, float, float, float]) -> None:
    """Names of wijken or gemeenten where they fit, on a patch that keeps borders from running through them."""
    labels = [label for label in place_labels(outlines, frame, style.text_width)[0] if not label.number]
    boxes = [label_box(label, style.text_width) for label in labels]
    corners = [[(left, top), (right, top), (right, low), (left, low), (left, top)] for left, top, right, low in boxes]
    if corners:
        patch = Outlines.make_compound_path(*(Outlines(corner, closed=True) for corner in corners))
        sheet.add(PathCollection([patch], facecolors=style.EMPTY_FILL, edgecolors="none", zorder=2), stays=True)
    for label in labels:
        for y, line in zip(label.baselines(), label.lines, strict=True):
            sheet.text(label.x, y, line, label.size, ha="center", stays=True)
