"""A profile as PDF, set by Typst: tagged (PDF/UA-1), with the name of the area and the edition on every page.

Typst was chosen over a browser or ReportLab because it makes tagged PDF, sets tables over pages and takes tens of milliseconds
(facts/STACK.md). What a profile says goes in as data (`sys.inputs`), so that no name can be code; see `templates/profiel.typ`.
"""

from __future__ import annotations

import importlib.util
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import matplotlib
import typst

from beeld.errors import BeeldError
from beeld.profiles import svg, wording
from beeld.profiles.contents import Contents, Section
from beeld.profiles.editions import CAUSE_NAMES, KIND_NAMES, RevisedLine
from beeld.profiles.language import Words, noted, spoken, tr
from beeld.profiles.lines import DIRECTIONS, FigureLine, deliveries
from beeld.profiles.people import GroupLine
from beeld.profiles.site import FILES, Picture, Site
from beeld.profiles.stored import stored
from beeld.profiles.text import Note, Number, Sentence
from beeld.profiles.timeline import WORDS, Line
from beeld.profiles.wording import first_upper

TEMPLATE = Path(__file__).parent / "templates" / "profiel.typ"
NO_VERDICT = noted("een signaal, geen oordeel")
EXAMPLE = noted("voorbeeld: verzonnen cijfers")
FAMILIES = ("Source Sans Pro", "DejaVu Sans")
"""The typeface of the site, and one for the characters that it lacks."""
ESCAPED = re.compile(r"\\[bfru]")
"""What JSON makes of a control character other than a tab or the end of a line."""
TURNING = frozenset({"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Characters that only change the order of reading; with them a name can pass for another."""
CHART_STYLE = (
    "text{font:11px 'Source Sans Pro','DejaVu Sans';fill:#1e2a33}.as{font-size:9px;fill:#4d5a63}"
    ".staaf{fill:#0b556b}.streep{stroke:#5b3a73;stroke-width:2;fill:none}.lijn{stroke:#cfc6b6;fill:none}"
    ".merk{stroke:#4d5a63;stroke-width:1.2;fill:none}.band{fill:#cfc6b6}.kern{fill:#8f9aa1}"
    ".strook text,.punten text{text-anchor:end}.strook .as{text-anchor:start}.strook .eind{text-anchor:end}"
    ".midden{stroke:#1e2a33;stroke-width:1.4;fill:none}.stip{fill:#5b3a73;stroke:#fff;stroke-width:1.2}"
    ".ander{fill:#fff;stroke:#4d5a63;stroke-width:1.5}.lijntje circle{fill:#1e2a33}.los{fill:#fff!important;stroke:#1e2a33}"
)
LONGEST_WORD = 18
"""Letters of a word that the column of titles surely holds; only a longer one is worth the search for places to break it."""
MEASURED = Words({"direct": "direct", "proxy": "alleen indirect"})
LEVEL_COLOURS = {"aandacht": "#5b3a73", "sterk": "#5b3a73", "kracht": "#0b556b"}


class PdfRenderer:
    """`gebied/<CODE>/profiel.pdf`."""

    name = "pdf"

    def render(self, contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]:
        """Write the PDF of one area."""
        folder = site.folder / "gebied" / contents.profile.area.code
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / FILES[self.name][0]
        target.write_bytes(typeset(document(contents, site, maps, locator), site.folder))
        return [target]

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]:
        """Nothing is left to write."""
        return []


def typeset(content: Mapping[str, Any], root: Path) -> bytes:
    """The PDF of what `document` returned; `root` holds the pictures. The same content gives the same bytes."""
    try:
        made = compiler(root).compile(
            TEMPLATE.read_bytes(),
            sys_inputs={"profiel": as_json(content)},
            format="pdf",
            pdf_standards="ua-1",
            timestamp=0,
        )
    except typst.TypstError as error:
        raise BeeldError(f"the PDF of {content['code']} cannot be set: {error.message}", todo="Report this message") from error
    assert isinstance(made, bytes)  # noqa: S101 - one output for the format pdf
    return made


def as_json(content: Mapping[str, Any]) -> str:
    """`content` as JSON in which every character can be shown."""
    whole = json.dumps(content, ensure_ascii=False)
    harmless = all(_mark(each) == each for each in set(whole) if not each.isprintable())
    # json writes control characters as \b, \f, \r and \u....: these are looked at one by one, like a name with a backslash
    return whole if harmless and not ESCAPED.search(whole) else json.dumps(_shown(content), ensure_ascii=False)


def _shown(value: Any) -> Any:
    """`value` with a replacement mark for characters that no page can show, or that turn the order of reading round."""
    if isinstance(value, str):
        return value if value.isprintable() else "".join(map(_mark, value))
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_shown(each) for each in cast("list[Any]", value)]
    return value


