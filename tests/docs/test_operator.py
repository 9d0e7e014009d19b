"""The page for operators and `deploy/`: exit codes, backup and restore as written, units for systemd, a container file."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from beeld import errors
from beeld.cli import app
from beeld.refresh import Options, refresh
from beeld.sources.example import EXAMPLE_AREA
from beeld.warehouse.inspect import inspect_release
from tests.needed import absent

from .conftest import ROOT, settings_for

DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in (".service", ".timer"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
BLOCK = re.compile(r"(?ms)^<!-- operator: (\w+) -->\n```sh\n(.*?)^```\n<!-- /operator -->$")
HOME, BACKUP, PROGRAM = "/var/lib/beeld", "/srv/backup/beeld.tar", "/opt/beeld/bin/beeld"
REGISTRIES = re.compile(r"^[^/]+[.:][^/]*/|^localhost/")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    match = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text)
    assert match, title
    return match[1]


# ---------------------------------------------------------------- the page


def test_every_exit_code_has_something_to_do() -> None:
    rows = dict(re.findall(r"(?m)^\| (\d+) \| (.+) \|$", section(page("operator.md"), "When a command fails")))
    reference = re.findall(r"(?m)^\| (\d+) \|", section(page("commands.md"), "Exit codes"))
    raised = {kind.exit_code for kind in (errors.BeeldError, *errors.BeeldError.__subclasses__())}
    assert [int(code) for code in rows] == [int(code) for code in reference]
    assert {int(code) for code in rows} == raised | {0, 1, 130}
    assert len(set(rows.values())) == len(rows)
    assert [code for code, todo in rows.items() if len(todo.split()) < 5] == []


def test_page_names_every_file_of_deploy_and_no_other() -> None:
    named = set(re.findall(r"deploy/([\w.-]*\w)", page("operator.md").replace("deploy/beeld*.service", "")))
    assert named == {path.name for path in DEPLOY.iterdir()}


def test_backup_and_restore_as_written(docs_home: Path, tmp_path: Path) -> None:
    blocks = dict(BLOCK.findall(page("operator.md")))
    assert blocks.keys() == {"backup", "restore"}
    home, other, archive = tmp_path / "home", tmp_path / "restored", tmp_path / "beeld.tar"
    shutil.copytree(docs_home, home, symlinks=True)
    (home / "tokens.toml").write_text("", encoding="utf-8")
    (home / "tokens.toml").chmod(0o600)
    (home / "weergave").mkdir()
    run(blocks["backup"].replace(HOME, str(home)).replace(BACKUP, str(archive)))
    lines = blocks["restore"].replace(HOME, str(other)).replace(BACKUP, str(archive)).splitlines()
    assert lines.pop().endswith(" beeld check")
    run("\n".join(lines))

    assert {path.name for path in home.iterdir()} - {path.name for path in other.iterdir()} == {"bouw", "weergave", ".slot"}
    assert (other / "tokens.toml").stat().st_mode & 0o777 == 0o600
    now = (other / "current").resolve()
    assert now.parent == other / "releases"
    assert [row for row in inspect_release(now, ROOT) if not row["geslaagd"] and row["ernst"] == "fout"] == []
    result = refresh(settings_for(other, ROOT), Options((EXAMPLE_AREA,), offline=True, render=False))
    assert (result.new, result.release) == (False, now.name)


def test_backup_waits_for_a_refresh(docs_home: Path) -> None:
    """The lock of the page is the lock of the program."""
    from beeld.warehouse.release import exclusive

    settings = settings_for(docs_home, ROOT)
    taken = ["flock", "--nonblock", str(docs_home / ".slot"), "true"]
    assert subprocess.run(taken).returncode == 0
    with exclusive(settings, "a test"):
        assert subprocess.run(taken).returncode == 1


def run(lines: str) -> None:
    done = subprocess.run(["bash", "-euc", lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- systemd


def unit(name: str) -> configparser.RawConfigParser:
    """A unit as sections and keys; of a key that is repeated the last, which is enough for what is asked here."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("name", SERVICES)
def test_service_starts_a_command_that_exists(name: str) -> None:
    program, command, *rest = shlex.split(unit(name)["Service"]["ExecStart"])
    group = typer.main.get_command(app)
    assert program == PROGRAM
    assert command in group.commands  # type: ignore[attr-defined]
    assert rest == []
    assert f"Environment=BEELD_HOME={HOME}\n" in (DEPLOY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SERVICES)
