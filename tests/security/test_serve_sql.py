"""What a session of `beeld serve` may run is decided by DuckDB's own parser, and held against it here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beeld.errors import UsageError
from beeld.warehouse import extensions
from beeld.warehouse.serve.worker import FORBIDDEN_SCALARS, TABLE_FUNCTIONS, Order, listen, open_guarded
from tests.reliability.serving import client, publish_small

TOKEN = f"{7:064x}"

PIECES = st.sampled_from(
    [
        "select", "from", "gebied", "1", "*", ";", "--", "/*", "*/", "'", '"', "$$", "(", ")", ",", "with a as", "insert into",
        "values", "create table x as", "copy", "to 'x.csv'", "attach 'x'", "set threads = 1", "pragma", "call", "explain",
        "quack_stop('x')", "read_csv('x')", "union all", "analyze", "describe", "begin", "drop table", "pivot", "on", "using",
        "\n", "\x00", "\u00a0", "E'\\''", "::json",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection of a session, in this process."""
    folder = publish_small(tmp_path_factory.mktemp("mag") / "data", "r000")
    with open_guarded(Order(str(folder / "r000.duckdb"), TOKEN, 200, 1)) as opened:
        yield opened


@pytest.fixture(scope="module")
def allowed(con: duckdb.DuckDBPyConnection) -> Callable[[str], bool]:
    """Whether a session may run a statement."""

    def ask(sql: str) -> bool:
        row = con.execute("select toegang.main.mag_vraag('sessie', ?)", [sql]).fetchone()
        assert row is not None
        assert isinstance(row[0], bool)
        return row[0]

    return ask


@given(st.one_of(st.lists(PIECES, max_size=9).map(" ".join), st.text(max_size=60)))
@example("select 1;;")
@example("select 1 -- ; drop table x")
@example("select 1 /* */; select 2")
@example("")
def test_what_is_allowed_is_one_reading_statement_or_none_at_all(
    con: duckdb.DuckDBPyConnection, allowed: Callable[[str], bool], sql: str
) -> None:
    """Allowed and parsed: a single SELECT. What does not parse may pass, since it cannot run."""
    if not allowed(sql):
        return
    try:
        statements = con.extract_statements(sql)
    except (duckdb.Error, UnicodeError):
        return
    assert [statement.type for statement in statements] == [duckdb.StatementType.SELECT]


def test_every_function_of_a_from_is_on_the_list_or_refused(
    con: duckdb.DuckDBPyConnection, allowed: Callable[[str], bool]
) -> None:
    names = con.execute(
        "select distinct function_name from duckdb_functions() where function_type in ('table', 'table_macro', 'pragma')"
    ).fetchall()
    assert len(names) > 80
    assert {name for (name,) in names if allowed(f'from "{name}"()')} <= set(TABLE_FUNCTIONS)
    assert set(TABLE_FUNCTIONS) - {"unnest"} <= {name for (name,) in names}


def test_every_scalar_with_an_effect_is_refused(con: duckdb.DuckDBPyConnection, allowed: Callable[[str], bool]) -> None:
    volatile = con.execute(
        "select distinct function_name from duckdb_functions() where function_type = 'scalar' and stability = 'VOLATILE'"
    ).fetchall()
    harmless = {
        "current_connection_id", "current_query", "current_query_id", "current_transaction_id", "currval", "error", "nextval",
        "gen_random_uuid", "random", "setseed", "sleep_ms", "stats", "uuid", "uuidv4", "uuidv7",
    }  # fmt: skip
    known = harmless | set(FORBIDDEN_SCALARS)
    assert {name for (name,) in volatile if name not in known and allowed(f"select {name}()")} == set()
    assert not allowed("select WRITE_LOG('x')")


def test_doors_are_shut_below_the_list(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Even without the list: read-only, no file, no extension, no setting."""
    for sql in (
        "create table x as select 1",
        "delete from gebied",
        f"copy gebied to '{tmp_path / 'x.csv'}'",
        "from read_csv('/etc/passwd')",
        f"attach '{tmp_path / 'x.duckdb'}' as x",
        "install icu from community",
        "set global enable_external_access = true",
        "set global lock_configuration = false",
        "set global quack_authorization_function = 'quack_nop_authorization'",
        "set memory_limit = '100GB'",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(sql)
    assert list(tmp_path.iterdir()) == []


def test_a_session_listens_on_this_machine(con: duckdb.DuckDBPyConnection) -> None:
    port = listen(con, TOKEN)
    with client() as other:
        sql = f"from quack_query('quack:127.0.0.1:{port}', 'select count(*) from gebied', token := '{TOKEN}')"
        assert other.execute(sql).fetchall() == [(499,)]
        with pytest.raises(duckdb.Error, match="Authorization failed"):
            other.execute(sql.replace("select count(*) from gebied", "drop table gebied"))
        with pytest.raises(duckdb.Error, match="Authentication failed"):
            other.execute(sql.replace(TOKEN, "abcd"))
    con.execute(f"call quack_stop('quack:127.0.0.1:{port}')")


def test_a_missing_extension_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="quack is not there") as missing:
        extensions.extension_file("quack")
    assert "duckdb-extension-quack" in missing.value.message
