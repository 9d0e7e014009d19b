"""Random numbers of the stability of signals (METHOD.md section 8), a stream per area, and the error models that use them.

The numbers of an area derive from the inputs, the method version and the code of that area alone: neither the other areas, nor
the size of a block, nor the order of work can change them. What is the same for all areas in one draw (weights, the indicator
that is dropped, the shift of the thresholds) comes from a stream of its own; so does the direction of rounding of a gemeente.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Model = Literal["vast", "normaal", "lognormaal", "binomiaal", "poisson", "telling"]

SHARED = 0.5
"""Correlation between the errors of the modelled figures of one source in one area."""
WEIGHT = 4.0
"""Parameter of the Dirichlet distribution of the weights."""
SHIFT = 0.02
"""Largest shift of a threshold in a draw."""
DROP_FROM = 3
"""Number of figures of a theme from which one is dropped in every draw."""


@dataclass(frozen=True)
class ErrorModel:
    """How the figures of one core indicator may differ from the truth; arrays over areas, NaN where an area has no figure."""

    name: str
    theme: str
    family: str
    sign: float
    """1 when a higher figure is a higher score, else -1."""
    toward: float
    """1 when a higher figure is more concern, else -1: the shared error of modelled figures goes in that direction."""
    model: Model
    value: Array
    """The published figure that is ranked (`geschat` where there is one)."""
    spread: Array
    """Standard error; on the log scale for lognormaal."""
    count: Array
    denominator: Array
    factor: float
    topics: tuple[tuple[str, int], ...]
    """Columns that the count is the sum of, with the base to which the source rounds them (5 or 10)."""
    rounded: npt.NDArray[np.bool_]
    """Topics x areas: the source rounds that column for that kind of area."""
    shared: str | None
    """Source whose modelled figures share an error."""

    @property
    def ranked(self) -> Array:
        """The published figures as they are ordered: higher is a higher score; logarithms where the error is on that scale."""
        with np.errstate(divide="ignore"):
            return self.sign * (np.log(self.value) if self.model == "lognormaal" else self.value)

    def of(self, areas: npt.NDArray[np.intp]) -> ErrorModel:
        """The same model for these areas."""
        return replace(
            self,
            value=self.value[areas],
            spread=self.spread[areas],
            count=self.count[areas],
            denominator=self.denominator[areas],
            rounded=self.rounded[:, areas],
        )


@dataclass(frozen=True)
class Scenarios:
    """What all areas have in common in each of B draws."""

    weights: Array
    """Indicators x B, above 0; only their ratio within a theme matters."""
    kept: npt.NDArray[np.bool_]
    """Indicators x B, False where the indicator is the one that is dropped."""
    shifts: Array
    """Themes x B."""

    @property
    def draws(self) -> int:
        """B."""
        return self.weights.shape[1]


@dataclass(frozen=True)
class Noise:
    """Random numbers of a block of A areas; each with B draws last."""

    normals: Array
    """A x indicators x B: the own error of an indicator (normaal, lognormaal), standard normal."""
    common: Array
    """A x sources x B: the shared error of the modelled figures of a source, standard normal."""
    gammas: Array
    """A x rows of Layout.gammas x B: gamma variates of the posteriors of counts."""
    rounding: Array
    """A x rounded topics x B: rounding error of one cell, its sign common to gemeente and topic where the base is 5."""


@dataclass(frozen=True)
class Layout:
    """Which row of Noise belongs to which indicator; all in order of name, so that the order of the catalogue is nothing."""

    normal: tuple[str, ...]
    common: tuple[str, ...]
    gammas: tuple[tuple[str, str], ...]
    """Indicator with "y" for its count, and for a part of a denominator "n" for the rest of it."""
    topics: tuple[tuple[str, int], ...]
    """Rounded column with its base."""


def layout_of(models: Sequence[ErrorModel]) -> Layout:
    """The rows of noise that these indicators need."""
    return Layout(
        tuple(sorted(m.name for m in models if m.model in ("normaal", "lognormaal"))),
        tuple(sorted({m.shared for m in models if m.shared is not None})),
        tuple(sorted((m.name, part) for m in models for part in {"binomiaal": "ny", "poisson": "y"}.get(m.model, ""))),
        tuple(sorted({topic for m in models for topic in m.topics})),
    )


def stream(seed: str, *names: str) -> np.random.Generator:
    """The random numbers that belong to this seed and these names."""
    digest = hashlib.sha256("\0".join((seed, *names)).encode()).digest()
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(int.from_bytes(digest[:16], "little"))))


def scenarios(seed: str, models: Sequence[ErrorModel], themes: Sequence[str], draws: int) -> Scenarios:
    """Weights, dropped indicators and shifts of thresholds, a stream per theme; rows in the order of `models` and `themes`."""
    weights = np.empty((len(models), draws), dtype=np.float32)
    kept = np.ones((len(models), draws), dtype=np.bool_)
    shifts = np.empty((len(themes), draws), dtype=np.float32)
    for row, theme in enumerate(themes):
        chance = stream(seed, "thema", theme)
        own = sorted((m.name, place) for place, m in enumerate(models) if m.theme == theme)
        places = [place for _, place in own]
        weights[places] = chance.standard_gamma(WEIGHT, size=(len(own), draws))
        dropped = chance.integers(0, len(own), size=draws)
        if len(own) >= DROP_FROM:
            kept[places] = np.arange(len(own))[:, None] != dropped
        shifts[row] = chance.uniform(-SHIFT, SHIFT, size=draws)
    return Scenarios(weights, kept, shifts)


def published_scenario(models: Sequence[ErrorModel], themes: Sequence[str]) -> Scenarios:
    """One draw in which nothing is disturbed: equal weights, nothing dropped, thresholds as they are."""
    return Scenarios(np.ones((len(models), 1)), np.ones((len(models), 1), dtype=np.bool_), np.zeros((len(themes), 1)))


def noise(seed: str, codes: Sequence[str], gemeenten: Sequence[str], models: Sequence[ErrorModel], draws: int) -> Noise:
    """The random numbers of these areas (and of the gemeente of each); `models` hold the figures of the same areas."""
    layout = layout_of(models)
    shapes = _gamma_shapes({m.name: m for m in models}, layout, len(codes))
    count = len(codes)
    normals = np.empty((count, len(layout.normal), draws), dtype=np.float32)
    common = np.empty((count, len(layout.common), draws), dtype=np.float32)
    gammas = np.empty((count, shapes.shape[1], draws), dtype=np.float32)
    rounding = np.empty((count, len(layout.topics), draws), dtype=np.float32)
    signs: dict[str, Array] = {}
    for place, (code, gemeente) in enumerate(zip(codes, gemeenten, strict=True)):
        chance = stream(seed, "gebied", code)
        chance.standard_normal(out=common[place], dtype=np.float32)
        chance.standard_normal(out=normals[place], dtype=np.float32)
        chance.standard_gamma(shapes[place][:, None], out=gammas[place], dtype=np.float32, size=gammas[place].shape)
        if layout.topics:
            steps = chance.integers(0, 10, size=(len(layout.topics), draws), dtype=np.uint8)
            if gemeente not in signs:
                signs = {gemeente: _signs(seed, gemeente, layout, draws)}
            rounding[place] = _rounding_errors(steps, signs[gemeente], layout)
    return Noise(normals, common, gammas, rounding)


def _gamma_shapes(models: Mapping[str, ErrorModel], layout: Layout, areas: int) -> Array:
    """y + 1/2 and n - y + 1/2 per area; 1 where there is no figure, so that the stream of random numbers stays in step."""
    shapes = np.ones((areas, len(layout.gammas)), dtype=np.float32)
    for row, (name, part) in enumerate(layout.gammas):
        model = models[name]
        y = np.clip(model.count, 0, model.denominator) if model.model == "binomiaal" else model.count
        shape = y + 0.5 if part == "y" else model.denominator - y + 0.5
        shapes[:, row] = np.where(shape > 0, shape, 1.0)
    return shapes


def _signs(seed: str, gemeente: str, layout: Layout, draws: int) -> Array:
    """Direction of rounding per topic and draw, -1 or 1."""
    rows = [stream(seed, "teken", gemeente, topic).integers(0, 2, size=draws, dtype=np.int8) for topic, _ in layout.topics]
    return (2.0 * np.stack(rows) - 1.0).astype(np.float32)


def _rounding_errors(steps: npt.NDArray[np.uint8], signs: Array, layout: Layout) -> Array:
    """Base 5: sign x 0...4; base 10: -4.5...4.5, independent (METHOD.md section 3). `steps` are uniform on 0...9."""
    five = np.array([base == 5 for _, base in layout.topics])[:, None]
    return np.where(five, signs * (steps // 2), steps - np.float32(4.5))


def drawn(model: ErrorModel, noise: Noise, layout: Layout, kind: type[np.floating] = np.float32) -> Array:
    """The figure of each area in each draw (A x B), on the scale of ErrorModel.ranked; A x 1 where nothing is disturbed.

    Counts are drawn from the posterior of the published count, then the rounding error is added; a count is never below 0, and
    not above its denominator where it is part of it.
    """
    value, spread, sign = model.ranked[:, None].astype(kind), model.spread[:, None].astype(kind), kind(model.sign)
    match model.model:
        case "vast":
            return value
        case "normaal" | "lognormaal":
            return value + sign * spread * _errors(model, noise, layout, kind)
        case "telling":
            return sign * np.maximum(sign * value + _rounding(model, noise, layout, kind), 0)
        case "binomiaal" | "poisson":
            count = noise.gammas[:, layout.gammas.index((model.name, "y"))].astype(kind, copy=False)
            denominator = model.denominator[:, None].astype(kind)
            if model.model == "binomiaal":
                count = denominator * (count / (count + noise.gammas[:, layout.gammas.index((model.name, "n"))]))
            count = count + _rounding(model, noise, layout, kind) if model.topics else count
            count = np.clip(count, 0, denominator) if model.model == "binomiaal" else np.maximum(count, 0)
            return count * (kind(model.factor) * sign / denominator)


def _errors(model: ErrorModel, noise: Noise, layout: Layout, kind: type[np.floating]) -> Array:
    own = noise.normals[:, layout.normal.index(model.name)].astype(kind, copy=False)
    if model.shared is None:
        return own
    common = noise.common[:, layout.common.index(model.shared)].astype(kind, copy=False)
    return kind(model.toward * np.sqrt(SHARED)) * common + kind(np.sqrt(1 - SHARED)) * own


def _rounding(model: ErrorModel, noise: Noise, layout: Layout, kind: type[np.floating]) -> Array:
    total = np.zeros(noise.rounding[:, 0].shape, dtype=kind)
    for topic, rounded in zip(model.topics, model.rounded, strict=True):
        total += noise.rounding[:, layout.topics.index(topic)].astype(kind, copy=False) * rounded[:, None]
    return total
