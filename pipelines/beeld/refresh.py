"""The whole flow, as the command line and Dagster both run it: fetch, build, check, publish, render.

This module is the one place that knows the order of the steps; each step is a plain function of a lower layer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from beeld import METHOD_VERSION, __version__
from beeld.errors import Damaged, UsageError
from beeld.settings import PACKAGE, Settings
from beeld.sources.archive import find_snapshot
from beeld.sources.fetch import Delivered, Look, deliveries
from beeld.sources.http import Transport, open_client, safe
from beeld.sources.odata_v3 import read_layout, read_rows
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.codes import normalise
from beeld.transforms.scores import Threshold
from beeld.warehouse import build, checks, release
from beeld.warehouse.read import current_release, open_warehouse, warehouse_file

Progress = Callable[[str], None]
SELF = "zelf"


@dataclass(frozen=True)
class Options:
    """What one refresh was asked to do."""

    areas: tuple[str, ...] = ()
    all_areas: bool = False
    year_from: int = 2015
    offline: bool = False
    render: bool = True
    strict: bool = False
    recalibrate: bool = False


@dataclass(frozen=True)
class Result:
    """How a refresh ended: the release that is current, whether it is new, and what the user should know."""

    folder: Path
    release: str
    new: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what a release contains."""

    options: Options
    delivered: tuple[Delivered, ...]
    texts: dict[str, dict[str, str]]
    example: bool
    project: Path
    home: Path

    def digest(self, thresholds: str) -> str:
        """Identity of the release that these inputs give with thresholds from release `thresholds` (`zelf`: its own)."""
        content = {
            "tabellen": [[d.source.bron, d.table.tabel, d.snapshot.sha256 if d.snapshot else None] for d in self.delivered],
            "gebieden": sorted(self.options.areas),
            "alle": self.options.all_areas,
            "jaar_vanaf": self.options.year_from,
            "pagina's": self.options.render,
            "teksten": self.texts,
            "voorbeeld": self.example,
            "methode": METHOD_VERSION,
            "code": code_version(self.project),
            "gebieden.yaml": _text_of(self.home / "gebieden.yaml"),
            "drempels": thresholds,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]

    @property
    def made_at(self) -> str:
        """The moment of the newest input according to the sources: no clock, so the same inputs give the same bytes."""
        stamps = [d.snapshot.gewijzigd.rstrip("Z") for d in self.delivered if d.snapshot and d.snapshot.gewijzigd]
        return max(stamps, default="1970-01-01T00:00:00")

    def release_id(self, thresholds: str) -> str:
        """`<date of the newest input>-<digest>`."""
        return f"{self.made_at[:10].replace('-', '')}-{self.digest(thresholds)}"


def code_version(project: Path) -> str:
    """Version of the package with a digest of its code and declarations, the same in a checkout and in a wheel."""
    digest = hashlib.sha256()
    for root, names in ((PACKAGE, _files(PACKAGE)), (project, _declarations(project))):
        for path in names:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:8]}"


def _files(package: Path) -> Iterable[Path]:
    wanted = {".py", ".j2", ".css", ".sql", ".yaml"}
    return sorted(p for p in package.rglob("*") if p.suffix in wanted and "_project" not in p.parts)


def _declarations(project: Path) -> Iterable[Path]:
    return sorted([*project.glob("sources/*.yaml"), *project.glob("transforms/**/*.*"), project / "warehouse" / "schema.sql"])


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def refresh(
    settings: Settings,
    options: Options,
    *,
    transport: Transport | None = None,
    progress: Progress = lambda _m: None,
) -> Result:
    """Fetch what changed, build, check and publish; a refresh without news keeps the current release.

    Raises Busy when another refresh runs, SourceUnreachable or SourceChanged when a required source without earlier snapshot
    fails, ChecksFailed when a check of severity fout fails. In each case the last release stays current.
    """
    with release.exclusive(settings, "beeld refresh"):
        release.sweep(settings)
        catalog = load_catalog(settings.project, settings.home, example=settings.example)
        delivered = fetch(settings, options, catalog, transport=transport, progress=progress)
        inputs = gather_inputs(settings, options, catalog, delivered)
        warnings = tuple(item.warning for item in delivered if item.warning)
        thresholds = thresholds_of(settings, options)
        known = existing_release(settings, inputs, thresholds)
        if known is not None:
            release.switch(settings, known.name)
            return Result(known, known.name, False, warnings)
        folder = build_release(settings, catalog, inputs, thresholds, progress)
        return Result(folder, folder.name, True, warnings)


@dataclass(frozen=True)
class Thresholds:
    """Where the thresholds come from: an earlier release of this method with its rows, or (`zelf`) this release itself."""

    origin: str
    rows: tuple[Threshold, ...] = ()


