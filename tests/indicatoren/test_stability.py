"""Stability of signals and outcomes (METHOD.md 8): against a second implementation, and under changes that must not matter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from beeld.transforms import certainty, draws, scores, stability
from beeld.transforms.catalog import Catalog
from beeld.transforms.error_models import read_universe
from tests.calibration import country as invented
from tests.indicatoren import drawn, second, second_scores, second_stability

Con = duckdb.DuckDBPyConnection
BUURTEN = 150


@pytest.fixture(scope="module")
def land(catalog: Catalog) -> invented.Country:
    """A small country with true differences and some cells missing."""
    chance = np.random.default_rng(8)
    country = invented.invent(catalog, chance, BUURTEN, between=1.3)
    for key, figures in country.columns.items():
        if key != ("cbs_kwb", "aantal_inwoners"):
            figures[chance.random(len(figures)) < 0.04] = np.nan
    return country


def build(project: Path, catalog: Catalog, country: invented.Country, *, upto: str = "stabiliteit", draws: int = 200) -> Con:
    """A build database of that country."""
    con = drawn.open_database(project)
    invented.compute_figures(con, catalog, country)
    if upto == "stabiliteit":
        invented.compute_signals(con, catalog, draws=draws)
    return con


@pytest.fixture(scope="module")
def con(project: Path, catalog: Catalog, land: invented.Country) -> Iterator[Con]:
    with closing(build(project, catalog, land)) as made:
        yield made


def outcome_of(con: Con) -> tuple[list[Any], ...]:
    """Everything that stability writes."""
    return (
        con.execute("select * from signaal order by all").fetchall(),
        con.execute("select * from integraal order by all").fetchall(),
        con.execute("select * from opvallend order by all").fetchall(),
        con.execute("select * from gevoeligheid order by all").fetchall(),
    )


# ---------------------------------------------------------------- the worked example


def test_the_rivm_example() -> None:
    """METHOD.md 8: "14.4, 95 % interval 11.2–18.1 → sd = 6.9/3.92 = 1.76; P(≥ 13.5) = 0.70 → onzeker"."""
    spread = (18.1 - 11.2) / 3.92
    assert round(spread, 2) == 1.76
    model = one_figure("normaal", value=14.4, spread=spread)
    # of ten figures eight lie below 13.5: between 13 and 13.5 the percentile is 0.80, at 13.5 it is 0.85, above it 0.90
    reference = stability.Reference.of(np.array([5.0, 6, 7, 8, 9, 10, 11, 12, 13.5, 20]))
    rule = stability.ThemeRule("eenzaamheid", 0.85, np.inf, 1, strength=False, in_rule=True)
    block = stability.Block((model,), ((reference,),), (rule,), np.array([[np.nan]]), np.array([[True]]))
    noise = draws.noise("zaad", ["BU00140000"], ["GM0014"], [model], 200_000)
    fixed = draws.Scenarios(np.ones((1, 200_000)), np.ones((1, 200_000), dtype=np.bool_), np.zeros((1, 200_000)))
    share = stability.shares(block, noise, fixed).signal[0, 0]
    assert share == pytest.approx(0.695, abs=0.005)
    assert round(share, 1) == 0.7
    assert 0.50 <= share < certainty.FIRM


def one_figure(
    model: draws.Model,
    *,
    value: float,
    spread: float = np.nan,
    count: float = np.nan,
    people: float = np.nan,
    topics: tuple[tuple[str, int], ...] = (),
    factor: float = 1.0,
) -> draws.ErrorModel:
    """The error model of one indicator in one area."""
    return draws.ErrorModel(
        name="cijfer",
        theme="eenzaamheid",
        family="inkomen",
        sign=1.0,
        toward=1.0,
        model=model,
        value=np.array([value]),
        spread=np.array([spread]),
        count=np.array([count]),
        denominator=np.array([people]),
        factor=factor,
        topics=topics,
        rounded=np.ones((len(topics), 1), dtype=np.bool_),
        shared=None,
    )


def figures(model: draws.ErrorModel, count: int = 200_000) -> Any:
    """The drawn figures of that one area."""
    noise = draws.noise("zaad", ["BU00140000"], ["GM0014"], [model], count)
    return draws.drawn(model, noise, draws.layout_of([model]), np.float64)[0]


@pytest.mark.parametrize(("base", "variance"), [(5, 6.0), (10, 8.25), (None, 0.0)])
def test_counts_vary_as_section_3_says(base: int | None, variance: float) -> None:
    """beta(y + 1/2, n - y + 1/2) of 60 in 800, then rounding: about y(1 - y/n) plus 6, 8.25 or nothing."""
    topics = () if base is None else (("bijstand", base),)
    found = figures(one_figure("binomiaal", value=0.075, count=60.0, people=800.0, topics=topics)) * 800
    assert found.mean() == pytest.approx(800 * 60.5 / 801, abs=0.1)
    assert found.var() == pytest.approx(800**2 * 60.5 * 740.5 / (801**2 * 802) + variance, rel=0.02)


def test_a_count_varies_around_itself_and_never_below_zero() -> None:
    found = figures(one_figure("poisson", value=0.0, count=0.0, people=100.0, topics=(("x", 5),)))
    assert found.min() == 0.0
    large = figures(one_figure("poisson", value=9.0, count=900.0, people=100.0)) * 100
    assert large.mean() == pytest.approx(900.5, rel=0.001)
    assert large.var() == pytest.approx(900.5, rel=0.02)


def test_crime_varies_on_the_log_scale() -> None:
    found = figures(one_figure("lognormaal", value=40.0, spread=0.2))
    assert found.mean() == pytest.approx(np.log(40.0), abs=0.002)
    assert found.std() == pytest.approx(0.2, rel=0.01)


def test_modelled_figures_of_an_area_share_half_of_their_error() -> None:
    """METHOD.md 8: "one shared error per area of correlation ρ = 0.5 across SMAP figures"; toward concern, whatever the sign."""
    first = replace(one_figure("normaal", value=0.0, spread=1.0), name="a", shared="rivm")
    other, good = replace(first, name="b"), replace(first, name="c", toward=-1.0)
    models = [first, other, good]
    noise = draws.noise("zaad", ["BU00140000"], ["GM0014"], models, 200_000)
    drawn_figures = [draws.drawn(model, noise, draws.layout_of(models), np.float64)[0] for model in models]
    found = np.corrcoef(drawn_figures)
    assert found[0, 1] == pytest.approx(0.5, abs=0.01)
    assert found[0, 2] == pytest.approx(-0.5, abs=0.01)
    assert np.std(drawn_figures, axis=1) == pytest.approx([1, 1, 1], abs=0.01)


def test_the_sign_of_rounding_is_that_of_gemeente_and_topic() -> None:
    model = one_figure("telling", value=100.0, topics=(("huishoudens", 5),))
    area = [f"BU0014{number:04d}" for number in range(40)]
    wide = model.of(np.zeros(40, dtype=int))
    noise = draws.noise(
        "zaad",
        [*area[:20], *(code.replace("0014", "0015", 1) for code in area[20:])],
        ["GM0014"] * 20 + ["GM0015"] * 20,
        [wide],
        500,
    )
    signs = np.sign(noise.rounding[:, 0])
    for part in (signs[:20], signs[20:]):
        assert (part.max(axis=0) - part.min(axis=0) <= 1).all(), "within a gemeente never up and down at once"
    assert (signs[:20].sum(axis=0) * signs[20:].sum(axis=0) < 0).any(), "two gemeenten have signs of their own"


def test_weights_drops_and_thresholds() -> None:
    """Dirichlet(4, …, 4) has mean 1/k and variance (1/k)(1 − 1/k)/(4k + 1); one of three or more is dropped, of two none."""
    models = [replace(one_figure("vast", value=1.0), name=name, theme="drie") for name in "abc"]
    models += [replace(one_figure("vast", value=1.0), name=name, theme="twee") for name in "de"]
    found = draws.scenarios("zaad", models, ["drie", "twee"], 100_000)
    share = found.weights[:3] / found.weights[:3].sum(axis=0)
    assert share.mean(axis=1) == pytest.approx([1 / 3] * 3, abs=0.003)
    assert share.var(axis=1) == pytest.approx([2 / 9 / 13] * 3, rel=0.03)
    assert (found.kept[:3].sum(axis=0) == 2).all()
    assert found.kept[:3].mean(axis=1) == pytest.approx([2 / 3] * 3, abs=0.01)
    assert found.kept[3:].all()
    assert found.shifts.min() == pytest.approx(-0.02, abs=1e-4)
    assert found.shifts.max() == pytest.approx(0.02, abs=1e-4)


# ---------------------------------------------------------------- the look-up


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_the_look_up_is_a_binary_search(precision: type[np.floating]) -> None:
    chance = np.random.default_rng(1)
    for known in (
        np.round(chance.normal(40, 5, 4000), 1),
        chance.normal(size=4000),
        np.ones(3),
        np.append(chance.normal(size=9), -np.inf),
        chance.lognormal(0, 3, 2000),
    ):
        reference = stability.Reference.of(known, precision)
        asked = np.concatenate([known, chance.normal(known[np.isfinite(known)].mean(), 5, 5000), [1e9, -1e9]]).astype(precision)
        mine = reference.percentile(asked)
        there = np.sort(known.astype(precision))
        both = np.searchsorted(there, asked, "left") + np.searchsorted(there, asked, "right")
        assert mine == pytest.approx(both / (2 * len(known)), abs=1e-6)


def test_the_published_figures_give_the_published_levels(project: Path, catalog: Catalog, land: invented.Country) -> None:
    """One draw in which nothing is disturbed is the chain of transforms/scores.sql."""
    with closing(build(project, catalog, land, upto="figures")) as con:
        scores.compute_scores(con, catalog, project)
        scores.compute_thresholds(con, catalog, "toets", ())
        scores.compute_signals(con, catalog)
        expected = {(c, t): n for c, t, n in con.execute("select gebiedscode, thema, niveau from signaal").fetchall()}
        rule = dict(con.execute("select gebiedscode, uitkomst = 'bespreken' from integraal").fetchall())
        compared = 0
        for kind in ("buurt", "wijk", "gemeente"):
            universe = read_universe(con, catalog, kind)
            assert universe is not None
            names = [r.name for r in universe.block.rules]
            found = stability.shares(universe.block, None, draws.published_scenario(universe.block.models, names))
            for number, theme in enumerate(universe.block.rules):
                for place, code in enumerate(universe.codes):
                    if universe.block.scored[number, place]:
                        high = "kracht" if theme.strength else "aandacht"
                        level = "sterk" if found.strong[number, place] else high if found.signal[number, place] else "geen"
                        assert level == expected[code, theme.name], (code, theme.name)
                        compared += 1
            assert {c: bool(found.rule[p]) for p, c in enumerate(universe.codes)} == {c: rule[c] for c in universe.codes}
    assert compared == len(expected) > 800


# ---------------------------------------------------------------- the second implementation


def test_a_second_implementation_agrees_to_the_last_draw(con: Con, catalog: Catalog) -> None:
    """Plain loops on the same random numbers: every share, also without each indicator."""
    universe = read_universe(con, catalog, "buurt", np.float64)
    assert universe is not None
    known = [[float(x) for x in model.ranked if not np.isnan(x)] for model in universe.block.models]
    by_class = [len({id(r) for r in refs}) > 1 for refs in universe.block.references]
    part, count = universe.part(20, 26), 25
    names = [rule.name for rule in part.block.rules]
    scenarios = draws.scenarios("zaad", part.block.models, names, count)
    noise = draws.noise("zaad", part.codes, part.gemeenten, part.block.models, count)
    found = stability.shares(part.block, noise, scenarios, np.float64)
    assert 0 < found.signal.sum() < found.signal.size, "the small case must have signals and none"
    classes = dict(con.execute("select gebiedscode, stedelijkheid from gebied").fetchall())
    for area, code in enumerate(part.codes):
        own = [
            [
                float(x)
                for x, c in zip(model.ranked, universe.codes, strict=True)
                if not np.isnan(x) and classes[c] == classes[code]
            ]
            if split
            else known[place]
            for place, (model, split) in enumerate(zip(universe.block.models, by_class, strict=True))
        ]
        results = [second_scores.one_draw(part.block, noise, scenarios, own, area, draw, None) for draw in range(count)]
        assert found.rule[area] == sum(r.rule for r in results) / count
        for number in range(len(names)):
            assert found.signal[number, area] == sum(r.levels[number] > 0 for r in results) / count, (code, names[number])
            assert found.strong[number, area] == sum(r.levels[number] > 1 for r in results) / count, (code, names[number])
        for place, model in enumerate(part.block.models):
            assert found.peak[place, area] == sum(place in r.peaks for r in results) / count, (code, model.name)
            if np.isnan(model.value[area]):
                continue
            others = [second_scores.one_draw(part.block, noise, scenarios, own, area, draw, place) for draw in range(count)]
            number = names.index(model.theme)
            changed = sum(a.levels[number] != b.levels[number] for a, b in zip(results, others, strict=True))
            assert found.theme_changes[place, area] == changed / count, (code, model.name)
            if part.block.rules[number].in_rule:
                assert (
                    found.rule_changes[place, area] == sum(a.rule != b.rule for a, b in zip(results, others, strict=True)) / count
                )
                assert found.rule_without[place, area] == sum(b.rule for b in others) / count


def test_another_implementation_with_other_random_numbers_agrees_in_distribution(con: Con) -> None:
    """With nothing of the package but the public tables: every core figure, also those that no real table delivers yet."""
    codes = [code for (code,) in con.execute("select gebiedscode from gebied where soort = 'buurt' order by 1").fetchall()]
    shares = second_stability.compare(con, "buurt", codes, 1000, seed=8)
    assert {share.what[1] for share in shares} >= {"armoede", "werk", "integraal", "bedrijfsvestigingen_per_1000"}
    assert second_stability.differences(shares, 200, 1000) == []


def test_single_precision_changes_next_to_nothing(con: Con, catalog: Catalog) -> None:
    """In distribution: shares in single and double precision, and with other random numbers, differ by noise only."""
    single, double = (read_universe(con, catalog, "buurt", kind) for kind in (np.float32, np.float64))
    assert single is not None
    assert double is not None
    names = [rule.name for rule in single.block.rules]
    found: list[stability.Shares] = []
    for universe, precision, seed in ((single, np.float32, "a"), (double, np.float64, "a"), (double, np.float64, "b")):
        scenarios = draws.scenarios(seed, universe.block.models, names, 1000)
        noise = draws.noise(seed, universe.codes, universe.gemeenten, universe.block.models, 1000)
        found.append(stability.shares(universe.block, noise, scenarios, precision))
    assert np.abs(found[0].signal - found[1].signal).max() <= 0.003
    other = np.abs(found[1].signal - found[2].signal)
    assert other.max() <= 0.10, "six standard errors of a difference between two shares of 1 000"
    assert 0 < other.mean() <= 0.02


# ---------------------------------------------------------------- what must not matter


def test_the_same_inputs_give_the_same_stability(project: Path, catalog: Catalog, land: invented.Country, con: Con) -> None:
    with closing(build(project, catalog, land)) as again:
        assert outcome_of(again) == outcome_of(con)


@pytest.mark.parametrize("size", [7, 1000])
def test_the_size_of_a_block_is_nothing(size: int, project: Path, catalog: Catalog, land: invented.Country, con: Con) -> None:
    with closing(build(project, catalog, land, upto="figures")) as other:
        scores.compute_scores(other, catalog, project)
        scores.compute_thresholds(other, catalog, "toets", ())
        scores.compute_signals(other, catalog)
        certainty.compute_stability(other, catalog, "toets", draws=200, block=size)
        assert outcome_of(other) == outcome_of(con)


def test_the_order_of_rows_and_of_the_catalogue_is_nothing(
    project: Path, catalog: Catalog, land: invented.Country, con: Con
) -> None:
    turned = replace(catalog, indicators=dict(reversed(catalog.indicators.items())))
    order = np.random.default_rng(3).permutation(len(land.codes))
    mixed = replace(
        land,
        codes=[land.codes[n] for n in order],
        gemeenten=[land.gemeenten[n] for n in order],
        kinds=land.kinds[order],
        people=land.people[order],
        classes=land.classes[order],
        columns={key: figures[order] for key, figures in land.columns.items()},
    )
    with closing(build(project, turned, mixed)) as other:
        assert outcome_of(other) == outcome_of(con)


def test_another_delivery_or_method_is_another_seed(con: Con) -> None:
    from beeld.transforms.error_models import seed_of

    before = seed_of(con, "1")
    assert seed_of(con, "2") != before
    con.execute("begin")
    try:
        con.execute("update waarde set snapshot_sha256 = 'a' || snapshot_sha256 where indicator = 'aandeel_eenzaam'")
        core = seed_of(con, "1")
        con.execute("update waarde set snapshot_sha256 = 'b' || snapshot_sha256 where indicator = 'aandeel_eenzaam_65_plus'")
        assert before != core == seed_of(con, "1"), "only what the scores use"
    finally:
        con.execute("rollback")
    assert seed_of(con, "1") == before


def test_unit_and_scale_leave_scores(project: Path, catalog: Catalog, land: invented.Country, con: Con) -> None:
    """A modelled figure in other units, or its logarithm: percentiles and theme scores stay."""
    query = "select gebiedscode, thema, referentie, round(score, 12) from thema_score order by all"
    expected = con.execute(query).fetchall()
    key = ("rivm_gezondheid", "eenzaam")
    for change in (lambda x: x / 10, lambda x: 10 * np.log(x)):
        with closing(
            build(project, catalog, replace(land, columns={**land.columns, key: change(land.columns[key])}), upto="f")
        ) as other:
            scores.compute_scores(other, catalog, project)
            assert other.execute(query).fetchall() == expected


def test_one_more_area_moves_others_by_its_rank_only(project: Path, catalog: Catalog, land: invented.Country, con: Con) -> None:
    """A new area moves the percentile of another by at most 1/(N + 1)."""
    more = replace(
        land,
        codes=[*land.codes, "BU00020999"],
        gemeenten=[*land.gemeenten, "GM0002"],
        kinds=np.append(land.kinds, "buurt"),
        people=np.append(land.people, 1000.0),
        classes=np.append(land.classes, 3),
        columns={key: np.append(f, np.nanmedian(f)) for key, f in land.columns.items()},
    )
    query = (
        "select gebiedscode, p from werk.percentiel where indicator = 'aandeel_eenzaam' and referentie = 'nl' and soort = 'buurt'"
    )
    with closing(build(project, catalog, more, upto="figures")) as other:
        scores.compute_scores(other, catalog, project)
        before, after = dict(con.execute(query).fetchall()), dict(other.execute(query).fetchall())
    assert after.keys() - before.keys() == {"BU00020999"}
    assert max(abs(after[code] - p) for code, p in before.items()) <= 1 / (len(before) + 1) + 1e-12


# ---------------------------------------------------------------- in the tables


def test_signals_and_outcomes_follow_their_share(con: Con) -> None:
    """METHOD.md 8: stevig ≥ 0.80, onzeker 0.50–0.80, below 0.50 no signal; bespreken ≥ 0.80, grensgeval 0.50–0.80."""
    counts = second.compare(con, own_thresholds=True)
    assert counts["signalen"] > 800
    assert counts["opvallend"] > 100
    found = {row[0] for row in con.execute("select distinct klasse from signaal").fetchall()}
    assert found == {"stevig", "onzeker"}
    assert con.execute(
        "select count(*) from integraal where (stabiliteit is null) <> (uitkomst = 'te_weinig_gegevens')"
    ).fetchall() == [(0,)]


def test_what_taking_an_indicator_away_does_is_published(con: Con, catalog: Catalog) -> None:
    """Only rows that say something; those of the decision rule are of its own themes; the reasons name the largest."""
    rows = con.execute(
        """select g.thema, g.indicator, g.aandeel, g.uitkomst_zonder, coalesce(s.niveau, i.uitkomst) from gevoeligheid as g
        left join signaal as s on s.gebiedscode = g.gebiedscode and s.thema = g.thema
        left join integraal as i on i.gebiedscode = g.gebiedscode and g.thema = 'integraal' order by all"""
    ).fetchall()
    assert {row[0] for row in rows} >= {"integraal", "armoede"}
    for theme, name, share, without, now in rows:
        assert share > 0 or without != now
        own = catalog.indicators[name].thema
        assert theme == own or (theme == "integraal" and catalog.themes[own].beslisregel)
    top = con.execute(
        """select i.redenen, list(t.titel order by t.titel) from integraal as i
        join (select *, max(aandeel) over (partition by gebiedscode) as meest from gevoeligheid where thema = 'integraal') as g
          using (gebiedscode)
        join indicator as t using (indicator)
        where i.uitkomst in ('bespreken', 'grensgeval') and g.aandeel > 0 and g.aandeel = g.meest
        group by i.gebiedscode, i.redenen order by 1"""
    ).fetchall()
    assert top
    for reasons, titles in top:
        text = " ".join(reasons)
        assert any(f'zonder "{title}" verandert de uitkomst het vaakst' in text for title in titles), (text, titles)
    assert all("bij de kopgroep" in " ".join(reasons) for reasons, _ in top)


def test_an_area_alone_in_its_gemeente_is_not_held_against_itself(con: Con, catalog: Catalog) -> None:
    """Its own published score would be the median, and half of its draws lie below that."""
    universe = read_universe(con, catalog, "gemeente")
    assert universe is not None
    assert np.isnan(universe.block.medians).all()


def test_percentages_are_rounded_down(con: Con) -> None:
    rows = con.execute(
        """select stabiliteit, list_filter(redenen, r -> r like 'hoort in%')[1] from integraal
        where uitkomst in ('bespreken', 'grensgeval') order by 1"""
    ).fetchall()
    assert rows
    for share, reason in rows:
        assert reason == f"hoort in {int(100 * share + 1e-9)} % van de scenario's bij de kopgroep"
