"""Words that readers stumbled over: what a page says of a union, of one of something, and of what is unknown or missing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from lxml import html as lxml_html

from beeld.profiles import render, wording
from beeld.profiles.companions import OutsideRow
from beeld.profiles.contents import Contents, contents_of
from beeld.profiles.language import speaking
from beeld.profiles.lenses import load_lens
from beeld.profiles.maps.bivariate import pair_headline
from beeld.profiles.maps.describe import even
from beeld.profiles.members import load_members
from beeld.profiles.model import Cell, Figure, Profile, Relation
from beeld.profiles.people import people_chapter
from beeld.profiles.reading import ReleaseData, build_profile, load_batch, load_release
from beeld.profiles.site import Site
from beeld.profiles.stored import PLAINER, plainer, stored
from beeld.profiles.text import outcome_text, questions, unbalanced, unknowns, who_lives_here
from beeld.settings import project_folder
from beeld.transforms.catalog import Catalog, Union, load_catalog
from beeld.transforms.scores import ThemeSignal, decide
from beeld.transforms.target_groups import load_target_groups
from beeld.warehouse.read import open_warehouse

from .test_profiles_pages import BUURTEN, TINY, build_release

UNION = "SG-proef"
MEMBERS = (BUURTEN[0], BUURTEN[2], TINY)
AREAS = (BUURTEN[0], TINY, UNION, "GM9901")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    union = Union(id="proef", naam="Proefgebied", buurten=MEMBERS, indeling_jaar=2024)
    return replace(load_catalog(project_folder()), unions=(union,))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Path:
    path = tmp_path_factory.mktemp("woorden") / "proef.duckdb"
    build_release(path, catalog, example=True)
    return path


@pytest.fixture(scope="module")
def data(warehouse: Path, catalog: Catalog) -> ReleaseData:
    with closing(open_warehouse(warehouse)) as con:
        return load_release(con, catalog)


@pytest.fixture(scope="module")
def profiles(warehouse: Path, data: ReleaseData) -> dict[str, Profile]:
    with closing(open_warehouse(warehouse)) as con:
        batch = load_batch(con, data, AREAS)
    return {code: build_profile(data, batch, code) for code in AREAS}


@pytest.fixture(scope="module")
def site(data: ReleaseData, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Site:
    groups = load_target_groups(project_folder(), catalog)
    folder = tmp_path_factory.mktemp("plaats")
    return Site(folder, data, load_lens(project_folder(), "zoom-in", catalog), frozenset(AREAS), (), groups)


@pytest.fixture(scope="module")
def union(warehouse: Path, profiles: dict[str, Profile], site: Site) -> Contents:
    with closing(open_warehouse(warehouse)) as con:
        members = load_members(con, site.data, AREAS)
    assert list(members) == [UNION]
    return contents_of(profiles[UNION], site, members[UNION])


def people(profile: Profile, inhabitants: int | None) -> Profile:
    return replace(profile, area=replace(profile.area, inhabitants=inhabitants))


def flipped(figure: Figure) -> Figure:
    """The figure on the other side of what it is compared with."""
    other: dict[Relation | None, Relation | None] = {"hoger": "lager", "lager": "hoger"}
    beside = tuple(replace(c, relation=other.get(c.relation, c.relation)) for c in figure.comparisons)
    return replace(figure, comparisons=beside)


# ---------------------------------------------------------------- a union of buurten


def test_a_union_says_that_it_gets_no_score_and_names_its_buurten_with_their_own_outcome(union: Contents) -> None:
    cover = union.cover
    assert "krijgt zelf geen score: een score vergelijkt buurten met buurten" in cover.verdict[0]
    assert cover.outcome == "zie de buurten"
    assert [line.plain for line in cover.members] == [
        "Buurt 0100: grensgeval",
        "Buurt 0102: niet bepaald",
        "Buurt 0205: te weinig gegevens",
    ]
    assert cover.verdict[-1] == "De buurten: Buurt 0100: grensgeval; Buurt 0102: niet bepaald; Buurt 0205: te weinig gegevens."
    assert cover.reasons == ()
    sections = [section for _, found in union.chapters for section in found if section.sentences]
    assert sections
    said = " ".join((*cover.verdict, *(line for section in sections for line in section.sentences)))
    assert "te weinig cijfers" not in said
    assert "0 van" not in said


def test_every_format_of_a_union_says_so_and_its_page_links_the_buurten(
    warehouse: Path, catalog: Catalog, tmp_path: Path
) -> None:
    areas = [UNION, BUURTEN[0]]
    formats = ("html", "xlsx")
    render.render_site(tmp_path, warehouse, tmp_path / "site", catalog=catalog, areas=areas, formats=formats, maps=False)
    page = lxml_html.parse(tmp_path / "site" / "gebied" / UNION / "index.html").getroot()
    (cover,) = page.xpath("//section[@aria-labelledby='uitkomst']")
    assert [a.get("href") for a in cover.iter("a")] == [f"../{BUURTEN[0]}/index.html"]
    assert [li.text_content() for li in cover.iter("li")] == [
        "Buurt 0100: grensgeval",
        "Buurt 0102: niet bepaald",
        "Buurt 0205: te weinig gegevens",
    ]
    book = openpyxl.load_workbook(tmp_path / "site" / "gebied" / UNION / "profiel.xlsx")
    cells = [str(cell) for sheet in book.worksheets for row in sheet.iter_rows(values_only=True) for cell in row]
    assert any("vergelijkt buurten met buurten" in cell and "Buurt 0100: grensgeval" in cell for cell in cells)


def test_an_area_that_is_no_union_has_no_members(profiles: dict[str, Profile], site: Site) -> None:
    cover = contents_of(profiles[BUURTEN[0]], site).cover
    assert cover.members == ()
    assert cover.verdict == cover.judged == tuple(outcome_text(profiles[BUURTEN[0]]))


# ---------------------------------------------------------------- one, none and unknown


def test_one_theme_and_one_kind_of_source_are_singular() -> None:
    families = frozenset({"inkomen", "politie"})
    scored = dict.fromkeys(("a", "b", "c"), families)
    titles = {name: name.upper() for name in scored}
    one = decide(scored, [ThemeSignal("a", "aandacht", families)], titles)
    assert one.redenen == ("A: aandacht", "1 thema met een signaal; nodig zijn er 3, of 2 sterke")
    assert decide(scored, [], titles).redenen == ("0 thema's met een signaal; nodig zijn er 3, of 2 sterke",)
    few = decide({"a": frozenset({"inkomen"})}, [], titles)
    assert few.redenen == ("1 van de 6 thema's met een score, uit 1 soort bron",)
    assert decide({}, [], titles).redenen == ("0 van de 6 thema's met een score, uit 0 soorten bronnen",)


@pytest.mark.parametrize(
    ("reason", "dutch", "english"),
    [
        (
            "één kernindicator: ten hoogste aandacht",
            "er is maar één kerncijfer: daarom vraagt dit thema hoogstens aandacht, en geeft het nooit een sterk signaal",
            "there is only one core figure: this theme therefore asks for attention at most, and never gives a strong signal",
        ),
        (
            "1 thema's met een signaal; nodig zijn er 3, of 2 sterke",
            "1 thema met een signaal; nodig zijn er 3, of 2 sterke",
            "1 theme with a signal; 3 are needed, or 2 strong ones",
        ),
        (
            'zonder "Geregistreerde misdrijven" verandert de uitkomst het vaakst: in 98 % van de scenario\'s',
            'laat u het cijfer "Geregistreerde misdrijven" weg, dan verandert de uitkomst in 98 % van de scenario\'s; bij geen'
            " ander kerncijfer is dat vaker",
            'leave out the figure "Registered crimes", and the outcome changes in 98% of the scenarios; with no other core figure'
            " it does so more often",
        ),
        (
            "grens niet getoetst; de noemer is 0",
            "grens niet getoetst; het aantal waardoor gedeeld wordt, is 0",
            "boundary not tested; the number that is divided by is 0",
        ),
        (
            "5 van de 6 thema's met een score, uit 2 bronfamilies",
            "5 van de 6 thema's met een score, uit 2 soorten bronnen",
            "5 of the 6 themes with a score, from 2 kinds of sources",
        ),
    ],
)
def test_reasons_of_a_release_are_plainer_for_readers(reason: str, dutch: str, english: str) -> None:
    assert wording.plain_reason(reason) == dutch
    with speaking("en"):
        assert wording.plain_reason(reason) == english


def test_plainer_words_are_said_in_english_too_and_need_no_plainer_ones() -> None:
    for _, words in PLAINER:
        said = words.format(title="x", share=5, number=5, count=5) if "{" in words else words
        assert plainer(said) == said
        with speaking("en"):
            assert stored(said) != said


def test_a_sentence_that_starts_with_een_gets_one_accent() -> None:
    assert [wording.first_upper(words) for words in ("één bron", "een bron", "")] == ["Eén bron", "Een bron", ""]


@pytest.mark.parametrize(
    ("text", "dutch", "english"),
    [
        ("per 10 000", "per 10.000", "per 10,000"),
        ("per 1 000 inwoners", "per 1.000 inwoners", "per 1,000 inwoners"),
        ("2 000 000 en 2024 000", "2.000.000 en 2024 000", "2,000,000 en 2024 000"),
    ],
)
def test_thousands_are_written_with_one_sign(text: str, dutch: str, english: str) -> None:
    assert wording.plain_units(text) == dutch
    with speaking("en"):
        assert wording.plain_units(text) == english


def test_a_number_of_people_that_is_unknown_is_not_called_few(profiles: dict[str, Profile], site: Site) -> None:
    told = {number: contents_of(people(profiles[TINY], number), site).cover.no_points for number in (15, None)}
    assert told[15].startswith("Hier wonen weinig mensen.")
    assert told[None].startswith("Hoeveel mensen hier wonen, is niet bekend.")
    notes = {number: {note.title: note.text for note in unknowns(people(profiles[TINY], number))} for number in (15, None)}
    assert notes[15]["Klein gebied"].startswith("Hier wonen minder dan 200 mensen.")
    assert notes[None]["Aantal inwoners onbekend"].startswith("Hoeveel mensen hier wonen, is niet bekend.")
    assert "Klein gebied" not in notes[None]


def test_no_points_says_which_of_the_two_is_missing(profiles: dict[str, Profile]) -> None:
    profile = profiles[BUURTEN[0]]
    figures = profile.figures
    bad = {name: f for name, f in figures.items() if f.favourable is False and f.indicator.rol != "context"}
    good = {name: flipped(figure) for name, figure in bad.items()}
    assert bad
    assert all(figure.favourable for figure in good.values())
    calm = {name: replace(view, signal=None) for name, view in profile.themes.items()}
    told = [unbalanced(replace(profile, figures=chosen, themes=calm)) for chosen in (bad, good, {})]
    assert "geen kracht aan te wijzen. Daarom noemen wij ook geen zorgen" in told[0]
    assert "geen zorg aan te wijzen. Daarom noemen wij ook geen krachten" in told[1]
    assert "geen kracht en geen zorg" in told[2]


def test_three_names_are_joined_by_commas_and_one_and(profiles: dict[str, Profile]) -> None:
    said = who_lives_here(replace(profiles[BUURTEN[0]], figures={}))[-1].plain
    assert said == "Over eenpersoonshuishoudens, koopwoningen en woningen van een corporatie staan hier geen gegevens."


def test_the_outcome_is_not_said_twice(profiles: dict[str, Profile], site: Site) -> None:
    own = profiles[BUURTEN[0]]
    assert own.outcome is not None
    agreed = replace(own, outcome=replace(own.outcome, outcome="bespreken"))
    assert contents_of(agreed, site).cover.outcome == "een integrale aanpak"


def test_one_core_figure_is_singular(profiles: dict[str, Profile], site: Site) -> None:
    sections = [section for _, found in contents_of(profiles[BUURTEN[0]], site).chapters for section in found]
    said = " ".join(line for section in sections for line in section.sentences)
    assert "in Nederland (één kerncijfer; hoger is meer zorg)" in said
    assert "1 van 1" not in said
    assert "van 1 kerncijfers" not in said


# ---------------------------------------------------------------- a figure that is missing


@pytest.mark.parametrize(
    ("status", "reason", "shown"),
    [
        ("geen_noemer", "de noemer is 0", "n.v.t."),
        ("geen_noemer", "grens niet getoetst; de noemer is 0", "n.v.t."),
        ("geen_noemer", "geen noemer voor dit jaar", "geen gegevens"),
        ("geen_noemer", None, "geen gegevens"),
        ("niet_van_toepassing", "dit cijfer is niet samen te voegen", "n.v.t."),
        ("niet_geleverd", "deze tabel is niet geleverd", "geen gegevens"),
        ("geheim", None, "afgeschermd"),
    ],
)
def test_only_a_denominator_of_0_makes_a_figure_impossible(status: str, reason: str | None, shown: str, catalog: Catalog) -> None:
    cell = Cell(TINY, "misdrijven_per_1000", 2024, 2024, None, status, reason, None, None, False, None, "", "", "")
    assert wording.show(cell, catalog.indicators["misdrijven_per_1000"]) == shown


def test_what_is_missing_is_listed_under_the_same_word(profiles: dict[str, Profile]) -> None:
    figure = profiles[BUURTEN[0]].figures["misdrijven_per_1000"]
    cell = replace(figure.cell, value=None, status="geen_noemer", reason="geen noemer voor dit jaar")
    notes = unknowns(replace(profiles[BUURTEN[0]], figures={"misdrijven_per_1000": replace(figure, cell=cell)}))
    (note,) = [note for note in notes if note.title == "Geen gegevens"]
    assert note.text == "Reden: het aantal waardoor gedeeld wordt, is voor dit jaar niet bekend."
    assert "N.v.t." not in [note.title for note in notes]


# ---------------------------------------------------------------- what stands beside an outcome, and what is asked


@pytest.mark.parametrize(("stability", "near"), [(0.64, True), (0.5, True), (0.49, False)])
def test_no_signal_beside_many_signals_is_explained(stability: float, near: bool, profiles: dict[str, Profile]) -> None:
    own = profiles[BUURTEN[0]]
    assert own.outcome is not None
    told = outcome_text(replace(own, outcome=replace(own.outcome, outcome="geen_signaal", stability=stability)))
    assert any("de cijfers zelf halen de grens net niet" in line for line in told) is near
    held = outcome_text(replace(own, outcome=replace(own.outcome, outcome="grensgeval", stability=stability)))
    assert not any("net niet" in line for line in held)


def test_the_question_about_a_signal_names_the_core_figure_that_stands_out(profiles: dict[str, Profile]) -> None:
    own = profiles[BUURTEN[0]]
    asked = questions(own)
    (safe,) = [line for line in asked if line.startswith("Leefbaarheid en veiligheid: het signaal vraagt aandacht.")]
    assert "het cijfer over geregistreerde misdrijven: herkent u dat in deze buurt?" in safe
    plain = replace(own, figures={n: replace(f, comparisons=()) for n, f in own.figures.items()})
    views = {name: replace(view, peaks=()) for name, view in own.themes.items()}
    (safe,) = [
        line for line in questions(replace(plain, themes=views)) if line.startswith("Leefbaarheid en veiligheid: het signaal")
    ]
    assert safe.endswith("Herkent u dit in deze buurt, en wat ziet u zelf?")


def test_what_no_open_figure_tells_is_asked_in_one_question(profiles: dict[str, Profile]) -> None:
    (found,) = [line for line in questions(profiles[TINY]) if "geen open buurtcijfer" in line]
    assert found == (
        "Over deze onderwerpen bestaat geen open buurtcijfer: problematische schulden; contact tussen buren; de opkomst bij"
        " verkiezingen; eenzaamheid van mensen jonger dan 18 jaar; laag IQ en verslaving; ervaren onveiligheid. Wie aan tafel"
        " weet hier meer over?"
    )


def test_a_gap_in_other_words_keeps_its_own_question(profiles: dict[str, Profile]) -> None:
    own = profiles[TINY]
    theme = own.themes["armoede"]
    views = {"armoede": replace(theme, theme=theme.theme.model_copy(update={"geen_cijfer": ("Dit weet niemand. Zie boven.",)}))}
    asked = questions(replace(own, themes=views))
    assert "Dit weet niemand. Wie aan tafel weet hier meer over?" in asked


# ---------------------------------------------------------------- classes, columns and years


@pytest.mark.parametrize(
    ("counts", "holds"),
    [([20, 21, 20, 22], True), ([40, 21, 20, 22], False), ([2, 1, 2, 2, 1], True), ([3, 1, 1], False), ([], True)],
)
def test_classes_hold_about_as_many_buurten_only_where_they_do(counts: list[int], holds: bool) -> None:
    assert even(counts) is holds


def test_a_column_that_says_in_every_row_that_no_buurt_belongs_to_it_is_left_out(
    profiles: dict[str, Profile], site: Site
) -> None:
    gemeente = profiles["GM9901"]
    nobody = OutsideRow("uitkomst", 0, None, "niet_van_toepassing", "geen buurt van de gemeente hoort bij deze keuze")
    names = list(site.groups)
    outside = {("uitkomst", name): nobody for name in names}
    told = people_chapter(replace(gemeente, companions=replace(gemeente.companions, outside=outside)), site.groups, {})
    assert told.lines
    assert told.choices == ()
    assert all(line.outside == () for line in told.lines)
    known = outside | {("uitkomst", names[0]): OutsideRow("uitkomst", 2, 0.4, "ok", None)}
    told = people_chapter(replace(gemeente, companions=replace(gemeente.companions, outside=known)), site.groups, {})
    assert len(told.choices) == 1


def test_the_bars_say_their_year_where_the_table_has_a_newer_one(profiles: dict[str, Profile], site: Site) -> None:
    own = profiles[BUURTEN[0]]
    ages = contents_of(own, site).ages
    assert ages is not None
    assert (ages.year, ages.newer) == (2024, "")
    figures = dict(own.figures)
    middle = figures["aandeel_25_45"]
    old = next(cell for cell in middle.history if cell.year == 2023)
    figures["aandeel_25_45"] = replace(middle, cell=old, history=tuple(c for c in middle.history if c.year != 2024))
    ages = contents_of(replace(own, figures=figures), site).ages
    assert ages is not None
    assert ages.year == 2023
    assert ages.newer.startswith("De balken zijn van 2023:")
    assert ages.newer.endswith("0 tot 15 jaar (2024); 15 tot 25 jaar (2024); 45 tot 65 jaar (2024); 65 jaar of ouder (2024).")


def test_titles_of_shipped_lists_are_said_in_english(catalog: Catalog) -> None:
    titles = [supplied.titel for supplied in catalog.lists]
    assert titles
    with speaking("en"):
        assert [title for title in titles if stored(title) == title] == []


@pytest.mark.parametrize(
    ("both", "scored", "told"),
    [
        (1, 1, "A naast b: de enige buurt met beide scores ligt in de hoogste landelijke klasse van beide"),
        (0, 1, "A naast b: de enige buurt met beide scores ligt niet in de hoogste landelijke klasse van beide"),
        (0, 2, "A naast b: geen van 2 buurten in de hoogste landelijke klasse van beide"),
    ],
)
def test_a_map_of_one_buurt_says_where_it_lies(both: int, scored: int, told: str) -> None:
    assert pair_headline("A", "b", both, scored) == told
