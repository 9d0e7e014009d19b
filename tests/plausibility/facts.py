"""What the report needs to know of a release, from its public tables alone; percentiles by the second implementation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import product
from typing import Any

import duckdb
import pandas as pd

from beeld.transforms.catalog import Catalog
from beeld.transforms.lists import OURS, Agreement
from beeld.transforms.scores import MIN_STRONG, MIN_THEMES
from tests.indicatoren import second

RAISED = ("aandacht", "sterk")
ONE_SOURCE = "één onderliggende bron"
NOTHING = 0.1
"""Correlation below which nothing is said of its direction."""
FEWEST = 100
"""Areas from which a correlation is told."""


@dataclass(frozen=True)
class Pair:
    """Rank correlation of two columns over the buurten that have both."""

    one: str
    other: str
    rho: float
    n: int


@dataclass(frozen=True)
class Buurt:
    """One buurt with its outcome and what it rests on."""

    code: str
    name: str
    people: int | None
    outcome: str
    stability: float | None
    reasons: tuple[str, ...]
    strengths: tuple[str, ...]
    """Themes of strengths that stand out."""
    raised: Mapping[str, str]
    """Themes of the decision rule with a signal, with its level."""
    levels: Mapping[str, str]
    """Every theme that has a score."""
    percentiles: Mapping[str, float]
    families: int
    """How many families carry the signals, as published."""

    @property
    def named(self) -> bool:
        """True when the decision rule is met."""
        return self.outcome in OURS

    @property
    def one_source(self) -> bool:
        """True when the family clause alone stood in the way."""
        return ONE_SOURCE in self.reasons


@dataclass(frozen=True)
class Facts:
    """A release, asked."""

    con: duckdb.DuckDBPyConnection
    catalog: Catalog

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.con.execute(sql, list(values)).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        """The only value of a query; None when there is no row."""
        found = self.rows(sql, *values)
        return found[0][0] if found else None

    def title(self, indicator: str) -> str:
        """Title of an indicator."""
        return self.catalog.indicators[indicator].titel

    @property
    def rule(self) -> list[str]:
        """Themes of the decision rule."""
        return [name for name, theme in self.catalog.themes.items() if theme.beslisregel]

    @cached_property
    def years(self) -> dict[str, int]:
        """indicator -> its latest year."""
        return dict(self.rows("select indicator, laatste_jaar from indicator where laatste_jaar is not null order by 1"))

    @cached_property
    def present(self) -> dict[str, int]:
        """indicator -> buurten of the universe that have a value in its latest year."""
        return dict(
            self.rows(
                """select indicator, count(w.waarde) from laatste_waarde as w join gebied as g using (gebiedscode)
                where g.soort = 'buurt' and g.inwoners >= 200 group by 1 order by 1"""
            )
        )

    @property
    def core_in_use(self) -> list[str]:
        """Core indicators of the themes of the rule that have a score."""
        names = [name for theme in self.rule if theme in self.scores for name in self.catalog.core(theme)]
        return [name for name in names if self.present.get(name)]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Percentile of every core indicator of every area among the areas of its kind."""
        return second.percentiles(second.Database.read(self.con).latest(), "nl")

    @cached_property
    def figures(self) -> pd.DataFrame:
        """Buurten of the universe x indicators, in the latest year of each; `krimp` figures as they are compared."""
        frame: pd.DataFrame = self.con.execute(
            """select w.gebiedscode, w.indicator, coalesce(w.geschat, w.waarde) as x
            from laatste_waarde as w join gebied as g using (gebiedscode)
            where g.soort = 'buurt' and g.inwoners >= 200 and w.waarde is not null order by 1, 2"""
        ).df()
        return frame.pivot(index="gebiedscode", columns="indicator", values="x")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Buurten of the universe x themes: published scores."""
        frame: pd.DataFrame = self.con.execute(
            """select s.gebiedscode, s.thema, s.score from thema_score as s join gebied as g using (gebiedscode)
            where g.soort = 'buurt' and s.referentie = 'nl' and s.score is not null order by 1, 2"""
        ).df()
        return frame.pivot(index="gebiedscode", columns="thema", values="score")

    @cached_property
    def decided(self) -> pd.DataFrame:
        """Buurten of the universe: outcome, urbanity, and (raised, strong) themes of the rule."""
        return self.con.execute(
            """select g.gebiedscode, g.stedelijkheid, g.inwoners, i.uitkomst, list_contains(i.redenen, ?) as een_bron,
              count(s.thema) filter (s.niveau in ('aandacht', 'sterk')) as themas,
              count(s.thema) filter (s.niveau = 'sterk') as sterk
            from gebied as g
            join integraal as i using (gebiedscode)
            left join signaal as s on s.gebiedscode = g.gebiedscode and list_contains(?, s.thema)
            where g.soort = 'buurt' and g.inwoners >= 200 group by all order by 1""",
            [ONE_SOURCE, self.rule],
        ).df()

    @property
    def independent(self) -> float:
        """Share of buurten that would meet the rule, but for the family clause, if the themes had nothing to do with each other.

        From the shares of each theme's levels alone; of themes that have a score.
        """
        levels = self.rows(
            """select s.thema, count(*) filter (s.niveau = 'aandacht') / count(*), count(*) filter (s.niveau = 'sterk') / count(*)
            from signaal as s join gebied as g using (gebiedscode)
            where g.soort = 'buurt' and list_contains(?, s.thema) group by 1 order by 1""",
            self.rule,
        )
        chances = [(1 - attention - strong, attention, strong) for _, attention, strong in levels]
        total = 0.0
        for states in product(range(3), repeat=len(chances)):
            if sum(state > 0 for state in states) >= MIN_THEMES or states.count(2) >= MIN_STRONG:
                chance = 1.0
                for state, theme in zip(states, chances, strict=True):
                    chance *= theme[state]
                total += chance
        return total

    def correlations(self, frame: pd.DataFrame, names: list[str]) -> list[Pair]:
        """Rank correlation of every pair of these columns, strongest first; pairs with too few buurten are left out."""
        known = [name for name in names if name in frame.columns]
        found: list[Pair] = []
        for number, one in enumerate(known):
            for other in known[number + 1 :]:
                both = frame[[one, other]].dropna()
                if len(both) >= FEWEST:
                    found.append(Pair(one, other, float(both.corr(method="spearman").iloc[0, 1]), len(both)))
        return sorted(found, key=lambda pair: (-abs(pair.rho), pair.one, pair.other))

    def beside(self) -> list[tuple[Pair, bool]]:
        """Every figure outside the scores with a direction beside the score of its theme, and whether that is as it may be."""
        found: list[tuple[Pair, bool]] = []
        for name, indicator in self.catalog.indicators.items():
            theme = self.catalog.themes[indicator.thema]
            core = indicator.rol == "kern"
            if core or indicator.richting == "neutraal" or name not in self.figures or indicator.thema not in self.scores:
                continue
            both = pd.concat([self.figures[name], self.scores[indicator.thema]], axis=1).dropna()
            if len(both) >= FEWEST:
                rho = float(both.corr(method="spearman").iloc[0, 1])
                same = indicator.richting == ("gunstig" if theme.kracht else "ongunstig")
                found.append((Pair(name, indicator.thema, rho, len(both)), (rho > 0) == same or abs(rho) < NOTHING))
        return found

    def buurten(self, gemeente: str) -> list[Buurt]:
        """The buurten of a gemeente by code."""
        rows = self.rows(
            """select g.gebiedscode, g.naam, g.inwoners, i.uitkomst, i.stabiliteit, i.redenen, i.n_bronfamilies
            from gebied as g join integraal as i using (gebiedscode)
            where g.soort = 'buurt' and g.gemeentecode = ? order by 1""",
            gemeente,
        )
        levels: dict[str, dict[str, str]] = {}
        for code, theme, level in self.rows(
            "select gebiedscode, thema, niveau from signaal where gebiedscode[3:6] = ? order by all", gemeente[2:]
        ):
            levels.setdefault(code, {})[theme] = level
        places: dict[str, dict[str, float]] = {}
        for cell in self.cells[self.cells["gemeentecode"] == gemeente].itertuples():
            places.setdefault(str(cell.gebiedscode), {})[str(cell.indicator)] = float(cell.p)
        found: list[Buurt] = []
        for code, name, people, outcome, stability, reasons, families in rows:
            own = levels.get(code, {})
            found.append(
                Buurt(
                    code,
                    escape(name, quote=False),
                    people,
                    outcome,
                    stability,
                    tuple(reasons),
                    tuple(theme for theme, level in own.items() if level == "kracht"),
                    {theme: own[theme] for theme in self.rule if own.get(theme) in RAISED},
                    own,
                    places.get(code, {}),
                    families,
                )
            )
        return found

    def families(self, buurt: Buurt) -> list[str]:
        """Families that carry the raised themes of a buurt."""
        found = {
            self.catalog.indicators[name].familie
            for theme in buurt.raised
            for name in self.catalog.core(theme)
            if buurt.percentiles.get(name, 0.0) >= 0.80
        }
        return sorted(found & second.INDEPENDENT)

    def agreement(self, list_id: str) -> Agreement | None:
        """How a list and our outcome agree over the buurten that it speaks of; None when it was not compared."""
        counts = dict(
            self.rows(
                """select oordeel, count(*) from lijstvergelijking join gebied using (gebiedscode)
                where lijst = ? and soort = 'buurt' group by 1 order by 1""",
                list_id,
            )
        )
        names = ("beide", "alleen_lijst", "alleen_wij", "geen_van_beide")
        return Agreement(*(counts.get(name, 0) for name in names)) if counts else None
