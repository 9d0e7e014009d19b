"""WFS 2.0 with GeoJSON output, as PDOK and the Leefbaarometer serve it (facts/CBS.md sections 10 and 11).

A layer is described first (its fields, and how many features it has); then pages of at most 1,000 features are asked by
`startIndex`, sorted so that a page boundary cannot lose or repeat one. `cql_filter` is never used: PDOK ignores it silently.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from beeld.errors import SourceChanged
from beeld.sources.archive import Delivery
from beeld.sources.columns import normal
from beeld.sources.http import get_body, safe
from beeld.sources.ogc import ITEMS, RD_NEW_CODE, feature_list
from beeld.sources.replies import kept_or_asked

COUNT = 1000
MAX_FEATURES = 200_000
ROOT = re.compile(rb"<([A-Za-z_][\w:.-]*)(?:\s[^<>]*?)?(/?)>")
MATCHED = re.compile(rb'\bnumberMatched="(\d{1,9})"')
ELEMENT = re.compile(rb"<(?:\w+:)?element\b([^<>]*)>")
ATTRIBUTE = re.compile(rb"\b(name|type)\s*=\s*[\"']([^\"'<>]*)[\"']")
GEOMETRY = re.compile(r"^gml:|Geometry|Surface|Curve|Polygon|Point", re.IGNORECASE)


def _ends(body: bytes) -> bool:
    """True when an XML document has its end: a half description would silently lack fields."""
    root = ROOT.search(body)
    return root is not None and (bool(root[2]) or body.rstrip().endswith(b"</" + root[1] + b">"))


def fields(client: httpx.Client, address: str, layer: str, where: str) -> dict[str, str]:
    """Field -> XML type of a layer, geometry included; SourceChanged when the service does not describe it.

    Read with a pattern and not with an XML parser: a description needs no entities, and none is expanded.
    """
    question = {"service": "WFS", "version": "2.0.0", "request": "DescribeFeatureType", "typeNames": layer}
    body = get_body(client, f"{address}?{urlencode(question)}", where=where, whole=_ends).body
    found = {
        pairs["name"]: pairs["type"]
        for element in ELEMENT.findall(body)
        if {"name", "type"} <= (pairs := {k.decode(): v.decode("utf-8", "replace") for k, v in ATTRIBUTE.findall(element)}).keys()
    }
    found = {name: kind for name, kind in found.items() if not kind.endswith(f"{name}Type")}  # the layer's own element
    if not found:
        raise SourceChanged(f"does not describe layer {layer}: {safe(body[:400].decode('utf-8', 'replace'))}", where=where)
    return found


def matched(client: httpx.Client, address: str, layer: str, where: str) -> int:
    """How many features the layer has; SourceChanged when the service does not tell."""
    question = {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": layer, "resultType": "hits"}
    body = get_body(client, f"{address}?{urlencode(question)}", where=where, whole=_ends).body
    found = MATCHED.search(body)
    if found is None:
        raise SourceChanged(
            f"does not say how many features {layer} has: {safe(body[:400].decode('utf-8', 'replace'))}", where=where
        )
    return int(found[1])


def fingerprint(client: httpx.Client, address: str, layer: str, where: str) -> str:
    """The fields of a layer and the number of its features, as a hash."""
    known = [sorted(fields(client, address, layer, where).items()), matched(client, address, layer, where)]
    return hashlib.sha256(orjson.dumps(known)).hexdigest()


def store(
    client: httpx.Client,
    address: str,
    layer: str,
    delivery: Delivery,
    where: str,
    progress: Callable[[str], None],
    *,
    known: Mapping[str, str],
    wanted: Sequence[str] = (),
) -> Sequence[dict[str, Any]]:
    """Every feature of a layer, page after page into the delivery.

    `known` are its fields. `wanted` asks for these fields only, and no geometry; the first that the layer has is the one to sort
    by. Raises SourceChanged when a feature comes twice, when there are more or fewer than the service said, or when that number
    changes meanwhile; Stale when an earlier fetch left pages of another number or of other fields.
    """
    expected = matched(client, address, layer, where)
    if expected > MAX_FEATURES:
        raise SourceChanged(f"has {expected} features, more than {MAX_FEATURES}", where=where)
    delivery.agree(address, f"{expected} {sorted(known.items())}")
    plain = {normal(name): name for name, kind in known.items() if not GEOMETRY.search(kind)}
    chosen = list(dict.fromkeys(plain[name] for name in map(normal, wanted or plain) if name in plain))
    question = {"service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": layer}
    question |= {"outputFormat": "application/json", "srsName": RD_NEW_CODE, "count": str(COUNT)}
    question |= {"sortBy": chosen[0]} if chosen else {}
    question |= {"propertyName": ",".join(chosen)} if wanted and chosen else {}
    found: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    page = 0
    while len(found) < expected:
        page += 1
        target = f"{address}?{urlencode({**question, 'startIndex': str(len(found))})}"
        name = f"{ITEMS}-{page:04d}"
        _, content = kept_or_asked(client, delivery, name, target, lambda said: feature_list(said, where), where)
        features = feature_list(content, where)
        keys = {_identity(feature) for feature in features}
        if len(keys) != len(features) or keys & seen:
            raise SourceChanged("delivers a feature twice (a page served twice?)", where=where)
        if not features:
            raise SourceChanged(f"stops after {len(found)} of {expected} features", where=where)
        seen |= keys
        found += features
        progress(f"{where}: page {page}, {len(found)} of {expected} features")
    if len(found) != expected or matched(client, address, layer, where) != expected:
        raise SourceChanged(f"delivers {len(found)} features; it said {expected}", where=where)
    return found


def _identity(feature: dict[str, Any]) -> bytes:
    """What tells features apart: the id where the service gives one, else all that it says."""
    given = feature.get("id")
    return str(given).encode() if given not in (None, "") else orjson.dumps(feature, option=orjson.OPT_SORT_KEYS)
