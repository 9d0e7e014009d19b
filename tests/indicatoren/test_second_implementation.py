"""Figures, scores, thresholds, signals and outcomes against a second implementation (RELIABILITY.md C2), to 1e-9."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from beeld.settings import project_folder
from beeld.sources.declarations import LOWER, UPPER, Source, Table
from beeld.transforms import areas, indicators, scores
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.indicatoren import drawn, national, second, second_intervals, second_stability
from tests.reliability.worlds import RealRelease

BUURTEN, PER_GEMEENTE, YEAR = 360, 24, 2024
WRONG = ("onbekend", "geheim", "niet_van_toepassing", "niet_geleverd", "te_klein")
COUNTS = {"misdrijven": 900, "bijstand": 120, "ao": 120, "ww": 60, "bedrijfsvestigingen": 300}


def _codes() -> list[str]:
    found = ["NL00"]
    for number in range(BUURTEN):
        gemeente, buurt = divmod(number, PER_GEMEENTE)
        found += [f"GM{gemeente:04d}"] if buurt == 0 else []
        found += [f"WK{gemeente:04d}{buurt // 6:02d}"] if buurt % 6 == 0 else []
        found.append(f"BU{gemeente:04d}{buurt // 6:02d}{buurt % 6:02d}")
    return found


def _cell(name: str, chance: random.Random, missing: float) -> tuple[float | None, str]:
    if chance.random() < missing:
        return None, chance.choice(WRONG)
    if name in COUNTS:
        return float(chance.randrange(0, COUNTS[name])), "ok"
    if name.startswith(("leeftijd", "aantal_inwoners", "huishoudens", "woningen")) and not name.endswith("grootte"):
        return float(5 * chance.choice([0, *range(8, 300)])), "ok"
    return round(chance.uniform(0, 60), 1), "ok"


def _basis(source: Source, chance: random.Random) -> pd.DataFrame:
    """Random cells of one source; some columns are sparse, and some areas have no row."""
    sparse = {name: chance.choice([0.02, 0.05, 0.25]) for name in source.kolommen}
    rows: list[dict[str, object]] = []
    for code in _codes():
        if code != "NL00" and chance.random() < 0.03 and not source.gebieden:
            continue
        row: dict[str, object] = {
            "tabel": "WILLEKEUR",
            "gebiedscode": code,
            "naam": code,
            "peiljaar": YEAR,
            "indeling_jaar": YEAR,
            "voorlopig": False,
            "getypeerd": False,
        }
        for name, column in source.kolommen.items():
            if column.soort == "tekst":
                row[name] = None
            elif name == "stedelijkheid":
                row[name], row[f"{name}_status"] = (None, "onbekend") if chance.random() < 0.03 else (chance.randint(1, 5), "ok")
            else:
                row[name], row[f"{name}_status"] = _cell(name, chance, sparse[name])
        rows.append(_with_ordered_bounds(row))
    return pd.DataFrame(rows)


def _with_ordered_bounds(row: dict[str, Any]) -> dict[str, Any]:
    """Published bounds the right way round: a source that has them inverted is refused (margins.refuse_inverted)."""
    for low in [name for name in row if name.endswith(LOWER)]:
        high = low.removesuffix(LOWER) + UPPER
        if row[low] is not None and row[high] is not None and row[low] > row[high]:
            row[low], row[high] = row[high], row[low]
    return row


@pytest.fixture(scope="module")
def frames(catalog: Catalog) -> dict[str, pd.DataFrame]:
    """Random source cells: seed fixed, a few hundred areas."""
    chance = random.Random(20261122)
    return {name: _basis(source, chance) for name, source in catalog.sources.items() if source.figures}


@pytest.fixture(scope="module")
def build(project: Path, catalog: Catalog, frames: dict[str, pd.DataFrame]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A build database from those cells, through the code that a release runs."""
    with closing(drawn.open_database(project)) as con:
        staged: list[Staged] = []
        for name, frame in frames.items():
            source = catalog.sources[name]
            create_basis(con, source)
            con.register("cellen", frame)
            con.execute(f'insert into basis."{name}" by name select * from cellen')
            con.unregister("cellen")
            table = Table(tabel="WILLEKEUR", peiljaar=YEAR, indeling_jaar=YEAR)
            staged.append(drawn.staged_like(source, table, source.kolommen, (YEAR,), len(frame)))
        areas.create_areas(con, catalog.sources["cbs_kwb"], [piece for piece in staged if piece.source.bron == "cbs_kwb"])
        for piece in staged:
            areas.link(con, piece.source, YEAR)
        indicators.compute_values(con, catalog, staged)
        indicators.describe_indicators(con, catalog, "toets")
        scores.compute_scores(con, catalog, project)
        scores.compute_thresholds(con, catalog, "toets", ())
        scores.compute_signals(con, catalog)
        yield con


