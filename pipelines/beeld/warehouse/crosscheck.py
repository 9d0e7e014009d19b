"""Figures that reach us along two roads, held against each other: Kerncijfers of StatLine and those of the PDOK map.

The two are published at different moments and with different rounding (facts/CBS.md sections 7 and 11), so that a few areas may
differ and many may not. A difference is a `waarschuwing`: neither road is the right one by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

WAARSCHUWING = "waarschuwing"
MAP, KEY_FIGURES = "pdok_wijken_buurten", "cbs_kwb"
ENOUGH = 200
"""Inhabitants (or households) from which a percentage of rounded counts says something."""
SHARE = 0.01
"""Share of the compared areas that may differ: later editions of one year correct a few."""
ROUNDED = 5.0
"""Counts of buurten and wijken are rounded to 5, in each edition anew."""


@dataclass(frozen=True)
class Pair:
    """One measure on the map and how it follows from the key figures: as it is, or as a percentage of `noemer`."""

    kaart: str
    teller: str
    noemer: str | None = None


PAIRS = (
    Pair("aantal_inwoners", "aantal_inwoners"),
    Pair("percentage_0_15", "leeftijd_0_15", "aantal_inwoners"),
    Pair("percentage_65_plus", "leeftijd_65_plus", "aantal_inwoners"),
    Pair("percentage_eenpersoonshuishoudens", "eenpersoonshuishoudens", "huishoudens"),
)


@dataclass(frozen=True)
class Compared:
    """A row of `controle`."""

    controle: str
    bron: str
    onderwerp: str
    ernst: str
    geslaagd: bool
    aantal: int
    toelichting: str


def compare(con: duckdb.DuckDBPyConnection) -> list[Compared]:
    """One row per measure that both roads delivered for the same areas and year; none where either road is missing."""
    known = con.execute("select table_name from information_schema.tables where table_schema = 'basis'").fetchall()
    if not {(MAP,), (KEY_FIGURES,)} <= set(known):
        return []
    found: list[Compared] = []
    for pair in PAIRS:
        compared, different = _differing(con, pair)
        if compared:
            what = f"kaart en Kerncijfers verschillen in {different} van {compared} gebieden; hoogstens {SHARE:.0%} mag"
            passed = different <= compared * SHARE
            found.append(Compared(f"kruis_{pair.kaart}", MAP, pair.kaart, WAARSCHUWING, passed, different, what))
    return found


def _differing(con: duckdb.DuckDBPyConnection, pair: Pair) -> tuple[int, int]:
    """How many areas can be compared, and how many of them differ by more than rounding explains.

    A whole percentage is off by 0.5; a percentage of two counts that are each off by 5 by at most 1000 / denominator more.
    """
    if pair.noemer is None:
        figure, room, usable = f'k."{pair.teller}"', "?", "true"
    else:
        figure = f'100 * k."{pair.teller}" / k."{pair.noemer}"'
        room = f'0.5 + 200 * ? / k."{pair.noemer}"'
        usable = f'k."{pair.noemer}_status" = \'ok\' and k."{pair.noemer}" >= {ENOUGH}'
    row = con.execute(
        f"""select count(*), count(*) filter (abs(p."{pair.kaart}" - {figure}) > {room})
        from basis."{MAP}" as p join basis."{KEY_FIGURES}" as k using (gebiedscode, peiljaar)
        where p."{pair.kaart}_status" = 'ok' and k."{pair.teller}_status" = 'ok' and {usable}""",
        [ROUNDED],
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)
