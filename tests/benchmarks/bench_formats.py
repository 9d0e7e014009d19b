"""What each format of a profile takes: `python -m tests.benchmarks.bench_formats` prints a Markdown table.

The areas of the embedded example are laid out in one process, without maps, so that the rows differ in the format alone. Times
are of the processor: what else runs on the machine counts less.
"""

import argparse
import os
import platform
import resource
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from beeld.profiles.contents import contents_of
from beeld.profiles.formats import RENDERERS, renderer
from beeld.profiles.lenses import load_lens
from beeld.profiles.reading import build_profile, load_batch, load_release
from beeld.profiles.site import Site
from beeld.refresh import Options, refresh
from beeld.settings import Settings, load_settings
from beeld.sources.example import EXAMPLE_AREA, example_transport
from beeld.transforms.catalog import load_catalog
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.read import open_warehouse, warehouse_file


def example_release(home: Path) -> tuple[Settings, Path]:
    """The example, published without pages."""
    settings = load_settings({"BEELD_HOME": str(home)})
    with example_transport() as transport:
        settings = replace(settings, example=True)
        result = refresh(settings, Options((EXAMPLE_AREA,), render=False), transport=transport)
    return settings, result.folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as place:
        settings, folder = example_release(Path(place) / "home")
        catalog = load_catalog(settings.project, settings.home, example=True)
        with closing(open_warehouse(warehouse_file(folder))) as con:
            data = load_release(con, catalog)
            codes = [code for code, area in data.areas.items() if area.gemeente == EXAMPLE_AREA]
            lens, groups = load_lens(settings.project, "zoom-in", catalog), load_target_groups(settings.project, catalog)
            site = Site(Path(place) / "site", data, lens, frozenset(codes), (), groups, tuple(RENDERERS))
            batch = load_batch(con, data, codes)
            started = time.process_time()
            contents = [contents_of(build_profile(data, batch, code), site) for code in codes * rounds]
            made = (time.process_time() - started) / len(contents)
        print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
        print(f"{len(codes)} areas of the example, {rounds} times each; their contents: {1000 * made:.0f} ms an area\n")
        print("| format | processor time an area (ms) | areas a second on one core | kB an area | peak memory so far (MB) |")
        print("|---|---:|---:|---:|---:|")
        for name in RENDERERS:
            drawn = renderer(name)
            started, size = time.process_time(), 0
            for each in contents:
                size += sum(path.stat().st_size for path in drawn.render(each, site, (), None))
            spent = (time.process_time() - started) / len(contents)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"| {name} | {1000 * spent:.0f} | {1 / spent:.1f} | {size / len(contents) / 1000:.0f} | {memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
