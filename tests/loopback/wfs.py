"""WFS 2.0 with GeoJSON output as MapServer (PDOK) and GeoServer (Leefbaarometer) give it, and OGC API collections of a year."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .faults import FaultBook, plan_page
from .rowfaults import FEATURES, with_faults
from .store import DataFolder, Row, Rows, RowSet, load
from .wire import Fragment, Request, Response, around, encode_query, json_body

RD = "http://www.opengis.net/def/crs/EPSG/0/28992"
MAX_COUNT = 1000
OPERATIONS = ("DescribeFeatureType", "GetFeature")
TYPES: list[tuple[type, str]] = [(bool, "boolean"), (int, "int"), (float, "double"), (str, "string")]
Boundaries = Callable[[str, str], RowSet]


class LayersService:
    """Layers and collections below one host: `web/<host>/<path of the service>/<layer>.geojson` in the data folder.

    `boundaries(kind, crs)` gives the features of the generalised boundaries, which the WFS of `gebiedsindelingen` serves too.
    """

    def __init__(self, root: Path, host: str, book: FaultBook, boundaries: Boundaries, folder: DataFolder) -> None:
        self.root = root / "web" / host
        self.book = book
        self.boundaries = boundaries
        self.folder = folder

    def wfs(self, request: Request, path: list[str]) -> Response:
        """The answer to a WFS request; an exception report with status 400 for what is not understood."""
        given = {key.casefold(): value for key, value in request.parameters}
        layer = (given.get("typenames") or given.get("typename") or "").rpartition(":")[2]
        rows = self._layer(path, layer)
        if given.get("request") not in OPERATIONS:
            return _exception(400, "OperationNotSupported")
        if rows is None:
            return _exception(404 if not (self.root / Path(*path)).is_dir() else 400, f"Unknown layer {layer}")
        if given["request"] == "DescribeFeatureType":
            return _description(layer, with_faults(self.book, rows, layer, FEATURES, request.target).rows)
        hits = given.get("resulttype") == "hits"
        rows = with_faults(self.book, rows, layer, FEATURES, request.target, counting=hits)
        if hits:
            return _xml(f'<wfs:FeatureCollection numberMatched="{len(rows)}" numberReturned="0"/>')
        if given.get("outputformat") not in ("application/json", "json"):
            return _xml('<wfs:FeatureCollection numberMatched="1"><wfs:member/></wfs:FeatureCollection>')
        return self._page(request, layer, rows, given)

    def _page(self, request: Request, layer: str, rows: RowSet, given: dict[str, str]) -> Response:
        count = min(int(given.get("count", MAX_COUNT)), MAX_COUNT)
        start = int(given.get("startindex", 0))
        chosen = [name for name in given.get("propertyname", "").split(",") if name]
        if rows.rows and (strange := [name for name in chosen if name not in rows.rows[0]["properties"]]):
            return _exception(400, f"Illegal property name: {strange[0]}")
        order = given.get("sortby", "")
        rows = rows.derive(("wfs", order, *chosen), lambda plain: _shown(plain, order, chosen))
        page, pages = start // count + 1, -(-len(rows) // count)
        plan = plan_page(self.book, request, layer, page, pages)
        first = start + (plan.shown - page) * count
        fragment = rows.fragment(max(0, first), min(len(rows), first + count))
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
        head: dict[str, Any] = {"type": "FeatureCollection", "numberMatched": len(rows), "crs": crs}
        return Response(200, "application/json;charset=UTF-8", around(head, "features", fragment, {}))

    def collections(self, request: Request, base: str, path: list[str]) -> Response:
        """The answer to an OGC API request for a collection or its items; problem+json for what is not there."""
        at = path.index("collections") if "collections" in path else len(path)
        name = path[at + 1] if len(path) > at + 1 else ""
        rows = self._layer(path[:at], name)
        if rows is None or path[at + 2 :] not in ([], ["items"]):
            return Response(404, "application/problem+json", json_body({"title": "Not Found", "status": 404}))
        if not path[at + 2 :]:
            described = {"id": name, "title": name.capitalize(), "itemType": "feature", "storageCrs": RD}
            return Response(200, "application/json", json_body(described))
        given = dict(request.parameters)
        rows = with_faults(self.book, rows, name, FEATURES, request.target)
        limit, start = min(int(given.get("limit", 10)), MAX_COUNT), int(given.get("cursor", 0))
        page, pages = start // limit + 1, -(-len(rows) // limit)
        plan = plan_page(self.book, request, name, page, pages)
        first = start + (plan.shown - page) * limit
        links: list[Row] = []
        if plan.following is not None:
            query = encode_query(
                [*((k, v) for k, v in given.items() if k != "cursor"), ("cursor", str((plan.following - 1) * limit))]
            )
            links = [{"rel": "next", "href": f"{base}/{'/'.join(path)}?{query}"}]
        fragment = rows.fragment(max(0, first), min(len(rows), first + limit))
        head: dict[str, Any] = {"type": "FeatureCollection", "links": links}
        return Response(200, "application/geo+json", around(head, "features", fragment, {}), {"Content-Crs": f"<{RD}>"})

    def _layer(self, path: list[str], layer: str) -> RowSet | None:
        if ".." in path or not layer.replace("_", "").isalnum():
            return None
        if path[:2] == ["cbs", "gebiedsindelingen"] and len(path) > 2:
            return self._boundaries(path[2], layer.removesuffix("_gegeneraliseerd"))
        place = self.root / Path(*path) / f"{layer}.geojson"
        return load(place, "features").rows if place.is_file() else None

    def _boundaries(self, year: str, kind: str) -> RowSet | None:
        if kind not in ("gemeente", "wijk", "buurt") or year not in {str(file.year) for file in self.folder.geo_files(kind)}:
            return None
        whole = self.boundaries(kind, RD)
        return whole.derive(("year", year), lambda rows: [row for row in rows if str(row["properties"]["jaarcode"]) == year])


def _shown(rows: Rows, order: str, chosen: list[str]) -> Rows:
    ordered = sorted(rows, key=lambda row: str(row["properties"].get(order))) if order else rows
    if not chosen:
        return ordered
    return [{**row, "properties": {name: row["properties"][name] for name in chosen}, "geometry": None} for row in ordered]


def _description(layer: str, rows: Rows) -> Response:
    properties = rows[0]["properties"] if rows else {}
    elements = "".join(
        f'<xsd:element maxOccurs="1" minOccurs="0" name="{name}" nillable="true" type="xsd:{_type(value)}"/>'
        for name, value in properties.items()
    )
    return _xml(
        '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml/3.2">'
        f'<xsd:complexType name="{layer}Type"><xsd:sequence><xsd:element name="geom" type="gml:MultiSurfacePropertyType"/>'
        f'{elements}</xsd:sequence></xsd:complexType><xsd:element name="{layer}" type="x:{layer}Type"/></xsd:schema>'
    )


def _type(value: object) -> str:
    return next((name for kind, name in TYPES if isinstance(value, kind)), "string")


def _xml(text: str, status: int = 200) -> Response:
    return Response(status, "text/xml; charset=utf-8", [Fragment(f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode())])


def _exception(status: int, text: str) -> Response:
    return _xml(
        f"<ows:ExceptionReport><ows:Exception><ows:ExceptionText>{text}</ows:ExceptionText></ows:Exception></ows:ExceptionReport>",
        status,
    )
