"""What is read from a release for the maps of a gemeente: its buurten, their values, and those of the country."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from beeld.profiles.language import noted, tr
from beeld.profiles.maps.shapes import shape_from_wkb
from beeld.profiles.maps.style import Polarity, State
from beeld.profiles.maps.text import clean, listed
from beeld.profiles.wording import plain_units, unit_name
from beeld.transforms.catalog import Catalog
from beeld.transforms.margins import assumed

FLOOR = 200
"""Inhabitants from which a buurt belongs to the universe; METHOD.md section 2."""
STATES: Mapping[str, State] = {
    "ok": "ok",
    "geheim": "afgeschermd",
    "te_klein": "afgeschermd",
    "niet_van_toepassing": "niet_van_toepassing",
    "geen_noemer": "niet_van_toepassing",
}
NATIONAL = """
select v.indicator, v.waarde
from laatste_waarde as v
join gebied as g on g.gebiedscode = v.gebiedscode
join indicator as i on i.indicator = v.indicator
where g.soort = 'buurt' and g.inwoners >= ? and v.status = 'ok' and i.rol = 'kern'
union all
select 'thema ' || s.thema, s.score
from thema_score as s
join gebied as g on g.gebiedscode = s.gebiedscode
where g.soort = 'buurt' and g.inwoners >= ? and s.referentie = 'nl' and s.score is not null
"""
LOCAL = """
select v.indicator, v.gebiedscode, v.waarde, v.status, v.betrouwbaar
from laatste_waarde as v
join gebied as g on g.gebiedscode = v.gebiedscode
where g.soort = 'buurt' and g.gemeentecode = ?
union all
select 'thema ' || s.thema, s.gebiedscode, s.score, 'ok', null
from thema_score as s
join gebied as g on g.gebiedscode = s.gebiedscode
where g.soort = 'buurt' and g.gemeentecode = ? and s.referentie = 'nl' and s.score is not null
"""
ORIGIN = """
select v.indicator, v.peiljaar, string_agg(distinct v.bron_tabel, ', ' order by v.bron_tabel)
from laatste_waarde as v
group by all
"""
NOTHING = np.empty(0)
WHICH = """
select current_database(), (select string_agg(release || gemaakt_op, ',') from release),
  (select bit_xor(hash(gebiedscode, indicator, waarde)) from laatste_waarde),
  (select bit_xor(hash(thema_score)) from thema_score),
  (select bit_xor(hash(bron)) from bron), (select bit_xor(hash(gebiedscode, inwoners)) from gebied)
