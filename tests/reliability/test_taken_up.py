"""A fetch that broke off is taken up at the first page that is missing, whichever protocol the pages come by.

OData v3 has its own tests in test_fetching.py; here are OData v4, WFS and the OGC API, and tables with more than one way to them.
"""

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from beeld.errors import SourceChanged, SourceUnreachable
from beeld.settings import Settings, load_settings
from beeld.sources import archive, fetch, journal, ogc, wfs
from beeld.sources.archive import Snapshot
from beeld.sources.declarations import Source, Table
from beeld.sources.fetch import Delivered, Look
from beeld.sources.http import open_client
from beeld.warehouse import release
from tests.loopback import LoopbackServer
from tests.reliability.killed import die_when
from tests.unit import v4_tables
from tests.unit.web_samples import DECLARED, SAMPLES

YEARS = (2022, 2024)
MOMENT = re.compile(rb'"timeStamp":"[^"]*"')
"""What the OGC API says anew in every reply."""


@dataclass(frozen=True)
class Kind:
    """A table that comes in pages, and how to reach for its requests."""

    source: Source
    tabel: str
    served: str
    """What the server calls the table."""
    asks: str
    """Matches a request for a page."""
    pages: int
    changes: Callable[["World"], object]
    """Makes the service say something else of the table."""
    down: tuple[str, ...] = ()
    """Hosts of the other ways to it."""

    @property
    def table(self) -> Table:
        """Its declaration."""
        return self.source.table(self.tabel)


@dataclass
class World:
    """A server and a home in which nothing was fetched."""

    server: LoopbackServer
    settings: Settings
    patch: pytest.MonkeyPatch
    kind: Kind
    homes: int = field(default=0)

    def look(self, settings: Settings | None = None) -> Snapshot:
        """The table in use after a refresh looked at it; raises the fault there was."""
        used = settings or self.settings
        release.sweep(used)
        with open_client() as client:
            looking = Look(used, client, strict=True)
            found: Delivered = fetch.delivery(looking, self.kind.source, self.kind.table, fetch.Catalogues(looking))
        assert found.snapshot is not None
        return found.snapshot

    def elsewhere(self) -> Snapshot:
        """The same table fetched in one go, in a home of its own."""
        self.homes += 1
        return self.look(replace(self.settings, home=self.settings.home.parent / f"ander{self.homes}"))

    def break_off(self, asks: str = "", after: int = 2) -> None:
        """A fetch of which so many pages come; afterwards the service is well again and nothing was asked."""
        fault = self.server.fault("status", asks or self.kind.asks, after=after, code=503)
        with pytest.raises(SourceUnreachable, match="answers 503"):
            self.look()
        self.server.remove_fault(fault)
        self.server.clear_log()
        assert self.archived() == []

    def asked(self) -> int:
        """Pages of the table that were asked for and delivered since the fetch broke off."""
        pages = [entry for entry in self.server.data_page_requests() if entry.status == 200]
        return len([entry for entry in pages if re.search(self.kind.asks, f"{entry.path}?{entry.query}")])

    def left(self) -> Path:
        """The folder of the fetch that broke off."""
        (folder,) = (path.parent for path in self.settings.build.glob(f"ophalen-*/*{self.kind.pages - 1:04d}*.json.gz"))
        return folder

    def archived(self) -> list[Path]:
        """The deliveries in the archive."""
        return [path.parent for path in self.settings.raw.glob(f"*/*/*/{archive.SIDECAR}")]


def features(year: int, number: int, **more: Any) -> dict[str, Any]:
    """So many gemeenten of one year."""
    square = [[[150_000, 4e5], [150_100, 4e5], [150_100, 400_100], [150_000, 4e5]]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::28992"}}
    listed = [
        {
            "type": "Feature",
            "properties": {"statcode": f"GM900{n}", "statnaam": f"Naam {n}", "jrstatcode": f"{year}GM900{n}", **more},
            "geometry": {"type": "Polygon", "coordinates": square},
        }
        for n in range(number)
    ]
    return {"type": "FeatureCollection", "crs": crs, "features": listed}


def write_year(data: Path, year: int, number: int = 5, **more: Any) -> None:
    """The boundaries of one year, with `more` properties."""
    place = data / "geo" / f"gemeente_{year}.geojson"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(features(year, number, **more)), encoding="utf-8")


