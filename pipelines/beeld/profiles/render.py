"""Write the site of a release: pages of the wanted areas, maps of their gemeenten, index, method page, fonts.

Renderers and output languages are chosen by name, so that a new format is an entry of `RENDERERS` and not a change here.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb

from beeld.errors import UsageError
from beeld.profiles.html import HtmlRenderer, Picture, Site
from beeld.profiles.lenses import load_lens
from beeld.profiles.model import Profile, ReleaseData, build_profile, load_batch, load_release
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog
from beeld.warehouse.read import open_warehouse

BATCH = 500
"""Areas whose cells are in memory at once."""
FONTS = ("SourceSansPro-Regular.ttf", "SourceSansPro-It.ttf", "SourceSansPro-Semibold.ttf", "LICENSE.txt")
LANGUAGES = ("nl",)


class Renderer(Protocol):
    """Lays out a profile; it computes nothing.

    `render` is called once per area and returns the files it wrote under `site.folder`; `finish` once, after all areas.
    """

    @property
    def name(self) -> str: ...

    def render(self, profile: Profile, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]: ...

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]: ...


RENDERERS: dict[str, Renderer] = {"html": HtmlRenderer()}


def _silent(_message: str) -> None:
    """Report no progress."""


def render_site(
    release: Path,
    warehouse: Path,
    out: Path,
    *,
    catalog: Catalog,
    areas: Sequence[str],
    texts: Mapping[str, Mapping[str, str]] | None = None,
    warnings: Sequence[str] = (),
    progress: Callable[[str], None] = _silent,
    lens: str = "zoom-in",
    formats: Sequence[str] = ("html",),
    language: str = "nl",
    maps: bool = True,
) -> list[Path]:
    """The files of the site of `areas`, written under `out`: pages first, the index last.

    `warehouse` is the database of the release in folder `release`. `texts`: team texts per area (`aanleiding`). `maps=False`
    skips drawing. Raises UsageError for an area, lens, format or language that does not exist; nothing is written then.
    """
    renderers = _chosen(formats, language)
    chosen_lens = load_lens(project_folder(), lens)
    con = open_warehouse(warehouse)
    try:
        data = load_release(con, catalog)
        unknown = sorted(set(areas) - set(data.areas))
        if unknown:
            raise UsageError(f"no such area: {', '.join(unknown[:10])}", where=str(release), todo="Find it with 'beeld find'")
        site = Site(out, data, chosen_lens, frozenset(areas), tuple(warnings))
        out.mkdir(parents=True, exist_ok=True)
        _copy_fonts(out / "lettertypen")
        drawn = _draw_all(con, site, progress) if maps else {}
        written: list[Path] = []
        for profile in _profiles(con, data, areas, texts or {}, progress):
            pictures = drawn.get(profile.area.gemeente or "", ())
            locator = _locator(con, site, profile.area.code) if maps else None
            for renderer in renderers:
                written += renderer.render(profile, site, pictures, locator)
        for renderer in renderers:
            written += renderer.finish(site, drawn)
    finally:
        con.close()
    return written


def _chosen(formats: Sequence[str], language: str) -> list[Renderer]:
    if language not in LANGUAGES:
        raise UsageError(f"language '{language}' does not exist yet", todo=f"Choose one of: {', '.join(LANGUAGES)}")
    for name in formats:
        if name not in RENDERERS:
            raise UsageError(f"format '{name}' does not exist", todo=f"Choose from: {', '.join(sorted(RENDERERS))}")
    return [RENDERERS[name] for name in formats]


def _profiles(
    con: duckdb.DuckDBPyConnection,
    data: ReleaseData,
    areas: Sequence[str],
    texts: Mapping[str, Mapping[str, str]],
    progress: Callable[[str], None],
) -> Iterator[Profile]:
    """Profiles in the order of gemeente and code, a batch of cells at a time."""
    ordered = sorted(set(areas), key=lambda code: (data.areas[code].gemeente or "", code))
    for start in range(0, len(ordered), BATCH):
        codes = ordered[start : start + BATCH]
        batch = load_batch(con, data, codes)
        for code in codes:
            yield build_profile(data, batch, code, texts.get(code))
        progress(f"profielen: {start + len(codes)} van {len(ordered)}")


def _draw_all(con: duckdb.DuckDBPyConnection, site: Site, progress: Callable[[str], None]) -> dict[str, Sequence[Picture]]:
    """Maps of every gemeente that has an area on the site; a gemeente without boundaries has none."""
    drawing = _maps()
    gemeenten = sorted({area.gemeente for code in site.rendered if (area := site.data.areas[code]).gemeente})
    drawn: dict[str, Sequence[Picture]] = {}
    for number, gemeente in enumerate(gemeenten, start=1):
        folder = site.folder / "kaart" / gemeente
        folder.mkdir(parents=True, exist_ok=True)
        release = site.data.release
        drawn[gemeente] = drawing.draw_maps(
            con, gemeente, folder, catalog=site.data.catalog, release_id=release.id, example=release.example
        )
        progress(f"kaarten: {number} van {len(gemeenten)} gemeenten")
    return drawn


def _locator(con: duckdb.DuckDBPyConnection, site: Site, code: str) -> Picture | None:
    """The map of where the area lies; None where it has no boundary."""
    if site.data.areas[code].geometry_year is None:
        return None
    folder = site.folder / "gebied" / code
    folder.mkdir(parents=True, exist_ok=True)
    return _maps().draw_locator(con, code, folder, release_id=site.data.release.id, example=site.data.release.example)


def _maps() -> Any:
    """The drawing module, imported late: matplotlib and geopandas take seconds."""
    return importlib.import_module("beeld.profiles.maps")


def _copy_fonts(folder: Path) -> None:
    """The open typeface of the pages, with its licence; without the package the pages fall back on the reader's own typefaces."""
    found = importlib.util.find_spec("font_source_sans_pro")
    if found is None or found.origin is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in FONTS:
        source = Path(found.origin).parent / "files" / name
        if source.is_file():
            shutil.copyfile(source, folder / name)
