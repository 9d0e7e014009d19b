"""Archives and documents within limits that are counted on real bytes (RELIABILITY.md section Z), never on what a header says.

A zip is judged before anything is read: its members are few, plainly named, neither linked, encrypted, nested, doubled nor
overlapping. What comes out of it, or out of a gzip, is counted while it comes. Every refusal is an OverLimit.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import orjson

from beeld.errors import SourceChanged
from beeld.sources.http import safe

MAX_PACKED = 256 * 1024 * 1024
"""Bytes of an archive as received."""
MAX_UNPACKED = 2 * 1024 * 1024 * 1024
"""Bytes that come out of one archive, all members together."""
MAX_RATIO = 200
"""Unpacked bytes per packed byte; counted from RATIO_FROM on, because a small file of one repeated word is no bomb."""
RATIO_FROM = 1024 * 1024
MAX_MEMBERS = 1_000
MAX_DIRECTORY = 4 * 1024 * 1024
"""Bytes of a zip's list of members; a thousand members fit many times over."""
MAX_COLUMNS = 16_384
"""Columns of a table: what a spreadsheet can have."""
MAX_FIELD = 1024 * 1024
"""Characters of one row of a table."""
MAX_CELLS = 40_000_000
"""Cells of one table."""
MAX_DOCUMENT = 512 * 1024 * 1024
"""Bytes of one document that is read whole."""

PACKED_SIGNS = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"\x28\xb5\x2f\xfd",
)
PACKED_NAME = re.compile(r"\.(zip|gz|tgz|bz2|xz|7z|rar|zst|xlsx|xlsm|ods|jar)$", re.IGNORECASE)
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_SIZE, _END64_SIZE = b"PK\x06\x07", 20, 56
_LOCAL_SIZE = 30


class OverLimit(SourceChanged):
    """An archive or document breaks a limit; it is refused as a delivery that is not what was declared (exit 4)."""


