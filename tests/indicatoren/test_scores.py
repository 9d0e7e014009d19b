"""Percentiles, theme scores, signals and the decision rule: the worked examples of METHOD.md sections 4 to 7, through the SQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from beeld.transforms import scores
from beeld.transforms.catalog import Catalog
from tests.indicatoren import scoring

Con = duckdb.DuckDBPyConnection
PARTS = {"armoede": ["bijstand_per_1000_15_65", "aandeel_moeite_rondkomen"]}
RULE = ("armoede", "cohesie", "eenzaamheid", "psychisch", "veiligheid", "werk")
BOUNDS = {(theme, level): bound for theme in RULE for level, bound in (("aandacht", 0.74), ("sterk", 0.83))}


def buurten(count: int, gemeente: str = "0014") -> list[str]:
    """Codes of so many buurten of one gemeente."""
    return [f"BU{gemeente}{number:04d}" for number in range(count)]


# ---------------------------------------------------------------- section 4


def test_mid_rank_percentiles(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 4: "(N = 8): 6.0 has rank 2.5 → P = 0.25; 12.8 → 0.8125; 15.3 → 0.9375"."""
    values = [4.1, 6.0, 6.0, 7.5, 9.2, 10.0, 12.8, 15.3]
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"]})
    scoring.compute(database, core, project, {"aandeel_eenzaam": dict(zip(buurten(8), values, strict=True))})
    found = list(scoring.percentiles(database, "aandeel_eenzaam").values())
    assert found == [0.0625, 0.25, 0.25, 0.4375, 0.5625, 0.6875, 0.8125, 0.9375]


def test_higher_is_more_concern_and_strengths_turn_it_round(catalog: Catalog, project: Path, database: Con) -> None:
    """A favourable figure is negated in a theme of concern, and counts as it is in the theme of strengths."""
    names = {"werk": ["nettoarbeidsparticipatie", "ww_per_1000_15_65"], "kracht": ["aandeel_vrijwilligers", "aandeel_regie"]}
    core = scoring.with_core(catalog, names)
    low, high = buurten(2)
    scoring.compute(database, core, project, {name: {low: 1.0, high: 2.0} for part in names.values() for name in part})
    assert scoring.percentiles(database, "nettoarbeidsparticipatie") == {low: 0.75, high: 0.25}
    assert scoring.percentiles(database, "ww_per_1000_15_65") == {low: 0.25, high: 0.75}
    assert scoring.percentiles(database, "aandeel_vrijwilligers") == {low: 0.25, high: 0.75}


def test_small_and_unknown_buurten_are_no_part_of_the_reference(catalog: Catalog, project: Path, database: Con) -> None:
    """Universe: buurten and wijken from 200 inhabitants; wijken and gemeenten are compared with their own kind only."""
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"]})
    small, unknown, border, big = buurten(4)
    codes = [small, unknown, border, big, "WK001400", "WK001401", "WK001402", "GM0014", "NL00"]
    scoring.insert_areas(database, codes, {small: 199, unknown: None, border: 200, big: 5000, "WK001401": 199, "WK001402": None})
    figures = {code: float(number) for number, code in enumerate(codes)}
    scoring.compute(database, core, project, {"aandeel_eenzaam": figures})
    assert scoring.percentiles(database, "aandeel_eenzaam") == {border: 0.25, big: 0.75, "WK001400": 0.5, "GM0014": 0.5}
    scored = {row[0] for row in database.execute("select distinct gebiedscode from thema_score").fetchall()}
    assert scored == {border, big, "WK001400", "GM0014"}


def test_a_figure_of_a_year_in_which_few_people_lived_here_is_not_scored(catalog: Catalog, project: Path, database: Con) -> None:
    """A share of 40 people in 2024 says nothing of the 5,000 of today; where the number of then is unknown, the figure counts."""
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"]})
    core = replace(core, indicators={**core.indicators, "aantal_inwoners": catalog.indicators["aantal_inwoners"]})
    grown, then_unknown, steady = buurten(3)
    codes = [grown, then_unknown, steady, "WK001400", "WK001401", "GM0014"]
    scoring.insert_areas(database, codes, dict.fromkeys(codes, 5000))
    people = {grown: 199.0, steady: 200.0, "WK001400": 10.0, "GM0014": 30.0}
    figures = {code: float(number) for number, code in enumerate(codes)}
    scoring.compute(database, core, project, {"aandeel_eenzaam": figures, "aantal_inwoners": people})
    scores.compute_thresholds(database, core, "toets", [])
    scores.compute_signals(database, core)
    assert scoring.percentiles(database, "aandeel_eenzaam") == {then_unknown: 0.25, steady: 0.75, "WK001401": 0.5, "GM0014": 0.5}
    said = "in 2024 minder dan 200 inwoners: de cijfers van dat jaar tellen niet mee"
    reasons = dict(database.execute("select gebiedscode, redenen from integraal").fetchall())
    assert {code for code, found in reasons.items() if said in found} == {grown, "WK001400"}


