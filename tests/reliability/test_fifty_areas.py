"""Fifty areas in four formats: every figure of page, PDF, slides and workbook is the one in `waarde`, and is rounded in one way.

What is expected comes from the tables of the release alone, with a rounding of our own, and not from what the formats share.
"""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest
from lxml import html
from pptx import Presentation

from beeld.profiles.render import render_site
from beeld.profiles.wording import KINDS, STATES, unit_name
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.reliability.worlds import RealRelease

SEED = 20_261_127
SHARES = (("buurt", 36), ("wijk", 8), ("gemeente", 6))
"""What fifty areas are made of."""
FORMATS = ("html", "pdf", "pptx", "xlsx")
DIGITS = 1e-15
"""A workbook holds 16 digits of a number, a double 17."""


@dataclass(frozen=True)
class Stored:
    """A row of `waarde`."""

    year: int | None
    value: float | None
    status: str
    lower: float | None
    upper: float | None
    reason: str | None


NOTHING = Stored(None, None, "niet_geleverd", None, None, None)
"""What is expected of a figure that no table delivered."""


class Warehouse:
    """The rows that are printed of some areas."""

    def __init__(self, release: RealRelease) -> None:
        with closing(open_warehouse(warehouse_file(release.result.folder))) as con:
            self.areas = {
                code: (kind, [each for each in (wijk, gemeente, "NL00") if each and each != code])
                for code, kind, wijk, gemeente in con.execute(
                    "select gebiedscode, soort, case soort when 'buurt' then wijkcode end, gemeentecode from gebied"
                ).fetchall()
            }
            self.indicators = [name for (name,) in con.execute("select indicator from indicator order by all").fetchall()]
            self._last = dict(con.execute("select indicator, laatste_jaar from indicator").fetchall())
            self.codes = sorted(code for code, (kind, _) in self.areas.items() if kind in dict(SHARES))

    def read(self, release: RealRelease, codes: list[str]) -> None:
        """Keep every row of these areas and of those around them."""
        wanted = sorted({each for code in codes for each in (code, *self.areas[code][1])})
        with closing(open_warehouse(warehouse_file(release.result.folder))) as con:
            rows = con.execute(
                """select gebiedscode, indicator, peiljaar, waarde, status, ondergrens, bovengrens, reden from waarde
                where list_contains(?, gebiedscode)""",
                [wanted],
            ).fetchall()
        self.rows = {(area, name, year): Stored(year, *rest) for area, name, year, *rest in rows}

    def latest(self, area: str, indicator: str) -> Stored:
        """The figure at the year that profiles show."""
        return self.rows.get((area, indicator, self._last[indicator]), NOTHING)


