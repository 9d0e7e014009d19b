"""Area codes: letters as well as digits, parents by position (facts/CBS.md section 13)."""

from __future__ import annotations

import re

from beeld.sources.declaring import AREA

CODE = AREA
UNION = re.compile(r"SG-[a-z0-9]+(-[a-z0-9]+)*")
KINDS = {"NL": "land", "GM": "gemeente", "WK": "wijk", "BU": "buurt", "SG": "samengesteld"}


def normalise(text: str) -> str | None:
    """The canonical form of a code as a source writes it (padded, lower case, NL01); None when it is not a code."""
    code = text.strip().upper()
    if not CODE.fullmatch(code):
        return None
    return "NL00" if code.startswith("NL") else code


def kind(code: str) -> str:
    """land, gemeente, wijk, buurt or samengesteld."""
    return KINDS[code[:2]]


def gemeente_of(code: str) -> str | None:
    """The gemeente of a wijk, buurt or gemeente; None for the country and for unions."""
    return f"GM{code[2:6]}" if code[:2] in ("GM", "WK", "BU") else None


def wijk_of(code: str) -> str | None:
    """The wijk of a wijk or buurt; None otherwise."""
    return f"WK{code[2:8]}" if code[:2] in ("WK", "BU") else None


def is_code(text: str) -> bool:
    """True for a canonical code of an area or a union."""
    return bool(CODE.fullmatch(text) or UNION.fullmatch(text))
