"""A piece of work in a process that is killed: just before one of its calls that change the disk, or when something is seen."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

STEPS = ("chmod", "fsync", "mkdir", "open", "rename", "replace", "rmdir", "symlink", "sync", "unlink")


def die_before(step: int, work: Callable[[], object]) -> int:
    """Do the work in a process that kills itself before its n-th such call; how it ended: 0, 1 or minus the signal."""
    child = os.fork()
    if child == 0:
        _count(step)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_when(seen: Callable[[], object], work: Callable[[], object]) -> None:
    """Do the work in a process that is killed as soon as `seen`; AssertionError when that is not within ten seconds."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    try:
        end = time.monotonic() + 10
        while not seen():
            assert time.monotonic() < end, "the work did not come to where it is to be killed"
            time.sleep(0.01)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _count(step: int) -> None:
    count = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def one(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return one

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
