"""`beeld serve`: the current release as a read-only SQL endpoint for DuckDB clients (Quack) and as a site over HTTP.

    client ── sql.py ── worker.py   one process per session, each with one release open read-only; pool.py keeps them
    browser ─ site.py               the files that the manifest of the current release names

Why a process per session. DuckDB 1.5 has no limit of time for a statement and Quack 1.5 no way to break one off, so a process is
all that can be stopped without hurting anyone else. It also makes a session keep its release: a client that joins two
attached tables asks for them in two statements, and those must never come from two releases. And what one user does to the memory
or, by a bug, to the server, ends with that user's session.
"""
