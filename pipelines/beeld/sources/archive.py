"""The raw archive: every delivery as received, one folder per delivery, never changed.

    ruw/<bron>/<tabel>/<first 16 of sha256>/<document>.json.gz   the body of each reply, gzipped with a fixed header
    ruw/<bron>/<tabel>/<first 16 of sha256>/snapshot.json        the sidecar: url, time, sha256 and size; Modified, licence
    ruw/<bron>/<tabel>/stand.json                                which snapshot is in use, when it was checked, the last fault

The sha256 of a snapshot is that of its list of documents (name and content), so the same figures are the same snapshot wherever
and whenever they were fetched.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from beeld.errors import Damaged
from beeld.sources import journal
from beeld.sources.journal import Document, Stale
from beeld.sources.packed import CutOff, unpacked

SIDECAR = "snapshot.json"
STATE = "stand.json"
SEAL = "zegel"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Snapshot:
    """One complete delivery of one table."""

    bron: str
    tabel: str
    sha256: str
    gewijzigd: str
    opgehaald: str
    licentie: str
    url: str
    titel: str
    rijen: int
    documenten: tuple[Document, ...]
    folder: Path
    gemeenten: tuple[str, ...] | None = None
    """The gemeenten that were asked for, of a table that is fetched in part (besides these only the national row); None: all."""

    def names(self, prefix: str) -> list[str]:
        """Names of the documents that start with `prefix`, in order of delivery."""
        return [document.naam for document in self.documenten if document.naam.startswith(prefix)]

    def read(self, name: str) -> bytes:
        """The body of one document; Damaged when it is not what was archived."""
        document = next(document for document in self.documenten if document.naam == name)
        path = self.folder / f"{name}.json.gz"
        try:
            body = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._damaged(path, f"cannot be read ({error})") from error
        if hashlib.sha256(body).hexdigest() != document.sha256:
            raise self._damaged(path, "does not match its sha256")
        return body

    def parts(self, name: str) -> Iterator[bytes]:
        """The body of one document, a megabyte at a time; Damaged, at its end, when it is not what was archived."""
        document = next(document for document in self.documenten if document.naam == name)
        path = self.folder / f"{name}.json.gz"
        digest = hashlib.sha256()
        try:
            for part in unpacked(path):
                digest.update(part)
                yield part
        except (OSError, CutOff) as error:
            raise self._damaged(path, f"cannot be read ({error})") from error
        if digest.hexdigest() != document.sha256:
            raise self._damaged(path, "does not match its sha256")

    def content(self, name: str) -> Any:
        """What one JSON document says; a byte order mark before it, which some services send, says nothing."""
        return orjson.loads(self.read(name).removeprefix(BOM))

    def _damaged(self, path: Path, what: str) -> Damaged:
        return Damaged(
            f"archived document {what}",
            where=f"{self.bron} {self.tabel} {path}",
            kept="Published releases are untouched",
            todo=f"Remove the folder {self.folder} and run 'beeld refresh' to fetch it again",
        )


@dataclass(frozen=True)
class State:
    """What is known of one table: the snapshot in use and how the last look at the source went."""

    snapshot: str = ""
    gecontroleerd: str = ""
    laatste_fout: str = ""
    fout_sinds: str = ""
    kenmerk: str = ""
    """What the source said at the last good look (Modified, or a fingerprint); unchanged means: do not fetch."""
    meldingen: tuple[str, ...] = ()
    """What a user should know of the snapshot in use, which was accepted: new columns, columns whose series ended."""


def now() -> str:
    """The time of this moment in UTC, to the second, as written in sidecars. The only clock of the data flow."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Delivery:
    """A delivery on its way into the archive: written to scratch space, moved in one step when it is complete and checked.

    With `state` (what the source says of itself now) the documents that an earlier fetch of the same state left are there to be
    used again; without it, or in another state, the delivery begins empty. `way` tells apart the ways to one table.
    """

    def __init__(self, scratch: Path, bron: str, tabel: str, state: str = "", way: str = "") -> None:
        self.bron, self.tabel = bron, tabel
        self.folder = journal.place(scratch, bron, tabel, way)
        self.documents: list[Document] = []
        self._journalled = bool(state)
        self._kept = journal.kept(self.folder, state) if state else {}
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            if state:
                journal.begin(self.folder, state)

    def path(self, name: str) -> Path:
        """Where the body of a document belongs, as gzip."""
        return self.folder / f"{name}.json.gz"

    def kept(self, name: str, url: str) -> Document | None:
        """The document of this name that an earlier fetch left, if it came from the same address.

        Raises Stale when its bytes are not those that were received.
        """
        document = self._kept.get(name)
        if document is None or document.url != url or not self.path(name).is_file():
            return None
        if _sha256(self.path(name)) != document.sha256:
            raise Stale
        return document

    def follows_kept(self, name: str) -> bool:
        """True when the page before `name` was kept by an earlier fetch, so that its next link is as old."""
        last = self.documents[-1] if self.documents else None
        return last is not None and last.naam[:-4] == name[:-4] and self._kept.get(last.naam) is last

    def agree(self, address: str, said: str) -> None:
        """What the service says at `address` besides `state`; Stale when the fetch that broke off heard otherwise there."""
        heard, digest = self._kept.get(address), hashlib.sha256(said.encode()).hexdigest()
        if heard is not None and heard.sha256 != digest:
            raise Stale
        if heard is None and self._journalled:
            journal.note(self.folder, Document(address, address, digest, digest, 0, now()))

    def add(self, name: str, url: str, body: bytes, content: Any) -> None:
        """Keep one reply under `name`; `content` is what it says, decoded, and identifies it."""
        self.path(name).write_bytes(gzip.compress(body, compresslevel=1, mtime=0))
        said = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
        self.record(Document(name, url, hashlib.sha256(body).hexdigest(), said, len(body), now()))

    def record(self, document: Document) -> None:
        """`document`, whose file is in place, belongs to the delivery; a fetch that breaks off later need not ask it again."""
        if self._journalled and self._kept.get(document.naam) != document:
            journal.note(self.folder, document)
        self.documents.append(document)

    def forget(self, prefix: str) -> None:
        """The documents whose name starts with `prefix` do not belong to the delivery after all."""
        self.documents = [document for document in self.documents if not document.naam.startswith(prefix)]

    def has(self, prefix: str) -> bool:
        """True when a document was kept whose name starts with `prefix`."""
        return any(document.naam.startswith(prefix) for document in self.documents)

    def discard(self) -> None:
        """Nothing of the delivery is left."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def archive(
        self,
        raw: Path,
        *,
        gewijzigd: str,
        licentie: str,
        url: str,
        titel: str,
        rijen: int,
        gemeenten: tuple[str, ...] | None = None,
    ) -> Snapshot:
        """Move the delivery into the archive and return it; the same bytes, Modified and selection keep their old place."""
        digest = hashlib.sha256()
        for document in sorted(self.documents, key=lambda document: document.naam):
            digest.update(f"{document.naam}\0{document.inhoud}\n".encode())
        digest.update(gewijzigd.encode())
        if gemeenten is not None:
            digest.update(f"\0{','.join(gemeenten)}".encode())
        sha256 = digest.hexdigest()
        target = table_folder(raw, self.bron, self.tabel) / sha256[:16]
        snapshot = Snapshot(
            self.bron, self.tabel, sha256, gewijzigd, now(), licentie, url, titel, rijen, tuple(self.documents), target, gemeenten
        )
        if target.exists():
            shutil.rmtree(self.folder)
            return load_snapshot(target)
        belongs = {self.path(document.naam) for document in self.documents}
        for path in self.folder.iterdir():  # the journal, and what a fetch in another way left
            if path not in belongs:
                path.unlink()
        content = {name: value for name, value in asdict(snapshot).items() if name != "folder"}
        write_json(self.folder / SIDECAR, {**content, SEAL: _seal(content)})
        for path in sorted(self.folder.iterdir()):
            sync(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.folder.rename(target)
        sync(target.parent)
        return snapshot


def _sha256(path: Path) -> str:
    """The sha256 of the body in a kept file; empty when it cannot be unpacked."""
    digest = hashlib.sha256()
    try:
        for part in unpacked(path):
            digest.update(part)
    except CutOff:
        return ""
    return digest.hexdigest()


def table_folder(raw: Path, bron: str, tabel: str) -> Path:
    """The folder of one table; both names come from declarations, never from a source."""
    return raw / bron / tabel


def _seal(content: dict[str, Any]) -> str:
    """The sha256 of what a sidecar says, so that a changed bit in it is noticed as it is in a document."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_snapshot(folder: Path) -> Snapshot:
    """The snapshot in `folder`, from its sidecar; Damaged when there is none that can be read."""
    try:
        content: dict[str, Any] = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
        if content.pop(SEAL) != _seal(content):
            raise ValueError(f"it does not match its own {SEAL}")
        documents = tuple(Document(**document) for document in content.pop("documenten"))
        selected = content.pop("gemeenten", None)
        gemeenten = None if selected is None else tuple(str(code) for code in selected)
        return Snapshot(**content, documenten=documents, folder=folder, gemeenten=gemeenten)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Damaged(
            f"sidecar cannot be read ({error})", where=str(folder), todo=f"Remove {folder} and run 'beeld refresh'"
        ) from error


