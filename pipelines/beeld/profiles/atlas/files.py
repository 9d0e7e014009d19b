"""The files of the atlas: data as scripts (a page from disk may not fetch), and what is copied into its folder."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from beeld.errors import BeeldError

STATIC = Path(__file__).parent / "static"
SCRIPTS = ("data.js", "view.js", "map.js", "table.js", "page.js")
"""Our own scripts, in the order in which the page loads them."""
LIBRARY = ("maplibre-gl.js", "maplibre-gl.css")
BUNDLE = 600_000
"""Bytes from which a bundle of sheets is full: one gemeente is a file or two, all of the Netherlands a file per sheet."""


def safe_json(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or a line."""
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    for sign, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(sign, escape)
    return text


def write_text(path: Path, text: str) -> Path:
    """Write a file with the same line ends on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def bundles(sheets: Iterable[dict[str, Any]]) -> Iterator[tuple[list[tuple[str, int]], str]]:
    """Sheets packed in their order: which sheets (key, year) a bundle holds, and the script that hands them over."""
    held: list[tuple[str, int]] = []
    lines: list[str] = []
    for sheet in sheets:
        held.append((sheet["key"], sheet["year"]))
        lines.append(f"BeeldAtlas.addSheet({safe_json(sheet)});\n")
        if sum(map(len, lines)) >= BUNDLE:
            yield held, "".join(lines)
            held, lines = [], []
    if held:
        yield held, "".join(lines)


def copy_scripts(folder: Path) -> list[Path]:
    """Our scripts and style, and the map library out of its package with its licence."""
    written = [folder / name for name in (*SCRIPTS, "atlas.css", "LICENTIE-maplibre-gl.txt")]
    for path in written:
        shutil.copyfile(STATIC / path.name, path)
    source = _library()
    for name in LIBRARY:
        shutil.copyfile(source / name, folder / name)
    return [*written, *(folder / name for name in LIBRARY)]


def _library() -> Path:
    """The folder of maplibre-gl in the installed package `maplibre`, which is never imported: that takes a second and logs."""
    found = importlib.util.find_spec("maplibre")
    folders = [Path(place) / "srcjs" for place in (found.submodule_search_locations or ())] if found else []
    for folder in folders:
        if all((folder / name).is_file() for name in LIBRARY):
            return folder
    raise BeeldError("the map library is not installed", where="package maplibre", todo="Install beeld again")
