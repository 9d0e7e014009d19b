"""Refreshes that meet each other (RELIABILITY.md K4), and refreshes that are interrupted (K9)."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

from beeld.errors import Busy
from tests.reliability.forks import ForkServer, fork_servers, no_litter, order
from tests.reliability.worlds import World, complete

SEED = 20_261_127
PROMPT = 5.0
"""Seconds within which an interrupted run has ended."""


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkServer]:
    """A process that refreshes."""
    with fork_servers(1) as (server,):
        yield server


# ---------------------------------------------------------------- several at once


@pytest.mark.parametrize(
    ("groups", "size"),
    [(4, 2), (1, 8), pytest.param(50, 2, marks=pytest.mark.nightly), pytest.param(10, 8, marks=pytest.mark.nightly)],
)
def test_of_several_at_once_one_goes_on_and_the_others_name_it(
    groups: int, size: int, fork: ForkServer, world: World, tmp_path: Path
) -> None:
    world.server.fault("delay", "ODataCatalog", seconds=1.5)  # the one that goes on is still there when the last one comes
    slowest = 0.0
    for number in range(groups):
        said = tmp_path / str(number)
        said.mkdir()
        ended = fork.race(**order(world.home, world.settings.project, world.server), race=size, said=str(said))
        assert sorted(status for status, _ in ended) == [0] + [Busy.exit_code] * (size - 1)
        slowest = max(slowest, *(seconds for status, seconds in ended if status))
        messages = {path.read_text(encoding="utf-8") for path in said.iterdir()}
        assert len(messages) == 1, "all name the same holder"
        assert "another refresh is running: beeld refresh, process " in messages.pop()
    complete(world.settings)
    no_litter(world.home)
    print(f"{groups} groups of {size}: one of each went on, the others had ended after at most {slowest:.1f} s")
    assert slowest < 2


@pytest.mark.nightly
def test_fifty_holders_that_are_killed_hold_nothing(fork: ForkServer, world: World) -> None:
    orders = order(world.home, world.settings.project, world.server)
    for _ in range(50):
        waiting = world.server.fault("delay", "ODataCatalog", seconds=20)
        process = fork.start(**orders)
        while not waiting.hits:
            time.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        assert fork.ended() == -signal.SIGKILL
        world.server.clear_faults()
        assert fork.run(**orders) == 0
    complete(world.settings)
    no_litter(world.home)


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize("moments", [3, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("number", "ending"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_interrupted_at_random_moments(number: signal.Signals, ending: int, moments: int, fork: ForkServer, world: World) -> None:
    draw = random.Random(SEED)
    orders = order(world.home, world.settings.project, world.server)
    started = time.monotonic()
    world.news("50090NED")
    assert fork.run(**orders) == 0
    duration = time.monotonic() - started
    interrupted = 0
    for moment in range(moments):
        before = complete(world.settings)
        world.server.set_modified("50090NED", f"{date(2027, 1, 1) + timedelta(days=moment)}T02:00:00")
        process = fork.start(**orders)
        time.sleep((moment + draw.random()) / moments * duration * 0.9)
        asked = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(process, number)
        ended = fork.ended()
        assert time.monotonic() - asked < PROMPT
        assert ended in (ending, 0)
        interrupted += ended == ending
        after = complete(world.settings)
        assert fork.run(**orders) == 0
        assert complete(world.settings) != before
        assert after in (before, complete(world.settings))
        no_litter(world.home)
    print(f"{number.name}: {interrupted} of {moments} interrupted, each gone within {PROMPT:.0f} s")
    assert interrupted >= moments / 2
