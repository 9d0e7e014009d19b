"""Declared repairs of known errors of a source (`sources/correcties.yaml`), each with a guard: once the source mends its error
the correction matches nothing and says so.

    basis.correctie: id, bron, tabel, kolom, cellen, geslaagd, toelichting      one row per correction whose table was delivered
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import duckdb
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from beeld.errors import UsageError
from beeld.sources.declarations import Source
from beeld.sources.declaring import AreaCode, Declaration, Identifier, TableName, read_yaml

Missing = Literal["onbekend", "geheim", "niet_van_toepassing", "niet_geleverd"]


class Correction(Declaration):
    """Cells of one column that hold a value known to be wrong, and what they become: a number, or a status without a value."""

    id: Identifier
    bron: Identifier
    tabel: TableName
    kolom: Identifier
    als: float
    """The wrong value exactly as delivered; other cells are left alone."""
    gebieden: tuple[AreaCode, ...] = ()
    """Only in these areas; empty: wherever the value stands."""
    peiljaar: int | None = None
    wordt: float | Missing
    reden: Annotated[str, Field(min_length=10)]
    """Why, with the source of that knowledge, in Dutch: it is printed."""

    @model_validator(mode="after")
    def _changes_something(self) -> Correction:
        if self.wordt == self.als:
            raise ValueError("changes nothing")
        return self


def load_corrections(path: Path, sources: Mapping[str, Source]) -> tuple[Correction, ...]:
    """The corrections in `path`, none where the file is absent; UsageError when one names a column that is not declared."""
    if not path.is_file():
        return ()
    try:
        found = TypeAdapter(tuple[Correction, ...]).validate_python(read_yaml(path) or [])
    except ValidationError as error:
        raise UsageError(f"corrections cannot be read: {error}", where=str(path), todo="Mend the file") from error
    if twice := sorted({c.id for c in found if sum(other.id == c.id for other in found) > 1}):
        raise UsageError(f"correction {', '.join(twice)} stands twice", where=str(path), todo="Rename one")
    for correction in found:
        _refuse_unknown(correction, sources, path)
    return found


def _refuse_unknown(correction: Correction, sources: Mapping[str, Source], path: Path) -> None:
    where = f"{path}: {correction.id}"
    source = sources.get(correction.bron)
    if source is None or correction.tabel not in {table.tabel for table in source.tabellen}:
        raise UsageError(f"table {correction.bron} {correction.tabel} is not declared", where=where, todo="Mend the entry")
    column = source.kolommen.get(correction.kolom)
    if column is None or column.soort != "getal":
        raise UsageError(
            f"source {correction.bron} has no number column '{correction.kolom}'", where=where, todo="Mend the entry"
        )


def apply_corrections(con: duckdb.DuckDBPyConnection, source: Source, corrections: Sequence[Correction]) -> int:
    """Apply the corrections of one staged source to `basis.<bron>`; returns how many cells changed.

    Each correction whose table was delivered leaves a row in `basis.correctie`; `geslaagd` is false when it matched nothing.
    """
    con.execute(
        "create table if not exists basis.correctie "
        "(id varchar, bron varchar, tabel varchar, kolom varchar, cellen bigint, geslaagd boolean, toelichting varchar)"
    )
    total = 0
    for correction in corrections:
        if correction.bron == source.bron and _delivered(con, correction):
            cells = _apply(con, correction)
            total += cells
            said = correction.reden if cells else f"Niets te corrigeren: de bron lijkt hersteld. {correction.reden}"
            con.execute(
                "insert into basis.correctie values (?, ?, ?, ?, ?, ?, ?)",
                [correction.id, correction.bron, correction.tabel, correction.kolom, cells, cells > 0, said],
            )
    return total


def _delivered(con: duckdb.DuckDBPyConnection, correction: Correction) -> bool:
    """True when the table has rows of the year in question."""
    row = con.execute(
        f'select count(*) from basis."{correction.bron}" where tabel = $tabel and peiljaar = coalesce($jaar, peiljaar)',
        {"tabel": correction.tabel, "jaar": correction.peiljaar},
    ).fetchone()
    return bool(row and row[0])


def _apply(con: duckdb.DuckDBPyConnection, correction: Correction) -> int:
    column = correction.kolom
    number = correction.wordt if isinstance(correction.wordt, float) else None
    status = "ok" if isinstance(correction.wordt, float) else correction.wordt
    changed = con.execute(
        f"""update basis."{correction.bron}" set "{column}" = $waarde, "{column}_status" = $status
        where tabel = $tabel and "{column}" = $als and peiljaar = coalesce($jaar, peiljaar)
          and (len($gebieden) = 0 or list_contains($gebieden, gebiedscode))""",
        {
            "waarde": number,
            "status": status,
            "tabel": correction.tabel,
            "als": correction.als,
            "jaar": correction.peiljaar,
            "gebieden": list(correction.gebieden),
        },
    ).fetchone()
    return int(changed[0]) if changed else 0
