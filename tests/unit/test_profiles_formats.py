"""Formats by name: each is laid out by a class of its own, which is loaded when it is used and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from beeld.errors import UsageError
from beeld.profiles.formats import RENDERERS, refuse_unknown, renderer

HEAVY = ("matplotlib", "pptx", "typst", "xlsxwriter", "PIL", "geopandas", "pandas", "great_expectations")


@pytest.mark.parametrize("name", RENDERERS)
def test_every_format_has_what_lays_it_out(name: str) -> None:
    assert renderer(name).name == name
    assert renderer(name) is renderer(name)
    refuse_unknown([name], "nl")


def test_what_does_not_exist_is_said() -> None:
    with pytest.raises(UsageError, match="format 'doc' does not exist"):
        refuse_unknown(["html", "doc"], "nl")
    with pytest.raises(UsageError, match="language 'fy' does not exist"):
        refuse_unknown(["html"], "fy")


def test_a_refresh_without_news_loads_nothing_that_draws() -> None:
    """Fifty megabytes and half a second of every look at the sources."""
    look = f"import sys, beeld.cli, beeld.refresh; print(*(name for name in {HEAVY} if name in sys.modules))"
    said = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    assert said.split() == []