@cache
def _mark(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cs", "Cn") and character not in "\n\t"
    return "\ufffd" if hidden or unicodedata.bidirectional(character) in TURNING else character


@cache
def compiler(root: Path) -> typst.Compiler:
    """One compiler per process and site: a new one reads the fonts again. It does not survive a fork (facts/STACK.md)."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(f) for f in font_folders()])
    return typst.Compiler(root=str(root), font_paths=fonts)


def font_folders() -> list[Path]:
    """Where the fonts of FAMILIES are installed; BeeldError when the package of the first is not there."""
    found = importlib.util.find_spec("font_source_sans_pro")
    if found is None or found.origin is None:
        raise BeeldError("the typeface of the PDF is not installed", todo="Install the package font-source-sans-pro")
    return [Path(found.origin).parent / "files", Path(matplotlib.get_data_path()) / "fonts" / "ttf"]


# ---------------------------------------------------------------- what is printed


def document(contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> dict[str, Any]:
    """Everything that the PDF prints, as JSON values."""
    profile, area, cover = contents.profile, contents.profile.area, contents.cover
    release = profile.release
    return {
        "titel": f"{area.name} ({area.code})",
        "naam": area.name,
        "code": area.code,
        "hier": first_upper(wording.noun(area)),
        "voorbeeld": tr(EXAMPLE) if release.example else "",
        "taal": spoken().code,
        "woorden": template_words(),
        "voet": " · ".join(
            [
                "Beeld van de Wijk",
                tr("editie {id}", id=release.id),
                tr("methode {method}", method=release.method),
                tr("indeling {year}", year=area.division),
                tr(NO_VERDICT),
            ]
        ),
        "lettertype": FAMILIES,
        "ligging": _map(locator, site.folder) if locator else None,
        "omslag": {
            "soort": cover.kind,
            "aanleiding": cover.occasion,
            "uitnodiging": cover.invitation,
            "mensen": [_rich(line) for line in cover.people],
            "krachten": [{"titel": each.title, "zin": _rich(each.sentence)} for each in cover.strengths],
            "zorgen": [{"titel": each.title, "zin": _rich(each.sentence)} for each in cover.concerns],
            "geen_punten": cover.no_points,
            "uitkomst": cover.outcome,
            "oordeel": " ".join(cover.verdict),
            "redenen": cover.reasons,
            "besproken": cover.discussed,
        },
        "hoofdstukken": _chapters(contents),
        "blik": tr(LENS, title=site.lens.titel, intro=site.lens.inleiding),
        "dekking": _coverage(contents, site),
        "vergelijken": [tr(COMPARE, place=wording.noun(area))],
        "kaartjes": _cards(contents),
        "lijken": {
            "titel": contents.likeness.title,
            "noten": contents.likeness.notes,
            "rijen": [[peer.name.plain, peer.reason, wording.numeral(peer.distance, 2)] for peer in contents.likeness.alike],
        },
        "groepen": {
            "titel": tr("Aangrenzende buurten die samen opvallen") if contents.likeness.groups else "",
            "noten": contents.likeness.group_notes,
            "rijen": [[group.theme, group.names.plain] for group in contents.likeness.groups],
        },
        "lijsten": {"regels": [*map(wording.plain_units, contents.lists.beside), *_summaries(contents)]},
        "verloop": _timeline(contents),
        "mensen": {
            "noten": contents.people.notes,
            "keuzes": contents.people.choices,
            "rijen": [_group(line) for line in contents.people.lines],
        },
        "gewijzigd": {
            "regels": [each for each in (contents.revisions.editions, *contents.revisions.words, *_causes(contents)) if each],
            "rijen": [_revised(line) for line in contents.revisions.shown],
            "rest": contents.revisions.rest,
        },
        "weten": [_note(note) for note in contents.unknowns],
        "vragen": contents.questions,
        "bronnen": {"uitleg": tr(SOURCES), "groepen": _origins(contents)},
        "kaarten": [_map(picture, site.folder) for picture in _drawn(contents, maps)],
        "kaarten_elders": tr(MAPS_ELSEWHERE) if maps else "",
    }


LENS = noted("Dit profiel kijkt vanuit: {title}. {intro} Een andere blik ordent dezelfde cijfers anders en verandert geen getal.")
COMPARE = noted(
    "Elke stip is {place}. In de strook staan streepjes voor andere gebieden van dezelfde soort. Zijn het er veel, dan staat er"
    " een balk: de donkere balk is de middelste helft en de lichte balk bijna alle gebieden. Gebieden met minder dan 200 inwoners"
    " doen niet mee. Modelschattingen staan hier niet: die zijn niet gemaakt om gebieden naast elkaar te zetten."
)
SOURCES = noted(
    "Van elk cijfer staat hier waar het vandaan komt. De code achter levering wijst de bewaarde levering aan. Klopt er iets niet?"
    " Meld het bij de organisatie die u dit profiel gaf, en noem de editie, het gebied en het cijfer."
)
MAPS_ELSEWHERE = noted("De kaarten per thema staan in het profiel van de gemeente en op de webbladzijde.")
YEARS = noted(
    "In de lijn: punten met een lijn zijn jaren na elkaar met dezelfde grens; een open punt is een jaar met een kanttekening. De"
    " lijn breekt daar, en ook waar een jaar ontbreekt. Alle jaren staan op de webbladzijde."
)
ALL_YEARS = noted("Alle jaren staan op de webbladzijde.")
TESTED = noted(
    "Een cijfer kan door toeval iets hoger of lager uitvallen dan het jaar ervoor. Daarom toetsen wij elk verschil. Een"
    " verandering zegt niet waardoor zij er is."
)


def template_words() -> dict[str, str]:
    """The words of the template itself, Dutch -> as they are said; nothing in Dutch, where they stand for themselves."""
    return {} if spoken().code == "nl" else {each: tr(each) for each in _template_words()}


@cache
def _template_words() -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r'\bw\("([^"]+)"\)', TEMPLATE.read_text(encoding="utf-8"))))


def _rich(line: Sentence) -> list[list[str]]:
    """Words and numbers, so that the numbers can stand out."""
    return [["n" if isinstance(part, Number) else "t", part if isinstance(part, str) else part.text] for part in line.parts]


def _map(picture: Picture, root: Path) -> dict[str, str]:
    return {"pad": "/" + picture.png.relative_to(root).as_posix(), "alt": f"{picture.title}. {picture.alt}"}


def _chapters(contents: Contents) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for chapter, sections in contents.chapters:
        people = chapter.vorm == "bevolking"
        found.append(
            {
                "titel": chapter.titel,
                "leeftijden": _ages(contents) if people else None,
                "secties": [_section(each, titled=not people) for each in sections],
            }
        )
    if contents.leftover:
        rest = [_section(each, titled=True) for each in contents.leftover]
        found.append({"titel": tr("Overige thema's"), "leeftijden": None, "secties": rest})
    return found


def _section(section: Section, *, titled: bool) -> dict[str, Any]:
    level = f"{wording.LEVELS[section.level]}{f' · {section.certainty}' if section.certainty else ''}" if section.level else ""
    return {
        "titel": section.title if titled else "",
        "niveau": level,
        "kleur": LEVEL_COLOURS.get(section.level, "#4d5a63"),
        "zinnen": section.sentences,
        "opvallend": [_rich(line) for line in section.peaks],
        "gaten": section.gaps,
        "kolommen": section.columns,
        "rijen": [_line(line) for line in section.lines],
        "teken": any(line.untested for line in section.lines),
    }


def _line(line: FigureLine) -> dict[str, Any]:
    head = line.head
    return {
        "titel": head.title,
        "eenheid": f"{head.unit}; {head.direction}" if head.direction else head.unit,
        "afbreken": max(map(len, head.title.split()), default=0) > LONGEST_WORD,
        "waarde": line.shown,
        "leeg": not line.figure.present,
        "bij": [each for each in (line.interval, line.finding, line.reason) if each],
        "naast": [wording.show(cell, line.figure.indicator) for _, cell in line.beside],
        "jaar": line.year,
        "merken": line.badges,
    }


def _drawing(drawn: str, alt: str) -> dict[str, str]:
    """A chart of the pages as a picture on its own."""
    head, _, rest = drawn.partition(">")
    return {"svg": f'{head} xmlns="http://www.w3.org/2000/svg"><style>{CHART_STYLE}</style>{rest}', "alt": alt}


def _ages(contents: Contents) -> dict[str, str] | None:
    ages = contents.ages
    if ages is None:
        return None
    title = tr("Leeftijd in {place}, {year}", place=wording.noun(contents.profile.area), year=ages.year)
    values = "; ".join(f"{band.label} {wording.show(band.cell, band.figure.indicator)}" for band in ages.bands)
    below = tr("Aandeel van de inwoners per leeftijdsgroep, in procenten. Jaar: {year}.", year=ages.year)
    return {**_drawing(str(svg.age_bars(ages, title=title)), f"{title}: {values}."), "onder": below}


def _cards(contents: Contents) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    area = contents.profile.area
    here, plural, town = wording.noun(area), wording.PLURALS[area.kind], wording.SINGULARS["gemeente"]
    for figure in contents.compared:
        places = svg.places(figure, first_upper(here), town, plural)
        strip = svg.position_strip(figure, first_upper(here), town, plural)
        rows = [(here, figure.cell), *((wording.definite(c.area), c.cell) for c in figure.comparisons)]
        dots = svg.interval_dots(rows, title=figure.indicator.titel) if figure.cell.lower is not None else ""
        drawings = [_drawing(str(strip), f"{figure.indicator.titel}. {places}")] if strip else []
        if dots:
            values = "; ".join(f"{label} {wording.show(cell, figure.indicator)}" for label, cell in rows)
            drawn = _drawing(str(dots), tr("Met marge, op een eigen schaal: {values}.", values=values))
            drawings.append({**drawn, "boven": tr("Met marge, op een eigen schaal")})
        if drawings:
            direction = "" if figure.indicator.richting == "neutraal" else f"; {DIRECTIONS[figure.indicator.richting]}"
            shown = wording.show(figure.cell, figure.indicator, unit=True)
            extra = f"({figure.cell.year}{direction})"
            found.append({"titel": figure.indicator.titel, "waarde": shown, "bij": extra, "beelden": drawings})
    return found


def _coverage(contents: Contents, site: Site) -> list[list[str]]:
    titles = {name: indicator.titel for name, indicator in site.data.catalog.indicators.items()}
    found: list[list[str]] = []
    for each in contents.coverage:
        lists = ((tr("Direct"), each.direct), (tr("Indirect"), each.proxy), (tr("Niet geleverd"), each.undelivered))
        named = [f"{label}: {'; '.join(titles[name] for name in names)}." for label, names in lists if names]
        extra = wording.plain_units(each.element.toelichting) or ("" if named else tr("Er is geen open cijfer."))
        empty = tr("geen cijfer in deze editie") if each.undelivered else tr("geen open cijfer")
        found.append([each.element.titel, MEASURED.get(each.measure) or empty, " ".join([*named, extra]).strip()])
    return found


def _summaries(contents: Contents) -> Iterable[str]:
    for summary in contents.lists.summaries:
        yield f"{summary.title}: {' '.join(summary.sentences)}"
    if contents.lists.absent:
        yield contents.lists.absent


def _timeline(contents: Contents) -> dict[str, Any]:
    found = contents.timeline
    groups = ((tr("Niet te toetsen"), found.untestable), (tr("Niet over de jaren getoond"), found.refused))
    return {
        "uitleg": tr(TESTED),
        "getoetst": found.tested,
        "getekend": found.drawn,
        "rijen": [_year_row(line) for line in found.lines],
        "onder": tr(YEARS) if found.drawn else tr(ALL_YEARS),
        "redenen": [
            {"titel": title, "rijen": [[group.reason, "; ".join(group.titles)] for group in each]}
            for title, each in groups
            if each
        ],
    }


def _year_row(line: Line) -> dict[str, Any]:
    indicator = line.figure.indicator
    known = [(year, cell) for year, cell in sorted(line.cells.items()) if cell.value is not None]
    first, last = known[0], known[-1]
    drawn = svg.sparkline(line.figure.history, title=line.title)
    tests = [[f"{WORDS[each.outcome]} {each.first}-{each.last}", stored(each.reason)] for each in line.tests]
    return {
        "titel": line.title,
        "eenheid": line.unit,
        "lijn": _drawing(str(drawn), tr("Lijn van {first} tot {last}.", first=first[0], last=last[0])) if drawn else None,
        "eerste": [str(first[0]), wording.show(first[1], indicator)],
        "laatste": [str(last[0]), wording.show(last[1], indicator)],
        "toets": tests or [["", line.untested]],
    }


def _causes(contents: Contents) -> Iterable[str]:
    for cause, words, count in contents.revisions.causes:
        told = noted("{cause}, {count} cijfer: {words}.") if count == 1 else noted("{cause}, {count} cijfers: {words}.")
        yield tr(told, cause=first_upper(CAUSE_NAMES[cause]), count=count, words=words)


def _revised(line: RevisedLine) -> list[str]:
    about = f" ({line.about})" if line.about else ""
    return [
        f"{line.title}{about}",
        str(line.row.year),
        line.was,
        line.now,
        f"{KIND_NAMES[line.row.kind]}: {CAUSE_NAMES[line.row.cause]}",
    ]


def _note(note: Note) -> dict[str, Any]:
    sentences = bool(note.items) and all(item.endswith(".") for item in note.items)
    return {"titel": note.title, "tekst": note.text, "punten": note.items, "zinnen": sentences}


def _origins(contents: Contents) -> list[dict[str, Any]]:
    """Where figures come from, by delivery in the order in which they first came."""
    return [
        {
            "bron": publisher,
            "levering": tr("geen tabel") if table == "–" else tr("tabel {table}, levering {sha}", table=table, sha=sha),
            "rijen": [[each.title, f"{each.year} {each.kind}", each.column] for each in origins],
        }
        for (publisher, table, sha), origins in deliveries(contents.origins).items()
    ]


def _drawn(contents: Contents, maps: Sequence[Picture]) -> list[Picture]:
    """The maps of the themes with national classes, in the profile of a gemeente; with every buurt they would be the same."""
    if contents.profile.area.kind != "gemeente":
        return []
    sections = [each for _, sections in contents.chapters for each in sections]
    return [p for each in (*sections, *contents.leftover) for p in each.maps(maps) if p.key.endswith("-nl")]


def _group(line: GroupLine) -> dict[str, Any]:
    count = line.count
    beside = [each for each in (count.margin, tr("reden: {reason}", reason=count.reason) if count.reason else "") if each]
    rest = [line.share.text, line.base, line.origin, *line.outside]
    return {"titel": line.title, "uitleg": line.text, "aantal": count.shown, "bij": beside, "rest": rest}
