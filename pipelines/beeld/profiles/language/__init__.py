"""The language of what a reader sees: which one is spoken now, how its words are looked up, and how it writes numbers and dates.

Messages are Dutch; another language is a gettext catalogue (`locale/<language>/LC_MESSAGES/beeld.po`) with the Dutch message as
key, so that Dutch needs no file and is what the code says. The language is a context variable that every job sets itself
(`speaking`): a thread or a process that does not set it speaks Dutch, and two threads may speak differently.
"""

from __future__ import annotations

import gettext
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import TypeVar

DOMAIN = "beeld"
LOCALE = Path(__file__).parent / "locale"
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Language:
    """A language of the pages: its code, its tag in a file (BCP 47), its own name, and how it writes."""

    code: str
    tag: str
    name: str
    thousands: str
    decimal: str
    percent: str
    """Between a number and the percent sign."""
    articles: tuple[str, ...]
    """What is left off a name where there is little room."""
    messages: gettext.NullTranslations


@dataclass(frozen=True)
class Notation:
    """How a language writes, without its words."""

    tag: str
    name: str
    thousands: str
    decimal: str
    percent: str
    articles: tuple[str, ...] = ()


NOTATIONS: Mapping[str, Notation] = {
    "nl": Notation("nl-NL", "Nederlands", ".", ",", "\u00a0"),
    "en": Notation("en-GB", "English", ",", ".", "", ("the ", "this ")),
}
"""Code -> notation; another language is an entry here and a catalogue of messages."""


@cache
def language(code: str) -> Language:
    """The language of this code, with its messages; KeyError for one that does not exist."""
    notation = NOTATIONS[code]
    found = gettext.NullTranslations() if code == "nl" else gettext.translation(DOMAIN, LOCALE, [code])
    return Language(code, **vars(notation), messages=found)


DUTCH = language("nl")
_spoken: ContextVar[Language] = ContextVar("language", default=DUTCH)


def spoken() -> Language:
    """The language that is spoken here."""
    return _spoken.get()


@contextmanager
def speaking(code: str) -> Generator[Language]:
    """Everything inside is said in this language."""
    token = _spoken.set(language(code))
    try:
        yield _spoken.get()
    finally:
        _spoken.reset(token)


def tr(message: str, **values: object) -> str:
    """The message in the language that is spoken, with its `{placeholders}` filled in."""
    language = _spoken.get()
    if language is not DUTCH and message:  # the empty message is the header of a catalogue
        message = language.messages.gettext(message)
    return message.format(**values) if values else message


def noted(message: str) -> str:
    """The message as it is: a mark for a text that is said later."""
    return message


class Words(Mapping[str, str]):
    """Texts by key, said in the language that is spoken when one is looked up."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, key: str) -> str:
        text = self._texts[key]
        return text if _spoken.get() is DUTCH else tr(text)

    def get(self, key: str, default: str | None = None) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The text, or `default`: without the exception that a Mapping takes for it."""
        text = self._texts.get(key)
        return default if text is None else tr(text)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def filled(message: str, **values: T | str) -> list[T | str]:
    """The message in the language that is spoken, in pieces: words, and values that are no text (a figure, a place) as they are.

    Words beside each other are one piece.
    """
    found: list[T | str] = []
    for literal, name in _pieces(_spoken.get().messages.gettext(message)):
        for piece in (literal, values[name] if name else ""):
            if not isinstance(piece, str):
                found.append(piece)
            elif piece and found and isinstance(found[-1], str):
                found[-1] += piece
            elif piece:
                found.append(piece)
    return found


@lru_cache(maxsize=1024)
def _pieces(message: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((literal, name) for literal, name, _, _ in Formatter().parse(message))


def day(when: date) -> str:
    """A date as it is written: 01-07-2026, 1 July 2026."""
    return when.strftime("%d-%m-%Y") if spoken().code == "nl" else f"{when.day} {MONTHS[when.month - 1]} {when.year}"
