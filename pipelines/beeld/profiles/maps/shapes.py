"""Boundaries as shapes: mended, simplified, joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

GRID = 0.01
"""Metres: far below what a map shows, far above what makes two edges cross that should touch."""


def polygons(geometry: BaseGeometry) -> shapely.MultiPolygon | None:
    """The polygons of a geometry, mended; None when nothing with an area is left."""
    try:
        whole = shapely.make_valid(geometry)
    except shapely.errors.GEOSException:
        return None
    parts = [part for part in shapely.get_parts(shapely.get_parts(whole)) if part.geom_type == "Polygon" and part.area > 0]
    return shapely.MultiPolygon(parts) if parts and np.isfinite(shapely.bounds(whole)).all() else None


def shape_from_wkb(wkb: bytes | None) -> shapely.MultiPolygon | None:
    return None if wkb is None else polygons(shapely.from_wkb(bytes(wkb)))


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


def united(shapes: Iterable[BaseGeometry]) -> BaseGeometry:
    """The union. Where real boundaries cross by less than a millimetre and stop the exact one, it is made on a grid."""
    parts = list(shapes)
    try:
        return shapely.union_all(parts)
    except shapely.errors.GEOSException:
        return shapely.union_all(shapely.make_valid(parts), grid_size=GRID)


def dissolved(shapes: Iterable[BaseGeometry], gap: float) -> BaseGeometry:
    """The union, with gaps narrower than twice `gap` closed."""
    grown = united(shapely.buffer(list(shapes), gap, join_style="mitre"))
    whole = shapely.buffer(grown, -gap, join_style="mitre")
    parts = [part for part in shapely.get_parts(whole) if isinstance(part, shapely.Polygon)]
    holes = [shapely.Polygon(ring) for part in parts for ring in part.interiors]
    return united([whole, *(hole for hole in holes if hole.area < (12 * gap) ** 2)])
