"""What the command line says: data on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from beeld.sources.meter import Meter

messages = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def progress() -> Generator[Meter]:
    """Shows the step at hand and the tables that are being fetched when stderr is a terminal, and is silent otherwise."""
    from beeld.sources.meter import metering

    with metering(messages) as meter:
        yield meter


def show_warnings(warnings: tuple[str, ...]) -> None:
    """Each warning on a line of its own."""
    for warning in warnings:
        messages.print(f"warning: {warning}")


def show_removed(releases: tuple[str, ...]) -> None:
    """Say which older releases made place."""
    for name in releases:
        messages.print(f"release {name} was removed: 'bewaar_releases' in beeld.toml says how many stay")


def show_table(columns: list[str], rows: list[list[Any]]) -> None:
    """A plain table on stdout, never cut off."""
    table = Table(box=None, pad_edge=False, header_style="")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_printed(cell) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 100_000, highlight=False, markup=False).print(table)


def _printed(cell: Any) -> str:
    if cell is None:
        return ""
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, (list, dict)) else str(cell)
