"""Sentences (B1) made by rules from named figures; every sentence carries the figures it was made from.

Wording follows METHOD.md section 14: about the area and not about the people in it, no causes, no order of areas, and a
difference is only named where the intervals do not overlap.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from beeld.profiles.language import Words, filled, noted, tr
from beeld.profiles.members import Member
from beeld.profiles.model import UNIVERSE, Area, Cell, Figure, Profile, ThemeView
from beeld.profiles.stored import NO_REASON
from beeld.profiles.wording import (
    KINDS,
    UNTESTED,
    absence,
    definite,
    first_upper,
    lower_first,
    noun,
    plain_reason,
    relation_words,
    show,
    show_interval,
    whole_percent,
)
from beeld.transforms.catalog import Indicator

OLD_AFTER = 3
"""Years behind the newest figure of the page from which a figure is called old."""
MOST_POINTS = 3
SMALL = noted("Klein gebied")
UNKNOWN_SIZE = noted("Aantal inwoners onbekend")
CAVEATED = noted("Cijfers met een kanttekening")
CAVEATS = Words(
    {
        "ouder": "het cijfer is ouder dan de rest van de bladzijde.",
        "jaar niet volledig": "in dit jaar heeft minder dan 80 procent van de buurten een cijfer.",
        "voorlopig": "de bron kan het cijfer nog wijzigen.",
        "grote marge": "kleine verschillen zeggen weinig.",
        UNTESTED: "code en naam bleven gelijk, maar of ook de grens gelijk bleef is niet bekend; de lijn door de jaren breekt"
        " daar.",
    }
)
OUTCOMES = Words(
    {
        "bespreken": "De cijfers geven samen een signaal: bespreek of een integrale aanpak nodig is.",
        "grensgeval": "De cijfers geven misschien een signaal: een grensgeval. Bespreek samen of een integrale aanpak nodig is.",
        "geen_signaal": "De cijfers geven samen geen signaal voor een integrale aanpak. Dat betekent niet dat er niets speelt.",
        "te_weinig_gegevens": "Er zijn te weinig cijfers om te zeggen of een integrale aanpak te bespreken is.",
    }
)
UNION = noted(
    "Dit gebied is samengesteld uit hele buurten en krijgt zelf geen score: een score vergelijkt buurten met buurten. Kijk daarom"
    " naar de uitkomst van elke buurt."
)
STABILITY = noted(
    "In elk scenario liggen de cijfers binnen hun marge iets anders en wegen zij iets anders mee. "
    "Zo zien wij hoe stevig de uitkomst is bij deze aannames. Het is geen kans dat hulp nodig is."
)
FAR = noted("In {share} van de scenario's geeft de regel wel een signaal.")
NEAR = noted("In {share} van de scenario's geeft de regel wel een signaal; de cijfers zelf halen de grens net niet.")
HALF = 0.50
"""Share of the scenarios from which no signal beside so many signals has to be explained."""
OUTCOME_NAMES = Words(
    {
        "bespreken": "integrale aanpak te bespreken",
        "grensgeval": "grensgeval",
        "geen_signaal": "geen signaal",
        "te_weinig_gegevens": "te weinig gegevens",
    }
)
QUANTITIES = Words({"procent": "het aandeel", "km": "de afstand", "x 1 000 euro": "het bedrag", "personen": "het gemiddelde"})


@dataclass(frozen=True)
class Number:
    """A figure inside a sentence: always printed with the cell it comes from."""

    cell: Cell
    indicator: Indicator

    @property
    def text(self) -> str:
        """The value with its unit, or the state of the cell."""
        return show(self.cell, self.indicator, unit=True)


@dataclass(frozen=True)
class Place:
    """The name of an area inside a sentence; a page links it when the area has a page of its own."""

    area: Area

    @property
    def text(self) -> str:
        """The name."""
        return self.area.name


@dataclass(frozen=True)
class Sentence:
    """Words, numbers and names of areas in order."""

    parts: tuple[str | Number | Place, ...]

    @property
    def figures(self) -> tuple[tuple[str, str, int | None], ...]:
        """Area, indicator and peiljaar of every figure that the sentence rests on."""
        cells = (part.cell for part in self.parts if isinstance(part, Number))
        return tuple((cell.area, cell.indicator, cell.year) for cell in cells)

    @property
    def plain(self) -> str:
        """The sentence as text."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


SEVERAL = ("kracht", "voorzieningen")
"""Themes that may give more than one point on the cover."""


