"""The structure of the four tables as the sources publish it: topic groups, keys, titles, units and types. No figures.

One line per topic: `key|title|unit|decimals`, where decimals is `t` for text. A line that starts with `=` opens a topic
group; the number of signs is its depth. Groups, titles (trailing spaces and hard spaces included) and units follow the
Kerncijfers 2020; the keys of 2024 are those of the summer of 2026; the topics that this example leaves out are
gaps in the numbering.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

KERNCIJFERS_2020 = """\
=Regioaanduiding
Gemeentenaam_1|Gemeentenaam|naam|t
SoortRegio_2|Soort regio|omschrijving|t
Codering_3|Codering|code|t
IndelingswijzigingWijkenEnBuurten_4|Indelingswijziging wijken en buurten|code|t
=Bevolking
AantalInwoners_5|Aantal inwoners|aantal|0
==Geslacht
Mannen_6|Mannen|aantal|0
Vrouwen_7|Vrouwen|aantal|0
==Leeftijdsgroepen
k_0Tot15Jaar_8|0 tot 15 jaar|aantal|0
k_15Tot25Jaar_9|15 tot 25 jaar|aantal|0
k_25Tot45Jaar_10|25 tot 45 jaar|aantal|0
k_45Tot65Jaar_11|45 tot 65 jaar|aantal|0
k_65JaarOfOuder_12|65 jaar of ouder|aantal|0
==Burgerlijke staat
Ongehuwd_13|Ongehuwd|aantal|0
Gehuwd_14|Gehuwd|aantal|0
Gescheiden_15|Gescheiden|aantal|0
Verweduwd_16|Verweduwd|aantal|0
==Personen met een migratieachtergrond
WestersTotaal_17|Westers totaal|aantal|0
===Niet-westers
NietWestersTotaal_18|Niet-westers totaal|aantal|0
Marokko_19|Marokko|aantal|0
NederlandseAntillenEnAruba_20|Nederlandse Antillen en Aruba|aantal|0
Suriname_21|Suriname|aantal|0
Turkije_22|Turkije|aantal|0
OverigNietWesters_23|Overig niet-westers|aantal|0
==Geboorte en sterfte
GeboorteTotaal_24|Geboorte totaal|aantal|0
GeboorteRelatief_25|Geboorte relatief|per 1 000 inwoners|0
SterfteTotaal_26|Sterfte totaal|aantal|0
SterfteRelatief_27|Sterfte relatief|per 1 000 inwoners|0
==Particuliere huishoudens
HuishoudensTotaal_28|Huishoudens totaal|aantal|0
Eenpersoonshuishoudens_29|Eenpersoonshuishoudens|aantal|0
HuishoudensZonderKinderen_30|Huishoudens zonder kinderen|aantal|0
HuishoudensMetKinderen_31|Huishoudens met kinderen|aantal|0
GemiddeldeHuishoudensgrootte_32|Gemiddelde huishoudensgrootte|aantal|1
=-Bevolking
Bevolkingsdichtheid_33|Bevolkingsdichtheid|aantal inwoners per km²|0
=Wonen
Woningvoorraad_34|Woningvoorraad|aantal|0
GemiddeldeWoningwaarde_35|Gemiddelde woningwaarde|x 1 000 euro|0
==Woningen naar type
PercentageEengezinswoning_36|Percentage eengezinswoning|%|0
PercentageMeergezinswoning_37|Percentage meergezinswoning|%|0
==Woningen naar bewoning
PercentageBewoond_38|Percentage bewoond|%|0
PercentageOnbewoond_39|Percentage onbewoond|%|0
==Woningen naar eigendom
Koopwoningen_40|Koopwoningen|%|0
===Huurwoningen
HuurwoningenTotaal_41|Huurwoningen totaal|%|0
InBezitWoningcorporatie_42|In bezit woningcorporatie|%|0
InBezitOverigeVerhuurders_43|In bezit overige verhuurders|%|0
=-Woningen naar eigendom
EigendomOnbekend_44|Eigendom onbekend|%|0
==Woningen naar bouwjaar
BouwjaarVoor2000_45|Bouwjaar voor 2000|%|0
BouwjaarVanaf2000_46|Bouwjaar vanaf 2000|%|0
=Energie
==Gemiddeld elektriciteitsverbruik
GemiddeldElektriciteitsverbruikTotaal_47|Gemiddeld elektriciteitsverbruik totaal|kWh|0
===Naar woningtype
Appartement_48|Appartement|kWh|0
Tussenwoning_49|Tussenwoning|kWh|0
Hoekwoning_50|Hoekwoning|kWh|0
TweeOnderEenKapWoning_51|Twee-onder-één-kap-woning|kWh|0
VrijstaandeWoning_52|Vrijstaande woning|kWh|0
===Naar eigendom
Huurwoning_53|Huurwoning|kWh|0
EigenWoning_54|Eigen woning|kWh|0
==Gemiddeld aardgasverbruik
GemiddeldAardgasverbruikTotaal_55|Gemiddeld aardgasverbruik totaal|m³|0
===Naar woningtype
Appartement_56|Appartement|m³|0
Tussenwoning_57|Tussenwoning|m³|0
Hoekwoning_58|Hoekwoning|m³|0
TweeOnderEenKapWoning_59|Twee-onder-één-kap-woning|m³|0
VrijstaandeWoning_60|Vrijstaande woning|m³|0
===Naar eigendom
Huurwoning_61|Huurwoning|m³|0
EigenWoning_62|Eigen woning|m³|0
=-Gemiddeld aardgasverbruik
PercentageWoningenMetStadsverwarming_63|Percentage woningen met stadsverwarming|%|1
=Opleidingsniveau
OpleidingsniveauLaag_64|Opleidingsniveau laag |aantal|0
OpleidingsniveauMiddelbaar_65|Opleidingsniveau middelbaar |aantal|0
OpleidingsniveauHoog_66|Opleidingsniveau hoog |aantal|0
=Arbeid
NettoArbeidsparticipatie_67|Netto arbeidsparticipatie|%|0
==Onderverdeling arbeidsparticipatie
PercentageWerknemers_68|Percentage werknemers |%|0
PercentageZelfstandigen_69|Percentage zelfstandigen |%|0
=Inkomen
==Inkomen van personen
AantalInkomensontvangers_70|Aantal inkomensontvangers\xa0\xa0|aantal|0
GemiddeldInkomenPerInkomensontvanger_71|Gemiddeld inkomen per inkomensontvanger\xa0|x 1 000 euro|1
GemiddeldInkomenPerInwoner_72|Gemiddeld inkomen per inwoner\xa0|x 1 000 euro|1
k_40PersonenMetLaagsteInkomen_73|40% personen met laagste inkomen|%|1
k_20PersonenMetHoogsteInkomen_74|20% personen met hoogste inkomen|%|1
==Inkomen van huishoudens
GemGestandaardiseerdInkomenVanHuish_75|Gem. gestandaardiseerd inkomen van huish|x 1 000 euro|1
k_40HuishoudensMetLaagsteInkomen_76|40% huishoudens met laagste inkomen|%|1
k_20HuishoudensMetHoogsteInkomen_77|20% huishoudens met hoogste inkomen|%|1
HuishoudensMetEenLaagInkomen_78|Huishoudens met een laag inkomen|%|1
HuishOnderOfRondSociaalMinimum_79|Huish. onder of rond sociaal minimum|%|1
HuishoudensTot110VanSociaalMinimum_80|Huishoudens tot 110% van sociaal minimum|%|1
HuishoudensTot120VanSociaalMinimum_81|Huishoudens tot 120% van sociaal minimum|%|1
MediaanVermogenVanParticuliereHuish_82|Mediaan vermogen van particuliere huish.|x 1 000 euro|0
=Sociale zekerheid
PersonenPerSoortUitkeringBijstand_83|Personen per soort uitkering; Bijstand|aantal|0
PersonenPerSoortUitkeringAO_84|Personen per soort uitkering; AO|aantal|0
PersonenPerSoortUitkeringWW_85|Personen per soort uitkering; WW|aantal|0
PersonenPerSoortUitkeringAOW_86|Personen per soort uitkering; AOW|aantal|0
=Zorg
JongerenMetJeugdzorgInNatura_87|Jongeren met jeugdzorg in natura |aantal|0
PercentageJongerenMetJeugdzorg_88|Percentage jongeren met jeugdzorg |%|1
WmoClienten_89|Wmo-cliënten |aantal|0
WmoClientenRelatief_90|Wmo-cliënten relatief |per 1 000 inwoners|0
=Bedrijfsvestigingen, SBI 2008
BedrijfsvestigingenTotaal_91|Bedrijfsvestigingen totaal|aantal|0
==Bedrijfsvestigingen naar activiteit
ALandbouwBosbouwEnVisserij_92|A Landbouw, bosbouw en visserij|aantal|0
BFNijverheidEnEnergie_93|B-F Nijverheid en energie|aantal|0
GIHandelEnHoreca_94|G+I Handel en horeca|aantal|0
HJVervoerInformatieEnCommunicatie_95|H+J Vervoer, informatie en communicatie|aantal|0
KLFinancieleDienstenOnroerendGoed_96|K-L Financiële diensten, onroerend goed|aantal|0
MNZakelijkeDienstverlening_97|M-N Zakelijke dienstverlening|aantal|0
RUCultuurRecreatieOverigeDiensten_98|R-U Cultuur, recreatie, overige diensten|aantal|0
=Motorvoertuigen
==Personenauto's
PersonenautoSTotaal_99|Personenauto's totaal|aantal|0
===Personenauto's; brandstoftype
PersonenautoSBrandstofBenzine_100|Personenauto's; brandstof benzine|aantal|0
PersonenautoSOverigeBrandstof_101|Personenauto's; overige brandstof|aantal|0
=-Personenauto's
PersonenautoSPerHuishouden_102|Personenauto's per huishouden|per huishouden|1
PersonenautoSNaarOppervlakte_103|Personenauto's naar oppervlakte|per km²|0
=-Motorvoertuigen
Motorfietsen_104|Motorfietsen|aantal|0
=Nabijheid voorzieningen
AfstandTotHuisartsenpraktijk_105|Afstand tot huisartsenpraktijk|km|1
AfstandTotGroteSupermarkt_106|Afstand tot grote supermarkt|km|1
AfstandTotKinderdagverblijf_107|Afstand tot kinderdagverblijf|km|1
==Basisonderwijs
AfstandTotSchool_108|Afstand tot school|km|1
ScholenBinnen3Km_109|Scholen binnen 3 km|aantal|1
=Oppervlakte
OppervlakteTotaal_110|Oppervlakte totaal|ha|0
OppervlakteLand_111|Oppervlakte land|ha|0
OppervlakteWater_112|Oppervlakte water|ha|0
=Postcode
MeestVoorkomendePostcode_113|Meest voorkomende postcode|code|t
Dekkingspercentage_114|Dekkingspercentage|code|0
=Stedelijkheid
MateVanStedelijkheid_115|Mate van stedelijkheid|code|0
Omgevingsadressendichtheid_116|Omgevingsadressendichtheid|per km²|0
"""

KERNCIJFERS_2024 = """\
=Regioaanduiding
Gemeentenaam_1|Gemeentenaam|naam|t
SoortRegio_2|Soort regio|omschrijving|t
Codering_3|Codering|code|t
=Bevolking
AantalInwoners_5|Aantal inwoners|aantal|0
==Geslacht
Mannen_6|Mannen|aantal|0
Vrouwen_7|Vrouwen|aantal|0
==Leeftijdsgroepen
k_0Tot15Jaar_8|0 tot 15 jaar|aantal|0
k_15Tot25Jaar_9|15 tot 25 jaar|aantal|0
k_25Tot45Jaar_10|25 tot 45 jaar|aantal|0
k_45Tot65Jaar_11|45 tot 65 jaar|aantal|0
k_65JaarOfOuder_12|65 jaar of ouder|aantal|0
==Burgerlijke staat
Ongehuwd_13|Ongehuwd|aantal|0
Gehuwd_14|Gehuwd|aantal|0
Gescheiden_15|Gescheiden|aantal|0
Verweduwd_16|Verweduwd|aantal|0
==Bevolking naar herkomst
===Herkomstland
BuitenEuropa_19|Buiten Europa|aantal|0
==Geboorte en sterfte
GeboorteTotaal_25|Geboorte totaal|aantal|0
GeboorteRelatief_26|Geboorte relatief|per 1 000 inwoners|0
SterfteTotaal_27|Sterfte totaal|aantal|0
SterfteRelatief_28|Sterfte relatief|per 1 000 inwoners|0
==Particuliere huishoudens
HuishoudensTotaal_29|Huishoudens totaal|aantal|0
Eenpersoonshuishoudens_30|Eenpersoonshuishoudens|aantal|0
HuishoudensZonderKinderen_31|Huishoudens zonder kinderen|aantal|0
HuishoudensMetKinderen_32|Huishoudens met kinderen|aantal|0
GemiddeldeHuishoudensgrootte_33|Gemiddelde huishoudensgrootte|aantal|1
=-Bevolking
Bevolkingsdichtheid_34|Bevolkingsdichtheid|aantal inwoners per km²|0
=Wonen
Woningvoorraad_35|Woningvoorraad|aantal|0
GemiddeldeWOZWaardeVanWoningen_39|Gemiddelde WOZ-waarde van woningen|x 1 000 euro|0
==Woningen naar type
PercentageEengezinswoning_40|Percentage eengezinswoning|%|0
PercentageMeergezinswoning_45|Percentage meergezinswoning|%|0
==Woningen naar bewoning
OnbewoondeWoningen_46|Onbewoonde woningen|%|0
==Woningen naar eigendom
Koopwoningen_47|Koopwoningen|%|0
===Huurwoningen
HuurwoningenTotaal_48|Huurwoningen totaal|%|0
InBezitWoningcorporatie_49|In bezit woningcorporatie|%|0
InBezitOverigeVerhuurders_50|In bezit overige verhuurders|%|0
==Woningen naar bouwjaar
BouwjaarMeerDanTienJaarGeleden_51|Bouwjaar meer dan tien jaar geleden|%|0
=Energie
==Gemiddeld aardgasverbruik
GemiddeldAardgasverbruik_55|Gemiddeld aardgasverbruik|m³|0
=Onderwijs
StudentenMboExclExtranei_64|Studenten mbo excl. extranei|aantal|0
==Hoogst behaald onderwijsniveau
BasisonderwijsVmboMbo1_67|Basisonderwijs, vmbo, mbo1|aantal|0
HavoVwoMbo24_68|Havo, vwo, mbo2-4|aantal|0
HboWo_69|Hbo, wo|aantal|0
=Arbeid
Nettoarbeidsparticipatie_71|Nettoarbeidsparticipatie|%|0
==Onderverdeling arbeidsparticipatie
WerknemersMetFlexibeleArbeidsrelatie_74|Werknemers met flexibele arbeidsrelatie|%|0
PercentageZelfstandigen_75|Percentage zelfstandigen|%|0
=Inkomen
==Inkomen van personen
AantalInkomensontvangers_76|Aantal inkomensontvangers |aantal|0
GemiddeldInkomenPerInkomensontvanger_77|Gemiddeld inkomen per inkomensontvanger |x 1 000 euro|1
GemiddeldInkomenPerInwoner_78|Gemiddeld inkomen per inwoner |x 1 000 euro|1
PersonenInArmoede_81|Personen in armoede|%|1
PersonenTot25BovenArmoedegrens_82|Personen tot 25% boven armoedegrens|%|1
==Inkomen van huishoudens
k_40HuishoudensMetLaagsteInkomen_84|40% huishoudens met laagste inkomen|%|1
MediaanVermogenVanParticuliereHuish_86|Mediaan vermogen van particuliere huish.|x 1 000 euro|1
=Sociale zekerheid
PersonenPerSoortUitkeringBijstand_87|Personen per soort uitkering; Bijstand|aantal|0
PersonenPerSoortUitkeringAO_88|Personen per soort uitkering; AO|aantal|0
PersonenPerSoortUitkeringWW_89|Personen per soort uitkering; WW|aantal|0
PersonenPerSoortUitkeringAOW_90|Personen per soort uitkering; AOW|aantal|0
=Zorg
JongerenMetJeugdzorgInNatura_91|Jongeren met jeugdzorg in natura |aantal|0
PercentageJongerenMetJeugdzorg_92|Percentage jongeren met jeugdzorg |%|1
WmoClienten_93|Wmo-cliënten |aantal|0
WmoClientenRelatief_94|Wmo-cliënten relatief |per 1 000 inwoners|0
=Bedrijfsvestigingen, SBI 2008
BedrijfsvestigingenTotaal_95|Bedrijfsvestigingen totaal|aantal|0
==Bedrijfsvestigingen naar activiteit
GIHandelEnHoreca_98|G+I Handel en horeca|aantal|0
=Nabijheid voorzieningen
AfstandTotHuisartsenpraktijk_110|Afstand tot huisartsenpraktijk|km|1
AfstandTotGroteSupermarkt_111|Afstand tot grote supermarkt|km|1
AfstandTotKinderdagverblijf_112|Afstand tot kinderdagverblijf|km|1
==Basisonderwijs
AfstandTotSchool_113|Afstand tot school|km|1
ScholenBinnen3Km_114|Scholen binnen 3 km|aantal|1
=Oppervlakte
OppervlakteTotaal_115|Oppervlakte totaal|ha|0
OppervlakteLand_116|Oppervlakte land|ha|0
OppervlakteWater_117|Oppervlakte water|ha|0
=Postcode
MeestVoorkomendePostcode_118|Meest voorkomende postcode|code|t
Dekkingspercentage_119|Dekkingspercentage|code|0
=Stedelijkheid
MateVanStedelijkheid_120|Mate van stedelijkheid|code|0
Omgevingsadressendichtheid_121|Omgevingsadressendichtheid|per km²|0
"""

REGION_TOPICS = "Gemeentenaam_1|Gemeentenaam||t\nSoortRegio_2|Soort regio||t\nCodering_3|Codering||t\n"
MISDRIJVEN = REGION_TOPICS + "GeregistreerdeMisdrijven_4|Geregistreerde misdrijven|aantal|0\n"

GEO, TIME, PLAIN = "GeoDetail", "TimeDimension", "Dimension"
TITLES = {"WijkenEnBuurten": "Wijken en buurten", "SoortMisdrijf": "Soort misdrijf"}


@dataclass(frozen=True)
class Topic:
    """One column: its key with suffix, its base name, and its decimals (None for text)."""

    key: str
    name: str
    decimals: int | None


@dataclass(frozen=True)
class TableLayout:
    """One table: its dimensions in order of key with their types, its topics, and the rows of DataProperties."""

    dimensions: tuple[tuple[str, str], ...]
    topics: tuple[Topic, ...]
    properties: tuple[Row, ...]


def parse_layout(text: str, dimensions: Sequence[tuple[str, str]]) -> TableLayout:
    """The layout that a text of this module describes. `=-Title` goes back to a group that is already open."""
    rows = [_property(n, n, None, kind, key, TITLES.get(key, key)) for n, (key, kind) in enumerate(dimensions)]
    first = len(rows)
    topics: list[Topic] = []
    open_groups: list[tuple[str, int]] = []
    for line in text.splitlines():
        if line.startswith("=-"):
            while open_groups[-1][0] != line[2:]:
                open_groups.pop()
        elif line.startswith("="):
            title = line.lstrip("=")
            open_groups = open_groups[: len(line) - len(title) - 1]
            parent = open_groups[-1][1] if open_groups else None
            rows.append(_property(len(rows), None, parent, "TopicGroup", "", title))
            open_groups.append((title, len(rows) - 1))
        else:
            key, title, unit, decimals = line.split("|")
            position = int(key.rpartition("_")[2]) + first - 1
            topics.append(Topic(key, re.sub(r"_\d+$", "", key), None if decimals == "t" else int(decimals)))
            parent = open_groups[-1][1] if open_groups else None
            row = _property(len(rows), position, parent, "Topic", key, title)
            rows.append(row | _measure(unit, decimals))
    return TableLayout(tuple(dimensions), tuple(topics), tuple(rows))


def _property(number: int, position: int | None, parent: int | None, kind: str, key: str, title: str) -> Row:
    return {
        "odata.type": f"Cbs.OData.{kind}", "ID": number, "Position": position, "ParentID": parent, "Type": kind,
        "Key": key, "Title": title, "Description": "",
    }  # fmt: skip


def _measure(unit: str, decimals: str) -> Row:
    datatype = {"t": "String", "0": "Long"}.get(decimals, "Double")
    kind = "" if decimals == "t" else "Relative" if unit.startswith(("%", "per ")) else "Absolute"
    places = 0 if decimals == "t" else int(decimals)
    return {"Datatype": datatype, "Unit": unit, "Decimals": places, "Default": "Impossible", "PresentationType": kind}


def spaced(name: str) -> str:
    """A title for a base name: `MoeiteMetRondkomen` -> `Moeite met rondkomen`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).capitalize()
