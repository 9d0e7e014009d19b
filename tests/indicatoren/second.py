"""A second implementation, in pandas, of METHOD.md sections 3 to 7 and of the explanations in the catalogue.

Written from the text and not from the SQL or the formulas, so that a mistake in one of the two shows as a difference. It reads
only public tables, so it runs on any release.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from tests.indicatoren import second_scores
from tests.indicatoren.second_scores import SAME

FEWEST_PEOPLE = 200
RULE = ("armoede", "cohesie", "eenzaamheid", "psychisch", "veiligheid", "werk")
"""Themes 1 to 5 and 7."""
STRENGTH = "kracht"
INDEPENDENT = {"inkomen", "politie", "omgeving", "lokaal"}
ORDER = ("geheim", "te_klein", "onbekend", "niet_geleverd", "geen_noemer", "niet_van_toepassing")

PUBLISHED = {
    "aantal_inwoners": "cbs_kwb.aantal_inwoners",
    "aantal_huishoudens": "cbs_kwb.huishoudens",
    "gemiddelde_huishoudensgrootte": "cbs_kwb.huishoudensgrootte",
    "bevolkingsdichtheid": "cbs_kwb.bevolkingsdichtheid",
    "stedelijkheid": "cbs_kwb.stedelijkheid",
    "gemiddelde_woz_waarde": "cbs_kwb.woz_waarde",
    "aandeel_koopwoningen": "cbs_kwb.koopwoningen",
    "aandeel_corporatiewoningen": "cbs_kwb.corporatiewoningen",
    "aandeel_eengezinswoningen": "cbs_kwb.eengezinswoningen",
    "gemiddeld_inkomen_per_inwoner": "cbs_kwb.inkomen_per_inwoner",
    "nettoarbeidsparticipatie": "cbs_kwb.nettoarbeidsparticipatie",
    "afstand_huisarts": "cbs_kwb.afstand_huisarts",
    "afstand_supermarkt": "cbs_kwb.afstand_supermarkt",
    "afstand_basisschool": "cbs_kwb.afstand_school",
    "afstand_kinderdagverblijf": "cbs_kwb.afstand_kinderdagverblijf",
    "scholen_binnen_3_km": "cbs_kwb.scholen_binnen_3km",
    "aandeel_langdurige_aandoening": "rivm_gezondheid.langdurige_aandoening",
    "aandeel_beperkt_door_gezondheid": "rivm_gezondheid.beperkt_door_gezondheid",
    "aandeel_moeite_rondkomen": "rivm_gezondheid.moeite_rondkomen",
    "aandeel_geluidhinder_buren": "rivm_gezondheid.geluidhinder_buren",
    "aandeel_eenzaam": "rivm_gezondheid.eenzaam",
    "aandeel_ernstig_eenzaam": "rivm_gezondheid.ernstig_eenzaam",
    "aandeel_emotioneel_eenzaam": "rivm_gezondheid.emotioneel_eenzaam",
    "aandeel_sociaal_eenzaam": "rivm_gezondheid.sociaal_eenzaam",
    "aandeel_eenzaam_65_plus": "rivm_gezondheid.eenzaam_65_plus",
    "aandeel_angst_depressie": "rivm_gezondheid.angst_depressie",
    "aandeel_veel_stress": "rivm_gezondheid.veel_stress",
    "aandeel_rokers": "rivm_gezondheid.roker",
    "aandeel_overmatige_drinkers": "rivm_gezondheid.overmatige_drinker",
    "aandeel_vrijwilligers": "rivm_gezondheid.vrijwilligerswerk",
    "aandeel_mantelzorgers": "rivm_gezondheid.mantelzorger",
    "aandeel_regie": "rivm_gezondheid.regie",
    "aandeel_goede_gezondheid": "rivm_gezondheid.goede_gezondheid",
    "aandeel_beweegrichtlijn": "rivm_gezondheid.beweegrichtlijn",
    "aandeel_langdurig_beperkt": "rivm_gezondheid.langdurig_beperkt",
    "aandeel_steun_van_anderen": "rivm_gezondheid.steun_van_anderen",
    "aandeel_ernstig_eenzaam_65_plus": "rivm_gezondheid.ernstig_eenzaam_65_plus",
    "aandeel_lage_veerkracht": "rivm_gezondheid.lage_veerkracht",
    "aandeel_tevreden_woonomgeving": "rivm_gezondheid.tevreden_woonomgeving",
    "aandeel_tevreden_woning": "rivm_gezondheid.tevreden_woning",
    "gemiddeld_aardgasverbruik": "cbs_kwb.aardgasverbruik",
    "aandeel_woningen_ouder_dan_10_jaar": "cbs_kwb.bouwjaar_ouder_dan_10_jaar",
    "wmo_per_1000": "cbs_kwb.wmo_clienten_relatief",
    "aandeel_jeugdzorg": "cbs_kwb.jeugdzorg_procent",
    "ggz_kosten_per_10000": "rivm_zorg.ggz_kosten",
    "aandeel_personen_in_armoede": "cbs_kwb.personen_in_armoede",
    "aandeel_tot_25_boven_armoedegrens": "cbs_kwb.personen_tot_25_boven_armoedegrens",
    "aandeel_huishoudens_laagste_40": "cbs_kwb.huishoudens_laagste_40",
    "aandeel_huishoudens_laag_inkomen": "cbs_kwb.huishoudens_laag_inkomen",
    "aandeel_huishoudens_sociaal_minimum": "cbs_kwb.huishoudens_sociaal_minimum",
    "mediaan_vermogen": "cbs_kwb.vermogen_mediaan",
    "aandeel_onbewoonde_woningen": "cbs_kwb.onbewoond",
    "aandeel_zelfstandigen": "cbs_kwb.zelfstandigen",
    "aandeel_flexibel_werk": "cbs_kwb.flexibele_arbeidsrelatie",
    "ses_woa_score": "cbs_ses_woa.score_totaal",
    "leefbaarometer_samenhang": "leefbaarometer.afwijking_sociaal",
    "leefbaarometer_totaal": "leefbaarometer.afwijking",
    "leefbaarometer_overlast_onveiligheid": "leefbaarometer.afwijking_overlast_onveiligheid",
    "leefbaarometer_fysiek": "leefbaarometer.afwijking_fysiek",
    "leefbaarometer_voorzieningen": "leefbaarometer.afwijking_voorzieningen",
    "afstand_bibliotheek": "cbs_nabijheid.afstand_bibliotheek",
    "afstand_sportterrein": "cbs_nabijheid.afstand_sportterrein",
    "afstand_openbaar_groen": "cbs_nabijheid.afstand_openbaar_groen",
    "beweegvriendelijke_omgeving": "rivm_beweegomgeving.score_totaal",
}
"""Figures as the source publishes them."""

WORKING_AGE = ("cbs_kwb.leeftijd_15_25", "cbs_kwb.leeftijd_25_45", "cbs_kwb.leeftijd_45_65")
FROM_15 = (*WORKING_AGE, "cbs_kwb.leeftijd_65_plus")
PEOPLE = ("cbs_kwb.aantal_inwoners",)
HOUSEHOLDS = ("cbs_kwb.huishoudens",)
DWELLINGS = ("cbs_kwb.woningen",)
LOW, MIDDLE, HIGH = "cbs_kwb.opleiding_basis_vmbo_mbo1", "cbs_kwb.opleiding_havo_vwo_mbo2_4", "cbs_kwb.opleiding_hbo_wo"
VIOLENCE = ("openlijk_geweld", "bedreigingen", "mishandelingen", "straatroven")
RATES: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "aandeel_0_15": (100, ("cbs_kwb.leeftijd_0_15",), PEOPLE),
    "aandeel_15_25": (100, ("cbs_kwb.leeftijd_15_25",), PEOPLE),
    "aandeel_25_45": (100, ("cbs_kwb.leeftijd_25_45",), PEOPLE),
    "aandeel_45_65": (100, ("cbs_kwb.leeftijd_45_65",), PEOPLE),
    "aandeel_65_plus": (100, ("cbs_kwb.leeftijd_65_plus",), PEOPLE),
    "aandeel_gescheiden": (100, ("cbs_kwb.gescheiden",), FROM_15),
    "aandeel_verweduwd": (100, ("cbs_kwb.verweduwd",), FROM_15),
    "aandeel_eenpersoonshuishoudens": (100, ("cbs_kwb.eenpersoonshuishoudens",), HOUSEHOLDS),
    "aandeel_huishoudens_met_kinderen": (100, ("cbs_kwb.huishoudens_met_kinderen",), HOUSEHOLDS),
    "aandeel_herkomst_buiten_europa": (100, ("cbs_kwb.herkomst_buiten_europa",), PEOPLE),
    "aandeel_laag_opgeleid": (100, (LOW,), (LOW, MIDDLE, HIGH)),
    "aandeel_hoog_opgeleid": (100, (HIGH,), (LOW, MIDDLE, HIGH)),
    "mbo_studenten_per_100": (100, ("cbs_kwb.mbo_studenten",), ("cbs_kwb.leeftijd_15_25",)),
    "bijstand_per_1000_15_65": (1000, ("cbs_kwb.bijstand",), WORKING_AGE),
    "ao_per_1000_15_65": (1000, ("cbs_kwb.ao",), WORKING_AGE),
    "ww_per_1000_15_65": (1000, ("cbs_kwb.ww",), WORKING_AGE),
    "bedrijfsvestigingen_per_1000": (1000, ("cbs_kwb.bedrijfsvestigingen",), PEOPLE),
    "vestigingen_handel_horeca_per_1000": (1000, ("cbs_kwb.bedrijven_handel_horeca",), PEOPLE),
    "misdrijven_per_1000": (1000, ("politie_misdrijven.misdrijven",), PEOPLE),
    "burengerucht_per_1000": (1000, ("politie_misdrijven.burengerucht",), PEOPLE),
    "drugs_drankoverlast_per_1000": (1000, ("politie_misdrijven.drugs_drankoverlast",), PEOPLE),
    "drugshandel_per_1000": (1000, ("politie_misdrijven.drugshandel",), PEOPLE),
    "vernielingen_per_1000": (1000, ("politie_misdrijven.vernielingen",), PEOPLE),
    "fietsdiefstallen_per_1000": (1000, ("politie_misdrijven.fietsdiefstallen",), PEOPLE),
    "woninginbraken_per_1000": (1000, ("politie_misdrijven.woninginbraken",), DWELLINGS),
    "geweld_per_1000": (1000, tuple(f"politie_misdrijven.{kind}" for kind in VIOLENCE), PEOPLE),
    "overlastmeldingen_per_1000": (1000, ("politie_overlast.overlast",), PEOPLE),
}
"""Per so many: factor, what is counted (one or more), and the people, households or dwellings it is counted among."""

Cell = tuple[float | None, str]


def value_of(indicator: str, cell: Callable[[str], Cell | None]) -> Cell:
    """Value and status of an indicator in one area and year; `cell` gives a source cell, None when that source has no row."""
    if indicator in PUBLISHED:
        return cell(PUBLISHED[indicator]) or (None, "niet_geleverd")
    factor, counted, among = RATES[indicator]
    own = counted[0].split(".")[0]
    below = [cell(name) for name in among]
    if not among[0].startswith(f"{own}.") and None in below:
        return None, "geen_noemer"
    amounts = _amounts(below)
    if None not in amounts and sum(value or 0.0 for value in amounts) == 0:
        return None, "geen_noemer"
    above = [cell(name) for name in counted]
    for wrong in ORDER:
        if wrong in [part[1] if part else "niet_geleverd" for part in (*above, *below)]:
            return None, wrong
    return factor * sum(value or 0.0 for value in _amounts(above)) / sum(value or 0.0 for value in amounts), "ok"


def _amounts(parts: list[Cell | None]) -> list[float | None]:
    return [part[0] if part else None for part in parts]


def shrunk(counts: list[float], people: list[float]) -> tuple[float, float]:
    """(mu, tau²) of METHOD.md section 3, written out term by term."""
    n = len(counts)
    x = [math.log((y + 0.5) / p) for y, p in zip(counts, people, strict=True)]
    v = [1 / (y + 0.5) for y in counts]
    w = [1 / variance for variance in v]
    mu0 = math.fsum(a * b for a, b in zip(w, x, strict=True)) / math.fsum(w)
    q = math.fsum(a * (b - mu0) ** 2 for a, b in zip(w, x, strict=True))
    scale = math.fsum(w) - math.fsum(a * a for a in w) / math.fsum(w)
    tau2 = max(0.0, (q - (n - 1)) / scale) if n > 1 else 0.0
    total = math.fsum(1 / (variance + tau2) for variance in v)
    return math.fsum(b / (variance + tau2) for b, variance in zip(x, v, strict=True)) / total, tau2


def shrunk_rate(count: float, people: float, mu: float, tau2: float) -> float:
    """theta of one area."""
    variance = 1 / (count + 0.5)
    return math.exp(mu + tau2 / (tau2 + variance) * (math.log((count + 0.5) / people) - mu))


@dataclass(frozen=True)
class Database:
    """The public tables that the second implementation reads."""

    areas: pd.DataFrame
    indicators: pd.DataFrame
    values: pd.DataFrame

    @classmethod
    def read(cls, con: duckdb.DuckDBPyConnection) -> Database:
        """From a release or build database."""
        areas: pd.DataFrame = con.execute(
            "select gebiedscode, soort, gemeentecode, stedelijkheid, inwoners from gebied order by gebiedscode"
        ).df()
        indicators: pd.DataFrame = con.execute("select * exclude (uitleg, gebruik) from indicator order by indicator").df()
        values: pd.DataFrame = con.execute(
            "select gebiedscode, indicator, peiljaar, waarde, teller, noemer, geschat from waarde order by all"
        ).df()
        return cls(areas, indicators, values)

    @property
    def scored_areas(self) -> pd.DataFrame:
        """Gemeenten, and wijken and buurten of 200 inhabitants or more."""
        kinds = self.areas["soort"]
        big = kinds.isin(["wijk", "buurt"]) & (self.areas["inwoners"].fillna(-1) >= FEWEST_PEOPLE)
        return self.areas[big | (kinds == "gemeente")]

    @property
    def core(self) -> pd.DataFrame:
        """Core indicators with a direction."""
        return self.indicators[(self.indicators["rol"] == "kern") & (self.indicators["richting"] != "neutraal")]

    def latest(self) -> pd.DataFrame:
        """The figures of the core indicators in their own latest year; `x`: higher is more concern (or strength)."""
        core = self.core[["indicator", "thema", "soort", "familie", "richting", "laatste_jaar"]].rename(columns={"soort": "aard"})
        cells = self.values.merge(core, on="indicator")
        cells = cells[cells["peiljaar"] == cells["laatste_jaar"]].dropna(subset=["waarde"])
        cells = cells.merge(self.scored_areas, on="gebiedscode")
        people = self.values[self.values["indicator"] == "aantal_inwoners"].set_index(["gebiedscode", "peiljaar"])["waarde"]
        then = people.reindex(pd.MultiIndex.from_frame(cells[["gebiedscode", "peiljaar"]])).to_numpy()
        cells = cells[~((cells["soort"] != "gemeente").to_numpy() & (then < FEWEST_PEOPLE))]
        raw = cells["geschat"].astype(float).where(cells["geschat"].notna(), cells["waarde"])
        wanted = np.where(cells["thema"] == STRENGTH, "gunstig", "ongunstig")
        return cells.assign(raw=raw, x=np.where(cells["richting"] == wanted, raw, -raw))


def percentiles(cells: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Mid-rank percentile of every cell within its reference set; cells without a reference set are left out."""
    kind = cells["soort"].astype(str)
    urban = cells["stedelijkheid"].astype("Int64").astype(str)
    if reference == "nl":
        keep = (cells["aard"] != "afstand") | cells["stedelijkheid"].notna()
        group = kind.where(cells["aard"] != "afstand", kind + urban)
    elif reference == "gemeente":
        distance = cells["aard"] == "afstand"
        keep = (cells["soort"] != "gemeente") & (~distance | cells["stedelijkheid"].notna())
        town = kind + cells["gemeentecode"].astype(str)
        group = town.where(~distance, town + "/" + urban)
    else:
        keep, group = cells["stedelijkheid"].notna(), kind + urban
    chosen = cells[keep].assign(groep=group[keep])
    sets = chosen.groupby(["indicator", "groep"])["x"]
    return chosen.assign(p=(sets.rank(method="average") - 0.5) / sets.transform("size"), referentie=reference)


