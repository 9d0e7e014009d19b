"""A third way to stability (METHOD.md section 8): error models written down here, its own random numbers, public tables only.

It shares nothing with the package, so that the shares agree only in distribution: within the error of two sets of draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from tests.indicatoren import second, second_intervals
from tests.indicatoren.second import SAME, Database

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """Share of the draws in which something holds, in a release and here."""

    what: tuple[str, ...]
    published: float
    here: float


@dataclass(frozen=True)
class Theme:
    """One theme over the chosen areas."""

    signal: Flags
    """areas x draws."""
    strong: Flags
    carried: Mapping[str, Flags]
    """Family -> carried by it."""


class Chain:
    """The whole chain for some areas of one kind."""

    def __init__(self, con: duckdb.DuckDBPyConnection, kind: str, codes: Sequence[str], draws: int, seed: int) -> None:
        self.database, self.kind, self.codes, self.draws = Database.read(con), kind, list(codes), draws
        self.chance = np.random.default_rng(seed)
        scores: pd.DataFrame = con.execute("select gebiedscode, thema, score from thema_score where referentie = 'nl'").df()
        self.scores = scores.merge(self.database.scored_areas, on="gebiedscode").query("soort == @kind")
        bounds = con.execute("select thema, niveau, grens from drempel where soort = ?", [kind]).fetchall()
        self.bounds = {(theme, level): bound for theme, level, bound in bounds}
        self.cells = self.database.latest().query("soort == @kind")
        self.common = self.chance.standard_normal((len(codes), draws))
        gemeenten = self.database.areas.set_index("gebiedscode")["gemeentecode"].reindex(self.codes)
        self.place = {town: number for number, town in enumerate(dict.fromkeys(gemeenten))}
        self.towns = np.array([self.place[town] for town in gemeenten])
        self.high: dict[str, Flags] = {}

    def run(self) -> dict[str, Theme]:
        """Every theme in every draw; fills `high`, indicator -> among the highest."""
        return {str(theme): self._theme(str(theme)) for theme in sorted(self.database.core["thema"].unique())}

    def holds(self, themes: Mapping[str, Theme]) -> Flags:
        """The decision rule in every draw."""
        rule = [themes[name] for name in second.RULE if name in themes]
        raised = np.sum([theme.signal for theme in rule], axis=0)
        strong = np.sum([theme.strong for theme in rule], axis=0)
        families = sorted({family for theme in rule for family in theme.carried})
        carrying = np.sum([np.any([t.carried[f] & t.signal for t in rule if f in t.carried], axis=0) for f in families], axis=0)
        return ((raised >= 3) | (strong >= 2)) & (carrying >= 2)

    def _theme(self, theme: str) -> Theme:
        core = self.database.core.query("thema == @theme").sort_values("indicator")
        names = [str(name) for name in core["indicator"]]
        places = {name: self._percentiles(name) for name in names}
        self.high |= {name: place >= 0.90 - SAME for name, place in places.items()}
        present = np.stack([np.isfinite(places[name]).any(axis=1) for name in names])
        weights = self.chance.standard_gamma(4.0, (len(names), 1, self.draws))
        dropped = self.chance.integers(0, len(names), self.draws)
        drops = (present.sum(axis=0) >= 3) & (len(names) >= 3)
        used = present[:, :, None] & ~(drops[:, None] & (np.arange(len(names))[:, None, None] == dropped))
        stacked = np.stack([np.nan_to_num(places[name]) for name in names])
        with np.errstate(divide="ignore", invalid="ignore"):
            score = (weights * used * stacked).sum(axis=0) / (weights * used).sum(axis=0)
        shift = self.chance.uniform(-0.02, 0.02, self.draws)
        published = self.scores.query("thema == @theme").dropna(subset=["score"]).set_index("gebiedscode")
        allowed = np.array([code in published.index for code in self.codes])[:, None]
        strength = theme == second.STRENGTH
        if not strength:
            allowed = allowed & (score >= self._medians(published)[:, None] - SAME)
        first = self.bounds.get((theme, "kracht" if strength else "aandacht"), math.inf)
        top = self.bounds.get((theme, "sterk"), math.inf) if len(names) > 1 else math.inf
        signal = allowed & (score >= first + shift - SAME)
        families = dict(zip(names, core["familie"], strict=True))
        carried = {
            str(family): np.any(
                [used[n] & (places[name] >= 0.80 - SAME) for n, name in enumerate(names) if families[name] == family], axis=0
            )
            for family in set(families.values()) & second.INDEPENDENT
        }
        return Theme(signal, signal & (score >= top + shift - SAME), carried)

    def _medians(self, published: pd.DataFrame) -> Floats:
        """Of the published scores of the gemeente; none for a gemeente, or for an area that is the only one with a score."""
        found = published.groupby("gemeentecode")["score"].agg(["median", "size"])
        towns = self.database.areas.set_index("gebiedscode")["gemeentecode"].reindex(self.codes)
        own = found.reindex(towns)
        there = (own["size"].to_numpy() > 1) & (self.kind != "gemeente")
        return np.where(there, own["median"].to_numpy(), -math.inf)

    def _percentiles(self, name: str) -> Floats:
        """areas x draws: the place of the drawn figure among the published ones; NaN where the area has none, or no set."""
        cells = self.cells.query("indicator == @name").set_index("gebiedscode")
        found = np.full((len(self.codes), self.draws), np.nan)
        if cells.empty:
            return found
        own = cells.reindex(self.codes)
        wanted = "gunstig" if cells["thema"].iloc[0] == second.STRENGTH else "ongunstig"
        drawn = self._drawn(name, cells, own) * (1.0 if cells["richting"].iloc[0] == wanted else -1.0)
        distance = cells["aard"].iloc[0] == "afstand"
        for others in [group for _, group in cells.groupby("stedelijkheid")] if distance else [cells]:
            known = np.sort(others["x"].to_numpy(dtype=float))
            rows = np.flatnonzero(own.index.isin(others.index))
            below, upto = (np.searchsorted(known, drawn[rows], side) for side in ("left", "right"))
            found[rows] = (below + upto) / (2 * len(known))
        return found

    def _drawn(self, name: str, cells: pd.DataFrame, own: pd.DataFrame) -> Floats:
        """areas x draws: the true figure given the published one, as METHOD.md words it for its kind."""
        shape = (len(own), self.draws)
        raw = own["raw"].to_numpy(dtype=float)[:, None]
        y, n = (own[column].to_numpy(dtype=float)[:, None] for column in ("teller", "noemer"))
        if second.PUBLISHED.get(name, "").startswith("rivm_gezondheid."):
            toward = 1.0 if cells["richting"].iloc[0] == "ongunstig" else -1.0
            error = toward * math.sqrt(0.5) * self.common + math.sqrt(0.5) * self.chance.standard_normal(shape)
            return raw + second_intervals.ASSUMED / second_intervals.Z * error
        if name not in second.RATES:
            return np.broadcast_to(raw, shape).copy()
        factor = second.RATES[name][0]
        if own["geschat"].notna().any():
            return np.exp(np.log(raw) + self._shrunk_error(cells, own)[:, None] * self.chance.standard_normal(shape))
        filled = np.nan_to_num(y), np.nan_to_num(n, nan=1.0)
        if name in second_intervals.EVENTS:
            count = self.chance.standard_gamma(filled[0] + 0.5, shape)
        else:
            inside = np.clip(filled[0], 0, filled[1])
            count = filled[1] * self.chance.beta(inside + 0.5, filled[1] - inside + 0.5, shape)
        count = np.maximum(count + self._rounding(name, shape), 0)
        count = count if name in second_intervals.EVENTS else np.minimum(count, n)
        return factor * count / n

    def _rounding(self, name: str, shape: tuple[int, int]) -> Floats:
        """Tens: independent, to the nearest; fives: 0 to 4 in one direction for a gemeente and topic."""
        variance = second_intervals.rounding(name, np.array([self.kind in ("buurt", "wijk")]))[0]
        if variance == 0:
            return np.zeros(shape)
        if name in second_intervals.TENS:
            return self.chance.integers(0, 10, shape) - 4.5
        signs = self.chance.choice([-1.0, 1.0], (len(self.place), self.draws))[self.towns]
        return signs * self.chance.integers(0, 5, shape)

    def _shrunk_error(self, cells: pd.DataFrame, own: pd.DataFrame) -> Floats:
        """√(B v) per area on the log scale, with τ² of its class of urbanity; √v for an area without a class."""
        variance = 1 / (own["teller"].to_numpy(dtype=float) + 0.5)
        found = np.sqrt(variance)
        for number, group in cells.groupby("stedelijkheid"):
            _, tau2 = second.shrunk(group["teller"].tolist(), group["noemer"].tolist())
            mine = (own["stedelijkheid"] == number).fillna(value=False).to_numpy(dtype=np.bool_)
            found[mine] = np.sqrt(tau2 * variance[mine] / (tau2 + variance[mine]))
        return found


def compare(con: duckdb.DuckDBPyConnection, kind: str, codes: Sequence[str], draws: int, seed: int) -> list[Share]:
    """Every share that the release publishes of these areas, beside the one that is found here."""
    chain = Chain(con, kind, codes, draws, seed)
    themes = chain.run()
    rule = chain.holds(themes)
    row = {code: number for number, code in enumerate(codes)}
    found: list[Share] = []
    for code, theme, level, share in con.execute("select gebiedscode, thema, niveau, stabiliteit from signaal").fetchall():
        if code in row:
            held = themes[theme].strong if level == "sterk" else themes[theme].signal
            found.append(Share((code, theme, level), share, float(held[row[code]].mean())))
    for code, share in con.execute("select gebiedscode, stabiliteit from integraal where stabiliteit is not null").fetchall():
        if code in row:
            found.append(Share((code, "integraal"), share, float(rule[row[code]].mean())))
    peaks = con.execute("select gebiedscode, indicator, stabiliteit from opvallend where stabiliteit is not null").fetchall()
    found += [
        Share((c, name, "opvallend"), share, float(chain.high[name][row[c]].mean())) for c, name, share in peaks if c in row
    ]
    return found


def differences(shares: Sequence[Share], published: int, here: int) -> list[str]:
    """Shares that differ by more than five standard errors of two sets of so many draws, and groups that differ on the whole."""
    wrong: list[str] = []
    groups: dict[str, list[float]] = {}
    for share in shares:
        middle = (share.published + share.here) / 2
        error = math.sqrt(middle * (1 - middle) * (1 / published + 1 / here))
        if abs(share.published - share.here) > 5 * error + 0.005:
            wrong.append(str(share))
        groups.setdefault(share.what[1], []).append(share.here - share.published)
    most = 10 / math.sqrt(1000 * published)
    return [*wrong, *(f"{name}: on average {np.mean(found):.4f}" for name, found in groups.items() if abs(np.mean(found)) > most)]
