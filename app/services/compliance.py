"""Who is qualified for what, as of when, as known when: the questions that lists, gates, reports and the API ask.

Every answer comes from ``domain.compliance`` over facts fetched by ``services.gathering``; nothing is stored and
nothing is decided here. Items of clients outside of the asker's scope are left out, as if they did not exist (CLI-1).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import compliance as rule
from app.domain.compliance import Decision, decide_all, trained_only
from app.domain.terms import Rulebook, Terms
from app.models.documents import Item
from app.models.matrix import Requirement
from app.models.organization import Unit
from app.models.people import Membership, Person
from app.safeguards.context import current
from app.services.gathering import Facts, Survey, gather, survey
from app.services.memory import collector_paused
from app.services.obligations import PersonName, Row
from app.services.questions import Query, among, few, listed, narrowed

__all__ = [
    "CODES", "TRAINED_ONLY", "Heatmap", "Permission", "Row", "counts", "counts_by_unit", "decisions", "evaluate",
    "heatmap", "may_perform", "people_in_units",
]  # fmt: skip

CODES = {
    rule.QUALIFIED: "q",
    rule.DUE_SOON: "d",
    rule.ASSIGNED: "a",
    rule.OVERDUE: "o",
    rule.EXPIRED: "e",
    rule.EXEMPT: "x",
    rule.ON_LEAVE: "l",
    rule.NOT_REQUIRED: ".",
}
"""One letter for each status, in the cells of a heat map."""

TRAINED_ONLY = "n"
"""The letter of what somebody is trained on and not required to be."""


# --- lists -----------------------------------------------------------------------------------------------------------


@collector_paused()
def evaluate(
    session: Session,
    *,
    at: datetime,
    known_at: datetime | None = None,
    people: Iterable[int] | None = None,
    items: Iterable[int] | None = None,
    unit_ids: Iterable[int] | None = None,
    client_id: int | None = None,
    include_not_required: bool = False,
) -> list[Row]:
    """Return every obligation of a part of the company at the instant ``at``, by employee number and item code.

    ``people`` and ``items`` are ids (None: all); ``unit_ids`` narrows to people who belong to all of these units at
    ``at``; ``client_id`` to items of a client, or required by a matrix row of that client. ``include_not_required``
    adds the items that somebody was trained on without being required to be. ``known_at`` is the state of knowledge
    (None: now).
    """
    known = known_at or current().now()
    chosen = people_in_units(session, people, unit_ids, at, known)
    scope = _Scope.of(session, items, client_id)
    facts = gather(session, at=at, known_at=known, people=chosen, items=scope.ids)
    names, units = _names(session, facts.histories), _unit_names(session, facts.book)
    rows = [
        Row(decision, names[decision.person], units)
        for decision in _decisions(facts, scope.ids, include_not_required)
        if scope.includes(decision.terms)
    ]
    return sorted(rows, key=lambda row: (row.employee_no, row.item))


@collector_paused()
def decisions(
    session: Session,
    *,
    at: datetime,
    known_at: datetime | None = None,
    people: Iterable[int] | None = None,
    items: Iterable[int] | None = None,
) -> list[Decision]:
    """Return what the rule says about every obligation, for services that go on computing with it."""
    scope = _Scope.of(session, items, None)
    facts = gather(session, at=at, known_at=known_at, people=people, items=scope.ids)
    return list(_decisions(facts, scope.ids))


@collector_paused()
def counts(session: Session, *, at: datetime, known_at: datetime | None = None, **narrowing: Any) -> Counter[str]:
    """Return how many obligations have each status. ``narrowing`` is as for ``evaluate``."""
    known = known_at or current().now()
    chosen = people_in_units(session, narrowing.get("people"), narrowing.get("unit_ids"), at, known)
    scope = _Scope.of(session, narrowing.get("items"), narrowing.get("client_id"))
    found = survey(session, at=at, known_at=known, people=chosen, items=scope.ids)
    result: Counter[str] = Counter()
    for person in found.facts.histories:
        result += _count(found, person, scope)
    return result


@collector_paused()
def counts_by_unit(
    session: Session, kind: str, *, at: datetime, known_at: datetime | None = None
) -> dict[int, Counter[str]]:
    """Return the counts by status of the people in each unit of a kind (function, department, site, client …)."""
    known = known_at or current().now()
    scope = _Scope.of(session, None, None)
    found = survey(session, at=at, known_at=known, items=scope.ids)
    members = _members(session, kind, at, known)
    result: dict[int, Counter[str]] = {}
    for person in found.facts.histories:
        counted = _count(found, person, scope) if person in members else None
        for unit in members.get(person, ()):
            result.setdefault(unit, Counter()).update(counted)
    return result


def _count(found: Survey, person: int, scope: "_Scope") -> Counter[str]:
    sure = found.settled.get(person, [])
    number = len(sure) if scope.shows_all else sum(scope.includes(terms) for terms in sure)
    statuses = [one.status for one in found.decisions(person) if scope.includes(one.terms)]
    return Counter(statuses) + Counter({rule.QUALIFIED: number})


def _decisions(facts: Facts, items: Collection[int] | None, include_not_required: bool = False) -> Iterator[Decision]:
    for person, history in facts.histories.items():
        yield from _required(facts, person, items)
        if include_not_required:
            yield from (one for one in trained_only(facts.book, history) if items is None or one.item in items)


def _required(facts: Facts, person: int, items: Collection[int] | None) -> Iterator[Decision]:
    for decision in decide_all(facts.book, facts.histories[person]):
        if items is None or decision.item in items:
            yield decision


# --- one person, one task --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Permission:
    """May a person do a task at an instant? ``rows`` has every item of the task; ``missing`` what forbids it."""

    at: datetime
    known_at: datetime
    rows: tuple[Row, ...]

    @property
    def allowed(self) -> bool:
        return not self.missing

    @property
    def missing(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.decision.permits)


def may_perform(
    session: Session, person_id: int, item_ids: Iterable[int], at: datetime, known_at: datetime | None = None
) -> Permission:
    """Tell whether the person may do a task that names these items: every one qualified, due soon, exempt, or not
    required but covered. The caller keeps the answer in the trail and gives its entry's id as the receipt.
    """
    known = known_at or current().now()
    wanted = set(item_ids)
    if current().clients is not None:
        wanted &= _visible_items(session, wanted).keys()
    facts = gather(session, at=at, known_at=known, people=[person_id], items=wanted)
    names, units = _names(session, [person_id]), _unit_names(session, facts.book)
    history, existing = facts.histories[person_id], sorted(wanted & facts.book.items.keys())
    found = [Row(one, names[person_id], units) for one in decide_all(facts.book, history, items=existing)]
    return Permission(at, known, tuple(sorted(found, key=lambda row: row.item)))


# --- the picture -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heatmap:
    """People × items: ``cells[person]`` is a text with one letter (``CODES``) for each of ``items``, in order."""

    items: tuple[int, ...]
    cells: dict[int, str]


@collector_paused()
def heatmap(
    session: Session,
    people: Collection[int],
    items: Iterable[int],
    at: datetime,
    known_at: datetime | None = None,
) -> Heatmap:
    """Return the status of every person and item as one letter each; items outside of the scope are left out."""
    wanted = list(items)
    visible = _visible_items(session, wanted)
    order = tuple(item for item in wanted if item in visible)
    found = survey(session, at=at, known_at=known_at, people=people, items=order, with_trained=True)
    column = {item: index for index, item in enumerate(order)}
    cells: dict[int, str] = {}
    for person in people:
        if person not in found.facts.histories:
            continue
        letters = [CODES[rule.NOT_REQUIRED]] * len(order)
        for terms in found.settled.get(person, ()):
            if terms.item.id in column:
                letters[column[terms.item.id]] = CODES[rule.QUALIFIED]
        for decision in found.decisions(person):
            if decision.item in column:
                letters[column[decision.item]] = CODES[decision.status]
        for decision in found.trained_only(person):
            if decision.cover and decision.item in column:
                letters[column[decision.item]] = TRAINED_ONLY
        cells[person] = "".join(letters)
    return Heatmap(order, cells)


# --- who and what is meant -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which decisions are shown: items in the asker's scope, and those of one client when one is asked for."""

    ids: frozenset[int] | None
    client_items: frozenset[int] | None = None
    client_rows: frozenset[int] = frozenset()

    @classmethod
    def of(cls, session: Session, items: Iterable[int] | None, client_id: int | None) -> "_Scope":
        unlimited = items is None and current().clients is None
        visible = {} if unlimited and client_id is None else _visible_items(session, items)
        ids = None if unlimited else frozenset(visible)
        if client_id is None:
            return cls(ids)
        own = frozenset(item for item, client in visible.items() if client == client_id)
        rows = session.scalars(select(Requirement.id).where(Requirement.client_id == client_id))
        return cls(ids, own, frozenset(rows))

    @property
    def shows_all(self) -> bool:
        return self.ids is None and self.client_items is None

    def includes(self, terms: Terms) -> bool:
        if self.ids is not None and terms.item.id not in self.ids:
            return False
        if self.client_items is None or terms.item.id in self.client_items:
            return True
        return any(row.id in self.client_rows for row in terms.rows)


