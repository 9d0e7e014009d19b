"""The notebooks: stored without output, and run on the small example.

Their cells are executed in this process, one after the other in one namespace. A kernel (nbclient, ipykernel) would bring twenty
packages, sockets and a process per notebook, and find no other mistake: no notebook uses a magic command, and a test says so.
"""

import ast
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import matplotlib as mpl
import pandas as pd
import pytest

from .conftest import ROOT

NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
KEYS = {"code": {"cell_type", "execution_count", "id", "metadata", "outputs", "source"}}
KEYS["markdown"] = KEYS["code"] - {"execution_count", "outputs"}
EXAMPLE_GEMEENTE, EXAMPLE_PLACES = "GM9001", re.compile(r"\b(?:BU|WK)90\d+|Voorbeeldstad|Verzinbuurt")


@dataclass(frozen=True)
class Cell:
    """One cell of code: its name and what it holds."""

    id: str
    code: str


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path: Path) -> list[Cell]:
    return [Cell(cell["id"], "".join(cell["source"])) for cell in load(path)["cells"] if cell["cell_type"] == "code"]


def execute(name: str) -> dict[str, Any]:
    """Run every cell of a notebook in the working folder; the names that it leaves."""
    path = ROOT / "notebooks" / name
    space: dict[str, Any] = {}
    for cell in cells(path):
        exec(compile(cell.code, f"{name}:{cell.id}", "exec"), space)  # noqa: S102 - our own notebook
    return space


