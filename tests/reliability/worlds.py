"""A source, a home and the command line between them: what the tests of refreshing share."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from beeld import cli
from beeld.refresh import Options, Result, fetch, refresh
from beeld.settings import Settings, load_settings
from beeld.sources import archive
from beeld.sources.fetch import Delivered
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse import release
from beeld.warehouse.query import ask
from beeld.warehouse.read import current_release
from beeld.warehouse.status import TableStatus, table_statuses
from tests.loopback import LoopbackServer
from tests.reliability.wire import rows_of

PAGE = 50
"""Rows on a page of the small example, so that every table has several pages."""
FOUR_GEMEENTEN = ("GM0748", "GM0772", "GM0828", "GM0355")
NEWS = "2026-09-01T02:00:00"
"""A Modified that the example does not have."""
TABLES = {
    "84799NED": "cbs_kwb",
    "85984NED": "cbs_kwb",
    "47022NED": "politie_misdrijven",
    "50090NED": "rivm_gezondheid",
    "gemeente_gegeneraliseerd": "cbs_grenzen",
    "wijk_gegeneraliseerd": "cbs_grenzen",
    "buurt_gegeneraliseerd": "cbs_grenzen",
}
HOSTS = {"84799NED": "cbs", "85984NED": "cbs", "47022NED": "derden", "50090NED": "derden"}


@cache
def catalog_of(project: Path) -> Catalog:
    """The catalogue of the example; read once, because YAML takes its time."""
    return load_catalog(project, example=True)


@dataclass(frozen=True)
class World:
    """A server with the small example and a home of its own."""

    server: LoopbackServer
    settings: Settings

    @property
    def home(self) -> Path:
        """`BEELD_HOME`."""
        return self.settings.home

    def refresh(self, *areas: str, **options: Any) -> Result:
        """A refresh in this process, without pages unless asked."""
        return refresh(self.settings, Options(areas=areas, **{"render": False, **options}))

    def news(self, table: str) -> None:
        """Make the source say that a table has changed; a boundary gets a forgotten mark instead."""
        if table in HOSTS:
            self.server.set_modified(table, NEWS)
        else:
            state = archive.load_state(self.settings.raw, TABLES[table], table)
            archive.save_state(self.settings.raw, TABLES[table], table, replace(state, kenmerk="een ander kenmerk"))

    def forget(self, table: str) -> None:
        """Go back to a home that never saw this table and published nothing; the other tables stay in the archive."""
        shutil.rmtree(self.settings.raw / TABLES[table] / table)
        self.settings.current.unlink()
        for folder in self.settings.releases.iterdir():
            release.remove_tree(folder) if folder.is_dir() else folder.unlink()

    def snapshots(self, table: str) -> list[str]:
        """Names of the archived deliveries of a table."""
        folder = self.settings.raw / TABLES[table] / table
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def status(self, table: str) -> TableStatus:
        """What `beeld status` says of a table."""
        return next(row for row in table_statuses(self.settings, catalog_of(self.settings.project)) if row.tabel == table)

    def look(self) -> list[Delivered]:
        """Fetch what changed, without building."""
        return fetch(self.settings, Options(), catalog_of(self.settings.project), transport=None, progress=lambda _message: None)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the current release."""
        return [tuple(row) for row in ask(current_release(self.settings), sql).rows]


@dataclass(frozen=True)
class RealRelease:
    """The release of four gemeenten out of the real figures, with the server that they came from."""

    server: LoopbackServer
    settings: Settings
    result: Result


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The messages, one per line."""
        return self.err.strip().splitlines()


@dataclass(frozen=True)
class CommandLine:
    """`beeld` in this process, with settings that no environment variable can give (the example)."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, settings: Settings, *words: str) -> Ending:
        """Run a command as `beeld.cli.main` does, exit code included."""
        self.monkeypatch.setattr(cli, "load_settings", lambda *_: settings)
        self.monkeypatch.setattr(sys, "argv", ["beeld", *words])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        return Ending(ended.value.code if isinstance(ended.value.code, int) else 0, out, err)


def example_settings(project: Path, environment: Mapping[str, str], home: Path) -> Settings:
    """Settings for the invented country: its server, its declarations, a home."""
    settings = load_settings({**environment, "BEELD_HOME": str(home)}, folder=project)
    return replace(settings, project=project, example=True)


def example_project(checkout: Path, folder: Path, data: Path) -> Path:
    """A copy of the declarations in which one figure of the small example is the known value; returns its folder."""
    for name in ("sources", "transforms", "warehouse"):
        shutil.copytree(checkout / name, folder / name)
    rows = rows_of(data, "84799NED", "TypedDataSet")
    people = next(row["AantalInwoners_5"] for row in rows if row["WijkenEnBuurten"].strip() == "NL00")
    known = [{"gebied": "NL00", "kolom": "aantal_inwoners", "peiljaar": 2020, "waarde": people}]
    expected: dict[str, dict[str, Any]] = {path.stem: {} for path in (checkout / "sources").glob("*.yaml")}
    for table, bron in TABLES.items():
        expected[bron][table] = {}
    expected["cbs_kwb"]["84799NED"] = {"bekend": known, "rijen": [len(rows), len(rows)]}
    # YAML is a superset of JSON.
    (folder / "sources" / "voorbeeld.yaml").write_text(json.dumps(expected), encoding="utf-8")
    return folder


def copy_home(template: Path, home: Path) -> Path:
    """A copy of a home, links kept."""
    shutil.copytree(template, home, symlinks=True)
    return home


def reset(server: LoopbackServer) -> None:
    """A server without faults, every host and table up, the log empty."""
    server.clear_faults()
    for table, host in HOSTS.items():
        server.set_modified(table, None)
        server.show(table)
        server.up(host)
    server.up("pdok")
    server.clear_log()


def complete(settings: Settings) -> str:
    """The id of the current release, after every promise about a release was looked at: hashes, one id, read-only, no litter."""
    folder = current_release(settings)
    assert release.damage(folder) == []
    manifest = release.read_manifest(folder)
    assert manifest["release"] == folder.name
    assert ask(folder, "select release from release").rows == ((folder.name,),)
    assert not [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o222]
    assert not list(folder.glob("*.wal"))
    return folder.name


def settings_of(home: Path) -> Settings:
    """Settings with this home and nothing else."""
    return replace(load_settings({}, folder=home.parent), home=home)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def writable(folder: Path) -> Path:
    """The same folder, its files no longer read-only."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o644)
    return folder
