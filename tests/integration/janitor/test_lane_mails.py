"""Mail about lanes, to a real SMTP server."""

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pod_jobs.catalog import database as catalog_database
from pod_jobs.catalog.store import lanes, statements
from pod_jobs.catalog.store.statements import NewStatement
from pod_jobs.catalog.trace_models import Lane
from pod_jobs.instance.doctor.services import check_mail
from pod_jobs.janitor.lane_mails import LONG, QUIET, RETRY, LaneMails
from pod_jobs.settings import Settings, load
from tests.integration.catalog.conftest import NOW
from tests.servers import free_port, wait_until

WHY = "401 Unauthorized"
STOPPED_AT = NOW + timedelta(hours=1)


@dataclass
class Mailbox:
    """Receives mail. `answer`: to each mail, as SMTP writes it."""

    port: int = 0
    answer: str = "250 OK"
    tried: int = 0
    got: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.tried += 1
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes) and envelope.rcpt_tos == [
                "video@univ.example",
                "ops@univ.example",
            ]
            found: Any = message_from_bytes(envelope.content, policy=policy.default)
            self.got.append(found)
        return self.answer


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(port=free_port())
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    try:
        yield box
    finally:
        server.stop()


def settings_for(home: Path, mailbox: Mailbox, language: str = "en") -> Settings:
    mail = {
        "server": "127.0.0.1",
        "port": mailbox.port,
        "encryption": "none",
        "sender": "pod_jobs@univ.example",
        "recipients": ["video@univ.example", "ops@univ.example"],
        "language": language,
    }
    lane = {"name": "ralph", "url": "http://127.0.0.1:9/xAPI/statements"}
    return load(home, mail=mail, xapi={"lane": [lane]}, web={"public_url": "https://jobs.univ.example"})


@pytest.fixture
def catalog(tmp_path: Path, empty_catalog: Path) -> Iterator[None]:
    database = catalog_database.connect(f"sqlite:///{shutil.copy(empty_catalog, tmp_path)}")
    with database.connection_context():
        lanes.ensure(["ralph"], 0, NOW)
        yield


def turn(state: str, at_s: float, reason: str = "") -> None:
    changed = {"state": state, "since": STOPPED_AT + timedelta(seconds=at_s), "reason": reason}
    Lane.update(changed).where(Lane.name == "ralph").execute()


class Clock:
    """Lets a LaneMails tend at moments that are counted from STOPPED_AT, and waits for its mail."""

    def __init__(self, settings: Settings) -> None:
        self.mails = LaneMails(settings, nullcontext)

    def tend(self, at_s: float) -> None:
        self.mails.tend(STOPPED_AT + timedelta(seconds=at_s))
        wait_until(lambda: not self.mails.is_sending, timeout_s=15)


def test_one_mail_when_a_lane_stops_and_one_when_it_goes_on(tmp_path: Path, mailbox: Mailbox, catalog: None) -> None:
    clock, later = Clock(settings_for(tmp_path, mailbox)), QUIET.total_seconds()
    clock.tend(0)
    assert mailbox.tried == 0
    turn("stopped", 0, WHY)
    for moment in (1, 2, 3, later + 10, later + 11):
        clock.tend(moment)
    (mail,) = mailbox.got
    assert mail["Subject"] == "Learning traces are not delivered to ralph"
    assert mail["To"] == "video@univ.example, ops@univ.example" and mail["From"] == "pod_jobs@univ.example"
    text = mail.get_content()
    assert (
        WHY in text
        and "https://jobs.univ.example/traces" in text
        and STOPPED_AT.astimezone().strftime("%Y-%m-%d %H:%M") in text
    )
    turn("hold", later + 20)
    clock.tend(later + 21)
    assert len(mailbox.got) == 1
    turn("open", later + 30)
    for moment in (later + 31, later + 32, 3 * later):
        clock.tend(moment)
    assert [mail["Subject"] for mail in mailbox.got[1:]] == ["Learning traces are delivered to ralph again"]


