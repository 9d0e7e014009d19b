"""Checks before publication: what blocks, what warns, and the rounding bound of METHOD.md section 3."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace

import duckdb
import pytest

from beeld.errors import ChecksFailed
from beeld.settings import project_folder
from beeld.sources.declarations import Expected, KnownValue, Parts
from beeld.transforms.basis import create_basis
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse import checks
from tests.indicatoren import drawn, scoring

Con = duckdb.DuckDBPyConnection
AGES = ("leeftijd_0_15", "leeftijd_15_25", "leeftijd_25_45", "leeftijd_45_65", "leeftijd_65_plus")


@pytest.fixture(scope="session")
def _great_expectations() -> None:
    """Import it once for the session; it takes seconds."""
    with closing(duckdb.connect()) as con:
        assert checks.validate(con, []) == []


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


@pytest.fixture
def con(_great_expectations: None, catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    """A build database with one gemeente of one wijk of two buurten, and an empty `basis.cbs_kwb`."""
    with closing(drawn.open_database(project_folder())) as connection:
        rows = [{"gebiedscode": code} for code in AREAS]
        drawn.insert_areas(connection, rows, 2020)
        create_basis(connection, catalog.sources["cbs_kwb"])
        yield connection


AREAS = ("BU00140000", "BU00140001", "GM0014", "NL00", "WK001400")


def put(con: Con, code: str, name: str, value: float) -> None:
    """One figure; the other areas get a row without value, so that the grid is complete."""
    put_all(con, name, [(value if area == code else None, None, None) for area in AREAS])


def put_all(con: Con, name: str, cells: Sequence[tuple[float | None, float | None, float | None]]) -> None:
    """(value, numerator, denominator) of every area."""
    for area, (value, top, bottom) in zip(AREAS, cells, strict=True):
        state, reason = ("onbekend", "onbekend") if value is None else ("ok", None)
        con.execute(
            "insert into waarde values (?, ?, 2020, 2020, ?, ?, ?, ?, ?, null, null, null, false, null, 'T', 'k', '0')",
            [area, name, value, state, reason, top, bottom],
        )


def with_expectations(catalog: Catalog, expected: Expected) -> Catalog:
    """The catalogue in which only table 84799NED has expectations, and no indicator has a range."""
    source = catalog.sources["cbs_kwb"]
    table = source.table("84799NED").model_copy(update={"verwacht": expected})
    indicators = {name: entry.model_copy(update={"bereik": None}) for name, entry in catalog.indicators.items()}
    return replace(
        catalog, sources={**catalog.sources, "cbs_kwb": source.model_copy(update={"tabellen": (table,)})}, indicators=indicators
    )


def deliver(con: Con, rows: int = 5) -> None:
    """`bron` says that 84799NED was delivered."""
    con.execute(
        "insert into bron values ('cbs_kwb', '84799NED', 't', 'CBS', 'CC BY 4.0', '', null, null, 'aa', ?, 'actueel')", [rows]
    )


def basis(con: Con, code: str, **values: float | None) -> None:
    """One row of the source."""
    names = [part for name in values for part in (name, f"{name}_status")]
    cells = [part for value in values.values() for part in (value, "onbekend" if value is None else "ok")]
    con.execute(
        f"""insert into basis.cbs_kwb (tabel, gebiedscode, naam, peiljaar, voorlopig, getypeerd, {", ".join(names)})
        values ('84799NED', ?, ?, 2020, false, true, {", ".join("?" * len(cells))})""",
        [code, code, *cells],
    )


def run(con: Con, catalog: Catalog) -> dict[str, tuple[bool, str]]:
    """Name -> (passed, severity), as written to `controle`."""
    checks.run_checks(con, catalog)
    return {
        name: (passed, level) for name, passed, level in con.execute("select controle, geslaagd, ernst from controle").fetchall()
    }


def test_a_value_outside_its_range_blocks(con: Con, catalog: Catalog) -> None:
    put(con, "BU00140000", "aandeel_eenzaam", 101.0)
    with pytest.raises(ChecksFailed) as failure:
        run(con, catalog)
    assert failure.value.exit_code == 5
    assert "rivm_gezondheid aandeel_eenzaam: elke waarde ligt tussen 0 en 100 procent" in str(failure.value)
    assert "1 rows do not fit" in str(failure.value)
    assert "Nothing was published" in str(failure.value)
    found = con.execute("select geslaagd, aantal, ernst from controle where controle = 'bereik_aandeel_eenzaam'").fetchall()
    assert found == [(False, 1, "fout")], "the failure is written down before it blocks"


def failed(con: Con, catalog: Catalog, name: str) -> tuple[int, str]:
    """How many rows one check counts as wrong, and its severity; a failed `fout` may block."""
    with suppress(ChecksFailed):
        checks.run_checks(con, catalog)
    (row,) = con.execute("select aantal, ernst from controle where controle = ?", [name]).fetchall()
    return row


def test_published_figures_have_exact_ranges(con: Con, catalog: Catalog) -> None:
    """0 and 100 are shares; −0.1, −1 (facts: once delivered for `.`) and 100.1 are not."""
    put_all(
        con,
        "aandeel_eenzaam",
        [(0.0, None, None), (100.0, None, None), (-0.1, None, None), (100.1, None, None), (-1, None, None)],
    )
    assert failed(con, catalog, "bereik_aandeel_eenzaam") == (3, "fout")


def test_rates_of_rounded_counts_may_lie_just_outside(con: Con, catalog: Catalog) -> None:
    """Both counts can be 4 off: (top − 4)/(bottom + 4) must still be possible. 20/15 and 23/15 are, the others are not."""
    pairs = [(20, 15), (23, 15), (24, 15), (200, 15), (-5, 15)]
    put_all(con, "aandeel_eenpersoonshuishoudens", [(100 * top / bottom, top, bottom) for top, bottom in pairs])
    assert failed(con, catalog, "bereik_aandeel_eenpersoonshuishoudens") == (3, "fout")


def test_large_bounds_are_written_out(con: Con, catalog: Catalog) -> None:
    """A reader of the release page sees 20000000 and 17407585, not 2e+07 and 1.74076e+07."""
    texts = [check.toelichting for check in checks.all_checks(catalog, ["84799NED"])]
    assert any("NL00 2020 is 17407585" in text for text in texts)
    assert not any("e+" in text for text in texts)


@pytest.mark.parametrize(("value", "passes"), [(17407585.0, True), (17407586.0, False), (None, False)])
def test_a_known_national_value(value: float | None, passes: bool, con: Con, catalog: Catalog) -> None:
    known = KnownValue(gebied="NL00", kolom="aantal_inwoners", peiljaar=2020, waarde=17407585)
    deliver(con)
    basis(con, "NL00", aantal_inwoners=value)
    changed = with_expectations(catalog, Expected(bekend=(known,)))
    if passes:
        assert run(con, changed)["bekend_cbs_kwb_nl00_aantal_inwoners_2020"] == (True, "fout")
    else:
        with pytest.raises(ChecksFailed, match=r"cbs_kwb aantal_inwoners: NL00 2020 is 17407585"):
            run(con, changed)


def test_a_known_value_without_its_row_blocks(con: Con, catalog: Catalog) -> None:
    known = KnownValue(gebied="NL00", kolom="aantal_inwoners", peiljaar=2020, waarde=17407585)
    deliver(con)
    with pytest.raises(ChecksFailed):
        run(con, with_expectations(catalog, Expected(bekend=(known,))))


def test_a_table_that_was_not_delivered_is_not_checked(con: Con, catalog: Catalog) -> None:
    known = KnownValue(gebied="NL00", kolom="aantal_inwoners", peiljaar=2020, waarde=17407585)
    assert not any(name.startswith("bekend") for name in run(con, with_expectations(catalog, Expected(bekend=(known,)))))


def test_warnings_do_not_block(con: Con, catalog: Catalog) -> None:
    """A row band, a null share and a sum of parts warn; the release goes on and says so."""
    deliver(con, rows=3)
    basis(con, "BU00140000", aantal_inwoners=None)
    basis(con, "BU00140001", aantal_inwoners=100.0)
    found = run(con, with_expectations(catalog, Expected(rijen=(4, 9), leeg_hoogstens={"aantal_inwoners": 0.4})))
    assert found["rijen_cbs_kwb_84799ned"] == (False, "waarschuwing")
    assert found["gevuld_cbs_kwb_84799ned_aantal_inwoners"] == (False, "waarschuwing")


def test_sum_of_parts_within_the_rounding_bound(con: Con, catalog: Catalog) -> None:
    """Five parts: 4 · 5 plus the total's own 4. 24 off passes, 25 off fails."""
    deliver(con)
    for number, off in enumerate((0, 24, -24, 25, -25)):
        basis(con, f"BU0014000{number}", aantal_inwoners=500.0 + off, **dict.fromkeys(AGES, 100.0))
    changed = with_expectations(catalog, Expected(delen=(Parts(geheel="aantal_inwoners", delen=AGES),)))
    assert failed(con, changed, "delen_cbs_kwb_84799ned_aantal_inwoners_5") == (2, "waarschuwing")


