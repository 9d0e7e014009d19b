"""`beeld.gpkg`: a layer per kind of area with the columns of `profiel` and boundaries in EPSG:28992, for QGIS and other GIS.

Two runs give the same bytes: GDAL is told what time it is, and rows go in by code.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from beeld.sources.sql import literal, quoted
from beeld.warehouse.export.book import EXAMPLE, WARNING, Book, Column
from beeld.warehouse.export.job import Job, Note
from beeld.warehouse.export.parquet_files import RD_NEW

if TYPE_CHECKING:
    from pandas import DataFrame

NAME = "beeld.gpkg"
SHAPE = "vorm"
BESIDE = {
    "geometrie_jaar": "Jaar van de grens; kan ouder zijn dan de indeling.",
    "release": "Release waar de rij uit komt.",
    "let_op": "Zegt dat de cijfers verzonnen zijn.",
}
"""Columns of a layer beside those of `profiel`."""
KINDS = ("land", "gemeente", "wijk", "buurt", "samengesteld")
"""Kinds of areas, each a layer of that name where the release has any."""
PLAIN = {
    "indicator": "select * replace (array_to_string(gebruik, ', ') as gebruik) from indicator order by indicator",
    "bron": "select * replace (gewijzigd::varchar as gewijzigd, opgehaald::varchar as opgehaald) from bron order by bron, tabel",
}
"""Tables without shapes that go along: a name that a reader of the layers meets is explained in the same file."""


def write(job: Job) -> list[Note]:
    """The layers and the tables."""
    import geopandas as gpd  # late: takes seconds
    import pyogrio

    path = job.folder / NAME
    with _clock(job.book.made_on):
        for kind in KINDS:
            rows = _areas(job, kind)
            if rows.num_rows == 0:
                continue
            job.say(f"gpkg: {kind} ({rows.num_rows})")
            shapes = gpd.GeoSeries.from_wkb(rows[SHAPE].to_pandas(), crs=RD_NEW)
            layer = gpd.GeoDataFrame(_frame(rows.drop([SHAPE])), geometry=shapes, crs=RD_NEW)
            text = f"Gebieden van soort {kind} met de kolommen van profiel. Release {job.book.edition}."
            pyogrio.write_dataframe(
                layer,
                path,
                layer=kind,
                driver="GPKG",
                promote_to_multi=True,
                geometry_type="MultiPolygon",
                layer_options={"IDENTIFIER": kind, "DESCRIPTION": text, "GEOMETRY_NAME": "geometrie"},
            )
        for name, table in (("lees_mij", _readme(job.book)), ("kolommen", _columns(job.book)), *_plain(job)):
            pyogrio.write_dataframe(table, path, layer=name, driver="GPKG", layer_options={"IDENTIFIER": name})
    return []


@contextmanager
def _clock(moment: str) -> Generator[None]:
    """What GDAL takes for the time of writing: that of the release."""
    import pyogrio

    option = "OGR_CURRENT_DATE"
    before = cast("str | None", pyogrio.get_gdal_config_option(option))
    pyogrio.set_gdal_config_options({option: f"{moment.replace(' ', 'T')}.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({option: before})


def _frame(rows: Any) -> DataFrame:
    """A frame in which whole numbers stay whole, also where some are missing."""
    import pandas as pd
    import pyarrow as pa

    kinds: dict[Any, Any] = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}
    return rows.to_pandas(types_mapper=kinds.get)


def _areas(job: Job, kind: str) -> Any:
    """Every area of a kind by code, as Arrow: the columns of `profiel`, the release, the year and shape (WKB) of its boundary."""
    columns = ", ".join(f"p.{quoted(column.name)}" for column in job.book.table("profiel").columns)
    warning = f", {literal(EXAMPLE)} as let_op" if job.book.example else ""
    rows = job.con.execute(
        f"select {columns}, g.geometrie_jaar, {literal(job.book.release)} as release{warning}, ST_AsWKB(g.geometrie) as {SHAPE} "
        f"from profiel as p join gebied as g using (gebiedscode) where g.soort = ? order by p.gebiedscode",
        [kind],
    )
    return cast("Any", rows.to_arrow_table())


def _readme(book: Book) -> DataFrame:
    import pandas as pd

    rows = [("Release", book.edition), ("Gemaakt op", book.made_on), ("Methode", book.method)]
    rows += [("Let op", WARNING)] if book.example else []
    rows += [
        ("Wat dit is", "Beeld van de Wijk. Een signaal, geen oordeel."),
        ("Jaren", "Elk cijfer staat in zijn eigen laatste jaar; zie laatste_jaar in de tabel indicator."),
        ("Leeg", "Leeg is geen nul. Waarom een cijfer er niet is, staat in de tabel waarde (CSV of Parquet)."),
        ("Kolommen", "De tabel kolommen legt elke kolom van de lagen uit."),
    ]
    return pd.DataFrame(rows, columns=["onderwerp", "tekst"])


def _columns(book: Book) -> DataFrame:
    import pandas as pd

    def row(column: Column) -> tuple[str, str, str, str, int | None]:
        return column.name, column.title or column.name, column.text, column.unit, column.year

    rows = [row(column) for column in book.table("profiel").columns]
    rows += [(name, name, text, "", None) for name, text in BESIDE.items() if book.example or name != "let_op"]
    frame = pd.DataFrame(rows, columns=["kolom", "titel", "uitleg", "eenheid", "laatste_jaar"])
    return frame.astype({"laatste_jaar": "Int32"})


def _plain(job: Job) -> list[tuple[str, DataFrame]]:
    return [(name, _frame(job.con.execute(sql).to_arrow_table())) for name, sql in PLAIN.items()]
