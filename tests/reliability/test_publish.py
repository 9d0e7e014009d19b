"""A release elsewhere: whole, verified, in one step, and never over anything else."""

import errno
import fcntl
import io
import os
import shutil
import signal
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from beeld.errors import Busy, Damaged, NoRoom, UsageError
from beeld.settings import Settings
from beeld.warehouse import release, room
from beeld.warehouse.publish import archive, folder, run
from beeld.warehouse.publish.run import publish_release
from beeld.warehouse.publish.source import Published, Source
from beeld.warehouse.query import ask
from beeld.warehouse.read import current_id, current_release
from tests.reliability.killed import die_before
from tests.reliability.worlds import CommandLine, World, bytes_of, complete, copy_home, settings_of, writable


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home with a small release that has pages."""
    settings = settings_of(tmp_path / "data")
    make(settings, 1)
    return settings


def make(settings: Settings, number: int, *, pages: bool = True, example: bool = False) -> str:
    """Publish a small release in its own home; its id."""
    name = f"2026010{number}-{number:012x}"
    place = settings.build / "uitgave" / name
    files = {
        "parquet/a.txt": f"cijfers {number}",
        f"{name}.duckdb": "db",
        "site/index.html": f"<p>{number}</p>",
        "site/a/é.html": "x",
    }
    for file, text in files.items():
        if pages or not file.startswith("site/"):
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text(text, encoding="utf-8")
    (place / "beeld.duckdb").symlink_to(f"{name}.duckdb")
    release.write_manifest(place, {"release": name, "voorbeeld": example})
    release.publish(settings, place, name)
    place.parent.rmdir()
    return name


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "elders" / "uit"


def whole(place: Path) -> str:
    """The current release of a target, after looking at every file of it."""
    now = current_release(settings_of(place))
    assert release.damage(now) == []
    assert {path.stat().st_mode & 0o222 for path in now.rglob("*") if path.is_file() and not path.is_symlink()} == {0}
    return now.name


# ---------------------------------------------------------------- a folder


def test_a_folder_is_a_home_that_others_can_use(world: World, target: Path, beeld: CommandLine) -> None:
    name = complete(world.settings)
    ending = beeld(world.settings, "publish", "--target", str(target))
    assert (ending.code, ending.out) == (0, f"{target}\n")
    assert ending.lines == ["published and verified"]
    there = replace(world.settings, home=target)
    assert complete(there) == name
    assert bytes_of(current_release(there)) == bytes_of(current_release(world.settings))
    assert ask(current_release(there), "select release from release").rows == ((name,),)
    ending = beeld(there, "check")
    assert ending.code == 0
    assert sorted(path.name for path in target.iterdir()) == [".slot", "bouw", "current", "releases"]
    assert list((target / "bouw").iterdir()) == []


def test_a_second_time_nothing_is_copied(home: Settings, target: Path, beeld: CommandLine) -> None:
    publish_release(home, str(target))
    before = {path: path.stat().st_mtime_ns for path in (target / "releases").rglob("*")}
    ending = beeld(home, "publish", "--target", str(target))
    assert ending.code == 0
    assert "nothing has changed" in ending.err
    assert {path: path.stat().st_mtime_ns for path in (target / "releases").rglob("*")} == before


def test_a_newer_release_comes_beside_the_older_and_going_back_is_copied_too(home: Settings, target: Path) -> None:
    first = current_release(home).name
    publish_release(home, str(target))
    second = make(home, 2)
    assert publish_release(home, str(target)).new
    assert whole(target) == second
    release.rollback(home, None)
    assert publish_release(home, str(target)) == Published(str(target), True)
    assert whole(target) == first
    assert [path.name for path in release.releases(settings_of(target))] == [first, second]


def test_older_releases_make_place_there_as_well(home: Settings, target: Path) -> None:
    few = replace(home, keep_releases=1)
    names = [current_release(few).name]
    publish_release(few, str(target))
    for number in (2, 3):
        names.append(make(few, number))
        done = publish_release(few, str(target))
    assert done.removed == (names[0],)
    assert [path.name for path in release.releases(settings_of(target))] == names[1:]
    assert [path.name for path in release.releases(home)] == names, "the home itself is not tidied by publishing"


def test_a_damaged_copy_is_made_again(home: Settings, target: Path) -> None:
    publish_release(home, str(target))
    path = writable(current_release(settings_of(target))) / "parquet" / "a.txt"
    path.write_text("kapot 123")
    assert publish_release(home, str(target)).new
    whole(target)


def test_a_damaged_release_is_not_passed_on(home: Settings, target: Path) -> None:
    publish_release(home, str(target))
    before = whole(target)
    make(home, 2)
    path = writable(current_release(home)) / "parquet" / "a.txt"
    path.write_text("cijfers X")
    with pytest.raises(Damaged, match="not what the manifest says"):
        publish_release(home, str(target))
    assert whole(target) == before


def test_a_disk_that_writes_something_else_is_noticed(home: Settings, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copyfile

    def wrong(source: Path, to: Path) -> None:
        copy(source, to)
        if Path(to).name == "a.txt":
            Path(to).write_text("iets anders")

    monkeypatch.setattr(folder.shutil, "copyfile", wrong)
    with pytest.raises(Damaged, match="was not copied right"):
        publish_release(home, str(target))
    assert not (target / "current").exists()


FOREIGN = {
    "a file": ("",),
    "a folder with a file": ("scriptie.docx",),
    "a folder with a bouw of its own": ("bouw/x",),
    "a home with an archive": ("ruw/bron/x", "releases/volgorde.txt"),
    "releases of something else": ("releases/x",),
}
"""What stands at the target, as files in it; one without a name is the target itself."""


@pytest.mark.parametrize("what", FOREIGN)
def test_a_place_that_is_something_else_is_refused_and_left(what: str, home: Settings, target: Path) -> None:
    for name in FOREIGN[what]:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("van mij")
    before = bytes_of(target.parent)
    with pytest.raises(UsageError, match="Nothing was written"):
        publish_release(home, str(target))
    assert bytes_of(target.parent) == before


def test_a_target_that_was_begun_and_then_used_for_something_else_is_refused(home: Settings, target: Path) -> None:
    (target / "bouw").mkdir(parents=True)
    (target / ".slot").touch()
    (target / "mijn.txt").write_text("x")
    with pytest.raises(UsageError, match=r"mijn\.txt"):
        publish_release(home, str(target))


def test_the_target_never_lies_in_the_home_or_around_it(home: Settings, tmp_path: Path) -> None:
    link = tmp_path / "sluiproute"
    link.symlink_to(home.home, target_is_directory=True)
    places = (home.home, home.home / "uit", home.home.parent, link / "x", home.home / "uit.zip", link / "x.zip")
    before = sorted(path.name for path in home.home.iterdir())
    for place in places:
        with pytest.raises(UsageError, match="home that it is published from"):
            publish_release(home, str(place))
    assert sorted(path.name for path in home.home.iterdir()) == before


def test_two_at_once(home: Settings, target: Path, beeld: CommandLine) -> None:
    publish_release(home, str(target))
    with release.exclusive(settings_of(target), "the other"):
        ending = beeld(home, "publish", "--target", str(target))
    assert ending.code == Busy.exit_code
    assert "the other" in ending.err


def test_without_room_nothing_is_begun(home: Settings, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(target.parents[1])
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _path: usage._replace(free=3))
    for place in (target, target.with_name("uit.zip")):
        with pytest.raises(NoRoom, match="0 MB is free"):
            publish_release(home, str(place))
    assert not (target / "releases").exists()
    assert not target.with_name("uit.zip").exists()


def test_a_disk_that_fills_halfway_leaves_what_stood_there(
    home: Settings, target: Path, monkeypatch: pytest.MonkeyPatch, beeld: CommandLine
) -> None:
    publish_release(home, str(target))
    before = whole(target)
    second = make(home, 2)
    copy = shutil.copyfile

    def full(source: Path, to: Path) -> None:
        if Path(to).name == "index.html":
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, to)

    with monkeypatch.context() as patch:
        patch.setattr(folder.shutil, "copyfile", full)
        ending = beeld(home, "publish", "--target", str(target))
    assert ending.code == 1
    assert "No space left" in ending.err
    assert whole(target) == before
    assert list((target / "bouw").iterdir()) == []
    publish_release(home, str(target))
    assert whole(target) == second
    assert list((target / "bouw").iterdir()) == []


def test_where_links_are_impossible_a_file_points_to_the_release(
    home: Settings, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Path.symlink_to

    def refuse(self: Path, to: Path, target_is_directory: bool = False) -> None:
        if self.is_relative_to(target):
            raise OSError(errno.EPERM, "Operation not permitted")
        link(self, to, target_is_directory)

    monkeypatch.setattr(Path, "symlink_to", refuse)
    name = current_release(home).name
    assert publish_release(home, str(target)).new
    assert (target / "CURRENT").read_text() == f"releases/{name}\n"
    assert whole(target) == name
    assert not publish_release(home, str(target)).new
    second = make(home, 2)
    publish_release(home, str(target))
    assert whole(target) == second
    there = replace(home, home=target)
    assert release.rollback(there, None) == name == current_id(there), "going back starts from where the file points"
    assert release.rollback(there, second) == whole(target)


@pytest.mark.parametrize("earlier", [True, False])
def test_sigkill_before_every_step_of_copying(earlier: bool, home: Settings, tmp_path: Path) -> None:
    first = current_release(home).name
    template = tmp_path / "sjabloon"
    if earlier:
        publish_release(home, str(template))
    second = make(home, 2)
    seen: list[str] = []
    for step in range(1, 200):
        target = tmp_path / "doel" / str(step)
        if earlier:
            copy_home(template, target)
        status = die_before(step, partial(publish_release, home, str(target)))
        seen.append(whole(target) if (target / "current").exists() else "")
        publish_release(home, str(target))  # unaided
        assert whole(target) == second
        assert list((target / "bouw").iterdir()) == []
        assert list(target.glob(".current-*")) == []
        if status == 0:
            break
        assert status == -signal.SIGKILL
    old = first if earlier else ""
    assert set(seen) == {old, second}
    assert seen == sorted(seen, key=lambda name: name == second), "the old one until the switch, the new one from then on"
    assert len(seen) > 15


# ---------------------------------------------------------------- a zip


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        return {name: package.read(name) for name in package.namelist()}


def test_a_zip_holds_the_pages_in_one_folder(home: Settings, target: Path, beeld: CommandLine) -> None:
    name = current_release(home).name
    path = target.with_name("pagina's.zip")
    ending = beeld(home, "publish", "--target", str(path))
    assert (ending.code, ending.out) == (0, f"{path}\n")
    top = f"beeld-van-de-wijk-{name}/"
    found = members(path)
    readme = found.pop(f"{top}LEESMIJ.txt").decode()
    assert name in readme
    assert "erzonnen" not in readme
    site = current_release(home) / "site"
    assert found == {f"{top}{path.relative_to(site).as_posix()}": path.read_bytes() for path in site.rglob("*") if path.is_file()}
    assert [path.name for path in path.parent.iterdir()] == ["pagina's.zip"]


def test_the_same_release_is_the_same_zip(home: Settings, tmp_path: Path) -> None:
    one, other = tmp_path / "a.zip", tmp_path / "b.ZIP"
    assert publish_release(home, str(one)).new
    old_mask = os.umask(0o077)
    try:
        publish_release(home, str(other))
    finally:
        os.umask(old_mask)
    assert one.read_bytes() == other.read_bytes()
    before = one.stat().st_mtime_ns
    assert not publish_release(home, str(one)).new
    assert one.stat().st_mtime_ns == before
    make(home, 2)
    assert publish_release(home, str(one)).new
    assert one.read_bytes() != other.read_bytes()


def test_a_zip_of_the_example_says_so(home: Settings, tmp_path: Path) -> None:
    make(home, 2, example=True)
    publish_release(home, str(tmp_path / "a.zip"))
    readme = next(text for name, text in members(tmp_path / "a.zip").items() if name.endswith("LEESMIJ.txt"))
    assert "Verzonnen voorbeeld" in readme.decode()


def other_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("vakantie.txt", "foto's")
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"geen zip", other_zip()])
def test_a_file_that_is_something_else_is_refused_and_left(content: bytes, home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="something else of that name"):
        publish_release(home, str(path))
    assert path.read_bytes() == content


def test_a_folder_that_is_called_zip_is_refused(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.zip").mkdir()
    with pytest.raises(UsageError, match="something else"):
        publish_release(home, str(tmp_path / "a.zip"))


def test_a_release_without_pages_gives_no_zip(home: Settings, tmp_path: Path) -> None:
    make(home, 2, pages=False)
    with pytest.raises(UsageError, match="has no pages"):
        publish_release(home, str(tmp_path / "a.zip"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_page_that_was_changed_is_not_packed(home: Settings, tmp_path: Path) -> None:
    publish_release(home, str(tmp_path / "a.zip"))
    before = (tmp_path / "a.zip").read_bytes()
    make(home, 2)
    (writable(current_release(home)) / "site" / "index.html").write_text("<p>?</p>")
    with pytest.raises(Damaged, match=r"site/index\.html is not what the manifest says"):
        publish_release(home, str(tmp_path / "a.zip"))
    assert (tmp_path / "a.zip").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "data"]


def test_a_zip_that_was_killed_halfway_leaves_the_old_one(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    publish_release(home, str(path))
    old = path.read_bytes()
    make(home, 2)
    publish_release(home, str(tmp_path / "b.zip"))
    new = (tmp_path / "b.zip").read_bytes()
    assert new != old
    seen: list[bytes] = []
    for step in range(1, 30):
        path.write_bytes(old)
        status = die_before(step, partial(publish_release, home, str(path)))
        seen.append(path.read_bytes())
        publish_release(home, str(path))  # unaided
        assert path.read_bytes() == new
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip", "data"]
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert set(seen) == {old, new}
    assert seen == sorted(seen, key=lambda content: content == new)
    assert len(seen) > 3


def test_two_zips_at_once(home: Settings, tmp_path: Path) -> None:
    held = tmp_path / ".a.zip.beeld-nieuw"
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="another publication"):
            publish_release(home, str(tmp_path / "a.zip"))
    publish_release(home, str(tmp_path / "a.zip"))
    assert not held.exists()


# ---------------------------------------------------------------- kinds of targets


@pytest.mark.parametrize("text", ["", "  ", "duckmeer:x", "https://a.b/c", "s3://x"])
def test_a_kind_of_target_that_does_not_exist(text: str, home: Settings, beeld: CommandLine) -> None:
    ending = beeld(home, "publish", "--target", text)
    assert ending.code == 2
    assert "is no target" in ending.err
    assert ".zip" in ending.err


def test_a_new_kind_of_target_is_a_line(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def elsewhere(source: Source, target: str) -> Published:
        asked.append(f"{source.id} {target}")
        return Published(target, True)

    kinds = (("proef:NAME: a test", lambda text: text.startswith("proef:"), elsewhere), *run.KINDS)
    monkeypatch.setattr(run, "KINDS", kinds)
    assert publish_release(home, "proef:x").place == "proef:x"
    assert asked == [f"{current_release(home).name} proef:x"]
    assert run.kind_of("a.zip") is archive.publish
    assert run.kind_of("map") is folder.publish


def test_without_a_release_there_is_nothing_to_publish(tmp_path: Path, beeld: CommandLine) -> None:
    ending = beeld(settings_of(tmp_path / "leeg"), "publish", "--target", str(tmp_path / "uit"))
    assert ending.code == 2
    assert "no release yet" in ending.err
    assert list(tmp_path.iterdir()) == []
