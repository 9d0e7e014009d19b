"""One HTTP client for every source: bounded, patient, and deaf to what is not an answer.

Policy from facts/CBS.md section 1.8 and RELIABILITY.md section F: connect 10 s, read 120 s, IPv4, at most two requests at a time
to one host, five tries with exponential backoff, Retry-After honoured up to 120 s, no redirect to another origin, at most 512 MiB
and ten minutes per reply.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urljoin, urlsplit

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from beeld.errors import BeeldError, SourceChanged, SourceUnreachable
from beeld.settings import is_loopback
from beeld.sources.packed import CutOff, pack, unpacked
from beeld.sources.polite import Polite

Transport = httpx.BaseTransport
"""What stands between a client and the network; the embedded example brings its own."""

MAX_BYTES = 512 * 1024 * 1024
MAX_SECONDS = 600.0
TRIES = 5
BACKOFF = (1.0, 2.0, 4.0, 8.0)
RETRY_AFTER_CAP = 120.0


class NotFound(BeeldError):
    """The source answers 404: the thing asked for does not exist there."""

    exit_code = 3


class Rejected(BeeldError):
    """The source answers another 4xx: it does not accept the question."""

    exit_code = 3


class _TryAgain(Exception):
    """A failure that may pass: carries what to say when it does not, and how long the source asked to wait."""

    def __init__(self, error: BeeldError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass(frozen=True)
class Reply:
    """One complete reply: the body as received (after transfer decoding) and what the reader needs of its head."""

    url: str
    body: bytes
    content_crs: str = ""
    content_type: str = ""


class OnlyHere(httpx.BaseTransport):
    """A transport that asks nobody but this machine: with the sources redirected to a mirror here, nothing else is asked."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The reply; NotFound, without asking, for an address elsewhere."""
        if not is_loopback(request.url.host):
            raise NotFound("is not asked, because the sources are redirected to this machine", where=request.url.host)
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the transport behind it."""
        self._inner.close()


def open_client(transport: httpx.BaseTransport | None = None, *, only_here: bool = False) -> httpx.Client:
    """A client with this project's limits; `transport` replaces the network (embedded example)."""
    way = Polite(transport or httpx.HTTPTransport(local_address="0.0.0.0"))  # noqa: S104 - IPv4 only, nothing listens
    return httpx.Client(
        transport=OnlyHere(way) if only_here else way,
        timeout=httpx.Timeout(120.0, connect=10.0),
        follow_redirects=False,
        headers={"accept": "application/json", "accept-encoding": "gzip", "user-agent": "beeld-van-de-wijk"},
    )


def get_json(client: httpx.Client, url: str, *, where: str) -> tuple[Reply, dict[str, Any]]:
    """The JSON object at `url` and the reply it came in; `where` names source and table in messages.

    Raises SourceUnreachable (down, cut off, truncated after five tries), SourceChanged (HTML, empty, not an object, a redirect
    elsewhere) and NotFound.
    """

    def attempt() -> tuple[Reply, dict[str, Any]]:
        reply = _receive(client, url, where)
        return reply, _decode(reply, where)

    return _patiently(attempt)


def get_text(client: httpx.Client, url: str, *, where: str) -> str:
    """The body at `url` as text, for the few plain answers such as `$count`."""
    return _patiently(lambda: _receive(client, url, where)).body.decode("utf-8", errors="replace")


def get_body(client: httpx.Client, url: str, *, where: str, whole: Callable[[bytes], bool] = lambda _body: True) -> Reply:
    """The body at `url` as received, for what is no JSON (CSV, XML, files); SourceChanged for an empty body or an HTML page.

    A body that ends too early, as its gzip or as `whole` tells, is asked for again and then SourceUnreachable.
    """

    def attempt() -> Reply:
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = Path(folder) / "body"
                target, content_type = _opened(client, url, where, lambda response: _store(response, path, where))
                reply = Reply(target, b"".join(_bounded(unpacked(path), where)), content_type=content_type)
                if reply.body.strip() and not whole(reply.body):
                    _refuse_page(reply, where)
                    raise CutOff("its end is missing", len(reply.body))
            except CutOff as error:
                problem = SourceUnreachable(f"reply is cut off after {error.size} bytes ({error})", where=where)
                raise _TryAgain(problem) from error
        return reply

    reply = _patiently(attempt)
    if not reply.body.strip():
        raise SourceChanged("answers with an empty body", where=where)
    _refuse_page(reply, where)
    return reply


