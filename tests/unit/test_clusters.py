"""Adjoining buurten that stand out together: METHOD.md section 9, against plain loops and against esda."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import affinity

from beeld.settings import project_folder
from beeld.transforms import clusters, moran
from beeld.transforms.catalog import Catalog, load_catalog

SIDE = 12
GAP = 5.0


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


def squares(side: int = SIDE, gap: float = GAP) -> list[Any]:
    """A board of squares of 500 m with a gap between them, row by row."""
    return [shapely.box(500 * x + gap, 500 * y + gap, 500 * x + 500, 500 * y + 500) for y in range(side) for x in range(side)]


def codes(count: int) -> list[str]:
    return [f"BU9001{n:04d}" for n in range(count)]


def board(side: int = SIDE, seed: int = 3) -> list[float]:
    """Scores without pattern, but for a high block of 3 by 3 in one corner and a high pair elsewhere."""
    rng = random.Random(seed)
    scores = [rng.uniform(0.2, 0.6) for _ in range(side * side)]
    for y in range(3):
        for x in range(3):
            scores[y * side + x] = rng.uniform(0.95, 1.0)
    return scores


def neighbours_by_hand(shapes: Sequence[Any], tolerance: float) -> list[set[int]]:
    return [{j for j, b in enumerate(shapes) if j != i and a.distance(b) <= tolerance} for i, a in enumerate(shapes)]


def moran_by_hand(values: Sequence[float], neighbours: Sequence[Sequence[int]]) -> list[float]:
    mean = sum(values) / len(values)
    z = [x - mean for x in values]
    m2 = sum(x * x for x in z) / len(z)
    return [z[i] * sum(z[j] for j in near) / len(near) / m2 for i, near in enumerate(neighbours)]


def corrected_by_hand(p: Sequence[float]) -> list[bool]:
    """Benjamini and Hochberg: keep the k smallest, k the last rank at or below 0.05 k / m."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    last = max((rank for rank, i in enumerate(order, start=1) if p[i] <= 0.05 * rank / len(p)), default=0)
    kept = set(order[:last])
    return [i in kept for i in range(len(p))]


# ---------------------------------------------------------------- worked examples


def test_worked_example_of_the_statistic() -> None:
    """METHOD.md 9: "x = 30, 28, 26, 12, 10, 14; mean 20; m2 = 66.7. Area 1: z = 10, neighbours 28 and 26 → lag 7,
    I = 10·7/66.7 = 1.05"."""
    values = np.array([30.0, 28, 26, 12, 10, 14])
    weights = moran.weights_of([[1, 2], [0, 2], [0, 1], [4, 5], [3, 5], [3, 4]])
    statistic, centred, lag = moran.local_moran(values, weights)
    assert (centred[0], lag[0]) == (10, 7)
    assert round(float((centred**2).mean()), 1) == 66.7
    assert round(float(statistic[0]), 2) == 1.05


def test_worked_example_of_the_correction() -> None:
    """METHOD.md 9: "BH, 6 tests: cut-offs 0.008, 0.017, 0.025, 0.033, 0.042, 0.050; p = 0.001, 0.012, 0.021, 0.041, 0.060,
    0.200 → first three kept"."""
    p = [0.001, 0.012, 0.021, 0.041, 0.060, 0.200]
    assert [round(0.05 * k / 6, 3) for k in range(1, 7)] == [0.008, 0.017, 0.025, 0.033, 0.042, 0.050]
    assert (moran.discoveries(np.array(p)) <= 0.05).tolist() == [True] * 3 + [False] * 3
    assert corrected_by_hand(p) == [True] * 3 + [False] * 3


# ---------------------------------------------------------------- second implementations


def test_statistic_and_exact_p_against_all_permutations() -> None:
    """Seven areas: every conditional permutation counted by hand; the drawn p lies within four standard errors of it."""
    from itertools import permutations

    values = [9.0, 8.0, 7.5, 1.0, 2.0, 3.5, 0.5]
    near = [[1, 2], [0], [0, 1, 3], [2, 4, 5], [3], [3, 6], [5]]
    local = moran.permutation_test(np.array(values), moran.weights_of(near), seed=5)
    assert local.statistic.tolist() == pytest.approx(moran_by_hand(values, near))
    for i, others in enumerate(near):
        observed = sum(values[j] for j in others)
        rest = [values[j] for j in range(7) if j != i]
        sums = [sum(order[: len(others)]) for order in permutations(rest)]
        upper, lower = (sum(s >= observed - 1e-9 for s in sums), sum(s <= observed + 1e-9 for s in sums))
        exact = min(1.0, 2 * min(upper, lower) / len(sums))
        assert abs(local.p[i] - exact) <= 4 * 2 * math.sqrt(exact / 2 * (1 - exact / 2) / moran.PERMUTATIONS) + 3e-4, i


