"""No SQL is put together from text, except in the reviewed places below (RELIABILITY.md S3).

The linter's own rule (S608) is off, because SQL identifiers cannot be parameters. This list takes its place: a new place fails
here and has to be reviewed: what is put in, and which pattern or closed list it went through.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import beeld

PACKAGE = Path(beeld.__file__).parent
SQL = re.compile(
    r"^\s*\(?\s*(select|insert into|update|delete from|create|drop|alter|copy|attach|detach|with)\b"
    r"|^\s*(describe|pragma|use|left join|case)\b"
    r"|\b(select .* from|from (basis|werk)\.|left join|group by)\b",
    re.IGNORECASE | re.DOTALL,
)

NAMES = "names of declarations: Identifier, TableName, AreaCode (sources/declarations.py)"
CATALOGUE = "ids of the catalogue (Identifier), parsed formulas, repr() of numbers"
FIXED = "constants of the module itself"
OWN = "names of tables and columns of the release itself, quoted (export/book.py); it is attached read-only"
REVIEWED: dict[str, str] = {
    "sources/geopackage.py:rows": "names of the file's own schema, quoted by `quoted`; the database is in memory and read-only",
    "transforms/areas.py:create_areas": NAMES,
    "transforms/areas.py:_kind_sql": FIXED,
    "transforms/areas.py:_gemeente_sql": FIXED,
    "transforms/areas.py:_name_gemeenten": NAMES,
    "transforms/areas.py:_write_linked": NAMES,
    "transforms/areas.py:_place_areas": NAMES,
    "transforms/areas.py:_choose_rows": NAMES,
    "transforms/reallocation.py:divide_counts": NAMES,
    "transforms/reallocation.py:_fill": NAMES,
    "transforms/reallocation.py:_store": NAMES,
    "transforms/indicators.py:_insert": CATALOGUE,
    "transforms/indicators.py:value_sql": CATALOGUE,
    "transforms/indicators.py:_joins_sql": CATALOGUE,
    "transforms/indicators.py:_status_sql": CATALOGUE,
    "transforms/indicators.py:_rounding_sql": CATALOGUE,
    "transforms/scores.py:compute_thresholds": FIXED,
    "transforms/trends.py:compute_change": FIXED,
    "transforms/trends.py:_make_pairs": FIXED,
    "transforms/trends.py:_register": FIXED,
    "transforms/trends.py:_test_pairs": FIXED,
    "transforms/certainty.py:_rewrite": FIXED,
    "transforms/basis.py:create_basis": NAMES,
    "transforms/corrections.py:_apply": NAMES,
    "transforms/corrections.py:_delivered": NAMES,
    "transforms/drift.py:profile_of_rows": NAMES,
    "transforms/basis.py:create_status": FIXED,
    "transforms/margins.py:refuse_inverted": NAMES,
    "transforms/margins.py:bounds_sql": NAMES,
    "transforms/staging_odata_v4.py:_create_piece": "the number of the piece",
    "transforms/staging_odata_v3.py:_piece_sql": NAMES,
    "transforms/staging_odata_v3.py:_shown": NAMES,
    "transforms/staging_odata_v3.py:_cell_sql": NAMES,
    "transforms/staging_odata_v3.py:_refuse_repeats": FIXED,
    "transforms/basis.py:append": NAMES,
    "transforms/basis.py:register_names": "a path of our own, its quotes doubled",
    "transforms/basis.py:finished": NAMES,
    "transforms/shelf.py:put": NAMES,
    "transforms/shelf.py:take": NAMES,
    "warehouse/build.py:open_build": "a path of our own, its quotes doubled",
    "transforms/basis.py:rows_sql": NAMES,
    "transforms/basis.py:_status": NAMES,
    "transforms/basis.py:_undelivered": NAMES,
    "transforms/unions.py:compute_unions": "a row of question marks",
    "warehouse/build.py:_rows": FIXED,
    "warehouse/changes.py:name_editions": "names of public tables of the module itself; a path of our own, its quotes doubled",
    "warehouse/changes.py:publish_changes": FIXED,
    "warehouse/changes.py:take_over": "a path of our own, its quotes doubled",
    "warehouse/build.py:create_profile_view": CATALOGUE,
    "warehouse/checks.py:_range_checks": CATALOGUE,
    "warehouse/checks.py:_overlap_checks": CATALOGUE,
    "warehouse/checks.py:_correction_check": NAMES,
    "warehouse/checks.py:_without_rounding": CATALOGUE,
    "warehouse/checks.py:_band_checks": NAMES,
    "warehouse/checks.py:_null_checks": NAMES,
    "warehouse/checks.py:_known_checks": NAMES,
    "warehouse/checks.py:_part_checks": NAMES,
    "warehouse/checks.py:_hierarchy_check": NAMES,
    "warehouse/crosscheck.py:_differing": FIXED,
    "warehouse/inspect.py:inspect_release": FIXED,
    "warehouse/ducklake.py:_opened": "paths and a checked connection, as a text with its quotes doubled (`literal`)",
    "warehouse/ducklake.py:_write": "names of a release and of a lake, quoted by `quoted`",
    "warehouse/ducklake.py:_comment": "names quoted by `quoted`, comments by `literal`",
    "warehouse/ducklake.py:_verify": "names of public tables, quoted by `quoted`",
    "warehouse/ducklake.py:_names": "table or view",
    "warehouse/serve/worker.py:": "constants of the module itself",
    "warehouse/serve/run.py:attach_line": "a line for the user to type, of an address and a token of our own",
    "warehouse/export/book.py:_tables": OWN,
    "warehouse/export/csv_files.py:_columns_with_empty_text": OWN,
    "warehouse/export/csv_files.py:cell_sql": OWN,
    "warehouse/export/csv_files.py:write": "what job.py:select made; a path that the user names, its quotes doubled",
    "warehouse/export/geopackage.py:_areas": OWN + "; the id of the release, its quotes doubled",
    "warehouse/export/job.py:open_job": "paths, their quotes doubled",
    "warehouse/export/job.py:select": OWN,
    "warehouse/export/parquet_files.py:write": "what job.py:select made; a path that the user names, its quotes doubled",
    "warehouse/release.py:write_release": "names of public tables and their own columns; a path made of the release id",
}


def _functions(tree: ast.AST, name: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name of the function it stands in."""
    for child in ast.iter_child_nodes(tree):
        inner = child.name if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not name else name
        yield inner, child
        yield from _functions(child, inner)


