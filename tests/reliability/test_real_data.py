"""The real figures: what is published equals what the sources deliver, looked up from the page back to the file."""

import json
import random
import re
from collections import Counter
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import cbsodata
import numpy as np
import pytest
import shapely
from lxml import html
from shapely.geometry.base import BaseGeometry

from beeld.profiles.maps.shapes import dissolved, shape_from_wkb, simplified
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.warehouse.query import ask
from beeld.warehouse.read import open_warehouse, warehouse_file
from tests.loopback import LoopbackServer
from tests.reliability.by_hand import KWB, Sources
from tests.reliability.wire import rows_of
from tests.reliability.worlds import CommandLine, RealRelease, complete

SEED = 20_261_122
COLUMNS = [
    ("aantal_inwoners", "AantalInwoners_5"),
    ("aantal_huishoudens", "HuishoudensTotaal_28"),
    ("afstand_huisarts", "AfstandTotHuisartsenpraktijk_105"),
    ("stedelijkheid", "MateVanStedelijkheid_115"),
]
"""Indicators that are a column of 84799NED as published."""


@pytest.fixture(scope="module")
def sources(real_data: Path) -> Sources:
    """The raw cells, read without `beeld`."""
    return Sources(real_data)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def pages(real_release: RealRelease) -> dict[str, Path]:
    """The page of every area that was rendered."""
    return {path.parent.name: path for path in sorted((real_release.result.folder / "site" / "gebied").glob("*/index.html"))}


def query(release: RealRelease, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in ask(release.result.folder, sql).rows]


# ---------------------------------------------------------------- known figures


def test_the_release_is_complete_and_every_error_check_passed(real_release: RealRelease) -> None:
    assert complete(real_release.settings) == real_release.result.release
    (warning,) = real_release.result.warnings
    assert warning.startswith("the host does not list, so counted as not delivered: ")
    assert not [table for table in ("84799NED", "85984NED", "50090NED", "47022NED") if table in warning]
    failed = query(real_release, "select controle from controle where not geslaagd and ernst = 'fout'")
    assert failed == []
    assert query(real_release, "select voorbeeld from release") == [(False,)]


def test_the_netherlands_had_17_407_585_inhabitants_in_2020(real_release: RealRelease, beeld: CommandLine) -> None:
    sql = "select waarde, status from waarde where gebiedscode = 'NL00' and indicator = 'aantal_inwoners' and peiljaar = 2020"
    ending = beeld(real_release.settings, "query", sql, "--json")
    assert ending.code == 0
    assert json.loads(ending.out) == [{"waarde": 17407585, "status": "ok"}]


@pytest.mark.parametrize(
    ("soort", "count"), [("land", 1), ("gemeente", 342), ("buurt", 14574)], ids=["land", "gemeenten", "buurten"]
)
def test_the_division_of_2024_is_whole(soort: str, count: int, real_release: RealRelease) -> None:
    assert query(real_release, f"select count(*), min(indeling_jaar) from gebied where soort = '{soort}'") == [(count, 2024)]


@pytest.mark.parametrize(("gemeente", "buurten"), [("GM0748", 38), ("GM0772", 116)])
def test_every_buurt_of_a_gemeente_has_a_page(
    gemeente: str, buurten: int, real_release: RealRelease, pages: dict[str, Path]
) -> None:
    codes = {
        code
        for (code,) in query(
            real_release, f"select gebiedscode from gebied where soort = 'buurt' and gemeentecode = '{gemeente}'"
        )
    }
    assert len(codes) == buurten
    assert codes <= set(pages)
    assert gemeente in pages


def test_bergen_op_zoom_in_2024(real_release: RealRelease) -> None:
    rows = query(
        real_release,
        "select indicator, waarde from waarde where gebiedscode = 'GM0748' and peiljaar = 2024 "
        "and indicator in ('aantal_inwoners', 'aantal_huishoudens') order by indicator",
    )
    assert rows == [("aantal_huishoudens", 31775), ("aantal_inwoners", 69694)]


