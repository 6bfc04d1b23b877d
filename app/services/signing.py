"""Electronic signatures: challenge, check of two components, and a signature bound to exactly what was shown.

1. ``open_challenge`` when the sign page is shown: what is shown gets a digest, and a single-use token is bound to user,
   record, step and digest.
2. ``sign`` when the form comes back: components and password are checked, the record is locked and shown again; a
   different digest means that the record changed while it was read.
3. The signature is written in the caller's transaction, beside what it signs for. The caller commits.

A wrong password is raised as ``WrongComponents``; the edge rolls back and calls ``record_failure`` in a new
transaction, so the count and the alert stay although the signing did not happen.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import signing as rules
from app.domain.chain import canonical
from app.domain.errors import NotAllowed, RuleBroken, Stale
from app.domain.lifecycles import signing_of
from app.domain.text import Phrase
from app.models.access import LoginSession, UserAccount
from app.models.base import Record
from app.models.signing import Signature, SigningChallenge
from app.safeguards import audit
from app.safeguards.context import current
from app.services import alerts, sessions, shown

IDLE = timedelta(minutes=15)
ATTEMPTS = 3

PasswordCheck = Callable[[User, str], bool]


class WrongComponents(NotAllowed):
    """User name or password at a signing is wrong; nothing was signed."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the sign page needs: the token for the form, what to show, its digest, and which components to ask for."""

    token: str
    shown: dict[str, Any]
    digest: str
    needs_username: bool

    @property
    def statement(self) -> Phrase:
        """The sentence that is signed, for the page to show in the reader's language."""
        return signing_of(self.shown["record_type"], self.shown["purpose"])[1]


@dataclass(frozen=True, slots=True)
class Act:
    """What the signer sent: the token of the page, the typed components, and a reason where the step asks for one.

    ``login`` is the signed-in browser, or None at the command line, where both components are always asked for.
    ``record_type``, ``record_id`` and ``purpose`` name what the page that took the form signs, so that a token of
    another page is refused there; they are None only where the challenge was opened by the caller itself.
    """

    token: str
    username: str | None
    password: str
    login: LoginSession | None = None
    reason: str | None = None
    record_type: str | None = None
    record_id: int | None = None
    purpose: str | None = None

    def is_for(self, challenge: SigningChallenge) -> bool:
        """Tell whether the page that took the form signs what the challenge was opened for."""
        own = (self.record_type, self.record_id, self.purpose)
        opened = (challenge.record_type, challenge.record_id, challenge.purpose)
        return own in (opened, (None, None, None))


@dataclass(frozen=True, slots=True)
class Policy:
    """How passwords are checked and how much is forgiven; the edge fills it from the settings."""

    check_password: PasswordCheck
    attempts: int = ATTEMPTS
    idle: timedelta = IDLE


def what_is_shown(session: Session, record: Record, purpose: str) -> dict[str, Any]:
    """Return everything that the signer sees and signs, as data. Raises RuleBroken where there is nothing to sign."""
    meaning, statement = signing_of(record.__tablename__, purpose)
    return {
        "view": "signature/1",
        "record_type": record.__tablename__,
        "record_id": record.id,
        "record": shown.content(session, record),
        "circumstances": shown.circumstances(session, record, purpose),
        "purpose": purpose,
        "meaning": meaning,
        "statement": str(statement),
    }


def open_challenge(
    session: Session, record: Record, purpose: str, login: LoginSession | None = None, idle: timedelta = IDLE
) -> Challenge:
    """Prepare the signing of ``record`` as it is now, for the step or purpose that ``domain.lifecycles`` names.

    The page is valid for ``rules.CHALLENGE_SECONDS``. Raises NotAllowed when this login may not sign at all (R5).
    """
    context = current()
    user = _user(session)
    may_sign(session, user)
    view = what_is_shown(session, record, purpose)
    challenge = SigningChallenge(
        token=token_urlsafe(32),
        user_id=user.id,
        record_type=record.__tablename__,
        record_id=record.id,
        purpose=purpose,
        meaning=view["meaning"],
        digest=rules.digest(view),
        expires_at=context.now() + timedelta(seconds=rules.CHALLENGE_SECONDS),
    )
    session.add(challenge)
    session.flush()
    needed = components(session, login, idle)
    return Challenge(challenge.token, view, challenge.digest, rules.USERNAME in needed)


