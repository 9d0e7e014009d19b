"""Killed at any moment: the old or the new release is complete, the next refresh needs no help, nothing is left behind."""

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest

from beeld.errors import Busy
from beeld.warehouse import release
from beeld.warehouse.query import ask
from beeld.warehouse.read import current_release
from tests.loopback import Fault, LoopbackServer
from tests.reliability.forks import ForkServer, fork_servers, no_litter, order
from tests.reliability.worlds import TABLES, CommandLine, World, complete, copy_home, example_settings

SEED = 20_261_122


@pytest.fixture(scope="module")
def forks() -> Iterator[list[ForkServer]]:
    """Two fork servers, one per core."""
    with fork_servers(2) as servers:
        yield servers


# ---------------------------------------------------------------- a whole refresh, killed


@pytest.mark.parametrize(("kills", "finished"), [(40, 4), pytest.param(1_000, 5, marks=pytest.mark.nightly)])
def test_sigkill_at_random_moments_of_a_refresh(
    kills: int,
    finished: int,
    forks: list[ForkServer],
    example_data: Path,
    example_project_folder: Path,
    small_template: Path,
    tmp_path: Path,
) -> None:
    draw = random.Random(SEED)
    shares = [(number + draw.random()) / kills for number in range(kills)]
    draw.shuffle(shares)
    with ThreadPoolExecutor(len(forks)) as pool:
        lots = [shares[start :: len(forks)] for start in range(len(forks))]
        homes = [copy_home(small_template, tmp_path / str(number)) for number in range(len(forks))]
        jobs = zip(forks, homes, lots, strict=True)
        late = list(pool.map(lambda job: kill_many(*job, finished, example_data, example_project_folder), jobs))
    print(f"{kills} refreshes killed, {sum(late)} more had ended before: 0 mixed, 0 lost, 0 mended by hand")


def kill_many(fork: ForkServer, home: Path, shares: list[float], finished: int, data: Path, project: Path) -> int:
    """Kill a refresh at each share of its duration; look after each kill, and let every `finished`-th next refresh finish.

    The others are killed in their turn. Returns how many refreshes had ended before they could be killed; for each of them
    another one is killed, earlier.
    """
    late = 0
    with LoopbackServer(data) as server:
        settings = example_settings(project, server.environment, home)
        duration = timed(fork, home, project, server)
        todo = list(shares)
        while todo:
            share = todo.pop()
            before = complete(settings)
            server.set_modified("50090NED", f"{date(2027, 1, 1) + timedelta(days=len(shares) - len(todo) + late)}T02:00:00")
            process = fork.start(**order(home, project, server))
            time.sleep(share * duration)
            kill(process)
            if fork.ended() != -signal.SIGKILL:
                late += 1
                todo.append(share * 0.9)
                assert late <= len(shares), "the moments lie within the run"
            after = complete(settings)
            assert (settings.releases / before).is_dir()
            if todo and (len(shares) - len(todo)) % finished:
                continue
            spent = timed(fork, home, project, server)
            if after == before:
                duration = (duration + spent) / 2
            assert complete(settings) != before
            no_litter(home)
    return late


def timed(fork: ForkServer, home: Path, project: Path, server: LoopbackServer) -> float:
    """Seconds that a refresh takes that is left in peace; it succeeds."""
    started = time.monotonic()
    assert fork.run(**order(home, project, server)) == 0
    return time.monotonic() - started


def kill(process: int) -> None:
    """SIGKILL, unless it has ended already."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


# ---------------------------------------------------------------- every step of publishing, killed


def test_sigkill_before_every_step_of_publishing(forks: list[ForkServer], world: World, tmp_path: Path) -> None:
    old = complete(world.settings)
    built = next(path for path in world.settings.releases.iterdir() if path.is_dir())
    new = f"20991231-{'0' * 12}"
    done: list[str] = []
    for step in range(1, 400):
        folder = prepare(built, world.home / "bouw" / new, new)
        status = forks[0].run(**order(world.home, world.settings.project, world.server), publish=str(folder), die_before=step)
        now = current_release(world.settings)
        assert now.name in (old, new)
        assert release.damage(now) == []
        assert release.read_manifest(now)["release"] == now.name
        done.append(now.name)
        release.sweep(world.settings)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        # Unaided: publishing once more succeeds, whatever the kill left; then back to the old release for the next step.
        again = prepare(built, world.home / "bouw" / new, new)
        assert forks[0].run(**order(world.home, world.settings.project, world.server), publish=str(again)) == 0
        assert current_release(world.settings).name == new
        release.switch(world.settings, old)
        release.remove_tree(world.settings.releases / new)
    assert done == sorted(done), "old until the switch, new from then on"
    assert done[0] == old
    assert done[-1] == new
    assert len(done) > 20


def prepare(built: Path, folder: Path, name: str) -> Path:
    """A release on its way: the parquet files of another one under a new name."""
    folder.parent.mkdir(exist_ok=True)
    shutil.copytree(built / "parquet", folder / "parquet")
    for path in folder.rglob("*.parquet"):
        path.chmod(0o644)
    release.write_manifest(folder, {"release": name})
    return folder


# ---------------------------------------------------------------- two at once


def test_the_second_of_two_refreshes_ends_with_75_and_names_the_first(
    forks: list[ForkServer], world: World, beeld: CommandLine
) -> None:
    before = complete(world.settings)
    world.server.set_modified("50090NED", "2026-11-01T02:00:00")
    waiting = world.server.fault("delay", "ODataCatalog", seconds=20)
    first = forks[0].start(**order(world.home, world.settings.project, world.server))
    held(waiting)
    world.server.clear_faults()
    for words in (("refresh", "--no-render"), ("rollback",)):
        started = time.monotonic()
        ending = beeld(world.settings, *words)
        assert time.monotonic() - started < 2
        assert ending.code == Busy.exit_code == 75
        assert len(ending.lines) == 1
        assert f"process {first}" in ending.err
    assert complete(world.settings) == before

    kill(first)
    assert forks[0].ended() == -signal.SIGKILL
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    assert complete(world.settings) != before


def held(fault: Fault) -> None:
    """Wait until the other process holds the lock and stands at the source."""
    for _ in range(500):
        if fault.hits:
            return
        time.sleep(0.02)
    raise AssertionError("the first refresh did not start")


# ---------------------------------------------------------------- readers


def test_readers_see_one_release_over_all_tables_while_releases_are_published(world: World) -> None:
    first = complete(world.settings)
    world.server.set_modified("50090NED", "2026-11-02T02:00:00")
    second = world.refresh().release
    assert first != second
    sql = (
        "select release, (select count(*) from waarde), (select max(gewijzigd)::varchar from bron), "
        "(select release from drempel limit 1) from release"
    )
    expected = {name: ask(world.settings.releases / name, sql).rows[0] for name in (first, second)}
    assert expected[first] != expected[second]
    stop = threading.Event()
    problems: list[str] = []
    seen: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                folder = current_release(world.settings)
                rows = ask(folder, sql).rows
                if rows[0][0] != folder.name or release.read_manifest(folder)["release"] != folder.name:
                    problems.append(f"{folder.name}: {rows}")
                if rows[0] != expected[folder.name]:
                    problems.append(f"{folder.name} gave {rows[0]}")
                seen.append(folder.name)
            except Exception as error:
                problems.append(repr(error))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(200):
        release.switch(world.settings, (first, second)[number % 2])
        time.sleep(0.01)
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert set(seen) == {first, second}
    assert len(seen) > 50


def test_every_table_of_the_example_is_known_here(world: World) -> None:
    assert {item.table.tabel for item in world.look()} == set(TABLES)
