"""Where things are: the project's declarations, `BEELD_HOME`, base URLs and `beeld.toml`."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from beeld.errors import UsageError

PACKAGE = Path(__file__).parent

SERVICES: Mapping[str, tuple[str, str]] = {
    "cbs": ("BEELD_CBS_URL", "https://opendata.cbs.nl"),
    "derden": ("BEELD_DERDEN_URL", "https://dataderden.cbs.nl"),
    "cbs_v4": ("BEELD_CBS_V4_URL", "https://datasets.cbs.nl"),
    "pdok": ("BEELD_PDOK_URL", "https://api.pdok.nl"),
    "pdok_wfs": ("BEELD_PDOK_WFS_URL", "https://service.pdok.nl"),
}
"""Service name in a source declaration -> environment variable and public address (CONTRACT.md)."""


def project_folder() -> Path:
    """The folder that holds `sources/`, `transforms/` and `warehouse/`: the checkout, else the copy inside the wheel."""
    checkout = PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "transforms" / "indicatoren.yaml").is_file():
        return checkout
    return PACKAGE / "_project"


@dataclass(frozen=True)
class Limits:
    """What one question may take (`[vragen]` in beeld.toml): seconds, megabytes of memory, and how many sessions there may be."""

    seconds: int = 60
    memory_mb: int = 1024
    sessions: int = 8


@dataclass(frozen=True)
class NoticeSettings:
    """How a scheduled run tells somebody that it failed or that a source went stale (`[melding]` in beeld.toml).

    The secret (password of the mail server, key or token of the webhook) is no setting: it comes from the environment only.
    """

    kind: str = "log"
    """log, smtp or webhook."""
    host: str = ""
    port: int = 587
    sender: str = ""
    recipients: tuple[str, ...] = ()
    security: str = "starttls"
    """starttls, tls, or geen."""
    user: str = ""
    """Who logs in at the mail server; empty: nobody."""
    url: str = field(default="", repr=False)
    """Address of the webhook; it may hold a token, so no message shows it."""
    proof: str = "handtekening"
    """What the secret becomes at a webhook: handtekening (HMAC-SHA256 over the body) or bearer."""


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know about its surroundings; values only, nothing is opened here."""

    home: Path
    project: Path
    urls: Mapping[str, str]
    only_sources: frozenset[str] | None = None
    areas: tuple[str, ...] = ()
    year_from: int = 2015
    language: str = "nl"
    formats: tuple[str, ...] | None = None
    """What a refresh makes of each area; None: every format, but of all of the Netherlands the pages only."""
    switched_off: frozenset[str] = frozenset()
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    example: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Addresses of `BEELD_URLS`: service -> base URL, for services that a source declares itself."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Source -> path of a local file that is read instead of its service (`[bestanden]` in beeld.toml)."""
    limits: Limits = Limits()
    cluster: str | None = None
    """Address of the Dask scheduler whose workers render (`BEELD_DASK`); None: this machine does."""
    keep_releases: int = 10
    """How many of the newest releases stay after a publication; 0: all of them."""
    notices: NoticeSettings = NoticeSettings()

    def address(self, service: str, declared: Mapping[str, str]) -> str:
        """The base URL of a service: that of a contract service, else the one in `BEELD_URLS`, else the one declared."""
        return self.urls.get(service) or self.addresses.get(service) or _base_url(service, declared[service])

    @property
    def redirected(self) -> bool:
        """True when a service is redirected to this machine (a mirror, a test): then no host elsewhere is asked for anything."""
        return any(is_loopback(urlsplit(url).hostname or "") for url in self.urls.values())

    @property
    def raw(self) -> Path:
        """The raw archive."""
        return self.home / "ruw"

    @property
    def build(self) -> Path:
        """Scratch space of a run; swept at the start of the next."""
        return self.home / "bouw"

    @property
    def releases(self) -> Path:
        """Published releases."""
        return self.home / "releases"

    @property
    def current(self) -> Path:
        """The pointer to the published release."""
        return self.home / "current"


def load_settings(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Settings from the environment and `beeld.toml` in the working folder or `BEELD_HOME`.

    Raises UsageError for a base URL that is plain http outside loopback, or for a malformed `beeld.toml`.
    """
    env = os.environ if environment is None else environment
    here = folder or Path.cwd()
    home = Path(env.get("BEELD_HOME") or here / "data").expanduser().resolve()
    table = _read_toml(next((p for p in (here / "beeld.toml", home / "beeld.toml") if p.is_file()), None))
    names = env.get("BEELD_SOURCES", "").strip()
    return Settings(
        home=home,
        project=project_folder(),
        urls={name: _base_url(variable, env.get(variable) or url) for name, (variable, url) in SERVICES.items()},
        only_sources=frozenset(part.strip() for part in names.split(",") if part.strip()) if names else None,
        areas=tuple(_strings(table, "gebieden")),
        year_from=_integer(table, "jaar_vanaf", 2015),
        language=str(table.get("taal", "nl")),
        formats=tuple(_strings(table, "formaten")) if "formaten" in table else None,
        switched_off=frozenset(name for name, on in _table(table, "bronnen").items() if on is False),
        texts={code: {k: str(v) for k, v in _table(_table(table, "teksten"), code).items()} for code in _table(table, "teksten")},
        addresses=_addresses(env.get("BEELD_URLS", "")),
        files={name: str(path) for name, path in _table(table, "bestanden").items()},
        limits=_limits(_table(table, "vragen")),
        cluster=_cluster(env.get("BEELD_DASK", "").strip()),
        keep_releases=_keep(table),
        notices=_notices(_table(table, "melding")),
    )


def _addresses(text: str) -> dict[str, str]:
    """`eindhoven=https://..., leefbaarometer=https://...` as a mapping; UsageError for anything else."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, sign, url = part.partition("=")
        if not sign or not name.strip().isidentifier() or name.strip() in SERVICES:
            raise UsageError(
                f"BEELD_URLS holds '{part}'", todo="Write service=address, for services without a variable of their own"
            )
        found[name.strip()] = _base_url(f"BEELD_URLS: {name.strip()}", url.strip())
    return found


def _read_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"beeld.toml cannot be read: {error}", where=str(path), todo="Mend the file and try again") from error


