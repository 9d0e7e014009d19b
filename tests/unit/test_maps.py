"""Maps: the numbers drawn are those of the warehouse, names stay names, bytes are reproducible."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import matplotlib as mpl
import numpy as np
import pytest
import shapely
from lxml import etree
from PIL import Image

from beeld.errors import UsageError
from beeld.profiles.maps import MapPicture, draw_locator, draw_maps, map_table, style
from beeld.profiles.maps.choropleth import Painter
from beeld.profiles.maps.classes import class_bounds, class_labels, classify
from beeld.profiles.maps.describe import Spec
from beeld.profiles.maps.figures import read_figures
from beeld.profiles.maps.labels import Label, Outline, breaks, crosses, label_box, overlaps, place_labels
from beeld.profiles.maps.locator import HIGHLIGHT
from beeld.profiles.maps.placement import Placement
from beeld.profiles.maps.shapes import polygons
from beeld.profiles.maps.table import Scale, subject_bounds
from beeld.profiles.maps.text import numeral
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'De <Hoek> & "x" $x$'
NAMES = [
    HOSTILE,
    r"$\frac$",
    "'s-Gravenhage",
    "Súdwest-Fryslân",
    "a\x00b\x1b[31m\nc",
    "\u202etxet",
    "Emoji 🙂 wijk",
    "X" * 300,
    "]]>",
]
HERE = "GM0001"
MODELLED, COUNTED, SHARE = "aandeel_eenzaam", "misdrijven_per_1000", "bijstand_per_1000_15_65"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


def square(column: int, row: int, size: float = 500.0) -> shapely.Polygon:
    return shapely.box(100_000 + column * size, 400_000 + row * size, 100_000 + (column + 1) * size, 400_000 + (row + 1) * size)


def area(
    con: duckdb.DuckDBPyConnection, code: str, kind: str, name: str, people: int | None, shape: shapely.Geometry | None
) -> None:
    gemeente = None if kind == "land" else "GM" + code[2:6]
    wijk = "WK" + code[2:8] if kind in ("wijk", "buurt") else None
    con.execute(
        "insert into gebied values (?, ?, ?, ?, 'Verzonnen', ?, 2024, ?, 3, ST_GeomFromWKB(?), ?)",
        [
            code,
            kind,
            name,
            gemeente,
            wijk,
            people,
            None if shape is None else shapely.to_wkb(shape),
            None if shape is None else 2024,
        ],
    )


def figure(con: duckdb.DuckDBPyConnection, code: str, name: str, value: float | None, status: str, reliable: bool | None) -> None:
    con.execute(
        "insert into waarde values (?, ?, 2024, 2024, ?, ?, ?, null, null, null, null, null, false, ?, 'T1, T2', 'k', 'sha')",
        [code, name, value, status, None if status == "ok" else "reden", reliable],
    )


def fill(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    """One gemeente of 12 buurten, with a hole, every kind of missing and one buurt without boundary; 40 buurten elsewhere."""
    for name in (MODELLED, COUNTED, SHARE):
        entry = catalog.indicators[name]
        con.execute(
            "insert into indicator values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 2024, '1')",
            [
                *(name, entry.titel, entry.uitleg, entry.thema, entry.rol, entry.soort, entry.familie, entry.eenheid),
                *(entry.decimalen, entry.richting, entry.bron, list(entry.gebruik), entry.formule),
            ],
        )
    con.execute("insert into bron values ('b', 'T1', 'Titel', 'Uitgever & Zn', 'CC', 'u', null, null, null, 1, 'actueel')")
    con.execute("insert into bron values ('cbs_grenzen', 'G', 'Grenzen', 'Kadaster', 'CC', 'u', null, null, null, 1, 'actueel')")
    area(con, "NL00", "land", "Nederland", 1_000_000, None)
    area(con, HERE, "gemeente", "Verzonnen", 12_000, shapely.box(100_000, 400_000, 102_000, 401_500))
    area(con, "GM0002", "gemeente", "Buurgemeente", 12_000, shapely.box(102_000, 400_000, 105_000, 401_500))
    hole = square(0, 0).centroid.buffer(150)
    for i in range(12):
        code = f"BU0001{i // 4:02d}{i % 4:02d}"
        shape = square(i % 4, i // 4)
        shape = shape.difference(hole) if i == 0 else shapely.union(shape, hole) if i == 5 else shape
        name = NAMES[i] if i < len(NAMES) else f"Buurt {i}"
        area(con, code, "buurt", name, 90 if i == 9 else 1000, None if i == 11 else shape)
        status = {2: "geheim", 3: "niet_van_toepassing", 4: "onbekend"}.get(i, "ok")
        for indicator in (MODELLED, COUNTED, SHARE):
            figure(con, code, indicator, 10.0 + 3 * i if status == "ok" else None, status, i != 6)
        if i not in (4, 9):
            con.execute("insert into thema_score values (?, 'eenzaamheid', 'nl', ?, 1, 1)", [code, i / 12])
    for i in range(40):
        code = f"BU0002{i // 10:02d}{i % 10:02d}"
        area(con, code, "buurt", f"Elders {i}", 1000, None)
        for indicator in (MODELLED, COUNTED, SHARE):
            figure(con, code, indicator, float(i), "ok", True)
        con.execute("insert into thema_score values (?, 'eenzaamheid', 'nl', ?, 1, 1)", [code, i / 40])
    for wijk in range(3):
        area(con, f"WK0001{wijk:02d}", "wijk", f"Wijk {wijk:02d} Oost & West", 4000, None)
    area(con, "BU00030000", "buurt", "Zonder grens", 500, None)


@pytest.fixture(scope="module")
def con(catalog: Catalog) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute((project_folder() / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
        fill(connection, catalog)
        yield connection


@pytest.fixture(scope="module")
def pictures(con: duckdb.DuckDBPyConnection, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> list[MapPicture]:
    out = tmp_path_factory.mktemp("kaart")
    return draw_maps(con, HERE, out, catalog=catalog, release_id="r1", example=True)


def texts(svg: Path) -> list[str]:
    return [element.text or "" for element in etree.parse(svg).iter(f"{SVG}text")]


# ---------------------------------------------------------------- classes


def test_quantile_bounds_split_evenly_and_are_round() -> None:
    bounds = class_bounds([float(i) for i in range(100)], 1)
    assert bounds == (20.0, 40.0, 60.0, 80.0) or all(abs(b - e) <= 2 for b, e in zip(bounds, (20, 40, 60, 80), strict=True))
    counts = np.bincount([classify(float(i), bounds, 1) for i in range(100)])
    assert counts.min() >= 15


def test_equal_steps_have_one_width() -> None:
    bounds = class_bounds([38.1, 41.0, 44.4, 47.7, 50.2, 58.0], 1, steps=True)
    assert len(set(np.diff(bounds).round(6))) == 1


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0], [0.0] * 50 + [1.0]])
def test_bounds_of_values_without_spread_leave_no_empty_outer_class(values: list[float]) -> None:
    for steps in (False, True):
        bounds = class_bounds(values, 1, steps=steps)
        assert all(min(values) < bound <= max(values) for bound in bounds)


def test_a_value_is_classed_as_it_is_printed() -> None:
    assert classify(41.96, (42.0,), 1) == 1
    assert classify(41.94, (42.0,), 1) == 0
    assert class_labels((42.0, 1234.5), 1) == ["minder dan 42,0", "42,0 tot 1234,5", "1234,5 of meer"]
    assert class_labels((), 1) == ["alle cijfers"]


@pytest.mark.parametrize(
    ("value", "decimals", "text"), [(0.0, 1, "0,0"), (-0.04, 1, "0,0"), (-1.5, 1, "-1,5"), (12345.0, 0, "12\u202f345")]
)
def test_dutch_numbers(value: float, decimals: int, text: str) -> None:
    assert numeral(value, decimals) == text


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("scale", ["nl", "gemeente"])
@pytest.mark.parametrize("key", [MODELLED, COUNTED, SHARE, "eenzaamheid"])
def test_table_equals_the_warehouse(con: duckdb.DuckDBPyConnection, catalog: Catalog, key: str, scale: Scale) -> None:
    rows = map_table(con, HERE, key, catalog=catalog, scale=scale)
    query = "select gebiedscode, waarde from laatste_waarde where indicator = ?"
    if key == "eenzaamheid":
        query = "select gebiedscode, score from thema_score where thema = ? and referentie = 'nl'"
    stored = dict(con.execute(query, [key]).fetchall())
    assert [row.code for row in rows] == sorted(code for code in stored if code.startswith("BU0001")) or key == "eenzaamheid"
    assert len(rows) == 12
    assert {row.code: row.value for row in rows} == {row.code: stored.get(row.code) for row in rows}
    assert all((row.klass is None) == (row.value is None) == (row.state != "ok") for row in rows)


def test_states_keep_their_kinds(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = map_table(con, HERE, COUNTED, catalog=catalog)
    assert [rows[i].state for i in (2, 3, 4)] == ["afgeschermd", "niet_van_toepassing", "geen_gegevens"]
    scores = map_table(con, HERE, "eenzaamheid", catalog=catalog)
    assert [scores[i].state for i in (4, 9)] == ["geen_gegevens", "te_weinig_inwoners"]


def test_a_figure_of_few_people_is_unsure_on_the_map(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
    rows = map_table(con, HERE, SHARE, catalog=catalog)
    people = dict(con.execute("select gebiedscode, inwoners from gebied").fetchall())
    stored = dict(con.execute("select gebiedscode, betrouwbaar from laatste_waarde where indicator = ?", [SHARE]).fetchall())
    few = [row for row in rows if row.value is not None and (people[row.code] or 0) < 200]
    assert few
    assert any(stored[row.code] is not False for row in few), "the figure itself has a small margin"
    assert [row.reliable for row in few] == [False] * len(few)
    assert all(row.reliable == stored[row.code] for row in rows if row not in few and row.value is not None)


def test_colours_drawn_are_the_classes_of_the_table(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, dict[str, str]] = {}
    paint = Painter.paint

    def spy(painter: Painter, spec: Spec, out: Path) -> MapPicture:
        picture = paint(painter, spec, out)
        faces = [mpl.colors.to_hex(colour) for colour in painter.areas.get_facecolor()]
        drawn[spec.key] = dict(zip(painter.codes, faces, strict=True))
        pixels = np.asarray(Image.open(picture.png).convert("RGB"))
        for label_path, code in zip(painter.paths, painter.codes, strict=True):
            x, y = label_path.vertices[0] + (3.0, -3.0)
            found = mpl.colors.to_hex(pixels[round(y * 150 / 72), round(x * 150 / 72)] / 255)
            if next(row for row in spec.rows if row.code == code).reliable is not False and code not in painter.texts:
                assert found == drawn[spec.key][code]
        return picture

    monkeypatch.setattr(Painter, "paint", spy)
    for picture in draw_maps(con, HERE, tmp_path, catalog=catalog, release_id="r1", example=False):
        subject, _, scale = picture.key.rpartition("-")
        rows = map_table(con, HERE, subject, catalog=catalog, scale="nl" if scale == "nl" else "gemeente")
        polarity = "zorg" if subject == "eenzaamheid" else "ongunstig"
        figures = read_figures(con, HERE, catalog)
        source = next(one for one in figures.subjects() if one.key == subject)
        colours = style.ramp(polarity, len(subject_bounds(source, "nl" if scale == "nl" else "gemeente")) + 1)
        expected = {row.code: style.EMPTY_FILL if row.klass is None else colours[row.klass] for row in rows if row.drawn}
        assert drawn[picture.key] == expected


def test_modelled_figures_are_described_and_never_ordered(pictures: list[MapPicture]) -> None:
    modelled = [picture for picture in pictures if picture.key.startswith(MODELLED)]
    assert len(modelled) == 2
    for picture in modelled:
        assert "naar schatting" in picture.title
        assert "hoogste" not in picture.title + picture.caption + picture.alt
        assert "modelschatting" in texts(picture.svg)
        assert "vijfde" not in " ".join(texts(picture.svg))


# ---------------------------------------------------------------- pictures


def test_a_national_and_an_own_version_of_each(pictures: list[MapPicture]) -> None:
    keys = [f"{key}-{scale}" for key in (SHARE, "eenzaamheid", MODELLED, COUNTED) for scale in ("nl", "gemeente")]
    assert [picture.key for picture in pictures] == keys
    assert all(picture.svg.name == f"{picture.key}.svg" and picture.png.name == f"{picture.key}.png" for picture in pictures)


def test_everything_that_must_be_inside_the_picture(pictures: list[MapPicture]) -> None:
    for picture in pictures:
        words = " ".join(texts(picture.svg))
        for part in ("grenzen 2024", "Bron: ", "Editie r1", style.EXAMPLE, "donkerder = ", "N", "peiljaar 2024"):
            assert part in words, (picture.key, part)
        assert picture.title.split(":")[0] in words
        assert "ontbreekt de grens: Buurt 11." in picture.caption
        with Image.open(picture.png) as image:
            assert image.width == 1600
    assert "gearceerd" in " ".join(texts(pictures[0].svg))
    assert "afgeschermd  (1)" in texts(pictures[0].svg)


def test_titles_say_the_finding(pictures: list[MapPicture]) -> None:
    titles = {picture.key: picture.title for picture in pictures}
    assert titles["eenzaamheid-nl"] == "Eenzaamheid: 1 van 9 buurten in de hoogste landelijke klasse"
    assert titles[f"{COUNTED}-gemeente"].startswith("Geregistreerde misdrijven: ongeveer de helft van de 8 buurten ligt tussen")


def test_no_word_of_a_league_table(pictures: list[MapPicture]) -> None:
    for picture in pictures:
        words = " ".join([picture.title, picture.caption, picture.alt, *texts(picture.svg)]).lower()
        assert not any(word in words for word in ("slecht", "rang", "top ", "probleem", "zwakste", "beste "))


def test_hostile_names_stay_names(pictures: list[MapPicture]) -> None:
    found = texts(pictures[0].svg)
    whole = " ".join(found)
    assert all(part in whole for part in ('De <Hoek> & "x" $x$', r"$\frac$", "Emoji 🙂 wijk", "a b [31m c", "txet", "]]>"))
    assert not any("\u202e" in text or "\x1b" in text for text in found)
    assert any(text.startswith("XXX") and text.endswith("…") for text in found)


def test_same_input_same_bytes(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, pictures: list[MapPicture], tmp_path: Path
) -> None:
    again = draw_maps(con, HERE, tmp_path, catalog=catalog, release_id="r1", example=True)

    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    assert [(digest(p.svg), digest(p.png)) for p in again] == [(digest(p.svg), digest(p.png)) for p in pictures]
    assert b"<dc:date>" not in pictures[0].svg.read_bytes()


def test_holes_stay_open() -> None:
    ring = shapely.Point(0, 0).buffer(100).difference(shapely.Point(0, 0).buffer(50))
    path = Placement(0, 0, 1.0, 0, 0).path(shapely.MultiPolygon([ring]))
    assert int((path.codes == path.MOVETO).sum()) == 2
    turns = [shapely.LinearRing(part).is_ccw for part in path.to_polygons()]
    assert turns[0] != turns[1]


def test_without_boundaries_no_maps(con: duckdb.DuckDBPyConnection, catalog: Catalog, tmp_path: Path) -> None:
    assert draw_maps(con, "GM0003", tmp_path, catalog=catalog, release_id="r1", example=False) == []
    assert draw_maps(con, "GM9999", tmp_path, catalog=catalog, release_id="r1", example=False) == []
    assert map_table(con, HERE, "bestaat_niet", catalog=catalog) == []


@pytest.mark.parametrize(
    "wkt",
    [
        "POLYGON((0 0, 10 10, 10 0, 0 10, 0 0))",
        "POLYGON((0 0, 0 0, 0 0, 0 0))",
        "MULTIPOLYGON EMPTY",
        "GEOMETRYCOLLECTION(POINT(1 1), POLYGON((0 0, 10 0, 10 10, 0 0)))",
        "POLYGON Z((0 0 1, 10 0 1, 10 10 1, 0 0 1))",
        "POLYGON((0 0, 10 0, 10 10, 0 0), (20 20, 21 20, 21 21, 20 20))",
        "LINESTRING(0 0, 1 1)",
    ],
)
def test_odd_geometry_is_mended_or_left_out(wkt: str) -> None:
    mended = polygons(shapely.from_wkt(wkt))
    assert mended is None or (mended.area > 0 and mended.geom_type == "MultiPolygon")


# ---------------------------------------------------------------- colours


@pytest.mark.parametrize("colours", [style.CONCERN, style.STRENGTH, style.NEUTRAL])
def test_ramps_work_in_black_and_white(colours: tuple[str, ...]) -> None:
    lightness = [116 * style.luminance(colour) ** (1 / 3) - 16 for colour in (style.EMPTY_FILL, *colours)]
    assert all(one - other >= 9 for one, other in itertools.pairwise(lightness))
    for colour in colours:
        ink = style.ink_on(colour)
        light, dark = sorted((style.luminance(ink), style.luminance(colour)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.0


def test_no_red_and_no_green() -> None:
    for colours in style.RAMPS.values():
        for colour in colours:
            red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
            assert not (red > 1.6 * green and red > 1.6 * blue)
            assert not (green > 1.4 * red and green > 1.4 * blue)


# ---------------------------------------------------------------- labels


def outline(code: str, name: str, column: int, row: int, size: float) -> Outline:
    x, y = column * size, row * size
    ring = np.array([(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)], dtype=float)
    return Outline(code, name, (ring,), (x + size / 2, y + size / 2), size * size)


def measure(text: str, size: float) -> float:
    return len(text) * size * 0.5


@pytest.mark.parametrize("size", [8.0, 14.0, 40.0, 120.0])
def test_labels_never_overlap_nor_leave_the_frame(size: float) -> None:
    areas = [outline(f"B{i:02d}", f"Buurt met naam {i}", i % 6, i // 6, size) for i in range(36)]
    frame = (0.0, 0.0, 6 * size, 6 * size)
    labels, key = place_labels(areas, frame, measure)
    boxes = [label_box(label, measure) for label in labels]
    assert not any(overlaps(one, other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(box[0] >= frame[0] and box[2] <= frame[2] and box[1] >= frame[1] and box[3] <= frame[3] for box in boxes)
    assert [number for number, _ in key] == [str(i) for i in range(1, len(key) + 1)]
    for label in labels:
        own = next(one for one in areas if one.code == label.code)
        if label.inside:
            assert not crosses(own.segments, label_box(label, measure))


def test_a_long_name_is_broken_once() -> None:
    assert breaks("Verspreide huizen Vrederust") == [("Verspreide huizen Vrederust",), ("Verspreide", "huizen Vrederust")]
    assert breaks("Warande-Oost")[1] == ("Warande-", "Oost")
    assert Label("B", ("a", "b"), 0, 0, 10).baselines()[1] > Label("B", ("a", "b"), 0, 0, 10).baselines()[0]


# ---------------------------------------------------------------- locator


def test_locator_marks_the_area(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    picture = draw_locator(con, "BU00010200", tmp_path, release_id="r1", example=True)
    assert picture.key == "ligging-BU00010200"
    assert picture.svg.is_file()
    assert picture.png.is_file()
    assert "ligt in het noordwesten van Verzonnen" in picture.title
    words = " ".join(texts(picture.svg))
    assert all(part in words for part in ("Grenzen 2024", "Bron: Kadaster", "Editie r1", style.EXAMPLE))
    assert HIGHLIGHT in picture.svg.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ["NL00", HERE, "WK000100", "BU00010203", "BU00030000"])
def test_locator_of_every_kind(con: duckdb.DuckDBPyConnection, tmp_path: Path, code: str) -> None:
    picture = draw_locator(con, code, tmp_path, release_id="r1", example=False)
    etree.parse(picture.svg)
    assert ("ontbreekt de grens" in picture.caption) == (code in ("BU00010203", "BU00030000"))


def test_locators_share_a_drawing_and_leave_no_trace(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    first = draw_locator(con, "BU00010101", tmp_path / "a", release_id="r1", example=False).svg.read_bytes()
    draw_locator(con, "BU00010000", tmp_path / "b", release_id="r1", example=False)
    assert draw_locator(con, "BU00010101", tmp_path / "c", release_id="r1", example=False).svg.read_bytes() == first


def test_locator_of_an_unknown_area(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="BU99999999"):
        draw_locator(con, "BU99999999", tmp_path, release_id="r1", example=False)


@pytest.mark.benchmark
def test_further_locators_are_cheap(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    codes = [f"BU0001{i // 4:02d}{i % 4:02d}" for i in range(11)]
    draw_locator(con, codes[0], tmp_path, release_id="r1", example=False)
    start = time.process_time()
    for code in codes:
        draw_locator(con, code, tmp_path, release_id="r1", example=False)
    assert (time.process_time() - start) / len(codes) < 0.06
