"""The samples of web services on a loopback server, fetched and staged as a refresh would: what their tests share."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import httpx

from beeld.settings import Settings, load_settings
from beeld.sources import http, web
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, load_sources
from beeld.transforms import staging
from beeld.transforms.basis import Staged, create_basis
from tests.loopback import LoopbackServer

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
DECLARED = load_sources(ROOT / "sources")


@dataclass
class Web:
    """A server with the samples, a home of its own, and what was said."""

    server: LoopbackServer
    settings: Settings
    client: httpx.Client
    said: list[str] = field(default_factory=list[str])

    @property
    def reach(self) -> web.Reach:
        """What the readers need."""
        return web.Reach(self.client, self.settings, self.said.append)

    def with_file(self, bron: str, path: Path) -> Web:
        """The same with a file of `[bestanden]`."""
        return replace(self, settings=replace(self.settings, files={bron: str(path)}))

    def fetch(self, source: Source, tabel: str, previous: Snapshot | None = None) -> Snapshot:
        """One table in the archive."""
        return web.fetch(self.reach, source, source.table(tabel), previous)

    def mark(self, source: Source, tabel: str) -> str | None:
        """What the service says of a table."""
        return web.mark(self.reach, source, source.table(tabel))

    def archived(self) -> list[Path]:
        """Everything in the raw archive."""
        return sorted(self.settings.raw.rglob("*")) if self.settings.raw.is_dir() else []

    def staged(self, con: duckdb.DuckDBPyConnection, source: Source, *tables: str, year_from: int = 2000) -> list[Staged]:
        """`basis.<bron>` of these tables."""
        create_basis(con, source)
        return [staging.stage(con, source, source.table(name), self.fetch(source, name), year_from) for name in tables]


@contextmanager
def opened(tmp_path: Path, environment: Mapping[str, str] = os.environ, data: Path = SAMPLES) -> Generator[Web]:
    """A Web while the block lasts."""
    with LoopbackServer(data) as server, closing(http.open_client()) as client:
        home = {"BEELD_HOME": str(tmp_path / "home")}
        settings = load_settings({**environment, **home, **server.environment}, tmp_path)
        settings.build.mkdir(parents=True)
        yield Web(server, settings, client)


def rows(con: duckdb.DuckDBPyConnection, bron: str, *columns: str) -> list[tuple[Any, ...]]:
    """Cells of `basis.<bron>` with code and year, in order; statuses as text."""
    asked = ", ".join(f'"{name}"::varchar' if name.endswith("_status") else f'"{name}"' for name in columns)
    return con.execute(f'select gebiedscode, peiljaar, {asked} from basis."{bron}" order by all').fetchall()
