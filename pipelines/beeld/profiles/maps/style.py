"""How maps look: the colours of classes, and the colour and pattern of areas without a figure."""

from __future__ import annotations

import functools
from typing import Literal

from beeld.profiles.language import Words, noted

Polarity = Literal["zorg", "ongunstig", "kracht", "gunstig", "neutraal"]
State = Literal["ok", "geen_gegevens", "afgeschermd", "niet_van_toepassing", "te_weinig_inwoners", "sluit_niet_aan"]

INK, SOFT, PALE = "#1f1f1f", "#555555", "#8a8a8a"
EDGE, BADGE = "#a6a6a6", "#fff4cc"

CONCERN = ("#dcd3ea", "#b7a5d3", "#8f78b6", "#684a94", "#402168")
STRENGTH = ("#c3dedb", "#93c1bd", "#5e9e9a", "#2d7774", "#084a48")
NEUTRAL = ("#ded5c7", "#c4b59f", "#a18e73", "#776650", "#4a3d2d")
"""Sequential ramps of one hue, even steps of lightness: they keep their order for the colour-blind and in black and white."""

PAIR = ("#d8d8de", "#a0c8c9", "#70b5b3", "#9c8bb9", "#697da2", "#386c8b", "#55478f", "#1d3d72", "#0b2c4e")
"""Two themes of three classes, `3 * first + second`: purple with the first, green-blue with the second, ever darker."""

RAMPS = {"zorg": CONCERN, "ongunstig": CONCERN, "kracht": STRENGTH, "gunstig": STRENGTH, "neutraal": NEUTRAL}
POLARITY = Words(
    {
        "zorg": "donkerder = meer zorg",
        "ongunstig": "donkerder = hoger cijfer = meer zorg",
        "kracht": "donkerder = meer kracht",
        "gunstig": "donkerder = gunstiger",
        "neutraal": "donkerder = hoger cijfer, niet goed of slecht",
    }
)
EMPTY_FILL = "#f3f3f3"
EMPTY: dict[State, tuple[str, str]] = {
    "geen_gegevens": (noted("geen gegevens"), ""),
    "afgeschermd": (noted("afgeschermd"), "...."),
    "niet_van_toepassing": (noted("n.v.t."), "xxx"),
    "te_weinig_inwoners": (noted("minder dan 200 inwoners: geen score"), "-----"),
    "sluit_niet_aan": (noted("sluit niet aan op het gebied van nu"), "+++"),
}
"""State -> legend text (Dutch) and the pattern on light grey."""
EMPTY_HATCH = "#b9b9b9"
UNSURE_HATCH = "////"
UNTESTED_HATCH = "\\\\\\\\"
"""Over a value of an older year of which the boundary was not tested, or that was made from other areas."""
UNSURE = noted("gearceerd: onzeker cijfer")
EXAMPLE = noted("voorbeeld: verzonnen cijfers")


def ramp(polarity: Polarity, classes: int) -> list[str]:
    """As many colours as there are classes, light to dark, spread over the whole ramp."""
    colours = RAMPS[polarity]
    if classes <= 1:
        return [colours[2]]
    return [colours[round(i * (len(colours) - 1) / (classes - 1))] for i in range(classes)]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG, 0 (black) to 1 (white)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@functools.lru_cache(maxsize=1024)
def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more."""
    return INK if (luminance(colour) + 0.05) ** 2 > 1.05 * (luminance(INK) + 0.05) else "#ffffff"


def hatch_colour(fill: str) -> str:
    """The colour of a pattern on `fill`: grey on an empty area, else black or white."""
    return EMPTY_HATCH if fill == EMPTY_FILL else ink_on(fill)
