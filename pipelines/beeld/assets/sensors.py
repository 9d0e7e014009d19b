"""A refresh as soon as a source changed: a sensor on `Modified`."""

import json

import dagster as dg

from beeld.assets.resources import JOB, Surroundings
from beeld.transforms.catalog import Catalog

HOUR = 3600


def modified_sensor(catalog: Catalog, surroundings: Surroundings) -> dg.SensorDefinition:
    """Asks each OData host for its catalogue once an hour, and for a run when a table moved.

    The cursor holds the Modified that a run was asked for already: a change whose refresh fails is not asked for again every
    hour, but waits for the next schedule or the next change. A host that does not answer is a reason to skip, not a crash.
    """

    @dg.sensor(
        name="gewijzigd",
        job_name=JOB,
        minimum_interval_seconds=HOUR,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Compares Modified in the catalogue of each OData host with the last good look.",
    )
    def gewijzigd(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from beeld.assets.watch import glance

        asked: dict[str, str] = json.loads(context.cursor or "{}")
        seen = glance(surroundings(), catalog.sources)
        news = {table: mark for table, mark in seen.moved.items() if asked.get(table) != mark}
        for fault in seen.faults:
            context.log.warning(fault)
        if not news:
            return dg.SensorResult(skip_reason=" ".join(seen.faults) or "no table has moved since the last refresh")
        request = dg.RunRequest(run_key=json.dumps(news), tags={"gewijzigd": ", ".join(news)})
        return dg.SensorResult([request], cursor=json.dumps({**asked, **news}))

    return gewijzigd
