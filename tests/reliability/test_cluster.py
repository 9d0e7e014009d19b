"""Rendering on a Dask cluster: the bytes of a local run, whichever worker is lost, and one message when the cluster is lost."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from beeld.errors import ClusterLost, UsageError
from beeld.profiles import cluster, render, spread
from beeld.profiles.maps.picture import MapPicture
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.read import warehouse_file
from tests.benchmarks import bench_cluster
from tests.reliability.dask_cluster import LocalDask, local_dask
from tests.reliability.worlds import CommandLine, World

AREAS = ("WK900101", "BU90010101", "BU90010102")
FORMATS = ("html", "pdf", "pptx")
"""HTML links the pictures that it finds; PDF and slides take them in: they have to travel."""


@dataclass(frozen=True)
class Example:
    """A release of the small example, and its pages as this machine makes them."""

    warehouse: Path
    catalog: Catalog
    project: Path
    local: Path

    def render(self, out: Path, **given: Any) -> list[Path]:
        """The same site in another folder."""
        whole = {"areas": AREAS, "formats": FORMATS, "project": self.project, "catalog": self.catalog, **given}
        return render.render_site(self.warehouse.parent, self.warehouse, out, **whole)


@pytest.fixture(scope="module")
def example(small_template: Path, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = (small_template / "current").resolve()
    catalog = load_catalog(example_project_folder, small_template, example=True)
    made = Example(warehouse_file(folder), catalog, example_project_folder, tmp_path_factory.mktemp("hier") / "site")
    made.render(made.local)
    return made


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDask]:
    with local_dask(tmp_path_factory.mktemp("dask")) as running:
        yield running


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_same(one: Path, other: Path) -> None:
    left, right = files(one), files(other)
    assert list(left) == list(right)
    assert [name for name in left if left[name] != right[name]] == []


ASKING = """
import sys
from beeld.errors import BeeldError
from beeld.profiles import cluster
cluster.CONNECT = 0.5
try:
    with cluster.connected(sys.argv[1]):
        pass
except BeeldError as error:
    print(error.message)
    sys.exit(error.exit_code)
"""


# ---------------------------------------------------------------- the same bytes, whoever is lost (one cluster, in this order)


def test_same_bytes_with_a_worker_killed_and_another_that_came_later(
    example: Example, dask: LocalDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two workers one is killed while both are at work; the third, which joins halfway, finishes what is left."""
    monkeypatch.setattr(render, "STACK", 1)
    monkeypatch.setattr(cluster, "AHEAD", 1)
    said: list[str] = []

    def progress(message: str) -> None:
        said.append(message)
        if message == "kaarten: 1 van 1 gemeenten":
            dask.workers[0].kill()
            dask.add_worker()
        elif message == "profielen: 1 van 3":
            dask.workers[1].kill()

    written = example.render(tmp_path / "site", cluster=dask.address, progress=progress)
    assert_same(example.local, tmp_path / "site")
    assert said[:4] == ["kaarten: 1 van 1 gemeenten", *(f"profielen: {n} van 3" for n in range(1, 4))]
    assert [process.poll() is None for process in dask.workers] == [False, False, True]
    assert len([path for path in written if path.name == "profiel.pdf"]) == len(AREAS)
    assert [path for path in written if not path.is_file()] == []
    left = [path for path in dask.folder.rglob("release.duckdb") if "beeld-" in path.parent.name]
    assert len(left) <= 2, "the worker that lives removed its copy of the release"