def _refuse_page(reply: Reply, where: str) -> None:
    if "html" in reply.content_type.lower() or reply.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        said = safe(reply.body[:200].decode("utf-8", errors="replace"))
        raise SourceChanged(f"answers with an HTML page: {said}", where=where)


def version_of(client: httpx.Client, url: str, *, where: str) -> str:
    """The ETag, else the Last-Modified, of what stands at `url`, without its body; empty when the service tells neither."""

    def take(response: httpx.Response) -> str:
        if response.status_code >= 400:
            _refuse_status(response, _read(response, where), where)
        return response.headers.get("etag") or response.headers.get("last-modified") or ""

    return safe(_patiently(lambda: _opened(client, url, where, take)[1]))


Answer = TypeVar("Answer")


def save_json(client: httpx.Client, url: str, path: Path, read: Callable[[Path], Answer], *, where: str) -> tuple[str, Answer]:
    """Save the JSON reply at `url` as gzip file `path`; returns the address that answered and what `read` makes of the file.

    The bytes go to disk as they come, packed as the service packed them, so that a large page costs no memory. A reply that
    `read` finds cut off is asked for again. Raises what `get_json` raises; then there is no file.
    """

    def attempt() -> tuple[str, Answer]:
        try:
            target, content_type = _opened(client, url, where, lambda response: _store(response, path, where))
            _refuse_other(_beginning(path), content_type, where)
            return target, read(path)
        except CutOff as error:
            problem = SourceUnreachable(f"reply is cut off after {error.size} bytes ({error})", where=where)
            raise _TryAgain(problem) from error

    try:
        return _patiently(attempt)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _patiently(attempt: Callable[[], Answer]) -> Answer:
    retrying = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=_pause,
        retry=retry_if_exception_type(_TryAgain),
        sleep=_rest,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except _TryAgain as failure:
        raise failure.error from failure


def _rest(seconds: float) -> None:
    _sleep(seconds)


def _sleep(seconds: float) -> None:
    """Waits between tries; a function of its own so that tests can run on a fake clock."""
    time.sleep(seconds)


def _pause(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, _TryAgain) and failure.wait is not None:
        return min(failure.wait, RETRY_AFTER_CAP)
    base = BACKOFF[min(state.attempt_number, len(BACKOFF)) - 1]
    return base * (1 + 0.1 * random.random())  # noqa: S311 - jitter, not a secret


def _receive(client: httpx.Client, url: str, where: str) -> Reply:
    def take(response: httpx.Response) -> Reply:
        body = _read(response, where)
        _refuse_status(response, body, where)
        head = response.headers
        return Reply(str(response.url), body, head.get("content-crs", ""), head.get("content-type", ""))

    target, reply = _opened(client, url, where, take)
    return Reply(target, reply.body, reply.content_crs, reply.content_type)


def _opened(client: httpx.Client, url: str, where: str, take: Callable[[httpx.Response], Answer]) -> tuple[str, Answer]:
    """The address that answered, after redirects on the same origin, and what `take` makes of its answer."""
    target = url
    for _ in range(4):
        try:
            with client.stream("GET", target) as response:
                if response.is_redirect:
                    target = _redirect(target, response.headers.get("location", ""), where)
                    continue
                return target, take(response)
        except (httpx.TransportError, httpx.DecodingError) as error:
            problem = SourceUnreachable(
                f"{type(error).__name__}: {error or 'no reply'} after {TRIES} tries of {target}", where=where
            )
            raise _TryAgain(problem) from error
    raise SourceChanged(f"redirects in a circle at {url}", where=where)


