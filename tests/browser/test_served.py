"""The site as `beeld serve` gives it, in a real browser: the headers break nothing, and nothing comes from elsewhere."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from beeld.warehouse.release import write_manifest
from beeld.warehouse.serve.site import CurrentSite, SiteServer
from tests.browser.conftest import ExampleSite


@pytest.fixture(scope="module")
def address(example_site: ExampleSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site of the example over HTTP."""
    release: Path = tmp_path_factory.mktemp("geserveerd") / "r000"
    shutil.copytree(example_site.folder, release / "site")
    write_manifest(release, {"release": "r000"})
    said: list[str] = []
    with SiteServer(("127.0.0.1", 0), CurrentSite(lambda: release), said.append) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
    assert said == []


@pytest.mark.browser
@pytest.mark.parametrize("target", ["", "gebied/GM9001/", "methode.html", "atlas/"])
def test_a_served_page_complains_of_nothing(target: str, address: str, chromium: Browser) -> None:
    page = chromium.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda answer: complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.goto(f"{address}/{target}", wait_until="networkidle")
    assert len(page.title()) > 5
    assert complaints == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    page.close()
