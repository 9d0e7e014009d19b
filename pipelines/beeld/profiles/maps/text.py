"""Words and numbers as they are written on a map."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_UNSAFE = {"Cc", "Cs", "Co", "Cn"}
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def clean(text: str, most: int = 120) -> str:
    """Text on one line, without what XML forbids or what turns the reading direction around."""
    kept = ("\ufffd" if unicodedata.category(c) == "Cs" else " " if unicodedata.category(c) in _UNSAFE else c for c in text)
    line = re.sub(r"\s+", " ", "".join(c for c in kept if c not in _BIDI)).strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def dutch(value: float, decimals: int) -> str:
    """A number as it is written in Dutch: a comma, a thin space between thousands from 10,000 on, never minus zero."""
    text = f"{value:.{decimals}f}"
    sign, text = ("-", text[1:]) if text.startswith("-") and text.strip("-0.") else ("", text.lstrip("-"))
    whole, _, rest = text.partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", "\u202f")
    return f"{sign}{whole},{rest}" if rest else f"{sign}{whole}"


def listed(names: Sequence[str]) -> str:
    """`a, b en c`."""
    return " en ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
