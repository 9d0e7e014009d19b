"""The folder of an export: whole or not at all, and never over what somebody else put there."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from beeld.errors import Busy, UsageError
from beeld.settings import Settings
from beeld.warehouse import room
from beeld.warehouse.export import csv_files, place
from beeld.warehouse.export.place import new_folder
from beeld.warehouse.export.run import export_release
from tests.reliability.killed import die_before
from tests.reliability.worlds import CommandLine, bytes_of, settings_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(small_template: Path) -> Settings:
    return settings_of(small_template)


def export(home: Settings, target: Path) -> Path:
    return export_release(home, target, ("parquet",)).folder


def write(target: Path, home: Path, text: str = "nieuw") -> None:
    """A small export: one file and its index."""
    with new_folder(target, home) as fresh:
        (fresh / "csv").mkdir()
        (fresh / "csv" / "a.csv").write_text(text, encoding="utf-8")
        entry = {"sha256": place.sha256_of(fresh / "csv" / "a.csv"), "bytes": (fresh / "csv" / "a.csv").stat().st_size}
        index = {"soort": place.KIND, "bestanden": {"csv/a.csv": entry}}
        (fresh / place.INDEX).write_text(json.dumps(index), encoding="utf-8")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "hier").mkdir()
    return tmp_path / "hier" / "uit"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return tmp_path / "home"


def alone(target: Path) -> bool:
    """Nothing was left beside the export."""
    return [path.name for path in target.parent.iterdir()] == [target.name]


# ---------------------------------------------------------------- what may be replaced


def test_an_earlier_export_is_replaced_whole(home: Settings, target: Path) -> None:
    export_release(home, target, ("csv", "parquet"))
    export(home, target)
    assert not (target / "csv").exists()
    assert alone(target)


def test_an_empty_folder_is_used(target: Path, elsewhere: Path) -> None:
    target.mkdir()
    write(target, elsewhere)
    assert set(bytes_of(target)) == {"csv/a.csv", "export.json"}


def test_files_are_read_only(target: Path, elsewhere: Path) -> None:
    """QGIS writes in a GeoPackage that it may write in, also when it only shows it."""
    write(target, elsewhere)
    assert {path.stat().st_mode & 0o222 for path in target.rglob("*") if path.is_file()} == {0}


CHANGES: dict[str, Callable[[Path], Any]] = {
    "a file more": lambda folder: (folder / "notitie.txt").write_text("van mij"),
    "a file more in a folder": lambda folder: (folder / "csv" / "b.csv").write_text("van mij"),
    "a changed file": lambda folder: rewrite(folder / "csv" / "a.csv", "ander"),
    "a file of the same length": lambda folder: rewrite(folder / "csv" / "a.csv", "nieuW"),
    "a link": lambda folder: (folder / "link").symlink_to("/etc/hosts"),
    "a link to a folder": lambda folder: (folder / "link").symlink_to("/etc", target_is_directory=True),
    "no index": lambda folder: (folder / "export.json").unlink(),
    "an index of something else": lambda folder: rewrite(folder / "export.json", '{"soort": "x", "bestanden": {}}'),
    "an index that is no object": lambda folder: rewrite(folder / "export.json", "[1, 2]"),
    "an index without files": lambda folder: rewrite(folder / "export.json", '{"soort": "beeld export", "bestanden": {"a": 1}}'),
    "an index that cannot be read": lambda folder: rewrite(folder / "export.json", "\x00"),
}


def rewrite(path: Path, text: str) -> None:
    path.chmod(0o644)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_with_anything_else_is_refused_and_left(change: str, target: Path, elsewhere: Path) -> None:
    write(target, elsewhere)
    CHANGES[change](target)
    before = bytes_of(target)
    with pytest.raises(UsageError, match="is not an earlier export"):
        write(target, elsewhere, "nog nieuwer")
    assert bytes_of(target) == before
    assert alone(target)


def test_the_command_refuses_a_folder_of_somebody_else(home: Settings, target: Path, beeld: CommandLine) -> None:
    target.mkdir()
    (target / "scriptie.docx").write_text("jaren werk")
    ending = beeld(home, "export", str(target))
    assert ending.code == 2
    assert len(ending.lines) == 1
    assert "scriptie.docx" in ending.err
    assert "Nothing was changed" in ending.err
    assert (target / "scriptie.docx").read_text() == "jaren werk"
    assert alone(target)


def test_places_that_cannot_be_an_export(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "werk" / "map"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    (tmp_path / "bestand").write_text("x")
    bad = ("/", ".", "..", "../..", str(home.home), str(home.home / "uit"), str(home.home.parent), str(tmp_path / "bestand"))
    for target in bad:
        with pytest.raises(UsageError, match="Nothing was written"):
            export(home, Path(target))
    assert list(work.iterdir()) == []


# ---------------------------------------------------------------- failures and kills


def test_a_failure_leaves_the_earlier_export_and_nothing_else(
    home: Settings, target: Path, monkeypatch: pytest.MonkeyPatch, beeld: CommandLine
) -> None:
    export(home, target)
    before = bytes_of(target)

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(csv_files, "metadata", full)
    ending = beeld(home, "export", str(target), "--format", "csv")
    assert ending.code == 1
    assert "No space left on device" in ending.err
    assert bytes_of(target) == before
    assert alone(target)


def test_a_disk_without_room_is_said_before_the_work(
    home: Settings, target: Path, monkeypatch: pytest.MonkeyPatch, beeld: CommandLine
) -> None:
    usage = shutil.disk_usage(target.parent)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _path: usage._replace(free=1_000_000))
    ending = beeld(home, "export", str(target))
    assert ending.code == 1
    assert "1 MB is free" in ending.err
    assert str(target.parent) in ending.err
    assert list(target.parent.iterdir()) == []


def test_the_disk_really_fills(home: Settings, target: Path) -> None:
    """A limit on the size of files, as the system sets it: the export ends, the earlier one stands, nothing is left."""
    write(target, home.home)
    before = bytes_of(target)
    program = (
        "import resource, signal, sys; from pathlib import Path; from tests.unit.exports import settings_of\n"
        "from beeld.warehouse.export.run import export_release\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "export_release(settings_of(Path(sys.argv[1])), Path(sys.argv[2]), ('csv', 'xlsx', 'gpkg'))\n"
    )
    ended = run(program, str(home.home), str(target))
    assert ended.returncode == 1
    assert bytes_of(target) == before
    assert alone(target)


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_sigkill_before_every_step(target: Path, elsewhere: Path) -> None:
    write(target, elsewhere, "oud")
    old = bytes_of(target)
    seen: list[str] = []
    for step in range(1, 100):
        status = die_before(step, partial(write, target, elsewhere, "nieuw"))
        seen.append("niets" if not target.exists() else (target / "csv" / "a.csv").read_text())
        assert not target.exists() or set(bytes_of(target)) == set(old)
        write(target, elsewhere, "daarna")  # unaided
        assert (target / "csv" / "a.csv").read_text() == "daarna"
        assert alone(target)
        write(target, elsewhere, "oud")
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert seen[0] == "oud"
    assert seen[-1] == "nieuw"
    assert seen.count("niets") <= 1, "between the two renames only"
    assert len(seen) > 8


def test_what_a_kill_between_the_renames_left_goes_back_before_anything_else(target: Path, elsewhere: Path) -> None:
    write(target, elsewhere, "oud")
    os.rename(target, target.with_name(".uit.beeld-oud"))

    def fail() -> None:
        with new_folder(target, elsewhere):
            raise OSError("vol")

    with pytest.raises(OSError, match="vol"):
        fail()
    assert (target / "csv" / "a.csv").read_text() == "oud"
    assert alone(target)


def test_two_exports_to_one_folder(target: Path, elsewhere: Path) -> None:
    with new_folder(target, elsewhere), pytest.raises(Busy, match="another export"):
        write(target, elsewhere)
    fresh = target.with_name(".uit.beeld-nieuw")
    assert not fresh.exists()


def test_the_lock_is_held_on_the_folder_itself(target: Path, elsewhere: Path) -> None:
    fresh = target.with_name(".uit.beeld-nieuw")
    fresh.mkdir()
    handle = os.open(fresh, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(Busy):
        write(target, elsewhere)
    os.close(handle)
    write(target, elsewhere)
    assert alone(target)
