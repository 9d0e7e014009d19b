"""Scripted faults: which exist, when they strike, and what they do to a response or to the order of pages."""

import re
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .wire import Request, Response

FaultKind = Literal[
    "status", "html", "empty", "redirect", "reset", "close", "call", "delay",
    "truncate_body", "truncate_transfer", "truncate_gzip", "wrong_content_type", "bom", "encode", "slow", "endless",
    "duplicate_page", "page_loop", "missing_page",
    "rename_column", "rename_only_in_data", "remove_column", "add_column", "change_unit", "change_type",
    "scale_column", "null_column", "drop_rows", "duplicate_rows", "decimal_comma", "mutate",
]  # fmt: skip
LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Inloggen</title></head><body><h1>Log in to continue</h1>"
    '<form method="post"><input name="user"><input name="password" type="password"></form></body></html>'
)

# kind: (required options, optional options). `table` stands for "a table id or a collection".
RESPONSE: dict[str, tuple[set[str], set[str]]] = {
    "status": ({"code"}, {"retry_after", "body", "headers", "content_type"}),
    "html": (set(), {"body"}),
    "empty": (set(), {"content_type"}),
    "redirect": ({"location"}, {"code"}),
    "reset": (set(), set()),
    "close": (set(), set()),
    "call": ({"function"}, set()),
    "delay": ({"seconds"}, set()),
    "truncate_body": (set(), {"share"}),
    "truncate_transfer": (set(), {"share"}),
    "truncate_gzip": (set(), {"share"}),
    "wrong_content_type": (set(), {"content_type"}),
    "bom": (set(), set()),
    "encode": ({"encoding"}, set()),
    "slow": (set(), {"chunk", "pause"}),
    "endless": (set(), {"limit"}),
}
PAGES: dict[str, tuple[set[str], set[str]]] = {
    "duplicate_page": (set(), {"page"}),
    "page_loop": (set(), {"page", "to"}),
    "missing_page": (set(), {"page"}),
}
TABLES: dict[str, tuple[set[str], set[str]]] = {
    "rename_column": ({"old", "new"}, set()),
    "rename_only_in_data": ({"old", "new"}, set()),
    "remove_column": ({"column"}, set()),
    "add_column": ({"column"}, {"value", "title", "unit", "datatype", "parent"}),
    "change_unit": ({"column", "unit"}, set()),
    "change_type": ({"column", "datatype"}, set()),
    "scale_column": ({"column", "factor"}, set()),
    "null_column": ({"column"}, {"share"}),
    "drop_rows": ({"share"}, {"update_counts"}),
    "duplicate_rows": (set(), {"count", "update_counts"}),
    "decimal_comma": (set(), {"column"}),
    "mutate": ({"function"}, {"update_counts", "entity_set"}),
}


@dataclass(eq=False)
class Fault:
    """One scripted fault. `hits` counts the requests that it struck: a test should look at it."""

    kind: str
    match: str | re.Pattern[str]
    times: int | None
    after: int
    table: str | None
    options: dict[str, Any]
    hits: int = 0
    seen: int = 0

    def matches(self, target: str, table: str | None) -> bool:
        """Whether a request (path and query, decoded) for a table is meant; says nothing of `times`."""
        if self.table is not None and (table is None or table.casefold() != self.table.casefold()):
            return False
        if isinstance(self.match, re.Pattern):
            return self.match.search(target) is not None
        if self.match in target:
            return True
        try:
            return re.search(self.match, target) is not None
        except re.error:
            return False


