"""Which members of a table's dimensions are meant: declared keys, titles resolved to the key that the delivery gives them.

Facts give some members by title only (`Totaal`, `Hbo, wo`). A title is declared as a pattern with a `*`; it must fit exactly one
member, else the delivery is refused. A dimension that the declaration passes over must have one member, because rows of several
members are figures of several populations (facts/CBS.md section 10: "drie cijfersoorten, never mix").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beeld.errors import SourceChanged
from beeld.sources.columns import Layout, fits
from beeld.sources.declarations import Source, Table
from beeld.sources.http import safe
from beeld.sources.words import plain, shared

Members = Mapping[str, Sequence[Mapping[str, Any]]]
"""Dimension -> the rows of its table (Key, Title)."""
SHOWN = 8
"""Members named in a message."""
FINAL = ("Definitief", None, "")
"""The status of a year whose figures will not change."""


@dataclass(frozen=True)
class Names:
    """Of areas and years, by their keys as delivered: titles, each on one line, and the years that are not final."""

    titles: Mapping[str, str]
    provisional: tuple[str, ...]


def names_of(regions: Iterable[Mapping[str, Any]], years: Iterable[Mapping[str, Any]]) -> Names:
    """The names in the rows of the region dimension and of the time dimension (none: no rows)."""
    titles = {shared(str(row.get("Key") or "")): shared(plain(str(row.get("Title") or ""))) for row in regions}
    return Names(titles, tuple(str(row.get("Key") or "") for row in years if row.get("Status") not in FINAL))


def wanted_members(source: Source) -> dict[str, set[str]]:
    """Dimension -> members (keys or patterns) that the source's columns need."""
    wanted = {dimension: {member} for dimension, member in source.dimensies.items()}
    for column in source.kolommen.values():
        for dimension, member in column.dimensies.items():
            wanted.setdefault(dimension, set()).add(member)
    return wanted


def of_table(source: Source, table: Table, layout: Layout, members: Members, where: str) -> Source:
    """The source with only the columns that `table` is searched for, and every member by its key: what is to be fetched.

    Raises SourceChanged when a title fits no member or several, or when a dimension is left open.
    """
    narrow = source.model_copy(update={"kolommen": source.columns_of(table)})
    _refuse_unchosen(narrow, layout, members, where)
    return pinned(narrow, members, where)


def patterned(source: Source) -> bool:
    """True when the declaration names a member by its title."""
    chosen = [source.dimensies, *(column.dimensies for column in source.kolommen.values())]
    return any("*" in member for members in chosen for member in members.values())


def pinned(source: Source, members: Members, where: str) -> Source:
    """The source with every title that a member is declared by replaced by the key of the member that has it.

    Raises SourceChanged when no member or more than one fits.
    """
    keys = {
        (dimension, text): _key(members.get(dimension, ()), text, dimension, where)
        for dimension, texts in wanted_members(source).items()
        for text in sorted(texts)
        if "*" in text
    }

    def named(chosen: Mapping[str, str]) -> dict[str, str]:
        return {dimension: keys.get((dimension, text), text) for dimension, text in chosen.items()}

    columns = {name: column.model_copy(update={"dimensies": named(column.dimensies)}) for name, column in source.kolommen.items()}
    return source.model_copy(update={"dimensies": named(source.dimensies), "kolommen": columns})


def _key(rows: Sequence[Mapping[str, Any]], text: str, dimension: str, where: str) -> str:
    found = [str(row["Key"]).strip() for row in rows if fits(str(row.get("Title") or ""), text)]
    if len(found) != 1:
        raise SourceChanged(
            f"{len(found)} members of dimension {dimension} fit '{text}'; it has {_shown(rows)}",
            where=where,
            todo="Declare the member by its key",
        )
    return found[0]


def _refuse_unchosen(source: Source, layout: Layout, members: Members, where: str) -> None:
    """SourceChanged when a dimension has several members and the declaration chooses none: their rows would be mixed."""
    chosen = set(wanted_members(source))
    for dimension in layout.dimensions:
        rows = members.get(dimension, ())
        if dimension not in (layout.region, layout.time) and dimension not in chosen and len(rows) > 1:
            raise SourceChanged(
                f"dimension {dimension} has {len(rows)} members and none is chosen; it has {_shown(rows)}",
                where=where,
                todo="Declare which member is meant, under 'dimensies'",
            )


def _shown(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = [safe(f"{str(row.get('Key')).strip()} ({str(row.get('Title') or '').strip()})") for row in rows[:SHOWN]]
    return ", ".join(shown) + (" and more" if len(rows) > SHOWN else "")
