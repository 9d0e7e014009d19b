"""What a list says of every area: supplied lists, and measures of other publishers as a list.

A supplied list (`listed`) names areas. A measure (SES-WOA, Leefbaarometer) is turned into a list: the lowest fifth of the areas
of the same kind. A measure without figures is compared with nothing, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from beeld.transforms.catalog import Catalog, Indicator
from beeld.transforms.listed import SuppliedList

LOWEST = 0.20
"""Share of the areas of one kind that makes the list of a measure; areas with the value of the last one are on it too."""


@dataclass(frozen=True)
class Measure:
    """A published measure as a list: the source that has it, and the columns of its total, the best first."""

    id: str
    titel: str
    bron: str
    columns: tuple[str, ...]


MEASURES = (
    Measure("leefbaarometer", "Leefbaarometer: het laagste vijfde deel", "leefbaarometer", ("afwijking", "klasse")),
    Measure("ses-woa", "SES-WOA: het laagste vijfde deel", "cbs_ses_woa", ("score_totaal", "percentielgroep")),
)


@dataclass(frozen=True)
class Listed:
    """What a list says of one area: on it, not on it, or (None) nothing, with the reason."""

    code: str
    on_list: bool | None
    reason: str = ""


@dataclass(frozen=True)
class Comparable:
    """A list as it is compared: the row of `lijst`, and what it says of every area that it speaks of."""

    id: str
    titel: str
    bron: str
    jaar: int | None
    reason: str | None
    areas: tuple[Listed, ...]
    delivered: bool = True

    @property
    def count(self) -> int | None:
        """Areas of this release that are on the list; None when there is no list to compare with."""
        return sum(area.on_list is True for area in self.areas) if self.delivered else None


def compared_lists(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> list[Comparable]:
    """Every list that our outcome is put beside, by id; the areas of each by code.

    Needs `werk.deelnemer`, `werk.keten`, `gebied_historie` and the figures of a build database.
    """
    found = [_of_measure(con, catalog, measure) for measure in MEASURES if measure.bron in catalog.sources]
    found += [_of_supplied(con, catalog, supplied) for supplied in catalog.lists]
    return sorted(found, key=lambda item: item.id)


def _of_measure(con: duckdb.DuckDBPyConnection, catalog: Catalog, measure: Measure) -> Comparable:
    """The lowest fifth of the areas of each kind on a measure of another publisher, in its latest year."""
    publisher = catalog.sources[measure.bron].uitgever
    indicator = _total(catalog, measure)
    rows: list[tuple[Any, ...]] = []
    if indicator is not None:
        sign = -1 if catalog.indicators[indicator].richting == "ongunstig" else 1
        rows = con.execute(
            """with cel as (
              select d.gebiedscode, d.soort, w.peiljaar, $sign * w.waarde as x
              from werk.deelnemer as d
              left join laatste_waarde as w on w.gebiedscode = d.gebiedscode and w.indicator = $indicator),
            grens as (select soort, quantile_cont(x, $lowest) as q from cel where x is not null group by soort)
            select c.gebiedscode, c.x <= g.q, max(c.peiljaar) over ()
            from cel as c join grens as g using (soort) order by c.gebiedscode""",
            {"sign": sign, "indicator": indicator, "lowest": LOWEST},
        ).fetchall()
    if not rows:
        why = "deze release heeft er geen cijfers van; er is niet mee vergeleken"
        return Comparable(measure.id, measure.titel, publisher, None, why, (), delivered=False)
    none = "de bron geeft voor dit gebied geen cijfer"
    areas = tuple(Listed(code, low, "" if low is not None else none) for code, low, _ in rows)
    return Comparable(measure.id, measure.titel, publisher, rows[0][2], None, areas)


def _total(catalog: Catalog, measure: Measure) -> str | None:
    """The indicator of rol validatie that is the total of a measure, as published; None where the catalogue has none."""

    def fits(indicator: Indicator, column: str) -> bool:
        return indicator.rol == "validatie" and indicator.bron == measure.bron and indicator.formule.strip() == column

    found = [name for column in measure.columns for name, indicator in catalog.indicators.items() if fits(indicator, column)]
    return found[0] if found else None


def _of_supplied(con: duckdb.DuckDBPyConnection, catalog: Catalog, supplied: SuppliedList) -> Comparable:
    """A supplied list on the areas of the newest division: those of its kinds, where its makers looked.

    An area whose code in the division of the list is not known is neither on it nor off it. A union stands for its buurten.
    """
    unions = {union.code: union.buurten for union in catalog.unions if union.code in supplied.gebieden}
    present = con.execute(
        "select gebiedscode from gebied where list_contains(?, gebiedscode) order by 1", [sorted(unions)]
    ).fetchall()
    rows = _placed(con, supplied, unions, {buurt for (code,) in present for buurt in unions[code]})
    scope = set(supplied.gemeenten) or {gemeente for _, gemeente, on in rows if on}
    lost = f"dit gebied is niet terug te vinden in de indeling van {supplied.indeling_jaar}"
    areas = [
        Listed(code, on, "" if on is not None else lost) for code, gemeente, on in rows if "NL00" in scope or gemeente in scope
    ]
    areas += [Listed(code, True) for (code,) in present]
    areas.sort(key=lambda area: area.code)
    remark = _remark(con, supplied, areas, unions)
    return Comparable(supplied.id, supplied.titel, supplied.bron, supplied.jaar, remark, tuple(areas))


def _placed(
    con: duckdb.DuckDBPyConnection, supplied: SuppliedList, unions: Mapping[str, Sequence[str]], members: set[str]
) -> list[tuple[str, str | None, bool | None]]:
    """(gebiedscode, gemeentecode, on the list) of every area of the kinds on the list; `members`: the buurten of its unions.

    A list of an older division is followed along the same chains as figures are (`chains`).
    """
    kinds = {code[:2] for code in supplied.gebieden if code not in unions}
    if unions or not supplied.gebieden:
        kinds.add("BU")
    return con.execute(
        """with jaren as (select distinct indeling_jaar from gebied_historie),
        plaats as (
          select g.gebiedscode, g.gemeentecode, g.indeling_jaar = $jaar or $jaar not in (from jaren) as zelf, k.oude_code
          from gebied as g
          left join werk.keten as k on k.gebiedscode = g.gebiedscode and k.indeling_jaar = $jaar
          where list_contains($soorten, g.gebiedscode[1:2])),
        gezien as (
          select gebiedscode, gemeentecode, case when zelf then gebiedscode else oude_code end as code from plaats)
        select gebiedscode, gemeentecode,
          case when list_contains($leden, gebiedscode) then true when code is not null then list_contains($gebieden, code) end
        from gezien order by gebiedscode""",
        {
            "jaar": supplied.indeling_jaar,
            "soorten": sorted(kinds),
            "gebieden": list(supplied.gebieden),
            "leden": sorted(members),
        },
    ).fetchall()


def _remark(
    con: duckdb.DuckDBPyConnection, supplied: SuppliedList, areas: Sequence[Listed], unions: Mapping[str, Sequence[str]]
) -> str | None:
    """What a reader of the whole list must know: nothing on it, areas that were lost, a division that was not delivered."""
    delivered = con.execute("select distinct indeling_jaar from gebied_historie order by 1").fetchall()
    found = sum(area.on_list is True and area.code not in unions for area in areas)
    asked = len({code for code in supplied.gebieden if code not in unions} | {b for parts in unions.values() for b in parts})
    parts = [
        "de lijst is leeg" if not supplied.gebieden else "",
        f"niet terug te vinden in de indeling van deze release: {asked - found} van {asked}" if found < asked else "",
        f"indeling {supplied.indeling_jaar} is niet geleverd: op code vergeleken"
        if (supplied.indeling_jaar,) not in delivered
        else "",
    ]
    return "; ".join(part for part in parts if part) or None
