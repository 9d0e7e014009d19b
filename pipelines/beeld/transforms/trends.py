"""Whether a figure has changed, beyond what its own uncertainty explains: METHOD.md section 10, and the table `trend`.

Only years that stand in one series are tested: along an unbroken chain of flags "unchanged", or published on the newest division
itself (`werk.reeks`), without a remark such as "grens niet getoetst". A column that changed its meaning is another column, so an
indicator ends where its column does. Standard errors are those of the published interval; `geschat` is never used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from beeld.transforms import gate
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import Catalog
from beeld.transforms.uncertainty import Z95

Floats = npt.NDArray[np.float64]

Z_POWER = 0.84
"""Quantile of the normal distribution for a power of 80 %."""
CHI_SQUARE = 9.55
"""Chi-square with one degree of freedom that goes with p = 0.002: beyond it a slope counts as a trend."""
POINTS = 5
"""Latest years that a trend is tested on."""
UNTESTED = "grens niet getoetst"
NO_ERROR = "van dit cijfer is de standaardfout niet bekend"


@dataclass(frozen=True)
class TwoYears:
    """The test of two years, for many figures at once; `richting`: 1 for a rise, -1 for a fall, 0 for no demonstrable change."""

    verschil: Floats
    kritisch: Floats
    richting: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Trend:
    """The test of five years, for many figures at once; `houdt`: the sign is the same whichever year is left out."""

    helling: Floats
    fout: Floats
    chi2: Floats
    houdt: npt.NDArray[np.bool_]
    richting: npt.NDArray[np.int8]


def critical_difference(first_error: Floats, last_error: Floats) -> Floats:
    """The difference between two years that chance alone exceeds in one case of twenty: 1.96 times the root of both variances."""
    return Z95 * np.sqrt(first_error**2 + last_error**2)


def smallest_detectable(error: float) -> float:
    """The smallest real change that a later measurement with the same standard error shows in four cases of five."""
    return (Z95 + Z_POWER) * float(np.sqrt(2.0)) * error


@dataclass(frozen=True)
class Errors:
    """Standard errors of figures towards lower and towards higher values: the interval of a small count is not symmetric."""

    down: Floats
    up: Floats

    @classmethod
    def equal(cls, error: Floats) -> Errors:
        """The same to both sides."""
        return cls(error, error)


def two_years(first: Floats, first_error: Errors, last: Floats, last_error: Errors) -> TwoYears:
    """Whether the last year differs from the first one beyond the critical difference; a difference that equals it does not.

    What a rise has to exceed is made of the upper side of the first year and the lower side of the last, and a fall of the other
    two (Zou and Donner, Statistics in Medicine 2008); with equal sides it is METHOD's 1.96 √(SE₁² + SE₂²).
    """
    difference = last - first
    rise, fall = (
        critical_difference(first_error.up, last_error.down),
        critical_difference(first_error.down, last_error.up),
    )
    critical = np.where(difference >= 0, rise, fall)
    beyond = np.abs(difference) > critical
    return TwoYears(difference, critical, np.where(beyond, np.sign(difference), 0).astype(np.int8))


def slope(years: Floats, values: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Slope and its standard error of a line through each row of points, weighted by 1/SE².

    All arrays have a row per figure and a column per year; every error is above 0.
    """
    weights = 1.0 / errors**2
    since = years - years[:, :1]
    middle = (weights * since).sum(axis=1) / weights.sum(axis=1)
    distance = since - middle[:, None]
    spread = (weights * distance**2).sum(axis=1)
    return (weights * distance * values).sum(axis=1) / spread, 1.0 / np.sqrt(spread)


def trend_test(years: Floats, values: Floats, errors: Floats) -> Trend:
    """Whether each row of points has a trend: chi-square of its slope above CHI_SQUARE, and a sign that no single year makes."""
    whole, error = slope(years, values, errors)
    chi2 = (whole / error) ** 2
    places = range(years.shape[1])
    kept = [[place for place in places if place != left_out] for left_out in places]
    signs = np.stack([np.sign(slope(years[:, some], values[:, some], errors[:, some])[0]) for some in kept], axis=1)
    holds = (signs == np.sign(whole)[:, None]).all(axis=1)
    found = (chi2 > CHI_SQUARE) & holds
    return Trend(whole, error, chi2, holds, np.where(found, np.sign(whole), 0).astype(np.int8))


