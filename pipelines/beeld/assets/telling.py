"""The notices of scheduled runs, in words. No Dagster in here.

Of an error only a message of our own is passed on: those name sources and tables. Any other text could hold anything, also a
cell of a delivery, so only its kind is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from beeld.errors import BeeldError, Busy
from beeld.notices.message import FAILED, FRESH, STALE, Notice, notice
from beeld.warehouse import freshness as state
from beeld.warehouse.freshness import Freshness

FAILED_CHECK = "DagsterAssetCheckFailedError"


@dataclass(frozen=True)
class Trouble:
    """One error of a run: the step (empty: the run itself), and kind and text of the error and of its causes, outermost first."""

    step: str
    chain: tuple[tuple[str, str], ...]


def of_failure(job: str, run_id: str, troubles: Sequence[Trouble], release: str | None, now: datetime) -> Notice | None:
    """The notice of a failed run; None when it only found another refresh at work, which does what it would have done."""
    if any(kind == Busy.__name__ for trouble in troubles for kind, _ in trouble.chain):
        return None
    lines = dict.fromkeys(f"{trouble.step}: {said(trouble)}" if trouble.step else said(trouble) for trouble in troubles)
    stands = f"Release {release} blijft staan." if release else "Er is nog geen release."
    return notice(FAILED, f"'{job}' is mislukt", [*lines, stands, f"Run in Dagster: {run_id}"], now)


def said(trouble: Trouble) -> str:
    """Our own message when there is one in the chain, the failed checks, else the kind of the innermost error."""
    ours = _names(BeeldError)
    for kind, text in trouble.chain:
        if kind in ours:
            return text.strip().split(f"{kind}: ", 1)[-1]
        if kind == FAILED_CHECK:
            return text.strip().split(f"{kind}: ", 1)[-1]
    return f"onverwachte fout ({trouble.chain[-1][0] if trouble.chain else 'onbekend'}); zie de run"


def _names(kind: type[BeeldError]) -> set[str]:
    return {kind.__name__}.union(*(_names(child) for child in kind.__subclasses__()))


def of_freshness(changed: Sequence[Freshness], before: Mapping[str, str], now: datetime) -> Iterator[Notice]:
    """One notice of all that went stale, one of all that came back; a source that is fresh at the first look is no news."""
    stale = [found for found in changed if found.toestand == state.STALE]
    back = [found for found in changed if found.toestand == state.FRESH and found.bron in before]
    if stale:
        yield notice(STALE, _title(stale, "verouderd"), [_line(found) for found in stale], now)
    if back:
        yield notice(FRESH, _title(back, "weer actueel"), [_line(found) for found in back], now)


def _title(found: Sequence[Freshness], word: str) -> str:
    return f"{found[0].bron} is {word}" if len(found) == 1 else f"{len(found)} bronnen zijn {word}"


def _line(found: Freshness) -> str:
    since = f" sinds {found.sinds}" if found.sinds else ""
    return f"{found.bron}: {found.toestand}{since}; {found.reden}"
