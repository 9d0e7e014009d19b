"""ABF Swing (Jive) portals such as `*.incijfers.nl` (facts/CBS.md section 12): one selection table as JSON.

The reply holds `headers` (a list with `name`, sometimes `unit`) and `rows` (lists of cells). Areas come by name unless the portal
is asked otherwise, so a declaration maps names to codes (`velden.gebieden`). The portal tells no date of modification without a
key; the newest figures are asked for once a month. Some portals block programs: that is a refusal like any other.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from beeld.errors import SourceChanged
from beeld.sources.declarations import Table
from beeld.sources.ogc import layer_of
from beeld.sources.records import Record

PAGE = "selectiontableasjson.ashx"


def question(address: str, table: Table) -> str:
    """The address of the selection table; `vraag` says for which areas (geolevel) and periods."""
    return f"{address}/{PAGE}?{urlencode({'var': layer_of(table), **table.vraag})}"


def records(content: dict[str, Any], where: str) -> list[Record]:
    """The rows of the table by the names of its headers; SourceChanged for another shape."""
    names = [str(header.get("name") or "").strip() for header in _dicts(content.get("headers"))]
    if not names or len(set(names)) != len(names):
        raise SourceChanged("table has no headers, or a header twice", where=where)
    rows: Any = content.get("rows")
    found: list[Record] = []
    for number, row in enumerate(cast("list[Any]", rows) if isinstance(rows, list) else [], start=1):
        cells = cast("list[Any]", row) if isinstance(row, list) else []
        if len(cells) != len(names):
            raise SourceChanged(f"row {number} has {len(cells)} cells under {len(names)} headers", where=where)
        found.append(dict(zip(names, cells, strict=True)))
    return found


def units(content: dict[str, Any]) -> dict[str, str]:
    """Header -> unit, where the portal tells one."""
    return {str(h.get("name") or "").strip(): str(h["unit"]) for h in _dicts(content.get("headers")) if h.get("unit")}


def _dicts(value: Any) -> list[dict[str, Any]]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in listed if isinstance(item, dict)]
