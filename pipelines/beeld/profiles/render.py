"""Write the site of a release: pages of the wanted areas, maps of their gemeenten, index, method page, fonts.

Renderers and output languages are chosen by name, so that a new format is an entry of `formats.RENDERERS` and not a change here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from beeld.errors import UsageError
from beeld.profiles.catalogue import said_catalog, said_groups, said_lens
from beeld.profiles.contents import contents_of
from beeld.profiles.formats import languages, refuse_unknown, renderer
from beeld.profiles.html import environment
from beeld.profiles.language import speaking
from beeld.profiles.lenses import known_lenses, load_lens
from beeld.profiles.members import load_members
from beeld.profiles.model import Release
from beeld.profiles.pack import write_pack
from beeld.profiles.reading import ReleaseData, build_profile, load_batch
from beeld.profiles.site import Picture, Site, translated
from beeld.profiles.spread import Crew, Desk, Opened, crew, given_of
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.read import open_warehouse

STACK = 40
"""Areas whose cells are in memory at once, and that one process lays out before it takes the next."""
SECONDS = {"html": 0.03, "pdf": 0.3, "pptx": 0.3, "xlsx": 0.06}
"""What one area takes of one core, roughly; docs/benchmarks.md."""
POOL_SECONDS = 20.0
"""Work from which a pool of processes pays: each takes some seconds to start and to read the release."""
POOL_FROM = 3
"""Gemeenten from which a pool of processes draws faster than this process alone; starting one takes about three seconds."""
MOST_PIXELS = 20
"""Up to this many gemeenten pages offer their maps as PNG too; in a larger site those would be more bytes than all else."""
EMBEDDING = frozenset({"pdf", "pptx"})
"""Formats that take the drawn maps into their own files."""
FONTS = ("SourceSansPro-Regular.ttf", "SourceSansPro-It.ttf", "SourceSansPro-Semibold.ttf", "LICENSE.txt")


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
    pack: Sequence[str] = (),
    cluster: str | None = None,
) -> list[Path]:
    """The files of the site of `areas`, written under `out`: pages first, the index last.

    With `pack` (some of `areas`) an overview of these side by side lies on top, for a meeting. `language` may be a list, `nl,en`:
    the first language gets `out`, each other one the same site in a folder of its name there, and the pages link to each other.

    `warehouse` is the database of the release in folder `release`. `texts`: team texts per area (`aanleiding`). `maps=False`
    skips drawing and the atlas. `project` holds the lenses (default: the declarations in use). `cluster`: address of a Dask
    scheduler whose workers do the work instead of this machine. Raises UsageError for an area, lens, format or language that
    does not exist; nothing is written then. Raises ClusterLost when the cluster cannot be reached or is lost underway.
    """
    refuse_unknown(formats, language)
    declarations = project or project_folder()
    codes = languages(language)
    places = dict(zip(codes, ("", *codes[1:]), strict=True))
    written: list[Path] = []
    for code, place in places.items():
        with speaking(code), closing(Opened(warehouse, said_catalog(catalog))) as opened:
            site = Site(
                out / place,
                opened.data,
                said_lens(load_lens(declarations, lens, catalog)),
                frozenset(areas),
                tuple(warnings),
                said_groups(load_target_groups(declarations, catalog)),
                tuple(formats),
                atlas=maps and "html" in formats,
                pack=bool(pack) and "html" in formats,
                language=code,
                others={other: _way(place, there) for other, there in places.items() if other != code},
            )
            unknown = sorted(site.rendered - set(site.data.areas))
            if unknown:
                raise UsageError(f"no such area: {', '.join(unknown[:10])}", where=str(release), todo="Find it with 'beeld find'")
            with crew(Desk(opened, given_of(site)), cluster) as workers:
                written += _documents(workers, site, texts or {}, progress, maps=maps)
            if site.pack:
                written += write_pack(opened.con, site, pack)
            if site.atlas:
                written += _write_atlas(opened.con, site, declarations, progress)
    return written


def _way(here: str, there: str) -> str:
    """From the folder of one language to that of another, as an address."""
    return "/".join(part for part in (".." if here else "", there) if part)


def _documents(
    workers: Crew, site: Site, texts: Mapping[str, Mapping[str, str]], progress: Callable[[str], None], *, maps: bool
) -> list[Path]:
    """The files of every area in every format, with their maps; the index last."""
    site.folder.mkdir(parents=True, exist_ok=True)
    _copy_fonts(site.folder / "lettertypen")
    written: list[Path] = []
    drawn, locators = _draw_all(workers, site, site.formats, progress) if maps else ({}, {})
    stacks = _stacks(site.data, sorted(site.rendered), texts, drawn, locators, not EMBEDDING.isdisjoint(site.formats))
    for number, files in enumerate(_laid_out(stacks, workers, site.formats), start=1):
        written += files
        progress(f"profielen: {sum(len(stack.codes) for stack in stacks[:number])} van {len(site.rendered)}")
    for name in site.formats:
        written += renderer(name).finish(site, drawn)
    return written


@dataclass(frozen=True)
class Stack:
    """Areas that are laid out together, in the order of gemeente and code, with their team texts and maps."""

    codes: tuple[str, ...]
    texts: Mapping[str, Mapping[str, str]]
    maps: Mapping[str, Sequence[Picture]]
    locators: Mapping[str, Picture]
    embeds: bool
    """True when a format takes pictures into its own file; a page only looks whether they are there, and links them."""

    @property
    def reads(self) -> list[Path]:
        """The pictures that are taken in."""
        return self._pictures if self.embeds else []

    @property
    def finds(self) -> list[Path]:
        """The pictures that are linked."""
        return [] if self.embeds else self._pictures

    @property
    def _pictures(self) -> list[Path]:
        pictures = [*(each for drawn in self.maps.values() for each in drawn), *self.locators.values()]
        return [picture.png for picture in pictures if picture.png.is_file()]


def _stacks(
    data: ReleaseData,
    areas: Sequence[str],
    texts: Mapping[str, Mapping[str, str]],
    drawn: Mapping[str, Sequence[Picture]],
    locators: Mapping[str, Picture],
    embeds: bool,
) -> list[Stack]:
    ordered = sorted(set(areas), key=lambda code: (data.areas[code].gemeente or "", code))
    found: list[Stack] = []
    for start in range(0, len(ordered), STACK):
        codes = tuple(ordered[start : start + STACK])
        within = sorted({data.areas[code].gemeente or "" for code in codes})
        found.append(
            Stack(
                codes,
                {code: texts[code] for code in codes if code in texts},
                {name: drawn[name] for name in within if name in drawn},
                {code: locators[code] for code in codes if code in locators},
                embeds,
            )
        )
    return found


def _laid_out(stacks: Sequence[Stack], workers: Crew, formats: Sequence[str]) -> Iterator[list[Path]]:
    """The files of each stack in order; by a pool of processes when the work takes longer than reading the release anew."""
    seconds = sum(len(stack.codes) for stack in stacks) * sum(SECONDS[name] for name in formats)
    yield from workers.map(_lay_out, stacks, 1 if seconds < POOL_SECONDS else min(os.cpu_count() or 1, len(stacks)))


def _lay_out(desk: Desk, stack: Stack) -> list[Path]:
    with speaking(desk.language):
        return _laid(desk, stack)


def _laid(desk: Desk, stack: Stack) -> list[Path]:
    site = desk.site
    batch = load_batch(desk.opened.con, site.data, stack.codes)
    members = load_members(desk.opened.con, site.data, stack.codes)
    written: list[Path] = []
    for code in stack.codes:
        contents = contents_of(build_profile(site.data, batch, code, stack.texts.get(code)), site, members.get(code, ()))
        pictures = stack.maps.get(contents.profile.area.gemeente or "", ())
        for name in site.formats:
            written += renderer(name).render(contents, site, pictures, stack.locators.get(code))
    return written


@dataclass(frozen=True)
class Drawing:
    """What one process draws: the maps of a gemeente (none for areas outside any), and where each of its areas lies."""

    gemeente: str
    codes: tuple[str, ...]
    release: Release
    html: bool
    pixels: bool
    reads: tuple[Path, ...] = ()
    finds: tuple[Path, ...] = ()


Drawn = tuple[str, Sequence[Picture], dict[str, Picture]]


def _draw_all(
    workers: Crew, site: Site, formats: Sequence[str], progress: Callable[[str], None]
) -> tuple[dict[str, Sequence[Picture]], dict[str, Picture]]:
    """Maps per gemeente and a locator per area with a boundary; many gemeenten are spread over a process per core."""
    groups: dict[str, list[str]] = {}
    for code in sorted(site.rendered):
        groups.setdefault(site.data.areas[code].gemeente or "", []).append(code)
    release, data = site.data.release, site.data
    pixels = any(name != "html" for name in formats) or len(groups) <= MOST_PIXELS
    tasks = [
        Drawing(
            gemeente,
            tuple(code for code in codes if data.areas[code].geometry_year is not None),
            release,
            "html" in formats,
            pixels,
        )
        for gemeente, codes in sorted(groups.items())
    ]
    processes = 1 if len(tasks) < POOL_FROM else min(os.cpu_count() or 1, len(tasks))
    drawn: dict[str, Sequence[Picture]] = {}
    locators: dict[str, Picture] = {}
    for number, (gemeente, pictures, places) in enumerate(workers.map(_draw_gemeente, tasks, processes), start=1):
        drawn[gemeente] = pictures
        locators |= places
        progress(f"kaarten: {number} van {len(tasks)} gemeenten")
    return drawn, locators


def _draw_gemeente(desk: Desk, task: Drawing) -> Drawn:
    with speaking(desk.language):
        return _drawn(desk, task)


def _drawn(desk: Desk, task: Drawing) -> Drawn:
    from beeld.profiles.map_page import write_map_page
    from beeld.profiles.maps import draw_locator, draw_maps, draw_table_map  # late: matplotlib and geopandas take seconds

    release, folder = task.release, desk.folder
    with closing(open_warehouse(desk.opened.warehouse)) as con:
        pictures: Sequence[Picture] = ()
        if task.gemeente:
            out = folder / "kaart" / task.gemeente
            out.mkdir(parents=True, exist_ok=True)
            pictures = draw_maps(
                con,
                task.gemeente,
                out,
                catalog=desk.opened.catalog,
                release_id=release.id,
                example=release.example,
                pixels=task.pixels,
            )
            table = draw_table_map(con, task.gemeente, out, release_id=release.id, example=release.example, pixels=task.pixels)
            if task.html:
                catalog = desk.opened.catalog
                write_map_page(
                    con,
                    task.gemeente,
                    out,
                    catalog=catalog,
                    release=release,
                    table_map=table,
                    pictures=pictures,
                    translations=translated(desk.given["others"]),
                    pack=desk.given["pack"],
                )
        places: dict[str, Picture] = {}
        for code in task.codes:
            out = folder / "gebied" / code
            out.mkdir(parents=True, exist_ok=True)
            places[code] = draw_locator(con, code, out, release_id=release.id, example=release.example, pixels=task.pixels)
    return task.gemeente, pictures, places


def _write_atlas(con: duckdb.DuckDBPyConnection, site: Site, project: Path, progress: Callable[[str], None]) -> list[Path]:
    from beeld.profiles.atlas import write_atlas  # late, like the maps

    progress("atlas")
    lenses = [said_lens(load_lens(project, name, site.data.catalog)) for name in known_lenses(project)]
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
