"""The whole flow, as the command line and Dagster both run it: fetch, build, check, publish, render.

This module is the one place that knows the order of the steps; each step is a plain function of a lower layer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb

from beeld.errors import Busy, Damaged, UsageError
from beeld.profiles.formats import RENDERERS, refuse_unknown
from beeld.settings import Settings
from beeld.sources.fetch import SUPERSEDED, Delivered, Look, deliveries, warnings_of
from beeld.sources.http import Transport, open_client
from beeld.sources.progress import TableProgress
from beeld.sources.questions import gemeenten_of
from beeld.transforms import drift
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.codes import normalise
from beeld.transforms.reallocation import matrices_of
from beeld.transforms.shelf import Shelf
from beeld.warehouse import build, checks, release
from beeld.warehouse.changes import Predecessor, take_over
from beeld.warehouse.inputs import (
    STALE,
    Inputs,
    Options,
    Thresholds,
    code_version,
    existing_release,
    gather_inputs,
    identify,
    inputs_of_manifest,
    manifest_of,
    predecessor,
    predecessor_of,
    region_names,
    resolve_area,
    thresholds_of,
    thresholds_of_release,
)
from beeld.warehouse.read import current_release, open_warehouse, warehouse_file
from beeld.warehouse.retention import retain
from beeld.warehouse.room import disk_fault, need_room

Progress = Callable[[str], None]
Watch = Callable[[TableProgress], None]
ROOM = 3
"""Times the size of the current release that must be free before another is built: the build, the release, and what is drawn."""


@dataclass(frozen=True)
class Result:
    """How a refresh ended: the release that is current, whether it is new, and what the user should know."""

    folder: Path
    release: str
    new: bool
    warnings: tuple[str, ...]
    refused: bool = False
    """True when a dropped file was refused, which is among the warnings; what the other sources gave was published."""
    removed: tuple[str, ...] = ()
    """Older releases that made place (`bewaar_releases`)."""


def refresh(
    settings: Settings,
    options: Options,
    *,
    transport: Transport | None = None,
    progress: Progress = lambda _m: None,
    watch: Watch | None = None,
) -> Result:
    """Fetch what changed, build, check and publish; a refresh without news keeps the current release.

    Raises Busy when another refresh runs, SourceUnreachable or SourceChanged when a required source without earlier snapshot
    fails, ChecksFailed when a check of severity fout fails, NoRoom when the disk is too small for another release or fills up
    (what this run wrote is then taken away). In each case the last release stays current.
    """
    if options.render:
        refuse_unknown(options.formats, settings.language)  # what does not exist is said before the work, not after
        if settings.cluster is not None:
            from beeld.profiles.spread import reach  # late: it brings what draws along

            reach(settings.cluster)
    with room_kept(settings), release.exclusive(settings, "beeld refresh"), open_shelf(settings) as shelf:
        release.sweep(settings)
        catalog = load_catalog(settings.project, settings.home, example=settings.example)
        matrices_of(settings.project, settings.home)  # a wrong matrix is said before the sources are asked
        delivered = fetch(settings, options, catalog, transport=transport, progress=progress, watch=watch, shelf=shelf)
        inputs = gather_inputs(settings, options, catalog, delivered)
        warnings, refused = warnings_of(delivered), any(item.refused for item in delivered)
        thresholds = thresholds_of(settings, options, catalog)
        known = existing_release(settings, inputs, thresholds)
        if known is not None:
            release.switch(settings, known.name)
            return Result(known, known.name, False, warnings, refused)
        want_room(settings)
        before = predecessor(settings, inputs, thresholds)
        folder = build_release(settings, catalog, inputs, thresholds, progress, shelf, before)
        return Result(folder, folder.name, True, warnings, refused, retain(settings))


@contextmanager
def room_kept(settings: Settings) -> Generator[None]:
    """A disk that fills up ends as NoRoom, and is not left full of what nobody will use."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        fault = disk_fault(error, str(settings.home))
        if fault is None:
            raise
        with suppress(OSError, Busy), release.exclusive(settings, "beeld refresh"):
            release.sweep(settings)
        raise fault from error


