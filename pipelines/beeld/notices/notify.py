"""One notice out of the door: in the log, along the chosen transport, and as a line of `meldingen.jsonl` in the home."""

from __future__ import annotations

import json
import os
import smtplib
from collections.abc import Callable

from beeld.notices.message import Notice, record_of
from beeld.settings import NoticeSettings, Settings
from beeld.sources.words import plain

SECRET = "BEELD_MELDING_GEHEIM"  # noqa: S105 - the name of the variable, not what is in it
RECORD = "meldingen.jsonl"


def notify(settings: Settings, told: Notice, log: Callable[[str], None]) -> bool:
    """Send the notice and keep what became of it; False when it did not leave.

    Never raises: whoever notices something goes on as it would have done. What failed is said in the log, without the secret and
    without the address of the webhook.
    """
    log(" | ".join((f"notice: {told.onderwerp}", *told.regels)))
    fault = _send(settings.notices, told)
    if fault:
        log(f"the notice did not leave by {settings.notices.kind}: {fault}")
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        line = json.dumps({**record_of(told), "langs": settings.notices.kind, "verzonden": not fault, "fout": fault})
        with (settings.home / RECORD).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        log(f"the notice was not kept in {RECORD}: {type(error).__name__}")
    return not fault


def _send(wanted: NoticeSettings, told: Notice) -> str:
    """Why the notice did not leave; empty when it did."""
    from beeld.notices.transports import TRANSPORTS

    try:
        TRANSPORTS[wanted.kind](wanted, told, os.environ.get(SECRET, ""))
    except smtplib.SMTPResponseException as error:
        return f"{type(error).__name__} {error.smtp_code}"
    except Exception as error:
        answer = plain(str(error)) if str(error).startswith("answers ") else ""
        return f"{type(error).__name__} {answer}".strip()
    return ""
