"""Scores and signals on tables of a few rows: the smallest database on which `transforms/scores.sql` and the signals run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from beeld.transforms import codes, scores
from beeld.transforms.catalog import Catalog

YEAR = 2024


def with_core(catalog: Catalog, themes: Mapping[str, Sequence[str]]) -> Catalog:
    """The catalogue with exactly these core indicators: theme -> ids; an id that does not exist is made from an existing one."""
    model = catalog.indicators["aandeel_eenzaam"]
    indicators = {
        name: catalog.indicators.get(name, model).model_copy(update={"thema": theme, "rol": "kern"})
        for theme, names in themes.items()
        for name in names
    }
    return replace(catalog, indicators=indicators)


def insert_areas(
    con: duckdb.DuckDBPyConnection,
    areas: Sequence[str],
    people: Mapping[str, int | None] | None = None,
    classes: Mapping[str, int] | None = None,
) -> None:
    """Areas of 1 000 inhabitants in class 3, unless told otherwise."""
    con.execute("create schema if not exists werk")
    con.executemany(
        "insert into gebied values (?, ?, ?, ?, ?, ?, ?, ?, ?, null, null)",
        [
            [
                code,
                codes.kind(code),
                code,
                codes.gemeente_of(code),
                codes.gemeente_of(code),
                codes.wijk_of(code),
                YEAR,
                (people or {}).get(code, 1000),
                (classes or {}).get(code, 3),
            ]
            for code in areas
        ],
    )


def insert_values(con: duckdb.DuckDBPyConnection, catalog: Catalog, values: Mapping[str, Mapping[str, float]]) -> None:
    """`indicator` and `waarde` from indicator -> area -> figure; what is not named has no row."""
    con.executemany(
        "insert into indicator values (?, ?, '', ?, ?, ?, ?, '', 0, ?, ?, [], '', ?, '')",
        [
            [name, name, entry.thema, entry.rol, entry.soort, entry.familie, entry.richting, entry.bron, YEAR]
            for name, entry in catalog.indicators.items()
        ],
    )
    rows = [
        [code, name, YEAR, YEAR, value, "ok", None, None, None, None, None, None, False, None, "T", "k", "0"]
        for name, cells in values.items()
        for code, value in cells.items()
    ]
    if rows:
        con.executemany(f"insert into waarde values ({', '.join('?' * 17)})", rows)


def percentiles(con: duckdb.DuckDBPyConnection, indicator: str, reference: str = "nl") -> dict[str, float]:
    """gebiedscode -> percentile, after compute_scores."""
    rows = con.execute(
        "select gebiedscode, p from werk.percentiel where indicator = ? and referentie = ? order by 1", [indicator, reference]
    ).fetchall()
    return dict(rows)


def score(con: duckdb.DuckDBPyConnection, code: str, theme: str, reference: str = "nl") -> tuple[float | None, int, int]:
    """(score, n_gebruikt, n_totaal) of one area and theme."""
    row = con.execute(
        "select score, n_gebruikt, n_totaal from thema_score where gebiedscode = ? and thema = ? and referentie = ?",
        [code, theme, reference],
    ).fetchone()
    assert row is not None, f"{code} {theme}: no row"
    return row


def compute(con: duckdb.DuckDBPyConnection, catalog: Catalog, project: Path, values: Mapping[str, Mapping[str, float]]) -> None:
    """Scores from figures: areas that are not inserted yet get 1 000 inhabitants."""
    if con.execute("select count(*) from gebied").fetchall() == [(0,)]:
        insert_areas(con, sorted({code for cells in values.values() for code in cells}))
    insert_values(con, catalog, values)
    scores.compute_scores(con, catalog, project)


def signals(
    con: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    project: Path,
    theme_scores: Mapping[tuple[str, str], float],
    percentile: Mapping[tuple[str, str], float],
    bounds: Mapping[tuple[str, str], float],
) -> None:
    """`signaal` and `integraal` from given scores (area, theme), percentiles (area, indicator) and thresholds (theme, niveau)."""
    insert_areas(con, sorted({code for code, _ in theme_scores}))
    insert_values(con, catalog, {})
    scores.compute_scores(con, catalog, project)
    con.execute("delete from thema_score")
    con.executemany(
        "insert into thema_score values (?, ?, 'nl', ?, ?, ?)",
        [
            [code, theme, value, len(catalog.core(theme)), len(catalog.core(theme))]
            for (code, theme), value in theme_scores.items()
        ],
    )
    if percentile:
        con.executemany(
            "insert into werk.percentiel by name select 'nl' as referentie, ? as gebiedscode, ? as indicator, ? as thema, ? as p",
            [[code, name, catalog.indicators[name].thema, p] for (code, name), p in percentile.items()],
        )
    rows = [("buurt", theme, level, bound, "eerder") for (theme, level), bound in bounds.items()]
    scores.compute_thresholds(con, catalog, "toets", rows)
    scores.compute_signals(con, catalog)


def level(con: duckdb.DuckDBPyConnection, code: str, theme: str) -> tuple[str, list[str]]:
    """(niveau, redenen) of one area and theme."""
    row = con.execute("select niveau, redenen from signaal where gebiedscode = ? and thema = ?", [code, theme]).fetchone()
    assert row is not None
    return row


def outcome(con: duckdb.DuckDBPyConnection, code: str) -> tuple[str, int, int, list[str]]:
    """(uitkomst, n_themas, n_bronfamilies, redenen) of one area."""
    row = con.execute(
        "select uitkomst, n_themas, n_bronfamilies, redenen from integraal where gebiedscode = ?", [code]
    ).fetchone()
    assert row is not None
    return row
