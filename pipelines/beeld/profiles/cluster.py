"""The workers of a Dask cluster as a crew. Nothing else here knows of Dask.

A worker needs the same `beeld` on the same Python with the same packages, which is verified, because only then the bytes are
the same. It needs no shared disk: it is sent the database of the release, and what it makes comes back as bytes which the caller
writes. A worker that is lost costs the jobs it had, which others do again. A cluster that is lost ends the work with one message.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import re
import shutil
import tempfile
import threading
import time
import zlib
from asyncio import CancelledError as TaskCancelled
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

from beeld import METHOD_VERSION
from beeld.errors import BeeldError, ClusterLost, UsageError
from beeld.profiles.spread import Desk, J, Opened, R, moved
from beeld.transforms.catalog import Catalog
from beeld.warehouse.inputs import code_digest

try:
    import distributed
    from dask.config import set as configured
    from distributed.client import ClosedClientError
    from distributed.comm import core
except ModuleNotFoundError as error:
    raise UsageError(
        "BEELD_DASK is set, and Dask is not installed", todo="Install requirements-dask.lock, or beeld[dask], or leave it out"
    ) from error

CONNECT = 10.0
"""Seconds in which a scheduler has to answer."""
WORKERLESS = 60.0
"""Seconds that a cluster may be without any worker: starting one takes some."""
HANDING_OUT = 300.0
"""Seconds in which all workers have to have the release, and in which the answer of one job has to come over."""
LOOK = 5.0
"""Seconds of waiting for a job after which it is asked whether the cluster is still there."""
AHEAD = 3
"""Jobs that are given out at once, per thread of the cluster: what is done waits for what comes before it."""
CONFIGURATION = {
    "distributed.comm.timeouts.connect": f"{CONNECT:.0f}s",
    "distributed.comm.timeouts.tcp": "30s",
    "distributed.admin.large-graph-warning-threshold": "1GB",
}
LOGGERS = ("distributed", "distributed.client", "distributed.core", "tornado.application", "asyncio")

T = TypeVar("T")
LOST = (OSError, CancelledError, TaskCancelled, ClosedClientError)
"""What Dask raises when a scheduler is gone; a time-out is an OSError too."""
STRANGE = (*LOST, AssertionError, RuntimeError, ValueError, TypeError, EOFError, MemoryError)
"""What it raises beside these when something else answers, or when the certificates for TLS are wrong."""

SILENT = "nothing that answers as a Dask scheduler"
UNSENT = "the release could not be handed out"


def fingerprint() -> dict[str, str]:
    """What decides the bytes that are made of a release: code, method, Python, and the packages that `beeld` asks for."""
    asked = [line for line in metadata.requires("beeld") or [] if "extra ==" not in line]
    names = sorted({found[0] for line in asked if (found := re.match(r"[A-Za-z0-9._-]+", line))})
    own = {"beeld": code_digest(), "method": METHOD_VERSION, "zlib": zlib.ZLIB_RUNTIME_VERSION, "machine": platform.machine()}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **own, **{name: metadata.version(name) for name in names}}


@contextmanager
def connected(address: str) -> Generator[distributed.Client]:
    """A client of a cluster that has workers; ClusterLost when there is no scheduler or no worker comes."""
    with _quiet(), configured(CONFIGURATION):
        client = _within(2 * CONNECT, address, SILENT, partial(_client, address))
        try:
            _within(WORKERLESS + CONNECT, address, SILENT, partial(_await_worker, client, address))
            yield client
        finally:
            with suppress(BeeldError):
                _within(2 * CONNECT, address, SILENT, partial(client.close, timeout=CONNECT))


def _client(address: str) -> distributed.Client:
    try:
        asyncio.run(asyncio.wait_for(_greeting(address), CONNECT))
        return distributed.Client(address, timeout=CONNECT, set_as_default=False)
    except STRANGE as error:
        raise _lost(address, f"{SILENT} ({_said(error)})") from error


async def _greeting(address: str) -> None:
    """Something that speaks Dask answers; a client would wait for a silent one without end."""
    security = cast("Any", distributed.Security()).get_connection_args("client")
    comm = await cast("Any", core).connect(address, timeout=CONNECT, **security)
    await comm.close()


def _await_worker(client: distributed.Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERLESS)
    except TimeoutError as error:
        raise _lost(address, f"no worker within {WORKERLESS:.0f} s") from error


@contextmanager
def joined(address: str, desk: Desk) -> Generator[There]:
    """The workers of the cluster, each with the release of `desk`. UsageError when one of them has other versions."""
    with connected(address) as client:
        body = desk.opened.warehouse.read_bytes()
        name = f"beeld-{sha256(body).hexdigest()[:16]}-{client.id}"
        bench = Bench(fingerprint(), desk.opened.catalog, desk.given, body)
        try:
            _within(HANDING_OUT, address, UNSENT, partial(cast("Any", client).register_plugin, bench, name=name))
            yield There(client, address, name, desk.folder)
        finally:
            with suppress(BeeldError):
                if client.status == "running":
                    _within(CONNECT, address, UNSENT, partial(cast("Any", client).unregister_worker_plugin, name))


@dataclass
class There:
    """The workers of a cluster."""

    client: distributed.Client
    address: str
    name: str
    folder: Path
    _workerless: float | None = field(default=None, init=False)

    def map(self, function: Callable[[Desk, J], R], jobs: Sequence[J], processes: int) -> Iterator[R]:
        """See `spread.Crew`; `processes` is of no meaning here. ClusterLost when the scheduler or every worker is gone."""
        ahead = AHEAD * max(2, sum(self._threads().values()))
        todo, given = iter(jobs), deque[Any]()
        while True:
            given.extend(self._give(function, job) for job in islice(todo, ahead - len(given)))
            if not given:
                return
            answer, files = self._answer(given.popleft())
            write(files, self.folder)
            yield answer

    def _give(self, function: Callable[[Desk, J], R], job: J) -> Any:
        present = {path.relative_to(self.folder).as_posix(): b"" for path in job.finds}
        present |= {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in job.reads}
        return self._asked(lambda: self.client.submit(do, self.name, function, job, self.folder, present, pure=False))

    def _answer(self, future: Any) -> Any:
        while True:
            try:
                with self.client.as_current():
                    distributed.wait(future, timeout=LOOK)
                break
            except TimeoutError:
                self._look()
            except LOST as error:
                raise _lost(self.address, "the connection was lost") from error
        if future.status == "error":
            raise self._failure(future.exception(timeout=HANDING_OUT))
        return self._asked(lambda: future.result(timeout=HANDING_OUT))

    def _failure(self, error: BaseException) -> BaseException:
        if isinstance(error, distributed.KilledWorker):
            return _lost(self.address, "several workers ended at the same job, as they do without enough memory")
        return error

    def _look(self) -> None:
        """ClusterLost when the scheduler does not answer, or has been without workers for too long."""
        if self._threads():
            self._workerless = None
            return
        since = self._workerless = self._workerless or time.monotonic()
        if time.monotonic() - since > WORKERLESS:
            raise _lost(self.address, f"every worker is gone, and none came within {WORKERLESS:.0f} s")

    def _threads(self) -> dict[str, int]:
        client: Any = self.client
        return self._asked(partial(client.sync, client.scheduler.ncores, callback_timeout=CONNECT))

    def _asked(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except LOST as error:
            raise _lost(self.address, f"the connection was lost ({_said(error)})") from error


# ---------------------------------------------------------------- at a worker


class Bench(distributed.WorkerPlugin):
    """What a worker works at, also one that comes later: the release, in a folder of the worker itself.

    The threads of a worker take turns: drawing and typesetting are not made for several at once.
    """

    def __init__(self, expected: Mapping[str, str], catalog: Catalog, given: Mapping[str, Any], body: bytes) -> None:
        self.expected = dict(expected)
        self.catalog = catalog
        self.given = given
        self.body = body
        self.refusal: str | None = None

    def setup(self, worker: Any) -> None:
        """Write the release to disk; UsageError when this worker would make other bytes of it."""
        self.turn = threading.Lock()
        here = fingerprint()
        other = [
            f"{name} {here.get(name)} instead of {wanted}" for name, wanted in self.expected.items() if here.get(name) != wanted
        ]
        if other:
            self.body, self.refusal = b"", f"worker {worker.address} has other versions: {', '.join(other[:5])}"
            raise self.refused()
        self.folder = Path(tempfile.mkdtemp(prefix="beeld-", dir=worker.local_directory))
        warehouse = self.folder / "release.duckdb"
        warehouse.write_bytes(self.body)
        self.body = b""
        self.opened = Opened(warehouse, self.catalog)

    def refused(self) -> UsageError:
        """Why nothing is made here."""
        return UsageError(self.refusal or "", todo="Install the same beeld from the same requirements-dask.lock there")

    def teardown(self, worker: Any) -> None:
        """Leave nothing behind."""
        if self.refusal is None:
            self.opened.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def do(
    name: str, function: Callable[[Desk, J], R], job: J, folder: Path, present: Mapping[str, bytes]
) -> tuple[R, dict[str, bytes]]:
    """Do one job at a worker: its answer, with paths in the caller's `folder`, and what it wrote by path in that folder."""
    bench: Bench = distributed.get_worker().plugins[name]  # type: ignore[assignment]
    with bench.turn:
        if bench.refusal is not None:
            raise bench.refused()
        with tempfile.TemporaryDirectory(dir=bench.folder) as place:
            here = Path(place)
            write(present, here)
            desk = Desk(bench.opened, {**bench.given, "folder": here})
            answer: R = moved(function(desk, moved(job, folder, here)), here, folder)
            made = {path.relative_to(here).as_posix(): path for path in sorted(here.rglob("*")) if path.is_file()}
            return answer, {path: file.read_bytes() for path, file in made.items() if path not in present}


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files by their path in `folder`; ValueError for a path that leads out of it."""
    for path, body in files.items():
        target = folder / path
        if not target.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"a worker returned a file outside the site: {path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)


# ---------------------------------------------------------------- failing


def _lost(address: str, what: str) -> ClusterLost:
    return ClusterLost(
        f"Dask cluster: {what}",
        where=address,
        kept="Nothing that was published has changed",
        todo="Start it and try again, or leave BEELD_DASK out to work on this machine",
    )


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _within(seconds: float, address: str, what: str, call: Callable[[], T]) -> T:
    """The answer to a call that has no time-out of its own; ClusterLost with `what` when it fails or takes longer."""
    answers: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if answers:
        return answers[0]
    if not failures:
        raise _lost(address, f"{what} (no answer within {seconds:g} s)")
    (error,) = failures
    if isinstance(error, BeeldError):
        raise error
    if isinstance(error, ImportError):
        raise UsageError(f"a worker of {address} has no beeld ({error})", todo="Install the same beeld there") from error
    raise _lost(address, f"{what} ({_said(error)})") from error


@contextmanager
def _quiet() -> Generator[None]:
    """Dask logs what it meets underway; here one message says how it ended."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
