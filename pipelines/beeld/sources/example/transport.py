"""Answers requests from a folder as the services would, without a network: the example goes through the same readers.

Only what a correct client asks: OData v3 (catalogue, service document, Feed pages, `$filter` with `eq` and `and`,
`$select`, `$top`, `$skip`, `$count`) and OGC API Features in RD New. Everything else is 404, or 400 for a question that
it does not understand.
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import httpx
import orjson

Row = dict[str, Any]

ODATA_HOSTS = frozenset({"opendata.cbs.nl", "dataderden.cbs.nl"})
FEATURES_HOST = "api.pdok.nl"
PAGE_ROWS = 10_000
DEFAULT_LIMIT, MAX_LIMIT = 10, 1000
RD_NEW = "http://www.opengis.net/def/crs/EPSG/0/28992"
COLLECTIONS = "/cbs/gebiedsindelingen/ogc/v1/collections"
KINDS = ("gemeente", "wijk", "buurt")
SUFFIX = "_gegeneraliseerd"
DESCRIPTIVE = ("TableInfos", "UntypedDataSet", "TypedDataSet", "DataProperties")
CLAUSE = re.compile(r"\s*\(?\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*\)?\s*")


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ExampleTransport(httpx.BaseTransport):
    """Serves one folder in the layout of `generate`. Files are read when asked for; the last few stay in memory."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._document = lru_cache(maxsize=4)(_read)
        self._selection = lru_cache(maxsize=2)(self._select)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to one request; never raises for a request that makes no sense."""
        try:
            if request.method != "GET":
                raise Refusal(405, "only GET")
            host, path = request.url.host, request.url.path.rstrip("/")
            if host in ODATA_HOSTS:
                return self._odata(request, path.split("/")[1:])
            if host == FEATURES_HOST and f"{path}/".startswith(f"{COLLECTIONS}/"):
                return self._features(request, path.removeprefix(COLLECTIONS).split("/")[1:])
            raise Refusal(404, "not found")
        except Refusal as refusal:
            error = {"odata.error": {"code": "", "message": {"lang": "en-US", "value": str(refusal)}}}
            return _json(error, status=refusal.status)

    def _odata(self, request: httpx.Request, path: list[str]) -> httpx.Response:
        host = f"https://{request.url.host}"
        match [part.casefold() for part in path[:2]]:
            case ["odatacatalog", "tables"]:
                found = [self._rows(table, "TableInfos")[0] for table in self._tables(request.url.host)]
                return _json({"odata.metadata": f"{host}/ODataCatalog/$metadata#Tables", "value": _columns(request, found)})
            case ["odatafeed" | "odataapi", "odata"] if len(path) > 2:
                table = next((t for t in self._tables(request.url.host) if t.name.casefold() == path[2].casefold()), None)
                if table is None:
                    raise Refusal(404, f"table {path[2]} not found")
                return self._entity_set(request, table, f"{host}/{path[0]}/{path[1]}/{table.name}", path[3:])
            case _:
                raise Refusal(404, "not found")

    def _tables(self, host: str) -> list[Path]:
        folder = self._root / "odata_v3" / host
        return sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []

    def _rows(self, table: Path, name: str) -> list[Row]:
        path = table / f"{name}.json.gz"
        if not path.is_file():
            raise Refusal(404, f"resource not found for the segment '{name}'")
        return self._document(path, "value")

    def _entity_set(self, request: httpx.Request, table: Path, address: str, rest: list[str]) -> httpx.Response:
        if not rest:
            names = sorted(
                (path.name.removesuffix(".json.gz") for path in table.glob("*.json.gz")),
                key=lambda name: (name not in DESCRIPTIVE, name),
            )
            value = [{"name": name, "url": f"{address}/{name}"} for name in names]
            return _json({"odata.metadata": f"{address}/$metadata", "value": value})
        if rest[1:] not in ([], ["$count"]):
            raise Refusal(404, "not found")
        rows = self._selection(table, rest[0], request.url.params.get("$filter") or "")
        if rest[1:]:
            return httpx.Response(200, headers={"content-type": "text/plain;charset=utf-8"}, content=f"{len(rows)}".encode())
        skip, top = _number(request, "$skip", 0), _number(request, "$top", len(rows))
        end = min(len(rows), skip + top)
        stop = min(end, skip + PAGE_ROWS)
        metadata = f"{address}/$metadata#Cbs.OData.WebAPI.{rest[0]}"
        body: Row = {"odata.metadata": metadata, "value": _columns(request, rows[skip:stop])}
        if stop < end:
            query = request.url.params.set("$skip", stop)
            query = query.set("$top", end - stop) if "$top" in query else query
            body["odata.nextLink"] = str(httpx.URL(f"{address}/{rest[0]}", params=query))
        return _json(body)

    def _select(self, table: Path, name: str, text: str) -> list[Row]:
        rows = self._rows(table, name)
        for clause in filter(None, re.split(r"\s+and\s+(?=\(?\s*\w+\s+eq\s)", text)):
            found = CLAUSE.fullmatch(clause)
            if found is None or (rows and found[1] not in rows[0]):
                raise Refusal(400, f"syntax error in $filter: {clause}")
            column, wanted = found[1], found[2].replace("''", "'")
            rows = [row for row in rows if row[column] == wanted]
        return rows

    def _features(self, request: httpx.Request, path: list[str]) -> httpx.Response:
        address = f"https://{FEATURES_HOST}{COLLECTIONS}"
        names = [kind + SUFFIX for kind in KINDS if list((self._root / "geo").glob(f"{kind}_*.geojson.gz"))]
        match path:
            case []:
                return _json({"links": [], "collections": [_collection(name, address) for name in names]})
            case [name] if name in names:
                return _json(_collection(name, address))
            case [name, "items"] if name in names:
                return self._items(request, name, f"{address}/{name}/items")
            case _:
                raise Refusal(404, "not found")

    def _items(self, request: httpx.Request, name: str, address: str) -> httpx.Response:
        params = request.url.params
        if params.get("crs") != RD_NEW:
            raise Refusal(400, f"this example has coordinates in {RD_NEW} only")
        if unknown := sorted(set(params) - {"f", "limit", "cursor", "crs", "jaarcode"}):
            raise Refusal(400, f"unknown query parameter(s) found: {', '.join(unknown)}")
        year, found = params.get("jaarcode"), list[Row]()
        for path in sorted((self._root / "geo").glob(f"{name.removesuffix(SUFFIX)}_*.geojson.gz")):
            code = path.name.split("_")[1][:4]
            if year in (None, code):
                features = self._document(path, "features")
                found += [{**f, "properties": {**f["properties"], "jaarcode": int(code)}} for f in features]
        start, limit = _number(request, "cursor", 0), min(_number(request, "limit", DEFAULT_LIMIT), MAX_LIMIT)
        page = found[start : start + limit]
        links = [{"rel": "self", "type": "application/geo+json", "href": str(request.url)}]
        if start + limit < len(found):
            following = str(httpx.URL(address, params=params.set("cursor", start + limit)))
            links.append({"rel": "next", "type": "application/geo+json", "href": following})
        body = {"type": "FeatureCollection", "numberReturned": len(page), "links": links, "features": page}
        return _json(body, content_type="application/geo+json", extra={"content-crs": f"<{RD_NEW}>"})


def _read(path: Path, member: str) -> list[Row]:
    return cast("list[Row]", orjson.loads(gzip.decompress(path.read_bytes()))[member])


def _columns(request: httpx.Request, rows: list[Row]) -> list[Row]:
    """The columns that `$select` asks for, else all of them."""
    wanted = [name.strip() for name in (request.url.params.get("$select") or "").split(",") if name.strip()]
    return [{name: row.get(name) for name in wanted} for row in rows] if wanted else rows


def _number(request: httpx.Request, name: str, default: int) -> int:
    text = request.url.params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, f"invalid value for {name}: {text}")
    return int(text)


def _collection(name: str, address: str) -> Row:
    return {
        "id": name,
        "title": f"{name.removesuffix(SUFFIX).capitalize()} gegeneraliseerd (verzonnen voorbeeld)",
        "itemType": "feature",
        "crs": [RD_NEW],
        "storageCrs": RD_NEW,
        "links": [{"rel": "items", "type": "application/geo+json", "href": f"{address}/{name}/items"}],
    }


def _json(
    body: Row, *, status: int = 200, content_type: str = "application/json", extra: dict[str, str] | None = None
) -> httpx.Response:
    headers = {"content-type": f"{content_type};charset=utf-8", **(extra or {})}
    return httpx.Response(status, headers=headers, content=orjson.dumps(body))
