"""Checks before publication: Great Expectations suites made from the catalogue and the declarations, written to `controle`.

Great Expectations validates pandas frames that DuckDB hands over (its DuckDB dialect is broken, facts/STACK.md) and is imported
inside the function, because the import takes seconds. A failed check of severity `fout` raises ChecksFailed; `waarschuwing` is
printed on the release page.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import duckdb

from beeld.errors import ChecksFailed
from beeld.sources.declarations import Source, Table
from beeld.transforms.catalog import MIN_PEOPLE, Catalog, Indicator
from beeld.transforms.corrections import Correction
from beeld.transforms.uncertainty import rounding_bound
from beeld.warehouse.crosscheck import WAARSCHUWING, compare
from beeld.warehouse.ended import ended_rows

if TYPE_CHECKING:
    import pandas as pd  # only named here: importing it takes seconds, and Dagster loads this module often

FOUT = "fout"
SAME_FIGURE = 0.9
"""Two core figures of one theme that correlate more than this count the same thing twice (METHOD.md 2)."""
ENOUGH_PAIRS = 100
"""Fewer areas with both figures say too little about a correlation."""


@dataclass(frozen=True)
class Check:
    """One check: an expectation (Great Expectations' name and arguments) over the rows of a query."""

    naam: str
    bron: str
    onderwerp: str
    ernst: str
    toelichting: str
    query: str
    verwachting: str
    argumenten: tuple[tuple[str, Any], ...]
    nodig: bool = False
    """True: no rows, or an empty cell, means that the check has failed, because it has seen nothing."""


@dataclass(frozen=True)
class Outcome:
    """How one check ended; `aantal` counts the rows that do not fit."""

    check: Check
    geslaagd: bool
    aantal: int


def all_checks(catalog: Catalog, tables: Iterable[str]) -> list[Check]:
    """Every check of a release; `tables` are the delivered tables, others are not checked."""
    delivered = set(tables)
    checks = [*_key_checks(), *_range_checks(catalog), *_overlap_checks(catalog), _explained_check()]
    for source in catalog.sources.values():
        for table in source.tabellen:
            if table.tabel in delivered:
                checks += [*_band_checks(source, table), *_null_checks(source, table), *_known_checks(source, table)]
                checks += _part_checks(source, table)
    return checks + [_correction_check(c) for c in catalog.corrections if c.tabel in delivered]


def _explained_check() -> Check:
    """Whether every figure that is not that of the edition before has a cause."""
    return Check(
        "wijziging_verklaard",
        "wijziging",
        "oorzaak",
        WAARSCHUWING,
        "elk cijfer dat anders is dan in de vorige editie heeft een oorzaak",
        "select oorzaak from wijziging where oorzaak = 'onverklaard'",
        "expect_column_values_to_not_be_in_set",
        (("column", "oorzaak"), ("value_set", ["onverklaard"])),
    )


def _correction_check(correction: Correction) -> Check:
    """The guard of a declared correction: one that corrects nothing any more should go."""
    return Check(
        f"correctie_{correction.id}",
        correction.bron,
        f"{correction.tabel} {correction.kolom}",
        WAARSCHUWING,
        f"de correctie vindt nog iets om te corrigeren. {correction.reden}",
        f"select cellen from basis.correctie where id = '{correction.id}'",
        "expect_column_values_to_be_between",
        (("column", "cellen"), ("min_value", 1)),
    )


def _key_checks() -> list[Check]:
    unique = "expect_column_values_to_be_unique"
    return [
        Check(
            "sleutel_gebied",
            "gebied",
            "gebiedscode",
            FOUT,
            "elke gebiedscode komt een keer voor",
            "select gebiedscode from gebied",
            unique,
            (("column", "gebiedscode"),),
        ),
        Check(
            "sleutel_waarde",
            "waarde",
            "gebiedscode, indicator, peiljaar",
            FOUT,
            "elk cijfer komt een keer voor",
            """select coalesce(sum(rijen - gebieden), 0)::bigint as dubbel from (
              select count(*) as rijen, count(distinct gebiedscode) as gebieden from waarde group by indicator, peiljaar)""",
            "expect_column_values_to_be_between",
            (("column", "dubbel"), ("max_value", 0)),
        ),
        Check(
            "volledig_raster",
            "waarde",
            "gebied x indicator x peiljaar",
            FOUT,
            "elk gebied heeft een rij voor elke indicator en elk geleverd jaar",
            """select (select count(*) from gebied) * count(*) - (select count(*) from waarde) as verschil
            from (select distinct indicator, peiljaar from waarde)""",
            "expect_column_values_to_be_between",
            (("column", "verschil"), ("min_value", 0), ("max_value", 0)),
        ),
        Check(
            "gemeente_bestaat",
            "gebied",
            "gemeentecode",
            WAARSCHUWING,
            "de gemeente van elke wijk en buurt staat zelf ook in de indeling",
            """select count(*) filter (g.gemeentecode not in (select gebiedscode from gebied)) as wees from gebied as g""",
            "expect_column_values_to_be_between",
            (("column", "wees"), ("max_value", 0)),
        ),
    ]


def _range_checks(catalog: Catalog) -> list[Check]:
    return [
        Check(
            f"bereik_{name}",
            indicator.bron,
            name,
            FOUT,
            f"elke waarde ligt tussen {indicator.bereik[0]:.15g} en {indicator.bereik[1]:.15g} {indicator.eenheid}, "
            "op afronding na",
            f"select {_without_rounding(catalog, indicator)} as waarde from waarde "
            f"where indicator = '{name}' and waarde is not null",
            "expect_column_values_to_be_between",
            (("column", "waarde"), ("min_value", indicator.bereik[0]), ("max_value", indicator.bereik[1])),
        )
        for name, indicator in catalog.indicators.items()
        if indicator.bereik is not None
    ]


def _overlap_checks(catalog: Catalog) -> list[Check]:
    """Per pair of core figures of one theme: Pearson's r over the buurten that are scored, each in its latest year."""
    return [
        Check(
            f"samenhang_{one}_{other}",
            catalog.indicators[one].bron,
            f"{one}, {other}",
            WAARSCHUWING,
            f"twee kerncijfers van thema {theme} hangen ten hoogste {SAME_FIGURE:.1f} samen (r van Pearson)".replace(".", ",", 1),
            f"""select corr(a.waarde, b.waarde) as r
            from waarde as a join waarde as b using (gebiedscode) join gebied as g using (gebiedscode)
            where a.indicator = '{one}' and a.peiljaar = (select laatste_jaar from indicator where indicator = '{one}')
              and b.indicator = '{other}' and b.peiljaar = (select laatste_jaar from indicator where indicator = '{other}')
              and a.waarde is not null and b.waarde is not null and g.soort = 'buurt' and g.inwoners >= {MIN_PEOPLE}
            having count(*) >= {ENOUGH_PAIRS}""",
            "expect_column_values_to_be_between",
            (("column", "r"), ("min_value", -SAME_FIGURE), ("max_value", SAME_FIGURE)),
        )
        for theme in catalog.scored_themes
        for one, other in combinations(catalog.core(theme), 2)
    ]


def _without_rounding(catalog: Catalog, indicator: Indicator) -> str:
    """The lowest share that rounded counts allow: 20 of 15 people is rounding, 200 of 15 is an error. Others as published."""
    formula = indicator.parsed
    if formula.noemer is None:
        return "waarde"
    top, bottom = (
        sum(rounding_bound(catalog.sources[r.bron].kolommen[r.kolom].afronding, 1) / 2 for r in part.references)
        for part in (formula.teller, formula.noemer)
    )
    return (
        f"case when teller <= 0 then waarde else {formula.factor!r} * greatest(teller - {top!r}, 0) / (noemer + {bottom!r}) end"
    )


def _band_checks(source: Source, table: Table) -> list[Check]:
    if table.verwacht.rijen is None:
        return []
    low, high = table.verwacht.rijen
    return [
        Check(
            f"rijen_{source.bron}_{table.tabel.lower()}",
            source.bron,
            table.tabel,
            WAARSCHUWING,
            f"de levering heeft tussen {low} en {high} rijen",
            f"select rijen from bron where tabel = '{table.tabel}'",
            "expect_column_values_to_be_between",
            (("column", "rijen"), ("min_value", low), ("max_value", high)),
        )
    ]


def _null_checks(source: Source, table: Table) -> list[Check]:
    return [
        Check(
            f"gevuld_{source.bron}_{table.tabel.lower()}_{column}",
            source.bron,
            column,
            WAARSCHUWING,
            f"ten hoogste {share:.0%} van de cellen is leeg".replace("%", " procent"),
            f'select "{column}" as cel from basis."{source.bron}" where tabel = \'{table.tabel}\'',
            "expect_column_values_to_not_be_null",
            (("column", "cel"), ("mostly", 1 - share)),
        )
        for column, share in table.verwacht.leeg_hoogstens.items()
    ]


def _known_checks(source: Source, table: Table) -> list[Check]:
    return [
        Check(
            f"bekend_{source.bron}_{known.gebied.lower()}_{known.kolom}_{known.peiljaar}",
            source.bron,
            known.kolom,
            FOUT,
            f"{known.gebied} {known.peiljaar} is {known.waarde:.15g}",
            f'select "{known.kolom}" as cel from basis."{source.bron}" where tabel = \'{table.tabel}\' '
            f"and gebiedscode = '{known.gebied}' and peiljaar = {known.peiljaar}",
            "expect_column_values_to_be_between",
            (
                ("column", "cel"),
                ("min_value", known.waarde * (1 - known.marge)),
                ("max_value", known.waarde * (1 + known.marge)),
            ),
            nodig=True,
        )
        for known in table.verwacht.bekend
    ]


def _part_checks(source: Source, table: Table) -> list[Check]:
    """Sums of parts against METHOD.md's rounding bound, never against equality."""
    checks: list[Check] = []
    for parts in table.verwacht.delen:
        base = source.kolommen[parts.geheel].afronding
        bound = rounding_bound(base, len(parts.delen))
        total = " + ".join(f'"{name}"' for name in parts.delen)
        checks.append(
            Check(
                f"delen_{source.bron}_{table.tabel.lower()}_{parts.geheel}_{len(parts.delen)}",
                source.bron,
                parts.geheel,
                WAARSCHUWING,
                f"de som van {', '.join(parts.delen)} ligt binnen {bound:g} van het geheel",
                f'select abs({total} - "{parts.geheel}") as verschil from basis."{source.bron}" '
                f"where tabel = '{table.tabel}' and gebiedscode[1:2] in ('WK', 'BU')",
                "expect_column_values_to_be_between",
                (("column", "verschil"), ("max_value", bound)),
            )
        )
    for name in dict.fromkeys(parts.geheel for parts in table.verwacht.delen):
        checks.append(_hierarchy_check(source, table, name))
    return checks


def _hierarchy_check(source: Source, table: Table, name: str) -> Check:
    base = source.kolommen[name].afronding
    own = rounding_bound(base, 0)
    per_cell = rounding_bound(base, 1) - own
    return Check(
        f"wijken_{source.bron}_{table.tabel.lower()}_{name}",
        source.bron,
        name,
        WAARSCHUWING,
        f"de som van de buurten ligt binnen de afronding ({per_cell:g} per buurt) van hun wijk",
        f"""select greatest(abs(sum(b."{name}") - any_value(w."{name}")) - {per_cell} * count(*) - {own}, 0) as buiten
        from basis."{source.bron}" as b
        join basis."{source.bron}" as w
          on w.gebiedscode = 'WK' || b.gebiedscode[3:8] and w.tabel = b.tabel and w.peiljaar = b.peiljaar
        where b.gebiedscode[1:2] = 'BU' and b.tabel = '{table.tabel}'
        group by w.gebiedscode, w.peiljaar
        having count(b."{name}") = count(*)""",
        "expect_column_values_to_be_between",
        (("column", "buiten"), ("max_value", 0)),
    )


def run_checks(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> list[Outcome]:
    """Run every check and write `controle`; ChecksFailed names each failed check of severity fout."""
    tables = [row[0] for row in con.execute("select tabel from bron where sha256 is not null order by tabel").fetchall()]
    outcomes = validate(con, all_checks(catalog, tables))
    con.execute("delete from controle")
    con.executemany(
        "insert into controle values (?, ?, ?, ?, ?, ?, ?)",
        [
            [o.check.naam, o.check.bron, o.check.onderwerp, o.check.ernst, o.geslaagd, o.aantal, o.check.toelichting]
            for o in outcomes
        ]
        + [list(astuple(row)) for row in (*compare(con), *ended_rows(con))],
    )
    failed = [outcome for outcome in outcomes if not outcome.geslaagd and outcome.check.ernst == FOUT]
    if failed:
        named = "; ".join(
            f"{o.check.bron} {o.check.onderwerp}: {o.check.toelichting} ({o.aantal} rows do not fit)" for o in failed
        )
        raise ChecksFailed(
            f"checks failed: {named}",
            kept="Nothing was published, the last release stands",
            todo="Look at the source, or mend the declaration",
        )
    return outcomes


def validate(con: duckdb.DuckDBPyConnection, checks: Sequence[Check]) -> list[Outcome]:
    """Validate each check on the frame of its own query."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        variables: Any = context.variables
        variables.progress_bars = {"globally": False, "metric_calculations": False}
        # one definition for every frame: each frame takes the place of the one before, which would otherwise stay in memory
        asset: Any = context.data_sources.add_pandas("bouw").add_dataframe_asset("frame")
        frames = asset.add_batch_definition_whole_dataframe("alles")
        outcomes: list[Outcome] = []
        for check in checks:
            frame: pd.DataFrame = con.execute(check.query).df()
            if frame.empty:
                outcomes.append(Outcome(check, not check.nodig, 0))
                continue
            batch: Any = frames.get_batch(batch_parameters={"dataframe": frame})
            expectation = _expectation(gx.expectations, check)
            result: Any = batch.validate(expectation, result_format="BASIC")
            details: dict[str, Any] = result.result
            missing = int(frame.iloc[:, 0].isna().sum()) if check.nodig else 0
            wrong = int(details.get("unexpected_count") or 0)
            outcomes.append(Outcome(check, bool(result.success) and not missing, wrong + missing))
    return outcomes


def _expectation(module: Any, check: Check) -> Any:
    name = "".join(part.capitalize() for part in check.verwachting.split("_"))
    return getattr(module, name)(**dict(check.argumenten))
