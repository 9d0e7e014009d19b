"""The documentation as text, and two releases to hold it against: the small example, and the same after both recipes."""

import gzip
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from beeld.refresh import Options, refresh
from beeld.settings import Settings, load_settings
from beeld.sources.example import EXAMPLE_AREA
from beeld.sources.example.generate import generate
from beeld.sources.example.transport import ExampleTransport

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = Path(__file__).parent / "samples"
SAMPLE_HOST = "opendata.cbs.nl"
BUURTEN = 150
RECIPE = re.compile(
    r"^<!-- recipe: (?P<kind>indicator|source)(?: (?P<path>\S+))? -->\n```yaml\n(?P<text>.*?)^```\n<!-- /recipe -->$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Recipe:
    """One block of CONTRIBUTING.md that a reader copies: where it goes, and its text."""

    kind: str
    path: str
    text: str


def recipes() -> list[Recipe]:
    """The marked blocks of CONTRIBUTING.md, in order."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [Recipe(m["kind"], m["path"] or "transforms/indicatoren.yaml", m["text"]) for m in RECIPE.finditer(text)]


@pytest.fixture(scope="session")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small example as the sources would deliver it."""
    folder = tmp_path_factory.mktemp("land")
    generate(folder, buurten=BUURTEN)
    return folder


def settings_for(home: Path, project: Path) -> Settings:
    """Settings that know nothing of the surroundings."""
    bare = load_settings({"BEELD_HOME": str(home)}, folder=home.parent)
    return Settings(home=bare.home, project=project, urls=bare.urls, example=True)


@pytest.fixture(scope="session")
def docs_home(country: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a release of the small example, without pages; read only."""
    home = tmp_path_factory.mktemp("voorbeeld") / "data"
    result = refresh(settings_for(home, ROOT), Options((EXAMPLE_AREA,), render=False), transport=ExampleTransport(country))
    assert result.new
    return home


@pytest.fixture(scope="session")
def recipe_release(country: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release, with pages, after following both recipes in a copy of the declarations."""
    project = tmp_path_factory.mktemp("recepten")
    for folder in ("sources", "transforms", "warehouse"):
        shutil.copytree(ROOT / folder, project / folder)
    for recipe in recipes():
        with (project / recipe.path).open("x" if recipe.kind == "source" else "a", encoding="utf-8") as file:
            file.write(("\n" if recipe.kind == "indicator" else "") + recipe.text)
    data = tmp_path_factory.mktemp("levering")
    shutil.copytree(country, data, dirs_exist_ok=True)
    for sample in SAMPLES.iterdir():
        serve(sample, data / "odata_v3" / SAMPLE_HOST / sample.name)
    settings = settings_for(tmp_path_factory.mktemp("recept") / "data", project)
    result = refresh(settings, Options((EXAMPLE_AREA,)), transport=ExampleTransport(data))
    assert result.new
    assert result.warnings == ()
    return result.folder


def serve(sample: Path, folder: Path) -> None:
    """Put a recorded sample where the transport finds it."""
    folder.mkdir(parents=True)
    for path in sample.glob("*.json"):
        body = path.read_bytes()
        assert isinstance(json.loads(body)["value"], list)
        (folder / f"{path.name}.gz").write_bytes(gzip.compress(body, mtime=0))
