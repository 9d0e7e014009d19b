"""Profiles read from a release: what all areas share once, the cells of many areas at once, and then only lookups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import duckdb

from beeld.errors import UsageError
from beeld.profiles.companions import NONE, Companions, Composition, load_companions, load_compositions
from beeld.profiles.comparison import Comparisons, load_comparisons
from beeld.profiles.editions import Total, load_revised, load_totals
from beeld.profiles.method_data import Delivery, deliveries
from beeld.profiles.model import (
    UNIVERSE,
    Area,
    Cell,
    Change,
    Comparison,
    Figure,
    Outcome,
    Peak,
    Profile,
    Relation,
    Release,
    Revised,
    Score,
    Signal,
    Spread,
    ThemeView,
    relation,
)
from beeld.transforms.catalog import Catalog
from beeld.transforms.margins import assumed

MOST_TICKS = 60
"""Up to this many buurten a strip shows each of them; above it, bands."""


@dataclass(frozen=True)
class ReleaseData:
    """What all areas of a release share."""

    catalog: Catalog
    release: Release
    areas: Mapping[str, Area]
    years: Mapping[str, int]
    incomplete: frozenset[str]
    spreads: Mapping[tuple[str, str, str], Spread]
    thresholds: tuple[tuple[str, str, str, float], ...]
    sources: tuple[Mapping[str, Any], ...]
    failed_checks: tuple[Mapping[str, Any], ...]
    deliveries: Mapping[str, tuple[Delivery, ...]]
    lists: Comparisons
    compositions: Mapping[str, Composition] = field(default_factory=dict[str, Composition])
    revised: tuple[Total, ...] = ()

    @cached_property
    def measured(self) -> frozenset[str]:
        """Indicators with a value anywhere in the year that is shown."""
        shown = {name: [d for d in found if d.year == self.years.get(name)] for name, found in self.deliveries.items()}
        return frozenset(name for name, found in shown.items() if any(d.values for d in found))

    @cached_property
    def stale(self) -> frozenset[tuple[str, str]]:
        """The tables (bron, tabel) that could not be read when this edition was made: their last good delivery stands."""
        return frozenset((row["bron"], row["tabel"]) for row in self.sources if row["status"] == "verouderd")

    def parents(self, area: Area) -> tuple[Area, ...]:
        """Wijk, gemeente and country of an area, as far as they exist and differ from it."""
        codes = (area.wijk, area.gemeente, "NL00")
        return tuple(self.areas[c] for c in codes if c and c != area.code and c in self.areas)


@dataclass(frozen=True)
class Batch:
    """The cells, scores, signals and outcomes of many areas and of what they are compared with."""

    latest: Mapping[str, Mapping[str, Cell]]
    history: Mapping[str, Mapping[str, tuple[Cell, ...]]]
    scores: Mapping[tuple[str, str], Mapping[str, Score]]
    signals: Mapping[tuple[str, str], Signal]
    peaks: Mapping[tuple[str, str], tuple[Peak, ...]]
    outcomes: Mapping[str, Outcome]
    changes: Mapping[str, Mapping[str, tuple[Change, ...]]]
    companions: Mapping[str, Companions]
    revised: Mapping[str, tuple[Revised, ...]]


def load_release(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> ReleaseData:
    """What all areas share, in a handful of set-based queries."""
    rows = con.execute(
        "select release, methode_versie, code_versie, voorbeeld, strftime(gemaakt_op, '%d-%m-%Y'), coalesce(vorige, ''),"
        " coalesce(strftime(vorige_gemaakt_op, '%d-%m-%Y'), '') from release"
    ).fetchall()
    if len(rows) != 1:
        raise UsageError(f"table release has {len(rows)} rows instead of 1", todo="Run 'beeld check'")
    areas = con.execute(
        "select gebiedscode, soort, naam, gemeentecode, gemeentenaam, wijkcode, indeling_jaar, inwoners, geometrie_jaar"
        " from gebied order by gebiedscode"
    ).fetchall()
    years = con.execute(
        "select indicator, laatste_jaar from indicator where laatste_jaar is not null order by indicator"
    ).fetchall()
    known = catalog.indicators
    return ReleaseData(
        catalog=catalog,
        release=Release(*rows[0]),
        areas={row[0]: Area(*row) for row in areas},
        years={name: int(year) for name, year in years if name in known},
        incomplete=_incomplete(con),
        spreads=_spreads(con, [n for n, i in known.items() if i.soort != "modelschatting" and "vergelijken" in i.gebruik]),
        thresholds=tuple(con.execute("select soort, thema, niveau, grens from drempel order by all").fetchall()),
        sources=_records(con, "select * from bron order by bron, tabel"),
        failed_checks=_records(con, "select * from controle where not geslaagd order by ernst, controle"),
        deliveries=deliveries(con),
        compositions=load_compositions(con),
        lists=load_comparisons(con),
        revised=load_totals(con),
    )


def load_batch(con: duckdb.DuckDBPyConnection, data: ReleaseData, codes: Iterable[str]) -> Batch:
    """Cells of `codes` and of their wijk, gemeente and country; older years never of modelled figures."""
    wanted = sorted(set(codes))
    related = sorted({*wanted, *(p.code for code in wanted for p in data.parents(data.areas[code]))})
    latest: defaultdict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in _cells(con, "laatste_waarde", related, sorted(data.years)):
        latest[cell.area][cell.indicator] = cell
    trend = sorted(n for n, i in data.catalog.indicators.items() if i.soort != "modelschatting" and "trend" in i.gebruik)
    older: defaultdict[str, defaultdict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in _cells(con, "waarde", related, trend):
        older[cell.area][cell.indicator].append(cell)
    scores: defaultdict[tuple[str, str], dict[str, Score]] = defaultdict(dict)
    for code, theme, *rest in _rows(con, "thema_score", "thema, referentie, score, n_gebruikt, n_totaal", wanted):
        scores[code, theme][rest[0]] = Score(*rest)
    signals = _rows(con, "signaal", "thema, niveau, klasse, stabiliteit, redenen", wanted)
    peaks: defaultdict[tuple[str, str], tuple[Peak, ...]] = defaultdict(tuple)
    for code, theme, *rest in _rows(con, "opvallend", "thema, indicator, percentiel, klasse", wanted):
        peaks[code, theme] = (*peaks[code, theme], Peak(*rest))
    changes: defaultdict[str, dict[str, tuple[Change, ...]]] = defaultdict(dict)
    for code, name, *rest in _rows(con, "trend", "indicator, van, tot, uitkomst, reden", wanted):
        changes[code][name] = (*changes[code].get(name, ()), Change(*rest))
    outcomes = _rows(con, "integraal", "uitkomst, n_themas, n_bronfamilies, stabiliteit, redenen", wanted)
    return Batch(
        latest=latest,
        history={code: {name: tuple(cells) for name, cells in by.items()} for code, by in older.items()},
        scores=scores,
        signals={(r[0], r[1]): Signal(r[2], r[3], r[4], tuple(r[5])) for r in signals},
        peaks=peaks,
        outcomes={r[0]: Outcome(r[1], r[2], r[3], r[4], tuple(r[5])) for r in outcomes},
        changes=changes,
        companions=load_companions(con, {code: data.areas[code].gemeente for code in wanted}),
        revised=load_revised(con, wanted) if data.release.before else {},
    )


def build_profile(data: ReleaseData, batch: Batch, code: str, texts: Mapping[str, str] | None = None) -> Profile:
    """The profile of one area, from tables that are already in memory."""
    area = data.areas[code]
    parents = data.parents(area)
    views = {
        name: ThemeView(
            name,
            theme,
            batch.scores.get((code, name), {}),
            batch.signals.get((code, name)),
            batch.peaks.get((code, name), ()),
        )
        for name, theme in data.catalog.themes.items()
    }
    return Profile(
        release=data.release,
        area=area,
        parents=parents,
        figures={name: _figure(data, batch, area, parents, name) for name in data.catalog.indicators},
        themes=views,
        outcome=batch.outcomes.get(code),
        texts=dict(texts or {}),
        changes=batch.changes.get(code, {}),
        companions=batch.companions.get(code, NONE),
        revised=batch.revised.get(code, ()),
    )


def _figure(data: ReleaseData, batch: Batch, area: Area, parents: Sequence[Area], name: str) -> Figure:
    indicator = data.catalog.indicators[name]
    cell = batch.latest.get(area.code, {}).get(name) or _absent(area.code, name)
    others = [(parent, batch.latest.get(parent.code, {}).get(name) or _absent(parent.code, name)) for parent in parents]
    compare = "vergelijken" in indicator.gebruik

    def past(code: str) -> tuple[Cell, ...]:
        return batch.history.get(code, {}).get(name, ())

    def urbanity(code: str) -> float | None:
        found = batch.latest.get(code, {}).get("stedelijkheid")
        return found.value if found else None

    def related(parent: Area, theirs: Cell) -> Relation | None:
        own = urbanity(area.code)
        return relation(cell, theirs, indicator, same_class=own is not None and own == urbanity(parent.code))

    placed = cell.value is not None and indicator.soort != "modelschatting" and (area.inhabitants or 0) >= UNIVERSE
    return Figure(
        id=name,
        indicator=indicator,
        cell=cell,
        comparisons=tuple(Comparison(p, c, related(p, c) if compare else None, past(p.code)) for p, c in others),
        history=past(area.code),
        in_gemeente=data.spreads.get((name, area.kind, area.gemeente or "")) if placed else None,
        in_country=data.spreads.get((name, area.kind, "NL00")) if placed else None,
        incomplete=name in data.incomplete,
        assumed=assumed(indicator, data.catalog.sources[indicator.bron], cell.table),
        stale=(indicator.bron, cell.table) in data.stale,
    )


def _absent(code: str, indicator: str) -> Cell:
    """The cell of a figure that no source delivered: there is no year either."""
    return Cell(
        code, indicator, None, None, None, "niet_geleverd", "deze tabel is niet geleverd", None, None, False, None, "", "", ""
    )


def _cells(con: duckdb.DuckDBPyConnection, relation_name: str, codes: Sequence[str], indicators: Sequence[str]) -> list[Cell]:
    sql = (
        "select gebiedscode, indicator, peiljaar, indeling_jaar, waarde, status, reden, ondergrens, bovengrens, voorlopig,"
        " betrouwbaar, bron_tabel, bron_kolom, snapshot_sha256, teller, noemer, geschat"
        f" from {relation_name} where gebiedscode in (select unnest(?)) and indicator in (select unnest(?))"
        " order by gebiedscode, indicator, peiljaar"
    )
    return [Cell(*row) for row in con.execute(sql, [list(codes), list(indicators)]).fetchall()]


def _rows(con: duckdb.DuckDBPyConnection, table: str, columns: str, codes: Sequence[str]) -> list[tuple[Any, ...]]:
    sql = f"select gebiedscode, {columns} from {table} where gebiedscode in (select unnest(?)) order by all"
    return con.execute(sql, [list(codes)]).fetchall()


def _records(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Mapping[str, Any], ...]:
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _incomplete(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Indicators whose latest year has a value for fewer than 80 percent of the buurten of the universe."""
    sql = (
        "select w.indicator from laatste_waarde as w join gebied as g using (gebiedscode)"
        " where g.soort = 'buurt' and g.inwoners >= ? group by w.indicator"
        " having count(*) filter (w.status = 'ok') * 100 < count(*) * 80"
    )
    return frozenset(row[0] for row in con.execute(sql, [UNIVERSE]).fetchall())


def _spreads(con: duckdb.DuckDBPyConnection, indicators: Sequence[str]) -> dict[tuple[str, str, str], Spread]:
    """Spread per indicator and kind of area, over the country and within each gemeente; too few areas give none."""
    sql = (
        "with universe as (select w.indicator, g.soort, g.gemeentecode, w.waarde from laatste_waarde as w"
        " join gebied as g using (gebiedscode) where g.soort in ('gemeente', 'wijk', 'buurt') and g.inwoners >= ?"
        " and w.waarde is not null and w.indicator in (select unnest(?)))"
        " select indicator, soort, coalesce(gemeentecode, 'NL00'), quantile_cont(waarde, [0.05, 0.25, 0.5, 0.75, 0.95]),"
        " case when count(*) <= ? then list(waarde order by waarde) else [] end, count(*) from universe"
        " where gemeentecode is not null or soort = 'gemeente'"
        " group by grouping sets ((indicator, soort, gemeentecode), (indicator, soort)) having count(*) >= 5 order by 1, 2, 3"
    )
    rows = con.execute(sql, [UNIVERSE, list(indicators), MOST_TICKS]).fetchall()
    return {(r[0], r[1], r[2]): Spread(tuple(r[3]), tuple(r[4]), r[5]) for r in rows}
