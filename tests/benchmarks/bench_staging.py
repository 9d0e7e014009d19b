"""Archived bytes into `basis` tables against the bare decoding of the same bytes: `python -m tests.benchmarks.bench_staging`.

Prints a Markdown table from one run. Both floors and ours start from the gzip files in the archive; every floor is the least that
any reader must do (unpack, decode), ours also checks sha256, codes, cells and repeated rows, gives statuses and writes the table
to a database on disk. The DuckDB floor reads the unpacked pages from disk, so it is given the unpacking for nothing.
Times are the best of some turns, taken in turns, because other work on the machine only ever adds.
"""

import gc
import gzip
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from beeld.settings import project_folder
from beeld.sources import odata_v3
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.declarations import Source, Table
from beeld.transforms import staging
from beeld.transforms.basis import MEMORY, create_basis
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.build import open_build

REAL_DATA = Path(__file__).parents[3] / "shared" / "data" / "odata_v3"
TABLES = (("opendata.cbs.nl", "cbs_kwb", "84799NED"), ("dataderden.cbs.nl", "rivm_gezondheid", "50090NED"))
PAGE = 10_000
TURNS = 5


def archived(scratch: Path, host: str, source: Source, table: Table) -> Snapshot:
    """The real table in an archive, in pages as the source sends them."""
    delivery = Delivery(scratch / "bouw", source.bron, table.tabel)
    total = 0
    for path in sorted((REAL_DATA / host / table.tabel).iterdir()):
        name = path.name.split(".")[0]
        body = path.read_bytes()
        rows = orjson.loads(gzip.decompress(body) if path.suffix == ".gz" else body)["value"]
        data = name in (odata_v3.TYPED, odata_v3.UNTYPED)
        size = PAGE if data else len(rows)
        for number, start in enumerate(range(0, len(rows), size), start=1):
            page = rows[start : start + size]
            content = {"odata.metadata": f"https://{host}/$metadata#{name}", "value": page}
            delivery.add(f"{name}-{number:04d}", f"https://{host}/{name}", orjson.dumps(content), page)
        total += len(rows) if data else 0
    return delivery.archive(scratch / "ruw", gewijzigd="", licentie="", url=f"https://{host}", titel=table.tabel, rijen=total)


def data_files(snapshot: Snapshot) -> list[Path]:
    """The archived data pages."""
    return [snapshot.folder / f"{name}.json.gz" for name in snapshot.names(f"{odata_v3.data_set_of(snapshot)}-")]


def unpack_and_load(snapshot: Snapshot) -> None:
    """The floor: gzip and orjson on every page."""
    for path in data_files(snapshot):
        orjson.loads(gzip.decompress(path.read_bytes()))


def load_only(bodies: Sequence[bytes]) -> None:
    """The floor without the unpacking."""
    for body in bodies:
        orjson.loads(body)


def read_json(paths: Sequence[Path]) -> None:
    """DuckDB's own reader on the unpacked pages, every column, into a table in memory."""
    with closing(duckdb.connect()) as con:
        con.execute(
            "create table ruw as select unnest(value, max_depth := 2) from read_json(?, maximum_object_size = 1000000000)",
            [[str(path) for path in paths]],
        )


def ours(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot) -> None:
    """What a refresh does: the snapshot into `basis.<bron>` of a build database on disk, which is open already."""
    create_basis(con, source)
    con.execute("set memory_limit = ?", [MEMORY])
    staging.stage(con, source, table, snapshot, 0)


def best(turns: int, *ways: Callable[[], None]) -> list[tuple[float, float]]:
    """Per way the least wall time and the least processor time, in seconds."""
    times: list[list[tuple[float, float]]] = [[] for _ in ways]
    for _ in range(turns):
        for taken, way in zip(times, ways, strict=True):
            gc.collect()
            wall, processor = time.perf_counter(), time.process_time()
            way()
            taken.append((time.perf_counter() - wall, time.process_time() - processor))
    return [(min(wall for wall, _ in taken), min(used for _, used in taken)) for taken in times]


def row(source: Source, table: Table, snapshot: Snapshot, folder: Path) -> str:
    """One row of the table."""
    files = data_files(snapshot)
    bodies = [gzip.decompress(path.read_bytes()) for path in files]
    pages = [folder / path.stem for path in files]
    for path, body in zip(pages, bodies, strict=True):
        path.write_bytes(body)
    with closing(open_build(folder / "bouw.duckdb")) as con:
        (floor, floor_used), (loads, _), (duck, _), (mine, mine_used) = best(
            TURNS,
            lambda: unpack_and_load(snapshot),
            lambda: load_only(bodies),
            lambda: read_json(pages),
            lambda: ours(con, source, table, snapshot),
        )
    layout = odata_v3.read_layout(snapshot, source, table)
    size = sum(map(len, bodies)) / 1e6
    return (
        f"| {table.tabel} ({snapshot.rijen} rows, {size:.0f} MB, {len(layout.columns)} columns wanted) "
        f"| {floor:.2f} | {loads:.2f} | {duck:.2f} | {mine:.2f} | {mine / min(floor, duck):.2f} | {mine_used / floor_used:.2f} |"
    )


def main() -> None:
    """Measure and print."""
    if not REAL_DATA.is_dir():
        sys.exit("skipped: ../shared/data is absent")
    pa.array([1.0])  # the first array imports pandas, which is no part of any of these
    catalog = load_catalog(project_folder())
    print(f"{platform.system()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n")
    print(
        "| table | floor: gzip + orjson (s) | orjson alone (s) | floor: read_json of unpacked pages (s) | ours (s) "
        "| ours / floor, wall | ours / floor, processor |\n|---|---:|---:|---:|---:|---:|---:|",
        flush=True,
    )
    for host, bron, name in TABLES:
        source = catalog.sources[bron]
        table = source.table(name)
        with tempfile.TemporaryDirectory(prefix="beeld-bench-") as scratch:
            snapshot = archived(Path(scratch), host, source, table)
            print(row(source, table, snapshot, Path(scratch)), flush=True)


if __name__ == "__main__":
    main()
