"""Passwords and signing in: policy, history, lock, one-time links (SEC-2, 21 CFR 11.200 and 11.300).

Nobody but its owner ever knows a password: an administrator can only send a link with which the owner sets one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash, generate_password_hash
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.domain.errors import RuleBroken
from app.domain.passwords import check_new_password, expired, normalized
from app.domain.text import Phrase
from app.models.access import PasswordHistory, UserAccount
from app.safeguards import audit
from app.safeguards.context import current
from app.services import alerts

LINK_HOURS = 24
PRODUCT = "qualgate"
NO_PASSWORD = "!"  # noqa: S105 (the mark that there is none)
"""Stands where a hash would; no password matches it."""


@dataclass(frozen=True)
class AccessPolicy:
    """The rules of signing in, from the settings of the installation."""

    idle_minutes: int = 15
    session_hours: int = 12
    attempts: int = 5
    lock_minutes: int = 15
    history: int = 8
    shortest: int = 10
    expires_days: int = 0
    second_factor: bool = False
    hash_method: str = "scrypt"

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "AccessPolicy":
        """Return the policy that ``settings`` (the keys of config.py) describe."""
        return cls(
            idle_minutes=settings["SESSION_IDLE_MINUTES"],
            session_hours=settings["SESSION_HOURS"],
            attempts=settings["LOGIN_ATTEMPTS"],
            lock_minutes=settings["LOCK_MINUTES"],
            history=settings["PASSWORD_HISTORY"],
            shortest=settings["PASSWORD_MIN_LENGTH"],
            expires_days=settings["PASSWORD_EXPIRES_DAYS"],
            second_factor=settings["REQUIRE_SECOND_FACTOR"],
            hash_method=settings["FAB_PASSWORD_HASH_METHOD"],
        )


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Return about thirty thousand passwords that are tried first, from the zxcvbn project, in lower case."""
    return frozenset(FREQUENCY_LISTS["passwords"])


@lru_cache(maxsize=8)
def _decoy(method: str) -> str:
    """A hash to compare with when there is no such user, so that an answer takes the same time either way."""
    return generate_password_hash(token_urlsafe(16), method=method)


def find_user(session: Session, username: str) -> User | None:
    """Return the user with this name, whatever its case (21 CFR 11.300(a): ``Bob`` and ``bob`` are one)."""
    return session.scalar(select(User).where(func.lower(User.username) == username.strip().lower()))


def account_of(session: Session, user: User) -> UserAccount:
    """Return the account of a user, made with safe values if it is missing: no client, password to be set."""
    account = session.scalar(select(UserAccount).where(UserAccount.user_id == user.id))
    if account is None:
        account = UserAccount(user_id=user.id, all_clients=False, must_change_password=True)
        session.add(account)
        session.flush()
    return account


def password_matches(user: User, password: str) -> bool:
    """Tell whether ``password`` is the user's. The one place that compares; logins and signatures ask it."""
    return (
        bool(user.password)
        and user.password != NO_PASSWORD
        and check_password_hash(user.password, normalized(password))
    )


@dataclass(frozen=True)
class Attempt:
    """What came of an attempt to sign in: the user when it is right, else why not, for the trail alone."""

    user: User | None
    account: UserAccount | None
    refused: str | None


def authenticate(session: Session, username: str, password: str, now: datetime, policy: AccessPolicy) -> Attempt:
    """Check a user name and password, count failures, lock after too many (SEC-2). The caller commits either way.

    The answer takes about as long for an unknown name as for a wrong password. A locked or ended login is refused
    even with the right password, and the reason is for the trail, not for the one who asks.
    """
    user = find_user(session, username)
    if user is None:
        check_password_hash(_decoy(policy.hash_method), normalized(password))
        audit.note(session, "login refused", why="unknown user name")
        return Attempt(None, None, "unknown")
    account = account_of(session, user)
    right = password_matches(user, password)
    if not user.password or user.password == NO_PASSWORD:
        check_password_hash(_decoy(policy.hash_method), normalized(password))
    refused = _why_refused(user, account, right, now)
    if refused == "wrong password":
        count_failure(session, account, now, policy)
    if refused:
        audit.note(session, "login refused", user, why=refused)
        return Attempt(None, account, refused)
    return Attempt(user, account, None)


def _why_refused(user: User, account: UserAccount, right: bool, now: datetime) -> str | None:
    if account.locked_until is not None and account.locked_until > now:
        return "locked"
    if not right:
        return "wrong password"
    if not user.active:
        return "deactivated"
    if account.valid_until is not None and account.valid_until <= now:
        return "account ended"
    return None


