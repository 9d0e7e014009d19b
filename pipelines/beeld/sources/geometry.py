"""Archived features as geometries in EPSG:28992 (RD New)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry import shape

from beeld.errors import SourceChanged
from beeld.sources.http import safe
from beeld.sources.ogc import Feature

RD_WINDOW = (-10_000.0, 290_000.0, 310_000.0, 640_000.0)
LON_LAT_WINDOW = (2.5, 50.0, 8.0, 54.5)


def to_rd(features: Iterable[Feature], where: str) -> gpd.GeoDataFrame:
    """Columns `code`, `year` and `geometry` (MultiPolygon, metres in EPSG:28992), sorted by code; areas without one are left out.

    The CRS is the one that the service states. A service that states none, or states another than its numbers can be in, is
    read by its numbers: degrees and metres cannot be confused in the Netherlands. Anything else is SourceChanged.
    """
    rows = sorted(((f, f.geometry) for f in features if f.geometry), key=lambda pair: pair[0].code)
    if not rows:
        return gpd.GeoDataFrame({"code": [], "year": []}, geometry=[], crs=28992)
    shapes = shapely.force_2d(np.array([shape(geometry) for _, geometry in rows], dtype=object))
    frame = gpd.GeoDataFrame(
        {"code": [f.code for f, _ in rows], "year": [f.year for f, _ in rows]}, geometry=shapes, crs=_crs(shapes, where)
    )
    frame = frame.to_crs(28992)
    frame.geometry = [_multi(shapely.make_valid(geometry)) for geometry in frame.geometry]
    frame = frame.loc[~frame.geometry.is_empty]
    if not _inside(frame.total_bounds, RD_WINDOW):
        raise SourceChanged("coordinates lie outside the Netherlands", where=where)
    return frame.drop_duplicates("code").reset_index(drop=True)


def read_layer(path: Path, layer: str, where: str) -> list[dict[str, Any]]:
    """The features of one layer of a GeoPackage as GeoJSON, in EPSG:28992; SourceChanged when GDAL cannot read it."""
    try:
        frame: Any = gpd.read_file(path, layer=layer, engine="pyogrio")
    except (DataSourceError, DataLayerError) as error:
        raise SourceChanged(f"layer '{layer}' of {path.name} cannot be read: {safe(str(error))}", where=where) from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None:
        raise SourceChanged(f"layer '{layer}' of {path.name} has no geometry, or does not say in which CRS", where=where)
    content: dict[str, Any] = orjson.loads(frame.to_crs(28992).to_json(drop_id=True))
    return content["features"]


def _multi(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    parts = [part for part in shapely.get_parts(shapely.get_parts(geometry)) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(parts)


def _crs(shapes: np.ndarray, where: str) -> int:
    bounds = shapely.total_bounds(shapes)
    if _inside(bounds, LON_LAT_WINDOW):
        return 4326
    if _inside(bounds, RD_WINDOW):
        return 28992
    raise SourceChanged(
        f"coordinates are neither RD New nor longitude and latitude (bounds {bounds.round(1).tolist()})", where=where
    )


def _inside(bounds: np.ndarray, window: tuple[float, float, float, float]) -> bool:
    return bool(bounds[0] >= window[0] and bounds[1] >= window[1] and bounds[2] <= window[2] and bounds[3] <= window[3])
