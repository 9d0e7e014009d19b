"""Stability into `signaal`, `opvallend`, `integraal` and `gevoeligheid` (METHOD.md section 8, choices in docs/methode.md).

A signal stands when the published figures give it and at least half of the draws keep it. The draws only take away: an area that
the published figures do not bring to a signal gets none, and its share of draws is shown beside it. So with single indicators.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from beeld.transforms import draws as random
from beeld.transforms import stability
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import Catalog
from beeld.transforms.error_models import Universe, read_universe, seed_of

DRAWS = 1000
FIRM, UNSURE = 0.80, 0.50
BLOCK = 64
"""Areas in one block: with 1 000 draws in single precision the arrays of an indicator fit the cache of a core."""

Texts = npt.NDArray[np.object_]


@dataclass
class _Found:
    """Columns of what was computed, piece by piece."""

    themes: dict[str, list[Any]] = field(default_factory=lambda: defaultdict[str, list[Any]](list))
    peaks: dict[str, list[Any]] = field(default_factory=lambda: defaultdict[str, list[Any]](list))
    rules: dict[str, list[Any]] = field(default_factory=lambda: defaultdict[str, list[Any]](list))
    sensitivity: dict[str, list[Any]] = field(default_factory=lambda: defaultdict[str, list[Any]](list))


def compute_stability(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, method_version: str, *, draws: int = DRAWS, block: int = BLOCK
) -> int:
    """Give every signal and outcome its stability and fill `gevoeligheid`; returns the number of areas, after compute_signals."""
    seed = seed_of(con, method_version)
    found = _Found()
    count = 0
    for kind in ("buurt", "wijk", "gemeente"):
        universe = read_universe(con, catalog, kind)
        if universe is None:
            continue
        names = [rule.name for rule in universe.block.rules]
        scenarios = random.scenarios(seed, universe.block.models, names, draws)
        parts = [universe.part(start, start + block) for start in range(0, len(universe.codes), block)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for part, results in zip(parts, pool.map(run, parts, repeat(seed), repeat(scenarios)), strict=True):
                _collect(found, part, *results)
        count += len(universe.codes)
    _write(con, found)
    return count


def run(part: Universe, seed: str, scenarios: random.Scenarios) -> tuple[stability.Shares, stability.Shares]:
    """The shares of a part on the published figures (one draw) and in all draws. Threads help: numpy lets go of the lock."""
    models, names = part.block.models, [rule.name for rule in part.block.rules]
    published = stability.shares(part.block, None, random.published_scenario(models, names))
    noise = random.noise(seed, part.codes, part.gemeenten, models, scenarios.draws)
    return published, stability.shares(part.block, noise, scenarios)


def _collect(found: _Found, part: Universe, published: stability.Shares, drawn: stability.Shares) -> None:
    codes = np.array(part.codes, dtype=object)
    outcome = _outcomes(published.rule, drawn.rule)
    found.rules["gebiedscode"] += part.codes
    found.rules["deel"] += drawn.rule.tolist()
    levels: dict[str, Texts] = {}
    for number, rule in enumerate(part.block.rules):
        there = part.block.scored[number]
        levels[rule.name] = _levels(
            rule.strength, (published.signal[number], published.strong[number]), (drawn.signal[number], drawn.strong[number])
        )
        found.themes["gebiedscode"] += codes[there].tolist()
        found.themes["thema"] += [rule.name] * int(there.sum())
        found.themes["niveau"] += levels[rule.name][there].tolist()
        found.themes["deel"] += drawn.signal[number][there].tolist()
        found.themes["deel_sterk"] += drawn.strong[number][there].tolist()
    numbers = {rule.name: number for number, rule in enumerate(part.block.rules)}
    for place, model in enumerate(part.block.models):
        number = numbers[model.theme]
        rule, there = part.block.rules[number], part.block.scored[number] & np.isfinite(model.value)
        high = drawn.peak[place] >= UNSURE
        found.peaks["gebiedscode"] += codes[high].tolist()
        found.peaks["indicator"] += [model.name] * int(high.sum())
        found.peaks["deel"] += drawn.peak[place][high].tolist()
        without = _levels(
            rule.strength,
            (published.theme_without[0][place], published.theme_without[1][place]),
            (drawn.theme_without[0][place], drawn.theme_without[1][place]),
        )
        _sensitive(found, codes, (model.theme, model.name), drawn.theme_changes[place], (levels[model.theme], without), there)
        if rule.in_rule:
            other = _outcomes(published.rule_without[place], drawn.rule_without[place])
            other[published.too_little[place]] = "te_weinig_gegevens"
            _sensitive(found, codes, ("integraal", model.name), drawn.rule_changes[place], (outcome, other), there)


def _sensitive(
    found: _Found,
    codes: Texts,
    names: tuple[str, str],
    changes: stability.Array,
    now: tuple[Texts, Texts],
    there: npt.NDArray[np.bool_],
) -> None:
    """Rows of `gevoeligheid`: only where taking the indicator away changes a draw or the outcome."""
    chosen = there & ((changes > 0) | (now[0] != now[1]))
    found.sensitivity["gebiedscode"] += codes[chosen].tolist()
    found.sensitivity["thema"] += [names[0]] * int(chosen.sum())
    found.sensitivity["indicator"] += [names[1]] * int(chosen.sum())
    found.sensitivity["aandeel"] += changes[chosen].tolist()
    found.sensitivity["uitkomst_zonder"] += now[1][chosen].tolist()


def _levels(strength: bool, published: tuple[Any, Any], drawn: tuple[Any, Any]) -> Texts:
    """The highest level that the published figures reach and half of the draws keep."""
    level = np.full(len(published[0]), "geen", dtype=object)
    level[(published[0] > 0) & (drawn[0] >= UNSURE)] = "kracht" if strength else "aandacht"
    level[(published[1] > 0) & (drawn[1] >= UNSURE)] = "sterk"
    return level


def _outcomes(published: Any, drawn: Any) -> Texts:
    """bespreken, grensgeval or geen_signaal; whether there is enough data for the rule is decided elsewhere."""
    outcome = np.full(len(published), "geen_signaal", dtype=object)
    outcome[(published > 0) & (drawn >= UNSURE)] = "grensgeval"
    outcome[(published > 0) & (drawn >= FIRM)] = "bespreken"
    return outcome


def _write(con: duckdb.DuckDBPyConnection, found: _Found) -> None:
    themes: dict[str, tuple[Kind, Sequence[Any]]] = {
        name: ("double" if name.startswith("deel") else "text", found.themes[name])
        for name in ("gebiedscode", "thema", "niveau", "deel", "deel_sterk")
    }
    peaks: dict[str, tuple[Kind, Sequence[Any]]] = {
        name: ("double" if name == "deel" else "text", found.peaks[name]) for name in ("gebiedscode", "indicator", "deel")
    }
    rules: dict[str, tuple[Kind, Sequence[Any]]] = {
        "gebiedscode": ("text", found.rules["gebiedscode"]),
        "deel": ("double", found.rules["deel"]),
    }
    sensitivity: dict[str, tuple[Kind, Sequence[Any]]] = {
        name: ("double" if name == "aandeel" else "text", found.sensitivity[name])
        for name in ("gebiedscode", "thema", "indicator", "aandeel", "uitkomst_zonder")
    }
    with registered(con, "doorgerekend", themes):
        _rewrite(con, "signaal", _SIGNALS)
    with registered(con, "doorgerekend", peaks):
        _rewrite(con, "opvallend", _PEAKS)
    with registered(con, "gevoelig", sensitivity):
        con.execute(
            """insert into gevoeligheid by name
            select gebiedscode, thema, indicator, aandeel, uitkomst_zonder from gevoelig
            where thema <> 'integraal'
              or gebiedscode in (select gebiedscode from integraal where uitkomst <> 'te_weinig_gegevens')
            order by gebiedscode, thema, indicator"""
        )
    with registered(con, "doorgerekend", rules):
        _rewrite(con, "integraal", _OUTCOMES)


def _rewrite(con: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    """Replace the rows of a table by those of a query over it; DuckDB would hold rows updated in place against themselves."""
    con.execute(f"create or replace temporary table vervangend as {query}", {"stevig": FIRM, "onzeker": UNSURE})
    con.execute(f"delete from {table}")
    con.execute(f"insert into {table} by name select * from vervangend order by all")
    con.execute("drop table vervangend")


_SIGNALS = """
select s.gebiedscode, s.thema, d.niveau,
  case when d.niveau = 'geen' and 1 - d.deel >= $stevig then 'stevig'
    when d.niveau = 'sterk' and d.deel_sterk >= $stevig then 'stevig'
    when d.niveau in ('aandacht', 'kracht') and d.deel >= $stevig then 'stevig'
    else 'onzeker' end as klasse,
  case when d.niveau = 'sterk' then d.deel_sterk else d.deel end as stabiliteit,
  list_concat(s.redenen, list_filter([
    case when s.niveau <> d.niveau
      then 'op de cijfers zelf: ' || s.niveau || ', maar dat blijft in minder dan ' || (100 * $onzeker)::integer
        || ' % van de scenario''s staan' end,
    case when s.niveau <> 'geen'
      then 'in ' || floor(100 * d.deel + 1e-9)::integer || ' % van de scenario''s heeft dit thema een signaal' end
    ], r -> r is not null)) as redenen
