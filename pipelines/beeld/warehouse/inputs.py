"""What decides a release: options, deliveries, texts, declarations, code and thresholds. The same inputs are the same release."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beeld import METHOD_VERSION, __version__
from beeld.errors import Damaged, UsageError
from beeld.settings import PACKAGE, Settings
from beeld.sources.archive import find_snapshot
from beeld.sources.fetch import Delivered
from beeld.sources.http import safe
from beeld.sources.odata_v3 import read_layout, read_rows
from beeld.sources.odata_v4_lists import area_names, delivers_v4
from beeld.transforms.catalog import Catalog
from beeld.transforms.codes import normalise
from beeld.transforms.listed import refuse_unknown, texts_of_lists
from beeld.transforms.reallocation import matrix_files
from beeld.transforms.scores import Threshold
from beeld.warehouse.build import Release
from beeld.warehouse.changes import Predecessor, needed_files
from beeld.warehouse.read import current_id, current_release, open_warehouse, warehouse_file
from beeld.warehouse.release import is_complete, read_manifest, releases, sha256_of

SELF = "zelf"
STALE = "verouderd"


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
    formats: tuple[str, ...] = ("html",)
    """What is made of each area; see `beeld.profiles.formats.RENDERERS`."""


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what a release contains."""

    options: Options
    delivered: tuple[Delivered, ...]
    texts: dict[str, dict[str, str]]
    example: bool
    project: Path
    home: Path
    core: str
    """Fingerprint of the core indicators; see Catalog.core_digest."""

    def digest(self, thresholds: str) -> str:
        """Identity of the release that these inputs give with thresholds from release `thresholds` (`zelf`: its own)."""
        content = {
            "tabellen": [[d.source.bron, d.table.tabel, d.snapshot.sha256 if d.snapshot else None] for d in self.delivered],
            "verouderd": sorted(self.stale),
            "gebieden": sorted(self.options.areas),
            "alle": self.options.all_areas,
            "jaar_vanaf": self.options.year_from,
            "pagina's": list(self.options.formats) if self.options.render else [],
            "teksten": self.texts,
            "voorbeeld": self.example,
            "methode": METHOD_VERSION,
            "code": code_version(self.project),
            "gebieden.yaml": _text_of(self.home / "gebieden.yaml"),
            "omzetting": [[p.name, hashlib.sha256(p.read_bytes()).hexdigest()] for p in matrix_files(self.home)],
            "lijsten": texts_of_lists(self.home),
            "drempels": thresholds,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]

    @property
    def stale(self) -> frozenset[tuple[str, str]]:
        """The tables (bron, tabel) whose last good delivery stands because the source could not be read since."""
        return frozenset((d.source.bron, d.table.tabel) for d in self.delivered if d.status == STALE)

    def as_known(self, stale: Set[tuple[str, str]]) -> Inputs:
        """The same inputs, had only the tables in `stale` been known to be so."""
        return replace(
            self,
            delivered=tuple(
                replace(d, status="actueel") if d.status == STALE and (d.source.bron, d.table.tabel) not in stale else d
                for d in self.delivered
            ),
        )

    @property
    def made_at(self) -> str:
        """The moment of the newest input according to the sources: no clock, so the same inputs give the same bytes."""
        stamps = [d.snapshot.gewijzigd.rstrip("Z") for d in self.delivered if d.snapshot and d.snapshot.gewijzigd]
        return max(stamps, default="1970-01-01T00:00:00")

    def release_id(self, thresholds: str, before: str | None = None) -> str:
        """`<date of the newest input>-<digest>`; an edition that is compared with one `before` it has another digest."""
        digest = self.digest(thresholds)
        if before is not None:
            digest = hashlib.sha256(f"{digest} na {before}".encode()).hexdigest()[: len(digest)]
        return f"{self.made_at[:10].replace('-', '')}-{digest}"

    @property
    def own(self) -> dict[str, Any]:
        """Fingerprints of the declarations in the home that can change a figure (`changes.OWN`)."""
        matrices = [[p.name, hashlib.sha256(p.read_bytes()).hexdigest()] for p in matrix_files(self.home)]
        unions = hashlib.sha256(_text_of(self.home / "gebieden.yaml").encode()).hexdigest()
        return {"gebieden.yaml": unions, "omzetting": matrices}

    @property
    def partners(self) -> list[str]:
        """The sources whose files come from partners and gemeenten, in the drop template."""
        sources = {d.source.bron for d in self.delivered if d.table.bestand is not None and d.table.bestand.sjabloon}
        return sorted(sources)


