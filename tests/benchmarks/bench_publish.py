"""A release as a file, a copy or a DuckLake: `python -m tests.benchmarks.bench_publish --home HOME` prints Markdown tables.

Publication of the current release of the home to a folder, to a zip of its pages (where it has any) and to a DuckLake with its
catalogue in a file and in a PostgreSQL of its own; what opening and asking cost a plain DuckDB client in a new process; and two
publications into one lake at the same time.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import duckdb

from beeld.settings import load_settings
from beeld.warehouse.ducklake import lake_of
from beeld.warehouse.extensions import load_extension
from beeld.warehouse.publish.run import publish_release
from beeld.warehouse.read import current_release, warehouse_file
from tests.reliability.postgres import programs, running_postgres

TIMES = 5
ONE = "select indicator, waarde from laatste_waarde where gebiedscode = 'GM0748' order by 1"
ALL = "select peiljaar, sum(waarde) from waarde where indicator = (select min(indicator) from waarde) group by 1 order by 1"
T = TypeVar("T")


def alone(function: Callable[..., T], *words: Any) -> T:
    """The answer of a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *words).result()


def publish(home: Path, target: str) -> float:
    """Seconds of one publication, verification included."""
    settings = replace(load_settings({}, folder=home.parent), home=home)
    began = time.monotonic()
    publish_release(settings, target)
    return time.monotonic() - began


def opened(target: str) -> duckdb.DuckDBPyConnection:
    """A plain DuckDB client of a file or a lake, which only reads."""
    if not target.startswith("ducklake:"):
        return duckdb.connect(target, read_only=True)
    con = duckdb.connect()
    for name in ("ducklake", *(["postgres_scanner"] if ":postgres:" in target else [])):
        load_extension(con, name)
    con.execute(f"attach '{lake_of(target).shown.replace(chr(39), chr(39) * 2)}' as lake (read_only)")
    con.execute("use lake")
    return con


def asked(target: str) -> tuple[float, float, float, int]:
    """Seconds to open until the first answer, of one gemeente and of a figure of all areas (median), and rows of an answer."""
    began = time.monotonic()
    con = opened(target)
    con.execute("select count(*) from gebied").fetchall()
    first = time.monotonic() - began
    medians: list[float] = []
    rows = 0
    for sql in (ONE, ALL):
        times: list[float] = []
        for _ in range(TIMES):
            began = time.monotonic()
            rows = max(rows, len(con.execute(sql).fetchall()))
            times.append(time.monotonic() - began)
        medians.append(statistics.median(times))
    return first, medians[0], medians[1], rows


def megabytes(place: Path) -> float:
    """Of a file, or of everything in a folder."""
    files = [place] if place.is_file() else place.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file() and not path.is_symlink()) / 1e6


def rows(home: Path, release: Path, folder: Path) -> Iterator[str]:
    """The rows of the table."""
    file = warehouse_file(release)
    yield row("the release itself (DuckDB file)", None, megabytes(file), asks=str(file))
    copy = folder / "kopie"
    yield row(
        "a folder", alone(publish, home, str(copy)), megabytes(copy), asks=str(warehouse_file((copy / "current").resolve()))
    )
    if (release / "site").is_dir():
        yield row("a zip of the pages", alone(publish, home, str(folder / "site.zip")), megabytes(folder / "site.zip"))
    lake = f"ducklake:{folder / 'meer.ducklake'}"
    seconds = alone(publish, home, lake)
    size = megabytes(folder / "meer.ducklake") + megabytes(folder / "meer.ducklake.files")
    yield row("a DuckLake, catalogue in a file", seconds, size, asks=lake)
    found = programs()
    if found is None:
        return
    with running_postgres(found) as running:
        os.environ["PGPASSWORD"] = running.password
        target = running.target(folder / "meer")
        yield row("a DuckLake, catalogue in PostgreSQL", alone(publish, home, target), megabytes(folder / "meer"), asks=target)
    with running_postgres(found) as running:
        os.environ["PGPASSWORD"] = running.password
        target = running.target(folder / "twee")
        began = time.monotonic()
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            each = list(pool.map(publish, [home, home], [target, target]))
        both = time.monotonic() - began
        yield f"\nTwo at once into one lake with PostgreSQL: {min(each):.1f} and {max(each):.1f} s, {both:.1f} s together."


def row(name: str, seconds: float | None, size: float, asks: str | None = None) -> str:
    """One row; without `asks` nobody can ask it anything."""
    answers = ["", "", ""]
    if asks is not None:
        first, one, every, found = alone(asked, asks)
        assert found > 10, "the questions have no answer"
        answers = [f"{first * 1000:.0f}", f"{one * 1000:.0f}", f"{every * 1000:.0f}"]
    return f"| {name} | {'' if seconds is None else f'{seconds:.1f}'} | {size:.0f} | {' | '.join(answers)} |"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args().home.resolve()
    release = current_release(replace(load_settings({}, folder=home.parent), home=home))
    with duckdb.connect(str(warehouse_file(release)), read_only=True) as con:
        (figures,) = con.execute("select count(*) from waarde").fetchone() or (0,)
    print(
        f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}; ",
        end="",
    )
    print(f"{figures:,} rows of `waarde`\n")
    print("| what | published (s) | MB | open and first answer (ms) | one gemeente (ms) | one figure, all areas (ms) |")
    print("|---|---:|---:|---:|---:|---:|", flush=True)
    with TemporaryDirectory() as place:
        for line in rows(home, release, Path(place)):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
