"""Progress on a terminal: the step at hand, and a line per table that is being fetched."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from beeld.sources.progress import TableProgress


class Meter:
    """Shows messages (call it) and tables (`table`); with nothing to draw on it is silent. Threads may use it together."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._step = None if bars is None else bars.add_task("starting", total=None, detail="")
        self._tables: dict[str, TaskID] = {}
        self._guard = threading.Lock()

    def __call__(self, message: str) -> None:
        """The step at hand."""
        if self._bars is not None and self._step is not None:
            self._bars.update(self._step, description=message)

    def table(self, event: TableProgress) -> None:
        """How far a table is: rows, pages, megabytes and, where the number of rows is known, the time that remains."""
        if self._bars is None:
            return
        with self._guard:
            line = self._tables.get(event.name)
            if event.done:
                if line is not None:
                    self._bars.remove_task(self._tables.pop(event.name))
                return
            if line is None:
                line = self._tables[event.name] = self._bars.add_task(event.name, total=event.expected, detail="")
            of = f" of {event.expected}" if event.expected is not None else ""
            detail = f"{event.rows}{of} rows, {event.pages} pages, {event.bytes / 1e6:.1f} MB"
            self._bars.update(line, completed=event.rows, total=event.expected, detail=detail)


@contextmanager
def metering(console: Console) -> Generator[Meter]:
    """A meter on `console` when that is a terminal, else a silent one; nothing of it stays on the screen."""
    if not console.is_terminal:
        yield Meter(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield Meter(bars)
