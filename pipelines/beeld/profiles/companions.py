"""What stands beside the figures of an area: areas that are alike, groups of buurten and target groups, read at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from beeld.transforms.peers import Yardstick, composition, yardstick_of

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One row of `buur`."""

    code: str
    distance: float


@dataclass(frozen=True, slots=True)
class Group:
    """One group of table `cluster`: its name, theme and all of its buurten, also those of other gemeenten."""

    name: str
    theme: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupSize:
    """One row of `doelgroep`."""

    group: str
    year: int
    unit: str
    count: int | None
    lower: int | None
    upper: int | None
    status: str
    reason: str | None
    base: str
    base_count: int | None


@dataclass(frozen=True, slots=True)
class OutsideRow:
    """One row of `doelgroep_buiten`."""

    choice: str
    areas: int
    share: float | None
    status: str
    reason: str | None


@dataclass(frozen=True)
class Companions:
    """The rows of one area. `outside`: (choice, target group) -> share, of the gemeente that the area is or lies in."""

    peers: tuple[PeerRow, ...] = ()
    groups: tuple[Group, ...] = ()
    sizes: Mapping[str, GroupSize] = field(default_factory=dict[str, GroupSize])
    outside: Mapping[tuple[str, str], OutsideRow] = field(default_factory=dict[tuple[str, str], OutsideRow])


NONE = Companions()


@dataclass(frozen=True)
class Composition:
    """The composition of every area of one kind that is compared, and what is compared."""

    values: Mapping[str, Values]
    yardstick: Yardstick


def load_compositions(con: duckdb.DuckDBPyConnection) -> dict[str, Composition]:
    """Kind of area -> composition, by the same rule that found the peers."""
    return {kind: Composition(values, yardstick_of(kind, values)) for kind, values in composition(con).items()}


def load_companions(con: duckdb.DuckDBPyConnection, gemeenten: Mapping[str, str | None]) -> dict[str, Companions]:
    """The companions of these areas; `gemeenten`: code -> the gemeente that it is or lies in."""
    codes = sorted(gemeenten)
    peers: defaultdict[str, list[PeerRow]] = defaultdict(list)
    for code, *row in _rows(con, "select gebiedscode, buurcode, afstand from buur", codes, "gebiedscode, rang"):
        peers[str(code)].append(PeerRow(*row))
    sizes: defaultdict[str, dict[str, GroupSize]] = defaultdict(dict)
    columns = "doelgroep, peiljaar, eenheid, aantal, ondergrens, bovengrens, status, reden, basis, basis_aantal"
    for code, *row in _rows(con, f"select gebiedscode, {columns} from doelgroep", codes, "gebiedscode, doelgroep"):
        sizes[str(code)][row[0]] = GroupSize(*row)
    outside = _outside(con, {name for name in gemeenten.values() if name})
    groups = _groups(con, gemeenten)
    return {
        code: Companions(tuple(peers[code]), tuple(groups[code]), sizes[code], outside[gemeente or ""])
        for code, gemeente in gemeenten.items()
    }


def _outside(con: duckdb.DuckDBPyConnection, names: set[str]) -> defaultdict[str, dict[tuple[str, str], OutsideRow]]:
    found: defaultdict[str, dict[tuple[str, str], OutsideRow]] = defaultdict(dict)
    for gemeente, group, *row in con.execute(
        """select gemeentecode, doelgroep, keuze, n_gebieden, aandeel_buiten, status, reden from doelgroep_buiten
        where gemeentecode in (select unnest(?)) order by gemeentecode, doelgroep, keuze""",
        [sorted(names)],
    ).fetchall():
        found[gemeente][row[0], group] = OutsideRow(*row)
    return found


def _groups(con: duckdb.DuckDBPyConnection, gemeenten: Mapping[str, str | None]) -> defaultdict[str, list[Group]]:
    """Groups of each buurt, and of each gemeente that one of its buurten is in."""
    found: defaultdict[str, list[Group]] = defaultdict(list)
    for name, theme, codes, within in con.execute(
        """select c.cluster, c.thema, list(c.gebiedscode order by c.gebiedscode), list(distinct g.gemeentecode)
        from cluster as c join gebied as g using (gebiedscode) group by c.cluster, c.thema order by c.cluster, c.thema"""
    ).fetchall():
        for code in sorted({*codes, *within} & gemeenten.keys()):
            found[code].append(Group(name, theme, tuple(codes)))
    return found


def _rows(con: duckdb.DuckDBPyConnection, select: str, codes: Sequence[str], order: str) -> list[tuple[Any, ...]]:
    return con.execute(f"{select} where gebiedscode in (select unnest(?)) order by {order}", [list(codes)]).fetchall()
