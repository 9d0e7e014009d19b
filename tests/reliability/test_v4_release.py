"""A table that is declared in its v4 form gives the release that its v3 form gives, and its figures lead back to observations."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from beeld.refresh import Options, refresh
from tests.loopback import LoopbackServer
from tests.loopback.odata_v4_convert import convert
from tests.reliability.worlds import TABLES, CommandLine, World, complete, example_settings

FIGURES = (
    "select gebiedscode, indicator, peiljaar, indeling_jaar, waarde, status, teller, noemer, ondergrens, bovengrens, voorlopig, "
    "betrouwbaar, bron_tabel from waarde order by gebiedscode, indicator, peiljaar"
)
"""Everything but what names the column or the kind of missing, which the two forms say in their own words."""
NAME = "50090NED"


@pytest.fixture
def v4_project(example_project_folder: Path, tmp_path: Path) -> Path:
    """The declarations of the example, with 50090NED read from the v4 host."""
    project = tmp_path / "project"
    shutil.copytree(example_project_folder, project)
    path = project / "sources" / "rivm_gezondheid.yaml"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(rf"( +)(- )?tabel: {NAME}\n", r"\g<0>\1  protocol: odata_v4\n\1  dienst: cbs_v4\n", text)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    return project


def test_the_same_figures(
    example_project_folder: Path, v4_project: Path, example_data: Path, tmp_path: Path, beeld: CommandLine
) -> None:
    data = tmp_path / "bronnen"
    data.mkdir()
    for name in ("odata_v3", "geo"):
        (data / name).symlink_to(example_data / name)
    convert(example_data / "odata_v3" / "dataderden.cbs.nl" / NAME, data / "odata_v4" / NAME)
    with LoopbackServer(data) as server:
        v3 = released(server, example_project_folder, tmp_path / "v3")
        v4 = released(server, v4_project, tmp_path / "v4")
        assert len(v3.query(FIGURES)) > 1000
        assert v4.query(FIGURES) == v3.query(FIGURES)
        assert v4.query(f"select status, rijen from bron where tabel = '{NAME}'")[0][0] == "actueel"
        ending = beeld(v4.settings, "trace", "BU90010102", "aandeel_eenzaam", "2020", "--json")
    assert ending.code == 0
    traced = json.loads(ending.out)
    (cell,) = traced["bronnen"]
    assert (cell["tabel"], cell["rijsleutel"]["WijkenEnBuurten"]) == (NAME, "BU90010102")
    assert cell["ruwe_tekst"] == f"{traced['waarde']:.15g}"


def released(server: LoopbackServer, project: Path, home: Path) -> World:
    """A home with a release of the sources that the small example delivers."""
    settings = example_settings(project, server.environment, home)
    settings = replace(settings, only_sources=frozenset(TABLES.values()))
    result = refresh(settings, Options(render=False))
    assert [warning for warning in result.warnings if NAME in warning] == []
    complete(settings)
    return World(server, settings)
