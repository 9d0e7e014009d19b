"""Which delivered column holds which measure: path + base name + unit, exactly one hit, or a loud failure."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from beeld.errors import SourceChanged
from beeld.settings import project_folder
from beeld.sources import columns
from beeld.sources.declarations import Source, Table, load_sources
from tests.unit.kwb_oracle import ours, read_list

SHARED = Path(__file__).parents[3] / "shared"
KWB_2020 = SHARED / "data" / "odata_v3" / "opendata.cbs.nl" / "84799NED" / "DataProperties.json"


def declared(table: dict[str, Any] | None = None, **topics: list[dict[str, str]]) -> tuple[Source, Table]:
    """A source with these columns and one table."""
    source = Source.model_validate(
        {
            "bron": "proef",
            "titel": "P",
            "uitgever": "CBS",
            "licentie": "CC BY 4.0",
            "protocol": "odata_v3",
            "dienst": "cbs",
            "kolommen": {name: {"onderwerpen": spellings} for name, spellings in topics.items()},
            "tabellen": [{"tabel": "T", **(table or {})}],
        }
    )
    return source, source.tabellen[0]


GROUPS = [
    {"ID": 0, "Type": "GeoDetail", "Key": "WijkenEnBuurten"},
    {"ID": 1, "Type": "TopicGroup", "Key": "", "ParentID": None, "Title": "Wonen"},
    {"ID": 2, "Type": "TopicGroup", "Key": "", "ParentID": 1, "Title": "Woningen naar  eigendom\u00a0"},
    {"ID": 3, "Type": "TopicGroup", "Key": "", "ParentID": None, "Title": "Energie"},
]


def topic(key: str, parent: int | None = 2, unit: str = "%", kind: str = "Double") -> dict[str, Any]:
    """One delivered topic."""
    return {"ID": 100, "Type": "Topic", "Key": key, "ParentID": parent, "Title": key, "Unit": unit, "Datatype": kind}


KOOP = {"groep": "Wonen/Woningen naar eigendom", "naam": "Koopwoningen", "eenheid": "%"}


def resolve(*topics: dict[str, Any], table: dict[str, Any] | None = None, **extra: list[dict[str, str]]) -> dict[str, str]:
    """Our column -> raw key, for a source that declares `koop` as KOOP."""
    source, entry = declared(table, **{"koop": [KOOP], **extra})
    return dict(columns.resolve(source, entry, [*GROUPS, *topics], "proef T").columns)


def test_the_position_in_the_key_does_not_matter() -> None:
    assert resolve(topic("Koopwoningen_40")) == resolve(topic("Koopwoningen_40")) == {"koop": "Koopwoningen_40"}
    assert resolve(topic("Koopwoningen_47")) == {"koop": "Koopwoningen_47"}


@pytest.mark.parametrize("key", ["koopwoningen_40", "KoopWoningen_41", "KOOPWONINGEN_1", "Koopwoningen\u00a0_40"])
def test_case_and_hard_spaces_drift(key: str) -> None:
    """facts: NettoArbeidsparticipatie_67 in 2020, Nettoarbeidsparticipatie_71 later; titles end in spaces or NBSP."""
    assert resolve(topic(key)) == {"koop": key}


def test_the_same_name_in_another_group_is_another_measure() -> None:
    """facts: Koopwoningen_47 stands under energy too."""
    assert resolve(topic("Koopwoningen_40"), topic("Koopwoningen_53", parent=3)) == {"koop": "Koopwoningen_40"}


def test_two_hits_are_ambiguous() -> None:
    with pytest.raises(SourceChanged, match=r"koop is ambiguous: Koopwoningen_40, Koopwoningen_53"):
        resolve(topic("Koopwoningen_40"), topic("Koopwoningen_53"))


def test_another_unit_is_a_change() -> None:
    with pytest.raises(SourceChanged, match=r"Koopwoningen_40 \(koop\) changed its unit from '%' to 'aantal'"):
        resolve(topic("Koopwoningen_40", unit="aantal"))


def test_another_type_is_a_change() -> None:
    with pytest.raises(SourceChanged, match=r"Koopwoningen_40 \(koop\) now has type string"):
        resolve(topic("Koopwoningen_40", kind="String"))


@pytest.mark.parametrize("required", [True, False])
def test_a_rename_is_proposed_and_never_taken(required: bool) -> None:
    """Also for a column that is not required: a figure must not disappear silently because its column was renamed."""
    with pytest.raises(SourceChanged, match=r"missing or renamed; nearest unclaimed column: KoopwoningenTotaal_40 \(unit '%'\)"):
        resolve(topic("KoopwoningenTotaal_40"), table={"verplicht": ["koop"] if required else []})


def test_a_missing_required_column() -> None:
    with pytest.raises(SourceChanged, match=r"Koopwoningen \(koop\) is missing or renamed"):
        resolve(topic("Huurwoningen_41"), table={"verplicht": ["koop"]})


def test_a_missing_optional_column_is_left_out() -> None:
    assert resolve(topic("Iets_41", parent=3)) == {}


def test_a_claimed_column_is_no_rename() -> None:
    """InBezitOverigeVerhuurders is near to nothing that is missing when it is declared itself."""
    other = [{"groep": "Wonen/Woningen naar eigendom", "naam": "Koopwoningem", "eenheid": "%"}]
    assert resolve(topic("Koopwoningem_40"), anders=other) == {"anders": "Koopwoningem_40"}


def test_a_second_spelling_is_the_same_measure() -> None:
    spellings = [
        {"groep": "Wonen", "naam": "GemiddeldeWoningwaarde"},
        {"groep": "Wonen", "naam": "GemiddeldeWOZWaardeVanWoningen"},
    ]
    old = resolve(topic("GemiddeldeWoningwaarde_35", parent=1, unit=""), woz=spellings)
    new = resolve(topic("GemiddeldeWOZWaardeVanWoningen_39", parent=1, unit=""), woz=spellings)
    assert (old["woz"], new["woz"]) == ("GemiddeldeWoningwaarde_35", "GemiddeldeWOZWaardeVanWoningen_39")


@pytest.mark.parametrize("kinds", [[], ["GeoDetail", "GeoDimension"]])
def test_exactly_one_region(kinds: list[str]) -> None:
    source, table = declared(koop=[KOOP])
    properties = [{"ID": n, "Type": kind, "Key": f"R{n}"} for n, kind in enumerate(kinds)]
    with pytest.raises(SourceChanged, match=f"has {len(kinds)} region dimensions"):
        columns.resolve(source, table, properties, "proef T")


def test_groups_that_go_in_a_circle_end() -> None:
    loop = [
        {"ID": 8, "Type": "TopicGroup", "ParentID": 9, "Title": "a"},
        {"ID": 9, "Type": "TopicGroup", "ParentID": 8, "Title": "b"},
    ]
    found = columns.topics([*loop, topic("X_1", parent=8)])
    assert found[0].group.count("/") <= 20


# ---------------------------------------------------------------- the real table of 2020


@pytest.fixture(scope="module")
def real() -> list[dict[str, Any]]:
    """DataProperties of the Kerncijfers 2020 as published."""
    if not KWB_2020.is_file():
        pytest.skip("the real figures are not here: ../shared/data is absent")
    return json.loads(KWB_2020.read_text(encoding="utf-8-sig"))["value"]


@pytest.fixture(scope="module")
def kwb() -> Source:
    """The real declaration."""
    return load_sources(project_folder() / "sources")["cbs_kwb"]


@pytest.fixture(scope="module")
def oracle() -> dict[str, str]:
    """Our column -> raw key of 2020, verified rows only."""
    rows = [row for row in read_list() if row["kwb_year"] == "2020" and row["status"] == "verified"]
    return {ours(row["canonical_id"], 2020): row["column"] for row in rows}


def test_every_verified_column_is_delivered(real: list[dict[str, Any]], oracle: dict[str, str]) -> None:
    assert len(oracle) == 85
    assert set(oracle.values()) <= {row["Key"] for row in real if row["Type"] == "Topic"}


def test_every_column_resolves_to_the_verified_one(real: list[dict[str, Any]], oracle: dict[str, str], kwb: Source) -> None:
    layout = columns.resolve(kwb, kwb.table("84799NED"), real, "cbs_kwb 84799NED")
    assert dict(layout.columns) == oracle
    assert (layout.region, layout.time) == ("WijkenEnBuurten", None)


def test_every_column_survives_a_shift_of_positions(real: list[dict[str, Any]], kwb: Source) -> None:
    """CBS inserts topics in a quarterly revision: every suffix moves."""
    shifted = copy.deepcopy(real)
    for row in shifted:
        if row["Type"] == "Topic":
            name, _, position = row["Key"].rpartition("_")
            row["Key"] = f"{name}_{int(position) + 7}"
    before = columns.resolve(kwb, kwb.table("84799NED"), real, "w").columns
    after = columns.resolve(kwb, kwb.table("84799NED"), shifted, "w").columns
    assert {name: columns.base_name(key) for name, key in before.items()} == {
        name: columns.base_name(key) for name, key in after.items()
    }
    assert all(before[name] != after[name] for name in before)


def test_every_column_notices_another_unit(real: list[dict[str, Any]], kwb: Source) -> None:
    """No declared column may be taken in another unit than it was declared with."""
    table = kwb.table("84799NED")
    layout = columns.resolve(kwb, table, real, "w").columns
    for name, key in layout.items():
        changed = [{**row, "Unit": "promille"} if row.get("Key") == key else row for row in real]
        with pytest.raises(SourceChanged, match="changed its unit"):
            columns.resolve(kwb, table, changed, name)
