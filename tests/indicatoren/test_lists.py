"""Our outcome beside lists of others, and the rule without one core indicator: against the SQL itself and a plain second way."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from beeld.errors import UsageError
from beeld.transforms import lists, scores, without
from beeld.transforms.catalog import Catalog
from beeld.transforms.list_members import Listed
from beeld.transforms.listed import SuppliedList, load_lists, refuse_unknown
from beeld.transforms.lists import Agreement, Ours, judge
from tests.indicatoren import drawn, scoring, second

Con = duckdb.DuckDBPyConnection
CORE = {
    "armoede": ["bijstand_per_1000_15_65", "aandeel_moeite_rondkomen"],
    "eenzaamheid": ["aandeel_eenzaam"],
    "psychisch": ["aandeel_angst_depressie", "aandeel_veel_stress", "aandeel_rokers", "aandeel_overmatige_drinkers"],
    "veiligheid": ["misdrijven_per_1000", "vernielingen"],
    "voorzieningen": ["afstand_huisarts"],
}
RULE = [name for theme, names in CORE.items() if theme != "voorzieningen" for name in names]
UNION = "SG-gageldonk-warande"
PARTS = ("BU07480200", "BU07480201", "BU07480202", "BU07480203")


@pytest.fixture(scope="module")
def small_catalog(catalog: Catalog) -> Catalog:
    """Four themes of the rule, two families, and theme 6, which is no part of it; no list but what a test adds."""
    made = scoring.with_core(catalog, CORE)
    crimes = made.indicators["misdrijven_per_1000"]
    changed = {"vernielingen": made.indicators["vernielingen"].model_copy(update={"familie": "politie", "percentiel": "nl"})}
    changed["misdrijven_per_1000"] = crimes.model_copy(update={"richting": "ongunstig", "familie": "politie"})
    return replace(made, indicators={**made.indicators, **changed}, lists=())


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, float]]:
    """Random figures of 8 gemeenten of 30 buurten, with what buurten have in common, so that several themes stand out at once."""
    chance = random.Random(7)
    codes = [f"BU{gemeente:04d}{buurt // 10:02d}{buurt % 10:02d}" for gemeente in range(748, 756) for buurt in range(30)]
    common = {code: chance.gauss(0, 1) for code in codes}
    names = [name for names in CORE.values() for name in names]
    return {
        name: {code: 20 + common[code] + chance.gauss(0, 1) for code in codes if chance.random() > 0.06}
        for name in names  # "BU07480200" to "...03" are among them: the union of the checkout
    }


def built(con: Con, catalog: Catalog, project: Path, figures: Mapping[str, Mapping[str, float]]) -> None:
    """Scores, thresholds, signals and outcomes, as a release computes them; three buurten are too small or of unknown size."""
    codes = sorted({code for cells in figures.values() for code in cells})
    people: dict[str, int | None] = {"BU07480000": 199, "BU07480001": 200, "BU07480002": None}
    scoring.insert_areas(con, [*codes, UNION] if UNION in {u.code for u in catalog.unions} else codes, people)
    scoring.insert_values(con, catalog, {name: cells for name, cells in figures.items() if name in catalog.indicators})
    con.execute("create or replace table werk.keten (gebiedscode varchar, indeling_jaar integer, oude_code varchar)")
    con.execute(
        "insert into gebied_historie select gebiedscode, indeling_jaar, naam, null, null from gebied where soort = 'buurt'"
    )
    score(con, catalog, project)


def score(con: Con, catalog: Catalog, project: Path) -> None:
    """Scores, thresholds of these scores, signals and outcomes, in the place of what was there."""
    for table in ("thema_score", "drempel", "signaal", "opvallend", "integraal"):
        con.execute(f"delete from {table}")
    scores.compute_scores(con, catalog, project)
    scores.compute_thresholds(con, catalog, "toets", ())
    scores.compute_signals(con, catalog)


@pytest.fixture(scope="module")
def build(project: Path, small_catalog: Catalog, figures: dict[str, dict[str, float]]) -> Iterator[Con]:
    """The build database with all core indicators. Tests change nothing but `lijst` and `lijstvergelijking`."""
    with closing(drawn.open_database(project)) as con:
        built(con, small_catalog, project, figures)
        yield con


@pytest.fixture
def compare(build: Con, small_catalog: Catalog) -> Any:
    """Compute the comparison with these lists; gives (rows of `lijst`, rows of `lijstvergelijking`)."""

    def run(*supplied: SuppliedList, catalog: Catalog = small_catalog) -> tuple[dict[str, Any], dict[tuple[str, str], Any]]:
        build.execute("delete from lijst")
        build.execute("delete from lijstvergelijking")
        count = lists.compute_lists(build, replace(catalog, lists=supplied))
        found = build.execute("select * from lijst order by lijst").fetchall()
        rows = build.execute(
            "select lijst, gebiedscode, in_lijst, uitkomst, oordeel, indicator, reden from lijstvergelijking order by all"
        ).fetchall()
        assert len(rows) == count
        return {row[0]: row[1:] for row in found}, {(row[0], row[1]): row[2:] for row in rows}

    return run


def a_list(*codes: str, **changes: Any) -> SuppliedList:
    """A supplied list of the newest division."""
    fields = {"id": "proef", "titel": "Proef", "bron": "Iemand", "jaar": 2024, "indeling_jaar": scoring.YEAR, "gebieden": codes}
    return SuppliedList.model_validate({**fields, **changes})


# ---------------------------------------------------------------- the rule without one indicator


def decided(con: Con) -> dict[str, str]:
    return dict(con.execute("select gebiedscode, uitkomst from integraal order by 1").fetchall())


def as_areas(con: Con, catalog: Catalog, left_out: str | None) -> dict[str, str]:
    published = without.read_published(con, catalog)
    titles = {name: theme.titel for name, theme in catalog.themes.items()}
    return dict(zip(published.areas, without.outcomes(published, left_out, titles), strict=True))


def test_with_every_indicator_the_outcome_is_the_published_one(build: Con, small_catalog: Catalog) -> None:
    found = as_areas(build, small_catalog, None)
    published = decided(build)
    assert set(found.values()) == {"bespreken", "geen_signaal", "te_weinig_gegevens"}, "the figures must reach every outcome"
    assert found == {code: published[code] for code in found}
    assert set(published) - set(found) == {"BU07480000", "BU07480002", UNION}, "no score below 200 or of unknown size"


@pytest.mark.parametrize("name", RULE)
def test_without_one_it_is_what_a_catalogue_without_it_gives(
    name: str, build: Con, small_catalog: Catalog, project: Path
) -> None:
    """The same figures through `scores.sql`, thresholds included, with a catalogue in which the indicator is no core."""
    less = small_catalog.indicators[name].model_copy(update={"rol": "aanvullend"})
    catalog = replace(small_catalog, indicators={**small_catalog.indicators, name: less})
    build.execute("begin")
    try:
        score(build, catalog, project)
        expected = decided(build)
    finally:
        build.execute("rollback")
    found = as_areas(build, small_catalog, name)
    assert found == {code: expected[code] for code in found}
    assert found != as_areas(build, small_catalog, None), "the figures must make a difference"


def second_outcomes(con: Con, left_out: str | None) -> dict[str, str]:
    """The outcomes by the second implementation in pandas, with an indicator taken from its catalogue."""
    database = second.Database.read(con)
    kept = database.indicators[database.indicators["indicator"] != left_out]
    database = replace(database, indicators=kept)
    scored = second.theme_scores(database)
    signals = second.levels(database, scored, second.thresholds(scored, database.areas))
    return {code: outcome for code, (outcome, _, _) in second.outcomes(database, signals).items()}


def test_a_second_implementation_finds_the_same(build: Con, small_catalog: Catalog) -> None:
    for name in (None, *RULE):
        found = as_areas(build, small_catalog, name)
        expected = second_outcomes(build, name)
        assert found == {code: expected[code] for code in found}, name


# ---------------------------------------------------------------- one area


COLUMNS = ("a", "b", "c")
TITLES = {"a": "Figuur A", "b": "Figuur B", "c": "Figuur C"}
ON, OFF = Listed("BU00140000", True), Listed("BU00140000", False)


def ours(outcome: str, *left_out: str, people: int | None = 1000, percentiles: Sequence[float] = (0.9, 0.95, 0.1)) -> Ours:
    return Ours("buurt", people, outcome, outcome, left_out or (outcome,) * 3, tuple(percentiles))


@pytest.mark.parametrize(
    ("area", "listed", "expected"),
    [
        (ours("grensgeval"), ON, ("beide", None)),
        (ours("bespreken"), ON, ("beide", None)),
        (ours("geen_signaal"), OFF, ("geen_van_beide", None)),
        (ours("grensgeval"), OFF, ("alleen_wij", None)),
        (ours("geen_signaal"), ON, ("alleen_lijst", None)),
        (ours("te_weinig_gegevens"), ON, ("niet_te_vergelijken", None)),
        (ours("geen_signaal", people=199), ON, ("niet_te_vergelijken", None)),
        (ours("geen_signaal", people=200), ON, ("alleen_lijst", None)),
        (ours("geen_signaal", people=None), OFF, ("niet_te_vergelijken", None)),
        (ours("geen_signaal"), Listed("BU00140000", None, "geen cijfer"), ("niet_te_vergelijken", None)),
        # only we: what pulls hardest is named, and no outcome at all is no agreement
        (ours("grensgeval", "geen_signaal", "grensgeval", "geen_signaal"), OFF, ("alleen_wij", "a")),
        (ours("bespreken", "geen_signaal", "geen_signaal", "bespreken"), OFF, ("alleen_wij", "b")),
        (ours("grensgeval", "te_weinig_gegevens", "grensgeval", "grensgeval"), OFF, ("alleen_wij", None)),
        # only the list: the lowest place holds us back
        (ours("geen_signaal", "grensgeval", "geen_signaal", "grensgeval"), ON, ("alleen_lijst", "c")),
        (ours("geen_signaal", "grensgeval", "grensgeval", "geen_signaal"), ON, ("alleen_lijst", "a")),
        # an indicator without a value pulls least
        (ours("geen_signaal", *["grensgeval"] * 3, percentiles=(float("nan"), 0.4, 0.3)), ON, ("alleen_lijst", "c")),
    ],
)
def test_verdict(area: Ours, listed: Listed, expected: tuple[str, str | None]) -> None:
    verdict = judge(area, listed, COLUMNS, TITLES)
    assert (verdict.oordeel, verdict.indicator) == expected
    assert verdict.reden


def test_the_reason_names_every_indicator_that_would_do(build: Con) -> None:
    verdict = judge(ours("grensgeval", "geen_signaal", "geen_signaal", "grensgeval"), OFF, COLUMNS, TITLES)
    assert verdict.reden.endswith("zonder 'Figuur B' zou onze uitkomst gelijk zijn aan de lijst (ook zonder 'Figuur A')")


def test_a_difference_that_only_uncertainty_makes_names_no_indicator() -> None:
    """The rule is met on the published figures, and not once their uncertainty is counted (METHOD.md section 8)."""
    area = replace(ours("geen_signaal", "geen_signaal", "grensgeval", "grensgeval"), base="grensgeval")
    verdict = judge(area, ON, COLUMNS, TITLES)
    assert (verdict.oordeel, verdict.indicator) == ("alleen_lijst", None)
    assert verdict.reden.endswith(lists.UNSTABLE)


# ---------------------------------------------------------------- a whole list


def test_every_row_is_what_a_plain_comparison_says(build: Con, compare: Any) -> None:
    """Written out: sets of codes, and the second implementation for what leaving out gives."""
    base = second_outcomes(build, None)
    less = {name: second_outcomes(build, name) for name in RULE}
    chance = random.Random(11)
    inside = {code for code in base if code.startswith("BU") and code[2:6] < "0754"}
    on_list = {code for code in inside if chance.random() < 0.4}
    _, rows = compare(a_list(*sorted(on_list)))
    assert {code for _, code in rows} == inside, "where its makers looked"
    met = {"grensgeval", "bespreken"}
    seen: list[str] = []
    for (_, code), (listed, outcome, oordeel, indicator, _) in rows.items():
        assert (listed, outcome) == (code in on_list, base[code])
        if base[code] == "te_weinig_gegevens":
            assert (oordeel, indicator) == ("niet_te_vergelijken", None)
            continue
        plain = {(True, True): "beide", (True, False): "alleen_lijst", (False, True): "alleen_wij"}
        assert oordeel == plain.get((listed, base[code] in met), "geen_van_beide")
        seen.append(oordeel)
        would = {n for n in RULE if less[n][code] != "te_weinig_gegevens" and (less[n][code] in met) == listed}
        if oordeel in ("alleen_lijst", "alleen_wij"):
            assert (indicator in would) if would else indicator is None
        else:
            assert indicator is None
    assert len(set(seen)) == 4
    assert any(row[3] for row in rows.values()), "no difference rests on one indicator: the figures test nothing"


def test_an_area_below_200_inhabitants_is_not_compared(compare: Any) -> None:
    _, rows = compare(a_list("BU07480000", "BU07480001", "BU07480002"))
    assert rows["proef", "BU07480000"][2] == "niet_te_vergelijken"
    assert rows["proef", "BU07480000"][4].startswith("minder dan 200 inwoners")
    assert rows["proef", "BU07480002"][4].startswith("het aantal inwoners is onbekend")
    assert rows["proef", "BU07480001"][4] not in (rows["proef", "BU07480000"][4], rows["proef", "BU07480002"][4])


def test_a_union_stands_for_its_buurten_and_is_not_compared_itself(compare: Any) -> None:
    listed, rows = compare(a_list(UNION))
    assert {code for (_, code), row in rows.items() if row[0]} == {UNION, *PARTS}
    assert rows["proef", UNION][2] == "niet_te_vergelijken"
    assert listed["proef"][3] == 5


def test_an_empty_list(compare: Any) -> None:
    listed, rows = compare(a_list())
    assert rows == {}
    assert listed["proef"][3:] == (0, "de lijst is leeg")
    listed, rows = compare(a_list(gemeenten=["GM0748"]))
    assert {row[0] for row in rows.values()} == {False}
    assert len(rows) == 30


def test_a_list_speaks_of_the_gemeenten_that_its_makers_looked_at(compare: Any) -> None:
    _, rows = compare(a_list("BU07490000"))
    assert {code[2:6] for _, code in rows} == {"0749"}
    _, rows = compare(a_list("BU07490000", gemeenten=["NL00"]))
    assert len({code[2:6] for _, code in rows}) == 8


def test_a_list_of_another_division_follows_the_chain(build: Con, compare: Any) -> None:
    """A code of 2020 becomes the code of now; an area that cannot be followed is neither on the list nor off it."""
    build.execute("insert into gebied_historie values ('BU07480999', 2020, 'Oud', null, null)")
    build.execute("insert into werk.keten values ('BU07480100', 2020, 'BU07480999'), ('BU07480101', 2020, 'BU07480101')")
    try:
        listed, rows = compare(a_list("BU07480999", "BU07480998", indeling_jaar=2020))
    finally:
        build.execute("delete from werk.keten")
        build.execute("delete from gebied_historie where indeling_jaar = 2020")
    assert (rows["proef", "BU07480100"][0], rows["proef", "BU07480101"][0]) == (True, False)
    assert rows["proef", "BU07480102"][::2] == (None, "niet_te_vergelijken", rows["proef", "BU07480102"][4])
    assert rows["proef", "BU07480102"][4] == "dit gebied is niet terug te vinden in de indeling van 2020"
    assert listed["proef"][3:] == (1, "niet terug te vinden in de indeling van deze release: 1 van 2")


def test_a_division_that_was_not_delivered_is_compared_on_code_and_says_so(compare: Any) -> None:
    listed, rows = compare(a_list("BU07480100", indeling_jaar=2019))
    assert rows["proef", "BU07480100"][0] is True
    assert listed["proef"][4] == "indeling 2019 is niet geleverd: op code vergeleken"


# ---------------------------------------------------------------- measures of others


def with_measure(catalog: Catalog, **changes: Any) -> Catalog:
    """The catalogue with the total of SES-WOA as a figure of rol validatie, under a name that the code does not know."""
    model = catalog.indicators["aandeel_eenzaam"]
    fields = {"rol": "validatie", "bron": "cbs_ses_woa", "formule": "score_totaal", "richting": "gunstig", "soort": "score"}
    return replace(catalog, indicators={**catalog.indicators, "naam_van_later": model.model_copy(update={**fields, **changes})})


def test_a_measure_without_figures_is_not_compared_and_says_so(compare: Any) -> None:
    listed, rows = compare()
    assert rows == {}
    why = "deze release heeft er geen cijfers van; er is niet mee vergeleken"
    assert {name: row[2:] for name, row in listed.items()} == dict.fromkeys(("leefbaarometer", "ses-woa"), (None, None, why))


@pytest.mark.parametrize("direction", ["gunstig", "ongunstig"])
def test_the_lowest_fifth_of_a_measure(direction: str, build: Con, compare: Any, small_catalog: Catalog) -> None:
    """Of 100 areas with a value the 20 that are worst; an area without one is neither on the list nor off it."""
    codes = [code for (code,) in build.execute("select gebiedscode from werk.deelnemer order by 1 limit 100").fetchall()]
    catalog = with_measure(small_catalog, richting=direction)
    build.execute("begin")
    try:
        scoring.insert_values(
            build,
            replace(catalog, indicators={"naam_van_later": catalog.indicators["naam_van_later"]}),
            {"naam_van_later": {code: number / 7 for number, code in enumerate(codes)}},
        )
        listed, rows = compare(catalog=catalog)
    finally:
        build.execute("rollback")
    on = [code for code in codes if rows["ses-woa", code][0]]
    assert on == (codes[:20] if direction == "gunstig" else codes[80:])
    assert listed["ses-woa"][2:] == (scoring.YEAR, 20, None)
    silent = {code: row for (_, code), row in rows.items() if code not in codes}
    assert {(row[0], row[2], row[4]) for row in silent.values()} == {
        (None, "niet_te_vergelijken", "de bron geeft voor dit gebied geen cijfer")
    }


# ---------------------------------------------------------------- agreement


@pytest.mark.parametrize(
    ("counts", "overlap", "kappa", "margin"),
    [
        ((0, 0, 0, 0), None, None, None),
        ((0, 0, 0, 9), None, None, None),
        ((5, 0, 0, 0), 1.0, None, None),
        ((3, 0, 0, 7), 1.0, 1.0, 0.0),
        ((20, 5, 10, 15), 20 / 35, 0.4, 0.2540),  # agreement 0.7, by chance 0.5: 1.96 √(0.21/50)/0.5
        ((1, 4, 4, 16), 1 / 9, 0.0, 0.5714),  # 0.68 both: 1.96 √(0.2176/25)/0.32
    ],
)
def test_overlap_and_kappa(
    counts: tuple[int, int, int, int], overlap: float | None, kappa: float | None, margin: float | None
) -> None:
    found = Agreement(*counts)
    assert found.n == sum(counts)
    assert found.overlap == pytest.approx(overlap)
    assert found.kappa == pytest.approx(kappa, abs=1e-12)
    assert found.margin == pytest.approx(margin, abs=1e-4)


# ---------------------------------------------------------------- declarations


TEXT = "{id: proef, titel: Proef, bron: Iemand, jaar: 2024, indeling_jaar: 2024, gebieden: [BU07480200]}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("jaar: 2024, ind", "volgorde: 1, ind", "volgorde"),
        ("id: proef", "id: ../weg", "id"),
        ("id: proef", "id: ses-woa", "taken"),
        ("[BU07480200]", "[Gageldonk]", "gebieden.0"),
        ("[BU07480200]", "[bu07480200]", "gebieden.0"),
        ("[BU07480200]", "[NL00]", "country"),
        ("[BU07480200]", "[BU07480200], gemeenten: [WK074802]", "WK074802"),
    ],
)
def test_a_wrong_list_is_refused_by_name(old: str, new: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "proef.yaml").write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError, match=message) as refused:
        load_lists([tmp_path])
    assert str(tmp_path / "proef.yaml") in str(refused.value)


def test_two_lists_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("een", "twee"):
        (tmp_path / f"{name}.yaml").write_text(TEXT, encoding="utf-8")
    with pytest.raises(UsageError, match="taken by another list"):
        load_lists([tmp_path])


def test_unknown_codes_are_refused_in_the_division_of_the_list() -> None:
    known = {2020: {"BU07480999", "GM0748"}, 2024: {"BU07480100", "GM0748"}}
    refuse_unknown([a_list("BU07480999", UNION, indeling_jaar=2020, gemeenten=["NL00"])], known, 2024, {UNION})
    refuse_unknown([a_list("BU07480100", indeling_jaar=2019)], known, 2024, set())
    for supplied in (a_list("BU07480999"), a_list("BU07480100", indeling_jaar=2020), a_list(UNION)):
        with pytest.raises(UsageError, match="do not exist in the division of"):
            refuse_unknown([supplied], known, 2024, set())


def test_the_shipped_lists_can_be_read(catalog: Catalog) -> None:
    assert [(item.id, item.gebieden) for item in catalog.lists] == [("oorspronkelijk-initiatief", (UNION,))]


@pytest.mark.parametrize(("p", "expected"), [(0.8 - 1e-9, "bespreken"), (0.7999, "geen_signaal")])
def test_a_percentile_that_misses_its_bound_in_the_last_bit_counts(p: float, expected: str) -> None:
    """As in `scores.py` and in the draws: what differs by less than 0.000001 is equal, so that all three say the same."""
    rule = ("armoede", "eenzaamheid", "veiligheid")
    published = without.Published(
        areas=("BU00010000",),
        kinds=np.array(["buurt"], dtype=object),
        gemeenten=np.array(["GM0001"], dtype=object),
        rule=rule,
        indicators=rule,
        themes=rule,
        families=np.array([1, 1, 2]),
        percentiles=np.array([[0.9, 0.9, p]]),
        levels=np.full((1, 3), without.LEVELS.index("aandacht")),
    )
    assert without.outcomes(published, None, {name: name for name in rule}) == [expected]
