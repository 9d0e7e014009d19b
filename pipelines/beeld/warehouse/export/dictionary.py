"""The dictionary of an export, `gegevenswoordenboek` as Markdown, HTML and CSV, and LEESMIJ.txt: from the book of the release."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from beeld.sources.words import plain
from beeld.warehouse.export.book import WARNING, Book, Column, Table
from beeld.warehouse.export.job import Note
from beeld.warehouse.guard import guarded

NAME = "gegevenswoordenboek"
README = "LEESMIJ.txt"
HEAD = (
    "tabel",
    "kolom",
    "type",
    "verplicht",
    "sleutel",
    "verwijst naar",
    "omschrijving",
    "titel",
    "eenheid",
    "toegestane waarden",
)
KINDS = {
    "VARCHAR": "tekst",
    "VARCHAR[]": "lijst van teksten",
    "DOUBLE": "getal",
    "INTEGER": "geheel getal",
    "BIGINT": "geheel getal",
    "BOOLEAN": "waar of onwaar",
    "TIMESTAMP": "datum en tijd (UTC)",
}
"""Types of DuckDB in words."""
STATES = (
    ("ok", "er is een waarde"),
    ("geheim", "de bron houdt het cijfer geheim"),
    ("te_klein", "te weinig mensen om te tonen"),
    ("onbekend", "de bron weet het niet, of zegt niet waarom het ontbreekt"),
    ("niet_geleverd", "de bron leverde dit cijfer niet"),
    ("geen_noemer", "er is niets om door te delen"),
    ("niet_van_toepassing", "het cijfer kan hier niet bestaan"),
)
"""What the words of a status mean; a test holds them against the schema."""
MARKDOWN = re.compile(r"[\\`*{}\[\]<>|#&~@$]|(?<!\w)_|_(?!\w)|(?<=www)\.|:(?=//)|^[-+=]|(?<=^\d)[.)]")
"""What means something in Markdown where it stands; a name with underscores inside it does not."""


def kind_of(column: Column) -> str:
    """The type of a column in words."""
    return "grens (EPSG:28992, meters)" if column.kind.startswith("GEOMETRY") else KINDS.get(column.kind, column.kind.lower())


def column_rows(book: Book) -> list[tuple[str, ...]]:
    """A head and a row per column of every table."""
    return [HEAD, *(_column_row(table, column) for table in book.tables for column in table.columns)]


def _column_row(table: Table, column: Column) -> tuple[str, ...]:
    unit = f"{column.unit}, {column.year}" if column.year is not None else column.unit
    return (
        table.name,
        column.name,
        kind_of(column),
        "ja" if column.required else "nee",
        "ja" if column.name in table.key else "nee",
        column.points_at,
        column.text,
        column.title,
        unit,
        ", ".join(column.allowed),
    )


def as_csv(book: Book) -> str:
    """The columns as CSV, guarded as the other CSV files are."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)  # else a carriage return would end a line
    for row in column_rows(book):
        writer.writerow([guarded(cell) for cell in row])
    return out.getvalue()