def test_the_second_implementation_knows_every_indicator(catalog: Catalog) -> None:
    assert set(second.PUBLISHED) | set(second.RATES) == set(catalog.indicators), "write the new indicator down in second.py too"
    assert not set(second.PUBLISHED) & set(second.RATES)


def test_every_cell_is_the_same(build: duckdb.DuckDBPyConnection, frames: dict[str, pd.DataFrame], catalog: Catalog) -> None:
    """100 % of the cells: the same status, and the same value to 1e-9."""
    cells = {name: frame.set_index("gebiedscode").to_dict("index") for name, frame in frames.items()}

    def look(code: str, name: str) -> second.Cell | None:
        bron, column = name.split(".")
        row = cells[bron].get(code)
        if row is None:
            return None
        value, status = row[column], str(row[f"{column}_status"])
        return (None if pd.isna(value) else float(value)), status

    rows = build.execute("select gebiedscode, indicator, waarde, status from waarde").fetchall()
    assert len(rows) == len(_codes()) * len(catalog.indicators)
    for code, indicator, waarde, status in rows:
        expected, why = second.value_of(indicator, lambda name, code=code: look(code, name))
        assert (status, waarde is None) == (why, expected is None), (code, indicator)
        assert waarde is None or math.isclose(waarde, expected, rel_tol=1e-9, abs_tol=1e-9), (code, indicator)


INTERVALS = """select gebiedscode, soort, indicator, peiljaar, waarde, teller, noemer, ondergrens, bovengrens, betrouwbaar
from waarde join gebied using (gebiedscode) where soort <> 'samengesteld' order by all"""


def test_every_interval_is_the_same(build: duckdb.DuckDBPyConnection, frames: dict[str, pd.DataFrame]) -> None:
    """Interval and reliability of every cell; the drawn health table publishes bounds, some of them empty."""
    published: pd.DataFrame = build.execute(INTERVALS).df()
    health = frames["rivm_gezondheid"].set_index("gebiedscode")
    found = [
        rows.assign(**bounds(health, str(name), rows["gebiedscode"]) if name in HEALTH else NO_BOUNDS)
        for name, rows in published.groupby("indicator")
    ]
    intervals, wrong = second_intervals.compare(pd.concat(found))
    assert wrong == []
    assert intervals > 10_000
    given = pd.concat(found)["gegeven"]
    assert 0 < given.sum() < len(given)


HEALTH = {name for name, column in second.PUBLISHED.items() if column.startswith("rivm_gezondheid.")}
NO_BOUNDS = {"gegeven": False, "onder": math.nan, "boven": math.nan}


def bounds(health: pd.DataFrame, indicator: str, codes: pd.Series) -> dict[str, Any]:
    """The bounds that the drawn table publishes; one that it does not have at all is not published."""
    column = second.PUBLISHED[indicator].split(".")[1]
    if f"{column}{LOWER}" not in health:
        return dict(NO_BOUNDS)
    own = health.reindex(codes)
    states = [own[f"{column}{end}_status"].fillna("niet_geleverd") for end in (LOWER, UPPER)]
    both = (states[0] == "ok") & (states[1] == "ok")
    return {
        "gegeven": ((states[0] != "niet_geleverd") & (states[1] != "niet_geleverd")).to_numpy(),
        "onder": own[f"{column}{LOWER}"].where(both).to_numpy(dtype=float),
        "boven": own[f"{column}{UPPER}"].where(both).to_numpy(dtype=float),
    }


