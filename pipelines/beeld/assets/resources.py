"""The one resource: the refresh that the assets of a run share, with what the run was asked to do as its configuration."""

# No `from __future__ import annotations`: Dagster reads the annotations of Config classes and of assets at run time.
from collections.abc import Callable, Iterator
from dataclasses import replace

import dagster as dg
from pydantic import Field

from beeld.assets.run import Run, open_run
from beeld.settings import Settings

JOB = "verversen"
PUBLISHES = {"beeld/publiceert": "ja"}
"""Tag of a run that publishes: `dagster.yaml` lets one of them run at a time."""

Surroundings = Callable[[], Settings]
"""Gives the settings of a run: `load_settings`, or in a test a home and addresses of its own."""


class RefreshConfig(dg.Config):
    """What one run was asked to do, as `beeld refresh` is asked with its options; left out, `beeld.toml` decides."""

    areas: list[str] = Field(default=[], description="Gemeente, wijk, buurt, union (SG-...) or exact name; empty: beeld.toml.")
    all_areas: bool = Field(default=False, description="Render every area of the Netherlands.")
    year_from: int | None = Field(default=None, description="First peiljaar; empty: beeld.toml.")
    offline: bool = Field(default=False, description="From the raw archive only.")
    strict: bool = Field(default=False, description="Any source that fails is fatal.")
    recalibrate: bool = Field(default=False, description="Compute the thresholds anew.")
    render: bool = Field(default=True, description="Make the pages, not only the warehouse.")
    formats: list[str] = Field(default=[], description="Of html, pdf, pptx and xlsx; empty: as beeld.toml says.")
    sources: list[str] = Field(
        default=[], description="Look at these sources only, the others stand as archived; empty: all of them."
    )


def narrowed(settings: Settings, sources: list[str]) -> Settings:
    """The settings with fetching restricted to `sources`, within what BEELD_SOURCES allows already; empty: no restriction."""
    if not sources:
        return settings
    wanted = frozenset(sources)
    return replace(settings, only_sources=wanted if settings.only_sources is None else wanted & settings.only_sources)


def run_resource(surroundings: Surroundings) -> dg.ResourceDefinition:
    """The resource `run`: takes the lock of the home and sweeps before the first asset, lets go after the last.

    It relies on the in-process executor, which makes a resource once per run. A second run ends at once with Busy.
    """

    @dg.resource(config_schema=RefreshConfig.to_config_schema(), description="The refresh that the assets of a run share.")
    def run(context: dg.InitResourceContext) -> Iterator[Run]:
        from beeld.refresh import Options, formats_of

        asked = RefreshConfig(**context.resource_config)
        settings = narrowed(surroundings(), asked.sources)
        options = Options(
            areas=tuple(asked.areas),
            all_areas=asked.all_areas,
            year_from=settings.year_from if asked.year_from is None else asked.year_from,
            offline=asked.offline,
            render=asked.render,
            strict=asked.strict,
            recalibrate=asked.recalibrate,
            formats=tuple(asked.formats) or formats_of(settings, all_areas=asked.all_areas),
        )
        name = f"Dagster run {context.run.run_id}" if context.run else "Dagster"
        with open_run(settings, options, name, progress(context)) as opened:
            yield opened

    return run


def progress(context: dg.InitResourceContext) -> Callable[[str], None]:
    """The steps of the refresh as lines of the run's log."""

    def report(message: str) -> None:
        if context.log is not None:
            context.log.info(message)

    return report
