"""Areas that are alike in composition (table `buur`): METHOD.md section 11. Never by outcomes: no core indicator takes part.

Reads only `gebied` and `laatste_waarde`, so that a page can tell from a release how its peers were found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import MIN_PEOPLE

K = 10
COMPONENTS = (
    "stedelijkheid",
    "aandeel_0_15",
    "aandeel_65_plus",
    "aandeel_corporatiewoningen",
    "gemiddelde_huishoudensgrootte",
    "bevolkingsdichtheid",
)
FILLED = 0.80
"""Share of the areas of a kind that must have a component before it is used for that kind."""
FEWEST_COMPONENTS = 4
"""Components below which no peers are named: two or three figures do not make a composition."""
DECIMALS = 6
"""Distances are published and ordered at this precision, so that a tie is a tie on every machine."""
SPARE = 16
"""Neighbours asked from the tree beyond K, so that most ties at the last place are seen at once."""


@dataclass(frozen=True)
class Yardstick:
    """What one kind of area is compared by: component -> standard deviation over the universe, and what was left out."""

    kind: str
    spreads: Mapping[str, float]
    left_out: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """True when enough components are filled to speak of a composition."""
        return len(self.spreads) >= FEWEST_COMPONENTS


@dataclass(frozen=True)
class Peer:
    """One of the nearest areas; `rang` 1 is the nearest."""

    gebiedscode: str
    buurcode: str
    rang: int
    afstand: float


def compute_peers(con: duckdb.DuckDBPyConnection) -> int:
    """Fill `buur` for gemeenten, wijken and buurten; returns the number of rows."""
    found: list[Peer] = []
    for kind, values in composition(con).items():
        yardstick = yardstick_of(kind, values)
        if yardstick.usable:
            found += nearest(*complete(values, yardstick), list(yardstick.spreads.values()))
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "gebiedscode": ("text", [peer.gebiedscode for peer in found]),
        "buurcode": ("text", [peer.buurcode for peer in found]),
        "rang": ("integer", [peer.rang for peer in found]),
        "afstand": ("double", [peer.afstand for peer in found]),
    }
    with registered(con, "buren", columns):
        con.execute(
            """insert into buur by name
            select gebiedscode, buurcode, 'samenstelling' as basis, rang, afstand from buren order by gebiedscode, rang"""
        )
    return len(found)


def composition(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, tuple[float | None, ...]]]:
    """Kind -> code -> value of each component in its latest year, of the areas that are compared, in the order of their codes.

    Buurten from 200 inhabitants; every wijk and gemeente.
    """
    rows = con.execute(
        """with cellen as (
          select gebiedscode, map_from_entries(list((indicator, waarde) order by indicator)) as bij
          from laatste_waarde where list_contains($components, indicator) and waarde is not null group by gebiedscode)
        select g.soort, g.gebiedscode, list_transform($components, naam -> c.bij[naam])
        from gebied as g left join cellen as c using (gebiedscode)
        where g.soort in ('gemeente', 'wijk') or (g.soort = 'buurt' and g.inwoners >= $people)
        order by g.soort, g.gebiedscode""",
        {"components": list(COMPONENTS), "people": MIN_PEOPLE},
    ).fetchall()
    found: dict[str, dict[str, tuple[float | None, ...]]] = {}
    for kind, code, values in rows:
        found.setdefault(kind, {})[code] = tuple(values or [None] * len(COMPONENTS))
    return found


def yardstick_of(kind: str, values: Mapping[str, Sequence[float | None]]) -> Yardstick:
    """The components that at least 80 % of the areas of a kind have, with the spread of each over those that have it.

    A component on which no area differs tells nothing about likeness and is left out too.
    """
    spreads: dict[str, float] = {}
    for place, name in enumerate(COMPONENTS):
        present = [x for row in values.values() if (x := row[place]) is not None]
        if present and len(present) >= FILLED * len(values) and (spread := _deviation(present)) > 0:
            spreads[name] = spread
    return Yardstick(kind, spreads, tuple(name for name in COMPONENTS if name not in spreads))


def _deviation(values: Sequence[float]) -> float:
    """Standard deviation over all areas; exact sums, so that the order of the areas does not matter."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def complete(values: Mapping[str, Sequence[float | None]], yardstick: Yardstick) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Codes and figures of the areas that have every component of the yardstick; the others have no peers and are no peer."""
    used = [COMPONENTS.index(name) for name in yardstick.spreads]
    codes = [code for code in sorted(values) if all(values[code][place] is not None for place in used)]
    figures = np.array([[values[code][place] for place in used] for code in codes], dtype=np.float64)
    return codes, figures.reshape(len(codes), len(used))


def distance(a: Sequence[float], b: Sequence[float], spreads: Sequence[float]) -> float:
    """d = √Σ((a_v − b_v)/σ_v)²; no unit."""
    return math.sqrt(math.fsum(((x - y) / s) ** 2 for x, y, s in zip(a, b, spreads, strict=True)))


def nearest(codes: Sequence[str], figures: npt.NDArray[np.float64], spreads: Sequence[float], k: int = K) -> list[Peer]:
    """The k nearest of every area, the nearest first and equal distances in the order of their codes.

    `figures` has a row per code. Fewer than k others: all of them.
    """
    from scipy import spatial  # late: takes a third of a second

    count = len(codes)
    if count < 2:
        return []
    scaled = figures / np.asarray(spreads)
    rank = np.argsort(np.argsort(np.asarray(codes)))
    asked = min(count, k + 1 + SPARE)
    tree: Any = spatial.KDTree(scaled)
    reach, places = _asked(tree.query(scaled, k=asked))
    found: list[Peer] = []
    for area in range(count):
        candidates = places[area]
        chosen = _ordered(scaled, rank, area, candidates)[:k]
        # equal distances may go on beyond what was asked: then every area is looked at
        if asked < count and round(float(reach[area][-1]), DECIMALS) <= chosen[-1][0]:
            chosen = _ordered(scaled, rank, area, np.arange(count))[:k]
        found += [Peer(codes[area], codes[place], number, d) for number, (d, place) in enumerate(chosen, start=1)]
    return found


def _asked(answer: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Distances and places as the tree gives them: a row per area, the nearest first."""
    return np.asarray(answer[0], dtype=np.float64), np.asarray(answer[1], dtype=np.int64)


def _ordered(
    scaled: npt.NDArray[np.float64], rank: npt.NDArray[np.int64], area: int, candidates: npt.NDArray[np.int64]
) -> list[tuple[float, int]]:
    """(distance, place) of the candidates other than the area itself, by distance and then by code."""
    others = candidates[candidates != area]
    distances = np.sqrt(((scaled[others] - scaled[area]) ** 2).sum(axis=1)).round(DECIMALS)
    order = np.lexsort((rank[others], distances))
    return [(float(distances[place]), int(others[place])) for place in order]
