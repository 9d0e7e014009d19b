"""The areas of a release, their boundaries, and how figures of an older division reach the newest one.

    werk.indeling   (gebiedscode, indeling_jaar, naam, wijziging)          every area of every delivered division
    werk.<bron>     (gebiedscode, peiljaar, aanwezig, kanttekening, reden, and the columns of basis.<bron>)
                    one row per gebied of the newest division and delivered peiljaar: the source's own row, or none

A figure joins along an unbroken chain of "unchanged" flags; where flags are missing, on equal code and equal name with
"grens niet getoetst"; otherwise not at all (CONTRACT.md, Joining years).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import shapely

from beeld.errors import SourceChanged
from beeld.sources.declarations import Source
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.basis import Staged
from beeld.transforms.catalog import Union

if TYPE_CHECKING:
    import geopandas as gpd

NATIONAL = "NL00"
UNTESTED = "grens niet getoetst"


def create_areas(con: duckdb.DuckDBPyConnection, source: Source, staged: Sequence[Staged]) -> int:
    """Fill `gebied` and `gebied_historie` from the source that defines the areas; returns the year of the newest division.

    Raises SourceChanged when no table of that source was delivered.
    """
    years = sorted({s.table.indeling_jaar for s in staged if s.table.indeling_jaar is not None and s.rows})
    if not years:
        raise SourceChanged("no table that defines areas was delivered", where=source.bron)
    newest = years[-1]
    con.execute("create schema if not exists werk")
    flags = "nullif(\"indelingswijziging\", '.')" if "indelingswijziging" in source.kolommen else "null"
    con.execute(
        f"""create or replace table werk.indeling as
        select gebiedscode, indeling_jaar, naam, {flags} as wijziging
        from basis."{source.bron}" where indeling_jaar is not null"""
    )
    con.execute(
        f"""insert into gebied
        select gebiedscode,
          {_kind_sql("gebiedscode")},
          naam,
          {_gemeente_sql("gebiedscode")},
          null,
          case when gebiedscode[1:2] in ('WK', 'BU') then 'WK' || gebiedscode[3:8] end,
          indeling_jaar, aantal_inwoners::bigint, try_cast(stedelijkheid as integer), null, null
        from basis."{source.bron}" where indeling_jaar = ?
        order by gebiedscode""",
        [newest],
    )
    con.execute(
        """insert into gebied select ?, 'land', 'Nederland', null, null, null, ?, null, null, null, null
        where not exists (from gebied where gebiedscode = ?)""",
        [NATIONAL, newest, NATIONAL],
    )
    _name_gemeenten(con, source, newest)
    con.execute(
        """insert into gebied_historie
        select nu.gebiedscode, nu.indeling_jaar, nu.naam, nu.wijziging,
          case when nu.wijziging = '1' and vorig.indeling_jaar = nu.indeling_jaar - 1 then vorig.gebiedscode
            when vorig.naam = nu.naam and coalesce(nu.wijziging, '1') = '1' then vorig.gebiedscode end
        from werk.indeling as nu
        left join werk.indeling as vorig
          on vorig.gebiedscode = nu.gebiedscode
          and vorig.indeling_jaar = (select max(indeling_jaar) from werk.indeling where indeling_jaar < nu.indeling_jaar)
        order by nu.gebiedscode, nu.indeling_jaar"""
    )
    return newest


def _kind_sql(code: str) -> str:
    return f"case {code}[1:2] when 'NL' then 'land' when 'GM' then 'gemeente' when 'WK' then 'wijk' when 'BU' then 'buurt' end"


def _gemeente_sql(code: str) -> str:
    return f"case when {code}[1:2] in ('GM', 'WK', 'BU') then 'GM' || {code}[3:6] end"


def _name_gemeenten(con: duckdb.DuckDBPyConnection, source: Source, newest: int) -> None:
    """Names of gemeenten: from the gemeente's own row, else from the column that names it beside each wijk and buurt."""
    con.execute(
        f"""update gebied set gemeentenaam = n.naam from (
          select gemeentecode, coalesce(max(naam) filter (soort = 'gemeente'), max(genoemd)) as naam
          from gebied left join (
            select gebiedscode as code, gemeentenaam as genoemd from basis."{source.bron}" where indeling_jaar = ?)
            on code = gebiedscode
          where gemeentecode is not null group by gemeentecode) as n
        where gebied.gemeentecode = n.gemeentecode""",
        [newest],
    )


