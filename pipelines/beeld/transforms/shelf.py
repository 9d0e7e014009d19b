"""Deliveries that this run staged before: a delivery is staged once, to be judged, and its cells are kept for the build.

    bouw/gestaged/<name>/   a delivery that is being fetched or was staged: its cells as they came, or `rijen.parquet`, its rows
                            in `basis.<bron>`, every peiljaar, delivered columns only

What is kept serves the process that staged it and no other, so declarations and code are the same when it is taken; a build that
finds nothing on the shelf stages the delivery itself and gets the same cells.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import duckdb

from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.members import Names
from beeld.sources.sql import literal
from beeld.transforms.basis import MISSING, Parsed, Staged, adding, finished, rows_sql
from beeld.transforms.staging_odata_v3 import Reading, receive

FIXED = ("tabel", "gebiedscode", "naam", "peiljaar", "indeling_jaar", "voorlopig", "getypeerd")


@dataclass(frozen=True)
class Kept:
    """One delivery on the shelf: how it was laid out, its rows as SQL, and the file that this reads, alone in its folder."""

    source: Source
    layout: Layout
    relation: str
    path: Path


class Shelf:
    """The staged deliveries of one run, by source, table and snapshot. Several threads may put deliveries on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[tuple[str, str, str], Kept] = {}
        self._coming: dict[tuple[str, str], Reading] = {}

    def clear(self) -> None:
        """Nothing is on the shelf any more, nor on disk: what was judged and then not used is of no use to a later run."""
        self._kept.clear()
        self._coming.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def receive(self, source: Source, table: Table, layout: Layout, untyped: bool, names: Names) -> Reading | None:
        """Who takes the cells of an OData v3 table while it is fetched, in the place of an earlier try; None: no figures."""
        if not source.figures:
            return None
        earlier = self._coming.pop((source.bron, table.tabel), None)
        if earlier is not None:
            shutil.rmtree(earlier.folder, ignore_errors=True)
        reading = self._coming[source.bron, table.tabel] = receive(source, table, layout, untyped, names, self._new_folder())
        return reading

    @contextmanager
    def received(self, source: Source, table: Table) -> Generator[Reading | None]:
        """What was received of a table that has been fetched, for this once; None when it is not all of it."""
        reading = self._coming.pop((source.bron, table.tabel), None)
        try:
            yield None if reading is None or reading.broken else reading
        finally:
            if reading is not None and reading.folder not in {kept.path.parent for kept in self._kept.values()}:
                shutil.rmtree(reading.folder, ignore_errors=True)

    def _new_folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return Path(mkdtemp(dir=self._folder))

    def put(
        self, con: duckdb.DuckDBPyConnection, parsed: Parsed, layout: Layout, snapshot: Snapshot, received: Reading | None = None
    ) -> Kept:
        """Keep the rows of a delivery that is parsed in `con`; nothing of it is in memory after that.

        Cells that were `received` and need no more than to be read stay as they came; all else is written anew.
        """
        columns = ", ".join(f'"{name}"' for name in (*FIXED, *_cells(parsed.source, layout)))
        rows = f"select {columns} from ({rows_sql(con, parsed, 0)})"
        if received is not None and parsed.lasting is not None:
            (piece,) = received.pieces
            path, relation = piece.rows.path, f"(with stuk_0 as ({parsed.lasting}) {rows})"
        else:
            path = self._new_folder() / "rijen.parquet"
            relation = f"read_parquet({literal(str(path))})"
            con.execute(f"copy ({rows}) to {literal(str(path))} (format parquet, compression lz4_raw, row_group_size 2048)")
        kept = Kept(parsed.source, layout, relation, path)
        self._kept[parsed.source.bron, parsed.table.tabel, snapshot.sha256] = kept
        return kept

    def take(
        self, con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int
    ) -> Staged | None:
        """Add a kept delivery to `basis.<bron>`, peiljaren from `year_from` on, and take it off; None when it is not there.

        SourceChanged when an area and year stand in two tables of one source.
        """
        kept = self._kept.pop((source.bron, table.tabel, snapshot.sha256), None)
        if kept is None or not kept.path.is_file():
            return None
        delivered = set(_cells(kept.source, kept.layout))
        columns: list[str] = []
        for name, column in source.kolommen.items():
            columns.append(f'"{name}"' if name in delivered else "null")
            if column.soort == "getal":
                columns.append(f'"{name}_status"' if name in delivered else MISSING)
        with adding(con):
            con.execute(
                f"""insert into basis."{source.bron}" select {", ".join(FIXED)}, {", ".join(columns)}
                from {kept.relation} where peiljaar >= {int(year_from)}"""
            )
        shutil.rmtree(kept.path.parent)
        years, rows = finished(con, source, table, f"{source.bron} {table.tabel}")
        return Staged(kept.source, table, snapshot, kept.layout, years, rows)


def _cells(source: Source, layout: Layout) -> Iterator[str]:
    """The columns of `basis.<bron>` that a delivery fills, declared sums included, each number with its status."""
    present = {*layout.columns, *layout.sums}
    for name, column in source.kolommen.items():
        if name in present:
            yield name
            if column.soort == "getal":
                yield f"{name}_status"
