"""The surroundings in which one archive is built into a release, and a build in one of them."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from ast import literal_eval
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import duckdb
import pytest

from beeld.warehouse import release
from tests.needed import absent

ROOT = Path(__file__).parents[2]
ALTERED = Path(__file__).parent / "altered"
WIJK = "WK900101"
NOBODY = 65534
WHEEL = "uitgepakt"


@dataclass(frozen=True)
class Surroundings:
    """What differs while a release is built.

    `needs`: programs and files without which it cannot be tried, with the Debian package of each. `proof`: a Python expression
    that holds in these surroundings and not in the usual ones, given `os`, `time`, `locale`, `duckdb`, `beeld` and `now`, the
    real clock in seconds.
    """

    proof: str = "True"
    folder: str = "gewoon"
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    umask: int = 0o022
    through: Sequence[str] = ()
    """What the command is started by."""
    needs: Mapping[str, str] = field(default_factory=dict[str, str])
    other_user: bool = False
    fresh: bool = False
    """Nothing kept by an earlier run: no compiled Python, no list of fonts."""
    wheel: bool = False
    """The package as it is installed from a wheel, not the checkout."""

    def want(self) -> None:
        """Skip the test where the machine lacks something; fail it in CI, which has root and every program."""
        if self.other_user and os.geteuid() != 0:
            pytest.skip("only root can become another user")
        for name, package in self.needs.items():
            if shutil.which(name) is None and not Path(name).exists():
                absent(name, package)


def cores(number: int) -> dict[str, str]:
    """Variables of a machine that seems to have so many cores."""
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    return {"ALTERED_THREADS": str(number), **dict.fromkeys(libraries, str(number))}


def threads(number: int) -> Surroundings:
    """A machine that seems to have so many cores."""
    asked = "int(duckdb.connect().sql(\"select current_setting('threads')\").fetchone()[0])"
    return Surroundings(f"{asked} == os.cpu_count() == {number}", variables=cores(number))


def clock(days: int) -> Surroundings:
    """A clock that is so many days off."""
    return Surroundings(
        f"abs(time.time() - now - {days} * 86400) < 3600",
        through=("faketime", "-f", f"{days:+d}d"),
        needs={"faketime": "faketime"},
        variables={"FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    )


BECOME_NOBODY = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    # the checkout and what pytest made may be closed to other users; writing there is not given
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)
HERE = Surroundings(variables={"TZ": "Europe/Amsterdam", "PYTHONHASHSEED": "0", "LC_ALL": "C"})
ELSEWHERE = Surroundings(
    folder="a folder/far away, é",
    variables={
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "4242",
        "LC_ALL": "C.UTF-8",
        "ALTERED_ORDER": "reversed",
        **cores(8),
    },
    umask=0o077,
)
TURNED = "len(os.listdir('/')) > 1 and os.listdir('/') == sorted(os.listdir('/'), reverse=True)"
VARIANTS = {
    "another folder": Surroundings("'ver weg' in os.getcwd()", folder="een map/ver weg, é & 'zo'"),
    "another user, who lets nobody in": Surroundings(
        f"os.getuid() == {NOBODY} and os.umask(0) == 0o077",
        through=BECOME_NOBODY,
        needs={"setpriv": "util-linux"},
        umask=0o077,
        other_user=True,
    ),
    "UTC, in Dutch": Surroundings(
        "time.localtime().tm_gmtoff == 0 and locale.setlocale(locale.LC_ALL, '') and locale.localeconv()['decimal_point'] == ','",
        variables={"TZ": "UTC", "LC_ALL": "nl_NL.UTF-8"},
        needs={"localedef": "libc-bin", "/usr/share/i18n/locales/nl_NL": "locales"},
    ),
    "Kiritimati, another hash seed": Surroundings(
        "time.localtime().tm_gmtoff == 14 * 3600 and os.environ['PYTHONHASHSEED'] == '4242'",
        variables={"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4242"},
    ),
    "one thread": threads(1),
    "two threads": threads(2),
    "eight threads": threads(8),
    "400 days ago": clock(-400),
    "400 days ahead": clock(400),
    "files in another order": Surroundings(TURNED, variables={"ALTERED_ORDER": "reversed"}),
    "nothing cached": Surroundings("os.listdir(os.environ.get('MPLCONFIGDIR', '/')) == []", fresh=True),
    "from a wheel": Surroundings(f"{WHEEL!r} in beeld.__file__", wheel=True),
}


@dataclass(frozen=True)
class Built:
    """A home with one release."""

    home: Path

    @cached_property
    def folder(self) -> Path:
        """The release."""
        return (self.home / "current").resolve()

    @cached_property
    def files(self) -> list[str]:
        """Names of its files."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    @cached_property
    def manifest(self) -> dict[str, object]:
        """What the release says of itself, without the database: its bytes depend on the order in which threads wrote."""
        manifest = release.read_manifest(self.folder)
        files = {name: entry for name, entry in manifest["bestanden"].items() if not name.endswith(".duckdb")}
        return {**manifest, "bestanden": files}

    @cached_property
    def tables(self) -> dict[str, str]:
        """Table of the database -> one hash over all its rows, whatever their order."""
        names = sorted(path.stem for path in (self.folder / "parquet").glob("*.parquet"))
        with duckdb.connect(str(self.folder / f"{self.folder.name}.duckdb"), read_only=True) as con:
            return {name: _digest(con, name) for name in names}

    def differs_from(self, other: "Built") -> list[str]:
        """Names of the files that both have with other bytes; not the database and the manifest."""
        names = [name for name in self.files if not name.endswith(".duckdb") and name != release.MANIFEST]
        return [name for name in names if (self.folder / name).read_bytes() != (other.folder / name).read_bytes()]


