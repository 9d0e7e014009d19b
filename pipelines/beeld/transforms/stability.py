"""How often a signal and the decision rule hold when the figures and the choices vary: METHOD.md section 8, arithmetic only.

Areas are independent given the scenarios: percentiles are looked up in the reference distribution of the published figures, and
the median of the gemeente is the published one. So work and memory are those of one block of areas, and cost is linear in areas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beeld.transforms.draws import DROP_FROM, Array, ErrorModel, Layout, Noise, Scenarios, drawn, layout_of
from beeld.transforms.scores import CARRIED, EQUAL, MIN_FAMILIES, MIN_STRONG, MIN_THEMES, PEAK, SHARE_NEEDED

Flags = npt.NDArray[np.bool_]


MOST_KEYS = 8
"""Keys in one bucket from which a binary search is as quick."""


@dataclass(frozen=True)
class Reference:
    """The published distribution of one indicator in one reference set."""

    keys: Array
    """The different figures, oriented, ascending."""
    before: Array
    """Share of the areas below a figure that lies just under key i (one more than keys)."""
    at: Array
    """Mid-rank percentile of key i (one more than keys, the last never used)."""
    buckets: tuple[float, float, npt.NDArray[np.intp], int] | None
    """Lowest key, buckets per unit, number of keys below each bucket, most keys in one; None where keys lie too unevenly."""

    @classmethod
    def of(cls, values: Array, kind: type[np.floating] = np.float32) -> Reference:
        """From the oriented published figures of the set, in any order."""
        keys, counts = np.unique(values.astype(kind), return_counts=True)
        below = np.concatenate([[0], np.cumsum(counts)])
        at = np.append(below[:-1] + counts / 2, len(values))
        shares = (below / len(values)).astype(kind), (at / len(values)).astype(kind)
        return cls(np.append(keys, kind(np.inf)), *shares, _buckets(keys))

    def percentile(self, figures: Array) -> Array:
        """Mid-rank percentile of figures of any shape: (r - 0.5)/N of a published one, the share below of one in between."""
        figures = figures.astype(self.keys.dtype, copy=False)
        places = self._places(figures)
        return np.where(self.keys.take(places) == figures, self.at.take(places), self.before.take(places))

    def _places(self, figures: Array) -> npt.NDArray[np.intp]:
        """`searchsorted(keys, figures)`; through buckets it takes a sixth of the time, because it does not branch."""
        if self.buckets is None:
            return np.searchsorted(self.keys[:-1], figures)
        low, scale, first, most = self.buckets
        places = first.take(_bucket(figures, low, scale, len(first)))
        for _ in range(most):
            places += self.keys.take(places) < figures
        return places


def _bucket(figures: Array, low: float, scale: float, count: int) -> npt.NDArray[np.intp]:
    """The bucket of each figure. Every step keeps the order of figures, also in rounding: what lies in an earlier one is less."""
    kind = figures.dtype.type
    found = (figures - kind(low)) * kind(scale)
    return np.clip(found, 0, count - 1, out=found).astype(np.intp)


def _buckets(keys: Array) -> tuple[float, float, npt.NDArray[np.intp], int] | None:
    finite = keys[np.isfinite(keys)]
    if len(finite) < 2:
        return None
    low, width = float(finite[0]), float(finite[-1] - finite[0])
    for count in (1 << 12, 1 << 16):
        scale = (count - 1) / width
        held = np.bincount(_bucket(keys, low, scale, count), minlength=count)
        if held.max() <= (MOST_KEYS if count > 1 << 12 else 1):
            return low, scale, np.concatenate([[0], np.cumsum(held)[:-1]]).astype(np.intp), int(held.max())
    return None


@dataclass(frozen=True)
class ThemeRule:
    """How a theme becomes a signal for one kind of area."""

    name: str
    attention: float
    """c80, for strengths the threshold of kracht."""
    strong: float
    """c90; infinite for strengths."""
    total: int
    """Number of core indicators."""
    strength: bool
    in_rule: bool

    def can_be_strong(self, removed: int = 0) -> bool:
        """A theme with one core indicator never is."""
        return not self.strength and self.total - removed > 1


@dataclass(frozen=True)
class Block:
    """Areas of one kind: their figures, what they are compared with, and the published medians and presence of scores."""

    models: tuple[ErrorModel, ...]
    """Sorted by theme, then name."""
    references: tuple[tuple[Reference | None, ...], ...]
    """Per indicator one reference per area (the same object for areas of one set); None where the area has no set."""
    rules: tuple[ThemeRule, ...]
    medians: Array
    """Themes x areas: published median of the gemeente, NaN where there is none."""
    scored: Flags
    """Themes x areas: the theme has a published score."""


@dataclass(frozen=True)
class Shares:
    """Shares of the draws, areas last; `without` and `changes`: when one indicator is taken away."""

    signal: Array
    """Themes x areas: aandacht or sterk; kracht for strengths."""
    strong: Array
    rule: Array
    """Areas: the decision rule holds."""
    peak: Array
    """Indicators x areas: the indicator itself is among the highest."""
    theme_changes: Array
    """Indicators x areas: taking it away changes the level of its theme."""
    theme_without: tuple[Array, Array]
    """Indicators x areas, twice: share with a signal, and share with a strong one, without the indicator."""
    rule_changes: Array
    rule_without: Array
    too_little: Flags
    """Indicators x areas: without it too few themes or families have a score for the rule."""

    @classmethod
    def empty(cls, themes: int, indicators: int, areas: int) -> Shares:
        """All shares 0."""
        per_theme, per_indicator = (themes, areas), (indicators, areas)
        return cls(
            signal=np.zeros(per_theme),
            strong=np.zeros(per_theme),
            rule=np.zeros(areas),
            peak=np.zeros(per_indicator),
            theme_changes=np.zeros(per_indicator),
            theme_without=(np.zeros(per_indicator), np.zeros(per_indicator)),
            rule_changes=np.zeros(per_indicator),
            rule_without=np.zeros(per_indicator),
            too_little=np.zeros(per_indicator, dtype=np.bool_),
        )


@dataclass
class _Theme:
    """One theme in all draws of a block."""

    rule: ThemeRule
    places: list[int]
    total: Array
    weight: Array
    parts: dict[int, tuple[Array, Array]]
    """Indicator -> (weight x percentile, weight)."""
    carries: dict[int, Flags]
    present: Flags
    """Indicators of this theme x areas."""

    def published_without(self, place: int) -> Flags:
        """Areas in which the theme would still have a score without that indicator (METHOD.md section 5)."""
        left = self.present.sum(axis=0) - self.present[self.places.index(place)]
        total = self.rule.total - 1
        return (left >= 1) & (left >= SHARE_NEEDED * total - EQUAL) & ((left >= 2) | (total == 1))


def shares(block: Block, noise: Noise | None, scenarios: Scenarios, kind: type[np.floating] = np.float32) -> Shares:
    """Run every draw for the areas of a block; without noise the published figures as they are."""
    percentiles, present = _percentiles(block, noise, kind)
    themes = [_theme(block, number, percentiles, present, scenarios, kind) for number in range(len(block.rules))]
    found = Shares.empty(len(themes), len(block.models), block.scored.shape[1])
    for place, figures in enumerate(percentiles):
        found.peak[place] = _share(figures >= kind(PEAK - EQUAL))  # 0 where there is no figure
    levels = [_levels(block, number, theme, scenarios, None, kind) for number, theme in enumerate(themes)]
    tally = _Tally.of(block, themes, levels)
    holds = tally.holds()
    found.rule[:] = _share(holds)
    for number, theme in enumerate(themes):
        signal, strong = levels[number]
        found.signal[number], found.strong[number] = _share(signal), _share(strong)
        for place in theme.places:
            other, stronger = _levels(block, number, theme, scenarios, place, kind)
            found.theme_without[0][place], found.theme_without[1][place] = _share(other), _share(stronger)
            found.theme_changes[place] = _share((other != signal) | (stronger != strong))
            if theme.rule.in_rule:
                without = tally.replaced(theme, (signal, strong), (other, stronger), place).holds()
                found.rule_changes[place], found.rule_without[place] = _share(without != holds), _share(without)
                found.too_little[place] = _too_little(block, themes, present, number, place)
    return found


def _share(flags: Flags) -> Array:
    return np.count_nonzero(flags, axis=1) / flags.shape[1]


def _percentiles(block: Block, noise: Noise | None, kind: type[np.floating]) -> tuple[list[Array], Flags]:
    """Per indicator its percentile (A x B, or A x 1 when undisturbed; 0 where there is none), and which are there."""
    layout = layout_of(block.models) if noise is not None else Layout((), (), (), ())
    found: list[Array] = []
    present = np.zeros((len(block.models), block.scored.shape[1]), dtype=np.bool_)
    for place, model in enumerate(block.models):
        figures = model.ranked[:, None].astype(kind) if noise is None else drawn(model, noise, layout, kind)
        outcome = np.zeros(figures.shape, dtype=kind)
        for reference, rows in _by_reference(block.references[place]):
            chosen = rows[np.isfinite(model.value[rows])]
            present[place, chosen] = True
            if len(chosen) == len(figures):
                outcome = reference.percentile(figures)
            elif len(chosen):
                outcome[chosen] = reference.percentile(figures[chosen])
        found.append(outcome)
    return found, present


def _by_reference(references: Sequence[Reference | None]) -> list[tuple[Reference, npt.NDArray[np.intp]]]:
    groups: dict[int, tuple[Reference, list[int]]] = {}
    for row, reference in enumerate(references):
        if reference is not None:
            groups.setdefault(id(reference), (reference, []))[1].append(row)
    return [(reference, np.array(rows, dtype=np.intp)) for reference, rows in groups.values()]


def _theme(
    block: Block, number: int, percentiles: Sequence[Array], present: Flags, scenarios: Scenarios, kind: type[np.floating]
) -> _Theme:
    """Weighted sum of the percentiles of a theme; what is dropped has no weight, where the area has three figures or more."""
    rule = block.rules[number]
    places = [place for place, model in enumerate(block.models) if model.theme == rule.name]
    own = present[places]
    drops = (own.sum(axis=0) >= DROP_FROM)[:, None]
    total = np.zeros((present.shape[1], scenarios.draws), dtype=kind)
    weight = np.zeros_like(total)
    parts: dict[int, tuple[Array, Array]] = {}
    carries: dict[int, Flags] = {}
    for place in places:
        used = present[place][:, None] & (scenarios.kept[place] | ~drops)
        share = scenarios.weights[place].astype(kind) * used
        part = share * percentiles[place]
        total += part
        weight += share
        parts[place] = (part, share)
        carries[place] = (percentiles[place] >= CARRIED - EQUAL) & used
    return _Theme(rule, places, total, weight, parts, carries, own)


def _levels(
    block: Block, number: int, theme: _Theme, scenarios: Scenarios, without: int | None, kind: type[np.floating]
) -> tuple[Flags, Flags]:
    """Has the theme a signal, and a strong one, in each draw; `without`: as if that indicator were not there."""
    rule, total, weight, able = theme.rule, theme.total, theme.weight, block.scored[number]
    if without is not None:
        part, share = theme.parts[without]
        total, weight = total - part, weight - share
        able = able & theme.published_without(without)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = total / weight
    shift = scenarios.shifts[number].astype(kind)
    median = np.where(np.isnan(block.medians[number]), -np.inf, block.medians[number]).astype(kind)[:, None]
    allowed = (
        able[:, None] & (score >= median - kind(EQUAL)) if not rule.strength else np.broadcast_to(able[:, None], score.shape)
    )
    signal = allowed & (score >= kind(rule.attention - EQUAL) + shift)
    if not rule.can_be_strong(0 if without is None else 1):
        return signal, np.zeros_like(signal)
    return signal, signal & (score >= kind(rule.strong - EQUAL) + shift)


def _too_little(block: Block, themes: Sequence[_Theme], present: Flags, lost: int, place: int) -> Flags:
    """Areas with fewer than three scored themes of the rule, or fewer than two families in them, without one indicator."""
    scored = block.scored.copy()
    scored[lost] &= themes[lost].published_without(place)
    rule = [number for number, theme in enumerate(themes) if theme.rule.in_rule]
    families: dict[str, Flags] = {}
    for number in rule:
        for own in themes[number].places:
            family = block.models[own].family
            if family and own != place:
                here = scored[number] & present[own]
                families[family] = families[family] | here if family in families else here
    count = sum((there.astype(int) for there in families.values()), np.zeros(scored.shape[1], int))
    return (scored[rule].sum(axis=0) < MIN_THEMES) | (count < MIN_FAMILIES)


@dataclass
class _Tally:
    """How many themes of the rule have a signal, a strong one, and are carried by each family; A x B each."""

    raised: npt.NDArray[np.int8]
    strong: npt.NDArray[np.int8]
    families: dict[str, npt.NDArray[np.int8]]
    names: Mapping[int, str]

    @classmethod
    def of(cls, block: Block, themes: Sequence[_Theme], levels: Sequence[tuple[Flags, Flags]]) -> _Tally:
        shape = themes[0].total.shape if themes else (block.scored.shape[1], 1)
        names = {place: m.family for place, m in enumerate(block.models) if m.family}
        found = cls(np.zeros(shape, np.int8), np.zeros(shape, np.int8), {}, names)
        found.families.update({name: np.zeros(shape, np.int8) for name in sorted(set(names.values()))})
        for theme, (signal, strong) in zip(themes, levels, strict=True):
            if theme.rule.in_rule:
                found.raised += signal
                found.strong += strong
                for family, carried in found.carried(theme, None).items():
                    found.families[family] += carried & signal
        return found

    def carried(self, theme: _Theme, without: int | None) -> dict[str, Flags]:
        """Family -> is the theme carried by it (METHOD.md section 7)."""
        found: dict[str, Flags] = {}
        for place in theme.places:
            family = self.names.get(place)
            if family is not None and place != without:
                found[family] = found[family] | theme.carries[place] if family in found else theme.carries[place]
        return found

    def replaced(self, theme: _Theme, was: tuple[Flags, Flags], now: tuple[Flags, Flags], without: int) -> _Tally:
        """The same count after one theme lost an indicator."""
        families = dict(self.families)
        for family, carried in self.carried(theme, None).items():
            families[family] = families[family] - (carried & was[0])
        for family, carried in self.carried(theme, without).items():
            families[family] = families[family] + (carried & now[0])
        raised = self.raised - was[0].astype(np.int8) + now[0]
        return _Tally(raised, self.strong - was[1].astype(np.int8) + now[1], families, self.names)

    def holds(self) -> Flags:
        """Three themes or two strong ones, carried by two families."""
        carrying = sum((count > 0 for count in self.families.values()), np.zeros(self.raised.shape, np.int8))
        return ((self.raised >= MIN_THEMES) | (self.strong >= MIN_STRONG)) & (carrying >= MIN_FAMILIES)
