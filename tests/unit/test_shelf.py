"""What was staged to be judged gives the build the same cells as the archive does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.errors import SourceChanged
from beeld.sources import odata_v3
from beeld.sources.archive import Snapshot
from beeld.sources.pages import read_page
from beeld.sources.questions import WHOLE
from beeld.sources.rowcheck import RowCheck
from beeld.transforms import drift, staging, staging_odata_v3
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.shelf import Shelf
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

SOURCE = deliveries.source(tabellen=[{"tabel": "PROEF", "indeling_jaar": 2020}, {"tabel": "ANDER", "indeling_jaar": 2021}])
FIRST, SECOND = SOURCE.tabellen


def basis(way: Any) -> tuple[Staged, list[tuple[Any, ...]]]:
    """What `way` adds to an empty table, and the rows of that table."""
    with closing(duckdb.connect()) as con:
        create_basis(con, SOURCE)
        staged = way(con)
        return staged, con.execute(f'select * from basis."{SOURCE.bron}" order by all').fetchall()


def judged(snapshot: Snapshot, folder: Path) -> Shelf:
    shelf = Shelf(folder / "it's a shelf")
    drift.judge(SOURCE, FIRST, snapshot, None, shelf)
    return shelf


def fetched(snapshot: Snapshot, folder: Path, pages: Callable[[list[str]], list[str]]) -> Shelf:
    """A shelf that received the pages of a delivery as a fetch gives them, in the order of `pages`; then it was judged."""
    shelf = Shelf(folder / "shelf")
    layout = odata_v3.read_layout(snapshot, SOURCE, FIRST)
    source = odata_v3.read_pinned(snapshot, SOURCE, layout)
    for _ in range(2):  # the first try broke off
        check = RowCheck(layout, source, True, receiver=shelf.receive(source, FIRST, layout, True))
        for name in pages(snapshot.names("UntypedDataSet-")):
            check.begin(WHOLE, name)
            read_page(snapshot.folder / f"{name}.json.gz", name, check.form, check.lot, 1_000_000)
        check.accept()
    drift.judge(SOURCE, FIRST, snapshot, None, shelf)
    return shelf


WAYS = {
    "archive": judged,
    "fetch": lambda snapshot, folder: fetched(snapshot, folder, lambda names: names),
    "page in two tries": lambda snapshot, folder: fetched(snapshot, folder, lambda names: [names[0], *names]),
}


def noted_calls(patch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """The calls of a function of a module from now on."""
    calls: list[Any] = []
    original = getattr(module, name)

    def noted(*words: Any) -> Any:
        calls.append(words)
        return original(*words)

    patch.setattr(module, name, noted)
    return calls


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("year_from", [0, 2021])
def test_the_cells_are_those_of_the_archive(way: str, year_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every year asked for, with each kind of missing, a topic that one year lacks, another age and an odd name."""
    rows = [
        row("NL01", "5", ".", year="2020JJ00"),
        row("BU00140000", ".", "2.5", year="2020JJ00"),
        row("BU00140000", "-", ".", year="2020JJ00", age="80200"),
        row("BU00140000", "", "x", "it's; --", year="2021JJ00"),
        row("BU00140001", "7", "1", year="2021JJ00"),
        row("BU00140001", "8", "1", year="2021MM01"),
    ]
    snapshot = deliveries.archived(tmp_path, rows, periods={"2021JJ00": "Voorlopig"}, without=["Woord_3"])
    read = noted_calls(monkeypatch, staging_odata_v3, "_read")
    shelf = WAYS[way](snapshot, tmp_path)
    assert len(read) == (0 if way == "fetch" else 1)
    direct, expected = basis(lambda con: staging.stage(con, SOURCE, FIRST, snapshot, year_from))
    taken, found = basis(lambda con: shelf.take(con, SOURCE, FIRST, snapshot, year_from))
    assert found == expected != []
    assert taken == direct


def test_a_delivery_is_taken_once_and_only_as_itself(tmp_path: Path) -> None:
    """Another snapshot of the table, a second build and a file that is gone find nothing, so that the archive is read."""
    snapshot = deliveries.archived(tmp_path / "a", [row("BU00140000", "1")])
    other = deliveries.archived(tmp_path / "b", [row("BU00140000", "2")])
    shelf = judged(snapshot, tmp_path)
    with closing(duckdb.connect()) as con:
        create_basis(con, SOURCE)
        assert shelf.take(con, SOURCE, FIRST, other, 0) is None
        assert shelf.take(con, SOURCE, FIRST, snapshot, 0) is not None
        assert shelf.take(con, SOURCE, FIRST, snapshot, 0) is None
        drift.judge(SOURCE, FIRST, snapshot, None, shelf)
        next(tmp_path.rglob("*.parquet")).unlink()
        assert shelf.take(con, SOURCE, FIRST, snapshot, 0) is None


def test_one_area_in_two_tables_is_refused(tmp_path: Path) -> None:
    snapshot = deliveries.archived(tmp_path, [row("BU00140000", "1")])
    shelf = judged(snapshot, tmp_path)
    with closing(duckdb.connect()) as con:
        create_basis(con, SOURCE)
        staging.stage(con, SOURCE, SECOND, snapshot, 0)
        with pytest.raises(SourceChanged, match="two tables"):
            shelf.take(con, SOURCE, FIRST, snapshot, 0)


OTHER_KINDS: list[tuple[bool, str, Any]] = [
    (True, "Woord_3", 0),
    (True, "Woord_3", []),
    (True, "Getal_1", 0),
    (True, "Getal_1", True),
    (True, "Getal_1", "1,5"),
    (False, "Woord_3", 0),
    (False, "Getal_1", 10**400),
    (False, "Getal_1", {}),
]


@pytest.mark.parametrize(("untyped", "member", "cell"), OTHER_KINDS)
def test_a_cell_of_another_kind_is_refused(untyped: bool, member: str, cell: Any, tmp_path: Path) -> None:
    """Also what Python takes for false: a number that stands where a text belongs is never an empty text."""
    snapshot = deliveries.archived(tmp_path, [row("BU00140000", "1")])
    layout = odata_v3.read_layout(snapshot, SOURCE, FIRST)
    good: dict[str, Any] = {"Getal_1": ("1",), "Ander_2": ("1",), "Woord_3": ("w",)}
    if not untyped:
        good |= {"Getal_1": (1,), "Ander_2": (None,)}
    keys = {"Leeftijd": ("20300",), deliveries.REGION: ("BU00140000",), deliveries.TIME: ("2020JJ00",)}
    reading = staging_odata_v3.receive(SOURCE, FIRST, layout, untyped, tmp_path)
    reading.take({**keys, **good})
    reading.take({**keys, **good, member: (cell,)})
    with pytest.raises(SourceChanged, match=r"changed its type|is no number"):
        reading.finish()
