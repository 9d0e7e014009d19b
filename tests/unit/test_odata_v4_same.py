"""One table in both forms, OData v3 and v4 (page by page and in bulk), gives the same basis table, cell by cell."""

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.settings import load_settings
from beeld.sources import fetch, http
from beeld.sources.declarations import Source, load_sources
from beeld.transforms import staging
from beeld.transforms.basis import create_basis
from tests.loopback import LoopbackServer
from tests.loopback.odata_v4_convert import convert

SOURCES = Path(__file__).parents[2] / "sources"
HOSTS = {"opendata.cbs.nl": "cbs", "dataderden.cbs.nl": "derden"}
Rows = dict[tuple[str, int], tuple[Any, ...]]


class BothForms:
    """A server with v3 tables and the v4 forms that were made of them."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.folder = data, folder
        (folder / "data").mkdir()
        (folder / "data" / "odata_v3").symlink_to(data / "odata_v3")

    def rows(self, source: Source, host: str, name: str, protocol: str) -> tuple[list[str], Rows]:
        """The columns and the rows of the basis table of one table, read with one protocol."""
        folder = self.folder / "data" / "odata_v4" / name
        if not folder.exists():
            convert(self.data / "odata_v3" / host / name, folder)
        dienst = HOSTS[host] if protocol == "odata_v3" else "cbs_v4"
        table = source.table(name).model_copy(update={"protocol": protocol, "dienst": dienst})
        with LoopbackServer(self.folder / "data") as server, http.open_client() as client:
            home = str(self.folder / protocol)
            look = fetch.Look(load_settings({**server.environment, "BEELD_HOME": home}, folder=self.folder), client)
            snapshot = fetch.reader_of(source, table).fetch(look, source, table, None)
        with closing(duckdb.connect()) as con:
            create_basis(con, source)
            staging.stage(con, source, table, snapshot, 2000)
            described = con.execute(f"select * exclude (getypeerd) from basis.{source.bron} order by gebiedscode, peiljaar")
            columns = [column[0] for column in described.description or []]
            rows = described.fetchall()
        places = columns.index("gebiedscode"), columns.index("peiljaar")
        return columns, {(row[places[0]], row[places[1]]): row for row in rows}


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    """The declarations of the checkout."""
    return load_sources(SOURCES)


@pytest.fixture(scope="module")
def invented(example_data: Path, tmp_path_factory: pytest.TempPathFactory) -> BothForms:
    """The small example in both forms."""
    return BothForms(example_data, tmp_path_factory.mktemp("vormen"))


def refuse_difference(expected: tuple[list[str], Rows], found: tuple[list[str], Rows]) -> None:
    """The first cells that differ, when any does."""
    assert found[0] == expected[0]
    assert found[1].keys() == expected[1].keys()
    differ = [
        (key, column, old, new)
        for key, row in expected[1].items()
        for column, old, new in zip(expected[0], row, found[1][key], strict=True)
        if old != new
    ]
    assert differ[:5] == []


@pytest.mark.parametrize("protocol", ["odata_v4", "odata_v4_bulk"])
@pytest.mark.parametrize(
    ("bron", "host", "name"),
    [
        ("cbs_kwb", "opendata.cbs.nl", "84799NED"),
        ("cbs_kwb", "opendata.cbs.nl", "85984NED"),
        ("politie_misdrijven", "dataderden.cbs.nl", "47022NED"),
        ("rivm_gezondheid", "dataderden.cbs.nl", "50090NED"),
    ],
)
def test_the_invented_country(
    bron: str, host: str, name: str, protocol: str, invented: BothForms, sources: dict[str, Source]
) -> None:
    """Typed and untyped, with and without years, with ages: what Untyped says in signs v4 says in ValueAttribute."""
    expected = invented.rows(sources[bron], host, name, "odata_v3")
    assert len(expected[1]) > 100
    statuses = {cell for row in expected[1].values() for cell in row if isinstance(cell, str)}
    assert {"ok", "onbekend"} <= statuses
    refuse_difference(expected, invented.rows(sources[bron], host, name, protocol))


def test_kerncijfers_2020_as_published(real_data: Path, tmp_path: Path, sources: dict[str, Source]) -> None:
    """84799NED, every declared cell of 17,341 areas."""
    forms, kwb = BothForms(real_data, tmp_path), sources["cbs_kwb"]
    expected = forms.rows(kwb, "opendata.cbs.nl", "84799NED", "odata_v3")
    assert len(expected[1]) == 17_341
    inwoners = expected[0].index("aantal_inwoners")
    assert expected[1]["NL00", 2020][inwoners] == 17_407_585
    refuse_difference(expected, forms.rows(kwb, "opendata.cbs.nl", "84799NED", "odata_v4"))
