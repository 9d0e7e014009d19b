"""Error models and reference sets of the core indicators, read from the build database for the stability of signals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from beeld.sources.declarations import Source
from beeld.transforms import margins
from beeld.transforms.catalog import FAMILIES, Catalog, Indicator
from beeld.transforms.draws import Array, ErrorModel, Model
from beeld.transforms.stability import Block, Reference, ThemeRule
from beeld.transforms.uncertainty import Z95, posterior_error, rounds, shrink

Rows = Mapping[str, Any]
"""Columns as DuckDB gives them: numpy arrays, masked where a cell is empty."""


@dataclass(frozen=True)
class Universe:
    """Everything that stability needs of one kind of area, in order of code."""

    kind: str
    codes: tuple[str, ...]
    gemeenten: tuple[str, ...]
    block: Block

    def part(self, start: int, stop: int) -> Universe:
        """The areas from `start` up to `stop`."""
        areas = np.arange(start, min(stop, len(self.codes)))
        block = Block(
            tuple(model.of(areas) for model in self.block.models),
            tuple(references[start:stop] for references in self.block.references),
            self.block.rules,
            self.block.medians[:, areas],
            self.block.scored[:, areas],
        )
        return Universe(self.kind, self.codes[start:stop], self.gemeenten[start:stop], block)


def seed_of(con: duckdb.DuckDBPyConnection, method_version: str) -> str:
    """The seed: method version and fingerprints of the deliveries that the core figures come from, and of nothing else.

    So a delivery that no score uses moves no stability.
    """
    rows = con.execute(
        """select distinct w.snapshot_sha256 from werk.cel as c join laatste_waarde as w using (gebiedscode, indicator)
        order by 1"""
    ).fetchall()
    return hashlib.sha256("\0".join((method_version, *(row[0] for row in rows))).encode()).hexdigest()


def read_universe(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, kind: str, precision: type[np.floating] = np.float32
) -> Universe | None:
    """The areas of one kind with error models, reference sets, thresholds and medians; None without any.

    After compute_signals. `precision` is that of the percentiles and of every draw.
    """
    areas = con.execute(
        """select gebiedscode, coalesce(gemeentecode, '') as gemeente, coalesce(stedelijkheid, 0) as klasse
        from werk.deelnemer where soort = ? order by gebiedscode""",
        [kind],
    ).fetchnumpy()
    codes = [str(code) for code in areas["gebiedscode"]]
    themes = catalog.scored_themes
    if not codes or not themes:
        return None
    classes = np.asarray(areas["klasse"], dtype=int)
    place = {code: number for number, code in enumerate(codes)}
    models: list[ErrorModel] = []
    references: list[tuple[Reference | None, ...]] = []
    for theme in themes:
        for name in sorted(catalog.core(theme)):
            rows = _cells(con, name, kind)
            model = _model(catalog, name, kind, rows, np.array([place[code] for code in rows["gebiedscode"]], dtype=int), classes)
            models.append(model)
            by_class = classes if catalog.indicators[name].percentiel == "stedelijkheid" else None
            references.append(_references(model, by_class, precision))
    rules = _rules(con, catalog, kind)
    medians, scored = _medians(con, kind, themes, place)
    gemeenten = tuple(str(gemeente) for gemeente in areas["gemeente"])
    return Universe(kind, tuple(codes), gemeenten, Block(tuple(models), tuple(references), rules, medians, scored))


def _cells(con: duckdb.DuckDBPyConnection, name: str, kind: str) -> Rows:
    return con.execute(
        """select c.gebiedscode, coalesce(w.geschat, w.waarde) as waarde, w.geschat is not null as gekrompen, w.teller, w.noemer,
          w.ondergrens, w.bovengrens, w.bron_tabel
        from werk.cel as c join laatste_waarde as w using (gebiedscode, indicator)
        where c.indicator = ? and c.soort = ? order by c.gebiedscode""",
        [name, kind],
    ).fetchnumpy()


def _model(
    catalog: Catalog, name: str, kind: str, rows: Rows, places: npt.NDArray[np.intp], classes: npt.NDArray[np.intp]
) -> ErrorModel:
    """The error model of one indicator over all areas of a kind."""
    indicator = catalog.indicators[name]
    source = catalog.sources[indicator.bron]
    table = str(rows["bron_tabel"][0]) if len(places) else ""
    value, count, denominator = (_spread_out(rows[column], places, len(classes)) for column in ("waarde", "teller", "noemer"))
    model, spread = _error(indicator, source, table, rows, places, (count, classes))
    strength = catalog.themes[indicator.thema].kracht
    topics = _topics(indicator, source) if model in ("binomiaal", "poisson", "telling") else ()
    rounded = np.array([[rounds(base, kind)] * len(classes) for _, base in topics], dtype=np.bool_)
    modelled = indicator.soort == "modelschatting" and model == "normaal"
    return ErrorModel(
        name=name,
        theme=indicator.thema,
        family=indicator.familie if indicator.familie in FAMILIES else "",
        sign=1.0 if indicator.richting == ("gunstig" if strength else "ongunstig") else -1.0,
        toward=1.0 if indicator.richting == "ongunstig" else -1.0,
        model=model,
        value=value,
        spread=spread,
        count=count,
        denominator=denominator,
        factor=indicator.parsed.factor,
        topics=topics,
        rounded=rounded.reshape(len(topics), len(classes)),
        shared=indicator.bron if modelled else None,
    )


def _topics(indicator: Indicator, source: Source) -> tuple[tuple[str, int], ...]:
    """The rounded columns of the numerator, with their base."""
    own = [reference.kolom for reference in indicator.parsed.teller.references if reference.bron == source.bron]
    found = ((name, source.kolommen[name].afronding) for name in sorted(own))
    return tuple((name, base) for name, base in found if base is not None)


def _error(
    indicator: Indicator,
    source: Source,
    table: str,
    rows: Rows,
    places: npt.NDArray[np.intp],
    counts: tuple[Array, npt.NDArray[np.intp]],
) -> tuple[Model, Array]:
    """Which model, and the standard error per area where the model has one. A published interval goes before everything.

    An area whose interval the source leaves out gets the middle one of the others: no interval is not certainty.
    """
    size = len(counts[1])
    none = np.full(size, np.nan)
    if margins.published(indicator, source) and not margins.assumed(indicator, source, table):
        low, high = (_spread_out(rows[column], places, size) for column in ("ondergrens", "bovengrens"))
        spread = (high - low) / (2 * Z95)
        if np.isfinite(spread).any():
            return "normaal", np.where(np.isfinite(spread), spread, np.nanmedian(spread))
        return "vast", none
    match indicator.foutmodel:
        case "aangenomen" if source.aangenomen_marge is not None:
            return "normaal", np.full(size, source.aangenomen_marge / Z95)
        case "poisson" if indicator.krimp:
            return "lognormaal", _shrunk_error(counts[0], _spread_out(rows["noemer"], places, size), counts[1])
        case "binomiaal" | "poisson" | "telling":
            return indicator.foutmodel, none
        case _:
            return "vast", none


def _shrunk_error(counts: Array, people: Array, classes: npt.NDArray[np.intp]) -> Array:
    """Posterior standard error on the log scale per area; areas without a class are not shrunk, and keep the error of a count."""
    found = np.sqrt(1.0 / (counts + 0.5))
    for number in np.unique(classes[classes > 0]):
        own = (classes == number) & np.isfinite(counts) & (people > 0)
        if own.any():
            _, tau2 = shrink(counts[own].astype(float), people[own].astype(float))
            found[own] = posterior_error(counts[own].astype(float), tau2)
    return found


def _spread_out(cells: Any, places: npt.NDArray[np.intp], size: int) -> Array:
    """The cells at their places among all areas; NaN elsewhere and where the cell is empty."""
    found = np.full(size, np.nan)
    numbers: Any = np.ma
    found[places] = numbers.filled(numbers.asarray(cells, dtype=float), np.nan)
    return found


def _references(
    model: ErrorModel, classes: npt.NDArray[np.intp] | None, precision: type[np.floating]
) -> tuple[Reference | None, ...]:
    """The reference set of every area: all of them, or those of its class (none for an area without a class)."""
    oriented = model.ranked
    if classes is None:
        known = oriented[~np.isnan(oriented)]
        return ((Reference.of(known, precision) if len(known) else None),) * len(oriented)
    sets: dict[int, Reference | None] = {0: None}
    for number in np.unique(classes[classes > 0]):
        known = oriented[(classes == number) & ~np.isnan(oriented)]
        sets[int(number)] = Reference.of(known, precision) if len(known) else None
    return tuple(sets[int(number)] for number in classes)


def _rules(con: duckdb.DuckDBPyConnection, catalog: Catalog, kind: str) -> tuple[ThemeRule, ...]:
    """Thresholds per theme; a theme without one can have no signal."""
    bounds = {
        (thema, niveau): grens
        for thema, niveau, grens in con.execute(
            "select thema, niveau, grens from drempel where soort = ? order by thema, niveau", [kind]
        ).fetchall()
    }
    found: list[ThemeRule] = []
    for name in catalog.scored_themes:
        theme = catalog.themes[name]
        first = bounds.get((name, "kracht" if theme.kracht else "aandacht"), np.inf)
        strong = np.inf if theme.kracht else bounds.get((name, "sterk"), np.inf)
        found.append(ThemeRule(name, first, strong, len(catalog.core(name)), theme.kracht, theme.beslisregel))
    return tuple(found)


def _medians(
    con: duckdb.DuckDBPyConnection, kind: str, themes: Sequence[str], place: Mapping[str, int]
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Themes x areas: published median of the gemeente, and whether the theme has a score.

    A gemeente has no median of gemeenten, and an area that is alone in its gemeente would be held against itself: no median.
    """
    rows = con.execute(
        """select s.gebiedscode, s.thema, quantile_cont(s.score, 0.5) over g as mediaan, count(*) over g as aantal
        from thema_score as s join werk.deelnemer as d using (gebiedscode)
        where s.referentie = 'nl' and s.score is not null and d.soort = ?
        window g as (partition by d.gemeentecode, s.thema)
        order by s.gebiedscode, s.thema""",
        [kind],
    ).fetchnumpy()
    medians = np.full((len(themes), len(place)), np.nan)
    scored = np.zeros((len(themes), len(place)), dtype=np.bool_)
    row = {name: number for number, name in enumerate(themes)}
    at = (np.array([row[t] for t in rows["thema"]], dtype=int), np.array([place[c] for c in rows["gebiedscode"]], dtype=int))
    scored[at] = True
    if kind != "gemeente":
        medians[at] = np.where(np.asarray(rows["aantal"]) > 1, np.asarray(rows["mediaan"], dtype=float), np.nan)
    return medians, scored
