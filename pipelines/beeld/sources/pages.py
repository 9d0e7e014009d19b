"""One saved OData v3 page, read a lot of rows at a time (`cuts`): its rows, its other members, its hashes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import orjson

from beeld.errors import SourceChanged
from beeld.sources import cuts
from beeld.sources.packed import CutOff, unpacked

Row = dict[str, Any]
Lot = TypeVar("Lot", bound=Sized)
LACKING = re.compile(r"missing required field `(.*?)`(?: - at |$)", re.DOTALL)


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
    body, said = hashlib.sha256(), hashlib.sha256(b"[")
    size = rows = 0

    def parts() -> Iterator[bytes]:
        nonlocal size
        for part in unpacked(path):
            size += len(part)
            if size > limit:
                raise SourceChanged(f"reply is larger than {limit} bytes", where=where)
            body.update(part)
            yield part

    members: dict[str, Any] = {}
    try:
        for lot in cuts.lots(parts(), form.rows, members):
            if len(lot):
                text = form.said(each(lot))
                said.update(b"," if rows else b"")
                said.update(memoryview(text)[1:-1])
                rows += len(lot)
    except msgspec.ValidationError as error:
        raise SourceChanged(_strange(error), where=where) from error
    except cuts.NoPage as error:
        raise SourceChanged(str(error), where=where) from error
    except cuts.NoJson as error:
        raise CutOff(str(error), size) from error
    said.update(b"]")
    return Page(members, rows, body.hexdigest(), said.hexdigest(), size)


def _strange(error: msgspec.ValidationError) -> str:
    """What is wrong with rows of another kind than expected."""
    lacking = LACKING.search(str(error))
    return f"rows lack column {lacking[1]} that DataProperties announces" if lacking else f"a row cannot be read: {error}"
