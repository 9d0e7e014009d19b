"""The method in plain words, from the catalogue: one page for the whole, and one for each indicator.

A page of an indicator says what it is, how it is computed, where it comes from, what it may be used for and why not, how sure it
is, and what it cannot say. Nothing on it is written by hand per indicator: it follows from the entry, its source and the release.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment

from beeld.profiles import wording
from beeld.profiles.formula_words import symbols, term, words
from beeld.profiles.language import Words, noted, spoken, tr
from beeld.sources.declarations import Source
from beeld.transforms.catalog import Catalog, Indicator, Theme
from beeld.transforms.gate import USES, Decision, decide, kind_of
from beeld.transforms.margins import assumed, published

if TYPE_CHECKING:
    from beeld.profiles.site import Site

ROLES = Words(
    {
        "kern": "kerncijfer: telt mee in de score van het thema",
        "aanvullend": "aanvullend: staat bij het thema en telt niet mee in de score",
        "context": "achtergrond: telt nooit mee in een score",
        "validatie": "om naast de eigen cijfers te leggen: telt nooit mee in een score",
    }
)
FAMILIES = Words(
    {
        "inkomen": "inkomen, uitkering en werk, met alle schattingen van het RIVM",
        "politie": "registraties van de politie",
        "omgeving": "kenmerken van de omgeving",
        "lokaal": "een eigen meting van gemeente of partner",
        "bevolking": "samenstelling van de bevolking; draagt nooit een signaal",
    }
)
DEGREES = Words({"aandacht": "aandacht", "sterk": "sterk", "kracht": "kracht"})
"""Levels of a signal, as a bound is named."""
VERDICTS = Words({"toegestaan": "ja", "met_kanttekening": "ja, onder voorwaarde", "geweigerd": "nee"})
USE_NAMES = Words(
    {
        "beschrijven": "beschrijven",
        "vergelijken": "vergelijken",
        "trend": "trend",
        "selecteren": "selecteren",
        "evalueren": "evalueren",
    }
)
JOINED = Words(
    {
        "som": "De aantallen van hele buurten worden opgeteld.",
        "verhouding": "De bovenste en de onderste getallen van hele buurten worden opgeteld en daarna gedeeld.",
        "gewogen": "Een gemiddelde van hele buurten, gewogen met {gewicht}.",
        "nee": "Dit cijfer wordt niet samengevoegd: een eigen gebied heeft het niet.",
    }
)
ERRORS = Words(
    {
        "binomiaal": "De marge komt uit het aantal zelf: van weinig mensen is een aandeel minder zeker.",
        "poisson": "De marge komt uit het aantal zelf: een klein aantal verandert van jaar tot jaar door toeval.",
        "telling": "De marge komt alleen uit de afronding van de bron.",
        "aangenomen": "Geeft de tabel een marge, dan is dat de marge. Anders nemen wij {marge} procentpunt naar beide"
        " kanten aan.",
        "geen": "De bron geeft bij dit cijfer geen marge en geen aantallen. Wij rekenen er zelf geen uit. Of een verschil echt"
        " is, is dan niet te toetsen.",
    }
)
LIMITS = {
    "modelschatting": (
        noted(
            "Een model heeft dit geschat uit leeftijd, inkomen, huishouden en andere kenmerken, soms ook herkomst. In de buurt"
            " zelf is niets gemeten."
        ),
        noted("Het laat niet zien of een aanpak werkt, en het is geen tweede bewijs naast inkomen, opleiding of huishoudens."),
        noted("Het is niet gemaakt om gebieden op volgorde te zetten."),
    ),
    "misdrijven": (
        noted("Geteld op de plaats waar het gebeurde, niet waar daders of slachtoffers wonen."),
        noted("Wat niet wordt gemeld of aangegeven, staat er niet in."),
    ),
    "afstand": (
        noted("De afstand is een gemiddelde over alle inwoners: voor de een is het dichterbij, voor de ander verder."),
        noted("Een korte afstand zegt niet of er plaats is, wat het kost, of dat mensen er terechtkunnen."),
    ),
    "zorggebruik": (noted("Gebruik van zorg is behoefte, toegang en beleid samen. Het zegt niet waar de behoefte groot is."),),
    "score": (
        noted("Een score is samengesteld uit veel kenmerken. Een verschil is daardoor niet aan één kenmerk toe te schrijven."),
    ),
    "publicatiecijfer": (noted("De bron geeft alleen de uitkomst, niet de aantallen waar zij uit is berekend."),),
    "partner": (noted("Het cijfer is er alleen voor de gebieden van deze levering."),),
}
ALWAYS = noted("Het cijfer gaat over een gebied en zegt niets over één persoon. Het noemt geen oorzaak.")


@dataclass(frozen=True)
class Input:
    """One number of the worked example."""

    name: str
    value: str


def method_page(env: Environment, site: Site) -> str:
    """The method as a whole, with a short entry per indicator that leads to its own page."""
    catalog = site.data.catalog
    chapters: list[tuple[Theme, list[tuple[str, Indicator]]]] = [
        (theme, [(name, catalog.indicators[name]) for name in catalog.of_theme(key)]) for key, theme in catalog.themes.items()
    ]
    thresholds = [
        (wording.SINGULARS[kind], catalog.themes[theme].titel, DEGREES[level], bound)
        for kind, theme, level, bound in site.data.thresholds
        if theme in catalog.themes
    ]
    template = env.get_template("methode.html")
    return template.render(
        site=site,
        release=site.data.release,
        root="",
        page="methode.html",
        chapters=chapters,
        thresholds=thresholds,
        roles=ROLES,
    )


def write_indicator_pages(env: Environment, site: Site) -> list[Path]:
    """Write `methode/<indicator>.html` for every indicator of the catalogue and return the files."""
    folder = site.folder / "methode"
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[Path] = []
    for name in site.data.catalog.indicators:
        page = folder / f"{name}.html"
        page.write_text(indicator_page(env, site, name), encoding="utf-8", newline="\n")
        pages.append(page)
    return pages


def indicator_page(env: Environment, site: Site, name: str) -> str:
    """The page that explains one indicator."""
    catalog, data = site.data.catalog, site.data
    indicator = catalog.indicators[name]
    source = catalog.sources[indicator.bron]
    found = data.deliveries.get(name, ())
    return env.get_template("cijfer.html").render(
        site=site,
        release=data.release,
        root="../",
        page=f"methode/{name}.html",
        i=indicator,
        name=name,
        theme=catalog.themes[indicator.thema],
        source=source,
        others=[catalog.sources[bron] for bron in _others(indicator)],
        role=ROLES[indicator.rol],
        family=FAMILIES[indicator.familie],
        formula=words(indicator, catalog),
        symbols=symbols(indicator),
        inputs=_inputs(indicator),
        outcome=_outcome(indicator),
        joined=_joined(indicator),
        deliveries=found,
        year=data.years.get(name),
        uses=[(decision, VERDICTS[decision.oordeel]) for decision in uses(indicator, source)],
        certainty=certainty(indicator, source, found[0].tables if found else ""),
        limits=limits(indicator, source),
    )


def uses(indicator: Indicator, source: Source) -> list[Decision]:
    """The five uses, each allowed or refused with its reason."""
    return [decide(indicator, source, use) for use in USES]


def certainty(indicator: Indicator, source: Source, table: str) -> list[str]:
    """How sure the figure is, in sentences: the error model, rounding, shrinkage, comparison and role.

    `table`: the newest table that delivered it, which says whether its margins are published or assumed.
    """
    margin = "0" if source.aangenomen_marge is None else wording.numeral(source.aangenomen_marge, 0)
    found = [ERRORS[indicator.foutmodel].format(marge=margin)]
    if indicator.foutmodel == "aangenomen" and table:
        ours, theirs = noted("In tabel {table} is de marge aangenomen."), noted("In tabel {table} is de marge van de bron zelf.")
        found.append(tr(ours if assumed(indicator, source, table) else theirs, table=table))
    elif indicator.foutmodel == "geen" and published(indicator, source) is not None:
        found = [tr("De bron geeft zelf een marge; die staat bij het cijfer.")]
    bases = sorted({base for r in indicator.parsed.references if (base := _rounding(indicator, source, r.bron, r.kolom))})
    if bases:
        numbers = tr(" en ").join(str(base) for base in bases)
        told = noted("De bron rondt aantallen van buurten en wijken af op {numbers}; die afronding zit in de marge.")
        found.append(tr(told, numbers=numbers))
    if indicator.krimp:
        found.append(
            tr(
                "Om te vergelijken wordt dit cijfer rustiger gemaakt: hoe kleiner het aantal, hoe meer het opschuift naar"
                " gebieden met dezelfde stedelijkheid. Getoond wordt altijd het cijfer zelf."
            )
        )
    if indicator.percentiel == "stedelijkheid":
        found.append(tr("Vergeleken wordt alleen met gebieden die even stedelijk zijn."))
    return found


def _rounding(indicator: Indicator, source: Source, bron: str, column: str) -> int | None:
    """The rounding that the error model counts: of the numerator, in the indicator's own source."""
    counted = {(r.bron, r.kolom) for r in indicator.parsed.teller.references}
    uses_it = indicator.foutmodel in ("binomiaal", "poisson", "telling")
    return source.kolommen[column].afronding if uses_it and bron == source.bron and (bron, column) in counted else None


