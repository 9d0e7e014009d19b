"""Kerncijfers 2013-2026: every verified column of every year is found, and a break in meaning ends its series."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from beeld.errors import SourceChanged
from beeld.settings import load_settings, project_folder
from beeld.sources import columns, fetch
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.declarations import Column, Source, Table, load_sources
from beeld.sources.http import open_client
from beeld.transforms import staging
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import load_catalog
from beeld.transforms.indicators import delivered_years, provenance, value_sql
from beeld.warehouse.checks import rounding_bound
from tests.loopback import LoopbackServer
from tests.unit.kwb_oracle import BROKEN, OURS, TABLES, ours, read_list

SAMPLES = Path(__file__).parents[1] / "samples"

UNITS = {
    "code 1/2/3/.": "code",
    "klasse 1-6": "code",
    "klasse 1-5": "code",
    "inw per km2 land": "aantal inwoners per km²",
    "per 1000 inw": "per 1 000 inwoners",
    "x 1000 euro": "x 1 000 euro",
    "m3": "m³",
    "personen": "aantal",
    "adressen per km2": "per km²",
}
"""Unit in the list -> as the CBS writes it."""
TEXT_UNITS = {"gemeentenaam": "naam", "soort_regio": "omschrijving", "postcode": "code"}
TEXTS = {"gemeentenaam", "soort_regio", "codering", "indelingswijziging", "postcode"}
HERKOMST = "Bevolking/Bevolking naar herkomst/Herkomstland"
Topics = Sequence[tuple[str, str, str, str]]
"""Key, unit, group path and type of delivered topics."""


@pytest.fixture(scope="module")
def kwb() -> Source:
    """The real declaration."""
    return load_sources(project_folder() / "sources")["cbs_kwb"]


@pytest.fixture(scope="module")
def oracle() -> list[dict[str, str]]:
    """Every row of the list."""
    return read_list()


def document(topics: Topics, region: str = "WijkenEnBuurten") -> list[dict[str, Any]]:
    """DataProperties of a table with these topics, their groups as a tree."""
    rows: list[dict[str, Any]] = [{"ID": 0, "Type": "GeoDetail", "Key": region}]
    groups: dict[str, int] = {}
    for key, unit, path, kind in topics:
        parent: int | None = None
        for depth, title in enumerate(path.split("/") if path else [], start=1):
            name = "/".join(path.split("/")[:depth])
            if name not in groups:
                groups[name] = len(rows)
                rows.append({"ID": len(rows), "Type": "TopicGroup", "ParentID": parent, "Key": "", "Title": title})
            parent = groups[name]
        rows.append(
            {"ID": len(rows), "Type": "Topic", "Key": key, "ParentID": parent, "Title": key, "Unit": unit, "Datatype": kind}
        )
    return rows


def cells(oracle: list[dict[str, str]], year: int, *statuses: str) -> list[dict[str, str]]:
    """The rows of the list for a year with one of these statuses."""
    return [row for row in oracle if int(row["kwb_year"]) == year and row["status"] in statuses]


def delivered(rows: Sequence[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    """The topics of these rows, in a group that nobody declared; those of herkomst, whose names repeat, in theirs."""
    topics: list[tuple[str, str, str, str]] = []
    for row in rows:
        canonical = row["canonical_id"]
        unit = TEXT_UNITS.get(canonical) or UNITS.get(row["unit"], row["unit"])
        if canonical in ("herk_nederland", "herk_europa", "herk_buiten_europa"):
            base = re.sub(r"_\d+$", "", row["column"])
            topics.append((f"{base}_901", "aantal", "Bevolking/Bevolking naar herkomst/Geboren in Nederland", "Long"))
            topics.append((f"{base}_902", "aantal", "Bevolking/Bevolking naar herkomst/Geboren buiten Nederland", "Long"))
            topics.append((row["column"], unit, HERKOMST, "Long"))
        else:
            topics.append((row["column"], unit, "Een groep/Die nooit is gezien", "String" if canonical in TEXTS else "Double"))
    return topics


# ---------------------------------------------------------------- the list of verified columns


def test_every_year_is_declared(kwb: Source) -> None:
    assert {table.peiljaar: table.tabel for table in kwb.tabellen} == TABLES
    assert {table.peiljaar for table in kwb.tabellen if not table.landelijk} == set(range(2013, 2020))
    assert all(table.indeling_jaar == table.peiljaar for table in kwb.tabellen)


def test_the_resolver_finds_every_verified_cell_and_nothing_else(kwb: Source, oracle: list[dict[str, str]]) -> None:
    """Found by name and unit whatever the group and the suffix; 2014 has no verified column at all."""
    found: dict[int, int] = {}
    for year, name in TABLES.items():
        rows = cells(oracle, year, "verified")
        if not rows:
            continue
        table = kwb.table(name)
        layout = columns.resolve(kwb, table, document(delivered(rows)), f"cbs_kwb {name}")
        assert dict(layout.columns) == {ours(row["canonical_id"], year): row["column"] for row in rows}, year
        assert layout.ended == {}, year
        found[year] = len(rows)
    print(f"{sum(found.values())} verified cells found: {found}")
    assert sum(found.values()) == sum(row["status"] == "verified" for row in oracle) >= 777
    assert set(TABLES) - set(found) == {2014}


def test_every_column_of_the_list_is_declared(kwb: Source, oracle: list[dict[str, str]]) -> None:
    assert {row["canonical_id"] for row in oracle if row["status"] == "verified"} == set(OURS)
    assert {*OURS.values(), *BROKEN.values()} <= set(kwb.kolommen)
    others = set(kwb.kolommen) - {*OURS.values(), *BROKEN.values()}
    shares = {name for name in others if name.endswith("_procent")}
    assert others - shares == {"mbo_studenten", "flexibele_arbeidsrelatie"}, "known from the list of indicators only, never seen"


def test_the_other_rows_of_the_list_resolve_too(kwb: Source, oracle: list[dict[str, str]]) -> None:
    """Inferred columns and earlier states: found where the meaning holds, ended where the list itself says that it ended."""
    count, ended = 0, set[tuple[str, int]]()
    for year, name in TABLES.items():
        for status in ("inferred", "verified_name_variant", "verified_earlier_state"):
            rows = cells(oracle, year, status)
            table = kwb.table(name).model_copy(update={"verplicht": ()})
            layout = columns.resolve(kwb, table, document(delivered(rows)), f"cbs_kwb {name}")
            assert {*layout.columns, *layout.ended} == {ours(row["canonical_id"], year) for row in rows}
            ended |= {(column, year) for column in layout.ended}
            count += len(rows)
    print(f"{count} other cells resolved, {len(ended)} of them after the end of their series")
    assert ended == {("huishoudens_sociaal_minimum", 2024)}


@pytest.mark.parametrize("suffix", [65, 66, 69, 72, 78, 81, 83])
def test_income_per_inhabitant_under_every_suffix(suffix: int, kwb: Source) -> None:
    """facts/CBS.md section 14, number 7."""
    key = f"GemiddeldInkomenPerInwoner_{suffix}"
    topics = [(key, "x 1 000 euro", "Inkomen/Inkomen van personen", "Double")]
    table = kwb.table("84799NED").model_copy(update={"verplicht": ()})
    assert columns.resolve(kwb, table, document(topics), "w").columns == {"inkomen_per_inwoner": key}


# ---------------------------------------------------------------- names that repeat


def required(kwb: Source, table: Table) -> list[tuple[str, str, str, str]]:
    """The topics that a table must have, as they are declared."""
    return [
        (f"{topic.naam}_{number}", topic.eenheid, topic.groep, "Long")
        for number, name in enumerate(table.verplicht, start=1)
        for topic in kwb.kolommen[name].onderwerpen[:1]
    ]


def test_europe_without_its_group_is_ambiguous(kwb: Source) -> None:
    """facts/CBS.md section 14, number 8."""
    table = kwb.table("85618NED")
    topics = [(f"EuropaExclusiefNederland_{n}", "aantal", "", "Long") for n in (18, 21, 23)]
    wanted = r"herkomst_europa is ambiguous or moved: EuropaExclusiefNederland_18 .*_21 .*_23"
    with pytest.raises(SourceChanged, match=wanted):
        columns.resolve(kwb, table, document([*required(kwb, table), *topics]), "cbs_kwb 85618NED")


def test_a_single_europe_in_another_group_is_not_taken(kwb: Source) -> None:
    table = kwb.table("85618NED")
    topics = [("EuropaExclusiefNederland_21", "aantal", "Bevolking/Geboren in Nederland", "Long")]
    with pytest.raises(SourceChanged, match="herkomst_europa is ambiguous or moved"):
        columns.resolve(kwb, table, document([*required(kwb, table), *topics]), "w")


def test_a_column_may_move_to_another_group_but_not_to_two(kwb: Source) -> None:
    """The group of 2020 comes first; a name that is not there counts wherever it is, if it is there once."""
    table = kwb.table("84799NED").model_copy(update={"verplicht": ()})
    near, far, farther = (("Mannen_1", "Bevolking/Geslacht"), ("Mannen_2", "Elders"), ("Mannen_3", "Nog elders"))

    def resolve(*places: tuple[str, str]) -> columns.Layout:
        return columns.resolve(kwb, table, document([(key, "aantal", group, "Long") for key, group in places]), "w")

    assert resolve(near, far).columns == {"mannen": "Mannen_1"}
    assert resolve(far).columns == {"mannen": "Mannen_2"}
    with pytest.raises(SourceChanged, match="mannen is ambiguous: Mannen_2, Mannen_3"):
        resolve(far, farther)


# ---------------------------------------------------------------- where a series ends


BREAKS = [
    (2022, 2023, "westers", "herkomst_europa"),
    (2022, 2023, "niet_westers", "herkomst_buiten_europa"),
    (2023, 2024, "huishoudens_laag_inkomen", "personen_in_armoede"),
    (2023, 2024, "huishoudens_sociaal_minimum", "personen_tot_25_boven_armoedegrens"),
    (2023, 2024, "bouwjaar_voor_2000", "bouwjaar_ouder_dan_10_jaar"),
    (2023, 2024, "bouwjaar_vanaf_2000", "bouwjaar_laatste_10_jaar"),
    (2022, 2023, "opleiding_laag", "opleiding_basis_vmbo_mbo1"),
    (2022, 2023, "opleiding_middelbaar", "opleiding_havo_vwo_mbo2_4"),
    (2022, 2023, "opleiding_hoog", "opleiding_hbo_wo"),
    (2022, 2023, "elektriciteitsverbruik", "elektriciteitslevering"),
    (2013, 2014, "leegstaand", "onbewoond"),
    (2018, 2019, "kwb_geweld", None),
    (2018, 2019, "kwb_vernieling", None),
    (2018, 2019, "kwb_diefstal_woning", None),
    (2015, 2016, "personen_laag_inkomen_oud", None),
    (2015, 2016, "huishoudens_hoog_inkomen_oud", None),
]
"""Last year of the old meaning, first year of the new one, old column, new column (facts/CBS.md section 5)."""


def topic_of(kwb: Source, name: str, number: int) -> tuple[str, str, str, str]:
    """A delivered topic that is a column as it is declared, or was."""
    topic = kwb.kolommen[name].onderwerpen[0]
    return f"{topic.naam}_{number}", topic.eenheid, topic.groep.replace("*", "Bevolking"), "Double"


@pytest.mark.parametrize(("last", "first", "old", "new"), BREAKS)
def test_a_break_ends_a_series_even_if_the_name_lives_on(last: int, first: int, old: str, new: str | None, kwb: Source) -> None:
    """Both names in both years: each is read in the years of its meaning only, and the other one is named as ended."""
    pair = [name for name in (old, new) if name is not None]
    for year, wanted in ((last, old), (first, new)):
        table = kwb.table(TABLES[year]).model_copy(update={"verplicht": ()})
        topics = [topic_of(kwb, name, number) for number, name in enumerate(pair, start=1)]
        layout = columns.resolve(kwb, table, document(topics), "w")
        assert set(layout.columns) == ({wanted} if wanted else set())
        assert set(layout.ended) == set(pair) - {wanted}


def test_no_column_is_two_meanings(kwb: Source) -> None:
    """Every old and new column of a break share no year and no spelling."""
    for _, _, old, new in BREAKS:
        if new is not None:
            before, after = kwb.kolommen[old], kwb.kolommen[new]
            assert not [year for year in TABLES if before.valid_in(year) and after.valid_in(year)]
            assert not set(before.onderwerpen) & set(after.onderwerpen)


def test_a_share_is_never_the_count(kwb: Source) -> None:
    """2014 gives marital status and origin in %, later years counts: another unit is another column."""
    topics = [("Ongehuwd_12", "%", "Bevolking/Burgerlijke staat", "Long"), ("AantalInwoners_3", "aantal", "Bevolking", "Long")]
    layout = columns.resolve(kwb, kwb.table("82931NED"), document(topics), "w")
    assert layout.columns == {"aantal_inwoners": "AantalInwoners_3", "ongehuwd_procent": "Ongehuwd_12"}
    table = kwb.table("83765NED").model_copy(update={"verplicht": ()})
    with pytest.raises(SourceChanged, match=r"Ongehuwd_12 \(ongehuwd\) changed its unit from 'aantal' to '%'"):
        columns.resolve(kwb, table, document(topics), "w")


# ---------------------------------------------------------------- 65 and older, in two parts since 2026


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database."""
    with closing(duckdb.connect()) as connection:
        yield connection


