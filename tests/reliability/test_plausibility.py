"""docs/plausibiliteit.md is what the generator gives: its structure everywhere, its figures where the real ones are."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from beeld.settings import project_folder
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.plausibility.__main__ import PAGE
from tests.plausibility.facts import Facts
from tests.plausibility.report import CHOSEN, GEMEENTEN, HEADINGS, TITLE, report
from tests.reliability.worlds import RealRelease


@pytest.fixture(scope="module")
def facts(real_release: RealRelease) -> Iterator[Facts]:
    """The release of the real figures that the session has anyway."""
    with closing(open_warehouse(warehouse_file(real_release.result.folder))) as con:
        yield Facts(con, load_catalog(project_folder()))


def test_the_page_has_every_part_and_stays_readable() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(f"{TITLE}\n")
    assert re.findall(r"(?m)^## .*$", text) == list(HEADINGS)
    assert re.findall(r"(?m)^### .*\((GM\d{4})\)$", text) == list(GEMEENTEN)
    assert len(text.splitlines()) <= 250
    tables = re.findall(r"(?m)(?:^\|.*\n)+", text)
    assert len(tables) >= 2
    for table in tables:
        codes = re.findall(r"BU\d{4}[0-9A-Z]{4}", table)
        assert codes == sorted(codes), "areas stand in the order of their codes"


def test_the_page_is_what_the_real_figures_give(facts: Facts) -> None:
    assert PAGE.read_text(encoding="utf-8") == report(facts), "run 'python -m tests.plausibility'"


def test_the_report_finds_the_families_that_are_published(facts: Facts) -> None:
    """The report finds them from percentiles of its own; the release from its build database.

    The release counts the families of the signals on the published figures. Where the draws took a signal away the report sees
    fewer signals; everywhere else the two are the same.
    """
    buurten = [buurt for code in GEMEENTEN for buurt in facts.buurten(code)]
    signals = dict(facts.con.execute("select gebiedscode, n_themas from integraal").fetchall())
    same = [buurt for buurt in buurten if len(buurt.raised) == signals[buurt.code]]
    assert [len(facts.families(buurt)) for buurt in same] == [buurt.families for buurt in same]
    fewer = [buurt for buurt in buurten if buurt not in same]
    assert all(len(buurt.raised) < signals[buurt.code] for buurt in fewer), "the draws never add a signal"
    assert all(len(facts.families(buurt)) <= buurt.families for buurt in fewer)
    assert len(same) > 5 * len(fewer) > 0
    assert {buurt.code for buurt in buurten} >= set(CHOSEN)
    assert {buurt.families for buurt in buurten} >= {0, 1, 2}
