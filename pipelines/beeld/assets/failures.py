"""A failed run tells somebody: a sensor on every job."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from beeld.assets.resources import Surroundings
from beeld.assets.telling import Trouble, of_failure

HALF_A_MINUTE = 30


def failure_sensor(surroundings: Surroundings) -> dg.SensorDefinition:
    """Sends a notice of each failed run, once. A notice that does not leave is said in the log and changes nothing."""

    @dg.run_failure_sensor(
        name="mislukt",
        minimum_interval_seconds=HALF_A_MINUTE,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells by the transport of [melding] in beeld.toml that a run failed, and why.",
    )
    def mislukt(context: dg.RunFailureSensorContext) -> None:
        from beeld.notices.notify import notify
        from beeld.warehouse.read import current_id

        settings, run = surroundings(), context.dagster_run
        told = of_failure(
            " ".join(filter(None, (run.job_name, run.tags.get("dagster/partition")))),
            run.run_id,
            list(troubles(context)),
            current_id(settings),
            datetime.now(UTC),
        )
        if told is not None:
            notify(settings, told, context.log.warning)

    assert isinstance(mislukt, dg.SensorDefinition)  # noqa: S101 - the decorator's type says less than it gives
    return mislukt


def troubles(context: dg.RunFailureSensorContext) -> Iterator[Trouble]:
    """The errors of the steps; without a failed step that of the run."""
    events = context.get_step_failure_events() or [context.failure_event]
    for event in events:
        error = getattr(event.event_specific_data, "error", None)
        yield Trouble(event.step_key or "", tuple(chain(error)))


def chain(error: Any) -> Iterator[tuple[str, str]]:
    """Kind and text of an error as Dagster keeps it, and of what caused it."""
    while error is not None:
        yield error.cls_name or "", error.message
        error = error.cause