SPLIT = [("AantalInwoners_5", "Bevolking"), ("HuishoudensTotaal_30", "Bevolking/Particuliere huishoudens")]
PARTS = [
    ("k_65JaarTot80Jaar_12", "Bevolking/Leeftijdsgroepen"),
    ("k_80JaarOfOuder_13", "Bevolking/Leeftijdsgroepen"),
]


def archived(folder: Path, topics: Sequence[tuple[str, str]], rows: Sequence[dict[str, str]]) -> Snapshot:
    """A delivery of the Kerncijfers 2026 in the archive."""
    delivery = Delivery(folder / "bouw", "cbs_kwb", "86358NED")
    documents = {
        "DataProperties-0001": document([(key, "aantal", group, "Long") for key, group in topics]),
        "WijkenEnBuurten-0001": [{"Key": row["WijkenEnBuurten"], "Title": row["WijkenEnBuurten"]} for row in rows],
        "UntypedDataSet-0001": list(rows),
    }
    for name, content in documents.items():
        delivery.add(name, f"https://opendata.cbs.nl/{name}", json.dumps({"value": content}).encode(), content)
    return delivery.archive(folder / "ruw", gewijzigd="", licentie="CC BY 4.0", url="", titel="T", rijen=len(rows))


def test_65_plus_is_the_sum_of_its_parts(con: duckdb.DuckDBPyConnection, kwb: Source, tmp_path: Path) -> None:
    """Both parts: their sum. A part that is missing: its status, in the order of CONTRACT.md, and never a number."""
    values = {
        "BU90010101": ("      20", "       5"),
        "BU90010102": ("       -", "       0"),
        "BU90010103": ("      20", "       ."),
        "BU90010104": ("       .", "       x"),
        "BU90010105": ("        ", "       5"),
        "BU90010106": ("        ", "       ."),
    }
    rows = [
        {"WijkenEnBuurten": code, "AantalInwoners_5": "100", "HuishoudensTotaal_30": "50"}
        | {key: text for (key, _), text in zip(PARTS, texts, strict=True)}
        for code, texts in values.items()
    ]
    create_basis(con, kwb)
    table = kwb.table("86358NED")
    staged = staging.stage(con, kwb, table, archived(tmp_path, [*SPLIT, *PARTS], rows), 2013)
    found = con.execute("select gebiedscode, leeftijd_65_plus, leeftijd_65_plus_status from basis.cbs_kwb order by 1").fetchall()
    assert found == [
        ("BU90010101", 25.0, "ok"),
        ("BU90010102", 0.0, "ok"),
        ("BU90010103", None, "onbekend"),
        ("BU90010104", None, "geheim"),
        ("BU90010105", None, "niet_van_toepassing"),
        ("BU90010106", None, "onbekend"),
    ]
    assert staged.layout.raw("leeftijd_65_plus") == ("k_65JaarTot80Jaar_12", "k_80JaarOfOuder_13")
    assert staged.layout.raw("leeftijd_0_15") == ()


