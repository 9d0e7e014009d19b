"""One home with a release out of four protocols at once, and what can go wrong between it and each of its sources.

`cbs_kwb` 84799NED comes over OData v3, `proef` over OData v4, `leefbaarometer` over WFS and `wijkpeiling` as a CSV file; each has
an indicator of its own in the release, so that a wrong number of any of them would be seen.
"""

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import yaml

from beeld.refresh import Options, Result, refresh
from beeld.settings import Settings
from beeld.sources import archive, http
from beeld.transforms import staging
from beeld.transforms.basis import create_basis
from beeld.warehouse.query import ask
from beeld.warehouse.read import current_release
from beeld.warehouse.status import TableStatus, table_statuses
from tests.loopback import LoopbackServer
from tests.reliability.wire import rows_of
from tests.reliability.worlds import catalog_of, copy_home, example_settings
from tests.unit import v4_tables

ANOTHER = "een ander kenmerk"
HEADS = ["Buurtcode", "Buurt", "Jaar", "Bekend (%)", "Bezoekers"]
UNITS = ["", "", "", "%", "aantal"]
LEEF = {"kfys": 5, "konv": 3, "ksoc": 4, "kvrz": 6, "kwon": 5, "fys": 0.01, "onv": -0.02, "soc": 0.03, "vrz": 0.0, "won": 0.011}
WEB_FILES = "web/www.leefbaarometer.nl"
WEB_LAYERS = "web/geo.leefbaarometer.nl/lbm3/ows"


@dataclass(frozen=True)
class Protocol:
    """What is struck of one protocol: the table, a column of it by its own name, and the requests for figures."""

    bron: str
    tabel: str
    column: str
    data: str
    """Pattern of the path and query of a request for figures."""
    indicator: str


PROTOCOLS = {
    "v3": Protocol("cbs_kwb", "84799NED", "AantalInwoners_5", r"(Untyped|Typed)DataSet\?", "aantal_inwoners"),
    "v4": Protocol("proef", v4_tables.NAME, "M1_1", r"/Observations(\?|$)", "proef_getal"),
    "web": Protocol("leefbaarometer", "buurtscore24", "kscore", r"request=GetFeature&.*count=", "leefbaarheid"),
    "bestand": Protocol("wijkpeiling", "wijkpeiling", "Bekend (%)", r"wijkpeiling\.csv", "bekend"),
}
"""The columns of the fault table. `web` is WFS; faults of next links, which WFS does not have, strike the OGC API."""


def declared_here() -> dict[str, dict[str, Any]]:
    """The two sources that exist in these tests only."""
    shared = {"licentie": "CC0", "niveaus": ["buurt"], "jaren_tekst": "2020", "vertraging": "een jaar"}
    v4 = {
        **shared,
        "bron": "proef",
        "titel": "Proef",
        "uitgever": "CBS",
        "protocol": "odata_v4",
        "dienst": "cbs_v4",
        "tijd": "Perioden",
        "dimensies": {"Leeftijd": "20300"},
        "kolommen": {"getal": {"onderwerpen": [{"naam": "Getal", "eenheid": "%"}]}},
        "tabellen": [{"tabel": v4_tables.NAME, "indeling_jaar": 2020, "landelijke_rij": "NL01", "verplicht": ["getal"]}],
    }
    table = {"tabel": "wijkpeiling", "pad": "/wijkpeiling.csv", "indeling_jaar": 2020, "verplicht": ["bekend"]}
    dropped = {
        **shared,
        "bron": "wijkpeiling",
        "titel": "Wijkpeiling",
        "uitgever": "Gemeente",
        "protocol": "bestand",
        "dienst": "leefbaarometer_bestanden",
        "adressen": {"leefbaarometer_bestanden": "https://www.leefbaarometer.nl"},
        "velden": {
            "gebied": ["Buurtcode"],
            "naam": ["Buurt"],
            "jaar": ["Jaar"],
            "tekens": {"x": "geheim", ".": "onbekend"},
        },
        "kolommen": {
            "bekend": {"onderwerpen": [{"naam": "Bekend (%)", "eenheid": "%"}]},
            "bezoekers": {"onderwerpen": [{"naam": "Bezoekers", "eenheid": "aantal"}]},
        },
        "tabellen": [{**table, "bestand": {"vorm": "csv", "eenheidregel": 2}}],
    }
    return {"proef": v4, "wijkpeiling": dropped}


def indicator_of(bron: str, formula: str, value: float) -> dict[str, Any]:
    """An indicator that publishes one column of a source as it came."""
    return {
        "titel": f"Cijfer van {bron}",
        "uitleg": "Een cijfer.",
        "thema": "context",
        "rol": "context",
        "familie": "bevolking",
        "soort": "registratie",
        "eenheid": "procent",
        "decimalen": 1,
        "richting": "neutraal",
        "bron": bron,
        "formule": formula,
        "samenvoegen": "nee",
        "gebruik": ["beschrijven"],
        "voorbeeld": {formula: value, "waarde": value},
    }