def test_other_versions_are_refused(
    example: Example, dask: LocalDask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beeld: CommandLine, world: World
) -> None:
    """A worker with another matplotlib would make other bytes: exit 2, and the message names worker and package."""
    ours = cluster.fingerprint()
    assert {"matplotlib", "typst", "duckdb", "python", "beeld", "method"} <= ours.keys()
    monkeypatch.setattr(cluster, "fingerprint", lambda: {**ours, "matplotlib": "0.0.0"})
    ended = beeld(replace(world.settings, cluster=dask.address), "render", "BU90010101")
    assert ended.code == 2
    assert f"matplotlib {ours['matplotlib']} instead of 0.0.0" in ended.err
    assert "worker tcp://127.0.0.1" in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_scheduler_that_is_killed_ends_in_one_message(
    example: Example, dask: LocalDask, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def progress(_message: str) -> None:
        dask.scheduler.kill()

    capfd.readouterr()
    began = time.monotonic()
    with pytest.raises(ClusterLost, match="Dask cluster: the connection was lost") as lost:
        example.render(tmp_path / "site", cluster=dask.address, progress=progress, formats=("html",))
    assert time.monotonic() - began < 40
    assert dask.address in lost.value.message
    assert lost.value.exit_code == 1
    assert capfd.readouterr().err == ""


def test_no_scheduler_ends_in_one_message(
    dask: LocalDask, world: World, beeld: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`beeld refresh` says so before it asks any source for anything."""
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    dask.scheduler.kill()
    settings = replace(world.settings, cluster=dask.address)
    for words in (("render", "BU90010101"), ("refresh", "--area", "BU90010101")):
        ended = beeld(settings, *words)
        assert ended.code == 1
        (line,) = ended.err.strip().splitlines()
        assert line.startswith(f"beeld: {dask.address}: Dask cluster: nothing that answers as a Dask scheduler")
    assert world.server.log == []


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_something_else_at_the_address_is_no_scheduler(greeting: bytes) -> None:
    """A service that speaks first, and one that says nothing as a frozen scheduler does: the process ends by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def answer() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                    kept[-1].sendall(greeting)
                except OSError:
                    return

        threading.Thread(target=answer, daemon=True).start()
        words = [sys.executable, "-c", ASKING, f"tcp://127.0.0.1:{server.getsockname()[1]}"]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
        server.shutdown(socket.SHUT_RDWR)
        for each in kept:
            each.close()
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "Dask cluster: nothing that answers as a Dask scheduler" in ended.stdout


@pytest.mark.nightly
def test_twenty_gemeenten_survive_a_killed_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of a pool on this machine, from two workers of which one is killed at a tenth of the maps."""
    made = bench_cluster.country(tmp_path, 20, 4)
    gemeenten = {code[2:6] for code in made.areas}
    assert len(gemeenten) == 20
    made.render(tmp_path / "hier", 2)
    given = render.render_site
    with local_dask(tmp_path / "dask") as running:

        def progress(message: str) -> None:
            if message == "kaarten: 2 van 20 gemeenten":
                running.workers[0].kill()

        monkeypatch.setattr(render, "render_site", lambda *a, **k: given(*a, **{**k, "progress": progress}))
        made.render(tmp_path / "daar", 1, running.address)
        assert [process.poll() is None for process in running.workers] == [False, True]
    assert_same(tmp_path / "hier", tmp_path / "daar")


# ---------------------------------------------------------------- without a cluster


@dataclass(frozen=True)
class Holder:
    path: Path
    name: str


def test_paths_move_and_nothing_else(tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "b"
    value = [old / "x", (old, "a"), {"k": Holder(old / "kaart" / "y.png", "y")}, tmp_path / "ab", 3, None]
    assert spread.moved(value, old, new) == [
        new / "x",
        (new, "a"),
        {"k": Holder(new / "kaart" / "y.png", "y")},
        tmp_path / "ab",
        3,
        None,
    ]
    assert spread.moved(spread.moved(value, old, new), new, old) == value


def test_pictures_that_are_there_travel_with_a_stack(tmp_path: Path) -> None:
    """Whole for a format that takes them in, else only that they are there: a page links the PNG that it finds."""
    (tmp_path / "a.png").touch()
    pictures = [MapPicture(key, "theme", key, "", "", tmp_path / f"{key}.svg", tmp_path / f"{key}.png") for key in ("a", "b")]
    for given in (({"GM": pictures}, {}), ({}, {"x": pictures[0]})):
        embedding, linking = (render.Stack(("x",), {}, *given, embeds) for embeds in (True, False))
        assert (embedding.reads, embedding.finds) == ([tmp_path / "a.png"], [])
        assert (linking.reads, linking.finds) == ([], [tmp_path / "a.png"])


@pytest.mark.parametrize("path", ["../x", "/x", "gebied/../../x"])
def test_a_worker_cannot_write_outside_the_site(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the site"):
        cluster.write({path: b"x"}, tmp_path / "site")
    assert list(tmp_path.rglob("x")) == []


def test_failures_of_workers_keep_their_message_and_exit_code() -> None:
    """They travel as pickles."""
    for error in (UsageError("what", where="here", kept="that", todo="this"), ClusterLost("what")):
        came = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        assert (type(came), came.message, came.exit_code, came.todo) == (type(error), error.message, error.exit_code, error.todo)
