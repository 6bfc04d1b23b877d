"""The logins of the demo company, and acting in their names at an instant of the past.

Each has a person, a role, a scope and a verified identity, so that everything shown is signed and seen by somebody.
"""

from dataclasses import replace
from datetime import datetime

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.context import Context, current
from app.services import access, logins, users
from app.services.demo_files import DemoFiles

PASSWORD = "Demo-of-Juniper-Vale"  # noqa: S105 (the published password of an invented company)
"""The password of every demo login; printed by ``qualgate demo`` and in ``docs/demo.md``."""


def add_logins(session: Session, files: DemoFiles, policy: logins.AccessPolicy) -> dict[str, User]:
    """Add the logins of ``users.csv`` whose person is there and has none yet; return the new ones by name."""
    roles = {role.name: role.id for role in session.scalars(select(Role))}
    clients = {unit.code: unit.id for unit in session.scalars(select(Unit).where(Unit.kind == "client"))}
    people = {person.employee_no: person for person in session.scalars(select(Person))}
    found: dict[str, User] = {}
    for row in files.rows("users"):
        person = people.get(row["employee_no"])
        if (row["employee_no"] and person is None) or logins.find_user(session, row["login"]) is not None:
            continue
        wanted = users.Wanted(
            first_name=row["first_name"],
            last_name=row["last_name"],
            email=person.email if person and person.email else f"{row['login']}@junipervale.example",
            role_ids=[roles[row["role"]]],
            all_clients=not row["clients"],
            client_ids=[clients[code] for code in row["clients"].split(";") if code],
            valid_until=files.instant(row["valid_until"]) if row["valid_until"] else None,
            person_id=person.id if person else None,
        )
        account = users.add_user(session, row["login"], wanted)
        account.language = row["language"]
        account.time_zone = files.zone_of.get(row["employee_no"], files.zone)
        users.verify_identity(session, [account])
        logins.set_password(session, account.user, PASSWORD, current().now(), policy)
        found[account.user.username] = account.user
    return found


def as_login(session: Session, user: User, at: datetime) -> Context:
    """Return the context of ``user`` acting at ``at``."""
    account = logins.account_of(session, user)
    return replace(
        current(),
        user_id=user.id,
        username=user.username,
        printed_name=f"{user.first_name} {user.last_name}",
        clients=access.clients_of(session, account),
        zone=account.time_zone or "UTC",
        permissions=access.permissions_of_user(session, user.id),
        clock=lambda: at,
    )
