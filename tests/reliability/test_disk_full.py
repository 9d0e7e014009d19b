"""A disk that fills up, or cannot be used (K5): one message, exit code 1, the last release stands."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from beeld.warehouse import release, room
from beeld.warehouse.read import current_release
from tests.loopback import LoopbackServer
from tests.reliability.forks import ForkServer, fork_servers, no_litter, order
from tests.reliability.worlds import CommandLine, World, complete, example_settings

NO_ROOM = "no room left on the disk"


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkServer]:
    """A process that refreshes."""
    with fork_servers(1) as (server,):
        yield server


def test_a_file_that_may_not_grow(fork: ForkServer, world: World, tmp_path: Path) -> None:
    file_limits(fork, world, tmp_path, 3)


@pytest.mark.nightly
def test_twenty_sizes_that_a_file_may_have(fork: ForkServer, world: World, tmp_path: Path) -> None:
    file_limits(fork, world, tmp_path, 20)


def file_limits(fork: ForkServer, world: World, tmp_path: Path, sizes: int) -> None:
    """Refresh with a limit on the size of a file, from a few blocks of the warehouse to just enough."""
    most = largest_file(world.home) + 1
    ended: list[int] = []
    for number, size in enumerate(np.geomspace(1 << 14, most, sizes).astype(int)):
        before = complete(world.settings)
        world.server.set_modified("50090NED", f"{date(2027, 1, 1) + timedelta(days=number)}T02:00:00")
        ended.append(refresh(fork, world, tmp_path / "said", largest_file=int(size)))
        if ended[-1] != 0:
            assert complete(world.settings) == before
            assert list((world.home / "bouw").iterdir()) == [], "the disk is not left full"
            assert refresh(fork, world, tmp_path / "said") == 0
        assert complete(world.settings) != before
        no_litter(world.home)
    assert ended == sorted(ended, reverse=True)
    assert ended[0] == 1
    assert ended[-1] == 0
    print(f"{sizes} sizes of a file up to {most} bytes: {ended.count(1)} refused, 0 damaged")


def refresh(fork: ForkServer, world: World, said: Path, **limits: int) -> int:
    """A refresh in another process; a failure is said as it should."""
    said.unlink(missing_ok=True)
    ended = fork.run(**order(world.home, world.settings.project, world.server), said=str(said), **limits)
    assert (ended == 0) is not said.is_file()
    if ended:
        message = said.read_text(encoding="utf-8")
        assert NO_ROOM in message
        assert str(world.home) in message
        assert "Make room" in message
        assert "\n" not in message
    return ended


def largest_file(folder: Path) -> int:
    """Bytes of the largest file."""
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- a small disk of its own


@contextmanager
def small_disk(place: Path, *options: str) -> Iterator[Path]:
    """A file system in memory with a limit; skips where nobody may mount one."""
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, *options: str) -> None:
    """Other limits for the same disk."""
    subprocess.run(["mount", "-o", ",".join(("remount", *options)), place], check=True)


@pytest.mark.nightly
@pytest.mark.parametrize("limit", [f"size={size}k" for size in np.geomspace(1_000, 60_000, 20).astype(int)])
def test_twenty_sizes_of_a_disk(
    limit: str, fork: ForkServer, small_server: LoopbackServer, example_project_folder: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "schijf", limit) as place:
        world = World(small_server, example_settings(example_project_folder, small_server.environment, place / "data"))
        ended = refresh(fork, world, tmp_path / "said")
        print(f"{limit}: {ended}")
        if ended:
            assert not world.settings.current.exists()
            remount(place, "size=500m")
            assert refresh(fork, world, tmp_path / "said") == 0
        complete(world.settings)
        no_litter(world.home)


@pytest.mark.nightly
def test_a_disk_without_a_place_for_another_file(
    fork: ForkServer, small_server: LoopbackServer, example_project_folder: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "schijf", "size=500m", "nr_inodes=60") as place:
        world = World(small_server, example_settings(example_project_folder, small_server.environment, place / "data"))
        assert refresh(fork, world, tmp_path / "said") == 1
        remount(place, "nr_inodes=10000")
        assert refresh(fork, world, tmp_path / "said") == 0
        complete(world.settings)


@pytest.mark.nightly
def test_a_disk_that_is_read_only(world: World, tmp_path: Path, beeld: CommandLine) -> None:
    with small_disk(tmp_path / "schijf", "size=500m") as place:
        shutil.copytree(world.home, place / "data", symlinks=True)
        there = World(world.server, example_settings(world.settings.project, world.server.environment, place / "data"))
        before = complete(there.settings)
        there.news("50090NED")
        remount(place, "ro")
        ending = beeld(there.settings, "refresh", "--no-render")
        assert ending.code == 1
        assert "the disk cannot be used" in ending.err
        assert len(ending.lines) == 1
        assert complete(there.settings) == before
        remount(place, "rw")
        assert beeld(there.settings, "refresh", "--no-render").code == 0
        assert complete(there.settings) != before


# ---------------------------------------------------------------- before it begins, and a disk that breaks


def test_without_room_for_another_release_none_is_begun(
    world: World, beeld: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = complete(world.settings)
    world.news("50090NED")
    needed = 3 * sum(path.stat().st_size for path in current_release(world.settings).rglob("*") if counted(path))
    usage = shutil.disk_usage(world.home)
    with monkeypatch.context() as patch:
        patch.setattr(room.shutil, "disk_usage", lambda _path: usage._replace(free=needed - 1))
        ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 1
    assert "another release needs" in ending.err
    assert complete(world.settings) == before
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _path: usage._replace(free=needed))
    assert beeld(world.settings, "refresh", "--no-render").code == 0
    assert complete(world.settings) != before


def counted(path: Path) -> bool:
    """A file of a release that its manifest lists."""
    return path.is_file() and not path.is_symlink() and path.name != release.MANIFEST


@pytest.mark.parametrize("step", ["the archive", "current"])
def test_a_disk_that_breaks_is_said_and_nothing_is_lost(
    step: str, world: World, beeld: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = complete(world.settings)
    world.news("50090NED")
    replace = os.replace

    def broken(source: Path, target: Path) -> None:
        if Path(target).name == "current" or (step == "the archive" and "ruw" in Path(target).parts):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", broken)
        ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 1
    assert "the disk cannot be used" in ending.err
    assert len(ending.lines) == 1
    assert complete(world.settings) == before
    assert beeld(world.settings, "refresh", "--no-render").code == 0
    assert complete(world.settings) != before


def test_what_no_disk_said_is_no_fault_of_a_disk() -> None:
    assert room.disk_fault(OSError(errno.ECONNREFUSED, "Connection refused")) is None
    assert room.disk_fault(ValueError(os.strerror(errno.ENOSPC))) is None
