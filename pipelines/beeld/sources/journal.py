"""What a fetch that broke off leaves for the next one: a line per document that was received whole.

    bouw/ophalen-<bron>-<tabel>/ophalen.jsonl         a line with the state of the source, then one line per document
    bouw/ophalen-<bron>-<tabel>+<way>/ophalen.jsonl   the same for each way to a table that has more than one

A journal is believed as a whole or not at all, and a document only when its bytes still have the hash that stands here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

JOURNAL = "ophalen.jsonl"
VERSION = 1
MAX_AGE = 7 * 24 * 3600.0
"""Seconds after which a broken-off fetch is litter: a source may change without saying so (facts/CBS.md section 1.7)."""


class Stale(Exception):
    """What an earlier fetch left cannot be taken up: it is not what its journal says, or the service went on. Begin anew."""


@dataclass(frozen=True)
class Document:
    """One archived reply. `sha256` and `bytes` are those of the body, not of the gzip file around it.

    `inhoud` is the sha256 of what the reply says, without the time of day and the address that some services put in each reply.
    """

    naam: str
    url: str
    sha256: str
    inhoud: str
    bytes: int
    opgehaald: str


def begin(folder: Path, state: str) -> None:
    """An empty journal for a fetch of a source in this state."""
    _append(folder, {"versie": VERSION, "stand": state})


def note(folder: Path, document: Document) -> None:
    """One more document is whole."""
    _append(folder, asdict(document))


def _append(folder: Path, content: dict[str, object]) -> None:
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(content, ensure_ascii=False) + "\n")


def kept(folder: Path, state: str) -> dict[str, Document]:
    """The documents that an earlier fetch of the same state left, by name; none when anything about the journal is wrong.

    None either when one of them is older than MAX_AGE, however often the fetch was taken up since.
    """
    oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - MAX_AGE))
    try:
        head, *lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
        if json.loads(head) != {"versie": VERSION, "stand": state}:
            return {}
        documents = [Document(**json.loads(line)) for line in lines]
        if any(document.opgehaald < oldest for document in documents):
            return {}
    except (OSError, ValueError, TypeError):
        return {}
    return {document.naam: document for document in documents}


def discard(scratch: Path, bron: str, tabel: str) -> None:
    """Nothing is left of a broken-off fetch of a table, whichever way it went."""
    folder = place(scratch, bron, tabel)
    for path in (folder, *scratch.glob(f"{folder.name}+*")):
        shutil.rmtree(path, ignore_errors=True)


def place(scratch: Path, bron: str, tabel: str, way: str = "") -> Path:
    """Where a table is fetched to. Each way has its own place: their pages have the same names, and each may break off."""
    tail = f"+{hashlib.sha256(way.encode()).hexdigest()[:8]}" if way else ""
    return scratch / f"ophalen-{bron}-{tabel}{tail}"


def resumable(folder: Path) -> bool:
    """True for the folder of a broken-off fetch that the next fetch may take up."""
    journal = folder / JOURNAL
    return folder.name.startswith("ophalen-") and journal.is_file() and time.time() - journal.stat().st_mtime < MAX_AGE
