"""Refreshing: only what changed is fetched, the same inputs are the same release, areas are meant by code or by name."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from beeld.errors import UsageError
from beeld.refresh import Options, fetch, gather_inputs
from beeld.warehouse.release import read_manifest
from tests.loopback import LoopbackServer
from tests.reliability.worlds import CommandLine, RealRelease, World, catalog_of, complete, example_settings

NEWER = "2026-09-02T02:00:00"


# ---------------------------------------------------------------- nothing changed


def test_a_second_refresh_fetches_no_data_pages_and_keeps_the_release(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    started = time.monotonic()
    ending = beeld(world.settings, "refresh", "--no-render")
    assert time.monotonic() - started < 5
    assert ending.code == 0
    assert ending.err.strip() == f"nothing has changed: release {before} stands"
    assert ending.out.strip() == str(world.settings.releases / before)
    assert world.server.data_page_requests() == []
    assert len(world.server.log) == 5, "two catalogues and three descriptions of a collection"
    assert complete(world.settings) == before


def test_a_second_refresh_of_the_real_figures_too(real_release: RealRelease, beeld: CommandLine) -> None:
    real_release.server.clear_log()
    manifest = read_manifest(real_release.result.folder)
    words = [word for code in manifest["gebieden"] for word in ("--area", code)]
    settings = replace(real_release.settings, formats=tuple(manifest["formaten"]))
    started = time.monotonic()
    ending = beeld(settings, "refresh", *words)
    assert time.monotonic() - started < 5
    assert ending.code == 0
    assert f"nothing has changed: release {real_release.result.release} stands" in ending.err
    assert real_release.server.data_page_requests() == []


def test_a_damaged_release_is_made_again_in_its_place(world: World) -> None:
    name = world.refresh("GM9001").release
    folder = world.settings.releases / name
    lost = folder / "parquet" / "gebied.parquet"
    lost.unlink()
    result = world.refresh("GM9001")
    assert (result.new, result.release) == (True, name)
    assert lost.is_file()
    assert complete(world.settings) == name
    assert list(world.settings.build.glob("uitgave-*")) == []


# ---------------------------------------------------------------- something changed


def test_only_the_table_that_changed_is_fetched_again(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    world.server.set_modified("47022NED", NEWER)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    assert {entry.path.split("/")[-2] for entry in world.server.data_page_requests()} == {"47022NED"}
    after = complete(world.settings)
    assert after != before
    assert after.startswith(NEWER[:10].replace("-", ""))
    assert world.query("select gemaakt_op::varchar from release") == [(NEWER.replace("T", " "),)]
    changed = [
        entry["tabel"]
        for entry, earlier in zip(
            read_manifest(world.settings.releases / after)["invoer"],
            read_manifest(world.settings.releases / before)["invoer"],
            strict=True,
        )
        if entry["sha256"] != earlier["sha256"]
    ]
    assert changed == ["47022NED"]
    listed = beeld(world.settings, "releases").out.splitlines()
    assert [(line[0], line[2:].split("\t")[0]) for line in listed] == [(" ", before), ("*", after)]

    # Going back and refreshing again: the newest inputs have their release already.
    assert beeld(world.settings, "rollback").out.strip() == before
    assert complete(world.settings) == before
    assert "nothing has changed" in beeld(world.settings, "refresh", "--no-render").err
    assert complete(world.settings) == after


def test_offline_asks_nobody_anything(world: World, beeld: CommandLine) -> None:
    world.server.set_modified("47022NED", NEWER)
    before = complete(world.settings)
    ending = beeld(world.settings, "refresh", "--no-render", "--offline")
    assert (ending.code, complete(world.settings)) == (0, before)
    assert world.server.log == []


def test_offline_without_an_archive_says_what_to_do(empty_world: World, beeld: CommandLine) -> None:
    ending = beeld(empty_world.settings, "refresh", "--offline")
    assert ending.code == 2
    assert "beeld refresh" in ending.err
    assert not empty_world.settings.current.exists()


# ---------------------------------------------------------------- which areas


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["GM9001"], ["GM9001"]),
        (["gm9001"], ["GM9001"]),
        (["Voorbeeldstad"], ["GM9001"]),
        (["voorbeeldstad", "GM9001"], ["GM9001"]),
        (["BU9001AF09", "'s-Voorbeeld"], ["BU9001AF09", "GM9100"]),
    ],
)
def test_an_area_is_meant_by_code_or_by_exact_name(asked: list[str], meant: list[str], world: World) -> None:
    inputs = gather_inputs(world.settings, Options(areas=tuple(asked)), catalog_of(world.settings.project), world.look())
    assert list(inputs.options.areas) == meant


def test_an_ambiguous_name_lists_the_codes_that_it_may_mean(world: World, beeld: CommandLine) -> None:
    ending = beeld(world.settings, "refresh", "--area", "Centrum")
    assert ending.code == 2
    assert len(ending.lines) == 1
    codes = re.findall(r"\b[A-Z]{2}[0-9A-Z]{4,8}\b", ending.err)
    assert codes == sorted(code for (code,) in world.query("select gebiedscode from gebied where naam = 'Centrum'"))
    assert len(codes) > 1


@pytest.mark.parametrize("text", ["Nergenshuizen", "GM0000", "", "../../etc/passwd", "<script>alert(1)</script>\n"])
def test_an_area_that_does_not_exist_is_wrong_use(text: str, world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    ending = beeld(world.settings, "refresh", "--area", text)
    assert ending.code == UsageError.exit_code
    assert len(ending.lines) == 1
    assert "beeld find" in ending.err
    assert complete(world.settings) == before


def test_a_listed_untyped_data_set_that_does_not_exist_is_no_obstacle(
    example_data: Path, example_project_folder: Path, tmp_path: Path
) -> None:
    with LoopbackServer(example_data, list_both=True) as server:
        settings = example_settings(example_project_folder, server.environment, tmp_path)
        delivered = fetch(settings, Options(), catalog_of(settings.project), transport=None, progress=lambda _: None)
        assert any("UntypedDataSet" in entry.path and entry.status == 404 for entry in server.log)
    typed = {d.table.tabel for d in delivered if d.snapshot and d.snapshot.names("TypedDataSet-")}
    assert "84799NED" in typed
    assert all(d.status == "actueel" for d in delivered)


# ---------------------------------------------------------------- a source that cannot be read


def test_a_stale_source_is_said_by_the_next_edition_and_beside_its_figures(world: World, beeld: CommandLine) -> None:
    """A fault alone is no new edition; the next edition names it; once the source is back, an edition without it follows."""
    before = complete(world.settings)
    world.news("50090NED")
    world.server.fault("status", "UntypedDataSet", table="50090NED", code=503)
    assert beeld(world.settings, "refresh", "--no-render").code == 0
    assert complete(world.settings) == before
    assert world.query("select distinct status from bron") == [("actueel",)]

    world.server.set_modified("47022NED", NEWER)
    assert beeld(world.settings, "refresh", "--area", "GM9001").code == 0
    named = complete(world.settings)
    assert named != before
    assert world.query("select tabel from bron where status = 'verouderd'") == [("50090NED",)]
    index = (world.settings.releases / named / "site" / "index.html").read_text(encoding="utf-8")
    assert "Gezondheid per wijk en buurt, tabel 50090NED: niet bijgewerkt." in index
    page = (world.settings.releases / named / "site" / "gebied" / "GM9001" / "index.html").read_text(encoding="utf-8")
    tables = re.findall(r'<table class="cijfers">.*?</table>', page, re.DOTALL)
    rows = re.findall(r"<tr>.*?</tr>", "".join(tables))
    lonely = [row for row in rows if 'data-indicator="aandeel_eenzaam"' in row]
    people = [row for row in rows if 'data-indicator="aantal_inwoners"' in row]
    assert lonely
    assert all("bron niet bijgewerkt" in row for row in lonely)
    assert people
    assert not any("bron niet bijgewerkt" in row for row in people)
    assert "nothing has changed" in beeld(world.settings, "refresh", "--area", "GM9001").err, "the fault goes on: same edition"

    world.server.clear_faults()
    assert "published" in beeld(world.settings, "refresh", "--area", "GM9001").err
    assert world.query("select distinct status from bron") == [("actueel",)]
    assert complete(world.settings) != named


@pytest.mark.parametrize("words", [("refresh", "--area", "GM9001"), ("render", "GM9001")])
def test_a_language_that_is_not_there_is_said_by_every_command_that_draws(
    words: tuple[str, ...], world: World, beeld: CommandLine
) -> None:
    before = complete(world.settings)
    ending = beeld(replace(world.settings, language="nl,fy"), *words)
    assert ending.code == UsageError.exit_code
    assert "language 'fy' does not exist" in ending.err
    assert complete(world.settings) == before
