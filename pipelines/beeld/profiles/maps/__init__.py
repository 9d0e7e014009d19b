"""Maps of the buurten of a gemeente, and of where an area lies, drawn from a release.

What a map shows is decided as plain values first (`map_table`), so that pages print the same numbers.
"""

from __future__ import annotations

from beeld.profiles.maps.choropleth import draw_maps
from beeld.profiles.maps.locator import draw_locator
from beeld.profiles.maps.picture import MapPicture
from beeld.profiles.maps.table import MapRow, map_table

__all__ = ["MapPicture", "MapRow", "draw_locator", "draw_maps", "map_table"]
