"""Maps and pages of a release: `python -m tests.benchmarks.bench_render --warehouse RELEASE.duckdb [--gemeenten 60]`.

Prints Markdown: the time of our maps against `geopandas.plot()` of the same map in this one process (SVG against SVG, and both
files against both in the same size), profiles with their maps per second on all cores, bytes per buurt by kind of file, and the
resident memory of the process that renders after every 500 profiles. Needs a release with boundaries.
"""

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

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
            buurten = [buurt for buurt in read_buurten(con, code) if buurt.shape is not None]
            shapes = [shapely.from_wkb(shapely.to_wkb(buurt.shape)) for buurt in buurten]
            frame = geopandas.GeoDataFrame({"klass": [i % 5 for i in range(len(shapes))]}, geometry=shapes, crs=28992)
            for _ in range(PLOTTED):
                with clock(times, "geopandas, SVG and PNG"), mpl.rc_context():
                    figure = Figure(figsize=(768 / 72, 700 / 72), dpi=150)
                    frame.plot(column="klass", ax=figure.subplots(), legend=True, edgecolor="white", categorical=True)
                    figure.savefig(out / "geopandas.png")
                    figure.savefig(out / "geopandas.svg")
                with clock(times, "geopandas, SVG"), mpl.rc_context():
                    figure = Figure(figsize=(768 / 72, 700 / 72), dpi=150)
                    frame.plot(column="klass", ax=figure.subplots(), legend=True, edgecolor="white", categorical=True)
                    figure.savefig(out / "geopandas.svg")
    print("| what | maps | processor time a map (ms) | geopandas / ours |\n|---|---:|---:|---:|")
    for files in ("SVG", "SVG and PNG"):
        ours, theirs = times[f"ours, {files}"] / drawn, times[f"geopandas, {files}"] / plotted
        print(f"| {files}: ours, all in | {drawn} | {1000 * ours:.1f} | {theirs / ours:.1f} |")
        print(f"| {files}: geopandas, colours and legend only | {plotted} | {1000 * theirs:.1f} | |", flush=True)


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
        if asked.only != "maps":
            whole_site(asked.warehouse, [code for code, _ in found[: asked.gemeenten]], catalog, Path(folder) / "site")
    return 0


if __name__ == "__main__":
    sys.exit(main())
