"""The atlas: an interactive map and table of the buurten of a release, as a page that opens from disk without a network."""

from __future__ import annotations

from beeld.profiles.atlas.page import write_atlas

__all__ = ["write_atlas"]
