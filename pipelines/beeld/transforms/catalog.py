"""The catalogue: indicators, themes and named unions, read from `transforms/*.yaml` into frozen models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from beeld.errors import UsageError
from beeld.sources.declarations import Source, load_sources, with_example_expectations
from beeld.sources.declaring import Declaration, Identifier, read_yaml, validated
from beeld.sources.words import plain
from beeld.transforms.corrections import Correction, load_corrections
from beeld.transforms.formulas import Formula, Reference, parse
from beeld.transforms.gate import Use, never
from beeld.transforms.listed import SuppliedList, load_lists
from beeld.transforms.rules import mistakes as broken_rules

FAMILIES = ("inkomen", "politie", "omgeving", "lokaal")
"""Source families that can carry a theme; METHOD.md section 7 (a), (b), (c), (d)."""

MIN_PEOPLE = 200
"""Buurten with fewer inhabitants are no part of the reference sets; METHOD.md section 2."""


class Indicator(Declaration):
    """One figure of the catalogue."""

    titel: str
    uitleg: str
    thema: Identifier
    rol: Literal["kern", "aanvullend", "context", "validatie"]
    familie: Literal["inkomen", "politie", "omgeving", "lokaal", "bevolking"]
    soort: Literal["telling", "registratie", "steekproef", "modelschatting", "afstand", "score"]
    eenheid: str
    decimalen: int = Field(ge=0, le=6)
    richting: Literal["gunstig", "ongunstig", "neutraal"]
    bron: Identifier
    formule: str
    noemer: str | None = None
    """Column by which a published mean is weighted; a formula brings its own."""
    bereik: tuple[float, float] | None = None
    foutmodel: Literal["binomiaal", "poisson", "telling", "aangenomen", "geen"] = "geen"
    samenvoegen: Literal["som", "verhouding", "gewogen", "nee"]
    krimp: bool = False
    percentiel: Literal["nl", "stedelijkheid"] = "nl"
    herkomst: bool = False
    """True for a figure about origin: background only (beeld.transforms.rules)."""
    gebruik: tuple[Use, ...]
    werknaam: str | None = None
    kanttekening: str = ""
    voorbeeld: Mapping[str, float | None]

    @cached_property
    def parsed(self) -> Formula:
        """The formula; parsed once."""
        return parse(self.formule, self.bron, f"transforms/indicatoren.yaml: {self.titel}")

    @cached_property
    def weight(self) -> Reference | None:
        """The column that weighs a published figure, None for a rate or where none is declared."""
        if self.noemer is None or self.parsed.noemer is not None:
            return None
        return parse(self.noemer, self.bron, f"transforms/indicatoren.yaml: {self.titel}").teller.references[0]


class Theme(Declaration):
    """One theme of the profile."""

    nummer: int
    titel: str
    uitdaging: bool = False
    kracht: bool = False
    beslisregel: bool = False
    geen_cijfer: tuple[str, ...] = ()
    tegenover: str = ""
    """The scored theme that this one is drawn against in one map of 3 by 3 classes; empty for none."""


class Union(Declaration):
    """A named union of whole buurten; `indeling_jaar` is the division of its codes."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    naam: Annotated[str, AfterValidator(plain), Field(min_length=1)]
    buurten: tuple[str, ...] = Field(min_length=1)
    indeling_jaar: int

    @property
    def code(self) -> str:
        """`SG-` and the id."""
        return f"SG-{self.id}"


