"""A profile as slides: one message per slide, charts and tables that can be edited, sources in the notes.

python-pptx was chosen because it makes native charts and tables; a picture of a chart could not be changed at the table.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType] - it has no stubs
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Inches, Length, Pt

from beeld.profiles import wording
from beeld.profiles.contents import Contents, Section
from beeld.profiles.language import noted, spoken, tr
from beeld.profiles.lines import FigureLine
from beeld.profiles.site import FILES, Picture, Site
from beeld.profiles.slide_changes import HEADS, cause_slides
from beeld.profiles.stored import stored
from beeld.profiles.text import Note, Number, Sentence
from beeld.profiles.timeline import WORDS, Line
from beeld.profiles.wording import first_upper
from beeld.warehouse.packages import fixed

WIDTH, HEIGHT = 13.333, 7.5
"""Inches: 16:9."""
LEFT, TOP, ROOM = 0.6, 1.45, 12.1
TITLE_ONLY = 5
"""The layout of the standard template with a title and nothing else."""
FONT = "Calibri"
"""A typeface that partners have: slides are edited on their machines, where ours is not installed."""
INK, SOFT, BLUE, PURPLE = (RGBColor.from_string(each) for each in ("1E2A33", "4D5A63", "0B556B", "5B3A73"))
LIGHT, LILAC, PAPER, YELLOW, WHITE = (RGBColor.from_string(each) for each in ("DCEBEF", "ECE5F1", "F4EFE6", "FFE9A8", "FFFFFF"))
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML does not allow."""
EXAMPLE = noted("voorbeeld: verzonnen cijfers")
ROWS = 7
"""Rows of a table on one slide."""
SPARE = 2
"""Rows without a figure that a full slide still takes, so that they do not need one of their own."""
CHARACTERS = 1200
"""Characters of running text on one slide."""
ENDS = re.compile(r"[.;] ")
"""Where a text may be cut."""
LONG_TITLE, LONGEST_TITLE = 55, 110
"""Characters of a title: above the first it is set smaller, above the second it does not fit."""
OCCASION = 300
"""Characters of the team's text on the first slide; the page has all of it."""
LINES = 6
"""Charts over the years at most: the figures whose change was tested come first."""
SHAPE = {"kern": 0, "aanvullend": 1, "context": 2, "validatie": 3}


class PptxRenderer:
    """`gebied/<CODE>/profiel.pptx`."""

    name = "pptx"

    def render(self, contents: Contents, site: Site, maps: Sequence[Picture], locator: Picture | None) -> list[Path]:
        """Write the slides of one area."""
        target = site.folder / "gebied" / contents.profile.area.code / FILES[self.name][0]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(slides(contents, maps, locator))
        return [target]

    def finish(self, site: Site, maps: Mapping[str, Sequence[Picture]]) -> list[Path]:
        """Nothing is left to write."""
        return []


def slides(contents: Contents, maps: Sequence[Picture], locator: Picture | None) -> bytes:
    """The file; the same contents give the same bytes."""
    deck = Deck(contents)
    _cover(deck, contents, locator)
    _points(deck, contents)
    _outcome(deck, contents)
    _ages(deck, contents)
    sections = [*(section for _, inside in contents.chapters for section in inside), *contents.leftover]
    for section in sections:
        _section(deck, section)
    _texts(deck, tr("Cijfers die opvallen"), [f"{each.title}. {peak.plain}" for each in sections for peak in each.peaks])
    if contents.profile.area.kind == "gemeente":
        _maps(deck, contents, maps)
    _years(deck, contents)
    _people(deck, contents)
    _texts(deck, tr("Wat weten we niet"), [_note(each) for each in contents.unknowns])
    _texts(deck, tr("Vragen voor aan tafel"), contents.questions, numbered=True)
    _changes(deck, contents)
    _sources(deck, contents)
    return deck.bytes()


element = cast("Any", etree).SubElement


