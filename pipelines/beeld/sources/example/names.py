"""Invented names: recognisable as invented, and among them the awkward ones that real names contain."""

from __future__ import annotations

from dataclasses import dataclass

EXAMPLE_CODE = "GM9001"
EXAMPLE_NAME = "Voorbeeldstad"
AWKWARD_GEMEENTEN = ("'s-Voorbeeld", "Hoek (V.)")
"""Names of the first gemeenten after the example."""

_GEMEENTE = (
    ("Verzin", "Bedenk", "Droom", "Sprook", "Fantasie", "Nergens", "Schijn", "Fabel", "Legende", "Mythe", "Gissing",
     "Raadsel", "Proef", "Model", "Oefen", "Waan", "Fictie", "Luchtkasteel", "Utopie", "Maquette"),
    ("dam", "hoven", "veen", "burg", "drecht", "broek", "meer", "horst", "dijk", "waard", "rode", "kerke", "woude",
     "zijl", "beek", "donk", "gouw", "sluis"),
)  # fmt: skip
_BUURT = (
    ("Verzin", "Bedenk", "Droom", "Fabel", "Nep", "Schijn", "Oefen", "Proef", "Raad", "Waan", "Denk", "Mythe", "Sage",
     "Fictie", "Model", "Gis", "Luim", "Gril", "Inval", "Kladblok", "Schets", "Decor", "Coulisse", "Rekwisiet"),
    ("buurt", "kwartier", "hof", "veld", "akker", "park", "hoek", "oever", "rand", "plein", "laan", "eind"),
)  # fmt: skip


@dataclass(frozen=True)
class Buurt:
    """One buurt of the example gemeente: code and name in 2024 and in 2020, the flag of 2020, and what it is like."""

    code: str
    naam: str
    inwoners: int
    deprivation: float = 0.0
    community: float = 0.0
    crime: float = 1.0
    code_2020: str = ""
    naam_2020: str = ""
    flag_2020: str = "1"


EXAMPLE_WIJKEN = (("WK900101", "Fantasiewijk"), ("WK900102", "Kortenbosch & Lommer"), ("WK9001AF", "Súd-Verzonnen"))
WITHHELD_BUURT = "BU90010201"
"""The buurt of which some cells are secret."""

EXAMPLE_BUURTEN = (
    Buurt("BU90010101", "Centrum", 2317, 0.5, -0.3, 2.2),
    Buurt("BU90010102", "Verzinbuurt", 3146, 3.2, -0.9, 3.4),
    Buurt("BU90010103", "Fantasiebuurt-Noord", 1228, 0.1, 0.2, 0.9, "", "Fantasiebuurt", "3"),
    Buurt("BU90010104", "Fantasiebuurt-Zuid", 971, -0.2, 0.1, 0.8, "BU90010103", "Fantasiebuurt", "3"),
    Buurt("BU90010200", "Kortenbosch & Lommer", 2754, 0.4, 0.0, 1.0),
    Buurt("BU90010201", "De <Hoek>", 1683, 0.7, -0.1, 1.1),
    Buurt("BU90010202", "Nieuw-Bedacht", 1419, -0.6, 0.3, 0.8, "", "Oud-Bedacht", "3"),
    Buurt("BU90010203", "Bedrijvenpark Niemandsland", 0),
    Buurt("BU9001AF01", "Súd-Verzonnen", 1862, -0.1, 0.4, 0.7, "", "Verzonnen-Zuid"),
    Buurt("BU9001AF02", "Hoek (V.)", 904, 0.2, -0.2, 0.9),
    Buurt("BU9001AF08", "'s-Voorbeeldhof", 2091, -1.9, 2.4, 0.5),
    Buurt("BU9001AF09", "Buitengebied Voorbeeldstad", 137, -0.4, 0.6, 0.6),
)  # fmt: skip
"""From north to south, four per wijk: one troubled buurt, one strong one, one split after 2020 (…03 into …03 and …04),
one code that was used again for another area (…0202), one that only changed its name (AF01), one without inhabitants
and one with few."""


def gemeente_name(number: int) -> str:
    """The name of gemeente `number`; 0 is the example."""
    if number == 0:
        return EXAMPLE_NAME
    if number <= len(AWKWARD_GEMEENTEN):
        return AWKWARD_GEMEENTEN[number - 1]
    return _combined(_GEMEENTE, number - len(AWKWARD_GEMEENTEN) - 1)


def buurt_name(gemeente: int, number: int) -> str:
    """The name of buurt `number` of a gemeente; the first is called Centrum, as in many gemeenten."""
    return "Centrum" if number == 0 else _combined(_BUURT, gemeente * 31 + number)


def _combined(words: tuple[tuple[str, ...], tuple[str, ...]], number: int) -> str:
    """Every combination of the two lists once, neighbours in number unlike each other; then again with a 2."""
    first, second = words
    again, place = divmod(number, len(first) * len(second))
    row, column = divmod(place, len(first))
    name = first[column] + second[(row + column) % len(second)]
    return f"{name} {again + 1}" if again else name
