"""A transport that asks no host too much at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import httpx

PER_HOST = 2
"""Requests that may be under way to one host; facts/CBS.md section 1.8."""


class Polite(httpx.BaseTransport):
    """A transport with at most PER_HOST requests to one origin at a time, from the question to the last byte of the answer."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._guard = threading.Lock()
        self._slots: dict[tuple[str, str, int | None], threading.BoundedSemaphore] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request, once there is room for it; closing the answer makes room for the next."""
        place = (request.url.scheme, request.url.host, request.url.port)
        with self._guard:
            slot = self._slots.setdefault(place, threading.BoundedSemaphore(PER_HOST))
        slot.acquire()
        try:
            response = self._inner.handle_request(request)
            stream = cast("httpx.SyncByteStream", response.stream)
            held = _Held(stream, slot)
        except BaseException:
            slot.release()
            raise
        return httpx.Response(response.status_code, headers=response.headers, stream=held, extensions=response.extensions)

    def close(self) -> None:
        """Close the transport below."""
        self._inner.close()


class _Held(httpx.SyncByteStream):
    """The body of an answer that keeps its place at the host until it is closed."""

    def __init__(self, inner: httpx.SyncByteStream, slot: threading.BoundedSemaphore) -> None:
        self._inner = inner
        self._slot: threading.BoundedSemaphore | None = slot

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        """Close the body and give the place back, once."""
        slot, self._slot = self._slot, None
        try:
            self._inner.close()
        finally:
            if slot is not None:
                slot.release()
