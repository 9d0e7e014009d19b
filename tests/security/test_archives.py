"""Twelve bombs and their relatives (RELIABILITY.md section Z): each refused, within 10 s and 1 GiB, by a process of its own."""

import gzip
import io
import sqlite3
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from beeld.sources import limits
from beeld.sources.limits import OverLimit, open_gzip, open_zip, read_json
from beeld.sources.spreadsheet import open_workbook
from beeld.sources.tabular import Form, open_table
from tests.measured import untraced

SECONDS, GIBIBYTE = 10.0, 1024 * 1024 * 1024
MEGABYTE = 1024 * 1024
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

PROBE = """
import pathlib, re, sys, time
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak so far is that of the process that started this one
from beeld.sources.limits import OverLimit
from beeld.sources.tabular import Form, open_table
started = time.monotonic()
said = "read"
try:
    form = Form(sys.argv[2], sys.argv[3], lid=sys.argv[4])
    with open(sys.argv[1], "rb") as file, open_table(file, form, "bom") as rows:
        for row in rows:
            pass
except OverLimit as error:
    said = "refused: " + error.what
peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())
print(time.monotonic() - started, int(peak[1]) * 1024, said, sep="\\n")
"""


def members(path: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, body in content.items():
            archive.writestr(name, body)


def repeated(path: Path, name: str, part: bytes, times: int) -> None:
    """A zip with one member of many equal parts, never whole in memory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as member:
        for _ in range(times):
            member.write(part)


def flat(path: Path) -> None:
    repeated(path, "cijfers.csv", b"0" * MEGABYTE, 200)


def nested(path: Path) -> None:
    members(path, {"cijfers.csv": b"a;b\n1;2\n", "binnen.zip": gzip.compress(b"x")})


def disguised_nested(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.csv", "a;b\n")
    members(path, {"cijfers.csv": inner.getvalue()})


def overlapping(path: Path) -> None:
    """Many members that are all the same bytes: the list of members points to one place."""
    members(path, {"cijfers.csv": b"0" * 100_000})
    body = path.read_bytes()
    start = body.index(b"PK\x01\x02")
    entry = body[start : body.index(b"PK\x05\x06")]
    names = [f"c{number:06d}.csv".encode() for number in range(200)]
    listed = b"".join(entry.replace(b"cijfers.csv", name) for name in names)
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, len(names), len(names), len(listed), start, 0)
    local = body[:start]
    path.write_bytes(local + listed + end)


def quine(path: Path) -> None:
    """A zip that holds itself: here a member that is the archive's own beginning."""
    first = io.BytesIO()
    with zipfile.ZipFile(first, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("r.zip", b"")
    members(path, {"r.zip": first.getvalue(), "cijfers.csv": b"a;b\n"}, zipfile.ZIP_STORED)


def lying(path: Path) -> None:
    """Headers that say 1,000 bytes where 64 MB come out."""
    members(path, {"cijfers.csv": b"1;2;3\n" * (10 * MEGABYTE)})
    with zipfile.ZipFile(path) as archive:
        real = archive.getinfo("cijfers.csv").file_size
    body = path.read_bytes()
    path.write_bytes(body.replace(struct.pack("<L", real), struct.pack("<L", 1000)))


def book(path: Path, parts: dict[str, bytes], sheet: bytes = b"") -> None:
    """A workbook with one sheet and what else is given."""
    workbook = (
        f'<workbook xmlns="{SHEET}" xmlns:r="urn:r"><sheets><sheet name="Blad1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    links = '<Relationships xmlns="urn:p"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>'
    members(
        path,
        {
            "xl/workbook.xml": workbook.encode(),
            "xl/_rels/workbook.xml.rels": links.encode(),
            "xl/worksheets/sheet1.xml": sheet or f'<worksheet xmlns="{SHEET}"><sheetData/></worksheet>'.encode(),
            **parts,
        },
    )


def shared_strings(path: Path) -> None:
    texts = b"".join(b"<si><t>%d</t></si>" % number for number in range(510_000))
    book(path, {"xl/sharedStrings.xml": f'<sst xmlns="{SHEET}">'.encode() + texts + b"</sst>"})


def entities(path: Path) -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    body = f'<!DOCTYPE lolz [<!ENTITY l0 "lol">{lol}]><sst xmlns="{SHEET}"><si><t>&l9;</t></si></sst>'
    book(path, {"xl/sharedStrings.xml": body.encode()})


def geopackage(path: Path, *statements: str) -> None:
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as con:
        con.execute("create table gpkg_contents (table_name text, data_type text)")
        con.execute("create table gpkg_geometry_columns (table_name text, column_name text)")
        con.execute("create table buurten (fid integer primary key, geom blob, code text, inwoners integer)")
        con.execute("insert into gpkg_contents values ('buurten', 'features')")
        con.execute("insert into gpkg_geometry_columns values ('buurten', 'geom')")
        con.execute("insert into buurten values (1, x'00', 'BU90010101', 120)")
        for statement in statements:
            con.execute(statement)
    con.close()


def triggers_and_views(path: Path) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i as code from n"
    geopackage(path, f"create view bom as {endless}", "insert into gpkg_contents values ('bom', 'attributes')")


def deep_json(path: Path) -> None:
    path.write_bytes(b'{"features":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def one_field(path: Path) -> None:
    """A CSV of 1 GB that is a single cell; sparse, so that making it takes no time."""
    with path.open("wb") as file:
        file.write(b'gebiedscode;waarde\nBU90010101;"')
        file.write(b"x" * (2 * MEGABYTE))
        file.truncate(1024 * MEGABYTE)


def wide(path: Path) -> None:
    path.write_bytes(b";".join(b"k%d" % number for number in range(100_000)) + b"\n")


def gzip_of_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.compress(b"0" * (50 * MEGABYTE))))


BOMBS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "flat": (flat, "csv", "zip"),
    "nested": (nested, "csv", "zip"),
    "overlapping": (overlapping, "csv", "zip"),
    "quine": (quine, "csv", "zip"),
    "lying header": (lying, "csv", "zip"),
    "XLSX sharedStrings": (shared_strings, "xlsx", ""),
    "XML entities": (entities, "xlsx", ""),
    "GPKG with a view": (triggers_and_views, "gpkg", ""),
    "JSON depth 100,000": (deep_json, "geojson", ""),
    "CSV of one field of 1 GB": (one_field, "csv", ""),
    "100,000 columns": (wide, "csv", ""),
    "gzip of gzip": (gzip_of_gzip, "csv", "gzip"),
}


@pytest.mark.bronfout
@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_in_time_and_memory(name: str, tmp_path: Path) -> None:
    make, form, packing = BOMBS[name]
    path = tmp_path / "bom"
    make(path)
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, str(path), form, packing, "cijfers.csv" if name == "lying header" else "c*.csv"],
        capture_output=True,
        text=True,
        env=untraced(),
        timeout=60,
    )
    path.unlink()
    assert ended.returncode == 0, ended.stderr
    seconds, memory, said = ended.stdout.splitlines()
    assert said.startswith("refused: "), said
    assert float(seconds) <= SECONDS
    assert int(memory) <= GIBIBYTE


