"""Faults in the figures of v4: a column is a measure, by its id; its title, unit and type stand in MeasureCodes."""

from collections.abc import Callable
from typing import Any

from .faults import TABLES, Fault, FaultBook
from .rowfaults import counts
from .store import Row, Rows, RowSet

CODES, OBSERVATIONS = "MeasureCodes", "Observations"
CODE_KINDS = {"rename_column", "remove_column", "add_column", "change_unit", "change_type"}
DATA_KINDS = {"remove_column", "scale_column", "null_column", "drop_rows", "duplicate_rows", "decimal_comma"}


def counts_v4(fault: Fault) -> bool:
    """Whether a fault shows in ObservationCount and $count."""
    return fault.kind in ("remove_column", "null_column") or (fault.kind in DATA_KINDS | {"mutate"} and counts(fault))


def with_faults_v4(book: FaultBook, rows: RowSet, table: str, entity_set: str, target: str, counting: bool) -> RowSet:
    """The rows as the faults leave them, kept per combination of faults; see `rowfaults.with_faults`."""
    if counting:
        faults = [fault for fault in book.present(TABLES, target, table) if _reaches(fault, entity_set) and counts_v4(fault)]
    else:
        faults = book.take(TABLES, target, table, lambda fault: _reaches(fault, entity_set))
    if not faults:
        return rows
    return rows.derive((entity_set, *faults), lambda plain: _apply(plain, entity_set, faults))


def _reaches(fault: Fault, entity_set: str) -> bool:
    if fault.kind == "mutate":
        return entity_set == (fault.options.get("entity_set") or OBSERVATIONS)
    return (entity_set == CODES and fault.kind in CODE_KINDS) or (entity_set == OBSERVATIONS and fault.kind in DATA_KINDS)


def _apply(rows: Rows, entity_set: str, faults: list[Fault]) -> Rows:
    for fault in faults:
        rows = [dict(row) for row in rows]
        if fault.kind == "mutate":
            function: Callable[[Rows], Rows] = fault.options["function"]
            rows = list(function(rows))
        else:
            rows = _codes(rows, fault) if entity_set == CODES else _observations(rows, fault)
    return rows


def _codes(rows: Rows, fault: Fault) -> Rows:
    options = fault.options
    key: str = options.get("old") or options["column"]
    if fault.kind == "add_column":
        return [*rows, _measure(key, max((row["Index"] for row in rows), default=0) + 1, options)]
    hit = [row for row in rows if row["Identifier"] == key]
    if not hit:
        raise KeyError(f"fault {fault.kind}: MeasureCodes has no {key!r}")
    if fault.kind == "remove_column":
        return [row for row in rows if row["Identifier"] != key]
    name, value = {
        "rename_column": ("Title", options.get("new")),
        "change_unit": ("Unit", options.get("unit")),
        "change_type": ("DataType", options.get("datatype")),
    }[fault.kind]
    for row in hit:
        row[name] = value
    return rows


def _measure(key: str, index: int, options: dict[str, Any]) -> Row:
    return {
        "Identifier": key,
        "Index": index,
        "Title": options.get("title", key),
        "Description": "",
        "MeasureGroupId": options.get("parent"),
        "DataType": options.get("datatype", "Long"),
        "Unit": options.get("unit", "aantal"),
        "Decimals": 0,
        "PresentationType": "Absolute",
    }


def _observations(rows: Rows, fault: Fault) -> Rows:
    options = fault.options
    hit = [row for row in rows if row["Measure"] == options["column"]] if options.get("column") else rows
    if options.get("column") and not hit:
        raise KeyError(f"fault {fault.kind}: there is no observation of {options['column']!r}")
    match fault.kind:
        case "remove_column":
            return [row for row in rows if row["Measure"] != options["column"]]
        case "null_column":  # what has no value is not there
            gone = {id(row) for row in _spread(hit, float(options.get("share", 1.0)))}
            return [row for row in rows if id(row) not in gone]
        case "drop_rows":
            gone = {id(row) for row in _spread(rows, float(options["share"]))}
            return [row for row in rows if id(row) not in gone]
        case "duplicate_rows":
            return [*rows, *(dict(row) for row in rows[: int(options.get("count", 1))])]
        case "scale_column":
            for row in hit:
                row["Value"] = None if row["Value"] is None else round(row["Value"] * float(options["factor"]), 10)
        case _:
            for row in hit:
                row["Value"] = str(row["Value"]).replace(".", ",") if isinstance(row["Value"], float) else row["Value"]
    return rows


def _spread(rows: Rows, share: float) -> Rows:
    """`share` of the rows, spread evenly, the same ones every time."""
    return [row for index, row in enumerate(rows) if int((index + 1) * share + 1e-9) > int(index * share + 1e-9)]
