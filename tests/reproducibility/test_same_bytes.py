"""The same archive gives the same bytes, wherever, by whomever and whenever it is built (RELIABILITY, R)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from beeld.warehouse import release
from tests.reliability.worlds import CommandLine, World, complete
from tests.reproducibility.surroundings import ELSEWHERE, HERE, VARIANTS, Built, build, place, proven

FORMATS = {".html", ".pdf", ".pptx", ".xlsx", ".png", ".svg", ".json", ".parquet", ".duckdb"}


@pytest.fixture(scope="module")
def here(small_template: Path, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The release as it comes."""
    return build(tmp_path_factory.mktemp("hier"), small_template / "ruw", example_project_folder, HERE)


@pytest.fixture(scope="module")
def built(small_template: Path, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Built]:
    """A release of each of two surroundings that have nothing in common."""

    def one(name: str) -> Built:
        around = {"hier": HERE, "daar": ELSEWHERE}[name]
        return build(tmp_path_factory.mktemp(name), small_template / "ruw", example_project_folder, around)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, ("hier", "daar")))


def test_the_release_has_the_same_name_and_the_same_files(built: list[Built]) -> None:
    one, other = built
    assert one.folder.name == other.folder.name
    assert one.files == other.files
    assert {Path(name).suffix for name in one.files} >= FORMATS


def test_every_file_has_the_same_bytes(built: list[Built]) -> None:
    one, other = built
    assert one.differs_from(other) == []


def test_the_manifest_is_the_same_but_for_the_database_file(built: list[Built]) -> None:
    one, other = built
    assert one.manifest == other.manifest


def test_the_databases_hold_the_same_rows_as_the_parquet_files(built: list[Built]) -> None:
    one, other = built
    assert one.tables == other.tables
    assert len(one.tables) == 23


def test_every_file_is_read_only_whatever_the_umask(built: list[Built]) -> None:
    for each in built:
        modes = {path.stat().st_mode & 0o777 for path in each.folder.rglob("*") if path.is_file() and not path.is_symlink()}
        assert modes == {0o444}


def test_the_offline_release_is_the_one_that_was_made_online(built: list[Built], small_template: Path) -> None:
    """The figures do not depend on whether they were fetched in the same run; only what was rendered differs."""
    online, offline = Built(small_template), built[0]
    same = [name for name in online.files if name.startswith("parquet/") and name != "parquet/release.parquet"]
    differing = [name for name in same if (online.folder / name).read_bytes() != (offline.folder / name).read_bytes()]
    # The release id stands in these; it differs because the one has pages and the other has none.
    assert set(differing) <= {"parquet/drempel.parquet"}


@pytest.mark.nightly
@pytest.mark.parametrize("name", VARIANTS)
def test_one_difference_at_a_time(
    name: str, here: Built, small_template: Path, example_project_folder: Path, tmp_path: Path
) -> None:
    around = VARIANTS[name]
    around.want()
    with place(around, tmp_path) as root:
        made = build(root, small_template / "ruw", example_project_folder, around)
        assert made.files == here.files
        assert made.differs_from(here) == []
        assert made.manifest == here.manifest
        assert made.tables == here.tables


# ---------------------------------------------------------------- the surroundings are what they say


@pytest.mark.parametrize("name", VARIANTS)
def test_the_surroundings_are_what_they_say(name: str, tmp_path: Path) -> None:
    around = VARIANTS[name]
    around.want()
    with place(around, tmp_path) as root:
        assert proven(root, around, [around.proof]) == [True]


def test_the_usual_surroundings_are_none_of_them(tmp_path: Path) -> None:
    found = proven(tmp_path, HERE, [around.proof for around in VARIANTS.values()])
    # a machine has some number of cores
    assert {name for name, holds in zip(VARIANTS, found, strict=True) if holds} <= {"one thread", "two threads", "eight threads"}


# ---------------------------------------------------------------- beeld check --rebuild


def test_check_rebuild_finds_the_same_tables(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    ending = beeld(world.settings, "check", "--rebuild", before)
    assert (ending.code, len(ending.lines)) == (0, 1)
    assert "every table is the same" in ending.err
    assert complete(world.settings) == before


@pytest.mark.nightly
def test_each_of_the_last_five_releases_is_built_again(world: World, beeld: CommandLine) -> None:
    for month in range(1, 5):
        world.server.set_modified("50090NED", f"2027-0{month}-01T02:00:00")
        assert world.refresh().new
    last = release.releases(world.settings)
    assert len(last) == 5
    for folder in last:
        ending = beeld(world.settings, "check", "--rebuild", folder.name)
        assert ending.code == 0, ending.err
        assert f"release {folder.name}: rebuilt from the archive, every table is the same" in ending.err


def test_a_damaged_archive_is_noticed_and_named(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    document = sorted((world.settings.raw / "rivm_gezondheid" / "50090NED").glob("*/UntypedDataSet-0001.json.gz"))[0]
    content = bytearray(document.read_bytes())
    content[len(content) // 2] ^= 1
    document.write_bytes(content)
    ending = beeld(world.settings, "check", "--rebuild", before)
    assert ending.code == 7
    assert len(ending.lines) == 1
    assert str(document) in ending.err
    assert complete(world.settings) == before


def test_a_changed_file_of_a_release_is_noticed_and_named(world: World, beeld: CommandLine) -> None:
    place = world.settings.releases / complete(world.settings)
    page = place / "parquet" / "signaal.parquet"
    page.chmod(0o644)
    page.write_bytes(page.read_bytes()[:-1] + b"?")
    ending = beeld(world.settings, "check")
    assert ending.code == 7
    assert "parquet/signaal.parquet" in ending.err
