"""What the index of a release says of its sources."""

from pathlib import Path

from beeld.refresh import source_notes
from beeld.sources.fetch import SUPERSEDED, Delivered
from tests.indicatoren import deliveries
from tests.indicatoren.deliveries import row


def test_sources_that_are_not_there_share_a_line_and_the_others_name_their_tables(tmp_path: Path) -> None:
    tables = [{"tabel": name, "indeling_jaar": 2020} for name in ("PROEF", "OUD", "NIEUW", "STIL")]
    here = deliveries.source(tabellen=tables)
    snapshot = deliveries.archived(tmp_path, [row("BU00140000", "1")])
    gone = [deliveries.source(bron=name, titel=title) for name, title in (("weg", "Zorg"), ("elders", "Arbeid"))]
    delivered = [
        Delivered(here, here.table("PROEF"), snapshot, "actueel"),
        Delivered(here, here.table("NIEUW"), None, "niet_geleverd"),
        Delivered(here, here.table("OUD"), None, SUPERSEDED),
        Delivered(here, here.table("STIL"), snapshot, "verouderd"),
        *(Delivered(source, source.tabellen[0], None, "niet_geleverd") for source in gone),
    ]
    assert source_notes(delivered) == [
        "Deze bronnen zijn niet geleverd: Arbeid; Zorg.",
        "Proef, tabel NIEUW: niet geleverd.",
        "Proef, tabel STIL: niet bijgewerkt. De bron was niet te lezen; wat hier staat is ouder.",
    ]
    assert source_notes([]) == []
