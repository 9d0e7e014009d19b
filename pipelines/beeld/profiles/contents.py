"""The contents of one profile: every word and figure in order, made once; HTML, PDF, slides and spreadsheet only lay it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beeld.profiles import list_words, text, wording
from beeld.profiles.editions import Revisions, revisions_of
from beeld.profiles.flags import flags
from beeld.profiles.language import Words, noted, tr
from beeld.profiles.lenses import Chapter, Coverage
from beeld.profiles.likeness import Likeness, likeness_of
from beeld.profiles.lines import FigureLine, Origin, lines, origin
from beeld.profiles.list_words import GemeenteList
from beeld.profiles.members import Member
from beeld.profiles.model import Area, Cell, Figure, Profile, ThemeView
from beeld.profiles.peaks import peak_sentences
from beeld.profiles.people import PeopleChapter, people_chapter
from beeld.profiles.site import Picture, Site
from beeld.profiles.stored import stored
from beeld.profiles.text import Note, Point, Sentence
from beeld.profiles.timeline import Timeline, timeline
from beeld.profiles.wording import first_upper

AGES = Words(
    {
        "aandeel_0_15": "0 tot 15 jaar",
        "aandeel_15_25": "15 tot 25 jaar",
        "aandeel_25_45": "25 tot 45 jaar",
        "aandeel_45_65": "45 tot 65 jaar",
        "aandeel_65_plus": "65 jaar of ouder",
    }
)
COVER_KINDS = Words({"buurt": "Buurt", "wijk": "Wijk", "gemeente": "Gemeente", "samengesteld": "Gebied", "land": "Land"})
NOT_DISCUSSED = noted("Nog niet besproken met bewoners.")
FEW_PEOPLE = noted(
    "Hier wonen weinig mensen. Een klein verschil in aantallen verandert een cijfer al sterk. Daarom noemen wij hier geen punten."
    " Kijk ook naar het gebied eromheen."
)
UNKNOWN_PEOPLE = noted(
    "Hoeveel mensen hier wonen, is niet bekend. Daarom noemen wij hier geen punten. Kijk ook naar het gebied eromheen."
)


@dataclass(frozen=True)
class Cover:
    """The page that stands alone."""

    kind: str
    """Kind, code and gemeente in one line."""
    occasion: str
    """The text of the team; empty is an invitation."""
    invitation: str
    people: tuple[Sentence, ...]
    strengths: tuple[Point, ...]
    concerns: tuple[Point, ...]
    no_points: str
    """Why there are no points; empty when there are."""
    outcome: str
    judged: tuple[str, ...]
    """The outcome in sentences."""
    reasons: tuple[str, ...]
    discussed: str
    members: tuple[Sentence, ...] = ()
    """The buurten of a union, each with its own outcome."""

    @property
    def verdict(self) -> tuple[str, ...]:
        """The outcome as text; the buurten of a union are in it, where no list can link to them."""
        listed = "; ".join(member.plain for member in self.members)
        return (*self.judged, *([tr("De buurten: {areas}.", areas=listed)] if listed else []))


@dataclass(frozen=True)
class Section:
    """One theme inside a chapter."""

    id: str
    title: str
    gaps: tuple[str, ...]
    level: str
    """Level of the signal; empty when the theme has none."""
    certainty: str
    sentences: tuple[str, ...]
    lines: tuple[FigureLine, ...]
    peaks: tuple[Sentence, ...] = ()
    """Single figures that stand out."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Heads of the columns beside the area's own."""
        return tuple(head for head, _ in self.lines[0].beside) if self.lines else ()

    def maps(self, drawn: Iterable[Picture]) -> list[Picture]:
        """The maps of the theme."""
        return [picture for picture in drawn if picture.key.rpartition("-")[0] == self.id]

    def more_maps(self, drawn: Iterable[Picture]) -> list[Picture]:
        """The maps of its figures."""
        names = {line.figure.id for line in self.lines}
        return [picture for picture in drawn if picture.key.rpartition("-")[0] in names]


@dataclass(frozen=True)
class Age:
    """One age band, with the share of a larger area."""

    label: str
    figure: Figure
    cell: Cell
    reference: float | None


@dataclass(frozen=True)
class Ages:
    """The newest year in which every band has a value."""

    year: int
    bands: tuple[Age, ...]
    reference: str
    """The larger area; empty when there is none."""
    newer: str = ""
    """What the table has that the bars do not: a newer year of some of the bands; empty when there is none."""


@dataclass(frozen=True)
class Lists:
    """Our outcome beside lists of others."""

    beside: tuple[str, ...]
    summaries: tuple[GemeenteList, ...]
    absent: str