def want_room(settings: Settings) -> None:
    """NoRoom when less than ROOM times the current release is free; without one that can be read there is no telling."""
    with suppress(UsageError, Damaged):
        size = sum(entry["bytes"] for entry in release.read_manifest(current_release(settings))["bestanden"].values())
        need_room(settings.build, ROOM * size, "another release")


def formats_of(settings: Settings, *, all_areas: bool) -> tuple[str, ...]:
    """What a refresh makes of each area: what `beeld.toml` says, else every format, but of all of the Netherlands only pages."""
    if settings.formats is not None:
        return settings.formats
    return ("html",) if all_areas else tuple(RENDERERS)


def fetch(
    settings: Settings,
    options: Options,
    catalog: Catalog,
    *,
    transport: Transport | None,
    progress: Progress,
    watch: Watch | None = None,
    shelf: Shelf | None = None,
) -> list[Delivered]:
    """Look at every source (or, offline, at the archive alone) and return how each declared table stands.

    `watch` hears of every page; without it `progress` hears the same as text. What is staged to be judged stays on the `shelf`.
    """
    if options.offline:
        return deliveries(Look(settings, None, options.strict, progress), catalog.sources)
    with open_client(transport, only_here=settings.redirected) as client:
        look = Look(settings, client, options.strict, progress, watch, judge=partial(drift.judge, shelf=shelf))
        look = look if shelf is None else replace(look, receive=shelf.receive)
        return deliveries(look, catalog.sources, lambda found: asked_gemeenten(settings, options, catalog, found))


def asked_gemeenten(settings: Settings, options: Options, catalog: Catalog, found: Sequence[Delivered]) -> tuple[str, ...] | None:
    """The gemeenten that the asked areas lie in, by the names of the newest table that defines areas; None when all are asked.

    UsageError for an area that does not exist. Where no such table was delivered only codes are understood.
    """
    areas = options.areas or settings.areas
    if options.all_areas or not areas:
        return None
    unions = {union.code: union for union in catalog.unions}
    defining = [item for item in found if item.source.gebieden and item.snapshot is not None]
    names = region_names(max(defining, key=lambda item: item.table.indeling_jaar or 0)) if defining else {}
    names |= {code: union.naam for code, union in unions.items()}
    codes = [code if (code := normalise(text)) is not None and not defining else resolve_area(text, names) for text in areas]
    return gemeenten_of(codes, {code: union.buurten for code, union in unions.items()})


@contextmanager
def open_shelf(settings: Settings) -> Generator[Shelf]:
    """An empty shelf for the staged deliveries of one run, cleared when the block ends."""
    shelf = Shelf(settings.build / "gestaged")
    try:
        yield shelf
    finally:
        shelf.clear()


def build_release(
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    thresholds: Thresholds,
    progress: Progress,
    shelf: Shelf | None = None,
    before: Predecessor | None = None,
) -> Path:
    """Build, check, render and publish the release of these inputs, after the edition `before`; returns its folder."""
    with closing(build.open_build(settings.build / "bouw.duckdb")) as con:
        identity = identify(inputs, thresholds, before)
        compute(con, settings, catalog, inputs, identity, thresholds, progress, shelf, before)
        progress("checking")
        checks.run_checks(con, catalog)
        folder = write(con, settings, catalog, identity, progress)
    # the build is closed, so that drawing has its memory
    return publish(folder, settings, catalog, inputs, identity, thresholds, progress)


def compute(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    identity: build.Release,
    thresholds: Thresholds,
    progress: Progress,
    shelf: Shelf | None = None,
    before: Predecessor | None = None,
) -> None:
    """Fill every public table of the build database from the archived snapshots."""
    making = making_of(con, settings, catalog, inputs, identity, thresholds, shelf, before)
    making.begin()
    for source in build.figure_sources(catalog):
        progress(f"reading {source.bron}")
        making.stage(source)
    progress("areas and boundaries")
    making.link_areas()
    progress("indicators")
    making.compute_values()
    progress("change over the years")
    making.compute_change()
    progress("scores and signals")
    making.compute_scores()
    progress("likeness and clusters")
    making.compute_likeness()
    progress("target groups")
    making.compute_target_groups()
    progress("lists of others")
    making.compare_lists()
    progress("what changed since the edition before")
    making.compare_editions()


