"""Words and numbers as they are written on a map."""

from __future__ import annotations

from collections.abc import Sequence

from beeld.profiles.language import spoken, tr
from beeld.profiles.wording import rounded
from beeld.sources.words import plain


def clean(text: str, most: int = 120) -> str:
    """Text as it enters (`plain`), of at most so many characters."""
    line = plain(text)
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def numeral(value: float, decimals: int) -> str:
    """A number as it is written on a map, never minus zero. In Dutch a thin space stands between thousands, from 10 000 on."""
    text = f"{rounded(value, decimals):.{decimals}f}"
    sign, text = ("-", text[1:]) if text.startswith("-") and text.strip("-0.") else ("", text.lstrip("-"))
    whole, _, rest = text.partition(".")
    said = spoken()
    if len(whole) > 4 or said.thousands == ",":
        whole = f"{int(whole):,}".replace(",", "," if said.thousands == "," else "\u202f")
    return f"{sign}{whole}{said.decimal}{rest}" if rest else f"{sign}{whole}"


def listed(names: Sequence[str]) -> str:
    """`a, b en c`."""
    return tr(" en ").join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
