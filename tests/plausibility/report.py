"""The text of `docs/plausibiliteit.md`, in Dutch, for a statistician: aggregates and our own outcomes, never rows of a source."""

# ruff: noqa: E501 - a paragraph of the page is one line here, as it is there

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beeld.profiles.list_words import FEWEST_FOR_KAPPA
from beeld.profiles.wording import numeral
from beeld.transforms.lists import OURS
from beeld.transforms.scores import MIN_STRONG, MIN_THEMES
from tests.plausibility.facts import FEWEST, NOTHING, ONE_SOURCE, Buurt, Facts, Pair

GEMEENTEN = ("GM0748", "GM0772", "GM0828", "GM0355")
CHOSEN = ("BU07480200", "BU07480201", "BU07480202", "BU07480203")
UNION = "SG-gageldonk-warande"
MOST_CORRELATED = 0.90
TITLE = "# Plausibiliteit: wat geven de echte cijfers?"
HEADINGS = (
    "## 1. Kloppen de totalen?",
    "## 2. Heel Nederland: hoeveel buurten noemt de beslisregel?",
    "## 3. Hangen kerncijfers te veel samen?",
    "## 4. Onze scores naast cijfers die er niet in zitten",
    "## 5. Vier gemeenten",
    "## 6. Vallen Gageldonk en Warande op?",
    "## 7. Naast lijsten van anderen",
    "## 8. Wat ontbreekt",
    "## 9. Wat wij hieruit leren",
)


def report(facts: Facts) -> str:
    """The whole page; the same release gives the same text."""
    sections = (_totals, _country, _correlations, _beside, _gemeenten, _chosen, _lists, _missing, _lessons)
    blocks = [TITLE, *_intro(facts)]
    for heading, section in zip(HEADINGS, sections, strict=True):
        blocks += [heading, *section(facts)]
    return "\n\n".join(blocks) + "\n"


# ---------------------------------------------------------------- words


def percent(part: float, whole: float = 1.0, decimals: int = 1) -> str:
    """A share as percent; without a whole there is none."""
    return f"{numeral(100 * part / whole, decimals)} %" if whole else "–"


def rho(pair: Pair) -> str:
    """A correlation with the number that it rests on."""
    return f"{numeral(pair.rho, 2)} (n = {numeral(pair.n, 0)})"


def listing(words: Sequence[str]) -> str:
    """a, b en c."""
    return " en ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) if words else "geen"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def bullets(lines: Sequence[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


# ---------------------------------------------------------------- sections


def _intro(facts: Facts) -> list[str]:
    used = facts.rows(
        "select tabel, uitgever from bron where sha256 is not null and status = 'actueel' and rijen > 0 order by bron, tabel"
    )
    names = [f"{table_name} ({publisher})" for table_name, publisher in used]
    sure = facts.one("select count(stabiliteit) from integraal")
    return [
        "Dit verslag is gemaakt met `python -m tests.plausibility` uit een release op echte cijfers, niet met de hand geschreven. Een toets vergelijkt het met "
        "zo'n release. Het bevat uitkomsten, eigen scores en een paar afgeronde aantallen; geen rijen van een bron. Alles is een signaal, geen oordeel.",
        f"Gebruikte tabellen, CC BY 4.0: {listing(names)}. De tabellen zijn niet volledig zoals gepubliceerd: van 2024 zijn 18 onderwerpen opgenomen, van "
        "de politie alleen het totaal per gemeente en buurt, en van de gezondheidscijfers de waarden zonder marges.",
        f"Stabiliteit (methode-onderdeel 8): {'berekend; de kolom staat bij elke buurt' if sure else 'nog niet berekend. Daarom is geen uitkomst meer dan *grensgeval* en staat hieronder geen zekerheid per buurt'}.",
    ]


