"""What would approving a version do? The same computation with facts that are only supposed (DOC-9).

Nothing is written. The rule is asked twice: as things are, and with the version released on the supposed day with the
supposed training impact; the difference is the preview.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import facts as known
from app.domain.compliance import NOT_REQUIRED, Decision, decide_all
from app.domain.dates import FOREVER
from app.domain.terms import DEFAULT_VERDICT
from app.models.base import FOREVER as NOT_WITHDRAWN
from app.models.documents import Item, Verdict, Version
from app.models.matrix import Assignment
from app.models.organization import Unit
from app.models.people import Membership, Person
from app.safeguards.context import current, within_all_clients
from app.services.gathering import Facts, Hypothesis, gather


@dataclass(frozen=True, slots=True)
class NewAssignment:
    """Somebody who would get an assignment, or another one than now: the version to train, by when, how proved."""

    person_id: int
    person: str
    due_on: date | None
    proof: str
    replaces_open: bool


@dataclass(frozen=True, slots=True)
class Unqualified:
    """Somebody who would no longer be qualified from ``since`` unless trained before; ``units`` are where that is."""

    person_id: int
    person: str
    since: datetime
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A unit (line, shift, function …) in which nobody would be qualified any more."""

    unit_id: int
    unit: str
    kind: str
    people: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What approving the version would do. ``hours`` is None when the item does not say how long training takes."""

    effective_from: datetime
    assignments: tuple[NewAssignment, ...]
    hours: float | None
    unqualified: tuple[Unqualified, ...]
    uncovered: tuple[Uncovered, ...]


def preview(
    session: Session,
    version: Version,
    *,
    effective_from: datetime | None = None,
    revision_class: str | None = None,
    verdicts: Mapping[int, str] | None = None,
) -> Preview:
    """Return what approving ``version`` now would do.

    ``effective_from`` (None: at once), ``revision_class`` and ``verdicts`` (job function id to verdict; None: those
    stored) are suppositions. Of the people concerned everybody is named, whatever item scope the asker has, because
    the asker must be able to see the version itself.
    """
    now = current().now()
    start = max(effective_from or now, now)
    with within_all_clients():
        supposed = _suppose(session, version, now, start, revision_class, verdicts)
        before = gather(session, at=now, items=[version.item_id])
        after = gather(session, at=now, items=[version.item_id], extra=supposed)
        on_the_day = gather(session, at=start, items=[version.item_id], extra=supposed)
        day_before = gather(session, at=start, items=[version.item_id])
        names = _names(session, after.histories)
        assignments = _assignments(session, version, before, after, names)
        lost = _lost(version.item_id, day_before, on_the_day)
        units = _units_of(session, {person for person, _ in lost}, start, now)
        return Preview(
            start,
            assignments,
            _hours(session, version.item_id, len(assignments)),
            tuple(
                Unqualified(person, names[person], since, tuple(sorted(units.get(person, ()))))
                for person, since in sorted(lost, key=lambda pair: (pair[1], names[pair[0]]))
            ),
            _uncovered(session, version.item_id, day_before, on_the_day, lost, now),
        )


def _suppose(
    session: Session,
    version: Version,
    now: datetime,
    start: datetime,
    revision_class: str | None,
    verdicts: Mapping[int, str] | None,
) -> Hypothesis:
    chosen = revision_class or version.revision_class
    if chosen not in DEFAULT_VERDICT:
        chosen = "major"
    if verdicts is None:
        stored = select(Verdict.function_id, Verdict.verdict).where(
            Verdict.version_id == version.id, Verdict.voided_at == NOT_WITHDRAWN
        )
        verdicts = {function: verdict for function, verdict in session.execute(stored)}
    release = known.Release(version.id, version.item_id, version.sequence, version.label, chosen, now, start)
    return Hypothesis(
        (release,), tuple(known.Verdict(version.id, function, verdict) for function, verdict in verdicts.items())
    )


def _decisions(facts: Facts, item: int) -> dict[int, Decision]:
    """Return the decision about the item for everybody whom it concerns."""
    return {
        person: decision
        for person, history in facts.histories.items()
        for decision in decide_all(facts.book, history)
        if decision.item == item
    }


def _names(session: Session, people: Iterable[int]) -> dict[int, str]:
    wanted = set(people)
    return {one: name for one, name in session.execute(select(Person.id, Person.name)) if one in wanted}


def _assignments(
    session: Session, version: Version, before: Facts, after: Facts, names: Mapping[int, str]
) -> tuple[NewAssignment, ...]:
    """Return who would be told to train on the version and is not now."""
    open_now = set(
        session.scalars(
            select(Assignment.person_id).where(Assignment.state == "open", Assignment.item_id == version.item_id)
        )
    )
    told = _decisions(before, version.item_id)
    found = []
    for person, decision in _decisions(after, version.item_id).items():
        waiting = decision.to_train
        if waiting is None or waiting.version is None or waiting.version.id != version.id:
            continue
        former = told[person].to_train if person in told else None
        if former and former.version and former.version.id == version.id:
            continue
        due_at = waiting.due_at
        due = decision.terms.calendar.last_day(due_at) if due_at else None
        found.append(
            NewAssignment(person, names[person], due, decision.terms.proof(waiting.version), person in open_now)
        )
    return tuple(sorted(found, key=lambda one: (one.person, one.person_id)))


def _hours(session: Session, item: int, people: int) -> float | None:
    minutes = session.scalar(select(Item.minutes).where(Item.id == item))
    return None if minutes is None else minutes * people / 60


def _lost(item: int, without: Facts, supposed: Facts) -> list[tuple[int, datetime]]:
    """Return who is covered without the version and would not be with it, and from when, revision grace included."""
    remaining = _decisions(supposed, item)
    lost: list[tuple[int, datetime]] = []
    for person, decision in _decisions(without, item).items():
        if decision.cover is None or decision.status == NOT_REQUIRED or person not in remaining:
            continue
        then = remaining[person]
        if then.cover is None:
            lost.append((person, then.lapsed.end if then.lapsed else supposed.book.at))
        elif then.cover.end < decision.cover.end and then.cover.end < FOREVER:
            lost.append((person, then.cover.end))
    return lost


def _units_of(session: Session, people: set[int], at: datetime, known_at: datetime) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for person, _, name, _ in _memberships(session, at, known_at):
        if person in people:
            found.setdefault(person, []).append(name)
    return found


def _memberships(session: Session, at: datetime, known_at: datetime) -> list[tuple[int, int, str, str]]:
    query = (
        select(Membership.person_id, Unit.id, Unit.name, Unit.kind)
        .join(Unit, Membership.unit_id == Unit.id)
        .where(
            Membership.starts_at <= at,
            Membership.ends_at > at,
            Membership.recorded_at <= known_at,
            Membership.voided_at > known_at,
        )
        .distinct()
    )
    return [(person, unit, name, kind) for person, unit, name, kind in session.execute(query)]


def _uncovered(
    session: Session,
    item: int,
    without: Facts,
    supposed: Facts,
    lost: list[tuple[int, datetime]],
    known_at: datetime,
) -> tuple[Uncovered, ...]:
    """Return the units that have somebody qualified without the version and would have nobody with it."""
    losing = {person for person, _ in lost}
    before = {person for person, decision in _decisions(without, item).items() if decision.cover}
    units: dict[int, tuple[str, str, set[int]]] = {}
    for person, unit, name, kind in _memberships(session, supposed.book.at, known_at):
        if person in before:
            units.setdefault(unit, (name, kind, set()))[2].add(person)
    return tuple(
        Uncovered(unit, name, kind, len(people))
        for unit, (name, kind, people) in sorted(units.items(), key=lambda entry: entry[1][0])
        if people <= losing
    )
