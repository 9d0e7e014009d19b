"""When a refresh starts by itself: weekly for the sources that ask for it, monthly for the others."""

from collections.abc import Iterable

import dagster as dg

from beeld.assets.resources import JOB, Surroundings
from beeld.transforms.catalog import Catalog
from beeld.warehouse.read import current_id

WEEKLY = "wekelijks"
TIME_ZONE = "Europe/Amsterdam"
WEEKLY_CRON, MONTHLY_CRON = "40 6 * * 1", "40 6 3 * *"  # CBS has no fixed hour of publication; before anybody is at work


def schedules(catalog: Catalog, surroundings: Surroundings) -> list[dg.ScheduleDefinition]:
    """One schedule per rhythm, each looking at its own sources only."""
    weekly = [name for name, source in catalog.sources.items() if source.verversing == WEEKLY]
    monthly = [name for name in catalog.sources if name not in weekly]
    return [
        rhythm("wekelijks", WEEKLY_CRON, weekly, surroundings),
        rhythm("maandelijks", MONTHLY_CRON, monthly, surroundings),
    ]


def rhythm(name: str, cron: str, sources: list[str], surroundings: Surroundings) -> dg.ScheduleDefinition:
    """A schedule that is on from the start, because `beeld schedule` means: with the schedules on."""

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        job_name=JOB,
        execution_timezone=TIME_ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks at {', '.join(sources) or 'no source'}; fetches what changed and publishes when something did.",
    )
    def tick() -> dg.RunRequest | dg.SkipReason:
        if not sources:
            return dg.SkipReason(f"no source is refreshed {name}")
        first = current_id(surroundings()) is None
        return dg.RunRequest(run_config=asking([] if first else sources))

    return tick


def asking(sources: Iterable[str]) -> dict[str, object]:
    """Run configuration that looks at these sources only; none: at all of them, as the first release needs."""
    return {"resources": {"run": {"config": {"sources": list(sources)}}}}
