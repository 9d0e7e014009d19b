"""Properties of parsers, unions and percentiles on generated input (RELIABILITY.md H, C4): a value or a BeeldError."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import closing

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from beeld.errors import UsageError
from beeld.settings import project_folder
from beeld.transforms import codes
from beeld.transforms.catalog import Catalog, load_catalog
from beeld.transforms.formulas import parse
from beeld.transforms.staging_odata_v3 import read_cell  # what every Untyped cell goes through
from beeld.transforms.unions import COVERAGE, Part, combine, coverage

PROFILE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

# ---------------------------------------------------------------- formulas

TOKENS = [
    "a",
    "b",
    "x.a",
    "huishoudens",
    "1",
    "100.0",
    "1e5",
    "9" * 400,
    "+",
    "-",
    "*",
    "/",
    "**",
    "(",
    ")",
    ",",
    ".",
    " ",
    "\n",
    "'",
]
WORDS = [
    ";",
    "--",
    "select",
    "lambda",
    ":",
    "[",
    "]",
    "{",
    "}",
    "if",
    "else",
    "not",
    "True",
    "None",
    "\\",
    "#",
    "@",
    "=",
    "<",
    "\x00",
]


@PROFILE
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(TOKENS + WORDS), max_size=40).map("".join)))
@example("-" * 499)
@example("(" * 250 + ")" * 250)
@example("a+" * 249 + "a")
@example("a/" * 249 + "a")
@example("\ud800")
def test_a_formula_is_parsed_or_refused(text: str) -> None:
    """Never another exception; what passes is SQL of quoted names, numbers and three operators over one division."""
    try:
        formula = parse(text, "bron", "proef")
    except UsageError:
        return
    for part in (formula.teller, *([formula.noemer] if formula.noemer else [])):
        left = part.sql()
        for reference in part.references:
            left = left.replace(reference.sql(), "1")
        assert set(left) <= set("0123456789.e+-* ()"), left
        assert all('"' not in f"{r.bron}{r.kolom}" and "'" not in f"{r.bron}{r.kolom}" for r in part.references)
    assert math.isfinite(formula.factor)


NAMES = st.sampled_from(["a", "b", "c"])
SUMS = st.recursive(NAMES, lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"))
CELLS = st.one_of(st.none(), st.integers(-1000, 1000).map(float))


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database without tables."""
    with closing(duckdb.connect()) as connection:
        yield connection


@PROFILE
@given(SUMS, SUMS, st.sampled_from(["", "100.0 * ", "1000 * "]), CELLS, CELLS, CELLS)
def test_python_and_sql_agree_on_every_formula(
    con: duckdb.DuckDBPyConnection, top: str, bottom: str, factor: str, a: float | None, b: float | None, c: float | None
) -> None:
    """The worked examples are computed in Python, the figures in SQL: both are the same formula."""
    formula = parse(f"{factor}{top} / {bottom}", "s", "proef")
    assert formula.noemer is not None
    row = con.execute(
        f"""select {formula.factor!r} * {formula.teller.sql()} / nullif({formula.noemer.sql()}, 0)
        from (select ?::double as a, ?::double as b, ?::double as c) as s""",
        [a, b, c],
    ).fetchone()
    assert row is not None
    expected = formula.value({"a": a, "b": b, "c": c})
    assert (row[0] is None) == (expected is None)
    assert expected is None or math.isclose(row[0], expected, rel_tol=1e-12, abs_tol=1e-12)


# ---------------------------------------------------------------- codes


@PROFILE
@given(
    st.one_of(st.text(max_size=14), st.from_regex(r"\s{0,3}(NL|GM|WK|BU|gm|bu)[0-9A-Za-z\u0660-\u0669\uff10-\uff19]{0,9}\s{0,3}"))
)
def test_normalise_gives_a_canonical_code_or_nothing(text: str) -> None:
    code = codes.normalise(text)
    if code is None:
        return
    assert code.isascii()
    assert code == code.strip().upper()
    assert codes.normalise(code) == code
    assert codes.is_code(code)
    assert codes.kind(code) in ("land", "gemeente", "wijk", "buurt")
    for parent in (codes.gemeente_of(code), codes.wijk_of(code)):
        assert parent is None or codes.normalise(parent) == parent


