"""How many people or households a figure is about, and how many of them live outside chosen areas: METHOD.md sections 7 and 15.

A count of the source is taken as it is. A share is multiplied by its base, of the same peiljaar; where the source of the share
counts other people than the source of the base, the range covers both. Nothing is filled in: a size that cannot be had says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import TypeAdapter, ValidationError

from beeld.errors import UsageError
from beeld.sources.declarations import Declaration, Identifier, read_yaml, validated
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import Catalog

FILE = "doelgroepen.yaml"
COVERAGE = 0.80
"""Share of the inhabitants of a gemeente that must live in buurten with a known size before a share outside is published."""
TO_DISCUSS = ("bespreken", "grensgeval")
OUTCOME = "uitkomst"
"""The chosen areas are the buurten that the decision rule names; the other choices are unions, by their code."""


class TargetGroup(Declaration):
    """One target group; see the head of `transforms/doelgroepen.yaml`."""

    titel: str
    uitleg: str
    thema: Identifier
    eenheid: Literal["personen", "huishoudens"]
    indicator: Identifier
    basis: str
    basis_hoogstens: tuple[Identifier, ...] = ()
    basis_minstens: tuple[Identifier, ...] = ()

    @property
    def counted(self) -> bool:
        """True when the source counts the group itself; else it is a share times a base."""
        return not self.basis_hoogstens


@dataclass(frozen=True)
class Cell:
    """The figure of one area that a size is made from: a share or rate with its numerator, denominator and interval."""

    waarde: float | None
    status: str
    reden: str | None
    teller: float | None
    noemer: float | None
    ondergrens: float | None
    bovengrens: float | None


@dataclass(frozen=True)
class Size:
    """Persons or households, not rounded; without one a status and a reason. `basis` is what the figure is a share of."""

    aantal: float | None
    ondergrens: float | None
    bovengrens: float | None
    status: str
    reden: str | None
    basis: float | None


@dataclass(frozen=True)
class Outside:
    """The share (0 to 1) of a target group that lives outside the chosen areas, or why it cannot be told."""

    aandeel: float | None
    status: str
    reden: str | None
    n_gebieden: int


def load_target_groups(project: Path, catalog: Catalog) -> dict[str, TargetGroup]:
    """The declared target groups in their order; UsageError that names the entry for one that does not fit the catalogue."""
    path = project / "transforms" / FILE
    try:
        entries = TypeAdapter(dict[Identifier, Any]).validate_python(read_yaml(path))
    except ValidationError as error:
        raise UsageError(f"entries need names of a-z, 0-9 and _: {error}", where=str(path), todo="Mend the file") from error
    groups = {name: validated(TargetGroup, entry, path, name) for name, entry in entries.items()}
    for name, group in groups.items():
        if mistake := _mistake(group, catalog):
            raise UsageError(mistake, where=f"{path}: {name}", todo="Mend the entry")
    return groups


def _mistake(group: TargetGroup, catalog: Catalog) -> str | None:
    """What does not fit the catalogue, None when all does."""
    named = (group.indicator, *group.basis_hoogstens, *group.basis_minstens)
    if group.thema not in catalog.themes:
        return f"theme '{group.thema}' is not in themas.yaml"
    if unknown := [name for name in named if name not in catalog.indicators]:
        return f"no such indicator: {', '.join(unknown)}"
    counts = (group.indicator,) if group.counted else (*group.basis_hoogstens, *group.basis_minstens)
    if bare := [name for name in counts if catalog.indicators[name].parsed.noemer is None]:
        return f"needs a formula teller / noemer: {', '.join(bare)}"
    if not group.counted and catalog.indicators[group.indicator].eenheid != "procent":
        return "a share of a base needs an indicator in procent"
    if not set(group.basis_minstens) <= set(group.basis_hoogstens):
        return "basis_minstens holds more than basis_hoogstens"
    return None


def counted_size(cell: Cell, factor: float) -> Size:
    """The numerator of a figure, with the interval of the figure turned back into a count (`factor`: 100 or 1000)."""
    if cell.waarde is None or cell.teller is None:
        return Size(None, None, None, *_why(cell, "het aantal is onbekend"), cell.noemer)
    low, high = (None if bound is None or cell.noemer is None else bound / factor * cell.noemer for bound in _bounds(cell))
    return Size(cell.teller, low, high, "ok", None, cell.noemer)


def share_size(cell: Cell, largest: float | None, smallest: float | None, basis: str) -> Size:
    """A share in percent of a base that lies between `smallest` and `largest`: 20 % of 300 is 60, 10 % of 6 000 is 600."""
    if cell.waarde is None:
        return Size(None, None, None, *_why(cell, "het aandeel is onbekend"), largest)
    if largest is None or smallest is None:
        return Size(None, None, None, "onbekend", f"het aantal {basis} van dat jaar is onbekend", None)
    low, high = _bounds(cell)
    lower = None if low is None else low / 100 * smallest
    upper = None if high is None else high / 100 * largest
    return Size(cell.waarde / 100 * largest, lower, upper, "ok", None, largest)


def _bounds(cell: Cell) -> tuple[float | None, float | None]:
    return cell.ondergrens, cell.bovengrens


def _why(cell: Cell, reason: str) -> tuple[str, str]:
    return (cell.status, cell.reden or reason) if cell.status != "ok" else ("onbekend", reason)


def step(value: float) -> int:
    """To how many a size is rounded: 5 below 100, 10 below 1 000, above that two digits that count."""
    if value < 100:
        return 5
    return 10 if value < 1000 else 10 ** (math.floor(math.log10(value)) - 1)


def rounded(size: Size, *, counted: bool) -> Size:
    """The size as it is published: a count as the source gives it, an estimate rounded, the range rounded outwards."""
    if size.aantal is None:
        return size
    by = step(size.aantal)
    number = size.aantal if counted else float(by * math.floor(size.aantal / by + 0.5))
    low = None if size.ondergrens is None else min(number, float(by * math.floor(max(size.ondergrens, 0.0) / by)))
    high = None if size.bovengrens is None else max(number, float(by * math.ceil(size.bovengrens / by)))
    return Size(number, low, high, size.status, size.reden, size.basis)


def share_outside(sizes: Mapping[str, float | None], chosen: AbstractSet[str], people: Mapping[str, float | None]) -> Outside:
    """Which part of a target group lives outside `chosen` ("wie mis je?").

    `sizes`: code -> size of every buurt of the gemeente; `people`: code -> inhabitants, by which the unknown sizes are weighed.
    """
    inside = [code for code in sizes if code in chosen]
    if not inside:
        return Outside(None, "niet_van_toepassing", "geen buurt van de gemeente hoort bij deze keuze", 0)
    if any(sizes[code] is None for code in inside):
        return Outside(None, "onbekend", "van een gekozen buurt is het aantal onbekend", len(inside))
    everyone = math.fsum(people.get(code) or 0.0 for code in sizes)
    known = math.fsum(people.get(code) or 0.0 for code, size in sizes.items() if size is not None)
    if not everyone or known < COVERAGE * everyone:
        return Outside(None, "onbekend", "van te veel buurten is het aantal onbekend", len(inside))
    total = math.fsum(size for size in sizes.values() if size is not None)
    if total <= 0:
        return Outside(None, "geen_noemer", "in geen buurt woont iemand uit deze groep", len(inside))
    within = math.fsum(sizes[code] or 0.0 for code in inside)
    return Outside(min(1.0, max(0.0, 1 - within / total)), "ok", None, len(inside))


def compute_target_groups(con: duckdb.DuckDBPyConnection, catalog: Catalog, groups: Mapping[str, TargetGroup]) -> int:
    """Fill `doelgroep` and `doelgroep_buiten`; returns the number of rows of the first."""
    unions = {union.code: tuple(union.buurten) for union in catalog.unions}
    choices = _choices(con, unions)
    count = 0
    for name, group in groups.items():
        sizes, year = _sizes(con, catalog, group, unions)
        if year is None:
            continue
        _write_sizes(con, name, group, sizes, year)
        _write_outside(con, name, sizes, year, choices)
        count += len(sizes)
    return count


def _sizes(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, group: TargetGroup, unions: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Size], int | None]:
    """The size of a group in every area that has a row for its figure, and their peiljaar; nothing when no table has it."""
    rows = con.execute(
        """select gebiedscode, peiljaar, waarde, status, reden, teller, noemer, ondergrens, bovengrens
        from laatste_waarde where indicator = ? order by gebiedscode""",
        [group.indicator],
    ).fetchall()
    if not rows:
        return {}, None
    year = int(rows[0][1])
    cells = {row[0]: Cell(*row[2:]) for row in rows}
    if group.counted:
        factor = catalog.indicators[group.indicator].parsed.factor
        sizes = {code: counted_size(cell, factor) for code, cell in cells.items()}
        return {code: _whole(size, unions.get(code), sizes) for code, size in sizes.items()}, year
    largest = _base(con, group.basis_hoogstens, year, unions)
    smallest = _base(con, group.basis_minstens or group.basis_hoogstens, year, unions)
    return {code: share_size(cell, largest.get(code), smallest.get(code), group.basis) for code, cell in cells.items()}, year


def _whole(size: Size, members: Sequence[str] | None, sizes: Mapping[str, Size]) -> Size:
    """The size of a union only when each of its buurten has one: a sum over the known ones would be a count of something else."""
    if members is None or size.aantal is None:
        return size
    missing = sum(code not in sizes or sizes[code].aantal is None for code in members)
    if not missing:
        return size
    return Size(None, None, None, "onbekend", f"van {missing} van {len(members)} buurten is er geen aantal", size.basis)


def _base(
    con: duckdb.DuckDBPyConnection, names: Sequence[str], year: int, unions: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Area -> sum of the numerators of these figures in a year, where all of them are known; of a union in all its buurten."""
    rows = con.execute(
        """select gebiedscode, sum(teller::decimal(18, 3))::double from waarde
        where list_contains(?, indicator) and peiljaar = ? and teller is not null and gebiedscode not like 'SG-%'
        group by gebiedscode having count(*) = ? order by gebiedscode""",
        [list(names), year, len(names)],
    ).fetchall()
    found = {code: float(total) for code, total in rows}
    for union, members in unions.items():
        if all(code in found for code in members):
            found[union] = math.fsum(found[code] for code in members)
    return found


