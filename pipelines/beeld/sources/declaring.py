"""What every declaration stands on: the names that it may use, frozen models without unknown keys, YAML without double keys."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from beeld.errors import UsageError

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$")]
"""A table or collection as its source names it; it becomes part of SQL, of a path and of a URL."""
LayerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
"""A layer, data set or variable as a service names it where that is no TableName; it becomes part of a URL only."""
ServiceName = Identifier
"""A service of `settings.SERVICES`, or one whose address the source declares itself."""
CellStatus = Literal["geheim", "te_klein", "onbekend", "niet_geleverd", "niet_van_toepassing"]
AreaCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9A-Z]{2,8}$")]
AREA = re.compile(r"NL\d\d|GM\d{4}|WK\d{4}[0-9A-Z]{2}|BU\d{4}[0-9A-Z]{4}", re.ASCII)
"""A code of the country, a gemeente, wijk or buurt, stripped and upper case (facts/CBS.md section 13)."""


class Declaration(BaseModel):
    """Base of every declaration: unknown keys are errors, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


@lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """What the text says, parsed once per process: a daemon reads the same declarations at every tick. Nobody changes it."""
    return _UniqueKeys(text).get_single_data()


def read_yaml(path: Path) -> Any:
    """The content of one YAML file; UsageError with file and line when it is not YAML."""
    try:
        return _parsed(path.read_text(encoding="utf-8"))
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
