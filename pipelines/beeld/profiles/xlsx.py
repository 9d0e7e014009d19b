"""A profile as a workbook: a sheet per chapter, a row per figure, numbers unrounded and states as words.

XlsxWriter was chosen over openpyxl because it writes what it is told: a text stays a text, also when it begins with `=`, and
a file takes milliseconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from beeld.profiles import wording
from beeld.profiles.contents import Contents, Section
from beeld.profiles.editions import CAUSE_NAMES, CAUSES, KIND_NAMES
from beeld.profiles.language import Words, noted, tr
from beeld.profiles.lines import FigureLine
from beeld.profiles.model import Cell
from beeld.profiles.peaks import peak_note
from beeld.profiles.site import FILES, Picture, Site
from beeld.profiles.stored import stored
from beeld.profiles.timeline import WORDS
from beeld.transforms.catalog import Indicator
from beeld.warehouse.packages import fixed

EXAMPLE = noted("voorbeeld: verzonnen cijfers")
MEASURES = Words({"direct": "direct", "proxy": "proxy", "geen": "geen"})
SHEET_NAME = 31
"""Characters that a name of a sheet may have."""
FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
Value = str | float | int | None


@dataclass(frozen=True)
class Number:
    """A value with the number of decimals that it is shown with."""

    value: float
    decimals: int


@dataclass(frozen=True)
class Sheet:
    """A table: its name, the heads of its columns with their widths, and rows of texts and numbers."""

    name: str
    heads: tuple[tuple[str, int], ...]
    rows: tuple[tuple[Value | Number, ...], ...]


SELF = ((noted("gebiedscode"), 13), (noted("gebied"), 22), (noted("editie"), 24))
"""The columns with which every table says what it is about."""
FIGURE = (
    *SELF,
    (noted("thema"), 26),
    (noted("indicator"), 28),
    (noted("cijfer"), 34),
    (noted("waarde"), 15),
    (noted("eenheid"), 18),
    (noted("peiljaar"), 9),
    (noted("status"), 18),
    (noted("reden"), 30),
    (noted("ondergrens"), 12),
    (noted("bovengrens"), 12),
    (noted("soort"), 18),
    (noted("kanttekening"), 22),
    (noted("wat hoger betekent"), 26),
    (noted("verschil"), 34),
    (noted("valt op"), 34),
)
ORIGIN = ((noted("tabel"), 14), (noted("kolom"), 34), (noted("levering (sha256)"), 20))


class XlsxRenderer:
    """`gebied/<CODE>/profiel.xlsx`."""

    name = "xlsx"

    def render(self, contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]:
        """Write the workbook of one area."""
        target = site.folder / "gebied" / contents.profile.area.code / FILES[self.name][0]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(workbook(sheets(contents, site), contents.profile.area.name))
        return [target]

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]:
        """Nothing is left to write."""
        return []


def workbook(tables: Iterable[Sheet], title: str) -> bytes:
    """The file of these tables; the same tables give the same bytes."""
    target = io.BytesIO()
    book = Workbook(target, {"in_memory": True} | dict.fromkeys(("strings_to_formulas", "strings_to_urls"), False))
    book.set_properties({"title": title[:255], "author": "Beeld van de Wijk", "created": datetime(1980, 1, 1, tzinfo=UTC)})
    pen = Pen(book)
    for table in tables:
        page = book.add_worksheet(table.name)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)
        page.freeze_panes(1, 2 if table.heads[: len(SELF)] == SELF else 0)
        for column, (name, width) in enumerate(table.heads):
            page.set_column(column, column, width)
            page.write_string(0, column, tr(name), pen.head)
        for number, row in enumerate(table.rows, start=1):
            for column, value in enumerate(row):
                pen.write(page, number, column, value)
    book.close()
    return fixed(target.getvalue())


class Pen:
    """Writes cells of one workbook: a text as text, a number as number, and nothing where there is nothing."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._plain = book.add_format({"text_wrap": True, "valign": "top"})
        self._numbers: dict[int, Format] = {}

    def write(self, page: Worksheet, row: int, column: int, value: Value | Number) -> None:
        """One cell."""
        if isinstance(value, Number):
            page.write_number(row, column, value.value, self._number(value.decimals))
        elif isinstance(value, (int, float)):
            page.write_number(row, column, value, self._plain)
        elif value:
            page.write_string(row, column, value, self._plain)

    def _number(self, decimals: int) -> Format:
        if decimals not in self._numbers:
            pattern = "#,##0" + (f".{'0' * decimals}" if decimals else "")
            self._numbers[decimals] = self._book.add_format({"num_format": pattern, "valign": "top"})
        return self._numbers[decimals]


