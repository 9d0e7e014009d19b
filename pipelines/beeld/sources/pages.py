"""One saved OData v3 page, decoded a part at a time: its rows in small lots, its other members, its hashes.

A page is cut between two rows at a place where `},{` stands. When what lies before the cut is JSON on its own, the cut cannot lie
inside a text or a nested list; when it is not, more is read first. So the cuts never change what a page says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import orjson

from beeld.errors import SourceChanged
from beeld.sources.packed import CutOff, unpacked

Row = dict[str, Any]
Lot = TypeVar("Lot", bound=Sized)
LOT_BYTES = 256 * 1024
"""What was decoded is still in the processor's cache when it is used."""
OPENING = re.compile(rb'(?<!\\)"value"\s*:\s*\[')
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError)
LACKING = re.compile(r"missing required field `(.*?)`(?: - at |$)", re.DOTALL)
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


class Form(Protocol[Lot]):
    """How the rows of a page are decoded, and said again for its hash."""

    def rows(self, text: bytes) -> Lot:
        """The rows of a JSON list. Raises msgspec.ValidationError for another thing than rows, DecodeError for no JSON."""
        ...

    def said(self, lot: Lot) -> bytes:
        """The rows as a JSON list, the members of a row in the order of their names."""
        ...


class Objects:
    """Rows as plain objects, for the small sets of a table: its topics, its members."""

    def rows(self, text: bytes) -> list[Row]:
        """The rows of a JSON list."""
        return msgspec.json.decode(text, type=list[Row])

    def said(self, lot: list[Row]) -> bytes:
        """The rows with sorted keys."""
        return orjson.dumps(lot, option=orjson.OPT_SORT_KEYS)


def read_page(path: Path, where: str, form: Form[Lot], each: Callable[[Lot], Lot], limit: int) -> Page:
    """Read a page from a gzip file, giving its rows to `each` in lots; what `each` returns identifies the lot.

    Raises CutOff for a page that is no whole JSON document, SourceChanged for one without a list of rows and for more than
    `limit` bytes, and whatever `each` raises.
    """
    reader = _Reader(where, form, each)
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


class _Reader(Generic[Lot]):
    """The state of reading one page: what is not decoded yet, and the hash of what is."""

    def __init__(self, where: str, form: Form[Lot], each: Callable[[Lot], Lot]) -> None:
        self.rows = 0
        self._where = where
        self._form = form
        self._each = each
        self._rest = b""
        self._place = 0
        self._head: bytes | None = None
        self._least = LOT_BYTES
        self._said = hashlib.sha256(b"[")
        self._size = 0

    def take(self, part: bytes) -> None:
        """Add a part of the body and hand on the rows that are complete."""
        self._size += len(part)
        self._rest, self._place = self._rest[self._place :] + part, 0
        if self._head is None and not self._open():
            return
        while (cut := self._rest.find(b"},{", self._place + self._least)) >= 0:
            lot = self._rows(b"[" + self._rest[self._place : cut + 1] + b"]")
            if lot is None:
                self._least *= 2  # a text that holds the mark, or a nested list: take more before trying again
                continue
            self._hand_on(lot)
            self._place, self._least = cut + 2, LOT_BYTES

    def _open(self) -> bool:
        """Find where the rows begin; what goes before must be JSON when they are left out."""
        found = OPENING.search(self._rest, 0, HEAD_BYTES)
        if found is None:
            return False
        head = self._rest[: found.end()].removeprefix(b"\xef\xbb\xbf")
        try:
            msgspec.json.decode(head + b"]}", type=dict[str, msgspec.Raw])
        except NO_JSON:
            return False
        self._head, self._place = head, found.end()
        return True

    def finish(self) -> dict[str, Any]:
        """Hand on the last rows and return the members beside them."""
        text = ((self._head or b"") + self._rest[self._place :]).removeprefix(b"\xef\xbb\xbf")
        try:
            content = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            value = content.pop("value", msgspec.Raw())
            members = {name: msgspec.json.decode(raw) for name, raw in content.items()}
        except msgspec.ValidationError as error:
            raise SourceChanged("answers a JSON list where an object belongs", where=self._where) from error
        except NO_JSON as error:
            raise CutOff("no whole JSON document", self._size) from error
        if bytes(value)[:1] != b"[":
            raise SourceChanged("reply has no list 'value'", where=self._where)
        lot = self._rows(bytes(value))
        if lot is None:
            raise CutOff("no whole JSON document", self._size)
        self._hand_on(lot)
        return members

    def _rows(self, text: bytes) -> Lot | None:
        """The rows of a JSON list; None when it is none."""
        try:
            return self._form.rows(text)
        except msgspec.ValidationError as error:
            lacking = LACKING.search(str(error))
            what = f"rows lack column {lacking[1]} that DataProperties announces" if lacking else f"a row cannot be read: {error}"
            raise SourceChanged(what, where=self._where) from error
        except NO_JSON:
            return None

    def _hand_on(self, lot: Lot) -> None:
        if not len(lot):
            return
        said = self._form.said(self._each(lot))
        self._said.update(said[1:-1] if self.rows == 0 else b"," + said[1:-1])
        self.rows += len(lot)

    def identity(self) -> str:
        """The sha256 of the rows as one JSON list with sorted keys."""
        said = self._said.copy()
        said.update(b"]")
        return said.hexdigest()
