"""Mail: written to the outbox in the transaction of its cause; a job sends it later (JOB-3).

Nobody else writes mail and no web request waits for a mail server.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.models.base import Record
from app.models.jobs import OutboxMail
from app.safeguards import bulk
from app.safeguards.context import current
from app.services.wording import translator

SUBJECT_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail before it is in the outbox."""

    to: str
    subject: Phrase
    body: Phrase
    record_type: str | None = None
    record_id: int | None = None
    language: str = "en"

    def in_words(self) -> tuple[str, str]:
        """Return subject and text in the reader's language."""
        translate = translator(self.language)
        return one_line(self.subject.render(translate))[:SUBJECT_LENGTH], self.body.render(translate)


def write(
    session: Session, to: str, subject: Phrase, body: Phrase, record: Record | None = None, language: str = "en"
) -> OutboxMail:
    """Put one mail into the outbox in the reader's language, to be sent once the transaction has committed.

    Line breaks are taken out of address and subject, so that nothing can smuggle a header in.
    """
    now = current().now()
    title, text = Letter(to, subject, body, language=language).in_words()
    mail = OutboxMail(
        to=one_line(to),
        subject=title,
        body=text,
        record_type=record.__tablename__ if record is not None else None,
        record_id=record.id if record is not None else None,
        created_at=now,
        next_try_at=now,
    )
    session.add(mail)
    session.flush()
    return mail


def write_many(session: Session, letters: Iterable[Letter]) -> int:
    """Put many mails into the outbox in one go; return how many."""
    now = current().now()
    rows = [_row(letter, now) for letter in letters]
    if rows:
        bulk.insert_many(session, OutboxMail, rows)
    return len(rows)


def _row(letter: Letter, now: datetime) -> dict[str, Any]:
    subject, body = letter.in_words()
    return {
        "to": one_line(letter.to),
        "subject": subject,
        "body": body,
        "record_type": letter.record_type,
        "record_id": letter.record_id,
        "state": "waiting",
        "created_at": now,
        "next_try_at": now,
        "tries": 0,
        "sent_at": None,
        "last_error": None,
    }


def try_again(session: Session, letters: Iterable[OutboxMail]) -> int:
    """Let mail that was given up, or waits for a later try, go out with the next round; return how many."""
    count = 0
    for letter in letters:
        if letter.state != "sent":
            letter.state, letter.next_try_at, letter.tries = "waiting", current().now(), 0
            count += 1
    session.flush()
    return count


def one_line(text: str) -> str:
    """Return ``text`` without line breaks and other control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
