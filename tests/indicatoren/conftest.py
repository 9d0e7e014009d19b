"""Fixtures for tests against the real catalogue: drawn tables, and databases without a refresh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from tests.indicatoren import drawn

CheckIndicator = Callable[[str, str, str], None]


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder that holds the declarations."""
    return project_folder()


@pytest.fixture(scope="session")
def catalog(project: Path) -> Catalog:
    """The real catalogue."""
    return load_catalog(project)


@pytest.fixture
def database(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty build database in memory with the public schema."""
    with closing(drawn.open_database(project)) as con:
        yield con


@pytest.fixture
def check_indicator(project: Path, catalog: Catalog) -> CheckIndicator:
    """Compute one indicator of the real catalogue from a drawn table and compare with a drawn outcome."""

    def run(name: str, given: str, expected: str) -> None:
        with closing(drawn.open_database(project)) as con:
            drawn.compute(con, catalog, name, drawn.read_table(given))
            drawn.check(con, name, drawn.read_table(expected))

    return run
