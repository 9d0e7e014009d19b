"""How far the fetching of a table is, for who watches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableProgress:
    """What was received of one table so far. `bytes` are unpacked; `expected` rows only where they are known beforehand."""

    name: str
    rows: int
    pages: int
    bytes: int
    expected: int | None = None
    done: bool = False

    def __str__(self) -> str:
        of = f" of {self.expected}" if self.expected is not None else ""
        return f"{self.name}: {self.rows} rows{of}, {self.pages} pages, {self.bytes / 1e6:.1f} MB"
