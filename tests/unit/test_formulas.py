"""The allow-list of formulas: two shapes, known columns, numbers and four operators; everything else is refused."""

from __future__ import annotations

import pytest

from beeld.errors import UsageError
from beeld.transforms.formulas import Reference, parse

HOSTILE = [
    "__import__('os').system('id')",
    "open('/etc/passwd')",
    "read_csv('/etc/passwd')",
    "getenv('HOME')",
    "(select 1)",
    "select 1",
    "a; drop table waarde",
    "a -- comment",
    "a /* comment */ / b",
    'a"b / c',
    "'a' / b",
    '"a" / b',
    "f'{a}' / b",
    "a.b.c / d",
    "a().b / c",
    "a[0] / b",
    "a ** 2 / b",
    "2 ** 9 ** 9 / b",
    "a // b",
    "a % b",
    "a @ b",
    "a | b",
    "a < b",
    "a == b",
    "a if b else c",
    "a and b",
    "not a / b",
    "-a / b",
    "+a / b",
    "~a / b",
    "lambda: a",
    "[a] / b",
    "(a, b) / c",
    "{a} / b",
    "a := b",
    "(a := b) / c",
    "await a / b",
    "*a / b",
    "max(a, b) / c",
    "a.real() / b",
    "None / a",
    "True * a / b",
    "a / True",
    "1j * a / b",
    "1e999 * a / b",
    "a / 1e999",
    "10 ** 400 * a / b",
    "1" + "0" * 400 + " * a / b",
    "9" * 5000 + " * a / b",
    "a / b / c",
    "a / (b / c)",
    "a + b",
    "100 * a",
    "5",
    "",
    " ",
    "a b",
    "a\x00 / b",
    "a\n/ b",
    "\ud800 / b",
    "(" * 300 + "a" + ")" * 300,
    "-" * 490 + "a",
    "-" * 490 + "a / b",
    "a + " * 5000 + "a / b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_refused(text: str) -> None:
    with pytest.raises(UsageError) as failure:
        parse(text, "cbs_kwb", "transforms/indicatoren.yaml: proef")
    assert "transforms/indicatoren.yaml: proef" in str(failure.value), "file and entry are named"


def test_a_comment_is_no_part_of_the_query() -> None:
    """What Python reads as a comment never reaches the SQL, which is written anew from the parsed tree."""
    formula = parse("a / b # ; drop table waarde", "s", "w")
    assert formula.noemer is not None
    assert (formula.teller.sql(), formula.noemer.sql()) == ('"s"."a"', '"s"."b"')


@pytest.mark.parametrize(
    ("text", "factor", "top", "bottom"),
    [
        ("a", 1.0, '"s"."a"', None),
        ("other.a", 1.0, '"other"."a"', None),
        ("a / b", 1.0, '"s"."a"', '"s"."b"'),
        ("100.0 * a / b", 100.0, '"s"."a"', '"s"."b"'),
        ("1000 * a / (b + c + other.d)", 1000.0, '"s"."a"', '(("s"."b" + "s"."c") + "other"."d")'),
        ("100 * (a - b) / c", 100.0, '("s"."a" - "s"."b")', '"s"."c"'),
        ("100 * (a * b) / c", 100.0, '("s"."a" * "s"."b")', '"s"."c"'),
    ],
)
def test_allowed(text: str, factor: float, top: str, bottom: str | None) -> None:
    formula = parse(text, "s", "w")
    assert formula.factor == factor
    assert formula.teller.sql() == top
    assert (formula.noemer.sql() if formula.noemer else None) == bottom


@pytest.mark.parametrize("text", ["a * 100 / b", "100.0 * a * b / c", "100 * (a - 0.5 * b) / c", "a / (2 * b)"])
def test_a_number_multiplies_only_in_front(text: str) -> None:
    """Elsewhere it would stand in `teller`, and the standard error of a count would be that of a hundred times as many people."""
    with pytest.raises(UsageError, match=r"number \* teller / noemer"):
        parse(text, "s", "w")


def test_references_and_values() -> None:
    formula = parse("1000 * a / (a + x.b)", "s", "w")
    assert formula.references == (Reference("s", "a"), Reference("x", "b"))
    assert formula.value({"a": 1.0, "x.b": 3.0}) == 250.0
    assert formula.value({"a": None, "x.b": 3.0}) is None
    assert formula.value({"a": 0.0, "x.b": 0.0}) is None, "a denominator of 0 gives nothing, not an error"
    assert formula.value({"a": 0.0, "x.b": 3.0}) == 0.0, "a real 0 is a value"
