"""The fault table of sources, cell by cell: each fault over each protocol ends as stated, and never in a wrong number.

Every cell begins with a release and ends with a whole refresh. A fault is refused: exit without a new release, one message that
names source, table and what is wrong, the last figures current and the archive as it was. What is no fault changes no figure.
`test_every_cell_has_a_test` holds the table against the tests that exist, here and in the two files with the cells of OData v3.
"""

import gzip
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from beeld.refresh import Options, fetch
from beeld.settings import Settings
from beeld.sources import http, wfs
from beeld.sources.fetch import Delivered
from beeld.warehouse.status import notices
from tests.loopback import LoopbackServer
from tests.reliability.fault_world import (
    PROTOCOLS,
    WEB_FILES,
    Answer,
    Between,
    Four,
    endless,
    make_data,
    make_project,
    make_template,
    open_four,
    raising,
    rewritten,
    silent_midway,
)
from tests.reliability.worlds import CommandLine, catalog_of, complete

pytestmark = pytest.mark.bronfout
FAULTS = {
    "F1": "connect timeout",
    "F2": "read timeout in the middle of a body",
    "F3": "connection reset",
    "F4": "name that does not resolve",
    "F5": "status 500",
    "F6": "status 502",
    "F7": "status 503 with Retry-After",
    "F8": "status 429",
    "F9": "document cut off",
    "F10": "gzip cut off",
    "F11": "fewer bytes than Content-Length",
    "F12": "login page with status 200",
    "F13": "wrong content type",
    "F14": "empty body with status 200",
    "F15": "page served twice",
    "F16": "pages in a circle",
    "F17": "page missing",
    "F18": "rows in another order",
    "F19": "table changes while it is read",
    "F20": "column renamed",
    "F21": "column removed",
    "F22": "column added",
    "F23": "columns in another order",
    "F24": "unit changed",
    "F25": "decimal comma",
    "F26": "type changed",
    "F27": "values times 10, 100, 1000",
    "F28": "30 per cent of the rows gone",
    "F29": "column empty",
    "F30": "column emptier by more than 20 points",
    "F31": "encoding: byte order mark, UTF-16, invalid bytes, NUL",
    "F32": "region codes: double, unknown, in another spelling",
    "F33": "redirect to http, another host, 127.0.0.1, a file",
    "F34": "body without end, body too large, one byte a second",
}
NOT_APPLICABLE = {
    ("F15", "bestand"): "a file is one reply and has no pages",
    ("F16", "bestand"): "a file is one reply and has no pages",
    ("F17", "bestand"): "a file is one reply and has no pages; a reply that is cut off is F9 to F11",
    ("F18", "bestand"): "a file is one reply and has no pages; the order of its lines is in F23",
    ("F19", "bestand"): "a file is one reply: nothing is asked after it that could differ",
    ("F24", "web"): "features have no units; a service that changes one shows in the size of the figures (F27)",
}
ELSEWHERE = ("tests/reliability/test_faults.py", "tests/reliability/test_drift_faults.py")
"""The files that hold most cells of OData v3, and the page loop of the OGC API."""
Strike = Callable[[Four, str], Any]
"""Sets a fault on a protocol; returns what counts its `hits`: a fault of the server, or a network to go through."""


@dataclass(frozen=True)
class Case:
    """One fault over one protocol: how it is made, what the message says, and the pauses between the tries."""

    strike: Strike
    says: str
    waits: tuple[float, ...] = ()


NIGHTLY = {("F27", "100"), ("F27", "1000"), ("F33", "http://127.0.0.1:1"), ("F34", "too large"), ("F16", "back")}
"""Variants of a cell of which another one runs with every change."""
PATIENT = (1.0, 2.0, 4.0, 8.0)
CASES: list[Any] = []


def case(fault: str, name: str, protocol: str, strike: Strike, says: str, waits: tuple[float, ...] = ()) -> None:
    """A cell, or a part of one, of faults that are refused."""
    marks = [pytest.mark.fout(fault, protocol)]
    if (fault, name) in NIGHTLY:
        marks.append(pytest.mark.nightly)
    CASES.append(pytest.param(Case(strike, says, waits), protocol, marks=marks, id=f"{fault} {name} {protocol}"))


