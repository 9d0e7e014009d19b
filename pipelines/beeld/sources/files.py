"""Tables that come as a file (protocol `bestand`): from an address, or dropped in `aanlevering/<bron>/` of the home.

The declaration says how the table stands in the file (`bestand`) and what its columns are (`velden`); see records.py. Dropped
files come from people and not from a publisher, so each goes through the privacy gate before anything of it is kept, and with
`sjabloon` through every check of `beeld check FILE`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx

from beeld.errors import SourceChanged, UsageError
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.columns import normal
from beeld.sources.declarations import Source, Table
from beeld.sources.delivery import MAX_BYTES, Checked, check_bytes, gate_bytes
from beeld.sources.forms import FileForm
from beeld.sources.http import get_body, safe, version_of
from beeld.sources.records import Record, fields_of
from beeld.sources.spreadsheet import Cell
from beeld.sources.tabular import Form, open_table
from beeld.sources.template import Figure

NAME = "levering"
"""How the documents of a delivery are named in the archive: levering-0001, levering-0002, ..."""
FOLDER = "aanlevering"
"""Folder of the home in which dropped files stand, one folder per source."""


def form_of(source: Source, table: Table) -> FileForm:
    """How the table stands in its file; UsageError when that is not declared."""
    if table.bestand is None:
        raise UsageError(
            f"table {table.tabel} needs 'bestand'", where=f"{source.bron}.yaml", todo="Declare how it stands in its file"
        )
    return table.bestand


def mark(client: httpx.Client, address: str, source: Source, table: Table, home: Path, where: str) -> str | None:
    """What tells that a file changed: its ETag or Last-Modified, else its sha256; of dropped files their names and sha256.

    None when the home has no folder for the dropped files of this source: then nobody delivers them here.
    """
    if form_of(source, table).patroon:
        if not (home / FOLDER / source.bron).is_dir():
            return None
        parts = [f"{path.name} {hashlib.sha256(body).hexdigest()}" for path, body in _dropped(source, table, home, where)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return version_of(client, address, where=where) or hashlib.sha256(get_body(client, address, where=where).body).hexdigest()


def receive(
    client: httpx.Client, address: str, source: Source, table: Table, home: Path, delivery: Delivery, where: str
) -> tuple[list[Record], Mapping[str, str], str]:
    """The records of the table, the units that the file tells, and where it came from; the files are kept in the delivery.

    Raises SourceChanged for a file of another shape, OverLimit for one that breaks a limit, DeliveryRefused for a dropped file
    with data about persons or one that fails a check.
    """
    form = form_of(source, table)
    if not form.patroon:
        body = get_body(client, address, where=where).body
        records, units = records_in(body, source, table, where)
        _keep(delivery, 1, address, body)
        return records, units, address
    bodies = _dropped(source, table, home, where)
    for path, body in bodies:
        _admit(body, form, f"{where} {safe(path.name)}")
    found: list[Record] = []
    told: dict[str, str] = {}
    for number, (path, body) in enumerate(bodies, start=1):
        records, units = records_in(body, source, table, f"{where} {safe(path.name)}")
        found += records
        told |= units
        _keep(delivery, number, f"file:{path.name}", body)
    return found, told, f"file:{FOLDER}/{source.bron}"


def read(source: Source, table: Table, snapshot: Snapshot) -> tuple[list[Record], Mapping[str, str]]:
    """The records and units of an archived delivery."""
    where = f"{source.bron} {table.tabel}"
    found: list[Record] = []
    told: dict[str, str] = {}
    for name in snapshot.names(f"{NAME}-"):
        records, units = records_in(snapshot.read(name), source, table, where)
        found += records
        told |= units
    return found, told


def _keep(delivery: Delivery, number: int, url: str, body: bytes) -> None:
    delivery.add(f"{NAME}-{number:04d}", url, body, hashlib.sha256(body).hexdigest())


def _dropped(source: Source, table: Table, home: Path, where: str) -> list[tuple[Path, bytes]]:
    """The dropped files of a table, by name; SourceChanged when there is none, or one that is too large."""
    folder, pattern = home / FOLDER / source.bron, form_of(source, table).patroon or "*"
    paths = sorted(path for path in folder.glob(pattern) if path.is_file() and not path.is_symlink())
    if not paths:
        raise SourceChanged(f"no file like '{pattern}' stands in {FOLDER}/{source.bron} of the home", where=where)
    if large := [path for path in paths if path.stat().st_size > MAX_BYTES]:
        raise SourceChanged(f"file {safe(large[0].name)} is larger than {MAX_BYTES} bytes", where=where)
    return [(path, path.read_bytes()) for path in paths]


def _admit(body: bytes, form: FileForm, where: str) -> None:
    checked: Checked = check_bytes(body) if form.sjabloon else gate_bytes(body)
    checked.refuse(where)


def records_in(body: bytes, source: Source, table: Table, where: str) -> tuple[list[Record], dict[str, str]]:
    """The records of the table in one file and the units that it tells; SourceChanged for another shape than declared."""
    form = form_of(source, table)
    if form.sjabloon:
        return [_figure_record(figure) for figure in check_bytes(body).figures], {}
    mapping = fields_of(source)
    place = Form(form.vorm, form.verpakking, form.lid, mapping.codering, mapping.scheiding, form.blad)
    if not form.verpakking and form.vorm != "geojson" and body[:1000].lstrip()[:1] in (b"<", b"{"):
        raise SourceChanged(f"is no {form.vorm}: {safe(body[:200].decode('utf-8', 'replace'))}", where=where)
    with open_table(io.BytesIO(body), place, where) as rows:
        return table_records(rows, form, where)


def _figure_record(figure: Figure) -> Record:
    return {
        "gebiedscode": figure.gebiedscode,
        "peiljaar": figure.peiljaar,
        "indicator": figure.indicator,
        "waarde": figure.status if figure.waarde is None else figure.waarde,
        "eenheid": figure.eenheid,
    }


def table_records(rows: Iterable[Sequence[Cell]], form: FileForm, where: str) -> tuple[list[Record], dict[str, str]]:
    """The rows under the heading as records by name, and the units of the row that holds them.

    Raises SourceChanged for a heading that is missing or has a name twice, and for a CSV row with more or fewer cells than the
    heading. Rows without any cell are no records. A sheet may leave cells at the end of a row out.
    """
    header: list[str] = []
    units: dict[str, str] = {}
    found: list[Record] = []
    for number, row in enumerate(rows, start=1):
        if number == form.kopregel:
            header = _header(row, number, where)
        elif number == form.eenheidregel:
            units = {name: str(cell).strip() for name, cell in zip(header, row, strict=False) if name and cell is not None}
        elif header and any(cell is not None for cell in row):
            found.append(_record(header, row, number, form, where))
    if not header:
        raise SourceChanged(f"has no row {form.kopregel} with names", where=where)
    return found, units


def _header(row: Sequence[Cell], number: int, where: str) -> list[str]:
    header = [" ".join(str(cell).split()) if cell is not None else "" for cell in row]
    named = [normal(name) for name in header if name]
    if not named:
        raise SourceChanged(f"row {number} has no names", where=where)
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise SourceChanged(f"row {number} has the name '{safe(twice)}' twice", where=where)
    return header


def _record(header: Sequence[str], row: Sequence[Cell], number: int, form: FileForm, where: str) -> Record:
    too_many = any(cell is not None for cell in row[len(header) :])
    if too_many or (form.vorm == "csv" and len(row) != len(header)):
        raise SourceChanged(f"row {number} has {len(row)} cells under {len(header)} names (cut off?)", where=where)
    cells = [*row, *[None] * (len(header) - len(row))]
    return {name: cell for name, cell in zip(header, cells, strict=False) if name}
