"""The build database: every step from archived snapshots to checked tables, each a plain function over one file in `bouw/`.

Nothing here is seen by the public; `release.py` copies the public tables out of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from beeld import METHOD_VERSION
from beeld.errors import SourceChanged, UsageError
from beeld.sources import ogc
from beeld.sources.declarations import Source
from beeld.sources.fetch import Delivered
from beeld.sources.sql import literal
from beeld.transforms import (
    areas,
    certainty,
    clusters,
    gate,
    indicators,
    lists,
    peers,
    reallocation,
    scores,
    staging,
    target_groups,
    trends,
    unions,
)
from beeld.transforms.basis import MEMORY as PARSING_MEMORY
from beeld.transforms.basis import Staged, create_basis
from beeld.transforms.catalog import Catalog
from beeld.transforms.corrections import apply_corrections, list_corrections
from beeld.transforms.shelf import Shelf
from beeld.warehouse.changes import Predecessor, publish_changes
from beeld.warehouse.ended import record_ended

PUBLIC_TABLES = (
    "gebied",
    "gebied_historie",
    "indicator",
    "waarde",
    "bron",
    "thema_score",
    "signaal",
    "integraal",
    "opvallend",
    "gevoeligheid",
    "buur",
    "cluster",
    "doelgroep",
    "doelgroep_buiten",
    "trend",
    "weigering",
    "drempel",
    "lijst",
    "lijstvergelijking",
    "correctie",
    "wijziging",
    "controle",
    "release",
)

MEMORY = "640MB"
"""What DuckDB may use while building; the whole refresh has 1.5 GiB, and Python with its libraries takes half of that."""
STAGING_MEMORY = "48MB"
"""What it may use while deliveries from the shelf are added: one after the other, and not read before they are all there."""
ROW_GROUP = 6_144
"""Rows of a table that are stored together. A delivery of 17,000 rows fills two groups, which go to disk packed at once.

In groups of the usual 122,880 it would wait in memory for the next ones, and be packed anew with each.
"""
CHECKPOINT = "256MB"


@dataclass(frozen=True)
class Release:
    """The identity of a release: everything here derives from its inputs."""

    id: str
    gemaakt_op: str
    methode_versie: str
    code_versie: str
    voorbeeld: bool
    vorige: str | None = None
    """The edition before it, which it is compared with; None for the first."""
    vorige_gemaakt_op: str | None = None


@dataclass
class Making:
    """A release in the making: its build database, filled step by step, each step once and in the order of the methods.

    `beeld refresh` takes the steps in a row, Dagster takes one per asset. Each returns counts that tell how it went.
    """

    con: duckdb.DuckDBPyConnection
    catalog: Catalog
    project: Path
    release: Release
    delivered: Sequence[Delivered]
    year_from: int
    carried: Sequence[scores.Threshold]
    """Thresholds of an earlier release; empty: this release sets its own."""
    matrices: Sequence[reallocation.Matrix] = ()
    """Address matrices of the project and the home (`reallocation.matrices_of`)."""
    shelf: Shelf | None = None
    """What this run staged when it judged the deliveries."""
    staged: dict[str, list[Staged]] = field(default_factory=dict[str, list[Staged]])
    newest: int | None = None
    before: Predecessor | None = None
    """The edition before this one."""
    manifest: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the manifest will say of the inputs; it is held against that of the edition before."""

    def begin(self) -> dict[str, int]:
        """The public tables, empty but for `bron` and `release`."""
        create_schema(self.con, self.project)
        describe_sources(self.con, self.delivered)
        describe_release(self.con, self.release)
        return {"rijen": len(self.delivered)}

    def stage(self, source: Source) -> dict[str, int]:
        """`basis.<bron>` of one source of figures, its known errors corrected."""
        self.staged[source.bron] = stage_source(self.con, source, self.delivered, self.year_from, self.shelf)
        apply_corrections(self.con, source, self.catalog.corrections, self.staged[source.bron])
        record_ended(self.con, self.staged[source.bron])
        return {"rijen": sum(piece.rows for piece in self.staged[source.bron])}

    def link_areas(self) -> dict[str, int]:
        """`gebied` and `gebied_historie`, with boundaries, and every source linked to the newest division."""
        pieces = self._pieces()
        self.con.execute("set memory_limit = ?", [MEMORY])
        self.newest = build_areas(self.con, self.catalog, pieces, self.delivered)
        linked = {piece.source.bron: piece.source for piece in pieces}.values()
        divided = reallocation.divide_counts(self.con, linked, self.newest, self.matrices)
        return {"rijen": self._rows("gebied"), "indeling_jaar": self.newest, "herverdeeld": divided}

    def compute_values(self) -> dict[str, int]:
        """`waarde`, `indicator` and `weigering`; SourceChanged when not one figure came out."""
        if self.newest is None:
            raise _out_of_order("gebied")
        rows = build_values(self.con, self.catalog, self._pieces(), self.newest, METHOD_VERSION)
        refuse_empty(self.con)
        return {"rijen": rows, "indicatoren": self._rows("indicator")}

    def compute_scores(self) -> dict[str, int]:
        """`thema_score`, `drempel`, `signaal`, `opvallend`, `integraal` and `gevoeligheid`."""
        areas_with_outcome = build_scores(self.con, self.catalog, self.project, self.release.id, self.carried)
        return {"rijen": self._rows("thema_score"), "signalen": self._rows("signaal"), "gebieden": areas_with_outcome}

    def compute_change(self) -> dict[str, int]:
        """`trend`: which figures changed beyond their uncertainty, from `waarde` and the series of `link_areas`."""
        outcomes = trends.compute_change(self.con, self.catalog)
        return {"rijen": self._rows("trend"), **outcomes}

    def compute_likeness(self) -> dict[str, int]:
        """`buur` and `cluster`: what is alike in composition, and what stands out together with what adjoins it."""
        return {"rijen": peers.compute_peers(self.con), "clusters": clusters.compute_clusters(self.con, self.catalog)}

    def compute_target_groups(self) -> dict[str, int]:
        """`doelgroep` and `doelgroep_buiten`: how many people it is about, and who lives outside the chosen areas."""
        groups = target_groups.load_target_groups(self.project, self.catalog)
        rows = target_groups.compute_target_groups(self.con, self.catalog, groups)
        return {"rijen": rows, "doelgroepen": len(groups)}

    def compare_lists(self) -> dict[str, int]:
        """`lijst` and `lijstvergelijking`: our outcomes beside what others chose or measured."""
        rows = lists.compute_lists(self.con, self.catalog)
        return {"rijen": rows, "lijsten": self._rows("lijst")}

    def compare_editions(self) -> dict[str, int]:
        """`correctie` and `wijziging`: which cells were corrected, and which figures are not those of the edition before."""
        list_corrections(self.con, {union.code: union.buurten for union in self.catalog.unions})
        causes = publish_changes(self.con, self.before, self.manifest)
        return {"rijen": self._rows("wijziging"), "correcties": self._rows("correctie"), **causes}

    def _pieces(self) -> list[Staged]:
        """What was staged, in the order of the declarations, whatever the order in which that happened."""
        declared = [source.bron for source in figure_sources(self.catalog)]
        if missing := [name for name in declared if name not in self.staged]:
            raise _out_of_order(", ".join(f"basis.{name}" for name in missing))
        return [piece for name in declared for piece in self.staged[name]]

    def _rows(self, table: str) -> int:
        row = self.con.execute(f'select count(*) from "{table}"').fetchone()
        return row[0] if row else 0