def next_month(world: World) -> None:
    """The month is part of what is known of a service that tells no date."""
    world.patch.setattr(archive, "now", lambda: "2099-01-03T00:00:00Z")


WFS = r"request=GetFeature&.*startIndex="
KINDS = {
    "v4": Kind(
        v4_tables.source(),
        v4_tables.NAME,
        v4_tables.NAME,
        r"/Observations\?",
        5,
        lambda world: world.server.set_modified(v4_tables.NAME, "2026-09-01T02:00:00+02:00"),
    ),
    "wfs": Kind(DECLARED["leefbaarometer"], "buurtscore24", "buurtscore24", WFS, 5, next_month),
    "ogc figures": Kind(
        DECLARED["pdok_wijken_buurten"], "buurten_2024", "buurten", r"/collections/buurten/items\?", 8, next_month, ("wfs",)
    ),
    "ogc boundaries": Kind(
        DECLARED["cbs_grenzen"],
        "gemeente_gegeneraliseerd",
        "gemeente_gegeneraliseerd",
        r"/items\?",
        5,
        lambda world: write_year(world.server.data, 2020),
        ("wfs",),
    ),
}  # fmt: skip


@pytest.fixture
def anywhere(tmp_path: Path, fast_retries: list[float], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Kind], World]]:
    """A function that gives the world of a kind of table; pages of one feature, or of twenty observations."""
    data = v4_tables.write(tmp_path / "data")
    (data / "web").symlink_to(SAMPLES / "web")
    for year in YEARS:
        write_year(data, year)
    monkeypatch.setattr(ogc, "LIMIT", 1)
    monkeypatch.setattr(wfs, "COUNT", 1)
    with LoopbackServer(data, v4_page_size=20) as server:

        def made(kind: Kind) -> World:
            for host in kind.down:
                server.down(host)
            settings = load_settings({**server.environment, "BEELD_HOME": str(tmp_path / "huis")}, folder=tmp_path)
            return World(server, settings, monkeypatch, kind)

        yield made


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, anywhere: Callable[[Kind], World]) -> World:
    """The world of each kind of table."""
    return anywhere(KINDS[request.param])


def bodies(snapshot: Snapshot) -> dict[str, bytes]:
    """Every archived reply, without the time of day that a service puts in it."""
    return {document.naam: MOMENT.sub(b"", snapshot.read(document.naam)) for document in snapshot.documenten}


def last_second(moment: str) -> str:
    """Later on the same day, so in the same month."""
    return f"{moment[:11]}23:59:60Z"


def test_only_the_missing_pages_are_asked_for(world: World) -> None:
    """The same snapshot as one fetched in one go; what was kept keeps the time at which it came."""
    begun = archive.now()
    world.patch.setattr(archive, "now", lambda: begun)
    world.break_off()
    world.patch.setattr(archive, "now", lambda: last_second(begun))
    found = world.look()
    assert world.asked() == world.kind.pages - 2
    assert not list(world.settings.build.iterdir()), "nothing is left of a fetch that went well"
    other = world.elsewhere()
    assert world.asked() == 2 * world.kind.pages - 2
    assert (found.sha256, found.folder.name, found.rijen) == (other.sha256, other.folder.name, other.rijen)
    assert bodies(found) == bodies(other)
    assert sorted(path.name for path in found.folder.iterdir()) == sorted(path.name for path in other.folder.iterdir())
    pages = [document for document in found.documenten if re.match("items|Observations", document.naam)]
    assert [document.opgehaald for document in pages] == [begun] * 2 + [last_second(begun)] * (world.kind.pages - 2)
    assert [document.naam for document in found.documenten] == [document.naam for document in other.documenten]


