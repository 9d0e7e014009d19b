"""What a figure may be used for: each cell of the table of METHOD.md section 12, in code, in SQL and in the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.sources.declarations import Source
from beeld.transforms import catalog as catalogs
from beeld.transforms import gate
from beeld.transforms.catalog import Catalog, Indicator, load_catalog
from tests.indicatoren import drawn, scoring

METHOD = """
| telling/registratie, reliable | ● | ● | ● same boundaries | ● | ○ DiD + power |
| telling/registratie, not reliable (SE/value ≥ 0.20) | ● hatched | ○ interval | ○ critical difference | ○ through stability | – |
| publicatiepercentage CBS | ● | ○ error model | ○ | ● | ○ |
| misdrijven (place of incident) | ● | ○ 3-year EB | ○ | ● | ○ |
| modelschatting (SMAP) | ● badge | ○ margins | – | ○ family (a) | – |
| score (Leefbaarometer, SES-WOA) | ● | ○ | ○ one edition | ○ validation | – |
| afstand | ● | ○ in class | ○ | ● | – |
| zorggebruik | ● | ○ | ○ | – | – |
| partner telling | ● if safe | ○ | ○ | – | ○ |
"""
"""The table as METHOD.md section 12 has it: beschrijven, vergelijken, trend, selecteren, evalueren."""
ROWS: tuple[gate.Kind, ...] = (
    "telling", "telling_onbetrouwbaar", "publicatiecijfer", "misdrijven", "modelschatting", "score", "afstand", "zorggebruik",
    "partner",
)  # fmt: skip
MARKS = {"●": "toegestaan", "○": "met_kanttekening", "–": "geweigerd"}
DIFFERS: dict[tuple[str, str], str] = {("partner", "beschrijven"): "met_kanttekening"}
"""● "if safe" is a condition: it is printed as one."""


def cells() -> Iterator[tuple[gate.Kind, gate.Use, str]]:
    for kind, line in zip(ROWS, METHOD.strip().splitlines(), strict=True):
        for use, cell in zip(gate.USES, line.strip("| \n").split(" | ")[1:], strict=True):
            yield kind, use, DIFFERS.get((kind, use), MARKS[cell.strip()[0]])


@pytest.mark.parametrize(("kind", "use", "verdict"), list(cells()))
def test_every_cell_of_the_table(kind: gate.Kind, use: gate.Use, verdict: str) -> None:
    found = gate.rule(kind, use)
    assert found.oordeel == verdict
    assert found.oordeel == "toegestaan" or len(found.reden.split()) > 2


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


def made(catalog: Catalog, name: str, **changes: Any) -> Indicator:
    """An entry of the catalogue with other values; its formula is read anew."""
    return Indicator.model_validate(catalog.indicators[name].model_dump() | changes)


@pytest.mark.parametrize(
    ("name", "changes", "source", "reliable", "kind"),
    [
        ("aandeel_0_15", {}, {}, None, "telling"),
        ("aandeel_0_15", {}, {}, True, "telling"),
        ("aandeel_0_15", {}, {}, False, "telling_onbetrouwbaar"),
        ("aandeel_0_15", {"soort": "steekproef"}, {}, True, "telling_onbetrouwbaar"),
        ("aantal_inwoners", {}, {}, None, "telling"),
        ("aandeel_koopwoningen", {}, {}, None, "publicatiecijfer"),
        ("gemiddeld_inkomen_per_inwoner", {}, {}, None, "publicatiecijfer"),
        ("misdrijven_per_1000", {}, {}, None, "misdrijven"),
        ("misdrijven_per_1000", {}, {}, False, "misdrijven"),
        ("aandeel_eenzaam", {}, {}, None, "modelschatting"),
        ("aandeel_eenzaam", {"soort": "score"}, {}, None, "score"),
        ("afstand_huisarts", {}, {}, None, "afstand"),
        ("aantal_inwoners", {"formule": "wmo_clienten"}, {}, None, "zorggebruik"),
        ("aandeel_0_15", {"formule": "1000.0 * jeugdzorg / aantal_inwoners"}, {}, False, "zorggebruik"),
        ("aantal_inwoners", {}, {"bron": "cbs_wmo"}, None, "zorggebruik"),
        ("aantal_inwoners", {}, {"bron": "politie_overlast"}, None, "misdrijven"),
        ("aantal_inwoners", {"formule": "kwb_geweld"}, {}, None, "misdrijven"),
        ("aantal_inwoners", {}, {"sjabloon": True}, None, "partner"),
    ],
)
def test_the_row_of_a_figure(
    catalog: Catalog, name: str, changes: dict[str, Any], source: dict[str, Any], reliable: bool | None, kind: str
) -> None:
    own = catalog.sources[catalog.indicators[name].bron]
    indicator = made(catalog, name, **changes)
    if "bron" in source:
        own = own.model_copy(update=source)
    if source.get("sjabloon"):
        own = dropped()
    assert gate.kind_of(indicator, own, reliable) == kind


def dropped() -> Source:
    """A source that is delivered in the drop template."""
    return Source.model_validate(
        {
            "bron": "aanlevering_voorbeeld",
            "titel": "A",
            "uitgever": "Voorbeeldgemeente",
            "licentie": "CC0",
            "protocol": "bestand",
            "dienst": "aanlevering",
            "velden": {"gebied": ["gebiedscode"], "jaar": ["peiljaar"]},
            "kolommen": {"aantal_inwoners": {"onderwerpen": [{"naam": "aantal_inwoners"}]}},
            "tabellen": [{"tabel": "aanlevering", "bestand": {"patroon": "*.csv", "sjabloon": True}}],
        }
    )


def test_the_columns_that_name_a_kind_exist(catalog: Catalog) -> None:
    """A renamed column or source would silently become an ordinary count."""
    assert set(catalog.sources) >= gate.CARE_SOURCES | gate.CRIME_SOURCES
    assert set(catalog.sources["cbs_kwb"].kolommen) >= gate.CARE_COLUMNS | gate.CRIME_COLUMNS


def test_what_is_not_declared_is_refused_and_what_is_refused_cannot_be_declared(catalog: Catalog) -> None:
    source = catalog.sources["cbs_kwb"]
    plain = catalog.indicators["aandeel_0_15"]
    assert gate.decide(plain, source, "selecteren") == gate.Decision("selecteren", "geweigerd", gate.NOT_DECLARED)
    assert gate.decide(made(catalog, "aandeel_0_15", gebruik=("selecteren",)), source, "selecteren").oordeel == "toegestaan"
    modelled = made(catalog, "aandeel_eenzaam", gebruik=gate.USES)
    assert gate.decide(modelled, catalog.sources["rivm_gezondheid"], "trend") == gate.rule("modelschatting", "trend")


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("aandeel_eenzaam", {"gebruik": ("beschrijven", "trend")}, "modelschatting never has trend"),
        ("aandeel_eenzaam", {"gebruik": ("beschrijven", "evalueren")}, "modelschatting never has evalueren"),
        ("afstand_huisarts", {"gebruik": ("selecteren", "evalueren")}, "afstand never has evalueren"),
        ("aantal_inwoners", {"formule": "wmo_clienten", "gebruik": ("selecteren",)}, "zorggebruik never has selecteren"),
        ("aantal_inwoners", {"formule": "jeugdzorg", "gebruik": ("evalueren",)}, "zorggebruik never has evalueren"),
        ("aandeel_rokers", {"soort": "score", "gebruik": ("selecteren", "evalueren")}, "score never has evalueren"),
        ("aandeel_0_15", {"soort": "steekproef", "gebruik": ("evalueren",)}, "telling_onbetrouwbaar never has evalueren"),
        ("bijstand_per_1000_15_65", {"gebruik": ("beschrijven",)}, "kern enters the theme score"),
    ],
)
def test_the_catalogue_refuses_what_a_kind_may_never_have(
    catalog: Catalog, name: str, changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = made(catalog, name, **changes)
    source = catalog.sources[wrong.bron]
    assert words in "; ".join(gate.never(wrong, source))
    entry = wrong.model_dump(mode="json")
    if "formule" in changes:
        entry["voorbeeld"] = {changes["formule"]: 5, "waarde": 5}
    monkeypatch.setattr(catalogs, "_entries", lambda path: {name: entry} if path.stem == "indicatoren" else _themes(catalog))
    with pytest.raises(UsageError, match=words):
        load_catalog(project_folder())


def _themes(catalog: Catalog) -> dict[str, Any]:
    return {name: theme.model_dump() for name, theme in catalog.themes.items()}


# ---------------------------------------------------------------- in the warehouse


@pytest.fixture
def con(catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in which every indicator, also with every use declared, has a value that says nothing against it."""
    willing = {n: i.model_copy(update={"gebruik": gate.USES}) for n, i in catalog.indicators.items()}
    everything = replace(catalog, indicators=willing)
    with closing(drawn.open_database(project_folder())) as connection:
        scoring.insert_areas(connection, ["BU00140000"])
        scoring.insert_values(connection, everything, {name: {"BU00140000": 5.0} for name in willing})
        gate.describe_uses(connection, everything)
        yield connection


