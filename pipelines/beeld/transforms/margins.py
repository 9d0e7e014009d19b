"""Margins that a source publishes itself: they go before every margin of our own, and are given as published.

A column `x` has published bounds when its source declares `x_ondergrens` and `x_bovengrens` (as columns, or through `grenzen`).
In a table without them the margin that the source assumes stands (METHOD.md section 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import duckdb

from beeld.errors import SourceChanged
from beeld.sources.columns import Layout
from beeld.sources.declarations import LOWER, UPPER, Source
from beeld.sources.sql import literal
from beeld.transforms.catalog import Indicator
from beeld.transforms.formulas import Reference
from beeld.transforms.uncertainty import Z95


def published(indicator: Indicator, source: Source) -> tuple[Reference, Reference] | None:
    """The columns of the published lower and upper bound of an indicator that is one column of `source`; None without."""
    formula = indicator.parsed
    if formula.noemer is not None or len(formula.teller.references) != 1 or formula.teller.references[0].bron != source.bron:
        return None
    name = formula.teller.references[0].kolom
    if formula.teller.sql() != formula.teller.references[0].sql() or not {name + LOWER, name + UPPER} <= set(source.kolommen):
        return None
    return Reference(source.bron, name + LOWER), Reference(source.bron, name + UPPER)


def assumed(indicator: Indicator, source: Source, table: str) -> bool:
    """True when the margin of a figure out of `table` is an assumption: the table does not publish one.

    `table` is a `bron_tabel` of `waarde`; one that is not declared publishes nothing.
    """
    if indicator.foutmodel != "aangenomen":
        return False
    bounds = published(indicator, source)
    tables = [each for each in source.tabellen if each.tabel == table]
    return bounds is None or not any(bounds[0].kolom in source.columns_of(each) for each in tables)


def bounds_sql(bounds: tuple[Reference, Reference] | None) -> str:
    """Columns `gegeven`, `onder` and `boven` of a query over linked tables.

    `gegeven`: the table publishes bounds. A bound that it leaves out for an area is then unknown, not assumed.
    """
    if bounds is None:
        return "false as gegeven, null::double as onder, null::double as boven"
    statuses = [f"coalesce({each.status_sql()}, 'niet_geleverd')" for each in bounds]
    both = " and ".join(f"{status} = 'ok'" for status in statuses)
    given = " and ".join(f"{status} <> 'niet_geleverd'" for status in statuses)
    low, high = (f"case when {both} then {each.sql()} end" for each in bounds)
    return f"{given} as gegeven, {low} as onder, {high} as boven"


def standard_error(low: float, high: float) -> float:
    """The standard error that a published 95% interval stands for, its halves taken as equal."""
    return (high - low) / (2 * Z95)


def union_error(parts: Sequence[tuple[float | None, float | None, float | None]]) -> float | None:
    """Standard error of a weighted mean of published figures: (lower bound, upper bound, weight) of each.

    Errors of one model go the same way in neighbouring areas, so they are taken as wholly dependent: they do not average out, and
    the outcome is never too small. None when a bound or a weight is missing.
    """
    errors: list[float] = []
    weights: list[float] = []
    for low, high, weight in parts:
        if low is None or high is None or weight is None:
            return None
        errors.append(weight * standard_error(low, high))
        weights.append(weight)
    total = math.fsum(weights)
    return math.fsum(errors) / total if total else None


def refuse_inverted(con: duckdb.DuckDBPyConnection, layout: Layout, relation: str, table: str, where: str) -> None:
    """SourceChanged when a lower bound that was delivered lies above the upper bound: the members were taken for each other.

    `relation` is what holds the rows of the table, as SQL, in the columns of `basis.<bron>`.
    """
    present = layout.columns
    for name in present:
        if name + LOWER not in present or name + UPPER not in present:
            continue
        wrong = con.execute(
            f"""select gebiedscode, peiljaar from {relation}
            where tabel = {literal(table)} and "{name}{LOWER}" > "{name}{UPPER}" order by gebiedscode, peiljaar limit 1"""
        ).fetchone()
        if wrong:
            raise SourceChanged(f"the lower bound of {name} lies above its upper bound for {wrong[0]} {wrong[1]}", where=where)
