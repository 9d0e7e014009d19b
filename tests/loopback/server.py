"""The loopback server: one process, one port, a path prefix for each host."""

import re
import socket
import socketserver
import struct
import threading
import time
import traceback
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from .faults import RESPONSE, Fault, FaultBook, modify_response, replace_response
from .odata import API_CAP, ODataService
from .odata_v4 import HOST as V4_HOST
from .odata_v4 import PAGE as V4_PAGE
from .odata_v4 import ODataV4Service
from .pdok import ROOT, FeaturesService
from .portals import WebService
from .store import DataFolder
from .wfs import LayersService
from .wire import Request, Response, Switches, gzip_join

PREFIXES = {"cbs": "opendata.cbs.nl", "derden": "dataderden.cbs.nl", "cbs_v4": V4_HOST, "pdok": "api.pdok.nl"}
OTHERS = {
    "leefbaarometer": "geo.leefbaarometer.nl",
    "leefbaarometer_bestanden": "www.leefbaarometer.nl",
    "eindhoven": "data.eindhoven.nl",
    "ckan": "ckan.voorbeeld.nl",
    "jive": "jive.voorbeeld.nl",
}
"""Services whose address a source declares itself: name and host; `ckan` and `jive` exist in tests only."""
WEB = {"pdok": "api.pdok.nl", "wfs": "service.pdok.nl", **OTHERS}
PREFIXES |= WEB
DATA_PAGE = re.compile(r"/(?:Untyped|Typed)DataSet$|/Observations$|/CSV/CBS/nl/[^/]+$|/collections/[^/]+/items$|/exports/csv$")


@dataclass(frozen=True)
class LogEntry:
    """One request as it came in; `status` is 0 where the connection was closed without a reply."""

    method: str
    path: str
    query: str
    time: float
    status: int

    @property
    def is_data_page(self) -> bool:
        """Whether it asked for a page of a data set or for OGC items."""
        wfs = "request=GetFeature" in self.query and "resultType=hits" not in self.query
        return self.method == "GET" and (wfs or DATA_PAGE.search(self.path) is not None)


