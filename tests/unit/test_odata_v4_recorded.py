"""Recorded replies of the live v4 service: prices per gemeente, a table of months, the measures of the Kerncijfers 2017."""

import csv
import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.errors import SourceChanged
from beeld.settings import load_settings
from beeld.sources import fetch, http
from beeld.sources.declarations import Source
from beeld.sources.odata_v4_lists import base_name, describe
from beeld.transforms import staging
from beeld.transforms.basis import create_basis
from tests.loopback import LoopbackServer

NAMES = {
    "properties": "Properties",
    "dimensions": "Dimensions",
    "measure-codes": "MeasureCodes",
    "observations-page-1": "Observations",
}
FACTS = Path(__file__).parents[3] / "shared" / "facts"


@pytest.fixture(scope="module")
def recorded(real_data: Path) -> Path:
    """The folder of recorded replies."""
    if not (real_data / "odata_v4").is_dir():
        pytest.skip("the recorded replies are not here: ../shared/data/odata_v4 is absent")
    return real_data / "odata_v4"


def read(path: Path) -> Any:
    """One recorded document."""
    return json.loads(gzip.decompress(path.read_bytes()))


def declared(name: str, columns: dict[str, Any], **changes: Any) -> Source:
    """A source of one table of the recorded ones."""
    content: dict[str, Any] = {
        "bron": "proef",
        "titel": "Proef",
        "uitgever": "CBS",
        "licentie": "CC BY 4.0",
        "protocol": "odata_v4",
        "dienst": "cbs_v4",
        "tijd": "Perioden",
        "kolommen": columns,
        "tabellen": [{"tabel": name}],
    }
    return Source.model_validate(content | changes)


PRICES = {"prijs": {"onderwerpen": [{"naam": "GemiddeldeVerkoopprijs", "eenheid": "euro"}]}}


@pytest.fixture
def served(recorded: Path, tmp_path: Path) -> Iterator[tuple[LoopbackServer, Path]]:
    """83625NED on the loopback server, and its folder; 8,195 of its 23,095 observations were recorded."""
    folder = tmp_path / "data" / "odata_v4" / "83625NED"
    folder.mkdir(parents=True)
    for path in (recorded / "83625NED").glob("*.json.gz"):
        kind = path.name.removesuffix(".json.gz")
        name = NAMES.get(kind) or f"{kind.removeprefix('codes-')}Codes"
        if kind != "index":
            (folder / f"{name}.json").write_text(json.dumps(read(path)), encoding="utf-8")
    with LoopbackServer(tmp_path / "data", v4_page_size=1000) as server:
        yield server, folder


def fetched(server: LoopbackServer, home: Path, source: Source) -> Any:
    """A delivery of the first table of a source."""
    with http.open_client() as client:
        look = fetch.Look(load_settings({**server.environment, "BEELD_HOME": str(home)}, folder=home), client)
        return fetch.reader_of(source, source.tabellen[0]).fetch(look, source, source.tabellen[0], None)


def test_a_part_of_a_table_is_refused(served: tuple[LoopbackServer, Path], tmp_path: Path) -> None:
    with pytest.raises(SourceChanged, match="delivers 8195 observations where it states 23095"):
        fetched(served[0], tmp_path / "huis", declared("83625NED", PRICES))


def test_prices_per_gemeente(served: tuple[LoopbackServer, Path], tmp_path: Path) -> None:
    """Every recorded price of a gemeente or the country comes out, Impossible is niet_van_toepassing, the rest onbekend."""
    server, folder = served
    properties = json.loads((folder / "Properties.json").read_text(encoding="utf-8"))
    (folder / "Properties.json").write_text(json.dumps(properties | {"ObservationCount": 8195}), encoding="utf-8")
    source = declared("83625NED", PRICES)
    snapshot = fetched(server, tmp_path / "huis", source)
    observations = json.loads((folder / "Observations.json").read_text(encoding="utf-8"))["value"]
    expected = {
        ("NL00" if row["RegioS"] == "NL01" else row["RegioS"], int(row["Perioden"][:4])): row
        for row in observations
        if row["RegioS"][:2] in ("NL", "GM")
    }
    with closing(duckdb.connect()) as con:
        create_basis(con, source)
        staged = staging.stage(con, source, source.tabellen[0], snapshot, 2015)
        found = con.execute("select gebiedscode, peiljaar, prijs, prijs_status from basis.proef").fetchall()
    assert staged.years == tuple(range(2015, 2026))
    assert len(found) == staged.rows == len(expected) == 8019
    for code, year, price, status in found:
        row = expected.get((code, year))
        wanted = "onbekend" if row is None else {"None": "ok", "Impossible": "niet_van_toepassing"}[row["ValueAttribute"]]
        assert (status, price) == (wanted, row["Value"] if row and wanted == "ok" else None)


def test_a_table_of_months_has_no_year(recorded: Path) -> None:
    folder, columns = (
        recorded / "85554NED",
        {"ww": {"onderwerpen": [{"naam": "PersonenMetEenWerkloosheidsuitkering", "eenheid": "aantal"}]}},
    )
    kinds = {"Dimensions": "dimensions", "MeasureCodes": "measure-codes"}

    def lists(name: str) -> list[dict[str, Any]]:
        if name == "MeasureGroups":
            return []
        file = kinds.get(name) or "codes-" + name.removesuffix("Codes")
        return read(folder / f"{file}.json.gz")["value"]

    members = {"Geslacht": "Totaal*", "Leeftijd": "10000", "Marges": "MW00000"}
    source = declared("85554NED", columns, dimensies=members)
    with pytest.raises(SourceChanged, match="has no year among the"):
        describe(source, source.tabellen[0], lists, "proef")


def test_the_measures_of_2017_are_the_columns_of_2017(recorded: Path) -> None:
    """The base name that a title gives is that of the verified v3 column with the same measure id."""
    if not (FACTS / "kwb_columns.csv").is_file():
        pytest.skip("the list of columns is not here: ../shared/facts is absent")
    with (FACTS / "kwb_columns.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["table_id"] == "83765NED" and row["status"] == "verified"]
    titles = {row["Identifier"]: row["Title"] for row in read(recorded / "83765NED" / "MeasureCodes.json.gz")["value"]}
    pairs = [
        (base_name(titles[measure]).casefold(), row["column"].rpartition("_")[0].casefold())
        for row in rows
        for measure in row["v4_measure_id"].split("|")
        if measure in titles
    ]
    assert len(pairs) >= 60
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


def test_the_groups_of_2017_give_the_paths_of_v3(recorded: Path) -> None:
    """A name that stands in several groups is found by its group, and refused without one."""
    folder = recorded / "83765NED"

    def lists(name: str) -> list[dict[str, Any]]:
        return read(folder / f"{name}.json.gz")["value"]

    def source(group: str) -> Source:
        topic = {"groep": group, "naam": "Appartement", "eenheid": "kWh"}
        return declared(
            "83765NED", {"verbruik": {"onderwerpen": [topic]}}, tijd="tabel", tabellen=[{"tabel": "83765NED", "peiljaar": 2017}]
        )

    known = source("Energie/Gemiddeld elektriciteitsverbruik/Naar woningtype")
    described = describe(known, known.tabellen[0], lists, "proef")
    assert described.layout.columns == {"verbruik": "ZW25810_1"}
    assert len(described.members["WijkenEnBuurten"]) > 15_000
    wrong = source("Energie")
    with pytest.raises(SourceChanged, match="ambiguous or moved"):
        describe(wrong, wrong.tabellen[0], lists, "proef")
