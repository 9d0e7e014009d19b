"""Fetching against `cbsodata`: `python -m tests.benchmarks.bench_fetch` prints Markdown tables with ratios from one run.

Thirteen tables of the size and shape of Kerncijfers 2020 (17,341 rows of 116 topics, invented figures), each as TypedDataSet and
as UntypedDataSet as the live service has them, are served with half a second per request by a loopback server in a process of its
own. Each row is a process of its own too. Both sides end with every topic in DuckDB: `cbsodata` with `get_data` (typed), a
DataFrame and a table, `beeld` (untyped: only its text tells the kinds of missing apart) with its archive and `basis`.
`--tables N` and `--buurten N` make it smaller.
"""

import argparse
import json
import os
import platform
import random
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import orjson

from tests.benchmarks.bench_refresh import REAL_DATA, Measurement, measure, workplace

TABLES, BUURTEN, WIJKEN, GEMEENTEN = 13, 13_808, 3_177, 355
"""Kerncijfers 2020; facts/CBS.md section 14."""
LATENCY = 0.5
ASKED = "GM0042"
REGION = "WijkenEnBuurten"
ROOT = Path(__file__).parents[2]
SERVER = """
import sys, threading
from tests.loopback import LoopbackServer, store
store.CACHE_BYTES = 4_000_000_000
server = LoopbackServer(sys.argv[1])
server.latency = float(sys.argv[2])
with server:
    for name, value in server.environment.items():
        print(f"{name}={value}")
    print(f"PORT={server.port}", flush=True)
    for line in sys.stdin:
        pages = [e for e in server.data_page_requests() if e.status == 200]
        print(len(server.log), len(pages), flush=True)
        server.clear_log()
"""
CBSODATA = """
import sys, warnings
warnings.simplefilter("ignore")
import cbsodata, duckdb, pandas as pd
cbsodata.options.use_https = False
cbsodata.options.catalog_url = sys.argv[1]
con = duckdb.connect(sys.argv[2])
for table in sys.argv[3].split(","):
    frame = pd.DataFrame(cbsodata.get_data(table))
    con.execute(f'create table "{table}" as select * from frame')
con.close()
"""
TYPED = """
import sys, httpx
with httpx.Client(timeout=120) as client:
    for table in sys.argv[2].split(","):
        page = f"{sys.argv[1]}/ODataFeed/odata/{table}/TypedDataSet?$format=json"
        while page:
            page = client.get(page).json().get("odata.nextLink")
"""
BEELD = """
import json, resource, sys, time
from contextlib import closing
from functools import partial
from pathlib import Path
from beeld.refresh import open_shelf
from beeld.settings import load_settings
from beeld.sources.declarations import Source
from beeld.sources.fetch import Look, deliveries
from beeld.sources.http import open_client
from beeld.transforms import drift
from beeld.warehouse import build, release
declared = Source.model_validate(json.loads(Path(sys.argv[1]).read_text()))
gemeenten = sys.argv[2].split(",") if sys.argv[2] else None
settings, began = load_settings(), time.monotonic()
with release.exclusive(settings, "benchmark"), open_shelf(settings) as shelf:
    release.sweep(settings)
    with open_client() as client:
        look = Look(settings, client, judge=partial(drift.judge, shelf=shelf), receive=shelf.receive)
        found = deliveries(look, {declared.bron: declared}, lambda _: tuple(gemeenten) if gemeenten else None)
    spent = {"seconden": time.monotonic() - began, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    (settings.home / "ophalen.json").write_text(json.dumps(spent))
    if any(item.fetched for item in found) and len(sys.argv) < 4:
        with closing(build.open_build(settings.build / "bouw.duckdb")) as con:
            build.stage_source(con, declared, found, 0, shelf)
"""


def delivered_properties() -> list[dict[str, Any]]:
    """The DataProperties of 84799NED, which every table has."""
    return json.loads((REAL_DATA / "odata_v3/opendata.cbs.nl/84799NED/DataProperties.json").read_bytes())["value"]


def make_tables(folder: Path, tables: int, buurten: int) -> None:
    """Write the tables in the layout of the loopback server."""
    share = buurten / BUURTEN
    keys, titles = regions(round(GEMEENTEN * share) + 1, round(WIJKEN * share) + 1, buurten)
    properties = delivered_properties()
    topics = [row for row in properties if row["Type"] == "Topic"]
    members = [{"Key": key, "Title": title, "Description": "", "Municipality": "", "DetailRegionCode": key.strip()}
               for key, title in zip(keys, titles, strict=True)]  # fmt: skip
    for number in range(tables):
        name = f"9{number:04d}NED"
        draw = random.Random(number)
        rows = [{"ID": index, REGION: key, **{topic["Key"]: cell(topic, key, draw) for topic in topics}}
                for index, key in enumerate(keys)]  # fmt: skip
        info = {"ID": 0, "Identifier": name, "Title": name, "Modified": "2026-01-01T02:00:00", "RecordCount": len(rows)}
        sets = {"TableInfos": [info], "DataProperties": properties, REGION: members, "TypedDataSet": rows}
        sets["UntypedDataSet"] = [untyped(row) for row in rows]
        write(folder / "odata_v3/opendata.cbs.nl" / name, sets)