def load_state(raw: Path, bron: str, tabel: str) -> State:
    """The state of one table; an empty one when it was never fetched."""
    path = table_folder(raw, bron, tabel) / STATE
    if not path.exists():
        return State()
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        notices = tuple(str(notice) for notice in content.pop("meldingen", ()))
        return State(**content, meldingen=notices)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(
            f"state cannot be read ({error})", where=str(path), todo=f"Remove {path} and run 'beeld refresh'"
        ) from error


def save_state(raw: Path, bron: str, tabel: str, state: State) -> None:
    """Replace the state of one table in one step."""
    folder = table_folder(raw, bron, tabel)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / STATE, asdict(state))


def current_snapshot(raw: Path, bron: str, tabel: str) -> Snapshot | None:
    """The snapshot in use, or None when the table was never delivered."""
    state = load_state(raw, bron, tabel)
    return load_snapshot(table_folder(raw, bron, tabel) / state.snapshot) if state.snapshot else None


def find_snapshot(folder: Path, sha256: str) -> Snapshot | None:
    """The archived snapshot with this sha256 in the folder of its table, or None."""
    place = folder / sha256[:16]
    snapshot = load_snapshot(place) if place.is_dir() else None
    return snapshot if snapshot is not None and snapshot.sha256 == sha256 else None


