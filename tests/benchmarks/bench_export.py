"""What `beeld export` takes: `python -m tests.benchmarks.bench_export --home HOME` prints a Markdown table.

Each format is a process of its own that exports the current release of the home; without a home, the embedded example.
"""

import argparse
import os
import platform
import resource
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from beeld.settings import load_settings
from beeld.warehouse.export.run import WRITERS, export_release
from beeld.warehouse.read import current_release


def measure(home: Path, target: Path, formats: tuple[str, ...]) -> tuple[float, float, float]:
    """Seconds, megabytes written and peak megabytes of memory of one export, in this process."""
    settings = replace(load_settings({}, folder=target.parent), home=home)
    started = time.monotonic()
    export_release(settings, target, formats)
    seconds = time.monotonic() - started
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return seconds, size / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    chosen = parser.parse_args().home
    with TemporaryDirectory() as place:
        if chosen is None:
            from tests.benchmarks.bench_formats import example_release

            chosen = example_release(Path(place) / "home")[0].home
        home = chosen.resolve()
        release = current_release(replace(load_settings({}, folder=Path(place)), home=home))
        parquet = sum(path.stat().st_size for path in (release / "parquet").iterdir()) / 1e6
        print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
        print(f"the Parquet files of the release: {parquet:.0f} MB\n")
        print("| format | wall time (s) | MB written | peak memory (MB) |")
        print("|---|---:|---:|---:|")
        for formats in (*((name,) for name in WRITERS), tuple(WRITERS)):
            with get_context("spawn").Pool(1) as pool:
                target = Path(place) / "uit" / "-".join(formats)
                seconds, size, memory = pool.apply(measure, (home, target, formats))
            print(f"| {'all four' if len(formats) > 1 else formats[0]} | {seconds:.1f} | {size:.0f} | {memory:.0f} |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
