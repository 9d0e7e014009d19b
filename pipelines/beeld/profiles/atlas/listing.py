"""What can be chosen in the atlas: subjects (theme scores and figures), their years, and how each lens groups them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from beeld.profiles.language import noted, tr
from beeld.profiles.lenses import Chapter, Lens
from beeld.profiles.lines import DIRECTIONS
from beeld.profiles.wording import KINDS, numeral, plain_units, show_value, unit_name
from beeld.transforms.catalog import Catalog

THEME = "thema-"
"""Before the id of a theme, so that a theme score never gets the name of a figure."""
SCORE_UNIT = noted("score van 0 tot 1")


@dataclass(frozen=True)
class Choice:
    """A subject and the years in which it can be seen, newest first; a theme score has one year: 0, of the edition."""

    key: str
    years: tuple[int, ...]

    @property
    def theme(self) -> str | None:
        """The theme of a theme score, None for a figure."""
        return self.key.removeprefix(THEME) if self.key.startswith(THEME) else None


def choices(con: duckdb.DuckDBPyConnection, catalog: Catalog, gemeenten: Sequence[str]) -> list[Choice]:
    """What these gemeenten have a value of, in the order of the catalogue.

    A map lays areas side by side, so a figure needs `vergelijken` in its `gebruik`; older years need `trend`, and a modelled
    figure has its latest year only (METHOD.md section 12).
    """
    found = con.execute(
        "select w.indicator, w.peiljaar, w.peiljaar = i.laatste_jaar from waarde as w join gebied as g using (gebiedscode)"
        " join indicator as i using (indicator) where g.soort = 'buurt' and w.status = 'ok' and g.gemeentecode in"
        " (select unnest(?)) group by all order by all",
        [list(gemeenten)],
    ).fetchall()
    years: dict[str, list[int]] = {}
    for name, year, latest in found:
        indicator = catalog.indicators.get(name)
        if indicator is None or "vergelijken" not in indicator.gebruik:
            continue
        if latest or ("trend" in indicator.gebruik and indicator.soort != "modelschatting"):
            years.setdefault(name, []).append(int(year))
    scored = {
        row[0]
        for row in con.execute(
            "select distinct s.thema from thema_score as s join gebied as g using (gebiedscode) where g.soort = 'buurt'"
            " and s.referentie = 'nl' and s.score is not null and g.gemeentecode in (select unnest(?))",
            [list(gemeenten)],
        ).fetchall()
    }
    themes = [Choice(f"{THEME}{theme}", (0,)) for theme in catalog.scored_themes if theme in scored]
    figures = [Choice(name, tuple(sorted(years[name], reverse=True))) for name in catalog.indicators if name in years]
    return [*themes, *figures]


def subject(choice: Choice, catalog: Catalog) -> dict[str, Any]:
    """Title, meaning, unit, direction and kind of a subject, as the page prints them."""
    if choice.theme is not None:
        theme = catalog.themes[choice.theme]
        names = catalog.core(choice.theme)
        one = noted("Themascore uit {count} cijfer, van 0 tot 1. Hoger is {means}.")
        more = noted("Themascore uit {count} cijfers, van 0 tot 1. Hoger is {means}.")
        means = tr("meer kracht") if theme.kracht else tr("meer zorg")
        return {
            "title": theme.titel,
            "text": tr(one if len(names) == 1 else more, count=len(names), means=means),
            "unit": tr(SCORE_UNIT),
            "before": "",
            "after": "",
            "direction": tr("hoger is meer kracht") if theme.kracht else tr("hoger is meer zorg"),
            "kind": KINDS["score"],
            "modelled": False,
            "theme": True,
        }
    indicator = catalog.indicators[choice.key]
    before, _, after = show_value(1.0, indicator, unit=True).partition(numeral(1.0, indicator.decimalen))
    return {
        "title": indicator.titel,
        "text": plain_units(indicator.uitleg),
        "unit": unit_name(indicator),
        "before": before,
        "after": after,
        "direction": DIRECTIONS[indicator.richting],
        "kind": KINDS[indicator.soort],
        "modelled": indicator.soort == "modelschatting",
        "theme": False,
    }


def groups(lens: Lens, catalog: Catalog, present: Collection[str]) -> list[dict[str, Any]]:
    """The groups of a lens: chapter, title and the subjects in it; a group without any subject is left out.

    The groups of all lenses hold the same subjects: a lens regroups and leaves nothing out.
    """
    found = [group for chapter in lens.hoofdstukken for group in _of_chapter(chapter, lens, catalog)]
    found += [_of_theme(tr("Overige thema's"), theme, lens, catalog) for theme in lens.leftover(catalog)]
    kept = [{**group, "subjects": [key for key in group["subjects"] if key in present]} for group in found]
    return [group for group in kept if group["subjects"]]


def _of_chapter(chapter: Chapter, lens: Lens, catalog: Catalog) -> list[dict[str, Any]]:
    themes = [_of_theme(chapter.titel, theme, lens, catalog) for theme in chapter.themas]
    moved = {
        "id": f"hoofdstuk-{chapter.id}",
        "chapter": chapter.titel,
        "title": chapter.kop or chapter.titel,
        "subjects": chapter.indicatoren,
    }
    return [*themes, moved] if chapter.indicatoren else themes


def _of_theme(chapter: str, theme: str, lens: Lens, catalog: Catalog) -> dict[str, Any]:
    return {
        "id": theme,
        "chapter": chapter,
        "title": catalog.themes[theme].titel,
        "subjects": [f"{THEME}{theme}", *lens.figures(theme, catalog)],
    }


def opening(grouped: Sequence[Mapping[str, Any]], catalog: Catalog) -> str:
    """The figure that the page opens with: the first core figure that is no estimate, else the first that there is."""
    every = [key for group in grouped for key in group["subjects"]]
    known = [key for key in every if key in catalog.indicators]
    plain = [key for key in known if catalog.indicators[key].rol == "kern" and catalog.indicators[key].soort != "modelschatting"]
    return next(iter([*plain, *known, *every]), "")
