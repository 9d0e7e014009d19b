"""Source declarations: `sources/*.yaml` read into frozen models. What stands here is what a source promises to deliver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field, StringConstraints, model_validator

from beeld.errors import UsageError
from beeld.settings import SERVICES
from beeld.sources.declaring import (
    AreaCode,
    Declaration,
    Identifier,
    LayerName,
    ServiceName,
    TableName,
    read_yaml,
    validated,
)
from beeld.sources.forms import Fields, FileForm


class Topic(Declaration):
    """How a source names one measure: topic group path, base name without suffix, and unit (facts: CBS column drift)."""

    groep: str = ""
    """Titles of the topic groups, joined by '/'."""
    naam: str
    eenheid: str = ""
    elders: bool = False
    """True where tables differ in the group: a topic that is not in this group may be the only one of its name and unit."""


class Column(Declaration):
    """One column of a basis table and every spelling under which the source may deliver it."""

    onderwerpen: tuple[Topic, ...] = Field(min_length=1)
    soort: Literal["getal", "tekst"] = "getal"
    afronding: Literal[5, 10] | None = None
    """Rounding base of buurt and wijk counts; METHOD.md section 3. None: not rounded."""
    telling: bool = False
    """True for a count that is not rounded: like a rounded one it may be divided over parts of an area; nothing else may."""
    dimensies: Mapping[str, str] = Field(default_factory=dict)
    """Dimension members that differ from the source's own, for example another age; see Source.dimensies."""
    tabellen: tuple[TableName, ...] = ()
    """The only tables that are searched for this column; empty: every table of the source."""
    jaren: tuple[int | None, int | None] | None = None
    """First and last peiljaar in which the column has this meaning (null: open). A break ends a series: what the source still
    calls the same outside these years is not read (`Layout.ended`)."""
    som_van: tuple[Identifier, ...] = ()
    """Columns that together are this one, for tables that deliver only its parts."""

    @property
    def telbaar(self) -> bool:
        """True for a number of people, households, things or events."""
        return self.soort == "getal" and (self.telling or self.afronding is not None)

    def valid_in(self, year: int | None) -> bool:
        """True when the column has its declared meaning in a peiljaar."""
        first, last = self.jaren or (None, None)
        return year is None or ((first is None or first <= year) and (last is None or year <= last))


class Way(Declaration):
    """Another way to a table, tried when the ways before it cannot be read."""

    protocol: Identifier
    dienst: ServiceName
    pad: str = ""


class KnownValue(Declaration):
    """A published figure that a delivery must reproduce, within `marge` (a share of the value)."""

    gebied: AreaCode
    kolom: Identifier
    peiljaar: int
    waarde: float
    marge: float = 0.0


class Parts(Declaration):
    """Columns that together make `geheel`, within CBS rounding (METHOD.md section 3)."""

    geheel: Identifier
    delen: tuple[Identifier, ...]


class Expected(Declaration):
    """What a delivery should look like; a band that is broken warns, a known value that is broken blocks."""

    rijen: tuple[int, int] | None = None
    leeg_hoogstens: Mapping[Identifier, float] = Field(default_factory=dict)
    bekend: tuple[KnownValue, ...] = ()
    delen: tuple[Parts, ...] = ()


class Bounds(Declaration):
    """How a source publishes the 95% bounds of its figures: as two more members of a dimension (facts/CBS.md section 8).

    Every number column then has `<kolom>_ondergrens` and `<kolom>_bovengrens` beside it.
    """

    dimensie: str
    onder: str
    boven: str
    tabellen: tuple[TableName, ...] = ()
    """The only tables that publish the bounds; empty: every table of the source."""

    def _tables(self, column: Column) -> tuple[TableName, ...]:
        return tuple(name for name in self.tabellen or column.tabellen if not column.tabellen or name in column.tabellen)

    def beside(self, column: Column) -> bool:
        """True when some table has both the column and the bounds."""
        return not (self.tabellen and column.tabellen) or bool(self._tables(column))

    def column(self, column: Column, member: str) -> dict[str, Any]:
        """The declaration of the column of one bound: the same topic, another member, in the tables that have both."""
        return {
            **column.model_dump(exclude={"afronding"}),
            "dimensies": {**column.dimensies, self.dimensie: member},
            "tabellen": self._tables(column),
        }


LOWER, UPPER = "_ondergrens", "_bovengrens"
"""How the column of a published bound is called: the column that it bounds, and this. Other columns may not end so."""


