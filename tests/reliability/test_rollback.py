"""Going back to an earlier release (K7), and releases whatever the clock says (K8)."""

import time
from datetime import UTC, datetime

import pytest

from beeld.sources import archive
from beeld.warehouse import release
from tests.reliability.worlds import CommandLine, World, bytes_of, complete

CLOCKS = {
    "ten years ago": datetime(2016, 11, 27, 3, tzinfo=UTC),
    "ten years ahead": datetime(2036, 11, 27, 3, tzinfo=UTC),
    "the hour that comes twice": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    "the same hour again": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    "a leap day": datetime(2028, 2, 29, 23, 59, tzinfo=UTC),
}


def test_releases_of_odd_clocks_follow_each_other_and_each_can_be_gone_back_to(
    world: World, beeld: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = [complete(world.settings)]
    for number, (_name, clock) in enumerate(CLOCKS.items()):
        monkeypatch.setattr(archive, "now", lambda clock=clock: f"{clock:%Y-%m-%dT%H:%M:%SZ}")
        monkeypatch.setattr(time, "time", clock.timestamp)
        # what the source says of its own changes goes back and forth too
        world.server.set_modified("50090NED", f"{2027 - number}-0{number + 1}-01T02:00:00")
        assert world.refresh().new
        order.append(complete(world.settings))
    monkeypatch.undo()
    assert len(set(order)) == len(CLOCKS) + 1
    assert [path.name for path in release.releases(world.settings)] == order, "by the order of publication, not by a clock"
    before = {name: bytes_of(world.settings.releases / name) for name in order}
    for name in order[:-1][::-1]:
        started = time.monotonic()
        ending = beeld(world.settings, "rollback", name)
        assert time.monotonic() - started < 1
        assert ending.out.strip().endswith(name)
        assert complete(world.settings) == name
    assert beeld(world.settings, "rollback", order[-1]).code == 0
    assert complete(world.settings) == order[-1]
    assert {name: bytes_of(world.settings.releases / name) for name in order} == before, "no byte of any release moved"
    assert [path.name for path in release.releases(world.settings)] == order
