"""Areas with a pattern look as matplotlib draws them one by one, each in its own ink."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.path import Path as Outlines
from numpy.typing import NDArray

from beeld.profiles.maps.patterned import Patterned
from beeld.profiles.maps.sheet import Sheet

SQUARES = [Outlines([(x, 20), (x + 150, 20), (x + 150, 170), (x, 170), (x, 20)], closed=True) for x in (20, 220, 420)]
INKS = ["#000000", "#ff0000", "#000000"]
HATCH = "////"


def pixels(artist: PathCollection) -> NDArray[np.uint8]:
    """What a sheet with only this artist looks like, one cell per pixel."""
    sheet = Sheet(200)
    sheet.add(artist)
    return np.asarray(sheet.image(("#000000", "#ff0000")).convert("RGB"))


def test_each_area_has_the_pattern_in_its_own_ink() -> None:
    known: dict[str, Any] = {"hatchcolors": INKS}
    one_by_one = pixels(
        PathCollection(SQUARES, facecolors="none", edgecolors="white", linewidths=0.8, hatch=HATCH, zorder=2, **known)
    )
    at_once = pixels(Patterned(SQUARES, HATCH, INKS, 0.8, zorder=2))
    white = (at_once == 255).all(axis=2)
    red = at_once[..., 0] > at_once[..., 1]
    scale = at_once.shape[1] / 768
    left, middle, right = (slice(round((x + 5) * scale), round((x + 145) * scale)) for x in (20, 220, 420))
    for area in (left, middle, right):
        assert 0.2 < 1 - white[60:340, area].mean() < 0.8
    assert red[60:340, middle].any()
    assert not red[60:340, left].any()
    assert not red[60:340, right].any()
    assert white[:, round(175 * scale) : round(215 * scale)].all()
    assert np.abs(at_once.astype(int) - one_by_one).mean() < 1
