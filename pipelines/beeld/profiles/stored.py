"""Reasons that a release holds, said in the language that is spoken.

A reason is written where it arises (`beeld.transforms`, `beeld.warehouse`), in Dutch, and published as it is. Its pattern stands
here, with a name for each part that varies; a reason without a pattern stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from beeld.profiles.language import language, noted, spoken, tr

NO_REASON = noted("geen reden bekend")

PATTERNS = (
    # ---- beeld.transforms.indicators, areas, unions, staging: why there is no figure
    noted("geheim volgens de bron"),
    noted("te klein aantal om te tonen"),
    noted("onbekend of geheim"),
    noted("onbekend, onvoldoende betrouwbaar of geheim"),
    noted("de bron heeft dit onderwerp voor dit jaar niet gevuld"),
    noted("deze tabel is niet geleverd"),
    noted("kan volgens de bron niet voorkomen"),
    noted("de noemer is 0"),
    noted("geen noemer voor dit jaar"),
    noted("grens niet getoetst"),
    noted("grens niet getoetst ({number})"),
    noted("dit jaar is alleen opgehaald voor de gevraagde gemeenten"),
    noted("de grens of code is gewijzigd na indeling {year}"),
    noted("geen gebied met deze code en naam in indeling {year}"),
    noted("de bron geeft deze code een andere naam"),
    noted("de bron heeft geen rij voor dit gebied"),
    noted("dit cijfer is niet samen te voegen"),
    noted("van {number} van {total} buurten is er geen cijfer"),
    noted("de noemer van een of meer buurten is onbekend"),
    noted("geen van de buurten heeft een cijfer"),
    noted("de buurten met een cijfer dekken {number} procent van de noemer, minder dan 80 procent"),
    # ---- beeld.profiles.text: caveats
    noted("ouder"),
    noted("jaar niet volledig"),
    noted("voorlopig"),
    noted("grote marge"),
    # ---- beeld.transforms.target_groups
    noted("het aantal is onbekend"),
    noted("het aandeel is onbekend"),
    noted("het aantal {group} van dat jaar is onbekend"),
    noted("geen buurt van de gemeente hoort bij deze keuze"),
    noted("van een gekozen buurt is het aantal onbekend"),
    noted("van te veel buurten is het aantal onbekend"),
    noted("in geen buurt woont iemand uit deze groep"),
    noted("van {number} van {total} buurten is er geen aantal"),
    # ---- beeld.transforms.scores, certainty: signals and outcomes
    noted("score {score}, grens {bound}"),
    noted("{number} van {total} kernindicatoren"),
    noted("{number} van {total} kerncijfers"),
    noted("lager dan de helft van de gebieden in de gemeente"),
    noted("één kernindicator: ten hoogste aandacht"),
    noted("op de cijfers zelf: {level}, maar dat blijft in minder dan {share} % van de scenario's staan"),
    noted("in {share} % van de scenario's heeft dit thema een signaal"),
    noted("op de cijfers zelf is er een signaal, maar dat blijft in minder dan {share} % van de scenario's staan"),
    noted("hoort in {share} % van de scenario's bij de kopgroep"),
    noted('zonder "{title}" verandert de uitkomst het vaakst: in {share} % van de scenario\'s'),
    noted("{number} van de 6 thema's met een score, uit {count} bronfamilie"),
    noted("{number} van de 6 thema's met een score, uit {count} bronfamilies"),
    noted("{number} van de 6 thema's met een score, uit {count} soort bron"),
    noted("{number} van de 6 thema's met een score, uit {count} soorten bronnen"),
    noted("1 thema met een signaal; nodig zijn er 3, of 2 sterke"),
    noted("{number} thema's met een signaal; nodig zijn er 3, of 2 sterke"),
    noted("één onderliggende bron"),
    noted("een samengesteld gebied krijgt geen score; zie de buurten"),
    noted("het aantal inwoners is onbekend"),
    noted("minder dan {number} inwoners: geen score"),
    noted("in {year} minder dan {number} inwoners: de cijfers van dat jaar tellen niet mee"),
    noted("aandacht"),
    noted("sterk"),
    noted("kracht"),
    noted("geen"),
    # ---- beeld.transforms.trends
    noted("van dit cijfer is de standaardfout niet bekend"),
    noted("niet elke buurt heeft een cijfer"),
    noted("niet elke buurt heeft een cijfer ({number})"),
    noted("twee jaren: verschil {difference}, kritisch verschil {critical}"),
    noted("voor een trend zijn {number} jaren nodig, er zijn er {count}"),
    noted("vijf jaren: helling {slope} per jaar, standaardfout {error}, chi-kwadraat {chi}, grens {bound}"),
    noted("zonder een van de jaren keert de richting om"),
    # ---- beeld.transforms.gate: uses
    noted("alleen als vaststaat dat de grens gelijk bleef"),
    noted("alleen naast vergelijkingsbuurten, en als een verandering van die grootte aantoonbaar is"),
    noted("de catalogus noemt dit gebruik niet voor dit cijfer"),
    noted("een modelschatting is berekend uit andere kenmerken en laat niet zien wat er in het gebied zelf verandert"),
    noted("gebruik van zorg is behoefte, toegang en beleid samen; het zegt niet waar de behoefte groot is"),
    noted("gearceerd: de standaardfout is een vijfde van het cijfer of meer"),
    noted("alleen met de marge erbij"),
    noted("alleen getoetst aan het kritisch verschil"),
    noted("alleen via de stabiliteit van het signaal"),
    noted("het cijfer is te onzeker: de standaardfout is een vijfde van het cijfer of meer"),
    noted("alleen met een foutmodel; zonder marge staat erbij dat het verschil niet te toetsen is"),
    noted("alleen met een foutmodel; zonder marge niet te toetsen"),
    noted("geteld waar het gebeurde; vergeleken wordt de gladgestreken schatting"),
    noted("geteld waar het gebeurde; getoetst aan het kritisch verschil van de aantallen zelf"),
    noted("met het merk modelschatting"),
    noted("alleen met de marge erbij, nooit op volgorde"),
    noted("alleen in een themascore, samen met inkomen en werk als één bronfamilie; nooit op zichzelf"),
    noted("een samengesteld cijfer van een ander, met een eigen betekenis"),
    noted("alleen binnen één editie"),
    noted("alleen om een uitkomst naast te leggen (validatie)"),
    noted("een score is samengesteld uit veel kenmerken; een verschil voor en na is niet te duiden"),
    noted("binnen dezelfde klasse van stedelijkheid"),
    noted("een afstand heeft geen foutmodel en is daarom niet te toetsen"),
    noted("een afstand verandert door een opening of sluiting, niet door een aanpak in de buurt"),
    noted("een verandering van gebruik hangt ook samen met beleid en toegang"),
    noted("alleen als de aantallen groot genoeg zijn om te tonen"),
    noted("alleen met gebieden uit dezelfde levering"),
    noted("alleen als elke levering op dezelfde manier is geteld"),
    noted("het cijfer is er niet voor alle gebieden"),
    # ---- beeld.transforms.lists, list_members
    noted("staat op de lijst, en bij ons vallen genoeg thema's op"),
    noted("staat niet op de lijst, en bij ons vallen niet genoeg thema's op"),
    noted("staat niet op de lijst, maar bij ons vallen genoeg thema's op"),
    noted("staat op de lijst, maar bij ons vallen niet genoeg thema's op"),
    noted("op de gepubliceerde cijfers zelf is dat anders: de onzekerheid van de cijfers maakt het verschil"),
    noted("geen enkel kerncijfer maakt op zichzelf het verschil"),
    noted("zonder {titles} is er geen uitkomst"),
    noted("zonder {titles} zou onze uitkomst gelijk zijn aan de lijst"),
    noted("zonder {titles} zou onze uitkomst gelijk zijn aan de lijst (ook zonder {others})"),
    noted("een samengesteld gebied heeft geen uitkomst; zie de buurten"),
    noted("het aantal inwoners is onbekend: wij geven geen uitkomst"),
    noted("minder dan {number} inwoners: wij geven geen uitkomst"),
    noted("wij hebben te weinig gegevens voor een uitkomst"),
    noted("deze release heeft er geen cijfers van; er is niet mee vergeleken"),
    noted("de bron geeft voor dit gebied geen cijfer"),
    noted("dit gebied is niet terug te vinden in de indeling van {year}"),
    noted("de lijst is leeg"),
    noted("niet terug te vinden in de indeling van deze release: {number} van {total}"),
    noted("indeling {year} is niet geleverd: op code vergeleken"),
    noted("Leefbaarometer: het laagste vijfde deel"),
    noted("SES-WOA: het laagste vijfde deel"),
    # ---- beeld.refresh: what the index says of the sources
    noted("Deze bronnen zijn niet geleverd: {titles}"),
    noted("{title}, tabel {tables}: niet geleverd"),
    noted("{title}, tabellen {tables}: niet geleverd"),
    noted("{title}, tabel {table}: niet bijgewerkt. De bron was niet te lezen; wat hier staat is ouder"),
    # ---- beeld.warehouse.checks: checks that did not pass
    noted("elke waarde ligt tussen {low} en {high} {unit}, op afronding na"),
    noted("ten hoogste {share} procent van de cellen is leeg"),
    noted("twee kerncijfers van thema {theme} hangen ten hoogste {bound} samen (r van Pearson)"),
    noted("de levering heeft tussen {low} en {high} rijen"),
    noted("de som van de buurten ligt binnen de afronding ({number} per buurt) van hun wijk"),
    noted("{area} {year} is {number}"),
    noted("de som van {parts} ligt binnen {bound} van het geheel"),
    noted("de gemeente van elke wijk en buurt staat zelf ook in de indeling"),
    noted("elk gebied heeft een rij voor elke indicator en elk geleverd jaar"),
    noted("elke gebiedscode komt een keer voor"),
    noted("elk cijfer dat anders is dan in de vorige editie heeft een oorzaak"),
    noted("elk cijfer komt een keer voor"),
    noted("de bron levert deze kolommen nog, maar de reeks is eerder geëindigd; ze zijn niet gelezen: {columns}"),
    noted("de correctie vindt nog iets om te corrigeren. {reason}"),
    noted("Niets te corrigeren: de bron lijkt hersteld. {reason}"),
    noted("kaart en Kerncijfers verschillen in {number} van {total} gebieden; hoogstens {share} mag"),
)
PLAINER = (
    (noted("de noemer is 0"), noted("het aantal waardoor gedeeld wordt, is 0")),
    (noted("geen noemer voor dit jaar"), noted("het aantal waardoor gedeeld wordt, is voor dit jaar niet bekend")),
    (
        noted("de noemer van een of meer buurten is onbekend"),
        noted("van een of meer buurten is het aantal waardoor gedeeld wordt niet bekend"),
    ),
    (
        noted("één kernindicator: ten hoogste aandacht"),
        noted("er is maar één kerncijfer: daarom vraagt dit thema hoogstens aandacht, en geeft het nooit een sterk signaal"),
    ),
    (
        noted('zonder "{title}" verandert de uitkomst het vaakst: in {share} % van de scenario\'s'),
        noted(
            'laat u het cijfer "{title}" weg, dan verandert de uitkomst in {share} % van de scenario\'s; bij geen ander'
            " kerncijfer is dat vaker"
        ),
    ),
    (
        noted("{number} van de 6 thema's met een score, uit {count} bronfamilie"),
        noted("{number} van de 6 thema's met een score, uit {count} soort bron"),
    ),
    (
        noted("{number} van de 6 thema's met een score, uit {count} bronfamilies"),
        noted("{number} van de 6 thema's met een score, uit {count} soorten bronnen"),
    ),
    ("1 thema's met een signaal; nodig zijn er 3, of 2 sterke", noted("1 thema met een signaal; nodig zijn er 3, of 2 sterke")),
)
"""What a release says -> the same for readers. A release keeps its words: whoever asks it by its reasons finds them."""
FREE = frozenset(
    {"titles", "title", "others", "tables", "table", "columns", "parts", "area", "unit", "theme", "group", "level", "reason"}
)
"""Parts that are words; the others are numbers, which are written anew."""
DUTCH_NUMBER = re.compile(r"(?<![\w.,])-?\d{1,3}(?:\.\d{3})*(?:,\d+)?(?![\w])")


def plainer(reason: str) -> str:
    """The reason for readers, still in Dutch; of reasons joined by a semicolon each. Without plainer words it stays as it is."""
    found = _plainer(reason)
    return found if found is not None else "; ".join(_plainer(part) or part for part in reason.split("; "))


@lru_cache(maxsize=65_536)
def _plainer(reason: str) -> str | None:
    for pattern, words in _plainer_patterns():
        if match := pattern.fullmatch(reason):
            return words.format(**match.groupdict())
    return None


@cache
def _plainer_patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile("".join(_regex(old)), re.DOTALL), words) for old, words in PLAINER)


def stored(reason: str) -> str:
    """The reason in the language that is spoken. Of reasons joined by a semicolon each is said; an unknown one stays as it is."""
    said = spoken()
    return reason if said.code == "nl" or not reason else _said(reason, said.code)


@lru_cache(maxsize=65_536)
def _said(reason: str, code: str) -> str:
    text, end = (reason[:-1], ".") if reason.endswith(".") else (reason, "")
    found = _whole(text, code)
    if found is None and "; " in text:
        return "; ".join(_said(part, code) for part in text.split("; ")) + end
    return reason if found is None else f"{found}{end}"


def _whole(text: str, code: str) -> str | None:
    """The message that the whole text is an instance of; None when there is none."""
    for start, plain in ((text[:1], text), (text[:1].upper(), f"{text[:1].lower()}{text[1:]}")):
        message = _translated(plain, code) or _matched(plain, code)
        if message is not None:
            return message if plain == text else f"{start and message[:1].upper()}{message[1:]}"
    return None


def _translated(text: str, code: str) -> str | None:
    said = language(code).messages.gettext(text)
    return said if said != text and "{" not in text else None


def _matched(text: str, code: str) -> str | None:
    for pattern, message in _patterns():
        if match := pattern.fullmatch(text):
            values = {name: _value(name, part, code) for name, part in match.groupdict().items()}
            return language(code).messages.gettext(message).format(**values)
    return None


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The patterns with something that varies, the longest text first: the most particular one wins."""
    known = dict.fromkeys((*PATTERNS, *(words for _, words in PLAINER)))
    varied = sorted((each for each in known if "{" in each), key=lambda each: -len(re.sub(r"{\w+}", "", each)))
    return tuple((re.compile("".join(_regex(each)), re.DOTALL), each) for each in varied)


def _regex(message: str) -> Iterator[str]:
    for part in re.split(r"({\w+})", message):
        name = part[1:-1] if part.startswith("{") else ""
        yield f"(?P<{name}>{'.+?' if name in FREE else '-?[0-9][0-9.,]*%?'})" if name else re.escape(part)


def _value(name: str, part: str, code: str) -> str:
    if name not in FREE:
        return renumbered(part)
    if (whole := _whole(part, code)) is not None:
        return whole
    if "'" in part:
        quoted = re.sub("'([^']*)'", lambda found: f"'{_whole(found[1], code) or found[1]}'", part)
        return quoted.replace("' en '", tr("' en '"))
    return ", ".join(_whole(each, code) or each for each in part.split(", "))


def renumbered(text: str) -> str:
    """Dutch numbers in `text` written in the language that is spoken: -1.234,5 becomes -1,234.5."""
    said = spoken()
    swap = str.maketrans(".,", said.thousands + said.decimal)
    return DUTCH_NUMBER.sub(lambda found: found[0].translate(swap), text)
