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
from beeld.sources.archive import BOM, Delivery, Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.http import NotFound, Rejected, Reply, follow, get_json, safe
from beeld.sources.replies import as_received, kept_or_asked

RD_NEW = "http://www.opengis.net/def/crs/EPSG/0/28992"
RD_NEW_CODE = "EPSG:28992"
LIMIT = 1000
MAX_PAGES = 500
ITEMS = "items"
LAND = "NEE"
"""`water` of what is land in the Netherlands; JA is water, B abroad."""
CODE_FIELDS = ("statcode", "buurtcode", "wijkcode", "gemeentecode", "bu_code", "wk_code", "gm_code")
NAME_FIELDS = ("statnaam", "buurtnaam", "wijknaam", "gemeentenaam", "bu_naam", "wk_naam", "gm_naam")
YEAR_FIELDS = ("jrstatcode", "jaarcode", "jaar")


@dataclass(frozen=True)
class Feature:
    """One area as delivered: code, name, year of the boundary, GeoJSON geometry and the CRS its coordinates are in."""

    code: str
    name: str
    year: int
    geometry: dict[str, Any] | None
    crs: str


def layer_of(table: Table) -> str:
    """What the service calls the table."""
    return table.laag or table.tabel


def fingerprint(client: httpx.Client, base: str, source: Source, table: Table) -> str:
    """What the service says of the collection, as a hash: as long as it does not change, no features are fetched again.

    A service without a description of the collection always gives the same fingerprint: a boundary of a given year is final.
    """
    try:
        return described(client, base, source, table)
    except NotFound:
        return "geen beschrijving"


def described(client: httpx.Client, base: str, source: Source, table: Table) -> str:
    """The description of the collection as a hash; NotFound when there is no such collection."""
    where = f"{source.bron} {table.tabel}"
    _, content = get_json(client, f"{base}{source.service(table).pad}/collections/{layer_of(table)}?f=json", where=where)
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
    state: str = "",
) -> Snapshot:
    """Fetch the newest of the declared years that the collection has; SourceChanged when it has none of them.

    A service that does not know the question `jaarcode` is asked for everything; the year is chosen when it is read. Pages that
    an earlier fetch in the same `state` left are not asked for again; Stale when they cannot be used.
    """
    where = f"{source.bron} {table.tabel}"
    collection = f"{base}{source.service(table).pad}/collections/{layer_of(table)}"
    crs = f"&crs={quote(RD_NEW, safe='')}"
    for question in (*(f"{crs}&jaarcode={year}" for year in table.jaren), crs, ""):
        url = f"{collection}/items?f=json&limit={LIMIT}{question}"
        delivery = Delivery(scratch, source.bron, table.tabel, state, url)
        count = _store(client, url, table, delivery, where, progress)
        if count:
            return delivery.archive(raw, gewijzigd="", licentie=source.licentie, url=collection, titel=source.titel, rijen=count)
    raise SourceChanged(f"has no features of {', '.join(map(str, table.jaren))}", where=where)


