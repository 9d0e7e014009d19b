"""Hiding counts so that nobody can subtract his way back: METHOD.md section 13, its example, the threshold, and an attack."""

from __future__ import annotations

import math
import random

import pytest

from beeld.errors import UsageError
from beeld.sources.disclosure import SMALL, Total, is_small, nested, protect, rounded, solved, squeezed, told

WIJK = Total("WK000100", ("BU00010001", "BU00010002", "BU00010003"))
EXAMPLE = {"WK000100": 37, "BU00010001": 12, "BU00010002": 8, "BU00010003": 17}


def test_the_worked_example_of_the_method() -> None:
    """METHOD.md 13: "Wijk 37 = 12 + 8 + 17: hiding only 8 gives 37 − 12 − 17 = 8; hide 12 too, then only 12 + 8 = 20 is known and
    the small cell is anywhere in 0–9"."""
    shown = {code: float(count) for code, count in EXAMPLE.items() if count != 8}
    assert squeezed(shown, {"BU00010002"}, [WIJK]) == {"BU00010002": (8.0, 8.0)}
    assert protect(EXAMPLE, [WIJK]) == {"BU00010001", "BU00010002"}
    del shown["BU00010001"]
    for ends in (f(shown, {"BU00010001", "BU00010002"}, [WIJK]) for f in (squeezed, solved)):
        assert ends == {"BU00010001": (0.0, 20.0), "BU00010002": (0.0, 20.0)}, "all of 0 to 9 is possible"


@pytest.mark.parametrize(("count", "hides"), [(0, False), (1, True), (9, True), (10, False), (11, False)])
def test_at_the_threshold(count: int, hides: bool) -> None:
    assert is_small(count) is hides
    assert is_small(100 - count, people=100) is hides, "what is left of the people is a count too"
    assert (protect({"BU00010001": count}, []) == {"BU00010001"}) is hides
    assert is_small(count + 5, k=SMALL + 5) is (0 < count + 5 < 15)


def test_k_may_only_be_raised() -> None:
    with pytest.raises(UsageError, match="only be raised"):
        protect(EXAMPLE, [WIJK], k=SMALL - 1)
    assert protect(EXAMPLE, [WIJK], k=13) == {"BU00010001", "BU00010002"}
    assert protect(EXAMPLE, [WIJK], k=21) == set(WIJK.parts), "all three are small; together they are 37"


def test_two_small_ones_that_are_small_together_need_a_third() -> None:
    counts = {"WK000100": 27, "BU00010001": 3, "BU00010002": 4, "BU00010003": 20}
    assert protect(counts, [WIJK]) == {"BU00010001", "BU00010002", "BU00010003"}


def test_nothing_hides_behind_a_zero() -> None:
    """8 of 8 with zeros beside it: whoever knows the wijk knows it, so the wijk is hidden too, and a zero stays a zero."""
    counts = {"GM0001": 100, "WK000100": 8, "WK000101": 92, "BU00010001": 8, "BU00010002": 0, "BU00010003": 0}
    totals = nested(counts)
    assert totals == (Total("GM0001", ("WK000100", "WK000101")), WIJK)
    hidden = protect(counts, totals)
    assert {"WK000100", "WK000101", "BU00010001"} <= hidden
    assert "GM0001" not in hidden


def test_what_an_earlier_edition_hid_stays_hidden() -> None:
    """The 12 that is 8 now: hidden then, and shown now beside the old wijk it would tell; an unknown code is of no concern."""
    counts = {"WK000100": 45, "BU00010001": 12, "BU00010002": 16, "BU00010003": 17}
    assert protect(counts, [WIJK]) == frozenset()
    assert protect(counts, [WIJK], before=["BU00010001", "BU99990001"]) == {"BU00010001", "BU00010002"}


