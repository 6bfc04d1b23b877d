"""Acts of the cast in tests: who does it, and signing with user name and password as the page does."""

from datetime import datetime
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.people import Person
from app.models.signing import Signature, Transition
from app.safeguards.context import Context
from app.services import access, logins, signing, workflow
from tests.cast import CAST, NOW, PASSWORD, context_of

POLICY = signing.Policy(check_password=logins.password_matches)


def somebody(session: Session, username: str, at: datetime = NOW, **changes: Any) -> Context:
    """Return the context in which one of the cast acts at the instant ``at``, with his or her permissions."""
    user_id = session.scalar(select(User.id).where(User.username == username))
    assert user_id is not None, f"{username} is not in the cast"
    values = {
        "user_id": user_id,
        "permissions": access.permissions_of_user(session, user_id),
        "reason": None,
        "source": "web",
        "clock": lambda: at,
    }
    return context_of(username, **(values | changes))


def person(session: Session, username: str) -> Person:
    """Return the person of one of the cast."""
    number = next(member.employee_no for member in CAST if member.username == username)
    return session.scalars(select(Person).where(Person.employee_no == number)).one()


def sign(session: Session, record: Any, purpose: str, username: str, password: str = PASSWORD) -> Signature:
    """Open the sign page of ``record`` and sign it, within the current context of ``username``."""
    page = signing.open_challenge(session, record, purpose)
    return signing.sign(session, signing.Act(token=page.token, username=username, password=password), POLICY)


def take(session: Session, record: Any, step: str, username: str, reason: str | None = None) -> Transition:
    """Sign a step and take it, within the current context of ``username``."""
    signature = sign(session, record, step, username)
    return workflow.perform(session, record, step, signature=signature, reason=reason)
