"""The little of Quack's messages (version 1, DuckDB 1.5) that the front has to understand; the rest passes through unread.

A message is a header and a body, both lists of numbered fields: a number of two bytes, a value; 0xFFFF ends the list.
Header: 1 the kind, 2 the session (absent before there is one), 3 a number of the client's. tests/reliability/test_serve_wire.py
holds this against the real extension.
"""

from __future__ import annotations

from dataclasses import dataclass

CONNECT = 1
CONNECTED = 2
PREPARE = 3
FETCH = 7
DISCONNECT = 11
ERROR = 100

CONTENT_TYPE = "application/duckdb"
_END = b"\xff\xff"
_NO_NUMBER = b"\xff" * 9 + b"\x01"


class NotQuack(ValueError):
    """The bytes are no message of Quack as this version knows it."""


@dataclass(frozen=True)
class Header:
    """What kind of message it is, of which session, and where its body starts."""

    kind: int
    session: str
    body: int


def header_of(message: bytes) -> Header:
    """The header of a message; NotQuack when it is not one."""
    kind, session, at = -1, "", 0
    while True:
        number, at = message[at : at + 2], at + 2
        if number == _END:
            break
        if number == b"\x01\x00":
            kind, at = _number(message, at)
        elif number == b"\x02\x00":
            text, at = _text(message, at)
            session = text.decode("ascii", "replace")
        elif number == b"\x03\x00":
            _, at = _number(message, at)
        else:
            raise NotQuack("unknown field in the header")
    if kind < 0:
        raise NotQuack("no kind in the header")
    return Header(kind, session, at)


def first_text(message: bytes, header: Header) -> str:
    """Field 1 of the body: the token of CONNECT, the statement of PREPARE, the message of ERROR; empty when absent."""
    if message[header.body : header.body + 2] != b"\x01\x00":
        return ""
    return _text(message, header.body + 2)[0].decode("utf-8", "replace")


def with_token(message: bytes, header: Header, token: str) -> bytes:
    """The same CONNECT with another token."""
    rest = header.body
    if message[rest : rest + 2] == b"\x01\x00":
        _, rest = _text(message, rest + 2)
    return message[: header.body] + b"\x01\x00" + _packed(token.encode()) + message[rest:]


def error(text: str) -> bytes:
    """A message that a client shows as the error of its statement."""
    return b"\x01\x00" + bytes([ERROR]) + b"\x03\x00" + _NO_NUMBER + _END + b"\x01\x00" + _packed(text.encode()) + _END


def _number(message: bytes, at: int) -> tuple[int, int]:
    """An unsigned number in groups of seven bits, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        value |= (message[at] & 0x7F) << shift
        at += 1
        if not message[at - 1] & 0x80:
            return value, at
    raise NotQuack("a number does not end")


def _text(message: bytes, at: int) -> tuple[bytes, int]:
    length, at = _number(message, at)
    if at + length > len(message):
        raise NotQuack("a text does not end")
    return message[at : at + length], at + length


def _packed(text: bytes) -> bytes:
    length, out = len(text), bytearray()
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out) + text