# ---------------------------------------------------------------- what is in it


def sheets(contents: Contents, site: Site) -> Iterator[Sheet]:
    """Every sheet of a profile in order."""
    yield _readme(contents)
    yield _cover(contents)
    used = {tr("Lees mij"), tr("Omslag")}
    groups = [(chapter.titel, sections) for chapter, sections in contents.chapters]
    if contents.leftover:
        groups.append((tr("Overige thema's"), contents.leftover))
    for title, sections in groups:
        yield _figures(contents, site, _unused(title, used), sections)
    yield _coverage(contents, site)
    yield _alike(contents)
    yield _years(contents)
    yield _people(contents)
    yield _revised(contents)
    texts = [(noted("onderwerp"), 34), (noted("tekst"), 110)]
    yield _listed(contents, tr("Wat weten we niet"), texts, _unknowns(contents))
    yield _listed(contents, tr("Vragen"), [(noted("vraag"), 120)], [(each,) for each in contents.questions])
    heads = [
        (noted("cijfer"), 40),
        (noted("indicator"), 30),
        (noted("jaar"), 8),
        (noted("soort"), 18),
        (noted("bron"), 50),
        *ORIGIN,
    ]
    rows = [(o.title, o.indicator, o.year, o.kind, o.publisher, o.table, o.column, o.sha) for o in contents.origins]
    yield _listed(contents, tr("Bronnen"), heads, rows)


def _unused(title: str, used: set[str]) -> str:
    """A name for a sheet: allowed by Excel, and not there yet."""
    base = title.translate(FORBIDDEN).strip()[:SHEET_NAME] or tr("Cijfers")
    name, number = base, 2
    while name.lower() in {each.lower() for each in used}:
        name, number = f"{base[: SHEET_NAME - 4]} ({number})", number + 1
    used.add(name)
    return name


def _self(contents: Contents) -> tuple[str, str, str]:
    release = contents.profile.release
    edition = f"{release.id} ({tr(EXAMPLE)})" if release.example else release.id
    return contents.profile.area.code, contents.profile.area.name, edition


def _listed(contents: Contents, name: str, heads: Sequence[tuple[str, int]], rows: Iterable[Sequence[Value | Number]]) -> Sheet:
    own = _self(contents)
    return Sheet(name, (*SELF, *heads), tuple((*own, *row) for row in rows))


README = (
    (
        noted("Wat dit is"),
        noted("De cijfers van het profiel, per cijfer met jaar, bron en hoe zeker het is. Een signaal, geen oordeel."),
    ),
    (noted("Waarden"), noted("Een getal is niet afgerond. Het staat op het scherm met zoveel decimalen als in het profiel.")),
    (
        noted("Geen getal"),
        noted("Waar geen getal is, staat een woord: geen gegevens, afgeschermd of n.v.t. De kolom reden zegt waarom."),
    ),
    (noted("Nul"), noted("Nul is een getal. Een leeg cijfer is nooit nul.")),
    (
        noted("Marge"),
        noted("Tussen ondergrens en bovengrens ligt het cijfer met 95 procent zekerheid, of binnen een aangenomen marge."),
    ),
    (
        noted("Modelschatting"),
        noted("Een schatting uit een model. Zet gebieden daarmee niet op volgorde en vergelijk er geen jaren mee."),
    ),
    (
        noted("Bronnen"),
        noted("Het blad Bronnen noemt per cijfer uitgever, tabel, kolom en levering. Noem de uitgever bij gebruik."),
    ),
)


def _readme(contents: Contents) -> Sheet:
    area, release = contents.profile.area, contents.profile.release
    invented = (
        [(tr("Let op"), tr("voorbeeld: verzonnen cijfers. De cijfers gaan niet over een echt gebied."))]
        if release.example
        else []
    )
    known = [
        (tr("Gebied"), f"{area.name} ({area.code})"),
        (tr("Indeling van gebieden"), str(area.division)),
        (tr("Editie"), release.id),
        (tr("Methode"), release.method),
    ]
    told = [(tr(about), tr(text)) for about, text in README]
    return Sheet(tr("Lees mij"), ((noted("onderwerp"), 24), (noted("tekst"), 110)), (*known, *invented, *told))


