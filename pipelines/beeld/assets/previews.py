"""What a table holds, at a glance: counts by the words of the table itself, as Markdown. No Dagster in here.

Counts and not cells: what Dagster keeps outlives a release, and no figure of a delivery may be in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb

PREVIEWS: Mapping[str, str] = {
    "bron": "select bron, status, count(*) as tabellen from bron group by all order by all limit 40",
    "gebied": "select soort, count(*) as gebieden, count(geometrie) as met_grens from gebied group by all order by all",
    "waarde": "select status, count(*) as cijfers, count(distinct indicator) as figuren from waarde group by all order by all",
    "thema_score": "select thema, referentie, count(score) as scores from thema_score group by all order by all limit 40",
    "trend": "select uitkomst, count(*) as reeksen from trend group by all order by all",
    "lijstvergelijking": "select lijst, count(*) as gebieden from lijstvergelijking group by all order by all limit 40",
    "wijziging": "select soort, oorzaak, count(*) as cijfers from wijziging group by all order by all",
    "controle": "select ernst, geslaagd, count(*) as controles from controle group by all order by all",
}


def preview(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The counts of one table as a Markdown table; empty for a table that has none."""
    if table not in PREVIEWS:
        return ""
    found = con.execute(PREVIEWS[table])
    return markdown([str(column[0]) for column in found.description or ()], found.fetchall())


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table in which every cell is text, whatever it looks like."""
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "ja" if value else "nee"
    text = " ".join(str(value).split())
    return re.sub(r"([\\`*_{}\[\]()#+!|<>&~$-])", r"\\\1", text)
