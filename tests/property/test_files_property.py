"""Whatever bytes a file holds: cells, or a BeeldError that says why not; never another error (RELIABILITY.md section H)."""

import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeld.errors import BeeldError
from beeld.sources.delivery import check_bytes
from beeld.sources.privacy import Grid, is_bsn, is_iban, personal_data
from beeld.sources.spreadsheet import Cell
from beeld.sources.tabular import Form, open_table
from beeld.sources.template import COLUMNS
from tests.unit.test_files import ROWS, geojson
from tests.workbooks import workbook

CELLS = st.one_of(
    st.none(), st.text(max_size=12), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False)
)
TABLES = st.lists(st.lists(CELLS, max_size=8), max_size=12)
PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=10)
BOOK = workbook({"Blad1": [list(COLUMNS), ["BU90010101", 2024, "wijkgevoel", 12.5, "%", "Peiling", 240]]})


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", "a;b\n1;2\n" * 20)
    return file.getvalue()


SEEDS: dict[str, tuple[Form, bytes]] = {
    "csv": (Form("csv"), b'a;b\n1;"2\n3"\n'),
    "csv utf-16": (Form("csv", codering="utf-16"), "a;b\n1;2\n".encode("utf-16")),
    "zip": (Form("csv", "zip"), _zip()),
    "gzip": (Form("csv", "gzip"), gzip.compress(b"a;b\n1;2\n")),
    "xlsx": (Form("xlsx"), BOOK),
    "geojson": (Form("geojson"), geojson(ROWS)),
    "gpkg": (Form("gpkg"), b"SQLite format 3\0" + bytes(200)),
}
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=6)), max_size=6)


def _changed(body: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    for place, part in changes:
        start = place % (len(body) + 1)
        body = body[:start] + part + body[start + len(part) :]
    return body


def _read(form: Form, body: bytes) -> list[list[Cell]] | None:
    try:
        with open_table(io.BytesIO(body), form, "proef") as rows:
            return [list(row) for row in rows]
    except BeeldError:
        return None


@pytest.mark.parametrize("name", SEEDS)
@given(changes=CHANGES)
def test_a_damaged_file_gives_cells_or_a_message(name: str, changes: list[tuple[int, bytes]]) -> None:
    form, body = SEEDS[name]
    found = _read(form, _changed(body, changes))
    assert found is None or all(cell is None or isinstance(cell, (str, int, float)) for row in found for cell in row)


@given(body=st.binary(max_size=400))
def test_any_bytes_are_checked_without_another_error(body: bytes) -> None:
    checked = check_bytes(body)
    assert checked.findings
    assert not checked.passed


@given(changes=CHANGES)
def test_a_damaged_delivery_is_checked_without_another_error(changes: list[tuple[int, bytes]]) -> None:
    body = ";".join(COLUMNS).encode() + b"\nBU90010101;2024;wijkgevoel;12,5;%;Peiling;240\n"
    checked = check_bytes(_changed(body, changes))
    assert checked.passed == all(row.geslaagd for row in checked.findings if row.ernst == "fout")


@given(table=TABLES)
def test_any_table_can_be_judged(table: list[list[Cell]]) -> None:
    assert all(found.count > 0 for found in personal_data([Grid(table)]))


@given(table=st.lists(st.lists(st.one_of(st.none(), PLAIN, st.integers(-(10**9), 10**9)), max_size=6), max_size=8))
def test_a_workbook_gives_back_what_was_written(table: list[list[Cell]]) -> None:
    found = _read(Form("xlsx"), workbook({"Blad": table}))
    assert found is not None
    written = [[cell if cell != "" else None for cell in row] for row in table]
    assert _trimmed(found) == _trimmed(written)


def _trimmed(rows: list[list[Cell]]) -> list[list[Cell]]:
    """Without empty cells at the end of rows and empty rows at the end: a sheet does not keep them."""
    filled = [row[: max((n for n, cell in enumerate(row, start=1) if cell is not None), default=0)] for row in rows]
    return filled[: max((n for n, row in enumerate(filled, start=1) if row), default=0)]


@given(number=st.integers(0, 10**9), wrong=st.integers(1, 8))
def test_one_wrong_digit_is_never_a_bsn(number: int, wrong: int) -> None:
    text = f"{number:09d}"
    if is_bsn(text):
        digit = (int(text[wrong]) + 1) % 10
        assert not is_bsn(text[:wrong] + str(digit) + text[wrong + 1 :])


@given(text=st.text(max_size=40))
def test_detectors_take_any_text(text: str) -> None:
    assert is_bsn(text) in (True, False)
    assert is_iban(text) in (True, False)
