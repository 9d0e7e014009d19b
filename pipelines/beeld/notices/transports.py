"""How a notice leaves: by a mail server or a webhook. Waits are bounded, certificates verified, redirects not followed.

Both trust whom the machine trusts (`SSL_CERT_FILE` says otherwise): a mail server or a chat program is often one of the
organisation's own, with a certificate of its own authority.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping

import httpx

from beeld.notices.message import Notice, body_of, email_of, proof_of
from beeld.settings import NoticeSettings

PATIENCE = 10.0
"""Seconds per step of the conversation: well within the minute that Dagster gives a sensor."""

Transport = Callable[[NoticeSettings, Notice, str], None]
"""Takes settings, notice and secret; raises OSError, smtplib.SMTPException or httpx.HTTPError when it did not arrive."""


def by_mail(wanted: NoticeSettings, told: Notice, secret: str) -> None:
    """One message to all recipients; an error when the server refuses any of them."""
    trusted = ssl.create_default_context()
    if wanted.security == "tls":
        server = smtplib.SMTP_SSL(wanted.host, wanted.port, timeout=PATIENCE, context=trusted)
    else:
        server = smtplib.SMTP(wanted.host, wanted.port, timeout=PATIENCE)
    with server:
        if wanted.security == "starttls":
            server.starttls(context=trusted)
        if wanted.user:
            server.login(wanted.user, secret)
        refused = server.send_message(email_of(told, wanted.sender, wanted.recipients))
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)


def by_webhook(wanted: NoticeSettings, told: Notice, secret: str) -> None:
    """One POST of JSON; an error unless the answer is a 2xx."""
    body = body_of(told)
    headers = {"Content-Type": "application/json; charset=utf-8", **proof_of(body, secret, wanted.proof)}
    with (
        httpx.Client(timeout=PATIENCE, follow_redirects=False, verify=ssl.create_default_context()) as client,
        client.stream("POST", wanted.url, content=body, headers=headers) as answer,
    ):
        if not answer.is_success:
            raise httpx.HTTPError(f"answers {answer.status_code}")


def by_log(_wanted: NoticeSettings, _told: Notice, _secret: str) -> None:
    """Nothing leaves: what `notify` writes in the log is the notice."""


TRANSPORTS: Mapping[str, Transport] = {"log": by_log, "smtp": by_mail, "webhook": by_webhook}
