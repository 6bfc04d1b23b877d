"""The matrix and the decisions about single people: verbs that record a fact and reconcile whom it concerns.

Each runs in the caller's transaction: the fact, and the assignments that follow from it, are written together or not
at all (MTX-8).
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.base import Fact
from app.models.documents import Item, Version
from app.models.matrix import (
    Completion,
    Equivalence,
    Exemption,
    Extension,
    Requirement,
    RequirementUnit,
    Revocation,
    TrainingOrder,
)
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.context import current
from app.services import facts
from app.services.announcements import reconcile
from app.services.compliance import may_perform

TRIGGERS: dict[type[Fact], str] = {
    Requirement: "matrix_change",
    Equivalence: "matrix_change",
    Exemption: "manual",
    Extension: "manual",
    Revocation: "revocation",
    TrainingOrder: "order",
    Completion: "manual",
}
"""Which trigger an assignment names that is opened because of such a fact."""


def require(session: Session, unit_ids: Iterable[int], **values: Any) -> Requirement:
    """Add a row to the matrix: who holds all of the units needs the item. Raises RuleBroken without a unit."""
    units = _units(session, unit_ids)
    _check_terms(values)
    item = _item(session, values["item_id"])
    client = item.client_id or next((unit.client_id for unit in units if unit.client_id), None)
    row = facts.record(session, Requirement, client_id=client, **values)
    _attach(session, row, [unit.id for unit in units])
    _reconcile(session, row)
    return row


def change_requirement(session: Session, row: Requirement, reason: str, **changes: Any) -> Requirement:
    """Restate a row with other terms; its units and its item stay. Raises RuleBroken for terms that contradict."""
    kept = {name: getattr(row, name) for name in ("recurrence_months", "recurrence_fixed", "starts_at", "ends_at")}
    _check_terms(kept | changes)
    unit_ids = list(session.scalars(select(RequirementUnit.unit_id).where(RequirementUnit.requirement_id == row.id)))
    restated = facts.restate(session, row, reason, **changes)
    _attach(session, restated, unit_ids)
    _reconcile(session, restated)
    return restated


def record_fact(session: Session, model: type[Any], **values: Any) -> Any:
    """Record a fact about one person and item, or an equivalence, with the item's client, and reconcile."""
    _check_interval(values)
    item = _item(session, values["item_id"])
    if model is Equivalence and values["counting_item_id"] == item.id:
        raise RuleBroken("An item always counts for itself. Choose another one.", field="counting_item_id")
    if model in {Exemption, Extension}:
        _check_other(session, values["person_id"])
    fact = facts.record(session, model, client_id=item.client_id, **values)
    _reconcile(session, fact)
    return fact


def _check_other(session: Session, person_id: int) -> None:
    person, own = session.get(Person, person_id), current().user_id
    if person is not None and own is not None and person.user_id == own:
        raise RuleBroken("Nobody decides this about himself or herself. Ask a colleague.", field="person_id")


def place_order(session: Session, **values: Any) -> TrainingOrder:
    """Order training for a person from now on. Raises RuleBroken for a day that has passed."""
    now = current().now()
    if values["due_on"] < now.date():
        raise RuleBroken("The due day has passed already. Choose a day to come.", field="due_on")
    values["source"] = values.get("source") or ""
    return record_fact(session, TrainingOrder, placed_at=now, **values)


def revoke(session: Session, **values: Any) -> Revocation:
    """Take a person's qualification on an item away from now on."""
    return record_fact(session, Revocation, revoked_at=current().now(), **values)


def change_fact(session: Session, fact: Any, reason: str, **changes: Any) -> Any:
    """Restate a fact with other values and reconcile."""
    _check_interval(
        {"starts_at": getattr(fact, "starts_at", None), "ends_at": getattr(fact, "ends_at", None)} | changes
    )
    restated = facts.restate(session, fact, reason, **changes)
    _reconcile(session, restated)
    return restated


def withdraw(session: Session, fact: Any, reason: str) -> None:
    """Withdraw any of these facts with a reason, and reconcile."""
    facts.withdraw(session, fact, reason)
    _reconcile(session, fact)


