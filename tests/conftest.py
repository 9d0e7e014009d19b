"""What every test stands on: nothing of the developer's own surroundings, the small example over HTTP, the real figures once."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.scheduler import LoadFileScheduling

from beeld.assets import run as steps
from beeld.refresh import Options, refresh
from beeld.settings import load_settings
from beeld.sources import http
from tests.loopback import LoopbackServer
from tests.reliability.worlds import (
    FOUR_GEMEENTEN,
    PAGE,
    CommandLine,
    RealRelease,
    World,
    copy_home,
    example_project,
    example_settings,
    reset,
)

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"
BUURTEN = 150

hypothesis_settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=200,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.register_profile("nightly", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """The marker that says which cell of the fault table a test fills: `fout("F11", "web")`."""
    config.addinivalue_line("markers", "fout(fault, protocol): a cell of the table of source faults (test_fault_matrix.py)")


class TogetherByFile(LoadFileScheduling):
    """A file of tests stays in one process, and the files that need the release of the real figures are one file in this: what
    takes a minute and a half to make is made once.

    The groups of xdist itself do nothing under pytest 9.2: that has no name of a test to write them in any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "echt" if _needs_real_release(file) else file


@cache
def _needs_real_release(file: str) -> bool:
    return "real_release" in (ROOT / file).read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherByFile:
    """How tests are divided over processes, where there are several."""
    return TogetherByFile(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many faults of sources were tried, and whether each ended as it should: refused, and no wrong number published."""
    passed, failed = (
        sum("bronfout" in report.keywords for report in terminalreporter.getreports(outcome) if report.when == "call")
        for outcome in ("passed", "failed")
    )
    if passed or failed:
        terminalreporter.write_line(f"source faults: {passed + failed} cases, {failed} did not end as they should")


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes the developer's `BEELD_HOME`, follows a base URL of the shell, or reports to anyone."""
    for name in [name for name in os.environ if name.startswith("BEELD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BEELD_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "false")
    monkeypatch.setenv("DO_NOT_TRACK", "1")


@pytest.fixture
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting takes no time; the list fills with the seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr(http, "_sleep", waited.append)
    monkeypatch.setattr(steps, "RETRY_SECONDS", 0.0)
    return waited


# ---------------------------------------------------------------- the small example


@pytest.fixture(scope="session")
def example_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invented country of 150 buurten, in the sources' wire format."""
    from beeld.sources.example.generate import generate

    folder = tmp_path_factory.mktemp("voorbeeld")
    generate(folder, buurten=BUURTEN)
    return folder


@pytest.fixture(scope="session")
def example_project_folder(example_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The declarations of the checkout, with the known values of the small example instead of the real ones."""
    return example_project(ROOT, tmp_path_factory.mktemp("project"), example_data)


@pytest.fixture(scope="session")
def _serving(example_data: Path) -> Iterator[LoopbackServer]:
    """One server for the whole session: its address is in the delivered documents, so another one would be another delivery."""
    with LoopbackServer(example_data, page_size=PAGE) as server:
        yield server


@pytest.fixture
def small_server(_serving: LoopbackServer) -> Iterator[LoopbackServer]:
    """The small example over HTTP, in pages of 50 rows, without faults and with an empty log."""
    reset(_serving)
    yield _serving
    reset(_serving)


@pytest.fixture(scope="session")
def small_template(_serving: LoopbackServer, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one release of the small example, without pages. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("sjabloon") / "data"
    reset(_serving)
    result = refresh(example_settings(example_project_folder, _serving.environment, home), Options(render=False))
    assert result.new
    assert result.warnings == ()
    return home


@pytest.fixture
def empty_world(small_server: LoopbackServer, example_project_folder: Path, tmp_path: Path, fast_retries: list[float]) -> World:
    """The small example and a home in which nothing ever happened."""
    return World(small_server, example_settings(example_project_folder, small_server.environment, tmp_path / "data"))


@pytest.fixture
def world(empty_world: World, small_template: Path) -> World:
    """The small example and a home with a release of it."""
    copy_home(small_template, empty_world.home)
    return empty_world


# ---------------------------------------------------------------- the real figures


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real figures, which are no part of the repository."""
    if not (REAL_DATA / "odata_v3").is_dir():
        pytest.skip("the real figures are not here: ../shared/data is absent")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_release(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRelease]:
    """The release of four gemeenten out of the real figures, with pages; made once per session (about a minute and a half)."""
    home = tmp_path_factory.mktemp("echt") / "data"
    with LoopbackServer(real_data) as server:
        settings = load_settings({**server.environment, "BEELD_HOME": str(home)}, folder=home.parent)
        result = refresh(settings, Options(areas=FOUR_GEMEENTEN))
        yield RealRelease(server, settings, result)


# ---------------------------------------------------------------- the command line


@pytest.fixture
def beeld(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line in this process: `beeld(settings, "refresh", "--no-render")` gives exit code, stdout and stderr."""
    return CommandLine(capsys, monkeypatch)
