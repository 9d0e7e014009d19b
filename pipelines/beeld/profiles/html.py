"""Accessible HTML that opens from disk: one page per area, an index and a method page.

Every printed figure is an element with `data-gebied`, `data-indicator`, `data-peiljaar`, `data-status` and, where there is one,
`data-waarde` (CONTRACT.md). Names come from outside: Jinja escapes them, and what is built here escapes at the spot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from beeld.profiles import svg, text, wording
from beeld.profiles.elements import DIRECTIONS, Row, address, attributes, css_string, number, origin, rows, safe, sentence
from beeld.profiles.lenses import Chapter, Lens
from beeld.profiles.model import Area, Cell, Figure, Profile, ReleaseData, ThemeView
from beeld.profiles.wording import first_upper
from beeld.transforms.catalog import Indicator, Theme

TEMPLATES = Path(__file__).parent / "templates"
AGES = (
    ("aandeel_0_15", "0 tot 15 jaar"),
    ("aandeel_15_25", "15 tot 25 jaar"),
    ("aandeel_25_45", "25 tot 45 jaar"),
    ("aandeel_45_65", "45 tot 65 jaar"),
    ("aandeel_65_plus", "65 jaar of ouder"),
)
PLURALS = {"buurt": "buurten", "wijk": "wijken", "gemeente": "gemeenten", "samengesteld": "gebieden", "land": "landen"}
MOST_MAPPED = 5
"""Up to this many gemeenten the index shows their maps; above it they stand on the page of the gemeente only."""


class Picture(Protocol):
    """A drawn map, as `beeld.profiles.maps` returns it; `key` is `<theme or indicator>-nl`, `-gemeente` or `ligging-<code>`."""

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def alt(self) -> str: ...
    @property
    def svg(self) -> Path: ...
    @property
    def png(self) -> Path: ...
    @property
    def caption(self) -> str: ...


@dataclass(frozen=True)
class Site:
    """The site that is being written."""

    folder: Path
    data: ReleaseData
    lens: Lens
    rendered: frozenset[str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One theme inside a chapter."""

    id: str
    title: str
    gaps: tuple[str, ...]
    level: str
    certainty: str
    sentences: tuple[str, ...]
    rows: tuple[Row, ...]
    maps: tuple[Picture, ...]
    more_maps: tuple[Picture, ...]


