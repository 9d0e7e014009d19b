"""How many releases stay: the newest, the current, the one to go back to and the ones in use; whatever kills the removal."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from beeld.errors import Busy, Damaged, UsageError
from beeld.settings import Settings, load_settings
from beeld.warehouse import release
from beeld.warehouse.retention import retain, superfluous, using
from tests.reliability.killed import die_before
from tests.reliability.worlds import World, complete, settings_of

ROOT = Path(__file__).parents[2]


def published(settings: Settings, number: int) -> str:
    """Publish a small release; its id."""
    name = f"2026010{number}-{number:012x}"
    folder = settings.build / f"uitgave-{os.getpid()}" / name
    (folder / "parquet").mkdir(parents=True)
    (folder / "parquet" / "a.txt").write_text(f"inhoud {number}")
    release.write_manifest(folder, {"release": name})
    release.publish(settings, folder, name)
    folder.parent.rmdir()
    return name


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(settings_of(tmp_path / "data"), keep_releases=3)


@pytest.fixture
def names(settings: Settings) -> list[str]:
    return [published(settings, number) for number in range(1, 8)]


def there(settings: Settings) -> list[str]:
    return [path.name for path in release.releases(settings)]


def test_the_newest_stay(settings: Settings, names: list[str]) -> None:
    assert retain(settings) == tuple(names[:4])
    assert there(settings) == names[4:]
    assert (settings.releases / release.ORDER_FILE).read_text().split() == names[4:]
    assert list(settings.build.iterdir()) == []
    assert settings.current.resolve().name == names[-1]
    assert all(release.damage(path) == [] for path in release.releases(settings))


def test_once_is_enough(settings: Settings, names: list[str]) -> None:
    retain(settings)
    assert retain(settings) == ()
    assert there(settings) == names[4:]


@pytest.mark.parametrize(("keep", "left"), [(0, 7), (1, 2), (2, 2), (6, 6), (7, 7), (10, 7)])
def test_how_many(keep: int, left: int, settings: Settings, names: list[str]) -> None:
    """One less than the setting never happens, and with 1 the release to go back to stays too."""
    retain(replace(settings, keep_releases=keep))
    assert there(settings) == names[len(names) - left :]


def test_after_going_back_the_current_one_and_the_one_before_it_stay(settings: Settings, names: list[str]) -> None:
    release.rollback(settings, names[1])
    retain(settings)
    assert there(settings) == [names[0], names[1], *names[4:]]
    assert settings.current.resolve().name == names[1]
    assert release.rollback(settings, None) == names[0]


def test_a_release_in_use_stays_until_it_is_free(settings: Settings, names: list[str]) -> None:
    with using(settings.releases / names[0]), using(settings.releases / names[0]), using(settings.releases / names[2]):
        assert retain(settings) == (names[1], names[3])
        assert there(settings) == [names[0], names[2], *names[4:]]
    assert retain(settings) == (names[0], names[2])


def test_a_user_that_is_killed_holds_nothing(settings: Settings, names: list[str]) -> None:
    program = (
        "import sys, time; from pathlib import Path; from beeld.warehouse.retention import using\n"
        "with using(Path(sys.argv[1])):\n    print('holds', flush=True); time.sleep(60)\n"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", program, str(settings.releases / names[0])],
        env={**os.environ, "PYTHONPATH": str(ROOT / "pipelines")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "holds\n"
    assert names[0] not in retain(settings)
    user.kill()
    user.wait(timeout=10)
    user.stdout.close()
    assert retain(settings) == (names[0],)


def test_who_comes_too_late_is_told(settings: Settings, names: list[str]) -> None:
    """Waiting for the lock while the release is removed, and coming when it is gone already."""
    place = settings.releases / names[0]
    told: list[str] = []

    def wait() -> None:
        try:
            with using(place):
                told.append("holds")
        except Damaged as error:
            told.append(error.message)

    with (place / release.MANIFEST).open("rb") as manifest:
        fcntl.flock(manifest, fcntl.LOCK_EX)
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.2)
        assert told == []
        os.rename(place, settings.build / "weg")
    waiting.join(timeout=10)
    wait()
    assert len(told) == 2
    assert all("may have been removed" in message for message in told)


def test_nothing_goes_where_nothing_is_current(settings: Settings, names: list[str]) -> None:
    settings.current.unlink()
    assert superfluous(settings) == []
    settings.current.symlink_to(Path("releases") / "weg")
    assert superfluous(settings) == []
    assert there(settings) == names


def test_the_archive_is_never_touched(settings: Settings, names: list[str]) -> None:
    (settings.raw / "bron").mkdir(parents=True)
    (settings.raw / "bron" / "a.json.gz").write_bytes(b"x")
    retain(settings)
    assert len(there(settings)) < len(names)
    assert (settings.raw / "bron" / "a.json.gz").read_bytes() == b"x"


# ---------------------------------------------------------------- killed


def test_sigkill_before_every_step_of_removing(settings: Settings) -> None:
    names = [published(settings, number) for number in range(1, 6)]
    kills = 0
    for step in range(1, 200):
        status = die_before(step, partial(retain, settings))
        assert settings.current.resolve().name == names[-1]
        for path in settings.releases.iterdir():
            assert not path.is_dir() or release.is_complete(path), "a release is whole or not there"
        assert set(there(settings)) >= set(names[2:])
        assert (settings.releases / release.ORDER_FILE).read_text().split()[-3:] == names[2:]
        # unaided: the next run sweeps and removes the rest
        release.sweep(settings)
        retain(settings)
        assert there(settings) == names[2:]
        assert list(settings.build.iterdir()) == []
        if status == 0:
            break
        assert status == -signal.SIGKILL
        kills += 1
        for path in release.releases(settings):
            release.remove_tree(path)
        (settings.releases / release.ORDER_FILE).unlink()
        names = [published(settings, number) for number in range(1, 6)]
    assert kills > 15


# ---------------------------------------------------------------- as part of a refresh, and the setting


@pytest.fixture
def few(world: World) -> World:
    return replace(world, settings=replace(world.settings, keep_releases=1))


def test_a_refresh_that_publishes_removes_and_says_so(few: World) -> None:
    first = complete(few.settings)
    few.news("50090NED")
    second = few.refresh()
    assert second.removed == ()
    few.server.set_modified("50090NED", "2026-10-01T02:00:00")
    third = few.refresh()
    assert third.new
    assert third.removed == (first,)
    assert there(few.settings) == [second.release, third.release]
    assert few.refresh().removed == ()


def test_a_refresh_that_fails_removes_nothing(few: World) -> None:
    first = complete(few.settings)
    few.news("50090NED")
    second = few.refresh().release
    few.server.set_modified("50090NED", "2026-10-01T02:00:00")
    with release.exclusive(few.settings, "somebody else"), pytest.raises(Busy):
        few.refresh()
    assert there(few.settings) == [first, second]


@pytest.mark.parametrize(("text", "number"), [("", 10), ("bewaar_releases = 0", 0), ("bewaar_releases = 3", 3)])
def test_the_setting(text: str, number: int, tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_text(text, encoding="utf-8")
    assert load_settings({}, folder=tmp_path).keep_releases == number


@pytest.mark.parametrize(
    "text", ["bewaar_releases = -1", "bewaar_releases = true", 'bewaar_releases = "3"', "bewaar_releases = 2.5"]
)
def test_a_setting_that_is_wrong_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="bewaar_releases"):
        load_settings({}, folder=tmp_path)
