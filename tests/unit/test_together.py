"""Tests of a file run in one process (tests/conftest.py): when they do not, nothing else says so, and fixtures are made twice."""

import os

import pytest


@pytest.mark.parametrize("_number", range(8))
def test_no_test_of_this_file_runs_in_another_process(
    _number: int, testrun_uid: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> None:
    place = tmp_path_factory.getbasetemp().parent if worker_id != "master" else tmp_path_factory.getbasetemp()
    noted = place / f"samen-{testrun_uid}"
    with noted.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    found = noted.read_text(encoding="utf-8").split()
    assert set(found) == {str(os.getpid())}