@dataclass(frozen=True)
class Contents:
    """Everything that a profile says, in order."""

    profile: Profile
    cover: Cover
    chapters: tuple[tuple[Chapter, tuple[Section, ...]], ...]
    leftover: tuple[Section, ...]
    """Themes that no chapter of the lens names."""
    coverage: tuple[Coverage, ...]
    ages: Ages | None
    compared: tuple[Figure, ...]
    """Figures that may be placed among other areas."""
    likeness: Likeness
    lists: Lists
    timeline: Timeline
    people: PeopleChapter
    revisions: Revisions
    unknowns: tuple[Note, ...]
    questions: tuple[str, ...]
    origins: tuple[Origin, ...]
    children: tuple[Area, ...]
    """Areas inside this one that have a page."""


def contents_of(profile: Profile, site: Site, members: Sequence[Member] = ()) -> Contents:
    """The contents of one profile under the lens of the site; `members`: the buurten of a union."""
    data, lens, area = site.data, site.lens, profile.area
    shown = [figure for figure in profile.figures.values() if figure.cell.year is not None or figure.indicator.rol != "context"]
    return Contents(
        profile=profile,
        cover=_cover(profile, members),
        chapters=tuple((chapter, _sections(profile, site, chapter)) for chapter in lens.hoofdstukken),
        leftover=tuple(_section(profile, site, theme) for theme in lens.leftover(data.catalog)),
        coverage=tuple(site.coverage),
        ages=_ages(profile),
        compared=tuple(f for f in shown if not f.modelled and f.present and f.indicator.thema != "context"),
        likeness=likeness_of(profile, data),
        lists=Lists(
            tuple(list_words.of_area(data.lists, area.code)),
            tuple(list_words.of_gemeente(data.lists, area.code)) if area.kind == "gemeente" else (),
            list_words.absent(data.lists),
        ),
        timeline=timeline(shown, profile.changes, data.catalog.sources),
        people=people_chapter(profile, site.groups, {u.code: u.naam for u in data.catalog.unions}),
        revisions=revisions_of(area, data.release, profile.revised, data.catalog, data.years),
        unknowns=tuple(text.unknowns(profile)),
        questions=tuple(text.questions(profile)),
        origins=tuple(origin(figure, data.catalog) for figure in shown),
        children=tuple(_children(area, site)),
    )


def _cover(profile: Profile, members: Sequence[Member]) -> Cover:
    area, outcome = profile.area, profile.outcome
    strengths, concerns = text.cover_points(profile)
    within = area.gemeente_name and area.kind != "gemeente"
    where = tr(" · gemeente {name}", name=area.gemeente_name) if within else ""
    reasons = outcome.reasons if outcome and not profile.union else ()
    return Cover(
        kind=f"{COVER_KINDS[area.kind]} · {area.code}{where}",
        occasion=profile.texts.get("aanleiding", ""),
        invitation=tr(
            "Hier komt de tekst van het team: waarom kijken wij samen naar {place}? Vul haar samen in.", place=wording.noun(area)
        ),
        people=(*text.who_lives_here(profile), *flags(profile)),
        strengths=tuple(strengths),
        concerns=tuple(concerns),
        no_points="" if strengths else _no_points(profile),
        outcome=text.outcome_name(profile),
        judged=tuple(text.outcome_text(profile)),
        reasons=tuple(_reason(r) for r in reasons if not r.startswith("hoort in ")),
        discussed=tr(NOT_DISCUSSED),
        members=tuple(map(text.member_line, members)),
    )


def _no_points(profile: Profile) -> str:
    """Why the cover names no strengths and no concerns."""
    if profile.small:
        return tr(UNKNOWN_PEOPLE if profile.area.inhabitants is None else FEW_PEOPLE)
    return text.unbalanced(profile)


def _reason(reason: str) -> str:
    """A reason of the outcome; one of a theme is the title of the theme with its level."""
    title, colon, level = reason.partition(": ")
    named = colon and level in ("aandacht", "sterk")
    return first_upper(f"{stored(title)}: {stored(level)}" if named else wording.plain_reason(reason))


def _sections(profile: Profile, site: Site, chapter: Chapter) -> tuple[Section, ...]:
    extra = [name for name in chapter.indicatoren if name in profile.figures]
    sections = [_section(profile, site, theme) for theme in chapter.themas if theme in profile.themes]
    if extra:
        title = chapter.kop or tr("Cijfers over {title}", title=wording.lower_first(chapter.titel))
        sections.append(Section(f"{chapter.id}-extra", title, (), "", "", (), lines(profile, extra)))
    return tuple(sections)


def _section(profile: Profile, site: Site, theme: str) -> Section:
    view = profile.themes[theme]
    return Section(
        id=theme,
        title=view.theme.titel,
        gaps=view.theme.geen_cijfer,
        level=view.signal.level if view.signal else "",
        certainty=(wording.CERTAINTIES.get(view.signal.certainty) or "") if view.signal else "",
        sentences=tuple(_score_words(profile, site, view)),
        lines=lines(profile, site.lens.figures(theme, site.data.catalog)),
        peaks=peak_sentences(profile, view),
    )


