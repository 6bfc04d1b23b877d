"""How a fact is recorded, withdrawn and restated: the one place that knows.

A fact is never edited. Ending a membership, moving a date, correcting a result: each withdraws the old row at an
instant with a reason, and records a new row from that instant that names the old one in ``replaces_id``. So what was
known at any past instant can still be asked for (docs/compliance.md, AS KNOWN AT).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.base import FOREVER, Fact
from app.safeguards import bulk, context

AnyFact = TypeVar("AnyFact", bound=Fact)

OWN_COLUMNS = frozenset(
    {"id", "row_version", "recorded_at", "voided_at", "void_reason", "replaces_id", "evidence_id", "evidence_place"}
)
"""What belongs to one statement of a fact and is not carried over to its restatement."""


def record(session: Session, model: type[AnyFact], **values: Any) -> AnyFact:
    """Record a new fact, known from now on. Returns it with its id."""
    make: Callable[..., AnyFact] = model
    fact = make(recorded_at=context.current().now(), **values)
    session.add(fact)
    session.flush()
    return fact


def withdraw(session: Session, fact: Fact, reason: str) -> None:
    """Withdraw a fact from now on. Raises RuleBroken without a reason, or when it is withdrawn already."""
    if not reason.strip():
        raise RuleBroken("Say why this is withdrawn.", field="reason")
    if fact.voided_at < FOREVER:
        raise RuleBroken("This was withdrawn before. Look at its restatement.")
    fact.voided_at = context.current().now()
    fact.void_reason = reason
    session.flush()


def restate(session: Session, fact: AnyFact, reason: str, **changes: Any) -> AnyFact:
    """Withdraw ``fact`` and record it anew with ``changes``. Returns the new row."""
    withdraw(session, fact, reason)
    values = {
        column.key: getattr(fact, column.key)
        for column in inspect(type(fact)).column_attrs
        if column.key not in OWN_COLUMNS
    }
    make: Callable[..., AnyFact] = type(fact)
    restated = make(recorded_at=fact.voided_at, replaces_id=_id(fact), **(values | changes))
    session.add(restated)
    session.flush()
    return restated


def _id(fact: Fact) -> int:
    return int(fact.id)  # type: ignore[attr-defined]


def record_many(session: Session, model: type[Fact], rows: Sequence[dict[str, Any]], at: datetime) -> list[int]:
    """Record many facts of one kind, known from ``at`` on. Returns their ids in the order of ``rows``."""
    if not rows:
        return []
    return bulk.insert_many(session, model, [_complete(row, at) for row in rows])


def _complete(row: dict[str, Any], at: datetime) -> dict[str, Any]:
    row["recorded_at"] = at
    row.setdefault("voided_at", FOREVER)
    return row


def withdraw_many(session: Session, model: type[Fact], ids: Sequence[int], reason: str, at: datetime) -> None:
    """Withdraw many facts of one kind at the instant ``at``."""
    if ids:
        bulk.update_many(session, model, [{"id": one, "voided_at": at, "void_reason": reason} for one in ids])


def restate_many(
    session: Session, model: type[Fact], pairs: Sequence[tuple[int, dict[str, Any]]], reason: str, at: datetime
) -> list[int]:
    """Withdraw each fact named by id and record the complete new row beside it. Returns the new ids, in order."""
    withdraw_many(session, model, [old for old, _ in pairs], reason, at)
    return record_many(session, model, [{**row, "replaces_id": old} for old, row in pairs], at)
