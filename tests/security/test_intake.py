"""Deliveries of gemeenten and partners: refused before anything is stored, and nothing of them is ever repeated (section P)."""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from beeld.errors import DeliveryRefused
from beeld.settings import load_settings
from beeld.sources import delivery
from beeld.sources.delivery import check_bytes, check_file
from beeld.sources.privacy import Grid, is_bsn, is_iban, personal_data
from beeld.sources.template import COLUMNS, SHOWN
from tests.reliability.worlds import CommandLine
from tests.workbooks import workbook

Rows = Sequence[Sequence[Any]]
GOOD = ["BU90010101", "2024", "eenzaam_lokaal", "12,5", "%", "Wijkpeiling 2024", "240"]
SHAPE = {"controle", "bron", "onderwerp", "ernst", "geslaagd", "aantal", "toelichting"}


def as_csv(rows: Rows, separator: str = ";", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue().encode(encoding)


def failures(body: bytes) -> list[tuple[str, str]]:
    return [(row.controle, row.onderwerp) for row in check_bytes(body).findings if not row.geslaagd]


def one(**changes: str) -> bytes:
    """A delivery of one good row with some of its cells changed."""
    return as_csv([COLUMNS, [changes.get(name, cell) for name, cell in zip(COLUMNS, GOOD, strict=True)]])


# ---------------------------------------------------------------- the template


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_template_is_accepted_in_each_way_to_write_it(separator: str, encoding: str) -> None:
    checked = check_bytes(as_csv([COLUMNS, GOOD, ["WK900101", *GOOD[1:]]], separator, encoding))
    assert [row for row in checked.findings if not row.geslaagd] == []
    assert checked.passed
    assert [(f.gebiedscode, f.peiljaar, f.waarde, f.n) for f in checked.figures] == [
        ("BU90010101", 2024, 12.5, 240),
        ("WK900101", 2024, 12.5, 240),
    ]


def test_template_in_a_workbook_is_accepted_with_columns_in_any_order() -> None:
    rows = [list(reversed(COLUMNS)), [240, "Wijkpeiling 2024", "%", 12.5, "eenzaam_lokaal", 2024, " bu90010101 "]]
    checked = check_bytes(workbook({"Blad1": rows, "leeg": []}))
    assert checked.passed
    assert checked.figures[0].gebiedscode == "BU90010101"
    assert checked.figures[0].waarde == 12.5


@pytest.mark.parametrize("sign", ["onbekend", "geheim", "te_klein", "niet_van_toepassing", "Te_Klein"])
def test_a_missing_figure_is_a_word_and_never_a_number(sign: str) -> None:
    (figure,) = check_bytes(one(waarde=sign, n="")).figures
    assert (figure.waarde, figure.status) == (None, sign.casefold())


def test_zero_is_a_figure() -> None:
    (figure,) = check_bytes(one(waarde="0", n="240")).figures
    assert (figure.waarde, figure.status) == (0.0, "ok")


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"gebiedscode": "BU9001010"}, "gebiedscode"),
        ({"gebiedscode": "9001"}, "gebiedscode"),
        ({"gebiedscode": ""}, "gebiedscode"),
        ({"peiljaar": "24"}, "peiljaar"),
        ({"peiljaar": "2024-2025"}, "peiljaar"),
        ({"peiljaar": "3024"}, "peiljaar"),
        ({"indicator": "Eenzaam (%)"}, "indicator"),
        ({"indicator": "drop table"}, "indicator"),
        ({"waarde": ""}, "waarde"),
        ({"waarde": "veel"}, "waarde"),
        ({"waarde": "1.234,5"}, "waarde"),
        ({"waarde": "1e3"}, "waarde"),
        ({"waarde": "nan"}, "waarde"),
        ({"waarde": "112"}, "waarde"),
        ({"waarde": "-1"}, "waarde"),
        ({"eenheid": ""}, "eenheid"),
        ({"eenheid": "x" * 41}, "eenheid"),
        ({"bron": ""}, "bron"),
        ({"n": "veel"}, "n"),
        ({"n": "-5"}, "n"),
        ({"n": "9", "waarde": "50"}, "kleine_aantallen"),
        ({"n": "1", "waarde": "te_klein"}, "kleine_aantallen"),
        ({"waarde": "3", "eenheid": "aantal", "n": ""}, "kleine_aantallen"),
        ({"waarde": "2", "n": "240"}, "kleine_aantallen"),
        ({"waarde": "98", "n": "240"}, "kleine_aantallen"),
    ],
)
def test_each_fault_is_named_with_its_row(changes: dict[str, str], check: str) -> None:
    body = one(**changes)
    found = failures(body)
    assert {name for name, _ in found} == {check}
    assert found[0][1].startswith("rij 2")
    with pytest.raises(DeliveryRefused, match=check):
        check_bytes(body).refuse()