@dataclass(frozen=True)
class Point:
    """One strength or concern on the cover."""

    title: str
    kind: str
    sentence: Sentence


@dataclass(frozen=True)
class Note:
    """One paragraph of "Wat weten we niet": what is missing, and the figures it is about."""

    title: str
    text: str
    items: tuple[str, ...] = ()


def who_lives_here(profile: Profile) -> list[Sentence]:
    """Who lives here, in three sentences: how many, how old, how they live."""
    return [
        _listing(profile, [("aantal_inwoners", tr("inwoners")), ("aantal_huishoudens", tr("huishoudens"))]),
        _shares(
            profile, [("aandeel_0_15", tr("kinderen tot 15 jaar")), ("aandeel_65_plus", tr("inwoners van 65 jaar of ouder"))]
        ),
        _shares(
            profile,
            [
                ("aandeel_eenpersoonshuishoudens", tr("eenpersoonshuishoudens")),
                ("aandeel_koopwoningen", tr("koopwoningen")),
                ("aandeel_corporatiewoningen", tr("woningen van een corporatie")),
            ],
        ),
    ]


def _listing(profile: Profile, wanted: list[tuple[str, str]]) -> Sentence:
    found = [(profile.figures[name], label) for name, label in wanted if name in profile.figures]
    shown = [(figure, label) for figure, label in found if figure.present]
    if not shown:
        return Sentence((tr("Hoeveel mensen en huishoudens er zijn, staat niet in de bronnen."),))
    parts: list[str | Number] = [tr("In {place} zijn er ", place=noun(profile.area))]
    for position, (figure, label) in enumerate(shown):
        parts += [_joint(position, len(shown)), Number(figure.cell, figure.indicator), f" {label}"]
    return Sentence((*parts, f" ({_years(figure for figure, _ in shown)})."))


def _shares(profile: Profile, wanted: list[tuple[str, str]]) -> Sentence:
    found = [(profile.figures[name], label) for name, label in wanted if name in profile.figures]
    shown = [(figure, label) for figure, label in found if figure.present]
    if not shown:
        names = "".join(f"{_joint(position, len(wanted))}{label}" for position, (_, label) in enumerate(wanted))
        return Sentence((tr("Over {names} staan hier geen gegevens.", names=names),))
    parts: list[str | Number] = [tr("In {place} is het aandeel ", place=noun(profile.area))]
    for position, (figure, label) in enumerate(shown):
        own, near = Number(figure.cell, figure.indicator), figure.nearest
        parts += [_joint(position, len(shown)), *filled(SHARE, label=label, number=own, year=str(figure.cell.year))]
        if near:
            beside = Number(near.cell, figure.indicator)
            parts += filled("; in {area} {number})", area=definite(near.area), number=beside)
        else:
            parts.append(")")
    return Sentence((*parts, "."))


SHARE = noted("{label} {number} ({year}")


def _joint(position: int, count: int) -> str:
    if position == 0:
        return ""
    return tr(" en ") if position == count - 1 else ", "


def _years(figures: Iterable[Figure]) -> str:
    years = sorted({figure.cell.year for figure in figures if figure.cell.year})
    return "".join(f"{_joint(position, len(years))}{year}" for position, year in enumerate(years))


def cover_points(profile: Profile) -> tuple[list[Point], list[Point]]:
    """Strengths and concerns for the cover: as many of one as of the other, at most three each, one per theme.

    A point rests on a difference beyond noise. Own strengths and facilities nearby may also stand without one, said so, when
    they are not below their comparison. Concerns without one only where the theme has a signal.
    An area with fewer than 200 people gets none: one incident more or less would change them.
    """
    if profile.small:
        return [], []
    strengths = _one_per_theme([*_proven(profile, good=True), *_own_strengths(profile)])
    concerns = _one_per_theme([*_proven(profile, good=False), *_signalled(profile)])
    count = min(len(strengths), len(concerns), MOST_POINTS)
    return [_point(profile, figure) for figure in strengths[:count]], [_point(profile, figure) for figure in concerns[:count]]


def unbalanced(profile: Profile) -> str:
    """Why there are no points: which of the two has none."""
    strength = any((*_proven(profile, good=True), *_own_strengths(profile)))
    concern = any((*_proven(profile, good=False), *_signalled(profile)))
    if concern and not strength:
        lacking = tr("Nu is er geen kracht aan te wijzen. Daarom noemen wij ook geen zorgen.")
    elif strength and not concern:
        lacking = tr("Nu is er geen zorg aan te wijzen. Daarom noemen wij ook geen krachten.")
    else:
        lacking = tr("Nu is er geen kracht en geen zorg aan te wijzen.")
    told = noted("Wij noemen hier evenveel krachten als zorgen. {lacking} Alle cijfers staan in de hoofdstukken hierna.")
    return tr(told, lacking=lacking)


