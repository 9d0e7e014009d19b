"""`beeld serve`: reading only, for whom has a token, within limits; the site; how it starts and stops."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from beeld.warehouse import release
from beeld.warehouse.retention import retain
from beeld.warehouse.serve import wire
from beeld.warehouse.serve.site import HEADERS
from beeld.warehouse.serve.sql import ENDED, MOST_BYTES, NO_SUCH_USER, ONLY_READING
from beeld.warehouse.serve.tokens import new_token
from tests.reliability.serving import (
    WHICH_RELEASE,
    Serving,
    asked,
    built_small,
    client,
    environment,
    publish_small,
    serving,
    settings_of,
)
from tests.reliability.worlds import CommandLine

ENDLESS = "select count(*) from range(1000000) a, range(10000000) b"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of one release, with three seconds for a statement."""
    home = tmp_path_factory.mktemp("serve") / "data"
    publish_small(home, "r000")
    with serving(home, limits="seconden = 3\ngeheugen_mb = 200\nsessies = 6") as running:
        yield running


@pytest.fixture
def con(server: Serving) -> Iterator[duckdb.DuckDBPyConnection]:
    """A client with the release attached."""
    with server.attached() as attached:
        yield attached
        attached.execute("detach beeld")


def fetched(server: Serving, target: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """An answer of the site; the path goes out as it is."""
    host, port = server.site.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def posted(server: Serving, body: bytes, path: str = "/quack") -> tuple[int, bytes]:
    """The answer of the SQL endpoint to bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.sql, timeout=10)
    connection.request("POST", path, body)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


# ---------------------------------------------------------------- reading, and nothing else


@pytest.mark.parametrize(
    "sql",
    [
        WHICH_RELEASE,
        "from gebied limit 1",
        "with a as (select 1 as x) select * from a, range(3)",
        "values (1)",
        "describe gebied",
        "show all tables",
        "summarize indicator",
        "select table_name, comment from duckdb_tables() where not internal",
        "select geometrie from gebied limit 1",
        "select 'quack_stop' as naam",
        "select unnest([1, 2])",
    ],
)
def test_reading_statements(sql: str, con: duckdb.DuckDBPyConnection) -> None:
    assert asked(con, sql)


def test_the_answer_is_the_release(con: duckdb.DuckDBPyConnection) -> None:
    assert asked(con, WHICH_RELEASE) == [("r000",)]
    assert con.execute("select count(*), min(naam) from beeld.gebied").fetchall() == [(499, "r000")]
    assert con.execute("select ST_AsText(geometrie) from beeld.query('from gebied limit 1')").fetchall() == [("POINT (1 2)",)]


@pytest.mark.parametrize(
    "sql",
    [
        "create table x as select 1",
        "create temp table x as select 1",
        "create view x as select 1",
        "create macro m() as 1",
        "create macro toegang.main.mag_vraag(a, b) as true",
        "create secret (type quack, token 'abcd')",
        "insert into gebied select * from gebied",
        "with a as (select 1) insert into gebied select * from gebied",
        "update gebied set naam = 'x'",
        "delete from gebied",
        "drop table gebied",
        "alter table gebied rename to g",
        "copy gebied to '{tmp}/uit.csv'",
        "copy (select 1) to '{tmp}/uit.parquet' (format parquet)",
        "export database '{tmp}/uit'",
        "attach '{tmp}/ander.duckdb' as x",
        "attach ':memory:' as x",
        "detach toegang",
        "use toegang",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "set global enable_external_access = true",
        "set global quack_authorization_function = 'quack_nop_authorization'",
        "reset global lock_configuration",
        "pragma database_list",
        "call quack_stop('quack:127.0.0.1:9494')",
        "from quack_stop('quack:127.0.0.1:9494')",
        "select * from gebied, (select * from QUACK_active_connections())",
        "from quack_serve('quack:127.0.0.1:9999', token := 'abcd')",
        "from quack_query('quack:127.0.0.1:9999', 'select 1', token := 'abcd')",
        "select quack_check_token('a', 'b', 'c')",
        "select write_log('x')",
        "from query('drop table gebied')",
        "from query_table('gebied')",
        "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "from read_csv('/etc/passwd')",
        "select (select content from read_text('/etc/passwd'))",
        "from main.read_blob('/etc/passwd')",
        "from sniff_csv('/etc/passwd')",
        "from glob('/etc/*')",
        "from parquet_metadata('/etc/passwd')",
        "from duckdb_settings()",
        "from duckdb_secrets()",
        "from pandas_scan(1)",
        "select 1; select 2",
        "select 1; drop table gebied",
        "explain analyze create table x as select 1",
        "begin",
        "checkpoint",
        "vacuum",
        "prepare p as select 1",
        "execute p",
        "load_aggressively",
    ],
)
def test_everything_else_is_refused(sql: str, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error) as refused:
        asked(con, sql.format(tmp=tmp_path))
    if sql != "load_aggressively":
        assert ONLY_READING in str(refused.value)
    else:
        assert "syntax error" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sql", ["from '/etc/passwd'", "from '/etc/passwd.csv'", "from 'http://127.0.0.1:1/a.parquet'"])
def test_a_file_is_no_table(sql: str, con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match=r"does not exist|disabled by configuration"):
        asked(con, sql)


def test_a_client_cannot_write_through_what_it_attached(con: duckdb.DuckDBPyConnection) -> None:
    for sql in (
        "create table beeld.x (a integer)",
        "insert into beeld.cluster values (1, 'a', 'b', 0.5)",
        "drop table beeld.gebied",
    ):
        with pytest.raises(duckdb.Error, match="refused"):
            con.execute(sql)


def test_nothing_of_the_release_has_changed(server: Serving) -> None:
    folder = server.home / "releases/r000"
    assert release.damage(folder) == []
    assert {path.name for path in folder.iterdir()} == {
        "r000.duckdb", "manifest.json", "geheim.html", "parquet", "site",
    }  # fmt: skip


def test_an_error_of_sql_is_told_as_duckdb_tells_it(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match='"bestaat_niet" not found'):
        asked(con, "select bestaat_niet from gebied")


# ---------------------------------------------------------------- bytes that are no message of a client


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xff", b"\x02\x00\xff", b"GET /", b"\x01\x00" + b"\xff" * 40])
def test_what_is_no_message_is_refused(body: bytes, server: Serving) -> None:
    assert posted(server, body)[0] == 400


def test_other_addresses_and_large_messages_are_refused(server: Serving) -> None:
    assert posted(server, b"", "/")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", server.sql, timeout=10)
    connection.putrequest("POST", "/quack")
    connection.putheader("Content-Length", str(MOST_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_message_for_a_session_that_does_not_exist(server: Serving) -> None:
    for kind in (wire.PREPARE, wire.FETCH, wire.DISCONNECT):
        status, answer = posted(server, b"\x01\x00" + bytes([kind]) + b"\x02\x00\x04abcd\xff\xff\xff\xff")
        assert (status, wire.first_text(answer, wire.header_of(answer))) == (200, ENDED)


# ---------------------------------------------------------------- limits


def test_a_statement_that_takes_too_long_is_stopped_and_hurts_nobody(server: Serving) -> None:
    with server.attached() as other, ThreadPoolExecutor(1) as pool:
        impatient = server.attached()
        begun = time.monotonic()
        waiting = pool.submit(asked, impatient, ENDLESS)
        while not waiting.done():
            assert asked(other, "select 1") == [(1,)]
        with pytest.raises(duckdb.Error, match="longer than 3 seconds"):
            waiting.result()
        assert 2.5 < time.monotonic() - begun < 8
        with pytest.raises(duckdb.Error, match=ENDED):
            asked(impatient, "select 1")
    with server.attached() as again:
        assert asked(again, "select 1") == [(1,)]


def test_memory_has_an_end(server: Serving, con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match="failed to allocate"):
        asked(con, "select list(repeat('x', 100000) || i) from range(100000) t(i)")
    assert asked(con, "select 1") == [(1,)]
    assert not list(server.home.rglob("*.tmp"))


def test_more_sessions_than_there_may_be(tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    with serving(tmp_path, "--no-site", limits="sessies = 2") as small, small.attached(), small.attached() as second:
        with pytest.raises(duckdb.Error, match="all 2 sessions are in use"):
            small.attached()
        second.execute("detach beeld")
        with small.attached() as third:
            assert asked(third, "select 1") == [(1,)]


# ---------------------------------------------------------------- who may ask


def test_a_wrong_token_is_refused(server: Serving) -> None:
    for token in ("fout", "x" * 5000, "'; drop table gebied; --"[:20].replace("'", ""), server.token[:-1]):
        with pytest.raises(duckdb.Error, match=NO_SUCH_USER):
            server.attached(token)


def test_a_new_token_ends_the_old_one_without_a_restart(tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    file = tmp_path / "tokens.toml"
    with serving(tmp_path, "--no-site") as running, running.attached() as old:
        assert asked(old, "select 1") == [(1,)]
        bram = new_token(file, "bram")
        with running.attached(bram) as of_bram:
            anna = new_token(file, "anna")
            with pytest.raises(duckdb.Error, match=NO_SUCH_USER):
                running.attached(running.token)
            wait_for_end(old)
            with running.attached(anna) as new:
                assert asked(new, "select 1") == [(1,)]
            assert asked(of_bram, "select 1") == [(1,)]
            file.chmod(0o644)
            with pytest.raises(duckdb.Error, match="others than you can read"):
                running.attached(anna)
            wait_for_end(of_bram)
        assert running.process.poll() is None
        kept = "\n".join(path.read_text("utf-8", "replace") for path in tmp_path.glob("*") if path.is_file())
        told = "\n".join(running.said) + Path(f"/proc/{running.process.pid}/cmdline").read_text("utf-8")
        assert [token for token in (running.token, anna, bram) if token in kept + told] == []
        assert "anna is connected" in told


def wait_for_end(con: duckdb.DuckDBPyConnection) -> None:
    """Until the session of a client has ended; fails after five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with suppress(duckdb.Error):
            asked(con, "select 1")
            time.sleep(0.1)
            continue
        break
    with pytest.raises(duckdb.Error, match=ENDED):
        asked(con, "select 1")


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("[gebruikers]\nanna = 'geheim'\n", 0o600, "not of the form"),
        ("[gebruikers]\n", 0o600, "something else"),
        ("anna = 'sha256:x'\n", 0o600, "something else"),
        ("[gebruikers\n", 0o600, "as TOML"),
        ("[gebruikers]\n'a b' = 'sha256:" + "0" * 64 + "'\n", 0o600, "not of the form"),
        ("[gebruikers]\nanna = 'sha256:" + "0" * 64 + "'\n", 0o640, "others than you"),
    ],
)
def test_a_file_of_tokens_that_is_not_right(text: str, mode: int, message: str, tmp_path: Path, beeld: CommandLine) -> None:
    publish_small(tmp_path, "r000")
    file = tmp_path / "tokens.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    ending = beeld(settings_of(tmp_path), "serve", "--port", "0", "--sql-port", "0")
    assert ending.code == 2
    assert message in ending.err
    assert str(file) in ending.err
    assert "geheim" not in ending.err


