"""The site of the current release over HTTP: exactly the files that its manifest names under `site/`, and nothing else.

No path is ever put together from what a browser asks: the asked name is looked up in the manifest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import quote, unquote, urlsplit

from beeld.errors import BeeldError
from beeld.warehouse.release import read_manifest
from beeld.warehouse.serve.web import Handler, Server

FOLDER = "site/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".geojson": "application/geo+json",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""Nothing from elsewhere. Stricter rules, such as no scripts at all, stand in the pages themselves; a browser keeps both."""

HEADERS = {
    "Cache-Control": "no-cache",  # ask each time whether it has changed: the address always shows the current release
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Site:
    """The pages of one release: name under `site/` to the hash of the file."""

    release: Path
    hashes: Mapping[str, str]


@dataclass
class CurrentSite:
    """The pages of the current release, read again when that is another one."""

    current: Callable[[], Path]
    _site: Site | None = field(default=None)

    def now(self) -> Site:
        """The pages as they are now; BeeldError when there is no release that can be read."""
        release = self.current()
        site = self._site
        if site is None or site.release != release:
            files: dict[str, dict[str, str]] = read_manifest(release)["bestanden"]
            names = {name.removeprefix(FOLDER): entry["sha256"] for name, entry in files.items() if name.startswith(FOLDER)}
            self._site = site = Site(release, names)
        return site


def page_of(target: str, site: Site) -> tuple[str | None, str | None]:
    """The file that an asked address means, or else the address that it should have been; neither: there is no such page."""
    name = unquote(urlsplit(target).path, errors="replace").removeprefix("/")
    if name == "" or name.endswith("/"):
        name += "index.html"
    if name in site.hashes:
        return name, None
    if f"{name}/index.html" in site.hashes:
        return None, f"/{quote(name)}/"
    return None, None


class SiteServer(Server):
    """The site."""

    def __init__(self, address: tuple[str, int], site: CurrentSite, say: Callable[[str], None]) -> None:
        self.site = site
        super().__init__(address, SiteHandler, say)


class SiteHandler(Handler):
    """GET and HEAD of a page."""

    def do_GET(self) -> None:
        """A page."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """About a page."""
        self._answer(with_body=False)

    def end_headers(self) -> None:
        """Every answer carries the same protection, also an error."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def _answer(self, *, with_body: bool) -> None:
        try:
            site = cast("SiteServer", self.server).site.now()
        except BeeldError:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "No release")
            return
        name, elsewhere = page_of(self.path, site)
        if self.path == "/favicon.ico":  # browsers ask for it by themselves; the pages have none
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
        elif elsewhere is not None:
            self.send_response(HTTPStatus.MOVED_PERMANENTLY)
            self.send_header("Location", elsewhere)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif name is None:
            self.send_error(HTTPStatus.NOT_FOUND, "No such page")
        else:
            self._send_file(site, name, with_body=with_body)

    def _send_file(self, site: Site, name: str, *, with_body: bool) -> None:
        tag = f'"{site.hashes[name]}"'
        if tag in self.headers.get("If-None-Match", ""):
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        try:
            file = (site.release / FOLDER / name).open("rb")
        except OSError:
            self.send_error(HTTPStatus.NOT_FOUND, "No such page")
            return
        with file:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", TYPES.get(Path(name).suffix.lower(), "application/octet-stream"))
            self.send_header("Content-Length", str(file.seek(0, 2)))
            self.send_header("ETag", tag)
            self.end_headers()
            if with_body:
                file.seek(0)
                shutil.copyfileobj(file, self.wfile, 2**18)
