"""The areas of a release, their boundaries, and how figures of an older division reach the newest one.

    werk.indeling   (gebiedscode, indeling_jaar, naam, wijziging)          every area of every delivered division
    werk.<bron>     (gebiedscode, peiljaar, aanwezig, kanttekening, reden, and the columns of basis.<bron>)
                    one row per gebied of the newest division and delivered peiljaar: the source's own row, or none

A figure joins along an unbroken chain of flags (`chains`), also when only the code changed; where flags are missing, on equal
code and equal name with "grens niet getoetst"; otherwise not at all (CONTRACT.md, Joining years).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import shapely

from beeld.errors import SourceChanged
from beeld.sources.declarations import Source
from beeld.sources.words import plain
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.basis import Staged
from beeld.transforms.catalog import Union
from beeld.transforms.chains import create_chains

if TYPE_CHECKING:
    import geopandas as gpd

NATIONAL = "NL00"
UNTESTED = "grens niet getoetst"
NOT_ASKED = "dit jaar is alleen opgehaald voor de gevraagde gemeenten"


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
    create_chains(con, newest)
    con.execute(
        """insert into gebied_historie
        select gebiedscode, indeling_jaar, naam, wijziging, voorganger from werk.stap order by gebiedscode, indeling_jaar"""
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
    for (name,) in con.execute("select distinct gemeentenaam from gebied where gemeentenaam is not null order by all").fetchall():
        if plain(name) != name:
            con.execute("update gebied set gemeentenaam = nullif(?, '') where gemeentenaam = ?", [plain(name), name])


def link(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    newest: int,
    selections: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Create `werk.<bron>`: the row of `basis.<bron>` that may stand for an area of the newest division, or why there is none.

    `selections` names, per table that was not fetched for the whole country, the codes of the gemeenten that were. Adds to
    `werk.reeks` which of these rows may stand in one series.
    """
    selected: dict[str, tuple[Kind, list[Any]]] = {
        "tabel": ("text", list(selections or {})),
        "gemeenten": ("texts", [list(codes) for codes in (selections or {}).values()]),
    }
    _place_areas(con, source, newest)
    with registered(con, "selecties", selected):
        _choose_rows(con, source, newest)
    _write_linked(con, source)
    con.execute("delete from werk.reeks where bron = ?", [source.bron])
    con.execute(
        """insert into werk.reeks
        select ?, gebiedscode, peiljaar, indeling_jaar, oude_code, gekoppeld and ongewijzigd
        from koppeling order by gebiedscode, peiljaar""",
        [source.bron],
    )