def test_a_count_of_ten_is_accepted_and_of_nine_is_not() -> None:
    assert failures(one(waarde="10", eenheid="aantal", n="")) == []
    assert failures(one(waarde="9", eenheid="aantal", n="")) == [("kleine_aantallen", "rij 2, kolom waarde")]
    assert failures(one(waarde="0", eenheid="aantal", n="")) == []


def test_duplicates_units_and_decimal_signs_are_held_against_each_other() -> None:
    other_unit = ["WK900101", "2024", "eenzaam_lokaal", "12,5", "aandeel", "Wijkpeiling", ""]
    other_sign = ["WK900102", "2024", "eenzaam_lokaal", "12.5", "%", "Wijkpeiling", ""]
    more = ["WK900103", "2024", "eenzaam_lokaal", "11,5", "%", "Wijkpeiling", ""]
    found = failures(as_csv([COLUMNS, GOOD, GOOD, other_unit, other_sign, more]))
    assert sorted(found) == [
        ("decimaalteken", "rij 5, kolom waarde"),
        ("dubbel", "rij 3"),
        ("eenheid", "rij 4, kolom eenheid"),
    ]


def test_points_that_may_be_thousands_are_a_warning_only() -> None:
    rows = [COLUMNS, ["WK900101", "2024", "inkomens", "12.345", "euro", "x", ""]]
    checked = check_bytes(as_csv(rows))
    assert checked.passed
    assert [(row.controle, row.ernst) for row in checked.findings if not row.geslaagd] == [("decimaalteken", "waarschuwing")]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [COLUMNS],
        [COLUMNS[:-1], GOOD[:-1]],
        [[*COLUMNS, "opmerking"], [*GOOD, "x"]],
        [[*COLUMNS, "n"], [*GOOD, "1"]],
        [["a"], *([COLUMNS, GOOD])],
    ],
)
def test_another_heading_is_refused(rows: Rows) -> None:
    assert {name for name, _ in failures(as_csv(rows))} == {"kop"}


def test_a_row_that_is_too_long_is_refused() -> None:
    assert ("kop", "rij 2") in failures(as_csv([COLUMNS, [*GOOD, "meer"]]))


