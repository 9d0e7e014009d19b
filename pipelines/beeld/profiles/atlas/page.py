"""Write `atlas/` of a site: the page, its data as scripts, its own scripts and the map library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment

from beeld.profiles.atlas.files import bundles, copy_scripts, safe_json, write_text
from beeld.profiles.atlas.listing import Choice, choices, groups, opening, subject
from beeld.profiles.atlas.sheets import Reader
from beeld.profiles.atlas.words import WORDS
from beeld.profiles.language import spoken, tr
from beeld.profiles.lenses import Lens
from beeld.profiles.maps.figures import boundary_publisher
from beeld.profiles.maps.outlines import Outlines, read_outlines
from beeld.profiles.maps.style import EDGE, EMPTY, EMPTY_FILL, EMPTY_HATCH, INK, UNSURE, UNSURE_HATCH
from beeld.profiles.maps.text import clean, listed
from beeld.profiles.model import Area
from beeld.profiles.site import Site


def write_atlas(con: duckdb.DuckDBPyConnection, site: Site, lenses: Sequence[Lens], templates: Environment) -> list[Path]:
    """Write the atlas of the gemeenten that are rendered and return its files.

    `lenses`: what a reader can choose from, the lens of the site first. The bytes depend on the release, the rendered areas
    and the installed versions only.
    """
    folder = site.folder / "atlas"
    (folder / "cijfers").mkdir(parents=True, exist_ok=True)
    areas = buurten(site)
    gemeenten = {area.gemeente: area.gemeente_name or area.gemeente for area in areas if area.gemeente}
    reader = Reader(con, site.data, [area.code for area in areas], {area.code: area.gemeente or "" for area in areas})
    listing = choices(con, site.data.catalog, sorted(gemeenten))
    written, places, periods = _write_sheets(folder, reader, listing)
    outlines = read_outlines(con, {area.code: area.gemeente or "" for area in areas})
    said = spoken()
    content = {
        "words": dict(WORDS),
        "notation": {"tag": said.tag, "thousands": said.thousands, "decimal": said.decimal},
        "release": site.data.release.id,
        "gemeenten": [[code, clean(name)] for code, name in gemeenten.items()],
        "subjects": {choice.key: subject(choice, site.data.catalog) for choice in listing},
        "sheets": {
            choice.key: [[year, periods[choice.key, year], places[choice.key, year]] for year in choice.years]
            for choice in listing
        },
        "lenses": _lenses(lenses, site, listing),
        "opening": opening(groups(site.lens, site.data.catalog, {choice.key for choice in listing}), site.data.catalog),
        "style": {
            "ink": INK,
            "edge": EDGE,
            "emptyFill": EMPTY_FILL,
            "emptyHatch": EMPTY_HATCH,
            "empty": {state: [tr(words), hatch] for state, (words, hatch) in EMPTY.items()},
            "unsure": [tr(UNSURE), UNSURE_HATCH],
        },
        "borders": _borders(con, areas),
    }
    written.append(write_text(folder / "gebieden.js", f"BeeldAtlas.addAreas({safe_json(_areas(areas, outlines, site))});\n"))
    page = templates.get_template("atlas.html").render(
        site=site, release=site.data.release, root="../", page="atlas/index.html", words=WORDS, content=safe_json(content)
    )
    written.append(write_text(folder / "index.html", page))
    return [*written, *copy_scripts(folder)]


def buurten(site: Site) -> list[Area]:
    """The buurten of the gemeenten of which something is rendered, by gemeente and code."""
    rendered = {site.data.areas[code].gemeente for code in site.rendered} - {None}
    found = [area for area in site.data.areas.values() if area.kind == "buurt" and area.gemeente in rendered]
    return sorted(found, key=lambda area: (area.gemeente_name or "", area.gemeente or "", area.code))


def _write_sheets(
    folder: Path, reader: Reader, listing: Sequence[Choice]
) -> tuple[list[Path], dict[tuple[str, int], str], dict[tuple[str, int], str]]:
    """The files of the sheets; per sheet its file and its period in words."""
    periods: dict[tuple[str, int], str] = {}

    def sheets() -> Iterator[dict[str, Any]]:
        for choice in listing:
            for sheet in reader.sheets(choice):
                periods[sheet["key"], sheet["year"]] = sheet["period"]
                yield sheet

    written: list[Path] = []
    places: dict[tuple[str, int], str] = {}
    for held, script in bundles(sheets()):
        path = write_text(folder / "cijfers" / f"{len(written):03d}.js", script)
        written.append(path)
        places |= dict.fromkeys(held, path.name)
    return written, places, periods


def _areas(areas: Sequence[Area], outlines: Outlines, site: Site) -> Mapping[str, Any]:
    """Codes, names, gemeenten and boundaries, a column each."""
    gemeenten = list(dict.fromkeys(area.gemeente for area in areas))
    number = {code: position for position, code in enumerate(gemeenten)}
    return {
        "code": [area.code for area in areas],
        "name": [clean(area.name) for area in areas],
        "gemeente": [number[area.gemeente] for area in areas],
        "people": [area.inhabitants or 0 for area in areas],
        "rendered": "".join("1" if area.code in site.rendered else "0" for area in areas),
        "scale": outlines.scale,
        "shape": [outlines.shapes.get(area.code) for area in areas],
        "border": [outlines.borders.get(code or "", []) for code in gemeenten],
        "box": outlines.box,
    }


def _lenses(lenses: Sequence[Lens], site: Site, listing: Sequence[Choice]) -> list[dict[str, Any]]:
    ordered = [site.lens, *(lens for lens in lenses if lens.lens != site.lens.lens)]
    present = {choice.key for choice in listing}
    return [
        {"id": lens.lens, "title": lens.titel, "text": lens.inleiding, "groups": groups(lens, site.data.catalog, present)}
        for lens in ordered
    ]


def _borders(con: duckdb.DuckDBPyConnection, areas: Sequence[Area]) -> str:
    """Year and publisher of the boundaries, as under the drawn maps."""
    years = listed([str(year) for year in sorted({area.geometry_year for area in areas if area.geometry_year})])
    publisher = boundary_publisher(con)
    return f"{WORDS['borders']} {years}" + (f": {publisher}" if publisher else "") if years else ""
