"""Python lists into DuckDB by way of Arrow: hundreds of times faster than `executemany`."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pyarrow_parquet
from numpy.typing import NDArray

from beeld.sources.sql import literal

Kind = Literal["text", "double", "integer", "byte", "blob", "texts"]

Array = Any
"""An Arrow array; pyarrow has no types to name it with."""
ARROW: Any = pa
PARQUET: Any = pyarrow_parquet
ARROW.set_memory_pool(ARROW.system_memory_pool())  # the usual one keeps what was let go

TYPES: Mapping[Kind, Any] = {
    "text": pa.string(),
    "double": pa.float64(),
    "integer": pa.int32(),
    "byte": pa.int8(),
    "blob": pa.binary(),
    "texts": pa.list_(pa.string()),
}


class WrongType(ValueError):
    """A value does not fit the kind of its column; `column` names which."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def array(column: str, kind: Kind, values: Sequence[Any]) -> Array:
    """The values as an Arrow array; WrongType, which names the column, for a misfit."""
    try:
        return ARROW.array(values, TYPES[kind])
    except (ValueError, TypeError) as error:  # what Arrow raises is one of these
        raise WrongType(column, str(error)) from error


def texts(values: Sequence[str | None]) -> Array:
    """Texts as an Arrow array; AttributeError for what is no text.

    Made of its parts, because what Arrow makes of a list itself first imports pandas.
    """
    there = [text is not None for text in values]
    parts = [b"" if text is None else text.encode() for text in values]
    offsets = np.zeros(len(parts) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, parts), np.int32, len(parts)), out=offsets[1:])
    buffers = [_bits(np.array(there, np.bool_)), ARROW.py_buffer(offsets), ARROW.py_buffer(b"".join(parts))]
    return ARROW.Array.from_buffers(ARROW.string(), len(parts), buffers)


def numbers(values: NDArray[Any], there: NDArray[np.bool_] | None = None) -> Array:
    """Numbers as an Arrow array of their own type, null where `there` is false."""
    buffers = [None if there is None else _bits(there), ARROW.py_buffer(np.ascontiguousarray(values))]
    return ARROW.Array.from_buffers(ARROW.from_numpy_dtype(values.dtype), len(values), buffers)


def _bits(there: NDArray[np.bool_]) -> Array:
    """The validity bitmap of Arrow; None where every value is there."""
    return None if there.all() else ARROW.py_buffer(np.packbits(there, bitorder="little"))


class Rows:
    """Columns on their way to DuckDB through a Parquet file, some rows at a time: they are never in memory together.

    DuckDB reads that file by itself; to read from Arrow it imports pandas, 70 MB.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Any = None

    def add(self, columns: Mapping[str, Array]) -> None:
        """More rows; the columns and their types are those of the first."""
        table = ARROW.table(columns)
        if self._writer is None:
            self._writer = PARQUET.ParquetWriter(
                self.path, table.schema, compression="lz4", use_dictionary=False, write_statistics=False
            )
        self._writer.write_table(table)

    def close(self) -> None:
        """The file is complete."""
        if self._writer is not None:
            self._writer.close()

    @property
    def relation(self) -> str:
        """The rows, as SQL."""
        return f"read_parquet({literal(str(self.path))})"


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, tuple[Kind, Sequence[Any]]]) -> Generator[None]:
    """The columns (kind and values, all of one length) as table `name` while the block runs; WrongType for a misfit."""
    con.register(name, ARROW.table({column: array(column, kind, values) for column, (kind, values) in columns.items()}))
    try:
        yield
    finally:
        con.unregister(name)
