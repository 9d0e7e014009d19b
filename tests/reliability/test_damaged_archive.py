"""A damaged archive (RELIABILITY.md K6): noticed at every read, named, never written over, and mended by doing what is said."""

import random
import shutil
from pathlib import Path

import pytest

from beeld.errors import Damaged
from beeld.sources import archive
from tests.reliability.worlds import CommandLine, World, bytes_of, complete

SEED = 20_261_127
FLIPS, CUTS = 200, 50
HEADER = range(4, 10)
"""Bytes of a gzip file that say nothing of its content: time, kind of packing, system."""


def contents(folder: Path) -> dict[str, bytes]:
    """Everything that a snapshot says."""
    snapshot = archive.load_snapshot(folder)
    return {document.naam: snapshot.read(document.naam) for document in snapshot.documenten}


def files(world: World) -> list[Path]:
    """Every file of the archived snapshots."""
    return sorted(path for path in world.settings.raw.rglob("*") if path.is_file() and path.name != archive.STATE)


def test_flipped_bits_and_cut_files_are_noticed(world: World) -> None:
    draw, known = random.Random(SEED), {path.parent: contents(path.parent) for path in files(world)}
    noticed = harmless = 0
    for number in range(FLIPS + CUTS):
        path = draw.choice(files(world))
        body = path.read_bytes()
        place = draw.randrange(len(body))
        flipped = body[:place] + bytes([body[place] ^ 1 << draw.randrange(8)]) + body[place + 1 :]
        path.write_bytes(flipped if number < FLIPS else body[:place])
        if number < FLIPS and place in HEADER and path.suffix == ".gz":
            assert contents(path.parent) == known[path.parent], "the same figures"
            harmless += 1
        else:
            with pytest.raises(Damaged, match=path.parent.name):
                contents(path.parent)
            noticed += 1
        path.write_bytes(body)
    print(f"{FLIPS} flipped bits and {CUTS} cuts: {noticed} noticed, {harmless} in bytes that say nothing, 0 missed")
    assert noticed + harmless == FLIPS + CUTS
    assert noticed > 0.9 * (FLIPS + CUTS)


@pytest.mark.parametrize("how", ["emptied", "gone", "swapped", "sidecar gone", "sidecar edited", "sidecar of another"])
def test_a_damaged_snapshot_stops_a_rebuild_and_is_fetched_again_when_it_was_removed(
    how: str, world: World, beeld: CommandLine
) -> None:
    before = complete(world.settings)
    (name,) = world.snapshots("84799NED")
    folder = world.settings.raw / "cbs_kwb" / "84799NED" / name
    damage(how, folder)
    damaged = bytes_of(folder)
    ending = beeld(world.settings, "check", "--rebuild", before)
    assert ending.code == Damaged.exit_code
    assert len(ending.lines) == 1
    assert name in ending.err
    assert complete(world.settings) == before
    assert bytes_of(folder) == damaged, "nothing is written over it"
    shutil.rmtree(folder)
    (folder.parent / archive.STATE).unlink()
    assert beeld(world.settings, "refresh", "--no-render").code == 0
    assert world.snapshots("84799NED") == [name]
    contents(folder)


def damage(how: str, folder: Path) -> None:
    """Do to a snapshot what a disk or a person may do."""
    sidecar, page = folder / archive.SIDECAR, folder / "TypedDataSet-0001.json.gz"
    match how:
        case "emptied":
            page.write_bytes(b"")
        case "gone":
            page.unlink()
        case "swapped":
            other = folder / "TypedDataSet-0002.json.gz"
            first, second = page.read_bytes(), other.read_bytes()
            page.write_bytes(second)
            other.write_bytes(first)
        case "sidecar gone":
            sidecar.unlink()
        case "sidecar edited":
            sidecar.write_text(sidecar.read_text(encoding="utf-8").replace('"CC BY', '"CC-BY'), encoding="utf-8")
        case _:
            (other,) = (folder.parents[1] / "85984NED").glob(f"*/{archive.SIDECAR}")
            shutil.copyfile(other, sidecar)
