"""What travels between the services and the socket: requests, responses and body fragments."""

import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import orjson

JSON_ODATA = "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"


class Fragment:
    """A piece of a body, with its deflated form kept once it was made (raw deflate, byte aligned)."""

    __slots__ = ("_deflated", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._deflated: bytes | None = None

    @property
    def deflated(self) -> bytes:
        """The piece as raw deflate blocks that refer to nothing outside it, so that pieces can be joined."""
        if self._deflated is None:
            packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
            self._deflated = packer.compress(self.plain) + packer.flush(zlib.Z_FULL_FLUSH)
        return self._deflated


def gzip_join(fragments: list[Fragment]) -> bytes:
    """One gzip member (many clients read only the first) over all fragments, from their cached deflated forms."""
    crc = size = 0
    for fragment in fragments:
        crc = zlib.crc32(fragment.plain, crc)
        size += len(fragment.plain)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
    trailer = b"\x03\x00" + crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join([head, *(fragment.deflated for fragment in fragments), trailer])


@dataclass(frozen=True)
class Request:
    """One request, taken apart."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @classmethod
    def parse(cls, method: str, target: str, headers: dict[str, str]) -> "Request":
        """Split a request target into path and query; header names become lower case."""
        parts = urlsplit(target)
        return cls(method, parts.path, parts.query, {key.lower(): value for key, value in headers.items()})

    @property
    def target(self) -> str:
        """Path and query, percent-decoded: what a fault's `match` is held against."""
        return unquote(self.path + ("?" + self.query if self.query else "")).replace("+", " ")

    @property
    def segments(self) -> list[str]:
        """The decoded parts of the path, without empty ones."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """Query parameters in the order in which they came."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass
class Response:
    """One answer; `sending` holds what faults want from the transport."""

    status: int
    content_type: str
    fragments: list[Fragment] = field(default_factory=list[Fragment])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    sending: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def body(self) -> bytes:
        """The whole body, unencoded."""
        return b"".join(fragment.plain for fragment in self.fragments)

    @body.setter
    def body(self, plain: bytes) -> None:
        self.fragments = [Fragment(plain)] if plain else []


@dataclass
class Switches:
    """State that a test may change while the server runs."""

    modified: dict[str, str] = field(default_factory=dict[str, str])
    hidden: set[str] = field(default_factory=set[str])
    down: set[str] = field(default_factory=set[str])
    list_both: bool = False


def encode_query(parameters: list[tuple[str, str]]) -> str:
    """A query string as CBS writes it: `$`, quotes, parentheses and commas stay readable, spaces become %20."""
    readable = "$'(),:/|"
    return "&".join(f"{quote(key, safe='$')}={quote(value, safe=readable)}" for key, value in parameters)


def json_body(value: object) -> list[Fragment]:
    """A small JSON document as the fragments of a body."""
    return [Fragment(orjson.dumps(value))]


def around(head: dict[str, Any], name: str, items: Fragment, tail: dict[str, Any]) -> list[Fragment]:
    """The fragments of `{**head, name: [items], **tail}` without encoding the items again."""
    opening = orjson.dumps(head)[:-1]
    comma = b"," if head else b""
    closing = orjson.dumps(tail)[1:]
    return [
        Fragment(opening + comma + orjson.dumps(name) + b":["),
        items,
        Fragment(b"]" + (b"," if tail else b"") + closing),
    ]
