"""Difference-in-differences: the worked example of METHOD.md section 10, and every ground on which it is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import duckdb
import pytest

from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.transforms import gate
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.effect import Difference, Evaluation, Measured, Placebo, difference, not_detectable, placebo_position
from beeld.transforms.uncertainty import count_variance
from beeld.warehouse.effect import evaluate
from tests.indicatoren import change, drawn

NAME = "aandeel_0_15"
OWN, *OTHERS = [f"BU0014000{number}" for number in range(5)]
COMPARISON = [Measured("B", 66, 58), Measured("C", 69, 60), Measured("D", 62, 55)]
"""METHOD.md section 10: "comparison 66 → 58, 69 → 60, 62 → 55"."""


def test_the_example_of_the_method() -> None:
    """METHOD.md section 10: "75 → 61 (−14); comparison 66 → 58, 69 → 60, 62 → 55 (mean −8): DiD = −6; SE_DiD = √(SE_after² +
    SE_before² + s²_c/m), s_c the standard deviation of the m comparison changes (3 and −8, −9, −7: s_c = 1.0); report DiD ±
    1.96·SE_DiD and where it lies among the placebo buurten"."""
    found = difference(Measured("A", 75, 61, 2.0, 1.5), COMPARISON)
    assert (found.verschil, found.eigen, found.vergelijking, found.aantal) == (-6, -14, -8, 3)
    assert found.spreiding == pytest.approx(1.0)
    assert found.fout == pytest.approx(math.sqrt(1.5**2 + 2.0**2 + 1.0 / 3))
    assert found.interval == pytest.approx((-6 - 1.96 * found.fout, -6 + 1.96 * found.fout))
    assert found.demonstrable
    plain = change.effect((2020, 75, 2.0), (2024, 61, 1.5), [(66, 58), (69, 60), (62, 55)])
    assert (found.verschil, found.fout) == pytest.approx(plain, rel=1e-9)


def test_the_place_among_placebos() -> None:
    """Changes of -8, -9 and -7, each against the mean of the two others: 0, -1.5 and 1.5."""
    found = difference(Measured("A", 75, 61, 2.0, 1.5), COMPARISON)
    assert placebo_position(found, COMPARISON, COMPARISON) == Placebo(0, 3)
    outside = [Measured("E", 60, 44), Measured("F", 60, 51)]
    assert placebo_position(found, outside, COMPARISON) == Placebo(1, 2), "-16 + 8 = -8 is larger than -6, -9 + 8 = -1 is not"
    small = replace(found, verschil=1.5)
    assert placebo_position(small, COMPARISON, COMPARISON) == Placebo(2, 3), "as large counts"
    assert placebo_position(found, COMPARISON[:2], COMPARISON[:2]) == Placebo(0, 0), "one area is nothing to be held against"


def test_a_goal_below_what_can_be_seen() -> None:
    """METHOD.md section 10: "SE 0.98 → 3.9 points: a goal of −2 points is niet aantoonbaar"."""
    reason = not_detectable(-2, 0.98)
    assert reason == "een doel van -2,0 is met open cijfers niet aantoonbaar: de kleinste aantoonbare verandering is 3,9"
    assert not_detectable(-4, 0.98) is None


@pytest.mark.parametrize("area", [Measured("A", 75, 61), Measured("A", 75, 61, 2.0, 1.5)])
def test_no_difference_without_errors_or_with_one_area(area: Measured) -> None:
    with pytest.raises(ValueError, match="comparison areas"):
        difference(area, COMPARISON[:1])


def test_words_name_numbers_and_no_cause() -> None:
    found = Evaluation(Difference(-6, 2.5, -14, -8, 1.0, 3), Placebo(1, 20), ())
    assert found.words() == (
        "Verandering in het gebied -14,0, gemiddeld in 3 vergelijkingsgebieden -8,0: verschil -6,0 "
        "(95%-interval -10,9 tot -1,1), aantoonbaar. In 1 van 20 placebogebieden is het verschil minstens zo groot."
    )
    assert "niet aantoonbaar" in Evaluation(Difference(-6, 4, -14, -8, 1.0, 3), None, ()).words()
    assert Evaluation(None, None, ("a", "b")).words() == "Niet te evalueren: a; b."