def code_version(project: Path) -> str:
    """Version of the package with a digest of its code and declarations, the same in a checkout and in a wheel."""
    digest = hashlib.sha256()
    for root, names in ((PACKAGE, _files(PACKAGE)), (project, _declarations(project))):
        for path in names:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{__version__}+{digest.hexdigest()[:8]}"


def code_digest() -> str:
    """A digest of the package's own code and templates, without declarations: who has the same makes the same of a release."""
    digest = hashlib.sha256()
    for path in _files(PACKAGE):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files(package: Path) -> Iterable[Path]:
    wanted = {".py", ".html", ".css", ".js", ".typ", ".sql", ".yaml"}
    return sorted(p for p in package.rglob("*") if p.suffix in wanted and "_project" not in p.parts)


def _declarations(project: Path) -> Iterable[Path]:
    return sorted([*project.glob("sources/*.yaml"), *project.glob("transforms/**/*.*"), project / "warehouse" / "schema.sql"])


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@dataclass(frozen=True)
class Thresholds:
    """Where the thresholds come from: an earlier release of this method with its rows, or (`zelf`) this release itself."""

    origin: str
    rows: tuple[Threshold, ...] = ()


def gather_inputs(settings: Settings, options: Options, catalog: Catalog, delivered: Sequence[Delivered]) -> Inputs:
    """What decides the release; the areas that were asked for become codes."""
    defining = [d for d in delivered if d.source.gebieden and d.snapshot is not None]
    if not defining:
        raise UsageError("no table that defines the areas was ever delivered", todo="Run 'beeld refresh' with a network first")
    newest = max(defining, key=lambda d: d.table.indeling_jaar or 0)
    names = region_names(newest)
    unions = {union.code: union.naam for union in catalog.unions}
    _refuse_unknown_lists(catalog, defining, names)
    codes = tuple(dict.fromkeys(resolve_area(text, {**names, **unions}) for text in options.areas or settings.areas))
    return Inputs(
        replace(options, areas=codes),
        tuple(delivered),
        {code: dict(sorted(texts.items())) for code, texts in sorted(settings.texts.items())},
        settings.example,
        settings.project,
        settings.home,
        catalog.core_digest(),
    )


def _refuse_unknown_lists(catalog: Catalog, defining: Sequence[Delivered], newest: Mapping[str, str]) -> None:
    """UsageError for a supplied list that names an area which its division does not have; `newest`: the newest one's names."""
    wanted = {supplied.indeling_jaar for supplied in catalog.lists}
    year = max(d.table.indeling_jaar or 0 for d in defining)
    older = {number: d for d in defining if (number := d.table.indeling_jaar or 0) in wanted - {year}}
    known = {year: newest, **{number: region_names(d) for number, d in older.items()}}
    refuse_unknown(catalog.lists, known, year, {union.code for union in catalog.unions})


def region_names(delivered: Delivered) -> dict[str, str]:
    """Code -> name of every area of an archived table, and of the country; empty for a table that was never delivered."""
    names = {"NL00": "Nederland"}
    if delivered.snapshot is None:
        return names
    if delivers_v4(delivered.snapshot):
        listed = area_names(delivered.snapshot, delivered.source, delivered.table)
        return names | {code: title for text, title in listed.items() if (code := normalise(text))}
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