def test_same_as_esda() -> None:
    """esda's statistic is the same but for (N − 1)/N; its one-tailed p, doubled, agrees within the noise of two samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations and those of what it imports
        from esda.moran import Moran_Local
        from libpysal.weights import W

        shapes, values = squares(), np.array(board())
        adjoining = clusters.adjoin(shapes)
        starts, targets = adjoining.weights.starts, adjoining.weights.targets
        w = W({i: targets[starts[i] : starts[i + 1]].tolist() for i in range(len(values))}, silence_warnings=True)
        w.transform = "r"
        reference = Moran_Local(values, w, permutations=moran.PERMUTATIONS, seed=1, n_jobs=1)
    local = moran.permutation_test(values, adjoining.weights, seed=2)
    count = len(values)
    assert local.statistic == pytest.approx(reference.Is * count / (count - 1))
    doubled = np.minimum(1.0, 2 * reference.p_sim)
    noise = 5 * np.sqrt(2 * local.p * (2 - local.p) / moran.PERMUTATIONS) + 5e-4
    assert (np.abs(local.p - doubled) <= noise).all()


def test_large_sets_are_drawn_without_repeats() -> None:
    drawn = moran._draw(np.random.default_rng(1), 2_000, 40, 500)
    assert drawn.shape == (500, 40)
    assert all(len(set(row)) == 40 for row in drawn.tolist())
    assert (drawn.min(), drawn.max()) >= (0, 1) and drawn.max() < 2_000


def test_an_area_without_neighbours_has_no_statistic() -> None:
    with pytest.raises(ValueError, match="neighbour"):
        moran.weights_of([[1], [0], []])


def test_equal_values_give_no_cluster() -> None:
    assert clusters.find_clusters("veiligheid", codes(144), [0.5] * 144, squares(), 1) == []


# ---------------------------------------------------------------- neighbours


@pytest.mark.parametrize("gap", [0.0, 5.0, 24.0, 26.0])
def test_adjoining_by_hand(gap: float) -> None:
    """Corners touch too (queen); a gap of up to 25 m still adjoins, 26 m does not."""
    shapes = squares(5, gap)
    found = clusters.adjoin(shapes)
    near = neighbours_by_hand(shapes, 25.0)
    assert {tuple(pair) for pair in found.pairs.tolist()} == {(i, j) for i, js in enumerate(near) for j in js}
    if gap <= 5:
        assert len(near[0]) == 3 and len(near[12]) == 8
    if gap > clusters.TOLERANCE:
        assert len(found.pairs) == 0
        assert set(found.weights.degrees.tolist()) == {clusters.NEAREST}, "islands: the 4 nearest"


def test_an_island_gets_its_four_nearest_and_joins_no_group() -> None:
    shapes = [*squares(3), shapely.box(4000, 0, 4400, 400)]
    found = clusters.adjoin(shapes)
    start = found.weights.starts[-2]
    assert sorted(found.weights.targets[start:].tolist()) == [1, 2, 5, 8]
    assert 9 not in found.pairs
    labels = clusters.components(found.pairs, np.ones(10, dtype=bool))
    assert labels.count(labels[9]) == 1


# ---------------------------------------------------------------- groups


def test_the_block_is_found_and_named_after_its_first_code() -> None:
    found = clusters.find_clusters("veiligheid", codes(144), board(), squares(), 1)
    block = {f"BU9001{y * SIDE + x:04d}" for y in range(3) for x in range(3)}
    assert {member.gebiedscode for member in found} <= block
    assert {"BU90010000", "BU90010001", f"BU9001{SIDE:04d}", f"BU9001{SIDE + 1:04d}"} <= {member.gebiedscode for member in found}
    assert {member.cluster for member in found} == {"veiligheid-BU90010000"}
    assert all(0 < member.p <= 0.05 for member in found)


def test_noise_alone_gives_at_most_a_few() -> None:
    """Forty boards without any pattern: areas kept in at most one in ten of them."""
    rng = random.Random(11)
    kept = 0
    for turn in range(40):
        values = np.array([rng.random() for _ in range(144)])
        local = moran.permutation_test(values, clusters.adjoin(squares()).weights, turn, permutations=1_999)
        kept += bool((moran.discoveries(local.p) <= 0.05).any())
    assert kept <= 6


def test_moving_turning_and_reordering_change_nothing() -> None:
    """The same groups after a translation, a turn of 30 degrees, and with the rows in another order."""
    shapes, scores, names = squares(), board(), codes(144)

    def found(areas: Sequence[Any], values: Sequence[float], labels: Sequence[str]) -> set[tuple[str, str]]:
        return {(m.cluster, m.gebiedscode) for m in clusters.find_clusters("veiligheid", labels, values, areas, 9)}

    own = found(shapes, scores, names)
    assert own
    assert found([affinity.translate(s, 120_000, 400_000) for s in shapes], scores, names) == own
    assert found([affinity.rotate(s, 30, origin=(0, 0)) for s in shapes], scores, names) == own
    assert found(shapes, [10 * s + 3 for s in scores], names) == own
    order = random.Random(2).sample(range(144), 144)
    weights = clusters.adjoin([shapes[i] for i in order]).weights
    statistic, _, _ = moran.local_moran(np.array([scores[i] for i in order]), weights)
    straight, _, _ = moran.local_moran(np.array(scores), clusters.adjoin(shapes).weights)
    assert statistic == pytest.approx(straight[order])


def test_same_seed_same_outcome() -> None:
    first, second, other = (clusters.find_clusters("werk", codes(144), board(), squares(), seed) for seed in (4, 4, 5))
    assert first == second
    assert [m.p for m in first] != [m.p for m in other]


# ---------------------------------------------------------------- which themes


def test_tested_themes_follow_the_catalogue(catalog: Catalog) -> None:
    """Not where a model or somebody else's score is in the core, and not the theme of strengths."""
    tested = clusters.tested_themes(catalog)
    assert tested
    for theme in catalog.scored_themes:
        kinds = {catalog.indicators[name].soort for name in catalog.core(theme)}
        assert (theme in tested) is (not kinds & {"modelschatting", "score"} and not catalog.themes[theme].kracht), theme
    name = catalog.core(tested[0])[0]
    scored = catalog.indicators[name].model_copy(update={"soort": "score"})
    changed = replace(catalog, indicators={**catalog.indicators, name: scored})
    assert clusters.tested_themes(changed) == tested[1:]