def making_of(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    identity: build.Release,
    thresholds: Thresholds,
    shelf: Shelf | None = None,
    before: Predecessor | None = None,
) -> build.Making:
    """The steps that fill the build database `con`, none of them taken yet."""
    matrices = matrices_of(settings.project, settings.home)
    year = inputs.options.year_from
    return build.Making(
        con,
        catalog,
        settings.project,
        identity,
        inputs.delivered,
        year,
        thresholds.rows,
        matrices,
        shelf,
        before=before,
        manifest=manifest_of(inputs, identity, thresholds),
    )


def write(
    con: duckdb.DuckDBPyConnection, settings: Settings, catalog: Catalog, identity: build.Release, progress: Progress
) -> Path:
    """Write the checked build database as a release that nobody sees yet; returns its folder.

    It stands in a folder of this run alone: what a killed run still draws can never end up in it.
    """
    folder = settings.build / f"uitgave-{os.getpid()}" / identity.id
    progress("writing the release")
    release.write_release(con, folder, identity.id, catalog, settings.project)
    return folder


def publish(
    folder: Path,
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    identity: build.Release,
    thresholds: Thresholds,
    progress: Progress,
) -> Path:
    """Render the pages of a release that was written, and make it current."""
    if inputs.options.render:
        render_into(folder, settings, catalog, inputs, progress)
    release.write_manifest(folder, manifest_of(inputs, identity, thresholds))
    published = release.publish(settings, folder, identity.id)
    folder.parent.rmdir()
    return published


def render_into(folder: Path, settings: Settings, catalog: Catalog, inputs: Inputs, progress: Progress) -> None:
    """The pages of the areas that were asked for, inside the release."""
    from beeld.profiles.render import render_site  # late, as below: what draws takes memory that building needs

    warehouse = folder / f"{folder.name}.duckdb"
    codes = areas_to_render(warehouse, inputs.options, {union.code: union.buurten for union in catalog.unions})
    render_site(
        folder,
        warehouse,
        folder / "site",
        catalog=catalog,
        areas=codes,
        texts=inputs.texts,
        warnings=source_notes(inputs.delivered),
        formats=inputs.options.formats,
        language=settings.language,
        project=settings.project,
        progress=progress,
        cluster=settings.cluster,
    )


def source_notes(delivered: Sequence[Delivered]) -> list[str]:
    """What the index says of the sources, in Dutch: which are not there, which tables of the others, and what is not up to date.

    Only what the inputs decide stands here: the same inputs give the same pages.
    """
    present = {item.source.bron for item in delivered if item.snapshot is not None}
    absent = sorted({item.source.titel for item in delivered if item.source.bron not in present})
    notes = [f"Deze bronnen zijn niet geleverd: {'; '.join(absent)}."] if absent else []
    for source in {item.source.bron: item.source for item in delivered if item.source.bron in present}.values():
        own = [item for item in delivered if item.source.bron == source.bron]
        missing = [item.table.tabel for item in own if item.snapshot is None and item.status != SUPERSEDED]
        if missing:
            tables = "tabel" if len(missing) == 1 else "tabellen"
            notes.append(f"{source.titel}, {tables} {', '.join(missing)}: niet geleverd.")
        notes += [
            f"{source.titel}, tabel {item.table.tabel}: niet bijgewerkt. De bron was niet te lezen; wat hier staat is ouder."
            for item in own
            if item.status == STALE
        ]
    return notes


def areas_to_render(warehouse: Path, options: Options, unions: Mapping[str, Sequence[str]]) -> list[str]:
    """Codes of the areas that get a page: each area asked for with everything inside it, sorted by gemeente and code."""
    with closing(open_warehouse(warehouse)) as con:
        if options.all_areas:
            rows = con.execute("select gebiedscode from gebied order by gemeentecode nulls first, gebiedscode").fetchall()
            return [row[0] for row in rows]
        wanted: set[str] = set()
        for code in options.areas:
            wanted |= {code, *unions.get(code, ())}
            rows = con.execute("select gebiedscode from gebied where gemeentecode = ? or wijkcode = ?", [code, code]).fetchall()
            wanted |= {row[0] for row in rows}
        rows = con.execute(
            "select gebiedscode from gebied where list_contains(?, gebiedscode) order by gemeentecode nulls first, gebiedscode",
            [sorted(wanted)],
        ).fetchall()
        return [row[0] for row in rows]


