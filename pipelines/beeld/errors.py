"""Every failure that a user can meet, with the exit code that CONTRACT.md gives it."""

from __future__ import annotations


class BeeldError(Exception):
    """A failure with one clear message: what, where, what was kept, what to do."""

    exit_code = 2
    transient = False
    """True for a failure that may be gone in a minute, so that trying again makes sense; never for a refusal."""

    def __init__(self, what: str, *, where: str = "", kept: str = "", todo: str = "") -> None:
        self.what = what
        self.where = where
        self.kept = kept
        self.todo = todo
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The message on one line; parts that are unknown are left out."""
        place = f"{self.where}: " if self.where else ""
        tail = "".join(f" {part.rstrip('.')}." for part in (self.kept, self.todo) if part)
        return f"{place}{self.what.rstrip('.')}.{tail}"


class NoRoom(BeeldError):
    """The disk has no room for what was asked: nothing was begun, or what was begun was taken away again."""

    exit_code = 1


class Unwritable(BeeldError):
    """The disk cannot be used: read-only, not ours, or broken."""

    exit_code = 1


class ClusterLost(BeeldError):
    """The Dask cluster that should do the work cannot be reached, or was lost underway."""

    exit_code = 1


class UsageError(BeeldError):
    """Wrong use, bad SQL, or no release yet."""

    exit_code = 2


class SourceUnreachable(BeeldError):
    """A source cannot be read: unreachable, 5xx after retries, cut off or truncated."""

    exit_code = 3
    transient = True


class SourceChanged(BeeldError):
    """A source delivers something else than its declaration says."""

    exit_code = 4


class ChecksFailed(BeeldError):
    """A check of severity `fout` failed; nothing was published."""

    exit_code = 5


class DeliveryRefused(BeeldError):
    """A partner delivery was refused; nothing of it was stored."""

    exit_code = 6


class Damaged(BeeldError):
    """A release or snapshot does not match its own hashes."""

    exit_code = 7


class Busy(BeeldError):
    """Another refresh holds the lock."""

    exit_code = 75


def interrupted(error: BaseException) -> bool:
    """True for Ctrl-C, also when DuckDB was at work: it makes a RuntimeError of it."""
    return isinstance(error, KeyboardInterrupt) or (type(error) is RuntimeError and str(error) == "Query interrupted")
