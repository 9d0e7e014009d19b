"""Archived OData v3 pages in small lots of rows: what was decoded last is still in the processor's cache when it is used.

msgspec decodes into structs of the wanted members alone, with their types: it passes over the rest of a row without making
objects of it, which takes a third of the time of decoding everything, and names the member that is not of its type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from msgspec.structs import astuple

from beeld.sources.archive import Snapshot

Row = tuple[Any, ...]
"""The wanted members of a row, in the order in which they were asked for."""
LOT_BYTES = 256 * 1024
OPENING = re.compile(rb'(?<!\\)"value"\s*:\s*\[')
MEMBER = re.compile(r"required field `(\w+)`|\.(\w+)`$")
"""The member in a message of msgspec: the one that is missing, else the last of the path at its end."""
BOM = b"\xef\xbb\xbf"


class WrongMember(ValueError):
    """A row lacks a wanted member or has one of another type; `member` names it."""

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(reason)
        self.member = member


class Wanted:
    """The members of a row that are wanted, with their types; one without a type of its own is left None where a row lacks it."""

    def __init__(self, members: Mapping[str, Any], optional: tuple[str, ...] = ()) -> None:
        names = {member: f"m{number}" for number, member in enumerate(members)}
        kinds = [(names[member], kind) for member, kind in members.items()]
        fields: list[Any] = [(*kind, None) if member in optional else kind for member, kind in zip(members, kinds, strict=True)]
        row = msgspec.defstruct("Row", fields, rename={name: member for member, name in names.items()}, gc=False, kw_only=True)
        self.rows: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[row]).decode
        self.page: Callable[[bytes], Any] = msgspec.json.Decoder(msgspec.defstruct("Page", [("value", list[row])])).decode


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


def lots(body: bytes, wanted: Wanted) -> Iterator[list[Row]]:
    """The wanted members of the rows of one page, a lot at a time, as if it had been decoded at once.

    The body is cut after a `}` that is followed by `,{`. A lot that is a JSON list on its own proves that this was between two
    rows: within a text its quotes would not close, within a nested list its brackets would not. Otherwise the lot grows.
    Raises WrongMember, and msgspec.DecodeError where the page is no JSON.
    """
    try:
        head, place = _opening(body)
        size = LOT_BYTES
        while (cut := body.find(b"},{", place + size)) >= 0:
            rows = _rows(body[place : cut + 1], wanted) if head else None
            if rows is None:
                size *= 2
                continue
            yield rows
            place, size = cut + 2, LOT_BYTES
        rest = wanted.page(head + body[place:]).value
        if rest:
            yield [*map(astuple, rest)]
    except msgspec.ValidationError as error:
        found = MEMBER.search(str(error))
        raise WrongMember((found.group(1) or found.group(2)) if found else "", str(error)) from error


def _opening(body: bytes) -> tuple[bytes, int]:
    """What stands before the rows, and where they begin; nothing and 0 where they cannot be told from what else there is."""
    text = body.removeprefix(BOM)
    found = OPENING.search(text)
    if found is None or not _is_object(text[: found.end()] + b"]}"):
        return b"", len(body) - len(text)
    return text[: found.end()], len(body) - len(text) + found.end()


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False


def _rows(text: bytes, wanted: Wanted) -> list[Row] | None:
    try:
        return [*map(astuple, wanted.rows(b"[" + text + b"]"))]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return None