def test_sums_are_not_asked_of_gemeenten_or_of_missing_parts(con: Con, catalog: Catalog) -> None:
    """People without an address count in the gemeente only; a missing part says nothing."""
    deliver(con)
    basis(con, "GM0014", aantal_inwoners=900.0, **dict.fromkeys(AGES, 100.0))
    basis(con, "BU00140000", aantal_inwoners=900.0, **dict.fromkeys(AGES[1:], 100.0))
    found = run(con, with_expectations(catalog, Expected(delen=(Parts(geheel="aantal_inwoners", delen=AGES),))))
    assert found["delen_cbs_kwb_84799ned_aantal_inwoners_5"][0]


def test_buurten_add_up_to_their_wijk(con: Con, catalog: Catalog) -> None:
    """Two buurten: 4 · 2 plus the wijk's own 4. 12 off passes, 13 off fails."""
    deliver(con)
    for number, wijk in enumerate((200.0, 212.0, 188.0, 213.0, 187.0)):
        basis(con, f"BU00140{number}00", aantal_inwoners=100.0)
        basis(con, f"BU00140{number}01", aantal_inwoners=100.0)
        basis(con, f"WK00140{number}", aantal_inwoners=wijk)
    changed = with_expectations(catalog, Expected(delen=(Parts(geheel="aantal_inwoners", delen=AGES),)))
    assert failed(con, changed, "wijken_cbs_kwb_84799ned_aantal_inwoners") == (2, "waarschuwing")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("insert into waarde select * from waarde", "elk cijfer komt een keer voor"),
        ("delete from waarde where gebiedscode = 'GM0014'", "elk gebied heeft een rij"),
    ],
)
def test_keys_and_grid(spoil: str, named: str, con: Con, catalog: Catalog) -> None:
    put(con, "BU00140000", "aandeel_eenzaam", 50.0)
    con.execute(spoil)
    with pytest.raises(ChecksFailed, match=named):
        run(con, catalog)


