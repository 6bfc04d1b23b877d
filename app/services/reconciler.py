"""Keeps the open assignments what the facts require (MTX-5 to MTX-8).

Every trigger records its fact and calls ``reconcile`` for the people and items it touched, in its own transaction;
the nightly run calls it for everybody and heals whatever was missed. Facts are gathered with set-based statements,
``domain.reconciling`` decides, and the differences are written in bulk. A second run finds nothing to do.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.compliance import Decision, decide_all
from app.domain.errors import RuleBroken
from app.domain.explanations import reasons
from app.domain.reconciling import OpenAssignment, Step, Wanted, decide_assignment
from app.models.documents import Item
from app.models.matrix import TRIGGERS, Assignment, Equivalence
from app.models.organization import Unit
from app.safeguards.bulk import insert_many, update_many
from app.safeguards.context import current, within_all_clients
from app.safeguards.database import take_turns
from app.services.gathering import Survey, survey
from app.services.memory import collector_paused
from app.services.questions import narrowed

LOCK = 7_201_001
"""Number of the PostgreSQL advisory lock that lets one reconciliation follow the other."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reconciliation did: ids of the assignments opened, re-dated, completed and withdrawn."""

    opened: list[int] = field(default_factory=list)
    redated: list[int] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.opened or self.redated or self.completed or self.withdrawn)

    def as_json(self) -> dict[str, int]:
        """Return how many there were of each."""
        return {name: len(getattr(self, name)) for name in ("opened", "redated", "completed", "withdrawn")}


@collector_paused()
def reconcile(
    session: Session,
    people: Iterable[int] | None = None,
    items: Iterable[int] | None = None,
    *,
    trigger: str = "nightly",
    source: str | None = None,
) -> Changes:
    """Open, re-date, complete and withdraw assignments of these people for these items (ids; None: all).

    ``trigger`` (a key of ``models.matrix.TRIGGERS``) and ``source`` stand on the assignments opened for no cause that
    the facts name by themselves, such as a revision or recurrence. All within the caller's transaction, as of its
    instant. Raises RuleBroken for an unknown trigger.
    """
    if trigger not in TRIGGERS:
        raise RuleBroken("“%(trigger)s” is no known trigger of an assignment.", trigger=trigger)
    chosen_people = None if people is None else frozenset(people)
    with within_all_clients():
        with session.begin_nested():  # one reconciliation follows the other and sees what it has written
            take_turns(session, LOCK)
        chosen_items = None if items is None else _concerned(session, frozenset(items))
        existing = _open_assignments(session, chosen_people, chosen_items)
        closer = {(person, item) for person, found in existing.items() for item in found}
        found = survey(session, at=current().now(), people=chosen_people, items=chosen_items, closer=closer)
        plan = _Plan(_unit_names(session), _clients(session, chosen_items), trigger, source)
        for decision, assignment in _pairs(found, existing, chosen_items):
            plan.take(decision, assignment)
        return plan.apply(session)


def _concerned(session: Session, items: frozenset[int]) -> frozenset[int]:
    """Return the items and those for which they count: training on one may settle the other."""
    now = current().now()
    counts_for = select(Equivalence.item_id).where(
        *narrowed(Equivalence.counting_item_id, items), Equivalence.recorded_at <= now, Equivalence.voided_at > now
    )
    return items | frozenset(session.scalars(counts_for))


def _open_assignments(
    session: Session, people: Collection[int] | None, items: Collection[int] | None
) -> dict[int, dict[int, OpenAssignment]]:
    """Return the open assignments by person and item."""
    query = select(
        Assignment.id,
        Assignment.person_id,
        Assignment.item_id,
        Assignment.version_id,
        Assignment.opened_at,
        Assignment.due_at,
        Assignment.proof,
        Assignment.reasons,
    ).where(Assignment.state == "open", *narrowed(Assignment.person_id, people), *narrowed(Assignment.item_id, items))
    found: dict[int, dict[int, OpenAssignment]] = {}
    for row in session.execute(query):
        if (people is None or row.person_id in people) and (items is None or row.item_id in items):
            found.setdefault(row.person_id, {})[row.item_id] = OpenAssignment(*row)
    return found