def _known(facts: Facts) -> list[tuple[str, int, int]]:
    """(what, known, found) of every total that is known from elsewhere."""
    people = "select waarde from waarde where gebiedscode = ? and indicator = 'aantal_inwoners' and peiljaar = ?"
    return [
        ("Het aantal inwoners van Nederland in 2020", 17_407_585, facts.one(people, "NL00", 2020)),
        ("Het aantal buurten in de indeling van 2024", 14_574, facts.one("select count(*) from gebied where soort = 'buurt'")),
        ("Het aantal inwoners van Bergen op Zoom in 2024", 69_694, facts.one(people, "GM0748", 2024)),
    ]


def _totals(facts: Facts) -> list[str]:
    known = _known(facts)
    lines = [
        f"{what}: bekend {numeral(expected, 0)}, gevonden {numeral(found, 0)}{'' if found == expected else ', **niet gelijk**'}."
        for what, expected, found in known
    ]
    ((parts, count),) = facts.rows(
        "select sum(inwoners)::bigint, count(inwoners) from gebied where soort = 'buurt' and gemeentecode = 'GM0748'"
    )
    lines.append(
        f"De buurten van Bergen op Zoom tellen op tot {numeral(parts, 0)} inwoners in {count} buurten met een aantal: {numeral(abs(known[-1][2] - parts), 0)} verschil. Elk aantal van een buurt is op vijf afgerond."
    )
    return [bullets(lines)]


def _country(facts: Facts) -> list[str]:
    frame = facts.decided
    counts = {name: int((frame["uitkomst"] == name).sum()) for name in (*OURS, "geen_signaal", "te_weinig_gegevens")}
    enough = frame[frame["uitkomst"] != "te_weinig_gegevens"]
    named = int(enough["uitkomst"].isin(OURS).sum())
    without = int(((enough["themas"] >= MIN_THEMES) | (enough["sterk"] >= MIN_STRONG)).sum())
    small = facts.one("select count(*) from gebied where soort = 'buurt' and (inwoners < 200 or inwoners is null)")
    listed = "; ".join(f"{name} {numeral(count, 0)} ({percent(count, len(frame))})" for name, count in counts.items())
    head = ["stedelijkheid", "buurten", "met uitkomst", "te weinig gegevens", "voldoet aan de regel"]
    return [
        f"Het universum is {numeral(len(frame), 0)} buurten met 200 inwoners of meer; {numeral(small, 0)} buurten zijn kleiner of hebben geen aantal. Uitkomsten: {listed}. Van de {numeral(len(enough), 0)} buurten met een uitkomst voldoet {percent(named, len(enough))} aan de beslisregel (*bespreken* of *grensgeval*).",
        table(head, _by_class(facts)),
        "Laatste kolom: aandeel van de buurten met een uitkomst. Klasse 1 is zeer sterk stedelijk, 5 niet stedelijk.",
        f"**De familie-eis.** Zonder haar zou {percent(without, len(enough))} voldoen, met haar {percent(named, len(enough))}; {numeral(int(enough['een_bron'].sum()), 0)} buurten vallen alleen daardoor af. METHOD.md 7 noemt 16 en 7 procent, en noemt die 16 procent wat onafhankelijke ruis zou geven. Zouden thema's niets met elkaar te maken hebben, dan voldeed bij de aandelen *aandacht* en *sterk* van nu {percent(facts.independent)}. {_noise(without / len(enough), facts.independent)}",
        _second_family(facts, named),
    ]


def _by_class(facts: Facts) -> list[list[str]]:
    rows: list[list[str]] = []
    for name, group in facts.decided.groupby("stedelijkheid"):
        own = group[group["uitkomst"] != "te_weinig_gegevens"]
        share = percent(int(own["uitkomst"].isin(OURS).sum()), len(own))
        rows.append(
            [f"{name:.0f}", numeral(len(group), 0), numeral(len(own), 0), percent(len(group) - len(own), len(group)), share]
        )
    return rows


def _noise(measured: float, independent: float) -> str:
    if measured < 1.5 * independent:
        return "Dat is ongeveer wat wij meten: zonder de eis is de regel niet van ruis te onderscheiden."
    return "Dat is veel minder dan wij meten. Het verschil is geen ruis maar samenhang tussen thema's die uit dezelfde familie komen (zie 3); daar is de eis voor bedoeld."