def test_distances_are_compared_within_the_class_of_urbanity(catalog: Catalog, project: Path, database: Con) -> None:
    core = scoring.with_core(catalog, {"voorzieningen": ["afstand_huisarts"], "eenzaamheid": ["aandeel_eenzaam"]})
    codes = buurten(4)
    scoring.insert_areas(database, codes, classes=dict(zip(codes, [1, 1, 5, 5], strict=True)))
    figures = dict(zip(codes, [0.5, 0.6, 3.0, 4.0], strict=True))
    scoring.compute(database, core, project, {"afstand_huisarts": figures, "aandeel_eenzaam": figures})
    assert list(scoring.percentiles(database, "afstand_huisarts").values()) == [0.25, 0.75, 0.25, 0.75]
    assert list(scoring.percentiles(database, "aandeel_eenzaam").values()) == [0.125, 0.375, 0.625, 0.875]


def test_distances_within_a_gemeente_are_compared_within_their_class_too(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 4: "Distances: within the stedelijkheid class", in every reference set; without a class in none."""
    core = scoring.with_core(catalog, {"voorzieningen": ["afstand_huisarts"]})
    codes = buurten(5)
    scoring.insert_areas(database, codes, classes=dict(zip(codes, [1, 1, 5, 5, 5], strict=True)))
    database.execute("update gebied set stedelijkheid = null where gebiedscode = ?", [codes[4]])
    scoring.compute(database, core, project, {"afstand_huisarts": dict(zip(codes, [0.5, 0.6, 3.0, 4.0, 9.0], strict=True))})
    for reference in ("nl", "gemeente", "stedelijkheid"):
        assert list(scoring.percentiles(database, "afstand_huisarts", reference).values()) == [0.25, 0.75, 0.25, 0.75]


def test_every_reference_set_is_its_own(catalog: Catalog, project: Path, database: Con) -> None:
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"]})
    one, two, other = "BU00140000", "BU00140001", "BU00150000"
    scoring.insert_areas(database, [one, two, other], classes={one: 1, two: 2, other: 1})
    scoring.compute(database, core, project, {"aandeel_eenzaam": {one: 1.0, two: 2.0, other: 3.0}})
    assert scoring.percentiles(database, "aandeel_eenzaam", "gemeente") == {one: 0.25, two: 0.75, other: 0.5}
    assert scoring.percentiles(database, "aandeel_eenzaam", "stedelijkheid") == {one: 0.25, two: 0.5, other: 0.75}


def test_the_shrunk_rate_is_ranked_and_the_raw_one_published(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 3: "percentiles use `geschat`"."""
    core = scoring.with_core(catalog, {"veiligheid": ["misdrijven_per_1000"]})
    first, second = buurten(2)
    scoring.insert_areas(database, [first, second])
    scoring.insert_values(database, core, {"misdrijven_per_1000": {first: 900.0, second: 100.0}})
    database.execute("update waarde set geschat = case when waarde = 900 then 50 else 60 end")
    scores.compute_scores(database, core, project)
    assert scoring.percentiles(database, "misdrijven_per_1000") == {first: 0.25, second: 0.75}


# ---------------------------------------------------------------- section 5


def test_theme_score_is_the_mean_of_what_is_present(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 5: "0.91, 0.84, 0.62, one missing of four → T = 0.79, 3/4"; of 50: ranks 46, 42.5 and 31.5."""
    names = ["een", "twee", "drie", "vier"]
    core = scoring.with_core(catalog, {"psychisch": names})
    codes = buurten(50)
    ours = codes[0]

    def ranked(rank: float) -> dict[str, float]:
        """The others lie at 0 … 48; at rank − 1.5 we stand between two of them (whole rank) or beside one (a tie)."""
        return {ours: rank - 1.5, **{code: float(number) for number, code in enumerate(codes[1:])}}

    values = {"een": ranked(46), "twee": ranked(42.5), "drie": ranked(31.5), "vier": dict.fromkeys(codes[1:], 1.0)}
    scoring.compute(database, core, project, values)
    found = [round(scoring.percentiles(database, name)[ours], 12) for name in names[:3]]
    assert found == [0.91, 0.84, 0.62]
    value, used, total = scoring.score(database, ours, "psychisch")
    assert value == pytest.approx(0.79, abs=1e-12)
    assert (used, total) == (3, 4)


@pytest.mark.parametrize(
    ("present", "total", "published"),
    [
        *[(1, 1, True), (0, 1, False), (1, 2, False), (2, 2, True), (1, 3, False), (2, 3, True), (2, 4, False), (3, 4, True)],
        *[(2, 5, False), (3, 5, True), (5, 9, False), (6, 9, True), (5, 10, False), (6, 10, True), (9, 15, True)],
    ],
)
def test_sixty_percent_and_two(present: int, total: int, published: bool, catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 5: "Publish only if ≥ 60 % of them and ≥ 2 are present"; a single kern indicator may be scored 1/1."""
    names = [f"deel_{number}" for number in range(total)]
    core = scoring.with_core(catalog, {"psychisch": names})
    ours, other = buurten(2)
    values = {name: {other: 1.0} | ({ours: 2.0} if number < present else {}) for number, name in enumerate(names)}
    scoring.insert_areas(database, [ours, other])
    scoring.compute(database, core, project, values)
    value, used, of = scoring.score(database, ours, "psychisch")
    assert (value is not None) is published
    assert (used, of) == (present, total)


# ---------------------------------------------------------------- section 6


def test_thresholds_are_quantiles_of_the_scores(catalog: Catalog, project: Path, database: Con) -> None:
    """c80 and c90 over the universe; each kind of area has its own, and strengths have one threshold."""
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"], "kracht": ["aandeel_vrijwilligers"]})
    figures = {code: float(number) for number, code in enumerate(buurten(11))}
    scoring.compute(database, core, project, {"aandeel_eenzaam": figures, "aandeel_vrijwilligers": figures})
    scores.compute_thresholds(database, core, "R1", ())
    rows = database.execute("select soort, thema, niveau, round(grens, 12), release from drempel order by all").fetchall()
    assert rows == [
        ("buurt", "eenzaamheid", "aandacht", round(8.5 / 11, 12), "R1"),
        ("buurt", "eenzaamheid", "sterk", round(9.5 / 11, 12), "R1"),
        ("buurt", "kracht", "kracht", round(8.5 / 11, 12), "R1"),
    ]


def test_thresholds_are_carried_on_and_only_new_ones_computed(catalog: Catalog, project: Path, database: Con) -> None:
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"]})
    scoring.compute(database, core, project, {"aandeel_eenzaam": {code: float(n) for n, code in enumerate(buurten(11))}})
    scores.compute_thresholds(database, core, "R2", [("buurt", "eenzaamheid", "aandacht", 0.5, "R1")])
    rows = database.execute("select niveau, round(grens, 12), release from drempel order by all").fetchall()
    assert rows == [("aandacht", 0.5, "R1"), ("sterk", round(9.5 / 11, 12), "R2")]


@pytest.mark.parametrize(
    ("value", "median", "expected"),
    [
        (0.79, 0.58, "aandacht"),
        (0.86, 0.58, "sterk"),
        (0.74, 0.58, "aandacht"),
        (0.83, 0.58, "sterk"),
        (0.7399, 0.58, "geen"),
        (0.79, 0.79, "aandacht"),
        (0.79, 0.80, "geen"),
        (0.86, 0.95, "geen"),
    ],
)
def test_levels(value: float, median: float, expected: str, catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 6: "c80 = 0.74, c90 = 0.83, gemeente median 0.58: T = 0.79 → aandacht; T = 0.86 → sterk"."""
    core = scoring.with_core(catalog, PARTS)
    ours, low, high = buurten(3)
    others = (median, median) if value != median else (value - 0.1, value + 0.1)
    given = {(ours, "armoede"): value, (low, "armoede"): others[0], (high, "armoede"): others[1]}
    scoring.signals(database, core, project, given, {}, BOUNDS)
    level, reasons = scoring.level(database, ours, "armoede")
    assert level == expected
    lower = "lager dan de helft van de gebieden in de gemeente"
    assert (lower in reasons) == (expected == "geen" and value >= 0.74)


def test_a_single_core_indicator_is_never_strong(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 5: "may be scored 1/1 and can then reach aandacht, never sterk"."""
    core = scoring.with_core(catalog, {"eenzaamheid": ["aandeel_eenzaam"]})
    (ours,) = buurten(1)
    scoring.signals(database, core, project, {(ours, "eenzaamheid"): 0.99}, {}, BOUNDS)
    level, reasons = scoring.level(database, ours, "eenzaamheid")
    assert level == "aandacht"
    assert "één kernindicator: ten hoogste aandacht" in reasons


def test_strength_needs_no_gemeente_median(catalog: Catalog, project: Path, database: Con) -> None:
    core = scoring.with_core(catalog, {"kracht": ["aandeel_vrijwilligers", "aandeel_regie"]})
    ours, better, best = buurten(3)
    given = {(ours, "kracht"): 0.80, (better, "kracht"): 0.9, (best, "kracht"): 0.95}
    scoring.signals(database, core, project, given, {}, {("kracht", "kracht"): 0.80})
    assert scoring.level(database, ours, "kracht")[0] == "kracht"


def test_single_indicators_from_090_are_listed_too(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 6: "Single indicators with P_ij ≥ 0.90 are listed too: an average hides peaks (modelled ones only as text without
    a number)"."""
    core = scoring.with_core(catalog, {"armoede": ["bijstand_per_1000_15_65", "aandeel_moeite_rondkomen"]})
    areas = buurten(10)
    rising = {code: float(number) for number, code in enumerate(areas)}
    given = {"bijstand_per_1000_15_65": rising, "aandeel_moeite_rondkomen": {code: -x for code, x in rising.items()}}
    scoring.compute(database, core, project, given)
    assert scoring.score(database, areas[-1], "armoede")[0] == pytest.approx(0.5), "the mean hides both"
    scores.compute_thresholds(database, core, "toets", ())
    scores.compute_signals(database, core)
    rows = database.execute(
        "select gebiedscode, indicator, percentiel, klasse, stabiliteit from opvallend order by all"
    ).fetchall()
    assert rows == [
        (areas[0], "aandeel_moeite_rondkomen", None, "niet_berekend", None),
        (areas[-1], "bijstand_per_1000_15_65", pytest.approx(0.95), "niet_berekend", None),
    ]


# ---------------------------------------------------------------- section 7, through the database

THEMES = {
    "armoede": ["bijstand_per_1000_15_65", "aandeel_moeite_rondkomen"],
    "eenzaamheid": ["aandeel_eenzaam"],
    "psychisch": ["aandeel_angst_depressie", "aandeel_veel_stress"],
    "veiligheid": ["misdrijven_per_1000"],
    "voorzieningen": ["afstand_huisarts", "afstand_supermarkt"],
}


def decided(
    catalog: Catalog, project: Path, con: Con, given: dict[str, float], carried: dict[str, float]
) -> tuple[str, int, int, list[str]]:
    """The outcome of one buurt from theme scores and percentiles of indicators; indicators that are not named lie at 0.5."""
    core = scoring.with_core(catalog, THEMES)
    (ours,) = buurten(1)
    names = [name for theme in given for name in core.core(theme)]
    bounds = BOUNDS | {("voorzieningen", "aandacht"): 0.74, ("voorzieningen", "sterk"): 0.83}
    scoring.signals(
        con,
        core,
        project,
        {(ours, theme): value for theme, value in given.items()},
        {(ours, name): carried.get(name, 0.5) for name in names},
        bounds,
    )
    return scoring.outcome(con, ours)


def test_buurt_x(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 7, X: "1 sterk, 3 aandacht, 5 aandacht", families a and b: te bespreken."""
    given = {"armoede": 0.86, "eenzaamheid": 0.80, "veiligheid": 0.80}
    carried = {"bijstand_per_1000_15_65": 0.9, "aandeel_eenzaam": 0.8, "misdrijven_per_1000": 0.8}
    outcome, themes, families, reasons = decided(catalog, project, database, given, carried)
    assert (outcome, themes, families) == ("bespreken", 3, 2)
    assert [reason for reason in reasons if ":" in reason][:3] == [
        "Armoede en lage SES: sterk",
        "Eenzaamheid: aandacht",
        "Leefbaarheid en veiligheid: aandacht",
    ]


def test_buurt_y(catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 7, Y: themes 1, 3 and 4 on family a only: "no signal; één onderliggende bron"."""
    given = {"armoede": 0.80, "eenzaamheid": 0.80, "psychisch": 0.80, "veiligheid": 0.3}
    carried = {"aandeel_moeite_rondkomen": 0.9, "aandeel_eenzaam": 0.9, "aandeel_veel_stress": 0.9}
    outcome, themes, families, reasons = decided(catalog, project, database, given, carried)
    assert (outcome, themes, families) == ("geen_signaal", 3, 1)
    assert "één onderliggende bron" in reasons


@pytest.mark.parametrize(("p", "expected"), [(0.80, "bespreken"), (0.7999, "geen_signaal")])
def test_a_family_carries_from_080(p: float, expected: str, catalog: Catalog, project: Path, database: Con) -> None:
    """METHOD.md 7: "at least one of its kern indicators of family f has P ≥ 0.80"."""
    given = {"armoede": 0.80, "eenzaamheid": 0.80, "veiligheid": 0.80}
    carried = {"bijstand_per_1000_15_65": 0.9, "misdrijven_per_1000": p}
    assert decided(catalog, project, database, given, carried)[0] == expected


def test_two_strong_themes_suffice(catalog: Catalog, project: Path, database: Con) -> None:
    """ "≥ 3 of themes 1–5 and 7 have aandacht (or ≥ 2 sterk)"; the families still have to be two."""
    given = {"armoede": 0.90, "psychisch": 0.90, "veiligheid": 0.3}
    one = decided(catalog, project, database, given, {"bijstand_per_1000_15_65": 0.9, "aandeel_veel_stress": 0.9})
    assert one[:3] == ("geen_signaal", 2, 1)
    assert "één onderliggende bron" in one[3]


def test_two_themes_of_which_one_strong_do_not_suffice(catalog: Catalog, project: Path, database: Con) -> None:
    given = {"armoede": 0.90, "eenzaamheid": 0.3, "veiligheid": 0.80}
    found = decided(catalog, project, database, given, {"bijstand_per_1000_15_65": 0.9, "misdrijven_per_1000": 0.9})
    assert found[:3] == ("geen_signaal", 2, 2)
    assert any("nodig zijn er 3" in reason for reason in found[3])


def test_theme_six_is_no_part_of_the_rule(catalog: Catalog, project: Path, database: Con) -> None:
    given = {"armoede": 0.80, "eenzaamheid": 0.3, "veiligheid": 0.80, "voorzieningen": 0.99}
    carried = {name: 0.95 for names in THEMES.values() for name in names}
    assert decided(catalog, project, database, given, carried)[:3] == ("geen_signaal", 2, 2)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"armoede": 0.99},
        {"armoede": 0.99, "veiligheid": 0.99},
        {"armoede": 0.99, "eenzaamheid": 0.99, "psychisch": 0.99},
        {"armoede": 0.99, "veiligheid": 0.99, "voorzieningen": 0.99},
    ],
)
def test_too_little_data(given: dict[str, float], catalog: Catalog, project: Path, database: Con) -> None:
    """ "fewer than 3 of these themes, or fewer than 2 families, can be scored"; theme 6 does not count."""
    carried = {name: 0.95 for names in THEMES.values() for name in names}
    if not given:
        scoring.insert_areas(database, buurten(1), {buurten(1)[0]: 100})
        scoring.insert_values(database, scoring.with_core(catalog, THEMES), {})
        scores.compute_scores(database, scoring.with_core(catalog, THEMES), project)
        scores.compute_signals(database, scoring.with_core(catalog, THEMES))
        outcome, themes, _, reasons = scoring.outcome(database, buurten(1)[0])
        assert reasons[-1] == "minder dan 200 inwoners: geen score"
    else:
        outcome, themes, _, _ = decided(catalog, project, database, given, carried)
    assert outcome == "te_weinig_gegevens"
    assert themes == len([theme for theme in given if theme != "voorzieningen"])
