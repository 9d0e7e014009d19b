"""Deliveries that this run staged before: a delivery is staged once, to be judged, and its cells are kept for the build.

    bouw/gestaged/<bron>-<tabel>.parquet   the rows of the table in `basis.<bron>`, every peiljaar, delivered columns only

What is kept serves the process that staged it and no other, so declarations and code are the same when it is taken; a build that
finds nothing on the shelf stages the delivery itself and gets the same cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.transforms.basis import Staged, finished, one_thread

FIXED = ("tabel", "gebiedscode", "naam", "peiljaar", "indeling_jaar", "voorlopig", "getypeerd")


@dataclass(frozen=True)
class Kept:
    """One staged delivery on the shelf."""

    staged: Staged
    path: Path


class Shelf:
    """The staged deliveries of one run, by source, table and snapshot. Several threads may put deliveries on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[tuple[str, str, str], Kept] = {}

    def put(self, con: duckdb.DuckDBPyConnection, staged: Staged) -> None:
        """Keep the rows that a delivery has in `basis.<bron>` of `con`."""
        source, table = staged.source, staged.table
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{source.bron}-{table.tabel}.parquet"
        columns = ", ".join(f'"{name}"' for name in (*FIXED, *_cells(staged)))
        con.execute(
            f"""copy (select {columns} from basis."{source.bron}" where tabel = $tabel order by gebiedscode, peiljaar)
            to '{str(path).replace("'", "''")}' (format parquet, compression zstd)""",
            {"tabel": table.tabel},
        )
        self._kept[source.bron, table.tabel, staged.snapshot.sha256] = Kept(staged, path)

    def take(
        self, con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int
    ) -> Staged | None:
        """Add a kept delivery to `basis.<bron>`, peiljaren from `year_from` on, and take it off; None when it is not there.

        SourceChanged when an area and year stand in two tables of one source.
        """
        kept = self._kept.pop((source.bron, table.tabel, snapshot.sha256), None)
        if kept is None or not kept.path.is_file():
            return None
        delivered = set(_cells(kept.staged))
        columns: list[str] = []
        for name, column in source.kolommen.items():
            columns.append(f'"{name}"' if name in delivered else "null")
            if column.soort == "getal":
                columns.append(f'"{name}_status"' if name in delivered else "'niet_geleverd'")
        with one_thread(con):
            con.execute(
                f"""insert into basis."{source.bron}" select {", ".join(FIXED)}, {", ".join(columns)}
                from read_parquet(?) where peiljaar >= ?""",
                [str(kept.path), year_from],
            )
        kept.path.unlink()
        years, rows = finished(con, source, table, f"{source.bron} {table.tabel}")
        return Staged(source, table, snapshot, kept.staged.layout, years, rows)


def _cells(staged: Staged) -> Iterator[str]:
    """The columns of `basis.<bron>` that the delivery fills, declared sums included, each number with its status."""
    present = {*staged.layout.columns, *staged.layout.sums}
    for name, column in staged.source.kolommen.items():
        if name in present:
            yield name
            if column.soort == "getal":
                yield f"{name}_status"