def link(con: duckdb.DuckDBPyConnection, source: Source, newest: int) -> None:
    """Create `werk.<bron>`: the row of `basis.<bron>` that may stand for an area of the newest division, or why there is none."""
    columns = "".join(_linked_column(name, column.soort) for name, column in source.kolommen.items())
    con.execute(
        f"""create or replace temp table keten as
        select j.indeling_jaar, i.gebiedscode,
          count(*) filter (i.wijziging = '1') as ongewijzigd,
          coalesce(bool_or(i.wijziging in ('2', '3')), false) as gewijzigd
        from (select distinct indeling_jaar from basis."{source.bron}" where indeling_jaar is not null) as j
        join werk.indeling as i on i.indeling_jaar > j.indeling_jaar and i.indeling_jaar <= ?
        group by j.indeling_jaar, i.gebiedscode""",
        [newest],
    )
    con.execute(
        f"""create or replace table werk."{source.bron}" as
        with jaren as (select distinct peiljaar, tabel, indeling_jaar, getypeerd, voorlopig from basis."{source.bron}"),
        raster as (
          select g.gebiedscode, g.naam, j.*,
            g.soort = 'land' or j.indeling_jaar is not distinct from $newest
              or coalesce(k.ongewijzigd, 0) = $newest - j.indeling_jaar as getoetst,
            coalesce(k.gewijzigd, false) and g.soort <> 'land' as gewijzigd
          from gebied as g cross join jaren as j
          left join keten as k on k.gebiedscode = g.gebiedscode and k.indeling_jaar = j.indeling_jaar
          where g.soort <> 'samengesteld')
        select r.gebiedscode, r.peiljaar, r.tabel, r.indeling_jaar, r.getypeerd, r.voorlopig,
          b.gebiedscode is not null and (coalesce(r.getoetst, false) or (not r.gewijzigd and b.naam = r.naam)) as gekoppeld,
          gekoppeld as aanwezig,
          case when gekoppeld and not coalesce(r.getoetst, false) then $untested end as kanttekening,
          case when gekoppeld then null
            when r.gewijzigd then 'de grens of code is gewijzigd na indeling ' || r.indeling_jaar
            when r.indeling_jaar < $newest then 'geen gebied met deze code en naam in indeling ' || r.indeling_jaar
            when b.gebiedscode is not null then 'de bron geeft deze code een andere naam'
            else 'de bron heeft geen rij voor dit gebied' end as reden{columns}
        from raster as r
        left join basis."{source.bron}" as b on b.gebiedscode = r.gebiedscode and b.peiljaar = r.peiljaar
        order by r.gebiedscode, r.peiljaar""",
        {"newest": newest, "untested": UNTESTED},
    )


def _linked_column(name: str, kind: str) -> str:
    value = f', case when gekoppeld then b."{name}" end as "{name}"'
    if kind == "tekst":
        return value
    return f'{value}, case when gekoppeld then b."{name}_status" else \'niet_geleverd\' end as "{name}_status"'


def add_boundaries(con: duckdb.DuckDBPyConnection, frames: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Boundaries (columns code, year, geometry in EPSG:28992) per kind of area into `gebied`; each keeps its year."""
    for kind, frame in frames.items():
        columns: dict[str, tuple[Kind, list[Any]]] = {
            "gebiedscode": ("text", frame["code"].to_list()),
            "jaar": ("integer", frame["year"].to_list()),
            "wkb": ("blob", list(shapely.to_wkb(frame.geometry.to_numpy()))),
        }
        with registered(con, "grenzen", columns):
            con.execute(
                """update gebied set geometrie = ST_GeomFromWKB(wkb), geometrie_jaar = jaar from grenzen
                where grenzen.gebiedscode = gebied.gebiedscode and soort = ?""",
                [kind],
            )


def add_unions(con: duckdb.DuckDBPyConnection, unions: Sequence[Union], newest: int) -> dict[str, list[str]]:
    """Add each union of buurten to `gebied` and return its members; a union with codes that this division lacks is left out.

    A union of another division than the release's is refused by leaving it out: its codes may mean other areas now.
    """
    members: dict[str, list[str]] = {}
    for union in unions:
        found = con.execute(
            "select gebiedscode, gemeentecode, gemeentenaam, inwoners, stedelijkheid, ST_AsWKB(geometrie), geometrie_jaar "
            "from gebied where soort = 'buurt' and list_contains(?, gebiedscode) order by gebiedscode",
            [list(union.buurten)],
        ).fetchall()
        if union.indeling_jaar != newest or len(found) != len(set(union.buurten)):
            continue
        members[union.code] = [row[0] for row in found]
        gemeenten = {(row[1], row[2]) for row in found}
        gemeente = next(iter(gemeenten)) if len(gemeenten) == 1 else (None, None)
        people = [row[3] for row in found]
        years = {row[6] for row in found}
        shape = None
        if None not in years and len(years) == 1:
            shape = shapely.to_wkb(shapely.union_all([shapely.from_wkb(bytes(row[5])) for row in found]))
        con.execute(
            "insert into gebied values (?, 'samengesteld', ?, ?, ?, null, ?, ?, null, ST_GeomFromWKB(?), ?)",
            [
                union.code,
                union.naam,
                *gemeente,
                newest,
                None if None in people else sum(people),
                shape,
                next(iter(years)) if shape else None,
            ],
        )
    return members
