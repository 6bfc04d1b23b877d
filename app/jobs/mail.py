"""Sends what waits in the outbox: at least once, with a Message-ID that stays the same, with growing pauses (JOB-3)."""

import logging
import smtplib
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.models.jobs import OutboxMail
from app.safeguards.context import Context, acting, current, system_clock

LOG = logging.getLogger("qualgate.mail")
BATCH = 200
CLAIM = timedelta(minutes=5)
"""While one sender is at it, others leave the mail alone for so long; if it dies meanwhile, another takes over."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
MAX_TRIES = 20
"""About four days of trying; then the mail is given up, visibly."""
TIMEOUT_SECONDS = 20

Sender = Callable[[OutboxMail], None]


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries: a minute, then twice as long each time, six hours at most."""
    return min(FIRST_PAUSE * 2 ** max(0, min(tries - 1, 20)), LONGEST_PAUSE)


def send_waiting(session: Session, sender: Sender | None, clock: Any = system_clock) -> int:
    """Send the mail whose time has come; return how many went out. Without a mail server everything keeps waiting.

    This is an edge: it commits the claim before sending and the result after it, mail by mail.
    """
    if sender is None:
        return 0
    context = Context(user_id=None, username="system", printed_name="Qualgate", reason="Scheduled: outbox",
                      source="job:outbox", clock=clock)  # fmt: skip
    with acting(context):
        waiting = session.scalars(
            select(OutboxMail.id).where(OutboxMail.state == "waiting", OutboxMail.next_try_at <= clock())
            .order_by(OutboxMail.id).limit(BATCH)
        ).all()  # fmt: skip
        session.rollback()
        return sum(_send_one(session, number, sender) for number in waiting)


def _send_one(session: Session, number: int, sender: Sender) -> bool:
    letter = _claim(session, number)
    if letter is None:
        return False
    error = None
    try:
        sender(letter)
    except (OSError, smtplib.SMTPException, ValueError) as problem:
        error = f"{type(problem).__name__}: {problem}"
        LOG.warning("Mail %s could not be sent: %s", number, error)
    _note(session, letter, error)
    return error is None


def _claim(session: Session, number: int) -> OutboxMail | None:
    """Take one mail for ``CLAIM``; None when another sender was faster. The row version decides."""
    letter = session.get(OutboxMail, number, with_for_update=True, populate_existing=True)
    if letter is None or letter.state != "waiting" or letter.next_try_at > current().now():
        session.rollback()
        return None
    letter.next_try_at = current().now() + CLAIM
    letter.tries += 1
    try:
        session.commit()
    except StaleDataError:
        session.rollback()
        return None
    return letter


def _note(session: Session, letter: OutboxMail, error: str | None) -> None:
    if error is None:
        letter.state, letter.sent_at, letter.last_error = "sent", current().now(), None
    else:
        letter.last_error = error[:2000]
        letter.next_try_at = current().now() + pause_after(letter.tries)
        if letter.tries >= MAX_TRIES:
            letter.state = "dead"
    session.commit()


def smtp_sender(settings: Mapping[str, Any]) -> Sender | None:
    """Return the function that hands one mail to the configured server, or None where none is configured."""
    host = settings["MAIL_HOST"]
    if not host:
        return None

    def send(letter: OutboxMail) -> None:
        with smtplib.SMTP(host, settings["MAIL_PORT"], timeout=TIMEOUT_SECONDS) as server:
            if settings["MAIL_STARTTLS"]:
                server.starttls()
            if settings["MAIL_USER"]:
                server.login(settings["MAIL_USER"], settings["MAIL_PASSWORD"])
            server.send_message(as_message(letter, settings["MAIL_FROM"], settings["BASE_URL"]))

    return send


def as_message(letter: OutboxMail, sender: str, base_url: str) -> EmailMessage:
    """Return the mail as it goes out. Its Message-ID is made from the outbox id, so a second delivery is recognized."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.created_at)
    message["Message-ID"] = f"<outbox-{letter.id}-{letter.created_at:%Y%m%d%H%M%S}@qualgate>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{letter.body}\n\n{base_url}\n")
    return message