class LoopbackServer:
    """CBS OData v3 (both hosts), v4 and PDOK OGC API Features on 127.0.0.1, out of a data folder.

    Use as a context manager, or call `start()` and `stop()`. Everything may be changed while it runs.
    """

    def __init__(
        self,
        data: Path | str,
        *,
        port: int = 0,
        page_size: int = 10_000,
        v4_page_size: int = V4_PAGE,
        api_cap: int = API_CAP,
        list_both: bool = False,
    ) -> None:
        """Bind the port. `list_both` lists Typed and Untyped in service documents where only one is in the folder.

        The live service has both for every table, and `cbsodata.get_data` breaks on a list that lacks either; the one
        that is not in the folder still answers 404.
        """
        self.data = Path(data)
        self.latency = 0.0
        self.errors: list[str] = []
        self.stopping = threading.Event()
        self._book = FaultBook()
        self._switches = Switches(list_both=list_both)
        self._log: list[LogEntry] = []
        self._lock = threading.Lock()
        folder = DataFolder(self.data)
        self._odata = {
            prefix: ODataService(prefix, folder, self._book, self._switches, page_size, api_cap) for prefix in ("cbs", "derden")
        }
        self._v4 = ODataV4Service("cbs_v4", self.data, self._book, self._switches, v4_page_size)
        self._pdok = FeaturesService("pdok", folder, self._book)
        self._web = {
            prefix: WebService(self.data, host, LayersService(self.data, host, self._book, self._pdok.boundaries, folder))
            for prefix, host in WEB.items()
        }
        self._http = _Server(self, port)
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True, name="loopback")
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and close every open connection."""
        self.stopping.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.close_connections()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if self.errors and kind is None:
            raise RuntimeError("the loopback server itself failed:\n" + "\n".join(self.errors))

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._http.server_address[1])

    def url(self, prefix: str) -> str:
        """The base address of a host, by a prefix of PREFIXES."""
        return f"http://127.0.0.1:{self.port}/{prefix}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point a client here."""
        return {
            "BEELD_CBS_URL": self.url("cbs"),
            "BEELD_DERDEN_URL": self.url("derden"),
            "BEELD_CBS_V4_URL": self.url("cbs_v4"),
            "BEELD_PDOK_URL": self.url("pdok"),
            "BEELD_PDOK_WFS_URL": self.url("wfs"),
            "BEELD_URLS": ",".join(f"{name}={self.url(name)}" for name in OTHERS),
        }

    @property
    def log(self) -> list[LogEntry]:
        """All requests since the start or the last `clear_log()`."""
        with self._lock:
            return list(self._log)

    def clear_log(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._log.clear()

    def data_page_requests(self) -> list[LogEntry]:
        """The requests for pages of data sets and for OGC items."""
        return [entry for entry in self.log if entry.is_data_page]

    def set_modified(self, table: str, moment: str | None) -> None:
        """Override Modified of a table in catalogue and TableInfos; None takes the override away."""
        if moment is None:
            self._switches.modified.pop(table.casefold(), None)
        else:
            self._switches.modified[table.casefold()] = moment

    def hide(self, table: str) -> None:
        """Leave a table out of the catalogue; its entity sets stay."""
        self._switches.hidden.add(table.casefold())

    def show(self, table: str) -> None:
        """List a table in the catalogue again."""
        self._switches.hidden.discard(table.casefold())

    def down(self, host: str) -> None:
        """From now on close every connection to a host (prefix or host name) without a reply."""
        self._switches.down.add(_prefix(host))

    def up(self, host: str) -> None:
        """Let a host answer again."""
        self._switches.down.discard(_prefix(host))

    def fault(
        self,
        kind: str,
        match: str | re.Pattern[str] = "",
        times: int | None = None,
        *,
        after: int = 0,
        **options: Any,
    ) -> Fault:
        """Set a fault on requests whose decoded path and query contain `match` (else: where it is found as a regex).

        It lets the first `after` matching requests through, strikes `times` requests (None: all), and counts them in
        `hits`. `table=` (id or collection) narrows every kind. A `mutate` function must depend on its rows alone: its
        result is kept. Kinds and their options: RESPONSE, PAGES and TABLES in `faults.py`.
        """
        return self._book.add(kind, match, times, after, options)

    def remove_fault(self, fault: Fault) -> None:
        """Take one fault away."""
        self._book.remove(fault)

    def clear_faults(self) -> None:
        """Take all faults away."""
        self._book.clear()

    def respond(self, request: Request) -> Response:
        """The answer to a request, faults included; status 0 means: close the connection without a reply."""
        if self.latency > 0:
            self.stopping.wait(self.latency)
        prefix = request.segments[0] if request.segments else ""
        if prefix in self._switches.down:
            return Response(0, "", sending={"close": True})
        try:
            faults = self._book.take(RESPONSE, request.target, _table(request))
            for fault in faults:
                if fault.kind == "call":
                    fault.options["function"](request)
                elif fault.kind == "delay":
                    self.stopping.wait(float(fault.options["seconds"]))
            response = replace_response(faults) or self._service(prefix, request)
            modify_response(response, faults)
        except Exception:
            self.errors.append(f"{request.method} {request.target}\n{traceback.format_exc()}")
            response = Response(500, "text/plain; charset=utf-8")
            response.body = b"the loopback server itself failed: see server.errors"
        return response

    def _service(self, prefix: str, request: Request) -> Response:
        base = self.url(prefix)
        if prefix in self._odata:
            return self._odata[prefix].answer(request, base)
        if prefix == "cbs_v4":
            return self._v4.answer(request, base)
        if prefix in self._web and (prefix != "pdok" or request.segments[1 : 1 + len(ROOT)] != ROOT):
            return self._web[prefix].answer(request, base)
        if prefix == "pdok":
            return self._pdok.answer(request, base)
        response = Response(404, "text/plain; charset=utf-8")
        response.body = b"not found"
        return response

    def record(self, request: Request, moment: float, status: int) -> None:
        """Write a request into the log."""
        with self._lock:
            self._log.append(LogEntry(request.method, request.path, request.query, moment, status))


def _prefix(host: str) -> str:
    for prefix, name in PREFIXES.items():
        if host in (prefix, name):
            return prefix
    raise ValueError(f"unknown host {host!r}; known: {PREFIXES}")


def _table(request: Request) -> str | None:
    """The table id or collection that a request is about, so that response faults may name it too."""
    parts = request.segments
    if len(parts) > 3 and parts[1].casefold() in ("odatafeed", "odataapi"):
        return parts[3]
    if parts[:1] == ["cbs_v4"] and len(parts) > 4 and parts[3] in ("CBS", "nl"):
        return parts[4]
    if "collections" in parts[:-1]:
        return parts[parts.index("collections") + 1]
    layer = next((value for key, value in request.parameters if key.casefold() == "typenames"), "")
    return layer.rpartition(":")[2] or None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: LoopbackServer, port: int) -> None:
        self.owner = owner
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of a host name that the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Cut the connections that clients keep alive."""
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    no_body: ClassVar[set[int]] = {204, 304}

    def log_message(self, format: str, *args: Any) -> None:
        """The log is `server.log`, not stderr."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    def do_HEAD(self) -> None:
        """Answer a HEAD."""
        self._serve()

    def _serve(self) -> None:
        owner, moment = self.server.owner, time.time()
        request = Request.parse(self.command, self.path, dict(self.headers.items()))
        response = owner.respond(request)
        owner.record(request, moment, response.status)
        if response.status == 0:
            self.close_connection = True
            if response.sending.get("reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            return
        self._send(request, response)

    def _send(self, request: Request, response: Response) -> None:
        sending = response.sending
        packed = bool(response.fragments) and "gzip" in request.headers.get("accept-encoding", "").casefold()
        packed = packed and "endless" not in sending
        body = gzip_join(response.fragments) if packed else response.body
        if packed and "truncate_gzip" in sending:
            body = body[: int(len(body) * sending["truncate_gzip"])]
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")
        if "odata" in response.content_type:
            self.send_header("DataServiceVersion", "3.0;")
        for name, value in response.headers.items():
            self.send_header(name, value)
        if "endless" in sending:
            self.send_header("Transfer-Encoding", "chunked")
        elif response.status not in self.no_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if request.method == "HEAD" or response.status in self.no_body:
            return
        if "endless" in sending:
            self._endless(body, sending["endless"])
            return
        if "truncate_transfer" in sending:
            body = body[: int(len(body) * sending["truncate_transfer"])]
            self.close_connection = True
        if "slow" in sending:
            self._drip(body, *sending["slow"])
        else:
            self.wfile.write(body)

    def _drip(self, body: bytes, chunk: int, pause: float) -> None:
        for start in range(0, len(body), chunk):
            self.wfile.write(body[start : start + chunk])
            if self.server.owner.stopping.wait(pause):
                self.close_connection = True
                return

    def _endless(self, body: bytes, limit: int) -> None:
        """The body without its last byte, then spaces for as long as the client listens (at most `limit` bytes)."""
        self.close_connection = True
        self._chunk(body[:-1] or b" ")
        filler = b" " * 65536
        sent = 0
        while sent < limit and not self.server.owner.stopping.is_set():
            self._chunk(filler)
            sent += len(filler)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
