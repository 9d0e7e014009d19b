"""Jobs in threads, a few per group at a time; what they gave comes back in the order of the jobs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Result = TypeVar("Result")
PATIENCE = 2.0
"""Seconds that an interrupted run waits for its threads; they are daemons, so none keeps the process alive."""


class Interrupted(Exception):
    """The run that this thread works for was interrupted: it ends without keeping anything."""


def run_side_by_side(
    jobs: Sequence[tuple[Hashable, Callable[[], Result]]], per_group: int, stop: threading.Event
) -> list[Result | Exception]:
    """Do every job, at most `per_group` of a group at a time; the result of a job, or the exception that it ended with.

    An interrupt (KeyboardInterrupt, SystemExit) sets `stop`, on which the jobs at hand should end, and is raised at once.
    """
    outcomes: list[Result | Exception] = [Interrupted() for _ in jobs]
    queues: dict[Hashable, deque[int]] = {}
    for number, (group, _) in enumerate(jobs):
        queues.setdefault(group, deque()).append(number)
    threads = [
        threading.Thread(target=_work, args=(jobs, queue, outcomes, stop), daemon=True, name=f"fetch {group}")
        for group, queue in queues.items()
        for _ in range(min(per_group, len(queue)))
    ]
    started: list[threading.Thread] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        for thread in threads:
            thread.join()
    except BaseException:
        stop.set()
        for thread in started:
            thread.join(PATIENCE / len(threads))
        raise
    return outcomes


def _work(
    jobs: Sequence[tuple[Hashable, Callable[[], Result]]],
    queue: deque[int],
    outcomes: list[Result | Exception],
    stop: threading.Event,
) -> None:
    """Do the jobs of a queue until it is empty."""
    while not stop.is_set():
        try:
            number = queue.popleft()
        except IndexError:
            return
        try:
            outcomes[number] = jobs[number][1]()
        except Exception as error:
            outcomes[number] = error
