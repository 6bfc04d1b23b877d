"""The people whom the tests speak of. Every test uses them, so a reader knows who may do what.

Ada administers. Quinn is quality assurance and approves. Dora owns documents. Cora coordinates training. Max manages,
Sue supervises Tom and Tess, Ivan instructs. Tom and Tess are operators. Axel is an auditor who may see client ACME
only. Charlie is a trainee for client BETA and must see nothing of ACME. Nora works on the line and has no login.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app.models.access import AccountClient, UserAccount
from app.models.organization import Unit
from app.models.people import Employment, Membership, Person
from app.safeguards.context import Context

PASSWORD = "correct horse battery staple"
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
"""When the tests happen, unless they say otherwise."""


@dataclass(frozen=True)
class Member:
    """One of the cast: login, role, employee number, and the clients in scope (None: all)."""

    username: str
    name: str
    role: str | None
    employee_no: str
    function: str | None = None
    clients: tuple[str, ...] | None = None


CAST = (
    Member("ada", "Ada Admin", "Admin", "E001"),
    Member("quinn", "Quinn Quality", "QA", "E002", "QA_SPECIALIST"),
    Member("dora", "Dora Documents", "Document owner", "E003", "QA_SPECIALIST"),
    Member("cora", "Cora Coordinator", "Coordinator", "E004"),
    Member("max", "Max Manager", "Manager", "E005"),
    Member("sue", "Sue Supervisor", "Supervisor", "E006", "LEAD"),
    Member("ivan", "Ivan Instructor", "Instructor", "E007", "LEAD"),
    Member("tom", "Tom Trainee", "Trainee", "E008", "OPERATOR"),
    Member("tess", "Tess Trainee", "Trainee", "E009", "OPERATOR"),
    Member("axel", "Axel Auditor", "Auditor", "E010", None, ("ACME",)),
    Member("charlie", "Charlie Outside", "Trainee", "E011", "OPERATOR", ("BETA",)),
    Member("nora", "Nora Nologin", None, "E012", "OPERATOR"),
)

UNITS = (
    ("site", "MAIN", "Main site", "Europe/Berlin"),
    ("client", "ACME", "Acme Biotech", None),
    ("client", "BETA", "Beta Foods", None),
    ("department", "QC", "Quality control", None),
    ("department", "STERILE", "Sterile area", None),
    ("job_function", "OPERATOR", "Operator", None),
    ("job_function", "LEAD", "Shift lead", None),
    ("job_function", "QA_SPECIALIST", "QA specialist", None),
    ("equipment", "HPLC-1", "HPLC 1", None),
)


def context_of(username: str = "test", **changes: Any) -> Context:
    """Return the context of one of the cast, or of a nameless test, at the instant ``NOW`` in all clients' scope."""
    values: dict[str, Any] = {
        "user_id": None,
        "username": username,
        "printed_name": next((member.name for member in CAST if member.username == username), username),
        "reason": "A test sets this up",
        "source": "test",
        "clock": lambda: NOW,
    }
    return Context(**(values | changes))


def settle(session: Session) -> None:
    """Write the units and the cast; needs a current context and the roles."""
    units = {code: Unit(kind=kind, code=code, name=name, time_zone=zone) for kind, code, name, zone in UNITS}
    session.add_all(units.values())
    session.flush()
    for unit in units.values():
        unit.site_id = units["MAIN"].id if unit.kind not in {"site", "client"} else None
        unit.client_id = unit.id if unit.kind == "client" else None
    people = {member.username: _person(session, member, units) for member in CAST}
    session.flush()
    for member in CAST:
        if member.function in {"OPERATOR", "LEAD"} and member.username not in {"sue"}:
            people[member.username].supervisor_id = people["sue"].id
        _history(session, people[member.username], member, units)
    session.flush()


def _person(session: Session, member: Member, units: dict[str, Unit]) -> Person:
    user = _user(session, member, units) if member.role else None
    person = Person(
        employee_no=member.employee_no,
        name=member.name,
        email=f"{member.username}@example.com" if member.role else None,
        site_id=units["MAIN"].id,
        languages="en",
        user_id=user.id if user else None,
    )
    session.add(person)
    return person


def _user(session: Session, member: Member, units: dict[str, Unit]) -> User:
    first, last = member.name.split(" ", 1)
    user = User(
        first_name=first,
        last_name=last,
        username=member.username,
        email=f"{member.username}@example.com",
        password=generate_password_hash(PASSWORD, method="pbkdf2:sha256:1"),
        active=True,
        roles=[session.query(Role).filter_by(name=member.role).one()],
    )
    session.add(user)
    session.flush()
    account = UserAccount(
        user_id=user.id, password_changed_at=NOW, all_clients=member.clients is None, identity_verified_at=NOW
    )
    session.add(account)
    session.flush()
    session.add_all(AccountClient(account_id=account.id, unit_id=units[code].id) for code in member.clients or ())
    return user


def _history(session: Session, person: Person, member: Member, units: dict[str, Unit]) -> None:
    start = NOW - timedelta(days=400)
    session.add(Employment(person_id=person.id, starts_at=start, recorded_at=start))
    if member.function:
        session.add(
            Membership(person_id=person.id, unit_id=units[member.function].id, starts_at=start, recorded_at=start)
        )
