"""Portals of gemeenten (Opendatasoft, CKAN, ABF Swing) and plain files, out of `web/<host>/` in the data folder.

web/<host>/api/explore/v2.1/catalog/datasets/<id>.json and <id>.csv   Opendatasoft: description and export
web/<host>/api/3/action/package_show/<id>.json                        CKAN; {base} in it is the address of this host
web/<host>/<path>/selectiontableasjson.ashx/<var>.json                ABF Swing
web/<host>/<path>                                                      any other file
"""

from pathlib import Path

from .wfs import LayersService
from .wire import Fragment, Request, Response, json_body

TYPES = {".csv": "text/csv; charset=utf-8", ".json": "application/json; charset=utf-8", ".zip": "application/zip"}


class WebService:
    """Answers below the prefix of one host."""

    def __init__(self, root: Path, host: str, layers: LayersService) -> None:
        self.root = (root / "web" / host).resolve()
        self.layers = layers

    def answer(self, request: Request, base: str) -> Response:
        """The answer to a request below the prefix; `base` is the absolute address of the prefix."""
        path, given = request.segments[1:], {key.casefold(): value for key, value in request.parameters}
        if given.get("service", "").upper() == "WFS":
            return self.layers.wfs(request, path)
        if "ogc" in path:
            return self.layers.collections(request, base, path)
        if path[-2:] == ["exports", "csv"]:
            return self._file([*path[:-3], f"{path[-3]}.csv"], base)
        if path[:4] == ["api", "explore", "v2.1", "catalog"]:
            return self._file([*path[:-1], f"{path[-1]}.json"], base)
        if path[-1:] == ["package_show"]:
            return self._file([*path, f"{given.get('id', '')}.json"], base)
        if path[-1:] == ["selectiontableasjson.ashx"]:
            return self._file([*path, f"{given.get('var', '')}.json"], base)
        return self._file(path, base)

    def _file(self, path: list[str], base: str) -> Response:
        place = self.root.joinpath(*path).resolve()
        if not place.is_relative_to(self.root) or not place.is_file():
            return Response(404, "application/json", json_body({"error": "not found"}))
        body = place.read_bytes()
        if place.suffix == ".json":
            body = body.replace(b"{base}", base.encode())
        return Response(200, TYPES.get(place.suffix, "application/octet-stream"), [Fragment(body)])
