"""Open a published release: read-only, and deaf to anything outside the file."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from beeld.errors import Damaged, UsageError
from beeld.settings import Settings

POINTER_FILE = "CURRENT"
"""Says which release is current where links are impossible."""
LOCKED: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": "false", "lock_configuration": "true"}
"""Given at connect and not set afterwards, because connections to one file in one process share their settings."""


def current_release(settings: Settings) -> Path:
    """The folder of the published release; UsageError when nothing was published yet."""
    pointer = settings.current
    if pointer.is_symlink() or pointer.is_dir():
        target = pointer.resolve()
    elif pointer.with_name(POINTER_FILE).is_file():
        target = settings.home / pointer.with_name(POINTER_FILE).read_text(encoding="utf-8").strip()
    else:
        raise UsageError("there is no release yet", where=str(settings.home), todo="Run 'beeld refresh' or 'beeld demo' first")
    if not target.is_dir():
        raise Damaged(
            f"current points at {target}, which does not exist",
            where=str(settings.home),
            todo="Run 'beeld rollback' or 'beeld refresh'",
        )
    return target


def current_id(settings: Settings) -> str | None:
    """The name of the published release; None when there is none, or when the pointer points at nothing."""
    try:
        return current_release(settings).name
    except (UsageError, Damaged):
        return None


def warehouse_file(release: Path) -> Path:
    """The DuckDB file of a release, under the name that no other release has."""
    return release / f"{release.name}.duckdb"


def open_warehouse(path: Path, memory_mb: int | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only connection that can neither read nor write any other file, and whose settings are locked.

    With `memory_mb` it takes no more memory than that; connections to one file in one process must agree on it.
    """
    config = LOCKED if memory_mb is None else {**LOCKED, "memory_limit": f"{memory_mb}MB", "temp_directory": ""}
    try:
        return duckdb.connect(os.fspath(path), read_only=True, config=config)
    except duckdb.Error as error:
        raise Damaged(f"warehouse cannot be opened: {error}", where=str(path), todo="Run 'beeld check'") from error
