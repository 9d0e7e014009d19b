"""The words of chapter Vergelijken: which areas are alike and why, and which buurten stand out together.

Made by rule from the components of METHOD.md section 11. No figure of an outcome takes part; the order is that of the distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from beeld.profiles.companions import Composition, Group, Values
from beeld.profiles.elements import safe
from beeld.profiles.model import Area, Profile, ReleaseData
from beeld.profiles.wording import NBSP, dutch, first_upper, lower_first, noun
from beeld.transforms.clusters import tested_themes
from beeld.transforms.peers import COMPONENTS, FEWEST_COMPONENTS, Yardstick

NEAR = 0.25
"""Standard deviations up to which a component is called about the same."""
FAR = 2.0
"""Distance from which even the nearest area is said to differ: two standard deviations on one component, or one on four."""
NAMED = 3
"""Components that a reason names as alike."""
CLASSES = {1: "zeer sterk stedelijk", 2: "sterk stedelijk", 3: "matig stedelijk", 4: "weinig stedelijk", 5: "niet stedelijk"}
SAME = {
    "aandeel_0_15": "een bijna even groot aandeel kinderen",
    "aandeel_65_plus": "een bijna even groot aandeel ouderen",
    "aandeel_corporatiewoningen": "een bijna even groot aandeel corporatiewoningen",
    "gemiddelde_huishoudensgrootte": "huishoudens van bijna dezelfde grootte",
    "bevolkingsdichtheid": "bijna even dicht bevolkt",
}
MORE = {
    "aandeel_0_15": "een groter aandeel kinderen",
    "aandeel_65_plus": "een groter aandeel ouderen",
    "aandeel_corporatiewoningen": "een groter aandeel corporatiewoningen",
    "gemiddelde_huishoudensgrootte": "grotere huishoudens",
    "bevolkingsdichtheid": "dichter bevolkt",
}
LESS = {
    "aandeel_0_15": "een kleiner aandeel kinderen",
    "aandeel_65_plus": "een kleiner aandeel ouderen",
    "aandeel_corporatiewoningen": "een kleiner aandeel corporatiewoningen",
    "gemiddelde_huishoudensgrootte": "kleinere huishoudens",
    "bevolkingsdichtheid": "minder dicht bevolkt",
}
NAMES = {
    "stedelijkheid": "de mate van stedelijkheid",
    "aandeel_0_15": "het aandeel kinderen tot 15 jaar",
    "aandeel_65_plus": "het aandeel inwoners van 65 jaar of ouder",
    "aandeel_corporatiewoningen": "het aandeel corporatiewoningen",
    "gemiddelde_huishoudensgrootte": "de grootte van huishoudens",
    "bevolkingsdichtheid": "de bevolkingsdichtheid",
}


@dataclass(frozen=True)
class PeerLine:
    """One area that is alike: its name (linked when it has a page), why, and how far away it is in composition."""

    name: Markup
    reason: str
    distance: Markup


@dataclass(frozen=True)
class GroupLine:
    """One group of buurten that stand out together."""

    theme: str
    names: Markup


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
            words = CLASSES.get(round(theirs), "in een andere klasse van stedelijkheid")
            alike += [f"ook {words}"] if theirs == mine else []
            apart += [(abs(gap), words)] if theirs != mine else []
        elif abs(gap) <= NEAR:
            alike.append(SAME[name])
        else:
            apart.append((abs(gap), (MORE if gap > 0 else LESS)[name]))
    differs = max(apart, key=lambda item: item[0], default=(0.0, ""))[1]
    if not alike:
        return f"lijkt over het geheel, op geen onderdeel bijna gelijk; het meest anders: {differs}"
    return ", ".join(alike[:NAMED]) + (f"; wel {differs}" if differs else "")


def peer_lines(profile: Profile, data: ReleaseData, rendered: frozenset[str]) -> list[PeerLine]:
    """The areas that are alike, the nearest first."""
    found = data.compositions.get(profile.area.kind)
    if found is None:
        return []
    own = found.values.get(profile.area.code, ())
    return [
        PeerLine(
            _linked(data.areas[peer.code], rendered, full=True),
            reason(own, found.values[peer.code], found.yardstick),
            safe(
                f'<span class="getal" data-gebied="{escape(profile.area.code)}" data-buurcode="{escape(peer.code)}"'
                f' data-afstand="{peer.distance!r}">{dutch(peer.distance, 2)}</span>'
            ),
        )
        for peer in profile.companions.peers
    ]


def peer_notes(profile: Profile, data: ReleaseData) -> list[str]:
    """How the areas were found, or why there are none."""
    area, found = profile.area, data.compositions.get(profile.area.kind)
    if area.kind in ("samengesteld", "land"):
        return [f"Voor {noun(area)} zoeken wij geen gebieden die erop lijken."]
    if found is None or not found.yardstick.usable:
        return [
            f"Gebieden die op {noun(area)} lijken zijn niet te bepalen: van minder dan {FEWEST_COMPONENTS} van de"
            f" {len(COMPONENTS)}"
            " onderdelen van de samenstelling zijn er genoeg cijfers."
        ]
    if not profile.companions.peers:
        return [f"Gebieden die op {noun(area)} lijken zijn niet te bepalen: {_missing(area, found)}."]
    used = _listed([NAMES[name] for name in found.yardstick.spreads])
    notes = [
        f"Wij vergelijken alleen de samenstelling: {used}. Uitkomsten, zoals inkomen of misdrijven, tellen niet"
        " mee. Een afstand van 0"
        " betekent: gelijk samengesteld."
    ]
    if profile.companions.peers[0].distance > FAR:
        notes.append(f"Ook het meest gelijke gebied verschilt nog duidelijk van {noun(area)}. Vergelijk daarom voorzichtig.")
    if found.yardstick.left_out:
        missing = _listed([NAMES[name] for name in found.yardstick.left_out])
        notes.append(
            f"Niet meegeteld: {missing}. Daarvan heeft minder dan 80 procent van de gebieden een cijfer, of er is geen verschil."
        )
    return notes


def _missing(area: Area, found: Composition) -> str:
    own = found.values.get(area.code)
    if own is None:
        return "er wonen minder dan 200 mensen, of het aantal inwoners is onbekend"
    absent = [NAMES[name] for name in found.yardstick.spreads if own[COMPONENTS.index(name)] is None]
    return f"er is geen cijfer over {_listed(absent)}" if absent else "er zijn geen andere gebieden om mee te vergelijken"


def group_lines(profile: Profile, data: ReleaseData, rendered: frozenset[str]) -> list[GroupLine]:
    """Groups of adjoining buurten that stand out together, by theme and code."""
    titles = {name: theme.titel for name, theme in data.catalog.themes.items()}
    return [
        GroupLine(titles.get(group.theme, group.theme), _members(group, profile.area, data, rendered))
        for group in _sorted(profile)
    ]


def group_notes(profile: Profile, data: ReleaseData) -> list[str]:
    """What was tested, and what a group is not."""
    tested = _listed([lower_first(data.catalog.themes[name].titel) for name in tested_themes(data.catalog)])
    notes = [
        "Een groep staat hier als buurten die aan elkaar grenzen alle hoog liggen, meer dan door toeval te"
        " verwachten is. Het is een voorstel"
        f" om ze samen te bekijken, geen oordeel. Dit is alleen getoetst voor: {tested}. Bij de andere thema's"
        " tellen modelschattingen"
        " mee. Zulke modellen kijken zelf al naar gebieden in de omgeving."
    ]
    if any(group.theme == "veiligheid" for group in profile.companions.groups):
        notes.append(
            "Misdrijven zijn geteld waar zij gebeurden. Een groep rond een centrum zegt daarom weinig over wie er woont."
        )
    return notes


def _sorted(profile: Profile) -> Sequence[Group]:
    return sorted(profile.companions.groups, key=lambda group: (group.theme, group.codes))


def _members(group: Group, area: Area, data: ReleaseData, rendered: frozenset[str]) -> Markup:
    """The buurten of the gemeente by name, and how many lie in other gemeenten."""
    own = [code for code in group.codes if data.areas[code].gemeente == area.gemeente]
    elsewhere = sorted({data.areas[code].gemeente_name or "" for code in group.codes if code not in own})
    names = Markup(", ").join(_linked(data.areas[code], rendered, full=False) for code in own)
    if not elsewhere:
        return names
    count = len(group.codes) - len(own)
    buurten = "buurt" if count == 1 else "buurten"
    return names + escape(f". De groep loopt door over de grens: {count} {buurten} in {_listed(elsewhere)}")


def _linked(area: Area, rendered: frozenset[str], *, full: bool) -> Markup:
    name = escape(area.name)
    link = safe(f'<a href="../{escape(area.code)}/index.html">{name}</a>') if area.code in rendered else name
    where = f" ({area.gemeente_name})" if full and area.kind != "gemeente" and area.gemeente_name else ""
    return link + escape(where)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} en {words[-1]}" if words else ""


def chapter(profile: Profile, data: ReleaseData, rendered: frozenset[str]) -> Mapping[str, object]:
    """What the template prints about likeness and groups."""
    gemeente = profile.area.kind in ("gemeente", "buurt")
    return {
        "alike": peer_lines(profile, data, rendered),
        "alike_notes": peer_notes(profile, data),
        "clusters": group_lines(profile, data, rendered),
        "cluster_notes": group_notes(profile, data) if gemeente else [],
        "alike_title": first_upper(f"gebieden die op {noun(profile.area)} lijken").replace(NBSP, " "),
    }
