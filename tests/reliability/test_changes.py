"""What changed since the edition before: each cause as a small story of two refreshes, and the promises about editions."""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld import refresh as flow
from beeld.errors import ChecksFailed
from beeld.refresh import rebuild_differences
from beeld.transforms.catalog import Catalog
from beeld.transforms.corrections import load_corrections
from beeld.warehouse import inputs, release
from tests.reliability.worlds import CommandLine, World, complete, copy_home

Row = dict[str, Any]
HEALTH, KEY_FIGURES = "50090NED", "85984NED"
EENZAAM = "Eenzaam_28"
Change = tuple[str, str, int, str, str, float | None, float | None, str | None, str | None]


def changes(world: World) -> list[Change]:
    """All rows of `wijziging` of the current release."""
    return [tuple(row) for row in world.query("select * from wijziging order by all")]


def causes(world: World) -> set[str]:
    """The causes in the current release."""
    return {row[4] for row in changes(world)}


def buurten(rows: Iterable[Row]) -> list[str]:
    """The first ten buurten."""
    return sorted({row["WijkenEnBuurten"] for row in rows if row["WijkenEnBuurten"].startswith("BU")})[:10]


def edited(column: str, text: str) -> Callable[[list[Row]], list[Row]]:
    """The delivery with `text` in one column of the first ten buurten."""

    def edit(rows: list[Row]) -> list[Row]:
        codes = buurten(rows)
        return [{**row, column: text} if row["WijkenEnBuurten"] in codes else row for row in rows]

    return edit


def deliver(world: World, edit: Callable[[list[Row]], list[Row]], table: str = HEALTH) -> None:
    """The source delivers the table anew, edited."""
    world.news(table)
    world.server.fault("mutate", table=table, function=edit)


def test_the_first_edition_has_no_changes_and_says_that_it_follows_none(world: World) -> None:
    assert changes(world) == []
    assert world.query("select vorige, vorige_gemaakt_op from release") == [(None, None)]
    assert release.read_manifest(world.settings.current)["vorige"] is None


def test_a_withdrawn_figure_is_the_doing_of_the_source_and_its_return_is_new(world: World) -> None:
    first = complete(world.settings)
    deliver(world, edited(EENZAAM, "       ."))
    assert world.refresh().new
    second = complete(world.settings)
    found = [row for row in changes(world) if row[1] == "aandeel_eenzaam"]
    assert found
    assert {(kind, cause, was, now) for _, _, _, kind, cause, _, _, was, now in found} == {
        ("ingetrokken", "bronrevisie", "ok", "onbekend")
    }
    assert all(old is not None and new is None for *_, old, new, _, _ in found)
    assert world.query("select vorige from release") == [(first,)]

    world.server.clear_faults()
    world.server.set_modified(HEALTH, "2026-10-01T02:00:00")
    assert world.refresh().new
    back = [row for row in changes(world) if row[1] == "aandeel_eenzaam"]
    assert [row[6] for row in back] == [row[5] for row in found]
    assert {(row[3], row[4], row[7], row[8]) for row in back} == {("nieuw", "bronrevisie", "onbekend", "ok")}
    assert world.query("select vorige from release") == [(second,)]


def test_another_reason_for_an_empty_figure_is_a_change_too(world: World) -> None:
    deliver(world, edited(EENZAAM, "       ."))
    world.refresh()
    world.server.clear_faults()
    world.server.set_modified(HEALTH, "2026-10-01T02:00:00")
    world.server.fault("mutate", table=HEALTH, function=edited(EENZAAM, "       x"))
    world.refresh()
    found = [row for row in changes(world) if row[1] == "aandeel_eenzaam"]
    assert {row[3:] for row in found} == {("herzien", "bronrevisie", None, None, "onbekend", "geheim")}


