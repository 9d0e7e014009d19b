"""Which figures differ between two editions, cell by cell, each with the first cause that explains it.

`beeld refresh` publishes them as table `wijziging`, against the edition before; `beeld diff A B` counts them for any two. Both
run the SQL below, so that they cannot disagree.

`nieuw`: a value where there was none; `ingetrokken`: a value that is gone; `herzien`: another value, or another status without
one. The causes, in the order in which the first that applies counts (docs/methode.md):

    nieuw jaar     the edition before had no figures of this indicator and year
    grens          the area, its boundary, or the division that its figure stands on is another
    correctie      a declared correction touches the cell in one edition and not, or differently, in the other
    partner        the figure is supplied by a partner or gemeente, and the supply is another
    bronrevisie    a table of the figure was delivered anew
    methode        another version of the method, code or declarations, or other settings
    onverklaard    none of these
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from beeld.sources.sql import literal
from beeld.transforms.areas import NOT_ASKED, UNTESTED
from beeld.transforms.reallocation import MARK

TABLES = ("waarde", "gebied", "gebied_historie", "indicator", "bron", "correctie")
"""The tables of both editions that are compared."""
SETTINGS = ("methode_versie", "code_versie", "kern", "voorbeeld", "gebieden", "alle_gebieden", "jaar_vanaf")
"""What the manifest says that can change a figure without another delivery."""
OWN = ("gebieden.yaml", "omzetting")
"""Declarations in the home, of which the manifest holds a fingerprint."""
NOT_JOINED = "^(de grens of code is gewijzigd|geen gebied met deze code en naam)"
"""Reasons of `areas.link` why a figure of an older division stands for no area of this one."""
REMARKS = f"({UNTESTED}|{MARK})"
"""Remarks on a figure that rests on another division."""


@dataclass(frozen=True)
class Between:
    """What differs between the manifests of two editions, as far as it can explain a figure."""

    method: bool
    """Another version of the method, the code or the declarations, or other settings."""
    unions: bool
    """Other unions of buurten in the home."""
    matrices: bool
    """Other address matrices in the home."""
    partners: tuple[str, ...]
    """Sources that partners and gemeenten supply, in either edition."""


@dataclass(frozen=True)
class Predecessor:
    """The edition before the one that is being built."""

    release: str
    gemaakt_op: str
    folder: Path
    manifest: Mapping[str, Any]


def between(old: Mapping[str, Any], new: Mapping[str, Any]) -> Between:
    """What two manifests differ in."""
    own = [each.get("eigen", {}) for each in (old, new)]
    unions, matrices = (own[0].get(name) != own[1].get(name) for name in OWN)
    supplied = {name for each in (old, new) for name in each.get("partners", ())}
    return Between(any(old.get(name) != new.get(name) for name in SETTINGS), unions, matrices, tuple(sorted(supplied)))


def name_editions(con: duckdb.DuckDBPyConnection, old: Path, new: Path | None) -> None:
    """Temporary views `oud_<table>` and `nieuw_<table>` over the Parquet files of two releases; `new` None: the build itself.

    An edition of before the table `correctie` counts as having made the corrections of the other.
    """
    for table in TABLES:
        paths = [folder / "parquet" / f"{table}.parquet" if folder is not None else None for folder in (old, new)]
        contents = [f"read_parquet({literal(str(path))})" if path is not None else f'"{table}"' for path in paths]
        there = [content for content, path in zip(contents, paths, strict=True) if path is None or path.is_file()]
        if len(there) < len(paths) and table == "correctie":
            contents = [there[0] if there else NO_CORRECTIONS] * len(paths)
        for side, content in zip(("oud", "nieuw"), contents, strict=True):
            con.execute(f"create or replace temp view {side}_{table} as select * from {content}")


NO_CORRECTIONS = """(select null::varchar as correctie, null::varchar as tabel, null::varchar as kolom,
  null::varchar as gebiedscode, null::integer as peiljaar, null::double as nieuwe_waarde,
  null::varchar as nieuwe_status where false)"""
CHANGED = """
create or replace temp table anders as
select gebiedscode, indicator, peiljaar,
  case when o.waarde is null and n.waarde is not null then 'nieuw'
    when o.waarde is not null and n.waarde is null then 'ingetrokken' else 'herzien' end as soort,
  o.waarde as oude_waarde, n.waarde as nieuwe_waarde, o.status as oude_status, n.status as nieuwe_status
from (select gebiedscode, indicator, peiljaar, waarde, status from nieuw_waarde) as n
full join (select gebiedscode, indicator, peiljaar, waarde, status from oud_waarde) as o using (gebiedscode, indicator, peiljaar)
where o.waarde is distinct from n.waarde or (o.status <> n.status)
"""
TOUCHED = """
create or replace temp table verbeterd as
with oud as (select correctie, tabel, kolom, gebiedscode, peiljaar, nieuwe_waarde, nieuwe_status from oud_correctie),
nieuw as (select correctie, tabel, kolom, gebiedscode, peiljaar, nieuwe_waarde, nieuwe_status from nieuw_correctie)
select distinct tabel, kolom, gebiedscode, peiljaar
from ((from oud except from nieuw) union all (from nieuw except from oud))
"""
REDELIVERED = """
create or replace temp table geleverd as
with tabellen as (
  select tabel from (select bron, tabel, sha256 from oud_bron) as o
  full join (select bron, tabel, sha256 from nieuw_bron) as n using (bron, tabel)
  where o.sha256 is distinct from n.sha256)
