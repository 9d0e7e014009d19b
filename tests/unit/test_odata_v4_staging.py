"""From archived observations to one status per cell: a cell that is not there is never 0, and every area has a row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.errors import SourceChanged
from beeld.sources.odata_v4_lists import base_name, newest_year, read_description
from beeld.transforms import staging
from tests.indicatoren import deliveries
from tests.loopback import LoopbackServer
from tests.unit.v4_tables import NAME, REGIONS, V4World, observation, source, staged, usual, word, world, write

BUURTEN = [code for code in REGIONS if code.startswith("BU")]
Run = Callable[..., Callable[[str], dict[tuple[str, int], Any]]]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database."""
    with closing(duckdb.connect()) as connection:
        yield connection


@pytest.fixture
def v4(tmp_path: Path) -> Iterator[V4World]:
    """A server with the usual table."""
    with LoopbackServer(write(tmp_path / "data")) as server, world(server, tmp_path / "huis") as opened:
        yield opened


@pytest.fixture
def run(con: duckdb.DuckDBPyConnection, v4: V4World) -> Run:
    """Serve, fetch and stage observations; gives a function that asks the basis table."""

    def do(
        rows: Sequence[Mapping[str, Any]], *, year_from: int = 2000, **table: Any
    ) -> Callable[[str], dict[tuple[str, int], Any]]:
        write(v4.server.data, rows, **table)
        declared = source(tabellen=[{"tabel": NAME, "indeling_jaar": 2020}])
        return staged(con, v4.fetch(declared), declared, year_from)[1]

    return do


def test_every_attribute_and_an_omitted_cell(run: Run) -> None:
    """Only None with a value is ok; what is omitted is onbekend; a published 0 stays 0."""
    cells = run(
        [
            observation(BUURTEN[0], value=0),
            observation(BUURTEN[1], value=-3.5),
            observation(BUURTEN[2], value=None, ValueAttribute="Impossible"),
            observation(BUURTEN[3], value=None, ValueAttribute="Confidential"),
            observation(BUURTEN[4], value=None, ValueAttribute="NotAvailable"),
            observation("GM9001", value=None),
        ]
    )("getal, getal_status")
    assert cells == {
        (BUURTEN[0], 2020): (0.0, "ok"),
        (BUURTEN[1], 2020): (-3.5, "ok"),
        (BUURTEN[2], 2020): (None, "niet_van_toepassing"),
        (BUURTEN[3], 2020): (None, "geheim"),
        (BUURTEN[4], 2020): (None, "onbekend"),
        (BUURTEN[5], 2020): (None, "onbekend"),
        ("GM9001", 2020): (None, "onbekend"),
        ("NL00", 2020): (None, "onbekend"),
        **{(code, 2021): (None, "niet_geleverd") for code in (*BUURTEN, "GM9001", "NL00")},
    }


def test_a_value_beside_a_reason_is_no_value(run: Run) -> None:
    cells = run([observation(BUURTEN[0], value=5, ValueAttribute="Confidential"), observation(BUURTEN[1])])("getal, getal_status")
    assert cells[BUURTEN[0], 2020] == (None, "geheim")


def test_a_measure_without_observations_is_not_delivered(run: Run) -> None:
    """Not for a year in which another measure has figures, nor where all that is said is that it cannot be."""
    rows = [observation(BUURTEN[0]), observation(BUURTEN[0], Perioden="2021JJ00")]
    rows += [observation(code, "M2", None, ValueAttribute="Impossible") for code in BUURTEN]
    rows += [observation(BUURTEN[0], "M2", None, ValueAttribute="NotAvailable", Perioden="2021JJ00")]
    ask = run(rows)
    assert {ask("ander_status")[code, 2020] for code in (*BUURTEN, "NL00")} == {"niet_geleverd"}
    assert {ask("ander_status")[code, 2021] for code in (*BUURTEN, "NL00")} == {"onbekend"}
    assert ask("getal_status")[BUURTEN[0], 2021] == "ok"


def test_each_column_takes_its_own_members(run: Run) -> None:
    """Two columns of one measure; the age that nobody declared and the quarter are left out."""
    ask = run(
        [
            observation(BUURTEN[0], value=50),
            observation(BUURTEN[0], value=60, Leeftijd="80200"),
            observation(BUURTEN[0], value=70, Leeftijd="99999"),
            observation(BUURTEN[0], value=80, Perioden="2021KW01"),
        ]
    )
    assert ask("getal, getal_65")[BUURTEN[0], 2020] == (50.0, 60.0)
    assert {year for _, year in ask("getal")} == {2020, 2021}


