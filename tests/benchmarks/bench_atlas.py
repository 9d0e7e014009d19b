"""Weight of the atlas and time to its first map: `python -m tests.benchmarks.bench_atlas [HOME PROJECT]`.

One gemeente and a generated country of 14,600 buurten, opened from disk in a headless Chromium that draws without a GPU. Weight
is what the page asks for until its first map stands; the folder also holds the figures that nobody asked for yet. With HOME
and PROJECT the atlas of everything in the current release of that home is measured instead.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import unquote, urlsplit

from playwright.sync_api import sync_playwright

from tests.benchmarks.bench_refresh import NATIONAL_BUURTEN, ROOT, serving, workplace

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
GEMEENTE = "GM9001"
TIMES = 3


@dataclass(frozen=True)
class Written:
    """How an atlas was written."""

    buurten: int
    seconds: float
    megabytes: float


def write(home: Path, project: Path, gemeente: str | None, site: Path, example: bool) -> Written:
    """Write the atlas of a gemeente, or of everything, of the current release of `home`; call it in a process of its own."""
    from beeld.profiles.atlas import write_atlas
    from beeld.profiles.html import TEMPLATES, environment
    from beeld.profiles.lenses import known_lenses, load_lens
    from beeld.profiles.reading import load_release
    from beeld.profiles.render import _copy_fonts  # pyright: ignore[reportPrivateUsage]
    from beeld.profiles.site import Site
    from beeld.transforms.catalog import load_catalog
    from beeld.warehouse.read import open_warehouse, warehouse_file

    catalog = load_catalog(project, example=example)
    with closing(open_warehouse(warehouse_file((home / "current").resolve()))) as con:
        data = load_release(con, catalog)
        rendered = frozenset(code for code, area in data.areas.items() if gemeente in (None, area.gemeente))
        lenses = [load_lens(project, name, catalog) for name in known_lenses(project)]
        started = time.perf_counter()
        write_atlas(con, Site(site, data, lenses[-1], rendered, atlas=True), lenses, environment())
        seconds = time.perf_counter() - started
    shutil.copyfile(TEMPLATES / "stijl.css", site / "stijl.css")
    _copy_fonts(site / "lettertypen")
    buurten = sum(data.areas[code].kind == "buurt" for code in rendered)
    return Written(buurten, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def opened(site: Path) -> tuple[float, int]:
    """Seconds to the first map (median) and the bytes that the page asked for until then."""
    chromium = shutil.which("chromium") or sys.exit("there is no Chromium here")
    times: list[float] = []
    asked: set[str] = set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for _ in range(TIMES):
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.on("request", lambda request: asked.add(request.url))
            page.goto((site / "atlas" / "index.html").as_uri())
            page.wait_for_selector("html[data-map=ready]", timeout=300_000)
            times.append(page.evaluate("performance.getEntriesByName('first-map')[0].startTime") / 1000)
            page.close()
        browser.close()
    files = [Path(unquote(urlsplit(url).path)) for url in asked if url.startswith("file:")]
    return statistics.median(times), sum(path.stat().st_size for path in set(files))


def row(name: str, home: Path, project: Path, gemeente: str | None, site: Path, *, example: bool) -> str:
    """Write an atlas, open it, and say what came of it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        written = pool.submit(write, home, project, gemeente, site, example).result()
    first, weight = opened(site)
    folder = sum(path.stat().st_size for path in (site / "atlas").rglob("*") if path.is_file())
    made = f"{written.buurten} | {written.seconds:.1f} | {written.megabytes:.0f} | {folder / 1e6:.1f}"
    return f"| {name} | {made} | {weight / 1e6:.2f} | {first:.1f} |"


def national(folder: Path) -> tuple[Path, Path]:
    """The home and the declarations of a release of the national set, without pages."""
    from beeld.sources.example.generate import generate
    from tests.reliability.worlds import example_project

    generate(folder / "land", buurten=NATIONAL_BUURTEN)
    project = example_project(ROOT, folder / "project", folder / "land")
    with serving(folder / "land") as addresses:
        script = ROOT / "tests" / "reliability" / "small_beeld.py"
        environment = {**os.environ, **addresses, "BEELD_HOME": str(folder / "nationaal")}
        command = [sys.executable, str(script), str(project), "refresh", "--all", "--no-render"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder / "nationaal", project


def rows(folder: Path) -> Iterator[str]:
    """The rows of the table."""
    if len(sys.argv) == 3:
        home, project = (Path(word) for word in sys.argv[1:])
        yield row("everything in the release", home, project, None, folder / "alles", example="voorbeeld" in str(project))
        return
    home, project = national(folder)
    yield row("one gemeente", home, project, GEMEENTE, folder / "een", example=True)
    yield row("the country", home, project, None, folder / "land-site", example=True)


def main() -> None:
    """Measure and print."""
    print(f"{platform.system()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n")
    print("| atlas of | buurten | written (s) | memory (MB) | folder (MB) | page weight (MB) | first map (s) |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    with workplace() as folder:
        for line in rows(folder):
            print(line, flush=True)


if __name__ == "__main__":
    main()