def _table(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"'{key}' must be a table", where="beeld.toml")
    return cast("dict[str, Any]", value)


def _strings(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast("list[Any]", value)):
        raise UsageError(f"'{key}' must be a list of texts", where="beeld.toml")
    return cast("list[str]", value)


def _integer(table: Mapping[str, Any], key: str, default: int) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"'{key}' must be a whole number", where="beeld.toml")
    return value


def _limits(table: Mapping[str, Any]) -> Limits:
    """The limits of questions; UsageError for a key that does not exist or a number that is not positive."""
    standard = Limits()
    wanted = {"seconden": standard.seconds, "geheugen_mb": standard.memory_mb, "sessies": standard.sessions}
    if unknown := sorted(set(table) - set(wanted)):
        raise UsageError(f"'vragen' has no '{unknown[0]}'", where="beeld.toml", todo=f"It has {', '.join(wanted)}")
    numbers = [_integer(table, key, default) for key, default in wanted.items()]
    if min(numbers) < 1:
        raise UsageError("the numbers of 'vragen' must be 1 or more", where="beeld.toml")
    return Limits(*numbers)


def _keep(table: Mapping[str, Any]) -> int:
    number = _integer(table, "bewaar_releases", 10)
    if number < 0:
        raise UsageError("'bewaar_releases' must be 0 (all) or more", where="beeld.toml")
    return number


_NOTICE_KEYS = {
    "log": frozenset[str](),
    "smtp": frozenset({"host", "poort", "van", "aan", "beveiliging", "gebruiker"}),
    "webhook": frozenset({"url", "bewijs"}),
}
_MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")


def _notices(table: Mapping[str, Any]) -> NoticeSettings:
    """How notices go out; UsageError for what does not exist, is missing, or would send a password in the clear."""
    kind = _choice(table, "soort", "log", *_NOTICE_KEYS)
    if unknown := sorted(set(table) - _NOTICE_KEYS[kind] - {"soort"}):
        raise _wrong_notice(f"'{unknown[0]}' is no key of 'melding' with soort = \"{kind}\"")
    if kind == "webhook":
        url = _base_url("'url' of 'melding'", str(table.get("url", ""))) if table.get("url") else ""
        if not url:
            raise _wrong_notice("'url' of 'melding' is missing")
        return NoticeSettings("webhook", url=str(table["url"]), proof=_choice(table, "bewijs", "handtekening", "bearer"))
    return _mail(table) if kind == "smtp" else NoticeSettings()


def _mail(table: Mapping[str, Any]) -> NoticeSettings:
    security = _choice(table, "beveiliging", "starttls", "tls", "geen")
    found = NoticeSettings(
        "smtp",
        host=str(table.get("host", "")),
        port=_integer(table, "poort", {"starttls": 587, "tls": 465, "geen": 25}[security]),
        sender=str(table.get("van", "")),
        recipients=tuple(_strings({"aan": [table["aan"]]} if isinstance(table.get("aan"), str) else table, "aan")),
        security=security,
        user=str(table.get("gebruiker", "")),
    )
    addresses = (found.sender, *found.recipients)
    if not re.fullmatch(r"[\w.:-]+", found.host) or not 0 < found.port < 65536:
        raise _wrong_notice("'host' or 'poort' of 'melding' is missing or is no address of a mail server")
    if not found.recipients or not all(_MAIL_ADDRESS.fullmatch(address) and address.isprintable() for address in addresses):
        raise _wrong_notice("'van' and 'aan' of 'melding' must be e-mail addresses")
    if found.user and security == "geen" and not is_loopback(found.host):
        raise _wrong_notice("a 'gebruiker' of 'melding' with beveiliging = \"geen\" would send the password in the clear")
    return found


def _choice(table: Mapping[str, Any], key: str, *options: str) -> str:
    """One of the options; the first when the key is not there."""
    value = table.get(key, options[0])
    if value not in options:
        raise _wrong_notice(f"'{key}' of 'melding' must be one of {', '.join(dict.fromkeys(options))}")
    return str(value)


def _wrong_notice(what: str) -> UsageError:
    return UsageError(what, where="beeld.toml", todo="docs/commands.md, Settings, shows the keys")


def _base_url(variable: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return url.rstrip("/")
    raise UsageError(
        f"{variable} is '{url}': only https, or plain http on a loopback address",
        todo=f"Set {variable} to an https address",
    )


def _cluster(address: str) -> str | None:
    """The address of a Dask scheduler, None for an empty text; UsageError unless it is tcp or tls, host and port."""
    if not address:
        return None
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    plain = parts.scheme in ("tcp", "tls") and parts.hostname and port and "@" not in parts.netloc
    if not plain or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"BEELD_DASK is '{address}'", todo="Write tcp://host:port or tls://host:port of a Dask scheduler")
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """True for `localhost` and addresses of this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps its state: the checkout, which has a `dagster.yaml`; else a folder in the home, with a copy of it."""
    if (settings.project / "dagster.yaml").is_file() and settings.project != PACKAGE / "_project":
        return settings.project
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.project / "dagster.yaml", folder / "dagster.yaml")
    return folder
