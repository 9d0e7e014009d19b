"""Formulas of the catalogue: parsed at load; only known columns, numbers and + - * / pass. Nothing of a formula is ever evaluated
as Python or pasted into SQL unparsed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from beeld.errors import UsageError

OPERATORS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
LONGEST, LARGEST = 500, 1e12
"""Characters in a formula and size of a number; beyond it a formula is a mistake or an attack."""


@dataclass(frozen=True, order=True)
class Reference:
    """One column of one source."""

    bron: str
    kolom: str

    def sql(self) -> str:
        """The column in a query over linked tables, whose alias is the name of the source."""
        return f'"{self.bron}"."{self.kolom}"'

    def status_sql(self) -> str:
        """The status of the column in the same query."""
        return f'"{self.bron}"."{self.kolom}_status"'


@dataclass(frozen=True)
class Expression:
    """Sums, differences and products of columns and numbers."""

    tree: ast.expr
    references: tuple[Reference, ...]
    home: str

    def sql(self) -> str:
        """The expression in SQL."""
        return _sql(self.tree, self.home)

    def value(self, row: Mapping[str, float | None]) -> float | None:
        """The expression over one row, keyed as in the formula (`kolom` or `bron.kolom`); None when a column is missing."""
        return _value(self.tree, row)


@dataclass(frozen=True)
class Formula:
    """`factor * teller / noemer`, or one published column when `noemer` is None."""

    text: str
    factor: float
    teller: Expression
    noemer: Expression | None

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every column that the formula reads, teller first, without repeats."""
        tail = self.noemer.references if self.noemer else ()
        return tuple(dict.fromkeys((*self.teller.references, *tail)))

    def value(self, row: Mapping[str, float | None]) -> float | None:
        """The outcome for one row; None when a column is missing or the denominator is 0."""
        top = self.teller.value(row)
        if self.noemer is None:
            return top
        bottom = self.noemer.value(row)
        return None if top is None or not bottom else self.factor * top / bottom


def parse(text: str, home: str, where: str) -> Formula:
    """The formula in `text` over the columns of source `home`.

    Two shapes exist: a column (as published) and `number * teller / noemer`. Raises UsageError for anything else.
    """
    if len(text) > LONGEST:
        raise UsageError(f"formula of {len(text)} characters is too long", where=where)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"formula {text!r} cannot be read: {error}", where=where) from error
    if isinstance(tree, (ast.Name, ast.Attribute)):
        return Formula(text, 1.0, _expression(tree, home, text, where), None)
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        factor, top = _split_factor(tree.left)
        return Formula(text, factor, _expression(top, home, text, where), _expression(tree.right, home, text, where))
    raise UsageError(f"formula '{text}' is neither a column nor number * teller / noemer", where=where)


def _split_factor(tree: ast.expr) -> tuple[float, ast.expr]:
    match tree:
        case ast.BinOp(left=ast.Constant(value=factor), op=ast.Mult(), right=rest) if _is_number(factor):
            return float(factor), rest
        case _:
            return 1.0, tree


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def _expression(tree: ast.expr, home: str, text: str, where: str) -> Expression:
    return Expression(tree, tuple(dict.fromkeys(_references(tree, home, text, where))), home)


def _references(tree: ast.expr, home: str, text: str, where: str) -> list[Reference]:
    match tree:
        case ast.Name(id=name):
            return [Reference(home, name)]
        case ast.Attribute(value=ast.Name(id=source), attr=name):
            return [Reference(source, name)]
        case ast.Constant(value=value) if _is_number(value):
            return []
        case ast.BinOp(left=ast.Constant(), op=ast.Mult()) | ast.BinOp(op=ast.Mult(), right=ast.Constant()):
            raise UsageError(f"formula '{text}': a number multiplies only in front, number * teller / noemer", where=where)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS and not isinstance(operator, ast.Div):
            return _references(left, home, text, where) + _references(right, home, text, where)
        case _:
            raise UsageError(
                f"formula '{text}' uses something that is not allowed: {ast.get_source_segment(text, tree)}", where=where
            )


def _sql(tree: ast.expr, home: str) -> str:
    match tree:
        case ast.Name(id=name):
            return Reference(home, name).sql()
        case ast.Attribute(value=ast.Name(id=source), attr=name):
            return Reference(source, name).sql()
        case ast.Constant(value=int() | float() as number):
            return repr(float(number))
        case ast.BinOp(left=left, op=operator, right=right):
            return f"({_sql(left, home)} {OPERATORS[type(operator)]} {_sql(right, home)})"
        case _:
            raise AssertionError("parse lets nothing else through")


def _value(tree: ast.expr, row: Mapping[str, float | None]) -> float | None:
    match tree:
        case ast.Name() | ast.Attribute():
            return row[ast.unparse(tree)]
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _value(left, row), _value(right, row)
            if a is None or b is None:
                return None
            return {"+": a + b, "-": a - b, "*": a * b}[OPERATORS[type(operator)]]
        case _:
            raise AssertionError("parse lets nothing else through")
