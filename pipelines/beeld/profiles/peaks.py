"""Single figures that stand out within their theme, in words: table `opvallend` (METHOD.md section 6)."""

from __future__ import annotations

import math

from beeld.profiles.language import filled, noted, tr
from beeld.profiles.model import Figure, Peak, Profile, ThemeView
from beeld.profiles.text import Number, Sentence
from beeld.profiles.wording import PLURALS, lower_first, relation_words

UNSURE = noted("Dat is onzeker: in een deel van de scenario's is het niet zo.")
NO_PLACE = noted("Een modelschatting krijgt geen plaats tussen andere gebieden.")


def peak_sentences(profile: Profile, view: ThemeView) -> tuple[Sentence, ...]:
    """A sentence per figure with its place among areas of the country; modelled ones together, without one."""
    placed = [
        Sentence(
            tuple(
                filled(
                    "Valt op: {title}, {number} ({year}). {place}",
                    title=lower_first(figure.indicator.titel),
                    number=Number(figure.cell, figure.indicator),
                    year=str(figure.cell.year),
                    place=first,
                )
            )
        )
        for figure, first in ((profile.figures[peak.indicator], _place(profile, peak)) for peak in view.peaks)
        if not figure.modelled
    ]
    titles = [
        lower_first(figure.indicator.titel)
        if peak.certainty == "stevig"
        else tr("{title} (onzeker)", title=lower_first(figure.indicator.titel))
        for figure, peak in ((profile.figures[peak.indicator], peak) for peak in view.peaks)
        if figure.modelled
    ]
    also = noted("Valt ook op, volgens een model: {titles}. {no_place}")
    alone = noted("Valt op, volgens een model: {titles}. {no_place}")
    told = tr(also if placed else alone, titles="; ".join(titles), no_place=tr(NO_PLACE))
    return (*placed, *([Sentence((told,))] if titles else []))


def peak_note(profile: Profile, figure: Figure) -> str:
    """The same of one figure for a cell of a table; empty where it does not stand out."""
    peak = next((peak for peak in profile.themes[figure.indicator.thema].peaks if peak.indicator == figure.id), None)
    return "" if peak is None else _place(profile, peak)


def _place(profile: Profile, peak: Peak) -> str:
    """Where the figure stands, in a sentence or two."""
    indicator = profile.figures[peak.indicator].indicator
    unsure = "" if peak.certainty == "stevig" else f" {tr(UNSURE)}"
    if peak.percentile is None:
        return f"{tr('Valt op, volgens een model.')} {tr(NO_PLACE)}{unsure}"
    higher = indicator.richting == ("gunstig" if profile.themes[indicator.thema].theme.kracht else "ongunstig")
    relation = relation_words("hoger" if higher else "lager", indicator)
    around = noted("Dat is {relation} in ongeveer {number} van de 100 {areas} met dezelfde stedelijkheid in Nederland.")
    every = noted("Dat is {relation} in ongeveer {number} van de 100 {areas} in Nederland.")
    message = around if indicator.percentiel == "stedelijkheid" else every
    number = math.floor(100 * peak.percentile + 1e-9)
    return f"{tr(message, relation=relation, number=number, areas=PLURALS[profile.area.kind])}{unsure}"
