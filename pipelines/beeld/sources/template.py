"""The drop template for gemeenten without an API: one figure per row, seven columns, checked row by row.

No finding ever holds a cell of the file: it names the row and the column. A missing figure is a word, never an empty cell and
never a zero; counts below SMALL are refused unless they are marked (RELIABILITY.md section P).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from beeld.sources.declaring import AREA
from beeld.sources.disclosure import SMALL, nested, squeezed, told
from beeld.sources.privacy import Grid
from beeld.sources.spreadsheet import Cell

COLUMNS = ("gebiedscode", "peiljaar", "indicator", "waarde", "eenheid", "bron", "n")
"""The template; a file has these columns in any order and no others."""
SIGNS = ("onbekend", "geheim", "te_klein", "niet_van_toepassing")
"""What stands in `waarde` where there is no figure: a status, never an empty cell and never a zero."""
NUMBERS = ("aantal", "personen", "inwoners")
"""How the unit of a count begins."""
FIRST_YEAR = 1980
SHOWN = 20
"""Findings per check that are shown one by one."""
NUMBER = re.compile(r"-?\d{1,15}(?:[.,]\d{1,15})?", re.ASCII)
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True)
class Finding:
    """The outcome of one check on one place; a row in the shape of the table `controle`."""

    controle: str
    bron: str
    onderwerp: str
    ernst: Literal["fout", "waarschuwing"]
    geslaagd: bool
    aantal: int
    toelichting: str


@dataclass(frozen=True)
class Figure:
    """One row of a delivery as read: what could not be read is None, and then a finding says so."""

    row: int
    gebiedscode: str | None
    peiljaar: int | None
    indicator: str | None
    waarde: float | None
    status: str | None
    eenheid: str
    bron: str
    n: int | None


def failed(check: str, subject: str, count: int, text: str, severity: Literal["fout", "waarschuwing"] = "fout") -> Finding:
    """A check that failed on one place."""
    return Finding(check, "aanlevering", subject, severity, False, count, text)


class _Report:
    """Findings per check: the first ones each by themselves, the rest as a number; a check without findings has passed."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Literal["fout", "waarschuwing"]], list[tuple[str, str]]] = {}

    def expect(self, *checks: str) -> None:
        """These checks are made, whatever they find."""
        for check in checks:
            self._found.setdefault((check, "fout"), [])

    def add(self, check: str, place: str, text: str, severity: Literal["fout", "waarschuwing"] = "fout") -> None:
        """One thing that is wrong."""
        self._found.setdefault((check, severity), []).append((place, text))

    def findings(self) -> tuple[Finding, ...]:
        """Everything found, check by check."""
        result: list[Finding] = []
        for (check, severity), places in self._found.items():
            if not places:
                result.append(Finding(check, "aanlevering", "alle rijen", severity, True, 0, "in orde"))
            result += [failed(check, place, 1, text, severity) for place, text in places[:SHOWN]]
            if len(places) > SHOWN:
                rest = len(places) - SHOWN
                result.append(failed(check, "andere rijen", rest, f"nog {rest} keer", severity))
        return tuple(result)


def check_template(grids: Sequence[Grid]) -> tuple[tuple[Finding, ...], tuple[Figure, ...]]:
    """The findings on form and content of a delivery in the drop template, and its figures."""
    report = _Report()
    grid, places = _heading(grids, report)
    if grid is None:
        return report.findings(), ()
    report.expect("kop", *COLUMNS, "dubbel", "kleine_aantallen", "afleidbaar", "decimaalteken")
    rows = [(number, row) for number, row in enumerate(grid.rows[1:], start=2) if any(cell is not None for cell in row)]
    if not rows:
        report.add("kop", "bestand", "er staan geen rijen onder de kop")
    figures = tuple(_figure(number, _cells(row, places, number, report), report) for number, row in rows)
    _check_decimals(rows, places, report)
    _check_units(figures, report)
    _check_keys(figures, report)
    for figure in figures:
        _check_small(figure, report)
    _check_derivable(figures, report)
    return report.findings(), figures