def test_there_are_twelve() -> None:
    assert len(BOMBS) == 12


# ---------------------------------------------------------------- a zip, sign by sign


def entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def zipped(*infos: tuple[zipfile.ZipInfo, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate") if _doubled(infos) else _quiet(), zipfile.ZipFile(file, "w") as archive:
        for info, body in infos:
            archive.writestr(info, body)
    return file


def _doubled(infos: tuple[tuple[zipfile.ZipInfo, bytes], ...]) -> bool:
    names = [info.filename for info, _ in infos]
    return len(set(names)) < len(names)


class _quiet:
    def __enter__(self) -> None:
        """Nothing is expected."""

    def __exit__(self, *_: object) -> None:
        """Nothing to look at."""


def refusal(file: io.BytesIO) -> str:
    with pytest.raises(OverLimit) as caught, open_zip(file, "proef tabel"):
        pass
    assert caught.value.where == "proef tabel"
    return caught.value.what


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x.csv", "a/../../x.csv", "a\\b.csv", "C:x.csv", "a\nb.csv", "x" * 300, "\u202efdp.csv"]
)
def test_a_member_that_is_no_plain_path_is_refused(name: str) -> None:
    assert "plain path" in refusal(zipped((entry(name), b"a;b\n")))


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600])
def test_a_link_or_device_is_refused(mode: int) -> None:
    assert "link or a device" in refusal(zipped((entry("x.csv", mode), b"/etc/passwd")))


@pytest.mark.parametrize("second", ["x.csv", "X.CSV"])
def test_a_name_that_stands_twice_is_refused(second: str) -> None:
    assert "twice" in refusal(zipped((entry("x.csv"), b"1"), (entry(second), b"2")))


