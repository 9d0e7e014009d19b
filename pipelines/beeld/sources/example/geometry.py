"""The shape of the invented country: irregular cells that share every boundary exactly, in whole metres of RD New."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from beeld.sources.example.draws import Floats, Ints, stream

Geometries = NDArray[np.object_]

SPACING = 900.0
HEIGHT = 780.0
ZIGZAG = HEIGHT / 6
CENTRE = (140_000.0, 460_000.0)
VERTEX_JITTER = 0.11 * SPACING
EDGE_JITTER = 0.035 * SPACING
EXAMPLE_BUURTEN = 12
ISLAND = ((-640, -90), (-480, -170), (-310, -60), (-290, 80), (-430, 190), (-590, 120))
LAKE = ((-90, -40), (-70, 60), (20, 90), (80, 20), (50, -70), (-30, -80))


@dataclass(frozen=True)
class Land:
    """One cell per buurt: shape, middle and area; `example` are the cells of the example gemeente, north to south."""

    shapes: Geometries
    x: Floats
    y: Floats
    hectares: Floats
    example: Ints


def build_land(buurten: int, seed: int) -> Land:
    """A country of `buurten` cells: one block of land with a ragged coast, an island and a lake.

    The example gemeente lies on the west coast; the island belongs to its westernmost buurt, the lake lies in its
    easternmost.
    """
    rows = columns = int(np.ceil(np.sqrt(buurten * 1.4))) + 4
    rings = _rings(rows, columns, seed)
    middle: Floats = rings[:, :-1].mean(axis=1)
    chosen = _ragged(middle, buurten, seed)
    rings, middle = rings[chosen], middle[chosen]
    example = _coastal_group(middle)
    shapes: Geometries = np.asarray(shapely.polygons(rings), dtype=object)
    west = example[np.argmin(middle[example, 0])]
    east = example[np.argmax(middle[example, 0])]
    coast = float(rings[:, :, 0].min())
    island = shapely.Polygon([(coast + dx, np.rint(middle[west, 1]) + dy) for dx, dy in ISLAND])
    shapes[west] = shapely.MultiPolygon([shapely.Polygon(rings[west]), island])
    lake = [(np.rint(middle[east, 0]) + dx, np.rint(middle[east, 1]) + dy) for dx, dy in LAKE]
    shapes[east] = shapely.Polygon(rings[east], [lake])
    hectares: Floats = np.asarray(shapely.area(shapes)) / 10_000.0
    return Land(shapes, middle[:, 0].copy(), middle[:, 1].copy(), hectares, example)


def _rings(rows: int, columns: int, seed: int) -> Floats:
    """Closed rings of 24 points for every cell of a honeycomb whose corners and edges are shifted a little.

    Corners lie on lines r at half spacings k; a cell of row r takes the corners k, k+1, k+2 of the lines r and r+1.
    Points of shared corners and edges come from the same array, so that neighbours share them exactly.
    """
    rng = stream(seed, "lattice")
    lines, across = rows + 1, 2 * columns + 2
    r, k = np.meshgrid(np.arange(lines), np.arange(across), indexing="ij")
    corner = np.empty((lines, across, 2))
    corner[..., 0] = k * SPACING / 2
    corner[..., 1] = r * HEIGHT + np.where((r + k) % 2 == 1, -ZIGZAG, ZIGZAG)
    corner += (rng.random(corner.shape) * 2 - 1) * VERTEX_JITTER
    corner += np.array(CENTRE) - np.array([columns * SPACING, rows * HEIGHT]) / 2
    along = np.rint(_wavy(corner[:, :-1], corner[:, 1:], rng))
    upward = np.rint(_wavy(corner[:-1], corner[1:], rng))
    corner = np.rint(corner)
    row, column = (part.ravel() for part in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    left = 2 * column + row % 2

    def turn(line: Ints, place: Ints) -> Floats:
        return corner[line, place][:, None]

    parts = [
        turn(row, left), along[row, left], turn(row, left + 1), along[row, left + 1],
        turn(row, left + 2), upward[row, left + 2], turn(row + 1, left + 2), along[row + 1, left + 1][:, ::-1],
        turn(row + 1, left + 1), along[row + 1, left][:, ::-1], turn(row + 1, left), upward[row, left][:, ::-1],
        turn(row, left),
    ]  # fmt: skip
    return np.concatenate(parts, axis=1)


def _wavy(start: Floats, end: Floats, rng: np.random.Generator) -> Floats:
    """Three points between each pair of corners, a little beside the straight line."""
    share = np.array([0.25, 0.5, 0.75])[:, None]
    points = start[..., None, :] + share * (end - start)[..., None, :]
    return points + (rng.random(points.shape) * 2 - 1) * EDGE_JITTER


def _ragged(middle: Floats, buurten: int, seed: int) -> Ints:
    """The cells that are land: those nearest to the middle, with bays and headlands, in the order of the lattice."""
    rng = stream(seed, "coast")
    offset = middle - np.array(CENTRE)
    reach: Floats = offset[:, 0] ** 2 + offset[:, 1] ** 2
    size = float(np.sqrt(buurten * SPACING * HEIGHT / 3.0))
    for _ in range(9):
        place = (rng.random(2) * 2 - 1) * size
        height = (rng.random() * 2 - 1) * 0.35 * size * size
        apart = (offset[:, 0] - place[0]) ** 2 + (offset[:, 1] - place[1]) ** 2
        reach = reach + height / (1.0 + apart / (0.12 * size * size))
    return np.sort(np.argsort(reach, kind="stable")[:buurten])


def _coastal_group(middle: Floats) -> Ints:
    """The westernmost cell and its nearest neighbours, from north to south."""
    anchor = middle[np.argmin(middle[:, 0])]
    apart = (middle[:, 0] - anchor[0]) ** 2 + (middle[:, 1] - anchor[1]) ** 2
    group = np.argsort(apart, kind="stable")[:EXAMPLE_BUURTEN]
    return group[np.argsort(-middle[group, 1], kind="stable")]


def joined(shapes: Geometries, group: Ints, groups: int) -> Geometries:
    """The union of the shapes of every group; the shapes are a coverage, so no point moves."""
    result: Geometries = np.empty(groups, dtype=object)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(groups + 1))
    for number in range(groups):
        result[number] = shapely.coverage_union_all(shapes[order[starts[number] : starts[number + 1]]])
    return result


def geojson(shape: Any) -> dict[str, Any]:
    """One geometry as GeoJSON: Polygon, or MultiPolygon where it has more parts."""
    parts = [[shapely.get_coordinates(ring).tolist() for ring in _ring_list(part)] for part in shapely.get_parts(shape)]
    if len(parts) == 1:
        return {"type": "Polygon", "coordinates": parts[0]}
    return {"type": "MultiPolygon", "coordinates": parts}


def _ring_list(part: Any) -> list[Any]:
    return [part.exterior, *part.interiors]