def _write_sizes(con: duckdb.DuckDBPyConnection, name: str, group: TargetGroup, sizes: Mapping[str, Size], year: int) -> None:
    shown = {code: rounded(size, counted=group.counted) for code, size in sorted(sizes.items())}

    def column(of: Callable[[Size], float | None]) -> list[float | None]:
        return [of(size) for size in shown.values()]

    columns: dict[str, tuple[Kind, list[Any]]] = {
        "gebiedscode": ("text", list(shown)),
        "aantal": ("double", column(lambda size: size.aantal)),
        "ondergrens": ("double", column(lambda size: size.ondergrens)),
        "bovengrens": ("double", column(lambda size: size.bovengrens)),
        "status": ("text", [size.status for size in shown.values()]),
        "reden": ("text", [size.reden for size in shown.values()]),
        "basis_aantal": ("double", column(lambda size: size.basis)),
    }
    with registered(con, "maten", columns):
        con.execute(
            """insert into doelgroep by name
            select gebiedscode, $name as doelgroep, $year as peiljaar, $unit as eenheid, aantal::bigint as aantal,
              ondergrens::bigint as ondergrens, bovengrens::bigint as bovengrens, status, reden, $base as basis,
              basis_aantal::bigint as basis_aantal
            from maten order by gebiedscode""",
            {"name": name, "year": year, "unit": group.eenheid, "base": group.basis},
        )


