"""National size over fourteen years: `python -m tests.benchmarks.bench_scale` prints Markdown tables.

An invented country of 14,600 buurten with Kerncijfers 2013-2026 (national.py beside this): fetched, rebuilt from the archive,
held against the floor of the same work in bare DuckDB, and drawn for more and more gemeenten. Each row is a process of its own.
`--buurten N` makes the country smaller, `--gemeenten 1 10 100` says for how many pages are drawn (none: leave it out).
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from beeld.warehouse import release
from beeld.warehouse.read import current_release, warehouse_file
from tests.benchmarks.bench_refresh import ROOT, Measurement, measure, serving, workplace
from tests.reliability.worlds import settings_of

BUURTEN = 14_600
FLOOR = 3
SCRIPT = ROOT / "tests" / "reliability" / "small_beeld.py"


def floor(order: str, *words: str | Path) -> float:
    """Seconds that a part of the floor takes, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.replay", order, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])}
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(said)


def forget_releases(home: Path) -> None:
    """No release is there any more; the archive stays."""
    (home / "current").unlink()
    for folder in (home / "releases").iterdir():
        release.remove_tree(folder) if folder.is_dir() else folder.unlink()


def the_floor(folder: Path, home: Path, project: Path, ours: Measurement) -> None:
    """What bare DuckDB needs for the same: reading the archived pages, and the statements after staging."""
    forget_releases(home)
    written = folder / "opgeschreven"
    os.environ["BEELD_HOME"] = str(home)
    subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.replay", "record", str(project), str(written)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])},
        check=True,
    )
    decoded, ran = floor("decode", home, written), min(floor("run", written) for _ in range(2))
    print("\n| bare DuckDB | s |\n|---|---:|")
    print(f"| `read_json` of the archived pages into a table | {decoded:.1f} |")
    print(f"| the statements after staging, tables and Parquet files written | {ran:.1f} |")
    print(f"| together: the floor | {decoded + ran:.1f} |")
    print(
        f"\nrebuilding from the archive / the floor: {ours.seconds / (decoded + ran):.2f} (wanted: at most {FLOOR})", flush=True
    )


def gemeenten(home: Path) -> list[str]:
    """The gemeenten of the current release, the example gemeente (GM9001) first."""
    folder = current_release(settings_of(home))
    with duckdb.connect(str(warehouse_file(folder)), read_only=True) as con:
        rows = con.execute(
            "select gebiedscode from gebied where soort = 'gemeente' order by gebiedscode <> 'GM9001', gebiedscode"
        )
        return [row[0] for row in rows.fetchall()]


def growth(home: Path, project: Path, numbers: Sequence[int]) -> None:
    """Pages of more and more gemeenten out of one release."""
    known = gemeenten(home)
    print("\n| gemeenten | pages | wall time (s) | pages a second | memory (MB) | MB on disk |\n|---:|---:|---:|---:|---:|---:|")
    for number in numbers:
        asked = known[:number]
        command = [sys.executable, SCRIPT, project, "render", *asked, "--format", "html"]
        ours = measure(f"{len(asked)} gemeenten", command, {"BEELD_HOME": str(home)}, silent=True)
        if ours.code:
            sys.exit("drawing failed: the figures above mean nothing")
        drawn = home / "weergave"
        pages = sum(1 for _ in drawn.rglob("*.html"))
        size = sum(path.stat().st_size for path in drawn.rglob("*") if path.is_file()) / 1e6
        figures = f"{ours.seconds:.1f} | {pages / ours.seconds:.1f} | {ours.megabytes:.0f} | {size:.0f}"
        print(f"| {len(asked)} | {pages} | {figures} |", flush=True)
        shutil.rmtree(drawn)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buurten", type=int, default=BUURTEN)
    parser.add_argument("--gemeenten", type=int, nargs="*", default=[1, 10, 100])
    arguments = parser.parse_args()
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, {arguments.buurten} buurten\n")
    print("| run | wall time (s) | peak memory (MB) |\n|---|---:|---:|", flush=True)
    with workplace() as folder:
        data, project, home = folder / "land", folder / "project", folder / "thuis"
        make = [sys.executable, "-m", "tests.benchmarks.national", data, project, str(arguments.buurten)]
        measure("(making the country)", make, {})
        beeld = [sys.executable, SCRIPT, project, "refresh", "--all", "--no-render", "--year-from", "2013"]
        with serving(data) as addresses:
            environment = {**addresses, "BEELD_HOME": str(home)}
            measure("refresh, empty archive", beeld, environment)
            measure("refresh, nothing changed", beeld, environment)
        forget_releases(home)
        offline = measure("refresh from the archive (`--offline`)", [*beeld, "--offline"], {"BEELD_HOME": str(home)})
        if offline.code:
            sys.exit("a run failed: the figures above mean nothing")
        the_floor(folder, home, project, offline)
        forget_releases(home)
        print("\nwhere that goes, in another run:\n", flush=True)
        command = [sys.executable, "-m", "tests.benchmarks.steps", str(project)]
        there = os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])
        subprocess.run(command, cwd=ROOT, env={**os.environ, "BEELD_HOME": str(home), "PYTHONPATH": there}, check=True)
        if arguments.gemeenten:
            growth(home, project, arguments.gemeenten)


if __name__ == "__main__":
    main()
