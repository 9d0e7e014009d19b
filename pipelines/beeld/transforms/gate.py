"""What a figure may be used for, and why not: the table of METHOD.md section 12, for indicators and for single figures.

The kind of a figure says what it may ever be used for; the catalogue (`gebruik`) may allow less, never more. A refusal carries
its reason in Dutch, because it is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import duckdb

from beeld.sources.declarations import Source

if TYPE_CHECKING:
    from beeld.transforms.catalog import Catalog, Indicator

Use = Literal["beschrijven", "vergelijken", "trend", "selecteren", "evalueren"]
USES: tuple[Use, ...] = get_args(Use)

Verdict = Literal["toegestaan", "met_kanttekening", "geweigerd"]

Kind = Literal[
    "telling",
    "telling_onbetrouwbaar",
    "publicatiecijfer",
    "misdrijven",
    "modelschatting",
    "score",
    "afstand",
    "zorggebruik",
    "partner",
]
"""The rows of the table. `publicatiecijfer`: a percentage or mean as published, without the numbers it was made of."""

CARE_SOURCES = frozenset({"cbs_wmo", "cbs_jeugdzorg", "cbs_sociaal_domein", "rivm_zorg"})
CARE_COLUMNS = frozenset({"jeugdzorg", "jeugdzorg_procent", "wmo_clienten", "wmo_clienten_relatief"})
"""Columns of `cbs_kwb` that count the use of care."""
CRIME_SOURCES = frozenset({"politie_misdrijven", "politie_overlast"})
"""Counted where it happened, not where the people live."""
CRIME_COLUMNS = frozenset({"kwb_diefstal_woning", "kwb_vernieling", "kwb_geweld"})

SAME_BOUNDARY = "alleen als vaststaat dat de grens gelijk bleef"
POWER = "alleen naast vergelijkingsbuurten, en als een verandering van die grootte aantoonbaar is"
NOT_DECLARED = "de catalogus noemt dit gebruik niet voor dit cijfer"


@dataclass(frozen=True)
class Decision:
    """Whether a figure may be used so. `reden`: the condition, or why not; empty where nothing has to be said."""

    gebruik: Use
    oordeel: Verdict
    reden: str = ""

    @property
    def allowed(self) -> bool:
        """True unless it is refused."""
        return self.oordeel != "geweigerd"


def _yes(use: Use, note: str = "") -> Decision:
    return Decision(use, "toegestaan", note)


def _with(use: Use, note: str) -> Decision:
    return Decision(use, "met_kanttekening", note)


def _no(use: Use, why: str) -> Decision:
    return Decision(use, "geweigerd", why)


MODEL = "een modelschatting is berekend uit andere kenmerken en laat niet zien wat er in het gebied zelf verandert"
CARE = "gebruik van zorg is behoefte, toegang en beleid samen; het zegt niet waar de behoefte groot is"

RULES: Mapping[Kind, tuple[Decision, ...]] = {
    "telling": (
        _yes("beschrijven"),
        _yes("vergelijken"),
        _yes("trend", SAME_BOUNDARY),
        _yes("selecteren"),
        _with("evalueren", POWER),
    ),
    "telling_onbetrouwbaar": (
        _yes("beschrijven", "gearceerd: de standaardfout is een vijfde van het cijfer of meer"),
        _with("vergelijken", "alleen met de marge erbij"),
        _with("trend", "alleen getoetst aan het kritisch verschil"),
        _with("selecteren", "alleen via de stabiliteit van het signaal"),
        _no("evalueren", "het cijfer is te onzeker: de standaardfout is een vijfde van het cijfer of meer"),
    ),
    "publicatiecijfer": (
        _yes("beschrijven"),
        _with("vergelijken", "alleen met een foutmodel; zonder marge staat erbij dat het verschil niet te toetsen is"),
        _with("trend", "alleen met een foutmodel; zonder marge niet te toetsen"),
        _yes("selecteren"),
        _with("evalueren", POWER),
    ),
    "misdrijven": (
        _yes("beschrijven"),
        _with("vergelijken", "geteld waar het gebeurde; vergeleken wordt de gladgestreken schatting"),
        _with("trend", "geteld waar het gebeurde; getoetst aan het kritisch verschil van de aantallen zelf"),
        _yes("selecteren"),
        _with("evalueren", POWER),
    ),
    "modelschatting": (
        _yes("beschrijven", "met het merk modelschatting"),
        _with("vergelijken", "alleen met de marge erbij, nooit op volgorde"),
        _no("trend", MODEL),
        _with("selecteren", "alleen in een themascore, samen met inkomen en werk als één bronfamilie; nooit op zichzelf"),
        _no("evalueren", MODEL),
    ),
    "score": (
        _yes("beschrijven"),
        _with("vergelijken", "een samengesteld cijfer van een ander, met een eigen betekenis"),
        _with("trend", "alleen binnen één editie"),
        _with("selecteren", "alleen om een uitkomst naast te leggen (validatie)"),
        _no("evalueren", "een score is samengesteld uit veel kenmerken; een verschil voor en na is niet te duiden"),
    ),
    "afstand": (
        _yes("beschrijven"),
        _with("vergelijken", "binnen dezelfde klasse van stedelijkheid"),
        _with("trend", "een afstand heeft geen foutmodel en is daarom niet te toetsen"),
        _yes("selecteren"),
        _no("evalueren", "een afstand verandert door een opening of sluiting, niet door een aanpak in de buurt"),
    ),
    "zorggebruik": (
        _yes("beschrijven"),
        _with("vergelijken", CARE),
        _with("trend", "een verandering van gebruik hangt ook samen met beleid en toegang"),
        _no("selecteren", CARE),
        _no("evalueren", CARE),
    ),
    "partner": (
        _with("beschrijven", "alleen als de aantallen groot genoeg zijn om te tonen"),
        _with("vergelijken", "alleen met gebieden uit dezelfde levering"),
        _with("trend", "alleen als elke levering op dezelfde manier is geteld"),
        _no("selecteren", "het cijfer is er niet voor alle gebieden"),
        _with("evalueren", POWER),
    ),
}
"""METHOD.md section 12, a row per kind: allowed (toegestaan), with a note, refused."""


def kind_of(indicator: Indicator, source: Source, reliable: bool | None = None) -> Kind:
    """The row of the table that a figure stands in.

    `reliable`: `waarde.betrouwbaar` of a single figure; None for the indicator as a whole, or where there is no error model. A
    sample of people (`steekproef`) has no row of its own: it is treated as a count that is not reliable, the stricter one.
    """
    columns = {reference.kolom for reference in indicator.parsed.teller.references if reference.bron == source.bron}
    if indicator.soort in ("modelschatting", "score", "afstand"):
        return indicator.soort
    if any(table.bestand is not None and table.bestand.sjabloon for table in source.tabellen):
        return "partner"
    if source.bron in CARE_SOURCES or columns & CARE_COLUMNS:
        return "zorggebruik"
    if source.bron in CRIME_SOURCES or columns & CRIME_COLUMNS:
        return "misdrijven"
    if indicator.soort == "steekproef" or reliable is False:
        return "telling_onbetrouwbaar"
    if indicator.parsed.noemer is None and indicator.samenvoegen != "som":
        return "publicatiecijfer"
    return "telling"


def rule(kind: Kind, use: Use) -> Decision:
    """The cell of the table."""
    return next(decision for decision in RULES[kind] if decision.gebruik == use)


def decide(indicator: Indicator, source: Source, use: Use, reliable: bool | None = None) -> Decision:
    """Whether a figure may be used so: what its kind allows, and of that what the catalogue declares."""
    found = rule(kind_of(indicator, source, reliable), use)
    return found if not found.allowed or use in indicator.gebruik else _no(use, NOT_DECLARED)


def never(indicator: Indicator, source: Source) -> list[str]:
    """What is wrong with the declared `gebruik`: uses that the kind may never have, and a core figure that may not select."""
    kind = kind_of(indicator, source)
    wrong = [found for use in indicator.gebruik if not (found := rule(kind, use)).allowed]
    mistakes = [f"gebruik: a figure of kind {kind} never has {found.gebruik} ({found.reden})" for found in wrong]
    if indicator.rol == "kern" and indicator.richting != "neutraal" and not decide(indicator, source, "selecteren").allowed:
        mistakes.append("rol: kern enters the theme score and needs 'selecteren' in gebruik")
    return mistakes


def decisions(catalog: Catalog) -> list[tuple[str, Decision]]:
    """Every indicator with each of the five uses, in the order of the catalogue."""
    return [
        (name, decide(indicator, catalog.sources[indicator.bron], use))
        for name, indicator in catalog.indicators.items()
        for use in USES
    ]


def describe_uses(con: duckdb.DuckDBPyConnection, catalog: Catalog) -> int:
    """Fill `weigering`, on which the views `waarde_<gebruik>` rest; returns the number of refusals."""
    found = decisions(catalog)
    con.executemany(
        "insert into weigering values (?, ?, ?, ?)",
        [[name, each.gebruik, each.oordeel, each.reden or None] for name, each in sorted(found, key=lambda pair: pair[0])],
    )
    return sum(not each.allowed for _, each in found)
