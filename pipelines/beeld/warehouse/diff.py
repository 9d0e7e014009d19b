"""What changed between two releases: new, revised and withdrawn figures, and what went in differently.

A figure is one gebied x indicator x peiljaar. `nieuw`: it has a value now and had none; `herzien`: it has another value;
`ingetrokken`: it had a value and has none. Why follows from the inputs: other figures in the table (a new year of it, or a
revision), another division of areas, or the same delivery under another method.
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
from beeld.warehouse.release import MANIFEST, read_manifest

FIGURES = """
with oud as (select * from read_parquet($oud) where waarde is not null),
nieuw as (select * from read_parquet($nieuw) where waarde is not null),
jaren as (select distinct indicator, peiljaar, true as kende from read_parquet($oud)),
samen as (
  select coalesce(n.indicator, o.indicator) as indicator, coalesce(n.peiljaar, o.peiljaar) as peiljaar,
    case when o.waarde is null then 'nieuw' when n.waarde is null then 'ingetrokken' else 'herzien' end as soort,
    case when o.snapshot_sha256 is distinct from n.snapshot_sha256 then 'levering' else 'methode' end as andere,
    o.indeling_jaar is distinct from n.indeling_jaar and o.waarde is not null and n.waarde is not null as grens,
    abs(n.waarde - o.waarde) as verschil
  from nieuw as n full join oud as o using (gebiedscode, indicator, peiljaar)
  where n.waarde is distinct from o.waarde)
select s.indicator, s.peiljaar, s.soort,
  case when s.soort = 'nieuw' and j.kende is null then 'nieuw jaar'
    when bool_or(s.grens) then 'andere indeling van gebieden'
    when bool_or(s.andere = 'levering') then 'herziening door de bron'
    else 'andere methode of instelling' end as reden,
  count(*) as aantal, max(s.verschil) as grootste_verschil
from samen as s left join jaren as j using (indicator, peiljaar)
group by s.indicator, s.peiljaar, s.soort, j.kende
order by s.indicator, s.peiljaar, s.soort
"""
OUTCOMES = """
select o.uitkomst as van, n.uitkomst as naar, count(*) as aantal
from read_parquet($oud) as o join read_parquet($nieuw) as n using (gebiedscode)
where o.uitkomst is distinct from n.uitkomst
group by all order by all
"""


@dataclass(frozen=True)
class FigureChange:
    """How many figures of one indicator and year changed in one way, why, and by how much at most (in the indicator's unit)."""

    indicator: str
    peiljaar: int
    soort: str
    reden: str
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
        figures = con.execute(FIGURES, _parquet(old, new, "waarde")).fetchall()
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
    names = ("methode_versie", "code_versie", "kern", "voorbeeld", "drempels_van", "gebieden", "alle_gebieden", "jaar_vanaf")
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