class Table(Declaration):
    """One table (OData) or collection (OGC) of a source."""

    tabel: TableName
    peiljaar: int | None = None
    """Year of a table without a time dimension."""
    indeling_jaar: int | None = None
    """Division on which the table is published; None where the source does not say."""
    landelijke_rij: str | None = None
    """Code of the national row that every state of the table has; None where it has none."""
    landelijk: bool = True
    """False: needed for all of NL only with `--all`; otherwise only the rows of the gemeenten that are asked for are fetched."""
    verplicht: tuple[Identifier, ...] = ()
    """Columns without which the table is refused."""
    soort: Literal["gemeente", "wijk", "buurt"] | None = None
    """Kind of area of an OGC collection."""
    jaren: tuple[int, ...] = ()
    """Years to ask an OGC collection for, best first."""
    protocol: Identifier | None = None
    """Another reader than that of the source, for a table that exists in another form only."""
    dienst: ServiceName | None = None
    pad: str | None = None
    laag: LayerName | None = None
    """What the service calls the table, where that is not `tabel`."""
    vraag: Mapping[str, str] = Field(default_factory=dict)
    """What is asked beside the name: query parameters, or what picks the resource out of a CKAN package."""
    uitwijk: tuple[Way, ...] = ()
    bestand: FileForm | None = None
    verwacht: Expected = Expected()

    @property
    def dropped(self) -> bool:
        """True for a table whose files are dropped in the home: it has no address."""
        return self.bestand is not None and self.bestand.patroon is not None


@dataclass(frozen=True)
class Service:
    """How one table is reached: the name of its reader, the service in `settings.SERVICES` and the path under its address."""

    protocol: str
    dienst: str
    pad: str


