"""The part of `$filter` that CBS understands, compiled to a function of a row: of OData v3, and with `lists` of v4."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .store import Row

Value = Callable[[Row], Any]
Test = Callable[[Row], bool]
Policy = Callable[[str, str], bool]
TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w'])|(?P<name>[A-Za-z_]\w*)|(?P<mark>[(),]))")


def _substring(text: str, start: int, length: int | None = None) -> str:
    return text[start:] if length is None else text[start : start + length]


def _contains(text: str, part: str) -> bool:
    return part in text


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
TESTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "substringof": lambda part, text: part in text,
}
TEXTS: dict[str, Callable[..., Any]] = {
    "substring": _substring,
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": str.strip,
}
CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}


class FilterError(ValueError):
    """The filter cannot be read."""


@dataclass(frozen=True)
class Operand:
    """A value in a filter and the columns it is made from."""

    value: Value
    columns: frozenset[str]
    test: str | None = None


def compile_filter(text: str, policy: Policy, lists: bool = False) -> Test:
    """Compile a filter. `policy(column, operation)` says whether a clause counts; one that does not is always true.

    The policy may raise to refuse the whole query. With `lists` it may say `in (...)` and `contains`, as v4 does and v3 does not.
    """
    parser = _Parser(text, policy, lists)
    test = parser.either()
    if parser.position != len(parser.tokens):
        raise FilterError(f"unexpected {parser.tokens[parser.position][1]!r} in filter")
    return test


class _Parser:
    def __init__(self, text: str, policy: Policy, lists: bool) -> None:
        self.policy = policy
        self.lists = lists
        self.tokens: list[tuple[str, str]] = []
        self.position = 0
        place, text = 0, text.rstrip()
        while place < len(text):
            match = TOKEN.match(text, place)
            if match is None or match.lastgroup is None:
                raise FilterError(f"cannot read filter at {text[place : place + 20]!r}")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def take(self, expected: str | None = None) -> tuple[str, str]:
        token = self.peek()
        if token[0] == "end" or (expected is not None and token[1] != expected):
            raise FilterError(f"expected {expected or 'a term'}, found {token[1] or 'the end'!r}")
        self.position += 1
        return token

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek() == ("name", "or"):
            self.take()
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.single()]
        while self.peek() == ("name", "and"):
            self.take()
            tests.append(self.single())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def single(self) -> Test:
        if self.peek() == ("name", "not"):
            self.take()
            inner = self.single()
            return lambda row: not inner(row)
        if self.peek() == ("mark", "("):
            self.take()
            test = self.either()
            self.take(")")
            return test
        left = self.operand()
        if self.lists and self.peek() == ("name", "in"):
            return self.listed(left)
        if self.peek()[1] in COMPARE:
            name = self.take()[1]
            right = self.operand()
            compare = COMPARE[name]
            a, b = left.value, right.value
            columns = left.columns | right.columns
            return self.counted(columns, left.test or name, lambda row: _safe(compare, a(row), b(row)))
        if left.test is None:
            raise FilterError("a comparison is missing")
        return self.counted(left.columns, left.test, left.value)

    def listed(self, left: Operand) -> Test:
        self.take()
        self.take("(")
        members = [self.take()]
        while self.peek() == ("mark", ","):
            self.take()
            members.append(self.take())
        self.take(")")
        if any(kind != "text" for kind, _ in members):
            raise FilterError("a list holds something that is no text")
        texts = frozenset(text[1:-1].replace("''", "'") for _, text in members)
        value = left.value
        return self.counted(left.columns, "in", lambda row: value(row) in texts)

    def counted(self, columns: frozenset[str], operation: str, test: Test) -> Test:
        counts = [self.policy(column, operation) for column in sorted(columns)]
        return test if all(counts) else lambda row: True

    def operand(self) -> Operand:
        kind, text = self.take()
        if kind == "text":
            literal = text[1:-1].replace("''", "'")
            return Operand(lambda row: literal, frozenset())
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return Operand(lambda row: number, frozenset())
        if kind != "name":
            raise FilterError(f"unexpected {text!r} in filter")
        if self.peek() == ("mark", "("):
            return self.call(text)
        if text in CONSTANTS:
            constant = CONSTANTS[text]
            return Operand(lambda row: constant, frozenset())
        return Operand(lambda row: row.get(text), frozenset([text]))

    def call(self, name: str) -> Operand:
        function = TESTS.get(name) or TEXTS.get(name)
        if self.lists and name == "contains":
            function = _contains
        if function is None:
            raise FilterError(f"an unknown function with name {name!r} was found")
        self.take("(")
        arguments = [self.operand()]
        while self.peek() == ("mark", ","):
            self.take()
            arguments.append(self.operand())
        self.take(")")
        columns = frozenset[str]().union(*(argument.columns for argument in arguments))
        values = [argument.value for argument in arguments]
        testing = function in (*TESTS.values(), _contains)
        missing = False if testing else None

        def value(row: Row) -> Any:
            given = [each(row) for each in values]
            try:
                return missing if None in given else function(*given)
            except (AttributeError, TypeError):
                return missing

        return Operand(value, columns, name if testing else None)


def _safe(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    try:
        return compare(left, right)
    except TypeError:
        return False
