"""PDOK's OGC API Features as GoKoala serves it, for the generalised CBS boundaries."""

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pyproj import Transformer

from .faults import FaultBook, plan_page
from .rowfaults import FEATURES, with_faults
from .store import DataFolder, GeoFile, Row, Rows, RowSet, load
from .wire import Request, Response, around, encode_query, json_body

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
RD = "http://www.opengis.net/def/crs/EPSG/0/28992"
CODES = {CRS84: "OGC:CRS84", RD: "EPSG:28992"}
DECIMALS = {CRS84: 9, RD: 3}
DEFAULT_LIMIT, MAX_LIMIT = 10, 1000
FILTERS = ("jaarcode", "statcode", "jrstatcode")
KNOWN = {"f", "limit", "cursor", "crs", *FILTERS}
ROOT = ["cbs", "gebiedsindelingen", "ogc", "v1"]
KINDS = ("gemeente", "wijk", "buurt")
SUFFIX = "_gegeneraliseerd"


class ProblemError(Exception):
    """An answer other than 200 with its detail (RFC 7807, as GoKoala gives)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class FeaturesService:
    """Answers below the PDOK prefix."""

    def __init__(self, prefix: str, folder: DataFolder, book: FaultBook) -> None:
        self.prefix = prefix
        self.folder = folder
        self.book = book

    def answer(self, request: Request, base: str) -> Response:
        """The answer to a request below the prefix; `base` is the absolute address of the prefix."""
        try:
            return self._route(request, base, request.segments[1:])
        except ProblemError as problem:
            body = {
                "title": "Bad Request" if problem.status == 400 else "Not Found",
                "status": problem.status,
                "detail": problem.detail,
                "timeStamp": _now(),
            }
            return Response(problem.status, "application/problem+json", json_body(body))

    def _route(self, request: Request, base: str, path: list[str]) -> Response:
        if path[: len(ROOT)] != ROOT:
            raise ProblemError(404, "not found")
        address = "/".join([base, *ROOT])
        kinds = [kind for kind in KINDS if self.folder.geo_files(kind)]
        match path[len(ROOT) :]:
            case []:
                links = [_link("self", address), _link("data", f"{address}/collections")]
                return _json({"title": "CBS Gebiedsindelingen (OGC API)", "description": "", "links": links})
            case ["collections"]:
                listed = [self._collection(kind, address) for kind in kinds]
                return _json({"links": [_link("self", f"{address}/collections")], "collections": listed})
            case ["collections", name] if name.removesuffix(SUFFIX) in kinds and name.endswith(SUFFIX):
                return _json(self._collection(name.removesuffix(SUFFIX), address))
            case ["collections", name, "items"] if name.removesuffix(SUFFIX) in kinds and name.endswith(SUFFIX):
                return self._items(request, address, name)
            case _:
                raise ProblemError(404, "not found")

    def _collection(self, kind: str, address: str) -> dict[str, Any]:
        years = [file.year for file in self.folder.geo_files(kind)]
        name = kind + SUFFIX
        interval = [f"{min(years)}-01-01T00:00:00Z", f"{max(years)}-12-31T00:00:00Z"]
        return {
            "id": name,
            "title": f"{kind.capitalize()} gegeneraliseerd",
            "description": f"Gegeneraliseerde grenzen van {kind}en",
            "extent": {
                "spatial": {"bbox": [[3.2, 50.7, 7.3, 53.6]], "crs": CRS84},
                "temporal": {"interval": [interval], "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"},
            },
            "itemType": "feature",
            "crs": [CRS84, RD],
            "storageCrs": RD,
            "links": [
                _link("self", f"{address}/collections/{name}"),
                _link("items", f"{address}/collections/{name}/items"),
            ],
        }

    def _items(self, request: Request, address: str, name: str) -> Response:
        parameters = request.parameters
        given = dict(parameters)
        if unknown := given.keys() - KNOWN:
            raise ProblemError(400, f"unknown query parameter(s) found: {encode_query([(key, given[key]) for key in unknown])}")
        if given.get("f", "json") != "json":
            raise ProblemError(400, f"unknown format {given['f']}")
        crs = given.get("crs", CRS84)
        if crs not in CODES:
            raise ProblemError(400, f"unsupported crs {crs}")
        limit = _limit(given.get("limit"))
        rows = with_faults(self.book, self._features(name.removesuffix(SUFFIX), crs), name, FEATURES, request.target)
        wanted = {key: given[key] for key in FILTERS if key in given}
        if wanted:
            rows = rows.derive(
                ("filter", *wanted.items()),
                lambda plain: [
                    row for row in plain if all(str(row["properties"][key]) == value for key, value in wanted.items())
                ],
            )
        checksum = hashlib.sha256(repr(sorted(wanted.items())).encode()).digest()[:4]
        start = _decode(given.get("cursor"), checksum)
        page, pages = start // limit + 1, -(-len(rows) // limit)
        plan = plan_page(self.book, request, name, page, pages)
        shown = start + (plan.shown - page) * limit
        fragment = rows.fragment(max(0, shown), min(len(rows), shown + limit))
        number = len(rows.rows[max(0, shown) : shown + limit])
        links = [_link("self", f"{address}/collections/{name}/items?{request.query}", "application/geo+json")]
        for relation, goal in (("next", plan.following), ("prev", page - 1 if page > 1 else None)):
            if goal is not None:
                cursor = _encode(start + (goal - page) * limit, checksum)
                others = [(key, value) for key, value in parameters if key != "cursor"]
                query = encode_query([("cursor", cursor), *others] if goal > 1 else others)
                links.append(_link(relation, f"{address}/collections/{name}/items?{query}", "application/geo+json"))
        head: dict[str, Any] = {
            "type": "FeatureCollection",
            "timeStamp": _now(),
            "numberReturned": number,
            "links": links,
        }
        body = around(head, "features", fragment, {})
        return Response(200, "application/geo+json", body, {"Content-Crs": f"<{crs}>"})

    def boundaries(self, kind: str, crs: str) -> RowSet:
        """Every boundary of one kind, of every year, in a reference system."""
        return self._features(kind, crs)

    def _features(self, kind: str, crs: str) -> RowSet:
        files = self.folder.geo_files(kind)
        documents = [load(file.path, "features") for file in files]
        key = (crs, *((file.path, document.version) for file, document in zip(files, documents, strict=True)))

        def build(_: Rows) -> Rows:
            features: Rows = []
            for file, document in zip(files, documents, strict=True):
                features.extend(_published(file, document.rows.rows, _crs_of(document.members), crs))
            for number, feature in enumerate(features, start=1):
                feature["id"] = number
            return features

        return documents[-1].rows.derive(key, build)


def _published(file: GeoFile, features: Rows, source: str, crs: str) -> Rows:
    geometries = [feature["geometry"] for feature in features]
    if source != crs:
        geometries = _transformed(geometries, source, crs)
    return [
        {
            "type": "Feature",
            "properties": {**feature["properties"], "jaarcode": _year(file, feature)},
            "geometry": geometry,
            "id": 0,
        }
        for feature, geometry in zip(features, geometries, strict=True)
    ]


def _year(file: GeoFile, feature: Row) -> int:
    text = str(feature["properties"].get("jrstatcode") or "")[:4]
    return int(text) if text.isdigit() else file.year


def _crs_of(members: dict[str, Any]) -> str:
    name = str(members.get("crs", {}).get("properties", {}).get("name", ""))
    return RD if name.endswith("28992") else CRS84


def _transformed(geometries: list[Any], source: str, crs: str) -> list[Any]:
    """All geometries in another reference system, with one call for all their points."""
    points: list[list[float]] = []

    def gather(part: Any) -> None:
        if part and isinstance(part[0], (int, float)):
            points.append(part)
        else:
            for inner in part:
                gather(inner)

    for geometry in geometries:
        if geometry is not None:
            gather(geometry["coordinates"])
    if not points:
        return geometries
    flat = np.array([point[:2] for point in points], dtype=float)
    transformer = Transformer.from_crs(CODES[source], CODES[crs], always_xy=True)
    east, north = transformer.transform(flat[:, 0], flat[:, 1])
    moved = iter(np.round(np.column_stack([east, north]), DECIMALS[crs]).tolist())

    def rebuild(part: Any) -> Any:
        if part and isinstance(part[0], (int, float)):
            return next(moved)
        return [rebuild(inner) for inner in part]

    return [
        None if geometry is None else {**geometry, "coordinates": rebuild(geometry["coordinates"])} for geometry in geometries
    ]


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit():
        raise ProblemError(400, "limit must be numeric")
    if int(text) < 1:
        raise ProblemError(400, "limit can't be negative or zero")
    return min(int(text), MAX_LIMIT)


def _encode(start: int, checksum: bytes) -> str:
    def text(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    return f"{text(str(start).encode())}|{text(checksum)}"


def _decode(cursor: str | None, checksum: bytes) -> int:
    """The place a cursor stands for. As GoKoala does, a cursor of another query silently starts at the beginning."""
    first, bar, second = (cursor or "").partition("|")
    if not bar:
        return 0
    try:
        start, seal = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (first, second))
        return int(start) if seal == checksum else 0
    except (binascii.Error, ValueError):
        return 0


def _link(relation: str, href: str, content_type: str = "application/json") -> dict[str, str]:
    return {"rel": relation, "type": content_type, "title": "", "href": href}


def _json(value: dict[str, Any]) -> Response:
    return Response(200, "application/json", json_body(value))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