# ---------------------------------------------------------------- on a release


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue, in which one figure may be used to evaluate."""
    real = load_catalog(project_folder())
    allowed = real.indicators[NAME].model_copy(update={"gebruik": gate.USES})
    return replace(real, indicators={**real.indicators, NAME: allowed})


SHARES = {OWN: (240, 160), OTHERS[0]: (200, 190), OTHERS[1]: (210, 196), OTHERS[2]: (205, 199), OTHERS[3]: (220, 150)}
"""Children of 800 inhabitants, before and after."""


@pytest.fixture
def con(catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    """Five buurten in two years, all on one division."""
    lines = [f"{code} | {year} | {counts[k]} | 800" for code, counts in SHARES.items() for k, year in enumerate((2021, 2024))]
    with closing(drawn.open_database(project_folder())) as connection:
        text = "\n".join(["gebiedscode | peiljaar | leeftijd_0_15 | aantal_inwoners", *lines])
        drawn.compute(connection, catalog, NAME, drawn.read_table(text))
        connection.execute(
            "insert into indicator select ?, '', '', '', 'context', 'telling', '', '', 1, 'neutraal', '', [], '', 2024, ''",
            [NAME],
        )
        gate.describe_uses(connection, catalog)
        yield connection


def test_the_release_gives_what_the_formula_gives(con: duckdb.DuckDBPyConnection) -> None:
    found = evaluate(con, OWN, OTHERS[:3], NAME, 2021, 2024, goal=-10, placebos=[OTHERS[3]])
    assert found.weigeringen == ()
    assert found.verschil is not None

    def error(count: int) -> float:
        low, high = change.count_bounds(count, 800, 6, part=True)
        return 100 * (high - low) / 2 / 1.96 / 800

    assert error(240) == pytest.approx(100 * math.sqrt(count_variance(240, 800, 6)) / 800, rel=0.01), "METHOD.md section 3"
    plain = change.effect(
        (2021, 30.0, error(240)), (2024, 20.0, error(160)), [(b / 8, a / 8) for b, a in list(SHARES.values())[1:4]]
    )
    assert (found.verschil.verschil, found.verschil.fout) == pytest.approx(plain, rel=1e-9)
    assert found.placebo == Placebo(0, 1)


@pytest.mark.parametrize(
    ("statement", "comparison", "goal", "reasons"),
    [
        ("select 1", OTHERS[:1], None, ["er zijn minstens 2 vergelijkingsgebieden nodig, gegeven: 1"]),
        ("select 1", [OTHERS[0], OTHERS[0]], None, ["er zijn minstens 2 vergelijkingsgebieden nodig, gegeven: 1"]),
        (
            f"update waarde set reden = 'grens niet getoetst' where gebiedscode = '{OTHERS[1]}' and peiljaar = 2021",
            OTHERS[:3],
            None,
            [f"{OTHERS[1]}: grens niet getoetst (2021)"],
        ),
        (
            "update waarde set waarde = null, status = 'niet_geleverd', "
            "reden = 'de grens of code is gewijzigd na indeling 2021' "
            f"where gebiedscode = '{OTHERS[0]}' and peiljaar = 2021",
            OTHERS[:2],
            None,
            [f"{OTHERS[0]}: de grens of code is gewijzigd na indeling 2021 (2021)"],
        ),
        (
            f"update waarde set betrouwbaar = false where gebiedscode = '{OWN}' and peiljaar = 2024",
            OTHERS[:2],
            None,
            [f"{OWN}: het cijfer over 2024 is te onzeker (standaardfout een vijfde van het cijfer of meer)"],
        ),
        (
            "update waarde set ondergrens = null, bovengrens = null, betrouwbaar = null",
            OTHERS[:2],
            None,
            [f"{OWN}: van dit cijfer is de standaardfout niet bekend"],
        ),
        (
            f"delete from waarde where gebiedscode = '{OWN}' and peiljaar = 2021",
            OTHERS[:2],
            None,
            [f"{OWN}: geen cijfer over 2021"],
        ),
        (
            "select 1",
            OTHERS[:2],
            -2.0,
            ["een doel van -2,0 is met open cijfers niet aantoonbaar: de kleinste aantoonbare verandering is 6,5"],
        ),
        (
            "update weigering set oordeel = 'geweigerd', reden = 'omdat' where gebruik = 'evalueren'",
            OTHERS[:3],
            None,
            [f"{NAME}: omdat"],
        ),
    ],
)
def test_refusals(
    con: duckdb.DuckDBPyConnection, statement: str, comparison: list[str], goal: float | None, reasons: list[str]
) -> None:
    con.execute(statement)
    found = evaluate(con, OWN, comparison, NAME, 2021, 2024, goal=goal)
    assert (found.verschil, list(found.weigeringen)) == (None, reasons)
    assert all(reason in found.words() for reason in reasons)


def test_a_modelled_figure_is_refused_by_its_kind(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    con.execute("insert into indicator select * replace ('aandeel_eenzaam' as indicator) from indicator")
    found = evaluate(con, OWN, OTHERS[:3], "aandeel_eenzaam", 2021, 2024)
    assert "modelschatting" in found.words()


@pytest.mark.parametrize(
    ("area", "comparison", "name", "before", "words"),
    [
        (OWN, [OWN, OTHERS[0]], NAME, 2021, "compared with itself"),
        ("BU99999999", OTHERS[:2], NAME, 2021, "no such area: BU99999999"),
        (OWN, OTHERS[:2], "bestaat_niet", 2021, "no such indicator"),
        (OWN, OTHERS[:2], NAME, 2024, "is not before"),
    ],
)
def test_wrong_use(con: duckdb.DuckDBPyConnection, area: str, comparison: list[str], name: str, before: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate(con, area, comparison, name, before, 2024)
