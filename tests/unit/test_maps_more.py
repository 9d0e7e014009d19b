"""Two themes in one map, a figure over the years, the map for the table, and the page with the numbers of all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
import shapely
from lxml import etree, html
from PIL import Image

from beeld.profiles.map_page import write_map_page
from beeld.profiles.maps import MapPicture, draw_maps, draw_table_map, map_table, pair_table, shapes, style, years_table
from beeld.profiles.maps.labels import overlaps
from beeld.profiles.model import Release
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.gate import describe_uses
from tests.unit.test_maps import COUNTED, HERE, HOSTILE, MODELLED, SHARE, SVG, fill, texts

PAIR = "veiligheid-kracht"
UNTESTED = "grens niet getoetst"
REFERENCES = Path(__file__).parents[1] / "samples" / "kaarten"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def con(catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    """The gemeente of test_maps with two more scores and with figures of 2020 for one counted and one modelled indicator."""
    with duckdb.connect() as connection:
        connection.execute((project_folder() / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
        fill(connection, catalog)
        describe_uses(connection, catalog)
        codes = [
            row[0] for row in connection.execute("select gebiedscode from gebied where soort = 'buurt' order by 1").fetchall()
        ]
        for number, code in enumerate(codes):
            if code != "BU00010001":
                connection.execute("insert into thema_score values (?, 'veiligheid', 'nl', ?, 1, 1)", [code, number / len(codes)])
            connection.execute("insert into thema_score values (?, 'kracht', 'nl', ?, 1, 1)", [code, (number * 7 % 53) / 53])
        for name in (COUNTED, SHARE, MODELLED):
            for number, code in enumerate(codes[:12]):
                joined = number != 3
                value = 8.0 + 3 * number if joined else None
                reason = UNTESTED if joined else "geen gebied met deze code en naam in indeling 2020"
                status = "ok" if joined else "niet_geleverd"
                connection.execute(
                    "insert into waarde values (?, ?, 2020, 2020, ?, ?, ?, null, null, null, null, null, false, true, 'T1', '',"
                    " '')",
                    [code, name, value, status, reason],
                )
        yield connection


@pytest.fixture(scope="module")
def drawn(con: duckdb.DuckDBPyConnection, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> dict[str, MapPicture]:
    out = tmp_path_factory.mktemp("kaart")
    pictures = draw_maps(con, HERE, out, catalog=catalog, release_id="r1", example=True)
    return {picture.key: picture for picture in pictures}


def stored(con: duckdb.DuckDBPyConnection, theme: str) -> dict[str, float]:
    return dict(
        con.execute("select gebiedscode, score from thema_score where thema = ? and referentie = 'nl'", [theme]).fetchall()
    )


def test_a_pair_has_the_scores_of_the_warehouse(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = pair_table(con, HERE, PAIR, catalog=catalog)
    first, second = stored(con, "veiligheid"), stored(con, "kracht")
    assert len(rows) == 12
    assert {row.code: (row.first, row.second) for row in rows} == {r.code: (first.get(r.code), second.get(r.code)) for r in rows}
    assert [row.code for row in rows if row.klass is None] == ["BU00010001"]
    assert pair_table(con, HERE, "kracht-veiligheid", catalog=catalog) == []


def test_a_pair_is_classed_by_national_thirds(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = [row for row in pair_table(con, HERE, PAIR, catalog=catalog) if row.klass is not None]
    for axis, scores in ((3, [row.first for row in rows]), (1, [row.second for row in rows])):
        by_class = {k: [s for row, s in zip(rows, scores, strict=True) if (row.klass or 0) // axis % 3 == k] for k in range(3)}
        found = [values for values in by_class.values() if values]
        assert all(max(low) < min(high) for low, high in itertools.pairwise(found))


def test_the_legend_of_a_pair_counts_its_classes(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, drawn: dict[str, MapPicture]
) -> None:
    picture = drawn[PAIR]
    rows = [row for row in pair_table(con, HERE, PAIR, catalog=catalog) if row.drawn]
    both = sum(row.klass == 8 for row in rows)
    assert f"{both or 'geen'} van {sum(row.klass is not None for row in rows)} buurten" in picture.title
    body = picture.svg.read_text(encoding="utf-8")
    assert all(style.PAIR[row.klass] in body for row in rows if row.klass is not None)
    words = " ".join(texts(picture.svg))
    assert all(part in words for part in ("hoger = meer zorg", "hoger = meer kracht", "Editie r1", style.EXAMPLE, "grenzen 2024"))


def test_nine_colours_are_told_apart_in_black_and_white() -> None:
    lightness = [116 * style.luminance(colour) ** (1 / 3) - 16 for colour in (style.EMPTY_FILL, *style.PAIR)]
    assert all(one - other >= 8 for one, other in itertools.pairwise(lightness))
    for colour in style.PAIR:
        light, dark = sorted((style.luminance(style.ink_on(colour)), style.luminance(colour)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.0


def test_years_have_the_figures_of_the_warehouse(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    years = years_table(con, HERE, COUNTED, catalog=catalog)
    assert sorted(years) == [2020, 2024]
    for year, rows in years.items():
        query = "select gebiedscode, waarde from waarde where indicator = ? and peiljaar = ?"
        values = dict(con.execute(query, [COUNTED, year]).fetchall())
        assert {row.code: row.value for row in rows} == {row.code: values.get(row.code) for row in rows}
    newest = {row.code: row.klass for row in map_table(con, HERE, COUNTED, catalog=catalog)}
    assert {row.code: row.klass for row in years[2024]} == newest
    assert [row.code for row in years[2020] if row.state == "sluit_niet_aan"] == ["BU00010003"]
    assert {row.note for row in years[2020] if row.value is not None} == {UNTESTED}


def test_a_modelled_figure_is_never_followed(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, drawn: dict[str, MapPicture]
) -> None:
    assert years_table(con, HERE, MODELLED, catalog=catalog) == {}
    assert f"{MODELLED}-jaren" not in drawn
    assert f"{COUNTED}-jaren" in drawn


def test_small_maps_say_what_does_not_join(drawn: dict[str, MapPicture]) -> None:
    picture = drawn[f"{COUNTED}-jaren"]
    words = texts(picture.svg)
    assert {"2020", "2024", UNTESTED, "dezelfde klassen in elk jaar", "sluit niet aan op het gebied van nu"} <= set(words)
    assert "niet getoetst" in picture.caption
    assert not any(word in picture.title.lower() for word in ("stijg", "daal", "beter", "slechter"))


def test_the_map_for_the_table_has_room_and_no_figures(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    picture = draw_table_map(con, HERE, tmp_path, release_id="r1", example=True)
    assert picture is not None
    root = etree.parse(picture.svg).getroot()
    assert (float(root.get("width", "")[:-2]), float(root.get("height", "")[:-2])) == pytest.approx((1190.55, 841.89))
    words = " ".join(texts(picture.svg))
    assert all(
        part in words for part in ("Wat valt op?", "Legenda", "grenzen 2024", "Editie r1", style.EXAMPLE, "N", "Verzonnen")
    )
    assert HOSTILE in words
    with Image.open(picture.png) as image:
        assert image.size == (2480, 1753)
    assert draw_table_map(con, "GM9999", tmp_path, release_id="r1", example=False) is None


def test_the_page_has_the_numbers_of_every_map(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, drawn: dict[str, MapPicture], tmp_path: Path
) -> None:
    page = write_map_page(con, HERE, tmp_path, catalog=catalog, release=Release("r1", "2", "c", example=True), table_map=None)
    assert page is not None
    tree = html.fromstring(page.read_text(encoding="utf-8"))
    for key in drawn:
        anchor = key.removesuffix("-nl").removesuffix("-gemeente")
        (section,) = tree.xpath(f"//section[@id='{anchor}']")
        assert len(section.xpath(".//tbody/tr")) == 12
    printed = tree.xpath("//*[@data-indicator and @data-waarde]")
    latest = con.execute("select gebiedscode, indicator, peiljaar, waarde from waarde where status = 'ok'").fetchall()
    values = {(code, name, str(year)): value for code, name, year, value in latest}
    assert printed
    for cell in printed:
        value = values[cell.get("data-gebied"), cell.get("data-indicator"), cell.get("data-peiljaar")]
        assert float(cell.get("data-waarde")) == value
    assert HOSTILE in tree.xpath("//th[@scope='row']/text()")
    assert all(cell.text_content().strip() for cell in tree.xpath("//td[@data-status]"))


def test_the_svg_draws_each_outline_once(drawn: dict[str, MapPicture]) -> None:
    tree = etree.parse(drawn[f"{COUNTED}-nl"].svg)
    names = {f"#{path.get('id')}" for path in tree.iter(f"{SVG}path") if path.get("id")}
    used = {use.get("href") for use in tree.iter(f"{SVG}use")}
    assert used == names
    patterns = {f"url(#{pattern.get('id')})" for pattern in tree.iter(f"{SVG}pattern")}
    assert {each.get("fill") for each in tree.iter() if (each.get("fill") or "").startswith("url")} <= patterns


def test_texts_in_a_drawn_map_do_not_overlap(drawn: dict[str, MapPicture]) -> None:
    """By the boxes that the written positions and widths take, so also between legend, key, title and names."""
    for key in (PAIR, f"{COUNTED}-jaren", "eenzaamheid-nl"):
        boxes: list[tuple[float, float, float, float]] = []
        for text in etree.parse(drawn[key].svg).iter(f"{SVG}text"):
            x, y, size, width = (float(text.get(name, "0")) for name in ("x", "y", "font-size", "textLength"))
            x -= {"middle": 0.5, "end": 1.0}.get(text.get("text-anchor", ""), 0.0) * width
            boxes.append((x, y - 0.7 * size, x + width, y + 0.15 * size))
        assert not any(overlaps(one, other) for one, other in itertools.combinations(boxes, 2)), key


@pytest.mark.parametrize("key", [PAIR, f"{COUNTED}-jaren"])
def test_pictures_look_as_they_did(drawn: dict[str, MapPicture], key: str) -> None:
    """Against a small reference; to renew one, save the picture that a failure names at a quarter of its size."""
    with Image.open(drawn[key].png) as image:
        small = image.convert("L").reduce(4)
    reference = REFERENCES / f"{key}.png"
    assert reference.is_file(), f"no reference: save {drawn[key].png} at a quarter as {reference}"
    with Image.open(reference) as image:
        assert image.size == small.size
        difference = np.abs(np.asarray(image.convert("L"), dtype=float) - np.asarray(small, dtype=float))
    assert difference.mean() < 1.5
    assert (difference > 60).mean() < 0.01


def test_shapes_that_cross_are_joined_all_the_same() -> None:
    """Real boundaries that cross by less than a millimetre stopped the drawing of a whole country; a map never raises."""
    crossing = [shapely.Polygon(np.random.default_rng(0).random((5, 9, 2))[n] * 1000 + 200_000) for n in range(5)]
    with pytest.raises(shapely.errors.GEOSException):
        shapely.union_all(crossing)
    mended = [shapely.make_valid(shape) for shape in crossing]
    whole = shapes.united(crossing)
    assert whole.is_valid
    assert max(shape.area for shape in mended) < whole.area < sum(shape.area for shape in mended)
    assert all(shape.difference(whole).area < 1e-3 * shape.area for shape in mended)
    assert shapes.dissolved(mended, 1.0).area >= whole.area * 0.99
