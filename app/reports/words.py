"""The words that reports share: statuses, and the frame that says how a report came about."""

from dataclasses import replace

from sqlalchemy.orm import Session

from app.domain import compliance as rule
from app.domain.text import Phrase
from app.reports.tables import Report
from app.safeguards.checkpoints import seal
from app.safeguards.context import current

STATUSES = {
    rule.QUALIFIED: Phrase("Qualified"),
    rule.DUE_SOON: Phrase("Due soon"),
    rule.ASSIGNED: Phrase("Assigned"),
    rule.OVERDUE: Phrase("Overdue"),
    rule.EXPIRED: Phrase("Expired"),
    rule.EXEMPT: Phrase("Exempt"),
    rule.ON_LEAVE: Phrase("On leave"),
    rule.NOT_REQUIRED: Phrase("Not required"),
}


def framed(session: Session, report: Report, company: str = "") -> Report:
    """Return the report with when and by whom it was produced, the reader's zone, and the head of the audit trail."""
    context = current()
    return replace(
        report,
        produced_at=context.now(),
        produced_by=f"{context.printed_name} ({context.username})",
        zone=context.zone,
        company=company,
        trail_head=seal(session),
    )
