"""The privacy gate: does a table hold data about persons? (RELIABILITY.md section P)

Looked at are headings (also when they stand on a later row), values per column and the shape of the table. A finding says which
kind of data stands in which column of which sheet and how often; it never holds a cell, a heading or the name of a sheet.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from beeld.sources.declaring import AREA
from beeld.sources.spreadsheet import Cell

HEADER_ROWS = 20
"""Rows at the top in which a heading may stand."""
MANY, SHARE = 20, 0.5
"""A column of this many values of which this share passes a test that chance can pass: 3 in a million for the BSN test."""

_PERSON_WORDS = """
    bsn burgerservicenummer burgerservicenr sofinummer sofi voornaam voornamen achternaam roepnaam voorletters
    voorletter tussenvoegsel geslachtsnaam familienaam meisjesnaam geboortedatum gebdatum gebdat geboortedag birthdate
    dob adres woonadres postadres straat straatnaam huisnummer huisnr huisletter huisnummertoevoeging email emailadres
    mailadres telefoon telefoonnummer telnr telefoonnr tel mobiel mobielnummer gsm iban bankrekening bankrekeningnummer
    rekeningnummer rekeningnr kenteken kentekennummer paspoortnummer paspoort rijbewijsnummer identiteitsnummer
    clientnummer clientnr patientnummer vreemdelingennummer"""
PERSON_WORDS = frozenset(_PERSON_WORDS.split())
"""Words that, alone or as a word of a short heading, name a property of a person."""
_PERSONS = "client patient persoon inwoner bewoner kind leerling ouder moeder vader partner contactpersoon melder"
PERSONS = frozenset(_PERSONS.split())
JOINED = (
    "burgerservice",
    "geboortedat",
    "huisnummer",
    "telefoonnummer",
    "achternaam",
    "voornaam",
    "emailadres",
    "rekeningnummer",
)
"""Pieces of headings that were written as one word."""
_FIRST_NAMES = """
    jan johannes maria anna cornelis hendrik willem pieter petrus jacob gerrit dirk klaas kees piet henk wim hans peter
    johan erik mark martijn bas tim tom lars daan sem lucas levi noah finn milan thijs jesse ruben emma julia sophie lotte sanne
    lisa eva mila tess sara fleur anouk linda marieke annemarie wilhelmina elisabeth johanna catharina margaretha fatima
    mohammed mohamed ahmed ali youssef hassan aisha samira omar mehmet ayse emine karin monique marjan ingrid petra"""
FIRST_NAMES = frozenset(_FIRST_NAMES.split())

IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+\.[A-Za-z]{2,}")
PHONE = re.compile(r"(?:\+31|0031|0)[\s().-]*[1-9](?:[\s().-]*\d){8}", re.ASCII)
PLATE = re.compile(r"(?=(?:[^A-Z]*[A-Z]){2})(?=(?:\D*\d){2})[A-Z0-9]{1,3}-[A-Z0-9]{2,3}-[A-Z0-9]{1,2}", re.ASCII)
HOUSE = re.compile(r"[1-9]\d{3}\s?[A-Z]{2}[\s,]+\d{1,5}\s?[A-Za-z]?(?:[-\s]\w{1,4})?", re.ASCII)
STREET = re.compile(
    r"[\w'’. -]{2,60}(?:straat|laan|weg|plein|dijk|kade|gracht|hof|steeg|singel|dreef|pad)\s+\d{1,5}\s?[A-Za-z]?(?:-\d+)?",
    re.IGNORECASE,
)
DAY_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ]((?:19|20)\d\d)(?:[T ].*)?", re.ASCII)
YEAR_FIRST = re.compile(r"((?:19|20)\d\d)[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ].*)?", re.ASCII)
HARMLESS = re.compile(r"-?\d{1,7}|-?\d{1,15}[.,]\d{1,2}|-?\d[.,]\d+|\.", re.ASCII)
"""Figures that hold too little to be anything of a person; they are most of every table."""
MARK = re.compile(r"[A-Za-z]{1,4}[-_ ]?\d{3,12}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@dataclass(frozen=True)
class Grid:
    """One table of a delivered file: every row of a sheet, the heading among them."""

    rows: Sequence[Sequence[Cell]]
    number: int = 1
    """Which sheet it is."""


@dataclass(frozen=True)
class PersonalData:
    """A kind of personal data that was found: where and in how many cells."""

    kind: str
    sheet: int
    column: int
    count: int


def personal_data(grids: Iterable[Grid]) -> list[PersonalData]:
    """Everything in these tables that looks like data about persons, by sheet and column; empty when all is well."""
    return [found for grid in grids for found in _in_grid(grid)]


def _in_grid(grid: Grid) -> list[PersonalData]:
    width = max((len(row) for row in grid.rows), default=0)
    found: list[PersonalData] = []
    heads = [[_words(row[column]) for row in grid.rows[:HEADER_ROWS] if column < len(row)] for column in range(width)]
    areas = _areas(grid)
    for column in range(width):
        values = [text for row in grid.rows if column < len(row) and (text := _text(row[column]))]
        hits = dict(_hits(values))
        if count := sum(1 for words in heads[column] if _names_person(words)):
            hits["de kop"] = count
        if any(words == ("naam",) for words in heads[column]) and not _names_areas(grid, column, areas):
            hits["naam"] = len(values)
        found += [PersonalData(kind, grid.number, column + 1, count) for kind, count in hits.items() if count]
    if not found and _one_row_per_person(grid, areas, width):
        found.append(PersonalData("persoonsniveau", grid.number, 0, len(grid.rows)))
    return found


def _text(cell: Cell) -> str:
    """A cell as text: a whole number without a point, anything else as written."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _words(cell: Cell) -> tuple[str, ...]:
    """The words of a heading without accents, capitals and signs; `geboorteDatum` has two. Long texts are no headings."""
    text = cell if isinstance(cell, str) else ""
    if not text or len(text) > 60:
        return ()
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).casefold()
    return tuple(re.findall(r"[a-z]+", split))