def _text(node: ast.JoinedStr) -> str:
    """The f-string with a placeholder for what is put in; empty when nothing is."""
    if not any(isinstance(part, ast.FormattedValue) for part in node.values):
        return ""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)


def places(package: Path) -> set[str]:
    """`file:function` of every f-string, `.format` or concatenation that reads like SQL."""
    found: set[str] = set()
    for path in sorted(package.rglob("*.py")):
        for function, node in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and SQL.search(_text(node)):
                found.add(f"{path.relative_to(package).as_posix()}:{function}")
    return found


def test_only_reviewed_places_put_names_into_sql() -> None:
    layers = {place for place in places(PACKAGE) if place.startswith(("sources/", "transforms/", "warehouse/"))}
    assert sorted(layers - set(REVIEWED)) == [], "review the new place: what is put into the SQL, and what validated it?"
    assert sorted(set(REVIEWED) - layers) == [], "these places are gone; take them off the list"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(x):\n    return f'select * from {x}'", {"m.py:f"}),
        ("def f(x):\n    return f'  insert into {x} values (1)'", {"m.py:f"}),
        ("def f(x):\n    return f'''with a as (\n select 1) select {x} from a'''", {"m.py:f"}),
        ("def f(x):\n    return 'select * from y'", set()),
        ("def f(x):\n    return f'update of {x} failed'", {"m.py:f"}),
        ("def f(x):\n    return f'the table {x} is empty'", set()),
    ],
)
def test_the_scanner_sees_sql(code: str, found: set[str], tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(code, encoding="utf-8")
    assert places(tmp_path) == found


def test_no_sql_by_percent_or_plus() -> None:
    """f-strings are what the list above sees; the older ways are not used at all."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for _, node in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)):
                left = node.left
                text = left.value if isinstance(left, ast.Constant) and isinstance(left.value, str) else ""
                assert not SQL.search(text), f"{path.name}:{node.lineno}"


def test_nothing_is_evaluated() -> None:
    """No eval, exec, pickle, shell or unsafe YAML anywhere in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for _, node in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "compile", "pickle.loads", "pickle.load", "os.system", "yaml.load"), path
                assert not any(key.arg == "shell" for key in node.keywords), f"{path.name}:{node.lineno}"
