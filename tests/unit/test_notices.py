"""Notices: what is said, that it arrives at a real mail server and a real webhook, and that nothing that fails changes a run."""

import hashlib
import hmac
import json
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
import trustme

from beeld.errors import UsageError
from beeld.notices.message import LONGEST_LINE, LONGEST_SUBJECT, MOST_LINES, Notice, body_of, email_of, notice
from beeld.notices.notify import RECORD, notify
from beeld.settings import NoticeSettings, Settings, load_settings

Server = TypeVar("Server", bound=socketserver.BaseServer)
NOW = datetime(2026, 11, 27, 6, 40, tzinfo=UTC)
SECRET = "geheim-van-de-toets"
MAIL = '[melding]\nsoort = "smtp"\nhost = "127.0.0.1"\nvan = "beeld@example.nl"\naan = ["a@example.nl", "b@example.nl"]\n'
HOSTILE = [
    "cbs_kwb\r\nBcc: iemand@example.org",
    "cbs\n\n<script>alert(1)</script>",
    "a\r\n.\r\nRCPT TO:<x@example.org>",
    "naam\x00met\x1b[31mkleur",
    "\u202etxt.exe",
    "\ud800 half paar",
    '\'s-Gravenhage, Súdwest-Fryslân ("Bergen") & =HYPERLINK()',
    "é" * 3000,
]


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server of thirty lines: takes what it is sent, and refuses the login or the recipients when told to."""

    allow_reuse_address = True

    def __init__(self, refuses: str = "", certificate: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.refuses = refuses
        self.certificate = certificate
        self.commands: list[str] = []
        self.received: list[bytes] = []


class Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box = cast("Mailbox", self.server)
        self.wfile.write(b"220 toets\r\n")
        while line := self.rfile.readline():
            verb = line.split(b" ")[0].strip().upper().decode("latin-1")
            box.commands.append(line.decode("latin-1").strip())
            if verb == "EHLO":
                more = b"250-STARTTLS\r\n" if box.certificate else b""
                self.wfile.write(b"250-toets\r\n250-AUTH PLAIN\r\n" + more + b"250 SMTPUTF8\r\n")
            elif verb == "STARTTLS" and box.certificate:
                self.wfile.write(b"220 go on\r\n")
                try:
                    self.request = box.certificate.wrap_socket(self.request, server_side=True)
                except OSError:
                    return  # the client wants nothing of this certificate
                self.setup()
            elif verb and verb == box.refuses:
                self.wfile.write(f"535 not with {SECRET}\r\n".encode())
            elif verb == "AUTH":
                self.wfile.write(b"235 ok\r\n")
            elif verb == "DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    body += part.removeprefix(b".") if part.startswith(b"..") else part
                box.received.append(body)
                self.wfile.write(b"250 ok\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
                if verb == "QUIT":
                    return

    def finish(self) -> None:
        super().finish()
        self.request.close()  # since STARTTLS not the one that the server knows


class Hook(ThreadingHTTPServer):
    """A webhook that keeps what it got."""

    daemon_threads = False

    def __init__(self, status: int = 204) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.status = status
        self.received: list[tuple[str, dict[str, str], bytes]] = []


class Request(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hook = cast("Hook", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook.received.append((self.path, dict(self.headers), body))
        self.send_response(hook.status)
        if hook.status == 302:
            self.send_header("Location", "/elders")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Hidden(socketserver.ThreadingTCPServer):
    """Mixed into a server: it speaks TLS from the first byte."""

    certificate: ssl.SSLContext

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        return self.certificate.wrap_socket(connection, server_side=True), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class HiddenMailbox(Hidden, Mailbox):
    """A mail server that speaks TLS from the first byte."""


class HiddenHook(Hidden, Hook):
    """A webhook over https."""


@contextmanager
def running(server: Server) -> Generator[Server]:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"BEELD_HOME": str(tmp_path / "home")}, tmp_path)


def told(name: str = "cbs_kwb") -> Notice:
    return notice("verouderd", f"{name} is verouderd", [f"{name}: niet meer bekeken sinds 2026-11-01", "tweede regel"], NOW)


def by_mail(settings: Settings, box: Mailbox, **more: Any) -> Settings:
    mail = NoticeSettings(
        "smtp", "127.0.0.1", box.server_address[1], "beeld@example.nl", ("a@example.nl", "b@example.nl"), "geen"
    )
    return replace(settings, notices=replace(mail, **more))


def by_hook(settings: Settings, hook: Hook, **more: Any) -> Settings:
    found = NoticeSettings("webhook", url=f"http://127.0.0.1:{hook.server_address[1]}/haak?sleutel=onzichtbaar")
    return replace(settings, notices=replace(found, **more))


def records(settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (settings.home / RECORD).read_text(encoding="utf-8").splitlines()]


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_one_line_in_one_header(name: str) -> None:
    made = told(name)
    assert "\n" not in made.onderwerp
    assert len(made.onderwerp) <= LONGEST_SUBJECT
    assert all(len(line) <= LONGEST_LINE and line.isprintable() for line in made.regels)
    sent = email_of(made, "beeld@example.nl", ("a@example.nl",)).as_bytes()
    back = message_from_bytes(sent, policy=policy.default)
    assert sorted(back.keys()) == sorted(
        ["Subject", "From", "To", "Date", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
    )
    assert str(back["Subject"]) == f"[Beeld van de Wijk] {made.onderwerp}"
    assert back.get_content().splitlines() == list(made.regels)
    assert json.loads(body_of(made))["regels"] == list(made.regels)


def test_a_notice_is_not_endless_and_says_what_it_left_out() -> None:
    made = notice("mislukt", "x", [str(n) for n in range(MOST_LINES + 5)], NOW)
    assert made.regels[-1] == "(en nog 5 regels)"
    assert len(made.regels) == MOST_LINES + 1


# ---------------------------------------------------------------- that it arrives


@pytest.mark.parametrize("name", ["cbs_kwb", *HOSTILE])
def test_a_mail_server_gets_the_notice_once_for_all_recipients_and_for_nobody_else(name: str, settings: Settings) -> None:
    with running(Mailbox()) as box:
        assert notify(by_mail(settings, box), told(name), lambda _line: None)
    (body,) = box.received
    message = message_from_bytes(body, policy=policy.default)
    assert [c[8:] for c in box.commands if c.upper().startswith("RCPT TO:")] == ["<a@example.nl>", "<b@example.nl>"]
    assert not any(c.upper().startswith("AUTH") for c in box.commands)
    assert message["To"] == "a@example.nl, b@example.nl"
    assert message["Bcc"] is None
    assert message.get_content().splitlines() == list(told(name).regels)


def test_the_password_comes_from_the_environment_and_is_shown_nowhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEELD_MELDING_GEHEIM", SECRET)
    lines: list[str] = []
    with running(Mailbox()) as box:
        assert notify(by_mail(settings, box, user="beeld"), told(), lines.append)
    assert len([c for c in box.commands if c.startswith("AUTH")]) == 1
    with running(Mailbox(refuses="AUTH")) as box:
        assert not notify(by_mail(settings, box, user="beeld"), told(), lines.append)
    assert box.received == []
    assert "SMTPAuthenticationError 535" in lines[-1]
    assert SECRET not in " ".join(lines) + json.dumps(records(settings))


@pytest.mark.parametrize("name", ["cbs_kwb", *HOSTILE])
def test_a_webhook_gets_json_signed_with_the_secret(name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEELD_MELDING_GEHEIM", SECRET)
    with running(Hook()) as hook:
        assert notify(by_hook(settings, hook), told(name), lambda _line: None)
    ((path, headers, body),) = hook.received
    assert path == "/haak?sleutel=onzichtbaar"
    assert headers["X-Beeld-Handtekening"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert "Authorization" not in headers
    said = json.loads(body)
    assert said["soort"] == "verouderd"
    assert said["tijd"] == "2026-11-27T06:40:00+00:00"
    assert said["text"].splitlines() == [told(name).onderwerp, *told(name).regels]


def test_a_webhook_gets_a_bearer_token_when_asked_and_nothing_without_a_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Hook()) as hook:
        assert notify(by_hook(settings, hook, proof="bearer"), told(), lambda _line: None)
        monkeypatch.setenv("BEELD_MELDING_GEHEIM", SECRET)
        assert notify(by_hook(settings, hook, proof="bearer"), told(), lambda _line: None)
    without, signed = (headers for _, headers, _ in hook.received)
    assert "Authorization" not in without
    assert "X-Beeld-Handtekening" not in without
    assert signed["Authorization"] == f"Bearer {SECRET}"


# ---------------------------------------------------------------- what fails


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_success_is_said_and_kept_without_the_address(status: int, settings: Settings) -> None:
    lines: list[str] = []
    with running(Hook(status)) as hook:
        assert not notify(by_hook(settings, hook), told(), lines.append)
    assert len(hook.received) == 1  # no redirect is followed
    assert f"answers {status}" in lines[-1]
    (kept,) = records(settings)
    assert kept["verzonden"] is False
    assert str(status) in kept["fout"]
    assert "onzichtbaar" not in " ".join(lines) + json.dumps(kept)


def test_nobody_at_the_other_end_is_said_and_never_raised(settings: Settings) -> None:
    with running(Hook()) as hook, running(Mailbox()) as box:
        gone = [by_hook(settings, hook), by_mail(settings, box)]
    for unreachable in gone:
        lines: list[str] = []
        assert not notify(unreachable, told(), lines.append)
        assert "did not leave" in lines[-1]
        assert "onzichtbaar" not in " ".join(lines)
    assert [kept["verzonden"] for kept in records(settings)] == [False, False]


def test_a_refused_recipient_is_a_failure(settings: Settings) -> None:
    with running(Mailbox(refuses="RCPT")) as box:
        assert not notify(by_mail(settings, box), told(), lambda _line: None)
    assert box.received == []


def test_starttls_is_never_left_out_when_the_server_has_none(settings: Settings) -> None:
    lines: list[str] = []
    with running(Mailbox()) as box:
        assert not notify(by_mail(settings, box, security="starttls"), told(), lines.append)
    assert box.received == []
    assert "SMTPNotSupportedError" in lines[-1]


def test_a_home_that_cannot_be_written_loses_the_record_only(settings: Settings) -> None:
    settings.home.write_text("a file where the home should be", encoding="utf-8")
    lines: list[str] = []
    assert notify(settings, told(), lines.append)
    assert "was not kept" in lines[-1]


def test_the_log_alone_is_the_standard_and_keeps_a_line_each(settings: Settings) -> None:
    lines: list[str] = []
    assert notify(settings, told(), lines.append)
    assert notify(settings, told("tweede"), lines.append)
    assert lines[0].startswith("notice: cbs_kwb is verouderd | cbs_kwb: niet meer bekeken")
    assert [(kept["onderwerp"], kept["langs"], kept["verzonden"]) for kept in records(settings)] == [
        ("cbs_kwb is verouderd", "log", True),
        ("tweede is verouderd", "log", True),
    ]


# ---------------------------------------------------------------- the settings


def read(tmp_path: Path, text: str) -> NoticeSettings:
    (tmp_path / "beeld.toml").write_text(text, encoding="utf-8")
    return load_settings({}, tmp_path).notices


def test_settings_of_each_kind(tmp_path: Path) -> None:
    assert read(tmp_path, "") == NoticeSettings()
    mail = read(tmp_path, MAIL)
    assert (mail.kind, mail.port, mail.security, mail.recipients) == ("smtp", 587, "starttls", ("a@example.nl", "b@example.nl"))
    assert read(tmp_path, MAIL + 'beveiliging = "tls"\n').port == 465
    assert read(tmp_path, MAIL.replace('["a@example.nl", "b@example.nl"]', '"a@example.nl"')).recipients == ("a@example.nl",)
    hook = read(tmp_path, '[melding]\nsoort = "webhook"\nurl = "https://haak.example.nl/x?y=z"\nbewijs = "bearer"\n')
    assert (hook.url, hook.proof) == ("https://haak.example.nl/x?y=z", "bearer")
    assert "haak.example.nl" not in repr(hook)


@pytest.mark.parametrize(
    "text",
    [
        '[melding]\nsoort = "duif"\n',
        '[melding]\nhost = "127.0.0.1"\n',
        '[melding]\nsoort = "smtp"\n',
        MAIL + 'wachtwoord = "x"\n',
        MAIL + "poort = 0\n",
        MAIL + 'beveiliging = "soms"\n',
        MAIL.replace("127.0.0.1", "a b"),
        MAIL.replace("a@example.nl", "a@example.nl\\nBcc: x@example.org"),
        MAIL.replace("beeld@example.nl", "beeld"),
        MAIL.replace('["a@example.nl", "b@example.nl"]', "[]"),
        MAIL.replace("127.0.0.1", "mail.example.nl") + 'gebruiker = "beeld"\nbeveiliging = "geen"\n',
        '[melding]\nsoort = "webhook"\n',
        '[melding]\nsoort = "webhook"\nurl = "http://haak.example.nl/x"\n',
        '[melding]\nsoort = "webhook"\nurl = "https://haak.example.nl/x"\nbewijs = "niets"\n',
        "melding = 3\n",
    ],
)
def test_what_is_no_setting_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="melding"):
        read(tmp_path, text)


# ---------------------------------------------------------------- certificates


AUTHORITY = trustme.CA()
OTHERS = trustme.CA()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that trusts one authority."""
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def shows(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """What a server shows: a certificate for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def sent(settings: Settings, way: str, certificate: ssl.SSLContext, lines: list[str]) -> tuple[bool, int]:
    """Whether a notice left along a way that is encrypted, and how many arrived."""
    if way == "webhook":
        with running(HiddenHook()) as hook:
            hook.certificate = certificate
            safe = by_hook(settings, hook)
            safe = replace(safe, notices=replace(safe.notices, url=safe.notices.url.replace("http:", "https:")))
            return notify(safe, told(), lines.append), len(hook.received)
    with running(HiddenMailbox() if way == "tls" else Mailbox(certificate=certificate)) as box:
        box.certificate = certificate
        return notify(by_mail(settings, box, security=way), told(), lines.append), len(box.received)


@pytest.mark.parametrize("way", ["starttls", "tls", "webhook"])
def test_a_notice_leaves_encrypted_for_a_server_with_a_good_certificate(way: str, settings: Settings, trusted: None) -> None:
    lines: list[str] = []
    assert sent(settings, way, shows(AUTHORITY, "127.0.0.1"), lines) == (True, 1), lines


@pytest.mark.parametrize("way", ["starttls", "tls", "webhook"])
@pytest.mark.parametrize(
    ("authority", "name"), [(OTHERS, "127.0.0.1"), (AUTHORITY, "mail.example.nl")], ids=["not trusted", "of another server"]
)
def test_nothing_is_said_to_a_server_with_a_wrong_certificate(
    authority: trustme.CA, name: str, way: str, settings: Settings, trusted: None
) -> None:
    lines: list[str] = []
    assert sent(settings, way, shows(authority, name), lines) == (False, 0)
    assert "SSLCertVerificationError" in lines[-1] or "ConnectError" in lines[-1]