# ---------------------------------------------------------------- the deck


@dataclass
class Deck:
    """Slides in the making; each carries area, edition and, for invented figures, what they are."""

    contents: Contents
    presentation: Any = field(default_factory=Presentation)
    titles: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self.presentation.slide_width, self.presentation.slide_height = Inches(WIDTH), Inches(HEIGHT)
        properties, area = self.presentation.core_properties, self.contents.profile.area
        properties.title, properties.author = f"{area.name} ({area.code})"[:255], "Beeld van de Wijk"
        properties.language = spoken().tag

    def add(self, title: str, notes: Iterable[str] = ()) -> Any:
        """A slide with a title that no other slide has, and notes."""
        count = self.titles[title] = self.titles.get(title, 0) + 1
        slide = self.presentation.slides.add_slide(self.presentation.slide_layouts[TITLE_ONLY])
        head = slide.shapes.title
        head.left, head.top, head.width, head.height = (Inches(each) for each in (LEFT, 0.55, ROOM, 0.8))
        head.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        head.text_frame.word_wrap = True
        written(head.text_frame, title if count == 1 else f"{title} ({count})", 28 if len(title) <= LONG_TITLE else 24, bold=True)
        head.text_frame.paragraphs[0].alignment = PP_ALIGN.LEFT
        self._frame(slide)
        if told := [note for note in notes if note]:
            slide.notes_slide.notes_text_frame.text = "\n".join(told)
        return slide

    def _frame(self, slide: Any) -> None:
        release, area = self.contents.profile.release, self.contents.profile.area
        where = f"{area.name[:80]} ({area.code})"
        told = noted("{where} · editie {id} · jongste cijfer {year} · een signaal, geen oordeel")
        foot = tr(told, where=where, id=release.id, year=self.contents.profile.newest_year)
        self.text(slide, foot, 7.05, size=11, colour=SOFT)
        if release.example:
            box = self.text(slide, tr(EXAMPLE), 0.12, size=12, bold=True, left=WIDTH - 4.2, width=3.6)
            box.fill.solid()
            box.fill.fore_color.rgb = YELLOW

    def text(
        self,
        slide: Any,
        text: str | Sequence[str] | Sequence[Sentence],
        top: float,
        *,
        size: float = 18,
        bold: bool = False,
        colour: RGBColor = INK,
        left: float = LEFT,
        width: float = ROOM,
        height: float = 0.35,
    ) -> Any:
        """A box with a paragraph per text, sizes in points and places in inches."""
        box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
        frame = box.text_frame
        frame.word_wrap = True
        for number, each in enumerate([text] if isinstance(text, str) else text):
            paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
            paragraph.space_after = Pt(size / 2.5)
            put(paragraph, each, size, bold=bold, colour=colour)
        return box

    def table(self, slide: Any, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float], top: float) -> None:
        """A native table; `widths` are shares of the room."""
        room = Inches(ROOM)
        shape = slide.shapes.add_table(len(rows) + 1, len(heads), Inches(LEFT), Inches(top), room, Inches(0.4 * (len(rows) + 1)))
        describe(shape, tr("Tabel: {heads}", heads=", ".join(heads)))
        for column, width in zip(shape.table.columns, widths, strict=True):
            column.width = Length(int(room * width / sum(widths)))
        for number, (drawn, values) in enumerate(zip(shape.table._tbl.tr_lst, [heads, *rows], strict=True)):
            for place, (cell, value) in enumerate(zip(drawn.tc_lst, values, strict=True)):
                _fill(cell, value, bold=number == 0 or place == 1, fill=WHITE if number else PAPER)

    def picture(self, slide: Any, picture: Picture, left: float, top: float, height: float) -> None:
        """A map with its text for who cannot see it."""
        shape = slide.shapes.add_picture(str(picture.png), Inches(left), Inches(top), height=Inches(height))
        describe(shape, f"{picture.title}. {picture.alt}")

    def bytes(self) -> bytes:
        """The file."""
        target = io.BytesIO()
        self.presentation.save(target)
        return fixed(target.getvalue())


