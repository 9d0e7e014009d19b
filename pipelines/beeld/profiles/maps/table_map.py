"""A map on A3 for the table: the buurten by name with room to write, and the question "Wat valt op?".

No figures: what people see themselves comes first. Names are placed by the rules of the other maps, in a larger size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import shapely
from matplotlib.collections import PathCollection
from matplotlib.patches import Polygon, Rectangle
from shapely.geometry.base import BaseGeometry

from beeld.profiles.language import noted, tr
from beeld.profiles.maps.describe import counted
from beeld.profiles.maps.figures import FLOOR, Buurt, boundary_source, gemeente_name, read_buurten
from beeld.profiles.maps.labels import place_labels
from beeld.profiles.maps.lettering import drawing, shorten, text_width
from beeld.profiles.maps.picture import MapPicture, edition
from beeld.profiles.maps.placement import Placement
from beeld.profiles.maps.shapes import dissolved, simplified
from beeld.profiles.maps.sheet import Legend, Sheet
from beeld.profiles.maps.style import EDGE, EMPTY_FILL, EXAMPLE, INK, PALE, SOFT

A3_WIDTH, A3_HEIGHT = 1190.55, 841.89
"""A3 landscape in points: 420 by 297 mm."""
QUESTION = noted("Wat valt op?")
PROMPTS = (QUESTION, noted("Wat herkent u?"), noted("Wat ziet u anders?"), noted("Wat weten we nog niet?"))
MARGIN, TOP, MAP_WIDTH, MAP_HEIGHT = 34.0, 84.0, 800.0, 640.0
SIDE, SIDE_WIDTH, LINE = 862.0, 294.0, 23.0
SIZES = (12.0, 10.0, 8.5)
MOST_KEYED = 60
"""Names in a key of two columns; more make three columns of smaller letters. Room to write is what remains."""
SMALL = noted("minder dan 200 inwoners: geen score")


def draw_table_map(
    con: duckdb.DuckDBPyConnection, gemeentecode: str, out: Path, *, release_id: str, example: bool, pixels: bool = True
) -> MapPicture | None:
    """`tafel.svg` and, with `pixels`, `tafel.png` (2,480 by 1,753 pixels); None for a gemeente without any boundary."""
    buurten = [buurt for buurt in read_buurten(con, gemeentecode) if buurt.shape is not None]
    if not buurten:
        return None
    name = gemeente_name(con, gemeentecode)
    question, whose = tr(QUESTION), tr("De buurten van {area}", area=name)
    title = f"{question} {whose}"
    told = noted("Kaart op A3 van {area} met {areas}, zonder cijfers, met lijnen om op te schrijven. De vraag is: {question}")
    alt = tr(told, area=name, areas=counted(len(buurten)), question=question)
    source = tr("Bron: {source}", source=boundary_source(con, buurten))
    with drawing():
        sheet = Sheet(A3_HEIGHT, A3_WIDTH, MARGIN)
        sheet.text(MARGIN, 44, question, 26, bold=True)
        sheet.text(MARGIN, 66, shorten(whose, MAP_WIDTH, 14), 14, colour=SOFT)
        key = _map(sheet, buurten)
        bottom = _legend(sheet, buurten, key, example)
        _writing(sheet, bottom)
        sheet.footer([f"{source}. {edition(release_id, example)}"])
        svg, png = sheet.save(out, "tafel", title, (EMPTY_FILL, EDGE, PALE), pixels=pixels)
    return MapPicture("tafel", "table", title, alt, f"{title}. {source[0].lower()}{source[1:]}.", svg, png)


def _map(sheet: Sheet, buurten: Sequence[Buurt]) -> list[tuple[str, str]]:
    """Outlines and names; the key of the names that do not fit."""
    shapes = [buurt.shape for buurt in buurten if buurt.shape is not None]
    bounds = [float(bound) for bound in shapely.total_bounds(shapes)]
    place = Placement.fit(bounds, MARGIN, TOP, MAP_WIDTH, MAP_HEIGHT)
    shapes = simplified(shapes, 0.5 / place.scale)
    fills = [EMPTY_FILL if _small(buurt) else "white" for buurt in buurten]
    sheet.add(
        PathCollection([place.path(shape) for shape in shapes], facecolors=fills, edgecolors=PALE, linewidths=0.7, zorder=1)
    )
    districts: dict[str, list[BaseGeometry]] = {}
    for buurt, shape in zip(buurten, shapes, strict=True):
        districts.setdefault(buurt.district, []).append(shape)
    gap = 1.2 / place.scale
    wholes = [dissolved(parts, gap) for parts in districts.values()]
    for drawn, width in ((wholes, 1.8), ([dissolved(wholes, gap)], 3.2)):
        paths = [place.path(shape) for shape in drawn if not shape.is_empty]
        sheet.add(PathCollection(paths, facecolors="none", edgecolors=SOFT, linewidths=width, zorder=3))
    outlines = [place.outline(b.code, b.name, shape) for b, shape in zip(buurten, shapes, strict=True)]
    frame = (MARGIN - 4, TOP - 4, MARGIN + MAP_WIDTH + 4, TOP + MAP_HEIGHT + 4)
    labels, key = place_labels(outlines, frame, text_width, sizes=SIZES)
    for label in labels:
        for y, line in zip(label.baselines(), label.lines, strict=True):
            sheet.text(label.x, y, line, label.size, bold=label.number, ha="center")
    sheet.compass(MARGIN, TOP + MAP_HEIGHT + 40, 1 / place.scale, MAP_WIDTH * 0.6)
    return key


def _small(buurt: Buurt) -> bool:
    return buurt.people is not None and buurt.people < FLOOR


def _legend(sheet: Sheet, buurten: Sequence[Buurt], key: Sequence[tuple[str, str]], example: bool) -> float:
    """What lines and shades mean, and the names of the numbers; the top of what comes next."""
    small = sum(_small(buurt) for buurt in buurten)
    entries = [("#ffffff", "", tr("buurt")), *([(EMPTY_FILL, "", f"{tr(SMALL)}  ({small})")] if small else [])]
    y = sheet.legend(SIDE, 34, SIDE_WIDTH, Legend((tr(EXAMPLE),) if example else (), tr("Legenda"), (), tuple(entries)))
    for text, width in ((tr("grens van een wijk"), 1.8), (tr("grens van de gemeente"), 3.2)):
        line = Polygon([(SIDE, y), (SIDE + 20, y)], closed=False, fill=False, edgecolor=SOFT, linewidth=width)
        sheet.add(line)
        sheet.text(SIDE + 27, y + 3, text, 9)
        y += 14
    if not key:
        return y + 4
    sheet.text(SIDE, y + 12, tr("Nummers op de kaart"), 9, bold=True)
    columns, size, leading = (2, 7.5, 9.6) if len(key) <= MOST_KEYED else (3, 6.5, 7.5)
    rows = -(-len(key) // columns)
    for index, (number, name) in enumerate(key):
        x, line = SIDE + index // rows * SIDE_WIDTH / columns, y + 25 + index % rows * leading
        sheet.text(x + 12, line, number, size, bold=True, ha="right")
        sheet.text(x + 15, line, shorten(name, SIDE_WIDTH / columns - 18, size), size)
    return y + 31 + rows * leading


def _writing(sheet: Sheet, top: float) -> None:
    """Lines to write on, under as many questions as there is room for."""
    bottom = A3_HEIGHT - 44
    if bottom - top < 2 * LINE:
        return
    prompts = PROMPTS[: max(1, min(len(PROMPTS), int((bottom - top) // (22 + 3 * LINE))))]
    room = (bottom - top) / len(prompts)
    for number, prompt in enumerate(prompts):
        y = top + number * room
        sheet.text(SIDE, y + 15, tr(prompt), 12, bold=True, colour=INK)
        for line in range(int((room - 20) // LINE)):
            sheet.add(Rectangle((SIDE, y + 20 + (line + 1) * LINE - 2), SIDE_WIDTH, 0.6, facecolor=PALE, linewidth=0))
