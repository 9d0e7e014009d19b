"""The step `compute_change` on a country of full size: `python -m tests.benchmarks.bench_change`.

14,600 buurten, every figure of the catalogue that may be followed, twelve years: more than any release has today. The figures are
invented in SQL, because only their number matters here. Prints a Markdown table from one run; a process of its own, so that the
peak memory is that of this step with the table it reads.
"""

import os
import platform
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path

import duckdb

from beeld.settings import project_folder
from beeld.transforms import gate, trends
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.build import create_schema, open_build

BUURTEN = 14_600
YEARS = range(2013, 2025)


def fill(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> tuple[int, int]:
    """`waarde` and `werk.reeks` for every buurt, figure and year; returns the rows and the figures that may be followed."""
    allowed = [name for name, i in catalog.indicators.items() if gate.decide(i, catalog.sources[i.bron], "trend").allowed]
    create_schema(con, project_folder())
    con.execute("create schema werk")
    con.execute(
        """create table werk.reeks as
        select bron, printf('BU%08d', b.n) as gebiedscode, j.n::integer as peiljaar, 2024 as indeling_jaar, '' as oude_code,
          (b.n + j.n) % 9 <> 0 as reeks
        from range(?) as b (n), range(?, ?) as j (n), (values ('cbs_kwb'), ('politie_misdrijven')) as s (bron)""",
        [BUURTEN, YEARS.start, YEARS.stop],
    )
    con.execute(
        """insert into waarde by name
        select printf('BU%08d', b.n) as gebiedscode, indicator, j.n::integer as peiljaar, 2024 as indeling_jaar,
          5.0 + (b.n * 7 + j.n * 3) % 60 as waarde, 'ok' as status, waarde - 3 - b.n % 5 as ondergrens,
          waarde + 3 + b.n % 5 as bovengrens, false as voorlopig, 'T' as bron_tabel, 'k' as bron_kolom, '0' as snapshot_sha256
        from range(?) as b (n), range(?, ?) as j (n), (select unnest(?) as indicator)
        order by gebiedscode, indicator, peiljaar""",
        [BUURTEN, YEARS.start, YEARS.stop, allowed],
    )
    return BUURTEN * len(YEARS) * len(allowed), len(allowed)


def main() -> None:
    """Measure and print."""
    catalog = load_catalog(project_folder())
    print(f"{platform.system()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory(prefix="beeld-bench-") as scratch, closing(open_build(Path(scratch) / "bouw.duckdb")) as con:
        rows, figures = fill(con, catalog)
        started = time.perf_counter()
        outcomes = trends.compute_change(con, catalog)
        taken = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| buurten | figures | years | rows of `waarde` | rows of `trend` | wall time (s) | peak memory (MB) |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    print(f"| {BUURTEN} | {figures} | {len(YEARS)} | {rows} | {sum(outcomes.values())} | {taken:.1f} | {peak:.0f} |")


if __name__ == "__main__":
    main()