def test_a_part_that_is_empty_everywhere_makes_the_sum_undelivered(
    con: duckdb.DuckDBPyConnection, kwb: Source, tmp_path: Path
) -> None:
    rows = [
        {"WijkenEnBuurten": f"BU9001010{n}", "AantalInwoners_5": "100", "HuishoudensTotaal_30": "50"}
        | {"k_65JaarTot80Jaar_12": "20", "k_80JaarOfOuder_13": ""}
        for n in range(3)
    ]
    create_basis(con, kwb)
    staging.stage(con, kwb, kwb.table("86358NED"), archived(tmp_path, [*SPLIT, *PARTS], rows), 2013)
    found = con.execute("select distinct leeftijd_65_plus, leeftijd_65_plus_status from basis.cbs_kwb").fetchall()
    assert found == [(None, "niet_geleverd")]


def test_parts_before_the_split_are_no_sum(kwb: Source) -> None:
    """They have their meaning from 2026 on; an earlier table has 65 and older as one figure, or not at all."""
    topics = [(key, "aantal", group, "Long") for key, group in PARTS]
    table = kwb.table("86165NED").model_copy(update={"verplicht": ()})
    layout = columns.resolve(kwb, table, document(topics), "w")
    assert (layout.columns, layout.sums) == ({}, {})
    assert set(layout.ended) == {"leeftijd_65_80", "leeftijd_80_plus"}


