"""Who and how many: sizes in persons, their range, and who lives outside chosen areas; against plain loops."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.target_groups import (
    FILE,
    Cell,
    Size,
    counted_size,
    load_target_groups,
    rounded,
    share_outside,
    share_size,
    step,
)
from tests.reliability.worlds import World


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


def cell(value: float | None, low: float | None = None, high: float | None = None, **rest: Any) -> Cell:
    status = "ok" if value is not None else rest.pop("status", "onbekend")
    return Cell(value, status, rest.get("reden"), rest.get("teller"), rest.get("noemer"), low, high)


# ---------------------------------------------------------------- sizes


def test_worked_example_counts_beside_percentages() -> None:
    """METHOD.md 7: "number of people (20 % of 300 = 60; 10 % of 6,000 = 600)"."""
    assert share_size(cell(20), 300, 300, "inwoners").aantal == 60
    assert share_size(cell(10), 6000, 6000, "inwoners").aantal == 600


def test_a_count_keeps_its_count_and_takes_the_interval_of_its_rate() -> None:
    """60 of 800 is 7.5 %, SE 0.98 points (METHOD.md 3): from 5.6 % to 9.4 % of 800 is 45 to 75."""
    size = counted_size(cell(7.5, 7.5 - 1.96 * 0.98, 7.5 + 1.96 * 0.98, teller=60, noemer=800), 100)
    assert (size.aantal, size.basis, size.status) == (60, 800, "ok")
    assert (round(size.ondergrens or 0), round(size.bovengrens or 0)) == (45, 75)
    assert rounded(size, counted=True) == Size(60, 40, 80, "ok", None, 800)


def test_the_range_covers_the_base_that_is_not_known() -> None:
    """30 % (25 to 35) of adults; 900 to 1 000 of them: 225 to 350, and the size is over the largest base."""
    size = share_size(cell(30, 25, 35), 1000, 900, "inwoners van 15 jaar of ouder")
    assert size == Size(300, 225, 350, "ok", None, 1000)
    assert rounded(size, counted=False) == Size(300, 220, 350, "ok", None, 1000)


@pytest.mark.parametrize(
    ("found", "status", "reason"),
    [
        (
            share_size(cell(None, status="geheim", reden="geheim volgens de bron"), 300, 300, "x"),
            "geheim",
            "geheim volgens de bron",
        ),
        (share_size(cell(20), None, None, "inwoners"), "onbekend", "het aantal inwoners van dat jaar is onbekend"),
        (share_size(cell(20), 300, None, "inwoners"), "onbekend", "het aantal inwoners van dat jaar is onbekend"),
        (counted_size(cell(None, reden="onbekend of geheim", teller=60), 100), "onbekend", "onbekend of geheim"),
        (counted_size(cell(20.0), 100), "onbekend", "het aantal is onbekend"),
    ],
)
def test_what_cannot_be_had_says_why(found: Size, status: str, reason: str) -> None:
    assert (found.aantal, found.ondergrens, found.bovengrens) == (None, None, None)
    assert (found.status, found.reden) == (status, reason)
    assert rounded(found, counted=False) == found


def test_zero_is_a_size() -> None:
    assert share_size(cell(0.0, 0.0, 2.0), 300, 300, "inwoners") == Size(0, 0, 6, "ok", None, 300)


@pytest.mark.parametrize(("value", "by"), [(0, 5), (99, 5), (100, 10), (999, 10), (1000, 100), (12_345, 1000), (99_999, 1000)])
def test_steps_of_rounding(value: float, by: int) -> None:
    assert step(value) == by


@pytest.mark.parametrize(
    ("value", "shown"), [(2.4, 0), (2.5, 5), (62, 60), (104, 100), (105, 110), (1249, 1200), (12_500, 13_000)]
)
def test_an_estimate_is_rounded_and_its_range_outwards(value: float, shown: int) -> None:
    size = rounded(Size(value, value - 1, value + 1, "ok", None, None), counted=False)
    assert size.aantal == shown
    assert size.ondergrens is not None and size.bovengrens is not None
    assert size.ondergrens <= min(value - 1, shown) and size.bovengrens >= max(value + 1, shown)


# ---------------------------------------------------------------- who lives elsewhere


def test_share_outside_by_hand() -> None:
    """60 of 100 in the chosen buurten: 40 % lives elsewhere, also where one small buurt is unknown."""
    sizes: Mapping[str, float | None] = {"a": 50, "b": 10, "c": 40, "d": None}
    people = {"a": 300, "b": 300, "c": 300, "d": 100}
    outside = share_outside(sizes, {"a", "b", "elders"}, people)
    assert (outside.aandeel, outside.status, outside.n_gebieden) == (pytest.approx(0.4), "ok", 2)
    assert share_outside(sizes, {"a", "b", "c"}, people).aandeel == 0
    assert share_outside(sizes, {"a", "d"}, people).status == "onbekend", "a chosen buurt without a size"


@pytest.mark.parametrize(("unknown", "status"), [(225, "ok"), (226, "onbekend")])
def test_share_outside_needs_eighty_percent_of_the_people(unknown: int, status: str) -> None:
    outside = share_outside({"a": 50, "b": 50, "c": None}, {"a"}, {"a": 450, "b": 450, "c": unknown})
    assert outside.status == status
    assert (outside.aandeel is None) == (status != "ok")


def test_no_choice_and_nobody_are_no_share() -> None:
    assert share_outside({"a": 1}, set(), {"a": 1}).status == "niet_van_toepassing"
    assert share_outside({"a": 0, "b": 0}, {"a"}, {"a": 1, "b": 1}).status == "geen_noemer"
    assert share_outside({"a": 1, "b": 1}, {"a"}, {"a": None, "b": None}).status == "onbekend"


# ---------------------------------------------------------------- declarations


def test_declared_groups_fit_the_catalogue(catalog: Catalog) -> None:
    groups = load_target_groups(project_folder(), catalog)
    assert {group.thema for group in groups.values()} >= {"armoede", "eenzaamheid", "psychisch", "kracht"}
    for name, group in groups.items():
        modelled = catalog.indicators[group.indicator].soort == "modelschatting"
        assert group.counted is not modelled, name
        if modelled and "18" not in group.basis and "65" not in group.basis:
            assert group.basis_minstens, f"{name}: RIVM counts adults, so the base is a range"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indicator": "bestaat_niet"}, "no such indicator: bestaat_niet"),
        ({"thema": "bestaat_niet"}, "theme 'bestaat_niet'"),
        ({"indicator": "aandeel_eenzaam"}, "needs a formula teller / noemer: aandeel_eenzaam"),
        ({"basis_hoogstens": ["aandeel_65_plus"]}, "in procent"),
        (
            {"indicator": "aandeel_eenzaam", "basis_hoogstens": ["aandeel_0_15"], "basis_minstens": ["aandeel_65_plus"]},
            "more than",
        ),
        ({"onbekend_veld": 1}, "onbekend_veld"),
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, Any], message: str, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "transforms").mkdir()
    entry = {
        "titel": "T",
        "uitleg": "U",
        "thema": "armoede",
        "eenheid": "personen",
        "indicator": "bijstand_per_1000_15_65",
        "basis": "b",
    }
    (tmp_path / "transforms" / FILE).write_text(yaml.safe_dump({"proef": entry | change}), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_target_groups(tmp_path, catalog)
    assert message in str(raised.value) + raised.value.message
    shutil.rmtree(tmp_path / "transforms")


# ---------------------------------------------------------------- the tables of a release


def test_tables_against_a_plain_implementation(world: World, catalog: Catalog) -> None:
    assert hold_against_loops(world.query, catalog) >= 10


def hold_against_loops(query: Callable[[str], list[tuple[Any, ...]]], catalog: Catalog) -> int:
    """Every size and every share outside, again, from `waarde` alone and by loops; the number of shares that there are."""
    groups = load_target_groups(project_folder(), catalog)
    latest = {
        (row[0], row[1]): row[2:]
        for row in query(
            "select gebiedscode, indicator, peiljaar, waarde, status, teller, noemer, ondergrens, bovengrens from laatste_waarde"
            f" where indicator in ({', '.join(repr(group.indicator) for group in groups.values())})"
        )
    }
    parts_of = sorted({part for group in groups.values() for part in (*group.basis_hoogstens, *group.basis_minstens)})
    named = ", ".join(f"'{part}'" for part in parts_of)
    tellers = {
        (code, name, year): count
        for code, name, year, count in query(
            f"select gebiedscode, indicator, peiljaar, teller from waarde where indicator in ({named})"
        )
    }
    areas = query("select gebiedscode, gemeentecode, soort, inwoners from gebied order by 1")
    exact: dict[tuple[str, str], float | None] = {}
    rows = query(
        "select gebiedscode, doelgroep, peiljaar, aantal, ondergrens, bovengrens, status, reden from doelgroep order by all"
    )
    assert {row[1] for row in rows} == set(groups)
    for code, name, year, count, low, high, status, reason in rows:
        group = groups[name]
        found_year, value, found_status, teller, noemer, under, over = latest[code, group.indicator]
        assert year == found_year
        if code.startswith("SG-"):
            continue
        if group.basis_hoogstens:
            parts = [tellers.get((code, part, year)) for part in group.basis_hoogstens]
            fewest = [tellers.get((code, part, year)) for part in group.basis_minstens or group.basis_hoogstens]
            known = value is not None and None not in parts
            size = value / 100 * sum(parts) if known else None
            bounds = (under / 100 * sum(fewest), over / 100 * sum(parts)) if known and under is not None else (None, None)
        else:
            factor = catalog.indicators[group.indicator].parsed.factor
            size = teller if value is not None else None
            bounds = (under / factor * noemer, over / factor * noemer) if size is not None and under is not None else (None, None)
        exact[code, name] = size
        assert (count is None) == (size is None) == (status != "ok"), (code, name)
        if size is None:
            assert reason and found_status in (status, "ok"), (code, name)
            continue
        nearest = step(size)
        assert abs(count - size) <= (0 if not group.basis_hoogstens else nearest / 2 + 1e-6), (code, name)
        if bounds[0] is not None:
            assert bounds[0] - nearest - 1e-6 <= low <= max(0, bounds[0]) + 1e-6, (code, name)
            assert bounds[1] - 1e-6 <= high <= bounds[1] + nearest + 1e-6, (code, name)
    chosen = {row[0] for row in query("select gebiedscode from integraal where uitkomst in ('bespreken', 'grensgeval')")}
    inside_of: dict[str, list[str]] = {}
    for code, gemeente, kind, _ in areas:
        if kind == "buurt":
            inside_of.setdefault(gemeente, []).append(code)
    compared = 0
    for gemeente, name, outcome, share, status in query(
        "select gemeentecode, doelgroep, n_gebieden, aandeel_buiten, status from doelgroep_buiten where keuze = 'uitkomst'"
    ):
        buurten = inside_of.get(gemeente, [])
        inside = [code for code in buurten if code in chosen]
        assert outcome == len(inside)
        if status != "ok":
            continue
        total = sum(exact[code, name] or 0 for code in buurten)
        assert share == pytest.approx(1 - sum(exact[code, name] or 0 for code in inside) / total)
        compared += 1
    return compared
