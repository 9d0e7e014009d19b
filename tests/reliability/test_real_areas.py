"""How the real divisions follow each other: Eindhoven, Amsterdam and 's-Hertogenbosch (facts/CBS.md section 13)."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from beeld.settings import project_folder
from beeld.transforms import areas
from beeld.transforms.arrow import Kind, registered
from beeld.transforms.chains import create_chains
from beeld.warehouse.query import ask
from tests.indicatoren import drawn
from tests.reliability.wire import rows_of
from tests.reliability.worlds import RealRelease
from tests.unit.divisions import UNTESTED, Division, build

FLAG = "IndelingswijzigingWijkenEnBuurten_4"
EINDHOVEN, AMSTERDAM, DEN_BOSCH, BERGEN = "0772", "0363", "0796", "0748"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty build database."""
    with closing(drawn.open_database(project_folder())) as connection:
        yield connection


def division(data: Path, table: str, gemeente: str) -> Division:
    """The wijken and buurten of a gemeente in a delivered table, with their flags where the table has them."""
    names = {row["Key"].strip(): " ".join(row["Title"].split()) for row in rows_of(data, table, "WijkenEnBuurten")}
    flags = {row["WijkenEnBuurten"].strip(): row.get(FLAG) for row in rows_of(data, table, "TypedDataSet")}
    return {code: (name, flags[code]) for code, name in names.items() if code[2:6] == gemeente and code[:2] in ("WK", "BU")}


def wijken_of_2016(data: Path, gemeente: str) -> Division:
    """The wijken of 2016, out of the boundaries of that year."""
    document = json.loads(gzip.decompress((data / "geo" / "wijk_2016.geojson.gz").read_bytes()))
    found = [feature["properties"] for feature in document["features"]]
    return {area["statcode"]: (area["statnaam"], None) for area in found if area["statcode"][2:6] == gemeente}


def placed(con: duckdb.DuckDBPyConnection, divisions: dict[int, Division], year: int) -> dict[str, tuple[str | None, str | None]]:
    """Area of the newest division -> its code in `year` and the note; neither where it does not join."""
    source, newest = build(con, divisions)
    areas.link(con, source, newest)
    rows = con.execute(
        """select gebiedscode, case when aanwezig then oude_code end, kanttekening
        from werk.reeks join werk.kwb using (gebiedscode, peiljaar) where peiljaar = ? and gebiedscode <> 'NL00'""",
        [year],
    ).fetchall()
    return {code: (old, note) for code, old, note in rows}


