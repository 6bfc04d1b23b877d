"""The training record of one person: what is required, what was trained, where he or she belonged (RPT-1)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.domain.errors import BadInput
from app.domain.text import Phrase
from app.models.documents import Item, Version
from app.models.matrix import COMPLETION_METHODS, RESULTS, Completion, Exemption
from app.models.organization import UNIT_KINDS, Unit
from app.models.people import LEAVE_KINDS, Employment, Leave, Membership, Person
from app.models.signing import Signature
from app.reports import compliance
from app.reports.compliance import Question
from app.reports.tables import Column, Report, Section
from app.reports.words import STATUSES
from app.safeguards.context import current


def columns(*titles: Phrase) -> tuple[Column, ...]:
    """Return columns as wide as their content."""
    return tuple(Column(title) for title in titles)


def training_record(session: Session, question: Question) -> Report:
    """Return everything about one person's training as of an instant. Raises BadInput without a person."""
    if not question.person:
        raise BadInput("Name the person whose record is wanted.", field="person")
    number = compliance.narrowed(session, question)["people"][0]
    person = session.get_one(Person, number)
    at = question.at or current().now()
    known = question.known_at or current().now()
    return Report(
        Phrase("Training record of %(name)s", name=f"{person.name} ({person.employee_no})"),
        (
            _obligations(session, question),
            _training(session, person, at, known),
            _intervals(session, person, known),
        ),
        filters=tuple(compliance.filters_of(question)),
        as_of=at,
        known_at=question.known_at,
        file_name=f"training-record-{person.employee_no}",
    )


def _obligations(session: Session, question: Question) -> Section:
    rows = [
        (
            row.item,
            row.title,
            row.required_version,
            STATUSES[row.status],
            row.due_on,
            row.completed_on,
            row.completed_version,
            row.good_through,
            row.explanation,
        )
        for row in compliance.ask(session, question)
    ]
    titles = columns(
        Phrase("Item"),
        Phrase("Title"),
        Phrase("Version in force"),
        Phrase("Status"),
        Phrase("Due"),
        Phrase("Completed"),
        Phrase("Version completed"),
        Phrase("Good through"),
    )
    return Section(Phrase("Qualifications"), (*titles, Column(Phrase("Why"), 0.28)), rows)


def _training(session: Session, person: Person, at: datetime, known: datetime) -> Section:
    """Every training on record then, withdrawn ones with their reason, the latest first."""
    evaluator: Any = aliased(Person)
    query = (
        select(Completion, Item.code, Item.title, Version.label, evaluator.name, Signature.printed_name)
        .join(Item, Completion.item_id == Item.id)
        .join(Version, Completion.version_id == Version.id)
        .outerjoin(evaluator, Completion.evaluator_id == evaluator.id)
        .outerjoin(Signature, Completion.signature_id == Signature.id)
        .where(Completion.person_id == person.id, Completion.completed_at <= at, Completion.recorded_at <= known)
        .order_by(Completion.completed_at.desc(), Completion.id.desc())
    )
    rows = [
        (
            one.completed_at,
            code,
            title,
            label,
            COMPLETION_METHODS.get(one.method, one.method),
            RESULTS.get(one.result, one.result),
            one.score,
            trainer,
            one.language,
            signer,
            one.recorded_at,
            one.origin,
            one.void_reason if one.voided_at <= known else None,
        )
        for one, code, title, label, trainer, signer in session.execute(query)
    ]
    titles = columns(
        Phrase("Completed"),
        Phrase("Item"),
        Phrase("Title"),
        Phrase("Version"),
        Phrase("Method"),
        Phrase("Result"),
        Phrase("Score"),
        Phrase("Evaluator"),
        Phrase("Language"),
        Phrase("Signed by"),
        Phrase("Recorded"),
        Phrase("Origin"),
        Phrase("Withdrawn because"),
    )
    return Section(Phrase("Training"), titles, rows)


def _intervals(session: Session, person: Person, known: datetime) -> Section:
    titles = columns(Phrase("Kind"), Phrase("What"), Phrase("From"), Phrase("To"))
    rows = sorted(_spans(session, person, known), key=lambda row: row[2])
    return Section(Phrase("Employment, memberships, absences"), titles, rows)


def _spans(session: Session, person: Person, known: datetime) -> Iterator[tuple[Any, ...]]:
    for one in session.scalars(_held(Employment, person, known)):
        yield Phrase("Employment"), "", one.starts_at, one.ends_at
    query = _held(Membership, person, known).join(Unit, Membership.unit_id == Unit.id).add_columns(Unit.kind, Unit.name)
    for one, kind, name in session.execute(query):
        yield UNIT_KINDS[kind], name, one.starts_at, one.ends_at
    for one in session.scalars(_held(Leave, person, known)):
        yield Phrase("Leave"), LEAVE_KINDS.get(one.kind, one.kind), one.starts_at, one.ends_at
    query = _held(Exemption, person, known).join(Item, Exemption.item_id == Item.id).add_columns(Item.code)
    for one, code in session.execute(query):
        yield Phrase("Exemption"), f"{code}: {one.reason}", one.starts_at, one.ends_at


def _held(model: Any, person: Person, known: datetime) -> Any:
    return select(model).where(model.person_id == person.id, model.recorded_at <= known, model.voided_at > known)