def served(kind: str, **options: Any) -> Strike:
    """A fault of the server in its answers to requests for figures."""
    return lambda four, name: four.server.fault(kind, re.compile(PROTOCOLS[name].data), **options)


def in_table(kind: str, **options: Any) -> Strike:
    """A fault of the server in the figures of the table."""
    return lambda four, name: four.server.fault(kind, table=PROTOCOLS[name].tabel, **options)


def between(answer: Answer) -> Strike:
    """A fault of the network on requests for figures."""
    return lambda _four, name: Between(PROTOCOLS[name].data, answer)


@dataclass
class Rewritten:
    """A published file that was changed where it stands."""

    hits: int = 1


def in_file(change: Callable[[list[list[str]]], list[list[str]]]) -> Strike:
    """Another published file."""

    def strike(four: Four, _name: str) -> Rewritten:
        four.rewrite(change)
        return Rewritten()

    return strike


def cells_of(column: str, change: Callable[[int, str], str]) -> Strike:
    """Another published file: cells of a column as `change` makes them out of number and cell."""

    def rows(found: list[list[str]]) -> list[list[str]]:
        place = found[0].index(column)
        for number, row in enumerate(found[2:]):
            row[place] = change(number, row[place])
        return found

    return in_file(rows)


def features(change: Callable[[int, dict[str, Any]], dict[str, Any]], **options: Any) -> Strike:
    """Features whose properties are as `change` makes them out of number and properties."""

    def function(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "properties": change(number, row["properties"])} for number, row in enumerate(rows)]

    return in_table("mutate", function=function, **options)


def drip(four: Four, name: str) -> Between:
    """One byte a second, by a clock that costs no time."""
    return Between(PROTOCOLS[name].data, endless(b" ", 1.0, four.clock()))


def too_large(four: Four, name: str) -> Between:
    """More bytes than are taken, whatever the service says of their number."""
    four.monkeypatch.setattr(http, "MAX_BYTES", 1 << 20)
    return Between(PROTOCOLS[name].data, endless(b" " * 65536))


def packed_without_end(four: Four, name: str) -> Any:
    """A body that the service never ends."""
    four.monkeypatch.setattr(http, "MAX_BYTES", 1 << 20)
    return served("endless", limit=1 << 26)(four, name)


def changing(pattern: str) -> Strike:
    """A table whose Modified moves with every request."""

    def strike(four: Four, name: str) -> Any:
        table, moments = PROTOCOLS[name].tabel, count(10)

        def move(_request: Any) -> None:
            four.server.set_modified(table, f"2026-09-01T02:00:{next(moments):02d}")

        return four.server.fault("call", pattern, table=table, function=move)

    return strike


def layer_changing(four: Four, name: str) -> Any:
    """A layer that loses features after its first page."""
    table = PROTOCOLS[name].tabel

    def lose(_request: Any) -> None:
        four.server.fault("drop_rows", "resultType=hits", table=table, share=0.2, update_counts=True)

    return four.server.fault("call", re.compile("startIndex=40"), 1, function=lose)


def damaged(body: bytes, byte: bytes) -> bytes:
    """A body with a byte in the middle of its first code of an area."""
    return re.sub(rb"(BU|WK|GM|NL)", lambda found: found[0][:1] + byte, body, count=1)


CUT = {"v3": "cut off", "v4": "cut off", "web": "cut off", "bestand": "cut off"}
NO_JSON = {"v3": "not JSON", "v4": "not JSON", "web": "not JSON", "bestand": "HTML page"}
for protocol in PROTOCOLS:
    case("F1", "", protocol, between(raising(httpx.ConnectTimeout, "timed out")), "ConnectTimeout", PATIENT)
    case("F2", "", protocol, between(silent_midway), "ReadTimeout", PATIENT)
    case("F4", "", protocol, between(raising(httpx.ConnectError, "Name or service not known")), "Name or service", PATIENT)
    for where in ("http://opendata.example.nl/x", "https://elders.example.nl/x", "http://127.0.0.1:1/x", "file:///etc/passwd"):
        case("F33", where.partition("/x")[0], protocol, served("redirect", location=where), "redirects to another place")
    case("F34", "no end", protocol, packed_without_end, "larger than 1048576 bytes")
    case("F34", "too large", protocol, too_large, "larger than 1048576 bytes")
    case("F34", "drip", protocol, drip, "takes longer than 600 s")
    case("F31", "utf-16", protocol, served("encode", encoding="utf-16"), "not JSON|encoding|no csv|cut off")
    case("F31", "invalid", protocol, between(rewritten(lambda body: damaged(body, b"\xff"))), "cut off|encoding")
    case("F31", "NUL", protocol, between(rewritten(lambda body: damaged(body, b"\0"))), "cut off|line 3 holds a NUL")
