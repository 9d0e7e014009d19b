"""What a release delivers of each indicator, per year: the ground of the pages that explain a figure."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

UNIVERSE = 200
"""Inhabitants from which a buurt belongs to the reference sets (METHOD.md section 2)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One year of one indicator: where it comes from, and how many buurten of the universe have a value."""

    year: int
    tables: str
    columns: str
    filled: int
    buurten: int
    values: int
    """Areas of any kind with a value."""
    provisional: bool


def deliveries(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[Delivery, ...]]:
    """Indicator -> its delivered years, the newest first. An indicator that no source delivered has none."""
    rows = con.execute(
        """select w.indicator, w.peiljaar, min(w.bron_tabel), min(w.bron_kolom),
          count(*) filter (g.soort = 'buurt' and g.inwoners >= $people and w.status = 'ok'),
          count(*) filter (g.soort = 'buurt' and g.inwoners >= $people),
          count(*) filter (w.status = 'ok'),
          coalesce(bool_or(w.voorlopig), false)
        from waarde as w
        join gebied as g using (gebiedscode)
        where g.soort <> 'samengesteld'
        group by w.indicator, w.peiljaar
        order by w.indicator, w.peiljaar desc""",
        {"people": UNIVERSE},
    ).fetchall()
    found: dict[str, tuple[Delivery, ...]] = {}
    for name, *rest in rows:
        found[name] = (*found.get(name, ()), Delivery(*rest))
    return found
