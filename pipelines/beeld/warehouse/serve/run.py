"""`beeld serve` from start to stop."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from beeld.errors import BeeldError, UsageError
from beeld.settings import Settings, is_loopback
from beeld.warehouse.read import current_release
from beeld.warehouse.serve.pool import Pool
from beeld.warehouse.serve.site import CurrentSite, SiteServer
from beeld.warehouse.serve.sql import Front, SqlServer
from beeld.warehouse.serve.tokens import OneToken, TokenFile, Tokens
from beeld.warehouse.serve.web import Server

TIDY_SECONDS = 0.5
LAST_STATEMENTS_SECONDS = 3.0


@dataclass(frozen=True)
class Places:
    """Where to listen; `site` None: no site; port 0: a free one."""

    host: str
    site: int | None
    sql: int


def token_file(settings: Settings) -> Path:
    """Where the users stand."""
    return settings.home / "tokens.toml"


def tokens_for(settings: Settings, host: str) -> tuple[Tokens, str | None]:
    """The users of this server, and the token that was made up for this run if there is no file of users.

    UsageError off this machine, or without a terminal to show that token on (it would end up in a log).
    """
    path = token_file(settings)
    if path.exists():
        tokens = TokenFile(path)
        tokens.users()
        return tokens, None
    if not is_loopback(host):
        raise UsageError(
            f"nobody has a token yet, so this listens to this machine only and not on {host}",
            todo="Run 'beeld serve --new-token NAME' for every user",
        )
    if not sys.stdout.isatty():
        raise UsageError("nobody has a token yet", where=str(path), todo="Run 'beeld serve --new-token NAME'")
    token = secrets.token_urlsafe(32)
    return OneToken(token), token


def serve(settings: Settings, places: Places, tell: Callable[[str], None], say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `tell` gets the addresses (data), `say` what happens (messages).

    Raises UsageError without a release, without the right tokens, or when a port cannot be had.
    """
    stop = threading.Event()

    def ask_to_stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)

    def current() -> Path:
        return current_release(settings)

    current()
    host = places.host
    tokens, made_up = tokens_for(settings, host)
    with ExitStack() as cleanup:
        pool = Pool(current, settings.limits)
        cleanup.callback(pool.close)
        front = Front(pool, tokens, settings.limits, say)
        servers: list[Server] = [opened(lambda: SqlServer((host, places.sql), front), host, places.sql, "--sql-port")]
        cleanup.callback(servers[0].server_close)
        if places.site is not None:
            port, site = places.site, CurrentSite(current)
            servers.append(opened(lambda: SiteServer((host, port), site, say), host, port, "--port"))
            cleanup.callback(servers[1].server_close)
            tell(f"http://{shown(host)}:{servers[1].server_address[1]}/")
        tell(attach_line(host, int(servers[0].server_address[1]), made_up))
        if not is_loopback(host):
            say("this server speaks plain HTTP: put a reverse proxy with TLS before it")
        threading.Thread(target=keep_tidy, args=(pool, tokens, stop, say), daemon=True).start()
        run(servers, pool, stop)
    say("stopped")


def opened(make: Callable[[], Server], host: str, port: int, option: str) -> Server:
    """A server that listens; UsageError when it cannot."""
    try:
        return make()
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            where=option,
            todo="Choose another one",
        ) from error


def run(servers: list[Server], pool: Pool, stop: threading.Event) -> None:
    """Answer until `stop`; statements that are running then get a few seconds to end."""
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    stop.wait()
    for server in servers:
        server.shutdown()
    until = time.monotonic() + LAST_STATEMENTS_SECONDS
    while pool.count()[1] and time.monotonic() < until:
        time.sleep(0.05)


def keep_tidy(pool: Pool, tokens: Tokens, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Twice a second: the users, the release and the sessions. What is wrong is said once, until it is something else."""
    said = ""
    while not stop.is_set():
        try:
            pool.tidy(tokens.users())
            wrong = ""
        except BeeldError as error:
            wrong = error.message
            if isinstance(error, UsageError):
                pool.end_all()
        if wrong and wrong != said:
            say(wrong)
        said = wrong
        stop.wait(TIDY_SECONDS)


def shown(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def attach_line(host: str, port: int, token: str | None) -> str:
    """What to type in a DuckDB client on this machine."""
    return f"attach 'quack:{shown(host)}:{port}' as beeld (token '{token or 'YOUR TOKEN'}')"
