"""`profielen`: pages and documents of the current release, a partition per gemeente, so that one that fails stops no other."""

# No `from __future__ import annotations`: Dagster reads the annotations of Config classes and of assets at run time.
from typing import Any

import dagster as dg
from pydantic import Field

from beeld.assets.rendering import gemeenten, render_gemeente
from beeld.assets.resources import Surroundings
from beeld.warehouse.read import current_id

PROFILES, RENDER_JOB = "profielen", "profielen_maken"
GEMEENTEN = dg.DynamicPartitionsDefinition(name="gemeente")
TEN_MINUTES = 600


class ProfilesConfig(dg.Config):
    """What a rendering was asked for."""

    formats: list[str] = Field(default=[], description="Of html, pdf, pptx and xlsx; empty: as beeld.toml says.")


def profiles_asset(surroundings: Surroundings) -> dg.AssetsDefinition:
    """Outside of the job `verversen`: publication stays one step for all, and has its own pages."""

    @dg.asset(
        key=[PROFILES],
        deps=[["release"]],
        partitions_def=GEMEENTEN,
        group_name="profielen",
        kinds={"html", "pdf"},
        description="Pages, PDF, slides and workbooks of one gemeente with its wijken and buurten, beside the current release.",
    )
    def profielen(context: dg.AssetExecutionContext, config: ProfilesConfig) -> dg.MaterializeResult[Any]:
        made = render_gemeente(surroundings(), context.partition_key, config.formats, context.log.info)
        return dg.MaterializeResult(
            metadata={
                "release": made.release,
                "site": dg.MetadataValue.path(made.index),
                "link": dg.MetadataValue.url(made.index.as_uri()),
                **made.files,
            },
            data_version=dg.DataVersion(made.release),
        )

    return profielen


def gemeenten_sensor(surroundings: Surroundings) -> dg.SensorDefinition:
    """Keeps the partitions those of the current release. Renders nothing by itself."""

    @dg.sensor(
        name="gemeenten",
        minimum_interval_seconds=TEN_MINUTES,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the partitions of `profielen` the gemeenten that the current release covers.",
    )
    def sync(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings = surroundings()
        release = current_id(settings)
        if release is None or release == context.cursor:
            return dg.SensorResult(skip_reason="no release yet" if release is None else f"release {release} still stands")
        wanted, have = set(gemeenten(settings)), set(context.instance.get_dynamic_partitions("gemeente"))
        requests = [
            *([GEMEENTEN.build_add_request(sorted(wanted - have))] if wanted - have else []),
            *([GEMEENTEN.build_delete_request(sorted(have - wanted))] if have - wanted else []),
        ]
        return dg.SensorResult(
            skip_reason=None if requests else "the same gemeenten as before", dynamic_partitions_requests=requests, cursor=release
        )

    return sync
