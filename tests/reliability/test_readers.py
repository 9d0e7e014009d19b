"""Readers in other processes while releases are published (RELIABILITY.md K3): one whole release at a time, never backwards."""

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beeld.warehouse.query import ask
from beeld.warehouse.read import current_release, warehouse_file
from tests.reliability.reading import QUERY
from tests.reliability.worlds import World

ROOT = Path(__file__).parents[2]
READERS = 4


@pytest.mark.nightly
@pytest.mark.parametrize(("publications", "fewest"), [(8, 50), (200, 2_500)], ids=["short", "whole"])
def test_readers_see_whole_releases_in_their_order(publications: int, fewest: int, world: World, tmp_path: Path) -> None:
    world.refresh()
    published = [current_release(world.settings).name]
    expected = {published[0]: tables(world)}
    stop = tmp_path / "stop"
    readers = [reader(world, stop, fewest) for _ in range(READERS)]
    try:
        for number in range(publications):
            world.server.set_modified("50090NED", f"{date(2027, 1, 1) + timedelta(days=number)}T02:00:00")
            world.refresh()
            published.append(current_release(world.settings).name)
            expected[published[-1]] = tables(world)
    finally:
        stop.touch()
        told = [process.communicate(timeout=600) for process in readers]
    assert [process.returncode for process in readers] == [0] * READERS, [err for _, err in told]
    assert len(set(published)) == publications + 1
    order = {name: place for place, name in enumerate(published)}
    answers: list[dict[str, Any]] = [json.loads(out) for out, _ in told]
    for answer in answers:
        names = [name for name, *_ in answer["seen"]]
        assert names == sorted(set(names), key=order.__getitem__), "each release once, in the order of publication"
        for name, *found in answer["seen"]:
            assert found == expected[name], name
        assert len(names) > 1
    assert sum(answer["reads"] for answer in answers) >= READERS * fewest
    opened = np.concatenate([answer["opened"] for answer in answers])
    print(f"{len(opened)} reads, open p50 {1000 * np.median(opened):.0f} ms, p99 {1000 * np.percentile(opened, 99):.0f} ms")


def reader(world: World, stop: Path, fewest: int) -> subprocess.Popen[str]:
    """A reader that is started."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "BEELD_"))}
    words = [str(world.settings.project), str(world.home), str(stop), str(fewest)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.reading", *words],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": os.pathsep.join(["pipelines", "."])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tables(world: World) -> list[Any]:
    """What the tables of the current release say, and which release they are of."""
    folder = current_release(world.settings)
    assert warehouse_file(folder).is_file()
    return list(ask(folder, QUERY).rows[0])
