"""A country of national size over fourteen years: the embedded example, and Kerncijfers of every year in that year's own columns.

    python -m tests.benchmarks.national DATA PROJECT BUURTEN

The example has the Kerncijfers of 2020 and 2024. A table of another year has the columns that facts/kwb_columns.csv lists for it,
under their names and units of that year, with the invented cells of 2020 (up to 2022) or 2024; what neither has is empty.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from beeld.sources.example.generate import generate
from tests.reliability.wire import rows_of
from tests.reliability.worlds import example_project
from tests.unit.kwb_oracle import TABLES, read_list
from tests.unit.test_kwb_years import delivered, document

ROOT = Path(__file__).parents[2]
HOST = "odata_v3/opendata.cbs.nl"
REGION = "WijkenEnBuurten"
BASES = {2020: range(2013, 2023), 2024: range(2023, 2027)}
"""Year of the example -> the years that have its cells."""
NOTHING = "       ."
Row = dict[str, Any]


def make_country(data: Path, project: Path, buurten: int) -> None:
    """Write the country to `data`, and the declarations that know it to `project`."""
    generate(data, buurten=buurten)
    example_project(ROOT, project, data)
    oracle = read_list()
    for base, years in BASES.items():
        rows = list(base_rows(data, TABLES[base]))
        members = rows_of(data, TABLES[base], REGION)
        names = {row["canonical_id"]: row["column"] for row in oracle if int(row["kwb_year"]) == base}
        for year in years:
            if year not in BASES:
                listed = [row for row in oracle if int(row["kwb_year"]) == year and row["status"] in ("verified", "inferred")]
                write_year(data / HOST / TABLES[year], year, listed, names, rows, members)
    know(project / "sources" / "voorbeeld.yaml")


def base_rows(data: Path, table: str) -> Iterator[Row]:
    """The rows of a table of the example as text; where it has only typed ones they are written as the CBS writes them."""
    if any((data / HOST / table).glob("UntypedDataSet.*")):
        yield from rows_of(data, table, "UntypedDataSet")
        return
    for row in rows_of(data, table, "TypedDataSet"):
        yield {key: text(cell) for key, cell in row.items()}


def text(cell: Any) -> Any:
    """A cell as UntypedDataSet has it."""
    if cell is None:
        return NOTHING
    return cell if isinstance(cell, (str, bool)) else str(cell).rjust(len(NOTHING))


def write_year(
    folder: Path, year: int, listed: list[dict[str, str]], names: dict[str, str], rows: list[Row], members: list[Row]
) -> None:
    """One table of Kerncijfers with the columns of its year and the cells of another."""
    topics = delivered(listed)
    source = {row["column"]: names.get(row["canonical_id"], "") for row in listed}
    columns = [(key, source.get(key, "")) for key, *_ in topics]
    untyped = [
        {"ID": number, REGION: row[REGION], **{key: row.get(old, NOTHING) for key, old in columns}}
        for number, row in enumerate(rows)
    ]
    info = {
        "ID": 0,
        "Identifier": folder.name,
        "Title": f"Kerncijfers wijken en buurten {year} (verzonnen voorbeeld)",
        "Modified": f"{year + 1}-08-31T02:00:00",
        "Period": str(year),
        "RecordCount": len(rows),
    }
    sets = {
        "TableInfos": [info],
        "DataProperties": document(topics, REGION),
        REGION: members,
        "UntypedDataSet": untyped,
        "TypedDataSet": untyped[:1],
    }
    folder.mkdir(parents=True)
    for name, value in sets.items():
        (folder / f"{name}.json").write_bytes(orjson.dumps({"value": value}))


def know(path: Path) -> None:
    """The example's expectations, with none for the added tables."""
    expected = json.loads(path.read_text(encoding="utf-8"))
    expected["cbs_kwb"] |= {name: {} for name in TABLES.values() if name not in expected["cbs_kwb"]}
    path.write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    make_country(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