def _score_words(profile: Profile, site: Site, view: ThemeView) -> list[str]:
    """What the theme score says, in words; the number itself is no finding."""
    core = site.data.catalog.core(view.id)
    if view.id == "context":
        return []
    if profile.union:
        return [tr("Geen score: een samengesteld gebied wordt niet met buurten vergeleken. De scores staan bij de buurten zelf.")]
    if not core:
        return [tr("Dit thema heeft in deze bronnen geen kerncijfer. Daarom is er geen score en geen signaal.")]
    score = view.scores.get("nl")
    if score is None or score.score is None:
        used, total = (score.used, score.total) if score else (0, len(core))
        if total == 1:
            return [tr("Geen score: het ene kerncijfer van dit thema heeft geen plaats tussen andere gebieden.")]
        told = noted("Geen score: {used} van {total} kerncijfers met een plaats tussen andere gebieden.")
        return [tr(told, used=used, total=total)]
    found: list[str] = []
    if len(core) == 1 and site.data.catalog.indicators[core[0]].soort == "modelschatting":
        found.append(
            tr(
                "Dit thema rust op één modelschatting. Daarom staat hier niet hoe het gebied ligt ten opzichte van andere"
                " gebieden."
            )
        )
    else:
        told = noted(
            "De score van dit thema is {height} vergeleken met {areas} in Nederland ({used} van {total} kerncijfers; {more})."
        )
        alone = noted("De score van dit thema is {height} vergeleken met {areas} in Nederland (één kerncijfer; {more}).")
        more = tr("hoger is meer kracht") if view.theme.kracht else tr("hoger is meer zorg")
        height, areas = tr(_height(score.score)), wording.PLURALS[profile.area.kind]
        numbers = {"used": score.used, "total": score.total}
        only = score.total == 1
        found.append(tr(alone if only else told, height=height, areas=areas, more=more, **({} if only else numbers)))
    reasons = [
        r for r in (view.signal.reasons if view.signal else ()) if not r.startswith("score ") and "kernindicatoren" not in r
    ]
    words = [wording.plain_reason(reason) for reason in reasons]
    return [*found, *(f"{first_upper(word)}." for word in words)]


def _height(score: float) -> str:
    above, middle, below = noted("wat hoger dan het midden"), noted("rond het midden"), noted("wat lager dan het midden")
    names = ((0.8, noted("hoog")), (0.6, above), (0.4, middle), (0.2, below))
    return next((name for bound, name in names if score >= bound), noted("laag"))


def _ages(profile: Profile) -> Ages | None:
    """The age bands of the newest year in which all five have a value; None where there is no such year."""
    found = [(profile.figures[name], label) for name, label in AGES.items() if name in profile.figures]
    own = [{cell.year: cell for cell in figure.history if cell.value is not None} for figure, _ in found]
    years = set(own[0]).intersection(*own[1:]) if len(found) == len(AGES) else set[int | None]()
    year = max((y for y in years if y is not None), default=None)
    if year is None:
        return None
    near = next((c.area for c in found[0][0].comparisons if c.area.kind != "wijk"), None)
    bands = tuple(
        Age(label, figure, cells[year], _in(figure, near, year)) for (figure, label), cells in zip(found, own, strict=True)
    )
    return Ages(year, bands, wording.definite(near) if near else "", _newer(year, bands))


def _newer(year: int, bands: Sequence[Age]) -> str:
    """Which year the bars are of, where the table has a newer one for some of the bands."""
    later = [f"{b.label} ({b.figure.cell.year})" for b in bands if b.figure.present and (b.figure.cell.year or 0) > year]
    told = noted(
        "De balken zijn van {year}: het nieuwste jaar waarin elke groep een cijfer heeft. De tabel geeft een nieuwer jaar voor:"
        " {groups}."
    )
    return tr(told, year=year, groups="; ".join(later)) if later else ""


def _in(figure: Figure, area: Area | None, year: int) -> float | None:
    """The value of a figure in another area in a year."""
    return next((c.value for o in figure.comparisons if o.area == area for c in o.history if c.year == year), None)


def _children(parent: Area, site: Site) -> Sequence[Area]:
    """Areas inside a gemeente or wijk that have a page, in the order of their codes."""
    if parent.kind not in ("gemeente", "wijk"):
        return []
    inside = [site.data.areas[code] for code in sorted(site.rendered) if code != parent.code]
    if parent.kind == "wijk":
        return [area for area in inside if area.kind == "buurt" and area.wijk == parent.code]
    return [area for area in inside if area.gemeente == parent.code]