def _visible_items(session: Session, ids: Iterable[int] | None) -> dict[int, int | None]:
    """Return the items (of ``ids``) that the asker may know of, with their clients."""
    wanted = None if ids is None else set(ids)
    found = session.execute(select(Item.id, Item.client_id).where(*narrowed(Item.id, wanted)))
    return {item: client for item, client in found if wanted is None or item in wanted}


def people_in_units(
    session: Session, people: Iterable[int] | None, unit_ids: Iterable[int] | None, at: datetime, known: datetime
) -> set[int] | None:
    """Return the people who belong to all of the units at ``at``, out of ``people``; None means everybody."""
    chosen = None if people is None else set(people)
    for unit in unit_ids or ():
        members = select(Membership.person_id).where(
            Membership.unit_id == unit,
            Membership.starts_at <= at,
            Membership.ends_at > at,
            Membership.recorded_at <= known,
            Membership.voided_at > known,
        )
        found = set(session.scalars(members))
        chosen = found if chosen is None else chosen & found
    return chosen


def _members(session: Session, kind: str, at: datetime, known: datetime) -> dict[int, list[int]]:
    """Return the units of a kind to which each person belongs at ``at``."""
    query = (
        select(Membership.person_id, Membership.unit_id)
        .join(Unit, Membership.unit_id == Unit.id)
        .where(
            Unit.kind == kind,
            Membership.starts_at <= at,
            Membership.ends_at > at,
            Membership.recorded_at <= known,
            Membership.voided_at > known,
        )
        .distinct()
    )
    found: dict[int, list[int]] = {}
    for person, unit in session.execute(query):
        found.setdefault(person, []).append(unit)
    return found


def _names(session: Session, people: Collection[int]) -> dict[int, PersonName]:
    found = session.execute(_name_query(few(people)), {"people": listed(people)})
    return {person: PersonName(number, name) for person, number, name in found}


@cache
def _name_query(some_people: bool) -> Query:
    query: Query = select(Person.id, Person.employee_no, Person.name)
    return query.where(*among(Person.id, "people", some_people))


def _unit_names(session: Session, book: Rulebook) -> dict[int, str]:
    """Return what to call each unit of the matrix rows; units of clients outside of the asker's scope stay unnamed."""
    units = {unit for rows in book.rows.values() for row in rows for unit in row.units}
    found = session.execute(_unit_name_query(few(units)), {"units": listed(units)})
    return {unit: name for unit, name in found}


@cache
def _unit_name_query(some_units: bool) -> Query:
    query: Query = select(Unit.id, Unit.name)
    return query.where(*among(Unit.id, "units", some_units))
