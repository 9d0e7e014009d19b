"""What was staged to be judged gives the build the same cells as the archive does."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.errors import SourceChanged
from beeld.sources import odata_v3
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source
from beeld.sources.fetch import Delivered
from beeld.sources.members import Names, names_of
from beeld.sources.pages import read_page
from beeld.sources.questions import WHOLE
from beeld.sources.rowcheck import RowCheck
from beeld.transforms import drift, staging, staging_odata_v3
from beeld.transforms.basis import MEMORY, Staged, adding, create_basis
from beeld.transforms.shelf import Shelf
from beeld.warehouse import build
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

SOURCE = deliveries.source(tabellen=[{"tabel": "PROEF", "indeling_jaar": 2020}, {"tabel": "ANDER", "indeling_jaar": 2021}])
FIRST, SECOND = SOURCE.tabellen
ONE_PIECE = SOURCE.model_copy(update={"kolommen": {name: SOURCE.kolommen[name] for name in ("getal", "ander", "woord")}})
SOURCES = {"one piece": ONE_PIECE, "two pieces": SOURCE}
"""All columns of one age, so that cells need no joining, and of two."""


def basis(way: Any, declared: Source = SOURCE) -> tuple[Staged, list[tuple[Any, ...]]]:
    """What `way` adds to an empty table, and the rows of that table."""
    with closing(duckdb.connect()) as con:
        create_basis(con, declared)
        staged = way(con)
        return staged, con.execute(f'select * from basis."{declared.bron}" order by all').fetchall()


def judged(snapshot: Snapshot, folder: Path, declared: Source = SOURCE) -> Shelf:
    shelf = Shelf(folder / "it's a shelf")
    drift.judge(declared, FIRST, snapshot, None, shelf)
    return shelf


def fetched(snapshot: Snapshot, folder: Path, declared: Source, pages: Callable[[list[str]], list[str]]) -> Shelf:
    """A shelf that received the pages of a delivery as a fetch gives them, in the order of `pages`; then it was judged."""
    shelf = Shelf(folder / "it's a shelf")
    layout = odata_v3.read_layout(snapshot, declared, FIRST)
    source = odata_v3.read_pinned(snapshot, declared, layout)
    names = names_of(*(json.loads(snapshot.read(f"{name}-0001"))["value"] for name in (deliveries.REGION, deliveries.TIME)))
    for _ in range(2):  # the first try broke off
        check = RowCheck(layout, source, True, receiver=shelf.receive(source, FIRST, layout, True, names))
        for name in pages(snapshot.names("UntypedDataSet-")):
            check.begin(WHOLE, name)
            read_page(snapshot.folder / f"{name}.json.gz", name, check.form, check.lot, 1_000_000)
        check.accept()
    drift.judge(declared, FIRST, snapshot, None, shelf)
    return shelf


WAYS = {
    "archive": judged,
    "fetch": lambda snapshot, folder, declared: fetched(snapshot, folder, declared, lambda names: names),
    "page in two tries": lambda snapshot, folder, declared: fetched(snapshot, folder, declared, lambda names: [names[0], *names]),
}


def folder_of(shelf: Shelf) -> Path:
    return shelf._folder  # pyright: ignore[reportPrivateUsage]


def kept_files(shelf: Shelf) -> list[Path]:
    return sorted(folder_of(shelf).rglob("*.parquet"))


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
@pytest.mark.parametrize("pieces", SOURCES)
@pytest.mark.parametrize("year_from", [0, 2021])
def test_the_cells_are_those_of_the_archive(
    way: str, pieces: str, year_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    declared = SOURCES[pieces]
    shelf = WAYS[way](snapshot, tmp_path, declared)
    assert len(read) == (0 if way == "fetch" else 1)
    direct, expected = basis(lambda con: staging.stage(con, declared, FIRST, snapshot, year_from), declared)
    taken, found = basis(lambda con: shelf.take(con, declared, FIRST, snapshot, year_from), declared)
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pieces", SOURCES)
def test_what_is_gone_from_the_shelf_is_read_from_the_archive(way: str, pieces: str, tmp_path: Path) -> None:
    """What was taken or cleared leaves nothing on disk."""
    snapshot, declared = deliveries.archived(tmp_path, [row("BU00140000", "1")]), SOURCES[pieces]
    for gone in (True, False):
        shelf = WAYS[way](snapshot, tmp_path, declared)
        files = kept_files(shelf)
        assert [path.name for path in files] == (
            ["stuk_0.parquet" if (way, pieces) == ("fetch", "one piece") else "rijen.parquet"]
        )
        if gone:
            files[0].unlink()
        with closing(duckdb.connect()) as con:
            create_basis(con, declared)
            assert (shelf.take(con, declared, FIRST, snapshot, 0) is None) == gone
        assert gone or not kept_files(shelf)
        shelf.clear()
        assert not folder_of(shelf).exists()


def test_the_build_reads_the_archive_with_the_memory_of_judging(tmp_path: Path) -> None:
    """It has less at first, enough to add what is on the shelf; with that a large delivery could not be joined and sorted."""
    snapshot = deliveries.archived(tmp_path, [row("BU00140000", "1")])

    def limit(con: duckdb.DuckDBPyConnection) -> Any:
        return con.execute("select current_setting('memory_limit')").fetchall()

    with closing(duckdb.connect(config={"memory_limit": MEMORY})) as con:
        enough = limit(con)
    for shelf in (judged(snapshot, tmp_path), None):
        with closing(build.open_build(tmp_path / "bouw.duckdb")) as con:
            little = limit(con)
            build.stage_source(con, SOURCE, [Delivered(SOURCE, FIRST, snapshot, "actueel")], 0, shelf)
            assert limit(con) == (enough if shelf is None else little) != []
    assert enough != little


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
    reading = staging_odata_v3.receive(SOURCE, FIRST, layout, untyped, Names({}, ()), tmp_path)
    reading.take({**keys, **good})
    reading.take({**keys, **good, member: (cell,)})
    with pytest.raises(SourceChanged, match=r"changed its type|is no number"):
        reading.finish()


WRONG = ["1,5", "1e5", "geheim", 1, 1.5, True, [1], {"a": 1}]


@pytest.mark.parametrize("cell", WRONG)
@pytest.mark.parametrize("pieces", SOURCES)
@pytest.mark.parametrize("region", ["BU00140001", "onbekend"])
@pytest.mark.parametrize("kept", [1, staging_odata_v3.ROWS])
def test_a_wrong_cell_is_refused_with_its_page_whoever_reads_it(
    cell: Any, pieces: str, region: str, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a row that nobody keeps, and in rows that would be put away at once."""
    monkeypatch.setattr(staging_odata_v3, "ROWS", kept)
    declared = SOURCES[pieces]
    layout = odata_v3.read_layout(deliveries.archived(tmp_path, [row("BU00140000", "1")]), declared, FIRST)
    reading = staging_odata_v3.receive(declared, FIRST, layout, True, Names({}, ()), tmp_path)
    check = RowCheck(layout, declared, True, receiver=reading)
    check.begin(WHOLE, "page 7")
    check.lot(check.form.rows(json.dumps([row("BU00140000", "1")]).encode()))
    with pytest.raises(SourceChanged, match=r"column Getal_1 \(getal.*which is no number") as refused:
        check.lot(check.form.rows(json.dumps([row("BU00140002", "2"), row(region, cell)]).encode()))
    assert refused.value.where == "page 7"


