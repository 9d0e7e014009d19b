"""`beeld publish`: a copy of the current release somewhere else.

    run.py      which kind of target it is (`KINDS`, `kind_of`), and what is the same for all
    folder.py   a folder that looks like a home: releases/<id>/ and current
    archive.py  a zip of the pages
    ../ducklake.py  a snapshot of a DuckLake

A new kind of target is a function of the shape `run.Publish` and a line in `run.KINDS`.
"""
