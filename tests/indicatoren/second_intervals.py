"""A second implementation of intervals and `betrouwbaar` (METHOD.md section 3; small counts as docs/methode.md).

Which figure has which error is written down here from the explanations, not read from the catalogue. The interval of a count is
found as the two solutions of (y - x)² = 1.96² · (variance at x), a quadratic equation in the true number x.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.indicatoren import second

Z = 1.96
ASSUMED = 5.0
"""Points on either side of a share of the health table, where it publishes no margin."""
EVENTS = {
    "misdrijven_per_1000", "burengerucht_per_1000", "drugs_drankoverlast_per_1000", "drugshandel_per_1000",
    "vernielingen_per_1000", "fietsdiefstallen_per_1000", "woninginbraken_per_1000", "geweld_per_1000",
    "overlastmeldingen_per_1000", "bedrijfsvestigingen_per_1000", "vestigingen_handel_horeca_per_1000", "mbo_studenten_per_100",
}  # fmt: skip
"""Counted beside a population, not a part of it."""
TOTALS = {"aantal_inwoners", "aantal_huishoudens"}
TENS = {"bijstand_per_1000_15_65", "ao_per_1000_15_65", "ww_per_1000_15_65"}
NOT_ROUNDED = {"aandeel_laag_opgeleid", "aandeel_hoog_opgeleid"}

Floats = npt.NDArray[np.float64]


def rounding(indicator: str, small: npt.NDArray[np.bool_]) -> Floats:
    """Variance of the rounding of what was counted; `small`: a buurt or wijk. Tens are rounded at every level."""
    if indicator in TENS:
        return np.full(len(small), 8.25)
    counted = second.RATES[indicator][1][0] if indicator in second.RATES else "cbs_kwb."
    rounded_to_5 = counted.startswith("cbs_kwb.") and indicator not in NOT_ROUNDED
    return np.where(small & rounded_to_5, 6.0, 0.0)


def expected(indicator: str, rows: pd.DataFrame) -> pd.DataFrame:
    """ondergrens, bovengrens and betrouwbaar of rows with waarde, teller, noemer and soort.

    `gegeven`: the source publishes bounds of this cell, `onder` and `boven`, of which one can be empty.
    """
    value = rows["waarde"].to_numpy(dtype=float)
    small = rows["soort"].isin(["buurt", "wijk"]).to_numpy()
    top = np.inf
    if indicator in second.RATES:
        factor = second.RATES[indicator][0]
        y, n = rows["teller"].to_numpy(dtype=float), rows["noemer"].to_numpy(dtype=float)
        rounded, part = rounding(indicator, small), indicator not in EVENTS
        n = np.where(n > 0, n, np.nan)
        share = y / n if part else np.zeros(len(y))
        error = factor * np.sqrt(np.maximum(y * (1 - share), 0) + rounded) / n
        a, b, c = 1 + (Z**2 / n if part else np.zeros(len(y))), 2 * y + Z**2, y**2 - Z**2 * rounded
        root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
        low, high = (factor * (b - root) / (2 * a) / n, factor * (b + root) / (2 * a) / n)
        top = factor if part else np.inf
    elif indicator in TOTALS:
        error = np.sqrt(rounding(indicator, small))
        low, high = value - Z * error, value + Z * error
    elif second.PUBLISHED[indicator].startswith("rivm_gezondheid."):
        error = np.full(len(value), ASSUMED / Z)
        low, high, top = value - ASSUMED, value + ASSUMED, 100.0
    else:
        error = low = high = np.full(len(value), np.nan)
    wide = (high - low) / 2
    low, high = np.minimum(np.clip(low, 0, top), value), np.maximum(np.clip(high, 0, top), value)
    if "gegeven" in rows:
        given = rows["gegeven"].to_numpy(dtype=bool)
        own, other = rows["onder"].to_numpy(dtype=float), rows["boven"].to_numpy(dtype=float)
        low, high = np.where(given, own, low), np.where(given, other, high)
        error = np.where(given, (other - own) / (2 * Z), error)
        wide = np.where(given, (other - own) / 2, wide)
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = np.where(value == 0, wide == 0, error / np.abs(value) < 0.20)
    known = np.isfinite(value) & np.isfinite(error)
    return pd.DataFrame(
        {
            "ondergrens": np.where(known, low, np.nan),
            "bovengrens": np.where(known, high, np.nan),
            "betrouwbaar": np.where(known, sure, None),
        },
        index=rows.index,
    )


def compare(published: pd.DataFrame) -> tuple[int, list[str]]:
    """Hold rows of `waarde` (with `soort`) against this implementation: figures with an interval, and what differs."""
    intervals, wrong = 0, list[str]()
    for indicator, rows in published.groupby("indicator"):
        found = expected(str(indicator), rows)
        for name in ("ondergrens", "bovengrens"):
            same = np.isclose(rows[name].astype(float), found[name], rtol=1e-9, atol=1e-9, equal_nan=True)
            wrong += [f"{indicator} {name}: {row} for {found.loc[row.name, name]}" for _, row in rows[~same].head(2).iterrows()]
        same = (rows["betrouwbaar"] == found["betrouwbaar"]) | (rows["betrouwbaar"].isna() & found["betrouwbaar"].isna())
        wrong += [f"{indicator} betrouwbaar: {row}" for _, row in rows[~same].head(2).iterrows()]
        intervals += int(found["ondergrens"].notna().sum())
    return intervals, wrong
