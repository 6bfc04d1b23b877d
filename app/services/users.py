"""Logins as an administrator keeps them: nobody is deleted, no password is known, everything takes effect at once.

21 CFR 11.100(a): a user name is never given to somebody else. 11.200(a)(2): only its owner can use a login.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import ColumnElement, and_, func, not_, select, true
from sqlalchemy.orm import Session

from app.domain.errors import NotAllowed, RuleBroken
from app.domain.text import Phrase
from app.models.access import AccountClient, UserAccount
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards import audit
from app.safeguards.context import current
from app.services import logins, notifications, second_factor, sessions

USERNAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{1,126}$")


@dataclass(frozen=True)
class Wanted:
    """What an administrator says of a login."""

    first_name: str
    last_name: str
    email: str
    role_ids: Collection[int]
    all_clients: bool
    client_ids: Collection[int] = ()
    valid_until: datetime | None = None
    person_id: int | None = None


def add_user(session: Session, username: str, wanted: Wanted) -> UserAccount:
    """Make a login without a password; its owner sets one by a one-time link. Raises RuleBroken."""
    if not USERNAME.match(username):
        raise RuleBroken(
            "A user name has 2 to 127 letters, digits and . _ @ + - and begins with a letter or digit.",
            field="username",
        )
    if logins.find_user(session, username) is not None:
        raise RuleBroken(
            "The user name %(name)s is or was in use. User names are never given to somebody else.",
            name=username,
            field="username",
        )
    user = User(username=username, active=True, password=logins.NO_PASSWORD, first_name="", last_name="", email="")
    _fill(session, user, wanted)
    session.add(user)
    session.flush()
    account = logins.account_of(session, user)
    _scope(session, account, wanted)
    _link_person(session, user, wanted.person_id)
    return account


def within_scope() -> ColumnElement[bool]:
    """The condition that a login sees no more clients than the one who acts.

    Who is limited to some clients neither sees nor changes a login that reaches further: its address would be the way
    to its password.
    """
    mine = current().clients
    if mine is None:
        return true()
    wider = UserAccount.clients.any(AccountClient.unit_id.not_in(sorted(mine)))
    return and_(UserAccount.all_clients.is_(False), not_(wider))


def change_user(session: Session, account: UserAccount, wanted: Wanted) -> None:
    """Change names, roles, scope and end of a login; a narrower scope or other roles count from the next click."""
    _fill(session, account.user, wanted)
    _scope(session, account, wanted)
    _link_person(session, account.user, wanted.person_id)


def _fill(session: Session, user: User, wanted: Wanted) -> None:
    other = session.scalar(
        select(User).where(func.lower(User.email) == wanted.email.lower(), User.id != (user.id or 0))
    )
    if other is not None:
        raise RuleBroken("Another login has this e-mail address already.", field="email")
    roles = list(session.scalars(select(Role).where(Role.id.in_(list(wanted.role_ids)))))
    if not roles:
        raise RuleBroken("Choose at least one role; without one a login can do nothing.", field="roles")
    user.first_name, user.last_name, user.email = wanted.first_name, wanted.last_name, wanted.email
    if {role.id for role in user.roles} != {role.id for role in roles}:
        user.roles = roles


def _scope(session: Session, account: UserAccount, wanted: Wanted) -> None:
    """Set the client scope; nobody can hand out more than his or her own."""
    mine = current().clients
    if mine is not None and (wanted.all_clients or set(wanted.client_ids) - mine):
        raise NotAllowed("You can only give access to clients that you may see yourself.")
    if not wanted.all_clients and not wanted.client_ids and account.clients == []:
        audit.note(session, "scope", account, clients="own company only")
    account.all_clients = wanted.all_clients
    account.valid_until = wanted.valid_until
    chosen = set() if wanted.all_clients else set(wanted.client_ids)
    for one in list(account.clients):
        if one.unit_id not in chosen:
            session.delete(one)
    held = {one.unit_id for one in account.clients}
    known = set(session.scalars(select(Unit.id).where(Unit.id.in_(list(chosen)), Unit.kind == "client")))
    session.add_all(AccountClient(account_id=account.id, unit_id=unit) for unit in sorted(known - held))
    session.flush()
    session.expire(account, ["clients"])


def _link_person(session: Session, user: User, person_id: int | None) -> None:
    held = session.scalar(select(Person).where(Person.user_id == user.id))
    if held is not None and held.id != person_id:
        held.user_id = None
        session.flush()
    if person_id is None or (held is not None and held.id == person_id):
        return
    person = session.scalar(select(Person).where(Person.id == person_id))
    if person is None:
        raise RuleBroken("There is no such person.", field="person_id")
    if person.user_id is not None and person.user_id != user.id:
        raise RuleBroken("%(person)s has another login already. One person, one login.", person=str(person),
                         field="person_id")  # fmt: skip
    person.user_id = user.id
    session.flush()


def deactivate(session: Session, accounts: Sequence[UserAccount]) -> int:
    """Cut logins off at once: no sign-in, and every signed-in browser ends. Returns how many."""
    context, ended = current(), 0
    for account in accounts:
        if account.user_id == context.user_id:
            raise RuleBroken("You cannot deactivate your own login. Ask another administrator.")
        if account.user.active:
            account.user.active = False
            session.flush()
            audit.note(session, "login deactivated", account.user)
            ended += 1
        sessions.end_all(session, account.user_id, "deactivated", context.now())
    return ended


def reactivate(session: Session, accounts: Sequence[UserAccount]) -> int:
    """Let deactivated logins in again; each owner sets a new password by a link. Returns how many."""
    count = 0
    for account in accounts:
        if not account.user.active:
            account.user.active = True
            account.must_change_password = True
            session.flush()
            audit.note(session, "login reactivated", account.user)
            count += 1
    return count


def unlock(session: Session, accounts: Sequence[UserAccount]) -> int:
    """Open logins that were locked after wrong passwords, for signing in and for signing. Returns how many."""
    count = 0
    for account in accounts:
        if account.locked_until is not None or account.signing_locked or account.failed_signings:
            account.locked_until = None
            account.failed_logins = account.failed_signings = 0
            account.signing_locked = False
            session.flush()
            audit.note(session, "login unlocked", account)
            count += 1
    return count


def forget_second_factor(session: Session, accounts: Sequence[UserAccount]) -> int:
    """Take the second factor away for a lost phone and end the signed-in browsers. Returns how many."""
    count = 0
    for account in accounts:
        if second_factor.enrolled(account):
            second_factor.remove(session, account)
            sessions.end_all(session, account.user_id, "second factor reset", current().now())
            count += 1
    return count


def verify_identity(session: Session, accounts: Sequence[UserAccount]) -> int:
    """Record that the identity of the owners was verified, by whom and when (21 CFR 11.100(b)). Returns how many."""
    context, count = current(), 0
    for account in accounts:
        if account.user_id == context.user_id:
            raise RuleBroken("Your own identity is verified by somebody else.")
        if account.identity_verified_at is None:
            account.identity_verified_at = context.now()
            account.identity_verified_by = context.printed_name
            count += 1
    session.flush()
    return count


def send_link(session: Session, account: UserAccount, address: str) -> str:
    """Issue a one-time link, end the signed-in browsers, write the mail, and return the link's secret.

    ``address`` is the link with ``{secret}`` in it.
    """
    now = current().now()
    secret = logins.issue_link(session, account.user, now)
    sessions.end_all(session, account.user_id, "new password asked for", now)
    notifications.write(
        session,
        account.user.email,
        Phrase("Set your password"),
        Phrase(
            "Hello %(name)s,\n\nan administrator asks you to set a password for your login %(login)s. The link works "
            "once and for 24 hours:\n\n%(link)s\n\nIf you did not expect this, tell quality assurance.",
            name=account.user.first_name,
            login=account.user.username,
            link=address.format(secret=secret),
        ),
    )
    return secret
