"""Figures of a named union of whole buurten: sums over sums, weighted means, never a median (METHOD.md section 2).

A figure is published when the parts that have a value hold at least 80 % of the denominator; otherwise onbekend, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from beeld.sources.declarations import Source
from beeld.transforms import margins
from beeld.transforms.catalog import Catalog, Indicator
from beeld.transforms.uncertainty import COUNTS, RELIABLE, Z95, count_variance, rounding_variance, score_interval

COVERAGE = 0.80


@dataclass(frozen=True)
class Part:
    """The cell of one buurt: value, its numerator and denominator (or weight), and the people who live there."""

    waarde: float | None
    teller: float | None
    noemer: float | None
    inwoners: float | None


@dataclass(frozen=True)
class Combined:
    """The figure of the union: `waarde` None comes with a status and a reason."""

    waarde: float | None
    status: str
    reden: str | None
    teller: float | None = None
    noemer: float | None = None


def combine(indicator: Indicator, parts: Sequence[Part]) -> Combined:
    """The figure of a union from the figures of its buurten, by the way that the catalogue declares."""
    if indicator.samenvoegen == "nee":
        return Combined(None, "niet_van_toepassing", "dit cijfer is niet samen te voegen")
    present = [part for part in parts if part.waarde is not None]
    if indicator.samenvoegen == "som":
        if len(present) < len(parts):
            return Combined(None, "onbekend", f"van {len(parts) - len(present)} van {len(parts)} buurten is er geen cijfer")
        total = math.fsum(part.waarde for part in present if part.waarde is not None)
        return Combined(total, "ok", None)
    if all(part.noemer == 0 for part in parts):
        return Combined(None, "geen_noemer", "de noemer is 0")
    covered = coverage(parts)
    if covered is None:
        return Combined(None, "onbekend", "de noemer van een of meer buurten is onbekend")
    if not present:
        return Combined(None, "onbekend", "geen van de buurten heeft een cijfer")
    if covered < COVERAGE:
        return Combined(
            None,
            "onbekend",
            f"de buurten met een cijfer dekken {math.floor(100 * covered)} procent van de noemer, minder dan 80 procent",
        )
    weight = math.fsum(part.noemer or 0.0 for part in present)
    if not weight:
        return Combined(None, "geen_noemer", "de noemer is 0")
    if indicator.samenvoegen == "verhouding":
        count = math.fsum(part.teller or 0.0 for part in present)
        return Combined(indicator.parsed.factor * count / weight, "ok", None, count, weight)
    mean = math.fsum((part.noemer or 0.0) * (part.waarde or 0.0) for part in present) / weight
    return Combined(mean, "ok", None, None, weight)


def coverage(parts: Sequence[Part]) -> float | None:
    """Share of the denominator in parts with a value; by inhabitants where a part without a value lacks its denominator.

    None when neither is known.
    """
    present = [part for part in parts if part.waarde is not None]
    if any(part.noemer is None for part in present):
        return None
    weights = [part.noemer for part in parts]
    if any(weight is None for weight in weights):
        weights = [part.inwoners for part in parts]
    if any(weight is None for weight in weights):
        return None
    total = math.fsum(weight or 0.0 for weight in weights)
    covered = math.fsum(weight or 0.0 for part, weight in zip(parts, weights, strict=True) if part.waarde is not None)
    return covered / total if total else None


def rounded_bases(indicator: Indicator, source: Source, raw: str) -> list[int]:
    """To which base each published count of the numerator is rounded; `raw` is `bron_kolom` of `waarde`.

    A column that the table delivers in parts (`som_van`) is as many rounded counts as it has parts: `raw` then names more columns
    than the formula does.
    """
    own = [source.kolommen[r.kolom] for r in indicator.parsed.teller.references if r.bron == source.bron]
    in_parts = len(raw.split(", ")) > len(indicator.parsed.references)
    bases = [(c.afronding, max(1, len(c.som_van)) if in_parts else 1) for c in own]
    return [base for base, parts in bases if base is not None for _ in range(parts)]


def rounding_of(indicator: Indicator, source: Source, cells: int, raw: str = "") -> float:
    """Rounding variance of the numerator of a union: the buurten of a gemeente share the sign of their errors, so they add."""
    bases = rounded_bases(indicator, source, raw)
    return sum(rounding_variance(base, cells * bases.count(base)) for base in sorted(set(bases)))


def standard_error(indicator: Indicator, source: Source, combined: Combined, rounding: float) -> float | None:
    """Standard error of a union's figure, of which the numerator has that rounding variance."""
    if combined.waarde is None:
        return None
    if indicator.foutmodel == "aangenomen" and source.aangenomen_marge is not None:
        return source.aangenomen_marge / Z95
    if indicator.foutmodel == "telling":
        return math.sqrt(rounding)
    if combined.teller is None or not combined.noemer or indicator.foutmodel not in COUNTS:
        return None
    part = indicator.foutmodel == "binomiaal"
    return (
        indicator.parsed.factor
        * math.sqrt(count_variance(combined.teller, combined.noemer, rounding, part=part))
        / combined.noemer
    )