select bron_tabel
from (select distinct bron_tabel from oud_waarde union select distinct bron_tabel from nieuw_waarde)
where exists (from tabellen as t where contains(', ' || bron_tabel || ', ', ', ' || t.tabel || ', '))
"""
MOVED = """
create or replace temp table verlegd as
with twee as (
  select gebiedscode, o.indeling_jaar as van, n.indeling_jaar as tot
  from (select gebiedscode, indeling_jaar from nieuw_gebied) as n
  full join (select gebiedscode, indeling_jaar from oud_gebied) as o using (gebiedscode))
select gebiedscode from twee
where van is null or tot is null or ($unions and gebiedscode[1:3] = 'SG-')
  or exists (from nieuw_gebied_historie as h where h.gebiedscode = twee.gebiedscode
    and h.indeling_jaar > van and h.indeling_jaar <= tot and h.wijziging in ('2', '3'))
"""
CELLS = """
create or replace temp table cellen as
with jaren as (select distinct indicator, peiljaar from oud_waarde)
select a.gebiedscode, a.indicator, a.peiljaar, a.soort,
  io.indicator is not null and im.indicator is not null
    and (go.bron_tabel is not null or gn.bron_tabel is not null) as opnieuw,
  case
    when a.soort = 'nieuw' and j.indicator is null and io.indicator is not null then 'nieuw jaar'
    when v.gebiedscode is not null or o.indeling_jaar <> n.indeling_jaar
      or regexp_matches(coalesce(o.reden, ''), $loose) <> regexp_matches(coalesce(n.reden, ''), $loose)
      or (o.status = 'ok' and n.status = 'ok'
        and regexp_matches(coalesce(o.reden, ''), $remarks) <> regexp_matches(coalesce(n.reden, ''), $remarks))
      or ($matrices and (contains(o.reden, $mark) or contains(n.reden, $mark))) then 'grens'
    when exists (from verbeterd as c where c.gebiedscode = a.gebiedscode and c.peiljaar = a.peiljaar
      and (contains(', ' || o.bron_tabel || ', ', ', ' || c.tabel || ', ')
        and contains(', ' || o.bron_kolom || ', ', ', ' || c.kolom || ', ')
        or contains(', ' || n.bron_tabel || ', ', ', ' || c.tabel || ', ')
        and contains(', ' || n.bron_kolom || ', ', ', ' || c.kolom || ', '))) then 'correctie'
    when opnieuw and list_contains($partners, coalesce(im.bron, io.bron)) then 'partner'
    when opnieuw and o.reden is distinct from $elsewhere and n.reden is distinct from $elsewhere then 'bronrevisie'
    when $method then 'methode'
    else 'onverklaard' end as oorzaak,
  a.oude_waarde, a.nieuwe_waarde, a.oude_status, a.nieuwe_status
from anders as a
left join oud_waarde as o on o.gebiedscode = a.gebiedscode and o.indicator = a.indicator and o.peiljaar = a.peiljaar
left join nieuw_waarde as n on n.gebiedscode = a.gebiedscode and n.indicator = a.indicator and n.peiljaar = a.peiljaar
left join jaren as j on j.indicator = a.indicator and j.peiljaar = a.peiljaar
left join oud_indicator as io on io.indicator = a.indicator
left join nieuw_indicator as im on im.indicator = a.indicator
left join geleverd as go on go.bron_tabel = o.bron_tabel
left join geleverd as gn on gn.bron_tabel = n.bron_tabel
left join verlegd as v on v.gebiedscode = a.gebiedscode
"""
PUBLISHED = """
insert into wijziging
select gebiedscode, indicator, peiljaar, soort, oorzaak, oude_waarde, nieuwe_waarde, oude_status, nieuwe_status from cellen
"""
TEMPORARY = ("anders", "verbeterd", "geleverd", "verlegd", "cellen")


def compare_cells(con: duckdb.DuckDBPyConnection, found: Between) -> None:
    """Temp table `cellen`: every figure that differs between the editions of `name_editions`, with its kind and cause."""
    con.execute(CHANGED)
    con.execute(TOUCHED)
    con.execute(REDELIVERED)
    con.execute(MOVED, {"unions": found.unions})
    con.execute(
        CELLS,
        {
            "loose": NOT_JOINED,
            "remarks": REMARKS,
            "mark": MARK,
            "matrices": found.matrices,
            "partners": list(found.partners),
            "elsewhere": NOT_ASKED,
            "method": found.method,
        },
    )


def publish_changes(con: duckdb.DuckDBPyConnection, before: Predecessor | None, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Fill `wijziging` of the build against the edition before it (None: the first edition, it stays empty); rows by cause."""
    if before is None:
        return {}
    name_editions(con, before.folder, None)
    compare_cells(con, between(before.manifest, manifest))
    con.execute(PUBLISHED)
    counts = con.execute("select oorzaak, count(*) from cellen group by oorzaak order by oorzaak").fetchall()
    for table in TEMPORARY:
        con.execute(f'drop table temp."{table}"')
    return dict(counts)


def take_over(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Fill `wijziging` with what a published release says, where the edition before it is gone and cannot be compared with."""
    con.execute(f"insert into wijziging select * from read_parquet({literal(str(folder / 'parquet' / 'wijziging.parquet'))})")


def needed_files() -> Sequence[str]:
    """The files of a release that comparing with it reads, as its manifest names them."""
    return [f"parquet/{table}.parquet" for table in TABLES]
