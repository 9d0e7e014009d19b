"""The profiles of one gemeente out of the current release, beside it: a release never changes. No Dagster in here."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from beeld.errors import UsageError
from beeld.settings import Settings

GEMEENTE = re.compile(r"GM[0-9]{4}")


@dataclass(frozen=True)
class Rendered:
    """What was made: of which release, the index of the pages, and how many files of each kind (`html`, `pdf`, ...)."""

    release: str
    index: Path
    files: dict[str, int]


def folder_of(settings: Settings, release: str, gemeente: str) -> Path:
    """Where the profiles of a gemeente stand; UsageError for what is no code of a gemeente."""
    if not GEMEENTE.fullmatch(gemeente):
        raise UsageError(f"'{gemeente[:40]}' is no code of a gemeente", todo="Choose a partition such as GM0748")
    return settings.home / "profielen" / release / gemeente


def gemeenten(settings: Settings) -> list[str]:
    """Codes of the gemeenten that the current release covers, sorted; UsageError when there is no release yet."""
    from beeld.refresh import Options, areas_to_render
    from beeld.transforms.catalog import load_catalog
    from beeld.warehouse.read import current_release, open_warehouse, warehouse_file
    from beeld.warehouse.release import read_manifest

    folder = current_release(settings)
    manifest = read_manifest(folder)
    catalog = load_catalog(settings.project, settings.home, example=bool(manifest["voorbeeld"]))
    asked = Options(tuple(manifest["gebieden"]), all_areas=bool(manifest["alle_gebieden"]))
    unions = {union.code: union.buurten for union in catalog.unions}
    covered = areas_to_render(warehouse_file(folder), asked, unions)
    with closing(open_warehouse(warehouse_file(folder))) as con:
        found = con.execute(
            "select distinct coalesce(gemeentecode, gebiedscode) from gebied where list_contains(?, gebiedscode) order by 1",
            [covered],
        ).fetchall()
    return [code for (code,) in found if GEMEENTE.fullmatch(code)]


def render_gemeente(settings: Settings, gemeente: str, formats: Sequence[str], progress: Callable[[str], None]) -> Rendered:
    """Render a gemeente with its wijken and buurten as `beeld render` does; the folder is replaced when all of it was made.

    A rendering that fails leaves what stood there. UsageError for a gemeente that the release does not have, and when another
    release became current meanwhile.
    """
    from beeld.refresh import formats_of, render_current
    from beeld.warehouse.read import current_id, current_release
    from beeld.warehouse.retention import using

    folder = current_release(settings)
    release = folder.name
    target = folder_of(settings, release, gemeente)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratches = tempfile.TemporaryDirectory(prefix=f".{gemeente}-", dir=target.parent, ignore_cleanup_errors=True)
    with using(folder), scratches as scratch:
        fresh = Path(scratch) / "nieuw"
        chosen = tuple(formats) or formats_of(settings, all_areas=False)
        spoken = settings.language
        render_current(settings, [gemeente], lens="zoom-in", formats=chosen, language=spoken, out=fresh, progress=progress)
        if current_id(settings) != release:
            raise UsageError(
                f"another release than {release} became current while {gemeente} was rendered",
                kept="Nothing was kept",
                todo="Run it again",
            )
        if target.exists():
            target.rename(Path(scratch) / "oud")
        fresh.rename(target)
    return Rendered(release, target / "index.html", counted(target))


def counted(folder: Path) -> dict[str, int]:
    """How many pages, PDF files, slides and workbooks there are."""
    kinds = ("html", "pdf", "pptx", "xlsx")
    return {kind: found for kind in kinds if (found := sum(1 for _ in folder.rglob(f"*.{kind}")))}
