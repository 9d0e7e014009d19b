"""What the two servers have in common: a bounded number of threads, and a handler that waits for no one for ever."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, socket
from typing import Any

MOST_AT_ONCE = 128


class Server(ThreadingHTTPServer):
    """A thread per connection, at most MOST_AT_ONCE of them; a connection more is closed."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], say: Callable[[str], None]) -> None:
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._say = say
        if ":" in address[0]:
            self.address_family = AF_INET6
        super().__init__(address, handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Start a thread when there is a place for one."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Answer a connection, and free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up halfway is no news. Of anything else the kind is said, and not what was asked."""
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):
            self._say(f"a request could not be answered: {type(error).__name__}")


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1, half a minute for a client to say or take something, and nothing in a log."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    server_version = "beeld"
    sys_version = ""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of the base class
        """Addresses and questions of users are nobody's business."""