def test_a_lane_that_waits_for_a_day_is_told_too(tmp_path: Path, mailbox: Mailbox, catalog: None) -> None:
    clock, day = Clock(settings_for(tmp_path, mailbox)), LONG.total_seconds()
    turn("hold", 0, "ConnectionRefusedError")
    clock.tend(2 * day)
    assert mailbox.tried == 0, "nothing waits"
    statements.add([NewStatement("1", "{}", "v", None, (), False, of_profile=False)], ["ralph"], STOPPED_AT)
    clock.tend(day - 1)
    assert mailbox.tried == 0
    for moment in (day + 1, day + 2, 3 * day):
        turn("hold", moment - 1, "ConnectionRefusedError")  # each try begins the state anew
        clock.tend(moment)
    (mail,) = mailbox.got
    assert "ConnectionRefusedError" in mail.get_content()
    turn("open", 3 * day)
    clock.tend(3 * day + 1)
    assert [mail["Subject"] for mail in mailbox.got[1:]] == ["Learning traces are delivered to ralph again"]


def test_a_lane_that_stops_all_the_time_is_told_twice_an_hour(tmp_path: Path, mailbox: Mailbox, catalog: None) -> None:
    clock, quiet = Clock(settings_for(tmp_path, mailbox)), QUIET.total_seconds()
    for moment in range(0, int(quiet) - 60, 60):
        turn("stopped" if moment % 120 == 0 else "open", moment, WHY)
        clock.tend(moment)
        clock.tend(moment + 1)
    assert len(mailbox.got) == 1


def test_a_mail_that_the_server_refuses_is_tried_again(tmp_path: Path, mailbox: Mailbox, catalog: None) -> None:
    clock, wait = Clock(settings_for(tmp_path, mailbox)), RETRY.total_seconds()
    mailbox.answer = "451 try later"
    turn("stopped", 0, WHY)
    for moment in (1, 2, 3, 2 + wait / 2):
        clock.tend(moment)
    assert mailbox.tried == 1 and Lane.get().told == ""
    mailbox.answer = "250 OK"
    clock.tend(wait + 3)
    clock.tend(wait + 4)
    assert len(mailbox.got) == 1 and Lane.get().told == "stopped"


def test_mail_in_french(tmp_path: Path, mailbox: Mailbox, catalog: None) -> None:
    turn("stopped", 0, WHY)
    Clock(settings_for(tmp_path, mailbox, "fr")).tend(1)
    (mail,) = mailbox.got
    assert mail["Subject"] == "Les traces d’apprentissage n’arrivent plus à ralph"
    assert "Rien n’est perdu\u00a0: les traces attendent" in mail.get_content()


def test_without_a_server_no_mail_is_tried(tmp_path: Path, catalog: None) -> None:
    turn("stopped", 0, WHY)
    mails = LaneMails(load(tmp_path), nullcontext)
    mails.tend(STOPPED_AT)
    assert not mails.is_sending and Lane.get().told == ""


def test_the_doctor_signs_in_to_the_mail_server(tmp_path: Path, mailbox: Mailbox) -> None:
    def found(settings: Settings) -> tuple[str, str]:
        (finding,) = check_mail(settings)
        return finding.state, finding.text

    settings = settings_for(tmp_path, mailbox)
    assert found(settings) == ("ok", f"127.0.0.1:{mailbox.port} takes mail from us") and mailbox.tried == 0
    assert found(load(tmp_path))[0] == "ok"
    strict = settings.model_copy(update={"mail": settings.mail.model_copy(update={"encryption": "starttls"})})
    state, text = found(strict)
    assert state == "warning" and "STARTTLS" in text
    mailbox.port = free_port()
    state, text = found(settings_for(tmp_path, mailbox))
    assert state == "warning" and "ConnectionRefusedError" in text


def test_a_mail_that_was_taken_is_sent_even_if_the_farewell_fails(
    tmp_path: Path, mailbox: Mailbox, catalog: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answered QUIT by 250 got the mail again each minute, for ever."""

    async def leave(self: SMTP, argument: str) -> None:
        await self.push("250 good bye")
        self._handler_coroutine.cancel()
        self.transport.close()

    monkeypatch.setattr(SMTP, "smtp_QUIT", leave)
    clock = Clock(settings_for(tmp_path, mailbox))
    turn("stopped", 0, WHY)
    clock.tend(1)
    clock.tend(2)
    assert len(mailbox.got) == 1 and Lane.get().told == "stopped"
