"""Adjoining buurten that stand out together (table `cluster`): METHOD.md section 9.

Only themes without estimates of a model and without scores of others: those models look at neighbouring areas, so their outcomes
cluster by construction. Areas without a boundary or a theme score are not tested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import shapely

from beeld import METHOD_VERSION
from beeld.transforms import moran
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import MIN_PEOPLE, Catalog

FALSE_DISCOVERIES = 0.05
NEAREST = 4
"""Neighbours of an area that touches no other."""
TOLERANCE = 25.0
"""Metres between two boundaries that still adjoin: generalised boundaries leave gaps. Measured in docs/methode.md."""
FEWEST = 30
"""Areas below which no test is made: the mean and spread that areas are held against would be their own."""
NOT_TESTED = ("modelschatting", "score")


@dataclass(frozen=True)
class Member:
    """One area of a proposed group, with its p after correction."""

    cluster: str
    gebiedscode: str
    thema: str
    p: float


@dataclass(frozen=True)
class Adjoining:
    """Areas and which of them adjoin: pairs of places in the list of areas, each pair in both orders."""

    pairs: moran.Integers
    weights: moran.Weights
    """The same neighbours; for an area that adjoins none its 4 nearest."""


def tested_themes(catalog: Catalog) -> list[str]:
    """Themes whose core holds neither estimates of a model nor scores of others, and that do not measure strength.

    The theme of strengths is left out because a group is proposed where concern is high on both sides.
    """
    return [
        theme
        for theme in catalog.scored_themes
        if not catalog.themes[theme].kracht and not any(catalog.indicators[n].soort in NOT_TESTED for n in catalog.core(theme))
    ]


def compute_clusters(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> int:
    """Fill `cluster`; returns the number of its rows. Same inputs, same rows: the seed comes from the deliveries."""
    members: list[Member] = []
    for theme in tested_themes(catalog):
        rows = con.execute(
            """select g.gebiedscode, s.score, ST_AsWKB(g.geometrie)
            from gebied as g join thema_score as s using (gebiedscode)
            where g.soort = 'buurt' and g.inwoners >= ? and g.geometrie is not null and s.score is not null
              and s.thema = ? and s.referentie = 'nl'
            order by g.gebiedscode""",
            [MIN_PEOPLE, theme],
        ).fetchall()
        if len(rows) >= FEWEST:
            shapes = shapely.from_wkb([bytes(row[2]) for row in rows])
            members += find_clusters(theme, [row[0] for row in rows], [row[1] for row in rows], shapes, seed_of(con, theme))
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "cluster": ("text", [member.cluster for member in members]),
        "gebiedscode": ("text", [member.gebiedscode for member in members]),
        "thema": ("text", [member.thema for member in members]),
        "p_waarde": ("double", [member.p for member in members]),
    }
    with registered(con, "groepen", columns):
        con.execute("insert into cluster by name select * from groepen order by cluster, gebiedscode, thema")
    return len(members)


def seed_of(con: duckdb.DuckDBPyConnection, theme: str) -> int:
    """The seed of a theme, from the fingerprints of the deliveries and the version of the method."""
    found = con.execute("select sha256 from bron where sha256 is not null order by bron, tabel").fetchall()
    text = "\n".join([METHOD_VERSION, theme, *(row[0] for row in found)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def find_clusters(theme: str, codes: Sequence[str], scores: Sequence[float], shapes: Any, seed: int) -> list[Member]:
    """The groups of at least two adjoining areas that are high amid high after correction, in the order of their names.

    `codes` are in order; `shapes` are boundaries in metres. The name of a group is the theme and its first code, so it stays the
    same as long as that area is in it.
    """
    adjoining = adjoin(shapes)
    local = moran.permutation_test(np.asarray(scores, dtype=np.float64), adjoining.weights, seed)
    corrected = moran.discoveries(local.p)
    high = (corrected <= FALSE_DISCOVERIES) & (local.centred > 0) & (local.lag > 0)
    groups: dict[int, list[int]] = {}
    for place, group in enumerate(components(adjoining.pairs, high)):
        if high[place]:
            groups.setdefault(group, []).append(place)
    return [
        Member(f"{theme}-{codes[places[0]]}", codes[place], theme, float(corrected[place]))
        for places in groups.values()
        if len(places) > 1
        for place in places
    ]


def adjoin(shapes: Any) -> Adjoining:
    """Which of the boundaries touch in a point or a line, or nearly (TOLERANCE), and the neighbours that follow from it."""
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="dwithin", distance=TOLERANCE)
    other = first != second
    pairs = np.unique(np.stack([first[other], second[other]], axis=1).astype(np.int64), axis=0)
    neighbours: list[list[int]] = [[] for _ in range(len(shapes))]
    for area, neighbour in pairs.tolist():
        neighbours[area].append(neighbour)
    centres = _centres(shapes)
    for area, found in enumerate(neighbours):
        if not found:
            distances = np.sqrt(((centres - centres[area]) ** 2).sum(axis=1)).round(3)
            order = np.lexsort((np.arange(len(centres)), distances))
            neighbours[area] = [int(place) for place in order if place != area][:NEAREST]
    return Adjoining(pairs, moran.weights_of(neighbours))


def _centres(shapes: Any) -> moran.Floats:
    """The middle of each boundary, a row of x and y in metres."""
    middles: list[Any] = [shape.centroid for shape in shapes]
    return np.array([(middle.x, middle.y) for middle in middles], dtype=np.float64)


def components(pairs: moran.Integers, chosen: npt.NDArray[np.bool_]) -> list[int]:
    """A number for each area: chosen areas that adjoin, also by way of other chosen areas, share one."""
    from scipy import sparse  # late: takes a third of a second
    from scipy.sparse import csgraph

    links = pairs[chosen[pairs[:, 0]] & chosen[pairs[:, 1]]]
    graph: Any = sparse.coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(chosen), len(chosen)))
    labels: npt.NDArray[np.int64] = np.asarray(csgraph.connected_components(graph, directed=False)[1], dtype=np.int64)
    return labels.tolist()