def test_one_part_alone_is_refused(kwb: Source) -> None:
    """Half of the people over 65 must not pass for all of them."""
    topics = [(key, "aantal", group, "Long") for key, group in [*SPLIT, PARTS[0]]]
    with pytest.raises(SourceChanged, match=r"k_80JaarOfOuder \(leeftijd_80_plus\) is missing"):
        columns.resolve(kwb, kwb.table("86358NED"), document(topics), "w")


def test_the_source_s_own_65_plus_goes_before_the_sum(kwb: Source) -> None:
    topics = [(key, "aantal", group, "Long") for key, group in [*SPLIT, *PARTS]]
    topics.append(("k_65JaarOfOuder_14", "aantal", "Bevolking/Leeftijdsgroepen", "Long"))
    layout = columns.resolve(kwb, kwb.table("86358NED"), document(topics), "w")
    assert (layout.columns["leeftijd_65_plus"], layout.sums) == ("k_65JaarOfOuder_14", {})


def test_the_bound_of_the_parts_counts_six_rounded_cells(kwb: Source) -> None:
    """In 2026 the people are six age groups, each rounded: the check names the parts, so that its bound knows."""
    (ages, _) = kwb.table("86358NED").verwacht.delen
    assert {"leeftijd_65_80", "leeftijd_80_plus"} <= set(ages.delen)
    assert "leeftijd_65_plus" not in ages.delen
    assert rounding_bound(kwb.kolommen[ages.geheel].afronding, len(ages.delen)) == 28.0