def describe(shape: Any, text: str) -> None:
    """The text of a picture, table or chart for who cannot see it."""
    shape._element.xpath("./*/p:cNvPr")[0].set("descr", text)


def written(frame: Any, text: str, size: float, *, bold: bool = False, colour: RGBColor = INK) -> None:
    """One paragraph in a frame."""
    frame.clear()
    put(frame.paragraphs[0], text, size, bold=bold, colour=colour)


def put(paragraph: Any, text: str | Sentence, size: float, *, bold: bool = False, colour: RGBColor = INK) -> None:
    """Words in a paragraph; the figures of a sentence stand out."""
    parts = [(text, bold)] if isinstance(text, str) else [(_words(p), bold or isinstance(p, Number)) for p in text.parts]
    for words, strong in parts:
        _runs(paragraph._p, words, size, bold=strong, colour=colour)


def _words(part: Any) -> str:
    return part if isinstance(part, str) else part.text


def _runs(parent: Any, text: str, size: float, *, bold: bool, colour: RGBColor) -> None:
    """A run per line of `text`. As elements, because python-pptx takes ten times as long over the same ones."""
    for number, words in enumerate(UNPRINTABLE.sub("\ufffd", text).split("\n")):
        if number:
            element(parent, f"{A}br")
        run = element(parent, f"{A}r")
        shape = element(run, f"{A}rPr", {"lang": spoken().tag, "sz": str(int(size * 100)), "b": str(int(bold))})
        element(element(shape, f"{A}solidFill"), f"{A}srgbClr", {"val": str(colour)})
        element(shape, f"{A}latin", {"typeface": FONT})
        element(run, f"{A}t").text = words


def _fill(cell: Any, text: str, *, bold: bool, fill: RGBColor) -> None:
    """Text and colour of an empty cell of a table."""
    body, shape = cell
    _runs(body[-1], text, 13, bold=bold, colour=INK)
    shape.attrib.update({"marT": "27432", "marB": "27432", "anchor": "ctr"})
    element(element(shape, f"{A}solidFill"), f"{A}srgbClr", {"val": str(fill)})


# ---------------------------------------------------------------- the slides


def _cover(deck: Deck, contents: Contents, locator: Picture | None) -> None:
    cover = contents.cover
    slide = deck.add(contents.profile.area.name[:120])
    deck.text(slide, cover.kind, 1.35, size=16, colour=SOFT)
    deck.text(slide, cover.people, 1.9, size=17, width=6.6, height=3.2)
    deck.text(slide, _cut(cover.occasion, OCCASION) or cover.invitation, 5.5, size=15, colour=SOFT, width=6.6, height=1.2)
    if locator:
        deck.picture(slide, locator, 7.9, 1.5, 5.3)


def _points(deck: Deck, contents: Contents) -> None:
    cover = contents.cover
    slide = deck.add(tr("Krachten en zorgen"))
    if cover.no_points:
        deck.text(slide, cover.no_points, TOP, size=20, height=2)
        return
    sides = ((tr("Krachten"), cover.strengths, 0.0, LIGHT), (tr("Zorgen"), cover.concerns, 6.15, LILAC))
    for title, points, shift, fill in sides:
        box = deck.text(slide, title, TOP, size=22, bold=True, left=LEFT + shift, width=5.95, height=5.3)
        box.fill.solid()
        box.fill.fore_color.rgb = fill
        for point in points:
            for text, size, bold in ((point.title, 18, True), (point.sentence, 15, False)):
                paragraph = box.text_frame.add_paragraph()
                paragraph.space_after = Pt(2 if bold else 9)
                put(paragraph, text, size, bold=bold)


