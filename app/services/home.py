"""What I must do, in order, and how my team stands (UX-1, UX-2). Nothing is stored; everything is asked anew."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload

from app.domain.compliance import DUE_SOON, EXEMPT, EXPIRED, ON_LEAVE, OVERDUE, QUALIFIED
from app.domain.dates import calendar_of
from app.models.base import FOREVER
from app.models.documents import Item, Version
from app.models.matrix import Assignment, Completion
from app.models.organization import Unit
from app.models.people import Membership, Person
from app.models.signing import Approver, Signature
from app.safeguards.context import current
from app.services import compliance

SOON = timedelta(days=30)
"""What is due within this time is to be done; what is due later is coming up."""
DONE_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that waits for a person. ``kind`` is read, ojt, class, review, approve or draft."""

    kind: str
    item: Item
    version: Version | None
    status: str | None
    due_on: date | None
    assignment: Assignment | None = None
    trigger: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """My page: what to do now, in order, what comes later, what I did lately, and how I stand."""

    todo: tuple[Task, ...]
    coming: tuple[Task, ...]
    done: tuple[Completion, ...]
    counts: Counter[str]
    today: date

    @property
    def in_order(self) -> int:
        """How many of my obligations are in order."""
        return self.counts[QUALIFIED] + self.counts[DUE_SOON] + self.counts[EXEMPT]

    @property
    def late(self) -> int:
        """How many are overdue or expired."""
        return self.counts[OVERDUE] + self.counts[EXPIRED]


KINDS = {"read": "read", "notice": "read", "none": "read", "ojt": "ojt", "class": "class", "certificate": "task",
         "quiz": "quiz", "read_quiz": "quiz"}  # fmt: skip
"""What has to be done, by how the training is proved."""


def my_day(session: Session, person: Person) -> Day:
    """Return what waits for ``person`` now: overdue first, then by due day, then reviews, approvals and drafts."""
    now = current().now()
    rows = compliance.evaluate(session, at=now, people=[person.id])
    status = {row.item_id: row.status for row in rows}
    today = calendar_of(zone_of(person)).day(now)
    tasks = [_task(one, status.get(one.item_id)) for one in open_assignments(session, person.id)]
    urgent = [
        one for one in tasks if one.due_on is None or one.due_on <= today + SOON or one.status in (OVERDUE, EXPIRED)
    ]
    return Day(
        todo=(*urgent, *waiting_documents(session, person)),
        coming=tuple(one for one in tasks if one not in urgent),
        done=tuple(lately_done(session, person.id)),
        counts=Counter(row.status for row in rows),
        today=today,
    )


def zone_of(person: Person) -> str:
    """Return the IANA zone whose days count for a person."""
    return (person.site.time_zone if person.site is not None else None) or "UTC"


def open_assignments(session: Session, person_id: int) -> Sequence[Assignment]:
    """Return the open assignments of a person, those due first at the top; without a day at the end."""
    query = (
        select(Assignment).where(Assignment.person_id == person_id, Assignment.state == "open")
        .join(Item, Item.id == Assignment.item_id)
        .options(joinedload(Assignment.item), joinedload(Assignment.version))
        .order_by(Assignment.due_at.is_(None), Assignment.due_at, Item.code)
    )  # fmt: skip
    return session.scalars(query).all()


def _task(one: Assignment, status: str | None) -> Task:
    kind = KINDS.get(one.proof, "task")
    return Task(kind, one.item, one.version, status, one.due_on, one, one.trigger, one.source)


def lately_done(session: Session, person_id: int) -> Sequence[Completion]:
    """Return the last passed trainings of a person, the newest first."""
    query = (
        select(Completion)
        .where(Completion.person_id == person_id, Completion.result == "passed", Completion.voided_at == FOREVER)
        .options(joinedload(Completion.item), joinedload(Completion.version))
        .order_by(Completion.completed_at.desc(), Completion.id.desc()).limit(DONE_SHOWN)
    )  # fmt: skip
    return session.scalars(query).all()