REFERENCES = ("nl", "gemeente", "stedelijkheid")


def theme_scores(database: Database, references: tuple[str, ...] = REFERENCES) -> pd.DataFrame:
    """gebiedscode, thema, referentie, score, n_gebruikt, n_totaal: the mean of the percentiles where enough are present."""
    cells = database.latest()
    totals = database.core.groupby("thema")["indicator"].size().rename("n_totaal").reset_index()
    keys = ["gebiedscode", "thema"]
    found: list[pd.DataFrame] = []
    for reference in references:
        areas = database.scored_areas[["gebiedscode", "soort"]]
        grid = areas[(areas["soort"] != "gemeente") | (reference != "gemeente")].merge(totals, how="cross")
        means = percentiles(cells, reference).groupby(keys)["p"].agg(["mean", "size"]).reset_index()
        grid = grid.merge(means, on=keys, how="left").assign(referentie=reference)
        used = grid["size"].fillna(0).astype(int)
        enough = (used * 10 >= grid["n_totaal"] * 6) & ((used >= 2) | (grid["n_totaal"] == 1))
        found.append(grid.assign(n_gebruikt=used, score=grid["mean"].where(enough)))
    return pd.concat(found)[[*keys, "referentie", "score", "n_gebruikt", "n_totaal"]]


