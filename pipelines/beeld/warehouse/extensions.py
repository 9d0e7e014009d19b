"""DuckDB extensions from their Python packages: pinned in the lock like everything else, never fetched while running."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from beeld.errors import UsageError


def extension_file(name: str) -> Path:
    """The loadable file of an extension, for this version of DuckDB; UsageError when its package is not installed."""
    package = f"duckdb_extension_{name}"
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    file = f"extensions/v{duckdb.__version__}/{name}.duckdb_extension"
    for place in places:
        if (path := Path(place) / file).is_file():
            return path
    raise UsageError(
        f"the DuckDB extension {name} is not there for DuckDB {duckdb.__version__}",
        todo=f"Install the package {package.replace('_', '-')} of that version",
    )


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension into a connection whose settings are not locked yet."""
    con.load_extension(str(extension_file(name)))
