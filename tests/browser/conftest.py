"""Pages in a real browser, from disk: one site of the small example, a page that may not ask anything of a network, and axe.

def test_it(open_page, axe):
    page = open_page("gebied/GM9001/index.html", width=320)
    assert axe(page) == []
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from beeld.profiles.render import render_site
from beeld.warehouse.read import warehouse_file
from tests.needed import absent
from tests.reliability.worlds import catalog_of

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "preload": False,
}
GEMEENTE = "GM9001"
Opener = Callable[..., Page]


@dataclass(frozen=True)
class ExampleSite:
    """The pages of the example gemeente, and the release that they were made from."""

    folder: Path
    warehouse: Path
    project: Path


@pytest.fixture(scope="session")
def example_site(small_template: Path, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ExampleSite:
    """The site of the example gemeente, made once per session. Read it, do not write into it."""
    release = (small_template / "current").resolve()
    warehouse = warehouse_file(release)
    out = tmp_path_factory.mktemp("bladzijden") / "site"
    catalog = catalog_of(example_project_folder)
    areas = [GEMEENTE, *_inside(warehouse)]
    render_site(release, warehouse, out, catalog=catalog, areas=areas, project=example_project_folder)
    return ExampleSite(out, warehouse, example_project_folder)


@pytest.fixture(scope="session")
def english_site(example_site: ExampleSite, tmp_path_factory: pytest.TempPathFactory) -> ExampleSite:
    """The page of the example gemeente, index and atlas in English, made once per session."""
    out = tmp_path_factory.mktemp("pages") / "site"
    project, warehouse = example_site.project, example_site.warehouse
    render_site(warehouse.parent, warehouse, out, catalog=catalog_of(project), areas=[GEMEENTE], project=project, language="en")
    return ExampleSite(out, warehouse, project)


def _inside(warehouse: Path) -> list[str]:
    from beeld.warehouse.read import open_warehouse

    con = open_warehouse(warehouse)
    try:
        sql = "select gebiedscode from gebied where gemeentecode = ? and soort in ('wijk', 'buurt') order by gebiedscode"
        return [str(row[0]) for row in con.execute(sql, [GEMEENTE]).fetchall()]
    finally:
        con.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium that is installed here; none is ever downloaded. Per module: while it runs, no other event loop can."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        absent("Chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What pages asked for and what went wrong in them."""

    requests: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])

    def on(self, page: Page) -> None:
        """Listen to a page."""
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)

    @property
    def outside(self) -> list[str]:
        """Requests for anything but a file of this disk or data of the page itself."""
        return [url for url in self.requests if not url.startswith(("file:///", "blob:null/", "data:"))]


@pytest.fixture
def watch() -> Watch:
    """What the pages of a test asked for, and their errors."""
    return Watch()


@pytest.fixture
def open_page(chromium: Browser, example_site: ExampleSite, watch: Watch) -> Iterator[Opener]:
    """Opens a page of the example site from disk: `open_page("index.html", "#deel", width=320, folder=elsewhere)`.

    No page may ask anything of a network, and none may end with an error in its script.
    """
    contexts = []

    def opened(
        path: str, fragment: str = "", *, width: int = 1200, height: int = 900, scripts: bool = True, **more: Path
    ) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, java_script_enabled=scripts, locale="nl-NL")
        contexts.append(context)
        page = context.new_page()
        watch.on(page)
        page.goto((more.get("folder", example_site.folder) / path).as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watch.outside == []
    assert watch.errors == []


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe finds wrong with a page by WCAG 2.2 AA and by good practice: rule and element, one per line."""

    def violations(page: Page) -> list[str]:
        found = Axe().run(page, options=WCAG).response["violations"]
        return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]

    return violations
