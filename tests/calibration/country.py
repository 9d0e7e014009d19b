"""An invented country of which the truth is known, in the `basis` tables that a release builds on.

The generator reads the catalogue: every core indicator with an error model gets a true value per area and a published figure that
differs from it as its error model says. A figure without an error model is equal everywhere, unless an effect is planted in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from beeld.sources.declarations import Source, Table
from beeld.transforms import areas, certainty, indicators, scores
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import Catalog, Indicator
from beeld.transforms.draws import SHARED
from beeld.transforms.formulas import Reference
from beeld.transforms.uncertainty import Z95
from tests.indicatoren import drawn

Array = npt.NDArray[np.float64]
YEAR = 2024
PER_WIJK, WIJKEN = 4, 11
"""Buurten per wijk and wijken per gemeente: about those of the Netherlands."""
RATE, CRIME, LEVEL, MODELLED_MARGIN = 0.06, 0.04, 40.0, 5.0
"""True rates of counts and of crime, and the true level and assumed margin of a modelled share, where nothing differs."""
UNIT = {"binomiaal": 0.25, "poisson": 0.35}
"""One standard deviation between areas, as it is in the national tables: of log odds and of log rates."""
MODELLED_UNIT = 5.0


@dataclass
class Country:
    """The areas, what is true and what is published."""

    codes: list[str]
    kinds: npt.NDArray[np.str_]
    gemeenten: list[str]
    people: Array
    classes: npt.NDArray[np.int64]
    columns: dict[tuple[str, str], Array] = field(default_factory=dict[tuple[str, str], Array])
    truth: dict[str, Array] = field(default_factory=dict[str, Array])
    expected: dict[str, Array] = field(default_factory=dict[str, Array])
    """Counts that the true rates let expect."""
    rare: float = 1.0


def lay_out(chance: np.random.Generator, buurten: int) -> Country:
    """Codes, people and classes of urbanity of a country of so many buurten."""
    codes, gemeenten = ["NL00"], [""]
    for number in range(buurten):
        wijk, buurt = divmod(number, PER_WIJK)
        gemeente, wijk = divmod(wijk, WIJKEN)
        town = f"GM{gemeente:04d}"
        new = [town] if wijk == buurt == 0 else []
        new += [f"WK{gemeente:04d}{wijk:02d}"] if buurt == 0 else []
        new.append(f"BU{gemeente:04d}{wijk:02d}{buurt:02d}")
        codes += new
        gemeenten += [town] * len(new)
    kinds = np.array([{"NL": "land", "GM": "gemeente", "WK": "wijk", "BU": "buurt"}[code[:2]] for code in codes])
    scale = np.select([kinds == "buurt", kinds == "wijk", kinds == "gemeente"], [1.0, PER_WIJK, PER_WIJK * WIJKEN], buurten)
    people = np.maximum(200, np.round(scale * chance.lognormal(np.log(900), 0.7, len(codes)) / 5) * 5)
    return Country(codes, kinds, gemeenten, people, chance.integers(1, 6, len(codes)))


def invent(
    catalog: Catalog,
    chance: np.random.Generator,
    buurten: int,
    *,
    between: float = 0.0,
    planted: Mapping[str, float] | None = None,
    rare: float = 1.0,
) -> Country:
    """A country with `between` standard deviations of true differences; the `planted` areas lie that much above the mean instead.

    A planted difference of 0 is an area like any other. `rare` multiplies every rate, for small counts.
    """
    country = lay_out(chance, buurten)
    country.rare = rare
    country.columns["cbs_kwb", "aantal_inwoners"] = country.people
    effect = np.zeros(len(country.codes))
    for code, size in (planted or {}).items():
        effect[country.codes.index(code)] = size
    shared: dict[str, Array] = {}
    for theme in catalog.scored_themes:
        for name in catalog.core(theme):
            indicator = catalog.indicators[name]
            toward = 1.0 if indicator.richting == "ongunstig" else -1.0
            common = shared.setdefault(indicator.bron, chance.standard_normal(len(effect)))
            own = np.where(effect == 0, between * chance.standard_normal(len(effect)), 0.0)
            differs = toward * (effect + own)
            _publish(country, catalog, name, differs, toward * common, chance)
    return country


def _publish(country: Country, catalog: Catalog, name: str, differs: Array, common: Array, chance: np.random.Generator) -> None:
    indicator = catalog.indicators[name]
    source = catalog.sources[indicator.bron]
    if indicator.foutmodel in UNIT and indicator.parsed.noemer is not None:
        denominator = sum(_population(country, ref, source) for ref in indicator.parsed.noemer.references)
        _publish_counts(country, source, name, indicator, differs, denominator + np.zeros(len(differs)), chance)
        return
    truth = LEVEL + MODELLED_UNIT * differs
    errors = np.zeros(len(differs))
    if indicator.foutmodel == "aangenomen":
        spread = (source.aangenomen_marge or MODELLED_MARGIN) / Z95
        errors = spread * (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * chance.standard_normal(len(differs)))
    (reference,) = indicator.parsed.references
    country.truth[name] = truth
    country.columns[reference.bron, reference.kolom] = truth + errors


def _population(country: Country, reference: Reference, source: Source) -> Array:
    """A denominator: the inhabitants, or a fifth of them for a part."""
    key = (reference.bron, reference.kolom)
    if key not in country.columns:
        country.columns[key] = np.maximum(5, np.round(country.people / 25) * 5)
    return country.columns[key]


def _publish_counts(
    country: Country,
    source: Source,
    name: str,
    indicator: Indicator,
    differs: Array,
    denominator: Array,
    chance: np.random.Generator,
) -> None:
    """True rates, true counts drawn from them, and each column rounded as its source does it."""
    references = indicator.parsed.teller.references
    if indicator.foutmodel == "binomiaal":
        odds = country.rare * RATE / (1 - RATE) * np.exp(UNIT["binomiaal"] * differs)
        rate = odds / (1 + odds)
        counts = chance.binomial(denominator.astype(int), rate).astype(float)
    else:
        rate = country.rare * CRIME * np.exp(UNIT["poisson"] * differs)
        counts = chance.poisson(denominator * rate).astype(float)
    country.truth[name] = indicator.parsed.factor * rate
    country.expected[name] = denominator * rate
    whole = indicator.parsed.noemer.references if indicator.parsed.noemer else ()
    _split(country, source, references, counts, chance)
    if set(references) & set(whole):  # the count is a part of its own denominator: what is left makes the other parts
        _split(country, source, [each for each in whole if each not in references], denominator - counts, chance)


def _split(country: Country, source: Source, references: Sequence[Reference], counts: Array, chance: np.random.Generator) -> None:
    """Columns that add up to these counts, each rounded as its source does it."""
    parts = [np.floor(counts / max(1, len(references)))] * (len(references) - 1)
    parts.append(counts - sum(parts, np.zeros(len(counts))))
    for reference, part in zip(references, parts, strict=False):
        base = source.kolommen[reference.kolom].afronding
        country.columns[reference.bron, reference.kolom] = rounded(part, base, country, chance)


def rounded(counts: Array, base: int | None, country: Country, chance: np.random.Generator) -> Array:
    """To 10: the nearest. To 5: all buurten and wijken of a gemeente up, or all of them down (METHOD.md section 3)."""
    if base == 10:
        return np.floor(counts / 10 + 0.5) * 10
    if base != 5:
        return counts
    up = dict(zip(sorted(set(country.gemeenten)), chance.integers(0, 2, len(set(country.gemeenten))), strict=True))
    steps = np.where(np.array([up[gemeente] for gemeente in country.gemeenten]) == 1, np.ceil(counts / 5), np.floor(counts / 5))
    return np.where(np.isin(country.kinds, ["buurt", "wijk"]), steps * 5, counts)


def frame(country: Country, source: Source) -> pd.DataFrame:
    """The rows of `basis.<bron>`: what was published, and nothing else."""
    found: dict[str, object] = {
        "tabel": "BEKEND",
        "gebiedscode": country.codes,
        "naam": country.codes,
        "peiljaar": YEAR,
        "indeling_jaar": YEAR,
        "voorlopig": False,
        "getypeerd": False,
    }
    for name in _delivered(country, source):
        figures = country.columns[source.bron, name]
        missing = np.isnan(figures)
        found |= {name: pd.array(figures, dtype="Float64"), f"{name}_status": np.where(missing, "onbekend", "ok")}
    if source.gebieden:
        found |= {"stedelijkheid": country.classes, "stedelijkheid_status": "ok"}
    return pd.DataFrame(found)


def _delivered(country: Country, source: Source) -> list[str]:
    return sorted(name for bron, name in country.columns if bron == source.bron)


def compute_figures(con: duckdb.DuckDBPyConnection, catalog: Catalog, country: Country) -> None:
    """`gebied`, `waarde` and `indicator` by the functions that a release runs."""
    staged: list[Staged] = []
    for bron in sorted({bron for bron, _ in country.columns}):
        source = catalog.sources[bron]
        create_basis(con, source)
        con.register("cellen", frame(country, source))
        con.execute(f'insert into basis."{bron}" by name select * from cellen')
        con.unregister("cellen")
        table = Table(tabel="BEKEND", peiljaar=YEAR, indeling_jaar=YEAR)
        columns: Iterable[str] = (*_delivered(country, source), *(["stedelijkheid"] if source.gebieden else []))
        staged.append(drawn.staged_like(source, table, columns, (YEAR,), len(country.codes)))
    areas.create_areas(con, catalog.sources["cbs_kwb"], [piece for piece in staged if piece.source.bron == "cbs_kwb"])
    for piece in staged:
        areas.link(con, piece.source, YEAR)
    indicators.compute_values(con, catalog, staged)
    indicators.describe_indicators(con, catalog, "toets")


def compute_signals(con: duckdb.DuckDBPyConnection, catalog: Catalog, *, draws: int = certainty.DRAWS) -> None:
    """Scores, thresholds, signals, outcomes and their stability by the functions that a release runs."""
    from beeld.settings import project_folder

    scores.compute_scores(con, catalog, project_folder())
    scores.compute_thresholds(con, catalog, "toets", ())
    scores.compute_signals(con, catalog)
    certainty.compute_stability(con, catalog, "toets", draws=draws)
