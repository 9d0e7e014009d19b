"""One saved OData v3 page, decoded a megabyte at a time: its rows in small lots, its other members, its hashes.

A page is cut between two rows at a place where `},{` stands. When what lies before the cut is JSON on its own, the cut cannot lie
inside a text or a nested list; when it is not, more is read first. So the cuts never change what a page says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from beeld.errors import SourceChanged
from beeld.sources.packed import CutOff, unpacked

Row = dict[str, Any]
LOT_BYTES = 1024 * 1024
OPENING = re.compile(rb'(?<!\\)"value"\s*:\s*\[')
HEAD_BYTES = 64 * 1024
"""Bytes within which the list of rows begins; facts/CBS.md section 1: only `odata.metadata` goes before it."""


@dataclass(frozen=True)
class Page:
    """What a page said apart from its rows. `sha256` and `bytes` are those of the unpacked body.

    `inhoud` is the sha256 of the rows alone, keys sorted: the same figures give the same whatever the address or the order.
    """

    members: dict[str, Any]
    rows: int
    sha256: str
    inhoud: str
    bytes: int


def read_page(path: Path, where: str, each: Callable[[list[Row]], list[Row]], limit: int) -> Page:
    """Read a page from a gzip file, giving its rows to `each` in lots; what `each` returns identifies the lot.

    Raises CutOff for a page that is no whole JSON document, SourceChanged for one without a list of rows and for more than
    `limit` bytes, and whatever `each` raises.
    """
    reader = _Reader(where, each)
    body = hashlib.sha256()
    size = 0
    for part in unpacked(path):
        size += len(part)
        if size > limit:
            raise SourceChanged(f"reply is larger than {limit} bytes", where=where)
        body.update(part)
        reader.take(part)
    members = reader.finish()
    return Page(members, reader.rows, body.hexdigest(), reader.identity(), size)


class _Reader:
    """The state of reading one page: what is not decoded yet, and the hash of what is."""

    def __init__(self, where: str, each: Callable[[list[Row]], list[Row]]) -> None:
        self.rows = 0
        self._where = where
        self._each = each
        self._rest = bytearray()
        self._head: bytes | None = None
        self._threshold = LOT_BYTES
        self._said = hashlib.sha256(b"[")
        self._size = 0

    def take(self, part: bytes) -> None:
        """Add a part of the body and hand on the rows that are complete."""
        self._size += len(part)
        self._rest += part
        if self._head is None and not self._open():
            return
        if len(self._rest) < self._threshold:
            return
        cut = self._rest.rfind(b"},{")
        lot = _rows_of(b"[" + bytes(self._rest[: cut + 1]) + b"]") if cut >= 0 else None
        if lot is None:
            self._threshold = 2 * len(self._rest)  # a text that holds the mark, or another layout: read on before trying again
            return
        self._hand_on(lot)
        del self._rest[: cut + 2]
        self._threshold = LOT_BYTES

    def _open(self) -> bool:
        """Find where the rows begin; what goes before must be JSON when they are left out."""
        found = OPENING.search(self._rest, 0, HEAD_BYTES)
        if found is None:
            return False
        head = bytes(self._rest[: found.end()]).removeprefix(b"\xef\xbb\xbf")
        if not isinstance(_decoded(head + b"]}"), dict):
            return False
        self._head = head
        del self._rest[: found.end()]
        return True

    def finish(self) -> dict[str, Any]:
        """Hand on the last rows and return the members beside them."""
        text = (self._head or b"") + bytes(self._rest)
        content = _decoded(text.removeprefix(b"\xef\xbb\xbf"))
        if content is None:
            raise CutOff("no whole JSON document", self._size)
        if not isinstance(content, dict):
            raise SourceChanged("answers a JSON list where an object belongs", where=self._where)
        members = cast("dict[str, Any]", content)
        value = members.pop("value", None)
        if not isinstance(value, list):
            raise SourceChanged("reply has no list 'value'", where=self._where)
        self._hand_on(cast("list[Any]", value))
        return members

    def _hand_on(self, lot: list[Any]) -> None:
        if not lot:
            return
        if not all(type(row) is dict for row in lot):
            raise SourceChanged("a row is no JSON object", where=self._where)
        said = orjson.dumps(self._each(cast("list[Row]", lot)), option=orjson.OPT_SORT_KEYS)
        self._said.update(said[1:-1] if self.rows == 0 else b"," + said[1:-1])
        self.rows += len(lot)

    def identity(self) -> str:
        """The sha256 of the rows as one JSON list with sorted keys."""
        said = self._said.copy()
        said.update(b"]")
        return said.hexdigest()


def _decoded(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _rows_of(text: bytes) -> list[Any] | None:
    content = _decoded(text)
    return cast("list[Any]", content) if isinstance(content, list) else None
