"""Theme scores, signals and the decision rule: METHOD.md sections 4 to 7. Percentiles are set-based (`transforms/scores.sql`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from beeld.transforms.arrow import Kind, registered
from beeld.transforms.catalog import FAMILIES, Catalog
from beeld.transforms.indicators import MIN_PEOPLE

SHARE_NEEDED = 0.60
ATTENTION, STRONG = 0.80, 0.90
"""Quantiles of a theme score over the universe that make the thresholds c80 and c90."""
CARRIED = 0.80
"""Percentile from which a core indicator carries its theme."""
PEAK = 0.90
"""Percentile from which a single core indicator is listed: an average hides it (METHOD.md section 6)."""
EQUAL = 1e-6
"""Scores and percentiles nearer than this are equal: a score on its threshold may differ from it in the last bit."""
MIN_THEMES, MIN_STRONG, MIN_FAMILIES = 3, 2, 2

Threshold = tuple[str, str, str, float, str]
"""soort, thema, niveau, grens, release: a row of `drempel`."""


@dataclass(frozen=True)
class ThemeSignal:
    """The signal of one theme in one area: niveau, and the families whose indicators carry it."""

    thema: str
    niveau: str
    families: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """The outcome of the decision rule with its reasons in Dutch."""

    uitkomst: str
    n_themas: int
    n_bronfamilies: int
    redenen: tuple[str, ...]


def compute_scores(con: duckdb.DuckDBPyConnection, catalog: Catalog, project: Path) -> int:
    """Fill `thema_score`; returns the number of scores that could be published."""
    con.execute(
        "create or replace table werk.kern (indicator varchar, thema varchar, teken double, percentiel varchar, familie varchar)"
    )
    for theme in catalog.scored_themes:
        for name in catalog.core(theme):
            indicator = catalog.indicators[name]
            higher_is = "gunstig" if catalog.themes[theme].kracht else "ongunstig"
            sign = 1.0 if indicator.richting == higher_is else -1.0
            con.execute(
                "insert into werk.kern values (?, ?, ?, ?, ?)",
                [name, theme, sign, indicator.percentiel, indicator.familie],
            )
    values = {"mensen": MIN_PEOPLE, "deel": SHARE_NEEDED}
    for statement in duckdb.extract_statements((project / "transforms" / "scores.sql").read_text(encoding="utf-8")):
        con.execute(statement, {name: values[name] for name in statement.named_parameters})
    row = con.execute("select count(score) from thema_score").fetchone()
    return int(row[0]) if row else 0


def compute_thresholds(con: duckdb.DuckDBPyConnection, catalog: Catalog, release: str, carried: Sequence[Threshold]) -> int:
    """Fill `drempel`: thresholds carried on from an earlier release of this method, and computed ones where none are carried."""
    if carried:
        con.executemany("insert into drempel values (?, ?, ?, ?, ?)", [list(row) for row in carried])
    strengths = [name for name, theme in catalog.themes.items() if theme.kracht]
    con.execute(
        f"""insert into drempel
        with kwantielen as (
          select d.soort, s.thema, quantile_cont(s.score, {ATTENTION}) as q80, quantile_cont(s.score, {STRONG}) as q90
          from thema_score as s
          join werk.deelnemer as d using (gebiedscode)
          where s.referentie = 'nl' and s.score is not null
          group by d.soort, s.thema),
        grenzen as (
          select soort, thema, case when list_contains($krachten, thema) then 'kracht' else 'aandacht' end as niveau, q80 as grens
          from kwantielen
          union all
          select soort, thema, 'sterk', q90
          from kwantielen
          where not list_contains($krachten, thema))
        select soort, thema, niveau, grens, $release
        from grenzen as g
        where not exists (from drempel as al where al.soort = g.soort and al.thema = g.thema and al.niveau = g.niveau)
        order by soort, thema, niveau""",
        {"krachten": strengths, "release": release},
    )
    row = con.execute("select count(*) from drempel").fetchone()
    return int(row[0]) if row else 0


def compute_signals(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> int:
    """Fill `signaal`, `opvallend` and `integraal` for every area, as the published figures give them.

    What stands of it when the figures vary is for `certainty.compute_stability`; until then `klasse` is niet_berekend.
    """
    single = [theme for theme in catalog.scored_themes if len(catalog.core(theme)) == 1]
    strengths = [name for name, theme in catalog.themes.items() if theme.kracht]
    con.execute(
        """insert into signaal
        with mediaan as (
          select d.soort, d.gemeentecode, s.thema, quantile_cont(s.score, 0.5) as gemeente_mediaan
          from thema_score as s join werk.deelnemer as d using (gebiedscode)
          where s.referentie = 'nl' group by all),
        gewogen as (
          select s.gebiedscode, s.thema, s.score, s.n_gebruikt, s.n_totaal, m.gemeente_mediaan,
            max(d.grens) filter (d.niveau = 'aandacht') as aandacht,
            max(d.grens) filter (d.niveau = 'sterk') as sterk,
            max(d.grens) filter (d.niveau = 'kracht') as kracht
          from thema_score as s
          join werk.deelnemer as w using (gebiedscode)
          join mediaan as m on m.soort = w.soort and m.gemeentecode is not distinct from w.gemeentecode and m.thema = s.thema
          left join drempel as d on d.soort = w.soort and d.thema = s.thema
          where s.referentie = 'nl' and s.score is not null group by all),
        bepaald as (
          select *, case
            when list_contains($krachten, thema)
              then case when score >= kracht - $gelijk then 'kracht' else 'geen' end
            when score < gemeente_mediaan - $gelijk then 'geen'
            when score >= sterk - $gelijk and not list_contains($enkel, thema) then 'sterk'
            when score >= aandacht - $gelijk then 'aandacht'
            else 'geen' end as niveau
          from gewogen)
        select gebiedscode, thema, niveau, 'niet_berekend', null,
          list_filter([
            'score ' || replace(printf('%.2f', score), '.', ',') || ', grens '
              || replace(printf('%.2f', coalesce(kracht, aandacht)), '.', ','),
            n_gebruikt || ' van ' || n_totaal || ' kernindicatoren',
            case when niveau = 'geen' and score >= aandacht - $gelijk
              then 'lager dan de helft van de gebieden in de gemeente' end,
            case when niveau = 'aandacht' and score >= sterk - $gelijk then 'één kernindicator: ten hoogste aandacht' end],
            r -> r is not null)
        from bepaald order by gebiedscode, thema""",
        {"krachten": strengths, "enkel": single, "gelijk": EQUAL},
    )
    _list_peaks(con, catalog)
    outcomes = _outcomes(con, catalog)
    ordered = sorted(outcomes.items())
    columns: dict[str, tuple[Kind, list[Any]]] = {
        "gebiedscode": ("text", [code for code, _ in ordered]),
        "uitkomst": ("text", [outcome.uitkomst for _, outcome in ordered]),
        "n_themas": ("integer", [outcome.n_themas for _, outcome in ordered]),
        "n_bronfamilies": ("integer", [outcome.n_bronfamilies for _, outcome in ordered]),
        "redenen": ("texts", [list(outcome.redenen) for _, outcome in ordered]),
    }
    with registered(con, "uitkomsten", columns):
        con.execute("insert into integraal by name from uitkomsten")
    return len(outcomes)


def _list_peaks(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """`opvallend`: core indicators with a high percentile in the country; a modelled figure without its place."""
    modelled = [name for name, indicator in catalog.indicators.items() if indicator.soort == "modelschatting"]
    con.execute(
        """insert into opvallend
        select gebiedscode, thema, indicator, case when not list_contains($modelled, indicator) then p end, 'niet_berekend', null
        from werk.percentiel
        where referentie = 'nl' and p >= $peak
        order by gebiedscode, indicator""",
        {"modelled": modelled, "peak": PEAK - EQUAL},
    )


def decide(scored: Mapping[str, frozenset[str]], signals: Sequence[ThemeSignal], titles: Mapping[str, str]) -> Outcome:
    """The decision rule for one area.

    `scored`: theme of the rule with a score -> families of its core indicators that have a value. `signals`: those themes with
    their level. The outcome is that of the published figures; stability can still lower it.
    """
    families_scored = frozenset[str]().union(*scored.values()) if scored else frozenset[str]()
    raised = [signal for signal in signals if signal.niveau in ("aandacht", "sterk")]
    strong = [signal for signal in raised if signal.niveau == "sterk"]
    carrying = frozenset[str]().union(*(signal.families for signal in raised)) if raised else frozenset[str]()
    named = [f"{titles[s.thema]}: {s.niveau}" for s in raised]
    if len(scored) < MIN_THEMES or len(families_scored) < MIN_FAMILIES:
        count = len(families_scored)
        why = f"{len(scored)} van de 6 thema's met een score, uit {count} {'soort bron' if count == 1 else 'soorten bronnen'}"
        return Outcome("te_weinig_gegevens", len(raised), len(carrying), (*named, why))
    if len(raised) < MIN_THEMES and len(strong) < MIN_STRONG:
        themes = "1 thema" if len(raised) == 1 else f"{len(raised)} thema's"
        return Outcome(
            "geen_signaal",
            len(raised),
            len(carrying),
            (*named, f"{themes} met een signaal; nodig zijn er 3, of 2 sterke"),
        )
    if len(carrying) < MIN_FAMILIES:
        return Outcome("geen_signaal", len(raised), len(carrying), (*named, "één onderliggende bron"))
    return Outcome("bespreken", len(raised), len(carrying), tuple(named))


def _outcomes(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> dict[str, Outcome]:
    rule = [name for name, theme in catalog.themes.items() if theme.beslisregel]
    titles = {name: theme.titel for name, theme in catalog.themes.items()}
    rows = con.execute(
        """select s.gebiedscode, s.thema, s.niveau,
          list(distinct k.familie) filter (list_contains($families, k.familie)),
          list(distinct k.familie) filter (p.p >= $carried and list_contains($families, k.familie))
        from signaal as s
        join werk.percentiel as p on p.gebiedscode = s.gebiedscode and p.thema = s.thema and p.referentie = 'nl'
        join werk.kern as k on k.indicator = p.indicator
        where list_contains($regel, s.thema)
        group by s.gebiedscode, s.thema, s.niveau order by s.gebiedscode, s.thema""",
        {"families": list(FAMILIES), "carried": CARRIED - EQUAL, "regel": rule},
    ).fetchall()
    scored: dict[str, dict[str, frozenset[str]]] = {}
    signals: dict[str, list[ThemeSignal]] = {}
    for code, theme, level, families, carrying in rows:
        scored.setdefault(code, {})[theme] = frozenset(families or ())
        signals.setdefault(code, []).append(ThemeSignal(theme, level, frozenset(carrying or ())))
    order = {name: number for number, name in enumerate(rule)}
    outcomes: dict[str, Outcome] = {}
    too_small = dict(
        con.execute("select gebiedscode, list(distinct peiljaar order by peiljaar) from werk.toen group by 1").fetchall()
    )
    for code, kind, people in con.execute(
        "select gebiedscode, soort, inwoners from gebied where soort <> 'land' order by 1"
    ).fetchall():
        found = sorted(signals.get(code, []), key=lambda signal: order[signal.thema])
        outcome = decide(scored.get(code, {}), found, titles)
        outcomes[code] = Outcome(
            outcome.uitkomst,
            outcome.n_themas,
            outcome.n_bronfamilies,
            (*outcome.redenen, *_note(kind, people, too_small.get(code, ()))),
        )
    return outcomes


def _note(kind: str, people: int | None, years: Sequence[int]) -> tuple[str, ...]:
    """Why an area, or what it has of some years, is not scored."""
    if kind == "samengesteld":
        return ("een samengesteld gebied krijgt geen score; zie de buurten",)
    if kind == "gemeente":
        return ()
    if people is None:
        return ("het aantal inwoners is onbekend",)
    if people < MIN_PEOPLE:
        return (f"minder dan {MIN_PEOPLE} inwoners: geen score",)
    return tuple(f"in {year} minder dan {MIN_PEOPLE} inwoners: de cijfers van dat jaar tellen niet mee" for year in years)
