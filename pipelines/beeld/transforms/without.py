"""What the decision rule says when one core indicator is left out: for every area, on the published figures, exactly.

A percentile depends on its own indicator only, so that leaving one out changes the score of one theme. That theme gets the
thresholds of its new scores, as a release with other core indicators would (docs/methode.md); the other themes stay as published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from beeld.transforms.catalog import FAMILIES, Catalog
from beeld.transforms.scores import ATTENTION, CARRIED, EQUAL, SHARE_NEEDED, STRONG, ThemeSignal, decide

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

LEVELS = ("", "geen", "aandacht", "sterk")
"""Level of a theme as a number; 0: the theme has no score."""
SCALE = 10**15
"""Percentiles are averaged as whole numbers of 1e-15, as `scores.sql` does over decimals: no order of adding changes the mean."""


@dataclass(frozen=True)
class Published:
    """What the decision rests on: one row per area that can be scored, one column per core indicator of the rule's themes."""

    areas: tuple[str, ...]
    kinds: Texts
    gemeenten: Texts
    rule: tuple[str, ...]
    indicators: tuple[str, ...]
    themes: tuple[str, ...]
    """Theme of each column."""
    families: Ints
    """Bit of each column's family; 0 for one that carries nothing."""
    percentiles: Floats
    """areas x indicators; NaN where there is none."""
    levels: Ints
    """areas x rule: place in LEVELS."""


def read_published(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> Published:
    """From a build database in which the scores were computed (`werk.deelnemer`, `werk.percentiel`, `signaal`)."""
    rule = tuple(name for name, theme in catalog.themes.items() if theme.beslisregel)
    columns = [(name, theme) for theme in rule for name in catalog.core(theme)]
    rows = con.execute(
        "select gebiedscode, soort, coalesce(gemeentecode, '') from werk.deelnemer order by gebiedscode"
    ).fetchall()
    place = {code: number for number, (code, _, _) in enumerate(rows)}
    column = {name: number for number, (name, _) in enumerate(columns)}
    percentiles = np.full((len(rows), len(columns)), np.nan)
    found = con.execute(
        """select gebiedscode, indicator, p from werk.percentiel
        where referentie = 'nl' and list_contains(?, indicator) order by all""",
        [list(column)],
    ).fetchall()
    for code, name, p in found:
        percentiles[place[code], column[name]] = p
    levels = np.zeros((len(rows), len(rule)), dtype=np.int64)
    signals = con.execute(
        "select gebiedscode, thema, niveau from signaal where list_contains(?, thema) order by all", [list(rule)]
    ).fetchall()
    for code, theme, level in signals:
        levels[place[code], rule.index(theme)] = LEVELS.index(level)
    bits = [_bit(catalog.indicators[name].familie) for name, _ in columns]
    return Published(
        tuple(row[0] for row in rows),
        np.array([row[1] for row in rows], dtype=object),
        np.array([row[2] for row in rows], dtype=object),
        rule,
        tuple(name for name, _ in columns),
        tuple(theme for _, theme in columns),
        np.array(bits, dtype=np.int64),
        percentiles,
        levels,
    )


def outcomes(published: Published, left_out: str | None, titles: Mapping[str, str]) -> list[str]:
    """The outcome of the decision rule for every area of `published`, without the core indicator `left_out` (None: with all).

    `titles`: theme -> title, for the rule's reasons, which are not kept. Areas that are alike are decided once.
    """
    kept = np.array([name != left_out for name in published.indicators], dtype=bool)
    levels = published.levels.copy()
    if left_out is not None:
        theme = published.themes[published.indicators.index(left_out)]
        levels[:, published.rule.index(theme)] = _levels_of(published, theme, kept)
    scored = _masks(published, kept, ~np.isnan(published.percentiles))
    carrying = _masks(published, kept, published.percentiles >= CARRIED - EQUAL)
    states = np.concatenate([levels, scored, carrying], axis=1)
    distinct, which = np.unique(states, axis=0, return_inverse=True)
    decided = [_decided(row, published.rule, titles) for row in distinct.tolist()]
    return [decided[number] for number in which.reshape(-1).tolist()]


def _levels_of(published: Published, theme: str, kept: npt.NDArray[np.bool_]) -> Ints:
    """The level of one theme from the columns that are kept: METHOD.md sections 5 and 6, with thresholds of these scores."""
    chosen = kept & np.array([name == theme for name in published.themes], dtype=bool)
    scores, total = _scores(published.percentiles[:, chosen]), int(chosen.sum())
    levels = np.where(np.isnan(scores), 0, 1).astype(np.int64)
    for kind in sorted(set(published.kinds)):
        own = (published.kinds == kind) & ~np.isnan(scores)
        if not own.any():
            continue
        attention, strong = (float(np.quantile(scores[own], share)) - EQUAL for share in (ATTENTION, STRONG))
        high = own & (scores >= _medians(scores, own, published.gemeenten) - EQUAL)
        levels[high & (scores >= attention)] = 2
        if total > 1:
            levels[high & (scores >= strong)] = 3
    return levels


def _scores(percentiles: Floats) -> Floats:
    """The theme score of every area from the percentiles of its core indicators; NaN where too few are present."""
    total = percentiles.shape[1]
    present = ~np.isnan(percentiles)
    used = present.sum(axis=1)
    enough = (used >= SHARE_NEEDED * total) & ((used >= 2) | (total == 1)) & (used > 0)
    whole = np.rint(np.where(present, percentiles, 0.0) * SCALE).astype(np.int64).sum(axis=1)
    return np.where(enough, whole / np.maximum(used, 1) / SCALE, np.nan)


def _medians(scores: Floats, own: npt.NDArray[np.bool_], gemeenten: Texts) -> Floats:
    """For every area of `own` the median score of the areas of its gemeente; infinity elsewhere."""
    places = np.flatnonzero(own)
    _, group = np.unique(gemeenten[places].astype(str), return_inverse=True)
    order = np.lexsort((scores[places], group))
    ordered, counts = scores[places][order], np.bincount(group)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    middle = (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2
    found = np.full(len(scores), np.inf)
    found[places] = middle[group]
    return found


def _masks(published: Published, kept: npt.NDArray[np.bool_], holds: npt.NDArray[np.bool_]) -> Ints:
    """areas x rule: the families, as bits, of the kept columns of each theme where `holds`."""
    found = np.zeros((len(published.areas), len(published.rule)), dtype=np.int64)
    for number, name in enumerate(published.themes):
        if kept[number]:
            found[:, published.rule.index(name)] |= np.where(holds[:, number], published.families[number], 0)
    return found


def _decided(row: Sequence[int], rule: Sequence[str], titles: Mapping[str, str]) -> str:
    count = len(rule)
    levels, scored, carrying = row[:count], row[count : 2 * count], row[2 * count :]
    present = [number for number in range(count) if levels[number]]
    signals = [ThemeSignal(rule[n], LEVELS[levels[n]], _families(carrying[n])) for n in present]
    return decide({rule[n]: _families(scored[n]) for n in present}, signals, titles).uitkomst


def _bit(family: str) -> int:
    return 1 << FAMILIES.index(family) if family in FAMILIES else 0


def _families(bits: int) -> frozenset[str]:
    return frozenset(name for number, name in enumerate(FAMILIES) if bits >> number & 1)