@pytest.mark.parametrize("way", ["shelf", "archive"])
def test_a_delivery_enters_unpacked_and_what_comes_after_is_packed_again(way: str, tmp_path: Path) -> None:
    """Packing is a setting of the whole database, in which the release is written too."""
    many = [row(f"BU0014{number:04d}", "1") for number in range(build.ROW_GROUP + 1)]
    snapshot = deliveries.archived(tmp_path, many)

    def packed(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
        """How the codes of the first group of rows, which all differ, stand in the file."""
        found = con.execute(
            "select compression from pragma_storage_info(?) "
            "where column_name = 'gebiedscode' and segment_type = 'VARCHAR' and row_group_id = 0",
            [table],
        ).fetchall()
        return {name for (name,) in found}

    with closing(build.open_build(tmp_path / "bouw.duckdb")) as con:
        shelf = judged(snapshot, tmp_path, ONE_PIECE) if way == "shelf" else None
        build.stage_source(con, ONE_PIECE, [Delivered(ONE_PIECE, FIRST, snapshot, "actueel")], 0, shelf)
        con.execute(f'create table later as from basis."{ONE_PIECE.bron}"')
        assert packed(con, f'basis."{ONE_PIECE.bron}"') == {"Uncompressed"}
        assert "Uncompressed" not in packed(con, "later") != set()


def test_a_fault_leaves_the_settings_of_the_build_as_they_were() -> None:
    def settings(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
        return con.execute("select current_setting('force_compression'), current_setting('threads')").fetchall()

    with closing(duckdb.connect()) as con:
        before = settings(con)
        with pytest.raises(RuntimeError), adding(con):
            assert settings(con) == [("uncompressed", 1)] != before
            raise RuntimeError
        assert settings(con) == before


def test_every_status_that_a_cell_can_have_is_tried_when_it_is_added() -> None:
    """One that was left out would be no status at all, where CONTRACT.md wants one for every cell."""
    cells = [staging_odata_v3.read_cell(text) for text in ("1", "-", ".", "x", " ", "", None)]
    assert {cell[1] for cell in cells if cell is not None} == set(staging_odata_v3.DELIVERED)