@pytest.mark.parametrize("indicator", sorted(n for n, i in load_catalog(project_folder()).indicators.items() if i.krimp))
def test_shrunk_crime_is_the_same(indicator: str, build: duckdb.DuckDBPyConnection) -> None:
    """Per kind and class, mean and variance from the buurten of the universe, applied to all."""
    rows: pd.DataFrame = build.execute(
        """select w.gebiedscode, g.soort, g.stedelijkheid, g.inwoners, w.teller, w.noemer, w.geschat
        from waarde as w join gebied as g using (gebiedscode)
        where w.indicator = ? and w.status = 'ok'""",
        [indicator],
    ).df()
    assert rows.loc[rows["stedelijkheid"].isna(), "geschat"].isna().all()
    compared = 0
    for (kind, _), group in rows.dropna(subset=["stedelijkheid"]).groupby(["soort", "stedelijkheid"]):
        used = group[(kind != "buurt") | (group["inwoners"].fillna(0) >= 200)]
        if used.empty:
            assert group["geschat"].isna().all()
            continue
        mu, tau2 = second.shrunk(used["teller"].tolist(), used["noemer"].tolist())
        for row in group.itertuples():
            assert math.isclose(row.geschat, 1000 * second.shrunk_rate(row.teller, row.noemer, mu, tau2), rel_tol=1e-9)
            compared += 1
    assert compared == len(rows.dropna(subset=["stedelijkheid"])) > 100


def test_scores_signals_and_outcomes_are_the_same(build: duckdb.DuckDBPyConnection) -> None:
    counts = second.compare(build, own_thresholds=True)
    assert counts["scores"] > 5_000
    assert counts["signalen"] > 1_500
    assert counts["opvallend"] > 400
    found = dict(build.execute("select uitkomst, count(*) from integraal group by 1").fetchall())
    assert set(found) >= {"geen_signaal", "bespreken", "te_weinig_gegevens"}, "the random country must reach every outcome"
    reached = {row[0] for row in build.execute("select distinct niveau from signaal").fetchall()}
    assert reached == {"geen", "aandacht", "sterk", "kracht"}


def test_every_real_figure_of_the_country_is_the_same(real_release: RealRelease, real_data: Path) -> None:
    """100 % of the cells: value to 1e-9 and status of every area, indicator and year, both ways."""
    with closing(open_warehouse(warehouse_file(real_release.result.folder))) as con:
        published: pd.DataFrame = con.execute(
            "select gebiedscode, indicator, peiljaar, waarde, status from waarde where not starts_with(gebiedscode, 'SG-')"
        ).df()
        intervals, other = second_intervals.compare(con.execute(INTERVALS).df())
    compared, wrong = national.compare(national.Country(real_data), published)
    assert wrong == []
    assert compared == len(published) > 1_700_000
    assert other == []
    assert intervals > 700_000


def test_a_real_release_is_the_same(real_release: RealRelease) -> None:
    """The same comparison on the real figures of the country."""
    with closing(open_warehouse(warehouse_file(real_release.result.folder))) as con:
        own = con.execute("select bool_and(d.release = r.release) from drempel as d cross join release as r").fetchall()
        counts = second.compare(con, own_thresholds=bool(own[0][0]))
    assert counts["scores"] > 100_000
    assert counts["opvallend"] > 5_000


@pytest.mark.parametrize(("kind", "count"), [("buurt", 120), ("wijk", 60), ("gemeente", 60)])
def test_the_stability_of_a_real_release_is_the_same_in_distribution(kind: str, count: int, real_release: RealRelease) -> None:
    """Error models written down from METHOD.md and other random numbers: shares of signals, outcomes and single figures."""
    with closing(open_warehouse(warehouse_file(real_release.result.folder))) as con:
        rows = con.execute(
            "select distinct gebiedscode from signaal join gebied using (gebiedscode) where soort = ? order by 1", [kind]
        ).fetchall()
        codes = sorted(random.Random(20261126).sample([code for (code,) in rows], count))
        shares = second_stability.compare(con, kind, codes, 1000, seed=8)
    assert len(shares) > 4 * count
    assert any(0.2 < share.published < 0.8 for share in shares)
    assert second_stability.differences(shares, 1000, 1000) == []
