"""What Dagster shows and runs: the flow of `beeld refresh`, one asset per table, with its checks, schedules and sensor.

    dagster dev -m beeld.assets.definitions        (or: beeld schedule)

Loads in a few seconds, because everything slow is imported inside the steps.
"""

import dagster as dg

from beeld.assets.checks import checks_asset
from beeld.assets.factory import basis_asset, raw_asset
from beeld.assets.failures import failure_sensor
from beeld.assets.freshness import freshness_check, freshness_sensor
from beeld.assets.profiles import PROFILES, RENDER_JOB, gemeenten_sensor, profiles_asset
from beeld.assets.resources import JOB, PUBLISHES, Surroundings, run_resource
from beeld.assets.schedules import schedules
from beeld.assets.sensors import modified_sensor
from beeld.assets.tables import (
    areas_asset,
    buur,
    doelgroep,
    inputs_asset,
    lijstvergelijking,
    release,
    thema_score,
    trend,
    waarde,
    wijziging,
)
from beeld.settings import load_settings
from beeld.transforms.catalog import load_catalog


def definitions(surroundings: Surroundings = load_settings) -> dg.Definitions:
    """Everything, for the home and the declarations that `surroundings` gives (a test gives its own)."""
    settings = surroundings()
    catalog = load_catalog(settings.project, settings.home, example=settings.example)
    fresh = [freshness_check(source, surroundings) for source in catalog.sources.values()]
    job = dg.define_asset_job(
        JOB,
        dg.AssetSelection.all() - dg.AssetSelection.checks(*fresh) - dg.AssetSelection.assets(PROFILES),
        tags={**PUBLISHES, "dagster/priority": "1"},
        description="Fetch what changed, build, check, publish: what `beeld refresh` does.",
        executor_def=dg.in_process_executor,
    )
    rendering = dg.define_asset_job(
        RENDER_JOB,
        dg.AssetSelection.assets(PROFILES),
        description="Pages and documents of one gemeente, out of the current release.",
        executor_def=dg.in_process_executor,
    )
    return dg.Definitions(
        assets=[
            *(raw_asset(source) for source in catalog.sources.values()),
            inputs_asset(catalog),
            *(basis_asset(source) for source in catalog.sources.values() if source.figures),
            areas_asset(catalog),
            waarde,
            thema_score,
            trend,
            buur,
            doelgroep,
            lijstvergelijking,
            wijziging,
            checks_asset(catalog),
            release,
            profiles_asset(surroundings),
        ],
        asset_checks=fresh,
        jobs=[job, rendering],
        schedules=schedules(catalog, surroundings),
        sensors=[
            modified_sensor(catalog, surroundings),
            freshness_sensor(catalog, surroundings),
            failure_sensor(surroundings),
            gemeenten_sensor(surroundings),
        ],
        resources={"run": run_resource(surroundings)},
        executor=dg.in_process_executor,
    )


defs = definitions()
