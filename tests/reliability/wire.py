"""The files behind the loopback server, read without any help of `beeld`."""

import gzip
from pathlib import Path
from typing import Any

import orjson

Row = dict[str, Any]


def rows_of(data: Path, table: str, entity_set: str) -> list[Row]:
    """The rows of an entity set as they lie on disk."""
    found = sorted(data.glob(f"odata_v3/*/{table}/{entity_set}.json*"))
    assert found, f"{data} has no {table}/{entity_set}"
    raw = found[0].read_bytes()
    return orjson.loads(gzip.decompress(raw) if found[0].suffix == ".gz" else raw)["value"]