def test_it_may_break_off_again_and_again(world: World) -> None:
    """A page a time: no page is asked for twice."""
    for _ in range(world.kind.pages - 1):
        world.break_off(after=1)
    assert world.look().sha256 == world.elsewhere().sha256


@pytest.mark.parametrize("damage", ["state", "journal", "cut journal", "page", "no gzip", "old", "slowly old"])
def test_what_is_not_whole_or_not_of_this_state_is_fetched_anew(damage: str, world: World) -> None:
    world.break_off(after=world.kind.pages - 1)
    folder = world.left()
    notes = folder / journal.JOURNAL
    lines = notes.read_text(encoding="utf-8")
    (page,) = folder.glob("*s-0002.json.gz")
    match damage:
        case "state":
            world.kind.changes(world)
        case "journal":
            notes.unlink()
        case "cut journal":
            notes.write_text(lines[:-20], encoding="utf-8")
        case "page":  # whole as gzip and as JSON, and not what came
            page.write_bytes(gzip.compress(gzip.decompress(page.read_bytes()) + b" "))
        case "no gzip":
            page.write_bytes(b"damaged")
        case "old":
            os.utime(notes, (0, 0))
        case _:  # taken up time and again, so that the journal itself is never old
            notes.write_text(re.sub(r'"opgehaald": "\d{4}', '"opgehaald": "2001', lines, count=1), encoding="utf-8")
    assert world.look().rijen
    assert world.asked() == world.kind.pages
    assert not list(world.settings.build.iterdir())


def test_a_feature_on_a_kept_and_on_a_new_page_is_refused(world: World) -> None:
    """The guards look at kept pages too; nothing of what was refused is taken up again."""
    world.break_off()
    fault = world.server.fault("duplicate_page", table=world.kind.served, page=3)
    with pytest.raises(SourceChanged, match="twice"):
        world.look()
    assert fault.hits == 1
    assert 1 <= world.asked() <= world.kind.pages - 2, "held against the kept pages, not against pages asked again"
    assert not list(world.settings.build.iterdir())
    assert world.archived() == []
    world.server.clear_faults()
    world.server.clear_log()
    assert world.look().sha256 == world.elsewhere().sha256
    assert world.asked() == 2 * world.kind.pages


def test_a_next_link_of_then_that_is_not_known_any_more(world: World) -> None:
    """A cursor may have a short life: the refusal of the page after a kept one is no fault of the table."""
    world.break_off()
    fault = world.server.fault("status", world.kind.asks, 1, code=400)
    assert world.look().rijen
    assert fault.hits == 1
    assert world.asked() == world.kind.pages


def test_killed_between_two_pages(world: World) -> None:
    """SIGKILL while page 3 is on its way: nothing is archived, and the next process asks for no page twice."""
    hang = world.server.fault("delay", world.kind.asks, after=2, seconds=60)
    die_when(lambda: hang.hits, world.look)
    assert world.archived() == []
    world.server.clear_faults()
    world.server.clear_log()
    assert world.look().sha256 == world.elsewhere().sha256
    assert world.asked() == 2 * world.kind.pages - 2


def test_the_answer_to_another_question_is_not_taken_up(anywhere: Callable[[Kind], World]) -> None:
    """Pages of two features, after a fetch in pages of one: the same names, and not the same addresses."""
    world = anywhere(KINDS["wfs"])
    world.break_off()
    world.patch.setattr(wfs, "COUNT", 2)
    found = world.look()
    assert world.asked() == 3
    assert found.sha256 == world.elsewhere().sha256


def test_the_lists_of_v4_were_there_too(anywhere: Callable[[Kind], World]) -> None:
    world = anywhere(KINDS["v4"])
    world.break_off()
    world.look()
    assert {entry.path.rpartition("/")[2] for entry in world.server.log} == {
        "Datasets",
        "Properties",
        "$count",
        "MeasureGroups",  # which this table does not have
        "Observations",
    }