@pytest.mark.parametrize("use", ["trend", "selecteren", "evalueren"])
def test_no_modelled_figure_is_in_a_view_that_follows_ranks_or_evaluates(con: duckdb.DuckDBPyConnection, use: str) -> None:
    rows = con.execute(f"select i.soort, count(*) from waarde_{use} join indicator as i using (indicator) group by 1").fetchall()
    kinds = dict(rows)
    assert "modelschatting" not in kinds
    assert kinds["registratie"] > 5, "the view is not just empty"


def test_the_views_hold_what_the_gate_allows(con: duckdb.DuckDBPyConnection) -> None:
    for use in ("vergelijken", "trend", "evalueren"):
        allowed = con.execute(
            "select indicator from weigering where gebruik = ? and oordeel <> 'geweigerd' order by 1", [use]
        ).fetchall()
        assert con.execute(f"select distinct indicator from waarde_{use} order by 1").fetchall() == allowed


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ("reden = 'grens niet getoetst'", {"trend", "evalueren"}),
        ("reden = 'herverdeeld met adressen, fout ±0,3'", {"trend", "evalueren"}),
        ("betrouwbaar = false", {"evalueren"}),
        (
            "waarde = null, status = 'geheim', reden = 'geheim volgens de bron'",
            {"vergelijken", "trend", "selecteren", "evalueren"},
        ),
    ],
)
def test_a_single_figure_can_fall_out(con: duckdb.DuckDBPyConnection, change: str, gone: set[str]) -> None:
    uses = ("vergelijken", "trend", "selecteren", "evalueren")
    name = "bijstand_per_1000_15_65"

    def present() -> set[str]:
        return {u for u in uses if con.execute(f"select 1 from waarde_{u} where indicator = ?", [name]).fetchall()}

    assert present() == set(uses)
    con.execute(f"update waarde set {change} where indicator = ?", [name])
    assert present() == set(uses) - gone


def test_the_scores_take_only_what_may_select(catalog: Catalog) -> None:
    """Each core figure is allowed to select; a modelled one with the note that makes it part of the family of income."""
    for theme in catalog.scored_themes:
        for name in catalog.core(theme):
            indicator = catalog.indicators[name]
            found = gate.decide(indicator, catalog.sources[indicator.bron], "selecteren")
            assert found.allowed, name
            if indicator.soort == "modelschatting":
                assert (found.oordeel, indicator.familie) == ("met_kanttekening", "inkomen"), name


def test_the_scores_step_reads_what_the_gate_allows(catalog: Catalog) -> None:
    with closing(drawn.open_database(project_folder())) as connection:
        scoring.compute(connection, catalog, project_folder(), {"misdrijven_per_1000": {"BU00140000": 5.0, "BU00140001": 6.0}})
        used = {name for (name,) in connection.execute("select indicator from werk.kern").fetchall()}
        gate.describe_uses(connection, catalog)
        refused = connection.execute(
            "select indicator from weigering where gebruik = 'selecteren' and oordeel = 'geweigerd'"
        ).fetchall()
    assert len(used) > 10
    assert not used & {name for (name,) in refused}