def as_html(book: Book, notes: Sequence[Note]) -> str:
    """A page that loads nothing and runs nothing."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = files("beeld.warehouse.export").joinpath("gegevenswoordenboek.html").read_text(encoding="utf-8")
    return (
        environment.from_string(template).render(book=book, notes=notes, warning=WARNING, kind_of=kind_of, states=STATES) + "\n"
    )


# ---------------------------------------------------------------- Markdown


def md(text: str) -> str:
    """A text in Markdown as it is: nothing in it is markup, it stays on one line and inside its cell of a table."""
    return MARKDOWN.sub(r"\\\g<0>", plain(text))


def as_markdown(book: Book, notes: Sequence[Note]) -> str:
    """The same as the page, for a wiki or a version control system."""
    return "\n".join(_markdown(book, notes)) + "\n"


def _markdown(book: Book, notes: Sequence[Note]) -> Iterator[str]:
    yield "# Gegevenswoordenboek van Beeld van de Wijk"
    yield ""
    yield f"Release {md(book.edition)}, gemaakt op {md(book.made_on)}, methode {md(book.method)}. Een signaal, geen oordeel."
    if book.example:
        yield f"\n**{WARNING}**"
    yield from (f"\n{md(note.reader)}" for note in notes)
    yield "\n## Tabellen"
    for table in book.tables:
        yield f"\n### {md(table.name)}\n\n{md(table.text)}\n\n{table.rows} rijen. Sleutel: {md(', '.join(table.key))}.\n"
        heads = ("kolom", "type", "verplicht", "verwijst naar", "omschrijving", "titel", "eenheid", "toegestane waarden")
        rows = [_column_row(table, column) for column in table.columns]
        yield from _grid(heads, [(row[1], row[2], row[3], *row[5:]) for row in rows])
    yield "\n## Statussen\n"
    yield from _grid(("status", "betekenis"), STATES)
    yield "\n## Indicatoren\n"
    heads = ("indicator", "titel", "uitleg", "thema", "rol", "soort", "eenheid", "laatste jaar", "bron", "gebruik", "formule")
    yield from _grid(heads, [_figure_row(book, number) for number in range(len(book.figures))])
    yield "\n## Bronnen en licenties\n"
    heads = ("bron", "tabel", "titel", "uitgever", "licentie", "adres", "gewijzigd", "status")
    rows = [(o.bron, o.tabel, o.titel, o.uitgever, o.licentie, o.url, o.gewijzigd, o.status) for o in book.origins]
    yield from _grid(heads, rows)


def _figure_row(book: Book, number: int) -> tuple[str, ...]:
    f = book.figures[number]
    year = "" if f.laatste_jaar is None else str(f.laatste_jaar)
    return (f.indicator, f.titel, f.uitleg, f.thema, f.rol, f.soort, f.eenheid, year, f.bron, ", ".join(f.gebruik), f.formule)


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    yield from (f"| {' | '.join(md(cell) for cell in row)} |" for row in rows)


# ---------------------------------------------------------------- LEESMIJ.txt


FORMATS = {
    "csv": "csv/: een CSV-bestand per tabel (UTF-8, komma's), beschreven in csv/csv-metadata.json (CSV on the Web)",
    "parquet": "parquet/: een Parquet-bestand per tabel; gebied.parquet is GeoParquet (EPSG:28992)",
    "xlsx": "beeld.xlsx: een blad per tabel, om in op te zoeken",
    "gpkg": "beeld.gpkg: een kaartlaag per soort gebied, voor QGIS (EPSG:28992)",
}


def readme(book: Book, formats: Sequence[str], notes: Sequence[Note], guard: str) -> str:
    """What lies in the folder, in plain words."""
    publishers = sorted({f"{o.uitgever} ({o.licentie})" for o in book.origins if o.status != "niet_geleverd"})
    lines = [
        "Beeld van de Wijk: de cijfers als bestanden",
        f"Release {book.edition}, gemaakt op {book.made_on}, methode {book.method}, programmatuur {book.code}.",
        *([WARNING] if book.example else []),
        "Een signaal, geen oordeel. Zet gebieden niet op volgorde van een cijfer.",
        "",
        f"{NAME}.html, .md en .csv: wat er in elke tabel en kolom staat, met bronnen en licenties",
        *(FORMATS[name] for name in formats),
        "export.json: welke bestanden dit zijn, met hun grootte en vingerafdruk (sha256)",
        "",
        *(note.reader for note in notes),
        *([guard] if "csv" in formats else []),
        "Een lege cel is geen nul. In de tabel waarde zeggen status en reden waarom er geen cijfer is.",
        "",
        "Noem bij gebruik de uitgevers van de bronnen:",
        *(f"- {plain(name)}" for name in publishers),
    ]
    return "\n".join(lines) + "\n"