def _pairs(
    found: Survey, existing: dict[int, dict[int, OpenAssignment]], items: Collection[int] | None
) -> Iterator[tuple[Decision, OpenAssignment | None]]:
    """Yield the obligations that are not settled, with their open assignments, and every other open assignment.

    Where somebody surely is qualified and no assignment is open there is nothing to do.
    """
    facts = found.facts
    for person, history in facts.histories.items():
        left = dict(existing.get(person, ()))
        for decision in found.decisions(person):
            if items is None or decision.item in items:
                yield decision, left.pop(decision.item, None)
        for decision in decide_all(facts.book, history, items=sorted(left)):
            yield decision, left[decision.item]


class _Plan:
    """Collects the steps of one reconciliation and writes them in bulk."""

    def __init__(
        self, unit_names: dict[int, str], clients: dict[int, int | None], trigger: str, source: str | None
    ) -> None:
        self.unit_names = unit_names
        self.clients = clients
        self.trigger = trigger
        self.source = source
        self.now = current().now()
        self.opened: list[dict[str, Any]] = []
        self.redated: list[dict[str, Any]] = []
        self.completed: list[dict[str, Any]] = []
        self.withdrawn: list[dict[str, Any]] = []
        self._reasons: dict[tuple[int, tuple[int, ...]], str] = {}

    def take(self, decision: Decision, existing: OpenAssignment | None) -> None:
        """Decide one pair and remember what to write."""
        if existing is None and decision.to_train is None:
            return
        step = decide_assignment(decision, existing, self._reasons_of(decision))
        if step:
            self._remember(decision, existing, step)

    def _remember(self, decision: Decision, existing: OpenAssignment | None, step: Step) -> None:
        if existing is not None:
            closing = {"id": existing.id, "closed_at": self.now}
            if step.complete:
                self.completed.append(closing | {"state": "completed", "completion_id": step.complete.id})
            elif step.withdraw:
                self.withdrawn.append(closing | {"state": "withdrawn", "withdrawal_reason": str(step.withdraw)})
            elif step.redate:
                self.redated.append({"id": existing.id, **_said(step.redate)})
        if step.open:
            self.opened.append(self._opening(decision, step.open))

    def _opening(self, decision: Decision, target: Wanted) -> dict[str, Any]:
        return {
            "client_id": self.clients.get(decision.item),
            "person_id": decision.person,
            "item_id": decision.item,
            "state": "open",
            "trigger": target.cause or self.trigger,
            "source": self._source(decision, target),
            "opened_at": self.now,
            **_said(target),
        }

    def _source(self, decision: Decision, target: Wanted) -> str | None:
        """Return what caused the assignment: the order's source, the revised version, or what the caller names."""
        if target.cause == "order" and decision.orders:
            return decision.orders[0].source
        if target.cause == "revision" and target.version is not None:
            return f"{decision.terms.item.code} v{decision.book.label(target.version)}"
        return self.source

    def _reasons_of(self, decision: Decision) -> str:
        """Return the reasons as JSON; people on the same terms share the text."""
        key = (id(decision.terms), tuple(order.id for order in decision.orders))
        known = self._reasons.get(key)
        if known is None:
            known = self._reasons[key] = json.dumps(reasons(decision, self.unit_names), ensure_ascii=False)
        return known

    def apply(self, session: Session) -> Changes:
        """Write what was decided: closings and re-datings first, so that a new assignment finds its place free."""
        for rows in (self.completed, self.withdrawn, self.redated):
            update_many(session, Assignment, rows)
        opened = insert_many(session, Assignment, self.opened)
        return Changes(opened, _ids(self.redated), _ids(self.completed), _ids(self.withdrawn))


def _said(target: Wanted) -> dict[str, Any]:
    return {
        "version_id": target.version,
        "due_at": target.due_at,
        "due_on": target.due_on,
        "proof": target.proof,
        "reasons": target.reasons,
    }


def _ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def _unit_names(session: Session) -> dict[int, str]:
    return {unit: name for unit, name in session.execute(select(Unit.id, Unit.name))}


def _clients(session: Session, items: Collection[int] | None) -> dict[int, int | None]:
    query = select(Item.id, Item.client_id).where(*narrowed(Item.id, items))
    return {item: client for item, client in session.execute(query)}
