"""What facts/kwb_columns.csv calls our columns of the Kerncijfers, per year: the oracle of the tests of columns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

ORACLE = Path(__file__).parents[3] / "shared" / "facts" / "kwb_columns.csv"

TABLES = {
    2013: "82339NED",
    2014: "82931NED",
    2015: "83220NED",
    2016: "83487NED",
    2017: "83765NED",
    2018: "84286NED",
    2019: "84583NED",
    2020: "84799NED",
    2021: "85039NED",
    2022: "85318NED",
    2023: "85618NED",
    2024: "85984NED",
    2025: "86165NED",
    2026: "86358NED",
}
"""facts/CBS.md section 4."""

OURS = {
    "gemeentenaam": "gemeentenaam",
    "soort_regio": "soort_regio",
    "codering": "codering",
    "indelingswijziging": "indelingswijziging",
    "inwoners": "aantal_inwoners",
    "mannen": "mannen",
    "vrouwen": "vrouwen",
    "lft_0_15": "leeftijd_0_15",
    "lft_15_25": "leeftijd_15_25",
    "lft_25_45": "leeftijd_25_45",
    "lft_45_65": "leeftijd_45_65",
    "lft_65plus": "leeftijd_65_plus",
    "lft_65_80": "leeftijd_65_80",
    "lft_80plus": "leeftijd_80_plus",
    "ongehuwd": "ongehuwd",
    "gehuwd": "gehuwd",
    "gescheiden": "gescheiden",
    "verweduwd": "verweduwd",
    "herk_westers": "westers",
    "herk_nietwesters": "niet_westers",
    "herk_nederland": "herkomst_nederland",
    "herk_europa": "herkomst_europa",
    "herk_buiten_europa": "herkomst_buiten_europa",
    "geboorte": "geboorte",
    "geboorte_rel": "geboorte_relatief",
    "sterfte": "sterfte",
    "sterfte_rel": "sterfte_relatief",
    "huishoudens": "huishoudens",
    "hh_eenpersoons": "eenpersoonshuishoudens",
    "hh_zonder_kinderen": "huishoudens_zonder_kinderen",
    "hh_met_kinderen": "huishoudens_met_kinderen",
    "hh_grootte": "huishoudensgrootte",
    "dichtheid": "bevolkingsdichtheid",
    "woningvoorraad": "woningen",
    "woz": "woz_waarde",
    "pct_eengezins": "eengezinswoningen",
    "pct_meergezins": "meergezinswoningen",
    "pct_onbewoond": "onbewoond",
    "pct_koop": "koopwoningen",
    "pct_huur": "huurwoningen",
    "pct_corporatie": "corporatiewoningen",
    "pct_overig_verhuur": "woningen_overige_verhuurders",
    "bouwjaar_voor_2000": "bouwjaar_voor_2000",
    "bouwjaar_vanaf_2000": "bouwjaar_vanaf_2000",
    "bouwjaar_ouder_10j": "bouwjaar_ouder_dan_10_jaar",
    "bouwjaar_laatste_10j": "bouwjaar_laatste_10_jaar",
    "elektriciteit": "elektriciteitsverbruik",
    "gas": "aardgasverbruik",
    "pct_stadsverwarming": "stadsverwarming",
    "opl_laag": "opleiding_laag",
    "opl_midden": "opleiding_middelbaar",
    "opl_hoog": "opleiding_hoog",
    "netto_arbeidsparticipatie": "nettoarbeidsparticipatie",
    "pct_werknemers": "werknemers",
    "pct_zelfstandigen": "zelfstandigen",
    "inkomensontvangers": "inkomensontvangers",
    "ink_per_ontvanger": "inkomen_per_ontvanger",
    "ink_per_inwoner": "inkomen_per_inwoner",
    "p40_laag_personen": "personen_laagste_40",
    "p20_hoog_personen": "personen_hoogste_20",
    "p40_laag_hh": "huishoudens_laagste_40",
    "p20_hoog_hh": "huishoudens_hoogste_20",
    "ink_gestandaardiseerd": "gestandaardiseerd_inkomen",
    "vermogen_mediaan": "vermogen_mediaan",
    "hh_laag_inkomen": "huishoudens_laag_inkomen",
    "hh_sociaal_minimum": "huishoudens_sociaal_minimum",
    "hh_tot110": "huishoudens_tot_110_sociaal_minimum",
    "hh_tot120": "huishoudens_tot_120_sociaal_minimum",
    "armoede": "personen_in_armoede",
    "boven_armoede_125": "personen_tot_25_boven_armoedegrens",
    "bijstand": "bijstand",
    "ao": "ao",
    "ww": "ww",
    "aow": "aow",
    "jeugdzorg": "jeugdzorg",
    "jeugdzorg_pct": "jeugdzorg_procent",
    "wmo": "wmo_clienten",
    "wmo_rel": "wmo_clienten_relatief",
    "misdr_diefstal_woning": "kwb_diefstal_woning",
    "misdr_vernieling": "kwb_vernieling",
    "misdr_geweld": "kwb_geweld",
    "bedrijven": "bedrijfsvestigingen",
    "bedr_handel_horeca": "bedrijven_handel_horeca",
    "autos": "personenautos",
    "autos_per_hh": "personenautos_per_huishouden",
    "afst_huisarts": "afstand_huisarts",
    "afst_supermarkt": "afstand_supermarkt",
    "afst_kdv": "afstand_kinderdagverblijf",
    "afst_school": "afstand_school",
    "scholen_3km": "scholen_binnen_3km",
    "opp_totaal": "oppervlakte_totaal",
    "opp_land": "oppervlakte_land",
    "opp_water": "oppervlakte_water",
    "postcode": "postcode",
    "dekking": "dekkingspercentage_postcode",
    "stedelijkheid": "stedelijkheid",
    "oad": "omgevingsadressendichtheid",
}
"""Canonical id of facts/kwb_columns.csv -> our column, in the years without another meaning."""

BROKEN = {
    ("pct_onbewoond", 2013, 2013): "leegstaand",
    ("elektriciteit", 2023, 2026): "elektriciteitslevering",
    ("opl_laag", 2023, 2026): "opleiding_basis_vmbo_mbo1",
    ("opl_midden", 2023, 2026): "opleiding_havo_vwo_mbo2_4",
    ("opl_hoog", 2023, 2026): "opleiding_hbo_wo",
    ("p40_laag_personen", 2013, 2013): "personen_laag_inkomen_oud",
    ("p20_hoog_personen", 2013, 2013): "personen_hoog_inkomen_oud",
    ("p40_laag_hh", 2013, 2013): "huishoudens_laag_inkomen_oud",
    ("p20_hoog_hh", 2013, 2013): "huishoudens_hoog_inkomen_oud",
}
"""(canonical id, first year, last year) -> our column where the list gives one id to two meanings (facts/CBS.md section 5)."""


def ours(canonical: str, year: int) -> str:
    """Our column for a canonical id in a year."""
    broken = (name for (known, first, last), name in BROKEN.items() if known == canonical and first <= year <= last)
    return next(broken, OURS[canonical])


def read_list() -> list[dict[str, str]]:
    """The list of columns per year, with how sure each is; skips where the list is not here."""
    if not ORACLE.is_file():
        pytest.skip("the list of verified columns is not here: ../shared/facts is absent")
    with ORACLE.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