def _cover(contents: Contents) -> Sheet:
    cover = contents.cover
    rows: list[tuple[str, str]] = [(tr("Waar is het om begonnen?"), cover.occasion or cover.invitation)]
    rows += [(tr("Wie wonen hier?"), line.plain) for line in cover.people]
    rows += [(tr("Kracht"), f"{point.title}. {point.sentence.plain}") for point in cover.strengths]
    rows += [(tr("Zorg"), f"{point.title}. {point.sentence.plain}") for point in cover.concerns]
    rows += [(tr("Krachten en zorgen"), cover.no_points)] if cover.no_points else []
    rows += [(tr("Samen bespreken"), cover.outcome), (tr("Samen bespreken"), " ".join(cover.verdict))]
    rows += [(tr("Waarop dit rust"), reason) for reason in cover.reasons]
    return _listed(
        contents, tr("Omslag"), [(noted("onderdeel"), 26), (noted("tekst"), 110)], [*rows, (tr("Bewoners"), cover.discussed)]
    )


def _figures(contents: Contents, site: Site, name: str, sections: Sequence[Section]) -> Sheet:
    columns = next((section.columns for section in sections if section.lines), ())
    heads = (*FIGURE, *((head, 14) for head in columns), (noted("bron"), 44), *ORIGIN)
    own = _self(contents)
    rows = [(*own, *_row(contents, section, line, site)) for section in sections for line in section.lines]
    return Sheet(name, heads, tuple(rows))


def _row(contents: Contents, section: Section, line: FigureLine, site: Site) -> Iterator[Value | Number]:
    figure, cell, indicator = line.figure, line.figure.cell, line.figure.indicator
    source = site.data.catalog.sources[indicator.bron]
    yield from (section.title, figure.id, indicator.titel, _value(cell, indicator), wording.unit_name(indicator))
    yield from (cell.year if cell.year is not None else "–", wording.status(cell.status), stored(cell.reason or ""))
    yield from (_bound(cell.lower, indicator), _bound(cell.upper, indicator), wording.KINDS[indicator.soort])
    extra = [tr("aangenomen marge")] if figure.assumed and line.interval else []
    yield from ("; ".join([*line.badges[1:], *extra]), line.head.direction, line.finding, peak_note(contents.profile, figure))
    yield from (_value(other, indicator) for _, other in line.beside)
    yield from (f"{source.uitgever}, {source.titel}", cell.table or "–", cell.column or "–", cell.sha or "–")


def _value(cell: Cell, indicator: Indicator) -> Number | str:
    """The value unrounded, or its state in words: an empty cell is never a zero, nor empty."""
    return wording.show(cell, indicator) if cell.value is None else Number(cell.value, indicator.decimalen)


def _bound(bound: float | None, indicator: Indicator) -> Number | str:
    return "" if bound is None else Number(bound, indicator.decimalen)


def _coverage(contents: Contents, site: Site) -> Sheet:
    titles = {name: indicator.titel for name, indicator in site.data.catalog.indicators.items()}
    rows: list[tuple[str, ...]] = []
    for each in contents.coverage:
        named = ["; ".join(titles[name] for name in names) for names in (each.direct, each.proxy, each.undelivered)]
        rows.append((each.element.titel, MEASURES[each.measure], *named, wording.plain_units(each.element.toelichting)))
    heads = [(noted("onderdeel"), 30), (noted("gemeten"), 12), (noted("direct"), 40), (noted("indirect"), 40)]
    heads += [(noted("niet geleverd"), 40), (noted("toelichting"), 60)]
    return _listed(contents, tr("Dekking"), heads, rows)


def _alike(contents: Contents) -> Sheet:
    rows: list[Sequence[Value | Number]] = [(tr("let op"), "", note, "") for note in contents.likeness.notes]
    rows += [(tr("lijkt op"), p.code, f"{p.name.plain}: {p.reason}", Number(p.distance, 2)) for p in contents.likeness.alike]
    rows += [(tr("valt samen op"), "", f"{group.theme}: {group.names.plain}", "") for group in contents.likeness.groups]
    rows += [(tr("andere lijst"), "", wording.plain_units(each), "") for each in contents.lists.beside]
    for summary in contents.lists.summaries:
        rows.append((tr("andere lijst"), "", f"{summary.title}: {' '.join(summary.sentences)}", ""))
    rows += [(tr("andere lijst"), "", contents.lists.absent, "")] if contents.lists.absent else []
    heads = [(noted("wat"), 16), (noted("code"), 14), (noted("tekst"), 110), (noted("afstand in samenstelling"), 14)]
    return _listed(contents, tr("Vergelijken"), heads, rows)


