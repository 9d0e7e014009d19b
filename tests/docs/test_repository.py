"""The repository keeps its own promises: layout, locks without addresses, Makefile targets and a complete glossary."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dask.lock", "requirements-dev.lock")
BUILD_FILES = (*LOCKS, "pyproject.toml", "Makefile", ".ci/run", ".gitignore", "dagster.yaml")
TOP_FOLDERS = {".ci", "deploy", "docs", "notebooks", "pipelines", "sources", "tests", "transforms", "warehouse"}
TARGETS = ("demo", "test", "check", "nightly", "lock", "wheel-test", "clean")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def requirements(lock: str) -> dict[str, str]:
    """Each requirement of a lock with everything that belongs to it, its hashes among them."""
    blocks = re.split(r"(?m)^(?=[a-z0-9])", read(lock))
    found = {}
    for block in blocks:
        match = PIN.match(block)
        if match:
            found[match["name"]] = block
        else:
            assert not re.search(r"(?m)^[^#\s]", block), f"{lock}: not a pinned requirement: {block[:80]!r}"
    return found


# ---------------------------------------------------------------- no addresses, only hashes


@pytest.mark.parametrize("name", BUILD_FILES)
def test_build_file_names_no_host_and_no_place_on_a_machine(name: str) -> None:
    text = read(name)
    for pattern in (
        r"[a-z+]+://",
        r"(?i)\b[\w-]+\.(?:org|com|net|io|nl|dev|eu)\b",
        r"(?i)(?:extra-)?index-url\s*=",
        r"--(?:extra-)?index-url\b|--find-links\b|--trusted-host\b",
        r"/(?:home|root|work|opt|Users)/",
    ):
        found = re.search(pattern, text)
        assert found is None, f"{name} names {found[0]!r}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_requirement_has_a_hash(lock: str) -> None:
    found = requirements(lock)
    assert len(found) > 50
    bare = [name for name, block in found.items() if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)]
    assert bare == []


def test_all_locks_pin_the_same_versions() -> None:
    runtime, dask, dev = ({m["name"]: m["version"] for m in PIN.finditer(read(lock))} for lock in LOCKS)
    assert {name: dev.get(name) for name in runtime} == runtime
    assert {name: dev.get(name) for name in dask} == dask
    assert {name: dask.get(name) for name in runtime} == runtime
    assert "distributed" in dask.keys() - runtime.keys()
    assert {"pytest", "ruff", "pyright", "import-linter", "uv"} <= dev.keys() - runtime.keys()


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    names = {re.split(r"[\[<>=!~; ]", d, maxsplit=1)[0] for d in project["project"]["dependencies"]}
    dev = {re.split(r"[\[<>=!~; ]", d, maxsplit=1)[0] for d in project["dependency-groups"]["dev"]}
    assert names - requirements("requirements.lock").keys() == set()
    assert (names | dev) - requirements("requirements-dev.lock").keys() == set()


def test_duckdb_and_its_extensions_have_one_version() -> None:
    pins = {m["name"]: m["version"] for m in PIN.finditer(read("requirements.lock")) if m["name"].startswith("duckdb")}
    assert "duckdb-extension-spatial" in pins
    assert set(pins.values()) == {"1.5.5"}, "extension wheels exist for exactly one version; see pyproject.toml"


# ---------------------------------------------------------------- layout


def committed_files() -> list[str]:
    """What git holds, or would hold after `git add --all`."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).exists()]


def test_top_level_folders_are_the_fixed_ones() -> None:
    folders = {name.split("/", 1)[0] for name in committed_files() if "/" in name}
    assert folders - TOP_FOLDERS == set()
    assert {"pipelines", "sources", "transforms", "warehouse", "tests"} <= folders


def test_there_is_one_import_package() -> None:
    inside = {name.split("/")[1] for name in committed_files() if name.startswith("pipelines/")}
    assert inside == {"beeld"}