# ---------------------------------------------------------------- declarations that cannot be meant


BASE: dict[str, Any] = {
    "bron": "proef",
    "titel": "P",
    "uitgever": "CBS",
    "licentie": "CC BY 4.0",
    "protocol": "odata_v3",
    "dienst": "cbs",
    "tijd": "tabel",
    "tabellen": [{"tabel": "T", "peiljaar": 2020}],
}
A: dict[str, Any] = {"onderwerpen": [{"naam": "A"}], "afronding": 5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kolommen": {"a": {**A, "jaren": [2023, 2020]}}}, "a ends before it begins"),
        ({"kolommen": {"a": {**A, "jaren": [2020, None]}}, "tijd": "Perioden"}, "a has years"),
        ({"kolommen": {"a": {**A, "som_van": ["b"]}}}, "a must be the sum of number columns"),
        ({"kolommen": {"a": {**A, "som_van": ["b"]}, "b": {**A, "soort": "tekst"}}}, "a must be the sum"),
        ({"kolommen": {"a": {**A, "som_van": ["b"]}, "b": {**A, "afronding": 10}}}, "rounded as it is"),
        (
            {
                "kolommen": {"a": {**A, "jaren": [2021, None]}},
                "tabellen": [{"tabel": "T", "peiljaar": 2020, "verplicht": ["a"]}],
            },
            "table T requires columns outside their years: a",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source.model_validate(BASE | changes)


@pytest.mark.parametrize(
    ("years", "valid"),
    [
        ((2015, 2017), {2015, 2016, 2017}),
        ((None, 2015), {2014, 2015}),
        ((2017, None), {2017, 2018}),
        (None, set(range(2014, 2019))),
    ],
)
def test_the_years_of_a_column(years: tuple[int | None, int | None] | None, valid: set[int]) -> None:
    column = Column.model_validate({**A, "jaren": years})
    assert {year for year in range(2014, 2019) if column.valid_in(year)} == valid
    assert column.valid_in(None)


# ---------------------------------------------------------------- the samples, over the wire


@pytest.fixture(scope="module")
def series(kwb: Source, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Staged]]]:
    """Every sample fetched from the loopback server and staged into one `basis.cbs_kwb`."""
    folder = tmp_path_factory.mktemp("kwb")
    staged: list[Staged] = []
    with closing(duckdb.connect()) as con, LoopbackServer(SAMPLES) as server, open_client() as client:
        settings = load_settings({**server.environment, "BEELD_HOME": str(folder)}, folder=folder)
        create_basis(con, kwb)
        for found in fetch.deliveries(fetch.Look(settings, client), {"cbs_kwb": kwb}):
            assert (found.status, found.warning) == ("actueel", "")
            assert found.snapshot is not None
            staged.append(staging.stage(con, kwb, found.table, found.snapshot, 2013))
        yield con, staged