# ---------------------------------------------------------------- the table


def compute_change(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> dict[str, int]:
    """Fill `trend`; returns the number of rows per outcome.

    Per area and indicator that may be followed over the years (`gate`), with a value in two years or more:

    - first and last year of the series: the test of two years;
    - the last two years of the series: the same, where these are not the first and last;
    - the five latest years, where there are so many: the test of a trend. With exactly five it takes the place of first and last.

    Where fewer than two years stand in one series: one row from the first to the last year with a value, niet_toetsbaar.
    """
    _choose_figures(con, catalog)
    _make_points(con, catalog)
    _make_pairs(con)
    _test_pairs(con)
    _write(con)
    rows = con.execute("select uitkomst, count(*) from trend group by uitkomst order by uitkomst").fetchall()
    for name in ("trendcijfer", "trendbron", "punt", "reekspunt", "serie", "vijftal", "paar"):
        con.execute(f'drop table "{name}"')
    return dict(rows)


def _choose_figures(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Temp tables `trendcijfer` (indicator with its range, decimals and set of sources) and `trendbron` (set, source)."""
    chosen = {name: i for name, i in catalog.indicators.items() if gate.decide(i, catalog.sources[i.bron], "trend").allowed}
    sets = {name: sorted({reference.bron for reference in i.parsed.references}) for name, i in chosen.items()}
    ranges = [i.bereik or (None, None) for i in chosen.values()]
    figures: dict[str, tuple[Kind, list[Any]]] = {
        "indicator": ("text", list(chosen)),
        "stel": ("text", [" ".join(sets[name]) for name in chosen]),
        "bronnen": ("integer", [len(sets[name]) for name in chosen]),
        "decimalen": ("integer", [i.decimalen for i in chosen.values()]),
        "laag": ("double", [low for low, _ in ranges]),
        "hoog": ("double", [high for _, high in ranges]),
    }
    pairs = sorted({(" ".join(names), name) for names in sets.values() for name in names})
    sources: dict[str, tuple[Kind, list[Any]]] = {
        "stel": ("text", [s for s, _ in pairs]),
        "bron": ("text", [b for _, b in pairs]),
    }
    with registered(con, "cijfers", figures), registered(con, "bronnen", sources):
        con.execute("create or replace temp table trendcijfer as select * from cijfers")
        con.execute("create or replace temp table trendbron as select * from bronnen")


def _make_points(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """Temp table `punt`: every value of a figure that may be followed, with its standard error and what stands against it.

    The errors `omlaag` and `omhoog` are the halves of the published interval, and `fout` is their mean. Where one half is cut off
    at the end of what is possible, the wider one stands for both; where both are, the error is not known. A union is in a series
    where each of its buurten is, and has a value.
    """
    members: dict[str, tuple[Kind, list[Any]]] = {
        "samenstel": ("text", [union.code for union in catalog.unions for _ in set(union.buurten)]),
        "gebiedscode": ("text", [code for union in catalog.unions for code in sorted(set(union.buurten))]),
    }
    with registered(con, "leden", members):
        con.execute(
            """create or replace temp table reekspunt as
            with bron_reeks as (
              select b.stel, r.gebiedscode, r.peiljaar, bool_and(r.reeks) as reeks, count(*) as bronnen
              from trendbron as b join werk.reeks as r using (bron)
              group by b.stel, r.gebiedscode, r.peiljaar)
            select stel, gebiedscode, peiljaar, bronnen, reeks from bron_reeks
            union all
            select r.stel, l.samenstel, r.peiljaar, min(r.bronnen),
              bool_and(r.reeks) and count(*) = (select count(*) from leden as alle where alle.samenstel = l.samenstel)
            from bron_reeks as r join leden as l using (gebiedscode)
            group by r.stel, l.samenstel, r.peiljaar"""
        )
        con.execute(
            """create or replace temp table punt as
            with onvolledig as (
              select distinct l.samenstel as gebiedscode, w.indicator, w.peiljaar
              from waarde as w join leden as l using (gebiedscode)
              where w.waarde is null)
            select w.gebiedscode, w.indicator, w.peiljaar, w.waarde,
              case when w.ondergrens <= k.laag and w.bovengrens >= k.hoog then null
                when w.ondergrens <= k.laag or w.bovengrens >= k.hoog
                  then greatest(w.waarde - w.ondergrens, w.bovengrens - w.waarde)
                else w.waarde - w.ondergrens end / $z as omlaag,
              case when w.ondergrens <= k.laag or w.bovengrens >= k.hoog then omlaag
                else (w.bovengrens - w.waarde) / $z end as omhoog,
              (omlaag + omhoog) / 2 as fout,
              case when w.reden is not null then w.reden
                when not coalesce(r.reeks and r.bronnen = k.bronnen, false) then $untested
                when o.gebiedscode is not null then 'niet elke buurt heeft een cijfer' end as bezwaar
            from waarde as w
            join trendcijfer as k using (indicator)
            left join reekspunt as r on r.stel = k.stel and r.gebiedscode = w.gebiedscode and r.peiljaar = w.peiljaar
            left join onvolledig as o on o.gebiedscode = w.gebiedscode and o.indicator = w.indicator and o.peiljaar = w.peiljaar
            where w.status = 'ok'""",
            {"z": Z95, "untested": UNTESTED},
        )


def _make_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Temp tables `serie` (points of each series, newest first), `vijftal` (the five latest) and `paar` (years to compare)."""
    con.execute(
        """create or replace temp table serie as
        select gebiedscode, indicator, count(*) as jaren,
          list({'peiljaar': peiljaar, 'waarde': waarde, 'fout': fout, 'omlaag': omlaag, 'omhoog': omhoog}
            order by peiljaar desc) as punten
        from punt where bezwaar is null
        group by gebiedscode, indicator having count(*) >= 2"""
    )
    places = range(POINTS)
    columns = ", ".join(f"punten[{POINTS - k}].{name} as {name}_{k}" for k in places for name in ("peiljaar", "waarde", "fout"))
    known = " and ".join(f"fout_{k} > 0" for k in places)
    con.execute(
        f"""create or replace temp table vijftal as
        select * from (select rowid as serie, {columns} from serie where jaren >= {POINTS}) where {known}"""
    )
    con.execute(
        """create or replace temp table paar as
        with zonder as (
          select p.gebiedscode, p.indicator, min(p.peiljaar) as van, max(p.peiljaar) as tot,
            arg_min({'reden': p.bezwaar, 'jaar': p.peiljaar}, p.peiljaar) filter (p.bezwaar is not null) as eerste
          from punt as p anti join serie as s on s.gebiedscode = p.gebiedscode and s.indicator = p.indicator
          group by p.gebiedscode, p.indicator having count(*) >= 2),
        alle as (
          select gebiedscode, indicator, jaren, punten[-1] as eerst, punten[1] as laatst, null as bezwaar, true as heel
          from serie as s where jaren <> $punten or s.rowid not in (select v.serie from vijftal as v)
          union all
          select gebiedscode, indicator, jaren, punten[2], punten[1], null, false
          from serie where jaren > 2
          union all
          select gebiedscode, indicator, 0, {'peiljaar': van, 'waarde': null, 'fout': null, 'omlaag': null, 'omhoog': null},
            {'peiljaar': tot, 'waarde': null, 'fout': null, 'omlaag': null, 'omhoog': null},
            eerste.reden || ' (' || eerste.jaar || ')', true
          from zonder)
        select * from alle""",
        {"punten": POINTS},
    )


def _numbers(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, Floats]:
    """The columns of a query as arrays of floats, NULL as nan."""
    return {
        name: np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
        for name, column in con.execute(query).fetchnumpy().items()
    }


def _register(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, tuple[Kind, Any]]) -> None:
    with registered(con, "berekend", columns):
        con.execute(f'create or replace temp table "{name}" as select * from berekend')


def _test_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Temp tables `tweetoets` and `vijftoets`: the outcomes, by row of `paar` and of `serie`."""
    sides = ", ".join(f"{end}.{side} as {end}_{side}" for end in ("eerst", "laatst") for side in ("waarde", "omlaag", "omhoog"))
    pairs = _numbers(con, f"select rowid as nummer, {sides} from paar order by rowid")
    first, last = (Errors(pairs[f"{end}_omlaag"], pairs[f"{end}_omhoog"]) for end in ("eerst", "laatst"))
    tested = two_years(pairs["eerst_waarde"], first, pairs["laatst_waarde"], last)
    _register(
        con,
        "tweetoets",
        {
            "nummer": ("integer", pairs["nummer"].astype(np.int32)),
            "verschil": ("double", tested.verschil),
            "kritisch": ("double", tested.kritisch),
            "richting": ("byte", tested.richting),
        },
    )
    points = _numbers(con, "select * from vijftal order by serie")
    years, values, errors = (
        np.stack([points[f"{column}_{place}"] for place in range(POINTS)], axis=1) for column in ("peiljaar", "waarde", "fout")
    )
    found = trend_test(years, values, errors)
    _register(
        con,
        "vijftoets",
        {
            "serie": ("integer", points["serie"].astype(np.int32)),
            "van": ("integer", years[:, 0].astype(np.int32)),
            "tot": ("integer", years[:, -1].astype(np.int32)),
            "verschil": ("double", values[:, -1] - values[:, 0]),
            "helling": ("double", found.helling),
            "fout": ("double", found.fout),
            "chi2": ("double", found.chi2),
            "houdt": ("byte", found.houdt.astype(np.int8)),
            "richting": ("byte", found.richting),
        },
    )


def _write(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `trend` from the outcomes, each with the numbers that decided it."""
    con.execute("create or replace temp macro getal(x, d) as translate(format('{:,.{}f}', round(x, d) + 0.0, d), ',.', '.,')")
    con.execute(
        "create or replace temp macro uitkomst(r) as case r when 1 then 'stijgt' when -1 then 'daalt' "
        "else 'geen_aantoonbare_verandering' end"
    )
    con.execute(
        """insert into trend
        with twee as (
          select p.*, p.eerst.peiljaar as van, p.laatst.peiljaar as tot, greatest(k.decimalen, 1) as d,
            nullif(t.verschil, 'nan'::double) as verschil, nullif(t.kritisch, 'nan'::double) as kritisch, t.richting
          from paar as p join tweetoets as t on t.nummer = p.rowid join trendcijfer as k using (indicator)),
        alle as (
          select gebiedscode, indicator, van, tot, verschil,
            case when kritisch is null then 'niet_toetsbaar' else uitkomst(richting) end as uitkomst,
            case when bezwaar is not null then bezwaar
              when kritisch is null then $onbekend
              else 'twee jaren: verschil ' || getal(verschil, d) || ', kritisch verschil ' || getal(kritisch, d) end
              || case when heel and kritisch is not null and jaren < $punten
                then '; voor een trend zijn ' || $punten || ' jaren nodig, er zijn er ' || jaren else '' end as reden
          from twee
          union all
          select gebiedscode, indicator, van, tot, verschil, uitkomst(richting),
            'vijf jaren: helling ' || getal(helling, greatest(decimalen, 1) + 1) || ' per jaar, standaardfout '
              || getal(v.fout, greatest(decimalen, 1) + 1) || ', chi-kwadraat ' || getal(chi2, 1)
              || ', grens ' || getal($grens, 2)
              || case when chi2 > $grens and houdt = 0 then '; zonder een van de jaren keert de richting om' else '' end
          from vijftoets as v join serie as s on s.rowid = v.serie join trendcijfer using (indicator))
        select gebiedscode, indicator, van, tot, verschil, uitkomst, reden
        from alle order by gebiedscode, indicator, van, tot""",
        {"onbekend": NO_ERROR, "punten": POINTS, "grens": CHI_SQUARE},
    )
    con.execute("drop table tweetoets")
    con.execute("drop table vijftoets")
