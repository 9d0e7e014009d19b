"""Wall time and peak memory of refreshes: `python -m tests.benchmarks.bench_refresh [--national]` prints a Markdown table.

Every row is a process of its own and so is the loopback server, so that one peak says nothing of another: on Linux a child
counts what its parent held when it was started, which is why this process keeps small.
The national set is the embedded example with 14 600 buurten; without `--national` it is left out, because it takes minutes.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
REAL_DATA = ROOT.parent / "shared" / "data"
NATIONAL_BUURTEN = 14_600
ADDRESSES = 6
"""Lines that the server prints before it serves."""
FOUR = [word for code in ("GM0748", "GM0772", "GM0828", "GM0355") for word in ("--area", code)]


@dataclass(frozen=True)
class Measurement:
    """What one run took; memory is the largest resident set of the process or of any of its children."""

    what: str
    seconds: float
    megabytes: float
    code: int

    def row(self) -> str:
        """A row of the table."""
        failed = "" if self.code == 0 else f" (exit {self.code})"
        return f"| {self.what}{failed} | {self.seconds:.1f} | {self.megabytes:.0f} |"


def measure(what: str, command: Sequence[str | Path], environment: dict[str, str], *, silent: bool = False) -> Measurement:
    """Run a command, measure it, and print the row of the table unless `silent`."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("BEELD_")}
    started = time.monotonic()
    process = subprocess.Popen(
        list(command),
        env={**clean, **environment, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipelines"), str(ROOT)])},
        stdout=subprocess.DEVNULL,
    )
    peak = Peak(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    result = Measurement(what, seconds, max(kilobytes / 1024, peak.stop()), process.returncode)
    if not silent:
        print(result.row(), flush=True)
    return result


class Peak:
    """The largest sum of resident memory over a process and its children, looked at five times a second (Linux only)."""

    def __init__(self, process: int) -> None:
        self.process = process
        self.megabytes = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.ended.wait(0.2):
            self.megabytes = max(self.megabytes, sum(resident(process) for process in family(self.process)))

    def stop(self) -> float:
        """The peak in MB; 0 where /proc does not exist."""
        self.ended.set()
        self.thread.join()
        return self.megabytes


def family(process: int) -> Iterator[int]:
    """A process and everything that it started."""
    yield process
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def resident(process: int) -> float:
    """Memory in use by a process, in MB."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder that is gone afterwards, read-only releases and all."""
    folder = Path(tempfile.mkdtemp(prefix="beeld-bench-"))
    try:
        yield folder
    finally:
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(folder)


@contextmanager
def serving(data: Path) -> Iterator[dict[str, str]]:
    """A loopback server in a process of its own; its environment."""
    command = [sys.executable, "-m", "tests.loopback", "--data", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            lines = [server.stdout.readline() for _ in range(ADDRESSES)]
            yield dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        finally:
            server.kill()


def bench_demo(folder: Path) -> None:
    """The embedded example."""
    measure("`beeld demo`", [sys.executable, "-m", "beeld.cli", "demo"], {"BEELD_HOME": str(folder / "demo")})


def bench_four(folder: Path) -> None:
    """The four gemeenten out of the real figures, and once more with nothing changed."""
    if not REAL_DATA.is_dir():
        print("| four gemeenten: skipped, ../shared/data is absent | | |")
        return
    beeld = [sys.executable, "-m", "beeld.cli", "refresh", *FOUR]
    with serving(REAL_DATA) as addresses:
        environment = {**addresses, "BEELD_HOME": str(folder / "vier")}
        measure("four gemeenten with pages, empty archive", beeld, environment)
        measure("the same, nothing changed", beeld, environment)


def bench_national(folder: Path) -> None:
    """Every area of a country of national size."""
    data, project = folder / "land", folder / "project"
    make = (
        "import sys; from pathlib import Path; from beeld.sources.example.generate import generate; "
        "from tests.reliability.worlds import example_project; root, data, project = map(Path, sys.argv[1:4]); "
        f"generate(data, buurten={NATIONAL_BUURTEN}); example_project(root, project, data)"
    )
    measure("making the national set", [sys.executable, "-c", make, ROOT, data, project], {})
    script = ROOT / "tests" / "reliability" / "small_beeld.py"
    with serving(data) as addresses:
        environment = {**addresses, "BEELD_HOME": str(folder / "nationaal")}
        beeld = [sys.executable, script, project, "refresh", "--all"]
        measure("`--all`, 14 600 buurten, warehouse only", [*beeld, "--no-render"], environment)
        measure("`--all`, 14 600 buurten, with pages", beeld, environment)


def main() -> None:
    """Measure and print."""
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| run | wall time (s) | peak memory (MB) |\n|---|---:|---:|", flush=True)
    with workplace() as folder:
        bench_demo(folder)
        bench_four(folder)
        if "--national" in sys.argv:
            bench_national(folder)


if __name__ == "__main__":
    main()
