"""The same archive gives the same bytes: in another folder, time zone, language, hash seed and umask."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from beeld.warehouse import release
from tests.reliability.worlds import CommandLine, World, complete, copy_home

ROOT = Path(__file__).parents[2]
WIJK = "WK900101"
SURROUNDINGS = {
    "here": {"TZ": "Europe/Amsterdam", "PYTHONHASHSEED": "0", "LC_ALL": "C"},
    "a folder/far away, é": {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4242", "LC_ALL": "C.UTF-8"},
}
UMASKS = {"here": 0o022, "a folder/far away, é": 0o077}


@pytest.fixture(scope="module")
def built(small_template: Path, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The home of each surrounding, with a release built offline out of a copy of one archive."""
    root = tmp_path_factory.mktemp("herbouw")
    homes = {name: root / name / "data" for name in SURROUNDINGS}
    for home in homes.values():
        copy_home(small_template / "ruw", home / "ruw")
    with ThreadPoolExecutor(len(homes)) as pool:
        for outcome in pool.map(lambda name: build(homes[name], example_project_folder, name), homes):
            assert outcome.returncode == 0, outcome.stderr
    return homes


def build(home: Path, project: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Build a release with pages in a process of its own."""
    return subprocess.run(
        [sys.executable, ROOT / "tests" / "reliability" / "small_beeld.py", project, "refresh", "--offline", "--area", WIJK],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("BEELD_", "LC_", "LANG"))},
            **SURROUNDINGS[name],
            "BEELD_HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)]),
        },
        cwd=home.parent,
        umask=UMASKS[name],
        capture_output=True,
        text=True,
        timeout=280,
    )


def folder(home: Path) -> Path:
    """The release of a home."""
    return (home / "current").resolve()


def test_the_release_has_the_same_name_and_the_same_files(built: dict[str, Path]) -> None:
    one, other = (folder(home) for home in built.values())
    assert one.name == other.name
    assert files(one) == files(other)
    assert any(name.endswith(".html") for name in files(one))
    assert any(name.endswith(".png") for name in files(one))


def files(place: Path) -> list[str]:
    """Names of the files of a release."""
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


def test_every_file_has_the_same_bytes(built: dict[str, Path]) -> None:
    one, other = (folder(home) for home in built.values())
    names = [name for name in files(one) if not name.endswith(".duckdb") and name != release.MANIFEST]
    assert [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()] == []


def test_the_manifest_is_the_same_but_for_the_database_file(built: dict[str, Path]) -> None:
    one, other = (release.read_manifest(folder(home)) for home in built.values())
    for manifest in (one, other):
        manifest["bestanden"] = {name: entry for name, entry in manifest["bestanden"].items() if not name.endswith(".duckdb")}
    assert one == other


def test_the_databases_hold_the_same_rows_as_the_parquet_files(built: dict[str, Path]) -> None:
    contents = [{table: digest(home, table) for table in tables(home)} for home in built.values()]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 23


def tables(home: Path) -> list[str]:
    """The public tables, by their Parquet files."""
    return sorted(path.stem for path in (folder(home) / "parquet").glob("*.parquet"))


def digest(home: Path, table: str) -> str:
    """One hash over all rows of a table of the database, whatever their order."""
    with duckdb.connect(str(folder(home) / f"{folder(home).name}.duckdb"), read_only=True) as con:
        rows = f"select md5(t::varchar) as hash from {table} as t"
        found = con.execute(f"select md5(string_agg(hash, '' order by hash)) from ({rows})").fetchone()
    return str(found[0] if found else None)


def test_every_file_is_read_only_whatever_the_umask(built: dict[str, Path]) -> None:
    for home in built.values():
        modes = {path.stat().st_mode & 0o777 for path in folder(home).rglob("*") if path.is_file() and not path.is_symlink()}
        assert modes == {0o444}


def test_the_offline_release_is_the_one_that_was_made_online(built: dict[str, Path], small_template: Path) -> None:
    """The figures do not depend on whether they were fetched in the same run; only what was rendered differs."""
    online, offline = folder(small_template), folder(built["here"])
    same = [name for name in files(online) if name.startswith("parquet/") and name != "parquet/release.parquet"]
    differing = [name for name in same if (online / name).read_bytes() != (offline / name).read_bytes()]
    # The release id stands in these; it differs because the one has pages and the other has none.
    assert set(differing) <= {"parquet/drempel.parquet"}


# ---------------------------------------------------------------- beeld check --rebuild


def test_check_rebuild_finds_the_same_tables(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    ending = beeld(world.settings, "check", "--rebuild", before)
    assert (ending.code, len(ending.lines)) == (0, 1)
    assert "every table is the same" in ending.err
    assert complete(world.settings) == before


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
