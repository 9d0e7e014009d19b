"""The catalogue: mistakes name file and entry, unknown keys are refused, and METHOD.md's rules hold for every entry."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.gate import USES, kind_of, rule

CONTRACT_IDS = {
    "aantal_inwoners",
    "aantal_huishoudens",
    "aandeel_0_15",
    "aandeel_65_plus",
    "aandeel_eenpersoonshuishoudens",
    "bevolkingsdichtheid",
    "stedelijkheid",
    "bijstand_per_1000_15_65",
    "gemiddeld_inkomen_per_inwoner",
    "gemiddelde_woz_waarde",
    "aandeel_koopwoningen",
    "afstand_huisarts",
    "afstand_supermarkt",
    "afstand_basisschool",
    "aandeel_eenzaam",
    "aandeel_ernstig_eenzaam",
    "aandeel_eenzaam_65_plus",
    "aandeel_moeite_rondkomen",
    "aandeel_veel_stress",
    "aandeel_angst_depressie",
    "aandeel_vrijwilligers",
    "aandeel_mantelzorgers",
    "aandeel_regie",
    "aandeel_goede_gezondheid",
    "misdrijven_per_1000",
}

Change = Callable[[dict[str, Any]], None]
WORKING_LIST = Path(__file__).parents[3] / "shared" / "facts" / "indicatoren.csv"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def two_entries() -> str:
    """The two entries that the tests below spoil; the whole catalogue takes long to read fifty times."""
    content = yaml.safe_load((project_folder() / "transforms" / "indicatoren.yaml").read_text(encoding="utf-8"))
    return yaml.safe_dump({name: content[name] for name in (EENPERSOONS, EENZAAM)}, allow_unicode=True)


@pytest.fixture
def project(tmp_path: Path, two_entries: str) -> Path:
    """A copy of the declarations, with two indicators, that a test may spoil."""
    for name in ("sources", "transforms"):
        shutil.copytree(project_folder() / name, tmp_path / name)
    (tmp_path / "transforms" / "indicatoren.yaml").write_text(two_entries, encoding="utf-8")
    return tmp_path


def spoil(project: Path, name: str, change: Change) -> Path:
    """Change the content of one declaration file."""
    path = project / name
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def put(entry: str, key: str, value: Any) -> Change:
    """A change of one key of one entry."""
    return lambda content: content[entry].__setitem__(key, value)


EENPERSOONS, EENZAAM = "aandeel_eenpersoonshuishoudens", "aandeel_eenzaam"


@pytest.mark.parametrize(
    ("entry", "key", "value", "words"),
    [
        (EENPERSOONS, "extra", 1, "extra"),
        (EENPERSOONS, "thema", "onbekend_thema", "onbekend_thema"),
        (EENPERSOONS, "bron", "onbekende_bron", "onbekende_bron"),
        (EENPERSOONS, "formule", "100.0 * bestaat_niet / huishoudens", "bestaat_niet"),
        (EENPERSOONS, "formule", "100.0 * nergens.kolom / huishoudens", "nergens"),
        (EENPERSOONS, "formule", "sum(huishoudens)", "neither a column nor"),
        (EENPERSOONS, "formule", "gemeentenaam", "text, not numbers"),
        (EENPERSOONS, "formule", "100.0 * huishoudens / gemeentenaam", "text, not numbers"),
        (
            EENPERSOONS,
            "voorbeeld",
            {"eenpersoonshuishoudens": 50, "huishoudens": 200, "waarde": 26.0},
            "worked example gives 25.0",
        ),
        (EENPERSOONS, "voorbeeld", {"eenpersoonshuishoudens": 50, "waarde": 25.0}, "worked example gives None"),
        (EENPERSOONS, "rol", "hoofd", "rol"),
        (EENPERSOONS, "decimalen", 7, "decimalen"),
        (EENPERSOONS, "gebruik", ["rangschikken"], "gebruik"),
        (EENPERSOONS, "samenvoegen", "som", "som does not fit a rate"),
        (EENZAAM, "samenvoegen", "verhouding", "verhouding needs a formula"),
        (EENZAAM, "noemer", None, "gewogen needs a noemer"),
        (EENZAAM, "noemer", "cbs_kwb.bestaat_niet", "bestaat_niet"),
        (EENZAAM, "foutmodel", "binomiaal", "binomiaal needs a formula"),
        (EENZAAM, "krimp", True, "krimp needs a formula"),
    ],
)
def test_a_mistake_names_file_and_entry(entry: str, key: str, value: Any, words: str, project: Path) -> None:
    path = spoil(project, "transforms/indicatoren.yaml", put(entry, key, value))
    with pytest.raises(UsageError) as failure:
        load_catalog(project)
    assert words in str(failure.value)
    assert entry in str(failure.value) or "Eenpersoonshuishoudens" in str(failure.value)
    assert path.name in str(failure.value)


@pytest.mark.parametrize(
    "name", ["Hoofdletter", "met spatie", "quote'--", 'dubbel"', "a; drop table waarde", "a\n", "", "ï", "1a"]
)
@pytest.mark.parametrize("file", ["indicatoren", "themas"])
def test_names_of_entries_become_sql_and_are_identifiers(file: str, name: str, project: Path) -> None:
    def rename(content: dict[str, Any]) -> None:
        content[name] = content.pop(next(iter(content)))

    path = spoil(project, f"transforms/{file}.yaml", rename)
    with pytest.raises(UsageError, match="entries need names") as failure:
        load_catalog(project)
    assert str(path) in str(failure.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text", "42"])
def test_a_file_without_entries(text: str, project: Path) -> None:
    (project / "transforms" / "indicatoren.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"indicatoren\.yaml"):
        load_catalog(project)


@pytest.mark.parametrize("text", ["a: [", "a: *b", "\t- x", "!!python/object/apply:os.system [id]"])
def test_a_file_that_is_no_yaml(text: str, project: Path) -> None:
    (project / "transforms" / "themas.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"themas\.yaml"):
        load_catalog(project)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[0].update(extra=1),
        lambda content: content[0].update(id="Met Hoofdletter"),
        lambda content: content[0].update(id="../../weg"),
        lambda content: content[0].update(buurten=[]),
    ],
)
def test_unions(change: Change, project: Path) -> None:
    spoil(project, "transforms/gebieden.yaml", change)
    with pytest.raises(UsageError, match=r"gebieden\.yaml"):
        load_catalog(project)


def test_unions_of_the_home_are_added(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "thuis"
    home.mkdir()
    text = "- {id: eigen, naam: Eigen, buurten: [BU07480200], indeling_jaar: 2024}\n"
    (home / "gebieden.yaml").write_text(text, encoding="utf-8")
    assert [union.code for union in load_catalog(project, home).unions] == ["SG-gageldonk-warande", "SG-eigen"]


def test_a_source_stands_in_its_own_file(project: Path) -> None:
    (project / "sources" / "cbs_kwb.yaml").rename(project / "sources" / "anders.yaml")
    with pytest.raises(UsageError, match=r"must stand in cbs_kwb\.yaml"):
        load_catalog(project)


# ---------------------------------------------------------------- METHOD.md and CONTRACT.md, for every entry


def test_every_id_of_the_contract_exists(catalog: Catalog) -> None:
    assert set(catalog.indicators) >= CONTRACT_IDS
    assert len(catalog.indicators) >= 75


NO_OPEN_FIGURE = {"arm_schulden", "coh_vm_samenhang", "coh_opkomst", "psy_lvb", "vei_vm_onveilig"}
"""Working ids without an open figure per buurt: printed as a gap (themas.yaml), never filled."""


def test_every_working_id_is_an_indicator_or_a_gap_that_is_printed(catalog: Catalog) -> None:
    """facts/indicatoren.csv names 85 figures; where it lies beside the checkout, each of them is accounted for."""
    mapped = {indicator.werknaam for indicator in catalog.indicators.values()} - {None}
    assert not mapped & NO_OPEN_FIGURE
    if not WORKING_LIST.is_file():
        pytest.skip(f"{WORKING_LIST} is not there")
    with WORKING_LIST.open(encoding="utf-8") as file:
        wanted = {row["id"] for row in csv.DictReader(file)}
    assert mapped | NO_OPEN_FIGURE == wanted
    assert len(wanted) == 85


@pytest.mark.parametrize(
    ("theme", "words"),
    [
        ("armoede", "problematische schulden"),
        ("cohesie", "Veiligheidsmonitor"),
        ("cohesie", "opkomst bij verkiezingen"),
        ("psychisch", "laag IQ en verslaving"),
        ("veiligheid", "ervaren onveiligheid"),
    ],
)
def test_what_has_no_open_figure_is_printed_as_a_gap(theme: str, words: str, catalog: Catalog) -> None:
    assert any(words in line for line in catalog.themes[theme].geen_cijfer)


def test_origin_never_enters_a_score(catalog: Catalog) -> None:
    """METHOD.md 2: "Herkomst never enters a score"."""
    about_origin = [name for name, indicator in catalog.indicators.items() if indicator.herkomst]
    assert about_origin == ["aandeel_herkomst_buiten_europa"]
    core = {name for theme in catalog.themes for name in catalog.core(theme)}
    assert not core & set(about_origin)


ORIGIN = {"formule": "100.0 * herkomst_buiten_europa / huishoudens", "voorbeeld": {}, "richting": "neutraal", "rol": "context"}
ORIGIN |= {"voorbeeld": {"herkomst_buiten_europa": 50, "huishoudens": 200, "waarde": 25.0}, "gebruik": ["beschrijven"]}


@pytest.mark.parametrize(
    ("entry", "changes", "words"),
    [
        (EENPERSOONS, ORIGIN, "needs 'herkomst: true'"),
        (EENPERSOONS, {**ORIGIN, "formule": "100.0 * niet_westers / huishoudens"}, "needs 'herkomst: true'"),
        (EENPERSOONS, {**ORIGIN, "herkomst": True, "rol": "kern", "richting": "ongunstig"}, "herkomst never enters a score"),
        (EENPERSOONS, {**ORIGIN, "herkomst": True, "rol": "aanvullend"}, "rol must be context, not aanvullend"),
        (EENPERSOONS, {**ORIGIN, "herkomst": True, "richting": "ongunstig"}, "herkomst is never good or bad"),
        (EENPERSOONS, {**ORIGIN, "herkomst": True, "gebruik": ["beschrijven", "selecteren"]}, "may not have selecteren"),
        (EENPERSOONS, {"formule": "100.0 * wmo_clienten / huishoudens", "richting": "ongunstig"}, "use of care is neutral"),
        (EENZAAM, {"bron": "leefbaarometer", "formule": "afwijking", "soort": "score"}, "contains crime"),
        (EENZAAM, {"bron": "leefbaarometer", "formule": "afwijking_fysiek", "soort": "score"}, "rol may not be kern"),
    ],
)
def test_an_entry_that_breaks_the_method_is_refused(entry: str, changes: dict[str, Any], words: str, project: Path) -> None:
    """METHOD.md 2 and 7: origin in no score, care use neutral, a composite is validation and carries no theme with its crime."""
    spoil(project, "transforms/indicatoren.yaml", lambda content: content[entry].update(changes))
    with pytest.raises(UsageError) as failure:
        load_catalog(project)
    assert words in str(failure.value)
    assert entry in str(failure.value)


def test_an_entry_about_origin_that_only_describes_is_accepted(project: Path) -> None:
    changes = {**ORIGIN, "herkomst": True}
    spoil(project, "transforms/indicatoren.yaml", lambda content: content[EENPERSOONS].update(changes))
    assert load_catalog(project).indicators[EENPERSOONS].herkomst


def test_core_indicators(catalog: Catalog) -> None:
    """Of figures that correlate above 0.9 one is core (docs/methode.md); sociaal eenzaam and mantelzorg are in no score."""
    core = [name for theme in catalog.themes for name in catalog.core(theme)]
    assert len(core) == len(set(core))
    assert {theme: catalog.core(theme) for theme in catalog.themes} == CORE
    assert catalog.indicators["aandeel_laag_opgeleid"].thema == "armoede"
    assert catalog.indicators["aandeel_sociaal_eenzaam"].thema == "eenzaamheid"
    assert catalog.indicators["aandeel_mantelzorgers"].richting == "neutraal"
    assert "aandeel_sociaal_eenzaam" not in core
    assert "aandeel_eenpersoonshuishoudens" not in core
    for name, indicator in catalog.indicators.items():
        assert indicator.rol != "kern" or indicator.richting != "neutraal", f"{name}: core without a direction never counts"
        assert indicator.rol != "kern" or indicator.familie != "bevolking", f"{name}: composition carries no theme"
        assert indicator.thema != "context" or indicator.rol != "kern", name


CORE = {
    "armoede": ["bijstand_per_1000_15_65", "aandeel_moeite_rondkomen", "aandeel_laag_opgeleid"],
    "cohesie": ["aandeel_steun_van_anderen", "burengerucht_per_1000"],
    "eenzaamheid": ["aandeel_eenzaam"],
    "psychisch": [
        "aandeel_angst_depressie", "aandeel_veel_stress", "aandeel_rokers", "aandeel_overmatige_drinkers",
        "aandeel_lage_veerkracht",
    ],
    "veiligheid": ["misdrijven_per_1000"],
    "voorzieningen": ["afstand_huisarts", "afstand_supermarkt", "afstand_basisschool"],
    "werk": ["nettoarbeidsparticipatie", "ww_per_1000_15_65", "bedrijfsvestigingen_per_1000"],
    "kracht": ["aandeel_vrijwilligers", "aandeel_regie"],
    "context": [],
}  # fmt: skip
"""What a theme score is made of; each choice is argued in docs/methode.md. A change moves scores and thresholds."""


def test_the_rule_counts_themes_one_to_five_and_seven(catalog: Catalog) -> None:
    counted = {theme.nummer for theme in catalog.themes.values() if theme.beslisregel}
    assert counted == {1, 2, 3, 4, 5, 7}
    assert [name for name, theme in catalog.themes.items() if theme.kracht] == ["kracht"]


def test_uses_are_those_of_the_gate(catalog: Catalog) -> None:
    """METHOD.md 12 decides (beeld.transforms.gate); the catalogue leaves out what the role or the method rules out, and no more.

    Background and validation do not select or evaluate; origin is only described; a modelled figure selects through a theme
    score only, so when it is core.
    """
    for name, indicator in catalog.indicators.items():
        source = catalog.sources[indicator.bron]
        expected = {use for use in USES if rule(kind_of(indicator, source), use).allowed}
        if indicator.rol in ("context", "validatie") or indicator.soort == "score":
            expected -= {"selecteren", "evalueren"}
        if indicator.soort == "modelschatting" and indicator.rol != "kern":
            expected -= {"selecteren"}
        if name in ("stedelijkheid", "aandeel_herkomst_buiten_europa"):  # a class, and origin
            expected = {"beschrijven"}
        assert set(indicator.gebruik) == expected, name
        if indicator.soort == "modelschatting":
            assert indicator.familie == "inkomen", f"{name}: SMAP is family (a)"
            assert indicator.foutmodel == "aangenomen", f"{name}: 50090NED has no margins"
        if source.bron in ("politie_misdrijven", "politie_overlast"):
            assert indicator.krimp, f"{name}: rates of crime and nuisance are skewed (METHOD.md 3)"


def test_distances_are_compared_in_class(catalog: Catalog) -> None:
    for name, indicator in catalog.indicators.items():
        assert (indicator.percentiel == "stedelijkheid") == (indicator.soort == "afstand"), name
