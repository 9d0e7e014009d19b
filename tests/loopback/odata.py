"""CBS OData v3 as both hosts serve it: ODataApi, ODataFeed and ODataCatalog."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .faults import FaultBook, plan_page
from .filters import FilterError, Policy, compile_filter
from .rowfaults import DATA_SETS, PROPERTIES, counts, with_faults
from .store import HOSTS, DataFolder, Row, Rows, RowSet, load
from .wire import JSON_ODATA, Request, Response, Switches, around, encode_query, json_body

API_CAP = 10_000
CAP_TEXT = "The query returns more than 10000 records. Please use the bulk (feed) service or restrict the query."
DIMENSION_TYPES = {"Dimension", "TimeDimension", "GeoDimension", "GeoDetail"}
DESCRIPTIVE = {"TableInfos", PROPERTIES, "CategoryGroups", *DATA_SETS}
CATALOGUE_COLUMNS = (
    "Updated", "ID", "Identifier", "Title", "ShortTitle", "ShortDescription", "Summary", "Modified",
    "MetaDataModified", "ReasonDelivery", "ExplanatoryText", "OutputStatus", "Source", "Language", "Catalog",
    "Frequency", "Period", "SummaryAndLinks", "ApiUrl", "FeedUrl", "DefaultPresentation", "DefaultSelection",
    "GraphTypes", "RecordCount", "ColumnCount", "SearchPriority",
)  # fmt: skip


class ODataError(Exception):
    """An answer other than 200, with its text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class Query:
    """The query options of one request."""

    parameters: list[tuple[str, str]]

    def option(self, name: str) -> str | None:
        """The value of a query option, if it is there."""
        return next((value for key, value in self.parameters if key.casefold() == name), None)

    def number(self, name: str) -> int | None:
        """The value of an option that must be a non-negative whole number."""
        text = self.option(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit():
            raise ODataError(400, f"Invalid value for {name} query option: {text}")
        return int(text)

    def replaced(self, **options: int | None) -> str:
        """The query with `$skip` and `$top` replaced (None: left out), all other options as they came."""
        kept = [(key, value) for key, value in self.parameters if key.casefold().removeprefix("$") not in options]
        kept += [(f"${name}", str(value)) for name, value in options.items() if value is not None]
        return encode_query(kept)


class ODataService:
    """Answers for one host; `prefix` is its path on the loopback server."""

    def __init__(
        self, prefix: str, folder: DataFolder, book: FaultBook, switches: Switches, page_size: int, api_cap: int
    ) -> None:
        self.prefix = prefix
        self.host = HOSTS[prefix]
        self.folder = folder
        self.book = book
        self.switches = switches
        self.page_size = page_size
        self.api_cap = api_cap

    def answer(self, request: Request, base: str) -> Response:
        """The answer to a request below this host's prefix; `base` is the absolute address of the prefix."""
        try:
            return self._route(request, base, request.segments[1:], Query(request.parameters))
        except ODataError as fault:
            return self._error(fault.status, fault.text)
        except FilterError as error:
            return self._error(400, f"Syntax error in $filter: {error}")

    def _route(self, request: Request, base: str, path: list[str], query: Query) -> Response:
        match [part.casefold() for part in path[:2]]:
            case ["odatacatalog", *_]:
                return self._catalogue(request, base, path[1:], query)
            case ["odataapi" | "odatafeed" as service, "odata"] if len(path) > 2:
                table = self.folder.table(self.prefix, path[2])
                if table is None:
                    raise ODataError(404, f"Table {path[2]} not found")
                address = f"{base}/{path[0]}/{path[1]}/{table.name}"
                rest = path[3:]
                if not rest:
                    return self._service_document(address, table, query)
                if rest[0] not in self.folder.entity_sets(table) or rest[1:] not in ([], ["$count"]):
                    raise ODataError(404, f"Resource not found for the segment '{'/'.join(rest)}'.")
                return self._entity_set(request, base, address, table, rest, query, feed=service == "odatafeed")
            case _:
                raise ODataError(404, "Not found")

    def _error(self, status: int, text: str) -> Response:
        body = {"odata.error": {"code": "", "message": {"lang": "en-US", "value": text}}}
        return Response(status, "application/json; charset=utf-8", json_body(body))

    def _service_document(self, address: str, table: Path, query: Query) -> Response:
        listed = {*self.folder.entity_sets(table), *(DATA_SETS if self.switches.list_both else ())}
        names = sorted(listed, key=lambda name: (name not in DESCRIPTIVE, name))
        if not _json(query):
            items = "".join(f'<collection href="{escape(name)}"/>' for name in names)
            return _xml("application/xml;charset=utf-8", f"<service>{items}</service>")
        value = [{"name": name, "url": f"{address}/{name}"} for name in names]
        return Response(200, JSON_ODATA, json_body({"odata.metadata": f"{address}/$metadata", "value": value}))

    def _entity_set(
        self, request: Request, base: str, address: str, table: Path, rest: list[str], query: Query, feed: bool
    ) -> Response:
        name, counting = rest[0], len(rest) == 2
        for option in ("$orderby", "$expand"):
            if query.option(option) is not None:
                raise ODataError(400, f"{option} is not served by this loopback server")
        rows = self._rows(table, name, request.target, counting)
        if name == "TableInfos":
            rows = RowSet([self._infos(row, table, base, request.target) for row in rows.rows])
        if (text := query.option("$filter")) is not None:
            policy = self._policy(table, name, rows, feed)
            rows = rows.derive(("filter", text, policy.key), lambda plain: list(filter(policy.compile(text), plain)))
        skip, top = query.number("$skip") or 0, query.number("$top")
        if counting:
            response = Response(200, "text/plain;charset=utf-8")
            response.body = str(len(rows)).encode()
            return response
        if not _json(query):
            title = f'<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">{escape(name)}</title></feed>'
            return _xml("application/atom+xml;type=feed;charset=utf-8", title)
        if not feed:
            if query.option("$skip") is not None or (top or 0) > API_CAP // 2:
                raise ODataError(500, "An error has occurred.")
            if min(len(rows), len(rows) if top is None else top) > self.api_cap:
                raise ODataError(500, CAP_TEXT)
        rows = self._selected(rows, query)
        head = {"odata.metadata": f"{address}/$metadata#Cbs.OData.WebAPI.{name}"}
        end = len(rows) if top is None else min(len(rows), skip + top)
        size = self.page_size
        if not feed or end - skip <= size:
            return Response(200, JSON_ODATA, around(head, "value", rows.fragment(skip, max(skip, end)), {}))
        start, tail = skip, dict[str, Any]()
        stop = min(end, skip + size)
        page, pages = skip // size + 1, -(-end // size)
        plan = plan_page(self.book, request, table.name, page, pages)
        if plan.shown != page:
            start, stop = max(0, skip - size), skip
        if plan.following is not None:
            goal = skip + (plan.following - page) * size
            left = None if top is None else max(0, end - goal)
            following = query.replaced(skip=goal if goal > 0 else None, top=left)
            tail["odata.nextLink"] = f"{address}/{name}?{following}"
        return Response(200, JSON_ODATA, around(head, "value", rows.fragment(start, stop), tail))

    def _rows(self, table: Path, name: str, target: str, counting: bool = False) -> RowSet:
        rows = load(self.folder.entity_sets(table)[name], "value").rows
        return with_faults(self.book, rows, table.name, name, target, counting)

    def _selected(self, rows: RowSet, query: Query) -> RowSet:
        text = query.option("$select")
        if not text or text.strip() == "*":
            return rows
        columns = [column.strip() for column in text.split(",")]
        if rows.rows and (unknown := [column for column in columns if column not in rows.rows[0]]):
            raise ODataError(400, f"Could not find a property named '{unknown[0]}'.")
        wanted = set(columns)
        return rows.derive(
            ("select", text),
            lambda plain: [{key: value for key, value in row.items() if key in wanted} for row in plain],
        )

    def _policy(self, table: Path, name: str, rows: RowSet, feed: bool) -> "FilterPolicy":
        known = frozenset(rows.rows[0]) if rows.rows else None
        if name not in DATA_SETS:
            return FilterPolicy(known, None, frozenset(), feed)
        sets = self.folder.entity_sets(table)
        dimensions, periods = set(sets) - DESCRIPTIVE, {"Perioden"}
        if PROPERTIES in sets:
            described = [row for row in load(sets[PROPERTIES], "value").rows.rows if row.get("Type") in DIMENSION_TYPES]
            dimensions = {str(row["Key"]) for row in described}
            periods |= {str(row["Key"]) for row in described if row["Type"] == "TimeDimension"}
        return FilterPolicy(known, frozenset(dimensions), frozenset(periods), feed)

    def _infos(self, row: Row, table: Path, base: str, target: str) -> Row:
        changed = {key: self._local(value, base) for key, value in row.items()}
        modified = self.switches.modified.get(table.name.casefold())
        if modified is not None:
            changed["Modified"] = modified
        data = next((name for name in DATA_SETS if name in self.folder.entity_sets(table)), None)
        if data is not None and any(
            fault.options.get("update_counts") and counts(fault)
            for fault in self.book.faults
            if fault.table is None or fault.table.casefold() == table.name.casefold()
        ):
            changed["RecordCount"] = len(self._rows(table, data, target, counting=True))
        return changed

    def _local(self, value: object, base: str) -> object:
        """Addresses of the live host become addresses of this server, so that no client is led off the machine."""
        return re.sub(rf"https?://{re.escape(self.host)}", base, value) if isinstance(value, str) else value

    def _catalogue(self, request: Request, base: str, rest: list[str], query: Query) -> Response:
        name = rest[0].casefold() if len(rest) == 1 else ""
        if not rest:
            sets = [{"name": each, "url": f"{base}/ODataCatalog/{each}"} for each in ("Tables", "Themes")]
            return Response(200, JSON_ODATA, json_body({"odata.metadata": f"{base}/ODataCatalog/", "value": sets}))
        if name not in ("tables", "themes"):
            raise ODataError(404, "Not found")
        if not _json(query):
            return _xml("application/atom+xml;type=feed;charset=utf-8", '<feed xmlns="http://www.w3.org/2005/Atom"/>')
        rows: Rows = []
        if name == "tables":
            shown = [table for table in self.folder.tables(self.prefix) if self._listed(table)]
            rows = [self._catalogue_row(table, base, request.target) for table in shown]
        found = RowSet(rows)
        if (text := query.option("$filter")) is not None:
            found = RowSet(list(filter(compile_filter(text, lambda column, _: column == "Identifier"), rows)))
        found = self._selected(found, query)
        head = {"odata.metadata": f"{base}/ODataCatalog/$metadata#{name.capitalize()}"}
        return Response(200, JSON_ODATA, around(head, "value", found.fragment(0, len(found)), {}))

    def _listed(self, table: Path) -> bool:
        return table.name.casefold() not in self.switches.hidden and "TableInfos" in self.folder.entity_sets(table)

    def _catalogue_row(self, table: Path, base: str, target: str) -> Row:
        infos = load(self.folder.entity_sets(table)["TableInfos"], "value").rows.rows[0]
        row: Row = {column: infos.get(column) for column in CATALOGUE_COLUMNS}
        row["Identifier"] = infos.get("Identifier", table.name)
        row["ShortTitle"] = row["ShortTitle"] or row["Title"]
        row["ApiUrl"] = f"{base}/ODataApi/OData/{table.name}"
        row["FeedUrl"] = f"{base}/ODataFeed/OData/{table.name}"
        if not row["SummaryAndLinks"]:
            links = "<br />".join(f'<a href="{row[key]}">{row[key]}</a>' for key in ("ApiUrl", "FeedUrl"))
            row["SummaryAndLinks"] = f"{row['Summary'] or ''}<br />{links}"
        return self._infos(row, table, base, target)


@dataclass(frozen=True)
class FilterPolicy:
    """Which clauses of a filter count: all of them on a dimension table, only dimensions on a data set."""

    columns: frozenset[str] | None
    dimensions: frozenset[str] | None
    periods: frozenset[str]
    feed: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What a compiled filter depends on."""
        return (self.columns, self.dimensions, self.periods, self.feed)

    def compile(self, text: str) -> Any:
        """The filter as a function of a row."""
        policy: Policy = self._counts
        return compile_filter(text, policy)

    def _counts(self, column: str, operation: str) -> bool:
        if self.columns is not None and column not in self.columns:
            raise ODataError(400, f"Could not find a property named '{column}'.")
        if self.dimensions is None:
            return True
        if column not in self.dimensions:
            if not self.feed:
                raise ODataError(500, "An error has occurred.")
            return False
        return operation not in ("ge", "gt", "le", "lt") or column in self.periods


def _json(query: Query) -> bool:
    return (query.option("$format") or "").casefold() == "json"


def _xml(content_type: str, body: str) -> Response:
    response = Response(200, content_type)
    response.body = f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode()
    return response