def test_encrypted_members_are_refused() -> None:
    body = bytearray(zipped((entry("x.csv"), b"a;b\n")).getvalue())
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(io.BytesIO(bytes(body)))


def test_unusual_compression_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.csv", "a;b\n")
    assert "compressed in a way" in refusal(file)


def test_a_thousand_members_are_read_and_one_more_is_not() -> None:
    infos = [(entry(f"{number}.csv"), b"x") for number in range(limits.MAX_MEMBERS)]
    with open_zip(zipped(*infos), "proef") as archive:
        assert len(archive.names) == limits.MAX_MEMBERS
    assert "1001 members" in refusal(zipped(*infos, (entry("meer.csv"), b"x")))


@pytest.mark.parametrize("cut", [0, 10, 40, 90])
def test_a_zip_that_is_cut_off_is_refused(cut: int) -> None:
    body = zipped((entry("x.csv"), b"a;b\n" * 20)).getvalue()
    assert refusal(io.BytesIO(body[:cut]))


def test_a_damaged_member_is_refused_while_it_is_read() -> None:
    body = bytearray(zipped((entry("x.csv"), b"waarde" * 10_000)).getvalue())
    body[50_000] ^= 0xFF
    with open_zip(io.BytesIO(bytes(body)), "proef") as archive, pytest.raises(OverLimit, match="damaged or lies"):
        archive.read("x.csv")


def test_two_members_like_the_pattern_are_refused_and_one_is_found() -> None:
    file = zipped((entry("a/wijken 2024.csv"), b"1"), (entry("lees mij.txt"), b"2"))
    with open_zip(file, "proef") as archive:
        assert archive.match("*wijken*.csv") == "a/wijken 2024.csv"
        assert archive.read("a/wijken 2024.csv") == b"1"
        with pytest.raises(OverLimit, match="0 members like 'buurten"):
            archive.match("buurten*.csv")
        with pytest.raises(OverLimit, match="2 members like"):
            archive.match("*")
        with pytest.raises(OverLimit, match="larger than 0 bytes"):
            archive.read("lees mij.txt", 0)


def test_disguised_archives_are_refused(tmp_path: Path) -> None:
    disguised_nested(tmp_path / "x.zip")
    assert "itself an archive" in refusal(io.BytesIO((tmp_path / "x.zip").read_bytes()))