def components(session: Session, login: LoginSession | None, idle: timedelta = IDLE) -> tuple[str, ...]:
    """Return which components the next signing in this browser needs (R1)."""
    return rules.components_needed(_sitting(session, login), current().now(), idle)


def may_sign(session: Session, user: User) -> UserAccount:
    """Return the account of ``user`` if it may sign. Raises NotAllowed with the reason otherwise (R5)."""
    account = session.scalar(select(UserAccount).where(UserAccount.user_id == user.id))
    if account is None:
        raise NotAllowed("Your login has no account data yet. Ask an administrator.")
    signer = rules.Signer(
        active=bool(user.active),
        identity_verified=account.identity_verified_at is not None,
        must_change_password=account.must_change_password,
        signing_locked=account.signing_locked,
        locked_until=account.locked_until,
        valid_until=account.valid_until,
    )
    refused = rules.refusal(signer, current().now())
    if refused is not None:
        raise NotAllowed(refused.template, **refused.values)
    return account


def sign(session: Session, act: Act, policy: Policy) -> Signature:
    """Return the signature of what the page with ``act.token`` showed; sending the form again returns the same one.

    Raises NotAllowed (not your page, that of another record, or you may not sign), RuleBroken (page expired),
    WrongComponents, and Stale when the record changed while it was read.
    """
    user = _user(session)
    challenge = session.scalar(
        select(SigningChallenge).where(SigningChallenge.token == act.token).with_for_update()
        .execution_options(populate_existing=True)
    )  # fmt: skip
    if challenge is None or challenge.user_id != user.id:
        raise NotAllowed("This signing page is not yours or is no longer known. Open it again.")
    if not act.is_for(challenge):
        raise NotAllowed("This signing page belongs to another record. Open the page of this one and sign there.")
    if challenge.used_at is not None:
        return session.scalars(select(Signature).where(Signature.challenge_id == challenge.id)).one()
    if challenge.expires_at <= current().now():
        raise RuleBroken("The signing page was open for too long. Open it again, check the record and sign.")
    account = may_sign(session, user)
    used = _check_components(session, user, act, policy)
    record = shown.find(session, challenge.record_type, challenge.record_id, lock=True)
    return _write(session, challenge, record, user, account, act, used)


def _check_components(session: Session, user: User, act: Act, policy: Policy) -> tuple[str, ...]:
    needed = components(session, act.login, policy.idle)
    typed, own = (act.username or "").strip().casefold(), user.username.casefold()
    right_name = typed == own or (not typed and rules.USERNAME not in needed)
    if not right_name or not act.password or not policy.check_password(user, act.password):
        raise WrongComponents("User name or password is wrong. Nothing was signed.", field="password")
    return needed


def _write(
    session: Session, challenge: SigningChallenge, record: Record, user: User, account: UserAccount, act: Act,
    used: tuple[str, ...],
) -> Signature:  # fmt: skip
    context = current()
    view = what_is_shown(session, record, challenge.purpose)
    if rules.digest(view) != challenge.digest:
        raise Stale("The record changed while you were reading it. Nothing was signed. Read it again.")
    signature = Signature(
        record_type=challenge.record_type,
        record_id=challenge.record_id,
        record_version=record.row_version,
        record_title=repr_of(record),
        digest=challenge.digest,
        shown=canonical(view),
        meaning=challenge.meaning,
        statement=view["statement"],
        signer_id=user.id,
        username=user.username,
        printed_name=f"{user.first_name} {user.last_name}".strip(),
        signed_at=context.now(),
        zone=context.zone,
        components="+".join(used),
        first_in_series=rules.USERNAME in used,
        session_key=context.session_id,
        reason=act.reason,
        challenge_id=challenge.id,
        client_id=getattr(record, "client_id", None),
    )
    session.add(signature)
    challenge.used_at = context.now()
    if account.failed_signings:
        account.failed_signings = 0
    if act.login is not None:
        act.login.last_signed_at = context.now()
    session.flush()
    audit.note(
        session, "signature", record, signature_id=signature.id, meaning=signature.meaning, digest=signature.digest
    )
    return signature