class Source(Declaration):
    """One source: who publishes it, how it is read and what is taken from it."""

    bron: Identifier
    titel: str
    uitgever: str
    licentie: str
    toelichting: str = ""
    protocol: Identifier
    """Name of a reader in `beeld.sources.fetch.READERS`."""
    dienst: ServiceName
    pad: str = ""
    adressen: Mapping[Identifier, Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(/[^?#\s]*)?$")]] = Field(
        default_factory=dict
    )
    """Service -> address, for services that settings.SERVICES does not know; only these hosts are read."""
    velden: Fields | None = None
    verplicht: bool = False
    gebieden: bool = False
    """True for the source whose newest table defines the areas of a release."""
    tijd: Literal["tabel", "Perioden"] | None = None
    dimensies: Mapping[str, str] = Field(default_factory=dict)
    """Dimension -> member: a Key, or with a `*` in it the one member whose Title fits (facts give some titles, not keys)."""
    edities: bool = False
    """True: the tables are editions of one and the same statistic, the best first. Only the first that was delivered is used,
    because figures of two editions may never stand in one series (facts/CBS.md section 8)."""
    grenzen: Bounds | None = None
    niveaus: tuple[Literal["land", "gemeente", "wijk", "buurt"], ...] = ()
    """The kinds of area that the source has figures for."""
    jaren_tekst: str = ""
    """The years that it covers, for readers."""
    vertraging: str = ""
    """How long after a year its figures appear, for readers."""
    kanttekeningen: tuple[str, ...] = ()
    """What a user of the figures must know, one sentence each, for readers."""
    aangenomen_marge: float | None = None
    """Half width of an assumed 95% interval for a modelled source without margins, in the unit of the figures."""
    verversing: str = "bij wijziging"
    kolommen: Mapping[Identifier, Column] = Field(default_factory=dict)
    tabellen: tuple[Table, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _with_bounds(cls, content: Any) -> Any:
        """The declaration with a column for each published bound; a column that stands there already is left alone."""
        declared = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
        if not declared.get("grenzen"):
            return cast("Any", content)
        bounds = Bounds.model_validate(declared["grenzen"])
        columns: dict[str, Any] = dict(declared.get("kolommen") or {})
        for name, content_of_column in list(columns.items()):
            column = Column.model_validate(content_of_column)
            if column.soort == "tekst" or name.endswith((LOWER, UPPER)) or not bounds.beside(column):
                continue
            for suffix, member in ((LOWER, bounds.onder), (UPPER, bounds.boven)):
                columns.setdefault(name + suffix, bounds.column(column, member))
        return {**declared, "kolommen": columns}

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        for table in self.tabellen:
            named = {
                *table.verplicht,
                *table.verwacht.leeg_hoogstens,
                *(known.kolom for known in table.verwacht.bekend),
            }
            named |= {name for parts in table.verwacht.delen for name in (parts.geheel, *parts.delen)}
            if unknown := sorted(named - set(self.kolommen)):
                raise ValueError(f"table {table.tabel} names unknown columns: {', '.join(unknown)}")
            for service in {self.service(table).dienst, *(way.dienst for way in table.uitwijk)}:
                if service not in SERVICES and service not in self.adressen and not table.dropped:
                    raise ValueError(f"service {service} of table {table.tabel} has no address: declare it under 'adressen'")
            if unsearched := sorted(set(table.verplicht) - set(self.columns_of(table))):
                raise ValueError(f"table {table.tabel} is not searched for {', '.join(unsearched)}")
            if self.tijd == "tabel" and table.peiljaar is None:
                raise ValueError(f"table {table.tabel} needs a peiljaar: the source has no time dimension")
            if ended := [name for name in table.verplicht if not self.kolommen[name].valid_in(table.peiljaar)]:
                raise ValueError(f"table {table.tabel} requires columns outside their years: {', '.join(ended)}")
        known = {table.tabel for table in self.tabellen}
        limited = {name for column in self.kolommen.values() for name in column.tabellen}
        if unknown := sorted((limited | set(self.grenzen.tabellen if self.grenzen else ())) - known):
            raise ValueError(f"there is no table {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _consistent_columns(self) -> Source:
        for name, column in self.kolommen.items():
            first, last = column.jaren or (None, None)
            if column.jaren is not None and self.tijd != "tabel":
                raise ValueError(f"column {name} has years, which only a source with one year per table can tell apart")
            if first is not None and last is not None and first > last:
                raise ValueError(f"column {name} ends before it begins")
            parts = [self.kolommen.get(part) for part in column.som_van]
            if any(part is None or part.som_van or part.soort == "tekst" or part.afronding != column.afronding for part in parts):
                raise ValueError(f"column {name} must be the sum of number columns of this source that are rounded as it is")
        return self

    @property
    def figures(self) -> bool:
        """True for a source of figures, which has a basis table; False for one of boundaries."""
        return bool(self.kolommen)

    def columns_of(self, table: Table) -> dict[str, Column]:
        """The columns that a table is searched for."""
        return {name: column for name, column in self.kolommen.items() if not column.tabellen or table.tabel in column.tabellen}

    def considered(self, delivered: Callable[[Table], bool]) -> tuple[Table, ...]:
        """The tables that count: all of them; of editions those up to and including the first that was delivered."""
        if not self.edities:
            return self.tabellen
        for number, table in enumerate(self.tabellen, start=1):
            if delivered(table):
                return self.tabellen[:number]
        return self.tabellen

    def service(self, table: Table) -> Service:
        """How a table is reached: as the table says, else as the source says."""
        pad = self.pad if table.pad is None else table.pad
        return Service(table.protocol or self.protocol, table.dienst or self.dienst, pad)

    def ways(self, table: Table) -> tuple[Table, ...]:
        """The table as declared, then as each of its other ways reads it, in the order in which they are tried."""
        others = (table.model_copy(update={**way.model_dump(), "uitwijk": ()}) for way in table.uitwijk)
        return (table, *others)

    def table(self, name: str) -> Table:
        """The declaration of one table; KeyError when it is not declared."""
        for table in self.tabellen:
            if table.tabel == name:
                return table
        raise KeyError(name)


def load_sources(folder: Path) -> dict[str, Source]:
    """Every source of `folder` (the project's `sources/`), by name, in the order of the names."""
    sources: dict[str, Source] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.stem in {"correcties", "voorbeeld"}:
            continue
        source = validated(Source, read_yaml(path), path)
        if source.bron != path.stem:
            raise UsageError(f"source '{source.bron}' must stand in {source.bron}.yaml", where=str(path), todo="Rename one")
        sources[source.bron] = source
    return sources


INVENTED = "Beeld van de Wijk (verzonnen voorbeeld)"
"""Who publishes the embedded example: nobody else may be named as the source of invented figures."""


def with_example_expectations(sources: Mapping[str, Source], path: Path) -> dict[str, Source]:
    """The sources with the expectations of the embedded example instead of those of the real tables.

    `path` is `sources/voorbeeld.yaml`: bron -> tabel -> verwacht. Of a source that it names only the named tables stay: the
    example does not deliver the others. A source that it does not name (one that was just added) keeps its tables without any
    expectation, because a band of the real Netherlands means nothing for an invented country. The publisher becomes INVENTED.
    """
    overrides: dict[str, dict[str, Any]] = read_yaml(path) or {}
    result: dict[str, Source] = {}
    for name, source in sources.items():
        own = overrides.get(name, {table.tabel: {} for table in source.tabellen})
        if strange := sorted(own.keys() - {table.tabel for table in source.tabellen}):
            raise UsageError(f"{name} has no table {', '.join(strange)}", where=str(path), todo="Mend the file")
        tables = tuple(
            table.model_copy(update={"verwacht": validated(Expected, own.get(table.tabel, {}), path, f"{name}.{table.tabel}")})
            for table in source.tabellen
            if table.tabel in own
        )
        result[name] = source.model_copy(update={"tabellen": tables, "uitgever": INVENTED})
    return result
