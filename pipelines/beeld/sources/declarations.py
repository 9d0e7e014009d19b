"""Source declarations: `sources/*.yaml` read into frozen models. What stands here is what a source promises to deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from beeld.errors import UsageError

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$")]
"""A table or collection as its source names it; it becomes part of SQL, of a path and of a URL."""
ServiceName = Literal["cbs", "derden", "cbs_v4", "pdok", "pdok_wfs"]
AreaCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9A-Z]{2,8}$")]


class Declaration(BaseModel):
    """Base of every declaration: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Topic(Declaration):
    """How a source names one measure: topic group path, base name without suffix, and unit (facts: CBS column drift)."""

    groep: str = ""
    naam: str
    eenheid: str = ""


class Column(Declaration):
    """One column of a basis table and every spelling under which the source may deliver it."""

    onderwerpen: tuple[Topic, ...] = Field(min_length=1)
    soort: Literal["getal", "tekst"] = "getal"
    afronding: Literal[5, 10] | None = None
    """Rounding base of buurt and wijk counts; METHOD.md section 3. None: not rounded."""
    dimensies: Mapping[str, str] = Field(default_factory=dict)
    """Dimension members that differ from the source's own, for example another age."""


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


class Table(Declaration):
    """One table (OData) or collection (OGC) of a source."""

    tabel: TableName
    peiljaar: int | None = None
    """Year of a table without a time dimension."""
    indeling_jaar: int | None = None
    """Division on which the table is published; None where the source does not say."""
    landelijke_rij: str | None = None
    """Code of the national row that every state of the table has; None where it has none."""
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
    verwacht: Expected = Expected()


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
    verplicht: bool = False
    gebieden: bool = False
    """True for the source whose newest table defines the areas of a release."""
    tijd: Literal["tabel", "Perioden"] | None = None
    dimensies: Mapping[str, str] = Field(default_factory=dict)
    aangenomen_marge: float | None = None
    """Half width of an assumed 95% interval for a modelled source without margins, in the unit of the figures."""
    verversing: str = "bij wijziging"
    kolommen: Mapping[Identifier, Column] = Field(default_factory=dict)
    tabellen: tuple[Table, ...] = Field(min_length=1)

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
            if self.tijd == "tabel" and table.peiljaar is None:
                raise ValueError(f"table {table.tabel} needs a peiljaar: the source has no time dimension")
        return self

    @property
    def figures(self) -> bool:
        """True for a source of figures, which has a basis table; False for one of boundaries."""
        return bool(self.kolommen)

    def service(self, table: Table) -> Service:
        """How a table is reached: as the table says, else as the source says."""
        pad = self.pad if table.pad is None else table.pad
        return Service(table.protocol or self.protocol, table.dienst or self.dienst, pad)

    def table(self, name: str) -> Table:
        """The declaration of one table; KeyError when it is not declared."""
        for table in self.tabellen:
            if table.tabel == name:
                return table
        raise KeyError(name)


class _UniqueKeys(yaml.CSafeLoader):
    """A safe loader that refuses a key that stands twice: a copied entry must not silently replace another."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The content of one YAML file; UsageError with file and line when it is not YAML."""
    try:
        return _UniqueKeys(path.read_text(encoding="utf-8")).get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"not readable as YAML: {error}", where=str(path), todo="Mend the file") from error


Model = TypeVar("Model", bound=Declaration)


def validated(model: type[Model], content: Any, path: Path, what: str = "") -> Model:
    """`content` as a frozen model; UsageError that names the file and every wrong key."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise UsageError(
            f"declaration {what or model.__name__} is wrong: {details}", where=str(path), todo="Mend the file"
        ) from error


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

    `path` is `sources/voorbeeld.yaml`: bron -> tabel -> verwacht. A table that it does not name keeps no expectation at all,
    because a band of the real Netherlands means nothing for an invented country. The publisher becomes INVENTED.
    """
    overrides: dict[str, dict[str, Any]] = read_yaml(path) or {}
    result: dict[str, Source] = {}
    for name, source in sources.items():
        own = overrides.get(name, {})
        tables = tuple(
            table.model_copy(update={"verwacht": validated(Expected, own.get(table.tabel, {}), path, f"{name}.{table.tabel}")})
            for table in source.tabellen
        )
        result[name] = source.model_copy(update={"tabellen": tables, "uitgever": INVENTED})
    return result