# ---------------------------------------------------------------- cells

STATUSES = {"ok", "onbekend", "geheim", "niet_van_toepassing"}
NUMBERISH = st.text(alphabet="0123456789.,-+eExX \u00a0\t\n'", max_size=25)


@PROFILE
@given(st.one_of(st.none(), NUMBERISH, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)))
@example("9" * 400)
@example("-" + "9" * 15 + "." + "9" * 15)
@example("-0")
def test_an_untyped_cell_is_a_value_or_a_status(text: str | None) -> None:
    """Nothing else, and no error; None stops the delivery."""
    cell = read_cell(text)
    if cell is None:
        return
    value, status = cell
    assert status in STATUSES
    assert (value is not None) == (status == "ok")
    if value is not None and text is not None:
        assert math.isfinite(value)
        stripped = text.strip()
        assert value == (0.0 if stripped == "-" else float(stripped))


@PROFILE
@given(text=st.text(max_size=40))
def test_a_text_that_is_no_number_to_python_is_no_number_here(text: str) -> None:
    """What is accepted as a number is plain digits with at most one dot; no underscore, exponent, infinity or other script."""
    cell = read_cell(text)
    if cell is not None and cell[0] is not None and text.strip() != "-":
        assert set(text.strip()) <= set("-.0123456789")


# ---------------------------------------------------------------- unions


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The real catalogue."""
    return load_catalog(project_folder())


AMOUNT = st.one_of(st.none(), st.integers(0, 5000).map(float))
PARTS = st.lists(st.builds(Part, st.one_of(st.none(), st.floats(0, 100)), AMOUNT, AMOUNT, AMOUNT), min_size=1, max_size=12)
WAYS = ["aantal_inwoners", "aandeel_eenzaam", "bijstand_per_1000_15_65", "stedelijkheid"]


@PROFILE
@given(parts=PARTS, name=st.sampled_from(WAYS), chance=st.randoms(use_true_random=False))
def test_combine(catalog: Catalog, parts: list[Part], name: str, chance: object) -> None:
    """A value with status ok or a status with a reason; the order of the buurten does not matter; means stay inside."""
    indicator = catalog.indicators[name]
    combined = combine(indicator, parts)
    assert (combined.waarde is None) == (combined.status != "ok") == (combined.reden is not None)
    shuffled = list(parts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert combine(indicator, shuffled) == combined
    covered = coverage(parts)
    assert covered is None or 0 <= covered <= 1
    if combined.waarde is None:
        return
    present = [part.waarde for part in parts if part.waarde is not None]
    if indicator.samenvoegen == "som":
        assert len(present) == len(parts)
        assert combined.waarde == math.fsum(present)
    else:
        assert covered is not None
        assert covered >= COVERAGE
    if indicator.samenvoegen == "gewogen":
        assert min(present) - 1e-9 <= combined.waarde <= max(present) + 1e-9
    assert indicator.samenvoegen != "nee"


@PROFILE
@given(st.floats(0, 100), st.lists(st.integers(1, 5000).map(float), min_size=1, max_size=8))
def test_a_union_of_equal_buurten_is_equal(catalog: Catalog, value: float, people: list[float]) -> None:
    combined = combine(catalog.indicators["aandeel_eenzaam"], [Part(value, None, p, p) for p in people])
    assert combined.waarde is not None
    assert math.isclose(combined.waarde, value, rel_tol=1e-12, abs_tol=1e-12)


# ---------------------------------------------------------------- percentiles: metamorphic


@pytest.fixture(scope="module")
def ranking(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The smallest database on which the percentiles of scores.sql run."""
    con.execute("create schema if not exists werk")
    con.execute(
        """create or replace table gebied
        (gebiedscode varchar, soort varchar, gemeentecode varchar, stedelijkheid integer, inwoners bigint)"""
    )
    figures = "(gebiedscode varchar, indicator varchar, peiljaar integer, waarde double, geschat double)"
    for table in ("waarde", "laatste_waarde"):  # nobody was counted in `waarde`, so no figure is of a year with few people
        con.execute(f"create or replace table {table} {figures}")
    con.execute(
        """create or replace table werk.kern as
        select 'i' as indicator, 't' as thema, 1.0 as teken, 'nl' as percentiel, 'inkomen' as familie"""
    )
    return con


