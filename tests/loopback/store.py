"""The data folder: files are read when first asked for, parsed once per process, and pages are encoded once."""

import gzip
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from .wire import Fragment

Row = dict[str, Any]
Rows = list[Row]
HOSTS = {"cbs": "opendata.cbs.nl", "derden": "dataderden.cbs.nl"}
CACHE_BYTES = 1_500_000_000
DERIVED_KEPT = 16
SUFFIXES = (".json.gz", ".json")


class RowSet:
    """Rows with their encoded slices, and row sets derived from them by a filter, all kept for the next request."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._fragments: dict[tuple[int, int], Fragment] = {}
        self._derived: OrderedDict[Hashable, RowSet] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.rows)

    def fragment(self, start: int, stop: int) -> Fragment:
        """Rows start to stop as JSON, separated by commas, without the brackets."""
        with self._lock:
            found = self._fragments.get((start, stop))
            if found is None:
                found = self._fragments[start, stop] = Fragment(orjson.dumps(self.rows[start:stop])[1:-1])
            return found

    def derive(self, key: Hashable, build: Callable[[Rows], Rows]) -> "RowSet":
        """The row set that `build` makes of these rows; the last few are kept under their key."""
        with self._lock:
            found = self._derived.pop(key, None)
            if found is None:
                found = RowSet(build(self.rows))
            self._derived[key] = found
            room = 2 * len(self.rows) + 10_000
            while len(self._derived) > 1 and (len(self._derived) > DERIVED_KEPT or sum(map(len, self._derived.values())) > room):
                self._derived.popitem(last=False)
            return found


@dataclass(frozen=True)
class Document:
    """One parsed file: its rows (or features) and its other members."""

    rows: RowSet
    members: dict[str, Any]
    size: int
    version: tuple[int, int]


@dataclass(frozen=True)
class GeoFile:
    """One boundary file of the data folder."""

    kind: str
    year: int
    approximate: bool
    path: Path


_documents: OrderedDict[Path, Document] = OrderedDict()
_guards: dict[Path, threading.Lock] = {}
_guard = threading.Lock()


def load(path: Path, member: str) -> Document:
    """The parsed document of a file; `member` names the list in it. Cached per path, time stamp and size."""
    path = path.resolve()
    with _guard:
        guard = _guards.setdefault(path, threading.Lock())
    with guard:
        stat = path.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        with _guard:
            known = _documents.get(path)
            if known is not None and known.version == version:
                _documents.move_to_end(path)
                return known
        raw = path.read_bytes()
        plain = gzip.decompress(raw) if path.suffix == ".gz" else raw
        parsed: dict[str, Any] = orjson.loads(plain)
        rows: Rows = parsed.pop(member)
        document = Document(RowSet(rows), parsed, len(plain), version)
        with _guard:
            _documents[path] = document
            _documents.move_to_end(path)
            total = sum(entry.size for entry in _documents.values())
            while total > CACHE_BYTES and len(_documents) > 1:
                total -= _documents.popitem(last=False)[1].size
        return document


class DataFolder:
    """The layout `odata_v3/<host>/<table>/<EntitySet>.json[.gz]` and `geo/<kind>_<year>[_benaderd].geojson[.gz]`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def tables(self, prefix: str) -> list[Path]:
        """The table folders of the host behind a path prefix, by name."""
        folder = self.root / "odata_v3" / HOSTS[prefix]
        return sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []

    def table(self, prefix: str, identifier: str) -> Path | None:
        """The folder of a table; the identifier's case does not matter."""
        wanted = identifier.casefold()
        return next((entry for entry in self.tables(prefix) if entry.name.casefold() == wanted), None)

    def entity_sets(self, table: Path) -> dict[str, Path]:
        """The entity sets of a table and their files."""
        found: dict[str, Path] = {}
        for entry in sorted(table.iterdir()):
            for suffix in SUFFIXES:
                if entry.name.endswith(suffix):
                    found.setdefault(entry.name.removesuffix(suffix), entry)
        return found

    def geo_files(self, kind: str | None = None) -> list[GeoFile]:
        """Boundary files by kind and year; an official file goes before an approximate one of the same year."""
        folder = self.root / "geo"
        found: dict[tuple[str, int], GeoFile] = {}
        for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
            match = re.fullmatch(r"(gemeente|wijk|buurt)_(\d{4})(_benaderd)?\.geojson(\.gz)?", entry.name)
            if match is None or kind not in (None, match[1]):
                continue
            file = GeoFile(match[1], int(match[2]), match[3] is not None, entry)
            known = found.get((file.kind, file.year))
            if known is None or known.approximate:
                found[file.kind, file.year] = file
        return [found[key] for key in sorted(found)]
