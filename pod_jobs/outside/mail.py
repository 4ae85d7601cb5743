"""One mail by a mail server."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from pod_jobs.errors import ServiceUnavailable

TIMEOUT_S = 10.0  # for the connection, and for each answer of the server


@dataclass(frozen=True)
class Account:
    """A mail server, and who sends to whom. `user`: "" = without sign-in."""

    server: str
    port: int
    encryption: Literal["starttls", "tls", "none"]
    user: str
    password: str = field(repr=False)
    sender: str
    recipients: tuple[str, ...]


def send(account: Account, subject: str, text: str) -> list[str]:
    """Send `text` to all recipients. Returns those that were refused. Errors: ServiceUnavailable when all were."""
    message = EmailMessage()
    message["From"], message["To"] = account.sender, ", ".join(account.recipients)
    message["Subject"], message["Date"], message["Message-ID"] = subject, formatdate(), make_msgid("pod_jobs")
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday notice answers
    message.set_content(text)
    refused: list[str] | None = None
    try:
        with _signed_in(account) as server:
            refused = list(server.send_message(message))
    except ServiceUnavailable:
        if refused is None:  # else the mail is taken, and only the farewell failed
            raise
    return refused


def check(account: Account) -> None:
    """Sign in, and send nothing. Errors: ServiceUnavailable."""
    with _signed_in(account):
        pass


@contextmanager
def _signed_in(account: Account) -> Iterator[smtplib.SMTP]:
    try:
        with _connected(account) as server:
            if account.encryption == "starttls":
                server.starttls(context=ssl.create_default_context())
            if account.user:
                server.login(account.user, account.password)
            yield server
    except (OSError, smtplib.SMTPException) as error:
        raise ServiceUnavailable(f"{account.server}:{account.port}: {type(error).__name__}: {error}") from error


def _connected(account: Account) -> smtplib.SMTP:
    if account.encryption == "tls":
        return smtplib.SMTP_SSL(account.server, account.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(account.server, account.port, timeout=TIMEOUT_S)
