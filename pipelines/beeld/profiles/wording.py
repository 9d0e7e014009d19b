"""How figures and areas are written in Dutch: numbers, units, states, kinds and names."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from beeld.profiles.model import Area, Cell
from beeld.transforms.catalog import Indicator

NBSP = "\u00a0"
EXACT = 1e15
"""From here on a double has no decimals that are sure."""
UNTESTED = "grens niet getoetst"

NOUNS = {
    "buurt": "deze buurt",
    "wijk": "deze wijk",
    "gemeente": "deze gemeente",
    "samengesteld": "dit gebied",
    "land": "Nederland",
}
KINDS = {
    "telling": "geteld",
    "registratie": "registratie",
    "steekproef": "steekproef",
    "modelschatting": "modelschatting",
    "afstand": "berekende afstand",
    "score": "score",
}
STATES = {
    "onbekend": "geen gegevens",
    "niet_geleverd": "geen gegevens",
    "geheim": "afgeschermd",
    "te_klein": "afgeschermd",
    "geen_noemer": "n.v.t.",
    "niet_van_toepassing": "n.v.t.",
}
RELATIONS = {
    "hoger": "hoger dan",
    "lager": "lager dan",
    "gelijk": "niet aantoonbaar verschillend van",
    "niet_toetsbaar": "niet te toetsen: verschil met",
}
FURTHER = {"hoger": "groter dan", "lager": "kleiner dan"}
"""The same for a distance."""
PLURALS = {"buurt": "buurten", "wijk": "wijken", "gemeente": "gemeenten", "samengesteld": "gebieden", "land": "landen"}
CERTAINTIES = {"stevig": "stevig", "onzeker": "onzeker"}
LEVELS = {"geen": "geen signaal", "aandacht": "vraagt aandacht", "sterk": "sterk signaal", "kracht": "kracht"}


@lru_cache(maxsize=65_536)
def rounded(value: float, decimals: int) -> float:
    """The number as it is printed. As a spreadsheet shows it: the fifteen digits that a double is sure of, a half away from zero.

    The workbook holds numbers unrounded, so that any other rule would show one figure in two ways. Never -0.
    """
    if not abs(value) < EXACT:
        return value
    return float(Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)) + 0.0


def dutch(value: float, decimals: int) -> str:
    """The number as it is written in Dutch: a point between thousands, a comma before decimals, never "-0"."""
    return f"{rounded(value, decimals):,.{decimals}f}".replace(",", "#").replace(".", ",").replace("#", ".")


def whole_percent(share: float) -> str:
    """A share of draws in whole percents, rounded down: what is below a bound is never printed as that bound."""
    return f"{int(100 * share + 1e-9)}{NBSP}%"


def plain_units(text: str) -> str:
    """`text` with 1 000 written as 1.000."""
    return text.replace("1 000", "1.000").replace(" km²", f"{NBSP}km²")


def unit_name(indicator: Indicator) -> str:
    """The unit in words, for the head of a row."""
    names = {"x 1 000 euro": "duizend euro", "klasse 1-5": "klasse van 1 tot en met 5"}
    return names.get(indicator.eenheid, plain_units(indicator.eenheid))


def show_value(value: float, indicator: Indicator, *, unit: bool) -> str:
    """A value with the decimals of the catalogue; with `unit` also its unit."""
    number = dutch(value, indicator.decimalen)
    if indicator.eenheid == "procent":
        return f"{number}{NBSP}%"
    if not unit or indicator.eenheid == "aantal":
        return number
    if indicator.eenheid == "klasse 1-5":
        return f"klasse{NBSP}{number}"
    return f"{number} {unit_name(indicator)}".replace(" ", NBSP, 1)


def show(cell: Cell, indicator: Indicator, *, unit: bool = False) -> str:
    """The cell as printed: its value, or "geen gegevens", "afgeschermd" or "n.v.t."."""
    return STATES[cell.status] if cell.value is None else show_value(cell.value, indicator, unit=unit)


def show_interval(cell: Cell, indicator: Indicator, *, assumed: bool) -> str | None:
    """The 95 percent interval in words; an interval that the source does not give is called assumed."""
    if cell.value is None or cell.lower is None or cell.upper is None or cell.lower == cell.upper:
        return None
    low, high = (dutch(bound, indicator.decimalen) for bound in (cell.lower, cell.upper))
    name = "aangenomen marge" if assumed else "marge"
    return f"{name} {low}{NBSP}tot{NBSP}{high}"


def noun(area: Area) -> str:
    """How a text refers to the area: deze buurt, deze wijk, Nederland."""
    return NOUNS[area.kind]


def definite(area: Area) -> str:
    """How a text refers to another area: de wijk, de gemeente, Nederland."""
    return "Nederland" if area.kind == "land" else f"de {area.kind}"


def relation_words(relation: str, indicator: Indicator) -> str:
    """How a difference is named: a share is higher, a distance is larger; the name of the other area follows."""
    return FURTHER.get(relation, RELATIONS[relation]) if indicator.eenheid == "km" else RELATIONS[relation]


def lower_first(title: str) -> str:
    """A title inside a sentence; abbreviations such as WOZ keep their capitals."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def plain_reason(reason: str) -> str:
    """A reason without a closing point, with thousands written in Dutch."""
    return plain_units(reason.strip().rstrip("."))


def first_upper(words: str) -> str:
    """`words` with a capital."""
    return words[:1].upper() + words[1:]
