"""Look a published release over: hashes, schema, and the outcome of its own checks."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from beeld.warehouse.query import plain
from beeld.warehouse.read import open_warehouse, warehouse_file
from beeld.warehouse.release import damage, read_manifest

COLUMNS = ("controle", "bron", "onderwerp", "ernst", "geslaagd", "aantal", "toelichting")


def inspect_release(folder: Path, project: Path) -> list[dict[str, Any]]:
    """Rows like those of `controle`: one per damaged file (or one for all), one for the schema, and the release's own."""
    broken = damage(folder)
    rows = [_row(f"bestand_{number}", name, False, "bestand ontbreekt of is gewijzigd") for number, name in enumerate(broken)]
    if not broken:
        count = len(read_manifest(folder)["bestanden"])
        rows.append(_row("bestand_alle", folder.name, True, f"{count} bestanden zijn zoals bij publicatie"))
    if f"{folder.name}.duckdb" in broken:
        return rows
    with closing(open_warehouse(warehouse_file(folder))) as con:
        missing = sorted(_schema_of_project(project) - _columns(con))
        rows.append(
            _row(
                "schema",
                ", ".join(missing) or "alle tabellen",
                not missing,
                "elke tabel en kolom van het contract bestaat",
            )
        )
        own = con.execute(f"select {', '.join(COLUMNS)} from controle order by controle").fetchall()
    return [*rows, *(dict(zip(COLUMNS, (plain(cell) for cell in row), strict=True)) for row in own)]


def _row(name: str, subject: str, passed: bool, explanation: str) -> dict[str, Any]:
    return dict(zip(COLUMNS, (name, "release", subject, "fout", passed, 0 if passed else 1, explanation), strict=True))


def _schema_of_project(project: Path) -> set[str]:
    with closing(duckdb.connect(":memory:")) as con:
        con.execute((project / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
        return _columns(con)


def _columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    rows = con.execute(
        "select table_name, column_name from duckdb_columns() where not internal and schema_name = 'main'"
    ).fetchall()
    return {f"{table}.{column}" for table, column in rows}
