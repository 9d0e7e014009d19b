"""Evaluate an approach on the figures of a release: METHOD.md section 10, refused wherever the use gate says so.

from beeld.warehouse.effect import evaluate
print(evaluate(con, "BU07480200", ["BU07480201", "BU07480202"], "bijstand_per_1000_15_65", 2021, 2024).words())
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from beeld.errors import UsageError
from beeld.transforms.effect import FEWEST, Evaluation, Measured, difference, not_detectable, placebo_position
from beeld.transforms.uncertainty import Z95


def evaluate(
    con: duckdb.DuckDBPyConnection,
    area: str,
    comparison: Sequence[str],
    indicator: str,
    before: int,
    after: int,
    *,
    goal: float | None = None,
    placebos: Sequence[str] | None = None,
) -> Evaluation:
    """The difference between the change of `area` and that of the comparison areas, or every reason why it is refused.

    `comparison` must have been chosen before the figures were seen; an area that falls out is not replaced, the whole is refused.
    `goal`: the change that was aimed at. `placebos`: areas in which nothing was done (default: the comparison areas, each against
    the others). UsageError for an indicator or area that does not exist, years in the wrong order, an area compared with itself.
    """
    chosen = list(dict.fromkeys(comparison))
    others = chosen if placebos is None else list(dict.fromkeys(placebos))
    _refuse_wrong_use(con, area, [*chosen, *others], indicator, before, after)
    if refusal := _gate(con, indicator):
        return Evaluation(None, None, (refusal,))
    refusals: list[str] = []
    if len(chosen) < FEWEST:
        refusals.append(f"er zijn minstens {FEWEST} vergelijkingsgebieden nodig, gegeven: {len(chosen)}")
    found: dict[str, Measured] = {}
    for code in dict.fromkeys([area, *chosen]):
        measured = _measure(con, code, indicator, before, after)
        if isinstance(measured, Measured):
            found[code] = measured
        else:
            refusals.append(measured)
    own = found.get(area)
    if own is not None and own.before_error is None:
        refusals.append(f"{area}: van dit cijfer is de standaardfout niet bekend")
    elif own is not None and own.before_error is not None and goal is not None:
        refusals += [reason for reason in (not_detectable(goal, own.before_error),) if reason]
    if refusals or own is None:
        return Evaluation(None, None, tuple(refusals))
    outcome = difference(own, [found[code] for code in chosen])
    tried = [_measure(con, code, indicator, before, after) for code in others]
    usable = [each for each in tried if isinstance(each, Measured)]
    return Evaluation(outcome, placebo_position(outcome, usable, [found[code] for code in chosen]), ())


def _refuse_wrong_use(
    con: duckdb.DuckDBPyConnection, area: str, others: Sequence[str], indicator: str, before: int, after: int
) -> None:
    if before >= after:
        raise UsageError(f"{before} is not before {after}", todo="Give the year before the approach first")
    if area in others:
        raise UsageError(f"{area} cannot be compared with itself", todo="Leave it out of the comparison and the placebos")
    known = {
        code
        for (code,) in con.execute(
            "select gebiedscode from gebied where list_contains(?, gebiedscode)", [[area, *others]]
        ).fetchall()
    }
    if missing := [code for code in dict.fromkeys([area, *others]) if code not in known]:
        raise UsageError(f"no such area: {', '.join(missing[:10])}", todo="Find it with 'beeld find'")
    if not con.execute("select 1 from indicator where indicator = ?", [indicator]).fetchall():
        raise UsageError(f"no such indicator: {indicator}", todo="See table indicator")


def _gate(con: duckdb.DuckDBPyConnection, indicator: str) -> str | None:
    """Why this figure may not be used to evaluate at all; None when it may."""
    row = con.execute(
        "select oordeel, reden from weigering where indicator = ? and gebruik = 'evalueren'", [indicator]
    ).fetchone()
    verdict, reason = row or ("geweigerd", "deze release noemt geen gebruik voor dit cijfer")
    return f"{indicator}: {reason}" if verdict == "geweigerd" else None


def _measure(con: duckdb.DuckDBPyConnection, code: str, indicator: str, before: int, after: int) -> Measured | str:
    """The figure of one area in both years, or why it cannot be used: no value, an untested boundary, too unsure."""
    values: list[tuple[float, float | None]] = []
    for year in (before, after):
        row = con.execute(
            "select waarde, ondergrens, bovengrens, reden, status, betrouwbaar, eenheid"
            " from waarde join indicator using (indicator) where gebiedscode = ? and indicator = ? and peiljaar = ?",
            [code, indicator, year],
        ).fetchone()
        if row is None:
            return f"{code}: geen cijfer over {year}"
        value, low, high, reason, status, reliable, unit = row
        if status != "ok" or reason is not None:
            return f"{code}: {reason} ({year})"
        if reliable is False:
            return f"{code}: het cijfer over {year} is te onzeker (standaardfout een vijfde van het cijfer of meer)"
        values.append((value, None if low is None or high is None else _error(value, low, high, unit)))
    (first, first_error), (last, last_error) = values
    both = first_error is not None and last_error is not None
    return Measured(code, first, last, first_error if both else None, last_error if both else None)


def _error(value: float, low: float, high: float, unit: str) -> float:
    """The mean half of the interval / 1.96; the wider one where the other is cut off at the end of what is possible."""
    cut_off = low <= 0 or (unit == "procent" and high >= 100)
    return (max(value - low, high - value) if cut_off else (high - low) / 2) / Z95
