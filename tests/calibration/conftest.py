"""The real catalogue for tests on invented countries."""

import pytest

from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())
