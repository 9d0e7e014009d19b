"""Office files with reproducible bytes: the same content is the same file, whenever it was made (RELIABILITY.md R)."""

from __future__ import annotations

import io
import re
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can name."""
MOMENT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:)")


def fixed(package: bytes) -> bytes:
    """The same package with its members in order, without the time of writing; workbooks inside it likewise."""
    target = io.BytesIO()
    made = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
    with zipfile.ZipFile(io.BytesIO(package)) as source, made:
        for name in sorted(source.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            content = source.read(name)
            if name.endswith(".xlsx"):
                content = fixed(content)
            if name == "docProps/core.xml":
                content = MOMENT.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", content)
            made.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()
