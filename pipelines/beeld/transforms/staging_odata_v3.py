"""From archived OData v3 pages to pieces of `basis.<bron>`: canonical codes, one status per cell.

Cells become statuses as CONTRACT.md says: Untyped `.` onbekend, `x` geheim, `-` 0, empty niet_van_toepassing; Typed null
onbekend; a topic that is empty for every area of a year niet_geleverd, and so is a topic that the table does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from beeld.errors import SourceChanged
from beeld.sources import odata_v3
from beeld.sources.archive import Snapshot
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.http import safe
from beeld.transforms.arrow import Kind, WrongType, registered
from beeld.transforms.basis import Staged, append, mark_undelivered, register_names
from beeld.transforms.codes import normalise

VALID_SHARE = 0.995
"""Share of region codes that must be codes (RELIABILITY.md F32)."""


@dataclass(frozen=True)
class Piece:
    """The columns that share one selection of dimension members, with their raw cells."""

    selection: Mapping[str, str]
    columns: tuple[str, ...]


def stage(con: duckdb.DuckDBPyConnection, source: Source, table: Table, snapshot: Snapshot, year_from: int) -> Staged:
    """Add one snapshot to `basis.<bron>`; peiljaren before `year_from` are left out.

    Raises SourceChanged when codes are not codes, rows repeat, or a cell is neither a number nor a known sign for missing.
    """
    where = f"{source.bron} {table.tabel}"
    layout = odata_v3.read_layout(snapshot, source, table)
    untyped = odata_v3.data_set_of(snapshot) == odata_v3.UNTYPED
    pieces = _pieces(source, layout)
    raw = _collect(snapshot, table, layout, pieces, untyped, where)
    for number, (piece, cells) in enumerate(zip(pieces, raw, strict=True)):
        _parse(con, number, source, layout, piece, cells, untyped=untyped, where=where)
    _register_names(con, snapshot, layout)
    years, rows = append(con, source, table, layout.columns, len(pieces), typed=not untyped, year_from=year_from, where=where)
    mark_undelivered(con, source, table, layout.columns, "niet_van_toepassing" if untyped else "onbekend")
    return Staged(source, table, snapshot, layout, years, rows)


def _pieces(source: Source, layout: Layout) -> list[Piece]:
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in layout.columns:
        selection = {**source.dimensies, **source.kolommen[name].dimensies}
        groups.setdefault(tuple(sorted(selection.items())), []).append(name)
    return [Piece(dict(selection), tuple(names)) for selection, names in groups.items()]


def _collect(
    snapshot: Snapshot, table: Table, layout: Layout, pieces: Sequence[Piece], untyped: bool, where: str
) -> list[dict[str, list[Any]]]:
    """Per piece the raw cells as lists: `gebiedscode`, `peiljaar`, and one list per declared column."""
    stored: list[dict[str, list[Any]]] = [
        {"gebiedscode": [], "peiljaar": [], **{name: [] for name in piece.columns}} for piece in pieces
    ]
    total = refused = 0
    codes: dict[str, str | None] = {}
    for rows in odata_v3.read_rows(snapshot, odata_v3.UNTYPED if untyped else odata_v3.TYPED):
        total += len(rows)
        for row in rows:
            year = _year(row, table, layout)
            text = row[layout.region]
            code = codes[text] if text in codes else codes.setdefault(text, normalise(str(text)))
            if code is None:
                refused += 1
            if year is None or code is None:
                continue
            for piece, cells in zip(pieces, stored, strict=True):
                if any(row[dimension].strip() != member for dimension, member in piece.selection.items()):
                    continue
                cells["gebiedscode"].append(code)
                cells["peiljaar"].append(year)
                for name in piece.columns:
                    cells[name].append(row[layout.columns[name]])
    if total == 0 or refused > total * (1 - VALID_SHARE):
        raise SourceChanged(f"{refused} of {total} rows have no known region code in {layout.region}", where=where)
    return stored


def _year(row: Mapping[str, Any], table: Table, layout: Layout) -> int | None:
    if layout.time is None:
        return table.peiljaar
    annual = odata_v3.ANNUAL.match(str(row[layout.time]).strip())
    return int(annual.group(1)) if annual else None


def _parse(
    con: duckdb.DuckDBPyConnection,
    number: int,
    source: Source,
    layout: Layout,
    piece: Piece,
    cells: Mapping[str, list[Any]],
    *,
    untyped: bool,
    where: str,
) -> None:
    """Temp table `stuk_<number>`: the piece with values and statuses; SourceChanged for a cell that is neither."""
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "gebiedscode": ("text", cells["gebiedscode"]),
        "peiljaar": ("integer", cells["peiljaar"]),
    }
    for name in piece.columns:
        columns[name] = ("text" if untyped or source.kolommen[name].soort == "tekst" else "double", cells[name])
    parsed = ", ".join(_cell_sql(name, source.kolommen[name].soort, untyped) for name in piece.columns)
    try:
        with registered(con, "ruw_stuk", columns):
            con.execute(f"create or replace temp table stuk_{number} as select gebiedscode, peiljaar, {parsed} from ruw_stuk")
            if untyped:
                _refuse_text(con, source, layout, piece, where)
    except WrongType as error:
        key = layout.columns.get(error.column, error.column)
        raise SourceChanged(f"column {key} ({error.column}) changed its type: {error}", where=where) from error
    twice = con.execute(
        f"select gebiedscode, peiljaar from stuk_{number} group by all having count(*) > 1 order by all limit 1"
    ).fetchone()
    if twice:
        raise SourceChanged(f"delivers {twice[0]} {twice[1]} more than once", where=where)


def _refuse_text(con: duckdb.DuckDBPyConnection, source: Source, layout: Layout, piece: Piece, where: str) -> None:
    """SourceChanged for a number cell that is neither a number nor a known sign for missing (a decimal comma, say)."""
    for name in piece.columns:
        if source.kolommen[name].soort == "tekst":
            continue
        wrong = con.execute(
            f"""select trim("{name}") from ruw_stuk
            where not regexp_full_match(trim("{name}"), ?) and trim("{name}") not in ('.', '-', 'x', '') limit 1""",
            [odata_v3.NUMBER],
        ).fetchone()
        if wrong:
            raise SourceChanged(
                f"column {layout.columns[name]} ({name}) holds '{safe(wrong[0])}', which is no number", where=where
            )


def _cell_sql(name: str, kind: str, untyped: bool) -> str:
    cell = f'"{name}"'
    text = f"trim({cell})"
    if kind == "tekst":
        return f"case when {text} in ('', '.') then null else {text} end as {cell}"
    if not untyped:
        return f"{cell}, case when {cell} is null then 'onbekend' else 'ok' end as \"{name}_status\""
    number = f"regexp_full_match({text}, '{odata_v3.NUMBER}')"
    return (
        f"case when {text} = '-' then 0.0 when {number} then {text}::double end as {cell}, "
        f"case when {text} = '-' or {number} then 'ok' when {text} = '.' then 'onbekend' when {text} = 'x' then 'geheim' "
        f"when {text} is null or {text} = '' then 'niet_van_toepassing' else 'ongeldig' end as \"{name}_status\""
    )


def _register_names(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, layout: Layout) -> None:
    """The names of the areas and the provisional years, from the dimension tables."""
    titles: dict[str, str] = {}
    for page in odata_v3.read_rows(snapshot, layout.region):
        for row in page:
            code = normalise(str(row.get("Key") or ""))
            if code:
                titles[code] = " ".join(str(row.get("Title") or "").split()) or code
    years = [
        int(match.group(1))
        for page in (odata_v3.read_rows(snapshot, layout.time) if layout.time else ())
        for row in page
        if (match := odata_v3.ANNUAL.match(str(row.get("Key") or "").strip()))
        and row.get("Status") not in ("Definitief", None, "")
    ]
    register_names(con, titles, years)
