"""Pages that are read a megabyte at a time say what they say when read whole; what is cut off is noticed."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beeld.errors import SourceChanged
from beeld.sources import cuts, packed, whole_rows
from beeld.sources.packed import CutOff, pack, unpacked
from beeld.sources.pages import Objects, Page, Row, read_page
from beeld.sources.whole_rows import WholeRows

LIMIT = 10_000_000
TEXTS = st.text(alphabet='abc},{["]:\\\n "value"é', max_size=12)
ROWS = st.lists(
    st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(-9, 9), st.none(), st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2)))),
    max_size=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for one file."""
    return tmp_path_factory.mktemp("pagina")


def read(folder: Path, body: bytes, file: bytes | None = None) -> tuple[Page, list[list[Row]]]:
    """The page and its lots."""
    path = folder / "pagina.json.gz"
    path.write_bytes(gzip.compress(body) if file is None else file)
    lots: list[list[Row]] = []

    def each(lot: list[Row]) -> list[Row]:
        lots.append(lot)
        return lot

    return read_page(path, "bron T", Objects(), each, LIMIT), lots


def small_lots(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Lots of a few bytes, so that every cut is tried."""
    monkeypatch.setattr(cuts, "LOT_BYTES", size)
    monkeypatch.setattr(packed, "PART_BYTES", size)


@given(rows=ROWS, size=st.integers(1, 60), indent=st.sampled_from([None, 1]), after=st.booleans(), data=st.data())
def test_read_in_parts_is_read_whole(
    rows: list[dict[str, Any]], size: int, indent: int | None, after: bool, data: st.DataObject, folder: Path
) -> None:
    link = {"odata.nextLink": data.draw(TEXTS)}
    content = {"odata.metadata": data.draw(TEXTS), "value": rows, **link} if after else {**link, "value": rows}
    body = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + json.dumps(content, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        small_lots(patch, size)
        page, lots = read(folder, body)
    assert [row for lot in lots for row in lot] == rows
    assert page.members == {key: value for key, value in content.items() if key != "value"}
    assert (page.rows, page.bytes, page.sha256) == (len(rows), len(body), hashlib.sha256(body).hexdigest())
    assert page.inhoud == hashlib.sha256(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)).hexdigest()


NAMES = ["naam", "getal", "value", "`gek`", "é", "leeg"]
CELLS = st.one_of(TEXTS, st.integers(-(10**15), 10**15), st.booleans(), st.none(), st.lists(TEXTS, max_size=2))
WHOLE = st.lists(
    st.tuples(st.fixed_dictionaries({"sleutel": CELLS}), st.dictionaries(st.sampled_from(NAMES), CELLS), st.booleans()),
    max_size=8,
)


@settings(max_examples=40)
@given(given=WHOLE, size=st.integers(1, 60), announced=st.lists(st.sampled_from(NAMES), unique=True))
def test_whole_rows_say_what_plain_ones_say(
    given: list[tuple[dict[str, Any], dict[str, Any], bool]], size: int, announced: list[str], folder: Path
) -> None:
    """The same hash with more, fewer and other members than announced, in any order, and the needed cells by column."""
    rows = [{**needed, **others} if first else {**others, **needed} for needed, others, first in given]
    path = folder / "pagina.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"value": rows}).encode()))
    form = WholeRows(["sleutel"], announced)
    found: list[Any] = []

    def each(lot: list[Any]) -> list[Any]:
        found.extend(form.columns(lot)["sleutel"])
        return lot

    with pytest.MonkeyPatch.context() as patch:
        small_lots(patch, size)
        page = read_page(path, "bron T", form, each, LIMIT)
    assert found == [row["sleutel"] for row in rows]
    assert (page.rows, page.members) == (len(rows), {})
    plain = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert page.inhoud == hashlib.sha256(plain).hexdigest()


def test_a_member_with_a_name_that_no_source_has(folder: Path) -> None:
    path = folder / "pagina.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"value": [{"a": 1, 'b"': 2}]}).encode()))
    with pytest.raises(SourceChanged, match="a row cannot be read: Object contains unknown field"):
        read_page(path, "bron T", WholeRows(["a"], ["c\\"]), lambda lot: lot, LIMIT)


@pytest.mark.parametrize("many", [True, False])
def test_a_page_that_keeps_making_up_members_ends(many: bool, folder: Path) -> None:
    path = folder / "pagina.json.gz"
    rows = [{"a": 1, f"m{number}": 2} for number in range(whole_rows.MOST_LEARNT + many)]
    path.write_bytes(gzip.compress(orjson.dumps({"value": rows})))
    if many:
        with pytest.raises(SourceChanged, match="contains unknown field"):
            read_page(path, "bron T", WholeRows(["a"]), lambda lot: lot, LIMIT)
    else:
        assert read_page(path, "bron T", WholeRows(["a"]), lambda lot: lot, LIMIT).rows == len(rows)


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_row_without_a_needed_column(size: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_lots(monkeypatch, size)
    path = folder / "pagina.json.gz"
    path.write_bytes(gzip.compress(b'{"value": [{"a": 1, "b": "x"}, {"b": 2, "c": 3}, {"a": 1}]}'))
    form = WholeRows(["a", "b"])
    with pytest.raises(SourceChanged, match="rows lack column a that DataProperties announces"):
        read_page(path, "bron T", form, lambda lot: lot, LIMIT)


def test_a_large_page_comes_in_small_lots(folder: Path) -> None:
    rows = [{"n": number, "tekst": "x" * 100} for number in range(60_000)]
    page, lots = read(folder, orjson.dumps({"value": rows}))
    assert page.rows == 60_000
    assert [row for lot in lots for row in lot] == rows
    assert len(lots) >= 5
    assert max(len(orjson.dumps(lot)) for lot in lots) <= 2 * (cuts.LOT_BYTES + packed.PART_BYTES)


@given(cut=st.floats(0, 0.999))
def test_a_page_that_is_cut_off(cut: float, folder: Path) -> None:
    body = orjson.dumps({"value": [{"n": number} for number in range(50)]})
    with pytest.raises(CutOff):
        read(folder, body[: int(cut * len(body))])
    file = gzip.compress(body)
    with pytest.raises(CutOff):
        read(folder, b"", file=file[: int(cut * len(file))])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"waarde": []}', "no list 'value'"),
        (b'{"value": 1}', "no list"),
        (b"[1]", "list where"),
        (b'{"value": [1]}', "a row cannot be read"),
    ],
)
def test_what_is_no_page_of_rows(body: bytes, says: str, folder: Path) -> None:
    with pytest.raises(SourceChanged, match=says):
        read(folder, body)


def test_a_page_over_the_limit(folder: Path) -> None:
    path = folder / "bom.json.gz"
    path.write_bytes(gzip.compress(b" " * 2_000_000))
    with pytest.raises(SourceChanged, match="larger than 1000000 bytes"):
        read_page(path, "bron T", Objects(), lambda lot: lot, 1_000_000)


@given(parts=st.lists(st.binary(max_size=50), max_size=5), more=st.lists(st.binary(max_size=50), max_size=5))
def test_packed_and_unpacked_in_one_member_or_two(parts: list[bytes], more: list[bytes], folder: Path) -> None:
    path = folder / "x.gz"
    one, two = b"".join(pack(parts)), b"".join(pack(more))
    path.write_bytes(one + two)
    assert b"".join(unpacked(path)) == b"".join(parts + more) == gzip.decompress(one + two)


def test_no_part_is_large_however_much_a_file_claims(folder: Path) -> None:
    path = folder / "groot.gz"
    path.write_bytes(gzip.compress(b"0" * 30_000_000))
    assert max(map(len, unpacked(path))) <= packed.PART_BYTES
