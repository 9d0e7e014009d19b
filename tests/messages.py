"""Every text that a reader sees, and the catalogues that translate them: `python -m tests.messages` brings them up to date.

A message is what `tr`, `noted` or `filled` is called with, a value of `Words({...})`, a `tr(...)` of a template, a `w("...")` of
the PDF's template, or a text of the declarations. The catalogues are gettext files: `beeld.po` is for translators, `beeld.mo` is
what the program reads, and both are kept in version control so that nothing has to be compiled to run.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from babel.messages.catalog import Catalog as Messages
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

from beeld.profiles.catalogue import messages as declared
from beeld.profiles.language import DOMAIN, LOCALE, NOTATIONS
from beeld.profiles.lenses import known_lenses, load_lens
from beeld.settings import project_folder
from beeld.transforms.catalog import load_catalog
from beeld.transforms.target_groups import load_target_groups

PROFILES = LOCALE.parents[1]
FUNCTIONS = frozenset({"tr", "noted", "filled"})
WIDTH = 130


def extracted() -> dict[str, list[str]]:
    """Message -> the places that it stands in, in a fixed order."""
    found: dict[str, list[str]] = {}
    for message, place in (*_of_code(), *_of_templates(), *_of_declarations()):
        if message and place not in found.setdefault(message, []):
            found[message].append(place)
    found.pop("", None)
    return found


def _of_code() -> Iterator[tuple[str, str]]:
    for path in sorted(PROFILES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                for text in _texts(node.func.id, node.args[0]):
                    yield text, path.relative_to(PROFILES).as_posix()


def _texts(name: str, argument: ast.expr) -> Iterator[str]:
    if name in FUNCTIONS:
        branches = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
        yield from (each.value for each in branches if isinstance(each, ast.Constant) and isinstance(each.value, str))
    elif name == "Words" and isinstance(argument, ast.Dict):
        yield from (each.value for each in argument.values if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _of_templates() -> Iterator[tuple[str, str]]:
    templates = PROFILES / "templates"
    for path in sorted(templates.glob("*.html")):
        for call in Environment(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "tr":
                yield str(cast("nodes.Const", call.args[0]).value), f"templates/{path.name}"
    typst = templates / "profiel.typ"
    for text in re.findall(r'\bw\("([^"]+)"\)', typst.read_text(encoding="utf-8")):
        yield text, f"templates/{typst.name}"


def _of_declarations() -> Iterator[tuple[str, str]]:
    project = project_folder()
    catalog = load_catalog(project)
    lenses = {name: load_lens(project, name) for name in known_lenses(project)}
    yield from declared(catalog, load_target_groups(project, catalog), lenses)


def catalogue_file(language: str, ending: str = "po") -> Path:
    """The file of a language: `po` for translators, `mo` for the program."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def read(language: str) -> Messages:
    """The catalogue of a language as it stands."""
    with catalogue_file(language).open("rb") as file:
        return read_po(file, language)


def updated(language: str) -> Messages:
    """The catalogue with exactly the messages that there are now; a new one has no translation yet, and none is guessed."""
    known = read(language) if catalogue_file(language).is_file() else Messages(language)
    fresh = Messages(language, domain=DOMAIN, project="Beeld van de Wijk", fuzzy=False, header_comment=HEADER)
    for message, places in sorted(extracted().items(), key=lambda item: (item[1][0], item[0])):
        old = known.get(message)
        fresh.add(message, old.string if old else "", locations=[(place.replace(" ", "\u00a0"), None) for place in places[:3]])
    return fresh


HEADER = "# English messages of Beeld van de Wijk. Dutch is the key. See CONTRIBUTING.md."


CHANGING = tuple(f'"{name}' for name in ("POT-Creation", "PO-Revision", "Generated-By", "Last-Translator", "Report-Msgid"))
"""Lines of the header that say when and by whom a file was written."""


def as_po(messages: Messages) -> bytes:
    """The text file: no dates and no line numbers, so that it changes when a message does and only then."""
    target = io.BytesIO()
    write_po(target, messages, width=WIDTH, omit_header=False, include_lineno=False)
    lines = target.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(CHANGING)).encode()


def as_mo(messages: Messages) -> bytes:
    """The compiled file: the same catalogue gives the same bytes, whenever it is made."""
    messages.creation_date = messages.revision_date = datetime(2000, 1, 1, tzinfo=UTC)
    target = io.BytesIO()
    write_mo(target, messages)
    return target.getvalue()


def write() -> None:
    """Bring every catalogue up to date and compile it."""
    for language in NOTATIONS:
        if language == "nl":
            continue
        messages = updated(language)
        catalogue_file(language).write_bytes(as_po(messages))
        catalogue_file(language, "mo").write_bytes(as_mo(read(language)))
        missing = sum(not message.string for message in messages if message.id)
        print(f"{language}: {len(messages)} messages, {missing} without a translation")


if __name__ == "__main__":
    write()
