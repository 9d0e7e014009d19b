"""Sessions and the processes that serve them: one session, one process, one release.

A process is started ahead, so that a client does not wait; it serves one session after another while its release is current, and
ends when a newer release is. The session that it has at that moment keeps it, until the client leaves or is silent for too long.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from beeld.errors import Busy, Damaged
from beeld.settings import Limits
from beeld.warehouse.read import warehouse_file
from beeld.warehouse.retention import using
from beeld.warehouse.serve.worker import Order

SPARE = 1
START_SECONDS = 30.0
KEEP_IDLE_WORKER = 60.0
SILENT_SECONDS = 3600.0
SILENT_SECONDS_OLD_RELEASE = 900.0
MAY_BE_TAKEN_AFTER = 60.0


@dataclass(eq=False)
class Worker:
    """A running process with one release."""

    process: subprocess.Popen[str]
    release: str
    token: str = field(repr=False)
    port: int
    idle_since: float
    in_use: ExitStack = field(default_factory=ExitStack, repr=False)
    """Keeps its release from being cleared away as long as it runs."""

    def end(self) -> None:
        """Stop it, whatever it is doing."""
        self.in_use.close()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue


@dataclass(eq=False)
class Session:
    """A client that is connected."""

    number: str = field(repr=False)
    worker: Worker
    user: str
    proof: str = field(repr=False)
    """The hash of the token that it came in with."""
    used: float
    busy: int = 0


def start_worker(release: Path, limits: Limits) -> Worker:
    """Start a process for a release and wait until it listens; Damaged when the release cannot be opened."""
    token = secrets.token_hex(32)
    in_use = ExitStack()
    in_use.enter_context(using(release))
    order = Order(str(warehouse_file(release)), token, limits.memory_mb, min(2, os.cpu_count() or 1))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "beeld.warehouse.serve.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the front, which then ends its processes itself
    )
    worker = Worker(process, release.name, token, 0, time.monotonic(), in_use)
    try:
        if process.stdin is not None and process.stdout is not None:
            process.stdin.write(order.as_line())
            process.stdin.flush()
            answer = _answer(process.stdout)
        else:
            answer = {}
    except OSError:
        answer = {}
    if "port" not in answer:
        worker.end()
        raise Damaged(
            f"cannot be served: {answer.get('error', 'its process did not start')}", where=release.name, todo="Run 'beeld check'"
        )
    worker.port = int(answer["port"])
    return worker


def _answer(stream: IO[str]) -> dict[str, Any]:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(START_SECONDS):
            return {"error": f"it did not start within {START_SECONDS:.0f} seconds"}
    line = stream.readline()
    return json.loads(line) if line else {}


class Pool:
    """Every process and session of `beeld serve`; may be used from several threads at once."""

    def __init__(self, current: Callable[[], Path], limits: Limits) -> None:
        self._current = current
        self._limits = limits
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._sessions: dict[str, Session] = {}
        self._places = 0
        """Processes that serve a session or are being started for one."""
        self._closed = False

    def take(self) -> Worker:
        """A process with the current release, for one session. Busy when there are as many sessions as there may be."""
        release = self._current()
        with self._lock:
            if self._closed:
                raise Busy("beeld serve is stopping")
            if self._places >= self._limits.sessions and (quiet := self._quietest()) is not None:
                self._forget(quiet)
            if self._places >= self._limits.sessions:
                raise Busy(f"all {self._limits.sessions} sessions are in use", todo="Try again in a moment")
            self._places += 1
            ready = next((worker for worker in self._idle if worker.release == release.name), None)
            if ready is not None:
                self._idle.remove(ready)
        if ready is not None and ready.process.poll() is None:
            return ready
        try:
            if ready is not None:
                ready.end()
            return start_worker(release, self._limits)
        except BaseException:
            with self._lock:
                self._places -= 1
            raise

    def bind(self, worker: Worker, number: str, user: str, proof: str) -> None:
        """A session has begun in a process that `take` gave."""
        with self._lock:
            self._sessions[number] = Session(number, worker, user, proof, time.monotonic())

    def give_back(self, worker: Worker) -> None:
        """No session came of it."""
        with self._lock:
            self._places -= 1
        worker.end()

    def enter(self, number: str) -> Session | None:
        """The session of a request that begins now; None when there is none of this number (any more)."""
        with self._lock:
            session = self._sessions.get(number)
            if session is not None:
                session.busy += 1
            return session

    def leave(self, session: Session) -> None:
        """The request has ended."""
        with self._lock:
            session.busy -= 1
            session.used = time.monotonic()

    def end(self, session: Session, *, kill: bool) -> None:
        """The session is over; its process may serve another one unless `kill`."""
        with self._lock:
            if kill:
                self._forget(session)
            elif self._sessions.pop(session.number, None) is not None:
                self._places -= 1
                session.worker.idle_since = time.monotonic()
                self._idle.append(session.worker)

    def count(self) -> tuple[int, int]:
        """How many sessions there are, and how many requests they are waiting for."""
        with self._lock:
            return len(self._sessions), sum(session.busy for session in self._sessions.values())

    def tidy(self, users: Mapping[str, str]) -> None:
        """What has to happen now and then: end what is old, silent or of a user who is gone, and start a process ahead."""
        release, now = self._current(), time.monotonic()
        with self._lock:
            for session in list(self._sessions.values()):
                allowed = SILENT_SECONDS if session.worker.release == release.name else SILENT_SECONDS_OLD_RELEASE
                silent = session.busy == 0 and now - session.used > allowed
                if silent or users.get(session.user) != session.proof or session.worker.process.poll() is not None:
                    self._forget(session)
            old = [w for w in self._idle if w.release != release.name or w.process.poll() is not None]
            fresh = [w for w in self._idle if w not in old]
            surplus = [w for w in fresh[SPARE:] if now - w.idle_since > KEEP_IDLE_WORKER]
            self._idle = [w for w in fresh if w not in surplus]
            wanting = not self._closed and len(self._idle) < SPARE and self._places < self._limits.sessions
        for worker in (*old, *surplus):
            worker.end()
        if wanting:
            self._add_spare(start_worker(release, self._limits))

    def end_all(self) -> None:
        """End every session: who may have one cannot be told any more."""
        with self._lock:
            for session in list(self._sessions.values()):
                self._forget(session)

    def close(self) -> None:
        """End every session and every process."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        self.end_all()
        for worker in idle:
            worker.end()

    def _add_spare(self, worker: Worker) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.end()

    def _quietest(self) -> Session | None:
        """The session that was silent longest, if it has been for a while; the lock is held."""
        limit = time.monotonic() - MAY_BE_TAKEN_AFTER
        silent = [session for session in self._sessions.values() if session.busy == 0 and session.used < limit]
        return min(silent, key=lambda session: session.used, default=None)

    def _forget(self, session: Session) -> None:
        """End a session and its process; the lock is held."""
        if self._sessions.pop(session.number, None) is not None:
            self._places -= 1
            session.worker.end()
