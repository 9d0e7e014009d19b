"""Texts and names from elsewhere as SQL, for the places where a parameter cannot stand."""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as SQL. A parameter would do in most places, but with the first one DuckDB imports pandas."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as SQL: a double quote in it is doubled, so that it cannot end the name."""
    return '"' + name.replace('"', '""') + '"'