def _digest(con: duckdb.DuckDBPyConnection, table: str) -> str:
    found = con.execute(
        f"select md5(string_agg(hash, '' order by hash)) from (select md5(t::varchar) as hash from {table} as t)"
    ).fetchone()
    return str(found[0] if found else None)


@contextmanager
def place(around: Surroundings, usual: Path) -> Generator[Path]:
    """An empty folder for a build: `usual`, but one that is open to all for another user, who may not be where pytest's are."""
    if not around.other_user:
        yield usual
        return
    with tempfile.TemporaryDirectory(prefix="beeld-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - the point of it
        yield Path(folder)


def build(root: Path, archive: Path, project: Path, around: Surroundings) -> Built:
    """Build a release offline out of a copy of an archive, with pages of a wijk in every format, in a process of its own.

    `root`: an empty folder. AssertionError with what the command said when it fails.
    """
    home = root / around.folder / "data"
    shutil.copytree(archive, home / "ruw", symlinks=True)
    script = ROOT / "tests" / "reliability" / "small_beeld.py"
    run(root, around, [str(script), str(project), "refresh", "--offline", "--area", WIJK], BEELD_HOME=str(home))
    return Built(home)


def proven(root: Path, around: Surroundings, proofs: Sequence[str]) -> list[bool]:
    """Which of the proofs hold in these surroundings; `root` is an empty folder."""
    code = (
        f"import os, time, locale, duckdb, beeld; now = {time.time()}; print([bool(eval(proof)) for proof in {list(proofs)!r}])"
    )
    return literal_eval(run(root, around, ["-c", code]))


def run(root: Path, around: Surroundings, arguments: Sequence[str], **more: str) -> str:
    """What Python prints with these arguments in these surroundings; AssertionError with what it said when it fails."""
    place = root / around.folder
    place.mkdir(parents=True, exist_ok=True)
    variables = dict(around.variables)
    if around.fresh or around.other_user:
        variables |= {
            name: tempfile.mkdtemp(dir=root) for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "PYTHONPYCACHEPREFIX")
        }
    if variables.get("LC_ALL") == "nl_NL.UTF-8":
        variables["LOCPATH"] = dutch(root)
    package = unpacked_wheel(root) if around.wheel else ROOT / "pipelines"
    if around.other_user:
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    ended = subprocess.run(
        [*around.through, sys.executable, *arguments],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("BEELD_", "LC_", "LANG"))},
            "PYTHONPATH": os.pathsep.join(str(path) for path in (package, ALTERED, ROOT)),
            **variables,
            **more,
        },
        cwd=place,
        umask=around.umask,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def dutch(root: Path) -> str:
    """A folder with the Dutch locale, made for the occasion: a machine seldom has it."""
    folder = root / "talen"
    folder.mkdir()
    subprocess.run(["localedef", "-i", "nl_NL", "-f", "UTF-8", folder / "nl_NL.UTF-8"], check=True, capture_output=True)
    return str(folder)


def unpacked_wheel(root: Path) -> Path:
    """The package as a wheel lays it down, made of this checkout."""
    source = root / "bron"
    kept = shutil.ignore_patterns(
        ".git", ".venv", "dist", "build", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "node_modules"
    )
    shutil.copytree(ROOT, source, ignore=kept)
    made = root / "wheels"
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", made, source], check=True, capture_output=True
    )
    place = root / WHEEL
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", place, *made.glob("*.whl")],
        check=True,
        capture_output=True,
    )
    return place
