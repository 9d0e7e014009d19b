"""Time and memory of likeness and clusters at national size: 14,600 invented areas. `python -m tests.benchmarks.bench_space`.

With the real boundaries of ../shared/data also how many buurten adjoin at each tolerance. Every row is a process of its own.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from beeld.transforms import clusters, moran, peers

AREAS = 14_600
SIDE = 121
REAL = Path(__file__).parents[3] / "shared" / "data" / "geo" / "buurt_2024_benaderd.geojson.gz"
TOLERANCES = (0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0)


def invented() -> tuple[list[str], list[float], Any]:
    """Codes, scores (a third of them smooth, so that some areas do stand out) and a board of squares."""
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    smooth = (np.sin(x / 9) * np.sin(y / 7)).ravel()[:AREAS]
    scores = 0.5 + 0.1 * smooth + 0.2 * (rng.random(AREAS) - 0.5)
    squares = shapely.box(500 * x, 500 * y, 500 * x + 495, 500 * y + 495).ravel()[:AREAS]
    return [f"BU{n:08d}" for n in range(AREAS)], scores.tolist(), squares


def likeness() -> str:
    """Ten nearest of six components."""
    codes, _, _ = invented()
    figures = np.random.default_rng(2).normal(size=(AREAS, 6)).round(2)
    return f"{len(peers.nearest(codes, figures, [1.0] * 6))} rows"


def adjoining() -> str:
    """Which of the squares adjoin."""
    return f"{len(clusters.adjoin(invented()[2]).pairs) // 2} pairs"


def groups() -> str:
    """One theme: neighbours, permutations, correction, connected groups."""
    codes, scores, shapes = invented()
    return f"{len(clusters.find_clusters('veiligheid', codes, scores, shapes, 1))} areas in groups"


def esda() -> str:
    """The same statistic and permutations by esda."""
    import warnings

    warnings.simplefilter("ignore")
    from esda.moran import Moran_Local
    from libpysal.weights import W

    _, scores, shapes = invented()
    found = clusters.adjoin(shapes).weights
    near = {i: found.targets[found.starts[i] : found.starts[i + 1]].tolist() for i in range(AREAS)}
    w = W(near, silence_warnings=True)
    w.transform = "r"
    started = time.perf_counter()
    Moran_Local(np.array(scores), w, permutations=moran.PERMUTATIONS, seed=1, n_jobs=1)
    return f"of which the permutations {time.perf_counter() - started:.1f} s"


def tolerances() -> str:
    """Pairs of real, approximate buurten within each distance."""
    import geopandas as gpd

    shapes = gpd.read_file(f"/vsigzip/{REAL}").to_crs(28992).geometry.to_numpy()
    tree = shapely.STRtree(shapes)
    counts: list[str] = []
    for distance in TOLERANCES:
        first, second = tree.query(shapes, predicate="dwithin", distance=distance)
        other = first != second
        islands = len(shapes) - len(np.unique(first[other]))
        counts.append(f"{distance:.0f} m: {other.sum() // 2} pairs, {islands} islands")
    return "; ".join(counts)


def measured(work: Callable[[], str]) -> tuple[float, float, str]:
    """Wall time in seconds, peak memory in MB and what came out, of this process."""
    started = time.perf_counter()
    outcome = work()
    return time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, outcome


def main() -> None:
    """Measure and print."""
    rows: list[tuple[str, Callable[[], str]]] = [
        ("ten nearest of six components", likeness),
        ("neighbours of squares", adjoining),
        ("one theme: neighbours, permutations, correction, groups", groups),
        ("the same by esda", esda),
    ]
    if REAL.is_file():
        rows.append(("neighbours of the approximate real buurten", tolerances))
    print(f"{platform.system()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n")
    print("| run | wall time (s) | peak memory (MB) | outcome |\n|---|---:|---:|---|", flush=True)
    for name, work in rows:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            wall, memory, outcome = pool.submit(measured, work).result()
        print(f"| {name} | {wall:.1f} | {memory:.0f} | {outcome} |", flush=True)
    if not REAL.is_file():
        print("the real boundaries are not here: skipped", file=sys.stderr)


if __name__ == "__main__":
    main()