def _carriers(facts: Facts) -> list[str]:
    """Themes of the rule that another family than inkomen can carry."""
    names = [name for name in facts.core_in_use if facts.catalog.indicators[name].familie != "inkomen"]
    return sorted({facts.catalog.indicators[name].thema for name in names})


def _second_family(facts: Facts, named: int) -> str:
    carriers = _carriers(facts)
    titles = [facts.catalog.themes[theme].titel for theme in carriers]
    start = f"**Wat de eis nu betekent.** Een andere familie dan inkomen kan hier gedragen worden door: {listing(titles)}."
    if len(carriers) != 1:
        return start
    with_it = int(
        facts.one(
            """select count(*) from integraal join gebied using (gebiedscode) join signaal using (gebiedscode)
            where soort = 'buurt' and inwoners >= 200 and list_contains(?, uitkomst) and thema = ? and niveau in ('aandacht', 'sterk')""",
            list(OURS),
            carriers[0],
        )
    )
    return f"{start} Van de {numeral(named, 0)} genoemde buurten hebben er {numeral(with_it, 0)} een signaal op dat thema: het is in feite een voorwaarde geworden. Dat is smaller dan de methode bedoelt."


def _correlations(facts: Facts) -> list[str]:
    lines: list[str] = []
    high: list[Pair] = []
    for theme in facts.catalog.scored_themes:
        core = facts.catalog.core(theme)
        known = [name for name in core if name in facts.figures]
        pairs = facts.correlations(facts.figures, core)
        high += [pair for pair in pairs if abs(pair.rho) > MOST_CORRELATED]
        shown = [f"{facts.title(pair.one)} en {facts.title(pair.other)} {rho(pair)}" for pair in pairs]
        start = f"{facts.catalog.themes[theme].titel}: {len(known)} van {len(core)} kerncijfers met waarden."
        lines.append(f"{start} {'; '.join(shown)}." if shown else start)
    titles = facts.catalog.themes
    flagged = [
        f"**{facts.title(pair.one)} en {facts.title(pair.other)}** ({titles[facts.catalog.indicators[pair.one].thema].titel})"
        for pair in high
    ]
    themes = facts.correlations(facts.scores, [*facts.rule, *(name for name, theme in titles.items() if theme.kracht)])
    return [
        "Rangcorrelatie (Spearman) over buurten van het universum, elk cijfer in zijn laatste jaar.",
        bullets(lines),
        f"METHOD.md 2 zegt: van twee cijfers die boven 0,9 samenhangen is er in één thema maar één kern. Daartegenin: {listing(flagged)}.",
        f"Tussen de themascores: {'; '.join(f'{titles[p.one].titel} en {titles[p.other].titel} {numeral(p.rho, 2)}' for p in themes)}.",
    ]


def _beside(facts: Facts) -> list[str]:
    lines = [
        f"{facts.title(pair.one)} ({facts.years[pair.one]}, {facts.catalog.indicators[pair.one].rol}) bij {facts.catalog.themes[pair.other].titel}: {rho(pair)}"
        f"{', geen samenhang' if abs(pair.rho) < NOTHING else '' if expected else ', **andere kant op dan verwacht**'}."
        for pair, expected in facts.beside()
    ]
    return [
        f"Cijfers die niet meetellen in de score van hun thema, met een richting en minstens {FEWEST} buurten. Verwacht is dat zij dezelfde kant op wijzen.",
        bullets(lines),
        "Let op: cijfers uit hetzelfde gezondheidsmodel bevestigen elkaar niet. Zij zijn uit dezelfde kenmerken berekend. Inkomen en "
        "arbeidsongeschiktheid komen uit registers en zeggen meer.",
    ]


