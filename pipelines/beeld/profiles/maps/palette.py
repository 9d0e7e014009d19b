"""The colours of a PNG: at most 256, so that it is small and the colours of the map are exact."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from beeld.profiles.maps.style import BADGE, EDGE, EMPTY_FILL, EMPTY_HATCH, INK, PALE, SOFT


@functools.lru_cache(maxsize=32)
def palette(colours: tuple[str, ...]) -> Image.Image:
    """A palette image: the colours of a map and their even mixtures with white, ink and the greys of text and lines."""
    fills = [*dict.fromkeys((*colours, EMPTY_FILL, "#ffffff", BADGE))]
    pairs = [(fill, ink, 9) for fill in fills for ink in (INK, "#ffffff")]
    pairs += [("#ffffff", SOFT, 6), ("#ffffff", EDGE, 6), ("#ffffff", PALE, 6), (EMPTY_FILL, EMPTY_HATCH, 5)]
    pairs += [(fill, EDGE, 3) for fill in fills]
    exact = np.array([_rgb(colour) for colour in (*fills, INK, SOFT, EDGE, PALE, EMPTY_HATCH)])
    steps = [_rgb(a) + np.linspace(0, 1, n)[i] * (_rgb(b) - _rgb(a)) for a, b, n in pairs for i in range(1, n - 1)]
    mixed = [step.round() for step in steps if np.abs(exact - step).max(axis=1).min() > 8]
    entries = list(dict.fromkeys(tuple(int(part) for part in entry) for entry in [*exact, *mixed]))[:256]
    image = Image.new("P", (1, 1))
    image.putpalette([part for entry in entries for part in entry])
    return image


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