def test_trace_leads_to_the_cell_of_the_source(real_release: RealRelease, beeld: CommandLine, real_data: Path) -> None:
    ending = beeld(real_release.settings, "trace", "BU07480200", "aandeel_eenzaam", "2020", "--json")
    assert ending.code == 0
    found = json.loads(ending.out)
    assert (found["waarde"], found["status"], found["formule"]) == (58.0, "ok", "eenzaam")
    (cell,) = found["bronnen"]
    assert (cell["bron"], cell["tabel"], cell["ruwe_tekst"]) == ("rivm_gezondheid", "50090NED", "58.0")
    key = cell["rijsleutel"]
    row = next(
        row
        for row in rows_of(real_data, "50090NED", "UntypedDataSet")
        if all(row[name].strip() == member for name, member in key.items())
    )
    assert key["WijkenEnBuurten"] == "BU07480200"
    assert row[cell["kolom"]].strip() == "58.0"


# ---------------------------------------------------------------- where there is nothing to say


def test_no_buurt_of_amsterdam_has_enough_to_say(real_release: RealRelease) -> None:
    """All its codes are new between 2020 and 2024, so that no figure of 2020 reaches them."""
    rows = query(
        real_release,
        "select uitkomst, count(*) from integraal join gebied using (gebiedscode) "
        "where gemeentecode = 'GM0363' and soort = 'buurt' group by uitkomst",
    )
    assert rows == [("te_weinig_gegevens", 517)]


def test_crime_of_a_wijk_is_not_delivered_and_never_summed(real_release: RealRelease) -> None:
    rows = query(
        real_release,
        "select count(waarde), list(distinct status order by status) from waarde join gebied using (gebiedscode) "
        "where soort = 'wijk' and indicator = 'misdrijven_per_1000'",
    )
    ((values, statuses),) = rows
    assert values == 0
    assert set(statuses) <= {"niet_geleverd", "geen_noemer", "onbekend"}
    crimes = "from waarde where gebiedscode = 'WK074802' and indicator = 'misdrijven_per_1000' and peiljaar = 2024"
    assert query(real_release, f"select distinct status {crimes}") == [("niet_geleverd",)]


def test_the_latest_year_is_the_newest_complete_one(real_release: RealRelease) -> None:
    shares = query(
        real_release,
        "select indicator, peiljaar, count(waarde) / count(*) from waarde join gebied using (gebiedscode) "
        "where soort = 'buurt' and inwoners >= 200 group by all",
    )
    complete_years = {
        name: max((year for other, year, share in shares if other == name and share >= 0.8), default=None)
        for name in {name for name, _, _ in shares}
    }
    stated = dict(query(real_release, "select indicator, laatste_jaar from indicator"))
    assert {name: year for name, year in complete_years.items() if year is not None} == {
        name: stated[name] for name, year in complete_years.items() if year is not None
    }
    assert stated["aandeel_eenzaam"] == 2020
    assert stated["aantal_inwoners"] == 2024
    assert stated["misdrijven_per_1000"] == 2024
    assert stated["bijstand_per_1000_15_65"] == 2020
    assert set(stated.values()) <= {2020, 2024, None}
    assert {name for name, year in stated.items() if year is None} == set(stated) - set(complete_years), "no row, no year"


# ---------------------------------------------------------------- which figures may both be core


PAIRS = re.compile(r"(?m)^\| `(\w+)` \| `(\w+)` \| (\d{4}) \| (-?\d,\d{3}) \|")
"""A row of the table in docs/methode.md: two figures, their year and their correlation."""


def correlation(sources: Sources, one: str, other: str, year: int) -> float:
    """Pearson's r over the buurten with 200 inhabitants or more that have both figures in that year, from the raw cells."""
    codes = [c for c, row in sources.kwb[year].items() if c.startswith("BU") and (row["AantalInwoners"] or 0) >= 200]
    found = [(sources.figure(code, one, year), sources.figure(code, other, year)) for code in codes]
    both = [(a, b) for a, b in found if a is not None and b is not None]
    assert len(both) > 9_000
    return float(np.corrcoef(*zip(*both, strict=True))[0, 1])


