"""An export from start to finish."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beeld.errors import UsageError
from beeld.settings import Settings
from beeld.warehouse.export import csv_files, dictionary, geopackage, parquet_files, workbook
from beeld.warehouse.export.book import Book
from beeld.warehouse.export.job import Job, Note, open_job
from beeld.warehouse.export.place import INDEX, KIND, new_folder
from beeld.warehouse.read import current_release
from beeld.warehouse.release import sha256_of
from beeld.warehouse.retention import using
from beeld.warehouse.room import need_room

WRITERS: Mapping[str, Callable[[Job], list[Note]]] = {
    "parquet": parquet_files.write,
    "csv": csv_files.write,
    "xlsx": workbook.write,
    "gpkg": geopackage.write,
}
"""A format by its name; each writes its files in the folder and says what it could not hold."""
ROOM: Mapping[str, float] = {"parquet": 2, "csv": 40, "xlsx": 40, "gpkg": 5}
"""Bytes that a format may take, as a multiple of the release's Parquet files; on the safe side of docs/benchmarks.md."""


@dataclass(frozen=True)
class Exported:
    """The folder, and what the user should know of it."""

    folder: Path
    release: str
    notes: tuple[str, ...]


def chosen(text: str) -> tuple[str, ...]:
    """The formats of a comma-separated list, in our own order; UsageError for one that does not exist, or for none."""
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    if unknown := sorted(words - set(WRITERS)):
        raise UsageError(f"there is no format '{unknown[0][:40]}'", where="--format", todo=f"Choose of {', '.join(WRITERS)}")
    if not words:
        raise UsageError("no format was named", where="--format", todo=f"Choose of {', '.join(WRITERS)}")
    return tuple(name for name in WRITERS if name in words)


def export_release(
    settings: Settings, folder: Path, formats: Sequence[str], say: Callable[[str], None] = lambda _message: None
) -> Exported:
    """Write the current release to `folder`; UsageError when the folder holds anything but an earlier export."""
    release = current_release(settings)
    with using(release), new_folder(folder, settings.home) as fresh:
        parquet = sum(path.stat().st_size for path in (release / "parquet").glob("*.parquet"))
        need_room(fresh, int(parquet * sum(ROOM[name] for name in formats)), "the export")
        with open_job(release, fresh, say) as job:
            notes = [note for name in formats for note in WRITERS[name](job)]
            write_words(job, formats, notes)
        shutil.rmtree(job.scratch)
        write_index(fresh, job.book, formats)
    return Exported(folder.expanduser().resolve(), release.name, tuple(note.user for note in notes))


def write_words(job: Job, formats: Sequence[str], notes: Sequence[Note]) -> None:
    """The dictionary in its three forms, and LEESMIJ.txt."""
    job.say("dictionary")
    texts = {
        f"{dictionary.NAME}.md": dictionary.as_markdown(job.book, notes),
        f"{dictionary.NAME}.html": dictionary.as_html(job.book, notes),
        f"{dictionary.NAME}.csv": dictionary.as_csv(job.book),
        dictionary.README: dictionary.readme(job.book, formats, notes, csv_files.GUARD_TEXT),
    }
    for name, text in texts.items():
        (job.folder / name).write_text(text, encoding="utf-8", newline="\n")


def write_index(folder: Path, book: Book, formats: Sequence[str]) -> None:
    """`export.json`: what this is, and sha256 and size of every file; also how a later export knows that it may replace it."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    index = {
        "soort": KIND,
        "release": book.release,
        "gemaakt_op": book.made_on,
        "methode_versie": book.method,
        "code_versie": book.code,
        "voorbeeld": book.example,
        "formaten": list(formats),
        "bestanden": files,
    }
    (folder / INDEX).write_text(json.dumps(index, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