def _gemeenten(facts: Facts) -> list[str]:
    years = [f"{facts.title(name)} {facts.years[name]}" for name in facts.core_in_use]
    blocks = [
        f"De buurten die aan de regel voldoen, op volgorde van code. Tussen haakjes het niveau. *Wijst de andere kant op*: een kracht, of een kerncijfer in een opvallend thema dat onder het landelijke midden ligt (met zijn plaats van 0 tot 1). De jaren zijn overal: {'; '.join(years)}."
    ]
    for code in GEMEENTEN:
        name = facts.one("select naam from gebied where gebiedscode = ?", code)
        blocks += [f"### {name} ({code})", *_gemeente(facts, facts.buurten(code))]
    return blocks


def _gemeente(facts: Facts, buurten: Sequence[Buurt]) -> list[str]:
    named = [buurt for buurt in buurten if buurt.named]
    enough = [buurt for buurt in buurten if buurt.outcome != "te_weinig_gegevens"]
    people = sum(buurt.people or 0 for buurt in buurten)
    outside = people - sum(buurt.people or 0 for buurt in named)
    start = (
        f"{len(buurten)} buurten, {len(enough)} met een uitkomst, {len(named)} voldoen aan de regel. "
        f"Daarbuiten woont {percent(outside, people, 0)} van de inwoners."
    )
    rows = [
        [f"{b.name} ({b.code})", _themes(facts, b), listing(facts.families(b)), _stability(b), _against(facts, b)] for b in named
    ]
    blocks = [start]
    if rows:
        blocks.append(table(["buurt", "thema's", "families", "stabiliteit", "wijst de andere kant op"], rows))
    stopped = [f"{buurt.name} ({buurt.code})" for buurt in buurten if buurt.one_source]
    if stopped:
        blocks.append(f"Genoeg thema's, maar één onderliggende bron: {listing(stopped)}.")
    small = [buurt for buurt in buurten if buurt.people is None or buurt.people < 200]
    rest = len(buurten) - len(enough) - len(small)
    blocks.append(
        f"Zonder uitkomst: {len(small)} met minder dan 200 inwoners of zonder aantal"
        + (f", {rest} waarvan code of naam tussen 2020 en 2024 veranderde of cijfers ontbreken." if rest else ".")
    )
    return blocks


def _themes(facts: Facts, buurt: Buurt) -> str:
    return "; ".join(f"{facts.catalog.themes[theme].titel} ({level})" for theme, level in buurt.raised.items())


def _stability(buurt: Buurt) -> str:
    return "niet berekend" if buurt.stability is None else numeral(buurt.stability, 2)


def _against(facts: Facts, buurt: Buurt) -> str:
    found = [f"{facts.catalog.themes[theme].titel} is een kracht" for theme in buurt.strengths]
    for theme in buurt.raised:
        low = [name for name in facts.catalog.core(theme) if buurt.percentiles.get(name, 1.0) < 0.5]
        found += [f"{facts.title(name)} op {numeral(buurt.percentiles[name], 2)}" for name in low]
    return "; ".join(found) or "niets"


def _chosen(facts: Facts) -> list[str]:
    buurten = facts.buurten("GM0748")
    chosen = [buurt for buurt in buurten if buurt.code in CHOSEN]
    named = [buurt for buurt in chosen if buurt.named]
    others = [buurt for buurt in buurten if buurt.named and buurt.code not in CHOSEN]
    themes = [theme for theme in facts.rule if theme in facts.scores]
    rows = [[f"{b.name} ({b.code})", b.outcome, *(_score(facts, b.code, theme) for theme in themes)] for b in chosen]
    bounds = dict(facts.rows("select thema, grens from drempel where soort = 'buurt' and niveau = 'aandacht' order by 1"))
    rows.append(["*grens voor aandacht*", "", *(numeral(bounds[theme], 2) for theme in themes)])
    answer = "ja" if len(named) == len(chosen) else "ten dele" if named else "nee"
    raised = [
        f"{facts.catalog.themes[theme].titel} {sum(theme in b.raised for b in chosen)} van {len(chosen)}" for theme in themes
    ]
    return [
        "Het oorspronkelijke initiatief koos in 2018 Gageldonk en Warande, vier buurten in Bergen op Zoom. Dat was een keuze van bestuurders en partners, niet van deze cijfers, en deze cijfers zijn van later.",
        table(["buurt", "uitkomst", *(f"score {theme}" for theme in themes)], rows),
        f"**Antwoord: {answer}.** Aan de regel voldoen {len(named)} van de {len(chosen)}: {listing([b.name for b in named])}. Niet: {listing([f'{b.name} ({_why(b)})' for b in chosen if not b.named])}. Een signaal per thema: {'; '.join(raised)}.",
        f"Zij staan niet alleen: van de andere buurten in de gemeente voldoen er {len(others)}: {listing([f'{b.name} ({b.code})' for b in others])}. {_near(facts, chosen, bounds)}",
        _union_words(facts),
    ]