def snapshot_names(raw: Path, bron: str, tabel: str) -> frozenset[str]:
    """The names of the folders of every archived delivery of a table."""
    return frozenset(path.parent.name for path in table_folder(raw, bron, tabel).glob(f"*/{SIDECAR}"))


def quarantine(home: Path, snapshot: Snapshot, reason: str) -> Path:
    """Move a delivery that was refused out of the archive, with the reason beside it; returns its folder.

    Only the last refused delivery of a table is kept: it is there to be looked at, not to be used.
    """
    place = home / "quarantaine" / snapshot.bron / snapshot.tabel
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    target = place / snapshot.folder.name
    snapshot.folder.rename(target)
    write_json(target / "reden.json", {"reden": reason, "geweigerd": now()})
    return target


def accept(raw: Path, snapshot: Snapshot, kenmerk: str, notices: Sequence[str] = ()) -> None:
    """`snapshot` is the one in use from now on; the last fault is forgotten."""
    save_state(raw, snapshot.bron, snapshot.tabel, State(snapshot.folder.name, now(), kenmerk=kenmerk, meldingen=tuple(notices)))


def record_fault(raw: Path, bron: str, tabel: str, message: str) -> State:
    """Note a failed look at the source beside the snapshot that stays in use."""
    state = load_state(raw, bron, tabel)
    moment = now()
    state = replace(state, gecontroleerd=moment, laatste_fout=message, fout_sinds=state.fout_sinds or moment)
    save_state(raw, bron, tabel, state)
    return state


def all_states(raw: Path) -> Iterator[tuple[str, str, State]]:
    """Every table that was ever looked at: bron, tabel, state."""
    for path in sorted(raw.glob(f"*/*/{STATE}")):
        yield path.parent.parent.name, path.parent.name, load_state(raw, path.parent.parent.name, path.parent.name)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, in one step: readers see the old or the new file."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sync(temporary)
    os.replace(temporary, path)


def sync(path: Path) -> None:
    """Make a file or folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