def count_failure(session: Session, account: UserAccount, now: datetime, policy: AccessPolicy) -> None:
    """Count a wrong password or code; after so many in a row the login is locked for a while."""
    account.failed_logins += 1
    if account.failed_logins % policy.attempts == 0:
        account.locked_until = now + timedelta(minutes=policy.lock_minutes)
        session.flush()
        audit.note(session, "login locked", account, failures=account.failed_logins)
        alerts.alert(
            session,
            Phrase("Login locked: %(name)s", name=account.user.username),
            Phrase(
                "The login %(name)s was locked for %(minutes)s minutes after %(count)s wrong passwords or codes in a "
                "row, the last one at %(at)s UTC from %(address)s. Ask its owner whether it was he or she.",
                name=account.user.username,
                minutes=policy.lock_minutes,
                count=account.failed_logins,
                at=now.strftime("%Y-%m-%d %H:%M"),
                address=current().address or "an unknown address",
            ),
            account,
        )


def signed_in(session: Session, user: User, account: UserAccount, now: datetime) -> None:
    """Note a successful sign-in and forget earlier failures."""
    account.failed_logins = 0
    account.locked_until = None
    user.last_login = now.replace(tzinfo=None)
    user.login_count = (user.login_count or 0) + 1
    session.flush()
    audit.note(session, "login", user)


def must_set_password(account: UserAccount, now: datetime, policy: AccessPolicy) -> bool:
    """Tell whether the owner has to set a new password before doing anything else."""
    return account.must_change_password or expired(account.password_changed_at, now, policy.expires_days)


def set_password(session: Session, user: User, password: str, now: datetime, policy: AccessPolicy) -> None:
    """Set the password that the owner chose; refuse weak and former ones. Raises RuleBroken naming the field."""
    personal = (user.username, user.email or "", (user.email or "").split("@")[0], user.first_name, user.last_name,
                f"{user.first_name} {user.last_name}", f"{user.first_name}{user.last_name}", PRODUCT)  # fmt: skip
    check_new_password(password, minimum=policy.shortest, common=common_passwords(), personal=personal)
    if password_matches(user, password) or _was_used(session, user, password, policy.history):
        raise RuleBroken(
            "You have used this password before. Choose one that you have not used for the last %(count)s changes.",
            count=policy.history,
            field="password",
        )
    if user.password and user.password != NO_PASSWORD:
        session.add(PasswordHistory(user_id=user.id, password_hash=user.password, set_at=now))
    user.password = generate_password_hash(normalized(password), method=policy.hash_method)
    account = account_of(session, user)
    account.password_changed_at = now
    account.must_change_password = False
    account.failed_logins = 0
    account.locked_until = None
    account.reset_token_digest = account.reset_expires_at = None
    session.flush()
    audit.note(session, "password set", user)


def _was_used(session: Session, user: User, password: str, count: int) -> bool:
    if count <= 0:
        return False
    query = select(PasswordHistory.password_hash).where(PasswordHistory.user_id == user.id)
    former = session.scalars(query.order_by(PasswordHistory.set_at.desc()).limit(count))
    return any(check_password_hash(one, normalized(password)) for one in former)


def issue_link(session: Session, user: User, now: datetime) -> str:
    """Return the secret of a one-time link with which the owner sets a password; it works for 24 hours.

    The old password stops working at once. Only the digest of the secret is stored.
    """
    secret = token_urlsafe(32)
    account = account_of(session, user)
    account.reset_token_digest = sha256(secret.encode()).hexdigest()
    account.reset_expires_at = now + timedelta(hours=LINK_HOURS)
    account.must_change_password = True
    if user.password and user.password != NO_PASSWORD:
        session.add(PasswordHistory(user_id=user.id, password_hash=user.password, set_at=now))
    user.password = NO_PASSWORD
    session.flush()
    audit.note(session, "password link issued", user)
    return secret


def owner_of_link(session: Session, secret: str, now: datetime) -> User | None:
    """Return whose one-time link this is, or None when it was used, replaced or is too old."""
    digest = sha256(secret.encode()).hexdigest()
    return session.scalar(
        select(User)
        .join(UserAccount, UserAccount.user_id == User.id)
        .where(UserAccount.reset_token_digest == digest, UserAccount.reset_expires_at > now, User.active)
    )
