"""Small OData v4 tables as the loopback server serves them, and what it takes to fetch and stage them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from beeld.settings import Settings, load_settings
from beeld.sources import archive, fetch, http
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source
from beeld.transforms import staging
from beeld.transforms.basis import Staged, create_basis
from tests.indicatoren import deliveries
from tests.loopback import LoopbackServer

NAME = "PROEF"
REGIONS = {"NL01": "Nederland", "GM9001": "Verzonnen", **{f"BU9001010{n}": f"Buurt {n}" for n in range(1, 7)}}
PERIODS = {"2020JJ00": "Definitief", "2021JJ00": "Voorlopig", "2021KW01": "Definitief"}
MEASURES = {
    "M1_1": ("Getal", "%", "Double"),
    "M2": ("Ander", "%", "Double"),
    "M3": ("Woord", "naam", "String"),
    "M4": ("Niet gevraagd", "aantal", "Long"),
}
MODIFIED = "2026-02-17T00:00:00+01:00"


def source(**changes: Any) -> Source:
    """Two numbers (one of them for another age too) and a text, read with OData v4."""
    table = {"tabel": NAME, "indeling_jaar": 2020, "landelijke_rij": "NL01", "verplicht": ["getal"]}
    return deliveries.source(**{"protocol": "odata_v4", "dienst": "cbs_v4", "tabellen": [table], **changes})


def observation(region: str, measure: str = "M1_1", value: Any = 1.5, **changes: Any) -> dict[str, Any]:
    """One observation, of age 20300 in 2020 unless told otherwise."""
    row = {"Measure": measure, "ValueAttribute": "None", "Value": value, "StringValue": None}
    return {**row, "Leeftijd": "20300", "WijkenEnBuurten": region, "Perioden": "2020JJ00", **changes}


def word(region: str, text: str | None, **changes: Any) -> dict[str, Any]:
    """One observation of the text."""
    return observation(region, "M3", None, StringValue=text, **changes)


def usual() -> list[dict[str, Any]]:
    """Every measure of every area, age and period."""
    return [
        word(region, f"woord {region}", Leeftijd=age, Perioden=period)
        if measure == "M3"
        else observation(region, measure, number + 0.5, Leeftijd=age, Perioden=period)
        for measure in MEASURES
        for age in ("20300", "80200", "99999")
        for period in PERIODS
        for number, region in enumerate(REGIONS)
    ]


def write(
    root: Path,
    observations: Sequence[Mapping[str, Any]] | None = None,
    *,
    name: str = NAME,
    regions: Mapping[str, str] = REGIONS,
    measures: Mapping[str, tuple[str, str, str]] = MEASURES,
    periods: Mapping[str, str] = PERIODS,
    ages: Sequence[str] = ("20300", "80200", "99999"),
    groups: bool = False,
) -> Path:
    """Write a table into the data folder `root`; returns `root`."""
    folder = root / "odata_v4" / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"Id": number, **row} for number, row in enumerate(usual() if observations is None else observations)]
    kinds = {"Leeftijd": "Dimension", "WijkenEnBuurten": "GeoDetail", "Perioden": "TimeDimension"}
    lists: dict[str, list[dict[str, Any]]] = {
        "Dimensions": [
            {"Identifier": key, "Title": key, "Kind": kind, "CodesUrl": "https://elders"} for key, kind in kinds.items()
        ],
        "LeeftijdCodes": [{"Identifier": code, "Title": f"Leeftijd {code}"} for code in ages],
        "WijkenEnBuurtenCodes": [{"Identifier": code, "Title": title} for code, title in regions.items()],
        "PeriodenCodes": [{"Identifier": code, "Title": code, "Status": status} for code, status in periods.items()],
        "MeasureCodes": [
            {
                "Identifier": code,
                "Index": n,
                "Title": title,
                "Unit": unit,
                "DataType": kind,
                "MeasureGroupId": "G" if groups else None,
            }
            for n, (code, (title, unit, kind)) in enumerate(measures.items())
        ],
        "Observations": rows,
    }
    if groups:
        lists["MeasureGroups"] = [{"Id": "G", "Title": "Groep", "ParentId": None}]
    for key, content in lists.items():
        (folder / f"{key}.json").write_text(json.dumps({"value": content}), encoding="utf-8")
    properties = {
        "Identifier": name,
        "Title": "Proef",
        "Modified": MODIFIED,
        "ObservationsModified": MODIFIED,
        "ObservationCount": len(rows),
    }
    (folder / "Properties.json").write_text(json.dumps(properties), encoding="utf-8")
    return root


@dataclass(frozen=True)
class V4World:
    """A server with a v4 table and a home of its own."""

    server: LoopbackServer
    settings: Settings
    client: Any

    def look(self, of: Source | None = None) -> fetch.Delivered:
        """Look at the first table of a source, with the last good snapshot to fall back on."""
        declared = of or source()
        look = fetch.Look(self.settings, self.client)
        return fetch.delivery(look, declared, declared.tabellen[0], fetch.Catalogues(look))

    def fetch(self, of: Source | None = None, previous: Snapshot | None = None) -> Snapshot:
        """Fetch the first table of a source; raises what fetching raises."""
        declared = of or source()
        table = declared.tabellen[0]
        return fetch.fetched(fetch.Look(self.settings, self.client), declared, table, previous)

    def archived(self, name: str = NAME) -> list[Path]:
        """The deliveries in the archive."""
        return [path for path in (self.settings.raw / "proef" / name).glob("*") if path.is_dir()]

    def previous(self) -> Snapshot | None:
        """The snapshot in use."""
        return archive.current_snapshot(self.settings.raw, "proef", NAME)

    def questions(self) -> list[str]:
        """The addresses asked for, below the table."""
        asked = [f"{entry.path}?{entry.query}" if entry.query else entry.path for entry in self.server.log]
        return [path.partition(f"/{NAME}/")[2] for path in asked if f"/{NAME}/" in path]


@contextmanager
def world(server: LoopbackServer, home: Path, transport: Any = None) -> Iterator[V4World]:
    """A world around a running server, for as long as the block lasts."""
    settings = load_settings({**server.environment, "BEELD_HOME": str(home)}, folder=home)
    with http.open_client(transport) as client:
        yield V4World(server, settings, client)


def staged(
    con: duckdb.DuckDBPyConnection, snapshot: Snapshot, of: Source | None = None, year_from: int = 2000
) -> tuple[Staged, Callable[[str], dict[tuple[str, int], Any]]]:
    """The snapshot in `basis.proef`, and a function that gives (area, year) -> what an expression says of it."""
    declared = of or source()
    create_basis(con, declared)
    done = staging.stage(con, declared, declared.tabellen[0], snapshot, year_from)

    def cells(expression: str) -> dict[tuple[str, int], Any]:
        rows = con.execute(f"select gebiedscode, peiljaar, {expression} from basis.proef order by 1, 2").fetchall()
        return {(code, year): rest[0] if len(rest) == 1 else tuple(rest) for code, year, *rest in rows}

    return done, cells
