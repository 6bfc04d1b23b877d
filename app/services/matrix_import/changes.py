"""The parts of a comparison: single changes, the codes of what the file names, and what is recorded now."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.domain.dates import FOREVER, Calendar, calendar_of
from app.domain.text import Phrase
from app.models.documents import Item
from app.models.importing import ImportRun
from app.models.matrix import Completion, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.people import Membership, Person


@dataclass(frozen=True, slots=True)
class Change:
    """One change: what is done to what, the cells of the line for the importer, and the cell of the file."""

    kind: str
    action: str
    what: str
    place: str
    line: dict[str, str] = field(default_factory=dict)


class Refused(NamedTuple):
    """A cell that cannot be recorded as things are, and why; the rest of the file can."""

    place: str
    value: str
    problem: Phrase


@dataclass(slots=True)
class Changes:
    """All changes in the order in which they are written, what is the same already, and what cannot be recorded."""

    rows: list[Change] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    kept_memberships: int = 0

    def counts(self) -> dict[str, dict[str, int]]:
        """Numbers as in the contract of the command line."""
        numbers = Counter((row.kind, row.action) for row in self.rows)
        return {
            "requirements": {action: numbers["requirements", action] for action in ("add", "change", "end")},
            "completions": {"add": numbers["completions", "add"]},
            "people": {"add": numbers["people", "add"]},
            "items": {"add": numbers["documents", "add"]},
            "memberships": {"add": numbers["memberships", "add"]},
            "orders": {"add": numbers["orders", "add"]},
            "units": {"add": numbers["units", "add"]},
        }

    def of(self, kind: str) -> list[Change]:
        """Changes of one kind."""
        return [row for row in self.rows if row.kind == kind]


@dataclass(slots=True)
class Codes:
    """Codes under which people, units and items of the file are, or will be, recorded; ``None`` where left out."""

    people: dict[str, str | None]
    functions: dict[str, str | None]
    items: dict[str, str | None]
    departments: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A recorded requirement of one job function."""

    starts_at: datetime
    recurrence: int | None
    days: int
    proof: str
    imported: bool


def recorded_requirements(session: Session | None, codes: Codes, now: datetime) -> dict[tuple[str, str], Row]:
    """Requirements of single job functions in force, by function and item."""
    if session is None:
        return {}
    single = select(RequirementUnit.requirement_id).group_by(RequirementUnit.requirement_id).having(func.count() == 1)
    query = (
        select(
            Unit.code,
            Item.code,
            Requirement.starts_at,
            Requirement.recurrence_months,
            Requirement.days_to_complete,
            Requirement.proof,
            ImportRun.kind,
        )
        .join(RequirementUnit, RequirementUnit.requirement_id == Requirement.id)
        .join(Unit, Unit.id == RequirementUnit.unit_id)
        .join(Item, Item.id == Requirement.item_id)
        .outerjoin(ImportRun, (ImportRun.file_id == Requirement.evidence_id) & (ImportRun.kind == "matrix"))
        .where(Requirement.voided_at == FOREVER, Requirement.ends_at > now, Unit.kind == "job_function")
        .where(Requirement.id.in_(single))
    )
    functions, items = set(codes.functions.values()), set(codes.items.values())
    return {
        (function, item): Row(starts, months, days, proof, kind is not None)
        for function, item, starts, months, days, proof, kind in session.execute(query)
        if function in functions and item in items
    }


def calendars(session: Session | None, home: Calendar) -> dict[str, Calendar]:
    """The calendar of everybody whose home site is in another zone than ``home``, by employee number."""
    if session is None:
        return {}
    site = aliased(Unit)
    query = select(Person.employee_no, site.time_zone).join(site, Person.site_id == site.id)
    return {number: calendar_of(zone) for number, zone in session.execute(query) if zone and zone != home.zone}


def recorded_days(session: Session | None, codes: Codes, calendar: Calendar) -> set[tuple[str, str, date]]:
    """Days of recorded training, as days of each person's home site, by employee number and item."""
    if session is None:
        return set()
    query = (
        select(Person.employee_no, Item.code, Completion.completed_at)
        .join(Person, Person.id == Completion.person_id)
        .join(Item, Item.id == Completion.item_id)
        .where(Completion.voided_at == FOREVER)
    )
    people, items = set(codes.people.values()), set(codes.items.values())
    own = calendars(session, calendar)
    return {
        (number, code, own.get(number, calendar).day(at))
        for number, code, at in session.execute(query)
        if number in people and code in items
    }


def recorded_memberships(session: Session | None, now: datetime) -> dict[str, set[tuple[str, str]]]:
    """The job functions and departments of everybody, by employee number: those that hold now or will."""
    found: dict[str, set[tuple[str, str]]] = {}
    if session is None:
        return found
    query = (
        select(Person.employee_no, Unit.kind, Unit.code)
        .join(Membership, Membership.person_id == Person.id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(Membership.voided_at == FOREVER, Membership.ends_at > now)
        .where(Unit.kind.in_(("job_function", "department")))
    )
    for number, kind, code in session.execute(query):
        found.setdefault(number, set()).add((kind, code))
    return found
