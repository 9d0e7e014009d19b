"""Archived OData v3 pages in small lots of rows: what was decoded last is still in the processor's cache when it is used.

A page of 10,000 rows decoded in one go makes a hundred megabytes of objects, and taking some columns out of it then takes longer
than decoding it; in lots of a quarter megabyte both together take less time than decoding alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import orjson

from beeld.sources.archive import Snapshot

Row = dict[str, Any]
LOT_BYTES = 256 * 1024
OPENING = re.compile(rb'(?<!\\)"value"\s*:\s*\[')
BOM = b"\xef\xbb\xbf"


def bodies(snapshot: Snapshot, prefix: str) -> Iterator[bytes]:
    """The bodies of the documents that start with `prefix`, in order; the next one is unpacked and hashed meanwhile.

    At most two are in memory. Raises Damaged as `Snapshot.read` does.
    """
    with ThreadPoolExecutor(1, "uitpakken") as pool:
        reads = (pool.submit(snapshot.read, name) for name in snapshot.names(prefix))
        ahead = next(reads, None)
        while ahead is not None:
            body = ahead.result()
            ahead = next(reads, None)
            yield body


def lots(body: bytes) -> Iterator[list[Row]]:
    """The rows of one page, a lot at a time, as if it had been decoded at once; JSONDecodeError where it is no JSON.

    The body is cut after a `}` that is followed by `,{`. A lot that is a JSON list on its own proves that this was between two
    rows: within a text its quotes would not close, within a nested list its brackets would not. Otherwise the lot grows.
    """
    head, place = _opening(body)
    size = LOT_BYTES
    while (cut := body.find(b"},{", place + size)) >= 0:
        rows = _rows(body[place : cut + 1]) if head else None
        if rows is None:
            size *= 2
            continue
        yield rows
        place, size = cut + 2, LOT_BYTES
    rest = orjson.loads(head + body[place:])["value"]
    if rest:
        yield rest


def _opening(body: bytes) -> tuple[bytes, int]:
    """What stands before the rows, and where they begin; nothing and 0 where they cannot be told from what else there is."""
    text = body.removeprefix(BOM)
    found = OPENING.search(text)
    if found is None or not _is_object(text[: found.end()] + b"]}"):
        return b"", len(body) - len(text)
    return text[: found.end()], len(body) - len(text) + found.end()


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _rows(text: bytes) -> list[Row] | None:
    try:
        return cast("list[Row]", orjson.loads(b"[" + text + b"]"))
    except orjson.JSONDecodeError:
        return None