def test_many_findings_are_counted() -> None:
    rows = [COLUMNS, *([f"X{number}", *GOOD[1:]] for number in range(100))]
    found = [row for row in check_bytes(as_csv(rows)).findings if row.controle == "gebiedscode"]
    assert len(found) == SHOWN + 1
    assert sum(row.aantal for row in found) == 100


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("gebiedscode;naïef\n".encode("latin-1"), "geen UTF-8"),
        (b"a;b\0;c\n", "geen CSV of XLSX"),
        (b'a;"b\n', "geen CSV of XLSX"),
        (b"PK\x03\x04 kapot", "geen CSV of XLSX"),
        (b"%PDF-1.7 \xff\xfe", "geen UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, said: str) -> None:
    checked = check_bytes(body)
    assert not checked.passed
    assert said in checked.findings[0].toelichting


def test_a_file_over_the_limits_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "groot.csv"
    path.write_bytes(as_csv([COLUMNS, GOOD]))
    monkeypatch.setattr(delivery, "MAX_CELLS", 10)
    assert not check_file(path).passed
    monkeypatch.setattr(delivery, "MAX_BYTES", 10)
    assert "groter dan 10 bytes" in check_file(path).findings[0].toelichting


# ---------------------------------------------------------------- detectors


def test_eleven_test() -> None:
    assert is_bsn("111222333")
    assert is_bsn("1112.22.333")
    assert is_bsn("111 222 333")
    assert is_bsn("012345672") == is_bsn("12345672")
    for text in ("111222334", "000000000", "1234567", "1112223330", "11122233x", "", "١١١٢٢٢٣٣٣"):
        assert not is_bsn(text)


def test_about_one_in_eleven_numbers_passes_by_chance() -> None:
    draw = random.Random(11)
    passed = sum(is_bsn(f"{draw.randrange(10**8, 10**9)}") for _ in range(20_000))
    assert 0.085 < passed / 20_000 < 0.097


def test_account_numbers() -> None:
    assert is_iban("NL91 ABNA 0417 1643 00")
    assert is_iban("nl91abna0417164300")
    for text in ("NL91ABNA0417164301", "BU90010101", "NL00", "", "XX"):
        assert not is_iban(text)


# ---------------------------------------------------------------- synthetic persons

FIRST = ["Jan", "Fatima", "Sanne", "Mohammed", "Willem", "Lotte", "Ahmed", "Emma", "Piet", "Noah"]
LAST = ["de Vries", "Jansen", "El Amrani", "van den Berg", "Bakker", "Yilmaz", "Smit", "Mulder"]


def bsn(draw: random.Random) -> str:
    while True:
        digits = f"{draw.randrange(10**7, 10**9):09d}"
        if is_bsn(digits):
            return digits


def iban(draw: random.Random) -> str:
    account = f"INGB{draw.randrange(10**9, 10**10)}"
    number = int("".join(str(int(char, 36)) for char in f"{account}NL00"))
    return f"NL{98 - number % 97:02d}{account}"


PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "bsn": bsn,
    "naam": lambda draw: f"{draw.choice(FIRST)} {draw.choice(LAST)}",
    "geboortedatum": lambda draw: (date(1935, 1, 1) + timedelta(days=draw.randrange(30_000))).strftime("%d-%m-%Y"),
    "email": lambda draw: f"{draw.choice(FIRST).lower()}{draw.randrange(999)}@voorbeeld.nl",
    "telefoon": lambda draw: draw.choice(["06-{}", "+31 6 {}", "06{}", "(06) {}"]).format(draw.randrange(10**7, 10**8)),
    "iban": iban,
    "adres": lambda draw: f"{draw.choice(['Dorpsstraat', 'Kerklaan', 'Stationsweg'])} {draw.randrange(1, 200)}",
    "postcode": lambda draw: f"{draw.randrange(1000, 9999)} {draw.choice('AB')}{draw.choice('XZ')} {draw.randrange(1, 99)}",
    "kenteken": lambda draw: f"{draw.choice('GHJK')}-{draw.randrange(100, 999)}-{draw.choice('BDF')}{draw.choice('XZ')}",
}
HEADINGS: dict[str, list[str]] = {
    "bsn": ["BSN", "Burgerservicenummer", "bsn-nummer", "nummer", "id", "kolom1"],
    "naam": ["Naam", "naam cliënt", "Achternaam", "Voor- en achternaam", "omschrijving", "wie"],
    "geboortedatum": ["Geboortedatum", "geb. datum", "GeboorteDatum", "datum", "dob", "d"],
    "email": ["E-mail", "e-mailadres", "Mail", "contact"],
    "telefoon": ["Telefoon", "Tel.", "telefoonnummer", "Mobiel", "contact"],
    "iban": ["IBAN", "rekeningnummer", "rek"],
    "adres": ["Adres", "Straat en huisnummer", "woonadres", "locatie"],
    "postcode": ["postcode", "pc", "waar"],
    "kenteken": ["Kenteken", "auto"],
}


def personal_rows(draw: random.Random, kinds: Sequence[str], count: int) -> list[list[Any]]:
    heads = ["gebiedscode", *(draw.choice(HEADINGS[kind]) for kind in kinds), "waarde"]
    rows = [
        [f"BU900101{draw.randrange(1, 7):02d}", *(PERSONAL[kind](draw) for kind in kinds), draw.randrange(1, 99)]
        for _ in range(count)
    ]
    return [heads, *rows]


