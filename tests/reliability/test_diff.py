"""What changed between two releases: every figure that differs is counted once, as new, revised or withdrawn, with its reason."""

import json
from typing import Any

from tests.reliability.worlds import NEWS, CommandLine, World, complete

EENZAAM = "Eenzaam_28"


def emptied(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first ten buurten lose one figure."""
    codes = sorted({row["WijkenEnBuurten"] for row in rows if row["WijkenEnBuurten"].startswith("BU")})[:10]
    return [{**row, EENZAAM: "       ."} if row["WijkenEnBuurten"] in codes else row for row in rows]


def test_a_release_does_not_differ_from_itself(world: World, beeld: CommandLine) -> None:
    name = complete(world.settings)
    ending = beeld(world.settings, "diff", name, name, "--json")
    assert ending.code == 0
    assert json.loads(ending.out) == {
        "van": name,
        "naar": name,
        "instellingen": [],
        "invoer": [],
        "cijfers": [],
        "uitkomsten": [],
    }


def test_withdrawn_and_revised_figures_are_told_apart(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    world.news("50090NED")
    world.server.fault("mutate", table="50090NED", function=emptied)
    assert beeld(world.settings, "refresh", "--no-render").code == 0
    after = complete(world.settings)
    ending = beeld(world.settings, "diff", before, after, "--json")
    found = json.loads(ending.out)
    assert [(entry["tabel"], entry["gewijzigd_naar"]) for entry in found["invoer"]] == [("50090NED", NEWS)]
    assert {change["soort"] for change in found["cijfers"]} <= {"ingetrokken", "herzien"}
    gone = [change for change in found["cijfers"] if change["indicator"] == "aandeel_eenzaam"]
    assert gone
    assert all(change["soort"] == "ingetrokken" for change in gone)
    assert all(change["oorzaak"] == "bronrevisie" for change in gone)
    shown = beeld(world.settings, "diff", before, after)
    assert shown.code == 0
    assert "ingetrokken" in shown.out
    assert "50090NED" in shown.out

    back = json.loads(beeld(world.settings, "diff", after, before, "--json").out)
    forth = {(c["indicator"], c["peiljaar"]): c["aantal"] for c in gone}
    filled = {(c["indicator"], c["peiljaar"]): c["aantal"] for c in back["cijfers"] if c["indicator"] == "aandeel_eenzaam"}
    assert filled == forth
    assert {c["soort"] for c in back["cijfers"] if c["indicator"] == "aandeel_eenzaam"} == {"nieuw"}


def test_a_release_that_does_not_exist_is_wrong_use(world: World, beeld: CommandLine) -> None:
    name = complete(world.settings)
    for wrong in ("20200101-geen", "../releases", ""):
        ending = beeld(world.settings, "diff", name, wrong)
        assert ending.code == 2
        assert "beeld releases" in ending.err
