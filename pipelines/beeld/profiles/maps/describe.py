"""What a map says: title, legend, caption and alternative text, made by rule from its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from beeld.profiles.maps.classes import class_labels
from beeld.profiles.maps.figures import Subject
from beeld.profiles.maps.sheet import Legend
from beeld.profiles.maps.style import EMPTY, EMPTY_FILL, POLARITY, UNSURE, UNSURE_HATCH, ramp
from beeld.profiles.maps.table import MapRow, Scale
from beeld.profiles.maps.text import dutch, listed
from beeld.profiles.wording import rounded


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
    entries = [*classes, *([(colours[0], UNSURE_HATCH, f"{UNSURE}, {subject.margin}  ({unsure})")] if unsure else [])]
    entries += empty_entries(drawn)
    title = headline(subject, drawn, scale, len(labels))
    polarity = POLARITY[subject.polarity]
    heading = "Landelijke klassen" if scale == "nl" else f"Klassen binnen {place}"
    lines = (subject.unit, _class_rule(subject, scale), polarity, "tussen haakjes: aantal buurten")
    missing = [row.name for row in rows if not row.drawn]
    note = "Modelschatting: uit een rekenmodel, niet geteld, en niet bedoeld om buurten te ordenen. " if subject.modelled else ""
    caption = f"{subject.name}. {subject.shown}. {heading}, {polarity}. {note}{without_boundary(missing)}".strip()
    spoken = "; ".join(text.replace("  (", ": ").rstrip(")") for _, _, text in entries)
    alt = f"Kaart van de buurten van {place}. {title}. {heading} in {subject.unit}, {polarity}. Aantal buurten: {spoken}."
    return Spec(
        key=f"{subject.key}-{scale}",
        kind=subject.kind,
        title=title,
        subtitle=f"Buurten van {place}. {subject.shown}",
        caption=caption,
        alt=alt,
        source=f"Bron: {subject.sources}; {source}",
        legend=Legend((subject.badge,) if subject.badge else (), heading, lines, tuple(entries)),
        colours=tuple(colours),
        rows=tuple(rows),
    )


def empty_entries(rows: Sequence[MapRow]) -> tuple[tuple[str, str, str], ...]:
    """Legend entries of the areas on the map without a figure: a reason with how many it holds for."""
    counts = Counter(row.state for row in rows if row.drawn and row.klass is None)
    return tuple((EMPTY_FILL, hatch, f"{text}  ({counts[state]})") for state, (text, hatch) in EMPTY.items() if counts[state])


def headline(subject: Subject, drawn: Sequence[MapRow], scale: Scale, classes: int) -> str:
    """The finding: how many buurten are in the highest national class, or where half of them lie; if modelled: the range."""
    values = np.array([rounded(row.value, subject.decimals) for row in drawn if row.value is not None])
    unit = f" {subject.unit}" if subject.kind == "indicator" else ""
    guess = "naar schatting " if subject.modelled else ""
    if not len(values):
        return f"{subject.name}: geen cijfers op de kaart"
    buurten = "1 buurt" if len(values) == 1 else f"{len(values)} buurten"
    if scale == "nl" and not subject.modelled and classes > 1:
        top = sum(row.klass == classes - 1 for row in drawn)
        return f"{subject.name}: {top or 'geen'} van {buurten} in de hoogste landelijke klasse{subject.aside}"
    if scale == "gemeente" and len(values) >= 6:
        low, high = (dutch(float(q), subject.decimals) for q in np.quantile(values, [0.25, 0.75]))
        score = "heeft een score" if subject.kind == "theme" else "ligt"
        return f"{subject.name}: ongeveer de helft van de {buurten} {score} {guess}tussen {low} en {high}{unit}"
    low, high = dutch(float(values.min()), subject.decimals), dutch(float(values.max()), subject.decimals)
    span = low if low == high else f"{low} tot {high}"
    return f"{subject.name}: {guess}{span}{unit} in {buurten}"


def _class_rule(subject: Subject, scale: Scale) -> str:
    if subject.modelled:
        return "vaste klassen in gelijke stappen" if scale == "nl" else "gelijke stappen"
    return (
        "vaste klassen: elk ongeveer een vijfde van de buurten in Nederland" if scale == "nl" else "elk ongeveer evenveel buurten"
    )


def without_boundary(names: Sequence[str]) -> str:
    """Which buurten are not on the map; empty for none."""
    if not names:
        return ""
    count = "1 buurt" if len(names) == 1 else f"{len(names)} buurten"
    return f"Van {count} ontbreekt de grens: {listed(names)}."
