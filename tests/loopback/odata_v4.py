"""CBS OData v4 as `datasets.cbs.nl` serves it: the list of data sets, the lists and observations of a table, the zipped bulk CSV.

Out of `odata_v4/<table>/<EntitySet>.json[.gz]` in the data folder (Properties is one object, the others have a list `value`).
"""

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import orjson

from .faults import FaultBook, plan_page
from .filters import FilterError, compile_filter
from .odata import ODataError, Query
from .odata_v4_faults import counts_v4, with_faults_v4
from .store import SUFFIXES, Row, Rows, RowSet, load
from .wire import Request, Response, Switches, around, json_body

HOST = "datasets.cbs.nl"
JSON_V4 = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"
PAGE = 100_000
OBSERVATIONS = "Observations"
PROPERTIES = "Properties"


class ODataV4Service:
    """Answers for the v4 host; `prefix` is its path on the loopback server. `page_size` counts for every list."""

    def __init__(self, prefix: str, root: Path, book: FaultBook, switches: Switches, page_size: int = PAGE) -> None:
        self.prefix = prefix
        self.root = root / "odata_v4"
        self.book = book
        self.switches = switches
        self.page_size = page_size

    def answer(self, request: Request, base: str) -> Response:
        """The answer to a request below this host's prefix; `base` is the absolute address of the prefix."""
        try:
            return self._route(request, base, request.segments[1:], Query(request.parameters))
        except ODataError as fault:
            return _error(fault.status, fault.text)
        except FilterError as error:
            return _error(400, f"Syntax error in $filter: {error}")

    def _route(self, request: Request, base: str, path: list[str], query: Query) -> Response:
        match path:
            case ["odata", "v1", "CBS", "Datasets"] | ["odata", "v1", "Datasets"]:
                address = f"{base}/{'/'.join(path)}"
                return self._list(request, address, RowSet(self._datasets()), "Datasets", query)
            case ["CSV", "CBS", "nl", name]:
                return self._bulk(request, self._table(name))
            case ["odata", "v1", "CBS", name, *rest]:
                table = self._table(name)
                return self._within(request, f"{base}/odata/v1/CBS/{table.name}", table, rest, query)
            case _:
                raise ODataError(404, "Not found")

    def _within(self, request: Request, address: str, table: Path, rest: list[str], query: Query) -> Response:
        sets = self._sets(table)
        if not rest:
            value = [{"name": name, "kind": "EntitySet", "url": name} for name in sets]
            return Response(200, JSON_V4, json_body({"@odata.context": f"{address}/$metadata", "value": value}))
        name = rest[0]
        if name not in sets or rest[1:] not in ([], ["$count"]):
            raise ODataError(404, f"Resource not found for the segment '{'/'.join(rest)}'.")
        if name == PROPERTIES:
            return Response(200, JSON_V4, json_body({"@odata.context": f"{address}/$metadata#{name}", **self._properties(table)}))
        counting = len(rest) == 2
        rows = self._rows(table, name, request.target, counting)
        if (text := query.option("$filter")) is not None:
            rows = rows.derive(
                ("filter", text), lambda plain: list(filter(compile_filter(text, _counts(plain), lists=True), plain))
            )
        if counting:
            response = Response(200, "text/plain")
            response.body = str(len(rows)).encode()
            return response
        return self._list(request, f"{address}/{name}", rows, table.name if name == OBSERVATIONS else "", query)

    def _list(self, request: Request, address: str, rows: RowSet, table: str, query: Query) -> Response:
        if (text := query.option("$select")) is not None:
            wanted = [column.strip() for column in text.split(",")]
            rows = rows.derive(("select", text), lambda plain: [{key: row.get(key) for key in wanted} for row in plain])
        skip, top = query.number("$skip") or 0, query.number("$top")
        end = len(rows) if top is None else min(len(rows), skip + top)
        size = self.page_size
        start, stop, tail = skip, max(skip, min(end, skip + size)), dict[str, Any]()
        if end - skip > size or skip:
            page, pages = skip // size + 1, -(-end // size)
            plan = plan_page(self.book, request, table, page, pages)
            if plan.shown != page:
                start, stop = max(0, skip - size), skip
            if plan.following is not None:
                goal = skip + (plan.following - page) * size
                left = None if top is None else max(0, end - goal)
                following = query.replaced(skip=goal if goal > 0 else None, top=left)
                tail["@odata.nextLink"] = f"{address}?{following}" if following else address
        head = {"@odata.context": f"{address.rpartition('/')[0]}/$metadata#{address.rpartition('/')[2]}"}
        return Response(200, JSON_V4, around(head, "value", rows.fragment(start, stop), tail))

    def _tables(self) -> list[Path]:
        return sorted(entry for entry in self.root.iterdir() if entry.is_dir()) if self.root.is_dir() else []

    def _table(self, name: str) -> Path:
        """The folder of a table; the case of an identifier counts."""
        found = next((entry for entry in self._tables() if entry.name == name), None)
        if found is None:
            raise ODataError(404, f"Dataset {name} not found")
        return found

    def _sets(self, table: Path) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for entry in sorted(table.iterdir()):
            for suffix in SUFFIXES:
                if entry.name.endswith(suffix):
                    found.setdefault(entry.name.removesuffix(suffix), entry)
        return found

    def _rows(self, table: Path, name: str, target: str, counting: bool = False) -> RowSet:
        rows = load(self._sets(table)[name], "value").rows
        return with_faults_v4(self.book, rows, table.name, name, target, counting)

    def _properties(self, table: Path) -> Row:
        path = self._sets(table)[PROPERTIES]
        raw = path.read_bytes()
        content: Row = orjson.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
        moment = self.switches.modified.get(table.name.casefold())
        if moment is not None:
            content |= {"Modified": moment, "ObservationsModified": moment}
        if any(counts_v4(fault) and fault.options.get("update_counts") for fault in self.book.faults):
            target = f"/{self.prefix}/odata/v1/CBS/{table.name}/{OBSERVATIONS}"
            content["ObservationCount"] = len(self._rows(table, OBSERVATIONS, target, counting=True))
        return content

    def _datasets(self) -> Rows:
        rows: Rows = []
        for table in self._tables():
            if PROPERTIES not in self._sets(table) or table.name.casefold() in self.switches.hidden:
                continue
            content = self._properties(table)
            names = ("Identifier", "Title", "Description", "Language", "Modified", "ObservationsModified", "Catalog", "Status")
            rows.append({name: content.get(name) for name in names})
        return rows

    def _bulk(self, request: Request, table: Path) -> Response:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in self._sets(table):
                if name != PROPERTIES:
                    archive.writestr(f"{name}.csv", _csv_of(self._rows(table, name, request.target).rows))
        response = Response(200, "application/zip")
        response.body = packed.getvalue()
        return response


def _counts(rows: Rows) -> Any:
    known = frozenset(rows[0]) if rows else frozenset[str]()

    def policy(column: str, _operation: str) -> bool:
        if known and column not in known:
            raise ODataError(400, f"Could not find a property named '{column}'.")
        return True

    return policy


def _csv_of(rows: Rows) -> bytes:
    """As CBS writes it: `;`, a decimal comma, every text quoted, nothing for a null, UTF-8 with a byte order mark."""
    columns = list(rows[0]) if rows else []
    lines = [columns, *([row[name] for name in columns] for row in rows)]
    return b"\xef\xbb\xbf" + "".join(";".join(map(_field, line)) + "\r\n" for line in lines).encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return str(value).replace(".", ",")
    return '"' + str(value).replace('"', '""') + '"'


def _error(status: int, text: str) -> Response:
    body = orjson.dumps({"error": {"code": "", "message": text}})
    response = Response(status, "application/json; charset=utf-8")
    response.body = body
    return response