def _outcome(deck: Deck, contents: Contents) -> None:
    cover = contents.cover
    slide = deck.add(tr("Samen bespreken: {outcome}", outcome=cover.outcome))
    deck.text(slide, [*cover.verdict, *(f"• {reason}" for reason in cover.reasons)], TOP, size=18, height=4.2)
    deck.text(slide, cover.discussed, 6.35, size=18, bold=True)


def _ages(deck: Deck, contents: Contents) -> None:
    ages = contents.ages
    if ages is None:
        return
    here = first_upper(wording.noun(contents.profile.area))
    oldest = max(ages.bands, key=lambda band: band.cell.value or 0)
    shown = wording.show(oldest.cell, oldest.figure.indicator)
    slide = deck.add(
        tr("Grootste leeftijdsgroep: {band} ({share})", band=oldest.label, share=shown),
        _notes([band.figure.id for band in ages.bands], contents),
    )
    data = CategoryChartData()
    data.categories = [band.label for band in ages.bands]
    decimals = ages.bands[0].figure.indicator.decimalen
    data.add_series(f"{here}, {ages.year}", [wording.rounded(band.cell.value or 0, decimals) for band in ages.bands])
    if ages.reference:
        data.add_series(f"{ages.reference}, {ages.year}", [_rounded(band.reference, decimals) for band in ages.bands])
    values = "; ".join(f"{band.label} {wording.show(band.cell, band.figure.indicator)}" for band in ages.bands)
    told = tr("Aandeel van de inwoners per leeftijdsgroep: {values}", values=values)
    _chart(slide, XL_CHART_TYPE.COLUMN_CLUSTERED, data, told, "0.0")
    deck.text(slide, tr("Aandeel van de inwoners in procenten, {year}.", year=ages.year), 6.55, size=13, colour=SOFT)


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else wording.rounded(value, decimals)


def _chart(slide: Any, kind: Any, data: CategoryChartData, words: str, pattern: str) -> None:
    shape = slide.shapes.add_chart(kind, Inches(LEFT), Inches(TOP), Inches(ROOM), Inches(5.0), data)
    describe(shape, words)
    chart = shape.chart
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    chart.font.size, chart.font.name = Pt(14), FONT
    plot = chart.plots[0]
    plot.has_data_labels = True
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = pattern, False
    plot.data_labels.font.size = Pt(12)
    chart.value_axis.has_major_gridlines = False
    for series, colour in zip(plot.series, (BLUE, SOFT), strict=False):
        fill = series.format.line.color if kind == XL_CHART_TYPE.LINE_MARKERS else _solid(series.format.fill)
        fill.rgb = colour


def _solid(fill: Any) -> Any:
    fill.solid()
    return fill.fore_color


def _section(deck: Deck, section: Section) -> None:
    """A theme: its signal as title, what its score says, and its figures, core figures first, a few on each slide."""
    if not section.lines:
        return
    level = f"{wording.LEVELS[section.level]}{f' ({section.certainty})' if section.certainty else ''}" if section.level else ""
    title = f"{section.title}: {level}" if level else section.title
    ordered = sorted(section.lines, key=lambda line: (not line.figure.present, SHAPE[line.figure.indicator.rol]))
    told = [*section.sentences, *section.gaps]
    columns = [first_upper(wording.without_article(name)) for name in section.columns]
    for number, part in enumerate(_shares(ordered, spare=0 if told else SPARE)):
        empty = number > 0 and not any(line.figure.present for line in part)
        slide = deck.add(tr("{title}: zonder cijfer", title=section.title) if empty else title, [_source(line) for line in part])
        top = TOP
        if number == 0 and told:
            deck.text(slide, _cut(" ".join(told), 330), TOP, size=15, colour=SOFT, height=0.8)
            top += 0.95
        rows = [_row(line) for line in part]
        deck.table(
            slide, [tr("Cijfer"), tr("Hier"), *columns, tr("Jaar en soort")], rows, [3.4, 2.9, *(1.5 for _ in columns), 2], top
        )
        if any(line.untested for line in part):
            deck.text(slide, tr("° grens niet getoetst; zie Wat weten we niet"), 6.72, size=12, colour=SOFT)


