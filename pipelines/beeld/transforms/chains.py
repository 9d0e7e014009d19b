"""Which area of an older division is which area of the newest one, followed back year by year (facts/CBS.md section 13).

    werk.indeling (gebiedscode, indeling_jaar, naam, wijziging)   every area of every delivered division (made by `areas`)
    werk.stap     the same with vorig_jaar, voorganger, getoetst: the same area one delivered division earlier
    werk.keten    (gebiedscode, indeling_jaar, oude_code, getoetst, ongewijzigd, naam, wijziging, vorig_jaar)
                  every area of the newest division in every older one that it can be followed to
    werk.reeks    (bron, gebiedscode, peiljaar, indeling_jaar, oude_code, reeks)   see `comparable_years`; filled by `areas.link`

A flag speaks of the year before: `1` code and boundary are the same, `2` only the code changed, `3` the boundary changed. "Not
changed" in one year therefore says nothing of five years ago, and a missing year is a gap that no later flag closes.
"""

from __future__ import annotations

import duckdb

MERGED_SHARE = 0.5
"""Share of the buurt names of a dissolved gemeente that must return in one other gemeente before areas are looked for there."""


def create_name_key(con: duckdb.DuckDBPyConnection) -> None:
    """The macro `naamsleutel`: a name without the differences in spelling that are no difference of name.

    Capitals, accents, hyphens, and the "Wijk 05 " that Kerncijfers put before the name of a wijk until 2022 or so (seen: between
    2020 and 2024 "Aawijk-Zuid" became "Aawijk Zuid", and "Wijk 03 Mierlo" became "Mierlo"). It finds which area got another
    code; whether a figure joins on code and name is decided on the name as it stands (CONTRACT.md, Joining years).
    """
    con.execute(
        r"""create or replace temp macro naamsleutel(naam) as
        regexp_replace(trim(regexp_replace(lower(strip_accents(naam)), '[^a-z0-9]+', ' ', 'g')), '^wijk [0-9a-z]{2} ', '')"""
    )


def create_chains(con: duckdb.DuckDBPyConnection, newest: int) -> None:
    """Fill `werk.stap` and `werk.keten` from `werk.indeling`, and make `werk.reeks`, empty."""
    create_name_key(con)
    con.execute(
        """create or replace temp table deel as
        select gebiedscode, indeling_jaar, naam, wijziging, gebiedscode[1:2] as soort, gebiedscode[3:6] as gemeente,
          naamsleutel(naam) as sleutel
        from werk.indeling"""
    )
    _find_recoded(con)
    _make_steps(con)
    _follow(con, newest)
    con.execute(
        """create or replace table werk.reeks (
          bron varchar, gebiedscode varchar, peiljaar integer, indeling_jaar integer, oude_code varchar, reeks boolean)"""
    )


def _find_recoded(con: duckdb.DuckDBPyConnection) -> None:
    """Temp table `verhuisd`: areas with flag 2 and the code that the same area had the year before.

    The source does not say which code that was. It is the one area of that name whose code was given up (gone, or carried on
    by an area with another name and no flag 1) in the same gemeente, or in a dissolved gemeente most of whose buurt names
    returned in this one. More than one such area on either side: no predecessor.
    """
    con.execute(
        """create or replace temp table vrij as
        select o.gebiedscode, o.indeling_jaar + 1 as jaar, o.soort, o.gemeente, o.sleutel
        from deel as o
        left join deel as n on n.gebiedscode = o.gebiedscode and n.indeling_jaar = o.indeling_jaar + 1
        where o.soort in ('WK', 'BU')
          and (n.gebiedscode is null or (n.wijziging in ('2', '3') and n.sleutel <> o.sleutel))"""
    )
    con.execute(
        """create or replace temp table opgegaan as
        with opgeheven as (
          select jaar, gemeente, count(distinct sleutel) as namen
          from vrij
          where soort = 'BU' and not exists (from deel where deel.indeling_jaar = vrij.jaar and deel.gemeente = vrij.gemeente)
          group by jaar, gemeente),
        terug as (
          select v.jaar, v.gemeente as oud, n.gemeente as nieuw, count(distinct v.sleutel) as namen
          from vrij as v
          join deel as n on n.indeling_jaar = v.jaar and n.soort = v.soort and n.sleutel = v.sleutel and n.wijziging = '2'
          where v.soort = 'BU'
          group by v.jaar, v.gemeente, n.gemeente)
        select terug.jaar, oud, nieuw
        from terug join opgeheven on opgeheven.jaar = terug.jaar and opgeheven.gemeente = terug.oud
        where terug.namen >= ? * opgeheven.namen
        qualify count(*) over (partition by terug.jaar, oud) = 1""",
        [MERGED_SHARE],
    )
    con.execute(
        """create or replace temp table verhuisd as
        with paren as (
          select n.gebiedscode, n.indeling_jaar, n.wijziging, v.gebiedscode as oude_code
          from deel as n
          join vrij as v on v.jaar = n.indeling_jaar and v.soort = n.soort and v.sleutel = n.sleutel
          left join opgegaan as o on o.jaar = v.jaar and o.oud = v.gemeente and o.nieuw = n.gemeente
          where coalesce(n.wijziging, '') <> '1' and (v.gemeente = n.gemeente or o.oud is not null)
          qualify count(*) over (partition by n.gebiedscode, n.indeling_jaar) = 1
            and count(*) over (partition by v.gebiedscode, n.indeling_jaar) = 1)
        select gebiedscode, indeling_jaar, oude_code from paren where wijziging = '2'"""
    )


