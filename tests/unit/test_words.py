"""What becomes of a text from outside as it enters."""

from __future__ import annotations

import re
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from beeld.sources.words import plain

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def by_the_rule(text: str) -> str:
    """Sign by sign, as the docstring of `plain` says it."""
    signs: list[str] = []
    for sign in text:
        kind = unicodedata.category(sign)
        if sign not in BIDI:
            signs.append("\ufffd" if kind == "Cs" else " " if kind in ("Cc", "Co", "Cn") else sign)
    return re.sub(r"\s+", " ", "".join(signs)).strip()


def test_every_sign_between_letters() -> None:
    """All of Unicode: which signs go, become a space or stay does not depend on the way that is taken."""
    wrong = [code for code in range(sys.maxunicode + 1) if plain(f"a{chr(code)}b") != by_the_rule(f"a{chr(code)}b")]
    assert wrong == []


SIGNS = ["a", " ", "  ", "é", "\u00a0", "\n", "\u202e", "\ue000", "\ud800", "=", "<"]


@given(st.lists(st.sampled_from(SIGNS)).map("".join))
def test_runs_and_edges(text: str) -> None:
    assert plain(text) == by_the_rule(text)


def test_examples() -> None:
    assert plain("  Wijk  01 ") == "Wijk 01"
    assert plain("Wijk\t01\x00 \u202e") == "Wijk 01"
