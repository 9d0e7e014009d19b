"""A source that fails: with no earlier delivery an exit code and nothing published, with one a warning and the last figures."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from beeld.sources import ogc
from tests.reliability.worlds import HOSTS, TABLES, CommandLine, World, complete

pytestmark = pytest.mark.bronfout
UNREACHABLE, CHANGED = 3, 4
DATA = r"(Untyped|Typed)DataSet\?"
COLUMNS = {
    "84799NED": ("AantalInwoners_5", "AantalInwonertal_5"),
    "85984NED": ("HuishoudensTotaal_29", "HuishoudensTotal_29"),
    "47022NED": ("GeregistreerdeMisdrijven_4", "GeregistreerdMisdrijf_4"),
    "50090NED": ("Eenzaam_28", "Eenzaamheid_28"),
}
"""Per table a required column and a name that it might get."""


@dataclass(frozen=True)
class Case:
    """One fault: what it is, how the refresh ends when nothing was ever delivered, what the message says."""

    kind: str
    code: int
    says: str
    match: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: str = ""
    """Its number in the table of source faults (test_fault_matrix.py)."""

    def marks(self, protocol: str) -> list[pytest.MarkDecorator]:
        """The cell of that table that this case fills."""
        return [pytest.mark.fout(self.fault, protocol)] if self.fault else []

    def strike(self, world: World, table: str) -> None:
        """Set the fault on a table."""
        column, name = COLUMNS.get(table, ("", ""))
        known = {"column": column, "old": column, "new": name}
        options = {key: known.get(key, value) if value is ... else value for key, value in self.options.items()}
        if table not in COLUMNS:  # boundaries have a second way, which must not hide the fault of the first
            world.server.down("wfs")
        world.server.fault(self.kind, self.match, table=table, **options)


FIVE = {
    "page cut in half": Case("truncate_body", UNREACHABLE, "cut off", DATA, fault="F9"),
    "page served twice": Case("duplicate_page", CHANGED, "twice", fault="F15"),
    "next link in a loop": Case("page_loop", CHANGED, "circle|twice|more pages", options={"page": 2, "to": 2}, fault="F16"),
    "html with status 200": Case("html", CHANGED, "not JSON", DATA, fault="F12"),
    "renamed column": Case("rename_column", CHANGED, "renamed", options={"old": ..., "new": ...}, fault="F20"),
}
"""The faults that the first issue names; with an earlier delivery each on every OData table."""

TRANSPORT = {
    "truncated transfer": Case("truncate_transfer", UNREACHABLE, "RemoteProtocolError", DATA, fault="F11"),
    "truncated gzip": Case("truncate_gzip", UNREACHABLE, "RemoteProtocolError|DecodingError|cut off", DATA, fault="F10"),
    "connection reset": Case("reset", UNREACHABLE, "ReadError|reset", DATA, fault="F3"),
    "connection closed": Case("close", UNREACHABLE, "disconnected", DATA),
    "status 500": Case("status", UNREACHABLE, "500", DATA, {"code": 500}, fault="F5"),
    "status 502": Case("status", UNREACHABLE, "502", DATA, {"code": 502}, fault="F6"),
    "status 503 with Retry-After": Case("status", UNREACHABLE, "503", DATA, {"code": 503, "retry_after": 7}, fault="F7"),
    "status 429 with Retry-After": Case("status", UNREACHABLE, "429", DATA, {"code": 429, "retry_after": 7}, fault="F8"),
    "status 403": Case("status", UNREACHABLE, "403", DATA, {"code": 403}),
    "metadata cut in half": Case("truncate_body", UNREACHABLE, "cut off", "DataProperties"),
}
SHAPE = {
    "empty body": Case("empty", CHANGED, "empty", DATA, fault="F14"),
    "wrong content type": Case("wrong_content_type", CHANGED, "text/plain", DATA, fault="F13"),
    "html instead of metadata": Case("html", CHANGED, "not JSON", "TableInfos"),
    "missing page": Case("missing_page", CHANGED, "where it states", fault="F17"),
    "two pages in a circle": Case("page_loop", CHANGED, "circle|twice|more pages", options={"page": 2, "to": 1}),
    "redirect to another host": Case("redirect", CHANGED, "redirect", DATA, {"location": "http://127.0.0.2:9/page"}),
    "redirect to a file": Case("redirect", CHANGED, "redirect", DATA, {"location": "file:///etc/passwd"}),
    "redirect to another port": Case("redirect", CHANGED, "redirect", DATA, {"location": "http://127.0.0.1:1/page"}),
    "column gone": Case("remove_column", CHANGED, "missing or renamed|is gone", options={"column": ...}, fault="F21"),
    "column gone from the rows": Case("rename_only_in_data", CHANGED, "lack column", options={"old": ..., "new": ...}),
    "changed unit": Case("change_unit", CHANGED, "changed its unit", options={"column": ..., "unit": "x 1 000"}, fault="F24"),
    "changed type": Case("change_type", CHANGED, "type", options={"column": ..., "datatype": "String"}, fault="F26"),
    "rows lost": Case("drop_rows", CHANGED, "where it states", options={"share": 0.3}),
    "rows twice": Case("duplicate_rows", CHANGED, "twice", options={"count": 5}, fault="F32"),
    "bytes that are not UTF-8": Case("encode", CHANGED, "not JSON", DATA, {"encoding": "utf-16"}),
}
ODATA = [
    pytest.param(case, "50090NED", id=f"{name}-50090NED", marks=case.marks("v3"))
    for name, case in (FIVE | TRANSPORT | SHAPE).items()
]
MORE = [
    pytest.param(case, table, id=f"{name}-{table}")
    for name, case in FIVE.items()
    for table in ("84799NED", "85984NED", "47022NED")
]


def without_code(feature: dict[str, Any]) -> dict[str, Any]:
    """A feature that does not say of which area it is."""
    return {**feature, "properties": {key: text for key, text in feature["properties"].items() if key != "statcode"}}


ITEMS = r"/items\?"
BOUNDARIES = {
    "page cut in half": Case("truncate_body", UNREACHABLE, "cut off", ITEMS),
    "truncated transfer": Case("truncate_transfer", UNREACHABLE, "RemoteProtocolError", ITEMS),
    "connection reset": Case("reset", UNREACHABLE, "ReadError|reset", ITEMS),
    "status 503": Case("status", UNREACHABLE, "503", ITEMS, {"code": 503}),
    "page served twice": Case("duplicate_page", CHANGED, "twice"),
    "next link in a loop": Case("page_loop", CHANGED, "circle|twice", options={"page": 2, "to": 2}, fault="F16"),
    "html with status 200": Case("html", CHANGED, "not JSON", ITEMS),
    "html instead of the description": Case("html", CHANGED, "not JSON", r"gegeneraliseerd\?f=json$"),
    "empty body": Case("empty", CHANGED, "empty", ITEMS),
    "wrong content type": Case("wrong_content_type", CHANGED, "text/plain", ITEMS),
    "redirect to another host": Case("redirect", CHANGED, "redirect", ITEMS, {"location": "https://elders.example/items"}),
    "feature without a code": Case(
        "mutate", CHANGED, "statcode", options={"function": lambda rows: [without_code(row) for row in rows]}
    ),
}
OGC = [pytest.param(case, "buurt_gegeneraliseerd", id=name, marks=case.marks("web")) for name, case in BOUNDARIES.items()]
ALL = [*ODATA, *OGC]


@pytest.fixture(autouse=True)
def boundaries_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """150 buurten make three pages."""
    monkeypatch.setattr(ogc, "LIMIT", 50)


def one_message(text: str, table: str, says: str) -> None:
    """A message names source and table, says what is wrong, and is one line of printable text."""
    assert TABLES[table] in text
    assert table in text
    assert re.search(says, text), text
    assert text.isprintable()
    assert len(text) < 600


# ---------------------------------------------------------------- nothing was ever delivered


@pytest.mark.parametrize(("case", "table"), ALL)
def test_without_an_earlier_delivery_the_refresh_fails_and_publishes_nothing(
    case: Case, table: str, world: World, beeld: CommandLine
) -> None:
    world.forget(table)
    case.strike(world, table)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == case.code
    assert ending.out == ""
    assert len(ending.lines) == 1
    one_message(ending.err.strip(), table, case.says)
    assert not world.settings.current.exists()
    assert world.snapshots(table) == []
    assert world.status(table).status == "niet_geleverd"


@pytest.mark.parametrize(("name", "table"), [(name, "85984NED") for name in FIVE])
def test_in_an_empty_home_too(name: str, table: str, empty_world: World, beeld: CommandLine) -> None:
    case = FIVE[name]
    case.strike(empty_world, table)
    ending = beeld(empty_world.settings, "refresh", "--no-render")
    assert ending.code == case.code
    one_message(ending.err.strip(), table, case.says)
    assert not empty_world.settings.current.exists()
    assert not empty_world.settings.releases.exists()
    assert empty_world.snapshots(table) == []
    assert all(empty_world.snapshots(other) for other in TABLES if other != table), "the other sources had their turn"


# ---------------------------------------------------------------- there is an earlier delivery


@pytest.mark.parametrize(("case", "table"), [*ALL, *MORE])
def test_with_an_earlier_delivery_the_last_figures_stand_and_a_warning_says_so(
    case: Case, table: str, world: World, beeld: CommandLine
) -> None:
    before, kept = complete(world.settings), world.snapshots(table)
    world.news(table)
    case.strike(world, table)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    warning, conclusion = ending.lines
    assert warning.startswith("warning: ")
    one_message(warning, table, case.says)
    assert "stand" in warning
    if "column" in case.options or "old" in case.options:
        assert COLUMNS[table][0].partition("_")[0] in warning
    assert before in conclusion
    assert complete(world.settings) == before
    assert world.snapshots(table) == kept
    row = world.status(table)
    assert row.status == "verouderd"
    one_message(row.laatste_fout or "", table, case.says)
    assert row.opgehaald is not None

    # The fault passes: the next refresh fetches the table, and nothing of the fault is left.
    world.server.clear_faults()
    world.server.clear_log()
    assert [item.status for item in world.look()] == ["actueel"] * len(TABLES)
    assert {entry.path.split("/")[-2] for entry in world.server.data_page_requests()} == {table}
    assert (world.status(table).status, world.status(table).laatste_fout) == ("actueel", None)


@pytest.mark.parametrize("name", ["page cut in half", "renamed column"])
def test_with_strict_a_fault_is_fatal_and_the_release_stands(name: str, world: World, beeld: CommandLine) -> None:
    before, case = complete(world.settings), FIVE[name]
    world.news("50090NED")
    case.strike(world, "50090NED")
    ending = beeld(world.settings, "refresh", "--no-render", "--strict")
    assert ending.code == case.code
    one_message(ending.err.strip(), "50090NED", case.says)
    assert complete(world.settings) == before


def test_after_a_fault_a_refresh_publishes_the_new_figures(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    world.news("85984NED")
    FIVE["page served twice"].strike(world, "85984NED")
    assert beeld(world.settings, "refresh", "--no-render").code == 0
    world.server.clear_faults()
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    assert "published" in ending.err
    assert "warning" not in ending.err
    assert complete(world.settings) != before
    assert (world.settings.releases / before).is_dir()


# ---------------------------------------------------------------- fewer rows, other figures


@pytest.mark.fout("F28", "v3")
def test_a_delivery_with_30_percent_fewer_rows_is_refused(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    world.news("50090NED")
    world.server.fault("drop_rows", table="50090NED", share=0.3, update_counts=True)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    one_message(ending.lines[0], "50090NED", "rows; the previous delivery had 1122")
    assert complete(world.settings) == before


@pytest.mark.fout("F25", "v3")
@pytest.mark.parametrize(("table", "column"), [("50090NED", "Eenzaam_28"), ("84799NED", "AfstandTotHuisartsenpraktijk_105")])
def test_a_decimal_comma_is_refused_at_the_door(table: str, column: str, world: World, beeld: CommandLine) -> None:
    before, kept = complete(world.settings), world.snapshots(table)
    world.news(table)
    world.server.fault("decimal_comma", table=table, column=column)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    one_message(ending.lines[0], table, f"{column}.*no number|{column}.*type")
    assert complete(world.settings) == before
    assert world.snapshots(table) == kept

    world.forget(table)
    assert beeld(world.settings, "refresh", "--no-render").code == CHANGED


def lowered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first buurt once more, in lower case: another spelling of the same area."""
    twin = {key: value.lower() if key == "WijkenEnBuurten" else value for key, value in rows[3].items()}
    return [*rows, twin]