def _choices(
    con: duckdb.DuckDBPyConnection, unions: Mapping[str, Sequence[str]]
) -> list[tuple[str, str, dict[str, Any], set[str]]]:
    """(gemeente, choice, inhabitants of each of its buurten, chosen buurten) for the decision rule and for each union."""
    named = con.execute("select gebiedscode from integraal where list_contains(?, uitkomst) order by 1", [list(TO_DISCUSS)])
    discussed = {row[0] for row in named.fetchall()}
    gemeenten: dict[str, dict[str, Any]] = {}
    for gemeente, code, people in con.execute(
        "select gemeentecode, gebiedscode, inwoners from gebied where soort = 'buurt' and gemeentecode is not null order by 1, 2"
    ).fetchall():
        gemeenten.setdefault(gemeente, {})[code] = people
    placed = {row[0] for row in con.execute("select gebiedscode from gebied where soort = 'samengesteld' order by 1").fetchall()}
    found = [(gemeente, OUTCOME, people, discussed & people.keys()) for gemeente, people in gemeenten.items()]
    for union, members in sorted(unions.items()):
        inside = [(gemeente, people) for gemeente, people in gemeenten.items() if people.keys() & set(members)]
        found += [(gemeente, union, people, set(members)) for gemeente, people in inside if union in placed]
    return found


def _write_outside(
    con: duckdb.DuckDBPyConnection,
    name: str,
    sizes: Mapping[str, Size],
    year: int,
    choices: Collection[tuple[str, str, dict[str, Any], set[str]]],
) -> None:
    rows = [
        (gemeente, choice, share_outside({c: sizes[c].aantal if c in sizes else None for c in people}, chosen, people))
        for gemeente, choice, people, chosen in choices
    ]
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "gemeentecode": ("text", [gemeente for gemeente, _, _ in rows]),
        "keuze": ("text", [choice for _, choice, _ in rows]),
        "n_gebieden": ("integer", [outside.n_gebieden for _, _, outside in rows]),
        "aandeel_buiten": ("double", [outside.aandeel for _, _, outside in rows]),
        "status": ("text", [outside.status for _, _, outside in rows]),
        "reden": ("text", [outside.reden for _, _, outside in rows]),
    }
    with registered(con, "buiten", columns):
        con.execute(
            """insert into doelgroep_buiten by name
            select gemeentecode, $name as doelgroep, $year as peiljaar, keuze, n_gebieden, aandeel_buiten, status, reden
            from buiten order by gemeentecode, keuze""",
            {"name": name, "year": year},
        )
