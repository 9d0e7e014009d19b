"""Declared repairs of known errors of a source (`sources/correcties.yaml`), each with a guard: once the source mends its error
the correction matches nothing and says so.

    basis.correctie: id, bron, tabel, kolom, cellen, geslaagd, toelichting      one row per correction whose table was delivered
    basis.correctie_cel: id, bron, tabel, kolom, gebiedscode, peiljaar, ...     one row per corrected cell, `kolom` as delivered
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import duckdb
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from beeld.errors import UsageError
from beeld.sources.declarations import Source
from beeld.sources.declaring import AreaCode, Declaration, Identifier, TableName, read_yaml

if TYPE_CHECKING:  # Dagster loads the catalogue without an HTTP client, which staging brings
    from beeld.transforms.basis import Staged

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


def apply_corrections(
    con: duckdb.DuckDBPyConnection, source: Source, corrections: Sequence[Correction], staged: Sequence[Staged] = ()
) -> int:
    """Apply the corrections of one staged source to `basis.<bron>`; returns how many cells changed.

    Each correction whose table was delivered leaves a row in `basis.correctie`; `geslaagd` is false when it matched nothing. Each
    cell that it touches leaves a row in `basis.correctie_cel`. `staged` gives the names of columns as the source writes them.
    """
    con.execute(
        "create table if not exists basis.correctie "
        "(id varchar, bron varchar, tabel varchar, kolom varchar, cellen bigint, geslaagd boolean, toelichting varchar)"
    )
    con.execute(
        "create table if not exists basis.correctie_cel (id varchar, bron varchar, tabel varchar, kolom varchar, "
        "gebiedscode varchar, peiljaar integer, oude_waarde double, nieuwe_waarde double, nieuwe_status varchar, reden varchar)"
    )
    total = 0
    for correction in corrections:
        if correction.bron == source.bron and _delivered(con, correction):
            cells = _apply(con, correction, _raw_column(correction, staged))
            total += cells
            said = correction.reden if cells else f"Niets te corrigeren: de bron lijkt hersteld. {correction.reden}"
            con.execute(
                "insert into basis.correctie values (?, ?, ?, ?, ?, ?, ?)",
                [correction.id, correction.bron, correction.tabel, correction.kolom, cells, cells > 0, said],
            )
    return total


def _raw_column(correction: Correction, staged: Sequence[Staged]) -> str:
    """The column as `waarde.bron_kolom` writes it: the keys of the source, else the declared name."""
    layouts = [piece.layout for piece in staged if piece.table.tabel == correction.tabel]
    return ", ".join(layouts[0].raw(correction.kolom) if layouts else ()) or correction.kolom


def list_corrections(con: duckdb.DuckDBPyConnection, unions: Mapping[str, Sequence[str]]) -> int:
    """`correctie`: every corrected cell under the area of the newest division that it stands for; returns the number of rows.

    `unions`: code of each union -> its buurten; a union in which a buurt was corrected has a row of its own. After `areas.link`.
    """
    con.execute("create table if not exists basis.correctie_cel (id varchar)")
    known = con.execute("select count(*) from basis.correctie_cel").fetchone()
    if not known or not known[0]:
        return 0
    con.execute(
        """insert into correctie
        select c.id, coalesce(r.gebiedscode, c.gebiedscode) as code, c.bron, c.tabel, c.kolom, c.peiljaar,
          min(c.oude_waarde), min(c.nieuwe_waarde), min(c.nieuwe_status), min(c.reden)
        from basis.correctie_cel as c
        left join werk.reeks as r on r.bron = c.bron and r.oude_code = c.gebiedscode and r.peiljaar = c.peiljaar
        group by c.id, code, c.bron, c.tabel, c.kolom, c.peiljaar order by c.id, code, c.peiljaar"""
    )
    for code, members in unions.items():
        con.execute(
            """insert into correctie
            select correctie, $code, any_value(bron), any_value(tabel), any_value(kolom), peiljaar,
              min(oude_waarde), min(nieuwe_waarde), min(nieuwe_status), min(reden)
            from correctie where list_contains($members, gebiedscode) and exists (from gebied where gebiedscode = $code)
            group by correctie, peiljaar order by correctie, peiljaar""",
            {"code": code, "members": list(members)},
        )
    row = con.execute("select count(*) from correctie").fetchone()
    return row[0] if row else 0


def _delivered(con: duckdb.DuckDBPyConnection, correction: Correction) -> bool:
    """True when the table has rows of the year in question."""
    row = con.execute(
        f'select count(*) from basis."{correction.bron}" where tabel = $tabel and peiljaar = coalesce($jaar, peiljaar)',
        {"tabel": correction.tabel, "jaar": correction.peiljaar},
    ).fetchone()
    return bool(row and row[0])


def _apply(con: duckdb.DuckDBPyConnection, correction: Correction, raw: str) -> int:
    column = correction.kolom
    number = correction.wordt if isinstance(correction.wordt, float) else None
    status = "ok" if isinstance(correction.wordt, float) else correction.wordt
    touched = f"""tabel = $tabel and "{column}" = $als and peiljaar = coalesce($jaar, peiljaar)
          and (len($gebieden) = 0 or list_contains($gebieden, gebiedscode))"""
    cells = {
        "tabel": correction.tabel,
        "als": correction.als,
        "jaar": correction.peiljaar,
        "gebieden": list(correction.gebieden),
    }
    become = {"waarde": number, "status": status}
    con.execute(
        f"""insert into basis.correctie_cel
        select $id, $bron, tabel, $kolom, gebiedscode, peiljaar, "{column}", $waarde, $status, $reden
        from basis."{correction.bron}" where {touched}""",
        {**cells, **become, "id": correction.id, "bron": correction.bron, "kolom": raw, "reden": correction.reden},
    )
    changed = con.execute(
        f"""update basis."{correction.bron}" set "{column}" = $waarde, "{column}_status" = $status where {touched}""",
        {**cells, **become},
    ).fetchone()
    return int(changed[0]) if changed else 0