def test_the_same_area_in_another_spelling_is_refused_at_the_door(world: World, beeld: CommandLine) -> None:
    kept = world.snapshots("84799NED")
    world.news("84799NED")
    world.server.fault("mutate", table="84799NED", function=lowered, update_counts=True)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    one_message(ending.lines[0], "84799NED", "twice")
    assert world.snapshots("84799NED") == kept


def test_a_known_figure_that_does_not_come_out_blocks_publication(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    world.news("84799NED")
    world.server.fault("scale_column", table="84799NED", column="AantalInwoners_5", factor=1.01)
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 5
    assert len(ending.lines) == 1
    assert "cbs_kwb aantal_inwoners: NL00 2020" in ending.err
    assert complete(world.settings) == before
    assert sorted(path.name for path in world.settings.releases.iterdir()) == [before, "volgorde.txt"]


# ---------------------------------------------------------------- what is no fault


def test_retry_after_is_honoured_and_capped(world: World, fast_retries: list[float], beeld: CommandLine) -> None:
    world.news("50090NED")
    world.server.fault("status", DATA, 1, table="50090NED", code=503, retry_after=7)
    world.server.fault("status", DATA, 1, after=1, table="50090NED", code=429, retry_after=900)
    assert [item.status for item in world.look()] == ["actueel"] * len(TABLES)
    assert sorted(fast_retries) == [7.0, 120.0]


def test_a_fault_that_passes_is_not_noticed(world: World, fast_retries: list[float]) -> None:
    world.news("50090NED")
    world.server.fault("truncate_body", DATA, 4, table="50090NED")
    assert [item.warning for item in world.look()] == [""] * len(TABLES)
    assert [round(seconds, -0) for seconds in fast_retries] == pytest.approx([1, 2, 4, 8], abs=1)
    assert len(world.snapshots("50090NED")) == 2


def test_a_refusal_is_not_asked_again(world: World, fast_retries: list[float]) -> None:
    world.news("50090NED")
    world.server.fault("status", DATA, table="50090NED", code=403)
    assert world.look()[-1].status == "verouderd"
    assert fast_retries == []


def reordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Columns in the opposite order."""
    return [dict(reversed(row.items())) for row in rows]


@pytest.mark.fout("F22", "v3")
@pytest.mark.fout("F31", "v3")
def test_a_byte_order_mark_a_new_column_and_another_order_of_columns_change_no_figure(world: World, beeld: CommandLine) -> None:
    figures = "select * exclude (snapshot_sha256) from waarde order by gebiedscode, indicator, peiljaar"
    before, expected = complete(world.settings), world.query(figures)
    world.news("85984NED")
    faults = [
        world.server.fault("bom", DATA, table="85984NED"),
        world.server.fault("add_column", table="85984NED", column="Nieuw_122", value="1"),
        world.server.fault("mutate", table="85984NED", function=reordered),
    ]
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    warning, _conclusion = ending.lines
    assert warning == "warning: cbs_kwb 85984NED: accepted with 1 new column: nieuw (aantal, long)."
    assert all(fault.hits for fault in faults)
    assert complete(world.settings) != before
    assert world.query(figures) == expected


# ---------------------------------------------------------------- a whole host, a table that is not listed


def test_a_host_that_is_gone_takes_no_other_with_it(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    for table in HOSTS:
        world.news(table)
    world.server.down("derden")
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    *warnings, conclusion = ending.lines
    assert [warning.split(":")[1].split()[1] for warning in warnings] == ["47022NED", "50090NED"]
    assert "published" in conclusion
    assert complete(world.settings) != before
    assert {table for table in TABLES if world.status(table).status == "verouderd"} == {"47022NED", "50090NED"}
    assert {table for table in TABLES if len(world.snapshots(table)) == 2} == {"84799NED", "85984NED"}


@pytest.mark.parametrize(("host", "code"), [("cbs", 3), ("derden", 3), ("pdok", 3)])
def test_a_host_that_was_never_there(host: str, code: int, empty_world: World, beeld: CommandLine) -> None:
    empty_world.server.down(host)
    ending = beeld(empty_world.settings, "refresh", "--no-render")
    assert ending.code == code
    assert len(ending.lines) == 1
    table = next(name for name in TABLES if HOSTS.get(name, "pdok") == host)
    assert TABLES[table] in ending.err
    assert not empty_world.settings.current.exists()


def test_a_table_that_the_catalogue_does_not_list_counts_as_not_delivered(empty_world: World, beeld: CommandLine) -> None:
    empty_world.server.hide("47022NED")
    ending = beeld(empty_world.settings, "refresh", "--no-render")
    assert ending.code == 0
    one_message(ending.lines[0], "47022NED", "does not list")
    complete(empty_world.settings)
    assert empty_world.status("47022NED").status == "niet_geleverd"
    rows = empty_world.query("select distinct status from waarde where indicator = 'misdrijven_per_1000'")
    assert rows in ([], [("niet_geleverd",)])
    assert empty_world.query("select status from bron where tabel = '47022NED'") == [("niet_geleverd",)]


def test_a_table_that_leaves_the_catalogue_keeps_its_last_figures(world: World, beeld: CommandLine) -> None:
    before = complete(world.settings)
    world.server.hide("50090NED")
    ending = beeld(world.settings, "refresh", "--no-render")
    assert ending.code == 0
    one_message(ending.lines[0], "50090NED", "does not list.*stand")
    assert complete(world.settings) == before
    assert world.status("50090NED").status == "verouderd"
    world.server.show("50090NED")
    world.look()
    assert world.status("50090NED").status == "actueel"
