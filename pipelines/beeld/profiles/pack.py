"""What lies on top in a folder for a meeting: the chosen areas side by side, the maps for the table, and what is what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from beeld.profiles.contents import Contents, contents_of
from beeld.profiles.html import environment
from beeld.profiles.language import tr
from beeld.profiles.lines import FigureLine, Head, line
from beeld.profiles.reading import build_profile, load_batch
from beeld.profiles.site import FILES, Site

OVERVIEW = "overzicht.html"
README = "LEESMIJ.txt"
BESIDE = 5
"""Areas beside each other in one table; more go into the next."""
TABLE_MAP = "tafel.svg"


@dataclass(frozen=True)
class Row:
    """One figure of every area of a table, in the order of its columns."""

    head: Head
    lines: tuple[FigureLine, ...]


@dataclass(frozen=True)
class Theme:
    """The core figures of one theme."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Side:
    """A table: areas by gemeente and code, never by a figure."""

    areas: tuple[Contents, ...]
    themes: tuple[Theme, ...]

    @property
    def untested(self) -> bool:
        """True when the boundary of a figure was not tested, so that its sign is explained."""
        return any(line.untested for theme in self.themes for row in theme.rows for line in row.lines)


def write_pack(con: duckdb.DuckDBPyConnection, site: Site, codes: Sequence[str]) -> list[Path]:
    """`overzicht.html` and `LEESMIJ.txt` beside the site of these areas; both say which release they come from."""
    ordered = sorted(codes, key=lambda code: (site.data.areas[code].gemeente or "", code))
    batch = load_batch(con, site.data, ordered)
    contents = [contents_of(build_profile(site.data, batch, code), site) for code in ordered]
    sides = [_side(contents[start : start + BESIDE], site) for start in range(0, len(contents), BESIDE)]
    gemeenten = sorted({each.profile.area.gemeente for each in contents if each.profile.area.gemeente})
    maps = [(site.data.areas[name], f"kaart/{name}/{TABLE_MAP}") for name in gemeenten]
    maps = [(area, path) for area, path in maps if (site.folder / path).is_file()]
    page, readme = site.folder / OVERVIEW, site.folder / README
    text = (
        environment()
        .get_template(OVERVIEW)
        .render(site=site, release=site.data.release, root="", page=OVERVIEW, sides=sides, maps=maps)
    )
    page.write_text(text, encoding="utf-8", newline="\n")
    readme.write_text("\n".join(_readme(contents, site, [path for _, path in maps])) + "\n", encoding="utf-8", newline="\n")
    return [page, readme]


def _side(contents: Sequence[Contents], site: Site) -> Side:
    catalog = site.data.catalog
    themes: list[Theme] = []
    for name in catalog.scored_themes:
        rows = [
            Row(found[0].head, tuple(found))
            for core in catalog.core(name)
            if (found := [line(each.profile.figures[core]) for each in contents]) and any(each.figure.present for each in found)
        ]
        themes.append(Theme(catalog.themes[name].titel, tuple(rows)))
    return Side(tuple(contents), tuple(theme for theme in themes if theme.rows))


def _readme(contents: Sequence[Contents], site: Site, maps: Sequence[str]) -> Iterator[str]:
    release = site.data.release
    yield tr("Overlegpakket van Beeld van de Wijk")
    yield tr("Editie {id}, methode {method}. Een signaal, geen oordeel.", id=release.id, method=release.method)
    if release.example:
        yield tr("Voorbeeld: verzonnen cijfers. De cijfers gaan niet over een echt gebied.")
    yield ""
    yield tr("{file}: de gekozen gebieden naast elkaar", file=OVERVIEW)
    yield tr("{file}: overzicht van alle bladzijden in deze map", file="index.html")
    yield from (tr("{file}: kaart op A3 voor aan tafel", file=path) for path in maps)
    yield ""
    for each in contents:
        area = each.profile.area
        yield f"{' '.join(area.name.split())} ({area.code})"
        yield tr("  {file}: bladzijde", file=f"gebied/{area.code}/index.html")
        yield from (f"  gebied/{area.code}/{FILES[name][0]}: {tr(FILES[name][1])}" for name in site.formats if name in FILES)
