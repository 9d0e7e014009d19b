"""Single figures that stand out within their theme, in words: table `opvallend` (METHOD.md section 6)."""

from __future__ import annotations

import math

from beeld.profiles.model import Figure, Peak, Profile, ThemeView
from beeld.profiles.text import Number, Sentence
from beeld.profiles.wording import PLURALS, lower_first, relation_words

UNSURE = "Dat is onzeker: in een deel van de scenario's is het niet zo."
NO_PLACE = "Een modelschatting krijgt geen plaats tussen andere gebieden."


def peak_sentences(profile: Profile, view: ThemeView) -> tuple[Sentence, ...]:
    """A sentence per figure with its place among areas of the country; modelled ones together, without one."""
    placed = [
        Sentence(
            (
                f"Valt op: {lower_first(figure.indicator.titel)}, ",
                Number(figure.cell, figure.indicator),
                f" ({figure.cell.year}). {first}",
            )
        )
        for figure, first in ((profile.figures[peak.indicator], _place(profile, peak)) for peak in view.peaks)
        if not figure.modelled
    ]
    titles = [
        f"{lower_first(figure.indicator.titel)}{'' if peak.certainty == 'stevig' else ' (onzeker)'}"
        for figure, peak in ((profile.figures[peak.indicator], peak) for peak in view.peaks)
        if figure.modelled
    ]
    also = "Valt ook op" if placed else "Valt op"
    return (*placed, *([Sentence((f"{also}, volgens een model: {'; '.join(titles)}. {NO_PLACE}",))] if titles else []))


def peak_note(profile: Profile, figure: Figure) -> str:
    """The same of one figure for a cell of a table; empty where it does not stand out."""
    peak = next((peak for peak in profile.themes[figure.indicator.thema].peaks if peak.indicator == figure.id), None)
    return "" if peak is None else _place(profile, peak)


def _place(profile: Profile, peak: Peak) -> str:
    """Where the figure stands, in a sentence or two."""
    indicator = profile.figures[peak.indicator].indicator
    unsure = "" if peak.certainty == "stevig" else f" {UNSURE}"
    if peak.percentile is None:
        return f"Valt op, volgens een model. {NO_PLACE}{unsure}"
    higher = indicator.richting == ("gunstig" if profile.themes[indicator.thema].theme.kracht else "ongunstig")
    relation = relation_words("hoger" if higher else "lager", indicator)
    around = " met dezelfde stedelijkheid" if indicator.percentiel == "stedelijkheid" else ""
    others = f"{math.floor(100 * peak.percentile + 1e-9)} van de 100 {PLURALS[profile.area.kind]}{around} in Nederland"
    return f"Dat is {relation} in ongeveer {others}.{unsure}"