def _redirect(url: str, location: str, where: str) -> str:
    target = _joined(url, location)
    if origin(target) != origin(url):
        raise SourceChanged(f"redirects to another place: {safe(location)}", where=where)
    return target


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (the usual one where none is named): what a redirect or a next link may not change.

    An address that is none has no origin, and so differs from every other.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None


def _joined(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:  # no address at all, such as http://[::1
        return ""


def follow(base: str, link: str, where: str) -> str:
    """`link` (absolute or relative) as an address on the same origin as `base`; SourceChanged when it leads elsewhere."""
    target = _joined(base, link)
    scheme, host, _ = origin(target)
    if origin(target) != origin(base) or (scheme != "https" and not is_loopback(host)):
        raise SourceChanged(f"next link leads to another place: {safe(link)}", where=where)
    return target


def _read(response: httpx.Response, where: str) -> bytes:
    return b"".join(_bounded(response.iter_bytes(), where))


def _bounded(parts: Iterable[bytes], where: str) -> Iterator[bytes]:
    """The parts of a reply; SourceChanged when it is too large, SourceUnreachable when it takes too long."""
    started = time.monotonic()
    size = 0
    for part in parts:
        size += len(part)
        if size > MAX_BYTES:
            raise SourceChanged(f"reply is larger than {MAX_BYTES} bytes", where=where)
        if time.monotonic() - started > MAX_SECONDS:
            raise SourceUnreachable(f"reply takes longer than {MAX_SECONDS:.0f} s", where=where)
        yield part


def _store(response: httpx.Response, path: Path, where: str) -> str:
    """Save a body as gzip, the service's own where it sends that; returns the content type."""
    if response.status_code >= 400:
        _refuse_status(response, _read(response, where), where)
    as_sent = response.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip")
    parts = _bounded(response.iter_raw() if as_sent else response.iter_bytes(), where)
    with path.open("wb") as file:
        file.writelines(parts if as_sent else pack(parts))
    return response.headers.get("content-type", "")


def _beginning(path: Path) -> bytes:
    """The first bytes of a saved body."""
    beginning = b""
    for part in unpacked(path):
        beginning += part
        if len(beginning) >= 1000:
            break
    return beginning


def _refuse_status(response: httpx.Response, body: bytes, where: str) -> None:
    status = response.status_code
    if status < 400:
        return
    said = safe(body[:400].decode("utf-8", errors="replace"))
    if status == 404:
        raise NotFound(f"answers 404 for {response.url}", where=where)
    if b"more than 10000" in body:
        raise SourceChanged(f"refuses the request as too large: {said}", where=where)
    problem = SourceUnreachable(f"answers {status}: {said}", where=where)
    if status >= 500 or status in (408, 429):
        raise _TryAgain(problem, _retry_after(response))
    raise Rejected(problem.what, where=where)


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _refuse_other(body: bytes, content_type: str, where: str) -> bytes:
    """The beginning of a JSON text; SourceChanged for what is none by its looks."""
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise SourceChanged("answers with an empty body", where=where)
    if text[:1] not in (b"{", b"["):
        raise SourceChanged(
            f"answers something that is not JSON: {safe(text[:200].decode('utf-8', errors='replace'))}", where=where
        )
    if content_type and "json" not in content_type.lower():
        raise SourceChanged(f"answers with content type '{safe(content_type)}' where JSON belongs", where=where)
    return text


def _decode(reply: Reply, where: str) -> dict[str, Any]:
    text = _refuse_other(reply.body, reply.content_type, where)
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _TryAgain(SourceUnreachable(f"reply is cut off after {len(reply.body)} bytes ({error})", where=where)) from error
    if not isinstance(content, dict):
        raise SourceChanged("answers a JSON list where an object belongs", where=where)
    return cast("dict[str, Any]", content)


def safe(text: str) -> str:
    """At most 80 printable characters of an untrusted text, on one line."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))[:80]