def compute_unions(con: duckdb.DuckDBPyConnection, catalog: Catalog, members: Mapping[str, Sequence[str]]) -> int:
    """Add the rows of every union to `waarde`; returns how many. Provenance is that of its buurten."""
    added = 0
    for union, buurten in members.items():
        rows = con.execute(
            """select w.indicator, w.peiljaar, any_value(w.indeling_jaar), bool_or(w.voorlopig), any_value(w.bron_tabel),
              any_value(w.bron_kolom), any_value(w.snapshot_sha256), max(w.reden) filter (w.status = 'ok'),
              list((w.waarde, w.teller, w.noemer, g.inwoners) order by w.gebiedscode),
              list((w.ondergrens, w.bovengrens, w.noemer) order by w.gebiedscode) filter (w.waarde is not null)
            from waarde as w join gebied as g using (gebiedscode)
            where list_contains(?, w.gebiedscode) group by w.indicator, w.peiljaar order by w.indicator, w.peiljaar""",
            [list(buurten)],
        ).fetchall()
        for name, year, division, provisional, table, column, sha256, note, cells, bounds in rows:
            indicator = catalog.indicators[name]
            parts = [Part(*cell) for cell in cells]
            combined = combine(indicator, parts)
            source = catalog.sources[indicator.bron]
            rounding = rounding_of(indicator, source, sum(p.waarde is not None for p in parts), column)
            error = standard_error(indicator, source, combined, rounding)
            if margins.published(indicator, source) and not margins.assumed(indicator, source, table):
                error = margins.union_error(bounds or [])
            low, high = interval(indicator, combined, error, rounding)
            reliable = None if error is None or combined.waarde is None else _reliable(combined.waarde, error, low, high)
            row = [union, name, year, division, combined.waarde, combined.status, combined.reden or note, combined.teller]
            row += [combined.noemer, low, high, None, provisional, reliable, table, column, sha256]
            con.execute(f"insert into waarde values ({', '.join('?' * len(row))})", row)
            added += 1
    return added


def _reliable(value: float, error: float, low: float | None, high: float | None) -> bool:
    """A figure of 0 is only sure when nothing else is possible."""
    return error < RELIABLE * abs(value) if value else low == high


def interval(indicator: Indicator, combined: Combined, error: float | None, rounding: float) -> tuple[float | None, float | None]:
    """95% interval within the range of the indicator, which always holds the figure; (None, None) without an error model."""
    value = combined.waarde
    if value is None or error is None:
        return None, None
    low, high = indicator.bereik or (-math.inf, math.inf)
    lower, upper = value - Z95 * error, value + Z95 * error
    if indicator.foutmodel in COUNTS and combined.teller is not None and combined.noemer:
        ends = score_interval(combined.teller, combined.noemer, rounding, part=indicator.foutmodel == "binomiaal")
        lower, upper = (indicator.parsed.factor * end for end in ends)
    return min(value, high, max(low, lower)), max(value, low, min(high, upper))
