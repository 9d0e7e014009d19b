"""Assets that are alike: for each file in `sources/` the deliveries, and for each OData source its basis table."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from beeld.assets import run as steps
from beeld.assets.freshness import policy
from beeld.assets.run import Run
from beeld.errors import BeeldError
from beeld.sources.declarations import Source

if TYPE_CHECKING:
    from beeld.sources.fetch import Delivered
    from beeld.warehouse.build import Making


def raw_asset(source: Source) -> dg.AssetsDefinition:
    """`ruw/<bron>`: the deliveries of one source in the raw archive."""

    @dg.asset(
        key=["ruw", source.bron],
        description=f"{source.titel} ({source.uitgever}, {source.licentie}), as received; fetched again only when it changed.",
        group_name="ruw",
        kinds={"json"},
        tags={"verversing": source.verversing.replace(" ", "_")},
        freshness_policy=policy(source),
    )
    def ruw(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
        delivered = patiently(context, run, source.bron)
        for item in delivered:
            if item.warning:
                context.log.warning(item.warning)
        return deliveries(delivered)

    return ruw


def patiently(context: dg.AssetExecutionContext, run: Run, bron: str) -> "list[Delivered]":
    """A look at one source, tried again a few times when what went wrong may pass; the last try counts as it is."""
    last = context.retry_number >= steps.RETRIES
    try:
        delivered = run.fetch(bron)
    except BeeldError as error:
        if last or not error.transient or run.options.offline:
            raise
        raise dg.RetryRequested(steps.RETRIES, steps.RETRY_SECONDS) from error
    if not last and run.worth_another_try(delivered):
        context.log.warning(" ".join(item.warning for item in delivered if item.transient))
        raise dg.RetryRequested(steps.RETRIES, steps.RETRY_SECONDS)
    return delivered


def basis_asset(source: Source) -> dg.AssetsDefinition:
    """`basis/<bron>`: the staged table of one OData source."""

    @dg.asset(
        key=["basis", source.bron],
        deps=[["ruw", source.bron], ["bron"]],
        description=f"{source.titel}: types, canonical codes, peiljaar and one status per cell.",
        group_name="basis",
        kinds={"duckdb"},
    )
    def basis(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
        return built(run, lambda making: making.stage(source))

    return basis


def built(run: Run, step: "Callable[[Making], dict[str, int]]", table: str = "") -> dg.MaterializeResult[Any]:
    """The result of one step of the build, which is taken only when there is something to build.

    When the inputs gave a release before, the asset stands in that release: it is materialised again in a moment, with the same
    data version and `nieuw` false, so that the run ends green, the lineage says "up to date" and no step hangs as skipped.
    """
    counts = step(run.making) if run.known is None else {}
    metadata: dict[str, dg.RawMetadataValue] = {"release": run.release_id, "nieuw": run.known is None}
    if shown := run.preview(table):
        metadata["voorbeeld"] = dg.MetadataValue.md(shown)
    for name, count in counts.items():
        metadata["dagster/row_count" if name == "rijen" else name] = count
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(run.release_id))


def deliveries(delivered: "Sequence[Delivered]") -> dg.MaterializeResult[Any]:
    """How the tables of a source stand: rows, snapshot and Modified of each, and what went wrong."""
    records = [
        dg.TableRecord(
            {
                "tabel": item.table.tabel,
                "status": item.status,
                "opgehaald": item.fetched,
                "rijen": item.snapshot.rijen if item.snapshot else None,
                "gewijzigd": item.snapshot.gewijzigd if item.snapshot else None,
                "sha256": item.snapshot.sha256 if item.snapshot else None,
            }
        )
        for item in delivered
    ]
    metadata: dict[str, dg.RawMetadataValue] = {
        "tabellen": dg.MetadataValue.table(records, schema=TABLES),
        "dagster/row_count": sum(item.snapshot.rijen for item in delivered if item.snapshot),
        "waarschuwingen": [item.warning for item in delivered if item.warning],
    }
    version = "-".join(item.snapshot.sha256[:16] if item.snapshot else "niet_geleverd" for item in delivered)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(version or "uitgezet"))


TABLES = dg.TableSchema(
    [
        dg.TableColumn("tabel"),
        dg.TableColumn("status"),
        dg.TableColumn("opgehaald", "bool", description="Fetched in this run"),
        dg.TableColumn("rijen", "int"),
        dg.TableColumn("gewijzigd", description="Modified, as the source says"),
        dg.TableColumn("sha256", description="Of the snapshot in use"),
    ]
)
