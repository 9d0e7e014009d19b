"""The documentation says what the product does, no more and no less: the product is asked, and held beside the text."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer.main
import yaml

from beeld import errors
from beeld.cli import app
from beeld.settings import load_settings
from beeld.warehouse.export.run import export_release
from beeld.warehouse.query import ask
from beeld.warehouse.read import open_warehouse, warehouse_file

from .conftest import ROOT, recipes

CONTRACT = {
    "demo", "refresh", "render", "find", "status", "check", "trace", "query", "export", "releases", "rollback", "diff",
    "publish", "serve", "schedule",
}  # fmt: skip
EVERYWHERE = {"--help", "--version", "--debug"}
PAGES = sorted(
    (p for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) if p.name != "SECURITY.md"),
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
"""Every page but the security policy, which also speaks of what is promised for later."""
ALL_PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_YET = re.compile(r"<!-- not-yet: commands -->\n(.*?)<!-- /not-yet -->", re.DOTALL)
JUDGING = re.compile(
    r"(?i)\b(?:slechtste\w*|probleemwijk\w*|probleembuurt\w*|achterstandswijk\w*|achterstandsbuurt\w*|krachtwijk\w*)"
)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands() -> dict[str, Any]:
    """The commands of `beeld`, as the command line itself knows them."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


def spoken() -> list[tuple[str, list[str]]]:
    """Every `beeld ...` that a page tells a reader to type: page and words after `beeld`."""
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        fenced = [line for kind, body in FENCE.findall(text) if kind in ("sh", "bash", "console") for line in body.splitlines()]
        inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCE.sub("", text))
        for line in (*fenced, *inline):
            match = re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?beeld (.+)$", line.split("   #")[0].strip())
            if match:
                found.append((name_of(path), shlex.split(match[1].replace("…", "..."))))
    return found


# ---------------------------------------------------------------- README


def test_readme_starts_with_a_picture_and_two_commands() -> None:
    head = page("README.md").splitlines()[:8]
    picture = re.search(r"!\[[^\]]{20,}\]\(([^)]+\.png)\)", "\n".join(head))
    assert picture, "no picture with a description"
    assert 20_000 < (ROOT / picture[1]).stat().st_size <= 300_000
    typed = [line.split("#")[0].strip() for line in head]
    assert [line for line in typed if line.startswith("make ")] == ["make demo", "make test"]


def test_readme_names_the_required_sources_and_the_book_of_sources_every_table() -> None:
    book = page("docs/bronnen.md")
    lines = [line for line in page("README.md").splitlines() if line.startswith("|")]
    for path in sorted((ROOT / "sources").glob("*.yaml")):
        source = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "bron" not in source:
            continue
        assert [table["tabel"] for table in source["tabellen"] if table["tabel"] not in book] == [], path.name
        if source.get("verplicht"):
            (row,) = [line for line in lines if f"`{source['bron']}`" in line]
            assert [text for text in (source["uitgever"], source["licentie"]) if text not in row] == [], path.name


def test_readme_gives_the_licence_and_the_test_command_of_ci() -> None:
    text = page("README.md")
    assert tomllib.loads(page("pyproject.toml"))["project"]["license"] in text
    targets = re.findall(r"(?m)^make ([a-z-]+)", page(".ci/run"))
    assert targets
    assert [target for target in targets if f"make {target}" not in text] == []


def test_make_targets_that_are_mentioned_exist() -> None:
    makefile = page("Makefile")
    for path in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`", path.read_text(encoding="utf-8")):
            assert re.search(rf"(?m)^{target}:", makefile), f"{name_of(path)}: make {target}"


def test_numbers_of_tables_and_indicators_are_right() -> None:
    with duckdb.connect(":memory:") as con:
        con.execute(page("warehouse/schema.sql"))
        kinds = dict(
            con.execute(
                "select table_type, count(*) from information_schema.tables where table_schema = 'main' group by 1"
            ).fetchall()
        )
    assert f"{kinds['BASE TABLE']} tables and {kinds['VIEW'] + 1} views" in page("README.md")  # the view profiel is generated
    assert f"{len(catalogue())} indicators" in page("CHANGELOG.md")
    used = {indicator["bron"] for indicator in catalogue().values()}
    declared = [path for path in ROOT.glob("sources/*.yaml") if "bron" in yaml.safe_load(path.read_text(encoding="utf-8"))]
    told = page("README.md")
    assert f"Declared are {len(declared)} sources;" in told
    assert f"The {len(catalogue())} indicators rest on {len(used)} of them;" in told


# ---------------------------------------------------------------- command line, exit codes, settings


def section(command: str) -> str:
    match = re.search(rf"(?ms)^### `beeld {command}`\n(.*?)(?=^##|\Z)", page("docs/commands.md"))
    assert match, f"docs/commands.md does not describe beeld {command}"
    return match[1]


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_and_option_is_described(command: str) -> None:
    text = section(command)
    own = options(commands()[command]) - EVERYWHERE
    assert set(re.findall(r"`(--[a-z-]+)", text)) - EVERYWHERE == own
    assert len(text.split()) > 8


