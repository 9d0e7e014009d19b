"""The zipped bulk CSV of an OData v4 table: another way to the same observations, always of the whole table.

A bulk file was seen to be incomplete once (facts/CBS.md section 3), so its rows are counted against ObservationCount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from io import BytesIO

import httpx

from beeld.errors import SourceChanged
from beeld.sources.archive import Delivery
from beeld.sources.http import get_body, safe
from beeld.sources.limits import open_zip
from beeld.sources.observations import Batch, of_csv

DOCUMENT = "Bulk-0001"
MEMBER = "*Observations.csv"


def store(client: httpx.Client, url: str, delivery: Delivery, where: str) -> bytes:
    """The zip at `url`, archived as received; what identifies it is its observations, not the times inside the zip."""
    reply = get_body(client, url, where=where)
    if not reply.body.startswith(b"PK"):
        said = safe(reply.body[:200].decode("utf-8", errors="replace"))
        raise SourceChanged(f"answers something that is no zip file: {said}", where=where)
    digest = hashlib.sha256()
    with open_zip(BytesIO(reply.body), where) as archive, archive.open(archive.match(MEMBER)) as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    delivery.add(DOCUMENT, reply.url, reply.body, {"Observations.csv": digest.hexdigest()})
    return reply.body


def batches(body: bytes, dimensions: Sequence[str], where: str) -> Iterator[Batch]:
    """The observations in a zip; OverLimit for a zip that breaks a limit (RELIABILITY.md section Z)."""
    with open_zip(BytesIO(body), where) as archive, archive.open(archive.match(MEMBER)) as stream:
        yield from of_csv(stream, dimensions, where)
