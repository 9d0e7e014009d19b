"""The wire format: rows of OData v3 with padded keys and texts and every kind of missing, as gzipped documents."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from beeld.sources.example.draws import Floats
from beeld.sources.example.layouts import Row, TableLayout
from beeld.sources.example.world import GEMEENTE, KINDS, LAND, Division, World

MODIFIED = "2026-07-01T02:00:00"
BATCH = 10_000
WIDTH_KWB, WIDTH_RIVM = 10, 8
NOTICE = "Voorbeeld: verzonnen cijfers. Dit land bestaat niet; niets hieruit komt van de genoemde bron."
Column = Sequence[Any]


def write_set(folder: Path, name: str, rows: Iterable[Row]) -> int:
    """Write one entity set as `<name>.json.gz` and return its number of rows. The same rows give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    address = f"https://{folder.parent.name}/ODataFeed/odata/{folder.name}/$metadata#Cbs.OData.WebAPI.{name}"
    count = 0
    with open(folder / f"{name}.json.gz", "wb") as raw, _zipped(raw) as out:
        out.write(b'{"odata.metadata":' + orjson.dumps(address) + b',"value":[')
        for batch in _batches(rows):
            out.write((b"," if count else b"") + orjson.dumps(batch)[1:-1])
            count += len(batch)
        out.write(b"]}")
    return count


def write_features(path: Path, name: str, features: Iterable[Row]) -> None:
    """Write a GeoJSON FeatureCollection in EPSG:28992."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as raw, _zipped(raw) as out:
        head = orjson.dumps({"type": "FeatureCollection", "name": name, "crs": crs})
        out.write(head[:-1] + b',"features":[')
        for number, feature in enumerate(features):
            out.write((b",\n" if number else b"\n") + orjson.dumps(feature))
        out.write(b"\n]}")


def _zipped(raw: Any) -> gzip.GzipFile:
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=3, mtime=0)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def table_rows(columns: Mapping[str, Column], first: int = 0) -> Iterator[Row]:
    """Rows from columns of equal length, numbered from `first` in the field ID."""
    names = ("ID", *columns)
    for number, values in enumerate(zip(*columns.values(), strict=True), start=first):
        yield dict(zip(names, (number, *values), strict=True))


def region_keys(division: Division, nation: str = "NL00") -> list[str]:
    """The padded keys of all areas, with the source's own code for the nation."""
    return [(nation if code == "NL00" else code).ljust(10) for code in division.codes]


def region_columns(world: World, division: Division, nation: str, width: int) -> dict[str, Column]:
    """The three text columns that name an area: padded right to 40, 10 and `width`."""
    numbers: list[int] = division.gemeente.tolist()
    halls = ["Nederland" if hall < 0 else world.gemeente_names[hall] for hall in numbers]
    return {
        "Gemeentenaam_1": [hall.ljust(40) for hall in halls],
        "SoortRegio_2": [KINDS[kind].ljust(10) for kind in division.kind.tolist()],
        "Codering_3": [(nation if code == "NL00" else code).ljust(width) for code in division.codes],
    }


def region_members(world: World, division: Division, nation: str = "NL00") -> Iterator[Row]:
    """The rows of WijkenEnBuurten."""
    kinds: list[int] = division.kind.tolist()
    halls: list[int] = division.gemeente.tolist()
    for code, title, kind, hall in zip(division.codes, division.titles, kinds, halls, strict=True):
        what = KINDS[kind]
        row: Row = {"Key": code.ljust(10), "Title": title, "Description": f"{what} '{title}' ({code})"}
        if kind == LAND:
            yield row | {"Key": nation.ljust(10), "Description": None, "Municipality": "", "DetailRegionCode": ""}
            continue
        if kind > GEMEENTE:
            row["Description"] += f" is een {what.lower()} in de gemeente '{world.gemeente_names[hall]}'."
        yield row | {"Municipality": f"GM{code[2:6]}", "DetailRegionCode": code}


def typed(values: Floats, decimals: int) -> list[int | float | None]:
    """Numbers as TypedDataSet holds them; no value is null."""
    if decimals == 0:
        return [None if value != value else round(value) for value in values.tolist()]
    return [None if value != value else round(value, decimals) for value in values.tolist()]


def untyped(values: Floats, decimals: int, width: int, secret: Iterable[int] = (), nil: str | None = None) -> list[str]:
    """Texts as UntypedDataSet holds them, right aligned: `.` unknown, `x` secret, and `nil` (when given) for 0."""
    unknown = ".".rjust(width)
    cells = [unknown if value != value else f"{value:{width}.{decimals}f}" for value in values.tolist()]
    for area in secret:
        cells[area] = "x".rjust(width)
    if nil is not None:
        zero, dash = f"{0.0:{width}.{decimals}f}", nil.rjust(width)
        cells = [dash if cell == zero else cell for cell in cells]
    return cells


def write_description(folder: Path, layout: TableLayout, catalog: str, title: str, period: str, records: int) -> None:
    """Write TableInfos and DataProperties of a table."""
    table, host = folder.name, folder.parent.name
    info: Row = {
        "Updated": MODIFIED, "ID": 0, "Identifier": table, "Title": title, "ShortTitle": title,
        "ShortDescription": NOTICE, "Summary": NOTICE, "Modified": MODIFIED, "MetaDataModified": MODIFIED,
        "ReasonDelivery": "Actualisering", "ExplanatoryText": NOTICE, "OutputStatus": "Regulier",
        "Source": "Verzonnen.", "Language": "nl", "Catalog": catalog,
        "Frequency": "Onregelmatig", "Period": period, "SummaryAndLinks": NOTICE,
        "ApiUrl": f"https://{host}/ODataApi/OData/{table}", "FeedUrl": f"https://{host}/ODataFeed/OData/{table}",
        "DefaultPresentation": "", "DefaultSelection": "", "GraphTypes": "Table,Map", "RecordCount": records,
        "ColumnCount": len(layout.dimensions) + len(layout.topics), "SearchPriority": "2",
    }  # fmt: skip
    write_set(folder, "TableInfos", [info])
    write_set(folder, "DataProperties", layout.properties)