def test_service_may_do_little(name: str) -> None:
    service = unit(name)["Service"]
    assert service["User"] == "beeld"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictNamespaces", "RestrictSUIDSGID"):
        assert service[key] == "yes", key
    writes = {key for key in service if key in ("StateDirectory", "CacheDirectory", "ReadWritePaths")}
    assert writes == ({"StateDirectory", "CacheDirectory"} if name == "beeld-refresh.service" else set())


def test_exit_codes_of_the_units_are_those_of_the_program() -> None:
    assert int(unit("beeld-refresh.service")["Service"]["SuccessExitStatus"]) == errors.Busy.exit_code
    assert int(unit("beeld.service")["Service"]["RestartPreventExitStatus"]) == errors.UsageError.exit_code


def test_timer_has_a_service() -> None:
    assert [name for name in UNITS if name.endswith(".timer") and name.replace(".timer", ".service") not in SERVICES] == []


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    files = [str(path) for path in sorted(folder.iterdir())]
    return subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=60)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        absent("systemd-analyze", "systemd")
    for name in UNITS:
        text = (DEPLOY / name).read_text(encoding="utf-8").replace(PROGRAM, sys.executable)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = verify(tmp_path)
    ours = [line for line in done.stderr.splitlines() if "beeld" in line]
    assert (done.returncode, ours) == (0, [])
    broken = tmp_path / "beeld.service"
    broken.write_text(broken.read_text(encoding="utf-8").replace("ProtectHome=yes", "ProtectHoem=yes"), encoding="utf-8")
    assert "ProtectHoem" in verify(tmp_path).stderr


# ---------------------------------------------------------------- the container file


@dataclass(frozen=True)
class Instruction:
    """One instruction of a container file: its word in capitals and the rest on one line."""

    word: str
    rest: str


KNOWN = {"FROM", "ARG", "COPY", "RUN", "ENV", "WORKDIR", "VOLUME", "USER", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


def instructions(text: str) -> list[Instruction]:
    """The instructions of a container file, continued lines joined; AssertionError for a word that does not exist."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    found = [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]
    assert [one.word for one in found if one.word not in KNOWN] == []
    return found


def test_container_file() -> None:
    made = instructions((DEPLOY / "Containerfile").read_text(encoding="utf-8"))
    bases = [one.rest.split() for one in made if one.word == "FROM"]
    assert made[0].word == "FROM"
    assert [base[0] for base in bases if REGISTRIES.search(base[0])] == []
    stages = {base[2] for base in bases if len(base) == 3}
    last = made[max(n for n, one in enumerate(made) if one.word == "FROM") :]
    assert {m[1] for one in last if (m := re.search(r"--from=(\w+)", one.rest))} == stages
    for one in (one for one in made if one.word == "RUN"):
        assert subprocess.run(["sh", "-n", "-c", one.rest]).returncode == 0, one.rest
        assert "pip install" not in one.rest or "--require-hashes" in one.rest or "--no-index" in one.rest
    for one in (one for one in made if one.word == "COPY" and "--from" not in one.rest):
        for source in one.rest.split()[:-1]:
            assert (ROOT / source).exists() or source == "dist/*.whl"
    for one in (one for one in made if one.word == "ARG"):
        assert (ROOT / one.rest.partition("=")[2]).exists()
    values = {one.word: one.rest for one in last}
    assert values["USER"] not in ("0", "root")
    (entry,), (command, *options) = json.loads(values["ENTRYPOINT"]), json.loads(values["CMD"])
    group = typer.main.get_command(app)
    assert entry == "beeld"
    known = {option for parameter in group.commands[command].params for option in parameter.opts}  # type: ignore[attr-defined]
    assert {word for word in options if word.startswith("--")} <= known
    environment = dict(part.split("=", 1) for part in shlex.split(values["ENV"]))
    assert [environment["BEELD_HOME"]] == json.loads(values["VOLUME"])


def test_reader_of_container_files_refuses_what_does_not_exist() -> None:
    with pytest.raises(AssertionError):
        instructions("FROM python\nCPOY a b\n")
    assert REGISTRIES.search("registry.example/python")
    assert not REGISTRIES.search("python:3.13-slim")
