"""No person behind a count: hiding small counts, and what would give a hidden one away (METHOD.md section 13). Pure functions.

Counts lie under totals (buurten in a wijk, wijken in a gemeente, areas of a partner). A count of 1 up to k, or one that leaves
fewer than k others, is hidden. Then so many more are hidden that for who knows all that is shown the least and the most that each
hidden count can be lie k or more apart. A zero is a value. Which of the hidden ones was small is never said: all are te_klein.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beeld.errors import UsageError

SMALL = 10
"""k: counts from 1 up to this are never published; it may only be raised."""
BASE = 5
"""Shown counts may be rounded to this; a total then need not be the sum of what is shown under it."""
ROUNDS = 20
"""Most passes over the totals; areas in areas in areas need four."""
TOLERANCE = 1e-6
UNBOUNDED = 3
"""Status of scipy for a goal without an end."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Total:
    """The count of the area `code` is the sum of those of `parts`."""

    code: str
    parts: tuple[str, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """The parts and the total itself."""
        return (*self.parts, self.code)


def is_small(count: float, people: float | None = None, k: int = SMALL) -> bool:
    """Is a count of `people` too small to show: itself, or what it leaves of them? A zero is not."""
    return 0 < count < k or (people is not None and 0 < people - count < k)


def nested(codes: Iterable[str]) -> tuple[Total, ...]:
    """The totals among codes of CBS: a wijk is the sum of its buurten that are named here, a gemeente of its wijken."""
    known = sorted(set(codes))
    found: list[Total] = []
    for code in known:
        if code.startswith(("GM", "WK")):
            child = "WK" if code.startswith("GM") else "BU"
            parts = tuple(other for other in known if other.startswith(child + code[2:]))
            found += [Total(code, parts)] if parts else []
    return tuple(found)


def squeezed(
    shown: Mapping[str, float], hidden: Collection[str], totals: Sequence[Total], people: Mapping[str, float] | None = None
) -> dict[str, Range]:
    """Smallest and largest number that each hidden count can be for who adds and subtracts what is shown, total by total.

    Exact where every area lies in one total at most (areas of CBS); where totals overlap `solved` can find more. Quick: linear in
    the members of the totals. A total with a member that is neither shown nor hidden says nothing.
    """
    ends: dict[str, Range] = {code: (0.0, (people or {}).get(code, math.inf)) for code in hidden}
    ends |= {code: (count, count) for code, count in shown.items()}
    known = [total for total in totals if all(code in ends for code in total.members)]
    for _ in range(ROUNDS):
        before = dict(ends)
        for total in known:
            _squeeze(ends, total)
        if ends == before:
            break
    return {code: ends[code] for code in hidden}


def _squeeze(ends: dict[str, Range], total: Total) -> None:
    """Tighten the ends of a total by those of its parts, then those of each part by the total and the other parts."""
    low, high = (math.fsum(ends[code][side] for code in total.parts) for side in (0, 1))
    ends[total.code] = (max(ends[total.code][0], low), min(ends[total.code][1], high))
    least, most = ends[total.code]
    open_ended = sum(math.isinf(ends[code][1]) for code in total.parts)
    finite = math.fsum(ends[code][1] for code in total.parts if not math.isinf(ends[code][1]))
    for code in total.parts:
        own = ends[code]
        others = math.inf if open_ended > math.isinf(own[1]) else finite - (0.0 if math.isinf(own[1]) else own[1])
        ends[code] = (max(own[0], least - others), min(own[1], most - (low - own[0])))


def solved(
    shown: Mapping[str, float], hidden: Collection[str], totals: Sequence[Total], people: Mapping[str, float] | None = None
) -> dict[str, Range]:
    """The same by linear programming over all totals at once: exact for overlapping ones too, and slower.

    Counts that contradict each other (rounded ones may) allow nothing, and are left out.
    """
    from scipy import optimize  # late: takes a third of a second

    order = sorted(hidden)
    rows: list[list[float]] = []
    sums: list[float] = []
    for total in totals:
        if all(code in shown or code in hidden for code in total.members):
            sign = {**dict.fromkeys(total.parts, 1.0), total.code: -1.0}
            rows.append([sign.get(code, 0.0) for code in order])
            sums.append(-math.fsum(sign[code] * shown[code] for code in total.members if code in shown))
    if not rows:
        return squeezed(shown, hidden, (), people)
    limits = [(0.0, (people or {}).get(code)) for code in order]
    found: dict[str, Range] = {}
    for place, code in enumerate(order):
        ends: list[float] = []
        for sign in (1.0, -1.0):
            goal = [sign * (number == place) for number in range(len(order))]
            outcome: Any = optimize.linprog(goal, A_eq=rows, b_eq=sums, bounds=limits)
            if outcome.status == UNBOUNDED:
                ends.append(math.inf)
            elif outcome.success:
                ends.append(sign * float(outcome.fun))
        if len(ends) == 2:
            found[code] = (ends[0], ends[1])
    return found


def told(ends: Mapping[str, Range], people: Mapping[str, float] | None = None, k: int = SMALL) -> list[str]:
    """The hidden codes that can be fewer than k different steps apart; of an area with fewer people, fewer than its people."""
    return sorted(
        code for code, (low, high) in ends.items() if high - low < min(k, (people or {}).get(code, math.inf)) - TOLERANCE
    )


def protect(
    counts: Mapping[str, int],
    totals: Sequence[Total],
    people: Mapping[str, float] | None = None,
    *,
    k: int = SMALL,
    before: Collection[str] = (),
) -> frozenset[str]:
    """The codes whose count is not to be shown: the small ones, and what would give them away.

    `before`: codes that an earlier edition hid; they stay hidden, or the editions together would tell. UsageError for k under
    SMALL. Of the counts that could hide another, the smallest in the same total goes first, then the total itself.
    """
    if k < SMALL:
        raise UsageError(f"k is {k}; it may only be raised above {SMALL}", todo=f"Give {SMALL} or more")
    hidden = {code for code, count in counts.items() if is_small(count, (people or {}).get(code), k)}
    hidden |= counts.keys() & set(before)
    attacks = (squeezed, solved) if _overlap(totals) else (squeezed,)
    while True:
        shown = {code: float(count) for code, count in counts.items() if code not in hidden}
        away: list[str] = []
        for attack in attacks:
            away = away or told(attack(shown, hidden, totals, people), people, k)
        near = sorted(totals, key=lambda total: set(total.members).isdisjoint(away)) if away else ()
        more = next((code for total in near if (code := _next(counts, total, hidden)) is not None), None)
        if more is None:
            return frozenset(hidden)
        hidden.add(more)


def _overlap(totals: Sequence[Total]) -> bool:
    """Is an area part of two totals, or the total of two?"""
    parts = [code for total in totals for code in total.parts]
    return len(parts) > len(set(parts)) or len(totals) > len({total.code for total in totals})


def _next(counts: Mapping[str, int], total: Total, hidden: Collection[str]) -> str | None:
    """The next count of a total to hide: its smallest part above 0, then a zero, then the total; None when all are hidden."""
    left = [code for code in total.parts if code in counts and code not in hidden]
    if left:
        return min(left, key=lambda code: (counts[code] == 0, counts[code], code))
    return total.code if total.code in counts and total.code not in hidden else None


def rounded(counts: Mapping[str, int], hidden: Collection[str], base: int = BASE) -> dict[str, int]:
    """What is shown, each count to the nearest multiple of `base`; the hidden ones are not in it."""
    return {code: base * ((2 * count + base) // (2 * base)) for code, count in counts.items() if code not in hidden}
