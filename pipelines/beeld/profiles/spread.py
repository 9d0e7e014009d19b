"""One map over areas: by this process, by a pool of processes on this machine, or by the workers of a Dask cluster.

Who does the work is a matter of settings; the files that come out are the same, byte for byte.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import duckdb

from beeld.profiles.reading import ReleaseData, load_release
from beeld.profiles.site import Site
from beeld.transforms.catalog import Catalog
from beeld.warehouse.read import open_warehouse


class Opened:
    """A release in the hands of one process: opened and read when that is first needed."""

    def __init__(self, warehouse: Path, catalog: Catalog) -> None:
        self.warehouse = warehouse
        self.catalog = catalog

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        """A read-only connection of this process."""
        return open_warehouse(self.warehouse)

    @cached_property
    def data(self) -> ReleaseData:
        """What pages say of the release as a whole; reading it takes seconds."""
        return load_release(self.con, self.catalog)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if "con" in self.__dict__:
            self.con.close()


@dataclass(frozen=True)
class Desk:
    """Where one job is done at a time: a release, and the site that it belongs to (`given`: its fields but `data`)."""

    opened: Opened
    given: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where the files of the site are written."""
        return cast("Path", self.given["folder"])

    @property
    def language(self) -> str:
        """In which the site is written; whoever does a job speaks it."""
        return str(self.given["language"])

    @cached_property
    def site(self) -> Site:
        """The site, with the data of the release."""
        return Site(data=self.opened.data, **self.given)


class Job(Protocol):
    """What is done at once: some areas. It travels to other processes, and so does its answer."""

    @property
    def reads(self) -> Sequence[Path]:
        """The files of the site that it reads: those that earlier jobs wrote."""
        ...

    @property
    def finds(self) -> Sequence[Path]:
        """The files of the site of which it only sees that they are there."""
        ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")


class Crew(Protocol):
    """Whoever does the work."""

    def map(self, function: Callable[[Desk, J], R], jobs: Sequence[J], processes: int) -> Iterator[R]:
        """The answers in the order of the jobs; what a job wrote stands in the folder of the site when its answer comes.

        `processes`: what this machine should spend on it, where it is this machine that does it.
        """
        ...


@contextmanager
def crew(desk: Desk, cluster: str | None) -> Generator[Crew]:
    """The workers of the Dask cluster at this address, and without one this machine."""
    if cluster is None:
        yield Here(desk)
        return
    from beeld.profiles.cluster import joined  # late: dask takes a second, and is not installed everywhere

    with joined(cluster, desk) as there:
        yield there


def reach(cluster: str) -> None:
    """Say before long work that its cluster is not there: ClusterLost when nothing answers or it has no workers."""
    from beeld.profiles.cluster import connected

    with connected(cluster):
        pass


@dataclass(frozen=True)
class Here:
    """This machine: this process at its own desk, or a pool of processes with a desk each."""

    desk: Desk

    def map(self, function: Callable[[Desk, J], R], jobs: Sequence[J], processes: int) -> Iterator[R]:
        """See `Crew`. A process starts anew (spawn), because a fork of a process with threads can hang."""
        if processes < 2:
            yield from (function(self.desk, job) for job in jobs)
            return
        opened = self.desk.opened
        order = (os.getpid(), opened.warehouse, opened.catalog, self.desk.given)
        with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_open_desk, initargs=order) as pool:
            yield from pool.map(partial(_at_desk, function), jobs)


_desks: list[Desk] = []
"""In a process of a pool: its desk."""


def _open_desk(parent: int, warehouse: Path, catalog: Catalog, given: Mapping[str, Any]) -> None:
    _end_with_parent(parent)
    _desks[:] = [Desk(Opened(warehouse, catalog), given)]


def _at_desk(function: Callable[[Desk, J], R], job: J) -> R:
    return function(_desks[0], job)


def _end_with_parent(parent: int) -> None:
    """Make this process end when the one that started it is gone: an orphan would go on drawing into a folder of a later run."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def given_of(site: Site) -> dict[str, Any]:
    """The fields of a site but its data, which every process reads from the release itself."""
    return {each.name: getattr(site, each.name) for each in fields(site) if each.name != "data"}


def moved(value: Any, old: Path, new: Path) -> Any:
    """The same value with each path in folder `old` as the path in `new`; looks into lists, tuples, mappings and dataclasses."""
    if isinstance(value, Path):
        return new / value.relative_to(old) if value.is_relative_to(old) else value
    if isinstance(value, (list, tuple)):
        items = [moved(item, old, new) for item in cast("Sequence[Any]", value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, Mapping):
        return {key: moved(item, old, new) for key, item in cast("Mapping[Any, Any]", value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: moved(getattr(value, each.name), old, new) for each in fields(value) if each.init})
    return value
