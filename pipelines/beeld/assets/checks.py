"""`controle` as asset checks: every check of `beeld.warehouse.checks` by its own name, all of them run once, in one step."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from beeld.assets.run import Run, Verdict
from beeld.transforms.catalog import Catalog
from beeld.warehouse.checks import FOUT, all_checks

KEY = dg.AssetKey(["controle"])


def check_specs(catalog: Catalog) -> list[dg.AssetCheckSpec]:
    """One per check that the declarations ask for; a failed one of severity fout blocks `release`."""
    tables = [table.tabel for source in catalog.sources.values() for table in source.tabellen]
    return [
        dg.AssetCheckSpec(
            check.naam,
            asset=KEY,
            description=check.toelichting,
            blocking=check.ernst == FOUT,
            metadata={"bron": check.bron, "onderwerp": check.onderwerp, "ernst": check.ernst},
        )
        for check in all_checks(catalog, tables)
    ]


def checks_asset(catalog: Catalog) -> dg.AssetsDefinition:
    """`controle` with its checks. "Can subset", because the checks of a table that was not delivered give no result."""
    signals = [["signalen", name] for name in ("thema_score", "buur", "doelgroep", "trend", "lijstvergelijking")]
    deps = [["gebied"], ["cijfers", "waarde"], *signals, ["release", "wijziging"]]

    @dg.multi_asset(
        name="controle",
        specs=[dg.AssetSpec(KEY, deps=deps, group_name="release", kinds={"duckdb"}, description=DESCRIPTION)],
        check_specs=check_specs(catalog),
        can_subset=True,
    )
    def controle(context: dg.AssetExecutionContext, run: dg.ResourceParam[Run]) -> Iterator[dg.MaterializeResult[Any]]:
        verdicts = run.check()
        known = {key.name for key in context.selected_asset_check_keys}
        yield dg.MaterializeResult(
            asset_key=KEY,
            metadata={
                "dagster/row_count": len(verdicts),
                "niet_geslaagd": sum(not v.geslaagd for v in verdicts),
                "voorbeeld": dg.MetadataValue.md(run.preview("controle")),
            },
            data_version=dg.DataVersion(run.release_id),
            check_results=[result(verdict) for verdict in verdicts if verdict.controle in known],
        )

    return controle


DESCRIPTION = """How every check ended (table `controle`).

All checks see all tables, so they hang on this asset and not on the tables that they are about: `bron` and `onderwerp` name
those. When nothing was built, these are the checks of the release that stands."""


def result(verdict: Verdict) -> dg.AssetCheckResult:
    """A row of `controle` as Dagster shows it: how many rows do not fit, never which values."""
    return dg.AssetCheckResult(
        check_name=verdict.controle,
        asset_key=KEY,
        passed=verdict.geslaagd,
        severity=dg.AssetCheckSeverity.ERROR if verdict.ernst == FOUT else dg.AssetCheckSeverity.WARN,
        description=verdict.toelichting,
        metadata={"aantal": verdict.aantal, "bron": verdict.bron, "onderwerp": verdict.onderwerp},
    )
