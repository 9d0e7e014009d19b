"""A second implementation of stability (METHOD.md section 8): plain loops, one area and one draw at a time, no arrays.

It takes the same random numbers as the package, so that the shares must come out the same to the last draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from beeld.transforms.draws import ErrorModel, Noise, Scenarios, layout_of
from beeld.transforms.stability import Block

SAME = 1e-6
ORDER = {"geen": 0, "aandacht": 1, "kracht": 1, "sterk": 2}


def compare_published(
    con: duckdb.DuckDBPyConnection, levels: Mapping[tuple[str, str], str], outcomes: Mapping[str, tuple[str, int, int]]
) -> None:
    """Hold signals and outcomes against those of the published figures: equal, or lowered by the draws as their share says."""
    rows = con.execute("select gebiedscode, thema, niveau, klasse, stabiliteit from signaal").fetchall()
    assert {(code, theme) for code, theme, *_ in rows} == levels.keys()
    for code, theme, level, certainty, share in rows:
        plain = levels[code, theme]
        if certainty == "niet_berekend":
            assert (level, share) == (plain, None), (code, theme)
            continue
        assert ORDER[level] <= ORDER[plain], (code, theme)
        assert level == "geen" or share >= 0.5, (code, theme)
        assert level != "geen" or plain == "geen" or share < 0.5, (code, theme)
        firm = share >= 0.8 if level != "geen" else share <= 0.2
        assert certainty == ("stevig" if firm else "onzeker"), (code, theme, share)
    decided = con.execute("select gebiedscode, uitkomst, n_themas, n_bronfamilies, stabiliteit from integraal").fetchall()
    assert {row[0] for row in decided} == outcomes.keys()
    for code, result, themes, families, share in decided:
        plain, expected_themes, expected_families = outcomes[code]
        assert (themes, families) == (expected_themes, expected_families), code
        assert result == final(plain, share), (code, plain, share)


def final(plain: str, share: float | None) -> str:
    """The outcome after the draws: they can only lower it."""
    if plain != "bespreken" or share is None:
        return plain
    return "bespreken" if share >= 0.8 else "grensgeval" if share >= 0.5 else "geen_signaal"


@dataclass(frozen=True)
class Draw:
    """One area in one draw: level per theme (0, 1 or 2), and whether the decision rule holds."""

    levels: tuple[int, ...]
    rule: bool
    peaks: frozenset[int]
    """Indicators that are among the highest themselves."""


def mid_rank(known: Sequence[float], figure: float) -> float:
    """(r - 0.5)/N where r is the mean rank of the equal ones; of a figure between two: the share below it."""
    below = sum(other < figure for other in known)
    equal = sum(other == figure for other in known)
    return (below + equal / 2) / len(known)


def true_figure(model: ErrorModel, noise: Noise, layout_models: Sequence[ErrorModel], area: int, draw: int) -> float:
    """The figure of one area in one draw as METHOD.md section 8 words it, oriented (a logarithm for crime)."""
    layout = layout_of(layout_models)
    value, sign = float(model.value[area]), model.sign
    if model.model == "vast":
        return sign * value
    if model.model in ("normaal", "lognormaal"):
        error = float(noise.normals[area, layout.normal.index(model.name), draw])
        if model.shared is not None:
            common = float(noise.common[area, layout.common.index(model.shared), draw])
            error = model.toward * math.sqrt(0.5) * common + math.sqrt(0.5) * error
        centre = math.log(value) if model.model == "lognormaal" else value
        return sign * (centre + float(model.spread[area]) * error)
    rounding = sum(
        float(noise.rounding[area, layout.topics.index(topic), draw])
        for number, topic in enumerate(model.topics)
        if model.rounded[number, area]
    )
    if model.model == "telling":
        return sign * max(value + rounding, 0.0)
    first = float(noise.gammas[area, layout.gammas.index((model.name, "y")), draw])
    people = float(model.denominator[area])
    if model.model == "poisson":
        return sign * model.factor * max(first + rounding, 0.0) / people
    rest = float(noise.gammas[area, layout.gammas.index((model.name, "n")), draw])
    return sign * model.factor * min(max(people * first / (first + rest) + rounding, 0.0), people) / people


def one_draw(
    block: Block, noise: Noise, scenarios: Scenarios, known: Sequence[Sequence[float]], area: int, draw: int, without: int | None
) -> Draw:
    """The whole chain for one area in one draw, as if indicator `without` were not there."""
    place_of = {
        place: mid_rank(known[place], true_figure(model, noise, block.models, area, draw))
        for place, model in enumerate(block.models)
        if not math.isnan(model.value[area])
    }
    levels: list[int] = []
    raised = strong = 0
    carrying: set[str] = set()
    for number, rule in enumerate(block.rules):
        own = [place for place in place_of if block.models[place].theme == rule.name]
        used = [place for place in own if place != without and (len(own) < 3 or bool(scenarios.kept[place, draw]))]
        level = _level(block, scenarios, number, place_of, (own, used), (area, draw), without)
        levels.append(level)
        if rule.in_rule and level:
            raised += 1
            strong += level == 2
            carrying |= {block.models[place].family for place in used if place_of[place] >= 0.80 - SAME} - {""}
    peaks = frozenset(place for place, where in place_of.items() if where >= 0.90 - SAME)
    return Draw(tuple(levels), (raised >= 3 or strong >= 2) and len(carrying) >= 2, peaks)


def _level(
    block: Block,
    scenarios: Scenarios,
    number: int,
    place_of: Mapping[int, float],
    indicators: tuple[Sequence[int], Sequence[int]],
    at: tuple[int, int],
    without: int | None,
) -> int:
    (own, used), (area, draw), rule = indicators, at, block.rules[number]
    total = rule.total
    if not block.scored[number, area]:
        return 0
    if without is not None and block.models[without].theme == rule.name:
        total -= 1
        left = len([place for place in own if place != without])
        if left == 0 or left * 10 < 6 * total or (left < 2 and total != 1):
            return 0
    weights = [float(scenarios.weights[place, draw]) for place in used]
    score = sum(w * place_of[place] for w, place in zip(weights, used, strict=True)) / sum(weights)
    median = block.medians[number, area]
    if not rule.strength and not math.isnan(median) and score < median - SAME:
        return 0
    shift = float(scenarios.shifts[number, draw])
    if score < rule.attention - SAME + shift:
        return 0
    return 2 if not rule.strength and total > 1 and score >= rule.strong - SAME + shift else 1
