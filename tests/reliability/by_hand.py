"""Every figure once more, by hand: from the files of the sources, with the formulas in the catalogue's words, without `beeld`."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.reliability.wire import Row, rows_of

Number = float | None
KWB = {2020: "84799NED", 2024: "85984NED"}
HEALTH, CRIME = "50090NED", "47022NED"
ADULTS, OLDER = "20300", "80200"


class Sources:
    """The raw cells of the four tables, by area, year and base name of the column."""

    def __init__(self, data: Path) -> None:
        self.kwb: dict[int, dict[str, Row]] = {}
        self.names: dict[int, dict[str, str]] = {}
        for year, table in KWB.items():
            self.kwb[year] = {code(row): by_base_name(row) for row in rows_of(data, table, "TypedDataSet")}
            self.names[year] = {
                row["Key"].strip(): " ".join(row["Title"].split()) for row in rows_of(data, table, "WijkenEnBuurten")
            }
        self.health = {
            (code(row), int(row["Perioden"][:4]), row["Leeftijd"].strip()): by_base_name(row)
            for row in rows_of(data, HEALTH, "UntypedDataSet")
        }
        self.crime = {(code(row), row["Perioden"].strip()): row for row in rows_of(data, CRIME, "TypedDataSet")}

    def kwb_cell(self, area: str, year: int, column: str) -> Number:
        """A cell of the Kerncijfers."""
        row = self.kwb.get(year, {}).get(area, {})
        return row.get(column)

    def health_cell(self, area: str, year: int, column: str, age: str = ADULTS) -> Number:
        """A cell of the health table; its text is padded, `.` and an empty text are no value, `-` is nil."""
        text = self.health.get((area, year, age), {}).get(column, ".").strip()
        return None if text in (".", "", "x") else 0.0 if text == "-" else float(text)

    def crimes(self, area: str, year: int) -> Number:
        """All registered crimes of a year."""
        return self.crime.get((area, f"{year}JJ00"), {}).get("GeregistreerdeMisdrijven_4")

    def figure(self, area: str, indicator: str, year: int) -> Number:
        """The figure, or None where the source has no value for it."""
        if indicator in HEALTH_COLUMNS:
            return self.health_cell(area, year, HEALTH_COLUMNS[indicator])
        if indicator == "aandeel_eenzaam_65_plus":
            return self.health_cell(area, year, "Eenzaam", OLDER)
        if indicator == "aandeel_ernstig_eenzaam_65_plus":
            return self.health_cell(area, year, "ErnstigZeerErnstigEenzaam", OLDER)
        if indicator == "misdrijven_per_1000":
            return rate(1000, self.crimes(area, year), self.kwb_cell(area, year, "AantalInwoners"))
        if indicator in PUBLISHED:
            return first(self.kwb_cell(area, year, column) for column in PUBLISHED[indicator])
        factor, top, bottom = RATES[indicator]
        return rate(factor, *(total(self.kwb_cell(area, year, column) for column in part) for part in (top, bottom)))


PUBLISHED = {
    "aantal_inwoners": ["AantalInwoners"],
    "aantal_huishoudens": ["HuishoudensTotaal"],
    "gemiddelde_huishoudensgrootte": ["GemiddeldeHuishoudensgrootte"],
    "bevolkingsdichtheid": ["Bevolkingsdichtheid"],
    "stedelijkheid": ["MateVanStedelijkheid"],
    "gemiddelde_woz_waarde": ["GemiddeldeWOZWaardeVanWoningen", "GemiddeldeWoningwaarde"],
    "aandeel_koopwoningen": ["Koopwoningen"],
    "aandeel_corporatiewoningen": ["InBezitWoningcorporatie"],
    "aandeel_eengezinswoningen": ["PercentageEengezinswoning"],
    "gemiddeld_inkomen_per_inwoner": ["GemiddeldInkomenPerInwoner"],
    "afstand_huisarts": ["AfstandTotHuisartsenpraktijk"],
    "afstand_supermarkt": ["AfstandTotGroteSupermarkt"],
    "afstand_basisschool": ["AfstandTotSchool"],
    "afstand_kinderdagverblijf": ["AfstandTotKinderdagverblijf"],
    "scholen_binnen_3_km": ["ScholenBinnen3Km"],
    "nettoarbeidsparticipatie": ["NettoArbeidsparticipatie", "Nettoarbeidsparticipatie"],
    "aandeel_huishoudens_laagste_40": ["k_40HuishoudensMetLaagsteInkomen"],
    "aandeel_huishoudens_laag_inkomen": ["HuishoudensMetEenLaagInkomen"],
    "aandeel_huishoudens_sociaal_minimum": ["HuishOnderOfRondSociaalMinimum"],
    "mediaan_vermogen": ["MediaanVermogenVanParticuliereHuish"],
    "aandeel_onbewoonde_woningen": ["PercentageOnbewoond"],
    "aandeel_zelfstandigen": ["PercentageZelfstandigen"],
    "gemiddeld_aardgasverbruik": ["GemiddeldAardgasverbruikTotaal"],
    "aandeel_jeugdzorg": ["PercentageJongerenMetJeugdzorg"],
    "wmo_per_1000": ["WmoClientenRelatief"],
}
AGE_15_65 = ["k_15Tot25Jaar", "k_25Tot45Jaar", "k_45Tot65Jaar"]
AGE_15 = [*AGE_15_65, "k_65JaarOfOuder"]
RATES: Mapping[str, tuple[int, list[str], list[str]]] = {
    "aandeel_0_15": (100, ["k_0Tot15Jaar"], ["AantalInwoners"]),
    "aandeel_15_25": (100, ["k_15Tot25Jaar"], ["AantalInwoners"]),
    "aandeel_25_45": (100, ["k_25Tot45Jaar"], ["AantalInwoners"]),
    "aandeel_45_65": (100, ["k_45Tot65Jaar"], ["AantalInwoners"]),
    "aandeel_65_plus": (100, ["k_65JaarOfOuder"], ["AantalInwoners"]),
    "aandeel_gescheiden": (100, ["Gescheiden"], AGE_15),
    "aandeel_verweduwd": (100, ["Verweduwd"], AGE_15),
    "aandeel_huishoudens_met_kinderen": (100, ["HuishoudensMetKinderen"], ["HuishoudensTotaal"]),
    "aandeel_eenpersoonshuishoudens": (100, ["Eenpersoonshuishoudens"], ["HuishoudensTotaal"]),
    "bijstand_per_1000_15_65": (1000, ["PersonenPerSoortUitkeringBijstand"], AGE_15_65),
    "ao_per_1000_15_65": (1000, ["PersonenPerSoortUitkeringAO"], AGE_15_65),
    "ww_per_1000_15_65": (1000, ["PersonenPerSoortUitkeringWW"], AGE_15_65),
    "bedrijfsvestigingen_per_1000": (1000, ["BedrijfsvestigingenTotaal"], ["AantalInwoners"]),
    "vestigingen_handel_horeca_per_1000": (1000, ["GIHandelEnHoreca"], ["AantalInwoners"]),
}
HEALTH_COLUMNS = {
    "aandeel_eenzaam": "Eenzaam",
    "aandeel_ernstig_eenzaam": "ErnstigZeerErnstigEenzaam",
    "aandeel_emotioneel_eenzaam": "EmotioneelEenzaam",
    "aandeel_sociaal_eenzaam": "SociaalEenzaam",
    "aandeel_moeite_rondkomen": "MoeiteMetRondkomen",
    "aandeel_veel_stress": "HeelVeelStressInAfgelopen4Weken",
    "aandeel_angst_depressie": "HoogRisicoOpAngstOfDepressie",
    "aandeel_vrijwilligers": "Vrijwilligerswerk",
    "aandeel_mantelzorgers": "Mantelzorger",
    "aandeel_regie": "MatigVeelRegieOverEigenLeven",
    "aandeel_goede_gezondheid": "ErvarenGezondheidGoedZeerGoed",
    "aandeel_rokers": "Roker",
    "aandeel_overmatige_drinkers": "OvermatigeDrinker",
    "aandeel_geluidhinder_buren": "ErnstigeGeluidhinderDoorBuren",
    "aandeel_langdurige_aandoening": "EenOfMeerLangdurigeAandoeningen",
    "aandeel_beperkt_door_gezondheid": "BeperktVanwegeGezondheid",
    "aandeel_beweegrichtlijn": "VoldoetAanBeweegrichtlijn",
}


def code(row: Row) -> str:
    """The area of a row; the country is NL01 in one of the tables."""
    text = row["WijkenEnBuurten"].strip()
    return "NL00" if text.startswith("NL") else text


def by_base_name(row: Row) -> Row:
    """A row by base names: the number behind a column's name is its position, and differs per year."""
    return {re.sub(r"_\d+$", "", name): cell for name, cell in row.items()}


def first(cells: Iterable[Number]) -> Number:
    """The first value."""
    return next((cell for cell in cells if cell is not None), None)


def total(cells: Iterable[Number]) -> Number:
    """The sum, None when a part is missing."""
    found = list(cells)
    return None if None in found else sum(cell for cell in found if cell is not None)


def rate(factor: int, top: Number, bottom: Number) -> Number:
    """A rate, None without a numerator or a denominator."""
    return None if top is None or not bottom else factor * top / bottom