def waiting_documents(session: Session, person: Person) -> list[Task]:
    """Return documents that wait for this person's review, approval or pen."""
    may = current().may
    asked = select(Approver.record_id).where(
        Approver.record_type == "versions", Approver.person_id == person.id, Approver.signature_id.is_(None)
    )
    wanted = []
    if may("documents", "review"):
        wanted.append(and_(Version.state == "review", Version.id.in_(asked)))
    if may("documents", "approve"):
        wanted.append(Version.state == "review")
    if may("documents", "submit"):
        wanted.append(and_(Version.state == "draft", Version.author_id == person.id))
    if not wanted:
        return []
    query = (
        select(Version).where(or_(*wanted)).options(joinedload(Version.item)).order_by(Version.state.desc(), Version.id)
    )
    named = set(session.scalars(asked))
    found = session.scalars(query).all()
    signed = _signed_by_me(session, [one.id for one in found])
    return [
        Task(_what_to_do(one, named), one.item, one, None, None)
        for one in found
        if one.state == "draft" or (one.author_id != person.id and one.id not in signed)
    ]


def _what_to_do(version: Version, asked: set[int]) -> str:
    if version.state == "draft":
        return "draft"
    return "review" if version.id in asked else "approve"


def _signed_by_me(session: Session, version_ids: Iterable[int]) -> set[int]:
    """Return the versions on which I have signed a review; approving them is for somebody else or another visit."""
    query = select(Signature.record_id).where(
        Signature.record_type == "versions", Signature.record_id.in_(list(version_ids)),
        Signature.signer_id == current().user_id, Signature.meaning == "review",
    )  # fmt: skip
    return set(session.scalars(query)) if not current().may("documents", "approve") else set()


# --- team ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a team with his or her obligations, those in the worst state first."""

    person: Person
    functions: str
    rows: tuple[compliance.Row, ...]
    counts: Counter[str]

    @property
    def problems(self) -> tuple[compliance.Row, ...]:
        """What is not in order or soon will not be."""
        return tuple(row for row in self.rows if row.status not in (QUALIFIED, EXEMPT, ON_LEAVE))

    @property
    def late(self) -> int:
        """How many obligations are overdue or expired."""
        return self.counts[OVERDUE] + self.counts[EXPIRED]

    @property
    def on_leave(self) -> bool:
        """Tell whether the person is away now."""
        return self.counts[ON_LEAVE] > 0


URGENCY = {OVERDUE: 0, EXPIRED: 1, "assigned": 2, DUE_SOON: 3}


def team_of(session: Session, person: Person, at: datetime | None = None) -> list[Member]:
    """Return the people whom ``person`` supervises, directly or through others, the worst state first."""
    moment = at or current().now()
    people = reports_of(session, person)
    ids = [one.id for one in people]
    rows: dict[int, list[compliance.Row]] = {one: [] for one in ids}
    for row in compliance.evaluate(session, at=moment, people=ids) if ids else []:
        rows[row.person_id].append(row)
    functions = _functions(session, ids, moment)
    members = [
        Member(
            one,
            functions.get(one.id, ""),
            tuple(sorted(rows[one.id], key=lambda row: (URGENCY.get(row.status, 9), row.due_on or date.max, row.item))),
            Counter(row.status for row in rows[one.id]),
        )
        for one in people
    ]
    return sorted(members, key=lambda one: (-one.late, -one.counts["assigned"], -one.counts[DUE_SOON], one.person.name))


def reports_of(session: Session, person: Person) -> list[Person]:
    """Return everybody below ``person``, level by level; a loop in the data ends by itself."""
    found: dict[int, Person] = {}
    level = [person.id]
    while level:
        below = session.scalars(select(Person).where(Person.supervisor_id.in_(level)).order_by(Person.name)).all()
        fresh = [one for one in below if one.id not in found and one.id != person.id]
        found |= {one.id: one for one in fresh}
        level = [one.id for one in fresh]
    return list(found.values())


def _functions(session: Session, people: Sequence[int], at: datetime) -> dict[int, str]:
    query = (
        select(Membership.person_id, Unit.name).join(Unit, Unit.id == Membership.unit_id)
        .where(
            Membership.person_id.in_(people), Unit.kind == "job_function", Membership.starts_at <= at,
            Membership.ends_at > at, Membership.voided_at == FOREVER,
        ).order_by(Unit.name)
    )  # fmt: skip
    found: dict[int, list[str]] = {}
    for number, name in session.execute(query):
        found.setdefault(number, []).append(name)
    return {number: ", ".join(names) for number, names in found.items()}
