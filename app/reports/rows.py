"""The rows of the training matrix as they stood: who needs what, how often, by which proof (RPT-1, MTX-2)."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.domain.text import Phrase
from app.models.documents import Item
from app.models.matrix import PROOFS, Requirement, RequirementUnit
from app.models.organization import UNIT_KINDS
from app.reports import compliance
from app.reports.compliance import Question
from app.reports.people import columns
from app.reports.tables import Report, Section
from app.safeguards.context import current


def _matrix_line(row: Requirement) -> tuple[Any, ...]:
    return (
        row.item.code,
        row.item.title,
        " + ".join(f"{UNIT_KINDS[one.unit.kind]}: {one.unit.code}" for one in row.units),
        row.framework,
        PROOFS.get(row.proof, row.proof),
        row.recurrence_months,
        row.recurrence_fixed,
        row.days_to_complete,
        row.grace_days,
        row.revision_grace_days,
        row.starts_at,
        row.ends_at,
    )


def matrix_rows(session: Session, question: Question) -> Report:
    """Return the matrix rows that held at an instant, as they were known then or are known now."""
    now = current().now()
    at, known = question.at or now, question.known_at or now
    asked = compliance.narrowed(session, question)
    query = (
        select(Requirement)
        .join(Item, Requirement.item_id == Item.id)
        .options(selectinload(Requirement.units).joinedload(RequirementUnit.unit), selectinload(Requirement.item))
        .where(
            Requirement.starts_at <= at,
            Requirement.ends_at > at,
            Requirement.recorded_at <= known,
            Requirement.voided_at > known,
        )
        .order_by(Item.code, Requirement.id)
    )
    if asked["items"] is not None:
        query = query.where(Requirement.item_id.in_(asked["items"]))
    if asked["client_id"] is not None:
        query = query.where(Requirement.client_id == asked["client_id"])
    wanted = set(asked["unit_ids"])
    rows = [_matrix_line(row) for row in session.scalars(query) if wanted <= {one.unit_id for one in row.units}]
    titles = columns(
        Phrase("Item"),
        Phrase("Title"),
        Phrase("Who holds all of"),
        Phrase("Framework"),
        Phrase("Proof"),
        Phrase("Repeat (months)"),
        Phrase("Repeat on"),
        Phrase("Days"),
        Phrase("Grace"),
        Phrase("Grace after revision"),
        Phrase("From"),
        Phrase("To"),
    )
    return Report(
        Phrase("Rows of the training matrix"),
        (Section(Phrase("Rows"), titles, rows),),
        filters=tuple(compliance.filters_of(question)),
        as_of=at,
        known_at=question.known_at,
        file_name="matrix-rows",
    )
