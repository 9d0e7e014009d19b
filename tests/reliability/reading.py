"""A reader in a process of its own: asks the current release again and again until a file appears, and tells what it saw.

    python -m tests.reliability.reading PROJECT HOME STOP FEWEST

Prints one JSON object: `seen` (release and what its tables say, one entry per change), `reads`, `opened` (seconds to open, each).
"""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

from beeld.warehouse.read import current_release, open_warehouse, warehouse_file
from tests.reliability.worlds import example_settings

PAUSE = 0.2
"""Seconds between two reads: four readers who never pause measure how two cores are shared, not how long opening takes."""
QUERY = """select (select release from release), (select max(gewijzigd)::varchar from bron), (select count(*) from waarde),
  (select count(*) from signaal), (select count(distinct snapshot_sha256) from waarde)"""


def main(project: str, home: str, stop: str, fewest: str) -> None:
    """Read until told to stop, and at least so often."""
    settings = example_settings(Path(project), {}, Path(home))
    seen: list[list[object]] = []
    opened: list[float] = []
    while len(opened) < int(fewest) or not Path(stop).exists():
        started = time.perf_counter()
        folder = current_release(settings)
        with closing(open_warehouse(warehouse_file(folder))) as con:
            opened.append(time.perf_counter() - started)
            found = [folder.name, *con.execute(QUERY).fetchall()[0]]
        if not seen or seen[-1] != found:
            seen.append(found)
        time.sleep(PAUSE)
    print(json.dumps({"seen": seen, "reads": len(opened), "opened": opened}))


if __name__ == "__main__":
    main(*sys.argv[1:])
