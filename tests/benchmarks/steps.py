"""Where the time and the memory of a refresh go: `python -m tests.benchmarks.steps PROJECT` prints a Markdown table.

A refresh of the whole country from the archive of `BEELD_HOME`, without pages. A step is what lies between two messages of
progress; its memory is the highest that the process had during that step (the kernel's mark, put back at each message).
"""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from beeld.refresh import Options, refresh
from beeld.settings import load_settings


@dataclass(frozen=True)
class Step:
    """What a refresh was doing, for how long, and its highest memory meanwhile."""

    name: str
    seconds: float
    megabytes: float


def peak() -> float:
    """The highest memory of this process since the last time, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return found / 1024


def main() -> None:
    """Refresh and print."""
    project = Path(sys.argv[1])
    steps: list[Step] = []
    name, begun = "looking at the archive, declarations", time.monotonic()

    def mark(message: str) -> None:
        nonlocal name, begun
        now = time.monotonic()
        steps.append(Step(name, now - begun, peak()))
        name, begun = message, now

    settings = replace(load_settings(folder=project), project=project, example=True)
    result = refresh(settings, Options(all_areas=True, year_from=2013, offline=True, render=False), progress=mark)
    mark("")
    if not result.new:
        sys.exit("nothing was built: the figures would mean nothing")
    print("| step | s | peak memory (MB) |\n|---|---:|---:|")
    for step in steps:
        print(f"| {step.name} | {step.seconds:.1f} | {step.megabytes:.0f} |")
    print(f"| together | {sum(step.seconds for step in steps):.1f} | {max(step.megabytes for step in steps):.0f} |", flush=True)


if __name__ == "__main__":
    main()
