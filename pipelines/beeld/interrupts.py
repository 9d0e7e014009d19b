"""Ctrl-C is not lost: Python drops a KeyboardInterrupt that is raised in a destructor or in a weak reference's callback."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

AGAIN_SECONDS = 0.05
"""How long after it was dropped an interrupt is raised again: the callback has returned by then."""


@contextmanager
def kept_interrupts() -> Generator[None]:
    """Within it, an interrupt that Python drops (it only tells `sys.unraisablehook`) is raised again until it is heard."""
    report = sys.unraisablehook
    with ExitStack() as at_end:

        def hook(dropped: sys.UnraisableHookArgs) -> None:
            if not issubclass(dropped.exc_type, KeyboardInterrupt):
                report(dropped)
                return
            timer = threading.Timer(AGAIN_SECONDS, _interrupt)
            timer.daemon = True
            at_end.callback(timer.cancel)
            timer.start()

        sys.unraisablehook = hook
        at_end.callback(setattr, sys, "unraisablehook", report)
        yield


def _interrupt() -> None:
    """Ctrl-C for the main thread, which may be asleep."""
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGINT)