@cache
def environment() -> Environment:
    """The templates; undefined names are errors."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shared: dict[str, Any] = {
        "number": number,
        "sentence": sentence,
        "css_string": css_string,
        "unit_name": wording.unit_name,
        "plain_units": wording.plain_units,
        "kinds": wording.KINDS,
        "states": wording.STATES,
        "directions": DIRECTIONS,
        "levels": wording.LEVELS,
        "first_upper": first_upper,
        "outcome_names": text.OUTCOME_NAMES,
        "dutch": wording.dutch,
        "noun": wording.noun,
    }
    cast("dict[str, Any]", env.globals).update(shared)
    return env


class HtmlRenderer:
    """Pages under `gebied/<CODE>/`, `index.html` and `methode.html`."""

    name = "html"

    def render(self, profile: Profile, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]:
        """Write the page of one area."""
        folder = site.folder / "gebied" / profile.area.code
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "index.html"
        page.write_text(area_page(profile, site, folder, maps, locator), encoding="utf-8", newline="\n")
        return [page]

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]:
        """Write the index and the method page, once all areas stand."""
        pages = {"index.html": index_page(site, maps), "methode.html": method_page(site)}
        for name, content in pages.items():
            (site.folder / name).write_text(content, encoding="utf-8", newline="\n")
        (site.folder / "stijl.css").write_text(
            (TEMPLATES / "stijl.css").read_text(encoding="utf-8"), encoding="utf-8", newline="\n"
        )
        return [site.folder / name for name in pages]


def area_page(profile: Profile, site: Site, folder: Path, maps: Sequence[Picture], locator: Picture | None) -> str:
    """The page of one area."""
    shown = [figure for figure in profile.figures.values() if figure.cell.year is not None or figure.indicator.rol != "context"]
    strengths, concerns = text.cover_points(profile)
    years, history = _history(shown)
    return (
        environment()
        .get_template("gebied.html")
        .render(
            site=site,
            release=profile.release,
            profile=profile,
            area=profile.area,
            root="../../",
            people=text.who_lives_here(profile),
            strengths=strengths,
            concerns=concerns,
            outcome=text.outcome_text(profile),
            chapters=[(chapter, _sections(profile, site, chapter, maps)) for chapter in site.lens.hoofdstukken],
            leftover=[_section(profile, site, theme, [], maps) for theme in site.lens.leftover(site.data.catalog)],
            ages=_ages(profile),
            cards=_cards(profile),
            history=history,
            years=years,
            notes=text.unknowns(profile),
            questions=text.questions(profile),
            origins=safe("".join(origin(figure, site.data.catalog) for figure in shown)),
            locator=locator,
            link=partial(address, folder),
            children=_children(profile.area, site),
        )
    )


def _children(parent: Area, site: Site) -> list[Area]:
    """Areas inside a gemeente or wijk that have a page, in the order of their codes."""
    if parent.kind not in ("gemeente", "wijk"):
        return []
    inside = [site.data.areas[code] for code in sorted(site.rendered) if code != parent.code]
    if parent.kind == "wijk":
        return [area for area in inside if area.kind == "buurt" and area.wijk == parent.code]
    return [area for area in inside if area.gemeente == parent.code]


def _sections(profile: Profile, site: Site, chapter: Chapter, maps: Sequence[Picture]) -> list[Section]:
    extra = [name for name in chapter.indicatoren if name in profile.figures]
    sections = [_section(profile, site, theme, [], maps) for theme in chapter.themas if theme in profile.themes]
    if extra:
        title = "Wonen en omgeving" if chapter.vorm == "omgeving" else chapter.titel
        lines = rows(profile, extra)
        sections.append(Section(f"{chapter.id}-extra", title, (), "", "", (), lines, (), ()))
    return sections


def _section(profile: Profile, site: Site, theme: str, extra: Sequence[str], maps: Sequence[Picture]) -> Section:
    view = profile.themes[theme]
    names = [*site.lens.figures(theme, site.data.catalog), *extra]
    return Section(
        id=theme,
        title=view.theme.titel,
        gaps=view.theme.geen_cijfer,
        level=view.signal.level if view.signal else "",
        certainty=wording.CERTAINTIES.get(view.signal.certainty, "") if view.signal else "",
        sentences=tuple(_score_words(profile, site, view)),
        rows=rows(profile, names),
        maps=tuple(picture for picture in maps if picture.key.rpartition("-")[0] == theme),
        more_maps=tuple(picture for picture in maps if picture.key.rpartition("-")[0] in names),
    )


def _score_words(profile: Profile, site: Site, view: ThemeView) -> list[str]:
    """What the theme score says, in words; the number itself is no finding."""
    core = site.data.catalog.core(view.id)
    if view.id == "context":
        return []
    if not core:
        return ["Dit thema heeft in deze bronnen geen kerncijfer. Daarom is er geen score en geen signaal."]
    score = view.scores.get("nl")
    if score is None or score.score is None:
        used = f"{score.used} van {score.total}" if score else f"0 van {len(core)}"
        return [f"Geen score: {used} kerncijfers met een plaats tussen andere gebieden."]
    found: list[str] = []
    if len(core) == 1 and site.data.catalog.indicators[core[0]].soort == "modelschatting":
        found.append(
            "Dit thema rust op één modelschatting. Daarom staat hier niet hoe het gebied ligt ten opzichte van andere gebieden."
        )
    else:
        more = "hoger is meer kracht" if view.theme.kracht else "hoger is meer zorg"
        place = f"{_height(score.score)} vergeleken met {PLURALS[profile.area.kind]} in Nederland"
        found.append(f"De score van dit thema is {place} ({score.used} van {score.total} kerncijfers; {more}).")
    reasons = [
        r for r in (view.signal.reasons if view.signal else ()) if not r.startswith("score ") and "kernindicatoren" not in r
    ]
    words = [wording.plain_reason(reason).replace("kernindicator", "kerncijfer") for reason in reasons]
    return [*found, *(f"{first_upper(word)}." for word in words)]


def _height(score: float) -> str:
    names = ((0.8, "hoog"), (0.6, "wat hoger dan het midden"), (0.4, "rond het midden"), (0.2, "wat lager dan het midden"))
    return next((name for bound, name in names if score >= bound), "laag")


def _ages(profile: Profile) -> tuple[int, Markup] | None:
    """Age bars of the newest year in which all five bands have a value, with that year; None where there is no such year."""
    found = [(profile.figures[name], label) for name, label in AGES if name in profile.figures]
    own = [{cell.year: cell for cell in figure.history if cell.value is not None} for figure, _ in found]
    years = set(own[0]).intersection(*own[1:]) if len(found) == len(AGES) else set[int | None]()
    year = max((y for y in years if y is not None), default=None)
    if year is None:
        return None
    near = next((c.area for c in found[0][0].comparisons if c.area.kind != "wijk"), None)
    bars: list[svg.Bar] = []
    for (figure, label), cells in zip(found, own, strict=True):
        reference = next((c.value for o in figure.comparisons if o.area == near for c in o.history if c.year == year), None)
        bars.append(svg.Bar(label, cells[year], wording.show(cells[year], figure.indicator), reference))
    title = f"Leeftijd in {wording.noun(profile.area)}, {year}"
    return year, svg.age_bars(bars, attributes, title=title, reference_name=wording.definite(near) if near else "")


def _cards(profile: Profile) -> list[tuple[Figure, Markup, Markup]]:
    """Position strips and interval dots: never for a modelled figure, and not for composition, which has no good side."""
    found: list[tuple[Figure, Markup, Markup]] = []
    for figure in profile.figures.values():
        if figure.modelled or not figure.present or figure.indicator.thema == "context":
            continue
        here, plural = wording.noun(profile.area), PLURALS[profile.area.kind]
        strip = svg.position_strip(figure, first_upper(here), "gemeente", plural)
        rows = [(here, figure.cell), *((wording.definite(c.area), c.cell) for c in figure.comparisons)]
        has_interval = figure.cell.lower is not None
        dots = svg.interval_dots(rows, title=f"{figure.indicator.titel}, {figure.cell.year}") if has_interval else Markup("")
        if strip or dots:
            found.append((figure, strip, dots))
    return found


def _history(figures: Iterable[Figure]) -> tuple[list[int], list[tuple[Figure, Markup, Markup]]]:
    """Years, and per figure with a value in at least two of them a line and a table cell for each year."""
    chosen = [f for f in figures if not f.modelled and sum(cell.value is not None for cell in f.history) > 1]
    years = sorted({cell.year for f in chosen for cell in f.history if cell.year is not None})
    lines: list[tuple[Figure, Markup, Markup]] = []
    for figure in chosen:
        printed = {cell.year: _dated(cell, figure.indicator) for cell in figure.history}
        line = svg.sparkline(figure.history, title=figure.indicator.titel)
        lines.append((figure, line, safe("".join(f"<td>{printed.get(year, '')}</td>" for year in years))))
    return years, lines


def _dated(cell: Cell, indicator: Indicator) -> Markup:
    """The figure of one year; a star where it comes with a remark."""
    shown = number(cell, indicator)
    return shown if cell.value is None or not cell.reason else safe(f'{shown}<sup title="{escape(cell.reason)}">*</sup>')


def index_page(site: Site, maps: Mapping[str, Sequence[Picture]]) -> str:
    """The overview: areas by gemeente and code, never by a figure."""
    areas = [site.data.areas[code] for code in site.rendered]
    order = {"land": 0, "gemeente": 1, "wijk": 2, "buurt": 3, "samengesteld": 4}
    areas.sort(key=lambda a: (a.gemeente_name or "", a.gemeente or "", order[a.kind], a.code))
    groups: dict[str, list[Area]] = {}
    for area in areas:
        groups.setdefault(area.gemeente_name or "Meer gemeenten", []).append(area)
    shown = {code: pictures for code, pictures in sorted(maps.items()) if pictures} if len(maps) <= MOST_MAPPED else {}
    return (
        environment()
        .get_template("index.html")
        .render(
            site=site,
            release=site.data.release,
            root="",
            groups=groups,
            maps=[(site.data.areas[code], pictures) for code, pictures in shown.items() if code in site.data.areas],
            drawn=sorted(code for code, pictures in maps.items() if pictures),
            link=partial(address, site.folder),
        )
    )


def method_page(site: Site) -> str:
    """The method in plain words, generated from the catalogue."""
    catalog = site.data.catalog
    chapters: list[tuple[Theme, list[tuple[str, Indicator]]]] = [
        (theme, [(name, catalog.indicators[name]) for name in catalog.of_theme(key)]) for key, theme in catalog.themes.items()
    ]
    return (
        environment()
        .get_template("methode.html")
        .render(
            site=site,
            release=site.data.release,
            root="",
            chapters=chapters,
            thresholds=[
                (kind, catalog.themes[theme].titel, level, bound)
                for kind, theme, level, bound in site.data.thresholds
                if theme in catalog.themes
            ],
            example=_example,
        )
    )


def _example(indicator: Indicator) -> str:
    """The worked example of the catalogue, in words."""
    inputs = ", ".join(
        f"{name} = {f'{value:g}'.replace('.', ',')}"
        for name, value in indicator.voorbeeld.items()
        if name != "waarde" and value is not None
    )
    outcome = indicator.voorbeeld.get("waarde")
    return f"{inputs} geeft {'geen waarde' if outcome is None else wording.show_value(outcome, indicator, unit=True)}"