for protocol in ("v4", "web", "bestand"):
    case("F3", "", protocol, served("reset"), "ReadError|reset", PATIENT)
    case("F5", "", protocol, served("status", code=500), "answers 500", PATIENT)
    case("F6", "", protocol, served("status", code=502), "answers 502", PATIENT)
    case("F7", "", protocol, served("status", code=503, retry_after=7), "answers 503", (7.0,) * 4)
    case("F8", "", protocol, served("status", code=429, retry_after=900), "answers 429", (120.0,) * 4)
    case("F9", "", protocol, served("truncate_body", share=0.71), CUT[protocol])
    case("F10", "", protocol, served("truncate_gzip"), "RemoteProtocolError|DecodingError|cut off")
    case("F11", "", protocol, served("truncate_transfer"), "RemoteProtocolError", PATIENT)
    case("F12", "", protocol, served("html"), NO_JSON[protocol])
    case("F14", "", protocol, served("empty"), "empty body")
    html = served("wrong_content_type", content_type="text/html") if protocol == "bestand" else served("wrong_content_type")
    case("F13", "", protocol, html, "HTML page" if protocol == "bestand" else "text/plain")

case("F15", "", "v4", in_table("duplicate_page"), "twice|where it states")
case("F16", "to itself", "v4", in_table("page_loop", page=2, to=2), "circle")
case("F16", "back", "v4", in_table("page_loop", page=2, to=1), "circle")
case("F17", "", "v4", in_table("missing_page"), "where it states")
case("F19", "", "v4", changing("PeriodenCodes"), "keeps changing")
case("F20", "", "v4", in_table("rename_column", old="M1_1", new="Getals"), "Getal .getal. is missing or renamed.*M1_1")
case("F21", "", "v4", in_table("remove_column", column="M1_1"), "Getal .getal. is missing or renamed")
case("F24", "", "v4", in_table("change_unit", column="M1_1", unit="x 1 000"), "M1_1 .getal. changed its unit")
case("F25", "", "v4", in_table("decimal_comma", column="M1_1"), "10,5.*no number")
case("F26", "", "v4", in_table("change_type", column="M1_1", datatype="String"), "M1_1 .getal. now has type string")
case("F28", "", "v4", in_table("drop_rows", share=0.3, update_counts=True), "the previous delivery had")
case("F29", "", "v4", in_table("null_column", column="M1_1", share=1.0), "no observations|previous delivery had")
case("F30", "", "v4", in_table("null_column", column="M1_1", share=0.4), "previous delivery had")
case("F32", "double", "v4", in_table("duplicate_rows", count=3, update_counts=True), "twice")
case(
    "F32",
    "unknown",
    "v4",
    in_table("mutate", function=lambda rows: [{**rows[0], "WijkenEnBuurten": "BU99999999"}, *rows[1:]]),
    "'BU99999999', which the code list",
)

