"""Zipped files with reproducible bytes: the same content is the same file, whenever it was made (RELIABILITY.md R)."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from typing import IO

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can name."""
MOMENT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:)")
PART = 1024 * 1024


def fixed(package: bytes) -> bytes:
    """The same office file with its members in order, without the time of writing; workbooks inside it likewise."""
    target = io.BytesIO()
    fix(io.BytesIO(package), target)
    return target.getvalue()


def fix(package: IO[bytes], target: IO[bytes]) -> None:
    """As `fixed`, from one open file to another, a part of a member at a time."""
    made = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
    with zipfile.ZipFile(package) as source, made:
        for name in sorted(source.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            with source.open(name) as content:
                if name.endswith(".xlsx"):
                    add(made, name, io.BytesIO(fixed(content.read())))
                elif name == "docProps/core.xml":
                    add(made, name, io.BytesIO(MOMENT.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", content.read())))
                else:
                    add(made, name, content)


def add(archive: zipfile.ZipFile, name: str, content: IO[bytes]) -> None:
    """A member that depends on its name and content alone."""
    member = zipfile.ZipInfo(name, EPOCH)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    with archive.open(member, "w") as target:
        shutil.copyfileobj(content, target, PART)
