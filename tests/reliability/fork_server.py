"""Real refreshes in processes that can be killed at once: everything is imported here, each run is a fork.

    in:  one JSON object per line: {"project", "home", "urls", "areas", "render", "die_before", "largest_file", "said"}
    out: the process id when the run starts, then its exit status (negative: the signal that ended it)

Great Expectations alone takes ten seconds to import, and forty kills need eighty runs.
"""

import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - imported before the fork, so that no run pays for it

import beeld.profiles.render
import beeld.warehouse.checks  # noqa: F401
from beeld.errors import BeeldError
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
            refresh(settings, Options(areas=tuple(order.get("areas", ())), render=bool(order.get("render"))))
    except BeeldError as error:
        print(error.message, file=sys.stderr, flush=True)
        if order.get("said"):
            _largest_file(resource.RLIM_INFINITY)
            Path(order["said"]).write_text(error.message, encoding="utf-8")
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return 1
    return 0


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
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(run(json.loads(line)))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