def test_a_last_page_without_features_is_no_document(anywhere: Callable[[Kind], World]) -> None:
    """Some services link to a page after the last: the same snapshot as from one that does not."""
    world = anywhere(KINDS["ogc figures"])
    fault = world.server.fault("page_loop", table="buurten", page=8, to=9)
    world.break_off()
    found = world.look()
    assert (fault.hits, world.asked()) == (1, 7)
    assert len(list(found.folder.iterdir())) == 8 + 1
    world.server.clear_faults()
    assert found.sha256 == world.elsewhere().sha256


# ---------------------------------------------------------------- more than one way to a table


@pytest.fixture
def two_ways(anywhere: Callable[[Kind], World]) -> World:
    """Boundaries by the OGC API and else by WFS, both well."""
    return anywhere(replace(KINDS["ogc boundaries"], down=()))


def pages_by(world: World, way: str) -> int:
    """Pages that came by one of the two."""
    return len([entry for entry in world.server.data_page_requests() if f"/{way}/" in entry.path and entry.status == 200])


def test_each_way_goes_on_where_it_broke_off(two_ways: World) -> None:
    """Their pages have the same names: neither takes up those of the other, and neither removes them."""
    world = two_ways
    faults = [world.server.fault("status", r"/items\?", after=2, code=503), world.server.fault("status", WFS, after=3, code=503)]
    with pytest.raises(SourceUnreachable, match="The other ways failed too"):
        world.look()
    assert len(list(world.settings.build.iterdir())) >= 2
    world.server.clear_log()
    world.server.remove_fault(faults[1])
    by_wfs = world.look()
    assert (pages_by(world, "pdok"), pages_by(world, "wfs")) == (0, 2)
    assert not list(world.settings.build.iterdir()), "nor of the way that was not needed"
    world.server.clear_faults()
    assert by_wfs.sha256 == world.elsewhere().sha256


def test_the_first_way_goes_on_after_the_second_failed_too(two_ways: World) -> None:
    world = two_ways
    world.server.down("wfs")
    world.break_off()
    world.server.up("wfs")
    assert world.look().rijen == 5
    assert (pages_by(world, "pdok"), pages_by(world, "wfs")) == (3, 0)


@pytest.mark.parametrize("by", ["count", "fields"])
def test_another_layer_by_wfs_begins_anew_though_the_first_way_says_the_same(by: str, two_ways: World) -> None:
    """What the OGC API says of its collection tells nothing of the layer that was read instead."""
    world = two_ways
    world.server.fault("status", r"/items\?", code=503)
    world.break_off(WFS, 3)
    write_year(world.server.data, 2024, *((6,) if by == "count" else ()), **({"nieuw": 1} if by == "fields" else {}))
    found = world.look()
    assert found.rijen == pages_by(world, "wfs") == (6 if by == "count" else 5)


def test_a_year_that_the_collection_lacks_is_no_obstacle(anywhere: Callable[[Kind], World]) -> None:
    """The newest year that is there is the second that is asked for: its pages are not those of the first question."""
    world = anywhere(KINDS["ogc boundaries"])
    (world.server.data / "geo" / "gemeente_2024.geojson").unlink()
    world.break_off(r"jaarcode=2022")
    found = world.look()
    assert {feature.year for feature in ogc.read_features(found, (2024, 2022))} == {2022}
    assert world.asked() == 3
    assert found.names("items-") == [f"items-{number:04d}" for number in range(1, 6)]


def test_discarding_takes_every_way_to_a_table_and_no_other_table(tmp_path: Path) -> None:
    places = [journal.place(tmp_path, "bron", tabel, way) for tabel in ("T1", "T1-2") for way in ("", "ogc x", "wfs y")]
    for place in places:
        place.mkdir()
    journal.discard(tmp_path, "bron", "T1")
    assert sorted(tmp_path.iterdir()) == sorted(places[3:])
