"""People over time: hired, away, moved, left. Each verb records facts and reconciles whom it concerns (ORG-2 to ORG-4).

Days are days in the zone of the person's home site: "from 3 March" is the local midnight that begins it, "through
5 August" the one that ends it. Nothing of the past is erased: an interval that ends is withdrawn and restated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.domain.dates import Calendar, calendar_of
from app.domain.errors import RuleBroken
from app.models.base import FOREVER
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.context import current
from app.services import facts
from app.services.announcements import reconcile

Interval = TypeVar("Interval", Employment, Membership, Leave)


def calendar_for(person: Person) -> Calendar:
    """Return the calendar that decides what a day is for a person: the home site's, else the reader's."""
    zone = person.site.time_zone if person.site is not None and person.site.time_zone else None
    return calendar_of(zone or current().zone)


def bounds(person: Person, first: date, last: date | None) -> tuple[datetime, datetime]:
    """Return the half-open interval from the first through the last day. Raises RuleBroken when it is empty."""
    calendar = calendar_for(person)
    start, end = calendar.midnight(first), FOREVER if last is None else calendar.through(last)
    if end <= start:
        raise RuleBroken("The last day lies before the first.", field="last_day")
    return start, end


def add_person(session: Session, values: Mapping[str, Any], hired_on: date | None) -> Person:
    """Add a person, employed from ``hired_on`` on when it is given. Raises RuleBroken."""
    person = Person(**values)
    session.add(person)
    session.flush()
    check_supervisor(session, person)
    if hired_on is not None:
        employ(session, person, hired_on, None)
    return person


def change_person(session: Session, person: Person, values: Mapping[str, Any]) -> None:
    """Change what is no fact over time: name, address, languages, supervisor, home site. Raises RuleBroken."""
    zone_before = calendar_for(person).zone
    for name, value in values.items():
        if getattr(person, name) != value:
            setattr(person, name, value)
    session.flush()
    session.refresh(person, ["site", "supervisor"])
    check_supervisor(session, person)
    if calendar_for(person).zone != zone_before:
        reconcile(session, people=[person.id], trigger="manual")


def check_supervisor(session: Session, person: Person) -> None:
    """Refuse a chain of supervisors that comes back to the person. Raises RuleBroken."""
    seen, above = {person.id}, person.supervisor_id
    while above is not None:
        if above in seen:
            raise RuleBroken(
                "%(person)s would be his or her own supervisor through the chain above.",
                person=person.name,
                field="supervisor_id",
            )
        seen.add(above)
        above = session.scalar(select(Person.supervisor_id).where(Person.id == above))


def _overlapping(
    session: Session, model: type[Interval], start: datetime, end: datetime, *same: Any
) -> Interval | None:
    query = select(model).where(model.voided_at == FOREVER, model.starts_at < end, model.ends_at > start, *same)
    return session.scalars(query.limit(1)).first()


def employ(session: Session, person: Person, first: date, last: date | None) -> Employment:
    """Record that a person is employed from ``first`` through ``last``. Raises RuleBroken when it overlaps."""
    start, end = bounds(person, first, last)
    if _overlapping(session, Employment, start, end, Employment.person_id == person.id) is not None:
        raise RuleBroken("%(person)s is employed at that time already.", person=person.name, field="first_day")
    employment = facts.record(session, Employment, person_id=person.id, starts_at=start, ends_at=end)
    reconcile(session, people=[person.id], trigger="hire")
    return employment


def join(session: Session, person: Person, unit: Unit, first: date, last: date | None = None) -> Membership:
    """Record that a person belongs to a unit from ``first`` through ``last`` (ORG-3). Raises RuleBroken on overlap."""
    start, end = bounds(person, first, last)
    same = (Membership.person_id == person.id, Membership.unit_id == unit.id)
    if _overlapping(session, Membership, start, end, *same) is not None:
        raise RuleBroken(
            "%(person)s belongs to %(unit)s at that time already.", person=person.name, unit=unit.name, field="unit_id"
        )
    membership = facts.record(session, Membership, person_id=person.id, unit_id=unit.id, starts_at=start, ends_at=end)
    reconcile(session, people=[person.id], trigger=_trigger(unit), source=str(unit))
    return membership


def _trigger(unit: Unit) -> str:
    return "equipment" if unit.kind == "equipment" else "role_change"


def move(session: Session, membership: Membership, unit: Unit, first: date, reason: str) -> Membership:
    """End a membership the day before ``first`` and begin one in another unit of the same kind. Raises RuleBroken."""
    if unit.kind != membership.unit.kind:
        raise RuleBroken("Move within the same kind of unit; for another kind, add a membership.", field="unit_id")
    person = membership.person
    start = calendar_for(person).midnight(first)
    if start <= membership.starts_at:
        raise RuleBroken("The move lies before the beginning. Withdraw the membership instead.", field="first_day")
    if membership.ends_at > start:
        facts.restate(session, membership, reason, ends_at=start)
    return join(session, person, unit, first)


def end(session: Session, fact: Any, last: date, reason: str) -> Any:
    """Let an employment, membership or leave end with a last day. Raises RuleBroken for a day before it began."""
    person = fact.person
    until = calendar_for(person).through(last)
    if until <= fact.starts_at:
        raise RuleBroken("The last day lies before the first. Withdraw it instead.", field="last_day")
    ended = facts.restate(session, fact, reason, ends_at=until)
    reconcile(session, people=[person.id], trigger="role_change")
    return ended


def go_on_leave(session: Session, person: Person, kind: str, first: date, last: date | None) -> Leave:
    """Record a leave; due dates pause meanwhile (ORG-4). Raises RuleBroken when it overlaps another."""
    start, until = bounds(person, first, last)
    if _overlapping(session, Leave, start, until, Leave.person_id == person.id) is not None:
        raise RuleBroken("%(person)s is on leave at that time already.", person=person.name, field="first_day")
    leave = facts.record(session, Leave, person_id=person.id, kind=kind, starts_at=start, ends_at=until)
    reconcile(session, people=[person.id], trigger="manual")
    return leave


def restate(session: Session, fact: Any, reason: str, **changes: Any) -> Any:
    """Correct an interval that was entered wrongly, keeping what was known before; then reconcile the person."""
    restated = facts.restate(session, fact, reason, **changes)
    reconcile(session, people=[fact.person_id], trigger="role_change")
    return restated


def withdraw(session: Session, fact: Any, reason: str) -> None:
    """Withdraw an interval that never held, with a reason; then reconcile the person."""
    facts.withdraw(session, fact, reason)
    reconcile(session, people=[fact.person_id], trigger="role_change")


# --- asking ----------------------------------------------------------------------------------------------------------


def memberships_of(session: Session, person_id: int) -> Sequence[Membership]:
    """Return where a person belongs and belonged, the present and latest first; other clients' units left out."""
    query = (
        select(Membership)
        .join(Membership.unit)
        .where(Membership.person_id == person_id, Membership.voided_at == FOREVER)
        .options(joinedload(Membership.unit))
        .order_by(Membership.ends_at.desc(), Membership.starts_at.desc())
    )
    return session.scalars(query).all()


