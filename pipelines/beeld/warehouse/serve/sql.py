"""The SQL endpoint: knows users and sessions, and passes their messages on to the process of the session.

A token is looked at here and goes no further: the process gets one of its own. What a session may do is decided in its process
(worker.py); here only messages that read come through, within the time for a statement.
"""

from __future__ import annotations

import http.client
import select
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import cast

from beeld.errors import BeeldError
from beeld.settings import Limits
from beeld.warehouse.serve import wire
from beeld.warehouse.serve.pool import Pool, Session, Worker
from beeld.warehouse.serve.tokens import Tokens, hash_of, user_of
from beeld.warehouse.serve.web import Handler, Server
from beeld.warehouse.serve.worker import REFUSED

MOST_BYTES = 2**20
"""Of a message to the server: a statement, never data."""

ONLY_READING = (
    "refused: one reading statement at a time (select, from, with, values, describe, show or summarize), and no functions "
    "that reach beyond the release, such as read_csv or query"
)
ENDED = "this session has ended; attach again"
NO_SUCH_USER = "the token is not known here"


class TookTooLong(Exception):
    """The statement did not end in time; its process has been stopped."""


class Gone(Exception):
    """The client has hung up while its statement was running, or the process ended."""


@dataclass(frozen=True)
class Front:
    """What a request needs: the sessions, the users, the limits, and where to tell the operator something."""

    pool: Pool
    tokens: Tokens
    limits: Limits
    say: Callable[[str], None]


class SqlServer(Server):
    """Quack over HTTP."""

    def __init__(self, address: tuple[str, int], front: Front) -> None:
        self.front = front
        super().__init__(address, SqlHandler, front.say)


class SqlHandler(Handler):
    """One message per request."""

    def do_POST(self) -> None:
        """Answer a message."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/quack" or not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            self.send_error(404 if self.path != "/quack" else 413)
            return
        message = self.rfile.read(int(length))
        try:
            header = wire.header_of(message)
            if header.kind == wire.CONNECT:
                self._connect(message, header)
            else:
                self._pass_on(message, header)
        except wire.NotQuack:
            self.close_connection = True
            self.send_error(400)

    def _connect(self, message: bytes, header: wire.Header) -> None:
        front = self._front()
        token = wire.first_text(message, header)
        try:
            users = front.tokens.users()
            user = user_of(token, users)
            if user is None:
                front.say("a connection was refused: unknown token")
                self._send(wire.error(NO_SUCH_USER))
                return
            worker = front.pool.take()
        except BeeldError as error:
            front.say(f"a connection was refused: {error.message}")
            self._send(wire.error(error.what))
            return
        try:
            answer = self._ask(worker, wire.with_token(message, header, worker.token)).read()
            begun = wire.header_of(answer)
        except (TookTooLong, Gone, wire.NotQuack):
            front.pool.give_back(worker)
            self._send(wire.error("the session could not be started; try again"))
            return
        if begun.kind == wire.CONNECTED:
            front.pool.bind(worker, begun.session, user, hash_of(token))
            front.say(f"{user} is connected to release {worker.release}")
        else:
            front.pool.give_back(worker)
        self._send(answer)

    def _pass_on(self, message: bytes, header: wire.Header) -> None:
        front = self._front()
        if header.kind not in (wire.PREPARE, wire.FETCH, wire.DISCONNECT):
            self._send(wire.error(ONLY_READING))
            return
        session = front.pool.enter(header.session)
        if session is None:
            self._send(wire.error(ENDED))
            return
        try:
            self._answer(session, message, header)
        finally:
            front.pool.leave(session)

    def _answer(self, session: Session, message: bytes, header: wire.Header) -> None:
        front = self._front()
        try:
            answer = self._ask(session.worker, message)
        except TookTooLong:
            front.pool.end(session, kill=True)
            front.say(f"a statement of {session.user} was stopped after {front.limits.seconds} seconds")
            self._send(wire.error(f"stopped: the statement took longer than {front.limits.seconds} seconds; attach again"))
            return
        except Gone:
            front.pool.end(session, kill=True)
            self._send(wire.error(ENDED))
            return
        if header.kind == wire.DISCONNECT:
            said = answer.read()
            front.pool.end(session, kill=False)  # before the client hears it: it may come back at once
            self._send(said)
        elif header.kind == wire.PREPARE and (answer.length or 0) < 200:
            self._send(explained(answer.read()))
        else:
            self._stream(answer)

    def _ask(self, worker: Worker, message: bytes) -> http.client.HTTPResponse:
        """The answer of a process, whose body is still to be read. TookTooLong or Gone when it does not come."""
        seconds = self._front().limits.seconds
        connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=seconds + 5)
        with ExitStack() as unless_answered:
            unless_answered.callback(connection.close)
            try:
                connection.request("POST", "/quack", message, {"Content-Type": wire.CONTENT_TYPE, "Connection": "close"})
                self._wait(cast("socket.socket", connection.sock), seconds)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Gone from error
            if answer.status != 200:
                raise Gone
            unless_answered.pop_all()
        return answer

    def _wait(self, process: socket.socket, seconds: float) -> None:
        """Until the process begins to answer; a client that hangs up does not leave its statement running."""
        until = time.monotonic() + seconds
        watched = [process, self.connection]
        while (left := until - time.monotonic()) > 0:
            ready = select.select(watched, [], [], left)[0]
            if process in ready:
                return
            if ready:
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    raise Gone
                watched = [process]  # the client has more to say; that is for later
        raise TookTooLong

    def _send(self, message: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", wire.CONTENT_TYPE)
        self.send_header("Content-Length", str(len(message)))
        self.end_headers()
        self.wfile.write(message)

    def _stream(self, answer: http.client.HTTPResponse) -> None:
        """Pass on a large answer without keeping all of it."""
        if answer.length is None:
            self._send(answer.read())
            return
        self.send_response(200)
        self.send_header("Content-Type", wire.CONTENT_TYPE)
        self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile, 2**18)

    def _front(self) -> Front:
        return cast("SqlServer", self.server).front


def explained(message: bytes) -> bytes:
    """The same answer; but where Quack only says that it is not allowed, what is."""
    header = wire.header_of(message)
    refused = header.kind == wire.ERROR and wire.first_text(message, header) == REFUSED
    return wire.error(ONLY_READING) if refused else message
