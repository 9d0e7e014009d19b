"""Boundaries for a map in the browser: simplified together, in degrees, as whole numbers that are small to write.

A shape is a list of polygons, a polygon a list of rings (the first is the outer one), and a ring `x, y, dx, dy, dx, dy, ...` in
units of `1 / scale` degrees (EPSG:4326), its last point (equal to the first) left out.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from beeld.profiles.maps.shapes import dissolved, shape_from_wkb, simplified

MOST_POINTS = 350_000
"""More points than this make the page heavy; the boundaries are simplified until they fit."""
TOLERANCES = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
"""In metres, as `shapely.coverage_simplify` takes them."""
FINE, COARSE = 100_000, 20_000
"""Units per degree: about one metre, and about five."""
GAP = 12.0
"""Metres between neighbours that are not seen as open land."""
Ring = list[int]
Point = tuple[int, int]


@dataclass(frozen=True)
class Outlines:
    """Shapes by code, the outlines of their groups as lines, and the box around all of them (west, south, east, north)."""

    scale: int
    shapes: Mapping[str, list[list[Ring]]]
    borders: Mapping[str, list[Ring]]
    box: tuple[float, float, float, float] | None


def read_outlines(con: duckdb.DuckDBPyConnection, groups: Mapping[str, str], most: int = MOST_POINTS) -> Outlines:
    """The boundaries of the areas in `groups` (code to the code of its group); an area without a boundary is left out."""
    rows = con.execute(
        "select gebiedscode, ST_AsWKB(geometrie) from gebied where gebiedscode in (select unnest(?)) and geometrie is not null"
        " order by gebiedscode",
        [sorted(groups)],
    ).fetchall()
    known = [(code, shape) for code, wkb in rows if (shape := shape_from_wkb(wkb)) is not None]
    if not known:
        return Outlines(FINE, {}, {}, None)
    simple, tolerance = _fitting([shape for _, shape in known], most)
    scale = FINE if tolerance <= 5 else COARSE
    drawn = [(code, shape) for (code, _), shape in zip(known, simple, strict=True)]
    whole = {code: _whole(shape, scale) for code, shape in drawn}
    corners = np.array([point for polygons in whole.values() for polygon in polygons for ring in polygon for point in ring])
    low, high = corners.min(axis=0) / scale, corners.max(axis=0) / scale
    return Outlines(
        scale=scale,
        shapes={code: [[_deltas(ring) for ring in polygon] for polygon in polygons] for code, polygons in whole.items()},
        borders=_borders(drawn, groups, scale),
        box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
    )


def _fitting(shapes: Sequence[BaseGeometry], most: int) -> tuple[list[BaseGeometry], float]:
    """The shapes with as much detail as fits in `most` points, and the tolerance that this took."""
    simple = list(shapes)
    for tolerance in TOLERANCES:
        simple = simplified(shapes, tolerance)
        if int(shapely.get_num_coordinates(simple).sum()) <= most:
            return simple, tolerance
    return simple, TOLERANCES[-1]


@functools.cache
def _degrees() -> Transformer:
    return Transformer.from_crs(28992, 4326, always_xy=True)


def _whole(shape: BaseGeometry, scale: int) -> list[list[list[Point]]]:
    """The polygons of a shape in whole units; a ring of which too little is left to see keeps a speck, so that none vanishes."""
    polygons = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    rings = [
        [ring for line in (polygon.exterior, *polygon.interiors) if (ring := _ring(line, scale, keep=line is polygon.exterior))]
        for polygon in polygons
    ]
    large = [polygon for polygon in rings if polygon and len(polygon[0]) > 3]
    return large or [polygon for polygon in rings if polygon][:1]


def _ring(line: Any, scale: int, *, keep: bool) -> list[Point]:
    """The points of a ring without repeats; empty for a hole that is smaller than a unit."""
    x, y = shapely.get_coordinates(line).T
    degrees: NDArray[np.float64] = np.column_stack(_degrees().transform(x, y))
    units: NDArray[np.int64] = np.rint(degrees * scale).astype(np.int64)[:-1]
    points = [(int(x), int(y)) for x, y in units]
    points = [point for point, before in zip(points, [points[-1], *points[:-1]], strict=True) if point != before] or points[:1]
    if len(points) >= 3:
        return points
    left, low = points[0]
    return [(left, low), (left + 1, low), (left, low + 1)] if keep else []


def _deltas(points: Sequence[Point]) -> Ring:
    """`x, y, dx, dy, ...`"""
    flat: Ring = []
    x, y = 0, 0
    for point in points:
        flat += [point[0] - x, point[1] - y]
        x, y = point
    return flat


def _borders(known: Sequence[tuple[str, BaseGeometry]], groups: Mapping[str, str], scale: int) -> dict[str, list[Ring]]:
    """The lines around each group; slivers between neighbours that do not quite touch are closed, as on the drawn maps."""
    members: dict[str, list[BaseGeometry]] = {}
    for code, shape in known:
        members.setdefault(groups[code], []).append(shape)
    found: dict[str, list[Ring]] = {}
    for group, shapes in sorted(members.items()):
        rings = [ring for polygon in _whole(dissolved(shapes, GAP), scale) for ring in polygon]
        found[group] = [_deltas([*ring, ring[0]]) for ring in rings]
    return found