def regions(gemeenten: int, wijken: int, buurten: int) -> tuple[list[str], list[str]]:
    """Padded keys and invented names: the country, then each gemeente with its wijken and their buurten."""
    keys, titles = ["NL00"], ["Verzonnen land"]
    for gemeente in range(1, gemeenten + 1):
        keys.append(f"GM{gemeente:04d}")
        for wijk in range(wijken * (gemeente - 1) // gemeenten, wijken * gemeente // gemeenten):
            inside = wijk - wijken * (gemeente - 1) // gemeenten
            keys.append(f"WK{gemeente:04d}{inside:02d}")
            count = buurten * (wijk + 1) // wijken - buurten * wijk // wijken
            keys += [f"BU{gemeente:04d}{inside:02d}{buurt:02d}" for buurt in range(count)]
        titles += [f"Gebied {key}" for key in keys[len(titles) :]]
    return [key.ljust(10) for key in keys], titles


def cell(topic: dict[str, Any], key: str, draw: random.Random) -> Any:
    """A figure of the kind that a topic has; a fifth is missing."""
    if topic["Datatype"] == "String":
        return key if topic["Key"].startswith("Codering") else f"tekst {draw.randrange(100)}".ljust(40)
    if draw.random() < 0.2:
        return None
    return draw.randrange(5, 5000, 5) if not topic.get("Decimals") else round(draw.uniform(0, 100), int(topic["Decimals"]))


def untyped(row: dict[str, Any]) -> dict[str, Any]:
    """The same row as UntypedDataSet has it: figures as text, aligned to the right, a full stop for one that is missing."""
    return {key: cell if isinstance(cell, str) or key == "ID" else ("." if cell is None else str(cell)).rjust(8)
            for key, cell in row.items()}  # fmt: skip


def write(folder: Path, sets: dict[str, list[dict[str, Any]]]) -> None:
    """The entity sets of one table."""
    folder.mkdir(parents=True)
    for name, value in sets.items():
        (folder / f"{name}.json").write_bytes(orjson.dumps({"value": value}))


def declare(path: Path, names: list[str], properties: list[dict[str, Any]], *, nationwide: bool) -> Path:
    """A source that takes every topic of these tables."""
    groups = {row["ID"]: row for row in properties if row["Type"] == "TopicGroup"}

    def group_of(topic: dict[str, Any]) -> str:
        titles: list[str] = []
        parent = topic.get("ParentID")
        while parent in groups:
            titles.insert(0, groups[parent]["Title"])
            parent = groups[parent].get("ParentID")
        return "/".join(titles)

    columns = {
        f"k{topic['ID']}": {
            "soort": "tekst" if topic["Datatype"] == "String" else "getal",
            "onderwerpen": [
                {"groep": group_of(topic), "naam": topic["Key"].rpartition("_")[0], "eenheid": topic.get("Unit") or ""}
            ],
        }
        for topic in properties
        if topic["Type"] == "Topic"
    }
    content = {
        "bron": "meting", "titel": "Meting", "uitgever": "Niemand", "licentie": "geen", "protocol": "odata_v3", "dienst": "cbs",
        "verplicht": True, "tijd": "tabel", "kolommen": columns,
        "tabellen": [{"tabel": name, "peiljaar": 2001 + number, "indeling_jaar": 2001 + number, "landelijk": nationwide}
                     for number, name in enumerate(names)],
    }  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


class Serving:
    """A loopback server in a process of its own."""

    def __init__(self, process: Popen[str], environment: dict[str, str]) -> None:
        self.process = process
        self.environment = environment
        self.port = environment.pop("PORT")

    def counts(self) -> tuple[int, int]:
        """Requests and data pages since the last time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        requests, pages = self.process.stdout.readline().split()
        return int(requests), int(pages)


@contextmanager
def serving(data: Path) -> Generator[Serving]:
    """Serve a folder with latency."""
    command = [sys.executable, "-c", SERVER, str(data), str(LATENCY)]
    clean = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])}
    with Popen(command, cwd=ROOT, env=clean, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            environment: dict[str, str] = {}
            while "PORT" not in environment:
                name, _, value = next(lines).strip().partition("=")
                environment[name] = value
            yield Serving(process, environment)
        finally:
            process.kill()


def warm(server: Serving, names: list[str], folder: Path) -> None:
    """Make the server parse and pack every page once, so that neither side pays for it."""
    measure("(warming up)", [sys.executable, "-c", TYPED, server.environment["BEELD_CBS_URL"], ",".join(names)], {})
    declared = declare(folder / "warm.json", names, PROPERTIES, nationwide=True)
    for gemeenten in ("", ASKED):
        if gemeenten:
            declared = declare(folder / "warm.json", names, PROPERTIES, nationwide=False)
        environment = {**server.environment, "BEELD_HOME": str(folder / f"warm{gemeenten}")}
        measure("(warming up)", [sys.executable, "-c", BEELD, str(declared), gemeenten, "archive only"], environment)
    server.counts()


PROPERTIES: list[dict[str, Any]] = []


def archived_bytes(home: Path) -> int:
    """The largest delivery of a table, unpacked."""
    sidecars = [json.loads(path.read_text()) for path in home.glob("ruw/*/*/*/snapshot.json")]
    return max(sum(document["bytes"] for document in sidecar["documenten"]) for sidecar in sidecars)


def compare(folder: Path, data: Path, names: list[str]) -> None:
    """Measure every row and print it with what was asked of the server, then the ratios."""
    whole = declare(folder / "whole.json", names, PROPERTIES, nationwide=True)
    part = declare(folder / "part.json", names, PROPERTIES, nationwide=False)
    with serving(data) as server:
        warm(server, names, folder)
        asked: dict[str, tuple[int, int]] = {}

        def run(what: str, command: list[str], home: str) -> Measurement:
            environment = {**server.environment, "BEELD_HOME": str(folder / home)}
            measured = measure(what, [sys.executable, "-c", *command], environment)
            asked[what] = server.counts()
            return measured

        address = f"127.0.0.1:{server.port}/cbs"
        theirs = run("`cbsodata` into DuckDB", [CBSODATA, address, str(folder / "c.duckdb"), ",".join(names)], "c")
        ours = run("`beeld` into DuckDB", [BEELD, str(whole), ""], "whole")
        fetched = json.loads((folder / "whole" / "ophalen.json").read_text())
        print(f"| of which until everything was archived | {fetched['seconden']:.1f} | {fetched['mb']:.0f} |", flush=True)
        again = run("`beeld`, nothing changed", [BEELD, str(whole), ""], "whole")
        one = run("`beeld`, one gemeente", [BEELD, str(part), ASKED], "part")
    print("\n| run | requests | data pages |\n|---|---:|---:|")
    for what, (requests, pages) in asked.items():
        print(f"| {what} | {requests} | {pages} |")
    print("\n| ratio | measured | wanted |\n|---|---:|---:|")
    print(f"| (a) time, `cbsodata` / `beeld` | {theirs.seconds / ours.seconds:.2f} | 2 |")
    print(f"| (a) memory, `beeld` / `cbsodata` | {ours.megabytes / theirs.megabytes:.2f} | 0.5 |")
    early = theirs.seconds / fetched["seconden"], fetched["mb"] / theirs.megabytes
    print(f"| (a) the same, only until `beeld` has archived: time, memory | {early[0]:.2f}, {early[1]:.2f} | |")
    print(f"| (b) time, national `cbsodata` / one gemeente | {theirs.seconds / one.seconds:.1f} | 10 |")
    print(f"| (b) time, national `beeld` / one gemeente | {ours.seconds / one.seconds:.1f} | 10 |")
    print(f"| (b) MB of a table, one gemeente | {archived_bytes(folder / 'part') / 1e6:.2f} | 1 |")
    print(f"| (c) data pages when nothing changed | {asked[again.what][1]} | 0 |")
    if any(item.code for item in (theirs, ours, again, one)):
        sys.exit("a run failed: the figures above mean nothing")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=TABLES)
    parser.add_argument("--buurten", type=int, default=BUURTEN)
    arguments = parser.parse_args()
    if not REAL_DATA.is_dir():
        sys.exit("skipped: the list of topics of 84799NED is not here, ../shared/data is absent")
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, {LATENCY} s per request\n")
    print("| run | wall time (s) | peak memory (MB) |\n|---|---:|---:|", flush=True)
    with workplace() as folder:
        data = folder / "bron"
        make = "import sys; from pathlib import Path; from tests.benchmarks.bench_fetch import make_tables; "
        make += "make_tables(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"
        # in a process of its own: what this one holds would count as memory of those that it starts
        measure("(making tables)", [sys.executable, "-c", make, str(data), str(arguments.tables), str(arguments.buurten)], {})
        names = sorted(path.name for path in (data / "odata_v3/opendata.cbs.nl").iterdir())
        PROPERTIES.extend(delivered_properties())
        compare(folder, data, names)
        shutil.rmtree(data)


if __name__ == "__main__":
    main()
