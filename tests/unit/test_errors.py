"""Every failure has the exit code of CONTRACT.md and says what, where, what was kept and what to do, on one line."""

from __future__ import annotations

import pytest

from beeld import errors

CODES = {
    errors.NoRoom: 1,
    errors.Unwritable: 1,
    errors.ClusterLost: 1,
    errors.UsageError: 2,
    errors.SourceUnreachable: 3,
    errors.SourceChanged: 4,
    errors.ChecksFailed: 5,
    errors.DeliveryRefused: 6,
    errors.Damaged: 7,
    errors.Busy: 75,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_exit_codes(kind: type[errors.BeeldError], code: int) -> None:
    assert kind("x").exit_code == code


def test_every_error_is_in_the_contract() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BeeldError)}
    assert kinds - {errors.BeeldError} == set(CODES)


def test_the_message() -> None:
    error = errors.SourceChanged("column x is gone", where="cbs_kwb 84799NED", kept="The last release stands", todo="Declare it.")
    assert str(error) == error.message == "cbs_kwb 84799NED: column x is gone. The last release stands. Declare it."
    assert str(errors.Busy("another refresh runs")) == "another refresh runs."
