"""The structure of a delivery: no order, no positions; what is new and what has ended is said, in refresh and release."""

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from beeld.sources import odata_v3
from beeld.sources.columns import Layout, topics
from beeld.sources.forms import Fields
from beeld.sources.structure import Structure, of_records, of_topics
from beeld.transforms.basis import Staged
from beeld.warehouse.ended import ended_rows, record_ended
from tests.indicatoren import deliveries


def structure(*names: str, unit: str = "aantal") -> Structure:
    """The structure of a table with these topics, numbered as CBS numbers them, in one group."""
    rows: list[dict[str, Any]] = [{"ID": 0, "Type": "TopicGroup", "Title": "Bevolking "}]
    for number, name in enumerate(names, start=1):
        key = f"{name}_{number}"
        rows.append({"ID": number, "ParentID": 0, "Type": "Topic", "Key": key, "Unit": unit, "Datatype": "Long"})
    return of_topics(topics(rows))


def test_order_and_position_make_no_other_structure() -> None:
    assert structure("Mannen", "Vrouwen").fingerprint == structure("Vrouwen", "Mannen").fingerprint
    assert structure("Mannen").fingerprint != structure("Mannen", unit="%").fingerprint
    assert structure("Mannen").columns == {"bevolking/mannen (aantal, long)"}


def test_a_new_column_is_named_and_a_known_one_is_not() -> None:
    before = structure("Mannen")
    assert structure("Vrouwen", "Mannen").notices(before) == ("accepted with 1 new column: bevolking/vrouwen (aantal, long)",)
    assert structure("Mannen").notices(structure("Mannen", "Vrouwen")) == ()
    assert structure("Mannen", "Vrouwen").notices(None) == ()


def test_many_new_columns_are_counted() -> None:
    (said,) = structure(*(f"Kolom{n}x" for n in range(8))).notices(structure("Kolom0x"))
    assert said.startswith("accepted with 7 new columns: bevolking/kolom1x (aantal, long); ")
    assert said.endswith(" and 2 more")


def test_records_have_the_structure_of_their_fields_or_of_their_measures() -> None:
    wide = of_records([{"Code": "BU1", "Eenzaam": 1}, {"Eenzaam": None, "Nieuw": 2}], {"Eenzaam": "%"}, Fields(gebied=("Code",)))
    assert wide.columns == {"code", "eenzaam (%)", "nieuw"}
    fields = Fields(gebied=("code",), maat=("indicator",), waarde=("waarde",))
    long = of_records([{"code": "BU1", "indicator": "Eenzaam ", "waarde": 1}], {}, fields)
    assert long.columns == {"eenzaam"}


def test_a_column_after_a_declared_break_is_said_in_the_refresh_and_in_the_release(tmp_path: Path) -> None:
    """`ander` ended in 2016 and the table of 2020 still has it: not read, named, and a row of `controle`."""
    columns: dict[str, Any] = {
        "getal": {"onderwerpen": [{"naam": "Getal", "eenheid": "%"}]},
        "ander": {"onderwerpen": [{"naam": "Ander", "eenheid": "%"}], "jaren": [2013, 2016]},
    }
    source = deliveries.source(tijd="tabel", kolommen=columns, tabellen=[{"tabel": "PROEF", "peiljaar": 2020}])
    snapshot = deliveries.archived(tmp_path, [deliveries.row("BU90010101", "1.5")])
    found = odata_v3.structure(source, source.tabellen[0], snapshot)
    assert found.ended == ("ander",)
    assert found.notices(None) == ("not read, because the series ended before: 1 column: ander",)

    layout: Layout = odata_v3.read_layout(snapshot, source, source.tabellen[0])
    with closing(duckdb.connect()) as con:
        con.execute("create schema basis")
        assert ended_rows(con) == []
        record_ended(con, [Staged(source, source.tabellen[0], snapshot, layout, (2020,), 1)])
        (row,) = ended_rows(con)
    assert (row.controle, row.onderwerp, row.ernst, row.geslaagd, row.aantal) == (
        "beeindigd_proef_PROEF".lower(),
        "PROEF",
        "waarschuwing",
        False,
        1,
    )
    assert row.toelichting.endswith("ze zijn niet gelezen: ander (Ander_2)")
