"""Change on the real figures: the published table against loops, and the tests themselves on five years of registered crime."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from beeld.settings import project_folder
from beeld.transforms import trends
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.query import ask
from tests.indicatoren import change
from tests.reliability.wire import rows_of
from tests.reliability.worlds import FOUR_GEMEENTEN, CommandLine, RealRelease

WORDS = {1: "stijgt", -1: "daalt", 0: "geen_aantoonbare_verandering"}
AREAS = "gebiedscode = 'NL00' or gemeentecode in ({})".format(", ".join(f"'{code}'" for code in FOUR_GEMEENTEN))


def test_the_published_table_equals_the_loops(real_release: RealRelease) -> None:
    """Four gemeenten and the country. No chain of flags runs from 2020 to 2024: nothing is tested, and it says so."""
    folder = real_release.result.folder
    allowed = "select indicator from weigering where gebruik = 'trend' and oordeel <> 'geweigerd'"
    points = ask(
        folder,
        f"""select gebiedscode, indicator, peiljaar, waarde, ondergrens, bovengrens, w.reden
        from waarde as w join gebied using (gebiedscode)
        where w.status = 'ok' and indicator in ({allowed}) and ({AREAS}) order by all""",
    ).rows
    limits = {name: indicator.bereik for name, indicator in load_catalog(project_folder()).indicators.items()}
    own = [
        (code, name, year, value, change.error_of(value, low, high, limits[name]), reason is None)
        for code, name, year, value, low, high, reason in points
    ]
    expected = {
        (code, name, *years): found
        for (code, name), group in change.by_figure(own).items()
        for years, found in change.rows(group).items()
    }
    rows = ask(
        folder,
        f"select gebiedscode, indicator, van, tot, verschil, uitkomst, trend.reden from trend join gebied using (gebiedscode) "
        f"where {AREAS} order by all",
    ).rows
    assert {tuple(row[:4]) for row in rows} == set(expected)
    for code, name, first, last, difference, outcome, reason in rows:
        found = expected[code, name, first, last]
        assert outcome == found.uitkomst, (code, name)
        assert difference == (None if found.verschil is None else pytest.approx(found.verschil, rel=1e-9, abs=1e-9))
        assert reason
    assert {row[5] for row in rows if row[0] != "NL00"} == {"niet_toetsbaar"}
    assert {row[6] for row in rows if row[0] != "NL00"} == {f"{trends.UNTESTED} (2020)"}
    assert len(rows) > 2_000


def test_no_modelled_figure_is_published_as_change(real_release: RealRelease) -> None:
    for relation in ("trend", "waarde_trend", "waarde_evalueren", "waarde_selecteren"):
        sql = f"select count(*) from {relation} join indicator using (indicator) where soort = 'modelschatting'"
        assert ask(real_release.result.folder, sql).rows == ((0,),)


def test_five_years_of_crime_by_arrays_and_by_loops(real_data: Path) -> None:
    """47022NED has 2021 to 2025 on one division; counts, with the Poisson error of METHOD.md section 3."""
    counts: dict[str, dict[int, float]] = {}
    for row in rows_of(real_data, "47022NED", "TypedDataSet"):
        if row["GeregistreerdeMisdrijven_4"] is not None and row["WijkenEnBuurten"].startswith("BU"):
            counts.setdefault(row["WijkenEnBuurten"].strip(), {})[int(row["Perioden"][:4])] = row["GeregistreerdeMisdrijven_4"]
    series = [[(year, float(n), math.sqrt(n)) for year, n in sorted(own.items())] for _, own in sorted(counts.items())]
    series = [points for points in series if len(points) == 5 and all(error > 0 for _, _, error in points)]
    assert len(series) > 10_000
    years, values, errors = (np.array([[point[k] for point in points] for points in series], dtype=float) for k in range(3))
    first, last = (trends.Errors.equal(errors[:, k]) for k in (3, 4))
    pairs = trends.two_years(values[:, 3], first, values[:, 4], last)
    lines = trends.trend_test(years, values, errors)
    for place, points in enumerate(series):
        sides = [(points[k][2], points[k][2]) for k in (3, 4)]
        pair, line = change.two_years(points[3][1], sides[0], points[4][1], sides[1]), change.trend(points)
        assert pair.uitkomst == WORDS[int(pairs.richting[place])]
        assert pair.kritisch == pytest.approx(pairs.kritisch[place], rel=1e-9)
        assert line.uitkomst == WORDS[int(lines.richting[place])]
        assert line.helling == pytest.approx(lines.helling[place], rel=1e-9, abs=1e-9)
        assert line.chi2 == pytest.approx(lines.chi2[place], rel=1e-9, abs=1e-9)
    changed, moving = float((pairs.richting != 0).mean()), float((lines.richting != 0).mean())
    assert 0.05 < changed < 0.5, "more than chance alone, and not everything"
    assert 0.002 < moving < 0.5


@pytest.mark.parametrize("use", ["trend", "selecteren", "evalueren"])
def test_a_refusal_is_printed(use: str, real_release: RealRelease, beeld: CommandLine) -> None:
    """METHOD.md 12: "a refusal prints its reason"; what stands on stdout stays the answer alone."""
    named = beeld(
        real_release.settings, "query", f"select count(*) as n from waarde_{use} where indicator = 'aandeel_eenzaam'", "--json"
    )
    assert (named.code, json.loads(named.out)) == (0, [{"n": 0}])
    refused = f"note: waarde_{use} has no aandeel_eenzaam: "
    assert [line for line in named.lines if line.startswith(refused) and len(line) > len(refused) + 20]
    (other,) = [line for line in named.lines if "other figures that may not be used for this" in line]
    why = beeld(real_release.settings, "query", other.partition("Why: ")[2], "--json")
    assert why.code == 0
    assert {"indicator", "oordeel", "reden"} == set(json.loads(why.out)[0])
    plain = beeld(real_release.settings, "query", "select count(*) as n from waarde where indicator = 'aandeel_eenzaam'")
    assert plain.lines == []
