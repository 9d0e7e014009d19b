"""Parquet: the release's own files, byte for byte; the views beside them; `gebied` as GeoParquet with its coordinate system."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, cast

from beeld.errors import Damaged
from beeld.sources.sql import literal, quoted
from beeld.warehouse.export.book import Table
from beeld.warehouse.export.job import Job, Note
from beeld.warehouse.release import read_manifest, sha256_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

FOLDER = "parquet"
RD_NEW = "EPSG:28992"


def write(job: Job) -> list[Note]:
    """A file per table."""
    folder = job.folder / FOLDER
    folder.mkdir()
    for table in job.book.tables:
        job.say(f"parquet: {table.name}")
        path = folder / f"{table.name}.parquet"
        if any(column.kind.startswith("GEOMETRY") for column in table.columns):
            shapes(job, table).to_parquet(path, index=False, compression="snappy", schema_version="1.1.0")
        elif table.view:
            job.con.execute(f"copy ({job.select(table, 't.*')}) to {literal(str(path))} (format parquet)")
        else:
            _copy(job, table)
    return []


def _copy(job: Job, table: Table) -> None:
    """The file of the release, if it is still what the manifest says; Damaged if it is not."""
    name = f"parquet/{table.name}.parquet"
    target = job.folder / FOLDER / f"{table.name}.parquet"
    source = job.release / name
    entry = read_manifest(job.release)["bestanden"].get(name)
    if entry is None or not source.is_file():
        raise Damaged(f"{name} is missing", where=str(job.release), todo="Run 'beeld check'")
    shutil.copyfile(source, target)
    if sha256_of(target) != entry["sha256"]:
        raise Damaged(f"{name} is not what the manifest says", where=str(job.release), todo="Run 'beeld check'")


def shapes(job: Job, table: Table) -> GeoDataFrame:
    """The table as a frame in which `geometrie` is a shape; its other columns keep their kind, also where a cell is empty."""
    import geopandas as gpd  # late: takes seconds
    from pandas import ArrowDtype

    (shape,) = [column.name for column in table.columns if column.kind.startswith("GEOMETRY")]
    others = ", ".join(f"t.{quoted(column.name)}" for column in table.columns if column.name != shape)
    sql = job.select(table, f"{others}, ST_AsWKB(t.{quoted(shape)}) as {quoted(shape)}")
    arrow = cast("Any", job.con.execute(sql).to_arrow_table())
    frame = arrow.to_pandas(types_mapper=ArrowDtype)
    frame[shape] = gpd.GeoSeries.from_wkb(arrow[shape].to_pandas(), crs=RD_NEW)
    return gpd.GeoDataFrame(frame[[column.name for column in table.columns]], geometry=shape, crs=RD_NEW)
