"""Rows at the door: complete, once, numbers that are numbers, and only what was asked for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeld.errors import SourceChanged
from beeld.sources.columns import Layout
from beeld.sources.questions import WHOLE, Question, gemeenten_of, region_questions
from beeld.sources.rowcheck import Ignored, RowCheck
from beeld.sources.whole_rows import Columns
from tests.reliability import regional

LAYOUT = Layout("WijkenEnBuurten", None, ("WijkenEnBuurten",), {"aantal_inwoners": "AantalInwoners_1"})
SOURCE = regional.source({"tabel": "T1", "peiljaar": 2020})


def row(code: str, cell: Any = "   12") -> dict[str, Any]:
    """One delivered row."""
    return {"WijkenEnBuurten": code, "AantalInwoners_1": cell}


def check(untyped: bool = True, question: Question = WHOLE) -> RowCheck:
    """A check that a page is about to go through."""
    made = RowCheck(LAYOUT, SOURCE, untyped)
    made.begin(question, "bron T page 1")
    return made


def lot(made: RowCheck, *rows: dict[str, Any]) -> list[Any]:
    """Some delivered rows before the check."""
    return made.lot(made.form.rows(orjson.dumps(rows)))


def test_a_page_counts_when_it_is_accepted_and_may_be_read_again() -> None:
    made = check()
    lot(made, row("BU00140000"))
    made.begin(WHOLE, "bron T page 1")
    lot(made, row("BU00140000"))
    lot(made, row("BU00140001"))
    assert made.rows == 0
    made.accept()
    assert (made.rows, made.seen) == (2, {("BU00140000",), ("BU00140001",)})


@pytest.mark.parametrize("spelling", ["BU00140000", "bu00140000  ", " BU00140000"])
def test_the_same_area_twice(spelling: str) -> None:
    for again in ("lot", "later lot", "later page"):
        made = check()
        first, second = row("BU00140000"), row(spelling)
        if again == "later page":
            lot(made, first)
            made.accept()
            made.begin(WHOLE, "bron T page 2")
        elif again == "later lot":
            lot(made, first)
        with pytest.raises(SourceChanged, match="delivers row BU00140000 twice"):
            lot(made, *([first, second] if again == "lot" else [second]))


GOOD = ["   12", "  -3.5", ".", "      .", "x", "-", "", "    ", "12  ", None, "123456789012345.5"]
BAD = [12, 1.5, "1,5", "1e5", "12 34", "..", "--1", "geheim", True, [1], {"a": 1}, "1\n2", "1234567890123456"]


@pytest.mark.parametrize("cell", GOOD)
def test_cells_of_text_that_are_in_order(cell: Any) -> None:
    assert lot(check(), row("GM0014", cell), row("GM0015"))


@pytest.mark.parametrize("cell", BAD)
def test_cells_of_text_that_are_not(cell: Any) -> None:
    with pytest.raises(SourceChanged, match=r"column AantalInwoners_1 \(aantal_inwoners\) holds"):
        lot(check(), row("GM0014"), row("GM0015", cell))


@pytest.mark.parametrize("cell", ["12", ".", True, [1]])
def test_typed_cells_are_numbers(cell: Any) -> None:
    assert lot(check(untyped=False), row("GM0014", 1), row("GM0015", None), row("GM0016", 2.5))
    with pytest.raises(SourceChanged, match="is no number"):
        lot(check(untyped=False), row("GM0014", cell))


@given(st.lists(st.text(alphabet=" 0123456789.,-xX\n\te", max_size=8), max_size=6))
def test_the_quick_look_at_a_column_never_passes_what_the_slow_one_refuses(cells: list[str]) -> None:
    def verdict(lots: list[list[str]]) -> bool:
        made = check()
        try:
            for number, some in enumerate(lots):
                lot(made, *(row(f"GM{number:02d}{index:02d}", cell) for index, cell in enumerate(some)))
        except SourceChanged:
            return False
        return True

    assert verdict([cells]) == verdict([[cell] for cell in cells])


class Kept:
    """A receiver that notes what it hears, and says whether it read every number."""

    def __init__(self, reads: bool) -> None:
        self.heard: list[Any] = []
        self.reads = reads

    def begin(self, page: str) -> None:
        """A page."""
        self.heard.append(page)

    def take(self, columns: Columns) -> bool:
        """Some rows."""
        self.heard.append(dict(columns))
        return self.reads


@pytest.mark.parametrize("untyped", [True, False])
def test_who_receives_hears_of_rows_in_order(untyped: bool) -> None:
    """Of typed ones after they were looked at; of untyped ones before, and they are looked at when it did not read them all."""
    kept = Kept(reads=False)
    made = RowCheck(LAYOUT, SOURCE, untyped, ["Ander_2"], kept)
    made.begin(WHOLE, "page 1")
    first = " 1" if untyped else 1
    lot(made, row("GM0014", first), {**row("GM0015", None), "Ander_2": "x"})
    lot(made)
    with pytest.raises(SourceChanged):
        lot(made, row("GM0014", first))
    with pytest.raises(SourceChanged):
        lot(made, row("GM0016", "1,5"))
    made.begin(WHOLE, "page 1")
    assert kept.heard == [
        "page 1",
        {"WijkenEnBuurten": ("GM0014", "GM0015"), "AantalInwoners_1": (first, None)},
        *([{"WijkenEnBuurten": ("GM0016",), "AantalInwoners_1": ("1,5",)}] if untyped else []),
        "page 1",
    ]


def test_who_read_untyped_numbers_is_believed_and_who_read_typed_ones_is_not() -> None:
    lot(RowCheck(LAYOUT, SOURCE, True, (), Kept(reads=True)), row("GM0014", "1,5"))
    with pytest.raises(SourceChanged):
        lot(RowCheck(LAYOUT, SOURCE, False, (), Kept(reads=True)), row("GM0014", "1,5"))


def test_a_row_that_was_not_asked_for() -> None:
    (question,) = region_questions("WijkenEnBuurten", ["GM0014"])
    beginnings = ("NL", "GM0014", "WK0014", "BU0014")
    assert question.filter == " or ".join(f"startswith(WijkenEnBuurten,'{text}')" for text in beginnings)
    made = check(question=question)
    assert lot(made, row("NL00      "), row("GM0014    "), row("WK001400  "), row("BU00140000"))
    with pytest.raises(Ignored):
        lot(made, row("BU00150000"))


def test_members_and_regions_together() -> None:
    question = Question((("Perioden", "2020JJ00"),), "WijkenEnBuurten", ("NL", "GM0014"))
    either = "startswith(WijkenEnBuurten,'NL') or startswith(WijkenEnBuurten,'GM0014')"
    assert question.filter == f"Perioden eq '2020JJ00' and ({either})"
    assert question.holds({"Perioden": "2020JJ00  ", "WijkenEnBuurten": "GM0014"})
    assert not question.holds({"Perioden": "2021JJ00", "WijkenEnBuurten": "GM0014"})
    assert not question.holds({"Perioden": "2020JJ00", "WijkenEnBuurten": "GM0015"})
    assert region_questions("WijkenEnBuurten", None) == [WHOLE]


def test_codes_mean_their_gemeente() -> None:
    unions = {"SG-noord": ("BU00140001", "BU00150002")}
    assert gemeenten_of(["WK036300", "SG-noord", "NL00", "GM0014"], unions) == ("GM0014", "GM0015", "GM0363")
    assert gemeenten_of([], unions) == ()