class Counted(io.RawIOBase):
    """A reader of unpacked bytes that counts them and refuses the byte over the limit.

    `budget` is shared by the members of one archive. What claims a size and gives less or more is refused at its end.
    """

    def __init__(self, inner: Any, budget: Budget, stated: int | None = None) -> None:
        super().__init__()
        self._inner, self._budget, self._stated, self._given = inner, budget, stated, 0

    def readable(self) -> bool:
        """True: this is a reader."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The number of bytes put in `buffer`; 0 at the end."""
        try:
            part: bytes = self._inner.read(min(len(buffer), 1 << 20))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
            raise OverLimit(
                f"archive is damaged or lies about its content: {safe(str(error))}", where=self._budget.where
            ) from error
        self._given += len(part)
        self._budget.spend(len(part))
        if self._stated is not None and (self._given > self._stated or (not part and self._given != self._stated)):
            raise OverLimit("a member is not as large as the archive says", where=self._budget.where)
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Close the reader underneath too."""
        self._inner.close()
        super().close()


class Budget:
    """How many bytes may still come out of one archive of `packed` bytes."""

    def __init__(self, packed: int, where: str) -> None:
        self.where = where
        self._packed, self._spent = max(packed, 1), 0

    def spend(self, count: int) -> None:
        """Count bytes that came out; OverLimit when there are too many."""
        self._spent += count
        if self._spent > MAX_UNPACKED:
            raise OverLimit(f"archive unpacks to more than {MAX_UNPACKED} bytes", where=self.where)
        if self._spent > RATIO_FROM and self._spent > self._packed * MAX_RATIO:
            raise OverLimit(f"archive unpacks to more than {MAX_RATIO} times its size", where=self.where)


class Archive:
    """A zip file whose list of members was judged; members are read through one counting budget."""

    def __init__(self, inner: zipfile.ZipFile, budget: Budget) -> None:
        self._inner, self._budget = inner, budget
        self.names = tuple(info.filename for info in inner.infolist() if not info.is_dir())

    @contextmanager
    def open(self, name: str) -> Generator[BinaryIO]:
        """A buffered reader of one member; OverLimit when the archive does not have it."""
        if name not in self.names:
            raise OverLimit(f"archive has no member '{safe(name)}', but {_listed(self.names)}", where=self._budget.where)
        info = self._inner.getinfo(name)
        try:
            inner = self._inner.open(info)
        except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, ValueError) as error:
            raise OverLimit(f"member '{safe(name)}' cannot be read: {safe(str(error))}", where=self._budget.where) from error
        with io.BufferedReader(Counted(inner, self._budget, info.file_size), 1 << 16) as reader:
            yield reader

    def read(self, name: str, limit: int = MAX_DOCUMENT) -> bytes:
        """One member whole, of at most `limit` bytes."""
        with self.open(name) as reader:
            body = reader.read(limit + 1)
        if len(body) > limit:
            raise OverLimit(f"member '{safe(name)}' is larger than {limit} bytes", where=self._budget.where)
        return body

    def match(self, pattern: str) -> str:
        """The one member whose name matches a declared pattern with `*`; OverLimit when there is none or more than one."""
        wanted = re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE)
        found = [name for name in self.names if wanted.fullmatch(name)]
        if len(found) != 1:
            raise OverLimit(
                f"archive has {len(found)} members like '{safe(pattern)}' where one belongs; it has {_listed(self.names)}",
                where=self._budget.where,
            )
        return found[0]


@contextmanager
def open_zip(file: BinaryIO, where: str) -> Generator[Archive]:
    """A zip within the limits, for as long as the block lasts.

    Raises OverLimit for a zip that is too large, that has too many members or that has a member which is encrypted, a link,
    doubled, overlapping, named as a path out of a folder, compressed in an unusual way, or itself an archive.
    """
    size = _refuse_size(file, where)
    count = _refuse_directory(file, size, where)
    try:
        inner = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise OverLimit(f"is no zip that can be read: {safe(str(error))}", where=where) from error
    with inner:
        infos = inner.infolist()
        if len(infos) != count or count > MAX_MEMBERS:
            raise OverLimit(f"archive has {len(infos)} members and says {count} (at most {MAX_MEMBERS})", where=where)
        _refuse_members(infos, where)
        _refuse_overlap(file, infos, inner.start_dir, where)
        if sum(info.file_size for info in infos) > MAX_UNPACKED:
            raise OverLimit(f"archive unpacks to more than {MAX_UNPACKED} bytes", where=where)
        archive = Archive(inner, Budget(size, where))
        _refuse_nested(inner, infos, where)
        yield archive


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"'{safe(name)}'" for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "none"


def _refuse_size(file: BinaryIO, where: str) -> int:
    size = file.seek(0, io.SEEK_END)
    if size > MAX_PACKED:
        raise OverLimit(f"archive is larger than {MAX_PACKED} bytes", where=where)
    return size


def _refuse_directory(file: BinaryIO, size: int, where: str) -> int:
    """The number of members that the archive states; OverLimit before a list of millions would be read into memory."""
    file.seek(max(0, size - _END_SIZE - 65_535))
    tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) - place < _END_SIZE:
        raise OverLimit("is no zip that can be read: it is cut off or something else", where=where)
    disk, _, _, count, directory, _ = struct.unpack("<HHHHLL", tail[place + 4 : place + 20])
    if disk:
        raise OverLimit("archive is spread over more than one file", where=where)
    locator = tail[max(0, place - _LOCATOR_SIZE) : place]
    if locator.startswith(_LOCATOR):
        end = tail[max(0, place - _LOCATOR_SIZE - _END64_SIZE) : place - _LOCATOR_SIZE]
        if len(end) != _END64_SIZE:
            raise OverLimit("is no zip that can be read: its end is damaged", where=where)
        count, directory = struct.unpack("<QQ", end[32:48])
    if count > MAX_MEMBERS or directory > MAX_DIRECTORY:
        raise OverLimit(f"archive has {count} members (at most {MAX_MEMBERS})", where=where)
    return count


def _refuse_members(infos: list[zipfile.ZipInfo], where: str) -> None:
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename
        key = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        problem = _problem(info, name)
        if key in seen:
            problem = "stands twice"
        if problem:
            raise OverLimit(f"member '{safe(name)}' {problem}", where=where)
        seen.add(key)


def _problem(info: zipfile.ZipInfo, name: str) -> str:
    """What is wrong with a member by its entry in the list; empty when nothing is."""
    parts = name.split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    wrong = {
        "has a name that is no plain path inside the archive": not name
        or len(name) > 255
        or name.startswith("/")
        or ".." in parts
        or any(char in name for char in "\\:")
        or not name.isprintable(),
        "is a link or a device": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is encrypted": bool(info.flag_bits & 0x2041),
        "is compressed in a way that is not read": info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
        f"unpacks to more than {MAX_RATIO} times its size": info.file_size > RATIO_FROM
        and info.file_size > info.compress_size * MAX_RATIO,
    }
    return next((what for what, is_so in wrong.items() if is_so), "")


def _refuse_overlap(file: BinaryIO, infos: list[zipfile.ZipInfo], directory: int, where: str) -> None:
    """OverLimit when two members share bytes: that is how a small archive claims a large content."""
    ends = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        file.seek(max(info.header_offset, 0))
        head = file.read(_LOCAL_SIZE)
        if len(head) < _LOCAL_SIZE or head[:4] != b"PK\x03\x04":
            raise OverLimit(f"member '{safe(info.orig_filename)}' does not stand where the archive says", where=where)
        name, extra = struct.unpack("<HH", head[26:30])
        if info.header_offset < ends:
            raise OverLimit(f"member '{safe(info.orig_filename)}' overlaps another", where=where)
        ends = info.header_offset + _LOCAL_SIZE + name + extra + info.compress_size
    if ends > directory:
        raise OverLimit("members overlap the list of members", where=where)


def _refuse_nested(inner: zipfile.ZipFile, infos: list[zipfile.ZipInfo], where: str) -> None:
    for info in infos:
        if info.is_dir():
            continue
        try:
            with inner.open(info) as reader:
                start = reader.read(8)
        except (zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error, EOFError) as error:
            raise OverLimit(f"member '{safe(info.orig_filename)}' cannot be read: {safe(str(error))}", where=where) from error
        if start.startswith(PACKED_SIGNS) or PACKED_NAME.search(info.filename):
            raise OverLimit(f"member '{safe(info.orig_filename)}' is itself an archive", where=where)


class _Inflate:
    """The unpacked bytes of one gzip member after another, a piece at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._engine = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._members = 1

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end. EOFError when the gzip is cut off."""
        while True:
            if self._engine.eof and not self._next_member():
                return b""
            packed = self._rest or self._file.read(1 << 16)
            if not packed:
                raise EOFError("cut off")
            part = self._engine.decompress(packed, count)
            self._rest = self._engine.unconsumed_tail
            if part:
                return part

    def _next_member(self) -> bool:
        self._rest = self._engine.unused_data or self._file.read(1 << 16)
        self._engine = zlib.decompressobj(wbits=31) if self._rest else self._engine
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise zlib.error(f"more than {MAX_MEMBERS} gzip members")
        return bool(self._rest)

    def close(self) -> None:
        """The file underneath belongs to the caller."""


@contextmanager
def open_gzip(file: BinaryIO, where: str) -> Generator[BinaryIO]:
    """A buffered reader of what one gzip file holds; OverLimit when that is an archive again, too much, or cut off."""
    size = _refuse_size(file, where)
    file.seek(0)
    with io.BufferedReader(Counted(_Inflate(file), Budget(size, where)), 1 << 16) as reader:
        if reader.peek(8)[:8].startswith(PACKED_SIGNS):
            raise OverLimit("holds an archive inside an archive", where=where)
        yield reader


def read_json(body: bytes, where: str) -> Any:
    """A JSON document of bounded size and depth (orjson stops at 1,024 levels); OverLimit otherwise."""
    if len(body) > MAX_DOCUMENT:
        raise OverLimit(f"document is larger than {MAX_DOCUMENT} bytes", where=where)
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise OverLimit(f"is no JSON that can be read: {safe(str(error))}", where=where) from error


class Lines:
    """The lines of a text, each and each record of them at most MAX_FIELD characters; a NUL or an undecodable byte is refused.

    `record_done` says that a record is complete: a quoted cell may run over lines, but not without end.
    """

    def __init__(self, reader: BinaryIO, encoding: str, where: str) -> None:
        self._text = io.TextIOWrapper(reader, encoding=encoding, errors="strict", newline="")
        self._where, self._length = where, 0
        self.number = 0

    def record_done(self) -> None:
        """A record ends here; the next may be as long again."""
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        """The lines with their ends."""
        while line := self._next():
            self.number += 1
            self._length += len(line)
            if self._length > MAX_FIELD:
                raise OverLimit(f"line {self.number} makes a row longer than {MAX_FIELD} characters", where=self._where)
            if "\0" in line:
                raise OverLimit(f"line {self.number} holds a NUL", where=self._where)
            yield line

    def _next(self) -> str:
        try:
            return self._text.readline(MAX_FIELD + 1)
        except UnicodeError as error:
            raise OverLimit(
                f"line {self.number + 1} or soon after it is not in the declared encoding", where=self._where
            ) from error

    def detach(self) -> None:
        """Leave the reader underneath to its owner."""
        self._text.detach()