def repr_of(record: Any) -> str:
    """Return the words by which a record is known in a list of signatures, cut to the column."""
    title = getattr(record, "signature_title", None)
    return str(title if title is not None else record)[:300]


# --- failures --------------------------------------------------------------------------------------------------------


def record_failure(session: Session, policy: Policy) -> bool:
    """Count a failed signing of the current user; lock and tell security at the limit (R2, 21 CFR 11.300(d)).

    Returns True when signing is locked now. For a new transaction, after the refused one was rolled back.
    """
    context = current()
    account = session.scalar(
        select(UserAccount).where(UserAccount.user_id == context.user_id).with_for_update()
        .execution_options(populate_existing=True)
    )  # fmt: skip
    if account is None:
        return False
    account.failed_signings += 1
    locked = rules.locks(account.failed_signings, policy.attempts) and not account.signing_locked
    if locked:
        account.signing_locked = True
        sessions.end_all(session, account.user_id, "signing locked", context.now())
        _alert(session, account)
    session.flush()
    audit.note(session, "signing_failed", account, failed=account.failed_signings, locked=account.signing_locked)
    return account.signing_locked


def _alert(session: Session, account: UserAccount) -> None:
    context = current()
    alerts.alert(
        session,
        Phrase("Signing locked: %(name)s", name=context.printed_name),
        Phrase(
            "Signing was locked for %(name)s (user name %(username)s) after %(count)s failed signings in a row, "
            "the last one at %(at)s UTC from %(address)s. All sessions of this login were ended. Find out who "
            "it was before you unlock it.",
            name=context.printed_name,
            username=context.username,
            count=account.failed_signings,
            at=context.now().strftime("%Y-%m-%d %H:%M"),
            address=context.address or "an unknown address",
        ),
        account,
    )


# --- reading signatures ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A signature with what it is worth today."""

    signature: Signature
    status: str

    @property
    def words(self) -> Phrase:
        """The status in words."""
        return rules.STATUS_WORDS[self.status]


def signatures_of(session: Session, record: Record) -> list[Seen]:
    """Return every signature on ``record``, the oldest first, each with its status today (SIG-2)."""
    query = select(Signature).where(
        Signature.record_type == record.__tablename__, Signature.record_id == record.id
    ).order_by(Signature.signed_at, Signature.id)  # fmt: skip
    found = session.scalars(query).all()
    today = shown.content(session, record) if found else {}
    return [Seen(signature, status_of(signature, today)) for signature in found]


def status_of(signature: Signature, content_today: dict[str, Any]) -> str:
    """Return what ``signature`` is worth, given the content of its record today."""
    view = _parsed(signature.shown)
    return rules.status(
        signature.digest,
        signature.shown,
        (str(view.get("record_type")), int(view.get("record_id") or 0)),
        (signature.record_type, signature.record_id),
        view.get("record") == content_today,
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        view = json.loads(text)
    except ValueError:
        return {}
    return view if isinstance(view, dict) else {}


def _user(session: Session) -> User:
    user = session.get(User, current().user_id) if current().user_id is not None else None
    if user is None:
        raise NotAllowed("Sign in before you sign.")
    return user


def _sitting(session: Session, login: LoginSession | None) -> rules.Sitting | None:
    """Return what R1 needs to know of the browser ``login``."""
    if login is None:
        return None
    account = session.scalar(select(UserAccount).where(UserAccount.user_id == login.user_id))
    newer = session.scalar(
        select(func.max(LoginSession.started_at)).where(
            LoginSession.user_id == login.user_id, LoginSession.id != login.id
        )
    )
    changes = [at for at in (account.password_changed_at if account else None, newer) if at is not None]
    address = current().address
    return rules.Sitting(
        started_at=login.started_at,
        last_seen_at=login.last_seen_at,
        last_signed_at=login.last_signed_at,
        changed_since=max(changes, default=None),
        ended=login.revoked_at is not None,
        same_place=address is None or login.address is None or address == login.address,
    )