def thresholds_of(settings: Settings, options: Options, catalog: Catalog) -> Thresholds:
    """The thresholds that a new release carries on: those of the current release, if it has this method and the same core.

    Other core indicators make another score, for which the old thresholds mean nothing.
    """
    if options.recalibrate or current_id(settings) is None:
        return Thresholds(SELF)
    folder = current_release(settings)
    manifest = read_manifest(folder)
    same = (METHOD_VERSION, catalog.core_digest(), settings.example)
    if (manifest.get("methode_versie"), manifest.get("kern"), manifest.get("voorbeeld")) != same:
        return Thresholds(SELF)
    return Thresholds(manifest["drempels_van"], _threshold_rows(folder))


def existing_release(settings: Settings, inputs: Inputs, thresholds: Thresholds) -> Path | None:
    """The complete release that these inputs already gave, or None.

    The current release also stands when the only news is that a source cannot be read any more: a fault is no new edition. The
    next edition says so; and once the source is back, an edition that called it stale is replaced.
    """
    candidates = [inputs]
    if current_id(settings) is not None:
        known = read_manifest(current_release(settings))["invoer"]
        stale = {(entry["bron"], entry["tabel"]) for entry in known if entry["status"] == STALE}
        if stale < inputs.stale:
            candidates.append(inputs.as_known(stale))
    digests = [candidate.digest(SELF) for candidate in candidates], [c.digest(thresholds.origin) for c in candidates]
    for own, carried in zip(*digests, strict=True):
        for folder in reversed(releases(settings)):
            # thresholds of its own only when those are asked for; the edition before it plays no part
            wanted = own if thresholds.origin in (SELF, folder.name) else carried
            if _inputs_of(folder) == wanted and is_complete(folder):
                return folder
    return None


def _inputs_of(folder: Path) -> str | None:
    """The digest of the inputs of a release; None when its manifest cannot be read, or is of before there were any."""
    try:
        return read_manifest(folder).get("invoer_sha256")
    except Damaged:
        return None


def predecessor(settings: Settings, inputs: Inputs, thresholds: Thresholds) -> Predecessor | None:
    """The edition that a new one is compared with: the current release, and where that cannot be read the one before it.

    A damaged release that is made again follows the edition that it followed before. None for the first.
    """
    now = current_id(settings)
    if now is None:
        return None
    same = {inputs.digest(SELF), inputs.digest(thresholds.origin)}
    names = [path.name for path in releases(settings)]
    earlier = names[: names.index(now)] if now in names else names
    line: list[str] = [now]
    for name in line:
        manifest = _readable(settings.releases / name)
        if manifest is None or manifest.get("voorbeeld") != inputs.example:
            continue
        if manifest.get("invoer_sha256") in same:
            if (older := manifest.get("vorige")) and older not in line:
                line.append(older)
            continue
        return Predecessor(name, manifest["gemaakt_op"], settings.releases / name, manifest)
    return _newest_readable(settings, earlier, inputs.example, same)


def _newest_readable(settings: Settings, names: Sequence[str], example: bool, same: Set[str]) -> Predecessor | None:
    for name in reversed(names):
        manifest = _readable(settings.releases / name)
        if manifest is not None and manifest.get("voorbeeld") == example and manifest.get("invoer_sha256") not in same:
            return Predecessor(name, manifest["gemaakt_op"], settings.releases / name, manifest)
    return None


def predecessor_of(settings: Settings, manifest: Mapping[str, Any]) -> Predecessor | None:
    """The edition that a published release was compared with; None when it was the first, or when that edition is gone."""
    name = manifest.get("vorige")
    old = _readable(settings.releases / name) if name else None
    return Predecessor(name, old["gemaakt_op"], settings.releases / name, old) if name and old is not None else None


