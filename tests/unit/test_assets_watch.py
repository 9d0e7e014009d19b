"""Dagster over time: freshness, notices of failures, trying again, one publication at a time, and what materialisations say."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._utils.tags import TagConcurrencyLimitsCounter

from beeld.assets import run as steps
from beeld.assets.definitions import definitions
from beeld.assets.freshness import CHECK
from beeld.assets.previews import PREVIEWS, markdown
from beeld.assets.resources import JOB
from beeld.assets.run import Run
from beeld.assets.tables import pages
from beeld.assets.telling import Trouble, of_failure, said
from beeld.errors import BeeldError, Busy, DeliveryRefused, SourceChanged, SourceUnreachable
from beeld.notices.notify import RECORD
from beeld.settings import Settings
from beeld.sources import archive
from beeld.sources.http import NotFound, Rejected
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.freshness import FRESH, STALE, UNKNOWN, WINDOWS, freshness
from beeld.warehouse.release import exclusive
from tests.reliability.worlds import World, catalog_of

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
POLICE, TABLE = "politie_misdrijven", "47022NED"


@contextmanager
def launched(settings: Settings, **config: Any) -> Generator[tuple[dg.ExecuteInProcessResult, dg.DagsterInstance]]:
    """A run of the job without pages, and the instance that saw it."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield (
            definitions(lambda: settings)
            .resolve_job_def(JOB)
            .execute_in_process(
                run_config={"resources": {"run": {"config": {"render": False, **config}}}},
                instance=instance,
                raise_on_error=False,
            ),
            instance,
        )


def sensor_of(settings: Settings, name: str) -> dg.SensorDefinition:
    (found,) = (sensor for sensor in definitions(lambda: settings).sensors or () if sensor.name == name)
    assert isinstance(found, dg.SensorDefinition)
    assert found.default_status == dg.DefaultSensorStatus.RUNNING
    return found


def records(settings: Settings) -> list[dict[str, Any]]:
    path = settings.home / RECORD
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def looked(world: World, table: str, bron: str, when: datetime) -> None:
    """As if the last good look was at `when`."""
    state = archive.load_state(world.settings.raw, bron, table)
    archive.save_state(
        world.settings.raw, bron, table, replace(state, gecontroleerd=when.strftime("%Y-%m-%dT%H:%M:%SZ"), laatste_fout="")
    )


# ---------------------------------------------------------------- freshness


def test_every_declared_rhythm_has_a_window_or_is_a_file_that_somebody_drops() -> None:
    catalog = load_catalog(ROOT)
    without = {source.bron for source in catalog.sources.values() if source.verversing not in WINDOWS}
    assert without == {"gemeente_aanlevering"}
    assert WINDOWS["wekelijks"] > timedelta(days=7)
    assert WINDOWS["maandelijks"] > timedelta(days=31)


def test_a_source_is_fresh_until_its_window_has_passed(world: World) -> None:
    source = catalog_of(world.settings.project).sources[POLICE]
    looked(world, TABLE, POLICE, NOW - WINDOWS[source.verversing])
    assert freshness(world.settings, source, NOW).toestand == FRESH
    late = freshness(world.settings, source, NOW + timedelta(seconds=1))
    assert (late.toestand, late.sinds) == (STALE, "2026-11-17T12:00:00Z")
    assert "wekelijks" in late.reden


def test_a_failed_look_is_stale_since_it_fails_and_a_good_one_is_fresh_again(world: World) -> None:
    source = catalog_of(world.settings.project).sources[POLICE]
    archive.record_fault(world.settings.raw, POLICE, TABLE, f"{POLICE} {TABLE}: is silent.")
    since = archive.load_state(world.settings.raw, POLICE, TABLE).fout_sinds
    failing = freshness(world.settings, source, datetime.now(UTC))
    assert (failing.toestand, failing.sinds, failing.reden) == (STALE, since, f"{POLICE} {TABLE}: is silent.")
    world.look()
    assert freshness(world.settings, source, datetime.now(UTC)).toestand == FRESH


def test_what_is_off_or_never_delivered_is_unknown_and_a_damaged_archive_is_stale(world: World) -> None:
    source = catalog_of(world.settings.project).sources[POLICE]
    assert freshness(replace(world.settings, switched_off=frozenset({POLICE})), source, NOW).toestand == UNKNOWN
    world.forget(TABLE)
    assert freshness(world.settings, source, NOW).toestand == UNKNOWN
    archive.record_fault(world.settings.raw, POLICE, TABLE, "never answered")
    assert freshness(world.settings, source, NOW).toestand == (STALE if source.verplicht else UNKNOWN)
    path = archive.table_folder(world.settings.raw, POLICE, TABLE) / archive.STATE
    path.write_text("{", encoding="utf-8")
    damaged = freshness(world.settings, source, NOW)
    assert damaged.toestand == STALE
    assert TABLE in damaged.reden