def _heading(grids: Sequence[Grid], report: _Report) -> tuple[Grid | None, dict[str, int]]:
    """The table whose first row is the heading of the template, and the place of each column."""
    with_rows = [grid for grid in grids if any(any(cell is not None for cell in row) for row in grid.rows)]
    if len(with_rows) != 1:
        report.add("kop", "bestand", f"het bestand heeft {len(with_rows)} bladen met gegevens; lever er één")
        return None, {}
    names = [str(cell or "").strip().casefold() for cell in with_rows[0].rows[0]]
    while names and not names[-1]:
        names.pop()
    for name in COLUMNS:
        if names.count(name) != 1:
            report.add("kop", "rij 1", f"kolom {name} ontbreekt of staat er meer dan één keer")
    for number, name in enumerate(names, start=1):
        if name not in COLUMNS:
            report.add("kop", f"rij 1, kolom {number}", f"deze kolom hoort niet in het sjabloon ({', '.join(COLUMNS)})")
    if report.findings():
        return None, {}
    return with_rows[0], {name: names.index(name) for name in COLUMNS}


def _cells(row: Sequence[Cell], places: Mapping[str, int], number: int, report: _Report) -> dict[str, Cell]:
    if any(cell is not None for cell in row[len(places) :]):
        report.add("kop", f"rij {number}", f"de rij heeft meer dan {len(places)} cellen")
    return {name: row[place] if place < len(row) else None for name, place in places.items()}


def _figure(number: int, cells: Mapping[str, Cell], report: _Report) -> Figure:
    def wrong(column: str, text: str) -> None:
        report.add(column, f"rij {number}, kolom {column}", text)

    code = str(cells["gebiedscode"] or "").strip().upper()
    if not AREA.fullmatch(code):
        wrong("gebiedscode", "geen code van een gemeente (GM0000), wijk (WK000000) of buurt (BU00000000)")
    year = _whole(cells["peiljaar"])
    newest = datetime.now(UTC).year
    if year is None or not FIRST_YEAR <= year <= newest:
        wrong("peiljaar", f"geen jaar van {FIRST_YEAR} tot en met {newest}")
    indicator = str(cells["indicator"] or "").strip()
    if not IDENTIFIER.fullmatch(indicator):
        wrong("indicator", "kleine letters, cijfers en _ (te beginnen met een letter), hoogstens 63 tekens")
    value, status = _value(cells["waarde"])
    if status is None:
        wrong("waarde", f"geen getal en geen woord voor een ontbrekend cijfer ({', '.join(SIGNS)})")
    unit, source = str(cells["eenheid"] or "").strip(), str(cells["bron"] or "").strip()
    if not unit or len(unit) > 40:
        wrong("eenheid", "vul een eenheid in van hoogstens 40 tekens, zoals % of aantal")
    if not source or len(source) > 200:
        wrong("bron", "vul in waar het cijfer vandaan komt, in hoogstens 200 tekens")
    count = _whole(cells["n"])
    if cells["n"] is not None and (count is None or count < 0):
        wrong("n", "geen heel getal van nul of meer")
    return Figure(
        number,
        code if AREA.fullmatch(code) else None,
        year,
        indicator if IDENTIFIER.fullmatch(indicator) else None,
        value,
        status,
        unit,
        source,
        count,
    )


def _whole(cell: Cell) -> int | None:
    if isinstance(cell, str):
        text = cell.strip()
        return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else None
    return int(cell) if cell is not None and float(cell).is_integer() else None


def _value(cell: Cell) -> tuple[float | None, str | None]:
    """Value and status of a cell; without a status it is neither a figure nor a sign for missing."""
    if isinstance(cell, (int, float)):
        return float(cell), "ok"
    text = (cell or "").strip()
    if text.casefold() in SIGNS:
        return None, text.casefold()
    return (float(text.replace(",", ".")), "ok") if NUMBER.fullmatch(text) else (None, None)