def _write_linked(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """`werk.<bron>` from `koppeling`, a peiljaar at a time: rows this wide are never in memory together, and a question about one
    year reads that year only."""
    columns = "".join(_linked_column(name, column.soort) for name, column in source.kolommen.items())
    rows = f"""
        select k.gebiedscode, k.peiljaar, k.tabel, k.indeling_jaar, k.getypeerd, k.voorlopig, k.gekoppeld,
          k.gekoppeld as aanwezig, k.kanttekening, k.reden{columns}
        from koppeling as k
        left join (from basis."{source.bron}" where peiljaar = $year) as b on b.tabel = k.tabel and b.gebiedscode = k.rij
        where k.peiljaar = $year"""
    con.execute(f'create or replace table werk."{source.bron}" as {rows.replace("$year", "null")} limit 0')
    for (year,) in con.execute("select distinct peiljaar from koppeling order by all").fetchall():
        con.execute(f'insert into werk."{source.bron}" {rows}', {"year": year})


def _place_areas(con: duckdb.DuckDBPyConnection, source: Source, newest: int) -> None:
    """Temp table `plaats`: where each area of the newest division stood in each division that the source uses, and how we know.

    weg: zelf (that division itself), keten (the chain reaches it), gat (it lies between delivered divisions, the chain goes
    on at the next one), naam (nothing known), gewijzigd (the chain ends later, or the code became another one: only "unchanged"
    joins) or verbroken (the chain ends later). A flag `1` of the year after a
    division that was not delivered still proves that step.
    """
    con.execute(
        f"""create or replace temp table plaats as
        with delen as (select distinct indeling_jaar from basis."{source.bron}"),
        wegen as (
          select g.gebiedscode, g.gemeentecode, g.naam as naam_nu, d.indeling_jaar,
            k.oude_code, k.naam, k.getoetst, k.ongewijzigd,
            case when g.soort = 'land' or d.indeling_jaar = $newest then 'zelf'
              when k.gebiedscode is null then 'naam'
              when k.oude_code <> g.gebiedscode then 'gewijzigd'
              when k.indeling_jaar = d.indeling_jaar then 'keten'
              when k.wijziging in ('2', '3') then 'gewijzigd'
              when k.vorig_jaar >= d.indeling_jaar then 'verbroken'
              when k.wijziging = '1' and k.indeling_jaar = d.indeling_jaar + 1 then 'keten'
              else 'gat' end as weg
          from (from gebied where soort <> 'samengesteld') as g
          cross join delen as d
          -- a division that the source does not name lies on no chain; left null it would match one
          asof left join werk.keten as k on k.gebiedscode = g.gebiedscode and coalesce(d.indeling_jaar, 9999) <= k.indeling_jaar)
        select gebiedscode, gemeentecode, indeling_jaar, weg,
          case when weg in ('keten', 'gat') then oude_code when weg in ('zelf', 'naam') then gebiedscode end as oude_code,
          case when weg in ('keten', 'gat') then naam else naam_nu end as naam,
          weg = 'zelf' or (weg = 'keten' and getoetst) as getoetst,
          weg = 'zelf' or (weg = 'keten' and ongewijzigd) as ongewijzigd
        from wegen""",
        {"newest": newest},
    )


def _choose_rows(con: duckdb.DuckDBPyConnection, source: Source, newest: int) -> None:
    """Temp table `koppeling`: per area and peiljaar the table and code to take the row from, with the note or the reason.

    Several tables of one source may hold parts of one year; an area takes its row from the one that has it.
    """
    con.execute(
        f"""create or replace temp table koppeling as
        with tabellen as (
          select distinct peiljaar, tabel, indeling_jaar, getypeerd, voorlopig from basis."{source.bron}"),
        keuze as (
          select p.gebiedscode, p.gemeentecode, p.weg, p.oude_code, p.getoetst, p.ongewijzigd, t.*,
            b.gebiedscode is not null as gevonden,
            gevonden and (p.getoetst or b.naam = p.naam) as gekoppeld
          from plaats as p
          join tabellen as t on t.indeling_jaar is not distinct from p.indeling_jaar
          left join basis."{source.bron}" as b
            on b.tabel = t.tabel and b.peiljaar = t.peiljaar and b.gebiedscode = p.oude_code
          qualify row_number() over (
            partition by p.gebiedscode, t.peiljaar
            order by gekoppeld desc, p.getoetst desc, t.indeling_jaar desc nulls last, t.tabel) = 1)
        select k.* exclude (gemeentecode, weg, gevonden), case when gekoppeld then gebiedscode end as rij,
          case when gekoppeld and not getoetst then $untested end as kanttekening,
          case when gekoppeld then null
            when s.tabel is not null and gemeentecode is not null and not list_contains(s.gemeenten, gemeentecode)
              and not list_contains(s.gemeenten, coalesce('GM' || oude_code[3:6], gemeentecode)) then $elsewhere
            when weg = 'gewijzigd' then 'de grens of code is gewijzigd na indeling ' || indeling_jaar
            when weg in ('verbroken', 'gat') or (weg = 'naam' and indeling_jaar < $newest)
              then 'geen gebied met deze code en naam in indeling ' || indeling_jaar
            when gevonden then 'de bron geeft deze code een andere naam'
            else 'de bron heeft geen rij voor dit gebied' end as reden
        from keuze as k
        left join selecties as s on s.tabel = k.tabel""",
        {"newest": newest, "untested": UNTESTED, "elsewhere": NOT_ASKED},
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