def _make_steps(con: duckdb.DuckDBPyConnection) -> None:
    """`werk.stap`: each area with the division before its own and its code there, null where that is not certain.

    `vorig_jaar` is the newest earlier division with areas of this kind in this gemeente: an old table may have been fetched
    for a few gemeenten only, which is a gap for the others and does not mean that their areas did not exist.
    """
    con.execute(
        """create or replace table werk.stap as
        with geleverd as (
          select soort, gemeente, indeling_jaar,
            lag(indeling_jaar) over (partition by soort, gemeente order by indeling_jaar) as vorig_jaar
          from (select distinct soort, gemeente, indeling_jaar from deel))
        select nu.gebiedscode, nu.indeling_jaar, nu.naam, nu.wijziging,
          case when verhuisd.oude_code is null then g.vorig_jaar else nu.indeling_jaar - 1 end as vorig_jaar,
          case when nu.wijziging = '2' then verhuisd.oude_code
            when nu.wijziging = '3' then null
            when nu.wijziging = '1' and g.vorig_jaar = nu.indeling_jaar - 1 then toen.gebiedscode
            when toen.naam = nu.naam then toen.gebiedscode end as voorganger,
          coalesce(
            verhuisd.oude_code is not null
              or (nu.wijziging = '1' and g.vorig_jaar = nu.indeling_jaar - 1 and toen.gebiedscode is not null),
            false) as getoetst
        from deel as nu
        join geleverd as g using (soort, gemeente, indeling_jaar)
        left join deel as toen on toen.gebiedscode = nu.gebiedscode and toen.indeling_jaar = g.vorig_jaar
        left join verhuisd on verhuisd.gebiedscode = nu.gebiedscode and verhuisd.indeling_jaar = nu.indeling_jaar
        order by nu.gebiedscode, nu.indeling_jaar"""
    )


def _follow(con: duckdb.DuckDBPyConnection, newest: int) -> None:
    """`werk.keten`: the areas of the newest division, each followed back until a step has no predecessor.

    `getoetst`: every step so far is proved by a flag; `ongewijzigd`: and every flag is `1`, so that the code is the same too.
    """
    con.execute(
        """create or replace table werk.keten as
        with recursive terug as (
          select gebiedscode, indeling_jaar, gebiedscode as oude_code, true as getoetst, true as ongewijzigd
          from werk.stap where indeling_jaar = ?
          union all
          select t.gebiedscode, s.vorig_jaar, s.voorganger, t.getoetst and s.getoetst,
            t.ongewijzigd and s.getoetst and s.wijziging = '1'
          from terug as t
          join werk.stap as s on s.gebiedscode = t.oude_code and s.indeling_jaar = t.indeling_jaar
          where s.voorganger is not null)
        select t.gebiedscode, t.indeling_jaar, t.oude_code, t.getoetst, t.ongewijzigd, s.naam, s.wijziging, s.vorig_jaar
        from terug as t
        join werk.stap as s on s.gebiedscode = t.oude_code and s.indeling_jaar = t.indeling_jaar
        order by t.gebiedscode, t.indeling_jaar""",
        [newest],
    )


def comparable_years(con: duckdb.DuckDBPyConnection, bron: str, code: str) -> tuple[int, ...]:
    """The peiljaren of a source whose figures of an area may stand in one series, oldest first.

    Only years that join the newest division along an unbroken chain of flags `1`, or that are published on that division
    itself (METHOD.md section 10; CONTRACT.md, Joining years: an untested boundary is never in a trend). A chain over a
    changed code joins, but makes no series: which area it was is concluded from its name.
    """
    rows = con.execute(
        "select peiljaar from werk.reeks where bron = ? and gebiedscode = ? and reeks order by peiljaar", [bron, code]
    ).fetchall()
    return tuple(row[0] for row in rows)
