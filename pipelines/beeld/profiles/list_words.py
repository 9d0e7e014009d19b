"""Our outcome beside lists of others, in sentences.

A list is a choice of people and a difference is a question, so nothing here is put in an order but that of codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from beeld.profiles.comparison import Comparisons, List, Row
from beeld.profiles.language import Words, noted, tr
from beeld.profiles.stored import stored
from beeld.profiles.wording import NOUNS, PLURALS, first_upper, numeral, percent
from beeld.transforms.listed import RESERVED
from beeld.transforms.lists import JUDGED, Agreement

FEWEST_FOR_KAPPA = 20
"""Areas from which a share or a measure of agreement says anything."""
NAMED = Words({"alleen_lijst": "alleen de lijst", "alleen_wij": "alleen wij", "beide": "de lijst en wij"})


@dataclass(frozen=True)
class GemeenteList:
    """One list on the page of a gemeente: sentences, and the areas that one of both names, by code."""

    title: str
    sentences: tuple[str, ...]
    named: tuple[Row, ...]


def absent(compared: Comparisons) -> str:
    """One sentence on the lists that nothing was compared with; empty when there are none."""
    names = [stored(item.title) for item in compared.lists if item.count is None]
    told = noted("Niet vergeleken: {names}. Deze release heeft daar geen cijfers van.")
    return tr(told, names="; ".join(names)) if names else ""


def of_area(compared: Comparisons, code: str) -> list[str]:
    """One sentence per list that speaks of this area."""
    known = {item.id: item for item in compared.lists}
    return [f"{list_name(known[row.list_id])}: {_words(row)}." for row in compared.rows.get(code, ())]


def list_name(item: List) -> str:
    """Title, maker and year; our own titles in the language that is spoken."""
    return item.name.replace(item.title, stored(item.title), 1)


def of_gemeente(compared: Comparisons, gemeente: str) -> list[GemeenteList]:
    """What stands on the page of a gemeente: every list that speaks of areas inside it."""
    found: list[GemeenteList] = []
    for item in compared.lists:
        kinds = [kind for kind in ("wijk", "buurt") if (item.id, gemeente, kind) in compared.totals]
        sentences = [line for kind in kinds for line in _sentences(compared, item, gemeente, kind)]
        if sentences:
            remark = [f"{first_upper(stored(item.remark))}."] if item.remark else []
            found.append(GemeenteList(list_name(item), (*sentences, *remark), tuple(_named(compared, item.id, gemeente))))
    return found


def counted(found: Agreement, total: int, where: str) -> str:
    """The agreement in words; a share or a measure of agreement only with the number that it rests on."""
    told = noted("{where}: {total}, waarvan {number} te vergelijken.")
    start = tr(told, where=first_upper(where), total=numeral(total, 0), number=numeral(found.n, 0))
    if not found.n:
        return start
    named = found.n - found.geen_van_beide
    parts = [
        start,
        tr("De lijst en wij: {number}.", number=numeral(found.beide, 0)),
        tr("Alleen de lijst: {number}.", number=numeral(found.alleen_lijst, 0)),
        tr("Alleen wij: {number}.", number=numeral(found.alleen_wij, 0)),
        tr("Geen van beide: {number}.", number=numeral(found.geen_van_beide, 0)),
    ]
    if found.overlap is not None and named >= FEWEST_FOR_KAPPA:
        told = noted("Overlap: {share} van de {number} die de lijst of wij noemen.")
        parts.append(tr(told, share=percent(numeral(100 * found.overlap, 0)), number=numeral(named, 0)))
    if found.n < FEWEST_FOR_KAPPA:
        parts.append(tr("Dat zijn te weinig gebieden voor een maat van overeenstemming."))
    elif found.kappa is not None and found.margin is not None:
        low, high = numeral(found.kappa - found.margin, 2), numeral(min(1.0, found.kappa + found.margin), 2)
        told = noted("Kappa: {kappa} (0 is toeval, 1 is gelijk; ruwe marge {low} tot {high}).")
        parts.append(tr(told, kappa=numeral(found.kappa, 2), low=low, high=high))
    return " ".join(parts)


def _sentences(compared: Comparisons, item: List, gemeente: str, kind: str) -> list[str]:
    key, everywhere, plural = (item.id, gemeente, kind), (item.id, "NL00", kind), PLURALS[kind]
    lines = [counted(compared.totals[key], compared.areas[key], tr("{areas} in deze gemeente", areas=plural))]
    if compared.areas[everywhere] > compared.areas[key]:
        where = noted("{areas} in heel Nederland") if item.id in RESERVED else noted("{areas} in alle gemeenten van de lijst")
        lines.append(counted(compared.totals[everywhere], compared.areas[everywhere], tr(where, areas=plural)))
    return lines


def _named(compared: Comparisons, list_id: str, gemeente: str) -> list[Row]:
    rows = (row for rows in compared.rows.values() for row in rows if row.list_id == list_id and row.gemeente == gemeente)
    return sorted((row for row in rows if row.verdict in NAMED and row.kind in ("wijk", "buurt")), key=lambda row: row.code)


def _words(row: Row) -> str:
    here, reason = NOUNS[row.kind if row.kind in ("buurt", "wijk", "gemeente") else "samengesteld"], stored(row.reason)
    if row.verdict in JUDGED:
        return f"{here} {reason}"
    if row.on_list is None:
        return tr("niet te vergelijken; {reason}", reason=reason)
    on = noted("{here} staat op de lijst; niet te vergelijken: {reason}")
    off = noted("{here} staat niet op de lijst; niet te vergelijken: {reason}")
    return tr(on if row.on_list else off, here=here, reason=reason)
