"""Archived pages in lots: the same rows as when the page is decoded at once, wherever the cuts could fall."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beeld.errors import Damaged
from beeld.sources import cuts, lots
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

CELL = st.one_of(
    st.none(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8), st.just('},{"value":[{"x":"},{')
)
NESTED = st.one_of(CELL, st.lists(st.dictionaries(st.just("a"), CELL, max_size=1), max_size=3))
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "value"]), NESTED, max_size=3), max_size=20)
MEMBERS = ("a", "b", "value")
ANY = lots.Wanted(dict.fromkeys(MEMBERS, Any), optional=MEMBERS)
NUMBERS = lots.Wanted({"k": str, "x": float | None})


def divided(body: bytes, part: int) -> list[bytes]:
    return [body[start : start + part] for start in range(0, len(body), part)]


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(rows=ROWS, size=st.integers(1, 60), before=CELL, after=st.booleans(), spaced=st.booleans(), part=st.integers(4, 200))
def test_the_lots_of_a_page_are_its_rows(
    rows: list[dict[str, Any]], size: int, before: Any, after: bool, spaced: bool, part: int
) -> None:
    """With texts that look like a cut, nested lists, other members and spaces, however the body is divided into parts."""
    content = {"odata.metadata": before, "value": rows, **({"odata.nextLink": '{"value":['} if after else {})}
    body = (json.dumps(content) if spaced else orjson.dumps(content).decode()).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "LOT_BYTES", size)
        found = list(lots.lots(divided(body, part), ANY))
        with_mark = list(lots.lots(divided(cuts.BOM + body, part), ANY))
    assert [each for lot in found for each in lot] == [tuple(map(row.get, MEMBERS)) for row in orjson.loads(body)["value"]]
    assert [each for lot in with_mark for each in lot] == [each for lot in found for each in lot]
    assert all(found), "no empty lots"


def test_small_lots_are_really_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "LOT_BYTES", 100)
    body = orjson.dumps({"value": [{"a": "x" * 30} for _ in range(50)]})
    assert max(len(lot) for lot in lots.lots([body], ANY)) < 5


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    ("row", "member"),
    [({"k": "b", "x": "1,5"}, "x"), ({"k": "b", "x": True}, "x"), ({"k": "b"}, "x"), ({"x": 1}, "k"), ({"k": None, "x": 1}, "k")],
)
def test_a_member_that_is_not_of_its_type_or_not_there_is_named(
    row: dict[str, Any], member: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "LOT_BYTES", size)
    good = {"k": "a", "x": 1, "else": [{"x": "},{"}]}
    assert next(lots.lots([orjson.dumps({"value": [good, good]})], NUMBERS))[0] == ("a", 1.0)
    with pytest.raises(lots.WrongMember) as wrong:
        list(lots.lots([orjson.dumps({"value": [good, row, good]})], NUMBERS))
    assert wrong.value.member == member


@pytest.mark.parametrize(
    "change",
    [lambda raw: b"\x1f\x8b" + raw[40:], lambda raw: raw[:-9], lambda raw: gzip.compress(gzip.decompress(raw) + b" ")],
    ids=["broken", "cut off", "another body"],
)
def test_pages_come_in_order_and_damage_is_told(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A page that is not what was archived is Damaged, not a drift of the source."""
    snapshot = deliveries.archived(tmp_path, [row("BU00140000", "1"), row("BU00140001", "2")])
    pages = [orjson.loads(b"".join(page))["value"] for page in lots.pages(snapshot, "UntypedDataSet-")]
    assert [[each["Getal_1"] for each in page] for page in pages] == [["1"], ["2"]]
    assert list(lots.pages(snapshot, "Nothing-")) == []
    second = snapshot.folder / "UntypedDataSet-0002.json.gz"
    second.write_bytes(change(second.read_bytes()))
    reading = lots.pages(snapshot, "UntypedDataSet-")
    assert b"".join(next(reading))
    with pytest.raises(Damaged):
        list(next(reading))
