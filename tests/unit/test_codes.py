"""Region codes: canonical forms, letters, parents by position."""

from __future__ import annotations

import pytest

from beeld.transforms import codes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NL00      ", "NL00"),
        ("NL01", "NL00"),
        ("nl01  ", "NL00"),
        ("GM0748    ", "GM0748"),
        ("gm0748", "GM0748"),
        ("WK074801  ", "WK074801"),
        ("BU07480100", "BU07480100"),
        ("BU0363AF08", "BU0363AF08"),
        ("WK0363AA", "WK0363AA"),
        ("  BU05990504  ", "BU05990504"),
        ("GM074", None),
        ("GM07481", None),
        ("PV20", None),
        ("NL", None),
        ("", None),
        ("Totaal", None),
        ("BU0748010", None),
        ("GMA748", None),
        ("BU07480100x", None),
        ("GM0748\n", "GM0748"),
        ("GM\u0660\u0667\u0664\u0668", None),
        ("GM\uff10\uff17\uff14\uff18", None),
        ("BU0748'--0", None),
        ("SG-gageldonk", None),
    ],
)
def test_normalise(text: str, expected: str | None) -> None:
    assert codes.normalise(text) == expected


def test_parents() -> None:
    assert codes.gemeente_of("BU0363AF08") == "GM0363"
    assert codes.wijk_of("BU0363AF08") == "WK0363AF"
    assert codes.wijk_of("WK074801") == "WK074801"
    assert codes.wijk_of("GM0748") is None
    assert codes.gemeente_of("NL00") is None
    assert codes.gemeente_of("SG-gageldonk-warande") is None


def test_kinds() -> None:
    found = [codes.kind(code) for code in ("NL00", "GM0748", "WK074801", "BU07480100", "SG-x")]
    assert found == ["land", "gemeente", "wijk", "buurt", "samengesteld"]


@pytest.mark.parametrize("text", ["SG-", "SG--a", "SG-a-", "SG-A", "SG-a/../b", "SG-a b", "SG-a\n", "sg-a", "GM0748 ", "gm0748"])
def test_not_canonical(text: str) -> None:
    assert not codes.is_code(text)


@pytest.mark.parametrize("text", ["SG-gageldonk-warande", "SG-a1", "NL00", "GM0748", "BU0363AF08"])
def test_canonical(text: str) -> None:
    assert codes.is_code(text)
