"""Words about likeness, groups and target groups on the pages."""

from __future__ import annotations

import re

import duckdb
import pytest

from beeld.profiles.companions import Companions, Group, GroupSize, OutsideRow, PeerRow, load_companions
from beeld.profiles.elements import count
from beeld.profiles.likeness import reason
from beeld.profiles.people import _outside, count_of
from beeld.settings import project_folder
from beeld.transforms.peers import Yardstick
from beeld.transforms.target_groups import TargetGroup
from beeld.warehouse.build import create_schema

SPREADS = {
    "stedelijkheid": 1.2,
    "aandeel_0_15": 5.0,
    "aandeel_65_plus": 8.0,
    "aandeel_corporatiewoningen": 20.0,
    "gemiddelde_huishoudensgrootte": 0.4,
    "bevolkingsdichtheid": 2500.0,
}
YARDSTICK = Yardstick("buurt", SPREADS, ())
OWN = (2.0, 18.0, 15.0, 40.0, 2.2, 3000.0)
COUNTED = TargetGroup(
    titel="Mensen met bijstand", uitleg="U", thema="armoede", eenheid="personen", indicator="bijstand_per_1000_15_65", basis="b"
)
ESTIMATED = COUNTED.model_copy(update={"basis_hoogstens": ("aandeel_65_plus",)})


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (OWN, "ook sterk stedelijk, een bijna even groot aandeel kinderen, een bijna even groot aandeel ouderen"),
        (
            (2.0, 16.0, 19.0, 46.0, 2.0, 2400.0),
            "ook sterk stedelijk, bijna even dicht bevolkt; wel een groter aandeel ouderen",
        ),
        (
            (3.0, 18.0, 15.0, 40.0, 2.2, 3000.0),
            "een bijna even groot aandeel kinderen, een bijna even groot aandeel ouderen, "
            "een bijna even groot aandeel corporatiewoningen; wel matig stedelijk",
        ),
        (
            (5.0, 30.0, 40.0, 90.0, 3.5, 100.0),
            "lijkt over het geheel, op geen onderdeel bijna gelijk; het meest anders: grotere huishoudens",
        ),
    ],
)
def test_why_areas_are_alike(other: tuple[float, ...], words: str) -> None:
    """At most three components within a quarter of a standard deviation, and the one that differs most."""
    assert reason(OWN, other, YARDSTICK) == words


def test_a_component_that_is_not_used_is_not_named() -> None:
    without = {name: spread for name, spread in SPREADS.items() if name != "aandeel_corporatiewoningen"}
    yardstick = Yardstick("buurt", without, ("aandeel_corporatiewoningen",))
    assert "corporatie" not in reason(OWN, (2.0, 18.0, 15.0, None, 2.2, 3000.0), yardstick)


def size(count: int | None, low: int | None = None, high: int | None = None, status: str = "ok") -> GroupSize:
    return GroupSize("g", 2020, "personen", count, low, high, status, None if count is not None else "geheim <b>", "basis", 300)


@pytest.mark.parametrize(
    ("found", "group", "text"),
    [
        (size(60, 40, 80), COUNTED, "60 personen marge 40 tot 80"),
        (size(1600, 1200, 1800), ESTIMATED, "ongeveer 1.600 personen aangenomen marge 1.200 tot 1.800"),
        (size(0, 0, 15), ESTIMATED, "minder dan 15 personen aangenomen marge 0 tot 15"),
        (size(0, 0, 0), COUNTED, "0 personen"),
        (size(None, status="geheim"), COUNTED, "afgeschermd reden: geheim &lt;b&gt;"),
        (None, COUNTED, "geen gegevens reden: deze tabel is niet geleverd"),
    ],
)
def test_a_size_in_words(found: GroupSize | None, group: TargetGroup, text: str) -> None:
    html = str(count("BU90010102", count_of("g", found, group, assumed=not group.counted)))
    assert re.sub(r"<[^>]+>", "", html).replace("\u00a0", " ") == text


def test_a_share_outside_in_words() -> None:
    assert _outside(OutsideRow("uitkomst", 2, 0.764, "ok", None)) == "76\u00a0%"
    assert _outside(OutsideRow("uitkomst", 2, 0.0, "ok", None)) == "0\u00a0%"
    assert _outside(OutsideRow("uitkomst", 1, None, "onbekend", "te weinig.")) == "geen gegevens: te weinig"
    assert _outside(None) == "–"


def test_rows_of_a_release_find_their_area() -> None:
    """A group stands with each of its buurten and with every gemeente that one of them is in."""
    with duckdb.connect(":memory:") as con:
        create_schema(con, project_folder())
        for code, gemeente in (("BU90010000", "GM9001"), ("BU90020000", "GM9002")):
            con.execute(
                "insert into gebied values (?, 'buurt', ?, ?, ?, null, 2024, 1000, 3, null, null)", [code, code, gemeente, "G"]
            )
            con.execute("insert into cluster values ('werk-BU90010000', ?, 'werk', 0.01)", [code])
        con.execute("insert into buur values ('BU90010000', 'BU90020000', 'samenstelling', 1, 0.5)")
        con.execute("insert into doelgroep values ('BU90010000', 'g', 2020, 'personen', 60, 40, 80, 'ok', null, 'inwoners', 300)")
        con.execute("insert into doelgroep_buiten values ('GM9001', 'g', 2020, 'uitkomst', 1, 0.4, 'ok', null)")
        found = load_companions(con, {"BU90010000": "GM9001", "GM9002": "GM9002", "GM9003": "GM9003"})
    group = Group("werk-BU90010000", "werk", ("BU90010000", "BU90020000"))
    assert found["BU90010000"].peers == (PeerRow("BU90020000", 0.5),)
    assert found["BU90010000"].groups == (group,)
    assert found["BU90010000"].sizes["g"].count == 60
    assert found["BU90010000"].outside["uitkomst", "g"].share == 0.4
    assert found["GM9002"] == Companions((), (group,), {}, {})
    assert found["GM9003"] == Companions()
