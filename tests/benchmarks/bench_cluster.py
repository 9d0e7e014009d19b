"""Rendering by one process, by a pool and by a Dask cluster: `python -m tests.benchmarks.bench_cluster [--gemeenten 20]`.

The gemeenten of a generated country, each with some of its areas, in HTML with maps. Every row is a process of its own that
renders the same site, imports included; a Dask scheduler with two workers stands ready beforehand, as it would. The sites are
compared byte for byte. Prints Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import psutil

from beeld.profiles import render
from beeld.refresh import Options, refresh
from beeld.sources.example.generate import generate
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.benchmarks.bench_refresh import ROOT
from tests.loopback import LoopbackServer
from tests.reliability.dask_cluster import local_dask
from tests.reliability.worlds import example_project, example_settings

BUURTEN = 1300
"""Of the generated country: a little more than 20 gemeenten."""


@dataclass(frozen=True)
class Country:
    """A release of a generated country, and the areas to render of it."""

    warehouse: Path
    project: Path
    areas: tuple[str, ...]

    def render(self, out: Path, processes: int, cluster: str | None = None) -> tuple[float, float]:
        """Seconds that rendering took, and seconds of the processor in this process and the ones that it started."""
        catalog = load_catalog(self.project, example=True)
        began = time.monotonic()
        with mock.patch("os.cpu_count", return_value=processes):
            render.render_site(
                self.warehouse.parent,
                self.warehouse,
                out,
                catalog=catalog,
                areas=self.areas,
                project=self.project,
                cluster=cluster,
            )
        used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return time.monotonic() - began, used


def country(folder: Path, gemeenten: int, areas: int, buurten: int = BUURTEN) -> Country:
    """A release without pages, and of so many gemeenten so many areas each (the gemeente itself and its wijken first)."""
    generate(folder / "land", buurten=buurten)
    project = example_project(ROOT, folder / "project", folder / "land")
    with LoopbackServer(folder / "land") as server:
        settings = example_settings(project, server.environment, folder / "data")
        made = refresh(settings, Options(render=False)).folder
    with closing(open_warehouse(warehouse_file(made))) as con:
        rows = con.execute(
            """
            select gebiedscode from gebied
            where gemeentecode in (
                select gemeentecode from gebied where gemeentecode is not null group by 1 order by count(*), 1 limit ?
            )
            qualify row_number() over (
                partition by gemeentecode
                order by case soort when 'gemeente' then 0 when 'wijk' then 1 else 2 end, gebiedscode
            ) <= ?
            order by gemeentecode, gebiedscode
            """,
            [gemeenten, areas],
        ).fetchall()
    return Country(warehouse_file(made), project, tuple(code for (code,) in rows))


def processor(pid: int) -> float:
    """Seconds of the processor that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def digest(site: Path) -> str:
    """One hash over the names and bytes of every file."""
    found = hashlib.sha256()
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        found.update(path.relative_to(site).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def main() -> int:
    """Measure and print; 1 when the sites differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gemeenten", type=int, default=20)
    parser.add_argument("--areas", type=int, default=8, help="areas of each gemeente")
    parser.add_argument("--buurten", type=int, default=BUURTEN, help="of the generated country")
    asked = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place)
        made = country(folder, asked.gemeenten, asked.areas, asked.buurten)
        print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}; ", end="")
        print(f"{asked.gemeenten} gemeenten, {len(made.areas)} areas, HTML with maps as SVG and PNG\n")
        print("| who renders | wall time (s) | of one process | processor: caller and pool (s) | workers (s) | load | digest |")
        print("|---|---:|---:|---:|---:|---:|---|", flush=True)
        first, digests = 0.0, set[str]()
        with local_dask(folder / "dask", workers=2) as dask:
            time.sleep(5)  # the workers start
            for name, processes, cluster in (
                ("one process", 1, None),
                ("a pool of two processes", 2, None),
                ("Dask, two workers on this machine", 1, dask.address),
            ):
                load, out = os.getloadavg()[0], folder / f"site-{len(digests)}-{processes}-{cluster is None}"
                before = [processor(worker.pid) for worker in dask.workers]
                with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                    seconds, used = pool.submit(made.render, out, processes, cluster).result()
                each = [processor(worker.pid) - spent for worker, spent in zip(dask.workers, before, strict=True)]
                workers = " + ".join(f"{spent:.1f}" for spent in each) if cluster else ""
                first = first or seconds
                digests.add(digest(out))
                print(
                    f"| {name} | {seconds:.1f} | {seconds / first:.2f} | {used:.1f} | {workers} | {load:.1f} | {digest(out)} |",
                    flush=True,
                )
    return 0 if len(digests) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
