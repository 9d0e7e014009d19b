"""The HTTP client: what is tried again, what is refused, and where links may lead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from beeld.errors import BeeldError, SourceChanged, SourceUnreachable
from beeld.settings import load_settings
from beeld.sources import http

URL = "https://opendata.cbs.nl/ODataFeed/odata/T"
JSON = {"content-type": "application/json"}


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited between tries."""
    seconds: list[float] = []
    monkeypatch.setattr(http, "_sleep", seconds.append)
    return seconds


def get(answers: Iterable[httpx.Response | Exception]) -> dict[str, object]:
    """The JSON that these answers, one per request, lead to."""
    queue: Iterator[httpx.Response | Exception] = iter(answers)

    def handle(_request: httpx.Request) -> httpx.Response:
        answer = next(queue)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with closing(http.open_client(httpx.MockTransport(handle))) as client:
        return http.get_json(client, URL, where="bron T")[1]


def test_a_good_answer(waited: list[float]) -> None:
    assert get([httpx.Response(200, content=b'\xef\xbb\xbf  {"value": []}', headers=JSON)]) == {"value": []}
    assert waited == []


@pytest.mark.parametrize("status", [500, 502, 503, 408, 429])
def test_what_may_pass_is_tried_five_times(status: int, waited: list[float]) -> None:
    assert get([*[httpx.Response(status)] * 4, httpx.Response(200, json={"ok": 1})]) == {"ok": 1}
    assert [base <= pause <= 1.1 * base for pause, base in zip(waited, (1, 2, 4, 8), strict=True)] == [True] * 4
    with pytest.raises(SourceUnreachable, match=f"bron T: answers {status}"):
        get([httpx.Response(status)] * 5)


@pytest.mark.parametrize(("asked", "pause"), [("7", 7.0), ("3600", 120.0)])
def test_retry_after_is_honoured_up_to_two_minutes(asked: str, pause: float, waited: list[float]) -> None:
    get([httpx.Response(503, headers={"retry-after": asked}), httpx.Response(200, json={})])
    assert waited == [pause]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_other_refusals_are_final(status: int, waited: list[float]) -> None:
    with pytest.raises(BeeldError) as failure:
        get([httpx.Response(status)])
    assert failure.value.exit_code == 3
    assert waited == []


def test_broken_connections_are_tried_again(waited: list[float]) -> None:
    with pytest.raises(SourceUnreachable, match="ConnectError: nee after 5 tries"):
        get([httpx.ConnectError("nee")] * 5)
    assert len(waited) == 4


@pytest.mark.parametrize("body", [b"", b"  ", b"<html>storing</html>", b"[1]", b"\xff\xfe", b"null", b"12"])
def test_what_is_no_object_is_a_change_or_a_cut(body: bytes, waited: list[float]) -> None:
    with pytest.raises((SourceChanged, SourceUnreachable)):
        get([httpx.Response(200, content=body, headers=JSON)] * 5)


def test_ten_thousand_rows_is_no_outage(waited: list[float]) -> None:
    """facts: the API answers 500 with this text; trying again does not help."""
    with pytest.raises(SourceChanged, match="too large"):
        get([httpx.Response(500, text="The query returns more than 10000 records.")])
    assert waited == []


@pytest.mark.parametrize(
    ("location", "allowed"),
    [
        ("https://opendata.cbs.nl/anders", True),
        ("/anders", True),
        ("http://opendata.cbs.nl/anders", False),
        ("https://example.org/", False),
        ("https://opendata.cbs.nl.example.org/", False),
        ("https://opendata.cbs.nl@example.org/", False),
        ("//example.org/", False),
        ("file:///etc/passwd", False),
    ],
)
def test_redirects_and_links_stay_at_the_source(location: str, allowed: bool, waited: list[float]) -> None:
    answers = [httpx.Response(302, headers={"location": location}), httpx.Response(200, json={"ok": 1})]
    if allowed:
        assert get(answers) == {"ok": 1}
        assert http.follow(URL, location, "bron T").startswith("https://opendata.cbs.nl/")
    else:
        with pytest.raises(SourceChanged, match="another place"):
            get(answers)
        with pytest.raises(SourceChanged, match="another place"):
            http.follow(URL, location, "bron T")


def test_redirects_in_a_circle(waited: list[float]) -> None:
    with pytest.raises(SourceChanged, match="circle"):
        get([httpx.Response(302, headers={"location": URL})] * 4)


def test_a_reply_without_end(monkeypatch: pytest.MonkeyPatch, waited: list[float]) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 1000)
    with pytest.raises(SourceChanged, match="larger than 1000 bytes"):
        get([httpx.Response(200, content=b"x" * 1001)])


def test_with_the_sources_redirected_here_nobody_else_is_asked() -> None:
    """A mirror on this machine: another host is not asked at all, not even for its name."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"value": []})

    with closing(http.open_client(httpx.MockTransport(handle), only_here=True)) as client:
        assert http.get_json(client, "http://127.0.0.1:1/x", where="proef")[1] == {"value": []}
        with pytest.raises(http.NotFound, match="redirected to this machine"):
            http.get_json(client, "https://geo.leefbaarometer.nl/x", where="proef")
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize(("environment", "redirected"), [({}, False), ({"BEELD_CBS_URL": "http://127.0.0.1:8000"}, True)])
def test_settings_know_that_a_source_is_redirected(environment: dict[str, str], redirected: bool, tmp_path: Path) -> None:
    assert load_settings({**environment, "BEELD_HOME": str(tmp_path)}, tmp_path).redirected is redirected