def _proven(profile: Profile, *, good: bool) -> list[Figure]:
    chosen = [figure for figure in profile.figures.values() if figure.favourable is good and figure.indicator.rol != "context"]
    return sorted(chosen, key=lambda f: (f.indicator.rol != "kern", (f.indicator.richting == "gunstig") is not good))


def _own_strengths(profile: Profile) -> list[Figure]:
    themes = [name for name, view in profile.themes.items() if view.theme.kracht]
    chosen = [f for f in profile.figures.values() if f.present and f.nearest is not None and f.favourable is not False]
    near = [f for f in chosen if f.indicator.thema == "voorzieningen" and f.indicator.rol == "kern" and _not_worse(f)]
    own = [f for f in chosen if f.indicator.thema in themes and f.indicator.richting == "gunstig" and _not_worse(f)]
    return [*own, *near]


def _not_worse(figure: Figure) -> bool:
    """True when the value is not on the unfavourable side of its comparison: what is plainly lower is not called a strength."""
    near = figure.nearest
    if near is None or figure.cell.value is None or near.cell.value is None:
        return False
    difference = figure.cell.value - near.cell.value
    return difference >= 0 if figure.indicator.richting == "gunstig" else difference <= 0


def _signalled(profile: Profile) -> list[Figure]:
    raised = {n for n, view in profile.themes.items() if view.signal and view.signal.level in ("aandacht", "sterk")}
    chosen = [f for f in profile.figures.values() if f.indicator.thema in raised and f.indicator.rol == "kern" and f.present]
    return [f for f in chosen if f.favourable is not True and f.nearest is not None and f.indicator.richting != "neutraal"]


def _one_per_theme(figures: Iterable[Figure]) -> list[Figure]:
    """The first figure of each theme; own strength and facilities nearby may give more, because strengths stand only there."""
    chosen: list[Figure] = []
    for figure in figures:
        same = [other for other in chosen if other.indicator.thema == figure.indicator.thema]
        if figure not in chosen and (not same or figure.indicator.thema in SEVERAL):
            chosen.append(figure)
    return chosen


def _point(profile: Profile, figure: Figure) -> Point:
    indicator, near = figure.indicator, figure.nearest
    quantity = QUANTITIES.get(indicator.eenheid) or tr("het aantal")
    own = Number(figure.cell, indicator)
    place, label = noun(profile.area), _label(figure)
    start = filled("In {place} is {quantity} {number} ({label}).", place=place, quantity=quantity, number=own, label=label)
    if near is not None and near.relation is not None:
        number = Number(near.cell, indicator)
        if near.relation == "niet_toetsbaar":
            untested = noted(" In {area}: {number}. Of dit echt verschilt is niet te toetsen.")
            start += filled(untested, area=definite(near.area), number=number)
        else:
            same = near.relation == "gelijk"
            found = noted(" Dat is {relation} {area} ({number}).") if same else noted(" Dat is {relation} in {area} ({number}).")
            start += filled(found, relation=relation_words(near.relation, indicator), area=definite(near.area), number=number)
    country = next((c for c in figure.comparisons if c.area.kind == "land" and c.cell.value is not None), None)
    if country is not None and country is not near:
        start += filled(" In Nederland: {number}.", number=Number(country.cell, indicator))
    finding = f": {relation_words(near.relation, indicator).split()[0]}" if near and near.relation in ("hoger", "lager") else ""
    return Point(f"{indicator.titel}{finding}", KINDS[indicator.soort], Sentence(tuple(start)))


def _label(figure: Figure) -> str:
    interval = show_interval(figure.cell, figure.indicator, assumed=figure.assumed)
    return ", ".join(part for part in (str(figure.cell.year), KINDS[figure.indicator.soort], interval) if part)


def outcome_text(profile: Profile) -> list[str]:
    """The outcome of the decision rule in words, with how stable it is and what that does not mean."""
    outcome = profile.outcome
    if profile.union:
        return [tr(UNION)]
    if outcome is None:
        return [tr("De beslisregel is voor dit gebied niet toegepast.")]
    sure: list[str] = []
    if outcome.stability is not None:
        share = whole_percent(outcome.stability)
        held = outcome.outcome in ("bespreken", "grensgeval")
        sure = [
            tr("Dit gebied hoort in {share} van de scenario's bij de kopgroep.", share=share)
            if held
            else tr(NEAR if outcome.stability >= HALF else FAR, share=share),
            tr(STABILITY),
        ]
    return [OUTCOMES[outcome.outcome], *sure, tr("Dit is een signaal, geen oordeel.")]


