"""Flags *studentenbuurt* and *instellingsbuurt*: where the composition of an area distorts other figures (METHOD.md section 14).

Rules on published figures only. No open table says how many people of a buurt live in an institution, but how many live in no
private household follows from three figures: people, households and their mean size.
"""

from __future__ import annotations

from beeld.profiles.language import filled, noted
from beeld.profiles.model import FEWEST, Figure, Profile
from beeld.profiles.text import Number, Sentence
from beeld.profiles.wording import noun
from beeld.transforms.uncertainty import rounding_bound

YOUNG_PERCENT = 25.0
"""Share of people of 15 to 25 years from which, with `ALONE_PERCENT`, an area is a studentenbuurt; 12 percent in the country."""
ALONE_PERCENT = 50.0
"""Share of households of one person that goes with it."""
OUTSIDE_SHARE = 0.2
"""Share of the people outside private households from which an area is an instellingsbuurt."""
ROUNDED_BY = rounding_bound(5, 0)
"""Largest error of a number that CBS rounded to 5."""
SIZE_ROUNDED_BY = 0.05
"""Largest error of a mean size of households, published with one decimal."""

STUDENTS = noted(
    "Studentenbuurt: het aandeel inwoners van 15 tot 25 jaar is hier {young} ({young_year}) en het aandeel eenpersoonshuishoudens"
    " {alone} ({alone_year}). Vergelijk cijfers over inkomen, uitkeringen, alleen wonen en eenzaamheid daarom voorzichtig."
)
INSTITUTION = noted(
    "Instellingsbuurt: {place} heeft {people} inwoners, en {households} huishoudens van gemiddeld {size} ({year}). Een groot deel"
    " woont dus niet in een gewoon huishouden, maar bijvoorbeeld in een zorginstelling of een opvang. Vergelijk cijfers over"
    " huishoudens, inkomen en gezondheid daarom voorzichtig."
)


def flags(profile: Profile) -> list[Sentence]:
    """The flags of a buurt, a wijk or a union, each with the figures that it rests on; none where those are missing."""
    if profile.area.kind in ("land", "gemeente"):
        return []
    found = [_students(profile), _institution(profile)]
    return [sentence for sentence in found if sentence is not None]


def _students(profile: Profile) -> Sentence | None:
    young, alone = (_present(profile, name) for name in ("aandeel_15_25", "aandeel_eenpersoonshuishoudens"))
    if young is None or alone is None or (young.cell.base or 0) < FEWEST:
        return None
    if (young.cell.value or 0) < YOUNG_PERCENT or (alone.cell.value or 0) < ALONE_PERCENT:
        return None
    return Sentence(
        tuple(
            filled(
                STUDENTS,
                young=_number(young),
                young_year=str(young.cell.year),
                alone=_number(alone),
                alone_year=str(alone.cell.year),
            )
        )
    )


def _institution(profile: Profile) -> Sentence | None:
    names = ("aantal_inwoners", "aantal_huishoudens", "gemiddelde_huishoudensgrootte")
    people, households, size = (_present(profile, name) for name in names)
    if people is None or households is None or size is None:
        return None
    if len({figure.cell.year for figure in (people, households, size)}) > 1:
        return None
    if outside(people.cell.value or 0, households.cell.value or 0, size.cell.value or 0) < OUTSIDE_SHARE:
        return None
    return Sentence(
        tuple(
            filled(
                INSTITUTION,
                place=noun(profile.area),
                people=_number(people),
                households=_number(households),
                size=_number(size),
                year=str(people.cell.year),
            )
        )
    )


def outside(people: float, households: float, size: float) -> float:
    """Share of the people that live in no private household, at the least: as if every rounding went the other way; 0 to 1."""
    if people < FEWEST:
        return 0.0
    inside = (households + ROUNDED_BY) * (size + SIZE_ROUNDED_BY)
    return max(0.0, 1 - inside / (people - ROUNDED_BY))


def _present(profile: Profile, name: str) -> Figure | None:
    figure = profile.figures.get(name)
    return figure if figure is not None and figure.present else None


def _number(figure: Figure) -> Number:
    return Number(figure.cell, figure.indicator)
