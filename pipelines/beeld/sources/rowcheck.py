"""Whether the rows of a delivery are rows: every announced column there, every key once, every number a number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from types import NoneType
from typing import Any, Protocol

from beeld.errors import SourceChanged
from beeld.sources.columns import Layout
from beeld.sources.declarations import Source, Table
from beeld.sources.http import safe
from beeld.sources.members import Names
from beeld.sources.odata_v3 import NUMBER, SIGNS
from beeld.sources.questions import WHOLE, Question
from beeld.sources.whole_rows import Columns, WholeRows
from beeld.sources.words import shared

NUMBERS = frozenset({int, float, NoneType})


class Ignored(Exception):
    """The service answers with rows that were not asked for: it passed over the filter."""


class Receiver(Protocol):
    """Who wants the cells of a delivery while it is fetched, so that its pages need not be read again."""

    def begin(self, page: str) -> None:
        """The rows of this page come next. A page that begins twice was not whole the first time."""
        ...

    def take(self, columns: Columns) -> bool:
        """Some rows with new keys: the dimensions and the declared columns of the layout, by the names that the source has.

        True when it read every number among them as one, so that nobody else need look at them. Untyped rows come before they
        were looked at; after a bad one there come no more.
        """
        ...


Receive = Callable[[Source, Table, Layout, bool, Names], Receiver | None]
"""Asked for each data set that is fetched (the fourth argument: whether it is Untyped); None: nobody wants its cells."""


def nobody(*_: object) -> None:
    """A `Receive` for when nobody wants the cells."""


class Spellings(dict[Any, str]):
    """A key as delivered -> without its padding, in capitals; each is looked at once."""

    def __missing__(self, key: Any) -> str:
        text = self[shared(key)] = shared(str(key).strip().upper())
        return text


class RowCheck:
    """Judges the rows of one table lot by lot. What a page adds counts from `accept` on, so that a page can be read again."""

    def __init__(
        self,
        layout: Layout,
        source: Source,
        untyped: bool,
        announced: Iterable[str] = (),
        receiver: Receiver | None = None,
    ) -> None:
        self.form = WholeRows([*layout.dimensions, *layout.columns.values()], announced)
        self._untyped = untyped
        self._receiver = receiver
        self._dimensions = layout.dimensions
        self._numbers = {name: key for name, key in layout.columns.items() if source.kolommen[name].soort == "getal"}
        self._spelling = Spellings()
        self._good: set[str | None] = {None}
        self._seen: set[tuple[str, ...]] = set()
        self._fresh: set[tuple[str, ...]] = set()
        self._question = WHOLE
        self._where = ""

    def begin(self, question: Question, where: str) -> None:
        """A page that answers `question` is about to be read, perhaps again."""
        self._question, self._where = question, where
        self._fresh = set()
        if self._receiver is not None:
            self._receiver.begin(where)

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

    def lot(self, rows: list[Any]) -> list[Any]:
        """The rows, after a look at each; SourceChanged for what is no good row, Ignored for one that was not asked for."""
        if not rows:
            return rows
        columns = self.form.columns(rows)
        if not self._question.whole and not self._asked_for(columns):
            raise Ignored
        self._refuse_repeats(columns)
        if self._untyped and self._receiver is not None and self._receiver.take(columns):
            return rows  # reading a million cells twice is a tenth of the work
        for name, key in self._numbers.items():
            self._refuse_cells(name, key, columns[key])
        if not self._untyped and self._receiver is not None:
            self._receiver.take(columns)
        return rows

    def _asked_for(self, columns: Columns) -> bool:
        keys = zip(*(columns[name] for name in self._dimensions), strict=True)
        return all(self._question.holds(dict(zip(self._dimensions, key, strict=True))) for key in keys)

    def _refuse_repeats(self, cells: Mapping[str, Sequence[Any]]) -> None:
        try:
            columns = [[*map(self._spelling.__getitem__, cells[dimension])] for dimension in self._dimensions]
        except TypeError as error:  # a list or an object, which is no key
            raise SourceChanged("a key of a row is no text", where=self._where) from error
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
        if not self._untyped:
            wrong = next((cell for cell in cells if type(cell) not in NUMBERS), None)
        else:
            try:
                if self._good.issuperset(cells):  # a table of a million cells holds a few thousand texts
                    return
                cells = [*{*cells} - self._good]
            except TypeError:  # a list or an object among them
                pass
            wrong = next((cell for cell in cells if not _is_figure(cell)), None)
        if wrong is not None:
            raise SourceChanged(
                f"column {key} ({name}) holds '{safe(str(wrong).strip())}', which is no number", where=self._where
            )
        self._good.update(cells if self._untyped else ())


def _is_figure(cell: Any) -> bool:
    """True for an Untyped cell that is a number or a known sign."""
    if not isinstance(cell, str):
        return cell is None
    text = cell.strip()
    return text in SIGNS or re.fullmatch(NUMBER, text) is not None
