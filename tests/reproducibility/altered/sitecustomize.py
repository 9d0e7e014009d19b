"""Loaded by every Python process that has this folder in PYTHONPATH: a machine that differs in ways that no variable gives.

ALTERED_THREADS: how many cores the machine seems to have, for Python and for DuckDB. ALTERED_ORDER=reversed: folders are listed
from z to a, so that whatever forgets to sort shows.
"""

import os
from collections.abc import Iterator
from typing import Any, Self

THREADS = os.environ.get("ALTERED_THREADS")
ORDER = os.environ.get("ALTERED_ORDER")


def seem_to_have(threads: int) -> None:
    """Let this process believe that the machine has so many cores."""
    import duckdb

    os.cpu_count = lambda: threads
    os.sched_getaffinity = lambda _pid: set(range(threads))
    really = duckdb.connect

    def connect(database: Any = ":memory:", read_only: bool = False, config: Any = None) -> duckdb.DuckDBPyConnection:
        return really(database, read_only, {"threads": threads, **(config or {})})

    duckdb.connect = connect


class Turned:
    """What `os.scandir` gives, in the opposite order of the names."""

    def __init__(self, entries: Any) -> None:
        with entries:
            self._entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=True))

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open any more."""


def list_from_z_to_a() -> None:
    """Let this process see the contents of folders in the opposite order of their names."""
    listdir: Any = os.listdir
    scandir: Any = os.scandir

    def names(*path: Any) -> list[Any]:
        return sorted(listdir(*path), reverse=True)

    def entries(*path: Any) -> Any:
        return Turned(scandir(*path))

    os.listdir, os.scandir = names, entries


if THREADS:
    seem_to_have(int(THREADS))
if ORDER == "reversed":
    list_from_z_to_a()