def _years(contents: Contents) -> Sheet:
    heads = [(noted("indicator"), 28), (noted("cijfer"), 38), (noted("eenheid"), 18), (noted("peiljaar"), 9)]
    heads += [(noted("waarde"), 15), (noted("status"), 18), (noted("reden"), 40)]
    rows: list[Sequence[Value | Number]] = []
    for line in contents.timeline.lines:
        indicator = line.figure.indicator
        for year, cell in sorted(line.cells.items()):
            shown = _value(cell, indicator)
            rows.append(
                (
                    line.figure.id,
                    line.title,
                    line.unit,
                    year,
                    shown,
                    wording.status(cell.status),
                    stored(cell.reason or ""),
                    "",
                    "",
                )
            )
        for test in line.tests:
            words = (f"{test.first}-{test.last}: {WORDS[test.outcome]}", stored(test.reason))
            rows.append((line.figure.id, line.title, line.unit, test.last, tr("toets"), "", "", *words))
        if not line.tests:
            rows.append((line.figure.id, line.title, line.unit, max(line.cells), tr("toets"), "", "", line.untested, ""))
    return _listed(contents, tr("Verloop"), [*heads, (noted("uitkomst van de toets"), 44), (noted("berekening"), 60)], rows)


def _people(contents: Contents) -> Sheet:
    heads = [(noted("groep"), 34), (noted("aantal"), 14), (noted("eenheid"), 14), (noted("marge of reden"), 36)]
    heads += [(noted("ondergrens"), 12), (noted("bovengrens"), 12), (noted("cijfer"), 14), (noted("deel van"), 24)]
    heads += [(noted("jaar en soort"), 24), *((choice, 24) for choice in contents.people.choices)]
    rows: list[Sequence[Value | Number]] = []
    for line in contents.people.lines:
        size = line.count.size
        count = line.count.shown if size is None or size.count is None else Number(float(size.count), 0)
        bounds = [("" if each is None else Number(float(each), 0)) for each in (size.lower, size.upper)] if size else ["", ""]
        share = _value(line.share.cell, line.share.indicator)
        told = line.count.margin or line.count.reason
        first = (line.title, count, tr(size.unit) if size else "", told, *bounds)
        rows.append((*first, share, line.base, line.origin, *line.outside))
    return _listed(contents, tr("Hoeveel mensen"), heads, rows)


def _revised(contents: Contents) -> Sheet:
    heads = [(noted("indicator"), 28), (noted("cijfer"), 38), (noted("eenheid"), 18), (noted("bron"), 34), (noted("peiljaar"), 9)]
    heads += [(noted("soort"), 12), (noted("oorzaak"), 14), (noted("vorige editie"), 15), (noted("deze editie"), 15)]
    heads += [(noted("vorige status"), 18), (noted("status"), 18), (noted("waardoor"), 60)]
    rows: list[Sequence[Value | Number]] = []
    for line in contents.revisions.lines:
        row, decimals = line.row, line.indicator.decimalen if line.indicator else 2
        values = [
            shown if value is None else Number(value, decimals) for value, shown in ((row.old, line.was), (row.new, line.now))
        ]
        states = (wording.status(row.old_status or ""), wording.status(row.new_status or ""), CAUSES[row.cause])
        what = (KIND_NAMES[row.kind], CAUSE_NAMES[row.cause])
        rows.append((row.indicator, line.title, line.unit, line.source, row.year, *what, *values, *states))
    if not rows:
        rows = [("", " ".join(contents.revisions.words), *("",) * 10)]
    before = contents.profile.release.before
    edition = tr("vorige editie {id}", id=before) if before else tr("vorige editie")
    heads[7] = (edition, 15)
    return _listed(contents, tr("Gewijzigd"), heads, rows)


def _unknowns(contents: Contents) -> Iterator[tuple[str, str]]:
    for note in contents.unknowns:
        if note.text or not note.items:
            yield note.title, note.text
        for item in note.items:
            yield note.title, item
