"""Lists of areas that others made, as declared in `lijsten/*.yaml` of the project and of the home (METHOD.md section 16)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from beeld.errors import UsageError
from beeld.sources.declaring import AREA, Declaration, read_yaml, validated
from beeld.transforms.codes import UNION

ListCode = Annotated[str, StringConstraints(pattern=rf"^(?:{AREA.pattern}|{UNION.pattern})$")]
"""The code of a gemeente, wijk, buurt or union; NL00 only where a list says what its makers looked at."""

RESERVED = frozenset({"ses-woa", "leefbaarometer"})
"""Names of the comparisons with a published measure; a supplied list takes another one."""


class SuppliedList(Declaration):
    """A list of areas with who made it and when; `indeling_jaar` is the division of its codes."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    titel: str = Field(min_length=1)
    bron: str = Field(min_length=1)
    """Who made it."""
    jaar: int = Field(ge=1990, le=2100)
    indeling_jaar: int = Field(ge=1990, le=2100)
    gebieden: tuple[ListCode, ...]
    gemeenten: tuple[ListCode, ...] = ()
    """Where its makers looked: codes of gemeenten, or NL00. Empty: the gemeenten in which its areas lie.

    Elsewhere "not on the list" would mean "not looked at", so nothing is compared there.
    """


def load_lists(folders: Iterable[Path]) -> tuple[SuppliedList, ...]:
    """Every list of these folders, by id; UsageError that names the file for one that cannot be read or takes a used name."""
    found: dict[str, SuppliedList] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.yaml")):
        supplied = validated(SuppliedList, read_yaml(path), path, "list")
        if supplied.id in RESERVED or supplied.id in found:
            raise UsageError(f"the name '{supplied.id}' is taken by another list", where=str(path), todo="Give it another id")
        if wrong := [code for code in supplied.gemeenten if not code.startswith(("GM", "NL00"))]:
            raise UsageError(
                f"gemeenten holds {', '.join(wrong)}", where=str(path), todo="Name gemeenten (GM and four digits) or NL00"
            )
        if "NL00" in supplied.gebieden:
            raise UsageError("the country cannot be on a list", where=str(path), todo="Remove NL00 from gebieden")
        found[supplied.id] = supplied
    return tuple(supplied for _, supplied in sorted(found.items()))


def texts_of_lists(home: Path) -> dict[str, str]:
    """File name -> text of the lists of a home: they decide what a release contains."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((home / "lijsten").glob("*.yaml"))}


def refuse_unknown(
    lists: Iterable[SuppliedList], known: Mapping[int, Collection[str]], newest: int, unions: Collection[str]
) -> None:
    """UsageError for a list with a code that does not exist in its division (`known`: year -> codes), or in the newest if that
    division was not delivered.

    A mistyped code would silently read as "not on the list".
    """
    for supplied in lists:
        year = supplied.indeling_jaar if supplied.indeling_jaar in known else newest
        codes = {*known[year], *unions, "NL00"}
        if wrong := sorted({*supplied.gebieden, *supplied.gemeenten} - codes):
            shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
            raise UsageError(
                f"list '{supplied.id}' names areas that do not exist in the division of {year}: {shown}",
                where=f"lijsten, list '{supplied.id}'",
                kept="The last release stands",
                todo="Mend the codes or indeling_jaar; 'beeld find' finds a code",
            )
