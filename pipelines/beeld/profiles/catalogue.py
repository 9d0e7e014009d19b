"""The catalogue in the language that is spoken: titles and explanations of figures, themes, target groups, sources and lenses.

Only what is printed as words is said anew; ids, units, formulas, names of sources and titles of tables stay what they are. An
entry without a translation (one that a user added) keeps its Dutch words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from beeld.profiles.formula_words import columns
from beeld.profiles.language import spoken, tr
from beeld.profiles.lenses import Lens
from beeld.sources.declarations import Source
from beeld.transforms.catalog import Catalog, Indicator, Theme
from beeld.transforms.target_groups import TargetGroup


def said_catalog(catalog: Catalog) -> Catalog:
    """The catalogue with its words in the language that is spoken."""
    if spoken().code == "nl":
        return catalog
    return replace(
        catalog,
        sources={name: _source(source) for name, source in catalog.sources.items()},
        indicators={name: _indicator(indicator) for name, indicator in catalog.indicators.items()},
        themes={name: _theme(theme) for name, theme in catalog.themes.items()},
    )


def said_groups(groups: Mapping[str, TargetGroup]) -> Mapping[str, TargetGroup]:
    """Target groups with their words in the language that is spoken."""
    return groups if spoken().code == "nl" else {name: _group(group) for name, group in groups.items()}


def said_lens(lens: Lens) -> Lens:
    """A lens with its words in the language that is spoken."""
    if spoken().code == "nl":
        return lens
    chapters = tuple(each.model_copy(update={"titel": _said(each.titel), "kop": _said(each.kop)}) for each in lens.hoofdstukken)
    elements = tuple(
        each.model_copy(update={"titel": _said(each.titel), "toelichting": _said(each.toelichting)}) for each in lens.elementen
    )
    words = {"titel": _said(lens.titel), "inleiding": _said(lens.inleiding), "hoofdstukken": chapters, "elementen": elements}
    return lens.model_copy(update=words)


def messages(catalog: Catalog, groups: Mapping[str, TargetGroup], lenses: Mapping[str, Lens]) -> Iterator[tuple[str, str]]:
    """Every message of the declarations with the place that it stands in: `indicatoren.yaml: aantal_inwoners`."""
    for name, i in catalog.indicators.items():
        yield from _placed(f"transforms/indicatoren.yaml: {name}", i.titel, i.uitleg, i.kanttekening, i.eenheid)
    for name, text in columns(catalog).items():
        yield from _placed(f"sources: {name}", text)
    for name, theme in catalog.themes.items():
        yield from _placed(f"transforms/themas.yaml: {name}", theme.titel, *theme.geen_cijfer)
    for name, group in groups.items():
        yield from _placed(f"transforms/doelgroepen.yaml: {name}", group.titel, group.uitleg, group.basis, group.eenheid)
    for name, source in catalog.sources.items():
        words = (source.toelichting, source.vertraging, source.licentie, *source.kanttekeningen)
        yield from _placed(f"sources/{name}.yaml", *words)
    for supplied in catalog.lists:
        yield from _placed(f"transforms/lijsten/{supplied.id}.yaml", supplied.titel)
    for name, lens in lenses.items():
        yield from _placed(f"transforms/lenzen/{name}.yaml", lens.titel, lens.inleiding, *_words(lens))


def _words(lens: Lens) -> Iterator[str]:
    for chapter in lens.hoofdstukken:
        yield from (chapter.titel, chapter.kop)
    for element in lens.elementen:
        yield from (element.titel, element.toelichting)


def _placed(place: str, *texts: str) -> Iterator[tuple[str, str]]:
    return ((text, place) for text in texts if text)


def _said(text: str) -> str:
    return tr(text) if text else ""  # the empty message is the header of a gettext catalogue


def _indicator(entry: Indicator) -> Indicator:
    words = {"titel": _said(entry.titel), "uitleg": _said(entry.uitleg), "kanttekening": _said(entry.kanttekening)}
    return entry.model_copy(update=words)


def _theme(theme: Theme) -> Theme:
    return theme.model_copy(update={"titel": _said(theme.titel), "geen_cijfer": tuple(map(_said, theme.geen_cijfer))})


def _group(group: TargetGroup) -> TargetGroup:
    return group.model_copy(update={"titel": _said(group.titel), "uitleg": _said(group.uitleg), "basis": _said(group.basis)})


def _source(source: Source) -> Source:
    notes = tuple(map(_said, source.kanttekeningen))
    words = {"toelichting": _said(source.toelichting), "vertraging": _said(source.vertraging), "kanttekeningen": notes}
    return source.model_copy(update={**words, "licentie": _said(source.licentie)})
