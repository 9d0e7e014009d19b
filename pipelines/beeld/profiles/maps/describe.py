"""What a map says: title, legend, caption and alternative text, made by rule from its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from beeld.profiles.language import noted, tr
from beeld.profiles.maps.classes import class_labels
from beeld.profiles.maps.figures import Subject
from beeld.profiles.maps.sheet import Legend
from beeld.profiles.maps.style import EMPTY, EMPTY_FILL, POLARITY, UNSURE, UNSURE_HATCH, ramp
from beeld.profiles.maps.table import MapRow, Scale
from beeld.profiles.maps.text import listed, numeral
from beeld.profiles.wording import rounded

UNEVEN = 0.25
"""Share of the mean by which a class may differ and still hold about as many buurten."""
AS_EVEN = noted("gelijke cijfers blijven samen, daardoor niet elk evenveel buurten")
AS_FIFTHS = noted("vaste klassen naar de buurten in Nederland; gelijke cijfers blijven samen")


@dataclass(frozen=True)
class Spec:
    """Everything a picture says, without how it is drawn."""

    key: str
    kind: Literal["theme", "indicator", "pair", "years"]
    title: str
    subtitle: str
    caption: str
    alt: str
    source: str
    legend: Legend
    colours: tuple[str, ...]
    rows: tuple[MapRow, ...]


def describe(subject: Subject, rows: Sequence[MapRow], scale: Scale, place: str, bounds: Sequence[float], source: str) -> Spec:
    """Title, legend, caption and alternative text of one picture, made by rule from its rows."""
    labels = class_labels(bounds, subject.decimals)
    colours = ramp(subject.polarity, len(labels))
    drawn = [row for row in rows if row.drawn]
    counts = [sum(row.klass == klass for row in drawn) for klass in range(len(labels))]
    classes = [(colour, "", f"{label}  ({count})") for colour, label, count in zip(colours, labels, counts, strict=True)]
    unsure = sum(row.reliable is False and row.value is not None for row in drawn)
    entries = [*classes, *([(colours[0], UNSURE_HATCH, f"{tr(UNSURE)}, {subject.margin}  ({unsure})")] if unsure else [])]
    entries += empty_entries(drawn)
    title = headline(subject, drawn, scale, len(labels))
    polarity = POLARITY[subject.polarity]
    heading = tr("Landelijke klassen") if scale == "nl" else tr("Klassen binnen {area}", area=place)
    lines = (subject.unit, _class_rule(subject, scale, bounds, counts), polarity, tr("tussen haakjes: aantal buurten"))
    missing = [row.name for row in rows if not row.drawn]
    note = (
        tr("Modelschatting: uit een rekenmodel, niet geteld, en niet bedoeld om buurten te ordenen. ") if subject.modelled else ""
    )
    caption = f"{subject.name}. {subject.shown}. {heading}, {polarity}. {note}{without_boundary(missing)}".strip()
    spoken = "; ".join(text.replace("  (", ": ").rstrip(")") for _, _, text in entries)
    told = noted("Kaart van de buurten van {area}. {title}. {heading} in {unit}, {polarity}. Aantal buurten: {counts}.")
    alt = tr(told, area=place, title=title, heading=heading, unit=subject.unit, polarity=polarity, counts=spoken)
    return Spec(
        key=f"{subject.key}-{scale}",
        kind=subject.kind,
        title=title,
        subtitle=tr("Buurten van {area}. {shown}", area=place, shown=subject.shown),
        caption=caption,
        alt=alt,
        source=tr("Bron: {sources}; {borders}", sources=subject.sources, borders=source),
        legend=Legend((subject.badge,) if subject.badge else (), heading, lines, tuple(entries)),
        colours=tuple(colours),
        rows=tuple(rows),
    )


def empty_entries(rows: Sequence[MapRow]) -> tuple[tuple[str, str, str], ...]:
    """Legend entries of the areas on the map without a figure: a reason with how many it holds for."""
    counts = Counter(row.state for row in rows if row.drawn and row.klass is None)
    return tuple((EMPTY_FILL, hatch, f"{tr(text)}  ({counts[state]})") for state, (text, hatch) in EMPTY.items() if counts[state])


def headline(subject: Subject, drawn: Sequence[MapRow], scale: Scale, classes: int) -> str:
    """The finding: how many buurten are in the highest national class, or where half of them lie; if modelled: the range."""
    values = np.array([rounded(row.value, subject.decimals) for row in drawn if row.value is not None])
    unit = f" {subject.unit}" if subject.kind == "indicator" else ""
    guess = tr("naar schatting ") if subject.modelled else ""
    if not len(values):
        return tr("{name}: geen cijfers op de kaart", name=subject.name)
    buurten = counted(len(values))
    if scale == "nl" and not subject.modelled and classes > 1:
        top = sum(row.klass == classes - 1 for row in drawn)
        if len(values) == 1:
            inside = noted("{name}: de enige buurt met een cijfer ligt in de hoogste landelijke klasse{aside}")
            outside = noted("{name}: de enige buurt met een cijfer ligt niet in de hoogste landelijke klasse{aside}")
            return tr(inside if top else outside, name=subject.name, aside=subject.aside)
        told = noted("{name}: {top} van {areas} in de hoogste landelijke klasse{aside}")
        return tr(told, name=subject.name, top=top or tr("geen"), areas=buurten, aside=subject.aside)
    if scale == "gemeente" and len(values) >= 6:
        low, high = (numeral(float(q), subject.decimals) for q in np.quantile(values, [0.25, 0.75]))
        score = noted("{name}: ongeveer de helft van de {areas} heeft een score {guess}tussen {low} en {high}{unit}")
        value = noted("{name}: ongeveer de helft van de {areas} ligt {guess}tussen {low} en {high}{unit}")
        message = score if subject.kind == "theme" else value
        return tr(message, name=subject.name, areas=buurten, guess=guess, low=low, high=high, unit=unit)
    low, high = numeral(float(values.min()), subject.decimals), numeral(float(values.max()), subject.decimals)
    span = low if low == high else tr("{low} tot {high}", low=low, high=high)
    told = noted("{name}: {guess}{span}{unit} in {areas}")
    return tr(told, name=subject.name, guess=guess, span=span, unit=unit, areas=buurten)


def counted(number: int) -> str:
    """So many buurten, in words."""
    return tr("1 buurt") if number == 1 else tr("{count} buurten", count=number)


def _class_rule(subject: Subject, scale: Scale, bounds: Sequence[float], counts: Sequence[int]) -> str:
    """How the classes were made. That they hold about as many buurten is only said where they do: equal figures stay together."""
    if subject.modelled:
        return tr("vaste klassen in gelijke stappen") if scale == "nl" else tr("gelijke stappen")
    if scale == "gemeente":
        return tr("elk ongeveer evenveel buurten") if even(counts) else tr(AS_EVEN)
    fifths = len(bounds) == 4 and even(np.bincount(np.searchsorted(bounds, subject.national, side="right")).tolist())
    return tr("vaste klassen: elk ongeveer een vijfde van de buurten in Nederland") if fifths else tr(AS_FIFTHS)


def even(counts: Sequence[int]) -> bool:
    """True where the classes hold about as many buurten: each is within a quarter of the mean, or within 1 of it."""
    mean = sum(counts) / max(1, len(counts))
    return all(abs(count - mean) <= max(1, UNEVEN * mean) for count in counts)


def without_boundary(names: Sequence[str]) -> str:
    """Which buurten are not on the map; empty for none."""
    if not names:
        return ""
    return tr("Van {areas} ontbreekt de grens: {names}.", areas=counted(len(names)), names=listed(names))
