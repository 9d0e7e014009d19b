"""Real refreshes in processes that can be killed at once: everything is imported here, each run is a fork.

    in:  one JSON object per line: {"project", "home", "urls", "areas", "render", "die_before", "largest_file", "said"}
    out: the process id when the run starts, then its exit status (negative: the signal that ended it)

    in:  the same with "race": how many are to begin at once; each writes what it says in the folder "said"
    out: a JSON list of [exit status, seconds] for each

Great Expectations alone takes ten seconds to import, and forty kills need eighty runs.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - imported before the fork, so that no run pays for it

import beeld.profiles.render
import beeld.warehouse.checks  # noqa: F401
from beeld.errors import BeeldError, interrupted
from beeld.interrupts import kept_interrupts
from beeld.refresh import Options, refresh
from beeld.warehouse import release
from tests.reliability.worlds import example_settings

STEPS = ("chmod", "fsync", "mkdir", "rename", "replace", "rmdir", "symlink", "sync", "unlink")
"""Calls that change what is on disk; a run may be told to die before the n-th of them."""


def run(order: dict[str, Any]) -> int:
    """One order; the exit code that `beeld` would give."""
    settings = example_settings(Path(order["project"]), order["urls"], Path(order["home"]))
    if order.get("die_before"):
        die_before(int(order["die_before"]))
    if order.get("largest_file"):  # bytes; a write beyond it fails with EFBIG
        _largest_file(int(order["largest_file"]))
    try:
        if order.get("publish"):
            folder = Path(order["publish"])
            with release.exclusive(settings, "test"):
                release.publish(settings, folder, folder.name)
        else:
            with kept_interrupts():
                refresh(settings, Options(areas=tuple(order.get("areas", ())), render=bool(order.get("render"))))
    except BeeldError as error:
        print(error.message, file=sys.stderr, flush=True)
        if order.get("said"):
            _largest_file(resource.RLIM_INFINITY)
            Path(order["said"]).write_text(error.message, encoding="utf-8")
        return error.exit_code
    except (Exception, KeyboardInterrupt) as error:
        if interrupted(error):
            return 130
        traceback.print_exc()
        return 1
    return 0


def race(order: dict[str, Any]) -> list[tuple[int, float]]:
    """As many runs as the order says, begun at once; how each ended and how long it took."""
    gate, opener = os.pipe()
    children: list[int] = []
    for number in range(order["race"]):
        child = os.fork()
        if child == 0:
            os.close(opener)
            os.read(gate, 1)  # nothing comes: it ends when the gate is opened
            os._exit(run({**order, "said": str(Path(order["said"]) / str(number))}))
        children.append(child)
    started = time.monotonic()
    os.close(opener)
    ended: dict[int, tuple[int, float]] = {}
    while len(ended) < len(children):
        child, status = os.wait()
        ended[child] = os.waitstatus_to_exitcode(status), time.monotonic() - started
    os.close(gate)
    return [ended[child] for child in children]


def _largest_file(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def die_before(number: int) -> None:
    """This process kills itself just before its n-th call that changes the disk."""
    count = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


def main() -> None:
    """Serve orders until the input ends."""
    if threading.active_count() != 1:
        sys.exit("a thread runs before the first fork: a child could hang")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a shell ignores it
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "race" in order:
            print(json.dumps(race(order)), flush=True)
            continue
        child = os.fork()
        if child == 0:
            os._exit(run(order))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
