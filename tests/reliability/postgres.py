"""A PostgreSQL of our own: a new cluster on a temporary folder and a loopback port, run by an unprivileged user."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

DATABASE = "beeld"
USER = "beheer"


@dataclass(frozen=True)
class Postgres:
    """A cluster that runs: where, and the password that only the environment knows."""

    port: int
    password: str = field(repr=False)

    def target(self, data: Path) -> str:
        """The lake in a database of this cluster."""
        return f"ducklake:postgres:dbname={DATABASE} host=127.0.0.1 port={self.port} user={USER} data_path='{data}'"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl: Debian keeps them off the path."""
    places = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@contextmanager
def running_postgres(bin_folder: Path) -> Iterator[Postgres]:
    """Make a cluster with a password, start it, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="beeld-pg-"))
    password = secrets.token_hex(16)
    secret = folder / "password"
    secret.write_text(password, encoding="ascii")
    who: dict[str, object] = {}
    if os.geteuid() == 0:
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
        for path in (folder, secret):
            shutil.chown(path, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *words: str) -> None:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGPASSWORD": password}
        done = subprocess.run(  # type: ignore[call-overload]
            [str(bin_folder / program), *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=120, **who,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr.decode()[-500:]}"

    cluster = str(folder / "cluster")
    try:
        run("initdb", "-D", cluster, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", cluster, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE)
            yield Postgres(port, password)
        finally:
            run("pg_ctl", "-D", cluster, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
