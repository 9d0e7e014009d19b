"""A GeoPackage on this machine instead of its service: `[bestanden]` in beeld.toml, for whoever has no way to PDOK.

A file may hold every layer of a source and be 200 MB; what is archived is the layer that a table needs, with the sha256 of the
file that it came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from beeld.errors import SourceChanged, UsageError
from beeld.sources.archive import Delivery
from beeld.sources.declarations import Source, Table
from beeld.sources.geopackage import open_geopackage
from beeld.sources.limits import MAX_UNPACKED
from beeld.sources.ogc import ITEMS, boundary_key, layer_of
from beeld.sources.records import Record, file_records
from beeld.sources.tabular import Form


def digest(path: str, bron: str) -> str:
    """The sha256 of a file; UsageError when it cannot be read, is no GeoPackage by name, or is too large."""
    place = Path(path).expanduser()
    if place.suffix.casefold() != ".gpkg":
        raise UsageError(f"'{path}' is no GeoPackage (.gpkg)", where=f"beeld.toml, bestanden.{bron}", todo="Name a GeoPackage")
    try:
        if place.stat().st_size > MAX_UNPACKED:
            raise UsageError(f"'{path}' is larger than {MAX_UNPACKED} bytes", where=f"beeld.toml, bestanden.{bron}")
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}", where=f"beeld.toml, bestanden.{bron}") from error


def url(path: str) -> str:
    """The file as it is named in `bron`: its name without the folders, which are nobody else's business."""
    return f"file:{Path(path).name}"


def store(path: str, source: Source, table: Table, delivery: Delivery, where: str) -> Sequence[Record]:
    """The records of the table's layer, kept in the delivery; boundaries come with their geometry.

    Raises OverLimit (a SourceChanged) for a file that is no GeoPackage, holds a view or a strange trigger, or lacks the layer.
    """
    sha256 = digest(path, source.bron)
    place = Path(path).expanduser()
    body = place.read_bytes()
    head: dict[str, Any] = {"type": "FeatureCollection", "bestand": place.name, "sha256": sha256}
    if source.figures:
        records = file_records(body, Form("gpkg", blad=layer_of(table)), where)
        features: list[dict[str, Any]] = [{"type": "Feature", "properties": row, "geometry": None} for row in records]
    else:
        from beeld.sources.geometry import read_layer  # late: geopandas takes seconds, and most refreshes read no file

        with open_geopackage(body, where) as package:
            layer = package.layer(layer_of(table))
        features = read_layer(place, layer, where)
        if not any(boundary_key(feature, where)[1] in table.jaren for feature in features):
            raise SourceChanged(f"has no features of {', '.join(map(str, table.jaren))}", where=where)
    delivery.add(f"{ITEMS}-0001", url(path), orjson.dumps({**head, "features": features}), features)
    return [feature["properties"] for feature in features]
