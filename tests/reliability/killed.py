"""A piece of work in a process that is killed just before one of its calls that change the disk."""

import os
import signal
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
