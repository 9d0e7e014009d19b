"""A list in the home, from the command line to the release: part of its identity, refused whole when a code does not exist."""

from pathlib import Path

from tests.reliability.worlds import CommandLine, World, complete

LIST = """
id: proef
titel: Een proef
bron: Iemand
jaar: 2024
indeling_jaar: {year}
gebieden: [{codes}]
"""


def supply(home: Path, codes: str, year: int = 2024) -> None:
    """Put a list in the home."""
    (home / "lijsten").mkdir(exist_ok=True)
    (home / "lijsten" / "proef.yaml").write_text(LIST.format(codes=codes, year=year), encoding="utf-8")


def test_a_list_is_part_of_the_identity_of_a_release(world: World, beeld: CommandLine) -> None:
    first = complete(world.settings)
    supply(world.home, "BU90010102")
    assert beeld(world.settings, "refresh", "--offline", "--no-render").code == 0
    second = complete(world.settings)
    assert second != first
    rows = world.query("select in_lijst, count(*) from lijstvergelijking where lijst = 'proef' group by 1 order by 1")
    assert rows == [(False, 11), (True, 1)]
    assert beeld(world.settings, "refresh", "--offline", "--no-render").code == 0
    assert complete(world.settings) == second, "the same list is the same release"
    (world.home / "lijsten" / "proef.yaml").unlink()
    assert beeld(world.settings, "refresh", "--offline", "--no-render").code == 0
    assert complete(world.settings) == first, "without the list it is the release that it was"


def test_a_code_that_does_not_exist_ends_with_2_before_anything_is_built(world: World, beeld: CommandLine) -> None:
    first = complete(world.settings)
    supply(world.home, "BU90010102, BU90019999, GM9999")
    ending = beeld(world.settings, "refresh", "--offline", "--no-render")
    assert ending.code == 2
    (line,) = ending.lines
    assert "list 'proef' names areas that do not exist in the division of 2024: BU90019999, GM9999" in line
    assert complete(world.settings) == first


def test_codes_are_looked_up_in_the_division_of_the_list(world: World, beeld: CommandLine) -> None:
    """BU90010104 was cut out of BU90010103 between 2020 and 2024."""
    supply(world.home, "BU90010104", year=2020)
    ending = beeld(world.settings, "refresh", "--offline", "--no-render")
    assert ending.code == 2
    assert "do not exist in the division of 2020: BU90010104" in ending.err
    supply(world.home, "BU90010103", year=2020)
    assert beeld(world.settings, "refresh", "--offline", "--no-render").code == 0
    ((count, remark),) = world.query("select n_gebieden, reden from lijst where lijst = 'proef'")
    assert (count, remark) == (0, "niet terug te vinden in de indeling van deze release: 1 van 1")
