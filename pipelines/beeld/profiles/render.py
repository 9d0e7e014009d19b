"""Write the site of a release: pages of the wanted areas, maps of their gemeenten, index, method page, fonts.

Renderers and output languages are chosen by name, so that a new format is an entry of `RENDERERS` and not a change here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import duckdb

from beeld.errors import UsageError
from beeld.profiles.contents import Contents, contents_of
from beeld.profiles.html import HtmlRenderer, environment
from beeld.profiles.lenses import known_lenses, load_lens
from beeld.profiles.model import Profile, Release
from beeld.profiles.pdf import PdfRenderer
from beeld.profiles.reading import ReleaseData, build_profile, load_batch, load_release
from beeld.profiles.site import Picture, Site
from beeld.profiles.slides import PptxRenderer
from beeld.profiles.xlsx import XlsxRenderer
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.read import open_warehouse

BATCH = 500
"""Areas whose cells are in memory at once."""
POOL_FROM = 3
"""Gemeenten from which a pool of processes draws faster than this process alone; starting one takes about three seconds."""
MOST_PIXELS = 20
"""Up to this many gemeenten pages offer their maps as PNG too; in a larger site those would be more bytes than all else."""
FONTS = ("SourceSansPro-Regular.ttf", "SourceSansPro-It.ttf", "SourceSansPro-Semibold.ttf", "LICENSE.txt")
LANGUAGES = ("nl",)


class Renderer(Protocol):
    """Lays out the contents of a profile; it computes nothing.

    `render` is called once per area and returns the files it wrote under `site.folder`; `finish` once, after all areas.
    """

    @property
    def name(self) -> str: ...

    def render(self, contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]: ...

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]: ...


RENDERERS: dict[str, Renderer] = {each.name: each for each in (HtmlRenderer(), PdfRenderer(), PptxRenderer(), XlsxRenderer())}


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
    project: Path | None = None,
) -> list[Path]:
    """The files of the site of `areas`, written under `out`: pages first, the index last.

    `warehouse` is the database of the release in folder `release`. `texts`: team texts per area (`aanleiding`). `maps=False`
    skips drawing and the atlas. `project` holds the lenses (default: the declarations in use). Raises UsageError for an area,
    lens, format or language that does not exist; nothing is written then.
    """
    renderers = chosen_renderers(formats, language)
    chosen_lens = load_lens(project or project_folder(), lens, catalog)
    con = open_warehouse(warehouse)
    try:
        data = load_release(con, catalog)
        unknown = sorted(set(areas) - set(data.areas))
        if unknown:
            raise UsageError(f"no such area: {', '.join(unknown[:10])}", where=str(release), todo="Find it with 'beeld find'")
        groups = load_target_groups(project or project_folder(), catalog)
        site = Site(
            out, data, chosen_lens, frozenset(areas), tuple(warnings), groups, tuple(formats), atlas=maps and "html" in formats
        )
        out.mkdir(parents=True, exist_ok=True)
        _copy_fonts(out / "lettertypen")
        drawn, locators = _draw_all(warehouse, site, formats, progress) if maps else ({}, {})
        written: list[Path] = []
        for profile in _profiles(con, data, areas, texts or {}, progress):
            pictures = drawn.get(profile.area.gemeente or "", ())
            contents = contents_of(profile, site)
            for renderer in renderers:
                written += renderer.render(contents, site, pictures, locators.get(profile.area.code))
        for renderer in renderers:
            written += renderer.finish(site, drawn)
        if site.atlas:
            written += _write_atlas(con, site, project or project_folder(), progress)
    finally:
        con.close()
    return written


def chosen_renderers(formats: Sequence[str], language: str) -> list[Renderer]:
    """The renderers of these formats; UsageError for a format or language that does not exist."""
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


@dataclass(frozen=True)
class Drawing:
    """What one process draws: the maps of a gemeente (none for areas outside any), and where each of its areas lies."""

    warehouse: Path
    folder: Path
    catalog: Catalog
    gemeente: str
    codes: tuple[str, ...]
    release: Release
    html: bool
    pixels: bool


Drawn = tuple[str, Sequence[Picture], dict[str, Picture]]


def _draw_all(
    warehouse: Path, site: Site, formats: Sequence[str], progress: Callable[[str], None]
) -> tuple[dict[str, Sequence[Picture]], dict[str, Picture]]:
    """Maps per gemeente and a locator per area with a boundary; many gemeenten are spread over a process per core."""
    groups: dict[str, list[str]] = {}
    for code in sorted(site.rendered):
        groups.setdefault(site.data.areas[code].gemeente or "", []).append(code)
    release, data = site.data.release, site.data
    pixels = any(name != "html" for name in formats) or len(groups) <= MOST_PIXELS
    tasks = [
        Drawing(
            warehouse,
            site.folder,
            data.catalog,
            gemeente,
            tuple(code for code in codes if data.areas[code].geometry_year is not None),
            release,
            "html" in formats,
            pixels,
        )
        for gemeente, codes in sorted(groups.items())
    ]
    drawn: dict[str, Sequence[Picture]] = {}
    locators: dict[str, Picture] = {}
    for number, (gemeente, pictures, places) in enumerate(_spread(tasks), start=1):
        drawn[gemeente] = pictures
        locators |= places
        progress(f"kaarten: {number} van {len(tasks)} gemeenten")
    return drawn, locators


def _spread(tasks: Sequence[Drawing]) -> Iterator[Drawn]:
    """The drawings in order, by a pool of processes when that pays; each starts anew (spawn), because a fork of a process
    with threads can hang."""
    workers = min(os.cpu_count() or 1, len(tasks))
    if workers < 2 or len(tasks) < POOL_FROM:
        yield from map(_draw_gemeente, tasks)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_end_with_parent, initargs=(os.getpid(),)) as pool:
        yield from pool.map(_draw_gemeente, tasks)


def _end_with_parent(parent: int) -> None:
    """Make this process end when the one that started it is gone: an orphan would go on drawing into a folder of a later run."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw_gemeente(task: Drawing) -> Drawn:
    from beeld.profiles.map_page import write_map_page
    from beeld.profiles.maps import draw_locator, draw_maps, draw_table_map  # late: matplotlib and geopandas take seconds

    release = task.release
    with closing(open_warehouse(task.warehouse)) as con:
        pictures: Sequence[Picture] = ()
        if task.gemeente:
            out = task.folder / "kaart" / task.gemeente
            out.mkdir(parents=True, exist_ok=True)
            pictures = draw_maps(
                con, task.gemeente, out, catalog=task.catalog, release_id=release.id, example=release.example, pixels=task.pixels
            )
            table = draw_table_map(con, task.gemeente, out, release_id=release.id, example=release.example, pixels=task.pixels)
            if task.html:
                write_map_page(con, task.gemeente, out, catalog=task.catalog, release=release, table_map=table)
        places: dict[str, Picture] = {}
        for code in task.codes:
            out = task.folder / "gebied" / code
            out.mkdir(parents=True, exist_ok=True)
            places[code] = draw_locator(con, code, out, release_id=release.id, example=release.example, pixels=task.pixels)
    return task.gemeente, pictures, places


def _write_atlas(con: duckdb.DuckDBPyConnection, site: Site, project: Path, progress: Callable[[str], None]) -> list[Path]:
    from beeld.profiles.atlas import write_atlas  # late, like the maps

    progress("atlas")
    lenses = [load_lens(project, name, site.data.catalog) for name in known_lenses(project)]
    return write_atlas(con, site, lenses, environment())


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
