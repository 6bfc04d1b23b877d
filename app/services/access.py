"""Roles, permissions and client scope of logins, and the review of who may do what (SEC-1, SEC-4, CLI-1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from flask_appbuilder.security.sqla.models import (
    Permission,
    PermissionView,
    Role,
    User,
    ViewMenu,
    assoc_permissionview_role,
    assoc_user_role,
)
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.domain import permissions as table
from app.domain.errors import NotFound, RuleBroken
from app.models.access import AccountClient, RoleNote, UserAccount
from app.models.people import Employment, Person
from app.safeguards.context import current
from app.safeguards.scope import may_see

PREFIX = "can_"
Named = TypeVar("Named", Permission, ViewMenu)


def permissions_of_user(session: Session, user_id: int) -> frozenset[table.Permission]:
    """Return everything that the roles of a user allow, in one statement."""
    rows = session.execute(
        select(ViewMenu.name, Permission.name)
        .select_from(assoc_user_role)
        .join(assoc_permissionview_role, assoc_permissionview_role.c.role_id == assoc_user_role.c.role_id)
        .join(PermissionView, PermissionView.id == assoc_permissionview_role.c.permission_view_id)
        .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
        .join(Permission, Permission.id == PermissionView.permission_id)
        .where(assoc_user_role.c.user_id == user_id)
    )
    return frozenset((resource, name.removeprefix(PREFIX)) for resource, name in rows)


def clients_of(session: Session, account: UserAccount) -> frozenset[int] | None:
    """Return the ids of the clients that an account may see, or None when it may see all."""
    if account.all_clients:
        return None
    return frozenset(session.scalars(select(AccountClient.unit_id).where(AccountClient.account_id == account.id)))


def client_codes(account: UserAccount) -> tuple[str, ...]:
    """Return the codes of the clients given to an account, in order, as far as the one who asks may see them."""
    context = current()
    return tuple(sorted(one.unit.code for one in account.clients if may_see(context, one.unit_id)))


def sync_permissions(session: Session) -> int:
    """Bring the roles in line with ``domain.permissions`` and return how many grants were made.

    A new role and a new permission get what the table says. What a company changed afterwards stays. A permission
    that the table no longer knows is taken from every role. Running it again changes nothing.
    """
    roles = _roles(session)
    existing = {(row.view_menu.name, row.permission.name.removeprefix(PREFIX)): row for row in _rows(session)}
    fresh_roles = {name for name in table.ROLES if name not in roles}
    for name in table.ROLES:
        if name in fresh_roles:
            roles[name] = Role(name=name)
            session.add(roles[name])
    session.flush()
    made = 0
    for permission, holders in table.GRANTS.items():
        row = existing.get(permission)
        receivers = holders & fresh_roles if row else holders
        row = row or _new_row(session, permission)
        for name in sorted(receivers):
            roles[name].permissions.append(row)
            made += 1
    _drop_unknown(session, existing, roles.values())
    _describe(session, roles)
    session.flush()
    return made


def _roles(session: Session) -> dict[str, Role]:
    query = select(Role).options(selectinload(Role.permissions))
    return {role.name: role for role in session.scalars(query)}


def _rows(session: Session) -> list[PermissionView]:
    return [row for row in session.scalars(select(PermissionView)) if row.permission.name.startswith(PREFIX)]


def _new_row(session: Session, permission: table.Permission) -> PermissionView:
    resource, action = permission
    row = PermissionView(
        permission=_named(session, Permission, PREFIX + action), view_menu=_named(session, ViewMenu, resource)
    )
    session.add(row)
    session.flush()
    return row


def _named(session: Session, model: type[Named], name: str) -> Named:
    found = session.scalar(select(model).where(model.name == name))
    if found is None:
        found = model(name=name)
        session.add(found)
        session.flush()
    return found


def _drop_unknown(session: Session, existing: dict[table.Permission, PermissionView], roles: Iterable[Role]) -> None:
    for permission, row in existing.items():
        if permission in table.GRANTS:
            continue
        for role in roles:
            if row in role.permissions:
                role.permissions.remove(row)
        session.flush()
        session.delete(row)


def _describe(session: Session, roles: dict[str, Role]) -> None:
    described = set(session.scalars(select(RoleNote.role_id)))
    for name, note in table.ROLE_NOTES.items():
        if roles[name].id not in described:
            session.add(RoleNote(role_id=roles[name].id, description=str(note)))


def granted(session: Session) -> dict[str, frozenset[table.Permission]]:
    """Return role name → permissions as they are now, roles in the order of the table, own roles after them."""
    roles = _roles(session)
    order = {name: place for place, name in enumerate(table.ROLES)}
    return {
        name: frozenset(
            (row.view_menu.name, row.permission.name.removeprefix(PREFIX))
            for row in roles[name].permissions
            if row.permission is not None and row.permission.name.startswith(PREFIX)
        )
        for name in sorted(roles, key=lambda name: (order.get(name, len(order)), name))
        if name != "Public"
    }


def set_grants(session: Session, wanted: dict[str, frozenset[table.Permission]]) -> list[tuple[str, str, str, bool]]:
    """Give each named role exactly the wanted permissions; return (role, resource, action, given) per change.

    Raises RuleBroken when nobody would be left to change permissions.
    """
    roles = _roles(session)
    rows = {(row.view_menu.name, row.permission.name.removeprefix(PREFIX)): row for row in _rows(session)}
    changes: list[tuple[str, str, str, bool]] = []
    for name, permissions in wanted.items():
        if name not in roles:
            raise NotFound("There is no role named %(name)s.", name=name)
        held = set(roles[name].permissions)
        for permission, row in rows.items():
            given, wants = row in held, permission in permissions
            if given != wants:
                (roles[name].permissions.append if wants else roles[name].permissions.remove)(row)
                changes.append((name, *permission, wants))
    session.flush()
    if not _somebody_may(session, ("permissions", "edit")):
        raise RuleBroken("Then nobody could change permissions any more. Leave it to at least one role that is in use.")
    return changes


def _somebody_may(session: Session, permission: table.Permission) -> bool:
    resource, action = permission
    query = (
        select(User.id)
        .join(assoc_user_role, assoc_user_role.c.user_id == User.id)
        .join(assoc_permissionview_role, assoc_permissionview_role.c.role_id == assoc_user_role.c.role_id)
        .join(PermissionView, PermissionView.id == assoc_permissionview_role.c.permission_view_id)
        .join(ViewMenu, ViewMenu.id == PermissionView.view_menu_id)
        .join(Permission, Permission.id == PermissionView.permission_id)
        .where(User.active, ViewMenu.name == resource, Permission.name == PREFIX + action)
    )
    return session.scalar(query.limit(1)) is not None


@dataclass(frozen=True)
class Reviewed:
    """One login in the access review, with what a reviewer should look at twice."""

    user: User
    account: UserAccount | None
    person: Person | None
    roles: tuple[str, ...]
    clients: tuple[str, ...] | None
    left: bool
    conflicting: bool

    @property
    def notable(self) -> bool:
        """Tell whether this login needs a second look."""
        return bool(self.user.active) and (self.left or self.conflicting or not self.roles)


def access_review(session: Session, now: datetime) -> list[Reviewed]:
    """Return every login with its roles, scope and last login; leavers and conflicts of duty marked (SEC-4)."""
    users = list(session.scalars(select(User).options(selectinload(User.roles)).order_by(User.username)))
    accounts = {
        one.user_id: one
        for one in session.scalars(
            select(UserAccount).options(selectinload(UserAccount.clients).selectinload(AccountClient.unit))
        )
    }
    people = {one.user_id: one for one in session.scalars(select(Person).where(Person.user_id.is_not(None)))}
    employed = set(
        session.scalars(
            select(Employment.person_id).where(
                Employment.person_id.in_([person.id for person in people.values()]),
                Employment.starts_at <= now, Employment.ends_at > now, Employment.voided_at > now,
            )
        )
    )  # fmt: skip
    grants = granted(session)
    return [_reviewed(user, accounts.get(user.id), people.get(user.id), employed, grants) for user in users]


def _reviewed(
    user: User,
    account: UserAccount | None,
    person: Person | None,
    employed: set[int],
    grants: dict[str, frozenset[table.Permission]],
) -> Reviewed:
    roles = tuple(sorted(role.name for role in user.roles))
    held = frozenset().union(*(grants.get(role, frozenset()) for role in roles))
    scope = None if account is None or account.all_clients else client_codes(account)
    return Reviewed(
        user, account, person, roles, scope, person is not None and person.id not in employed, table.conflicts(held)
    )