def test_promised_commands_exist_or_are_said_to_be_missing() -> None:
    block = NOT_YET.search(page("docs/commands.md"))
    assert block
    missing = set(re.findall(r"`([a-z]+)`", block[1]))
    assert set(commands()) | missing == CONTRACT
    assert set(commands()) & missing == set(), "these exist now: describe them"
    (line,) = [line for line in page("CHANGELOG.md").split("\n### ") if line.startswith("Not yet")]
    assert [name for name in missing if f"`{name}`" not in line] == []


def test_every_command_that_a_page_mentions_exists() -> None:
    known = commands()
    lines = spoken()
    assert len(lines) > 40
    for where, words in lines:
        if words[0] in EVERYWHERE:
            continue
        assert words[0] in known, f"{where}: beeld {' '.join(words)}"
        used = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
        assert used <= options(known[words[0]]) | EVERYWHERE, f"{where}: beeld {' '.join(words)}"


def test_exit_codes_are_those_of_the_errors() -> None:
    raised = {kind.exit_code for kind in (errors.BeeldError, *errors.BeeldError.__subclasses__())}
    codes = re.search(r"(?ms)^## Exit codes\n(.*?)^## ", page("docs/commands.md"))
    assert codes
    assert {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", codes[1])} == raised | {0, 1, 130}


def environment_variables() -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipelines").rglob("*.py"))
    return set(re.findall(r"\bBEELD_[A-Z0-9_]+\b", text))


def test_every_environment_variable_is_described_and_no_other() -> None:
    described = set(re.findall(r"(?m)^\| `(BEELD_[A-Z0-9_]+)` \|", page("docs/commands.md")))
    assert described == environment_variables()
    for path in PAGES:
        text = path.read_text(encoding="utf-8").split("### Not yet")[0]
        assert set(re.findall(r"\bBEELD_[A-Z0-9]\w+\b", text)) <= described, name_of(path)


def test_defaults_of_the_addresses_are_right(tmp_path: Path) -> None:
    text = page("docs/commands.md")
    assert [url for url in load_settings({}, folder=tmp_path).urls.values() if f"`{url}`" not in text] == []


@pytest.mark.parametrize("name", ["docs/commands.md", "docs/kennismanager.md"])
def test_beeld_toml_of_the_pages_is_read(name: str, tmp_path: Path) -> None:
    (block,) = [body for kind, body in FENCE.findall(page(name)) if kind == "toml"]
    (tmp_path / "beeld.toml").write_text(block, encoding="utf-8")
    settings = load_settings({}, folder=tmp_path)
    assert settings.areas[0] == "GM0748"
    assert settings.texts["WK074802"]["aanleiding"]


# ---------------------------------------------------------------- words of the warehouse


def catalogue() -> dict[str, Any]:
    return yaml.safe_load(page("transforms/indicatoren.yaml"))


def schema() -> dict[str, set[str]]:
    with duckdb.connect(":memory:") as con:
        con.execute(page("warehouse/schema.sql"))
        rows = con.execute("select table_name, column_name from duckdb_columns() where schema_name = 'main'").fetchall()
    tables: dict[str, set[str]] = {}
    for table, column in rows:
        tables.setdefault(table, set()).add(column)
    return tables


def test_every_table_with_a_column_that_a_page_mentions_exists() -> None:
    tables = schema()
    for path in PAGES:
        for table, column in re.findall(r"`([a-z_]+)\.([a-z_0-9]+)`", path.read_text(encoding="utf-8")):
            if table in tables:
                assert column in tables[table], f"{name_of(path)}: {table}.{column}"


def test_every_indicator_that_a_page_or_notebook_mentions_exists() -> None:
    known = set(catalogue()) | {
        name for recipe in recipes() if recipe.kind == "indicator" for name in yaml.safe_load(recipe.text)
    }
    columns = set().union(*schema().values())
    for path in sorted((ROOT / "sources").glob("*.yaml")):
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
        columns |= set(declared.get("kolommen") or ()) | {path.stem} if isinstance(declared, dict) else set()
    starts = {name.split("_")[0] for name in known if "_" in name}
    count = 0
    for path in (*PAGES, *NOTEBOOKS):
        text = path.read_text(encoding="utf-8")
        words = set(re.findall(r"[`'\" (]([a-z]+_[a-z0-9_]+)(?=[`'\",: )])", text))
        for word in sorted(words - columns):
            if word.split("_")[0] in starts and not word.startswith(("aantal_buurten", "geen_")):
                assert word in known, f"{name_of(path)}: {word}"
                count += 1
    assert count > 15


# ---------------------------------------------------------------- links


def slug(heading: str) -> str:
    """The anchor of a heading, as code hosting sites make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"(?m)^#+ (.+)$", text)}


def links() -> Iterator[tuple[Path, str]]:
    for path in ALL_PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", path.read_text(encoding="utf-8"))):
            yield path, target
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                for target in re.findall(r"\]\(([^)\s]+)\)", "".join(cell["source"])):
                    yield path, target


def test_every_local_link_and_anchor_resolves() -> None:
    found = [(path, target) for path, target in links() if not re.match(r"[a-z]+:", target)]
    assert len(found) > 30
    for path, target in found:
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{name_of(path)}: {target}"
        assert file.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(file), f"{name_of(path)}: {target}"


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    text = page("README.md")
    mine = [path for path in ROOT.glob("docs/*.md") if path.name != "benchmarks.md"]
    assert [name_of(path) for path in mine if f"({name_of(path)})" not in text] == []


# ---------------------------------------------------------------- wording


@pytest.mark.parametrize("path", [*ALL_PAGES, *NOTEBOOKS], ids=name_of)
def test_page_judges_nobody_and_names_no_place_of_work(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for pattern in (JUDGING, re.compile(r"(?i)\bpypi\b|index-url|/work/|/home/|/tmp/"), re.compile(r"bewoners zijn (?!…)")):
        found = pattern.search(text)
        assert found is None, f"{name_of(path)}: {found and found[0]!r}"


@pytest.mark.parametrize("name", ["docs/beleidsmaker.md", "docs/kennismanager.md"])
def test_dutch_for_everyone_has_short_sentences(name: str) -> None:
    text = re.sub(r"(?m)^(?:\|.*|#.*)$", "", FENCE.sub("", page(name)))
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "x", text))
    sentences = [s for s in re.split(r"(?<=[.?!:])[\"'*]*\s+|\n\s*\n|\n\s*(?=\d+\.|-)", text) if s.strip()]
    long = [" ".join(s.split()) for s in sentences if len(s.split()) > 25]
    assert long == []
    assert sum(len(s.split()) for s in sentences) / len(sentences) < 13


# ---------------------------------------------------------------- queries and examples, on a release


def queries() -> list[tuple[str, str]]:
    return [
        (name_of(path), body) for path in PAGES for kind, body in FENCE.findall(path.read_text(encoding="utf-8")) if kind == "sql"
    ]


def test_policy_makers_get_ten_queries() -> None:
    assert len([name for name, _ in queries() if name == "docs/beleidsmaker.md"]) == 14
    unordered = [sql for _, sql in queries() if "order by" not in sql]
    assert unordered == []


@pytest.mark.parametrize(("name", "sql"), queries(), ids=lambda value: " ".join(str(value).split())[:60])
def test_query_of_a_page_gives_rows(docs_home: Path, name: str, sql: str) -> None:
    assert ask((docs_home / "current").resolve(), sql).rows, name


def test_query_in_a_command_gives_rows(docs_home: Path) -> None:
    asked = [words[1] for _, words in spoken() if words[0] == "query" and len(words) > 1]
    assert len(asked) >= 3
    for sql in asked:
        if "bedrijven_per_km2" not in sql:
            assert ask((docs_home / "current").resolve(), sql).rows, sql


def test_traces_that_are_mentioned_exist(docs_home: Path, recipe_release: Path) -> None:
    traced = [words[1:4] for _, words in spoken() if words[0] == "trace" and len(words) > 2]
    assert len(traced) >= 4
    for code, indicator, *year in traced:
        if code.startswith("BU9001"):
            with open_warehouse(warehouse_file(recipe_release)) as con:
                found = con.execute(
                    "select status from waarde where gebiedscode = ? and indicator = ? and peiljaar = coalesce(?, peiljaar)",
                    [code, indicator, int(year[0]) if year and year[0].isdigit() else None],
                ).fetchall()
            assert ("ok",) in found, (code, indicator, year)


def test_example_in_python_runs(docs_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [body for kind, body in FENCE.findall(page("docs/analist.md")) if kind == "python"]
    monkeypatch.chdir(docs_home.parent)
    space: dict[str, Any] = {}
    exec(compile(code, "docs/analist.md", "exec"), space)  # noqa: S102 - our own page
    assert len(space["profiel"]) > 100


def test_example_in_python_on_an_export_runs(
    docs_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = [body for kind, body in FENCE.findall(page("docs/beleidsmaker.md")) if kind == "python"]
    settings = replace(load_settings({}, folder=tmp_path), home=docs_home)
    export_release(settings, tmp_path / "cijfers", ("parquet",))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/beleidsmaker.md", "exec"), {})  # noqa: S102 - our own page
    assert "Verzinbuurt" in capsys.readouterr().out