def test_new_token_is_printed_once_and_kept_as_a_hash(tmp_path: Path, beeld: CommandLine) -> None:
    ending = beeld(settings_of(tmp_path), "serve", "--new-token", "a.b")
    token = ending.out.strip()
    file = tmp_path / "tokens.toml"
    assert ending.code == 0
    assert len(token) >= 43
    assert token not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    assert beeld(settings_of(tmp_path), "serve", "--new-token", "a b").code == 2


# ---------------------------------------------------------------- start and stop


def test_what_it_does_not_start_on(tmp_path: Path, beeld: CommandLine) -> None:
    settings = settings_of(tmp_path)
    assert "no release yet" in beeld(settings, "serve").err
    publish_small(tmp_path, "r000")
    away = beeld(settings, "serve", "--host", "192.0.2.1")
    assert (away.code, "this machine only" in away.err) == (2, True)
    assert "nobody has a token yet" in beeld(settings, "serve").err  # no terminal to show one on
    new_token(tmp_path / "tokens.toml", "anna")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words in (("--port", port, "--sql-port", "0"), ("--port", "0", "--sql-port", port)):
            ending = beeld(settings, "serve", *words)
            assert (ending.code, "cannot listen" in ending.err) == (2, True)
    assert beeld(settings, "serve", "--host", "geen.adres.invalid").code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_within_five_seconds_and_leaves_no_process(number: int, tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    with serving(tmp_path) as running, ThreadPoolExecutor(1) as pool:
        con = running.attached()
        waiting = pool.submit(asked, con, ENDLESS)
        time.sleep(0.5)
        children = running.children()
        assert children
        assert running.stop(number) == 0
        with pytest.raises(duckdb.Error):
            waiting.result()
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    assert "stopped" in running.said


def test_sessions_end_with_a_front_that_was_killed(tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    with serving(tmp_path) as running:
        con = running.attached()
        children = running.children()
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        with pytest.raises(duckdb.Error):
            asked(con, "select 1")
        until = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < until:
            time.sleep(0.05)
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def test_a_running_question_ends_on_its_own_release(tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    next_one = built_small(tmp_path, "r001")
    with serving(tmp_path) as running, running.attached() as con, ThreadPoolExecutor(1) as pool:
        slow = "select release, sleep_ms(3000) from release"
        waiting = pool.submit(asked, con, slow)
        time.sleep(0.3)
        release.publish(settings_of(tmp_path), next_one, "r001")
        assert not waiting.done()  # asked before it and answered after it
        with running.attached() as new:
            assert asked(new, WHICH_RELEASE) == [("r001",)]
        assert waiting.result()[0][0] == "r000"
        assert asked(con, WHICH_RELEASE) == [("r000",)]
        con.execute("detach beeld")
        con.execute(f"attach '{running.uri}' as beeld (token '{running.token}')")
        assert asked(con, WHICH_RELEASE) == [("r001",)]
        assert b"r001" in fetched(running, "/")[2]


# ---------------------------------------------------------------- the site


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/?x=1#y", "text/html; charset=utf-8"),
        ("/gebied/GM0001/", "text/html; charset=utf-8"),
        ("/kaart/a%20b.svg", "image/svg+xml"),
    ],
)
def test_pages(target: str, kind: str, server: Serving) -> None:
    status, headers, body = fetched(server, target)
    assert (status, body) == (200, b"<p>r000</p>")
    assert headers["Content-Type"] == kind
    assert HEADERS.items() <= headers.items()
    assert fetched(server, target, "HEAD")[0] == 200
    assert fetched(server, target, "HEAD")[2] == b""
    status, headers, body = fetched(server, target, If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")
    assert fetched(server, target, If_None_Match='"anders"')[0] == 200


@pytest.mark.parametrize(
    "target",
    [
        "/geheim.html",
        "/../geheim.html",
        "/gebied/../../geheim.html",
        "/%2e%2e/geheim.html",
        "/..%2fgeheim.html",
        "/..%5cgeheim.html",
        "/%252e%252e/geheim.html",
        "/....//geheim.html",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/etc/passwd%00.html",
        "/index.html%00",
        "/index.html/",
        "/manifest.json",
        "/r000.duckdb",
        "/gebied",
        "/gebied/",
        "/kaart/",
        "/GEBIED/GM0001/",
        "/%ff%fe",
        "/gebied/GM0001/index.html/../index.html",
        "http://127.0.0.1/../geheim.html",
    ],
)
def test_nothing_but_pages(target: str, server: Serving) -> None:
    status, headers, body = fetched(server, target)
    assert status == 404
    assert HEADERS.items() <= headers.items()
    assert b"not under site/" not in body
    assert b"root:" not in body


def test_a_folder_is_moved_to_its_page_on_the_same_host(server: Serving) -> None:
    status, headers, _ = fetched(server, "/gebied/GM0001")
    assert (status, headers["Location"]) == (301, "/gebied/GM0001/")
    assert fetched(server, "//elders.nl/%2e%2e")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_only_reading_methods(method: str, server: Serving) -> None:
    assert fetched(server, "/", method)[0] == 501


def test_only_this_machine_is_listened_to(server: Serving) -> None:
    listening = {
        line.split()[1].split(":")[0]
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        if int(line.split()[1].split(":")[1], 16) in {server.sql, int(server.site.rsplit(":", 1)[1])} and line.split()[3] == "0A"
    }
    assert listening == {"0100007F"}


def test_a_terminal_is_shown_a_token_for_this_run(tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    ours, theirs = os.openpty()
    words = [sys.executable, "-m", "beeld.cli", "serve", "--port", "0", "--sql-port", "0"]
    surroundings = {**environment(), "BEELD_HOME": str(tmp_path)}
    with subprocess.Popen(words, cwd=tmp_path, env=surroundings, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        with os.fdopen(ours, encoding="utf-8") as terminal:
            line = next(line.strip() for line in terminal if line.startswith("attach"))
            with client() as con:
                con.execute(line)
                assert asked(con, WHICH_RELEASE) == [("r000",)]
            process.terminate()
            token = line.split("'")[3]
            assert process.stderr is not None
            assert token not in process.stderr.read().decode()
        assert process.wait(timeout=5) == 0
    assert not (tmp_path / "tokens.toml").exists()


@pytest.mark.parametrize(
    "sql",
    ["select " + "(" * 100_000 + "1" + ")" * 100_000, "select " + "1+" * 100_000 + "1", "select " + "1," * 100_000 + "1"],
    ids=["nested", "deep", "wide"],
)
def test_a_statement_that_is_made_to_hurt_hurts_nobody(sql: str, server: Serving) -> None:
    with server.attached() as hurtful, server.attached() as other:
        with suppress(duckdb.Error):
            asked(hurtful, sql)
        assert asked(other, WHICH_RELEASE) == [("r000",)]
    assert server.process.poll() is None


def test_a_release_that_a_session_uses_is_not_cleared_away(tmp_path: Path) -> None:
    publish_small(tmp_path, "r000")
    settings = replace(settings_of(tmp_path), keep_releases=1)
    with serving(tmp_path, "--no-site") as running, running.attached() as con:
        for number in (1, 2):
            publish_small(tmp_path, f"r00{number}")
        assert retain(settings) == ()
        assert asked(con, WHICH_RELEASE) == [("r000",)]
        con.execute("detach beeld")
        until = time.monotonic() + 10
        while not (gone := retain(settings)) and time.monotonic() < until:
            time.sleep(0.2)
        assert gone == ("r000",)
