"""Every OData table that is declared, from its sample over HTTP into `basis`: exact cells, margins, editions that never mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from beeld.errors import SourceChanged, SourceUnreachable
from beeld.settings import Settings, load_settings
from beeld.sources import archive, fetch
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, load_sources
from beeld.sources.fetch import SUPERSEDED, Delivered, Look
from beeld.sources.http import open_client
from beeld.sources.members import pinned
from beeld.sources.odata_v3 import read_layout
from beeld.transforms import indicators, margins, staging
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse import build
from beeld.warehouse.status import table_statuses
from tests.loopback import LoopbackServer

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
HOSTS = {"cbs": "opendata.cbs.nl", "derden": "dataderden.cbs.nl"}
LIMIT = 30_000
"""Bytes of one sample on disk."""

Cell = tuple[str, str, int, float | None, str]
"""kolom, gebiedscode, peiljaar, value, status"""
MISSING = (None, "onbekend")

CELLS: Mapping[str, list[Cell]] = {
    "50150NED": [
        ("eenzaam", "NL00", 2024, 48.0, "ok"),
        ("eenzaam", "BU90010101", 2024, 51.2, "ok"),
        ("eenzaam_ondergrens", "BU90010101", 2024, 48.1, "ok"),
        ("eenzaam_bovengrens", "BU90010101", 2024, 54.6, "ok"),
        ("eenzaam_65_plus", "BU90010101", 2024, 57.9, "ok"),
        ("eenzaam_65_plus_ondergrens", "BU90010101", 2024, 54.8, "ok"),
        ("ernstig_eenzaam", "GM9001", 2024, 15.5, "ok"),
        ("eenzaam", "BU90010103", 2024, *MISSING),
        ("eenzaam_bovengrens", "BU90010103", 2024, *MISSING),
        ("tevreden_woning", "GM9001", 2012, None, "niet_geleverd"),
        ("zeer_lage_veerkracht", "GM9001", 2024, None, "niet_geleverd"),
    ],
    "50120NED": [
        ("eenzaam", "BU90010103", 2022, *MISSING),
        ("psychische_klachten", "GM9001", 2012, None, "niet_geleverd"),
        ("lage_veerkracht", "GM9001", 2022, None, "niet_geleverd"),
    ],
    "50090NED": [
        ("eenzaam", "BU90010102", 2020, 44.7, "ok"),
        ("eenzaam_ondergrens", "BU90010102", 2020, None, "niet_geleverd"),
        ("geluidhinder_buren", "NL00", 2012, None, "niet_geleverd"),
    ],
    "47018NED": [
        ("misdrijven", "BU90010101", 2025, 118.0, "ok"),
        ("woninginbraken", "BU90010101", 2025, 0.0, "ok"),
        ("woninginbraken", "BU90010103", 2025, *MISSING),
    ],
    "47022NED": [
        ("misdrijven", "BU90010101", 2025, 118.0, "ok"),
        ("woninginbraken", "BU90010101", 2025, None, "niet_geleverd"),
    ],
    "47024NED": [
        ("overlast", "BU90010101", 2025, 42.0, "ok"),
        ("overlast", "BU90010102", 2025, 0.0, "ok"),
        ("overlast", "BU90010103", 2025, *MISSING),
    ],
    "86296NED": [
        ("score_totaal", "BU90010101", 2024, -0.211, "ok"),
        ("score_totaal", "GM9001", 2024, 0.034, "ok"),
        ("percentielgroep", "BU90010101", 2024, 38.5, "ok"),
        ("spreiding", "BU90010101", 2024, 0.412, "ok"),
        ("spreiding_ondergrens", "BU90010101", 2024, 0.377, "ok"),
        ("spreiding_bovengrens", "BU90010101", 2024, 0.449, "ok"),
        ("score_totaal", "BU90010103", 2024, *MISSING),
    ],
    "85539NED": [
        ("percentielgroep", "BU90010103", 2021, *MISSING),
        ("score_totaal", "GM9001", 2021, None, "niet_geleverd"),
    ],
    "86270NED": [("afstand_basisschool", "BU90010101", 2025, 0.4, "ok"), ("afstand_huisarts", "BU90010103", 2025, *MISSING)],
    "86134NED": [("afstand_basisschool", "BU90010101", 2024, 0.4, "ok")],
    "86158NED": [
        ("wmo_clienten", "WK900101", 2025, 215.0, "ok"),
        ("verblijf_en_opvang", "WK900101", 2025, None, "geheim"),
    ],
    "85994NED": [
        ("personen_met_voorziening", "WK900101", 2024, 640.0, "ok"),
        ("huishoudens_met_voorziening", "WK900101", 2024, *MISSING),
    ],
    "86204NED": [("jongeren_met_jeugdzorg", "WK900101", 2025, 95.0, "ok")],
    "86159NED": [
        ("aardgasverbruik", "BU90010101", 2024, 980.0, "ok"),
        ("aardgasverbruik", "BU90010102", 2024, *MISSING),
    ],
    "86232NED": [
        ("hbo_wo", "BU90010101", 2024, 46.0, "ok"),
        ("hbo_wo_ondergrens", "BU90010101", 2024, 41.5, "ok"),
        ("hbo_wo_bovengrens", "BU90010101", 2024, 50.5, "ok"),
        ("basisonderwijs_vmbo_mbo1", "BU90010101", 2024, 18.5, "ok"),
    ],
    "86258NED": [("nettoarbeidsparticipatie", "BU90010101", 2024, 71.5, "ok")],
    "50143NED": [("score_totaal", "BU90010101", 2024, 63.0, "ok"), ("score_totaal", "BU90010103", 2024, *MISSING)],
    "50149NED": [("ggz_patienten", "BU90010101", 2023, 512.0, "ok"), ("ggz_patienten", "BU90010103", 2023, *MISSING)],
}
YEARS = {
    "50150NED": (2012, 2024),
    "50120NED": (2012, 2022),
    "50090NED": (2012, 2020),
    "47018NED": (2024, 2025),
    "47022NED": (2024, 2025),
    "47024NED": (2024, 2025),
    "86296NED": (2023, 2024),
    "85539NED": (2020, 2021),
    "50149NED": (2022, 2023),
}
"""Years of a sample with a time dimension; months among them are no year."""
SOURCES = load_sources(ROOT / "sources")
OWNER = {table.tabel: source for source in SOURCES.values() for table in source.tabellen}
EDITIONS = [source for source in SOURCES.values() if source.edities]


@dataclass
class Samples:
    """The samples over HTTP, and a home to fetch them into."""

    server: LoopbackServer
    settings: Settings
    client: httpx.Client

    def look(self, **options: Any) -> Look:
        """How to look at the samples."""
        return Look(self.settings, self.client, **options)

    def deliveries(self, *names: str, **options: Any) -> list[Delivered]:
        """How the tables of these sources stand after a look."""
        return fetch.deliveries(self.look(**options), {name: SOURCES[name] for name in names})

    def snapshot(self, source: Source, table: str) -> Snapshot:
        """One table, fetched now."""
        look = self.look(strict=True)
        found = fetch.delivery(look, source, source.table(table), fetch.Catalogues(look)).snapshot
        assert found is not None
        return found


@pytest.fixture(scope="module")
def serving() -> Iterator[LoopbackServer]:
    with LoopbackServer(SAMPLES) as server:
        yield server


@pytest.fixture
def samples(serving: LoopbackServer, tmp_path: Path, fast_retries: list[float]) -> Iterator[Samples]:
    settings = load_settings({**serving.environment, "BEELD_HOME": str(tmp_path / "data")}, folder=tmp_path)
    with open_client() as client:
        yield Samples(serving, settings, client)
    serving.clear_faults()
    for source in EDITIONS:
        for table in source.tabellen:
            serving.show(table.tabel)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        yield connection


def staged(con: duckdb.DuckDBPyConnection, source: Source, table: str, snapshot: Snapshot) -> Staged:
    """The sample in an empty `basis.<bron>`."""
    create_basis(con, source)
    return staging.stage(con, source, source.table(table), snapshot, 2000)


def cell(con: duckdb.DuckDBPyConnection, source: Source, column: str, code: str, year: int) -> tuple[float | None, str]:
    """One cell of `basis.<bron>`."""
    found = con.execute(
        f'select "{column}", "{column}_status" from basis."{source.bron}" where gebiedscode = ? and peiljaar = ?', [code, year]
    ).fetchall()
    assert len(found) == 1, (column, code, year)
    return found[0]


# ---------------------------------------------------------------- samples


def test_every_declared_odata_table_has_a_sample() -> None:
    declared = {
        (HOSTS[source.service(table).dienst], table.tabel)
        for source in SOURCES.values()
        for table in source.tabellen
        if source.service(table).protocol == "odata_v3"
    }
    found = {(path.parent.name, path.name) for path in SAMPLES.glob("odata_v3/*/*")}
    assert sorted(declared - found) == []
    assert sorted(found - declared) == []


def test_every_sample_is_small_and_invented() -> None:
    for folder in SAMPLES.glob("odata_v3/*/*"):
        assert sum(path.stat().st_size for path in folder.iterdir()) < LIMIT, folder.name
    for table, cells in CELLS.items():
        assert {code for _, code, *_ in cells} <= {"NL00", "GM9001", "WK900101", "BU90010101", "BU90010102", "BU90010103"}, table


def test_every_table_of_these_sources_is_looked_at() -> None:
    """Kerncijfers have tests of their own (test_kwb_years.py)."""
    odata = {table for table, source in OWNER.items() if source.service(source.table(table)).protocol == "odata_v3"}
    assert odata - {table.tabel for table in SOURCES["cbs_kwb"].tabellen} == set(CELLS)


@pytest.mark.parametrize("table", sorted(CELLS))
def test_a_sample_becomes_exact_cells(table: str, samples: Samples, con: duckdb.DuckDBPyConnection) -> None:
    source = OWNER[table]
    piece = staged(con, source, table, samples.snapshot(source, table))
    found = [(column, code, year, *cell(con, source, column, code, year)) for column, code, year, *_ in CELLS[table]]
    assert found == CELLS[table]
    assert piece.years == (YEARS[table] if table in YEARS else (source.table(table).peiljaar or CELLS[table][0][2],))
    assert set(source.table(table).verplicht) <= set(piece.layout.columns)


@pytest.mark.parametrize("table", sorted(CELLS))
def test_every_declared_column_is_found_in_its_sample(table: str, samples: Samples) -> None:
    """A column that no sample has would be a declaration that nothing tests."""
    source = OWNER[table]
    layout = read_layout(samples.snapshot(source, table), source, source.table(table))
    assert set(layout.columns) == set(source.columns_of(source.table(table)))


def test_provisional_years_are_marked(samples: Samples, con: duckdb.DuckDBPyConnection) -> None:
    staged(con, SOURCES["politie_misdrijven"], "47018NED", samples.snapshot(SOURCES["politie_misdrijven"], "47018NED"))
    found = con.execute("select distinct peiljaar, voorlopig from basis.politie_misdrijven order by 1").fetchall()
    assert found == [(2024, False), (2025, True)]


# ---------------------------------------------------------------- members by title


def changed(source: Source, **dimensions: str) -> Source:
    """The source with other members."""
    return source.model_copy(update={"dimensies": {**source.dimensies, **dimensions}})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (changed(SOURCES["rivm_zorg"], Cijfersoort="*promille*"), r"0 members .* fit '\*promille\*'; it has A050001 \(Aantal\)"),
        (changed(SOURCES["rivm_zorg"], Cijfersoort="*r*"), "2 members"),
        (SOURCES["rivm_zorg"].model_copy(update={"dimensies": {}}), "Cijfersoort has 3 members and none is chosen"),
        (changed(SOURCES["rivm_zorg"], Cijfersoort="A059999"), "Cijfersoort lacks A059999"),
    ],
    ids=["no member fits", "several fit", "none chosen", "no such key"],
)
def test_a_member_is_one_member_or_the_table_is_refused(source: Source, message: str, samples: Samples) -> None:
    with pytest.raises(SourceChanged, match=message):
        samples.snapshot(source, "50149NED")
    assert archive.current_snapshot(samples.settings.raw, "rivm_zorg", "50149NED") is None


def test_a_key_is_taken_as_it_is() -> None:
    source = SOURCES["politie_misdrijven"]
    assert pinned(source, {}, "w").dimensies == {"SoortMisdrijf": "0.0.0"}


def test_a_table_without_one_declared_column_says_what_it_has(samples: Samples) -> None:
    source = SOURCES["rivm_beweegomgeving"]
    column = next(iter(source.kolommen.values()))
    other = column.model_copy(update={"onderwerpen": (column.onderwerpen[0].model_copy(update={"naam": "*verzonnen*"}),)})
    with pytest.raises(SourceChanged, match=r"none of the declared columns; it has .*RecreatiefGroenEnBlauw_5 \(score\)"):
        samples.snapshot(source.model_copy(update={"kolommen": {"score_totaal": other}}), "50143NED")


# ---------------------------------------------------------------- editions


@pytest.mark.parametrize("source", EDITIONS, ids=[source.bron for source in EDITIONS])
def test_only_the_best_edition_is_fetched(source: Source, samples: Samples) -> None:
    first, *others = samples.deliveries(source.bron)
    assert (first.table, first.status, first.fetched) == (source.tabellen[0], "actueel", True)
    assert [(item.snapshot, item.status, item.warning) for item in others] == [(None, SUPERSEDED, "")] * len(others)
    for table in source.tabellen[1:]:
        assert archive.current_snapshot(samples.settings.raw, source.bron, table.tabel) is None


@pytest.mark.parametrize("source", EDITIONS, ids=[source.bron for source in EDITIONS])
def test_the_next_edition_stands_in_while_the_best_is_not_listed(source: Source, samples: Samples) -> None:
    samples.server.hide(source.tabellen[0].tabel)
    first, second, *others = samples.deliveries(source.bron)
    assert (first.status, second.status) == ("niet_geleverd", "actueel")
    assert "does not list" in first.warning
    assert {item.status for item in others} <= {SUPERSEDED}


def test_a_broken_edition_warns_while_another_stands(samples: Samples) -> None:
    """Also for a required source; with --strict it is a fault."""
    samples.server.fault("status", "DataProperties", table="50150NED", code=500)
    first, second, _ = samples.deliveries("rivm_gezondheid")
    assert (first.status, second.status) == ("niet_geleverd", "actueel")
    assert "50150NED" in first.warning
    with pytest.raises(SourceUnreachable, match="50150NED"):
        samples.deliveries("rivm_gezondheid", strict=True)


def test_a_required_source_fails_when_no_edition_stands(samples: Samples) -> None:
    for table in SOURCES["rivm_gezondheid"].tabellen:
        samples.server.fault("status", "DataProperties", table=table.tabel, code=500)
    with pytest.raises(SourceUnreachable, match="50150NED"):
        samples.deliveries("rivm_gezondheid")


@pytest.mark.parametrize("source", EDITIONS, ids=[source.bron for source in EDITIONS])
def test_two_delivered_editions_never_double(source: Source, samples: Samples, con: duckdb.DuckDBPyConnection) -> None:
    """Also when the archive still has the older one, and in whatever order they are given: a year of an area stands once."""
    samples.server.hide(source.tabellen[0].tabel)
    before = samples.deliveries(source.bron)
    samples.server.show(source.tabellen[0].tabel)
    after = samples.deliveries(source.bron)
    both = [item for item in (*before, *after) if item.snapshot is not None]
    assert len({item.table.tabel for item in both}) == 2
    pieces = build.stage_source(con, source, both, 2000)
    assert [piece.table for piece in pieces] == [source.tabellen[0]]
    count = f'select count(*), count(distinct (gebiedscode, peiljaar)), count(distinct tabel) from basis."{source.bron}"'
    rows, distinct, tables = con.execute(count).fetchall()[0]
    assert rows == distinct > 0
    assert tables == 1
    statuses = [row.status for row in table_statuses(samples.settings, catalog_of(source.bron))]
    assert statuses == ["actueel", *[SUPERSEDED] * (len(source.tabellen) - 1)]


def catalog_of(*names: str) -> Catalog:
    """The catalogue with these sources only."""
    catalog = load_catalog(ROOT)
    kept = {name: indicator for name, indicator in catalog.indicators.items() if indicator.bron in names}
    return replace(catalog, sources={name: SOURCES[name] for name in names}, indicators=kept, unions=())


# ---------------------------------------------------------------- margins


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([(40.0, 50.0, 100.0), (20.0, 40.0, 300.0)], (100 * 10 + 300 * 20) / 400 / 3.92),
        ([(40.0, 50.0, 100.0)], 10 / 3.92),
        ([(40.0, None, 100.0)], None),
        ([(40.0, 50.0, None)], None),
        ([(40.0, 50.0, 0.0)], None),
        ([], None),
    ],
)
def test_errors_of_one_model_do_not_average_out(
    parts: list[tuple[float | None, float | None, float | None]], error: float | None
) -> None:
    """The margin of a union is the weighted mean of those of its buurten: by hand."""
    assert margins.union_error(parts) == (None if error is None else pytest.approx(error))


@pytest.mark.parametrize(
    ("indicator", "table", "assumed"),
    [
        ("aandeel_eenzaam", "50150NED", False),
        ("aandeel_eenzaam", "50120NED", False),
        ("aandeel_eenzaam", "50090NED", True),
        ("aandeel_geluidhinder_buren", "50090NED", True),
        ("aandeel_eenzaam", "", True),
        ("bijstand_per_1000_15_65", "85984NED", False),
    ],
)
def test_a_margin_is_called_assumed_only_where_no_table_gives_one(indicator: str, table: str, assumed: bool) -> None:
    entry = load_catalog(ROOT).indicators[indicator]
    assert margins.assumed(entry, SOURCES[entry.bron], table) is assumed


@dataclass(frozen=True)
class Figure:
    """What `waarde` says of one figure."""

    waarde: float | None
    ondergrens: float | None
    bovengrens: float | None
    betrouwbaar: bool | None


def figures(samples: Samples, con: duckdb.DuckDBPyConnection, edition: str) -> dict[str, Figure]:
    """aandeel_eenzaam per gebied in the newest year of an edition, computed on the areas of the Kerncijfers sample of 2024."""
    kwb = SOURCES["cbs_kwb"].model_copy(update={"tabellen": (SOURCES["cbs_kwb"].table("85984NED"),)})
    health = SOURCES["rivm_gezondheid"]
    catalog = catalog_of("cbs_kwb", "rivm_gezondheid")
    wanted = {"aandeel_eenzaam": catalog.indicators["aandeel_eenzaam"]}
    catalog = replace(catalog, sources={"cbs_kwb": kwb, "rivm_gezondheid": health}, indicators=wanted)
    delivered = [
        Delivered(source, source.table(table), samples.snapshot(source, table), "actueel")
        for source, table in ((kwb, "85984NED"), (health, edition))
    ]
    build.create_schema(con, ROOT)
    pieces = [piece for source in (kwb, health) for piece in build.stage_source(con, source, delivered, 2000)]
    newest = build.build_areas(con, catalog, pieces, delivered)
    assert newest == 2024
    indicators.compute_values(con, catalog, pieces)
    rows = con.execute(
        """select gebiedscode, waarde, ondergrens, bovengrens, betrouwbaar from waarde
        where indicator = 'aandeel_eenzaam' and peiljaar = (select max(peiljaar) from waarde)"""
    ).fetchall()
    return {code: Figure(*rest) for code, *rest in rows}


def test_published_bounds_are_given_as_published(samples: Samples, con: duckdb.DuckDBPyConnection) -> None:
    found = figures(samples, con, "50150NED")
    assert found["BU90010101"] == Figure(51.2, 48.1, 54.6, True)
    assert found["BU90010103"] == Figure(None, None, None, None)


def test_the_margin_is_assumed_where_the_table_has_none(samples: Samples, con: duckdb.DuckDBPyConnection) -> None:
    found = figures(samples, con, "50090NED")["BU90010102"]
    assert (found.waarde, found.betrouwbaar) == (44.7, True)
    assert (found.ondergrens, found.bovengrens) == (pytest.approx(39.7), pytest.approx(49.7))


def test_bounds_the_wrong_way_round_are_refused(samples: Samples, con: duckdb.DuckDBPyConnection) -> None:
    """Two members that were taken for each other must not become an interval."""
    source = SOURCES["rivm_gezondheid"]
    low, high = source.kolommen["eenzaam_ondergrens"], source.kolommen["eenzaam_bovengrens"]
    columns = {**source.kolommen, "eenzaam_ondergrens": high, "eenzaam_bovengrens": low}
    swapped = source.model_copy(update={"kolommen": columns})
    with pytest.raises(SourceChanged, match="lower bound of eenzaam lies above its upper bound for BU90010101 2012"):
        staged(con, swapped, "50150NED", samples.snapshot(source, "50150NED"))


def test_bounds_are_columns_of_the_tables_that_have_them() -> None:
    source = SOURCES["rivm_gezondheid"]
    newest, middle, oldest = (set(source.columns_of(table)) for table in source.tabellen)
    assert {"eenzaam_ondergrens", "eenzaam_65_plus_bovengrens", "tevreden_woning_ondergrens"} <= newest
    assert "eenzaam_ondergrens" in middle
    assert not {name for name in oldest if name.endswith(("_ondergrens", "_bovengrens"))}
    assert "geluidhinder_buren_ondergrens" not in source.kolommen
    assert source.kolommen["eenzaam_65_plus_ondergrens"].dimensies == {"Leeftijd": "80200", "Marges": "MOG0095"}
    assert Source.model_validate(source.model_dump()) == source


def test_every_source_tells_readers_what_it_is() -> None:
    """docs/bronnen.md is made of these."""
    for name, source in SOURCES.items():
        assert source.niveaus, name
        assert source.jaren_tekst, name
        assert source.vertraging, name
        assert source.toelichting or source.kanttekeningen, name
