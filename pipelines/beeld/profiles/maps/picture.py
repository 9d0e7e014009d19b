"""What every picture has, whatever it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from beeld.profiles.language import tr
from beeld.profiles.maps.style import EXAMPLE
from beeld.profiles.maps.text import clean


@dataclass(frozen=True)
class MapPicture:
    """One picture on disk; `key` is its file name without extension: `<theme or indicator>-<scale>`, `<theme>-<theme>`,
    `<indicator>-jaren`, `tafel` or `ligging-<code>`."""

    key: str
    kind: Literal["theme", "indicator", "locator", "pair", "years", "table"]
    title: str
    alt: str
    caption: str
    svg: Path
    png: Path


def edition(release_id: str, example: bool) -> str:
    """The last line inside every picture."""
    words = tr("Editie {id}. Een signaal, geen oordeel.", id=clean(release_id))
    return words + (f" {tr(EXAMPLE).capitalize()}." if example else "")
