"""Maps of where an area lies: in its gemeente, or a gemeente among its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import shapely
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outlines
from shapely.geometry.base import BaseGeometry

from beeld.errors import UsageError
from beeld.profiles.language import Words, noted, tr
from beeld.profiles.maps.figures import boundary_publisher
from beeld.profiles.maps.labels import Outline, label_box, place_labels
from beeld.profiles.maps.lettering import drawing, shorten, text_width, wrap
from beeld.profiles.maps.picture import MapPicture, edition
from beeld.profiles.maps.placement import Placement
from beeld.profiles.maps.shapes import dissolved, polygons, shape_from_wkb, simplified, united
from beeld.profiles.maps.sheet import Sheet
from beeld.profiles.maps.style import CONCERN, EDGE, EMPTY_FILL, EXAMPLE, INK, PALE, SOFT
from beeld.profiles.maps.text import clean, listed

LOCATOR_WIDTH, LOCATOR_TOP = 400.0, 58.0
HIGHLIGHT = CONCERN[1]
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


SIDES = Words(
    {
        "zuidwest": "het zuidwesten",
        "zuid": "het zuiden",
        "zuidoost": "het zuidoosten",
        "west": "het westen",
        "midden": "het midden",
        "oost": "het oosten",
        "noordwest": "het noordwesten",
        "noord": "het noorden",
        "noordoost": "het noordoosten",
    }
)
_grounds: dict[tuple[object, ...], Ground] = {}
"""The last few grounds, by a fingerprint of everything that is drawn on them."""


def draw_locator(
    con: duckdb.DuckDBPyConnection, gebiedscode: str, out: Path, *, release_id: str, example: bool, pixels: bool = True
) -> MapPicture:
    """Where an area lies: in its gemeente, a gemeente or a union over more gemeenten among its neighbours.

    Without a boundary of its own the area is not marked and the caption says so. Without `pixels` there is no PNG file.
    """
    row = con.execute(
        "select soort, naam, gemeentecode, gemeentenaam, ST_AsWKB(geometrie), geometrie_jaar from gebied where gebiedscode = ?",
        [gebiedscode],
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no gebied '{clean(gebiedscode)}' in this release")
    kind, raw, gemeente, within, wkb = row[:5]
    year: int | None = row[5]
    name, shape = clean(str(raw)), shape_from_wkb(wkb)
    local = kind in ("buurt", "wijk", "samengesteld") and gemeente is not None
    shape = None if kind == "land" else shape
    if shape is None and kind in ("gemeente", "wijk"):
        shape, year = _from_buurten(con, "gemeentecode" if kind == "gemeente" else "wijkcode", gebiedscode)
    with drawing():
        last = edition(release_id, example)
        if local:
            ground = _ground(con, str(gemeente), clean(str(within or gemeente)), last, example)
        else:
            ground = _country(con, gebiedscode, shape, last, example)
        return _locate(ground, gebiedscode, name, kind, shape, year, boundary_publisher(con), out, pixels)


def _locate(
    ground: Ground,
    code: str,
    name: str,
    kind: str,
    shape: BaseGeometry | None,
    year: int | None,
    publisher: str,
    out: Path,
    pixels: bool,
) -> MapPicture:
    """Mark the area on the shared drawing, write both files and take the mark away again."""
    sheet = ground.sheet
    sheet.clear()
    title = whereabouts(name, kind, ground.name, shape, ground.whole)
    if shape is not None:
        whole = dissolved(simplified([shape], 0.4 / ground.place.scale), 0.6 / ground.place.scale)
        mark = PathCollection([ground.place.path(whole)], facecolors=HIGHLIGHT, edgecolors=INK, linewidths=1.8, zorder=3)
        sheet.add(mark)
    sheet.lines(sheet.margin, 27, wrap(title, sheet.width - 2 * sheet.margin, 13, True, 2), 13, bold=True)
    marked_year = frozenset({year}) if shape is not None and year else frozenset[int]()
    years = listed([str(one) for one in sorted(ground.years | marked_year)])
    edges = tr("Grenzen {years}.", years=years) if years else tr("Er zijn geen grenzen beschikbaar.")
    source = tr("{edges} Bron: {publisher}.", edges=edges, publisher=publisher) if years and publisher else edges
    sheet.text(sheet.margin, sheet.height - 22, shorten(source, sheet.width - 2 * sheet.margin, 8.5), 8.5, colour=SOFT)
    without = noted(" Van {area} ontbreekt de grens; het gebied is niet aangegeven.")
    missing = "" if shape is not None or kind == "land" else tr(without, area=name)
    marked = "" if kind == "land" else missing or tr(" Het gebied is donkerder en dik omlijnd.")
    alt = tr("Kaart: {title}.{marked}", title=title, marked=marked)
    key = f"ligging-{code}"
    svg, png = sheet.save(out, key, title, (HIGHLIGHT, EDGE), pixels=pixels)
    return MapPicture(key, "locator", title, alt, f"{edges}{missing}", svg, png)


def whereabouts(name: str, kind: str, within: str, shape: BaseGeometry | None, whole: BaseGeometry) -> str:
    """Where the area lies, in words: by the third of the gemeente's bounding box that holds a point in the area."""
    if kind == "land":
        return tr("{area} en zijn gemeenten", area=name)
    if kind == "gemeente" or not within:
        return tr("{area} en omgeving", area=name)
    if shape is None or whole.is_empty:
        return tr("{area} in {within}", area=name, within=within)
    if shape.area > whole.area / 2:
        return tr("{area} beslaat meer dan de helft van {within}", area=name, within=within)
    point = shapely.point_on_surface(shape)
    left, bottom, right, top = whole.bounds
    across = min(2, max(0, int(3 * (shapely.get_x(point) - left) / max(right - left, 1.0))))
    up = min(2, max(0, int(3 * (shapely.get_y(point) - bottom) / max(top - bottom, 1.0))))
    side = SIDES[("zuid", "", "noord")[up] + ("west", "", "oost")[across] or "midden"]
    return tr("{area} ligt in {side} van {within}", area=name, side=side, within=within)


