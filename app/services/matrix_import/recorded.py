"""What is recorded now about the people, job functions and items of a file, and what is new since it was imported.

New are people whose employment, and requirements that, were recorded after the import: what was left out of the matrix
on purpose stays out.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, Calendar
from app.models.documents import Item
from app.models.matrix import Completion, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.people import Employment, Membership, Person
from app.services.matrix_import.changes import (
    Codes,
    calendars,
    recorded_days,
    recorded_memberships,
    recorded_requirements,
)
from app.services.matrix_import.matching import Matches


@dataclass(frozen=True, slots=True)
class Need:
    """A recorded requirement: local day since when, days to complete, recurrence in months, proof."""

    since: date
    days: int
    months: int | None
    proof: str


@dataclass(frozen=True, slots=True)
class Someone:
    """A person: what stands in the columns beside a matrix."""

    number: str
    name: str
    email: str = ""
    hired: date | None = None


@dataclass(slots=True)
class Recorded:
    """Everything an export needs. Codes are those of the records; ``people`` are by employee number."""

    codes: Codes
    needs: dict[tuple[str, str], Need] = field(default_factory=dict)
    days: dict[tuple[str, str], list[date]] = field(default_factory=dict)
    people: dict[str, Someone] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    departments: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=dict)
    new_people: list[str] = field(default_factory=list)
    new_functions: list[str] = field(default_factory=list)
    new_items: list[str] = field(default_factory=list)
    new_pairs: set[tuple[str, str]] = field(default_factory=set)
    withdrawn: set[tuple[str, str, date]] = field(default_factory=set)
    belongs: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def latest(self, person: str, item: str) -> date | None:
        """The day on which a person was last trained on an item."""
        days = self.days.get((person, item))
        return days[-1] if days else None

    def functions_of(self, people: set[str]) -> set[str]:
        """Job functions that these people hold now."""
        return {function for person in people for function in self.held.get(person, ())}


def codes_of(matches: Matches) -> Codes:
    """Codes of the records that the names of a file stand for."""
    return Codes(
        matches.known("people"),
        matches.known("functions"),
        matches.known("items"),
        matches.known("departments"),
    )


def recorded_now(
    session: Session, matches: Matches, now: datetime, calendar: Calendar, since: datetime | None
) -> Recorded:
    """What is recorded at ``now``. ``since`` is the instant of the import; without it nothing counts as new."""
    codes = codes_of(matches)
    units = select(Unit.code, Unit.name).where(Unit.kind == "job_function")
    functions = dict(session.execute(units).all())
    parts = select(Unit.code, Unit.name).where(Unit.kind == "department")
    items = dict(session.execute(select(Item.code, Item.title)).all())
    recorded = Recorded(codes, functions=functions, items=items)
    recorded.departments = dict(session.execute(parts).all())
    if since is not None:
        _news(session, recorded, now, since)
    everything = Codes(
        {**codes.people, **{code: code for code in recorded.new_people}},
        {**codes.functions, **{code: code for code in recorded.new_functions}},
        {**codes.items, **{code: code for code in recorded.new_items}},
    )
    for pair, row in recorded_requirements(session, everything, now).items():
        recorded.needs[pair] = Need(calendar.day(row.starts_at), row.days, row.recurrence, row.proof)
    days: dict[tuple[str, str], list[date]] = defaultdict(list)
    for person, item, day in sorted(recorded_days(session, everything, calendar)):
        days[person, item].append(day)
    recorded.days = dict(days)
    recorded.withdrawn = _withdrawn(session, calendar)
    recorded.belongs = recorded_memberships(session, now)
    _people(session, recorded, set(everything.people.values()) - {None}, now, calendar)
    return recorded


def _withdrawn(session: Session, calendar: Calendar) -> set[tuple[str, str, date]]:
    """Days of training that were recorded once and are not any more."""
    query = (
        select(Person.employee_no, Item.code, Completion.completed_at)
        .join(Person, Person.id == Completion.person_id)
        .join(Item, Item.id == Completion.item_id)
        .where(Completion.voided_at != FOREVER)
    )
    own = calendars(session, calendar)
    return {(number, code, own.get(number, calendar).day(at)) for number, code, at in session.execute(query)}


def _people(session: Session, recorded: Recorded, wanted: set[str | None], now: datetime, calendar: Calendar) -> None:
    query = (
        select(Person.employee_no, Person.name, Person.email, func.min(Employment.starts_at))
        .outerjoin(Employment, (Employment.person_id == Person.id) & (Employment.voided_at == FOREVER))
        .group_by(Person.employee_no, Person.name, Person.email)
    )
    for number, name, email, hired in session.execute(query):
        if number in wanted:
            recorded.people[number] = Someone(number, name, email or "", calendar.day(hired) if hired else None)


def _news(session: Session, recorded: Recorded, now: datetime, since: datetime) -> None:
    """Find who and what was recorded after the import and is in nobody's row or column yet."""
    members = (
        select(Person.employee_no, Unit.code)
        .join(Membership, Membership.person_id == Person.id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(Unit.kind == "job_function", Membership.voided_at == FOREVER)
        .where(Membership.starts_at <= now, Membership.ends_at > now)
    )
    for person, function in session.execute(members):
        recorded.held.setdefault(person, set()).add(function)
    hired = (
        select(Person.employee_no)
        .join(Employment, Employment.person_id == Person.id)
        .where(Employment.voided_at == FOREVER, Employment.ends_at > now)
        .group_by(Person.employee_no)
        .having(func.min(Employment.recorded_at) > since)
        .order_by(Person.employee_no)
    )
    known = set(recorded.codes.people.values())
    recorded.new_people = [number for number in session.scalars(hired) if number not in known]
    required = (
        select(Unit.code, Item.code)
        .join(RequirementUnit, RequirementUnit.unit_id == Unit.id)
        .join(Requirement, Requirement.id == RequirementUnit.requirement_id)
        .join(Item, Item.id == Requirement.item_id)
        .where(Unit.kind == "job_function", Requirement.recorded_at > since)
        .where(Requirement.voided_at == FOREVER, Requirement.ends_at > now)
        .order_by(Unit.code, Item.code)
    )
    pairs = session.execute(required).all()
    recorded.new_pairs = set(pairs)
    functions, items = set(recorded.codes.functions.values()), set(recorded.codes.items.values())
    recorded.new_functions = list(dict.fromkeys(function for function, _ in pairs if function not in functions))
    recorded.new_items = list(dict.fromkeys(item for _, item in pairs if item not in items))
