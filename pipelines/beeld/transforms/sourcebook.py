"""The page about the sources (`docs/bronnen.md`), written from the declarations so that it cannot drift from them."""

from __future__ import annotations

from collections.abc import Iterator

from beeld.sources.declarations import Source, Table
from beeld.transforms.catalog import Catalog

INTRO = """# Bronnen

Deze bladzijde is gemaakt uit de bronverklaringen in `sources/` (`make docs`); een test vergelijkt haar daarmee. Een bron die
*verplicht* is moet er bij de eerste verversing zijn; de andere komen erbij zodra hun uitgever ze levert. Wat een bron niet levert
heet *niet geleverd* en is nooit nul. Namen van tabellen en kolommen die wij niet konden bevestigen staan als zodanig in de
verklaring. Klopt een naam niet, dan meldt `beeld refresh` dat, en de laatste goede cijfers blijven staan.
"""
GAPS = """## Wat er niet openbaar is

Over deze onderwerpen is er geen open cijfer per buurt. Het profiel zegt dat bij het thema; wij vullen het niet met iets dat er op
lijkt.
"""


def sources_page(catalog: Catalog) -> str:
    """The page as Markdown, in Dutch: an overview, a section per source, and what no open source tells."""
    return "\n".join([INTRO, *_overview(catalog), "", *_sections(catalog), GAPS, *_gaps(catalog), ""])


def _overview(catalog: Catalog) -> Iterator[str]:
    yield "| bron | uitgever | licentie | niveau | jaren | verschijnt | verplicht |"
    yield "|---|---|---|---|---|---|---|"
    for source in catalog.sources.values():
        levels = ", ".join(source.niveaus)
        required = "ja" if source.verplicht else "nee"
        told = (
            f"{source.titel} (`{source.bron}`)",
            source.uitgever,
            source.licentie,
            levels,
            source.jaren_tekst,
            source.vertraging,
        )
        yield f"| {' | '.join(_cell(text) for text in told)} | {required} |"


def _sections(catalog: Catalog) -> Iterator[str]:
    for source in catalog.sources.values():
        yield f"## {source.titel}\n"
        if source.toelichting:
            yield f"{source.toelichting.strip()}\n"
        yield from (f"- {note}" for note in source.kanttekeningen)
        yield from _tables(source)
        used = [name for name, indicator in catalog.indicators.items() if indicator.bron == source.bron]
        if source.figures:
            shown = ", ".join(f"`{name}`" for name in used) if used else "nog geen; de kolommen staan wel klaar"
            yield f"\nIndicatoren: {shown}.\n"
        else:
            yield ""


def _tables(source: Source) -> Iterator[str]:
    if source.edities:
        yield f"\nEdities, de beste eerst; alleen de eerste die geleverd is telt: {', '.join(t.tabel for t in source.tabellen)}."
        return
    yield f"\nTabellen in `{source.bron}.yaml`: {', '.join(_table(table) for table in source.tabellen)}."


def _table(table: Table) -> str:
    return table.tabel if table.peiljaar is None else f"{table.tabel} ({table.peiljaar})"


def _gaps(catalog: Catalog) -> Iterator[str]:
    for theme in catalog.themes.values():
        yield from (f"- {theme.titel}: {gap}" for gap in theme.geen_cijfer)


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or "–"
