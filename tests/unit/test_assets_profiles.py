"""`profielen`: a partition per gemeente. One that fails stops no other, leaves what stood, and never touches the release."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from beeld import refresh
from beeld.assets.definitions import definitions
from beeld.assets.profiles import GEMEENTEN, PROFILES, RENDER_JOB
from beeld.assets.rendering import folder_of, gemeenten, render_gemeente
from beeld.errors import UsageError
from beeld.settings import Settings
from beeld.warehouse import read, release
from beeld.warehouse.read import current_id
from tests.reliability.worlds import World

KEY = dg.AssetKey([PROFILES])


def partition(settings: Settings, gemeente: str, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    """One partition as a backfill runs it: a run of its own."""
    return (
        definitions(lambda: settings)
        .resolve_job_def(RENDER_JOB)
        .execute_in_process(
            partition_key=gemeente,
            instance=instance,
            raise_on_error=False,
            run_config={"ops": {PROFILES: {"config": config}}} if config else None,
        )
    )


def state_of(folder: Path) -> dict[str, str]:
    """Every file of a release with its hash."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rendering takes no time: a page with the code on it. The second gemeente that fails is the one put in the list."""
    failing: list[str] = []

    def render(_settings: Settings, codes: Sequence[str], *, out: Path, formats: Sequence[str], **_rest: Any) -> Path:
        out.mkdir(parents=True)
        (out / "index.html").write_text(f"{codes[0]} {','.join(formats)}", encoding="utf-8")
        if codes[0] in failing:
            raise UsageError(f"{codes[0]} cannot be drawn")
        return out / "index.html"

    monkeypatch.setattr(refresh, "render_current", render)
    return failing


def test_one_gemeente_that_fails_stops_no_other_and_the_release_stays_as_it_is(world: World, drawn: list[str]) -> None:
    every = ["GM9001", *(code for code in world_gemeenten(world) if code != "GM9001")][:3]
    assert len(every) == 3
    name, before = current_id(world.settings), state_of(world.settings.current.resolve())
    drawn.append(every[1])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("gemeente", every)
        outcome = {code: partition(world.settings, code, instance).success for code in every}
        assert outcome == {every[0]: True, every[1]: False, every[2]: True}
        assert instance.get_materialized_partitions(KEY) == {every[0], every[2]}
        drawn.clear()
        assert partition(world.settings, every[1], instance).success
        assert instance.get_materialized_partitions(KEY) == set(every)
    root = world.settings.home / "profielen" / str(name)
    assert sorted(path.name for path in root.iterdir()) == sorted(every)  # and nothing half made
    assert state_of(world.settings.current.resolve()) == before


def world_gemeenten(world: World) -> list[str]:
    return [row[0] for row in world.query("select gebiedscode from gebied where soort = 'gemeente' order by 1")]


def test_a_failure_leaves_what_stood_and_a_success_replaces_it(world: World, drawn: list[str]) -> None:
    made = render_gemeente(world.settings, "GM9001", ["html"], lambda _line: None)
    assert made.index.read_text(encoding="utf-8") == "GM9001 html"
    assert made.files == {"html": 1}
    drawn.append("GM9001")
    with pytest.raises(UsageError, match="cannot be drawn"):
        render_gemeente(world.settings, "GM9001", ["html", "pdf"], lambda _line: None)
    assert made.index.read_text(encoding="utf-8") == "GM9001 html"
    drawn.clear()
    render_gemeente(world.settings, "GM9001", ["html", "pdf"], lambda _line: None)
    assert made.index.read_text(encoding="utf-8") == "GM9001 html,pdf"
    assert [path.name for path in made.index.parent.parent.iterdir()] == ["GM9001"]


def test_what_is_asked_and_made_stands_with_the_materialisation(world: World, drawn: list[str]) -> None:
    assert drawn == []
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("gemeente", ["GM9001"])
        result = partition(world.settings, "GM9001", instance, formats=["html", "xlsx"])
        (event,) = result.get_asset_materialization_events()
    said = event.materialization.metadata
    index = folder_of(world.settings, str(current_id(world.settings)), "GM9001") / "index.html"
    assert (said["release"].value, said["site"].value, said["html"].value) == (current_id(world.settings), str(index), 1)
    assert index.read_text(encoding="utf-8") == "GM9001 html,xlsx"


def test_a_release_that_becomes_current_meanwhile_is_not_mixed_in(
    world: World, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drawn == []

    def another(_settings: Settings) -> str:
        return "een andere"

    monkeypatch.setattr(read, "current_id", another)
    with pytest.raises(UsageError, match="became current"):
        render_gemeente(world.settings, "GM9001", ["html"], lambda _line: None)
    assert [path for path in (world.settings.home / "profielen").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../../x", "GM9001/..", "gm9001", "BU90010102", "", "GM9001\n", "GM٩٠٠١"])
def test_a_partition_that_is_no_code_of_a_gemeente_is_refused(name: str, world: World) -> None:
    with pytest.raises(UsageError, match="no code of a gemeente"):
        render_gemeente(world.settings, name, [], lambda _line: None)
    assert not (world.settings.home / "profielen").exists()


def test_the_partitions_are_those_of_the_current_release(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (sensor,) = (sensor for sensor in definitions(lambda: world.settings).sensors or () if sensor.name == "gemeenten")
    assert isinstance(sensor, dg.SensorDefinition)
    assert gemeenten(world.settings) == []  # a release that was made for no area
    other = next(code for code in world_gemeenten(world) if code != "GM9001")
    manifest = release.read_manifest(world.settings.current.resolve())
    covering: dict[str, Any] = {**manifest, "gebieden": ["BU90010102", other]}

    def read_manifest(_folder: Path) -> dict[str, Any]:
        return covering

    monkeypatch.setattr(release, "read_manifest", read_manifest)
    wanted = gemeenten(world.settings)
    assert wanted == sorted(["GM9001", other])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("gemeente", ["GM0000"])
        with dg.build_sensor_context(instance=instance) as context:
            ticked = sensor.evaluate_tick(context)
        asked = [(type(r).__name__, list(r.partition_keys)) for r in ticked.dynamic_partitions_requests or ()]
        assert asked == [("AddDynamicPartitionsRequest", wanted), ("DeleteDynamicPartitionsRequest", ["GM0000"])]
        with dg.build_sensor_context(instance=instance, cursor=ticked.cursor) as context:
            assert "still stands" in str(sensor.evaluate_tick(context).skip_message)
    assert GEMEENTEN.name == "gemeente"


def test_no_release_no_partitions(empty_world: World) -> None:
    (sensor,) = (sensor for sensor in definitions(lambda: empty_world.settings).sensors or () if sensor.name == "gemeenten")
    assert isinstance(sensor, dg.SensorDefinition)
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        assert sensor.evaluate_tick(context).skip_message == "no release yet"


@pytest.mark.nightly
def test_a_real_partition_has_the_pages_and_documents_of_beeld_render(world: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("gemeente", ["GM9001"])
        result = partition(world.settings, "GM9001", instance, formats=["html", "xlsx"])
        assert result.success
        (event,) = result.get_asset_materialization_events()
    said = {name: value.value for name, value in event.materialization.metadata.items()}
    index = Path(str(said["site"]))
    areas = {
        row[0] for row in world.query("select gebiedscode from gebied where gemeentecode = 'GM9001' or gebiedscode = 'GM9001'")
    }
    assert areas <= {path.parent.name for path in index.parent.rglob("index.html")}
    assert said["xlsx"] == len(areas), json.dumps(said, default=str)
