"""Whether the rows of a delivery are rows: every announced column there, every key once, every number a number."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from operator import itemgetter
from types import NoneType
from typing import Any

from beeld.errors import SourceChanged
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source
from beeld.sources.http import safe
from beeld.sources.odata_v3 import NUMBER, SIGNS, Row
from beeld.sources.questions import WHOLE, Question

UNREMARKABLE = frozenset({int, float, NoneType})


class Ignored(Exception):
    """The service answers with rows that were not asked for: it passed over the filter."""


class RowCheck:
    """Judges the rows of one table lot by lot. What a page adds counts from `accept` on, so that a page can be read again."""

    def __init__(self, layout: Layout, source: Source, untyped: bool) -> None:
        self._untyped = untyped
        self._dimensions = layout.dimensions
        self._needed = [*dict.fromkeys([*layout.dimensions, *layout.columns.values()])]
        self._cells = itemgetter(*self._needed, self._needed[0])  # one more: of a single key it would give no tuple
        self._numbers = {name: key for name, key in layout.columns.items() if source.kolommen[name].soort == "getal"}
        self._spelling: dict[str, str] = {}
        self._good: set[str] = set()
        self._seen: set[tuple[str, ...]] = set()
        self._fresh: set[tuple[str, ...]] = set()
        self._question = WHOLE
        self._where = ""

    def begin(self, question: Question, where: str) -> None:
        """A page that answers `question` is about to be read, perhaps again."""
        self._question, self._where = question, where
        self._fresh = set()

    def accept(self) -> None:
        """The page is complete."""
        self._seen |= self._fresh
        self._fresh = set()

    @property
    def rows(self) -> int:
        """Rows of the accepted pages."""
        return len(self._seen)

    @property
    def seen(self) -> Set[tuple[str, ...]]:
        """The keys of the accepted pages, stripped and in capitals, one member per dimension of the layout."""
        return self._seen

    def lot(self, rows: list[Row]) -> list[Row]:
        """The rows, after a look at each; SourceChanged for what is no good row, Ignored for one that was not asked for."""
        if not rows:
            return rows
        try:
            columns = dict(zip(self._needed, zip(*map(self._cells, rows), strict=True), strict=False))
        except KeyError:
            missing = next(lacking for row in rows if (lacking := [key for key in self._needed if key not in row]))
            named = ", ".join(sorted(missing))
            raise SourceChanged(f"rows lack column {named} that DataProperties announces", where=self._where) from None
        if not self._question.whole and not all(map(self._question.holds, rows)):
            raise Ignored
        self._refuse_repeats(columns)
        for name, key in self._numbers.items():
            self._refuse_cells(name, key, columns[key])
        return rows

    def _refuse_repeats(self, cells: Mapping[str, Sequence[Any]]) -> None:
        spelling = self._spelling
        columns: list[list[str]] = []
        for dimension in self._dimensions:
            texts = [*map(str, cells[dimension])]
            for text in set(texts) - spelling.keys():
                spelling[text] = text.strip().upper()
            columns.append([spelling[text] for text in texts])
        keys = list(zip(*columns, strict=True))
        lot = set(keys)
        if len(lot) == len(keys) and self._seen.isdisjoint(lot) and self._fresh.isdisjoint(lot):
            self._fresh |= lot
            return
        known = self._seen | self._fresh
        twice = next(key for number, key in enumerate(keys) if key in known or key in keys[:number])
        raise SourceChanged(f"delivers row {' '.join(twice)} twice (a page served twice?)", where=self._where)

    def _refuse_cells(self, name: str, key: str, cells: Sequence[Any]) -> None:
        """SourceChanged for a number cell that is neither a number nor a known sign for missing (a decimal comma, say)."""
        kinds = set(map(type, cells))
        if not kinds - UNREMARKABLE:
            return
        if self._untyped and kinds == {str}:
            if self._good.issuperset(cells):
                return
            cells = [*set(cells).difference(self._good)]  # a table of a million cells holds a few thousand texts
        for cell in cells:
            if type(cell) in UNREMARKABLE:
                continue
            text = str(cell).strip()
            if not self._untyped or not isinstance(cell, str) or (text not in SIGNS and not re.fullmatch(NUMBER, text)):
                raise SourceChanged(f"column {key} ({name}) holds '{safe(text)}', which is no number", where=self._where)
            self._good.add(cell)
