"""Pages of an invented release, read back with lxml and held against the database they were made from."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from lxml import html as lxml_html

from beeld.errors import UsageError
from beeld.profiles import render
from beeld.profiles.reading import build_profile, load_batch, load_release
from beeld.profiles.text import cover_points
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, load_catalog

HOSTILE = """<script>alert("x")</script> & 'De "Hoek"' </style><img src=x onerror=alert(1)>"""
BUURTEN = [f"BU9901{wijk:02d}{number:02d}" for wijk in (1, 2) for number in range(6)]
TINY = "BU99010205"
YEARS = (2021, 2022, 2023, 2024)
HEALTH_YEAR = 2020
FORBIDDEN = (
    r"\bbewoners zijn\b", r"\bslechtste?\b", r"probleemwijk", r"achterstandswijk", r"\branglijst\b", r"\bdoordat\b",
    r"\bkomt door\b",
    r"veroorzaak", r"leidt tot", r"\bdankzij\b", r"\bals gevolg van\b", r"\bNone\b", r"\bnan\b", r"\bnull\b",
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """An invented release and the site made from it."""

    warehouse: Path
    site: Path
    catalog: Catalog

    def page(self, code: str) -> lxml_html.HtmlElement:
        return lxml_html.parse(self.site / "gebied" / code / "index.html").getroot()

    def con(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.warehouse), read_only=True)


def _areas() -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        ("NL00", "land", "Nederland", None, None, None, 2024, 17_000_000, None),
        ("GM9901", "gemeente", "Proefstad", "GM9901", "Proefstad", None, 2024, 21_000, 2),
        ("WK990101", "wijk", "Oost", "GM9901", "Proefstad", "WK990101", 2024, 9_000, 2),
        ("WK990102", "wijk", "West", "GM9901", "Proefstad", "WK990102", 2024, 9_000, 3),
        ("SG-proef", "samengesteld", "Proefgebied", "GM9901", "Proefstad", None, 2024, 3_000, None),
    ]
    for code in BUURTEN:
        name = HOSTILE if code == BUURTEN[1] else f"Buurt {code[-4:]}"
        people = 15 if code == TINY else 1_205
        rows.append((code, "buurt", name, "GM9901", "Proefstad", f"WK{code[2:8]}", 2024, people, 2))
    return rows


def _values(catalog: Catalog) -> Iterator[tuple[object, ...]]:
    for position, (code, *_rest) in enumerate(_areas()):
        for serial, (name, indicator) in enumerate(catalog.indicators.items()):
            if name == "scholen_binnen_3_km":
                continue
            modelled = indicator.soort == "modelschatting"
            for year in (HEALTH_YEAR,) if modelled else YEARS:
                yield _value(code, position, serial, name, year, catalog)


def _value(code: str, position: int, serial: int, name: str, year: int, catalog: Catalog) -> tuple[object, ...]:
    indicator = catalog.indicators[name]
    value: float | None = 10.0 + (position * 37 + serial * 11 + year) % 29 + 1 / 3
    status, reason = "ok", None
    if indicator.samenvoegen == "som":
        value = 1_205.0
    if code == TINY:
        value, status, reason = (
            None,
            ("geheim", "onbekend", "geen_noemer")[serial % 3],
            ("geheim volgens de bron", "onbekend of geheim", "de noemer is 0")[serial % 3],
        )
    elif name == "aandeel_gescheiden":
        value = 0.0
    if name == "misdrijven_per_1000" and status == "ok":
        reason = "grens niet getoetst"
    margin = {"aangenomen": 5.0, "binomiaal": 1.5, "poisson": 1.5}.get(indicator.foutmodel)
    lower, upper = (value - margin, value + margin) if value and margin else (None, None)
    return (
        code,
        name,
        year,
        2024,
        value,
        status,
        reason,
        lower,
        upper,
        name == "gemiddeld_inkomen_per_inwoner",
        True,
        "85984NED",
        "Kolom_1",
        "ab" * 32,
    )


def build_release(path: Path, catalog: Catalog, *, example: bool) -> None:
    """A warehouse from `warehouse/schema.sql` with invented rows."""
    con = duckdb.connect(str(path))
    con.execute((project_folder() / "warehouse" / "schema.sql").read_text(encoding="utf-8"))
    con.executemany("insert into gebied values (?, ?, ?, ?, ?, ?, ?, ?, ?, null, null)", _areas())
    for name, i in catalog.indicators.items():
        year = None if name == "scholen_binnen_3_km" else HEALTH_YEAR if i.soort == "modelschatting" else YEARS[-1]
        row = (
            name,
            i.titel,
            i.uitleg,
            i.thema,
            i.rol,
            i.soort,
            i.familie,
            i.eenheid,
            i.decimalen,
            i.richting,
            i.bron,
            list(i.gebruik),
            i.formule,
            year,
            "1",
        )
        con.execute(f"insert into indicator values ({', '.join('?' * len(row))})", row)
    columns = (
        "gebiedscode, indicator, peiljaar, indeling_jaar, waarde, status, reden, ondergrens, bovengrens, voorlopig, betrouwbaar,"
        " bron_tabel, bron_kolom, snapshot_sha256"
    )
    rows = pa.Table.from_pylist([dict(zip(columns.split(", "), row, strict=True)) for row in _values(catalog)])
    con.register("verzonnen", rows)
    con.execute(f"insert into waarde ({columns}) select {columns} from verzonnen")
    con.unregister("verzonnen")
    moment = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - the warehouse stores plain timestamps
    con.execute(
        "insert into bron values ('cbs_kwb', '85984NED', 'Kern', 'CBS', 'CC BY', 'https://<b>', ?, ?, 'ab', 3, 'ok')",
        [moment, moment],
    )
    con.execute(
        "insert into thema_score values (?, 'veiligheid', 'nl', 0.9, 1, 1), (?, 'eenzaamheid', 'nl', 0.85, 1, 1)",
        [BUURTEN[0]] * 2,
    )
    con.execute(
        "insert into signaal values (?, 'veiligheid', 'aandacht', 'onzeker', 0.61, ['score 0,90, grens 0,80']),"
        " (?, 'eenzaamheid', 'aandacht', 'stevig', 0.92, ['score 0,85, grens 0,80'])",
        [BUURTEN[0]] * 2,
    )
    con.execute(
        "insert into integraal values (?, 'te_weinig_gegevens', 2, 1, null, ['minder dan 200 inwoners: geen score'])", [TINY]
    )
    con.execute(
        "insert into integraal values (?, 'grensgeval', 3, 2, 0.659, ['Leefbaarheid en veiligheid: aandacht'])", [BUURTEN[0]]
    )
    con.execute(
        "insert into opvallend values ($1, 'veiligheid', 'misdrijven_per_1000', 0.931, 'stevig', 0.9),"
        " ($1, 'voorzieningen', 'afstand_huisarts', 0.95, 'onzeker', 0.7),"
        " ($1, 'werk', 'nettoarbeidsparticipatie', 0.9, 'stevig', 1), ($1, 'werk', 'ww_per_1000_15_65', 0.97, 'stevig', 1),"
        " ($1, 'eenzaamheid', 'aandeel_eenzaam', null, 'stevig', null)",
        [BUURTEN[0]],
    )
    con.execute("insert into drempel values ('buurt', 'veiligheid', 'aandacht', 0.8, 'r1')")
    con.execute(
        "insert into controle values ('c1', 'cbs_kwb', 'aantal_inwoners', 'waarschuwing', false, 1205, 'som wijkt af <i>')"
    )
    con.execute("insert into release values ('proef-1', ?, '1', '0.1', ?, null, null)", [moment, example])
    con.close()


def make_site(folder: Path, catalog: Catalog, *, example: bool = True) -> Made:
    warehouse = folder / "proef.duckdb"
    build_release(warehouse, catalog, example=example)
    codes = [str(row[0]) for row in _areas()]
    texts = {BUURTEN[1]: {"aanleiding": "<b>Wij</b> willen & kunnen"}}
    render.render_site(
        folder, warehouse, folder / "site", catalog=catalog, areas=codes, texts=texts, warnings=["bron <x> is oud"], maps=False
    )
    return Made(warehouse, folder / "site", catalog)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(project_folder())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Made:
    return make_site(tmp_path_factory.mktemp("profielen"), catalog)


def visible(page: lxml_html.HtmlElement) -> str:
    """The text of the body, without the scripts in it."""
    return re.sub(r"\s+", " ", " ".join(page.xpath("//body//text()[not(ancestor::script)]")))


def parse_dutch(shown: str) -> float:
    """The first number in a printed figure."""
    match = re.search(r"-?[\d.]+(?:,\d+)?", shown)
    assert match, shown
    return float(match.group().replace(".", "").replace(",", "."))


def test_every_area_has_a_page_and_the_index_links_them_by_code(made: Made) -> None:
    index = lxml_html.parse(made.site / "index.html").getroot()
    links = index.xpath("//ul[@class='gebieden']//a/@href")
    assert len(links) == len(_areas())
    for link in links:
        assert (made.site / link).is_file()
    codes = [link.split("/")[1] for link in links if link.split("/")[1].startswith("BU")]
    assert codes == sorted(codes)


def test_hostile_name_stays_text(made: Made) -> None:
    page = made.page(BUURTEN[1])
    assert page.xpath("//h1")[0].text_content() == HOSTILE
    assert HOSTILE in page.xpath("//title")[0].text_content()
    assert not page.xpath("//script | //*[@onerror] | //img[@src='x']")
    assert page.xpath("//p[@class='aanleiding']")[0].text_content() == "<b>Wij</b> willen & kunnen"
    style = page.xpath("//style")[0].text_content()
    assert "<" not in style
    assert "onerror" not in style or "=" not in style
    index = lxml_html.parse(made.site / "index.html").getroot()
    assert HOSTILE in [a.text_content() for a in index.xpath("//ul[@class='gebieden']//a")]
    assert not index.xpath("//i | //x")
    assert len(index.xpath("//script")) == 1


def test_every_printed_figure_equals_the_database(made: Made) -> None:
    con = made.con()
    known = {
        (r[0], r[1], str(r[2])): (r[3], r[4])
        for r in con.execute("select gebiedscode, indicator, peiljaar, status, waarde from waarde").fetchall()
    }
    con.close()
    seen = 0
    for code in (BUURTEN[0], BUURTEN[1], TINY, "WK990101", "GM9901", "SG-proef", "NL00"):
        for element in made.page(code).xpath("//*[@data-gebied]"):
            status, value = known[element.get("data-gebied"), element.get("data-indicator"), element.get("data-peiljaar")]
            assert element.get("data-status") == status
            text = element.text_content()
            if value is None:
                assert element.get("data-waarde") is None
                assert text in ("geen gegevens", "afgeschermd", "n.v.t.")
            else:
                assert float(element.get("data-waarde")) == value
                decimals = made.catalog.indicators[element.get("data-indicator")].decimalen
                assert parse_dutch(text) == pytest.approx(value, abs=0.5 * 10**-decimals + 1e-9)
            seen += 1
    assert seen > 1000


def test_comparisons_and_sentences_carry_their_own_area(made: Made) -> None:
    page = made.page(BUURTEN[0])
    assert {"NL00", "GM9901", "WK990101", BUURTEN[0]} == {e.get("data-gebied") for e in page.xpath("//*[@data-gebied]")}
    cover = page.xpath("//article//li//*[@data-gebied]")
    assert {e.get("data-gebied") for e in cover} >= {BUURTEN[0], "GM9901"}


def test_states_are_words_with_their_reason(made: Made) -> None:
    page = made.page(TINY)
    for word, reason in (
        ("geen gegevens", "onbekend of geheim"),
        ("afgeschermd", "geheim volgens de bron"),
        ("n.v.t.", "het aantal waardoor gedeeld wordt, is 0"),
    ):
        cells = page.xpath(f"//table[@class='cijfers']//td[1][span[@data-peiljaar and text()='{word}']]")
        assert cells
        assert all(f"reden: {reason}" in cell.text_content() for cell in cells)
    text = visible(page)
    assert "minder dan 200 mensen" in text
    assert "te weinig gegevens" in text.lower()


def test_one_sign_for_a_boundary_that_was_not_tested(made: Made) -> None:
    """Beside a year and in a year it is the same, and every table that has it explains it."""
    signed = 0
    for code in (BUURTEN[0], "GM9901"):
        page = made.page(code)
        marks = page.xpath("//table[@class='jaren']//sup")
        assert all(("°" in mark.text_content()) == mark.get("title").startswith("grens niet getoetst") for mark in marks)
        assert all(("*" in mark.text_content()) == (mark.get("title") != "grens niet getoetst") for mark in marks)
        below = page.xpath("string(//section[@aria-labelledby='verloop']/p[last()])")
        assert ("° grens niet getoetst" in below) == any("°" in mark.text_content() for mark in marks)
        assert ("* met een andere kanttekening" in below) == any("*" in mark.text_content() for mark in marks)
        signed += len(marks)
    assert signed


def test_tables_that_stack_on_a_phone_have_the_heads_of_their_columns(made: Made) -> None:
    for page in (made.page(BUURTEN[0]), lxml_html.parse(made.site / "index.html").getroot()):
        for table in page.xpath("//table[@class='bronnen' or @class='dekking']"):
            heads = [head.text_content() for head in table.xpath("./thead//th")]
            labels = dict(each.split(":") for each in table.get("style").split(";"))
            assert labels == {f"--s{number}": f'"{head}"' for number, head in enumerate(heads[1:], start=2)}


def test_zero_is_a_value(made: Made) -> None:
    element = made.page(BUURTEN[0]).xpath(f"//td/span[@data-indicator='aandeel_gescheiden' and @data-gebied='{BUURTEN[0]}']")[0]
    assert element.get("data-waarde") == "0.0"
    assert element.text_content() == "0,0\u00a0%"


def test_no_position_and_no_line_for_modelled_figures(made: Made, catalog: Catalog) -> None:
    modelled = {name for name, i in catalog.indicators.items() if i.soort == "modelschatting"}
    page = made.page(BUURTEN[0])
    cards = {e.get("data-indicator") for e in page.xpath("//figure[@class='kaartje']//*[@data-indicator]")}
    lines = {e.get("data-indicator") for e in page.xpath("//table[@class='jaren']//*[@data-indicator]")}
    assert "misdrijven_per_1000" in cards
    assert "misdrijven_per_1000" in lines
    assert not cards & modelled
    assert not lines & modelled
    con = made.con()
    data = load_release(con, catalog)
    profile = build_profile(data, load_batch(con, data, [BUURTEN[0]]), BUURTEN[0])
    con.close()
    assert all(f.in_country is None and f.in_gemeente is None and not f.history for f in profile.figures.values() if f.modelled)
    section = page.xpath("//section[@id='eenzaamheid']")[0].text_content()
    assert "rust op één modelschatting" in section
    assert "0,85" not in section


def test_cover_is_balanced_and_claims_no_difference_within_the_noise(made: Made, catalog: Catalog) -> None:
    con = made.con()
    data = load_release(con, catalog)
    codes = [str(row[0]) for row in _areas()]
    batch = load_batch(con, data, codes)
    con.close()
    sizes = set[int]()
    for code in codes:
        profile = build_profile(data, batch, code)
        strengths, concerns = cover_points(profile)
        assert len(strengths) == len(concerns) <= 3
        sizes.add(len(strengths))
        for point in (*strengths, *concerns):
            own = profile.figures[point.sentence.figures[0][1]]
            near = own.nearest
            assert near is not None
            bounds = [own.cell.lower, own.cell.upper, near.cell.lower, near.cell.upper]
            if None not in bounds and bounds[0] <= bounds[3] and bounds[2] <= bounds[1]:
                assert "niet aantoonbaar verschillend" in point.sentence.plain
    assert max(sizes) > 0


def test_words(made: Made) -> None:
    pages = [made.page(code) for code in (BUURTEN[0], TINY, "WK990101", "GM9901", "SG-proef", "NL00")]
    pages += [lxml_html.parse(made.site / name).getroot() for name in ("index.html", "methode.html")]
    for page in pages:
        text = visible(page)
        for pattern in FORBIDDEN:
            assert not re.search(pattern, text, re.IGNORECASE), (pattern, page.findtext(".//h1"))
        assert not re.search(r"\d\.\d{4,}|\d,\d{4,}", text)
        assert "voorbeeld: verzonnen cijfers" in text
        assert page.get("lang") == "nl"
        assert len(page.xpath("//h1")) == 1
    assert "Dit gebied hoort in 65 % van de scenario's bij de kopgroep" in visible(pages[0]).replace("\u00a0", " ")
    assert "Het is geen kans dat hulp nodig is" in visible(pages[0])
    assert "vraagt aandacht · onzeker" in visible(pages[0])
    assert "Nog niet besproken met bewoners" in visible(pages[0])
    assert "Over laag IQ en verslaving bestaat geen open buurtcijfer" in visible(pages[0])
    assert "Grens niet getoetst" in visible(pages[0])


def test_nothing_points_outside_the_site(made: Made) -> None:
    for page in sorted(made.site.rglob("*.html")):
        tree = lxml_html.parse(page).getroot()
        for address in tree.xpath("//@src | //@href"):
            assert not re.match(r"(?:[a-z]+:|//)", address), address
            if not address.startswith("#"):
                assert (page.parent / address.split("#")[0]).is_file(), address
        ids = tree.xpath("//@id")
        assert len(ids) == len(set(ids))
        for anchor in tree.xpath("//a/@href[starts-with(., '#')]"):
            assert anchor[1:] in ids
        policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
        assert policy.startswith("default-src 'none'")
        scripts = tree.xpath("//script")
        assert scripts == [] or page.name == "index.html"
        hashes = [base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode() for script in scripts]
        assert re.findall(r"script-src ([^;]+);", policy) == [f"'sha256-{each}'" for each in hashes]
    assert "http" not in (made.site / "stijl.css").read_text(encoding="utf-8")


def test_tables_have_captions_and_scopes(made: Made) -> None:
    page = made.page(BUURTEN[0])
    for table in page.xpath("//table"):
        assert table.xpath("./caption")
        assert not table.xpath(".//th[not(@scope)]")
    assert not page.xpath("//svg[not(title) or not(desc)]")
    assert not page.xpath("//img[not(@alt)]")


def test_same_release_gives_the_same_bytes(made: Made, catalog: Catalog, tmp_path: Path) -> None:
    again = make_site(tmp_path, catalog)
    names = sorted(p.relative_to(made.site) for p in made.site.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(again.site) for p in again.site.rglob("*") if p.is_file())
    assert all((made.site / name).read_bytes() == (again.site / name).read_bytes() for name in names)


def test_real_figures_carry_no_example_banner(tmp_path: Path, catalog: Catalog) -> None:
    made = make_site(tmp_path, catalog, example=False)
    for page in made.site.rglob("*.html"):
        assert "voorbeeld: verzonnen cijfers" not in page.read_text(encoding="utf-8")


def test_method_page_explains_every_indicator(made: Made, catalog: Catalog) -> None:
    page = lxml_html.parse(made.site / "methode.html").getroot()
    ids = set(page.xpath("//h4/@id"))
    assert ids == set(catalog.indicators)
    assert "0,80" in visible(page)


def test_unknown_area_format_lens_and_language_are_refused(made: Made, catalog: Catalog, tmp_path: Path) -> None:
    for wrong in (
        {"areas": ["BU00000000"]},
        {"areas": [TINY], "formats": ["docx"]},
        {"areas": [TINY], "lens": "x"},
        {"areas": [TINY], "language": "fr"},
    ):
        with pytest.raises(UsageError):
            render.render_site(tmp_path, made.warehouse, tmp_path / "site", catalog=catalog, maps=False, **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "site").exists()
