"""Faults in the figures themselves: columns renamed, units changed, rows lost; on rows of a table or on features."""

import re
from collections.abc import Callable
from typing import Any

from .faults import TABLES, Fault, FaultBook
from .store import Row, Rows, RowSet

DATA_SETS = ("UntypedDataSet", "TypedDataSet")
PROPERTIES = "DataProperties"
FEATURES = "features"
ROW_COUNT_KINDS = {"drop_rows", "duplicate_rows", "mutate"}
DATA_KINDS = {
    "rename_column", "rename_only_in_data", "remove_column", "add_column", "scale_column", "null_column",
    "drop_rows", "duplicate_rows", "decimal_comma",
}  # fmt: skip
PROPERTY_KINDS = {"rename_column", "remove_column", "add_column", "change_unit", "change_type"}
FEATURE_KINDS = {"drop_rows", "duplicate_rows"}


def reaches(fault: Fault, entity_set: str) -> bool:
    """Whether a kind of fault touches an entity set (or features) at all."""
    if fault.kind == "mutate":
        wanted = fault.options.get("entity_set")
        return entity_set == wanted if wanted else entity_set in DATA_SETS or entity_set == FEATURES
    if entity_set == FEATURES:
        return fault.kind in FEATURE_KINDS
    return fault.kind in (PROPERTY_KINDS if entity_set == PROPERTIES else DATA_KINDS if entity_set in DATA_SETS else ())


def with_faults(book: FaultBook, rows: RowSet, table: str, entity_set: str, target: str, counting: bool = False) -> RowSet:
    """The rows as the faults leave them; kept per combination of faults.

    With `counting` the request is for a number of rows: faults that change it count only with `update_counts`, and
    no fault is used up.
    """
    if counting:
        faults = [fault for fault in book.present(TABLES, target, table) if reaches(fault, entity_set) and counts(fault)]
    else:
        faults = book.take(TABLES, target, table, lambda fault: reaches(fault, entity_set))
    if not faults:
        return rows
    return rows.derive((entity_set, *faults), lambda plain: _apply(plain, entity_set, faults))


def counts(fault: Fault) -> bool:
    """Whether a fault shows in RecordCount and $count."""
    return fault.kind not in ROW_COUNT_KINDS or bool(fault.options.get("update_counts", False))


def _apply(rows: Rows, entity_set: str, faults: list[Fault]) -> Rows:
    for fault in faults:
        rows = [_copy(row) for row in rows]
        if entity_set == PROPERTIES and fault.kind in PROPERTY_KINDS:
            rows = _properties(rows, fault)
        else:
            rows = _data(rows, fault, entity_set)
    return rows


def _copy(row: Row) -> Row:
    copied = dict(row)
    if isinstance(copied.get("properties"), dict):
        copied["properties"] = dict(copied["properties"])
    return copied


def _require(rows: Rows, column: str, fault: Fault) -> None:
    if rows and column not in rows[0]:
        raise KeyError(f"fault {fault.kind}: no column {column!r}; there are {', '.join(rows[0])}")


def _data(rows: Rows, fault: Fault, entity_set: str) -> Rows:
    options = fault.options
    untyped = entity_set == "UntypedDataSet"
    match fault.kind:
        case "rename_column" | "rename_only_in_data":
            old, new = options["old"], options["new"]
            _require(rows, old, fault)
            return [{new if key == old else key: value for key, value in row.items()} for row in rows]
        case "remove_column":
            _require(rows, options["column"], fault)
            return [{key: value for key, value in row.items() if key != options["column"]} for row in rows]
        case "add_column":
            return [{**row, options["column"]: options.get("value")} for row in rows]
        case "scale_column":
            _require(rows, options["column"], fault)
            return _each(rows, options["column"], lambda value: _scaled(value, float(options["factor"])))
        case "null_column":
            _require(rows, options["column"], fault)
            chosen = _spread(len(rows), float(options.get("share", 1.0)))
            for row, strike in zip(rows, chosen, strict=True):
                if strike:
                    value = row[options["column"]]
                    row[options["column"]] = ".".rjust(len(value) or 10) if untyped and isinstance(value, str) else None
            return rows
        case "drop_rows":
            chosen = _spread(len(rows), float(options["share"]))
            return [row for row, strike in zip(rows, chosen, strict=True) if not strike]
        case "duplicate_rows":
            return [*rows, *(_copy(row) for row in rows[: int(options.get("count", 1))])]
        case "decimal_comma":
            columns = [options["column"]] if options.get("column") else list(rows[0] if rows else {})
            for column in columns:
                rows = _each(rows, column, _comma)
            return rows
        case "mutate":
            function: Callable[[Rows], Rows] = options["function"]
            return list(function(rows))
        case _:
            return rows


def _properties(rows: Rows, fault: Fault) -> Rows:
    options = fault.options
    key: str = options.get("old") or options["column"]
    if fault.kind == "add_column":
        last = max((row["ID"] for row in rows), default=-1)
        place = max((row.get("Position") or 0 for row in rows), default=-1)
        topic: Row = {
            "odata.type": "Cbs.OData.Topic",
            "ID": last + 1,
            "Position": place + 1,
            "ParentID": options.get("parent"),
            "Type": "Topic",
            "Key": key,
            "Title": options.get("title", key),
            "Description": "",
            "Datatype": options.get("datatype", "Long"),
            "Unit": options.get("unit", "aantal"),
            "Decimals": 0,
            "Default": "Impossible",
        }
        return [*rows, topic]
    hit = [row for row in rows if row.get("Key") == key]
    if not hit:
        raise KeyError(f"fault {fault.kind}: DataProperties has no {key!r}")
    if fault.kind == "remove_column":
        return [row for row in rows if row.get("Key") != key]
    name, value = {
        "rename_column": ("Key", options.get("new")),
        "change_unit": ("Unit", options.get("unit")),
        "change_type": ("Datatype", options.get("datatype")),
    }[fault.kind]
    for row in hit:
        row[name] = value
    return rows


def _each(rows: Rows, column: str, change: Callable[[Any], Any]) -> Rows:
    for row in rows:
        row[column] = change(row.get(column))
    return rows


def _spread(length: int, share: float) -> list[bool]:
    """`share` of the places, spread evenly, the same ones every time."""
    return [int((index + 1) * share + 1e-9) > int(index * share + 1e-9) for index in range(length)]


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        product = value * factor
        return int(product) if product.is_integer() else product
    if isinstance(value, float):
        return round(value * factor, 10)
    text = str(value).strip()
    if not re.fullmatch(r"-?\d+(\.\d+)?", text):
        return value
    decimals = len(text.partition(".")[2])
    return f"{float(text) * factor:.{decimals}f}".rjust(len(value))


def _comma(value: Any) -> Any:
    if isinstance(value, float):
        return str(value).replace(".", ",")
    if isinstance(value, str) and "." in value and re.fullmatch(r"\s*-?\d+\.\d+\s*", value):
        return value.replace(".", ",")
    return value
