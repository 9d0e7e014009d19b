"""Observations of OData v4: one row per figure, decoded to columns, held against what was asked for, never the same one twice.

A cell without a value is mostly omitted, so that only the code lists tell which cells there could be (facts/CBS.md section 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, BinaryIO
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pyarrow_compute
import pyarrow.csv as pyarrow_csv
from numpy.typing import NDArray

from beeld.errors import SourceChanged
from beeld.sources.http import safe
from beeld.sources.sql import literal

_pa: Any = pa  # pyarrow has no types
_compute: Any = pyarrow_compute
_csv: Any = pyarrow_csv

ATTRIBUTES = ("None", "Impossible", "Confidential", "NotAvailable")
"""What `ValueAttribute` may say. With None the value stands; otherwise it says why there is none."""
FILTER_ROOM = 1_500
"""Characters of an encoded `$filter`; how long an address v4 takes is not known, v3 refused about two thousand (section 1.6)."""
BLOCK = 16 * 1024 * 1024
"""Bytes of a bulk file that are decoded at a time."""


@dataclass(frozen=True)
class Batch:
    """Some observations as columns of one length (Arrow arrays), codes without padding."""

    measure: Any
    attribute: Any
    value: Any
    text: Any
    members: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """The number of observations."""
        return len(self.measure)


def of_rows(rows: Sequence[Mapping[str, Any]], dimensions: Sequence[str], where: str) -> Batch:
    """The rows of one JSON page as a batch; SourceChanged for a row that lacks a column or holds another kind of value."""
    columns: dict[str, list[Any]] = {}
    for name in ("Measure", "ValueAttribute", "Value", *dimensions):
        try:
            columns[name] = [row[name] for row in rows]
        except (KeyError, TypeError) as error:
            raise SourceChanged(f"a row lacks column {name}", where=where) from error
    texts = [row.get("StringValue") for row in rows]
    return Batch(
        _codes(columns["Measure"], "Measure", where),
        _codes(columns["ValueAttribute"], "ValueAttribute", where),
        _numbers(columns["Value"], where),
        _codes(texts, "StringValue", where),
        {name: _codes(columns[name], name, where) for name in dimensions},
    )


def of_csv(stream: BinaryIO, dimensions: Sequence[str], where: str) -> Iterator[Batch]:
    """The batches of a bulk `Observations.csv`: `;` between fields, a decimal comma, UTF-8 with or without a byte order mark.

    Raises SourceChanged when a column is missing or a value is no number.
    """
    names = ("Measure", "ValueAttribute", "Value", "StringValue", *dimensions)
    kinds = {name: _pa.float64() if name == "Value" else _pa.string() for name in names}
    convert = _csv.ConvertOptions(
        column_types=kinds, decimal_point=",", null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
    )
    try:
        reader = _csv.open_csv(stream, _csv.ReadOptions(block_size=BLOCK), _csv.ParseOptions(delimiter=";"), convert)
        for block in reader:
            yield _of_block(block, dimensions, where)
    except _pa.ArrowInvalid as error:
        raise SourceChanged(f"bulk file cannot be read: {safe(str(error))}", where=where) from error


def _of_block(block: Any, dimensions: Sequence[str], where: str) -> Batch:
    needed = ("Measure", "ValueAttribute", "Value", *dimensions)
    if missing := [name for name in needed if name not in block.schema.names]:
        raise SourceChanged(f"bulk file lacks column {', '.join(missing)}", where=where)
    texts = block.column("StringValue") if "StringValue" in block.schema.names else _pa.nulls(block.num_rows, _pa.string())
    return Batch(
        _compute.utf8_trim_whitespace(block.column("Measure")),
        _compute.utf8_trim_whitespace(block.column("ValueAttribute")),
        block.column("Value"),
        _compute.utf8_trim_whitespace(texts),
        {name: _compute.utf8_trim_whitespace(block.column(name)) for name in dimensions},
    )


def _codes(values: list[Any], name: str, where: str) -> Any:
    try:
        return _compute.utf8_trim_whitespace(_pa.array(values, _pa.string()))
    except (_pa.ArrowException, TypeError, ValueError) as error:
        raise SourceChanged(f"column {name} holds something that is no text: {safe(str(error))}", where=where) from error


def _numbers(values: list[Any], where: str) -> Any:
    if {type(value) for value in values} - {int, float, NoneType}:
        wrong = next(value for value in values if type(value) not in (int, float, NoneType))
        raise SourceChanged(f"column Value holds '{safe(str(wrong))}', which is no number", where=where)
    try:
        return _pa.array(values, _pa.float64())
    except _pa.ArrowException as error:  # a whole number that no double can hold
        raise SourceChanged(f"column Value holds a number that cannot be kept: {safe(str(error))}", where=where) from error


def places(array: Any, known: Sequence[str]) -> NDArray[np.int64]:
    """The place of each text of `array` in `known`; -1 for one that is not there."""
    found = _compute.index_in(array, value_set=_pa.array(known, _pa.string()))
    return np.asarray(_compute.fill_null(found, -1)).astype(np.int64)


def present(array: Any) -> NDArray[np.bool_]:
    """True where an Arrow array has a value."""
    return np.asarray(_compute.is_valid(array)).astype(np.bool_)


def filled(array: Any) -> NDArray[np.bool_]:
    """True where an Arrow array of texts has one that is not empty."""
    return np.asarray(_compute.fill_null(_compute.not_equal(array, ""), False)).astype(np.bool_)


@dataclass(frozen=True)
class Selection:
    """Which observations of a table are wanted: its measures, and of each dimension the members, among all that it has."""

    measures: tuple[str, ...]
    wanted: frozenset[str]
    texts: frozenset[str]
    """Those of the wanted measures whose value is a text."""
    members: Mapping[str, tuple[str, ...]]
    chosen: Mapping[str, frozenset[str]]

    @property
    def partial(self) -> bool:
        """True when the table holds more than is wanted."""
        return bool(self.filters() != [None])

    def filters(self) -> list[str | None]:
        """The `$filter` of each request: one None when all is wanted, else the measures in as few requests as have room."""
        fixed = [
            _within(name, [code for code in codes if code in self.chosen[name]])
            for name, codes in self.members.items()
            if len(self.chosen[name]) < len(codes)
        ]
        measures = [code for code in self.measures if code in self.wanted]
        if len(measures) == len(self.measures):
            return [" and ".join(fixed) or None]
        room = max(FILTER_ROOM - sum(len(quote(part)) for part in fixed), 200)
        return [" and ".join([_within("Measure", part), *fixed]) for part in _portions(measures, room)]


def _within(name: str, codes: Sequence[str]) -> str:
    listed = ",".join(map(literal, codes))  # OData quotes a text as SQL does
    return f"{name} in ({listed})"


def _portions(codes: Sequence[str], room: int) -> Iterator[list[str]]:
    portion: list[str] = []
    used = 0
    for code in codes:
        size = len(quote(code)) + 9
        if portion and used + size > room:
            yield portion
            portion, used = [], 0
        portion.append(code)
        used += size
    yield portion


class Ledger:
    """What has been received of a selection: refuses what was not asked for, what is not in a code list and what comes twice.

    Of each observation one number is kept (8 bytes), made of the places of its measure and members in the code lists.
    """

    def __init__(self, selection: Selection, where: str) -> None:
        self.rows = 0
        self.per_measure: NDArray[np.int64] = np.zeros(len(selection.measures), np.int64)
        self._selection, self._where = selection, where
        self._keys: list[NDArray[np.int64]] = []
        if math.prod([len(selection.measures), *map(len, selection.members.values())]) >= 1 << 62:
            raise SourceChanged("has more possible cells than can be counted", where=where)

    def take(self, batch: Batch, place: str, *, filtered: bool) -> None:
        """Count a batch. With `filtered` the service was asked for the selection only, so anything else is refused."""
        chosen = self._selection
        keys = self._places(batch.measure, "Measure", chosen.measures, chosen.wanted if filtered else None, place)
        refuse_kinds(batch, chosen.wanted, chosen.texts, place)
        self.per_measure += np.bincount(keys, minlength=len(chosen.measures))
        for name, codes in chosen.members.items():
            own = self._places(batch.members[name], name, codes, chosen.chosen[name] if filtered else None, place)
            keys = keys * len(codes) + own
        self._keys.append(keys)
        self.rows += batch.rows

    def _places(
        self, array: Any, name: str, codes: Sequence[str], wanted: frozenset[str] | None, place: str
    ) -> NDArray[np.int64]:
        found = places(array, codes)
        if (found < 0).any():
            code = array[int(np.argmax(found < 0))].as_py()
            raise SourceChanged(f"an observation has {name} '{safe(str(code))}', which the code list does not have", where=place)
        if wanted is not None:
            outside = ~np.array([code in wanted for code in codes], np.bool_)[found]
            if outside.any():
                stray = str(codes[int(found[int(np.argmax(outside))])])
                raise SourceChanged(f"answers with {name} '{safe(stray)}', not asked for", where=place)
        return found

    def refuse_twice(self) -> None:
        """SourceChanged when an observation of the same measure and members was received more than once."""
        keys = np.sort(np.concatenate(self._keys)) if self._keys else np.zeros(0, np.int64)
        same = np.flatnonzero(keys[1:] == keys[:-1])
        if not same.size:
            return
        key, parts = int(keys[same[0]]), list[str]()
        for codes in reversed([self._selection.measures, *self._selection.members.values()]):
            key, place = divmod(key, len(codes))
            parts.insert(0, codes[place])
        raise SourceChanged(f"delivers observation {safe(' '.join(parts))} twice (a page served twice?)", where=self._where)


def refuse_kinds(batch: Batch, wanted: frozenset[str], texts: frozenset[str], where: str) -> None:
    """SourceChanged for an unknown ValueAttribute, a text where a wanted measure has numbers, or a number where it has texts."""
    attribute = places(batch.attribute, ATTRIBUTES)
    if (attribute < 0).any():
        said = batch.attribute[int(np.argmax(attribute < 0))].as_py()
        raise SourceChanged(f"ValueAttribute '{safe(str(said))}' is not known", where=where)
    number, text = present(batch.value), filled(batch.text)
    values = np.asarray(batch.value.to_numpy(zero_copy_only=False), np.float64)
    if (number & ~np.isfinite(values)).any():
        raise SourceChanged("column Value holds a number without an end", where=where)
    for names, wrong, kind in (
        (wanted - texts, text & ~number, "a text where a number"),
        (texts, number & ~text, "a number where a text"),
    ):
        stray = wrong & (attribute == 0) & (places(batch.measure, sorted(names)) >= 0)
        if stray.any():
            measure = batch.measure[int(np.argmax(stray))].as_py()
            raise SourceChanged(f"measure {safe(str(measure))} has {kind} belongs", where=where)
