"""Which formats and languages there are, and what lays one out.

The libraries that draw and write are loaded when a format is used: together they take 55 MB and half a second, and a refresh that
finds nothing new draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from beeld.errors import UsageError
from beeld.profiles.language import NOTATIONS

if TYPE_CHECKING:
    from beeld.profiles.contents import Contents
    from beeld.profiles.site import Picture, Site

LANGUAGES = tuple(NOTATIONS)
"""Dutch, and what has a catalogue of messages."""
RENDERERS: Mapping[str, tuple[str, str]] = {
    "html": ("beeld.profiles.html", "HtmlRenderer"),
    "pdf": ("beeld.profiles.pdf", "PdfRenderer"),
    "pptx": ("beeld.profiles.slides", "PptxRenderer"),
    "xlsx": ("beeld.profiles.xlsx", "XlsxRenderer"),
}
"""Format -> module and class; a new format is an entry here."""


class Renderer(Protocol):
    """Lays out the contents of a profile; it computes nothing.

    `render` is called once per area and returns the files it wrote under `site.folder`; `finish` once, after all areas.
    """

    @property
    def name(self) -> str: ...

    def render(self, contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]: ...

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]: ...


@cache
def renderer(name: str) -> Renderer:
    """What lays out a format of `RENDERERS`."""
    module, kind = RENDERERS[name]
    return getattr(import_module(module), kind)()


def languages(text: str) -> tuple[str, ...]:
    """`nl,en` as codes, each once: the first gets the pages themselves, each other one a folder of its name beside them."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip())) or ("",)


def refuse_unknown(formats: Sequence[str], language: str) -> None:
    """UsageError for a format or language that does not exist; `language` may be a list, `nl,en`."""
    for each in languages(language):
        if each not in LANGUAGES:
            raise UsageError(f"language '{each[:40]}' does not exist", todo=f"Choose from: {', '.join(LANGUAGES)}")
    for name in formats:
        if name not in RENDERERS:
            raise UsageError(f"format '{name}' does not exist", todo=f"Choose from: {', '.join(sorted(RENDERERS))}")