def drawn(areas: Mapping[str, tuple[str, list[str]]], codes: list[str], count: int) -> list[str]:
    """`count` areas of every kind, in the shares of fifty; fewer are the first of more."""
    draw = random.Random(SEED)
    found: list[str] = []
    for kind, share in SHARES:
        mixed = draw.sample([code for code in codes if areas[code][0] == kind], share)
        found += mixed[: max(1, share * count // 50)]
    return found


# ---------------------------------------------------------------- how a figure is shown


def written(value: float, decimals: int) -> str:
    """The number in Dutch, a half away from zero, as a spreadsheet shows what it holds."""
    exact = Decimal(f"{value:.15g}")
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{rounded + 0:,}".replace(",", " ").replace(".", ",").replace(" ", ".")


def shown(stored: Stored, catalog: Catalog, name: str) -> str:
    """What every table prints of it, without white space."""
    if stored.value is None:
        denominator_missing = stored.status == "geen_noemer" and "de noemer is 0" not in (stored.reason or "")
        return STATES["niet_geleverd" if denominator_missing else stored.status].replace(" ", "")
    indicator = catalog.indicators[name]
    return written(stored.value, indicator.decimalen) + ("%" if indicator.eenheid == "procent" else "")


def margin(stored: Stored, catalog: Catalog, name: str) -> str:
    """Its interval as printed, without white space and without what kind of margin it is; empty where there is none."""
    if stored.value is None or stored.lower is None or stored.upper is None or stored.lower == stored.upper:
        return ""
    low, high = (written(bound, catalog.indicators[name].decimalen) for bound in (stored.lower, stored.upper))
    return f"{low}tot{high}"


def squeezed(text: str) -> str:
    """Without white space and without the marks of a word that was broken off."""
    return re.sub(r"[\s\u00ad\u200b\ufffe]", "", text)


# ---------------------------------------------------------------- the formats


def wrong_on_the_page(path: Path, code: str, warehouse: Warehouse, catalog: Catalog) -> Iterator[str]:
    """Every element with a figure, wherever it stands; then the table of each indicator with what stands beside it."""
    page = html.parse(path).getroot()
    for element in page.xpath("//*[@data-indicator]"):
        area, name, year = (element.get(f"data-{key}") for key in ("gebied", "indicator", "peiljaar"))
        stored = warehouse.rows.get((area, name, int(year)))
        text = element.get("data-waarde")
        if stored is None or (element.get("data-status"), None if text is None else float(text)) != (stored.status, stored.value):
            yield f"{area} {name} {year}: {dict(element.attrib)} for {stored}"
        elif not printed_as(squeezed(element.text_content()), stored, catalog, name):
            yield f"{area} {name} {year}: prints {element.text_content()!r} for {stored}"
    rows = {row.xpath("string(th/text())").strip(): row for row in page.xpath("//table[@class='cijfers']/tbody/tr")}
    for name in warehouse.indicators:
        row = rows[catalog.indicators[name].titel]
        own, *beside = row.xpath("(td | td/span)[@data-indicator or @class='leeg']")
        figures = [warehouse.latest(each, name) for each in (code, *warehouse.areas[code][1])]
        found = [squeezed(each.text_content()) for each in (own, *beside)]
        if found != [shown(each, catalog, name) for each in figures]:
            yield f"{code} {name}: row {found} for {figures}"
        bounds = row.xpath("string(td/small[@data-ondergrens])")
        if not squeezed(bounds).endswith(margin(figures[0], catalog, name)) or bool(bounds) != bool(
            margin(figures[0], catalog, name)
        ):
            yield f"{code} {name}: margin {bounds!r} for {figures[0]}"
        for side, expected in (("onder", figures[0].lower), ("boven", figures[0].upper)):
            for text in row.xpath(f"td/small/@data-{side}grens"):
                if float(text) != expected:
                    yield f"{code} {name}: {side}grens {text} for {figures[0]}"


def printed_as(text: str, stored: Stored, catalog: Catalog, name: str) -> bool:
    """Whether a text is the figure, with its unit in a sentence and without in a table."""
    plain = shown(stored, catalog, name)
    unit = squeezed(unit_name(catalog.indicators[name]))
    return text in {plain, f"{plain}{unit}", f"klasse{plain}"}


def wrong_in_the_pdf(path: Path, code: str, warehouse: Warehouse, catalog: Catalog) -> Iterator[str]:
    """The row of each indicator, whole and on one page: title, value, margin, the areas around it, year and kind."""
    with closing(pypdfium2.PdfDocument(path)) as document:
        text = "\n".join(squeezed(page.get_textpage().get_text_range()) for page in document)
    for name in warehouse.indicators:
        indicator = catalog.indicators[name]
        own, *beside = (warehouse.latest(each, name) for each in (code, *warehouse.areas[code][1]))
        title = re.escape(squeezed(indicator.titel + unit_name(indicator))).replace(r"\-", "-?")
        start = rf"{title}(?:;hogeris(?:on)?gunstiger)?{re.escape(shown(own, catalog, name))}"
        limits = rf"(?:aangenomen)?marge{re.escape(margin(own, catalog, name))}" if margin(own, catalog, name) else ""
        others = re.escape("".join(shown(each, catalog, name) for each in beside))
        year = f"{own.year}°?" if own.year else "–"
        if not re.search(rf"{start}{limits}[^\n]{{0,250}}?{others}{year}{re.escape(squeezed(KINDS[indicator.soort]))}", text):
            where = re.search(title, text)
            yield f"{code} {name}: {text[where.start() :][:160] if where else 'absent'!r} for {own} and {beside}"


def wrong_on_the_slides(path: Path, code: str, warehouse: Warehouse, catalog: Catalog) -> Iterator[str]:
    """A row of a native table for each indicator; the numbers in the data of the charts by year."""
    deck = Presentation(str(path))
    shapes = [shape for slide in deck.slides for shape in slide.shapes]
    tables = [[[cell.text_frame.text for cell in row.cells] for row in shape.table.rows] for shape in shapes if shape.has_table]
    rows = {row[0]: [squeezed(each) for each in row[1:]] for table in tables if table[0][0] == "Cijfer" for row in table[1:]}
    for name in warehouse.indicators:
        indicator = catalog.indicators[name]
        figures = [warehouse.latest(each, name) for each in (code, *warehouse.areas[code][1])]
        unit = "" if indicator.eenheid == "procent" else f" ({unit_name(indicator)})"
        expected = [shown(each, catalog, name) for each in figures]
        own, *rest = rows[f"{indicator.titel}{unit}"]
        limits = margin(figures[0], catalog, name)
        if not re.fullmatch(re.escape(expected[0]) + (rf"\((aangenomen)?marge{re.escape(limits)}\)" if limits else ""), own):
            yield f"{code} {name}: slide {own!r} for {figures[0]}"
        if rest[:-1] != expected[1:] or not re.match(f"{figures[0].year or '–'}°?,", rest[-1]):
            yield f"{code} {name}: slide {rest} for {figures}"
    titles = {indicator.titel: name for name, indicator in catalog.indicators.items()}
    for chart in (shape.chart for shape in shapes if shape.has_chart):
        name = titles.get(chart.plots[0].series[0].name)
        for year, value in zip(chart.plots[0].categories, chart.plots[0].series[0].values, strict=True) if name else ():
            stored = warehouse.rows.get((code, name, int(year)), NOTHING)
            if value is not None and written(value, 9).rstrip("0") != written_full(stored, catalog, name).rstrip("0"):
                yield f"{code} {name} {year}: chart {value} for {stored}"


def written_full(stored: Stored, catalog: Catalog, name: str) -> str:
    """The rounded figure with nine decimals; a word where there is none."""
    if stored.value is None:
        return stored.status
    rounded = written(stored.value, catalog.indicators[name].decimalen)
    return written(float(rounded.replace(".", "").replace(",", ".")), 9)


def wrong_in_the_workbook(path: Path, code: str, warehouse: Warehouse, catalog: Catalog) -> Iterator[str]:
    """Each row of the sheets: numbers unrounded, shown by their format as everywhere, and words where there is none."""
    book = openpyxl.load_workbook(path)
    found: set[str] = set()
    for sheet in book.worksheets:
        heads = [cell.value for cell in sheet[1]]
        if "waarde" not in heads or "indicator" not in heads:
            continue
        for cells in sheet.iter_rows(min_row=2):
            row = dict(zip(heads, cells, strict=True))
            name, year = row["indicator"].value, row["peiljaar"].value
            if name is None or row["waarde"].value == "toets":
                continue
            own = NOTHING if year == "–" else warehouse.rows[code, name, year]
            pairs = [("waarde", own.value, shown(own, catalog, name))]
            if "ondergrens" in row:
                found.add(name)
                if own != warehouse.latest(code, name):
                    yield f"{code} {name}: year {year}"
                around = zip(
                    ("De wijk", "De gemeente", "Nederland")[-len(warehouse.areas[code][1]) :],
                    warehouse.areas[code][1],
                    strict=True,
                )
                for head, area in around:
                    other = warehouse.latest(area, name)
                    pairs.append((head, other.value, shown(other, catalog, name)))
                for head, bound in (("ondergrens", own.lower), ("bovengrens", own.upper)):
                    pairs.append((head, bound, "" if bound is None else written(bound, catalog.indicators[name].decimalen)))
            if row["status"].value != own.status:
                yield f"{code} {name} {year}: status {row['status'].value} for {own}"
            for head, value, text in pairs:
                if not in_cell(row[head], value, text):
                    cell = f"{row[head].value!r} ({row[head].number_format})"
                    yield f"{code} {name} {year}: {head} {cell} for {value} shown as {text}"
    if found != set(warehouse.indicators):
        yield f"{code}: the workbook lacks {sorted(set(warehouse.indicators) - found)}"


def in_cell(cell: Any, value: float | None, text: str) -> bool:
    """Whether a cell holds the number unrounded and shows it as `text`, or the word where there is no number."""
    if value is None:
        return (cell.value or "").replace(" ", "") == text
    decimals = len(cell.number_format.partition(".")[2])
    return (
        isinstance(cell.value, (int, float))
        and cell.value == pytest.approx(value, rel=DIGITS, abs=0)
        and cell.number_format.startswith("#,##0")
        and written(cell.value, decimals) == text.removesuffix("%")
    )


CHECKS = {
    "index.html": wrong_on_the_page,
    "profiel.pdf": wrong_in_the_pdf,
    "profiel.pptx": wrong_on_the_slides,
    "profiel.xlsx": wrong_in_the_workbook,
}


@pytest.mark.parametrize("count", [6, pytest.param(50, marks=pytest.mark.nightly)])
def test_random_areas_have_the_same_figures_in_every_format(count: int, real_release: RealRelease, tmp_path: Path) -> None:
    catalog, warehouse = load_catalog(project_folder()), Warehouse(real_release)
    codes = drawn(warehouse.areas, warehouse.codes, count)
    assert len(codes) == count
    warehouse.read(real_release, codes)
    stored = warehouse_file(real_release.result.folder)
    render_site(real_release.result.folder, stored, tmp_path, catalog=catalog, areas=codes, formats=FORMATS, maps=False)
    assert len(warehouse.indicators) > 80
    wrong = [
        f"{file}: {problem}"
        for code in codes
        for file, problems in CHECKS.items()
        for problem in problems(tmp_path / "gebied" / code / file, code, warehouse, catalog)
    ]
    assert wrong == []
    filled = sum(warehouse.latest(code, name).value is not None for code in codes for name in warehouse.indicators)
    assert filled > 30 * count, "areas without figures would agree too"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.5, 0, "1"),
        (2.5, 0, "3"),
        (-2.5, 0, "-3"),
        (12.35, 1, "12,4"),
        (1.005, 2, "1,01"),
        (1234.25, 1, "1.234,3"),
        (-0.04, 1, "0,0"),
    ],
)
def test_what_is_expected_is_rounded_as_a_spreadsheet_does(value: float, decimals: int, text: str) -> None:
    assert written(value, decimals) == text
