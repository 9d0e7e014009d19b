"""Our outcome beside lists of others, in Dutch sentences.

A list is a choice of people and a difference is a question, so nothing here is put in an order but that of codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from beeld.profiles.comparison import Comparisons, List, Row
from beeld.profiles.wording import NBSP, dutch, first_upper
from beeld.transforms.listed import RESERVED
from beeld.transforms.lists import JUDGED, Agreement

FEWEST_FOR_KAPPA = 20
"""Areas from which a share or a measure of agreement says anything."""
KINDS = {"buurt": ("deze buurt", "buurten"), "wijk": ("deze wijk", "wijken"), "gemeente": ("deze gemeente", "gemeenten")}
NAMED = {"alleen_lijst": "alleen de lijst", "alleen_wij": "alleen wij", "beide": "de lijst en wij"}


@dataclass(frozen=True)
class GemeenteList:
    """One list on the page of a gemeente: sentences, and the areas that one of both names, by code."""

    title: str
    sentences: tuple[str, ...]
    named: tuple[Row, ...]


def absent(compared: Comparisons) -> str:
    """One sentence on the lists that nothing was compared with; empty when there are none."""
    names = [item.title for item in compared.lists if item.count is None]
    return f"Niet vergeleken: {'; '.join(names)}. Deze release heeft daar geen cijfers van." if names else ""


def of_area(compared: Comparisons, code: str) -> list[str]:
    """One sentence per list that speaks of this area."""
    known = {item.id: item for item in compared.lists}
    return [f"{known[row.list_id].name}: {_words(row)}." for row in compared.rows.get(code, ())]


def of_gemeente(compared: Comparisons, gemeente: str) -> list[GemeenteList]:
    """What stands on the page of a gemeente: every list that speaks of areas inside it."""
    found: list[GemeenteList] = []
    for item in compared.lists:
        kinds = [kind for kind in ("wijk", "buurt") if (item.id, gemeente, kind) in compared.totals]
        sentences = [line for kind in kinds for line in _sentences(compared, item, gemeente, kind)]
        if sentences:
            remark = [f"{first_upper(item.remark)}."] if item.remark else []
            found.append(GemeenteList(item.name, (*sentences, *remark), tuple(_named(compared, item.id, gemeente))))
    return found


def counted(found: Agreement, total: int, where: str) -> str:
    """The agreement in words; a share or a measure of agreement only with the number that it rests on."""
    start = f"{first_upper(where)}: {dutch(total, 0)}, waarvan {dutch(found.n, 0)} te vergelijken."
    if not found.n:
        return start
    named = found.n - found.geen_van_beide
    parts = [
        start,
        f"De lijst en wij: {dutch(found.beide, 0)}.",
        f"Alleen de lijst: {dutch(found.alleen_lijst, 0)}.",
        f"Alleen wij: {dutch(found.alleen_wij, 0)}.",
        f"Geen van beide: {dutch(found.geen_van_beide, 0)}.",
    ]
    if found.overlap is not None and named >= FEWEST_FOR_KAPPA:
        parts.append(f"Overlap: {dutch(100 * found.overlap, 0)}{NBSP}% van de {dutch(named, 0)} die de lijst of wij noemen.")
    if found.n < FEWEST_FOR_KAPPA:
        parts.append("Dat zijn te weinig gebieden voor een maat van overeenstemming.")
    elif found.kappa is not None and found.margin is not None:
        low, high = dutch(found.kappa - found.margin, 2), dutch(min(1.0, found.kappa + found.margin), 2)
        parts.append(f"Kappa: {dutch(found.kappa, 2)} (0 is toeval, 1 is gelijk; ruwe marge {low} tot {high}).")
    return " ".join(parts)


def _sentences(compared: Comparisons, item: List, gemeente: str, kind: str) -> list[str]:
    key, everywhere, plural = (item.id, gemeente, kind), (item.id, "NL00", kind), KINDS[kind][1]
    lines = [counted(compared.totals[key], compared.areas[key], f"{plural} in deze gemeente")]
    if compared.areas[everywhere] > compared.areas[key]:
        where = "heel Nederland" if item.id in RESERVED else "alle gemeenten van de lijst"
        lines.append(counted(compared.totals[everywhere], compared.areas[everywhere], f"{plural} in {where}"))
    return lines


def _named(compared: Comparisons, list_id: str, gemeente: str) -> list[Row]:
    rows = (row for rows in compared.rows.values() for row in rows if row.list_id == list_id and row.gemeente == gemeente)
    return sorted((row for row in rows if row.verdict in NAMED and row.kind in ("wijk", "buurt")), key=lambda row: row.code)


def _words(row: Row) -> str:
    here = KINDS.get(row.kind, ("dit gebied", "gebieden"))[0]
    if row.verdict in JUDGED:
        return f"{here} {row.reason}"
    if row.on_list is None:
        return f"niet te vergelijken; {row.reason}"
    return f"{here} staat {'' if row.on_list else 'niet '}op de lijst; niet te vergelijken: {row.reason}"