def test_the_sensor_tells_each_change_once(world: World) -> None:
    sensor, cursor = sensor_of(world.settings, "versheid"), None

    def tick() -> dict[str, bool]:
        nonlocal cursor
        with dg.build_sensor_context(cursor=cursor) as context:
            ticked = sensor.evaluate_tick(context)
        cursor = ticked.cursor
        return {e.asset_key.path[-1]: e.passed for e in ticked.asset_events if isinstance(e, dg.AssetCheckEvaluation)}

    known = set(catalog_of(world.settings.project).sources)
    assert tick() == dict.fromkeys(known & {"cbs_grenzen", "cbs_kwb", POLICE, "rivm_gezondheid"}, True)
    assert tick() == {}
    assert records(world.settings) == []  # fresh at the first look is no news

    looked(world, TABLE, POLICE, datetime.now(UTC) - timedelta(days=30))
    assert tick() == {POLICE: False}
    assert tick() == {}
    assert [(told["soort"], told["onderwerp"]) for told in records(world.settings)] == [("verouderd", f"{POLICE} is verouderd")]
    assert "30 dagen niet bekeken" in records(world.settings)[0]["regels"][0]

    looked(world, TABLE, POLICE, datetime.now(UTC))
    assert tick() == {POLICE: True}
    assert tick() == {}
    assert [told["soort"] for told in records(world.settings)] == ["verouderd", "weer_actueel"]
    assert world.server.log == []


def test_the_check_of_a_source_can_be_asked_for_in_dagster(world: World) -> None:
    looked(world, TABLE, POLICE, datetime.now(UTC) - timedelta(days=30))
    checks = [
        check for check in definitions(lambda: world.settings).asset_checks or () if isinstance(check, dg.AssetChecksDefinition)
    ]
    (vers,) = (check for check in checks if check.check_key.asset_key == dg.AssetKey(["ruw", POLICE]))
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([vers], selection=dg.AssetSelection.all_asset_checks(), instance=instance)
    (verdict,) = result.get_asset_check_evaluations()
    assert (verdict.check_name, verdict.passed, verdict.severity) == (CHECK, False, dg.AssetCheckSeverity.WARN)
    assert verdict.metadata["toestand"].value == STALE


def test_each_source_with_a_rhythm_has_dagsters_own_policy() -> None:
    graph = definitions().resolve_asset_graph()
    for bron, source in load_catalog(ROOT).sources.items():
        found = graph.get(dg.AssetKey(["ruw", bron])).freshness_policy
        window = WINDOWS.get(source.verversing)
        assert getattr(found, "fail_window", None) is None if window is None else found.fail_window.to_timedelta() == window  # type: ignore[union-attr]


# ---------------------------------------------------------------- a run that fails