def outcome_name(profile: Profile) -> str:
    """The outcome in a few words, behind "Samen bespreken"; that of a union stands with its buurten."""
    if profile.union:
        return tr("zie de buurten")
    if profile.outcome is None:
        return tr("niet bepaald")
    return tr("een integrale aanpak") if profile.outcome.outcome == "bespreken" else OUTCOME_NAMES[profile.outcome.outcome]


def member_line(member: Member) -> Sentence:
    """One buurt of a union with its own outcome."""
    return Sentence((Place(member.area), f": {OUTCOME_NAMES[member.outcome] if member.outcome else tr('niet bepaald')}"))


def unknowns(profile: Profile) -> list[Note]:
    """What this page does not know: gaps, untested boundaries, old, incomplete, provisional and unreliable figures."""
    figures = list(profile.figures.values())
    present = [figure for figure in figures if figure.present]
    gaps = tuple(map(_first_sentence, _without_figure(profile.themes.values())))
    notes = [Note(tr("Hierover bestaat geen open cijfer"), "", gaps)]
    if profile.small:
        few = noted("Hier wonen minder dan {people} mensen. Kijk daarom ook naar het gebied eromheen.")
        unknown = noted("Hoeveel mensen hier wonen, is niet bekend. Kijk daarom ook naar het gebied eromheen.")
        known = profile.area.inhabitants is not None
        notes.append(Note(tr(SMALL), tr(few, people=UNIVERSE)) if known else Note(tr(UNKNOWN_SIZE), tr(unknown)))
    notes += _missing(figures)
    notes += _caveats(present, profile.newest_year)
    for country in profile.parents[-1:]:
        lone = [f for f in present if any(c.area == country and c.cell.value is None for c in f.comparisons)]
        notes.append(
            Note(
                tr("Geen vergelijking met {area}", area=tr(country.name)),
                tr("Van deze cijfers is in dat jaar geen landelijk cijfer geleverd."),
                _titles(lone),
            )
        )
    return [note for note in notes if note.items or note.title in (tr(SMALL), tr(UNKNOWN_SIZE), tr(CAVEATED))]


def _missing(figures: list[Figure]) -> list[Note]:
    groups: defaultdict[tuple[str, str], list[Figure]] = defaultdict(list)
    for figure in figures:
        if not figure.present:
            groups[absence(figure.cell.status, figure.cell.reason), figure.cell.reason or NO_REASON].append(figure)
    return [
        Note(f"{state[:1].upper()}{state[1:]}", tr("Reden: {reason}.", reason=plain_reason(reason)), _titles(chosen))
        for (state, reason), chosen in sorted(groups.items(), key=lambda item: item[0])
    ]


def _caveats(present: list[Figure], newest: int) -> list[Note]:
    """Figures with the same caveats together: one paragraph that explains them, then a list per combination."""
    groups: defaultdict[tuple[str, ...], list[Figure]] = defaultdict(list)
    for figure in present:
        groups[_caveats_of(figure, newest)].append(figure)
    groups.pop((), None)
    used = dict.fromkeys(name for names in groups for name in names)
    explained = " ".join(f"{first_upper(plain_reason(name))}: {CAVEATS[name]}" for name in CAVEATS if name in used)
    notes = [Note(tr(CAVEATED), explained)] if groups else []
    said = {names: first_upper(", ".join(map(plain_reason, names))) for names in groups}
    return [*notes, *(Note(said[names], "", _titles(groups[names])) for names in sorted(groups))]


def _caveats_of(figure: Figure, newest: int) -> tuple[str, ...]:
    cell = figure.cell
    found = {
        "ouder": cell.year is not None and cell.year <= newest - OLD_AFTER,
        "jaar niet volledig": figure.incomplete,
        "voorlopig": cell.provisional,
        "grote marge": cell.reliable is False,
    }
    return (*(name for name, holds in found.items() if holds), *([cell.reason.strip().rstrip(".")] if cell.reason else []))


def _titles(figures: Iterable[Figure]) -> tuple[str, ...]:
    return tuple(
        f"{figure.indicator.titel} ({figure.cell.year})" if figure.cell.year else figure.indicator.titel for figure in figures
    )


