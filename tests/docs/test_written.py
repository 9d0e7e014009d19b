"""Pages that are made from the declarations are what the declarations say now."""

import pytest

from beeld.settings import project_folder
from beeld.transforms.catalog import load_catalog
from tests.docs.write import PAGES, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_written_page_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](load_catalog(project_folder())), "run 'make docs'"


def test_every_source_says_what_a_reader_must_know() -> None:
    """Publisher, licence, levels, years, lag and caveats."""
    for source in load_catalog(project_folder()).sources.values():
        for field in ("uitgever", "licentie", "niveaus", "jaren_tekst", "vertraging"):
            assert getattr(source, field), f"{source.bron} has no {field}"
        assert source.kanttekeningen or source.toelichting, source.bron
