"""Who may ask: `tokens.toml` in the home holds a name and the hash of a token per user; the token itself stands nowhere.

    [gebruikers]
    anna = "sha256:…"

A token is 256 random bits, so that its plain hash tells nothing; a word that somebody made up does not belong here.
The file is read again when it has changed: a new user may connect at once, and who is gone loses the session within a second.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from beeld.errors import UsageError

USER = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
HASH = re.compile(r"sha256:[0-9a-f]{64}")
HEAD = "# Made by 'beeld serve --new-token NAME'. Only hashes stand here; whoever lost a token gets a new one.\n[gebruikers]\n"


class Tokens(Protocol):
    """Tells the user of a token."""

    def users(self) -> Mapping[str, str]:
        """Name to hash, as it is now; UsageError when the file may not be used."""
        ...


@dataclass(frozen=True)
class OneToken:
    """The token of one run, for the user of this machine, kept in memory."""

    token: str = field(repr=False)

    def users(self) -> Mapping[str, str]:
        """The only user."""
        return {"lokaal": hash_of(self.token)}


@dataclass
class TokenFile:
    """The users of a file, read again when the file is another than last time."""

    path: Path
    _seen: tuple[int, ...] = ()
    _users: Mapping[str, str] = field(default_factory=dict[str, str])

    def users(self) -> Mapping[str, str]:
        """Name to hash, as it is now; UsageError when others can read the file, or when it says something else."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", where=str(self.path)) from error
        seen = (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode, found.st_uid)
        if seen != self._seen:
            self._users = read_users(self.path, found)
            self._seen = seen
        return self._users


def user_of(token: str, users: Mapping[str, str]) -> str | None:
    """The user whose token this is. Every hash is compared, so that the time tells nothing."""
    given, user = hash_of(token), None
    for name, known in users.items():
        if hmac.compare_digest(given, known):
            user = name
    return user


def hash_of(token: str) -> str:
    """The form in which a token is kept."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'surrogatepass')).hexdigest()}"


def read_users(path: Path, found: os.stat_result) -> dict[str, str]:
    """Name to hash; UsageError when the file is open to others or has another shape. No line of it is repeated."""
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid != os.geteuid():
        raise UsageError(
            "others than you can read or change this file", where=str(path), todo=f"Run: chmod 600 {path} (and own it)"
        )
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError("cannot be read as TOML", where=str(path), todo="Mend it, or remove it and make new tokens") from error
    users = table.get("gebruikers")
    if set(table) != {"gebruikers"} or not isinstance(users, dict) or not users:
        raise UsageError("holds something else than [gebruikers]", where=str(path), todo="See docs/operator.md")
    for name, value in cast("dict[str, object]", users).items():
        if not USER.fullmatch(name) or not isinstance(value, str) or not HASH.fullmatch(value):
            raise UsageError(
                'a user is not of the form name = "sha256:..."', where=str(path), todo="Run 'beeld serve --new-token NAME'"
            )
    return cast("dict[str, str]", users)


def new_token(path: Path, user: str) -> str:
    """A new token of a user, whose old one ends with it; written as a hash, in one step. Returned once, kept nowhere."""
    if not USER.fullmatch(user):
        raise UsageError("a user's name has small letters, digits, '.', '_' or '-'", where="--new-token")
    users = read_users(path, path.stat()) if path.exists() else {}
    token = secrets.token_urlsafe(32)
    lines = [f'{json_key(name)} = "{value}"\n' for name, value in sorted({**users, user: hash_of(token)}.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(HEAD + "".join(lines))
        file.flush()
        os.fsync(handle)
    os.replace(temporary, path)
    return token


def json_key(name: str) -> str:
    """A key of TOML in quotes: a name may hold a dot. USER leaves no other character that means anything."""
    return f'"{name}"'
