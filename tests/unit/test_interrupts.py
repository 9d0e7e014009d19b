"""An interrupt that Python drops is raised again."""

import os
import signal
import sys
import time
import weakref
from collections.abc import Iterator

import pytest

from beeld.interrupts import kept_interrupts


class Thing:
    """Something that a weak reference can point at."""


def interrupted_in_a_callback() -> None:
    """As when Ctrl-C comes while an object is being taken down."""
    thing = Thing()
    kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))
    del thing
    assert kept() is None


@pytest.fixture(autouse=True)
def _default_handler() -> Iterator[None]:
    """What runs in the background of a shell ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_that_is_dropped_comes_again() -> None:
    report = sys.unraisablehook
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        interrupted_in_a_callback()
        time.sleep(30)
    assert time.monotonic() - started < 10
    assert sys.unraisablehook is report


def test_dropped_again_it_comes_again() -> None:
    with pytest.raises(KeyboardInterrupt), kept_interrupts():
        interrupted_in_a_callback()
        thing = Thing()
        kept = weakref.ref(thing, lambda _: time.sleep(30))  # the second one comes in here
        del thing
        assert kept() is None
        time.sleep(30)


def test_what_ended_in_time_is_not_interrupted_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beeld.interrupts.AGAIN_SECONDS", 1.0)
    with kept_interrupts():
        interrupted_in_a_callback()
    time.sleep(1.2)


def test_other_faults_in_a_callback_are_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: seen.append(str(dropped.exc_value)))
    with kept_interrupts():
        thing = Thing()
        kept = weakref.ref(thing, lambda _: int("geen getal"))
        del thing
        assert kept() is None
    assert seen == ["invalid literal for int() with base 10: 'geen getal'"]