def test_the_correlations_in_the_docs_are_those_of_the_real_figures(sources: Sources, catalog: Catalog) -> None:
    """METHOD.md 2: "Of indicators that correlate above 0.9 in one theme only one is kern" - for every pair that is delivered."""
    text = (project_folder() / "docs" / "methode.md").read_text(encoding="utf-8")
    printed = {(one, other): (int(year), float(r.replace(",", "."))) for one, other, year, r in PAIRS.findall(text)}
    assert len(printed) >= 15
    for (one, other), (year, stated) in printed.items():
        measured = correlation(sources, one, other, year)
        assert measured == pytest.approx(stated, abs=0.0006), (one, other)
        both_core = {catalog.indicators[name].rol for name in (one, other)} == {"kern"}
        assert not (both_core and abs(measured) > 0.9), f"{one} and {other} are both core at r = {measured:.3f}"
    for theme in catalog.scored_themes:
        delivered = [name for name in catalog.core(theme) if name in DELIVERED_CORE]
        missing = [pair for pair in combinations(delivered, 2) if pair not in printed]
        assert missing == [], f"{theme}: measure them too"


DELIVERED_CORE = {
    "bijstand_per_1000_15_65", "aandeel_moeite_rondkomen", "aandeel_eenzaam", "aandeel_angst_depressie", "aandeel_veel_stress",
    "aandeel_rokers", "aandeel_overmatige_drinkers", "misdrijven_per_1000", "afstand_huisarts", "afstand_supermarkt",
    "afstand_basisschool", "ww_per_1000_15_65", "aandeel_vrijwilligers", "aandeel_regie",
}  # fmt: skip
"""Core figures that the recorded tables hold."""


def test_the_core_figures_that_are_delivered_are_these(real_release: RealRelease, catalog: Catalog) -> None:
    rows = query(real_release, "select indicator from laatste_waarde group by indicator having count(waarde) > 0")
    core = {name for theme in catalog.scored_themes for name in catalog.core(theme)}
    assert {name for (name,) in rows} & core == DELIVERED_CORE


# ---------------------------------------------------------------- what is drawn


def test_the_outline_of_every_gemeente_can_be_drawn(real_release: RealRelease) -> None:
    """As maps do: simplified to what can be seen, gaps closed. The outline holds the buurten, on one part in a hundred."""
    with closing(open_warehouse(warehouse_file(real_release.result.folder))) as con:
        rows = con.execute(
            "select gemeentecode, ST_AsWKB(geometrie) from gebied where soort = 'buurt' and geometrie is not null order by all"
        ).fetchall()
    buurten: dict[str, list[BaseGeometry]] = {}
    for code, wkb in rows:
        buurten.setdefault(code, []).append(shape_from_wkb(wkb) or shapely.Polygon())
    assert len(buurten) > 300
    for code, parts in buurten.items():
        left, bottom, right, top = shapely.total_bounds(parts)
        pixel = max(right - left, top - bottom) / 700
        whole = dissolved(simplified(parts, 0.4 * pixel), 0.8 * pixel)
        assert whole.area == pytest.approx(sum(part.area for part in parts), rel=0.01), code


# ---------------------------------------------------------------- from the page back to the file


def test_every_published_number_of_ten_profiles_equals_the_source(
    pages: dict[str, Path], sources: Sources, real_release: RealRelease
) -> None:
    draw = random.Random(SEED)
    chosen = [
        code
        for kind, number in (("BU", 7), ("WK", 2), ("GM", 1))
        for code in draw.sample([code for code in pages if code.startswith(kind)], number)
    ]
    joined = Counter[str]()
    wrong: list[str] = []
    for code in chosen:
        numbers = html.parse(pages[code]).xpath("//*[@data-indicator]")
        assert len(numbers) > 100
        for element in numbers:
            wrong += compared(element, sources, joined, f"page of {code}")
    assert wrong == []
    assert joined["number"] > 1000
    assert joined["no number"] > 20