case("F15", "", "web", in_table("duplicate_page"), "a feature twice")
case("F17", "", "web", in_table("drop_rows", share=0.3), "stops after|it said")
case("F19", "", "web", layer_changing, "it said")
case(
    "F20",
    "",
    "web",
    features(lambda _, row: {"kscor" if key == "kscore" else key: cell for key, cell in row.items()}),
    "kscore .klasse. is missing or renamed; nearest unclaimed field: kscor",
)
case(
    "F21",
    "",
    "web",
    features(lambda _, row: {key: cell for key, cell in row.items() if key != "kscore"}),
    "kscore .klasse. is missing or renamed",
)
case("F25", "", "web", features(lambda _, row: {**row, "kscore": f"{row['kscore']},5"}), "column kscore .klasse. holds '1,5'")
case("F26", "", "web", features(lambda _, row: {**row, "kscore": True}), "column kscore .klasse. .*changed its type")
case("F28", "", "web", in_table("drop_rows", share=0.3, update_counts=True), "the previous delivery had 120")
case("F29", "", "web", features(lambda _, row: {**row, "kscore": None}), "column klasse 2020 is empty")
case("F30", "", "web", features(lambda n, row: {**row, "kscore": None if n % 5 < 2 else row["kscore"]}), "column klasse .*empty")