def record_training(session: Session, **values: Any) -> Completion:
    """Record training that took place elsewhere: a class, an observation, a certificate.

    Raises RuleBroken for a version of another item, for a day to come, and when somebody evaluates himself or herself
    (21 CFR 211.25(a): qualified individuals train).
    """
    if values["completed_at"] > current().now():
        raise RuleBroken("Training cannot be recorded before it took place. Correct the day.", field="completed_at")
    if values.get("evaluator_id") is not None and values["evaluator_id"] == values["person_id"]:
        raise RuleBroken("Nobody evaluates his or her own training. Choose another evaluator.", field="evaluator_id")
    version = session.get(Version, values["version_id"])
    if version is None or version.item_id != values["item_id"]:
        raise RuleBroken("This version belongs to another item. Choose one of the item's own.", field="version_id")
    if values.get("method") == "ojt":
        _check_trainer(session, values)
    return record_fact(session, Completion, **values)


def _check_trainer(session: Session, values: dict[str, Any]) -> None:
    """On-the-job training needs a trainer who was qualified on the item then (21 CFR 211.25(a), LRN-3)."""
    trainer = values.get("evaluator_id")
    if trainer is None:
        raise RuleBroken(
            "On-the-job training needs the person who trained. Choose the evaluator.", field="evaluator_id"
        )
    answer = may_perform(session, trainer, [values["item_id"]], values["completed_at"])
    if not answer.allowed:
        raise RuleBroken(
            "The evaluator was not qualified on this item on that day, so the training cannot be recorded as "
            "on-the-job training. Choose a qualified evaluator.",
            field="evaluator_id",
        )


def _units(session: Session, unit_ids: Iterable[int]) -> list[Unit]:
    wanted = set(unit_ids)
    if not wanted:
        raise RuleBroken("Say for whom: choose at least one unit.", field="unit_1")
    return list(session.scalars(select(Unit).where(Unit.id.in_(wanted)).order_by(Unit.id)))


def _item(session: Session, item_id: int) -> Item:
    item = session.get(Item, item_id)
    if item is None:
        raise RuleBroken("Choose an item from the list.", field="item_id")
    return item


def _check_terms(values: dict[str, Any]) -> None:
    if values.get("recurrence_months") and values.get("recurrence_fixed"):
        raise RuleBroken("Repeat after months or on a fixed day, not both.", field="recurrence_fixed")
    if values.get("recurrence_months") is not None and not 1 <= values["recurrence_months"] <= 1200:
        raise RuleBroken("Repeat after 1 to 1200 months, or leave it empty.", field="recurrence_months")
    for name in ("days_to_complete", "grace_days", "revision_grace_days"):
        if values.get(name) is not None and values[name] < 0:
            raise RuleBroken("Days cannot be negative.", field=name)
    _check_interval(values)


def _check_interval(values: dict[str, Any]) -> None:
    start, end = values.get("starts_at"), values.get("ends_at")
    if start is not None and end is not None and end <= start:
        raise RuleBroken("The last day lies before the first. Correct one of them.", field="ends_at")


def _attach(session: Session, row: Requirement, unit_ids: Iterable[int]) -> None:
    session.add_all(RequirementUnit(requirement_id=row.id, unit_id=unit) for unit in unit_ids)
    session.flush()


def _reconcile(session: Session, fact: Any) -> None:
    """Reconcile the person and the items whose qualification the fact may have changed."""
    person = getattr(fact, "person_id", None)
    items = {fact.item_id}
    if person is not None:
        counts_for = select(Equivalence.item_id).where(Equivalence.counting_item_id == fact.item_id)
        items |= set(session.scalars(counts_for))
    people = None if person is None else [person]
    reconcile(session, people=people, items=items, trigger=TRIGGERS[type(fact)], source=_source(fact))


def _source(fact: Any) -> str | None:
    if isinstance(fact, TrainingOrder) and fact.source:
        return fact.source
    return f"{type(fact).__name__} {fact.id}"
