"""One session's process: a release opened read-only behind Quack on a loopback port, with nothing else to be reached from it.

Started by pool.py as `python -m beeld.warehouse.serve.worker`; an order on stdin, an answer on stdout, and it ends with stdin.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from dataclasses import asdict, dataclass

import duckdb

from beeld.warehouse.extensions import load_extension

TABLE_FUNCTIONS = (
    "duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions", "duckdb_indexes", "duckdb_keywords",
    "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views", "generate_series", "json_each", "json_tree",
    "pragma_table_info", "range", "unnest",
)  # fmt: skip
"""What may stand after FROM besides tables: what clients ask to know the tables, and series. No readers of files."""

FORBIDDEN_SCALARS = ("write_log",)
"""The one other function that leaves something behind. What starts with `quack_` is forbidden too."""

REFUSED = "Authorization failed"
"""What Quack says when MAY_RUN is not true; the front says why."""

MAY_RUN = f"""
create macro toegang.main.mag_vraag(sessie, vraag) as coalesce((
    select json_extract_string(boom, '$.error_type') = 'parser'
        or json_array_length(boom, '$.statements') = 1
        and len(list_filter(json_extract_string(boom, '$..function.function_name'), f -> lower(f) not in {TABLE_FUNCTIONS!r})) = 0
        and len(list_filter(json_extract_string(boom, '$..function_name'),
                            f -> starts_with(lower(f), 'quack_') or list_contains({list(FORBIDDEN_SCALARS)!r}, lower(f)))) = 0
    from (select json_serialize_sql(vraag::varchar)::json as boom)), false)
"""
"""True for exactly one reading statement without functions that reach beyond the release. DuckDB's own parser decides: only a
statement that reads can be written as JSON. What it cannot parse at all may pass, so that the user gets its message."""


@dataclass(frozen=True)
class Order:
    """What a worker is asked: the file of a release, the token that the front will give, its limits."""

    warehouse: str
    token: str
    memory_mb: int
    threads: int

    def as_line(self) -> str:
        """As it goes over stdin."""
        return json.dumps(asdict(self)) + "\n"


def main() -> None:
    """Serve until stdin ends."""
    try:
        order = Order(**json.loads(sys.stdin.readline()))
        con = open_guarded(order)
        port = listen(con, order.token)
        shut_in(order)
        answer = {"port": port}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # at once, also when a statement is still running


def shut_in(order: Order) -> None:
    """From here on no file grows by anything this process does, and what DuckDB does not count towards its limit has one too."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    most = (2 * order.memory_mb + 2048) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def open_guarded(order: Order) -> duckdb.DuckDBPyConnection:
    """The release, read-only, with Quack loaded, one statement allowed at a time, and every door closed and locked."""
    con = duckdb.connect(
        order.warehouse,
        read_only=True,
        config={
            "memory_limit": f"{order.memory_mb}MB",
            "threads": order.threads,
            "temp_directory": "",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_persistent_secrets": "false",
            "python_enable_replacements": "false",
        },
    )
    for name in ("httpfs", "quack"):  # Quack takes its random numbers for sessions from the encryption of httpfs
        load_extension(con, name)
    con.execute("attach ':memory:' as toegang (read_write)")
    con.execute(MAY_RUN)
    con.execute("set global quack_authorization_function = 'toegang.main.mag_vraag'")
    con.execute("set global enable_external_access = false")
    con.execute("set global lock_configuration = true")
    return con


def listen(con: duckdb.DuckDBPyConnection, token: str) -> int:
    """Start Quack on a free loopback port; the port. `token` is hexadecimal, 64 long.

    Another process may take the port first, so a few are tried.
    """
    for tried in range(8):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        try:
            # as text: with a parameter DuckDB plans the call twice, and the second server waits a second for the port
            con.execute(f"call quack_serve('quack:127.0.0.1:{port}', token := '{int(token, 16):064x}')")
        except duckdb.Error:
            if tried == 7:
                raise
        else:
            return port
    raise AssertionError("unreachable")


if __name__ == "__main__":
    main()
