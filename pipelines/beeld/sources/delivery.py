"""Checking a delivery of a gemeente or partner before anything of it is stored (CONTRACT.md `beeld check FILE`).

The drop template has the columns gebiedscode, peiljaar, indicator, waarde, eenheid, bron and n, one figure per row. First comes
the privacy gate over every sheet; a file with data about persons is refused without looking further. No finding ever holds a
cell of the file: it names the row and the column.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from beeld.errors import DeliveryRefused, UsageError
from beeld.sources.limits import OverLimit
from beeld.sources.privacy import Grid, PersonalData, personal_data
from beeld.sources.spreadsheet import Cell, open_workbook
from beeld.sources.tabular import csv_rows
from beeld.sources.template import Figure, Finding, check_template, failed

MAX_BYTES = 256 * 1024 * 1024
MAX_CELLS = 4_000_000
"""Cells of one delivered file; it is held in memory while it is checked."""


@dataclass(frozen=True)
class Checked:
    """What checking a file gave: every finding, and the figures (none when the file was refused)."""

    sha256: str
    rows: int
    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]

    @property
    def passed(self) -> bool:
        """True when no check of severity fout failed."""
        return all(finding.geslaagd for finding in self.findings if finding.ernst == "fout")

    def as_rows(self) -> list[dict[str, Any]]:
        """The findings for JSON and for a table."""
        return [asdict(finding) for finding in self.findings]

    def refuse(self, where: str = "") -> None:
        """Raise DeliveryRefused when a check failed: with hash and number of rows, and nothing else of the file."""
        if self.passed:
            return
        wrong = sorted({finding.controle for finding in self.findings if not finding.geslaagd and finding.ernst == "fout"})
        raise DeliveryRefused(
            f"delivery {self.sha256[:16]} of {self.rows} rows is refused: {', '.join(wrong)}",
            where=where,
            kept="Nothing of it was stored",
            todo="Mend the rows and columns that the findings name, and check the file again",
        )


def check_file(path: Path) -> Checked:
    """Check one delivered CSV or XLSX; UsageError when there is no such file. Nothing is written anywhere."""
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        return Checked("", 0, (failed("leesbaar", "bestand", 1, f"het bestand is groter dan {MAX_BYTES} bytes"),), ())
    return check_bytes(path.read_bytes())


def check_bytes(body: bytes) -> Checked:
    """Check one delivered file in the drop template that is in memory."""
    checked, grids = _gate(body)
    if not checked.passed:
        return checked
    findings, figures = check_template(grids)
    return Checked(checked.sha256, checked.rows, (*checked.findings, *findings), figures)


def gate_bytes(body: bytes) -> Checked:
    """The privacy gate alone, for a dropped file that is not in the template."""
    return _gate(body)[0]


def _gate(body: bytes) -> tuple[Checked, Sequence[Grid]]:
    sha256 = hashlib.sha256(body).hexdigest()
    try:
        grids, hidden = _grids(body)
    except OverLimit as error:
        # a reader may quote the name of a sheet or member: only the kind of its message is passed on
        return Checked(sha256, 0, (failed("leesbaar", "bestand", 1, _unreadable(error)),), ()), ()
    return Checked(sha256, sum(len(grid.rows) for grid in grids), _privacy(grids, hidden), ()), grids


def _unreadable(error: OverLimit) -> str:
    line = re.search(r"\bline (\d+)", error.what)
    place = f" (rond regel {line[1]})" if line else ""
    if "encoding" in error.what:
        return f"de tekst is geen UTF-8{place}; bewaar het bestand als 'CSV UTF-8' of als XLSX"
    return f"geen CSV of XLSX die binnen de grenzen te lezen is{place}"


def _grids(body: bytes) -> tuple[list[Grid], int]:
    """Every table of the file, and the number of its parts that hold more than cells."""
    if body.startswith(b"PK"):
        with open_workbook(io.BytesIO(body), "delivery") as book:
            return [Grid(_bounded(book.rows(sheet)), number) for number, sheet in enumerate(book.sheets, start=1)], len(
                book.hidden_parts
            )
    encoding = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    return [Grid(_bounded(csv_rows(io.BytesIO(body), encoding, _separator(body, encoding), "delivery")))], 0


def _bounded(rows: Iterable[Sequence[Cell]]) -> list[Sequence[Cell]]:
    kept: list[Sequence[Cell]] = []
    cells = 0
    for row in rows:
        cells += len(row) + 1
        if cells > MAX_CELLS:
            raise OverLimit(f"file has more than {MAX_CELLS} cells", where="delivery")
        kept.append(row)
    return kept


def _separator(body: bytes, encoding: str) -> str:
    """The sign that divides the first lines into most cells; the semicolon when none does."""
    head = body[: 64 * 1024].decode(encoding, errors="replace")
    counts = {sign: head.count(sign) for sign in ("\t", ";", "|")}
    best = max(counts, key=lambda sign: counts[sign])
    lines = max(head.count("\n"), 1)
    if counts[best] >= lines or "," not in head:
        return best if counts[best] else ";"
    return ","


def _privacy(grids: Sequence[Grid], hidden: int) -> tuple[Finding, ...]:
    found = personal_data(grids)
    findings = [failed("privacy", _place(item), item.count, f"lijkt op persoonsgegevens: {item.kind}") for item in found]
    if hidden:
        text = "het werkboek bevat opmerkingen, ingesloten bestanden, draaitabellen of koppelingen; lever alleen cellen"
        findings.append(failed("privacy", "werkboek", hidden, text))
    if findings:
        return tuple(findings)
    return (Finding("privacy", "aanlevering", "alle bladen", "fout", True, 0, "geen persoonsgegevens gevonden"),)


def _place(item: PersonalData) -> str:
    return f"blad {item.sheet}, kolom {item.column}" if item.column else f"blad {item.sheet}"