def test_texts(run: Run) -> None:
    ask = run([observation(BUURTEN[0]), word(BUURTEN[0], " Verzonnen  "), word(BUURTEN[1], "."), word(BUURTEN[2], "")])
    assert [ask("woord")[code, 2020] for code in BUURTEN[:4]] == ["Verzonnen", None, None, None]


def test_codes_are_canonical_names_are_clean_and_years_may_be_provisional(run: Run) -> None:
    regions = {
        "NL01": "Nederland\u00a0",
        "gm9001": "Verzonnen",
        "BU900101AF": " Buurt  met letters",
        "PV20": "Groningen",
        "LD01": "Noord",
    }
    rows = [observation(code, Perioden=period) for code in regions for period in ("2020JJ00", "2021JJ00")]
    cells = run(rows, regions=regions)("naam, voorlopig, getypeerd, getal_status")
    assert cells["NL00", 2020] == ("Nederland", False, True, "ok")
    assert cells["NL00", 2021] == ("Nederland", True, True, "ok")
    assert cells["BU900101AF", 2020][0] == "Buurt met letters"
    assert {code for code, _ in cells} == {"NL00", "GM9001", "BU900101AF"}


def test_nl00_beside_nl01_is_a_duplicate(run: Run) -> None:
    with pytest.raises(SourceChanged, match="NL00 more than once"):
        run([observation("NL01")], regions={"NL01": "Nederland", "NL00": "Nederland"})


def test_a_list_with_other_codes_is_refused(run: Run) -> None:
    with pytest.raises(SourceChanged, match="1 of 9 codes of WijkenEnBuurten are no known region code"):
        run([observation("NL01")], regions={**REGIONS, "Totaal": "Totaal"})


@pytest.mark.parametrize(("year_from", "years"), [(2000, {2020, 2021}), (2021, {2021}), (2022, set[int]())])
def test_years_before_the_first_wanted_one_are_left_out(year_from: int, years: set[int], run: Run) -> None:
    assert {year for _, year in run(usual(), year_from=year_from)("getal")} == years


def test_the_group_is_part_of_the_name(run: Run) -> None:
    with pytest.raises(SourceChanged, match=r"ambiguous or moved.*M1_1 in 'groep'"):
        run(usual(), groups=True)


def test_a_delivery_of_another_protocol_is_not_read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    older = deliveries.archived(tmp_path, [deliveries.row("BU00140000", "1")])
    with pytest.raises(SourceChanged, match="not one of OData v4"):
        staging.stage(con, source(), source().tabellen[0], older, 2000)


def test_the_newest_year(v4: V4World) -> None:
    snapshot = v4.fetch()
    assert newest_year(source(), source().tabellen[0], snapshot) == 2021


def test_a_member_declared_by_title(v4: V4World) -> None:
    declared = source(dimensies={"Leeftijd": "*20300"})
    described = read_description(v4.fetch(declared), declared, declared.tabellen[0])
    assert described.choices["getal"] == {"Leeftijd": "20300"}
    with pytest.raises(SourceChanged, match="no dimension has member 12345"):
        v4.fetch(source(dimensies={"Leeftijd": "12345"}))
    with pytest.raises(SourceChanged, match="none is chosen"):
        columns = {"getal": {"onderwerpen": [{"naam": "Getal", "eenheid": "%"}]}}
        v4.fetch(source(dimensies={}, kolommen=columns))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Aantal inwoners", "AantalInwoners"),
        ("0 tot 15 jaar", "k_0Tot15Jaar"),
        ("Gemiddeld inkomen per inwoner\u00a0", "GemiddeldInkomenPerInwoner"),
        ("Personenauto's per huishouden", "PersonenautoSPerHuishouden"),
        ("Wmo-cliënten relatief ", "WmoClientenRelatief"),
        ("K-L Financiële diensten, onroerend goed", "KLFinancieleDienstenOnroerendGoed"),
        ("", ""),
    ],
)
def test_a_title_gives_the_base_name_of_v3(title: str, name: str) -> None:
    assert base_name(title) == name