def test_a_year_that_was_not_there_is_a_new_year(world: World) -> None:
    world.server.hide(KEY_FIGURES)
    world.forget(KEY_FIGURES)
    world.refresh()
    world.server.show(KEY_FIGURES)
    world.refresh()
    years = {row[2] for row in changes(world) if row[4] == "nieuw jaar"}
    assert years == {2024}
    assert {row[3] for row in changes(world) if row[4] == "nieuw jaar"} == {"nieuw"}


def test_a_correction_explains_the_cells_that_it_touches_and_no_other(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = world.query("select bron_kolom, bron_tabel from waarde where indicator = 'aandeel_eenzaam' limit 1")[0]
    code, year, value = world.query(
        "select gebiedscode, peiljaar, waarde from waarde where indicator = 'aandeel_eenzaam' and waarde > 0"
        " and gebiedscode[1:2] = 'BU'"
        " order by peiljaar desc, gebiedscode limit 1"
    )[0]
    project = with_correction(world, tmp_path, year, value)
    load = flow.load_catalog

    def corrected(folder: Path, home: Path | None = None, *, example: bool = False) -> Catalog:
        """The example is not corrected by itself."""
        catalog = load(folder, home, example=example)
        return replace(catalog, corrections=load_corrections(folder / "sources" / "correcties.yaml", catalog.sources))

    monkeypatch.setattr(flow, "load_catalog", corrected)
    assert flow.refresh(project, flow.Options(render=False)).new
    found = changes(world)
    assert {row[1:7] for row in found} == {("aandeel_eenzaam", year, "herzien", "correctie", value, value + 1)}
    assert code in {row[0] for row in found}
    cells = world.query(
        "select gebiedscode, tabel, kolom, oude_waarde, nieuwe_waarde from correctie where oude_waarde = nieuwe_waarde - 1"
    )
    assert {row[1:] for row in cells} == {(column[1], column[0], value, value + 1)}
    assert {row[0] for row in found} <= {row[0] for row in cells}
    monkeypatch.setattr(flow, "load_catalog", load)
    again = replace(project, project=world.settings.project)
    assert flow.refresh(again, flow.Options(render=False)).new is False, "the first edition stands"


def with_correction(world: World, folder: Path, year: int, value: float) -> Any:
    """Settings of a project with a correction of every cell of one year that holds this value."""
    project = folder / "project"
    shutil.copytree(world.settings.project, project)
    text = json.dumps(
        [
            {
                "id": "proef",
                "bron": "rivm_gezondheid",
                "tabel": HEALTH,
                "kolom": column_of(world),
                "als": value,
                "peiljaar": year,
                "wordt": value + 1,
                "reden": "Een proef: de bron meldde dat dit cijfer een te laag is.",
            }
        ]
    )
    (project / "sources" / "correcties.yaml").write_text(text, encoding="utf-8")
    return replace(world.settings, project=project)


def column_of(world: World) -> str:
    """The declared column of the figure."""
    return world.query("select formule from indicator where indicator = 'aandeel_eenzaam'")[0][0]


def test_another_method_explains_what_nothing_else_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch)
    monkeypatch.setattr(inputs, "METHOD_VERSION", "99")
    assert world.refresh().new
    assert causes(world) == {"methode"}
    assert world.query("select geslaagd from controle where controle = 'wijziging_verklaard'") == [(True,)]


def test_what_nothing_explains_is_a_warning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that move by themselves: the texts of the team make another release, and explain no figure."""
    spoil(monkeypatch)
    settings = replace(world.settings, texts={"WK900101": {"aanleiding": "Een proef."}})
    assert flow.refresh(settings, flow.Options(render=False)).new
    assert causes(world) == {"onverklaard"}
    rows = world.query("select count(*) from wijziging")
    assert world.query("select ernst, geslaagd, aantal from controle where controle = 'wijziging_verklaard'") == [
        ("waarschuwing", False, rows[0][0])
    ]


def spoil(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on one indicator comes out one higher."""
    compute = flow.build.Making.compute_values

    def spoiled(self: Any) -> dict[str, int]:
        counts = compute(self)
        self.con.execute("update waarde set waarde = waarde + 0.5 where indicator = 'gemiddelde_woz_waarde'")
        return counts

    monkeypatch.setattr(flow.build.Making, "compute_values", spoiled)


