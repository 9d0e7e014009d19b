"""The raw archive: bytes as received, the same place for the same bytes, and every kind of damage noticed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from beeld.errors import Damaged
from beeld.sources import archive, odata_v3
from beeld.sources.archive import Delivery, Snapshot
from beeld.warehouse import trace
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row

BODY = b'{"value": [1]}  \n'


def put(folder: Path, body: bytes = BODY, gewijzigd: str = "2024-01-01T00:00:00") -> Snapshot:
    """One delivery of one document."""
    delivery = Delivery(folder / "bouw", "proef", "T")
    delivery.add("TypedDataSet-0001", "https://opendata.cbs.nl/x", body, json.loads(body))
    return delivery.archive(folder / "ruw", gewijzigd=gewijzigd, licentie="CC BY 4.0", url="u", titel="t", rijen=1)


def test_bytes_as_received_with_a_sidecar(tmp_path: Path) -> None:
    snapshot = put(tmp_path)
    assert snapshot.read("TypedDataSet-0001") == BODY
    sidecar = json.loads((snapshot.folder / archive.SIDECAR).read_text(encoding="utf-8"))
    assert sidecar["documenten"][0]["url"] == "https://opendata.cbs.nl/x"
    assert {"sha256", "gewijzigd", "licentie", "opgehaald"} <= sidecar.keys()
    assert archive.load_snapshot(snapshot.folder) == snapshot
    assert archive.find_snapshot(snapshot.folder.parent, snapshot.sha256) == snapshot
    assert archive.find_snapshot(snapshot.folder.parent, snapshot.sha256[:16] + "0" * 48) is None


def test_the_same_bytes_keep_their_place(tmp_path: Path) -> None:
    first = put(tmp_path)
    assert put(tmp_path) == first
    assert put(tmp_path, gewijzigd="2025-01-01T00:00:00").folder != first.folder, "another Modified is another delivery"
    assert put(tmp_path, body=b'{"value": [2]}').folder != first.folder
    assert put(tmp_path, body=BODY.strip()) == first, "the same content in other bytes is the same delivery"
    assert first.read("TypedDataSet-0001") == BODY
    assert not list((tmp_path / "bouw").iterdir()), "nothing is left behind"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other", "gone", "no_gzip"])
def test_a_damaged_document(damage: str, tmp_path: Path) -> None:
    snapshot = put(tmp_path)
    path = snapshot.folder / "TypedDataSet-0001.json.gz"
    raw = path.read_bytes()
    changed = {
        "flip": raw[:15] + bytes([raw[15] ^ 1]) + raw[16:],
        "cut": raw[:-9],
        "empty": b"",
        "other": gzip.compress(b'{"value": [2]}'),
        "no_gzip": BODY,
    }
    path.unlink() if damage == "gone" else path.write_bytes(changed[damage])
    with pytest.raises(Damaged) as failure:
        snapshot.read("TypedDataSet-0001")
    assert str(path) in str(failure.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"bron": "x"}', '{"documenten": [{"naam": 1}]}'])
def test_a_damaged_sidecar(text: str, tmp_path: Path) -> None:
    snapshot = put(tmp_path)
    (snapshot.folder / archive.SIDECAR).write_text(text, encoding="utf-8")
    with pytest.raises(Damaged, match="sidecar cannot be read"):
        archive.load_snapshot(snapshot.folder)


def test_a_fault_is_noted_and_the_snapshot_stays(tmp_path: Path) -> None:
    raw = tmp_path / "ruw"
    snapshot = put(tmp_path)
    archive.accept(raw, snapshot, "kenmerk")
    first = archive.record_fault(raw, "proef", "T", "onbereikbaar")
    again = archive.record_fault(raw, "proef", "T", "nog steeds")
    assert again.fout_sinds == first.fout_sinds != ""
    assert again.laatste_fout == "nog steeds"
    assert archive.current_snapshot(raw, "proef", "T") == snapshot
    archive.accept(raw, snapshot, "kenmerk")
    assert archive.load_state(raw, "proef", "T").laatste_fout == ""
    assert archive.current_snapshot(raw, "proef", "NIETS") is None


def test_a_half_delivery_is_no_snapshot(tmp_path: Path) -> None:
    Delivery(tmp_path / "bouw", "proef", "T").add("x-0001", "u", b"{}", {})
    assert not (tmp_path / "ruw").exists()


def test_pages_are_read_in_order_with_or_without_byte_order_mark(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path / "bouw", "proef", "T")
    for number in range(1, 12):
        mark = b"\xef\xbb\xbf" if number % 2 else b""
        delivery.add(f"TypedDataSet-{number:04d}", "u", mark + json.dumps({"value": [{"n": number}]}).encode(), number)
    snapshot = delivery.archive(tmp_path / "ruw", gewijzigd="", licentie="", url="", titel="", rijen=11)
    assert [rows[0]["n"] for rows in odata_v3.read_rows(snapshot, "TypedDataSet")] == list(range(1, 12))


def test_a_cell_is_found_back_as_the_source_wrote_it(tmp_path: Path) -> None:
    """The end of a trace: the archived row, padded code and all (`beeld.warehouse.trace`)."""
    source = deliveries.source()
    snapshot = deliveries.archived(tmp_path, [row("BU00140000", "    58.0"), row("BU00140001", "       ."), row("NL01", "9")])
    layout = odata_v3.read_layout(snapshot, source, source.tabellen[0])
    found = {
        key[deliveries.REGION]: text for key, text in trace._rows(snapshot, source, "getal", layout, {"BU00140000", "NL00"}, 2020)
    }
    assert found == {"BU00140000": "58.0", "NL01": "9"}
