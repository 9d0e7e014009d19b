"""Refreshes in processes of their own, that are killed or that meet a full disk: what the tests of crashes share."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beeld.warehouse import release
from tests.loopback import LoopbackServer

ROOT = Path(__file__).parents[2]


class ForkServer:
    """Refreshes in processes of their own, started at once."""

    def __init__(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("COV", "BEELD_"))},
            "PYTHONPATH": os.pathsep.join(["pipelines", "."]),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "GX_ANALYTICS_ENABLED": "false",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.fork_server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that the server says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def start(self, **order: object) -> int:
        """Start a run; its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.line())

    def ended(self) -> int:
        """Wait for the run; its exit code, negative for a signal."""
        return int(self.line())

    def run(self, **order: object) -> int:
        """Start a run and wait for it."""
        self.start(**order)
        return self.ended()

    def race(self, **order: object) -> list[tuple[int, float]]:
        """Several runs begun at once: exit code and seconds of each."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return [(status, seconds) for status, seconds in json.loads(self.line())]

    def close(self) -> None:
        """Stop the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def fork_servers(number: int) -> Iterator[list[ForkServer]]:
    """So many fork servers, ready, and stopped at the end."""
    servers = [ForkServer() for _ in range(number)]
    try:
        assert {server.line() for server in servers} == {"ready"}
        yield servers
    finally:
        for server in servers:
            server.close()


def order(home: Path, project: Path, server: LoopbackServer) -> dict[str, object]:
    """What a run needs to know."""
    return {"project": str(project), "home": str(home), "urls": server.environment}


def no_litter(home: Path) -> None:
    """Nothing of an interrupted run is left, after the next one."""
    assert {path.name for path in (home / "bouw").iterdir()} <= {"bouw.duckdb"}, "the build database of the run that just ended"
    assert sorted(path.name for path in home.iterdir()) == [".slot", "bouw", "current", "releases", "ruw"]
    assert list((home / "ruw").rglob("*.tmp")) == []
    assert [path for path in (home / "releases").iterdir() if path.is_dir() and not release.is_complete(path)] == []
