"""A table of OData v3 as OData v4 would deliver it: long observations, cells without a value omitted, codes without padding."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from .store import SUFFIXES, Row, Rows

SIGNS = {".": "NotAvailable", "x": "Confidential", "": "Impossible"}


def convert(table: Path, target: Path) -> Path:
    """Write the v4 form of the v3 entity sets in folder `table` into folder `target`; returns `target`."""
    target.mkdir(parents=True, exist_ok=True)
    described = read_set(table, "DataProperties")
    dimensions = [row for row in described if row["Type"] not in ("TopicGroup", "Topic")]
    _write(target, "Dimensions", [_dimension(row) for row in dimensions])
    _write(target, "MeasureGroups", [_group(row) for row in described if row["Type"] == "TopicGroup"])
    topics = [row for row in described if row["Type"] == "Topic"]
    _write(target, "MeasureCodes", [_measure(row) for row in topics])
    for row in dimensions:
        _write(target, f"{row['Key']}Codes", [_code(place, code) for place, code in enumerate(read_set(table, row["Key"]), 1)])
    observations = list(_observations(table, [row["Key"] for row in dimensions], topics))
    _write(target, "Observations", observations)
    info = read_set(table, "TableInfos")[0]
    moment = f"{info['Modified']}+01:00"
    properties = {
        "Identifier": table.name,
        "Title": info["Title"],
        "Modified": moment,
        "ObservationsModified": moment,
        "ObservationCount": len(observations),
    }
    (target / "Properties.json").write_bytes(orjson.dumps(properties))
    return target


def read_set(table: Path, name: str) -> Rows:
    """The rows of one entity set of a v3 table."""
    path = next(table / f"{name}{suffix}" for suffix in SUFFIXES if (table / f"{name}{suffix}").exists())
    raw = path.read_bytes()
    rows: Rows = orjson.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)["value"]
    return rows


def measure_id(topic: Row) -> str:
    """The measure id that a v3 topic gets here."""
    return f"M{topic['ID']:06d}"


def _write(target: Path, name: str, rows: Rows) -> None:
    (target / f"{name}.json").write_bytes(orjson.dumps({"value": rows}))


def _dimension(row: Row) -> Row:
    return {
        "Identifier": row["Key"],
        "Title": row.get("Title"),
        "Kind": row["Type"],
        "ContainsGroups": False,
        "ContainsCodes": True,
    }


def _group(row: Row) -> Row:
    return {"Id": f"G{row['ID']}", "Index": row["ID"], "Title": row["Title"], "ParentId": _parent(row)}


def _parent(row: Row) -> str | None:
    return None if row.get("ParentID") is None else f"G{row['ParentID']}"


def _measure(row: Row) -> Row:
    return {
        "Identifier": measure_id(row),
        "Index": row["ID"],
        "Title": row["Title"],
        "MeasureGroupId": _parent(row),
        "DataType": row["Datatype"],
        "Unit": row["Unit"],
        "Decimals": row.get("Decimals"),
    }


def _code(place: int, row: Row) -> Row:
    code = {"Identifier": row["Key"].strip(), "Index": place, "Title": row["Title"], "DimensionGroupId": None}
    return {**code, "Status": row["Status"]} if "Status" in row else code


def _observations(table: Path, dimensions: list[str], topics: Rows) -> Iterator[Row]:
    name = next(
        name for name in ("UntypedDataSet", "TypedDataSet") for suffix in SUFFIXES if (table / f"{name}{suffix}").exists()
    )
    number = 0
    for row in read_set(table, name):
        members = {dimension: row[dimension].strip() for dimension in dimensions}
        for topic in topics:
            cell = _cell(row[topic["Key"]], topic["Datatype"] == "String")
            if cell is not None:
                yield {"Id": number, "Measure": measure_id(topic), **cell, **members}
                number += 1


def _cell(value: Any, text: bool) -> Row | None:
    """Attribute, value and text of one cell; None for one that v4 omits."""
    if value is None or (text and not str(value).strip()):
        return None
    if text:
        return {"ValueAttribute": "None", "Value": None, "StringValue": str(value).strip()}
    said = value.strip() if isinstance(value, str) else value
    if said in SIGNS:
        return {"ValueAttribute": SIGNS[said], "Value": None, "StringValue": None}
    return {"ValueAttribute": "None", "Value": 0 if said == "-" else float(said), "StringValue": None}