def disguised(draw: random.Random, rows: list[list[Any]]) -> bytes:
    way = draw.randrange(8)
    if way == 0:
        return as_csv(rows, ";", "utf-8-sig")
    if way == 1:
        return as_csv(rows, ",", "utf-16")
    if way == 2:
        return as_csv([["Overzicht"], [], ["vertrouwelijk"], [], *rows], ";")
    if way == 3:
        return workbook({"Totaal": [list(COLUMNS), GOOD], "data": rows})
    if way == 4:
        return workbook({"Totaal": [list(COLUMNS), GOOD], "data": rows}, hidden=["data"], hidden_columns=True)
    if way == 5:
        return as_csv([[f" {cell} " for cell in row] for row in rows], "\t")
    if way == 6:
        return workbook({"data": [[*row[::-1]] for row in rows]}, hidden_columns=True)
    return as_csv(rows, ";")


def test_files_about_persons_are_refused() -> None:
    """250 files, each disguised in one of eight ways; a column of 20 BSNs or more is always found."""
    draw = random.Random(2026)
    missed, missed_bsn = 0, 0
    for _ in range(250):
        kinds = draw.sample(sorted(PERSONAL), draw.randrange(1, 5))
        count = draw.randrange(20, 60)
        checked = check_bytes(disguised(draw, personal_rows(draw, kinds, count)))
        refused = any(row.controle == "privacy" and not row.geslaagd for row in checked.findings)
        missed += not refused
        missed_bsn += "bsn" in kinds and not refused
        assert not checked.passed
    assert missed <= 2
    assert missed_bsn == 0


@pytest.mark.parametrize(
    "spelled",
    [
        lambda text: text,
        lambda text: text.lstrip("0"),
        lambda text: f"{text[:3]} {text[3:6]} {text[6:]}",
        lambda text: f"{text[:4]}.{text[4:6]}.{text[6:]}",
        int,
    ],
)
def test_a_column_of_twenty_bsns_is_found_however_they_are_written(spelled: Callable[[str], Any]) -> None:
    draw = random.Random(1)
    rows = [["x", "y"], *([spelled(bsn(draw)), number] for number in range(20))]
    assert [
        item.kind for item in personal_data([Grid([[str(c) if isinstance(c, str) else c for c in row] for row in rows])])
    ] == ["bsn"]


def test_one_row_per_person_is_found_without_any_name() -> None:
    rows = [["gebied", "dossier", "uitkomst"], *([f"BU900101{n % 6 + 1:02d}", 10_000 + n, n % 3] for n in range(200))]
    assert [item.kind for item in personal_data([Grid(rows)])] == ["persoonsniveau"]


def test_free_text_is_found() -> None:
    rows = [
        ["gebied", "x"],
        *([f"WK9001{n:02d}", f"Mevrouw vertelde op dag {n} dat zij zich al {n} weken niet lekker voelt"] for n in range(12)),
    ]
    assert [item.kind for item in personal_data([Grid(rows)])] == ["vrije tekst"]


@pytest.mark.parametrize(
    "part",
    [
        "xl/comments1.xml",
        "xl/pivotCache/pivotCacheRecords1.xml",
        "xl/externalLinks/externalLink1.xml",
        "xl/embeddings/oleObject1.bin",
    ],
)
def test_a_workbook_that_holds_more_than_cells_is_refused(part: str) -> None:
    assert failures(workbook({"Blad1": [list(COLUMNS), GOOD]}, parts={part: "<x/>"})) == [("privacy", "werkboek")]


# ---------------------------------------------------------------- genuine tables


def codes(draw: random.Random, count: int) -> list[str]:
    return [f"BU{draw.randrange(1, 1999):04d}{number:04d}" for number in range(count)]


def wide(draw: random.Random) -> Rows:
    names = ["Centrum", "'s-Gravenhage Oost", "De Wijert-Noord", "Jan van Galenbuurt", "Anna Paulowna", "Kerkstraat e.o."]
    heads = ["Gebiedscode", "Naam", "Soort regio", "Aantal inwoners", "Adressendichtheid", "Gem. WOZ", "Personen met bijstand"]
    rows = [
        [code, names[n % 6] + f" {n}", "Buurt", draw.randrange(9000), draw.randrange(3000), 231.5, 10 * n]
        for n, code in enumerate(codes(draw, 60))
    ]
    return [heads, *rows]


