"""Properties of chains over drawn divisions: whatever the flags, names and codes are, a figure has one owner and a proof."""

from __future__ import annotations

from contextlib import closing

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beeld.settings import project_folder
from beeld.transforms import areas
from tests.indicatoren import drawn
from tests.unit.divisions import UNTESTED, Division, build

PROFILE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
CODES = [f"BU00{gemeente}000{number}" for gemeente in (14, 15) for number in range(3)]
AREA = st.tuples(st.sampled_from(["Een", "Twee", "Drie"]), st.sampled_from(["1", "1", "1", "2", "3", None]))
DIVISION = st.dictionaries(st.sampled_from(CODES), AREA, min_size=1)
DIVISIONS = st.dictionaries(st.integers(2019, 2023), DIVISION, min_size=2, max_size=4)


@PROFILE
@given(DIVISIONS)
def test_a_figure_has_one_owner_and_a_proof(divisions: dict[int, Division]) -> None:
    """Per year each old area serves one area at most; each area has one row; what is tested, every flag on the way allows."""
    with closing(drawn.open_database(project_folder())) as con:
        source, newest = build(con, divisions)
        areas.link(con, source, newest)
        links = con.execute(
            """select r.gebiedscode, r.peiljaar, r.oude_code, r.reeks, w.kanttekening, w.aantal_inwoners
            from werk.reeks as r join werk.kwb as w using (gebiedscode, peiljaar)
            where w.aanwezig and r.gebiedscode <> 'NL00'"""
        ).fetchall()
        grid = con.execute("select count(*), count(distinct (gebiedscode, peiljaar)) from werk.kwb").fetchall()
        steps = con.execute("select gebiedscode, indeling_jaar, vorig_jaar, voorganger, getoetst from werk.stap").fetchall()
    expected = (len(divisions[newest]) + 1) * len(divisions)
    assert grid == [(expected, expected)]
    owners = [(old, year) for _, year, old, *_ in links]
    assert len(set(owners)) == len(owners), "two areas got the figure of one"
    for code, year, old, series, note, value in links:
        assert value == year
        assert old in divisions[year]
        if series:
            between = [divisions.get(y, {}).get(code) for y in range(year + 1, newest + 1)]
            assert all(area is not None and area[1] == "1" for area in between)
            assert old == code
            assert note is None
        if note is None and old != code:
            raise AssertionError("the figure of another code without a note")
    for code, year, before, predecessor, tested in steps:
        flag = divisions[year][code][1]
        assert flag != "3" or predecessor is None
        assert predecessor is None or predecessor in divisions[before]
        assert not tested or (flag in ("1", "2") and before == year - 1)
        assert predecessor in (None, code) or flag == "2"
    unproved = {code for code, year, *_, note, _ in links if year < newest and note and note.startswith(UNTESTED)}
    assert all(code in divisions[newest] for code in unproved)
