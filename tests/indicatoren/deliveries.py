"""Small deliveries in CBS's wire format, archived by the real archive, for tests of staging and linking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.declarations import Source

REGION, TIME = "WijkenEnBuurten", "Perioden"


def source(**changes: Any) -> Source:
    """A source of two numbers and a text, with a time dimension and the age 20300 unless told otherwise."""
    content: dict[str, Any] = {
        "bron": "proef",
        "titel": "Proef",
        "uitgever": "CBS",
        "licentie": "CC BY 4.0",
        "protocol": "odata_v3",
        "dienst": "cbs",
        "tijd": TIME,
        "dimensies": {"Leeftijd": "20300"},
        "kolommen": {
            "getal": {"onderwerpen": [{"naam": "Getal", "eenheid": "%"}]},
            "ander": {"onderwerpen": [{"naam": "Ander", "eenheid": "%"}]},
            "getal_65": {"dimensies": {"Leeftijd": "80200"}, "onderwerpen": [{"naam": "Getal", "eenheid": "%"}]},
            "woord": {"soort": "tekst", "onderwerpen": [{"naam": "Woord", "eenheid": "naam"}]},
        },
        "tabellen": [{"tabel": "PROEF", "indeling_jaar": 2020}],
    }
    return Source.model_validate(content | changes)


def properties(without: Sequence[str] = ()) -> list[dict[str, Any]]:
    """DataProperties of the table that `source` declares."""
    topics = [("Getal_1", "%", "Double"), ("Ander_2", "%", "Double"), ("Woord_3", "naam", "String")]
    return [
        {"ID": 0, "Type": "Dimension", "Key": "Leeftijd"},
        {"ID": 1, "Type": "GeoDetail", "Key": REGION},
        {"ID": 2, "Type": "TimeDimension", "Key": TIME},
        *[
            {"ID": number, "ParentID": None, "Type": "Topic", "Key": key, "Title": key, "Unit": unit, "Datatype": kind}
            for number, (key, unit, kind) in enumerate(topics, start=3)
            if key not in without
        ],
    ]


def row(
    code: str, getal: object, ander: object = "1", woord: object = "w", *, year: str = "2020JJ00", age: str = "20300"
) -> dict[str, Any]:
    """One row of the data set, its region key padded as CBS pads it."""
    return {"Leeftijd": age, REGION: code.ljust(10), TIME: year, "Getal_1": getal, "Ander_2": ander, "Woord_3": woord}


def archived(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    untyped: bool = True,
    names: Mapping[str, str] | None = None,
    periods: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    table: str = "PROEF",
) -> Snapshot:
    """A delivery in the archive: metadata, dimension tables, and the rows in two pages."""
    delivery = Delivery(folder / "bouw", "proef", table)
    titles = names or {str(r[REGION]).strip(): f"Naam {str(r[REGION]).strip()}" for r in rows}
    states = periods or {str(r[TIME]): "Definitief" for r in rows}
    half = (len(rows) + 1) // 2
    name = "UntypedDataSet" if untyped else "TypedDataSet"
    documents = {
        "DataProperties-0001": properties(without),
        f"{REGION}-0001": [{"Key": code.ljust(10), "Title": title} for code, title in titles.items()],
        f"{TIME}-0001": [{"Key": key, "Title": key, "Status": state} for key, state in states.items()],
        f"{name}-0001": list(rows[:half]),
        f"{name}-0002": list(rows[half:]),
    }
    for document, content in documents.items():
        delivery.add(document, f"https://opendata.cbs.nl/{document}", json.dumps({"value": content}).encode(), content)
    return delivery.archive(
        folder / "ruw",
        gewijzigd="2024-01-01T00:00:00",
        licentie="CC BY 4.0",
        url="https://opendata.cbs.nl",
        titel="Proef",
        rijen=len(rows),
    )
