"""What changed between two releases: new, revised and withdrawn figures with their cause, and what went in differently.

Kinds and causes are those of `beeld.warehouse.changes`, which also fills table `wijziging`.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from beeld.errors import UsageError
from beeld.settings import Settings
from beeld.warehouse.changes import SETTINGS, between, compare_cells, name_editions
from beeld.warehouse.release import MANIFEST, read_manifest

FIGURES = """
select indicator, peiljaar, soort, oorzaak, count(*) as aantal, max(abs(nieuwe_waarde - oude_waarde)) as grootste_verschil
from cellen group by indicator, peiljaar, soort, oorzaak order by indicator, peiljaar, soort, oorzaak
"""
OUTCOMES = """
select o.uitkomst as van, n.uitkomst as naar, count(*) as aantal
from read_parquet($oud) as o join read_parquet($nieuw) as n using (gebiedscode)
where o.uitkomst is distinct from n.uitkomst
group by all order by all
"""


@dataclass(frozen=True)
class FigureChange:
    """How many figures of one indicator and year changed in one way by one cause, and by how much at most (in its unit)."""

    indicator: str
    peiljaar: int
    soort: str
    oorzaak: str
    aantal: int
    grootste_verschil: float | None


@dataclass(frozen=True)
class InputChange:
    """A table that went in differently: its Modified and status in both releases; None where the release did not have it."""

    bron: str
    tabel: str
    gewijzigd_van: str | None
    gewijzigd_naar: str | None
    status_van: str | None
    status_naar: str | None


@dataclass(frozen=True)
class OutcomeChange:
    """How many areas went from one outcome to another."""

    van: str
    naar: str
    aantal: int


@dataclass(frozen=True)
class Difference:
    """What distinguishes two releases."""

    van: str
    naar: str
    instellingen: tuple[str, ...]
    invoer: tuple[InputChange, ...]
    cijfers: tuple[FigureChange, ...]
    uitkomsten: tuple[OutcomeChange, ...]

    def as_json(self) -> str:
        """One object; keys as in the dataclasses."""
        return json.dumps(asdict(self), ensure_ascii=False)


def compare(settings: Settings, before: str, after: str) -> Difference:
    """What changed from release `before` to `after`; UsageError for one that does not exist."""
    old, new = (_folder(settings, name) for name in (before, after))
    manifests = read_manifest(old), read_manifest(new)
    with closing(duckdb.connect()) as con:
        name_editions(con, old, new)
        compare_cells(con, between(*manifests))
        figures = con.execute(FIGURES).fetchall()
        outcomes = con.execute(OUTCOMES, _parquet(old, new, "integraal")).fetchall()
    return Difference(
        before,
        after,
        tuple(_settings(*manifests)),
        tuple(_inputs(*manifests)),
        tuple(FigureChange(*row) for row in figures),
        tuple(OutcomeChange(*row) for row in outcomes),
    )


def _folder(settings: Settings, name: str) -> Path:
    folder = settings.releases / name
    if "/" in name or "\\" in name or not (folder / MANIFEST).is_file():
        raise UsageError(f"there is no release '{name}'", where=str(settings.home), todo="See 'beeld releases'")
    return folder


def _parquet(old: Path, new: Path, table: str) -> dict[str, str]:
    return {"oud": str(old / "parquet" / f"{table}.parquet"), "nieuw": str(new / "parquet" / f"{table}.parquet")}


def _settings(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Names of the settings, versions and choices that differ."""
    names = (*SETTINGS, "drempels_van", "eigen")
    return [name for name in names if old.get(name) != new.get(name)]


def _inputs(old: dict[str, Any], new: dict[str, Any]) -> list[InputChange]:
    """The tables whose delivery or status differs."""
    before, after = ({(e["bron"], e["tabel"]): e for e in manifest["invoer"]} for manifest in (old, new))
    found: list[InputChange] = []
    for bron, tabel in sorted(before.keys() | after.keys()):
        was, now = before.get((bron, tabel), {}), after.get((bron, tabel), {})
        if (was.get("sha256"), was.get("status")) != (now.get("sha256"), now.get("status")):
            modified = was.get("gewijzigd"), now.get("gewijzigd")
            found.append(InputChange(bron, tabel, *modified, was.get("status"), now.get("status")))
    return found