def thresholds(scores: pd.DataFrame, areas: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """(soort, thema, niveau) -> 80th or 90th percentile of the scores of that kind of area."""
    kinds = areas.set_index("gebiedscode")["soort"]
    national = scores[(scores["referentie"] == "nl") & scores["score"].notna()]
    found: dict[tuple[str, str, str], float] = {}
    for (kind, theme), group in national.groupby([national["gebiedscode"].map(kinds), "thema"]):
        if theme == STRENGTH:
            found[(kind, theme, "kracht")] = float(np.quantile(group["score"], 0.8))
        else:
            found[(kind, theme, "aandacht")] = float(np.quantile(group["score"], 0.8))
            found[(kind, theme, "sterk")] = float(np.quantile(group["score"], 0.9))
    return found


def levels(database: Database, scores: pd.DataFrame, bounds: dict[tuple[str, str, str], float]) -> dict[tuple[str, str], str]:
    """(gebiedscode, thema) -> niveau, for every published national score."""
    national = scores[(scores["referentie"] == "nl") & scores["score"].notna()].merge(database.areas, on="gebiedscode")
    medians = national.groupby(["soort", "gemeentecode", "thema"])["score"].median()
    found: dict[tuple[str, str], str] = {}
    for row in national.itertuples():
        level = "geen"
        if row.thema == STRENGTH:
            level = "kracht" if row.score >= bounds[(row.soort, row.thema, "kracht")] - SAME else "geen"
        elif row.score >= medians[(row.soort, row.gemeentecode, row.thema)] - SAME:
            if row.score >= bounds[(row.soort, row.thema, "aandacht")] - SAME:
                level = "aandacht"
            if row.score >= bounds[(row.soort, row.thema, "sterk")] - SAME and row.n_totaal > 1:
                level = "sterk"
        found[(row.gebiedscode, row.thema)] = level
    return found


def outcomes(
    database: Database, signals: dict[tuple[str, str], str], inside: frozenset[str] | None = None
) -> dict[str, tuple[str, int, int]]:
    """gebiedscode -> uitkomst, number of themes with a signal, number of families that carry them (METHOD.md section 7).

    `inside`: only these areas; they are still placed among all.
    """
    ranked = percentiles(database.latest(), "nl")
    ranked = ranked if inside is None else ranked[ranked["gebiedscode"].isin(inside)]
    present: dict[tuple[str, str], set[str]] = {}
    carrying: dict[tuple[str, str], set[str]] = {}
    for row in ranked.itertuples():
        if row.familie in INDEPENDENT:
            present.setdefault((row.gebiedscode, row.thema), set()).add(row.familie)
            if row.p >= 0.80 - SAME:
                carrying.setdefault((row.gebiedscode, row.thema), set()).add(row.familie)
    found: dict[str, tuple[str, int, int]] = {}
    areas = database.areas.loc[database.areas["soort"] != "land", "gebiedscode"]
    for code in areas if inside is None else [code for code in areas if code in inside]:
        scored = [theme for theme in RULE if (code, theme) in signals]
        raised = [theme for theme in scored if signals[(code, theme)] in ("aandacht", "sterk")]
        strong = [theme for theme in scored if signals[(code, theme)] == "sterk"]
        families = set().union(*(present.get((code, theme), set()) for theme in scored))
        carriers = set().union(*(carrying.get((code, theme), set()) for theme in raised))
        if len(scored) < 3 or len(families) < 2:
            result = "te_weinig_gegevens"
        elif (len(raised) >= 3 or len(strong) >= 2) and len(carriers) >= 2:
            result = "bespreken"
        else:
            result = "geen_signaal"
        found[code] = (result, len(raised), len(carriers))
    return found


def compare_peaks(con: duckdb.DuckDBPyConnection, database: Database) -> int:
    """Hold `opvallend` against METHOD.md 6 ("Single indicators with P_ij ≥ 0.90 are listed too"); returns the rows compared.

    After the draws a row may be gone, because it holds in less than half of them; of a modelled figure nothing is a number.
    """
    ranked = percentiles(database.latest(), "nl")
    high = ranked[ranked["p"] >= 0.90 - SAME].set_index(["gebiedscode", "indicator"])
    rows = con.execute("select gebiedscode, thema, indicator, percentiel, klasse, stabiliteit from opvallend").fetchall()
    found = {(row[0], row[2]) for row in rows}
    assert found <= set(high.index), sorted(found - set(high.index))[:5]
    if any(row[4] == "niet_berekend" for row in rows):
        assert found == set(high.index)
    kinds, themes, places = (dict(zip(high.index, high[name], strict=True)) for name in ("aard", "thema", "p"))
    for code, theme, name, place, certainty, share in rows:
        key = (code, name)
        assert theme == themes[key], key
        if kinds[key] == "modelschatting":
            assert (place, share) == (None, None), key
            continue
        assert math.isclose(place, places[key], rel_tol=0, abs_tol=1e-9), key
        if share is None:
            assert certainty == "niet_berekend", key
        else:
            assert share >= 0.5, key
            assert certainty == ("stevig" if share >= 0.8 else "onzeker"), key
    return len(rows)


def compare(con: duckdb.DuckDBPyConnection, *, own_thresholds: bool) -> dict[str, int]:
    """Compare scores, thresholds, signals and outcomes of a database with this implementation; returns how many were compared.

    Scores and thresholds to 1e-9; then signals and outcomes from the published scores and thresholds, so that one rounding of the
    last bit on a threshold is no difference. `own_thresholds` False: the release carried its thresholds on.
    """
    database = Database.read(con)
    ours = theme_scores(database)
    theirs: pd.DataFrame = con.execute("select * from thema_score").df()
    keys = ["gebiedscode", "thema", "referentie"]
    both = theirs.merge(ours, on=keys, how="outer", suffixes=("", "_hier"), indicator=True)
    assert (both["_merge"] == "both").all(), both[both["_merge"] != "both"].head()
    for column in ("n_gebruikt", "n_totaal"):
        wrong = both[both[column] != both[f"{column}_hier"]]
        assert wrong.empty, wrong.head()
    unequal = both[~np.isclose(both["score"], both["score_hier"], rtol=0, atol=1e-9, equal_nan=True)]
    assert unequal.empty, unequal.head()
    bounds = {
        (kind, theme, level): bound
        for kind, theme, level, bound in con.execute("select soort, thema, niveau, grens from drempel").fetchall()
    }
    if own_thresholds:
        expected = thresholds(ours, database.areas)
        assert expected.keys() == bounds.keys()
        assert all(abs(expected[key] - bounds[key]) <= 1e-9 for key in expected)
    signals = levels(database, theirs, bounds)
    found = outcomes(database, signals)
    second_scores.compare_published(con, signals, found)
    peaks = compare_peaks(con, database)
    return {
        "scores": len(both),
        "drempels": len(bounds),
        "signalen": len(signals),
        "opvallend": peaks,
        "uitkomsten": len(found),
    }