def tell(settings: Settings, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> None:
    """What the daemon does after a failed run."""
    (event,) = (event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context(
        sensor_name="mislukt", dagster_event=event, dagster_instance=instance, dagster_run=result.dagster_run
    ).for_run_failure()
    sensor_of(settings, "mislukt")(context)


def test_a_failed_run_is_told_with_our_own_message_and_what_stands(world: World) -> None:
    world.forget("50090NED")
    world.server.down("derden")
    with launched(world.settings) as (result, instance):
        assert not result.success
        tell(world.settings, result, instance)
    (told,) = records(world.settings)
    assert (told["soort"], told["onderwerp"]) == ("mislukt", f"'{JOB}' is mislukt")
    assert "rivm_gezondheid" in told["regels"][0]
    assert "50090NED" in told["regels"][0]
    assert "Traceback" not in json.dumps(told)
    assert "Er is nog geen release." in told["regels"]


def test_an_error_that_is_not_ours_is_named_by_its_kind_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(_self: Run) -> None:
        raise KeyError("een cel van een aanlevering")

    monkeypatch.setattr(Run, "decide", decide)
    with launched(world.settings) as (result, instance):
        tell(world.settings, result, instance)
    (told,) = records(world.settings)
    assert "aanlevering" not in json.dumps(told)
    assert "bron: onverwachte fout (KeyError); zie de run" in told["regels"]


def test_a_run_that_only_met_another_refresh_is_not_told(world: World) -> None:
    with exclusive(world.settings, "an other refresh"), launched(world.settings) as (result, instance):
        assert not result.success
        tell(world.settings, result, instance)
    assert records(world.settings) == []


def test_a_notice_of_a_failure_names_the_failed_checks_and_says_a_line_once() -> None:
    failed = ("DagsterAssetCheckFailedError", "dagster._core.errors.DagsterAssetCheckFailedError: 1 check failed: bekend_x\n")
    assert said(Trouble("controle", (failed,))) == "1 check failed: bekend_x"
    twice = [Trouble("ruw", (("SourceUnreachable", "beeld.errors.SourceUnreachable: cbs: is silent."),))] * 2
    told = of_failure(JOB, "1", twice, "r1", NOW)
    assert told is not None
    assert told.regels == ("ruw: cbs: is silent.", "Release r1 blijft staan.", "Run in Dagster: 1")


# ---------------------------------------------------------------- trying again


def tries(monkeypatch: pytest.MonkeyPatch, *outcomes: BeeldError | None) -> list[str]:
    """Looks at the police source end as given, one after the other; the last outcome stays."""
    seen: list[str] = []
    real = Run.fetch

    def fetch(self: Run, bron: str) -> Any:
        if bron != POLICE:
            return real(self, bron)
        seen.append(bron)
        error = outcomes[min(len(seen), len(outcomes)) - 1]
        if error is not None:
            raise error
        return real(self, bron)

    monkeypatch.setattr(Run, "fetch", fetch)
    return seen


def test_a_source_that_is_silent_for_a_while_is_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tries(monkeypatch, SourceUnreachable("silent"), None)
    with launched(world.settings) as (result, _):
        assert result.success
    assert len(seen) == 2


def test_a_source_that_stays_silent_is_looked_at_no_more_than_agreed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tries(monkeypatch, SourceUnreachable("silent"))
    with launched(world.settings) as (result, _):
        assert not result.success
    assert len(seen) == 1 + steps.RETRIES


@pytest.mark.parametrize(
    "error", [SourceChanged("other columns"), DeliveryRefused("personal data"), NotFound("404"), Rejected("403")]
)
def test_a_refusal_is_never_tried_again(error: BeeldError, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not error.transient
    seen = tries(monkeypatch, error)
    with launched(world.settings) as (result, _):
        assert not result.success
    assert len(seen) == 1


def test_only_a_source_that_cannot_be_reached_is_transient() -> None:
    def family(kind: type[BeeldError]) -> set[type[BeeldError]]:
        return {kind}.union(*(family(child) for child in kind.__subclasses__()))

    assert {kind for kind in family(BeeldError) if kind.transient} == {SourceUnreachable}
    assert not Busy.transient


def test_a_source_that_was_delivered_before_is_tried_again_and_then_stands(world: World) -> None:
    world.server.down("derden")
    found = {item.table.tabel: item.transient for item in world.look() if item.source.bron == POLICE}
    assert found == {TABLE: True}
    world.server.clear_log()
    with launched(world.settings) as (result, _):
        assert result.success
    retried = {event.step_key for event in result.all_events if event.event_type_value == "STEP_RESTARTED"}
    assert retried == {"ruw__politie_misdrijven", "ruw__rivm_gezondheid"}


# ---------------------------------------------------------------- one publication at a time


def test_two_runs_that_publish_never_run_side_by_side(tmp_path: Path) -> None:
    """Also for who lets more runs go at once, as `dagster.yaml` suggests for rendering."""
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path), config_dir=str(ROOT))) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 1
        job = definitions().resolve_job_def(JOB)
        first, second = (dg.DagsterRun(job_name=JOB, tags=dict(job.tags)) for _ in range(2))
        counter = TagConcurrencyLimitsCounter(queue.tag_concurrency_limits, [first])
        assert counter.is_blocked(second)
        assert not counter.is_blocked(dg.DagsterRun(job_name="profielen_maken", tags={}))
        assert not TagConcurrencyLimitsCounter(queue.tag_concurrency_limits, []).is_blocked(second)


# ---------------------------------------------------------------- what the materialisations say


def test_materialisations_show_counts_of_what_they_made(world: World) -> None:
    with launched(world.settings, year_from=2020) as (result, _):
        assert result.success
        made = [event.materialization for event in result.get_asset_materialization_events()]
    shown = {each.asset_key.to_user_string(): each.metadata["voorbeeld"].value for each in made if "voorbeeld" in each.metadata}
    assert {key.split("/")[-1] for key in shown} == set(PREVIEWS)
    ((wijken,),) = world.query("select count(*) from gebied where soort = 'wijk'")
    assert f"| wijk | {wijken} |" in str(shown["gebied"])


def test_a_release_says_where_its_pages_are_when_it_has_them(tmp_path: Path) -> None:
    assert pages(tmp_path) == {}
    index = tmp_path / "site" / "index.html"
    index.parent.mkdir()
    index.write_text("", encoding="utf-8")
    assert {name: value.value for name, value in pages(tmp_path).items()} == {"site": str(index), "link": index.as_uri()}


def test_a_preview_keeps_hostile_text_as_text() -> None:
    made = markdown(["naam"], [["a|b\n| x |"], ["<script>[x](javascript:1)</script>"], [None], [True]])
    assert made.splitlines()[2:] == [
        r"| a\|b \| x \| |",
        r"| \<script\>\[x\]\(javascript:1\)\</script\> |",
        "|  |",
        "| ja |",
    ]