@dataclass(frozen=True)
class Standing:
    """Whether a person is employed and on leave at one instant."""

    employed: bool
    on_leave: bool


def standing(session: Session, person_id: int, at: datetime) -> Standing:
    """Return whether a person is employed and on leave at ``at``."""

    def holds(model: Any) -> bool:
        query = select(func.count(model.id)).where(
            model.person_id == person_id, model.voided_at == FOREVER, model.starts_at <= at, model.ends_at > at
        )
        return bool(session.scalar(query))

    return Standing(holds(Employment), holds(Leave))


def returned(session: Session, since: datetime, now: datetime) -> Sequence[Leave]:
    """Return the leaves that ended after ``since`` or end as soon ahead: whom to help catch up (ORG-4)."""
    ahead = now + (now - since)
    query = (
        select(Leave)
        .join(Leave.person)
        .where(Leave.voided_at == FOREVER, Leave.starts_at <= now, Leave.ends_at > since, Leave.ends_at <= ahead)
        .options(joinedload(Leave.person))
        .order_by(Leave.ends_at)
    )
    return session.scalars(query).all()


def team_of(session: Session, person_id: int) -> Sequence[Person]:
    """Return the people whose supervisor a person is."""
    return session.scalars(select(Person).where(Person.supervisor_id == person_id).order_by(Person.name)).all()


def matching(words: str) -> Any:
    """Return the condition that a person's name, number or address contains every word."""
    return [
        or_(
            Person.name.icontains(word, autoescape=True),
            Person.employee_no.icontains(word, autoescape=True),
            Person.email.icontains(word, autoescape=True),
        )
        for word in words.split()[:6]
    ]
