"""The parts of the atlas that need no browser: boundaries, files and words."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
import shapely

from beeld.errors import BeeldError
from beeld.profiles.atlas import files
from beeld.profiles.atlas.words import WORDS
from beeld.profiles.maps.outlines import read_outlines

SIDE, CELL = 12, 400.0
CORNER = (85_000.0, 440_000.0)


def board() -> dict[str, shapely.Polygon]:
    """Neighbouring areas with wavy edges in RD New, the same points on both sides of an edge."""
    steps = np.linspace(0, 1, 9)[:-1]

    def point(x: float, y: float) -> tuple[float, float]:
        return (CORNER[0] + CELL * (x + 0.08 * np.sin(7 * y)), CORNER[1] + CELL * (y + 0.08 * np.sin(9 * x)))

    def cell(i: int, j: int) -> shapely.Polygon:
        ring = [(i + s, j) for s in steps] + [(i + 1, j + s) for s in steps]
        ring += [(i + 1 - s, j + 1) for s in steps] + [(i, j + 1 - s) for s in steps]
        return shapely.Polygon([point(x, y) for x, y in ring])

    return {f"BU{i:04d}{j:04d}": cell(i, j) for i in range(SIDE) for j in range(SIDE)}


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """A table of areas with those boundaries, and one area without."""
    found = duckdb.connect()
    found.execute("create table gebied (gebiedscode varchar, geometrie geometry)")
    rows = [(code, shape.wkb) for code, shape in board().items()]
    found.executemany("insert into gebied values (?, ST_GeomFromWKB(?))", rows)
    found.execute("insert into gebied values ('BU99999999', null)")
    return found


def polygons(shape: list[list[list[int]]], scale: int) -> shapely.MultiPolygon:
    """What the page makes of a written shape."""

    def ring(flat: list[int]) -> list[tuple[float, float]]:
        steps = np.array(flat).reshape(-1, 2).cumsum(axis=0)
        return [(float(x) / scale, float(y) / scale) for x, y in steps]

    return shapely.MultiPolygon([(ring(polygon[0]), [ring(hole) for hole in polygon[1:]]) for polygon in shape])


GROUPS = {**{code: f"GM{code[2:6]}" for code in board()}, "BU99999999": "GM9999"}


def test_boundaries_stay_together_and_in_place(con: duckdb.DuckDBPyConnection) -> None:
    found = read_outlines(con, GROUPS)
    assert sorted(found.shapes) == sorted(board()), "an area without a boundary is left out"
    shapes = [polygons(shape, found.scale) for shape in found.shapes.values()]
    whole = shapely.union_all(shapes)
    overlap = sum(shape.area for shape in shapes) / whole.area - 1
    assert abs(overlap) < 1e-3
    assert len(shapely.get_parts(whole)) == 1
    west, south, east, north = whole.bounds
    assert found.box == pytest.approx((west, south, east, north))
    assert 4.2 < west < east < 4.6, "Rotterdam lies there"
    assert 51.8 < south < north < 52.1
    assert set(found.borders) == {f"GM{i:04d}" for i in range(SIDE)}


def test_what_does_not_fit_is_simplified_and_nothing_vanishes(con: duckdb.DuckDBPyConnection) -> None:
    def points(most: int) -> int:
        found = read_outlines(con, GROUPS, most)
        assert len(found.shapes) == SIDE * SIDE
        assert all(shape and len(shape[0][0]) >= 6 for shape in found.shapes.values())
        return sum(len(ring) // 2 for shape in found.shapes.values() for polygon in shape for ring in polygon)

    assert points(1_200) < points(100_000)


def test_no_boundary_at_all(con: duckdb.DuckDBPyConnection) -> None:
    assert read_outlines(con, {"BU99999999": "GM9999"}).box is None


def test_json_in_a_page_cannot_end_its_element() -> None:
    value = {"naam": "</script><!-- & \u2028 \u2029", "aantal": 1.5}
    text = files.safe_json(value)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == value


def test_sheets_are_packed_in_order() -> None:
    sheets = [{"key": f"k{i}", "year": 2020, "rest": "x" * (files.BUNDLE // 3)} for i in range(7)]
    packed = list(files.bundles(sheets))
    assert [key for held, _ in packed for key, _ in held] == [f"k{i}" for i in range(7)]
    assert [len(held) for held, _ in packed] == [3, 3, 1]
    assert all(script.count("BeeldAtlas.addSheet(") == len(held) for held, script in packed)


def test_the_library_is_copied_with_its_licence_and_never_imported(tmp_path: Path) -> None:
    names = {path.name for path in files.copy_scripts(tmp_path)}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert "5.3.0" in (tmp_path / "maplibre-gl.js").read_text(encoding="utf-8")[:400]
    assert "Redistributions in binary form must reproduce" in (tmp_path / "LICENTIE-maplibre-gl.txt").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!['\"]?data:)", (tmp_path / "maplibre-gl.css").read_text(encoding="utf-8"))
    assert "maplibre" not in sys.modules


def test_without_the_library_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(BeeldError, match="map library"):
        files.copy_scripts(tmp_path)


def test_every_word_that_a_script_or_the_page_asks_for_exists_and_is_used() -> None:
    template = (files.STATIC.parents[1] / "templates" / "atlas.html").read_text(encoding="utf-8")
    texts = [template, *((files.STATIC / name).read_text(encoding="utf-8") for name in files.SCRIPTS)]
    python = "".join(path.read_text(encoding="utf-8") for path in files.STATIC.parent.glob("*.py"))
    asked = {name for text in texts for name in re.findall(r"\bwords\.([a-z_]+)", text)}
    assert asked - WORDS.keys() == set()
    assert WORDS.keys() - asked - set(re.findall(r"WORDS\[.([a-z_]+).\]", python)) == set()