def percentiles(con: duckdb.DuckDBPyConnection, values: Mapping[str, float]) -> dict[str, float]:
    """gebiedscode -> percentile by transforms/scores.sql; rows are inserted in the order of the mapping."""
    con.execute("delete from gebied")
    con.execute("delete from laatste_waarde")
    con.execute(
        "insert into gebied select code, 'buurt', 'GM0014', 3, 1000 from (select unnest(?::varchar[]) as code)", [list(values)]
    )
    con.execute(
        """insert into laatste_waarde
        select code, 'i', 2024, x, null from (select unnest(?::varchar[]) as code, unnest(?::double[]) as x)""",
        [list(values), list(values.values())],
    )
    arguments = {"mensen": 200, "deel": 0.6}
    for statement in con.extract_statements((project_folder() / "transforms" / "scores.sql").read_text(encoding="utf-8")):
        if "insert into thema_score" not in statement.query:
            con.execute(statement, {name: arguments[name] for name in statement.named_parameters})
    return dict(con.execute("select gebiedscode, p from werk.percentiel where referentie = 'nl'").fetchall())


SMALL = settings(PROFILE, max_examples=25)
VALUES = st.dictionaries(
    st.integers(0, 9999).map(lambda n: f"BU0014{n:04d}"), st.integers(0, 40).map(float), min_size=1, max_size=25
)


@SMALL
@given(VALUES)
def test_percentiles_are_mid_ranks(ranking: duckdb.DuckDBPyConnection, values: dict[str, float]) -> None:
    """Counted straight from the definition: those below, and half of those that are equal."""
    found, numbers = percentiles(ranking, values), list(values.values())
    for code, x in values.items():
        below, equal = sum(y < x for y in numbers), sum(y == x for y in numbers)
        assert math.isclose(found[code], (below + equal / 2) / len(numbers), abs_tol=1e-12)
    assert math.isclose(math.fsum(found.values()) / len(found), 0.5, abs_tol=1e-12)


@SMALL
@given(VALUES, st.randoms(use_true_random=False))
def test_rescaling_and_order_change_nothing(ranking: duckdb.DuckDBPyConnection, values: dict[str, float], chance: object) -> None:
    """Rows in another order, per 1 000 instead of per cent, and any increasing transformation: the same percentiles."""
    found = percentiles(ranking, values)
    keys = list(values)
    chance.shuffle(keys)  # type: ignore[attr-defined]
    assert percentiles(ranking, {key: values[key] for key in keys}) == found
    assert percentiles(ranking, {key: 10 * value for key, value in values.items()}) == found
    assert percentiles(ranking, {key: math.log1p(value) - 3 for key, value in values.items()}) == found
    turned = percentiles(ranking, {key: -value for key, value in values.items()})
    assert all(math.isclose(turned[key], 1 - found[key], abs_tol=1e-12) for key in values)


@SMALL
@given(VALUES, st.integers(-1, 41).map(float))
def test_one_more_area_moves_the_others_by_its_own_rank_only(
    ranking: duckdb.DuckDBPyConnection, values: dict[str, float], added: float
) -> None:
    """n·P + ½ is a rank: it stays below the new area, rises by one above it and by a half beside it; the order stays."""
    before = percentiles(ranking, values)
    after = percentiles(ranking, {**values, "BU99990000": added})
    n = len(values)
    for code, x in values.items():
        step = 1.0 if added < x else 0.5 if added == x else 0.0
        assert math.isclose(after[code] * (n + 1), before[code] * n + step, abs_tol=1e-9)
        assert abs(after[code] - before[code]) <= 1 / (n + 1) + 1e-12
