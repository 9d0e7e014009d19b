"""`python -m tests.docs.write`: write the pages that are made from the declarations."""

from pathlib import Path

from beeld.settings import project_folder
from beeld.transforms.catalog import load_catalog
from beeld.transforms.sourcebook import sources_page

PAGES = {"docs/bronnen.md": sources_page}
ROOT = Path(__file__).parents[2]


def main() -> None:
    """Write every page into the checkout."""
    catalog = load_catalog(project_folder())
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(catalog), encoding="utf-8")


if __name__ == "__main__":
    main()
