"""Declared forms of what has no dictionary of its own: how records become cells, and how a table stands in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from beeld.sources.declaring import AreaCode, CellStatus, Declaration


class Fields(Declaration):
    """How the records of a service without a dictionary (features, CSV rows) become cells; a column's `naam` is its field.

    Of several spellings the first that is delivered counts. `maat` and `waarde` declare the long form: one measure per record.
    """

    gebied: tuple[str, ...] = Field(min_length=1)
    naam: tuple[str, ...] = ()
    jaar: tuple[str, ...] = ()
    maat: tuple[str, ...] = ()
    waarde: tuple[str, ...] = ()
    eenheid: tuple[str, ...] = ()
    """Long form: the field that holds the unit."""
    voorvoegsel: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]*$")] = ""
    """Put before a code that the source shortens."""
    gebieden: Mapping[str, AreaCode] = Field(default_factory=dict)
    """Codes of areas that the source names in another way, by the text that it uses."""
    behoud: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Records that count: those whose field has one of these texts."""
    tekens: Mapping[str, CellStatus] = Field(default_factory=dict)
    """Cells that stand for something else than a figure."""
    tekens_onder: float | None = None
    """Numbers below this are never figures: a sign that is not declared is onbekend."""
    decimaal: Literal[".", ","] = "."
    scheiding: Literal[",", ";", "\t", "|"] = ";"
    codering: Literal["utf-8", "utf-16", "latin-1", "windows-1252"] = "utf-8"

    @model_validator(mode="after")
    def _long_form(self) -> Fields:
        if bool(self.maat) != bool(self.waarde):
            raise ValueError("the long form needs both maat and waarde")
        return self


class FileForm(Declaration):
    """How a table stands in a file (protocol `bestand`); its codes and columns are under `velden`."""

    vorm: Literal["csv", "xlsx", "gpkg", "geojson"] = "csv"
    verpakking: Literal["", "zip", "gzip"] = ""
    lid: str = "*"
    """The member of a zip; `*` stands for anything."""
    blad: str | None = None
    """The sheet of a workbook or the layer of a GeoPackage; None: the first that readers see, the only one."""
    kopregel: int = Field(default=1, ge=1)
    """The row with the names."""
    eenheidregel: int | None = None
    """The row with the units, under the names."""
    patroon: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*][A-Za-z0-9 ._*-]*$")] | None = None
    """Names of files that are dropped in `aanlevering/<bron>/` of the home, instead of an address (`dienst` and `pad`)."""
    sjabloon: bool = False
    """True: the files are in the drop template and go through every check of `beeld check FILE`."""

    @model_validator(mode="after")
    def _possible(self) -> FileForm:
        if self.verpakking == "zip" and self.vorm == "xlsx":
            raise ValueError("a workbook is itself an archive and is not read out of another")
        if self.eenheidregel is not None and self.eenheidregel <= self.kopregel:
            raise ValueError("eenheidregel stands under kopregel")
        if self.sjabloon and not self.patroon:
            raise ValueError("sjabloon is for dropped files: declare their patroon")
        return self
