"""The words of chapter Vergelijken: which areas are alike and why, and which buurten stand out together.

Made by rule from the components of METHOD.md section 11. No figure of an outcome takes part; the order is that of the distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beeld.profiles.companions import Composition, Group, Values
from beeld.profiles.language import Words, noted, tr
from beeld.profiles.model import Area, Profile
from beeld.profiles.reading import ReleaseData
from beeld.profiles.text import Place, Sentence
from beeld.profiles.wording import NBSP, first_upper, lower_first, noun
from beeld.transforms.clusters import tested_themes
from beeld.transforms.peers import COMPONENTS, FEWEST_COMPONENTS, Yardstick

NEAR = 0.25
"""Standard deviations up to which a component is called about the same."""
FAR = 2.0
"""Distance from which even the nearest area is said to differ: two standard deviations on one component, or one on four."""
NAMED = 3
"""Components that a reason names as alike."""
CLASSES = Words(
    {"1": "zeer sterk stedelijk", "2": "sterk stedelijk", "3": "matig stedelijk", "4": "weinig stedelijk", "5": "niet stedelijk"}
)
SAME = Words(
    {
        "aandeel_0_15": "een bijna even groot aandeel kinderen",
        "aandeel_65_plus": "een bijna even groot aandeel ouderen",
        "aandeel_corporatiewoningen": "een bijna even groot aandeel corporatiewoningen",
        "gemiddelde_huishoudensgrootte": "huishoudens van bijna dezelfde grootte",
        "bevolkingsdichtheid": "bijna even dicht bevolkt",
    }
)
MORE = Words(
    {
        "aandeel_0_15": "een groter aandeel kinderen",
        "aandeel_65_plus": "een groter aandeel ouderen",
        "aandeel_corporatiewoningen": "een groter aandeel corporatiewoningen",
        "gemiddelde_huishoudensgrootte": "grotere huishoudens",
        "bevolkingsdichtheid": "dichter bevolkt",
    }
)
LESS = Words(
    {
        "aandeel_0_15": "een kleiner aandeel kinderen",
        "aandeel_65_plus": "een kleiner aandeel ouderen",
        "aandeel_corporatiewoningen": "een kleiner aandeel corporatiewoningen",
        "gemiddelde_huishoudensgrootte": "kleinere huishoudens",
        "bevolkingsdichtheid": "minder dicht bevolkt",
    }
)
NAMES = Words(
    {
        "stedelijkheid": "de mate van stedelijkheid",
        "aandeel_0_15": "het aandeel kinderen tot 15 jaar",
        "aandeel_65_plus": "het aandeel inwoners van 65 jaar of ouder",
        "aandeel_corporatiewoningen": "het aandeel corporatiewoningen",
        "gemiddelde_huishoudensgrootte": "de grootte van huishoudens",
        "bevolkingsdichtheid": "de bevolkingsdichtheid",
    }
)


@dataclass(frozen=True)
class PeerLine:
    """One area that is alike: its name, why, and how far away it is in composition (standard deviations)."""

    code: str
    name: Sentence
    reason: str
    distance: float


@dataclass(frozen=True)
class GroupLine:
    """One group of buurten that stand out together."""

    theme: str
    names: Sentence


@dataclass(frozen=True)
class Likeness:
    """What the chapter prints about areas that are alike and about groups of buurten."""

    title: str
    notes: tuple[str, ...]
    alike: tuple[PeerLine, ...]
    group_notes: tuple[str, ...]
    groups: tuple[GroupLine, ...]


def reason(own: Values, other: Values, yardstick: Yardstick) -> str:
    """Why two areas are alike, in words: at most three components that are about the same, and the one that differs most.

    `own` and `other` have every component of the yardstick, in the order of COMPONENTS.
    """
    alike: list[str] = []
    apart: list[tuple[float, str]] = []
    for place, name in enumerate(COMPONENTS):
        mine, theirs = own[place], other[place]
        if name not in yardstick.spreads or mine is None or theirs is None:
            continue
        gap = round((theirs - mine) / yardstick.spreads[name], 6)  # equal differences are equal, whatever the last bit
        if name == "stedelijkheid":
            words = CLASSES.get(str(round(theirs))) or tr("in een andere klasse van stedelijkheid")
            alike += [tr("ook {words}", words=words)] if theirs == mine else []
            apart += [(abs(gap), words)] if theirs != mine else []
        elif abs(gap) <= NEAR:
            alike.append(SAME[name])
        else:
            apart.append((abs(gap), (MORE if gap > 0 else LESS)[name]))
    differs = max(apart, key=lambda item: item[0], default=(0.0, ""))[1]
    if not alike:
        return tr("lijkt over het geheel, op geen onderdeel bijna gelijk; het meest anders: {differs}", differs=differs)
    return ", ".join(alike[:NAMED]) + (tr("; wel {differs}", differs=differs) if differs else "")


def peer_lines(profile: Profile, data: ReleaseData) -> list[PeerLine]:
    """The areas that are alike, the nearest first."""
    found = data.compositions.get(profile.area.kind)
    if found is None:
        return []
    own = found.values.get(profile.area.code, ())
    return [
        PeerLine(
            peer.code,
            _named(data.areas[peer.code]),
            reason(own, found.values[peer.code], found.yardstick),
            peer.distance,
        )
        for peer in profile.companions.peers
    ]


def peer_notes(profile: Profile, data: ReleaseData) -> list[str]:
    """How the areas were found, or why there are none."""
    area, found = profile.area, data.compositions.get(profile.area.kind)
    if area.kind in ("samengesteld", "land"):
        return [tr("Voor {place} zoeken wij geen gebieden die erop lijken.", place=noun(area))]
    if found is None or not found.yardstick.usable:
        return [
            tr(
                "Gebieden die op {place} lijken zijn niet te bepalen: van minder dan {fewest} van de {count}"
                " onderdelen van de samenstelling zijn er genoeg cijfers.",
                place=noun(area),
                fewest=FEWEST_COMPONENTS,
                count=len(COMPONENTS),
            )
        ]
    if not profile.companions.peers:
        why = _missing(area, found)
        return [tr("Gebieden die op {place} lijken zijn niet te bepalen: {reason}.", place=noun(area), reason=why)]
    used = _listed([NAMES[name] for name in found.yardstick.spreads])
    notes = [
        tr(
            "Wij vergelijken alleen de samenstelling: {used}. Uitkomsten, zoals inkomen of misdrijven, tellen niet mee. Een"
            " afstand van 0 betekent: gelijk samengesteld.",
            used=used,
        )
    ]
    if profile.companions.peers[0].distance > FAR:
        far = tr(
            "Ook het meest gelijke gebied verschilt nog duidelijk van {place}. Vergelijk daarom voorzichtig.", place=noun(area)
        )
        notes.append(far)
    if found.yardstick.left_out:
        missing = _listed([NAMES[name] for name in found.yardstick.left_out])
        notes.append(
            tr(
                "Niet meegeteld: {missing}. Daarvan heeft minder dan 80 procent van de gebieden een cijfer, of er is geen"
                " verschil.",
                missing=missing,
            )
        )
    return notes


def _missing(area: Area, found: Composition) -> str:
    own = found.values.get(area.code)
    if own is None:
        return tr("er wonen minder dan 200 mensen, of het aantal inwoners is onbekend")
    absent = [NAMES[name] for name in found.yardstick.spreads if own[COMPONENTS.index(name)] is None]
    if absent:
        return tr("er is geen cijfer over {names}", names=_listed(absent))
    return tr("er zijn geen andere gebieden om mee te vergelijken")


def group_lines(profile: Profile, data: ReleaseData) -> list[GroupLine]:
    """Groups of adjoining buurten that stand out together, by theme and code."""
    titles = {name: theme.titel for name, theme in data.catalog.themes.items()}
    return [GroupLine(titles.get(group.theme, group.theme), _members(group, profile.area, data)) for group in _sorted(profile)]


def group_notes(profile: Profile, data: ReleaseData) -> list[str]:
    """What was tested, and what a group is not."""
    tested = _listed([lower_first(data.catalog.themes[name].titel) for name in tested_themes(data.catalog)])
    notes = [
        tr(
            "Een groep staat hier als buurten die aan elkaar grenzen alle hoog liggen, meer dan door toeval te verwachten is."
            " Het is een voorstel om ze samen te bekijken, geen oordeel. Dit is alleen getoetst voor: {tested}. Bij de andere"
            " thema's tellen modelschattingen mee. Zulke modellen kijken zelf al naar gebieden in de omgeving.",
            tested=tested,
        )
    ]
    if any(group.theme == "veiligheid" for group in profile.companions.groups):
        notes.append(
            tr("Misdrijven zijn geteld waar zij gebeurden. Een groep rond een centrum zegt daarom weinig over wie er woont.")
        )
    return notes


def _sorted(profile: Profile) -> Sequence[Group]:
    return sorted(profile.companions.groups, key=lambda group: (group.theme, group.codes))


def _members(group: Group, area: Area, data: ReleaseData) -> Sentence:
    """The buurten of the gemeente by name, and how many lie in other gemeenten."""
    own = [code for code in group.codes if data.areas[code].gemeente == area.gemeente]
    elsewhere = sorted({data.areas[code].gemeente_name or "" for code in group.codes if code not in own})
    parts: list[str | Place] = []
    for code in own:
        parts += [", ", Place(data.areas[code])] if parts else [Place(data.areas[code])]
    if elsewhere:
        count = len(group.codes) - len(own)
        one = noted(". De groep loopt door over de grens: {count} buurt in {names}")
        more = noted(". De groep loopt door over de grens: {count} buurten in {names}")
        parts.append(tr(one if count == 1 else more, count=count, names=_listed(elsewhere)))
    return Sentence(tuple(parts))


def _named(area: Area) -> Sentence:
    """The name with the gemeente that it lies in."""
    where = area.kind != "gemeente" and area.gemeente_name
    return Sentence((Place(area), f" ({area.gemeente_name})") if where else (Place(area),))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}{tr(' en ')}{words[-1]}" if words else ""


def likeness_of(profile: Profile, data: ReleaseData) -> Likeness:
    """The part of the chapter about one area."""
    shown = profile.area.kind in ("gemeente", "buurt")
    return Likeness(
        first_upper(tr("gebieden die op {place} lijken", place=noun(profile.area))).replace(NBSP, " "),
        tuple(peer_notes(profile, data)),
        tuple(peer_lines(profile, data)),
        tuple(group_notes(profile, data)) if shown else (),
        tuple(group_lines(profile, data)),
    )
