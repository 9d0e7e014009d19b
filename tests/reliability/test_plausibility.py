"""docs/plausibiliteit.md is what the generator gives: its structure everywhere, its figures where the real ones are."""

import re
from contextlib import closing

from beeld.settings import project_folder
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.plausibility.__main__ import PAGE, report_of
from tests.plausibility.facts import Facts
from tests.plausibility.report import CHOSEN, GEMEENTEN, HEADINGS, TITLE
from tests.reliability.worlds import RealRelease


def test_the_page_has_every_part_and_stays_readable() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(f"{TITLE}\n")
    assert re.findall(r"(?m)^## .*$", text) == list(HEADINGS)
    assert re.findall(r"(?m)^### .*\((GM\d{4})\)$", text) == list(GEMEENTEN)
    assert len(text.splitlines()) <= 250
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        codes = re.findall(r"BU\d{4}[0-9A-Z]{4}", table)
        assert codes == sorted(codes), "areas stand in the order of their codes"


def test_the_page_is_what_the_real_figures_give(real_release: RealRelease) -> None:
    assert PAGE.read_text(encoding="utf-8") == report_of(real_release.result.folder), "run 'python -m tests.plausibility'"


def test_the_report_finds_the_families_that_are_published(real_release: RealRelease) -> None:
    """The report finds them from percentiles of its own; the release from its build database."""
    with closing(open_warehouse(warehouse_file(real_release.result.folder))) as con:
        facts = Facts(con, load_catalog(project_folder()))
        buurten = [buurt for code in GEMEENTEN for buurt in facts.buurten(code)]
        assert [len(facts.families(buurt)) for buurt in buurten] == [buurt.families for buurt in buurten]
    assert {buurt.code for buurt in buurten} >= set(CHOSEN)
    assert {buurt.families for buurt in buurten} >= {0, 1, 2}
