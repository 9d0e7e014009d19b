"""Dagster and the command line run the same functions: same release, same bytes, same refusals; and Dagster starts it in time."""

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from beeld import assets
from beeld.assets import watch
from beeld.assets.definitions import definitions
from beeld.assets.resources import JOB, RefreshConfig
from beeld.errors import Busy, UsageError
from beeld.refresh import Options, refresh
from beeld.settings import Settings, load_settings, project_folder
from beeld.sources import archive
from beeld.transforms.catalog import load_catalog
from beeld.warehouse import release
from beeld.warehouse.checks import all_checks
from tests.measured import untraced
from tests.reliability.worlds import NEWS, World, complete

ROOT = Path(__file__).parents[2]
LOADING = """
import sys, time
import beeld.assets.definitions
print(time.process_time(), *(name for name in ("great_expectations", "geopandas", "matplotlib", "httpx") if name in sys.modules))
"""
NO_FIGURES = {"correcties", "voorbeeld", "cbs_grenzen"}
FIGURES = sorted(path.stem for path in (project_folder() / "sources").glob("*.yaml") if path.stem not in NO_FIGURES)
FLOW = {
    **{f"ruw/{name}": set[str]() for name in (*FIGURES, "cbs_grenzen")},
    "bron": {f"ruw/{name}" for name in (*FIGURES, "cbs_grenzen")},
    **{f"basis/{name}": {f"ruw/{name}", "bron"} for name in FIGURES},
    "gebied": {"ruw/cbs_grenzen", *(f"basis/{name}" for name in FIGURES)},
    "cijfers/waarde": {"gebied"},
    "signalen/thema_score": {"cijfers/waarde"},
    "signalen/trend": {"cijfers/waarde"},
    "signalen/buur": {"signalen/thema_score"},
    "signalen/doelgroep": {"signalen/thema_score"},
    "signalen/lijstvergelijking": {"signalen/thema_score"},
    "release/wijziging": {"cijfers/waarde"},
    "controle": {
        "gebied",
        "cijfers/waarde",
        *(f"signalen/{name}" for name in ("thema_score", "trend", "buur", "doelgroep", "lijstvergelijking")),
        "release/wijziging",
    },
    "release": {"controle"},
    "profielen": {"release"},
}
REFRESHED = set(FLOW) - {"profielen"}


@contextmanager
def launched(settings: Settings, *assets: str, job: str = JOB, **config: Any) -> Iterator[dg.ExecuteInProcessResult]:
    """A run of the job in this process, without pages unless asked; with `assets` a run of these alone."""
    defs = definitions(lambda: settings)
    with dg.DagsterInstance.ephemeral() as instance:
        yield defs.resolve_job_def(job).execute_in_process(
            run_config={"resources": {"run": {"config": {"render": False, **config}}}},
            asset_selection=[dg.AssetKey(key.split("/")) for key in assets] or None,
            instance=instance,
            raise_on_error=False,
        )


