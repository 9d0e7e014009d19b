"""Freshness in Dagster: a policy and a check `vers` per source, and a sensor that tells what goes stale or comes back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from beeld.assets.resources import Surroundings
from beeld.sources.declarations import Source
from beeld.transforms.catalog import Catalog
from beeld.warehouse.freshness import FRESH, STALE, WINDOWS, Freshness, freshness

CHECK = "vers"
TEN_MINUTES = 600


def policy(source: Source) -> dg.FreshnessPolicy | None:
    """Dagster's own policy: how old the last materialisation may be. It knows Dagster only; the check knows the archive."""
    window = WINDOWS.get(source.verversing)
    return dg.FreshnessPolicy.time_window(fail_window=window) if window else None


def freshness_check(source: Source, surroundings: Surroundings) -> dg.AssetChecksDefinition:
    """`vers` of `ruw/<bron>`: is the source looked at as often as it declares, and did the last look succeed?"""

    @dg.asset_check(
        asset=["ruw", source.bron], name=CHECK, description=f"Verversing: {source.verversing}. Rests on the raw archive."
    )
    def vers() -> dg.AssetCheckResult:
        found = freshness(surroundings(), source, datetime.now(UTC))
        return dg.AssetCheckResult(
            passed=found.toestand != STALE, severity=dg.AssetCheckSeverity.WARN, description=found.reden, metadata=shown(found)
        )

    return vers


def shown(found: Freshness) -> dict[str, str]:
    """What the check shows: the state, since when, and why."""
    return {"toestand": found.toestand, "sinds": found.sinds, "reden": found.reden}


def freshness_sensor(catalog: Catalog, surroundings: Surroundings) -> dg.SensorDefinition:
    """Evaluates every check `vers` when a state changed, and sends one notice of all that went stale or came back.

    The cursor holds the last state of each source, so a change is told once, not at every tick. What is not known yet is no
    change: a source that is switched off, or never delivered, keeps its last state.
    """

    @dg.sensor(
        name="versheid",
        minimum_interval_seconds=TEN_MINUTES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells once when a source goes stale, and once when it is fresh again. Reads the archive; asks nobody.",
    )
    def versheid(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from beeld.assets.telling import of_freshness
        from beeld.notices.notify import notify

        settings, now = surroundings(), datetime.now(UTC)
        before: dict[str, str] = json.loads(context.cursor or "{}")
        changed = changes(before, [freshness(settings, source, now) for source in catalog.sources.values()])
        for told in of_freshness(changed, before, now):
            notify(settings, told, context.log.warning)
        return dg.SensorResult(
            skip_reason=None if changed else "no source has changed between fresh and stale",
            asset_events=[evaluation(found) for found in changed],
            cursor=json.dumps({**before, **{found.bron: found.toestand for found in changed}}),
        )

    return versheid


def changes(before: Mapping[str, str], found: list[Freshness]) -> list[Freshness]:
    """The sources whose state is known and is not that of before."""
    return [item for item in found if item.toestand in (FRESH, STALE) and before.get(item.bron) != item.toestand]


def evaluation(found: Freshness) -> dg.AssetCheckEvaluation:
    """The outcome of `vers` as an event, without a run."""
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["ruw", found.bron]),
        check_name=CHECK,
        passed=found.toestand != STALE,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.reden,
        metadata=shown(found),
    )
