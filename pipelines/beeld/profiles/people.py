"""Chapter "Hoeveel mensen gaat het aan": target groups in persons or households beside their share, and who"
" lives elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from beeld.profiles.companions import GroupSize, OutsideRow
from beeld.profiles.elements import number, safe
from beeld.profiles.model import Profile
from beeld.profiles.wording import KINDS, NBSP, STATES, dutch, noun, plain_reason
from beeld.transforms.target_groups import OUTCOME, TargetGroup

NOT_DELIVERED = "deze tabel is niet geleverd"


@dataclass(frozen=True)
class GroupLine:
    """One target group of one area."""

    title: str
    text: str
    count: Markup
    share: Markup
    base: str
    origin: str
    outside: tuple[str, ...]


@dataclass(frozen=True)
class PeopleChapter:
    """The chapter of one area: its rows, the heads of the columns about who lives elsewhere, and what to know."""

    lines: tuple[GroupLine, ...]
    choices: tuple[str, ...]
    notes: tuple[str, ...]


def people_chapter(profile: Profile, groups: Mapping[str, TargetGroup], union_names: Mapping[str, str]) -> PeopleChapter:
    """Every declared group in the order of the declarations. Choices stand on the page of a gemeente and of a union."""
    choices = _choices(profile, union_names)
    lines = tuple(
        _line(profile, name, group, tuple(choices)) for name, group in groups.items() if group.indicator in profile.figures
    )
    return PeopleChapter(lines, tuple(choices.values()), tuple(_notes(profile, groups, bool(choices))))


def _choices(profile: Profile, union_names: Mapping[str, str]) -> dict[str, str]:
    """Choice -> head of its column."""
    present = {choice for choice, _ in profile.companions.outside}
    if profile.area.kind == "samengesteld":
        return {profile.area.code: "Woont in de gemeente, buiten dit gebied"} if profile.area.code in present else {}
    if profile.area.kind != "gemeente":
        return {}
    found = {OUTCOME: "Woont buiten de buurten die te bespreken zijn, grensgevallen erbij"} if OUTCOME in present else {}
    return found | {code: f"Woont buiten {union_names.get(code, code)}" for code in sorted(present - {OUTCOME})}


def _line(profile: Profile, name: str, group: TargetGroup, choices: tuple[str, ...]) -> GroupLine:
    figure = profile.figures[group.indicator]
    size = profile.companions.sizes.get(name)
    indicator = figure.indicator
    origin = f"{size.year}, {KINDS[indicator.soort]}" if size else "–"
    outside = tuple(_outside(profile.companions.outside.get((choice, name))) for choice in choices)
    share = number(figure.cell, indicator, unit=True)
    return GroupLine(
        group.titel,
        group.uitleg,
        _count(profile.area.code, name, size, group, figure.assumed),
        share,
        group.basis,
        origin,
        outside,
    )


def _count(code: str, name: str, size: GroupSize | None, group: TargetGroup, assumed: bool) -> Markup:
    """The size with its range, or its state with the reason."""
    if size is None:
        return safe(f'<span class="leeg">geen gegevens</span> <small class="reden">reden: {NOT_DELIVERED}</small>')
    where = (
        f'data-gebied="{escape(code)}" data-doelgroep="{escape(name)}" data-peiljaar="{size.year}" data-status="{size.status}"'
    )
    if size.count is None:
        why = escape(plain_reason(size.reason or "geen reden bekend"))
        return safe(f'<span class="leeg" {where}>{STATES[size.status]}</span> <small class="reden">reden: {why}</small>')
    shown = dutch(size.count, 0)
    if not group.counted:
        shown = f"ongeveer {shown}" if size.count else f"minder dan {dutch(max(5, size.upper or 5), 0)}"
    found = f'<span class="getal" {where} data-aantal="{size.count}">{shown} {escape(size.unit)}</span>'
    if size.lower is None or size.upper is None or size.lower == size.upper:
        return safe(found)
    kind = "aangenomen marge" if assumed else "marge"
    low, high = dutch(size.lower, 0), dutch(size.upper, 0)
    return safe(f'{found} <small class="marge">{kind} {low}{NBSP}tot{NBSP}{high}</small>')


def _outside(row: OutsideRow | None) -> str:
    if row is None:
        return "–"
    if row.share is None:
        return f"{STATES[row.status]}: {plain_reason(row.reason or '')}"
    return f"{dutch(100 * row.share, 0)}{NBSP}%"


def _notes(profile: Profile, groups: Mapping[str, TargetGroup], choices: bool) -> list[str]:
    notes = [
        "Een percentage zegt niet om hoeveel mensen het gaat. Daarom staat hier het aantal in"
        f" {noun(profile.area)}. Een groep kan in meer"
        " rijen voorkomen: tel de rijen niet op.",
        "Een geteld aantal komt uit een registratie. De marge zegt hoe sterk zo'n aantal door toeval en"
        " afronding kan schommelen. Een"
        " geschat aantal is een geschat aandeel maal het aantal mensen waar dat aandeel over gaat. Het is afgerond.",
    ]
    if any(group.basis_minstens for group in groups.values()):
        notes.append(
            "Het RIVM schat aandelen van volwassenen: 18 jaar of ouder. Het CBS telt per gebied niet hoeveel"
            " volwassenen er zijn, wel hoeveel"
            " inwoners van 15 jaar of ouder en van 25 jaar of ouder. Het aantal rekent met 15 jaar of ouder en"
            " is daardoor eerder iets te"
            " hoog. De ondergrens rekent met 25 jaar of ouder."
        )
    if choices:
        notes.append(
            "Wie mis je? Een aanpak in een paar buurten bereikt niet iedereen. De laatste kolommen laten zien"
            " welk deel van een groep in de"
            " gemeente ergens anders woont."
        )
    return notes