def _names_person(words: tuple[str, ...]) -> bool:
    if not words or len(words) > 4:
        return False
    joined = "".join(words)
    return (
        joined in PERSON_WORDS
        or bool(PERSON_WORDS & set(words))
        or joined.startswith(JOINED)
        or ("naam" in words and bool(PERSONS & set(words)))
        or joined.removesuffix("naam") in PERSONS
    )


def _hits(values: Sequence[str]) -> Iterable[tuple[str, int]]:
    """Per kind of data the number of values that hold it, where that is enough to be no chance."""
    told = [text for text in values if not HARMLESS.fullmatch(text)]
    yield "iban", sum(1 for text in told if is_iban(text))
    yield "e-mail", sum(1 for text in told if "@" in text and EMAIL.search(text))
    yield "telefoon", sum(1 for text in told if PHONE.fullmatch(text))
    yield "postcode en huisnummer", sum(1 for text in told if HOUSE.fullmatch(text))
    tests: dict[str, tuple[Callable[[str], bool], int]] = {
        "bsn": (is_bsn, MANY),
        "adres": (lambda text: text[-1:].isalnum() and bool(STREET.fullmatch(text)), 5),
        "kenteken": (lambda text: bool(PLATE.fullmatch(text.upper())), 5),
        "naam": (_starts_with_first_name, 5),
    }
    for kind, (test, least) in tests.items():
        if len(values) >= least and (count := sum(1 for text in told if test(text))) >= (len(values) - 1) * SHARE:
            yield kind, count  # the heading is one of the values
    yield "geboortedatum", _birth_dates(values)
    yield "vrije tekst", _free_text(values)


def is_bsn(text: str) -> bool:
    """True for eight or nine digits that pass the eleven test; spaces, points and hyphens do not count, nor does a lost zero."""
    digits = re.sub(r"[\s.-]", "", text)
    if not (digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 9) or len(set(digits)) == 1:
        return False
    padded = digits.zfill(9)
    return (sum(int(digit) * weight for digit, weight in zip(padded, range(9, 1, -1), strict=False)) - int(padded[8])) % 11 == 0