def test_too_many_bytes_are_counted_over_all_members(monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped((entry("a.csv"), b"x" * 600), (entry("b.csv"), b"y" * 600))
    with open_zip(file, "proef") as archive:
        archive.read("a.csv")
        monkeypatch.setattr(limits, "MAX_UNPACKED", 1000)
        with pytest.raises(OverLimit, match="more than 1000 bytes"):
            archive.read("b.csv")


def test_an_archive_over_the_limit_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PACKED", 50)
    assert "larger than 50 bytes" in refusal(zipped((entry("x.csv"), b"x" * 100)))


# ---------------------------------------------------------------- gzip, JSON


def test_gzip_of_one_and_more_members_is_read() -> None:
    with open_gzip(io.BytesIO(gzip.compress(b"a;b\n") + gzip.compress(b"1;2\n")), "proef") as reader:
        assert reader.read() == b"a;b\n1;2\n"


@pytest.mark.parametrize(
    "change", [lambda body: body[:-6], lambda body: b"xx" + body, lambda body: body[:20] + b"\0" + body[21:]]
)
def test_a_damaged_gzip_is_refused(change: Callable[[bytes], bytes]) -> None:
    body = change(gzip.compress(b"a;b\n" * 1000))
    with pytest.raises(OverLimit, match="damaged"), open_gzip(io.BytesIO(body), "proef") as reader:
        reader.read()


def test_gzip_of_many_members_ends() -> None:
    with pytest.raises(OverLimit, match="gzip members"), open_gzip(io.BytesIO(gzip.compress(b"") * 1100), "proef") as reader:
        reader.read()


def test_a_gzip_bomb_is_counted() -> None:
    body = gzip.compress(b"0" * (4 * MEGABYTE))
    with pytest.raises(OverLimit, match="200 times"), open_gzip(io.BytesIO(body), "proef") as reader:
        reader.read()


def test_json_is_read_with_a_byte_order_mark_and_not_when_deep_or_cut_off() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": [1]}', "proef") == {"a": [1]}
    for body in (b'{"a": ', b"[" * 2000 + b"]" * 2000, b"\xff\xfe"):
        with pytest.raises(OverLimit, match="no JSON"):
            read_json(body, "proef")


# ---------------------------------------------------------------- GeoPackage, workbook


def rows(path: Path, form: Form) -> list[list[object]]:
    with path.open("rb") as file, open_table(file, form, "proef") as found:
        return [list(row) for row in found]


def test_attributes_of_a_geopackage_are_read_with_the_triggers_of_the_standard(tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    geopackage(path, "create trigger rtree_buurten_geom_insert after insert on buurten begin select 1; end")
    assert rows(path, Form("gpkg")) == [["fid", "code", "inwoners"], [1, "BU90010101", 120]]
    assert rows(path, Form("gpkg", blad="buurten")) == rows(path, Form("gpkg"))


@pytest.mark.parametrize(
    "statement",
    [
        "create view wijken as select * from buurten",
        "create trigger onbekend after insert on buurten begin delete from buurten; end",
    ],
)
def test_geopackage_with_what_could_run_is_refused(statement: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    geopackage(path, statement)
    with pytest.raises(OverLimit, match=r"holds the (view|trigger)"):
        rows(path, Form("gpkg"))


def test_geopackage_in_journal_mode_is_read_and_damaged_or_foreign_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    geopackage(path)
    con = sqlite3.connect(path)
    con.execute("pragma journal_mode = wal")
    con.close()
    assert len(rows(path, Form("gpkg"))) == 2
    body = path.read_bytes()
    for wrong in (body[:1000], b"geen pakket", body[:100] + b"\xff" * 400 + body[500:]):
        path.write_bytes(wrong)
        with pytest.raises(OverLimit, match="GeoPackage"):
            rows(path, Form("gpkg"))
    geopackage(path)
    with pytest.raises(OverLimit, match="no layer 'wijken'; it has 'buurten'"):
        rows(path, Form("gpkg", blad="wijken"))


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ('<row r="5"/><row r="4"/>', "does not follow"),
        ('<row r="1048577"/>', "does not follow"),
        ('<row r="1"><c r="XFE1"><v>1</v></c></row>', "16384 columns"),
        ('<row r="1"><c r="A1" t="s"><v>7</v></c></row>', "refers to a text"),
        ("<row", "XML that cannot be read"),
    ],
)
def test_workbook_that_is_wrong_is_refused(sheet: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    book(path, {}, f'<worksheet xmlns="{SHEET}"><sheetData>{sheet}</sheetData></worksheet>'.encode())
    with pytest.raises(OverLimit, match=said):
        rows(path, Form("xlsx"))


def test_workbook_without_its_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    members(path, {"xl/workbook.xml": b"<workbook/>"})
    with pytest.raises(OverLimit, match="no member"):
        rows(path, Form("xlsx"))
    book(path, {})
    with path.open("rb") as file, open_workbook(file, "proef") as opened, pytest.raises(OverLimit, match="no sheet 'Blad9'"):
        opened.sheet("Blad9")


def test_ends_of_archives_never_raise_anything_else(tmp_path: Path) -> None:
    """Every byte of a small zip and workbook changed once: read, or an OverLimit."""
    path = tmp_path / "x.xlsx"
    book(path, {"xl/sharedStrings.xml": f'<sst xmlns="{SHEET}"><si><t>a</t></si></sst>'.encode()})
    body = path.read_bytes()
    outcomes = {_outcome(body[:place] + bytes([byte ^ 0x5A]) + body[place + 1 :]) for place, byte in enumerate(body)}
    assert outcomes == {"read", "refused"}


def _outcome(body: bytes) -> str:
    try:
        with open_workbook(io.BytesIO(body), "proef") as opened:
            for sheet in opened.sheets:
                list(opened.rows(sheet))
    except OverLimit:
        return "refused"
    return "read"


def test_probe_reads_what_is_in_order(tmp_path: Path) -> None:
    """The probe that judges the bombs says `read` for a file without fault."""
    path = tmp_path / "x.csv"
    path.write_text("gebiedscode;waarde\nBU90010101;1\n", encoding="utf-8")
    ended = subprocess.run([sys.executable, "-c", PROBE, str(path), "csv", "", "*"], capture_output=True, text=True)
    assert ended.stdout.splitlines()[2] == "read"
