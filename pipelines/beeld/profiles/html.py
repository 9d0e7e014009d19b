"""Accessible HTML that opens from disk: one page per area, an index and a method page.

Every printed figure is an element with `data-gebied`, `data-indicator`, `data-peiljaar`, `data-status` and, where there is one,
`data-waarde` (CONTRACT.md). Names come from outside: Jinja escapes them, and what is built here escapes at the spot.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup, escape

from beeld.profiles import editions, elements, list_words, method, svg, wording
from beeld.profiles.contents import Contents
from beeld.profiles.elements import address
from beeld.profiles.language import Words, day, spoken, tr
from beeld.profiles.lines import DIRECTIONS, deliveries
from beeld.profiles.model import Area, Figure
from beeld.profiles.site import Picture, Site, file_name
from beeld.profiles.stored import stored
from beeld.profiles.wording import first_upper

TEMPLATES = Path(__file__).parent / "templates"
SOURCE_STATES = Words({"actueel": "actueel", "verouderd": "verouderd", "niet_geleverd": "niet geleverd"})
MOST_MAPPED = 5
"""Up to this many gemeenten the index shows their maps; above it they stand on the page of the gemeente only."""


@dataclass(frozen=True)
class Script:
    """A script that stands in a page, and the hash by which the page's policy lets it run."""

    text: Markup

    @property
    def hash(self) -> str:
        """As a Content-Security-Policy names it."""
        return f"sha256-{base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()}"


CONSTANT = re.compile(r"""\{\{ tr\((["'])((?:(?!\1)[^\\])+)\1\) \}\}""")
"""A message without values in a template."""


@cache
def finder() -> Script:
    """The script of the area finder on the index."""
    return Script(elements.safe((TEMPLATES / "zoeken.js").read_text(encoding="utf-8")))


def figure_key(picture: Picture) -> str:
    """What a map is of, as the page beside the maps calls it."""
    return picture.key.removesuffix("-nl").removesuffix("-gemeente")


def said(message: str, **values: object) -> Markup:
    """A message of a template, in the language that is spoken: it is HTML as it stands, its values are escaped."""
    text = tr(message)
    return elements.safe(text.format(**{name: escape(value) for name, value in values.items()}) if values else text)


class Said(Extension):
    """Puts a message without values into the template when it is compiled: there is an environment for each language."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source with `{{ tr('...') }}` said."""
        return CONSTANT.sub(lambda found: tr(found[2]), source)


def environment() -> Environment:
    """The templates in the language that is spoken; undefined names are errors."""
    return _environment(spoken().code)


@cache
def _environment(_language: str) -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Said],
    )
    shared: dict[str, Any] = {
        "number": elements.number,
        "sentence": elements.sentence,
        "css_string": elements.css_string,
        "figure_rows": elements.rows,
        "column_heads": elements.heads,
        "column_labels": elements.labels,
        "origin": elements.origin,
        "years_row": elements.years_row,
        "outcomes": elements.outcomes,
        "revised": elements.revised,
        "size": elements.count,
        "distance": elements.distance,
        "age_bars": svg.age_bars,
        "sparkline": svg.sparkline,
        "unit_name": wording.unit_name,
        "language": spoken(),
        "tr": said,
        "plain_units": wording.plain_units,
        "stored": stored,
        "day": day,
        "singulars": wording.SINGULARS,
        "cause_names": editions.CAUSE_NAMES,
        "source_states": SOURCE_STATES,
        "use_names": method.USE_NAMES,
        "spoken_words": tr,
        "kinds": wording.KINDS,
        "states": wording.STATES,
        "directions": DIRECTIONS,
        "levels": wording.LEVELS,
        "first_upper": first_upper,
        "numeral": wording.numeral,
        "noun": wording.noun,
        "line_legend": svg.line_legend(),
        "file_name": file_name,
        "figure_key": figure_key,
        "deliveries": deliveries,
    }
    cast("dict[str, Any]", env.globals).update(shared)
    return env


class HtmlRenderer:
    """Pages under `gebied/<CODE>/`, `index.html`, `methode.html` and a page per indicator under `methode/`."""

    name = "html"

    def render(self, contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]:
        """Write the page of one area."""
        folder = site.folder / "gebied" / contents.profile.area.code
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "index.html"
        page.write_text(area_page(contents, site, folder, maps, locator), encoding="utf-8", newline="\n")
        return [page]

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]:
        """Write the index and the pages of the method, once all areas stand."""
        pages = {"index.html": index_page(site, maps), "methode.html": method.method_page(environment(), site)}
        for name, content in pages.items():
            (site.folder / name).write_text(content, encoding="utf-8", newline="\n")
        style = site.folder / "stijl.css"
        style.write_text((TEMPLATES / "stijl.css").read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
        return [*(site.folder / name for name in pages), *method.write_indicator_pages(environment(), site)]


def area_page(contents: Contents, site: Site, folder: Path, maps: Sequence[Picture], locator: Picture | None) -> str:
    """The page of one area."""
    area = contents.profile.area
    return (
        environment()
        .get_template("gebied.html")
        .render(
            site=site,
            release=contents.profile.release,
            profile=contents.profile,
            contents=contents,
            cover=contents.cover,
            area=area,
            here=first_upper(wording.noun(area)),
            columns=[first_upper(wording.definite(parent)) for parent in contents.profile.parents],
            root="../../",
            page=f"gebied/{area.code}/index.html",
            maps=maps,
            cards=_cards(contents),
            named=list_words.NAMED,
            indicators=site.data.catalog.indicators,
            locator=locator,
            link=partial(address, folder),
        )
    )


def _cards(contents: Contents) -> list[tuple[Figure, Markup, Markup]]:
    """Position strips and interval dots of the figures that may be placed among others."""
    found: list[tuple[Figure, Markup, Markup]] = []
    here, plural = wording.noun(contents.profile.area), wording.PLURALS[contents.profile.area.kind]
    town = wording.SINGULARS["gemeente"]
    for figure in contents.compared:
        strip = svg.position_strip(figure, first_upper(here), town, plural)
        rows = [(here, figure.cell), *((wording.definite(c.area), c.cell) for c in figure.comparisons)]
        has_interval = figure.cell.lower is not None
        dots = svg.interval_dots(rows, title=f"{figure.indicator.titel}, {figure.cell.year}") if has_interval else Markup("")
        if strip or dots:
            found.append((figure, strip, dots))
    return found


def index_page(site: Site, maps: Mapping[str, Sequence[Picture]]) -> str:
    """The overview: areas by gemeente and code, never by a figure."""
    areas = [site.data.areas[code] for code in site.rendered]
    order = {"land": 0, "gemeente": 1, "wijk": 2, "buurt": 3, "samengesteld": 4}
    areas.sort(key=lambda a: (a.gemeente_name or "", a.gemeente or "", order[a.kind], a.code))
    groups: dict[str, list[Area]] = {}
    for area in areas:
        groups.setdefault(area.gemeente_name or tr("Meer gemeenten"), []).append(area)
    shown = {code: pictures for code, pictures in sorted(maps.items()) if pictures} if len(maps) <= MOST_MAPPED else {}
    return (
        environment()
        .get_template("index.html")
        .render(
            site=site,
            release=site.data.release,
            root="",
            page="index.html",
            groups=groups,
            maps=[(site.data.areas[code], pictures) for code, pictures in shown.items() if code in site.data.areas],
            finder=finder(),
            compared=editions.compared(site.data.release),
            causes=editions.CAUSES,
            drawn=sorted(code for code, pictures in maps.items() if pictures),
            link=partial(address, site.folder),
        )
    )