def test_the_wijken_of_eindhoven_were_drawn_anew(real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    """7 wijken became 20; one code (WK077211) stayed, with another name. None of 2016 may stand for one of 2020."""
    old, new = wijken_of_2016(real_data, EINDHOVEN), division(real_data, "84799NED", EINDHOVEN)
    wijken = {code: area for code, area in new.items() if code.startswith("WK")}
    assert (len(old), len(wijken)) == (7, 20)
    assert set(old) & set(wijken) == {"WK077211"}
    found = placed(con, {2016: old, 2020: wijken}, 2016)
    assert found == dict.fromkeys(wijken, (None, None))


def test_the_buurten_of_eindhoven_are_the_same(real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    """116 buurten with the same codes and names in 2020 and 2024; the years between were not delivered."""
    divisions = {2020: division(real_data, "84799NED", EINDHOVEN), 2024: division(real_data, "85984NED", EINDHOVEN)}
    found = {code: place for code, place in placed(con, divisions, 2020).items() if code.startswith("BU")}
    assert len(found) == 116
    assert found == {code: (code, UNTESTED) for code in found}
    assert Counter(flag for code, (_, flag) in divisions[2020].items() if code.startswith("BU")) == {"1": 116}


def test_nothing_of_amsterdam_joins(real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    """479 buurten became 517 and every code changed; without the flags of the years between nothing tells which is which."""
    divisions = {2020: division(real_data, "84799NED", AMSTERDAM), 2024: division(real_data, "85984NED", AMSTERDAM)}
    assert [sum(code.startswith("BU") for code in areas_) for areas_ in divisions.values()] == [479, 517]
    found = placed(con, divisions, 2020)
    assert len(found) == 517 + 110
    assert set(found.values()) == {(None, None)}


def test_den_bosch_got_one_buurt_more(real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    """107 became 108: the new one (BU07960708) has no past, nor has one whose name is spelled anew ("Aawijk-Zuid")."""
    divisions = {2020: division(real_data, "84799NED", DEN_BOSCH), 2024: division(real_data, "85984NED", DEN_BOSCH)}
    found = {code: place for code, place in placed(con, divisions, 2020).items() if code.startswith("BU")}
    assert len(found) == 108
    assert found["BU07960708"] == (None, None)
    assert found["BU07960211"] == (None, None), "Aawijk-Zuid became Aawijk Zuid"
    buurten = {code for code in divisions[2020] if code.startswith("BU")}
    assert len(buurten) == 107
    same = {code for code in buurten if code in found and divisions[2020][code][0] == divisions[2024][code][0]}
    assert len(same) > 80
    assert {code for code, (old, note) in found.items() if (old, note) == (code, UNTESTED)} == same


@pytest.mark.parametrize("recoded", [False, True], ids=["the same codes", "flag 2 with another code"])
def test_a_full_chain_of_real_flags(recoded: bool, real_data: Path, con: duckdb.DuckDBPyConnection) -> None:
    """The flags of 2020 speak of 2019: a division of 2019 with these names joins where they are `1` or `2` and nowhere else.

    Nearly all of Lelystad got other codes in 2020. The true codes of 2019 are not here; with invented ones each of its areas
    is found back by its name, and where a flag `2` stands beside a code that did not change, nothing is.
    """
    names = {row["Key"].strip(): " ".join(row["Title"].split()) for row in rows_of(real_data, "84799NED", "WijkenEnBuurten")}
    flags = {row["WijkenEnBuurten"].strip(): row[FLAG] for row in rows_of(real_data, "84799NED", "TypedDataSet")}
    letters = str.maketrans("01234567", "ABCDEFGH")
    before = {code: code[:6] + code[6:].translate(letters) if recoded and flags[code] == "2" else code for code in names}
    con.execute("create schema werk")
    con.execute("create table werk.indeling (gebiedscode varchar, indeling_jaar integer, naam varchar, wijziging varchar)")
    for year, codes in ((2019, before), (2020, {code: code for code in names})):
        columns: dict[str, tuple[Kind, list[Any]]] = {
            "code": ("text", [codes[code] for code in names]),
            "naam": ("text", list(names.values())),
            "vlag": ("text", [flags[code] for code in names]),
        }
        with registered(con, "echte", columns):
            con.execute("insert into werk.indeling select code, ?, naam, nullif(vlag, '.') from echte", [year])
    create_chains(con, 2020)
    rows = con.execute(
        """select gebiedscode[1:2], wijziging, count(*), count(voorganger), count(*) filter (getoetst)
        from werk.stap where indeling_jaar = 2020 and wijziging is not null group by all order by all"""
    ).fetchall()
    buurten, wijken = (134, 2) if recoded else (0, 0)
    assert rows == [
        ("BU", "1", 13038, 13038, 13038), ("BU", "2", 134, buurten, buurten), ("BU", "3", 636, 0, 0),
        ("WK", "1", 3022, 3022, 3022), ("WK", "2", 2, wijken, wijken), ("WK", "3", 153, 0, 0),
    ]  # fmt: skip
    wrong = [
        row
        for row in con.execute("select gebiedscode, voorganger from werk.stap where indeling_jaar = 2020 and getoetst").fetchall()
        if before[row[0]] != row[1]
    ]
    assert wrong == []


def test_no_figure_of_2020_reaches_amsterdam_in_the_release(real_release: RealRelease) -> None:
    rows = ask(
        real_release.result.folder,
        "select count(*) filter (w.indeling_jaar = 2020 and w.waarde is not null), count(*) filter (w.waarde is not null) "
        "from waarde as w join gebied as g using (gebiedscode) where g.gemeentecode = 'GM0363' and g.soort in ('wijk', 'buurt')",
    ).rows
    ((old, new),) = [tuple(row) for row in rows]
    assert old == 0
    assert new > 1000


def test_the_history_of_the_release(real_release: RealRelease) -> None:
    """Both divisions are in it, and a predecessor always exists in the division before."""
    rows = ask(
        real_release.result.folder,
        "select indeling_jaar, count(*), count(voorganger) from gebied_historie where gebiedscode[1:2] = 'BU' "
        "group by 1 order by 1",
    ).rows
    (first, second) = [tuple(row) for row in rows]
    assert first == (2020, 13808, 0)
    assert second[:2] == (2024, 14574)
    assert 11_000 < second[2] < 11_779, "equal code and equal name; 11 779 when spelling did not count"
    lost = ask(
        real_release.result.folder,
        "select count(*) from gebied_historie as h where voorganger is not null and not exists ("
        "from gebied_historie as v where v.gebiedscode = h.voorganger and v.indeling_jaar < h.indeling_jaar)",
    ).rows
    assert [tuple(row) for row in lost] == [(0,)]