def fetch(
    settings: Settings, options: Options, catalog: Catalog, *, transport: Transport | None, progress: Progress
) -> list[Delivered]:
    """Look at every source (or, offline, at the archive alone) and return how each declared table stands."""
    if options.offline:
        return deliveries(Look(settings, None, options.strict, progress), catalog.sources)
    with open_client(transport) as client:
        return deliveries(Look(settings, client, options.strict, progress), catalog.sources)


def gather_inputs(settings: Settings, options: Options, catalog: Catalog, delivered: Sequence[Delivered]) -> Inputs:
    """What decides the release; the areas that were asked for become codes."""
    defining = [d for d in delivered if d.source.gebieden and d.snapshot is not None]
    if not defining:
        raise UsageError("no table that defines the areas was ever delivered", todo="Run 'beeld refresh' with a network first")
    newest = max(defining, key=lambda d: d.table.indeling_jaar or 0)
    names = region_names(newest)
    unions = {union.code: union.naam for union in catalog.unions}
    codes = tuple(dict.fromkeys(resolve_area(text, {**names, **unions}) for text in options.areas or settings.areas))
    return Inputs(
        replace(options, areas=codes),
        tuple(delivered),
        {code: dict(sorted(texts.items())) for code, texts in sorted(settings.texts.items())},
        settings.example,
        settings.project,
        settings.home,
    )


def region_names(delivered: Delivered) -> dict[str, str]:
    """Code -> name of every area of an archived table, and of the country; empty for a table that was never delivered."""
    names = {"NL00": "Nederland"}
    if delivered.snapshot is None:
        return names
    layout = read_layout(delivered.snapshot, delivered.source, delivered.table)
    for page in read_rows(delivered.snapshot, layout.region):
        for row in page:
            code = normalise(str(row.get("Key") or ""))
            if code:
                names[code] = " ".join(str(row.get("Title") or "").split())
    return names


def resolve_area(text: str, names: Mapping[str, str]) -> str:
    """The code that a user means by a code or an exact name; UsageError for an unknown or an ambiguous one."""
    wanted = text.strip()
    for code in (wanted, wanted.upper()):
        if code in names:
            return code
    hits = [code for code, name in names.items() if name.casefold() == wanted.casefold()]
    if len(hits) == 1:
        return hits[0]
    if not hits:
        raise UsageError(f"there is no area '{safe(wanted)}'", todo="Try 'beeld find' with a part of the name")
    raise UsageError(
        f"'{safe(wanted)}' is the name of {len(hits)} areas: {', '.join(sorted(hits))}", todo="Use one of these codes"
    )


def thresholds_of(settings: Settings, options: Options) -> Thresholds:
    """The thresholds that a new release carries on: those of the current release, if it has this method version."""
    if options.recalibrate or not settings.current.exists():
        return Thresholds(SELF)
    folder = current_release(settings)
    manifest = release.read_manifest(folder)
    if manifest.get("methode_versie") != METHOD_VERSION or manifest.get("voorbeeld") != settings.example:
        return Thresholds(SELF)
    return Thresholds(manifest["drempels_van"], _threshold_rows(folder))


def existing_release(settings: Settings, inputs: Inputs, thresholds: Thresholds) -> Path | None:
    """The complete release that these inputs already gave, or None."""
    own = inputs.release_id(SELF)
    names = [own] if thresholds.origin in (SELF, own) else [inputs.release_id(thresholds.origin)]
    for name in names:
        folder = settings.releases / name
        if folder.is_dir() and release.is_complete(folder):
            return folder
    return None


def build_release(settings: Settings, catalog: Catalog, inputs: Inputs, thresholds: Thresholds, progress: Progress) -> Path:
    """Build, check, render and publish the release of these inputs; returns its folder."""
    with closing(build.open_build(settings.build / "bouw.duckdb")) as con:
        identity = identify(inputs, thresholds)
        compute(con, settings, catalog, inputs, identity, thresholds, progress)
        progress("checking")
        checks.run_checks(con, catalog)
        return publish(con, settings, catalog, inputs, identity, thresholds, progress)


def identify(inputs: Inputs, thresholds: Thresholds) -> build.Release:
    """Name, moment and versions of the release of these inputs."""
    return build.Release(
        inputs.release_id(thresholds.origin),
        inputs.made_at,
        METHOD_VERSION,
        code_version(inputs.project),
        inputs.example,
    )


def compute(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    identity: build.Release,
    thresholds: Thresholds,
    progress: Progress,
) -> None:
    """Fill every public table of the build database from the archived snapshots."""
    making = making_of(con, settings, catalog, inputs, identity, thresholds)
    making.begin()
    for source in build.odata_sources(catalog):
        progress(f"reading {source.bron}")
        making.stage(source)
    progress("areas and boundaries")
    making.link_areas()
    progress("indicators")
    making.compute_values()
    progress("scores and signals")
    making.compute_scores()


def making_of(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    identity: build.Release,
    thresholds: Thresholds,
) -> build.Making:
    """The steps that fill the build database `con`, none of them taken yet."""
    return build.Making(con, catalog, settings.project, identity, inputs.delivered, inputs.options.year_from, thresholds.rows)