def _check_decimals(rows: Sequence[tuple[int, Sequence[Cell]]], places: Mapping[str, int], report: _Report) -> None:
    """One decimal sign in the whole file; points that all stand before three digits may be meant as thousands."""
    texts = [(number, str(row[places["waarde"]])) for number, row in rows if places["waarde"] < len(row)]
    commas = [number for number, text in texts if "," in text]
    points = [(number, text) for number, text in texts if re.fullmatch(r"\s*-?\d+\.\d+\s*", text)]
    typed = {number for number, row in rows if places["waarde"] < len(row) and isinstance(row[places["waarde"]], float)}
    points = [(number, text) for number, text in points if number not in typed]
    if commas and points:
        less = commas if len(commas) < len(points) else [number for number, _ in points]
        for number in less:
            report.add("decimaalteken", f"rij {number}, kolom waarde", "een ander decimaalteken dan elders in het bestand")
    elif points and all(re.search(r"\.\d{3}\s*$", text) for _, text in points):
        text = "elke punt staat voor drie cijfers: is het een decimaalteken? Punten tussen duizendtallen mogen niet"
        report.add("decimaalteken", f"rij {points[0][0]}, kolom waarde", text, "waarschuwing")


def _check_units(figures: Iterable[Figure], report: _Report) -> None:
    units: dict[str, str] = {}
    for figure in figures:
        if figure.indicator is None or not figure.eenheid:
            continue
        if units.setdefault(figure.indicator, figure.eenheid) != figure.eenheid:
            report.add("eenheid", f"rij {figure.row}, kolom eenheid", "een andere eenheid dan eerder bij deze indicator")
        if figure.eenheid == "%" and figure.waarde is not None and not 0 <= figure.waarde <= 100:
            report.add("waarde", f"rij {figure.row}, kolom waarde", "geen percentage van 0 tot en met 100")


def _check_keys(figures: Iterable[Figure], report: _Report) -> None:
    seen: dict[tuple[str, int, str], int] = {}
    for figure in figures:
        if figure.gebiedscode is None or figure.peiljaar is None or figure.indicator is None:
            continue
        first = seen.setdefault((figure.gebiedscode, figure.peiljaar, figure.indicator), figure.row)
        if first != figure.row:
            report.add("dubbel", f"rij {figure.row}", f"zelfde gebiedscode, peiljaar en indicator als rij {first}")


def _check_small(figure: Figure, report: _Report) -> None:
    """Counts of 1 up to SMALL: as `n`, as a figure in persons, or as what a percentage of `n` gives away on either side."""

    def small(number: float) -> bool:
        return 0 < number < SMALL

    place = f"rij {figure.row}"
    if figure.n is not None and small(figure.n):
        report.add("kleine_aantallen", f"{place}, kolom n", f"n ligt onder {SMALL}: zet te_klein in waarde en laat n leeg")
    if figure.waarde is None:
        return
    if figure.eenheid.casefold().startswith(NUMBERS) and small(figure.waarde):
        report.add("kleine_aantallen", f"{place}, kolom waarde", f"aantal onder {SMALL}: zet te_klein in waarde")
    if figure.eenheid == "%" and figure.n is not None and 0 <= figure.waarde <= 100:
        counted = round(figure.waarde * figure.n / 100)
        if small(counted) or small(figure.n - counted):
            text = f"percentage en n samen verraden een aantal onder {SMALL}: zet te_klein in waarde en laat n leeg"
            report.add("kleine_aantallen", f"{place}, kolom waarde", text)


def _check_derivable(figures: Iterable[Figure], report: _Report) -> None:
    """Counts that were left out, but follow from a total and the other parts: 37 - 12 - 17 gives the 8 that was hidden.

    The buurten (wijken) in the file are taken for all of their wijk (gemeente): the file does not say which are lacking.
    """
    tables: dict[tuple[str, int], dict[str, Figure]] = {}
    for figure in figures:
        if figure.gebiedscode and figure.peiljaar and figure.indicator and figure.eenheid.casefold().startswith(NUMBERS):
            tables.setdefault((figure.indicator, figure.peiljaar), {})[figure.gebiedscode] = figure
    for table in tables.values():
        shown = {code: figure.waarde for code, figure in table.items() if figure.waarde is not None}
        hidden = [code for code in table if code not in shown]
        ends = squeezed(shown, hidden, nested(table))
        for code in told({code: ends[code] for code in hidden if table[code].status in ("te_klein", "geheim")}):
            text = "volgt uit het totaal en de andere gebieden: zet te_klein bij nog een gebied, of bij het totaal"
            report.add("afleidbaar", f"rij {table[code].row}, kolom waarde", text)
