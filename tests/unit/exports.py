"""What the tests of exports share: a home of the small example, one with hostile names, and readers of what was written."""

import csv
import re
from pathlib import Path
from typing import Any

import duckdb
import openpyxl

from beeld.settings import Settings
from beeld.warehouse import release
from beeld.warehouse.guard import UNDO
from beeld.warehouse.read import current_release
from tests.reliability.worlds import copy_home, settings_of

NAMES = (
    "=cmd|' /C calc'!A0", "=HYPERLINK(\"http://a.b\")", "+31", "-1+1", "@SUM(A1)", "'=x", "''@y", "'s-Gravenhage", "'t Zand",
    "\t=1", "\r=1", "|cmd", "{=1+1}", "a,b;c\"d", "twee\nregels", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "]]> & \"x\"", "[klik](javascript:alert(1))", "![x](http://a.b/c.png)", "**vet** _schuin_ `code` ~~weg~~", "| cel | cel |",
    "# kop", "1. lijst", "- lijst", "http://a.b www.a.b a@b.c", "$x$", "\\", "../../x", "C:\\x", "CON", "漢字 😀",
    "e\u0301e\u0301n", "שלום \u202eabc", "a\u200bb", "\x1b[31mrood",
    "Súdwest-Fryslân", "Bergen (NH.)", "'; drop table gebied; --",
    "{{ 7*7 }}", "{% raw %}", "x" * 300, "_x000D_", "001", "1e5", "TRUE", " spatie ", "null", "NA", "#N/A", "=", "'", "''",
    "&lt;b&gt;", "&amp;",
)  # fmt: skip
"""Texts that something on the way could take for markup, a formula, a path, a number or the end of a cell."""


def hostile_home(template: Path, home: Path) -> Settings:
    """A copy of a home whose release has a hostile text wherever a text comes from outside."""
    settings = settings_of(copy_home(template, home))
    folder = current_release(settings)
    path = folder / f"{folder.name}.duckdb"
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            file.chmod(0o644)
    with duckdb.connect(str(path)) as con:
        codes = [code for (code,) in con.execute("select gebiedscode from gebied order by gebiedscode").fetchall()]
        assert len(codes) >= len(NAMES)
        for number, code in enumerate(codes):
            name = NAMES[number % len(NAMES)]
            con.execute("update gebied set naam = $1, gemeentenaam = $1 where gebiedscode = $2", [name, code])
        figures = [name for (name,) in con.execute("select indicator from indicator order by indicator").fetchall()]
        for number, figure in enumerate(figures):
            name = NAMES[number % len(NAMES)]
            con.execute("update indicator set titel = $1, uitleg = $1, eenheid = $1 where indicator = $2", [name, figure])
        rows = con.execute("select bron, tabel from bron order by bron, tabel").fetchall()
        for number, (bron, tabel) in enumerate(rows):
            values = [NAMES[(number + shift) % len(NAMES)] for shift in range(4)]
            sql = "update bron set titel = $1, uitgever = $2, licentie = $3, url = $4 where bron = $5 and tabel = $6"
            con.execute(sql, [*values, bron, tabel])
        con.execute("update signaal set redenen = [$1, $2, $3]", list(NAMES[:3]))
        con.execute("update controle set toelichting = $1", [NAMES[0]])
        con.execute("checkpoint")
        for table in release.PUBLIC_TABLES:
            shown = "* replace (ST_AsWKB(geometrie) as geometrie)" if table == "gebied" else "*"
            file = folder / "parquet" / f"{table}.parquet"
            con.execute(f"copy (select {shown} from \"{table}\" order by {release.ORDER[table]}) to '{file}' (format parquet)")
    manifest = release.read_manifest(folder)
    manifest.pop("bestanden")
    release.write_manifest(folder, manifest)
    return settings


def rows_of(settings: Settings, table: str, order: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns and all rows of a table of the current release."""
    folder = current_release(settings)
    with duckdb.connect(str(folder / f"{folder.name}.duckdb"), read_only=True) as con:
        cursor = con.execute(f'select * from "{table}" order by {order}')
        names = [str(column[0]) for column in cursor.description or ()]
        return names, cursor.fetchall()


def read_csv(path: Path) -> list[list[str]]:
    """Head and rows, by Python's own reader."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def unguarded(text: str) -> str:
    """A text as it was before the guard, by the rule that the metadata gives."""
    return re.sub(UNDO, "", text)


def sheet_rows(path: Path, name: str) -> list[tuple[Any, ...]]:
    """Every row of a sheet, the head first."""
    book = openpyxl.load_workbook(path, read_only=True)
    try:
        return list(book[name].iter_rows(values_only=True))
    finally:
        book.close()
