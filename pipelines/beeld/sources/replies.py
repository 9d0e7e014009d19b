"""One JSON reply of a delivery: out of what a fetch that broke off left, or else from the service."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import httpx
import orjson

from beeld.sources.archive import BOM, Delivery
from beeld.sources.http import NotFound, Rejected, Reply, get_json
from beeld.sources.journal import Stale

Content = dict[str, Any]


def as_received(reply: Reply, _content: Content) -> bytes:
    """The body alone."""
    return reply.body


def kept_or_asked(
    client: httpx.Client,
    delivery: Delivery,
    name: str,
    url: str,
    said: Callable[[Content], Any],
    where: str,
    body_of: Callable[[Reply, Content], bytes] = as_received,
) -> tuple[bytes, Content]:
    """The body and the content of the reply at `url`, which belongs to the delivery under `name` from then on.

    `said` gives what identifies a content, `body_of` what of a reply is kept. Raises what `get_json` and `said` raise, and Stale
    for a kept page that is not what was received or whose next link the service does not know any more.
    """
    known = delivery.kept(name, url)
    if known is not None:
        delivery.record(known)
        body = gzip.decompress(delivery.path(name).read_bytes())
        return body, orjson.loads(body.removeprefix(BOM))
    try:
        reply, content = get_json(client, url, where=where)
    except (NotFound, Rejected) as error:
        if delivery.follows_kept(name):
            raise Stale from error
        raise
    body = body_of(reply, content)
    delivery.add(name, url, body, said(content))
    return body, content