def render_current(
    settings: Settings,
    codes: Sequence[str],
    *,
    lens: str,
    formats: Sequence[str],
    language: str,
    out: Path | None,
    progress: Progress,
) -> Path:
    """Render pages of the current release outside of it (a release never changes); returns the path of the index.

    With `out` that folder is a pack for a meeting: the asked areas stand side by side on top.

    Without codes: the areas that the release was made for. UsageError for a format, lens or language that does not exist.
    """
    from beeld.profiles.render import render_site

    folder = current_release(settings)
    manifest = release.read_manifest(folder)
    catalog = load_catalog(settings.project, settings.home, example=bool(manifest["voorbeeld"]))
    warehouse = warehouse_file(folder)
    with closing(open_warehouse(warehouse)) as con:
        names = dict(con.execute("select gebiedscode, naam from gebied").fetchall())
    wanted = tuple(resolve_area(code, names) for code in codes) or tuple(manifest["gebieden"])
    options = Options(wanted, all_areas=bool(manifest["alle_gebieden"]) and not codes)
    target = out or settings.home / "weergave" / folder.name
    areas = areas_to_render(warehouse, options, {union.code: union.buurten for union in catalog.unions})
    render_site(
        folder,
        warehouse,
        target,
        catalog=catalog,
        areas=areas,
        texts=settings.texts,
        project=settings.project,
        lens=lens,
        formats=tuple(formats),
        language=language,
        progress=progress,
        pack=wanted if out is not None else (),
        cluster=settings.cluster,
    )
    return target / "index.html"


def edition_gone(settings: Settings, release_id: str) -> str | None:
    """The edition that a published release was compared with, when it is not there any more or damaged; else None."""
    manifest = release.read_manifest(settings.releases / release_id)
    return manifest.get("vorige") if predecessor_of(settings, manifest) is None else None


def rebuild_differences(settings: Settings, release_id: str, progress: Progress) -> list[str]:
    """Build a published release again from the archive; names of the Parquet files that differ (none: it is reproducible).

    `wijziging` is left out when the edition that it compares with is gone (`edition_gone`).
    UsageError when the release or its code version is not the present one; Damaged when the archive lacks a snapshot.
    """
    folder = settings.releases / release_id
    if not (folder / release.MANIFEST).is_file():
        raise UsageError(f"there is no release {release_id}", todo="See 'beeld releases'")
    manifest = release.read_manifest(folder)
    if manifest["code_versie"] != code_version(settings.project):
        raise UsageError(f"release {release_id} was made by {manifest['code_versie']}", todo="Rebuild it with that version")
    with release.exclusive(settings, "beeld check --rebuild"):
        release.sweep(settings)
        catalog = load_catalog(settings.project, settings.home, example=bool(manifest["voorbeeld"]))
        inputs = inputs_of_manifest(settings, catalog, manifest)
        thresholds = thresholds_of_release(folder, manifest)
        before = predecessor_of(settings, manifest)
        alone = before is None and bool(manifest.get("vorige"))
        followed = {name: manifest.get(name) for name in ("vorige", "vorige_gemaakt_op")}
        identity = replace(identify(inputs, thresholds), id=release_id, **followed)
        target = settings.build / release_id
        with closing(build.open_build(settings.build / "bouw.duckdb")) as con:
            compute(con, settings, catalog, inputs, identity, thresholds, progress, None, before)
            if alone:
                take_over(con, folder)
            checks.run_checks(con, catalog)
            release.write_release(con, target, release_id, catalog, settings.project)
        names = [name for name in manifest["bestanden"] if name.startswith("parquet/")]
        if alone:
            names.remove("parquet/wijziging.parquet")
        return [name for name in names if release.sha256_of(target / name) != manifest["bestanden"][name]["sha256"]]