"""
Cell = tuple[float | None, State, bool | None]


@dataclass(frozen=True)
class Buurt:
    """A buurt with its boundary, when there is one."""

    code: str
    name: str
    district: str
    people: int | None
    shape: BaseGeometry | None
    year: int | None


@dataclass(frozen=True)
class Subject:
    """A theme or an indicator with its national values and the cells of one gemeente."""

    key: str
    kind: Literal["theme", "indicator"]
    name: str
    shown: str
    period: str
    """Its year, or the years of the figures that it is made of."""
    unit: str
    decimals: int
    polarity: Polarity
    badge: str
    margin: str
    aside: str
    sources: str
    national: NDArray[np.float64]
    cells: Mapping[str, Cell]

    @property
    def modelled(self) -> bool:
        """True for an indicator that comes from a model: it is described, never ordered."""
        return self.kind == "indicator" and bool(self.badge)


@dataclass(frozen=True)
class Figures:
    """What is read once for all pictures of a gemeente."""

    catalog: Catalog
    buurten: Sequence[Buurt]
    national: Mapping[str, NDArray[np.float64]]
    cells: Mapping[str, Mapping[str, Cell]]
    origin: Mapping[str, tuple[int, str]]
    titles: Mapping[str, str]

    def subjects(self) -> list[Subject]:
        """Every theme with a score, each followed by its core indicators; without any value here it is left out."""
        found: list[Subject] = []
        for theme in self.catalog.scored_themes:
            names = [name for name in self.catalog.core(theme) if name in self.origin]
            drafts = [self.theme(theme, names), *(self.indicator(name) for name in names)]
            found += [draft for draft in drafts if any(value is not None for value, _, _ in draft.cells.values())]
        return found

    def theme(self, key: str, names: Sequence[str]) -> Subject:
        """A theme score; its years and sources are those of its core indicators."""
        theme = self.catalog.themes[key]
        modelled = [self.catalog.indicators[name].soort == "modelschatting" for name in names]
        years = listed([str(year) for year in sorted({self.origin[name][0] for name in names})])
        means = tr("meer kracht") if theme.kracht else tr("meer zorg")
        one = noted("Themascore van 0 tot 1 uit {count} cijfer; hoger = {means}; peiljaar {years}")
        more = noted("Themascore van 0 tot 1 uit {count} cijfers; hoger = {means}; peiljaar {years}")
        return Subject(
            key=key,
            kind="theme",
            name=theme.titel,
            shown=tr(one if len(names) == 1 else more, count=len(names), means=means, years=years),
            period=years,
            unit=tr("score van 0 tot 1"),
            decimals=2,
            polarity="kracht" if theme.kracht else "zorg",
            badge=tr("modelschatting") if all(modelled) else tr("deels modelschatting") if any(modelled) else "",
            margin=tr("ruime marge"),
            aside="" if theme.kracht or theme.uitdaging else tr(" (meer zorg)"),
            sources=self.sources(names),
            national=self.national.get(f"thema {key}", NOTHING),
            cells={b.code: self.cells.get(f"thema {key}", {}).get(b.code) or _no_score(b) for b in self.buurten},
        )

    def indicator(self, key: str) -> Subject:
        """A core indicator in its latest complete year."""
        entry = self.catalog.indicators[key]
        good: Polarity = "kracht" if self.catalog.themes[entry.thema].kracht else "gunstig"
        polarity: Mapping[str, Polarity] = {"gunstig": good, "ongunstig": "ongunstig", "neutraal": "neutraal"}
        absent: Cell = (None, "geen_gegevens", None)
        return Subject(
            key=key,
            kind="indicator",
            name=entry.titel,
            shown=tr(
                "{meaning}; {unit}; peiljaar {year}",
                meaning=plain_units(entry.uitleg.rstrip(".")),
                unit=unit_name(entry),
                year=self.origin[key][0],
            ),
            period=str(self.origin[key][0]),
            unit=unit_name(entry),
            decimals=entry.decimalen,
            polarity=polarity[entry.richting],
            badge=tr("modelschatting") if entry.soort == "modelschatting" else "",
            margin=self._margin(key),
            aside="",
            sources=self.sources([key]),
            national=self.national.get(key, NOTHING),
            cells={b.code: self.cells.get(key, {}).get(b.code, absent) for b in self.buurten},
        )

    def _margin(self, key: str) -> str:
        """Why a figure is unsure; also because few people live there, unless it is a distance."""
        margin = tr("aangenomen marge") if self._assumed(key) else tr("ruime marge")
        own, kind = self.cells.get(key, {}), self.catalog.indicators[key].soort
        few = any(few_people(kind, b.people) and own.get(b.code, (None,))[0] is not None for b in self.buurten)
        return tr("{margin} of minder dan {people} inwoners", margin=margin, people=FLOOR) if few else margin

    def _assumed(self, key: str) -> bool:
        """True when a table of the figures publishes no margin."""
        entry = self.catalog.indicators[key]
        source = self.catalog.sources[entry.bron]
        return any(assumed(entry, source, table) for table in self.origin[key][1].split(", "))

    def sources(self, names: Sequence[str]) -> str:
        """Publisher, title and table of the figures, each table once."""
        tables = sorted({table for name in names for table in self.origin[name][1].split(", ")})
        return "; ".join(self.titles.get(table, table) for table in tables)


def few_people(kind: str, people: int | None) -> bool:
    """True where a figure of this kind says little of an area, because few people or an unknown number live there."""
    return kind != "afstand" and (people or 0) < FLOOR


def _no_score(buurt: Buurt) -> Cell:
    small = buurt.people is not None and buurt.people < FLOOR
    return (None, "te_weinig_inwoners" if small else "geen_gegevens", None)


@dataclass(frozen=True)
class Country:
    """What the maps of all gemeenten share: sorted values of the universe, years and tables of the figures, titles of tables."""

    national: Mapping[str, NDArray[np.float64]]
    origin: Mapping[str, tuple[int, str]]
    titles: Mapping[str, str]


_countries: dict[tuple[object, ...], Country] = {}
"""The last country that was read, by database, release and number of figures: reading it takes as long as ten pictures."""


def read_country(con: duckdb.DuckDBPyConnection) -> Country:
    """Read once for all gemeenten of a release."""
    key = (*(con.execute(WHICH).fetchone() or ()),)
    if key in _countries:
        return _countries[key]
    found = con.execute(NATIONAL, [FLOOR, FLOOR]).fetchnumpy()
    names, values = np.asarray(found["indicator"], dtype=str), np.asarray(found["waarde"], dtype=np.float64)
    order = np.lexsort((values, names))
    names, values = names[order], values[order]
    keys, starts = np.unique(names, return_index=True)
    national = {str(name): part for name, part in zip(keys, np.split(values, starts[1:]), strict=True)}
    origin = {name: (year, tables) for name, year, tables in con.execute(ORIGIN).fetchall()}
    titles = {
        table: clean(f"{publisher}, {title} ({table})")
        for table, publisher, title in con.execute("select tabel, uitgever, titel from bron order by bron, tabel").fetchall()
    }
    _countries.clear()
    _countries[key] = Country(national, origin, titles)
    return _countries[key]


def read_figures(con: duckdb.DuckDBPyConnection, gemeentecode: str, catalog: Catalog) -> Figures:
    """The values of one gemeente and, for the classes, those of all buurten of the universe."""
    country, buurten = read_country(con), read_buurten(con, gemeentecode)
    people = {buurt.code: buurt.people for buurt in buurten}
    cells: dict[str, dict[str, Cell]] = {}
    for name, code, value, status, reliable in con.execute(LOCAL, [gemeentecode, gemeentecode]).fetchall():
        entry = catalog.indicators.get(name)
        unsure = entry is not None and few_people(entry.soort, people[code])
        cells.setdefault(name, {})[code] = (value, STATES.get(status, "geen_gegevens"), False if unsure else reliable)
    return Figures(catalog, buurten, country.national, cells, country.origin, country.titles)


def read_buurten(con: duckdb.DuckDBPyConnection, gemeentecode: str) -> list[Buurt]:
    """The buurten of a gemeente by code."""
    found = con.execute(
        "select gebiedscode, naam, wijkcode, inwoners, ST_AsWKB(geometrie), geometrie_jaar from gebied "
        "where soort = 'buurt' and gemeentecode = ? order by gebiedscode",
        [gemeentecode],
    ).fetchall()
    return [
        Buurt(code, clean(name), district or "", people, shape_from_wkb(wkb), year)
        for code, name, district, people, wkb, year in found
    ]


def boundary_publisher(con: duckdb.DuckDBPyConnection) -> str:
    """Who publishes the boundaries; empty when the release does not say."""
    row = con.execute("select uitgever from bron where bron like '%grenzen%' order by all limit 1").fetchone()
    return clean(str(row[0])) if row else ""


def boundary_source(con: duckdb.DuckDBPyConnection, drawn: Sequence[Buurt]) -> str:
    """Years and publisher of the boundaries of these buurten."""
    years = listed([str(year) for year in sorted({b.year for b in drawn if b.year})])
    publisher = boundary_publisher(con)
    return tr("grenzen {years}", years=years) + (f": {publisher}" if publisher else "")


def gemeente_name(con: duckdb.DuckDBPyConnection, gemeentecode: str) -> str:
    """The name of a gemeente, else its code."""
    name = con.execute("select any_value(gemeentenaam) from gebied where gemeentecode = ?", [gemeentecode]).fetchone()
    return clean(str(name[0])) if name and name[0] else clean(gemeentecode)
