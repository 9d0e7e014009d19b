"""How figures and areas are written: numbers, units, states, kinds and names, in the language that is spoken."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from beeld.profiles.language import Words, spoken, tr
from beeld.profiles.model import Area, Cell
from beeld.profiles.stored import plainer, stored
from beeld.transforms.catalog import Indicator

NBSP = "\u00a0"
EXACT = 1e15
"""From here on a double has no decimals that are sure."""
UNTESTED = "grens niet getoetst"
ZERO = "de noemer is 0"
"""What a release says where a figure cannot exist."""
THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?: 000)+(?!\d)")
"""A round number of thousands as the declarations write it."""

NOUNS = Words(
    {
        "buurt": "deze buurt",
        "wijk": "deze wijk",
        "gemeente": "deze gemeente",
        "samengesteld": "dit gebied",
        "land": "Nederland",
    }
)
KINDS = Words(
    {
        "telling": "geteld",
        "registratie": "registratie",
        "steekproef": "steekproef",
        "modelschatting": "modelschatting",
        "afstand": "berekende afstand",
        "score": "score",
    }
)
STATES = Words(
    {
        "onbekend": "geen gegevens",
        "niet_geleverd": "geen gegevens",
        "geheim": "afgeschermd",
        "te_klein": "afgeschermd",
        "geen_noemer": "n.v.t.",
        "niet_van_toepassing": "n.v.t.",
    }
)
STATUSES = Words(
    {
        "onbekend": "onbekend",
        "niet_geleverd": "niet geleverd",
        "geheim": "geheim",
        "te_klein": "te klein",
        "geen_noemer": "geen noemer",
        "niet_van_toepassing": "niet van toepassing",
        "ok": "ok",
    }
)
RELATIONS = Words(
    {
        "hoger": "hoger dan",
        "lager": "lager dan",
        "gelijk": "niet aantoonbaar verschillend van",
        "niet_toetsbaar": "niet te toetsen: verschil met",
    }
)
FURTHER = Words({"hoger": "groter dan", "lager": "kleiner dan"})
"""The same for a distance."""
PLURALS = Words({"buurt": "buurten", "wijk": "wijken", "gemeente": "gemeenten", "samengesteld": "gebieden", "land": "landen"})
SINGULARS = Words({"buurt": "buurt", "wijk": "wijk", "gemeente": "gemeente", "samengesteld": "gebied", "land": "land"})
OTHERS = Words(
    {"buurt": "de buurt", "wijk": "de wijk", "gemeente": "de gemeente", "samengesteld": "het gebied", "land": "Nederland"}
)
CERTAINTIES = Words({"stevig": "stevig", "onzeker": "onzeker"})
LEVELS = Words({"geen": "geen signaal", "aandacht": "vraagt aandacht", "sterk": "sterk signaal", "kracht": "kracht"})
UNITS = Words({"x 1 000 euro": "duizend euro", "klasse 1-5": "klasse van 1 tot en met 5"})


@lru_cache(maxsize=65_536)
def rounded(value: float, decimals: int) -> float:
    """The number as it is printed. As a spreadsheet shows it: the fifteen digits that a double is sure of, a half away from zero.

    The workbook holds numbers unrounded, so that any other rule would show one figure in two ways. Never -0.
    """
    if not abs(value) < EXACT:
        return value
    return float(Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)) + 0.0


def numeral(value: float, decimals: int) -> str:
    """The number as it is written: 1.234,5 in Dutch, 1,234.5 in English, never "-0"."""
    said = spoken()
    return _numeral(value, decimals, said.thousands, said.decimal)


@lru_cache(maxsize=65_536)
def _numeral(value: float, decimals: int, thousands: str, decimal: str) -> str:
    text = f"{rounded(value, decimals):,.{decimals}f}"
    return text if decimal == "." else text.replace(",", "#").replace(".", decimal).replace("#", thousands)


def percent(number: str) -> str:
    """A number with the percent sign: 12,3 %, or 12.3%."""
    return f"{number}{spoken().percent}%"


def whole_percent(share: float) -> str:
    """A share of draws in whole percents, rounded down: what is below a bound is never printed as that bound."""
    return percent(str(int(100 * share + 1e-9)))


def plain_units(text: str) -> str:
    """`text` with 1 000 written as 1.000, or 1,000, and so 10 000."""
    return THOUSANDS.sub(lambda found: numeral(float(found[0].replace(" ", "")), 0), text).replace(" km²", f"{NBSP}km²")


def unit_name(indicator: Indicator) -> str:
    """The unit in words, for the head of a row."""
    return _unit(indicator.eenheid, spoken().code)


@lru_cache(maxsize=256)
def _unit(unit: str, _language: str) -> str:
    return UNITS.get(unit) or plain_units(tr(unit))


def show_value(value: float, indicator: Indicator, *, unit: bool) -> str:
    """A value with the decimals of the catalogue; with `unit` also its unit."""
    return _shown(value, indicator.decimalen, indicator.eenheid, unit, spoken().code)


@lru_cache(maxsize=65_536)
def _shown(value: float, decimals: int, unit: str, named: bool, language: str) -> str:
    number = numeral(value, decimals)
    if unit == "procent":
        return percent(number)
    if not named or unit == "aantal":
        return number
    if unit == "klasse 1-5":
        return tr("klasse\u00a0{number}", number=number)
    return f"{number} {_unit(unit, language)}".replace(" ", NBSP, 1)


def show(cell: Cell, indicator: Indicator, *, unit: bool = False) -> str:
    """The cell as printed: its value, or "geen gegevens", "afgeschermd" or "n.v.t."."""
    return absence(cell.status, cell.reason) if cell.value is None else show_value(cell.value, indicator, unit=unit)


def absence(status: str, reason: str | None) -> str:
    """A figure that is missing, in a word. Only with a denominator of 0 can it not exist; one that is not there is no data."""
    return STATES["niet_geleverd" if undelivered(status, reason) else status]


def undelivered(status: str, reason: str | None) -> bool:
    """True where the denominator is not there, which is something else than a denominator of 0."""
    return status == "geen_noemer" and ZERO not in (reason or "")


def show_interval(cell: Cell, indicator: Indicator, *, assumed: bool) -> str | None:
    """The 95 percent interval in words; an interval that the source does not give is called assumed."""
    if cell.value is None or cell.lower is None or cell.upper is None or cell.lower == cell.upper:
        return None
    low, high = (numeral(bound, indicator.decimalen) for bound in (cell.lower, cell.upper))
    return margin_words(low, high, assumed=assumed)


def margin_words(low: str, high: str, *, assumed: bool) -> str:
    """A margin in words; one that the source does not give is called assumed."""
    name = tr("aangenomen marge") if assumed else tr("marge")
    return tr("{name} {low}\u00a0tot\u00a0{high}", name=name, low=low, high=high)


def status(name: str) -> str:
    """A status of a figure: in Dutch as the release has it, elsewhere in words."""
    return name if spoken().code == "nl" or not name else STATUSES[name]


def noun(area: Area) -> str:
    """How a text refers to the area: deze buurt, deze wijk, Nederland."""
    return NOUNS[area.kind]


def definite(area: Area) -> str:
    """How a text refers to another area: de wijk, de gemeente, Nederland."""
    return OTHERS[area.kind]


def without_article(name: str) -> str:
    """A name for where there is little room: "the municipality" is "municipality" there; in Dutch it stays as it is."""
    return next((name[len(each) :] for each in spoken().articles if name.lower().startswith(each)), name)


def relation_words(relation: str, indicator: Indicator) -> str:
    """How a difference is named: a share is higher, a distance is larger; the name of the other area follows."""
    return FURTHER[relation] if indicator.eenheid == "km" and relation in FURTHER else RELATIONS[relation]


def lower_first(title: str) -> str:
    """A title inside a sentence; abbreviations such as WOZ keep their capitals."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def plain_reason(reason: str) -> str:
    """A reason of the release for readers, without a closing point, in the language that is spoken."""
    return plain_units(stored(plainer(reason.strip().rstrip("."))))


def first_upper(words: str) -> str:
    """`words` with a capital; één gets it without its first accent."""
    return f"Eé{words[2:]}" if words.startswith("éé") else words[:1].upper() + words[1:]
