"""What the views of a use leave out of an answer, and why: a refusal is printed, never silent (METHOD.md section 12)."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

from beeld.sources.sql import literal
from beeld.warehouse.read import open_warehouse, warehouse_file

USED = re.compile(r"\bwaarde_(vergelijken|trend|selecteren|evalueren)\b", re.IGNORECASE)
WHY = "select indicator, oordeel, reden from weigering where gebruik = ?"
WORD = re.compile(r"\w+")


def refusals(release: Path, sql: str) -> list[str]:
    """A line per refused figure that `sql` names, and one per view about the others; none without such a view."""
    uses = sorted({found.lower() for found in USED.findall(sql)})
    if not uses:
        return []
    named = {word.lower() for word in WORD.findall(sql)}
    lines: list[str] = []
    with closing(open_warehouse(warehouse_file(release))) as con:
        for use in uses:
            refused = con.execute(
                """select indicator, g.reden from weigering as g join indicator as i using (indicator)
                where g.gebruik = $use
                  and (g.oordeel = 'geweigerd' or ($use = 'selecteren' and i.soort in ('modelschatting', 'score')))
                order by indicator""",
                {"use": use},
            ).fetchall()
            asked = [(name, reason) for name, reason in refused if name in named]
            lines += [f"waarde_{use} has no {name}: {reason}" for name, reason in asked]
            if others := len(refused) - len(asked):
                lines.append(
                    f"waarde_{use} leaves out {others} {'other ' if asked else ''}figures that may not be used for this."
                    " Why: " + WHY.replace("?", literal(use))
                )
    return lines