def limits(indicator: Indicator, source: Source) -> list[str]:
    """What the figure cannot say: the remark of the entry, what follows from its kind, and what holds for every figure."""
    own = [wording.plain_units(indicator.kanttekening)] if indicator.kanttekening else []
    return [*own, *map(tr, LIMITS.get(kind_of(indicator, source), ())), tr(ALWAYS)]


def _others(indicator: Indicator) -> list[str]:
    """Other sources that the formula or its weight reads."""
    references = [*indicator.parsed.references, *([indicator.weight] if indicator.weight else [])]
    return sorted({reference.bron for reference in references} - {indicator.bron})


def _joined(indicator: Indicator) -> str:
    weight = indicator.weight.kolom if indicator.weight else ""
    return JOINED[indicator.samenvoegen].format(gewicht=term(weight))


def _inputs(indicator: Indicator) -> list[Input]:
    found = [(name, value) for name, value in indicator.voorbeeld.items() if name != "waarde"]
    return [Input(term(name), tr("onbekend") if value is None else _plain(value)) for name, value in found]


def _plain(value: float) -> str:
    whole = float(value).is_integer()
    return wording.numeral(value, 0) if whole else f"{value:.6g}".replace(".", spoken().decimal)


def _outcome(indicator: Indicator) -> str:
    """The outcome of the worked example, executed again."""
    outcome = indicator.parsed.value(indicator.voorbeeld)
    return tr("geen waarde") if outcome is None else wording.show_value(outcome, indicator, unit=True)


def ungraded(catalog: Catalog) -> list[str]:
    """Indicators whose kind has no sentence of its own under "Wat het niet zegt"; plain counts need none."""
    return [
        name
        for name, indicator in catalog.indicators.items()
        if kind_of(indicator, catalog.sources[indicator.bron]) not in (*LIMITS, "telling", "telling_onbetrouwbaar")
    ]
