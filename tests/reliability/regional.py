"""A small table like Kerncijfers wijken en buurten for tests of fetching: invented areas and figures, the real wire format."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beeld.settings import Settings, load_settings
from beeld.sources.declarations import Source
from tests.loopback import LoopbackServer

HOST = "opendata.cbs.nl"
REGION = "WijkenEnBuurten"
GEMEENTEN = tuple(f"GM90{number:02d}" for number in range(1, 7))
BUURTEN = 40
"""Buurten per gemeente, all in one wijk."""
MODIFIED = "2026-01-01T02:00:00"
PROPERTIES: list[dict[str, Any]] = [
    {"ID": 0, "Position": 0, "ParentID": None, "Type": "GeoDetail", "Key": REGION, "Title": "Wijken en buurten"},
    {"ID": 1, "Position": None, "ParentID": None, "Type": "TopicGroup", "Key": "", "Title": "Bevolking"},
    {
        "ID": 2, "Position": 1, "ParentID": 1, "Type": "Topic", "Key": "AantalInwoners_1", "Title": "Aantal inwoners",
        "Datatype": "Long", "Unit": "aantal", "Decimals": 0,
    },
    {
        "ID": 3, "Position": 2, "ParentID": 1, "Type": "Topic", "Key": "Mannen_2", "Title": "Mannen",
        "Datatype": "Long", "Unit": "aantal", "Decimals": 0,
    },
]  # fmt: skip


def codes(nation: bool = True) -> list[str]:
    """Every area, the country first."""
    found = ["NL00"] if nation else []
    for gemeente in GEMEENTEN:
        digits = gemeente[2:]
        found += [gemeente, f"WK{digits}00", *(f"BU{digits}00{number:02d}" for number in range(BUURTEN))]
    return found


def write_table(data: Path, table: str, data_set: str = "UntypedDataSet", **infos: Any) -> None:
    """One table in the folder of a loopback server."""
    folder = data / "odata_v3" / HOST / table
    folder.mkdir(parents=True)
    keys = [code.ljust(10) for code in codes()]
    typed = data_set == "TypedDataSet"
    rows = [
        {
            "ID": number,
            REGION: key,
            "AantalInwoners_1": 100 + number if typed else f"{100 + number:>8}",
            "Mannen_2": None if typed else "       .",
        }
        for number, key in enumerate(keys)
    ]
    members = [{"Key": key, "Title": f"Gebied {key.strip()}", "Description": ""} for key in keys]
    info = {"ID": 0, "Identifier": table, "Title": f"Proef {table}", "Modified": MODIFIED, "RecordCount": len(rows), **infos}
    for name, value in {"TableInfos": [info], "DataProperties": PROPERTIES, REGION: members, data_set: rows}.items():
        (folder / f"{name}.json").write_text(json.dumps({"value": value}), encoding="utf-8")


def source(*tables: Mapping[str, Any], **changes: Any) -> Source:
    """A source of such tables; each mapping is a table with at least `tabel` and `peiljaar`."""
    content: dict[str, Any] = {
        "bron": "proef",
        "titel": "Proef",
        "uitgever": "Niemand",
        "licentie": "CC BY 4.0",
        "protocol": "odata_v3",
        "dienst": "cbs",
        "verplicht": True,
        "gebieden": True,
        "tijd": "tabel",
        "kolommen": {
            "aantal_inwoners": {"onderwerpen": [{"groep": "Bevolking", "naam": "AantalInwoners", "eenheid": "aantal"}]},
            "mannen": {"onderwerpen": [{"groep": "Bevolking", "naam": "Mannen", "eenheid": "aantal"}]},
        },
        "tabellen": [{"landelijke_rij": "NL00", **table} for table in tables],
    }
    return Source.model_validate({**content, **changes})


def settings_for(server: LoopbackServer, home: Path) -> Settings:
    """A home of its own that asks this server."""
    return load_settings({**server.environment, "BEELD_HOME": str(home)}, folder=home.parent)