def _shares(ordered: Sequence[FigureLine], *, spare: int) -> list[Sequence[FigureLine]]:
    """The rows of each slide; up to `spare` rows without a figure stand below the last rows that have one."""
    shares = [ordered[start : start + ROWS] for start in range(0, len(ordered), ROWS)]
    if len(shares) > 1 and len(shares[-1]) <= spare and not any(line.figure.present for line in shares[-1]):
        shares[-2:] = [[*shares[-2], *shares[-1]]]
    return shares


def _cut(text: str, most: int) -> str:
    """The text up to the last whole sentence within `most` characters."""
    if len(text) <= most:
        return text
    end = text.rfind(". ", 0, most)
    return text[: end + 1] if end > 0 else f"{text[: most - 1]}…"


def _row(line: FigureLine) -> list[str]:
    unit = f" ({line.head.unit})" if line.figure.indicator.eenheid != "procent" else ""
    own = f"{line.shown} ({line.interval})" if line.interval else line.shown
    beside = [wording.show(cell, line.figure.indicator) for _, cell in line.beside]
    return [f"{line.head.title}{unit}", own, *beside, f"{line.year}, {', '.join(line.badges)}"]


def _source(line: FigureLine) -> str:
    cell = line.figure.cell
    parts = [line.head.title, line.head.unit, line.head.direction, line.finding, line.reason]
    told = noted("bron: tabel {table}, kolom {column}, peiljaar {year}, {kind}")
    where = tr(told, table=cell.table or "–", column=cell.column or "–", year=line.year, kind=", ".join(line.badges))
    return "; ".join([*(part for part in parts if part), where])


def _notes(names: Iterable[str], contents: Contents) -> Iterator[str]:
    wanted = set(names)
    for each in contents.origins:
        if each.indicator in wanted:
            yield tr(
                "{title}: {publisher}, tabel {table}, kolom {column}, peiljaar {year}, {kind}",
                title=each.title,
                publisher=each.publisher,
                table=each.table,
                column=each.column,
                year=each.year,
                kind=each.kind,
            )


def _maps(deck: Deck, contents: Contents, maps: Sequence[Picture]) -> None:
    sections = [*(each for _, sections in contents.chapters for each in sections), *contents.leftover]
    for section in sections:
        for picture in section.maps(maps):
            if picture.key.endswith("-nl"):
                slide = deck.add(_finding(picture) or tr("Kaart: {title}", title=section.title), [picture.title, picture.caption])
                deck.picture(slide, picture, 2.6, 1.4, 5.6)


def _finding(picture: Picture) -> str:
    """What a map shows, or the first sentence of it; empty when neither fits."""
    return next((each for each in (picture.title, picture.title.partition(". ")[0]) if len(each) <= LONGEST_TITLE), "")


def _years(deck: Deck, contents: Contents) -> None:
    drawn = [line for line in contents.timeline.lines if line.drawn]
    moved = [line for line in drawn if any(test.outcome in ("stijgt", "daalt") for test in line.tests)]
    chosen = [*moved, *(line for line in drawn if line not in moved and line.figure.indicator.rol == "kern")][:LINES]
    for line in chosen:
        tests = [f"{WORDS[test.outcome]} {test.first}-{test.last}" for test in line.tests] or [line.untested]
        slide = deck.add(
            f"{line.title}: {tests[0]}", [*(stored(t.reason) for t in line.tests), *_notes([line.figure.id], contents)]
        )
        _year_chart(slide, line)
        told = noted(
            "{unit}. Een verandering zegt niet waardoor zij er is. Waar de lijn breekt, is een jaar niet te vergelijken."
        )
        deck.text(slide, tr(told, unit=line.unit), 6.55, size=13, colour=SOFT)


