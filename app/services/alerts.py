"""Whom to tell when somebody may be at work with a login that is not theirs (21 CFR 11.300(d))."""

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.permissions import ADMIN, QA
from app.domain.text import Phrase
from app.models.base import Record
from app.services import notifications


def security_addresses(session: Session) -> list[str]:
    """Return the mail addresses of those who answer for security: active holders of the roles Admin and QA."""
    answering = User.roles.any(Role.name.in_((ADMIN, QA)))
    query = select(User.email).where(User.active.is_(True), answering)
    return sorted({address for address in session.scalars(query) if address})


def alert(session: Session, subject: Phrase, body: Phrase, record: Record) -> None:
    """Write a mail to each of them, in the transaction of the cause."""
    for address in security_addresses(session):
        notifications.write(session, to=address, subject=subject, body=body, record=record)