def questions(profile: Profile) -> list[str]:
    """Questions for the table, from what stands out, what contradicts and what is missing; at most nine."""
    place = noun(profile.area)
    found = [] if profile.texts.get("aanleiding") else [tr("Waar is het om begonnen? Wat willen mensen hier zelf?")]
    found.append(tr("Welke kracht van {place} staat hier nog niet op? Wie kan daar iets over vertellen?", place=place))
    for view in profile.themes.values():
        if view.signal and view.signal.level in ("aandacht", "sterk"):
            found.append(_asked(profile, view))
        elif view.signal and view.signal.level == "kracht":
            asked = noted("{theme}: hier ligt een kracht. Wat is er nodig om die vast te houden?")
            found.append(tr(asked, theme=view.theme.titel))
    found += _contradictions(profile)
    challenges = [view for view in profile.themes.values() if view.theme.uitdaging]
    found += _asked_without_figure(_without_figure(challenges))
    core = [f for f in profile.figures.values() if f.indicator.rol == "kern" and not f.present]
    if core:
        title = lower_first(core[0].indicator.titel)
        found.append(tr("Er ontbreken cijfers, zoals: {title}. Wie heeft hier kennis over?", title=title))
    return [*found[:8], tr("Wat weten bewoners en professionals dat geen enkel cijfer laat zien?")]


def _asked(profile: Profile, view: ThemeView) -> str:
    """The question about a theme with a signal: about its core figure that stands out, when there is one."""
    place, figure = noun(profile.area), _telling(profile, view)
    if figure is None:
        asked = noted("{theme}: het signaal vraagt aandacht. Herkent u dit in {place}, en wat ziet u zelf?")
        return tr(asked, theme=view.theme.titel, place=place)
    about = noted("{theme}: het signaal vraagt aandacht. Kijk samen naar het cijfer over {title}: herkent u dat in {place}?")
    return tr(about, theme=view.theme.titel, place=place, title=lower_first(figure.indicator.titel))


GAP = noted("Over {topic} bestaat geen open buurtcijfer")
"""How a gap of a theme is declared; what follows it says why."""


def _asked_without_figure(gaps: Iterable[str]) -> list[str]:
    """One question about everything that no open figure tells; a gap that is declared in other words keeps its own."""
    start, _, end = tr(GAP).partition("{topic}")
    topics: list[str] = []
    others: list[str] = []
    for line in gaps:
        told, found, _ = re.split("[;.]", line, maxsplit=1)[0].removeprefix(start).partition(end or "\n")
        if line.startswith(start) and (found or not end):
            topics.append(told)
        else:
            others.append(tr("{line} Wie aan tafel weet hier meer over?", line=_first_sentence(line)))
    if topics:
        asked = noted("Over deze onderwerpen bestaat geen open buurtcijfer: {topics}. Wie aan tafel weet hier meer over?")
        others.insert(0, tr(asked, topics="; ".join(topics)))
    return others


def _telling(profile: Profile, view: ThemeView) -> Figure | None:
    """A core figure of the theme that stands out in the country; else one on the unfavourable side of its comparison."""
    peaks = [profile.figures[peak.indicator] for peak in view.peaks if peak.indicator in profile.figures]
    own = [figure for figure in profile.figures.values() if figure.indicator.thema == view.id]
    chosen = (figure for figure in (*peaks, *(f for f in own if f.favourable is False)) if figure.indicator.rol == "kern")
    return next(chosen, None)


def _without_figure(views: Iterable[ThemeView]) -> list[str]:
    return [line for view in views for line in view.theme.geen_cijfer]


def _first_sentence(line: str) -> str:
    """The first sentence; what follows it refers to the table of its theme."""
    return f"{line.partition('. ')[0].rstrip('.')}."


def _contradictions(profile: Profile) -> list[str]:
    found: list[str] = []
    for name, view in () if profile.small else profile.themes.items():
        own = [figure for figure in profile.figures.values() if figure.indicator.thema == name]
        good = next((figure for figure in own if figure.favourable is True), None)
        bad = next((figure for figure in own if figure.favourable is False), None)
        if good and bad:
            asked = noted("{theme}: de cijfers over {one} en {other} wijzen niet dezelfde kant op. Hoe kijkt u daarnaar?")
            one, other = lower_first(good.indicator.titel), lower_first(bad.indicator.titel)
            found.append(tr(asked, theme=view.theme.titel, one=one, other=other))
    return found