def test_every_year_becomes_one_series(series: tuple[duckdb.DuckDBPyConnection, list[Staged]]) -> None:
    con, staged = series
    assert [(piece.years, piece.rows) for piece in staged] == [((year,), 9) for year in TABLES]
    found = con.execute(
        "select peiljaar, count(aantal_inwoners), count(leeftijd_65_plus), count(leeftijd_65_plus_procent) "
        "from basis.cbs_kwb group by peiljaar order by peiljaar"
    ).fetchall()
    assert [row[:2] for row in found] == [(year, 9) for year in TABLES]
    assert {year for year, _, counts, _ in found if counts == 9} == set(TABLES) - {2014}
    assert {year for year, _, _, shares in found if shares} == {2014}
    assert staged[0].layout.region == "RegioS"
    assert staged[-1].layout.sums == {"leeftijd_65_plus": ("leeftijd_65_80", "leeftijd_80_plus")}


@pytest.mark.parametrize(("last", "first", "old", "new"), [row for row in BREAKS if row[2] and row[3]])
def test_no_series_crosses_a_break(
    last: int, first: int, old: str, new: str, series: tuple[duckdb.DuckDBPyConnection, list[Staged]]
) -> None:
    """Not one value of the old meaning from the break on, nor one of the new meaning before it."""
    con, _ = series
    after, before, ended, begun = con.execute(
        f"""select count("{old}") filter (peiljaar > ?), count("{new}") filter (peiljaar < ?),
          count(*) filter (peiljaar > ? and "{old}_status" <> 'niet_geleverd'), count("{old}") + count("{new}")
        from basis.cbs_kwb""",
        [last, first, last],
    ).fetchall()[0]
    assert (after, before, ended) == (0, 0, 0)
    assert begun > 0


def test_a_figure_of_2026_names_both_parts_and_is_less_sure(series: tuple[duckdb.DuckDBPyConnection, list[Staged]]) -> None:
    """METHOD.md section 3: the rounding variance of two cells that err together is 4 x 2² + 2 x 2, of one cell 6."""
    _, staged = series
    catalog = load_catalog(project_folder())
    share = catalog.indicators["aandeel_65_plus"]
    assert delivered_years(share, staged) == [year for year in TABLES if year != 2014]
    assert provenance(share, 2025, staged).columns == "k_65JaarOfOuder_12, AantalInwoners_5"
    assert provenance(share, 2026, staged).columns == "k_65JaarTot80Jaar_12, k_80JaarOfOuder_13, AantalInwoners_5"
    rounded = {
        year: re.findall(r"then (\d+\.0) else 0\.0", value_sql(share, catalog.sources, staged, year)) for year in (2025, 2026)
    }
    assert {year: set(found) for year, found in rounded.items()} == {2025: {"6.0"}, 2026: {"20.0"}}
