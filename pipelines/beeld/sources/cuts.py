"""The rows of an OData v3 page in small lots, so that a page is never in memory: what was decoded last is still in the cache.

A page is cut between two rows, at a place where `},{` stands. When what lies before the cut is a JSON list on its own, the cut
cannot lie inside a text (its quotes would not close) or a nested list (its brackets would not); when it is none, more is read
first. So the cuts never change what a page says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

Lot = TypeVar("Lot")
LOT_BYTES = 256 * 1024
BOM = b"\xef\xbb\xbf"
OPENING = re.compile(rb'(?<!\\)"value"\s*:\s*\[')
HEAD_BYTES = 64 * 1024
"""Bytes within which the list of rows begins; facts/CBS.md section 1: only `odata.metadata` goes before it."""
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError)


class NoJson(ValueError):
    """What was read is no whole JSON document."""


class NoPage(ValueError):
    """What was read is JSON, but no object with a list of rows."""


def lots(parts: Iterable[bytes], rows: Callable[[bytes], Lot], members: dict[str, Any]) -> Iterator[Lot]:
    """What `rows` makes of JSON lists that together hold the rows of a page, in order; the last one may be empty.

    `parts` are the body of the page. What it says beside its rows stands in `members` at the end. Raises NoJson, NoPage, and the
    msgspec.ValidationError of `rows`; another DecodeError of `rows` means to it that the text is no JSON.
    """
    head, rest, place, size = b"", b"", 0, LOT_BYTES
    for part in parts:
        rest, place = rest[place:] + part, 0
        if not head:
            place = _opening(rest)
            head = rest[:place]
        while head and (cut := rest.find(b"},{", place + size)) >= 0:
            lot = _decoded(b"[" + rest[place : cut + 1] + b"]", rows)
            if lot is None:
                size *= 2
                continue
            yield lot
            place, size = cut + 2, LOT_BYTES
    last = _decoded(_value(head + rest[place:], members), rows)
    if last is None:
        raise NoJson("no whole JSON document")
    yield last


def _opening(text: bytes) -> int:
    """Where the rows begin; 0 where that cannot be told (yet): what goes before must be an object when they are left out."""
    found = OPENING.search(text, 0, HEAD_BYTES)
    if found is None:
        return 0
    try:
        msgspec.json.decode(text[: found.end()].removeprefix(BOM) + b"]}", type=dict[str, msgspec.Raw])
    except NO_JSON:
        return 0
    return found.end()


def _value(text: bytes, members: dict[str, Any]) -> bytes:
    """The list of rows of a page, as JSON; the other members of the page go into `members`."""
    try:
        content = msgspec.json.decode(text.removeprefix(BOM), type=dict[str, msgspec.Raw])
        value = bytes(content.pop("value", msgspec.Raw()))
        members.update({name: msgspec.json.decode(raw) for name, raw in content.items()})
    except msgspec.ValidationError as error:
        raise NoPage("answers a JSON list where an object belongs") from error
    except NO_JSON as error:
        raise NoJson("no whole JSON document") from error
    if value[:1] != b"[":
        raise NoPage("reply has no list 'value'")
    return value


def _decoded(text: bytes, rows: Callable[[bytes], Lot]) -> Lot | None:
    """The rows of a JSON list; None when it is none."""
    try:
        return rows(text)
    except msgspec.ValidationError:
        raise
    except NO_JSON:
        return None