@pytest.mark.usefixtures("_great_expectations")
@pytest.mark.parametrize(("noise", "buurten", "passes"), [(5.0, 120, True), (0.5, 120, False), (0.5, 90, True)])
def test_two_core_figures_that_are_one(noise: float, buurten: int, passes: bool, catalog: Catalog) -> None:
    """METHOD.md 2: "Of indicators that correlate above 0.9 in one theme only one is kern" - where enough buurten have both."""
    one, other = "bijstand_per_1000_15_65", "aandeel_moeite_rondkomen"
    steps = {f"BU0014{number:04d}": 0.05 * number for number in range(buurten)}
    noisy = {code: value + noise * (-1) ** (number // 2) for number, (code, value) in enumerate(steps.items())}
    with closing(drawn.open_database(project_folder())) as con:
        scoring.insert_areas(con, list(steps))
        scoring.insert_values(con, catalog, {one: steps, other: noisy})
        outcomes = {outcome.check.naam: outcome for outcome in checks.validate(con, checks.all_checks(catalog, []))}
    outcome = outcomes[f"samenhang_{one}_{other}"]
    assert (outcome.geslaagd, outcome.check.ernst) == (passes, "waarschuwing")


def test_names_of_checks_are_unique_and_in_a_fixed_order(catalog: Catalog) -> None:
    """`controle` has its name as key, and two builds give the same order."""
    tables = [table.tabel for source in catalog.sources.values() for table in source.tabellen]
    names = [check.naam for check in checks.all_checks(catalog, tables)]
    assert len(names) == len(set(names))
    assert names == [check.naam for check in checks.all_checks(catalog, reversed(tables))]


def test_nothing_is_reported_to_anyone(con: Con, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Analytics stay off, also where the shell asks for them: no socket is opened while checks run."""
    tried: list[object] = []
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: tried.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: tried.append(address) or [])
    put(con, "BU00140000", "aandeel_eenzaam", 50.0)
    run(con, catalog)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    assert tried == []
    assert "posthog" not in sys.modules