def compared(element: Any, sources: Sources, counts: Counter[str], where: str) -> list[str]:
    """What is wrong with one published figure; nothing when it is what the source says."""
    area, indicator, year = (element.get(f"data-{name}") for name in ("gebied", "indicator", "peiljaar"))
    status, text = element.get("data-status"), element.get("data-waarde")
    where = f"{where}: {area} {indicator} {year}"
    expected = sources.figure(area, indicator, int(year))
    if text is None:
        counts["no number"] += 1
        same_name = len({names.get(area) for names in sources.names.values()}) == 1
        problems = [f"{where}: status ok without a number"] if status == "ok" else []
        # Where nothing stands in the way of joining the years, no number on the page means none in the source.
        return problems + ([f"{where}: the source has {expected}"] if expected is not None and same_name else [])
    counts["number"] += 1
    if status != "ok" or expected is None or not same(float(text), expected):
        return [f"{where}: {text} ({status}), the source says {expected}"]
    printed = re.search(r"-?\d[\d.]*(?:,(\d+))?", element.text_content())
    if printed is None:
        return [f"{where}: nothing printed in '{element.text_content()}'"]
    shown = float(printed.group().replace(".", "").replace(",", "."))
    unit = 10.0 ** -len(printed.group(1) or "")
    return [] if abs(shown - expected) <= unit / 2 + 1e-9 else [f"{where}: prints {shown} for {expected}"]


def same(value: float | None, expected: float | None) -> bool:
    """Whether two figures are the same, up to the last digits of a division; none is only the same as none."""
    if value is None or expected is None:
        return value is None and expected is None
    return abs(value - expected) <= 1e-9 * max(1.0, abs(expected))


# ---------------------------------------------------------------- another reader of the same source


@pytest.mark.parametrize(("indicator", "column"), COLUMNS)
def test_cbsodata_reads_the_same_figures(indicator: str, column: str, read_by_cbsodata: Any, real_release: RealRelease) -> None:
    theirs = {row["Codering_3"].strip(): row[column] for row in read_by_cbsodata["rows"]}
    ours = query(
        real_release,
        f"select gebiedscode, waarde from waarde where indicator = '{indicator}' and peiljaar = 2020 and status = 'ok' "
        "and not starts_with(gebiedscode, 'SG-')",
    )
    if not any(value is not None for value in theirs.values()):
        assert ours == []
        return
    assert len(ours) > 14_000
    assert dict(ours) == {code: theirs[code] for code, _ in ours}


def test_cbsodata_reads_the_same_description(read_by_cbsodata: Any, real_release: RealRelease) -> None:
    rows = query(real_release, "select titel, gewijzigd::varchar, rijen from bron where tabel = '84799NED'")
    info = read_by_cbsodata["info"]
    assert rows == [(info["Title"].strip(), info["Modified"].replace("T", " "), len(read_by_cbsodata["rows"]))]
    units = {row["Key"]: row["Unit"] for row in read_by_cbsodata["properties"] if row["Type"] == "Topic"}
    assert units["AantalInwoners_5"] == "aantal"


@pytest.fixture(scope="module")
def read_by_cbsodata(real_data: Path) -> dict[str, Any]:
    """84799NED as the package of CBS reads it."""
    table = KWB[2020]
    columns = [
        "Codering_3",
        "AantalInwoners_5",
        "HuishoudensTotaal_28",
        "AfstandTotHuisartsenpraktijk_105",
        "MateVanStedelijkheid_115",
    ]
    secure = cbsodata.options.use_https
    cbsodata.options.use_https = False
    try:
        with LoopbackServer(real_data, list_both=True) as server:
            address = server.url("cbs").removeprefix("http://")
            return {
                "rows": cbsodata.get_data(table, select=columns, catalog_url=address),
                "info": cbsodata.get_info(table, catalog_url=address),
                "properties": cbsodata.get_meta(table, "DataProperties", catalog_url=address),
            }
    finally:
        cbsodata.options.use_https = secure