from signaal as s
join doorgerekend as d using (gebiedscode, thema)
"""

_PEAKS = """
select o.gebiedscode, o.thema, o.indicator, o.percentiel, case when d.deel >= $stevig then 'stevig' else 'onzeker' end as klasse,
  case when o.percentiel is not null then d.deel end as stabiliteit
from opvallend as o
join doorgerekend as d using (gebiedscode, indicator)
where d.deel >= $onzeker
"""

_OUTCOMES = """
with gevoeligst as (
  select g.gebiedscode, i.titel, g.aandeel,
    row_number() over (partition by g.gebiedscode order by g.aandeel desc, g.indicator) as rang
  from gevoeligheid as g join indicator as i using (indicator)
  where g.thema = 'integraal' and g.aandeel > 0),
beslist as (
  select i.gebiedscode, i.uitkomst as regel, i.n_themas, i.n_bronfamilies, i.redenen,
    case when i.uitkomst <> 'te_weinig_gegevens' then d.deel end as deel,
    case when i.uitkomst <> 'bespreken' then i.uitkomst
      when d.deel >= $stevig then 'bespreken'
      when d.deel >= $onzeker then 'grensgeval'
      else 'geen_signaal' end as uitkomst
  from integraal as i
  left join doorgerekend as d using (gebiedscode))
select b.gebiedscode, b.uitkomst, b.n_themas, b.n_bronfamilies, b.deel as stabiliteit,
  list_concat(b.redenen, list_filter([
    case when b.regel = 'bespreken' and b.uitkomst = 'geen_signaal'
      then 'op de cijfers zelf is er een signaal, maar dat blijft in minder dan ' || (100 * $onzeker)::integer
        || ' % van de scenario''s staan' end,
    case when b.regel = 'bespreken'
      then 'hoort in ' || floor(100 * b.deel + 1e-9)::integer || ' % van de scenario''s bij de kopgroep' end,
    case when b.regel = 'bespreken' and g.titel is not null
      then 'zonder "' || g.titel || '" verandert de uitkomst het vaakst: in ' || greatest(1, round(100 * g.aandeel))::integer
        || ' % van de scenario''s' end
    ], r -> r is not null)) as redenen
from beslist as b
left join gevoeligst as g on g.gebiedscode = b.gebiedscode and g.rang = 1
"""
