"""OGC API Features as PDOK serves it (facts/CBS.md section 11): one collection, one year, page after page into the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx
import orjson

from beeld.errors import SourceChanged
from beeld.sources.archive import Delivery, Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.http import NotFound, Rejected, Reply, follow, get_json

RD_NEW = "http://www.opengis.net/def/crs/EPSG/0/28992"
LIMIT = 1000
MAX_PAGES = 500
ITEMS = "items"


@dataclass(frozen=True)
class Feature:
    """One area as delivered: code, name, year of the boundary, GeoJSON geometry and the CRS its coordinates are in."""

    code: str
    name: str
    year: int
    geometry: dict[str, Any] | None
    crs: str


def fingerprint(client: httpx.Client, base: str, source: Source, table: Table) -> str:
    """What the service says of the collection, as a hash: as long as it does not change, no features are fetched again.

    A service without a description of the collection always gives the same fingerprint: a boundary of a given year is final.
    """
    where = f"{source.bron} {table.tabel}"
    try:
        _, content = get_json(client, f"{base}{source.service(table).pad}/collections/{table.tabel}?f=json", where=where)
    except NotFound:
        return "geen beschrijving"
    steady = {key: content.get(key) for key in ("id", "title", "updated", "extent", "itemType", "storageCrs")}
    return hashlib.sha256(orjson.dumps(steady, option=orjson.OPT_SORT_KEYS)).hexdigest()


def fetch(
    client: httpx.Client,
    base: str,
    source: Source,
    table: Table,
    *,
    raw: Path,
    scratch: Path,
    progress: Callable[[str], None],
) -> Snapshot:
    """Fetch the newest of the declared years that the collection has; SourceChanged when it has none of them.

    A service that does not know the question `jaarcode` is asked for everything; the year is chosen when it is read.
    """
    where = f"{source.bron} {table.tabel}"
    collection = f"{base}{source.service(table).pad}/collections/{table.tabel}"
    crs = f"&crs={quote(RD_NEW, safe='')}"
    for question in (*(f"{crs}&jaarcode={year}" for year in table.jaren), crs, ""):
        delivery = Delivery(scratch, source.bron, table.tabel)
        count = _store(client, f"{collection}/items?f=json&limit={LIMIT}{question}", table, delivery, where, progress)
        if count:
            return delivery.archive(raw, gewijzigd="", licentie=source.licentie, url=collection, titel=source.titel, rijen=count)
    raise SourceChanged(f"has no features of {', '.join(map(str, table.jaren))}", where=where)


def _store(client: httpx.Client, url: str, table: Table, delivery: Delivery, where: str, progress: Callable[[str], None]) -> int:
    seen: set[str] = set()
    visited: set[str] = set()
    target: str | None = url
    while target is not None:
        if target in visited:
            raise SourceChanged("next links go in a circle", where=where)
        if len(visited) >= MAX_PAGES:
            raise SourceChanged(f"delivers more than {MAX_PAGES} pages", where=where)
        visited.add(target)
        try:
            reply, content = get_json(client, target, where=where)
        except (NotFound, Rejected):  # a year that the collection does not have
            if len(visited) > 1:
                raise
            return 0
        features = _features(content, where)
        for feature in features:
            key = f"{feature.get('properties', {}).get('jrstatcode')} {feature.get('properties', {}).get('statcode')}"
            if key in seen:
                raise SourceChanged(f"delivers feature {key} twice (a page served twice?)", where=where)
            seen.add(key)
        if features:
            delivery.add(f"{ITEMS}-{len(visited):04d}", target, _with_crs(reply, content), features)
        progress(f"{where}: page {len(visited)}, {len(seen)} features")
        links: list[dict[str, Any]] = content.get("links") or []
        target = next((follow(target, str(link["href"]), where) for link in links if link.get("rel") == "next"), None)
    return len([key for key in seen if table.jaren and int(key[:4]) in table.jaren])


def _with_crs(reply: Reply, content: dict[str, Any]) -> bytes:
    """The body as received; where only the HTTP header names the CRS, the header is kept beside the body in an envelope."""
    if not reply.content_crs or "crs" in content:
        return reply.body
    return orjson.dumps({"content_crs": reply.content_crs.strip("<> ")})[:-1] + b',"body":' + reply.body.strip() + b"}"


def _features(content: dict[str, Any], where: str) -> list[dict[str, Any]]:
    listed = content.get("features")
    if not isinstance(listed, list):
        raise SourceChanged("reply has no list 'features'", where=where)
    features = cast("list[dict[str, Any]]", listed)
    for feature in features:
        properties: dict[str, Any] = feature.get("properties") or {}
        year = str(properties.get("jrstatcode") or "")[:4]
        if not properties.get("statcode") or not year.isdigit():
            raise SourceChanged("a feature lacks statcode or jrstatcode", where=where)
    return features


def read_features(snapshot: Snapshot, years: tuple[int, ...]) -> Iterator[Feature]:
    """The features of an archived collection, of the newest declared year that it holds."""
    found: list[Feature] = []
    for document in snapshot.names(f"{ITEMS}-"):
        content = orjson.loads(snapshot.read(document))
        header = ""
        if "content_crs" in content:
            header, content = content["content_crs"], content["body"]
        member: dict[str, Any] = content.get("crs") or {}
        crs = header or str(member.get("properties", {}).get("name") or "")
        for feature in content["features"]:
            properties = feature["properties"]
            found.append(
                Feature(
                    str(properties["statcode"]).strip().upper(),
                    str(properties.get("statnaam") or "").strip(),
                    int(str(properties["jrstatcode"])[:4]),
                    feature.get("geometry"),
                    crs,
                )
            )
    available = {feature.year for feature in found}
    year = next((year for year in years if year in available), None)
    yield from (feature for feature in found if feature.year == year)


def newest_year(_source: Source, table: Table, snapshot: Snapshot) -> int | None:
    """The year of the boundaries that a release would use."""
    return next((feature.year for feature in read_features(snapshot, table.jaren)), None)