def with_twin(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first feature once more, as another feature of the same area in another spelling."""
    twin = {**rows[0], "id": "x.tweeling", "properties": {**rows[0]["properties"], "id": rows[0]["properties"]["id"].lower()}}
    return [*rows, twin]


case("F32", "double", "web", in_table("mutate", function=with_twin, update_counts=True), "more than once")
case("F32", "unknown", "web", features(lambda n, row: {**row, "id": "X1" if n < 5 else row["id"]}), "no known region code")

HEAD = "Bekend (%)"
case(
    "F20",
    "",
    "bestand",
    in_file(lambda rows: [[cell.replace(HEAD, "Bekend (%) 18+") for cell in rows[0]], *rows[1:]]),
    r"bekend.*missing or renamed; nearest unclaimed field: bekend \(%\) 18\+",
)
case("F21", "", "bestand", in_file(lambda rows: [[*row[:3], row[4]] for row in rows]), "bekend.*missing or renamed")
case("F24", "", "bestand", in_file(lambda rows: [rows[0], [*rows[1][:3], "x 1 000", "aantal"], *rows[2:]]), "has unit 'x 1 000'")
case("F25", "", "bestand", cells_of(HEAD, lambda _, cell: cell.replace(".", ",")), "'10,5', which is no number")
case("F26", "", "bestand", cells_of(HEAD, lambda _, __: "veel"), "'veel', which is no number")
case("F28", "", "bestand", in_file(lambda rows: rows[: 2 + 84]), "delivers 84 records; the previous delivery had 120")
case("F29", "", "bestand", cells_of(HEAD, lambda _, __: "."), "column bekend 2020 is empty")
case("F30", "", "bestand", cells_of(HEAD, lambda n, cell: "." if n % 5 < 2 else cell), "column bekend .*empty")
case("F32", "double", "bestand", in_file(lambda rows: [*rows, [rows[2][0].lower(), *rows[2][1:]]]), "more than once")
case("F32", "unknown", "bestand", cells_of("Buurtcode", lambda n, cell: "X1" if n < 5 else cell), "no known region code")

for factor in (10, 100, 1000):
    median = f"median {factor} times" if factor == 10 else "median"
    case("F27", str(factor), "v4", in_table("scale_column", column="M1_1", factor=factor), f"column getal .*{median}")
    case(
        "F27",
        str(factor),
        "web",
        features(lambda _, row, factor=factor: {**row, "kscore": row["kscore"] * factor}),
        f"column klasse .*{median}",
    )
    case(
        "F27",
        str(factor),
        "bestand",
        cells_of(HEAD, lambda _, cell, factor=factor: str(float(cell) * factor)),
        f"column bekend .*{median}",
    )
case("F19", "", "v3", changing(PROTOCOLS["v3"].data), "keeps changing")


# ---------------------------------------------------------------- the world


@pytest.fixture(scope="module")
def built(
    example_data: Path, example_project_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, LoopbackServer, Path, Path]]:
    """Project, server, a home with one release, and the published file as it was."""
    folder = tmp_path_factory.mktemp("vier")
    project = make_project(folder / "project", example_project_folder)
    data = make_data(folder / "bronnen", example_data)
    with LoopbackServer(data, page_size=50, v4_page_size=50) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wfs, "COUNT", 40)
        home = make_template(project, server, folder / "huis")
        kept = Path(shutil.copy(data / WEB_FILES / "wijkpeiling.csv", folder))
        yield project, server, home, kept


@pytest.fixture
def four(
    built: tuple[Path, LoopbackServer, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast_retries: list[float]
) -> Iterator[Four]:
    """A home with a release of four protocols, in pages of 40 to 50; afterwards the sources are as they were."""
    project, server, home, kept = built
    found = open_four(project, server, home, tmp_path / "data", monkeypatch)
    yield found
    server.clear_faults()
    for protocol in PROTOCOLS.values():
        server.set_modified(protocol.tabel, None)
    shutil.copy(kept, found.survey_file)


@pytest.mark.parametrize(("case", "protocol"), CASES)
def test_a_fault_is_refused_and_the_last_figures_stand(case: Case, protocol: str, four: Four, fast_retries: list[float]) -> None:
    before, kept = complete(four.settings), four.snapshots(protocol)
    four.news(protocol)
    struck = case.strike(four, protocol)
    result = four.refresh(protocol, transport=struck if isinstance(struck, Between) else None)
    assert struck.hits
    assert (result.new, result.release) == (False, before)
    assert complete(four.settings) == before
    assert four.snapshots(protocol) == kept
    (warning,) = result.warnings
    assert f"{PROTOCOLS[protocol].bron} {PROTOCOLS[protocol].tabel}" in warning
    assert re.search(case.says, warning), warning
    assert "stand" in warning
    assert warning.isprintable()
    assert len(warning) < 600
    assert four.status(protocol).status == "verouderd"
    if case.waits:
        assert fast_retries == pytest.approx(case.waits, rel=0.1)


def reversed_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Columns in the opposite order."""
    return dict(reversed(row.items()))


@pytest.mark.fout("F23", "v3")
@pytest.mark.fout("F31", "v3")
@pytest.mark.fout("F31", "v4")
@pytest.mark.fout("F22", "web")
@pytest.mark.fout("F23", "web")
@pytest.mark.fout("F31", "web")
def test_what_says_the_same_is_the_same_delivery_and_no_new_release(four: Four) -> None:
    """Columns in another order (v3, WFS), a field that nobody asked for (WFS) and a byte order mark (v3, v4, WFS)."""
    names = ("v3", "v4", "web")
    before, kept = complete(four.settings), {name: four.snapshots(name) for name in names}
    four.news(*names)
    faults = [served("bom")(four, name) for name in names]
    faults.append(in_table("mutate", function=lambda rows: [reversed_keys(row) for row in rows])(four, "v3"))
    faults.append(features(lambda _, row: {"nieuw": 1, **reversed_keys(row)})(four, "web"))
    result = four.refresh(*names)
    assert all(fault.hits for fault in faults)
    assert {name: four.snapshots(name) for name in names} == kept
    assert (result.warnings, result.new, complete(four.settings)) == ((), False, before)
    assert {four.status(name).status for name in names} == {"actueel"}


@pytest.mark.fout("F18", "v3")
@pytest.mark.fout("F18", "v4")
@pytest.mark.fout("F18", "web")
@pytest.mark.fout("F22", "v4")
@pytest.mark.fout("F22", "bestand")
@pytest.mark.fout("F23", "v4")
@pytest.mark.fout("F23", "bestand")
@pytest.mark.fout("F31", "bestand")
@pytest.mark.fout("F32", "web")
@pytest.mark.fout("F32", "bestand")
def test_another_order_another_spelling_and_a_new_column_change_no_figure(four: Four) -> None:
    """Every source delivers another document that says the same: a new release with the same figures.

    Rows in the opposite order; measures in another order and one more (v4); columns and lines in another order, one column more
    and a byte order mark (file); codes in lower case and with spaces (features, file).
    """
    names = tuple(PROTOCOLS)
    before, figures, basis = complete(four.settings), four.figures(), {name: four.basis(name) for name in names}
    four.news(*names)
    faults = [in_table("mutate", function=lambda rows: rows[::-1], entity_set=set_name)(four, name) for name, set_name in ORDERS]
    faults.append(in_table("add_column", column="M9", title="Nieuw")(four, "v4"))
    faults.append(features(lambda _, row: {**row, "id": f" {row['id'].lower()} "})(four, "web"))
    faults.append(in_table("mutate", function=lambda rows: rows[::-1])(four, "web"))
    four.rewrite(lambda rows: [*(line(row, n) for n, row in enumerate(rows[:2])), *(line(row, 2) for row in rows[:1:-1])])
    faults.append(served("bom")(four, "bestand"))
    result = four.refresh(*names)
    assert all(fault.hits for fault in faults)
    assert result.new
    assert sorted(result.warnings) == [
        "proef PROEF: accepted with 1 new column: nieuw (aantal, long).",
        "wijkpeiling wijkpeiling: accepted with 1 new column: nieuw.",
    ]
    assert sorted(notices(four.settings)) == sorted(result.warnings), "what `beeld status` says until the next delivery"
    assert complete(four.settings) != before
    assert four.figures() == figures
    assert {name: four.basis(name) for name in names} == basis


ORDERS = (("v3", "TypedDataSet"), ("v4", "Observations"), ("v4", "MeasureCodes"))


def line(row: list[str], number: int) -> list[str]:
    """A line of the file with its columns in the opposite order and one more; the code of a figure in lower case."""
    code, *rest = row
    return ["Nieuw" if number == 0 else "", *reversed(rest), code if number < 2 else f" {code.lower()} "]


SAMPLE = Path(__file__).parents[1] / "samples" / "files" / "gemeente_aanlevering" / "sjabloon.csv"


def test_a_refused_drop_ends_with_6_and_the_other_sources_go_on(four: Four, beeld: CommandLine) -> None:
    """A gemeente's file about persons: nothing of it is stored, the others are looked at, the last release stands."""
    before = complete(four.settings)
    folder = four.settings.home / "aanlevering" / "gemeente_aanlevering"
    folder.mkdir(parents=True)
    (folder / "goed.csv").write_bytes(SAMPLE.read_bytes())
    dropped = folder / "personen.csv"
    dropped.write_text("gebiedscode;bsn;naam\nBU90010101;111222333;KANARIE\n", encoding="utf-8")
    settings = replace(four.settings, only_sources=frozenset({"gemeente_aanlevering", "wijkpeiling"}))
    four.server.clear_log()
    ending = beeld(settings, "refresh", "--no-render")
    assert ending.code == 6
    warning, conclusion = ending.lines
    assert "gemeente_aanlevering sjabloon personen.csv: delivery" in warning
    assert "refused: privacy. Nothing of it was stored" in warning
    assert before in conclusion
    assert complete(settings) == before
    assert [entry.path for entry in four.server.log] == ["/leefbaarometer_bestanden/wijkpeiling.csv"] * 2
    kept = [path for path in four.settings.home.rglob("*") if path.is_file() and path.parent != folder]
    unpacked = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in kept)
    assert not any(b"KANARIE" in content or b"111222333" in content for content in unpacked)

    dropped.unlink()
    four.server.clear_log()
    (found,) = [item for item in delivered(settings) if item.source.bron == "gemeente_aanlevering"]
    assert (found.status, found.warning, found.fetched) == ("actueel", "", True)


def delivered(settings: Settings) -> list[Delivered]:
    """How the tables stand after a look, without building."""
    catalog = catalog_of(settings.project)
    return fetch(settings, Options(), catalog, transport=None, progress=lambda _message: None)


def test_every_cell_has_a_test(request: pytest.FixtureRequest) -> None:
    """Each fault over each protocol is a test or has a reason why it cannot be; nothing is both."""
    found: set[tuple[str, str]] = set()
    root = Path(request.config.rootpath)
    for name in (*ELSEWHERE, Path(__file__).relative_to(root).as_posix()):
        module = pytest.Module.from_parent(request.session, path=root / name)
        items = [item for item in module.collect() if isinstance(item, pytest.Function)]
        found |= {(str(mark.args[0]), str(mark.args[1])) for item in items for mark in item.iter_markers("fout")}
    wanted = {(fault, protocol) for fault in FAULTS for protocol in PROTOCOLS}
    assert sorted(NOT_APPLICABLE.keys() & found) == []
    assert sorted(wanted - found - NOT_APPLICABLE.keys()) == []
    assert sorted(found - wanted) == []
