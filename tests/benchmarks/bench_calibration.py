"""Does the uncertainty say what it should, on invented data with known truth: `python -m tests.benchmarks.bench_calibration`.

Prints Markdown tables from the chain that a release runs: (1) how often a nominal 95 % interval holds the truth, per error model
and size of the count; (2) how many buurten get an outcome when nothing differs; (3) how many planted buurten are found, by size
of the difference. The tests run a small version of the same functions. The truth is never fitted to the outcome.
"""

import argparse
import sys
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np

from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from tests.calibration import country as invented
from tests.indicatoren import drawn

SEED = 20261125
SIZES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
BUURTEN, PLANTED, DRAWS = 5_000, 150, 1_000


@dataclass(frozen=True)
class Coverage:
    """Share of intervals that hold the truth, for expected counts from `low` up to `high` (without a count: 0 to infinity).

    Not for published counts: a small published count is more often one that happened to come out low.
    """

    indicator: str
    low: float
    high: float
    areas: int
    share: float


def chain(catalog: Catalog, country: invented.Country, draws: int) -> duckdb.DuckDBPyConnection:
    """A build database from this country, up to stability."""
    con = drawn.open_database(project_folder())
    invented.compute_figures(con, catalog, country)
    invented.compute_signals(con, catalog, draws=draws)
    return con


def coverage(con: duckdb.DuckDBPyConnection, country: invented.Country) -> list[Coverage]:
    """How often the interval in `waarde` holds the truth, over the buurten."""
    truth = {name: dict(zip(country.codes, values, strict=True)) for name, values in country.truth.items()}
    found: list[Coverage] = []
    for name in sorted(truth):
        rows = con.execute(
            """select gebiedscode, ondergrens, bovengrens from waarde
            where indicator = ? and ondergrens is not null and gebiedscode like 'BU%' order by gebiedscode""",
            [name],
        ).fetchall()
        if not rows:
            continue
        holds = np.array([low <= truth[name][code] <= high for code, low, high in rows])
        expected = dict(zip(country.codes, country.expected.get(name, np.ones(len(country.codes))), strict=True))
        counts = np.array([expected[code] for code, *_ in rows])
        edges = [0.0, 2.0, 5.0, 10.0, 20.0, 50.0, np.inf] if name in country.expected else [0.0, np.inf]
        for low, high in pairwise(edges):
            chosen = (counts >= low) & (counts < high)
            if chosen.any():
                found.append(Coverage(name, low, high, int(chosen.sum()), float(holds[chosen].mean())))
    return found


def outcomes(con: duckdb.DuckDBPyConnection, codes: list[str] | None = None) -> dict[str, float]:
    """Shares of the buurten (or of these) per outcome."""
    rows = con.execute(
        """select uitkomst, count(*) from integraal where gebiedscode like 'BU%'
        and ($codes is null or list_contains($codes, gebiedscode)) group by 1 order by 1""",
        {"codes": codes},
    ).fetchall()
    total = sum(count for _, count in rows)
    return {outcome: count / total for outcome, count in rows}


def without_differences(catalog: Catalog, buurten: int, draws: int) -> tuple[dict[str, float], list[Coverage]]:
    """Outcomes and coverage in a country where every buurt is equal in truth; modelled figures share one error per area."""
    country = invented.invent(catalog, np.random.default_rng(SEED), buurten)
    with closing(chain(catalog, country, draws)) as con:
        found, held = outcomes(con), coverage(con, country)
    return found, [*held, *_rare(catalog, buurten)]


def _rare(catalog: Catalog, buurten: int) -> list[Coverage]:
    """Coverage of the counts where they are a tenth of that."""
    country = invented.invent(catalog, np.random.default_rng(SEED + 2), buurten, rare=0.1)
    with closing(drawn.open_database(project_folder())) as con:
        invented.compute_figures(con, catalog, country)
        return [row for row in coverage(con, country) if row.high <= 10]


def planted(catalog: Catalog, buurten: int, count: int, size: float, draws: int, group: int = 1) -> dict[str, float]:
    """Outcomes of planted buurten, `size` standard deviations above the mean in every theme; the others differ by 1.

    The planted ones have no differences of their own beside it, so that `size` is what it says. `group`: so many next to each
    other in one gemeente.
    """
    chance = np.random.default_rng(SEED + 1)
    codes = [code for code in invented.lay_out(np.random.default_rng(SEED), buurten).codes if code.startswith("BU")]
    starts = [n for n in range(0, len(codes) - group + 1, group) if codes[n][:6] == codes[n + group - 1][:6]]
    chosen = sorted(codes[n + step] for n in chance.choice(starts, size=count // group, replace=False) for step in range(group))
    country = invented.invent(catalog, np.random.default_rng(SEED), buurten, between=1.0, planted=dict.fromkeys(chosen, size))
    with closing(chain(catalog, country, draws)) as con:
        return outcomes(con, chosen)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buurten", type=int, default=BUURTEN)
    parser.add_argument("--planted", type=int, default=PLANTED)
    parser.add_argument("--draws", type=int, default=DRAWS)
    asked = parser.parse_args()
    catalog = load_catalog(project_folder())
    nothing, held = without_differences(catalog, asked.buurten, asked.draws)
    print("| indicator | expected count | buurten | interval holds the truth (%) |\n|---|---|---:|---:|")
    for row in held:
        size = "-" if (row.low, row.high) == (0, np.inf) else f"{row.low:.0f} to {row.high:.0f}"
        print(f"| {row.indicator} | {size} | {row.areas} | {100 * row.share:.1f} |")
    names = ("bespreken", "grensgeval", "geen_signaal", "te_weinig_gegevens")
    print(f"\n| difference (sd) | {' | '.join(f'{name} (%)' for name in names)} |\n|---|{'---:|' * len(names)}")
    print(f"| nothing differs anywhere | {' | '.join(f'{100 * nothing.get(name, 0):.1f}' for name in names)} |")
    for size in SIZES:
        found = planted(catalog, asked.buurten, asked.planted, size, asked.draws)
        print(f"| {size} | {' | '.join(f'{100 * found.get(name, 0):.1f}' for name in names)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
