"""What a notice says, and the shape in which each transport carries it. Pure: nothing is sent here.

Subject and lines hold names of sources and messages of errors, and a name can come from outside. `plain` takes out line ends and
control characters before they reach a header or a line; JSON and `EmailMessage` quote the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from beeld.sources.words import plain

FAILED, STALE, FRESH = "mislukt", "verouderd", "weer_actueel"
LONGEST_SUBJECT, LONGEST_LINE, MOST_LINES = 150, 1000, 60
SIGNATURE = "X-Beeld-Handtekening"
PREFIX = "[Beeld van de Wijk]"


@dataclass(frozen=True)
class Notice:
    """One notice: plain text on single lines, whatever it was made of. `soort` is mislukt, verouderd or weer_actueel."""

    soort: str
    onderwerp: str
    regels: tuple[str, ...]
    tijd: datetime


def notice(soort: str, onderwerp: str, regels: Sequence[str], tijd: datetime) -> Notice:
    """A notice of which subject and lines are one line each and not endless; how many lines were left out is said."""
    lines = [_short(line, LONGEST_LINE) for line in regels]
    left = len(lines) - MOST_LINES
    kept = [*lines[:MOST_LINES], *([f"(en nog {left} regels)"] if left > 0 else [])]
    return Notice(soort, _short(onderwerp, LONGEST_SUBJECT), tuple(kept), tijd)


def _short(text: str, longest: int) -> str:
    line = plain(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def email_of(told: Notice, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The notice as plain text; marked as automatic, so that no out-of-office reply comes back."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"{PREFIX} {told.onderwerp}"
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(told.tijd)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(told.regels) + "\n")
    return message


def record_of(told: Notice) -> dict[str, object]:
    """The notice as a webhook gets it and as `meldingen.jsonl` keeps it."""
    return {
        "soort": told.soort,
        "onderwerp": told.onderwerp,
        "regels": list(told.regels),
        "tijd": told.tijd.isoformat(timespec="seconds"),
    }


def body_of(told: Notice) -> bytes:
    """The body of the request to a webhook. `text` is what chat programs show."""
    text = "\n".join((told.onderwerp, *told.regels))
    return json.dumps({**record_of(told), "text": text}, ensure_ascii=False).encode("utf-8")


def proof_of(body: bytes, secret: str, kind: str) -> Mapping[str, str]:
    """The header that shows a webhook who is speaking; none without a secret. The signature covers the time in the body too."""
    if not secret:
        return {}
    if kind == "bearer":
        return {"Authorization": f"Bearer {secret}"}
    return {SIGNATURE: "sha256=" + hmac.new(secret.encode("utf-8"), body, hashlib.sha256).hexdigest()}