def test_overlapping_totals_are_solved_together() -> None:
    """An area of a partner beside the wijken: the difference of two totals gives away what neither does alone."""
    totals = [Total("T1", ("a", "b", "c")), Total("T2", ("a", "b", "d"))]
    shown, hidden = {"T1": 60.0, "T2": 50.0, "d": 12.0}, {"a", "b", "c"}
    assert told(squeezed(shown, hidden, totals)) == []
    assert told(solved(shown, hidden, totals)) == ["c"], "d is shown, so a + b is 38 and c is 22"
    cross = [Total("S", ("a", "b")), Total("T", ("b", "c")), Total("U", ("a", "c"))]
    shown = {"S": 30.0, "T": 32.0, "U": 34.0}
    assert told(squeezed(shown, hidden, cross)) == []
    ends = solved(shown, hidden, cross)
    assert {code: (round(low, 6), round(high, 6)) for code, (low, high) in ends.items()} == {
        "a": (16, 16),
        "b": (14, 14),
        "c": (18, 18),
    }
    counts = {"S": 30, "T": 32, "U": 34, "a": 16, "b": 14, "c": 18}
    assert told(solved({}, protect(counts, cross, before=["a", "b", "c"]), cross)) == []


def test_what_is_not_known_says_nothing() -> None:
    incomplete = [Total("WK000100", ("BU00010001", "BU00010009"))]
    for attack in (squeezed, solved):
        assert attack({"WK000100": 20.0}, {"BU00010001"}, incomplete) == {"BU00010001": (0.0, math.inf)}
    assert protect({"WK000100": 20, "BU00010001": 4}, incomplete) == {"BU00010001"}
    assert solved({"WK000100": 5.0, "BU00010001": 9.0}, {"BU00010002"}, [Total("WK000100", ("BU00010001", "BU00010002"))]) == {}


def test_an_unbounded_count_has_no_end() -> None:
    assert solved({"b": 3.0}, {"t", "a"}, [Total("t", ("a", "b"))]) == {"a": (0.0, math.inf), "t": (3.0, math.inf)}


def test_people_bound_what_is_possible() -> None:
    """Three people live there: 0 to 3 is all there is to know of them, but it would tell of the other part."""
    counts = {"t": 40, "a": 2, "b": 38}
    assert protect(counts, [Total("t", ("a", "b"))], {"t": 200, "a": 3, "b": 197}) == {"a", "b", "t"}


def test_shown_counts_are_rounded_to_five() -> None:
    assert rounded({"a": 12, "b": 13, "c": 0, "d": 8}, {"d"}) == {"a": 10, "b": 15, "c": 0}


def drawn(chance: random.Random) -> tuple[dict[str, int], list[Total]]:
    """A gemeente with wijken and buurten, many small counts and zeros, and sometimes an area of a partner across wijken."""
    counts: dict[str, int] = {}
    wijken = [f"WK0001{number:02d}" for number in range(chance.randrange(1, 5))]
    for wijk in wijken:
        buurten = [f"BU{wijk[2:]}{number:02d}" for number in range(chance.randrange(1, 6))]
        counts |= {code: chance.choice([0, chance.randrange(1, 10), chance.randrange(10, 60)]) for code in buurten}
        counts[wijk] = sum(counts[code] for code in buurten)
    counts["GM0001"] = sum(counts[wijk] for wijk in wijken)
    totals = list(nested(counts))
    if chance.random() < 0.4:
        buurten = [code for code in counts if code.startswith("BU")]
        parts = tuple(chance.sample(buurten, chance.randrange(1, len(buurten) + 1)))
        counts["SG-proef"] = sum(counts[code] for code in parts)
        totals.append(Total("SG-proef", parts))
    return counts, totals


def test_five_hundred_random_tables_give_nothing_away() -> None:
    """The attack is the exact one, by linear programming over all that is shown; every small count is hidden, most others not."""
    chance = random.Random(20261126)
    derivable = shown_of = large = 0
    for _ in range(500):
        counts, totals = drawn(chance)
        hidden = protect(counts, totals)
        assert {code for code, count in counts.items() if 0 < count < SMALL} <= hidden
        shown = {code: float(count) for code, count in counts.items() if code not in hidden}
        ends = solved(shown, hidden, totals)
        assert ends.keys() == hidden
        derivable += len(told(ends))
        assert all(low - 1e-6 <= counts[code] <= high + 1e-6 for code, (low, high) in ends.items()), "the attack holds the truth"
        large += sum(count == 0 or count >= SMALL for count in counts.values())
        shown_of += len(shown)
    assert derivable == 0
    assert shown_of > large / 3
