"""Indicators, scores, 1,000 draws and clusters of a national-size country in one run: `python -m tests.benchmarks.bench_scores`.

Prints Markdown tables: time per step for a quarter, a half and all of 14,600 buurten (with their wijken and gemeenten), each in a
process of its own; peak memory; and the time of the draws against the least that the same arithmetic takes in bare numpy: as many
random numbers, look-ups (by binary search), weighted means and comparisons, without missing figures, reasons, or what taking
an indicator away does.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import duckdb
import numpy as np
import shapely

from beeld.settings import project_folder
from beeld.transforms import certainty, clusters, scores
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.draws import layout_of
from beeld.transforms.error_models import read_universe
from tests.calibration import country as invented
from tests.indicatoren import drawn

SIZES = (3_650, 7_300, 14_600)


def measure(buurten: int) -> None:
    """One size in this process; prints a row."""
    catalog = load_catalog(project_folder())
    land = invented.invent(catalog, np.random.default_rng(1), buurten, between=1.0)
    with closing(drawn.open_database(project_folder())) as con:
        con.execute("set threads = 2")
        start = time.perf_counter()
        invented.compute_figures(con, catalog, land)
        figures = time.perf_counter()
        scores.compute_scores(con, catalog, project_folder())
        scores.compute_thresholds(con, catalog, "toets", ())
        scores.compute_signals(con, catalog)
        scored = time.perf_counter()
        areas = certainty.compute_stability(con, catalog, "toets")
        done = time.perf_counter()
        groups = _clusters(con, catalog)
        clustered = time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        universe = read_universe(con, catalog, "buurt")
        assert universe is not None
        models = universe.block.models
    layout = layout_of(models)
    bare = time.perf_counter()
    _bare(areas, len(models), len(universe.block.rules), (len(layout.normal) + len(layout.common), len(layout.gammas)))
    floor = time.perf_counter() - bare
    steps = (figures - start, scored - figures, done - scored, clustered - done)
    times = " | ".join(f"{step:.1f}" for step in (*steps, sum(steps)))
    cells = f"| {buurten} | {areas} | {groups} | {times} | {memory:.0f} |"
    print(f"{cells} {floor:.1f} | {steps[2] / floor:.2f} |")


def _clusters(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> int:
    """The clusters of every theme that is tested, on a board of squares; returns how many scores were tested."""
    tested = 0
    for theme in clusters.tested_themes(catalog):
        rows = con.execute(
            """select gebiedscode, score from thema_score where gebiedscode like 'BU%' and referentie = 'nl' and thema = ?
            and score is not null order by gebiedscode""",
            [theme],
        ).fetchall()
        place = np.arange(len(rows))
        side = int(np.ceil(np.sqrt(len(rows))))
        x, y = 500 * (place % side), 500 * (place // side)
        clusters.find_clusters(theme, [row[0] for row in rows], [row[1] for row in rows], shapely.box(x, y, x + 495, y + 495), 1)
        tested += len(rows)
    return tested


def _bare(areas: int, indicators: int, themes: int, random: tuple[int, int]) -> None:
    """The same random numbers, look-ups (binary search), weighted means and comparisons in plain numpy, on as many threads."""
    draws, block = certainty.DRAWS, certainty.BLOCK
    keys = np.sort(np.random.default_rng(0).standard_normal(areas).astype(np.float32))
    disturbed = random[0] + random[1]

    def run(seed: int) -> None:
        chance = np.random.Generator(np.random.SFC64(seed))
        numbers = np.empty((disturbed, block, draws), dtype=np.float32)
        chance.standard_normal(out=numbers[: random[0]], dtype=np.float32)
        chance.standard_gamma(50.0, out=numbers[random[0] :], dtype=np.float32)
        total = np.zeros((themes, block, draws), dtype=np.float32)
        for indicator in range(indicators):
            figures = numbers[indicator % disturbed]
            places = np.searchsorted(keys, figures) / np.float32(len(keys))
            total[indicator % themes] += np.float32(0.5) * places
        raised = ((total >= np.float32(0.8)) & (total >= np.float32(0.5))).sum(axis=0)
        (raised >= scores.MIN_THEMES).mean(axis=1)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, range(-(-areas // block))))


def main() -> int:
    """Print the table, one process per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buurten", type=int, help="one size, in this process")
    asked = parser.parse_args()
    if asked.buurten:
        measure(asked.buurten)
        return 0
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    times = " | ".join(f"{step} (s)" for step in ("figures", "scores", "draws", "clusters", "together"))
    print(f"| buurten | areas | tested for clusters | {times} | peak (MB) | bare numpy (s) | draws / bare |")
    print("|" + "---:|" * 11)
    for size in SIZES:
        command = [sys.executable, "-m", "tests.benchmarks.bench_scores", "--buurten", str(size)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