def _score(facts: Facts, code: str, theme: str) -> str:
    value = facts.scores[theme].get(code)
    return "–" if value is None or value != value else numeral(float(value), 2)


def _why(buurt: Buurt) -> str:
    return ONE_SOURCE if buurt.one_source else f"thema's met een signaal: {len(buurt.raised)}"


def _near(facts: Facts, chosen: Sequence[Buurt], bounds: Mapping[str, float]) -> str:
    """The theme without a signal that came nearest to its threshold, over the chosen buurten that are not named."""
    missed = [
        (bounds[theme] - float(facts.scores[theme][b.code]), theme, b)
        for b in chosen
        for theme in facts.rule
        if not b.named and theme in facts.scores and b.levels.get(theme) == "geen"
    ]
    if not missed:
        return ""
    distance, theme, buurt = min(missed, key=lambda item: (abs(item[0]), item[1], item[2].code))
    return f"Dicht bij een andere uitkomst: {buurt.name} ligt op {theme} {numeral(abs(distance), 2)} {'onder' if distance > 0 else 'boven'} de grens. Zulke afstanden zijn kleiner dan de onzekerheid van de cijfers (methode-onderdeel 8)."


def _union_words(facts: Facts) -> str:
    def value(code: str, name: str) -> float | None:
        return facts.one("select waarde from laatste_waarde where gebiedscode = ? and indicator = ?", code, name)

    shown: list[str] = []
    for theme in facts.rule:
        for name in facts.catalog.core(theme):
            own, gemeente = value(UNION, name), value("GM0748", name)
            if own is not None and gemeente is not None:
                unit = facts.catalog.indicators[name].eenheid.replace("procent", "%")
                shown.append(
                    f"{facts.title(name)} ongeveer {numeral(own, 0)} {unit} tegen {numeral(gemeente, 0)} in de gemeente ({facts.years[name]})"
                )
    return (
        f"Het samengestelde gebied {UNION} krijgt geen score: een unie heeft geen universum van gelijke gebieden. De cijfers zelf, afgerond: {'; '.join(shown)}. "
        "Bronnen: CBS, RIVM en Politie."
    )


def _lists(facts: Facts) -> list[str]:
    lines: list[str] = []
    for list_id, title, maker, year, count, remark in facts.rows(
        "select lijst, titel, bron, jaar, n_gebieden, reden from lijst order by lijst"
    ):
        name = f"{title} ({maker}{f', {year}' if year else ''})"
        found = facts.agreement(list_id)
        if count is None or found is None:
            lines.append(f"{name}: {remark}.")
            continue
        sure = f" (± {numeral(found.margin, 2)})" if found.margin is not None else ""
        kappa = f", kappa {numeral(found.kappa, 2)}{sure}" if found.kappa is not None and found.n >= FEWEST_FOR_KAPPA else ""
        overlap = f"; overlap {numeral(found.beide, 0)} van {numeral(found.n - found.geen_van_beide, 0)}{kappa}"
        lines.append(
            f"{name}: {numeral(found.n, 0)} buurten te vergelijken. De lijst en wij {numeral(found.beide, 0)}, alleen de lijst {numeral(found.alleen_lijst, 0)}, "
            f"alleen wij {numeral(found.alleen_wij, 0)}, geen van beide {numeral(found.geen_van_beide, 0)}{overlap}."
        )
    causes = facts.rows(
        """select oordeel, indicator, count(*) from lijstvergelijking where oordeel in ('alleen_lijst', 'alleen_wij')
        group by 1, 2 order by 1, 3 desc, 2"""
    )
    words = [
        f"{'alleen de lijst' if verdict == 'alleen_lijst' else 'alleen wij'}: {facts.title(name) if name else 'geen enkel kerncijfer op zichzelf'} ({numeral(count, 0)})"
        for verdict, name, count in causes
    ]
    return [
        bullets(lines),
        f"Wat een verschil maakt, als één kerncijfer wordt weggelaten: {'; '.join(words) or 'er is geen verschil'}.",
    ]