def metadata(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    """What the materialisation of an asset says."""
    (found,) = (
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.materialization.asset_key == dg.AssetKey(key.split("/"))
    )
    return {
        name: [record.data for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value
        for name, value in found.metadata.items()
    }


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why steps failed, and why the run did."""
    events = [e for e in result.all_events if e.is_failure and e.step_key] or [e for e in result.all_events if e.is_failure]
    return [str(getattr(event.event_specific_data, "error", "")) for event in events]


def parquet(settings: Settings, release_id: str) -> dict[str, str]:
    """Name -> sha256 of the tables of a release."""
    return {path.name: release.sha256_of(path) for path in (settings.releases / release_id / "parquet").iterdir()}


# ---------------------------------------------------------------- shape


def test_definitions_load_in_five_seconds_without_what_is_slow() -> None:
    """Processor time, because the machine may be doing other things."""
    command = [sys.executable, "-W", "error", "-c", LOADING]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=untraced())
    seconds, *slow = done.stdout.split()
    assert slow == []
    assert float(seconds) < 5.0
    assert done.stderr == ""


def test_one_asset_per_table_of_the_flow() -> None:
    graph = definitions().resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == FLOW
    assert all(graph.get(dg.AssetKey(key.split("/"))).description for key in FLOW)


def test_dagster_can_load_them_as_one_whole() -> None:
    """Names of jobs, assets, checks and sensors do not clash; a test of one job alone does not see that."""
    dg.Definitions.validate_loadable(definitions())


def test_a_source_added_to_the_declarations_is_an_asset(example_project_folder: Path, tmp_path: Path, world: World) -> None:
    project = shutil.copytree(example_project_folder, tmp_path / "project")
    text = (project / "sources" / "rivm_gezondheid.yaml").read_text(encoding="utf-8")
    (project / "sources" / "proef.yaml").write_text(text.replace("bron: rivm_gezondheid", "bron: proef"), encoding="utf-8")
    graph = definitions(lambda: replace(world.settings, project=project)).resolve_asset_graph()
    assert graph.get_all_asset_keys() >= {dg.AssetKey(["ruw", "proef"]), dg.AssetKey(["basis", "proef"])}
    assert dg.AssetKey(["basis", "proef"]) in graph.get(dg.AssetKey(["gebied"])).parent_keys


def test_every_check_is_an_asset_check_and_fout_blocks() -> None:
    settings = load_settings()
    catalog = load_catalog(settings.project, settings.home)
    checks = all_checks(catalog, [table.tabel for source in catalog.sources.values() for table in source.tabellen])
    graph = definitions().resolve_asset_graph()
    found = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys if key.asset_key == dg.AssetKey("controle")}
    assert {name: spec.blocking for name, spec in found.items()} == {check.naam: check.ernst == "fout" for check in checks}
    assert any(spec.blocking for spec in found.values())
    assert not all(spec.blocking for spec in found.values())


def test_an_asset_is_under_25_lines_and_decides_nothing() -> None:
    bodies: dict[str, Any] = {}
    for definition in definitions().assets or ():
        assert isinstance(definition, dg.AssetsDefinition)
        function = definition.op.compute_fn.decorated_fn  # type: ignore[union-attr]
        bodies[definition.op.name] = function
        assert len(inspect.getsource(function).splitlines()) < 25, definition.op.name
    assert len(bodies) == len(FLOW)


def test_only_modules_of_dagster_import_dagster() -> None:
    """`run` and `watch` hold the steps; Dagster stays outside of them, so that they can be tried without it."""
    for name in ("previews", "rendering", "run", "telling", "watch"):
        tree = ast.parse((Path(assets.__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert "dagster" not in imported


# ---------------------------------------------------------------- the job


def test_the_job_gives_the_release_of_the_command_line(empty_world: World, tmp_path: Path) -> None:
    """The job fetches; the command line gets the same deliveries, because a boundary service stamps each reply with the time."""
    with launched(empty_world.settings, areas=["GM9001"]) as result:
        assert result.success
        assert {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()} == REFRESHED
        said = metadata(result, "release")
        rows = {key: metadata(result, key)["dagster/row_count"] for key in ("bron", "gebied", "cijfers/waarde")}
        verdicts = result.get_asset_check_evaluations()
    assert said["nieuw"]
    assert complete(empty_world.settings) == said["release"]

    elsewhere = replace(empty_world.settings, home=tmp_path / "opdrachtregel")
    shutil.copytree(empty_world.settings.raw, elsewhere.raw)
    expected = refresh(elsewhere, Options(areas=("GM9001",), render=False))
    assert expected.new
    assert expected.release == said["release"]
    assert parquet(empty_world.settings, expected.release) == parquet(elsewhere, expected.release)

    for table, key in (("bron", "bron"), ("gebied", "gebied"), ("waarde", "cijfers/waarde")):
        assert empty_world.query(f"select count(*) from {table}") == [(rows[key],)]
    published = empty_world.query("select controle, geslaagd, aantal from controle order by controle")
    assert sorted((v.check_name, v.passed, v.metadata["aantal"].value) for v in verdicts) == published


def test_nothing_changed_ends_green_with_the_release_that_stands(world: World) -> None:
    before = complete(world.settings)
    with launched(world.settings) as result:
        assert result.success
        assert {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()} == REFRESHED
        assert metadata(result, "release")["release"] == before
        assert not metadata(result, "release")["nieuw"]
        assert not metadata(result, "cijfers/waarde")["nieuw"]
        assert len(result.get_asset_check_evaluations()) == world.query("select count(*) from controle")[0][0]
    assert complete(world.settings) == before
    assert world.server.data_page_requests() == []
    assert not (world.settings.build / "bouw.duckdb").exists()


def test_a_change_is_fetched_and_published_and_metadata_carry_no_figures(world: World) -> None:
    before = complete(world.settings)
    world.news("47022NED")
    with launched(world.settings) as result:
        assert result.success
        raw = metadata(result, "ruw/politie_misdrijven")
        (table,) = raw["tabellen"]
        assert table["opgehaald"]
        assert table["gewijzigd"] == NEWS
        assert raw["waarschuwingen"] == []
        assert metadata(result, "release")["nieuw"]
    assert complete(world.settings) != before


def test_a_failed_check_of_severity_fout_blocks_publication(world: World, tmp_path: Path) -> None:
    before = complete(world.settings)
    project = shutil.copytree(world.settings.project, tmp_path / "project")
    path = project / "sources" / "voorbeeld.yaml"
    expected = json.loads(path.read_text(encoding="utf-8"))
    expected["cbs_kwb"]["84799NED"]["bekend"][0]["waarde"] += 1
    path.write_text(json.dumps(expected), encoding="utf-8")
    with launched(replace(world.settings, project=project)) as result:
        assert not result.success
        (bad,) = (verdict for verdict in result.get_asset_check_evaluations() if not verdict.passed)
        assert bad.check_name == "bekend_cbs_kwb_nl00_aantal_inwoners_2020"
        assert bad.severity == dg.AssetCheckSeverity.ERROR
        assert bad.blocking
        assert bad.check_name in failures(result)[0]
        assert dg.AssetKey("release") not in {event.asset_key for event in result.get_asset_materialization_events()}
    assert complete(world.settings) == before
    assert [path.name for path in release.releases(world.settings)] == [before]


def test_a_required_source_that_was_never_delivered_stops_the_job_and_a_later_fault_only_warns(world: World) -> None:
    before = complete(world.settings)
    world.server.down("derden")
    with launched(world.settings) as result:
        assert result.success
        assert "50090NED" in " ".join(metadata(result, "release")["waarschuwingen"])
        assert metadata(result, "release")["release"] == before
    world.forget("50090NED")
    with launched(world.settings) as result:
        assert not result.success
        assert "50090NED" in failures(result)[0]
        assert dg.AssetKey("release") not in {event.asset_key for event in result.get_asset_materialization_events()}
    assert not world.settings.current.exists()


def test_a_table_that_was_not_delivered_has_no_check_results(world: World) -> None:
    world.server.hide("50090NED")
    world.forget("50090NED")
    with launched(world.settings) as result:
        assert result.success
        assert "50090NED" in " ".join(metadata(result, "release")["waarschuwingen"])
        (table,) = metadata(result, "ruw/rivm_gezondheid")["tabellen"]
        assert table == {
            "tabel": "50090NED",
            "status": "niet_geleverd",
            "opgehaald": False,
            "rijen": None,
            "gewijzigd": None,
            "sha256": None,
        }


def test_the_run_holds_the_lock_of_the_home_and_lets_it_go(world: World) -> None:
    with release.exclusive(world.settings, "an other refresh"), launched(world.settings) as result:
        assert not result.success
        assert "an other refresh" in " ".join(failures(result))
    with launched(world.settings) as result:
        assert result.success
    with release.exclusive(world.settings, "free again"):
        pass


def test_the_lock_is_held_during_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from beeld.assets.run import Run

    def publish(self: Run) -> Path:
        with pytest.raises(Busy, match="Dagster run"), release.exclusive(self.settings, "too late"):
            pass
        raise UsageError("seen")

    monkeypatch.setattr(Run, "publish", publish)
    with launched(world.settings) as result:
        assert "seen" in failures(result)[0]


def test_deliveries_alone_can_be_materialised_and_a_step_of_the_build_cannot(world: World) -> None:
    before = complete(world.settings)
    world.news("84799NED")
    with launched(world.settings, "ruw/cbs_kwb") as result:
        assert result.success
    assert len(world.snapshots("84799NED")) == 2
    for key in ("cijfers/waarde", "controle", "release"):
        with launched(world.settings, key) as result:
            assert not result.success
            assert "verversen" in failures(result)[0]
    assert complete(world.settings) == before


def test_build_steps_without_the_ones_before_say_what_is_missing(world: World) -> None:
    with launched(world.settings, "bron", "gebied", year_from=2019) as result:
        assert "basis.cbs_kwb" in failures(result)[0]
    with launched(world.settings, "bron", "cijfers/waarde", year_from=2019) as result:
        assert "gebied" in failures(result)[0]
    with launched(world.settings, "bron", "release", year_from=2019) as result:
        assert "checks did not pass" in failures(result)[0]


def test_run_configuration_is_that_of_the_command_line() -> None:
    """Every option of a refresh can be asked for in Dagster, and `sources` beside them."""
    assert set(RefreshConfig.model_fields) == {*Options.__dataclass_fields__, "sources"}


def test_run_configuration_narrows_the_sources(world: World) -> None:
    world.news("84799NED")
    world.news("47022NED")
    with launched(world.settings, sources=["politie_misdrijven"], areas=["GM9001"], year_from=2020) as result:
        assert result.success
        manifest = release.read_manifest(world.settings.releases / metadata(result, "release")["release"])
    assert manifest["gebieden"] == ["GM9001"]
    assert manifest["jaar_vanaf"] == 2020
    assert len(world.snapshots("47022NED")) == 2
    assert len(world.snapshots("84799NED")) == 1


def test_offline_asks_nobody(world: World) -> None:
    with launched(world.settings, offline=True) as result:
        assert result.success
    assert world.server.log == []


# ---------------------------------------------------------------- when it starts


def schedules(settings: Settings) -> dict[str, dg.ScheduleDefinition]:
    return {s.name: s for s in definitions(lambda: settings).schedules or () if isinstance(s, dg.ScheduleDefinition)}


def test_weekly_sources_weekly_and_the_others_monthly(world: World) -> None:
    found = schedules(world.settings)
    asked: dict[str, list[str]] = {}
    for name, schedule in found.items():
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
        assert schedule.execution_timezone == "Europe/Amsterdam"
        assert schedule.job_name == JOB
        with dg.build_schedule_context() as context:
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        asked[name] = request.run_config["resources"]["run"]["config"]["sources"]
    assert asked == {
        "wekelijks": ["politie_misdrijven"],
        "maandelijks": sorted({*FIGURES, "cbs_grenzen"} - {"politie_misdrijven"}),
    }
    assert found["wekelijks"].cron_schedule == "40 6 * * 1"
    assert found["maandelijks"].cron_schedule == "40 6 3 * *"


def test_before_the_first_release_a_schedule_looks_at_every_source(empty_world: World) -> None:
    for schedule in schedules(empty_world.settings).values():
        with dg.build_schedule_context() as context:
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        assert request.run_config["resources"]["run"]["config"]["sources"] == []


def test_what_a_schedule_asks_for_is_valid_configuration(world: World) -> None:
    defs = definitions(lambda: world.settings)
    for schedule in schedules(world.settings).values():
        with dg.build_schedule_context() as context:
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        assert dg.validate_run_config(defs.resolve_job_def(JOB), request.run_config)


def tick(settings: Settings, cursor: str | None = None) -> Any:
    """What the sensor answers."""
    (sensor,) = (sensor for sensor in definitions(lambda: settings).sensors or () if sensor.name == "gewijzigd")
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.minimum_interval_seconds == 3600
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    with dg.build_sensor_context(cursor=cursor) as context:
        return sensor.evaluate_tick(context)


def test_the_sensor_asks_for_a_run_when_a_table_moved_and_only_once(world: World) -> None:
    quiet = tick(world.settings)
    assert quiet.run_requests == []
    assert "no table has moved" in quiet.skip_message
    assert sorted(entry.path for entry in world.server.log) == ["/cbs/ODataCatalog/Tables", "/derden/ODataCatalog/Tables"]

    world.news("47022NED")
    moved = tick(world.settings, quiet.cursor)
    (request,) = moved.run_requests
    assert json.loads(request.run_key) == {"47022NED": NEWS}
    assert request.tags["gewijzigd"] == "47022NED"
    assert tick(world.settings, moved.cursor).run_requests == []

    world.server.set_modified("47022NED", "2026-10-01T02:00:00")
    assert len(tick(world.settings, moved.cursor).run_requests) == 1


def test_the_run_that_the_sensor_asks_for_ends_what_it_asked_for(world: World) -> None:
    world.news("50090NED")
    (request,) = tick(world.settings).run_requests
    with launched(world.settings, **request.run_config.get("resources", {}).get("run", {}).get("config", {})) as result:
        assert result.success
    assert tick(world.settings).run_requests == []


def test_a_host_that_fails_is_a_reason_to_skip_and_does_not_hide_the_other(world: World) -> None:
    world.server.down("cbs")
    silent = tick(world.settings)
    assert silent.run_requests == []
    assert "cbs_kwb" in silent.skip_message
    world.news("50090NED")
    (request,) = tick(world.settings).run_requests
    assert json.loads(request.run_key) == {"50090NED": NEWS}


def test_the_sensor_looks_at_what_is_switched_on_only(world: World) -> None:
    for table in ("84799NED", "47022NED"):
        world.news(table)
    off = replace(world.settings, switched_off=frozenset({"cbs_kwb"}))
    assert [json.loads(request.run_key) for request in tick(off).run_requests] == [{"47022NED": NEWS}]
    none = replace(world.settings, only_sources=frozenset({"cbs_grenzen"}))
    world.server.clear_log()
    assert tick(none).run_requests == []
    assert world.server.log == []


def test_a_damaged_archive_is_named_by_the_sensor(world: World) -> None:
    path = archive.table_folder(world.settings.raw, "cbs_kwb", "84799NED") / archive.STATE
    path.write_text("{", encoding="utf-8")
    assert "84799NED" in tick(world.settings).skip_message


def test_a_glance_stays_within_the_minute_that_dagster_gives() -> None:
    from beeld.sources import http

    assert http.TRIES * watch.PATIENCE + 1.1 * sum(http.BACKOFF[: http.TRIES - 1]) < 55


# ---------------------------------------------------------------- surroundings


def test_dagster_yaml_is_valid_reports_to_nobody_and_runs_one_at_a_time(tmp_path: Path) -> None:
    ref = InstanceRef.from_dir(str(tmp_path), config_dir=str(ROOT))
    with dg.DagsterInstance.from_ref(ref) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1  # type: ignore[union-attr]


def test_a_mistake_in_the_settings_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_text("gebieden = 3\n", encoding="utf-8")
    environment = {**os.environ, "BEELD_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "import beeld.assets.definitions"], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("beeld.errors.UsageError: beeld.toml: 'gebieden' must be a list")