def is_iban(text: str) -> bool:
    """True for an account number whose check digits are right (ISO 13616, mod 97)."""
    plain = re.sub(r"[\s.-]", "", text).upper()
    if not IBAN.fullmatch(plain):
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _starts_with_first_name(text: str) -> bool:
    words = re.findall(r"[a-zà-ÿ]+", text.casefold())
    return 0 < len(words) <= 5 and words[0] in FIRST_NAMES


def _birth_dates(values: Sequence[str]) -> int:
    """The number of dates in a column of dates that lie as births lie: on many days, over many years; else 0.

    Dates of a delivery or a month are few or stand on one day of the month.
    """
    days = [day for text in values if 8 <= len(text) <= 30 and (day := _day(text))]
    if len(values) < 6 or len(days) < (len(values) - 1) * SHARE:
        return 0
    years = [day.year for day in days]
    scattered = len(set(days)) >= min(10, len(days) - 1) and len({day.day for day in days}) > 3
    return len(days) if scattered and max(years) - min(years) > 5 else 0


def _day(text: str) -> date | None:
    first, last = DAY_FIRST.fullmatch(text), YEAR_FIRST.fullmatch(text)
    parts = (first[3], first[2], first[1]) if first else last.groups() if last else None
    try:
        return date(int(parts[0]), int(parts[1]), int(parts[2])) if parts else None
    except ValueError:
        return None


def _free_text(values: Sequence[str]) -> int:
    """The number of texts in a column in which most cells tell something of their own; else 0."""
    texts = [text for text in values if text.count(" ") >= 5 and len(text) > 40]
    enough = len(texts) >= 8 and len(texts) > (len(values) - 1) * SHARE
    return len(texts) if enough and len(set(texts)) > len(texts) * SHARE else 0


def _areas(grid: Grid) -> Mapping[int, Sequence[str]]:
    """Row -> the area codes that stand in it, for rows with exactly one."""
    found: dict[int, Sequence[str]] = {}
    for number, row in enumerate(grid.rows):
        codes = [
            text for cell in row if isinstance(cell, str) and len(cell) < 20 and AREA.fullmatch(text := cell.strip().upper())
        ]
        if codes:
            found[number] = codes[-1:]
    return found


def _names_areas(grid: Grid, column: int, areas: Mapping[int, Sequence[str]]) -> bool:
    """True when a column `naam` gives each area one name: it names areas and not the persons in them."""
    names: dict[str, set[str]] = {}
    for number, codes in areas.items():
        row = grid.rows[number]
        names.setdefault(codes[0], set()).add(_text(row[column]) if column < len(row) else "")
    listed = [next(iter(found)) for found in names.values() if len(found) == 1]
    return bool(names) and len(listed) == len(names)


def _one_row_per_person(grid: Grid, areas: Mapping[int, Sequence[str]], width: int) -> bool:
    """True when far more rows than areas each have a number or mark of their own."""
    rows, codes = len(grid.rows) - 1, {codes[0] for codes in areas.values()}
    if rows < 50 or not codes or rows < 10 * len(codes):
        return False
    for column in range(width):
        marks = [text for row in grid.rows[1:] if column < len(row) and (text := _text(row[column]))]
        if len(marks) == rows == len(set(marks)) and _are_marks(marks):
            return True
    return False


def _are_marks(marks: Sequence[str]) -> bool:
    """True for numbers in a row, or marks of one length: what a register gives its records, and figures seldom are."""
    if all(text.isascii() and text.isdigit() and len(text) < 12 for text in marks):
        numbers = sorted(map(int, marks))
        return numbers[-1] - numbers[0] == len(numbers) - 1 or (len(marks[0]) > 5 and len(set(map(len, marks))) == 1)
    return all(MARK.fullmatch(text) for text in marks)
