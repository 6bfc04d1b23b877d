"""Signed-in browsers, kept on the server so that they can be ended at once (SEC-2, 21 CFR 11.10(d))."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models.access import LoginSession, UserAccount
from app.safeguards import audit
from app.safeguards.database import without_waiting
from app.services import logins
from app.services.logins import AccessPolicy

TOUCH_EVERY = timedelta(seconds=60)
"""The last sign of life is written at most this often, so that most requests only read."""


@dataclass(frozen=True)
class Login:
    """Who is behind a request: the signed-in browser, its user, and the account with scope and settings."""

    session: LoginSession
    user: User
    account: UserAccount


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def open_session(session: Session, user: User, now: datetime, *, address: str | None, browser: str | None) -> str:
    """Record that a browser signed in; return the token that its cookie carries. Only the digest is stored."""
    token = token_urlsafe(32)
    session.add(
        LoginSession(
            token_digest=_digest(token),
            user_id=user.id,
            started_at=now,
            last_seen_at=now,
            address=(address or "")[:64] or None,
            browser=(browser or "")[:300] or None,
        )
    )
    session.flush()
    return token


def find(session: Session, token: str) -> Login | None:
    """Return who is behind ``token``, whether still valid or not; None for an unknown token. One statement."""
    row = session.execute(
        select(LoginSession, User, UserAccount)
        .join(User, User.id == LoginSession.user_id)
        .join(UserAccount, UserAccount.user_id == User.id)
        .where(LoginSession.token_digest == _digest(token))
    ).first()
    return Login(*row) if row else None


def why_ended(login: Login, now: datetime, policy: AccessPolicy) -> str | None:
    """Return why this browser is no longer signed in, or None while it is."""
    if login.session.revoked_at is not None:
        return login.session.revoked_why or "revoked"
    if not login.user.active:
        return "deactivated"
    if login.account.valid_until is not None and login.account.valid_until <= now:
        return "account ended"
    if login.session.last_seen_at + timedelta(minutes=policy.idle_minutes) <= now:
        return "idle"
    if login.session.started_at + timedelta(hours=policy.session_hours) <= now:
        return "too long"
    return None


def touch_due(login: Login, now: datetime) -> bool:
    """Tell whether the last sign of life is so old that a new one is to be noted."""
    return now - login.session.last_seen_at >= TOUCH_EVERY


def touch(session: Session, login: Login, now: datetime) -> None:
    """Note a sign of life; the caller commits. Several at once do no harm.

    Raises OperationalError while a long write holds SQLite: a sign of life is not worth a wait; the next page notes it.
    """
    statement = (
        update(LoginSession)
        .where(LoginSession.id == login.session.id, LoginSession.last_seen_at < now)
        .values(last_seen_at=now)
        .execution_options(synchronize_session=False)
    )
    with without_waiting(session):
        session.execute(statement)


def end(one: LoginSession, why: str, now: datetime) -> None:
    """End one signed-in browser; ending it twice keeps the first reason."""
    if one.revoked_at is None:
        one.revoked_at = now
        one.revoked_why = why


def end_all(session: Session, user_id: int, why: str, now: datetime, except_id: int | None = None) -> int:
    """End every signed-in browser of a user, but for the one that asks if it is named; return how many."""
    ended = 0
    for one in open_of(session, user_id):
        if one.id != except_id:
            end(one, why, now)
            ended += 1
    return ended


def open_of(session: Session, user_id: int) -> list[LoginSession]:
    """Return the browsers of a user that were not ended, the latest first."""
    query = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
    return list(session.scalars(query.order_by(LoginSession.last_seen_at.desc())))


def knows_password(session: Session, user: User, password: str, now: datetime, policy: AccessPolicy) -> bool:
    """Tell whether somebody who is signed in knows the password; too many guesses lock the login and end its sessions.

    While the login is locked no password is right (21 CFR 11.300(d)). The caller commits either way.
    """
    account = logins.account_of(session, user)
    if account.locked_until is not None and account.locked_until > now:
        audit.note(session, "login refused", user, why="locked")
        return False
    if logins.password_matches(user, password):
        return True
    logins.count_failure(session, account, now, policy)
    if account.locked_until is not None and account.locked_until > now:
        end_all(session, user.id, "locked", now)
    return False
