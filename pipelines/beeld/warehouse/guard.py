"""Texts in CSV that no spreadsheet takes for a formula, and that can be had back: one rule for queries and exports."""

from __future__ import annotations

import re

GUARDED = r"^'*[=+\-@\t\r]"
"""Texts that get an apostrophe: formula starts, and formula starts behind apostrophes of their own."""
UNDO = r"^'(?='*[=+\-@\t\r])"
"""What to take away to have the text back."""


def guarded(text: str) -> str:
    """The text, with an apostrophe in front where GUARDED says so."""
    return f"'{text}" if re.match(GUARDED, text) else text