def _out_of_order(missing: str) -> UsageError:
    return UsageError(f"{missing} was not built in this run", todo="Run all steps; a build database serves one run only")


def figure_sources(catalog: Catalog) -> list[Source]:
    """The sources that have a table in `basis`."""
    return [source for source in catalog.sources.values() if source.figures]


def open_build(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-write connection to the build database at `path`; its directory for spilling lies beside it.

    DuckDB would take four fifths of the memory of the machine; with less it is as fast, because it reads from disk what it let
    go. Nothing is logged for recovery: a build that is killed is thrown away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect()
    con.execute(
        f"attach {literal(str(path))} as bouw (recovery_mode no_wal_writes, block_size 16384, row_group_size {ROW_GROUP})"
    )
    con.execute("use bouw")
    con.execute(f"set temp_directory = {literal(str(path.parent / 'tijdelijk'))}")
    con.execute("set enable_progress_bar = false")
    con.execute(f"set memory_limit = '{STAGING_MEMORY}'")
    con.execute(f"set checkpoint_threshold = '{CHECKPOINT}'")
    return con


def create_schema(con: duckdb.DuckDBPyConnection, project: Path) -> None:
    """The public tables, empty, as `warehouse/schema.sql` says."""
    con.execute((project / "warehouse" / "schema.sql").read_text(encoding="utf-8"))


def stage_source(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    delivered: Sequence[Delivered],
    year_from: int,
    shelf: Shelf | None = None,
) -> list[Staged]:
    """`basis.<bron>` from the delivered tables of one source of figures; of editions from the best one only, never from two.

    What is on the `shelf` is taken from there, the rest is read from the archive.
    """
    create_basis(con, source)
    own = [item for item in delivered if item.source.bron == source.bron]
    present = {item.table.tabel for item in own if item.snapshot is not None}
    used = {table.tabel for table in source.considered(lambda table: table.tabel in present)}
    pieces: list[Staged] = []
    for item in own:
        if item.snapshot is not None and item.table.tabel in used:
            kept = shelf.take(con, source, item.table, item.snapshot, year_from) if shelf is not None else None
            if kept is None:
                con.execute("set memory_limit = ?", [PARSING_MEMORY])  # joining and sorting takes more than adding
                kept = staging.stage(con, source, item.table, item.snapshot, year_from)
            pieces.append(kept)
    return pieces


def build_areas(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, staged: Sequence[Staged], delivered: Sequence[Delivered]
) -> int:
    """`gebied`, `gebied_historie` and `werk.<bron>`; returns the year of the newest division."""
    from beeld.sources.geometry import to_rd  # late: geopandas takes seconds, and an unchanged refresh needs no boundary

    defining = next(source for source in catalog.sources.values() if source.gebieden)
    newest = areas.create_areas(con, defining, [piece for piece in staged if piece.source.bron == defining.bron])
    for source in {piece.source.bron: piece.source for piece in staged}.values():
        own = [piece for piece in staged if piece.source.bron == source.bron]
        selected = {piece.table.tabel: piece.snapshot.gemeenten for piece in own if piece.snapshot.gemeenten is not None}
        areas.link(con, source, newest, selected)
    frames: dict[str, Any] = {}
    for item in delivered:
        if not item.source.figures and item.snapshot is not None and item.table.soort is not None:
            where = f"{item.source.bron} {item.table.tabel}"
            frames[item.table.soort] = to_rd(ogc.read_features(item.snapshot, item.table.jaren), where)
    areas.add_boundaries(con, frames)
    return newest


def build_values(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, staged: Sequence[Staged], newest: int, method_version: str
) -> int:
    """`waarde`, `indicator` and `weigering`, the unions of buurten included; returns the number of rows of `waarde`."""
    rows = indicators.compute_values(con, catalog, staged)
    reallocation.mark_values(con, catalog)
    members = areas.add_unions(con, catalog.unions, newest)
    rows += unions.compute_unions(con, catalog, members)
    indicators.describe_indicators(con, catalog, method_version)
    gate.describe_uses(con, catalog)
    return rows


def build_scores(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, project: Path, release: str, carried: Sequence[scores.Threshold]
) -> int:
    """Scores, thresholds, signals, single figures, outcomes and sensitivity; returns the number of areas with an outcome."""
    scores.compute_scores(con, catalog, project)
    scores.compute_thresholds(con, catalog, release, carried)
    outcomes = scores.compute_signals(con, catalog)
    certainty.compute_stability(con, catalog, METHOD_VERSION)
    return outcomes


def describe_sources(con: duckdb.DuckDBPyConnection, delivered: Sequence[Delivered]) -> None:
    """`bron`: one row per declared table, also when it was not delivered."""
    for item in delivered:
        snapshot = item.snapshot
        con.execute(
            "insert into bron values (?, ?, ?, ?, ?, ?, try_cast(? as timestamp), try_cast(? as timestamp), ?, ?, ?)",
            [
                item.source.bron,
                item.table.tabel,
                snapshot.titel if snapshot else item.source.titel,
                item.source.uitgever,
                item.source.licentie,
                snapshot.url if snapshot else "",
                snapshot.gewijzigd.rstrip("Z") if snapshot else None,
                snapshot.opgehaald.rstrip("Z") if snapshot else None,
                snapshot.sha256 if snapshot else None,
                snapshot.rijen if snapshot else None,
                item.status,
            ],
        )


def describe_release(con: duckdb.DuckDBPyConnection, release: Release) -> None:
    """`release`: one row."""
    con.execute(
        "insert into release values (?, ?::timestamp, ?, ?, ?, ?, ?::timestamp)",
        [
            release.id,
            release.gemaakt_op,
            release.methode_versie,
            release.code_versie,
            release.voorbeeld,
            release.vorige,
            release.vorige_gemaakt_op,
        ],
    )


def create_profile_view(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """The view `profiel`: one wide row per gebied, a column per indicator with its value in its own latest year."""
    columns = ",\n  ".join(f"max(w.waarde) filter (w.indicator = '{name}') as \"{name}\"" for name in catalog.indicators)
    con.execute(
        f"""create or replace view profiel as
        select g.gebiedscode, g.soort, g.naam, g.gemeentecode, g.gemeentenaam, g.wijkcode, g.inwoners,
          any_value(i.uitkomst) as uitkomst,
          {columns}
        from gebied as g
        left join laatste_waarde as w using (gebiedscode)
        left join integraal as i using (gebiedscode)
        group by g.gebiedscode, g.soort, g.naam, g.gemeentecode, g.gemeentenaam, g.wijkcode, g.inwoners"""
    )
    con.execute(
        "comment on view profiel is 'Een brede rij per gebied: elke indicator in zijn eigen laatste jaar (zie indicator).'"
    )


def refuse_empty(con: duckdb.DuckDBPyConnection) -> None:
    """SourceChanged when nothing came out: better no release than an empty one."""
    row = con.execute("select count(*) from waarde where status = 'ok'").fetchone()
    if not row or not row[0]:
        raise SourceChanged("no figure could be computed from what was delivered", kept="The last release stands")
