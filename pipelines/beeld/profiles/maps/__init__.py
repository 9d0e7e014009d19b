"""Maps of the buurten of a gemeente, and of where an area lies, drawn from a release.

What a map shows is decided as plain values first (`map_table`, `pair_table`, `years_table`), so that pages print the same.
"""

from __future__ import annotations

from beeld.profiles.maps.bivariate import PairRow, pair_table
from beeld.profiles.maps.choropleth import draw_maps
from beeld.profiles.maps.locator import draw_locator
from beeld.profiles.maps.picture import MapPicture
from beeld.profiles.maps.table import MapRow, map_table
from beeld.profiles.maps.table_map import draw_table_map
from beeld.profiles.maps.years import YearRow, years_table

__all__ = [
    "MapPicture",
    "MapRow",
    "PairRow",
    "YearRow",
    "draw_locator",
    "draw_maps",
    "draw_table_map",
    "map_table",
    "pair_table",
    "years_table",
]
