"""`beeld export`: a release as files that other programs read, with a dictionary that says what is in them.

    run.py         the order of the steps, what goes into every export, export.json
    place.py       the folder: made beside its place, put there in one step, never over anything else
    book.py        what a release says of its own tables: read from its comments, constraints and catalogue
    dictionary.py  that book for people: gegevenswoordenboek.md, .html and .csv, and LEESMIJ.txt
    job.py         what every format gets: the release, open for reading, its book, the folder
    parquet_files.py csv_files.py workbook.py geopackage.py    a format each; `run.WRITERS` names them

Everything comes from the release itself, never from the declarations of today, so that an old release is described as it was.
"""