def test_diff_counts_what_the_table_lists(world: World, beeld: CommandLine) -> None:
    first = complete(world.settings)
    deliver(world, edited(EENZAAM, "    12.5"))
    world.refresh()
    told = json.loads(beeld(world.settings, "diff", first, complete(world.settings), "--json").out)["cijfers"]
    listed = world.query(
        "select indicator, peiljaar, soort, oorzaak, count(*), max(abs(nieuwe_waarde - oude_waarde)) from wijziging"
        " group by all order by all"
    )
    assert told
    keys = ("indicator", "peiljaar", "soort", "oorzaak", "aantal", "grootste_verschil")
    assert [tuple(each[key] for key in keys) for each in told] == listed


# ---------------------------------------------------------------- editions


def test_nothing_changed_keeps_the_second_edition_and_going_back_finds_the_first(world: World) -> None:
    first = complete(world.settings)
    deliver(world, edited(EENZAAM, "       ."))
    second = world.refresh()
    assert second.new
    again = world.refresh()
    assert (again.new, again.release) == (False, second.release)
    release.rollback(world.settings, first)
    back = world.refresh()
    assert (back.new, back.release) == (False, second.release), "what was built before is found, whatever was current"


def test_both_editions_can_be_built_again(world: World, beeld: CommandLine) -> None:
    first = complete(world.settings)
    deliver(world, edited(EENZAAM, "       ."))
    second = world.refresh().release
    for name in (first, second):
        assert rebuild_differences(world.settings, name, lambda _message: None) == []
    release.remove_tree(world.settings.releases / first)
    ending = beeld(world.settings, "check", "--rebuild", second)
    assert ending.code == 0
    assert first in ending.err
    assert "wijziging is not compared" in ending.err


def test_the_same_two_refreshes_give_the_same_bytes(world: World, tmp_path: Path) -> None:
    other = World(world.server, replace(world.settings, home=copy_home(world.home, tmp_path / "elders")))
    deliver(world, edited(EENZAAM, "       ."))
    folders = [world.refresh().folder, other.refresh().folder]
    assert folders[0].name == folders[1].name
    assert len({(folder / "parquet" / "wijziging.parquet").read_bytes() for folder in folders}) == 1
    assert len({(folder / "parquet" / "release.parquet").read_bytes() for folder in folders}) == 1


def test_a_damaged_edition_is_not_compared_with_but_the_one_before_it(world: World) -> None:
    first = complete(world.settings)
    deliver(world, edited(EENZAAM, "       ."))
    second = world.refresh().folder
    file = second / "parquet" / "waarde.parquet"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-8] + b"verkeerd")
    world.server.clear_faults()
    world.server.set_modified(HEALTH, "2026-10-01T02:00:00")
    world.server.fault("mutate", table=HEALTH, function=edited(EENZAAM, "    12.5"))
    world.refresh()
    assert world.query("select vorige from release") == [(first,)]


def test_a_damaged_edition_that_is_made_again_follows_the_edition_that_it_followed(world: World) -> None:
    deliver(world, edited(EENZAAM, "       ."))
    second = world.refresh().folder
    (second / "parquet").chmod(0o755)
    (second / "parquet" / "trend.parquet").unlink()
    again = world.refresh()
    assert (again.new, again.release) == (True, second.name)
    assert duckdb.execute(
        "select count(*) from read_parquet(?)", [str(again.folder / "parquet" / "wijziging.parquet")]
    ).fetchone()


def test_a_refused_build_leaves_the_edition_that_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = complete(world.settings)

    def refuse(*_: object) -> None:
        raise ChecksFailed("checks failed: proef")

    monkeypatch.setattr(flow.checks, "run_checks", refuse)
    deliver(world, edited(EENZAAM, "       ."))
    with pytest.raises(ChecksFailed):
        world.refresh()
    assert complete(world.settings) == first
