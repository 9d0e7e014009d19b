"""Areas that are alike: METHOD.md section 11, against plain loops over all pairs."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import duckdb
import numpy as np
import pytest

from beeld.settings import project_folder
from beeld.transforms import peers
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.build import create_schema
from tests.indicatoren.scoring import insert_areas, insert_values

NAMES = peers.COMPONENTS
Values = Mapping[str, Sequence[float | None]]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(":memory:")) as opened:
        create_schema(opened, project_folder())
        yield opened


def drawn(count: int, seed: int = 1) -> dict[str, list[float | None]]:
    """Invented buurten; figures are coarse, so that equal distances occur."""
    rng = random.Random(seed)
    return {f"BU9001{n:04d}": [rng.randint(1, 5), *(float(rng.randint(0, 4)) for _ in NAMES[1:])] for n in range(count)}


def plain(values: Values) -> dict[str, list[tuple[str, float]]]:
    """Every pair, by the text of METHOD.md: the ten nearest, ties by code."""
    spread = {}
    for v in range(len(NAMES)):
        known = [row[v] for row in values.values() if row[v] is not None]
        if known and len(known) / len(values) >= 0.8:
            mean = sum(known) / len(known)
            spread[v] = math.sqrt(sum((x - mean) ** 2 for x in known) / len(known))
    used = {v: s for v, s in spread.items() if s > 0}
    full = {code: row for code, row in values.items() if all(row[v] is not None for v in used)}
    found = {}
    for code, a in full.items():
        others = []
        for other, b in full.items():
            if other != code:
                total = 0.0
                for v, s in used.items():
                    total += ((a[v] - b[v]) / s) ** 2
                others.append((round(math.sqrt(total), 6), other))
        found[code] = [(other, d) for d, other in sorted(others)[:10]]
    return found


def stored(con: duckdb.DuckDBPyConnection, catalog: Catalog, values: Values) -> dict[str, list[tuple[str, float]]]:
    """What `buur` holds after the step, for areas of 1 000 inhabitants with these components."""
    insert_areas(con, list(values))
    cells = {n: {c: row[v] for c, row in values.items() if row[v] is not None} for v, n in enumerate(NAMES)}
    insert_values(con, catalog, cells)
    peers.compute_peers(con)
    found: dict[str, list[tuple[str, float]]] = {}
    for code, other, rank, distance in con.execute(
        "select gebiedscode, buurcode, rang, afstand from buur where basis = 'samenstelling' order by gebiedscode, rang"
    ).fetchall():
        found.setdefault(code, []).append((other, distance))
        assert rank == len(found[code])
    return found


def test_worked_example() -> None:
    """METHOD.md 11: "a = (2, 18, 15, 40, 2.2, 3.0), b = (2, 16, 19, 46, 2.0, 2.4), σ = (1.2, 5, 8, 20, 0.4, 2.5) → d = 0.90"."""
    a, b, sigma = (2, 18, 15, 40, 2.2, 3.0), (2, 16, 19, 46, 2.0, 2.4), (1.2, 5, 8, 20, 0.4, 2.5)
    assert round(peers.distance(a, b, sigma), 2) == 0.90
    found = peers.nearest(["BU90010000", "BU90010001"], np.array([a, b]), sigma)
    assert [round(peer.afstand, 2) for peer in found] == [0.90, 0.90]


def test_no_outcome_takes_part(catalog: Catalog) -> None:
    """Never outcome variables: every component is context, none is core or has a good side."""
    for name in NAMES:
        indicator = catalog.indicators[name]
        assert (indicator.rol, indicator.richting, indicator.thema) == ("context", "neutraal", "context"), name
    assert not set(NAMES) & {name for theme in catalog.scored_themes for name in catalog.core(theme)}


@pytest.mark.parametrize("count", [2, 11, 12, 60])
def test_same_as_plain_loops(count: int, con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    values = drawn(count, seed=count)
    assert stored(con, catalog, values) == plain(values)


def test_many_ties_at_the_last_place_are_settled_by_code() -> None:
    """Fifty equal areas: the tree returns any of them, the rule the first ten codes."""
    codes = [f"BU9001{n:04d}" for n in range(51)]
    found = peers.nearest(codes, np.array([[0.0, 0.0]] * 50 + [[3.0, 0.0]]), [1.0, 1.0])
    assert [peer.buurcode for peer in found if peer.gebiedscode == codes[50]] == codes[:10]
    assert [peer.buurcode for peer in found if peer.gebiedscode == codes[4]] == [*codes[:4], *codes[5:11]]


def test_a_component_that_few_have_is_left_out_and_a_hole_leaves_the_area_out(
    con: duckdb.DuckDBPyConnection, catalog: Catalog
) -> None:
    """Corporatie for 79 % of the areas: not used. Size of households for all but one: used, and that one has no peers."""
    values = drawn(100)
    codes = sorted(values)
    for code in codes[:21]:
        values[code][3] = None
    values[codes[50]][4] = None
    found = stored(con, catalog, values)
    assert found == plain(values)
    assert codes[50] not in found
    assert codes[50] not in {other for pairs in found.values() for other, _ in pairs}
    yardstick = peers.yardstick_of("buurt", values)
    assert yardstick.left_out == ("aandeel_corporatiewoningen",)


@pytest.mark.parametrize(("absent", "usable"), [(20, True), (21, False)])
def test_a_component_counts_from_eighty_percent(absent: int, usable: bool) -> None:
    values = drawn(100)
    for code in sorted(values)[:absent]:
        values[code][5] = None
    assert ("bevolkingsdichtheid" in peers.yardstick_of("buurt", values).spreads) is usable


def test_three_components_are_no_composition(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    values = {code: [*row[:3], None, None, None] for code, row in drawn(30).items()}
    assert stored(con, catalog, values) == {}
    assert not peers.yardstick_of("buurt", values).usable


def test_kinds_are_not_mixed_and_small_buurten_do_not_take_part(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = iter(drawn(400).values())
    codes = [*(f"BU9001{n:04d}" for n in range(30)), *(f"WK9001{n:02d}" for n in range(12)), *(f"GM90{n:02d}" for n in range(5))]
    values = {code: next(rows) for code in codes}
    insert_areas(con, codes, people={"BU90010003": 199, "BU90010004": 200, "BU90010005": None})
    insert_values(con, catalog, {n: {c: values[c][v] for c in codes} for v, n in enumerate(NAMES)})
    peers.compute_peers(con)
    pairs = con.execute("select gebiedscode, buurcode from buur").fetchall()
    assert all(code[:2] == other[:2] for code, other in pairs)
    present = {code for code, _ in pairs} | {other for _, other in pairs}
    assert present == set(codes) - {"BU90010003", "BU90010005"}
    assert sum(code == "GM9000" for code, _ in pairs) == 4, "fewer than ten others: all of them"


def test_order_of_rows_and_units_do_not_matter(catalog: Catalog) -> None:
    """Density per km² or per hectare, households in persons or tenths: the same peers at the same distances."""

    def found(values: Values) -> list[peers.Peer]:
        yardstick = peers.yardstick_of("buurt", values)
        return sorted(
            peers.nearest(*peers.complete(values, yardstick), list(yardstick.spreads.values())),
            key=lambda p: (p.gebiedscode, p.rang),
        )

    values = drawn(80)
    shuffled = dict(random.Random(7).sample(sorted(values.items()), len(values)))
    rescaled = {code: [*row[:4], 10 * row[4], row[5] / 100] for code, row in values.items()}
    assert found(shuffled) == found(values)
    assert found(rescaled) == found(values)
