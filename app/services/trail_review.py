"""Reading the trail, and its periodic review as a signed task (AUD-4, Annex 11 clause 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.signing import Signature
from app.models.trail import AuditEntry, TrailReview
from app.safeguards.checkpoints import seal
from app.safeguards.context import current

COUNTED = 10_000
"""So many entries are counted; a page does not need to know how many more there are."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are asked for. ``text`` is looked for in reason, name and values; times are half-open."""

    username: str | None = None
    table: str | None = None
    record_id: str | None = None
    kind: str | None = None
    text: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def matching(wanted: Wanted) -> Select[Any]:
    """Return the query for the entries asked for, the newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc())
    for column, value in (
        (AuditEntry.username, wanted.username),
        (AuditEntry.table_name, wanted.table),
        (AuditEntry.record_id, wanted.record_id),
        (AuditEntry.kind, wanted.kind),
    ):
        if value:
            query = query.where(column == value)
    if wanted.starts_at is not None:
        query = query.where(AuditEntry.at >= wanted.starts_at)
    if wanted.ends_at is not None:
        query = query.where(AuditEntry.at < wanted.ends_at)
    if wanted.text:
        texts = (AuditEntry.reason, AuditEntry.printed_name, AuditEntry.before, AuditEntry.after)
        query = query.where(or_(*(column.icontains(wanted.text, autoescape=True) for column in texts)))
    return query


def page_of(session: Session, wanted: Wanted, page: int, size: int) -> tuple[Sequence[AuditEntry], int]:
    """Return one page of entries, counted from 0, and how many there are (at most ``COUNTED``)."""
    query = matching(wanted)
    inner = query.order_by(None).with_only_columns(AuditEntry.id).limit(COUNTED).subquery()
    count = session.scalar(select(func.count()).select_from(inner)) or 0
    return list(session.scalars(query.limit(size).offset(page * size))), count


def people(session: Session) -> list[str]:
    """Return the names under which somebody acted, by name."""
    return list(session.scalars(select(AuditEntry.username).distinct().order_by(AuditEntry.username)))


def tables(session: Session) -> list[str]:
    """Return the kinds of records that are on the trail, by table name."""
    query = select(AuditEntry.table_name).where(AuditEntry.table_name.is_not(None)).distinct()
    return sorted(name for name in session.scalars(query) if name)


def reviews(session: Session) -> list[tuple[TrailReview, Signature | None]]:
    """Return the reviews with their signatures, the newest first."""
    query = (
        select(TrailReview, Signature)
        .outerjoin(
            Signature, (Signature.record_type == TrailReview.__tablename__) & (Signature.record_id == TrailReview.id)
        )
        .order_by(TrailReview.id.desc())
    )
    return [(review, signature) for review, signature in session.execute(query)]


def reviewed_until(session: Session) -> datetime:
    """Return the end of the last signed review; before the first one, the beginning of time."""
    return max((review.ends_at for review, signature in reviews(session) if signature is not None), default=BEGINNING)


def begin_review(session: Session, starts_at: datetime, ends_at: datetime, conclusion: str) -> TrailReview:
    """Write down a review of the entries of ``[starts_at, ends_at)``; it counts once it is signed.

    Raises RuleBroken for an empty conclusion, and for a period that is empty or not over yet.
    """
    now = current().now()
    if not conclusion.strip():
        raise RuleBroken("Say what the review found and what follows from it.", field="conclusion")
    if not starts_at < ends_at <= now:
        raise RuleBroken("The period ends after it begins, and not in the future.", field="ends_on")
    within = (AuditEntry.at >= starts_at, AuditEntry.at < ends_at)
    first, last, count = session.execute(
        select(func.min(AuditEntry.id), func.max(AuditEntry.id), func.count()).where(*within)
    ).one()
    counts = session.execute(
        select(AuditEntry.kind, func.count()).where(*within).group_by(AuditEntry.kind).order_by(AuditEntry.kind)
    )
    review = TrailReview(
        starts_at=starts_at, ends_at=ends_at, first_entry=first, last_entry=last, entries=count,
        kinds=", ".join(f"{kind}: {number}" for kind, number in counts), conclusion=conclusion.strip(),
        seal=seal(session), made_at=now,
    )  # fmt: skip
    session.add(review)
    session.flush()
    return review
