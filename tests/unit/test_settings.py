"""Settings: base URLs, `beeld.toml`, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from beeld.errors import UsageError
from beeld.settings import SERVICES, Limits, is_loopback, load_settings, project_folder


@pytest.mark.parametrize(
    "url",
    [
        "https://opendata.cbs.nl",
        "https://spiegel.example/pad/",
        "http://127.0.0.1:8000",
        "http://localhost:1/x",
        "http://[::1]:9/",
    ],
)
def test_accepted_base_urls(url: str, tmp_path: Path) -> None:
    settings = load_settings({"BEELD_HOME": str(tmp_path), "BEELD_CBS_URL": url}, tmp_path)
    assert settings.urls["cbs"] == url.rstrip("/")
    assert settings.urls["pdok"] == "https://api.pdok.nl"


@pytest.mark.parametrize(
    "url",
    [
        "http://opendata.cbs.nl",
        "http://127.0.0.1.example.org",
        "http://localhost@example.org",
        "http://localhost.example.org",
        "http://2130706433.example.org",
        "http://0.0.0.0:1",
        "http://192.168.1.1",
        "ftp://opendata.cbs.nl",
        "file:///etc/passwd",
        "opendata.cbs.nl",
        "https://",
        "//opendata.cbs.nl",
        "javascript:alert(1)",
    ],
)
@pytest.mark.parametrize("variable", ["BEELD_CBS_URL", "BEELD_PDOK_URL"])
def test_refused_base_urls(variable: str, url: str, tmp_path: Path) -> None:
    """Plain http only for loopback addresses, whatever the host is made to look like."""
    with pytest.raises(UsageError, match=variable):
        load_settings({"BEELD_HOME": str(tmp_path), variable: url}, tmp_path)


def test_public_addresses_of_the_contract() -> None:
    assert {name: url for name, (_, url) in SERVICES.items()} == {
        "cbs": "https://opendata.cbs.nl",
        "derden": "https://dataderden.cbs.nl",
        "cbs_v4": "https://datasets.cbs.nl",
        "pdok": "https://api.pdok.nl",
        "pdok_wfs": "https://service.pdok.nl",
    }


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.home == (tmp_path / "data").resolve()
    assert (settings.year_from, settings.language, settings.areas, settings.only_sources) == (2015, "nl", (), None)
    assert settings.current == settings.home / "current"


def test_beeld_toml(tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_text(
        """gebieden = ["GM0748", "SG-gageldonk-warande"]
jaar_vanaf = 2018
taal = "en"
[bronnen]
leefbaarometer = false
cbs_kwb = true
[teksten.WK074802]
aanleiding = "Waar is het om begonnen?"
""",
        encoding="utf-8",
    )
    settings = load_settings({"BEELD_SOURCES": " cbs_kwb , rivm_gezondheid,"}, tmp_path)
    assert settings.areas == ("GM0748", "SG-gageldonk-warande")
    assert (settings.year_from, settings.language) == (2018, "en")
    assert settings.switched_off == {"leefbaarometer"}
    assert settings.texts == {"WK074802": {"aanleiding": "Waar is het om begonnen?"}}
    assert settings.only_sources == {"cbs_kwb", "rivm_gezondheid"}


@pytest.mark.parametrize(
    "text",
    [
        "gebieden = [",
        "gebieden = 'GM0748'",
        "gebieden = [1]",
        "jaar_vanaf = '2015'",
        "jaar_vanaf = true",
        "jaar_vanaf = 2015.5",
        "bronnen = 1",
        "teksten = []",
        "[teksten]\nWK074802 = 'x'",
        "\ufeff=",
    ],
)
def test_a_wrong_beeld_toml_is_one_clear_message(text: str, tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"beeld\.toml"):
        load_settings({}, tmp_path)


def test_a_beeld_toml_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_bytes(b"taal = '\xff'")
    with pytest.raises(UsageError, match=r"beeld\.toml"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize(("host", "expected"), [("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)])
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_declarations_are_found() -> None:
    assert (project_folder() / "transforms" / "indicatoren.yaml").is_file()


def test_limits_of_questions(tmp_path: Path) -> None:
    assert load_settings({}, folder=tmp_path).limits == Limits(60, 1024, 8)
    (tmp_path / "beeld.toml").write_text("[vragen]\nseconden = 5\ngeheugen_mb = 200\n", encoding="utf-8")
    assert load_settings({}, folder=tmp_path).limits == Limits(5, 200, 8)


@pytest.mark.parametrize("line", ["seconden = 0", "geheugen_mb = -1", "sessies = 'veel'", "seconde = 5", "seconden = true"])
def test_limits_that_are_none(line: str, tmp_path: Path) -> None:
    (tmp_path / "beeld.toml").write_text(f"[vragen]\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"vragen|whole number"):
        load_settings({}, folder=tmp_path)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("tls://dask.example.nl:8786/", "tls://dask.example.nl:8786"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
        (" ", None),
    ],
)
def test_address_of_a_dask_scheduler(address: str, kept: str | None, tmp_path: Path) -> None:
    assert load_settings({"BEELD_HOME": str(tmp_path), "BEELD_DASK": address}, tmp_path).cluster == kept


@pytest.mark.parametrize(
    "address",
    [
        "dask:8786",
        "http://dask:8786",
        "tcp://dask",
        "tcp://:8786",
        "tcp://a:b@dask:1",
        "tcp://dask:1/x",
        "inproc://x",
        "tcp://dask:0x",
    ],
)
def test_refused_addresses_of_a_scheduler(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="BEELD_DASK"):
        load_settings({"BEELD_HOME": str(tmp_path), "BEELD_DASK": address}, tmp_path)