@pytest.fixture
def workplace(docs_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder beside a home with the small example; nothing is drawn on a screen."""
    folder = tmp_path / "werk"
    folder.mkdir()
    monkeypatch.setenv("BEELD_HOME", str(docs_home))
    monkeypatch.chdir(folder)
    with mpl.rc_context():
        mpl.use("Agg")
        yield folder
        import matplotlib.pyplot as plt

        plt.close("all")


def picture_of(space: dict[str, Any], folder: Path) -> int:
    """How many bytes the figure takes as PNG."""
    target = folder.parent / "figuur.png"
    space["figure"].savefig(target)
    return target.stat().st_size


# ---------------------------------------------------------------- as they are stored


def test_there_is_a_notebook_for_each_kind_of_user() -> None:
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["analist", "beleidsmaker", "eerste_blik", "kennismanager"]
    pages = {"analist": "analist", "beleidsmaker": "beleidsmaker", "eerste_blik": "analist", "kennismanager": "kennismanager"}
    for name, page in pages.items():
        assert f"notebooks/{name}.ipynb" in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_output(path: Path) -> None:
    book = load(path)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert book["metadata"].keys() == {"kernelspec", "language_info"}
    assert book["metadata"]["language_info"] == {"name": "python"}, "a version would change with every machine"
    identities = [cell["id"] for cell in book["cells"]]
    assert len(identities) == len(set(identities))
    for cell in book["cells"]:
        assert cell.keys() == KEYS[cell["cell_type"]], cell["id"]
        assert cell["metadata"] == {}, cell["id"]
        assert not cell.get("outputs"), cell["id"]
        assert cell.get("execution_count") is None, cell["id"]
    assert cells(path)
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_plain_python_without_a_place_on_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.search(r"(?:^|[\s\"'(`])(?:/(?:home|root|work|tmp|opt|Users|srv|var)/|[A-Z]:\\\\|~/)", text)
    assert found is None, found
    for cell in cells(path):
        tree = ast.parse(cell.code)  # a magic command or a shell line is no Python
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        assert [text for text in texts if text.startswith("/")] == [], cell.id


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_never_takes_the_example_for_real(path: Path) -> None:
    """An area of the example stands in the code only where the release says that it is the example."""
    for cell in cells(path):
        assert not EXAMPLE_PLACES.search(cell.code), cell.id
        for line in cell.code.splitlines():
            if EXAMPLE_GEMEENTE in line:
                assert re.search(r"if (?:invented|release\.loc\[0, \"voorbeeld\"\]) else", line), f"{cell.id}: {line}"
    code = "\n".join(cell.code for cell in cells(path))
    assert "voorbeeld" in code, "it must ask the release whether its figures are invented"


def test_checks_on_stored_notebooks_find_what_they_look_for() -> None:
    assert EXAMPLE_PLACES.search("area = 'BU90010102'")
    with pytest.raises(SyntaxError):
        ast.parse("%matplotlib inline")


# ---------------------------------------------------------------- as they run


def test_first_look(workplace: Path) -> None:
    space = execute("eerste_blik.ipynb")
    assert picture_of(space, workplace) > 5_000
    assert list(space["scores"]["gebiedscode"]) == sorted(space["scores"]["gebiedscode"])
    assert os.listdir(workplace) == []


def test_kennismanager_gets_year_source_and_status_with_every_figure(workplace: Path, docs_home: Path) -> None:
    space = execute("kennismanager.ipynb")
    table: pd.DataFrame = space["table"]
    with duckdb.connect(str(docs_home / "current" / "beeld.duckdb"), read_only=True) as con:
        core = con.execute("select indicator from indicator where rol = 'kern' and laatste_jaar is not null").df()
    assert set(table["indicator"]) == set(core["indicator"])
    assert table[["peiljaar", "status", "bron_tabel", "uitgever", "soort"]].notna().all(axis=None)
    assert (table["waarde"].isna() == (table["status"] != "ok")).all()
    assert len(space["unknown"]) == (table["status"] != "ok").sum()
    assert len(space["compared"]) == 3
    words = " ".join(text.get_text() for text in space["figure"].findobj(mpl.text.Text))
    for promised in ("verzonnen", "Bron: ", str(space["compared"]["peiljaar"][0]), space["compared"]["bron_tabel"][0]):
        assert promised in words
    assert picture_of(space, workplace) > 5_000
    assert os.listdir(workplace) == []


def test_policy_maker_gets_a_map_and_files_that_say_the_same(workplace: Path) -> None:
    space = execute("beleidsmaker.ipynb")
    joined: pd.DataFrame = space["joined"]
    layer = gpd.read_file(workplace / "uitvoer" / "buurten.gpkg")
    sheet = pd.read_csv(workplace / "uitvoer" / "buurten.csv")
    assert list(joined["gebiedscode"]) == sorted(set(joined["gebiedscode"]))
    assert joined["ontmoetingsplek"].sum() == 4
    assert layer.crs == "EPSG:28992"
    assert layer.geometry.is_valid.all()
    assert set(layer["gebiedscode"]) <= set(joined["gebiedscode"])
    assert list(sheet["gebiedscode"]) == list(joined["gebiedscode"])
    for frame in (layer.set_index("gebiedscode"), sheet.set_index("gebiedscode")):
        expected = joined.set_index("gebiedscode").loc[frame.index]
        for column in ("peiljaar", "status", "bron_tabel"):
            assert list(frame[column]) == list(expected[column])
        pd.testing.assert_series_equal(frame["waarde"], expected["waarde"])
    assert [space["harmless"](text) for text in ("=1", "-a", "Dorp", 3)] == ["'=1", "'-a", "Dorp", 3]
    assert picture_of(space, workplace) > 5_000


def test_analyst_adds_an_indicator_in_a_copy(workplace: Path, docs_home: Path) -> None:
    declared = (ROOT / "transforms" / "indicatoren.yaml").read_bytes()
    before = sorted(path.relative_to(docs_home) for path in docs_home.rglob("*"))
    space = execute("analist.ipynb")
    figures: pd.DataFrame = space["figures"]
    good = figures[figures["status"] == "ok"]
    assert space["result"].new
    assert len(good) > 100
    assert list(good["waarde"]) == pytest.approx(list(100 * good["teller"] / good["noemer"]))
    assert len(space["checks"]) > 0
    assert space["checks"]["geslaagd"].all()
    assert not Path(space["workshop"].name).exists()
    assert (ROOT / "transforms" / "indicatoren.yaml").read_bytes() == declared
    assert sorted(path.relative_to(docs_home) for path in docs_home.rglob("*")) == before
    assert space["indicator"].encode() not in declared
    assert os.listdir(workplace) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_without_a_release_says_what_to_do(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "leeg" / "werk"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit, match="beeld demo"):
        execute(path.name)