@pytest.mark.parametrize("folder", ["pipelines/beeld", "tests", "sources", "transforms", "warehouse"])
def test_git_ignores_nothing_in(folder: str) -> None:
    names = [f"{folder}/{part}" for part in ("data/x.csv", "logs/x.py", "storage/x.py", "build/x.py", "history/x.yaml")]
    ignored = subprocess.run(["git", "check-ignore", "--no-index", *names], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ignored.stdout == ""


# ---------------------------------------------------------------- commands


@pytest.mark.parametrize("target", TARGETS)
def test_makefile_has(target: str) -> None:
    makefile = read("Makefile")
    assert re.search(rf"(?m)^{target}:", makefile), f"no target {target}"
    phony = re.findall(r"(?m)^\.PHONY: (.*)$", makefile)
    assert target in " ".join(phony).split()


def test_ci_runs_the_three_commands_and_stops_at_the_first_failure() -> None:
    script = read(".ci/run")
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "set -euo pipefail" in script
    places = [script.index(f"\nmake {target}") for target in ("check", "test", "wheel-test")]
    assert places == sorted(places)
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)


def test_licence_is_the_whole_eupl() -> None:
    licence = read("LICENSE")
    assert licence.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    assert re.findall(r"(?m)^(\d+)\.(?=[A-Z])", licence) == [str(n) for n in range(1, 16)]
    assert licence.rstrip().endswith("require the production of a new EUPL version.")
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "EUPL-1.2"


def test_changelog_knows_the_current_version() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert f"## [{version}]" in read("CHANGELOG.md")


# ---------------------------------------------------------------- glossary


def schema_columns() -> dict[str, list[str]]:
    """The columns of every public table and view, as DuckDB reads warehouse/schema.sql."""
    with duckdb.connect(":memory:") as con:
        con.execute(read("warehouse/schema.sql"))
        rows = con.execute(
            """
            select table_name, column_name
            from information_schema.columns
            where table_schema = 'main'
            order by table_name, ordinal_position
            """
        ).fetchall()
    columns: dict[str, list[str]] = {}
    for table, column in rows:
        columns.setdefault(table, []).append(column)
    return columns


def glossary_rows() -> dict[str, list[list[str]]]:
    """The table rows under each heading of BEGRIPPEN.md, backticks removed from heading and first cell."""
    rows: dict[str, list[list[str]]] = {}
    heading = ""
    for line in read("BEGRIPPEN.md").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip("`")
        elif line.startswith("| ") and not line.startswith(("| kolom |", "| woord |")):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows.setdefault(heading, []).append([cells[0].strip("`"), *cells[1:]])
    return rows


def test_glossary_explains_every_public_column_in_order_and_no_other() -> None:
    columns, glossary = schema_columns(), glossary_rows()
    assert {table: [row[0] for row in glossary.get(table, [])] for table in columns} == columns


def test_glossary_gives_each_column_a_meaning_and_its_values() -> None:
    glossary = glossary_rows()
    empty = [(table, row[0]) for table in schema_columns() for row in glossary[table] if len(row) != 3 or not all(row)]
    assert empty == []


WORD_LISTS = {
    ("waarde", "status"): "Status van een cijfer",
    ("gebied", "soort"): "Soort gebied",
    ("indicator", "soort"): "Soort cijfer",
    ("indicator", "rol"): "Rol",
    ("indicator", "richting"): "Richting",
    ("thema_score", "referentie"): "Referentie",
    ("signaal", "niveau"): "Niveau",
    ("signaal", "klasse"): "Klasse",
    ("integraal", "uitkomst"): "Uitkomst van de beslisregel",
    ("trend", "uitkomst"): "Uitkomst van een trend",
    ("weigering", "oordeel"): "Oordeel",
    ("weigering", "gebruik"): "Gebruik",
    ("controle", "ernst"): "Ernst",
    ("wijziging", "soort"): "Soort wijziging",
    ("wijziging", "oorzaak"): "Oorzaak",
}


@pytest.mark.parametrize(("table", "column"), WORD_LISTS)
def test_glossary_explains_exactly_the_words_that_the_schema_allows(table: str, column: str) -> None:
    with duckdb.connect(":memory:") as con:
        con.execute(read("warehouse/schema.sql"))
        checks = con.execute(
            "select constraint_text from duckdb_constraints() where table_name = ? and constraint_type = 'CHECK'",
            [table],
        ).fetchall()
    lists = [re.search(rf"\b{column} IN \(([^()]*)\)", text, re.IGNORECASE) for (text,) in checks]
    allowed = [word for found in lists if found for word in re.findall(r"'([^']*)'", found[1])]
    assert allowed, f"no check on {table}.{column}"
    assert sorted(row[0] for row in glossary_rows()[WORD_LISTS[table, column]]) == sorted(allowed)
