"""A Dask cluster of processes of this machine: a scheduler, and workers that a test can end one by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STARTING = 60.0
"""Seconds after which a scheduler that did not start is a failure."""


@dataclass
class LocalDask:
    """A running scheduler and its workers, each a process with one thread and no nanny: what is killed stays dead."""

    folder: Path
    scheduler: subprocess.Popen[bytes]
    address: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> subprocess.Popen[bytes]:
        """One worker more; it joins when it has started."""
        words = ["worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder)]
        self.workers.append(start(self.folder, f"worker-{len(self.workers)}", words))
        return self.workers[-1]


def start(folder: Path, name: str, words: list[str]) -> subprocess.Popen[bytes]:
    """A process of `dask` with its messages in a file of `folder`."""
    with (folder / f"{name}.log").open("wb") as log:
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith("BEELD_")}
        return subprocess.Popen([sys.executable, "-m", "dask", *words], stdout=log, stderr=log, cwd=folder, env=surroundings)


@contextmanager
def local_dask(folder: Path, workers: int = 2) -> Generator[LocalDask]:
    """A cluster on loopback; every process of it that still lives ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    where = folder / "scheduler.json"
    words = [
        "scheduler",
        "--host",
        "tcp://127.0.0.1",
        "--port",
        "0",
        "--dashboard-address",
        "127.0.0.1:0",
        "--scheduler-file",
        str(where),
    ]
    scheduler = start(folder, "scheduler", words)
    made = LocalDask(folder, scheduler, "")
    try:
        made.address = address_in(where, scheduler)
        for _ in range(workers):
            made.add_worker()
        yield made
    finally:
        for process in (*made.workers, scheduler):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(30)


def address_in(file: Path, scheduler: subprocess.Popen[bytes]) -> str:
    """The address that a scheduler wrote when it had started."""
    until = time.monotonic() + STARTING
    while time.monotonic() < until and scheduler.poll() is None:
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError("the scheduler did not start: " + (file.parent / "scheduler.log").read_text(encoding="utf-8")[-2000:])
