"""A formula of the catalogue for readers, in words and in symbols: both are walked from the parsed tree, so they are it."""

from __future__ import annotations

import ast

from beeld.profiles.language import Words, noted, spoken, tr
from beeld.profiles.wording import first_upper, numeral
from beeld.transforms.catalog import Catalog, Indicator
from beeld.transforms.formulas import Expression

WORDS: dict[type[ast.operator], str] = {
    ast.Add: noted(" plus "),
    ast.Sub: noted(" min "),
    ast.Mult: noted(" keer "),
}
SIGNS: dict[type[ast.operator], str] = {ast.Add: " + ", ast.Sub: " − ", ast.Mult: " × "}
TERMS = Words(
    {
        "ao": "uitkeringen voor arbeidsongeschiktheid",
        "ww": "uitkeringen WW",
        "bijstand": "uitkeringen bijstand",
        "leeftijd_0_15": "inwoners van 0 tot 15 jaar",
        "leeftijd_15_25": "inwoners van 15 tot 25 jaar",
        "leeftijd_25_45": "inwoners van 25 tot 45 jaar",
        "leeftijd_45_65": "inwoners van 45 tot 65 jaar",
        "leeftijd_65_plus": "inwoners van 65 jaar of ouder",
        "opleiding_basis_vmbo_mbo1": "mensen met basisonderwijs, vmbo of mbo 1",
        "opleiding_havo_vwo_mbo2_4": "mensen met havo, vwo of mbo 2 tot en met 4",
        "opleiding_hbo_wo": "mensen met hbo of universiteit",
        "bedrijven_handel_horeca": "vestigingen in handel en horeca",
        "herkomst_buiten_europa": "inwoners met herkomst buiten Europa",
        "drugs_drankoverlast": "registraties van overlast door drugs of drank",
        "mbo_studenten": "studenten op het mbo",
        "woz_waarde": "WOZ-waarde",
        "oppervlakte_land": "oppervlakte land",
    }
)
"""Columns whose name does not read as words; of the others the underscores are left out."""


def term(column: str) -> str:
    """A column in words; `bron.kolom` without the source."""
    name = column.rpartition(".")[2]
    return TERMS.get(name) or tr(name.replace("_", " "))


def columns(catalog: Catalog) -> dict[str, str]:
    """The Dutch words of every column that a formula or a weight reads, by its name."""
    read = {r.kolom for i in catalog.indicators.values() for r in (*i.parsed.references, *([i.weight] if i.weight else []))}
    examples = {name.rpartition(".")[2] for i in catalog.indicators.values() for name in i.voorbeeld if name != "waarde"}
    return {name: name.replace("_", " ") for name in sorted(read | examples) if name not in TERMS}


def words(indicator: Indicator, catalog: Catalog) -> str:
    """The formula as a sentence."""
    formula = indicator.parsed
    source = catalog.sources[indicator.bron]
    if formula.noemer is None:
        told = noted("Het cijfer {name}, zoals {publisher} het publiceert. Wij rekenen er niets aan.")
        return tr(told, name=term(formula.text), publisher=source.uitgever)
    times = "" if formula.factor == 1 else tr("{number} keer ", number=numeral(formula.factor, 0))
    top, bottom = _said(formula.teller.tree), _said(formula.noemer.tree)
    several = isinstance(formula.teller.tree, ast.BinOp)
    top = tr("de uitkomst van {sum}", sum=top) if several else top
    same = tr(" Teller en noemer zijn van hetzelfde jaar.") if _crosses(formula.noemer, indicator.bron) else ""
    return first_upper(f"{times}{tr('{top}, gedeeld door {bottom}.', top=top, bottom=bottom)}{same}")


def _crosses(expression: Expression, home: str) -> bool:
    return any(reference.bron != home for reference in expression.references)


def _said(tree: ast.expr) -> str:
    match tree:
        case ast.BinOp(left=left, op=operator, right=right):
            return f"{_said(left)}{tr(WORDS[type(operator)])}{_said(right)}"
        case ast.Constant(value=value):
            return str(value).replace(".", spoken().decimal)
        case _:
            return term(ast.unparse(tree))


def symbols(indicator: Indicator) -> str:
    """The formula in symbols: `x = 1000 × a / (b + c)`, with the names of the columns."""
    formula = indicator.parsed
    if formula.noemer is None:
        return f"x = {ast.unparse(formula.teller.tree)}"
    factor = "" if formula.factor == 1 else f"{formula.factor:g} × "
    return f"x = {factor}{_signed(formula.teller.tree)} / {_signed(formula.noemer.tree)}"


def _signed(tree: ast.expr, *, inside: bool = False) -> str:
    match tree:
        case ast.BinOp(left=left, op=operator, right=right):
            text = f"{_signed(left, inside=isinstance(operator, ast.Add))}{SIGNS[type(operator)]}{_signed(right)}"
            return text if inside else f"({text})"
        case _:
            return ast.unparse(tree)