def _missing(facts: Facts) -> list[str]:
    absent = [
        f"{facts.title(name)} ({facts.catalog.themes[theme].titel})"
        for theme in facts.catalog.scored_themes
        for name in facts.catalog.core(theme)
        if not facts.present.get(name)
    ]
    unscored = [facts.catalog.themes[theme].titel for theme in facts.rule if theme not in facts.scores]
    size = len(facts.decided)
    old = [
        f"{facts.title(name)} {facts.years[name]} ({percent(facts.present[name], size, 0)} van de buurten)"
        for name in facts.core_in_use
    ]
    sources = facts.one("select count(distinct bron) from bron") - facts.one(
        "select count(distinct bron) from bron where status = 'actueel' and sha256 is not null"
    )
    return [
        bullets(
            [
                f"Thema's van de regel zonder score: {listing(unscored)}.",
                f"Kerncijfers zonder één waarde: {listing(absent)}.",
                f"Jaar en vulling van de kerncijfers die in de regel meetellen: {'; '.join(old)}.",
                f"Verklaarde bronnen die hier niet zijn geleverd: {sources}.",
                "Cijfers van 2020 liggen op de indeling van toen. Zij zijn op code en naam gekoppeld; of de grens gelijk bleef is niet getoetst.",
                "Misdrijven zijn geteld waar zij gebeurden. In een buurt met winkels of weinig inwoners is het cijfer daarom hoog zonder dat het over bewoners gaat.",
            ]
        )
    ]


def _lessons(facts: Facts) -> list[str]:
    core = facts.core_in_use
    modelled = [name for name in core if facts.catalog.indicators[name].soort == "modelschatting"]
    years = [facts.years[name] for name in core]
    same = all(expected for _, expected in facts.beside())
    by_class = {row[0]: row[-1] for row in _by_class(facts)}
    return [
        bullets(
            [
                "De totalen kloppen met wat bekend is."
                if all(expected == found for _, expected, found in _known(facts))
                else "Niet elk totaal klopt met wat bekend is; zie 1.",
                "Geen cijfer buiten de score wijst een andere kant op dan de score."
                if same
                else "Niet elk cijfer buiten de score wijst dezelfde kant op als de score; zie 4.",
                f"De uitkomst rust op weinig: {len(core)} kerncijfers met waarden, waarvan {len(modelled)} modelschattingen uit {len({facts.catalog.indicators[name].bron for name in modelled})} bron; jaren {min(years)} tot en met {max(years)}. Zij is een begin van een gesprek.",
                f"Een tweede familie kan nu in {len(_carriers(facts))} van de {len(facts.rule)} thema's van de regel gedragen worden. Zolang dat er één is, hangt elke uitkomst van dat thema af; bronnen zoals leegstand, de fysieke omgeving of een eigen meting zouden dat veranderen.",
                f"De regel noemt {by_class['1']} van de zeer sterk stedelijke buurten en {by_class['5']} van de niet stedelijke. Op het platteland is *geen signaal* geen bewijs dat er niets speelt.",
            ]
        )
    ]