@dataclass
class FaultBook:
    """All faults that are set, safe to change while requests are served."""

    faults: list[Fault] = field(default_factory=list[Fault])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, match: str | re.Pattern[str], times: int | None, after: int, options: dict[str, Any]) -> Fault:
        """Set a fault; a kind or an option that does not exist is refused at once."""
        group = next((group for group in (RESPONSE, PAGES, TABLES) if kind in group), None)
        if group is None:
            raise ValueError(f"unknown kind of fault {kind!r}; known: {', '.join(get_args(FaultKind))}")
        required, optional = group[kind]
        given = dict(options)
        table: str | None = given.pop("table", None)
        if missing := required - given.keys():
            raise TypeError(f"fault {kind} needs {', '.join(sorted(missing))}")
        if unknown := given.keys() - required - optional:
            raise TypeError(f"fault {kind} does not take {', '.join(sorted(unknown))}")
        if group is TABLES and table is None and match == "":
            raise TypeError(f"fault {kind} needs a table or a match")
        fault = Fault(kind, match, times, after, table, given)
        with self._lock:
            self.faults = [*self.faults, fault]
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one fault away."""
        with self._lock:
            self.faults = [entry for entry in self.faults if entry is not fault]

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self.faults = []

    def take(
        self,
        group: Collection[str],
        target: str,
        table: str | None,
        where: Callable[[Fault], bool] = lambda fault: True,
    ) -> list[Fault]:
        """The faults of a group that strike now; each counts this request."""
        struck: list[Fault] = []
        with self._lock:
            for fault in self.faults:
                if fault.kind not in group or not fault.matches(target, table) or not where(fault):
                    continue
                fault.seen += 1
                if fault.seen <= fault.after or (fault.times is not None and fault.hits >= fault.times):
                    continue
                fault.hits += 1
                struck.append(fault)
        return struck

    def present(self, group: Collection[str], target: str, table: str) -> list[Fault]:
        """The faults of a group that match, without counting the request."""
        with self._lock:
            return [fault for fault in self.faults if fault.kind in group and fault.matches(target, table)]


@dataclass(frozen=True)
class PagePlan:
    """Which rows a page shows and where its next link points, as page numbers from 1."""

    shown: int
    following: int | None


def plan_page(book: FaultBook, request: Request, table: str, page: int, pages: int) -> PagePlan:
    """Page and next page after the paging faults: duplicate_page, page_loop, missing_page."""

    def strikes(kind: str, number: int | None) -> list[Fault]:
        return book.take({kind}, request.target, table, lambda fault: fault.options.get("page", 2) == number)

    shown, following = page, page + 1 if page < pages else None
    if pages > 1:
        if page > 1 and strikes("duplicate_page", page):
            shown = page - 1
        if loops := strikes("page_loop", page):
            following = int(loops[0].options.get("to", 1))
        elif following is not None and strikes("missing_page", following):
            following = following + 1 if following < pages else None
    return PagePlan(shown, following)


def replace_response(faults: list[Fault]) -> Response | None:
    """The answer that stands in for the real one, where a fault asks for that."""
    for fault in faults:
        options = fault.options
        match fault.kind:
            case "status":
                code = int(options["code"])
                body = options.get("body", f'{{"odata.error":{{"code":"","message":{{"value":"fault {code}"}}}}}}')
                response = Response(code, options.get("content_type", "application/json;charset=utf-8"))
                response.body = body if isinstance(body, bytes) else str(body).encode()
                response.headers.update(options.get("headers") or {})
                if options.get("retry_after") is not None:
                    response.headers["Retry-After"] = str(options["retry_after"])
                return response
            case "html":
                response = Response(200, "text/html; charset=utf-8")
                response.body = str(options.get("body", LOGIN_PAGE)).encode()
                return response
            case "empty":
                return Response(200, options.get("content_type", "application/json;charset=utf-8"))
            case "redirect":
                return Response(int(options.get("code", 302)), "text/html", headers={"Location": options["location"]})
            case "reset" | "close":
                return Response(0, "", sending={fault.kind: True})
            case _:
                continue
    return None


def modify_response(response: Response, faults: list[Fault]) -> None:
    """Change an answer in place, in the order in which the faults were set."""
    for fault in faults:
        options = fault.options
        match fault.kind:
            case "truncate_body":
                body = response.body
                response.body = body[: int(len(body) * options.get("share", 0.5))]
            case "wrong_content_type":
                response.content_type = options.get("content_type", "text/plain; charset=utf-8")
            case "bom":
                response.body = b"\xef\xbb\xbf" + response.body
            case "encode":
                response.body = response.body.decode().encode(options["encoding"])
            case "truncate_transfer" | "truncate_gzip":
                response.sending[fault.kind] = float(options.get("share", 0.5))
            case "slow":
                response.sending["slow"] = (int(options.get("chunk", 1024)), float(options.get("pause", 0.1)))
            case "endless":
                response.sending["endless"] = int(options.get("limit", 1 << 36))
            case _:
                continue
