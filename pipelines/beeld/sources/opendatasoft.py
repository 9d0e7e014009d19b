"""Opendatasoft Explore v2.1 (facts/CBS.md section 12): the description of a data set, then its whole export as CSV.

The export and not `/records`: that stops at 10,000 rows, and its count can be held against `records_count`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlencode

import httpx

from beeld.errors import SourceChanged
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.declarations import Table
from beeld.sources.http import get_body, get_json
from beeld.sources.ogc import layer_of
from beeld.sources.records import Record, file_records
from beeld.sources.tabular import Form

DATASET, EXPORT = "dataset", "export"
FORM = Form("csv", scheiding=";")
PATH = "/api/explore/v2.1/catalog/datasets"


def describe(client: httpx.Client, address: str, table: Table, where: str) -> tuple[bytes, dict[str, Any]]:
    """The description of the data set, as received and decoded; SourceChanged when it is of another shape."""
    reply, content = get_json(client, f"{address}{PATH}/{layer_of(table)}", where=where)
    if not isinstance(content.get("fields"), list) or not modified(content):
        raise SourceChanged("the description of the data set has no fields or no date of modification", where=where)
    return reply.body, content


def modified(content: Mapping[str, Any]) -> str:
    """When the data set was last modified or processed, as the service writes it."""
    default = _default(content)
    return str(default.get("data_processed") or default.get("modified") or "")


def _default(content: Mapping[str, Any]) -> Mapping[str, Any]:
    metas: Any = content.get("metas")
    default: Any = cast("dict[str, Any]", metas).get("default") if isinstance(metas, dict) else None
    return cast("dict[str, Any]", default) if isinstance(default, dict) else {}


def title(content: Mapping[str, Any], otherwise: str) -> str:
    """The title of the data set."""
    return str(_default(content).get("title") or otherwise)


def units(content: Mapping[str, Any]) -> dict[str, str]:
    """Field -> unit, for fields whose annotation tells one."""
    found: dict[str, str] = {}
    for described in cast("list[Any]", content.get("fields") or []):
        whole: dict[str, Any] = cast("dict[str, Any]", described) if isinstance(described, dict) else {}
        annotations: Any = whole.get("annotations")
        unit: Any = cast("dict[str, Any]", annotations).get("unit") if isinstance(annotations, dict) else None
        told = cast("list[Any]", unit) if isinstance(unit, list) else [unit]
        if told and isinstance(told[0], str):
            found[str(whole.get("name"))] = told[0]
    return found


def store(
    client: httpx.Client, address: str, table: Table, delivery: Delivery, where: str, progress: Callable[[str], None]
) -> tuple[list[Record], dict[str, Any]]:
    """The records of the data set and its description, both kept in the delivery.

    Raises SourceChanged when the export has another number of rows than the description says, or changes meanwhile.
    """
    body, described = describe(client, address, table, where)
    url = f"{address}{PATH}/{layer_of(table)}"
    question = {"use_labels": "false", "delimiter": FORM.scheiding, **table.vraag}
    target = f"{url}/exports/csv?{urlencode(question)}"
    export = get_body(client, target, where=where).body
    records = file_records(export, FORM, where)
    progress(f"{where}: {len(records)} records")
    count = _default(described).get("records_count")
    if not table.vraag and isinstance(count, int) and count != len(records):
        raise SourceChanged(f"delivers {len(records)} records; the data set has {count} (cut off?)", where=where)
    if modified(describe(client, address, table, where)[1]) != modified(described):
        raise SourceChanged("changes while it is read", where=where, todo="Try again later")
    delivery.add(DATASET, url, body, described)
    delivery.add(EXPORT, target, export, export.decode("utf-8"))
    return records, described


def read(snapshot: Snapshot) -> tuple[list[Record], dict[str, str]]:
    """The records and units of an archived data set."""
    described: dict[str, Any] = snapshot.content(DATASET)
    return file_records(snapshot.read(EXPORT), FORM, f"{snapshot.bron} {snapshot.tabel}"), units(described)
