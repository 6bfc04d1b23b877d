"""Read and understood: the page that is open, the seconds it was looked at, the signature, the completion (LRN-1)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotAllowed, NotFound, RuleBroken
from app.domain.textdiff import Line
from app.models.base import FOREVER
from app.models.documents import Item, Version
from app.models.learning import ReadingSession
from app.models.matrix import Assignment, Completion
from app.models.people import Person
from app.models.signing import Signature
from app.safeguards.context import current
from app.services import documents, facts, reconciler, shown, versions

LONGEST_STEP = timedelta(seconds=60)
"""The page reports every 20 seconds while it is visible; a longer silence counts as looked away."""

RESUME_WITHIN = timedelta(hours=8)
"""A reading that was interrupted goes on counting within this time; later a new one begins."""

TRAINABLE = frozenset({"approved", "effective"})
READ_PROOFS = frozenset({"read", "notice", "none"})


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the read-and-sign page shows: the version, why it is to be read, what changed since the last training."""

    version: Version
    assignment: Assignment | None
    compared_with: Version | None
    changes: list[Line]
    done: Completion | None


def lesson(session: Session, version_id: int) -> Lesson:
    """Return what the current person needs to read ``version_id``. Raises NotFound or NotAllowed."""
    person = documents.myself(session)
    version = documents.readable(session, version_id)
    before = versions.last_trained_version(session, person.id, version)
    return Lesson(
        version=version,
        assignment=open_assignment(session, person.id, version.item_id),
        compared_with=before,
        changes=versions.changes_between(before, version) if before is not None else [],
        done=completion_of(session, person.id, version.id),
    )


def open_assignment(session: Session, person_id: int, item_id: int) -> Assignment | None:
    """Return the open assignment of a person for an item; there is never more than one."""
    query = select(Assignment).where(
        Assignment.person_id == person_id, Assignment.item_id == item_id, Assignment.state == "open"
    )
    return session.scalar(query)


def completion_of(session: Session, person_id: int, version_id: int) -> Completion | None:
    """Return the last passed training of a person on a version, if it was not withdrawn."""
    query = select(Completion).where(
        Completion.person_id == person_id, Completion.version_id == version_id, Completion.result == "passed",
        Completion.voided_at == FOREVER,
    )  # fmt: skip
    return session.scalars(query.order_by(Completion.completed_at.desc(), Completion.id.desc())).first()


# --- time spent ------------------------------------------------------------------------------------------------------


def open_reading(session: Session, version: Version) -> ReadingSession:
    """Begin to count, or go on counting, the time that the current person looks at a version."""
    person, now = documents.myself(session), current().now()
    query = select(ReadingSession).where(
        ReadingSession.person_id == person.id, ReadingSession.version_id == version.id,
        ReadingSession.last_seen_at > now - RESUME_WITHIN,
    )  # fmt: skip
    reading = session.scalars(query.order_by(ReadingSession.id.desc())).first()
    done = completion_of(session, person.id, version.id)
    if reading is None or (done is not None and done.recorded_at > reading.opened_at):
        reading = ReadingSession(person_id=person.id, version_id=version.id, opened_at=now, last_seen_at=now, seconds=0)
        session.add(reading)
    reading.last_seen_at = now
    session.flush()
    return reading


def heartbeat(session: Session, reading_id: int, reported: int) -> int:
    """Count ``reported`` seconds in view, but never more than passed by the server's clock; return the sum so far.

    A long silence counts for ``LONGEST_STEP`` at most: a page left open overnight is not a night of study. Raises
    NotFound for a reading of somebody else.
    """
    person, now = documents.myself(session), current().now()
    reading = session.get(ReadingSession, reading_id, with_for_update=True, populate_existing=True)
    if reading is None or reading.person_id != person.id:
        raise NotFound("There is no such reading.")
    passed = min(max(now - reading.last_seen_at, timedelta()), LONGEST_STEP)
    reading.seconds += max(0, min(reported, round(passed.total_seconds())))
    reading.last_seen_at = now
    session.flush()
    return reading.seconds


def seconds_spent(session: Session, person_id: int, version: Version) -> int:
    """Return the seconds that a person looked at a version since his or her last training on it."""
    done = completion_of(session, person_id, version.id)
    query = select(ReadingSession).where(ReadingSession.person_id == person_id, ReadingSession.version_id == version.id)
    readings = session.scalars(query)
    return sum(one.seconds for one in readings if done is None or one.opened_at > done.recorded_at)


# --- signing ---------------------------------------------------------------------------------------------------------


@shown.circumstances_of("versions", "read")
def who_reads(session: Session, version: Version) -> dict[str, Any]:
    """Bind the signature to the reader, the reason for the training and the version that changes are shown against."""
    person = documents.myself(session)
    assignment = open_assignment(session, person.id, version.item_id)
    before = versions.last_trained_version(session, person.id, version)
    return {
        "employee_no": person.employee_no,
        "name": person.name,
        "assigned_because_of": assignment.trigger if assignment is not None else None,
        "changes_shown_since": before.label if before is not None else None,
    }


def ensure_by_reading(session: Session, person: Person, version: Version) -> None:
    """Refuse to sign what is not open for training, or what reading alone does not prove. Raises RuleBroken."""
    if version.state not in TRAINABLE:
        raise RuleBroken("Version %(label)s is not open for training.", label=version.label)
    assignment = open_assignment(session, person.id, version.item_id)
    if assignment is not None and assignment.proof not in READ_PROOFS:
        raise RuleBroken(
            "Reading alone does not prove this training. Read it, then see your trainer, who records the rest."
        )


def complete_reading(session: Session, version: Version, signature: Signature) -> Completion:
    """Turn the signature of the current person into the fact of training, and let the assignments follow.

    The same signature again returns the same completion. Raises RuleBroken or NotAllowed; the caller commits.
    """
    person = documents.myself(session)
    if (signature.record_type, signature.record_id, signature.meaning) != (
        "versions", version.id, "read_and_understood",
    ) or signature.signer_id != person.user_id:  # fmt: skip
        raise NotAllowed("The signature does not belong to this training. Sign it again.")
    known = session.scalar(select(Completion).where(Completion.signature_id == signature.id))
    if known is not None:
        return known
    ensure_by_reading(session, person, version)
    completion = facts.record(
        session, Completion, person_id=person.id, item_id=version.item_id, version_id=version.id,
        client_id=version.client_id, completed_at=current().now(), method="read", result="passed",
        language=person.languages.split(";")[0].strip() or None, origin="read and understood",
        seconds_spent=seconds_spent(session, person.id, version), signature_id=signature.id,
    )  # fmt: skip
    reconciler.reconcile(
        session, people=[person.id], items=[version.item_id], trigger="manual",
        source=f"{version.item.code} v{version.label}",
    )  # fmt: skip
    return completion


def next_to_do(session: Session, person_id: int) -> Assignment | None:
    """Return the open assignment of a person that is due first."""
    query = (
        select(Assignment).join(Item, Item.id == Assignment.item_id)
        .where(Assignment.person_id == person_id, Assignment.state == "open")
        .order_by(Assignment.due_at.is_(None), Assignment.due_at, Item.code)
    )  # fmt: skip
    return session.scalars(query).first()
