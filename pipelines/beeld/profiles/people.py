"""Chapter "Hoeveel mensen gaat het aan": target groups in persons or households beside their share, and who lives elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from beeld.profiles.companions import GroupSize, OutsideRow
from beeld.profiles.language import noted, tr
from beeld.profiles.model import Profile
from beeld.profiles.stored import NO_REASON
from beeld.profiles.text import Number
from beeld.profiles.wording import KINDS, STATES, margin_words, noun, numeral, percent, plain_reason
from beeld.transforms.target_groups import OUTCOME, TargetGroup

NOBODY = "geen buurt van de gemeente hoort bij deze keuze"
"""What a release says of a choice without a buurt."""
NOT_DELIVERED = noted("deze tabel is niet geleverd")


@dataclass(frozen=True)
class Count:
    """The size of a target group as printed, with its range, or its state with the reason."""

    group: str
    size: GroupSize | None
    shown: str
    margin: str
    reason: str


@dataclass(frozen=True)
class GroupLine:
    """One target group of one area."""

    title: str
    text: str
    count: Count
    share: Number
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
    shown = [name for name, group in groups.items() if group.indicator in profile.figures]
    choices = {choice: head for choice, head in _choices(profile, union_names).items() if _says(profile, choice, shown)}
    lines = tuple(
        _line(profile, name, group, tuple(choices)) for name, group in groups.items() if group.indicator in profile.figures
    )
    return PeopleChapter(lines, tuple(choices.values()), tuple(_notes(profile, groups, bool(choices))))


def _choices(profile: Profile, union_names: Mapping[str, str]) -> dict[str, str]:
    """Choice -> head of its column."""
    present = {choice for choice, _ in profile.companions.outside}
    if profile.area.kind == "samengesteld":
        return {profile.area.code: tr("Woont in de gemeente, buiten dit gebied")} if profile.area.code in present else {}
    if profile.area.kind != "gemeente":
        return {}
    outside = tr("Woont buiten de buurten die te bespreken zijn, grensgevallen erbij")
    found = {OUTCOME: outside} if OUTCOME in present else {}
    others = sorted(present - {OUTCOME})
    return found | {code: tr("Woont buiten {area}", area=union_names.get(code, code)) for code in others}


def _says(profile: Profile, choice: str, groups: Iterable[str]) -> bool:
    """False for a choice that no buurt of the gemeente belongs to: each of its rows would say only that."""
    rows = [row for name in groups if (row := profile.companions.outside.get((choice, name)))]
    return not rows or any(row.reason != NOBODY for row in rows)


def _line(profile: Profile, name: str, group: TargetGroup, choices: tuple[str, ...]) -> GroupLine:
    figure = profile.figures[group.indicator]
    size = profile.companions.sizes.get(name)
    indicator = figure.indicator
    origin = f"{size.year}, {KINDS[indicator.soort]}" if size else "–"
    outside = tuple(_outside(profile.companions.outside.get((choice, name))) for choice in choices)
    return GroupLine(
        group.titel,
        group.uitleg,
        count_of(name, size, group, assumed=figure.assumed),
        Number(figure.cell, indicator),
        group.basis,
        origin,
        outside,
    )


def count_of(name: str, size: GroupSize | None, group: TargetGroup, *, assumed: bool) -> Count:
    """The size of target group `name` in words; an estimate is called one."""
    if size is None:
        return Count(name, None, tr("geen gegevens"), "", tr(NOT_DELIVERED))
    if size.count is None:
        return Count(name, size, STATES[size.status], "", plain_reason(size.reason or NO_REASON))
    shown = numeral(size.count, 0)
    if not group.counted:
        most = numeral(max(5, size.upper or 5), 0)
        shown = tr("ongeveer {number}", number=shown) if size.count else tr("minder dan {number}", number=most)
    margin = ""
    if size.lower is not None and size.upper is not None and size.lower != size.upper:
        margin = margin_words(numeral(size.lower, 0), numeral(size.upper, 0), assumed=assumed)
    return Count(name, size, f"{shown} {tr(size.unit)}", margin, "")


def _outside(row: OutsideRow | None) -> str:
    if row is None:
        return "–"
    if row.share is None:
        return f"{STATES[row.status]}: {plain_reason(row.reason or '')}"
    return percent(numeral(100 * row.share, 0))


def _notes(profile: Profile, groups: Mapping[str, TargetGroup], choices: bool) -> list[str]:
    notes = [
        tr(
            "Een percentage zegt niet om hoeveel mensen het gaat. Daarom staat hier het aantal in {place}. Een groep kan in meer"
            " rijen voorkomen: tel de rijen niet op.",
            place=noun(profile.area),
        ),
        tr(
            "Een geteld aantal komt uit een registratie. De marge zegt hoe sterk zo'n aantal door toeval en"
            " afronding kan schommelen. Een"
            " geschat aantal is een geschat aandeel maal het aantal mensen waar dat aandeel over gaat. Het is afgerond."
        ),
    ]
    if any(group.basis_minstens for group in groups.values()):
        notes.append(
            tr(
                "Het RIVM schat aandelen van volwassenen: 18 jaar of ouder. Het CBS telt per gebied niet hoeveel"
                " volwassenen er zijn, wel hoeveel"
                " inwoners van 15 jaar of ouder en van 25 jaar of ouder. Het aantal rekent met 15 jaar of ouder en"
                " is daardoor eerder iets te"
                " hoog. De ondergrens rekent met 25 jaar of ouder."
            )
        )
    if choices:
        notes.append(
            tr(
                "Wie mis je? Een aanpak in een paar buurten bereikt niet iedereen. De laatste kolommen laten zien"
                " welk deel van een groep in de"
                " gemeente ergens anders woont."
            )
        )
    return notes
