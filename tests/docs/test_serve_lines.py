"""The lines that a page tells a user to type in DuckDB are typed, at a server of the example."""

from pathlib import Path

import duckdb

from tests.reliability.serving import client, serving

from .test_docs import FENCE, page

PROMISED = "attach 'quack:127.0.0.1:9494' as beeld (token 'UW TOKEN')"


def test_lines_for_duckdb(docs_home: Path, tmp_path: Path) -> None:
    blocks = [body for kind, body in FENCE.findall(page("docs/beleidsmaker.md")) if kind == "duckdb"]
    assert len(blocks) == 2
    home = tmp_path / "data"
    home.mkdir()
    (home / "current").symlink_to((docs_home / "current").resolve())
    with serving(home, "--no-site") as server, client() as con:
        (line,) = [line for line in server.said if line.startswith("attach")]
        assert line.replace(f":{server.sql}'", ":9494'").replace("YOUR TOKEN", "UW TOKEN") == PROMISED
        text = "".join(blocks).replace("9494", str(server.sql)).replace("UW TOKEN", server.token)
        answers = []
        for statement in con.extract_statements(text):
            if statement.type != duckdb.StatementType.LOAD:  # install asks a host elsewhere; `client` has loaded both
                answers.append(con.execute(statement).fetchall())
        assert any(row[0] == "Voorbeeldstad" for row in answers[1])
        count = con.execute("select count(*) from buurten").fetchone()
        assert count is not None
        assert count[0] > 5
