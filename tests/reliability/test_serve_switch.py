"""Readers while releases are published: no error, no question that sees two releases, nobody back in time."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.reliability.serving import environment, publish_small, serving

CLIENTS = 8


def ask_from_processes(tmp_path: Path, questions: int, publications: int) -> tuple[list[dict[str, list[str]]], list[float]]:
    """What every client saw, and how long each question took, while releases are published along the way."""
    home, last = tmp_path / "data", f"r{publications:03}"
    publish_small(home, "r000")
    command = [sys.executable, "-m", "tests.reliability.serving"]
    with serving(home, "--no-site", limits=f"sessies = {CLIENTS}") as server:
        started = [
            subprocess.Popen(
                [*command, str(server.sql), server.token, str(questions), last],
                env=environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(CLIENTS)
        ]
        first = started[0].stdout
        assert first is not None
        for number in range(1, publications + 1):
            while int(first.readline()) < number * questions // (publications + 1):
                pass
            publish_small(home, f"r{number:03}")
        answers = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
        assert not [line for line in server.said if "refused" in line or "could not" in line]
    return answers, sorted(second for answer in answers for second in answer["took"])


def judge(answers: list[dict[str, list[str]]], questions: int, publications: int) -> None:
    assert [answer["faults"] for answer in answers] == [[]] * CLIENTS
    for answer in answers:
        assert len(answer["seen"]) >= questions
        assert answer["seen"] == sorted(answer["seen"]), "a client went back in time"
        assert answer["seen"][-1] == f"r{publications:03}", "a client never saw the last release"
    assert "r000" in {answer["seen"][0] for answer in answers}


def test_clients_while_two_releases_are_published(tmp_path: Path) -> None:
    answers, took = ask_from_processes(tmp_path, questions=72, publications=2)
    judge(answers, 72, 2)
    assert median(took) < 1


@pytest.mark.nightly
def test_many_questions_while_releases_are_published(tmp_path: Path) -> None:
    answers, took = ask_from_processes(tmp_path, questions=504, publications=2)
    judge(answers, 504, 2)
    cuts = quantiles(took, n=100)
    print(f"serve: {len(took)} questions of {CLIENTS} clients, p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms")
