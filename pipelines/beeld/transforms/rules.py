"""Rules of the method that one entry of the catalogue can break (METHOD.md sections 2 and 7); a mistake is refused at load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beeld.sources.declarations import Source
from beeld.transforms.gate import kind_of

if TYPE_CHECKING:
    from beeld.transforms.catalog import Indicator

ORIGIN_WORDS = ("herkomst", "westers", "migratie", "nationaliteit", "geboorteland")
"""Parts of names of columns that say where people, or their parents, come from."""
CARRYING = frozenset({"inkomen", "politie", "omgeving", "lokaal"})
LIVEABILITY_SOURCES = frozenset({"leefbaarometer", "leefbaarometer_reeks"})
CONTAINS_CRIME = frozenset(
    {
        "klasse", "klasse_overlast_onveiligheid", "klasse_sociaal",
        "afwijking", "afwijking_overlast_onveiligheid", "afwijking_sociaal",
    }
)  # fmt: skip
"""Columns of the Leefbaarometer with crime inside: the total and nuisance; the social dimension shares their predictors."""


def mistakes(indicator: Indicator, source: Source) -> list[str]:
    """What the method forbids this entry; empty when nothing is wrong."""
    return [*_origin(indicator), *_care(indicator, source), *_composites(indicator)]


def _columns(indicator: Indicator) -> frozenset[str]:
    return frozenset(reference.kolom for reference in indicator.parsed.references)


def _origin(indicator: Indicator) -> list[str]:
    """Origin is background: said so in the entry, in no score, without a good or bad side, and never to select or evaluate."""
    reads = any(word in column for column in _columns(indicator) for word in ORIGIN_WORDS)
    if reads and not indicator.herkomst:
        return ["a column about origin is read: the entry needs 'herkomst: true'"]
    if not indicator.herkomst:
        return []
    found: list[str] = []
    if indicator.rol != "context":
        found.append(f"herkomst never enters a score: rol must be context, not {indicator.rol}")
    if indicator.richting != "neutraal":
        found.append(f"herkomst is never good or bad: richting must be neutraal, not {indicator.richting}")
    if used := sorted({"vergelijken", "trend", "selecteren", "evalueren"} & set(indicator.gebruik)):
        found.append(f"herkomst is only described: gebruik may not have {', '.join(used)}")
    return found


def _care(indicator: Indicator, source: Source) -> list[str]:
    """Use of care is need, access and policy at once: neutral, and no core figure."""
    if kind_of(indicator, source) != "zorggebruik":
        return []
    neutral = indicator.richting == "neutraal" and indicator.rol == "context"
    return [] if neutral else ["use of care is neutral: richting must be neutraal and rol context"]


def _composites(indicator: Indicator) -> list[str]:
    """A score of somebody else stands beside our own figures and is never core; one with crime inside carries no theme."""
    found: list[str] = []
    if indicator.soort == "score" and indicator.rol == "kern":
        found.append("a score made elsewhere is validation beside own figures: rol may not be kern")
    with_crime = indicator.bron in LIVEABILITY_SOURCES and _columns(indicator) & CONTAINS_CRIME
    if with_crime and indicator.familie in CARRYING:
        found.append(f"{', '.join(sorted(with_crime))} contains crime: familie may not be {indicator.familie}")
    return found
