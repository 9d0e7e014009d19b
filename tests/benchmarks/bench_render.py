"""Maps and pages of a release: `python -m tests.benchmarks.bench_render --warehouse RELEASE.duckdb [--gemeenten 60]`.

Prints Markdown: the time of our maps against `geopandas.plot()` of the same map in this one process (SVG against SVG, and both
files against both in the same size), maps a second by a process per core, as a site draws them, against `geopandas.plot()` in
one, profiles with their maps per second on all cores, bytes per buurt by kind of file, and the resident memory of the process
that renders after every 500 profiles. Needs a release with boundaries.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import geopandas
import matplotlib as mpl
import shapely
from matplotlib.figure import Figure

from beeld.profiles import render
from beeld.profiles.maps import draw_maps
from beeld.profiles.maps.figures import read_buurten
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.read import open_warehouse

COMPARED, PLOTTED = 2, 4
"""Gemeenten whose maps are drawn both ways, and how many of the equal maps geopandas draws of each."""
POOLED = 8
"""Gemeenten that the processes of a pool share."""


@contextmanager
def clock(times: Counter[str], name: str) -> Generator[None]:
    """Add the processor time of a block to `times`: other work on the machine does not count."""
    start = time.process_time()
    yield
    times[name] += time.process_time() - start  # type: ignore[assignment]


def against_geopandas(warehouse: Path, gemeenten: Sequence[str], catalog: Catalog, out: Path) -> None:
    """The same number of maps of the same buurten, by us and by geopandas with its colours only."""
    times: Counter[str] = Counter()
    drawn, plotted = 0, 0
    with closing(open_warehouse(warehouse)) as con:
        draw_maps(con, gemeenten[0], out, catalog=catalog, release_id="r", example=True)  # imports and fonts
        for code in gemeenten:
            for pixels, name in ((False, "ours, SVG"), (True, "ours, SVG and PNG")):
                with clock(times, name):
                    pictures = draw_maps(con, code, out, catalog=catalog, release_id="r", example=True, pixels=pixels)
            drawn += len(pictures)
            plotted += PLOTTED
            frame = frame_of(con, code)
            for _ in range(PLOTTED):
                with clock(times, "geopandas, SVG and PNG"):
                    plot(frame, out, "png", "svg")
                with clock(times, "geopandas, SVG"):
                    plot(frame, out, "svg")
    print("| what | maps | processor time a map (ms) | geopandas / ours |\n|---|---:|---:|---:|")
    for files in ("SVG", "SVG and PNG"):
        ours, theirs = times[f"ours, {files}"] / drawn, times[f"geopandas, {files}"] / plotted
        print(f"| {files}: ours, all in | {drawn} | {1000 * ours:.1f} | {theirs / ours:.1f} |")
        print(f"| {files}: geopandas, colours and legend only | {plotted} | {1000 * theirs:.1f} | |", flush=True)


def frame_of(con: duckdb.DuckDBPyConnection, code: str) -> geopandas.GeoDataFrame:
    """The buurten of a gemeente in five classes."""
    buurten = [buurt for buurt in read_buurten(con, code) if buurt.shape is not None]
    shapes: list[Any] = [shapely.from_wkb(shapely.to_wkb(buurt.shape)) for buurt in buurten]
    return geopandas.GeoDataFrame({"klass": [i % 5 for i in range(len(shapes))]}, geometry=shapes, crs=28992)


def plot(frame: geopandas.GeoDataFrame, out: Path, *kinds: str) -> None:
    """One map by geopandas: colours and a legend."""
    with mpl.rc_context():
        figure = Figure(figsize=(768 / 72, 700 / 72), dpi=150)
        frame.plot(column="klass", ax=figure.subplots(), legend=True, edgecolor="white", categorical=True)
        for kind in kinds:
            figure.savefig(out / f"geopandas.{kind}")


def draw(warehouse: Path, code: str, catalog: Catalog, out: Path, pixels: bool) -> int:
    """The maps of one gemeente, in a process of a pool; how many."""
    folder = out / code
    folder.mkdir(parents=True, exist_ok=True)
    with closing(open_warehouse(warehouse)) as con:
        return len(draw_maps(con, code, folder, catalog=catalog, release_id="r", example=True, pixels=pixels))


def on_all_cores(warehouse: Path, gemeenten: Sequence[str], catalog: Catalog, out: Path) -> None:
    """Maps a second by the clock: a process per core, as a site draws, and geopandas one after the other."""
    cores = os.cpu_count() or 1
    frames: list[geopandas.GeoDataFrame] = []
    with closing(open_warehouse(warehouse)) as con:
        frames += [frame_of(con, code) for code in gemeenten[:COMPARED]]
    print(f"\n| what | maps a second, {cores} processes | `geopandas.plot()`, one process | ratio |\n|---|---:|---:|---:|")
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:

        def drawn(pixels: bool) -> int:
            return sum(pool.map(partial(draw, warehouse, catalog=catalog, out=out, pixels=pixels), gemeenten))

        drawn(False)  # imports and fonts
        for pixels, kinds in ((False, ("svg",)), (True, ("png", "svg"))):
            start = time.perf_counter()
            ours = drawn(pixels) / (time.perf_counter() - start)
            start = time.perf_counter()
            for frame in frames * PLOTTED:
                plot(frame, out, *kinds)
            theirs = len(frames) * PLOTTED / (time.perf_counter() - start)
            print(f"| {' and '.join(kinds).upper()} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.1f} |", flush=True)


def whole_site(warehouse: Path, gemeenten: Sequence[str], catalog: Catalog, out: Path) -> None:
    """Render the gemeenten with all their wijken and buurten; rate, bytes and memory."""
    with closing(open_warehouse(warehouse)) as con:
        rows = con.execute(
            "select gebiedscode, soort from gebied where gemeentecode in (select unnest(?)) order by 1", [list(gemeenten)]
        ).fetchall()
    codes = [code for code, _ in rows]
    buurten = sum(kind == "buurt" for _, kind in rows)
    memory: list[tuple[str, float]] = []
    start = time.monotonic()
    drawn: list[float] = []

    def progress(message: str) -> None:
        if message.startswith("profielen"):
            memory.append((message, _resident()))
            drawn[:] = drawn or [time.monotonic() - start]

    render.render_site(warehouse.parent, warehouse, out, catalog=catalog, areas=codes, progress=progress)
    seconds = time.monotonic() - start
    print(f"\n{len(codes)} profiles ({buurten} buurten, {len(gemeenten)} gemeenten) in {seconds:.1f} s: ", end="")
    print(f"{len(codes) / seconds:.1f} a second; until the first {render.STACK} pages {drawn[0]:.1f} s.")
    pages, maps = (sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"Processor time: drawing processes {maps:.1f} s (one per core), this process {pages:.1f} s.\n")
    sizes: Counter[str] = Counter()
    for file in out.rglob("*"):
        if file.is_file():
            part = file.relative_to(out).parts[0]
            sizes[f"{part}/*{file.suffix}" if part in ("gebied", "kaart") else "other"] += file.stat().st_size
    print("| files | kB a buurt |\n|---|---:|")
    for name, size in sorted(sizes.items()):
        print(f"| {name} | {size / buurten / 1000:.1f} |")
    print(f"| together | {sizes.total() / buurten / 1000:.1f} |\n\n| memory of the rendering process | MB |\n|---|---:|")
    for message, megabytes in memory:
        print(f"| {message} | {megabytes:.0f} |")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"| largest drawing process, peak | {children:.0f} |")


def _resident() -> float:
    """Resident megabytes of this process now; its peak where /proc does not exist."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path, required=True, help="database of a release; `beeld demo` makes a small one")
    parser.add_argument("--gemeenten", type=int, default=60)
    parser.add_argument("--no-png", action="store_true", help="as a site of more than 20 gemeenten")
    parser.add_argument("--only", choices=["maps", "site"])
    asked = parser.parse_args()
    catalog = load_catalog(project_folder(), example=True)
    if asked.no_png:
        render.MOST_PIXELS = 0
    with closing(open_warehouse(asked.warehouse)) as con:
        found = con.execute(
            "select gemeentecode, count(*) from gebied where soort = 'buurt' and geometrie is not null group by all order by all"
        ).fetchall()
    middle = sorted(found, key=lambda row: (abs(row[1] - 43), row[0]))
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        if asked.only != "site":
            against_geopandas(asked.warehouse, [code for code, _ in middle[:COMPARED]], catalog, Path(folder) / "maps")
            on_all_cores(asked.warehouse, [code for code, _ in middle[:POOLED]], catalog, Path(folder) / "pool")
        if asked.only != "maps":
            whole_site(asked.warehouse, [code for code, _ in found[: asked.gemeenten]], catalog, Path(folder) / "site")
    return 0


if __name__ == "__main__":
    sys.exit(main())