def large_numbers(draw: random.Random) -> Rows:
    return [["gm", "omzet in euro"], *([f"GM{n:04d}", draw.randrange(10**8, 10**9)] for n in range(40))]


def months(draw: random.Random) -> Rows:
    return [
        ["wijk", "datum", "misdrijven"],
        *([f"WK9001{n % 6:02d}", f"01-{n % 12 + 1:02d}-{2012 + n // 12}", draw.randrange(90)] for n in range(120)),
    ]


def measures(draw: random.Random) -> Rows:
    titles = [
        "Aandeel dat zich eenzaam voelt",
        "Aandeel mantelzorgers",
        "Personen met een laag inkomen",
        "Woningen",
        "Klanten van de bibliotheek",
    ]
    return [["Onderwerp", "2022", "2023", "2024"], *([title, draw.random(), draw.random(), "."] for title in titles * 3)]


def long(draw: random.Random) -> Rows:
    return [
        list(COLUMNS),
        *(
            [
                code,
                2020 + n % 5,
                "eenzaam_lokaal",
                10 + n / 7,
                "%",
                "Gemeentelijke wijkpeiling, vragenlijst per post en internet",
                200 + n,
            ]
            for n, code in enumerate(codes(draw, 90))
        ),
    ]


def postcodes(draw: random.Random) -> Rows:
    return [
        ["postcode4", "postcode6", "aantal huishoudens"],
        *([1000 + n, f"{1000 + n}AB", draw.randrange(300)] for n in range(80)),
    ]


def portal(draw: random.Random) -> Rows:
    heads = [
        "buurtcode",
        "buurt",
        "peildatum",
        "aantal_huizen",
        "telefoonwinkels",
        "straatverlichting",
        "mailbox_punten",
        "geometrie",
    ]
    return [
        heads,
        *([f"0772{n:04d}", f"Buurt {n}", "2024-01-01", n * 3, n % 4, n * 11, n % 2, f"POINT(5.{n} 51.{n})"] for n in range(50)),
    ]


def rates(draw: random.Random) -> Rows:
    return [
        ["wijkcode", "gemeentenaam", "score", "p-waarde"],
        *([f"WK{n:06d}", "Bergen (NH.)", round(draw.gauss(0, 1), 4), round(draw.random(), 5)] for n in range(70)),
    ]


GENUINE = [wide, large_numbers, months, measures, long, postcodes, portal, rates]


@pytest.mark.parametrize("make", GENUINE)
def test_genuine_tables_are_never_taken_for_persons(make: Callable[[random.Random], Rows]) -> None:
    """Forty-eight tables: eight kinds, six draws each, as CSV and as a workbook."""
    for seed in range(6):
        rows = make(random.Random(seed))
        assert personal_data([Grid(rows)]) == []
        for body in (as_csv(rows), workbook({"Tabel": [list(row) for row in rows]})):
            privacy = [row for row in check_bytes(body).findings if row.controle == "privacy"]
            assert [row.geslaagd for row in privacy] == [True]


@pytest.mark.parametrize("name", ["opendata.cbs.nl/84799NED", "opendata.cbs.nl/85984NED", "dataderden.cbs.nl/47022NED"])
def test_real_tables_are_never_taken_for_persons(real_data: Path, name: str) -> None:
    content = json.loads(gzip.decompress((real_data / "odata_v3" / name / "TypedDataSet.json.gz").read_bytes()))
    rows = content["value"][:3000]
    assert personal_data([Grid([list(rows[0]), *([row[key] for key in rows[0]] for row in rows)])]) == []


# ---------------------------------------------------------------- nothing is repeated, nothing is stored


