"""Gzip files on disk, read and written in small parts: a page of 40 MB is never in memory as a whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

GZIP = 31
"""`wbits` of zlib for gzip with its header and checksum."""
READ_BYTES = 64 * 1024
PART_BYTES = 256 * 1024
"""Unpacked bytes at a time, whatever the file claims: what bounds the memory of a reader. More was no faster."""


class CutOff(Exception):
    """What was received ends before it is complete, or cannot be unpacked: asking again may help. `size`: unpacked bytes."""

    def __init__(self, why: str, size: int) -> None:
        super().__init__(why)
        self.size = size


def unpacked(path: Path) -> Iterator[bytes]:
    """The content of a gzip file of one or more members, part by part; CutOff when it is broken or ends too early."""
    size = 0
    with path.open("rb") as file:
        unpacker, begun = zlib.decompressobj(GZIP), False
        try:
            while packed := file.read(READ_BYTES):
                while packed:
                    part = unpacker.decompress(packed, PART_BYTES)
                    begun, size = True, size + len(part)
                    if part:
                        yield part
                    packed = unpacker.unconsumed_tail
                    if unpacker.eof:
                        packed = unpacker.unused_data.lstrip(b"\0")
                        unpacker, begun = zlib.decompressobj(GZIP), False
            while begun and not unpacker.eof and (part := unpacker.decompress(b"", PART_BYTES)):
                size += len(part)
                yield part
        except zlib.error as error:
            raise CutOff(f"not readable as gzip: {error}", size) from error
        if begun and not unpacker.eof:
            raise CutOff("gzip ends too early", size)


def pack(parts: Iterable[bytes]) -> Iterator[bytes]:
    """`parts` as one gzip member with a fixed header, so that the same content is the same file."""
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
