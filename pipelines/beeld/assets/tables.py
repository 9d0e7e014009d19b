"""The assets between staging and publication: one per table that people know, the others of its step beside it."""

from pathlib import Path
from typing import Any

import dagster as dg

from beeld.assets.factory import built
from beeld.assets.run import Run
from beeld.transforms.catalog import Catalog


def inputs_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """`bron`: what goes in, and with it the name of the release."""

    @dg.asset(key=["bron"], deps=[["ruw", bron] for bron in catalog.sources], group_name="invoer", kinds={"duckdb"})
    def bron(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
        """The deliveries that this release rests on (tables `bron` and `release`).

        They decide the release id. When they gave a release before, that release stands and nothing below is built again.
        """
        run.decide()
        return built(run, lambda making: making.begin(), "bron")

    return bron


def areas_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """`gebied`: after every basis table, and after the boundaries, which have none."""
    tables = [["basis" if source.figures else "ruw", bron] for bron, source in catalog.sources.items()]

    @dg.asset(key=["gebied"], deps=tables, group_name="gebieden", kinds={"duckdb"})
    def gebied(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
        """Every area of the newest division with its boundary (tables `gebied` and `gebied_historie`).

        Figures of an older division are linked to it here: along "unchanged" flags, else on equal code and name.
        """
        return built(run, lambda making: making.link_areas(), "gebied")

    return gebied


@dg.asset(key=["cijfers", "waarde"], deps=[["gebied"]], group_name="cijfers", kinds={"duckdb"})
def waarde(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """Every indicator for every gebied and peiljaar, in one long table (tables `waarde` and `indicator`).

    The formulas live in `transforms/indicatoren.yaml`; this asset only executes them. A cell without a value says why in
    `status`, so that nobody has to guess what an empty cell means.
    """
    return built(run, lambda making: making.compute_values(), "waarde")


@dg.asset(key=["signalen", "thema_score"], deps=[["cijfers", "waarde"]], group_name="signalen", kinds={"duckdb"})
def thema_score(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """Theme scores and what follows from them.

    Tables `thema_score`, `drempel`, `signaal`, `opvallend`, `integraal` and `gevoeligheid`. The thresholds are those of the
    current release as long as the method version stays, so that a signal does not move because the thresholds did.
    """
    return built(run, lambda making: making.compute_scores(), "thema_score")


@dg.asset(key=["signalen", "trend"], deps=[["cijfers", "waarde"]], group_name="signalen", kinds={"duckdb"})
def trend(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """Which figures changed beyond their uncertainty (table `trend`).

    Only years on the same boundaries are tested, and never a modelled figure; what cannot be tested says why.
    """
    return built(run, lambda making: making.compute_change(), "trend")


@dg.asset(key=["signalen", "buur"], deps=[["signalen", "thema_score"]], group_name="signalen", kinds={"duckdb"})
def buur(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """Areas alike in composition, and adjoining buurten that stand out together (tables `buur` and `cluster`)."""
    return built(run, lambda making: making.compute_likeness())


@dg.asset(key=["signalen", "doelgroep"], deps=[["signalen", "thema_score"]], group_name="signalen", kinds={"duckdb"})
def doelgroep(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """How many people it is about, and who lives outside the chosen areas (tables `doelgroep` and `doelgroep_buiten`)."""
    return built(run, lambda making: making.compute_target_groups())


@dg.asset(key=["signalen", "lijstvergelijking"], deps=[["signalen", "thema_score"]], group_name="signalen", kinds={"duckdb"})
def lijstvergelijking(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """Our outcomes beside lists of others, and what a difference rests on (tables `lijst` and `lijstvergelijking`).

    The lists stand in `transforms/lijsten/` and in `lijsten/` of the home.
    """
    return built(run, lambda making: making.compare_lists(), "lijstvergelijking")


@dg.asset(key=["release", "wijziging"], deps=[["cijfers", "waarde"]], group_name="release", kinds={"duckdb"})
def wijziging(run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """Which figures are not those of the edition before, each with its cause (tables `wijziging` and `correctie`)."""
    return built(run, lambda making: making.compare_editions(), "wijziging")


@dg.asset(key=["release"], deps=[["controle"]], group_name="release", kinds={"duckdb", "parquet"})
def release(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> dg.MaterializeResult[Any]:
    """The published release: warehouse, Parquet, pages and manifest, complete before `current` points at it.

    Runs only after the checks of severity fout passed. When nothing changed, the release of these inputs stays (or, after a
    rollback, becomes) current; the metadata say `nieuw` false.
    """
    folder = run.publish()
    for warning in run.warnings:
        context.log.warning(warning)
    context.log.info(f"release {folder.name} {'published' if run.known is None else 'stands: nothing has changed'}")
    return dg.MaterializeResult(
        metadata={
            "release": folder.name,
            "nieuw": run.known is None,
            "map": dg.MetadataValue.path(folder),
            "waarschuwingen": run.warnings,
            **pages(folder),
        },
        data_version=dg.DataVersion(folder.name),
    )


def pages(folder: Path) -> dict[str, dg.MetadataValue]:
    """Where the pages of a release are, as path and as link; nothing when it was made without pages."""
    index = folder / "site" / "index.html"
    if not index.is_file():
        return {}
    return {"site": dg.MetadataValue.path(index), "link": dg.MetadataValue.url(index.as_uri())}