def make_project(project: Path, template: Path) -> Path:
    """A copy of the example's declarations with the four tables, each with an indicator; returns its folder."""
    shutil.copytree(template, project)
    sources = project / "sources"
    expected = json.loads((sources / "voorbeeld.yaml").read_text(encoding="utf-8"))
    expected = {bron: {} for bron in expected} | {"cbs_kwb": {"84799NED": {}}, "leefbaarometer": {"buurtscore24": {}}}
    expected["gemeente_aanlevering"] = {"sjabloon": {}}
    (sources / "voorbeeld.yaml").write_text(json.dumps(expected), encoding="utf-8")
    layers = sources / "leefbaarometer.yaml"  # the division of the example is that of 2020
    text = layers.read_text(encoding="utf-8").replace("peiljaar: 2024", "peiljaar: 2020")
    layers.write_text(text.replace("indeling_jaar: 2024", "indeling_jaar: 2020"), encoding="utf-8")
    for name, content in declared_here().items():
        (sources / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
    added = {
        PROTOCOLS["v4"].indicator: indicator_of("proef", "getal", 1.5),
        PROTOCOLS["web"].indicator: indicator_of("leefbaarometer", "klasse", 4),
        PROTOCOLS["bestand"].indicator: indicator_of("wijkpeiling", "bekend", 12.5),
    }
    with (project / "transforms" / "indicatoren.yaml").open("a", encoding="utf-8") as file:
        file.write("\n" + yaml.safe_dump(added, allow_unicode=True, sort_keys=False))
    return project


def survey(codes: Sequence[str]) -> list[list[str]]:
    """The rows of the file, heading and units first."""
    rows = [[code, f"Búúrt {n}", "2020", f"{10 + n % 40}.5", str(200 + n)] for n, code in enumerate(codes)]
    return [HEADS, UNITS, *rows]


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as the file has them."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows(rows)
    return text.getvalue()


def make_data(data: Path, example: Path) -> Path:
    """The data folder of the server; returns it."""
    keys = [str(row["WijkenEnBuurten"]).strip() for row in rows_of(example, "84799NED", "TypedDataSet")]
    buurten = [key for key in keys if key.startswith("BU")][:120]
    (data / "odata_v3" / "opendata.cbs.nl").mkdir(parents=True)
    (data / "odata_v3" / "opendata.cbs.nl" / "84799NED").symlink_to(example / "odata_v3" / "opendata.cbs.nl" / "84799NED")
    names = {"NL01": "Nederland", **{code: f"Buurt {code}" for code in buurten}}
    figures = [v4_tables.observation(code, value=10.5 + number % 30) for number, code in enumerate(names)]
    measures = {"M1_1": ("Getal", "%", "Double"), "M2": ("Ander", "%", "Double")}
    more = [v4_tables.observation(code, "M2", 1.5) for code in names]
    v4_tables.write(data, [*figures, *more], regions=names, periods={"2020JJ00": "Definitief"}, measures=measures)
    features = [
        {
            "type": "Feature",
            "id": f"x.{number}",
            "properties": {"name": f"Buurt {number}", "id": code, "year": "2020", "kscore": 1 + number % 9, "afw": -0.1, **LEEF},
            "geometry": None,
        }
        for number, code in enumerate(buurten)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
    layers, files = data / WEB_LAYERS, data / WEB_FILES
    layers.mkdir(parents=True)
    files.mkdir(parents=True)
    layer = {"type": "FeatureCollection", "crs": crs, "features": features}
    (layers / "buurtscore24.geojson").write_text(json.dumps(layer), encoding="utf-8")
    (files / "wijkpeiling.csv").write_text(csv_text(survey(buurten)), encoding="utf-8")
    return data


# ---------------------------------------------------------------- between us and the source


@dataclass
class Clock:
    """A clock that runs only when somebody lets it."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let it run."""
        self.seconds += seconds


class Parts(httpx.SyncByteStream):
    """A body out of parts."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts


Answer = Callable[[httpx.Request, httpx.BaseTransport], httpx.Response]


@dataclass
class Between(httpx.BaseTransport):
    """A network that gives its own answer to the requests whose address fits `pattern`, and counts them."""

    pattern: str
    answer: Answer
    hits: int = 0
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the service, or of the fault."""
        url = request.url
        if re.search(self.pattern, f"{url.path}?{url.query.decode()}" if url.query else url.path):
            self.hits += 1
            return self.answer(request, self.inner)
        return self.inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()


def raising(error: type[httpx.TransportError], text: str) -> Answer:
    """A connection that does not come about."""

    def answer(request: httpx.Request, _inner: httpx.BaseTransport) -> httpx.Response:
        raise error(text, request=request)

    return answer


def silent_midway(request: httpx.Request, inner: httpx.BaseTransport) -> httpx.Response:
    """A body whose second half does not come within the time allowed."""
    reply = inner.handle_request(request)
    body = reply.read()

    def parts() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise httpx.ReadTimeout("the read operation timed out", request=request)

    return httpx.Response(200, headers={"content-type": reply.headers["content-type"]}, stream=Parts(parts()))


def endless(part: bytes, seconds: float = 0.0, clock: Clock | None = None) -> Answer:
    """A body that goes on for ever, `seconds` of a clock per part."""

    def parts() -> Iterator[bytes]:
        yield b"{"
        while True:
            if clock is not None:
                clock.sleep(seconds)
            yield part

    def answer(_request: httpx.Request, _inner: httpx.BaseTransport) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=Parts(parts()))

    return answer


def rewritten(change: Callable[[bytes], bytes]) -> Answer:
    """The body of the service with other bytes."""

    def answer(request: httpx.Request, inner: httpx.BaseTransport) -> httpx.Response:
        reply = inner.handle_request(request)
        body = reply.read()
        return httpx.Response(reply.status_code, headers={"content-type": reply.headers["content-type"]}, content=change(body))

    return answer


# ---------------------------------------------------------------- the home


@dataclass(frozen=True)
class Four:
    """The server of four protocols and a home with a release of it."""

    server: LoopbackServer
    settings: Settings
    monkeypatch: pytest.MonkeyPatch

    def news(self, *names: str) -> None:
        """Have these tables fetched at the next look, whatever the source says of them."""
        for name in names:
            protocol = PROTOCOLS[name]
            state = archive.load_state(self.settings.raw, protocol.bron, protocol.tabel)
            archive.save_state(self.settings.raw, protocol.bron, protocol.tabel, replace(state, kenmerk=ANOTHER))

    def refresh(self, *names: str, transport: httpx.BaseTransport | None = None) -> Result:
        """A refresh that asks these sources only; the others stand as they are archived."""
        only = frozenset(PROTOCOLS[name].bron for name in names)
        return refresh(replace(self.settings, only_sources=only), Options(render=False), transport=transport)

    def snapshots(self, name: str) -> list[str]:
        """Names of the archived deliveries of a table."""
        protocol = PROTOCOLS[name]
        return archive.snapshot_names(self.settings.raw, protocol.bron, protocol.tabel)

    def status(self, name: str) -> TableStatus:
        """What `beeld status` says of a table."""
        tabel = PROTOCOLS[name].tabel
        return next(row for row in table_statuses(self.settings, catalog_of(self.settings.project)) if row.tabel == tabel)

    def figures(self) -> list[tuple[Any, ...]]:
        """Every published figure, without the delivery that it came from."""
        sql = "select * exclude (snapshot_sha256) from waarde order by gebiedscode, indicator, peiljaar"
        return [tuple(row) for row in ask(current_release(self.settings), sql).rows]

    def basis(self, name: str) -> list[tuple[Any, ...]]:
        """The cells of the delivery in use."""
        protocol, source = PROTOCOLS[name], catalog_of(self.settings.project).sources[PROTOCOLS[name].bron]
        snapshot = archive.current_snapshot(self.settings.raw, protocol.bron, protocol.tabel)
        assert snapshot is not None
        with closing(duckdb.connect()) as con:
            create_basis(con, source)
            staging.stage(con, source, source.table(protocol.tabel), snapshot, 0)
            return con.execute(f'select * from basis."{source.bron}" order by gebiedscode, peiljaar').fetchall()

    def clock(self) -> Clock:
        """From now on the client goes by this clock."""
        clock = Clock()
        self.monkeypatch.setattr(http, "time", clock)
        return clock

    @property
    def survey_file(self) -> Path:
        """The file that is published."""
        return self.server.data / WEB_FILES / "wijkpeiling.csv"

    def rewrite(self, change: Callable[[list[list[str]]], list[list[str]]]) -> None:
        """Change the rows of the published file (heading, units, figures)."""
        rows = list(csv.reader(io.StringIO(self.survey_file.read_text(encoding="utf-8")), delimiter=";"))
        after = change([list(row) for row in rows])
        assert after != rows, "the fault changes nothing"
        self.survey_file.write_text(csv_text(after), encoding="utf-8")


def make_template(project: Path, server: LoopbackServer, home: Path) -> Path:
    """A home with one release of the four protocols; returns it."""
    settings = example_settings(project, server.environment, home)
    result = refresh(settings, Options(render=False))
    assert result.warnings == ()
    return home


def open_four(project: Path, server: LoopbackServer, template: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Four:
    """A copy of the template to break things in."""
    copy_home(template, home)
    return Four(server, example_settings(project, server.environment, home), monkeypatch)
