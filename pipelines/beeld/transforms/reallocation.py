"""Counts of an older division divided over the areas of the newest one by addresses, where a matrix of addresses is supplied.

    transforms/omzetting/*.csv   van_code,naar_code,van_jaar,naar_jaar,adressen: addresses of an old area that lie in a new one
    $BEELD_HOME/omzetting/*.csv  the same, of this home alone
    werk.verdeeld                (bron, gebiedscode, peiljaar, kolom, waarde, fout): every cell that was computed so

Only counts can be divided: a median, a mean or a percentage of two areas says nothing of a part of one (facts/CBS.md section
13). Such a figure is marked with its error and is never part of a series.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from beeld.errors import UsageError
from beeld.sources.declarations import Source
from beeld.sources.http import safe
from beeld.transforms import codes
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import Catalog, Indicator
from beeld.transforms.formulas import Reference
from beeld.transforms.uncertainty import RELIABLE, Z95

HEADER = ("van_code", "naar_code", "van_jaar", "naar_jaar", "adressen")
MARK = "herverdeeld met adressen"
FOLDER = "omzetting"


@dataclass(frozen=True)
class Part:
    """What an area gets of an old one: `aandeel` of its `adressen`; None where the old area has no address to divide by."""

    van: str
    aandeel: float | None
    adressen: int


@dataclass(frozen=True)
class Matrix:
    """How the addresses of one division lie in another: area of the new division -> its parts of old areas."""

    van_jaar: int
    naar_jaar: int
    delen: Mapping[str, tuple[Part, ...]]

    @property
    def sources(self) -> frozenset[str]:
        """Every old area that the matrix divides."""
        return frozenset(part.van for parts in self.delen.values() for part in parts)


@dataclass(frozen=True)
class Divided:
    """The count of a new area and its standard error; both None where a part of it is not known."""

    waarde: float | None
    fout: float | None


def make_matrix(van_jaar: int, naar_jaar: int, addresses: Iterable[tuple[str, str, int]], where: str = "") -> Matrix:
    """A matrix from (old area, new area, addresses); UsageError for a pair that stands twice, two kinds, or a number below 0."""
    pairs: dict[tuple[str, str], int] = {}
    totals: dict[str, int] = defaultdict(int)
    targets: dict[str, int] = defaultdict(int)
    for old, new, number in addresses:
        if (old, new) in pairs:
            raise UsageError(f"{old} to {new} stands twice", where=where, todo="Mend the file")
        if number < 0 or codes.kind(old) != codes.kind(new):
            raise UsageError(f"{old} to {new}: {number} addresses cannot be", where=where, todo="Mend the file")
        pairs[(old, new)] = number
        totals[old] += number
        targets[old] += 1
    parts: dict[str, list[Part]] = defaultdict(list)
    for (old, new), number in sorted(pairs.items()):
        share = number / totals[old] if totals[old] else 1.0 if targets[old] == 1 else None
        parts[new].append(Part(old, share, totals[old]))
    return Matrix(van_jaar, naar_jaar, {new: tuple(found) for new, found in parts.items()})


def reallocate(counts: Mapping[str, float | None], matrix: Matrix) -> dict[str, Divided]:
    """The counts of old areas as counts of new ones, in proportion to addresses; what is divided adds up to what was there.

    A new area with a part that is not known (None, or not in `counts`) is not known either. The standard error treats the
    units as independent, or, where there are more units than addresses, the addresses with equally many units each:
    sum n * max(1, n / a) * p * (1 - p), for n units on a addresses of which a share p goes here. It does not know that people
    differ between one end of an old area and the other. UsageError for an old area that the matrix does not divide.
    """
    if strange := sorted(set(counts) - matrix.sources):
        raise UsageError(f"the address matrix says nothing of {', '.join(strange[:5])}", todo="Add these areas to it")
    return {new: _combine(parts, counts) for new, parts in matrix.delen.items()}


def _combine(parts: Sequence[Part], counts: Mapping[str, float | None]) -> Divided:
    shares: list[float] = []
    variances: list[float] = []
    for part in parts:
        if part.aandeel == 0:
            continue
        count = counts.get(part.van)
        if count is None or (part.aandeel is None and count):
            return Divided(None, None)
        if count < 0:
            raise ValueError(f"{part.van} has {count}: a count is never below zero")
        share = part.aandeel or 0.0
        crowding = max(1.0, count / part.adressen) if part.adressen else 1.0
        shares.append(count * share)
        variances.append(count * crowding * share * (1.0 - share))
    return Divided(math.fsum(shares), math.sqrt(math.fsum(variances)))


def matrix_files(home: Path) -> list[Path]:
    """The address matrices of one home, by name; they are an input of every release that is made there."""
    return sorted((home / FOLDER).glob("*.csv"))


def matrices_of(project: Path, home: Path) -> list[Matrix]:
    """The matrices of the project and of a home; a pair of areas that stands in both is refused, because one would win unseen."""
    return _matrices([*sorted((project / "transforms" / FOLDER).glob("*.csv")), *matrix_files(home)], FOLDER)


def read_matrices(folder: Path) -> list[Matrix]:
    """Every matrix of a folder, one per pair of years, in order; none when there is no folder. UsageError names file and line."""
    return _matrices(sorted(folder.glob("*.csv")), str(folder))


def _matrices(paths: Sequence[Path], where: str) -> list[Matrix]:
    found: dict[tuple[int, int], list[tuple[str, str, int]]] = defaultdict(list)
    for path in paths:
        try:
            for years, pair in _read_file(path):
                found[years].append(pair)
        except (csv.Error, UnicodeDecodeError, OSError) as error:
            raise UsageError(f"not readable as CSV: {error}", where=str(path), todo="Mend the file") from error
    return [make_matrix(*years, pairs, where) for years, pairs in sorted(found.items())]


def _read_file(path: Path) -> Iterator[tuple[tuple[int, int], tuple[str, str, int]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        if tuple(reader.fieldnames or ()) != HEADER:
            raise UsageError(f"the columns must be {','.join(HEADER)}", where=str(path), todo="Mend the file")
        for row in reader:
            yield _read_row(row, f"{path} line {reader.line_num}")


def _read_row(row: Mapping[str, Any], where: str) -> tuple[tuple[int, int], tuple[str, str, int]]:
    old, new = (codes.normalise(str(row[name] or "")) for name in ("van_code", "naar_code"))
    numbers = [str(row[name] or "").strip() for name in ("van_jaar", "naar_jaar", "adressen")]
    if old is None or new is None or None in row or not all(text.isascii() and text.isdigit() for text in numbers):
        raise UsageError(
            f"not two codes, two years and a number: {safe(str(list(row.values())))}", where=where, todo="Mend the file"
        )
    first, last, addresses = (int(text) for text in numbers)
    return (first, last), (old, new, addresses)


def count_columns(source: Source) -> list[str]:
    """The columns of a source that are counts: those that are declared as such, and those that CBS rounds."""
    return [name for name, column in source.kolommen.items() if column.telbaar]


def divide_counts(con: duckdb.DuckDBPyConnection, sources: Iterable[Source], newest: int, matrices: Sequence[Matrix]) -> int:
    """Fill the counts of areas in `werk.<bron>` that no row of an older division could join; returns the number of rows.

    Such a row keeps `gekoppeld` false and its reason, which is what columns that are no counts then give; `aanwezig` becomes
    true, and `werk.verdeeld` holds what was filled in.
    """
    con.execute(
        """create or replace table werk.verdeeld (
          bron varchar, gebiedscode varchar, peiljaar integer, kolom varchar, waarde double, fout double)"""
    )
    filled = 0
    for source in sources if matrices else ():
        columns = count_columns(source)
        tables = con.execute(
            f"""select distinct tabel, peiljaar, indeling_jaar from werk."{source.bron}" where not gekoppeld order by all"""
        ).fetchall()
        for table, year, division in tables if columns else ():
            for matrix in matrices:
                if (matrix.van_jaar, matrix.naar_jaar) == (division, newest):
                    filled += _fill(con, source, matrix, (table, year), columns)
    return filled


def _fill(con: duckdb.DuckDBPyConnection, source: Source, matrix: Matrix, piece: tuple[str, int], columns: Sequence[str]) -> int:
    cells = ", ".join(f'"{name}"' for name in columns)
    rows = con.execute(
        f"""select gebiedscode, {cells} from basis."{source.bron}"
        where tabel = ? and peiljaar = ? and gebiedscode in (select unnest(?)) order by gebiedscode""",
        [*piece, sorted(matrix.sources)],
    ).fetchall()
    delivered = {row[0] for row in rows}
    open_areas = con.execute(
        f"""select gebiedscode from werk."{source.bron}"
        where tabel = ? and peiljaar = ? and not gekoppeld and gebiedscode in (select unnest(?)) order by gebiedscode""",
        [*piece, sorted(matrix.delen)],
    ).fetchall()
    wanted = [code for (code,) in open_areas if any(part.van in delivered for part in matrix.delen[code])]
    divided = [reallocate({row[0]: row[number] for row in rows}, matrix) for number in range(1, len(columns) + 1)]
    new: dict[str, tuple[Kind, list[Any]]] = {"gebiedscode": ("text", wanted)}
    for name, counts in zip(columns, divided, strict=True):
        new[name] = ("double", [counts[code].waarde for code in wanted])
        new[f"{name}_fout"] = ("double", [counts[code].fout for code in wanted])
    with registered(con, "verdeling", new):
        _store(con, source, piece, columns)
    return len(wanted)


def _store(con: duckdb.DuckDBPyConnection, source: Source, piece: tuple[str, int], columns: Sequence[str]) -> None:
    changes = ", ".join(
        f'"{name}" = v."{name}", "{name}_status" = case when v."{name}" is null then \'onbekend\' else \'ok\' end'
        for name in columns
    )
    con.execute(
        f"""update werk."{source.bron}" as w set aanwezig = true, kanttekening = ?, {changes}
        from verdeling as v where w.gebiedscode = v.gebiedscode and w.tabel = ? and w.peiljaar = ?""",
        [MARK, *piece],
    )
    for name in columns:
        con.execute(
            f"""insert into werk.verdeeld
            select ?, gebiedscode, ?, ?, "{name}", "{name}_fout" from verdeling
            where "{name}" is not null order by gebiedscode""",
            [source.bron, piece[1], name],
        )


def mark_values(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> int:
    """Every figure in `waarde` that was made of divided counts says so, with its error; returns how many there are.

    The error widens the interval, and a figure whose error is a fifth of it or more is not reliable.
    """
    rows = con.execute("select bron, kolom, gebiedscode, peiljaar, fout from werk.verdeeld where fout > 0").fetchall()
    errors = {(Reference(bron, column), code, year): error for bron, column, code, year, error in rows}
    places = sorted({(code, year) for _, code, year in errors})
    keys: dict[str, tuple[Kind, list[Any]]] = {
        "gebiedscode": ("text", [code for code, _ in places]),
        "peiljaar": ("integer", [year for _, year in places]),
    }
    with registered(con, "plaatsen", keys):
        figures = con.execute(
            """select indicator, gebiedscode, peiljaar, waarde, noemer from waarde join plaatsen using (gebiedscode, peiljaar)
            where status = 'ok' order by all"""
        ).fetchall()
    marked: list[tuple[str, str, int, float, str]] = []
    for name, code, year, value, denominator in figures:
        indicator = catalog.indicators[name]
        error = _error_of(indicator, value, denominator, lambda reference, at=(code, year): errors.get((reference, *at), 0.0))
        if error:
            text = f"{error:.{max(indicator.decimalen, 1)}f}".replace(".", ",")
            marked.append((name, code, year, error, f"{MARK}, fout ±{text}"))
    _write_marks(con, catalog, marked)
    return len(marked)


def _error_of(indicator: Indicator, value: float, denominator: float | None, error: Callable[[Reference], float]) -> float:
    """Standard error of a figure from those of its columns, as if they were independent, in the unit of the figure."""
    formula = indicator.parsed
    top = math.fsum(error(reference) ** 2 for reference in formula.teller.references)
    if formula.noemer is None:
        return math.sqrt(top)
    if not denominator:
        return 0.0
    bottom = math.fsum(error(reference) ** 2 for reference in formula.noemer.references)
    return math.sqrt(formula.factor**2 * top + value**2 * bottom) / denominator


def _write_marks(con: duckdb.DuckDBPyConnection, catalog: Catalog, marked: Sequence[tuple[str, str, int, float, str]]) -> None:
    ranges = [catalog.indicators[name].bereik or (None, None) for name, *_ in marked]
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "indicator": ("text", [row[0] for row in marked]),
        "gebiedscode": ("text", [row[1] for row in marked]),
        "peiljaar": ("integer", [row[2] for row in marked]),
        "fout": ("double", [row[3] for row in marked]),
        "merk": ("text", [row[4] for row in marked]),
        "laagst": ("double", [low for low, _ in ranges]),
        "hoogst": ("double", [high for _, high in ranges]),
    }
    with registered(con, "merken", columns):
        con.execute(
            """update waarde set reden = m.merk,
              betrouwbaar = case when m.fout >= $reliable * abs(waarde.waarde) then false else betrouwbaar end,
              ondergrens = case when ondergrens is not null then
                greatest(m.laagst, waarde.waarde - sqrt(power(waarde.waarde - ondergrens, 2) + power($z * m.fout, 2))) end,
              bovengrens = case when bovengrens is not null then
                least(m.hoogst, waarde.waarde + sqrt(power(bovengrens - waarde.waarde, 2) + power($z * m.fout, 2))) end
            from merken as m
            where waarde.indicator = m.indicator and waarde.gebiedscode = m.gebiedscode and waarde.peiljaar = m.peiljaar""",
            {"reliable": RELIABLE, "z": Z95},
        )
