"""The page beside the maps of a gemeente: `kaart/<GM>/cijfers.html`, a table with the same numbers for every map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb

from beeld.profiles.elements import address
from beeld.profiles.html import environment
from beeld.profiles.language import Language
from beeld.profiles.maps.numbers import read_numbers
from beeld.profiles.model import Release
from beeld.profiles.site import Picture
from beeld.transforms.catalog import Catalog

NAME = "cijfers.html"


def write_map_page(
    con: duckdb.DuckDBPyConnection,
    gemeente: str,
    folder: Path,
    *,
    catalog: Catalog,
    release: Release,
    table_map: Picture | None,
    pictures: Sequence[Picture] = (),
    translations: Sequence[tuple[Language, str]] = (),
    pack: bool = False,
) -> Path | None:
    """Write the page into `folder` (two levels below the site); None for a gemeente without maps.

    The pages of its areas share the maps of single figures that stand here.
    """
    numbers = read_numbers(con, gemeente, catalog)
    if not numbers.tables:
        return None
    page = folder / NAME
    text = (
        environment()
        .get_template("kaartcijfers.html")
        .render(
            site={"atlas": True, "pack": pack, "translations": translations},  # the atlas is written with every set of maps
            numbers=numbers,
            release=release,
            root="../../",
            page=f"kaart/{gemeente}/{NAME}",
            themes=frozenset(catalog.themes),
            maps=pictures,
            link=partial(address, folder),
            table_map=table_map.svg.name if table_map else "",
        )
    )
    page.write_text(text, encoding="utf-8", newline="\n")
    return page
