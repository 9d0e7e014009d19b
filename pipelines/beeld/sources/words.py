"""Names and texts from outside, as they enter: one rule for every source and every format."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import TypeVar

Thing = TypeVar("Thing")

_UNSAFE = {"Cc", "Cs", "Co", "Cn"}
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def plain(text: str) -> str:
    """The text on one line, without what XML forbids or what turns the reading direction around.

    Control characters, private and unassigned code points become a space, half a surrogate pair U+FFFD; runs of white space
    become one space. Everything else stays: markup, formulas and paths are text, and each format escapes them where it writes.
    """
    if text.isprintable():  # nothing of the above is; a name seldom needs the slow way
        return " ".join(text.split())
    kept = ("\ufffd" if unicodedata.category(c) == "Cs" else " " if unicodedata.category(c) in _UNSAFE else c for c in text)
    return re.sub(r"\s+", " ", "".join(c for c in kept if c not in _BIDI)).strip()


def shared(thing: Thing) -> Thing:
    """A text as the one object that stands for all that are equal to it: tables have the same thousands of names."""
    return sys.intern(thing) if type(thing) is str else thing
