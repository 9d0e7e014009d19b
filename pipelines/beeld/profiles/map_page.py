"""The page beside the maps of a gemeente: `kaart/<GM>/cijfers.html`, a table with the same numbers for every map."""

from __future__ import annotations

from pathlib import Path

import duckdb

from beeld.profiles.html import environment
from beeld.profiles.maps.numbers import read_numbers
from beeld.profiles.model import Release
from beeld.profiles.site import Picture
from beeld.transforms.catalog import Catalog

NAME = "cijfers.html"


def write_map_page(
    con: duckdb.DuckDBPyConnection, gemeente: str, folder: Path, *, catalog: Catalog, release: Release, table_map: Picture | None
) -> Path | None:
    """Write the page into `folder` (two levels below the site); None for a gemeente without maps."""
    numbers = read_numbers(con, gemeente, catalog)
    if not numbers.tables:
        return None
    page = folder / NAME
    text = (
        environment()
        .get_template("kaartcijfers.html")
        .render(
            site={"atlas": True},  # it is written with every set of maps
            numbers=numbers,
            release=release,
            root="../../",
            themes=frozenset(catalog.themes),
            table_map=table_map.svg.name if table_map else "",
        )
    )
    page.write_text(text, encoding="utf-8", newline="\n")
    return page
