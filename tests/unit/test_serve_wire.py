"""The messages of Quack that the front reads and writes; tests/reliability/test_serve.py has the real client and server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeld.warehouse.serve import wire

# as DuckDB 1.5.5 sent them
CONNECT = (
    b"\x01\x00\x01\x03\x00\x05\xff\xff\x01\x00\x06geheim\x02\x00\x06v1.5.5\x03\x00\x0blinux_amd64\x04\x00\x01\x05\x00\x01\xff\xff"
)
SESSION = "C39254DE56388647BB03E70A92366505"
CONNECTED = (
    b"\x01\x00\x02\x02\x00 C39254DE56388647BB03E70A92366505\x03\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff"
    b"\x01\x00\x06v1.5.5\x02\x00\x0blinux_amd64\x03\x00\x01\xff\xff"
)
PREPARE = b"\x01\x00\x03\x02\x00 C39254DE56388647BB03E70A92366505\x03\x00\x07\xff\xff\x01\x00\tselect 42\xff\xff"
ERROR = b"\x01\x00d\x03\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff\x01\x00\x15Authentication failed\xff\xff"


def test_what_duckdb_sent() -> None:
    connect, connected, prepare, error = (wire.header_of(message) for message in (CONNECT, CONNECTED, PREPARE, ERROR))
    assert (connect.kind, connect.session, wire.first_text(CONNECT, connect)) == (wire.CONNECT, "", "geheim")
    assert (connected.kind, connected.session) == (wire.CONNECTED, SESSION)
    assert (prepare.kind, prepare.session, wire.first_text(PREPARE, prepare)) == (wire.PREPARE, SESSION, "select 42")
    assert (error.kind, wire.first_text(ERROR, error)) == (wire.ERROR, "Authentication failed")
    assert wire.error("Authentication failed") == ERROR
    assert wire.with_token(CONNECT, connect, "ander") == CONNECT.replace(b"\x06geheim", b"\x05ander")
    assert wire.with_token(CONNECT.replace(b"\x01\x00\x06geheim", b""), connect, "geheim") == CONNECT


@given(st.text(max_size=400))
def test_any_text_comes_back(text: str) -> None:
    header = wire.header_of(wire.error(text))
    assert wire.first_text(wire.error(text), header) == text
    changed = wire.with_token(CONNECT, wire.header_of(CONNECT), text)
    assert wire.first_text(changed, wire.header_of(changed)) == text
    assert changed.endswith(CONNECT[-30:])


CUT = st.tuples(st.sampled_from([CONNECT, PREPARE, ERROR]), st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]])


@given(st.one_of(st.binary(max_size=200), CUT))
def test_any_bytes_are_a_message_or_refused(message: bytes) -> None:
    try:
        header = wire.header_of(message)
        wire.first_text(message, header)
    except wire.NotQuack:
        return
    assert header.body <= len(message)


def test_a_length_that_never_ends_is_refused() -> None:
    with pytest.raises(wire.NotQuack):
        wire.header_of(b"\x01\x00" + b"\xff" * 1000)