def publish(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    catalog: Catalog,
    inputs: Inputs,
    identity: build.Release,
    thresholds: Thresholds,
    progress: Progress,
) -> Path:
    """Write the checked build database as a release, render its pages and make it current."""
    folder = settings.build / identity.id
    progress("writing the release")
    release.write_release(con, folder, identity.id, catalog, settings.project)
    if inputs.options.render:
        render_into(folder, settings, catalog, inputs, progress)
    release.write_manifest(folder, manifest_of(inputs, identity, thresholds))
    return release.publish(settings, folder, identity.id)


def render_into(folder: Path, settings: Settings, catalog: Catalog, inputs: Inputs, progress: Progress) -> None:
    """The pages of the areas that were asked for, inside the release."""
    from beeld.profiles.render import render_site

    warehouse = folder / f"{folder.name}.duckdb"
    codes = areas_to_render(warehouse, inputs.options, {union.code: union.buurten for union in catalog.unions})
    warnings = [item.warning for item in inputs.delivered if item.warning]
    render_site(
        folder,
        warehouse,
        folder / "site",
        catalog=catalog,
        areas=codes,
        texts=inputs.texts,
        warnings=warnings,
        progress=progress,
    )


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


def manifest_of(inputs: Inputs, identity: build.Release, thresholds: Thresholds) -> dict[str, Any]:
    """What the manifest says of the inputs and versions of a release."""
    return {
        "release": identity.id,
        "gemaakt_op": identity.gemaakt_op,
        "methode_versie": identity.methode_versie,
        "code_versie": identity.code_versie,
        "voorbeeld": identity.voorbeeld,
        "drempels_van": identity.id if thresholds.origin == SELF else thresholds.origin,
        "gebieden": list(inputs.options.areas),
        "alle_gebieden": inputs.options.all_areas,
        "jaar_vanaf": inputs.options.year_from,
        "invoer": [
            {
                "bron": item.source.bron,
                "tabel": item.table.tabel,
                "gewijzigd": item.snapshot.gewijzigd if item.snapshot else None,
                "sha256": item.snapshot.sha256 if item.snapshot else None,
                "status": "actueel" if item.snapshot else "niet_geleverd",
            }
            for item in inputs.delivered
        ],
    }


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
        lens=lens,
        formats=tuple(formats),
        language=language,
        progress=progress,
    )
    return target / "index.html"


def rebuild_differences(settings: Settings, release_id: str, progress: Progress) -> list[str]:
    """Build a published release again from the archive; names of the Parquet files that differ (none: it is reproducible).

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
        thresholds = _thresholds_of_release(folder, manifest)
        identity = replace(identify(inputs, thresholds), id=release_id)
        target = settings.build / release_id
        with closing(build.open_build(settings.build / "bouw.duckdb")) as con:
            compute(con, settings, catalog, inputs, identity, thresholds, progress)
            checks.run_checks(con, catalog)
            release.write_release(con, target, release_id, catalog, settings.project)
        names = [name for name in manifest["bestanden"] if name.startswith("parquet/")]
        return [name for name in names if release.sha256_of(target / name) != manifest["bestanden"][name]["sha256"]]


def inputs_of_manifest(settings: Settings, catalog: Catalog, manifest: Mapping[str, Any]) -> Inputs:
    """The inputs that a manifest names, from the archive; Damaged when a snapshot is gone."""
    delivered: list[Delivered] = []
    for entry in manifest["invoer"]:
        source = catalog.sources[entry["bron"]]
        snapshot = find_snapshot(settings.raw / entry["bron"] / entry["tabel"], entry["sha256"]) if entry["sha256"] else None
        if entry["sha256"] and snapshot is None:
            raise Damaged(f"the archive lacks snapshot {entry['sha256'][:16]}", where=f"{entry['bron']} {entry['tabel']}")
        delivered.append(Delivered(source, source.table(entry["tabel"]), snapshot, entry["status"]))
    options = Options(tuple(manifest["gebieden"]), bool(manifest["alle_gebieden"]), int(manifest["jaar_vanaf"]), offline=True)
    return Inputs(options, tuple(delivered), {}, bool(manifest["voorbeeld"]), settings.project, settings.home)


def _thresholds_of_release(folder: Path, manifest: Mapping[str, Any]) -> Thresholds:
    if manifest["drempels_van"] == manifest["release"]:
        return Thresholds(SELF)
    return Thresholds(manifest["drempels_van"], _threshold_rows(folder))


def _threshold_rows(folder: Path) -> tuple[Threshold, ...]:
    with closing(open_warehouse(warehouse_file(folder))) as con:
        rows = con.execute("select soort, thema, niveau, grens, release from drempel order by all").fetchall()
    return tuple((kind, theme, level, bound, origin) for kind, theme, level, bound, origin in rows)