def _from_buurten(
    con: duckdb.DuckDBPyConnection, column: Literal["gemeentecode", "wijkcode"], code: str
) -> tuple[BaseGeometry | None, int | None]:
    """The union of the buurten of a wijk or gemeente that has no boundary of its own."""
    rows = con.execute(
        f"select ST_AsWKB(geometrie), geometrie_jaar from gebied where soort = 'buurt' and {column} = ? "
        "and geometrie is not null order by gebiedscode",
        [code],
    ).fetchall()
    shapes = [shape for shape in (shape_from_wkb(wkb) for wkb, _ in rows) if shape is not None]
    return (united(shapes), max(year for _, year in rows)) if shapes else (None, None)


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
        (row[1], clean(row[2]), row[3], shape, row[5])
        for row in rows
        if row[0] == kind and (shape := shape_from_wkb(row[4])) is not None
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
        (wijk, re.sub(r"^Wijk [0-9]+ ", "", titles[wijk]), united(shapes))
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
    parts = [(row[0], clean(row[1]), whole, row[3]) for row in rows if (whole := shape_from_wkb(row[2])) is not None]
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
        sheet.add(PathCollection([joined], facecolors=EMPTY_FILL, edgecolors=EDGE, linewidths=0.7, zorder=1), under=True)
    outlines = [place.outline(code, text, kept) for code, text, shape in named if (kept := polygons(shape)) is not None]
    _ground_names(sheet, outlines, (12.0, LOCATOR_TOP - 2, LOCATOR_WIDTH - 12, bottom + 2))
    whole = dissolved(shapes, 0.6 / place.scale) if shapes and name else shapely.Polygon()
    if not name:  # neighbours are cut off here; their edges are not borders
        edge = Rectangle((place.x, LOCATOR_TOP), LOCATOR_WIDTH - 2 * place.x, bottom - LOCATOR_TOP)
        edge.set(facecolor="none", edgecolor="white", linewidth=2.5, zorder=2)
        sheet.add(edge, under=True)
    if name and not whole.is_empty:
        sheet.add(PathCollection([place.path(whole)], facecolors="none", edgecolors=PALE, linewidths=1.4, zorder=2), under=True)
    sheet.compass(14, bottom + 30, 1 / place.scale, LOCATOR_WIDTH - 28)
    sheet.text(14, sheet.height - 11, shorten(last, LOCATOR_WIDTH - 28, 8.5), 8.5, colour=SOFT, under=True)
    if example:
        sheet.badge(14, bottom + 38, tr(EXAMPLE), 9, under=True)
    return Ground(sheet, place, whole, name, years)


def _ground_names(sheet: Sheet, outlines: Sequence[Outline], frame: tuple[float, float, float, float]) -> None:
    """Names of wijken or gemeenten where they fit, on a patch that keeps borders from running through them."""
    labels = [label for label in place_labels(outlines, frame, text_width)[0] if not label.number]
    boxes = [label_box(label, text_width) for label in labels]
    corners = [[(left, top), (right, top), (right, low), (left, low), (left, top)] for left, top, right, low in boxes]
    if corners:
        patch = Outlines.make_compound_path(*(Outlines(corner, closed=True) for corner in corners))
        sheet.add(PathCollection([patch], facecolors=EMPTY_FILL, edgecolors="none", zorder=2), under=True)
    for label in labels:
        for y, line in zip(label.baselines(), label.lines, strict=True):
            sheet.text(label.x, y, line, label.size, ha="center", stays=True)
