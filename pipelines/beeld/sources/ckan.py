"""CKAN (facts/CBS.md section 12): a package lists resources; the declared one is downloaded as a file."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, cast
from urllib.parse import quote, urljoin, urlsplit

import httpx
import orjson

from beeld.errors import SourceChanged
from beeld.sources.columns import normal
from beeld.sources.declarations import Table
from beeld.sources.http import get_json, origin, safe
from beeld.sources.ogc import layer_of

Resource = dict[str, Any]


def resource(client: httpx.Client, address: str, table: Table, where: str) -> Resource:
    """The one resource of the package that has what `vraag` declares (name, format, id); SourceChanged for none or several."""
    _, content = get_json(client, f"{address}/api/3/action/package_show?id={quote(layer_of(table))}", where=where)
    result: Any = content.get("result")
    if content.get("success") is not True or not isinstance(result, dict):
        raise SourceChanged("has no such package", where=where)
    listed: Any = cast("dict[str, Any]", result).get("resources")
    resources = [cast("Resource", item) for item in cast("list[Any]", listed or []) if isinstance(item, dict)]
    found = [item for item in resources if all(normal(str(item.get(k) or "")) == normal(v) for k, v in table.vraag.items())]
    if len(found) != 1 or not found[0].get("url"):
        names = ", ".join(safe(f"{item.get('name')} ({item.get('format')})") for item in resources[:10])
        raise SourceChanged(f"package has {len(found)} resources as declared; it has {names or 'none'}", where=where)
    return {**found[0], "package_modified": cast("dict[str, Any]", result).get("metadata_modified")}


def modified(found: Resource) -> str:
    """When the resource was last modified; of the package where the resource does not tell."""
    return str(found.get("last_modified") or found.get("package_modified") or "")


def fingerprint(found: Resource) -> str:
    """What the portal says of the resource, as a hash."""
    steady = {key: found.get(key) for key in ("id", "url", "hash", "size", "last_modified", "package_modified")}
    return hashlib.sha256(orjson.dumps(steady, option=orjson.OPT_SORT_KEYS)).hexdigest()


def download_url(found: Resource, address: str, allowed: Collection[str], where: str) -> str:
    """Where the resource is; SourceChanged when that is neither the portal itself nor a declared host over https."""
    try:
        target = urljoin(f"{address}/", str(found["url"]))
    except ValueError:  # no address at all, such as http://[::1
        target = ""
    scheme, host, _ = origin(target)
    hosts = {urlsplit(url).hostname for url in allowed}
    if origin(target) != origin(address) and (scheme != "https" or host not in hosts):
        raise SourceChanged(
            f"resource lies at another place: {safe(target)}", where=where, todo="Declare its host, if it is right"
        )
    return target