def store_figures(
    client: httpx.Client, address: str, table: Table, delivery: Delivery, where: str, progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The properties of every feature of a collection of one year, page after page into the delivery: they are the figures.

    Raises NotFound when the service has no such collection, SourceChanged for a circle of pages or a page that comes twice.
    """
    found: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    url = f"{address}/collections/{layer_of(table)}/items?f=json&limit={LIMIT}"
    for number, features in enumerate(_pages(client, url, delivery, where, as_received), start=1):
        keys = [orjson.dumps(feature["properties"], option=orjson.OPT_SORT_KEYS) for feature in features]
        if len(set(keys)) != len(keys) or not seen.isdisjoint(keys):
            raise SourceChanged("delivers a feature twice (a page served twice?)", where=where)
        seen.update(keys)
        found += [feature["properties"] for feature in features]
        progress(f"{where}: page {number}, {len(found)} features")
    return found


def _pages(
    client: httpx.Client, url: str, delivery: Delivery, where: str, body_of: Callable[[Reply, dict[str, Any]], bytes]
) -> Iterator[list[dict[str, Any]]]:
    """The features of every page, which is kept in the delivery unless it has none; SourceChanged for a circle of pages."""
    visited: set[str] = set()
    target: str | None = url
    while target is not None:
        if target in visited:
            raise SourceChanged("next links go in a circle", where=where)
        if len(visited) >= MAX_PAGES:
            raise SourceChanged(f"delivers more than {MAX_PAGES} pages", where=where)
        visited.add(target)
        name = f"{ITEMS}-{len(visited):04d}"
        _, kept = kept_or_asked(client, delivery, name, target, lambda said: feature_list(said, where), where, body_of)
        content, _ = _unwrapped(kept)
        features = feature_list(content, where)
        if not features:
            delivery.forget(name)
        yield features
        target = _next(target, content, where)


def _next(target: str, content: dict[str, Any], where: str) -> str | None:
    links: list[dict[str, Any]] = content.get("links") or []
    return next((follow(target, str(link["href"]), where) for link in links if link.get("rel") == "next"), None)


def _store(client: httpx.Client, url: str, table: Table, delivery: Delivery, where: str, progress: Callable[[str], None]) -> int:
    seen: set[tuple[int, str, str]] = set()
    number = 0
    try:
        for number, features in enumerate(_pages(client, url, delivery, where, _with_crs), start=1):
            for feature in features:
                code, year = boundary_key(feature, where)
                key = (year, code, str(feature["properties"].get("water") or LAND).upper())
                if key in seen:
                    raise SourceChanged(f"delivers feature {year} {safe(code)} twice (a page served twice?)", where=where)
                seen.add(key)
            progress(f"{where}: page {number}, {len(seen)} features")
    except (NotFound, Rejected):  # a year that the collection does not have
        if number:
            raise
        return 0
    return len([key for key in seen if key[0] in table.jaren])


def _with_crs(reply: Reply, content: dict[str, Any]) -> bytes:
    """The body as received; where only the HTTP header names the CRS, the header is kept beside the body in an envelope."""
    if not reply.content_crs or "crs" in content:
        return reply.body
    head = orjson.dumps({"content_crs": reply.content_crs.strip("<> ")})[:-1]
    return head + b',"body":' + reply.body.removeprefix(BOM).strip() + b"}"


def _unwrapped(kept: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What a service said, and the CRS that its HTTP header named where `_with_crs` kept that beside it."""
    return (kept["body"], str(kept["content_crs"])) if kept.keys() == {"content_crs", "body"} else (kept, "")


def feature_list(content: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """The features of a reply, each with properties; SourceChanged when it has none of that shape."""
    listed = content.get("features")
    if not isinstance(listed, list):
        raise SourceChanged("reply has no list 'features'", where=where)
    features = cast("list[Any]", listed)
    if not all(isinstance(feature, dict) and isinstance(feature.get("properties"), dict) for feature in features):
        raise SourceChanged("a feature has no properties", where=where)
    return cast("list[dict[str, Any]]", features)


def boundary_key(feature: dict[str, Any], where: str) -> tuple[str, int]:
    """Code and year of a boundary; SourceChanged when it has none.

    `statcode` and `jrstatcode` in gebiedsindelingen; `buurtcode`, `wijkcode` or `gemeentecode` and `jaar` in wijken-en-buurten,
    where an area also names those that it lies in: the smallest is its own.
    """
    properties: dict[str, Any] = feature["properties"]
    code = next((text for name in CODE_FIELDS if (text := str(properties.get(name) or "").strip().upper())), "")
    year = next((text for name in YEAR_FIELDS if (text := str(properties.get(name) or "")[:4]).isdigit()), "")
    if not code or not year:
        raise SourceChanged("a feature lacks statcode or jrstatcode", where=where)
    return code, int(year)


def documents(snapshot: Snapshot) -> Iterator[tuple[dict[str, Any], str]]:
    """Every archived feature collection, with the CRS that came in its HTTP header where there was one."""
    for document in snapshot.names(f"{ITEMS}-"):
        yield _unwrapped(snapshot.content(document))


def read_records(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The properties of every archived feature."""
    return [feature["properties"] for content, _ in documents(snapshot) for feature in content["features"]]


def read_features(snapshot: Snapshot, years: tuple[int, ...]) -> Iterator[Feature]:
    """The features of an archived collection, of the newest declared year that it holds."""
    found: list[Feature] = []
    for content, header in documents(snapshot):
        member: dict[str, Any] = content.get("crs") or {}
        crs = header or str(member.get("properties", {}).get("name") or "")
        for feature in content["features"]:
            properties = feature["properties"]
            if str(properties.get("water") or LAND).upper() != LAND:  # sea, lakes and abroad have codes of their own
                continue
            code, year = boundary_key(feature, f"{snapshot.bron} {snapshot.tabel}")
            name = next((text for name in NAME_FIELDS if (text := str(properties.get(name) or "").strip())), "")
            found.append(Feature(code, name, year, feature.get("geometry"), crs))
    available = {feature.year for feature in found}
    year = next((year for year in years if year in available), None)
    yield from (feature for feature in found if feature.year == year)


def newest_year(_source: Source, table: Table, snapshot: Snapshot) -> int | None:
    """The year of the boundaries that a release would use."""
    return next((feature.year for feature in read_features(snapshot, table.jaren)), None)
