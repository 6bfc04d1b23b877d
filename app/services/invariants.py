"""What must always hold, whatever was killed, retried or run twice: ``qualgate check`` (PART 11: T-GATE).

The trail proves that nothing was changed behind the application's back; this proves that the application itself left
nothing half-done and did nothing twice. Each rule is one question to the database; nothing is written.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from app.domain.dates import FOREVER
from app.domain.errors import RuleBroken
from app.domain.lifecycles import LIFECYCLES
from app.domain.text import Phrase
from app.models.documents import Item, Release, Retirement, Verdict, Version
from app.models.files import StoredFile
from app.models.matrix import (
    Assignment,
    Completion,
    Equivalence,
    Exemption,
    Extension,
    Requirement,
    RequirementUnit,
    Revocation,
    TrainingOrder,
)
from app.models.people import Employment, Leave, Membership
from app.models.signing import Signature, Transition
from app.services import files, reconciler

FACTS: tuple[Any, ...] = (
    *(Employment, Membership, Leave, Requirement, Completion, Exemption, Equivalence, Extension, Revocation),
    *(TrainingOrder, Release, Retirement, Verdict),
)
DATED: tuple[Any, ...] = (Employment, Membership, Leave, Requirement, Exemption, Equivalence)
ONCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Employment, ("person_id", "starts_at")),
    (Membership, ("person_id", "unit_id", "starts_at", "ends_at")),
    (Completion, ("person_id", "version_id", "completed_at", "method", "result", "signature_id", "evidence_place")),
    (Release, ("version_id",)),
    (Verdict, ("version_id", "function_id")),
    (Retirement, ("item_id",)),
)
"""Facts that hold at most once at a time, by these columns."""


class Violation(NamedTuple):
    """A rule that does not hold, and where."""

    rule: str
    what: Phrase


def violations(session: Session, *, read_files: bool = False) -> list[Violation]:
    """Return everything that does not hold. ``read_files`` reads every stored file and checks its SHA-256 as well.

    Nothing stays written: the reconciler runs in a savepoint that is rolled back.
    """
    found: list[Violation] = []
    for name, rule in RULES.items():
        found += [Violation(name, what) for what in rule(session)]
    found += [Violation("files", what) for what in _files(session, read_files)]
    return found


def _required_is_assigned(session: Session) -> Iterator[Phrase]:
    """The open assignments are what the facts require: another reconciliation has nothing to do."""
    savepoint = session.begin_nested()
    changes = reconciler.reconcile(session).as_json()
    savepoint.rollback()
    for what, number in changes.items():
        if number:
            yield Phrase("%(number)s assignments would be %(what)s by reconciling.", number=number, what=what)


def _one_version_in_force(session: Session) -> Iterator[Phrase]:
    query = (
        select(Item.code, func.count())
        .join(Version, Version.item_id == Item.id)
        .where(Version.state == "effective")
        .group_by(Item.code)
        .having(func.count() > 1)
    )
    for code, number in session.execute(query):
        yield Phrase("%(item)s has %(number)s effective versions.", item=code, number=number)


def _effective_is_released(session: Session) -> Iterator[Phrase]:
    released = select(Release.id).where(Release.version_id == Version.id, Release.voided_at == FOREVER).exists()
    query = (
        select(Item.code, Version.label)
        .join(Item, Version.item_id == Item.id)
        .where(Version.state.in_(("effective", "superseded")), ~released)
    )
    for code, label in session.execute(query):
        yield Phrase("%(item)s version %(label)s took effect without a release.", item=code, label=label)


def _steps_are_signed(session: Session) -> Iterator[Phrase]:
    """Every step that needs a signature has one, of the same record (21 CFR 11.70)."""
    for record_type, lifecycle in LIFECYCLES.items():
        signed = [step.name for step in lifecycle.steps if step.meaning is not None]
        query = (
            select(Transition.record_id, Transition.name)
            .outerjoin(Signature, Transition.signature_id == Signature.id)
            .where(
                Transition.record_type == record_type,
                Transition.name.in_(signed),
                (Signature.id.is_(None)) | (Signature.record_id != Transition.record_id),
            )
        )
        for record, name in session.execute(query):
            yield Phrase(
                "Step %(name)s of %(kind)s %(id)s lacks its signature.", name=name, kind=record_type, id=record
            )


def _completions_fit(session: Session) -> Iterator[Phrase]:
    query = (
        select(Completion.id)
        .join(Version, Completion.version_id == Version.id)
        .where(Version.item_id != Completion.item_id)
    )
    for one in session.scalars(query):
        yield Phrase("Completion %(id)s is of a version of another item.", id=one)
    query = (
        select(Assignment.id)
        .outerjoin(Completion, Assignment.completion_id == Completion.id)
        .where(Assignment.state == "completed", Completion.id.is_(None))
    )
    for one in session.scalars(query):
        yield Phrase("Assignment %(id)s is completed by nothing.", id=one)


def _intervals_run_forward(session: Session) -> Iterator[Phrase]:
    for model in FACTS:
        wrong: ColumnElement[bool] = model.voided_at < model.recorded_at
        if model in DATED:
            wrong = wrong | (model.ends_at <= model.starts_at)
        for one in session.scalars(select(model.id).where(wrong)):
            yield Phrase("%(kind)s %(id)s ends before it starts.", kind=model.__tablename__, id=one)


def _restated_is_withdrawn(session: Session) -> Iterator[Phrase]:
    for model in FACTS:
        old: Any = aliased(model)
        query = (
            select(model.id)
            .outerjoin(old, model.replaces_id == old.id)
            .where(model.replaces_id.is_not(None), (old.id.is_(None)) | (old.voided_at > model.recorded_at))
        )
        for one in session.scalars(query):
            yield Phrase("%(kind)s %(id)s restates a fact that still holds.", kind=model.__tablename__, id=one)


def _nothing_twice(session: Session) -> Iterator[Phrase]:
    for model, names in ONCE:
        columns = [getattr(model, name) for name in names]
        query = (
            select(func.min(model.id), func.count())
            .where(model.voided_at == FOREVER)
            .group_by(*columns)
            .having(func.count() > 1)
        )
        for one, number in session.execute(query):
            yield Phrase("%(kind)s %(id)s is recorded %(n)s times.", kind=model.__tablename__, id=one, n=number)


def _rows_have_units(session: Session) -> Iterator[Phrase]:
    units = select(RequirementUnit.id).where(RequirementUnit.requirement_id == Requirement.id).exists()
    for one in session.scalars(select(Requirement.id).where(~units)):
        yield Phrase("Matrix row %(id)s names no unit.", id=one)


def _files(session: Session, read: bool) -> Iterator[Phrase]:
    store = files.the_store()
    for file in session.scalars(select(StoredFile)):
        if not store.exists(file.sha256):
            yield Phrase("The file with the SHA-256 %(digest)s is missing.", digest=file.sha256)
        elif read and not _intact(file):
            yield Phrase("The file with the SHA-256 %(digest)s was altered.", digest=file.sha256)


def _intact(file: StoredFile) -> bool:
    try:
        files.read(file)
    except RuleBroken:
        return False
    return True


RULES: dict[str, Callable[[Session], Iterator[Phrase]]] = {
    "required-is-assigned": _required_is_assigned,
    "one-version-in-force": _one_version_in_force,
    "effective-is-released": _effective_is_released,
    "steps-are-signed": _steps_are_signed,
    "completions-fit": _completions_fit,
    "intervals-run-forward": _intervals_run_forward,
    "restated-is-withdrawn": _restated_is_withdrawn,
    "nothing-twice": _nothing_twice,
    "rows-have-units": _rows_have_units,
}
"""Name → rule, in the order in which they are asked."""
