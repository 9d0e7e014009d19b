"""From boundaries in RD metres to outlines in points on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from matplotlib.path import Path as Outlines
from shapely.geometry.base import BaseGeometry

from beeld.profiles.maps.labels import Outline, Points
from beeld.profiles.maps.shapes import deepest


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