def _readable(folder: Path) -> dict[str, Any] | None:
    """The manifest of a release of which every file that a comparison reads is what it says; else None."""
    try:
        manifest = read_manifest(folder)
    except Damaged:
        return None
    files = {name: entry for name, entry in manifest["bestanden"].items() if name in needed_files()}
    sound = all((folder / name).is_file() and sha256_of(folder / name) == entry["sha256"] for name, entry in files.items())
    return manifest if sound else None


def identify(inputs: Inputs, thresholds: Thresholds, before: Predecessor | None = None) -> Release:
    """Name, moment and versions of the release of these inputs, after the edition `before`."""
    return Release(
        inputs.release_id(thresholds.origin, before.release if before else None),
        inputs.made_at,
        METHOD_VERSION,
        code_version(inputs.project),
        inputs.example,
        before.release if before else None,
        before.gemaakt_op if before else None,
    )


def manifest_of(inputs: Inputs, identity: Release, thresholds: Thresholds) -> dict[str, Any]:
    """What the manifest says of the inputs and versions of a release."""
    return {
        "release": identity.id,
        "gemaakt_op": identity.gemaakt_op,
        "methode_versie": identity.methode_versie,
        "code_versie": identity.code_versie,
        "kern": inputs.core,
        "voorbeeld": identity.voorbeeld,
        "vorige": identity.vorige,
        "vorige_gemaakt_op": identity.vorige_gemaakt_op,
        "invoer_sha256": inputs.digest(thresholds.origin),
        "eigen": inputs.own,
        "partners": inputs.partners,
        "drempels_van": identity.id if thresholds.origin == SELF else thresholds.origin,
        "gebieden": list(inputs.options.areas),
        "alle_gebieden": inputs.options.all_areas,
        "jaar_vanaf": inputs.options.year_from,
        "formaten": list(inputs.options.formats) if inputs.options.render else [],
        "invoer": [
            {
                "bron": item.source.bron,
                "tabel": item.table.tabel,
                "gewijzigd": item.snapshot.gewijzigd if item.snapshot else None,
                "sha256": item.snapshot.sha256 if item.snapshot else None,
                "status": item.status,
            }
            for item in inputs.delivered
        ],
    }


def inputs_of_manifest(settings: Settings, catalog: Catalog, manifest: Mapping[str, Any]) -> Inputs:
    """The inputs that a manifest names, from the archive; Damaged when a snapshot is gone."""
    delivered: list[Delivered] = []
    for entry in manifest["invoer"]:
        source = catalog.sources[entry["bron"]]
        snapshot = find_snapshot(settings.raw / entry["bron"] / entry["tabel"], entry["sha256"]) if entry["sha256"] else None
        if entry["sha256"] and snapshot is None:
            where = f"{entry['bron']} {entry['tabel']}"
            raise Damaged(f"the archive lacks snapshot {entry['sha256'][:16]}", where=where, todo="Put the folder 'ruw' back")
        delivered.append(Delivered(source, source.table(entry["tabel"]), snapshot, entry["status"]))
    options = Options(tuple(manifest["gebieden"]), bool(manifest["alle_gebieden"]), int(manifest["jaar_vanaf"]), offline=True)
    example = bool(manifest["voorbeeld"])
    return Inputs(options, tuple(delivered), {}, example, settings.project, settings.home, catalog.core_digest())


def thresholds_of_release(folder: Path, manifest: Mapping[str, Any]) -> Thresholds:
    """The thresholds that a published release was made with."""
    if manifest["drempels_van"] == manifest["release"]:
        return Thresholds(SELF)
    return Thresholds(manifest["drempels_van"], _threshold_rows(folder))


def _threshold_rows(folder: Path) -> tuple[Threshold, ...]:
    with closing(open_warehouse(warehouse_file(folder))) as con:
        rows = con.execute("select soort, thema, niveau, grens, release from drempel order by all").fetchall()
    return tuple((kind, theme, level, bound, origin) for kind, theme, level, bound, origin in rows)
