"""`python -m tests.plausibility`: write docs/plausibiliteit.md from a release of the real figures (about a minute)."""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

from beeld.refresh import Options, refresh
from beeld.settings import load_settings, project_folder
from beeld.transforms.catalog import load_catalog
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.loopback import LoopbackServer
from tests.plausibility.facts import Facts
from tests.plausibility.report import report
from tests.reliability.worlds import FOUR_GEMEENTEN

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plausibiliteit.md"
REAL_DATA = ROOT.parent / "shared" / "data"


def report_of(release: Path) -> str:
    """The report on a release."""
    with closing(open_warehouse(warehouse_file(release))) as con:
        return report(Facts(con, load_catalog(project_folder())))


def main() -> None:
    """Fetch the real figures from the loopback server into a home of its own, and write the page."""
    if not REAL_DATA.is_dir():
        sys.exit(f"the real figures are not here: {REAL_DATA} is absent")
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(REAL_DATA) as server:
        home = Path(folder) / "data"
        settings = load_settings({**server.environment, "BEELD_HOME": str(home)}, folder=home.parent)
        result = refresh(settings, Options(areas=FOUR_GEMEENTEN, render=False))
        PAGE.write_text(report_of(result.folder), encoding="utf-8")
        for path in home.rglob("*"):  # a release is read-only, and the folder must go
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


if __name__ == "__main__":
    main()
