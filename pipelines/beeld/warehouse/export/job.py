"""What every format gets: the release, open for reading, its book, and the folder to write in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from beeld.errors import Damaged
from beeld.sources.sql import literal, quoted
from beeld.warehouse.export.book import Book, Table, read_book
from beeld.warehouse.read import warehouse_file

MEMORY = "512MB"
"""What DuckDB may hold; sorting more goes by way of the disk."""
DATABASE = "uitgave"
SCRATCH = ".werk"
"""Folder inside the export on its way for what is only needed while writing."""


@dataclass(frozen=True)
class Note:
    """Something that a format could not hold: for the reader (Dutch) and for who exports (English)."""

    reader: str
    user: str


@dataclass(frozen=True)
class Job:
    """An export at work."""

    con: duckdb.DuckDBPyConnection
    book: Book
    release: Path
    folder: Path
    say: Callable[[str], None]

    @property
    def scratch(self) -> Path:
        """A folder that is not part of the export."""
        return self.folder / SCRATCH

    def select(self, table: Table, expressions: str) -> str:
        """SQL for every row of a table in its total order; `expressions` are over `t`."""
        return f"select {expressions} from {quoted(table.name)} as t{table.order}"


@contextmanager
def open_job(release: Path, folder: Path, say: Callable[[str], None]) -> Generator[Job]:
    """The release for writing out: attached read-only to a database in memory that may write files."""
    scratch = folder / SCRATCH
    scratch.mkdir()
    with closing(duckdb.connect()) as con:
        con.execute(f"set memory_limit = '{MEMORY}'")
        con.execute("set enable_progress_bar = false")
        con.execute("set preserve_insertion_order = true")
        con.execute(f"set temp_directory = {literal(str(scratch / 'duckdb'))}")
        try:
            con.execute(f"attach {literal(str(warehouse_file(release)))} as {DATABASE} (read_only)")
            con.execute(f"use {DATABASE}")
            book = read_book(con, DATABASE)
        except duckdb.Error as error:
            raise Damaged(f"warehouse cannot be read: {error}", where=str(release), todo="Run 'beeld check'") from error
        yield Job(con, book, release, folder, say)
