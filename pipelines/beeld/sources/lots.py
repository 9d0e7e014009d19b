"""Archived OData v3 pages in small lots of rows: what was decoded last is still in the processor's cache when it is used.

msgspec decodes into structs of the wanted members alone, with their types: it passes over the rest of a row without making
objects of it, which takes a third of the time of decoding everything, and names the member that is not of its type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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


def pages(snapshot: Snapshot, prefix: str) -> Iterator[Iterator[bytes]]:
    """The bodies of the documents that start with `prefix`, in order, each in parts.

    The next part is unpacked and hashed meanwhile: two megabytes are in memory, whatever the size of a page. Raises Damaged as
    `Snapshot.parts` does.
    """
    with ThreadPoolExecutor(1, "uitpakken") as pool:
        for name in snapshot.names(prefix):
            yield _ahead(pool, snapshot.parts(name))


def _ahead(pool: ThreadPoolExecutor, parts: Iterator[bytes]) -> Iterator[bytes]:
    coming = pool.submit(next, parts, None)
    while (part := coming.result()) is not None:
        coming = pool.submit(next, parts, None)
        yield part


def lots(parts: Iterable[bytes], wanted: Wanted) -> Iterator[list[Row]]:
    """The wanted members of the rows of one page, a lot at a time, as if it had been decoded at once.

    The body is cut after a `}` that is followed by `,{`. A lot that is a JSON list on its own proves that this was between two
    rows: within a text its quotes would not close, within a nested list its brackets would not. Otherwise the lot grows.
    Raises WrongMember, and msgspec.DecodeError where the page is no JSON.
    """
    head, rest, place, size = b"", b"", 0, LOT_BYTES
    try:
        for part in parts:
            rest, place = rest[place:] + part, 0
            if not head:
                rest = rest.removeprefix(BOM)
                place = _opening(rest)
                head = rest[:place]
            while head and (cut := rest.find(b"},{", place + size)) >= 0:
                rows = _rows(rest[place : cut + 1], wanted)
                if rows is None:
                    size *= 2
                    continue
                yield rows
                place, size = cut + 2, LOT_BYTES
        last = wanted.page(head + rest[place:]).value
        if last:
            yield [*map(astuple, last)]
    except msgspec.ValidationError as error:
        found = MEMBER.search(str(error))
        raise WrongMember((found.group(1) or found.group(2)) if found else "", str(error)) from error


def _opening(text: bytes) -> int:
    """Where the rows begin; 0 where that cannot be told (yet) from what else there is."""
    found = OPENING.search(text)
    return found.end() if found is not None and _is_object(text[: found.end()] + b"]}") else 0


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