def _year_chart(slide: Any, line: Line) -> None:
    years = sorted(line.cells)
    span = range(years[0], years[-1] + 1)
    indicator = line.figure.indicator
    cells = [line.cells.get(year) for year in span]
    data = CategoryChartData()
    data.categories = [str(year) for year in span]
    data.add_series(line.title, [None if cell is None else _rounded(cell.value, indicator.decimalen) for cell in cells])
    shown = "; ".join(f"{year}: {wording.show(cell, indicator)}" for year, cell in sorted(line.cells.items()))
    pattern = "0" + (f".{'0' * indicator.decimalen}" if indicator.decimalen else "")
    _chart(slide, XL_CHART_TYPE.LINE_MARKERS, data, tr("{title} per jaar: {values}", title=line.title, values=shown), pattern)


def _people(deck: Deck, contents: Contents) -> None:
    rows = [
        [line.title, f"{line.count.shown}{f' ({line.count.margin})' if line.count.margin else ''}", line.share.text, line.origin]
        for line in contents.people.lines
        if line.count.size is not None and line.count.size.count is not None
    ]
    for start in range(0, len(rows), ROWS):
        slide = deck.add(tr("Hoeveel mensen gaat het aan"), contents.people.notes)
        heads = [tr("Groep"), tr("Aantal"), tr("Aandeel"), tr("Jaar en soort")]
        deck.table(slide, heads, rows[start : start + ROWS], [4, 4, 1.5, 2.4], TOP)


def _changes(deck: Deck, contents: Contents) -> None:
    for each in cause_slides(contents.revisions):
        slide = deck.add(each.title, each.notes)
        deck.text(slide, each.words, TOP, size=14, colour=SOFT, height=0.7)
        deck.table(slide, [tr(head) for head in HEADS], each.rows, [5, 2.2, 2.2, 0.8, 1.4], 2.35)
        deck.text(slide, each.below, 6.45, size=12, colour=SOFT, height=0.5)


def _texts(deck: Deck, title: str, texts: Sequence[str], *, numbered: bool = False) -> None:
    """Running text, as many whole paragraphs on a slide as fit."""
    told = [f"{number}. {text}" for number, text in enumerate(texts, start=1)] if numbered else list(texts)
    for part in _fitting([piece for text in told for piece in _pieces(text)]):
        deck.text(deck.add(title), part, TOP, size=18 if numbered else 15, height=5)


def _note(note: Note) -> str:
    """What is not known, as one paragraph: sentences follow each other, names are listed."""
    items = (" " if all(item.endswith(".") for item in note.items) else "; ").join(note.items)
    return " ".join(part for part in (f"{note.title}.", note.text, items) if part)


def _pieces(text: str) -> Iterator[str]:
    """A text in parts that each fit on a slide, cut after a sentence or an item; where there is none, between words."""
    while len(text) > CHARACTERS:
        ends = [found.start() + 1 for found in ENDS.finditer(text, 0, CHARACTERS)]
        end = ends[-1] if ends else max(text.rfind(" ", 0, CHARACTERS), 1)
        yield text[:end]
        text = text[end:].strip()
    yield text


def _fitting(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for text in texts:
        if part and sum(map(len, part)) + len(text) > CHARACTERS:
            yield part
            part = []
        part.append(text)
    if part:
        yield part


def _sources(deck: Deck, contents: Contents) -> None:
    tables: dict[tuple[str, str], set[str]] = {}
    for each in contents.origins:
        tables.setdefault((each.publisher, each.table), set()).add(each.year)
    rows = [[publisher, table, ", ".join(sorted(years))] for (publisher, table), years in sorted(tables.items())]
    for start in range(0, len(rows), ROWS):
        slide = deck.add(tr("Bronnen"), [tr("Per cijfer staan tabel, kolom en jaar in de notities en in het rekenblad.")])
        deck.table(slide, [tr("Bron"), tr("Tabel"), tr("Jaren")], rows[start : start + ROWS], [6, 2, 2], TOP)
