"""What an OData v3 data set is asked for: the whole table, members of its dimensions, the rows of some gemeenten.

Every question can also be answered here: a service may ignore a filter without saying so (facts/CBS.md section 1.6), so what
comes back is held against the question.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from beeld.errors import SourceChanged
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source
from beeld.sources.members import wanted_members
from beeld.sources.odata_v3 import ANNUAL, Row

NATION = "NL"
KINDS = ("GM", "WK", "BU")
GEMEENTEN_AT_ONCE = 5
"""Gemeenten in one filter: 16 clauses of about 40 characters. An `or` over 60 clauses is refused (facts/CBS.md section 1.6)."""


@dataclass(frozen=True)
class Question:
    """One request for rows: equal members and, for a table that is fetched in part, the beginnings of the region codes."""

    equal: tuple[tuple[str, str], ...] = ()
    region: str = ""
    beginnings: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """True when every row is asked for."""
        return not self.equal and not self.beginnings

    @property
    def filter(self) -> str:
        """The `$filter` of the question; empty for the whole table."""
        clauses = [f"{name} eq '{key}'" for name, key in self.equal]
        if self.beginnings:
            either = " or ".join(f"startswith({self.region},'{text}')" for text in self.beginnings)
            clauses.append(f"({either})" if clauses else either)
        return " and ".join(clauses)

    def query(self) -> str:
        """The filter as the end of an address."""
        return "" if self.whole else f"&$filter={quote(self.filter)}"

    def holds(self, row: Row) -> bool:
        """True when a row is one that was asked for; a row without the column is judged elsewhere."""
        return all(name not in row or str(row[name]).strip() == key.strip() for name, key in self.equal) and (
            not self.beginnings or self.region not in row or str(row[self.region]).strip().startswith(self.beginnings)
        )


WHOLE = Question()


def region_questions(region: str, gemeenten: Sequence[str] | None) -> list[Question]:
    """The questions that together give every area of `gemeenten` and the national row; one for everything when it is None."""
    if gemeenten is None:
        return [WHOLE]
    lots = [gemeenten[start : start + GEMEENTEN_AT_ONCE] for start in range(0, len(gemeenten) or 1, GEMEENTEN_AT_ONCE)]
    return [
        Question(
            region=region,
            beginnings=(*((NATION,) if number == 0 else ()), *(f"{kind}{code[2:6]}" for code in lot for kind in KINDS)),
        )
        for number, lot in enumerate(lots)
    ]


def data_questions(
    source: Source, layout: Layout, members: Mapping[str, Sequence[Row]], gemeenten: Sequence[str] | None
) -> list[Question]:
    """The questions that together give every wanted row: one for the whole table, or one per combination of members.

    A dimension of which every member is wanted is in no filter: fewer requests for the same rows. Keys are the padded ones of the
    dimension table: another width silently selects nothing (facts/CBS.md section 1.6).
    """
    choices: list[list[tuple[str, str]]] = []
    for dimension, wanted in wanted_members(source).items():
        if dimension not in members:
            raise SourceChanged(f"dimension {dimension} is missing", where=source.bron)
        keys = [str(row["Key"]) for row in members[dimension]]
        chosen = [key for key in keys if key.strip() in wanted]
        if missing := sorted(wanted - {key.strip() for key in chosen}):
            raise SourceChanged(f"dimension {dimension} lacks {', '.join(missing)}", where=source.bron)
        if len(chosen) < len(keys):
            choices.append([(dimension, key) for key in chosen])
    if layout.time is not None:
        keys = [str(row["Key"]) for row in members[layout.time]]
        annual = [key for key in keys if ANNUAL.match(key.strip())]
        if len(annual) < len(keys):
            choices.append([(layout.time, key) for key in annual])
    regions = region_questions(layout.region, gemeenten)
    return [replace(question, equal=combination) for combination in itertools.product(*choices) for question in regions]


def gemeenten_of(codes: Sequence[str], unions: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The gemeenten that these codes lie in, sorted: of a union those of its buurten, of the country none."""
    flat: Iterator[str] = itertools.chain.from_iterable(unions.get(code, (code,)) for code in codes)
    return tuple(sorted({f"GM{code[2:6]}" for code in flat if code[:2] in KINDS}))
