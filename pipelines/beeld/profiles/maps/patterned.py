"""Areas with a pattern, drawn as one path per ink: Agg makes the tile of a pattern anew for every path that it draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.backend_bases import RendererBase
from matplotlib.collections import PathCollection
from matplotlib.path import Path as Outlines


class Patterned(PathCollection):
    """Paths with one pattern and a white edge, each with the ink of its own place in `inks`; nothing else of a collection."""

    def __init__(self, paths: Sequence[Outlines], hatch: str, inks: Sequence[str], width: float, zorder: float) -> None:
        known: dict[str, Any] = {"hatchcolors": list(inks)}  # the stubs lack the colours of hatches
        super().__init__(paths, facecolors="none", edgecolors="white", linewidths=width, hatch=hatch, zorder=zorder, **known)
        self._width = width
        self._by_ink = {ink: [path for path, own in zip(paths, inks, strict=True) if own == ink] for ink in dict.fromkeys(inks)}

    def draw(self, renderer: RendererBase) -> None:
        """The areas of every ink at once, the white edges over their patterns."""
        for ink, paths in self._by_ink.items():
            context: Any = renderer.new_gc()
            context.set_foreground("white")
            context.set_linewidth(renderer.points_to_pixels(self._width))
            context.set_snap(False)
            context.set_hatch(self.get_hatch())
            context.set_hatch_color(ink)
            context.set_hatch_linewidth(self.get_hatch_linewidth())
            renderer.draw_path(context, Outlines.make_compound_path(*paths), self.get_transform())
            context.restore()
