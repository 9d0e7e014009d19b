"""Words and numbers as they are written on a map."""

from __future__ import annotations

from collections.abc import Sequence

from beeld.profiles.wording import rounded
from beeld.sources.words import plain


def clean(text: str, most: int = 120) -> str:
    """Text as it enters (`plain`), of at most so many characters."""
    line = plain(text)
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def dutch(value: float, decimals: int) -> str:
    """A number as it is written in Dutch: a comma, a thin space between thousands from 10,000 on, never minus zero."""
    text = f"{rounded(value, decimals):.{decimals}f}"
    sign, text = ("-", text[1:]) if text.startswith("-") and text.strip("-0.") else ("", text.lstrip("-"))
    whole, _, rest = text.partition(".")
    if len(whole) > 4:
        whole = f"{int(whole):,}".replace(",", "\u202f")
    return f"{sign}{whole},{rest}" if rest else f"{sign}{whole}"


def listed(names: Sequence[str]) -> str:
    """`a, b en c`."""
    return " en ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
