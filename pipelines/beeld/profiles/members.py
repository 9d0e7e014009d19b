"""The buurten that a union is made of, each with its own outcome: a union itself gets none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from beeld.profiles.model import Area
from beeld.profiles.reading import ReleaseData


@dataclass(frozen=True, slots=True)
class Member:
    """One buurt of a union; `outcome` is that of `integraal`, None where the release has none."""

    area: Area
    outcome: str | None


def load_members(con: duckdb.DuckDBPyConnection, data: ReleaseData, codes: Iterable[str]) -> Mapping[str, tuple[Member, ...]]:
    """Union -> its buurten in the order of their codes, for each of `codes` that is a union."""
    wanted = set(codes)
    parts = {
        union.code: sorted(code for code in set(union.buurten) if code in data.areas)
        for union in data.catalog.unions
        if union.code in wanted
    }
    buurten = sorted({code for found in parts.values() for code in found})
    if not buurten:
        return {}
    sql = "select gebiedscode, uitkomst from integraal where gebiedscode in (select unnest(?))"
    outcomes: dict[str, str] = dict(con.execute(sql, [buurten]).fetchall())
    return {union: tuple(Member(data.areas[code], outcomes.get(code)) for code in found) for union, found in parts.items()}