@dataclass(frozen=True)
class Catalog:
    """Everything that is declared: what is fetched and what is computed from it."""

    sources: Mapping[str, Source]
    indicators: Mapping[str, Indicator]
    themes: Mapping[str, Theme]
    unions: tuple[Union, ...]
    corrections: tuple[Correction, ...] = ()
    lists: tuple[SuppliedList, ...] = ()

    def of_theme(self, theme: str) -> list[str]:
        """Ids of the indicators of a theme, in the order of the catalogue."""
        return [name for name, indicator in self.indicators.items() if indicator.thema == theme]

    def core(self, theme: str) -> list[str]:
        """Ids of the indicators that make the theme score: rol kern with a direction."""
        chosen = [name for name in self.of_theme(theme) if self.indicators[name].rol == "kern"]
        return [name for name in chosen if self.indicators[name].richting != "neutraal"]

    def core_digest(self) -> str:
        """Fingerprint of what the theme scores are made of: the core indicators with everything that decides their percentile."""
        parts = [
            f"{theme}|{name}|{i.formule}|{i.richting}|{i.percentiel}|{i.krimp}|{i.familie}"
            for theme in self.scored_themes
            for name, i in ((name, self.indicators[name]) for name in self.core(theme))
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def scored_themes(self) -> list[str]:
        """Themes with at least one core indicator, in their own order."""
        return [name for name in self.themes if self.core(name)]


def load_catalog(project: Path, home: Path | None = None, *, example: bool = False) -> Catalog:
    """The catalogue of `project`, with the unions of `home/gebieden.yaml` and the lists of `home/lijsten/` added.

    Raises UsageError that names file, entry and mistake: an unknown source, column or theme, a formula that is not allowed, a
    worked example that does not come out.
    """
    sources = load_sources(project / "sources")
    if example:
        sources = with_example_expectations(sources, project / "sources" / "voorbeeld.yaml")
    path = project / "transforms" / "indicatoren.yaml"
    indicators = {name: validated(Indicator, entry, path, name) for name, entry in _entries(path).items()}
    theme_path = project / "transforms" / "themas.yaml"
    themes = {name: validated(Theme, entry, theme_path, name) for name, entry in _entries(theme_path).items()}
    strangers = sorted(name for name, theme in themes.items() if theme.tegenover and theme.tegenover not in themes)
    if strangers:
        raise UsageError(f"tegenover names no theme: {', '.join(strangers)}", where=str(theme_path), todo="Name another theme")
    for name, indicator in indicators.items():
        _refuse_wrong(name, indicator, sources, themes, str(path))
    corrections = () if example else load_corrections(project / "sources" / "correcties.yaml", sources)
    ordered = dict(sorted(themes.items(), key=lambda item: item[1].nummer))
    # lists of real areas mean nothing in the invented country, which has its own
    shipped = project / "transforms" / "lijsten" / ("voorbeeld" if example else "")
    lists = load_lists([shipped, *([home / "lijsten"] if home else [])])
    return Catalog(sources, indicators, ordered, _unions(project, home), corrections, lists)


def _entries(path: Path) -> dict[str, Any]:
    """The named entries of a file; the names become SQL, so only identifiers pass."""
    try:
        return TypeAdapter(dict[Identifier, Any]).validate_python(read_yaml(path))
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise UsageError(f"entries need names of a-z, 0-9 and _: {details}", where=str(path), todo="Mend the file") from error


def _unions(project: Path, home: Path | None) -> tuple[Union, ...]:
    found: dict[str, Union] = {}
    for path in (project / "transforms" / "gebieden.yaml", *((home / "gebieden.yaml",) if home else ())):
        if not path.is_file():
            continue
        try:
            entries = TypeAdapter(list[Union]).validate_python(read_yaml(path) or [])
        except ValidationError as error:
            raise UsageError(f"unions cannot be read: {error}", where=str(path), todo="Mend the file") from error
        found |= {union.code: union for union in entries}
    return tuple(found.values())


def _refuse_wrong(name: str, indicator: Indicator, sources: Mapping[str, Source], themes: Mapping[str, Theme], path: str) -> None:
    where = f"{path}: {name}"
    if indicator.thema not in themes:
        raise UsageError(f"theme '{indicator.thema}' is not in themas.yaml", where=where)
    if indicator.bron not in sources:
        raise UsageError(f"source '{indicator.bron}' is not declared", where=where)
    references = [*indicator.parsed.references, *([indicator.weight] if indicator.weight else [])]
    for reference in references:
        source = sources.get(reference.bron)
        if source is None:
            raise UsageError(f"source '{reference.bron}' is not declared", where=where)
        if reference.kolom not in source.kolommen:
            raise UsageError(f"source '{reference.bron}' declares no column '{reference.kolom}'", where=where)
        if source.kolommen[reference.kolom].soort != "getal":
            raise UsageError(f"column '{reference.kolom}' of source '{reference.bron}' holds text, not numbers", where=where)
    _refuse_contradiction(indicator, where)
    if mistakes := [*never(indicator, sources[indicator.bron]), *broken_rules(indicator, sources[indicator.bron])]:
        raise UsageError("; ".join(mistakes), where=where, todo="Mend the entry")
    expected = indicator.voorbeeld.get("waarde")
    outcome = indicator.parsed.value({**_missing_as_none(indicator), **indicator.voorbeeld})
    if (expected is None) != (outcome is None) or (
        outcome is not None and expected is not None and abs(outcome - expected) > 1e-9
    ):
        raise UsageError(
            f"the worked example gives {outcome}, not {expected}", where=where, todo="Mend the formula or the example"
        )


def _refuse_contradiction(indicator: Indicator, where: str) -> None:
    """A published figure has no numerator of its own: what needs one would silently come out as 0."""
    rate = indicator.parsed.noemer is not None
    mistakes = {
        "samenvoegen: verhouding needs a formula teller / noemer": indicator.samenvoegen == "verhouding" and not rate,
        "samenvoegen: som does not fit a rate": indicator.samenvoegen == "som" and rate,
        "samenvoegen: gewogen needs a noemer": indicator.samenvoegen == "gewogen" and not rate and indicator.weight is None,
        f"foutmodel: {indicator.foutmodel} needs a formula teller / noemer": indicator.foutmodel in ("binomiaal", "poisson")
        and not rate,
        "krimp needs a formula teller / noemer": indicator.krimp and not rate,
    }
    if found := [mistake for mistake, made in mistakes.items() if made]:
        raise UsageError("; ".join(found), where=where, todo="Mend the entry")


def _missing_as_none(indicator: Indicator) -> dict[str, Any]:
    own = indicator.bron
    return {(r.kolom if r.bron == own else f"{r.bron}.{r.kolom}"): None for r in indicator.parsed.references}