def test_command_ends_with_0_or_6_in_the_shape_of_the_contract(beeld: CommandLine, tmp_path: Path) -> None:
    settings = load_settings({"BEELD_HOME": str(tmp_path / "data")}, folder=tmp_path)
    good, wrong = tmp_path / "goed.csv", tmp_path / "fout.csv"
    good.write_bytes(as_csv([COLUMNS, GOOD]))
    wrong.write_bytes(one(peiljaar="24"))
    ended = beeld(settings, "check", str(good), "--json")
    assert ended.code == 0
    content = json.loads(ended.out)
    assert content["geslaagd"] is True
    assert all(set(row) == SHAPE for row in content["controles"])
    assert {row["controle"] for row in content["controles"]} >= {"privacy", "kop", *COLUMNS, "dubbel", "kleine_aantallen"}
    ended = beeld(settings, "check", str(wrong))
    assert ended.code == 6
    assert "rij 2, kolom peiljaar" in ended.out
    assert ended.err.startswith("beeld: delivery ")
    assert beeld(settings, "check", str(tmp_path / "niets.csv")).code == 2
    assert beeld(settings, "check", str(good), "--rebuild", "x").code == 2


def test_no_cell_of_a_refused_file_is_repeated_or_stored(beeld: CommandLine, tmp_path: Path) -> None:
    draw = random.Random(7)
    home = tmp_path / "data"
    settings = load_settings({"BEELD_HOME": str(home)}, folder=tmp_path)
    for number in range(30):
        canary = f"KANARIE{draw.randrange(10**9)}"
        rows = personal_rows(draw, draw.sample(sorted(PERSONAL), 3), 25)
        rows[0][1] = f"{rows[0][1]} {canary}"
        rows[3] = [f"{cell}{canary}" for cell in rows[3]]
        path = tmp_path / f"levering{number}.csv"
        path.write_bytes(workbook({canary: rows}) if number % 2 else as_csv(rows))
        for words in (("check", str(path)), ("check", str(path), "--json")):
            ended = beeld(settings, *words)
            assert ended.code == 6
            assert canary not in ended.out + ended.err
            for row in rows[1:6]:
                assert not [cell for cell in row[1:-1] if str(cell) in ended.out + ended.err]
        path.unlink()
    assert not home.exists()


def test_findings_on_a_template_repeat_no_cell_either() -> None:
    rows = [COLUMNS, ["KANARIE1", "KANARIE2", "KANARIE3!", "KANARIE4", "KANARIE5" * 9, "KANARIE6" * 40, "KANARIE7"]]
    checked = check_bytes(as_csv(rows))
    assert len(checked.findings) > 7
    assert "KANARIE" not in json.dumps(checked.as_rows())
    with pytest.raises(DeliveryRefused) as caught:
        checked.refuse()
    assert "KANARIE" not in caught.value.message


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"WK010100": 37, "BU01010001": 12, "BU01010002": "te_klein", "BU01010003": 17}, [4]),
        ({"WK010100": 37, "BU01010001": "te_klein", "BU01010002": "te_klein", "BU01010003": 17}, []),
        ({"WK010100": 26, "BU01010001": "te_klein", "BU01010002": "te_klein", "BU01010003": 17}, [3, 4]),
        ({"GM0101": 60, "WK010100": "geheim", "BU01010001": 12, "BU01010003": 17}, [3]),
        ({"BU01010001": 12, "BU01010002": "te_klein", "BU01010003": 17}, []),
        ({"WK010100": 37, "BU01010001": 12, "BU01010002": "onbekend", "BU01010003": 17}, []),
    ],
)
def test_a_count_that_follows_from_the_others_is_refused(counts: dict[str, int | str], found: list[int]) -> None:
    """METHOD.md section 13: 37 - 12 - 17 gives the 8 that was left out; with 12 left out too it does not."""
    body = "\n".join(f"{code};2024;bezoekers;{count};aantal;Telling;" for code, count in counts.items())
    checked = check_bytes(f"{';'.join(COLUMNS)}\n{body}\n".encode())
    wrong = [finding.onderwerp for finding in checked.findings if not finding.geslaagd]
    assert wrong == [f"rij {row}, kolom waarde" for row in found]
    assert all(finding.controle == "afleidbaar" for finding in checked.findings if not finding.geslaagd)
    assert checked.passed is not bool(found)
